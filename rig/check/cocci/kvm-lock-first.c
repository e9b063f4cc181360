// SPDX-License-Identifier: GPL-2.0
/* Test input with faults for kvm-lock-first.cocci. */
static void vfio_ap_guest_assert_and_lock(struct kvm *kvm)
{
	lockdep_assert_held(&matrix_dev->lock);
	mutex_lock(&kvm->lock);	/* wrong */
}

/* Acquire kvm->lock in all possible ways. */
static void vfio_ap_guest_lock_in_many_ways(struct vfio_ap_attachment *attachment, struct kvm *kvm)
{
	int ret;

	lockdep_assert_held(&matrix_dev->guests_lock);
	mutex_lock(&attachment->kvm->lock);	/* wrong */
	ret = mutex_lock_killable(&attachment->kvm->lock);	/* wrong */
	ret = mutex_lock_interruptible(&attachment->kvm->lock);	/* wrong */
	ret = mutex_trylock(&attachment->kvm->lock);	/* wrong */
	mutex_lock(&kvm->lock);	/* wrong */
	ret = mutex_lock_killable(&kvm->lock);	/* wrong */
	ret = mutex_lock_interruptible(&kvm->lock);	/* wrong */
	ret = mutex_trylock(&kvm->lock);	/* wrong */
	ret = vfio_ap_tx_lock_kvm(kvm, VFIO_AP_WAIT_NOT, 0);	/* wrong */
	ret = vfio_ap_tx_begin(&tx, attachment->mdev, VFIO_AP_WAIT_NOT, false);	/* wrong */
	ret = vfio_ap_guest_attach(attachment->mdev, kvm);	/* wrong */
	vfio_ap_guest_detach(attachment->mdev);	/* wrong */
	ret = vfio_ap_assign_change(attachment->mdev, VFIO_AP_ASSIGN, masks);	/* wrong */
	ret = vfio_ap_guest_reset(attachment->mdev);	/* wrong */
	ret = vfio_ap_attachment_drop_giscs(attachment);	/* wrong */
}

static void vfio_ap_guest_guard_it(struct kvm *kvm)
{
	lockdep_assert_held(&matrix_dev->lock);
	guard(mutex)(&kvm->lock);	/* wrong */
}

static void vfio_ap_guest_guard_that_of_an_attachment(struct vfio_ap_attachment *attachment)
{
	lockdep_assert_held(&matrix_dev->lock);
	guard(mutex)(&attachment->kvm->lock);	/* wrong */
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

static int vfio_ap_guest_scope_without_braces(struct vfio_ap_attachment *attachment, struct kvm *kvm)
{
	int ret;

	scoped_guard(mutex, &matrix_dev->guests_lock)
		ret = vfio_ap_tx_begin(&tx, attachment->mdev, VFIO_AP_WAIT_NOT, false);	/* wrong */
	scoped_guard(mutex, &matrix_dev->lock)
		mutex_lock(&attachment->kvm->lock);	/* wrong */
	scoped_guard(mutex, &matrix_dev->lock)
		mutex_lock(&kvm->lock);	/* wrong */
	scoped_guard(mutex, &matrix_dev->lock)
		vfio_ap_guest_detach(attachment->mdev);	/* wrong */
	scoped_guard(mutex, &matrix_dev->lock)
		ret = mutex_lock_killable(&attachment->kvm->lock);	/* wrong */
	scoped_guard(mutex, &matrix_dev->lock)
		ret = mutex_trylock(&kvm->lock);	/* wrong */
	return ret;
}

static int vfio_ap_guest_lock_on_a_branch(struct vfio_ap_mdev *mdev, struct kvm *kvm)
{
	mutex_lock(&matrix_dev->lock);
	if (!mdev->attachment) {
		mutex_unlock(&matrix_dev->lock);
		return -ENODEV;
	}
	return vfio_ap_tx_lock_kvm(kvm, VFIO_AP_WAIT_NOT, 0);	/* wrong */
}

static int vfio_ap_guest_nested_guard(struct vfio_ap_attachment *attachment)
{
	scoped_guard(mutex, &matrix_dev->guests_lock) {
		guard(mutex)(&matrix_dev->lock);
		mutex_lock(&attachment->kvm->lock);	/* wrong */
	}
	return vfio_ap_attachment_drop_giscs(attachment);
}

static void vfio_ap_guest_one_after_the_other(struct vfio_ap_attachment *attachment)
{
	mutex_lock(&matrix_dev->guests_lock);
	mutex_unlock(&matrix_dev->guests_lock);
	mutex_lock(&attachment->kvm->lock);
}
