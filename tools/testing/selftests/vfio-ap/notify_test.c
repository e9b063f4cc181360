// SPDX-License-Identifier: GPL-2.0
/* Test poll() on sysfs attributes, and the uevents that report guest updates. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/guest_fixture.h"

#define QUEUE(name)	"/sys/devices/ap/card" name "/status"

/* Wait up to 30 s for poll() to report a change, and then read the attribute. */
static bool wakes(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLPRI };
	char text[8192];

	if (poll(&poller, 1, 30000) != 1 || !(poller.revents & POLLPRI))
		return false;
	lseek(fd, 0, SEEK_SET);
	return read(fd, text, sizeof(text)) >= 0;
}

static bool sleeps(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLPRI };

	return !poll(&poller, 1, 0);
}

/* Consume all pending notifications. */
static bool drain_notifications(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLPRI };
	char text[8192];

	do {
		lseek(fd, 0, SEEK_SET);
		if (read(fd, text, sizeof(text)) < 0)
			return false;
	} while (poll(&poller, 1, 500) == 1);
	return true;
}

TEST_F(guest, poll_wakeup_on_change)
{
	int matrix = watch_open(MATRIX UUID1 "/guest_matrix");
	int config = watch_open(MATRIX UUID1 "/guest_ap_config");
	int states = watch_open(MATRIX UUID1 "/queue_states");
	int queue = watch_open(QUEUE("04/04.0004")), stranger = watch_open(QUEUE("06/06.0006"));

	ASSERT_LE(0, matrix);
	ASSERT_LE(0, config);
	ASSERT_LE(0, states);
	ASSERT_LE(0, queue);
	ASSERT_LE(0, stranger);
	ASSERT_TRUE(drain_notifications(states));
	EXPECT_TRUE(sleeps(matrix) && sleeps(config) && sleeps(queue));

	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "08,08,0"));
	EXPECT_TRUE(wakes(matrix));
	EXPECT_TRUE(wakes(config));
	EXPECT_TRUE(wakes(states));
	EXPECT_TRUE(wakes(queue));
	EXPECT_TRUE(queue_status(4, 4, "in use"));
	ASSERT_EQ(0, hwsim("domain_del", "4"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_TRUE(wakes(matrix));
	EXPECT_TRUE(wakes(config));
	ASSERT_EQ(0, hwsim("domain_add", "4"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_TRUE(wakes(matrix));
	EXPECT_TRUE(wakes(config));
	EXPECT_TRUE(sleeps(stranger));
	close(matrix);
	close(config);
	close(states);
	close(queue);
	close(stranger);
}

/*
 * The list changes after the program has read the first lines. The program then reads the
 * rest of the list, but poll() must still report a change, because the first lines are
 * stale.
 */
static void change_while_read(struct __test_metadata *_metadata, const char *path)
{
	int list = watch_open(path), witness = watch_open(path);
	char text[64];

	ASSERT_LE(0, list);
	ASSERT_LE(0, witness);
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "08,08,0"));
	ASSERT_TRUE(wakes(list));
	ASSERT_TRUE(drain_notifications(witness));
	ASSERT_EQ(0, lseek(list, 0, SEEK_SET));
	ASSERT_LT(0, read(list, text, sizeof(text)));
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "04,08,0"));
	ASSERT_TRUE(wakes(witness));
	while (read(list, text, sizeof(text)) > 0)
		;
	EXPECT_FALSE(sleeps(list)) TH_LOG("%s", path);
	/* After another read from the start, poll() reports nothing. */
	EXPECT_TRUE(drain_notifications(list));
	EXPECT_TRUE(sleeps(list)) TH_LOG("%s", path);
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0,0,0"));
	close(list);
	close(witness);
}

TEST_F(guest, change_during_read)
{
	change_while_read(_metadata, MATRIX UUID1 "/guest_matrix");
	change_while_read(_metadata, MATRIX UUID1 "/queue_states");
}

