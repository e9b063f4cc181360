// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests for vfio_ap_matrix.c. They derive the guest's matrix for many assignments and
 * queue states, with two adapters and three domains, and they print and parse matrices of
 * different sizes.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "vfio_ap_matrix.h"

#define ADAPTERS	2
#define DOMAINS		3

/* A test case: the fitness of each queue, and the arguments of vfio_ap_matrix_derive(). */
struct derive_case {
	enum vfio_ap_fitness fitness[ADAPTERS][DOMAINS];
	struct vfio_ap_matrix assigned, host, now;
};

static void case_list_unfit(unsigned int apid, const unsigned long *domains,
			    struct vfio_ap_unfit *unfit, void *data)
{
	const struct derive_case *c = data;
	unsigned int apqi;

	*unfit = (struct vfio_ap_unfit){};
	vfio_ap_for_each_id(apqi, domains) {
		if (c->fitness[apid][apqi] == VFIO_AP_QUEUE_BAD)
			set_bit_inv(apqi, unfit->bad);
		else if (c->fitness[apid][apqi] == VFIO_AP_QUEUE_PENDING)
			set_bit_inv(apqi, unfit->pending);
	}
}

static void case_derive(struct derive_case *c, struct vfio_ap_matrix *guest)
{
	vfio_ap_matrix_derive(guest, &c->assigned, &c->host, &c->now, case_list_unfit, c);
}

/* Tests whether the matrix contains a queue with this fitness. */
static bool case_has(const struct derive_case *c, const struct vfio_ap_matrix *matrix,
		     enum vfio_ap_fitness fitness)
{
	unsigned int apid, apqi;

	for (apid = 0; apid < ADAPTERS; apid++) {
		for (apqi = 0; apqi < DOMAINS; apqi++) {
			if (c->fitness[apid][apqi] == fitness &&
			    vfio_ap_matrix_has(matrix, apid, apqi))
				return true;
		}
	}
	return false;
}

/* Set id n in @mask if bit n of @bits, counted from the right, is set. */
static void mask_from_bits(unsigned long *mask, unsigned int bits)
{
	unsigned int id;

	bitmap_zero(mask, VFIO_AP_NR_IDS);
	for (id = 0; id < 32; id++) {
		if (bits & BIT(id))
			set_bit_inv(id, mask);
	}
}

/*
 * There are 20 kinds of domains: the domain is in @now or not, and it is either unassigned, or
 * assigned with one of the 3 x 3 combinations of its two queues' fitness. The queues of an
 * unassigned domain are bad, so that the tests fail if vfio_ap_matrix_derive() does not ignore
 * them.
 */
#define DOMAIN_KINDS	(2 * (1 + 9))

static void case_set_domain(struct derive_case *c, unsigned int apqi, unsigned int kind)
{
	unsigned int state = kind / 2;

	if (kind % 2)
		set_bit_inv(apqi, c->now.aqm);
	else
		clear_bit_inv(apqi, c->now.aqm);
	if (state) {
		set_bit_inv(apqi, c->assigned.aqm);
		c->fitness[0][apqi] = (state - 1) % 3;
		c->fitness[1][apqi] = (state - 1) / 3;
	} else {
		clear_bit_inv(apqi, c->assigned.aqm);
		c->fitness[0][apqi] = VFIO_AP_QUEUE_BAD;
		c->fitness[1][apqi] = VFIO_AP_QUEUE_BAD;
	}
}

/*
 * Call check() for each case. The host has all ids, and @assigned and @now take all possible
 * values. A domain's number does not matter, so cases that differ only in the order of the
 * domains are tested once. This reduces the 128000 cases, which would take too long on an
 * emulated machine, to 24640. The kinds rotate through the domains, so that the highest kind is
 * not always in the last domain.
 */
