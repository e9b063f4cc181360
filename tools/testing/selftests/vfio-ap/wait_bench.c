// SPDX-License-Identifier: GPL-2.0
/*
 * Measure how long unrelated tasks wait while one guest is busy. Usage: wait_bench DRIVER
 *
 * Four threads repeat operations that other guests and administrators perform, and measure
 * how long each operation takes: on an idle system, while all queues of one guest are
 * unplugged and plugged repeatedly, while a VMM holds its VM's kvm->lock, and while the reset
 * of a queue does not end.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/bench.h"

#define RESET_MS	15
#define SAMPLES		220
#define SAMPLES_MAX	4000
#define HOLD_MS		500
#define NOTIFICATIONS	50
/* This id is not in the host, so its assignment neither plugs nor resets a queue. */
#define ABSENT		200

#define UUID_HELD	"44444444-4444-4444-4444-444444444444"
#define UUID_NEW	"55555555-5555-5555-5555-555555555555"

static const char *driver;
static bool stop, stop_noise;

/*
 * Guest A is busy. The threads measure operations of guest B, and open and close guest C's
 * device. A VMM holds guest H's kvm->lock.
 */
static struct vm vm_a, vm_b, vm_c, vm_h;
static struct vfio vfio_a, vfio_b, vfio_c, vfio_h;

struct meter {
	const char *id;
	/* Do operation number n. Return its duration in ns or a negative errno. */
	long (*take)(unsigned int n);
	unsigned int count;
	unsigned int waits_us[SAMPLES_MAX];
	pthread_t thread;
};

static long timed_write(const char *uuid, const char *attribute, int id)
{
	long start = bench_now_ns();
	int ret = mdev_write(uuid, attribute, "%d", id);

	return ret ?: bench_now_ns() - start;
}

static long take_sysfs(unsigned int n)
{
	static const char *const attributes[] = {
		"assign_domain", "unassign_domain", "assign_control_domain",
		"unassign_control_domain",
	};

	return timed_write(UUID2, attributes[n % 4], ABSENT);
}

static long take_status(unsigned int n)
{
	static const char *const paths[] = {
		"/sys/devices/ap/card08/08.0008/status", MATRIX UUID2 "/matrix",
		MATRIX UUID2 "/guest_matrix",
	};
	long start = bench_now_ns();
	char text[8192];
	int ret = file_read(paths[n % 3], text, sizeof(text));

	return ret < 0 ? ret : bench_now_ns() - start;
}

static long take_aqic(unsigned int n)
{
	long start = bench_now_ns();

	if (vm_aqic(&vm_b, 8, 8, true, 3, AGENT_NIB) || vm_aqic(&vm_b, 8, 8, false, 3, 0))
		return -EIO;
	return bench_now_ns() - start;
}

static long take_host(unsigned int n)
{
	long start = bench_now_ns(), taken;
	int ret;

	switch (n % 4) {
	case 0:
		ret = file_write(BUS "apmask", "+200\n");
		return ret ?: bench_now_ns() - start;
	case 1:
		ret = file_write(BUS "apmask", "-200\n");
		return ret ?: bench_now_ns() - start;
	case 2:
		ret = mdev_create(UUID_NEW);
		taken = bench_now_ns() - start;
		mdev_remove(UUID_NEW);
		return ret ?: taken;
	default:
		ret = vfio_open_device(&vfio_c, UUID3);
		taken = bench_now_ns() - start;
		close(vfio_c.device);
		return ret ?: taken;
	}
}

static struct meter meters[] = {
	{ "sysfs", take_sysfs }, { "status", take_status }, { "aqic", take_aqic },
	{ "host", take_host },
};

static void *meter_run(void *data)
{
	struct meter *meter = data;
	long taken;

	for (meter->count = 0; meter->count < SAMPLES_MAX; meter->count++) {
		if (__atomic_load_n(&stop, __ATOMIC_RELAXED))
			break;
		taken = meter->take(meter->count);
		if (taken < 0)
			printf("@broken %s: %s\n", meter->id, strerror(-taken));
		must(taken >= 0);
		meter->waits_us[meter->count] = taken / 1000;
		usleep(3000);
	}
	return NULL;
}

static bool enough(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(meters); i++) {
		if (meters[i].count < SAMPLES)
			return false;
	}
	return true;
}

static void respond_normally(void)
{
	must(!hwsim("respond", "04.0004 tapq 2 0"));
}

static void measure(const char *mode, int seconds)
{
	long end = bench_now_ns() + seconds * 1000000000L;
	unsigned int i, n;

	stop = false;
	for (i = 0; i < ARRAY_SIZE(meters); i++)
		must(!pthread_create(&meters[i].thread, NULL, meter_run, &meters[i]));
	do {
		usleep(50000);
	} while (!enough() && bench_now_ns() < end);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	/* Let the stuck reset end, because the threads may be waiting for it. */
	respond_normally();
	for (i = 0; i < ARRAY_SIZE(meters); i++) {
		pthread_join(meters[i].thread, NULL);
		printf("@waits %s %s %s", meters[i].id, driver, mode);
		for (n = 0; n < meters[i].count; n++)
			printf(" %u", meters[i].waits_us[n]);
		printf("\n");
	}
}

