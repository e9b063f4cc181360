// SPDX-License-Identifier: GPL-2.0
/*
 * The queues bound to this driver and their resets.
 *
 * Only this file issues ZAPQ and TAPQ, and only here are their response codes
 * told apart. A reset is a number: the commit, a probe or VFIO_DEVICE_RESET
 * raises @wanted or @asked, an accepted ZAPQ remembers in @issued what it
 * counts for, and a TAPQ that finds the queue ready moves @done there. Numbers
 * rather than a flag, so that a ZAPQ from before the queue left its guest cannot
 * be taken for the one that cleans it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "vfio_ap_private.h"
#include "vfio_ap_trace.h"

/* Not all response codes are in ap_bus.h of this kernel. */
#define VFIO_AP_RESPONSE_STATE_CHANGE		0x0a
#define VFIO_AP_RESPONSE_ASSOC_NOT_UNIQUE	0x35
#define VFIO_AP_RESPONSE_ASSOC_FAILED		0x36

/* How long a writer cares for one reset, and when a slow one is reported. */
#define VFIO_AP_RESET_PATIENCE	(10 * HZ)
#define VFIO_AP_POLL_MAX	max_t(unsigned long, HZ / 100, 1)
#define VFIO_AP_POLL_SLOW	(HZ / 2)
/* The last of the looks that a waiter takes itself, in ms. */
#define VFIO_AP_EARLY_LOOK_MS	8

static DECLARE_WAIT_QUEUE_HEAD(vfio_ap_reset_waiters);

/*
 * What a response code to ZAPQ, or to a TAPQ after it, says of the reset.
 * A deconfigured or checkstopped queue holds nothing of its last user.
 */
enum vfio_ap_answer {
	VFIO_AP_ANSWER_OK,
	VFIO_AP_ANSWER_IN_PROGRESS,
	VFIO_AP_ANSWER_REPEAT,
	VFIO_AP_ANSWER_CLEAN,
	VFIO_AP_ANSWER_GONE,
	VFIO_AP_ANSWER_UNKNOWN,
};

static enum vfio_ap_answer vfio_ap_response_decode(u8 response_code)
{
	switch (response_code) {
	case AP_RESPONSE_NORMAL:
		return VFIO_AP_ANSWER_OK;
	case AP_RESPONSE_RESET_IN_PROGRESS:
		return VFIO_AP_ANSWER_IN_PROGRESS;
	case AP_RESPONSE_BUSY:
	case VFIO_AP_RESPONSE_STATE_CHANGE:
	case VFIO_AP_RESPONSE_ASSOC_NOT_UNIQUE:
	case VFIO_AP_RESPONSE_ASSOC_FAILED:
		return VFIO_AP_ANSWER_REPEAT;
	case AP_RESPONSE_DECONFIGURED:
	case AP_RESPONSE_CHECKSTOPPED:
		return VFIO_AP_ANSWER_CLEAN;
	case AP_RESPONSE_Q_NOT_AVAIL:
		return VFIO_AP_ANSWER_GONE;
	default:
		return VFIO_AP_ANSWER_UNKNOWN;
	}
}

/**
 * vfio_ap_reset_number - draw the number of a reset
 *
 * Context: Any.
 * Return: A number larger than any drawn before, never 0.
 */
u64 vfio_ap_reset_number(void)
{
	static atomic64_t last = ATOMIC64_INIT(0);

	return atomic64_inc_return(&last);
}

static void vfio_ap_slot_free(struct kref *kref)
{
	struct vfio_ap_slot *slot = container_of(kref, struct vfio_ap_slot, kref);

	kfree_rcu(slot, rcu);
}

/**
 * vfio_ap_slot_put - give a reference back
 * @slot: the slot
 *
 * Context: Any. Under slot->lock only where it cannot be the last one.
 */
void vfio_ap_slot_put(struct vfio_ap_slot *slot)
{
	kref_put(&slot->kref, vfio_ap_slot_free);
}

/**
 * vfio_ap_slot_find - the next slot that is in one matrix and not in another
 * @in: the one
 * @except: the other, or NULL
 * @apqn: the lowest APQN to consider; set to the one found
 *
 * Matrix and table take turns to leap ahead, so a walk takes no more turns than
 * the smaller of them has queues, and most often far fewer.
 *
 * Context: RCU, or matrix_dev->lock held: the slot is not referenced.
 * Return: The slot, or NULL when there is none.
 */
struct vfio_ap_slot *vfio_ap_slot_find(const struct vfio_ap_matrix *in,
				       const struct vfio_ap_matrix *except,
				       unsigned long *apqn)
{
	struct vfio_ap_slot *slot;
	unsigned long wanted;

	lockdep_assert(rcu_read_lock_held() || lockdep_is_held(&matrix_dev->lock));

	while (vfio_ap_matrix_next(in, except, apqn)) {
		slot = xa_load(&matrix_dev->slots, *apqn);
		if (slot)
			return slot;
		wanted = *apqn;
		slot = xa_find(&matrix_dev->slots, apqn, U16_MAX, XA_PRESENT);
		if (!slot || *apqn == wanted)
			return slot;
	}
	return NULL;
}