static void derive_cases_walk(struct kunit *test,
			      void (*check)(struct kunit *test, struct derive_case *c))
{
	struct derive_case *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	unsigned int nr, first, second, third, adapters, turn = 0;

	KUNIT_ASSERT_NOT_NULL(test, c);
	bitmap_fill(c->host.apm, VFIO_AP_NR_IDS);
	bitmap_fill(c->host.aqm, VFIO_AP_NR_IDS);
	bitmap_fill(c->host.adm, VFIO_AP_NR_IDS);
	for (nr = 0; nr < DOMAIN_KINDS * DOMAIN_KINDS * DOMAIN_KINDS; nr++) {
		first = nr % DOMAIN_KINDS;
		second = nr / DOMAIN_KINDS % DOMAIN_KINDS;
		third = nr / DOMAIN_KINDS / DOMAIN_KINDS;
		if (first > second || second > third)
			continue;
		for (adapters = 0; adapters < 16; adapters++, turn++) {
			case_set_domain(c, turn % DOMAINS, first);
			case_set_domain(c, (turn + 1) % DOMAINS, second);
			case_set_domain(c, (turn + 2) % DOMAINS, third);
			mask_from_bits(c->assigned.apm, adapters % 4);
			mask_from_bits(c->now.apm, adapters / 4);
			check(test, c);
		}
		cond_resched();
	}
}

/* The guest gets neither bad nor unassigned queues, and each queue that it gains is fit. */
static void check_safety(struct kunit *test, struct derive_case *c)
{
	struct vfio_ap_matrix guest;
	unsigned int apid, apqi;

	case_derive(c, &guest);
	for (apid = 0; apid < ADAPTERS; apid++) {
		for (apqi = 0; apqi < DOMAINS; apqi++) {
			if (!vfio_ap_matrix_has(&guest, apid, apqi))
				continue;
			KUNIT_ASSERT_TRUE(test, vfio_ap_matrix_has(&c->assigned, apid, apqi));
			KUNIT_ASSERT_NE(test, (int)c->fitness[apid][apqi],
					(int)VFIO_AP_QUEUE_BAD);
			if (!vfio_ap_matrix_has(&c->now, apid, apqi))
				KUNIT_ASSERT_EQ(test, (int)c->fitness[apid][apqi],
						(int)VFIO_AP_QUEUE_FIT);
		}
	}
}

static void derive_no_unfit_queue(struct kunit *test)
{
	derive_cases_walk(test, check_safety);
}

/* Deriving twice gives the same result as deriving once: f(f(x)) = f(x). */
static void check_stable(struct kunit *test, struct derive_case *c)
{
	struct vfio_ap_matrix once, twice, before = c->now;

	case_derive(c, &once);
	c->now = once;
	case_derive(c, &twice);
	c->now = before;
	KUNIT_ASSERT_TRUE(test, vfio_ap_matrix_equal(&once, &twice));
}

static void derive_idempotent(struct kunit *test)
{
	derive_cases_walk(test, check_stable);
}

/* If no queue is pending, the result does not depend on what the guest already has. */
static void check_history(struct kunit *test, struct derive_case *c)
{
	struct vfio_ap_matrix guest, fresh, before = c->now;

	if (case_has(c, &c->assigned, VFIO_AP_QUEUE_PENDING))
		return;
	case_derive(c, &guest);
	c->now = (struct vfio_ap_matrix){};
	case_derive(c, &fresh);
	c->now = before;
	KUNIT_ASSERT_TRUE(test, vfio_ap_matrix_equal(&guest, &fresh));
}

static void derive_at_rest_stateless(struct kunit *test)
{
	derive_cases_walk(test, check_history);
}

/* A pending queue that the guest does not have must not take any queue from the guest. */
static void check_pending_takes_nothing(struct kunit *test, struct derive_case *c)
{
	struct vfio_ap_matrix guest, kept;
	unsigned int apid, apqi;

	/* Skip cases with a bad assigned queue, or with an unassigned queue in the guest. */
	vfio_ap_matrix_and(&kept, &c->now, &c->assigned);
	if (!vfio_ap_matrix_equal(&kept, &c->now))
		return;
	if (case_has(c, &c->assigned, VFIO_AP_QUEUE_BAD))
		return;
	case_derive(c, &guest);
	vfio_ap_matrix_and(&kept, &guest, &c->now);
	for (apid = 0; apid < ADAPTERS; apid++) {
		for (apqi = 0; apqi < DOMAINS; apqi++)
			KUNIT_ASSERT_EQ(test, vfio_ap_matrix_has(&kept, apid, apqi),
					vfio_ap_matrix_has(&c->now, apid, apqi));
	}
}

