/* SPDX-License-Identifier: GPL-2.0 */
/* Instruction interpreter of the simulated SIE: no state of its own, no knowledge of KVM. */
#ifndef AP_HWSIM_SIE_INSN_H
#define AP_HWSIM_SIE_INSN_H

#include <linux/types.h>
#include <asm/ptrace.h>

/* Outcomes besides 0 (executed), a program interruption code (> 0) and -EFAULT. */

/* No such instruction here. */
#define HWSIM_INSN_UNKNOWN	(-0x2000)
/* Known, but the caller's: it needs more than a CPU and storage. */
#define HWSIM_INSN_CONTROL	(-0x2001)

/**
 * struct hwsim_cpu - what an instruction can see and change
 * @gr: general registers
 * @cr: control registers
 * @ar: access registers
 * @psw_mask: first half of the PSW
 * @psw_addr: instruction address
 * @ctx: first argument of the callbacks
 * @read: copies from storage
 * @write: copies to storage, all of it or nothing
 *
 * The callbacks take real addresses and return 0, a program interruption code (> 0), or -EFAULT
 * when the host has to provide the page first; then nothing has happened yet.
 */
struct hwsim_cpu {
	u64 gr[16];
	u64 cr[16];
	u32 ar[16];
	u64 psw_mask;
	u64 psw_addr;
	void *ctx;
	int (*read)(void *ctx, u64 addr, void *buf, size_t len);
	int (*write)(void *ctx, u64 addr, const void *buf, size_t len);
};

/**
 * struct hwsim_insn - a decoded instruction
 * @text: the instruction as it is executed: behind EXECUTE the modified target
 * @code: operation code as written in sie_opcodes.h
 * @addr: where @text is in storage; relative operands count from here
 * @len: how far the PSW advances: behind EXECUTE the length of EXECUTE
 * @executed: @text is the target of an EXECUTE
 */
struct hwsim_insn {
	u8 text[6];
	u16 code;
	u64 addr;
	u8 len;
	bool executed;
};

int hwsim_insn_fetch(struct hwsim_cpu *cpu, struct hwsim_insn *insn);
int hwsim_insn_execute(struct hwsim_cpu *cpu, const struct hwsim_insn *insn);
u64 hwsim_insn_operand_address(const struct hwsim_cpu *cpu, const struct hwsim_insn *insn);

/**
 * hwsim_insn_r1 - the first register field
 * @insn: an instruction; it sits at the same place in all formats that a caller treats itself
 *
 * Return: The number of the register.
 */
static inline unsigned int hwsim_insn_r1(const struct hwsim_insn *insn)
{
	return insn->text[1] >> 4;
}

/**
 * hwsim_insn_r3 - the third register field, or the mask
 * @insn: an instruction, as in hwsim_insn_r1()
 *
 * Return: The number of the register.
 */
static inline unsigned int hwsim_insn_r3(const struct hwsim_insn *insn)
{
	return insn->text[1] & 15;
}

/**
 * hwsim_cpu_wrap - an address as wide as the addressing mode says
 * @cpu: the CPU
 * @addr: the address
 *
 * Return: The rightmost 64, 31 or 24 bits of it.
 */
static inline u64 hwsim_cpu_wrap(const struct hwsim_cpu *cpu, u64 addr)
{
	if (cpu->psw_mask & PSW_MASK_EA)
		return addr;
	return addr & (cpu->psw_mask & PSW_MASK_BA ? 0x7fffffff : 0xffffff);
}

/**
 * hwsim_cpu_set_cc - set the condition code
 * @cpu: the CPU
 * @cc: 0 to 3
 */
static inline void hwsim_cpu_set_cc(struct hwsim_cpu *cpu, unsigned int cc)
{
	cpu->psw_mask = (cpu->psw_mask & ~(3UL << 44)) | (u64)cc << 44;
}

/**
 * hwsim_cpu_cc - the condition code
 * @cpu: the CPU
 *
 * Return: 0 to 3.
 */
static inline unsigned int hwsim_cpu_cc(const struct hwsim_cpu *cpu)
{
	return (cpu->psw_mask >> 44) & 3;
}

#endif /* AP_HWSIM_SIE_INSN_H */