/**
 * vfio_ap_slot_get - find the slot of an APQN
 * @apqn: the queue
 *
 * Context: Any.
 * Return: A referenced slot, or NULL if the driver knows nothing of the queue.
 */
struct vfio_ap_slot *vfio_ap_slot_get(u16 apqn)
{
	struct vfio_ap_slot *slot;

	rcu_read_lock();
	slot = xa_load(&matrix_dev->slots, apqn);
	if (slot && !kref_get_unless_zero(&slot->kref))
		slot = NULL;
	rcu_read_unlock();
	return slot;
}

/**
 * vfio_ap_reset_wake_waiters - let those look who wait for the end of a reset
 *
 * Context: Any. Needed where a reset is not to be waited for any more, too.
 */
void vfio_ap_reset_wake_waiters(void)
{
	wake_up_all(&vfio_ap_reset_waiters);
}

/**
 * vfio_ap_slot_outstanding - must the queue still be reset?
 * @slot: the slot
 *
 * Context: slot->lock held.
 * Return: true while a reset is wanted, asked for or under way.
 */
bool vfio_ap_slot_outstanding(const struct vfio_ap_slot *slot)
{
	lockdep_assert_held(&slot->lock);
	return slot->issued || slot->wanted > slot->done ||
	       slot->asked > slot->done;
}

/*
 * A queue that the guest has keeps its place while VFIO_DEVICE_RESET resets it.
 * One that was unbound since the guest got it must leave first, whatever
 * happened to it meanwhile.
 */
static enum vfio_ap_fitness vfio_ap_slot_fitness(struct vfio_ap_slot *slot,
						 const struct vfio_ap_attachment *guest)
{
	lockdep_assert_held(&slot->lock);

	if (slot->binding != VFIO_AP_BOUND || slot->response)
		return VFIO_AP_QUEUE_BAD;
	if (slot->guest && slot->guest == guest)
		return slot->away ? VFIO_AP_QUEUE_BAD : VFIO_AP_QUEUE_FIT;
	if (slot->guest || vfio_ap_slot_outstanding(slot))
		return VFIO_AP_QUEUE_PENDING;
	return VFIO_AP_QUEUE_FIT;
}

/*
 * Most queues that are looked at are the guest's and stay so. Without the queue's
 * lock: only @response can change meanwhile, and if it does, a commit follows.
 */
static bool vfio_ap_slot_is_kept(const struct vfio_ap_slot *slot,
				 const struct vfio_ap_attachment *guest)
{
	lockdep_assert_held(&matrix_dev->lock);

	return slot->guest && slot->guest == guest && slot->binding == VFIO_AP_BOUND &&
	       !slot->away && !READ_ONCE(slot->response);
}

/**
 * vfio_ap_slot_list_unfit - which queues of an adapter may a guest not have?
 * @apid: the adapter
 * @domains: mask of the domains that matter
 * @guest: the guest; NULL: an mdev without one
 * @unfit: set to what vfio_ap_matrix_derive() wants to know
 *
 * Context: matrix_dev->lock held.
 */
void vfio_ap_slot_list_unfit(unsigned int apid, const unsigned long *domains,
			     const struct vfio_ap_attachment *guest, struct vfio_ap_unfit *unfit)
{
	unsigned long first = find_first_bit_inv(domains, VFIO_AP_NR_IDS);
	XA_STATE(place, &matrix_dev->slots, AP_MKQID(apid, first));
	unsigned int apqi, left = bitmap_weight(domains, VFIO_AP_NR_IDS);
	enum vfio_ap_fitness fitness;
	struct vfio_ap_slot *slot;

	lockdep_assert_held(&matrix_dev->lock);

	/* What is not in the table is not bound. */
	bitmap_copy(unfit->bad, domains, VFIO_AP_NR_IDS);
	bitmap_zero(unfit->pending, VFIO_AP_NR_IDS);
	if (!left)
		return;
	/* xas_for_each() insists on RCU; the mutex keeps the table still. */
	rcu_read_lock();
	xas_for_each(&place, slot, AP_MKQID(apid, VFIO_AP_NR_IDS - 1)) {
		apqi = AP_QID_QUEUE(slot->apqn);
		if (!test_bit_inv(apqi, domains))
			continue;
		fitness = VFIO_AP_QUEUE_FIT;
		if (!vfio_ap_slot_is_kept(slot, guest)) {
			spin_lock(&slot->lock);
			fitness = vfio_ap_slot_fitness(slot, guest);
			spin_unlock(&slot->lock);
		}
		if (fitness != VFIO_AP_QUEUE_BAD)
			__clear_bit_inv(apqi, unfit->bad);
		if (fitness == VFIO_AP_QUEUE_PENDING)
			__set_bit_inv(apqi, unfit->pending);
		if (!--left)
			break;
	}
	rcu_read_unlock();
}

/* @binding, @present, @away and @guest are written under both locks and read under either. */
static void vfio_ap_slot_assert_writable(const struct vfio_ap_slot *slot)
{
	lockdep_assert_held(&matrix_dev->lock);
	lockdep_assert_held(&slot->lock);
}

