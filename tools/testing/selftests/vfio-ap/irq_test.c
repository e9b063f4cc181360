// SPDX-License-Identifier: GPL-2.0
/*
 * The driver must keep the NIB's page pinned and the GISC registered until hardware has
 * shown that it will not write to the NIB again.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/vfio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lib/guest_fixture.h"
#include "lib/hwsim.h"

#define QUEUES		"/sys/kernel/debug/vfio_ap/queues"
#define OTHER_NIB	(AGENT_NIB + 0x2000)

struct registration {
	const char *apqn, *state;
};

/* Condition for until(): debugfs shows want->state for the queue's interrupt registration. */
static bool registration_is(void *data)
{
	const struct registration *want = data;
	char text[8192] = "", *line, *state;

	if (file_read(QUEUES, text, sizeof(text)) < 0)
		return false;
	line = strstr(text, want->apqn);
	/* The file has no line for a queue that the driver does not know. */
	if (!line)
		return !strcmp(want->state, "none");
	line[strcspn(line, "\n")] = 0;
	state = strstr(line, " irq=");
	return state && !strcmp(state + strlen(" irq="), want->state);
}

#define EXPECT_REGISTRATION(queue, word) do {					\
	struct registration want = { .apqn = queue, .state = word };		\
	EXPECT_EQ(0, until(registration_is, &want));				\
} while (0)

struct polls {
	int apid, apqi;
	long before;
};

static bool polled_three_times(void *data)
{
	struct polls *polls = data;

	return hwsim_state(polls->apid, polls->apqi, "tapq") >= polls->before + 3;
}

/* Wait until the driver has issued three more TAPQs for the queue. */
static int wait_for_polls(int apid, int apqi)
{
	struct polls polls = { apid, apqi, hwsim_state(apid, apqi, "tapq") };

	return until(polled_three_times, &polls);
}

/*
 * TAPQ may not show the enable yet, so an interrupt bit of 0 does not prove that the
 * interrupt is off.
 */
