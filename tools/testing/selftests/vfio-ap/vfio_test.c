// SPDX-License-Identifier: GPL-2.0
/* Test the ioctls of the VFIO device, and the removal of an mdev whose device is open. */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "lib/guest_fixture.h"

/* The device's interrupts. The headers of Linux 6.12 lack VFIO_AP_CFG_CHG_IRQ_INDEX. */
enum { REQUEST, CONFIG_CHANGED, IRQS };

static int ioctl_errno(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? -errno : 0;
}

TEST_F(guest, open_without_kvm)
{
	struct vfio vfio;

	ASSERT_EQ(0, mdev_create(UUID2));
	EXPECT_EQ(-EINVAL, vfio_open(&vfio, NULL, UUID2));
	vfio_close(&vfio);
	EXPECT_EQ(0, mdev_remove(UUID2));
}

/* Open a device through iommufd, as QEMU does with an iommufd object. */
TEST_F(guest, opened_through_iommufd)
{
	struct vfio vfio;
	struct vm vm;

	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID2, 5, 5);
	ASSERT_EQ(0, vm_create(&vm));
	ASSERT_EQ(0, vfio_open_iommufd(&vfio, &vm, UUID2));
	ASSERT_EQ(0, vm_start(&vm));
	EXPECT_TRUE(vm_wait_queues(&vm, "05.0005"));
	EXPECT_EQ(0, vm_aqic(&vm, 5, 5, true, 3, AGENT_NIB));
	EXPECT_EQ(4, pinned_kib());
	assign(_metadata, UUID2, -1, 6);
	EXPECT_TRUE(vm_wait_queues(&vm, "05.0005 05.0006"));
	vfio_close(&vfio);
	EXPECT_TRUE(vm_wait_queues(&vm, ""));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	vm_destroy(&vm);
	EXPECT_EQ(0, mdev_remove(UUID2));
}

/* If a second VM tries to bind a device, the first one must still be destroyed when it ends. */
TEST_F(guest, iommufd_second_bind)
{
	struct vfio vfio, second;
	struct vm vm, other;

	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID2, 5, 5);
	ASSERT_EQ(0, vm_create(&other));
	ASSERT_EQ(0, file_write("/sys/kernel/debug/s390dbf/kvm-trace/flush", "-"));
	ASSERT_EQ(0, vm_create(&vm));
	ASSERT_EQ(0, vfio_open_iommufd(&vfio, &vm, UUID2));
	EXPECT_EQ(-EINVAL, vfio_open_iommufd(&second, &other, UUID2));
	vfio_close(&second);
	ASSERT_EQ(0, vm_start(&vm));
	EXPECT_TRUE(vm_wait_queues(&vm, "05.0005"));
	vfio_close(&vfio);
	vm_destroy(&vm);
	EXPECT_EQ(0, until(last_vm_is_destroyed, NULL));
	vm_destroy(&other);
	EXPECT_EQ(0, mdev_remove(UUID2));
}

