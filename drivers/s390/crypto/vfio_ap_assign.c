// SPDX-License-Identifier: GPL-2.0
/* Change an mdev's assigned matrix: parse and plan the change, wait for resets, and commit. */
#include "vfio_ap_diag.h"
#include "vfio_ap_private.h"

/**
 * vfio_ap_assign_parse_masks - parse a value written to ap_config
 * @text: the written text, NUL-terminated
 * @masks: receives the parsed masks
 *
 * Context: Takes matrix_dev->lock.
 * Return: 0; -EINVAL for malformed text; -ENODEV for an id above the host's limit.
 */
int vfio_ap_assign_parse_masks(const char *text, struct vfio_ap_matrix *masks)
{
	int ret;

	ret = vfio_ap_masks_parse(text, masks);
	if (ret)
		return ret;
	guard(mutex)(&matrix_dev->lock);
	return vfio_ap_matrix_within(masks, &matrix_dev->limits) ? 0 : -ENODEV;
}

/* A change that adds no adapter and no usage domain cannot conflict with the host's masks. */
static bool vfio_ap_assign_needs_perms(enum vfio_ap_assign_op op,
				       const struct vfio_ap_matrix *change)
{
	return op != VFIO_AP_UNASSIGN && (!bitmap_empty(change->apm, AP_DEVICES) ||
					  !bitmap_empty(change->aqm, AP_DOMAINS));
}

static void vfio_ap_assign_combine(struct vfio_ap_matrix *candidate,
				   const struct vfio_ap_matrix *assigned,
				   enum vfio_ap_assign_op op,
				   const struct vfio_ap_matrix *change)
{
	switch (op) {
	case VFIO_AP_ASSIGN:
		vfio_ap_matrix_or(candidate, assigned, change);
		break;
	case VFIO_AP_UNASSIGN:
		vfio_ap_matrix_andnot(candidate, assigned, change);
		break;
	case VFIO_AP_REPLACE:
		*candidate = *change;
		break;
	}
}

/* Find the lowest added queue that is reserved for the host. */
static bool vfio_ap_assign_find_reserved(const struct vfio_ap_matrix *candidate,
					 const struct vfio_ap_matrix *assigned,
					 unsigned long *apqn)
{
	lockdep_assert_held(&ap_attr_mutex);

	for (*apqn = 0; vfio_ap_matrix_next(candidate, assigned, apqn); ++*apqn) {
		if (ap_owned_by_def_drv(AP_QID_CARD(*apqn), AP_QID_QUEUE(*apqn)))
			return true;
	}
	return false;
}

/*
 * Check only the added queues against the host's masks, because vfio_ap_host_in_use() prevents
 * the host from reserving a queue that is already assigned.
 */
static int vfio_ap_assign_validate(const struct vfio_ap_mdev *mdev,
				   const struct vfio_ap_matrix *candidate,
				   struct vfio_ap_conflict *conflict)
{
	struct vfio_ap_mdev *other;
	unsigned int apid, apqi;
	unsigned long apqn;

	lockdep_assert_held(&matrix_dev->lock);

	if (vfio_ap_assign_find_reserved(candidate, &mdev->assigned, &apqn)) {
		conflict->apqn = apqn;
		strscpy(conflict->owner, "host", sizeof(conflict->owner));
		return -EADDRNOTAVAIL;
	}
	list_for_each_entry(other, &matrix_dev->mdevs, node) {
		if (other == mdev ||
		    !vfio_ap_matrix_first_shared(candidate, &other->assigned, &apid, &apqi))
			continue;
		conflict->apqn = AP_MKQID(apid, apqi);
		strscpy(conflict->owner, dev_name(other->vdev.dev), sizeof(conflict->owner));
		return -EADDRINUSE;
	}
	return 0;
}

/*
 * List the queues whose pending resets keep an added queue out of the guest. A pending queue
 * keeps out all queues of its adapter or, if the guest already has the adapter, all queues of
 * its domain. Therefore, the list can include queues that were already assigned.
 */
static void vfio_ap_assign_list_awaited(const struct vfio_ap_mdev *mdev,
					struct vfio_ap_plan *plan)
{
	const struct vfio_ap_matrix *candidate = &plan->candidate;
	DECLARE_BITMAP(stays_out, VFIO_AP_NR_IDS);

	lockdep_assert_held(&matrix_dev->lock);

	if (mdev->removers || !vfio_ap_matrix_adds_queues(candidate, &mdev->assigned)) {
		plan->awaited = vfio_ap_matrix_empty;
		return;
	}
	/*
	 * Leave out queues that the host lacks, because vfio_ap_reset_time_left() treats them
	 * as bad.
	 */
	vfio_ap_matrix_and(&plan->awaited, candidate, &matrix_dev->host);
	if (!bitmap_subset(candidate->aqm, mdev->assigned.aqm, AP_DOMAINS))
		return;
	/*
	 * No domains were added. Ignore the adapters that were already assigned but are not in
	 * the guest, because the added queues do not depend on them.
	 */
	bitmap_andnot(stays_out, mdev->assigned.apm, plan->had.apm, AP_DEVICES);
	bitmap_andnot(plan->awaited.apm, plan->awaited.apm, stays_out, AP_DEVICES);
}

