// SPDX-License-Identifier: GPL-2.0
/*
 * Resets of queues, and the tasks that wait for them.
 *
 * Only this file issues ZAPQ. vfio_ap_reset_advance() is the only entry point of the state
 * machine below. A call issues at most one instruction for the reset, and does not wait. The
 * function is called once when a reset is required. The queue's work item then calls it until
 * the reset has completed. A task that waits for a reset also calls it a few times, because a
 * reset can complete long before the next tick.
 *
 *	             require a reset
 *	    .-------.  (required_seq)   .-----.  ZAPQ: 00   .--------.
 *	--->| clean |------------------>| due |------------>| issued |--.
 *	    '-------'                   '-----'             '--------'  | TAPQ: 02
 *	        ^                        |  ^ ^                 |  | ^  |
 *	        |  ZAPQ: 03 or 04        |  | |  TAPQ: other    |  | '--'
 *	        |<-----------------------'  | '-----------------'  |
 *	        |                  ZAPQ:    |                      |
 *	        |                  other  --'                      |
 *	        '--------------------------------------------------'
 *	                         TAPQ: 00, 03 or 04
 *
 * If another reset is required while a ZAPQ is in progress, the queue is due again when this
 * ZAPQ has completed.
 *
 * Each reset has a sequence number. required_seq is set to a new number by a probe, by
 * VFIO_DEVICE_RESET, and by a commit that takes the queue from its guest. When hardware accepts
 * a ZAPQ, required_seq is copied to issued_seq, and when the reset has completed, issued_seq
 * is copied to done_seq. A flag could not replace these numbers, because a ZAPQ that was
 * issued before the queue left its guest does not erase what the guest wrote afterwards.
 *
 * If a reset fails with response code 01 or an unknown code (failed_rc), or does not complete
 * within 10 s, the driver logs one line, and then polls or retries twice a second.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/wait.h>

#include "vfio_ap_diag.h"
#include "vfio_ap_private.h"

#define VFIO_AP_POLL_MAX	max_t(unsigned long, HZ / 100, 1)
#define VFIO_AP_POLL_SLOW	(HZ / 2)
/*
 * The last of the delays (1, 2, 4, 8 ms) after which a waiting task polls. The task does not
 * rely only on the work item, which may run up to two ticks later.
 */
#define VFIO_AP_WAITER_POLL_MS	8

static DECLARE_WAIT_QUEUE_HEAD(vfio_ap_reset_waiters);

/**
 * vfio_ap_reset_seq_next - get the sequence number of a new reset
 *
 * Return: A number larger than all earlier numbers, and never 0.
 */
u64 vfio_ap_reset_seq_next(void)
{
	static atomic64_t last = ATOMIC64_INIT(0);

	return atomic64_inc_return(&last);
}

/**
 * vfio_ap_reset_wake_waiters - wake all tasks that wait for resets
 *
 * Call this function when a reset has completed or failed, and when a change makes it useless
 * to wait for a reset.
 */
void vfio_ap_reset_wake_waiters(void)
{
	wake_up_all(&vfio_ap_reset_waiters);
}

/**
 * vfio_ap_reset_require - require a reset of a queue
 * @q: the queue
 * @seq: sequence number of the reset; does not replace a larger required_seq
 *
 * Context: @q->lock held. The caller must call vfio_ap_reset_advance() after it has dropped
 * the lock.
 */
void vfio_ap_reset_require(struct vfio_ap_queue *q, u64 seq)
{
	lockdep_assert_held(&q->lock);

	q->required_seq = max(q->required_seq, seq);
	q->required_since = jiffies;
	vfio_ap_queue_retry_now(q);
}

static bool vfio_ap_reset_is_due(const struct vfio_ap_queue *q)
{
	lockdep_assert_held(&q->lock);

	return q->binding != VFIO_AP_UNBOUND && q->present && !q->issued_seq &&
	       q->required_seq > q->done_seq;
}

static void vfio_ap_reset_complete(struct vfio_ap_queue *q, u64 seq, u8 rc)
{
	lockdep_assert_held(&q->lock);

	vfio_ap_event_reset_ended(q, seq, rc, true);
	q->done_seq = max(q->done_seq, seq);
	q->issued_seq = 0;
	WRITE_ONCE(q->failed_rc, 0);
	q->reported = false;
	vfio_ap_queue_retry_now(q);
	vfio_ap_irq_end(q);
}

static void vfio_ap_reset_fail(struct vfio_ap_queue *q, u64 seq,
			       enum vfio_ap_queue_response response, u8 rc)
{
	lockdep_assert_held(&q->lock);