static void derive_no_unplug_for_pending(struct kunit *test)
{
	derive_cases_walk(test, check_pending_takes_nothing);
}

/* The guest loses no queue when a reset completes. */
static void check_fewer_pending(struct kunit *test, struct derive_case *c)
{
	struct vfio_ap_matrix pending, fit, both;
	unsigned int apid, apqi;

	/* Skip cases in which a queue of the guest is pending, because the rule does not apply. */
	if (case_has(c, &c->now, VFIO_AP_QUEUE_PENDING))
		return;
	case_derive(c, &pending);
	for (apid = 0; apid < ADAPTERS; apid++) {
		for (apqi = 0; apqi < DOMAINS; apqi++) {
			if (c->fitness[apid][apqi] != VFIO_AP_QUEUE_PENDING)
				continue;
			c->fitness[apid][apqi] = VFIO_AP_QUEUE_FIT;
			case_derive(c, &fit);
			c->fitness[apid][apqi] = VFIO_AP_QUEUE_PENDING;
			vfio_ap_matrix_and(&both, &pending, &fit);
			KUNIT_ASSERT_TRUE(test, vfio_ap_matrix_equal(&both, &pending));
		}
	}
}

static void derive_monotonic_in_pending(struct kunit *test)
{
	derive_cases_walk(test, check_fewer_pending);
}

/*
 * The cases cover all values of @assigned and @host, with each queue fit or bad. In the case
 * number, 6 bits stand for the queues, and 5 bits each for @assigned and @host. The guest's
 * current matrix (@now) must not affect the result, and the control domains are independent of
 * the queues. Therefore, @now and the control domains vary from case to case, but not all
 * combinations are tested.
 */
#define REST_CASES	65536

static void case_at_rest(struct derive_case *c, unsigned int nr)
{
	unsigned int queue, now = nr % 37, control = nr % 17;

	for (queue = 0; queue < ADAPTERS * DOMAINS; queue++)
		c->fitness[queue / DOMAINS][queue % DOMAINS] =
			nr & BIT(queue) ? VFIO_AP_QUEUE_BAD : VFIO_AP_QUEUE_FIT;
	mask_from_bits(c->assigned.apm, nr >> 6 & 3);
	mask_from_bits(c->assigned.aqm, nr >> 8 & 7);
	mask_from_bits(c->host.apm, nr >> 11 & 3);
	mask_from_bits(c->host.aqm, nr >> 13 & 7);
	mask_from_bits(c->now.apm, now & 3);
	mask_from_bits(c->now.aqm, now >> 2 & 7);
	mask_from_bits(c->now.adm, now & 3);
	mask_from_bits(c->assigned.adm, control & 3);
	mask_from_bits(c->host.adm, control >> 2 & 3);
}

/*
 * Compute what the ABI document promises, without the driver's algorithm: the guest gets the
 * domains and control domains that are assigned and in the host. The guest gets an adapter if
 * it is assigned and in the host, and if all its queues in these domains are fit.
 */
static void abi_says(const struct derive_case *c, struct vfio_ap_matrix *guest)
{
	unsigned int apid, apqi;
	bool works;

	*guest = (struct vfio_ap_matrix){};
	for (apqi = 0; apqi < DOMAINS; apqi++) {
		if (test_bit_inv(apqi, c->assigned.aqm) && test_bit_inv(apqi, c->host.aqm))
			set_bit_inv(apqi, guest->aqm);
		if (test_bit_inv(apqi, c->assigned.adm) && test_bit_inv(apqi, c->host.adm))
			set_bit_inv(apqi, guest->adm);
	}
	for (apid = 0; apid < ADAPTERS; apid++) {
		works = test_bit_inv(apid, c->assigned.apm) && test_bit_inv(apid, c->host.apm);
		for (apqi = 0; apqi < DOMAINS; apqi++) {
			if (test_bit_inv(apqi, guest->aqm) &&
			    c->fitness[apid][apqi] != VFIO_AP_QUEUE_FIT)
				works = false;
		}
		if (works)
			set_bit_inv(apid, guest->apm);
	}
}

/*
 * Compare complete masks, to verify that a bad queue removes only its own adapter, and no
 * domain.
 */
