// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts of passed-through queues: the PQAP(AQIC) intercept and the states of
 * a registration.
 *
 * The intercept takes no lock that another guest could hold for long. It finds
 * the queue by its APQN under RCU and decides under the queue's own lock. It does
 * everything that may sleep (pinning the page, registering the GISC) before, in a
 * registration object that it discards when the instruction fails.
 *
 * AQIC returns 00 when hardware accepts a change. The change takes effect later,
 * and TAPQ shows the effect in the interrupt bit i. Until a registration is
 * proven dead, hardware may write to its page and to the guest's GISA, so both
 * stay. An i of 0 alone proves nothing, because TAPQ may not show the enable yet:
 *
 *	                   TAPQ: i=1
 *	     .----------.             .----.
 *	---->| ENABLING |------------>| ON |
 *	 00  '----------'             '----'
 *	          | disable 00           | disable 00
 *	          v                      v
 *	     .----------.  TAPQ: i=1  .-----------.
 *	     | IN_DOUBT |------------>| DISABLING |-- TAPQ: i=0 -> dead
 *	     '----------'             '-----------'
 *
 * In every state, these events also prove the registration dead:
 *
 *  - response code 01, 03 or 04 to TAPQ or ZAPQ;
 *  - response code 00 to a later enable for the same queue;
 *  - the end of a ZAPQ that this driver issued, whatever i shows afterwards, or
 *    that the AP bus issued after this driver had handed the queue over;
 *  - the end of any reset that was seen in progress (response code 02) after the
 *    queue left the guest, because the guest can no longer enable an interrupt.
 */
#include <linux/slab.h>

#include "vfio_ap_private.h"
#include "vfio_ap_trace.h"

/**
 * enum vfio_ap_irq_state - state of a registration, see above
 * @VFIO_AP_IRQ_ENABLING: hardware accepted the enable, and i has not been 1 yet
 * @VFIO_AP_IRQ_ON: i has been 1
 * @VFIO_AP_IRQ_DISABLING: i has been 1, and hardware accepted a disable
 * @VFIO_AP_IRQ_IN_DOUBT: hardware accepted a disable before i was seen as 1
 */
enum vfio_ap_irq_state {
	VFIO_AP_IRQ_ENABLING,
	VFIO_AP_IRQ_ON,
	VFIO_AP_IRQ_DISABLING,
	VFIO_AP_IRQ_IN_DOUBT,
};

/**
 * struct vfio_ap_irq - one interrupt registration that hardware may still use
 */
struct vfio_ap_irq {
	/** @attachment: of the guest that made it; @page holds the reference */
	struct vfio_ap_attachment *attachment;
	/** @page: holds the NIB */
	struct vfio_ap_page *page;
	/** @nib: absolute address of the NIB in the host */
	phys_addr_t nib;
	/** @state: slot->lock */
	enum vfio_ap_irq_state state;
	/** @gisc: the guest's interruption subclass, 0 to 7 */
	u8 gisc;
};

static void vfio_ap_irq_free(struct vfio_ap_irq *irq)
{
	/* In this order, because the page references the attachment and the module. */
	vfio_ap_gisc_put(irq->attachment, irq->gisc);
	vfio_ap_page_put(irq->page);
	kfree(irq);
}

/**
 * vfio_ap_irq_end - free the registration of a queue, which is dead
 * @slot: the queue; it may have no registration
 *
 * Context: slot->lock held.
 */
void vfio_ap_irq_end(struct vfio_ap_slot *slot)
{
	lockdep_assert_held(&slot->lock);

	if (slot->irq)
		vfio_ap_irq_free(slot->irq);
	slot->irq = NULL;
}

/**
 * vfio_ap_irq_shown - update the registration after TAPQ returned 00
 * @slot: the queue; it may have no registration
 * @on: the interrupt bit of the status word
 *
 * Context: slot->lock held.
 */