/* A device file that is not bound to an iommufd gives no access to the device. */
TEST_F(guest, iommufd_errors)
{
	struct vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(detach) };
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach) };
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio vfio;
	struct vm vm;
	int other;

	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID2, 5, 5);
	other = vfio_cdev_open(UUID2);
	ASSERT_LE(0, other);
	bind.iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, bind.iommufd);
	EXPECT_EQ(-EINVAL, ioctl_errno(other, VFIO_DEVICE_GET_INFO, &info));
	/* No KVM guest is associated with this file. */
	EXPECT_EQ(-EINVAL, ioctl_errno(other, VFIO_DEVICE_BIND_IOMMUFD, &bind));
	ASSERT_EQ(0, vm_create(&vm));
	ASSERT_EQ(0, vfio_open_iommufd(&vfio, &vm, UUID2));
	/* Only one file of a device can be bound, and only once. */
	EXPECT_EQ(-EINVAL, ioctl_errno(other, VFIO_DEVICE_BIND_IOMMUFD, &bind));
	EXPECT_EQ(-EINVAL, ioctl_errno(vfio.device, VFIO_DEVICE_BIND_IOMMUFD, &bind));
	attach.pt_id = 12345;
	EXPECT_EQ(-ENOENT, ioctl_errno(vfio.device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach));
	/* The failed calls have changed nothing. The driver works without an I/O address space. */
	ASSERT_EQ(0, ioctl_errno(vfio.device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach));
	ASSERT_EQ(0, vm_start(&vm));
	EXPECT_TRUE(vm_wait_queues(&vm, "05.0005"));
	EXPECT_EQ(0, ioctl_errno(vfio.device, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_EQ(VFIO_DEVICE_FLAGS_AP | VFIO_DEVICE_FLAGS_RESET, info.flags);
	EXPECT_EQ(0, ioctl_errno(vfio.device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(0, vm_aqic(&vm, 5, 5, true, 3, AGENT_NIB));
	vfio_close(&vfio);
	EXPECT_TRUE(vm_wait_queues(&vm, ""));
	close(bind.iommufd);
	close(other);
	vm_destroy(&vm);
	EXPECT_EQ(0, mdev_remove(UUID2));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

TEST_F(guest, device_get_info)
{
	struct vfio_device_info info = { .argsz = 16 };
	struct vfio_device_info short_info = { .argsz = 15 };

	EXPECT_EQ(-EINVAL, ioctl_errno(self->vfio.device, VFIO_DEVICE_GET_INFO, &short_info));
	EXPECT_EQ(-EFAULT, ioctl_errno(self->vfio.device, VFIO_DEVICE_GET_INFO, (void *)16));
	ASSERT_EQ(0, ioctl_errno(self->vfio.device, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_EQ(VFIO_DEVICE_FLAGS_AP | VFIO_DEVICE_FLAGS_RESET, info.flags);
	EXPECT_EQ(0, info.num_regions);
	EXPECT_EQ(IRQS, info.num_irqs);
	info.argsz = 4096;
	EXPECT_EQ(0, ioctl_errno(self->vfio.device, VFIO_DEVICE_GET_INFO, &info));
}

/* The driver does not write beyond argsz. */
TEST_F(guest, device_get_info_efault)
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

static bool attributes_are_gone(void *uuid)
{
	char text[64];

	return mdev_read(uuid, "matrix", text, sizeof(text)) < 0;
}

static bool queue_is_clean(void *unused)
{
	return !hwsim_state(4, 4, "dirty") && !hwsim_state(4, 4, "resetting");
}

/* Remove the running guest's mdev. Queue 04.0004 leaves the guest, and the remover waits. */
static void removal_start(struct __test_metadata *_metadata, struct vm *vm, struct writer *writer)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(vm, "04.0004"));
	writer_start(writer, UUID1, "remove", "1");
	ASSERT_TRUE(vm_wait_queues(vm, ""));
	ASSERT_TRUE(writer_waits(writer));
}

/* Unbind and bind the queue, and scan the bus. The guest must not get the queue back. */
static void queue_stays_out(struct __test_metadata *_metadata, struct vm *vm)
{
	EXPECT_EQ(0, until(queue_is_clean, NULL));
	EXPECT_EQ(0, queue_unbind(4, 4));
	EXPECT_EQ(0, queue_bind(4, 4));
	EXPECT_EQ(0, until(queue_is_clean, NULL));
	EXPECT_EQ(0, bus_scan());
	EXPECT_TRUE(vm_sees(vm, ""));
}

#define NO_REQUEST	"No device request registered, blocked until released by user"

static bool no_request_was_logged(void *log)
{
	char text[8192];

	return kmsg_lines(*(int *)log, NO_REQUEST, text, sizeof(text)) > 0;
}

/* The removal waits until the device is closed. */
TEST_F(guest, removal_wait_for_close)
{
	int log = kmsg_open();
	struct writer writer;

	/*
	 * Like QEMU before 8.1, this VMM sets no request eventfd. The guest still loses its
	 * queues.
	 */
	removal_start(_metadata, &self->vm, &writer);
	EXPECT_EQ(0, until(queue_is_clean, NULL));
	EXPECT_TRUE(queue_status(4, 4, "assigned"));
	/* The guest may lose its queues before the remover has logged the removal. */
	EXPECT_EQ(0, until(no_request_was_logged, &log));
	queue_stays_out(_metadata, &self->vm);
	EXPECT_TRUE(writer_waits(&writer));
	vfio_close(&self->vfio);
	EXPECT_EQ(0, writer_end(&writer));
	/* The driver repeats the request, but logs only once that the VMM accepts no requests. */
	EXPECT_FALSE(no_request_was_logged(&log));
	close(log);
	EXPECT_NE(0, access(MATRIX UUID1, F_OK));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	EXPECT_TRUE(queue_status(4, 4, "unassigned"));
	ASSERT_EQ(0, mdev_create(UUID1));
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
}

/* Return true if a removal of the mdev keeps its queues out of the guest. */
static bool is_blocked(void)
{
	char text[4096];

	return mdev_read(UUID1, "queue_states", text, sizeof(text)) > 0 &&
	       strstr(text, " removing");
}

static bool has_ended(void *writer)
{
	return !writer_waits(writer);
}

/* Ctrl-C cancels a removal. */
TEST_F(guest, removal_interrupted)
{
	int log = kmsg_open();
	struct writer writer;

	removal_start(_metadata, &self->vm, &writer);
	kill(writer.pid, SIGINT);
	ASSERT_EQ(0, until(has_ended, &writer));
	EXPECT_EQ(-SIGINT, writer_end(&writer));
	EXPECT_FALSE(is_blocked());
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_EQ(1, kmsg_lines(log, "Removal cancelled", self->text, sizeof(self->text)));
	close(log);
	/* After the cancelled removal, the VMM can close the device and open it again. */
	vfio_close(&self->vfio);
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
}

/* Removing a protected mdev fails, and the mdev's guest keeps its queues. */
TEST_F(guest, protected_while_in_use)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, mdev_write(UUID1, "protected", "1"));
	EXPECT_EQ(-EBUSY, mdev_remove(UUID1));
	EXPECT_FALSE(is_blocked());
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004"));
	ASSERT_EQ(0, mdev_write(UUID1, "protected", "0"));
}

/*
 * An mdev cannot be protected while it is being removed, but can be protected after the
 * removal has been cancelled.
 */
TEST_F(guest, protected_during_removal)
{
	struct writer writer;

	removal_start(_metadata, &self->vm, &writer);
	EXPECT_EQ(-EBUSY, mdev_write(UUID1, "protected", "1"));
	EXPECT_EQ(0, mdev_write(UUID1, "protected", "0"));
	kill(writer.pid, SIGINT);
	EXPECT_EQ(-SIGINT, writer_end(&writer));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_EQ(0, mdev_write(UUID1, "protected", "1"));
	EXPECT_EQ(-EBUSY, mdev_remove(UUID1));
	EXPECT_EQ(0, mdev_write(UUID1, "protected", "0"));
}

/*
 * Protection does not prevent unbinding an mdev from the driver. The unbound mdev is no
 * longer protected.
 */
TEST_F(guest, driver_unbind_of_protected)
{
	struct writer unbinder;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, mdev_write(UUID1, "protected", "1"));
	writer_start(&unbinder, UUID1, "driver/unbind", UUID1);
	EXPECT_TRUE(vm_wait_queues(&self->vm, ""));
	EXPECT_TRUE(writer_waits(&unbinder));
	vfio_close(&self->vfio);
	EXPECT_EQ(0, writer_end(&unbinder));
	EXPECT_EQ(0, mdev_remove(UUID1));
	ASSERT_EQ(0, mdev_create(UUID1));
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
}

TEST_F(guest, second_remover_unaffected)
{
	struct writer first, second;

	removal_start(_metadata, &self->vm, &first);
	writer_start(&second, UUID1, "remove", "1");
	ASSERT_EQ(0, until(task_is_interruptible, &second.pid));
	kill(first.pid, SIGINT);
	EXPECT_EQ(-SIGINT, writer_end(&first));
	/* Cause a commit, which must not give the guest its queue back. */
	assign(_metadata, UUID1, 5, -1);
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	EXPECT_TRUE(writer_waits(&second));
	vfio_close(&self->vfio);
	EXPECT_EQ(0, writer_end(&second));
	EXPECT_NE(0, access(MATRIX UUID1, F_OK));
	ASSERT_EQ(0, mdev_create(UUID1));
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
}

struct notices {
	int log, count;
};

static bool both_removals_logged(void *data)
{
	struct notices *notices = data;
	char text[8192];

	notices->count += kmsg_lines(notices->log, NO_REQUEST, text, sizeof(text));
	return notices->count >= 2;
}

/* Unbind the mdev from its driver while a removal waits for the VMM. */
TEST_F(guest, driver_unbind_during_removal)
{
	struct notices notices = { .log = kmsg_open() };
	struct writer remover, unbinder;
	struct remover late;

	removal_start(_metadata, &self->vm, &remover);
	writer_start(&unbinder, UUID1, "driver/unbind", UUID1);
	ASSERT_EQ(0, until(attributes_are_gone, UUID1));
	/* A remover that begins at this point waits for the device lock, and can be interrupted. */
	ASSERT_EQ(0, remover_start(&late, UUID1, REMOVER_RESTARTS));
	EXPECT_EQ(0, remover_interrupt(&late));
	kill(late.writer.pid, SIGINT);
	EXPECT_EQ(-SIGINT, remover_end(&late));
	kill(remover.pid, SIGINT);
	EXPECT_EQ(-SIGINT, writer_end(&remover));
	/* The unbinder still waits, so the guest gets no queue back. */
	queue_stays_out(_metadata, &self->vm);
	EXPECT_TRUE(writer_waits(&unbinder));
	EXPECT_EQ(0, until(both_removals_logged, &notices));
	vfio_close(&self->vfio);
	EXPECT_EQ(0, writer_end(&unbinder));
	/* The late remover has logged nothing. */
	both_removals_logged(&notices);
	EXPECT_EQ(2, notices.count);
	close(notices.log);
	/* Removing an mdev that has no driver does not wait. */
	EXPECT_EQ(0, access(MATRIX UUID1, F_OK));
	EXPECT_EQ(0, mdev_remove(UUID1));
	ASSERT_EQ(0, mdev_create(UUID1));
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
}

/* Return how often the eventfd was signalled since the last read. */
static long signals(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

TEST_F(guest, device_get_irq_info)
{
	struct vfio_irq_info info = { .argsz = sizeof(info) };

	for (info.index = 0; info.index < IRQS; info.index++) {
		ASSERT_EQ(0, ioctl_errno(self->vfio.device, VFIO_DEVICE_GET_IRQ_INFO, &info));
		EXPECT_EQ(VFIO_IRQ_INFO_EVENTFD, info.flags);
		EXPECT_EQ(1, info.count);
	}
	EXPECT_EQ(-EINVAL, ioctl_errno(self->vfio.device, VFIO_DEVICE_GET_IRQ_INFO, &info));
	info.index = 0;
	info.argsz = 15;
	EXPECT_EQ(-EINVAL, ioctl_errno(self->vfio.device, VFIO_DEVICE_GET_IRQ_INFO, &info));
	EXPECT_EQ(-EFAULT, ioctl_errno(self->vfio.device, VFIO_DEVICE_GET_IRQ_INFO, NULL));
}

/* SET_IRQS accepts one eventfd or -1, and rejects all other arguments. */
TEST_F(guest, device_set_irqs)
{
	static const struct {
		unsigned int argsz, flags, index, start, count;
		int fd, ret;
	} cases[] = {
		{ 19, 36, 0, 0, 1, -1, -EINVAL }, { 20, 36, 0, 0, 1, -1, -EINVAL },
		{ 23, 36, 0, 0, 1, -1, -EINVAL }, { 24, 36, IRQS, 0, 1, -1, -EINVAL },
		{ 24, 36, 0, 1, 1, -1, -EINVAL }, { 24, 36, 0, 0, 2, -1, -EINVAL },
		{ 24, 36, 0, 0, 0, -1, -EINVAL }, { 20, 36, 0, 0, 0, -1, -EINVAL },
		/* flags with DATA_NONE or DATA_BOOL, with MASK or UNMASK, or without an action */
		{ 24, 33, 0, 0, 1, -1, -EINVAL }, { 24, 34, 0, 0, 1, -1, -EINVAL },
		{ 24, 12, 0, 0, 1, -1, -EINVAL }, { 24, 20, 0, 0, 1, -1, -EINVAL },
		{ 24, 4, 0, 0, 1, -1, -EINVAL }, { 24, 36 | 64, 0, 0, 1, -1, -EINVAL },
		{ 24, 36, 0, 0, 1, -2, -EINVAL }, { 24, 36, 0, 0, 1, 12345, -EBADF },
		{ 24, 36, 1, 0, 1, -1, 0 }, { 24, 36, 1, 0, 1, -1, 0 },
	};
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* a complete header at the end of a page; the next page is not mapped */
	struct irq_set *last = (struct irq_set *)(page + 4096 - sizeof(struct vfio_irq_set));
	struct irq_set set;
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		set.header.argsz = cases[i].argsz;
		set.header.flags = cases[i].flags;
		set.header.index = cases[i].index;
		set.header.start = cases[i].start;
		set.header.count = cases[i].count;
		set.fd = cases[i].fd;
		EXPECT_EQ(cases[i].ret,
			  ioctl_errno(self->vfio.device, VFIO_DEVICE_SET_IRQS, &set)) {
			TH_LOG("case %u", i);
		}
	}
	EXPECT_EQ(-EFAULT, ioctl_errno(self->vfio.device, VFIO_DEVICE_SET_IRQS, NULL));
	ASSERT_EQ(0, munmap(page + 4096, 4096));
	set.header.argsz = sizeof(set);
	set.header.count = 1;
	memcpy(last, &set, sizeof(set.header));
	EXPECT_EQ(-EFAULT, ioctl_errno(self->vfio.device, VFIO_DEVICE_SET_IRQS, last));
	last->header.argsz = sizeof(set.header);
	last->header.count = 0;
	EXPECT_EQ(-EINVAL, ioctl_errno(self->vfio.device, VFIO_DEVICE_SET_IRQS, last));
	munmap(page, 4096);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	EXPECT_EQ(-EINVAL, vfio_irq_set(self->vfio.device, REQUEST, fd));
	close(fd);
}

struct signalled {
	int fd;
	long wanted, seen;
};

static bool all_changes_signalled(void *data)
{
	struct signalled *changes = data;

	changes->seen += signals(changes->fd);
	return changes->seen >= changes->wanted;
}

/* The driver signals each update of the guest once, and signals nothing else. */
TEST_F(guest, config_changed_irq)
{
	int first = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int second = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int request = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct signalled changes = { .fd = first };
	long updates;

	ASSERT_EQ(0, vfio_irq_set(self->vfio.device, CONFIG_CHANGED, first));
	ASSERT_EQ(0, vfio_irq_set(self->vfio.device, REQUEST, request));
	updates = hwsim_guest_updates(getpid());
	assign(_metadata, UUID1, 4, 4);
	/*
	 * The next two writes do not update the guest, because adapter 200 is not in the
	 * host, and adapter 4 is already assigned.
	 */
	assign(_metadata, UUID1, 200, -1);
	assign(_metadata, UUID1, 4, -1);
	ASSERT_EQ(0, mdev_write(UUID1, "assign_control_domain", "4"));
	ASSERT_EQ(0, queue_unbind(4, 4));
	ASSERT_EQ(0, queue_bind(4, 4));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	changes.wanted = hwsim_guest_updates(getpid()) - updates;
	/* The guest may see a change before the driver signals it. */
	EXPECT_EQ(0, until(all_changes_signalled, &changes));
	EXPECT_EQ(changes.wanted, changes.seen);
	/* A new eventfd replaces the old one, and no notification is lost. */
	ASSERT_EQ(0, vfio_irq_set(self->vfio.device, CONFIG_CHANGED, second));
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_adapter", "4"));
	EXPECT_EQ(0, signals(first));
	EXPECT_EQ(1, signals(second));
	EXPECT_EQ(0, ioctl_errno(self->vfio.device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(0, signals(second));
	ASSERT_EQ(0, vfio_irq_set(self->vfio.device, CONFIG_CHANGED, -1));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "4"));
	EXPECT_EQ(0, signals(second));
	EXPECT_EQ(0, signals(request));
	/* After the device is opened again, the driver must not signal the earlier eventfd. */
	ASSERT_EQ(0, vfio_irq_set(self->vfio.device, CONFIG_CHANGED, second));
	close(self->vfio.device);
	EXPECT_EQ(1, signals(second));
	ASSERT_EQ(0, vfio_open_device(&self->vfio, UUID1));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_EQ(0, signals(second));
	close(first);
	close(second);
	close(request);
}

static bool is_signalled(void *fd)
{
	return signals(*(int *)fd);
}

/*
 * If the VMM has set a request eventfd, the driver signals it when a removal of the mdev
 * begins.
 */
TEST_F(guest, release_request_on_removal)
{
	int request = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int changed = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	long updates = hwsim_guest_updates(getpid());
	struct writer writer;
	int log;

	ASSERT_EQ(0, vfio_irq_set(self->vfio.device, CONFIG_CHANGED, changed));
	ASSERT_EQ(0, vfio_irq_set(self->vfio.device, REQUEST, request));
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "08,08,0"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	log = kmsg_open();
	writer_start(&writer, UUID1, "remove", "1");
	EXPECT_EQ(0, until(is_signalled, &request));
	EXPECT_TRUE(vm_wait_queues(&self->vm, ""));
	EXPECT_TRUE(writer_waits(&writer));
	/*
	 * The driver repeats the request after 10 s, because the VMM may not have been
	 * ready. The driver logs only every tenth request.
	 */
	EXPECT_EQ(0, until(is_signalled, &request));
	/*
	 * Plugging and unplugging the queue caused one update each. The driver has
	 * signalled each update once.
	 */
	EXPECT_EQ(updates + 2, hwsim_guest_updates(getpid()));
	EXPECT_EQ(2, signals(changed));
	vfio_close(&self->vfio);
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_EQ(1, kmsg_lines(log, "Relaying device request to user", self->text,
				sizeof(self->text)));
	EXPECT_NE(NULL, strstr(self->text, "(#0)")) TH_LOG("%s", self->text);
	close(log);
	close(changed);
	close(request);
	ASSERT_EQ(0, mdev_create(UUID1));
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
}

TEST_F(guest, unknown_ioctls)
{
	int error = ioctl_errno(self->vfio.device, VFIO_DEVICE_GET_REGION_INFO, NULL);

	/* Newer kernels implement this ioctl for drivers without regions. */
	EXPECT_TRUE(error == -EOPNOTSUPP || error == -EINVAL) TH_LOG("%d", error);
	EXPECT_EQ(-EOPNOTSUPP,
		  ioctl_errno(self->vfio.device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, NULL));
}

TEST_F(guest, device_reset_all_queues)
{
	long updates;

	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, 5, 5);
	/* The driver skips an assigned queue that does not exist. */
	assign(_metadata, UUID1, 1, 1);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005 05.0004 05.0005"));
	updates = hwsim_guest_updates(getpid());
	hwsim("reset", "1");
	EXPECT_EQ(0, ioctl_errno(self->vfio.device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(1, hwsim_state(4, 4, "zapq"));
	EXPECT_EQ(1, hwsim_state(5, 5, "zapq"));
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004 04.0005 05.0004 05.0005"));
	EXPECT_EQ(updates, hwsim_guest_updates(getpid()));
}

TEST_F(guest, device_reset_blocked_queue)
{
	long resets;

	ASSERT_EQ(0, queue_unbind(5, 5));
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0c,0c,0"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005"));
	resets = hwsim_state(5, 4, "zapq");
	EXPECT_EQ(0, ioctl_errno(self->vfio.device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(resets + 1, hwsim_state(5, 4, "zapq"));
	EXPECT_EQ(0, queue_bind(5, 5));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005 05.0004 05.0005"));
}

/* A queue whose reset ends with response code 03 or 04 counts as reset. */
TEST_F(guest, device_reset_deconfig_checkstop)
{
	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, 5, -1);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 05.0004"));
	ASSERT_EQ(0, hwsim("deconfigure", "4"));
	ASSERT_EQ(0, hwsim("checkstop", "05.0004"));
	EXPECT_EQ(0, ioctl_errno(self->vfio.device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(3, vm_tapq(&self->vm, 4, 4));
	EXPECT_EQ(4, vm_tapq(&self->vm, 5, 4));
	EXPECT_TRUE(queue_status(4, 4, "in use"));
}

/* If TAPQ returns an unknown response code after an accepted ZAPQ, the reset has failed. */
TEST_F(guest, device_reset_unknown_code)
{
	time_t begun;
	long resets;
	int log;

	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, 5, -1);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 05.0004"));
	/*
	 * Hardware accepts each ZAPQ, but each TAPQ fails, so only the waiting task can
	 * log the failure.
	 */
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 polls 0"));
	ASSERT_EQ(0, hwsim("respond", "04.0004 tapq 30 forever"));
	log = kmsg_open();
	EXPECT_EQ(-EIO, ioctl_errno(self->vfio.device, VFIO_DEVICE_RESET, NULL));
	EXPECT_TRUE(queue_wait_status(4, 4, "assigned"));
	EXPECT_EQ(1, kmsg_lines(log, "last response code 30", self->text, sizeof(self->text)));
	close(log);
	EXPECT_TRUE(queue_status(5, 4, "in use"));
	/*
	 * The driver retries twice per second. Allow 5 retries for each second that has
	 * passed, because usleep() can take longer than requested on a busy machine.
	 */
	begun = time(NULL);
	resets = hwsim_state(4, 4, "zapq");
	usleep(1000000);
	resets = hwsim_state(4, 4, "zapq") - resets;
	EXPECT_GT(5 * (time(NULL) - begun + 1), resets);
	ASSERT_EQ(0, hwsim("respond", "04.0004 tapq 30 0"));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004 05.0004"));
}

/* If ZAPQ returns a code for a busy or changing queue, the driver retries the reset. */
TEST_F(guest, device_reset_busy_retry)
{
	static const char *const codes[] = { "05", "0a", "35", "36" };
	unsigned int i;
	long resets;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		ASSERT_EQ(0, hwsim("reset_time", "04.0004 polls 0"));
		ASSERT_EQ(0, hwsim("respond", "04.0004 zapq %s 2", codes[i]));
		resets = hwsim_state(4, 4, "zapq");
		ASSERT_EQ(0, hwsim("respond", "04.0004 tapq %s 1", codes[i]));
		EXPECT_EQ(0, ioctl_errno(self->vfio.device, VFIO_DEVICE_RESET, NULL)) {
			TH_LOG("response code %s", codes[i]);
		}
		/*
		 * Two ZAPQs fail. TAPQ fails once after the third ZAPQ, so the driver
		 * issues a fourth.
		 */
		EXPECT_EQ(resets + 4, hwsim_state(4, 4, "zapq"));
	}
}

#define SIGNALS	8

static void mdev_reopen(struct __test_metadata *_metadata, struct vm *vm, struct vfio *vfio)
{
	ASSERT_EQ(0, mdev_create(UUID1));
	ASSERT_EQ(0, vfio_open(vfio, vm, UUID1));
}

/*
 * Signals do not end a removal if the kernel restarts the interrupted write or the program
 * retries it. The guest loses its queues only once, and the removal ends when the VMM closes
 * the device.
 */
static void removal_with_signals(struct __test_metadata *_metadata, struct vm *vm,
				 struct vfio *vfio, enum remover_kind kind)
{
	int log = kmsg_open(), i;
	struct remover remover;
	char text[1024];
	long updates;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(vm, "04.0004"));
	updates = hwsim_guest_updates(getpid());
	ASSERT_EQ(0, remover_start(&remover, UUID1, kind));
	ASSERT_TRUE(vm_wait_queues(vm, ""));
	for (i = 0; i < SIGNALS && writer_waits(&remover.writer); i++)
		EXPECT_EQ(0, remover_interrupt(&remover));
	EXPECT_EQ(SIGNALS, i);
	EXPECT_TRUE(writer_waits(&remover.writer));
	EXPECT_TRUE(vm_sees(vm, ""));
	EXPECT_EQ(updates + 1, hwsim_guest_updates(getpid()));
	EXPECT_EQ(1, kmsg_lines(log, NO_REQUEST, text, sizeof(text)));
	vfio_close(vfio);
	EXPECT_EQ(0, remover_end(&remover));
	EXPECT_NE(0, access(MATRIX UUID1, F_OK));
	close(log);
	mdev_reopen(_metadata, vm, vfio);
}

