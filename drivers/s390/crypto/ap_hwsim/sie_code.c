// SPDX-License-Identifier: GPL-2.0
/*
 * Conceals instructions that must not run natively although they do not trap.
 *
 * The CPU does not execute a page of the guest, but a copy of it. At first, the copy contains
 * only zeros, which raise an operation exception. For each exception, the native engine reveals
 * instructions in the copy: the one that the CPU did not see, and those that the CPU can reach
 * from there without leaving the page. It does not reveal instructions that must not run
 * natively. However, it tests only the first halfword of an instruction, so a guest that branches
 * into the middle of one, or whose EXECUTE modifies the operation code, can run anything that does
 * not trap.
 */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/llist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include "sie_insn.h"
#include "sie_shadow.h"

/* Maximum numbers of instructions to reveal at once, and of branch targets left to follow */
#define RUN_MAX			256
#define TARGETS_MAX		32

/* Number of copies that wait for the worker from which on no new copy is allocated */
#define FREED_MAX		16384

/**
 * hwsim_code_conceals - test whether an instruction must not run natively
 * @first: its first halfword
 * @clocks: the clock of the guest differs from that of the host
 *
 * An emulated CPU may execute semiprivileged instructions in the problem state although the
 * control registers do not allow it. Therefore, this list also contains some that trap under
 * current versions of TCG.
 */
bool hwsim_code_conceals(u16 first, bool clocks)
{
	switch (first >> 8) {
	case 0x04: /* SPM: may enable the fixed-point-overflow interruption, which TCG lacks */
	case 0xaf: /* MC: control register 8 is that of the host */
	case 0xd9 ... 0xdb: /* MVCK, MVCP, MVCS */
		return true;
	case 0xc8: /* MVCOS, and ECTG: the CPU timer is that of the host */
		return (first & 0xf) <= 1;
	}
	switch (first) {
	case 0x0101: /* PR */
	case 0xb20a ... 0xb20b: /* SPKA, IPK */
	case 0xb218: /* PC */
	case 0xb219: /* SAC would change the host's address-space control */
	case 0xb223: /* IVSK */
	case 0xb224: /* IAC would read the host's address-space control */
	case 0xb225 ... 0xb228: /* SSAR, EPAR, ESAR, PT */
	case 0xb258: /* BSG */
	case 0xb25a: /* BSA */
	case 0xb277: /* RP */
	case 0xb279: /* SACF */
	case 0xb2b0: /* STFLE: the facilities of the host */
	case 0xb98d: /* EPSW: the PSW of the host */
	case 0xb99a ... 0xb99b: /* EPAIR, ESAIR */
	case 0xb99e ... 0xb99f: /* PTI, SSAIR */
	case 0xe501: /* TPROT: the shadow tables lack pages of the guest */
	case 0xe50e ... 0xe50f: /* MVCSK, MVCDK */
		return true;
	case 0x0104: /* PTFF */
	case 0xb205: /* STCK */
	case 0xb278: /* STCKE */
	case 0xb27c: /* STCKF */
		return clocks;
	default:
		return false;
	}
}

/* Test whether something other than an instruction may follow, such as data. */
static bool ends_run(u16 first)
{
	switch (first >> 8) {
	case 0x05: /* BALR */
	case 0x0d: /* BASR */
		/* Code follows a call, and also an instruction that only loads an address. */
		return (first & 0xf0) != 0xe0 && first & 0xf;
	case 0x0b ... 0x0c: /* BSM, BASSM */
	case 0x45: /* BAL */
	case 0x4d: /* BAS */
	case 0x82: /* LPSW */
		return true;
	case 0x07: /* BCR */
	case 0x47: /* BC */
		return (first & 0xf0) == 0xf0;
	case 0xa7:
	case 0xc0:
		/* BRC and BRCL; BRAS and BRASL, unless they are calls */
		return (first & 0xff) == 0xf4 || ((first & 0xf) == 5 && (first & 0xf0) != 0xe0);
	default:
		return first == 0xb2b2 || !first; /* LPSWE */
	}
}

/*
 * Return: the distance in halfwords to the target of a relative branch, or 0. @halfwords is the
 * number of halfwords of the instruction that are in the page. @first is the first one, because
 * insn[0] may still be zero.
 */
