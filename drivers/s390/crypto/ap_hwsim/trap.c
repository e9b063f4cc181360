// SPDX-License-Identifier: GPL-2.0
/*
 * Emulates host instructions that the machine lacks. Such an instruction raises an
 * operation exception, which the kernel passes to its die notifiers.
 */
#include <linux/kdebug.h>
#include <linux/kprobes.h>
#include <linux/uaccess.h>
#include <asm/ptrace.h>

#include "ap_hwsim.h"

#define HWSIM_PLO		0xee
#define HWSIM_UVC		0xb9a4
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

	/* The PSW points past the instruction, whose length is in the left half of int_code. */
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
		/* KVM executes PLO to query which PLO functions are installed. Report none. */
		if (insn[0] >> 8 != HWSIM_PLO)
			return NOTIFY_DONE;
		cc = HWSIM_CC_NOT_INSTALLED;
	}
	hwsim_cc_set(regs, cc);
	return NOTIFY_STOP;
}

NOKPROBE_SYMBOL(hwsim_trap);

/* Runs after the notifier for kprobes, which has the highest possible priority. */
static struct notifier_block hwsim_trap_nb = {
	.notifier_call = hwsim_trap,
	.priority = INT_MAX - 1,
};

int __init hwsim_trap_init(void)
{
	return register_die_notifier(&hwsim_trap_nb);
}