TEST_F(guest, enable_not_shown_at_unbind)
{
	struct other other;

	other_start(_metadata, &other, 5, 5);
	ASSERT_TRUE(vm_wait_queues(&other.vm, "05.0005"));
	ASSERT_EQ(0, hwsim("aqic_delay", "05.0005 1000000"));
	ASSERT_EQ(0, vm_aqic(&other.vm, 5, 5, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("respond", "05.0005 zapq 05 forever"));
	other_end(_metadata, &other);
	ASSERT_EQ(0, queue_unbind(5, 5));
	EXPECT_EQ(0, wait_for_polls(5, 5));
	EXPECT_EQ(4, pinned_kib());
	EXPECT_REGISTRATION("05.0005", "enabling");
	/* TAPQ now shows that the interrupt is enabled. */
	ASSERT_EQ(0, hwsim("aqic_delay", "05.0005 0"));
	EXPECT_REGISTRATION("05.0005", "on");
	EXPECT_EQ(0, wait_for_polls(5, 5));
	EXPECT_EQ(4, pinned_kib());
	EXPECT_EQ(0, hwsim("reply", "05.0005"));
	EXPECT_EQ(0, hwsim("check", "1"));
	EXPECT_EQ(0, hwsim_violations(self->text, sizeof(self->text))) TH_LOG("%s", self->text);
	ASSERT_EQ(0, hwsim("respond", "05.0005 zapq 0 0"));
	ASSERT_EQ(0, queue_bind(5, 5));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	EXPECT_REGISTRATION("05.0005", "none");
}

/*
 * A reset that the guest issued is still in progress after the unbind. The guest's
 * interrupt registration must end with this reset, even if the host has enabled the
 * queue's interrupt for itself. The AP bus zeroizes the queue for the host.
 */
TEST_F(guest, unbind_during_guest_reset)
{
	struct other other;
	pid_t taker;
	int status;

	other_start(_metadata, &other, 5, 5);
	ASSERT_TRUE(vm_wait_queues(&other.vm, "05.0005"));
	ASSERT_EQ(0, vm_aqic(&other.vm, 5, 5, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("reset_time", "05.0005 hold"));
	ASSERT_EQ(0, vm_zapq(&other.vm, 5, 5));
	other_end(_metadata, &other);
	/* host_take() blocks until the reset ends, because zcrypt sends a request to the queue. */
	taker = fork();
	if (!taker)
		_exit(-host_take(5, 5));
	ASSERT_TRUE(hwsim_wait_driver(5, 5, "cex4queue"));
	EXPECT_EQ(4, pinned_kib());
	ASSERT_EQ(0, hwsim("reset_time", "05.0005 release"));
	EXPECT_EQ(taker, waitpid(taker, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	EXPECT_REGISTRATION("05.0005", "none");
	EXPECT_EQ(0, until(host_request_is_rejected, NULL));
}

/*
 * No driver is bound to the queue when the guest's reset ends, so only this reset can end
 * the registration.
 */
TEST_F(guest, guest_reset_end_after_unbind)
{
	struct other other;

	other_start(_metadata, &other, 5, 5);
	ASSERT_TRUE(vm_wait_queues(&other.vm, "05.0005"));
	ASSERT_EQ(0, vm_aqic(&other.vm, 5, 5, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("reset_time", "05.0005 hold"));
	ASSERT_EQ(0, vm_zapq(&other.vm, 5, 5));
	other_end(_metadata, &other);
	ASSERT_EQ(0, queue_unbind(5, 5));
	EXPECT_EQ(4, pinned_kib());
	ASSERT_EQ(0, hwsim("reset_time", "05.0005 release"));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	EXPECT_REGISTRATION("05.0005", "none");
}

/*
 * The guest loses the queue only after the unbind has returned. The AP bus then zeroizes
 * the queue for the host.
 */
TEST_F(guest, unbind_under_held_kvm_lock)
{
	struct hold hold;
	struct other other;

	ASSERT_EQ(0, other_create_bare(&other));
	ASSERT_EQ(0, hold_kvm_lock(&hold, &other.vm));
	ASSERT_EQ(0, queue_unbind(5, 5));
	EXPECT_EQ(0, hold_release(&hold));
	EXPECT_TRUE(mdev_wait_for(UUID2, "guest_matrix", ".0005"));
	other_end(_metadata, &other);
	ASSERT_EQ(0, host_take(5, 5));
	EXPECT_EQ(0, until(host_request_is_rejected, NULL));
}

/*
 * TAPQ has not shown the enable, so an interrupt bit of 0 after the disable does not
 * prove that the interrupt is off.
 */
TEST_F(guest, disable_before_enable_shown)
{
	unsigned char *nib = (unsigned char *)self->vm.memory + OTHER_NIB;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("aqic_delay", "04.0004 1000000"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	EXPECT_REGISTRATION("04.0004", "enabling");
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, false, 3, 0));
	EXPECT_REGISTRATION("04.0004", "in-doubt");
	EXPECT_EQ(0, wait_for_polls(4, 4));
	EXPECT_EQ(4, pinned_kib());
	/* Hardware completes the enable before the disable, so it may write to AGENT_NIB. */
	ASSERT_EQ(0, hwsim("reply", "04.0004"));
	/* When hardware accepts this enable, the registration of AGENT_NIB ends. */
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, OTHER_NIB));
	EXPECT_EQ(4, pinned_kib());
	EXPECT_REGISTRATION("04.0004", "enabling");
	ASSERT_EQ(0, hwsim("reply", "04.0004"));
	EXPECT_EQ(1, *nib);
	/* This time, TAPQ shows the enable of OTHER_NIB before it shows the disable. */
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, false, 3, 0));
	EXPECT_REGISTRATION("04.0004", "in-doubt");
	ASSERT_EQ(0, hwsim("aqic_delay", "04.0004 2"));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	EXPECT_REGISTRATION("04.0004", "none");
}

TEST_F(guest, disable_not_shown)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("aqic_delay", "04.0004 1000000"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, false, 3, 0));
	EXPECT_REGISTRATION("04.0004", "disabling");
	EXPECT_EQ(5, vm_aqic(&self->vm, 4, 4, true, 3, OTHER_NIB));
	EXPECT_EQ(5, vm_aqic(&self->vm, 4, 4, false, 3, 0));
	EXPECT_EQ(0, wait_for_polls(4, 4));
	EXPECT_EQ(4, pinned_kib());
	ASSERT_EQ(0, hwsim("aqic_delay", "04.0004 0"));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	EXPECT_REGISTRATION("04.0004", "none");
}

