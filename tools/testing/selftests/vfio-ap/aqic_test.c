// SPDX-License-Identifier: GPL-2.0
/* Test PQAP(AQIC): a guest enables and disables the interrupts of its queues. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <linux/vfio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lib/guest_fixture.h"

#define USE_GISA	"/sys/module/kvm/parameters/use_gisa"

TEST_F(guest, irq_enable_deliver_disable)
{
	unsigned char *nib = (unsigned char *)self->vm.memory + AGENT_NIB;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, pinned_kib());
	/* The guest enables only interruption subclass 6. The host uses subclass 5. */
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 6, AGENT_NIB));
	EXPECT_EQ(4, pinned_kib());
	ASSERT_EQ(0, vm_ask(&self->vm, AGENT_IO_OPEN, 0x80000000UL >> 6, 0, 0) < 0);
	vm_post(&self->vm, AGENT_IO_WAIT, 0, 0, 0);
	usleep(200000);
	EXPECT_FALSE(vm_answered(&self->vm));
	ASSERT_EQ(0, hwsim("reply", "04.0004"));
	EXPECT_EQ(0, vm_tapq(&self->vm, 4, 4));
	EXPECT_EQ(1, self->vm.mailbox->interrupts);
	EXPECT_EQ(1, *nib);
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, 6, 0));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	/* A reply after the disable must not interrupt the guest. */
	ASSERT_EQ(0, hwsim("reply", "04.0004"));
	EXPECT_EQ(0, vm_tapq(&self->vm, 4, 4));
	EXPECT_EQ(1, self->vm.mailbox->interrupts);
}

TEST_F(guest, invalid_nib_address)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_EQ(6, vm_aqic(&self->vm, 4, 4, true, 3, 0));
	EXPECT_EQ(6, vm_aqic(&self->vm, 4, 4, true, 3, 0x40000000));
	EXPECT_EQ(6, vm_aqic(&self->vm, 4, 4, true, 3, -1UL));
	EXPECT_EQ(0, pinned_kib());
	EXPECT_EQ(0, hwsim_state(4, 4, "aqic"));
}

TEST_F(guest, aqic_unassigned_queue)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_EQ(1, vm_aqic(&self->vm, 4, 5, true, 3, AGENT_NIB));
	EXPECT_EQ(1, vm_aqic(&self->vm, 0x77, 5, true, 3, AGENT_NIB));
	EXPECT_EQ(1, vm_aqic(&self->vm, 4, 5, false, 3, 0));
	EXPECT_EQ(1, vm_aqic(&self->vm, 0x77, 5, false, 3, 0));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

/*
 * A guest can neither enable nor disable the interrupt of another guest's queue. AQIC
 * returns 01 for any NIB address, valid or not.
 */
TEST_F(guest, aqic_queue_of_other_guest)
{
	struct other other;

	assign(_metadata, UUID1, 4, 4);
	other_start(_metadata, &other, 5, 5);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_TRUE(vm_wait_queues(&other.vm, "05.0005"));
	ASSERT_EQ(0, vm_aqic(&other.vm, 5, 5, true, 3, AGENT_NIB));
	EXPECT_EQ(1, vm_aqic(&self->vm, 5, 5, false, 3, 0));
	EXPECT_EQ(1, vm_aqic(&self->vm, 5, 5, true, 3, AGENT_NIB));
	EXPECT_EQ(1, vm_aqic(&self->vm, 5, 5, true, 3, 0));
	EXPECT_EQ(1, vm_aqic(&self->vm, 5, 5, true, 3, -1UL));
	EXPECT_EQ(1, hwsim_state(5, 5, "irq"));
	EXPECT_EQ(1, hwsim_state(5, 5, "aqic"));
	EXPECT_EQ(0, vm_aqic(&other.vm, 5, 5, false, 3, 0));
	other_end(_metadata, &other);
}