TEST_F(guest, removal_restarted_by_the_kernel)
{
	removal_with_signals(_metadata, &self->vm, &self->vfio, REMOVER_RESTARTS);
}

TEST_F(guest, removal_retried_by_the_program)
{
	removal_with_signals(_metadata, &self->vm, &self->vfio, REMOVER_RETRIES);
}

static bool removal_is_cancelled(void *log)
{
	char text[8192];

	return kmsg_lines(*(int *)log, "Removal cancelled", text, sizeof(text)) > 0;
}

/* The driver waits 10 s for a retry of the interrupted write, and then cancels the removal. */
TEST_F(guest, removal_given_up_after_a_signal)
{
	struct remover remover;
	int log = kmsg_open();
	long updates;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	updates = hwsim_guest_updates(getpid());
	ASSERT_EQ(0, remover_start(&remover, UUID1, REMOVER_GIVES_UP));
	ASSERT_TRUE(vm_wait_queues(&self->vm, ""));
	EXPECT_EQ(0, remover_signal(&remover));
	EXPECT_EQ(EINTR, remover_end(&remover));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_EQ(updates + 2, hwsim_guest_updates(getpid()));
	/* The guest may see its queues before the driver has logged the cancellation. */
	EXPECT_EQ(0, until(removal_is_cancelled, &log));
	close(log);
	vfio_close(&self->vfio);
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
}

