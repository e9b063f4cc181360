// SPDX-License-Identifier: GPL-2.0
/*
 * Arms the simulator: makes the kernel believe in AP and SIE, and answers the AP
 * instructions, which the machine below does not have. They arrive as operation
 * exceptions, which the kernel offers to its die notifiers. SIE does not get that
 * far: KVM calls sie.c instead, see sie64a() in <asm/kvm_host.h>.
 */
#define pr_fmt(fmt) "ap_hwsim: " fmt

#include <linux/init.h>
#include <linux/kdebug.h>
#include <linux/kprobes.h>
#include <linux/kvm_host.h>
#include <linux/panic.h>
#include <linux/uaccess.h>
#include <asm/alternative.h>
#include <asm/ap.h>
#include <asm/css_chars.h>
#include <asm/facility.h>
#include <asm/ptrace.h>
#include <asm/sclp.h>

#include "../../cio/chsc.h"
#include "ap_hwsim.h"

#define HWSIM_PLO		0xee
#define HWSIM_UVC		0xb9a4
#define HWSIM_FACILITY_QCI	12
#define HWSIM_FACILITY_APFT	15
#define HWSIM_FACILITY_AQIC	65
#define HWSIM_CC_SHIFT		44
#define HWSIM_CC_NOT_INSTALLED	3

static int hwsim_host_read(void *ctx, u64 addr, void *buf, size_t len)
{
	return copy_from_kernel_nofault(buf, (void *)addr, len) ? -EFAULT : 0;
}

NOKPROBE_SYMBOL(hwsim_host_read);

static int hwsim_host_write(void *ctx, u64 addr, const void *buf, size_t len)
{
	return copy_to_kernel_nofault((void *)addr, buf, len) ? -EFAULT : 0;
}

NOKPROBE_SYMBOL(hwsim_host_write);

static const struct hwsim_view hwsim_host_view = {
	.read = hwsim_host_read,
	.write = hwsim_host_write,
};

static void hwsim_cc_set(struct pt_regs *regs, u64 cc)
{
	regs->psw.mask &= ~(3ULL << HWSIM_CC_SHIFT);
	regs->psw.mask |= cc << HWSIM_CC_SHIFT;
}

static int hwsim_trap(struct notifier_block *nb, unsigned long event, void *data)
{
	struct pt_regs *regs = ((struct die_args *)data)->regs;
	u16 insn[3];
	int cc;

	if (event != DIE_BPT)
		return NOTIFY_DONE;

	/* The PSW is past the instruction, as far as its length says. */
	if (copy_from_kernel_nofault(insn, (void *)(regs->psw.addr - (regs->int_code >> 16)),
				     sizeof(insn)))
		return NOTIFY_DONE;
	switch (insn[0]) {
	case HWSIM_NQAP:
	case HWSIM_DQAP:
	case HWSIM_PQAP:
		if (hwsim.no_ap)
			return NOTIFY_DONE;
		cc = hwsim_ap_execute(insn[0], (u64 *)regs->gprs, insn[1] >> 4 & 15, insn[1] & 15,
				      &hwsim_host_view);
		if (cc < 0)
			return NOTIFY_DONE;
		break;
	case HWSIM_UVC:
		cc = hwsim_uv_execute(regs->gprs[insn[1] & 15]);
		if (cc < 0)
			return NOTIFY_DONE;
		break;
	default:
		/* KVM asks which functions PLO has: none. */
		if (insn[0] >> 8 != HWSIM_PLO)
			return NOTIFY_DONE;
		cc = HWSIM_CC_NOT_INSTALLED;
	}
	hwsim_cc_set(regs, cc);
	return NOTIFY_STOP;
}

NOKPROBE_SYMBOL(hwsim_trap);

/* Below kprobes, which has the highest priority there is. */
static struct notifier_block hwsim_trap_nb = {
	.notifier_call = hwsim_trap,
	.priority = INT_MAX - 1,
};

