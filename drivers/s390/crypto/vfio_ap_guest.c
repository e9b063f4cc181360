// SPDX-License-Identifier: GPL-2.0
/* Attach a guest to an mdev, detach the guest, and reset an mdev's queues. */
#include "vfio_ap_diag.h"
#include "vfio_ap_private.h"

/* If the guest already has an mdev, lets an open fail without waiting for resets. */
static bool vfio_ap_guest_has_hook(struct kvm *kvm)
{
	guard(rwsem_read)(&kvm->arch.crypto.pqap_hook_rwsem);
	return kvm->arch.crypto.pqap_hook;
}

static int vfio_ap_guest_set_hook(struct kvm *kvm, crypto_hook *hook)
{
	lockdep_assert_held(&kvm->lock);
	lockdep_assert_not_held(&matrix_dev->guests_lock);

	guard(rwsem_write)(&kvm->arch.crypto.pqap_hook_rwsem);
	if (hook && kvm->arch.crypto.pqap_hook)
		return -EPERM;
	kvm->arch.crypto.pqap_hook = hook;
	return 0;
}

/**
 * vfio_ap_guest_attach - give an mdev's queues to a guest
 * @mdev: the mdev, whose VFIO device is being opened
 * @kvm: the guest
 *
 * Context: Sleeps; none of this driver's locks held. Killable. VFIO serialises this function
 * with vfio_ap_guest_detach().
 * Return:
 * * 0: the guest has the queues that are ready
 * * -EPERM: the guest already has another mdev
 * * -ENOMEM: out of memory
 * * -EINTR, -ERESTARTSYS: the task was killed
 */
int vfio_ap_guest_attach(struct vfio_ap_mdev *mdev, struct kvm *kvm)
{
	struct vfio_ap_attachment *attachment;
	struct vfio_ap_matrix usable;
	struct vfio_ap_tx tx;
	int ret;

	if (vfio_ap_guest_has_hook(kvm))
		return -EPERM;
	attachment = vfio_ap_attachment_create(kvm, dev_name(mdev->vdev.dev),
					       vfio_ap_irq_intercept);
	if (!attachment)
		return -ENOMEM;

	scoped_guard(mutex, &matrix_dev->lock)
		vfio_ap_matrix_and(&usable, &mdev->assigned, &matrix_dev->host);
	ret = vfio_ap_reset_wait_added(&usable, NULL, jiffies + VFIO_AP_RESET_TIMEOUT);
	if (!ret)
		ret = mutex_lock_killable(&kvm->lock);
	if (ret)
		goto err_put;
	ret = vfio_ap_guest_set_hook(kvm, &attachment->pqap_hook);
	if (ret)
		goto err_unlock;

	vfio_ap_attachment_get(attachment);
	vfio_ap_tx_begin_kvm_locked(&tx, mdev, attachment);
	mdev->attachment = attachment;
	tx.joins = true;
	vfio_ap_tx_commit(&tx, &mdev->assigned);
	vfio_ap_tx_end(&tx);
	return 0;

err_unlock:
	mutex_unlock(&kvm->lock);
err_put:
	vfio_ap_attachment_put(attachment);
	return ret;
}

/**
 * vfio_ap_guest_detach - take all of an mdev's queues from its guest
 * @mdev: the mdev, whose VFIO device is being closed
 *
 * Does not wait for the resets of these queues; the next open of the mdev does.
 *
 * Context: Sleeps; none of this driver's locks held.
 */
void vfio_ap_guest_detach(struct vfio_ap_mdev *mdev)
{
	struct vfio_ap_attachment *attachment;
	struct vfio_ap_tx tx;

	/* Only open and close change the attachment, and VFIO serialises them. */
	scoped_guard(mutex, &matrix_dev->lock)
		attachment = mdev->attachment;

	mutex_lock(&attachment->kvm->lock);
	vfio_ap_guest_set_hook(attachment->kvm, NULL);
	vfio_ap_tx_begin_kvm_locked(&tx, mdev, attachment);
	mdev->attachment = NULL;
	vfio_ap_event_detached(mdev, attachment);
	vfio_ap_tx_commit(&tx, &vfio_ap_matrix_empty);
	vfio_ap_tx_end(&tx);

	/* Commit again, so that guest_matrix shows what the next guest will get. */
	scoped_guard(mutex, &matrix_dev->lock)
		vfio_ap_mdev_commit_later(mdev);
}

/**
 * vfio_ap_guest_reset - reset an mdev's queues in parallel (VFIO_DEVICE_RESET)
 * @mdev: the mdev, whose VFIO device is open
 *
 * The queues stay in the guest. On return, the pages that hold NIBs are unpinned, except
 * locked pages. The GISCs are also unregistered, because KVM_PV_ENABLE fails with EBUSY while
 * a GISC is registered. QEMU therefore resets the device before it makes a guest protected.
 *
 * Context: Sleeps; neither kvm->lock nor any of this driver's locks held. Killable.
 * Return:
 * * 0: all queues are reset
 * * -EIO: a queue returned an unknown response code
 * * -EBUSY: a reset did not complete within 10 s
 * * -EINTR, -ERESTARTSYS: the task was killed
 */
int vfio_ap_guest_reset(struct vfio_ap_mdev *mdev)
{
	struct vfio_ap_attachment *attachment;
	struct vfio_ap_matrix assigned;
	u64 seq;
	int ret;

	/*
	 * A commit first marks the queues that join the guest, and then writes the APCB. Hold
	 * guests_lock, so that this function does not require a reset between these two steps,
	 * when the guest cannot use a marked queue yet.
	 */
	scoped_guard(mutex, &matrix_dev->guests_lock) {
		guard(mutex)(&matrix_dev->lock);
		/* The attachment does not change while the device is open. */
		attachment = mdev->attachment;
		assigned = mdev->assigned;
		seq = vfio_ap_reset_require_all(&assigned, attachment);
		/* The resets change queue_states for the queues that the guest does not have. */
		vfio_ap_mdev_notify_later(mdev);
		vfio_ap_event_device_reset(mdev);
	}
	vfio_ap_queue_visit(&assigned, NULL, vfio_ap_reset_advance);
	ret = vfio_ap_reset_wait_all(&assigned, attachment, seq);
	vfio_ap_attachment_unpin(attachment);
	return vfio_ap_attachment_drop_giscs(attachment) ?: ret;
}
