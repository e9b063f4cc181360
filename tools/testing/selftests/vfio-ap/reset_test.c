// SPDX-License-Identifier: GPL-2.0
/*
 * A reset that does not end delays only tasks that wait for it. The simulator holds the
 * reset until all other operations have ended, so these tests check the order of events,
 * not durations.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/guest_fixture.h"

static bool reset_is_held(void *data)
{
	(void)data;
	return hwsim_state(4, 4, "held") == 1;
}

#define MEASURE_BEGINS_EARLIER_US	1000000
#define ATTEMPTS			5

/*
 * A writer waits at most 10 s for a reset. Repeat @attempt until it finishes its checks
 * within this time. @attempt returns false if its writer, or a measuring writer that began
 * earlier, stopped waiting before the checks were finished. The cause is a busy machine or a
 * faulty driver. The harness derives struct _test_data_guest from FIXTURE(guest).
 */
static void attempt_within_10_s(struct __test_metadata *_metadata, struct _test_data_guest *self,
				bool (*attempt)(struct __test_metadata *_metadata,
						struct _test_data_guest *self))
{
	int left = ATTEMPTS;

	while (left && !attempt(_metadata, self))
		left--;
	EXPECT_LT(0, left);
}

static bool unplug_waits(struct __test_metadata *_metadata, struct _test_data_guest *self)
{
	struct writer writer;
	bool in_time;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	writer_start(&writer, UUID1, "unassign_adapter", "4");
	ASSERT_EQ(0, until(reset_is_held, NULL));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	EXPECT_EQ(0, until(task_sleeps, &writer.pid));
	in_time = writer_waits(&writer);
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_EQ(0, hwsim_state(4, 4, "dirty"));
	return in_time;
}

TEST_F(guest, unplug_reset_wait)
{
	attempt_within_10_s(_metadata, self, unplug_waits);
}

/* The guest that loses the queue, and two others. The device of the third is open at times. */
struct others {
	struct vm *first;
	struct other second;
	struct vm third;
	struct vfio third_vfio;
};

static void second_uses_interrupts(struct __test_metadata *_metadata, struct others *others)
{
	EXPECT_EQ(0, vm_aqic(&others->second.vm, 5, 5, true, 1, AGENT_NIB));
	EXPECT_EQ(0, vm_aqic(&others->second.vm, 5, 5, false, 1, 0));
}

static void third_changes_matrix(struct __test_metadata *_metadata, struct others *others)
{
	EXPECT_EQ(0, vfio_open_device(&others->third_vfio, UUID3));
	EXPECT_EQ(0, mdev_write(UUID3, "assign_adapter", "6"));
	EXPECT_EQ(0, mdev_write(UUID3, "assign_domain", "6"));
	EXPECT_EQ(0, mdev_write(UUID3, "unassign_domain", "6"));
	EXPECT_EQ(0, mdev_write(UUID3, "unassign_adapter", "6"));
	close(others->third_vfio.device);
	others->third_vfio.device = -1;
}

static void attributes_show(struct __test_metadata *_metadata, struct others *others)
{
	EXPECT_TRUE(queue_status(4, 4, "unassigned"));
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", ".0004"));
	EXPECT_TRUE(mdev_shows(UUID2, "matrix", "05.0005"));
}

static void host_changes_mask(struct __test_metadata *_metadata, struct others *others)
{
	EXPECT_EQ(0, file_write(BUS "apmask", "+100"));
	EXPECT_EQ(0, file_write(BUS "apmask", "-100"));
}

static void host_gets_adapter(struct __test_metadata *_metadata, struct others *others)
{
	EXPECT_EQ(0, hwsim("adapter_add", "9"));
	EXPECT_EQ(0, bus_scan());
	EXPECT_EQ(0, hwsim("adapter_del", "9"));
}

static void same_mdev_changes(struct __test_metadata *_metadata, struct others *others)
{
	EXPECT_EQ(0, mdev_write(UUID1, "assign_adapter", "6"));
	EXPECT_TRUE(vm_wait_queues(others->first, "06.0004"));
	EXPECT_EQ(0, mdev_write(UUID1, "unassign_adapter", "6"));
}

/* These operations must end while a writer waits for the held reset. */
static void (*const operations[])(struct __test_metadata *_metadata, struct others *others) = {
	second_uses_interrupts, third_changes_matrix, attributes_show, host_changes_mask,
	host_gets_adapter, same_mdev_changes,
};

