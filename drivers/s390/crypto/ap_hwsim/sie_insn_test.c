// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests for the instruction interpreter. Instructions that use only registers are also
 * executed by the CPU, and the two results are compared. The expected results of all other
 * instructions are derived from the Principles of Operation.
 */
#include <kunit/test.h>
#include <linux/kvm_host.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include "sie_insn.h"

#define STORAGE_SIZE	0x4000
#define CODE		0x1000
#define DATA		0x2000
#define MODE64		(PSW_MASK_EA | PSW_MASK_BA)

/**
 * struct test_storage - storage of the CPU under test
 * @bytes: contents, starting at address 0
 * @missing: address of the first missing page; all pages after it are missing, too
 * @writes: number of successful writes
 */
struct test_storage {
	u8 bytes[STORAGE_SIZE];
	u64 missing;
	unsigned int writes;
};

static int test_access(const struct test_storage *storage, u64 addr, size_t len)
{
	if (addr >= STORAGE_SIZE || len > STORAGE_SIZE - addr)
		return PGM_ADDRESSING;
	return addr + len > storage->missing ? -EFAULT : 0;
}

static int test_read(void *ctx, u64 addr, void *buf, size_t len)
{
	struct test_storage *storage = ctx;
	int rc = test_access(storage, addr, len);

	if (!rc)
		memcpy(buf, storage->bytes + addr, len);
	return rc;
}

static int test_write(void *ctx, u64 addr, const void *buf, size_t len)
{
	struct test_storage *storage = ctx;
	int rc = test_access(storage, addr, len);

	if (!rc)
		memcpy(storage->bytes + addr, buf, len);
	storage->writes += !rc;
	return rc;
}

static int test_compare_swap(void *ctx, u64 addr, size_t len, u64 *old, u64 new)
{
	struct test_storage *storage = ctx;
	int rc = test_access(storage, addr, len);
	u64 expected = *old;

	if (rc)
		return rc;
	if (len == 4)
		*old = cmpxchg((u32 *)(storage->bytes + addr), (u32)expected, (u32)new);
	else
		*old = cmpxchg((u64 *)(storage->bytes + addr), expected, new);
	storage->writes += *old == expected;
	return 0;
}

static struct hwsim_cpu *test_cpu(struct kunit *test)
{
	struct hwsim_cpu *cpu = kunit_kzalloc(test, sizeof(*cpu), GFP_KERNEL);
	struct test_storage *storage = kunit_kzalloc(test, sizeof(*storage), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, cpu);
	KUNIT_ASSERT_NOT_NULL(test, storage);
	storage->missing = STORAGE_SIZE;
	cpu->psw_mask = MODE64;
	cpu->ctx = storage;
	cpu->fetch = test_read;
	cpu->read = test_read;
	cpu->write = test_write;
	cpu->compare_swap = test_compare_swap;
	return cpu;
}

static u8 *test_bytes(struct hwsim_cpu *cpu, u64 addr)
{
	return ((struct test_storage *)cpu->ctx)->bytes + addr;
}

/* Execute the instruction in the leftmost bytes of @text, at the address CODE. */
static int test_run(struct hwsim_cpu *cpu, u64 text)
{
	struct hwsim_insn insn;
	int rc;

	memcpy(test_bytes(cpu, CODE), &text, sizeof(text));
	cpu->psw_addr = CODE;
	rc = hwsim_insn_fetch(cpu, &insn);
	return rc ?: hwsim_insn_execute(cpu, &insn);
}

#define TWO(text)	((u64)(text) << 48)
#define FOUR(text)	((u64)(text) << 32)
#define SIX(text)	((u64)(text) << 16)

/*
 * The first operand of each instruction is general register 2, or the register pair 2 and 3.
 * The second operand is register 4. Shift amounts are calculated from register 1.
 */
struct native_regs {
	u64 r1, r2, r3, r4;
	unsigned int cc;
};

struct native_insn {
	const char *name;
	u64 text;
	void (*execute)(struct native_regs *regs);
};

#define NATIVE(name, operands)	NATIVE_TEXT(name, #name " " operands)

#define NATIVE_TEXT(name, text)							\
static void native_##name(struct native_regs *regs)				\
{										\
	register u64 r1 asm("1") = regs->r1;					\
	register u64 r2 asm("2") = regs->r2;					\
	register u64 r3 asm("3") = regs->r3;					\
	register u64 r4 asm("4") = regs->r4;					\
	u32 mask = regs->cc << 28;						\
										\
	asm volatile("spm %[mask]\n"						\
		     text "\n"							\
		     "ipm %[mask]\n"						\
		     : [mask] "+d" (mask), "+d" (r2), "+d" (r3)			\
		     : "d" (r1), "d" (r4)					\
		     : "cc");							\
	regs->r2 = r2;								\
	regs->r3 = r3;								\
	regs->cc = mask >> 28 & 3;						\
}

#define RR		"%%r2,%%r4"
#define SHIFT		"%%r2,3(%%r1)"
#define SHIFT_LONG	"%%r2,%%r4,3(%%r1)"

