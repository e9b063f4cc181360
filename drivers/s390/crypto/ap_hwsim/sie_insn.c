// SPDX-License-Identifier: GPL-2.0
/*
 * The instruction interpreter for the simulated SIE.
 *
 * It executes the instructions that gcc emits for freestanding C code without floating point
 * on z900, some newer ones that Linux often uses, and control instructions that change only the
 * PSW or control registers. Each operation has a function, which reads all storage operands before
 * it changes anything, and writes to storage at most once, in the last step that can fail.
 * Therefore, the function does not have to undo anything if a page is missing.
 */
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/kvm_host.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include <linux/swab.h>
#include <linux/unaligned.h>
#include <asm/ptrace.h>
#include "sie_insn.h"

/* The fixed-point overflow bit of the program mask */
#define PSW_MASK_OVERFLOW	BIT(43)

enum insn_format {
	FMT_E, FMT_I, FMT_IE, FMT_RR, FMT_RRE, FMT_RX, FMT_RXY, FMT_RS, FMT_RSY, FMT_RSI, FMT_RI,
	FMT_RIE, FMT_RIL, FMT_S, FMT_SI, FMT_SIL, FMT_SS,
};

enum insn_source {
	SRC_NO, SRC_ADR, SRC_REG, SRC_RGS, SRC_RGZ, SRC_B1, SRC_H2, SRC_HZ, SRC_W4, SRC_WZ, SRC_D8,
	SRC_IMS, SRC_IMU,
};

/*
 * Operands of an instruction. Depending on the format, @r2 is the second register, the third
 * register, the index register or the mask. The immediate operand of an SI instruction and the
 * length of an SS instruction are in @insn->text[1].
 */
struct operands {
	const struct hwsim_insn *insn;
	unsigned int r1, r2;
	u64 addr, addr2;
	u64 v;
};

static u64 base_displacement(const struct hwsim_cpu *cpu, const u8 *field)
{
	unsigned int base = field[0] >> 4;

	return (base ? cpu->gr[base] : 0) + (get_unaligned_be16(field) & 0xfff);
}

/* Return the signed high byte of an RXY or RSY displacement. Code for z900 sets it to zero. */
static u64 long_displacement(const struct hwsim_insn *insn)
{
	return (u64)(s64)(s8)insn->text[4] * 4096;
}

/* The address of the 32-bit relative operand of RIL, in halfwords from the instruction. */
static u64 relative_long(const struct hwsim_cpu *cpu, const struct hwsim_insn *insn)
{
	s32 distance = get_unaligned_be32(insn->text + 2);

	return hwsim_cpu_wrap(cpu, insn->addr + 2 * (s64)distance);
}

static void set32(struct hwsim_cpu *cpu, unsigned int r, u32 value)
{
	cpu->gr[r] = (cpu->gr[r] & 0xffffffff00000000UL) | value;
}

static void set_addr(struct hwsim_cpu *cpu, unsigned int r, u64 addr)
{
	if (cpu->psw_mask & PSW_MASK_EA)
		cpu->gr[r] = addr;
	else
		set32(cpu, r, hwsim_cpu_wrap(cpu, addr));
}

/* Lengths in registers are 64 bits wide in 64-bit mode and 32 bits wide otherwise. */
static u64 get_len(const struct hwsim_cpu *cpu, unsigned int r)
{
	return cpu->psw_mask & PSW_MASK_EA ? cpu->gr[r] : (u32)cpu->gr[r];
}

static void set_len(struct hwsim_cpu *cpu, unsigned int r, u64 len)
{
	if (cpu->psw_mask & PSW_MASK_EA)
		cpu->gr[r] = len;
	else
		set32(cpu, r, len);
}

static u64 get_pair(const struct hwsim_cpu *cpu, unsigned int r)
{
	return cpu->gr[r] << 32 | (u32)cpu->gr[r + 1];
}

static void set_pair(struct hwsim_cpu *cpu, unsigned int r, u64 value)
{
	set32(cpu, r, value >> 32);
	set32(cpu, r + 1, value);
}

static int load(struct hwsim_cpu *cpu, u64 addr, size_t len, u64 *value)
{
	u8 buf[8] = {};
	int rc = cpu->read(cpu->ctx, hwsim_cpu_wrap(cpu, addr), buf + 8 - len, len);

	if (!rc)
		*value = get_unaligned_be64(buf);
	return rc;
}

static int store(struct hwsim_cpu *cpu, u64 addr, size_t len, u64 value)
{
	u8 buf[8];

	put_unaligned_be64(value, buf);
	return cpu->write(cpu->ctx, hwsim_cpu_wrap(cpu, addr), buf + 8 - len, len);
}

static int set_logical(struct hwsim_cpu *cpu, bool nonzero)
{
	hwsim_cpu_set_cc(cpu, nonzero);
	return 0;
}

static int set_signed(struct hwsim_cpu *cpu, s64 result, bool overflow)
{
	if (!overflow) {
		hwsim_cpu_set_cc(cpu, result < 0 ? 1 : result > 0 ? 2 : 0);
		return 0;
	}
	hwsim_cpu_set_cc(cpu, 3);
	return cpu->psw_mask & PSW_MASK_OVERFLOW ? PGM_FIXED_POINT_OVERFLOW : 0;
}

static int compare_signed(struct hwsim_cpu *cpu, s64 a, s64 b)
{
	hwsim_cpu_set_cc(cpu, a == b ? 0 : a < b ? 1 : 2);
	return 0;
}

static int compare_logical(struct hwsim_cpu *cpu, u64 a, u64 b)
{
	hwsim_cpu_set_cc(cpu, a == b ? 0 : a < b ? 1 : 2);
	return 0;
}

static int branch(struct hwsim_cpu *cpu, u64 addr)
{
	cpu->psw_addr = hwsim_cpu_wrap(cpu, addr);
	return 0;
}

static int branch_relative(struct hwsim_cpu *cpu, const struct operands *o)
{
	return branch(cpu, o->insn->addr + 2 * o->v);
}

/* Store the return address in a register. */
static void set_link(struct hwsim_cpu *cpu, unsigned int r)
{
	if (cpu->psw_mask & PSW_MASK_EA)
		cpu->gr[r] = cpu->psw_addr;
	else
		set32(cpu, r, cpu->psw_addr | (cpu->psw_mask & PSW_MASK_BA ? 0x80000000 : 0));
}

static bool cc_selected(const struct hwsim_cpu *cpu, unsigned int mask)
{
	return mask & 8 >> hwsim_cpu_cc(cpu);
}

static bool problem_state(const struct hwsim_cpu *cpu)
{
	return cpu->psw_mask & PSW_MASK_PSTATE;
}

#define ACTION(name) static int act_##name(struct hwsim_cpu *cpu, const struct operands *o)

#define R1	(cpu->gr[o->r1])

ACTION(CONTROL)
{
	return HWSIM_INSN_CONTROL;
}

/* Never called, because hwsim_insn_fetch() replaces EXECUTE with its target. */
ACTION(EX)
{
	return PGM_EXECUTE;
}

/* Loads */

ACTION(LR)
{
	set32(cpu, o->r1, o->v);
	return 0;
}

ACTION(LGR)
{
	R1 = o->v;
	return 0;
}

ACTION(LLGTR)
{
	R1 = o->v & 0x7fffffff;
	return 0;
}

ACTION(IC)
{
	R1 = (R1 & ~0xffUL) | o->v;
	return 0;
}

ACTION(LA)
{
	set_addr(cpu, o->r1, o->addr);
	return 0;
}

ACTION(LARL)
{
	set_addr(cpu, o->r1, relative_long(cpu, o->insn));
	return 0;
}

