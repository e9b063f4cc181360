// SPDX-License-Identifier: GPL-2.0
/*
 * The simulated START INTERPRETIVE EXECUTION (SIE). It runs the guest that a state
 * description defines, until KVM has to handle an interception.
 *
 * Before each guest instruction, SIE checks for requests from the host (prog20, a stop) and
 * for interruptions that are pending in the GISA. SIE accesses guest storage through KVM's
 * memory slots, and does not handle page faults. If a page is missing, the vCPU leaves SIE
 * with the same fault data as on real hardware. KVM makes the page available, and the guest then
 * executes the instruction again.
 *
 * A protected vCPU has a state description of another format. The ultravisor runs the vCPU:
 * it keeps the PSW, delivers program interruptions, gives KVM the general registers in
 * another place, and leaves SIE if the guest needs a page that KVM has not imported. Hardware
 * hides more of the guest from KVM than this simulation does.
 *
 * DAT, floating point and vector instructions, storage keys, PER, and the CPU timer are not
 * simulated. The clock comparator has an effect only while the vCPU waits in KVM.
 */
#include <linux/bitops.h>
#include <linux/io.h>
#include <linux/kvm_host.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <asm/access-regs.h>
#include <asm/fault.h>
#include <asm/futex.h>
#include <asm/timex.h>
#include <asm/uv.h>
#include "ap_hwsim.h"
#include "sie_insn.h"

/* Leave SIE after this number of instructions, so that the host stays responsive. */
#define SIE_BUDGET		3000

/* Functions return SIE_LEAVE if the vCPU must leave SIE, and 0 if it can stay in SIE. */
#define SIE_LEAVE		1

#define PREFIX_SHIFT		12
#define PREFIX_AREA		(2 * PAGE_SIZE)
#define GISA_FLAGS		0x3f
#define CRYCB_FLAGS		0x7
#define AQIC_FUNCTION		3
/* State description format of protected vCPUs */
#define SDF_PROTECTED		2
#define UVC_TEXT		0xb9a4

/* Assigned storage locations of the guest */
#define GUEST_SVC_ILC		0x88
#define GUEST_PGM_ILC		0x8c
#define GUEST_IO_IDENTITY	0xb8
#define GUEST_SVC_OLD_PSW	0x140
#define GUEST_PGM_OLD_PSW	0x150
#define GUEST_IO_OLD_PSW	0x170
#define GUEST_SVC_NEW_PSW	0x1c0
#define GUEST_PGM_NEW_PSW	0x1d0
#define GUEST_IO_NEW_PSW	0x1f0

#define IO_WORD_ADAPTER		0x80000000U
#define IO_WORD_ISC_SHIFT	27

/* Bits that must be zero in a valid PSW: 0, 2 to 4, 12, 24 to 30 and 33 to 63. */
#define PSW_MASK_MUST_BE_ZERO	0xb80800fe7fffffffUL

/* Maximum number of doublewords that STFLE stores. */
#define FACILITY_DOUBLEWORDS	32

/**
 * struct sie - state of a vCPU in SIE
 * @cpu: the guest's registers
 * @scb: the vCPU's state description
 * @vcpu: the vCPU
 * @uv: the vCPU in the ultravisor; NULL if the vCPU is not protected
 * @apcb: contents of the APCB when the vCPU entered SIE
 * @host_fault: a page of guest storage is missing; current->thread has the fault data
 */
struct sie {
	struct hwsim_cpu cpu;
	struct kvm_s390_sie_block *scb;
	struct kvm_vcpu *vcpu;
	struct hwsim_uv_cpu *uv;
	struct hwsim_apcb apcb;
	bool host_fault;
};

/* Guest storage */

static u64 real_to_absolute(const struct sie *sie, u64 real)
{
	u64 prefix = (u64)sie->scb->prefix << PREFIX_SHIFT;

	if (real < PREFIX_AREA)
		return real + prefix;
	if (real - prefix < PREFIX_AREA)
		return real - prefix;
	return real;
}

/* Describe a host page fault to vcpu_post_run_handle_fault(), as real SIE does. */
static int host_fault_code(struct sie *sie, u64 absolute, bool write, u16 code)
{
	union teid teid = {
		.addr = absolute >> PAGE_SHIFT,
		.fsi = write ? TEID_FSI_STORE : TEID_FSI_FETCH,
	};

	current->thread.gmap_int_code = code;
	current->thread.gmap_teid = teid;
	sie->host_fault = true;
	return -EFAULT;
}

