// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts of passed-through queues: the PQAP(AQIC) intercept, the page with
 * the notification indicator byte (NIB) and the guest interruption subclass
 * (GISC).
 *
 * The intercept takes no lock that another guest could hold for long. It finds
 * the queue by its APQN under RCU and decides under the queue's own lock. What
 * may sleep (accounting, pinning, registering the GISC) is done before, in a
 * registration object that is thrown away when the instruction fails.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "vfio_ap_private.h"
#include "vfio_ap_trace.h"

/**
 * struct vfio_ap_irq - one interrupt registration that hardware may know
 *
 * Holds a reference on the module: hardware must not write to a guest's page
 * that nobody would ever unpin.
 */
struct vfio_ap_irq {
	/** @dead: in the attachment's list of dead registrations */
	struct llist_node dead;
	/** @attachment: whose guest made it; referenced */
	struct vfio_ap_attachment *attachment;
	/** @page: holds the NIB; pinned and accounted */
	struct page *page;
	/** @nib: absolute address of the NIB in the host */
	phys_addr_t nib;
	/** @gisc: the guest's interruption subclass, 0 to 7 */
	u8 gisc;
};

static void vfio_ap_attachment_release_work(struct work_struct *work)
{
	struct vfio_ap_attachment *attachment =
		container_of(work, struct vfio_ap_attachment, release_work);

	kvm_put_kvm(attachment->kvm);
	kfree(attachment);
}

static void vfio_ap_attachment_release(struct kref *kref)
{
	struct vfio_ap_attachment *attachment =
		container_of(kref, struct vfio_ap_attachment, kref);

	/* The last reference on a struct kvm may destroy a large VM. */
	queue_work(vfio_ap_commit_wq, &attachment->release_work);
}

/**
 * vfio_ap_attachment_get - take a reference
 * @attachment: the attachment, or NULL
 *
 * Context: Any.
 */
void vfio_ap_attachment_get(struct vfio_ap_attachment *attachment)
{
	if (attachment)
		kref_get(&attachment->kref);
}

/**
 * vfio_ap_attachment_put - give a reference back
 * @attachment: the attachment, or NULL
 *
 * Context: Any.
 */
void vfio_ap_attachment_put(struct vfio_ap_attachment *attachment)
{
	if (attachment)
		kref_put(&attachment->kref, vfio_ap_attachment_release);
}

/* The start of a protected guest must not see a GISC go. */
static void vfio_ap_gisc_drop_spares(struct vfio_ap_attachment *attachment)
{
	int gisc, count;

	lockdep_assert_held(&attachment->kvm->lock);
	for (gisc = 0; gisc < VFIO_AP_NR_GISC; gisc++) {
		count = atomic_xchg(&attachment->spare_giscs[gisc], 0);
		while (count--)
			kvm_s390_gisc_unregister(attachment->kvm, gisc);
	}
}

/* The caller has a reference on the module. */
static void vfio_ap_gisc_drop_after(struct vfio_ap_attachment *attachment, unsigned long delay)
{
	vfio_ap_attachment_get(attachment);
	__module_get(THIS_MODULE);
	if (mod_delayed_work(vfio_ap_commit_wq, &attachment->gisc_work, delay)) {
		/* It was queued before, with references of its own. */
		vfio_ap_attachment_put(attachment);
		module_put(THIS_MODULE);
	}
}

static void vfio_ap_gisc_work(struct work_struct *work)
{
	struct vfio_ap_attachment *attachment =
		container_of(to_delayed_work(work), struct vfio_ap_attachment, gisc_work);

	/* Whoever keeps the lock of his guest keeps no worker. */
	if (mutex_trylock(&attachment->kvm->lock)) {
		vfio_ap_gisc_drop_spares(attachment);
		mutex_unlock(&attachment->kvm->lock);
	} else {
		vfio_ap_gisc_drop_after(attachment, VFIO_AP_LOCK_RETRY);
	}
	vfio_ap_attachment_put(attachment);
	/* Module exit waits for the work queue, so also for the end of this function. */
	module_put(THIS_MODULE);
}

/*
 * A reference that waits for kvm->lock to be dropped is used again, so a guest
 * cannot pile them up while its user keeps that lock.
 */
static int vfio_ap_gisc_get(struct vfio_ap_attachment *attachment, u8 gisc)
{
	int nisc;

	if (atomic_dec_if_positive(&attachment->spare_giscs[gisc]) >= 0)
		return READ_ONCE(attachment->nisc);
	nisc = kvm_s390_gisc_register(attachment->kvm, gisc);
	if (nisc >= 0)
		WRITE_ONCE(attachment->nisc, nisc);
	return nisc;
}