ACTION(LGRL)
{
	u64 addr = relative_long(cpu, o->insn);

	if (addr & 7)
		return PGM_SPECIFICATION;
	return load(cpu, addr, 8, &R1);
}

ACTION(LTR)
{
	set32(cpu, o->r1, o->v);
	return set_signed(cpu, (s32)o->v, false);
}

ACTION(LTGR)
{
	R1 = o->v;
	return set_signed(cpu, o->v, false);
}

ACTION(LCR)
{
	s32 result;
	bool overflow = check_sub_overflow((s32)0, (s32)o->v, &result);

	set32(cpu, o->r1, result);
	return set_signed(cpu, result, overflow);
}

ACTION(LCGR)
{
	s64 result;
	bool overflow = check_sub_overflow((s64)0, (s64)o->v, &result);

	R1 = result;
	return set_signed(cpu, result, overflow);
}

ACTION(LPR)
{
	if ((s32)o->v < 0)
		return act_LCR(cpu, o);
	return act_LTR(cpu, o);
}

ACTION(LPGR)
{
	if ((s64)o->v < 0)
		return act_LCGR(cpu, o);
	return act_LTGR(cpu, o);
}

ACTION(LNR)
{
	if ((s32)o->v > 0)
		return act_LCR(cpu, o);
	return act_LTR(cpu, o);
}

ACTION(LNGR)
{
	if ((s64)o->v > 0)
		return act_LCGR(cpu, o);
	return act_LTGR(cpu, o);
}

ACTION(LRVR)
{
	set32(cpu, o->r1, swab32(o->v));
	return 0;
}

ACTION(LRVGR)
{
	R1 = swab64(o->v);
	return 0;
}

ACTION(RISBG)
{
	unsigned int start = o->insn->text[2] & 63, end = o->insn->text[3] & 63;
	u64 from_start = ~0UL >> start, to_end = ~0UL << (63 - end);
	u64 selected = start <= end ? from_start & to_end : from_start | to_end;
	u64 value = rol64(o->v, o->insn->text[4] & 63) & selected;
	bool zero_others = o->insn->text[3] & 0x80;

	R1 = zero_others ? value : (R1 & ~selected) | value;
	return set_signed(cpu, R1, false);
}

ACTION(LRVH)
{
	R1 = (R1 & ~0xffffUL) | swab16(o->v);
	return 0;
}

/* Stores */

ACTION(ST1)
{
	return store(cpu, o->addr, 1, R1);
}

ACTION(ST2)
{
	return store(cpu, o->addr, 2, R1);
}

ACTION(ST4)
{
	return store(cpu, o->addr, 4, R1);
}

ACTION(ST8)
{
	return store(cpu, o->addr, 8, R1);
}

ACTION(MVGHI)
{
	return store(cpu, o->addr, 8, (s64)(s16)get_unaligned_be16(o->insn->text + 4));
}

ACTION(STRV2)
{
	return store(cpu, o->addr, 2, swab16(R1));
}

ACTION(STRV4)
{
	return store(cpu, o->addr, 4, swab32(R1));
}

ACTION(STRV8)
{
	return store(cpu, o->addr, 8, swab64(R1));
}

/* Return the number of registers from r1 to r3. Register 0 follows register 15. */
static unsigned int range_count(const struct operands *o)
{
	return ((o->r2 - o->r1) & 15) + 1;
}

static int store_range(struct hwsim_cpu *cpu, const struct operands *o, const u64 *regs,
		       unsigned int size, unsigned int shift)
{
	unsigned int i, n = range_count(o);
	u8 buf[128];

	for (i = 0; i < n; i++) {
		if (size == 8)
			put_unaligned_be64(regs[(o->r1 + i) & 15], buf + 8 * i);
		else
			put_unaligned_be32(regs[(o->r1 + i) & 15] >> shift, buf + 4 * i);
	}
	return cpu->write(cpu->ctx, o->addr, buf, n * size);
}

static int load_range(struct hwsim_cpu *cpu, const struct operands *o, u64 *regs,
		      unsigned int size, unsigned int shift)
{
	unsigned int i, n = range_count(o);
	u8 buf[128];
	int rc;

	rc = cpu->read(cpu->ctx, o->addr, buf, n * size);
	if (rc)
		return rc;
	for (i = 0; i < n; i++) {
		u64 *reg = &regs[(o->r1 + i) & 15];

		if (size == 8)
			*reg = get_unaligned_be64(buf + 8 * i);
		else
			*reg = (*reg & ~(0xffffffffUL << shift)) |
			       (u64)get_unaligned_be32(buf + 4 * i) << shift;
	}
	return 0;
}

ACTION(STM)
{
	return store_range(cpu, o, cpu->gr, 4, 0);
}

ACTION(STMH)
{
	return store_range(cpu, o, cpu->gr, 4, 32);
}

ACTION(STMG)
{
	return store_range(cpu, o, cpu->gr, 8, 0);
}

ACTION(LM)
{
	return load_range(cpu, o, cpu->gr, 4, 0);
}

ACTION(LMH)
{
	return load_range(cpu, o, cpu->gr, 4, 32);
}

ACTION(LMG)
{
	return load_range(cpu, o, cpu->gr, 8, 0);
}

static int control_range_check(struct hwsim_cpu *cpu, const struct operands *o, unsigned int size)
{
	if (problem_state(cpu))
		return PGM_PRIVILEGED_OP;
	return o->addr & (size - 1) ? PGM_SPECIFICATION : 0;
}

ACTION(STCTL)
{
	return control_range_check(cpu, o, 4) ?: store_range(cpu, o, cpu->cr, 4, 0);
}

ACTION(STCTG)
{
	return control_range_check(cpu, o, 8) ?: store_range(cpu, o, cpu->cr, 8, 0);
}

ACTION(LCTL)
{
	return control_range_check(cpu, o, 4) ?: load_range(cpu, o, cpu->cr, 4, 0);
}

ACTION(LCTLG)
{
	return control_range_check(cpu, o, 8) ?: load_range(cpu, o, cpu->cr, 8, 0);
}

ACTION(STAM)
{
	unsigned int i, n = range_count(o);
	u8 buf[64];

	if (o->addr & 3)
		return PGM_SPECIFICATION;
	for (i = 0; i < n; i++)
		put_unaligned_be32(cpu->ar[(o->r1 + i) & 15], buf + 4 * i);
	return cpu->write(cpu->ctx, o->addr, buf, n * 4);
}

ACTION(LAM)
{
	unsigned int i, n = range_count(o);
	u8 buf[64];
	int rc;

	if (o->addr & 3)
		return PGM_SPECIFICATION;
	rc = cpu->read(cpu->ctx, o->addr, buf, n * 4);
	for (i = 0; !rc && i < n; i++)
		cpu->ar[(o->r1 + i) & 15] = get_unaligned_be32(buf + 4 * i);
	return rc;
}

ACTION(CPYA)
{
	cpu->ar[o->r1] = cpu->ar[o->r2];
	return 0;
}

ACTION(SAR)
{
	cpu->ar[o->r1] = o->v;
	return 0;
}

ACTION(EAR)
{
	set32(cpu, o->r1, cpu->ar[o->r2]);
	return 0;
}

/* Instructions that access the bytes of a register half that the r3 field selects. */

