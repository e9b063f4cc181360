// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest gets, tried out for every matrix and every state of the queues
 * of two adapters and two domains, and the text of matrices of every size.
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "vfio_ap_matrix.h"

#define ADAPTERS	2
#define DOMAINS		2
#define QUEUES		(ADAPTERS * DOMAINS)
#define STATES		81

/* One case: fitness by queue, what is assigned and what the APCB holds. */
struct derive_case {
	enum vfio_ap_fitness fitness[ADAPTERS][DOMAINS];
	struct vfio_ap_matrix assigned, now;
};

static enum vfio_ap_fitness case_fitness(unsigned int apid, unsigned int apqi, void *data)
{
	return ((struct derive_case *)data)->fitness[apid][apqi];
}

static struct vfio_ap_matrix all_matrix;

static void case_derive(struct derive_case *c, struct vfio_ap_matrix *guest)
{
	vfio_ap_matrix_derive(guest, &c->assigned, &all_matrix, &c->now, case_fitness, c);
}

static void mask_from_bits(unsigned long *mask, unsigned int bits)
{
	bitmap_zero(mask, VFIO_AP_NR_IDS);
	if (bits & 1)
		set_bit_inv(0, mask);
	if (bits & 2)
		set_bit_inv(1, mask);
}

/* Calls check for each case; assigned and now take all 16 shapes. */
static void derive_cases_walk(struct kunit *test,
			      void (*check)(struct kunit *test, struct derive_case *c))
{
	struct derive_case *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	unsigned int state, assigned, now, queue, rest;

	KUNIT_ASSERT_NOT_NULL(test, c);
	bitmap_fill(all_matrix.apm, VFIO_AP_NR_IDS);
	bitmap_fill(all_matrix.aqm, VFIO_AP_NR_IDS);
	bitmap_fill(all_matrix.adm, VFIO_AP_NR_IDS);
	for (state = 0; state < STATES; state++) {
		for (queue = 0, rest = state; queue < QUEUES; queue++, rest /= 3)
			c->fitness[queue / DOMAINS][queue % DOMAINS] = rest % 3;
		for (assigned = 0; assigned < 16; assigned++) {
			mask_from_bits(c->assigned.apm, assigned & 3);
			mask_from_bits(c->assigned.aqm, assigned >> 2);
			for (now = 0; now < 16; now++) {
				mask_from_bits(c->now.apm, now & 3);
				mask_from_bits(c->now.aqm, now >> 2);
				check(test, c);
			}
		}
		cond_resched();
	}
}

/* Nothing unfit is newly let in; nothing that is not assigned is ever in. */
static void check_safety(struct kunit *test, struct derive_case *c)
{
	struct vfio_ap_matrix guest;
	unsigned int apid, apqi;

	case_derive(c, &guest);
	for (apid = 0; apid < ADAPTERS; apid++) {
		for (apqi = 0; apqi < DOMAINS; apqi++) {
			if (!vfio_ap_matrix_has(&guest, apid, apqi))
				continue;
			KUNIT_EXPECT_TRUE(test, vfio_ap_matrix_has(&c->assigned, apid, apqi));
			KUNIT_EXPECT_NE(test, (int)c->fitness[apid][apqi],
					(int)VFIO_AP_QUEUE_BAD);
			if (!vfio_ap_matrix_has(&c->now, apid, apqi))
				KUNIT_EXPECT_EQ(test, (int)c->fitness[apid][apqi],
						(int)VFIO_AP_QUEUE_FIT);
		}
	}
}

static void derive_lets_nothing_unfit_in(struct kunit *test)
{
	derive_cases_walk(test, check_safety);
}

/* What was derived stays: f(f(x)) = f(x). */
static void check_stable(struct kunit *test, struct derive_case *c)
{
	struct vfio_ap_matrix once, twice, before = c->now;

	case_derive(c, &once);
	c->now = once;
	case_derive(c, &twice);
	c->now = before;
	KUNIT_EXPECT_TRUE(test, vfio_ap_matrix_equal(&once, &twice));
}

static void derive_is_stable(struct kunit *test)
{
	derive_cases_walk(test, check_stable);
}

/* With nothing pending, what the APCB holds does not matter. */
static void check_history(struct kunit *test, struct derive_case *c)
{
	struct vfio_ap_matrix guest, fresh, before = c->now;
	unsigned int apid, apqi;

	for (apid = 0; apid < ADAPTERS; apid++) {
		for (apqi = 0; apqi < DOMAINS; apqi++) {
			if (c->fitness[apid][apqi] == VFIO_AP_QUEUE_PENDING)
				return;
		}
	}
	case_derive(c, &guest);
	c->now = (struct vfio_ap_matrix){};
	case_derive(c, &fresh);
	c->now = before;
	KUNIT_EXPECT_TRUE(test, vfio_ap_matrix_equal(&guest, &fresh));
}

static void derive_at_rest_has_no_memory(struct kunit *test)
{
	derive_cases_walk(test, check_history);
}

/* A pending queue that the guest does not have takes nothing from it. */
static void check_pending_takes_nothing(struct kunit *test, struct derive_case *c)
{
	struct vfio_ap_matrix guest, kept;
	unsigned int apid, apqi;

	/* What the guest has is assigned, and nothing of the matrix is bad. */
	vfio_ap_matrix_and(&kept, &c->now, &c->assigned);
	if (!vfio_ap_matrix_equal(&kept, &c->now))
		return;
	for (apid = 0; apid < ADAPTERS; apid++) {
		for (apqi = 0; apqi < DOMAINS; apqi++) {
			if (c->fitness[apid][apqi] == VFIO_AP_QUEUE_BAD)
				return;
		}
	}
	case_derive(c, &guest);
	vfio_ap_matrix_and(&kept, &guest, &c->now);
	for (apid = 0; apid < ADAPTERS; apid++) {
		for (apqi = 0; apqi < DOMAINS; apqi++)
			KUNIT_EXPECT_EQ(test, vfio_ap_matrix_has(&kept, apid, apqi),
					vfio_ap_matrix_has(&c->now, apid, apqi));
	}
}

