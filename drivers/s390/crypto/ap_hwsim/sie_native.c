// SPDX-License-Identifier: GPL-2.0
/*
 * The engine "native": runs a guest on the CPU, in the problem state of the host and with
 * shadow tables, and handles what traps.
 *
 * The CPU is in secondary-space mode: it fetches instructions with control register 1, and
 * accesses operands with control register 7. Most instructions run natively. A privileged
 * one raises a program interruption, and sie_step.c executes it. Some instructions neither
 * trap nor give the right result. sie_code.c conceals them, so that they trap, too.
 *
 * QEMU's TCG never raises a fixed-point-overflow exception. Therefore, a guest is interpreted
 * while its program mask enables this exception.
 */
#include <linux/init.h>
#include <linux/irqflags.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <asm/access-regs.h>
#include <asm/ctlreg.h>
#include <asm/lowcore.h>
#include <asm/timex.h>
#include "sie.h"
#include "sie_switch.h"

/*
 * Leave SIE after this number of entries to the guest and interpreted instructions, so that the
 * host stays responsive.
 */
#define NATIVE_BUDGET		3000

/* After this number of consecutive faults of an instruction, interpret it. */
#define FAULTS_MAX		3

/*
 * A trap takes as long as the interpretation of tens of instructions, and traps often follow each
 * other closely. Therefore, interpret the instructions after a trap, as long as one of them
 * would trap within RUN_ON instructions. Stop after RUN_ON_TIME, because host interrupts are
 * disabled. If none would trap, do not repeat the attempt for the next TRAPS_ALONE traps.
 */
#define RUN_ON			20
/* In units of the TOD clock, of which a microsecond has 4096 */
#define RUN_ON_TIME		(1000UL << 12)
#define TRAPS_ALONE		30

/* Parts of the PSW that the guest can read and change natively */
#define NATIVE_PSW		(PSW_MASK_CC | PSW_MASK_PM | PSW_MASK_EA | PSW_MASK_BA)
#define PSW_SECONDARY		((u64)HWSIM_AS_SECONDARY << HWSIM_PSW_AS_SHIFT)
#define PSW_OVERFLOW		BIT(43)

/* The engine saves and loads control registers 0 to 7. These ones differ while the guest runs. */
#define CRS			8
#define CR_LOWCORE		0
#define CR_PRIMARY		1
#define CR_KEYS			3
#define CR_SECONDARY		7

/* Mask of the keys that a program in the problem state may use, in control register 3 */
#define CR3_KEYS		0xffff0000UL

#define TEID_ADDRESS		PAGE_MASK
#define TEID_ACCESS		0xc00
#define TEID_STORE		0x400
#define TEID_AS			3

#define PROGRAM_CODE		0x7f

/* SVC does not trap, but loads a new PSW, which may be a wait PSW or invalid. */
#define OPCODE_SVC		0x0a00

/* KVM puts this value into the state description to request a purge of the TLB. */
#define IHCPU_PURGE		0xffff

atomic64_t hwsim_native_stats[HWSIM_NR_NATIVE_STATS];

/* The lowcore of the CPU, at an address that low-address protection does not cover. */
static struct lowcore *lowcore_alias __ro_after_init;

/**
 * struct native_exit - why the CPU stopped running the guest
 * @reason: SWITCH_PROGRAM, SWITCH_SVC, SWITCH_EXTERNAL or SWITCH_IO
 * @code: program interruption code, or operand of SUPERVISOR CALL
 * @ilc: length of the instruction in bytes
 * @teid: translation-exception identification
 * @dxc: data exception code
 */
struct native_exit {
	unsigned long reason;
	u16 code;
	u16 ilc;
	u64 teid;
	u32 dxc;
};

/**
 * struct native - a vCPU that runs natively
 * @sie: the execution of SIE
 * @entered: the control registers belong to the guest, and interrupts are disabled
 * @code: the space of the instructions
 * @data: the space of the operands
 * @guest_cr: control registers 0 to 7 while @entered
 * @host_cr: control registers 0 to 7 otherwise
 * @exit: why the CPU stopped running the guest
 * @context: registers
 */
struct native {
	struct hwsim_sie *sie;
	bool entered;
	struct hwsim_space *code, *data;
	struct ctlreg guest_cr[CRS];
	struct ctlreg host_cr[CRS];
	struct native_exit exit;
	struct hwsim_switch context;
};

