// SPDX-License-Identifier: GPL-2.0
/*
 * The guest transaction and the one commit.
 *
 * Whatever changes what a guest may have (an administrator, the AP bus, the
 * guest's own coming and going, the end of a reset) changes one input of
 * vfio_ap_matrix_derive() inside a transaction and commits. Nothing else
 * programs an APCB or decides that a queue must be reset.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/slab.h>

#include "vfio_ap_private.h"
#include "vfio_ap_trace.h"

/* How long an unbind waits for a guest's kvm->lock, and then for resets. */
#define VFIO_AP_UNBIND_PATIENCE	(2 * HZ)
/* How long who writes or opens waits for resets, all in all. */
#define VFIO_AP_WRITER_PATIENCE	(10 * HZ)
#define VFIO_AP_TRYLOCK_MS	5

static const struct vfio_ap_matrix vfio_ap_matrix_nothing;

static unsigned long vfio_ap_unbind_deadline(struct vfio_ap_mdev *mdev)
{
	lockdep_assert_held(&matrix_dev->guests_lock);

	if (!mdev->unbind_patience)
		mdev->unbind_patience = (jiffies + VFIO_AP_UNBIND_PATIENCE) | 1;
	return mdev->unbind_patience;
}

static int vfio_ap_kvm_lock(struct kvm *kvm, enum vfio_ap_patience patience,
			    unsigned long deadline)
{
	lockdep_assert_not_held(&matrix_dev->guests_lock);
	lockdep_assert_not_held(&matrix_dev->lock);

	if (patience == VFIO_AP_WAIT_NOT)
		return mutex_trylock(&kvm->lock) ? 0 : -EAGAIN;
	if (patience == VFIO_AP_WAIT_KILLABLE)
		return mutex_lock_killable(&kvm->lock);
	while (!mutex_trylock(&kvm->lock)) {
		if (time_after(jiffies, deadline))
			return -EBUSY;
		msleep(VFIO_AP_TRYLOCK_MS);
	}
	return 0;
}

static void vfio_ap_guest_unlock(struct vfio_ap_guest_tx *tx)
{
	if (!tx->published)
		mutex_unlock(&matrix_dev->lock);
	mutex_unlock(&matrix_dev->guests_lock);
	if (tx->perms)
		mutex_unlock(&ap_attr_mutex);
	/* The remembered guest: the mdev may have none any more. */
	if (tx->attachment)
		mutex_unlock(&tx->attachment->kvm->lock);
}

/**
 * vfio_ap_guest_begin - begin a guest transaction
 * @tx: the transaction, filled in here
 * @mdev: the mdev; the caller keeps its memory
 * @patience: how to wait for kvm->lock
 * @perms: take ap_attr_mutex too, to compare with what the host reserves
 *
 * The guest is looked up, its kvm->lock taken with
 * no other lock held, and the guest looked up again. When another one is there
 * by then, all is dropped and done again: somebody else has made progress.
 *
 * Context: Sleeps; no lock of this driver and no kvm->lock held. On success
 * kvm->lock of the guest, if there is one, ap_attr_mutex if asked for,
 * guests_lock and matrix_dev->lock are held.
 * Return: true; or false with the reason in tx->error: -ENODEV the mdev is
 * being removed, -EINTR the task is to die, -EBUSY or -EAGAIN patience ran out.
 */
bool vfio_ap_guest_begin(struct vfio_ap_guest_tx *tx, struct vfio_ap_mdev *mdev,
			 enum vfio_ap_patience patience, bool perms)
{
	unsigned long deadline = 0;

	might_sleep();
	for (;;) {
		*tx = (struct vfio_ap_guest_tx){ .mdev = mdev, .perms = perms };

		mutex_lock(&matrix_dev->guests_lock);
		tx->attachment = mdev->attachment;
		vfio_ap_attachment_get(tx->attachment);
		if (tx->attachment && patience == VFIO_AP_WAIT_BOUNDED)
			deadline = vfio_ap_unbind_deadline(mdev);
		mutex_unlock(&matrix_dev->guests_lock);

		if (tx->attachment)
			tx->error = vfio_ap_kvm_lock(tx->attachment->kvm, patience, deadline);
		if (tx->error)
			break;
		if (perms)
			mutex_lock(&ap_attr_mutex);
		mutex_lock(&matrix_dev->guests_lock);
		mutex_lock(&matrix_dev->lock);

		if (!mdev->linked) {
			tx->error = -ENODEV;
		} else if (mdev->attachment == tx->attachment) {
			mdev->unbind_patience = 0;
			return true;
		}
		vfio_ap_guest_unlock(tx);
		if (tx->error)
			break;
		vfio_ap_attachment_put(tx->attachment);
	}
	vfio_ap_attachment_put(tx->attachment);
	return false;
}

/**
 * vfio_ap_guest_end - end a guest transaction
 * @tx: the transaction
 *
 * Drops all locks, starts the resets of the queues that left the guest, and then
 * signals the VMM, so that a slow eventfd does not delay a reset.
 *
 * Context: Sleeps. Drops what vfio_ap_guest_begin() took.
 */
void vfio_ap_guest_end(struct vfio_ap_guest_tx *tx)
	__releases(vfio_ap_tx_context)
{
	__release(vfio_ap_tx_context);
	vfio_ap_guest_unlock(tx);
	if (tx->leaver_reset)
		vfio_ap_reset_start_matrix(&tx->old, &tx->new);
	if (tx->changed) {
		lockdep_assert_not_held(&tx->attachment->kvm->lock);
		vfio_ap_trigger_config_changed(tx->mdev);
	}
	vfio_ap_attachment_put(tx->attachment);
}

