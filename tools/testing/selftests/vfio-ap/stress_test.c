// SPDX-License-Identifier: GPL-2.0
/*
 * Run many random operations at once: administrators write to attributes, guests start, end
 * and are killed, guests use interrupts and reset their devices, queues are bound and
 * unbound, mdevs are removed, some removals are interrupted, the module is reloaded, the
 * host's configuration changes, and queues return errors.
 *
 * At the end, four views of each guest must agree: sysfs, what the guest sees, its APCB
 * in the simulator, and the result of view_expected(), which follows only the ABI document.
 * The test first compares the views of the guests that are still running, and then the
 * views of new guests.
 *
 * The environment variable STRESS_SEED sets the random seed, and STRESS_SECONDS sets the
 * duration in seconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/lib.h"
#include "../kselftest_harness.h"

#define STRESS_SECONDS	"10"
/* Comparing the views after each round takes a long time under KASAN. */
#define TEST_PATIENCE_S	900
#define NUMBERS		"/sys/kernel/debug/vfio_ap/"

/*
 * All actors use adapters and domains 4 to 7. The test adds adapter 7 and domain 7 to the
 * machine.
 */
#define FIRST	4
#define COUNT	4

static const char *const uuids[] = { UUID1, UUID2, UUID3 };
static bool stop;
/* If true, start no guests, because the module is about to be unloaded. */
static bool no_guests;

struct actor {
	const char *name;
	void (*act)(struct actor *actor);
	unsigned int number;
	unsigned int random;
	unsigned long acts;
	/* the first error that the ABI document does not allow */
	char error[128];
	pthread_t thread;
	struct vm vm;
	struct vfio vfio;
	/* true if the guest was still running when the actors stopped */
	bool survived;
};

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static unsigned int dice(struct actor *actor, unsigned int sides)
{
	return rand_r(&actor->random) % sides;
}

static unsigned int some_id(struct actor *actor)
{
	return FIRST + dice(actor, COUNT);
}

static void expect(struct actor *actor, int ret, const char *what, const int *allowed)
{
	int i;

	for (i = 0; allowed[i] <= 0; i++) {
		if (ret == allowed[i])
			return;
	}
	if (!*actor->error)
		snprintf(actor->error, sizeof(actor->error), "%s: %s", what,
			 strerror(-ret));
}

/* Write random masks that contain only the ids that the other actors use. */
static int mdev_write_masks(struct actor *actor, const char *uuid, const char *attribute)
{
	unsigned int shift = 8 - FIRST - COUNT, some = (1 << COUNT) - 1;

	return mdev_write(uuid, attribute, "0x%02x,0x%02x,0x%02x", dice(actor, some + 1) << shift,
			  dice(actor, some + 1) << shift, dice(actor, some + 1) << shift);
}

static void administrator_acts(struct actor *actor)
{
	static const char *const attributes[] = {
		"assign_adapter", "assign_domain", "assign_control_domain",
		"unassign_adapter", "unassign_domain", "unassign_control_domain",
	};
	/* -ENOENT and -ENODEV: the mdev or the module may be missing. */
	static const int allowed[] = { 0, -EADDRINUSE, -ENOENT, -ENODEV, 1 };
	const char *attribute = attributes[dice(actor, 6)];
	const char *uuid = uuids[dice(actor, 3)];

	switch (dice(actor, 8)) {
	case 0:
		attribute = "ap_config_dry_run";
		expect(actor, mdev_write_masks(actor, uuid, attribute), attribute, allowed);
		break;
	case 1:
		attribute = "ap_config";
		expect(actor, mdev_write_masks(actor, uuid, attribute), attribute, allowed);
		break;
	default:
		expect(actor, mdev_write(uuid, attribute, "%u", some_id(actor)), attribute,
		       allowed);
	}
}

