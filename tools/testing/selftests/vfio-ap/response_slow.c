// SPDX-License-Identifier: GPL-2.0
/*
 * Test how each operation handles each response code from each AP instruction that it
 * issues. The simulator returns the code once, three times or forever.
 *
 * Fast operations run with 256 queues at once, each of which returns its own code: queue
 * 1a.001b returns code ab. The simulator counts instructions, so the tests can compare
 * the number of retries with the number that each code requires.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/guest_fixture.h"

#define FIRST	0x10
#define COUNT	16
#define QUEUES	(COUNT * COUNT)
#define FOREVER	-1
#define NOT_COUNTED	-1

/* Unplugging queues that cannot be reset takes 10 s, and these tests do it many times. */
#define TEST_PATIENCE_S	1800

/* What a response code from ZAPQ, or from TAPQ after ZAPQ, means according to the ABI document. */
enum meaning {
	MEANS_OK,
	/* The driver polls again. */
	MEANS_IN_PROGRESS,
	/* The driver issues ZAPQ again. */
	MEANS_RETRY,
	/* The queue counts as reset. */
	MEANS_RESET,
	MEANS_GONE,
	MEANS_UNKNOWN,
};

static enum meaning meaning(unsigned int code)
{
	switch (code) {
	case 0x00:
		return MEANS_OK;
	case 0x02:
		return MEANS_IN_PROGRESS;
	case 0x05:
	case 0x0a:
	case 0x35:
	case 0x36:
		return MEANS_RETRY;
	case 0x03:
	case 0x04:
		return MEANS_RESET;
	case 0x01:
		return MEANS_GONE;
	default:
		return MEANS_UNKNOWN;
	}
}

/* Codes with each meaning except MEANS_OK, and codes that only other instructions return. */
static const unsigned int some_codes[] = {
	0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x0a, 0x10, 0x2c, 0x30, 0x31, 0x33,
	0x34, 0x35, 0x36, 0x37, 0x38, 0x42, 0x44, 0xff,
};

static int respond(int apid, int apqi, const char *function, unsigned int code, int times)
{
	if (times == FOREVER)
		return hwsim("respond", "%02x.%04x %s %x forever", apid, apqi, function, code);
	return hwsim("respond", "%02x.%04x %s %x %d", apid, apqi, function, code, times);
}

static bool nothing_is_pending(void *unused)
{
	(void)unused;
	return mdev_shows(UUID1, "reset_pending", "");
}

/*
 * Return how many ZAPQs the driver must issue if the instruction @function returns @code
 * @times times.
 */
static long resets_expected(const char *function, unsigned int code, int times)
{
	switch (meaning(code)) {
	case MEANS_OK:
	case MEANS_RESET:
		return 1;
	case MEANS_IN_PROGRESS:
		/*
		 * The code means that a reset is already in progress. The driver issues
		 * ZAPQ again if ZAPQ returned this code, but not if TAPQ returned it.
		 */
		return strcmp(function, "zapq") ? 1 : 1 + times;
	default:
		return 1 + times;
	}
}

FIXTURE(responses) {
	char text[8192], all[4096];
	struct vm vm;
	struct vfio vfio;
};

