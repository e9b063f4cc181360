// SPDX-License-Identifier: GPL-2.0
/*
 * The attributes of mdevs and queues: parse, one call, print. See
 * Documentation/ABI/testing/sysfs-driver-vfio-ap.
 */
#include <linux/rcupdate.h>
#include <linux/sysfs.h>

#include "vfio_ap_private.h"

/* What of a matrix an attribute is about. */
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

/* What has become of a write, also for last_refusal. */
static ssize_t vfio_ap_change_end(struct device *dev, struct vfio_ap_refusal *refusal,
				  struct device_attribute *attr, const char *buf, size_t count,
				  int error)
{
	if (!error)
		return count;
	/* Who was killed was not refused anything. */
	if (error != -EINTR && error != -ERESTARTSYS)
		vfio_ap_refusal_note(dev_get_drvdata(dev), refusal, attr->attr.name, buf,
				     error);
	return error;
}

static ssize_t vfio_ap_change_store(struct device *dev, struct device_attribute *attr,
				    const char *buf, size_t count, enum vfio_ap_mask mask,
				    vfio_ap_combine_fn combine)
{
	struct vfio_ap_refusal refusal = {};
	struct vfio_ap_matrix one;
	int ret;

	ret = vfio_ap_change_parse(buf, mask, &one);
	if (!ret)
		ret = vfio_ap_guest_change(dev_get_drvdata(dev), combine, &one,
					   &refusal.obstacle);
	return vfio_ap_change_end(dev, &refusal, attr, buf, count, ret);
}

#define VFIO_AP_CHANGE_ATTR(name, mask, combine)					\
static ssize_t name##_store(struct device *dev, struct device_attribute *attr,		\
			    const char *buf, size_t count)				\
{											\
	return vfio_ap_change_store(dev, attr, buf, count, mask, combine);		\
}											\
static DEVICE_ATTR_WO(name)

VFIO_AP_CHANGE_ATTR(assign_adapter, VFIO_AP_MASK_ADAPTER, vfio_ap_matrix_or);
VFIO_AP_CHANGE_ATTR(unassign_adapter, VFIO_AP_MASK_ADAPTER, vfio_ap_matrix_andnot);
VFIO_AP_CHANGE_ATTR(assign_domain, VFIO_AP_MASK_DOMAIN, vfio_ap_matrix_or);
VFIO_AP_CHANGE_ATTR(unassign_domain, VFIO_AP_MASK_DOMAIN, vfio_ap_matrix_andnot);
VFIO_AP_CHANGE_ATTR(assign_control_domain, VFIO_AP_MASK_CONTROL, vfio_ap_matrix_or);
VFIO_AP_CHANGE_ATTR(unassign_control_domain, VFIO_AP_MASK_CONTROL, vfio_ap_matrix_andnot);

static void vfio_ap_mdev_snapshot(struct device *dev, struct vfio_ap_matrix *assigned,
				  struct vfio_ap_matrix *guest)
{
	struct vfio_ap_mdev *mdev = dev_get_drvdata(dev);

	guard(mutex)(&matrix_dev->lock);
	*assigned = mdev->assigned;
	*guest = mdev->guest;
}

static ssize_t vfio_ap_masks_show(const struct vfio_ap_matrix *matrix, char *buf)
{
	vfio_ap_masks_print(matrix, buf);
	return VFIO_AP_MASKS_TEXT_SIZE;
}

static ssize_t ap_config_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vfio_ap_matrix assigned, guest;

	vfio_ap_mdev_snapshot(dev, &assigned, &guest);
	return vfio_ap_masks_show(&assigned, buf);
}

static int vfio_ap_masks_read(const char *buf, size_t count, struct vfio_ap_matrix *masks)
{
	struct vfio_ap_limits limits = vfio_ap_limits_now();
	int ret;

	/* A NUL is junk, too. */
	ret = strlen(buf) == count ? vfio_ap_masks_parse(buf, masks) : -EINVAL;
	if (ret)
		return ret;
	return vfio_ap_matrix_within(masks, &limits) ? 0 : -ENODEV;
}

static ssize_t ap_config_store(struct device *dev, struct device_attribute *attr,
			       const char *buf, size_t count)
{
	struct vfio_ap_refusal refusal = {};
	struct vfio_ap_matrix wanted;
	int ret;

	ret = vfio_ap_masks_read(buf, count, &wanted);
	if (!ret)
		ret = vfio_ap_guest_change(dev_get_drvdata(dev), vfio_ap_matrix_replace, &wanted,
					   &refusal.obstacle);
	return vfio_ap_change_end(dev, &refusal, attr, buf, count, ret);
}
static DEVICE_ATTR_RW(ap_config);

static ssize_t try_ap_config_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return vfio_ap_trial_print(dev_get_drvdata(dev), buf);
}

static ssize_t try_ap_config_store(struct device *dev, struct device_attribute *attr,
				   const char *buf, size_t count)
{
	struct vfio_ap_matrix asked;
	int ret;

	ret = vfio_ap_masks_read(buf, count, &asked);
	if (!ret)
		ret = vfio_ap_guest_try(dev_get_drvdata(dev), &asked);
	return ret ?: count;
}
static DEVICE_ATTR_RW(try_ap_config);

static ssize_t guest_ap_config_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vfio_ap_matrix assigned, guest;

	vfio_ap_mdev_snapshot(dev, &assigned, &guest);
	return vfio_ap_masks_show(&guest, buf);
}
static DEVICE_ATTR_RO(guest_ap_config);

static ssize_t last_refusal_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return vfio_ap_refusal_print(dev_get_drvdata(dev), buf);
}
static DEVICE_ATTR_RO(last_refusal);

