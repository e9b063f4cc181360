// SPDX-License-Identifier: GPL-2.0
/*
 * Test the simulator itself: its debugfs files, the errnos of writes to them, the response
 * codes that the host and guests get, and the reports of violations.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/bare_fixture.h"
#include "lib/guest_fixture.h"
#include "lib/hwsim.h"
#include "lib/lib.h"
#include "lib/main.h"

/* Run a program in an empty root directory. Return its exit status and the start of its output. */
static int run_in_empty_root(int program, char *output_text, size_t size)
{
	char nowhere[] = "/tmp/nowhere.XXXXXX";
	int output[2], status;
	ssize_t length;
	pid_t pid;

	if (!mkdtemp(nowhere) || pipe(output))
		return -errno;
	pid = fork();
	if (!pid) {
		/*
		 * If the program does not skip its tests as it should, this filter selects
		 * none of them.
		 */
		setenv("TEST_FILTER", "-", 1);
		unsetenv("KSFT_TAP_LEVEL");
		dup2(output[1], STDOUT_FILENO);
		if (!chroot(nowhere))
			fexecve(program, (char *[]){ "program", NULL }, environ);
		_exit(127);
	}
	close(output[1]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		status = -1;
	length = read(output[0], output_text, size - 1);
	output_text[length > 0 ? length : 0] = 0;
	close(output[0]);
	rmdir(nowhere);
	return status < 0 ? status : WEXITSTATUS(status);
}

TEST(skip_without_simulator)
{
	static const char *const programs[] = {
		"hwsim_test", "hotplug_demo", "wait_bench", "cost_bench", "hold_bench",
	};
	char path[256], output_text[128], *name;
	unsigned int i;
	int program;

	for (i = 0; i < ARRAY_SIZE(programs); i++) {
		ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

		ASSERT_LT(0, length);
		path[length] = 0;
		name = strrchr(path, '/') + 1;
		snprintf(name, sizeof(path) - (name - path), "%s", programs[i]);
		program = open(path, O_RDONLY | O_CLOEXEC);
		ASSERT_LE(0, program) TH_LOG("%s", path);
		EXPECT_EQ(KSFT_SKIP, run_in_empty_root(program, output_text, sizeof(output_text)))
			TH_LOG("%s", path);
		EXPECT_NE(NULL, strstr(output_text, "\n1..0 # SKIP "))
			TH_LOG("%s: %s", path, output_text);
		close(program);
	}
}

TEST(debugfs_invalid_input)
{
	static const struct {
		const char *knob, *text;
		int ret;
	} cases[] = {
		{ "reset", "2", -EINVAL },
		{ "adapter_add", "4", -EEXIST },
		{ "adapter_add", "100", -ERANGE },
		{ "adapter_add", "xy", -EINVAL },
		{ "adapter_del", "77", -ENOENT },
		{ "domain_add", "4", -EEXIST },
		{ "control_del", "77", -ENOENT },
		{ "configure", "4", -ENOENT },
		{ "checkstop", "4", -EINVAL },
		{ "checkstop", "99.0099", -ENOENT },
		{ "respond", "04.0004 zapq 05", -EINVAL },
		{ "respond", "04.0004 qci 05 1", -EINVAL },
		{ "respond", "04.0004 none 05 1", -EINVAL },
		{ "respond", "04.0004  05 1", -EINVAL },
		{ "respond", "04.0004 zapq 05 often", -EINVAL },
		{ "respond", "04.0004 zapq 100 1", -ERANGE },
		{ "reset_time", "04.0004", -EINVAL },
		{ "reset_time", "04.0004 ms", -EINVAL },
		{ "reset_time", "04.0004 hold 5", -EINVAL },
		{ "aqic_delay", "04.0004", -EINVAL },
		{ "reply", "4", -EINVAL },
		{ "qci", "perhaps", -EINVAL },
		{ "ultravisor", "perhaps", -EINVAL },
		{ "uv_respond", "341 107", -EINVAL },
		{ "uv_respond", "pin 107 1", -EINVAL },
		{ "uv_respond", "341 late 1", -EINVAL },
		{ "uv_respond", "341 busy often", -EINVAL },
		{ "gisc_fail", "-1", -EINVAL },
		{ "gisc_fail", "often", -EINVAL },
		{ "mmap_lock", "mine", -EINVAL },
		{ "mmap_lock", "-1", -ESRCH },
		{ "violations", "1", -EINVAL },
		{ "apcb", "1 4", -EINVAL },
		{ "apcb", "x 4 4", -EINVAL },
		{ "apcb", "1 four 4", -EINVAL },
		{ "apcb", "0 4 4", -ENOENT },
		{ "apcb", "0 256 4", -ERANGE },
		{ "signal", "0", -EINVAL },
		{ "signal", "0 four", -EINVAL },
		{ "signal", "0 -1", -EBADF },
		{ "hold", "schedule", -EINVAL },
		{ "release", "schedule", -EINVAL },
		{ "provoke", "no-such-kind 04.0004", -EINVAL },
		{ "provoke", "unpinned-nib", -EINVAL },
		{ "provoke", "unpinned-nib 77.0004", -ENOENT },
		{ "provoke", "unpinned-nib 04.0004", -ENODATA },
		{ "provoke", "apcb-in-sie 04.0004", -ENODATA },
	};
	unsigned int i;

	machine_reset();
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		EXPECT_EQ(cases[i].ret, hwsim(cases[i].knob, "%s", cases[i].text)) {
			TH_LOG("%s < '%s'", cases[i].knob, cases[i].text);
		}
}

static bool queue_exists(void *data)
{
	(void)data;
	return hwsim_state(9, 4, "tapq") > 0;
}

TEST(bus_scan_added_adapter)
{
	machine_reset();
	ASSERT_EQ(0, hwsim("adapter_add", "9"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_EQ(0, until(queue_exists, NULL));
	EXPECT_EQ(0, access("/sys/devices/ap/card09/09.0004", F_OK));
	ASSERT_EQ(0, hwsim("adapter_del", "9"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_NE(0, access("/sys/devices/ap/card09", F_OK));
}

/*
 * Each test of this fixture imitates a faulty driver and provokes one kind of violation.
 * The fixture has two guests, whose mdevs have no queues at first.
 */
FIXTURE(violation) {
	char text[4096];
	struct vfio vfio[2];
	struct vm vm[2];
};

FIXTURE_SETUP(violation)
{
	static const char *const uuids[] = { UUID1, UUID2 };
	int i;

	machine_reset();
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, mdev_create(uuids[i]));
		ASSERT_EQ(0, vm_create(&self->vm[i]));
		ASSERT_EQ(0, vfio_open(&self->vfio[i], &self->vm[i], uuids[i]));
	}
}

/* Clear the provoked violation. The rest of the teardown must not cause another violation. */
FIXTURE_TEARDOWN(violation)
{
	int apid, i;

	EXPECT_EQ(0, file_write(HWSIM "violations", "0"));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, hwsim_apcb(i, "none", "none"));
	for (apid = 4; apid <= 6; apid++)
		EXPECT_EQ(0, hwsim_power_cycle(apid));
	for (i = 0; i < 2; i++) {
		vfio_close(&self->vfio[i]);
		vm_destroy(&self->vm[i]);
	}
	EXPECT_EQ(0, hwsim_violations(self->text, sizeof(self->text))) TH_LOG("%s", self->text);
	machine_reset();
}

static void plug(struct __test_metadata *_metadata)
{
	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "4"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "4"));
	ASSERT_TRUE(queue_wait_status(4, 4, "in use"));
}