/* The NIB's page is in a memory slot, but the VMM has no write access to the page. */
TEST_F(guest, nib_page_pin_failure)
{
	char *page = (char *)self->vm.memory + (AGENT_NIB & ~4095UL);

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, mprotect(page, 4096, PROT_READ));
	EXPECT_EQ(6, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	EXPECT_EQ(0, pinned_kib());
	EXPECT_EQ(0, hwsim_state(4, 4, "aqic"));
	ASSERT_EQ(0, mprotect(page, 4096, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
}

/* RLIMIT_MEMLOCK limits the sum of the VMM's pinned and locked memory. */
TEST_F(guest, nib_page_over_memlock_limit)
{
	struct rlimit limit = { .rlim_cur = 4096, .rlim_max = 4096 };
	struct other other;

	/* The vCPU thread inherits this thread's capabilities, so drop CAP_IPC_LOCK first. */
	ASSERT_EQ(0, capability_drop(CAP_IPC_LOCK));
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	other_start(_metadata, &other, 5, 5);
	assign(_metadata, UUID2, -1, 6);
	ASSERT_TRUE(vm_wait_queues(&other.vm, "05.0005 05.0006"));
	EXPECT_EQ(0, vm_aqic(&other.vm, 5, 5, true, 3, AGENT_NIB));
	ASSERT_EQ(0, dbf_flush());
	EXPECT_EQ(6, vm_aqic(&other.vm, 5, 6, true, 3, AGENT_NIB + 0x2000));
	EXPECT_TRUE(dbf_shows("apqn 0x506: cannot pin the page of NIB 0x"));
	EXPECT_TRUE(dbf_shows(": error -122\n"));
	EXPECT_EQ(4, pinned_kib());
	EXPECT_EQ(0, hwsim_state(5, 6, "aqic"));
	EXPECT_EQ(0, vm_aqic(&other.vm, 5, 5, false, 3, 0));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	EXPECT_EQ(0, vm_aqic(&other.vm, 5, 6, true, 3, AGENT_NIB + 0x2000));
	other_end(_metadata, &other);
}

/*
 * When an adapter leaves the host, hardware no longer writes to its queues' NIBs, so the
 * driver unpins the NIBs' pages.
 */
TEST_F(guest, nib_unpin_on_adapter_removal)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("adapter_del", "4"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	EXPECT_TRUE(vm_wait_queues(&self->vm, ""));
}

/*
 * Without an mdev, KVM itself returns the AP queue status, which must be in bits 32 to 63
 * of register 1.
 */
TEST_F(guest, aqic_without_mdev)
{
	struct vm lonely;

	ASSERT_EQ(0, vm_create(&lonely));
	ASSERT_EQ(0, vm_start(&lonely));
	EXPECT_EQ(1, vm_aqic(&lonely, 4, 4, true, 3, AGENT_NIB));
	EXPECT_EQ(0, lonely.mailbox->gr[1] >> 32);
	vm_destroy(&lonely);
}

static bool guest_has_ended(void *data)
{
	struct vm *vm = data;

	return vm->end;
}

/* Without a GISA, KVM does not handle AQIC and exits to user space. */
TEST_F(guest, aqic_without_gisa)
{
	struct other other;
	int ret;

	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID2, 5, 5);
	/* use_gisa applies to all new VMs, so restore it right after vm_create(). */
	ASSERT_EQ(0, file_write(USE_GISA, "N"));
	ret = vm_create(&other.vm);
	EXPECT_EQ(0, file_write(USE_GISA, "Y"));
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vfio_open(&other.vfio, &other.vm, UUID2));
	ASSERT_EQ(0, vm_start(&other.vm));
	ASSERT_TRUE(vm_wait_queues(&other.vm, "05.0005"));
	EXPECT_EQ(-EPIPE, vm_aqic(&other.vm, 5, 5, true, 3, AGENT_NIB));
	EXPECT_EQ(0, until(guest_has_ended, &other.vm));
	EXPECT_EQ(KVM_EXIT_S390_SIEIC, other.vm.end);
	EXPECT_EQ(0, pinned_kib());
	EXPECT_EQ(0, hwsim_state(5, 5, "aqic"));
	other_end(_metadata, &other);
}

