// SPDX-License-Identifier: GPL-2.0
/* The life cycle of an mdev and of its VFIO device. */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vfio_ap_diag.h"
#include "vfio_ap_private.h"

#define VFIO_AP_TYPE_ID		"passthrough"
#define VFIO_AP_TYPE_NAME	"VFIO AP Passthrough Device"
/* Allow one mdev for each possible queue. */
#define VFIO_AP_MAX_MDEVS	(AP_DEVICES * AP_DOMAINS)

static struct vfio_ap_mdev *to_vfio_ap_mdev(struct vfio_device *vdev)
{
	return container_of(vdev, struct vfio_ap_mdev, vdev);
}

static int vfio_ap_mdev_init(struct vfio_device *vdev)
{
	struct vfio_ap_mdev *mdev = to_vfio_ap_mdev(vdev);

	vfio_ap_notify_init(mdev);
	vfio_ap_removal_init(mdev);
	mutex_init(&mdev->trigger_lock);
	INIT_DELAYED_WORK(&mdev->commit_work, vfio_ap_tx_commit_work);
	return 0;
}

static void vfio_ap_mdev_release(struct vfio_device *vdev)
{
	mutex_destroy(&to_vfio_ap_mdev(vdev)->trigger_lock);
	vfio_ap_dry_run_free(to_vfio_ap_mdev(vdev));
}

static int vfio_ap_mdev_open(struct vfio_device *vdev)
{
	struct vfio_ap_mdev *mdev = to_vfio_ap_mdev(vdev);
	int ret;

	if (!vdev->kvm)
		return -EINVAL;
	if (!vfio_ap_removal_open(mdev))
		return -ENODEV;
	ret = vfio_ap_guest_attach(mdev, vdev->kvm);
	if (ret)
		vfio_ap_removal_close(mdev);
	return ret;
}

static void vfio_ap_mdev_close(struct vfio_device *vdev)
{
	vfio_ap_guest_detach(to_vfio_ap_mdev(vdev));
	vfio_ap_trigger_release_all(to_vfio_ap_mdev(vdev));
	vfio_ap_removal_close(to_vfio_ap_mdev(vdev));
}

static void vfio_ap_mdev_request(struct vfio_device *vdev, unsigned int count)
{
	vfio_ap_removal_request(to_vfio_ap_mdev(vdev), count);
}

static int vfio_ap_mdev_get_info(struct vfio_device_info __user *arg)
{
	const size_t known = offsetofend(struct vfio_device_info, num_irqs);
	/* The device has no regions; vfio_ap_trigger.c implements its interrupts. */
	struct vfio_device_info info = {
		.flags = VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_AP,
		.num_irqs = VFIO_AP_NUM_IRQS,
	};

	if (get_user(info.argsz, &arg->argsz))
		return -EFAULT;
	if (info.argsz < known)
		return -EINVAL;
	return copy_to_user(arg, &info, known) ? -EFAULT : 0;
}

static long vfio_ap_mdev_ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return vfio_ap_mdev_get_info((void __user *)arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return vfio_ap_trigger_info((void __user *)arg);
	case VFIO_DEVICE_SET_IRQS:
		return vfio_ap_trigger_set(to_vfio_ap_mdev(vdev), (void __user *)arg);
	case VFIO_DEVICE_RESET:
		return vfio_ap_guest_reset(to_vfio_ap_mdev(vdev));
	default:
		return -EOPNOTSUPP;
	}
}

/* There is no dma_unmap callback, because the driver does not pin pages through VFIO. */
static const struct vfio_device_ops vfio_ap_mdev_ops = {
	.name = "vfio-ap",
	.init = vfio_ap_mdev_init,
	.release = vfio_ap_mdev_release,
	.open_device = vfio_ap_mdev_open,
	.close_device = vfio_ap_mdev_close,
	.ioctl = vfio_ap_mdev_ioctl,
	.request = vfio_ap_mdev_request,
	.bind_iommufd = vfio_iommufd_emulated_bind,
	.unbind_iommufd = vfio_iommufd_emulated_unbind,
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
};