/* VFIO_DEVICE_RESET unpins pages even while another task holds the VMM's mmap_lock. */
TEST_F(guest, reset_under_held_mmap_lock)
{
	pid_t resetter, holder, owner = getpid();

	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, -1, 5);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 5, true, 3, OTHER_NIB));
	ASSERT_EQ(0, hwsim("reset_time", "*.* hold"));
	resetter = fork();
	if (!resetter)
		_exit(-ioctl(self->vfio.device, VFIO_DEVICE_RESET));
	holder = fork();
	if (!holder)
		_exit(hwsim("mmap_lock", "%d", owner));
	/*
	 * This process must not call fork() or mmap() until the holder of its mmap_lock
	 * has ended.
	 */
	ASSERT_EQ(0, until(task_is_interruptible, &holder));
	ASSERT_EQ(0, hwsim("reset_time", "*.* release"));
	EXPECT_EQ(resetter, waitpid(resetter, NULL, 0));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	kill(holder, SIGKILL);
	EXPECT_EQ(holder, waitpid(holder, NULL, 0));
}

/* Hardware rejects each ZAPQ from vfio_ap, so only a ZAPQ from the AP bus ends the registration. */
TEST_F(guest, zapq_busy_until_host_bind)
{
	struct other other;

	other_start(_metadata, &other, 5, 5);
	ASSERT_TRUE(vm_wait_queues(&other.vm, "05.0005"));
	ASSERT_EQ(0, vm_aqic(&other.vm, 5, 5, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("respond", "05.0005 zapq 05 forever"));
	other_end(_metadata, &other);
	ASSERT_EQ(0, host_take(5, 5));
	EXPECT_REGISTRATION("05.0005", "on");
	EXPECT_EQ(4, pinned_kib());
	ASSERT_EQ(0, hwsim("respond", "05.0005 zapq 0 0"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_EQ(0, until(host_request_is_rejected, NULL));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	EXPECT_REGISTRATION("05.0005", "none");
}

/*
 * The AP bus must zeroize a queue that a guest has used, even if the queue's device was
 * removed and created again in the meantime.
 */
TEST_F(guest, zeroize_of_recreated_queue)
{
	struct other other;

	other_start(_metadata, &other, 5, 5);
	ASSERT_TRUE(vm_wait_queues(&other.vm, "05.0005"));
	ASSERT_EQ(0, hwsim("domain_del", "5"));
	ASSERT_EQ(0, bus_scan());
	ASSERT_TRUE(vm_wait_queues(&other.vm, ""));
	other_end(_metadata, &other);
	ASSERT_EQ(0, file_write(BUS "apmask", "+5"));
	ASSERT_EQ(0, file_write(BUS "aqmask", "+5"));
	ASSERT_EQ(0, hwsim("domain_add", "5"));
	ASSERT_EQ(0, bus_scan());
	ASSERT_TRUE(hwsim_wait_driver(5, 5, "cex4queue"));
	EXPECT_EQ(0, until(host_request_is_rejected, NULL));
}

/* While an unbind waits for kvm->lock, the AP bus must not issue instructions for the queue. */
TEST_F(guest, bus_events_during_remove)
{
	struct writer unbinder;
	struct hold hold;
	struct other other;
	long resets, interrupts;

	ASSERT_EQ(0, host_take(6, 6));
	EXPECT_EQ(0, until(host_request_is_rejected, NULL));
	ASSERT_EQ(0, other_create_bare(&other));
	ASSERT_EQ(0, hold_kvm_lock(&hold, &other.vm));
	resets = hwsim_state(5, 5, "rapq");
	interrupts = hwsim_state(5, 5, "aqic");
	unbinder.pid = fork();
	if (!unbinder.pid)
		_exit(!!queue_unbind(5, 5));
	while (writer_waits(&unbinder))
		EXPECT_EQ(-EINVAL, host_request());
	EXPECT_EQ(resets, hwsim_state(5, 5, "rapq"));
	EXPECT_EQ(interrupts, hwsim_state(5, 5, "aqic"));
	EXPECT_EQ(0, writer_end(&unbinder));
	EXPECT_EQ(0, hold_release(&hold));
	other_end(_metadata, &other);
}

/* Only vfio_ap, not the AP bus, may reset a guest's queue or enable the queue's interrupt. */
TEST_F(guest, no_bus_reset_of_guest_queue)
{
	static const struct {
		const char *knob, *value;
	} events[] = {
		{ "adapter_add", "7" },
		{ "deconfigure", "7" },
		{ "configure", "7" },
		{ "checkstop", "07.0004" },
		{ "checkstop_end", "07.0004" },
	};
	unsigned int i;

	assign(_metadata, UUID1, 7, 4);
	for (i = 0; i < sizeof(events) / sizeof(*events); i++) {
		ASSERT_EQ(0, hwsim(events[i].knob, "%s", events[i].value));
		ASSERT_EQ(0, bus_scan());
		EXPECT_EQ(0, hwsim_state(7, 4, "rapq"));
		EXPECT_EQ(0, hwsim_state(7, 4, "aqic"));
	}
	EXPECT_TRUE(vm_wait_queues(&self->vm, "07.0004"));
	EXPECT_EQ(0, file_write("/sys/devices/ap/card07/07.0004/reset", "1"));
	EXPECT_EQ(0, hwsim_state(7, 4, "rapq"));
	EXPECT_EQ(0, hwsim_state(7, 4, "aqic"));
}

/* If another task has locked a page, the driver does not wait, but unpins the page later. */
TEST_F(guest, locked_page)
{
	pid_t holder, owner = getpid();

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	holder = fork();
	if (!holder)
		_exit(hwsim("page_lock", "%d %lx", owner,
			    (unsigned long)self->vm.memory + AGENT_NIB));
	ASSERT_EQ(0, until(task_is_interruptible, &holder));
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, 3, 0));
	EXPECT_EQ(4, pinned_kib());
	EXPECT_EQ(0, ioctl(self->vfio.device, VFIO_DEVICE_RESET));
	EXPECT_EQ(4, pinned_kib());
	/* The driver reuses the page, which is still pinned, instead of pinning it again. */
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	EXPECT_EQ(4, pinned_kib());
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, 3, 0));
	EXPECT_EQ(4, pinned_kib());
	kill(holder, SIGKILL);
	EXPECT_EQ(holder, waitpid(holder, NULL, 0));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

