// SPDX-License-Identifier: GPL-2.0
/*
 * Measure the CPU time and the memory that a driver uses. Usage: cost_bench DRIVER
 *
 * Run this program on a machine with a single CPU and a clock that advances by 1 ns per
 * instruction. Each duration is the minimum of several measurements, to exclude those that
 * an interrupt prolongs.
 */
#include <unistd.h>

#include "lib/bench.h"

#define REPEAT	50

static const char *driver;
static struct vm vm;
static struct vfio vfio;

static void print_value(const char *id, long number)
{
	printf("@value %s %s %ld\n", id, driver, number);
}

static void many(const char *knob, int first, int count)
{
	int id;

	for (id = first; id < first + count; id++)
		hwsim(knob, "%x", id);
}

static void assign_many(const char *attribute, int first, int count)
{
	int id;

	for (id = first; id < first + count; id++)
		must(!mdev_write(UUID1, attribute, "%d", id));
}

/* The stock driver lacks the attribute reset_pending, so treat a failed read as an empty list. */
static bool nothing_is_outstanding(void *unused)
{
	char text[8192];

	return mdev_read(UUID1, "reset_pending", text, sizeof(text)) <= 0;
}

/*
 * Measure the time to plug a domain into the running guest, but not the time to unplug
 * it.
 */
static void plug_measure(const char *id, int apqi, int repeat)
{
	long least = -1, start, taken;

	while (repeat--) {
		must(!until(nothing_is_outstanding, NULL));
		/* Give the driver's worker time to finish its work after the reset. */
		usleep(20000);
		start = bench_now_ns();
		must(!mdev_write(UUID1, "assign_domain", "%d", apqi));
		taken = bench_now_ns() - start;
		if (least < 0 || taken < least)
			least = taken;
		must(!mdev_write(UUID1, "unassign_domain", "%d", apqi));
	}
	print_value(id, least);
}

static void guest_begin(void)
{
	must(!vm_create(&vm));
	must(!vfio_open(&vfio, &vm, UUID1));
	must(!vm_start(&vm));
}

/*
 * Let the guest load a wait PSW, so that it uses no CPU time and the clock can skip to
 * the next event.
 */
static void guest_park(void)
{
	vm_post(&vm, AGENT_IO_WAIT, 0, 0, 0);
}

static void guest_end(void)
{
	vfio_close(&vfio);
	vm_destroy(&vm);
	must(!mdev_remove(UUID1));
}

static void aqic_measure(void)
{
	long least = -1, ticks;
	int i;

	for (i = 0; i < REPEAT; i++) {
		must(!vm_aqic(&vm, 4, 4, true, 3, AGENT_NIB));
		ticks = vm.mailbox->ticks;
		must(!vm_aqic(&vm, 4, 4, false, 3, 0));
		ticks += vm.mailbox->ticks;
		if (least < 0 || ticks < least)
			least = ticks;
	}
	print_value("aqic.cost", least * 1000 / 4096);
}

static void small_measure(void)
{
	must(!mdev_create(UUID1));
	assign_many("assign_adapter", 4, 1);
	assign_many("assign_domain", 4, 1);
	guest_begin();
	must(vm_wait_queues(&vm, "04.0004"));
	aqic_measure();
	guest_park();
	must(!mdev_write(UUID1, "unassign_domain", "4"));
	plug_measure("plug.cost.1x1", 4, REPEAT);
	guest_end();
}

/* Measure with a guest that has 16 x 16 queues. */
static void big_measure(void)
{
	must(!mdev_create(UUID1));
	assign_many("assign_adapter", 0x10, 16);
	assign_many("assign_domain", 0x10, 15);
	guest_begin();
	guest_park();
	plug_measure("plug.cost.16x16", 0x1f, REPEAT / 5);
	/* Also assign 192 adapters and 192 domains that are not in the host. */
	assign_many("assign_adapter", 0x40, 256 - 0x40);
	assign_many("assign_domain", 0x40, 256 - 0x40);
	plug_measure("plug.big", 0x1f, REPEAT / 5);
	guest_end();
}