static void vfio_ap_gisc_put(struct vfio_ap_attachment *attachment, u8 gisc)
{
	atomic_inc(&attachment->spare_giscs[gisc]);
	vfio_ap_gisc_drop_after(attachment, 0);
}

/* For a task of the guest's user: it may wait for what he does with the guest's memory. */
static void vfio_ap_irq_unpin(struct vfio_ap_irq *irq)
{
	unpin_user_pages_dirty_lock(&irq->page, 1, true);
	account_locked_vm(irq->attachment->kvm->mm, 1, false);
}

/* For a worker: it does not. Return: false if somebody has the page locked. */
static bool vfio_ap_irq_try_unpin(struct vfio_ap_irq *irq)
{
	lockdep_assert_held_write(&irq->attachment->kvm->mm->mmap_lock);

	if (!PageDirty(irq->page)) {
		if (!trylock_page(irq->page))
			return false;
		set_page_dirty(irq->page);
		unlock_page(irq->page);
	}
	unpin_user_page(irq->page);
	__account_locked_vm(irq->attachment->kvm->mm, 1, false, current, true);
	return true;
}

/* Its page is unpinned already. */
static void vfio_ap_irq_free(struct vfio_ap_irq *irq)
{
	struct vfio_ap_attachment *attachment = irq->attachment;

	vfio_ap_gisc_put(attachment, irq->gisc);
	kfree(irq);
	vfio_ap_attachment_put(attachment);
	module_put(THIS_MODULE);
}

static void vfio_ap_irq_drain(struct vfio_ap_attachment *attachment)
{
	struct llist_node *dead = llist_del_all(&attachment->dead_irqs);
	struct vfio_ap_irq *irq, *next;

	llist_for_each_entry_safe(irq, next, dead, dead) {
		if (vfio_ap_irq_try_unpin(irq))
			vfio_ap_irq_free(irq);
		else
			llist_add(&irq->dead, &attachment->dead_irqs);
	}
}

/* Each of the dead has a reference on the module, so it stays until they are gone. */
static void vfio_ap_irq_drain_after(struct vfio_ap_attachment *attachment, unsigned long delay)
{
	vfio_ap_attachment_get(attachment);
	if (!queue_delayed_work(vfio_ap_commit_wq, &attachment->drain_work, delay))
		vfio_ap_attachment_put(attachment);
}

static void vfio_ap_irq_drain_work(struct work_struct *work)
{
	struct vfio_ap_attachment *attachment =
		container_of(to_delayed_work(work), struct vfio_ap_attachment, drain_work);
	struct mm_struct *mm = attachment->kvm->mm;

	/* Whoever keeps this lock of his own process keeps no worker. */
	if (mmap_write_trylock(mm)) {
		vfio_ap_irq_drain(attachment);
		mmap_write_unlock(mm);
	}
	if (!llist_empty(&attachment->dead_irqs))
		vfio_ap_irq_drain_after(attachment, VFIO_AP_LOCK_RETRY);
	vfio_ap_attachment_put(attachment);
}

static void vfio_ap_irq_bury(struct vfio_ap_irq **place)
{
	struct vfio_ap_attachment *attachment;
	struct vfio_ap_irq *irq = *place;

	if (!irq)
		return;
	*place = NULL;
	attachment = irq->attachment;
	/*
	 * Once in the list, the registration and its reference may be gone: the
	 * work item can be running already, for another queue of the guest.
	 */
	vfio_ap_attachment_get(attachment);
	llist_add(&irq->dead, &attachment->dead_irqs);
	vfio_ap_irq_drain_after(attachment, 0);
	vfio_ap_attachment_put(attachment);
}

/**
 * vfio_ap_attachment_settle - give back at once what dead registrations hold
 * @attachment: the attachment
 *
 * Context: Sleeps; no lock of this driver and no kvm->lock held. Killable.
 * Return: 0; -EINTR the task is to die, what is left is given back later.
 */
int vfio_ap_attachment_settle(struct vfio_ap_attachment *attachment)
{
	int ret;

	might_sleep();
	flush_delayed_work(&attachment->drain_work);
	while (!llist_empty(&attachment->dead_irqs)) {
		schedule_timeout_killable(VFIO_AP_LOCK_RETRY);
		if (fatal_signal_pending(current))
			return -EINTR;
		flush_delayed_work(&attachment->drain_work);
	}
	ret = mutex_lock_killable(&attachment->kvm->lock);
	if (ret)
		return ret;
	vfio_ap_gisc_drop_spares(attachment);
	mutex_unlock(&attachment->kvm->lock);
	return 0;
}

