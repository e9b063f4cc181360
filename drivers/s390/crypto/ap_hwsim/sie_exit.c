// SPDX-License-Identifier: GPL-2.0
/*
 * Interceptions, which make the vCPU leave SIE, and interruptions that SIE delivers itself.
 */
#include <linux/bitops.h>
#include <linux/io.h>
#include <asm/timex.h>
#include "sie.h"

#define GISA_FLAGS		0x3f

/* Assigned storage locations of the guest */
#define GUEST_SVC_ILC		0x88
#define GUEST_PGM_ILC		0x8c
#define GUEST_TEID		0xa8
#define GUEST_IO_IDENTITY	0xb8
#define GUEST_SVC_OLD_PSW	0x140
#define GUEST_PGM_OLD_PSW	0x150
#define GUEST_IO_OLD_PSW	0x170
#define GUEST_SVC_NEW_PSW	0x1c0
#define GUEST_PGM_NEW_PSW	0x1d0
#define GUEST_IO_NEW_PSW	0x1f0

#define IO_WORD_ADAPTER		0x80000000U
#define IO_WORD_ISC_SHIFT	27

int hwsim_sie_intercept(struct hwsim_sie *sie, u8 code)
{
	sie->scb->icptcode = code;
	return SIE_LEAVE;
}

void hwsim_sie_advance(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	sie->cpu.psw_addr = hwsim_cpu_wrap(&sie->cpu, sie->cpu.psw_addr + insn->len);
}

/* Intercept an instruction, and give its text to KVM. */
int hwsim_sie_intercept_insn(struct hwsim_sie *sie, const struct hwsim_insn *insn, u8 code)
{
	hwsim_sie_advance(sie, insn);
	sie->scb->ipa = insn->text[0] << 8 | insn->text[1];
	sie->scb->ipb = (u32)insn->text[2] << 24 | insn->text[3] << 16 | insn->text[4] << 8 |
			insn->text[5];
	/* For EXECUTE, KVM gets the target's text, but the length of EXECUTE itself. */
	if (insn->executed)
		sie->scb->icptstatus = insn->len << 4 | 1;
	return hwsim_sie_intercept(sie, sie->uv ? ICPT_PV_INSTR : code);
}

/**
 * hwsim_sie_program - intercept a program interruption
 * @sie: the execution of SIE; its PSW becomes the old PSW
 * @code: the interruption code
 * @ilc: instruction length in bytes
 *
 * SIE intercepts every program interruption, as real SIE does on request. KVM then delivers the
 * interruption, detects interruption loops and can fault in the lowcore.
 *
 * Return: SIE_LEAVE.
 */
int hwsim_sie_program(struct hwsim_sie *sie, u16 code, u8 ilc)
{
	sie->scb->iprcc = code;
	sie->scb->pgmilc = ilc;
	sie->scb->tecmc = sie->teid;
	sie->scb->eai = 0;
	return hwsim_sie_intercept(sie, ICPT_PROGI);
}

/*
 * Deliver an interruption. If the first write succeeds, the second one also does, because both are
 * to the same page.
 */
static int swap_psw(struct hwsim_sie *sie, u64 old_psw, u64 new_psw, u64 identity,
		    const void *data, size_t len)
{
	psw_t old = { .mask = sie->cpu.psw_mask, .addr = sie->cpu.psw_addr }, new;

	if (hwsim_real_read(sie, new_psw, &new, sizeof(new)) ||
	    hwsim_real_write(sie, identity, data, len) ||
	    hwsim_real_write(sie, old_psw, &old, sizeof(old)))
		return -EFAULT;
	sie->cpu.psw_mask = new.mask;
	sie->cpu.psw_addr = new.addr;
	return 0;
}

/**
 * hwsim_sie_program_check - end an instruction with a program interruption
 * @sie: the execution of SIE; its PSW becomes the old PSW
 * @code: the interruption code
 * @ilc: instruction length in bytes
 * @addr: address of the instruction
 *
 * The ultravisor delivers program interruptions of a protected guest, because KVM does not
 * know the PSW. The interruption of any other guest is intercepted.
 *
 * Return: 0 if the vCPU can stay in SIE. SIE_LEAVE if the interruption is intercepted, or if
 * the lowcore is missing. In the latter case, the PSW points to the instruction.
 */
int hwsim_sie_program_check(struct hwsim_sie *sie, u16 code, u8 ilc, u64 addr)
{
	u16 data[2] = { ilc, code };

	if (!sie->uv)
		return hwsim_sie_program(sie, code, ilc);
	if (!hwsim_real_write(sie, GUEST_TEID, &sie->teid, sizeof(sie->teid)) &&
	    !swap_psw(sie, GUEST_PGM_OLD_PSW, GUEST_PGM_NEW_PSW, GUEST_PGM_ILC, data, sizeof(data)))
		return 0;
	sie->cpu.psw_addr = addr;
	return SIE_LEAVE;
}

/* Advance the PSW, then raise a program interruption that suppresses the instruction. */
int hwsim_sie_suppress(struct hwsim_sie *sie, const struct hwsim_insn *insn, u16 code)
{
	u64 addr = sie->cpu.psw_addr;

	hwsim_sie_advance(sie, insn);
	return hwsim_sie_program_check(sie, code, insn->len, addr);
}

/* Test whether a program interruption leaves the PSW at the instruction. */
bool hwsim_sie_nullifies(int code)
{
	switch (code) {
	case PGM_REGION_FIRST_TRANS:
	case PGM_REGION_SECOND_TRANS:
	case PGM_REGION_THIRD_TRANS:
	case PGM_SEGMENT_TRANSLATION:
	case PGM_PAGE_TRANSLATION:
	case PGM_ASCE_TYPE:
		return true;
	default:
		return false;
	}
}