static bool ends_before_reset(struct __test_metadata *_metadata, struct _test_data_guest *self,
			      struct others *others, unsigned int operation)
{
	struct writer writer;
	bool in_time;

	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "4"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	writer_start(&writer, UUID1, "unassign_adapter", "4");
	ASSERT_EQ(0, until(reset_is_held, NULL));
	operations[operation](_metadata, others);
	in_time = writer_waits(&writer);
	EXPECT_EQ(1, hwsim_state(4, 4, "held"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	EXPECT_EQ(0, writer_end(&writer));
	return in_time;
}

/* A held reset blocks neither other guests nor the host. */
TEST_F(guest, held_reset_isolation)
{
	struct others others = { .first = &self->vm };
	unsigned int i;
	int left;

	ASSERT_EQ(0, mdev_create(UUID3));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "4"));
	other_start(_metadata, &others.second, 5, 5);
	ASSERT_TRUE(vm_wait_queues(&others.second.vm, "05.0005"));
	ASSERT_EQ(0, vm_create(&others.third));
	ASSERT_EQ(0, vfio_open_group(&others.third_vfio, &others.third, UUID3));
	for (i = 0; i < ARRAY_SIZE(operations); i++) {
		for (left = ATTEMPTS; left; left--) {
			if (ends_before_reset(_metadata, self, &others, i))
				break;
		}
		EXPECT_LT(0, left) TH_LOG("operation %u", i);
	}
	vfio_close(&others.third_vfio);
	vm_destroy(&others.third);
	EXPECT_EQ(0, mdev_remove(UUID3));
	other_end(_metadata, &others.second);
	EXPECT_EQ(0, bus_scan());
}

static bool reset_pending_shows(void *data)
{
	return mdev_shows(UUID1, "reset_pending", data);
}

static bool second_reset_is_held(void *data)
{
	(void)data;
	return hwsim_state(5, 4, "held") == 1;
}

static bool kill_waiting_writer(struct __test_metadata *_metadata, struct _test_data_guest *self)
{
	struct writer measure, writer;
	bool in_time;

	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, 5, -1);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 05.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "*.* hold"));
	writer_start(&measure, UUID1, "unassign_adapter", "5");
	ASSERT_EQ(0, until(second_reset_is_held, NULL));
	/* The measuring writer begins 1 s before the other writer and therefore times out first. */
	usleep(MEASURE_BEGINS_EARLIER_US);
	writer_start(&writer, UUID1, "unassign_adapter", "4");
	ASSERT_EQ(0, until(reset_is_held, NULL));
	ASSERT_EQ(0, until(task_sleeps, &writer.pid));
	kill(writer.pid, SIGKILL);
	EXPECT_EQ(-SIGKILL, writer_end(&writer));
	in_time = writer_waits(&measure);
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", ".0004"));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	ASSERT_EQ(0, hwsim("reset_time", "*.* release"));
	EXPECT_EQ(0, writer_end(&measure));
	return in_time;
}

TEST_F(guest, unassign_wait_killable)
{
	attempt_within_10_s(_metadata, self, kill_waiting_writer);
}

/*
 * Prepare a test of an operation that waits for a reset: an assignment, an open or a device
 * reset. The measuring writer begins before this operation. As long as the measuring writer
 * waits, the operation has waited for less than 10 s.
 */
static void held_queue_prepare(struct __test_metadata *_metadata, struct vm *vm,
			       struct writer *measure)
{
	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, 5, -1);
	ASSERT_TRUE(vm_wait_queues(vm, "04.0004 05.0004"));
	ASSERT_EQ(0, queue_unbind(6, 4));
	ASSERT_EQ(0, hwsim("reset_time", "*.* hold"));
	writer_start(measure, UUID1, "unassign_adapter", "5");
	ASSERT_EQ(0, until(second_reset_is_held, NULL));
	usleep(MEASURE_BEGINS_EARLIER_US);
	ASSERT_EQ(0, queue_bind(6, 4));
}

static bool held_queue_release(struct __test_metadata *_metadata, struct writer *measure)
{
	bool in_time = writer_waits(measure);

	ASSERT_EQ(0, hwsim("reset_time", "*.* release"));
	EXPECT_EQ(0, writer_end(measure));
	return in_time;
}

static bool kill_adding_writer(struct __test_metadata *_metadata, struct _test_data_guest *self)
{
	struct writer measure, writer;
	bool in_time;

	held_queue_prepare(_metadata, &self->vm, &measure);
	writer_start(&writer, UUID1, "assign_adapter", "6");
	ASSERT_EQ(0, until(task_sleeps, &writer.pid));
	kill(writer.pid, SIGKILL);
	EXPECT_EQ(-SIGKILL, writer_end(&writer));
	/* The killed write has changed nothing, and last_error does not show it. */
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", "04.0004"));
	EXPECT_TRUE(mdev_shows(UUID1, "last_error", ""));
	in_time = held_queue_release(_metadata, &measure);
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004"));
	return in_time;
}

TEST_F(guest, assign_wait_killable)
{
	attempt_within_10_s(_metadata, self, kill_adding_writer);
}

static bool domain_waits(struct __test_metadata *_metadata, struct _test_data_guest *self)
{
	struct writer writer;
	bool in_time;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, queue_unbind(4, 4));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	ASSERT_EQ(0, queue_bind(4, 4));
	writer_start(&writer, UUID1, "assign_domain", "5");
	ASSERT_EQ(0, until(task_sleeps, &writer.pid));
	in_time = writer_waits(&writer);
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	EXPECT_EQ(0, writer_end(&writer));
	/* If the writer's wait timed out, the guest gets the queues later. */
	EXPECT_TRUE(mdev_wait_for(UUID1, "guest_matrix", "04.0004 04.0005"));
	EXPECT_EQ(0, mdev_write(UUID1, "unassign_domain", "5"));
	return in_time;
}