/**
 * vfio_ap_irq_end - forget registrations that hardware no longer knows
 * @slot: the queue
 * @current_too: also the one that nobody disabled
 *
 * Context: slot->lock held.
 */
void vfio_ap_irq_end(struct vfio_ap_slot *slot, bool current_too)
{
	lockdep_assert_held(&slot->lock);

	vfio_ap_irq_bury(&slot->draining);
	if (current_too)
		vfio_ap_irq_bury(&slot->irq);
}

/*
 * Everything of an enable that can sleep or fail before hardware is asked. The
 * guest is told of any failure as of a NIB that cannot be used.
 */
static struct vfio_ap_irq *vfio_ap_irq_create(struct vfio_ap_attachment *attachment,
					      u64 nib, u8 gisc, u8 *nisc)
{
	struct kvm *kvm = attachment->kvm;
	struct vfio_ap_irq *irq;
	unsigned long hva;
	int ret;

	/* The guest's user decides how long a page takes. */
	lockdep_assert_not_held(&matrix_dev->lock);
	lockdep_assert_not_held(&matrix_dev->guests_lock);

	/* Pinning the page of a protected guest would export it. */
	if (!nib || kvm->arch.pv.handle)
		return NULL;
	hva = gfn_to_hva(kvm, gpa_to_gfn(nib));
	if (kvm_is_error_hva(hva))
		return NULL;

	irq = kzalloc(sizeof(*irq), GFP_KERNEL_ACCOUNT);
	if (!irq)
		return NULL;
	irq->attachment = attachment;
	irq->gisc = gisc;

	if (account_locked_vm(kvm->mm, 1, true))
		goto err_free;
	if (pin_user_pages_fast(hva, 1, FOLL_WRITE | FOLL_LONGTERM, &irq->page) != 1) {
		account_locked_vm(kvm->mm, 1, false);
		goto err_free;
	}
	irq->nib = page_to_phys(irq->page) + offset_in_page(nib);

	ret = vfio_ap_gisc_get(attachment, gisc);
	if (ret < 0)
		goto err_unpin;
	*nisc = ret;

	vfio_ap_attachment_get(attachment);
	/* Legal: a guest runs, so the device is open and holds the module. */
	__module_get(THIS_MODULE);
	return irq;

err_unpin:
	vfio_ap_irq_unpin(irq);
err_free:
	kfree(irq);
	return NULL;
}

static bool vfio_ap_irq_is_owned(struct vfio_ap_slot *slot,
				 const struct vfio_ap_attachment *attachment)
{
	bool owned;

	spin_lock(&slot->lock);
	owned = slot->guest == attachment;
	spin_unlock(&slot->lock);
	return owned;
}

/* May the instruction be given to hardware? Response code 00 if so. */
static u8 vfio_ap_irq_admit(struct vfio_ap_slot *slot,
			    const struct vfio_ap_attachment *attachment)
{
	lockdep_assert_held(&slot->lock);

	if (slot->guest != attachment || slot->binding == VFIO_AP_UNBOUND)
		return AP_RESPONSE_Q_NOT_AVAIL;
	if (vfio_ap_slot_outstanding(slot))
		return AP_RESPONSE_RESET_IN_PROGRESS;
	return slot->draining ? vfio_ap_slot_irq_check(slot) : AP_RESPONSE_NORMAL;
}

static struct ap_queue_status vfio_ap_irq_enable(struct vfio_ap_slot *slot,
						 struct vfio_ap_attachment *attachment,
						 u64 nib, u8 gisc)
{
	struct ap_queue_status status = {};
	struct ap_qirq_ctrl control = {};
	struct vfio_ap_irq *irq;
	u8 nisc;

	/* A queue of somebody else is not there, whatever the NIB. */
	if (!vfio_ap_irq_is_owned(slot, attachment)) {
		status.response_code = AP_RESPONSE_Q_NOT_AVAIL;
		return status;
	}
	irq = vfio_ap_irq_create(attachment, nib, gisc, &nisc);
	if (!irq) {
		VFIO_AP_DBF_WARN("%s: apqn %#04x: cannot use NIB %#llx with GISC %d\n",
				 __func__, slot->apqn, nib, gisc);
		status.response_code = AP_RESPONSE_INVALID_ADDRESS;
		return status;
	}
	control.ir = 1;
	control.gisc = gisc;
	control.isc = nisc;
	control.gisa = virt_to_phys(attachment->kvm->arch.gisa_int.origin) >> 4;

	spin_lock(&slot->lock);
	status.response_code = vfio_ap_irq_admit(slot, attachment);
	if (!status.response_code)
		status = ap_aqic(slot->apqn, control, irq->nib);
	/* Accepted: an older registration is off, and this one takes its place. */
	if (!status.response_code) {
		swap(slot->irq, irq);
		slot->irqs++;
	}
	spin_unlock(&slot->lock);

	/* Here and now: a guest that repeats this must not outrun a work item. */
	if (irq) {
		vfio_ap_irq_unpin(irq);
		vfio_ap_irq_free(irq);
	}
	return status;
}

