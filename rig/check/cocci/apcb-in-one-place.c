// SPDX-License-Identifier: GPL-2.0
/* Test input with faults for apcb-in-one-place.cocci. */
static void vfio_ap_guest_unplug(struct vfio_ap_mdev *mdev)
{
	kvm_arch_crypto_clear_masks(mdev->attachment->kvm);	/* wrong */
}

static void vfio_ap_guest_plug(struct vfio_ap_mdev *mdev)
{
	if (mdev->attachment)
		kvm_arch_crypto_set_masks(mdev->attachment->kvm, mdev->shadow_apcb.apm,	/* wrong */
					  mdev->shadow_apcb.aqm, mdev->shadow_apcb.adm);
}
