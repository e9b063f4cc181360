// SPDX-License-Identifier: GPL-2.0
/*
 * Check that the trace events match Documentation/arch/s390/vfio-ap-tracing.rst: one
 * event for each step, with the documented field names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/guest_fixture.h"

#define TRACING	"/sys/kernel/debug/tracing/"
#define EVENTS	TRACING "events/vfio_ap/"

/* Masks of 256 bits, in which the leftmost bit stands for id 0. */
#define NONE	"0000000000000000000000000000000000000000000000000000000000000000"
#define ID4	"0800000000000000000000000000000000000000000000000000000000000000"
#define ID4_5	"0c00000000000000000000000000000000000000000000000000000000000000"

static char trace[1 << 17];

static void trace_begin(struct __test_metadata *_metadata)
{
	/* Opening the file with O_TRUNC clears the trace. */
	ASSERT_EQ(0, close(open(TRACING "trace", O_WRONLY | O_TRUNC | O_CLOEXEC)));
	ASSERT_EQ(0, file_write(EVENTS "enable", "1"));
}

/* Return how often @text occurs in the trace. */
static int events_with(const char *text)
{
	const char *next = trace;
	int count = 0;

	while ((next = strstr(next, text))) {
		count++;
		next++;
	}
	return count;
}

static void trace_end(struct __test_metadata *_metadata)
{
	ASSERT_EQ(0, file_write(EVENTS "enable", "0"));
	ASSERT_LT(0, file_read(TRACING "trace", trace, sizeof(trace)));
}

TEST_F(guest, guest_update_event)
{
	long updates;

	assign(_metadata, UUID1, 4, -1);
	trace_begin(_metadata);
	updates = hwsim_guest_updates(getpid());
	assign(_metadata, UUID1, -1, 4);
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "5"));
	/*
	 * The next two writes do not change the guest: domain 5 is already assigned, and
	 * control domain 200 is not in the host.
	 */
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "5"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_control_domain", "200"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_control_domain", "4"));
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_adapter", "4"));
	updates = hwsim_guest_updates(getpid()) - updates;
	trace_end(_metadata);

	EXPECT_EQ(updates, events_with("vfio_ap_guest_update: mdev=" UUID1 " "));
	EXPECT_EQ(1, events_with("leavers=0 old_apm=" ID4 " old_aqm=" NONE " old_adm=" NONE
				 " apm=" ID4 " aqm=" ID4 " adm=" NONE "\n"));
	EXPECT_EQ(1, events_with("leavers=0 old_apm=" ID4 " old_aqm=" ID4 " old_adm=" NONE
				 " apm=" ID4 " aqm=" ID4_5 " adm=" NONE "\n"));
	EXPECT_EQ(1, events_with("leavers=0 old_apm=" ID4 " old_aqm=" ID4_5 " old_adm=" NONE
				 " apm=" ID4 " aqm=" ID4_5 " adm=" ID4 "\n"));
	EXPECT_EQ(1, events_with("leavers=2 old_apm=" ID4 " old_aqm=" ID4_5 " old_adm=" ID4
				 " apm=" NONE " aqm=" ID4_5 " adm=" ID4 "\n"));
}

TEST_F(guest, reset_start_and_end_events)
{
	const char *start, *end;

	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, 5, -1);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 05.0004"));
	ASSERT_EQ(0, hwsim("deconfigure", "5"));
	trace_begin(_metadata);
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_domain", "4"));
	trace_end(_metadata);

	EXPECT_EQ(2, events_with("vfio_ap_queue_reset_start: "));
	EXPECT_EQ(2, events_with("vfio_ap_queue_reset_end: "));
	start = strstr(trace, "vfio_ap_queue_reset_start: apqn=04.0004 number=");
	end = strstr(trace, "vfio_ap_queue_reset_end: apqn=04.0004 number=");
	ASSERT_NE(NULL, start);
	ASSERT_NE(NULL, end);
	EXPECT_LT(start, end);
	EXPECT_EQ(1, events_with(" rc=00 done=1\n"));
	/* A deconfigured queue counts as reset. */
	EXPECT_EQ(1, events_with(" rc=03 done=1\n"));
	EXPECT_EQ(0, hwsim("configure", "5"));
}

TEST_F(guest, failed_reset_event)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 polls 0"));
	ASSERT_EQ(0, hwsim("respond", "04.0004 tapq 30 1"));
	trace_begin(_metadata);
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_domain", "4"));
	trace_end(_metadata);

	EXPECT_EQ(2, events_with("vfio_ap_queue_reset_start: apqn=04.0004 "));
	EXPECT_EQ(1, events_with(" rc=30 done=0\n"));
	EXPECT_EQ(1, events_with(" rc=00 done=1\n"));
}

