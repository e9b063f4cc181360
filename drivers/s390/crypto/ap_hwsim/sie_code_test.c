// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the copies that the CPU executes in place of the pages of a guest.
 */
#include <kunit/test.h>
#include <linux/string.h>
#include "sie_shadow.h"

/* First halfwords of instructions. NOP and BR consist of one halfword. */
#define LHI	0xa728
#define NOP	0x0700
#define BR	0x07fe
#define EPSW	0xb98d
#define STCK	0xb205
#define LG	0xe310

static u16 page[HWSIM_HALFWORDS] __aligned(4096);

static struct hwsim_code *code_of(struct kunit *test, const u16 *text, size_t size,
				  unsigned int offset)
{
	struct hwsim_code *code = hwsim_code_alloc();

	KUNIT_ASSERT_NOT_NULL(test, code);
	memset(page, 0, sizeof(page));
	memcpy((u8 *)page + offset, text, size);
	return code;
}

static void stops_after_branch(struct kunit *test)
{
	static const u16 text[] = { LHI, 1, NOP, LG, 0x1000, 4, BR, LHI, 1 };
	struct hwsim_code *code = code_of(test, text, sizeof(text), 0);

	KUNIT_EXPECT_TRUE(test, hwsim_code_reveal(code, page, 0, true, false));
	KUNIT_EXPECT_MEMEQ(test, code->copy, text, 14);
	KUNIT_EXPECT_EQ(test, code->copy[7], 0);
	/* The CPU has seen this instruction, so its exception is genuine. */
	KUNIT_EXPECT_FALSE(test, hwsim_code_reveal(code, page, 0, true, false));
	hwsim_code_free(code);
}

static void reveals_one_instruction(struct kunit *test)
{
	static const u16 text[] = { LHI, 1, LG, 0x1000, 4 };
	struct hwsim_code *code = code_of(test, text, sizeof(text), 0);

	KUNIT_EXPECT_TRUE(test, hwsim_code_reveal(code, page, 0, false, false));
	KUNIT_EXPECT_MEMEQ(test, code->copy, text, 4);
	KUNIT_EXPECT_EQ(test, code->copy[2], 0);
	hwsim_code_free(code);
}

static void conceals_sensitive(struct kunit *test)
{
	static const u16 text[] = { LHI, 1, EPSW, 0x12, LG, 0x1000, 4, STCK, 0x1000, BR };
	struct hwsim_code *code = code_of(test, text, sizeof(text), 0);

	KUNIT_EXPECT_TRUE(test, hwsim_code_reveal(code, page, 0, true, true));
	KUNIT_EXPECT_EQ(test, code->copy[2], 0);
	KUNIT_EXPECT_FALSE(test, hwsim_code_reveal(code, page, 4, true, true));
	KUNIT_EXPECT_TRUE(test, hwsim_code_reveal(code, page, 8, true, true));
	KUNIT_EXPECT_EQ(test, code->copy[7], 0);
	/* With the clock of the host, STCK can run. */
	KUNIT_EXPECT_TRUE(test, hwsim_code_reveal(code, page, 14, true, false));
	KUNIT_EXPECT_EQ(test, code->copy[7], STCK);
	hwsim_code_free(code);
}

static void conceals_semiprivileged(struct kunit *test)
{
	static const u16 first[] = {
		0x0101, 0x0410, 0xb20a, 0xb218, 0xb219, 0xb224, 0xb226, 0xb279, 0xc810, 0xc8f1,
		0xd910, 0xda10, 0xdb10,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(first); i++)
		KUNIT_EXPECT_TRUE_MSG(test, hwsim_code_conceals(first[i], false), "%x", first[i]);
	/* SAM64, LPDG and SSM */
	KUNIT_EXPECT_FALSE(test, hwsim_code_conceals(0x010e, false));
	KUNIT_EXPECT_FALSE(test, hwsim_code_conceals(0xc805, false));
	KUNIT_EXPECT_FALSE(test, hwsim_code_conceals(0x8000, false));
}

static void follows_branches(struct kunit *test)
{
	/* brc 8,target; br 14; data; target: lhi; br 14 */
	static const u16 text[] = { 0xa784, 4, BR, 0xffff, LHI, 1, BR };
	struct hwsim_code *code = code_of(test, text, sizeof(text), 0);

	KUNIT_EXPECT_TRUE(test, hwsim_code_reveal(code, page, 0, true, false));
	KUNIT_EXPECT_MEMEQ(test, code->copy, text, 6);
	KUNIT_EXPECT_EQ(test, code->copy[3], 0);
	KUNIT_EXPECT_MEMEQ(test, code->copy + 4, text + 4, 6);
	hwsim_code_free(code);
}