static int host_fault(struct sie *sie, u64 absolute, bool write)
{
	return host_fault_code(sie, absolute, write,
			       write ? PGM_PROTECTION : PGM_PAGE_TRANSLATION);
}

/* Return: the page frame number of a page that is mapped now, -1UL if it is missing. */
static unsigned long mapped_pfn(unsigned long hva)
{
	unsigned long pfn;
	struct page *page;

	if (get_user_pages_fast_only(hva & PAGE_MASK, 1, 0, &page) != 1)
		return -1UL;
	pfn = page_to_pfn(page);
	put_page(page);
	return pfn;
}

/* Test whether KVM has to import a page before a protected guest can use it. */
static bool needs_import(const struct sie *sie, unsigned long hva)
{
	unsigned long pfn;

	if (!sie->uv)
		return false;
	pfn = mapped_pfn(hva);
	/* A page that is missing has to be faulted in first. */
	return pfn != -1UL && hwsim_uv_page_is_open(pfn);
}

static int user_address(struct sie *sie, u64 real, bool write, u8 __user **user)
{
	u64 absolute = real_to_absolute(sie, real);
	unsigned long hva;

	lockdep_assert(srcu_read_lock_held(&sie->vcpu->kvm->srcu));

	hva = kvm_vcpu_gfn_to_hva(sie->vcpu, gpa_to_gfn(absolute));
	if (kvm_is_error_hva(hva))
		return host_fault(sie, absolute, write);
	if (needs_import(sie, hva))
		return host_fault_code(sie, absolute, write, PGM_NON_SECURE_STORAGE_ACCESS);
	*user = (u8 __user *)(hva + offset_in_page(absolute));
	return 0;
}

static size_t to_page_end(u64 addr, size_t len)
{
	return min_t(size_t, len, PAGE_SIZE - offset_in_page(addr));
}

static int guest_read(void *ctx, u64 addr, void *buf, size_t len)
{
	struct sie *sie = ctx;
	u8 __user *user;
	size_t n;

	for (; len; len -= n, addr += n, buf += n) {
		n = to_page_end(addr, len);
		if (user_address(sie, addr, false, &user))
			return -EFAULT;
		if (copy_from_user_nofault(buf, user, n))
			return host_fault(sie, real_to_absolute(sie, addr), false);
	}
	return 0;
}

/*
 * Test whether a page is writable by storing a value that it already contains. Use compare and
 * swap, so that a concurrent store by another CPU is not lost.
 */
static bool writable(u8 __user *user)
{
	u32 __user *word = (u32 __user *)((unsigned long)user & ~3UL);
	u32 old, seen;
	int rc;

	if (copy_from_user_nofault(&old, word, sizeof(old)))
		return false;
	pagefault_disable();
	rc = futex_atomic_cmpxchg_inatomic(&seen, word, old, old);
	pagefault_enable();
	return !rc;
}

static int guest_probe(struct sie *sie, u64 addr, size_t len)
{
	u8 __user *user;
	size_t n;

	for (; len; len -= n, addr += n) {
		n = to_page_end(addr, len);
		if (user_address(sie, addr, true, &user))
			return -EFAULT;
		if (!writable(user))
			return host_fault(sie, real_to_absolute(sie, addr), true);
	}
	return 0;
}

/* A write that crosses a page boundary first probes all pages, so that it is never partial. */
static int guest_write(void *ctx, u64 addr, const void *buf, size_t len)
{
	struct sie *sie = ctx;
	u8 __user *user;
	size_t n;

	if (to_page_end(addr, len) < len && guest_probe(sie, addr, len))
		return -EFAULT;
	for (; len; len -= n, addr += n, buf += n) {
		n = to_page_end(addr, len);
		if (user_address(sie, addr, true, &user))
			return -EFAULT;
		if (copy_to_user_nofault(user, buf, n))
			return host_fault(sie, real_to_absolute(sie, addr), true);
	}
	return 0;
}

/* Interceptions */

static int intercept(struct sie *sie, u8 code)
{
	sie->scb->icptcode = code;
	return SIE_LEAVE;
}

