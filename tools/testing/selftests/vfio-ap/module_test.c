// SPDX-License-Identifier: GPL-2.0
/*
 * The life of the module: it stays while a guest or hardware may need it, goes
 * without a trace otherwise, and comes back.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/guest_fixture.h"

/* The bus, or a work item, may have it for a moment. */
static bool module_goes(void *data)
{
	(void)data;
	return !module_unload();
}

TEST_F(guest, unload_with_open_device)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
	EXPECT_EQ(-EAGAIN, module_unload());
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004"));
}

/* Hardware that is still to finish a reset may write to the guest's page. */
TEST_F(guest, unload_with_pinned_nib)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	vfio_close(&self->vfio);
	EXPECT_EQ(-EAGAIN, module_unload());
	EXPECT_EQ(1, hwsim_state(4, 4, "held"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	EXPECT_EQ(0, until(module_goes, NULL));
	EXPECT_EQ(0, module_load());
	EXPECT_EQ(0, mdev_create(UUID1));
	EXPECT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
}

/* Mdevs that nobody uses go with it. B-7, C-19: nothing is left, again and again. */
TEST_F(guest, module_reload)
{
	int i;

	vfio_close(&self->vfio);
	for (i = 0; i < 3; i++) {
		assign(_metadata, UUID1, 4, 4);
		EXPECT_TRUE(queue_comes_to(4, 4, "assigned"));
		ASSERT_EQ(0, until(module_goes, NULL));
		EXPECT_FALSE(module_shows());
		ASSERT_EQ(0, module_load());
		EXPECT_TRUE(module_shows());
		ASSERT_EQ(0, mdev_create(UUID1));
		EXPECT_TRUE(queue_comes_to(4, 4, "unassigned"));
	}
	assign(_metadata, UUID1, 4, 4);
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	EXPECT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
}

/*
 * What still waits for its time must not come when the module has gone. Queue
 * 04.0004 is bound first, so it is the last to be unbound.
 */
TEST_F(guest, unload_during_reset_retry)
{
	int i;

	vfio_close(&self->vfio);
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 44 forever"));
	ASSERT_EQ(0, until(module_goes, NULL));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, module_load());
		ASSERT_TRUE(queue_comes_to(6, 6, "unassigned"));
		ASSERT_EQ(0, until(module_goes, NULL));
		/* Twice as long as the driver lets pass between two tries. */
		usleep(1000000);
	}
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 44 0"));
	ASSERT_EQ(0, module_load());
	ASSERT_EQ(0, mdev_create(UUID1));
	assign(_metadata, UUID1, 4, 4);
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	EXPECT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
}

static void guest_comes_back(struct __test_metadata *_metadata, struct vm *vm, struct vfio *vfio)
{
	ASSERT_EQ(0, module_load());
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	ASSERT_EQ(0, mdev_create(UUID1));
	assign(_metadata, UUID1, 4, 4);
	ASSERT_EQ(0, vfio_open(vfio, vm, UUID1));
	EXPECT_TRUE(vm_comes_to_see(vm, "04.0004"));
}

/* A reset that hardware has not ended keeps a module as little as it keeps a queue. */
TEST_F(guest, unload_during_reset)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	vfio_close(&self->vfio);
	EXPECT_EQ(1, hwsim_state(4, 4, "held"));
	ASSERT_EQ(0, until(module_goes, NULL));
	/* When the driver would have looked again. */
	usleep(1000000);
	EXPECT_EQ(1, hwsim_state(4, 4, "held"));
	guest_comes_back(_metadata, &self->vm, &self->vfio);
}

/* Nor does one that the bus has begun, so that the driver still has its own to do. */
TEST_F(guest, unload_during_bus_reset)
{
	vfio_close(&self->vfio);
	ASSERT_EQ(0, queue_unbind(4, 4));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	ASSERT_EQ(0, queue_bind(4, 4));
	EXPECT_EQ(1, hwsim_state(4, 4, "held"));
	ASSERT_EQ(0, until(module_goes, NULL));
	EXPECT_FALSE(module_shows());
	EXPECT_EQ(1, hwsim_state(4, 4, "held"));
	guest_comes_back(_metadata, &self->vm, &self->vfio);
}

