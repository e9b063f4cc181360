// SPDX-License-Identifier: GPL-2.0
/* Test a machine without AP instructions. machines.txt has the kernel parameters. */
#include <errno.h>

#include "lib/lib.h"
#include "lib/main.h"

/* Without AP instructions, each attempt to load the module fails and leaves nothing behind. */
TEST(repeated_load_without_ap)
{
	int i;

	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-ENODEV, module_load());
		EXPECT_FALSE(module_files_exist());
	}
}
