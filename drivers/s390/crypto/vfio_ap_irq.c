// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts of passed-through queues: the PQAP(AQIC) intercept, and the life cycle of an
 * interrupt registration.
 *
 * The intercept takes no lock that another guest could hold for long. It finds the queue by
 * its APQN under RCU. Before it takes the queue's lock, it does everything that may sleep or
 * take a long time: it pins the page, asks the ultravisor whether a protected guest shares the
 * page, and registers the GISC. Under the lock, it checks whether the guest has the queue, and
 * issues AQIC. If AQIC fails, the intercept discards the new registration.
 *
 * AQIC returns 00 when hardware accepts an enable or a disable. The change takes effect later,
 * and TAPQ then shows it in the interrupt bit (i). Until a registration is known to be dead,
 * hardware may write to its page and to the guest's GISA, so neither may be freed. i=0 alone
 * does not prove that a registration is dead, because an enable may not have taken effect yet:
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
 * In every state, a registration is also dead after one of these events:
 *
 *  - response code 01, 03 or 04 to TAPQ or ZAPQ;
 *  - response code 00 to a later enable for the same queue;
 *  - the completion of a ZAPQ that this driver issued (even if i=1 afterwards);
 *  - the completion of any reset that was seen in progress (response code 02) after the queue
 *    had left the guest, because the guest can no longer enable the interrupt.
 */
#include <linux/slab.h>
#include <asm/uv.h>

#include "vfio_ap_diag.h"
#include "vfio_ap_private.h"

/**
 * enum vfio_ap_irq_state - state of a registration (see the diagram above)
 * @VFIO_AP_IRQ_ENABLING: hardware accepted the enable, but TAPQ has not shown i=1 yet
 * @VFIO_AP_IRQ_ON: TAPQ has shown i=1
 * @VFIO_AP_IRQ_DISABLING: TAPQ has shown i=1, and hardware accepted a disable
 * @VFIO_AP_IRQ_IN_DOUBT: hardware accepted a disable before TAPQ showed i=1
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
	/** @attachment: the guest that enabled the interrupt; @page holds a reference to it */
	struct vfio_ap_attachment *attachment;
	/** @page: the page that contains the NIB */
	struct vfio_ap_page *page;
	/** @nib: the NIB's absolute address in the host */
	phys_addr_t nib;
	/** @state: state of the registration, protected by the queue's lock */
	enum vfio_ap_irq_state state;
	/** @gisc: the guest's interruption subclass, 0 to 7 */
	u8 gisc;
};

static void vfio_ap_irq_free(struct vfio_ap_irq *irq)
{
	/* Put the page last, because it holds the references to the attachment and the module. */
	vfio_ap_gisc_put(irq->attachment, irq->gisc);
	vfio_ap_page_put(irq->page);
	kfree(irq);
}

/**
 * vfio_ap_irq_end - free a queue's dead registration
 * @q: the queue, which may have no registration
 *
 * Context: @q->lock held.
 */
void vfio_ap_irq_end(struct vfio_ap_queue *q)
{
	lockdep_assert_held(&q->lock);

	if (q->irq)
		vfio_ap_irq_free(q->irq);
	q->irq = NULL;
}

/* Update the state after TAPQ has returned 00. @on: the interrupt bit of the status word. */
static void vfio_ap_irq_shown(struct vfio_ap_queue *q, bool on)
{
	struct vfio_ap_irq *irq = q->irq;

	lockdep_assert_held(&q->lock);

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
			vfio_ap_irq_end(q);
		break;
	case VFIO_AP_IRQ_ON:
		break;
	}
}

/* Tests whether hardware has accepted a disable whose effect TAPQ has not shown yet. */
static bool vfio_ap_irq_is_ending(const struct vfio_ap_queue *q)
{
	lockdep_assert_held(&q->lock);

	return q->irq && (q->irq->state == VFIO_AP_IRQ_DISABLING ||
			  q->irq->state == VFIO_AP_IRQ_IN_DOUBT);
}

/**
 * vfio_ap_irq_update - update a queue's registration after ZAPQ or TAPQ
 * @q: the queue, which may have no registration
 * @response: meaning of the response code
 * @tested: true for TAPQ, false for ZAPQ
 * @irq_enabled: the interrupt bit of the status word; used only if @tested is true and
 *	@response is VFIO_AP_QUEUE_READY
 *
 * If a reset is in progress after the queue has left its guest, the completion of this reset
 * ends the registration, even if the guest or the AP bus started the reset. reset_seen records
 * this case.
 *
 * Context: @q->lock held.
 */
