// SPDX-License-Identifier: GPL-2.0
/*
 * The table of queues: references, iteration, and the states that determine whether a guest
 * may have a queue.
 */
#include <linux/slab.h>

#include "vfio_ap_diag.h"
#include "vfio_ap_private.h"

/* Response codes that ap_bus.h does not define in some kernel versions. */
#define VFIO_AP_RESPONSE_STATE_CHANGE		0x0a
#define VFIO_AP_RESPONSE_ASSOC_NOT_UNIQUE	0x35
#define VFIO_AP_RESPONSE_ASSOC_FAILED		0x36

struct workqueue_struct *vfio_ap_reset_wq;

/**
 * vfio_ap_queue_decode - tell what a response code to ZAPQ or TAPQ means for a reset
 * @response_code: the response code
 *
 * Return: enum vfio_ap_queue_response.
 */
enum vfio_ap_queue_response vfio_ap_queue_decode(u8 response_code)
{
	switch (response_code) {
	case AP_RESPONSE_NORMAL:
		return VFIO_AP_QUEUE_READY;
	case AP_RESPONSE_RESET_IN_PROGRESS:
		return VFIO_AP_QUEUE_RESETTING;
	case AP_RESPONSE_BUSY:
	case VFIO_AP_RESPONSE_STATE_CHANGE:
	case VFIO_AP_RESPONSE_ASSOC_NOT_UNIQUE:
	case VFIO_AP_RESPONSE_ASSOC_FAILED:
		return VFIO_AP_QUEUE_REPEAT;
	case AP_RESPONSE_DECONFIGURED:
	case AP_RESPONSE_CHECKSTOPPED:
		return VFIO_AP_QUEUE_CLEAN;
	case AP_RESPONSE_Q_NOT_AVAIL:
		return VFIO_AP_QUEUE_GONE;
	default:
		return VFIO_AP_QUEUE_UNKNOWN;
	}
}

static void vfio_ap_queue_free(struct kref *kref)
{
	struct vfio_ap_queue *q = container_of(kref, struct vfio_ap_queue, kref);

	kfree_rcu(q, rcu);
}

/**
 * vfio_ap_queue_put - put a reference to a queue
 * @q: the queue
 *
 * Context: @q->lock may be held only if this cannot be the last reference.
 */
void vfio_ap_queue_put(struct vfio_ap_queue *q)
{
	kref_put(&q->kref, vfio_ap_queue_free);
}

/**
 * vfio_ap_queue_get - find a queue by its APQN and get a reference to it
 * @apqn: the APQN
 *
 * Return: The queue, or NULL if it is not in the table.
 */
struct vfio_ap_queue *vfio_ap_queue_get(u16 apqn)
{
	struct vfio_ap_queue *q;

	guard(rcu)();
	q = xa_load(&matrix_dev->queues, apqn);
	return q && kref_get_unless_zero(&q->kref) ? q : NULL;
}

/**
 * vfio_ap_queue_create - find a queue by its APQN, or add it to the table
 * @apqn: the APQN
 * @work: function that a new queue's work item runs
 *
 * Context: matrix_dev->lock held. Allocates memory.
 * Return: The queue, without a reference for the caller, or NULL if out of memory.
 */
struct vfio_ap_queue *vfio_ap_queue_create(u16 apqn, work_func_t work)
{
	struct vfio_ap_queue *q;

	lockdep_assert_held(&matrix_dev->lock);

	q = xa_load(&matrix_dev->queues, apqn);
	if (q)
		return q;
	q = kzalloc_obj(*q, GFP_KERNEL);
	if (!q)
		return NULL;
	kref_init(&q->kref);
	spin_lock_init(&q->lock);
	INIT_DELAYED_WORK(&q->work, work);
	q->apqn = apqn;
	if (xa_err(xa_store(&matrix_dev->queues, apqn, q, GFP_KERNEL))) {
		kfree(q);
		return NULL;
	}
	return q;
}

/**
 * vfio_ap_queue_reap - remove a queue from the table if nothing needs it any longer
 * @q: the queue; the caller has a reference to it
 *
 * Context: matrix_dev->lock held.
 */
