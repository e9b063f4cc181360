// SPDX-License-Identifier: GPL-2.0
/*
 * The list of guests and their APCBs.
 */
#include <linux/io.h>
#include <linux/kprobes.h>
#include <linux/string.h>

#include "ap_hwsim.h"

LIST_HEAD(hwsim_guests);

/**
 * hwsim_apcb_read - read the AP masks from a crypto control block (CRYCB)
 * @apcb: destination
 * @crycb: the CRYCB
 * @format: format of the CRYCB: CRYCB_FORMAT0, CRYCB_FORMAT1 or CRYCB_FORMAT2
 */
void hwsim_apcb_read(struct hwsim_apcb *apcb, const struct kvm_s390_crypto_cb *crycb, u32 format)
{
	memset(apcb, 0, sizeof(*apcb));
	if (format == CRYCB_FORMAT2) {
		memcpy(apcb->apm, crycb->apcb1.apm, sizeof(apcb->apm));
		memcpy(apcb->aqm, crycb->apcb1.aqm, sizeof(apcb->aqm));
		memcpy(apcb->adm, crycb->apcb1.adm, sizeof(apcb->adm));
	} else {
		memcpy(apcb->apm, crycb->apcb0.apm, 8);
		memcpy(apcb->aqm, crycb->apcb0.aqm, 2);
		memcpy(apcb->adm, crycb->apcb0.adm, 2);
	}
}

bool hwsim_apcb_has(const struct hwsim_apcb *apcb, u16 apqn)
{
	return test_bit_inv(apqn >> 8, apcb->apm) && test_bit_inv(apqn & 0xff, apcb->aqm);
}

NOKPROBE_SYMBOL(hwsim_apcb_has);

struct hwsim_guest *hwsim_guest_find(const struct kvm *kvm)
{
	struct hwsim_guest *guest;

	lockdep_assert_held(&hwsim_lock);

	list_for_each_entry(guest, &hwsim_guests, node) {
		if (guest->kvm == kvm)
			return guest;
	}
	return NULL;
}

/**
 * hwsim_guest_with - find a guest that has a queue in its APCB
 * @apqn: APQN of the queue
 * @except: a guest to skip, or NULL
 *
 * Context: The caller holds hwsim_lock.
 * Return: The first such guest, or NULL if there is none.
 */
struct hwsim_guest *hwsim_guest_with(u16 apqn, const struct hwsim_guest *except)
{
	struct hwsim_guest *guest;

	lockdep_assert_held(&hwsim_lock);

	list_for_each_entry(guest, &hwsim_guests, node) {
		if (guest != except && hwsim_apcb_has(&guest->apcb, apqn))
			return guest;
	}
	return NULL;
}

NOKPROBE_SYMBOL(hwsim_guest_with);

/* Return the absolute address of a guest's GISA (guest interruption state area). */
u64 hwsim_guest_gisa(const struct hwsim_guest *guest)
{
	return virt_to_phys(&guest->kvm->arch.sie_page2->gisa);
}

NOKPROBE_SYMBOL(hwsim_guest_gisa);

/**
 * hwsim_gisa_has_guest - test whether a GISA belongs to a guest
 * @gisa: absolute address of the GISA
 *
 * Context: The caller holds hwsim_lock.
 * Return: true if a guest has this GISA.
 */
bool hwsim_gisa_has_guest(u64 gisa)
{
	struct hwsim_guest *guest;

	lockdep_assert_held(&hwsim_lock);

	list_for_each_entry(guest, &hwsim_guests, node) {
		if (gisa == hwsim_guest_gisa(guest))
			return true;
	}
	return false;
}

NOKPROBE_SYMBOL(hwsim_gisa_has_guest);
