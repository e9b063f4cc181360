// SPDX-License-Identifier: GPL-2.0
/* Test a machine without QCI. machines.txt has the kernel parameters. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/lib.h"
#include "lib/main.h"

static bool exists(void *data)
{
	return !access(data, F_OK);
}

/* Without QCI, queues can be assigned but not passed through, and guest_matrix is empty. */
TEST(no_passthrough_without_qci)
{
	ASSERT_EQ(0, until(exists, "/sys/devices/ap/card04/04.0004"));
	ASSERT_EQ(0, module_load());
	ASSERT_EQ(0, mdev_create(UUID1));
	EXPECT_EQ(0, mdev_write(UUID1, "assign_adapter", "4"));
	EXPECT_EQ(0, mdev_write(UUID1, "assign_domain", "4"));
	EXPECT_EQ(-ENODEV, mdev_write(UUID1, "assign_adapter", "64"));
	EXPECT_EQ(-ENODEV, mdev_write(UUID1, "assign_domain", "16"));
	EXPECT_EQ(-ENODEV, mdev_write(UUID1, "assign_control_domain", "16"));
	EXPECT_EQ(0, mdev_write(UUID1, "assign_adapter", "63"));
	EXPECT_EQ(0, mdev_write(UUID1, "unassign_adapter", "63"));
	EXPECT_EQ(0, mdev_write(UUID1, "assign_control_domain", "15"));
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", "04.0004"));
	EXPECT_TRUE(mdev_shows(UUID1, "guest_matrix", ""));
	EXPECT_TRUE(queue_status(4, 4, "assigned"));
	EXPECT_EQ(0, mdev_remove(UUID1));
	EXPECT_EQ(0, module_unload());
}

/*
 * ENODEV takes precedence over EADDRINUSE. Each write to mdev 1 contains 04.0004, which belongs
 * to mdev 2.
 */
TEST(ap_config_above_limits)
{
	ASSERT_EQ(0, until(exists, "/sys/devices/ap/card04/04.0004"));
	ASSERT_EQ(0, module_load());
	ASSERT_EQ(0, mdev_create(UUID1));
	ASSERT_EQ(0, mdev_create(UUID2));
	ASSERT_EQ(0, mdev_write(UUID2, "ap_config", "08,08,0"));
	EXPECT_EQ(-EADDRINUSE, mdev_write(UUID1, "ap_config", "08,08,0"));
	EXPECT_EQ(-ENODEV, mdev_write(UUID1, "ap_config", "08000000000000008,08,0"));
	EXPECT_EQ(-ENODEV, mdev_write(UUID1, "ap_config", "08,08008,0"));
	EXPECT_EQ(-ENODEV, mdev_write(UUID1, "ap_config", "08,08,00008"));
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", ""));
	EXPECT_EQ(0, mdev_remove(UUID2));
	EXPECT_EQ(0, mdev_remove(UUID1));
	EXPECT_EQ(0, module_unload());
}