static int insert_masked(struct hwsim_cpu *cpu, const struct operands *o, unsigned int shift)
{
	unsigned int n = hweight8(o->r2), bits = 0, i, done = 0;
	u32 half = R1 >> shift;
	u8 buf[4], first;
	int rc;

	/* Access exceptions for the first byte are recognized even if the mask is zero. */
	rc = cpu->read(cpu->ctx, o->addr, buf, n ?: 1);
	if (rc)
		return rc;
	first = n ? buf[0] : 0;
	for (i = 0; i < 4; i++) {
		if (!(o->r2 & 8 >> i))
			continue;
		half &= ~(0xff000000U >> 8 * i);
		half |= (u32)buf[done] << (24 - 8 * i);
		bits |= buf[done++];
	}
	R1 = (R1 & ~(0xffffffffUL << shift)) | (u64)half << shift;
	hwsim_cpu_set_cc(cpu, !bits ? 0 : first & 0x80 ? 1 : 2);
	return 0;
}

static unsigned int extract_masked(const struct hwsim_cpu *cpu, const struct operands *o,
				   unsigned int shift, u8 *buf)
{
	unsigned int i, n = 0;
	u32 half = R1 >> shift;

	for (i = 0; i < 4; i++)
		if (o->r2 & 8 >> i)
			buf[n++] = half >> (24 - 8 * i);
	return n;
}

static int store_masked(struct hwsim_cpu *cpu, const struct operands *o, unsigned int shift)
{
	u8 buf[4];
	unsigned int n = extract_masked(cpu, o, shift, buf);

	return n ? cpu->write(cpu->ctx, o->addr, buf, n) : 0;
}

static int compare_masked(struct hwsim_cpu *cpu, const struct operands *o, unsigned int shift)
{
	u8 mine[4], theirs[4];
	unsigned int n = extract_masked(cpu, o, shift, mine);
	int rc = cpu->read(cpu->ctx, o->addr, theirs, n ?: 1);

	if (rc)
		return rc;
	rc = memcmp(mine, theirs, n);
	return compare_signed(cpu, rc, 0);
}

ACTION(ICM)
{
	return insert_masked(cpu, o, 0);
}

ACTION(ICMH)
{
	return insert_masked(cpu, o, 32);
}

ACTION(STCM)
{
	return store_masked(cpu, o, 0);
}

ACTION(STCMH)
{
	return store_masked(cpu, o, 32);
}

ACTION(CLM)
{
	return compare_masked(cpu, o, 0);
}

ACTION(CLMH)
{
	return compare_masked(cpu, o, 32);
}

/* Arithmetic */

ACTION(AR)
{
	s32 result;
	bool overflow = check_add_overflow((s32)R1, (s32)o->v, &result);

	set32(cpu, o->r1, result);
	return set_signed(cpu, result, overflow);
}

ACTION(AGR)
{
	s64 result;
	bool overflow = check_add_overflow((s64)R1, (s64)o->v, &result);

	R1 = result;
	return set_signed(cpu, result, overflow);
}

ACTION(SR)
{
	s32 result;
	bool overflow = check_sub_overflow((s32)R1, (s32)o->v, &result);

	set32(cpu, o->r1, result);
	return set_signed(cpu, result, overflow);
}

ACTION(SGR)
{
	s64 result;
	bool overflow = check_sub_overflow((s64)R1, (s64)o->v, &result);

	R1 = result;
	return set_signed(cpu, result, overflow);
}

/*
 * The left bit of the condition code is the carry, and the right bit is one if the result is
 * not zero. A subtraction adds the complement, so a carry means that there was no borrow.
 */
static int add_logical32(struct hwsim_cpu *cpu, const struct operands *o, u32 b, unsigned int carry)
{
	u64 sum = (u64)(u32)R1 + b + carry;

	set32(cpu, o->r1, sum);
	hwsim_cpu_set_cc(cpu, (sum >> 32) << 1 | ((u32)sum != 0));
	return 0;
}

static int add_logical64(struct hwsim_cpu *cpu, const struct operands *o, u64 b, unsigned int carry)
{
	u64 sum;
	bool out = check_add_overflow((u64)R1, b, &sum);

	out |= check_add_overflow(sum, (u64)carry, &sum);
	R1 = sum;
	hwsim_cpu_set_cc(cpu, out << 1 | (sum != 0));
	return 0;
}

ACTION(ALR)
{
	return add_logical32(cpu, o, o->v, 0);
}

ACTION(ALGR)
{
	return add_logical64(cpu, o, o->v, 0);
}

ACTION(ALCR)
{
	return add_logical32(cpu, o, o->v, hwsim_cpu_cc(cpu) >> 1);
}

ACTION(ALCGR)
{
	return add_logical64(cpu, o, o->v, hwsim_cpu_cc(cpu) >> 1);
}

ACTION(SLR)
{
	return add_logical32(cpu, o, ~o->v, 1);
}

ACTION(SLGR)
{
	return add_logical64(cpu, o, ~o->v, 1);
}

ACTION(SLBR)
{
	return add_logical32(cpu, o, ~o->v, hwsim_cpu_cc(cpu) >> 1);
}

ACTION(SLBGR)
{
	return add_logical64(cpu, o, ~o->v, hwsim_cpu_cc(cpu) >> 1);
}

ACTION(CR)
{
	return compare_signed(cpu, (s32)R1, (s32)o->v);
}

ACTION(CGR)
{
	return compare_signed(cpu, R1, o->v);
}

ACTION(CLR)
{
	return compare_logical(cpu, (u32)R1, (u32)o->v);
}

ACTION(CLGR)
{
	return compare_logical(cpu, R1, o->v);
}

ACTION(MSR)
{
	set32(cpu, o->r1, (u32)R1 * (u32)o->v);
	return 0;
}

ACTION(MSGR)
{
	R1 *= o->v;
	return 0;
}

ACTION(MR)
{
	if (o->r1 & 1)
		return PGM_SPECIFICATION;
	set_pair(cpu, o->r1, (s64)(s32)cpu->gr[o->r1 + 1] * (s32)o->v);
	return 0;
}

ACTION(MLR)
{
	if (o->r1 & 1)
		return PGM_SPECIFICATION;
	set_pair(cpu, o->r1, (u64)(u32)cpu->gr[o->r1 + 1] * (u32)o->v);
	return 0;
}

ACTION(MLGR)
{
	u64 a = cpu->gr[(o->r1 | 1)], low, mid, mid2;

	if (o->r1 & 1)
		return PGM_SPECIFICATION;
	low = (a & U32_MAX) * (o->v & U32_MAX);
	mid = (a >> 32) * (o->v & U32_MAX) + (low >> 32);
	mid2 = (a & U32_MAX) * (o->v >> 32) + (mid & U32_MAX);
	R1 = (a >> 32) * (o->v >> 32) + (mid >> 32) + (mid2 >> 32);
	cpu->gr[o->r1 + 1] = mid2 << 32 | (low & U32_MAX);
	return 0;
}

ACTION(DR)
{
	s64 dividend, divisor = (s32)o->v, quotient;

	if (o->r1 & 1)
		return PGM_SPECIFICATION;
	dividend = get_pair(cpu, o->r1);
	/* S64_MIN / -1 overflows, which would raise an exception in the host. */
	if (!divisor || (divisor == -1 && dividend == S64_MIN))
		return PGM_FIXED_POINT_DIVIDE;
	quotient = dividend / divisor;
	if (quotient != (s32)quotient)
		return PGM_FIXED_POINT_DIVIDE;
	set32(cpu, o->r1, dividend % divisor);
	set32(cpu, o->r1 + 1, quotient);
	return 0;
}

ACTION(DLR)
{
	u64 dividend, divisor = (u32)o->v;

	if (o->r1 & 1)
		return PGM_SPECIFICATION;
	dividend = get_pair(cpu, o->r1);
	if (dividend >> 32 >= divisor)
		return PGM_FIXED_POINT_DIVIDE;
	set32(cpu, o->r1, dividend % divisor);
	set32(cpu, o->r1 + 1, dividend / divisor);
	return 0;
}

