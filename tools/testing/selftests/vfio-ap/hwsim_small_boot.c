// SPDX-License-Identifier: GPL-2.0
/*
 * Test a machine without APXA, which has at most 64 adapters and 16 domains (machines.txt
 * has its parameters). vfio_ap is not loaded at boot.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/bare_fixture.h"
#include "lib/lib.h"
#include "lib/main.h"

#define TAPQ(apqn)	((unsigned long)(apqn))
#define NQAP(apqn)	(0x40000000UL | (apqn))
#define DQAP(apqn)	(0x80000000UL | (apqn))

static bool exists(void *data)
{
	return !access(data, F_OK);
}

TEST(bus_scan_without_apxa)
{
	char text[64];

	EXPECT_EQ(0, until(exists, "/sys/devices/ap/card3f/3f.000f"));
	EXPECT_NE(0, access("/sys/bus/ap/drivers/vfio_ap", F_OK));
	EXPECT_LT(0, file_read(BUS "ap_max_domain_id", text, sizeof(text)));
	EXPECT_EQ(15, atoi(text));
}

TEST(debugfs_id_limits)
{
	EXPECT_EQ(-ERANGE, hwsim("adapter_add", "40"));
	EXPECT_EQ(-ERANGE, hwsim("domain_add", "10"));
	EXPECT_EQ(-ERANGE, hwsim("apcb", "0 64 4"));
	EXPECT_EQ(-ERANGE, hwsim("apcb", "0 4 16"));
	EXPECT_EQ(0, hwsim("domain_add", "e"));
	EXPECT_EQ(0, hwsim("domain_del", "e"));
}

TEST_F(bare, guest_first_and_last_queue)
{
	const unsigned char *qci = (unsigned char *)self->vm.memory + AGENT_QCI;

	/*
	 * The AP bus enables the interrupts of queues without a driver. Load vfio_ap to
	 * reset the queues.
	 */
	ASSERT_EQ(0, module_load());
	ASSERT_EQ(0, until(queues_are_bound_and_reset, NULL));
	ASSERT_EQ(0, hwsim_apcb(0, "0,63", "0,15"));
	EXPECT_EQ(0, answer(&self->vm, AGENT_PQAP, TAPQ(0x0000)));
	EXPECT_EQ(0, answer(&self->vm, AGENT_PQAP, TAPQ(0x3f0f)));
	EXPECT_EQ(1, answer(&self->vm, AGENT_PQAP, TAPQ(0x0404)));
	EXPECT_EQ(0, vm_ask(&self->vm, AGENT_PQAP, 4UL << 24, 0, AGENT_QCI));
	/* Without APXA, QCI does not report the highest ids. */
	EXPECT_EQ(0, qci[0] & 0x40);
	EXPECT_EQ(0, qci[4]);
	EXPECT_EQ(0, qci[5]);
	EXPECT_EQ(0x80, qci[16]);
	EXPECT_EQ(0x01, qci[23]);
	EXPECT_EQ(0x80, qci[48]);
	EXPECT_EQ(0x01, qci[49]);
}

TEST_F(bare, large_ids_without_apxa)
{
	static const unsigned int large[] = { 0x4004, 0x8004, 0xff04, 0x0410, 0x0480, 0x04ff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(large); i++) {
		EXPECT_TRUE(specification(&self->vm, AGENT_PQAP, TAPQ(large[i])));
		EXPECT_TRUE(specification(&self->vm, AGENT_NQAP, NQAP(large[i])));
		EXPECT_TRUE(specification(&self->vm, AGENT_DQAP, DQAP(large[i])));
	}
	EXPECT_EQ(0, answer(&self->vm, AGENT_PQAP, TAPQ(0x0404)));
}