/* C-19: a load that fails leaves nothing, and nothing stands in the way of the next. */
TEST_F(guest, load_without_qci)
{
	int i;

	vfio_close(&self->vfio);
	ASSERT_EQ(0, until(module_goes, NULL));
	ASSERT_EQ(0, hwsim("qci", "0"));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(-EOPNOTSUPP, module_load());
		EXPECT_FALSE(module_shows());
	}
	ASSERT_EQ(0, hwsim("qci", "1"));
	EXPECT_EQ(0, module_load());
	ASSERT_EQ(0, mdev_create(UUID1));
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
}

static int module_unload_soon(void)
{
	return until(module_goes, NULL);
}

/* Load or unload the module in a process of its own, which exits with the errno. */
static pid_t module_start(int (*act)(void))
{
	pid_t pid = fork();

	if (!pid)
		_exit(-act());
	return pid;
}

/* The driver frees its parent device only after its work items have ended. */
TEST_F(guest, workqueues_destroyed_first)
{
	static int (*const acts[])(void) = { module_load, module_unload_soon };
	static const int errnos[] = { EOPNOTSUPP, 0 };
	struct writer writer;
	unsigned int i;

	vfio_close(&self->vfio);
	ASSERT_EQ(0, until(module_goes, NULL));
	ASSERT_EQ(0, hwsim("qci", "0"));
	for (i = 0; i < ARRAY_SIZE(acts); i++) {
		ASSERT_EQ(0, hwsim("hold", "destroy_workqueue"));
		writer.pid = module_start(acts[i]);
		EXPECT_TRUE(hwsim_comes_to_hold("destroy_workqueue", 1));
		EXPECT_EQ(0, access("/sys/devices/vfio_ap/matrix", F_OK));
		ASSERT_EQ(0, hwsim("release", "destroy_workqueue"));
		EXPECT_EQ(errnos[i], writer_end(&writer));
		EXPECT_FALSE(module_shows());
		ASSERT_EQ(0, hwsim("qci", "1"));
		EXPECT_EQ(0, module_load());
	}
	ASSERT_EQ(0, mdev_create(UUID1));
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
}

/* The work item of an interrupted removal does not run after the mdev and the module have gone. */
TEST_F(guest, unload_interrupted_removal)
{
	struct remover remover;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
	ASSERT_EQ(0, remover_start(&remover, UUID1, REMOVER_GIVES_UP));
	ASSERT_TRUE(vm_comes_to_see(&self->vm, ""));
	ASSERT_EQ(0, remover_signal(&remover));
	EXPECT_EQ(EINTR, remover_end(&remover));
	vfio_close(&self->vfio);
	ASSERT_EQ(0, until(module_goes, NULL));
	/* Longer than an interrupted removal lasts. */
	sleep(12);
	ASSERT_EQ(0, module_load());
	ASSERT_EQ(0, mdev_create(UUID1));
	assign(_metadata, UUID1, 4, 4);
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	EXPECT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
}

/*
 * A change of the host's configuration before the registration with the AP bus is not
 * reported to the driver, so the driver must read the configuration after it.
 */
TEST_F(guest, configuration_change_during_load)
{
	struct writer loader;

	vfio_close(&self->vfio);
	ASSERT_EQ(0, until(module_goes, NULL));
	ASSERT_EQ(0, hwsim("hold", "ap_driver_register"));
	loader.pid = module_start(module_load);
	EXPECT_TRUE(hwsim_comes_to_hold("ap_driver_register", 1));
	EXPECT_EQ(0, hwsim("domain_add", "7"));
	EXPECT_EQ(0, bus_scan());
	ASSERT_EQ(0, hwsim("release", "ap_driver_register"));
	ASSERT_EQ(0, writer_end(&loader));
	ASSERT_EQ(0, mdev_create(UUID1));
	assign(_metadata, UUID1, 4, 7);
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	EXPECT_TRUE(vm_comes_to_see(&self->vm, "04.0007"));
	/* From now on, the AP bus reports changes. */
	EXPECT_EQ(0, hwsim("domain_del", "7"));
	EXPECT_EQ(0, bus_scan());
	EXPECT_TRUE(vm_comes_to_see(&self->vm, ""));
}

#include "lib/main.h"