/**
 * vfio_ap_slot_join - record that a guest gets a queue
 * @slot: the queue
 * @guest: the guest
 *
 * Context: matrix_dev->lock and slot->lock held.
 */
void vfio_ap_slot_join(struct vfio_ap_slot *slot, const struct vfio_ap_attachment *guest)
{
	vfio_ap_slot_assert_writable(slot);

	slot->guest = guest;
	slot->reset_seen = false;
	slot->plugs++;
}

/**
 * vfio_ap_slot_leave - record that a guest loses a queue
 * @slot: the queue
 *
 * Context: matrix_dev->lock and slot->lock held.
 */
void vfio_ap_slot_leave(struct vfio_ap_slot *slot)
{
	vfio_ap_slot_assert_writable(slot);

	slot->guest = NULL;
	slot->away = false;
}

/**
 * vfio_ap_slot_unbind - record that a queue is being unbound, or is unbound
 * @slot: the queue
 * @binding: VFIO_AP_UNBINDING or VFIO_AP_UNBOUND
 *
 * Context: matrix_dev->lock and slot->lock held.
 */
void vfio_ap_slot_unbind(struct vfio_ap_slot *slot, enum vfio_ap_binding binding)
{
	vfio_ap_slot_assert_writable(slot);

	slot->binding = binding;
	slot->away |= !!slot->guest;
}

/**
 * vfio_ap_slot_update_present - look a queue up in the host's newest configuration
 * @slot: the queue
 *
 * Context: matrix_dev->lock and slot->lock held.
 * Return: true if the host has the queue and did not have it before.
 */
bool vfio_ap_slot_update_present(struct vfio_ap_slot *slot)
{
	bool before;

	vfio_ap_slot_assert_writable(slot);

	before = slot->present;
	slot->present = vfio_ap_matrix_has(&matrix_dev->newest, AP_QID_CARD(slot->apqn),
					   AP_QID_QUEUE(slot->apqn));
	return slot->present && !before;
}

/**
 * vfio_ap_reset_want - require a reset of a queue
 * @slot: the queue
 * @number: the number of the reset; a larger one that is required already stays
 *
 * Context: slot->lock held.
 */
void vfio_ap_reset_want(struct vfio_ap_slot *slot, u64 number)
{
	lockdep_assert_held(&slot->lock);

	slot->wanted = max(slot->wanted, number);
	slot->wanted_since = jiffies;
	slot->retry_delay = 1;
}

static bool vfio_ap_reset_is_due(const struct vfio_ap_slot *slot)
{
	lockdep_assert_held(&slot->lock);

	if (slot->binding == VFIO_AP_UNBOUND || !slot->present || slot->issued)
		return false;
	return (slot->guest ? slot->asked : slot->wanted) > slot->done;
}

static void vfio_ap_reset_complete(struct vfio_ap_slot *slot, u64 number, u8 response_code)
{
	lockdep_assert_held(&slot->lock);

	trace_vfio_ap_queue_reset_end(slot->apqn, number, response_code, true);
	slot->resets++;
	slot->slowest_ms = vfio_ap_numbers_slowest(slot->slowest_ms,
						   jiffies - slot->wanted_since);
	slot->done = max(slot->done, number);
	slot->issued = 0;
	WRITE_ONCE(slot->response, 0);
	slot->reported = false;
	slot->retry_delay = 1;
	vfio_ap_irq_end(slot);
}

static void vfio_ap_reset_fail(struct vfio_ap_slot *slot, u64 number,
			       enum vfio_ap_answer answer, u8 response_code)
{
	lockdep_assert_held(&slot->lock);

	trace_vfio_ap_queue_reset_end(slot->apqn, number, response_code, false);
	slot->issued = 0;
	if (answer == VFIO_AP_ANSWER_REPEAT || answer == VFIO_AP_ANSWER_IN_PROGRESS)
		return;
	WRITE_ONCE(slot->response, response_code);
	slot->failed = number;
	slot->retry_delay = VFIO_AP_POLL_SLOW;
}

/*
 * Update the interrupt registration after TAPQ or ZAPQ. If the queue has left its
 * guest, remember that a reset is in progress: the end of that reset ends the
 * registration, also if the guest or the AP bus issued it.
 */
static void vfio_ap_slot_prove_irq(struct vfio_ap_slot *slot, enum vfio_ap_answer answer,
				   bool tested, bool irq_enabled)
{
	lockdep_assert_held(&slot->lock);

	switch (answer) {
	case VFIO_AP_ANSWER_CLEAN:
	case VFIO_AP_ANSWER_GONE:
		vfio_ap_irq_end(slot);
		break;
	case VFIO_AP_ANSWER_IN_PROGRESS:
		slot->reset_seen = !slot->guest;
		break;
	case VFIO_AP_ANSWER_OK:
		if (slot->reset_seen)
			vfio_ap_irq_end(slot);
		else if (tested)
			vfio_ap_irq_shown(slot, irq_enabled);
		slot->reset_seen = false;
		break;
	default:
		break;
	}
}

