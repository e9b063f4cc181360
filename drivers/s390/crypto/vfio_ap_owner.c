// SPDX-License-Identifier: GPL-2.0
/*
 * The owner label of an mdev, and the protection of an mdev against removal.
 *
 * A program that removes all mdevs that it does not know may remove one that a running guest
 * uses. The label tells administrators whom to ask, and a write to the "remove" attribute of a
 * protected mdev fails.
 */
#include <linux/ctype.h>
#include <linux/sched.h>
#include <linux/sysfs.h>

#include "vfio_ap_private.h"

/**
 * vfio_ap_owner_copy - copy an mdev's owner label
 * @mdev: the mdev
 * @label: receives the label; empty if the mdev has no label
 *
 * Context: matrix_dev->lock held.
 */
void vfio_ap_owner_copy(const struct vfio_ap_mdev *mdev, char label[VFIO_AP_OWNER_SIZE])
{
	lockdep_assert_held(&matrix_dev->lock);

	strscpy(label, mdev->owner, VFIO_AP_OWNER_SIZE);
}

/**
 * vfio_ap_owner_find - find an mdev by its UUID, and copy its owner label
 * @uuid: the UUID
 * @label: receives the label; empty if the mdev does not exist or has no label
 *
 * Context: Takes matrix_dev->lock.
 */
void vfio_ap_owner_find(const char *uuid, char label[VFIO_AP_OWNER_SIZE])
{
	struct vfio_ap_mdev *mdev;

	label[0] = 0;
	guard(mutex)(&matrix_dev->lock);
	list_for_each_entry(mdev, &matrix_dev->mdevs, node) {
		if (!strcmp(dev_name(mdev->vdev.dev), uuid))
			vfio_ap_owner_copy(mdev, label);
	}
}

/**
 * vfio_ap_owner_log_refusal - log that a protected mdev was not removed
 * @mdev: the mdev
 *
 * Context: Called by the task that writes to "remove". Takes matrix_dev->lock.
 */
void vfio_ap_owner_log_refusal(struct vfio_ap_mdev *mdev)
{
	char label[VFIO_AP_OWNER_SIZE];

	scoped_guard(mutex, &matrix_dev->lock)
		vfio_ap_owner_copy(mdev, label);
	dev_notice_ratelimited(mdev->vdev.dev,
			       "Removal by %s (%d) refused: protected, owner: %s\n",
			       current->comm, task_pid_nr(current), label[0] ? label : "unknown");
}

static ssize_t owner_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vfio_ap_mdev *mdev = dev_get_drvdata(dev);

	guard(mutex)(&matrix_dev->lock);
	return mdev->owner[0] ? sysfs_emit(buf, "%s\n", mdev->owner) : 0;
}

/* Test for an ASCII control character, or for a C1 control character (two bytes in UTF-8). */
static bool vfio_ap_owner_is_control(const char *text)
{
	return iscntrl(text[0]) ||
	       ((u8)text[0] == 0xc2 && (u8)text[1] >= 0x80 && (u8)text[1] < 0xa0);
}

static ssize_t owner_store(struct device *dev, struct device_attribute *attr, const char *buf,
			   size_t count)
{
	struct vfio_ap_mdev *mdev = dev_get_drvdata(dev);
	size_t i, length = strlen(buf);

	if (length && buf[length - 1] == '\n')
		length--;
	if (length >= VFIO_AP_OWNER_SIZE)
		return -EINVAL;
	/* The label must neither look like several lines in the log nor control a terminal. */
	for (i = 0; i < length; i++) {
		if (vfio_ap_owner_is_control(&buf[i]))
			return -EINVAL;
	}

	guard(mutex)(&matrix_dev->lock);
	memcpy(mdev->owner, buf, length);
	mdev->owner[length] = 0;
	return count;
}
static DEVICE_ATTR_RW(owner);

static struct attribute *vfio_ap_owner_attrs[] = {
	&dev_attr_owner.attr,
	NULL
};

const struct attribute_group vfio_ap_owner_group = {
	.attrs = vfio_ap_owner_attrs,
};
