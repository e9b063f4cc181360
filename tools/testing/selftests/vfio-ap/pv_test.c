// SPDX-License-Identifier: GPL-2.0
/*
 * Start and end protected guests while the interrupts of their queues are enabled. The
 * simulated ultravisor does not support adapter interrupts, so KVM has to disable the
 * GISA.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>

#include "lib/guest_fixture.h"

#define AQIC			0x3000000UL
#define AQIC_ENABLE		0x800000000000UL
#define CR0_SERVICE_SIGNAL	0x200UL
#define PSW_EXTERNAL		0x0100000000000000UL
#define PSW_DISABLED_WAIT	0x0002000180000000UL
#define EXTERNAL_NEW_PSW	0x1b0
#define SERVICE_ARRIVED		0x5e51ceUL
/* The guest uses this subclass for adapter interrupts. The host uses subclass 5. */
#define GISC			6

static int pv_command(struct vm *vm, unsigned int command)
{
	struct kvm_pv_cmd pv = { .cmd = command };

	return ioctl(vm->fd, KVM_S390_PV_COMMAND, &pv) ? -errno : 0;
}

static void interrupt_enable(struct __test_metadata *_metadata, struct vm *vm, int apid, int apqi)
{
	ASSERT_EQ(0, vm_aqic(vm, apid, apqi, true, GISC, AGENT_NIB));
	ASSERT_EQ(0, vm_ask(vm, AGENT_IO_OPEN, 0x80000000UL >> GISC, 0, 0) < 0);
}

static bool vcpu_is_idle(void *data)
{
	struct vm *vm = data;

	return task_waits_in(vm->vcpu_thread_id, "kvm_s390_handle_wait");
}

static bool vm_has_answered(void *data)
{
	return vm_answered(data);
}

/* The vCPU is idle, so KVM has to wake it after an alert. */
static void interrupt_deliver(struct __test_metadata *_metadata, struct vm *vm, const char *queue)
{
	unsigned long before = vm->mailbox->interrupts;

	vm_post(vm, AGENT_IO_WAIT, 0, 0, 0);
	ASSERT_EQ(0, until(vcpu_is_idle, vm));
	ASSERT_EQ(0, hwsim("reply", "%s", queue));
	ASSERT_EQ(0, until(vm_has_answered, vm));
	EXPECT_EQ(before + 1, vm->mailbox->interrupts);
}

/* While the interrupt is enabled, an alert can occur, so KVM_PV_ENABLE returns -EBUSY. */
TEST_F(guest, pv_enable_busy)
{
	unsigned char *nib = (unsigned char *)self->vm.memory + AGENT_NIB;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	interrupt_enable(_metadata, &self->vm, 4, 4);
	ASSERT_EQ(0, hwsim("ultravisor", "1"));
	vm_stop(&self->vm);
	ASSERT_EQ(-EBUSY, pv_command(&self->vm, KVM_PV_ENABLE));
	EXPECT_EQ(-EINVAL, pv_command(&self->vm, KVM_PV_DISABLE));
	/* Cause an alert while no vCPU runs. */
	ASSERT_EQ(0, hwsim("reply", "04.0004"));
	EXPECT_EQ(1, *nib);
	ASSERT_EQ(0, vm_start(&self->vm));
	EXPECT_EQ(0, vm_tapq(&self->vm, 4, 4));
	EXPECT_EQ(1, self->vm.mailbox->interrupts);
	interrupt_deliver(_metadata, &self->vm, "04.0004");
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, GISC, 0));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

TEST_F(guest, pv_enable_after_reset)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	interrupt_enable(_metadata, &self->vm, 4, 4);
	ASSERT_EQ(0, hwsim("ultravisor", "1"));
	vm_stop(&self->vm);
	ASSERT_EQ(-EBUSY, pv_command(&self->vm, KVM_PV_ENABLE));
	ASSERT_EQ(0, ioctl(self->vfio.device, VFIO_DEVICE_RESET));
	EXPECT_EQ(0, pinned_kib());
	ASSERT_EQ(0, pv_command(&self->vm, KVM_PV_ENABLE));
	/* The queue's interrupt is disabled, so this reply does not interrupt the guest. */
	EXPECT_EQ(0, hwsim("reply", "04.0004"));
	ASSERT_EQ(0, pv_command(&self->vm, KVM_PV_DISABLE));
	ASSERT_EQ(0, vm_start(&self->vm));
	interrupt_enable(_metadata, &self->vm, 4, 4);
	interrupt_deliver(_metadata, &self->vm, "04.0004");
}

/*
 * The VMM keeps running after the VM has ended, so KVM unregisters the mmu notifier,
 * whose release callback makes the vCPUs unprotected again.
 */