static void vfio_ap_reset_issue(struct vfio_ap_slot *slot)
{
	u64 number = max(slot->wanted, slot->asked);
	struct ap_queue_status status;
	enum vfio_ap_answer answer;

	lockdep_assert_held(&slot->lock);

	status = ap_zapq(slot->apqn, 0);
	trace_vfio_ap_queue_reset_start(slot->apqn, number, status.response_code);
	slot->answer = status.response_code;
	answer = vfio_ap_response_decode(status.response_code);
	vfio_ap_slot_prove_irq(slot, answer, false, false);
	if (answer == VFIO_AP_ANSWER_OK) {
		/* What it answered badly before counts until this one is verified. */
		slot->issued = number;
		slot->retry_delay = 1;
	} else if (answer == VFIO_AP_ANSWER_CLEAN) {
		vfio_ap_reset_complete(slot, number, status.response_code);
	} else {
		vfio_ap_reset_fail(slot, number, answer, status.response_code);
	}
}

static void vfio_ap_reset_verify(struct vfio_ap_slot *slot)
{
	struct ap_queue_status status;
	enum vfio_ap_answer answer;

	lockdep_assert_held(&slot->lock);

	status = ap_tapq(slot->apqn, NULL);
	slot->answer = status.response_code;
	answer = vfio_ap_response_decode(status.response_code);
	vfio_ap_slot_prove_irq(slot, answer, true, status.irq_enabled);
	if (answer == VFIO_AP_ANSWER_OK || answer == VFIO_AP_ANSWER_CLEAN)
		vfio_ap_reset_complete(slot, slot->issued, status.response_code);
	else if (answer != VFIO_AP_ANSWER_IN_PROGRESS)
		vfio_ap_reset_fail(slot, slot->issued, answer, status.response_code);
}

/**
 * vfio_ap_slot_irq_check - issue one TAPQ to follow the interrupt registration
 * @slot: the queue
 *
 * Ends the registration if the answer proves it dead.
 *
 * Context: slot->lock held.
 * Return: The response code for a guest's AQIC. A Linux guest retries after 02
 * and 05, but takes 07 for success.
 * * 00: the driver may issue the instruction, even while a registration is in
 *   doubt, because an accepted enable ends that registration.
 * * 02: a reset is in progress.
 * * 05: hardware has not completed a disable.
 */
u8 vfio_ap_slot_irq_check(struct vfio_ap_slot *slot)
{
	struct ap_queue_status status;
	enum vfio_ap_answer answer;

	lockdep_assert_held(&slot->lock);

	status = ap_tapq(slot->apqn, NULL);
	answer = vfio_ap_response_decode(status.response_code);
	vfio_ap_slot_prove_irq(slot, answer, true, status.irq_enabled);
	if (!vfio_ap_irq_is_ending(slot))
		return AP_RESPONSE_NORMAL;
	if (answer == VFIO_AP_ANSWER_IN_PROGRESS)
		return AP_RESPONSE_RESET_IN_PROGRESS;
	return vfio_ap_irq_is_in_doubt(slot) ? AP_RESPONSE_NORMAL : AP_RESPONSE_BUSY;
}

/* This driver must not reset an unbound queue, so only TAPQ can follow its registration. */
static bool vfio_ap_slot_must_watch_irq(const struct vfio_ap_slot *slot)
{
	lockdep_assert_held(&slot->lock);

	return vfio_ap_irq_is_ending(slot) ||
	       (slot->irq && (slot->binding == VFIO_AP_UNBOUND || !slot->present));
}

static void vfio_ap_reset_report(struct vfio_ap_slot *slot)
{
	lockdep_assert_held(&slot->lock);

	if (slot->reported || slot->binding == VFIO_AP_UNBOUND || !slot->present)
		return;
	if (!slot->response &&
	    time_before(jiffies, slot->wanted_since + VFIO_AP_RESET_PATIENCE))
		return;
	slot->reported = true;
	pr_warn("queue %02x.%04x: reset did not end, last response code %02x; trying on\n",
		AP_QID_CARD(slot->apqn), AP_QID_QUEUE(slot->apqn), slot->answer);
}

/* Jiffies until the queue has to be looked at again, 0: never. */
static unsigned long vfio_ap_slot_step(struct vfio_ap_slot *slot)
{
	unsigned long delay_max = VFIO_AP_POLL_MAX;
	unsigned long delay;

	lockdep_assert_held(&slot->lock);

	/* One or the other: what failed is seen by others before it is tried again. */
	if (slot->issued)
		vfio_ap_reset_verify(slot);
	else if (vfio_ap_reset_is_due(slot))
		vfio_ap_reset_issue(slot);
	if (!slot->issued && vfio_ap_slot_must_watch_irq(slot))
		vfio_ap_slot_irq_check(slot);

	if (slot->issued || vfio_ap_reset_is_due(slot)) {
		vfio_ap_reset_report(slot);
		if (slot->reported)
			delay_max = VFIO_AP_POLL_SLOW;
	} else if (vfio_ap_slot_must_watch_irq(slot)) {
		delay_max = VFIO_AP_POLL_SLOW;
	} else {
		return 0;
	}
	delay = clamp_t(unsigned long, slot->retry_delay, 1, delay_max);
	slot->retry_delay = delay * 2;
	return delay;
}

