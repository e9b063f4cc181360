// SPDX-License-Identifier: GPL-2.0
/*
 * Callbacks for the AP bus. The bus calls them when the host's configuration changes, when a
 * queue is bound or unbound, and when the host tries to reserve queues.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "vfio_ap_private.h"

/* Maximum time that an unbind waits for resets. */
#define VFIO_AP_UNBIND_RESET_TIMEOUT	(2 * HZ)

/*
 * While the AP bus scans the new configuration, a guest gets only what both the old and the
 * new configuration have. After the scan, @old is NULL, and a guest may get all that the new
 * configuration has. Each mdev's commit_work updates its guest.
 */
static void vfio_ap_host_publish(const struct ap_config_info *new,
				 const struct ap_config_info *old)
{
	struct vfio_ap_matrix before;
	struct vfio_ap_mdev *mdev;
	struct vfio_ap_queue *q;
	unsigned long apqn;

	lockdep_assert_held(&matrix_dev->guests_lock);
	lockdep_assert_held(&matrix_dev->lock);

	vfio_ap_limits_from_config(&matrix_dev->limits, new);
	vfio_ap_matrix_from_config(&matrix_dev->newest, new);
	matrix_dev->host = matrix_dev->newest;
	if (old) {
		vfio_ap_matrix_from_config(&before, old);
		vfio_ap_matrix_and(&matrix_dev->host, &matrix_dev->newest, &before);
	}
	xa_for_each(&matrix_dev->queues, apqn, q) {
		scoped_guard(spinlock, &q->lock) {
			/*
			 * A reset that was impossible while the host lacked the queue may now
			 * be due.
			 */
			if (vfio_ap_queue_update_present(q))
				vfio_ap_queue_poll_after(q, 1);
		}
	}
	/* Waiters must stop waiting for resets of queues that the host no longer has. */
	vfio_ap_reset_wake_waiters();
	list_for_each_entry(mdev, &matrix_dev->mdevs, node)
		vfio_ap_mdev_commit_later(mdev);
}

/**
 * vfio_ap_host_config_changed - handle a change to the host's AP configuration
 * @new: the new configuration
 * @old: the previous configuration; NULL when the AP bus has finished its scan
 *
 * Context: Takes guests_lock and matrix_dev->lock.
 */
void vfio_ap_host_config_changed(const struct ap_config_info *new,
				 const struct ap_config_info *old)
{
	guard(mutex)(&matrix_dev->guests_lock);
	guard(mutex)(&matrix_dev->lock);
	vfio_ap_host_publish(new, old);
}

/**
 * vfio_ap_host_read_config - read the host's AP configuration from hardware
 * @info: receives the configuration
 *
 * Holds the locks while it reads and publishes the configuration, so that it does not
 * overwrite a newer configuration from the AP bus.
 *
 * Context: Takes guests_lock and matrix_dev->lock.
 * Return: 0, or -EOPNOTSUPP if QCI fails.
 */
int vfio_ap_host_read_config(struct ap_config_info *info)
{
	int ret;

	guard(mutex)(&matrix_dev->guests_lock);
	guard(mutex)(&matrix_dev->lock);
	ret = ap_qci(info);
	if (!ret)
		vfio_ap_host_publish(info, NULL);
	return ret;
}

/**
 * vfio_ap_host_probe - handle the binding of a queue to this driver
 * @queue: the queue
 *
 * No guest gets the queue before the queue has been reset.
 *
 * Context: Called by the AP bus with the device lock held.
 * Return: 0 or -ENOMEM.
 */
int vfio_ap_host_probe(struct ap_queue *queue)
{
	struct vfio_ap_mdev *mdev;
	struct vfio_ap_queue *q;

	scoped_guard(mutex, &matrix_dev->lock) {
		q = vfio_ap_queue_create(queue->qid, vfio_ap_reset_work);
		if (!q)
			return -ENOMEM;
		scoped_guard(spinlock, &q->lock) {
			vfio_ap_queue_bind(q);
			/*
			 * The queue's previous driver may not have reset it. If a guest still
			 * has the queue, the commit that takes the queue from this guest will
			 * require the reset.
			 */
			if (!q->guest)
				vfio_ap_reset_require(q, vfio_ap_reset_seq_next());
		}
		mdev = vfio_ap_mdev_find_by_apqn(queue->qid);
		if (mdev)
			vfio_ap_mdev_commit_later(mdev);
	}
	q = vfio_ap_queue_get(queue->qid);
	if (q) {
		vfio_ap_reset_advance(q);
		vfio_ap_queue_put(q);
	}
	return 0;
}