bool hwsim_native_available(void)
{
	return lowcore_alias;
}

/* Entry and exit */

static __always_inline psw_t *new_psw(unsigned int reason)
{
	switch (reason) {
	case SWITCH_PROGRAM:
		return &lowcore_alias->program_new_psw;
	case SWITCH_SVC:
		return &lowcore_alias->svc_new_psw;
	case SWITCH_EXTERNAL:
		return &lowcore_alias->external_new_psw;
	default:
		return &lowcore_alias->io_new_psw;
	}
}

/* Read the interruption parameters before another interruption replaces them. */
static __always_inline void read_exit(struct native_exit *exit)
{
	const struct lowcore *lc = get_lowcore();

	exit->teid = lc->trans_exc_code;
	exit->dxc = lc->data_exc_code;
	if (exit->reason == SWITCH_SVC) {
		exit->ilc = lc->svc_int_code >> 16;
		exit->code = lc->svc_int_code;
	} else {
		exit->ilc = lc->pgm_ilc;
		exit->code = lc->pgm_code & PROGRAM_CODE;
	}
}

/*
 * Run the guest until an interruption. The kernel's handlers are not installed between the two
 * loops, so the host must not cause a program check there, and nothing may be traced or probed.
 * The handler of program checks is replaced last and restored first, so that the kernel still
 * handles a program check in the loops.
 */
static noinstr void switch_worlds(struct native *native, psw_t host[SWITCH_REASONS])
{
	static void (*const labels[SWITCH_REASONS])(void) = {
		[SWITCH_PROGRAM] = hwsim_switch_program,
		[SWITCH_SVC] = hwsim_switch_svc,
		[SWITCH_EXTERNAL] = hwsim_switch_external,
		[SWITCH_IO] = hwsim_switch_io,
	};
	unsigned int i;

	local_mcck_disable();
	for (i = SWITCH_REASONS; i--;) {
		host[i] = *new_psw(i);
		new_psw(i)->mask = host[i].mask & ~PSW_MASK_MCHECK;
		new_psw(i)->addr = (unsigned long)labels[i];
	}
	barrier();
	native->exit.reason = hwsim_switch_enter(&native->context);
	barrier();
	for (i = 0; i < SWITCH_REASONS; i++)
		*new_psw(i) = host[i];
	read_exit(&native->exit);
	local_mcck_enable();
}

static void load_context(struct native *native)
{
	struct hwsim_sie *sie = native->sie;
	struct hwsim_switch *context = &native->context;

	memcpy(context->gpr, sie->cpu.gr, sizeof(context->gpr));
	context->psw.mask = (sie->cpu.psw_mask & NATIVE_PSW) | PSW_MASK_DAT | PSW_MASK_IO |
			    PSW_MASK_EXT | PSW_MASK_PSTATE | PSW_SECONDARY;
	context->psw.addr = sie->cpu.psw_addr;
}

static void store_context(struct native *native)
{
	struct hwsim_sie *sie = native->sie;
	struct hwsim_switch *context = &native->context;

	memcpy(sie->cpu.gr, context->gpr, sizeof(context->gpr));
	sie->cpu.psw_mask = (sie->cpu.psw_mask & ~NATIVE_PSW) | (context->psw.mask & NATIVE_PSW);
	sie->cpu.psw_addr = context->psw.addr;
}

static void spaces_put(struct native *native)
{
	if (native->code)
		hwsim_space_put(native->sie->shadow, native->code);
	if (native->data)
		hwsim_space_put(native->sie->shadow, native->data);
	native->code = NULL;
	native->data = NULL;
}

static void restore_host(struct native *native)
{
	lockdep_assert_irqs_disabled();

	__local_ctl_load(0, CRS - 1, native->host_cr);
	hwsim_shadow_cpu_leaves(native->sie->shadow);
	native->entered = false;
}

/*
 * Load the control registers of the host. The engine keeps the guest's control registers loaded
 * between entries, because TCG empties the TLB when one is loaded.
 */
static void leave(struct native *native)
{
	if (!native->entered)
		return;
	restore_host(native);
	local_irq_enable();
}

/*
 * Let the kernel handle an interruption of the host that occurred while the guest ran. The old
 * PSW enables interrupts, as if the interruption had occurred in SIE. Therefore, the handler
 * returns with interrupts enabled.
 */
