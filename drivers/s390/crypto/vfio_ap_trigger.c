// SPDX-License-Identifier: GPL-2.0
/*
 * The eventfds of a VMM. One asks the VMM to release the mdev. The other tells the VMM that
 * the guest's AP configuration has changed.
 */
#include <linux/eventfd.h>
#include <linux/uaccess.h>

#include "vfio_ap_private.h"

/*
 * eventfd_signal() wakes all pollers of the eventfd, and the VMM decides how many there are.
 * Therefore, hold no lock here that another mdev needs.
 */
static bool vfio_ap_trigger_signal(struct vfio_ap_mdev *mdev, unsigned int index)
{
	lockdep_assert_not_held(&ap_attr_mutex);
	lockdep_assert_not_held(&matrix_dev->guests_lock);
	lockdep_assert_not_held(&matrix_dev->lock);

	guard(mutex)(&mdev->trigger_lock);
	if (!mdev->triggers[index])
		return false;
	eventfd_signal(mdev->triggers[index]);
	return true;
}

/**
 * vfio_ap_trigger_config_changed - signal that the guest's APCB has changed
 * @mdev: the guest's mdev
 *
 * Context: Sleeps; neither kvm->lock nor any of this driver's locks held.
 */
void vfio_ap_trigger_config_changed(struct vfio_ap_mdev *mdev)
{
	vfio_ap_trigger_signal(mdev, VFIO_AP_CFG_CHG_IRQ_INDEX);
}

/**
 * vfio_ap_trigger_request - ask the VMM to release an mdev
 * @mdev: the mdev
 *
 * Context: Sleeps; neither kvm->lock nor any of this driver's locks held.
 * Return: false if the VMM has registered no eventfd for requests.
 */
bool vfio_ap_trigger_request(struct vfio_ap_mdev *mdev)
{
	return vfio_ap_trigger_signal(mdev, VFIO_AP_REQ_IRQ_INDEX);
}

static void vfio_ap_trigger_replace(struct vfio_ap_mdev *mdev, unsigned int index,
				    struct eventfd_ctx *trigger)
{
	scoped_guard(mutex, &mdev->trigger_lock)
		swap(mdev->triggers[index], trigger);
	if (trigger)
		eventfd_ctx_put(trigger);
}

/**
 * vfio_ap_trigger_release_all - release the VMM's eventfds
 * @mdev: the mdev, whose device is closed
 *
 * Context: Sleeps.
 */
void vfio_ap_trigger_release_all(struct vfio_ap_mdev *mdev)
{
	unsigned int index;

	for (index = 0; index < VFIO_AP_NUM_IRQS; index++)
		vfio_ap_trigger_replace(mdev, index, NULL);
}

/**
 * vfio_ap_trigger_info - handle VFIO_DEVICE_GET_IRQ_INFO
 * @arg: struct vfio_irq_info in user space
 *
 * Context: Sleeps.
 * Return: 0; -EFAULT if @arg cannot be accessed; -EINVAL if argsz is too small or the index
 * does not exist.
 */
int vfio_ap_trigger_info(struct vfio_irq_info __user *arg)
{
	const size_t known = offsetofend(struct vfio_irq_info, count);
	struct vfio_irq_info info;

	if (copy_from_user(&info, arg, known))
		return -EFAULT;
	if (info.argsz < known || info.index >= VFIO_AP_NUM_IRQS)
		return -EINVAL;
	info.flags = VFIO_IRQ_INFO_EVENTFD;
	info.count = 1;
	return copy_to_user(arg, &info, known) ? -EFAULT : 0;
}

/**
 * vfio_ap_trigger_set - handle VFIO_DEVICE_SET_IRQS: set, replace or remove an eventfd
 * @mdev: the mdev, whose device is open
 * @arg: struct vfio_irq_set in user space, followed by a file descriptor, or by -1 to remove
 *	the eventfd
 *
 * Context: Sleeps.
 * Return:
 * * 0: the eventfd was set, replaced or removed
 * * -EFAULT: @arg cannot be read
 * * -EINVAL: the flags or the count are wrong, the index does not exist, or the file is not
 *   an eventfd
 * * -EBADF: no such file descriptor
 */
int vfio_ap_trigger_set(struct vfio_ap_mdev *mdev, struct vfio_irq_set __user *arg)
{
	const size_t known = offsetofend(struct vfio_irq_set, count);
	struct eventfd_ctx *trigger;
	struct vfio_irq_set set;
	size_t size;
	int ret;
	s32 fd;

	if (copy_from_user(&set, arg, known))
		return -EFAULT;
	ret = vfio_set_irqs_validate_and_prepare(&set, 1, VFIO_AP_NUM_IRQS, &size);
	if (ret)
		return ret;
	/* If the count is 0, no file descriptor follows the structure. */
	if ((set.flags & VFIO_IRQ_SET_DATA_TYPE_MASK) != VFIO_IRQ_SET_DATA_EVENTFD ||
	    !(set.flags & VFIO_IRQ_SET_ACTION_TRIGGER) || set.count != 1)
		return -EINVAL;
	if (get_user(fd, (s32 __user *)arg->data))
		return -EFAULT;
	if (fd < -1)
		return -EINVAL;
	trigger = fd == -1 ? NULL : eventfd_ctx_fdget(fd);
	if (IS_ERR(trigger))
		return PTR_ERR(trigger);
	vfio_ap_trigger_replace(mdev, set.index, trigger);
	return 0;
}