FIXTURE_SETUP(responses)
{
	int apid, apqi;

	machine_reset();
	/*
	 * Disable the hung task detector, because the AP bus compares each new or removed
	 * queue with all existing queues, which takes minutes on a busy machine.
	 */
	ASSERT_EQ(0, file_write("/proc/sys/kernel/hung_task_timeout_secs", "0"));
	for (apid = FIRST; apid < FIRST + COUNT; apid++)
		ASSERT_EQ(0, hwsim("adapter_add", "%x", apid));
	for (apqi = FIRST; apqi < FIRST + COUNT; apqi++)
		ASSERT_EQ(0, hwsim("domain_add", "%x", apqi));
	ASSERT_EQ(0, bus_scan());
	ASSERT_TRUE(queue_wait_status(FIRST + COUNT - 1, FIRST + COUNT - 1, "unassigned"));
	ASSERT_EQ(0, mdev_create(UUID1));
	for (apid = FIRST; apid < FIRST + COUNT; apid++)
		ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "%d", apid));
	for (apqi = FIRST; apqi < FIRST + COUNT; apqi++)
		ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "%d", apqi));
	for (apid = FIRST; apid < FIRST + COUNT; apid++) {
		for (apqi = FIRST; apqi < FIRST + COUNT; apqi++)
			sprintf(self->all + strlen(self->all), "%s%02x.%04x",
				*self->all ? " " : "", apid, apqi);
	}
	ASSERT_EQ(0, vm_create(&self->vm));
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	ASSERT_EQ(0, vm_start(&self->vm));
	ASSERT_TRUE(vm_wait_queues(&self->vm, self->all));
	/* Let resets end before the first poll, so that hardware accepts each ZAPQ. */
	ASSERT_EQ(0, hwsim("reset_time", "*.* polls 0"));
}

FIXTURE_TEARDOWN(responses)
{
	EXPECT_EQ(0, self->vm.end);
	vfio_close(&self->vfio);
	vm_destroy(&self->vm);
	mdev_remove(UUID1);
	EXPECT_EQ(0, hwsim_violations(self->text, sizeof(self->text))) TH_LOG("%s", self->text);
	machine_reset();
	bus_scan();
	EXPECT_EQ(0, file_write("/proc/sys/kernel/hung_task_timeout_secs", "60"));
}

/* Queue number n, from 0 to 255, returns code n. */
static int apid_of(int n)
{
	return FIRST + n / COUNT;
}

static int apqi_of(int n)
{
	return FIRST + n % COUNT;
}

static long counts[QUEUES];

/* Store how often each queue was reset in @resets, where the index is the queue's code. */
static void resets_read(long resets[QUEUES])
{
	static char text[1 << 20];
	char *line, *zapq, *rest;
	int apid, apqi;

	file_read(HWSIM "state", text, sizeof(text));
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		zapq = strstr(line, " zapq=");
		if (sscanf(line, "%x.%x ", &apid, &apqi) == 2 && zapq && apid >= FIRST &&
		    apid < FIRST + COUNT && apqi >= FIRST && apqi < FIRST + COUNT)
			resets[(apid - FIRST) * COUNT + apqi - FIRST] = atol(zapq + 6);
	}
}

/* Check that each queue was reset as often as its code requires, and @always times more. */
static void counts_check(struct __test_metadata *_metadata, const char *function, int times,
			 int always)
{
	long resets[QUEUES];
	int n;

	resets_read(resets);
	for (n = 0; n < QUEUES; n++)
		EXPECT_EQ(counts[n] + resets_expected(function, n, times) + always, resets[n])
			TH_LOG("%s returned %02x %d times", function, n, times);
}

static void responses_inject(struct __test_metadata *_metadata, const char *function, int times)
{
	int n;

	for (n = 0; n < QUEUES; n++)
		ASSERT_EQ(0, respond(apid_of(n), apqi_of(n), function, n, times));
}

/* A pair of operations: the first unplugs the queues, and the second plugs them again. */
struct operation {
	const char *name;
	void (*unplug)(struct __test_metadata *_metadata, struct vfio *vfio, struct vm *vm);
	void (*plug)(struct __test_metadata *_metadata, struct vfio *vfio, struct vm *vm);
	/*
	 * number of ZAPQs that are issued in addition to those that a code requires, or
	 * NOT_COUNTED
	 */
	int always;
};