/* The lock keeps vfio_ap_slot_reap() from cancelling the work item before it is queued. */
static void vfio_ap_slot_poll_after(struct vfio_ap_slot *slot, unsigned long delay)
{
	lockdep_assert(lockdep_is_held(&slot->lock) || lockdep_is_held(&matrix_dev->lock));

	kref_get(&slot->kref);
	/* It was queued before, and has its reference: this is not the last one. */
	if (mod_delayed_work(vfio_ap_reset_wq, &slot->work, delay))
		vfio_ap_slot_put(slot);
}

/**
 * vfio_ap_slot_poll - have a queue looked at soon
 * @slot: the slot; a reset of it may be due, or an interrupt to be seen off
 *
 * Context: slot->lock or matrix_dev->lock held, so that the slot is not reaped
 * meanwhile.
 */
void vfio_ap_slot_poll(struct vfio_ap_slot *slot)
{
	vfio_ap_slot_poll_after(slot, 1);
}

static void vfio_ap_slot_notify_owner(struct vfio_ap_slot *slot)
{
	struct vfio_ap_mdev *mdev;

	guard(mutex)(&matrix_dev->lock);
	mdev = vfio_ap_mdev_find_by_apqn(slot->apqn);
	if (mdev)
		vfio_ap_mdev_commit_later(mdev);
}

/* Jiffies until the work item must look, 0: when it was going to, anyway. */
static unsigned long vfio_ap_slot_verify_early(struct vfio_ap_slot *slot)
{
	lockdep_assert_held(&slot->lock);

	vfio_ap_reset_verify(slot);
	if (!slot->response)
		return 0;
	vfio_ap_reset_report(slot);
	return slot->retry_delay;
}

/*
 * Return: the number of the reset that an unbound queue owed when its driver
 * handed it over, if the AP bus has completed that reset; else 0.
 */
static u64 vfio_ap_slot_zeroized_by_bus(struct vfio_ap_slot *slot)
{
	struct ap_queue *queue;
	u64 number = 0;

	spin_lock(&slot->lock);
	if (slot->irq && slot->binding == VFIO_AP_UNBOUND)
		number = slot->wanted;
	spin_unlock(&slot->lock);
	if (!number)
		return 0;
	queue = ap_get_qdev(slot->apqn);
	if (!queue)
		return 0;
	spin_lock_bh(&queue->lock);
	if (queue->zeroize)
		number = 0;
	spin_unlock_bh(&queue->lock);
	put_device(&queue->ap_dev.device);
	return number;
}

/* Return: true while a reset is under way. */
static bool vfio_ap_slot_go_on(struct vfio_ap_slot *slot, bool may_issue)
{
	u64 zeroized = vfio_ap_slot_zeroized_by_bus(slot);
	bool outstanding, unbound, issued, news;
	unsigned long delay = 0;
	u8 response;

	spin_lock(&slot->lock);
	/* A queue that was bound or left a guest since then owes another reset. */
	if (zeroized && zeroized == slot->wanted)
		vfio_ap_irq_end(slot);
	outstanding = vfio_ap_slot_outstanding(slot);
	response = slot->response;
	if (may_issue)
		delay = vfio_ap_slot_step(slot);
	else if (slot->issued)
		delay = vfio_ap_slot_verify_early(slot);
	news = response != slot->response ||
	       (outstanding && !vfio_ap_slot_outstanding(slot));
	issued = slot->issued;
	unbound = slot->binding == VFIO_AP_UNBOUND;
	/* Under the lock: a slot that was reaped since must not be polled again. */
	if (delay)
		vfio_ap_slot_poll_after(slot, delay);
	spin_unlock(&slot->lock);

	if (news) {
		vfio_ap_reset_wake_waiters();
		vfio_ap_slot_notify_owner(slot);
	}
	if (unbound) {
		guard(mutex)(&matrix_dev->lock);
		vfio_ap_slot_reap(slot);
	}
	return issued;
}

static bool vfio_ap_slot_advance(struct vfio_ap_slot *slot)
{
	return vfio_ap_slot_go_on(slot, true);
}

/* Once more in between: what comes next, and when, is left to the work item. */
static bool vfio_ap_slot_look(struct vfio_ap_slot *slot)
{
	return vfio_ap_slot_go_on(slot, false);
}

/**
 * vfio_ap_slot_visit - call a function for each slot of a matrix
 * @in: the matrix
 * @except: slots that are left out, or NULL
 * @visit: the function; may sleep
 *
 * Context: Sleeps if @visit does.
 * Return: true if any call returned it.
 */
bool vfio_ap_slot_visit(const struct vfio_ap_matrix *in, const struct vfio_ap_matrix *except,
			bool (*visit)(struct vfio_ap_slot *slot))
{
	struct vfio_ap_slot *slot;
	unsigned long apqn;
	bool any = false;

	rcu_read_lock();
	vfio_ap_slot_for_each(slot, apqn, in, except) {
		if (!kref_get_unless_zero(&slot->kref))
			continue;
		rcu_read_unlock();
		any |= visit(slot);
		vfio_ap_slot_put(slot);
		cond_resched();
		rcu_read_lock();
	}
	rcu_read_unlock();
	return any;
}