static void vfio_ap_host_set_binding(struct vfio_ap_queue *q, enum vfio_ap_binding binding)
{
	lockdep_assert_held(&matrix_dev->lock);

	scoped_guard(spinlock, &q->lock)
		vfio_ap_queue_unbind(q, binding);
	/* Waiters must stop waiting for this queue, and for the other queues of its adapter. */
	vfio_ap_reset_wake_waiters();
}

/*
 * Take an adapter from its guest, because one of the adapter's queues is being unbound. Wait
 * for the resets of the queues that the guest loses.
 * Return: sequence number of the resets; 0 if no queue left the guest.
 */
static u64 vfio_ap_host_evict(struct vfio_ap_mdev *mdev)
{
	struct vfio_ap_tx tx;

	if (!vfio_ap_tx_begin(&tx, mdev, VFIO_AP_WAIT_BOUNDED, false)) {
		/* An unlinked mdev's work items have been cancelled; do not queue them again. */
		guard(mutex)(&matrix_dev->guests_lock);
		if (tx.error == -EBUSY && mdev->linked)
			vfio_ap_mdev_commit_later(mdev);
		return 0;
	}
	vfio_ap_tx_commit(&tx, &mdev->assigned);
	if (tx.changed) {
		/* Leave the signal to commit_work, because the AP bus must not wait for pollers. */
		tx.changed = false;
		mdev->config_unsignalled = true;
		vfio_ap_mdev_commit_later(mdev);
	}
	vfio_ap_tx_end(&tx);
	vfio_ap_reset_wait_removed(&tx.old, &tx.new, tx.reset_seq,
				   jiffies + VFIO_AP_UNBIND_RESET_TIMEOUT, false);
	return tx.reset_seq;
}

/*
 * While a commit writes the APCB, the queues that leave the guest are already marked as free,
 * but the commit requires their resets only afterwards. Wait until it has done so.
 */
static void vfio_ap_host_wait_commit(void)
{
	mutex_lock(&matrix_dev->guests_lock);
	mutex_unlock(&matrix_dev->guests_lock);
}

/*
 * If no guest has the queue, wait for a reset that was required before the unbind. The limit of
 * 2 s starts when the reset is required, so that unbinding many queues in a row does not take
 * 2 s for each queue.
 */
static void vfio_ap_host_wait_earlier_reset(struct vfio_ap_queue *q, u64 waited)
{
	struct vfio_ap_matrix one = {};
	unsigned long deadline;
	u64 seq = 0;

	scoped_guard(spinlock, &q->lock) {
		deadline = q->required_since + VFIO_AP_UNBIND_RESET_TIMEOUT;
		if (!q->guest && q->required_seq != waited)
			seq = q->required_seq;
	}
	if (!time_before(jiffies, deadline))
		return;

	set_bit_inv(AP_QID_CARD(q->apqn), one.apm);
	set_bit_inv(AP_QID_QUEUE(q->apqn), one.aqm);
	vfio_ap_reset_wait_removed(&one, &vfio_ap_matrix_empty, seq, deadline, false);
}

/*
 * Wait without a limit until the guest has lost the queue and a ZAPQ has erased it. After the
 * unbind, the AP bus issues only one ZAPQ, which hardware rejects while a reset is in progress.
 * The next driver's first reset is then a RAPQ, which does not erase the guest's data.
 */
static void vfio_ap_host_wait_erased(struct vfio_ap_queue *q)
{
	do {
		vfio_ap_reset_wait_erased(q);
		/* A commit may have taken the queue from its guest, but required no reset yet. */
		vfio_ap_host_wait_commit();
	} while (!vfio_ap_reset_is_erased(q));
}

/* Return: true if the queue may still interrupt a guest. */
static bool vfio_ap_host_may_interrupt(struct vfio_ap_queue *q)
{
	guard(spinlock)(&q->lock);
	return q->irq;
}

/**
 * vfio_ap_host_remove - handle the unbinding of a queue from this driver
 * @queue: the queue
 *
 * Does not reset a queue that has left the host's configuration. If the guest's kvm->lock
 * cannot be acquired in time, the guest loses the queue later. Until then, the queue is bad
 * even if it is bound to this driver again. While the queue is assigned, vfio_ap_host_in_use()
 * prevents the masks from giving it to a host driver. Since Linux 6.19, however, user space can
 * bypass the masks with driver_override.
 *
 * Context: Called by the AP bus with the device lock held. Waits at most 2 s for kvm->lock and
 * 2 s for the resets of the queues that the guest loses; each limit applies to all of the
 * adapter's queues together. If no guest has the queue, the function stops waiting 2 s after
 * the reset was required. Then waits without a limit until the queue is erased. Does not
 * allocate memory.
 */