/**
 * vfio_ap_assign_plan - plan a change to the assigned matrix
 * @mdev: the mdev
 * @op: how to combine the assigned matrix with @change
 * @change: a matrix with ids within the host's limits
 * @plan: receives the plan
 *
 * Context: matrix_dev->lock held, and ap_attr_mutex if the change adds an adapter or a
 * usage domain. The plan is valid until the locks are dropped.
 */
void vfio_ap_assign_plan(const struct vfio_ap_mdev *mdev, enum vfio_ap_assign_op op,
			 const struct vfio_ap_matrix *change, struct vfio_ap_plan *plan)
{
	lockdep_assert_held(&matrix_dev->lock);

	memset(plan, 0, sizeof(*plan));
	if (mdev->attachment)
		plan->had = mdev->shadow_apcb;
	vfio_ap_assign_combine(&plan->candidate, &mdev->assigned, op, change);
	plan->unchanged = vfio_ap_matrix_equal(&plan->candidate, &mdev->assigned);
	if (plan->unchanged)
		return;
	if (vfio_ap_assign_needs_perms(op, change))
		plan->error = vfio_ap_assign_validate(mdev, &plan->candidate, &plan->conflict);
	if (plan->error)
		return;
	vfio_ap_assign_list_awaited(mdev, plan);
	plan->wait = vfio_ap_reset_time_left(&plan->awaited, &plan->had);
}

static void vfio_ap_assign_report(struct vfio_ap_mdev *mdev, const struct vfio_ap_plan *plan)
{
	const struct vfio_ap_conflict *conflict = &plan->conflict;
	char label[VFIO_AP_OWNER_SIZE];

	if (plan->error == -EADDRINUSE) {
		vfio_ap_owner_find(conflict->owner, label);
		dev_warn(mdev->vdev.dev,
			 "Userspace may not assign queue %02x.%04x to mdev: already assigned to %s%s%s\n",
			 AP_QID_CARD(conflict->apqn), AP_QID_QUEUE(conflict->apqn),
			 conflict->owner, label[0] ? ", owner: " : "", label);
	}
	vfio_ap_event_refused(mdev, conflict, plan->error);
}

/**
 * vfio_ap_assign_change - change an mdev's assigned matrix
 * @mdev: the mdev
 * @op: how to combine the assigned matrix with @change
 * @change: a matrix with ids within the host's limits
 * @conflict: receives the conflicting queue, if there is one
 *
 * If added queues are still being reset, the function drops all locks, waits for these resets,
 * and plans the change again, so that the guest gets all queues in one update. After the
 * commit, it waits for the resets of the queues that left the guest. In total, the two waits
 * take at most 10 s. If the task is killed during the second wait, the change has still been
 * made, and the function returns 0.
 *
 * Context: Sleeps; none of this driver's locks held. Killable.
 * Return: 0, or one of these errors, in which case nothing has changed:
 * * -EADDRNOTAVAIL: an added queue is reserved for the host
 * * -EADDRINUSE: an added queue is assigned to another mdev
 * * -ENODEV: the mdev is being removed
 * * -EINTR, -ERESTARTSYS: the task was killed
 */
int vfio_ap_assign_change(struct vfio_ap_mdev *mdev, enum vfio_ap_assign_op op,
			  const struct vfio_ap_matrix *change,
			  struct vfio_ap_conflict *conflict)
{
	unsigned long begun, deadline = jiffies + VFIO_AP_RESET_TIMEOUT;
	bool perms = vfio_ap_assign_needs_perms(op, change);
	bool commit, waited = false;
	struct vfio_ap_plan plan;
	struct vfio_ap_tx tx;
	int ret;

	for (;;) {
		begun = jiffies;
		if (!vfio_ap_tx_begin(&tx, mdev, VFIO_AP_WAIT_KILLABLE, perms))
			return tx.error;
		/* Waiting for the locks does not count against the reset timeout. */
		deadline += jiffies - begun;
		vfio_ap_assign_plan(mdev, op, change, &plan);
		commit = !plan.unchanged && !plan.error && (waited || !plan.wait);
		if (commit) {
			mdev->assigned = plan.candidate;
			vfio_ap_tx_commit(&tx, &mdev->assigned);
		}
		vfio_ap_tx_end(&tx);
		if (plan.error) {
			*conflict = plan.conflict;
			vfio_ap_assign_report(mdev, &plan);
			return plan.error;
		}
		if (plan.unchanged || commit)
			break;
		ret = vfio_ap_reset_wait_added(&plan.awaited, &plan.had, deadline);
		if (ret)
			return ret;
		waited = true;
	}
	vfio_ap_reset_wait_removed(&tx.old, &tx.new, tx.reset_seq, deadline, true);
	return 0;
}
