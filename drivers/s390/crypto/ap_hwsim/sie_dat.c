// SPDX-License-Identifier: GPL-2.0
/*
 * Dynamic address translation (DAT) with the tables of the guest, and access to guest storage by
 * logical address.
 *
 * Not simulated: access registers, storage keys, low-address protection, and addresses
 * that wrap within an operand.
 */
#include <asm/ctlreg.h>
#include "sie.h"

#define ASCE_ORIGIN		(~0xfffUL)
#define ASCE_REAL_SPACE		0x20
#define ASCE_TYPE_SHIFT		2
#define ASCE_LENGTH		3

#define ENTRY_ORIGIN		(~0xfffUL)
#define ENTRY_PTO		(~0x7ffUL)
#define ENTRY_LARGE		0x400
#define ENTRY_PROTECTED		0x200
#define ENTRY_NOEXEC		0x100
#define ENTRY_INVALID		0x20
#define ENTRY_OFFSET_SHIFT	6
#define ENTRY_TYPE_SHIFT	2
#define ENTRY_LENGTH		3

#define PTE_RESERVED		0x800
#define PTE_INVALID		0x400

/* Translation-exception identification */
#define TEID_STORE		0x400
#define TEID_FETCH		0x800
#define TEID_PROTECTED		0x004
#define TEID_NOEXEC		0x084

/* Levels of the tables: 0 is a segment table, 3 a region-first table. */
static const u16 level_exception[] = {
	PGM_SEGMENT_TRANSLATION, PGM_REGION_THIRD_TRANS, PGM_REGION_SECOND_TRANS,
	PGM_REGION_FIRST_TRANS,
};

static unsigned int level_shift(int level)
{
	return 20 + 11 * level;
}

u64 hwsim_dat_asce(const struct hwsim_sie *sie, enum hwsim_as as)
{
	switch (as) {
	case HWSIM_AS_SECONDARY:
		return sie->cpu.cr[7];
	case HWSIM_AS_HOME:
		return sie->cpu.cr[13];
	default:
		return sie->cpu.cr[1];
	}
}

/**
 * hwsim_dat_walk - translate an address with the tables of the guest
 * @sie: the execution of SIE
 * @asce: address-space-control element of the guest
 * @addr: virtual address
 * @dat: the result
 *
 * Context: The caller holds kvm->srcu.
 * Return:
 * * 0		- success
 * * > 0	- a program interruption code
 * * -EFAULT	- a table is in a page that the host has to fault in first
 */
int hwsim_dat_walk(struct hwsim_sie *sie, u64 asce, u64 addr, struct hwsim_dat *dat)
{
	unsigned int level = asce >> ASCE_TYPE_SHIFT & 3, first = 0, last = asce & ASCE_LENGTH;
	bool iep = sie->cpu.cr[0] & CR0_INSTRUCTION_EXEC_PROTECTION;
	bool edat = sie->cpu.cr[0] & CR0_EDAT;
	u64 table = asce & ASCE_ORIGIN, entry;
	int rc;

	*dat = (struct hwsim_dat){};
	if (asce & ASCE_REAL_SPACE) {
		dat->real = addr;
		return 0;
	}
	if (level < 3 && addr >> level_shift(level + 1))
		return PGM_ASCE_TYPE;
	for (;; level--) {
		unsigned int index = addr >> level_shift(level) & 0x7ff;

		if (index >> 9 < first || index >> 9 > last) {
			dat->outside = true;
			return level_exception[level];
		}
		dat->real = table + index * sizeof(entry);
		rc = hwsim_real_read(sie, dat->real, &entry, sizeof(entry));
		if (rc)
			return rc;
		if (entry & ENTRY_INVALID)
			return level_exception[level];
		if ((entry >> ENTRY_TYPE_SHIFT & 3) != level)
			return PGM_TRANSLATION_SPEC;
		if (entry & ENTRY_PROTECTED && (!level || edat))
			dat->protected = true;
		if (level < 2 && edat && entry & ENTRY_LARGE) {
			u64 offset = BIT(level_shift(level)) - 1;

			dat->noexec = iep && entry & ENTRY_NOEXEC;
			dat->real = (entry & ~offset) | (addr & offset);
			return 0;
		}
		if (!level)
			break;
		table = entry & ENTRY_ORIGIN;
		first = entry >> ENTRY_OFFSET_SHIFT & 3;
		last = entry & ENTRY_LENGTH;
	}

	dat->pto = entry & ENTRY_PTO;
	dat->real = dat->pto + (addr >> PAGE_SHIFT & 0xff) * sizeof(entry);
	rc = hwsim_real_read(sie, dat->real, &entry, sizeof(entry));
	if (rc)
		return rc;
	if (entry & PTE_INVALID)
		return PGM_PAGE_TRANSLATION;
	if (entry & PTE_RESERVED)
		return PGM_TRANSLATION_SPEC;
	dat->protected |= !!(entry & ENTRY_PROTECTED);
	dat->noexec = iep && entry & ENTRY_NOEXEC;
	dat->real = (entry & PAGE_MASK) | offset_in_page(addr);
	return 0;
}

/**
 * hwsim_dat_translate - translate a logical address for an access
 * @sie: the execution of SIE
 * @addr: logical address
 * @as: address space, ignored if DAT is off
 * @access: fetch of an instruction, fetch of an operand, or store
 * @dat: the result
 *
 * Sets @sie->teid for an access exception.
 *
 * Context: The caller holds kvm->srcu.
 * Return: The same values as hwsim_dat_walk().
 */