/*
 * An adapter is not plugged while any of its queues is being reset, even if this queue was
 * already assigned before the write.
 */
TEST_F(guest, assign_wait_for_assigned_queue)
{
	attempt_within_10_s(_metadata, self, domain_waits);
}

static bool kill_opener(struct __test_metadata *_metadata, struct _test_data_guest *self)
{
	struct writer measure, opener;
	bool in_time;
	int ready[2];
	char byte;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID2, 6, 4);
	held_queue_prepare(_metadata, &self->vm, &measure);
	opener.pid = fork();
	if (!opener.pid) {
		struct vfio vfio;
		struct vm vm;

		/* The first two calls also sleep, so tell the parent when they have returned. */
		if (vm_create(&vm) || vfio_open_group(&vfio, &vm, UUID2))
			_exit(1);
		if (write(ready[1], "", 1) != 1)
			_exit(2);
		_exit(!!vfio_open_device(&vfio, UUID2));
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	close(ready[0]);
	close(ready[1]);
	ASSERT_EQ(0, until(task_sleeps, &opener.pid));
	kill(opener.pid, SIGKILL);
	EXPECT_EQ(-SIGKILL, writer_end(&opener));
	in_time = held_queue_release(_metadata, &measure);
	EXPECT_TRUE(queue_status(6, 4, "assigned"));
	EXPECT_EQ(0, mdev_remove(UUID2));
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004"));
	return in_time;
}

TEST_F(guest, open_wait_killable)
{
	attempt_within_10_s(_metadata, self, kill_opener);
}

static bool kill_resetter(struct __test_metadata *_metadata, struct _test_data_guest *self)
{
	struct writer measure, resetter;
	bool in_time;

	held_queue_prepare(_metadata, &self->vm, &measure);
	resetter.pid = fork();
	if (!resetter.pid)
		_exit(!!ioctl(self->vfio.device, VFIO_DEVICE_RESET));
	ASSERT_EQ(0, until(reset_is_held, NULL));
	ASSERT_EQ(0, until(task_sleeps, &resetter.pid));
	kill(resetter.pid, SIGKILL);
	EXPECT_EQ(-SIGKILL, writer_end(&resetter));
	in_time = held_queue_release(_metadata, &measure);
	/* The reset continues although the task was killed. */
	EXPECT_EQ(0, until(reset_pending_shows, ""));
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004"));
	return in_time;
}

TEST_F(guest, device_reset_wait_killable)
{
	attempt_within_10_s(_metadata, self, kill_resetter);
}

static bool resetter_stops;

static void *resetter_run(void *data)
{
	struct vfio *vfio = data;
	unsigned long resets = 0;

	while (!__atomic_load_n(&resetter_stops, __ATOMIC_RELAXED)) {
		if (ioctl(vfio->device, VFIO_DEVICE_RESET))
			return (void *)-1L;
		resets++;
	}
	return (void *)resets;
}

/* A queue must not be plugged during its reset, even if the guest's own VMM requested the reset. */
TEST_F(guest, device_reset_during_hotplug)
{
	pthread_t thread;
	void *resets;
	int i;

	assign(_metadata, UUID1, -1, 4);
	ASSERT_EQ(0, hwsim("reset_time", "*.* polls 3"));
	resetter_stops = false;
	ASSERT_EQ(0, pthread_create(&thread, NULL, resetter_run, &self->vfio));
	for (i = 0; i < 300; i++) {
		EXPECT_EQ(0, mdev_write(UUID1, "assign_adapter", "%d", 4 + i % 3));
		EXPECT_EQ(0, mdev_write(UUID1, "unassign_adapter", "%d", 4 + i % 3));
	}
	__atomic_store_n(&resetter_stops, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, &resets));
	EXPECT_LT(0, (long)resets);
	ASSERT_EQ(0, hwsim("reset_time", "*.* polls 0"));
}

/* A queue that has left the host cannot be reset, so the writer stops waiting for its reset. */
static bool host_loses_awaited_queue(struct __test_metadata *_metadata,
				     struct _test_data_guest *self)
{
	struct writer measure, writer;
	bool in_time;

	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, 5, -1);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 05.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "05.0004 hold"));
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 5 forever"));
	writer_start(&measure, UUID1, "unassign_adapter", "5");
	ASSERT_EQ(0, until(second_reset_is_held, NULL));
	usleep(MEASURE_BEGINS_EARLIER_US);
	writer_start(&writer, UUID1, "unassign_adapter", "4");
	ASSERT_EQ(0, until(task_sleeps, &writer.pid));
	ASSERT_TRUE(vm_wait_queues(&self->vm, ""));
	ASSERT_EQ(0, hwsim("adapter_del", "4"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_EQ(0, writer_end(&writer));
	in_time = writer_waits(&measure);
	ASSERT_EQ(0, hwsim("reset_time", "05.0004 release"));
	EXPECT_EQ(0, writer_end(&measure));
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 5 0"));
	ASSERT_EQ(0, hwsim("adapter_add", "4"));
	ASSERT_EQ(0, bus_scan());
	return in_time;
}

TEST_F(guest, no_wait_for_removed_queue)
{
	attempt_within_10_s(_metadata, self, host_loses_awaited_queue);
}

/*
 * An unbind waits until all queues of the adapter have been reset, so that the next driver
 * finds none of the guest's data. After the unbind, the AP bus resets 04.0004 again.
 */
TEST_F(guest, unbind_adapter_reset_wait)
{
	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, -1, 5);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005"));
	ASSERT_EQ(0, hwsim("reset_time", "*.* ms 200"));
	ASSERT_EQ(0, queue_unbind(4, 4));
	EXPECT_EQ(0, hwsim_state(4, 4, "dirty"));
	EXPECT_EQ(0, hwsim_state(4, 5, "dirty"));
	EXPECT_EQ(0, hwsim_state(4, 5, "resetting"));
	ASSERT_EQ(0, hwsim("reset_time", "*.* release"));
}