static void branch_at_page_end(struct kunit *test)
{
	/* A copy, and the halfword after it, which is not the distance of the branch */
	static u16 copy[HWSIM_HALFWORDS + 1];
	static struct hwsim_code code;

	memset(copy, 0, sizeof(copy));
	memset(page, 0, sizeof(page));
	code = (struct hwsim_code){ .copy = copy };
	copy[HWSIM_HALFWORDS] = -(HWSIM_HALFWORDS - 1);
	page[0] = LHI;
	page[HWSIM_HALFWORDS - 1] = 0xa7f4; /* brc 15 */
	KUNIT_EXPECT_TRUE(test, hwsim_code_reveal(&code, page, 4094, true, false));
	KUNIT_EXPECT_EQ(test, copy[0], 0);
	KUNIT_EXPECT_EQ(test, code.hidden, 0xa7f4);
}

/* The operand of the first LHI is another LHI. */
static void instruction_in_instruction(struct kunit *test)
{
	static const u16 text[] = { LHI, LHI, 1, BR };
	static const u16 zeros[3];
	struct hwsim_code *code = code_of(test, text, sizeof(text), 0);

	KUNIT_EXPECT_TRUE(test, hwsim_code_reveal(code, page, 0, false, false));
	KUNIT_EXPECT_TRUE(test, hwsim_code_reveal(code, page, 2, false, false));
	KUNIT_EXPECT_EQ(test, code->copy[0], 0);
	KUNIT_EXPECT_MEMEQ(test, code->copy + 1, text + 1, 4);
	KUNIT_EXPECT_TRUE(test, hwsim_code_reveal(code, page, 0, true, false));
	KUNIT_EXPECT_MEMEQ(test, code->copy, text, 4);
	page[1] = 0;
	hwsim_code_verify(code, page);
	KUNIT_EXPECT_MEMEQ(test, code->copy, zeros, 4);
	hwsim_code_free(code);
}

static void instruction_in_two_pages(struct kunit *test)
{
	static const u16 text[] = { LG, 0x1000 };
	struct hwsim_code *code = code_of(test, text, sizeof(text), 4092), *next;

	KUNIT_EXPECT_TRUE(test, hwsim_code_reveal(code, page, 4092, true, false));
	KUNIT_EXPECT_EQ(test, code->crosses, 1);
	/* Another CPU must not see the instruction without its end. */
	KUNIT_EXPECT_EQ(test, code->copy[2046], 0);
	KUNIT_EXPECT_EQ(test, code->copy[2047], 0x1000);
	next = hwsim_code_alloc();
	KUNIT_ASSERT_NOT_NULL(test, next);
	page[0] = 0x0004;
	hwsim_code_reveal_tail(next, page, code->crosses);
	KUNIT_EXPECT_EQ(test, next->copy[0], 0x0004);
	KUNIT_EXPECT_EQ(test, next->copy[1], 0);
	hwsim_code_reveal_last(code);
	KUNIT_EXPECT_EQ(test, code->copy[2046], LG);
	/* The end of an instruction stays visible if it changes. */
	page[0] = 0x0014;
	hwsim_code_verify(next, page);
	KUNIT_EXPECT_EQ(test, next->copy[0], 0x0014);
	hwsim_code_free(next);
	hwsim_code_free(code);
}

static void verify_conceals_changes(struct kunit *test)
{
	static const u16 text[] = { LHI, 1, LG, 0x1000, 4, LHI, 1, BR };
	struct hwsim_code *code = code_of(test, text, sizeof(text), 0);
	static const u16 zeros[3];

	KUNIT_EXPECT_TRUE(test, hwsim_code_reveal(code, page, 0, true, false));
	page[4] = 0x0014;
	hwsim_code_verify(code, page);
	KUNIT_EXPECT_MEMEQ(test, code->copy, text, 4);
	KUNIT_EXPECT_MEMEQ(test, code->copy + 2, zeros, 6);
	KUNIT_EXPECT_MEMEQ(test, code->copy + 5, text + 5, 6);
	KUNIT_EXPECT_TRUE(test, hwsim_code_reveal(code, page, 4, true, false));
	KUNIT_EXPECT_EQ(test, code->copy[4], 0x0014);
	hwsim_code_free(code);
}

static struct kunit_case sie_code_cases[] = {
	KUNIT_CASE(stops_after_branch),
	KUNIT_CASE(reveals_one_instruction),
	KUNIT_CASE(conceals_sensitive),
	KUNIT_CASE(conceals_semiprivileged),
	KUNIT_CASE(follows_branches),
	KUNIT_CASE(branch_at_page_end),
	KUNIT_CASE(instruction_in_instruction),
	KUNIT_CASE(instruction_in_two_pages),
	KUNIT_CASE(verify_conceals_changes),
	{}
};

static struct kunit_suite sie_code_suite = {
	.name = "ap_hwsim_sie_code",
	.test_cases = sie_code_cases,
};

kunit_test_suite(sie_code_suite);
