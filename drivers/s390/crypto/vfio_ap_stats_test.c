// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests for vfio_ap_event_slowest_ms(), which computes the duration of a queue's slowest
 * reset. The driver stores the milliseconds in 16 bits, which would overflow after 65.5 s. A
 * test with a real reset would take that long.
 */
#include <kunit/test.h>
#include <linux/jiffies.h>
#include <linux/module.h>

#include "vfio_ap_diag.h"

static void slowest_reset(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, vfio_ap_event_slowest_ms(0, 2 * HZ), 2000);
	KUNIT_EXPECT_EQ(test, vfio_ap_event_slowest_ms(1000, 2 * HZ), 2000);
	KUNIT_EXPECT_EQ(test, vfio_ap_event_slowest_ms(3000, 2 * HZ), 3000);
	KUNIT_EXPECT_EQ(test, vfio_ap_event_slowest_ms(0, 65 * HZ), 65000);
}

static void slowest_reset_above_the_limit(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, vfio_ap_event_slowest_ms(0, 66 * HZ), U16_MAX);
	KUNIT_EXPECT_EQ(test, vfio_ap_event_slowest_ms(1000, 67 * HZ), U16_MAX);
	KUNIT_EXPECT_EQ(test, vfio_ap_event_slowest_ms(2000, 24 * 60 * 60 * HZ), U16_MAX);
	/* A quick reset does not change the duration of the slowest reset. */
	KUNIT_EXPECT_EQ(test, vfio_ap_event_slowest_ms(U16_MAX, HZ), U16_MAX);
}

static struct kunit_case vfio_ap_stats_cases[] = {
	KUNIT_CASE(slowest_reset),
	KUNIT_CASE(slowest_reset_above_the_limit),
	{}
};

static struct kunit_suite vfio_ap_stats_suite = {
	.name = "vfio_ap_stats",
	.test_cases = vfio_ap_stats_cases,
};

kunit_test_suite(vfio_ap_stats_suite);

MODULE_DESCRIPTION("KUnit tests of vfio_ap's statistics");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_LICENSE("GPL");