/* A fatal signal cancels a restarted removal immediately, not after 10 s. */
TEST_F(guest, restarted_removal_killed)
{
	struct remover remover;
	int log = kmsg_open();

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, remover_start(&remover, UUID1, REMOVER_RESTARTS));
	ASSERT_TRUE(vm_wait_queues(&self->vm, ""));
	EXPECT_EQ(0, remover_interrupt(&remover));
	EXPECT_TRUE(is_blocked());
	kill(remover.writer.pid, SIGKILL);
	EXPECT_EQ(-SIGKILL, remover_end(&remover));
	EXPECT_FALSE(is_blocked());
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_EQ(1, kmsg_lines(log, "Removal cancelled", self->text, sizeof(self->text)));
	close(log);
}

/* If another remover takes over an interrupted removal, the driver does not cancel the removal. */
TEST_F(guest, interrupted_removal_taken_over)
{
	struct remover first, second;
	int log = kmsg_open();
	long updates;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	updates = hwsim_guest_updates(getpid());
	ASSERT_EQ(0, remover_start(&first, UUID1, REMOVER_GIVES_UP));
	ASSERT_TRUE(vm_wait_queues(&self->vm, ""));
	EXPECT_EQ(0, remover_signal(&first));
	EXPECT_EQ(EINTR, remover_end(&first));
	ASSERT_EQ(0, remover_start(&second, UUID1, REMOVER_RESTARTS));
	/* Wait for longer than the timeout of an interrupted removal, which is 10 s. */
	sleep(12);
	EXPECT_TRUE(is_blocked());
	EXPECT_EQ(updates + 1, hwsim_guest_updates(getpid()));
	EXPECT_EQ(0, kmsg_lines(log, "Removal cancelled", self->text, sizeof(self->text)));
	close(log);
	kill(second.writer.pid, SIGKILL);
	EXPECT_EQ(-SIGKILL, remover_end(&second));
	EXPECT_FALSE(is_blocked());
}

