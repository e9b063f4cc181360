// SPDX-License-Identifier: GPL-2.0
/*
 * Guest storage by real address. SIE finds the pages through the memory slots of KVM. If a
 * page is missing, the vCPU leaves SIE with the same fault data as on hardware, and the guest
 * executes the instruction again later.
 *
 * The functions access the pages through the kernel's mapping, not as user space, because
 * the native engine calls them while the control registers belong to the guest.
 */
#include <linux/mm.h>
#include <linux/unaligned.h>
#include <asm/fault.h>
#include "sie.h"

#define PREFIX_SHIFT		12
#define PREFIX_AREA		(2 * PAGE_SIZE)

u64 hwsim_real_to_absolute(const struct hwsim_sie *sie, u64 real)
{
	u64 prefix = (u64)sie->scb->prefix << PREFIX_SHIFT;

	if (real < PREFIX_AREA)
		return real + prefix;
	if (real - prefix < PREFIX_AREA)
		return real - prefix;
	return real;
}

static int host_fault(u64 absolute, u16 code)
{
	union teid teid = {
		.addr = absolute >> PAGE_SHIFT,
		.fsi = TEID_FSI_STORE,
	};

	current->thread.gmap_int_code = code;
	current->thread.gmap_teid = teid;
	return -EFAULT;
}

/**
 * hwsim_host_fault - report that guest storage is missing
 * @sie: the execution of SIE; the vCPU must leave SIE
 * @absolute: absolute address in the guest
 *
 * Stores the fault data that vcpu_post_run_handle_fault() expects after a program check in SIE.
 * If the guest has no such storage, KVM raises an addressing exception for the instruction at
 * the PSW. Otherwise, KVM makes the page writable, even if the guest only loads from it, because
 * get_user_pages_fast_only() does not return the zero page.
 *
 * Return: -EFAULT.
 */
int hwsim_host_fault(struct hwsim_sie *sie, u64 absolute)
{
	return host_fault(absolute, PGM_PROTECTION);
}

/* Return: the page frame number of a page of the VMM, or -1UL if the page is missing. */
unsigned long hwsim_user_pfn(unsigned long user)
{
	unsigned long pfn;
	struct page *page;

	if (get_user_pages_fast_only(user & PAGE_MASK, 1, 0, &page) != 1)
		return -1UL;
	pfn = page_to_pfn(page);
	put_page(page);
	return pfn;
}

/**
 * hwsim_real_user_address - find guest storage in the address space of the VMM
 * @sie: the execution of SIE
 * @real: real address in the guest
 * @user: the result
 *
 * Context: Between hwsim_storage_begin() and hwsim_storage_end().
 * Return: 0, or -EFAULT if the guest has no such storage.
 */
int hwsim_real_user_address(struct hwsim_sie *sie, u64 real, unsigned long *user)
{
	u64 absolute = hwsim_real_to_absolute(sie, real);
	gfn_t gfn = gpa_to_gfn(absolute);
	struct kvm_memory_slot *slot = __gfn_to_memslot(sie->slots, gfn);

	if (!slot || slot->flags & KVM_MEMSLOT_INVALID)
		return hwsim_host_fault(sie, absolute);
	*user = __gfn_to_hva_memslot(slot, gfn) + offset_in_page(absolute);
	return 0;
}

static void page_put(struct hwsim_page *known)
{
	if (!known->page)
		return;
	if (known->write)
		set_page_dirty(known->page);
	put_page(known->page);
	known->page = NULL;
}

/**
 * hwsim_storage_begin - allow accesses to guest storage
 * @sie: the execution of SIE
 *
 * Context: The caller holds kvm->srcu and keeps preemption disabled until it has called
 * hwsim_storage_end().
 */
void hwsim_storage_begin(struct hwsim_sie *sie)
{
	lockdep_assert(srcu_read_lock_held(&sie->vcpu->kvm->srcu));
	/* @sie->caches belongs to this CPU. */
	lockdep_assert_preemption_disabled();

	sie->slots = kvm_vcpu_memslots(sie->vcpu);
}

/* Put the pages that the emulation has used. */
void hwsim_storage_end(struct hwsim_sie *sie)
{
	unsigned int i;

	for (i = 0; i < HWSIM_PAGES; i++)
		page_put(&sie->caches->pages[i]);
}

/*
 * Get a page of the guest, which stays valid until the next call. A page that a vCPU with a
 * shadow has used before is still the right one if the MMU notifier has not been called since.
 */
static struct hwsim_page *page_get(struct hwsim_sie *sie, u64 real, bool write)
{
	u64 absolute = hwsim_real_to_absolute(sie, real);
	struct hwsim_page *known = &sie->caches->pages[gpa_to_gfn(absolute) % HWSIM_PAGES];
	int invalidations = 0;

	/* KVM may export a page of a protected guest at any time, without an MMU notification. */
	if (sie->shadow && !sie->uv) {
		invalidations = hwsim_shadow_invalidations(sie->shadow);
		if (known->page && known->gfn == gpa_to_gfn(absolute) && known->write >= write &&
		    invalidations >= 0 && known->invalidations == invalidations)
			return known;
	}
	page_put(known);
	if (hwsim_real_user_address(sie, real & PAGE_MASK, &known->user))
		return NULL;
	if (get_user_pages_fast_only(known->user, 1, write ? FOLL_WRITE : 0, &known->page) != 1) {
		known->page = NULL;
		hwsim_host_fault(sie, absolute);
		return NULL;
	}
	if (sie->uv && hwsim_uv_page_is_open(page_to_pfn(known->page))) {
		put_page(known->page);
		known->page = NULL;
		host_fault(absolute, PGM_NON_SECURE_STORAGE_ACCESS);
		return NULL;
	}
	known->gfn = gpa_to_gfn(absolute);
	known->write = write;
	known->invalidations = invalidations;
	known->executions = -1;
	return known;
}

