// SPDX-License-Identifier: GPL-2.0
/*
 * Who watches the attributes is told when they change: poll() of guest_matrix,
 * guest_ap_config, queue_states and of the status of queues, and an uevent of
 * the mdev. By a work item, so that no writer and no other guest pays for it.
 */
#include <linux/sysfs.h>

#include "vfio_ap_private.h"

static bool vfio_ap_notify_queue(struct vfio_ap_slot *slot)
{
	struct ap_queue *queue = ap_get_qdev(slot->apqn);
	struct device *device;

	if (!queue)
		return false;
	device = &queue->ap_dev.device;
	/* With a driver under this lock, the bus cannot take the files away meanwhile. */
	device_lock(device);
	if (device->driver)
		sysfs_notify(&device->kobj, NULL, "status");
	device_unlock(device);
	put_device(device);
	return false;
}

static void vfio_ap_span_extend(struct vfio_ap_span *span, const struct vfio_ap_matrix *matrix)
{
	vfio_ap_matrix_or(&span->ever, &span->ever, matrix);
	vfio_ap_matrix_and(&span->always, &span->always, matrix);
}

static void vfio_ap_span_begin(struct vfio_ap_span *span, const struct vfio_ap_matrix *matrix)
{
	span->ever = *matrix;
	span->always = *matrix;
}

static void vfio_ap_notify_span(const struct vfio_ap_span *span)
{
	vfio_ap_slot_visit(&span->ever, &span->always, vfio_ap_notify_queue);
}

static bool vfio_ap_news_is_empty(const struct vfio_ap_mdev *mdev)
{
	const struct vfio_ap_news *news = &mdev->news;

	lockdep_assert_held(&matrix_dev->guests_lock);

	return !news->guest_changed && news->updates == mdev->updates &&
	       vfio_ap_matrix_equal(&news->assigned.ever, &news->assigned.always) &&
	       vfio_ap_matrix_equal(&news->in_use.ever, &news->in_use.always);
}

/* Takes the news, so that what happens from now on is news again. Return: updates by now. */
static u64 vfio_ap_news_take(struct vfio_ap_mdev *mdev, struct vfio_ap_news *news)
{
	static const struct vfio_ap_matrix nothing;

	guard(mutex)(&matrix_dev->guests_lock);
	guard(mutex)(&matrix_dev->lock);
	*news = mdev->news;
	mdev->numbers.notified += !vfio_ap_news_is_empty(mdev);
	mdev->news.guest_changed = false;
	mdev->news.updates = mdev->updates;
	vfio_ap_span_begin(&mdev->news.assigned, &mdev->assigned);
	vfio_ap_span_begin(&mdev->news.in_use, mdev->attachment ? &mdev->guest : &nothing);
	return mdev->updates;
}

static void vfio_ap_notify_uevent(struct vfio_ap_mdev *mdev, u64 updates)
{
	char number[sizeof("GUEST_UPDATE=") + 20];
	char *env[2] = { number };

	snprintf(number, sizeof(number), "GUEST_UPDATE=%llu", updates);
	kobject_uevent_env(&mdev->vdev.dev->kobj, KOBJ_CHANGE, env);
}

static void vfio_ap_notify_work(struct work_struct *work)
{
	struct vfio_ap_mdev *mdev =
		container_of(to_delayed_work(work), struct vfio_ap_mdev, notify_work);
	struct kobject *kobj = &mdev->vdev.dev->kobj;
	struct vfio_ap_news news;
	u64 updates;

	updates = vfio_ap_news_take(mdev, &news);
	/* Any other news is one of states, too. */
	sysfs_notify(kobj, NULL, "queue_states");
	if (news.guest_changed) {
		sysfs_notify(kobj, NULL, "guest_matrix");
		sysfs_notify(kobj, NULL, "guest_ap_config");
	}
	vfio_ap_notify_span(&news.assigned);
	vfio_ap_notify_span(&news.in_use);
	if (updates != news.updates)
		vfio_ap_notify_uevent(mdev, updates);
	put_device(&mdev->vdev.device);
}

/**
 * vfio_ap_notify_init - prepare the work item of an mdev
 * @mdev: the mdev
 *
 * Context: Any.
 */
void vfio_ap_notify_init(struct vfio_ap_mdev *mdev)
{
	INIT_DELAYED_WORK(&mdev->notify_work, vfio_ap_notify_work);
}

/**
 * vfio_ap_notify_states - tell that the state of a queue may have changed
 * @mdev: the mdev that it is assigned to; linked, since vfio_ap_notify_gone() waits
 *	for the work item once
 *
 * Context: guests_lock or matrix_dev->lock held.
 */
void vfio_ap_notify_states(struct vfio_ap_mdev *mdev)
{
	vfio_ap_mdev_assert_stays_linked();

	get_device(&mdev->vdev.device);
	/* Not at once: a worker that runs here before the writer goes on is no help. */
	if (!queue_delayed_work(vfio_ap_commit_wq, &mdev->notify_work, 1))
		put_device(&mdev->vdev.device);
}

/**
 * vfio_ap_notify_commit - tell what a commit changed
 * @tx: the transaction
 * @shown_before: what guest_matrix showed before the commit
 *
 * Comes a tick later, so changes that follow each other are told of together.
 *
 * Context: guests_lock and matrix_dev->lock held.
 */
void vfio_ap_notify_commit(struct vfio_ap_guest_tx *tx, const struct vfio_ap_matrix *shown_before)
{
	struct vfio_ap_mdev *mdev = tx->mdev;
	struct vfio_ap_news *news = &mdev->news;

	lockdep_assert_held(&matrix_dev->guests_lock);
	lockdep_assert_held(&matrix_dev->lock);

	if (!vfio_ap_matrix_equal(shown_before, &mdev->guest))
		news->guest_changed = true;
	vfio_ap_span_extend(&news->assigned, &mdev->assigned);
	if (tx->attachment)
		vfio_ap_span_extend(&news->in_use, &tx->new);
	if (!vfio_ap_news_is_empty(mdev))
		vfio_ap_notify_states(mdev);
}

/**
 * vfio_ap_notify_gone - tell that what was assigned to an mdev is free
 * @mdev: the mdev, unlinked
 *
 * Context: Sleeps; no lock of this driver held.
 */
void vfio_ap_notify_gone(struct vfio_ap_mdev *mdev)
{
	/* Its last news would come when the mdev's files have gone. */
	if (cancel_delayed_work_sync(&mdev->notify_work))
		put_device(&mdev->vdev.device);
	/* No lock: who could still change the news would need the mdev to be linked. */
	vfio_ap_slot_visit(&mdev->news.assigned.ever, NULL, vfio_ap_notify_queue);
	vfio_ap_notify_span(&mdev->news.in_use);
}
