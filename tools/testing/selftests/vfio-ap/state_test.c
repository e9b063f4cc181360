// SPDX-License-Identifier: GPL-2.0
/*
 * Check each reason that queue_states shows for a queue that the guest lacks, and each
 * reason that last_error shows for a rejected write.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/guest_fixture.h"

#define LINE 64

/* Return the state of an assigned queue, without trailing spaces. */
static const char *state(const char *uuid, const char *apqn)
{
	static char text[1 << 16];
	char *line, *end;

	memset(text, 0, sizeof(text));
	if (mdev_read(uuid, "queue_states", text, sizeof(text)) < 0)
		return "unreadable";
	for (line = text; *line; line += LINE) {
		if (strlen(line) < LINE || line[LINE - 1] != '\n')
			return "cut";
		if (strncmp(line, apqn, 7) || line[7] != ' ')
			continue;
		for (end = line + LINE - 1; end[-1] == ' '; end--)
			;
		*end = 0;
		return line + 8;
	}
	return "not listed";
}

static bool state_is(const char *apqn, const char *text)
{
	return !strcmp(state(UUID1, apqn), text);
}

static bool queue_is_in_guest(void *apqn)
{
	return state_is(apqn, "in-guest");
}

TEST_F(guest, state_with_reason)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_STREQ("in-guest", state(UUID1, "04.0004"));
	EXPECT_STREQ("not listed", state(UUID1, "05.0004"));
	assign(_metadata, UUID1, 200, -1);
	EXPECT_STREQ("not-in-host", state(UUID1, "c8.0004"));
	ASSERT_EQ(0, queue_unbind(4, 5));
	assign(_metadata, UUID1, -1, 5);
	EXPECT_STREQ("not-bound", state(UUID1, "04.0005"));
	EXPECT_STREQ("blocked by=04.0005", state(UUID1, "04.0004"));
	ASSERT_EQ(0, queue_bind(4, 5));
	EXPECT_EQ(0, until(queue_is_in_guest, "04.0005"));
	EXPECT_STREQ("in-guest", state(UUID1, "04.0004"));

	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID2, 6, 6);
	EXPECT_STREQ("ready", state(UUID2, "06.0006"));
	EXPECT_EQ(0, mdev_remove(UUID2));
}

