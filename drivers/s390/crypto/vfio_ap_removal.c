// SPDX-License-Identifier: GPL-2.0
/*
 * Removal of an mdev that a VMM has open.
 *
 * A remover is a task that writes to an mdev's "remove" attribute, or that unbinds the driver
 * from the mdev. The remover marks the mdev as blocked, which takes all queues from the guest.
 * It then asks the VMM to close the device, and waits until the VMM has done so. Open and close
 * are also in this file, because a remover and an open must be mutually exclusive.
 */
#include <linux/sched/signal.h>

#include "vfio_ap_private.h"

static void vfio_ap_removal_log_cancelled(struct vfio_ap_mdev *mdev)
{
	dev_notice(mdev->vdev.dev, "Removal cancelled\n");
}

/* Add @change to the number of removers, and queue a commit. Return: the new number. */
static unsigned int vfio_ap_removal_count(struct vfio_ap_mdev *mdev, int change)
{
	lockdep_assert_held(&matrix_dev->guests_lock);
	lockdep_assert_held(&matrix_dev->lock);

	mdev->removers += change;
	if (mdev->linked)
		vfio_ap_mdev_commit_later(mdev);
	return mdev->removers;
}

/*
 * Take all queues from the guest, and prevent the device from being opened. The queues stay
 * assigned until the mdev is removed. If a signal has interrupted an earlier remover, the
 * caller takes over its removal, because a restarted write must not change the guest again.
 * Return: 1 if the caller takes over a removal, 0 if it begins one; -EBUSY if the mdev is
 * protected and @force is false.
 */
static int vfio_ap_removal_block(struct vfio_ap_mdev *mdev, bool force)
{
	bool resumed;

	guard(mutex)(&matrix_dev->guests_lock);
	guard(mutex)(&matrix_dev->lock);
	if (mdev->protected && !force)
		return -EBUSY;
	/* removal_work may still be queued, but will find nothing to cancel. */
	resumed = mdev->remover_interrupted;
	mdev->remover_interrupted = false;
	if (!resumed)
		vfio_ap_removal_count(mdev, 1);
	return resumed;
}

/* Undo vfio_ap_removal_block(). When no remover is left, the guest gets its queues back. */
static void vfio_ap_removal_unblock(struct vfio_ap_mdev *mdev)
{
	unsigned int left;

	scoped_guard(mutex, &matrix_dev->guests_lock) {
		guard(mutex)(&matrix_dev->lock);
		left = vfio_ap_removal_count(mdev, -1);
	}
	if (!left)
		vfio_ap_removal_log_cancelled(mdev);
}

static void vfio_ap_removal_queue_work(struct vfio_ap_mdev *mdev)
{
	lockdep_assert_held(&matrix_dev->guests_lock);

	get_device(&mdev->vdev.device);
	/* If the work item was already queued, it holds its own reference. */
	if (mod_delayed_work(vfio_ap_commit_wq, &mdev->removal_work, VFIO_AP_REQUEST_PERIOD))
		put_device(&mdev->vdev.device);
}

/*
 * Keep the mdev blocked after a signal, because the kernel may restart the interrupted write
 * (SA_RESTART), or the program may repeat it. If no task writes to "remove" within
 * VFIO_AP_REQUEST_PERIOD, removal_work cancels the removal. Several interrupted removers count
 * as one.
 */
static void vfio_ap_removal_keep_blocked(struct vfio_ap_mdev *mdev)
{
	guard(mutex)(&matrix_dev->guests_lock);
	guard(mutex)(&matrix_dev->lock);
	if (mdev->remover_interrupted)
		mdev->removers--;
	mdev->remover_interrupted = true;
	mdev->removal_expires = jiffies + VFIO_AP_REQUEST_PERIOD;
	/* An unlinked mdev's work items have been cancelled; do not queue them again. */
	if (mdev->linked)
		vfio_ap_removal_queue_work(mdev);
}

/* Cancel a removal if its write was not restarted in time. Return: true if no remover is left. */
static bool vfio_ap_removal_expire(struct vfio_ap_mdev *mdev)
{
	guard(mutex)(&matrix_dev->guests_lock);
	guard(mutex)(&matrix_dev->lock);
	if (!mdev->linked || !mdev->remover_interrupted ||
	    time_before(jiffies, mdev->removal_expires))
		return false;
	mdev->remover_interrupted = false;
	return !vfio_ap_removal_count(mdev, -1);
}

static void vfio_ap_removal_work(struct work_struct *work)
{
	struct vfio_ap_mdev *mdev =
		container_of(to_delayed_work(work), struct vfio_ap_mdev, removal_work);

	if (vfio_ap_removal_expire(mdev))
		vfio_ap_removal_log_cancelled(mdev);
	put_device(&mdev->vdev.device);
}