static void reader_acts(struct actor *actor)
{
	static const char *const attributes[] = {
		"matrix", "guest_matrix", "control_domains", "reset_pending",
		"ap_config", "guest_ap_config", "queue_states", "last_error", "ap_config_dry_run",
	};
	char text[8192], path[128];
	unsigned int apid = some_id(actor);
	int ret;

	switch (dice(actor, 5)) {
	case 0:
		/* Ignore errors, because the queue may be missing. */
		snprintf(path, sizeof(path), "/sys/devices/ap/card%02x/%02x.%04x/status", apid,
			 apid, some_id(actor));
		file_read(path, text, sizeof(text));
		break;
	case 1:
		/* Ignore errors, because the module may be unloaded. */
		file_read(dice(actor, 2) ? NUMBERS "mdevs" : NUMBERS "queues", text,
			  sizeof(text));
		break;
	default:
		ret = mdev_read(uuids[dice(actor, 3)], attributes[dice(actor, 9)], text,
				sizeof(text));
		expect(actor, ret > 0 ? 0 : ret, "read", (int[]){ 0, -ENOENT, -ENODEV, 1 });
	}
}

static void binder_acts(struct actor *actor)
{
	unsigned int apid = some_id(actor), apqi = some_id(actor);

	/* Ignore errors, because the AP bus rejects a bind or unbind that has no effect. */
	if (dice(actor, 3))
		queue_bind(apid, apqi);
	else
		queue_unbind(apid, apqi);
	usleep(dice(actor, 20000));
}

static void host_acts(struct actor *actor)
{
	static const char *const knobs[] = {
		"adapter_add", "adapter_add", "adapter_del",
		"domain_add", "domain_add", "domain_del",
		"control_add", "control_del", "configure", "configure", "deconfigure",
	};

	/* Ignore errors, because the simulator rejects a change that has no effect. */
	hwsim(knobs[dice(actor, 11)], "%u", some_id(actor));
	if (!dice(actor, 3))
		bus_scan();
	usleep(dice(actor, 20000));
}

static void hardware_acts(struct actor *actor)
{
	static const char *const functions[] = { "tapq", "zapq", "aqic" };
	static const int codes[] = { 0x02, 0x05, 0x0a, 0x35, 0x36, 0x44, 0x07 };
	unsigned int apid = some_id(actor), apqi = some_id(actor);

	if (dice(actor, 2))
		hwsim("respond", "%02x.%04x %s %x %u", apid, apqi, functions[dice(actor, 3)],
		      codes[dice(actor, 7)], 1 + dice(actor, 3));
	else
		hwsim("reset_time", "%02x.%04x polls %u", apid, apqi, dice(actor, 6));
	usleep(dice(actor, 20000));
}

static bool guest_may_start(void)
{
	if (!__atomic_load_n(&no_guests, __ATOMIC_RELAXED))
		return true;
	usleep(10000);
	return false;
}

static void guest_end(struct actor *actor)
{
	/* Close the device and destroy the VM in random order. */
	if (dice(actor, 2)) {
		vfio_close(&actor->vfio);
		vm_destroy(&actor->vm);
	} else {
		vm_destroy(&actor->vm);
		vfio_close(&actor->vfio);
	}
	memset(&actor->vm, 0, sizeof(actor->vm));
	actor->survived = false;
}

/* Replace an eventfd while the driver may be signalling the old one. */
static int trigger_replace(struct actor *actor)
{
	int fd = dice(actor, 3) ? eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) : -1;
	int ret = vfio_irq_set(actor->vfio.device, dice(actor, 2), fd);

	if (fd >= 0)
		close(fd);
	return ret;
}