TEST_F(guest, vm_end_after_pv)
{
	struct vm vm;

	ASSERT_EQ(0, hwsim("ultravisor", "1"));
	ASSERT_EQ(0, file_write("/sys/kernel/debug/s390dbf/kvm-trace/flush", "-"));
	ASSERT_EQ(0, vm_create(&vm));
	ASSERT_EQ(0, pv_command(&vm, KVM_PV_ENABLE));
	ASSERT_EQ(0, pv_command(&vm, KVM_PV_DISABLE));
	vm_destroy(&vm);
	EXPECT_EQ(0, until(last_vm_is_destroyed, NULL));
}

struct enabler {
	struct vm *vm;
	pid_t thread_id;
	bool ended;
	int ret;
};

static void *enabler_run(void *data)
{
	struct enabler *enabler = data;

	enabler->thread_id = task_id();
	enabler->ret = pv_command(enabler->vm, KVM_PV_ENABLE);
	__atomic_store_n(&enabler->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool enabler_waits_for_vcpu(void *data)
{
	struct enabler *enabler = data;

	return task_waits_in(enabler->thread_id, "kvm_s390_gisa_disable") ||
	       __atomic_load_n(&enabler->ended, __ATOMIC_ACQUIRE);
}

static bool vcpu_is_held(void *data)
{
	struct vm *vm = data;

	return task_waits_in(vm->vcpu_thread_id, "hwsim_gisc_register_later");
}

/* KVM_PV_ENABLE finds no GISC and waits for the vCPU. The vCPU then tries to register a GISC. */
TEST_F(guest, aqic_during_pv_enable)
{
	struct enabler enabler = { .vm = &self->vm };
	pthread_t thread;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("ultravisor", "1"));
	ASSERT_EQ(0, hwsim("gisc_hold", "1"));
	vm_post(&self->vm, AGENT_PQAP, AQIC | 4 << 8 | 4, AQIC_ENABLE | GISC, AGENT_NIB);
	EXPECT_EQ(0, until(vcpu_is_held, &self->vm));
	EXPECT_EQ(0, pthread_create(&thread, NULL, enabler_run, &enabler));
	EXPECT_EQ(0, until(enabler_waits_for_vcpu, &enabler));
	ASSERT_EQ(0, hwsim("gisc_hold", "0"));
	ASSERT_EQ(0, until(vm_has_answered, &self->vm));
	EXPECT_EQ(6, self->vm.mailbox->gr[1] >> 16 & 0xff);
	EXPECT_EQ(0, pinned_kib());
	EXPECT_EQ(0, hwsim_state(4, 4, "irq"));
	vm_stop(&self->vm);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(0, enabler.ret);
	ASSERT_EQ(0, pv_command(&self->vm, KVM_PV_DISABLE));
	ASSERT_EQ(0, vm_start(&self->vm));
	interrupt_enable(_metadata, &self->vm, 4, 4);
	interrupt_deliver(_metadata, &self->vm, "04.0004");
}

static bool guest_has_ended(void *data)
{
	struct vm *vm = data;

	return vm->end;
}

/* KVM blocks service interrupts only for protected guests, not after a failed KVM_PV_ENABLE. */
TEST_F(guest, service_irq_after_pv_failure)
{
	struct kvm_s390_interrupt service = { .type = KVM_S390_INT_SERVICE, .parm = 0x1000 };
	unsigned long *new_psw;
	struct other other;

	other_start(_metadata, &other, 5, 5);
	ASSERT_TRUE(vm_wait_queues(&other.vm, "05.0005"));
	interrupt_enable(_metadata, &other.vm, 5, 5);
	ASSERT_EQ(0, hwsim("ultravisor", "1"));
	vm_stop(&other.vm);
	EXPECT_EQ(-EBUSY, pv_command(&other.vm, KVM_PV_ENABLE));
	new_psw = (unsigned long *)((char *)other.vm.memory + EXTERNAL_NEW_PSW);
	new_psw[0] = PSW_DISABLED_WAIT;
	new_psw[1] = SERVICE_ARRIVED;
	other.vm.run->psw_mask |= PSW_EXTERNAL;
	other.vm.run->s.regs.crs[0] |= CR0_SERVICE_SIGNAL;
	other.vm.run->kvm_dirty_regs |= KVM_SYNC_CRS;
	ASSERT_EQ(0, ioctl(other.vm.fd, KVM_S390_INTERRUPT, &service));
	ASSERT_EQ(0, vm_start(&other.vm));
	EXPECT_EQ(0, until(guest_has_ended, &other.vm));
	EXPECT_EQ(SERVICE_ARRIVED, other.vm.run->psw_addr);
	other_end(_metadata, &other);
}

#include "lib/main.h"
