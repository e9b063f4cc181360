// SPDX-License-Identifier: GPL-2.0
/*
 * The attributes of mdevs and queues. See
 * Documentation/ABI/testing/sysfs-driver-vfio-ap.
 */
#include <linux/rcupdate.h>
#include <linux/sysfs.h>

#include "vfio_ap_diag.h"
#include "vfio_ap_private.h"

enum vfio_ap_mask {
	VFIO_AP_MASK_ADAPTER,
	VFIO_AP_MASK_DOMAIN,
	VFIO_AP_MASK_CONTROL,
};

static struct vfio_ap_limits vfio_ap_limits_now(void)
{
	guard(mutex)(&matrix_dev->lock);
	return matrix_dev->limits;
}

static int vfio_ap_change_parse(const char *buf, enum vfio_ap_mask mask,
				struct vfio_ap_matrix *one)
{
	struct vfio_ap_limits limits = vfio_ap_limits_now();
	unsigned int id;
	int ret;

	ret = vfio_ap_id_parse(buf, mask == VFIO_AP_MASK_ADAPTER ? limits.apid : limits.domain,
			       &id);
	if (ret)
		return ret;

	*one = (struct vfio_ap_matrix){};
	switch (mask) {
	case VFIO_AP_MASK_ADAPTER:
		set_bit_inv(id, one->apm);
		break;
	case VFIO_AP_MASK_DOMAIN:
		set_bit_inv(id, one->aqm);
		break;
	case VFIO_AP_MASK_CONTROL:
		set_bit_inv(id, one->adm);
		break;
	}
	return 0;
}

static ssize_t vfio_ap_change_result(struct device *dev, struct device_attribute *attr,
				     const struct vfio_ap_conflict *conflict, const char *buf,
				     size_t count, int error)
{
	if (!error)
		return count;
	/* Do not record a killed task's write, because the driver did not reject it. */
	if (error != -EINTR && error != -ERESTARTSYS)
		vfio_ap_last_error_record(dev_get_drvdata(dev), conflict, attr->attr.name, buf,
					  error);
	return error;
}

static ssize_t vfio_ap_change_store(struct device *dev, struct device_attribute *attr,
				    const char *buf, size_t count, enum vfio_ap_mask mask,
				    enum vfio_ap_assign_op op)
{
	struct vfio_ap_conflict conflict = {};
	struct vfio_ap_matrix one;
	int ret;

	ret = vfio_ap_change_parse(buf, mask, &one);
	if (!ret)
		ret = vfio_ap_assign_change(dev_get_drvdata(dev), op, &one, &conflict);
	return vfio_ap_change_result(dev, attr, &conflict, buf, count, ret);
}

#define VFIO_AP_CHANGE_ATTR(name, mask, op)						\
static ssize_t name##_store(struct device *dev, struct device_attribute *attr,		\
			    const char *buf, size_t count)				\
{											\
	return vfio_ap_change_store(dev, attr, buf, count, mask, op);			\
}											\
static DEVICE_ATTR_WO(name)

VFIO_AP_CHANGE_ATTR(assign_adapter, VFIO_AP_MASK_ADAPTER, VFIO_AP_ASSIGN);
VFIO_AP_CHANGE_ATTR(unassign_adapter, VFIO_AP_MASK_ADAPTER, VFIO_AP_UNASSIGN);
VFIO_AP_CHANGE_ATTR(assign_domain, VFIO_AP_MASK_DOMAIN, VFIO_AP_ASSIGN);
VFIO_AP_CHANGE_ATTR(unassign_domain, VFIO_AP_MASK_DOMAIN, VFIO_AP_UNASSIGN);
VFIO_AP_CHANGE_ATTR(assign_control_domain, VFIO_AP_MASK_CONTROL, VFIO_AP_ASSIGN);
VFIO_AP_CHANGE_ATTR(unassign_control_domain, VFIO_AP_MASK_CONTROL, VFIO_AP_UNASSIGN);

static ssize_t vfio_ap_masks_show(const struct vfio_ap_matrix *matrix, char *buf)
{
	vfio_ap_masks_print(matrix, buf);
	return VFIO_AP_MASKS_TEXT_SIZE;
}

