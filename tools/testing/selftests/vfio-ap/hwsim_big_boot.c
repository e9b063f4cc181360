// SPDX-License-Identifier: GPL-2.0
/* A machine with all queues there can be, 256 x 256: see boots.txt. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/bare_fixture.h"
#include "lib/main.h"

static bool exists(void *data)
{
	return !access(data, F_OK);
}

/* The bus needs hours for all of them. */
TEST(bus_finds_queues)
{
	char text[64];

	EXPECT_EQ(0, until(exists, "/sys/devices/ap/card00/00.0000"));
	EXPECT_LT(0, file_read(BUS "ap_max_domain_id", text, sizeof(text)));
	EXPECT_EQ(255, atoi(text));
}

TEST_F(bare, guest_may_have_them_all)
{
	static const unsigned int apqns[] = { 0x0000, 0x00ff, 0x0404, 0x7f80, 0xff00, 0xffff };
	const unsigned char *qci = (unsigned char *)self->vm.memory + AGENT_QCI;
	unsigned int i;

	ASSERT_EQ(0, hwsim_apcb(0, "0-255", "0-255"));
	for (i = 0; i < ARRAY_SIZE(apqns); i++)
		EXPECT_EQ(0, answer(&self->vm, AGENT_PQAP, apqns[i])) TH_LOG("%04x", apqns[i]);
	EXPECT_EQ(0, vm_ask(&self->vm, AGENT_PQAP, 4UL << 24, 0, AGENT_QCI));
	EXPECT_EQ(0x40, qci[0] & 0x40);
	EXPECT_EQ(255, qci[4]);
	EXPECT_EQ(255, qci[5]);
	for (i = 16; i < 112; i++)
		EXPECT_EQ(0xff, qci[i]);
}
