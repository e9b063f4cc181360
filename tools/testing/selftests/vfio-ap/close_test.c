// SPDX-License-Identifier: GPL-2.0
/*
 * A VMM closes the VFIO device, the group, KVM's VFIO device and the VM: from one thread in
 * every order, and from two threads in random order. At the same time, the guest issues AQIC, and
 * another thread changes the guest's memory slots. To repeat a run, set the environment
 * variable STRESS_SEED to the seed that the run printed.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lib/lib.h"
#include "../kselftest_harness.h"

#define SECONDS	"5"

/* the address of a NIB beyond the guest's initial memory */
#define SLOT_NIB	(AGENT_MEMORY + 0x80)

enum end {
	DEVICE,
	GROUP,
	KVM_VFIO,
	VM,
	ENDS,
};

static const char *const end_names[] = { "device", "group", "KVM's VFIO device", "VM" };

struct guest {
	struct vm vm;
	struct vfio vfio;
	/* moved here from struct vm, so that vm_destroy() does not close this file descriptor */
	int kvm_vfio;
	char *memory, *slot;
	bool stop;
	/* how many AQICs succeeded, and how many memory slots were added */
	unsigned int answered, mapped;
	pthread_t asker, mapper;
};

static bool stopped(struct guest *guest)
{
	return __atomic_load_n(&guest->stop, __ATOMIC_RELAXED);
}

/*
 * Issue AQIC alternately with a NIB in permanent memory and with a NIB in the memory slot
 * that mapper_run() adds and removes.
 */