/* Read the file each time poll() reports a change, until the file contains @wanted. */
static bool wakes_until(int fd, const char *wanted)
{
	struct pollfd poller = { .fd = fd, .events = POLLPRI };
	char text[8192];
	ssize_t len;

	for (;;) {
		lseek(fd, 0, SEEK_SET);
		len = read(fd, text, sizeof(text) - 1);
		if (len < 0)
			return false;
		text[len] = 0;
		if (strstr(text, wanted))
			return true;
		if (poll(&poller, 1, 30000) != 1)
			return false;
	}
}

/*
 * A queue's state changes several times before the guest gets the queue. poll() must report
 * each change.
 */
TEST_F(guest, states_wakeup_guest_unchanged)
{
	int states = watch_open(MATRIX UUID1 "/queue_states");
	int matrix = watch_open(MATRIX UUID1 "/guest_matrix");

	ASSERT_LE(0, states);
	ASSERT_LE(0, matrix);
	ASSERT_EQ(0, queue_unbind(4, 4));
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "08,08,0"));
	EXPECT_TRUE(wakes_until(states, "04.0004 not-bound "));
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 42 forever"));
	ASSERT_EQ(0, hwsim("respond", "04.0004 rapq 42 forever"));
	ASSERT_EQ(0, queue_bind(4, 4));
	EXPECT_TRUE(wakes_until(states, "04.0004 reset-failed rc=42 "));
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 42 0"));
	ASSERT_EQ(0, hwsim("respond", "04.0004 rapq 42 0"));
	EXPECT_TRUE(wakes_until(states, "04.0004 in-guest "));
	EXPECT_TRUE(wakes(matrix));

	ASSERT_EQ(0, queue_unbind(4, 4));
	EXPECT_TRUE(wakes_until(states, "04.0004 not-bound "));
	EXPECT_TRUE(wakes(matrix));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	ASSERT_TRUE(drain_notifications(states));
	ASSERT_TRUE(drain_notifications(matrix));
	ASSERT_EQ(0, queue_bind(4, 4));
	EXPECT_TRUE(wakes(states));
	EXPECT_TRUE(wakes_until(states, "04.0004 being-reset ms="));
	EXPECT_TRUE(sleeps(matrix));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	EXPECT_TRUE(wakes_until(states, "04.0004 in-guest "));
	close(states);
	close(matrix);
}

/* poll() also reports that a queue was assigned to, or unassigned from, an mdev without a guest. */
TEST_F(guest, status_wakeup_on_mdev_change)
{
	int queue = watch_open(QUEUE("05/05.0005"));

	ASSERT_LE(0, queue);
	ASSERT_EQ(0, mdev_create(UUID2));
	ASSERT_EQ(0, mdev_write(UUID2, "ap_config", "04,04,0"));
	EXPECT_TRUE(wakes(queue));
	EXPECT_TRUE(queue_status(5, 5, "assigned"));
	ASSERT_EQ(0, mdev_remove(UUID2));
	EXPECT_TRUE(wakes(queue));
	EXPECT_TRUE(queue_status(5, 5, "unassigned"));
	close(queue);
}

/*
 * poll() reports each change, even if it is reverted immediately by another write or by the
 * removal of the mdev.
 */
TEST_F(guest, wakeup_after_reverted_change)
{
	int matrix = open(MATRIX UUID1 "/guest_matrix", O_RDONLY | O_CLOEXEC);
	int queue = open(QUEUE("05/05.0005"), O_RDONLY | O_CLOEXEC);
	int i;

	ASSERT_LE(0, matrix);
	ASSERT_LE(0, queue);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "08,08,0"));
		ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0,0,0"));
		/* Read the attribute, which is empty again. */
		lseek(matrix, 0, SEEK_SET);
		ASSERT_EQ(0, read(matrix, self->text, sizeof(self->text)));
		ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "08,08,0"));
		EXPECT_TRUE(wakes(matrix)) TH_LOG("round %d", i);
		ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0,0,0"));

		ASSERT_EQ(0, mdev_create(UUID2));
		ASSERT_EQ(0, mdev_write(UUID2, "ap_config", "04,04,0"));
		lseek(queue, 0, SEEK_SET);
		ASSERT_EQ(9, read(queue, self->text, sizeof(self->text)));
		ASSERT_EQ(0, mdev_write(UUID2, "ap_config", "0,0,0"));
		ASSERT_EQ(0, mdev_remove(UUID2));
		EXPECT_TRUE(wakes(queue)) TH_LOG("round %d", i);
	}
	close(matrix);
	close(queue);
}