static void deliver_host_interrupt(struct native *native, psw_t host[SWITCH_REASONS])
{
	unsigned long mask = __extract_psw() | PSW_MASK_IO | PSW_MASK_EXT;

	restore_host(native);
	trace_hardirqs_on();
	if (native->exit.reason == SWITCH_EXTERNAL)
		hwsim_switch_deliver(&host[SWITCH_EXTERNAL], &lowcore_alias->external_old_psw,
				     mask);
	else
		hwsim_switch_deliver(&host[SWITCH_IO], &lowcore_alias->io_old_psw, mask);
}

/* Load control registers that refer to the spaces of the guest, unless they are already loaded. */
static void load_spaces(struct native *native)
{
	u64 primary = hwsim_tree_asce(&native->code->code);
	u64 secondary = hwsim_tree_asce(&native->data->data);

	lockdep_assert_irqs_disabled();

	if (!native->entered) {
		native->entered = true;
		hwsim_native_count(HWSIM_NATIVE_WORLDS);
		hwsim_shadow_cpu_enters(native->sie->shadow);
		__local_ctl_store(0, CRS - 1, native->host_cr);
		memcpy(native->guest_cr, native->host_cr, sizeof(native->guest_cr));
		/*
		 * Low-address protection makes stores into the lowcore slow under TCG, such as
		 * those of sie_switch.S.
		 */
		native->guest_cr[CR_LOWCORE].val &= ~CR0_LOW_ADDRESS_PROTECTION;
		/* If no key is permitted, MVCOS and SPKA trap even if they are not concealed. */
		native->guest_cr[CR_KEYS].val &= ~CR3_KEYS;
	} else if (native->guest_cr[CR_PRIMARY].val == primary &&
		   native->guest_cr[CR_SECONDARY].val == secondary) {
		return;
	}
	hwsim_native_count(HWSIM_NATIVE_SPACES);
	native->guest_cr[CR_PRIMARY].val = primary;
	native->guest_cr[CR_SECONDARY].val = secondary;
	__local_ctl_load(0, CRS - 1, native->guest_cr);
}

/* Return: false if the vCPU must leave SIE without running the guest. */
static bool enter(struct native *native)
{
	struct hwsim_sie *sie = native->sie;
	psw_t host[SWITCH_REASONS];

	if (!native->entered)
		local_irq_disable();
	load_spaces(native);
	if (atomic_read(&sie->scb->prog20) || need_resched())
		return false;
	load_context(native);
	restore_access_regs(sie->cpu.ar);
	switch_worlds(native, host);
	save_access_regs(sie->cpu.ar);
	store_context(native);
	if (native->exit.reason == SWITCH_EXTERNAL || native->exit.reason == SWITCH_IO)
		deliver_host_interrupt(native, host);
	hwsim_native_count(HWSIM_NATIVE_ENTRIES);
	return true;
}

/* What trapped */

static u64 rewind_psw(const struct native *native)
{
	const struct hwsim_cpu *cpu = &native->sie->cpu;

	if (hwsim_sie_nullifies(native->exit.code))
		return cpu->psw_addr;
	return hwsim_cpu_wrap(cpu, cpu->psw_addr - native->exit.ilc);
}

/*
 * Interpret the instruction at the PSW.
 *
 * Return: 0 or SIE_LEAVE, or HWSIM_INSN_UNKNOWN if the interpreter lacks the instruction.
 */
static int interpret_if_known(struct hwsim_sie *sie)
{
	struct hwsim_insn insn;
	int rc;

	if (!hwsim_sie_fetch_insn(sie, &insn, &rc))
		return rc;
	if (!hwsim_insn_is_known(&insn))
		return HWSIM_INSN_UNKNOWN;
	hwsim_native_count(HWSIM_NATIVE_INTERPRETED);
	return hwsim_sie_execute(sie, &insn);
}

/*
 * Interpret an instruction that keeps faulting. One that stores into its own page never
 * completes natively, because the CPU can either execute the page or store into it.
 */
static int step_if_stuck(struct hwsim_sie *sie)
{
	int rc;

	if (sie->faulted != sie->cpu.psw_addr)
		sie->faults = 0;
	sie->faulted = sie->cpu.psw_addr;
	if (++sie->faults <= FAULTS_MAX)
		return 0;
	sie->faults = 0;
	rc = interpret_if_known(sie);
	return rc == HWSIM_INSN_UNKNOWN ? 0 : rc;
}