static void vfio_ap_slot_work(struct work_struct *work)
{
	struct vfio_ap_slot *slot = container_of(to_delayed_work(work), struct vfio_ap_slot, work);

	vfio_ap_slot_advance(slot);
	vfio_ap_slot_put(slot);
}

/**
 * vfio_ap_slot_bind - note that a queue is bound to this driver
 * @apqn: the queue
 *
 * Its last owner may not have waited for the end of a reset, so one is wanted;
 * the caller starts it with vfio_ap_reset_start() after dropping the lock.
 *
 * Context: matrix_dev->lock held. Allocates.
 * Return: 0 or -ENOMEM.
 */
int vfio_ap_slot_bind(u16 apqn)
{
	struct vfio_ap_slot *slot;
	int ret;

	lockdep_assert_held(&matrix_dev->lock);

	slot = xa_load(&matrix_dev->slots, apqn);
	if (!slot) {
		slot = kzalloc(sizeof(*slot), GFP_KERNEL);
		if (!slot)
			return -ENOMEM;
		kref_init(&slot->kref);
		spin_lock_init(&slot->lock);
		INIT_DELAYED_WORK(&slot->work, vfio_ap_slot_work);
		slot->apqn = apqn;
		ret = xa_err(xa_store(&matrix_dev->slots, apqn, slot, GFP_KERNEL));
		if (ret) {
			kfree(slot);
			return ret;
		}
	}

	spin_lock(&slot->lock);
	slot->binding = VFIO_AP_BOUND;
	/* Not always: the bus may not have taken back yet what the host has lost. */
	vfio_ap_slot_update_present(slot);
	WRITE_ONCE(slot->response, 0);
	slot->reported = false;
	vfio_ap_reset_want(slot, vfio_ap_reset_number());
	spin_unlock(&slot->lock);
	return 0;
}

/**
 * vfio_ap_slot_reap - forget a slot that nothing needs any more
 * @slot: the slot; the caller has a reference of its own
 *
 * Context: matrix_dev->lock held.
 */
void vfio_ap_slot_reap(struct vfio_ap_slot *slot)
{
	bool idle;

	lockdep_assert_held(&matrix_dev->lock);

	spin_lock(&slot->lock);
	idle = slot->binding == VFIO_AP_UNBOUND && !slot->guest && !slot->issued &&
	       !slot->irq;
	spin_unlock(&slot->lock);
	/* A second reaper finds the place empty or taken by a successor. */
	if (!idle || xa_cmpxchg(&matrix_dev->slots, slot->apqn, slot, NULL, 0) != slot)
		return;
	/* A look that was put off would come when module exit cannot find the slot any more. */
	if (cancel_delayed_work(&slot->work))
		vfio_ap_slot_put(slot);
	vfio_ap_slot_put(slot);
}

/**
 * vfio_ap_slot_destroy_all - forget all slots when the module goes
 *
 * No queue is bound and no interrupt registered any more (each registration
 * holds a reference on the module), so only the end of resets can be pending.
 *
 * Context: May sleep; no lock held.
 */
void vfio_ap_slot_destroy_all(void)
{
	struct vfio_ap_slot *slot;
	unsigned long apqn;

	xa_for_each(&matrix_dev->slots, apqn, slot) {
		/* Its own work item may have it reaped. */
		slot = vfio_ap_slot_get(apqn);
		if (!slot)
			continue;
		if (cancel_delayed_work_sync(&slot->work))
			vfio_ap_slot_put(slot);
		mutex_lock(&matrix_dev->lock);
		spin_lock(&slot->lock);
		slot->issued = 0;
		spin_unlock(&slot->lock);
		vfio_ap_slot_reap(slot);
		mutex_unlock(&matrix_dev->lock);
		vfio_ap_slot_put(slot);
	}
}

/**
 * vfio_ap_reset_start - issue the ZAPQ that a queue needs, if any
 * @slot: the slot
 *
 * What follows is done in the background.
 *
 * Context: May sleep; no lock of this driver held.
 */
void vfio_ap_reset_start(struct vfio_ap_slot *slot)
{
	vfio_ap_slot_advance(slot);
}

/**
 * vfio_ap_reset_start_matrix - issue the ZAPQs that the queues of a matrix need
 * @in: the matrix
 * @except: queues that need none, or NULL
 *
 * All go out before any is waited for.
 *
 * Context: May sleep; no lock of this driver held.
 */
void vfio_ap_reset_start_matrix(const struct vfio_ap_matrix *in,
				const struct vfio_ap_matrix *except)
{
	vfio_ap_slot_visit(in, except, vfio_ap_slot_advance);
}

/* A reset that this driver can neither issue nor verify is not waited for. */
static bool vfio_ap_reset_is_hopeless(const struct vfio_ap_slot *slot)
{
	lockdep_assert_held(&slot->lock);
	return slot->binding == VFIO_AP_UNBOUND || !slot->present ||
	       slot->response == AP_RESPONSE_Q_NOT_AVAIL;
}