static void derive_at_rest_per_abi(struct kunit *test)
{
	struct derive_case *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	struct vfio_ap_matrix guest, told;
	unsigned int nr;

	KUNIT_ASSERT_NOT_NULL(test, c);
	for (nr = 0; nr < REST_CASES; nr++) {
		case_at_rest(c, nr);
		case_derive(c, &guest);
		abi_says(c, &told);
		KUNIT_ASSERT_TRUE_MSG(test, bitmap_equal(guest.apm, told.apm, VFIO_AP_NR_IDS),
				      "adapters of case %u", nr);
		KUNIT_ASSERT_TRUE_MSG(test, bitmap_equal(guest.aqm, told.aqm, VFIO_AP_NR_IDS),
				      "domains of case %u", nr);
		KUNIT_ASSERT_TRUE_MSG(test, bitmap_equal(guest.adm, told.adm, VFIO_AP_NR_IDS),
				      "control domains of case %u", nr);
		if (nr % 64 == 0)
			cond_resched();
	}
}

static void first_shared_lowest(struct kunit *test)
{
	static const struct {
		const char *what;
		unsigned int apm[2], aqm[2];
		bool shared;
		unsigned int apid, apqi;
	} cases[] = {
		{ "two empty ones", { 0, 0 }, { 0, 0 } },
		{ "one empty", { 0x3, 0 }, { 0x3, 0 } },
		{ "nothing", { 0x1, 0x2 }, { 0x5, 0xa } },
		{ "adapters only", { 0x7, 0x7 }, { 0x5, 0xa } },
		{ "adapters only, no domains", { 0x7, 0x7 }, { 0, 0 } },
		{ "domains only", { 0x1, 0x2 }, { 0x7, 0x7 } },
		{ "domains only, no adapters", { 0, 0 }, { 0x7, 0x7 } },
		{ "one queue", { 0x3, 0x6 }, { 0x5, 0xc }, true, 1, 2 },
		{ "several", { 0xff, 0xb8 }, { 0x7e, 0xf0 }, true, 3, 4 },
		{ "several to the end", { 0x80000010, 0x80000030 }, { 0x80000000, ~0U },
		  true, 4, 31 },
	};
	struct vfio_ap_matrix a = {}, b = {};
	unsigned int i, apid, apqi;

	/* A control domain that both matrices have must not count as a shared queue. */
	mask_from_bits(a.adm, 0xf);
	mask_from_bits(b.adm, 0xf);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		mask_from_bits(a.apm, cases[i].apm[0]);
		mask_from_bits(b.apm, cases[i].apm[1]);
		mask_from_bits(a.aqm, cases[i].aqm[0]);
		mask_from_bits(b.aqm, cases[i].aqm[1]);
		KUNIT_EXPECT_EQ_MSG(test, vfio_ap_matrix_first_shared(&a, &b, &apid, &apqi),
				    cases[i].shared, "%s", cases[i].what);
		/* The ids are undefined if no queue is shared. */
		if (!cases[i].shared)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, apid, cases[i].apid, "%s", cases[i].what);
		KUNIT_EXPECT_EQ_MSG(test, apqi, cases[i].apqi, "%s", cases[i].what);
	}
}

/* The lowest shared ids are beyond the first word of each mask. */
static void first_shared_high_ids(struct kunit *test)
{
	struct vfio_ap_matrix a = {}, b = {};
	unsigned int apid, apqi;

	set_bit_inv(0, a.apm);
	set_bit_inv(255, a.apm);
	set_bit_inv(255, b.apm);
	set_bit_inv(64, a.aqm);
	set_bit_inv(200, a.aqm);
	set_bit_inv(63, b.aqm);
	set_bit_inv(200, b.aqm);
	KUNIT_EXPECT_TRUE(test, vfio_ap_matrix_first_shared(&a, &b, &apid, &apqi));
	KUNIT_EXPECT_EQ(test, apid, 255);
	KUNIT_EXPECT_EQ(test, apqi, 200);
}