int hwsim_dat_translate(struct hwsim_sie *sie, u64 addr, enum hwsim_as as,
			enum hwsim_access access, struct hwsim_dat *dat)
{
	u64 kind = 0;
	int rc;

	if (!(sie->cpu.psw_mask & PSW_MASK_DAT)) {
		*dat = (struct hwsim_dat){ .real = addr };
		return 0;
	}
	rc = hwsim_dat_walk(sie, hwsim_dat_asce(sie, as), addr, dat);
	if (!rc && access == HWSIM_WRITE && dat->protected) {
		kind = TEID_PROTECTED;
		rc = PGM_PROTECTION;
	}
	if (!rc && access == HWSIM_FETCH && dat->noexec) {
		kind = TEID_NOEXEC;
		rc = PGM_PROTECTION;
	}
	if (rc > 0)
		sie->teid = (addr & PAGE_MASK) | kind | as |
			    (access == HWSIM_WRITE ? TEID_STORE : TEID_FETCH);
	return rc;
}

/*
 * Like hwsim_dat_translate(), but remember the translation, like the TLB of a CPU. A remembered
 * translation may be stale, so do not raise an exception before walking the tables again.
 */
static int translate(struct hwsim_sie *sie, u64 addr, enum hwsim_as as, enum hwsim_access access,
		     struct hwsim_dat *dat)
{
	struct hwsim_translation *known =
		&sie->caches->translations[addr / PAGE_SIZE % HWSIM_TRANSLATIONS];
	u64 asce = hwsim_dat_asce(sie, as);
	int purges, rc;

	if (!sie->shadow || sie->uv || !(sie->cpu.psw_mask & PSW_MASK_DAT))
		return hwsim_dat_translate(sie, addr, as, access, dat);
	purges = hwsim_shadow_purges(sie->shadow);
	if (known->asce == asce && known->page == addr / PAGE_SIZE && known->purges == purges &&
	    !(access == HWSIM_WRITE && known->dat.protected) &&
	    !(access == HWSIM_FETCH && known->dat.noexec)) {
		*dat = known->dat;
		dat->real += offset_in_page(addr);
		return 0;
	}
	/* The walk sees the changes of all purges counted so far. A later one changes the count. */
	smp_rmb();
	rc = hwsim_dat_translate(sie, addr, as, access, dat);
	if (!rc) {
		*known = (struct hwsim_translation){ asce, addr / PAGE_SIZE, purges, *dat };
		known->dat.real -= offset_in_page(addr);
	}
	return rc;
}

static int copy_from(struct hwsim_sie *sie, u64 addr, enum hwsim_as as, enum hwsim_access access,
		     void *buf, size_t len)
{
	struct hwsim_dat dat;
	size_t n;
	int rc;

	for (; len; len -= n, addr += n, buf += n) {
		n = hwsim_to_page_end(addr, len);
		rc = translate(sie, addr, as, access, &dat) ?:
		     hwsim_real_read(sie, dat.real, buf, n);
		if (rc)
			return rc;
	}
	return 0;
}

int hwsim_dat_read(struct hwsim_sie *sie, u64 addr, enum hwsim_as as, void *buf, size_t len)
{
	return copy_from(sie, addr, as, HWSIM_READ, buf, len);
}

/* Probe both pages first if there are two, so that the write is all or nothing. */
int hwsim_dat_write(struct hwsim_sie *sie, u64 addr, enum hwsim_as as, const void *buf, size_t len)
{
	size_t n = hwsim_to_page_end(addr, len);
	struct hwsim_dat first, second;
	int rc;

	if (WARN_ON_ONCE(len > n + PAGE_SIZE))
		return PGM_OPERAND;
	rc = translate(sie, addr, as, HWSIM_WRITE, &first);
	if (rc || n == len)
		return rc ?: hwsim_real_write(sie, first.real, buf, len);
	rc = translate(sie, addr + n, as, HWSIM_WRITE, &second) ?:
	     hwsim_real_probe(sie, first.real, n) ?:
	     hwsim_real_probe(sie, second.real, len - n);
	return rc ?: hwsim_real_write(sie, first.real, buf, n) ?:
		     hwsim_real_write(sie, second.real, buf + n, len - n);
}

/* The callbacks of struct hwsim_cpu */

int hwsim_sie_compare_swap(void *ctx, u64 addr, size_t len, u64 *old, u64 new)
{
	struct hwsim_sie *sie = ctx;
	struct hwsim_dat dat;

	return translate(sie, addr, hwsim_sie_as(sie), HWSIM_WRITE, &dat) ?:
	       hwsim_real_cmpxchg(sie, dat.real, len, old, new);
}

int hwsim_sie_fetch(void *ctx, u64 addr, void *buf, size_t len)
{
	struct hwsim_sie *sie = ctx;

	return copy_from(sie, addr, hwsim_sie_fetch_as(sie), HWSIM_FETCH, buf, len);
}

int hwsim_sie_read(void *ctx, u64 addr, void *buf, size_t len)
{
	struct hwsim_sie *sie = ctx;

	return hwsim_dat_read(sie, addr, hwsim_sie_as(sie), buf, len);
}

int hwsim_sie_write(void *ctx, u64 addr, const void *buf, size_t len)
{
	struct hwsim_sie *sie = ctx;

	return hwsim_dat_write(sie, addr, hwsim_sie_as(sie), buf, len);
}
