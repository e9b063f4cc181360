// SPDX-License-Identifier: GPL-2.0
/*
 * Count events of mdevs and queues, and emit trace events.
 *
 * The driver's core calls these functions, which call functions in no other driver file.
 * vfio_ap_stats.c shows the counters. Documentation/arch/s390/vfio-ap-tracing.rst explains the
 * trace events.
 */
#include <kunit/visibility.h>

#include "vfio_ap_diag.h"

#define CREATE_TRACE_POINTS
#include "vfio_ap_trace.h"

/* Count the queues that a commit adds to a guest, and those that it takes from the guest. */
void vfio_ap_event_commit(struct vfio_ap_mdev *mdev, unsigned int joined, unsigned int left)
{
	lockdep_assert_held(&matrix_dev->lock);

	mdev->stats.plugs += joined;
	mdev->stats.unplugs += left;
}

/* Trace a change to a guest's APCB. */
void vfio_ap_event_apcb_written(const struct vfio_ap_mdev *mdev, unsigned int left,
				const struct vfio_ap_matrix *old,
				const struct vfio_ap_matrix *new)
{
	trace_vfio_ap_guest_update(dev_name(mdev->vdev.dev), left, old, new);
}

/* Trace a write that failed because of a conflict. */
void vfio_ap_event_refused(const struct vfio_ap_mdev *mdev,
			   const struct vfio_ap_conflict *conflict, int error)
{
	trace_vfio_ap_assign_refused(dev_name(mdev->vdev.dev), conflict->apqn, conflict->owner,
				     error);
}

/* Count a call to VFIO_DEVICE_RESET. */
void vfio_ap_event_device_reset(struct vfio_ap_mdev *mdev)
{
	lockdep_assert_held(&matrix_dev->lock);

	mdev->stats.device_resets++;
}

/* Count a notification sent to pollers. */
void vfio_ap_event_notified(struct vfio_ap_mdev *mdev)
{
	lockdep_assert_held(&matrix_dev->lock);

	mdev->stats.notified++;
}

/* When a guest is detached, add its counters to those of the mdev. */
void vfio_ap_event_detached(struct vfio_ap_mdev *mdev,
			    const struct vfio_ap_attachment *attachment)
{
	unsigned int code;

	lockdep_assert_held(&matrix_dev->lock);

	for (code = 0; code < VFIO_AP_NR_AQIC_CODES; code++)
		mdev->stats.aqic[code] += atomic64_read(&attachment->aqic[code]);
}

/* Count a queue that joins a guest. */
void vfio_ap_event_joined(struct vfio_ap_queue *q)
{
	lockdep_assert_held(&q->lock);

	q->stats.plugs++;
}

/* Trace a ZAPQ. */
void vfio_ap_event_reset_issued(const struct vfio_ap_queue *q, u64 seq, u8 rc)
{
	trace_vfio_ap_queue_reset_start(q->apqn, seq, rc);
}

/**
 * vfio_ap_event_slowest_ms - update the duration of a queue's slowest reset
 * @slowest_ms: duration of the slowest reset so far, in milliseconds
 * @duration: duration of the reset that has completed, in jiffies
 *
 * Return: The longer of the two durations in milliseconds, limited to 65535.
 */
u16 vfio_ap_event_slowest_ms(u16 slowest_ms, unsigned long duration)
{
	return clamp(jiffies_to_msecs(duration), (unsigned int)slowest_ms,
		     (unsigned int)U16_MAX);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_event_slowest_ms);

/* Trace and count the end of a reset. */
void vfio_ap_event_reset_ended(struct vfio_ap_queue *q, u64 seq, u8 rc, bool done)
{
	lockdep_assert_held(&q->lock);

	trace_vfio_ap_queue_reset_end(q->apqn, seq, rc, done);
	if (!done)
		return;
	q->stats.resets++;
	q->stats.slowest_ms = vfio_ap_event_slowest_ms(q->stats.slowest_ms,
						       jiffies - q->required_since);
}

/* Count an enable or disable of a queue's interrupt. */
void vfio_ap_event_irq_changed(struct vfio_ap_queue *q)
{
	lockdep_assert_held(&q->lock);

	q->stats.irqs++;
}

/**
 * vfio_ap_event_aqic - count and trace the response to a guest's AQIC
 * @attachment: the attachment to the guest
 * @q: the queue, or NULL if it is not in the table
 * @apqn: APQN of the queue
 * @control: the guest's general register 1
 * @nib: the guest's general register 2
 * @rc: response code
 *
 * Context: Takes @q->lock.
 */
void vfio_ap_event_aqic(struct vfio_ap_attachment *attachment, struct vfio_ap_queue *q,
			u16 apqn, union ap_qirq_ctrl control, u64 nib, u8 rc)
{
	atomic64_inc(&attachment->aqic[min_t(u8, rc, VFIO_AP_NR_AQIC_CODES - 1)]);
	if (q) {
		guard(spinlock)(&q->lock);
		/* A guest must not change the statistics of another guest's queue. */
		if (q->guest == attachment)
			q->stats.aqic_rc = rc;
	}
	trace_vfio_ap_irq_set(attachment->uuid, apqn, control.ir, control.isc, nib, rc);
}