NATIVE(lr, RR)
NATIVE(lgr, RR)
NATIVE(lgfr, RR)
NATIVE(llgfr, RR)
NATIVE(llgtr, RR)
NATIVE(ltr, RR)
NATIVE(ltgr, RR)
NATIVE(ltgfr, RR)
NATIVE(lcr, RR)
NATIVE(lcgr, RR)
NATIVE(lcgfr, RR)
NATIVE(lpr, RR)
NATIVE(lpgr, RR)
NATIVE(lpgfr, RR)
NATIVE(lnr, RR)
NATIVE(lngr, RR)
NATIVE(lngfr, RR)
NATIVE(lrvr, RR)
NATIVE(lrvgr, RR)
NATIVE(ar, RR)
NATIVE(agr, RR)
NATIVE(agfr, RR)
NATIVE(sr, RR)
NATIVE(sgr, RR)
NATIVE(sgfr, RR)
NATIVE(alr, RR)
NATIVE(algr, RR)
NATIVE(algfr, RR)
NATIVE(slr, RR)
NATIVE(slgr, RR)
NATIVE(slgfr, RR)
NATIVE(alcr, RR)
NATIVE(alcgr, RR)
NATIVE(slbr, RR)
NATIVE(slbgr, RR)
NATIVE(cr, RR)
NATIVE(cgr, RR)
NATIVE(cgfr, RR)
NATIVE(clr, RR)
NATIVE(clgr, RR)
NATIVE(clgfr, RR)
NATIVE(nr, RR)
NATIVE(ngr, RR)
NATIVE(or, RR)
NATIVE(ogr, RR)
NATIVE(xr, RR)
NATIVE(xgr, RR)
NATIVE(msr, RR)
NATIVE(msgr, RR)
NATIVE(msgfr, RR)
NATIVE(mr, RR)
NATIVE(mlr, RR)
NATIVE(mlgr, RR)
NATIVE(dr, RR)
NATIVE(dlr, RR)
NATIVE(dlgr, RR)
NATIVE(dsgr, RR)
NATIVE(dsgfr, RR)
NATIVE(sll, SHIFT)
NATIVE(srl, SHIFT)
NATIVE(sla, SHIFT)
NATIVE(sra, SHIFT)
NATIVE(sldl, SHIFT)
NATIVE(srdl, SHIFT)
NATIVE(slda, SHIFT)
NATIVE(srda, SHIFT)
NATIVE(sllg, SHIFT_LONG)
NATIVE(srlg, SHIFT_LONG)
NATIVE(slag, SHIFT_LONG)
NATIVE(srag, SHIFT_LONG)
NATIVE(rll, SHIFT_LONG)
NATIVE(rllg, SHIFT_LONG)
NATIVE_TEXT(risbg_middle, "risbg %%r2,%%r4,8,39,12")
NATIVE_TEXT(risbg_around, "risbg %%r2,%%r4,60,3,63")
NATIVE_TEXT(risbg_zeros, "risbg %%r2,%%r4,48,128+63,16")

#define CASE_RR(name, code)	{ #name, TWO((code) << 8 | 0x24), native_##name }
#define CASE_RRE(name, code)	{ #name, FOUR((u64)(code) << 16 | 0x24), native_##name }
#define CASE_RS(name, code)	{ #name, FOUR((u64)(code) << 24 | 0x201003), native_##name }
#define CASE_RSY(name, code)	{ #name, SIX(0xeb2410030000 | (code)), native_##name }

static const struct native_insn native_insns[] = {
	CASE_RR(lr, 0x18), CASE_RRE(lgr, 0xb904), CASE_RRE(lgfr, 0xb914), CASE_RRE(llgfr, 0xb916),
	CASE_RRE(llgtr, 0xb917), CASE_RR(ltr, 0x12), CASE_RRE(ltgr, 0xb902),
	CASE_RRE(ltgfr, 0xb912), CASE_RR(lcr, 0x13), CASE_RRE(lcgr, 0xb903),
	CASE_RRE(lcgfr, 0xb913), CASE_RR(lpr, 0x10), CASE_RRE(lpgr, 0xb900),
	CASE_RRE(lpgfr, 0xb910), CASE_RR(lnr, 0x11), CASE_RRE(lngr, 0xb901),
	CASE_RRE(lngfr, 0xb911), CASE_RRE(lrvr, 0xb91f), CASE_RRE(lrvgr, 0xb90f),
	CASE_RR(ar, 0x1a), CASE_RRE(agr, 0xb908), CASE_RRE(agfr, 0xb918),
	CASE_RR(sr, 0x1b), CASE_RRE(sgr, 0xb909), CASE_RRE(sgfr, 0xb919),
	CASE_RR(alr, 0x1e), CASE_RRE(algr, 0xb90a), CASE_RRE(algfr, 0xb91a),
	CASE_RR(slr, 0x1f), CASE_RRE(slgr, 0xb90b), CASE_RRE(slgfr, 0xb91b),
	CASE_RRE(alcr, 0xb998), CASE_RRE(alcgr, 0xb988), CASE_RRE(slbr, 0xb999),
	CASE_RRE(slbgr, 0xb989), CASE_RR(cr, 0x19), CASE_RRE(cgr, 0xb920), CASE_RRE(cgfr, 0xb930),
	CASE_RR(clr, 0x15), CASE_RRE(clgr, 0xb921), CASE_RRE(clgfr, 0xb931),
	CASE_RR(nr, 0x14), CASE_RRE(ngr, 0xb980), CASE_RR(or, 0x16), CASE_RRE(ogr, 0xb981),
	CASE_RR(xr, 0x17), CASE_RRE(xgr, 0xb982), CASE_RRE(msr, 0xb252), CASE_RRE(msgr, 0xb90c),
	CASE_RRE(msgfr, 0xb91c), CASE_RR(mr, 0x1c), CASE_RRE(mlr, 0xb996), CASE_RRE(mlgr, 0xb986),
	CASE_RR(dr, 0x1d), CASE_RRE(dlr, 0xb997), CASE_RRE(dlgr, 0xb987), CASE_RRE(dsgr, 0xb90d),
	CASE_RRE(dsgfr, 0xb91d),
	CASE_RS(sll, 0x89), CASE_RS(srl, 0x88), CASE_RS(sla, 0x8b), CASE_RS(sra, 0x8a),
	CASE_RS(sldl, 0x8d), CASE_RS(srdl, 0x8c), CASE_RS(slda, 0x8f), CASE_RS(srda, 0x8e),
	CASE_RSY(sllg, 0x0d), CASE_RSY(srlg, 0x0c), CASE_RSY(slag, 0x0b), CASE_RSY(srag, 0x0a),
	CASE_RSY(rll, 0x1d), CASE_RSY(rllg, 0x1c),
	{ "risbg 8 to 39", SIX(0xec2408270c55), native_risbg_middle },
	{ "risbg 60 to 3", SIX(0xec243c033f55), native_risbg_around },
	{ "risbg 48 to 63", SIX(0xec2430bf1055), native_risbg_zeros },
};

