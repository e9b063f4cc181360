// SPDX-License-Identifier: GPL-2.0
/*
 * Guest storage by real address. SIE accesses it through the memory slots of KVM with
 * copies that do not fault. If a page is missing, SIE leaves with the same fault data as
 * real SIE, and the guest executes the instruction again later.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>
#include <asm/fault.h>
#include <asm/futex.h>
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

static int host_fault(u64 absolute, bool write, u16 code)
{
	union teid teid = {
		.addr = absolute >> PAGE_SHIFT,
		.fsi = write ? TEID_FSI_STORE : TEID_FSI_FETCH,
	};

	current->thread.gmap_int_code = code;
	current->thread.gmap_teid = teid;
	return -EFAULT;
}

/**
 * hwsim_host_fault - report that guest storage is missing
 * @sie: the execution of SIE, which must leave
 * @absolute: absolute address in the guest
 * @write: the access is a store
 *
 * Leaves the fault data of a program check in SIE for vcpu_post_run_handle_fault(). If the
 * guest has no such storage, KVM raises an addressing exception for the instruction at the
 * PSW.
 *
 * Return: -EFAULT.
 */
int hwsim_host_fault(struct hwsim_sie *sie, u64 absolute, bool write)
{
	return host_fault(absolute, write, write ? PGM_PROTECTION : PGM_PAGE_TRANSLATION);
}

/* Return: the page frame number of a page that is mapped now, -1UL if it is missing. */
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

/* Test whether KVM has to import a page before a protected guest can use it. */
static bool needs_import(const struct hwsim_sie *sie, unsigned long user)
{
	unsigned long pfn;

	if (!sie->uv)
		return false;
	pfn = hwsim_user_pfn(user);
	/* A page that is missing has to be faulted in first. */
	return pfn != -1UL && hwsim_uv_page_is_open(pfn);
}

/**
 * hwsim_real_user_address - find guest storage in the address space of the VMM
 * @sie: the execution of SIE
 * @real: real address in the guest
 * @write: the access is a store
 * @user: the result
 *
 * Context: The caller holds kvm->srcu.
 * Return: 0, or -EFAULT if the guest has no such storage, or if KVM has to import the page of a
 * protected guest first.
 */
int hwsim_real_user_address(struct hwsim_sie *sie, u64 real, bool write, unsigned long *user)
{
	u64 absolute = hwsim_real_to_absolute(sie, real);
	unsigned long hva;

	lockdep_assert(srcu_read_lock_held(&sie->vcpu->kvm->srcu));

	hva = kvm_vcpu_gfn_to_hva(sie->vcpu, gpa_to_gfn(absolute));
	if (kvm_is_error_hva(hva))
		return hwsim_host_fault(sie, absolute, write);
	if (needs_import(sie, hva))
		return host_fault(absolute, write, PGM_NON_SECURE_STORAGE_ACCESS);
	*user = hva + offset_in_page(absolute);
	return 0;
}

int hwsim_real_read(struct hwsim_sie *sie, u64 real, void *buf, size_t len)
{
	unsigned long user;
	size_t n;

	for (; len; len -= n, real += n, buf += n) {
		n = hwsim_to_page_end(real, len);
		if (hwsim_real_user_address(sie, real, false, &user))
			return -EFAULT;
		if (copy_from_user_nofault(buf, (void __user *)user, n))
			return hwsim_host_fault(sie, hwsim_real_to_absolute(sie, real), false);
	}
	return 0;
}

/*
 * Test whether a page is writable by storing a value that it already contains. Use compare and
 * swap, so that a concurrent store by another CPU is not lost.
 */
static bool writable(unsigned long user)
{
	u32 __user *word = (u32 __user *)(user & ~3UL);
	u32 old, seen;
	int rc;

	if (copy_from_user_nofault(&old, word, sizeof(old)))
		return false;
	pagefault_disable();
	rc = futex_atomic_cmpxchg_inatomic(&seen, word, old, old);
	pagefault_enable();
	return !rc;
}

int hwsim_real_probe(struct hwsim_sie *sie, u64 real, size_t len)
{
	unsigned long user;
	size_t n;

	for (; len; len -= n, real += n) {
		n = hwsim_to_page_end(real, len);
		if (hwsim_real_user_address(sie, real, true, &user))
			return -EFAULT;
		if (!writable(user))
			return hwsim_host_fault(sie, hwsim_real_to_absolute(sie, real), true);
	}
	return 0;
}

/* A write that crosses a page boundary first probes all pages, so that it is never partial. */
int hwsim_real_write(struct hwsim_sie *sie, u64 real, const void *buf, size_t len)
{
	unsigned long user;
	size_t n;

	if (hwsim_to_page_end(real, len) < len && hwsim_real_probe(sie, real, len))
		return -EFAULT;
	for (; len; len -= n, real += n, buf += n) {
		n = hwsim_to_page_end(real, len);
		if (hwsim_real_user_address(sie, real, true, &user))
			return -EFAULT;
		if (copy_to_user_nofault((void __user *)user, buf, n))
			return hwsim_host_fault(sie, hwsim_real_to_absolute(sie, real), true);
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
	unsigned long user;
	struct page *page;
	void *where;

	if (hwsim_real_user_address(sie, real, true, &user))
		return -EFAULT;
	if (get_user_pages_fast_only(user, 1, FOLL_WRITE, &page) != 1)
		return hwsim_host_fault(sie, hwsim_real_to_absolute(sie, real), true);
	where = page_address(page) + offset_in_page(user);
	if (size == 4)
		*old = cmpxchg((u32 *)where, (u32)*old, (u32)new);
	else
		*old = cmpxchg((u64 *)where, *old, new);
	set_page_dirty(page);
	put_page(page);
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