TEST_F(guest, state_being_reset)
{
	struct writer writer;
	const char *text;
	char *end;

	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, 5, -1);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 05.0004"));
	ASSERT_EQ(0, queue_unbind(4, 5));
	ASSERT_EQ(0, hwsim("reset_time", "04.0005 hold"));
	ASSERT_EQ(0, queue_bind(4, 5));
	writer_start(&writer, UUID1, "assign_domain", "5");
	ASSERT_EQ(0, until(task_sleeps, &writer.pid));
	/* The domain is not assigned until its queue can be plugged. */
	EXPECT_STREQ("not listed", state(UUID1, "04.0005"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0005 release"));
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_STREQ("in-guest", state(UUID1, "04.0005"));

	/* An adapter is plugged into the guest only after all its queues have been reset. */
	ASSERT_EQ(0, queue_unbind(4, 5));
	ASSERT_EQ(0, hwsim("reset_time", "04.0005 hold"));
	ASSERT_EQ(0, queue_bind(4, 5));
	text = state(UUID1, "04.0005");
	EXPECT_EQ(0, strncmp(text, "being-reset ms=", 15)) TH_LOG("%s", text);
	EXPECT_GT(60000UL, strtoul(text + 15, &end, 10));
	EXPECT_TRUE(end > text + 15 && !*end);
	EXPECT_STREQ("blocked by=04.0005", state(UUID1, "04.0004"));
	EXPECT_STREQ("in-guest", state(UUID1, "05.0005"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0005 release"));
	EXPECT_EQ(0, until(queue_is_in_guest, "04.0004"));
}

static bool queue_is_blocked(void *apqn)
{
	return state_is(apqn, "blocked by=04.0005");
}

/* The state of an unbound queue is not-bound, even while a reset of the queue is in progress. */
TEST_F(guest, state_unbound_during_reset)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	ASSERT_EQ(0, queue_unbind(4, 4));
	EXPECT_STREQ("not-bound", state(UUID1, "04.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	ASSERT_EQ(0, queue_bind(4, 4));
	EXPECT_EQ(0, until(queue_is_in_guest, "04.0004"));
}

/* If the guest has the adapter of a queue that is being reset, the queue blocks only its domain. */
TEST_F(guest, state_blocked_by_domain)
{
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0c,0c,0"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005 05.0004 05.0005"));
	ASSERT_EQ(0, hwsim("domain_del", "5"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_STREQ("not-in-host", state(UUID1, "05.0005"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0005 hold"));
	ASSERT_EQ(0, hwsim("domain_add", "5"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_EQ(0, until(queue_is_blocked, "05.0005"));
	EXPECT_STREQ("in-guest", state(UUID1, "05.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0005 release"));
	EXPECT_EQ(0, until(queue_is_in_guest, "05.0005"));
}

TEST_F(guest, state_reset_failed)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, queue_unbind(4, 4));
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 30 forever"));
	ASSERT_EQ(0, queue_bind(4, 4));
	EXPECT_STREQ("reset-failed rc=30", state(UUID1, "04.0004"));
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 30 0"));
	EXPECT_EQ(0, until(queue_is_in_guest, "04.0004"));
}

TEST_F(guest, state_deconfigured_checkstopped)
{
	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, 5, -1);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 05.0004"));
	ASSERT_EQ(0, hwsim("deconfigure", "4"));
	ASSERT_EQ(0, hwsim("checkstop", "05.0004"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_STREQ("in-guest deconfigured", state(UUID1, "04.0004"));
	EXPECT_STREQ("in-guest checkstopped", state(UUID1, "05.0004"));
	ASSERT_EQ(0, hwsim("configure", "4"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_STREQ("in-guest", state(UUID1, "04.0004"));
}

/* Condition for until(): no reset of the queue is pending. @apqn has the format "AA.DDDD". */
static bool queue_is_clean(void *apqn)
{
	char path[64], text[8];

	snprintf(path, sizeof(path), "/sys/devices/ap/card%.2s/%s/reset_pending",
		 (char *)apqn, (char *)apqn);
	return file_read(path, text, sizeof(text)) > 0 && text[0] == '0';
}

/*
 * Nothing blocks the queue, but the VMM holds kvm->lock, which the driver must acquire to
 * plug the queue.
 */
TEST_F(guest, state_pending)
{
	struct other owner = {};
	struct hold hold;

	ASSERT_EQ(0, other_create_bare(&owner));
	ASSERT_EQ(0, queue_unbind(5, 5));
	ASSERT_EQ(0, hold_kvm_lock(&hold, &owner.vm));
	ASSERT_EQ(0, queue_bind(5, 5));
	ASSERT_EQ(0, until(queue_is_clean, "05.0005"));
	EXPECT_STREQ("pending", state(UUID2, "05.0005"));
	EXPECT_EQ(0, hold_release(&hold));
	EXPECT_TRUE(queue_wait_status(5, 5, "in use"));
	other_end(_metadata, &owner);
}

static bool queue_is_removing(void *apqn)
{
	return state_is(apqn, "removing");
}

TEST_F(guest, state_removing)
{
	struct writer writer;

	assign(_metadata, UUID1, 4, 4);
	writer_start(&writer, UUID1, "remove", "1");
	EXPECT_EQ(0, until(queue_is_removing, "04.0004"));
	kill(writer.pid, SIGINT);
	EXPECT_EQ(-SIGINT, writer_end(&writer));
	EXPECT_EQ(0, until(queue_is_in_guest, "04.0004"));
}

/* All 65536 lines can be read, from any offset. */
TEST_F(guest, states_of_65536_queues)
{
	static char line[LINE + 1];
	char all[256];
	int fd;

	memset(all, 0, sizeof(all));
	memset(all, 'f', 64);
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "%s,%s,0", all, all));
	fd = open(MATRIX UUID1 "/queue_states", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(LINE, pread(fd, line, LINE, 65535L * LINE));
	EXPECT_EQ(0, strncmp(line, "ff.00ff not-in-host ", 20)) TH_LOG("%s", line);
	EXPECT_EQ(0, pread(fd, line, LINE, 65536L * LINE));
	/* Read from the middle of a line to the middle of the next line. */
	EXPECT_EQ(LINE, pread(fd, line, LINE, 256L * LINE + LINE / 2));
	EXPECT_EQ(0, strncmp(line + LINE / 2, "01.0001 ", 8)) TH_LOG("%s", line);
	close(fd);
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0,0,0"));
}

#define FAILED(attribute, value, error)	\
	" attribute=" attribute " value=" value " error=" error
#define CONFLICT(apqn, owner)	" apqn=" apqn " owner=" owner

static bool last_error_is(struct __test_metadata *_metadata, const char *text)
{
	char shown[512] = "", *rest;
	long when;

	if (mdev_read(UUID1, "last_error", shown, sizeof(shown)) < 0)
		return false;
	EXPECT_EQ(0, strncmp(shown, "time=", 5));
	when = strtol(shown + 5, &rest, 10);
	EXPECT_LE(labs(when - time(NULL)), 60);
	EXPECT_STREQ(text, rest);
	return !strcmp(text, rest);
}

TEST_F(guest, last_error_contents)
{
	EXPECT_EQ(0, mdev_read(UUID1, "last_error", self->text, sizeof(self->text)));
	EXPECT_EQ(-EINVAL, mdev_write(UUID1, "assign_adapter", "4x\n"));
	EXPECT_TRUE(last_error_is(_metadata, FAILED("assign_adapter", "4x", "-22\n")));
	EXPECT_EQ(-EINVAL, mdev_write(UUID1, "assign_domain", "4 error=0 \\"));
	EXPECT_TRUE(last_error_is(_metadata, FAILED("assign_domain", "4?error?0??", "-22\n")));
	EXPECT_EQ(-ENODEV, mdev_write(UUID1, "unassign_domain", "256"));
	EXPECT_TRUE(last_error_is(_metadata, FAILED("unassign_domain", "256", "-19\n")));
	ASSERT_EQ(0, file_write(BUS "apmask", "+6"));
	ASSERT_EQ(0, file_write(BUS "aqmask", "+6"));
	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID2, 5, 6);
	EXPECT_EQ(-EADDRINUSE, mdev_write(UUID1, "ap_config", "0c,02,0"));
	EXPECT_TRUE(last_error_is(_metadata, FAILED("ap_config", "0c,02,0", "-98")
				  CONFLICT("05.0006", UUID2 "\n")));
	assign(_metadata, UUID1, 6, -1);
	EXPECT_EQ(-EADDRNOTAVAIL, mdev_write(UUID1, "assign_domain", "0x6"));
	EXPECT_TRUE(last_error_is(_metadata, FAILED("assign_domain", "0x6", "-99")
				  CONFLICT("06.0006", "host\n")));
	EXPECT_EQ(0, file_write(BUS "apmask", "-6"));
	EXPECT_EQ(0, file_write(BUS "aqmask", "-6"));
	/* A successful write does not change last_error. */
	assign(_metadata, UUID1, -1, 4);
	EXPECT_TRUE(last_error_is(_metadata, FAILED("assign_domain", "0x6", "-99")
				  CONFLICT("06.0006", "host\n")));
	EXPECT_EQ(0, mdev_remove(UUID2));
}

#define MASKS(apm, aqm, adm)	"0x" apm ZEROS ",0x" aqm ZEROS ",0x" adm ZEROS
/* the last 62 digits of a mask */
#define ZEROS	"00000000000000000000000000000000000000000000000000000000000000"

static void snapshot(char *text, size_t size)
{
	mdev_read(UUID1, "ap_config", text, size);
	mdev_read(UUID1, "guest_ap_config", text + strlen(text), size - strlen(text));
}

/* Do a dry run of @masks, check its result, and check that nothing else has changed. */
static void expect_dry_run(struct __test_metadata *_metadata, const char *masks, int error,
			   const char *asked, const char *result)
{
	char shown[4096] = "", before[1024] = "", after[1024] = "", last_error[512] = "";
	long updates = hwsim_guest_updates(getpid());

	snapshot(before, sizeof(before));
	EXPECT_EQ(error, mdev_write(UUID1, "ap_config_dry_run", "%s", masks));
	ASSERT_LE(0, mdev_read(UUID1, "ap_config_dry_run", shown, sizeof(shown)));
	EXPECT_EQ(0, strncmp(shown, asked, strlen(asked))) TH_LOG("%s", shown);
	EXPECT_STREQ(result, shown + strlen(asked));
	snapshot(after, sizeof(after));
	EXPECT_STREQ(before, after);
	EXPECT_EQ(updates, hwsim_guest_updates(getpid()));
	EXPECT_EQ(0, mdev_read(UUID1, "last_error", last_error, sizeof(last_error)));
}

/*
 * Let begin() start a reset that the simulator holds. Check that a dry run of @masks predicts
 * a wait, after which @plugs queues are plugged. A write waits for at most 10 s, so try again
 * if a busy machine delays the dry run for longer than that.
 */
static void expect_dry_run_waits(struct __test_metadata *_metadata, char *text, size_t size,
				 const char *masks, int plugs,
				 void (*begin)(struct __test_metadata *_metadata))
{
	int attempts = 5;
	char result[64];

	snprintf(result, sizeof(result), "error=0\nplugs=%d\nunplugs=0\nwait_ms=", plugs);
	do {
		begin(_metadata);
		ASSERT_EQ(0, mdev_write(UUID1, "ap_config_dry_run", "%s", masks));
		ASSERT_LE(0, mdev_read(UUID1, "ap_config_dry_run", text, size));
	} while (strstr(text, "wait_ms=0\n") && --attempts);
	EXPECT_NE(NULL, strstr(text, result)) TH_LOG("%s", text);
	EXPECT_EQ(NULL, strstr(text, "wait_ms=0\n"));
}

TEST_F(guest, dry_run_result)
{
	EXPECT_EQ(0, mdev_read(UUID1, "ap_config_dry_run", self->text, sizeof(self->text)));
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0c,08,0"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 05.0004"));

	/* These masks remove adapter 5 and add domain 5. */
	expect_dry_run(_metadata, "0x08,0c,0", 0, "asked=" MASKS("08", "0c", "00") "\n",
		       "error=0\nplugs=1\nunplugs=1\nwait_ms=0\n"
		       "now=" MASKS("0c", "08", "00") "\nthen=" MASKS("08", "0c", "00") "\n");
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004 05.0004"));
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0x08,0c,0"));
	EXPECT_TRUE(mdev_shows(UUID1, "guest_ap_config", MASKS("08", "0c", "00")));

	/* An adapter that has an unbound queue is not plugged. */
	ASSERT_EQ(0, queue_unbind(5, 5));
	expect_dry_run(_metadata, "0c,0c,0", 0, "asked=" MASKS("0c", "0c", "00") "\n",
		       "error=0\nplugs=0\nunplugs=0\nwait_ms=0\n"
		       "now=" MASKS("08", "0c", "00") "\nthen=" MASKS("08", "0c", "00") "\n");
	ASSERT_EQ(0, queue_bind(5, 5));
	/* "plugs" does not count queues that are already assigned. */
	expect_dry_run(_metadata, "08,0c,0", 0, "asked=" MASKS("08", "0c", "00") "\n",
		       "error=0\nplugs=0\nunplugs=0\nwait_ms=0\n"
		       "now=" MASKS("08", "0c", "00") "\nthen=" MASKS("08", "0c", "00") "\n");
}

static void begin_reset_of_05_0005(struct __test_metadata *_metadata)
{
	ASSERT_EQ(0, hwsim("reset_time", "05.0005 release"));
	ASSERT_EQ(0, queue_unbind(5, 5));
	ASSERT_EQ(0, hwsim("reset_time", "05.0005 hold"));
	ASSERT_EQ(0, queue_bind(5, 5));
}

static void begin_reset_of_06_0004(struct __test_metadata *_metadata)
{
	ASSERT_EQ(0, hwsim("reset_time", "06.0004 release"));
	ASSERT_EQ(0, queue_unbind(6, 4));
	ASSERT_EQ(0, hwsim("reset_time", "06.0004 hold"));
	ASSERT_EQ(0, queue_bind(6, 4));
}

static bool reset_was_reported(void *log)
{
	char text[8192];

	return kmsg_lines(*(int *)log, "reset not complete", text, sizeof(text)) > 0;
}

static bool dry_run_without_wait(void *masks)
{
	char text[4096] = "";

	mdev_write(UUID1, "ap_config_dry_run", "%s", (char *)masks);
	mdev_read(UUID1, "ap_config_dry_run", text, sizeof(text));
	return strstr(text, "wait_ms=0\n");
}

/* A write waits for the reset of a queue that it adds. ap_config_dry_run does not wait. */
TEST_F(guest, dry_run_wait_time)
{
	struct writer writer;
	int log = kmsg_open();

	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "08,0c,0"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005"));
	expect_dry_run_waits(_metadata, self->text, sizeof(self->text), "0c,0c,0", 2,
			     begin_reset_of_05_0005);
	EXPECT_NE(NULL, strstr(self->text, "then=" MASKS("0c", "0c", "00")));
	/* A write that adds no queue does not wait. */
	expect_dry_run(_metadata, "08,0c,08", 0, "asked=" MASKS("08", "0c", "08") "\n",
		       "error=0\nplugs=0\nunplugs=0\nwait_ms=0\n"
		       "now=" MASKS("08", "0c", "00") "\nthen=" MASKS("08", "0c", "08") "\n");
	/* A write does not wait for a reset that has been logged as taking too long. */
	EXPECT_EQ(0, until(dry_run_without_wait, "0c,0c,0"));
	EXPECT_EQ(0, until(reset_was_reported, &log));
	close(log);
	expect_dry_run(_metadata, "0c,0c,0", 0, "asked=" MASKS("0c", "0c", "00") "\n",
		       "error=0\nplugs=0\nunplugs=0\nwait_ms=0\n"
		       "now=" MASKS("08", "0c", "00") "\nthen=" MASKS("08", "0c", "00") "\n");
	writer_start(&writer, UUID1, "ap_config", "0c,0c,0");
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_TRUE(mdev_shows(UUID1, "guest_ap_config", MASKS("08", "0c", "00")));
	ASSERT_EQ(0, hwsim("reset_time", "05.0005 release"));
	EXPECT_TRUE(mdev_wait_for(UUID1, "guest_ap_config", MASKS("0c", "0c", "00")));
}

static bool reset_of_05_0005_is_held(void *data)
{
	(void)data;
	return hwsim_state(5, 5, "held") == 1;
}

/*
 * The reset of 05.0005 is pending. Even when the reset ends, 05.0005 will not be plugged,
 * because the queue is not bound.
 */
TEST_F(guest, dry_run_unbound_queue)
{
	struct writer unbinder;

	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0c,0c,0"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005 05.0004 05.0005"));
	ASSERT_EQ(0, hwsim("reset_time", "05.0005 hold"));
	unbinder.pid = fork();
	if (!unbinder.pid)
		_exit(!!queue_unbind(5, 5));
	/* 05.0005 is already unbound when its reset begins. The unbind waits 2 s for the reset. */
	ASSERT_EQ(0, until(reset_of_05_0005_is_held, NULL));
	/* Wait for the reset of 05.0004, which the guest has also lost. */
	ASSERT_EQ(0, until(queue_is_clean, "05.0004"));
	expect_dry_run(_metadata, "0c,0e,0", 0, "asked=" MASKS("0c", "0e", "00") "\n",
		       "error=0\nplugs=1\nunplugs=0\nwait_ms=0\n"
		       "now=" MASKS("08", "0c", "00") "\nthen=" MASKS("08", "0e", "00") "\n");
	ASSERT_EQ(0, hwsim("reset_time", "05.0005 release"));
	EXPECT_EQ(0, writer_end(&unbinder));
}

TEST_F(guest, dry_run_unrelated_adapter)
{
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0c,0c,0"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005 05.0004 05.0005"));
	ASSERT_EQ(0, queue_unbind(5, 5));
	ASSERT_EQ(0, hwsim("reset_time", "05.0005 hold"));
	ASSERT_EQ(0, queue_bind(5, 5));
	expect_dry_run(_metadata, "0e,0c,0", 0, "asked=" MASKS("0e", "0c", "00") "\n",
		       "error=0\nplugs=2\nunplugs=0\nwait_ms=0\n"
		       "now=" MASKS("08", "0c", "00") "\nthen=" MASKS("0a", "0c", "00") "\n");
	/*
	 * A write that waits for the reset of 06.0004 does not also wait for the reset of
	 * 05.0005.
	 */
	expect_dry_run_waits(_metadata, self->text, sizeof(self->text), "0e,0c,0", 2,
			     begin_reset_of_06_0004);
	EXPECT_NE(NULL, strstr(self->text, "then=" MASKS("0a", "0c", "00")));
	ASSERT_EQ(0, hwsim("reset_time", "06.0004 release"));
	/* These masks also add a domain. */
	expect_dry_run_waits(_metadata, self->text, sizeof(self->text), "0c,0e,0", 4,
			     begin_reset_of_05_0005);
	ASSERT_EQ(0, hwsim("reset_time", "05.0005 release"));
}

static bool queue_is_being_reset(void *apqn)
{
	return !strncmp(state(UUID1, apqn), "being-reset ", 12);
}

static void begin_reset_of_domain_5(struct __test_metadata *_metadata)
{
	ASSERT_EQ(0, hwsim("reset_time", "04.0005 release"));
	ASSERT_EQ(0, hwsim("domain_del", "5"));
	ASSERT_EQ(0, bus_scan());
	ASSERT_EQ(0, hwsim("reset_time", "04.0005 hold"));
	ASSERT_EQ(0, hwsim("domain_add", "5"));
	ASSERT_EQ(0, bus_scan());
	ASSERT_EQ(0, until(queue_is_being_reset, "04.0005"));
	ASSERT_TRUE(queue_wait_status(5, 5, "unassigned"));
}

/* A queue that returns to a guest's adapter blocks its domain until the queue has been reset. */
TEST_F(guest, dry_run_domain_wait)
{
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "08,0c,0"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005"));
	expect_dry_run_waits(_metadata, self->text, sizeof(self->text), "0c,0c,0", 3,
			     begin_reset_of_domain_5);
	ASSERT_EQ(0, hwsim("reset_time", "04.0005 release"));
}

TEST_F(guest, dry_run_errors)
{
	int kmsg;

	ASSERT_EQ(0, file_write(BUS "apmask", "+6"));
	ASSERT_EQ(0, file_write(BUS "aqmask", "+6"));
	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID2, 5, 6);
	kmsg = kmsg_open();
	ASSERT_LE(0, kmsg);
	expect_dry_run(_metadata, "0c,02,0", -EADDRINUSE, "asked=" MASKS("0c", "02", "00") "\n",
		       "error=-98\napqn=05.0006\nowner=" UUID2 "\n");
	EXPECT_EQ(0, kmsg_lines(kmsg, "already assigned", self->text, sizeof(self->text)));
	expect_dry_run(_metadata, "02,02,0", -EADDRNOTAVAIL, "asked=" MASKS("02", "02", "00") "\n",
		       "error=-99\napqn=06.0006\nowner=host\n");
	/* A malformed write does not replace the last result. */
	expect_dry_run(_metadata, "02,02", -EINVAL, "asked=" MASKS("02", "02", "00") "\n",
		       "error=-99\napqn=06.0006\nowner=host\n");
	EXPECT_EQ(0, file_write(BUS "apmask", "-6"));
	EXPECT_EQ(0, file_write(BUS "aqmask", "-6"));
	/* A dry run that leaves out a queue does not unassign the queue. */
	EXPECT_EQ(0, mdev_write(UUID2, "ap_config_dry_run", "0,0,0"));
	EXPECT_EQ(-EADDRINUSE, mdev_write(UUID1, "ap_config_dry_run", "06,02,0"));
	close(kmsg);
	EXPECT_EQ(0, mdev_remove(UUID2));
}

/* A dry run does not wait for any kvm->lock, not even for that of the mdev's own guest. */
TEST_F(guest, dry_run_under_kvm_lock)
{
	struct other owner = {};
	struct hold hold;

	ASSERT_EQ(0, other_create_bare(&owner));
	ASSERT_EQ(0, hold_kvm_lock(&hold, &owner.vm));
	EXPECT_EQ(0, mdev_write(UUID2, "ap_config_dry_run", "04,06,0"));
	ASSERT_LE(0, mdev_read(UUID2, "ap_config_dry_run", self->text, sizeof(self->text)));
	EXPECT_NE(NULL, strstr(self->text, "\nplugs=1\n"));
	EXPECT_EQ(0, hold_release(&hold));
	other_end(_metadata, &owner);
}

#include "lib/main.h"