/* Start all writers at once, because each writer may wait for 10 s. */
static void adapters_write(struct __test_metadata *_metadata, const char *attribute)
{
	struct writer writers[COUNT];
	char text[8];
	int i;

	for (i = 0; i < COUNT; i++) {
		snprintf(text, sizeof(text), "%d", FIRST + i);
		writer_start(&writers[i], UUID1, attribute, text);
	}
	for (i = 0; i < COUNT; i++)
		EXPECT_EQ(0, writer_end(&writers[i]));
}

static void unplug_by_unassign(struct __test_metadata *_metadata, struct vfio *vfio, struct vm *vm)
{
	adapters_write(_metadata, "unassign_adapter");
}

static void plug_by_assign(struct __test_metadata *_metadata, struct vfio *vfio, struct vm *vm)
{
	adapters_write(_metadata, "assign_adapter");
}

static void unplug_by_close(struct __test_metadata *_metadata, struct vfio *vfio, struct vm *vm)
{
	vfio_close(vfio);
}

static void plug_by_open(struct __test_metadata *_metadata, struct vfio *vfio, struct vm *vm)
{
	ASSERT_EQ(0, vfio_open(vfio, vm, UUID1));
}

/* Unbinding one queue also unplugs the other 15 queues of its adapter. */
static void unplug_by_unbind(struct __test_metadata *_metadata, struct vfio *vfio, struct vm *vm)
{
	int apid;

	for (apid = FIRST; apid < FIRST + COUNT; apid++)
		ASSERT_EQ(0, queue_unbind(apid, FIRST));
}

static void plug_by_bind(struct __test_metadata *_metadata, struct vfio *vfio, struct vm *vm)
{
	int apid;

	for (apid = FIRST; apid < FIRST + COUNT; apid++)
		ASSERT_EQ(0, queue_bind(apid, FIRST));
}

static void wait_until_all_plugged(struct __test_metadata *_metadata, struct vm *vm,
				   const char *all)
{
	ASSERT_EQ(0, until(nothing_is_pending, NULL));
	ASSERT_TRUE(mdev_wait_for(UUID1, "guest_matrix", all));
	EXPECT_TRUE(vm_sees(vm, all));
}

static void operation_try(struct __test_metadata *_metadata, const struct operation *operation,
			  const char *function, int times, struct vfio *vfio, struct vm *vm,
			  const char *all)
{
	TH_LOG("%s: %s returns each code %d times", operation->name, function, times);
	/* Prevent a periodic scan by the AP bus, which would consume some of the injected codes. */
	ASSERT_EQ(0, file_write(BUS "config_time", "120"));
	resets_read(counts);
	responses_inject(_metadata, function, times);
	operation->unplug(_metadata, vfio, vm);
	if (times == FOREVER) {
		/*
		 * The guest loses the queues, regardless of the code. Their resets
		 * complete when the injection stops.
		 */
		EXPECT_TRUE(vm_sees(vm, ""));
		responses_inject(_metadata, function, 0);
	}
	operation->plug(_metadata, vfio, vm);
	wait_until_all_plugged(_metadata, vm, all);
	if (times != FOREVER && operation->always != NOT_COUNTED)
		counts_check(_metadata, function, times, operation->always);
}

/* Like operation_try(), but inject the codes after the queues are unplugged, not before. */
static void operation_try_return(struct __test_metadata *_metadata,
				 const struct operation *operation, const char *function,
				 int times, struct vfio *vfio, struct vm *vm, const char *all)
{
	TH_LOG("%s: %s returns each code %d times", operation->name, function, times);
	ASSERT_EQ(0, file_write(BUS "config_time", "120"));
	operation->unplug(_metadata, vfio, vm);
	EXPECT_TRUE(vm_wait_queues(vm, ""));
	resets_read(counts);
	responses_inject(_metadata, function, times);
	operation->plug(_metadata, vfio, vm);
	if (times == FOREVER) {
		/* No adapter is plugged, because each has a queue whose reset does not complete. */
		EXPECT_TRUE(vm_sees(vm, ""));
		responses_inject(_metadata, function, 0);
	}
	wait_until_all_plugged(_metadata, vm, all);
	if (times != FOREVER && operation->always != NOT_COUNTED)
		counts_check(_metadata, function, times, operation->always);
}

