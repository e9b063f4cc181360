// SPDX-License-Identifier: GPL-2.0
/*
 * A VMM that holds its own kvm->lock delays only its own guest. A task that has waited
 * for this lock must look up the mdev's guest again, because another VMM may have opened
 * the mdev in the meantime.
 *
 * Guest B runs with mdev 1 (fixture "guest"). Guest A has mdev 2 and no vCPU.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/guest_fixture.h"

/*
 * While the test holds guest A's kvm->lock, operations on other guests and on the host do
 * not block.
 */
TEST_F(guest, held_kvm_lock_isolation)
{
	struct writer writer, doomed, adder;
	struct other owner = {};
	bool bounded = has_feature("bounded_unbind");
	struct vfio third_vfio;
	struct hold hold;
	struct vm third;

	ASSERT_EQ(0, other_create_bare(&owner));
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hold_kvm_lock(&hold, &owner.vm));
	writer_start(&writer, UUID2, "assign_domain", "6");
	writer_start(&doomed, UUID2, "unassign_domain", "5");
	writer_start(&adder, UUID2, "assign_control_domain", "4");
	ASSERT_EQ(0, until(task_sleeps, &writer.pid));
	ASSERT_EQ(0, until(task_sleeps, &doomed.pid));
	ASSERT_EQ(0, until(task_sleeps, &adder.pid));

	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 1, AGENT_NIB));
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, 1, 0));
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", "04.0004"));
	EXPECT_TRUE(mdev_shows(UUID2, "matrix", "05.0005"));
	EXPECT_TRUE(mdev_shows(UUID2, "guest_matrix", "05.0005"));
	EXPECT_TRUE(queue_status(5, 5, "in use"));
	EXPECT_EQ(0, mdev_write(UUID1, "assign_domain", "6"));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0006"));
	EXPECT_EQ(0, mdev_write(UUID1, "unassign_domain", "6"));
	EXPECT_EQ(0, file_write(BUS "apmask", "+100"));
	EXPECT_EQ(0, file_write(BUS "apmask", "-100"));
	/* When the host loses domain 4, guest B loses queue 04.0004. */
	EXPECT_EQ(0, hwsim("domain_del", "4"));
	EXPECT_EQ(0, bus_scan());
	EXPECT_TRUE(vm_wait_queues(&self->vm, ""));
	EXPECT_EQ(0, hwsim("domain_add", "4"));
	EXPECT_EQ(0, bus_scan());
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_EQ(0, mdev_create(UUID3));
	ASSERT_EQ(0, vm_create(&third));
	EXPECT_EQ(0, vfio_open(&third_vfio, &third, UUID3));
	vfio_close(&third_vfio);
	vm_destroy(&third);
	EXPECT_EQ(0, mdev_remove(UUID3));
	/* Unbinding one of guest A's queues does not wait indefinitely. */
	if (bounded)
		EXPECT_EQ(0, queue_unbind(5, 5));
	/* SIGKILL ends a writer that waits for kvm->lock. */
	kill(doomed.pid, SIGKILL);
	EXPECT_EQ(-SIGKILL, writer_end(&doomed));
	kill(adder.pid, SIGKILL);
	EXPECT_EQ(-SIGKILL, writer_end(&adder));
	EXPECT_TRUE(writer_waits(&writer));

	EXPECT_EQ(0, hold_release(&hold));
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_TRUE(mdev_shows(UUID2, "matrix", "05.0005 05.0006"));
	EXPECT_TRUE(mdev_shows(UUID2, "control_domains", ""));
	/* Guest A loses the unbound queue when its kvm->lock is released, or shortly afterwards. */
	EXPECT_TRUE(mdev_wait_for(UUID2, "guest_matrix",
				  bounded ? ".0005 .0006" : "05.0005 05.0006"));
	other_end(_metadata, &owner);
}

static void *owner_close(void *data)
{
	struct other *owner = data;

	owner->vm.thread_id = task_id();
	vfio_close(&owner->vfio);
	return NULL;
}

/*
 * The closing thread acquires kvm->lock before the writer does, so the guest is already
 * detached when the writer acquires the lock.
 */
TEST_F(guest, blocked_assign_after_close)
{
	struct other owner = {};
	struct writer writer;
	pthread_t closer;
	struct hold hold;

	ASSERT_EQ(0, other_create_bare(&owner));
	ASSERT_EQ(0, hold_kvm_lock(&hold, &owner.vm));
	ASSERT_EQ(0, pthread_create(&closer, NULL, owner_close, &owner));
	ASSERT_EQ(0, until(task_sleeps, &owner.vm.thread_id));
	/* Assign a control domain, because this write does not wait for a reset. */
	writer_start(&writer, UUID2, "assign_control_domain", "6");
	ASSERT_EQ(0, until(task_sleeps, &writer.pid));
	EXPECT_EQ(0, hold_release(&hold));
	pthread_join(closer, NULL);
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_TRUE(mdev_shows(UUID2, "control_domains", "0006"));
	file_read(HWSIM "guests", self->text, sizeof(self->text));
	EXPECT_EQ(NULL, strstr(self->text, "adm=0x02")) TH_LOG("%s", self->text);
	EXPECT_EQ(NULL, strstr(self->text, "apm=0x04")) TH_LOG("%s", self->text);
	EXPECT_TRUE(mdev_wait_for(UUID2, "guest_matrix", "05.0005"));
	EXPECT_TRUE(queue_status(5, 5, "assigned"));
	vm_destroy(&owner.vm);
	EXPECT_EQ(0, mdev_remove(UUID2));
}