/* 04.0005 and 04.0006 are assigned. 04.0006 is unbound, so the guest does not get adapter 04. */
TEST_F(guest, aqic_queue_of_filtered_adapter)
{
	ASSERT_EQ(0, queue_unbind(4, 6));
	assign(_metadata, UUID1, 4, 5);
	assign(_metadata, UUID1, -1, 6);
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	EXPECT_EQ(1, vm_aqic(&self->vm, 4, 5, true, 3, AGENT_NIB));
	EXPECT_EQ(0, hwsim_state(4, 5, "aqic"));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

/*
 * When an enable fails with any response code, the old NIB stays registered, and no other
 * page stays pinned.
 */
TEST_F(guest, old_nib_after_failed_enable)
{
	unsigned char *nib = (unsigned char *)self->vm.memory + AGENT_NIB;
	static const char *const codes[] = { "02", "03", "04", "05", "06", "08" };
	unsigned int i;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	EXPECT_EQ(7, vm_aqic(&self->vm, 4, 4, true, 5, AGENT_NIB + 0x1000));
	EXPECT_EQ(4, pinned_kib());
	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		ASSERT_EQ(0, hwsim("respond", "04.0004 aqic %s 1", codes[i]));
		EXPECT_EQ(strtol(codes[i], NULL, 16),
			  vm_aqic(&self->vm, 4, 4, true, 5, AGENT_NIB + 0x1000));
		EXPECT_EQ(4, pinned_kib());
	}
	ASSERT_EQ(0, hwsim("reply", "04.0004"));
	EXPECT_EQ(1, *nib);
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, 3, 0));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

/* Failed enables neither flood the log nor leak pinned pages. */
TEST_F(guest, repeated_failed_enables)
{
	int i, kmsg = kmsg_open();

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("deconfigure", "4"));
	for (i = 0; i < 500; i++) {
		ASSERT_EQ(3, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
		ASSERT_EQ(3, vm_aqic(&self->vm, 4, 4, false, 3, 0));
	}
	EXPECT_EQ(0, pinned_kib());
	EXPECT_EQ(0, kmsg_lines(kmsg, "vfio_ap", self->text, sizeof(self->text)));
	close(kmsg);
	ASSERT_EQ(0, hwsim("configure", "4"));
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
}

/* The driver's debug feature has an entry for each kind of AQIC failure. */
TEST_F(guest, debug_feature_entries)
{
	static const char *const parts[] = {
		"apqn 0x404: invalid NIB address 0x0\n",
		"apqn 0x404: invalid NIB address 0x40000000\n",
		"apqn 0x404: cannot pin the page of NIB 0x",
		"apqn 0x404: cannot register GISC 3: error -19\n",
		"apqn 0x404: enable failed with response code 03\n",
		"apqn 0x404: disable failed with response code 03\n",
		"apqn 0x405: enable failed with response code 01\n",
		"apqn 0x7705: not bound to vfio_ap\n",
	};
	char *page = (char *)self->vm.memory + (AGENT_NIB & ~4095UL);
	unsigned int i;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, dbf_flush());
	EXPECT_EQ(6, vm_aqic(&self->vm, 4, 4, true, 3, 0));
	EXPECT_EQ(6, vm_aqic(&self->vm, 4, 4, true, 3, 0x40000000));
	ASSERT_EQ(0, mprotect(page, 4096, PROT_READ));
	EXPECT_EQ(6, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, mprotect(page, 4096, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, hwsim("gisc_fail", "1"));
	EXPECT_EQ(6, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("deconfigure", "4"));
	EXPECT_EQ(3, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	EXPECT_EQ(3, vm_aqic(&self->vm, 4, 4, false, 3, 0));
	EXPECT_EQ(1, vm_aqic(&self->vm, 4, 5, true, 3, AGENT_NIB));
	EXPECT_EQ(1, vm_aqic(&self->vm, 0x77, 5, true, 3, AGENT_NIB));
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		EXPECT_TRUE(dbf_shows(parts[i])) TH_LOG("%s", parts[i]);
}

/*
 * If KVM cannot register the GISC, the guest gets response code 06 and the driver unpins
 * the NIB's page.
 */
TEST_F(guest, gisc_register_failure)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("gisc_fail", "1"));
	EXPECT_EQ(6, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	EXPECT_EQ(0, pinned_kib());
	EXPECT_EQ(0, hwsim_state(4, 4, "aqic"));
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
}

/*
 * No task, not even the vCPU thread that issued the disable, waits until TAPQ shows that
 * the interrupt is off.
 */
TEST_F(guest, nonblocking_slow_disable)
{
	struct other other;
	long sleeps;

	assign(_metadata, UUID1, 4, 4);
	other_start(_metadata, &other, 5, 5);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_TRUE(vm_wait_queues(&other.vm, "05.0005"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("aqic_delay", "04.0004 1000000"));
	sleeps = task_sleep_count(self->vm.vcpu_thread_id);
	EXPECT_LE(0, sleeps);
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, 3, 0));
	EXPECT_EQ(sleeps, task_sleep_count(self->vm.vcpu_thread_id));
	EXPECT_EQ(0, vm_aqic(&other.vm, 5, 5, true, 3, AGENT_NIB));
	EXPECT_EQ(0, vm_aqic(&other.vm, 5, 5, false, 3, 0));
	/* TAPQ does not yet show that the interrupt is off, so AQIC returns 05. */
	EXPECT_EQ(5, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	other_end(_metadata, &other);
}