static void *asker_run(void *data)
{
	struct guest *guest = data;
	unsigned int n;

	for (n = 0; !stopped(guest); n++) {
		if (!vm_aqic(&guest->vm, 4, 4, !(n & 1), 3, n & 2 ? SLOT_NIB : AGENT_NIB))
			__atomic_add_fetch(&guest->answered, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static int slot_set(struct guest *guest, unsigned long size)
{
	struct kvm_userspace_memory_region region = {
		.slot = 1,
		.guest_phys_addr = AGENT_MEMORY,
		.memory_size = size,
		.userspace_addr = (uintptr_t)guest->slot,
	};

	return ioctl(guest->vm.fd, KVM_SET_USER_MEMORY_REGION, &region);
}

static void *mapper_run(void *data)
{
	struct guest *guest = data;

	while (!stopped(guest)) {
		if (!slot_set(guest, AGENT_MEMORY))
			__atomic_add_fetch(&guest->mapped, 1, __ATOMIC_RELAXED);
		usleep(1000);
		slot_set(guest, 0);
	}
	return NULL;
}

static bool traffic_flows(void *data)
{
	struct guest *guest = data;

	return __atomic_load_n(&guest->answered, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&guest->mapped, __ATOMIC_RELAXED);
}

static int guest_start(struct guest *guest)
{
	int ret;

	memset(guest, 0, sizeof(*guest));
	ret = vm_create(&guest->vm);
	if (!ret)
		ret = vfio_open(&guest->vfio, &guest->vm, UUID1);
	if (!ret)
		ret = vm_start(&guest->vm);
	if (ret)
		return ret;
	guest->kvm_vfio = guest->vm.vfio_device;
	guest->vm.vfio_device = 0;
	guest->memory = mmap(NULL, 2 * AGENT_MEMORY, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (guest->memory == MAP_FAILED)
		return -errno;
	/* KVM requires a memory slot to begin at a segment boundary. */
	guest->slot = (char *)(((uintptr_t)guest->memory + AGENT_MEMORY - 1) & -AGENT_MEMORY);
	ret = pthread_create(&guest->asker, NULL, asker_run, guest);
	ret = ret ?: pthread_create(&guest->mapper, NULL, mapper_run, guest);
	return ret ? -ret : until(traffic_flows, guest);
}

static void guest_stop_traffic(struct guest *guest)
{
	__atomic_store_n(&guest->stop, true, __ATOMIC_RELAXED);
	pthread_join(guest->mapper, NULL);
	pthread_join(guest->asker, NULL);
}

static void guest_close(struct guest *guest, enum end end)
{
	switch (end) {
	case DEVICE:
		close(guest->vfio.device);
		break;
	case GROUP:
		close(guest->vfio.group);
		close(guest->vfio.container);
		break;
	case KVM_VFIO:
		close(guest->kvm_vfio);
		break;
	default:
		/* The vCPU and the mapper thread use the VM, so stop them first. */
		guest_stop_traffic(guest);
		vm_destroy(&guest->vm);
		munmap(guest->memory, 2 * AGENT_MEMORY);
	}
}

FIXTURE(close) {
	char text[8192];
	struct guest guest;
};

FIXTURE_SETUP(close)
{
	machine_reset();
	ASSERT_EQ(0, mdev_create(UUID1));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "4"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "4"));
}

FIXTURE_TEARDOWN(close)
{
	EXPECT_EQ(0, mdev_remove(UUID1));
	EXPECT_EQ(0, hwsim_violations(self->text, sizeof(self->text))) TH_LOG("%s", self->text);
}

static void nothing_is_left(struct __test_metadata *_metadata)
{
	EXPECT_TRUE(queue_wait_status(4, 4, "assigned"));
	EXPECT_EQ(0, until(last_vm_is_destroyed, NULL));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

/* Store the nth of the 24 possible orders in @order. */
static void order_make(unsigned int n, enum end order[ENDS])
{
	enum end left[ENDS] = { DEVICE, GROUP, KVM_VFIO, VM };
	unsigned int i, j, pick;

	for (i = 0; i < ENDS; i++) {
		pick = n % (ENDS - i);
		n /= ENDS - i;
		order[i] = left[pick];
		for (j = pick; j + 1 < ENDS - i; j++)
			left[j] = left[j + 1];
	}
}

TEST_F(close, all_close_orders)
{
	struct guest *guest = &self->guest;
	enum end order[ENDS];
	unsigned int n, i;

	for (n = 0; n < 24; n++) {
		order_make(n, order);
		ASSERT_EQ(0, guest_start(guest));
		ASSERT_TRUE(queue_wait_status(4, 4, "in use"));
		for (i = 0; i < ENDS; i++)
			guest_close(guest, order[i]);
		TH_LOG("%s, %s, %s, %s", end_names[order[0]], end_names[order[1]],
		       end_names[order[2]], end_names[order[3]]);
		nothing_is_left(_metadata);
	}
}

struct closer {
	struct guest *guest;
	enum end order[2];
	unsigned int naps[2];
};

static void *closer_run(void *data)
{
	struct closer *closer = data;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		usleep(closer->naps[i]);
		guest_close(closer->guest, closer->order[i]);
	}
	return NULL;
}

static bool at_the_same_time(struct guest *guest, unsigned int *random)
{
	struct closer closers[2];
	enum end order[ENDS];
	pthread_t thread;
	unsigned int i;

	order_make(rand_r(random) % 24, order);
	for (i = 0; i < 2; i++)
		closers[i] = (struct closer){
			guest, { order[2 * i], order[2 * i + 1] },
			{ rand_r(random) % 3000, rand_r(random) % 3000 },
		};
	if (pthread_create(&thread, NULL, closer_run, &closers[0]))
		return false;
	closer_run(&closers[1]);
	return !pthread_join(thread, NULL);
}

TEST_F(close, concurrent_close_random_order)
{
	int seconds = atoi(getenv("STRESS_SECONDS") ?: SECONDS);
	const char *given = getenv("STRESS_SEED");
	time_t start = time(NULL);
	unsigned int random, n;

	random = given && *given ? strtoul(given, NULL, 0) : (unsigned long)start;
	TH_LOG("STRESS_SEED=%u", random);
	for (n = 0; time(NULL) - start < seconds; n++) {
		ASSERT_EQ(0, guest_start(&self->guest));
		ASSERT_TRUE(at_the_same_time(&self->guest, &random));
		nothing_is_left(_metadata);
	}
	TH_LOG("%u guests", n);
}

#include "lib/main.h"
