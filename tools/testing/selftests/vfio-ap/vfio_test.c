// SPDX-License-Identifier: GPL-2.0
/* The VFIO device: behaviour rows A.5, E.15 (what 6.1 has of it). */
#include <errno.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "lib/guest_fixture.h"

static int ioctl_errno(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? -errno : 0;
}

TEST_F(guest, open_wants_a_kvm)
{
	struct vfio vfio;

	ASSERT_EQ(0, mdev_create(UUID2));
	EXPECT_EQ(-EINVAL, vfio_open(&vfio, NULL, UUID2));
	vfio_close(&vfio);
	EXPECT_EQ(0, mdev_remove(UUID2));
}

TEST_F(guest, info_tells_ap_and_reset)
{
	struct vfio_device_info info = { .argsz = 16 };
	struct vfio_device_info short_info = { .argsz = 15 };

	EXPECT_EQ(-EINVAL, ioctl_errno(self->vfio.device, VFIO_DEVICE_GET_INFO, &short_info));
	EXPECT_EQ(-EFAULT, ioctl_errno(self->vfio.device, VFIO_DEVICE_GET_INFO, (void *)16));
	ASSERT_EQ(0, ioctl_errno(self->vfio.device, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_EQ(VFIO_DEVICE_FLAGS_AP | VFIO_DEVICE_FLAGS_RESET, info.flags);
	EXPECT_EQ(0, info.num_regions);
	EXPECT_EQ(0, info.num_irqs);
	info.argsz = 4096;
	EXPECT_EQ(0, ioctl_errno(self->vfio.device, VFIO_DEVICE_GET_INFO, &info));
}

/* Nothing is written behind what a caller of 6.1 has room for. */
TEST_F(guest, info_that_cannot_be_written_is_a_fault)
{
	struct vfio_device_info *info = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
					     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *end = (char *)info + offsetof(struct vfio_device_info, num_irqs) + sizeof(__u32);

	ASSERT_NE(MAP_FAILED, info);
	info->argsz = end - (char *)info;
	*end = 0x55;
	EXPECT_EQ(0, ioctl_errno(self->vfio.device, VFIO_DEVICE_GET_INFO, info));
	EXPECT_EQ(0x55, *end);
	ASSERT_EQ(0, mprotect(info, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, ioctl_errno(self->vfio.device, VFIO_DEVICE_GET_INFO, info));
	munmap(info, 4096);
}

static bool attributes_are_gone(void *data)
{
	return mdev_read(UUID1, "matrix", data, 64) < 0;
}

/* A.2: the mdev goes when its device is closed; what can be written to it, at once. */
TEST_F(guest, mdev_in_use_is_removed_when_it_is_closed)
{
	struct writer writer;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
	writer_start(&writer, UUID1, "remove", "1");
	EXPECT_EQ(0, until(attributes_are_gone, self->text));
	EXPECT_TRUE(writer_waits(&writer));
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004"));
	vfio_close(&self->vfio);
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_NE(0, access(MATRIX UUID1, F_OK));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	EXPECT_TRUE(queue_status(4, 4, "unassigned"));
	ASSERT_EQ(0, mdev_create(UUID1));
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
}

TEST_F(guest, unknown_ioctls_are_not_supported)
{
	EXPECT_EQ(-EOPNOTSUPP, ioctl_errno(self->vfio.device, VFIO_DEVICE_GET_REGION_INFO, NULL));
	EXPECT_EQ(-EOPNOTSUPP, ioctl_errno(self->vfio.device, VFIO_DEVICE_GET_IRQ_INFO, NULL));
}

TEST_F(guest, device_reset_resets_all_and_unplugs_none)
{
	long updates;

	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, 5, 5);
	/* What is not there does not count, and does not end the search. */
	assign(_metadata, UUID1, 1, 1);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004 04.0005 05.0004 05.0005"));
	updates = hwsim_guest_updates(getpid());
	hwsim("reset", "1");
	EXPECT_EQ(0, ioctl_errno(self->vfio.device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(1, hwsim_state(4, 4, "zapq"));
	EXPECT_EQ(1, hwsim_state(5, 5, "zapq"));
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004 04.0005 05.0004 05.0005"));
	EXPECT_EQ(updates, hwsim_guest_updates(getpid()));
}

/* C-9, B-13, B-29: 03 and 04 count as reset. */
TEST_F(guest, device_reset_of_deconfigured_and_checkstopped_queues_succeeds)
{
	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, 5, -1);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004 05.0004"));
	ASSERT_EQ(0, hwsim("deconfigure", "4"));
	ASSERT_EQ(0, hwsim("checkstop", "05.0004"));
	EXPECT_EQ(0, ioctl_errno(self->vfio.device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(3, vm_tapq(&self->vm, 4, 4));
	EXPECT_EQ(4, vm_tapq(&self->vm, 5, 4));
	EXPECT_TRUE(queue_status(4, 4, "in use"));
}

/* C-8: an unknown code after an accepted ZAPQ is no success. */
TEST_F(guest, device_reset_with_an_unknown_code_fails_until_it_is_gone)
{
	long resets;
	int log;

	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, 5, -1);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004 05.0004"));
	/* Each ZAPQ is accepted, each TAPQ fails: nobody else tells of it. */
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 polls 0"));
	ASSERT_EQ(0, hwsim("respond", "04.0004 tapq 30 forever"));
	log = kmsg_open();
	EXPECT_EQ(-EIO, ioctl_errno(self->vfio.device, VFIO_DEVICE_RESET, NULL));
	EXPECT_TRUE(queue_comes_to(4, 4, "assigned"));
	EXPECT_EQ(1, kmsg_lines(log, "last response code 30", self->text, sizeof(self->text)));
	close(log);
	EXPECT_TRUE(queue_status(5, 4, "in use"));
	/* It is tried again, but not without a rest. */
	resets = hwsim_state(4, 4, "zapq");
	usleep(1000000);
	EXPECT_GT(10, hwsim_state(4, 4, "zapq") - resets);
	ASSERT_EQ(0, hwsim("respond", "04.0004 tapq 30 0"));
	EXPECT_TRUE(vm_comes_to_see(&self->vm, "04.0004 05.0004"));
}

/* B-12, B-16: busy and changing queues are asked again. */
TEST_F(guest, device_reset_repeats_what_must_be_repeated)
{
	static const char *const codes[] = { "05", "0a", "35", "36" };
	unsigned int i;
	long resets;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		ASSERT_EQ(0, hwsim("reset_time", "04.0004 polls 0"));
		ASSERT_EQ(0, hwsim("respond", "04.0004 zapq %s 2", codes[i]));
		resets = hwsim_state(4, 4, "zapq");
		ASSERT_EQ(0, hwsim("respond", "04.0004 tapq %s 1", codes[i]));
		EXPECT_EQ(0, ioctl_errno(self->vfio.device, VFIO_DEVICE_RESET, NULL)) {
			TH_LOG("response code %s", codes[i]);
		}
		/* Two that are refused, one whose end is not seen, and the one that counts. */
		EXPECT_EQ(resets + 4, hwsim_state(4, 4, "zapq"));
	}
}

#include "lib/main.h"