static bool vfio_ap_reset_left_is_done(const struct vfio_ap_matrix *old,
				       const struct vfio_ap_matrix *new, u64 number)
{
	struct vfio_ap_slot *slot;
	bool pending = false;
	unsigned long apqn;

	rcu_read_lock();
	vfio_ap_slot_for_each(slot, apqn, old, new) {
		spin_lock(&slot->lock);
		pending = slot->done < number && number <= slot->wanted &&
			  !vfio_ap_reset_is_hopeless(slot);
		spin_unlock(&slot->lock);
		if (pending)
			break;
	}
	rcu_read_unlock();
	return !pending;
}

/*
 * The first look of the work item comes with the next tick but one. Who waits
 * can do better where a reset is quick.
 */
static void vfio_ap_reset_look_early(const struct vfio_ap_matrix *in,
				     const struct vfio_ap_matrix *except)
{
	int ms;

	for (ms = 1; ms <= VFIO_AP_EARLY_LOOK_MS; ms *= 2) {
		usleep_range(ms * USEC_PER_MSEC, ms * USEC_PER_MSEC * 3 / 2);
		if (!vfio_ap_slot_visit(in, except, vfio_ap_slot_look))
			break;
	}
}

/**
 * vfio_ap_reset_wait_left - wait for the resets of what left a guest
 * @old: what the guest had
 * @new: what it kept
 * @number: the number of the resets; 0: nothing left
 * @deadline: in jiffies
 * @killable: give up when the task is killed
 *
 * Context: Sleeps; no lock of this driver held.
 * Return: 0 when all are reset, or cannot be: unbound, or gone; -ETIME if some
 * are not, -ERESTARTSYS if the task is to die.
 */
int vfio_ap_reset_wait_left(const struct vfio_ap_matrix *old, const struct vfio_ap_matrix *new,
			    u64 number, unsigned long deadline, bool killable)
{
	unsigned long now, timeout;
	long left;

	might_sleep();
	if (!number || vfio_ap_reset_left_is_done(old, new, number))
		return 0;
	vfio_ap_reset_look_early(old, new);
	now = jiffies;
	timeout = time_before(now, deadline) ? deadline - now : 0;
	if (killable)
		left = wait_event_killable_timeout(vfio_ap_reset_waiters,
						   vfio_ap_reset_left_is_done(old, new, number),
						   timeout);
	else
		left = wait_event_timeout(vfio_ap_reset_waiters,
					  vfio_ap_reset_left_is_done(old, new, number),
					  timeout);
	if (left < 0)
		return left;
	return left ? 0 : -ETIME;
}

/* Jiffies until a reset is not worth waiting for any more, 0: it is not now. */
static unsigned long vfio_ap_slot_worth(const struct vfio_ap_slot *slot)
{
	unsigned long deadline = slot->wanted_since + VFIO_AP_RESET_PATIENCE;

	lockdep_assert_held(&slot->lock);

	if (slot->binding != VFIO_AP_BOUND || slot->guest || !vfio_ap_slot_outstanding(slot) ||
	    vfio_ap_reset_is_hopeless(slot) || !time_before(jiffies, deadline))
		return 0;
	return deadline - jiffies;
}

/**
 * vfio_ap_reset_expect - take it that those resets complete that are waited for
 * @apid: the adapter
 * @pending: mask of domains whose queues are being reset; theirs are taken out
 *
 * Context: matrix_dev->lock held.
 */
void vfio_ap_reset_expect(unsigned int apid, unsigned long *pending)
{
	struct vfio_ap_slot *slot;
	unsigned int apqi;

	lockdep_assert_held(&matrix_dev->lock);

	vfio_ap_for_each_id(apqi, pending) {
		slot = xa_load(&matrix_dev->slots, AP_MKQID(apid, apqi));
		spin_lock(&slot->lock);
		if (vfio_ap_slot_worth(slot))
			clear_bit_inv(apqi, pending);
		spin_unlock(&slot->lock);
	}
}

/*
 * vfio_ap_matrix_derive() leaves out an adapter with a bad queue even when its
 * resets have completed, so they are not worth waiting for. A queue that is not
 * in the table is not bound.
 */
static unsigned long vfio_ap_adapter_worth(unsigned int apid, const struct vfio_ap_matrix *new,
					   const struct vfio_ap_matrix *old)
{
	unsigned long left, worth = 0;
	struct vfio_ap_slot *slot;
	unsigned int apqi;
	bool bad;

	lockdep_assert(rcu_read_lock_held());

	vfio_ap_for_each_id(apqi, new->aqm) {
		slot = xa_load(&matrix_dev->slots, AP_MKQID(apid, apqi));
		if (!slot)
			return 0;
		spin_lock(&slot->lock);
		bad = vfio_ap_slot_fitness(slot, slot->guest) == VFIO_AP_QUEUE_BAD;
		left = vfio_ap_slot_worth(slot);
		spin_unlock(&slot->lock);
		if (bad)
			return 0;
		if (!old || !vfio_ap_matrix_has(old, apid, apqi))
			worth = max(worth, left);
	}
	return worth;
}