static const u64 native_values[] = {
	0, 1, 2, 7, 31, 60, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x40000001c0000000,
	0x123456789abcdef0, 0x7fffffffffffffff, 0x8000000000000000, 0xfedcba9876543210, -1,
};

static void native_compare(struct kunit *test, struct hwsim_cpu *cpu,
			   const struct native_insn *insn, struct native_regs *regs)
{
	const struct native_regs before = *regs;
	int rc;

	cpu->gr[1] = regs->r1;
	cpu->gr[2] = regs->r2;
	cpu->gr[3] = regs->r3;
	cpu->gr[4] = regs->r4;
	hwsim_cpu_set_cc(cpu, regs->cc);
	rc = test_run(cpu, insn->text);
	/* Dividing on the CPU would crash the kernel. See divide_exceptions(). */
	if (rc == PGM_FIXED_POINT_DIVIDE && insn->name[0] == 'd')
		return;
	KUNIT_ASSERT_EQ_MSG(test, rc, 0, "%s", insn->name);
	insn->execute(regs);
	KUNIT_EXPECT_TRUE_MSG(test, cpu->gr[2] == regs->r2 && cpu->gr[3] == regs->r3 &&
			      hwsim_cpu_cc(cpu) == regs->cc,
			      "%s with %llx %llx %llx %llx cc %u: %llx %llx cc %u, CPU %llx %llx cc %u",
			      insn->name, before.r1, before.r2, before.r3, before.r4, before.cc,
			      cpu->gr[2], cpu->gr[3], hwsim_cpu_cc(cpu), regs->r2, regs->r3,
			      regs->cc);
}

static void register_results_vs_cpu(struct kunit *test)
{
	struct hwsim_cpu *cpu = test_cpu(test);
	unsigned int i, a, b, c;

	for (i = 0; i < ARRAY_SIZE(native_insns); i++) {
		for (a = 0; a < ARRAY_SIZE(native_values); a++) {
			for (b = 0; b < ARRAY_SIZE(native_values); b++) {
				for (c = 0; c < 4; c++) {
					struct native_regs regs = {
						.r1 = native_values[b],
						.r2 = native_values[a],
						.r3 = native_values[(a + b + c) % 16],
						.r4 = native_values[b],
						.cc = c,
					};

					native_compare(test, cpu, &native_insns[i], &regs);
				}
			}
		}
	}
}

static void divide_exceptions(struct kunit *test)
{
	struct hwsim_cpu *cpu = test_cpu(test);

	/* The divisor is zero. */
	cpu->gr[3] = 5;
	KUNIT_EXPECT_EQ(test, test_run(cpu, TWO(0x1d24)), PGM_FIXED_POINT_DIVIDE);
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xb9970024)), PGM_FIXED_POINT_DIVIDE);
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xb9870024)), PGM_FIXED_POINT_DIVIDE);
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xb90d0024)), PGM_FIXED_POINT_DIVIDE);
	/* The instruction is suppressed: only the PSW advances. */
	KUNIT_EXPECT_EQ(test, cpu->psw_addr, CODE + 4);
	KUNIT_EXPECT_EQ(test, cpu->gr[3], 5);
	/* The quotient does not fit in the register. */
	cpu->gr[2] = 5;
	cpu->gr[4] = 5;
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xb9870024)), PGM_FIXED_POINT_DIVIDE);
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xb9970024)), PGM_FIXED_POINT_DIVIDE);
	cpu->gr[3] = S64_MIN;
	cpu->gr[4] = -1;
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xb90d0024)), PGM_FIXED_POINT_DIVIDE);
	/* This is the largest quotient that fits in the register. */
	cpu->gr[2] = 4;
	cpu->gr[3] = 0xffffffff;
	cpu->gr[4] = 5;
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xb9970024)), 0);
	KUNIT_EXPECT_EQ(test, cpu->gr[3], 0xffffffff);
	KUNIT_EXPECT_EQ(test, cpu->gr[2], 4);
}