/**
 * vfio_ap_removal_init - initialise the mdev fields that removers use
 * @mdev: the mdev
 */
void vfio_ap_removal_init(struct vfio_ap_mdev *mdev)
{
	init_waitqueue_head(&mdev->closed);
	INIT_DELAYED_WORK(&mdev->removal_work, vfio_ap_removal_work);
}

/**
 * vfio_ap_removal_open - begin to open an mdev's device
 * @mdev: the mdev
 *
 * Context: Takes matrix_dev->lock, so that a remover either prevents this open or sees that
 * @mdev->opened is set.
 * Return: true, or false if the mdev is being removed.
 */
bool vfio_ap_removal_open(struct vfio_ap_mdev *mdev)
{
	guard(mutex)(&matrix_dev->lock);
	if (mdev->removers)
		return false;
	WRITE_ONCE(mdev->opened, true);
	return true;
}

/**
 * vfio_ap_removal_close - let removers continue after an mdev's device has been closed
 * @mdev: the mdev, whose open has failed, or whose guest has been detached
 */
void vfio_ap_removal_close(struct vfio_ap_mdev *mdev)
{
	WRITE_ONCE(mdev->opened, false);
	wake_up_all(&mdev->closed);
}

/*
 * @count is the number of earlier requests by this remover. Do not change the text or the
 * frequency of the log lines, because programs may search the log for them.
 */
static void vfio_ap_removal_ask_vmm(struct vfio_ap_mdev *mdev, unsigned int count)
{
	bool asked;

	WRITE_ONCE(mdev->next_request, jiffies + VFIO_AP_REQUEST_PERIOD);
	asked = vfio_ap_trigger_request(mdev);
	if (!READ_ONCE(mdev->opened))
		return;
	if (asked && !(count % 10))
		dev_notice(mdev->vdev.dev, "Relaying device request to user (#%u)\n", count);
	else if (!asked && !count)
		dev_notice(mdev->vdev.dev,
			   "No device request registered, blocked until released by user\n");
}

/**
 * vfio_ap_removal_request - handle the unbinding of the driver from an open mdev
 * @mdev: the mdev
 * @count: number of earlier calls for this unbind
 *
 * VFIO calls this function repeatedly until the device is closed, even after a signal. The
 * guest loses its queues even if the VMM does not close the device, and even if the mdev is
 * protected.
 *
 * Context: Sleeps; none of this driver's locks held.
 */
void vfio_ap_removal_request(struct vfio_ap_mdev *mdev, unsigned int count)
{
	if (!count)
		vfio_ap_removal_block(mdev, true);
	vfio_ap_removal_ask_vmm(mdev, count);
}

/*
 * Repeat the release request until the VMM closes the device. Return: 0, or -ERESTARTSYS after
 * a signal.
 */
static int vfio_ap_removal_wait_closed(struct vfio_ap_mdev *mdev)
{
	unsigned long now, next;
	unsigned int count;
	long left;

	for (count = 1;; count++) {
		now = jiffies;
		next = READ_ONCE(mdev->next_request);
		left = wait_event_interruptible_timeout(mdev->closed, !READ_ONCE(mdev->opened),
							time_before(now, next) ? next - now : 0);
		if (left)
			return left < 0 ? left : 0;
		vfio_ap_removal_ask_vmm(mdev, count);
	}
}

/**
 * vfio_ap_removal_prepare - wait until an mdev can be removed
 * @mdev: the mdev; the caller holds a reference to it
 *
 * Runs before VFIO unregisters the device, because a signal can still cancel the removal at
 * that point. After SIGKILL, the guest gets its queues back at once. After any other signal,
 * the write to "remove" may be restarted, so the guest gets its queues back only after 10 s
 * without another write. Signals that dump core, such as SIGQUIT, are no exception, because
 * fatal_signal_pending() does not recognize them.
 *
 * Context: Sleeps; none of this driver's locks held. Interruptible.
 * Return: 0; -EBUSY, with a log line, if the mdev is protected; -ERESTARTSYS after a signal.
 */
int vfio_ap_removal_prepare(struct vfio_ap_mdev *mdev)
{
	int ret;

	ret = vfio_ap_removal_block(mdev, false);
	if (ret < 0) {
		vfio_ap_owner_log_refusal(mdev);
		return ret;
	}
	/* If this task took over a removal, the VMM has already been asked to close the device. */
	if (!ret)
		vfio_ap_removal_ask_vmm(mdev, 0);
	ret = vfio_ap_removal_wait_closed(mdev);
	if (ret && fatal_signal_pending(current))
		vfio_ap_removal_unblock(mdev);
	else if (ret)
		vfio_ap_removal_keep_blocked(mdev);
	return ret;
}
