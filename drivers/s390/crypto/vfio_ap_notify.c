// SPDX-License-Identifier: GPL-2.0
/*
 * Notify user space of changes. This file implements poll() for an mdev's guest_matrix,
 * guest_ap_config and queue_states and for a queue's status, and sends an mdev's uevents. A
 * work item notifies the pollers, so that neither the writer nor another guest waits for them.
 */
#include <linux/sysfs.h>

#include "vfio_ap_diag.h"
#include "vfio_ap_private.h"

static bool vfio_ap_notify_queue(struct vfio_ap_queue *q)
{
	struct ap_queue *queue = ap_get_qdev(q->apqn);
	struct device *device;

	if (!queue)
		return false;
	device = &queue->ap_dev.device;
	/*
	 * The device lock prevents the queue from being unbound, which would remove the
	 * attribute.
	 */
	device_lock(device);
	if (device->driver)
		sysfs_notify(&device->kobj, NULL, "status");
	device_unlock(device);
	put_device(device);
	return false;
}

static void vfio_ap_delta_extend(struct vfio_ap_delta *delta, const struct vfio_ap_matrix *matrix)
{
	vfio_ap_matrix_or(&delta->ever, &delta->ever, matrix);
	vfio_ap_matrix_and(&delta->always, &delta->always, matrix);
}

static void vfio_ap_delta_begin(struct vfio_ap_delta *delta, const struct vfio_ap_matrix *matrix)
{
	delta->ever = *matrix;
	delta->always = *matrix;
}

static void vfio_ap_notify_delta(const struct vfio_ap_delta *delta)
{
	vfio_ap_queue_visit(&delta->ever, &delta->always, vfio_ap_notify_queue);
}

static bool vfio_ap_events_are_pending(const struct vfio_ap_mdev *mdev)
{
	const struct vfio_ap_pending_events *events = &mdev->pending_events;

	lockdep_assert_held(&matrix_dev->guests_lock);

	return events->guest_changed || events->updates != mdev->updates ||
	       !vfio_ap_matrix_equal(&events->assigned.ever, &events->assigned.always) ||
	       !vfio_ap_matrix_equal(&events->in_use.ever, &events->in_use.always);
}

static const struct vfio_ap_matrix *vfio_ap_notify_in_use(const struct vfio_ap_mdev *mdev)
{
	lockdep_assert_held(&matrix_dev->lock);

	return mdev->attachment ? &mdev->shadow_apcb : &vfio_ap_matrix_empty;
}

/* Move the pending events to @events. Return: the mdev's current number of updates. */
static u64 vfio_ap_events_take(struct vfio_ap_mdev *mdev, struct vfio_ap_pending_events *events)
{
	guard(mutex)(&matrix_dev->guests_lock);
	guard(mutex)(&matrix_dev->lock);
	*events = mdev->pending_events;
	if (vfio_ap_events_are_pending(mdev))
		vfio_ap_event_notified(mdev);
	mdev->pending_events.guest_changed = false;
	mdev->pending_events.updates = mdev->updates;
	vfio_ap_delta_begin(&mdev->pending_events.assigned, &mdev->assigned);
	vfio_ap_delta_begin(&mdev->pending_events.in_use, vfio_ap_notify_in_use(mdev));
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
	struct vfio_ap_pending_events events;
	u64 updates;

	updates = vfio_ap_events_take(mdev, &events);
	/* Any of the events can change what queue_states shows. */
	sysfs_notify(kobj, NULL, "queue_states");
	if (events.guest_changed) {
		sysfs_notify(kobj, NULL, "guest_matrix");
		sysfs_notify(kobj, NULL, "guest_ap_config");
	}
	vfio_ap_notify_delta(&events.assigned);
	vfio_ap_notify_delta(&events.in_use);
	if (updates != events.updates)
		vfio_ap_notify_uevent(mdev, updates);
	put_device(&mdev->vdev.device);
}

/**
 * vfio_ap_notify_init - initialise an mdev's notify_work
 * @mdev: the mdev
 */
void vfio_ap_notify_init(struct vfio_ap_mdev *mdev)
{
	INIT_DELAYED_WORK(&mdev->notify_work, vfio_ap_notify_work);
}

/**
 * vfio_ap_notify_commit - record what a commit changed, and queue the notification
 * @mdev: the mdev
 * @shown_before: the mdev's shadow_apcb before the commit
 *
 * Context: guests_lock and matrix_dev->lock held.
 */
void vfio_ap_notify_commit(struct vfio_ap_mdev *mdev,
			   const struct vfio_ap_matrix *shown_before)
{
	struct vfio_ap_pending_events *events = &mdev->pending_events;

	lockdep_assert_held(&matrix_dev->guests_lock);
	lockdep_assert_held(&matrix_dev->lock);

	if (!vfio_ap_matrix_equal(shown_before, &mdev->shadow_apcb))
		events->guest_changed = true;
	vfio_ap_delta_extend(&events->assigned, &mdev->assigned);
	vfio_ap_delta_extend(&events->in_use, vfio_ap_notify_in_use(mdev));
	if (vfio_ap_events_are_pending(mdev))
		vfio_ap_mdev_notify_later(mdev);
}

/**
 * vfio_ap_notify_unlinked - notify pollers that an mdev's queues are no longer assigned
 * @mdev: the mdev, already removed from the list of mdevs
 *
 * Context: Sleeps; none of this driver's locks held.
 */
void vfio_ap_notify_unlinked(struct vfio_ap_mdev *mdev)
{
	/* The mdev's attributes have been removed, so only its queues can have pollers. */
	if (cancel_delayed_work_sync(&mdev->notify_work))
		put_device(&mdev->vdev.device);
	/* No lock is needed, because an mdev gets no events after it has been unlinked. */
	vfio_ap_queue_visit(&mdev->pending_events.assigned.ever, NULL, vfio_ap_notify_queue);
	vfio_ap_notify_delta(&mdev->pending_events.in_use);
}
