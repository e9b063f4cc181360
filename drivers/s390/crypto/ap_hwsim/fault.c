// SPDX-License-Identifier: GPL-2.0
/*
 * What a driver does that is wrong. The checks are tested with it: nothing here
 * reports a violation, or tells a check what it is to find.
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

/* How long a CPU of the guest is waited for, in milliseconds. */
#define HWSIM_DISTURB_TRIES	2000

/* The guest, with a reference: it may end at any time. */
static struct kvm *hwsim_kvm_get(unsigned int id)
{
	struct hwsim_guest *guest;
	struct kvm *kvm = NULL;
	unsigned long flags;

	spin_lock_irqsave(&hwsim_lock, flags);
	list_for_each_entry(guest, &hwsim_guests, node) {
		if (guest->id == id && kvm_get_kvm_safe(guest->kvm))
			kvm = guest->kvm;
	}
	spin_unlock_irqrestore(&hwsim_lock, flags);
	return kvm;
}

/**
 * hwsim_fault_apcb - write the APCB of a guest, whatever its driver thinks
 * @id: the guest
 * @apcb: what it is to have
 *
 * Done as a driver does it, and seen by the checks as that.
 *
 * Context: Process. Takes kvm->lock of the guest.
 * Return: 0, or -ENOENT if there is no such guest.
 */
int hwsim_fault_apcb(unsigned int id, struct hwsim_apcb *apcb)
{
	struct kvm *kvm = hwsim_kvm_get(id);

	if (!kvm)
		return -ENOENT;
	mutex_lock(&kvm->lock);
	kvm_arch_crypto_set_masks(kvm, apcb->apm, apcb->aqm, apcb->adm);
	mutex_unlock(&kvm->lock);
	kvm_put_kvm(kvm);
	return 0;
}

/**
 * hwsim_fault_signal - signal an eventfd under the lock of a guest
 * @id: the guest
 * @fd: descriptor of the eventfd in the current process
 *
 * Context: Process. Takes kvm->lock of the guest.
 * Return: 0, -ENOENT if there is no such guest, or the errno of
 * eventfd_ctx_fdget().
 */
int hwsim_fault_signal(unsigned int id, int fd)
{
	struct eventfd_ctx *eventfd = eventfd_ctx_fdget(fd);
	struct kvm *kvm;

	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	kvm = hwsim_kvm_get(id);
	if (kvm) {
		mutex_lock(&kvm->lock);
		eventfd_signal(eventfd);
		mutex_unlock(&kvm->lock);
		kvm_put_kvm(kvm);
	}
	eventfd_ctx_put(eventfd);
	return kvm ? 0 : -ENOENT;
}

/**
 * hwsim_fault_unpinned_nib - an AQIC that names a page which nobody has pinned
 * @queue: the queue; a guest has enabled its interrupt
 *
 * Context: hwsim_lock held.
 * Return: 0, or -ENODATA if no guest has enabled it.
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
 * hwsim_fault_foreign_gisa - an AQIC that names a GISA which is nobody's
 * @queue: the queue; a guest has enabled its interrupt
 *
 * Context: hwsim_lock held.
 * Return: 0, or -ENODATA if no guest has enabled it.
 */
int hwsim_fault_foreign_gisa(struct hwsim_queue *queue)
{
	lockdep_assert_held(&hwsim_lock);

	if (!queue->irq || !queue->gisa)
		return -ENODATA;
	queue->gisa = __pa(empty_zero_page);
	return 0;
}

static struct hwsim_guest *hwsim_guest_with(u16 apqn)
{
	struct hwsim_guest *guest;

	lockdep_assert_held(&hwsim_lock);

	list_for_each_entry(guest, &hwsim_guests, node) {
		if (hwsim_apcb_has(&guest->apcb, apqn))
			return guest;
	}
	return NULL;
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

/* The control bit of the queue's domain, so that no queue comes or goes. */
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

static bool hwsim_disturb_try(void)
{
	struct hwsim_guest *guest;
	unsigned long flags;
	bool in_sie;

	spin_lock_irqsave(&hwsim_lock, flags);
	guest = hwsim_guest_with(hwsim_disturb_apqn);
	in_sie = guest && hwsim_guest_in_sie(guest);
	if (in_sie)
		hwsim_guest_disturb(guest, hwsim_disturb_apqn);
	spin_unlock_irqrestore(&hwsim_lock, flags);
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
 * hwsim_fault_apcb_in_sie - write to an APCB while a CPU of the guest is in SIE
 * @apqn: a queue that the guest has
 *
 * From a timer: where there is only one CPU, nothing but an interrupt comes in
 * between. KVM does not know of it, so the guest's CPU stays in SIE.
 *
 * Context: Process. Takes hwsim_lock.
 * Return: 0, or -ENODATA if no guest has the queue.
 */
int hwsim_fault_apcb_in_sie(u16 apqn)
{
	unsigned long flags;
	bool found;

	hrtimer_cancel(&hwsim_disturb_timer);
	spin_lock_irqsave(&hwsim_lock, flags);
	found = hwsim_guest_with(apqn);
	hwsim_disturb_apqn = apqn;
	hwsim_disturb_tries = HWSIM_DISTURB_TRIES;
	spin_unlock_irqrestore(&hwsim_lock, flags);
	if (!found)
		return -ENODATA;
	hrtimer_start(&hwsim_disturb_timer, ms_to_ktime(1), HRTIMER_MODE_REL);
	return 0;
}

static atomic_t hwsim_gisc_failures;

static DECLARE_WAIT_QUEUE_HEAD(hwsim_gisc_wait);
static bool hwsim_gisc_held;

/* Runs in place of the function, so it may sleep as that one's callers may. */
static int hwsim_gisc_register_later(struct kvm *kvm, u32 gisc)
{
	if (wait_event_killable(hwsim_gisc_wait, !READ_ONCE(hwsim_gisc_held)))
		return -EINTR;
	return kvm_s390_gisc_register(kvm, gisc);
}

/* The function returns to its caller before it has begun. */
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
 * hwsim_fault_gisc - let KVM refuse interruption subclasses
 * @count: so many times; 0: no more
 *
 * Context: Any.
 */
void hwsim_fault_gisc(unsigned int count)
{
	atomic_set(&hwsim_gisc_failures, count);
}

/**
 * hwsim_fault_gisc_hold - let the registration of interruption subclasses wait
 * @hold: wait; false: those that wait continue
 *
 * Context: Any.
 */
void hwsim_fault_gisc_hold(bool hold)
{
	WRITE_ONCE(hwsim_gisc_held, hold);
	wake_up_all(&hwsim_gisc_wait);
}

/**
 * hwsim_fault_init - be ready
 *
 * Context: Boot.
 * Return: 0 or the errno of what could not be watched.
 */
int __init hwsim_fault_init(void)
{
	hrtimer_setup(&hwsim_disturb_timer, hwsim_disturb, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	return register_kprobe(&hwsim_gisc_probe);
}