static void page_written(struct hwsim_sie *sie, struct hwsim_page *known)
{
	int executions;

	if (!sie->shadow)
		return;
	/* Store into the page before testing whether the guest has executed it. */
	smp_mb();
	executions = hwsim_shadow_executions(sie->shadow);
	if (known->executions == executions)
		return;
	known->executions = executions;
	hwsim_shadow_written(sie->shadow, known->user);
}

static void *page_at(const struct hwsim_page *known, u64 addr)
{
	return page_address(known->page) + offset_in_page(addr);
}

/* Return: the length of the longest aligned unit at an address, at most 8 and at most @len. */
static size_t unit_at(const void *at, size_t len)
{
	size_t n = 8;

	while (n > len || !IS_ALIGNED((unsigned long)at, n))
		n /= 2;
	return n;
}

/*
 * Load from guest storage. Like a CPU, load each aligned unit in one step, because another CPU or
 * the VMM may change it at the same time.
 */
static void load_units(void *buf, const void *at, size_t len)
{
	size_t n;

	for (; len; len -= n, at += n, buf += n) {
		n = unit_at(at, len);
		switch (n) {
		case 8:
			put_unaligned(READ_ONCE(*(const u64 *)at), (u64 *)buf);
			break;
		case 4:
			put_unaligned(READ_ONCE(*(const u32 *)at), (u32 *)buf);
			break;
		case 2:
			put_unaligned(READ_ONCE(*(const u16 *)at), (u16 *)buf);
			break;
		default:
			*(u8 *)buf = READ_ONCE(*(const u8 *)at);
			break;
		}
	}
}

/* Store into guest storage, each aligned unit in one step. */
static void store_units(void *at, const void *buf, size_t len)
{
	size_t n;

	for (; len; len -= n, at += n, buf += n) {
		n = unit_at(at, len);
		switch (n) {
		case 8:
			WRITE_ONCE(*(u64 *)at, get_unaligned((const u64 *)buf));
			break;
		case 4:
			WRITE_ONCE(*(u32 *)at, get_unaligned((const u32 *)buf));
			break;
		case 2:
			WRITE_ONCE(*(u16 *)at, get_unaligned((const u16 *)buf));
			break;
		default:
			WRITE_ONCE(*(u8 *)at, *(const u8 *)buf);
			break;
		}
	}
}

int hwsim_real_read(struct hwsim_sie *sie, u64 real, void *buf, size_t len)
{
	struct hwsim_page *known;
	size_t n;

	for (; len; len -= n, real += n, buf += n) {
		n = hwsim_to_page_end(real, len);
		known = page_get(sie, real, false);
		if (!known)
			return -EFAULT;
		load_units(buf, page_at(known, real), n);
	}
	return 0;
}

/* Test whether guest storage is writable. */
int hwsim_real_probe(struct hwsim_sie *sie, u64 real, size_t len)
{
	size_t n;

	for (; len; len -= n, real += n) {
		n = hwsim_to_page_end(real, len);
		if (!page_get(sie, real, true))
			return -EFAULT;
	}
	return 0;
}

/* A write that crosses a page boundary probes all pages first, so that it is not partial. */
int hwsim_real_write(struct hwsim_sie *sie, u64 real, const void *buf, size_t len)
{
	struct hwsim_page *known;
	size_t n;

	if (hwsim_to_page_end(real, len) < len && hwsim_real_probe(sie, real, len))
		return -EFAULT;
	for (; len; len -= n, real += n, buf += n) {
		n = hwsim_to_page_end(real, len);
		known = page_get(sie, real, true);
		if (!known)
			return -EFAULT;
		store_units(page_at(known, real), buf, n);
		page_written(sie, known);
	}
	return 0;
}

/**
 * hwsim_real_cmpxchg - compare and swap a word or doubleword of the guest
 * @sie: the execution of SIE
 * @real: real address, a multiple of @size
 * @size: 4 or 8
 * @old: the expected value; on return, the value before the swap
 * @new: the new value
 *
 * Other CPUs, which may run the same guest natively, see the swap as one step.
 *
 * Return: 0, or -EFAULT if the page is missing. *@old tells whether the values were swapped.
 */
int hwsim_real_cmpxchg(struct hwsim_sie *sie, u64 real, size_t size, u64 *old, u64 new)
{
	struct hwsim_page *known = page_get(sie, real, true);

	if (!known)
		return -EFAULT;
	if (size == 4)
		*old = cmpxchg((u32 *)page_at(known, real), (u32)*old, (u32)new);
	else
		*old = cmpxchg((u64 *)page_at(known, real), *old, new);
	page_written(sie, known);
	return 0;
}

/* Set a bit of a doubleword of the guest. Return: 0, or -EFAULT if the page is missing. */
int hwsim_real_set_bit(struct hwsim_sie *sie, u64 real, u64 bit)
{
	u64 old, seen;
	int rc = hwsim_real_read(sie, real, &old, sizeof(old));

	while (!rc) {
		seen = old;
		rc = hwsim_real_cmpxchg(sie, real, sizeof(old), &seen, old | bit);
		if (seen == old)
			break;
		old = seen;
	}
	return rc;
}
