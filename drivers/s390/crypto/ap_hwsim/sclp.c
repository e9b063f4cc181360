// SPDX-License-Identifier: GPL-2.0
/*
 * SCLP requests to configure or deconfigure an adapter, for example from chzcrypt.
 */
#include <linux/kprobes.h>

#include "ap_hwsim.h"

struct hwsim_sclp_call {
	u32 apid;
};

static int hwsim_sclp_called(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	((struct hwsim_sclp_call *)instance->data)->apid = regs->gprs[2];
	return 0;
}

/* Ignore errors, because a real machine accepts a request that changes nothing. */
static void hwsim_sclp_execute(struct kretprobe_instance *instance, struct pt_regs *regs, bool on)
{
	u32 apid = ((struct hwsim_sclp_call *)instance->data)->apid;

	hwsim_config_adapter(apid & 0xff, on);
	regs->gprs[2] = 0;
}

static int hwsim_sclp_configure(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	hwsim_sclp_execute(instance, regs, true);
	return 0;
}

static int hwsim_sclp_deconfigure(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	hwsim_sclp_execute(instance, regs, false);
	return 0;
}

static struct kretprobe hwsim_sclp_probes[] = {
	{
		.kp.symbol_name = "sclp_ap_configure",
		.entry_handler = hwsim_sclp_called,
		.handler = hwsim_sclp_configure,
		.data_size = sizeof(struct hwsim_sclp_call),
	},
	{
		.kp.symbol_name = "sclp_ap_deconfigure",
		.entry_handler = hwsim_sclp_called,
		.handler = hwsim_sclp_deconfigure,
		.data_size = sizeof(struct hwsim_sclp_call),
	},
};

int __init hwsim_sclp_init(void)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(hwsim_sclp_probes); i++)
		ret = register_kretprobe(&hwsim_sclp_probes[i]);
	return ret;
}