static ssize_t ap_config_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vfio_ap_matrix assigned, shadow_apcb;

	vfio_ap_mdev_snapshot(dev_get_drvdata(dev), &assigned, &shadow_apcb);
	return vfio_ap_masks_show(&assigned, buf);
}

static ssize_t ap_config_store(struct device *dev, struct device_attribute *attr,
			       const char *buf, size_t count)
{
	struct vfio_ap_conflict conflict = {};
	struct vfio_ap_matrix masks;
	int ret;

	ret = vfio_ap_assign_parse_masks(buf, &masks);
	if (!ret)
		ret = vfio_ap_assign_change(dev_get_drvdata(dev), VFIO_AP_REPLACE, &masks,
					    &conflict);
	return vfio_ap_change_result(dev, attr, &conflict, buf, count, ret);
}
static DEVICE_ATTR_RW(ap_config);

static ssize_t guest_ap_config_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vfio_ap_matrix assigned, shadow_apcb;

	vfio_ap_mdev_snapshot(dev_get_drvdata(dev), &assigned, &shadow_apcb);
	return vfio_ap_masks_show(&shadow_apcb, buf);
}
static DEVICE_ATTR_RO(guest_ap_config);

static ssize_t control_domains_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vfio_ap_matrix assigned, shadow_apcb;
	unsigned int id;
	int len = 0;

	vfio_ap_mdev_snapshot(dev_get_drvdata(dev), &assigned, &shadow_apcb);
	vfio_ap_for_each_id(id, assigned.adm)
		len += sysfs_emit_at(buf, len, "%04x\n", id);
	return len;
}
static DEVICE_ATTR_RO(control_domains);

static void matrix_print(struct device *dev, struct vfio_ap_part *part)
{
	struct vfio_ap_matrix assigned, shadow_apcb;

	vfio_ap_mdev_snapshot(dev_get_drvdata(dev), &assigned, &shadow_apcb);
	vfio_ap_matrix_text_read(&assigned, part);
}

static void guest_matrix_print(struct device *dev, struct vfio_ap_part *part)
{
	struct vfio_ap_matrix assigned, shadow_apcb;

	vfio_ap_mdev_snapshot(dev_get_drvdata(dev), &assigned, &shadow_apcb);
	vfio_ap_matrix_text_read(&shadow_apcb, part);
}

static bool vfio_ap_queue_shows_pending(struct vfio_ap_queue *q)
{
	guard(spinlock)(&q->lock);
	return vfio_ap_queue_reset_pending(q);
}

/* Starts at the first queue, because the line at the offset can only be found by counting. */
static void reset_pending_print(struct device *dev, struct vfio_ap_part *part)
{
	struct vfio_ap_matrix assigned, shadow_apcb;
	char line[VFIO_AP_QUEUE_LINE + 1];
	struct vfio_ap_queue *q;
	unsigned long apqn;

	vfio_ap_mdev_snapshot(dev_get_drvdata(dev), &assigned, &shadow_apcb);
	guard(rcu)();
	vfio_ap_queue_for_each(q, apqn, &assigned, NULL) {
		if (!vfio_ap_queue_shows_pending(q))
			continue;
		vfio_ap_queue_line_print(apqn, line);
		if (!vfio_ap_part_add(part, line, VFIO_AP_QUEUE_LINE))
			break;
	}
}

/*
 * Lists of queues are binary attributes, because sysfs limits a text attribute to a page. Each
 * read() returns up to a page of the list as it is at that time, because sysfs keeps no snapshot
 * of a binary attribute. The size of the attribute is 0, so that programs such as tail and wc
 * read the file instead of relying on its size.
 */
#define VFIO_AP_LIST_ATTR(name)								\
static ssize_t name##_read(struct file *file, struct kobject *kobj,			\
			   const struct bin_attribute *attr, char *buf, loff_t offset,	\
			   size_t count)						\
{											\
	struct vfio_ap_part part = { .buf = buf, .offset = offset, .count = count };	\
											\
	name##_print(kobj_to_dev(kobj), &part);						\
	return part.done;								\
}											\
static BIN_ATTR_RO(name, 0)

VFIO_AP_LIST_ATTR(matrix);
VFIO_AP_LIST_ATTR(guest_matrix);
VFIO_AP_LIST_ATTR(reset_pending);