static int branch_distance(u16 first, const u16 *insn, unsigned int halfwords)
{
	if (halfwords < 2)
		return 0;
	switch (first >> 8) {
	case 0xa7: /* BRC, BRAS, BRCT, BRCTG */
		return (first & 0xf) >= 4 && (first & 0xf) <= 7 ? (s16)insn[1] : 0;
	case 0x84 ... 0x85: /* BRXH, BRXLE */
		return (s16)insn[1];
	case 0xc0: /* BRCL, BRASL */
		if (halfwords == 3 && ((first & 0xf) == 4 || (first & 0xf) == 5))
			return (s32)((u32)insn[1] << 16 | insn[2]);
		return 0;
	case 0xec:
		if (halfwords < 3)
			return 0;
		switch (insn[2] & 0xff) {
		case 0x44 ... 0x45: /* BRXHG, BRXLG */
		case 0x64 ... 0x65: /* CGRJ, CLGRJ */
		case 0x76 ... 0x77: /* CRJ, CLRJ */
		case 0x7c ... 0x7f: /* CGIJ, CLGIJ, CIJ, CLIJ */
			return (s16)insn[1];
		}
	}
	return 0;
}

static unsigned int halfwords(u16 first)
{
	return hwsim_insn_length(first >> 8) / sizeof(u16);
}

/* Return: the end of the revealed instruction at @start, in halfwords. */
static unsigned int end_of(const struct hwsim_code *code, unsigned int start)
{
	u16 first = code->copy[start];

	if (code->hidden && start == find_last_bit(code->starts, HWSIM_HALFWORDS))
		first = code->hidden;
	return start + halfwords(first);
}

/*
 * Fill a page with zeros, doubleword by doubleword. The TCG of QEMU 7.2 discards only those of its
 * translations that contain the first byte of what XC or MVC stores, and clear_page() uses XC.
 * TCG may still execute the other translations after clear_page(), and each further store into the
 * page takes a thousand times longer.
 */
static void zero_code(u64 *page)
{
	unsigned int i;

	for (i = 0; i < PAGE_SIZE / sizeof(*page); i++)
		WRITE_ONCE(page[i], 0);
}

static LLIST_HEAD(freed_codes);
static atomic_t nr_freed_codes;

/* Return: a copy of a page in which all instructions are concealed, or NULL. */
struct hwsim_code *hwsim_code_alloc(void)
{
	struct hwsim_code *code;

	/* A guest could free copies faster than the worker. It must try again later. */
	if (atomic_read(&nr_freed_codes) >= FREED_MAX)
		return NULL;
	code = kzalloc_obj(*code, HWSIM_SHADOW_GFP);
	if (!code)
		return NULL;
	code->copy = (u16 *)__get_free_page(HWSIM_SHADOW_GFP);
	if (!code->copy) {
		kfree(code);
		return NULL;
	}
	zero_code((u64 *)code->copy);
	return code;
}

static void free_codes(struct work_struct *work)
{
	struct hwsim_code *code, *next;

	llist_for_each_entry_safe(code, next, llist_del_all(&freed_codes), freed) {
		zero_code((u64 *)code->copy);
		free_page((unsigned long)code->copy);
		kfree(code);
		atomic_dec(&nr_freed_codes);
		cond_resched();
	}
}

static DECLARE_WORK(free_codes_work, free_codes);

/**
 * hwsim_code_free - free a copy
 * @code: the copy, which no CPU executes any more
 *
 * Context: Does not sleep. A worker frees the copy, because zeroing its page can take a
 * millisecond.
 */
void hwsim_code_free(struct hwsim_code *code)
{
	atomic_inc(&nr_freed_codes);
	llist_add(&code->freed, &freed_codes);
	schedule_work(&free_codes_work);
}

/*
 * Reveal the first halfword last, because another CPU may be about to run the instruction. If
 * its end is in the next page, hwsim_code_reveal_last() reveals the first halfword. The caller
 * passes the halfword that it has tested, because the VMM may change the page.
 */
static void reveal(struct hwsim_code *code, const u16 *page, unsigned int start, u16 first)
{
	unsigned int end = start + halfwords(first), i;

	for (i = start + 1; i < min_t(unsigned int, end, HWSIM_HALFWORDS); i++) {
		WRITE_ONCE(code->copy[i], READ_ONCE(page[i]));
		__set_bit(i, code->revealed);
	}
	__set_bit(start, code->revealed);
	__set_bit(start, code->starts);
	if (end > HWSIM_HALFWORDS) {
		code->crosses = end - HWSIM_HALFWORDS;
		code->hidden = first;
		return;
	}
	/* The first halfword makes the others visible. */
	smp_wmb();
	WRITE_ONCE(code->copy[start], first);
}

static void conceal(struct hwsim_code *code, unsigned int start)
{
	unsigned int end = end_of(code, start), i;

	if (end > HWSIM_HALFWORDS) {
		code->crosses = 0;
		code->hidden = 0;
	}
	__clear_bit(start, code->starts);
	for (i = start; i < min_t(unsigned int, end, HWSIM_HALFWORDS); i++) {
		WRITE_ONCE(code->copy[i], 0);
		__clear_bit(i, code->revealed);
	}
}