/* If a guest resets a queue before a disable completes, AQIC returns 02, as on hardware. */
TEST_F(guest, guest_reset_during_disable)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("aqic_delay", "04.0004 1000000"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, false, 3, 0));
	EXPECT_EQ(5, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	ASSERT_EQ(0, vm_zapq(&self->vm, 4, 4));
	EXPECT_EQ(2, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	EXPECT_EQ(4, pinned_kib());
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
}

/*
 * Even if the VMM unmaps the NIB's page, the page stays pinned until the guest disables
 * the interrupt.
 */
TEST_F(guest, nib_page_unmap)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	EXPECT_EQ(0, vfio_dma_unmap(&self->vfio));
	EXPECT_EQ(4, pinned_kib());
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, 3, 0));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

struct mapper {
	struct vfio *vfio;
	struct vm *vm;
	bool stop;
	int ret;
	unsigned long rounds;
};

static void *mapper_run(void *data)
{
	struct mapper *mapper = data;

	while (!__atomic_load_n(&mapper->stop, __ATOMIC_RELAXED) && !mapper->ret) {
		mapper->ret = vfio_dma_unmap(mapper->vfio);
		/* The other mapper thread has already unmapped the memory. */
		if (mapper->ret == -EPROTO)
			mapper->ret = 0;
		if (!mapper->ret)
			mapper->ret = vfio_dma_map(mapper->vfio, mapper->vm);
		if (mapper->ret == -EEXIST)
			mapper->ret = 0;
		mapper->rounds++;
	}
	return NULL;
}

/* AQIC and two mapper threads run concurrently, so that lockdep can check their locking. */
TEST_F(guest, dma_map_unmap_during_aqic)
{
	struct mapper mappers[] = { { &self->vfio, &self->vm }, { &self->vfio, &self->vm } };
	pthread_t threads[2];
	int i;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, mapper_run, &mappers[i]));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
		ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, false, 3, 0));
	}
	for (i = 0; i < 2; i++) {
		__atomic_store_n(&mappers[i].stop, true, __ATOMIC_RELAXED);
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, mappers[i].ret);
		EXPECT_NE(0, mappers[i].rounds);
	}
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

/* The NIB's page stays pinned until TAPQ shows that the interrupt is off. */
TEST_F(guest, nib_pinned_until_irq_off)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("aqic_delay", "04.0004 1000000"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, false, 3, 0));
	usleep(300000);
	EXPECT_EQ(4, pinned_kib());
	EXPECT_EQ(5, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	/* The reset after the unplug ends the NIB's registration. */
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_adapter", "4"));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

/* After a guest has reset its queue, the next enable replaces the registration of the old NIB. */
TEST_F(guest, enable_after_guest_reset)
{
	unsigned char *nib = (unsigned char *)self->vm.memory + AGENT_NIB;
	int i;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	for (i = 0; i < 20; i++) {
		/*
		 * Alternate between NIBs in two pages. Hardware must write only to the
		 * NIB of the last enable.
		 */
		ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, i % 8, AGENT_NIB + i % 2 * 0x2000));
		EXPECT_EQ(4, pinned_kib());
		nib[0] = 0;
		nib[0x2000] = 0;
		ASSERT_EQ(0, hwsim("reply", "04.0004"));
		EXPECT_EQ(1, nib[i % 2 * 0x2000]);
		EXPECT_EQ(0, nib[!(i % 2) * 0x2000]);
		ASSERT_EQ(0, vm_zapq(&self->vm, 4, 4));
		while (vm_tapq(&self->vm, 4, 4) == 2)
			;
	}
}