void vfio_ap_irq_update(struct vfio_ap_queue *q, enum vfio_ap_queue_response response,
			bool tested, bool irq_enabled)
{
	lockdep_assert_held(&q->lock);

	switch (response) {
	case VFIO_AP_QUEUE_CLEAN:
	case VFIO_AP_QUEUE_GONE:
		vfio_ap_irq_end(q);
		break;
	case VFIO_AP_QUEUE_RESETTING:
		q->reset_seen = !q->guest;
		break;
	case VFIO_AP_QUEUE_READY:
		if (q->reset_seen)
			vfio_ap_irq_end(q);
		else if (tested)
			vfio_ap_irq_shown(q, irq_enabled);
		q->reset_seen = false;
		break;
	default:
		break;
	}
}

/**
 * vfio_ap_irq_tapq - issue TAPQ and update a queue's registration
 * @q: the queue, which may have no registration
 *
 * Context: @q->lock held.
 * Return: The response code.
 */
u8 vfio_ap_irq_tapq(struct vfio_ap_queue *q)
{
	struct ap_queue_status status;

	lockdep_assert_held(&q->lock);

	status = ap_tapq(q->apqn, NULL);
	vfio_ap_irq_update(q, vfio_ap_queue_decode(status.response_code), true,
			   status.irq_enabled);
	return status.response_code;
}

/**
 * vfio_ap_irq_needs_polling - test whether only TAPQ can show the end of a registration
 * @q: the queue
 *
 * Context: @q->lock held.
 * Return: true if the queue has a registration and either a disable is in progress or this
 * driver must not reset the queue.
 */
bool vfio_ap_irq_needs_polling(const struct vfio_ap_queue *q)
{
	lockdep_assert_held(&q->lock);

	return vfio_ap_irq_is_ending(q) ||
	       (q->irq && (q->binding == VFIO_AP_UNBOUND || !q->present));
}

/**
 * vfio_ap_irq_state_name - name the state of a queue's registration, for debugfs
 * @q: the queue
 *
 * Context: @q->lock held.
 * Return: The name of the state, or "none" if there is no registration.
 */
const char *vfio_ap_irq_state_name(const struct vfio_ap_queue *q)
{
	static const char *const names[] = {
		[VFIO_AP_IRQ_ENABLING] = "enabling",
		[VFIO_AP_IRQ_ON] = "on",
		[VFIO_AP_IRQ_DISABLING] = "disabling",
		[VFIO_AP_IRQ_IN_DOUBT] = "in-doubt",
	};

	lockdep_assert_held(&q->lock);

	return q->irq ? names[q->irq->state] : "none";
}

/* Replaces gfn_to_hva(), which KVM does not export. The caller is a vCPU that holds kvm->srcu. */
static unsigned long vfio_ap_irq_nib_to_hva(struct kvm *kvm, u64 nib)
{
	struct kvm_memory_slot *slot = __gfn_to_memslot(kvm_memslots(kvm), gpa_to_gfn(nib));

	if (!slot || slot->flags & (KVM_MEMSLOT_INVALID | KVM_MEM_READONLY))
		return KVM_HVA_ERR_BAD;
	return __gfn_to_hva_memslot(slot, gpa_to_gfn(nib));
}

/*
 * Test whether the guest can see what hardware writes to a pinned page. A protected guest sees
 * these writes only if it shares the page. Pinning has already asked the ultravisor to pin the page
 * as a shared page, and has exported the page if it is not shared. Ask again to find out which
 * of the two happened: the ultravisor accepts a page that is already pinned as a shared page,
 * and rejects an exported one.
 *
 * The driver does not undo the pin in the ultravisor. KVM does so when the guest stops sharing
 * the page, but only after the page has been unpinned in the host.
 */
static bool vfio_ap_irq_page_is_visible(struct kvm_vcpu *vcpu, const struct vfio_ap_page *page)
{
	lockdep_assert_held(&vcpu->mutex);

	return !kvm_s390_pv_cpu_is_protected(vcpu) ||
	       !uv_pin_shared(vfio_ap_page_address(page, 0));
}

/*
 * Do everything that can sleep or fail before an AQIC enables the interrupt. The caller
 * reports every failure as an invalid NIB (response code 06). Write the cause to the debug
 * feature and not to the log, because a guest could flood the log.
 */