ACTION(DLGR)
{
	u64 high = R1, low, divisor = o->v;
	int i;

	if (o->r1 & 1)
		return PGM_SPECIFICATION;
	if (high >= divisor)
		return PGM_FIXED_POINT_DIVIDE;
	low = cpu->gr[o->r1 + 1];
	/* Divide bit by bit, because the kernel has no 128-bit division. */
	for (i = 0; i < 64; i++) {
		bool top = high >> 63;

		high = high << 1 | low >> 63;
		low <<= 1;
		if (top || high >= divisor) {
			high -= divisor;
			low |= 1;
		}
	}
	R1 = high;
	cpu->gr[o->r1 + 1] = low;
	return 0;
}

ACTION(DSGR)
{
	s64 dividend, divisor = o->v;

	if (o->r1 & 1)
		return PGM_SPECIFICATION;
	dividend = cpu->gr[o->r1 + 1];
	if (!divisor || (divisor == -1 && dividend == S64_MIN))
		return PGM_FIXED_POINT_DIVIDE;
	R1 = dividend % divisor;
	cpu->gr[o->r1 + 1] = dividend / divisor;
	return 0;
}

/* Logic */

static int set_logical32(struct hwsim_cpu *cpu, const struct operands *o, u32 result)
{
	set32(cpu, o->r1, result);
	return set_logical(cpu, result);
}

static int set_logical64(struct hwsim_cpu *cpu, const struct operands *o, u64 result)
{
	R1 = result;
	return set_logical(cpu, result);
}

ACTION(NR)
{
	return set_logical32(cpu, o, R1 & o->v);
}

ACTION(OR)
{
	return set_logical32(cpu, o, R1 | o->v);
}

ACTION(XR)
{
	return set_logical32(cpu, o, R1 ^ o->v);
}

ACTION(NGR)
{
	return set_logical64(cpu, o, R1 & o->v);
}

ACTION(OGR)
{
	return set_logical64(cpu, o, R1 | o->v);
}

ACTION(XGR)
{
	return set_logical64(cpu, o, R1 ^ o->v);
}

/*
 * Set the condition code for TMHH, TMHL, TMLH and TMLL. If some but not all selected bits are
 * one, the condition code depends on the leftmost selected bit, unlike for TM.
 */
static int test_mask(struct hwsim_cpu *cpu, u16 value, u16 mask)
{
	u16 hit = value & mask;

	if (!hit)
		hwsim_cpu_set_cc(cpu, 0);
	else if (hit == mask)
		hwsim_cpu_set_cc(cpu, 3);
	else
		hwsim_cpu_set_cc(cpu, hit & 1U << (fls(mask) - 1) ? 2 : 1);
	return 0;
}

/*
 * Return the shift count for the quarter of the register that the instruction selects. A5 and
 * A7 instructions number the quarters differently.
 */
static unsigned int quarter_shift(const struct operands *o)
{
	unsigned int quarter = o->insn->code & 3;

	if (o->insn->text[0] == 0xa7)
		quarter ^= 2;
	return 48 - 16 * quarter;
}

ACTION(IIQ)
{
	R1 = (R1 & ~(0xffffUL << quarter_shift(o))) | o->v << quarter_shift(o);
	return 0;
}

ACTION(NIQ)
{
	R1 &= ~((o->v ^ 0xffff) << quarter_shift(o));
	return set_logical(cpu, R1 >> quarter_shift(o) & 0xffff);
}

ACTION(OIQ)
{
	R1 |= o->v << quarter_shift(o);
	return set_logical(cpu, R1 >> quarter_shift(o) & 0xffff);
}

ACTION(LLIQ)
{
	R1 = o->v << quarter_shift(o);
	return 0;
}

ACTION(TMQ)
{
	return test_mask(cpu, R1 >> quarter_shift(o), o->v);
}

ACTION(TM)
{
	u64 byte;
	u8 mask = o->insn->text[1];
	int rc = load(cpu, o->addr, 1, &byte);

	if (rc)
		return rc;
	byte &= mask;
	hwsim_cpu_set_cc(cpu, !byte ? 0 : byte == mask ? 3 : 1);
	return 0;
}

ACTION(MVI)
{
	return store(cpu, o->addr, 1, o->insn->text[1]);
}

ACTION(CLI)
{
	u64 byte;

	return load(cpu, o->addr, 1, &byte) ?: compare_logical(cpu, byte, o->insn->text[1]);
}

/* Shifts */

static bool shift_left_signed(u64 *value, unsigned int width, unsigned int n)
{
	u64 sign = *value & 1UL << (width - 1), numeric = *value & ~sign;
	bool overflow = false;

	while (n--) {
		u64 out = numeric & 1UL << (width - 2);

		overflow |= !out != !sign;
		numeric = (numeric ^ out) << 1;
	}
	*value = sign | numeric;
	return overflow;
}

ACTION(SLL)
{
	set32(cpu, o->r1, (u64)(u32)R1 << (o->addr & 63));
	return 0;
}

ACTION(SRL)
{
	set32(cpu, o->r1, (u64)(u32)R1 >> (o->addr & 63));
	return 0;
}

ACTION(SLA)
{
	u64 value = (u32)R1;
	bool overflow = shift_left_signed(&value, 32, o->addr & 63);

	set32(cpu, o->r1, value);
	return set_signed(cpu, (s32)value, overflow);
}

ACTION(SRA)
{
	s64 value = (s64)(s32)R1 >> (o->addr & 63);

	set32(cpu, o->r1, value);
	return set_signed(cpu, value, false);
}

ACTION(SLDL)
{
	if (o->r1 & 1)
		return PGM_SPECIFICATION;
	set_pair(cpu, o->r1, get_pair(cpu, o->r1) << (o->addr & 63));
	return 0;
}

ACTION(SRDL)
{
	if (o->r1 & 1)
		return PGM_SPECIFICATION;
	set_pair(cpu, o->r1, get_pair(cpu, o->r1) >> (o->addr & 63));
	return 0;
}

ACTION(SLDA)
{
	bool overflow;
	u64 value;

	if (o->r1 & 1)
		return PGM_SPECIFICATION;
	value = get_pair(cpu, o->r1);
	overflow = shift_left_signed(&value, 64, o->addr & 63);
	set_pair(cpu, o->r1, value);
	return set_signed(cpu, value, overflow);
}

ACTION(SRDA)
{
	s64 value;

	if (o->r1 & 1)
		return PGM_SPECIFICATION;
	value = (s64)get_pair(cpu, o->r1) >> (o->addr & 63);
	set_pair(cpu, o->r1, value);
	return set_signed(cpu, value, false);
}

ACTION(SLLG)
{
	R1 = cpu->gr[o->r2] << (o->addr & 63);
	return 0;
}

ACTION(SRLG)
{
	R1 = cpu->gr[o->r2] >> (o->addr & 63);
	return 0;
}

ACTION(SLAG)
{
	u64 value = cpu->gr[o->r2];
	bool overflow = shift_left_signed(&value, 64, o->addr & 63);

	R1 = value;
	return set_signed(cpu, value, overflow);
}

ACTION(SRAG)
{
	R1 = (s64)cpu->gr[o->r2] >> (o->addr & 63);
	return set_signed(cpu, R1, false);
}

ACTION(RLL)
{
	set32(cpu, o->r1, rol32(cpu->gr[o->r2], o->addr & 31));
	return 0;
}

ACTION(RLLG)
{
	R1 = rol64(cpu->gr[o->r2], o->addr & 63);
	return 0;
}

/* Branches. The PSW already points past the instruction. */

ACTION(BC)
{
	return cc_selected(cpu, o->r1) ? branch(cpu, o->addr) : 0;
}

ACTION(BCR)
{
	return o->r2 && cc_selected(cpu, o->r1) ? branch(cpu, o->v) : 0;
}