static void odd_register_pairs(struct kunit *test)
{
	static const u64 texts[] = {
		TWO(0x1c34), TWO(0x1d34), FOUR(0xb9860034), FOUR(0xb9870034), FOUR(0xb9960034),
		FOUR(0xb9970034), FOUR(0xb90d0034), FOUR(0x8c300001), FOUR(0x8d300001),
		FOUR(0x8e300001), FOUR(0x8f300001), FOUR(0xa8340000), FOUR(0xa8250000),
		FOUR(0xa9340000), FOUR(0xbb252000), FOUR(0xbb342000),
	};
	struct hwsim_cpu *cpu = test_cpu(test);
	unsigned int i;

	cpu->gr[2] = DATA;
	for (i = 0; i < ARRAY_SIZE(texts); i++)
		KUNIT_EXPECT_EQ_MSG(test, test_run(cpu, texts[i]), PGM_SPECIFICATION, "%llx",
				    texts[i]);
}

static void overflow_interruption(struct kunit *test)
{
	struct hwsim_cpu *cpu = test_cpu(test);

	cpu->gr[2] = S32_MAX;
	cpu->gr[4] = 1;
	KUNIT_EXPECT_EQ(test, test_run(cpu, TWO(0x1a24)), 0);
	KUNIT_EXPECT_EQ(test, hwsim_cpu_cc(cpu), 3);
	/* The instruction completes even if the program mask enables the interruption. */
	cpu->gr[2] = S32_MAX;
	cpu->psw_mask |= 1UL << 43;
	KUNIT_EXPECT_EQ(test, test_run(cpu, TWO(0x1a24)), PGM_FIXED_POINT_OVERFLOW);
	KUNIT_EXPECT_EQ(test, cpu->gr[2], 0x80000000);
	KUNIT_EXPECT_EQ(test, cpu->psw_addr, CODE + 2);
}

static void load_widening(struct kunit *test)
{
	static const struct {
		u64 text;
		u64 result;
	} cases[] = {
		{ FOUR(0x58302000), 0x5555555589abcdef },	/* L */
		{ FOUR(0x48302000), 0x55555555ffff89ab },	/* LH */
		{ FOUR(0x43302000), 0x5555555555555589 },	/* IC */
		{ SIX(0xe33020000004), 0x89abcdeffedcba98 },	/* LG */
		{ SIX(0xe33020000014), 0xffffffff89abcdef },	/* LGF */
		{ SIX(0xe33020000015), 0xffffffffffff89ab },	/* LGH */
		{ SIX(0xe33020000016), 0x89abcdef },		/* LLGF */
		{ SIX(0xe33020000017), 0x09abcdef },		/* LLGT */
		{ SIX(0xe33020000090), 0x89 },			/* LLGC */
		{ SIX(0xe33020000091), 0x89ab },		/* LLGH */
		{ SIX(0xe3302000001e), 0x55555555efcdab89 },	/* LRV */
		{ SIX(0xe3302000000f), 0x98badcfeefcdab89 },	/* LRVG */
		{ SIX(0xe3302000001f), 0x555555555555ab89 },	/* LRVH */
		{ FOUR(0xbf352000), 0x55555555558955ab },	/* ICM 0101 */
		{ SIX(0xeb3820000080), 0x8955555555555555 },	/* ICMH 1000 */
	};
	static const u8 data[] = { 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98 };
	struct hwsim_cpu *cpu = test_cpu(test);
	unsigned int i;

	memcpy(test_bytes(cpu, DATA), data, sizeof(data));
	cpu->gr[2] = DATA;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		cpu->gr[3] = 0x5555555555555555;
		KUNIT_EXPECT_EQ(test, test_run(cpu, cases[i].text), 0);
		KUNIT_EXPECT_EQ_MSG(test, cpu->gr[3], cases[i].result, "%llx", cases[i].text);
	}
}

static void masked_bytes(struct kunit *test)
{
	struct hwsim_cpu *cpu = test_cpu(test);

	cpu->gr[2] = DATA;
	cpu->gr[3] = 0x1122334455667788;
	/* STCM with mask 0101, STCMH with mask 1001 */
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xbe352000)), 0);
	KUNIT_EXPECT_EQ(test, memcmp(test_bytes(cpu, DATA), "\x66\x88\0", 3), 0);
	KUNIT_EXPECT_EQ(test, test_run(cpu, SIX(0xeb392000002c)), 0);
	KUNIT_EXPECT_EQ(test, memcmp(test_bytes(cpu, DATA), "\x11\x44\0", 3), 0);
	/* CLM 1001: 55 88 is higher than 11 44. ICM 1001 inserts bytes whose leftmost bit is 0. */
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xbd392000)), 0);
	KUNIT_EXPECT_EQ(test, hwsim_cpu_cc(cpu), 2);
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xbf392000)), 0);
	KUNIT_EXPECT_EQ(test, hwsim_cpu_cc(cpu), 2);
	KUNIT_EXPECT_EQ(test, cpu->gr[3], 0x1122334411667744);
	/* The mask selects no byte. */
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xbf302000)), 0);
	KUNIT_EXPECT_EQ(test, hwsim_cpu_cc(cpu), 0);
}

static void test_under_mask(struct kunit *test)
{
	struct hwsim_cpu *cpu = test_cpu(test);

	/* TMLL 0x0180 selects two bits. None, the left one, the right one, or both are set. */
	static const struct {
		u64 value;
		unsigned int cc;
	} cases[] = { { 0xfe7f, 0 }, { 0x0100, 2 }, { 0x0080, 1 }, { 0xffff, 3 } };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		cpu->gr[3] = cases[i].value;
		KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xa7310180)), 0);
		KUNIT_EXPECT_EQ(test, hwsim_cpu_cc(cpu), cases[i].cc);
	}
	/* TM sets condition code 1 if some but not all selected bits are one. */
	cpu->gr[2] = DATA;
	*test_bytes(cpu, DATA) = 0x80;
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0x91c02000)), 0);
	KUNIT_EXPECT_EQ(test, hwsim_cpu_cc(cpu), 1);
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0x91802000)), 0);
	KUNIT_EXPECT_EQ(test, hwsim_cpu_cc(cpu), 3);
}

