/* SPDX-License-Identifier: GPL-2.0 */
/* The instruction interpreter for the simulated SIE. It does not depend on KVM. */
#ifndef AP_HWSIM_SIE_INSN_H
#define AP_HWSIM_SIE_INSN_H

#include <linux/types.h>
#include <asm/ptrace.h>

/* hwsim_insn_execute() returns these values, 0, a program interruption code (> 0) or -EFAULT. */

/* The instruction is not in sie_opcodes.h. */
#define HWSIM_INSN_UNKNOWN	(-0x2000)
/* The caller must execute the instruction, which needs more than registers and storage. */
#define HWSIM_INSN_CONTROL	(-0x2001)

/**
 * struct hwsim_cpu - registers and storage that an instruction can access
 * @gr: general registers
 * @cr: control registers
 * @ar: access registers
 * @psw_mask: first half of the PSW
 * @psw_addr: instruction address
 * @ctx: first argument of the callbacks
 * @fetch: copy an instruction from storage
 * @read: copy from storage
 * @write: copy to storage, completely or not at all
 * @compare_swap: if the 4 or 8 bytes at an address, which is a multiple of 4 or 8, equal *@old,
 *	replace them with @new, in one step for other CPUs; in any case, set *@old to the bytes
 *	that were in storage
 *
 * The callbacks take logical addresses. They return 0, a program interruption code (> 0), or
 * -EFAULT if the host must fault in a page before a retry. They change nothing if they fail.
 */
struct hwsim_cpu {
	u64 gr[16];
	u64 cr[16];
	u32 ar[16];
	u64 psw_mask;
	u64 psw_addr;
	void *ctx;
	int (*fetch)(void *ctx, u64 addr, void *buf, size_t len);
	int (*read)(void *ctx, u64 addr, void *buf, size_t len);
	int (*write)(void *ctx, u64 addr, const void *buf, size_t len);
	int (*compare_swap)(void *ctx, u64 addr, size_t len, u64 *old, u64 new);
};

/**
 * struct hwsim_insn - a decoded instruction
 * @text: bytes of the instruction; for EXECUTE, bytes of the modified target
 * @code: operation code in the format of sie_opcodes.h
 * @addr: address of @text in storage, to which relative offsets are added
 * @len: length of the instruction in bytes; for EXECUTE, length of EXECUTE itself
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
bool hwsim_insn_is_known(const struct hwsim_insn *insn);
u64 hwsim_insn_operand_address(const struct hwsim_cpu *cpu, const struct hwsim_insn *insn);
u64 hwsim_insn_indexed_address(const struct hwsim_cpu *cpu, const struct hwsim_insn *insn);
u64 hwsim_insn_second_address(const struct hwsim_cpu *cpu, const struct hwsim_insn *insn);

/* Return: the length in bytes of the instruction that begins with this byte. */
static inline u8 hwsim_insn_length(u8 first)
{
	return first < 0x40 ? 2 : first < 0xc0 ? 4 : 6;
}

/* Return: the first register field, for formats that have it in the second byte. */
static inline unsigned int hwsim_insn_r1(const struct hwsim_insn *insn)
{
	return insn->text[1] >> 4;
}

/* Return: the third register field, for formats that have it in the second byte. */
static inline unsigned int hwsim_insn_r3(const struct hwsim_insn *insn)
{
	return insn->text[1] & 15;
}

/* Truncate an address to 64, 31 or 24 bits, depending on the addressing mode. */
static inline u64 hwsim_cpu_wrap(const struct hwsim_cpu *cpu, u64 addr)
{
	if (cpu->psw_mask & PSW_MASK_EA)
		return addr;
	return addr & (cpu->psw_mask & PSW_MASK_BA ? 0x7fffffff : 0xffffff);
}

static inline void hwsim_cpu_set_cc(struct hwsim_cpu *cpu, unsigned int cc)
{
	cpu->psw_mask = (cpu->psw_mask & ~(3UL << 44)) | (u64)cc << 44;
}

static inline unsigned int hwsim_cpu_cc(const struct hwsim_cpu *cpu)
{
	return (cpu->psw_mask >> 44) & 3;
}

#endif /* AP_HWSIM_SIE_INSN_H */
