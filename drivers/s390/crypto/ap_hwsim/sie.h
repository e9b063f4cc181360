/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Declarations that the files of the simulated SIE share. A file uses only files that are
 * further down in this list:
 *
 *   sie.c          entry of a vCPU, and the engine "interpret"
 *   sie_native.c   the engine "native": runs the guest on the CPU, and handles what traps
 *   sie_switch.S   switches the CPU to the guest and back
 *   sie_step.c     handles requests and interruptions, and executes one instruction
 *   sie_control.c  instructions that affect more than general registers and storage
 *   sie_exit.c     interceptions and interruptions
 *   sie_insn.c     all other instructions; see sie_insn.h
 *   sie_dat.c      dynamic address translation (DAT) with the tables of the guest
 *   sie_storage.c  guest storage by real address
 *   sie_shadow.c   shadow tables, with which the host runs a guest natively
 *   sie_table.c    allocates and frees these tables
 *   sie_code.c     conceals instructions that must not run natively
 */
#ifndef AP_HWSIM_SIE_H
#define AP_HWSIM_SIE_H

#include <linux/kvm_host.h>
#include <asm/ptrace.h>
#include "ap_hwsim.h"
#include "sie_insn.h"
#include "sie_shadow.h"

/* Functions return SIE_LEAVE if the vCPU must leave SIE, and 0 if it can stay in SIE. */
#define SIE_LEAVE		1

#define HWSIM_PSW_AS_SHIFT	46
#define HWSIM_PSW_AS		(3UL << HWSIM_PSW_AS_SHIFT)

/**
 * enum hwsim_as - address-space control of the PSW, of a translation-exception id, and of MVCOS
 * @HWSIM_AS_PRIMARY: primary space, control register 1
 * @HWSIM_AS_ACCESS: access-register mode; the simulator ignores the access registers
 * @HWSIM_AS_SECONDARY: secondary space, control register 7
 * @HWSIM_AS_HOME: home space, control register 13
 */
enum hwsim_as {
	HWSIM_AS_PRIMARY,
	HWSIM_AS_ACCESS,
	HWSIM_AS_SECONDARY,
	HWSIM_AS_HOME,
};

/**
 * struct hwsim_dat - result of a translation
 * @real: real address; if an entry is invalid, the address of this entry
 * @pto: origin of the page table, or 0 if the translation used none
 * @protected: DAT protection applies
 * @noexec: instruction-execution protection applies
 * @outside: a table is too short for the address
 */
struct hwsim_dat {
	u64 real;
	u64 pto;
	bool protected;
	bool noexec;
	bool outside;
};

/**
 * struct hwsim_translation - a translation that the emulation can use again until a purge
 * @asce: address-space-control element
 * @page: virtual page number
 * @purges: hwsim_shadow_purges() before the translation
 * @dat: the result for the first byte of the page
 */
struct hwsim_translation {
	u64 asce;
	u64 page;
	int purges;
	struct hwsim_dat dat;
};

#define HWSIM_TRANSLATIONS	32

/**
 * struct hwsim_page - a page of guest storage that the emulation can use again
 * @page: the page, with a reference, or NULL
 * @gfn: its absolute address, in pages
 * @user: its address in the VMM
 * @write: it is writable
 * @invalidations: hwsim_shadow_invalidations() before the page was looked up
 * @executions: hwsim_shadow_executions() before the last call of hwsim_shadow_written(), or -1
 */
struct hwsim_page {
	struct page *page;
	gfn_t gfn;
	unsigned long user;
	bool write;
	int invalidations;
	int executions;
};

#define HWSIM_PAGES		32
#define HWSIM_TRAPS		256

/**
 * struct hwsim_caches - what the emulation remembers on a CPU
 * @translations: translations, by virtual page number; only the native engine uses them
 * @pages: pages, by absolute page number
 * @alone: by address of an instruction that has trapped: for how many of its next traps run_on()
 *	does nothing. This is a guess. Unlike the other caches, it outlives an execution of SIE, so
 *	another guest may have left it.
 */
struct hwsim_caches {
	struct hwsim_translation translations[HWSIM_TRANSLATIONS];
	struct hwsim_page pages[HWSIM_PAGES];
	u8 alone[HWSIM_TRAPS];
};

/**
 * struct hwsim_sie - data of one execution of SIE
 * @cpu: the guest's CPU
 * @scb: state description
 * @vcpu: the vCPU, whose VM owns the guest storage
 * @uv: what the ultravisor knows about the vCPU; NULL if the vCPU is not protected
 * @slots: memory slots of the VM
 * @shadow: shadow tables of the VM; NULL if its engine is "interpret"
 * @apcb: masks of the APCB at entry to SIE
 * @teid: translation-exception identification of the last access exception
 * @timer_read: value of the TOD clock when the CPU timer in @scb was correct
 * @caches: the caches of this CPU, valid while preemption is disabled
 * @retried: address of the instruction that the guest retries after an operation exception
 * @faulted: address of the instruction that last faulted in the shadow tables
 * @faults: number of consecutive faults at this address
 */
struct hwsim_sie {
	struct hwsim_cpu cpu;
	struct kvm_s390_sie_block *scb;
	struct kvm_vcpu *vcpu;
	struct hwsim_uv_cpu *uv;
	struct kvm_memslots *slots;
	struct hwsim_shadow *shadow;
	struct hwsim_apcb apcb;
	u64 teid;
	u64 timer_read;
	struct hwsim_caches *caches;
	u64 retried;
	u64 faulted;
	unsigned int faults;
};

