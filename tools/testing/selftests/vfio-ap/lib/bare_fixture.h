/* SPDX-License-Identifier: GPL-2.0 */
/* Fixture "bare": a guest without vfio_ap. The simulator puts 04.0004 into the guest's APCB. */
#ifndef VFIO_AP_BARE_FIXTURE_H
#define VFIO_AP_BARE_FIXTURE_H

#include "hwsim.h"
#include "../../kselftest_harness.h"

FIXTURE(bare) {
	char text[4096];
	struct vm vm;
};

FIXTURE_SETUP(bare)
{
	ASSERT_EQ(0, hwsim("reset", "1"));
	ASSERT_EQ(0, hwsim_power_cycle(4));
	ASSERT_EQ(0, vm_create(&self->vm));
	ASSERT_EQ(0, vm_start(&self->vm));
	ASSERT_EQ(0, hwsim_apcb(0, "4", "4"));
}

FIXTURE_TEARDOWN(bare)
{
	EXPECT_EQ(0, self->vm.end);
	EXPECT_EQ(0, hwsim("reset", "1"));
	EXPECT_EQ(0, hwsim_apcb(0, "none", "none"));
	EXPECT_EQ(0, hwsim_power_cycle(4));
	vm_destroy(&self->vm);
	EXPECT_EQ(0, hwsim_violations(self->text, sizeof(self->text))) TH_LOG("%s", self->text);
}

/*
 * Execute an instruction in the guest. Return the response code or a negative errno. The errno
 * is -EPROTO after a wrong condition code or a specification exception.
 */
static inline int answer(struct vm *vm, enum agent_command command, unsigned long gr0)
{
	int cc = vm_ask(vm, command, gr0, 0, AGENT_QCI);
	int rc = vm->mailbox->gr[1] >> 16 & 0xff;

	if (cc < 0)
		return cc;
	if (vm->mailbox->specification || cc != (rc ? 3 : 0))
		return -EPROTO;
	return rc;
}

/* Return true if the instruction causes a specification exception in the guest. */
static inline bool specification(struct vm *vm, enum agent_command command, unsigned long gr0)
{
	return vm_ask(vm, command, gr0, 0, AGENT_QCI) >= 0 && vm->mailbox->specification;
}

#endif /* VFIO_AP_BARE_FIXTURE_H */
