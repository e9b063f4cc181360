// SPDX-License-Identifier: GPL-2.0
/*
 * The simulated START INTERPRETIVE EXECUTION (SIE). It runs the guest that a state
 * description defines, until KVM has to handle an interception.
 *
 * There are two engines. "interpret" decodes each instruction. "native" runs the guest on the CPU,
 * and handles what traps. SIE checks for requests from the host (prog20, a stop, or another task
 * that wants to run) and for interruptions that are pending in the GISA. The interpreter does so
 * before each instruction, and the native engine before each entry to the guest and whenever it
 * has interpreted an instruction that traps.
 *
 * A protected vCPU has a state description of another format. The ultravisor runs the vCPU:
 * it keeps the PSW, delivers program interruptions, gives KVM the general registers in
 * another place, and leaves SIE if the guest needs a page that KVM has not imported. Hardware
 * hides more of the guest from KVM than this simulation does.
 *
 * Not simulated: storage keys, access registers, PER, and low-address protection. The
 * interpreter has neither floating-point nor vector instructions.
 */
#include <linux/err.h>
#include <linux/io.h>
#include <linux/kvm_host.h>
#include <linux/percpu.h>
#include <asm/access-regs.h>
#include <asm/timex.h>
#include "sie.h"

/* Leave SIE after this number of instructions, so that the host stays responsive. */
#define SIE_BUDGET		3000

#define CRYCB_FLAGS		0x7
/* State description format of protected vCPUs */
#define SDF_PROTECTED		2

static void read_apcb(const struct kvm_s390_sie_block *scb, struct hwsim_apcb *apcb)
{
	u32 origin = scb->crycbd & ~CRYCB_FLAGS;

	memset(apcb, 0, sizeof(*apcb));
	if (origin)
		hwsim_apcb_read(apcb, phys_to_virt(origin), scb->crycbd & CRYCB_FORMAT_MASK);
}

static u64 *protected_gprs(const struct hwsim_sie *sie)
{
	return container_of(sie->scb, struct sie_page, sie_block)->pv_grregs;
}

static void load_protected(struct hwsim_sie *sie)
{
	sie->cpu.psw_mask = sie->uv->psw.mask;
	sie->cpu.psw_addr = sie->uv->psw.addr;
	if (sie->uv->resumes)
		hwsim_cpu_set_cc(&sie->cpu, sie->scb->gpsw.mask >> 44 & 3);
	memcpy(sie->cpu.gr, protected_gprs(sie), sizeof(sie->cpu.gr));
}

static void store_protected(struct hwsim_sie *sie)
{
	sie->uv->psw.mask = sie->cpu.psw_mask;
	sie->uv->psw.addr = sie->cpu.psw_addr;
	sie->uv->resumes = sie->scb->icptcode == ICPT_PV_INSTR;
	memcpy(protected_gprs(sie), sie->cpu.gr, sizeof(sie->cpu.gr));
}

static void load_guest(struct hwsim_sie *sie, const u64 *gprs)
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
	sie->timer_read = get_tod_clock();
}

static void store_guest(struct hwsim_sie *sie, u64 *gprs)
{
	struct kvm_s390_sie_block *scb = sie->scb;

	hwsim_sie_cpu_timer(sie);
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
static void check_apcb(const struct hwsim_sie *sie)
{
	struct hwsim_apcb now;

	read_apcb(sie->scb, &now);
	if (memcmp(&now, &sie->apcb, sizeof(now)))
		hwsim_violation(HWSIM_APCB_IN_SIE, "pid=%d APCB changed while a vCPU was in SIE",
				task_pid_nr(current));
}

/*
 * Return: the shadow of the VM, or NULL if its engine is "interpret". The shadow is created
 * when the first vCPU enters SIE. If this fails, all vCPUs of the VM are interpreted from then on:
 * a vCPU without a shadow would not purge the shadow that another vCPU uses.
 */
static struct hwsim_shadow *shadow_get(struct kvm *kvm)
{
	struct hwsim_shadow *shadow = NULL, *created = ERR_PTR(-ENODEV);
	struct hwsim_guest *guest;
	bool native = false;

	scoped_guard(spinlock_irqsave, &hwsim_lock) {
		guest = hwsim_guest_find(kvm);
		if (guest) {
			native = guest->native;
			shadow = guest->shadow;
		}
	}
	if (!native || shadow)
		return shadow;
	if (hwsim_native_available())
		created = hwsim_shadow_create(kvm);
	if (IS_ERR(created))
		pr_warn_once("ap_hwsim: guest is interpreted: no shadow: %pe\n", created);
	scoped_guard(spinlock_irqsave, &hwsim_lock) {
		guest = hwsim_guest_find(kvm);
		if (guest && guest->native && !guest->shadow) {
			if (IS_ERR(created))
				guest->native = false;
			else
				guest->shadow = created;
		}
		shadow = guest ? guest->shadow : NULL;
	}
	if (!IS_ERR(created) && shadow != created)
		hwsim_shadow_destroy(created);
	return shadow;
}

/* Too large for the stack. A CPU runs one vCPU at a time, because preemption is disabled. */
static DEFINE_PER_CPU(struct hwsim_caches, caches);

static void interpret(struct hwsim_sie *sie)
{
	unsigned int budget = SIE_BUDGET;

	while (budget-- && !hwsim_sie_before(sie) && !hwsim_sie_step(sie))
		;
}

static void run(struct hwsim_sie *sie, u64 *gprs)
{
	struct kvm_s390_sie_block *scb = sie->scb;

	/*
	 * KVM may spin until PROG_IN_SIE is clear, with preemption disabled. If the spinning task
	 * preempted this one, it would spin indefinitely. This cannot happen with real SIE, which
	 * ends at each interrupt of the host.
	 */
	guard(preempt)();
	sie->caches = this_cpu_ptr(&caches);
	WRITE_ONCE(scb->prog0c, scb->prog0c | PROG_IN_SIE);
	/*
	 * Set PROG_IN_SIE before reading prog20, because KVM sets prog20 and then waits
	 * until PROG_IN_SIE is clear.
	 */
	smp_mb();
	if (!atomic_read(&scb->prog20)) {
		load_guest(sie, gprs);
		hwsim_storage_begin(sie);
		if (sie->shadow && !sie->uv)
			hwsim_native_run(sie);
		else
			interpret(sie);
		hwsim_storage_end(sie);
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
	struct hwsim_sie sie = {
		.cpu.fetch = hwsim_sie_fetch,
		.cpu.read = hwsim_sie_read,
		.cpu.write = hwsim_sie_write,
		.cpu.compare_swap = hwsim_sie_compare_swap,
		.scb = scb,
		.vcpu = vcpu,
	};
	/* Use the raw functions: KVM has already told lockdep that SIE enables interrupts. */
	bool irqs_disabled = raw_irqs_disabled();

	sie.cpu.ctx = &sie;
	if (scb->sdf == SDF_PROTECTED)
		sie.uv = hwsim_uv_cpu_find(scb->pv_handle_cpu);
	if (scb != vcpu->arch.sie_block || (scb->sdf == SDF_PROTECTED && !sie.uv)) {
		hwsim_sie_intercept(&sie, ICPT_VALIDITY);
		return 0;
	}
	if (irqs_disabled)
		raw_local_irq_enable();
	sie.shadow = shadow_get(vcpu->kvm);
	scoped_guard(srcu, &vcpu->kvm->srcu)
		run(&sie, gprs);
	if (irqs_disabled)
		raw_local_irq_disable();
	return 0;
}
