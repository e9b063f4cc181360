// SPDX-License-Identifier: GPL-2.0
/* The attribute ap_config_dry_run, which shows what a write to ap_config would do. */
#include <linux/slab.h>

#include "vfio_ap_diag.h"
#include "vfio_ap_private.h"

/**
 * struct vfio_ap_dry_run - a write to ap_config_dry_run, and its result
 */
struct vfio_ap_dry_run {
	/** @asked: the masks written by user space */
	struct vfio_ap_matrix asked;
	/** @now: the guest's matrix at the time of the write */
	struct vfio_ap_matrix now;
	/** @then: what the guest's matrix would be after a write of @asked to ap_config */
	struct vfio_ap_matrix then;
	/** @conflict: the conflicting queue, if @error is not 0 */
	struct vfio_ap_conflict conflict;
	/** @wait_ms: maximum time to wait for resets of added queues, in milliseconds */
	unsigned int wait_ms;
	/** @error: negative errno that a write to ap_config would return, or 0 for success */
	int error;
};

struct vfio_ap_dry_run_guest {
	const struct vfio_ap_attachment *attachment;
	const struct vfio_ap_matrix *awaited;
};

/* Remove from @pending the queues whose resets a write to ap_config would wait for. */
static void vfio_ap_dry_run_assume_done(unsigned int apid, unsigned long *pending)
{
	struct vfio_ap_queue *q;
	unsigned int apqi;

	lockdep_assert_held(&matrix_dev->lock);

	vfio_ap_for_each_id(apqi, pending) {
		q = xa_load(&matrix_dev->queues, AP_MKQID(apid, apqi));
		guard(spinlock)(&q->lock);
		if (vfio_ap_reset_queue_time_left(q))
			clear_bit_inv(apqi, pending);
	}
}

/* List the unfit queues, except those whose resets a write to ap_config would wait for. */
static void vfio_ap_dry_run_list_unfit(unsigned int apid, const unsigned long *domains,
				       struct vfio_ap_unfit *unfit, void *data)
{
	const struct vfio_ap_dry_run_guest *guest = data;

	vfio_ap_queue_list_unfit(apid, domains, guest->attachment, unfit);
	if (test_bit_inv(apid, guest->awaited->apm))
		vfio_ap_dry_run_assume_done(apid, unfit->pending);
}

static void vfio_ap_dry_run_answer(struct vfio_ap_mdev *mdev, struct vfio_ap_dry_run *run)
{
	struct vfio_ap_dry_run_guest guest;
	struct vfio_ap_plan plan;

	lockdep_assert_held(&ap_attr_mutex);
	lockdep_assert_held(&matrix_dev->lock);

	vfio_ap_assign_plan(mdev, VFIO_AP_REPLACE, &run->asked, &plan);
	run->error = plan.error;
	run->conflict = plan.conflict;
	run->wait_ms = jiffies_to_msecs(plan.wait);
	run->now = mdev->shadow_apcb;
	if (plan.unchanged) {
		run->then = mdev->shadow_apcb;
	} else if (!plan.error && !mdev->removers) {
		guest.attachment = mdev->attachment;
		guest.awaited = &plan.awaited;
		vfio_ap_matrix_derive(&run->then, &run->asked, &matrix_dev->host, &plan.had,
				      vfio_ap_dry_run_list_unfit, &guest);
	}
}

static int vfio_ap_dry_run(struct vfio_ap_mdev *mdev, const struct vfio_ap_matrix *asked)
{
	struct vfio_ap_dry_run *run;
	int ret;

	run = kzalloc_obj(*run, GFP_KERNEL_ACCOUNT);
	if (!run)
		return -ENOMEM;
	run->asked = *asked;

	scoped_guard(mutex, &ap_attr_mutex) {
		guard(mutex)(&matrix_dev->lock);
		vfio_ap_dry_run_answer(mdev, run);
		ret = run->error;
		swap(mdev->dry_run, run);
	}
	/* Free the previous dry run. */
	kfree(run);
	return ret;
}

/**
 * vfio_ap_dry_run_free - free the last dry run of an mdev
 * @mdev: the mdev, which no other task uses
 */
void vfio_ap_dry_run_free(struct vfio_ap_mdev *mdev)
{
	kfree(mdev->dry_run);
}

/**
 * vfio_ap_conflict_print - print a conflicting queue and its owner
 * @conflict: the conflict
 * @separator: character between the queue and the owner
 * @buf: receives the text
 * @size: size of @buf in bytes
 *
 * Return: Length of the text.
 */
size_t vfio_ap_conflict_print(const struct vfio_ap_conflict *conflict, char separator,
			      char *buf, size_t size)
{
	return scnprintf(buf, size, "apqn=%02x.%04x%cowner=%s", AP_QID_CARD(conflict->apqn),
			 AP_QID_QUEUE(conflict->apqn), separator, conflict->owner);
}

/* Return: the number of queues that are in @new but not in @old. */
static size_t vfio_ap_dry_run_count_added(const struct vfio_ap_matrix *new,
					  const struct vfio_ap_matrix *old)
{
	struct vfio_ap_matrix both;

	vfio_ap_matrix_and(&both, new, old);
	return vfio_ap_matrix_queue_count(new) - vfio_ap_matrix_queue_count(&both);
}

static size_t vfio_ap_dry_run_print_masks(const char *name, const struct vfio_ap_matrix *matrix,
					  char *buf)
{
	size_t len = sprintf(buf, "%s=", name);

	vfio_ap_masks_print(matrix, buf + len);
	return len + VFIO_AP_MASKS_TEXT_SIZE;
}

static int vfio_ap_dry_run_print(const struct vfio_ap_dry_run *run, char *buf)
{
	int len;

	len = vfio_ap_dry_run_print_masks("asked", &run->asked, buf);
	len += scnprintf(buf + len, PAGE_SIZE - len, "error=%d\n", run->error);
	if (run->error) {
		len += vfio_ap_conflict_print(&run->conflict, '\n', buf + len, PAGE_SIZE - len);
		return len + scnprintf(buf + len, PAGE_SIZE - len, "\n");
	}
	len += scnprintf(buf + len, PAGE_SIZE - len, "plugs=%zu\nunplugs=%zu\nwait_ms=%u\n",
			 vfio_ap_dry_run_count_added(&run->then, &run->now),
			 vfio_ap_dry_run_count_added(&run->now, &run->then), run->wait_ms);
	len += vfio_ap_dry_run_print_masks("now", &run->now, buf + len);
	return len + vfio_ap_dry_run_print_masks("then", &run->then, buf + len);
}

static ssize_t ap_config_dry_run_show(struct device *dev, struct device_attribute *attr,
				      char *buf)
{
	struct vfio_ap_mdev *mdev = dev_get_drvdata(dev);

	guard(mutex)(&matrix_dev->lock);
	return mdev->dry_run ? vfio_ap_dry_run_print(mdev->dry_run, buf) : 0;
}

static ssize_t ap_config_dry_run_store(struct device *dev, struct device_attribute *attr,
				       const char *buf, size_t count)
{
	struct vfio_ap_matrix asked;
	int ret;

	ret = vfio_ap_assign_parse_masks(buf, &asked);
	if (!ret)
		ret = vfio_ap_dry_run(dev_get_drvdata(dev), &asked);
	return ret ?: count;
}

DEVICE_ATTR_RW(ap_config_dry_run);