static void load_store_multiple_wrap(struct kunit *test)
{
	struct hwsim_cpu *cpu = test_cpu(test);
	u64 expected[] = { 14, 15, 100, 101 };

	cpu->gr[0] = 100;
	cpu->gr[1] = 101;
	cpu->gr[2] = DATA;
	cpu->gr[14] = 14;
	cpu->gr[15] = 15;
	/* STMG stores registers 14, 15, 0 and 1. LMG loads the values into registers 4 to 7. */
	KUNIT_EXPECT_EQ(test, test_run(cpu, SIX(0xebe120000024)), 0);
	KUNIT_EXPECT_EQ(test, memcmp(test_bytes(cpu, DATA), expected, sizeof(expected)), 0);
	KUNIT_EXPECT_EQ(test, test_run(cpu, SIX(0xeb4720000004)), 0);
	KUNIT_EXPECT_EQ(test, memcmp(&cpu->gr[4], expected, sizeof(expected)), 0);
	/* LM does not change the left half of a register. */
	cpu->gr[4] = -1UL;
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0x98442004)), 0);
	KUNIT_EXPECT_EQ(test, cpu->gr[4], 0xffffffff0000000e);
}

static void overlapping_storage(struct kunit *test)
{
	struct hwsim_cpu *cpu = test_cpu(test);

	cpu->gr[2] = DATA;
	/* MVC to the next byte fills the field with the first byte. */
	memcpy(test_bytes(cpu, DATA), "abcdef", 7);
	KUNIT_EXPECT_EQ(test, test_run(cpu, SIX(0xd20420012000)), 0);
	KUNIT_EXPECT_STREQ(test, test_bytes(cpu, DATA), "aaaaaa");
	/* MVC to the previous byte shifts the field. */
	memcpy(test_bytes(cpu, DATA), "abcdef", 7);
	KUNIT_EXPECT_EQ(test, test_run(cpu, SIX(0xd20420002001)), 0);
	KUNIT_EXPECT_STREQ(test, test_bytes(cpu, DATA), "bcdeff");
	/* XC of a field with itself clears the field. */
	KUNIT_EXPECT_EQ(test, test_run(cpu, SIX(0xd70320002000)), 0);
	KUNIT_EXPECT_EQ(test, hwsim_cpu_cc(cpu), 0);
	KUNIT_EXPECT_EQ(test, memcmp(test_bytes(cpu, DATA), "\0\0\0\0ff", 7), 0);
	/* OC, CLC, NC, and CLC again */
	KUNIT_EXPECT_EQ(test, test_run(cpu, SIX(0xd60120022004)), 0);
	KUNIT_EXPECT_EQ(test, hwsim_cpu_cc(cpu), 1);
	KUNIT_EXPECT_EQ(test, test_run(cpu, SIX(0xd50120022004)), 0);
	KUNIT_EXPECT_EQ(test, hwsim_cpu_cc(cpu), 0);
	KUNIT_EXPECT_EQ(test, test_run(cpu, SIX(0xd40120002004)), 0);
	KUNIT_EXPECT_EQ(test, hwsim_cpu_cc(cpu), 0);
	KUNIT_EXPECT_EQ(test, test_run(cpu, SIX(0xd50120002004)), 0);
	KUNIT_EXPECT_EQ(test, hwsim_cpu_cc(cpu), 1);
}

static void mvcle_partial_completion(struct kunit *test)
{
	struct hwsim_cpu *cpu = test_cpu(test);
	unsigned int steps = 0;
	int rc;

	memset(test_bytes(cpu, DATA), 'x', 300);
	cpu->gr[2] = DATA + 0x800;
	cpu->gr[3] = 700;
	cpu->gr[4] = DATA;
	cpu->gr[5] = 300;
	do {
		rc = test_run(cpu, FOUR(0xa824002e));
		KUNIT_ASSERT_EQ(test, rc, 0);
		steps++;
	} while (hwsim_cpu_cc(cpu) == 3 && steps < 10);
	KUNIT_EXPECT_EQ(test, steps, 4);
	KUNIT_EXPECT_EQ(test, cpu->gr[3], 0);
	KUNIT_EXPECT_EQ(test, cpu->gr[5], 0);
	KUNIT_EXPECT_EQ(test, *test_bytes(cpu, DATA + 0x800 + 299), 'x');
	KUNIT_EXPECT_EQ(test, *test_bytes(cpu, DATA + 0x800 + 300), '.');
	KUNIT_EXPECT_EQ(test, *test_bytes(cpu, DATA + 0x800 + 699), '.');
	KUNIT_EXPECT_EQ(test, *test_bytes(cpu, DATA + 0x800 + 700), 0);
}