static struct ap_queue_status vfio_ap_irq_disable(struct vfio_ap_slot *slot,
						  const struct vfio_ap_attachment *attachment)
{
	struct ap_queue_status status = {};
	struct ap_qirq_ctrl control = {};

	spin_lock(&slot->lock);
	status.response_code = vfio_ap_irq_admit(slot, attachment);
	if (!status.response_code) {
		status = ap_aqic(slot->apqn, control, 0);
		if (!status.response_code) {
			swap(slot->irq, slot->draining);
			slot->irqs++;
			/* Not for each refusal: a guest could put the look off for ever. */
			if (slot->draining)
				vfio_ap_slot_poll(slot);
		}
	}
	spin_unlock(&slot->lock);
	return status;
}

/*
 * KVM calls this with vcpu->mutex, kvm->srcu and pqap_hook_rwsem held, so the
 * attachment cannot be detached meanwhile.
 */
static int vfio_ap_irq_intercept(struct kvm_vcpu *vcpu)
{
	u64 *gprs = vcpu->run->s.regs.gprs;
	struct ap_queue_status status = { .response_code = AP_RESPONSE_Q_NOT_AVAIL };
	union {
		u64 value;
		struct ap_qirq_ctrl control;
	} gr1 = { .value = gprs[1] };
	union {
		struct ap_queue_status status;
		u32 value;
	} word;
	struct vfio_ap_attachment *attachment;
	struct vfio_ap_slot *slot;
	u16 apqn = gprs[0];

	if (!(vcpu->arch.sie_block->eca & ECA_AIV)) {
		VFIO_AP_DBF_WARN("%s: apqn %#04x: guest has no adapter interruption facility\n",
				 __func__, apqn);
		return -EOPNOTSUPP;
	}

	attachment = container_of(vcpu->kvm->arch.crypto.pqap_hook,
				  struct vfio_ap_attachment, pqap_hook);
	slot = vfio_ap_slot_get(apqn);
	if (slot) {
		if (gr1.control.ir)
			status = vfio_ap_irq_enable(slot, attachment, gprs[2], gr1.control.isc);
		else
			status = vfio_ap_irq_disable(slot, attachment);
	}
	vfio_ap_numbers_count_aqic(attachment, slot, status.response_code);
	if (slot)
		vfio_ap_slot_put(slot);

	trace_vfio_ap_irq_set(attachment->uuid, apqn, gr1.control.ir, gr1.control.isc, gprs[2],
			      status.response_code);
	word.status = status;
	gprs[1] = word.value;
	return 0;
}

/**
 * vfio_ap_attachment_create - make the bond to a guest
 * @kvm: the guest; the attachment takes a reference
 * @uuid: name of the mdev
 *
 * Context: May sleep.
 * Return: The attachment with one reference, or NULL without memory.
 */
struct vfio_ap_attachment *vfio_ap_attachment_create(struct kvm *kvm, const char *uuid)
{
	struct vfio_ap_attachment *attachment;

	attachment = kzalloc(sizeof(*attachment), GFP_KERNEL_ACCOUNT);
	if (!attachment)
		return NULL;
	kref_init(&attachment->kref);
	init_llist_head(&attachment->dead_irqs);
	INIT_DELAYED_WORK(&attachment->drain_work, vfio_ap_irq_drain_work);
	INIT_DELAYED_WORK(&attachment->gisc_work, vfio_ap_gisc_work);
	INIT_WORK(&attachment->release_work, vfio_ap_attachment_release_work);
	attachment->pqap_hook = vfio_ap_irq_intercept;
	kvm_get_kvm(kvm);
	attachment->kvm = kvm;
	strscpy(attachment->uuid, uuid, sizeof(attachment->uuid));
	return attachment;
}