static bool is_in_prepare_remove(void *task)
{
	return task_waits_in(*(pid_t *)task, "vfio_ap_mdev_prepare_remove");
}

/* Both removers are in signal handlers at the same time, before the kernel restarts a write. */
TEST_F(guest, removals_interrupted_together)
{
	struct remover removers[2];
	long updates;
	int i;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	updates = hwsim_guest_updates(getpid());
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, remover_start(&removers[i], UUID1, REMOVER_RESTARTS));
		remover_stay(&removers[i], true);
	}
	ASSERT_TRUE(vm_wait_queues(&self->vm, ""));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, remover_signal(&removers[i]));
	for (i = 0; i < 2; i++)
		remover_stay(&removers[i], false);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, until(is_in_prepare_remove, &removers[i].writer.pid));
	EXPECT_EQ(updates + 1, hwsim_guest_updates(getpid()));
	for (i = 0; i < 2; i++) {
		EXPECT_TRUE(is_blocked());
		kill(removers[i].writer.pid, SIGKILL);
		EXPECT_EQ(-SIGKILL, remover_end(&removers[i]));
	}
	EXPECT_FALSE(is_blocked());
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
}

/* Reach each of the driver's eventfd_signal() calls, where the simulator checks for held locks. */
TEST_F(guest, eventfd_signal_without_locks)
{
	int changed = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int request = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct remover remover;

	ASSERT_EQ(0, vfio_irq_set(self->vfio.device, CONFIG_CHANGED, changed));
	ASSERT_EQ(0, vfio_irq_set(self->vfio.device, REQUEST, request));
	/*
	 * These calls come from a writer that waits for resets, from an unbind, and from
	 * the work item after a bind.
	 */
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_EQ(0, until(is_signalled, &changed));
	EXPECT_EQ(0, queue_unbind(4, 4));
	EXPECT_EQ(0, until(is_signalled, &changed));
	EXPECT_EQ(0, queue_bind(4, 4));
	EXPECT_EQ(0, until(is_signalled, &changed));
	/*
	 * These calls come from a remover, and from the work item that unplugs the queues
	 * for the remover.
	 */
	ASSERT_EQ(0, remover_start(&remover, UUID1, REMOVER_RESTARTS));
	EXPECT_EQ(0, until(is_signalled, &request));
	EXPECT_EQ(0, until(is_signalled, &changed));
	kill(remover.writer.pid, SIGKILL);
	EXPECT_EQ(-SIGKILL, remover_end(&remover));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_EQ(0, until(is_signalled, &changed));
	/* This call comes from closing the device. */
	close(self->vfio.device);
	EXPECT_EQ(0, until(is_signalled, &changed));
	EXPECT_EQ(0, hwsim_violations(self->text, sizeof(self->text))) TH_LOG("%s", self->text);
	ASSERT_EQ(0, vfio_open_device(&self->vfio, UUID1));
	close(changed);
	close(request);
}

