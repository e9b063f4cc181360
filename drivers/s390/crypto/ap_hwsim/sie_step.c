// SPDX-License-Identifier: GPL-2.0
/*
 * Executes one instruction of a guest, and handles requests and interruptions before it.
 */
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <asm/ctlreg.h>
#include <asm/timex.h>
#include "sie.h"

/* Bits that must be zero in a valid PSW: 0, 2 to 4, 12, 24 to 30 and 33 to 63. */
#define PSW_MASK_MUST_BE_ZERO	0xb80800fe7fffffffUL

static bool psw_valid(const struct hwsim_cpu *cpu)
{
	u64 mode = cpu->psw_mask & (PSW_MASK_EA | PSW_MASK_BA);

	if (cpu->psw_mask & PSW_MASK_MUST_BE_ZERO || mode == PSW_MASK_EA)
		return false;
	return cpu->psw_addr == hwsim_cpu_wrap(cpu, cpu->psw_addr) && !(cpu->psw_addr & 1);
}

/* Test whether KVM has to deliver a clock-comparator or CPU-timer interruption. */
static bool timers_pending(struct hwsim_sie *sie)
{
	u64 cr0 = sie->cpu.cr[0], now;

	if (!(sie->cpu.psw_mask & PSW_MASK_EXT))
		return false;
	if (cr0 & CR0_CPU_TIMER_SUBMASK && (s64)hwsim_sie_cpu_timer(sie) < 0)
		return true;
	if (!(cr0 & CR0_CLOCK_COMPARATOR_SUBMASK))
		return false;
	now = get_tod_clock() + sie->scb->epoch;
	if (cr0 & CR0_CLOCK_COMPARATOR_SIGN)
		return (s64)sie->scb->ckc < (s64)now;
	return sie->scb->ckc < now;
}

/**
 * hwsim_sie_before - handle requests and interruptions before the next instruction
 * @sie: the execution of SIE
 *
 * Delivers adapter interruptions that are pending in the GISA, and I/O interruptions that KVM
 * has injected into a protected vCPU.
 *
 * Context: The caller holds kvm->srcu.
 * Return: 0 if the guest can execute the instruction, or SIE_LEAVE.
 */
int hwsim_sie_before(struct hwsim_sie *sie)
{
	struct kvm_s390_sie_block *scb = sie->scb;
	u32 flags;
	int rc;

	do {
		if (atomic_read(&scb->prog20) || need_resched() || signal_pending(current))
			return SIE_LEAVE;
		rc = hwsim_sie_injected_interruption(sie);
		if (rc == -EOPNOTSUPP)
			return hwsim_sie_intercept(sie, ICPT_VALIDITY);
		if (rc < 0)
			return SIE_LEAVE;
		flags = atomic_read(&scb->cpuflags);
		if (flags & CPUSTAT_STOP_INT)
			return hwsim_sie_intercept(sie, ICPT_STOP);
		if (!psw_valid(&sie->cpu))
			return hwsim_sie_program(sie, PGM_SPECIFICATION, 0);
		if (flags & CPUSTAT_EXT_INT && sie->cpu.psw_mask & PSW_MASK_EXT)
			return hwsim_sie_intercept(sie, ICPT_EXTREQ);
		if (flags & CPUSTAT_IO_INT && sie->cpu.psw_mask & PSW_MASK_IO)
			return hwsim_sie_intercept(sie, ICPT_IOREQ);
		rc = hwsim_sie_adapter_interruption(sie);
		/* An interruption loads a new PSW, so repeat the tests. */
	} while (!rc);
	if (rc < 0)
		return SIE_LEAVE;
	if (sie->cpu.psw_mask & PSW_MASK_WAIT)
		return hwsim_sie_intercept(sie, ICPT_WAIT);
	return timers_pending(sie) ? SIE_LEAVE : 0;
}

/* The leftmost bit of lctl is for control register 0. Register 0 follows register 15. */
static bool load_control_intercepted(const struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	unsigned int r = hwsim_insn_r1(insn), last = hwsim_insn_r3(insn);

	for (;; r = (r + 1) & 15) {
		if (sie->scb->lctl & (LCTL_CR0 >> r))
			return true;
		if (r == last)
			return false;
	}
}

/*
 * Test whether KVM intercepts an instruction that the interpreter could execute. KVM cannot
 * intercept any of these instructions in a protected guest.
 */
