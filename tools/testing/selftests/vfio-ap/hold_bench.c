// SPDX-License-Identifier: GPL-2.0
/*
 * Print the longest hold time of guests_lock and that of kvm->lock, as shown by /proc/lock_stat.
 * Usage: hold_bench DRIVER
 *
 * Unplug and plug all of a guest's queues, with 1, 4 and 64 vCPUs in turn. For each
 * change to the APCB, KVM must kick all vCPUs out of SIE.
 */
#include <linux/kvm.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/bench.h"

#define STATISTICS	"/proc/lock_stat"
#define ROUNDS		10
#define VCPUS_MAX	64
#define PSW_64BIT	0x0000000180000000UL
/* Address of a word that the agent does not use. The word contains "j .", an endless loop. */
#define SPIN		(AGENT_MEMORY - 4096)
#define SPIN_CODE	0xa7f40000

static struct vm vm;
static struct vfio vfio;

/* Additional vCPUs, which run an endless loop in SIE. */
static struct spinner {
	int vcpu;
	struct kvm_run *run;
	pthread_t thread;
} spinners[VCPUS_MAX];

static void *spinner_run(void *data)
{
	struct spinner *spinner = data;

	while (!__atomic_load_n(&spinner->run->immediate_exit, __ATOMIC_RELAXED))
		ioctl(spinner->vcpu, KVM_RUN, 0);
	return NULL;
}

static void spinner_start(int id)
{
	struct spinner *spinner = &spinners[id];

	spinner->vcpu = ioctl(vm.fd, KVM_CREATE_VCPU, id);
	must(spinner->vcpu >= 0);
	spinner->run = mmap(NULL, ioctl(vm.kvm, KVM_GET_VCPU_MMAP_SIZE, 0),
			    PROT_READ | PROT_WRITE, MAP_SHARED, spinner->vcpu, 0);
	must(spinner->run != MAP_FAILED);
	spinner->run->psw_mask = PSW_64BIT;
	spinner->run->psw_addr = SPIN;
	must(!pthread_create(&spinner->thread, NULL, spinner_run, spinner));
}

static void spinner_stop(int id)
{
	struct spinner *spinner = &spinners[id];

	__atomic_store_n(&spinner->run->immediate_exit, 1, __ATOMIC_RELAXED);
	pthread_kill(spinner->thread, SIGUSR1);
	pthread_join(spinner->thread, NULL);
	munmap(spinner->run, ioctl(vm.kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	close(spinner->vcpu);
}

/* Return the maximum time in ns for which a lock of class @class was held. */
static long longest_hold(const char *class)
{
	static char text[1 << 20];
	double wait[4], hold[2];
	char *line, *rest, *name;
	long counts[4];

	file_read(STATISTICS, text, sizeof(text));
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		name = strstr(line, class);
		if (!name || name[strlen(class)] != ':' || name != line + strspn(line, " "))
			continue;
		if (sscanf(name + strlen(class) + 1, "%ld %ld %lf %lf %lf %lf %ld %ld %lf %lf",
			   &counts[0], &counts[1], &wait[0], &wait[1], &wait[2], &wait[3],
			   &counts[2], &counts[3], &hold[0], &hold[1]) == 10)
			return hold[1] * 1000;
	}
	return -1;
}

static void churn(void)
{
	int round, apid;

	for (round = 0; round < ROUNDS; round++) {
		for (apid = 4; apid < 8; apid++)
			must(!mdev_write(UUID1, "unassign_adapter", "%d", apid));
		for (apid = 4; apid < 8; apid++)
			must(!mdev_write(UUID1, "assign_adapter", "%d", apid));
	}
}

static void hold_measure(int vcpus)
{
	long guests_lock, kvm_lock;
	int id;

	must(!vm_create(&vm));
	*(unsigned int *)((char *)vm.memory + SPIN) = SPIN_CODE;
	must(!vfio_open(&vfio, &vm, UUID1));
	must(!vm_start(&vm));
	for (id = 1; id < vcpus; id++)
		spinner_start(id);
	must(!file_write(STATISTICS, "0"));
	churn();
	guests_lock = longest_hold("&matrix_dev->guests_lock");
	kvm_lock = longest_hold("&kvm->lock");
	must(guests_lock > 0);
	must(kvm_lock > 0);
	printf("@value hold.guests_lock.%d ours %ld\n", vcpus, guests_lock);
	printf("@value hold.kvmlock.%d ours %ld\n", vcpus, kvm_lock);
	for (id = 1; id < vcpus; id++)
		spinner_stop(id);
	vfio_close(&vfio);
	vm_destroy(&vm);
}

int main(int argc, char **argv)
{
	int id;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/*
	 * Do not measure the stock driver, because it causes lockdep reports. After its
	 * first report, lockdep no longer collects lock statistics.
	 */
	if (!strcmp(bench_driver(argc, argv), "base"))
		return 0;
	must(!module_load());
	machine_reset();
	must(!hwsim("adapter_add", "7"));
	must(!hwsim("domain_add", "7"));
	must(!bus_scan());
	must(queue_wait_status(7, 7, "unassigned"));
	must(!hwsim("reset_time", "*.* ms 15"));
	must(!mdev_create(UUID1));
	for (id = 4; id < 8; id++) {
		must(!mdev_write(UUID1, "assign_adapter", "%d", id));
		must(!mdev_write(UUID1, "assign_domain", "%d", id));
	}
	hold_measure(1);
	hold_measure(4);
	hold_measure(VCPUS_MAX);
	must(!mdev_remove(UUID1));
	machine_reset();
	must(!module_unload());
	return 0;
}