static void advance(struct sie *sie, const struct hwsim_insn *insn)
{
	sie->cpu.psw_addr = hwsim_cpu_wrap(&sie->cpu, sie->cpu.psw_addr + insn->len);
}

static int intercept_with_text(struct sie *sie, const struct hwsim_insn *insn, u8 code)
{
	advance(sie, insn);
	sie->scb->ipa = insn->text[0] << 8 | insn->text[1];
	sie->scb->ipb = (u32)insn->text[2] << 24 | insn->text[3] << 16 | insn->text[4] << 8 |
			insn->text[5];
	/* For EXECUTE, KVM gets the target's text, but the length of EXECUTE itself. */
	if (insn->executed)
		sie->scb->icptstatus = insn->len << 4 | 1;
	return intercept(sie, sie->uv ? ICPT_PV_INSTR : code);
}

/*
 * Intercept all program interruptions, most of which real SIE would deliver to the guest. KVM
 * then delivers the interruption, detects interruption loops, and can fault in the lowcore.
 */
static int program_interruption(struct sie *sie, u16 code, u8 ilc)
{
	sie->scb->iprcc = code;
	sie->scb->pgmilc = ilc;
	return intercept(sie, ICPT_PROGI);
}

static bool problem_state(const struct sie *sie)
{
	return sie->cpu.psw_mask & PSW_MASK_PSTATE;
}

/* Guest interruptions */

/* If the first write succeeds, the second cannot fail, because both are to the same page. */
static int swap_psw(struct sie *sie, u64 old_psw, u64 new_psw, u64 identity, const void *data,
		    size_t len)
{
	psw_t old = { .mask = sie->cpu.psw_mask, .addr = sie->cpu.psw_addr }, new;

	if (guest_read(sie, new_psw, &new, sizeof(new)) ||
	    guest_write(sie, identity, data, len) ||
	    guest_write(sie, old_psw, &old, sizeof(old)))
		return -EFAULT;
	sie->cpu.psw_mask = new.mask;
	sie->cpu.psw_addr = new.addr;
	return 0;
}

static int supervisor_call(struct sie *sie, const struct hwsim_insn *insn)
{
	u16 data[2] = { insn->len, insn->text[1] };
	u64 addr = sie->cpu.psw_addr;

	advance(sie, insn);
	if (!swap_psw(sie, GUEST_SVC_OLD_PSW, GUEST_SVC_NEW_PSW, GUEST_SVC_ILC, data, sizeof(data)))
		return 0;
	sie->cpu.psw_addr = addr;
	return SIE_LEAVE;
}

/* End an instruction with a program interruption. The PSW points behind the instruction. */
static int program_check(struct sie *sie, u16 code, u8 ilc)
{
	u16 data[2] = { ilc, code };

	if (!sie->uv)
		return program_interruption(sie, code, ilc);
	return swap_psw(sie, GUEST_PGM_OLD_PSW, GUEST_PGM_NEW_PSW, GUEST_PGM_ILC, data,
			sizeof(data)) ? SIE_LEAVE : 0;
}

static int suppress(struct sie *sie, const struct hwsim_insn *insn, u16 code)
{
	u64 addr = sie->cpu.psw_addr;
	int rc;

	advance(sie, insn);
	rc = program_check(sie, code, insn->len);
	if (sie->host_fault)
		sie->cpu.psw_addr = addr;
	return rc;
}

static int privileged(struct sie *sie, const struct hwsim_insn *insn)
{
	if (problem_state(sie))
		return suppress(sie, insn, PGM_PRIVILEGED_OP);
	return intercept_with_text(sie, insn, ICPT_INST);
}

struct io_identity {
	u16 subchannel_id;
	u16 subchannel_nr;
	u32 parameter;
	u32 word;
};

static int io_interruption(struct sie *sie, const struct io_identity *identity)
{
	return swap_psw(sie, GUEST_IO_OLD_PSW, GUEST_IO_NEW_PSW, GUEST_IO_IDENTITY, identity,
			sizeof(*identity));
}

/*
 * Deliver the interruption that KVM has injected into a protected vCPU. Return: 1 if there is
 * none, 0, -EFAULT, or -EOPNOTSUPP for an interruption other than I/O.
 */