static bool waits_until_erased(void *data)
{
	return task_waits_in(((struct writer *)data)->pid, "vfio_ap_reset_wait_erased");
}

/*
 * On a kernel without bounded_unbind, the AP bus may fail to reset the queue after the unbind.
 * Therefore, the unbind waits without a timeout until the queue has been reset.
 */
TEST_F(guest, unbind_wait_until_erased)
{
	struct writer unbinder;

	if (has_feature("bounded_unbind"))
		SKIP(return, "this kernel has bounded_unbind");
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	unbinder.pid = fork();
	if (!unbinder.pid)
		_exit(!!queue_unbind(4, 4));
	EXPECT_EQ(0, until(waits_until_erased, &unbinder));
	EXPECT_EQ(1, hwsim_state(4, 4, "held"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	EXPECT_EQ(0, writer_end(&unbinder));
	EXPECT_EQ(0, hwsim_state(4, 4, "dirty"));
	EXPECT_EQ(0, queue_bind(4, 4));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
}

static void *device_reset(void *data)
{
	struct vfio *vfio = data;

	vfio->vm->thread_id = task_id();
	return (void *)(long)(ioctl(vfio->device, VFIO_DEVICE_RESET) ? -errno : 0);
}

/*
 * The reset requested by VFIO_DEVICE_RESET fails first. The reset that the unbind waits for then
 * fails with the same response code.
 */
TEST_F(guest, unbind_wait_second_failure)
{
	struct writer unbinder;
	pthread_t resetter;

	if (has_feature("bounded_unbind"))
		SKIP(return, "this kernel has bounded_unbind");
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	ASSERT_EQ(0, pthread_create(&resetter, NULL, device_reset, &self->vfio));
	ASSERT_EQ(0, until(reset_is_held, NULL));
	unbinder.pid = fork();
	if (!unbinder.pid)
		_exit(!!queue_unbind(4, 4));
	EXPECT_EQ(0, until(waits_until_erased, &unbinder));
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 1 forever"));
	ASSERT_EQ(0, hwsim("respond", "04.0004 tapq 1 forever"));
	EXPECT_EQ(0, writer_end(&unbinder));
	pthread_join(resetter, NULL);
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 1 0"));
	ASSERT_EQ(0, hwsim("respond", "04.0004 tapq 1 0"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	EXPECT_EQ(0, queue_bind(4, 4));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
}

TEST_F(guest, unbind_earlier_reset_wait)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "*.* ms 200"));
	vfio_close(&self->vfio);
	EXPECT_EQ(1, hwsim_state(4, 4, "dirty"));
	ASSERT_EQ(0, queue_unbind(4, 4));
	EXPECT_EQ(0, hwsim_state(4, 4, "dirty"));
	ASSERT_EQ(0, hwsim("reset_time", "*.* release"));
	ASSERT_EQ(0, queue_bind(4, 4));
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
}

static bool reset_was_reported(void *log)
{
	char text[8192];

	return kmsg_lines(*(int *)log, "04.0004: reset not complete", text, sizeof(text)) > 0;
}

/* The NIB's page stays pinned until a reset succeeds, because hardware may still write to it. */
TEST_F(guest, nib_pinned_until_reset_verified)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 44 forever"));
	EXPECT_EQ(-EIO, ioctl(self->vfio.device, VFIO_DEVICE_RESET) ? -errno : 0);
	EXPECT_TRUE(vm_wait_queues(&self->vm, ""));
	ASSERT_EQ(0, hwsim("reply", "04.0004"));
	EXPECT_EQ(4, pinned_kib());
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 44 0"));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
}