void vfio_ap_queue_reap(struct vfio_ap_queue *q)
{
	bool idle;

	lockdep_assert_held(&matrix_dev->lock);

	scoped_guard(spinlock, &q->lock)
		idle = q->binding == VFIO_AP_UNBOUND && !q->guest && !q->issued_seq && !q->irq;
	/*
	 * Another task may already have removed the queue, and may have added a new one with
	 * the same APQN.
	 */
	if (!idle || xa_cmpxchg(&matrix_dev->queues, q->apqn, q, NULL, 0) != q)
		return;
	/* vfio_ap_queue_reap_all() no longer finds the queue, so cancel its work item here. */
	if (cancel_delayed_work(&q->work))
		vfio_ap_queue_put(q);
	vfio_ap_queue_put(q);
}

/**
 * vfio_ap_queue_reap_all - empty the table when the module is unloaded
 *
 * At this point, no queue is bound, and no interrupt is registered, because each registration
 * holds a reference to the module. Only resets can still be in progress.
 *
 * Context: Sleeps; no lock held.
 */
void vfio_ap_queue_reap_all(void)
{
	struct vfio_ap_queue *q;
	unsigned long apqn;

	xa_for_each(&matrix_dev->queues, apqn, q) {
		/* The queue's work item may have removed the queue from the table. */
		q = vfio_ap_queue_get(apqn);
		if (!q)
			continue;
		if (cancel_delayed_work_sync(&q->work))
			vfio_ap_queue_put(q);
		scoped_guard(mutex, &matrix_dev->lock) {
			scoped_guard(spinlock, &q->lock)
				q->issued_seq = 0;
			vfio_ap_queue_reap(q);
		}
		vfio_ap_queue_put(q);
	}
}

/**
 * vfio_ap_queue_find - find the next queue that is in one matrix but not in another
 * @in: the matrix that contains the queue
 * @except: the matrix that does not contain the queue, or NULL
 * @apqn: the lowest APQN to consider; set to the APQN found
 *
 * Skips gaps in the matrix and gaps in the table alternately, so that the number of steps is
 * limited by the number of queues in the matrix or in the table, whichever has fewer.
 *
 * Context: RCU read lock or matrix_dev->lock held. Does not get a reference.
 * Return: The queue, or NULL.
 */
struct vfio_ap_queue *vfio_ap_queue_find(const struct vfio_ap_matrix *in,
					 const struct vfio_ap_matrix *except,
					 unsigned long *apqn)
{
	struct vfio_ap_queue *q;
	unsigned long wanted;

	lockdep_assert(rcu_read_lock_held() || lockdep_is_held(&matrix_dev->lock));

	while (vfio_ap_matrix_next(in, except, apqn)) {
		q = xa_load(&matrix_dev->queues, *apqn);
		if (q)
			return q;
		wanted = *apqn;
		q = xa_find(&matrix_dev->queues, apqn, U16_MAX, XA_PRESENT);
		if (!q || *apqn == wanted)
			return q;
	}
	return NULL;
}

/**
 * vfio_ap_queue_visit - call a function for each queue that is in a matrix
 * @in: the matrix
 * @except: matrix of queues to skip, or NULL
 * @visit: the function; may sleep
 *
 * Context: Sleeps if @visit does.
 * Return: true if @visit returned true for any queue.
 */
bool vfio_ap_queue_visit(const struct vfio_ap_matrix *in, const struct vfio_ap_matrix *except,
			 bool (*visit)(struct vfio_ap_queue *q))
{
	struct vfio_ap_queue *q;
	unsigned long apqn;
	bool any = false;

	rcu_read_lock();
	vfio_ap_queue_for_each(q, apqn, in, except) {
		if (!kref_get_unless_zero(&q->kref))
			continue;
		rcu_read_unlock();
		any |= visit(q);
		vfio_ap_queue_put(q);
		cond_resched();
		rcu_read_lock();
	}
	rcu_read_unlock();
	return any;
}

