// SPDX-License-Identifier: GPL-2.0
/*
 * The module stays loaded while a guest or hardware may need it. At all other times, it
 * can be unloaded and loaded again, and leaves nothing behind.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/guest_fixture.h"

/*
 * Condition for until(): unload the module. The first attempt may fail, because the AP
 * bus or a work item may still hold a reference to the module.
 */
static bool module_unloaded(void *data)
{
	(void)data;
	return !module_unload();
}

TEST_F(guest, unload_with_open_device)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_EQ(-EAGAIN, module_unload());
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004"));
}

/*
 * The module stays loaded until the reset ends, because hardware may write to the NIB
 * until then.
 */
TEST_F(guest, unload_with_pinned_nib)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	vfio_close(&self->vfio);
	EXPECT_EQ(-EAGAIN, module_unload());
	EXPECT_EQ(1, hwsim_state(4, 4, "held"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	EXPECT_EQ(0, until(module_unloaded, NULL));
	EXPECT_EQ(0, module_load());
	EXPECT_EQ(0, mdev_create(UUID1));
	EXPECT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
}

/* Unloading the module removes unused mdevs, even protected ones, and leaves nothing behind. */
TEST_F(guest, module_reload)
{
	int i;

	vfio_close(&self->vfio);
	for (i = 0; i < 3; i++) {
		assign(_metadata, UUID1, 4, 4);
		EXPECT_TRUE(queue_wait_status(4, 4, "assigned"));
		if (has_feature("protected"))
			ASSERT_EQ(0, mdev_write(UUID1, "protected", "1"));
		ASSERT_EQ(0, until(module_unloaded, NULL));
		EXPECT_FALSE(module_files_exist());
		ASSERT_EQ(0, module_load());
		EXPECT_TRUE(module_files_exist());
		ASSERT_EQ(0, mdev_create(UUID1));
		EXPECT_TRUE(queue_wait_status(4, 4, "unassigned"));
	}
	assign(_metadata, UUID1, 4, 4);
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
}

/*
 * A delayed work item must not run after the module has been unloaded. The AP bus binds
 * queue 04.0004 first and unbinds queues in the reverse order, so this queue is unbound
 * last.
 */
TEST_F(guest, unload_during_reset_retry)
{
	int i;

	vfio_close(&self->vfio);
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 44 forever"));
	ASSERT_EQ(0, until(module_unloaded, NULL));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, module_load());
		ASSERT_TRUE(queue_wait_status(6, 6, "unassigned"));
		ASSERT_EQ(0, until(module_unloaded, NULL));
		/* Wait for twice the driver's retry interval. */
		usleep(1000000);
	}
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 44 0"));
	ASSERT_EQ(0, module_load());
	ASSERT_EQ(0, mdev_create(UUID1));
	assign(_metadata, UUID1, 4, 4);
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
}

static void guest_restart(struct __test_metadata *_metadata, struct vm *vm, struct vfio *vfio)
{
	ASSERT_EQ(0, module_load());
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	ASSERT_EQ(0, mdev_create(UUID1));
	assign(_metadata, UUID1, 4, 4);
	ASSERT_EQ(0, vfio_open(vfio, vm, UUID1));
	EXPECT_TRUE(vm_wait_queues(vm, "04.0004"));
}

/* A reset in progress prevents neither unbinding the queue nor unloading the module. */
TEST_F(guest, unload_during_reset)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	vfio_close(&self->vfio);
	EXPECT_EQ(1, hwsim_state(4, 4, "held"));
	ASSERT_EQ(0, until(module_unloaded, NULL));
	/* Give the driver time to poll the queue again. */
	usleep(1000000);
	EXPECT_EQ(1, hwsim_state(4, 4, "held"));
	guest_restart(_metadata, &self->vm, &self->vfio);
}

/*
 * A reset in progress does not prevent unloading the module, even if the AP bus issued the
 * reset and the driver has not issued one.
 */
TEST_F(guest, unload_during_bus_reset)
{
	vfio_close(&self->vfio);
	ASSERT_EQ(0, queue_unbind(4, 4));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	ASSERT_EQ(0, queue_bind(4, 4));
	EXPECT_EQ(1, hwsim_state(4, 4, "held"));
	ASSERT_EQ(0, until(module_unloaded, NULL));
	EXPECT_FALSE(module_files_exist());
	EXPECT_EQ(1, hwsim_state(4, 4, "held"));
	guest_restart(_metadata, &self->vm, &self->vfio);
}

