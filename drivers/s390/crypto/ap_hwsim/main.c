// SPDX-License-Identifier: GPL-2.0
/*
 * Enables the simulator at boot: initializes the other files, and makes the kernel
 * detect AP and SIE. KVM then runs guests in sie.c instead of SIE, see sie64a() in
 * <asm/kvm_host.h>.
 */
#define pr_fmt(fmt) "ap_hwsim: " fmt

#include <linux/init.h>
#include <linux/kprobes.h>
#include <linux/kvm_host.h>
#include <linux/panic.h>
#include <asm/alternative.h>
#include <asm/ap.h>
#include <asm/css_chars.h>
#include <asm/ctlreg.h>
#include <asm/facility.h>
#include <asm/sclp.h>

#include "../../cio/chsc.h"
#include "ap_hwsim.h"

#define HWSIM_FACILITY_QCI	12
#define HWSIM_FACILITY_APFT	15
#define HWSIM_FACILITY_AQIC	65

static int hwsim_facility_asked(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	*(u32 *)instance->data = regs->gprs[2];
	return 0;
}

static int hwsim_facility_answered(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	if (*(u32 *)instance->data == CHSC_SDA_OC_MSS)
		regs->gprs[2] = -EOPNOTSUPP;
	return 0;
}

/*
 * Report that the machine lacks multiple subchannel sets. Otherwise, the kernel scans
 * three empty sets with 200,000 subchannels, which can take 7 s with lockdep.
 */
static struct kretprobe hwsim_subchannel_sets_probe = {
	.kp.symbol_name = "chsc_enable_facility",
	.entry_handler = hwsim_facility_asked,
	.handler = hwsim_facility_answered,
	.data_size = sizeof(u32),
};

/* Register all probes early, while only one CPU is online and stop_machine() is cheap. */
static int __init hwsim_probes_register(void)
{
	int ret;

	ret = hwsim_irq_init();
	if (!ret)
		ret = hwsim_watch_init();
	if (!ret)
		ret = hwsim_fault_init();
	/* hwsim_hold_init() must follow hwsim_watch_init(), see hwsim_hold_called(). */
	if (!ret)
		ret = hwsim_hold_init();
	if (!ret)
		ret = register_kretprobe(&hwsim_subchannel_sets_probe);
	if (!ret)
		ret = hwsim_sclp_init();
	if (ret)
		pr_err("cannot register the probes: %d\n", ret);
	return ret;
}

/* If this is set, sie64a() calls hwsim_sie64a(). */
bool hwsim_armed __ro_after_init;

/*
 * The decompressor has already patched the code of test_facility() for the real machine's
 * facilities. Patch this code again, while only one CPU is online.
 */
static void __init hwsim_facilities_set(void)
{
	if (!hwsim.no_qci)
		__set_facility(HWSIM_FACILITY_QCI, stfle_fac_list);
	__set_facility(HWSIM_FACILITY_APFT, stfle_fac_list);
	__set_facility(HWSIM_FACILITY_AQIC, stfle_fac_list);
	__apply_alternatives(__alt_instructions, __alt_instructions_end, ALT_CTX_EARLY);
}

static int __init hwsim_arm(void)
{
	int ret;

	/* Real AP instructions do not trap, so tests would use and reset real queues. */
	if (ap_instructions_available()) {
		pr_err("the machine has AP instructions: nothing is simulated\n");
		return -ENODEV;
	}
	ret = hwsim_config_boot();
	/* Do not run tests on a machine other than the one on the kernel command line. */
	if (ret)
		panic("ap_hwsim: invalid machine on the kernel command line: %d\n", ret);
	ret = hwsim_probes_register();
	if (ret)
		return ret;
	if (!hwsim.no_ap)
		hwsim_facilities_set();
	/*
	 * The kernel changes preempt_count in the lowcore all the time. With low-address
	 * protection, QEMU's TCG translates the address of each of these stores anew.
	 */
	if (hwsim.open_lowcore)
		system_ctl_clear_bit(0, CR0_LOW_ADDRESS_PROTECTION_BIT);
	sclp.has_sief2 = 1;
	ret = hwsim_trap_init();
	if (ret)
		return ret;
	hwsim_armed = true;
	add_taint(TAINT_TEST, LOCKDEP_STILL_OK);
	return 0;
}
early_initcall(hwsim_arm);

/* Runs after css_general_characteristics has been set, and before KVM is initialized. */
static int __init hwsim_arm_late(void)
{
	if (!hwsim_armed)
		return -ENODEV;
	css_general_characteristics.aiv = 1;
	hwsim_debugfs_init();
	return 0;
}
fs_initcall(hwsim_arm_late);
