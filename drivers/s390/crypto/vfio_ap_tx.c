// SPDX-License-Identifier: GPL-2.0
/*
 * Guest transactions and commits.
 *
 * When an input of vfio_ap_matrix_derive() changes, a transaction computes the guest's matrix
 * again and commits it, which writes the APCB. Such changes come from writes to sysfs, from
 * the AP bus, and from opens, closes and completed resets. No other code writes an APCB.
 */
#include <linux/delay.h>

#include "vfio_ap_diag.h"
#include "vfio_ap_private.h"

/* Maximum time that an unbind waits for the guest's kvm->lock. */
#define VFIO_AP_UNBIND_TIMEOUT	(2 * HZ)
#define VFIO_AP_TRYLOCK_MS	5

static unsigned long vfio_ap_tx_unbind_deadline(struct vfio_ap_mdev *mdev)
{
	lockdep_assert_held(&matrix_dev->guests_lock);

	if (!mdev->unbind_deadline)
		mdev->unbind_deadline = (jiffies + VFIO_AP_UNBIND_TIMEOUT) | 1;
	return mdev->unbind_deadline;
}

static int vfio_ap_tx_lock_kvm(struct kvm *kvm, enum vfio_ap_kvm_wait wait,
			       unsigned long deadline)
{
	lockdep_assert_not_held(&matrix_dev->guests_lock);
	lockdep_assert_not_held(&matrix_dev->lock);

	if (wait == VFIO_AP_WAIT_NOT)
		return mutex_trylock(&kvm->lock) ? 0 : -EAGAIN;
	if (wait == VFIO_AP_WAIT_KILLABLE)
		return mutex_lock_killable(&kvm->lock);
	while (!mutex_trylock(&kvm->lock)) {
		if (time_after(jiffies, deadline))
			return -EBUSY;
		msleep(VFIO_AP_TRYLOCK_MS);
	}
	return 0;
}

static void vfio_ap_tx_unlock(struct vfio_ap_tx *tx)
{
	if (!tx->published)
		mutex_unlock(&matrix_dev->lock);
	mutex_unlock(&matrix_dev->guests_lock);
	if (tx->perms)
		mutex_unlock(&ap_attr_mutex);
	/* Do not use mdev->attachment, which attach and detach change during the transaction. */
	if (tx->attachment)
		mutex_unlock(&tx->attachment->kvm->lock);
}

/**
 * vfio_ap_tx_begin - begin a guest transaction
 * @tx: the transaction, which the function initialises
 * @mdev: the mdev; the caller holds a reference to it
 * @wait: how to wait for kvm->lock
 * @perms: whether to also acquire ap_attr_mutex, which protects the host's masks
 *
 * Looks up the guest, acquires its kvm->lock with no other lock held, acquires the other
 * locks, and looks up the guest again. If the mdev has a different guest at that point, the
 * function drops all locks and starts again.
 *
 * Context: Sleeps; neither kvm->lock nor any of this driver's locks held. On success,
 * guests_lock and matrix_dev->lock are held, and also kvm->lock if there is a guest, and
 * ap_attr_mutex if @perms is true.
 * Return: true, or false with the reason in tx->error:
 * * -ENODEV: the mdev is being removed
 * * -EINTR: the task was killed
 * * -EAGAIN: kvm->lock is held (VFIO_AP_WAIT_NOT)
 * * -EBUSY: kvm->lock was held for too long (VFIO_AP_WAIT_BOUNDED)
 */
bool vfio_ap_tx_begin(struct vfio_ap_tx *tx, struct vfio_ap_mdev *mdev,
		      enum vfio_ap_kvm_wait wait, bool perms)
{
	unsigned long deadline = 0;