void vfio_ap_irq_shown(struct vfio_ap_slot *slot, bool on)
{
	struct vfio_ap_irq *irq = slot->irq;

	lockdep_assert_held(&slot->lock);

	if (!irq)
		return;
	switch (irq->state) {
	case VFIO_AP_IRQ_ENABLING:
		if (on)
			irq->state = VFIO_AP_IRQ_ON;
		break;
	case VFIO_AP_IRQ_IN_DOUBT:
		if (on)
			irq->state = VFIO_AP_IRQ_DISABLING;
		break;
	case VFIO_AP_IRQ_DISABLING:
		if (!on)
			vfio_ap_irq_end(slot);
		break;
	case VFIO_AP_IRQ_ON:
		break;
	}
}

/**
 * vfio_ap_irq_is_ending - test for a disable in progress
 * @slot: the queue
 *
 * Context: slot->lock held.
 * Return: true if hardware accepted a disable whose effect was not seen yet.
 */
bool vfio_ap_irq_is_ending(const struct vfio_ap_slot *slot)
{
	lockdep_assert_held(&slot->lock);

	return slot->irq && (slot->irq->state == VFIO_AP_IRQ_DISABLING ||
			     slot->irq->state == VFIO_AP_IRQ_IN_DOUBT);
}

/**
 * vfio_ap_irq_is_in_doubt - test for a disable whose effect TAPQ may never show
 * @slot: the queue
 *
 * Context: slot->lock held.
 * Return: true if hardware accepted a disable before the enable was seen.
 */
bool vfio_ap_irq_is_in_doubt(const struct vfio_ap_slot *slot)
{
	lockdep_assert_held(&slot->lock);

	return slot->irq && slot->irq->state == VFIO_AP_IRQ_IN_DOUBT;
}

/**
 * vfio_ap_irq_state_name - name the state of a queue's registration, for debugfs
 * @slot: the queue
 *
 * Context: slot->lock held.
 * Return: One word.
 */
const char *vfio_ap_irq_state_name(const struct vfio_ap_slot *slot)
{
	static const char *const names[] = {
		[VFIO_AP_IRQ_ENABLING] = "enabling",
		[VFIO_AP_IRQ_ON] = "on",
		[VFIO_AP_IRQ_DISABLING] = "disabling",
		[VFIO_AP_IRQ_IN_DOUBT] = "in-doubt",
	};

	lockdep_assert_held(&slot->lock);

	return slot->irq ? names[slot->irq->state] : "none";
}

/* KVM does not export gfn_to_hva(). The caller is a vCPU that holds kvm->srcu. */
static unsigned long vfio_ap_irq_nib_to_hva(struct kvm *kvm, u64 nib)
{
	struct kvm_memory_slot *slot = __gfn_to_memslot(kvm_memslots(kvm), gpa_to_gfn(nib));

	if (!slot || slot->flags & (KVM_MEMSLOT_INVALID | KVM_MEM_READONLY))
		return KVM_HVA_ERR_BAD;
	return __gfn_to_hva_memslot(slot, gpa_to_gfn(nib));
}

/*
 * Do everything for an enable that can sleep or fail before AQIC is issued. The
 * caller reports every failure as an invalid NIB (response code 06).
 */
static struct vfio_ap_irq *vfio_ap_irq_create(struct vfio_ap_attachment *attachment,
					      u64 nib, u8 gisc, u8 *nisc)
{
	struct kvm *kvm = attachment->kvm;
	struct vfio_ap_irq *irq;
	unsigned long hva;
	int ret;

	/* Pinning the page of a protected guest would export it. */
	if (!nib || kvm->arch.pv.handle)
		return NULL;
	hva = vfio_ap_irq_nib_to_hva(kvm, nib);
	if (kvm_is_error_hva(hva))
		return NULL;

	irq = kzalloc(sizeof(*irq), GFP_KERNEL_ACCOUNT);
	if (!irq)
		return NULL;
	irq->attachment = attachment;
	irq->gisc = gisc;
	irq->page = vfio_ap_page_get(attachment, hva);
	if (!irq->page)
		goto err_free;
	irq->nib = vfio_ap_page_address(irq->page, nib);

	ret = vfio_ap_gisc_get(attachment, gisc);
	if (ret < 0)
		goto err_page;
	*nisc = ret;
	return irq;

err_page:
	vfio_ap_page_put(irq->page);
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
	return vfio_ap_irq_is_ending(slot) ? vfio_ap_slot_irq_check(slot) : AP_RESPONSE_NORMAL;
}

