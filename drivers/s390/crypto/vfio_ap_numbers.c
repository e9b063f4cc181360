// SPDX-License-Identifier: GPL-2.0
/*
 * What has happened how often, in debugfs: a line for each mdev and for each
 * queue. See Documentation/ABI/testing/debugfs-vfio-ap.
 */
#include <kunit/visibility.h>
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "vfio_ap_private.h"

static struct dentry *vfio_ap_numbers_dir;

/**
 * vfio_ap_numbers_count_aqic - count an answer to AQIC
 * @attachment: the guest
 * @slot: the queue, or NULL if nobody knows it; one of another guest notes nothing
 * @response_code: the answer
 *
 * Context: Takes slot->lock.
 */
void vfio_ap_numbers_count_aqic(struct vfio_ap_attachment *attachment,
				struct vfio_ap_slot *slot, u8 response_code)
{
	atomic64_inc(&attachment->aqic[min_t(u8, response_code, VFIO_AP_NR_AQIC_CODES - 1)]);
	if (!slot)
		return;
	spin_lock(&slot->lock);
	if (slot->guest == attachment)
		slot->irq_answer = response_code;
	spin_unlock(&slot->lock);
}

/**
 * vfio_ap_numbers_slowest - compute the duration of the slowest reset of a queue
 * @slowest_ms: duration of the slowest reset so far, in milliseconds
 * @took: duration of the reset that has completed, in jiffies
 *
 * Return: The longer of the two, in milliseconds, and 65535 for anything longer.
 */
u16 vfio_ap_numbers_slowest(u16 slowest_ms, unsigned long took)
{
	return clamp(jiffies_to_msecs(took), (unsigned int)slowest_ms, (unsigned int)U16_MAX);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_numbers_slowest);

/**
 * vfio_ap_numbers_keep - keep what was counted for a guest that goes
 * @mdev: the mdev that had it
 * @attachment: the guest; none of its vCPUs is in AQIC any more
 *
 * Context: matrix_dev->lock held.
 */
void vfio_ap_numbers_keep(struct vfio_ap_mdev *mdev, const struct vfio_ap_attachment *attachment)
{
	unsigned int code;

	lockdep_assert_held(&matrix_dev->lock);

	for (code = 0; code < VFIO_AP_NR_AQIC_CODES; code++)
		mdev->numbers.aqic[code] += atomic64_read(&attachment->aqic[code]);
}

static void *vfio_ap_numbers_mdevs_start(struct seq_file *file, loff_t *pos)
{
	mutex_lock(&matrix_dev->lock);
	return seq_list_start(&matrix_dev->mdevs, *pos);
}

static void *vfio_ap_numbers_mdevs_next(struct seq_file *file, void *at, loff_t *pos)
{
	lockdep_assert_held(&matrix_dev->lock);

	return seq_list_next(at, &matrix_dev->mdevs, pos);
}

static void vfio_ap_numbers_mdevs_stop(struct seq_file *file, void *at)
{
	mutex_unlock(&matrix_dev->lock);
}

static int vfio_ap_numbers_mdevs_show(struct seq_file *file, void *at)
{
	const struct vfio_ap_mdev *mdev = list_entry(at, struct vfio_ap_mdev, node);
	const struct vfio_ap_numbers *numbers = &mdev->numbers;
	unsigned int code, slowest_ms = 0;
	struct vfio_ap_slot *slot;
	u64 count, resets = 0;
	unsigned long apqn;

	lockdep_assert_held(&matrix_dev->lock);

	vfio_ap_slot_for_each(slot, apqn, &mdev->assigned, NULL) {
		spin_lock(&slot->lock);
		resets += slot->resets;
		slowest_ms = max_t(unsigned int, slowest_ms, slot->slowest_ms);
		spin_unlock(&slot->lock);
	}
	seq_printf(file, "%s updates=%llu plugs=%llu unplugs=%llu refused=%llu notified=%llu device_resets=%llu resets=%llu slowest_ms=%u aqic=",
		   dev_name(mdev->vdev.dev), mdev->updates, numbers->plugs,
		   numbers->unplugs, numbers->refused, numbers->notified, numbers->device_resets,
		   resets, slowest_ms);
	for (code = 0; code < VFIO_AP_NR_AQIC_CODES; code++) {
		count = numbers->aqic[code];
		if (mdev->attachment)
			count += atomic64_read(&mdev->attachment->aqic[code]);
		seq_printf(file, "%s%llu", code ? "," : "", count);
	}
	seq_putc(file, '\n');
	return 0;
}