/*
 * Return: the first halfword from @first on at which a revealed instruction begins that overlaps
 * the one from @start to @end, or HWSIM_HALFWORDS if there is none.
 */
static unsigned int find_overlap(const struct hwsim_code *code, unsigned int start,
				 unsigned int end, unsigned int first)
{
	unsigned int i;

	for_each_set_bit_from(first, code->starts, end) {
		i = first;
		if (i != start && end_of(code, i) > start)
			return i;
	}
	return HWSIM_HALFWORDS;
}

/**
 * hwsim_code_reveal - reveal instructions
 * @code: the copy
 * @page: the page
 * @offset: offset of an instruction that the CPU did not see
 * @run: also reveal the instructions that the CPU can reach from there without leaving the page
 * @clocks: the clock of the guest differs from that of the host
 *
 * Revealed instructions never overlap, because concealing one would change the other. If the
 * guest uses an instruction within another one, only the most recently executed one stays
 * revealed.
 *
 * If the last instruction ends in the next page, the caller must reveal its end with
 * hwsim_code_reveal_tail(), and then call hwsim_code_reveal_last().
 *
 * Return: true if at least one instruction was revealed.
 */
bool hwsim_code_reveal(struct hwsim_code *code, const u16 *page, unsigned int offset, bool run,
		       bool clocks)
{
	unsigned int next = offset / sizeof(u16), nr_targets = 0, n = 0;
	u16 targets[TARGETS_MAX];

	/*
	 * QEMU 7.2 does not keep one CPU from translating the zeros while another CPU reveals the
	 * instruction. A store, even of the same value, discards such a translation.
	 */
	if (next < HWSIM_HALFWORDS && test_bit(next, code->starts))
		WRITE_ONCE(code->copy[next], READ_ONCE(code->copy[next]));
	for (;;) {
		unsigned int end, target, other;
		bool reveals;
		u16 first;

		reveals = next < HWSIM_HALFWORDS && n < RUN_MAX && !test_bit(next, code->starts);
		if (reveals) {
			/* Read it only once, because the VMM may change it after the test. */
			first = READ_ONCE(page[next]);
			reveals = !hwsim_code_conceals(first, clocks);
		}
		if (reveals) {
			end = min(next + halfwords(first), HWSIM_HALFWORDS);
			other = next < 2 ? 0 : next - 2;
			other = find_overlap(code, next, end, other);
			/* The CPU has reached only the first one. The others may be data. */
			if (other < HWSIM_HALFWORDS && n)
				reveals = false;
			for (; reveals && other < HWSIM_HALFWORDS;
			     other = find_overlap(code, next, end, other))
				conceal(code, other);
		}
		if (reveals) {
			reveal(code, page, next, first);
			n++;
			if (!run)
				break;
			target = next + branch_distance(first, code->copy + next, end - next);
			if (target != next && target < HWSIM_HALFWORDS && nr_targets < TARGETS_MAX)
				targets[nr_targets++] = target;
			if (!ends_run(first)) {
				next = end;
				continue;
			}
		}
		if (!nr_targets)
			break;
		next = targets[--nr_targets];
	}
	return n;
}

/* Reveal the end of an instruction that begins in the previous page. */
void hwsim_code_reveal_tail(struct hwsim_code *code, const u16 *page, unsigned int count)
{
	while (count--) {
		WRITE_ONCE(code->copy[count], READ_ONCE(page[count]));
		__set_bit(count, code->revealed);
	}
}

/* Reveal the first halfword of the instruction that ends in the next page, after the others. */
void hwsim_code_reveal_last(struct hwsim_code *code)
{
	if (!code->hidden)
		return;
	/* The first halfword makes the others visible. */
	smp_wmb();
	WRITE_ONCE(code->copy[find_last_bit(code->starts, HWSIM_HALFWORDS)], code->hidden);
	code->hidden = 0;
}

/**
 * hwsim_code_verify - conceal the instructions that have changed
 * @code: the copy
 * @page: the page
 */
void hwsim_code_verify(struct hwsim_code *code, const u16 *page)
{
	unsigned int i, start;

	for_each_set_bit(i, code->revealed, HWSIM_HALFWORDS) {
		if (code->copy[i] == page[i])
			continue;
		for (start = i; start && i - start < 2 && !test_bit(start, code->starts); start--)
			;
		if (test_bit(start, code->starts))
			conceal(code, start);
		else
			/* the end of an instruction that begins in the previous page */
			WRITE_ONCE(code->copy[i], page[i]);
	}
}