/* A failed load leaves nothing behind and does not block the next load. */
TEST_F(guest, load_without_qci)
{
	int i;

	vfio_close(&self->vfio);
	ASSERT_EQ(0, until(module_unloaded, NULL));
	ASSERT_EQ(0, hwsim("qci", "0"));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(-EOPNOTSUPP, module_load());
		EXPECT_FALSE(module_files_exist());
	}
	ASSERT_EQ(0, hwsim("qci", "1"));
	EXPECT_EQ(0, module_load());
	ASSERT_EQ(0, mdev_create(UUID1));
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
}

static int module_unload_retry(void)
{
	return until(module_unloaded, NULL);
}

/* Call @act, which loads or unloads the module, in a child process. Its exit status is an errno. */
static pid_t module_start(int (*act)(void))
{
	pid_t pid = fork();

	if (!pid)
		_exit(-act());
	return pid;
}

/* The driver removes the parent device only after all work items have ended. */
TEST_F(guest, workqueues_destroyed_first)
{
	static int (*const acts[])(void) = { module_load, module_unload_retry };
	static const int errnos[] = { EOPNOTSUPP, 0 };
	struct writer writer;
	unsigned int i;

	vfio_close(&self->vfio);
	ASSERT_EQ(0, until(module_unloaded, NULL));
	ASSERT_EQ(0, hwsim("qci", "0"));
	for (i = 0; i < ARRAY_SIZE(acts); i++) {
		ASSERT_EQ(0, hwsim("hold", "destroy_workqueue"));
		writer.pid = module_start(acts[i]);
		EXPECT_TRUE(hwsim_wait_held("destroy_workqueue", 1));
		EXPECT_EQ(0, access("/sys/devices/vfio_ap/matrix", F_OK));
		ASSERT_EQ(0, hwsim("release", "destroy_workqueue"));
		EXPECT_EQ(errnos[i], writer_end(&writer));
		EXPECT_FALSE(module_files_exist());
		ASSERT_EQ(0, hwsim("qci", "1"));
		EXPECT_EQ(0, module_load());
	}
	ASSERT_EQ(0, mdev_create(UUID1));
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
}

/* An interrupted removal's work item must not run after the mdev or the module is gone. */
TEST_F(guest, unload_interrupted_removal)
{
	struct remover remover;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, remover_start(&remover, UUID1, REMOVER_GIVES_UP));
	ASSERT_TRUE(vm_wait_queues(&self->vm, ""));
	ASSERT_EQ(0, remover_signal(&remover));
	EXPECT_EQ(EINTR, remover_end(&remover));
	vfio_close(&self->vfio);
	ASSERT_EQ(0, until(module_unloaded, NULL));
	/* Wait for longer than the timeout of an interrupted removal, which is 10 s. */
	sleep(12);
	ASSERT_EQ(0, module_load());
	ASSERT_EQ(0, mdev_create(UUID1));
	assign(_metadata, UUID1, 4, 4);
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
}

/*
 * vfio_ap must read the host configuration after it has registered with the AP bus,
 * because the AP bus reports changes only to registered drivers.
 */
TEST_F(guest, configuration_change_during_load)
{
	struct writer loader;

	vfio_close(&self->vfio);
	ASSERT_EQ(0, until(module_unloaded, NULL));
	ASSERT_EQ(0, hwsim("hold", "ap_driver_register"));
	loader.pid = module_start(module_load);
	EXPECT_TRUE(hwsim_wait_held("ap_driver_register", 1));
	EXPECT_EQ(0, hwsim("domain_add", "7"));
	EXPECT_EQ(0, bus_scan());
	ASSERT_EQ(0, hwsim("release", "ap_driver_register"));
	ASSERT_EQ(0, writer_end(&loader));
	ASSERT_EQ(0, mdev_create(UUID1));
	assign(_metadata, UUID1, 4, 7);
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0007"));
	/* From now on, the AP bus reports changes to the driver. */
	EXPECT_EQ(0, hwsim("domain_del", "7"));
	EXPECT_EQ(0, bus_scan());
	EXPECT_TRUE(vm_wait_queues(&self->vm, ""));
}

#include "lib/main.h"