/* Start a guest that uses its queues for some time. */
static void guest_acts(struct actor *actor)
{
	const char *uuid = uuids[actor->number];
	int ret, i, turns = 5 + dice(actor, 40);

	if (!guest_may_start())
		return;
	ret = vm_create(&actor->vm);
	if (!ret)
		ret = vfio_open(&actor->vfio, &actor->vm, uuid);
	if (!ret)
		ret = vm_start(&actor->vm);
	/*
	 * -EBUSY: the files of a killed child may still be open. -EINVAL: removing an mdev
	 * removes its group from the container.
	 */
	expect(actor, ret, "guest", (int[]){ 0, -EBUSY, -ENOENT, -ENODEV, -EINVAL, 1 });
	for (i = 0; !ret && i < turns && !stopped(); i++) {
		unsigned int apid = some_id(actor), apqi = some_id(actor);

		switch (dice(actor, 6)) {
		case 0:
			vm_zapq(&actor->vm, apid, apqi);
			break;
		case 1:
			vm_tapq(&actor->vm, apid, apqi);
			break;
		case 2:
			if (ioctl(actor->vfio.device, VFIO_DEVICE_RESET))
				expect(actor, -errno, "VFIO_DEVICE_RESET",
				       (int[]){ -EIO, -EBUSY, 1 });
			break;
		case 3:
			expect(actor, trigger_replace(actor), "VFIO_DEVICE_SET_IRQS",
			       (int[]){ 0, 1 });
			break;
		default:
			vm_aqic(&actor->vm, apid, apqi, dice(actor, 2), dice(actor, 8),
				dice(actor, 8) ? AGENT_NIB : 0);
		}
	}
	if (actor->vm.end)
		expect(actor, -EPROTO, "the guest crashed", (int[]){ 0, 1 });
	actor->survived = !ret && stopped() && !__atomic_load_n(&no_guests, __ATOMIC_RELAXED);
	if (!actor->survived)
		guest_end(actor);
}

static void child_run(const char *uuid, unsigned int random)
{
	struct vm vm;
	struct vfio vfio;

	/* Close the inherited files, which belong to other guests. */
	syscall(SYS_close_range, 3, ~0U, 0);
	if (vm_create(&vm) || vfio_open(&vfio, &vm, uuid) || vm_start(&vm))
		_exit(1);
	for (;;)
		vm_aqic(&vm, FIRST + rand_r(&random) % COUNT, FIRST + rand_r(&random) % COUNT,
			true, rand_r(&random) % 8, AGENT_NIB);
}

/* Start a guest and kill it at a random time. */
static void killer_acts(struct actor *actor)
{
	unsigned int random = dice(actor, RAND_MAX);
	pid_t pid;

	if (!guest_may_start())
		return;
	pid = fork();
	if (!pid)
		child_run(uuids[actor->number], random);
	usleep(dice(actor, 400000));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static bool module_unloaded(void *data)
{
	(void)data;
	return !module_unload();
}

/*
 * Condition for until(): the module has been unloaded, or the actors stop. A guest that
 * is still running when the actors stop keeps the module loaded.
 */
static bool module_unloaded_or_stopped(void *data)
{
	return module_unloaded(data) || stopped();
}

static int module_reload(void)
{
	unsigned int i;
	int ret = module_load();

	for (i = 0; !ret && i < 3; i++) {
		ret = mdev_create(uuids[i]);
		/* remover_acts() has already recreated the mdev. */
		if (ret == -EEXIST)
			ret = 0;
	}
	return ret;
}

/* Start to remove an mdev, and interrupt the removal if it has not ended. */
static void remover_acts(struct actor *actor)
{
	const char *uuid = uuids[dice(actor, 3)];
	struct writer writer;

	usleep(dice(actor, 200000));
	writer_start(&writer, uuid, "remove", "1");
	usleep(dice(actor, 50000));
	kill(writer.pid, SIGINT);
	writer_end(&writer);
	/* The mdev may still exist, or the module may be unloaded. */
	expect(actor, mdev_create(uuid), "create", (int[]){ 0, -EEXIST, -ENOENT, -ENODEV, 1 });
}

/* Reload the module while all actors without guests continue. */
static void reloader_acts(struct actor *actor)
{
	usleep(1000000 + dice(actor, 3000000));
	__atomic_store_n(&no_guests, true, __ATOMIC_RELAXED);
	expect(actor, until(module_unloaded_or_stopped, NULL), "unload", (int[]){ 0, 1 });
	if (access(MATRIX, F_OK))
		expect(actor, module_reload(), "load", (int[]){ 0, 1 });
	__atomic_store_n(&no_guests, false, __ATOMIC_RELAXED);
}

static void *actor_run(void *data)
{
	struct actor *actor = data;

	while (!stopped()) {
		actor->act(actor);
		actor->acts++;
	}
	return NULL;
}

static struct actor actors[] = {
	{ "administrator", administrator_acts },
	{ "administrator", administrator_acts },
	{ "reader", reader_acts },
	{ "binder", binder_acts },
	{ "host", host_acts },
	{ "hardware", hardware_acts },
	{ "guest", guest_acts, 0 },
	{ "guest", guest_acts, 1 },
	{ "killer", killer_acts, 2 },
	{ "remover", remover_acts },
	{ "reloader", reloader_acts },
};

#define ACTORS ARRAY_SIZE(actors)

/* The text of the simulator's state file, which lists all queues and their drivers. */
static char machine[1 << 18];

static bool queue_is(unsigned int apid, unsigned int apqi, const char *what)
{
	char name[32], line[512], *p;

	snprintf(name, sizeof(name), "%02x.%04x ", apid, apqi);
	p = strstr(machine, name);
	if (!p)
		return false;
	snprintf(line, sizeof(line), "%.*s ", (int)strcspn(p, "\n"), p);
	return strstr(line, what);
}

/* Parse the adapters and domains in @text, which was read from matrix or guest_matrix. */
static void ids_parse(char *text, bool adapters[256], bool domains[256])
{
	char *line, *dot, *rest;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		dot = strchr(line, '.');
		if (dot != line)
			adapters[strtoul(line, NULL, 16)] = true;
		if (dot[1])
			domains[strtoul(dot + 1, NULL, 16)] = true;
	}
}