static const struct seq_operations vfio_ap_numbers_mdevs_sops = {
	.start = vfio_ap_numbers_mdevs_start,
	.next = vfio_ap_numbers_mdevs_next,
	.stop = vfio_ap_numbers_mdevs_stop,
	.show = vfio_ap_numbers_mdevs_show,
};
DEFINE_SEQ_ATTRIBUTE(vfio_ap_numbers_mdevs);

/* The position is the APQN: a reader who comes back goes on where it was. */
static struct vfio_ap_slot *vfio_ap_numbers_find(loff_t *pos)
{
	unsigned long apqn = *pos;
	struct vfio_ap_slot *slot;

	/* The caller uses the slot without a reference. */
	lockdep_assert(rcu_read_lock_held());

	slot = xa_find(&matrix_dev->slots, &apqn, U16_MAX, XA_PRESENT);
	*pos = slot ? apqn : U16_MAX + 1;
	return slot;
}

static void *vfio_ap_numbers_queues_start(struct seq_file *file, loff_t *pos)
	__acquires(RCU)
{
	rcu_read_lock();
	return vfio_ap_numbers_find(pos);
}

static void *vfio_ap_numbers_queues_next(struct seq_file *file, void *at, loff_t *pos)
{
	++*pos;
	return vfio_ap_numbers_find(pos);
}

static void vfio_ap_numbers_queues_stop(struct seq_file *file, void *at)
	__releases(RCU)
{
	rcu_read_unlock();
}

static int vfio_ap_numbers_queues_show(struct seq_file *file, void *at)
{
	struct vfio_ap_slot *slot = at;

	lockdep_assert(rcu_read_lock_held());

	spin_lock(&slot->lock);
	seq_printf(file, "%02x.%04x resets=%u slowest_ms=%u response=%02x plugs=%u unplugs=%u irqs=%u irq_response=%02x irq=%s\n",
		   AP_QID_CARD(slot->apqn), AP_QID_QUEUE(slot->apqn), slot->resets,
		   slot->slowest_ms, slot->answer, slot->plugs, slot->plugs - !!slot->guest,
		   slot->irqs, slot->irq_answer, vfio_ap_irq_state_name(slot));
	spin_unlock(&slot->lock);
	return 0;
}

static const struct seq_operations vfio_ap_numbers_queues_sops = {
	.start = vfio_ap_numbers_queues_start,
	.next = vfio_ap_numbers_queues_next,
	.stop = vfio_ap_numbers_queues_stop,
	.show = vfio_ap_numbers_queues_show,
};
DEFINE_SEQ_ATTRIBUTE(vfio_ap_numbers_queues);

/**
 * vfio_ap_numbers_register - show the numbers
 *
 * Without debugfs the driver works as well.
 *
 * Context: Module initialisation.
 */
void vfio_ap_numbers_register(void)
{
	vfio_ap_numbers_dir = debugfs_create_dir(VFIO_AP_MODULE_NAME, NULL);
	debugfs_create_file("mdevs", 0400, vfio_ap_numbers_dir, NULL, &vfio_ap_numbers_mdevs_fops);
	debugfs_create_file("queues", 0400, vfio_ap_numbers_dir, NULL,
			    &vfio_ap_numbers_queues_fops);
}

/**
 * vfio_ap_numbers_unregister - show them no more; waits for readers
 *
 * Context: Module exit.
 */
void vfio_ap_numbers_unregister(void)
{
	debugfs_remove(vfio_ap_numbers_dir);
}
