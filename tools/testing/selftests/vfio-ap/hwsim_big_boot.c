// SPDX-License-Identifier: GPL-2.0
/*
 * Test a machine with the highest possible adapter and domain ids (machines.txt has its
 * parameters). The machine has only two adapters, because the AP bus walks a list for each
 * queue and would need hours to find 256 x 256 queues.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/bare_fixture.h"
#include "lib/lib.h"
#include "lib/main.h"

static bool exists(void *data)
{
	return !access(data, F_OK);
}

TEST(bus_scan_highest_ids)
{
	char text[64];

	EXPECT_EQ(0, until(exists, "/sys/devices/ap/cardff/ff.00ff"));
	EXPECT_LT(0, file_read(BUS "ap_max_domain_id", text, sizeof(text)));
	EXPECT_EQ(255, atoi(text));
}

TEST_F(bare, guest_highest_ids)
{
	static const unsigned int apqns[] = { 0x0000, 0x00ff, 0x0080, 0xff7f, 0xff00, 0xffff };
	const unsigned char *qci = (unsigned char *)self->vm.memory + AGENT_QCI;
	unsigned int i;

	ASSERT_EQ(0, until(queues_are_bound_and_reset, NULL));
	ASSERT_EQ(0, hwsim_apcb(0, "0-255", "0-255"));
	for (i = 0; i < ARRAY_SIZE(apqns); i++)
		EXPECT_EQ(0, answer(&self->vm, AGENT_PQAP, apqns[i])) TH_LOG("%04x", apqns[i]);
	EXPECT_EQ(0, vm_ask(&self->vm, AGENT_PQAP, 4UL << 24, 0, AGENT_QCI));
	EXPECT_EQ(0x40, qci[0] & 0x40);
	EXPECT_EQ(255, qci[4]);
	EXPECT_EQ(255, qci[5]);
	EXPECT_EQ(0x80, qci[16]);
	for (i = 17; i < 47; i++)
		EXPECT_EQ(0, qci[i]);
	EXPECT_EQ(0x01, qci[47]);
	for (i = 48; i < 112; i++)
		EXPECT_EQ(0xff, qci[i]);
}
