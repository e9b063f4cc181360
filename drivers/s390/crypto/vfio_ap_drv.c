// SPDX-License-Identifier: GPL-2.0
/*
 * Module initialisation and exit, and registration with the AP bus.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/slab.h>
#include <asm/facility.h>

#include "vfio_ap_diag.h"
#include "vfio_ap_private.h"

MODULE_DESCRIPTION("VFIO AP: passes adjunct processor queues to KVM guests");
MODULE_LICENSE("GPL");

struct vfio_ap_matrix_dev *matrix_dev;
debug_info_t *vfio_ap_dbf;

#define VFIO_AP_QUEUE_TYPE(type)	\
	{ .dev_type = (type), .match_flags = AP_DEVICE_ID_MATCH_QUEUE_TYPE }

static struct ap_device_id vfio_ap_queue_ids[] = {
	VFIO_AP_QUEUE_TYPE(AP_DEVICE_TYPE_CEX4),
	VFIO_AP_QUEUE_TYPE(AP_DEVICE_TYPE_CEX5),
	VFIO_AP_QUEUE_TYPE(AP_DEVICE_TYPE_CEX6),
	VFIO_AP_QUEUE_TYPE(AP_DEVICE_TYPE_CEX7),
	VFIO_AP_QUEUE_TYPE(AP_DEVICE_TYPE_CEX8),
	{}
};

static int vfio_ap_drv_probe(struct ap_device *device)
{
	return vfio_ap_host_probe(to_ap_queue(&device->device));
}

static void vfio_ap_drv_remove(struct ap_device *device)
{
	vfio_ap_host_remove(to_ap_queue(&device->device));
}

static int vfio_ap_drv_in_use(unsigned long *apm, unsigned long *aqm)
{
	return vfio_ap_host_in_use(apm, aqm);
}

static void vfio_ap_drv_on_config_changed(struct ap_config_info *new,
					  struct ap_config_info *old)
{
	vfio_ap_host_config_changed(new, old);
}

static void vfio_ap_drv_on_scan_complete(struct ap_config_info *new,
					 struct ap_config_info *old)
{
	vfio_ap_host_config_changed(new, NULL);
}

static struct ap_driver vfio_ap_drv = {
	.driver.dev_groups = vfio_ap_queue_groups,
	.ids = vfio_ap_queue_ids,
	.probe = vfio_ap_drv_probe,
	.remove = vfio_ap_drv_remove,
	.in_use = vfio_ap_drv_in_use,
	.on_config_changed = vfio_ap_drv_on_config_changed,
	.on_scan_complete = vfio_ap_drv_on_scan_complete,
};

static const struct bus_type vfio_ap_matrix_bus = {
	.name = "matrix",
};

static struct device_driver vfio_ap_matrix_driver = {
	.name = VFIO_AP_MODULE_NAME,
	.bus = &vfio_ap_matrix_bus,
	.suppress_bind_attrs = true,
};

static void vfio_ap_matrix_dev_release(struct device *device)
{
	struct vfio_ap_matrix_dev *gone =
		container_of(device, struct vfio_ap_matrix_dev, device);

	xa_destroy(&gone->queues);
	mutex_destroy(&gone->lock);
	mutex_destroy(&gone->guests_lock);
	kfree(gone);
}

static int vfio_ap_matrix_dev_register(struct device *root)
{
	int ret;

	matrix_dev = kzalloc(sizeof(*matrix_dev), GFP_KERNEL);
	if (!matrix_dev)
		return -ENOMEM;

	mutex_init(&matrix_dev->guests_lock);
	mutex_init(&matrix_dev->lock);
	INIT_LIST_HEAD(&matrix_dev->mdevs);
	xa_init(&matrix_dev->queues);

	device_initialize(&matrix_dev->device);
	matrix_dev->device.parent = root;
	matrix_dev->device.bus = &vfio_ap_matrix_bus;
	matrix_dev->device.groups = vfio_ap_matrix_groups;
	matrix_dev->device.release = vfio_ap_matrix_dev_release;
	ret = dev_set_name(&matrix_dev->device, "matrix");
	if (!ret)
		ret = device_add(&matrix_dev->device);
	if (ret)
		put_device(&matrix_dev->device);
	return ret;
}

/*
 * Without QCI (facility 12), the driver does not know the host's configuration and passes
 * no queue through.
 */