/* Read one of the AP bus's masks, in which the leftmost bit stands for id 0. */
static void host_mask_read(const char *name, bool ids[256])
{
	char path[128], text[128];
	unsigned int id;

	snprintf(path, sizeof(path), BUS "%s", name);
	file_read(path, text, sizeof(text));
	for (id = 0; id < 256; id++) {
		char digit[2] = { text[2 + id / 4] };

		ids[id] = strtoul(digit, NULL, 16) & 8 >> id % 4;
	}
}

static void line_add(char *text, size_t size, const char *format, unsigned int a, unsigned int d)
{
	size_t len = strlen(text);

	if (len)
		text[len++] = ' ';
	snprintf(text + len, size - len, format, a, d);
}

/* What guest_matrix must show, what the guest must see, and what its APCB must contain. */
struct view {
	char shown[4096], seen[4096], masks[256];
};

static void mask_add(char *text, size_t size, const char *name, const bool ids[256])
{
	size_t len = strlen(text);
	unsigned int id, byte = 0;

	len += snprintf(text + len, size - len, "%s%s=0x", len ? " " : "", name);
	for (id = 0; id < 256; id++) {
		byte = byte << 1 | ids[id];
		if (id % 8 != 7)
			continue;
		len += snprintf(text + len, size - len, "%02x", byte);
		byte = 0;
	}
}

static void control_domains_expected(const char *uuid, bool ids[256])
{
	char text[8192], *line, *rest;
	bool host[256];
	unsigned int id;

	host_mask_read("ap_control_domain_mask", host);
	mdev_read(uuid, "control_domains", text, sizeof(text));
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		id = strtoul(line, NULL, 16);
		ids[id] = host[id];
	}
}

/*
 * Derive the expected view from the rules in the ABI document. A guest gets each assigned
 * domain that is in the host. It gets each assigned adapter that is in the host and whose
 * queues in these domains are all bound to vfio_ap. guest_matrix shows the guest's queues or,
 * if there are none, its adapters or domains.
 */
