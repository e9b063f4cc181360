// SPDX-License-Identifier: GPL-2.0
/*
 * For who asks why a queue is not in the guest: the state of each assigned
 * queue, the last write that was refused, and what a write would do.
 */
#include <linux/ctype.h>
#include <linux/ktime.h>

#include "vfio_ap_private.h"

static bool vfio_ap_state_is_fit(const struct vfio_ap_mdev *mdev, unsigned int apid,
				 unsigned int apqi)
{
	DECLARE_BITMAP(one, VFIO_AP_NR_IDS) = {};
	struct vfio_ap_unfit unfit;

	lockdep_assert_held(&matrix_dev->lock);

	set_bit_inv(apqi, one);
	vfio_ap_slot_list_unfit(apid, one, mdev->attachment, &unfit);
	return bitmap_empty(unfit.bad, VFIO_AP_NR_IDS) &&
	       bitmap_empty(unfit.pending, VFIO_AP_NR_IDS);
}

/* The first queue that keeps a fit one out: of its adapter, or else of its domain. */
static bool vfio_ap_state_find_culprit(const struct vfio_ap_mdev *mdev, unsigned int apid,
				       unsigned int apqi, unsigned long *culprit)
{
	struct vfio_ap_matrix usable;
	struct vfio_ap_unfit unfit;
	unsigned int id;

	lockdep_assert_held(&matrix_dev->lock);

	vfio_ap_matrix_and(&usable, &mdev->assigned, &matrix_dev->host);
	if (!test_bit_inv(apid, mdev->guest.apm)) {
		vfio_ap_slot_list_unfit(apid, usable.aqm, mdev->attachment, &unfit);
		bitmap_or(unfit.bad, unfit.bad, unfit.pending, VFIO_AP_NR_IDS);
		id = find_first_bit_inv(unfit.bad, VFIO_AP_NR_IDS);
		*culprit = AP_MKQID(apid, id);
		return id < VFIO_AP_NR_IDS;
	}
	vfio_ap_for_each_id(id, mdev->guest.apm) {
		if (!vfio_ap_state_is_fit(mdev, id, apqi)) {
			*culprit = AP_MKQID(id, apqi);
			return true;
		}
	}
	return false;
}

static size_t vfio_ap_state_print_slot(struct vfio_ap_slot *slot, char *text, size_t size)
{
	lockdep_assert_held(&slot->lock);

	if (slot->binding != VFIO_AP_BOUND)
		return scnprintf(text, size, "not-bound");
	if (slot->response)
		return scnprintf(text, size, "reset-failed rc=%02x", slot->response);
	if (vfio_ap_slot_outstanding(slot))
		return scnprintf(text, size, "being-reset ms=%u",
				 jiffies_to_msecs(jiffies - slot->wanted_since));
	return 0;
}

static size_t vfio_ap_state_print_cause(const struct vfio_ap_mdev *mdev, u16 apqn, char *text,
					size_t size)
{
	unsigned int apid = AP_QID_CARD(apqn), apqi = AP_QID_QUEUE(apqn);
	struct vfio_ap_slot *slot;
	unsigned long culprit;
	size_t len;

	lockdep_assert_held(&matrix_dev->lock);

	if (vfio_ap_matrix_has(&mdev->guest, apid, apqi))
		return scnprintf(text, size, mdev->attachment ? "in-guest" : "ready");
	if (mdev->removers)
		return scnprintf(text, size, "withdrawn");
	if (!vfio_ap_matrix_has(&matrix_dev->host, apid, apqi))
		return scnprintf(text, size, "not-in-host");
	slot = vfio_ap_slot_get(apqn);
	if (!slot)
		return scnprintf(text, size, "not-bound");
	spin_lock(&slot->lock);
	len = vfio_ap_state_print_slot(slot, text, size);
	spin_unlock(&slot->lock);
	vfio_ap_slot_put(slot);
	if (len)
		return len;
	if (vfio_ap_state_find_culprit(mdev, apid, apqi, &culprit))
		return scnprintf(text, size, "held-back by=%02lx.%04lx", AP_QID_CARD(culprit),
				 AP_QID_QUEUE(culprit));
	/* Nothing keeps it out any more: the commit is to come. */
	return scnprintf(text, size, "coming");
}

/* What the bus knows of the hardware, asking it nothing. */
static const char *vfio_ap_state_hardware(u16 apqn)
{
	struct ap_queue *queue = ap_get_qdev(apqn);
	const char *text = "";

	if (!queue)
		return text;
	spin_lock_bh(&queue->lock);
	if (queue->chkstop)
		text = " checkstopped";
	else if (!queue->config)
		text = " deconfigured";
	spin_unlock_bh(&queue->lock);
	put_device(&queue->ap_dev.device);
	return text;
}

/**
 * vfio_ap_state_print - print the state of one assigned queue
 * @mdev: the mdev
 * @apqn: the queue
 * @line: room for VFIO_AP_STATE_LINE characters; filled with spaces and a newline
 *
 * Context: Sleeps shortly; no lock of this driver held.
 */
