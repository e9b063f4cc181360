// SPDX-License-Identifier: GPL-2.0
/* Wrong on purpose: see kvm-lock-first.cocci. */
static void vfio_ap_guest_assert_and_lock(struct kvm *kvm)
{
	lockdep_assert_held(&matrix_dev->lock);
	mutex_lock(&kvm->lock);	/* wrong */
}

static int vfio_ap_guest_lock_both(struct vfio_ap_attachment *attachment)
{
	mutex_lock(&matrix_dev->guests_lock);
	if (mutex_lock_killable(&attachment->kvm->lock))	/* wrong */
		return -EINTR;
	return 0;
}

static int vfio_ap_guest_guard_both(struct vfio_ap_attachment *attachment)
{
	guard(mutex)(&matrix_dev->lock);
	return mutex_trylock(&attachment->kvm->lock);	/* wrong */
}

static void vfio_ap_guest_scope_both(struct vfio_ap_attachment *attachment)
{
	scoped_guard(mutex, &matrix_dev->lock) {
		mutex_lock(&attachment->kvm->lock);	/* wrong */
	}
}

static int vfio_ap_guest_lock_on_a_branch(struct vfio_ap_mdev *mdev, struct kvm *kvm)
{
	mutex_lock(&matrix_dev->lock);
	if (!mdev->attachment) {
		mutex_unlock(&matrix_dev->lock);
		return -ENODEV;
	}
	return vfio_ap_kvm_lock(kvm, VFIO_AP_WAIT_NOT, 0);	/* wrong */
}

static void vfio_ap_guest_one_after_the_other(struct vfio_ap_attachment *attachment)
{
	mutex_lock(&matrix_dev->guests_lock);
	mutex_unlock(&matrix_dev->guests_lock);
	mutex_lock(&attachment->kvm->lock);
}