typedef void try_fn(struct __test_metadata *_metadata, const struct operation *operation,
		    const char *function, int times, struct vfio *vfio, struct vm *vm,
		    const char *all);

static void function_try_all(struct __test_metadata *_metadata, try_fn *try,
			     const struct operation *operation, const char *function,
			     struct vfio *vfio, struct vm *vm, const char *all)
{
	static const int times[] = { 1, 3, FOREVER };
	unsigned int t;

	for (t = 0; t < ARRAY_SIZE(times); t++)
		try(_metadata, operation, function, times[t], vfio, vm, all);
}

static void operation_try_all(struct __test_metadata *_metadata, try_fn *try,
			      const struct operation *operation, struct vfio *vfio,
			      struct vm *vm, const char *all)
{
	function_try_all(_metadata, try, operation, "zapq", vfio, vm, all);
	function_try_all(_metadata, try, operation, "tapq", vfio, vm, all);
}

TEST_F(responses, unplug_all_codes)
{
	static const struct operation unplug = {
		"unplug", unplug_by_unassign, plug_by_assign,
	};

	operation_try_all(_metadata, operation_try, &unplug, &self->vfio, &self->vm, self->all);
}

TEST_F(responses, close_all_codes)
{
	static const struct operation close = { "close", unplug_by_close, plug_by_open };

	operation_try_all(_metadata, operation_try, &close, &self->vfio, &self->vm, self->all);
}

/*
 * The test does not count the resets, because the AP bus also resets each queue and
 * consumes some of the injected codes.
 */
TEST_F(responses, unbind_all_codes)
{
	static const struct operation unbind = {
		"unbind", unplug_by_unbind, plug_by_bind, NOT_COUNTED,
	};

	operation_try_all(_metadata, operation_try, &unbind, &self->vfio, &self->vm, self->all);
}

static void unplug_by_close_and_unbind(struct __test_metadata *_metadata, struct vfio *vfio,
				       struct vm *vm)
{
	int n;

	vfio_close(vfio);
	ASSERT_EQ(0, until(nothing_is_pending, NULL));
	for (n = 0; n < QUEUES; n++)
		ASSERT_EQ(0, queue_unbind(apid_of(n), apqi_of(n)));
}

static void plug_by_bind_and_open(struct __test_metadata *_metadata, struct vfio *vfio,
				  struct vm *vm)
{
	int n;

	for (n = 0; n < QUEUES; n++)
		ASSERT_EQ(0, queue_bind(apid_of(n), apqi_of(n)));
	ASSERT_EQ(0, vfio_open(vfio, vm, UUID1));
}

TEST_F(responses, probe_all_codes)
{
	static const struct operation probe = {
		"probe", unplug_by_close_and_unbind, plug_by_bind_and_open,
	};

	operation_try_all(_metadata, operation_try_return, &probe, &self->vfio, &self->vm,
			  self->all);
}

static void adapters_change(struct __test_metadata *_metadata, const char *knob)
{
	int apid;

	for (apid = FIRST; apid < FIRST + COUNT; apid++)
		ASSERT_EQ(0, hwsim(knob, "%x", apid));
	ASSERT_EQ(0, bus_scan());
}

static void unplug_by_adapter_del(struct __test_metadata *_metadata, struct vfio *vfio,
				  struct vm *vm)
{
	adapters_change(_metadata, "adapter_del");
}

static void plug_by_adapter_add(struct __test_metadata *_metadata, struct vfio *vfio, struct vm *vm)
{
	adapters_change(_metadata, "adapter_add");
}

