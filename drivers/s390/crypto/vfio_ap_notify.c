// SPDX-License-Identifier: GPL-2.0
/*
 * Who watches the attributes is told when they change: poll() of guest_matrix,
 * guest_ap_config and of the status of queues, and an uevent of the mdev. By a
 * work item, so that no writer and no other guest pays for it.
 */
#include <linux/sysfs.h>

#include "vfio_ap_private.h"

static bool vfio_ap_notify_queue(struct vfio_ap_slot *slot)
{
	struct ap_queue *queue = ap_get_qdev(slot->apqn);

	if (queue) {
		sysfs_notify(&queue->ap_dev.device.kobj, NULL, "status");
		put_device(&queue->ap_dev.device);
	}
	return false;
}

static void vfio_ap_notify_queues(const struct vfio_ap_matrix *old,
				  const struct vfio_ap_matrix *new)
{
	vfio_ap_slot_visit(old, new, vfio_ap_notify_queue);
	vfio_ap_slot_visit(new, old, vfio_ap_notify_queue);
}

static void vfio_ap_notify_uevent(struct vfio_ap_mdev *mdev, u64 updates)
{
	char number[sizeof("GUEST_UPDATE=") + 20];
	char *env[] = { number, NULL };

	snprintf(number, sizeof(number), "GUEST_UPDATE=%llu", updates);
	kobject_uevent_env(&mdev->vdev.dev->kobj, KOBJ_CHANGE, env);
}

static void vfio_ap_notify_work(struct work_struct *work)
{
	struct vfio_ap_mdev *mdev = container_of(work, struct vfio_ap_mdev, notify_work);
	struct kobject *kobj = &mdev->vdev.dev->kobj;
	struct vfio_ap_told old, new;

	scoped_guard(mutex, &matrix_dev->guests_lock) {
		guard(mutex)(&matrix_dev->lock);
		old = mdev->told;
		vfio_ap_told_set(&mdev->told, mdev);
		new = mdev->told;
	}
	if (!vfio_ap_matrix_equal(&old.guest, &new.guest)) {
		sysfs_notify(kobj, NULL, "guest_matrix");
		sysfs_notify(kobj, NULL, "guest_ap_config");
	}
	vfio_ap_notify_queues(&old.assigned, &new.assigned);
	vfio_ap_notify_queues(&old.in_use, &new.in_use);
	if (old.updates != new.updates)
		vfio_ap_notify_uevent(mdev, new.updates);
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
	INIT_WORK(&mdev->notify_work, vfio_ap_notify_work);
}

/**
 * vfio_ap_notify_later - tell what is not told yet of an mdev
 * @mdev: the mdev, linked
 *
 * Context: guests_lock held.
 */
void vfio_ap_notify_later(struct vfio_ap_mdev *mdev)
{
	lockdep_assert_held(&matrix_dev->guests_lock);

	get_device(&mdev->vdev.device);
	if (!queue_work(vfio_ap_commit_wq, &mdev->notify_work))
		put_device(&mdev->vdev.device);
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
	if (cancel_work_sync(&mdev->notify_work))
		put_device(&mdev->vdev.device);
	vfio_ap_slot_visit(&mdev->assigned, NULL, vfio_ap_notify_queue);
}
