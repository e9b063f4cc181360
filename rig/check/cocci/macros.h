/* SPDX-License-Identifier: GPL-2.0 */
/* Define macros that Coccinelle cannot parse, because it silently skips functions that use them. */
#define scoped_guard YACFE_ITERATOR
#define DECLARE_BITMAP(name, bits) unsigned long name[bits]
#define __attribute__(what)
#define s8 char
#define FIXTURE(name) struct name
#define FIXTURE_SETUP(name) void setup(void)
#define FIXTURE_TEARDOWN(name) void teardown(void)
#define TEST(name) void name(void)
#define TEST_F(fixture, name) void name(void)
#define TEST_F_TIMEOUT(fixture, name, timeout) void name(void)
/* A statement that calls TH_LOG() may follow these macros. */
#define ASSERT_EQ YACFE_ITERATOR
#define ASSERT_GE YACFE_ITERATOR
#define ASSERT_LE YACFE_ITERATOR
#define ASSERT_LT YACFE_ITERATOR
#define ASSERT_NE YACFE_ITERATOR
#define ASSERT_TRUE YACFE_ITERATOR
#define EXPECT_EQ YACFE_ITERATOR
#define EXPECT_FALSE YACFE_ITERATOR
#define EXPECT_GE YACFE_ITERATOR
#define EXPECT_GT YACFE_ITERATOR
#define EXPECT_LE YACFE_ITERATOR
#define EXPECT_LT YACFE_ITERATOR
#define EXPECT_NE YACFE_ITERATOR
#define EXPECT_STREQ YACFE_ITERATOR
#define EXPECT_TRUE YACFE_ITERATOR
#define EXPECT_VIOLATION YACFE_ITERATOR