static void compare_and_swap(struct kunit *test)
{
	struct hwsim_cpu *cpu = test_cpu(test);
	const struct test_storage *storage = cpu->ctx;

	cpu->gr[2] = DATA;
	cpu->gr[3] = 7;
	cpu->gr[4] = 9;
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xba342000)), 0);
	KUNIT_EXPECT_EQ(test, hwsim_cpu_cc(cpu), 1);
	KUNIT_EXPECT_EQ(test, cpu->gr[3], 0);
	KUNIT_EXPECT_EQ(test, storage->writes, 0);
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xba342000)), 0);
	KUNIT_EXPECT_EQ(test, hwsim_cpu_cc(cpu), 0);
	KUNIT_EXPECT_EQ(test, storage->writes, 1);
	KUNIT_EXPECT_EQ(test, *(u32 *)test_bytes(cpu, DATA), 9);
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xba342002)), PGM_SPECIFICATION);
	KUNIT_EXPECT_EQ(test, test_run(cpu, SIX(0xeb3420040030)), PGM_SPECIFICATION);
}

static void test_and_set(struct kunit *test)
{
	static const u8 before[] = { 0x12, 0x34, 0x56, 0x78 }, after[] = { 0x12, 0xff, 0x56, 0x78 };
	struct hwsim_cpu *cpu = test_cpu(test);
	const struct test_storage *storage = cpu->ctx;

	memcpy(test_bytes(cpu, DATA), before, sizeof(before));
	cpu->gr[2] = DATA;
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0x93002001)), 0);
	KUNIT_EXPECT_EQ(test, hwsim_cpu_cc(cpu), 0);
	KUNIT_EXPECT_MEMEQ(test, test_bytes(cpu, DATA), after, sizeof(after));
	KUNIT_EXPECT_EQ(test, storage->writes, 1);
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0x93002001)), 0);
	KUNIT_EXPECT_EQ(test, hwsim_cpu_cc(cpu), 1);
	KUNIT_EXPECT_MEMEQ(test, test_bytes(cpu, DATA), after, sizeof(after));
	cpu->gr[2] = STORAGE_SIZE;
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0x93002001)), PGM_ADDRESSING);
}

static void byte_updates(struct kunit *test)
{
	static const struct {
		u64 text;
		u8 after;
		unsigned int cc;
	} cases[] = {
		{ FOUR(0x94f02001), 0x30, 1 }, /* NI */
		{ FOUR(0x940f2001), 0x00, 0 },
		{ FOUR(0x96c12001), 0xc1, 1 }, /* OI */
		{ FOUR(0x97ff2001), 0x3e, 1 }, /* XI */
		{ FOUR(0x973e2001), 0x00, 0 },
	};
	struct hwsim_cpu *cpu = test_cpu(test);
	const struct test_storage *storage = cpu->ctx;
	u8 *bytes = test_bytes(cpu, DATA);
	unsigned int i;

	cpu->gr[2] = DATA;
	put_unaligned_be32(0x12345678, bytes);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		KUNIT_EXPECT_EQ(test, test_run(cpu, cases[i].text), 0);
		KUNIT_EXPECT_EQ(test, hwsim_cpu_cc(cpu), cases[i].cc);
		KUNIT_EXPECT_EQ(test, get_unaligned_be32(bytes), 0x12005678 | cases[i].after << 16);
		KUNIT_EXPECT_EQ(test, storage->writes, i + 1);
	}
	cpu->gr[2] = STORAGE_SIZE;
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0x96012000)), PGM_ADDRESSING);
}

static void branches_and_modes(struct kunit *test)
{
	struct hwsim_cpu *cpu = test_cpu(test);

	/* In 64-bit mode, BRAS stores a 64-bit return address. The branch offset is -4. */
	cpu->gr[3] = -1UL;
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xa735fffe)), 0);
	KUNIT_EXPECT_EQ(test, cpu->psw_addr, CODE - 4);
	KUNIT_EXPECT_EQ(test, cpu->gr[3], CODE + 4);
	/* In 31-bit mode, BRAS sets the mode bit and does not change the left half. */
	cpu->psw_mask = PSW_MASK_BA;
	cpu->gr[3] = -1UL;
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xa735fffe)), 0);
	KUNIT_EXPECT_EQ(test, cpu->gr[3], 0xffffffff80000000 | (CODE + 4));
	/* In 24-bit mode, BAL and BALR also store the length, the cc and the program mask. */
	cpu->psw_mask = 5UL << 40;
	hwsim_cpu_set_cc(cpu, 2);
	cpu->gr[3] = -1UL;
	KUNIT_EXPECT_EQ(test, test_run(cpu, TWO(0x0530)), 0);
	KUNIT_EXPECT_EQ(test, cpu->gr[3], 0xffffffff65000000 | (CODE + 2));
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0x45300040)), 0);
	KUNIT_EXPECT_EQ(test, cpu->gr[3], 0xffffffffa5000000 | (CODE + 4));
	KUNIT_EXPECT_EQ(test, cpu->psw_addr, 0x40);
	cpu->psw_mask = PSW_MASK_BA;
	/* In 31-bit mode, LA truncates the address to 31 bits. */
	cpu->gr[2] = 0xfffffffe;
	cpu->gr[3] = -1UL;
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0x41302005)), 0);
	KUNIT_EXPECT_EQ(test, cpu->gr[3], 0xffffffff00000003);
	cpu->psw_mask = MODE64;
	/* CGRJ branches if register 2 is less than register 3, CIJ if register 2 is not -1. */
	cpu->gr[2] = S64_MIN;
	cpu->gr[3] = 1;
	KUNIT_EXPECT_EQ(test, test_run(cpu, SIX(0xec23fffe4064)), 0);
	KUNIT_EXPECT_EQ(test, cpu->psw_addr, CODE - 4);
	KUNIT_EXPECT_EQ(test, test_run(cpu, SIX(0xec32fffe4064)), 0);
	KUNIT_EXPECT_EQ(test, cpu->psw_addr, CODE + 6);
	KUNIT_EXPECT_EQ(test, test_run(cpu, SIX(0xec260008ff7e)), 0);
	KUNIT_EXPECT_EQ(test, cpu->psw_addr, CODE + 0x10);
	cpu->gr[2] = 0xffffffff;
	KUNIT_EXPECT_EQ(test, test_run(cpu, SIX(0xec260008ff7e)), 0);
	KUNIT_EXPECT_EQ(test, cpu->psw_addr, CODE + 6);
	/* SAM64, SAM31 */
	KUNIT_EXPECT_EQ(test, test_run(cpu, TWO(0x010e)), 0);
	KUNIT_EXPECT_EQ(test, cpu->psw_mask, MODE64);
	KUNIT_EXPECT_EQ(test, test_run(cpu, TWO(0x010d)), 0);
	KUNIT_EXPECT_EQ(test, cpu->psw_mask, PSW_MASK_BA);
	/* BRCT decrements before it tests for zero. BCR with register 0 never branches. */
	cpu->gr[3] = 1;
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xa7360008)), 0);
	KUNIT_EXPECT_EQ(test, cpu->psw_addr, CODE + 4);
	KUNIT_EXPECT_EQ(test, test_run(cpu, TWO(0x07f0)), 0);
	KUNIT_EXPECT_EQ(test, cpu->psw_addr, CODE + 2);
	/* If the third register of BRXLE is odd, it is both the increment and the limit. */
	cpu->gr[3] = -5;
	cpu->gr[5] = 5;
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0x85350008)), 0);
	KUNIT_EXPECT_EQ(test, cpu->psw_addr, CODE + 0x10);
}