/**
 * vfio_ap_queue_poll_after - schedule a queue's work item
 * @q: the queue
 * @delay: the delay in jiffies
 *
 * Context: @q->lock or matrix_dev->lock held, so that the work item is not queued after
 * vfio_ap_queue_reap() has cancelled it.
 */
void vfio_ap_queue_poll_after(struct vfio_ap_queue *q, unsigned long delay)
{
	lockdep_assert(lockdep_is_held(&q->lock) || lockdep_is_held(&matrix_dev->lock));

	kref_get(&q->kref);
	/* If the work item was already queued, it holds its own reference. */
	if (mod_delayed_work(vfio_ap_reset_wq, &q->work, delay))
		vfio_ap_queue_put(q);
}

/**
 * vfio_ap_queue_retry_now - allow the next ZAPQ without a delay
 * @q: the queue
 *
 * Context: @q->lock held.
 */
void vfio_ap_queue_retry_now(struct vfio_ap_queue *q)
{
	lockdep_assert_held(&q->lock);

	q->retry_delay = 1;
	q->retry_at = jiffies;
}

/* Some fields are read under either of these locks, and therefore written under both. */
static void vfio_ap_queue_assert_writable(const struct vfio_ap_queue *q)
{
	lockdep_assert_held(&matrix_dev->lock);
	lockdep_assert_held(&q->lock);
}

/**
 * vfio_ap_queue_join - record that a guest gets a queue
 * @q: the queue
 * @guest: the guest
 *
 * Context: matrix_dev->lock and @q->lock held.
 */
void vfio_ap_queue_join(struct vfio_ap_queue *q, const struct vfio_ap_attachment *guest)
{
	vfio_ap_queue_assert_writable(q);

	q->guest = guest;
	q->reset_seen = false;
	vfio_ap_event_joined(q);
}

/**
 * vfio_ap_queue_leave - record that a guest loses a queue
 * @q: the queue
 *
 * Context: matrix_dev->lock and @q->lock held.
 */
void vfio_ap_queue_leave(struct vfio_ap_queue *q)
{
	vfio_ap_queue_assert_writable(q);

	q->guest = NULL;
	q->unbound_since_commit = false;
}

/**
 * vfio_ap_queue_bind - record that a queue is bound to this driver
 * @q: the queue
 *
 * Context: matrix_dev->lock and @q->lock held.
 */
void vfio_ap_queue_bind(struct vfio_ap_queue *q)
{
	vfio_ap_queue_assert_writable(q);

	q->binding = VFIO_AP_BOUND;
	/* The AP bus may bind a queue that is no longer in the newest configuration. */
	vfio_ap_queue_update_present(q);
	WRITE_ONCE(q->failed_rc, 0);
	q->reported = false;
	vfio_ap_queue_retry_now(q);
}

/**
 * vfio_ap_queue_unbind - record that a queue is being unbound, or is unbound
 * @q: the queue
 * @binding: VFIO_AP_UNBINDING or VFIO_AP_UNBOUND
 *
 * Context: matrix_dev->lock and @q->lock held.
 */
void vfio_ap_queue_unbind(struct vfio_ap_queue *q, enum vfio_ap_binding binding)
{
	vfio_ap_queue_assert_writable(q);

	q->binding = binding;
	q->unbound_since_commit |= !!q->guest;
}

/**
 * vfio_ap_queue_update_present - record whether the host's newest configuration has a queue
 * @q: the queue
 *
 * Context: matrix_dev->lock and @q->lock held.
 * Return: true if the host has the queue now, but did not have it before.
 */
bool vfio_ap_queue_update_present(struct vfio_ap_queue *q)
{
	bool before;

	vfio_ap_queue_assert_writable(q);

	before = q->present;
	q->present = vfio_ap_matrix_has(&matrix_dev->newest, AP_QID_CARD(q->apqn),
					AP_QID_QUEUE(q->apqn));
	if (before || !q->present)
		return false;
	vfio_ap_queue_retry_now(q);
	return true;
}

/**
 * vfio_ap_queue_reset_pending - test for a reset that is required or in progress
 * @q: the queue
 *
 * Context: @q->lock held.
 * Return: true until the last required reset has completed.
 */