ACTION(BRC)
{
	return cc_selected(cpu, o->r1) ? branch_relative(cpu, o) : 0;
}

static int branch_long(struct hwsim_cpu *cpu, const struct operands *o)
{
	return branch(cpu, relative_long(cpu, o->insn));
}

ACTION(BRCL)
{
	return cc_selected(cpu, o->r1) ? branch_long(cpu, o) : 0;
}

ACTION(BRASL)
{
	set_link(cpu, o->r1);
	return branch_long(cpu, o);
}

ACTION(BRAS)
{
	set_link(cpu, o->r1);
	return branch_relative(cpu, o);
}

/*
 * BAL and BALR differ from BAS and BASR in 24-bit mode only. There, they also store the instruction
 * length, the condition code and the program mask.
 */
static void set_old_link(struct hwsim_cpu *cpu, const struct operands *o)
{
	u32 halfwords = o->insn->len / 2, program_mask = cpu->psw_mask >> 40 & 15;
	u32 state = halfwords << 30 | hwsim_cpu_cc(cpu) << 28 | program_mask << 24;

	set_link(cpu, o->r1);
	if (!(cpu->psw_mask & (PSW_MASK_EA | PSW_MASK_BA)))
		set32(cpu, o->r1, state | cpu->psw_addr);
}

ACTION(BAL)
{
	set_old_link(cpu, o);
	return branch(cpu, o->addr);
}

ACTION(BALR)
{
	set_old_link(cpu, o);
	return o->r2 ? branch(cpu, o->v) : 0;
}

ACTION(BAS)
{
	set_link(cpu, o->r1);
	return branch(cpu, o->addr);
}

ACTION(BASR)
{
	set_link(cpu, o->r1);
	return o->r2 ? branch(cpu, o->v) : 0;
}

static bool count32(struct hwsim_cpu *cpu, const struct operands *o)
{
	set32(cpu, o->r1, (u32)R1 - 1);
	return (u32)R1;
}

static bool count64(struct hwsim_cpu *cpu, const struct operands *o)
{
	return --R1;
}

ACTION(BCT)
{
	return count32(cpu, o) ? branch(cpu, o->addr) : 0;
}

ACTION(BCTR)
{
	return count32(cpu, o) && o->r2 ? branch(cpu, o->v) : 0;
}

ACTION(BCTG)
{
	return count64(cpu, o) ? branch(cpu, o->addr) : 0;
}

ACTION(BCTGR)
{
	return count64(cpu, o) && o->r2 ? branch(cpu, o->v) : 0;
}

ACTION(BRCT)
{
	return count32(cpu, o) ? branch_relative(cpu, o) : 0;
}

ACTION(BRCTG)
{
	return count64(cpu, o) ? branch_relative(cpu, o) : 0;
}

/* Read the comparand before storing the sum, because both may be in the same register. */
static bool index32(struct hwsim_cpu *cpu, const struct operands *o)
{
	s32 limit = cpu->gr[o->r2 | 1], sum = (u32)R1 + (u32)cpu->gr[o->r2];

	set32(cpu, o->r1, sum);
	return sum > limit;
}

static bool index64(struct hwsim_cpu *cpu, const struct operands *o)
{
	s64 limit = cpu->gr[o->r2 | 1], sum = R1 + cpu->gr[o->r2];

	R1 = sum;
	return sum > limit;
}

ACTION(BXH)
{
	return index32(cpu, o) ? branch(cpu, o->addr) : 0;
}

ACTION(BXLE)
{
	return index32(cpu, o) ? 0 : branch(cpu, o->addr);
}

ACTION(BXHG)
{
	return index64(cpu, o) ? branch(cpu, o->addr) : 0;
}

ACTION(BXLEG)
{
	return index64(cpu, o) ? 0 : branch(cpu, o->addr);
}

ACTION(BRXH)
{
	return index32(cpu, o) ? branch_relative(cpu, o) : 0;
}

ACTION(BRXLE)
{
	return index32(cpu, o) ? 0 : branch_relative(cpu, o);
}

ACTION(BRXHG)
{
	return index64(cpu, o) ? branch_relative(cpu, o) : 0;
}

ACTION(BRXLG)
{
	return index64(cpu, o) ? 0 : branch_relative(cpu, o);
}

/* Branch if the mask @condition selects "first operand equal", "low" or "high". */
static int compare_and_branch(struct hwsim_cpu *cpu, const struct operands *o, s64 first,
			      s64 second, unsigned int condition)
{
	unsigned int result = first == second ? 8 : first < second ? 4 : 2;
	s16 distance = get_unaligned_be16(o->insn->text + 2);

	return condition & result ? branch(cpu, o->insn->addr + 2 * distance) : 0;
}

ACTION(CGRJ)
{
	return compare_and_branch(cpu, o, R1, o->v, o->insn->text[4] >> 4);
}

ACTION(CIJ)
{
	return compare_and_branch(cpu, o, (s32)R1, (s8)o->insn->text[4], o->insn->text[1] & 15);
}

/* Addressing mode */

static int set_mode(struct hwsim_cpu *cpu, u64 mode)
{
	cpu->psw_mask = (cpu->psw_mask & ~(PSW_MASK_EA | PSW_MASK_BA)) | mode;
	return 0;
}

/* SAM24 and SAM31 raise an exception if the new mode cannot address the next instruction. */
ACTION(SAM24)
{
	if (o->insn->addr + o->insn->len > 0xffffff)
		return PGM_SPECIFICATION;
	return set_mode(cpu, 0);
}

ACTION(SAM31)
{
	if (o->insn->addr + o->insn->len > 0x7fffffff)
		return PGM_SPECIFICATION;
	return set_mode(cpu, PSW_MASK_BA);
}

ACTION(SAM64)
{
	return set_mode(cpu, PSW_MASK_EA | PSW_MASK_BA);
}

static int branch_set_mode(struct hwsim_cpu *cpu, u64 target)
{
	if (target & 1)
		set_mode(cpu, PSW_MASK_EA | PSW_MASK_BA);
	else
		set_mode(cpu, target & 0x80000000 ? PSW_MASK_BA : 0);
	return branch(cpu, target & ~1UL);
}

ACTION(BSM)
{
	if (o->r1) {
		if (cpu->psw_mask & PSW_MASK_EA)
			R1 |= 1;
		else
			set32(cpu, o->r1, (R1 & 0x7fffffff) | (cpu->psw_mask & PSW_MASK_BA));
	}
	return o->r2 ? branch_set_mode(cpu, o->v) : 0;
}

ACTION(BASSM)
{
	set_link(cpu, o->r1);
	if (cpu->psw_mask & PSW_MASK_EA)
		R1 |= 1;
	return o->r2 ? branch_set_mode(cpu, o->v) : 0;
}

/* Storage to storage. Bytes are processed from left to right, because operands may overlap. */

static int combine(struct hwsim_cpu *cpu, const struct operands *o, u8 (*op)(u8 d, u8 s), bool *any)
{
	size_t len = o->insn->text[1] + 1, i;
	u64 distance = o->addr - o->addr2;
	u8 dst[256], src[256];
	int rc;

	rc = cpu->read(cpu->ctx, o->addr2, src, len);
	if (!rc)
		rc = cpu->read(cpu->ctx, o->addr, dst, len);
	if (rc)
		return rc;
	*any = false;
	for (i = 0; i < len; i++) {
		u8 s = distance && i >= distance ? dst[i - distance] : src[i];

		dst[i] = op(dst[i], s);
		*any |= dst[i];
	}
	return cpu->write(cpu->ctx, o->addr, dst, len);
}

static u8 byte_move(u8 d, u8 s)
{
	return s;
}