static void derive_takes_nothing_for_a_pending_queue(struct kunit *test)
{
	derive_cases_walk(test, check_pending_takes_nothing);
}

static void id_parse_errors(struct kunit *test)
{
	static const struct {
		const char *text;
		int ret;
		unsigned int id;
	} cases[] = {
		{ "", -EINVAL }, { "\n", -EINVAL }, { "abc", -EINVAL }, { " 5", -EINVAL },
		{ "5x", -EINVAL }, { "5\n\n", -EINVAL }, { "-1", -EINVAL },
		{ "99999999999999999999", -ERANGE }, { "18446744073709551616", -ERANGE },
		{ "18446744073709551615", -ENODEV }, { "64", -ENODEV }, { "0x40", -ENODEV },
		{ "63", 0, 63 }, { "0x3f", 0, 63 }, { "077", 0, 63 },
		{ "5\n", 0, 5 }, { "0", 0, 0 },
	};
	unsigned int i, id;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		id = 0;
		KUNIT_EXPECT_EQ_MSG(test, vfio_ap_id_parse(cases[i].text, 63, &id), cases[i].ret,
				    "text '%s'", cases[i].text);
		KUNIT_EXPECT_EQ(test, id, cases[i].id);
	}
}

static void text_check_size(struct kunit *test, unsigned int adapters, unsigned int domains,
			    const char *first, const char *last)
{
	struct vfio_ap_matrix *matrix = kunit_kzalloc(test, sizeof(*matrix), GFP_KERNEL);
	size_t size, offset, part;
	char *whole, window[13];
	unsigned int id;

	KUNIT_ASSERT_NOT_NULL(test, matrix);
	for (id = 0; id < adapters; id++)
		set_bit_inv(id, matrix->apm);
	for (id = 0; id < domains; id++)
		set_bit_inv(id, matrix->aqm);
	size = vfio_ap_matrix_text_size(matrix);
	whole = kvzalloc(size + 1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, whole);
	KUNIT_EXPECT_EQ(test, vfio_ap_matrix_text_read(matrix, whole, 0, size + 1), size);
	KUNIT_EXPECT_EQ(test, strncmp(whole, first, strlen(first)), 0);
	KUNIT_EXPECT_STREQ(test, whole + size - strlen(last), last);
	/* Any window shows what stands there. */
	for (offset = 0; offset < size; offset += 997) {
		part = vfio_ap_matrix_text_read(matrix, window, offset, sizeof(window));
		KUNIT_EXPECT_EQ(test, part, min(sizeof(window), size - offset));
		KUNIT_EXPECT_EQ(test, memcmp(window, whole + offset, part), 0);
	}
	KUNIT_EXPECT_EQ(test, vfio_ap_matrix_text_read(matrix, window, size, sizeof(window)), 0UL);
	kvfree(whole);
}

static void text_of_every_size(struct kunit *test)
{
	text_check_size(test, 0, 0, "", "");
	text_check_size(test, 3, 0, "00.\n01.\n", "02.\n");
	text_check_size(test, 0, 3, ".0000\n.0001\n", ".0002\n");
	text_check_size(test, 1, 1, "00.0000\n", "00.0000\n");
	text_check_size(test, 7, 73, "00.0000\n00.0001\n", "06.0048\n");
	text_check_size(test, 2, 256, "00.0000\n00.0001\n", "01.00ff\n");
	text_check_size(test, 27, 19, "00.0000\n", "1a.0012\n");
	text_check_size(test, 16, 85, "00.0000\n", "0f.0054\n");
	text_check_size(test, 256, 256, "00.0000\n", "ff.00ff\n");
}

static void limits_follow_apxa(struct kunit *test)
{
	struct ap_config_info config = { .apxa = 1, .Na = 200, .Nd = 84 };
	struct vfio_ap_limits limits;

	vfio_ap_limits_from_config(&limits, &config);
	KUNIT_EXPECT_EQ(test, limits.apid, 200);
	KUNIT_EXPECT_EQ(test, limits.domain, 84);
	config.apxa = 0;
	vfio_ap_limits_from_config(&limits, &config);
	KUNIT_EXPECT_EQ(test, limits.apid, 63);
	KUNIT_EXPECT_EQ(test, limits.domain, 15);
}

static struct kunit_case vfio_ap_matrix_cases[] = {
	KUNIT_CASE(derive_lets_nothing_unfit_in),
	KUNIT_CASE(derive_is_stable),
	KUNIT_CASE(derive_at_rest_has_no_memory),
	KUNIT_CASE(derive_takes_nothing_for_a_pending_queue),
	KUNIT_CASE(id_parse_errors),
	KUNIT_CASE(text_of_every_size),
	KUNIT_CASE(limits_follow_apxa),
	{}
};

static struct kunit_suite vfio_ap_matrix_suite = {
	.name = "vfio_ap_matrix",
	.test_cases = vfio_ap_matrix_cases,
};

kunit_test_suite(vfio_ap_matrix_suite);

MODULE_DESCRIPTION("KUnit tests of vfio_ap's matrices");
MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
MODULE_LICENSE("GPL");
