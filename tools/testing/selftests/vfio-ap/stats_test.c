// SPDX-License-Identifier: GPL-2.0
/* Each counter in debugfs must count its own events, and no others. */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/guest_fixture.h"

#define NUMBERS	"/sys/kernel/debug/vfio_ap/"

/* Return the number after @word in the line that starts with @name, or -1 if there is no number. */
static long number(const char *file, const char *name, const char *word, int base)
{
	static char text[1 << 16];
	char path[64], *line, *end, *at;

	snprintf(path, sizeof(path), NUMBERS "%s", file);
	memset(text, 0, sizeof(text));
	if (file_read(path, text, sizeof(text)) < 0)
		return -1;
	for (line = text; *line; line = end + 1) {
		end = strchr(line, '\n');
		if (!end)
			return -1;
		*end = 0;
		if (strncmp(line, name, strlen(name)) || line[strlen(name)] != ' ')
			continue;
		at = strstr(line, word);
		return at ? strtol(at + strlen(word), NULL, base) : -1;
	}
	return -1;
}

static long mdev_number(const char *word)
{
	return number("mdevs", UUID1, word, 10);
}

static long queue_number(const char *apqn, const char *word)
{
	return number("queues", apqn, word, 10);
}

static bool is_notified(void *before)
{
	return mdev_number(" notified=") > *(long *)before;
}

TEST_F(guest, plug_and_error_counters)
{
	long plugs = queue_number("04.0004", " plugs="), notified;

	EXPECT_EQ(0, mdev_number(" updates="));
	EXPECT_EQ(0, mdev_number(" plugs="));
	EXPECT_LE(0, plugs);
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0c,0c,0"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005 05.0004 05.0005"));
	EXPECT_EQ(1, mdev_number(" updates="));
	EXPECT_EQ(4, mdev_number(" plugs="));
	EXPECT_EQ(0, mdev_number(" unplugs="));
	EXPECT_EQ(plugs + 1, queue_number("04.0004", " plugs="));
	EXPECT_EQ(queue_number("04.0004", " unplugs=") + 1, queue_number("04.0004", " plugs="));
	notified = 0;
	EXPECT_EQ(0, until(is_notified, &notified));
	notified = mdev_number(" notified=");
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_adapter", "5"));
	EXPECT_EQ(2, mdev_number(" updates="));
	EXPECT_EQ(4, mdev_number(" plugs="));
	EXPECT_EQ(2, mdev_number(" unplugs="));
	EXPECT_EQ(plugs + 1, queue_number("04.0004", " plugs="));
	EXPECT_EQ(0, until(is_notified, &notified));

	EXPECT_EQ(0, mdev_number(" refused="));
	EXPECT_EQ(-EINVAL, mdev_write(UUID1, "assign_adapter", "x"));
	EXPECT_EQ(-ENODEV, mdev_write(UUID1, "assign_domain", "256"));
	EXPECT_EQ(2, mdev_number(" refused="));
	/* A failed dry run is not counted. */
	EXPECT_EQ(-EINVAL, mdev_write(UUID1, "ap_config_dry_run", "x"));
	EXPECT_EQ(2, mdev_number(" refused="));
}