static void vfio_ap_guest_list_unfit(unsigned int apid, const unsigned long *domains,
				     struct vfio_ap_unfit *unfit, void *data)
{
	vfio_ap_slot_list_unfit(apid, domains, data, unfit);
}

struct vfio_ap_then {
	struct vfio_ap_attachment *attachment;
	/* Whose resets a writer waits for. */
	struct vfio_ap_matrix awaited;
};

/* The same for when these have completed. */
static void vfio_ap_guest_list_unfit_then(unsigned int apid, const unsigned long *domains,
					  struct vfio_ap_unfit *unfit, void *data)
{
	struct vfio_ap_then *then = data;

	vfio_ap_slot_list_unfit(apid, domains, then->attachment, unfit);
	if (test_bit_inv(apid, then->awaited.apm))
		vfio_ap_reset_expect(apid, unfit->pending);
}

/* Before the APCB is written: AQIC goes by this bit. */
static void vfio_ap_guest_mark_queues(const struct vfio_ap_guest_tx *tx)
{
	struct vfio_ap_slot *slot;
	u64 leavers = 0, joiners = 0;
	unsigned long apqn;

	lockdep_assert_held(&matrix_dev->lock);

	vfio_ap_slot_for_each(slot, apqn, &tx->old, &tx->new) {
		spin_lock(&slot->lock);
		vfio_ap_slot_leave(slot);
		spin_unlock(&slot->lock);
		leavers++;
	}
	vfio_ap_slot_for_each(slot, apqn, &tx->new, &tx->old) {
		spin_lock(&slot->lock);
		vfio_ap_slot_join(slot, tx->attachment);
		spin_unlock(&slot->lock);
		joiners++;
	}
	tx->mdev->numbers.unplugs += leavers;
	tx->mdev->numbers.plugs += joiners;
}

/* After the APCB is written: no ZAPQ from before counts. */
static unsigned int vfio_ap_guest_want_resets(struct vfio_ap_guest_tx *tx)
{
	struct vfio_ap_slot *slot;
	unsigned int leavers = 0;
	unsigned long apqn;

	lockdep_assert_held(&matrix_dev->guests_lock);

	rcu_read_lock();
	vfio_ap_slot_for_each(slot, apqn, &tx->old, &tx->new) {
		if (!leavers++)
			tx->leaver_reset = vfio_ap_reset_number();
		spin_lock(&slot->lock);
		/* It may have been probed, or asked for, since the number was drawn. */
		vfio_ap_reset_want(slot, tx->leaver_reset);
		spin_unlock(&slot->lock);
	}
	rcu_read_unlock();
	return leavers;
}

/*
 * The one commit: derive, publish, program the APCB, name what left. It drops
 * matrix_dev->lock before KVM waits for the vCPUs to leave SIE, so it comes
 * last in a transaction.
 */
static void vfio_ap_guest_commit(struct vfio_ap_guest_tx *tx,
				 const struct vfio_ap_matrix *assigned)
{
	struct vfio_ap_mdev *mdev = tx->mdev;
	struct vfio_ap_matrix shown_before;
	unsigned int leavers;

	lockdep_assert_held(&matrix_dev->guests_lock);
	lockdep_assert_held(&matrix_dev->lock);
	if (tx->attachment)
		lockdep_assert_held(&tx->attachment->kvm->lock);

	if (mdev->removers)
		assigned = &vfio_ap_matrix_nothing;
	tx->old = tx->attachment && !tx->joins ? mdev->guest : vfio_ap_matrix_nothing;
	vfio_ap_matrix_derive(&tx->new, assigned, &matrix_dev->host, &tx->old,
			      vfio_ap_guest_list_unfit, tx->attachment);
	shown_before = mdev->guest;
	mdev->guest = tx->new;
	tx->changed = tx->attachment && !vfio_ap_matrix_equal(&tx->old, &tx->new);
	if (tx->changed)
		vfio_ap_guest_mark_queues(tx);
	mdev->updates += tx->changed;
	vfio_ap_notify_commit(tx, &shown_before);
	mutex_unlock(&matrix_dev->lock);
	tx->published = true;

	if (!tx->changed)
		return;
	kvm_arch_crypto_set_masks(tx->attachment->kvm, tx->new.apm, tx->new.aqm, tx->new.adm);
	leavers = vfio_ap_guest_want_resets(tx);
	trace_vfio_ap_guest_update(dev_name(mdev->vdev.dev), leavers, &tx->old, &tx->new);
}

static bool vfio_ap_guest_take_unsignalled(struct vfio_ap_mdev *mdev)
{
	bool unsignalled;

	guard(mutex)(&matrix_dev->guests_lock);
	unsignalled = mdev->config_unsignalled;
	mdev->config_unsignalled = false;
	return unsignalled;
}

/**
 * vfio_ap_guest_commit_work - derive and commit again
 * @work: commit_work of an mdev
 *
 * A guest whose kvm->lock is taken is looked up again a little later: by then
 * the mdev may have another one, which must not wait for this one's user.
 *
 * Context: Work item of vfio_ap_commit_wq; waits for no guest. Gives back the
 * mdev reference that vfio_ap_mdev_commit_after() took.
 */