/* The NIB's page stays pinned even after the writer has stopped waiting. */
TEST_F(guest, nib_pinned_after_reset_timeout)
{
	struct writer writer;
	int log = kmsg_open();

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	writer_start(&writer, UUID1, "unassign_adapter", "4");
	ASSERT_EQ(0, until(reset_is_held, NULL));
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_EQ(0, until(reset_was_reported, &log));
	close(log);
	ASSERT_EQ(1, hwsim_state(4, 4, "held"));
	ASSERT_EQ(0, hwsim("reply", "04.0004"));
	EXPECT_EQ(4, pinned_kib());
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

static bool pending_queue_waits(struct __test_metadata *_metadata, struct _test_data_guest *self)
{
	struct writer writer;
	bool in_time;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "05.0004 hold"));
	ASSERT_EQ(0, queue_unbind(5, 4));
	ASSERT_EQ(0, queue_bind(5, 4));
	EXPECT_EQ(1, hwsim_state(5, 4, "held"));
	writer_start(&writer, UUID1, "assign_adapter", "5");
	EXPECT_EQ(0, until(task_sleeps, &writer.pid));
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004"));
	in_time = writer_waits(&writer);
	ASSERT_EQ(0, hwsim("reset_time", "05.0004 release"));
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004 05.0004"));
	EXPECT_EQ(0, mdev_write(UUID1, "unassign_adapter", "5"));
	return in_time;
}

/* A queue that is being reset delays only its own hotplug, and no other queue is unplugged. */
TEST_F(guest, pending_queue_plug)
{
	attempt_within_10_s(_metadata, self, pending_queue_waits);
}

/*
 * A reset that began while the guest could still use the queue does not count as the
 * reset after the unplug. The driver must reset the queue once more.
 */