static bool noise_stopped(void)
{
	return __atomic_load_n(&stop_noise, __ATOMIC_RELAXED);
}

static void adapters_of_a(const char *attribute)
{
	int apid;

	for (apid = 4; apid < 8; apid++)
		must(!mdev_write(UUID1, attribute, "%d", apid));
}

static void *churn_run(void *unused)
{
	while (!noise_stopped()) {
		adapters_of_a("unassign_adapter");
		adapters_of_a("assign_adapter");
	}
	return NULL;
}

static void *hold_run(void *unused)
{
	struct writer writer;
	struct hold hold;

	while (!noise_stopped()) {
		must(!hold_kvm_lock(&hold, &vm_h));
		writer_start(&writer, UUID_HELD, "assign_control_domain", "9");
		usleep(HOLD_MS * 1000);
		hold_release(&hold);
		writer_end(&writer);
		must(!mdev_write(UUID_HELD, "unassign_control_domain", "9"));
	}
	return NULL;
}

static void measure_beside(const char *mode, void *(*noise)(void *), int seconds)
{
	pthread_t thread;

	stop_noise = false;
	must(!pthread_create(&thread, NULL, noise, NULL));
	measure(mode, seconds);
	__atomic_store_n(&stop_noise, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

static bool a_has_all_queues(void *unused)
{
	return queue_status(4, 4, "in use") && queue_status(7, 7, "in use");
}

static void a_restore(void)
{
	adapters_of_a("assign_adapter");
	must(!until(a_has_all_queues, NULL));
}

static void unplug_measure(int reset_ms)
{
	char id[32];
	long start;

	a_restore();
	must(!hwsim("reset_time", "*.* ms %d", reset_ms));
	start = bench_now_ns();
	adapters_of_a("unassign_adapter");
	snprintf(id, sizeof(id), "unplug.time.%d", reset_ms);
	printf("@waits %s %s busy %ld\n", id, driver, (bench_now_ns() - start) / 1000);
	must(!hwsim("reset_time", "*.* ms 1"));
}

static bool adapter_7_is_reset(void *unused)
{
	char path[64], text[8];
	int apqi;

	for (apqi = 4; apqi < 8; apqi++) {
		snprintf(path, sizeof(path), "/sys/devices/ap/card07/07.%04x/reset_pending", apqi);
		if (file_read(path, text, sizeof(text)) < 0 || text[0] != '0')
			return false;
	}
	return true;
}

static void notifications_drop(int attribute, int uevents)
{
	char text[8192];

	/* The driver delays notifications by one tick, so let earlier ones arrive first. */
	usleep(100000);
	pread(attribute, text, sizeof(text), 0);
	while (recv(uevents, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
}

/*
 * Measure the time from a write that plugs a queue until a reader wakes up. The stock
 * driver sends no notifications.
 */
static void notify_measure(void)
{
	struct pollfd fds[2] = { { .events = POLLPRI }, { .events = POLLIN } };
	long start, poll_us[NOTIFICATIONS], uevent_us[NOTIFICATIONS];
	unsigned int i;

	fds[0].fd = watch_open(MATRIX UUID1 "/guest_ap_config");
	fds[1].fd = uevents_open();
	must(fds[0].fd >= 0 && fds[1].fd >= 0);
	for (i = 0; i < NOTIFICATIONS; i++) {
		must(!mdev_write(UUID1, "unassign_adapter", "7"));
		must(!until(adapter_7_is_reset, NULL));
		notifications_drop(fds[0].fd, fds[1].fd);
		start = bench_now_ns();
		must(!mdev_write(UUID1, "assign_adapter", "7"));
		must(poll(&fds[0], 1, 30000) == 1);
		poll_us[i] = (bench_now_ns() - start) / 1000;
		must(poll(&fds[1], 1, 30000) == 1);
		uevent_us[i] = (bench_now_ns() - start) / 1000;
	}
	close(fds[0].fd);
	close(fds[1].fd);
	printf("@waits notify.poll %s quiet", driver);
	for (i = 0; i < NOTIFICATIONS; i++)
		printf(" %ld", poll_us[i]);
	printf("\n@waits notify.uevent %s quiet", driver);
	for (i = 0; i < NOTIFICATIONS; i++)
		printf(" %ld", uevent_us[i]);
	printf("\n");
}

static bool b_has_the_new_adapter(void *unused)
{
	return mdev_shows(UUID2, "guest_matrix", "08.0008 0a.0008");
}

static bool b_has_own_queue(void *unused)
{
	return mdev_shows(UUID2, "guest_matrix", "08.0008");
}

/* Release the lock after HOLD_MS, even if no task waits for it. */
static void *release_later(void *hold)
{
	usleep(HOLD_MS * 1000);
	hold_release(hold);
	return NULL;
}

/* Measure the time from adding an adapter to the host until guest B has the adapter. */
static void scan_measure(const char *mode)
{
	long start = bench_now_ns();

	must(!hwsim("adapter_add", "a"));
	must(!bus_scan());
	must(!until(b_has_the_new_adapter, NULL));
	printf("@waits scan %s %s %ld\n", driver, mode, (bench_now_ns() - start) / 1000);
}

static void scan_undo(void)
{
	must(!hwsim("adapter_del", "a"));
	must(!bus_scan());
	must(!until(b_has_own_queue, NULL));
}

static void scan_measure_under_kvm_lock(void)
{
	struct writer writer;
	struct hold hold;
	pthread_t thread;

	must(!hold_kvm_lock(&hold, &vm_h));
	writer_start(&writer, UUID_HELD, "assign_control_domain", "9");
	while (!writer_waits(&writer))
		usleep(1000);
	must(!pthread_create(&thread, NULL, release_later, &hold));
	scan_measure("kvmlock");
	pthread_join(thread, NULL);
	writer_end(&writer);
	must(!mdev_write(UUID_HELD, "unassign_control_domain", "9"));
}

static void guest_start(struct vm *vm, struct vfio *vfio, const char *uuid)
{
	must(!vm_create(vm));
	must(!vfio_open(vfio, vm, uuid));
	must(!vm_start(vm));
}

/* Create an mdev, and assign @count adapters from @apid and @count domains from @apqi. */
static void mdev_make(const char *uuid, int apid, int apqi, int count)
{
	must(!mdev_create(uuid));
	while (count--) {
		must(!mdev_write(uuid, "assign_adapter", "%d", apid++));
		must(!mdev_write(uuid, "assign_domain", "%d", apqi++));
	}
}

static void prepare(void)
{
	int id;

	machine_reset();
	for (id = 7; id <= 9; id++) {
		must(!hwsim("adapter_add", "%x", id));
		must(!hwsim("domain_add", "%x", id));
		must(!hwsim("control_add", "%x", id));
	}
	must(!bus_scan());
	must(queue_wait_status(9, 8, "unassigned"));
	mdev_make(UUID1, 4, 4, 4);
	mdev_make(UUID2, 8, 8, 1);
	/* Guest B gets this adapter as soon as the host has the adapter. */
	must(!mdev_write(UUID2, "assign_adapter", "10"));
	mdev_make(UUID3, 9, 8, 1);
	must(!mdev_create(UUID_HELD));
	guest_start(&vm_a, &vfio_a, UUID1);
	guest_start(&vm_b, &vfio_b, UUID2);
	guest_start(&vm_c, &vfio_c, UUID3);
	close(vfio_c.device);
	/* The ioctl that hold_kvm_lock() calls holds kvm->lock only if the VM has no vCPU. */
	must(!vm_create_bare(&vm_h));
	must(!vfio_open(&vfio_h, &vm_h, UUID_HELD));
	must(!until(a_has_all_queues, NULL));
	must(!until(b_has_own_queue, NULL));
}

static void clean_up(void)
{
	vfio_close(&vfio_a);
	vfio_close(&vfio_b);
	vfio_c.device = -1;
	vfio_close(&vfio_c);
	vfio_close(&vfio_h);
	vm_destroy(&vm_a);
	vm_destroy(&vm_b);
	vm_destroy(&vm_c);
	vm_destroy(&vm_h);
	mdev_remove(UUID_HELD);
}

int main(int argc, char **argv)
{
	static const int resets_ms[] = { 1, 15, 60, 250 };
	unsigned int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	driver = bench_driver(argc, argv);
	must(!module_load());
	prepare();
	must(!hwsim("reset_time", "*.* ms %d", RESET_MS));
	measure("quiet", 6);
	for (i = 0; i < 3; i++) {
		scan_measure("quiet");
		scan_undo();
		scan_measure_under_kvm_lock();
		scan_undo();
	}
	if (strcmp(driver, "base"))
		notify_measure();
	measure_beside("busy", churn_run, 20);
	a_restore();
	measure_beside("kvmlock", hold_run, 10);
	must(!hwsim("respond", "04.0004 tapq 2 forever"));
	measure_beside("stuck", churn_run, 10);
	/*
	 * Measure unplugging last, because the stock driver does not recover queues that it
	 * has released without a reset.
	 */
	for (i = 0; i < ARRAY_SIZE(resets_ms); i++)
		unplug_measure(resets_ms[i]);
	clean_up();
	machine_reset();
	must(!module_unload());
	return 0;
}