#define EXPECT_VIOLATION(want) do {						\
	hwsim_violations(self->text, sizeof(self->text));			\
	EXPECT_STREQ(want, self->text);						\
} while (0)

static bool is_one_line(const char *text, const char *begin)
{
	return !strncmp(text, begin, strlen(begin)) && strchr(text, '\n') == strrchr(text, '\n');
}

TEST_F(violation, queue_in_two_guests)
{
	plug(_metadata);
	EXPECT_VIOLATION("");
	ASSERT_EQ(0, hwsim_apcb(1, "4", "4"));
	EXPECT_VIOLATION("two-guests queue 04.0004\n");
}

TEST_F(violation, replug_without_reset)
{
	plug(_metadata);
	ASSERT_EQ(0, hwsim_apcb(0, "none", "none"));
	EXPECT_VIOLATION("");
	ASSERT_EQ(0, hwsim_apcb(0, "4", "4"));
	EXPECT_VIOLATION("no-reset queue 04.0004\n");
}

/* It is a violation to plug a queue again while its interrupt is still enabled. */
TEST_F(guest, replug_with_irq_without_reset)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim_apcb(0, "none", "none"));
	EXPECT_VIOLATION("");
	ASSERT_EQ(0, hwsim_apcb(0, "4", "4"));
	EXPECT_VIOLATION("no-reset queue 04.0004\n");
}