/* User space checks for these words: add new words at the end, and never remove a word. */
static const char *const vfio_ap_features[] = {
	"guest_matrix", "hotplug", "ap_config", "guest_ap_config", "notify",
#if IS_ENABLED(CONFIG_VFIO_AP_DIAGNOSTICS)
	"queue_states", "last_error", "ap_config_dry_run",
#endif
	"owner",
};

static ssize_t features_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	unsigned int i;
	int len = 0;

	for (i = 0; i < ARRAY_SIZE(vfio_ap_features); i++)
		len += sysfs_emit_at(buf, len, "%s ", vfio_ap_features[i]);
	buf[len - 1] = '\n';
	return len;
}
static DEVICE_ATTR_RO(features);

static struct attribute *vfio_ap_matrix_attrs[] = {
	&dev_attr_features.attr,
	NULL
};

static const struct attribute_group vfio_ap_matrix_group = {
	.attrs = vfio_ap_matrix_attrs,
};

const struct attribute_group *vfio_ap_matrix_groups[] = {
	&vfio_ap_matrix_group,
	NULL
};

static struct attribute *vfio_ap_mdev_attrs[] = {
	&dev_attr_ap_config.attr,
	&dev_attr_guest_ap_config.attr,
	&dev_attr_control_domains.attr,
	&dev_attr_assign_control_domain.attr,
	&dev_attr_unassign_control_domain.attr,
	&dev_attr_assign_domain.attr,
	&dev_attr_unassign_domain.attr,
	&dev_attr_assign_adapter.attr,
	&dev_attr_unassign_adapter.attr,
	NULL
};

static const struct bin_attribute *const vfio_ap_mdev_bin_attrs[] = {
	&bin_attr_matrix,
	&bin_attr_guest_matrix,
	&bin_attr_reset_pending,
	NULL
};

static const struct attribute_group vfio_ap_mdev_group = {
	.attrs = vfio_ap_mdev_attrs,
	.bin_attrs = vfio_ap_mdev_bin_attrs,
};

const struct attribute_group *vfio_ap_mdev_groups[] = {
	&vfio_ap_mdev_group,
	&vfio_ap_owner_group,
#if IS_ENABLED(CONFIG_VFIO_AP_DIAGNOSTICS)
	&vfio_ap_diag_group,
#endif
	NULL
};

/*
 * Guests and resets do not delay this function, because no task waits for them with
 * matrix_dev->lock held.
 */
static bool vfio_ap_apqn_is_assigned(u16 apqn)
{
	guard(mutex)(&matrix_dev->lock);
	return vfio_ap_mdev_find_by_apqn(apqn);
}

static ssize_t status_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u16 apqn = to_ap_queue(dev)->qid;
	struct vfio_ap_queue *q;
	bool in_use = false;

	q = vfio_ap_queue_get(apqn);
	if (q) {
		scoped_guard(spinlock, &q->lock)
			in_use = q->guest;
		vfio_ap_queue_put(q);
	}
	if (in_use)
		return sysfs_emit(buf, "in use\n");
	return sysfs_emit(buf, vfio_ap_apqn_is_assigned(apqn) ? "assigned\n" : "unassigned\n");
}
static DEVICE_ATTR_RO(status);

/* Unlike an mdev's reset_pending, this attribute also covers queues that are not assigned. */
static ssize_t queue_reset_pending_show(struct device *dev, struct device_attribute *attr,
					char *buf)
{
	struct vfio_ap_queue *q = vfio_ap_queue_get(to_ap_queue(dev)->qid);
	bool pending = false;

	if (q) {
		pending = vfio_ap_queue_shows_pending(q);
		vfio_ap_queue_put(q);
	}
	return sysfs_emit(buf, "%d\n", pending);
}

static struct device_attribute dev_attr_queue_reset_pending =
	__ATTR(reset_pending, 0444, queue_reset_pending_show, NULL);

static struct attribute *vfio_ap_queue_attrs[] = {
	&dev_attr_status.attr,
	&dev_attr_queue_reset_pending.attr,
	NULL
};

static const struct attribute_group vfio_ap_queue_group = {
	.attrs = vfio_ap_queue_attrs,
};

const struct attribute_group *vfio_ap_queue_groups[] = {
	&vfio_ap_queue_group,
	NULL
};