static struct vfio_ap_irq *vfio_ap_irq_create(struct kvm_vcpu *vcpu,
					      struct vfio_ap_attachment *attachment,
					      u16 apqn, u64 nib, u8 gisc, u8 *nisc)
{
	struct vfio_ap_irq *irq;
	unsigned long hva;
	int ret;

	lockdep_assert_held(&vcpu->mutex);

	hva = nib ? vfio_ap_irq_nib_to_hva(vcpu->kvm, nib) : KVM_HVA_ERR_BAD;
	if (kvm_is_error_hva(hva)) {
		VFIO_AP_DBF_WARN("%s: apqn %#04x: invalid NIB address %#llx\n", __func__, apqn,
				 nib);
		return NULL;
	}

	irq = kzalloc_obj(*irq, GFP_KERNEL_ACCOUNT);
	if (!irq) {
		VFIO_AP_DBF_WARN("%s: apqn %#04x: out of memory\n", __func__, apqn);
		return NULL;
	}
	irq->attachment = attachment;
	irq->gisc = gisc;
	irq->page = vfio_ap_page_get(attachment, hva);
	if (IS_ERR(irq->page)) {
		VFIO_AP_DBF_WARN("%s: apqn %#04x: cannot pin the page of NIB %#llx: error %ld\n",
				 __func__, apqn, nib, PTR_ERR(irq->page));
		goto err_free;
	}
	irq->nib = vfio_ap_page_address(irq->page, nib);
	if (!vfio_ap_irq_page_is_visible(vcpu, irq->page)) {
		VFIO_AP_DBF_WARN("%s: apqn %#04x: protected guest does not share NIB %#llx\n",
				 __func__, apqn, nib);
		goto err_page;
	}

	ret = vfio_ap_gisc_get(attachment, gisc);
	if (ret < 0) {
		VFIO_AP_DBF_WARN("%s: apqn %#04x: cannot register GISC %d: error %d\n", __func__,
				 apqn, gisc, ret);
		goto err_page;
	}
	*nisc = ret;
	return irq;

err_page:
	vfio_ap_page_put(irq->page);
err_free:
	kfree(irq);
	return NULL;
}

static bool vfio_ap_irq_is_owned(struct vfio_ap_queue *q,
				 const struct vfio_ap_attachment *attachment)
{
	guard(spinlock)(&q->lock);
	return q->guest == attachment;
}

/*
 * Test whether a disable has taken effect. Return: 00 if the driver may issue the next AQIC,
 * else the response code for the guest. The code is 02 or 05, after which a Linux guest
 * retries, and not 07, which Linux treats as success. A registration that is in doubt does not
 * prevent an AQIC, because the next accepted enable ends this registration.
 */
static u8 vfio_ap_irq_test_disable(struct vfio_ap_queue *q)
{
	u8 rc;

	lockdep_assert_held(&q->lock);

	rc = vfio_ap_irq_tapq(q);
	if (!vfio_ap_irq_is_ending(q))
		return AP_RESPONSE_NORMAL;
	if (vfio_ap_queue_decode(rc) == VFIO_AP_QUEUE_RESETTING)
		return AP_RESPONSE_RESET_IN_PROGRESS;
	return q->irq->state == VFIO_AP_IRQ_IN_DOUBT ? AP_RESPONSE_NORMAL : AP_RESPONSE_BUSY;
}

static void vfio_ap_irq_report(const char *request, u16 apqn, u8 rc)
{
	if (rc)
		VFIO_AP_DBF_WARN("AQIC: apqn %#04x: %s failed with response code %02x\n", apqn,
				 request, rc);
}

/* Return: 00 if the driver may issue the guest's AQIC, else the response code for the guest. */
static u8 vfio_ap_irq_admit(struct vfio_ap_queue *q,
			    const struct vfio_ap_attachment *attachment)
{
	lockdep_assert_held(&q->lock);

	if (q->guest != attachment || q->binding == VFIO_AP_UNBOUND)
		return AP_RESPONSE_Q_NOT_AVAIL;
	/* If the queue was unbound, the next commit takes it from the guest and resets it. */
	if (q->unbound_since_commit || vfio_ap_queue_reset_pending(q))
		return AP_RESPONSE_RESET_IN_PROGRESS;
	return vfio_ap_irq_is_ending(q) ? vfio_ap_irq_test_disable(q) : AP_RESPONSE_NORMAL;
}