	vfio_ap_event_reset_ended(q, seq, rc, false);
	q->issued_seq = 0;
	if (response == VFIO_AP_QUEUE_REPEAT || response == VFIO_AP_QUEUE_RESETTING)
		return;
	WRITE_ONCE(q->failed_rc, rc);
	q->failed_seq = seq;
	q->retry_delay = VFIO_AP_POLL_SLOW;
}

static void vfio_ap_reset_issue(struct vfio_ap_queue *q)
{
	enum vfio_ap_queue_response response;
	u64 seq = q->required_seq;

	lockdep_assert_held(&q->lock);

	q->last_rc = ap_zapq(q->apqn, 0).response_code;
	vfio_ap_event_reset_issued(q, seq, q->last_rc);
	response = vfio_ap_queue_decode(q->last_rc);
	vfio_ap_irq_update(q, response, false, false);
	if (response == VFIO_AP_QUEUE_READY) {
		/* Keep failed_rc until TAPQ shows that this reset has completed. */
		q->issued_seq = seq;
		vfio_ap_queue_retry_now(q);
	} else if (response == VFIO_AP_QUEUE_CLEAN) {
		vfio_ap_reset_complete(q, seq, q->last_rc);
	} else {
		vfio_ap_reset_fail(q, seq, response, q->last_rc);
	}
}

static void vfio_ap_reset_verify(struct vfio_ap_queue *q)
{
	enum vfio_ap_queue_response response;

	lockdep_assert_held(&q->lock);

	q->last_rc = vfio_ap_irq_tapq(q);
	response = vfio_ap_queue_decode(q->last_rc);
	if (response == VFIO_AP_QUEUE_READY || response == VFIO_AP_QUEUE_CLEAN)
		vfio_ap_reset_complete(q, q->issued_seq, q->last_rc);
	else if (response != VFIO_AP_QUEUE_RESETTING)
		vfio_ap_reset_fail(q, q->issued_seq, response, q->last_rc);
}

static void vfio_ap_reset_report(struct vfio_ap_queue *q)
{
	lockdep_assert_held(&q->lock);

	if (q->reported || q->binding == VFIO_AP_UNBOUND || !q->present)
		return;
	if (!q->failed_rc && time_before(jiffies, q->required_since + VFIO_AP_RESET_TIMEOUT))
		return;
	q->reported = true;
	pr_warn("queue %02x.%04x: reset not complete, last response code %02x; retrying\n",
		AP_QID_CARD(q->apqn), AP_QID_QUEUE(q->apqn), q->last_rc);
}

/* Return: delay in jiffies after which the work item must run again, or 0 if it need not. */
static unsigned long vfio_ap_reset_next_delay(struct vfio_ap_queue *q)
{
	unsigned long delay, delay_max = VFIO_AP_POLL_MAX;
	long left;

	lockdep_assert_held(&q->lock);

	if (q->issued_seq || vfio_ap_reset_is_due(q)) {
		vfio_ap_reset_report(q);
		if (q->reported)
			delay_max = VFIO_AP_POLL_SLOW;
	} else if (vfio_ap_irq_needs_polling(q)) {
		delay_max = VFIO_AP_POLL_SLOW;
	} else {
		return 0;
	}
	/* If a waiting task polls early, do not increase the work item's delay. */
	left = q->retry_at - jiffies;
	if (q->issued_seq && left > 0)
		return left;
	delay = clamp_t(unsigned long, q->retry_delay, 1, delay_max);
	q->retry_delay = delay * 2;
	q->retry_at = jiffies + delay;
	return delay;
}

static void vfio_ap_reset_step(struct vfio_ap_queue *q)
{
	unsigned long delay;
	long left;

	lockdep_assert_held(&q->lock);

	/*
	 * Do not verify a reset and issue a ZAPQ in one step, so that waiters see a failure
	 * before the retry.
	 */
	if (q->issued_seq) {
		vfio_ap_reset_verify(q);
	} else if (vfio_ap_reset_is_due(q)) {
		left = q->retry_at - jiffies;
		if (left > 0) {
			vfio_ap_queue_poll_after(q, left);
			return;
		}
		vfio_ap_reset_issue(q);
	}
	if (!q->issued_seq && vfio_ap_irq_needs_polling(q))
		vfio_ap_irq_tapq(q);

	delay = vfio_ap_reset_next_delay(q);
	if (delay)
		vfio_ap_queue_poll_after(q, delay);
}