/* Inject codes into ZAPQ only, because the AP bus does not add a queue whose TAPQ fails. */
TEST_F(responses, adapter_readd_all_codes)
{
	static const struct operation come = {
		"add adapter", unplug_by_adapter_del, plug_by_adapter_add, NOT_COUNTED,
	};

	function_try_all(_metadata, operation_try_return, &come, "zapq", &self->vfio, &self->vm,
			 self->all);
}

static void aqic_try(struct __test_metadata *_metadata, struct vm *vm, bool enable,
		     unsigned int code, int times)
{
	int n = times == FOREVER ? 10 : times;

	ASSERT_EQ(0, respond(FIRST, FIRST, "aqic", code, times));
	while (n--) {
		ASSERT_EQ(code, vm_aqic(vm, FIRST, FIRST, enable, 3, enable ? AGENT_NIB : 0));
		ASSERT_EQ(enable ? 0 : 4, pinned_kib());
	}
	if (times == FOREVER)
		ASSERT_EQ(0, respond(FIRST, FIRST, "aqic", code, 0));
	ASSERT_EQ(0, vm_aqic(vm, FIRST, FIRST, enable, 3, enable ? AGENT_NIB : 0));
}

/* The driver passes the code to the guest unchanged, and the code has no other effect. */
TEST_F(responses, aqic_all_codes)
{
	static const int times[] = { 1, 3, FOREVER };
	unsigned int code, i;

	for (i = 0; i < ARRAY_SIZE(times); i++) {
		for (code = 1; code < 256; code++) {
			aqic_try(_metadata, &self->vm, true, code, times[i]);
			aqic_try(_metadata, &self->vm, false, code, times[i]);
			ASSERT_EQ(0, until(nothing_is_pinned, NULL));
		}
	}
}

/*
 * The driver treats an interrupt as disabled if TAPQ shows that it is disabled, or if the queue
 * is gone, deconfigured or checkstopped.
 */
TEST_F(responses, tapq_after_disable_all_codes)
{
	unsigned int code, times;

	for (code = 1; code < 256; code++) {
		/* Either an injected code or the first TAPQ without one ends the registration. */
		for (times = 1; times <= 3; times += 2) {
			ASSERT_EQ(0, vm_aqic(&self->vm, FIRST, FIRST, true, 3, AGENT_NIB));
			ASSERT_EQ(0, respond(FIRST, FIRST, "tapq", code, times));
			ASSERT_EQ(0, vm_aqic(&self->vm, FIRST, FIRST, false, 3, 0));
			ASSERT_EQ(0, until(nothing_is_pinned, NULL))
				TH_LOG("TAPQ returns %02x %d times", code, times);
			ASSERT_EQ(0, respond(FIRST, FIRST, "tapq", code, 0));
		}
	}
	for (code = 1; code < 256; code++) {
		enum meaning means = meaning(code);
		bool off = means == MEANS_RESET || means == MEANS_GONE;

		ASSERT_EQ(0, vm_aqic(&self->vm, FIRST, FIRST, true, 3, AGENT_NIB));
		ASSERT_EQ(0, respond(FIRST, FIRST, "tapq", code, FOREVER));
		ASSERT_EQ(0, vm_aqic(&self->vm, FIRST, FIRST, false, 3, 0));
		/*
		 * Before the driver issues AQIC, it polls the queue once and gets the
		 * injected code.
		 */
		ASSERT_EQ(off ? 0 : means == MEANS_IN_PROGRESS ? 2 : 5,
			  vm_aqic(&self->vm, FIRST, FIRST, true, 3, AGENT_NIB))
			TH_LOG("TAPQ returns %02x", code);
		ASSERT_EQ(4, pinned_kib());
		if (off)
			ASSERT_EQ(0, vm_aqic(&self->vm, FIRST, FIRST, false, 3, 0));
		ASSERT_EQ(0, respond(FIRST, FIRST, "tapq", code, 0));
		ASSERT_EQ(0, until(nothing_is_pinned, NULL));
	}
}