static int limit_memory(unsigned long bytes)
{
	struct rlimit limit = { .rlim_cur = bytes, .rlim_max = bytes };

	/*
	 * Threads that this thread creates later, such as vCPUs, do not have the
	 * capability either.
	 */
	return capability_drop(CAP_IPC_LOCK) ?: setrlimit(RLIMIT_MEMLOCK, &limit) ? -errno : 0;
}

/* A page that contains several NIBs counts only once against RLIMIT_MEMLOCK. */
TEST_F(guest, shared_page)
{
	static const char queues[] =
		"04.0004 04.0005 04.0006 05.0004 05.0005 05.0006 06.0004 06.0005 06.0006";
	struct other other;
	int apid, apqi;

	ASSERT_EQ(0, limit_memory(4096));
	ASSERT_EQ(0, mdev_create(UUID2));
	ASSERT_EQ(0, mdev_write(UUID2, "ap_config", "0e,0e,0e"));
	ASSERT_EQ(0, vm_create(&other.vm));
	ASSERT_EQ(0, vfio_open(&other.vfio, &other.vm, UUID2));
	ASSERT_EQ(0, vm_start(&other.vm));
	ASSERT_TRUE(vm_wait_queues(&other.vm, queues));
	for (apid = 4; apid <= 6; apid++) {
		for (apqi = 4; apqi <= 6; apqi++)
			EXPECT_EQ(0, vm_aqic(&other.vm, apid, apqi, true, 3, AGENT_NIB));
	}
	EXPECT_EQ(4, pinned_kib());
	for (apid = 4; apid <= 6; apid++) {
		for (apqi = 4; apqi <= 6; apqi++) {
			EXPECT_EQ(4, pinned_kib());
			EXPECT_EQ(0, vm_aqic(&other.vm, apid, apqi, false, 3, 0));
		}
	}
	EXPECT_EQ(0, pinned_kib());
	/* An unpinned page no longer counts against the limit. */
	EXPECT_EQ(0, vm_aqic(&other.vm, 4, 4, true, 3, OTHER_NIB));
	EXPECT_EQ(0, vm_aqic(&other.vm, 4, 4, false, 3, 0));
	EXPECT_EQ(0, vm_aqic(&other.vm, 4, 5, true, 3, AGENT_NIB));
	EXPECT_EQ(6, vm_aqic(&other.vm, 4, 6, true, 3, OTHER_NIB));
	EXPECT_EQ(4, pinned_kib());
	other_end(_metadata, &other);
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

#include "lib/main.h"