	might_sleep();
	for (;;) {
		*tx = (struct vfio_ap_tx){ .mdev = mdev, .perms = perms };

		scoped_guard(mutex, &matrix_dev->guests_lock) {
			tx->attachment = mdev->attachment;
			vfio_ap_attachment_get(tx->attachment);
			if (tx->attachment && wait == VFIO_AP_WAIT_BOUNDED)
				deadline = vfio_ap_tx_unbind_deadline(mdev);
		}

		if (tx->attachment)
			tx->error = vfio_ap_tx_lock_kvm(tx->attachment->kvm, wait, deadline);
		if (tx->error)
			break;
		if (perms)
			mutex_lock(&ap_attr_mutex);
		mutex_lock(&matrix_dev->guests_lock);
		mutex_lock(&matrix_dev->lock);

		if (!mdev->linked) {
			tx->error = -ENODEV;
		} else if (mdev->attachment == tx->attachment) {
			mdev->unbind_deadline = 0;
			return true;
		}
		vfio_ap_tx_unlock(tx);
		if (tx->error)
			break;
		vfio_ap_attachment_put(tx->attachment);
	}
	vfio_ap_attachment_put(tx->attachment);
	return false;
}

/**
 * vfio_ap_tx_begin_kvm_locked - begin a guest transaction under the guest's kvm->lock
 * @tx: the transaction, which the function initialises
 * @mdev: the mdev, which is open or being opened
 * @attachment: the attachment to the guest; the transaction takes over the caller's reference
 *
 * Context: Sleeps; the guest's kvm->lock held, and none of this driver's locks. On return,
 * guests_lock and matrix_dev->lock are also held.
 */
void vfio_ap_tx_begin_kvm_locked(struct vfio_ap_tx *tx, struct vfio_ap_mdev *mdev,
				 struct vfio_ap_attachment *attachment)
	__acquires(vfio_ap_tx_context)
{
	__acquire(vfio_ap_tx_context);
	lockdep_assert_held(&attachment->kvm->lock);

	*tx = (struct vfio_ap_tx){ .mdev = mdev, .attachment = attachment };
	mutex_lock(&matrix_dev->guests_lock);
	mutex_lock(&matrix_dev->lock);
	mdev->unbind_deadline = 0;
}

/**
 * vfio_ap_tx_end - end a guest transaction
 * @tx: the transaction
 *
 * Drops all locks, starts the resets of the queues that left the guest, and then signals
 * the VMM, so that a slow eventfd does not delay a reset.
 *
 * Context: Sleeps. Drops the locks that vfio_ap_tx_begin() acquired.
 */
void vfio_ap_tx_end(struct vfio_ap_tx *tx)
	__releases(vfio_ap_tx_context)
{
	__release(vfio_ap_tx_context);
	vfio_ap_tx_unlock(tx);
	if (tx->reset_seq)
		vfio_ap_queue_visit(&tx->old, &tx->new, vfio_ap_reset_advance);
	if (tx->changed) {
		lockdep_assert_not_held(&tx->attachment->kvm->lock);
		vfio_ap_trigger_config_changed(tx->mdev);
	}
	vfio_ap_attachment_put(tx->attachment);
}

static void vfio_ap_tx_list_unfit(unsigned int apid, const unsigned long *domains,
				  struct vfio_ap_unfit *unfit, void *data)
{
	vfio_ap_queue_list_unfit(apid, domains, data, unfit);
}

/*
 * Record which queues leave and join the guest. Runs before the APCB is written, so that the
 * intercept accepts AQIC for a queue as soon as the guest can use the queue.
 */
static void vfio_ap_tx_mark_queues(const struct vfio_ap_tx *tx)
{
	unsigned int left = 0, joined = 0;
	struct vfio_ap_queue *q;
	unsigned long apqn;

	lockdep_assert_held(&matrix_dev->lock);

	vfio_ap_queue_for_each(q, apqn, &tx->old, &tx->new) {
		guard(spinlock)(&q->lock);
		vfio_ap_queue_leave(q);
		left++;
	}
	vfio_ap_queue_for_each(q, apqn, &tx->new, &tx->old) {
		guard(spinlock)(&q->lock);
		vfio_ap_queue_join(q, tx->attachment);
		joined++;
	}
	vfio_ap_event_commit(tx->mdev, joined, left);
}

/*
 * Runs after the APCB has been written, because otherwise the guest could use a queue after the
 * queue's reset. Return: the number of queues that left the guest.
 */