/* A commit waits for kvm->lock, but readers of queue_states do not. */
TEST_F(guest, states_wakeup_under_kvm_lock)
{
	struct other owner = {};
	struct hold hold;
	int states;

	ASSERT_EQ(0, other_create_bare(&owner));
	states = watch_open(MATRIX UUID2 "/queue_states");
	ASSERT_LE(0, states);
	ASSERT_EQ(0, queue_unbind(5, 5));
	ASSERT_EQ(0, hold_kvm_lock(&hold, &owner.vm));
	ASSERT_TRUE(drain_notifications(states));
	ASSERT_EQ(0, queue_bind(5, 5));
	EXPECT_TRUE(wakes(states));
	EXPECT_TRUE(wakes_until(states, "05.0005 pending "));
	EXPECT_EQ(0, hold_release(&hold));
	EXPECT_TRUE(wakes_until(states, "05.0005 in-guest "));
	close(states);
	other_end(_metadata, &owner);
}

/* Return the update number in the next uevent from mdev 1, or -1 on error. */
static long uevent_update(int fd)
{
	char text[8192], *line;
	ssize_t len;

	while ((len = recv(fd, text, sizeof(text) - 1, 0)) > 0) {
		text[len] = 0;
		if (strncmp(text, "change@", 7) || !strstr(text, UUID1))
			continue;
		for (line = text; line < text + len; line += strlen(line) + 1) {
			if (!strncmp(line, "GUEST_UPDATE=", 13))
				return atol(line + 13);
		}
	}
	return -1;
}

TEST_F(guest, uevent_update_numbers)
{
	int uevents = uevents_open();
	long first, last;
	int i;

	ASSERT_LE(0, uevents);
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "08,08,0"));
	first = uevent_update(uevents);
	EXPECT_EQ(1, first);
	/*
	 * Assigning a nonexistent adapter does not change the guest, so the driver sends
	 * no uevent.
	 */
	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "200"));
	/*
	 * The driver may combine several updates into one uevent, but the update number
	 * counts all of them.
	 */
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, mdev_write(UUID1, "unassign_domain", "4"));
		ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "4"));
	}
	for (last = first; last != first + 6; ) {
		long next = uevent_update(uevents);

		ASSERT_LT(last, next);
		ASSERT_GE(first + 6, next);
		last = next;
	}
	close(uevents);
}

/* A queue is "in use" while the device is open, so poll() reports each open and each close. */
TEST_F(guest, status_at_open_and_close)
{
	int queue, i;

	vfio_close(&self->vfio);
	queue = watch_open(QUEUE("04/04.0004"));
	ASSERT_LE(0, queue);
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "08,08,0"));
	EXPECT_TRUE(wakes(queue));
	EXPECT_TRUE(queue_status(4, 4, "assigned"));
	for (i = 0; i < 2; i++) {
		EXPECT_TRUE(sleeps(queue));
		ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
		EXPECT_TRUE(queue_status(4, 4, "in use"));
		EXPECT_TRUE(wakes(queue)) TH_LOG("open %d", i);
		EXPECT_TRUE(sleeps(queue));
		vfio_close(&self->vfio);
		EXPECT_TRUE(queue_status(4, 4, "assigned"));
		EXPECT_TRUE(wakes(queue)) TH_LOG("close %d", i);
	}
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	close(queue);
}

#include "lib/main.h"