/* Return an event's time in microseconds, or -1. In the trace, the time precedes the name. */
static long long event_time(const char *name)
{
	long long seconds = 0, microseconds = 0;
	const char *stamp = name - strlen(": ");

	while (stamp > trace && stamp[-1] != ' ')
		stamp--;
	return sscanf(stamp, "%lld.%lld", &seconds, &microseconds) == 2 ?
	       seconds * 1000000 + microseconds : -1;
}

/*
 * The driver must retry a failed reset 0.5 s after the failure, not earlier. The writer also
 * waits for the reset of 04.0005, for which it polls both queues several times in the first
 * 30 ms. None of these polls may retry the reset of 04.0004.
 */
TEST_F(guest, failed_reset_retry_delay)
{
	const char *failed, *retry;

	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, -1, 5);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 polls 0"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0005 polls 6"));
	ASSERT_EQ(0, hwsim("respond", "04.0004 tapq 30 1"));
	trace_begin(_metadata);
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_adapter", "4"));
	trace_end(_metadata);

	failed = strstr(trace, "vfio_ap_queue_reset_end: apqn=04.0004 ");
	ASSERT_NE(NULL, failed);
	retry = strstr(failed, "vfio_ap_queue_reset_start: apqn=04.0004 ");
	ASSERT_NE(NULL, retry);
	ASSERT_LT(0, event_time(failed));
	EXPECT_LE(400000, event_time(retry) - event_time(failed));
}

TEST_F(guest, irq_set_event)
{
	char nib[32];

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	snprintf(nib, sizeof(nib), " nib=%#lx rc=00\n", (unsigned long)AGENT_NIB);
	trace_begin(_metadata);
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	/* The event for a disable shows NIB 0, whatever the register contains. */
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, 3, AGENT_NIB));
	EXPECT_EQ(1, vm_aqic(&self->vm, 5, 5, true, 3, AGENT_NIB));
	trace_end(_metadata);

	EXPECT_EQ(1, events_with("vfio_ap_irq_set: mdev=" UUID1
				 " apqn=04.0004 enable=1 gisc=3 nib="));
	EXPECT_EQ(1, events_with(nib));
	EXPECT_EQ(1, events_with("apqn=04.0004 enable=0 gisc=3 nib=0x0 rc=00\n"));
	EXPECT_EQ(1, events_with("mdev=" UUID1 " apqn=05.0005 enable=1 "));
	EXPECT_EQ(1, events_with(" rc=01\n"));
}

TEST_F(guest, assign_conflict_event)
{
	ASSERT_EQ(0, file_write(BUS "apmask", "+5"));
	ASSERT_EQ(0, file_write(BUS "aqmask", "+5"));
	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID1, 4, 5);
	assign(_metadata, UUID2, -1, 5);
	trace_begin(_metadata);
	EXPECT_EQ(-EADDRINUSE, mdev_write(UUID2, "assign_adapter", "4"));
	EXPECT_EQ(-EADDRNOTAVAIL, mdev_write(UUID2, "assign_adapter", "5"));
	trace_end(_metadata);
	EXPECT_EQ(0, file_write(BUS "aqmask", "-5"));
	EXPECT_EQ(0, file_write(BUS "apmask", "-5"));
	EXPECT_EQ(0, mdev_remove(UUID2));

	EXPECT_EQ(1, events_with("vfio_ap_assign_refused: mdev=" UUID2 " apqn=04.0005 owner=" UUID1
				 " error=-98\n"));
	EXPECT_EQ(1, events_with("vfio_ap_assign_refused: mdev=" UUID2
				 " apqn=05.0005 owner=host error=-99\n"));
}

/* Programs that filter or parse the events use these field names. */
TEST_F(guest, event_field_names)
{
	static const struct {
		const char *event, *fields[8];
	} events[] = {
		{ "vfio_ap_guest_update", { "mdev", "leavers", "old_apm[32]", "old_aqm[32]",
					    "old_adm[32]", "apm[32]", "aqm[32]", "adm[32]" } },
		{ "vfio_ap_assign_refused", { "mdev", "apqn", "owner", "error" } },
		{ "vfio_ap_queue_reset_start", { "apqn", "number", "rc" } },
		{ "vfio_ap_queue_reset_end", { "apqn", "number", "rc", "done" } },
		{ "vfio_ap_irq_set", { "mdev", "apqn", "enable", "gisc", "nib", "rc" } },
	};
	char path[128], field[64];
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		snprintf(path, sizeof(path), EVENTS "%s/format", events[i].event);
		ASSERT_LT(0, file_read(path, trace, sizeof(trace))) TH_LOG("%s", path);
		for (n = 0; n < ARRAY_SIZE(events[i].fields) && events[i].fields[n]; n++) {
			snprintf(field, sizeof(field), " %s;\t", events[i].fields[n]);
			EXPECT_EQ(1, events_with(field)) TH_LOG("%s: %s", path, field);
		}
	}
}

#include "lib/main.h"