/* Condition for until(): the writer has ended, or waits for a work item in __flush_work(). */
static bool ends_or_cancels_work(void *data)
{
	struct writer *writer = data;

	return !writer_waits(writer) || task_waits_in(writer->pid, "__flush_work");
}

/*
 * While an mdev is being created, the host's configuration changes, which queues work items.
 * VFIO then rejects the device. The driver must flush these work items before the write to
 * "create" returns, because the mdev_device is then freed.
 */
TEST_F(guest, work_flush_at_failed_create)
{
	struct writer writer;

	ASSERT_EQ(0, hwsim("hold", "vfio_register_emulated_iommu_dev"));
	writer_start(&writer, "mdev_supported_types/vfio_ap-passthrough", "create", UUID2);
	ASSERT_TRUE(hwsim_wait_held("vfio_register_emulated_iommu_dev", 1));
	ASSERT_EQ(0, hwsim("hold", "sysfs_notify"));
	ASSERT_EQ(0, hwsim("control_del", "6"));
	ASSERT_EQ(0, bus_scan());
	/* sysfs_notify() is called once for each mdev. */
	EXPECT_TRUE(hwsim_wait_held("sysfs_notify", 2));
	ASSERT_EQ(0, hwsim("release", "vfio_register_emulated_iommu_dev"));
	EXPECT_EQ(0, until(ends_or_cancels_work, &writer));
	EXPECT_TRUE(writer_waits(&writer));
	ASSERT_EQ(0, hwsim("release", "sysfs_notify"));
	EXPECT_EQ(ENOMEM, writer_end(&writer));
	EXPECT_NE(0, access(MATRIX UUID2, F_OK));
	ASSERT_EQ(0, hwsim("control_add", "6"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_EQ(0, mdev_create(UUID2));
	EXPECT_EQ(0, mdev_remove(UUID2));
}

#include "lib/main.h"