static int vfio_ap_read_config(void)
{
	struct ap_config_info *info;
	int ret = 0;

	/* Do not use the stack, which may be vmapped, because QCI needs a real address. */
	info = kzalloc_obj(*info, GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	if (test_facility(12))
		ret = vfio_ap_host_read_config(info);
	else
		vfio_ap_host_config_changed(info, NULL);
	kfree(info);
	return ret;
}

static void vfio_ap_workqueues_destroy(void)
{
	/* A completed reset queues commit_work, so destroy vfio_ap_reset_wq first. */
	if (vfio_ap_reset_wq)
		destroy_workqueue(vfio_ap_reset_wq);
	if (vfio_ap_commit_wq)
		destroy_workqueue(vfio_ap_commit_wq);
}

static int vfio_ap_workqueues_create(void)
{
	vfio_ap_commit_wq = alloc_workqueue("vfio_ap_commit", WQ_UNBOUND, WQ_MAX_ACTIVE);
	vfio_ap_reset_wq = alloc_workqueue("vfio_ap_reset", WQ_UNBOUND, WQ_MAX_ACTIVE);
	if (vfio_ap_commit_wq && vfio_ap_reset_wq)
		return 0;
	vfio_ap_workqueues_destroy();
	return -ENOMEM;
}

static int __init vfio_ap_init(void)
{
	struct device *root;
	int ret;

	if (!ap_instructions_available())
		return -ENODEV;

	vfio_ap_dbf = debug_register(VFIO_AP_MODULE_NAME, 1, 1,
				     VFIO_AP_DBF_WORDS * sizeof(long));
	if (!vfio_ap_dbf)
		return -ENOENT;
	debug_register_view(vfio_ap_dbf, &debug_sprintf_view);
	debug_set_level(vfio_ap_dbf, VFIO_AP_DBF_LEVEL_WARN);

	root = root_device_register(VFIO_AP_MODULE_NAME);
	if (IS_ERR(root)) {
		ret = PTR_ERR(root);
		goto err_dbf;
	}
	ret = bus_register(&vfio_ap_matrix_bus);
	if (ret)
		goto err_root;
	ret = vfio_ap_matrix_dev_register(root);
	if (ret)
		goto err_bus;
	/* Work items use matrix_dev, so it must exist as long as the workqueues. */
	ret = vfio_ap_workqueues_create();
	if (ret)
		goto err_matrix_dev;
	ret = driver_register(&vfio_ap_matrix_driver);
	if (ret)
		goto err_workqueues;
	ret = ap_driver_register(&vfio_ap_drv, THIS_MODULE, VFIO_AP_MODULE_NAME);
	if (ret)
		goto err_matrix_driver;
	/* Read the configuration after registering with the AP bus, so that no change is missed. */
	ret = vfio_ap_read_config();
	if (ret)
		goto err_ap_driver;
	ret = vfio_ap_mdev_register();
	if (ret)
		goto err_ap_driver;
	vfio_ap_stats_register();
	return 0;

err_ap_driver:
	ap_driver_unregister(&vfio_ap_drv);
	vfio_ap_queue_reap_all();
err_matrix_driver:
	driver_unregister(&vfio_ap_matrix_driver);
err_workqueues:
	vfio_ap_workqueues_destroy();
err_matrix_dev:
	device_unregister(&matrix_dev->device);
err_bus:
	bus_unregister(&vfio_ap_matrix_bus);
err_root:
	root_device_unregister(root);
err_dbf:
	debug_unregister(vfio_ap_dbf);
	return ret;
}

static void __exit vfio_ap_exit(void)
{
	struct device *root = matrix_dev->device.parent;

	vfio_ap_stats_unregister();
	vfio_ap_mdev_unregister();
	ap_driver_unregister(&vfio_ap_drv);
	vfio_ap_queue_reap_all();
	driver_unregister(&vfio_ap_matrix_driver);
	vfio_ap_workqueues_destroy();
	device_unregister(&matrix_dev->device);
	bus_unregister(&vfio_ap_matrix_bus);
	root_device_unregister(root);
	debug_unregister(vfio_ap_dbf);
	/* No rcu_barrier() is needed, because kfree_rcu() runs no code in this module. */
}

module_init(vfio_ap_init);
module_exit(vfio_ap_exit);