TEST_F(guest, reset_count_and_slowest)
{
	long resets;

	/*
	 * The driver drops a queue's counters when the queue is unbound. After the next
	 * bind, the counters start at 0.
	 */
	ASSERT_EQ(0, queue_unbind(4, 4));
	EXPECT_EQ(-1, queue_number("04.0004", " resets="));
	ASSERT_EQ(0, queue_bind(4, 4));
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	resets = queue_number("04.0004", " resets=");
	EXPECT_LT(0, resets);
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 ms 2000"));
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_adapter", "4"));
	EXPECT_EQ(resets + 1, queue_number("04.0004", " resets="));
	EXPECT_LE(1900, queue_number("04.0004", " slowest_ms="));
	EXPECT_EQ(0, queue_number("04.0004", " response="));
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 03 forever"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "4"));
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_adapter", "4"));
	EXPECT_EQ(3, number("queues", "04.0004", " response=", 16));
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 03 0"));
	/* This reset was fast, so slowest_ms does not change. */
	EXPECT_EQ(resets + 2, queue_number("04.0004", " resets="));
	EXPECT_LE(1900, queue_number("04.0004", " slowest_ms="));

	/* VFIO_DEVICE_RESET is also counted. */
	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "4"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_EQ(0, mdev_number(" device_resets="));
	ASSERT_EQ(0, ioctl(self->vfio.device, VFIO_DEVICE_RESET));
	EXPECT_EQ(1, mdev_number(" device_resets="));
	EXPECT_EQ(resets + 3, mdev_number(" resets="));
	EXPECT_LE(1900, mdev_number(" slowest_ms="));
	EXPECT_EQ(resets + 3, queue_number("04.0004", " resets="));
}

/* Return the number at index @place in the list after "aqic=", or -1 if there is none. */
static long aqic_number(int place)
{
	static char text[1 << 16];
	char *at;

	memset(text, 0, sizeof(text));
	if (file_read(NUMBERS "mdevs", text, sizeof(text)) < 0)
		return -1;
	at = strstr(text, UUID1);
	at = at ? strstr(at, " aqic=") : NULL;
	if (!at)
		return -1;
	for (at += strlen(" aqic="); place--; at++) {
		at = strchr(at, ',');
		if (!at)
			return -1;
	}
	return strtol(at, NULL, 10);
}

TEST_F(guest, aqic_counters_after_close)
{
	long irqs, before;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	irqs = queue_number("04.0004", " irqs=");
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, 3, AGENT_NIB));
	EXPECT_EQ(6, vm_aqic(&self->vm, 4, 4, true, 3, 0));
	EXPECT_EQ(6, number("queues", "04.0004", " irq_response=", 16));
	EXPECT_EQ(7, vm_aqic(&self->vm, 4, 4, false, 3, AGENT_NIB));
	EXPECT_EQ(7, number("queues", "04.0004", " irq_response=", 16));
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	EXPECT_EQ(0, number("queues", "04.0004", " irq_response=", 16));
	/* Queue 05.0005 is not in this guest, so the line for this queue does not change. */
	before = number("queues", "05.0005", " irq_response=", 16);
	EXPECT_EQ(1, vm_aqic(&self->vm, 5, 5, true, 3, AGENT_NIB));
	EXPECT_EQ(before, number("queues", "05.0005", " irq_response=", 16));
	EXPECT_EQ(3, aqic_number(0));
	EXPECT_EQ(1, aqic_number(1));
	EXPECT_EQ(1, aqic_number(6));
	EXPECT_EQ(1, aqic_number(7));
	EXPECT_EQ(irqs + 3, queue_number("04.0004", " irqs="));
	/* QEMU closes the device when the guest ends. The counters must survive the close. */
	close(self->vfio.device);
	self->vfio.device = -1;
	EXPECT_EQ(3, aqic_number(0));
	EXPECT_EQ(1, aqic_number(1));
	EXPECT_EQ(1, aqic_number(6));
}

/* The last AQIC counter counts all response codes from 08 to ff. */
TEST_F(guest, aqic_codes_without_counter)
{
	static const int codes[] = { 0x08, 0x09, 0x44, 0xff };
	unsigned int i;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		ASSERT_EQ(0, hwsim("respond", "04.0004 aqic %x 1", codes[i]));
		EXPECT_EQ(codes[i], vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
		EXPECT_EQ(codes[i], number("queues", "04.0004", " irq_response=", 16));
		EXPECT_EQ(i + 1, aqic_number(8)) TH_LOG("code %02x", codes[i]);
	}
	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, aqic_number(i)) TH_LOG("place %u", i);
	/* There are only nine AQIC counters. */
	EXPECT_EQ(-1, aqic_number(9));
}

#include "lib/main.h"