static inline bool hwsim_sie_problem_state(const struct hwsim_sie *sie)
{
	return sie->cpu.psw_mask & PSW_MASK_PSTATE;
}

static inline enum hwsim_as hwsim_sie_as(const struct hwsim_sie *sie)
{
	return (sie->cpu.psw_mask & HWSIM_PSW_AS) >> HWSIM_PSW_AS_SHIFT;
}

/* The CPU fetches instructions from the primary space, except in home-space mode. */
static inline enum hwsim_as hwsim_sie_fetch_as(const struct hwsim_sie *sie)
{
	return hwsim_sie_as(sie) == HWSIM_AS_HOME ? HWSIM_AS_HOME : HWSIM_AS_PRIMARY;
}

/* Return: the number of bytes from an address to the end of its page, at most @len. */
static inline size_t hwsim_to_page_end(u64 addr, size_t len)
{
	return min_t(size_t, len, PAGE_SIZE - offset_in_page(addr));
}

/* sie_storage.c */
void hwsim_storage_begin(struct hwsim_sie *sie);
void hwsim_storage_end(struct hwsim_sie *sie);
u64 hwsim_real_to_absolute(const struct hwsim_sie *sie, u64 real);
int hwsim_host_fault(struct hwsim_sie *sie, u64 absolute);
int hwsim_real_user_address(struct hwsim_sie *sie, u64 real, unsigned long *user);
unsigned long hwsim_user_pfn(unsigned long user);
int hwsim_real_read(struct hwsim_sie *sie, u64 real, void *buf, size_t len);
int hwsim_real_write(struct hwsim_sie *sie, u64 real, const void *buf, size_t len);
int hwsim_real_probe(struct hwsim_sie *sie, u64 real, size_t len);
int hwsim_real_cmpxchg(struct hwsim_sie *sie, u64 real, size_t size, u64 *old, u64 new);
int hwsim_real_set_bit(struct hwsim_sie *sie, u64 real, u64 bit);

/* sie_dat.c */

enum hwsim_access { HWSIM_FETCH, HWSIM_READ, HWSIM_WRITE };

u64 hwsim_dat_asce(const struct hwsim_sie *sie, enum hwsim_as as);
int hwsim_dat_walk(struct hwsim_sie *sie, u64 asce, u64 addr, struct hwsim_dat *dat);
int hwsim_dat_translate(struct hwsim_sie *sie, u64 addr, enum hwsim_as as,
			enum hwsim_access access, struct hwsim_dat *dat);
int hwsim_dat_read(struct hwsim_sie *sie, u64 addr, enum hwsim_as as, void *buf, size_t len);
int hwsim_dat_write(struct hwsim_sie *sie, u64 addr, enum hwsim_as as, const void *buf, size_t len);
int hwsim_sie_fetch(void *ctx, u64 addr, void *buf, size_t len);
int hwsim_sie_read(void *ctx, u64 addr, void *buf, size_t len);
int hwsim_sie_write(void *ctx, u64 addr, const void *buf, size_t len);
int hwsim_sie_compare_swap(void *ctx, u64 addr, size_t len, u64 *old, u64 new);

/* sie_exit.c */
int hwsim_sie_intercept(struct hwsim_sie *sie, u8 code);
void hwsim_sie_advance(struct hwsim_sie *sie, const struct hwsim_insn *insn);
int hwsim_sie_intercept_insn(struct hwsim_sie *sie, const struct hwsim_insn *insn, u8 code);
int hwsim_sie_program(struct hwsim_sie *sie, u16 code, u8 ilc);
int hwsim_sie_program_check(struct hwsim_sie *sie, u16 code, u8 ilc, u64 addr);
int hwsim_sie_suppress(struct hwsim_sie *sie, const struct hwsim_insn *insn, u16 code);
int hwsim_sie_finish(struct hwsim_sie *sie, const struct hwsim_insn *insn, int rc);
int hwsim_sie_privileged(struct hwsim_sie *sie, const struct hwsim_insn *insn);
int hwsim_sie_supervisor_call(struct hwsim_sie *sie, u16 ilc, u16 code);
int hwsim_sie_injected_interruption(struct hwsim_sie *sie);
int hwsim_sie_adapter_interruption(struct hwsim_sie *sie);
bool hwsim_sie_nullifies(int code);
u64 hwsim_sie_cpu_timer(struct hwsim_sie *sie);

/* sie_control.c */
int hwsim_sie_ultravisor_call(struct hwsim_sie *sie, const struct hwsim_insn *insn);
int hwsim_sie_control(struct hwsim_sie *sie, const struct hwsim_insn *insn);

/* sie_step.c */
int hwsim_sie_before(struct hwsim_sie *sie);
bool hwsim_sie_fetch_insn(struct hwsim_sie *sie, struct hwsim_insn *insn, int *rc);
int hwsim_sie_execute(struct hwsim_sie *sie, const struct hwsim_insn *insn);
int hwsim_sie_step(struct hwsim_sie *sie);

/* sie_native.c */
bool hwsim_native_available(void);
void hwsim_native_run(struct hwsim_sie *sie);

#endif /* AP_HWSIM_SIE_H */