TEST_F(guest, reset_repeated_after_unplug)
{
	struct writer writer;
	pthread_t resetter;
	void *ret;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("reset", "1"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	ASSERT_EQ(0, pthread_create(&resetter, NULL, device_reset, &self->vfio));
	ASSERT_EQ(0, until(reset_is_held, NULL));
	writer_start(&writer, UUID1, "unassign_adapter", "4");
	EXPECT_TRUE(vm_wait_queues(&self->vm, ""));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	EXPECT_EQ(0, writer_end(&writer));
	pthread_join(resetter, &ret);
	EXPECT_EQ(NULL, ret);
	EXPECT_EQ(2, hwsim_state(4, 4, "zapq"));
	EXPECT_EQ(0, hwsim_state(4, 4, "dirty"));
}

static bool queue_was_reset(void *data)
{
	(void)data;
	return hwsim_state(4, 4, "zapq") == 1;
}

static bool hardware_has_ended_reset(void *data)
{
	return queue_was_reset(data) && !hwsim_state(4, 4, "resetting");
}

static bool reset_is_verified(void *data)
{
	char text[8] = "";

	(void)data;
	file_read("/sys/devices/ap/card04/04.0004/reset_pending", text, sizeof(text));
	return !strcmp(text, "0\n");
}

/* A reset is complete when TAPQ returns 00, even if hardware has already queued a new reply. */
TEST_F(guest, reset_done_with_reply_queued)
{
	struct writer writer;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("reset", "1"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 polls 0"));
	ASSERT_EQ(0, hwsim("respond", "04.0004 tapq 2 forever"));
	writer_start(&writer, UUID1, "unassign_adapter", "4");
	ASSERT_EQ(0, until(hardware_has_ended_reset, NULL));
	ASSERT_EQ(0, hwsim("reply", "04.0004"));
	EXPECT_FALSE(reset_is_verified(NULL));
	ASSERT_EQ(0, hwsim("respond", "04.0004 tapq 2 0"));
	EXPECT_EQ(0, until(reset_is_verified, NULL));
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_EQ(1, hwsim_state(4, 4, "zapq"));
}

/* AQIC returns 02 until the driver has verified the reset, even if hardware has finished it. */
TEST_F(guest, aqic_rc_02_until_reset_verified)
{
	pthread_t resetter;
	void *ret;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("reset", "1"));
	ASSERT_EQ(0, hwsim("respond", "04.0004 tapq 2 forever"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 polls 0"));
	ASSERT_EQ(0, pthread_create(&resetter, NULL, device_reset, &self->vfio));
	ASSERT_EQ(0, until(queue_was_reset, NULL));
	EXPECT_EQ(2, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	EXPECT_EQ(2, vm_aqic(&self->vm, 4, 4, false, 3, 0));
	EXPECT_EQ(0, hwsim_state(4, 4, "aqic"));
	ASSERT_EQ(0, hwsim("respond", "04.0004 tapq 2 0"));
	pthread_join(resetter, &ret);
	EXPECT_EQ(NULL, ret);
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
}

/*
 * Condition for until(): the driver has issued three more TAPQs. The first of them may still
 * be part of the reset before the unbind.
 */
static bool queue_was_polled(void *before)
{
	return hwsim_state(4, 4, "tapq") >= *(long *)before + 3;
}

/* After the unbind, another driver may use the queue, so vfio_ap must not reset it any more. */
TEST_F(guest, no_reset_after_unbind)
{
	long resets, polls;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	/*
	 * While the queue's interrupt is enabled, the driver polls the queue even after
	 * the unbind.
	 */
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("reset", "1"));
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 5 forever"));
	ASSERT_EQ(0, queue_unbind(4, 4));
	resets = hwsim_state(4, 4, "zapq");
	polls = hwsim_state(4, 4, "tapq");
	/* The AP bus issued one of these resets. */
	EXPECT_LT(2, resets);
	ASSERT_EQ(0, until(queue_was_polled, &polls));
	EXPECT_EQ(resets, hwsim_state(4, 4, "zapq"));
	EXPECT_EQ(4, pinned_kib());
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 5 0"));
	ASSERT_EQ(0, queue_bind(4, 4));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
}

struct opener {
	struct vfio *vfio;
	struct vm *vm;
};

static void *device_open(void *data)
{
	struct opener *opener = data;

	opener->vm->thread_id = task_id();
	return (void *)(long)vfio_open(opener->vfio, opener->vm, UUID1);
}

/*
 * If a guest starts right after another guest has ended, the new guest has all its queues when
 * the open returns.
 */
TEST_F(guest, open_reset_wait)
{
	struct opener opener = { &self->vfio, &self->vm };
	pthread_t thread;
	void *ret;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	vfio_close(&self->vfio);
	ASSERT_EQ(0, until(reset_is_held, NULL));
	ASSERT_EQ(0, pthread_create(&thread, NULL, device_open, &opener));
	ASSERT_EQ(0, until(task_sleeps, &self->vm.thread_id));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	pthread_join(thread, &ret);
	ASSERT_EQ(NULL, ret);
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004"));
}

static bool four_resets_are_held(void *data)
{
	(void)data;
	return hwsim_state(4, 4, "held") == 1 && hwsim_state(4, 5, "held") == 1 &&
	       hwsim_state(5, 4, "held") == 1 && hwsim_state(5, 5, "held") == 1;
}

/* The resets of different queues run in parallel. */
TEST_F(guest, parallel_resets)
{
	struct writer writer;

	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, 5, 5);
	assign(_metadata, UUID1, -1, 6);
	ASSERT_TRUE(vm_wait_queues(&self->vm,
				   "04.0004 04.0005 04.0006 05.0004 05.0005 05.0006"));
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_domain", "6"));
	ASSERT_EQ(0, hwsim("reset_time", "*.* hold"));
	writer_start(&writer, UUID1, "unassign_adapter", "5");
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005"));
	/* Unbinding one queue unplugs the whole adapter. */
	ASSERT_EQ(0, queue_unbind(4, 4));
	EXPECT_EQ(0, until(four_resets_are_held, NULL));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	ASSERT_EQ(0, hwsim("reset_time", "*.* release"));
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_EQ(0, hwsim_state(5, 5, "dirty"));
}

static bool reset_was_retried(void *data)
{
	(void)data;
	return hwsim_state(4, 4, "zapq") > 4;
}

/*
 * If a reset ends with an unknown response code, the queue may still contain data, so the
 * driver retries the reset.
 */
TEST_F(guest, unknown_code_reset_retry)
{
	int kmsg = kmsg_open();

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, queue_unbind(4, 4));
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 44 forever"));
	ASSERT_EQ(0, queue_bind(4, 4));
	EXPECT_EQ(0, until(reset_pending_shows, "04.0004"));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	/* The driver retries the reset, but logs the failure only once. */
	EXPECT_EQ(0, until(reset_was_retried, NULL));
	EXPECT_EQ(1, kmsg_lines(kmsg, "queue 04.0004: reset not complete, last response code 44",
				self->text, sizeof(self->text)));
	close(kmsg);
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 44 0"));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_EQ(0, until(reset_pending_shows, ""));
}

static bool retry_is_held(void *data)
{
	(void)data;
	return hwsim_state(4, 5, "held") == 1;
}

/*
 * Hardware has accepted a retry, but the queue counts as failed until the reset has
 * ended, so the guest loses the adapter.
 */
TEST_F(guest, failed_queue_during_retry)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	/* The reset by the AP bus must end before the driver's reset begins. */
	ASSERT_EQ(0, hwsim("reset_time", "04.0005 polls 0"));
	ASSERT_EQ(0, queue_unbind(4, 5));
	/*
	 * The simulator first rejects all retries. It then accepts a retry and holds this
	 * reset.
	 */
	ASSERT_EQ(0, hwsim("respond", "04.0005 zapq 30 forever"));
	ASSERT_EQ(0, queue_bind(4, 5));
	ASSERT_EQ(0, hwsim("reset_time", "04.0005 hold"));
	ASSERT_EQ(0, hwsim("respond", "04.0005 zapq 30 0"));
	ASSERT_EQ(0, until(retry_is_held, NULL));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "5"));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	ASSERT_EQ(0, hwsim("reset_time", "04.0005 release"));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005"));
}

/* The queue is no longer assigned to an mdev, so only the queue's own attribute shows the reset. */
TEST_F(guest, reset_pending_unassigned_queue)
{
	struct writer writer;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	file_read("/sys/devices/ap/card04/04.0004/reset_pending", self->text, 8);
	EXPECT_STREQ("0\n", self->text);
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	writer_start(&writer, UUID1, "unassign_adapter", "4");
	ASSERT_EQ(0, until(reset_is_held, NULL));
	file_read("/sys/devices/ap/card04/04.0004/reset_pending", self->text, 8);
	EXPECT_STREQ("1\n", self->text);
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	EXPECT_EQ(0, writer_end(&writer));
	file_read("/sys/devices/ap/card04/04.0004/reset_pending", self->text, 8);
	EXPECT_STREQ("0\n", self->text);
}