static void vfio_ap_reset_notify_owner(struct vfio_ap_queue *q)
{
	struct vfio_ap_mdev *mdev;

	guard(mutex)(&matrix_dev->lock);
	mdev = vfio_ap_mdev_find_by_apqn(q->apqn);
	if (mdev)
		vfio_ap_mdev_commit_later(mdev);
}

/**
 * vfio_ap_reset_advance - advance the reset of a queue by one step
 * @q: the queue; the caller has a reference to it
 *
 * Also issues TAPQ if only TAPQ can show that an interrupt registration has ended, and removes
 * an unbound queue from the table when nothing needs the queue any longer.
 *
 * Context: Sleeps; none of this driver's locks held.
 * Return: true while a ZAPQ is in progress.
 */
bool vfio_ap_reset_advance(struct vfio_ap_queue *q)
{
	bool pending, unbound, issued, ended;
	u64 failed_seq;
	u8 failed_rc;

	scoped_guard(spinlock, &q->lock) {
		pending = vfio_ap_queue_reset_pending(q);
		failed_rc = q->failed_rc;
		failed_seq = q->failed_seq;
		vfio_ap_reset_step(q);
		/* Also wake waiters if a later reset has failed with the same response code. */
		ended = failed_rc != q->failed_rc || failed_seq != q->failed_seq ||
			(pending && !vfio_ap_queue_reset_pending(q));
		issued = q->issued_seq;
		unbound = q->binding == VFIO_AP_UNBOUND;
	}

	if (ended) {
		vfio_ap_reset_wake_waiters();
		vfio_ap_reset_notify_owner(q);
	}
	if (unbound) {
		guard(mutex)(&matrix_dev->lock);
		vfio_ap_queue_reap(q);
	}
	return issued;
}

/**
 * vfio_ap_reset_work - run a queue's work item
 * @work: vfio_ap_queue.work
 *
 * Context: Puts the reference acquired by vfio_ap_queue_poll_after().
 */
void vfio_ap_reset_work(struct work_struct *work)
{
	struct vfio_ap_queue *q =
		container_of(to_delayed_work(work), struct vfio_ap_queue, work);

	vfio_ap_reset_advance(q);
	vfio_ap_queue_put(q);
}

/**
 * vfio_ap_reset_require_all - require the resets requested by VFIO_DEVICE_RESET
 * @matrix: the mdev's queues
 * @guest: the mdev's guest; the function skips queues that another guest still has
 *
 * Context: guests_lock and matrix_dev->lock held. guests_lock ensures that no commit is
 * writing the APCB.
 * Return: The sequence number of the resets.
 */
u64 vfio_ap_reset_require_all(const struct vfio_ap_matrix *matrix,
			      const struct vfio_ap_attachment *guest)
{
	u64 seq = vfio_ap_reset_seq_next();
	struct vfio_ap_queue *q;
	unsigned long apqn;

	lockdep_assert_held(&matrix_dev->guests_lock);
	lockdep_assert_held(&matrix_dev->lock);

	vfio_ap_queue_for_each(q, apqn, matrix, NULL) {
		guard(spinlock)(&q->lock);
		if (q->guest == guest ||
		    (!q->guest && q->binding == VFIO_AP_BOUND && q->required_seq <= q->done_seq))
			vfio_ap_reset_require(q, seq);
		/* If an earlier reset has failed, retry without a delay. */
		vfio_ap_queue_retry_now(q);
	}
	return seq;
}

/* Tests whether waiting is useless, because this driver cannot reset the queue. */
static bool vfio_ap_reset_is_hopeless(const struct vfio_ap_queue *q)
{
	lockdep_assert_held(&q->lock);

	return q->binding == VFIO_AP_UNBOUND || !q->present ||
	       q->failed_rc == AP_RESPONSE_Q_NOT_AVAIL;
}

static void vfio_ap_reset_poll_early(const struct vfio_ap_matrix *in,
				     const struct vfio_ap_matrix *except)
{
	int ms;

	for (ms = 1; ms <= VFIO_AP_WAITER_POLL_MS; ms *= 2) {
		usleep_range(ms * USEC_PER_MSEC, ms * USEC_PER_MSEC * 3 / 2);
		if (!vfio_ap_queue_visit(in, except, vfio_ap_reset_advance))
			break;
	}
}

static bool vfio_ap_reset_is_pending(struct vfio_ap_queue *q, u64 seq)
{
	guard(spinlock)(&q->lock);
	return q->done_seq < seq && seq <= q->required_seq && !vfio_ap_reset_is_hopeless(q);
}