static void check_operation(struct kunit *test, const char *name,
			    void (*operation)(struct vfio_ap_matrix *to,
					      const struct vfio_ap_matrix *a,
					      const struct vfio_ap_matrix *b),
			    const struct vfio_ap_matrix *a, const struct vfio_ap_matrix *b,
			    const struct vfio_ap_matrix *result)
{
	struct vfio_ap_matrix to;

	/* Set bits in the result first, to detect bits that the operation does not clear. */
	memset(&to, 0xa5, sizeof(to));
	operation(&to, a, b);
	KUNIT_EXPECT_EQ_MSG(test, memcmp(&to, result, sizeof(to)), 0, "%s", name);
	to = *a;
	operation(&to, &to, b);
	KUNIT_EXPECT_EQ_MSG(test, memcmp(&to, result, sizeof(to)), 0, "%s into the first", name);
	to = *b;
	operation(&to, a, &to);
	KUNIT_EXPECT_EQ_MSG(test, memcmp(&to, result, sizeof(to)), 0, "%s into the second", name);
}

/*
 * Check that vfio_ap_matrix_next() finds exactly the queues that are in @in but not in @except,
 * in ascending order.
 */
static void check_next(struct kunit *test, const struct vfio_ap_matrix *in,
		       const struct vfio_ap_matrix *except)
{
	unsigned long apqn, found = 0;

	for (apqn = 0; apqn <= U16_MAX; apqn++) {
		unsigned int apid = AP_QID_CARD(apqn), apqi = AP_QID_QUEUE(apqn);

		if (!vfio_ap_matrix_has(in, apid, apqi) ||
		    (except && vfio_ap_matrix_has(except, apid, apqi)))
			continue;
		KUNIT_ASSERT_TRUE(test, vfio_ap_matrix_next(in, except, &found));
		KUNIT_ASSERT_EQ(test, apqn, found);
		found++;
	}
	KUNIT_ASSERT_FALSE(test, vfio_ap_matrix_next(in, except, &found));
	cond_resched();
}

static void next_walk_of_each_queue(struct kunit *test)
{
	struct vfio_ap_matrix all = {}, none = {}, corners = {}, middle = {};
	const struct vfio_ap_matrix *matrices[] = { &all, &none, &corners, &middle };
	int in, except;

	bitmap_fill(all.apm, VFIO_AP_NR_IDS);
	bitmap_fill(all.aqm, VFIO_AP_NR_IDS);
	set_bit_inv(0, corners.apm);
	set_bit_inv(255, corners.apm);
	set_bit_inv(0, corners.aqm);
	set_bit_inv(255, corners.aqm);
	set_bit_inv(0, middle.apm);
	set_bit_inv(63, middle.apm);
	set_bit_inv(64, middle.apm);
	set_bit_inv(127, middle.aqm);
	set_bit_inv(128, middle.aqm);
	set_bit_inv(255, middle.aqm);
	for (in = 0; in < ARRAY_SIZE(matrices); in++) {
		check_next(test, matrices[in], NULL);
		for (except = 0; except < ARRAY_SIZE(matrices); except++)
			check_next(test, matrices[in], matrices[except]);
	}
}

/* Give all bytes different values, to detect a mask that is skipped or swapped. */
static void matrix_mask_operations(struct kunit *test)
{
	struct vfio_ap_matrix a, b, and, or, andnot;
	u8 in_a, in_b;
	size_t i;

	for (i = 0; i < sizeof(a); i++) {
		in_a = i * 37 + 11;
		in_b = i * 101 + 7;
		((u8 *)&a)[i] = in_a;
		((u8 *)&b)[i] = in_b;
		((u8 *)&and)[i] = in_a & in_b;
		((u8 *)&or)[i] = in_a | in_b;
		((u8 *)&andnot)[i] = in_a & ~in_b;
	}
	check_operation(test, "and", vfio_ap_matrix_and, &a, &b, &and);
	check_operation(test, "or", vfio_ap_matrix_or, &a, &b, &or);
	check_operation(test, "andnot", vfio_ap_matrix_andnot, &a, &b, &andnot);
}

