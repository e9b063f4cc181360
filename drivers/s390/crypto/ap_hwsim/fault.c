// SPDX-License-Identifier: GPL-2.0
/*
 * Fault injection, to test the error paths of vfio_ap and the checks for violations. The
 * checks must detect each fault without knowing that it was injected.
 */
#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/kprobes.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pgtable.h>
#include <linux/wait.h>

#include "ap_hwsim.h"

/* Maximum number of attempts, 1 ms apart, to find a vCPU in SIE. */
#define HWSIM_DISTURB_TRIES	2000

/* Get a reference to a guest's VM, because the VM may be destroyed at any time. */
static struct kvm *hwsim_kvm_get(unsigned int id)
{
	struct hwsim_guest *guest;

	guard(spinlock_irqsave)(&hwsim_lock);
	list_for_each_entry(guest, &hwsim_guests, node) {
		if (guest->id == id && kvm_get_kvm_safe(guest->kvm))
			return guest->kvm;
	}
	return NULL;
}

/**
 * hwsim_fault_apcb - write to a guest's APCB without involving the driver
 * @id: number of the guest
 * @apcb: the new contents
 *
 * The checks cannot distinguish this write from a write by the driver, because both call
 * kvm_arch_crypto_set_masks().
 *
 * Context: Process context. Takes the guest's kvm->lock.
 * Return: 0, or -ENOENT if there is no such guest.
 */
int hwsim_fault_apcb(unsigned int id, struct hwsim_apcb *apcb)
{
	struct kvm *kvm = hwsim_kvm_get(id);

	if (!kvm)
		return -ENOENT;
	scoped_guard(mutex, &kvm->lock)
		kvm_arch_crypto_set_masks(kvm, apcb->apm, apcb->aqm, apcb->adm);
	kvm_put_kvm(kvm);
	return 0;
}

/**
 * hwsim_fault_signal - signal an eventfd while holding a guest's kvm->lock
 * @id: number of the guest
 * @fd: file descriptor of the eventfd in the current process
 *
 * Context: Process context. Takes the guest's kvm->lock.
 * Return: 0, -ENOENT if there is no such guest, or an errno from eventfd_ctx_fdget().
 */
int hwsim_fault_signal(unsigned int id, int fd)
{
	struct eventfd_ctx *eventfd = eventfd_ctx_fdget(fd);
	struct kvm *kvm;

	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	kvm = hwsim_kvm_get(id);
	if (kvm) {
		scoped_guard(mutex, &kvm->lock)
			eventfd_signal(eventfd);
		kvm_put_kvm(kvm);
	}
	eventfd_ctx_put(eventfd);
	return kvm ? 0 : -ENOENT;
}

/**
 * hwsim_fault_unpinned_nib - move a queue's NIB to a page that is not pinned
 * @queue: the queue
 *
 * Context: The caller holds hwsim_lock.
 * Return: 0, or -ENODATA if no guest has enabled the queue's interrupt.
 */
int hwsim_fault_unpinned_nib(struct hwsim_queue *queue)
{
	lockdep_assert_held(&hwsim_lock);

	if (!queue->irq || !queue->gisa)
		return -ENODATA;
	queue->nib = __pa(empty_zero_page);
	return 0;
}

/**
 * hwsim_fault_foreign_gisa - direct a queue's interrupt to a GISA that belongs to no guest
 * @queue: the queue
 *
 * Context: The caller holds hwsim_lock.
 * Return: 0, or -ENODATA if no guest has enabled the queue's interrupt.
 */
int hwsim_fault_foreign_gisa(struct hwsim_queue *queue)
{
	lockdep_assert_held(&hwsim_lock);

	if (!queue->irq || !queue->gisa)
		return -ENODATA;
	queue->gisa = __pa(empty_zero_page);
	return 0;
}

static bool hwsim_guest_in_sie(const struct hwsim_guest *guest)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, guest->kvm) {
		if (READ_ONCE(vcpu->arch.sie_block->prog0c) & PROG_IN_SIE)
			return true;
	}
	return false;
}

/* Flip the bit of a control domain, because control domains do not affect queues. */
static void hwsim_guest_disturb(const struct hwsim_guest *guest, u16 apqn)
{
	struct kvm_s390_crypto *crypto = &guest->kvm->arch.crypto;
	u8 *adm = (u8 *)crypto->crycb->apcb0.adm;
	u8 domain = apqn;

	if ((crypto->crycbd & CRYCB_FORMAT_MASK) == CRYCB_FORMAT2)
		adm = (u8 *)crypto->crycb->apcb1.adm;
	adm[domain / 8] ^= 0x80 >> domain % 8;
}