/*
 * A page is missing in the shadow tables, or is read-only there. Map it, or raise the
 * exception that the guest's tables require. The exception of the host may be nullifying and
 * that of the guest suppressing, or the other way round, so start with the PSW at the instruction.
 */
static int fault(struct native *native)
{
	struct native_exit *exit = &native->exit;
	struct hwsim_sie *sie = native->sie;
	bool code = (exit->teid & TEID_AS) == HWSIM_AS_PRIMARY;
	bool store = (exit->teid & TEID_ACCESS) == TEID_STORE;
	struct hwsim_mapping mapping = {
		.space = code ? native->code : native->data,
		.addr = exit->teid & TEID_ADDRESS,
		.code = code,
		.store = store,
	};
	/* The length of an instruction that cannot be fetched is unknown. */
	u8 ilc = code ? 0 : exit->ilc;
	struct hwsim_insn insn;
	struct hwsim_dat dat;
	int rc;

	hwsim_native_count(HWSIM_NATIVE_FAULTS);
	sie->cpu.psw_addr = rewind_psw(native);
	mapping.purges = hwsim_shadow_purges(sie->shadow);
	/* The walk sees the changes of all purges counted so far; page_map() detects later ones. */
	smp_rmb();
	if (code)
		rc = hwsim_dat_translate(sie, mapping.addr, hwsim_sie_fetch_as(sie), HWSIM_FETCH,
					 &dat);
	else
		rc = hwsim_dat_translate(sie, mapping.addr, hwsim_sie_as(sie),
					 store ? HWSIM_WRITE : HWSIM_READ, &dat);
	/* This may be the target of an EXECUTE. If the fetch succeeds now, the CPU tries again. */
	if (rc > 0 && code)
		return hwsim_sie_fetch_insn(sie, &insn, &rc) ? 0 : rc;
	if (!rc && mapping.addr >> HWSIM_SHADOW_BITS)
		rc = PGM_ADDRESSING;
	if (rc > 0) {
		if (!hwsim_sie_nullifies(rc))
			sie->cpu.psw_addr = hwsim_cpu_wrap(&sie->cpu, sie->cpu.psw_addr + ilc);
		return hwsim_sie_program(sie, rc, ilc);
	}
	/*
	 * Linux executes an LPSWE in its lowcore whenever an interruption handler returns. Do not
	 * map the lowcore for execution, because the next store there would remove the mapping.
	 */
	if (!rc && code && dat.real < PAGE_SIZE) {
		rc = interpret_if_known(sie);
		if (rc != HWSIM_INSN_UNKNOWN)
			return rc;
		rc = 0;
	}
	if (rc || hwsim_real_user_address(sie, dat.real, &mapping.user))
		return SIE_LEAVE;
	mapping.pto = dat.pto;
	mapping.writable = !dat.protected;
	rc = hwsim_shadow_map(sie->shadow, &mapping);
	/* The translation may be stale. The guest faults again, which repeats the walk. */
	if (rc == -ESTALE)
		return 0;
	if (rc == -EFAULT)
		hwsim_host_fault(sie, hwsim_real_to_absolute(sie, dat.real));
	return rc ? SIE_LEAVE : step_if_stuck(sie);
}

/*
 * Handle an operation exception: reveal the instruction at the PSW, unless it must stay
 * concealed.
 *
 * Return: true if the CPU should try again.
 */
static bool reveal(struct native *native)
{
	struct hwsim_sie *sie = native->sie;
	struct hwsim_cpu cpu = sie->cpu;
	struct hwsim_insn insn;
	bool revealed;

	/* If this fails, the emulation fails in the same way. */
	if (hwsim_insn_fetch(&cpu, &insn))
		return false;
	if (hwsim_code_conceals(insn.text[0] << 8 | insn.text[1], hwsim_shadow_clocks(sie->shadow)))
		return false;
	revealed = hwsim_shadow_reveal(sie->shadow, native->code, sie->cpu.psw_addr, true);
	/* Reveal only the target of an EXECUTE, because data may follow it. */
	if (insn.executed)
		revealed |= hwsim_shadow_reveal(sie->shadow, native->code, insn.addr, false);
	/*
	 * Another CPU may have revealed the instruction since the exception. Only a second
	 * exception proves that this CPU lacks the instruction.
	 */
	if (!revealed && sie->retried != sie->cpu.psw_addr &&
	    atomic_read(&sie->vcpu->kvm->online_vcpus) > 1) {
		sie->retried = sie->cpu.psw_addr;
		return true;
	}
	return revealed;
}