static int injected_interruption(struct sie *sie)
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

static struct kvm_s390_gisa *gisa(const struct sie *sie)
{
	u32 origin = sie->scb->gd & ~GISA_FLAGS;

	return origin && sie->scb->eca & ECA_AIV ? phys_to_virt(origin) : NULL;
}

/* Return 0 after delivering an interruption, 1 if there is none to deliver, or -EFAULT. */
static int adapter_interruption(struct sie *sie)
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

static bool psw_valid(const struct hwsim_cpu *cpu)
{
	u64 mode = cpu->psw_mask & (PSW_MASK_EA | PSW_MASK_BA);

	if (cpu->psw_mask & PSW_MASK_MUST_BE_ZERO || mode == PSW_MASK_EA)
		return false;
	return cpu->psw_addr == hwsim_cpu_wrap(cpu, cpu->psw_addr) && !(cpu->psw_addr & 1);
}

static int before_instruction(struct sie *sie)
{
	struct kvm_s390_sie_block *scb = sie->scb;
	u32 flags;
	int rc;

	if (atomic_read(&scb->prog20) || need_resched() || signal_pending(current))
		return SIE_LEAVE;
	rc = injected_interruption(sie);
	if (rc == -EOPNOTSUPP)
		return intercept(sie, ICPT_VALIDITY);
	if (rc < 0)
		return SIE_LEAVE;
	flags = atomic_read(&scb->cpuflags);
	if (flags & CPUSTAT_STOP_INT)
		return intercept(sie, ICPT_STOP);
	if (!psw_valid(&sie->cpu))
		return program_interruption(sie, PGM_SPECIFICATION, 0);
	if (flags & CPUSTAT_EXT_INT && sie->cpu.psw_mask & PSW_MASK_EXT)
		return intercept(sie, ICPT_EXTREQ);
	if (flags & CPUSTAT_IO_INT && sie->cpu.psw_mask & PSW_MASK_IO)
		return intercept(sie, ICPT_IOREQ);
	rc = adapter_interruption(sie);
	if (rc < 0)
		return SIE_LEAVE;
	/* The interruption has loaded a new PSW, which needs the same checks. */
	if (!rc)
		return before_instruction(sie);
	if (sie->cpu.psw_mask & PSW_MASK_WAIT)
		return intercept(sie, ICPT_WAIT);
	/* DAT is not simulated. Behave as if the guest's translation tables were invalid. */
	if (sie->cpu.psw_mask & PSW_MASK_DAT)
		return program_interruption(sie, PGM_TRANSLATION_SPEC, 0);
	return 0;
}

/* Instructions */

static int ap_instruction(struct sie *sie, const struct hwsim_insn *insn)
{
	const struct hwsim_view view = {
		.apcb = &sie->apcb,
		.is_protected = sie->uv,
		.read = guest_read,
		.write = guest_write,
		.ctx = sie,
	};
	int cc;

	/* An operation exception takes precedence over a privileged-operation exception. */
	if (!(sie->scb->eca & ECA_APIE))
		return intercept_with_text(sie, insn, ICPT_OPEREXC);
	if (problem_state(sie))
		return suppress(sie, insn, PGM_PRIVILEGED_OP);
	if (insn->code == HWSIM_PQAP && (sie->cpu.gr[0] >> 24 & 0xff) == AQIC_FUNCTION)
		return intercept_with_text(sie, insn, ICPT_INST);

	cc = hwsim_ap_execute(insn->code, sie->cpu.gr, insn->text[3] >> 4, insn->text[3] & 15,
			      &view);
	if (sie->host_fault)
		return SIE_LEAVE;
	if (cc < 0)
		return suppress(sie, insn, -cc);
	advance(sie, insn);
	hwsim_cpu_set_cc(&sie->cpu, cc);
	return 0;
}

/*
 * Unsharing a page that the host has pinned: tell KVM, which must undo the pin. The guest
 * executes the instruction again.
 */
static int notify_unshare(struct sie *sie, const struct hwsim_insn *insn,
			  const struct uv_cb_share *cb)
{
	memcpy(sida_addr(sie->scb), cb, sizeof(*cb));
	sie->scb->ipa = UVC_TEXT;
	sie->scb->ipb = (u32)insn->text[2] << 24 | insn->text[3] << 16;
	return intercept(sie, ICPT_PV_NOTIFY);
}