static ssize_t control_domains_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vfio_ap_matrix assigned, guest;
	unsigned int id;
	int len = 0;

	vfio_ap_mdev_snapshot(dev, &assigned, &guest);
	vfio_ap_for_each_id(id, assigned.adm)
		len += sysfs_emit_at(buf, len, "%04x\n", id);
	return len;
}
static DEVICE_ATTR_RO(control_domains);

static void matrix_print(struct device *dev, struct vfio_ap_part *part)
{
	struct vfio_ap_matrix assigned, guest;

	vfio_ap_mdev_snapshot(dev, &assigned, &guest);
	vfio_ap_matrix_text_read(&assigned, part);
}

static void guest_matrix_print(struct device *dev, struct vfio_ap_part *part)
{
	struct vfio_ap_matrix assigned, guest;

	vfio_ap_mdev_snapshot(dev, &assigned, &guest);
	vfio_ap_matrix_text_read(&guest, part);
}

static bool vfio_ap_slot_is_pending(struct vfio_ap_slot *slot)
{
	bool pending;

	spin_lock(&slot->lock);
	pending = vfio_ap_slot_outstanding(slot);
	spin_unlock(&slot->lock);
	return pending;
}

/* Visits all pending queues before the part, because their number decides where it begins. */
static void reset_pending_print(struct device *dev, struct vfio_ap_part *part)
{
	struct vfio_ap_matrix assigned, guest;
	char line[VFIO_AP_QUEUE_LINE + 1];
	struct vfio_ap_slot *slot;
	unsigned long apqn;

	vfio_ap_mdev_snapshot(dev, &assigned, &guest);
	rcu_read_lock();
	vfio_ap_slot_for_each(slot, apqn, &assigned, NULL) {
		if (!vfio_ap_slot_is_pending(slot))
			continue;
		vfio_ap_queue_line_print(apqn, line);
		if (!vfio_ap_part_add(part, line, VFIO_AP_QUEUE_LINE))
			break;
	}
	rcu_read_unlock();
}

/*
 * Lists of queues are binary attributes because sysfs limits a text attribute
 * to a page. Sysfs keeps no snapshot for an open binary attribute: each read()
 * returns a part, up to a page, of the list as it is at that time. The size is 0,
 * so that tail and wc read the file instead of trusting a size that is too large.
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

/* All lines are of one length, so any can be printed without those before. */
static ssize_t queue_states_read(struct file *file, struct kobject *kobj,
				 const struct bin_attribute *attr, char *buf, loff_t offset,
				 size_t count)
{
	struct vfio_ap_mdev *mdev = dev_get_drvdata(kobj_to_dev(kobj));
	struct vfio_ap_matrix assigned, guest;
	char line[VFIO_AP_STATE_LINE];
	struct vfio_ap_part part = { .buf = buf, .offset = offset % sizeof(line),
				     .count = count };
	size_t nr, lines;

	vfio_ap_mdev_snapshot(kobj_to_dev(kobj), &assigned, &guest);
	lines = vfio_ap_matrix_queue_count(&assigned);
	for (nr = offset / sizeof(line); nr < lines; nr++) {
		vfio_ap_state_print(mdev, vfio_ap_matrix_nth_queue(&assigned, nr), line);
		if (!vfio_ap_part_add(&part, line, sizeof(line)))
			break;
	}
	return part.done;
}
static BIN_ATTR_RO(queue_states, 0);

/* Programs ask for these words: new ones go to the end, and none ever goes. */
static const char *const vfio_ap_features[] = {
	"guest_matrix", "hotplug", "ap_config", "guest_ap_config", "notify", "queue_states",
	"last_refusal", "try_ap_config",
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
	&dev_attr_try_ap_config.attr,
	&dev_attr_guest_ap_config.attr,
	&dev_attr_last_refusal.attr,
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
	&bin_attr_queue_states,
	NULL
};

static const struct attribute_group vfio_ap_mdev_group = {
	.attrs = vfio_ap_mdev_attrs,
	.bin_attrs = vfio_ap_mdev_bin_attrs,
};

const struct attribute_group *vfio_ap_mdev_groups[] = {
	&vfio_ap_mdev_group,
	NULL
};

/* Nobody waits for a guest or for a reset with matrix_dev->lock held. */
static bool vfio_ap_apqn_is_assigned(u16 apqn)
{
	guard(mutex)(&matrix_dev->lock);
	return vfio_ap_mdev_find_by_apqn(apqn);
}

static ssize_t status_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u16 apqn = to_ap_queue(dev)->qid;
	struct vfio_ap_slot *slot;
	bool in_use = false;

	slot = vfio_ap_slot_get(apqn);
	if (slot) {
		spin_lock(&slot->lock);
		in_use = slot->guest;
		spin_unlock(&slot->lock);
		vfio_ap_slot_put(slot);
	}
	if (in_use)
		return sysfs_emit(buf, "in use\n");
	return sysfs_emit(buf, vfio_ap_apqn_is_assigned(apqn) ? "assigned\n" : "unassigned\n");
}
static DEVICE_ATTR_RO(status);

/* Of a queue that no mdev has any more, nobody else tells. */
static ssize_t queue_reset_pending_show(struct device *dev, struct device_attribute *attr,
					char *buf)
{
	struct vfio_ap_slot *slot = vfio_ap_slot_get(to_ap_queue(dev)->qid);
	bool pending = false;

	if (slot) {
		pending = vfio_ap_slot_is_pending(slot);
		vfio_ap_slot_put(slot);
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
