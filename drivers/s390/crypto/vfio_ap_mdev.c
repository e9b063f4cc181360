// SPDX-License-Identifier: GPL-2.0
/* The list of all mdevs, and the work items of an mdev. */
#include "vfio_ap_private.h"

struct workqueue_struct *vfio_ap_commit_wq;

/**
 * vfio_ap_mdev_link - add an mdev to matrix_dev->mdevs
 * @mdev: the mdev, which is fully initialised
 *
 * Context: Takes guests_lock and matrix_dev->lock.
 */
void vfio_ap_mdev_link(struct vfio_ap_mdev *mdev)
{
	guard(mutex)(&matrix_dev->guests_lock);
	guard(mutex)(&matrix_dev->lock);
	list_add_tail(&mdev->node, &matrix_dev->mdevs);
	mdev->linked = true;
}

/**
 * vfio_ap_mdev_unlink - remove an mdev from matrix_dev->mdevs, and thus unassign its queues
 * @mdev: the mdev, which is not open
 *
 * Transactions that are waiting for a lock will fail with -ENODEV.
 *
 * Context: Takes guests_lock and matrix_dev->lock.
 */
void vfio_ap_mdev_unlink(struct vfio_ap_mdev *mdev)
{
	guard(mutex)(&matrix_dev->guests_lock);
	guard(mutex)(&matrix_dev->lock);
	list_del(&mdev->node);
	mdev->linked = false;
}

/**
 * vfio_ap_mdev_find_by_apqn - find the mdev to which a queue is assigned
 * @apqn: the queue's APQN
 *
 * Context: matrix_dev->lock held.
 * Return: The mdev, or NULL if the queue is not assigned.
 */
struct vfio_ap_mdev *vfio_ap_mdev_find_by_apqn(u16 apqn)
{
	struct vfio_ap_mdev *mdev;

	lockdep_assert_held(&matrix_dev->lock);

	list_for_each_entry(mdev, &matrix_dev->mdevs, node) {
		if (vfio_ap_matrix_has(&mdev->assigned, AP_QID_CARD(apqn), AP_QID_QUEUE(apqn)))
			return mdev;
	}
	return NULL;
}

/**
 * vfio_ap_mdev_snapshot - copy an mdev's matrices
 * @mdev: the mdev
 * @assigned: receives the assigned matrix
 * @shadow_apcb: receives the guest's matrix
 *
 * Context: Takes matrix_dev->lock.
 */
void vfio_ap_mdev_snapshot(struct vfio_ap_mdev *mdev, struct vfio_ap_matrix *assigned,
			   struct vfio_ap_matrix *shadow_apcb)
{
	guard(mutex)(&matrix_dev->lock);
	*assigned = mdev->assigned;
	*shadow_apcb = mdev->shadow_apcb;
}

/*
 * Either lock prevents vfio_ap_mdev_unlink(), so that vfio_ap_mdev_retire() will cancel a work item
 * that the caller queues.
 */
static void vfio_ap_mdev_assert_stays_linked(void)
{
	lockdep_assert(lockdep_is_held(&matrix_dev->guests_lock) ||
		       lockdep_is_held(&matrix_dev->lock));
}

/**
 * vfio_ap_mdev_commit_after - queue vfio_ap_tx_commit_work() with a delay
 * @mdev: the mdev; linked in matrix_dev->mdevs, or the caller holds a reference to it
 * @delay: the delay in jiffies
 */
void vfio_ap_mdev_commit_after(struct vfio_ap_mdev *mdev, unsigned long delay)
{
	get_device(&mdev->vdev.device);
	/* If the work item was already queued, it holds its own reference. */
	if (mod_delayed_work(vfio_ap_commit_wq, &mdev->commit_work, delay))
		put_device(&mdev->vdev.device);
}

/**
 * vfio_ap_mdev_notify_later - queue the notification of an mdev's pollers
 * @mdev: the mdev; linked in matrix_dev->mdevs
 *
 * Context: guests_lock or matrix_dev->lock held.
 */
void vfio_ap_mdev_notify_later(struct vfio_ap_mdev *mdev)
{
	vfio_ap_mdev_assert_stays_linked();

	get_device(&mdev->vdev.device);
	/* A delay of one tick coalesces changes and lets the writer return first. */
	if (!queue_delayed_work(vfio_ap_commit_wq, &mdev->notify_work, 1))
		put_device(&mdev->vdev.device);
}

/**
 * vfio_ap_mdev_commit_later - queue vfio_ap_tx_commit_work()
 * @mdev: the mdev; linked in matrix_dev->mdevs
 *
 * Context: guests_lock or matrix_dev->lock held.
 */
void vfio_ap_mdev_commit_later(struct vfio_ap_mdev *mdev)
{
	vfio_ap_mdev_assert_stays_linked();

	vfio_ap_mdev_commit_after(mdev, 0);
	/* Do not rely on the commit to notify pollers, because kvm->lock may delay the commit. */
	vfio_ap_mdev_notify_later(mdev);
}