/* An ultravisor call of a guest: share a page or stop sharing it. */
static int ultravisor_call(struct sie *sie, const struct hwsim_insn *insn)
{
	u64 addr = sie->cpu.gr[insn->text[3] & 15];
	struct uv_cb_share cb;
	unsigned long hva;
	int rc = -EINVAL;

	if (!sie->uv)
		return intercept_with_text(sie, insn, ICPT_OPEREXC);
	if (problem_state(sie))
		return suppress(sie, insn, PGM_PRIVILEGED_OP);
	if (guest_read(sie, addr, &cb, sizeof(cb)))
		return SIE_LEAVE;
	cb.header.rc = UVC_RC_INV_CMD;
	if (cb.header.cmd == UVC_CMD_SET_SHARED_ACCESS ||
	    cb.header.cmd == UVC_CMD_REMOVE_SHARED_ACCESS) {
		hva = kvm_vcpu_gfn_to_hva(sie->vcpu, gpa_to_gfn(cb.paddr));
		if (!kvm_is_error_hva(hva))
			rc = hwsim_uv_share(sie->uv->conf, cb.paddr, mapped_pfn(hva),
					    cb.header.cmd == UVC_CMD_SET_SHARED_ACCESS);
		if (rc == -EBUSY)
			return notify_unshare(sie, insn, &cb);
		cb.header.rc = rc ? UVC_RC_INV_STATE : UVC_RC_EXECUTED;
	}
	if (guest_write(sie, addr, &cb, sizeof(cb)))
		return SIE_LEAVE;
	hwsim_cpu_set_cc(&sie->cpu, cb.header.rc == UVC_RC_EXECUTED ? UVC_CC_OK : UVC_CC_ERROR);
	advance(sie, insn);
	return 0;
}

/* Store the facility list that KVM set up for the guest. */
static int store_facilities(struct sie *sie, const struct hwsim_insn *insn)
{
	u64 addr = hwsim_insn_operand_address(&sie->cpu, insn);
	unsigned int wanted = (sie->cpu.gr[0] & 0xff) + 1, have = FACILITY_DOUBLEWORDS;
	const u64 *list = phys_to_virt(sie->scb->fac);

	if (!sie->scb->fac)
		return intercept_with_text(sie, insn, ICPT_OPEREXC);
	if (addr & 7)
		return suppress(sie, insn, PGM_SPECIFICATION);
	while (have > 1 && !list[have - 1])
		have--;
	if (guest_write(sie, addr, list, min(wanted, have) * sizeof(*list)))
		return SIE_LEAVE;
	sie->cpu.gr[0] = (sie->cpu.gr[0] & ~0xffUL) | (have - 1);
	hwsim_cpu_set_cc(&sie->cpu, wanted < have ? 3 : 0);
	advance(sie, insn);
	return 0;
}

static int store_clock(struct sie *sie, const struct hwsim_insn *insn)
{
	u64 tod = get_tod_clock() + sie->scb->epoch;

	if (guest_write(sie, hwsim_insn_operand_address(&sie->cpu, insn), &tod, sizeof(tod)))
		return SIE_LEAVE;
	hwsim_cpu_set_cc(&sie->cpu, 0);
	advance(sie, insn);
	return 0;
}

/* Only store the clock comparator. KVM uses its value while the vCPU waits. */
static int load_clock_comparator(struct sie *sie, const struct hwsim_insn *insn)
{
	u64 addr = hwsim_insn_operand_address(&sie->cpu, insn);
	u64 tod;

	if (problem_state(sie))
		return suppress(sie, insn, PGM_PRIVILEGED_OP);
	if (addr & 7)
		return suppress(sie, insn, PGM_SPECIFICATION);
	if (guest_read(sie, addr, &tod, sizeof(tod)))
		return SIE_LEAVE;
	sie->scb->ckc = tod;
	advance(sie, insn);
	return 0;
}

/* The leftmost bit of lctl is for control register 0. Register 0 follows register 15. */
static bool load_control_intercepted(const struct sie *sie, const struct hwsim_insn *insn)
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
 * intercept any of these instructions of a protected guest.
 */
