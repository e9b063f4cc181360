// SPDX-License-Identifier: GPL-2.0
/*
 * Mdev attributes that help to find out why a queue is not in the guest: queue_states shows the
 * state of each assigned queue, and last_error shows the last failed write to an attribute.
 */
#include <linux/ctype.h>
#include <linux/ktime.h>
#include <linux/sysfs.h>

#include "vfio_ap_diag.h"
#include "vfio_ap_private.h"

/*
 * Length of a line in queue_states. All lines have the same length, so a read() can begin at
 * any line.
 */
#define VFIO_AP_STATE_LINE	64

static bool vfio_ap_diag_is_fit(const struct vfio_ap_mdev *mdev, unsigned int apid,
				unsigned int apqi)
{
	DECLARE_BITMAP(one, VFIO_AP_NR_IDS) = {};
	struct vfio_ap_unfit unfit;

	lockdep_assert_held(&matrix_dev->lock);

	set_bit_inv(apqi, one);
	vfio_ap_queue_list_unfit(apid, one, mdev->attachment, &unfit);
	return bitmap_empty(unfit.bad, VFIO_AP_NR_IDS) &&
	       bitmap_empty(unfit.pending, VFIO_AP_NR_IDS);
}

/*
 * Find the first queue that keeps a fit queue out of the guest. The two queues have the same
 * adapter or, if the guest already has this adapter, the same domain.
 */
static bool vfio_ap_diag_find_blocker(const struct vfio_ap_mdev *mdev, unsigned int apid,
				      unsigned int apqi, unsigned long *blocker)
{
	struct vfio_ap_matrix usable;
	struct vfio_ap_unfit unfit;
	unsigned int id;

	lockdep_assert_held(&matrix_dev->lock);

	vfio_ap_matrix_and(&usable, &mdev->assigned, &matrix_dev->host);
	if (!test_bit_inv(apid, mdev->shadow_apcb.apm)) {
		vfio_ap_queue_list_unfit(apid, usable.aqm, mdev->attachment, &unfit);
		bitmap_or(unfit.bad, unfit.bad, unfit.pending, VFIO_AP_NR_IDS);
		id = find_first_bit_inv(unfit.bad, VFIO_AP_NR_IDS);
		*blocker = AP_MKQID(apid, id);
		return id < VFIO_AP_NR_IDS;
	}
	vfio_ap_for_each_id(id, mdev->shadow_apcb.apm) {
		if (!vfio_ap_diag_is_fit(mdev, id, apqi)) {
			*blocker = AP_MKQID(id, apqi);
			return true;
		}
	}
	return false;
}

/* Return: length of the text; 0 if the queue's own state does not keep it out of the guest. */
static size_t vfio_ap_diag_print_queue(struct vfio_ap_queue *q, char *text, size_t size)
{
	lockdep_assert_held(&q->lock);

	if (q->binding != VFIO_AP_BOUND)
		return scnprintf(text, size, "not-bound");
	if (q->failed_rc)
		return scnprintf(text, size, "reset-failed rc=%02x", q->failed_rc);
	if (vfio_ap_queue_reset_pending(q))
		return scnprintf(text, size, "being-reset ms=%u",
				 jiffies_to_msecs(jiffies - q->required_since));
	return 0;
}

static size_t vfio_ap_diag_print_cause(const struct vfio_ap_mdev *mdev, u16 apqn, char *text,
				       size_t size)
{
	unsigned int apid = AP_QID_CARD(apqn), apqi = AP_QID_QUEUE(apqn);
	struct vfio_ap_queue *q;
	unsigned long blocker;
	size_t len;

	lockdep_assert_held(&matrix_dev->lock);

	if (vfio_ap_matrix_has(&mdev->shadow_apcb, apid, apqi))
		return scnprintf(text, size, mdev->attachment ? "in-guest" : "ready");
	if (mdev->removers)
		return scnprintf(text, size, "removing");
	if (!vfio_ap_matrix_has(&matrix_dev->host, apid, apqi))
		return scnprintf(text, size, "not-in-host");
	q = vfio_ap_queue_get(apqn);
	if (!q)
		return scnprintf(text, size, "not-bound");
	scoped_guard(spinlock, &q->lock)
		len = vfio_ap_diag_print_queue(q, text, size);
	vfio_ap_queue_put(q);
	if (len)
		return len;
	if (vfio_ap_diag_find_blocker(mdev, apid, apqi, &blocker))
		return scnprintf(text, size, "blocked by=%02lx.%04lx", AP_QID_CARD(blocker),
				 AP_QID_QUEUE(blocker));
	/* Nothing blocks the queue, but commit_work has not run yet. */
	return scnprintf(text, size, "pending");
}