TEST_F(guest, queue_with_irq_of_other_guest)
{
	struct vm other;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, vm_create(&other));
	ASSERT_EQ(0, hwsim_apcb(1, "4", "4"));
	EXPECT_VIOLATION("two-guests queue 04.0004\nno-reset queue 04.0004\n");
	ASSERT_EQ(0, hwsim_apcb(1, "none", "none"));
	vm_destroy(&other);
}

/* A reset that began while a guest still had the queue does not count for the next guest. */
TEST_F(violation, reset_before_unplug)
{
	ASSERT_EQ(0, vm_start(&self->vm[0]));
	plug(_metadata);
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	ASSERT_EQ(0, vm_zapq(&self->vm[0], 4, 4));
	ASSERT_EQ(0, hwsim_apcb(0, "none", "none"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	EXPECT_VIOLATION("");
	ASSERT_EQ(0, hwsim_apcb(1, "4", "4"));
	EXPECT_VIOLATION("no-reset queue 04.0004\n");
}

/* The host driver may use the queue, so the simulator may also report a no-reset violation. */
TEST_F(violation, queue_of_another_driver)
{
	ASSERT_EQ(0, host_take(6, 6));
	EXPECT_VIOLATION("");
	ASSERT_EQ(0, hwsim_apcb(0, "6", "6"));
	hwsim_violations(self->text, sizeof(self->text));
	EXPECT_NE(NULL, strstr(self->text, "foreign-driver queue 06.0006 driver cex4queue\n"))
		TH_LOG("%s", self->text);
}

TEST_F(violation, guest_queue_bound_to_host_driver)
{
	ASSERT_EQ(0, hwsim_apcb(0, "6", "6"));
	EXPECT_VIOLATION("");
	ASSERT_EQ(0, host_take(6, 6));
	EXPECT_VIOLATION("foreign-driver queue 06.0006 driver cex4queue\n");
}

TEST_F(violation, unbound_queue_in_guest)
{
	char want[64];

	ASSERT_EQ(0, queue_unbind(4, 4));
	/* The AP bus has started a reset of the queue. End the reset with a power cycle. */
	ASSERT_EQ(0, hwsim_power_cycle(4));
	ASSERT_EQ(0, hwsim_apcb(0, "4", "4"));
	/*
	 * The simulator must not report the unbound queue until a check is requested, because a
	 * driver may be about to unplug the queue.
	 */
	file_read(HWSIM "violations", self->text, sizeof(self->text));
	EXPECT_STREQ("", self->text);
	snprintf(want, sizeof(want), "unbound queue 04.0004 guest %d\n", hwsim_guest_id(0));
	EXPECT_VIOLATION(want);
}

TEST_F(violation, nib_page_not_pinned)
{
	ASSERT_EQ(0, vm_start(&self->vm[0]));
	plug(_metadata);
	EXPECT_EQ(-ENODATA, hwsim("provoke", "unpinned-nib 04.0004"));
	ASSERT_EQ(0, vm_aqic(&self->vm[0], 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("reply", "04.0004"));
	EXPECT_VIOLATION("");
	ASSERT_EQ(0, hwsim("provoke", "unpinned-nib 04.0004"));
	file_read(HWSIM "violations", self->text, sizeof(self->text));
	EXPECT_STREQ("", self->text);
	/* An interrupt makes the simulator detect the violation. */
	ASSERT_EQ(0, hwsim("reply", "04.0004"));
	file_read(HWSIM "violations", self->text, sizeof(self->text));
	EXPECT_TRUE(is_one_line(self->text, "unpinned-nib queue 04.0004 nib "))
		TH_LOG("%s", self->text);
	EXPECT_EQ(0, file_write(HWSIM "violations", "0"));
	/* A check detects the violation without an interrupt. */
	hwsim_violations(self->text, sizeof(self->text));
	EXPECT_TRUE(is_one_line(self->text, "unpinned-nib queue 04.0004 nib "))
		TH_LOG("%s", self->text);
}

/* KVM frees a GISA together with its VM, so hardware must not use the GISA afterwards. */
TEST_F(violation, irq_to_foreign_gisa)
{
	ASSERT_EQ(0, vm_start(&self->vm[0]));
	plug(_metadata);
	EXPECT_EQ(-ENODATA, hwsim("provoke", "foreign-gisa 04.0004"));
	ASSERT_EQ(0, vm_aqic(&self->vm[0], 4, 4, true, 3, AGENT_NIB));
	EXPECT_VIOLATION("");
	ASSERT_EQ(0, hwsim("provoke", "foreign-gisa 04.0004"));
	EXPECT_VIOLATION("foreign-gisa queue 04.0004\n");
}

TEST_F(violation, apcb_change_in_sie)
{
	/* Keep the guest in SIE with an endless loop. */
	static const unsigned char endless[] = { 0xa7, 0xf4, 0x00, 0x00 };

	EXPECT_EQ(-ENODATA, hwsim("provoke", "apcb-in-sie 04.0004"));
	memcpy((char *)self->vm[0].memory + AGENT_CODE, endless, sizeof(endless));
	ASSERT_EQ(0, vm_start(&self->vm[0]));
	plug(_metadata);
	EXPECT_VIOLATION("");
	/* Break the rule that the vCPU must be kicked out of SIE before the APCB is written. */
	ASSERT_EQ(0, hwsim("provoke", "apcb-in-sie 04.0004"));
	EXPECT_TRUE(hwsim_wait_violation(self->text, sizeof(self->text)));
	EXPECT_TRUE(is_one_line(self->text, "apcb-in-sie pid="))
		TH_LOG("%s", self->text);
}

TEST_F(violation, eventfd_signal_under_kvm_lock)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	EXPECT_EQ(-ENOENT, hwsim("signal", "0 %d", fd));
	EXPECT_VIOLATION("");
	ASSERT_EQ(0, hwsim("signal", "%d %d", hwsim_guest_id(1), fd));
	EXPECT_VIOLATION("signal-under-lock &kvm->lock\n");
	close(fd);
}

TEST_F(violation, host_request_without_reset)
{
	ASSERT_EQ(0, host_take(6, 6));
	ASSERT_EQ(0, hwsim_power_cycle(6));
	ASSERT_EQ(0, hwsim_apcb(0, "6", "6"));
	ASSERT_EQ(0, hwsim_apcb(0, "none", "none"));
	/* Plugging the queue also caused a violation, which is irrelevant to this test. */
	EXPECT_EQ(0, file_write(HWSIM "violations", "0"));
	EXPECT_EQ(0, until(host_request_is_rejected, NULL));
	EXPECT_EQ(-EINVAL, host_request());
	EXPECT_VIOLATION("host-no-reset queue 06.0006\n");
}

/* Fixture "zcrypt": the machine in its state after boot, for tests of the host's drivers. */
FIXTURE(zcrypt) {
	char text[256];
};

FIXTURE_SETUP(zcrypt)
{
	machine_reset();
}

FIXTURE_TEARDOWN(zcrypt)
{
	machine_reset();
	EXPECT_EQ(0, hwsim_violations(self->text, sizeof(self->text))) TH_LOG("%s", self->text);
}

static bool is_online(int apid, int apqi)
{
	char path[128], text[16];

	snprintf(path, sizeof(path), "/sys/devices/ap/card%02x/%02x.%04x/online", apid, apid, apqi);
	return file_read(path, text, sizeof(text)) > 0 && text[0] == '1';
}

static long queue_number(const char *attribute)
{
	char path[128], text[64];

	snprintf(path, sizeof(path), "/sys/devices/ap/card06/06.0006/%s", attribute);
	return file_read(path, text, sizeof(text)) < 0 ? -1 : atol(text);
}

TEST_F(zcrypt, default_masks)
{
	static const char all[] =
		"0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
	int apid, apqi;

	ASSERT_EQ(0, file_write(BUS "apmask", all));
	ASSERT_EQ(0, file_write(BUS "aqmask", all));
	for (apid = 4; apid <= 6; apid++) {
		for (apqi = 4; apqi <= 6; apqi++) {
			EXPECT_TRUE(hwsim_wait_driver(apid, apqi, "cex4queue"));
			EXPECT_TRUE(hwsim_wait_state(apid, apqi, "irq", 1));
			EXPECT_TRUE(is_online(apid, apqi));
		}
	}
	EXPECT_EQ(-EINVAL, host_request());
	EXPECT_TRUE(is_online(4, 4));
}

static bool interrupts_are(const char *what)
{
	char text[64];

	file_read("/sys/devices/ap/card06/06.0006/interrupt", text, sizeof(text));
	return strstr(text, what);
}

static bool interrupts_are_enabled(void *data)
{
	return interrupts_are(data);
}

/* The adapter rejects the request with "invalid operand", but the queue must stay online. */
static void request_is_answered(struct __test_metadata *_metadata)
{
	long requests = queue_number("request_count");
	long sent = hwsim_state(6, 6, "nqap"), received = hwsim_state(6, 6, "dqap");

	EXPECT_EQ(-EINVAL, host_request());
	EXPECT_LT(requests, queue_number("request_count"));
	EXPECT_LT(sent, hwsim_state(6, 6, "nqap"));
	EXPECT_LT(received, hwsim_state(6, 6, "dqap"));
	EXPECT_EQ(0, queue_number("pendingq_count"));
	EXPECT_TRUE(is_online(6, 6));
}

TEST_F(zcrypt, request_with_irq)
{
	ASSERT_EQ(0, host_take(6, 6));
	EXPECT_EQ(0, until(interrupts_are_enabled, "enabled"));
	request_is_answered(_metadata);
}

TEST_F(zcrypt, request_without_irq)
{
	ASSERT_EQ(0, hwsim("respond", "06.0006 aqic 06 forever"));
	ASSERT_EQ(0, host_take(6, 6));
	request_is_answered(_metadata);
	EXPECT_TRUE(interrupts_are("disabled"));
	EXPECT_EQ(0, hwsim_state(6, 6, "irq"));
}

#define QUEUE		0x0404UL
#define PQAP(function)	((unsigned long)(function) << 24 | QUEUE)
#define NQAP		(0x40000000UL | QUEUE)
#define DQAP		(0x80000000UL | QUEUE)

static const struct function {
	const char *name;
	enum agent_command command;
	unsigned long gr0;
	/* response code for an idle queue */
	int rc;
} functions[] = {
	{ "tapq", AGENT_PQAP, PQAP(0) },
	{ "rapq", AGENT_PQAP, PQAP(1) },
	{ "zapq", AGENT_PQAP, PQAP(2) },
	{ "qact", AGENT_PQAP, PQAP(5) },
	{ "nqap", AGENT_NQAP, NQAP },
	{ "dqap", AGENT_DQAP, DQAP, 0x10 },
};

/* Wait until no reset is in progress and no reply is queued. */
static void wait_until_idle(struct vm *vm)
{
	while (vm_tapq(vm, 4, 4) == 2)
		;
	while (!answer(vm, AGENT_DQAP, DQAP))
		;
}

TEST_F(bare, injected_code_count)
{
	static const int codes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 0x0a, 0x10, 0x15, 0x42, 0xff };
	const struct function *f;
	unsigned int i;

	for (f = functions; f < functions + ARRAY_SIZE(functions); f++) {
		for (i = 0; i < ARRAY_SIZE(codes); i++) {
			ASSERT_EQ(0, hwsim("respond", "04.0004 %s %x 2", f->name, codes[i]));
			EXPECT_EQ(codes[i], answer(&self->vm, f->command, f->gr0));
			EXPECT_EQ(codes[i], answer(&self->vm, f->command, f->gr0));
			EXPECT_EQ(f->rc, answer(&self->vm, f->command, f->gr0))
				TH_LOG("%s %x", f->name, codes[i]);
			wait_until_idle(&self->vm);
		}
	}
}

TEST_F(bare, injected_code_forever)
{
	const struct function *f;
	int i;

	for (f = functions; f < functions + ARRAY_SIZE(functions); f++) {
		ASSERT_EQ(0, hwsim("respond", "*.* %s 0a forever", f->name));
		for (i = 0; i < 5; i++)
			EXPECT_EQ(0x0a, answer(&self->vm, f->command, f->gr0));
		ASSERT_EQ(0, hwsim("respond", "04.0004 %s 0a 0", f->name));
		EXPECT_EQ(f->rc, answer(&self->vm, f->command, f->gr0)) TH_LOG("%s", f->name);
		wait_until_idle(&self->vm);
	}
}

TEST_F(bare, queue_state_response_codes)
{
	static const struct {
		const char *knob, *text, *undo;
		int rc;
	} states[] = {
		{ "deconfigure", "4", "configure", 3 },
		{ "checkstop", "04.0004", "checkstop_end", 4 },
	};
	const struct function *f;
	unsigned int i;

	for (f = functions; f < functions + ARRAY_SIZE(functions); f++) {
		for (i = 0; i < ARRAY_SIZE(states); i++) {
			ASSERT_EQ(0, hwsim(states[i].knob, "%s", states[i].text));
			EXPECT_EQ(states[i].rc, answer(&self->vm, f->command, f->gr0));
			ASSERT_EQ(0, hwsim(states[i].undo, "%s", states[i].text));
		}
		EXPECT_EQ(f->rc, answer(&self->vm, f->command, f->gr0)) TH_LOG("%s", f->name);
		wait_until_idle(&self->vm);

		ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
		ASSERT_EQ(0, vm_zapq(&self->vm, 4, 4));
		EXPECT_EQ(2, answer(&self->vm, f->command, f->gr0)) TH_LOG("%s", f->name);
		EXPECT_EQ(1, hwsim_state(4, 4, "held"));
		ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
		EXPECT_EQ(f->rc, answer(&self->vm, f->command, f->gr0)) TH_LOG("%s", f->name);
		wait_until_idle(&self->vm);
	}
}

TEST_F(bare, reset_polls_or_duration)
{
	int polls;

	ASSERT_EQ(0, hwsim("reset_time", "04.0004 polls 7"));
	ASSERT_EQ(0, vm_zapq(&self->vm, 4, 4));
	for (polls = 0; vm_tapq(&self->vm, 4, 4) == 2; polls++)
		;
	EXPECT_EQ(7, polls);

	ASSERT_EQ(0, hwsim("reset_time", "04.0004 ms 3600000"));
	ASSERT_EQ(0, vm_zapq(&self->vm, 4, 4));
	for (polls = 0; polls < 20; polls++)
		EXPECT_EQ(2, vm_tapq(&self->vm, 4, 4));
	ASSERT_EQ(0, hwsim_power_cycle(4));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 ms 100"));
	ASSERT_EQ(0, vm_zapq(&self->vm, 4, 4));
	/* No task polls the queue, so this reset must end by itself after 100 ms. */
	EXPECT_TRUE(hwsim_wait_state(4, 4, "resetting", 0));
	EXPECT_EQ(0, vm_tapq(&self->vm, 4, 4));
}

TEST_F(bare, specification_exceptions)
{
	static const struct {
		enum agent_command command;
		unsigned long gr0;
	} cases[] = {
		/*
		 * undefined functions, reserved bits, and T and F bits for functions that
		 * do not allow them
		 */
		{ AGENT_PQAP, PQAP(6) }, { AGENT_PQAP, PQAP(42) }, { AGENT_PQAP, PQAP(255) },
		{ AGENT_PQAP, PQAP(0) | 1 << 16 }, { AGENT_PQAP, PQAP(0) | 1 << 17 },
		{ AGENT_PQAP, PQAP(0) | 1 << 18 }, { AGENT_PQAP, PQAP(0) | 1 << 19 },
		{ AGENT_PQAP, PQAP(0) | 1 << 20 }, { AGENT_PQAP, PQAP(0) | 1 << 21 },
		{ AGENT_PQAP, PQAP(0) | 1 << 22 }, { AGENT_PQAP, PQAP(1) | 1 << 23 },
		{ AGENT_PQAP, PQAP(2) | 1 << 23 }, { AGENT_PQAP, PQAP(5) | 1 << 23 },
		{ AGENT_NQAP, NQAP | 1UL << 31 }, { AGENT_NQAP, NQAP | 1 << 29 },
		{ AGENT_NQAP, NQAP | 1 << 28 }, { AGENT_NQAP, NQAP | 1 << 23 },
		{ AGENT_DQAP, DQAP | 1 << 30 }, { AGENT_DQAP, DQAP | 1 << 29 },
		{ AGENT_DQAP, DQAP | 1 << 28 }, { AGENT_DQAP, DQAP | 1 << 23 },
		{ AGENT_DQAP, DQAP | 1 << 22 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		EXPECT_TRUE(specification(&self->vm, cases[i].command, cases[i].gr0))
			TH_LOG("%u: %lx", i, cases[i].gr0);
	EXPECT_EQ(0, answer(&self->vm, AGENT_PQAP, PQAP(0) | 1 << 23));
	EXPECT_EQ(0, vm_ask(&self->vm, AGENT_PQAP, 4UL << 24, 0, AGENT_QCI));
	EXPECT_EQ(0, self->vm.mailbox->specification);
	EXPECT_LE(0, vm_ask(&self->vm, AGENT_PQAP, 4UL << 24, 0, AGENT_QCI + 4));
	EXPECT_EQ(1, self->vm.mailbox->specification);
	/* The simulator neither executed nor counted the rejected instructions. */
	EXPECT_EQ(1, hwsim_state(4, 4, "tapq"));
	EXPECT_EQ(0, hwsim_state(4, 4, "zapq"));
}

TEST_F(bare, guest_request_and_reply)
{
	static const unsigned char reply[] = { 0x00, 0x82, 0x00, 0x00, 0x82 };
	int i;

	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, answer(&self->vm, AGENT_NQAP, NQAP));
	EXPECT_EQ(0x10, answer(&self->vm, AGENT_NQAP, NQAP));
	EXPECT_EQ(8 + 1, hwsim_state(4, 4, "nqap"));
	for (i = 0; i < 8; i++) {
		memset((char *)self->vm.memory + AGENT_MESSAGE, 0xee, sizeof(reply));
		EXPECT_EQ(0, answer(&self->vm, AGENT_DQAP, DQAP));
		EXPECT_EQ(0, memcmp((char *)self->vm.memory + AGENT_MESSAGE, reply, sizeof(reply)));
	}
	EXPECT_EQ(0x10, answer(&self->vm, AGENT_DQAP, DQAP));
	EXPECT_EQ(1, hwsim_state(4, 4, "dirty"));
}

TEST_F(bare, queues_in_guest_apcb)
{
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim_apcb(0, "4-5", "5,6"));
	EXPECT_TRUE(vm_sees(&self->vm, "04.0005 04.0006 05.0005 05.0006"));
	EXPECT_EQ(1, answer(&self->vm, AGENT_PQAP, PQAP(2)));
	EXPECT_EQ(0, hwsim_state(4, 4, "zapq"));
	ASSERT_EQ(0, hwsim_apcb(0, "none", "none"));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	ASSERT_EQ(0, hwsim_power_cycle(5));
}