/* Condition for until(): the process has ended, or waits for the reset of an added queue. */
static bool ended_or_waits_for_reset(void *data)
{
	struct writer *process = data;

	return !writer_waits(process) ||
	       task_waits_in(process->pid, "vfio_ap_reset_wait_added");
}

/* Unbind 05.0005, so that adapter 05 stays unplugged even after the reset of 05.0004 has ended. */
static void bad_adapter_prepare(struct __test_metadata *_metadata)
{
	ASSERT_EQ(0, queue_unbind(5, 5));
	ASSERT_EQ(0, queue_unbind(5, 4));
	ASSERT_EQ(0, hwsim("reset_time", "05.0004 hold"));
	ASSERT_EQ(0, queue_bind(5, 4));
	ASSERT_EQ(0, until(second_reset_is_held, NULL));
}

/* Check that the process ends while the simulator still holds the reset, and release the reset. */
static void bad_adapter_end(struct __test_metadata *_metadata, struct writer *process)
{
	EXPECT_EQ(0, until(ended_or_waits_for_reset, process));
	EXPECT_FALSE(writer_waits(process));
	EXPECT_EQ(0, writer_end(process));
	EXPECT_EQ(1, hwsim_state(5, 4, "held"));
	ASSERT_EQ(0, hwsim("reset_time", "05.0004 release"));
	ASSERT_EQ(0, queue_bind(5, 5));
}

TEST_F(guest, assign_no_wait_bad_adapter)
{
	struct writer writer;

	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "08,0c,0"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005"));
	bad_adapter_prepare(_metadata);
	writer_start(&writer, UUID1, "assign_adapter", "5");
	bad_adapter_end(_metadata, &writer);
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005 05.0004 05.0005"));
}

TEST_F(guest, open_no_wait_bad_adapter)
{
	struct writer opener;

	ASSERT_EQ(0, mdev_create(UUID2));
	ASSERT_EQ(0, mdev_write(UUID2, "ap_config", "04,0c,0"));
	bad_adapter_prepare(_metadata);
	opener.pid = fork();
	if (!opener.pid) {
		struct vfio vfio;
		struct vm vm;

		_exit(vm_create(&vm) || vfio_open(&vfio, &vm, UUID2));
	}
	bad_adapter_end(_metadata, &opener);
	EXPECT_TRUE(mdev_wait_for(UUID2, "guest_matrix", "05.0004 05.0005"));
	EXPECT_EQ(0, mdev_remove(UUID2));
}

static bool absent_domain_waits(struct __test_metadata *_metadata, struct _test_data_guest *self)
{
	struct writer writer;
	bool in_time;

	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "08,08,0"));
	assign(_metadata, UUID1, -1, 200);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, queue_unbind(5, 4));
	ASSERT_EQ(0, hwsim("reset_time", "05.0004 hold"));
	ASSERT_EQ(0, queue_bind(5, 4));
	writer_start(&writer, UUID1, "assign_adapter", "5");
	EXPECT_EQ(0, until(ended_or_waits_for_reset, &writer));
	in_time = writer_waits(&writer);
	ASSERT_EQ(0, hwsim("reset_time", "05.0004 release"));
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004 05.0004"));
	return in_time;
}

/* Domain 200 is not in the host, so it does not keep adapter 05 out of the guest. */
TEST_F(guest, assign_wait_domain_not_in_host)
{
	attempt_within_10_s(_metadata, self, absent_domain_waits);
}

/* 05.0005 is bound, but keeps adapter 05 out of the guest while its reset fails. */
TEST_F(guest, assign_no_wait_failed_reset)
{
	struct writer writer;

	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "08,0c,0"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005"));
	bad_adapter_prepare(_metadata);
	ASSERT_EQ(0, hwsim("respond", "05.0005 zapq 30 forever"));
	ASSERT_EQ(0, queue_bind(5, 5));
	writer_start(&writer, UUID1, "assign_adapter", "5");
	EXPECT_EQ(0, until(ended_or_waits_for_reset, &writer));
	EXPECT_FALSE(writer_waits(&writer));
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_EQ(1, hwsim_state(5, 4, "held"));
	ASSERT_EQ(0, hwsim("reset_time", "05.0004 release"));
	ASSERT_EQ(0, hwsim("respond", "05.0005 zapq 30 0"));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005 05.0004 05.0005"));
}

/*
 * Unbind 05.0005 while a writer waits for the reset of 05.0004. The reset of 06.0006
 * began earlier. As long as a dry run predicts a wait for 06.0006, the writer has waited
 * for less than 10 s.
 */