void vfio_ap_state_print(struct vfio_ap_mdev *mdev, u16 apqn, char line[VFIO_AP_STATE_LINE])
{
	const char *hardware = vfio_ap_state_hardware(apqn);
	size_t len;

	len = scnprintf(line, VFIO_AP_STATE_LINE, "%02x.%04x ", AP_QID_CARD(apqn),
			AP_QID_QUEUE(apqn));
	scoped_guard(mutex, &matrix_dev->lock)
		len += vfio_ap_state_print_cause(mdev, apqn, line + len, VFIO_AP_STATE_LINE - len);
	len += scnprintf(line + len, VFIO_AP_STATE_LINE - len, "%s", hardware);
	memset(line + len, ' ', VFIO_AP_STATE_LINE - len);
	line[VFIO_AP_STATE_LINE - 1] = '\n';
}

/**
 * vfio_ap_refusal_note - note that a write was refused
 * @mdev: the mdev
 * @refusal: where its obstacle is noted already
 * @attribute: name of what was written to
 * @value: what was written
 * @error: the errno, negative
 *
 * Context: Sleeps shortly; no lock of this driver held.
 */
void vfio_ap_refusal_note(struct vfio_ap_mdev *mdev, struct vfio_ap_refusal *refusal,
			  const char *attribute, const char *value, int error)
{
	char *at;

	refusal->time = ktime_get_real_seconds();
	refusal->attribute = attribute;
	strscpy(refusal->value, value, sizeof(refusal->value));
	refusal->value[strcspn(refusal->value, "\n")] = 0;
	/* So that nobody can write what looks like the words that follow. */
	for (at = refusal->value; *at; at++) {
		if (!isascii(*at) || (!isalnum(*at) && *at != ','))
			*at = '?';
	}
	refusal->error = error;

	guard(mutex)(&matrix_dev->lock);
	mdev->refusal = *refusal;
	mdev->numbers.refused++;
}

static size_t vfio_ap_obstacle_print(const struct vfio_ap_obstacle *obstacle, char separator,
				     char *buf, size_t size)
{
	return scnprintf(buf, size, "apqn=%02x.%04x%cowner=%s", AP_QID_CARD(obstacle->apqn),
			 AP_QID_QUEUE(obstacle->apqn), separator, obstacle->owner);
}

/**
 * vfio_ap_refusal_print - print the last refused write
 * @mdev: the mdev
 * @buf: a page
 *
 * Context: Sleeps shortly; no lock of this driver held.
 * Return: Length; 0 if none was refused.
 */
int vfio_ap_refusal_print(struct vfio_ap_mdev *mdev, char *buf)
{
	const struct vfio_ap_refusal *refusal = &mdev->refusal;
	int len;

	guard(mutex)(&matrix_dev->lock);
	if (!refusal->error)
		return 0;
	len = scnprintf(buf, PAGE_SIZE, "time=%lld attribute=%s value=%s error=%d",
			refusal->time, refusal->attribute, refusal->value, refusal->error);
	if (refusal->obstacle.owner[0]) {
		len += scnprintf(buf + len, PAGE_SIZE - len, " ");
		len += vfio_ap_obstacle_print(&refusal->obstacle, ' ', buf + len, PAGE_SIZE - len);
	}
	return len + scnprintf(buf + len, PAGE_SIZE - len, "\n");
}

/* Queues that are in one matrix and not in another. */
static size_t vfio_ap_state_count_new(const struct vfio_ap_matrix *matrix,
				      const struct vfio_ap_matrix *other)
{
	struct vfio_ap_matrix both;

	vfio_ap_matrix_and(&both, matrix, other);
	return vfio_ap_matrix_queue_count(matrix) - vfio_ap_matrix_queue_count(&both);
}

static size_t vfio_ap_state_print_masks(const char *name, const struct vfio_ap_matrix *matrix,
					char *buf)
{
	size_t len = sprintf(buf, "%s=", name);

	vfio_ap_masks_print(matrix, buf + len);
	return len + VFIO_AP_MASKS_TEXT_SIZE;
}

/**
 * vfio_ap_trial_print - print what a write to ap_config would do
 * @mdev: the mdev; the last question and its answer are printed
 * @buf: a page
 *
 * Context: Sleeps shortly; no lock of this driver held.
 * Return: Length; 0 if nothing was asked.
 */
int vfio_ap_trial_print(struct vfio_ap_mdev *mdev, char *buf)
{
	const struct vfio_ap_trial *trial;
	int len;

	guard(mutex)(&matrix_dev->lock);
	trial = mdev->trial;
	if (!trial)
		return 0;
	len = vfio_ap_state_print_masks("asked", &trial->asked, buf);
	len += scnprintf(buf + len, PAGE_SIZE - len, "error=%d\n", trial->error);
	if (trial->error) {
		len += vfio_ap_obstacle_print(&trial->obstacle, '\n', buf + len, PAGE_SIZE - len);
		return len + scnprintf(buf + len, PAGE_SIZE - len, "\n");
	}
	len += scnprintf(buf + len, PAGE_SIZE - len, "plugs=%zu\nunplugs=%zu\nwait_ms=%u\n",
			 vfio_ap_state_count_new(&trial->then, &trial->now),
			 vfio_ap_state_count_new(&trial->now, &trial->then), trial->wait_ms);
	len += vfio_ap_state_print_masks("now", &trial->now, buf + len);
	return len + vfio_ap_state_print_masks("then", &trial->then, buf + len);
}