/*
 * The old VMM holds its kvm->lock until the mdev is closed, and then acquires the lock
 * again. A work item that waited for this lock would block both times.
 */
TEST_F(guest, next_guest_under_old_kvm_lock)
{
	struct hold first, again;
	struct other owner = {};
	pthread_t closer;

	ASSERT_EQ(0, other_create_bare(&owner));
	ASSERT_EQ(0, hold_kvm_lock(&first, &owner.vm));
	ASSERT_EQ(0, pthread_create(&closer, NULL, owner_close, &owner));
	ASSERT_EQ(0, until(task_sleeps, &owner.vm.thread_id));
	ASSERT_EQ(0, hold_kvm_lock_begin(&again, &owner.vm));
	ASSERT_EQ(0, until(task_sleeps, &again.thread_id));
	/* Make the driver queue a commit for the old guest, which is still attached. */
	ASSERT_EQ(0, hwsim("adapter_add", "9"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_EQ(0, hold_release(&first));
	pthread_join(closer, NULL);
	ASSERT_EQ(0, hold_wait(&again));

	/* The next guest gets the mdev's queues and follows changes to the host configuration. */
	vfio_close(&self->vfio);
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID2));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "05.0005"));
	ASSERT_EQ(0, hwsim("adapter_del", "5"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_TRUE(vm_wait_queues(&self->vm, ""));
	vfio_close(&self->vfio);
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	EXPECT_EQ(0, mdev_remove(UUID2));
	EXPECT_EQ(0, hold_release(&again));
	vm_destroy(&owner.vm);
}

static long updates_wanted;

/* The simulator does not list a guest that has never run, so read the driver's update counter. */
static long updates_of_mdev_2(void)
{
	char text[4096] = "", *line;

	file_read("/sys/kernel/debug/vfio_ap/mdevs", text, sizeof(text));
	line = strstr(text, UUID2 " updates=");
	return line ? atol(line + strlen(UUID2 " updates=")) : -1;
}

static bool guest_was_updated(void *unused)
{
	return updates_of_mdev_2() >= updates_wanted;
}

/*
 * A host driver may have used the queue between the unbind and the rebind, so vfio_ap
 * unplugs and resets the queue.
 */
TEST_F(guest, rebind_under_held_kvm_lock)
{
	struct other owner = {};
	struct hold hold;
	long resets;

	ASSERT_EQ(0, other_create_bare(&owner));
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(queue_wait_status(5, 5, "in use"));
	updates_wanted = updates_of_mdev_2() + 2;
	ASSERT_EQ(0, hold_kvm_lock(&hold, &owner.vm));
	EXPECT_EQ(0, queue_unbind(5, 5));
	resets = hwsim_state(5, 5, "zapq");
	EXPECT_EQ(0, queue_bind(5, 5));
	EXPECT_TRUE(queue_status(5, 5, "in use"));
	/*
	 * The driver must not reset 05.0005 while the guest can still use it. The driver
	 * completes a later reset of 04.0004, so it had enough time to reset 05.0005.
	 */
	EXPECT_EQ(0, mdev_write(UUID1, "unassign_adapter", "4"));
	EXPECT_EQ(0, hwsim_state(4, 4, "dirty"));
	EXPECT_EQ(resets, hwsim_state(5, 5, "zapq"));
	EXPECT_EQ(0, hold_release(&hold));
	EXPECT_EQ(0, until(guest_was_updated, NULL));
	EXPECT_TRUE(queue_wait_status(5, 5, "in use"));
	EXPECT_EQ(updates_wanted, updates_of_mdev_2());
	other_end(_metadata, &owner);
}

/* A page fault on an ioctl's argument delays no other task. */
TEST_F(guest, ioctl_page_fault_isolation)
{
	struct other owner = {};
	struct hold hold;

	ASSERT_EQ(0, other_create_bare(&owner));
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hold_argument(&hold, owner.vfio.device, VFIO_DEVICE_GET_INFO));
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 1, AGENT_NIB));
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, 1, 0));
	EXPECT_TRUE(mdev_shows(UUID2, "guest_matrix", "05.0005"));
	EXPECT_EQ(0, mdev_write(UUID2, "assign_domain", "6"));
	EXPECT_EQ(0, mdev_write(UUID1, "unassign_domain", "4"));
	/* hold_release() fills the missing page with zeroes, so argsz is 0. */
	EXPECT_EQ(-EINVAL, hold_release(&hold));
	other_end(_metadata, &owner);
}

static bool waits_in_attach(void *task)
{
	return task_waits_in(*(pid_t *)task, "vfio_ap_guest_attach");
}