/* Hardware stores id 0 as the leftmost bit of the first byte. */
static void config_mask_bit_order(struct kunit *test)
{
	struct ap_config_info config = { .apxa = 1 };
	struct vfio_ap_matrix matrix, expected = {};

	((u8 *)config.apm)[0] = 0x80;
	((u8 *)config.apm)[1] = 0x01;
	((u8 *)config.aqm)[0] = 0x40;
	((u8 *)config.aqm)[8] = 0x80;
	((u8 *)config.adm)[7] = 0x01;
	((u8 *)config.adm)[31] = 0x01;
	set_bit_inv(0, expected.apm);
	set_bit_inv(15, expected.apm);
	set_bit_inv(1, expected.aqm);
	set_bit_inv(64, expected.aqm);
	set_bit_inv(63, expected.adm);
	set_bit_inv(255, expected.adm);
	/* Set all bits first, to detect bits that the function does not clear. */
	memset(&matrix, 0xff, sizeof(matrix));
	vfio_ap_matrix_from_config(&matrix, &config);
	KUNIT_EXPECT_TRUE(test, bitmap_equal(matrix.apm, expected.apm, VFIO_AP_NR_IDS));
	KUNIT_EXPECT_TRUE(test, bitmap_equal(matrix.aqm, expected.aqm, VFIO_AP_NR_IDS));
	KUNIT_EXPECT_TRUE(test, bitmap_equal(matrix.adm, expected.adm, VFIO_AP_NR_IDS));
}

#define ZEROS_63 "000000000000000000000000000000000000000000000000000000000000000"

static void masks_parse_errors(struct kunit *test)
{
	static const struct {
		const char *text;
		int ret;
		/* the lowest id in each of the three masks */
		unsigned int apid, apqi, domain;
	} cases[] = {
		{ "", -EINVAL }, { "\n", -EINVAL }, { ",,", -EINVAL }, { "0x,0x,0x", -EINVAL },
		{ "8", -EINVAL }, { "8,8", -EINVAL }, { "8,8,", -EINVAL }, { "8,,8", -EINVAL },
		{ ",8,8", -EINVAL }, { "8,8,8,", -EINVAL }, { "8,8,8,8", -EINVAL },
		{ "8,8,8 ", -EINVAL }, { "8,8,8\n8", -EINVAL }, { "8, 8,8", -EINVAL },
		{ " 8,8,8", -EINVAL }, { "g,8,8", -EINVAL }, { "0x0x8,8,8", -EINVAL },
		{ "8,8,8g", -EINVAL }, { "-8,8,8", -EINVAL }, { "8,0X8,8", -EINVAL },
		{ "0" ZEROS_63 "0,8,8", -EINVAL }, { "8,0x0" ZEROS_63 "0,8", -EINVAL },
		{ "8,8,0" ZEROS_63 "0\n", -EINVAL },
		{ "8,4,2", 0, 0, 1, 2 }, { "0x1,0x08,0x0004\n", 0, 3, 4, 13 },
		{ "8,4,2\n\n", 0, 0, 1, 2 },
		{ ZEROS_63 "1,0x8" ZEROS_63 ",Ff", 0, 255, 0, 0 },
		{ "0,0,0", 0, 256, 256, 256 },
	};
	struct vfio_ap_matrix matrix, untouched;
	unsigned int i;

	memset(&untouched, 0x55, sizeof(untouched));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		matrix = untouched;
		KUNIT_EXPECT_EQ_MSG(test, vfio_ap_masks_parse(cases[i].text, &matrix),
				    cases[i].ret, "text '%s'", cases[i].text);
		if (cases[i].ret) {
			KUNIT_EXPECT_TRUE(test, vfio_ap_matrix_equal(&matrix, &untouched));
			continue;
		}
		KUNIT_EXPECT_EQ(test, find_first_bit_inv(matrix.apm, 256), cases[i].apid);
		KUNIT_EXPECT_EQ(test, find_first_bit_inv(matrix.aqm, 256), cases[i].apqi);
		KUNIT_EXPECT_EQ(test, find_first_bit_inv(matrix.adm, 256), cases[i].domain);
	}
}

/* Parsing the printed text restores the matrix, whichever bits are set. */
static void masks_print_parse_roundtrip(struct kunit *test)
{
	char text[VFIO_AP_MASKS_TEXT_SIZE + 1];
	struct vfio_ap_matrix in, out;
	unsigned int id;

	for (id = 0; id < VFIO_AP_NR_IDS; id++) {
		in = (struct vfio_ap_matrix){};
		set_bit_inv(id, in.apm);
		set_bit_inv((id + 1) % VFIO_AP_NR_IDS, in.aqm);
		set_bit_inv((id + 70) % VFIO_AP_NR_IDS, in.adm);
		vfio_ap_masks_print(&in, text);
		KUNIT_ASSERT_EQ(test, strlen(text), (size_t)VFIO_AP_MASKS_TEXT_SIZE);
		KUNIT_ASSERT_EQ(test, vfio_ap_masks_parse(text, &out), 0);
		KUNIT_ASSERT_TRUE(test, vfio_ap_matrix_equal(&in, &out));
	}
	KUNIT_EXPECT_EQ(test, VFIO_AP_MASKS_TEXT_SIZE, 201);
}