/**
 * hwsim_sie_finish - end an instruction after its last storage access
 * @sie: the execution of SIE, whose PSW is at the instruction
 * @insn: the instruction
 * @rc: 0, a program interruption code, or -EFAULT if a page is missing
 *
 * Return: 0 if the vCPU can stay in SIE, otherwise SIE_LEAVE.
 */
int hwsim_sie_finish(struct hwsim_sie *sie, const struct hwsim_insn *insn, int rc)
{
	u64 addr = sie->cpu.psw_addr;

	if (rc < 0)
		return SIE_LEAVE;
	if (!hwsim_sie_nullifies(rc))
		hwsim_sie_advance(sie, insn);
	return rc ? hwsim_sie_program_check(sie, rc, insn->len, addr) : 0;
}

/* Let KVM or user space execute a privileged instruction. */
int hwsim_sie_privileged(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	if (hwsim_sie_problem_state(sie))
		return hwsim_sie_suppress(sie, insn, PGM_PRIVILEGED_OP);
	return hwsim_sie_intercept_insn(sie, insn, ICPT_INST);
}

/**
 * hwsim_sie_supervisor_call - deliver a supervisor-call interruption
 * @sie: the execution of SIE, whose PSW points past the instruction
 * @ilc: instruction length in bytes
 * @code: operand of SUPERVISOR CALL
 *
 * Return: 0, or SIE_LEAVE if the lowcore is missing. The PSW then points to the instruction.
 */
int hwsim_sie_supervisor_call(struct hwsim_sie *sie, u16 ilc, u16 code)
{
	u16 data[2] = { ilc, code };

	if (!swap_psw(sie, GUEST_SVC_OLD_PSW, GUEST_SVC_NEW_PSW, GUEST_SVC_ILC, data, sizeof(data)))
		return 0;
	sie->cpu.psw_addr = hwsim_cpu_wrap(&sie->cpu, sie->cpu.psw_addr - ilc);
	return SIE_LEAVE;
}

struct io_identity {
	u16 subchannel_id;
	u16 subchannel_nr;
	u32 parameter;
	u32 word;
};

static int io_interruption(struct hwsim_sie *sie, const struct io_identity *identity)
{
	return swap_psw(sie, GUEST_IO_OLD_PSW, GUEST_IO_NEW_PSW, GUEST_IO_IDENTITY, identity,
			sizeof(*identity));
}

/**
 * hwsim_sie_injected_interruption - deliver what KVM has injected into a protected vCPU
 * @sie: the execution of SIE
 *
 * Return:
 * * 0			- delivered
 * * 1			- nothing to deliver
 * * -EFAULT		- the lowcore is missing
 * * -EOPNOTSUPP	- the interruption is not an I/O interruption
 */
int hwsim_sie_injected_interruption(struct hwsim_sie *sie)
{
	struct kvm_s390_sie_block *scb = sie->scb;
	const struct io_identity identity = {
		.subchannel_id = scb->subchannel_id,
		.subchannel_nr = scb->subchannel_nr,
		.parameter = scb->io_int_parm,
		.word = scb->io_int_word,
	};

	if (!sie->uv || scb->iictl == IICTL_CODE_NONE)
		return 1;
	if (scb->iictl != IICTL_CODE_IO)
		return -EOPNOTSUPP;
	if (io_interruption(sie, &identity))
		return -EFAULT;
	scb->iictl = IICTL_CODE_NONE;
	return 0;
}

static struct kvm_s390_gisa *gisa(const struct hwsim_sie *sie)
{
	u32 origin = sie->scb->gd & ~GISA_FLAGS;

	return origin && sie->scb->eca & ECA_AIV ? phys_to_virt(origin) : NULL;
}

/**
 * hwsim_sie_adapter_interruption - deliver an adapter interruption that is pending in the GISA
 * @sie: the execution of SIE
 *
 * Return:
 * * 0		- delivered
 * * 1		- nothing to deliver
 * * -EFAULT	- the lowcore is missing
 */
int hwsim_sie_adapter_interruption(struct hwsim_sie *sie)
{
	struct kvm_s390_gisa *block = gisa(sie);
	struct io_identity identity = {};
	unsigned long *bits = (unsigned long *)block;
	unsigned int isc, bit;
	u8 pending;

	if (!block || !(sie->cpu.psw_mask & PSW_MASK_IO))
		return 1;
	pending = READ_ONCE(block->ipm) & (sie->cpu.cr[6] >> 24);
	if (!pending)
		return 1;
	isc = 8 - fls(pending);
	bit = offsetof(struct kvm_s390_gisa, ipm) * BITS_PER_BYTE + isc;
	/* Another vCPU or KVM may have cleared the bit since the mask was read. */
	if (!test_and_clear_bit_inv(bit, bits))
		return 1;
	identity.word = IO_WORD_ADAPTER | isc << IO_WORD_ISC_SHIFT;
	if (!io_interruption(sie, &identity))
		return 0;
	set_bit_inv(bit, bits);
	return -EFAULT;
}

/* Subtract the time since the last call from the guest's CPU timer. Return: the timer. */
u64 hwsim_sie_cpu_timer(struct hwsim_sie *sie)
{
	u64 now = get_tod_clock();

	sie->scb->cputm -= now - sie->timer_read;
	sie->timer_read = now;
	return sie->scb->cputm;
}