static bool traps(const struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	switch (insn->code) {
	case 0x8000: /* SSM */
	case 0x8200: /* LPSW */
	case 0xac00: /* STNSM */
	case 0xad00: /* STOSM */
	case 0xb100: /* LRA */
	case 0xb206 ... 0xb209: /* SCKC, STCKC, SPT, STPT */
	case 0xb20d: /* PTLB */
	case 0xb221: /* IPTE */
	case 0xb246: /* STURA */
	case 0xb24b: /* LURA */
	case 0xb250: /* CSP */
	case 0xb280: /* LPP */
	case 0xb2ad ... 0xb2af: /* NQAP, DQAP, PQAP */
	case 0xb2b2: /* LPSWE */
	case 0xb600: /* STCTL */
	case 0xb700: /* LCTL */
	case 0xb905: /* LURAG */
	case 0xb925: /* STURG */
	case 0xb98a: /* CSPG */
	case 0xb98e: /* IDTE */
	case 0xe303: /* LRAG */
	case 0xe313: /* LRAY */
	case 0xeb25: /* STCTG */
	case 0xeb2f: /* LCTLG */
		return true;
	default:
		return hwsim_code_conceals(insn->text[0] << 8 | insn->text[1],
					   hwsim_shadow_clocks(sie->shadow));
	}
}

/* Interpret instructions after the one at @addr, which has trapped. Return: 0 or SIE_LEAVE. */
static int run_on(struct hwsim_sie *sie, u64 addr)
{
	u8 *alone = &sie->caches->alone[addr / 2 % HWSIM_TRAPS];
	unsigned long begin = get_tod_clock_fast();
	unsigned int since = 0;
	bool found = false;
	int rc = 0;

	/* Some interpreted instructions are not atomic for other CPUs. */
	if (atomic_read(&sie->vcpu->kvm->online_vcpus) > 1)
		return 0;
	if (*alone) {
		--*alone;
		return 0;
	}
	while (!rc && since < RUN_ON && get_tod_clock_fast() - begin < RUN_ON_TIME) {
		struct hwsim_insn insn;
		bool trap;

		if (!hwsim_sie_fetch_insn(sie, &insn, &rc))
			return rc;
		if (!hwsim_insn_is_known(&insn)) {
			/* The interpreter cannot reach the next trap. */
			since = RUN_ON;
			break;
		}
		trap = traps(sie, &insn);
		hwsim_native_count(HWSIM_NATIVE_INTERPRETED);
		rc = hwsim_sie_execute(sie, &insn);
		since++;
		/* An intercepted instruction has trapped, too. */
		if (trap || rc) {
			found = true;
			since = 0;
		}
		if (trap || insn.code == OPCODE_SVC)
			rc = rc ?: hwsim_sie_before(sie);
	}
	/* If the time is over, the loop has not shown whether a trap follows. */
	if (!found && since >= RUN_ON)
		*alone = TRAPS_ALONE;
	return rc;
}

/* Reveal an instruction that the CPU did not see, or emulate it. */
static int emulate(struct native *native)
{
	struct hwsim_sie *sie = native->sie;
	u64 addr;
	int rc;

	sie->cpu.psw_addr = rewind_psw(native);
	if (native->exit.code == PGM_OPERATION && reveal(native))
		return 0;
	sie->retried = ~0UL;
	hwsim_native_count(HWSIM_NATIVE_EMULATED);
	addr = sie->cpu.psw_addr;
	rc = hwsim_sie_step(sie) ?: hwsim_sie_before(sie);
	return rc ?: run_on(sie, addr);
}