static struct ap_queue_status vfio_ap_irq_enable(struct vfio_ap_slot *slot,
						 struct vfio_ap_attachment *attachment,
						 u64 nib, u8 gisc)
{
	struct ap_queue_status status = {};
	union ap_qirq_ctrl control = {};
	struct vfio_ap_irq *irq;
	u8 nisc;

	/* For this guest, the queue of another guest does not exist, whatever the NIB. */
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
	/* An accepted enable proves the older registration dead; replace it. */
	if (!status.response_code) {
		swap(slot->irq, irq);
		slot->irqs++;
	}
	spin_unlock(&slot->lock);

	if (irq)
		vfio_ap_irq_free(irq);
	return status;
}

static void vfio_ap_irq_disabled(struct vfio_ap_slot *slot)
{
	lockdep_assert_held(&slot->lock);

	slot->irqs++;
	if (!slot->irq)
		return;
	if (slot->irq->state == VFIO_AP_IRQ_ENABLING)
		slot->irq->state = VFIO_AP_IRQ_IN_DOUBT;
	else if (slot->irq->state == VFIO_AP_IRQ_ON)
		slot->irq->state = VFIO_AP_IRQ_DISABLING;
	/* Most disables take effect at once. The work item of the queue polls for the others. */
	vfio_ap_slot_irq_check(slot);
	if (slot->irq)
		vfio_ap_slot_poll(slot);
}

static struct ap_queue_status vfio_ap_irq_disable(struct vfio_ap_slot *slot,
						  const struct vfio_ap_attachment *attachment)
{
	struct ap_queue_status status = {};
	union ap_qirq_ctrl control = {};

	spin_lock(&slot->lock);
	status.response_code = vfio_ap_irq_admit(slot, attachment);
	if (!status.response_code) {
		/* After the disable, an i of 0 would not show whether i had been 1. */
		if (slot->irq && slot->irq->state == VFIO_AP_IRQ_ENABLING)
			vfio_ap_slot_irq_check(slot);
		status = ap_aqic(slot->apqn, control, 0);
		if (!status.response_code)
			vfio_ap_irq_disabled(slot);
	}
	spin_unlock(&slot->lock);
	return status;
}

/**
 * vfio_ap_irq_intercept - handle PQAP(AQIC) of a guest
 * @vcpu: the vCPU that executes the instruction
 *
 * Context: KVM calls it with vcpu->mutex, kvm->srcu and pqap_hook_rwsem held,
 * so vfio_ap_guest_detach() waits until it returns.
 * Return: 0 with the status word in the guest's general register 1; -EOPNOTSUPP
 * if the guest has no adapter interruption facility.
 */
int vfio_ap_irq_intercept(struct kvm_vcpu *vcpu)
{
	u64 *gprs = vcpu->run->s.regs.gprs;
	struct ap_queue_status status = { .response_code = AP_RESPONSE_Q_NOT_AVAIL };
	union {
		u64 value;
		union ap_qirq_ctrl control;
	} gr1 = { .value = gprs[1] };
	union {
		struct ap_queue_status status;
		u32 value;
	} word;
	struct vfio_ap_attachment *attachment;
	struct vfio_ap_slot *slot;
	u16 apqn = gprs[0];

	/* vfio_ap_guest_detach() must not free the attachment before this function returns. */
	lockdep_assert_held(&vcpu->kvm->arch.crypto.pqap_hook_rwsem);

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
	/* Unpin here, because a guest that repeats AQIC could outrun unpin_work. */
	vfio_ap_attachment_unpin(attachment);
	vfio_ap_numbers_count_aqic(attachment, slot, status.response_code);
	if (slot)
		vfio_ap_slot_put(slot);

	trace_vfio_ap_irq_set(attachment->uuid, apqn, gr1.control.ir, gr1.control.isc, gprs[2],
			      status.response_code);
	word.status = status;
	gprs[1] = word.value;
	return 0;
}