static struct ap_queue_status vfio_ap_irq_enable(struct vfio_ap_queue *q, struct kvm_vcpu *vcpu,
						 struct vfio_ap_attachment *attachment,
						 u64 nib, u8 gisc)
{
	struct ap_queue_status status = {};
	union ap_qirq_ctrl control = {};
	struct vfio_ap_irq *irq;
	u8 nisc;

	lockdep_assert_held(&vcpu->mutex);

	/*
	 * Check the owner before the NIB, because another guest's queue does not exist for
	 * this guest.
	 */
	if (!vfio_ap_irq_is_owned(q, attachment)) {
		status.response_code = AP_RESPONSE_Q_NOT_AVAIL;
		vfio_ap_irq_report("enable", q->apqn, status.response_code);
		return status;
	}
	irq = vfio_ap_irq_create(vcpu, attachment, q->apqn, nib, gisc, &nisc);
	if (!irq) {
		status.response_code = AP_RESPONSE_INVALID_ADDRESS;
		return status;
	}
	control.ir = 1;
	control.gisc = gisc;
	control.isc = nisc;
	control.gisa = virt_to_phys(attachment->kvm->arch.gisa_int.origin) >> 4;

	scoped_guard(spinlock, &q->lock) {
		status.response_code = vfio_ap_irq_admit(q, attachment);
		if (!status.response_code)
			status = ap_aqic(q->apqn, control, irq->nib);
		/* An accepted enable ends the older registration, so replace it. */
		if (!status.response_code) {
			swap(q->irq, irq);
			vfio_ap_event_irq_changed(q);
		}
	}

	if (irq)
		vfio_ap_irq_free(irq);
	vfio_ap_irq_report("enable", q->apqn, status.response_code);
	return status;
}

static void vfio_ap_irq_disabled(struct vfio_ap_queue *q)
{
	lockdep_assert_held(&q->lock);

	vfio_ap_event_irq_changed(q);
	if (!q->irq)
		return;
	if (q->irq->state == VFIO_AP_IRQ_ENABLING)
		q->irq->state = VFIO_AP_IRQ_IN_DOUBT;
	else if (q->irq->state == VFIO_AP_IRQ_ON)
		q->irq->state = VFIO_AP_IRQ_DISABLING;
	/* Most disables take effect immediately. For the rest, the work item polls. */
	vfio_ap_irq_tapq(q);
	if (q->irq)
		vfio_ap_queue_poll_after(q, 1);
}

static struct ap_queue_status vfio_ap_irq_disable(struct vfio_ap_queue *q,
						  const struct vfio_ap_attachment *attachment)
{
	struct ap_queue_status status = {};
	union ap_qirq_ctrl control = {};

	guard(spinlock)(&q->lock);
	status.response_code = vfio_ap_irq_admit(q, attachment);
	if (!status.response_code) {
		/* Check i now: i=0 after the disable would not show whether i had been 1. */
		if (q->irq && q->irq->state == VFIO_AP_IRQ_ENABLING)
			vfio_ap_irq_tapq(q);
		status = ap_aqic(q->apqn, control, 0);
	}
	if (!status.response_code)
		vfio_ap_irq_disabled(q);
	vfio_ap_irq_report("disable", q->apqn, status.response_code);
	return status;
}

/**
 * vfio_ap_irq_intercept - handle a guest's PQAP(AQIC)
 * @vcpu: the vCPU that executes the instruction
 *
 * Context: KVM calls this function with vcpu->mutex, kvm->srcu and pqap_hook_rwsem held, so
 * vfio_ap_guest_detach() waits until the function returns.
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
	struct vfio_ap_queue *q;
	u16 apqn = gprs[0];

	/* While pqap_hook_rwsem is held, vfio_ap_guest_detach() cannot free the attachment. */
	lockdep_assert_held(&vcpu->kvm->arch.crypto.pqap_hook_rwsem);

	if (!(vcpu->arch.sie_block->eca & ECA_AIV)) {
		VFIO_AP_DBF_WARN("%s: apqn %#04x: guest has no adapter interruption facility\n",
				 __func__, apqn);
		return -EOPNOTSUPP;
	}

	attachment = container_of(vcpu->kvm->arch.crypto.pqap_hook,
				  struct vfio_ap_attachment, pqap_hook);
	q = vfio_ap_queue_get(apqn);
	if (!q)
		VFIO_AP_DBF_WARN("%s: apqn %#04x: not bound to vfio_ap\n", __func__, apqn);
	else if (gr1.control.ir)
		status = vfio_ap_irq_enable(q, vcpu, attachment, gprs[2], gr1.control.isc);
	else
		status = vfio_ap_irq_disable(q, attachment);
	/*
	 * Unpin here, because a guest that repeats AQIC could pin pages faster than unpin_work
	 * unpins them.
	 */
	vfio_ap_attachment_unpin(attachment);
	vfio_ap_event_aqic(attachment, q, apqn, gr1.control, gprs[2], status.response_code);
	if (q)
		vfio_ap_queue_put(q);
	word.status = status;
	gprs[1] = word.value;
	return 0;
}