static u8 byte_and(u8 d, u8 s)
{
	return d & s;
}

static u8 byte_or(u8 d, u8 s)
{
	return d | s;
}

static u8 byte_xor(u8 d, u8 s)
{
	return d ^ s;
}

ACTION(MVC)
{
	bool any;

	return combine(cpu, o, byte_move, &any);
}

ACTION(NC)
{
	bool any;

	return combine(cpu, o, byte_and, &any) ?: set_logical(cpu, any);
}

ACTION(OC)
{
	bool any;

	return combine(cpu, o, byte_or, &any) ?: set_logical(cpu, any);
}

ACTION(XC)
{
	bool any;

	return combine(cpu, o, byte_xor, &any) ?: set_logical(cpu, any);
}

ACTION(CLC)
{
	size_t len = o->insn->text[1] + 1;
	u8 first[256], second[256];
	int rc;

	rc = cpu->read(cpu->ctx, o->addr, first, len);
	if (!rc)
		rc = cpu->read(cpu->ctx, o->addr2, second, len);
	return rc ?: compare_signed(cpu, memcmp(first, second, len), 0);
}

ACTION(TR)
{
	size_t len = o->insn->text[1] + 1, i;
	u8 text[256], table[256];
	int rc;

	rc = cpu->read(cpu->ctx, o->addr, text, len);
	if (!rc)
		rc = cpu->read(cpu->ctx, o->addr2, table, sizeof(table));
	if (rc)
		return rc;
	/* If the operands overlap, a byte of the table may be one that was translated before. */
	for (i = 0; i < len; i++) {
		u64 at = hwsim_cpu_wrap(cpu, o->addr2 + text[i] - o->addr);

		text[i] = at < i ? text[at] : table[text[i]];
	}
	return cpu->write(cpu->ctx, o->addr, text, len);
}

/*
 * Return the number of bytes to process. MVCLE, CLCLE and the string instructions may stop
 * after any number of bytes with condition code 3 and updated registers. Stop after 256 bytes,
 * so that the guest can be interrupted. Also stop at a page boundary: if the next page is
 * missing, the bytes before the boundary have already been processed.
 */
static u64 portion(u64 len, u64 a, u64 b)
{
	return min3(min_t(u64, len, 256), 4096 - (a & 4095), 4096 - (b & 4095));
}

ACTION(MVCLE)
{
	unsigned int d = o->r1, s = o->r2;
	u64 dst, src, dlen, slen, n;
	u8 buf[256];
	int rc;

	if ((d | s) & 1)
		return PGM_SPECIFICATION;
	dst = hwsim_cpu_wrap(cpu, cpu->gr[d]);
	src = hwsim_cpu_wrap(cpu, cpu->gr[s]);
	dlen = get_len(cpu, d + 1);
	slen = get_len(cpu, s + 1);
	if (slen) {
		n = portion(min(dlen, slen), dst, src);
		rc = n ? cpu->read(cpu->ctx, src, buf, n) : 0;
		if (rc)
			return rc;
	} else {
		n = portion(dlen, dst, dst);
		memset(buf, o->addr, n);
	}
	rc = n ? cpu->write(cpu->ctx, dst, buf, n) : 0;
	if (rc)
		return rc;
	set_addr(cpu, d, dst + n);
	set_len(cpu, d + 1, dlen - n);
	if (slen) {
		set_addr(cpu, s, src + n);
		set_len(cpu, s + 1, slen - n);
	}
	if (dlen == n)
		return compare_logical(cpu, dlen, slen);
	hwsim_cpu_set_cc(cpu, 3);
	return 0;
}

ACTION(CLCLE)
{
	unsigned int a = o->r1, b = o->r2;
	u64 addr[2], len[2], n, i;
	u8 first[256], second[256];
	int rc = 0;

	if ((a | b) & 1)
		return PGM_SPECIFICATION;
	addr[0] = hwsim_cpu_wrap(cpu, cpu->gr[a]);
	addr[1] = hwsim_cpu_wrap(cpu, cpu->gr[b]);
	len[0] = get_len(cpu, a + 1);
	len[1] = get_len(cpu, b + 1);
	n = portion(len[0] && len[1] ? min(len[0], len[1]) : max(len[0], len[1]), addr[0], addr[1]);
	/* Extend the shorter operand with the padding byte. */
	memset(first, o->addr, sizeof(first));
	memset(second, o->addr, sizeof(second));
	if (n && len[0])
		rc = cpu->read(cpu->ctx, addr[0], first, n);
	if (!rc && n && len[1])
		rc = cpu->read(cpu->ctx, addr[1], second, n);
	if (rc)
		return rc;
	for (i = 0; i < n && first[i] == second[i]; i++)
		;
	if (len[0]) {
		set_addr(cpu, a, addr[0] + i);
		set_len(cpu, a + 1, len[0] - i);
	}
	if (len[1]) {
		set_addr(cpu, b, addr[1] + i);
		set_len(cpu, b + 1, len[1] - i);
	}
	if (i < n)
		return compare_logical(cpu, first[i], second[i]);
	hwsim_cpu_set_cc(cpu, n == max(len[0], len[1]) ? 0 : 3);
	return 0;
}

ACTION(MVST)
{
	u64 dst = hwsim_cpu_wrap(cpu, R1), src = hwsim_cpu_wrap(cpu, cpu->gr[o->r2]), n, i;
	u8 end = cpu->gr[0], buf[256];
	const u8 *hit;
	int rc;

	if (cpu->gr[0] & 0xffffff00)
		return PGM_SPECIFICATION;
	n = portion(256, dst, src);
	rc = cpu->read(cpu->ctx, src, buf, n);
	if (rc)
		return rc;
	hit = memchr(buf, end, n);
	i = hit ? hit - buf : n - 1;
	rc = cpu->write(cpu->ctx, dst, buf, i + 1);
	if (rc)
		return rc;
	if (hit) {
		set_addr(cpu, o->r1, dst + i);
		hwsim_cpu_set_cc(cpu, 1);
	} else {
		set_addr(cpu, o->r1, dst + n);
		set_addr(cpu, o->r2, src + n);
		hwsim_cpu_set_cc(cpu, 3);
	}
	return 0;
}

ACTION(CLST)
{
	u64 a = hwsim_cpu_wrap(cpu, R1), b = hwsim_cpu_wrap(cpu, cpu->gr[o->r2]), n, i;
	u8 end = cpu->gr[0], first[256], second[256];
	int rc;

	if (cpu->gr[0] & 0xffffff00)
		return PGM_SPECIFICATION;
	n = portion(256, a, b);
	rc = cpu->read(cpu->ctx, a, first, n);
	if (!rc)
		rc = cpu->read(cpu->ctx, b, second, n);
	if (rc)
		return rc;
	for (i = 0; i < n && first[i] == second[i]; i++) {
		if (first[i] == end) {
			hwsim_cpu_set_cc(cpu, 0);
			return 0;
		}
	}
	set_addr(cpu, o->r1, a + i);
	set_addr(cpu, o->r2, b + i);
	if (i == n)
		hwsim_cpu_set_cc(cpu, 3);
	else if (first[i] == end)
		hwsim_cpu_set_cc(cpu, 1);
	else if (second[i] == end)
		hwsim_cpu_set_cc(cpu, 2);
	else
		compare_logical(cpu, first[i], second[i]);
	return 0;
}