static bool intercepted(const struct sie *sie, const struct hwsim_insn *insn)
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

static int control_instruction(struct sie *sie, const struct hwsim_insn *insn)
{
	switch (insn->code) {
	case HWSIM_NQAP:
	case HWSIM_DQAP:
	case HWSIM_PQAP:
		return ap_instruction(sie, insn);
	case 0x0a00: /* SVC */
		return supervisor_call(sie, insn);
	case 0xb205: /* STCK */
	case 0xb27c: /* STCKF */
		return store_clock(sie, insn);
	case 0xb206: /* SCKC */
		return load_clock_comparator(sie, insn);
	case 0xb2b0: /* STFLE */
		return store_facilities(sie, insn);
	default: /* DIAG, SIGP */
		return privileged(sie, insn);
	}
}

/* Handle instructions that are not in sie_opcodes.h. KVM or user space emulates some of them. */
static int unknown_instruction(struct sie *sie, const struct hwsim_insn *insn)
{
	switch (insn->code) {
	case UVC_TEXT:
		return ultravisor_call(sie, insn);
	case 0xb202 ... 0xb214: /* STIDP to SIE: clocks, timers, prefix, CPU address */
	case 0xb220 ... 0xb221: /* SERVC, IPTE */
	case 0xb229 ... 0xb22c: /* storage keys, TB */
	case 0xb230 ... 0xb23c: /* channel I/O */
	case 0xb250: /* CSP */
	case 0xb25f: /* CHSC */
	case 0xb27d: /* STSI */
	case 0xb2b1: /* STFL */
	case 0xb98a: /* CSPG */
	case 0xb98e: /* IDTE */
	case 0xb9ab: /* ESSA */
	case 0xb9af: /* PFMF */
	case 0xe501: /* TPROT */
		return privileged(sie, insn);
	default:
		return intercept_with_text(sie, insn, ICPT_OPEREXC);
	}
}

static int instruction(struct sie *sie)
{
	struct hwsim_insn insn;
	int rc;

	rc = hwsim_insn_fetch(&sie->cpu, &insn);
	if (!rc) {
		if (intercepted(sie, &insn))
			return privileged(sie, &insn);
		rc = hwsim_insn_execute(&sie->cpu, &insn);
	}
	switch (rc) {
	case 0:
		return 0;
	case -EFAULT:
		return SIE_LEAVE;
	case HWSIM_INSN_CONTROL:
		return control_instruction(sie, &insn);
	case HWSIM_INSN_UNKNOWN:
		return unknown_instruction(sie, &insn);
	default:
		return program_check(sie, rc, insn.len);
	}
}

/* Access to the state description */

static void read_apcb(const struct kvm_s390_sie_block *scb, struct hwsim_apcb *apcb)
{
	u32 origin = scb->crycbd & ~CRYCB_FLAGS;

	memset(apcb, 0, sizeof(*apcb));
	if (origin)
		hwsim_apcb_read(apcb, phys_to_virt(origin), scb->crycbd & CRYCB_FORMAT_MASK);
}

static u64 *protected_gprs(const struct sie *sie)
{
	return container_of(sie->scb, struct sie_page, sie_block)->pv_grregs;
}

static void load_protected(struct sie *sie)
{
	sie->cpu.psw_mask = sie->uv->psw.mask;
	sie->cpu.psw_addr = sie->uv->psw.addr;
	if (sie->uv->resumes)
		hwsim_cpu_set_cc(&sie->cpu, sie->scb->gpsw.mask >> 44 & 3);
	memcpy(sie->cpu.gr, protected_gprs(sie), sizeof(sie->cpu.gr));
}

static void store_protected(struct sie *sie)
{
	sie->uv->psw.mask = sie->cpu.psw_mask;
	sie->uv->psw.addr = sie->cpu.psw_addr;
	sie->uv->resumes = sie->scb->icptcode == ICPT_PV_INSTR;
	memcpy(protected_gprs(sie), sie->cpu.gr, sizeof(sie->cpu.gr));
}