void vfio_ap_guest_commit_work(struct work_struct *work)
{
	struct vfio_ap_mdev *mdev =
		container_of(to_delayed_work(work), struct vfio_ap_mdev, commit_work);
	struct vfio_ap_guest_tx tx;

	if (vfio_ap_guest_begin(&tx, mdev, VFIO_AP_WAIT_NOT, false)) {
		vfio_ap_guest_commit(&tx, &mdev->assigned);
		vfio_ap_guest_end(&tx);
	} else if (tx.error == -EAGAIN) {
		vfio_ap_mdev_commit_after(mdev, VFIO_AP_LOCK_RETRY);
	}
	if (vfio_ap_guest_take_unsignalled(mdev))
		vfio_ap_trigger_config_changed(mdev);
	put_device(&mdev->vdev.device);
}

/* The lowest queue to be added that is reserved for the host. */
static bool vfio_ap_guest_first_reserved(const struct vfio_ap_matrix *candidate,
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
 * May the mdev have this matrix? The errno names the first obstacle. What it has
 * already was validated then, and is kept from the host since by in_use().
 */
static int vfio_ap_guest_validate(const struct vfio_ap_mdev *mdev,
				  const struct vfio_ap_matrix *candidate,
				  struct vfio_ap_obstacle *obstacle)
{
	struct vfio_ap_mdev *other;
	unsigned int apid, apqi;
	unsigned long apqn;

	lockdep_assert_held(&matrix_dev->lock);

	if (vfio_ap_guest_first_reserved(candidate, &mdev->assigned, &apqn)) {
		obstacle->apqn = apqn;
		strscpy(obstacle->owner, "host", sizeof(obstacle->owner));
		return -EADDRNOTAVAIL;
	}
	list_for_each_entry(other, &matrix_dev->mdevs, node) {
		if (other == mdev ||
		    !vfio_ap_matrix_first_shared(candidate, &other->assigned, &apid, &apqi))
			continue;
		obstacle->apqn = AP_MKQID(apid, apqi);
		strscpy(obstacle->owner, dev_name(other->vdev.dev), sizeof(obstacle->owner));
		return -EADDRINUSE;
	}
	return 0;
}

static void vfio_ap_guest_refuse(struct vfio_ap_mdev *mdev,
				 const struct vfio_ap_obstacle *obstacle, int error)
{
	if (error == -EADDRINUSE)
		dev_warn(mdev->vdev.dev,
			 "Userspace may not assign queue %02x.%04x to mdev: already assigned to %s\n",
			 AP_QID_CARD(obstacle->apqn), AP_QID_QUEUE(obstacle->apqn),
			 obstacle->owner);
	trace_vfio_ap_assign_refused(dev_name(mdev->vdev.dev), obstacle->apqn, obstacle->owner,
				     error);
}

/*
 * What keeps out a queue that is to be added. Also what was assigned before: of
 * its adapter, since one pending queue keeps all of that out; and of adapters
 * that the guest has, since one that comes back to them keeps its domain out.
 */
static void vfio_ap_guest_list_awaited(const struct vfio_ap_mdev *mdev,
				       const struct vfio_ap_matrix *candidate,
				       const struct vfio_ap_matrix *had,
				       struct vfio_ap_matrix *awaited)
{
	DECLARE_BITMAP(stays_out, VFIO_AP_NR_IDS);

	lockdep_assert_held(&matrix_dev->lock);

	if (mdev->removers || !vfio_ap_matrix_adds_queues(candidate, &mdev->assigned)) {
		*awaited = vfio_ap_matrix_nothing;
		return;
	}
	/* For vfio_ap_reset_worth(), a queue that the host does not have would be bad. */
	vfio_ap_matrix_and(awaited, candidate, &matrix_dev->host);
	if (!bitmap_subset(candidate->aqm, mdev->assigned.aqm, AP_DOMAINS))
		return;
	/* No new queue needs an adapter that was assigned but that the guest lacks. */
	bitmap_andnot(stays_out, mdev->assigned.apm, had->apm, AP_DEVICES);
	bitmap_andnot(awaited->apm, awaited->apm, stays_out, AP_DEVICES);
}

/**
 * vfio_ap_guest_try - find out what a write to ap_config would do
 * @mdev: the mdev; the answer is kept there
 * @asked: the masks; ids are within the limits
 *
 * The answer is that of a moment, and takes it that no reset fails. Nothing is
 * changed, and nothing said in the log.
 *
 * Context: Sleeps shortly; no lock of this driver held, and the mdev is linked.
 * Waits for no guest.
 * Return: 0; -EADDRNOTAVAIL or -EADDRINUSE as the write would end; -ENOMEM.
 */
int vfio_ap_guest_try(struct vfio_ap_mdev *mdev, const struct vfio_ap_matrix *asked)
{
	const struct vfio_ap_matrix *had = &vfio_ap_matrix_nothing;
	struct vfio_ap_trial *trial;
	struct vfio_ap_then then;
	int ret;

	trial = kzalloc(sizeof(*trial), GFP_KERNEL_ACCOUNT);
	if (!trial)
		return -ENOMEM;
	trial->asked = *asked;

	mutex_lock(&ap_attr_mutex);
	mutex_lock(&matrix_dev->lock);
	if (mdev->attachment)
		had = &mdev->guest;
	ret = vfio_ap_guest_validate(mdev, asked, &trial->obstacle);
	trial->error = ret;
	trial->now = mdev->guest;
	if (vfio_ap_matrix_equal(asked, &mdev->assigned)) {
		trial->then = mdev->guest;
	} else if (!ret && !mdev->removers) {
		then.attachment = mdev->attachment;
		vfio_ap_guest_list_awaited(mdev, asked, had, &then.awaited);
		trial->wait_ms = jiffies_to_msecs(vfio_ap_reset_worth(&then.awaited, had));
		vfio_ap_matrix_derive(&trial->then, asked, &matrix_dev->host, had,
				      vfio_ap_guest_list_unfit_then, &then);
	}
	/* The one before goes. */
	swap(mdev->trial, trial);
	mutex_unlock(&matrix_dev->lock);
	mutex_unlock(&ap_attr_mutex);
	kfree(trial);
	return ret;
}

/**
 * vfio_ap_guest_change - change what is assigned to an mdev
 * @mdev: the mdev
 * @combine: makes the new matrix of the old one and @change
 * @change: the matrix to add, to remove or to put in its place; ids are within
 *	the limits
 * @obstacle: set to the queue in the way, and its owner, if one is
 *
 * Validates; where queues are still being reset for their last owner, waits
 * with no lock held and validates again: the guest gets all at once. Then waits
 * until the queues that left the guest are reset. A task that is killed
 * meanwhile has still succeeded. All in all, resets are waited for 10 s at most.
 *
 * Context: Sleeps; no lock of this driver held. Killable.
 * Return: 0; -EADDRNOTAVAIL a queue is reserved for the host; -EADDRINUSE
 * another mdev has one; -ENODEV the mdev is being removed; -EINTR or
 * -ERESTARTSYS the task is to die. With an error, nothing has changed.
 */
int vfio_ap_guest_change(struct vfio_ap_mdev *mdev, vfio_ap_combine_fn combine,
			 const struct vfio_ap_matrix *change, struct vfio_ap_obstacle *obstacle)
{
	bool adds = combine != vfio_ap_matrix_andnot &&
		    (!bitmap_empty(change->apm, AP_DEVICES) ||
		     !bitmap_empty(change->aqm, AP_DOMAINS));
	struct vfio_ap_matrix candidate, awaited, had;
	struct vfio_ap_guest_tx tx;
	unsigned long deadline = jiffies + VFIO_AP_WRITER_PATIENCE, begun;
	bool waited, commit = false;
	int ret = 0;

	for (waited = false; !commit; waited = true) {
		begun = jiffies;
		if (!vfio_ap_guest_begin(&tx, mdev, VFIO_AP_WAIT_KILLABLE, adds))
			return tx.error;
		/* That was no wait for a reset. */
		deadline += jiffies - begun;
		had = tx.attachment ? mdev->guest : vfio_ap_matrix_nothing;
		combine(&candidate, &mdev->assigned, change);
		if (vfio_ap_matrix_equal(&candidate, &mdev->assigned)) {
			vfio_ap_guest_end(&tx);
			return 0;
		}
		if (adds)
			ret = vfio_ap_guest_validate(mdev, &candidate, obstacle);
		vfio_ap_guest_list_awaited(mdev, &candidate, &had, &awaited);
		commit = !ret && (waited || !vfio_ap_reset_worth(&awaited, &had));
		if (commit) {
			mdev->assigned = candidate;
			vfio_ap_guest_commit(&tx, &candidate);
		}
		vfio_ap_guest_end(&tx);
		if (ret)
			vfio_ap_guest_refuse(mdev, obstacle, ret);
		else if (!commit)
			ret = vfio_ap_reset_wait_added(&awaited, &had, deadline);
		if (ret)
			return ret;
	}
	vfio_ap_reset_wait_left(&tx.old, &tx.new, tx.leaver_reset, deadline, true);
	return 0;
}

/* So that who can only be refused need not wait for resets before. */
static bool vfio_ap_guest_has_hook(struct kvm *kvm)
{
	guard(rwsem_read)(&kvm->arch.crypto.pqap_hook_rwsem);
	return kvm->arch.crypto.pqap_hook;
}

static int vfio_ap_guest_hook_set(struct kvm *kvm, crypto_hook *hook)
{
	lockdep_assert_held(&kvm->lock);
	lockdep_assert_not_held(&matrix_dev->guests_lock);

	guard(rwsem_write)(&kvm->arch.crypto.pqap_hook_rwsem);
	if (hook && kvm->arch.crypto.pqap_hook)
		return -EPERM;
	kvm->arch.crypto.pqap_hook = hook;
	return 0;
}

/*
 * Attach and detach hold kvm->lock already; what follows is a transaction like
 * any other. The caller's reference on the attachment goes to it.
 */
static void vfio_ap_guest_enter(struct vfio_ap_guest_tx *tx, struct vfio_ap_mdev *mdev,
				struct vfio_ap_attachment *attachment)
	__acquires(vfio_ap_tx_context)
{
	__acquire(vfio_ap_tx_context);
	lockdep_assert_held(&attachment->kvm->lock);

	*tx = (struct vfio_ap_guest_tx){ .mdev = mdev, .attachment = attachment };
	mutex_lock(&matrix_dev->guests_lock);
	mutex_lock(&matrix_dev->lock);
	mdev->unbind_patience = 0;
}

/**
 * vfio_ap_guest_attach - give a guest the queues of an mdev
 * @mdev: the mdev; VFIO opens it for the first time
 * @kvm: the guest
 *
 * Context: Sleeps; no lock of this driver held. Killable. VFIO serialises it
 * with vfio_ap_guest_detach().
 * Return: 0; -EPERM the guest has another mdev; -ENOMEM; -EINTR or -ERESTARTSYS
 * the task is to die.
 */
int vfio_ap_guest_attach(struct vfio_ap_mdev *mdev, struct kvm *kvm)
{
	struct vfio_ap_attachment *attachment;
	struct vfio_ap_matrix usable;
	struct vfio_ap_guest_tx tx;
	int ret;

	if (vfio_ap_guest_has_hook(kvm))
		return -EPERM;
	attachment = vfio_ap_attachment_create(kvm, dev_name(mdev->vdev.dev),
					       vfio_ap_irq_intercept);
	if (!attachment)
		return -ENOMEM;

	scoped_guard(mutex, &matrix_dev->lock)
		vfio_ap_matrix_and(&usable, &mdev->assigned, &matrix_dev->host);
	ret = vfio_ap_reset_wait_added(&usable, NULL, jiffies + VFIO_AP_WRITER_PATIENCE);
	if (!ret)
		ret = mutex_lock_killable(&kvm->lock);
	if (ret) {
		vfio_ap_attachment_put(attachment);
		return ret;
	}
	ret = vfio_ap_guest_hook_set(kvm, &attachment->pqap_hook);
	if (ret) {
		mutex_unlock(&kvm->lock);
		vfio_ap_attachment_put(attachment);
		return ret;
	}

	vfio_ap_attachment_get(attachment);
	vfio_ap_guest_enter(&tx, mdev, attachment);
	mdev->attachment = attachment;
	tx.joins = true;
	vfio_ap_guest_commit(&tx, &mdev->assigned);
	vfio_ap_guest_end(&tx);
	return 0;
}

/**
 * vfio_ap_guest_detach - take all queues of an mdev from its guest
 * @mdev: the mdev; VFIO closes it for the last time
 *
 * Their resets go on in the background: who opens the mdev next waits for them.
 *
 * Context: Sleeps; no lock of this driver held.
 */
void vfio_ap_guest_detach(struct vfio_ap_mdev *mdev)
{
	struct vfio_ap_attachment *attachment;
	struct vfio_ap_guest_tx tx;

	/* Only open and close change it, and VFIO serialises them. */
	scoped_guard(mutex, &matrix_dev->lock)
		attachment = mdev->attachment;

	mutex_lock(&attachment->kvm->lock);
	vfio_ap_guest_hook_set(attachment->kvm, NULL);
	vfio_ap_guest_enter(&tx, mdev, attachment);
	mdev->attachment = NULL;
	vfio_ap_numbers_keep(mdev, attachment);
	vfio_ap_guest_commit(&tx, &vfio_ap_matrix_nothing);
	vfio_ap_guest_end(&tx);

	/* Show what the next guest would get. */
	scoped_guard(mutex, &matrix_dev->lock)
		vfio_ap_mdev_commit_later(mdev);
}

static unsigned int vfio_ap_guest_count_remover(struct vfio_ap_mdev *mdev, int change)
{
	lockdep_assert_held(&matrix_dev->guests_lock);
	lockdep_assert_held(&matrix_dev->lock);

	mdev->removers += change;
	if (mdev->linked)
		vfio_ap_mdev_commit_later(mdev);
	return mdev->removers;
}

/**
 * vfio_ap_guest_withdraw - take all queues from the guest of an mdev to be removed
 * @mdev: the mdev; nobody can open it from now on
 *
 * The queues stay assigned until the mdev is gone. If a signal has interrupted a
 * remover, the caller takes its place, because the restarted write of that
 * remover must not change the guest again.
 *
 * Context: Sleeps shortly; no lock of this driver held. Waits for no guest.
 * Return: true if the mdev was still withdrawn for an interrupted remover.
 */
bool vfio_ap_guest_withdraw(struct vfio_ap_mdev *mdev)
{
	bool resumed;

	guard(mutex)(&matrix_dev->guests_lock);
	guard(mutex)(&matrix_dev->lock);
	/* @removal_work stays queued and finds nothing to cancel. */
	resumed = mdev->remover_interrupted;
	mdev->remover_interrupted = false;
	if (!resumed)
		vfio_ap_guest_count_remover(mdev, 1);
	return resumed;
}

static void vfio_ap_guest_tell_cancelled(struct vfio_ap_mdev *mdev)
{
	dev_notice(mdev->vdev.dev, "Removal cancelled\n");
}

/**
 * vfio_ap_guest_readmit - undo one vfio_ap_guest_withdraw()
 * @mdev: the mdev; its guest gets its queues back when no remover is left
 *
 * Context: Sleeps shortly; no lock of this driver held. Waits for no guest. The
 * caller prevents the removal of the VFIO device's parent.
 */
void vfio_ap_guest_readmit(struct vfio_ap_mdev *mdev)
{
	unsigned int left;

	scoped_guard(mutex, &matrix_dev->guests_lock) {
		guard(mutex)(&matrix_dev->lock);
		left = vfio_ap_guest_count_remover(mdev, -1);
	}
	if (!left)
		vfio_ap_guest_tell_cancelled(mdev);
}

/* Must not be called once the mdev is unlinked: its work items are cancelled then. */
static void vfio_ap_guest_queue_removal_work(struct vfio_ap_mdev *mdev)
{
	lockdep_assert_held(&matrix_dev->guests_lock);

	get_device(&mdev->vdev.device);
	/* A work item that was queued already holds its own reference. */
	if (mod_delayed_work(vfio_ap_commit_wq, &mdev->removal_work, VFIO_AP_REQUEST_PERIOD))
		put_device(&mdev->vdev.device);
}

/**
 * vfio_ap_guest_keep_withdrawn - keep the withdrawal of an interrupted remover
 * @mdev: the mdev
 *
 * The driver cannot know whether the interrupted write will be restarted: that
 * depends on SA_RESTART, and a program may repeat the write itself. So the mdev
 * stays withdrawn until the next remover takes over, for VFIO_AP_REQUEST_PERIOD
 * at most. One withdrawal is enough for several interrupted removers.
 *
 * Context: Sleeps shortly; no lock of this driver held. Waits for no guest.
 */
void vfio_ap_guest_keep_withdrawn(struct vfio_ap_mdev *mdev)
{
	guard(mutex)(&matrix_dev->guests_lock);
	guard(mutex)(&matrix_dev->lock);
	if (mdev->remover_interrupted)
		mdev->removers--;
	mdev->remover_interrupted = true;
	mdev->removal_expires = jiffies + VFIO_AP_REQUEST_PERIOD;
	if (mdev->linked)
		vfio_ap_guest_queue_removal_work(mdev);
}

/* Return: true if no remover is left. */
static bool vfio_ap_guest_cancel_removal(struct vfio_ap_mdev *mdev)
{
	guard(mutex)(&matrix_dev->guests_lock);
	guard(mutex)(&matrix_dev->lock);
	if (!mdev->linked || !mdev->remover_interrupted ||
	    time_before(jiffies, mdev->removal_expires))
		return false;
	mdev->remover_interrupted = false;
	return !vfio_ap_guest_count_remover(mdev, -1);
}

/**
 * vfio_ap_guest_removal_work - cancel a removal whose write was not restarted
 * @work: removal_work of an mdev
 *
 * Context: Work item of vfio_ap_commit_wq; waits for no guest. Puts the mdev
 * reference that vfio_ap_guest_keep_withdrawn() took.
 */
void vfio_ap_guest_removal_work(struct work_struct *work)
{
	struct vfio_ap_mdev *mdev =
		container_of(to_delayed_work(work), struct vfio_ap_mdev, removal_work);

	if (vfio_ap_guest_cancel_removal(mdev))
		vfio_ap_guest_tell_cancelled(mdev);
	put_device(&mdev->vdev.device);
}

/**
 * vfio_ap_guest_reset - VFIO_DEVICE_RESET: reset the mdev's queues, in parallel
 * @mdev: the mdev; its VFIO device is open
 *
 * The queues stay in the guest. On return the pages of their interrupts are
 * unpinned, except a page that is locked. Their GISCs are unregistered, because
 * QEMU resets its devices before a guest becomes protected, and KVM_PV_ENABLE
 * fails with EBUSY while a GISC is registered.
 *
 * Context: Sleeps; no lock of this driver and no kvm->lock held. Killable.
 * Return: 0; -EIO a queue answered with an unknown response code; -EBUSY a
 * reset did not end within 10 s; -EINTR or -ERESTARTSYS the task is to die.
 */
int vfio_ap_guest_reset(struct vfio_ap_mdev *mdev)
{
	struct vfio_ap_attachment *attachment;
	struct vfio_ap_matrix assigned;
	u64 number;
	int ret;

	/*
	 * Between what a commit says of a slot and what it writes to the APCB, a
	 * reset would begin that the queue takes into the guest.
	 */
	mutex_lock(&matrix_dev->guests_lock);
	scoped_guard(mutex, &matrix_dev->lock) {
		/* Stays while the device is open. */
		attachment = mdev->attachment;
		assigned = mdev->assigned;
		number = vfio_ap_reset_ask(&assigned, attachment);
		/* Of what is held back, it changes the state. */
		vfio_ap_notify_states(mdev);
		mdev->numbers.device_resets++;
	}
	mutex_unlock(&matrix_dev->guests_lock);
	vfio_ap_reset_start_matrix(&assigned, NULL);
	ret = vfio_ap_reset_wait_asked(&assigned, attachment, number);
	vfio_ap_attachment_unpin(attachment);
	return vfio_ap_attachment_drop_giscs(attachment) ?: ret;
}

/*
 * Until the bus has finished its scan (@old is NULL), a guest gets only what is
 * in both configurations. What the guests lose or gain is left to the work item
 * of each mdev.
 */
static void vfio_ap_guest_host_publish(const struct ap_config_info *new,
				       const struct ap_config_info *old)
{
	struct vfio_ap_matrix before;
	struct vfio_ap_slot *slot;
	struct vfio_ap_mdev *mdev;
	unsigned long apqn;
	bool back;

	lockdep_assert_held(&matrix_dev->guests_lock);
	lockdep_assert_held(&matrix_dev->lock);

	vfio_ap_limits_from_config(&matrix_dev->limits, new);
	vfio_ap_matrix_from_config(&matrix_dev->newest, new);
	matrix_dev->host = matrix_dev->newest;
	if (old) {
		vfio_ap_matrix_from_config(&before, old);
		vfio_ap_matrix_and(&matrix_dev->host, &matrix_dev->newest, &before);
	}
	xa_for_each(&matrix_dev->slots, apqn, slot) {
		spin_lock(&slot->lock);
		back = vfio_ap_slot_update_present(slot);
		spin_unlock(&slot->lock);
		/* It may owe a reset that could not be made meanwhile. */
		if (back)
			vfio_ap_slot_poll(slot);
	}
	/* A reset of what has gone is not worth waiting for any more. */
	vfio_ap_reset_wake_waiters();
	list_for_each_entry(mdev, &matrix_dev->mdevs, node)
		vfio_ap_mdev_commit_later(mdev);
}

/**
 * vfio_ap_guest_host_change - the host's AP configuration is another one
 * @new: the configuration
 * @old: the configuration before; NULL: the bus has finished its scan
 *
 * Context: Sleeps shortly; no lock of this driver held.
 */
void vfio_ap_guest_host_change(const struct ap_config_info *new,
			       const struct ap_config_info *old)
{
	guard(mutex)(&matrix_dev->guests_lock);
	guard(mutex)(&matrix_dev->lock);
	vfio_ap_guest_host_publish(new, old);
}

/**
 * vfio_ap_guest_host_read - learn the host's AP configuration from hardware
 * @info: room for it
 *
 * Asked and published in one go: what the bus tells meanwhile is newer.
 *
 * Context: Sleeps shortly; no lock of this driver held.
 * Return: 0; -EOPNOTSUPP if hardware refuses to tell.
 */
int vfio_ap_guest_host_read(struct ap_config_info *info)
{
	int ret;

	guard(mutex)(&matrix_dev->guests_lock);
	guard(mutex)(&matrix_dev->lock);
	ret = ap_qci(info);
	if (!ret)
		vfio_ap_guest_host_publish(info, NULL);
	return ret;
}

/**
 * vfio_ap_mdev_find_by_apqn - find who has a queue
 * @apqn: the queue
 *
 * Context: matrix_dev->lock held.
 * Return: The mdev that it is assigned to, or NULL. There is no other.
 */
struct vfio_ap_mdev *vfio_ap_mdev_find_by_apqn(u16 apqn)
{
	struct vfio_ap_mdev *mdev;

	lockdep_assert_held(&matrix_dev->lock);

	list_for_each_entry(mdev, &matrix_dev->mdevs, node) {
		if (vfio_ap_matrix_has(&mdev->assigned, AP_QID_CARD(apqn), AP_QID_QUEUE(apqn)))
			return mdev;
	}
	return NULL;
}

/**
 * vfio_ap_guest_queue_probe - a queue is bound to this driver
 * @queue: the queue
 *
 * A guest gets it when its reset has completed.
 *
 * Context: Called by the AP bus with the device lock held.
 * Return: 0 or -ENOMEM.
 */
int vfio_ap_guest_queue_probe(struct ap_queue *queue)
{
	struct vfio_ap_mdev *mdev;
	struct vfio_ap_slot *slot;
	int ret;

	scoped_guard(mutex, &matrix_dev->lock) {
		ret = vfio_ap_slot_bind(queue->qid);
		mdev = vfio_ap_mdev_find_by_apqn(queue->qid);
		if (mdev)
			vfio_ap_mdev_commit_later(mdev);
	}
	if (ret)
		return ret;
	slot = vfio_ap_slot_get(queue->qid);
	if (slot) {
		vfio_ap_reset_start(slot);
		vfio_ap_slot_put(slot);
	}
	return 0;
}

static void vfio_ap_slot_set_binding(struct vfio_ap_slot *slot, enum vfio_ap_binding binding)
{
	lockdep_assert_held(&matrix_dev->lock);

	spin_lock(&slot->lock);
	vfio_ap_slot_unbind(slot, binding);
	spin_unlock(&slot->lock);
	/* Waiters must stop waiting for a queue that is not bound, and for its adapter. */
	vfio_ap_reset_wake_waiters();
}

/*
 * Take a queue, and with it its adapter, from the guest and have all of it
 * reset, within the time that an unbind may take. Return: the number of the
 * resets that were waited for, 0 if none was.
 */
static u64 vfio_ap_guest_evict(struct vfio_ap_mdev *mdev)
{
	struct vfio_ap_guest_tx tx;

	if (!vfio_ap_guest_begin(&tx, mdev, VFIO_AP_WAIT_BOUNDED, false)) {
		/* Once it is unlinked, its work items are cancelled. */
		guard(mutex)(&matrix_dev->guests_lock);
		if (tx.error == -EBUSY && mdev->linked)
			vfio_ap_mdev_commit_later(mdev);
		return 0;
	}
	vfio_ap_guest_commit(&tx, &mdev->assigned);
	if (tx.changed) {
		/* commit_work signals: the AP bus must not wait for the VMM's pollers. */
		tx.changed = false;
		mdev->config_unsignalled = true;
		vfio_ap_mdev_commit_later(mdev);
	}
	vfio_ap_guest_end(&tx);
	vfio_ap_reset_wait_left(&tx.old, &tx.new, tx.leaver_reset,
				jiffies + VFIO_AP_UNBIND_PATIENCE, false);
	return tx.leaver_reset;
}

/*
 * A reset from before, of a queue that no guest has, ends before its unbind, too.
 * One that has had its 2 s is not waited for again: there may be many such queues.
 */
static void vfio_ap_guest_await_reset(struct vfio_ap_slot *slot, u64 waited)
{
	struct vfio_ap_matrix one = {};
	unsigned long deadline;
	u64 wanted = 0;

	spin_lock(&slot->lock);
	deadline = slot->wanted_since + VFIO_AP_UNBIND_PATIENCE;
	if (!slot->guest && slot->wanted != waited)
		wanted = slot->wanted;
	spin_unlock(&slot->lock);
	if (!time_before(jiffies, deadline))
		return;

	set_bit_inv(AP_QID_CARD(slot->apqn), one.apm);
	set_bit_inv(AP_QID_QUEUE(slot->apqn), one.aqm);
	vfio_ap_reset_wait_left(&one, &vfio_ap_matrix_nothing, wanted, deadline, false);
}

/* Decide whether the next reset by the AP bus must be a ZAPQ. */
static void vfio_ap_guest_set_zeroize(struct ap_queue *queue, bool zeroize)
{
	spin_lock_bh(&queue->lock);
	queue->zeroize = zeroize;
	spin_unlock_bh(&queue->lock);
}

/*
 * Hand a reset that this driver could not complete to the AP bus, because the next
 * driver must not see the guest's data. The end of that reset also ends an interrupt
 * registration. Return: true if hardware may still interrupt the guest.
 */
static bool vfio_ap_guest_hand_over(struct ap_queue *queue, struct vfio_ap_slot *slot)
{
	bool owed, irq;

	spin_lock(&slot->lock);
	owed = slot->guest || vfio_ap_slot_outstanding(slot);
	irq = slot->irq;
	spin_unlock(&slot->lock);

	if (!owed && !irq)
		vfio_ap_guest_set_zeroize(queue, false);
	return irq;
}

/**
 * vfio_ap_guest_queue_remove - a queue is being unbound from this driver
 * @queue: the queue
 *
 * Does not reset a queue that has left the host's configuration. If kvm->lock of
 * the guest cannot be acquired in time, the guest loses the queue later; no other
 * driver can bind an assigned queue, and if this driver binds it again, the queue
 * is bad until the guest has lost it.
 *
 * Context: Called by the AP bus with the device lock held. Waits at most 2 s
 * for kvm->lock and 2 s for the resets of the queues that the guest loses, each
 * once for all queues of an adapter. If no guest has the queue, waits until 2 s
 * after its reset was requested. Does not allocate.
 */
void vfio_ap_guest_queue_remove(struct ap_queue *queue)
{
	struct vfio_ap_mdev *mdev = NULL;
	struct vfio_ap_slot *slot;
	u64 waited = 0;
	bool present;

	slot = vfio_ap_slot_get(queue->qid);
	if (!slot)
		return;

	/* Before the queue is unbound, when false means that the bus has zeroized it. */
	vfio_ap_guest_set_zeroize(queue, true);
	scoped_guard(mutex, &matrix_dev->lock) {
		spin_lock(&slot->lock);
		present = slot->present;
		spin_unlock(&slot->lock);
		vfio_ap_slot_set_binding(slot, present ? VFIO_AP_UNBINDING : VFIO_AP_UNBOUND);
		mdev = vfio_ap_mdev_find_by_apqn(queue->qid);
		if (mdev)
			get_device(&mdev->vdev.device);
		if (mdev && !present)
			vfio_ap_mdev_commit_later(mdev);
	}
	if (mdev && present)
		waited = vfio_ap_guest_evict(mdev);
	if (present)
		vfio_ap_guest_await_reset(slot, waited);
	if (mdev)
		put_device(&mdev->vdev.device);

	scoped_guard(mutex, &matrix_dev->lock)
		vfio_ap_slot_set_binding(slot, VFIO_AP_UNBOUND);
	/* The work item follows a remaining interrupt registration, and reaps the slot. */
	vfio_ap_reset_start(slot);
	if (vfio_ap_guest_hand_over(queue, slot))
		pr_warn("queue %02x.%04x: unbound while it may still interrupt a guest, whose page stays pinned\n",
			AP_QID_CARD(queue->qid), AP_QID_QUEUE(queue->qid));
	vfio_ap_slot_put(slot);
}

/**
 * vfio_ap_guest_in_use - is a queue assigned that the host wants for itself?
 * @apm: adapters that the host would reserve
 * @aqm: domains that the host would reserve
 *
 * Context: Called by the AP bus with ap_attr_mutex held. Sleeps shortly.
 * Return: 0, or -EADDRINUSE after one line in the log.
 */
int vfio_ap_guest_in_use(const unsigned long *apm, const unsigned long *aqm)
{
	struct vfio_ap_matrix reserved = {};
	struct device *owner = NULL;
	struct vfio_ap_mdev *mdev;
	unsigned int apid, apqi;

	lockdep_assert_held(&ap_attr_mutex);
	bitmap_copy(reserved.apm, apm, AP_DEVICES);
	bitmap_copy(reserved.aqm, aqm, AP_DOMAINS);

	/*
	 * What is not assigned any more is in its guest's APCB until guests_lock
	 * is given back. Nobody would wait for that later, if it is unbound already.
	 */
	mutex_lock(&matrix_dev->guests_lock);
	mutex_lock(&matrix_dev->lock);
	list_for_each_entry(mdev, &matrix_dev->mdevs, node) {
		if (!vfio_ap_matrix_first_shared(&reserved, &mdev->assigned, &apid, &apqi))
			continue;
		owner = get_device(mdev->vdev.dev);
		break;
	}
	mutex_unlock(&matrix_dev->lock);
	mutex_unlock(&matrix_dev->guests_lock);
	if (!owner)
		return 0;
	/* A console can be slow. */
	dev_warn(owner,
		 "Can not reserve queue %02x.%04x for host driver: in use by mdev\n", apid, apqi);
	put_device(owner);
	return -EADDRINUSE;
}

/**
 * vfio_ap_guest_link - make an mdev known
 * @mdev: the mdev, complete
 *
 * Context: Sleeps shortly.
 */
void vfio_ap_guest_link(struct vfio_ap_mdev *mdev)
{
	guard(mutex)(&matrix_dev->guests_lock);
	guard(mutex)(&matrix_dev->lock);
	list_add_tail(&mdev->node, &matrix_dev->mdevs);
	mdev->linked = true;
}

/**
 * vfio_ap_guest_unlink - forget an mdev: what was assigned is free again
 * @mdev: the mdev, not open; transactions that are waiting will find it gone
 *
 * Context: Sleeps shortly.
 */
void vfio_ap_guest_unlink(struct vfio_ap_mdev *mdev)
{
	guard(mutex)(&matrix_dev->guests_lock);
	guard(mutex)(&matrix_dev->lock);
	list_del(&mdev->node);
	mdev->linked = false;
}