ACTION(SRST)
{
	u64 end = hwsim_cpu_wrap(cpu, R1), addr = hwsim_cpu_wrap(cpu, cpu->gr[o->r2]), n;
	u8 buf[256];
	const u8 *hit;
	int rc;

	if (cpu->gr[0] & 0xffffff00)
		return PGM_SPECIFICATION;
	n = portion(end - addr, addr, addr);
	rc = n ? cpu->read(cpu->ctx, addr, buf, n) : 0;
	if (rc)
		return rc;
	hit = memchr(buf, cpu->gr[0], n);
	if (hit) {
		set_addr(cpu, o->r1, addr + (hit - buf));
		hwsim_cpu_set_cc(cpu, 1);
	} else if (addr + n == end) {
		hwsim_cpu_set_cc(cpu, 2);
	} else {
		set_addr(cpu, o->r2, addr + n);
		hwsim_cpu_set_cc(cpu, 3);
	}
	return 0;
}

/* Interlocked update */

static int compare_and_swap(struct hwsim_cpu *cpu, const struct operands *o, size_t len,
			    u64 expected, u64 value, u64 *current_value)
{
	int rc;

	*current_value = expected;
	rc = cpu->compare_swap(cpu->ctx, o->addr, len, current_value, value);
	if (!rc)
		hwsim_cpu_set_cc(cpu, *current_value != expected);
	return rc;
}

ACTION(CS)
{
	u64 old;
	int rc;

	if (o->addr & 3)
		return PGM_SPECIFICATION;
	rc = compare_and_swap(cpu, o, 4, (u32)R1, (u32)cpu->gr[o->r2], &old);
	if (!rc)
		set32(cpu, o->r1, old);
	return rc;
}

ACTION(CSG)
{
	u64 old;
	int rc;

	if (o->addr & 7)
		return PGM_SPECIFICATION;
	rc = compare_and_swap(cpu, o, 8, R1, cpu->gr[o->r2], &old);
	if (!rc)
		R1 = old;
	return rc;
}

ACTION(CDS)
{
	u64 old;
	int rc;

	if ((o->addr & 7) || ((o->r1 | o->r2) & 1))
		return PGM_SPECIFICATION;
	rc = compare_and_swap(cpu, o, 8, get_pair(cpu, o->r1), get_pair(cpu, o->r2), &old);
	if (!rc)
		set_pair(cpu, o->r1, old);
	return rc;
}

/*
 * Replace the byte at the operand with (byte & @and) ^ @xor, in one step for other CPUs. Return
 * what compare_swap() returns, and the old byte in @byte.
 */
static int update_byte(struct hwsim_cpu *cpu, const struct operands *o, u8 and, u8 xor, u8 *byte)
{
	unsigned int shift = (~o->addr & 3) * BITS_PER_BYTE;
	u64 word = o->addr & ~3UL, expected, old, new;
	int rc = load(cpu, word, 4, &old);

	do {
		expected = old;
		new = (expected & ~((u64)(u8)~and << shift)) ^ (u64)xor << shift;
		rc = rc ?: cpu->compare_swap(cpu->ctx, word, 4, &old, new);
	} while (!rc && old != expected);
	if (!rc)
		*byte = old >> shift;
	return rc;
}

ACTION(NI)
{
	u8 mask = o->insn->text[1], byte;

	return update_byte(cpu, o, mask, 0, &byte) ?: set_logical(cpu, byte & mask);
}

ACTION(OI)
{
	u8 mask = o->insn->text[1], byte;

	return update_byte(cpu, o, ~mask, mask, &byte) ?: set_logical(cpu, byte | mask);
}

ACTION(XI)
{
	u8 mask = o->insn->text[1], byte;

	return update_byte(cpu, o, 0xff, mask, &byte) ?: set_logical(cpu, byte ^ mask);
}

ACTION(TS)
{
	u8 byte;
	int rc = update_byte(cpu, o, 0, 0xff, &byte);

	if (!rc)
		hwsim_cpu_set_cc(cpu, byte >> 7);
	return rc;
}

/* A hint about the next storage operand */
ACTION(NIAI)
{
	return 0;
}

/* Program status word (PSW) */

ACTION(IPM)
{
	R1 = (R1 & ~0xff000000UL) | hwsim_cpu_cc(cpu) << 28 | (cpu->psw_mask >> 40 & 15) << 24;
	return 0;
}

ACTION(SPM)
{
	cpu->psw_mask &= ~(0x3fUL << 40);
	cpu->psw_mask |= (R1 >> 24 & 0x3f) << 40;
	return 0;
}

ACTION(EPSW)
{
	set32(cpu, o->r1, cpu->psw_mask >> 32);
	if (o->r2)
		set32(cpu, o->r2, cpu->psw_mask);
	return 0;
}

static int set_system_mask(struct hwsim_cpu *cpu, u64 mask)
{
	cpu->psw_mask = (cpu->psw_mask & ~0UL >> 8) | mask << 56;
	return 0;
}

ACTION(SSM)
{
	u64 mask;

	if (problem_state(cpu))
		return PGM_PRIVILEGED_OP;
	return load(cpu, o->addr, 1, &mask) ?: set_system_mask(cpu, mask);
}

ACTION(STNSM)
{
	u64 mask = cpu->psw_mask >> 56;

	if (problem_state(cpu))
		return PGM_PRIVILEGED_OP;
	return store(cpu, o->addr, 1, mask) ?: set_system_mask(cpu, mask & o->insn->text[1]);
}

ACTION(STOSM)
{
	u64 mask = cpu->psw_mask >> 56;

	if (problem_state(cpu))
		return PGM_PRIVILEGED_OP;
	return store(cpu, o->addr, 1, mask) ?: set_system_mask(cpu, mask | o->insn->text[1]);
}

/* Bit 12 is one in a short PSW, and zero in a long PSW. */
ACTION(LPSW)
{
	u64 psw;
	int rc;

	if (problem_state(cpu))
		return PGM_PRIVILEGED_OP;
	if (o->addr & 7)
		return PGM_SPECIFICATION;
	rc = load(cpu, o->addr, 8, &psw);
	if (rc)
		return rc;
	if (!(psw & 1UL << 51))
		return PGM_SPECIFICATION;
	cpu->psw_mask = (psw ^ 1UL << 51) & 0xffffffff80000000UL;
	cpu->psw_addr = psw & 0x7fffffff;
	return 0;
}

ACTION(LPSWE)
{
	u8 psw[16];
	int rc;

	if (problem_state(cpu))
		return PGM_PRIVILEGED_OP;
	if (o->addr & 7)
		return PGM_SPECIFICATION;
	rc = cpu->read(cpu->ctx, o->addr, psw, sizeof(psw));
	if (rc)
		return rc;
	cpu->psw_mask = get_unaligned_be64(psw);
	cpu->psw_addr = get_unaligned_be64(psw + 8);
	return 0;
}

static int fill_operands(struct hwsim_cpu *cpu, const struct hwsim_insn *insn,
			 enum insn_format format, enum insn_source source, struct operands *o)
{
	const u8 *regs = insn->text + (format == FMT_RRE ? 3 : 1);

	o->insn = insn;
	o->r1 = *regs >> 4;
	o->r2 = *regs & 15;
	if (format == FMT_SS)
		o->addr2 = hwsim_insn_second_address(cpu, insn);
	if (format == FMT_RX || format == FMT_RXY)
		o->addr = hwsim_insn_indexed_address(cpu, insn);
	else if (source == SRC_ADR || (source >= SRC_B1 && source <= SRC_D8))
		o->addr = hwsim_insn_operand_address(cpu, insn);