static void vfio_ap_mdev_cancel_work(struct vfio_ap_mdev *mdev, struct delayed_work *work)
{
	if (cancel_delayed_work_sync(work))
		put_device(&mdev->vdev.device);
}

/*
 * Unlink an mdev, and wait for its work items, because they use the module's code and the
 * mdev_device. Work items are queued only for linked mdevs, so no work item is queued after the
 * mdev has been unlinked.
 */
static void vfio_ap_mdev_retire(struct vfio_ap_mdev *mdev)
{
	vfio_ap_mdev_unlink(mdev);
	/* Cancel commit_work before notify_work, because a commit may queue notify_work. */
	vfio_ap_mdev_cancel_work(mdev, &mdev->commit_work);
	vfio_ap_mdev_cancel_work(mdev, &mdev->removal_work);
	vfio_ap_notify_unlinked(mdev);
}

static int vfio_ap_mdev_probe(struct mdev_device *device)
{
	struct vfio_ap_mdev *mdev;
	int ret;

	mdev = vfio_alloc_device(vfio_ap_mdev, vdev, &device->dev, &vfio_ap_mdev_ops);
	if (IS_ERR(mdev))
		return PTR_ERR(mdev);

	vfio_ap_mdev_link(mdev);
	dev_set_drvdata(&device->dev, mdev);
	ret = vfio_register_emulated_iommu_dev(&mdev->vdev);
	if (ret) {
		vfio_ap_mdev_retire(mdev);
		vfio_put_device(&mdev->vdev);
	}
	return ret;
}

static void vfio_ap_mdev_remove(struct mdev_device *device)
{
	struct vfio_ap_mdev *mdev = dev_get_drvdata(&device->dev);

	/* Wait until the VMM has closed the device. The close takes all queues from the guest. */
	vfio_unregister_group_dev(&mdev->vdev);
	vfio_ap_mdev_retire(mdev);
	vfio_put_device(&mdev->vdev);
}

static struct mdev_driver vfio_ap_mdev_driver = {
	.driver = {
		.dev_groups = vfio_ap_mdev_groups,
		.mod_name = KBUILD_MODNAME,
		.name = "vfio_ap_mdev",
		.owner = THIS_MODULE,
	},
	.max_instances = VFIO_AP_MAX_MDEVS,
	.device_api = VFIO_DEVICE_API_AP_STRING,
	.remove = vfio_ap_mdev_remove,
	.probe = vfio_ap_mdev_probe,
};

/**
 * vfio_ap_mdev_register - register the mdev driver and the mdev type
 *
 * Context: Module initialisation.
 * Return: 0, or the errno from the mdev core.
 */
int vfio_ap_mdev_register(void)
{
	int ret;

	ret = mdev_register_driver(&vfio_ap_mdev_driver);
	if (ret)
		return ret;

	matrix_dev->mdev_type.sysfs_name = VFIO_AP_TYPE_ID;
	matrix_dev->mdev_type.pretty_name = VFIO_AP_TYPE_NAME;
	matrix_dev->mdev_types[0] = &matrix_dev->mdev_type;
	ret = mdev_register_parent(&matrix_dev->parent, &matrix_dev->device,
				   &vfio_ap_mdev_driver, matrix_dev->mdev_types,
				   ARRAY_SIZE(matrix_dev->mdev_types));
	if (ret)
		mdev_unregister_driver(&vfio_ap_mdev_driver);
	return ret;
}

/**
 * vfio_ap_mdev_unregister - remove all mdevs and the mdev type
 *
 * Context: Module exit.
 */
void vfio_ap_mdev_unregister(void)
{
	mdev_unregister_parent(&matrix_dev->parent);
	mdev_unregister_driver(&vfio_ap_mdev_driver);
}