static unsigned int vfio_ap_tx_require_resets(struct vfio_ap_tx *tx)
{
	struct vfio_ap_queue *q;
	unsigned int left = 0;
	unsigned long apqn;

	lockdep_assert_held(&matrix_dev->guests_lock);

	guard(rcu)();
	vfio_ap_queue_for_each(q, apqn, &tx->old, &tx->new) {
		if (!left++)
			tx->reset_seq = vfio_ap_reset_seq_next();
		guard(spinlock)(&q->lock);
		vfio_ap_reset_require(q, tx->reset_seq);
	}
	return left;
}

/**
 * vfio_ap_tx_commit - derive the guest's matrix and write it to the APCB
 * @tx: the transaction
 * @assigned: the matrix to derive from: the mdev's assigned matrix, or an empty one
 *
 * Must be the last step of a transaction, because it drops matrix_dev->lock before KVM
 * waits for the vCPUs to leave SIE.
 *
 * Context: the guest's kvm->lock, guests_lock and matrix_dev->lock held; drops
 * matrix_dev->lock.
 */
void vfio_ap_tx_commit(struct vfio_ap_tx *tx, const struct vfio_ap_matrix *assigned)
{
	struct vfio_ap_mdev *mdev = tx->mdev;
	struct vfio_ap_matrix shown_before;
	unsigned int left;

	lockdep_assert_held(&matrix_dev->guests_lock);
	lockdep_assert_held(&matrix_dev->lock);
	if (tx->attachment)
		lockdep_assert_held(&tx->attachment->kvm->lock);

	if (mdev->removers)
		assigned = &vfio_ap_matrix_empty;
	tx->old = tx->attachment && !tx->joins ? mdev->shadow_apcb : vfio_ap_matrix_empty;
	vfio_ap_matrix_derive(&tx->new, assigned, &matrix_dev->host, &tx->old,
			      vfio_ap_tx_list_unfit, tx->attachment);
	shown_before = mdev->shadow_apcb;
	mdev->shadow_apcb = tx->new;
	tx->changed = tx->attachment && !vfio_ap_matrix_equal(&tx->old, &tx->new);
	if (tx->changed)
		vfio_ap_tx_mark_queues(tx);
	mdev->updates += tx->changed;
	vfio_ap_notify_commit(mdev, &shown_before);
	mutex_unlock(&matrix_dev->lock);
	tx->published = true;

	if (!tx->changed)
		return;
	kvm_arch_crypto_set_masks(tx->attachment->kvm, tx->new.apm, tx->new.aqm, tx->new.adm);
	left = vfio_ap_tx_require_resets(tx);
	vfio_ap_event_apcb_written(mdev, left, &tx->old, &tx->new);
}

static bool vfio_ap_tx_take_unsignalled(struct vfio_ap_mdev *mdev)
{
	bool unsignalled;

	guard(mutex)(&matrix_dev->guests_lock);
	unsignalled = mdev->config_unsignalled;
	mdev->config_unsignalled = false;
	return unsignalled;
}

/**
 * vfio_ap_tx_commit_work - derive the guest's matrix again, and commit it
 * @work: an mdev's commit_work
 *
 * If the guest's kvm->lock is held, the work item retries later. It then looks up the guest
 * again, because the mdev may have a different guest at that point.
 *
 * Context: Work item of vfio_ap_commit_wq; does not wait for kvm->lock. Puts the reference
 * acquired by vfio_ap_mdev_commit_after().
 */
void vfio_ap_tx_commit_work(struct work_struct *work)
{
	struct vfio_ap_mdev *mdev =
		container_of(to_delayed_work(work), struct vfio_ap_mdev, commit_work);
	struct vfio_ap_tx tx;

	if (vfio_ap_tx_begin(&tx, mdev, VFIO_AP_WAIT_NOT, false)) {
		vfio_ap_tx_commit(&tx, &mdev->assigned);
		vfio_ap_tx_end(&tx);
	} else if (tx.error == -EAGAIN) {
		vfio_ap_mdev_commit_after(mdev, VFIO_AP_LOCK_RETRY);
	}
	if (vfio_ap_tx_take_unsignalled(mdev))
		vfio_ap_trigger_config_changed(mdev);
	put_device(&mdev->vdev.device);
}