static void uuid_make(char *uuid, unsigned int n)
{
	sprintf(uuid, "66666666-6666-6666-6666-%012x", n);
}

/*
 * Return the number of bytes in use in all slab caches if @all is true. Otherwise, count
 * only the kmalloc caches and radix_tree_node.
 */
static long slab_bytes(bool all)
{
	static char text[1 << 20];
	char *line, *rest, name[64];
	long sum = 0, active, total, size;

	file_read("/proc/slabinfo", text, sizeof(text));
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (sscanf(line, "%63s %ld %ld %ld", name, &active, &total, &size) != 4)
			continue;
		if (all || !strncmp(name, "kmalloc", 7) || !strcmp(name, "radix_tree_node"))
			sum += active * size;
	}
	return sum;
}

/* Measure the time to plug a queue while 10, 100 and 1000 other mdevs exist. */
static void crowd_measure(void)
{
	static const int crowds[] = { 10, 100, 1000 };
	char uuid[40], id[32];
	unsigned int i, n = 0;
	long before;

	must(!mdev_create(UUID1));
	assign_many("assign_adapter", 4, 1);
	guest_begin();
	guest_park();
	for (i = 0; i < ARRAY_SIZE(crowds); i++) {
		before = slab_bytes(true);
		for (; n < crowds[i]; n++) {
			uuid_make(uuid, n);
			must(!mdev_create(uuid));
		}
		if (i == 2)
			print_value("memory.mdev",
				    (slab_bytes(true) - before) / (crowds[2] - crowds[1]));
		snprintf(id, sizeof(id), "plug.many.%d", crowds[i]);
		plug_measure(id, 4, REPEAT / 5);
	}
	while (n) {
		uuid_make(uuid, --n);
		must(!mdev_remove(uuid));
	}
	guest_end();
}

static void queue_memory_measure(void)
{
	int apid, apqi;
	long all, own;

	for (apid = 0x10; apid < 0x20; apid++) {
		for (apqi = 0x10; apqi < 0x20; apqi++)
			must(!queue_unbind(apid, apqi));
	}
	/* Wait for an RCU grace period, after which the kernel frees the unbound queues' memory. */
	sleep(1);
	all = slab_bytes(true);
	own = slab_bytes(false);
	for (apid = 0x10; apid < 0x20; apid++) {
		for (apqi = 0x10; apqi < 0x20; apqi++)
			must(!queue_bind(apid, apqi));
	}
	print_value("memory.queue", (slab_bytes(false) - own) / 256);
	print_value("memory.queue.all", (slab_bytes(true) - all) / 256);
}

static bool guest_has_all(void *unused)
{
	return queue_status(0x20, 0x1f, "in use");
}

/*
 * Count the updates of a running guest's APCB when the host gains an adapter with 16
 * queues that are assigned to the guest's mdev.
 */
static void scan_measure(void)
{
	long updates;

	must(!mdev_create(UUID1));
	assign_many("assign_adapter", 0x20, 1);
	assign_many("assign_domain", 0x10, 16);
	guest_begin();
	guest_park();
	updates = hwsim_guest_updates(getpid());
	must(!hwsim("adapter_add", "20"));
	must(!bus_scan());
	must(!until(guest_has_all, NULL));
	print_value("scan.updates", hwsim_guest_updates(getpid()) - updates);
	guest_end();
	must(!hwsim("adapter_del", "20"));
	must(!bus_scan());
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	driver = bench_driver(argc, argv);
	must(!module_load());
	machine_reset();
	many("adapter_add", 0x10, 16);
	many("domain_add", 0x10, 16);
	must(!bus_scan());
	must(queue_wait_status(0x1f, 0x1f, "unassigned"));
	must(!hwsim("reset_time", "*.* ms 1"));
	small_measure();
	big_measure();
	scan_measure();
	queue_memory_measure();
	crowd_measure();
	machine_reset();
	must(!module_unload());
	return 0;
}