struct hwsim_configure_call {
	u32 apid;
};

static int hwsim_configure_called(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	((struct hwsim_configure_call *)instance->data)->apid = regs->gprs[2];
	return 0;
}

static void hwsim_configured_set(struct kretprobe_instance *instance, struct pt_regs *regs,
				 bool configured)
{
	u32 apid = ((struct hwsim_configure_call *)instance->data)->apid;

	/* It may be so already; the support element takes that for success too. */
	hwsim_adapter_configure(apid & 0xff, configured);
	regs->gprs[2] = 0;
}

static int hwsim_configured(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	hwsim_configured_set(instance, regs, true);
	return 0;
}

static int hwsim_unconfigured(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	hwsim_configured_set(instance, regs, false);
	return 0;
}

/* What chzcrypt asks of the support element. */
static struct kretprobe hwsim_sclp_probes[] = {
	{
		.kp.symbol_name = "sclp_ap_configure",
		.entry_handler = hwsim_configure_called,
		.handler = hwsim_configured,
		.data_size = sizeof(struct hwsim_configure_call),
	},
	{
		.kp.symbol_name = "sclp_ap_deconfigure",
		.entry_handler = hwsim_configure_called,
		.handler = hwsim_unconfigured,
		.data_size = sizeof(struct hwsim_configure_call),
	},
};

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
 * Of four subchannel sets the kernel would search three in vain: 200,000
 * subchannels, for which lockdep takes 7 s of a slow machine.
 */
static struct kretprobe hwsim_subchannel_sets_probe = {
	.kp.symbol_name = "chsc_enable_facility",
	.entry_handler = hwsim_facility_asked,
	.handler = hwsim_facility_answered,
	.data_size = sizeof(u32),
};

/* Early, with one CPU up: nobody has to be stopped to plant a probe. */
static int __init hwsim_watch(void)
{
	unsigned int i;
	int ret;

	ret = hwsim_irq_init();
	if (!ret)
		ret = hwsim_check_init();
	if (!ret)
		ret = hwsim_fault_init();
	if (!ret)
		ret = hwsim_hold_init();
	if (!ret)
		ret = register_kretprobe(&hwsim_subchannel_sets_probe);
	for (i = 0; !ret && i < ARRAY_SIZE(hwsim_sclp_probes); i++)
		ret = register_kretprobe(&hwsim_sclp_probes[i]);
	if (ret)
		pr_err("cannot watch the kernel: %d\n", ret);
	return ret;
}

/* The answers of the simulator replace those of the machine; see also sie64a(). */
bool hwsim_armed __ro_after_init;

/*
 * The decompressor has patched each test_facility() of a constant according to the
 * facilities of the machine. Patch them again. Only one CPU is up.
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

	/* They do not trap: the host would see real queues, of which the tests take all. */
	if (ap_instructions_available()) {
		pr_err("the machine has AP instructions: nothing is simulated\n");
		return -ENODEV;
	}
	ret = hwsim_machine_boot();
	/* Who asked for a machine must not be shown another one. */
	if (ret)
		panic("ap_hwsim: the machine on the command line cannot be: %d\n", ret);
	ret = hwsim_watch();
	if (ret)
		return ret;
	if (!hwsim.no_ap)
		hwsim_facilities_set();
	sclp.has_sief2 = 1;
	ret = register_die_notifier(&hwsim_trap_nb);
	if (ret)
		return ret;
	hwsim_armed = true;
	add_taint(TAINT_TEST, LOCKDEP_STILL_OK);
	return 0;
}
early_initcall(hwsim_arm);

/* After the channel subsystem has told what it can do, before KVM asks. */
static int __init hwsim_arm_late(void)
{
	if (!hwsim_armed)
		return -ENODEV;
	css_general_characteristics.aiv = 1;
	hwsim_debugfs_init();
	return 0;
}
fs_initcall(hwsim_arm_late);