/* Return: the hardware state that the AP bus last recorded. Issues no AP instruction. */
static const char *vfio_ap_diag_hardware(u16 apqn)
{
	struct ap_queue *queue = ap_get_qdev(apqn);
	const char *text = "";

	if (!queue)
		return text;
	scoped_guard(spinlock_bh, &queue->lock) {
		if (queue->chkstop)
			text = " checkstopped";
		else if (!queue->config)
			text = " deconfigured";
	}
	put_device(&queue->ap_dev.device);
	return text;
}

static void vfio_ap_diag_print_line(struct vfio_ap_mdev *mdev, u16 apqn,
				    char line[VFIO_AP_STATE_LINE])
{
	const char *hardware = vfio_ap_diag_hardware(apqn);
	size_t len;

	len = scnprintf(line, VFIO_AP_STATE_LINE, "%02x.%04x ", AP_QID_CARD(apqn),
			AP_QID_QUEUE(apqn));
	scoped_guard(mutex, &matrix_dev->lock)
		len += vfio_ap_diag_print_cause(mdev, apqn, line + len, VFIO_AP_STATE_LINE - len);
	len += scnprintf(line + len, VFIO_AP_STATE_LINE - len, "%s", hardware);
	memset(line + len, ' ', VFIO_AP_STATE_LINE - len);
	line[VFIO_AP_STATE_LINE - 1] = '\n';
}

static ssize_t queue_states_read(struct file *file, struct kobject *kobj,
				 const struct bin_attribute *attr, char *buf, loff_t offset,
				 size_t count)
{
	struct vfio_ap_mdev *mdev = dev_get_drvdata(kobj_to_dev(kobj));
	struct vfio_ap_matrix assigned, shadow_apcb;
	char line[VFIO_AP_STATE_LINE];
	struct vfio_ap_part part = { .buf = buf, .offset = offset % sizeof(line),
				     .count = count };
	size_t nr, lines;

	vfio_ap_mdev_snapshot(mdev, &assigned, &shadow_apcb);
	lines = vfio_ap_matrix_queue_count(&assigned);
	for (nr = offset / sizeof(line); nr < lines; nr++) {
		vfio_ap_diag_print_line(mdev, vfio_ap_matrix_nth_queue(&assigned, nr), line);
		if (!vfio_ap_part_add(&part, line, sizeof(line)))
			break;
	}
	return part.done;
}
static BIN_ATTR_RO(queue_states, 0);

/**
 * vfio_ap_last_error_record - record a failed write to an attribute
 * @mdev: the mdev
 * @conflict: the conflicting queue, if there is one
 * @attribute: name of the attribute
 * @value: the written text
 * @error: negative errno
 *
 * Context: Takes matrix_dev->lock.
 */
void vfio_ap_last_error_record(struct vfio_ap_mdev *mdev,
			       const struct vfio_ap_conflict *conflict,
			       const char *attribute, const char *value, int error)
{
	struct vfio_ap_last_error *last = &mdev->last_error;
	char *at;

	guard(mutex)(&matrix_dev->lock);
	last->time = ktime_get_real_seconds();
	last->attribute = attribute;
	strscpy(last->value, value, sizeof(last->value));
	last->value[strcspn(last->value, "\n")] = 0;
	/* Replace special characters, so that the value cannot look like the fields that follow. */
	for (at = last->value; *at; at++) {
		if (!isascii(*at) || (!isalnum(*at) && *at != ','))
			*at = '?';
	}
	last->conflict = *conflict;
	last->error = error;
	mdev->stats.refused++;
}

static ssize_t last_error_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vfio_ap_mdev *mdev = dev_get_drvdata(dev);
	const struct vfio_ap_last_error *last = &mdev->last_error;
	int len;

	guard(mutex)(&matrix_dev->lock);
	if (!last->error)
		return 0;
	len = scnprintf(buf, PAGE_SIZE, "time=%lld attribute=%s value=%s error=%d", last->time,
			last->attribute, last->value, last->error);
	if (last->conflict.owner[0]) {
		len += scnprintf(buf + len, PAGE_SIZE - len, " ");
		len += vfio_ap_conflict_print(&last->conflict, ' ', buf + len, PAGE_SIZE - len);
	}
	return len + scnprintf(buf + len, PAGE_SIZE - len, "\n");
}
static DEVICE_ATTR_RO(last_error);

static struct attribute *vfio_ap_diag_attrs[] = {
	&dev_attr_ap_config_dry_run.attr,
	&dev_attr_last_error.attr,
	NULL
};

static const struct bin_attribute *const vfio_ap_diag_bin_attrs[] = {
	&bin_attr_queue_states,
	NULL
};

const struct attribute_group vfio_ap_diag_group = {
	.attrs = vfio_ap_diag_attrs,
	.bin_attrs = vfio_ap_diag_bin_attrs,
};