/* KVM writes "unexpected iam" to its trace if a VM is destroyed while a GISC is registered. */
TEST_F(guest, gisc_unregistered_at_vm_end)
{
	static char trace[1 << 20];
	struct vfio vfio;
	struct vm vm;

	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID2, 5, 5);
	assign(_metadata, UUID2, 6, -1);
	ASSERT_EQ(0, file_write("/sys/kernel/debug/s390dbf/kvm-trace/flush", "-"));
	ASSERT_EQ(0, vm_create(&vm));
	ASSERT_EQ(0, vfio_open(&vfio, &vm, UUID2));
	ASSERT_EQ(0, vm_start(&vm));
	ASSERT_TRUE(vm_wait_queues(&vm, "05.0005 06.0005"));
	ASSERT_EQ(0, vm_aqic(&vm, 5, 5, true, 3, AGENT_NIB));
	ASSERT_EQ(0, vm_aqic(&vm, 5, 5, false, 0, 0));
	ASSERT_EQ(0, hwsim("respond", "05.0005 aqic 5 1"));
	EXPECT_EQ(5, vm_aqic(&vm, 5, 5, true, 4, AGENT_NIB));
	/*
	 * The interrupt of 06.0005 is still enabled when the queue leaves the host, and
	 * that of 05.0005 is still enabled when the device is closed.
	 */
	ASSERT_EQ(0, vm_aqic(&vm, 6, 5, true, 2, AGENT_NIB));
	ASSERT_EQ(0, hwsim("adapter_del", "6"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	ASSERT_EQ(0, vm_aqic(&vm, 5, 5, true, 6, AGENT_NIB));
	vfio_close(&vfio);
	vm_destroy(&vm);
	EXPECT_EQ(0, until(last_vm_is_destroyed, NULL));
	ASSERT_LT(0, file_read(KVM_TRACE, trace, sizeof(trace)));
	EXPECT_EQ(NULL, strstr(trace, "unexpected iam")) TH_LOG("%s", trace);
	EXPECT_EQ(0, mdev_remove(UUID2));
}

/* Unbinding a queue unpins its NIB's page and unregisters its GISC, as a reset does. */
TEST_F(guest, irq_disabled_at_unbind)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, queue_unbind(4, 4));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	EXPECT_EQ(1, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
}

struct plugger {
	bool failed;
	/* number of enables that succeeded in the guest */
	int enabled;
};

/*
 * Plug and unplug the queue at least 60 times, and continue until the guest has enabled
 * the interrupt at least once.
 */
static void *plug_and_unplug(void *data)
{
	struct plugger *plugger = data;
	int i;

	for (i = 0; i < 60 || !__atomic_load_n(&plugger->enabled, __ATOMIC_RELAXED); i++) {
		if (mdev_write(UUID1, "assign_adapter", "4") ||
		    mdev_write(UUID1, "unassign_adapter", "4"))
			plugger->failed = true;
	}
	return NULL;
}

/* AQIC succeeds only while the guest has the queue. */
TEST_F(guest, aqic_during_hotplug)
{
	struct plugger plugger = {};
	pthread_t thread;
	int rc;

	assign(_metadata, UUID1, -1, 4);
	ASSERT_EQ(0, pthread_create(&thread, NULL, plug_and_unplug, &plugger));
	while (pthread_tryjoin_np(thread, NULL)) {
		rc = vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB);
		if (!rc)
			__atomic_add_fetch(&plugger.enabled, 1, __ATOMIC_RELAXED);
		EXPECT_TRUE(rc == 0 || rc == 1 || rc == 2 || rc == 7) TH_LOG("%d", rc);
	}
	EXPECT_FALSE(plugger.failed);
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

/*
 * The driver must mark a queue as plugged or unplugged before it writes the APCB.
 * Otherwise, AQIC would fail in a guest that has just gained the queue, and would still
 * succeed in a guest that has just lost it.
 */
TEST_F(guest, enable_before_apcb_write)
{
	struct writer writer;

	assign(_metadata, UUID1, 4, -1);
	ASSERT_EQ(0, hwsim("hold", "kvm_arch_crypto_set_masks"));
	writer_start(&writer, UUID1, "assign_domain", "4");
	EXPECT_TRUE(hwsim_wait_held("kvm_arch_crypto_set_masks", 1));
	EXPECT_TRUE(queue_status(4, 4, "in use"));
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("release", "kvm_arch_crypto_set_masks"));
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004"));

	ASSERT_EQ(0, hwsim("hold", "kvm_arch_crypto_set_masks"));
	writer_start(&writer, UUID1, "unassign_domain", "4");
	EXPECT_TRUE(hwsim_wait_held("kvm_arch_crypto_set_masks", 1));
	EXPECT_TRUE(queue_status(4, 4, "unassigned"));
	EXPECT_EQ(1, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	ASSERT_EQ(0, hwsim("release", "kvm_arch_crypto_set_masks"));
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

#include "lib/main.h"