static void view_expected(const char *uuid, struct view *view)
{
	bool adapters[256] = {}, domains[256] = {}, host_domains[256], host_adapters[256];
	unsigned int a, d, nr_adapters = 0, nr_domains = 0;
	bool control_domains[256] = {};
	char matrix[8192];

	memset(view, 0, sizeof(*view));
	mdev_read(uuid, "matrix", matrix, sizeof(matrix));
	ids_parse(matrix, adapters, domains);
	host_mask_read("ap_adapter_mask", host_adapters);
	host_mask_read("ap_usage_domain_mask", host_domains);
	for (d = 0; d < 256; d++)
		nr_domains += domains[d] &= host_domains[d];
	for (a = 0; a < 256; a++) {
		adapters[a] &= host_adapters[a];
		for (d = 0; d < 256; d++) {
			if (domains[d] && !queue_is(a, d, " driver=vfio_ap "))
				adapters[a] = false;
		}
		nr_adapters += adapters[a];
	}
	for (a = 0; a < 256; a++) {
		for (d = 0; d < 256; d++) {
			if (adapters[a] && domains[d])
				line_add(view->seen, sizeof(view->seen), "%02x.%04x", a, d);
		}
		if (adapters[a] && !nr_domains)
			line_add(view->shown, sizeof(view->shown), "%02x.", a, 0);
		if (domains[a] && !nr_adapters)
			line_add(view->shown, sizeof(view->shown), ".%04x", a, 0);
	}
	if (*view->seen)
		snprintf(view->shown, sizeof(view->shown), "%s", view->seen);
	control_domains_expected(uuid, control_domains);
	mask_add(view->masks, sizeof(view->masks), "apm", adapters);
	mask_add(view->masks, sizeof(view->masks), "aqm", domains);
	mask_add(view->masks, sizeof(view->masks), "adm", control_domains);
}

/* Condition for until(): all queues bound to vfio_ap are clean. Other queues may hold data. */
static bool queues_are_clean(void *data)
{
	static char text[sizeof(machine)];
	char *line, *rest;

	(void)data;
	file_read(HWSIM "state", text, sizeof(text));
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strstr(line, " dirty=1 ") && strstr(line, " driver=vfio_ap "))
			return false;
	}
	return true;
}

/* Condition for until(). It can become true only after all guests have ended. */
static bool no_interrupt_is_enabled(void *data)
{
	(void)data;
	file_read(HWSIM "state", machine, sizeof(machine));
	return !strstr(machine, " irq=1");
}

static bool nothing_is_pending(void *data)
{
	char text[8192];
	unsigned int i;
	int ret;

	(void)data;
	for (i = 0; i < 3; i++) {
		ret = mdev_read(uuids[i], "reset_pending", text, sizeof(text));
		/*
		 * The stock driver has no reset_pending, because a write to its attributes
		 * waits for all resets.
		 */
		if (ret && ret != -ENOENT)
			return false;
	}
	return true;
}

FIXTURE(stress) {
	char text[8192];
	struct view view;
};

FIXTURE_SETUP(stress)
{
	unsigned int i;

	machine_reset();
	ASSERT_EQ(0, file_write("/sys/kernel/debug/s390dbf/kvm-trace/flush", "-"));
	ASSERT_EQ(0, hwsim("adapter_add", "7"));
	ASSERT_EQ(0, hwsim("domain_add", "7"));
	ASSERT_EQ(0, hwsim("control_add", "7"));
	ASSERT_EQ(0, bus_scan());
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, mdev_create(uuids[i]));
}

FIXTURE_TEARDOWN(stress)
{
	EXPECT_EQ(0, hwsim_violations(self->text, sizeof(self->text))) TH_LOG("%s", self->text);
	machine_reset();
}