static int program_check(struct native *native)
{
	struct native_exit *exit = &native->exit;
	struct hwsim_sie *sie = native->sie;
	int rc;

	if (exit->code == PGM_OPERATION || exit->code == PGM_PRIVILEGED_OP)
		return emulate(native);
	/* All exceptions that nullify are translation exceptions. */
	if (exit->code == PGM_PROTECTION || hwsim_sie_nullifies(exit->code))
		return fault(native);
	hwsim_native_count(HWSIM_NATIVE_PROGRAM);
	rc = hwsim_sie_program(sie, exit->code, exit->ilc);
	sie->scb->dxc = exit->dxc;
	return rc;
}

static int handle_exit(struct native *native)
{
	switch (native->exit.reason) {
	case SWITCH_PROGRAM:
		return program_check(native);
	case SWITCH_SVC:
		hwsim_native_count(HWSIM_NATIVE_SVC);
		return hwsim_sie_supervisor_call(native->sie, native->exit.ilc, native->exit.code);
	default:
		/* Leave, as real SIE does, so that KVM checks for signals and other work. */
		hwsim_native_count(HWSIM_NATIVE_HOST_IRQ);
		return SIE_LEAVE;
	}
}

static u64 space_asce(const struct hwsim_sie *sie, enum hwsim_as as)
{
	if (!(sie->cpu.psw_mask & PSW_MASK_DAT))
		return HWSIM_ASCE_REAL;
	return hwsim_dat_asce(sie, as) & ~HWSIM_ASCE_REAL;
}

/* Get the spaces of the guest, which often are the same as at the last entry. */
static bool spaces_get(struct native *native)
{
	struct hwsim_sie *sie = native->sie;
	u64 code = space_asce(sie, hwsim_sie_fetch_as(sie));
	u64 data = space_asce(sie, hwsim_sie_as(sie));
	u32 prefix = sie->scb->prefix;

	if (native->code && hwsim_space_is(native->code, code, prefix) &&
	    hwsim_space_is(native->data, data, prefix))
		return true;
	spaces_put(native);
	native->code = hwsim_space_get(sie->shadow, code, prefix);
	native->data = hwsim_space_get(sie->shadow, data, prefix);
	return native->code && native->data;
}

/* Run the guest until something traps, and handle the trap. Return: 0 or SIE_LEAVE. */
static int run_once(struct native *native)
{
	return spaces_get(native) && enter(native) ? handle_exit(native) : SIE_LEAVE;
}

/**
 * hwsim_native_run - run a guest until the vCPU must leave SIE
 * @sie: the execution of SIE, with a shadow
 *
 * Context: The thread of the vCPU, between hwsim_storage_begin() and hwsim_storage_end(), with
 * interrupts enabled.
 */
void hwsim_native_run(struct hwsim_sie *sie)
{
	struct native native = { .sie = sie };
	unsigned int budget = NATIVE_BUDGET;
	int rc = 0;

	sie->retried = ~0UL;
	sie->faulted = ~0UL;
	/* No address has the page number ~0. */
	memset(sie->caches->translations, 0xff, sizeof(sie->caches->translations));
	hwsim_shadow_check(sie->shadow, kvm_memslots(sie->vcpu->kvm)->generation,
			   sie->scb->epoch, sie->cpu.psw_mask & PSW_MASK_DAT);
	if (sie->scb->ihcpu == IHCPU_PURGE)
		hwsim_shadow_purge_dat(sie->shadow);
	sie->scb->ihcpu = smp_processor_id();
	while (!rc && budget--) {
		rc = hwsim_sie_before(sie);
		if (rc)
			break;
		if (sie->cpu.psw_mask & PSW_OVERFLOW) {
			leave(&native);
			hwsim_native_count(HWSIM_NATIVE_INTERPRETED);
			rc = hwsim_sie_step(sie);
		} else {
			rc = run_once(&native);
		}
	}
	leave(&native);
	spaces_put(&native);
}

/* Frames 0 and 1 are the lowcore of whichever CPU accesses them, because of prefixing. */
static int __init hwsim_native_init(void)
{
	struct page *pages[] = { pfn_to_page(0), pfn_to_page(1) };

	if (!hwsim_armed)
		return 0;
	/* sie_switch.S needs the lowcore at address 0. */
	if (get_lowcore()) {
		pr_info("ap_hwsim: no native engine, because the lowcore is relocated\n");
		return 0;
	}
	lowcore_alias = vmap(pages, ARRAY_SIZE(pages), VM_MAP, PAGE_KERNEL);
	return lowcore_alias ? 0 : -ENOMEM;
}
fs_initcall(hwsim_native_init);