static u16 hwsim_disturb_apqn;
static unsigned int hwsim_disturb_tries;

/* Change the APCB if a vCPU is in SIE. Return true if the timer must try again. */
static bool hwsim_disturb_try(void)
{
	struct hwsim_guest *guest;
	bool in_sie;

	guard(spinlock_irqsave)(&hwsim_lock);
	guest = hwsim_guest_with(hwsim_disturb_apqn, NULL);
	in_sie = guest && hwsim_guest_in_sie(guest);
	if (in_sie)
		hwsim_guest_disturb(guest, hwsim_disturb_apqn);
	return guest && !in_sie && --hwsim_disturb_tries;
}

static enum hrtimer_restart hwsim_disturb(struct hrtimer *timer)
{
	if (!hwsim_disturb_try())
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, ms_to_ktime(1));
	return HRTIMER_RESTART;
}

static struct hrtimer hwsim_disturb_timer;

/**
 * hwsim_fault_apcb_in_sie - write to an APCB while one of the guest's vCPUs is in SIE
 * @apqn: an APQN in the guest's APCB
 *
 * A timer interrupt writes the APCB, because on a machine with one CPU no task can run while
 * a vCPU is in SIE. The write bypasses KVM, so KVM does not make the vCPU leave SIE.
 *
 * Context: Process context. Takes hwsim_lock.
 * Return: 0, or -ENODATA if no guest has the queue.
 */
int hwsim_fault_apcb_in_sie(u16 apqn)
{
	hrtimer_cancel(&hwsim_disturb_timer);
	scoped_guard(spinlock_irqsave, &hwsim_lock) {
		if (!hwsim_guest_with(apqn, NULL))
			return -ENODATA;
		hwsim_disturb_apqn = apqn;
		hwsim_disturb_tries = HWSIM_DISTURB_TRIES;
	}
	hrtimer_start(&hwsim_disturb_timer, ms_to_ktime(1), HRTIMER_MODE_REL);
	return 0;
}

static atomic_t hwsim_gisc_failures;

static DECLARE_WAIT_QUEUE_HEAD(hwsim_gisc_wait);
static bool hwsim_gisc_held;

/* Runs in place of kvm_s390_gisc_register(), in the calling task, so it may sleep. */
static int hwsim_gisc_register_later(struct kvm *kvm, u32 gisc)
{
	if (wait_event_killable(hwsim_gisc_wait, !READ_ONCE(hwsim_gisc_held)))
		return -EINTR;
	return kvm_s390_gisc_register(kvm, gisc);
}

/* Delay a call to kvm_s390_gisc_register(), make it fail, or let it continue unchanged. */
static int hwsim_gisc_register(struct kprobe *probe, struct pt_regs *regs)
{
	if (READ_ONCE(hwsim_gisc_held)) {
		regs->psw.addr = (unsigned long)hwsim_gisc_register_later;
		return 1;
	}
	if (atomic_dec_if_positive(&hwsim_gisc_failures) < 0)
		return 0;
	regs->gprs[2] = -ENODEV;
	regs->psw.addr = regs->gprs[14];
	return 1;
}

NOKPROBE_SYMBOL(hwsim_gisc_register);

static struct kprobe hwsim_gisc_probe = {
	.symbol_name = "kvm_s390_gisc_register",
	.pre_handler = hwsim_gisc_register,
};

/**
 * hwsim_fault_gisc - make kvm_s390_gisc_register() fail
 * @count: number of future calls that fail
 */
void hwsim_fault_gisc(unsigned int count)
{
	atomic_set(&hwsim_gisc_failures, count);
}

/**
 * hwsim_fault_gisc_hold - hold or release calls to kvm_s390_gisc_register()
 * @hold: true to make new calls wait, false to let all waiting calls continue
 */
void hwsim_fault_gisc_hold(bool hold)
{
	WRITE_ONCE(hwsim_gisc_held, hold);
	wake_up_all(&hwsim_gisc_wait);
}

int __init hwsim_fault_init(void)
{
	hrtimer_setup(&hwsim_disturb_timer, hwsim_disturb, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	return register_kprobe(&hwsim_gisc_probe);
}
