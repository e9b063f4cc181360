// SPDX-License-Identifier: GPL-2.0
/*
 * The life of the module: it stays while a guest or hardware may need it, goes
 * without a trace otherwise, and comes back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "lib/guest_fixture.h"

#define DBF	"/sys/kernel/debug/s390dbf/vfio_ap"

static int module_unload(void)
{
	/* Its KUnit tests link to it. */
	syscall(SYS_delete_module, "vfio_ap_matrix_test", O_NONBLOCK);
	return syscall(SYS_delete_module, "vfio_ap", O_NONBLOCK) ? -errno : 0;
}

static int module_load(void)
{
	const char *path = getenv("VFIO_AP_MODULE");
	int fd = open(path ?: "/lib/vfio_ap.ko", O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return ret;
}

TEST_F(guest, module_stays_while_a_device_is_open)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
	EXPECT_EQ(-EAGAIN, module_unload());
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004"));
}

static bool module_goes(void *data)
{
	(void)data;
	return !module_unload();
}

/* Hardware that is still to finish a reset may write to the guest's page. */
TEST_F(guest, module_stays_while_hardware_may_interrupt)
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
TEST_F(guest, module_goes_and_comes_back)
{
	int i;

	vfio_close(&self->vfio);
	for (i = 0; i < 3; i++) {
		assign(_metadata, UUID1, 4, 4);
		EXPECT_TRUE(queue_comes_to(4, 4, "assigned"));
		ASSERT_EQ(0, module_unload());
		EXPECT_EQ(-1, access(DBF, F_OK));
		EXPECT_EQ(-1, access("/sys/devices/vfio_ap", F_OK));
		EXPECT_EQ(-1, access("/sys/bus/matrix", F_OK));
		ASSERT_EQ(0, module_load());
		EXPECT_EQ(0, access(DBF, F_OK));
		ASSERT_EQ(0, mdev_create(UUID1));
		EXPECT_TRUE(queue_comes_to(4, 4, "unassigned"));
	}
	assign(_metadata, UUID1, 4, 4);
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	EXPECT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
}

#include "lib/main.h"