	switch (source) {
	case SRC_REG:
		o->v = cpu->gr[o->r2];
		return 0;
	case SRC_RGS:
		o->v = (s64)(s32)cpu->gr[o->r2];
		return 0;
	case SRC_RGZ:
		o->v = (u32)cpu->gr[o->r2];
		return 0;
	case SRC_IMS:
		o->v = (s64)(s16)get_unaligned_be16(insn->text + 2);
		return 0;
	case SRC_IMU:
		o->v = get_unaligned_be16(insn->text + 2);
		return 0;
	case SRC_B1:
		return load(cpu, o->addr, 1, &o->v);
	case SRC_HZ:
		return load(cpu, o->addr, 2, &o->v);
	case SRC_WZ:
		return load(cpu, o->addr, 4, &o->v);
	case SRC_D8:
		return load(cpu, o->addr, 8, &o->v);
	case SRC_H2: {
		int rc = load(cpu, o->addr, 2, &o->v);

		o->v = (s64)(s16)o->v;
		return rc;
	}
	case SRC_W4: {
		int rc = load(cpu, o->addr, 4, &o->v);

		o->v = (s64)(s32)o->v;
		return rc;
	}
	default:
		return 0;
	}
}

struct table_line {
	u16 code;
	u8 format;
	u8 source;
	int (*act)(struct hwsim_cpu *cpu, const struct operands *o);
};

/* Sorted by code, because find_line() uses a binary search. */
static const struct table_line hwsim_insn_table[] = {
#define INSN(code, mnemonic, format, operand, action)					\
	{ code, FMT_##format, SRC_##operand, act_##action },
#include "sie_opcodes.h"
#undef INSN
};

static const struct table_line *find_line(u16 code)
{
	unsigned int low = 0, high = ARRAY_SIZE(hwsim_insn_table);

	while (low < high) {
		unsigned int middle = (low + high) / 2;
		const struct table_line *line = &hwsim_insn_table[middle];

		if (line->code == code)
			return line;
		if (line->code < code)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static int dispatch(struct hwsim_cpu *cpu, const struct hwsim_insn *insn)
{
	const struct table_line *line = find_line(insn->code);
	struct operands o = {};

	if (!line)
		return HWSIM_INSN_UNKNOWN;
	return fill_operands(cpu, insn, line->format, line->source, &o) ?: line->act(cpu, &o);
}

static u16 opcode(const u8 *text)
{
	switch (text[0]) {
	case 0x01:
	case 0xb2:
	case 0xb3:
	case 0xb9:
	case 0xe5:
		return text[0] << 8 | text[1];
	case 0xa5:
	case 0xa7:
	case 0xc0:
	case 0xc2:
	case 0xc4:
	case 0xc6:
	case 0xc8:
		return text[0] << 8 | (text[1] & 15);
	case 0xe3:
	case 0xeb:
	case 0xec:
	case 0xed:
		return text[0] << 8 | text[5];
	default:
		return text[0] << 8;
	}
}

static int fetch_text(struct hwsim_cpu *cpu, u64 addr, struct hwsim_insn *insn)
{
	size_t first;
	int rc;

	if (addr & 1)
		return PGM_SPECIFICATION;
	/* Read six bytes at once, unless some are on the next page, which may be missing. */
	first = (addr & 4095) <= 4096 - sizeof(insn->text) ? sizeof(insn->text) : 2;
	rc = cpu->fetch(cpu->ctx, addr, insn->text, first);
	if (rc)
		return rc;
	insn->addr = addr;
	insn->len = hwsim_insn_length(insn->text[0]);
	if (insn->len > first)
		rc = cpu->fetch(cpu->ctx, hwsim_cpu_wrap(cpu, addr + 2), insn->text + 2,
				insn->len - 2);
	else
		memset(insn->text + insn->len, 0, sizeof(insn->text) - insn->len);
	insn->code = opcode(insn->text);
	return rc;
}

/**
 * hwsim_insn_operand_address - calculate the address of the first storage operand
 * @cpu: the CPU that provides the registers and the addressing mode
 * @insn: instruction with a base and a displacement in its third and fourth bytes
 *
 * This function does not add the index register of RX and RXY instructions.
 *
 * Return: The address, truncated according to the addressing mode.
 */
u64 hwsim_insn_operand_address(const struct hwsim_cpu *cpu, const struct hwsim_insn *insn)
{
	u64 addr = base_displacement(cpu, insn->text + 2);

	if (insn->text[0] == 0xe3 || insn->text[0] == 0xeb)
		addr += long_displacement(insn);
	return hwsim_cpu_wrap(cpu, addr);
}

/* Return: the address of the storage operand of RX and RXY, with the index register. */
u64 hwsim_insn_indexed_address(const struct hwsim_cpu *cpu, const struct hwsim_insn *insn)
{
	unsigned int x = insn->text[1] & 15;

	return hwsim_cpu_wrap(cpu, hwsim_insn_operand_address(cpu, insn) + (x ? cpu->gr[x] : 0));
}

/* Return: the address of the second storage operand of SS and SSF. */
u64 hwsim_insn_second_address(const struct hwsim_cpu *cpu, const struct hwsim_insn *insn)
{
	return hwsim_cpu_wrap(cpu, base_displacement(cpu, insn->text + 4));
}

/* Return: true if hwsim_insn_execute() does not return HWSIM_INSN_UNKNOWN. */
bool hwsim_insn_is_known(const struct hwsim_insn *insn)
{
	return find_line(insn->code);
}

/* EX or EXRL */
static bool is_execute(const struct hwsim_insn *insn)
{
	return insn->code == 0x4400 || insn->code == 0xc600;
}

/**
 * hwsim_insn_fetch - read and decode the instruction at the address in the PSW
 * @cpu: the CPU; its PSW advances only if EXECUTE causes a program interruption
 * @insn: the decoded instruction; for EXECUTE, the decoded target
 *
 * Context: The same as for the callbacks in @cpu.
 * Return:
 * * 0		- success
 * * > 0	- a program interruption code
 * * -EFAULT	- the host must fault in a page before a retry
 */
int hwsim_insn_fetch(struct hwsim_cpu *cpu, struct hwsim_insn *insn)
{
	unsigned int r1;
	u64 target;
	u8 len;
	int rc;

	memset(insn, 0, sizeof(*insn));
	rc = fetch_text(cpu, cpu->psw_addr, insn);
	if (rc || !is_execute(insn))
		return rc;

	len = insn->len;
	r1 = hwsim_insn_r1(insn);
	target = len == 4 ? hwsim_insn_indexed_address(cpu, insn) : relative_long(cpu, insn);
	rc = fetch_text(cpu, target, insn);
	insn->len = len;
	if (!rc && is_execute(insn))
		rc = PGM_EXECUTE;
	if (rc > 0)
		cpu->psw_addr = hwsim_cpu_wrap(cpu, cpu->psw_addr + insn->len);
	if (rc)
		return rc;
	insn->executed = true;
	if (r1)
		insn->text[1] |= cpu->gr[r1];
	insn->code = opcode(insn->text);
	return 0;
}

/**
 * hwsim_insn_execute - execute a fetched instruction
 * @cpu: the CPU, unchanged since hwsim_insn_fetch()
 * @insn: the instruction
 *
 * If the return value is 0 or greater, the PSW contains the address of the next instruction.
 * If the return value is negative, the CPU is unchanged.
 *
 * Context: The same as for the callbacks in @cpu.
 * Return:
 * * 0				- success
 * * > 0			- a program interruption code
 * * -EFAULT			- the host must fault in a page before a retry
 * * HWSIM_INSN_CONTROL		- the caller must execute the instruction
 * * HWSIM_INSN_UNKNOWN		- the instruction is not in sie_opcodes.h
 */
int hwsim_insn_execute(struct hwsim_cpu *cpu, const struct hwsim_insn *insn)
{
	u64 addr = cpu->psw_addr;
	int rc;

	cpu->psw_addr = hwsim_cpu_wrap(cpu, addr + insn->len);
	rc = dispatch(cpu, insn);
	if (rc < 0)
		cpu->psw_addr = addr;
	return rc;
}