static bool has_ended(void *writer)
{
	return !writer_waits(writer);
}

/* The test holds kvm->lock until the process that opens the device has been killed. */
TEST_F(guest, open_killed_under_held_kvm_lock)
{
	struct other other = {};
	struct writer opener;
	struct hold hold;

	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID2, 5, 5);
	/* Wait for the resets first, so that the open waits only for kvm->lock. */
	ASSERT_TRUE(mdev_wait_for(UUID2, "guest_matrix", "05.0005"));
	ASSERT_EQ(0, vm_create_bare(&other.vm));
	ASSERT_EQ(0, vfio_open_group(&other.vfio, &other.vm, UUID2));
	ASSERT_EQ(0, hold_kvm_lock(&hold, &other.vm));
	opener.pid = fork();
	if (!opener.pid)
		_exit(!!vfio_open_device(&other.vfio, UUID2));
	ASSERT_EQ(0, until(waits_in_attach, &opener.pid));
	kill(opener.pid, SIGKILL);
	EXPECT_EQ(0, until(has_ended, &opener));
	EXPECT_EQ(0, hold_release(&hold));
	EXPECT_EQ(-SIGKILL, writer_end(&opener));
	EXPECT_TRUE(queue_status(5, 5, "assigned"));
	/* The killed open does not block the next open. */
	EXPECT_EQ(0, vfio_open_device(&other.vfio, UUID2));
	EXPECT_TRUE(queue_status(5, 5, "in use"));
	other_end(_metadata, &other);
}

static bool waits_until_erased(void *data)
{
	return task_waits_in(((struct writer *)data)->pid, "vfio_ap_reset_wait_erased");
}

/*
 * On a kernel without bounded_unbind, an unbind waits until the guest has lost the queue, so
 * that the next driver never shares the queue with a guest.
 */
TEST_F(guest, unbind_wait_held_kvm_lock)
{
	struct writer unbinder;
	struct other owner = {};
	struct hold hold;

	if (has_feature("bounded_unbind"))
		SKIP(return, "this kernel has bounded_unbind");
	ASSERT_EQ(0, other_create_bare(&owner));
	ASSERT_TRUE(queue_wait_status(5, 5, "in use"));
	ASSERT_EQ(0, hold_kvm_lock(&hold, &owner.vm));
	unbinder.pid = fork();
	if (!unbinder.pid)
		_exit(!!queue_unbind(5, 5));
	EXPECT_EQ(0, until(waits_until_erased, &unbinder));
	EXPECT_TRUE(mdev_shows(UUID2, "guest_matrix", "05.0005"));
	EXPECT_EQ(0, hold_release(&hold));
	EXPECT_EQ(0, writer_end(&unbinder));
	EXPECT_TRUE(mdev_shows(UUID2, "guest_matrix", ".0005"));
	EXPECT_EQ(0, hwsim_state(5, 5, "dirty"));
	EXPECT_EQ(0, queue_bind(5, 5));
	EXPECT_TRUE(mdev_wait_for(UUID2, "guest_matrix", "05.0005"));
	other_end(_metadata, &owner);
}

/* An unbind that takes longer than this has waited for kvm->lock, for which the timeout is 2 s. */
#define UNBIND_WAITS_MS	1500

static long unbind_takes_ms(int apid, int apqi)
{
	struct timespec begin, end;
	int ret;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	ret = queue_unbind(apid, apqi);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ret ?: (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
}

/*
 * While one task holds kvm->lock, the unbinds of an mdev's queues wait for 2 s in total.
 * When another task holds the lock later, the next unbind waits for 2 s again.
 */
TEST_F(guest, unbind_lock_timeout)
{
	struct writer unbinder;
	struct other owner = {};
	struct hold hold;

	ASSERT_EQ(0, other_create_bare(&owner));
	assign(_metadata, UUID2, 4, -1);
	assign(_metadata, UUID2, 6, -1);
	ASSERT_TRUE(mdev_wait_for(UUID2, "guest_matrix", "04.0005 05.0005 06.0005"));
	ASSERT_EQ(0, hold_kvm_lock(&hold, &owner.vm));
	EXPECT_LT(UNBIND_WAITS_MS, unbind_takes_ms(4, 5));
	unbinder.pid = fork();
	if (!unbinder.pid)
		_exit(!!queue_unbind(5, 5));
	/* The second unbind must not sleep between attempts to acquire kvm->lock. */
	EXPECT_TRUE(writer_ends_without(&unbinder, "msleep"));
	EXPECT_EQ(0, writer_end(&unbinder));
	EXPECT_EQ(0, hold_release(&hold));
	EXPECT_TRUE(mdev_wait_for(UUID2, "guest_matrix", "06.0005"));

	ASSERT_EQ(0, hold_kvm_lock(&hold, &owner.vm));
	EXPECT_LT(UNBIND_WAITS_MS, unbind_takes_ms(6, 5));
	EXPECT_EQ(0, hold_release(&hold));
	EXPECT_TRUE(mdev_wait_for(UUID2, "guest_matrix", ".0005"));
	other_end(_metadata, &owner);
}

#include "lib/main.h"