static bool intercepted(const struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	if (sie->uv)
		return false;
	switch (insn->code) {
	case 0x8200: /* LPSW */
	case 0xb2b2: /* LPSWE */
		return sie->scb->ictl & ICTL_LPSW;
	case 0xb600: /* STCTL */
	case 0xeb25: /* STCTG */
		return sie->scb->ictl & ICTL_STCTL;
	case 0xb700: /* LCTL */
	case 0xeb2f: /* LCTLG */
		return load_control_intercepted(sie, insn);
	default:
		return false;
	}
}

/* Handle instructions that are not in sie_opcodes.h. KVM or user space emulates some of them. */
static int unknown_instruction(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	switch (insn->code) {
	case 0x0107: /* SCKPF */
	case 0xb202: /* STIDP */
	case 0xb204: /* SCK */
	case 0xb210 ... 0xb214: /* prefix, CPU address, SIE */
	case 0xb220: /* SERVC */
	case 0xb229 ... 0xb22c: /* storage keys, TB */
	case 0xb230 ... 0xb23c: /* channel I/O */
	case 0xb25f: /* CHSC */
	case 0xb274: /* SIGA */
	case 0xb276: /* XSCH */
	case 0xb27d: /* STSI */
	case 0xb2b1: /* STFL */
	case 0xb9a0: /* CLP */
	case 0xb9a2: /* PTF */
	case 0xb9ab: /* ESSA */
	case 0xb9af: /* PFMF */
	case 0xb9d0 ... 0xb9d3: /* PCISTG, PCILG, RPCIT */
	case 0xe3d0: /* MPCIFC */
	case 0xe3d4: /* STPCIFC */
	case 0xe501: /* TPROT */
	case 0xebd0 ... 0xebd1: /* PCISTB, SIC */
		return hwsim_sie_privileged(sie, insn);
	case 0xb9a4: /* UVC */
		return hwsim_sie_ultravisor_call(sie, insn);
	default:
		return hwsim_sie_intercept_insn(sie, insn, ICPT_OPEREXC);
	}
}

/* Handle what hwsim_insn_fetch() or hwsim_insn_execute() returned for the instruction at @addr. */
static int outcome(struct hwsim_sie *sie, const struct hwsim_insn *insn, u64 addr, int rc)
{
	switch (rc) {
	case 0:
		return 0;
	case -EFAULT:
		return SIE_LEAVE;
	case HWSIM_INSN_CONTROL:
		return hwsim_sie_control(sie, insn);
	case HWSIM_INSN_UNKNOWN:
		return unknown_instruction(sie, insn);
	default:
		if (hwsim_sie_nullifies(rc))
			sie->cpu.psw_addr = addr;
		return hwsim_sie_program_check(sie, rc, insn->len, addr);
	}
}

/**
 * hwsim_sie_execute - execute an instruction
 * @sie: the execution of SIE; its PSW is valid, and nothing must be done first, see
 *	hwsim_sie_before()
 * @insn: the instruction at the PSW, as hwsim_insn_fetch() has fetched it
 *
 * Context: The caller holds kvm->srcu.
 * Return: 0 if the vCPU can stay in SIE, or SIE_LEAVE.
 */
int hwsim_sie_execute(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	u64 addr = sie->cpu.psw_addr;

	if (intercepted(sie, insn))
		return hwsim_sie_privileged(sie, insn);
	return outcome(sie, insn, addr, hwsim_insn_execute(&sie->cpu, insn));
}

/**
 * hwsim_sie_fetch_insn - fetch the instruction at the PSW, or cause the exception of the fetch
 * @sie: the execution of SIE
 * @insn: the instruction
 * @rc: if there is no instruction to execute: 0 if the vCPU can stay in SIE, or SIE_LEAVE
 *
 * Context: The caller holds kvm->srcu.
 * Return: true if the caller must execute @insn.
 */
bool hwsim_sie_fetch_insn(struct hwsim_sie *sie, struct hwsim_insn *insn, int *rc)
{
	/* An exception at the target of an EXECUTE advances the PSW. */
	u64 addr = sie->cpu.psw_addr;

	*rc = hwsim_insn_fetch(&sie->cpu, insn);
	if (!*rc)
		return true;
	*rc = outcome(sie, insn, addr, *rc);
	return false;
}

/* Fetch and execute one instruction, like hwsim_sie_execute(). */
int hwsim_sie_step(struct hwsim_sie *sie)
{
	struct hwsim_insn insn;
	int rc;

	return hwsim_sie_fetch_insn(sie, &insn, &rc) ? hwsim_sie_execute(sie, &insn) : rc;
}