static bool vfio_ap_reset_removed_are_done(const struct vfio_ap_matrix *old,
					   const struct vfio_ap_matrix *new, u64 seq)
{
	struct vfio_ap_queue *q;
	unsigned long apqn;

	guard(rcu)();
	vfio_ap_queue_for_each(q, apqn, old, new) {
		if (vfio_ap_reset_is_pending(q, seq))
			return false;
	}
	return true;
}

/**
 * vfio_ap_reset_wait_removed - wait for the resets of queues that left a guest
 * @old: the guest's matrix before the queues left
 * @new: the guest's matrix after the queues left
 * @seq: sequence number of the resets; 0 if no queue left
 * @deadline: when to stop waiting, in jiffies
 * @killable: stop waiting when the task is killed
 *
 * Context: Sleeps; none of this driver's locks held.
 * Return:
 * * 0: each queue has been reset, or cannot be reset because it is unbound or does not exist
 * * -ETIME: some resets have not completed
 * * -ERESTARTSYS: the task was killed
 */
int vfio_ap_reset_wait_removed(const struct vfio_ap_matrix *old,
			       const struct vfio_ap_matrix *new, u64 seq,
			       unsigned long deadline, bool killable)
{
	unsigned long now, timeout;
	long left;

	might_sleep();
	if (!seq || vfio_ap_reset_removed_are_done(old, new, seq))
		return 0;
	vfio_ap_reset_poll_early(old, new);
	now = jiffies;
	timeout = time_before(now, deadline) ? deadline - now : 0;
	if (killable)
		left = wait_event_killable_timeout(vfio_ap_reset_waiters,
						   vfio_ap_reset_removed_are_done(old, new, seq),
						   timeout);
	else
		left = wait_event_timeout(vfio_ap_reset_waiters,
					  vfio_ap_reset_removed_are_done(old, new, seq),
					  timeout);
	if (left < 0)
		return left;
	return left ? 0 : -ETIME;
}

/**
 * vfio_ap_reset_is_erased - test whether a queue holds no guest data
 * @q: the queue, which is being unbound
 *
 * Context: Takes @q->lock.
 * Return: true if the queue holds no guest data, or if this driver cannot erase the queue because
 * the host does not have it or its last reset has failed.
 */
bool vfio_ap_reset_is_erased(struct vfio_ap_queue *q)
{
	guard(spinlock)(&q->lock);
	if (!q->present)
		return true;
	return !q->guest && (!vfio_ap_queue_reset_pending(q) ||
			     (q->failed_rc && q->failed_seq >= q->required_seq));
}

/**
 * vfio_ap_reset_wait_erased - wait until a queue holds no guest data
 * @q: the queue, which is being unbound
 *
 * Context: Sleeps; none of this driver's locks held. Not killable, because the next driver gets
 * the queue when the caller returns.
 */
void vfio_ap_reset_wait_erased(struct vfio_ap_queue *q)
{
	might_sleep();
	wait_event(vfio_ap_reset_waiters, vfio_ap_reset_is_erased(q));
}

/**
 * vfio_ap_reset_queue_time_left - compute how long to wait for the reset of a queue
 * @q: the queue
 *
 * Context: @q->lock held.
 * Return: Remaining time in jiffies; 0 if there is no reset to wait for.
 */
unsigned long vfio_ap_reset_queue_time_left(const struct vfio_ap_queue *q)
{
	unsigned long deadline = q->required_since + VFIO_AP_RESET_TIMEOUT;

	lockdep_assert_held(&q->lock);

	if (q->binding != VFIO_AP_BOUND || q->guest || !vfio_ap_queue_reset_pending(q) ||
	    vfio_ap_reset_is_hopeless(q) || !time_before(jiffies, deadline))
		return 0;
	return deadline - jiffies;
}

/*
 * Return: the time; 0 for an adapter with a bad queue. vfio_ap_matrix_derive() leaves out such an
 * adapter even after its other queues have been reset, so waiting for these queues is useless. A
 * queue that is not in the table is not bound, and therefore bad.
 */