static bool unbind_ends_wait(struct __test_metadata *_metadata, struct _test_data_guest *self)
{
	struct writer writer;
	bool in_time;

	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "08,0c,0"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005"));
	ASSERT_EQ(0, queue_unbind(6, 6));
	ASSERT_EQ(0, queue_unbind(5, 4));
	ASSERT_EQ(0, hwsim("reset_time", "06.0006 hold"));
	ASSERT_EQ(0, hwsim("reset_time", "05.0004 hold"));
	ASSERT_EQ(0, queue_bind(6, 6));
	ASSERT_EQ(0, queue_bind(5, 4));
	writer_start(&writer, UUID1, "assign_adapter", "5");
	EXPECT_EQ(0, until(ended_or_waits_for_reset, &writer));
	in_time = writer_waits(&writer);
	ASSERT_EQ(0, queue_unbind(5, 5));
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_EQ(1, hwsim_state(5, 4, "held"));
	ASSERT_EQ(0, mdev_write(UUID2, "ap_config_dry_run", "02,02,0"));
	ASSERT_LE(0, mdev_read(UUID2, "ap_config_dry_run", self->text, sizeof(self->text)));
	ASSERT_EQ(0, hwsim("reset_time", "*.* release"));
	ASSERT_EQ(0, queue_bind(5, 5));
	return in_time && !strstr(self->text, "wait_ms=0\n");
}

TEST_F(guest, assign_wait_ended_by_unbind)
{
	ASSERT_EQ(0, mdev_create(UUID2));
	attempt_within_10_s(_metadata, self, unbind_ends_wait);
	EXPECT_EQ(0, mdev_remove(UUID2));
}

static bool waits_for_reset(struct writer *writer)
{
	return task_waits_in(writer->pid, "vfio_ap_reset_wait_added");
}

/*
 * Both writers have passed their first check for conflicts when the reset ends, so only
 * the check after the wait can reject one of them. Mdev 2 has no guest.
 */
static bool two_writers_assign(struct __test_metadata *_metadata, struct _test_data_guest *self)
{
	static const char *const uuids[] = { UUID1, UUID2 };
	int i, winner, loser, errors[2];
	struct writer writers[2];
	bool in_time;

	ASSERT_EQ(0, queue_unbind(6, 6));
	ASSERT_EQ(0, hwsim("reset_time", "06.0006 hold"));
	ASSERT_EQ(0, queue_bind(6, 6));
	for (i = 0; i < 2; i++)
		writer_start(&writers[i], uuids[i], "assign_adapter", "6");
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, until(ended_or_waits_for_reset, &writers[i]));
	in_time = waits_for_reset(&writers[0]) && waits_for_reset(&writers[1]);
	ASSERT_EQ(0, hwsim("reset_time", "06.0006 release"));
	for (i = 0; i < 2; i++)
		errors[i] = writer_end(&writers[i]);
	winner = !!errors[0];
	loser = !winner;
	EXPECT_EQ(0, errors[winner]);
	EXPECT_EQ(EADDRINUSE, errors[loser]);
	EXPECT_TRUE(mdev_shows(uuids[winner], "matrix", "06.0006"));
	EXPECT_TRUE(mdev_shows(uuids[loser], "matrix", ".0006"));
	EXPECT_LT(0, mdev_read(uuids[loser], "last_error", self->text, sizeof(self->text)));
	EXPECT_NE(NULL, strstr(self->text, uuids[winner])) TH_LOG("%s", self->text);
	EXPECT_TRUE(vm_wait_queues(&self->vm, winner == 0 ? "06.0006" : ""));
	ASSERT_EQ(0, mdev_write(uuids[winner], "unassign_adapter", "6"));
	return in_time;
}

TEST_F(guest, concurrent_assign_same_queue)
{
	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID1, -1, 6);
	assign(_metadata, UUID2, -1, 6);
	attempt_within_10_s(_metadata, self, two_writers_assign);
	EXPECT_EQ(0, mdev_remove(UUID2));
}

static int each_queue(int (*function)(int apid, int apqi))
{
	int apid, apqi, ret = 0;

	for (apid = 4; apid <= 6; apid++) {
		for (apqi = 4; apqi <= 6; apqi++)
			ret = ret ?: function(apid, apqi);
	}
	return ret;
}

/* An unbind waits only for resets that were requested less than 2 s ago. */
#define OLD_RESET_S	3

/* No mdev has queues, so an unbind could wait only for the resets that the simulator holds. */
TEST_F(guest, unbind_no_wait_old_resets)
{
	struct writer unbinder;

	ASSERT_EQ(0, each_queue(queue_unbind));
	ASSERT_EQ(0, hwsim("reset_time", "*.* hold"));
	ASSERT_EQ(0, each_queue(queue_bind));
	sleep(OLD_RESET_S);
	unbinder.pid = fork();
	if (!unbinder.pid)
		_exit(!!each_queue(queue_unbind));
	EXPECT_TRUE(writer_ends_without(&unbinder, "vfio_ap_reset_wait_removed"));
	EXPECT_EQ(0, writer_end(&unbinder));
	EXPECT_EQ(1, hwsim_state(4, 4, "held"));
	EXPECT_EQ(1, hwsim_state(6, 6, "held"));
	ASSERT_EQ(0, hwsim("reset_time", "*.* release"));
	ASSERT_EQ(0, each_queue(queue_bind));
}

#include "lib/main.h"