bool vfio_ap_queue_reset_pending(const struct vfio_ap_queue *q)
{
	lockdep_assert_held(&q->lock);

	return q->issued_seq || q->required_seq > q->done_seq;
}

/**
 * vfio_ap_queue_fitness - tell whether a guest may have a queue
 * @q: the queue
 * @guest: the guest, or NULL for an mdev without a guest
 *
 * A queue that the guest already has stays fit while VFIO_DEVICE_RESET resets it. A queue that
 * was unbound while the guest had it is bad, so that the guest loses it.
 *
 * Context: @q->lock held.
 * Return: enum vfio_ap_fitness.
 */
enum vfio_ap_fitness vfio_ap_queue_fitness(const struct vfio_ap_queue *q,
					   const struct vfio_ap_attachment *guest)
{
	lockdep_assert_held(&q->lock);

	if (q->binding != VFIO_AP_BOUND || q->failed_rc)
		return VFIO_AP_QUEUE_BAD;
	if (q->guest && q->guest == guest)
		return q->unbound_since_commit ? VFIO_AP_QUEUE_BAD : VFIO_AP_QUEUE_FIT;
	if (q->guest || vfio_ap_queue_reset_pending(q))
		return VFIO_AP_QUEUE_PENDING;
	return VFIO_AP_QUEUE_FIT;
}

/*
 * Tests without q->lock whether a guest keeps a queue. This saves time, because a guest usually
 * keeps most of its queues. While matrix_dev->lock is held, failed_rc is the only field read here
 * that can change. If vfio_ap_reset_advance() changes failed_rc, it queues another commit.
 */
static bool vfio_ap_queue_is_kept(const struct vfio_ap_queue *q,
				  const struct vfio_ap_attachment *guest)
{
	lockdep_assert_held(&matrix_dev->lock);

	return q->guest && q->guest == guest && q->binding == VFIO_AP_BOUND &&
	       !q->unbound_since_commit && !READ_ONCE(q->failed_rc);
}

/**
 * vfio_ap_queue_list_unfit - list the unfit queues of an adapter
 * @apid: the adapter
 * @domains: mask of the domains to check
 * @guest: the guest, or NULL for an mdev without a guest
 * @unfit: receives the domains of the unfit queues, for vfio_ap_matrix_derive()
 *
 * Context: matrix_dev->lock held.
 */
void vfio_ap_queue_list_unfit(unsigned int apid, const unsigned long *domains,
			      const struct vfio_ap_attachment *guest,
			      struct vfio_ap_unfit *unfit)
{
	unsigned long first = find_first_bit_inv(domains, VFIO_AP_NR_IDS);
	XA_STATE(place, &matrix_dev->queues, AP_MKQID(apid, first));
	unsigned int apqi, left = bitmap_weight(domains, VFIO_AP_NR_IDS);
	enum vfio_ap_fitness fitness;
	struct vfio_ap_queue *q;

	lockdep_assert_held(&matrix_dev->lock);

	/* Start with all queues bad, because a queue missing from the table is not bound. */
	bitmap_copy(unfit->bad, domains, VFIO_AP_NR_IDS);
	bitmap_zero(unfit->pending, VFIO_AP_NR_IDS);
	if (!left)
		return;
	/* xas_for_each() requires RCU, even though matrix_dev->lock prevents changes. */
	guard(rcu)();
	xas_for_each(&place, q, AP_MKQID(apid, VFIO_AP_NR_IDS - 1)) {
		apqi = AP_QID_QUEUE(q->apqn);
		if (!test_bit_inv(apqi, domains))
			continue;
		fitness = VFIO_AP_QUEUE_FIT;
		if (!vfio_ap_queue_is_kept(q, guest)) {
			guard(spinlock)(&q->lock);
			fitness = vfio_ap_queue_fitness(q, guest);
		}
		if (fitness != VFIO_AP_QUEUE_BAD)
			__clear_bit_inv(apqi, unfit->bad);
		if (fitness == VFIO_AP_QUEUE_PENDING)
			__set_bit_inv(apqi, unfit->pending);
		if (!--left)
			break;
	}
}