/**
 * vfio_ap_reset_worth - compute how long to wait for resets of added queues
 * @new: the mdev's new matrix, limited to the host's configuration
 * @old: the guest's current matrix, or NULL
 *
 * Context: Takes slot->lock; needs no other lock.
 * Return: Remaining wait in jiffies; 0 if no reset is worth waiting for.
 */
unsigned long vfio_ap_reset_worth(const struct vfio_ap_matrix *new,
				  const struct vfio_ap_matrix *old)
{
	unsigned long worth = 0;
	unsigned int apid;

	rcu_read_lock();
	vfio_ap_for_each_id(apid, new->apm)
		worth = max(worth, vfio_ap_adapter_worth(apid, new, old));
	rcu_read_unlock();
	return worth;
}

/**
 * vfio_ap_reset_wait_added - wait until queues that a guest may get are reset
 * @new: the mdev's new matrix, limited to the host's configuration
 * @old: the guest's current matrix, or NULL
 * @deadline: in jiffies
 *
 * The wait for a reset ends 10 s after the reset was requested, so a reset that
 * is stuck for longer delays nobody. An adapter with a bad queue delays nobody
 * either, and a queue that turns bad ends the wait for its adapter.
 *
 * Context: Sleeps; no lock of this driver held.
 * Return: 0, also when time is up; -ERESTARTSYS if the task is to die.
 */
int vfio_ap_reset_wait_added(const struct vfio_ap_matrix *new,
			     const struct vfio_ap_matrix *old, unsigned long deadline)
{
	unsigned long worth, now;
	long left;

	might_sleep();
	for (;;) {
		now = jiffies;
		worth = vfio_ap_reset_worth(new, old);
		if (!worth || !time_before(now, deadline))
			return 0;
		left = wait_event_killable_timeout(vfio_ap_reset_waiters,
						   !vfio_ap_reset_worth(new, old),
						   min(worth, deadline - now));
		if (left < 0)
			return left;
	}
}

/**
 * vfio_ap_reset_ask - want all queues of a matrix reset for VFIO_DEVICE_RESET
 * @matrix: the queues
 * @asker: the guest whose user asks; what is in another guest is not touched
 *
 * Context: guests_lock and matrix_dev->lock held, so that no commit is between
 * marking a queue as a guest's and writing the APCB.
 * Return: The number of the resets.
 */
u64 vfio_ap_reset_ask(const struct vfio_ap_matrix *matrix, const struct vfio_ap_attachment *asker)
{
	u64 number = vfio_ap_reset_number();
	struct vfio_ap_slot *slot;
	unsigned long apqn;

	lockdep_assert_held(&matrix_dev->guests_lock);
	lockdep_assert_held(&matrix_dev->lock);

	vfio_ap_slot_for_each(slot, apqn, matrix, NULL) {
		spin_lock(&slot->lock);
		slot->retry_delay = 1;
		if (slot->guest == asker) {
			slot->asked = number;
			slot->wanted_since = jiffies;
		} else if (!slot->guest && slot->binding == VFIO_AP_BOUND &&
			   slot->wanted <= slot->done) {
			vfio_ap_reset_want(slot, number);
		}
		spin_unlock(&slot->lock);
	}
	return number;
}

/* 0 or -EIO when each queue has been reset or has failed, -EBUSY until then. */
static int vfio_ap_reset_asked_state(const struct vfio_ap_matrix *asked,
				     const struct vfio_ap_attachment *asker, u64 number)
{
	bool failed = false, busy = false;
	struct vfio_ap_slot *slot;
	unsigned long apqn;

	rcu_read_lock();
	vfio_ap_slot_for_each(slot, apqn, asked, NULL) {
		spin_lock(&slot->lock);
		if (slot->binding != VFIO_AP_UNBOUND && slot->present &&
		    (!slot->guest || slot->guest == asker)) {
			/* A failure counts even if the retry has begun by now. */
			if (slot->response || slot->failed >= number)
				failed = true;
			else
				busy |= vfio_ap_slot_outstanding(slot);
		}
		spin_unlock(&slot->lock);
	}
	rcu_read_unlock();
	if (busy)
		return -EBUSY;
	return failed ? -EIO : 0;
}

/**
 * vfio_ap_reset_wait_asked - wait for the resets of VFIO_DEVICE_RESET
 * @asked: the queues
 * @asker: the guest
 * @number: the number of the resets
 *
 * Context: Sleeps; no lock of this driver held.
 * Return: 0 when all are reset, -EIO if one answers with an unknown code,
 * -EBUSY if one is not reset after 10 s, -ERESTARTSYS if the task is to die.
 */
int vfio_ap_reset_wait_asked(const struct vfio_ap_matrix *asked,
			     const struct vfio_ap_attachment *asker, u64 number)
{
	int state;
	long left;

	might_sleep();
	state = vfio_ap_reset_asked_state(asked, asker, number);
	if (state != -EBUSY)
		return state;
	vfio_ap_reset_look_early(asked, NULL);
	left = wait_event_killable_timeout(vfio_ap_reset_waiters,
					   (state = vfio_ap_reset_asked_state(asked, asker,
									      number)) !=
					   -EBUSY, VFIO_AP_RESET_PATIENCE);
	return left < 0 ? left : state;
}