static void within_limits_of_each_mask(struct kunit *test)
{
	static const struct vfio_ap_limits limits = { .apid = 63, .domain = 15 };
	struct vfio_ap_matrix matrix = {};

	set_bit_inv(63, matrix.apm);
	set_bit_inv(15, matrix.aqm);
	set_bit_inv(15, matrix.adm);
	KUNIT_EXPECT_TRUE(test, vfio_ap_matrix_within(&matrix, &limits));
	set_bit_inv(64, matrix.apm);
	KUNIT_EXPECT_FALSE(test, vfio_ap_matrix_within(&matrix, &limits));
	clear_bit_inv(64, matrix.apm);
	set_bit_inv(255, matrix.aqm);
	KUNIT_EXPECT_FALSE(test, vfio_ap_matrix_within(&matrix, &limits));
	clear_bit_inv(255, matrix.aqm);
	set_bit_inv(16, matrix.adm);
	KUNIT_EXPECT_FALSE(test, vfio_ap_matrix_within(&matrix, &limits));
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

static size_t text_part(const struct vfio_ap_matrix *matrix, char *buf, size_t offset,
			size_t count)
{
	struct vfio_ap_part part = { .buf = buf, .offset = offset, .count = count };

	vfio_ap_matrix_text_read(matrix, &part);
	return part.done;
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
	size = strlen(last) * (adapters && domains ? adapters * domains : adapters + domains);
	whole = kvzalloc(size + 1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, whole);
	KUNIT_EXPECT_EQ(test, text_part(matrix, whole, 0, size + 1), size);
	KUNIT_EXPECT_EQ(test, strncmp(whole, first, strlen(first)), 0);
	KUNIT_EXPECT_STREQ(test, whole + size - strlen(last), last);
	/* Read short sections of the text at many offsets. */
	for (offset = 0; offset < size; offset += 997) {
		part = text_part(matrix, window, offset, sizeof(window));
		KUNIT_EXPECT_EQ(test, part, min(sizeof(window), size - offset));
		KUNIT_EXPECT_EQ(test, memcmp(window, whole + offset, part), 0);
	}
	KUNIT_EXPECT_EQ(test, text_part(matrix, window, size, sizeof(window)), 0UL);
	kvfree(whole);
}

static void matrix_text_sizes(struct kunit *test)
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

static void limits_from_apxa(struct kunit *test)
{
	struct ap_config_info config = { .apxa = 1, .na = 200, .nd = 84 };
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
	KUNIT_CASE(derive_no_unfit_queue),
	KUNIT_CASE(derive_idempotent),
	KUNIT_CASE(derive_at_rest_stateless),
	KUNIT_CASE(derive_no_unplug_for_pending),
	KUNIT_CASE(derive_monotonic_in_pending),
	KUNIT_CASE(derive_at_rest_per_abi),
	KUNIT_CASE(first_shared_lowest),
	KUNIT_CASE(first_shared_high_ids),
	KUNIT_CASE(next_walk_of_each_queue),
	KUNIT_CASE(matrix_mask_operations),
	KUNIT_CASE(config_mask_bit_order),
	KUNIT_CASE(masks_parse_errors),
	KUNIT_CASE(masks_print_parse_roundtrip),
	KUNIT_CASE(within_limits_of_each_mask),
	KUNIT_CASE(id_parse_errors),
	KUNIT_CASE(matrix_text_sizes),
	KUNIT_CASE(limits_from_apxa),
	{}
};

static struct kunit_suite vfio_ap_matrix_suite = {
	.name = "vfio_ap_matrix",
	.test_cases = vfio_ap_matrix_cases,
};

kunit_test_suite(vfio_ap_matrix_suite);

MODULE_DESCRIPTION("KUnit tests of vfio_ap's matrices");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_LICENSE("GPL");