void vfio_ap_host_remove(struct ap_queue *queue)
{
	struct vfio_ap_mdev *mdev = NULL;
	struct vfio_ap_queue *q;
	u64 waited = 0;
	bool present;

	q = vfio_ap_queue_get(queue->qid);
	if (!q)
		return;

	scoped_guard(mutex, &matrix_dev->lock) {
		scoped_guard(spinlock, &q->lock)
			present = q->present;
		vfio_ap_host_set_binding(q, present ? VFIO_AP_UNBINDING : VFIO_AP_UNBOUND);
		mdev = vfio_ap_mdev_find_by_apqn(queue->qid);
		if (mdev)
			get_device(&mdev->vdev.device);
		if (mdev && !present)
			vfio_ap_mdev_commit_later(mdev);
	}
	if (mdev && present)
		waited = vfio_ap_host_evict(mdev);
	else
		vfio_ap_host_wait_commit();
	if (present) {
		vfio_ap_host_wait_earlier_reset(q, waited);
		vfio_ap_host_wait_erased(q);
	}
	if (mdev)
		put_device(&mdev->vdev.device);

	scoped_guard(mutex, &matrix_dev->lock)
		vfio_ap_host_set_binding(q, VFIO_AP_UNBOUND);
	/*
	 * If an interrupt registration remains, the queue's work item polls until it has ended,
	 * and then frees the queue.
	 */
	vfio_ap_reset_advance(q);
	if (vfio_ap_host_may_interrupt(q))
		pr_warn("queue %02x.%04x: unbound while it may still interrupt a guest, whose page stays pinned\n",
			AP_QID_CARD(queue->qid), AP_QID_QUEUE(queue->qid));
	vfio_ap_queue_put(q);
}

/*
 * Find an mdev to which one of the reserved queues is assigned, and copy its owner label.
 * Return: the mdev's device, which the caller must put, or NULL if there is no such mdev.
 */
static struct device *vfio_ap_host_find_owner(const struct vfio_ap_matrix *reserved,
					      unsigned int *apid, unsigned int *apqi,
					      char label[VFIO_AP_OWNER_SIZE])
{
	struct vfio_ap_mdev *mdev;

	/*
	 * Also take guests_lock, because a queue that was just unassigned stays in the APCB
	 * until the commit drops this lock. If the queue is not bound, the AP bus does not call
	 * vfio_ap_host_remove(), which would wait for the commit.
	 */
	guard(mutex)(&matrix_dev->guests_lock);
	guard(mutex)(&matrix_dev->lock);
	list_for_each_entry(mdev, &matrix_dev->mdevs, node) {
		if (vfio_ap_matrix_first_shared(reserved, &mdev->assigned, apid, apqi)) {
			vfio_ap_owner_copy(mdev, label);
			return get_device(mdev->vdev.dev);
		}
	}
	return NULL;
}

/**
 * vfio_ap_host_in_use - check whether the host would reserve an assigned queue
 * @apm: adapters that the host would reserve
 * @aqm: domains that the host would reserve
 *
 * Context: Called by the AP bus with ap_attr_mutex held. Takes guests_lock and
 * matrix_dev->lock.
 * Return: 0; -EADDRINUSE, with a log line, if one of the queues is assigned to an mdev.
 */
int vfio_ap_host_in_use(const unsigned long *apm, const unsigned long *aqm)
{
	struct vfio_ap_matrix reserved = {};
	char label[VFIO_AP_OWNER_SIZE];
	unsigned int apid, apqi;
	struct device *owner;

	lockdep_assert_held(&ap_attr_mutex);
	bitmap_copy(reserved.apm, apm, AP_DEVICES);
	bitmap_copy(reserved.aqm, aqm, AP_DOMAINS);

	owner = vfio_ap_host_find_owner(&reserved, &apid, &apqi, label);
	if (!owner)
		return 0;
	/* Log without holding the locks, because a console can be slow. */
	dev_warn(owner,
		 "Can not reserve queue %02x.%04x for host driver: in use by mdev%s%s\n", apid,
		 apqi, label[0] ? ", owner: " : "", label);
	put_device(owner);
	return -EADDRINUSE;
}