static void actors_run(struct __test_metadata *_metadata, unsigned long seed, int seconds)
{
	unsigned int i;

	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	for (i = 0; i < ACTORS; i++) {
		actors[i].random = seed * 31 + i;
		actors[i].acts = 0;
		ASSERT_EQ(0, pthread_create(&actors[i].thread, NULL, actor_run, &actors[i]));
	}
	sleep(seconds);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < ACTORS; i++) {
		pthread_join(actors[i].thread, NULL);
		TH_LOG("%s: %lu acts", actors[i].name, actors[i].acts);
		EXPECT_STREQ("", actors[i].error);
		EXPECT_NE(0, actors[i].acts);
	}

	/*
	 * Stop injecting errors, but keep the changes to the host configuration and to
	 * the bindings.
	 */
	EXPECT_EQ(0, hwsim("respond", "*.* tapq 1 0"));
	EXPECT_EQ(0, hwsim("respond", "*.* zapq 1 0"));
	EXPECT_EQ(0, hwsim("respond", "*.* aqic 1 0"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_EQ(0, until(nothing_is_pending, NULL));
}

static void views_compare(struct __test_metadata *_metadata, const char *uuid, struct vm *vm,
			  const struct view *view)
{
	/* The guest may get its queues shortly after sysfs shows them. */
	EXPECT_TRUE(guests_wait_for_masks(view->masks)) TH_LOG("%s: %s", uuid, view->masks);
	EXPECT_TRUE(vm_wait_queues(vm, view->seen)) TH_LOG("%s: %s", uuid, view->seen);
}

/*
 * Compare the views of the guests that were running during the updates. A new guest gets all
 * its queues at once, so it cannot have missed an update.
 */
static void views_compare_survivors(struct __test_metadata *_metadata, struct view *view)
{
	unsigned int i;

	file_read(HWSIM "state", machine, sizeof(machine));
	for (i = 0; i < ACTORS; i++) {
		const char *uuid = uuids[actors[i].number];

		if (!actors[i].survived)
			continue;
		TH_LOG("guest of %s survived", uuid);
		view_expected(uuid, view);
		EXPECT_TRUE(mdev_wait_for(uuid, "guest_matrix", view->shown))
			TH_LOG("%s must have %s", uuid, view->shown);
		views_compare(_metadata, uuid, &actors[i].vm, view);
		EXPECT_EQ(0, until(guests_have_bound_queues, NULL));
	}
}

/*
 * Restart each guest of guest_acts() that has ended, so that all of them run during the next
 * steps.
 */
static void guests_begin(struct __test_metadata *_metadata)
{
	unsigned int i;

	for (i = 0; i < ACTORS; i++) {
		struct actor *actor = &actors[i];

		if (actor->act != guest_acts || actor->survived)
			continue;
		ASSERT_EQ(0, vm_create(&actor->vm));
		ASSERT_EQ(0, vfio_open(&actor->vfio, &actor->vm, uuids[actor->number]));
		ASSERT_EQ(0, vm_start(&actor->vm));
		actor->survived = true;
	}
}

static void guests_end(void)
{
	unsigned int i;

	for (i = 0; i < ACTORS; i++) {
		if (actors[i].survived)
			guest_end(&actors[i]);
	}
}

/*
 * Assign all adapters to each of the first two mdevs. Assign the even domains to the first
 * mdev and the odd domains to the second, so that the mdevs share no queue.
 */
static void mdevs_fill(struct __test_metadata *_metadata)
{
	unsigned int i, id;

	for (i = 0; i < 3; i++) {
		for (id = FIRST; id < FIRST + COUNT; id++) {
			ASSERT_EQ(0, mdev_write(uuids[i], "unassign_adapter", "%u", id));
			ASSERT_EQ(0, mdev_write(uuids[i], "unassign_domain", "%u", id));
		}
	}
	for (i = 0; i < 2; i++) {
		for (id = FIRST; id < FIRST + COUNT; id++) {
			ASSERT_EQ(0, mdev_write(uuids[i], "assign_adapter", "%u", id));
			if (id % 2 == i)
				ASSERT_EQ(0, mdev_write(uuids[i], "assign_domain", "%u", id));
		}
	}
}

static void machine_degrade(struct __test_metadata *_metadata)
{
	hwsim("adapter_del", "%u", FIRST);
	hwsim("domain_del", "%u", FIRST);
	hwsim("control_del", "%u", FIRST);
	ASSERT_EQ(0, bus_scan());
	queue_unbind(FIRST + 1, FIRST + 1);
}

/* Restore the host's configuration and bind all queues to vfio_ap. */
static void machine_restore(struct __test_metadata *_metadata)
{
	static const char *const knobs[] = {
		"adapter_add", "domain_add", "control_add", "configure",
	};
	unsigned int id, i;

	/* Ignore errors, because the simulator rejects a change that has no effect. */
	for (id = FIRST; id < FIRST + COUNT; id++) {
		for (i = 0; i < ARRAY_SIZE(knobs); i++)
			hwsim(knobs[i], "%u", id);
	}
	ASSERT_EQ(0, bus_scan());
	for (id = FIRST; id < FIRST + COUNT; id++) {
		for (i = FIRST; i < FIRST + COUNT; i++)
			queue_bind(id, i);
	}
	EXPECT_EQ(0, until(nothing_is_pending, NULL));
}

static void views_compare_new(struct __test_metadata *_metadata, const char *uuid,
			      struct view *view)
{
	struct vfio vfio;
	struct vm vm;

	file_read(HWSIM "state", machine, sizeof(machine));
	view_expected(uuid, view);
	EXPECT_TRUE(mdev_wait_for(uuid, "guest_matrix", view->shown))
		TH_LOG("%s must have %s", uuid, view->shown);
	ASSERT_EQ(0, vm_create(&vm));
	ASSERT_EQ(0, vfio_open(&vfio, &vm, uuid));
	ASSERT_EQ(0, vm_start(&vm));
	views_compare(_metadata, uuid, &vm, view);
	EXPECT_EQ(0, until(guests_have_bound_queues, NULL));
	vfio_close(&vfio);
	vm_destroy(&vm);
}

/*
 * Maximum duration of a round in seconds. After each round, the test reloads the module,
 * which must leave nothing behind.
 */
#define ROUND_S	60

TEST_F(stress, consistent_views_after_load)
{
	const char *seconds = getenv("STRESS_SECONDS") ?: STRESS_SECONDS;
	static char trace[1 << 20];
	const char *given = getenv("STRESS_SEED");
	int left = atoi(seconds), round = 0;
	unsigned long seed;
	unsigned int i;

	seed = given && *given ? strtoul(given, NULL, 0) : (unsigned long)time(NULL);
	for (; left > 0; left -= ROUND_S, round++) {
		TH_LOG("STRESS_SEED=%lu, round %d", seed, round);
		actors_run(_metadata, seed + round, left < ROUND_S ? left : ROUND_S);
		views_compare_survivors(_metadata, &self->view);
		guests_begin(_metadata);
		mdevs_fill(_metadata);
		machine_degrade(_metadata);
		views_compare_survivors(_metadata, &self->view);
		machine_restore(_metadata);
		views_compare_survivors(_metadata, &self->view);
		guests_end();
		for (i = 0; i < 3; i++)
			views_compare_new(_metadata, uuids[i], &self->view);
		EXPECT_EQ(0, until(nothing_is_pinned, NULL));
		EXPECT_EQ(0, until(last_vm_is_destroyed, NULL));
		/*
		 * KVM writes "unexpected iam" to its trace if a GISC is still registered
		 * when a VM ends.
		 */
		ASSERT_LT(0, file_read(KVM_TRACE, trace, sizeof(trace)));
		EXPECT_EQ(NULL, strstr(trace, "unexpected iam"));
		EXPECT_EQ(0, until(queues_are_clean, NULL));
		EXPECT_EQ(0, until(no_interrupt_is_enabled, NULL)) TH_LOG("%s", machine);
		EXPECT_EQ(0, hwsim_violations(self->text, sizeof(self->text)))
			TH_LOG("%s", self->text);
		ASSERT_EQ(0, until(module_unloaded, NULL));
		ASSERT_EQ(0, module_reload());
	}
}

#include "lib/main.h"