static void execute_target_modification(struct kunit *test)
{
	struct hwsim_cpu *cpu = test_cpu(test);
	static const u8 mvc[] = { 0xd2, 0x00, 0x20, 0x10, 0x20, 0x00 };
	static const u8 ex[] = { 0x44, 0x30, 0x10, 0x00 };

	cpu->gr[2] = DATA;
	cpu->gr[3] = 0xff03;
	cpu->gr[6] = CODE + 0x100;
	memcpy(test_bytes(cpu, CODE + 0x100), mvc, sizeof(mvc));
	memcpy(test_bytes(cpu, DATA), "abcdef", 6);
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0x44306000)), 0);
	KUNIT_EXPECT_EQ(test, cpu->psw_addr, CODE + 4);
	KUNIT_EXPECT_STREQ(test, test_bytes(cpu, DATA + 0x10), "abcd");
	/* EXECUTE raises an exception if the target is at an odd address or is an EXECUTE. */
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0x44306001)), PGM_SPECIFICATION);
	KUNIT_EXPECT_EQ(test, cpu->psw_addr, CODE + 4);
	memcpy(test_bytes(cpu, CODE + 0x100), ex, sizeof(ex));
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0x44306000)), PGM_EXECUTE);
}

/* An instruction that needs a missing page must not change the CPU. */
static void missing_page_nullification(struct kunit *test)
{
	static const u64 texts[] = {
		FOUR(0x58302000), FOUR(0x5a302000), FOUR(0x50302000), FOUR(0x92ff2000),
		FOUR(0x94002000), FOUR(0xbf3f2000), FOUR(0xbe3f2000), FOUR(0x98472000),
		FOUR(0x90472000), FOUR(0xba342000), FOUR(0xa8240000), FOUR(0xa9240000),
		SIX(0xd20320006000), SIX(0xd20360002000), SIX(0xd70320002000),
		SIX(0xd50360002000), SIX(0xe33020000004), SIX(0xe33020000024),
		SIX(0xeb4720000004), SIX(0xeb4720000024), SIX(0xeb3420000030),
		FOUR(0xb2550026), FOUR(0xb25d0026), FOUR(0xb2b22000), FOUR(0xacfe2000),
	};
	struct hwsim_cpu *cpu = test_cpu(test);
	struct test_storage *storage = cpu->ctx;
	struct hwsim_cpu *before = test_cpu(test);
	struct hwsim_insn insn;
	unsigned int i;

	storage->missing = DATA;
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		cpu->gr[2] = DATA;
		cpu->gr[3] = 33;
		cpu->gr[4] = DATA;
		cpu->gr[5] = 33;
		cpu->gr[6] = CODE + 0x200;
		cpu->psw_addr = CODE;
		*before = *cpu;
		KUNIT_EXPECT_EQ_MSG(test, test_run(cpu, texts[i]), -EFAULT, "%llx", texts[i]);
		KUNIT_EXPECT_EQ_MSG(test, memcmp(cpu, before, sizeof(*cpu)), 0, "%llx", texts[i]);
	}
	/* The second half of the instruction is on the missing page. */
	cpu->psw_addr = DATA - 2;
	*test_bytes(cpu, DATA - 2) = 0x58;
	KUNIT_EXPECT_EQ(test, hwsim_insn_fetch(cpu, &insn), -EFAULT);
	KUNIT_EXPECT_EQ(test, cpu->psw_addr, DATA - 2);
}

