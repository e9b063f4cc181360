// SPDX-License-Identifier: GPL-2.0
/* A machine without AP instructions: see boots.txt. */
#include <errno.h>

#include "lib/lib.h"
#include "lib/main.h"

/* C-19 */
TEST(module_is_refused_again_and_again_and_leaves_nothing)
{
	int i;

	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-ENODEV, module_load());
		EXPECT_FALSE(module_shows());
	}
}