static void load_guest(struct sie *sie, const u64 *gprs)
{
	struct kvm_s390_sie_block *scb = sie->scb;

	sie->cpu.psw_mask = scb->gpsw.mask;
	sie->cpu.psw_addr = scb->gpsw.addr;
	memcpy(sie->cpu.gr, gprs, 14 * sizeof(u64));
	sie->cpu.gr[14] = scb->gg14;
	sie->cpu.gr[15] = scb->gg15;
	if (sie->uv)
		load_protected(sie);
	memcpy(sie->cpu.cr, scb->gcr, sizeof(scb->gcr));
	/* KVM has loaded the guest's access registers into the registers of the host CPU. */
	save_access_regs(sie->cpu.ar);
	read_apcb(scb, &sie->apcb);
	scb->icptstatus = 0;
}

static void store_guest(struct sie *sie, u64 *gprs)
{
	struct kvm_s390_sie_block *scb = sie->scb;

	scb->gpsw.mask = sie->cpu.psw_mask;
	scb->gpsw.addr = sie->cpu.psw_addr;
	memcpy(gprs, sie->cpu.gr, 14 * sizeof(u64));
	scb->gg14 = sie->cpu.gr[14];
	scb->gg15 = sie->cpu.gr[15];
	if (sie->uv)
		store_protected(sie);
	memcpy(scb->gcr, sie->cpu.cr, sizeof(scb->gcr));
	restore_access_regs(sie->cpu.ar);
}

/* Report a changed APCB. KVM must keep all vCPUs out of SIE while it changes the APCB. */
static void check_apcb(const struct sie *sie)
{
	struct hwsim_apcb now;

	read_apcb(sie->scb, &now);
	if (memcmp(&now, &sie->apcb, sizeof(now)))
		hwsim_violation(HWSIM_APCB_IN_SIE, "pid=%d APCB changed while a vCPU was in SIE",
				task_pid_nr(current));
}

static void run(struct sie *sie, u64 *gprs)
{
	struct kvm_s390_sie_block *scb = sie->scb;
	unsigned int budget = SIE_BUDGET;

	WRITE_ONCE(scb->prog0c, scb->prog0c | PROG_IN_SIE);
	/*
	 * Set PROG_IN_SIE before reading prog20, because KVM sets prog20 and then waits
	 * until PROG_IN_SIE is clear.
	 */
	smp_mb();
	if (!atomic_read(&scb->prog20)) {
		load_guest(sie, gprs);
		while (budget-- && !before_instruction(sie) && !instruction(sie))
			;
		store_guest(sie, gprs);
		check_apcb(sie);
	}
	/* Make the guest's stores visible before KVM sees that the vCPU has left SIE. */
	smp_mb();
	WRITE_ONCE(scb->prog0c, scb->prog0c & ~PROG_IN_SIE);
}

/**
 * hwsim_sie64a - run a vCPU in the simulated SIE
 * @scb: state description
 * @gprs: the guest's general registers 0 to 13
 *
 * Like real SIE, this function returns immediately if prog20 already contains a request, and
 * sets PROG_IN_SIE while it uses the guest's state. If the guest is nested, or if the vCPU is
 * protected but unknown to the ultravisor, it returns with a validity interception.
 *
 * Context: The vCPU's thread, without kvm->srcu held. If interrupts are disabled, the
 * function enables them while the guest runs.
 * Return: Always 0, because machine checks are not simulated.
 */
int hwsim_sie64a(struct kvm_s390_sie_block *scb, u64 *gprs)
{
	struct kvm_vcpu *vcpu = kvm_get_running_vcpu();
	struct sie sie = {
		.cpu.read = guest_read,
		.cpu.write = guest_write,
		.scb = scb,
		.vcpu = vcpu,
	};
	/* Use the raw functions: KVM has already told lockdep that SIE enables interrupts. */
	bool irqs_disabled = raw_irqs_disabled();

	sie.cpu.ctx = &sie;
	if (scb->sdf == SDF_PROTECTED)
		sie.uv = hwsim_uv_cpu_find(scb->pv_handle_cpu);
	if (scb != vcpu->arch.sie_block || (scb->sdf == SDF_PROTECTED && !sie.uv)) {
		intercept(&sie, ICPT_VALIDITY);
		return 0;
	}
	if (irqs_disabled)
		raw_local_irq_enable();
	scoped_guard(srcu, &vcpu->kvm->srcu)
		run(&sie, gprs);
	if (irqs_disabled)
		raw_local_irq_disable();
	return 0;
}