static void control_instructions(struct kunit *test)
{
	static const u64 callers[] = {
		FOUR(0xb2ad0024), FOUR(0xb2ae0024), FOUR(0xb2af0000), FOUR(0x83000500),
		FOUR(0xae130000), FOUR(0xb2b02000), TWO(0x0a01),
	};
	static const u64 privileged[] = {
		FOUR(0x80002000), FOUR(0x82002000), FOUR(0xb2b22000), FOUR(0xacfe2000),
		FOUR(0xad012000), FOUR(0xb6002000), FOUR(0xb7002000), SIX(0xeb002000002f),
		SIX(0xeb0020000025),
	};
	struct hwsim_cpu *cpu = test_cpu(test);
	static const u64 psw[] = { MODE64 | PSW_MASK_IO, 0x1234 };
	unsigned int i;

	cpu->gr[2] = DATA;
	for (i = 0; i < ARRAY_SIZE(callers); i++) {
		KUNIT_EXPECT_EQ(test, test_run(cpu, callers[i]), HWSIM_INSN_CONTROL);
		KUNIT_EXPECT_EQ(test, cpu->psw_addr, CODE);
	}
	KUNIT_EXPECT_EQ(test, test_run(cpu, TWO(0x0000)), HWSIM_INSN_UNKNOWN);
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xb2200024)), HWSIM_INSN_UNKNOWN);

	cpu->psw_mask |= PSW_MASK_PSTATE;
	for (i = 0; i < ARRAY_SIZE(privileged); i++)
		KUNIT_EXPECT_EQ_MSG(test, test_run(cpu, privileged[i]), PGM_PRIVILEGED_OP, "%llx",
				    privileged[i]);
	cpu->psw_mask &= ~PSW_MASK_PSTATE;

	/* STOSM 3, STNSM fc, LPSWE */
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xad032000)), 0);
	KUNIT_EXPECT_EQ(test, cpu->psw_mask, MODE64 | PSW_MASK_IO | PSW_MASK_EXT);
	KUNIT_EXPECT_EQ(test, *test_bytes(cpu, DATA), 0);
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xacfc2000)), 0);
	KUNIT_EXPECT_EQ(test, cpu->psw_mask, MODE64);
	KUNIT_EXPECT_EQ(test, *test_bytes(cpu, DATA), 3);
	memcpy(test_bytes(cpu, DATA), psw, sizeof(psw));
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0xb2b22000)), 0);
	KUNIT_EXPECT_EQ(test, cpu->psw_mask, psw[0]);
	KUNIT_EXPECT_EQ(test, cpu->psw_addr, psw[1]);
	/* LCTLG 6,6 */
	KUNIT_EXPECT_EQ(test, test_run(cpu, SIX(0xeb662000002f)), 0);
	KUNIT_EXPECT_EQ(test, cpu->cr[6], psw[0]);
	KUNIT_EXPECT_EQ(test, test_run(cpu, SIX(0xeb662004002f)), PGM_SPECIFICATION);
}

static void addressing_exceptions(struct kunit *test)
{
	struct hwsim_cpu *cpu = test_cpu(test);
	struct hwsim_insn insn;

	cpu->gr[2] = STORAGE_SIZE - 2;
	cpu->gr[3] = 77;
	KUNIT_EXPECT_EQ(test, test_run(cpu, FOUR(0x58302000)), PGM_ADDRESSING);
	KUNIT_EXPECT_EQ(test, cpu->gr[3], 77);
	KUNIT_EXPECT_EQ(test, cpu->psw_addr, CODE + 4);
	cpu->psw_addr = CODE + 1;
	KUNIT_EXPECT_EQ(test, hwsim_insn_fetch(cpu, &insn), PGM_SPECIFICATION);
	cpu->psw_addr = STORAGE_SIZE;
	KUNIT_EXPECT_EQ(test, hwsim_insn_fetch(cpu, &insn), PGM_ADDRESSING);
}

static const u16 table_codes[] = {
#define INSN(code, mnemonic, format, operand, action) code,
#include "sie_opcodes.h"
#undef INSN
};

/* The table must be sorted, because find_line() uses a binary search. */
static void opcode_table_sorted(struct kunit *test)
{
	unsigned int i;

	for (i = 1; i < ARRAY_SIZE(table_codes); i++)
		KUNIT_EXPECT_GT_MSG(test, table_codes[i], table_codes[i - 1], "line %u", i);
}

static struct kunit_case sie_insn_cases[] = {
	KUNIT_CASE(opcode_table_sorted),
	KUNIT_CASE(register_results_vs_cpu),
	KUNIT_CASE(divide_exceptions),
	KUNIT_CASE(odd_register_pairs),
	KUNIT_CASE(overflow_interruption),
	KUNIT_CASE(load_widening),
	KUNIT_CASE(masked_bytes),
	KUNIT_CASE(test_under_mask),
	KUNIT_CASE(load_store_multiple_wrap),
	KUNIT_CASE(overlapping_storage),
	KUNIT_CASE(mvcle_partial_completion),
	KUNIT_CASE(compare_and_swap),
	KUNIT_CASE(test_and_set),
	KUNIT_CASE(byte_updates),
	KUNIT_CASE(branches_and_modes),
	KUNIT_CASE(execute_target_modification),
	KUNIT_CASE(missing_page_nullification),
	KUNIT_CASE(control_instructions),
	KUNIT_CASE(addressing_exceptions),
	{}
};

static struct kunit_suite sie_insn_suite = {
	.name = "ap_hwsim_sie_insn",
	.test_cases = sie_insn_cases,
};

kunit_test_suite(sie_insn_suite);
