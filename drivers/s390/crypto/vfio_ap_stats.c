// SPDX-License-Identifier: GPL-2.0
/*
 * Statistics in debugfs: a file with a line for each mdev, and a file with a line for each
 * queue. See Documentation/ABI/testing/debugfs-vfio-ap.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "vfio_ap_diag.h"
#include "vfio_ap_private.h"

static struct dentry *vfio_ap_stats_dir;

static void *vfio_ap_stats_mdevs_start(struct seq_file *file, loff_t *pos)
{
	mutex_lock(&matrix_dev->lock);
	return seq_list_start(&matrix_dev->mdevs, *pos);
}

static void *vfio_ap_stats_mdevs_next(struct seq_file *file, void *at, loff_t *pos)
{
	lockdep_assert_held(&matrix_dev->lock);

	return seq_list_next(at, &matrix_dev->mdevs, pos);
}

static void vfio_ap_stats_mdevs_stop(struct seq_file *file, void *at)
{
	mutex_unlock(&matrix_dev->lock);
}

static int vfio_ap_stats_mdevs_show(struct seq_file *file, void *at)
{
	const struct vfio_ap_mdev *mdev = list_entry(at, struct vfio_ap_mdev, node);
	const struct vfio_ap_mdev_stats *stats = &mdev->stats;
	unsigned int code, slowest_ms = 0;
	struct vfio_ap_queue *q;
	u64 count, resets = 0;
	unsigned long apqn;

	lockdep_assert_held(&matrix_dev->lock);

	vfio_ap_queue_for_each(q, apqn, &mdev->assigned, NULL) {
		guard(spinlock)(&q->lock);
		resets += q->stats.resets;
		slowest_ms = max_t(unsigned int, slowest_ms, q->stats.slowest_ms);
	}
	seq_printf(file, "%s updates=%llu plugs=%llu unplugs=%llu refused=%llu notified=%llu device_resets=%llu resets=%llu slowest_ms=%u aqic=",
		   dev_name(mdev->vdev.dev), mdev->updates, stats->plugs,
		   stats->unplugs, stats->refused, stats->notified, stats->device_resets,
		   resets, slowest_ms);
	for (code = 0; code < VFIO_AP_NR_AQIC_CODES; code++) {
		count = stats->aqic[code];
		if (mdev->attachment)
			count += atomic64_read(&mdev->attachment->aqic[code]);
		seq_printf(file, "%s%llu", code ? "," : "", count);
	}
	seq_putc(file, '\n');
	return 0;
}

static const struct seq_operations vfio_ap_stats_mdevs_sops = {
	.start = vfio_ap_stats_mdevs_start,
	.next = vfio_ap_stats_mdevs_next,
	.stop = vfio_ap_stats_mdevs_stop,
	.show = vfio_ap_stats_mdevs_show,
};
DEFINE_SEQ_ATTRIBUTE(vfio_ap_stats_mdevs);

/* The file position is an APQN, so that the next read() continues with the next queue. */
static struct vfio_ap_queue *vfio_ap_stats_find(loff_t *pos)
{
	unsigned long apqn = *pos;
	struct vfio_ap_queue *q;

	/* The caller uses the queue without a reference, under RCU. */
	lockdep_assert(rcu_read_lock_held());

	q = xa_find(&matrix_dev->queues, &apqn, U16_MAX, XA_PRESENT);
	*pos = q ? apqn : U16_MAX + 1;
	return q;
}

static void *vfio_ap_stats_queues_start(struct seq_file *file, loff_t *pos)
	__acquires(RCU)
{
	rcu_read_lock();
	return vfio_ap_stats_find(pos);
}

static void *vfio_ap_stats_queues_next(struct seq_file *file, void *at, loff_t *pos)
{
	++*pos;
	return vfio_ap_stats_find(pos);
}

static void vfio_ap_stats_queues_stop(struct seq_file *file, void *at)
	__releases(RCU)
{
	rcu_read_unlock();
}

static int vfio_ap_stats_queues_show(struct seq_file *file, void *at)
{
	struct vfio_ap_queue *q = at;

	lockdep_assert(rcu_read_lock_held());

	guard(spinlock)(&q->lock);
	seq_printf(file, "%02x.%04x resets=%u slowest_ms=%u response=%02x plugs=%u unplugs=%u irqs=%u irq_response=%02x irq=%s\n",
		   AP_QID_CARD(q->apqn), AP_QID_QUEUE(q->apqn), q->stats.resets,
		   q->stats.slowest_ms, q->last_rc, q->stats.plugs, q->stats.plugs - !!q->guest,
		   q->stats.irqs, q->stats.aqic_rc, vfio_ap_irq_state_name(q));
	return 0;
}

static const struct seq_operations vfio_ap_stats_queues_sops = {
	.start = vfio_ap_stats_queues_start,
	.next = vfio_ap_stats_queues_next,
	.stop = vfio_ap_stats_queues_stop,
	.show = vfio_ap_stats_queues_show,
};
DEFINE_SEQ_ATTRIBUTE(vfio_ap_stats_queues);

/**
 * vfio_ap_stats_register - create the files in debugfs
 *
 * The driver works without these files, so errors are ignored.
 */
void vfio_ap_stats_register(void)
{
	vfio_ap_stats_dir = debugfs_create_dir(VFIO_AP_MODULE_NAME, NULL);
	debugfs_create_file("mdevs", 0400, vfio_ap_stats_dir, NULL, &vfio_ap_stats_mdevs_fops);
	debugfs_create_file("queues", 0400, vfio_ap_stats_dir, NULL,
			    &vfio_ap_stats_queues_fops);
}

/**
 * vfio_ap_stats_unregister - remove the files, and wait for their readers
 */
void vfio_ap_stats_unregister(void)
{
	debugfs_remove(vfio_ap_stats_dir);
}
