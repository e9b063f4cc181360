// SPDX-License-Identifier: GPL-2.0
/*
 * The simulator itself: its knobs and their errnos. Each violation that can be
 * made on purpose from outside is made, and found exactly once.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/lib.h"
#include "lib/main.h"

TEST(knobs_refuse_what_they_do_not_understand)
{
	static const struct {
		const char *knob, *text;
		int ret;
	} cases[] = {
		{ "reset", "2", -EINVAL },
		{ "adapter_add", "4", -EEXIST },
		{ "adapter_add", "100", -ERANGE },
		{ "adapter_add", "xy", -EINVAL },
		{ "adapter_del", "77", -ENOENT },
		{ "domain_add", "4", -EEXIST },
		{ "control_del", "77", -ENOENT },
		{ "configure", "4", -ENOENT },
		{ "checkstop", "4", -EINVAL },
		{ "checkstop", "99.0099", -ENOENT },
		{ "respond", "04.0004 zapq 05", -EINVAL },
		{ "respond", "04.0004 qci 05 1", -EINVAL },
		{ "respond", "04.0004 none 05 1", -EINVAL },
		{ "respond", "04.0004 zapq 05 often", -EINVAL },
		{ "respond", "04.0004 zapq 100 1", -ERANGE },
		{ "reset_time", "04.0004", -EINVAL },
		{ "reset_time", "04.0004 ms", -EINVAL },
		{ "reset_time", "04.0004 hold 5", -EINVAL },
		{ "aqic_delay", "04.0004", -EINVAL },
		{ "reply", "4", -EINVAL },
		{ "violations", "1", -EINVAL },
	};
	unsigned int i;

	machine_reset();
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		EXPECT_EQ(cases[i].ret, hwsim(cases[i].knob, "%s", cases[i].text)) {
			TH_LOG("%s < '%s'", cases[i].knob, cases[i].text);
		}
}

static bool queue_exists(void *data)
{
	(void)data;
	return hwsim_state(9, 4, "tapq") > 0;
}

TEST(bus_finds_what_is_added)
{
	machine_reset();
	ASSERT_EQ(0, hwsim("adapter_add", "9"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_EQ(0, until(queue_exists, NULL));
	EXPECT_EQ(0, access("/sys/devices/ap/card09/09.0004", F_OK));
	ASSERT_EQ(0, hwsim("adapter_del", "9"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_NE(0, access("/sys/devices/ap/card09", F_OK));
}

/* The driver is not to blame for what an administrator of the LPAR cannot do either. */
TEST(dirty_queue_that_joins_is_a_violation)
{
	char text[4096];
	struct vfio vfio;
	struct vm vm;

	machine_reset();
	ASSERT_EQ(0, mdev_create(UUID1));
	ASSERT_EQ(0, vm_create(&vm));
	ASSERT_EQ(0, vfio_open(&vfio, &vm, UUID1));
	ASSERT_EQ(0, hwsim("provoke", "no-reset 04.0004"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "4"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "4"));
	EXPECT_TRUE(queue_comes_to(4, 4, "in use"));
	hwsim_violations(text, sizeof(text));
	EXPECT_STREQ("no-reset queue 04.0004\n", text);
	file_write(HWSIM "violations", "0");
	vfio_close(&vfio);
	vm_destroy(&vm);
	EXPECT_EQ(0, mdev_remove(UUID1));
	machine_reset();
}