static bool lists_all(void *attribute)
{
	char text[8192];

	return mdev_read(UUID1, attribute, text, sizeof(text)) == 2 * QUEUES * 8;
}

/* Both lists have 512 lines. A normal sysfs attribute can show at most 511 of these lines. */
TEST_F(responses, lists_beyond_page_size)
{
	int apid;

	for (apid = FIRST + COUNT; apid < FIRST + 2 * COUNT; apid++) {
		ASSERT_EQ(0, hwsim("adapter_add", "%x", apid));
		ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "%d", apid));
	}
	EXPECT_EQ(0, bus_scan());
	EXPECT_EQ(0, until(lists_all, "guest_matrix"));
	ASSERT_EQ(0, hwsim("respond", "*.* tapq 2 forever"));
	vfio_close(&self->vfio);
	EXPECT_EQ(0, until(lists_all, "reset_pending"));
	ASSERT_EQ(0, hwsim("respond", "*.* tapq 2 0"));
	EXPECT_EQ(0, until(nothing_is_pending, NULL));
}

static int device_reset(struct vfio *vfio)
{
	return ioctl(vfio->device, VFIO_DEVICE_RESET) ? -errno : 0;
}

/*
 * Return the expected result of VFIO_DEVICE_RESET. If the simulator returns a transient code
 * forever, the ioctl waits for 10 s and then fails.
 */
static int device_reset_expected(unsigned int code, int times)
{
	switch (meaning(code)) {
	case MEANS_UNKNOWN:
	case MEANS_GONE:
		return -EIO;
	case MEANS_RETRY:
	case MEANS_IN_PROGRESS:
		return times == FOREVER ? -EBUSY : 0;
	default:
		return 0;
	}
}

static void device_reset_try(struct __test_metadata *_metadata, struct vfio *vfio, struct vm *vm,
			     const char *function, unsigned int code, int times)
{
	/* Prevent a periodic scan by the AP bus, which would fail with some of the codes. */
	ASSERT_EQ(0, file_write(BUS "config_time", "120"));
	ASSERT_EQ(0, respond(4, 4, function, code, times));
	ASSERT_EQ(device_reset_expected(code, times), device_reset(vfio))
		TH_LOG("%s returns %02x %d times", function, code, times);
	ASSERT_EQ(0, respond(4, 4, function, code, 0));
	ASSERT_EQ(0, until(nothing_is_pending, NULL));
	ASSERT_TRUE(vm_wait_queues(vm, "04.0004"));
	ASSERT_EQ(0, device_reset(vfio));
}

TEST_F(guest, device_reset_all_codes)
{
	static const char *const functions[] = { "zapq", "tapq" };
	/*
	 * VFIO_DEVICE_RESET waits for 10 s if a transient code persists, so test only one
	 * code for MEANS_IN_PROGRESS and one for MEANS_RETRY.
	 */
	static const unsigned int transient[] = { 0x02, 0x05 };
	unsigned int code, f, i;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	for (f = 0; f < ARRAY_SIZE(functions); f++) {
		for (i = 0; i < ARRAY_SIZE(some_codes); i++)
			device_reset_try(_metadata, &self->vfio, &self->vm, functions[f],
					 some_codes[i], 3);
		for (i = 0; i < ARRAY_SIZE(some_codes); i++) {
			if (device_reset_expected(some_codes[i], FOREVER) != -EBUSY)
				device_reset_try(_metadata, &self->vfio, &self->vm, functions[f],
						 some_codes[i], FOREVER);
		}
		for (i = 0; i < ARRAY_SIZE(transient); i++)
			device_reset_try(_metadata, &self->vfio, &self->vm, functions[f],
					 transient[i], FOREVER);
	}
	for (code = 1; code < 256; code++) {
		for (f = 0; f < ARRAY_SIZE(functions); f++)
			device_reset_try(_metadata, &self->vfio, &self->vm, functions[f], code,
					 1);
	}
}

#include "lib/main.h"