static unsigned long vfio_ap_reset_adapter_time_left(unsigned int apid,
						     const struct vfio_ap_matrix *new,
						     const struct vfio_ap_matrix *old)
{
	unsigned long left = 0;
	struct vfio_ap_queue *q;
	unsigned int apqi;

	lockdep_assert(rcu_read_lock_held());

	vfio_ap_for_each_id(apqi, new->aqm) {
		q = xa_load(&matrix_dev->queues, AP_MKQID(apid, apqi));
		if (!q)
			return 0;
		guard(spinlock)(&q->lock);
		if (vfio_ap_queue_fitness(q, q->guest) == VFIO_AP_QUEUE_BAD)
			return 0;
		if (!old || !vfio_ap_matrix_has(old, apid, apqi))
			left = max(left, vfio_ap_reset_queue_time_left(q));
	}
	return left;
}

/**
 * vfio_ap_reset_time_left - compute how long to wait for the resets of added queues
 * @new: the mdev's new matrix, limited to the host's configuration
 * @old: the guest's current matrix, or NULL
 *
 * Context: Takes each queue's lock; needs no other lock.
 * Return: Remaining time in jiffies; 0 if there is no reset to wait for.
 */
unsigned long vfio_ap_reset_time_left(const struct vfio_ap_matrix *new,
				      const struct vfio_ap_matrix *old)
{
	unsigned long left = 0;
	unsigned int apid;

	guard(rcu)();
	vfio_ap_for_each_id(apid, new->apm)
		left = max(left, vfio_ap_reset_adapter_time_left(apid, new, old));
	return left;
}

/**
 * vfio_ap_reset_wait_added - wait for the resets of queues that a guest will get
 * @new: the mdev's new matrix, limited to the host's configuration
 * @old: the guest's current matrix, or NULL
 * @deadline: when to stop waiting, in jiffies
 *
 * Stops waiting for a reset 10 s after the reset was required, so that a stuck reset does not
 * delay later callers. Stops waiting for the queues of an adapter when one of them becomes
 * bad.
 *
 * Context: Sleeps; none of this driver's locks held.
 * Return: 0, even if the deadline has passed; -ERESTARTSYS if the task was killed.
 */
int vfio_ap_reset_wait_added(const struct vfio_ap_matrix *new,
			     const struct vfio_ap_matrix *old, unsigned long deadline)
{
	unsigned long time_left, now;
	long left;

	might_sleep();
	for (;;) {
		now = jiffies;
		time_left = vfio_ap_reset_time_left(new, old);
		if (!time_left || !time_before(now, deadline))
			return 0;
		left = wait_event_killable_timeout(vfio_ap_reset_waiters,
						   !vfio_ap_reset_time_left(new, old),
						   min(time_left, deadline - now));
		if (left < 0)
			return left;
	}
}

/* Return: -EBUSY until all resets have completed or failed; then -EIO if any failed, else 0. */
static int vfio_ap_reset_all_state(const struct vfio_ap_matrix *matrix,
				   const struct vfio_ap_attachment *guest, u64 seq)
{
	bool failed = false, busy = false;
	struct vfio_ap_queue *q;
	unsigned long apqn;

	guard(rcu)();
	vfio_ap_queue_for_each(q, apqn, matrix, NULL) {
		guard(spinlock)(&q->lock);
		if (q->binding == VFIO_AP_UNBOUND || !q->present ||
		    (q->guest && q->guest != guest))
			continue;
		/* A failed reset counts as failed even while it is being retried. */
		if (q->failed_rc || q->failed_seq >= seq)
			failed = true;
		else
			busy |= vfio_ap_queue_reset_pending(q);
	}
	if (busy)
		return -EBUSY;
	return failed ? -EIO : 0;
}

/**
 * vfio_ap_reset_wait_all - wait for the resets requested by VFIO_DEVICE_RESET
 * @matrix: the queues
 * @guest: the guest
 * @seq: sequence number of the resets
 *
 * Context: Sleeps; none of this driver's locks held.
 * Return:
 * * 0: all resets have completed
 * * -EIO: a queue returned an unknown response code
 * * -EBUSY: a reset did not complete within 10 s
 * * -ERESTARTSYS: the task was killed
 */
int vfio_ap_reset_wait_all(const struct vfio_ap_matrix *matrix,
			   const struct vfio_ap_attachment *guest, u64 seq)
{
	int state;
	long left;

	might_sleep();
	state = vfio_ap_reset_all_state(matrix, guest, seq);
	if (state != -EBUSY)
		return state;
	vfio_ap_reset_poll_early(matrix, NULL);
	left = wait_event_killable_timeout(vfio_ap_reset_waiters,
					   (state = vfio_ap_reset_all_state(matrix, guest,
									    seq)) != -EBUSY,
					   VFIO_AP_RESET_TIMEOUT);
	return left < 0 ? left : state;
}
