// SPDX-License-Identifier: GPL-2.0
/*
 * Test the simulated SIE without AP instructions: the results of computations in a guest,
 * and all exits to KVM and to user space. The test program is the VMM, and reads the
 * lowcore of the guest. Each test runs with both engines.
 */
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "guest/sie_work.h"
#include "lib/lib.h"
#include "lib/main.h"

#define PSW_64BIT	0x0000000180000000UL
#define PSW_EXTERNAL	0x0100000000000000UL
#define PSW_WAIT	0x0002000000000000UL
#define PSW_PROBLEM	0x0001000000000000UL
#define PSW_OVERFLOW	0x0000080000000000UL
#define PSW_DAT		0x0400000000000000UL
#define CR0_EMERGENCY	0x4000UL
#define CR0_CLOCK_COMPARATOR	0x0800UL

#define ICPT_INST	0x04
#define ICPT_WAIT	0x1c
#define ICPT_STOP	0x28

/* guest addresses of the machine code of a test, of its operands, and of unused memory */
#define CODE		0x20000
#define DATA		0x21000
#define FREE		0x80000

/* offsets in the lowcore */
#define EXTERNAL_CODE	0x086
#define SVC_LENGTH	0x088
#define SVC_CODE	0x08a
#define PROGRAM_LENGTH	0x08c
#define PROGRAM_CODE	0x08e
#define EXTERNAL_OLD	0x130
#define SVC_OLD		0x140
#define PROGRAM_OLD	0x150
#define EXTERNAL_NEW	0x1b0
#define SVC_NEW		0x1c0
#define PROGRAM_NEW	0x1d0

#define EMERGENCY_SIGNAL	0x1201
#define CLOCK_COMPARATOR	0x1004

#define IMAGE(level)								\
	asm(".section .rodata\n.globl sie_" #level ", sie_" #level "_end\n"	\
	    "sie_" #level ": .incbin \"sie_" #level ".bin\"\n"			\
	    "sie_" #level "_end: .byte 0\n.previous")

IMAGE(0);
IMAGE(2);
IMAGE(s);

static const struct image {
	const char *level, *begin, *end;
} images[] = {
	{ "-O0", sie_0, sie_0_end },
	{ "-O2", sie_2, sie_2_end },
	{ "-Os", sie_s, sie_s_end },
};

#define ENGINE	"/sys/module/ap_hwsim/parameters/engine"

FIXTURE(sie) {
	struct vm vm;
	char *memory;
	struct kvm_run *run;
};

FIXTURE_VARIANT(sie) {
	const char *engine;
};

FIXTURE_VARIANT_ADD(sie, interpret) { .engine = "interpret" };
FIXTURE_VARIANT_ADD(sie, native) { .engine = "native" };

/* Create a VM that runs with an engine. */
static int vm_create_with(struct vm *vm, const char *engine)
{
	char before[32];
	int ret = file_read(ENGINE, before, sizeof(before));

	if (ret >= 0)
		ret = file_write(ENGINE, engine);
	if (!ret)
		ret = vm_create(vm);
	file_write(ENGINE, before);
	return ret;
}

static void set_psw(char *memory, unsigned long where, unsigned long addr)
{
	unsigned long psw[2] = { PSW_64BIT, addr };

	memcpy(memory + where, psw, sizeof(psw));
}

static unsigned short half(struct vm *vm, unsigned long where)
{
	return *(unsigned short *)((char *)vm->memory + where);
}

static unsigned long doubleword(struct vm *vm, unsigned long where)
{
	return *(unsigned long *)((char *)vm->memory + where);
}

/*
 * Run the guest until it exits with a DIAGNOSE. Return the operand of the DIAGNOSE or a
 * negative errno.
 */
static int run_to_diagnose(struct vm *vm)
{
	if (ioctl(vm->vcpu, KVM_RUN, 0))
		return -errno;
	if (vm->run->exit_reason != KVM_EXIT_S390_SIEIC)
		return -EPROTO;
	if (vm->run->s390_sieic.icptcode != ICPT_INST || vm->run->s390_sieic.ipa >> 8 != 0x83)
		return -ENOEXEC;
	return vm->run->s390_sieic.ipb >> 16;
}

static int run_code(struct vm *vm, unsigned long psw_mask, const void *code, size_t len)
{
	memcpy((char *)vm->memory + CODE, code, len);
	vm->run->psw_mask = PSW_64BIT | psw_mask;
	vm->run->psw_addr = CODE;
	return run_to_diagnose(vm);
}

/* Return how often a guest has run natively, or a negative errno. */
static long native_runs(void)
{
	static const char name[] = "world_switches ";
	char buf[512], *line;
	int ret = file_read(HWSIM "native", buf, sizeof(buf));

	if (ret < 0)
		return ret;
	line = strstr(buf, name);
	return line ? strtol(line + sizeof(name) - 1, NULL, 10) : -ENOENT;
}

FIXTURE_SETUP(sie)
{
	static const unsigned char diagnose[] = { 0x83, 0, 0x06, 0 };
	bool native = !strcmp(variant->engine, "native");
	long before = native_runs();

	ASSERT_LE(0, before);
	ASSERT_EQ(0, vm_create_with(&self->vm, variant->engine));
	self->memory = self->vm.memory;
	self->run = self->vm.run;
	memcpy(self->memory + AGENT_CODE, sie_2, sie_2_end - sie_2);
	set_psw(self->memory, PROGRAM_NEW, AGENT_CODE + SIE_HANDLERS);
	set_psw(self->memory, EXTERNAL_NEW, AGENT_CODE + SIE_HANDLERS + 4);
	set_psw(self->memory, SVC_NEW, AGENT_CODE + SIE_HANDLERS + 8);
	/* The guest runs with the engine that the variant selects. */
	ASSERT_EQ(SIE_DONE, run_code(&self->vm, 0, diagnose, sizeof(diagnose)));
	ASSERT_EQ(native, native_runs() > before);
}

FIXTURE_TEARDOWN(sie)
{
	vm_destroy(&self->vm);
}

static int run_command(struct vm *vm, enum sie_command command, unsigned long a, unsigned long b)
{
	vm->run->psw_mask = PSW_64BIT;
	vm->run->psw_addr = AGENT_CODE;
	vm->run->s.regs.gprs[2] = command;
	vm->run->s.regs.gprs[3] = a;
	vm->run->s.regs.gprs[4] = b;
	return run_to_diagnose(vm);
}

static void set_cr0(struct vm *vm, unsigned long cr0)
{
	vm->run->s.regs.crs[0] = cr0;
	vm->run->kvm_dirty_regs |= KVM_SYNC_CRS;
}

static int inject(struct vm *vm, unsigned int type)
{
	struct kvm_s390_irq irq = { .type = type };

	return ioctl(vm->vcpu, KVM_S390_IRQ, &irq) ? -errno : 0;
}

static void compute(struct __test_metadata *_metadata, struct vm *vm, const struct image *image)
{
	static const unsigned long seeds[] = { 0x9e3779b97f4a7c15UL, 1 };
	unsigned int i, part;

	memcpy((char *)vm->memory + AGENT_CODE, image->begin, image->end - image->begin);
	for (part = 0; part < SIE_PARTS; part++) {
		for (i = 0; i < ARRAY_SIZE(seeds); i++) {
			ASSERT_EQ(SIE_DONE, run_command(vm, SIE_WORK, part, seeds[i]));
			EXPECT_EQ(sie_work(part, seeds[i]), vm->run->s.regs.gprs[2])
				TH_LOG("%s part %u seed %lx", image->level, part, seeds[i]);
		}
	}
}

/* These tests have a longer timeout, because the interpreter is slow in a debug kernel. */
TEST_F_TIMEOUT(sie, guest_c_code_o0, 120)
{
	compute(_metadata, &self->vm, &images[0]);
}

TEST_F_TIMEOUT(sie, guest_c_code_o2, 120)
{
	compute(_metadata, &self->vm, &images[1]);
}

TEST_F_TIMEOUT(sie, guest_c_code_os, 120)
{
	compute(_metadata, &self->vm, &images[2]);
}

TEST_F(sie, diagnose_intercept)
{
	static const unsigned char code[] = { 0x83, 0x12, 0x36, 0x54 };

	self->run->s.regs.gprs[3] = 0x100;
	self->run->s.regs.gprs[14] = 14;
	self->run->s.regs.gprs[15] = 15;
	EXPECT_EQ(0x3654, run_code(&self->vm, 0, code, sizeof(code)));
	EXPECT_EQ(0x8312, self->run->s390_sieic.ipa);
	EXPECT_EQ(0x36540000, self->run->s390_sieic.ipb);
	EXPECT_EQ(CODE + 4, self->run->psw_addr);
	EXPECT_EQ(14, self->run->s.regs.gprs[14]);
	EXPECT_EQ(15, self->run->s.regs.gprs[15]);
}

TEST_F(sie, executed_diagnose_intercept)
{
	/* ex 1,DATA */
	static const unsigned char code[] = { 0x44, 0x10, 0x20, 0x00 };
	static const unsigned char target[] = { 0x83, 0x10, 0x06, 0x20 };

	memcpy(self->memory + DATA, target, sizeof(target));
	self->run->s.regs.gprs[1] = 5;
	self->run->s.regs.gprs[2] = DATA;
	EXPECT_EQ(0x620, run_code(&self->vm, 0, code, sizeof(code)));
	EXPECT_EQ(0x8315, self->run->s390_sieic.ipa);
	EXPECT_EQ(CODE + 4, self->run->psw_addr);
}

/* The guest memory is mapped, but none of its pages is present. */
TEST_F(sie, guest_page_faults)
{
	unsigned long addr, end = AGENT_MEMORY, sum = 0;

	ASSERT_EQ(0, madvise(self->memory + FREE, end - FREE, MADV_DONTNEED));
	ASSERT_EQ(SIE_DONE, run_command(&self->vm, SIE_TOUCH, FREE, end));
	for (addr = FREE; addr < end; addr += 4096) {
		EXPECT_EQ(addr, doubleword(&self->vm, addr + 8));
		sum += addr;
	}
	EXPECT_EQ(sum, self->run->s.regs.gprs[2]);

	/* All pages are zero pages now, so each store by the guest must fault. */
	ASSERT_EQ(0, madvise(self->memory + FREE, end - FREE, MADV_DONTNEED));
	for (addr = FREE; addr < end; addr += 4096)
		ASSERT_EQ(0, doubleword(&self->vm, addr));
	ASSERT_EQ(SIE_DONE, run_command(&self->vm, SIE_TOUCH, FREE, end));
	for (addr = FREE; addr < end; addr += 4096)
		EXPECT_EQ(addr, doubleword(&self->vm, addr + 8));
}

TEST_F(sie, operand_across_missing_pages)
{
	const unsigned long boundary = FREE + 0x5000, value = 0x0123456789abcdefUL;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(images); i++) {
		memcpy(self->memory + AGENT_CODE, images[i].begin, images[i].end - images[i].begin);
		ASSERT_EQ(0, madvise(self->memory + FREE, 0x10000, MADV_DONTNEED));
		/* The second page is present, but the first is not. */
		self->memory[boundary + 0x20] = 1;
		ASSERT_EQ(SIE_DONE, run_command(&self->vm, SIE_STRADDLE, boundary, value));
		EXPECT_EQ(2 * value, self->run->s.regs.gprs[2]) TH_LOG("%s", images[i].level);
		EXPECT_EQ(0, memcmp(self->memory + boundary - 3, &value, sizeof(value)));
		EXPECT_EQ(1, self->memory[boundary + 0x2020]);
	}
}

TEST_F(sie, program_interruptions)
{
	/*
	 * Register 1 contains DATA, register 2 an odd address, register 3 the largest
	 * integer, and register 5 zero.
	 */
	static const struct {
		const char *what;
		unsigned long mask;
		unsigned char code[6];
		unsigned int len, interruption;
	} cases[] = {
		{ "no such operation", 0, { 0xb2, 0xff, 0, 0 }, 4, 1 },
		{ "operation zero", 0, { 0, 0 }, 2, 1 },
		{ "six bytes, unknown", 0, { 0xe3, 0, 0, 0, 0, 0xff }, 6, 1 },
		{ "lpswe, problem state", PSW_PROBLEM, { 0xb2, 0xb2, 0x10, 0 }, 4, 2 },
		{ "diag, problem state", PSW_PROBLEM, { 0x83, 0, 0x06, 0 }, 4, 2 },
		{ "pqap, problem state", PSW_PROBLEM, { 0xb2, 0xaf, 0, 0 }, 4, 2 },
		{ "stosm, problem state", PSW_PROBLEM, { 0xad, 0x01, 0x10, 0 }, 4, 2 },
		{ "lctlg, problem state", PSW_PROBLEM, { 0xeb, 0x00, 0x10, 0, 0, 0x2f }, 6, 2 },
		{ "execute of execute", 0, { 0x44, 0, 0x10, 0 }, 4, 3 },
		{ "lg beyond memory", 0, { 0xe3, 0x00, 0x60, 0, 0, 0x04 }, 6, 5 },
		{ "st beyond memory", 0, { 0x50, 0x00, 0x60, 0 }, 4, 5 },
		{ "execute at an odd address", 0, { 0x44, 0, 0x20, 0 }, 4, 6 },
		{ "dr of an odd register", 0, { 0x1d, 0x13 }, 2, 6 },
		{ "cs not aligned", 0, { 0xba, 0, 0x10, 2 }, 4, 6 },
		{ "mvcle of odd registers", 0, { 0xa8, 0x13, 0, 0 }, 4, 6 },
		{ "pqap, no such function", 0, { 0xb2, 0xaf, 0, 0 }, 4, 6 },
		{ "ahi overflows", PSW_OVERFLOW, { 0xa7, 0x3a, 0, 1 }, 4, 8 },
		{ "dr by zero", 0, { 0x1d, 0x85 }, 2, 9 },
		{ "dlgr by zero", 0, { 0xb9, 0x87, 0, 0x85 }, 4, 9 },
	};
	unsigned long *gr = (unsigned long *)self->run->s.regs.gprs;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		gr[0] = 42UL << 24;
		gr[1] = DATA;
		gr[2] = DATA + 1;
		gr[3] = 0x7fffffff;
		gr[5] = 0;
		gr[6] = 0x40000000;
		memcpy(self->memory + DATA, (unsigned char []){ 0x44, 0, 0x10, 0 }, 4);
		EXPECT_EQ(SIE_PROGRAM, run_code(&self->vm, cases[i].mask, cases[i].code, 6))
			TH_LOG("%s", cases[i].what);
		EXPECT_EQ(cases[i].interruption, half(&self->vm, PROGRAM_CODE))
			TH_LOG("%s", cases[i].what);
		EXPECT_EQ(cases[i].len, half(&self->vm, PROGRAM_LENGTH))
			TH_LOG("%s", cases[i].what);
		EXPECT_EQ(CODE + cases[i].len, doubleword(&self->vm, PROGRAM_OLD + 8))
			TH_LOG("%s", cases[i].what);
	}
}

TEST_F(sie, invalid_psw)
{
	/* br 2 */
	static const unsigned char jump[] = { 0x07, 0xf2 };
	/* lpswe DATA */
	static const unsigned char load[] = { 0xb2, 0xb2, 0x10, 0x00 };
	static const unsigned long psw[2] = { PSW_64BIT | 1, CODE };

	self->run->s.regs.gprs[2] = CODE + 0x101;
	EXPECT_EQ(SIE_PROGRAM, run_code(&self->vm, 0, jump, sizeof(jump)));
	EXPECT_EQ(6, half(&self->vm, PROGRAM_CODE));
	EXPECT_EQ(CODE + 0x101, doubleword(&self->vm, PROGRAM_OLD + 8));

	memcpy(self->memory + DATA, psw, sizeof(psw));
	self->run->s.regs.gprs[1] = DATA;
	EXPECT_EQ(SIE_PROGRAM, run_code(&self->vm, 0, load, sizeof(load)));
	EXPECT_EQ(6, half(&self->vm, PROGRAM_CODE));
	EXPECT_EQ(psw[0], doubleword(&self->vm, PROGRAM_OLD));
	EXPECT_EQ(psw[1], doubleword(&self->vm, PROGRAM_OLD + 8));
}

/* Translation */

#define SEGMENTS	0x90000
#define PAGES		0x91000
/* virtual addresses in the second segment */
#define VIRTUAL		0x100000
#define SEGMENT_INVALID	0x20UL
#define PTE_INVALID	0x400UL
#define PTE_PROTECTED	0x200UL

#define ACCESS_ADDRESS	0x0a8

static unsigned long *pte(char *memory, unsigned long addr)
{
	return (unsigned long *)(memory + PAGES + (addr - VIRTUAL) / 4096 * 8);
}

/* Map the first segment of the guest to itself, and no page of the second one. */
static void build_tables(struct vm *vm)
{
	char *memory = vm->memory;
	unsigned long *segments = (unsigned long *)(memory + SEGMENTS), addr;

	memset(memory + SEGMENTS, 0, 4096);
	segments[0] = PAGES + 0x800;
	segments[1] = PAGES;
	for (addr = 0; addr < VIRTUAL; addr += 4096) {
		*(unsigned long *)(memory + PAGES + 0x800 + addr / 4096 * 8) = addr;
		*pte(memory, VIRTUAL + addr) = PTE_INVALID;
	}
	vm->run->s.regs.crs[1] = SEGMENTS;
	vm->run->kvm_dirty_regs |= KVM_SYNC_CRS;
}

TEST_F(sie, dat_invalid_table)
{
	/* lpswe DATA */
	static const unsigned char load[] = { 0xb2, 0xb2, 0x10, 0x00 };
	static const unsigned long psw[2] = { PSW_64BIT | PSW_DAT, FREE };

	build_tables(&self->vm);
	/* The type of the entry is that of a region table. */
	*(unsigned long *)(self->memory + SEGMENTS) |= 4;
	memcpy(self->memory + DATA, psw, sizeof(psw));
	self->run->s.regs.gprs[1] = DATA;
	EXPECT_EQ(SIE_PROGRAM, run_code(&self->vm, 0, load, sizeof(load)));
	EXPECT_EQ(0x12, half(&self->vm, PROGRAM_CODE));
	EXPECT_EQ(psw[0], doubleword(&self->vm, PROGRAM_OLD));
	EXPECT_EQ(psw[1], doubleword(&self->vm, PROGRAM_OLD + 8));
}

/* A translation exception leaves the PSW at the instruction, a protection exception behind it. */
TEST_F(sie, dat_exceptions)
{
	/* lg 5,0(1); stg 5,8(1); diag */
	static const unsigned char code[] = {
		0xe3, 0x50, 0x10, 0x00, 0, 0x04, 0xe3, 0x50, 0x10, 0x08, 0, 0x24, 0x83, 0, 0x06, 0,
	};

	build_tables(&self->vm);
	*(unsigned long *)(self->memory + DATA) = 42;
	self->run->s.regs.gprs[1] = VIRTUAL + 0x3000;
	EXPECT_EQ(SIE_PROGRAM, run_code(&self->vm, PSW_DAT, code, sizeof(code)));
	EXPECT_EQ(0x11, half(&self->vm, PROGRAM_CODE));
	EXPECT_EQ(CODE, doubleword(&self->vm, PROGRAM_OLD + 8));
	EXPECT_EQ(VIRTUAL + 0x3000, doubleword(&self->vm, ACCESS_ADDRESS) & ~0xfffUL);

	*pte(self->memory, VIRTUAL + 0x3000) = DATA | PTE_PROTECTED;
	EXPECT_EQ(SIE_PROGRAM, run_code(&self->vm, PSW_DAT, code, sizeof(code)));
	EXPECT_EQ(4, half(&self->vm, PROGRAM_CODE));
	EXPECT_EQ(6, half(&self->vm, PROGRAM_LENGTH));
	EXPECT_EQ(CODE + 12, doubleword(&self->vm, PROGRAM_OLD + 8));
	EXPECT_EQ(42, self->run->s.regs.gprs[5]);

	*pte(self->memory, VIRTUAL + 0x4000) = DATA;
	self->run->s.regs.gprs[1] = VIRTUAL + 0x4000;
	EXPECT_EQ(SIE_DONE, run_code(&self->vm, PSW_DAT, code, sizeof(code)));
	EXPECT_EQ(42, doubleword(&self->vm, DATA + 8));
}

/* If the target of an EXECUTE is in a missing page, the EXECUTE is nullified. */
TEST_F(sie, execute_target_missing)
{
	/* ex 0,0(1); diag */
	static const unsigned char code[] = { 0x44, 0x00, 0x10, 0x00, 0x83, 0, 0x06, 0 };
	/* stnsm 0(2),255; ex 0,0(1); diag */
	static const unsigned char after_trap[] = {
		0xac, 0xff, 0x20, 0x00, 0x44, 0x00, 0x10, 0x00, 0x83, 0, 0x06, 0,
	};

	build_tables(&self->vm);
	*pte(self->memory, VIRTUAL + 0x4000) = DATA;
	self->run->s.regs.gprs[1] = VIRTUAL + 0x3000;
	self->run->s.regs.gprs[2] = VIRTUAL + 0x4000;
	EXPECT_EQ(SIE_PROGRAM, run_code(&self->vm, PSW_DAT, code, sizeof(code)));
	EXPECT_EQ(0x11, half(&self->vm, PROGRAM_CODE));
	EXPECT_EQ(4, half(&self->vm, PROGRAM_LENGTH));
	EXPECT_EQ(CODE, doubleword(&self->vm, PROGRAM_OLD + 8));
	EXPECT_EQ(SIE_PROGRAM, run_code(&self->vm, PSW_DAT, after_trap, sizeof(after_trap)));
	EXPECT_EQ(0x11, half(&self->vm, PROGRAM_CODE));
	EXPECT_EQ(4, half(&self->vm, PROGRAM_LENGTH));
	EXPECT_EQ(CODE + 4, doubleword(&self->vm, PROGRAM_OLD + 8));
}

/* The target of an EXECUTE is missing in the VMM, so the vCPU leaves SIE and tries again. */
TEST_F(sie, execute_target_discarded)
{
	/* stnsm 0(2),255; ex 0,0(1); diag */
	static const unsigned char code[] = {
		0xac, 0xff, 0x20, 0x00, 0x44, 0x00, 0x10, 0x00, 0x83, 0, 0x06, 0,
	};

	self->run->s.regs.gprs[1] = FREE;
	self->run->s.regs.gprs[2] = DATA;
	ASSERT_EQ(0, madvise(self->memory + FREE, 4096, MADV_DONTNEED));
	/* The new page contains zeros. */
	EXPECT_EQ(SIE_PROGRAM, run_code(&self->vm, 0, code, sizeof(code)));
	EXPECT_EQ(1, half(&self->vm, PROGRAM_CODE));
	EXPECT_EQ(CODE + 8, doubleword(&self->vm, PROGRAM_OLD + 8));
}

/* LRA reports a table that is too short differently from an invalid entry. */
TEST_F(sie, lra_outside_table)
{
	/* lrag 3,0(1); ipm 4; lrag 5,0(2); ipm 6; diag */
	static const unsigned char code[] = {
		0xe3, 0x30, 0x10, 0x00, 0, 0x03, 0xb2, 0x22, 0x00, 0x40,
		0xe3, 0x50, 0x20, 0x00, 0, 0x03, 0xb2, 0x22, 0x00, 0x60, 0x83, 0, 0x06, 0,
	};
	unsigned long *gr = (unsigned long *)self->run->s.regs.gprs;

	build_tables(&self->vm);
	*(unsigned long *)(self->memory + SEGMENTS + 16) = SEGMENT_INVALID;
	gr[1] = 512UL << 20;
	gr[2] = 2UL << 20;
	gr[3] = 0;
	EXPECT_EQ(SIE_DONE, run_code(&self->vm, PSW_DAT, code, sizeof(code)));
	EXPECT_EQ(3, gr[4] >> 28 & 3);
	EXPECT_EQ(0x80000010, gr[3]);
	EXPECT_EQ(1, gr[6] >> 28 & 3);
	EXPECT_EQ(SEGMENTS + 16, gr[5]);
}

/* When the VMM sets control registers, KVM requests a purge of the guest's TLB. */
TEST_F(sie, purge_by_vmm)
{
	/* lg 5,0(1); diag */
	static const unsigned char code[] = { 0xe3, 0x50, 0x10, 0x00, 0, 0x04, 0x83, 0, 0x06, 0 };
	unsigned long *gr = (unsigned long *)self->run->s.regs.gprs;

	build_tables(&self->vm);
	*pte(self->memory, VIRTUAL) = DATA;
	*(unsigned long *)(self->memory + DATA) = 42;
	*(unsigned long *)(self->memory + FREE) = 43;
	gr[1] = VIRTUAL;
	EXPECT_EQ(SIE_DONE, run_code(&self->vm, PSW_DAT, code, sizeof(code)));
	EXPECT_EQ(42, gr[5]);
	*pte(self->memory, VIRTUAL) = FREE;
	self->run->kvm_dirty_regs |= KVM_SYNC_CRS;
	EXPECT_EQ(SIE_DONE, run_code(&self->vm, PSW_DAT, code, sizeof(code)));
	EXPECT_EQ(43, gr[5]);
}

/* After IPTE, the guest must not use the page, although it was mapped. */
TEST_F(sie, purge_on_ipte)
{
	/* lg 5,0(1); ipte 2,1; lg 6,0(1); diag */
	static const unsigned char code[] = {
		0xe3, 0x50, 0x10, 0x00, 0, 0x04, 0xb2, 0x21, 0x00, 0x21,
		0xe3, 0x60, 0x10, 0x00, 0, 0x04, 0x83, 0, 0x06, 0,
	};

	build_tables(&self->vm);
	*(unsigned long *)(self->memory + DATA) = 42;
	*pte(self->memory, VIRTUAL) = DATA;
	self->run->s.regs.gprs[1] = VIRTUAL;
	self->run->s.regs.gprs[2] = PAGES;
	self->run->s.regs.gprs[6] = 0;
	EXPECT_EQ(SIE_PROGRAM, run_code(&self->vm, PSW_DAT, code, sizeof(code)));
	EXPECT_EQ(0x11, half(&self->vm, PROGRAM_CODE));
	EXPECT_EQ(CODE + 10, doubleword(&self->vm, PROGRAM_OLD + 8));
	EXPECT_EQ(42, self->run->s.regs.gprs[5]);
	EXPECT_EQ(0, self->run->s.regs.gprs[6]);
	EXPECT_EQ(DATA | PTE_INVALID, *pte(self->memory, VIRTUAL));
}

/* The instructions that purge a TLB, each after the guest has changed a valid entry. */
TEST_F(sie, purge_of_whole_tlb)
{
	static const struct {
		const char *what;
		unsigned char code[4];
	} cases[] = {
		{ "ptlb", { 0xb2, 0x0d, 0, 0 } },
		{ "idte 0,7,8", { 0xb9, 0x8e, 0x70, 0x08 } },
		{ "csp 10,9", { 0xb2, 0x50, 0, 0xa9 } },
		{ "cspg 10,9", { 0xb9, 0x8a, 0, 0xa9 } },
	};
	/* lg 5,0(1); stg 4,0(3); (purge); lg 6,0(1); diag */
	unsigned char code[] = {
		0xe3, 0x50, 0x10, 0x00, 0, 0x04, 0xe3, 0x40, 0x30, 0x00, 0, 0x24, 0, 0, 0, 0,
		0xe3, 0x60, 0x10, 0x00, 0, 0x04, 0x83, 0, 0x06, 0,
	};
	static const unsigned char diagnose[] = { 0x83, 0, 0x06, 0 };
	unsigned long *gr = (unsigned long *)self->run->s.regs.gprs;
	unsigned int i;

	*(unsigned long *)(self->memory + DATA) = 42;
	*(unsigned long *)(self->memory + FREE) = 43;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		/* Without DAT, the guest forgets the tables and instructions of the last case. */
		ASSERT_EQ(SIE_DONE, run_code(&self->vm, 0, diagnose, sizeof(diagnose)));
		build_tables(&self->vm);
		*pte(self->memory, VIRTUAL) = DATA;
		memcpy(code + 12, cases[i].code, 4);
		gr[1] = VIRTUAL;
		gr[3] = PAGES;
		gr[4] = FREE;
		gr[7] = SEGMENTS;
		gr[8] = 0x800;
		/* CSP compares equal. Bit 63 of the address requests the purge. */
		gr[9] = (FREE + 0x100) | 1;
		gr[10] = 0;
		gr[11] = 0;
		EXPECT_EQ(SIE_DONE, run_code(&self->vm, PSW_DAT, code, sizeof(code)))
			TH_LOG("%s", cases[i].what);
		EXPECT_EQ(42, gr[5]) TH_LOG("%s", cases[i].what);
		EXPECT_EQ(43, gr[6]) TH_LOG("%s", cases[i].what);
	}
}

/* Another address space must not show the pages of the first. */
TEST_F(sie, address_space_switch)
{
	/* lg 5,0(1); lctlg 1,1,0(2); lg 6,0(1); diag */
	static const unsigned char code[] = {
		0xe3, 0x50, 0x10, 0x00, 0, 0x04, 0xeb, 0x11, 0x20, 0x00, 0, 0x2f,
		0xe3, 0x60, 0x10, 0x00, 0, 0x04, 0x83, 0, 0x06, 0,
	};
	unsigned long *segments;

	build_tables(&self->vm);
	*(unsigned long *)(self->memory + DATA) = 42;
	*(unsigned long *)(self->memory + FREE) = 43;
	*pte(self->memory, VIRTUAL) = DATA;
	/* The second space maps FREE in place of DATA. */
	segments = (unsigned long *)(self->memory + SEGMENTS + 0x4000);
	memset(segments, 0, 4096);
	segments[0] = PAGES + 0x800;
	segments[1] = PAGES + 0x4000;
	*(unsigned long *)(self->memory + PAGES + 0x4000) = FREE;
	*(unsigned long *)(self->memory + DATA + 0x100) = SEGMENTS + 0x4000;
	self->run->s.regs.gprs[1] = VIRTUAL;
	self->run->s.regs.gprs[2] = DATA + 0x100;
	EXPECT_EQ(SIE_DONE, run_code(&self->vm, PSW_DAT, code, sizeof(code)));
	EXPECT_EQ(42, self->run->s.regs.gprs[5]);
	EXPECT_EQ(43, self->run->s.regs.gprs[6]);
}

/* Each guest sees its own memory. */
TEST_F(sie, two_guests)
{
	/* lg 5,0(1); diag */
	static const unsigned char code[] = { 0xe3, 0x50, 0x10, 0x00, 0, 0x04, 0x83, 0, 0x06, 0 };
	struct vm other, *vms[] = { &self->vm, &other };
	unsigned int i;

	ASSERT_EQ(0, vm_create_with(&other, variant->engine));
	*(unsigned long *)(self->memory + DATA) = 42;
	*(unsigned long *)((char *)other.memory + DATA) = 43;
	for (i = 0; i < 4; i++) {
		vms[i % 2]->run->s.regs.gprs[1] = DATA;
		EXPECT_EQ(SIE_DONE, run_code(vms[i % 2], 0, code, sizeof(code)));
		EXPECT_EQ(42 + i % 2, vms[i % 2]->run->s.regs.gprs[5]);
	}
	vm_destroy(&other);
}

/* The guest changes an instruction that it has executed, and executes it again. */
TEST_F(sie, instruction_modified_by_guest)
{
	/* lghi 5,0; loop: aghi 5,1; aghi 6,1; stc 6,CODE+7; brct 3,loop; diag: adds 1, 2 and 3 */
	static const unsigned char code[] = {
		0xa7, 0x59, 0, 0, 0xa7, 0x5b, 0, 1, 0xa7, 0x6b, 0, 1, 0x42, 0x60, 0x10, 0x07,
		0xa7, 0x36, 0xff, 0xfa, 0x83, 0, 0x06, 0,
	};

	self->run->s.regs.gprs[1] = CODE;
	self->run->s.regs.gprs[3] = 3;
	self->run->s.regs.gprs[6] = 1;
	EXPECT_EQ(SIE_DONE, run_code(&self->vm, 0, code, sizeof(code)));
	EXPECT_EQ(6, self->run->s.regs.gprs[5]);
}

/* EPSW shows the PSW of the guest, also as the target of an EXECUTE. */
TEST_F(sie, epsw_shows_guest)
{
	/* epsw 4,5; ex 0,CODE; diag */
	static const unsigned char code[] = {
		0xb9, 0x8d, 0x00, 0x45, 0x44, 0x00, 0x20, 0x00, 0x83, 0, 0x06, 0,
	};
	/* epsw 6,7 */
	static const unsigned char target[] = { 0xb9, 0x8d, 0x00, 0x67 };
	unsigned long *gr = (unsigned long *)self->run->s.regs.gprs;

	memcpy(self->memory + DATA, target, sizeof(target));
	gr[2] = DATA;
	gr[4] = 0;
	gr[5] = 0;
	gr[6] = 0;
	gr[7] = 0;
	EXPECT_EQ(SIE_DONE, run_code(&self->vm, PSW_EXTERNAL, code, sizeof(code)));
	EXPECT_EQ((PSW_64BIT | PSW_EXTERNAL) >> 32, gr[4]);
	EXPECT_EQ((unsigned int)PSW_64BIT, gr[5]);
	EXPECT_EQ(gr[4], gr[6]);
	EXPECT_EQ(gr[5], gr[7]);
}

/* SPM enables the fixed-point-overflow interruption, which QEMU's TCG lacks. */
TEST_F(sie, overflow_enabled_by_spm)
{
	/* spm 2; ahi 3,1 */
	static const unsigned char code[] = { 0x04, 0x20, 0xa7, 0x3a, 0, 1 };

	self->run->s.regs.gprs[2] = 0x08000000;
	self->run->s.regs.gprs[3] = 0x7fffffff;
	EXPECT_EQ(SIE_PROGRAM, run_code(&self->vm, 0, code, sizeof(code)));
	EXPECT_EQ(8, half(&self->vm, PROGRAM_CODE));
	EXPECT_EQ(CODE + 6, doubleword(&self->vm, PROGRAM_OLD + 8));
}

/* Two CPUs change the same word. With the overflow mask, the guest is interpreted. */

struct changer {
	void *(*change)(void *changer);
	char *at;
	unsigned int changes, lost;
	int done;
};

static bool changer_goes_on(struct changer *changer)
{
	unsigned int i;

	__atomic_add_fetch(&changer->changes, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 1000; i++)
		asm volatile("" : : "r" (i));
	return !__atomic_load_n(&changer->done, __ATOMIC_RELAXED);
}

/* Add a limited number of times, because the guest's CS may fail each time until then. */
static void *add_one(void *data)
{
	struct changer *changer = data;

	do
		__atomic_add_fetch((unsigned int *)changer->at, 1, __ATOMIC_RELAXED);
	while (changer_goes_on(changer) && changer->changes < 20000);
	return NULL;
}

/* Flip the leftmost bit of the byte, and count how often the other CPU has undone it. */
static void *flip_bit(void *data)
{
	struct changer *changer = data;
	unsigned char before, expected = 0;

	do {
		before = __atomic_fetch_xor(changer->at, 0x80, __ATOMIC_RELAXED);
		changer->lost += (before & 0x80) != expected;
		expected = ~before & 0x80;
	} while (changer_goes_on(changer));
	return NULL;
}

/* Run code in the guest, while a thread of the VMM changes the word at DATA. */
static int run_with_changer(struct vm *vm, const unsigned char *code, size_t len,
			    struct changer *changer)
{
	pthread_t thread;
	int ret;

	changer->at = (char *)vm->memory + DATA;
	*(unsigned int *)changer->at = 0;
	vm->run->s.regs.gprs[1] = DATA;
	vm->run->s.regs.gprs[2] = 20000;
	ret = pthread_create(&thread, NULL, changer->change, changer);
	if (ret)
		return -ret;
	while (!__atomic_load_n(&changer->changes, __ATOMIC_RELAXED))
		sched_yield();
	ret = run_code(vm, PSW_OVERFLOW, code, len);
	__atomic_store_n(&changer->done, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	return ret;
}

TEST_F(sie, compare_and_swap_and_vmm)
{
	/* loop: l 3,0(1); retry: lr 4,3; ahi 4,1; cs 3,4,0(1); brc 4,retry; brct 2,loop; diag */
	static const unsigned char code[] = {
		0x58, 0x30, 0x10, 0x00, 0x18, 0x43, 0xa7, 0x4a, 0, 1, 0xba, 0x34, 0x10, 0x00,
		0xa7, 0x44, 0xff, 0xfb, 0xa7, 0x26, 0xff, 0xf7, 0x83, 0, 0x06, 0,
	};
	struct changer changer = { .change = add_one };

	EXPECT_EQ(SIE_DONE, run_with_changer(&self->vm, code, sizeof(code), &changer));
	EXPECT_EQ(20000 + changer.changes, *(unsigned int *)changer.at);
}

TEST_F(sie, byte_updates_and_vmm)
{
	/* loop: oi 0(1),1; xi 0(1),2; ni 0(1),254; brct 2,loop; diag */
	static const unsigned char code[] = {
		0x96, 0x01, 0x10, 0x00, 0x97, 0x02, 0x10, 0x00, 0x94, 0xfe, 0x10, 0x00,
		0xa7, 0x26, 0xff, 0xfa, 0x83, 0, 0x06, 0,
	};
	struct changer changer = { .change = flip_bit };

	EXPECT_EQ(SIE_DONE, run_with_changer(&self->vm, code, sizeof(code), &changer));
	EXPECT_EQ(0, changer.lost);
	EXPECT_EQ(changer.changes % 2 * 0x80, *(unsigned char *)changer.at);
}

/* ECTG subtracts the CPU timer of the guest. */
TEST_F(sie, ectg_shows_guest)
{
	/* spt 0(1); ectg 0(1),8(1),2; diag */
	static const unsigned char code[] = {
		0xb2, 0x08, 0x10, 0x00, 0xc8, 0x21, 0x10, 0x00, 0x10, 0x08, 0x83, 0, 0x06, 0,
	};
	/* The timer expires in 268 seconds. */
	static const unsigned long data[] = { 1UL << 40, 42, 43 };
	unsigned long *gr = (unsigned long *)self->run->s.regs.gprs;

	memcpy(self->memory + DATA, data, sizeof(data));
	gr[1] = DATA;
	gr[2] = DATA + 16;
	EXPECT_EQ(SIE_DONE, run_code(&self->vm, 0, code, sizeof(code)));
	EXPECT_LT(gr[0], 1UL << 40);
	EXPECT_EQ(42, gr[1]);
	EXPECT_EQ(43, gr[2]);
}

/* A problem program can use the keys in control register 3 only. */
TEST_F(sie, mvcos_in_problem_state)
{
	/* mvcos 0(1),0(2),3; svc 1 */
	static const unsigned char code[] = { 0xc8, 0x30, 0x10, 0x00, 0x20, 0x00, 0x0a, 0x01 };
	static const struct {
		const char *what;
		unsigned long oac, keys;
		unsigned short exception;
	} cases[] = {
		{ "permitted", 0, 0x80000000, 0 },
		{ "no key", 0, 0, 2 },
		{ "source in the home space, no key", 0xc1, 0, 2 },
		{ "key 15 instead of 0", 0xf002, 0x80000000, 2 },
		{ "destination in the home space", 0xc10000, 0xffff0000, 0x13 },
		{ "no secondary-space control", 0x81, 0xffff0000, 0x13 },
	};
	unsigned long *gr = (unsigned long *)self->run->s.regs.gprs, moved;
	unsigned int i;
	int expected, end;

	build_tables(&self->vm);
	*(unsigned long *)(self->memory + FREE) = 42;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		*(unsigned long *)(self->memory + DATA) = 0;
		memset(self->memory + PROGRAM_LENGTH, 0, 4);
		gr[0] = cases[i].oac;
		gr[1] = DATA;
		gr[2] = FREE;
		gr[3] = 8;
		self->run->s.regs.crs[3] = cases[i].keys;
		self->run->s.regs.crs[13] = SEGMENTS;
		self->run->kvm_dirty_regs |= KVM_SYNC_CRS;
		expected = SIE_SUPERVISOR;
		moved = 42;
		if (cases[i].exception) {
			expected = SIE_PROGRAM;
			moved = 0;
		}
		end = run_code(&self->vm, PSW_DAT | PSW_PROBLEM, code, sizeof(code));
		EXPECT_EQ(expected, end) TH_LOG("%s", cases[i].what);
		EXPECT_EQ(cases[i].exception, half(&self->vm, PROGRAM_CODE))
			TH_LOG("%s", cases[i].what);
		EXPECT_EQ(moved, doubleword(&self->vm, DATA)) TH_LOG("%s", cases[i].what);
	}
}

/* An operation exception takes precedence over a privileged-operation exception. */
TEST_F(sie, ap_instructions_disabled)
{
	static const unsigned char codes[][4] = {
		{ 0xb2, 0xaf, 0, 0 }, { 0xb2, 0xad, 0, 0x46 }, { 0xb2, 0xae, 0, 0x46 },
	};
	static const unsigned long masks[] = { 0, PSW_PROBLEM };
	struct kvm_device_attr off = {
		.group = KVM_S390_VM_CRYPTO,
		.attr = KVM_S390_VM_CRYPTO_DISABLE_APIE,
	};
	unsigned int i, j;

	ASSERT_EQ(0, ioctl(self->vm.fd, KVM_SET_DEVICE_ATTR, &off));
	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		for (j = 0; j < ARRAY_SIZE(masks); j++) {
			EXPECT_EQ(SIE_PROGRAM, run_code(&self->vm, masks[j], codes[i], 4));
			EXPECT_EQ(1, half(&self->vm, PROGRAM_CODE)) TH_LOG("%u %u", i, j);
		}
	}
}

TEST_F(sie, supervisor_call_in_guest)
{
	static const unsigned char code[] = { 0x0a, 0x2a };

	EXPECT_EQ(SIE_SUPERVISOR, run_code(&self->vm, PSW_PROBLEM, code, sizeof(code)));
	EXPECT_EQ(2, half(&self->vm, SVC_LENGTH));
	EXPECT_EQ(0x2a, half(&self->vm, SVC_CODE));
	EXPECT_EQ(PSW_64BIT | PSW_PROBLEM, doubleword(&self->vm, SVC_OLD));
	EXPECT_EQ(CODE + 2, doubleword(&self->vm, SVC_OLD + 8));
}

TEST_F(sie, lowcore_prefixing)
{
	/* mvi 16(1),7; svc 1 */
	static const unsigned char code[] = { 0x92, 0x07, 0x10, 0x10, 0x0a, 0x01 };

	self->run->s.regs.prefix = FREE;
	self->run->kvm_dirty_regs |= KVM_SYNC_PREFIX;
	self->run->s.regs.gprs[1] = FREE;
	set_psw(self->memory, FREE + SVC_NEW, AGENT_CODE + SIE_HANDLERS + 8);
	EXPECT_EQ(SIE_SUPERVISOR, run_code(&self->vm, 0, code, sizeof(code)));
	EXPECT_EQ(1, half(&self->vm, FREE + SVC_CODE));
	EXPECT_EQ(0, half(&self->vm, SVC_CODE));
	/* Real address FREE is absolute address 0. */
	EXPECT_EQ(7, self->memory[16]);
	EXPECT_EQ(0, self->memory[FREE + 16]);
}

TEST_F(sie, stfle_cpu_model)
{
	/* stfle DATA; diag */
	static const unsigned char code[] = { 0xb2, 0xb0, 0x10, 0x00, 0x83, 0, 0x06, 0 };
	unsigned long first;

	self->run->s.regs.gprs[0] = 1;
	self->run->s.regs.gprs[1] = DATA;
	ASSERT_EQ(SIE_DONE, run_code(&self->vm, 0, code, sizeof(code)));
	first = doubleword(&self->vm, DATA);
	EXPECT_TRUE(first & 1UL << (63 - 12));
	EXPECT_TRUE(first & 1UL << (63 - 15));
	EXPECT_TRUE(doubleword(&self->vm, DATA + 8) & 1UL << (127 - 65));
}

TEST_F(sie, irq_enabled_by_psw)
{
	/* stosm 0(1),1; diag */
	static const unsigned char code[] = { 0xad, 0x01, 0x10, 0x00, 0x83, 0, 0x06, 0 };

	self->run->s.regs.gprs[1] = DATA;
	set_cr0(&self->vm, CR0_EMERGENCY);
	ASSERT_EQ(0, inject(&self->vm, KVM_S390_INT_EMERGENCY));
	EXPECT_EQ(SIE_EXTERNAL, run_code(&self->vm, 0, code, sizeof(code)));
	EXPECT_EQ(EMERGENCY_SIGNAL, half(&self->vm, EXTERNAL_CODE));
	EXPECT_EQ(CODE + 4, doubleword(&self->vm, EXTERNAL_OLD + 8));
	EXPECT_EQ(PSW_64BIT | PSW_EXTERNAL, doubleword(&self->vm, EXTERNAL_OLD));
}

TEST_F(sie, clock_comparator_wakeup)
{
	/* sckc 0(1); lpswe 8(1) */
	static const unsigned char code[] = { 0xb2, 0x06, 0x10, 0x00, 0xb2, 0xb2, 0x10, 0x08 };
	/* the time 1 is in the past */
	static const unsigned long data[] = {
		1, PSW_64BIT | PSW_WAIT | PSW_EXTERNAL, CODE + sizeof(code),
	};

	memcpy(self->memory + DATA, data, sizeof(data));
	self->run->s.regs.gprs[1] = DATA;
	set_cr0(&self->vm, CR0_CLOCK_COMPARATOR);
	EXPECT_EQ(SIE_EXTERNAL, run_code(&self->vm, 0, code, sizeof(code)));
	EXPECT_EQ(CLOCK_COMPARATOR, half(&self->vm, EXTERNAL_CODE));
	EXPECT_EQ(1, self->run->s.regs.ckc);

	self->run->s.regs.gprs[1] = DATA + 4;
	EXPECT_EQ(SIE_PROGRAM, run_code(&self->vm, 0, code, sizeof(code)));
	EXPECT_EQ(6, half(&self->vm, PROGRAM_CODE));
	EXPECT_EQ(SIE_PROGRAM, run_code(&self->vm, PSW_PROBLEM, code, sizeof(code)));
	EXPECT_EQ(2, half(&self->vm, PROGRAM_CODE));
}

TEST_F(sie, irq_enabled_by_control_register)
{
	/* lctlg 0,0,0(1); diag */
	static const unsigned char code[] = { 0xeb, 0x00, 0x10, 0, 0, 0x2f, 0x83, 0, 0x06, 0 };
	static const unsigned long cr0 = CR0_EMERGENCY;

	memcpy(self->memory + DATA, &cr0, sizeof(cr0));
	self->run->s.regs.gprs[1] = DATA;
	set_cr0(&self->vm, 0);
	ASSERT_EQ(0, inject(&self->vm, KVM_S390_INT_EMERGENCY));
	EXPECT_EQ(SIE_EXTERNAL, run_code(&self->vm, PSW_EXTERNAL, code, sizeof(code)));
	EXPECT_EQ(EMERGENCY_SIGNAL, half(&self->vm, EXTERNAL_CODE));
	EXPECT_EQ(CODE + 6, doubleword(&self->vm, EXTERNAL_OLD + 8));
}

/*
 * Both engines give the same result for single instructions with random operands. The
 * engine "native" executes them on the CPU.
 */

enum format {
	FMT_E, FMT_I, FMT_IE, FMT_RR, FMT_RRE, FMT_RX, FMT_RXY, FMT_RS, FMT_RSY, FMT_RSI, FMT_RI,
	FMT_RIE, FMT_RIL, FMT_S, FMT_SI, FMT_SIL, FMT_SS,
};

static const struct line {
	unsigned short code;
	enum format format;
	const char *name, *action;
} lines[] = {
#define INSN(code, mnemonic, format, operand, action)				\
	{ code, FMT_##format, #mnemonic, #action },
#include "../../../../drivers/s390/crypto/ap_hwsim/sie_opcodes.h"
#undef INSN
};

/*
 * Exclude instructions that leave the code, need addresses in registers, or control the CPU. Also
 * exclude STMH, for which QEMU's TCG stores zeros.
 */
static bool is_comparable(const struct line *line)
{
	static const char *const others[] = {
		"CONTROL", "EX", "SPM", "EPSW", "SSM", "STNSM", "STOSM", "LPSW", "LPSWE", "LCTL",
		"LCTLG", "STCTL", "STCTG", "MVCLE", "CLCLE", "MVST", "CLST", "SRST", "LARL",
		"STMH",
	};
	unsigned int i;

	if (line->format == FMT_E || line->format == FMT_RSI || line->format == FMT_RIE ||
	    line->action[0] == 'B')
		return false;
	for (i = 0; i < ARRAY_SIZE(others); i++)
		if (!strcmp(line->action, others[i]))
			return false;
	return true;
}

/* Storage operands are in the page at DATA, to which register 1 points. */
static size_t make_code(const struct line *line, unsigned long random, unsigned char *code)
{
	size_t len = line->code < 0x4000 ? 2 : line->code < 0xc000 ? 4 : 6;
	bool storage = line->format == FMT_RX || line->format == FMT_RXY ||
		       line->format == FMT_RS || line->format == FMT_RSY ||
		       line->format == FMT_S || line->format == FMT_SI ||
		       line->format == FMT_SIL || line->format == FMT_SS;
	unsigned int i;

	memset(code, 0, 10);
	code[0] = line->code >> 8;
	if (line->format == FMT_RRE || line->format == FMT_IE || line->format == FMT_SIL)
		code[1] = line->code;
	if (line->format == FMT_RXY || line->format == FMT_RSY)
		code[5] = line->code;
	i = line->format == FMT_RRE || line->format == FMT_IE ? 3 :
	    line->format == FMT_SIL ? 4 : 1;
	if (line->format == FMT_RI || line->format == FMT_RIL)
		code[i] = (random & 0xf0) | (line->code & 15);
	else if (line->format == FMT_RX || line->format == FMT_RXY)
		code[i] = random & 0xf0;
	else
		code[i] = random;
	if (line->format == FMT_RI) {
		code[2] = random >> 8;
		code[3] = random >> 16;
	}
	if (storage) {
		code[2] = 0x10 | (random >> 8 & 3);
		code[3] = random >> 16;
	}
	if (line->format == FMT_SS) {
		code[4] = 0x10 | (random >> 24 & 3);
		code[5] = random >> 32;
	}
	/* diag */
	code[len] = 0x83;
	code[len + 2] = 0x06;
	return len + 4;
}

static void run_random(struct vm *vm, const struct line *line, unsigned long seed)
{
	unsigned long *gr = (unsigned long *)vm->run->s.regs.gprs;
	unsigned char code[10];
	unsigned int i;
	size_t len;

	for (i = 0; i < 4096; i += 8)
		*(unsigned long *)((char *)vm->memory + DATA + i) = sie_next(&seed);
	/* Small numbers and the sign are more interesting than other numbers. */
	for (i = 0; i < 16; i++) {
		gr[i] = sie_next(&seed);
		if (gr[i] & 0x300)
			gr[i] = (long)gr[i] >> (gr[i] & 63);
	}
	gr[1] = DATA + 0x400;
	memset((char *)vm->memory + PROGRAM_LENGTH, 0, 4);
	len = make_code(line, sie_next(&seed), code);
	run_code(vm, seed & 0x300000000000UL, code, len);
}

TEST(engines_agree)
{
	struct vm vms[2];
	long before = native_runs();
	unsigned long seed = 1;
	unsigned int i, j;

	ASSERT_EQ(0, vm_create_with(&vms[0], "interpret"));
	ASSERT_EQ(0, vm_create_with(&vms[1], "native"));
	for (i = 0; i < 2; i++) {
		memcpy((char *)vms[i].memory + AGENT_CODE, sie_2, sie_2_end - sie_2);
		set_psw(vms[i].memory, PROGRAM_NEW, AGENT_CODE + SIE_HANDLERS);
	}
	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		for (j = 0; is_comparable(&lines[i]) && j < 16; j++, sie_next(&seed)) {
			struct kvm_run *a = vms[0].run, *b = vms[1].run;

			run_random(&vms[0], &lines[i], seed);
			run_random(&vms[1], &lines[i], seed);
			EXPECT_EQ(a->psw_mask, b->psw_mask) TH_LOG("%s %#lx", lines[i].name, seed);
			EXPECT_EQ(a->psw_addr, b->psw_addr) TH_LOG("%s %#lx", lines[i].name, seed);
			EXPECT_EQ(0, memcmp(a->s.regs.gprs, b->s.regs.gprs, sizeof(a->s.regs.gprs)))
				TH_LOG("%s %#lx", lines[i].name, seed);
			EXPECT_EQ(0, memcmp(vms[0].memory + DATA, vms[1].memory + DATA, 4096))
				TH_LOG("%s %#lx", lines[i].name, seed);
			EXPECT_EQ(half(&vms[0], PROGRAM_CODE), half(&vms[1], PROGRAM_CODE))
				TH_LOG("%s %#lx", lines[i].name, seed);
			EXPECT_EQ(0, memcmp(vms[0].memory + PROGRAM_OLD,
					    vms[1].memory + PROGRAM_OLD, 16))
				TH_LOG("%s %#lx", lines[i].name, seed);
		}
	}
	EXPECT_LT(before, native_runs());
	vm_destroy(&vms[0]);
	vm_destroy(&vms[1]);
}

/* Run a guest that never exits by itself, in a separate thread. */

struct stay {
	struct vm *vm;
	int began;
	int ret;
};

static void *stay(void *data)
{
	struct stay *stay = data;

	__atomic_store_n(&stay->began, 1, __ATOMIC_RELEASE);
	stay->ret = ioctl(stay->vm->vcpu, KVM_RUN, 0) ? -errno : 0;
	return NULL;
}

static void kicked(int signal)
{
	(void)signal;
}

static void stay_begin(struct __test_metadata *_metadata, pthread_t *thread, struct stay *what,
		       struct vm *vm)
{
	struct sigaction kick = { .sa_handler = kicked };

	*what = (struct stay){ .vm = vm };
	sigaction(SIGUSR1, &kick, NULL);
	ASSERT_EQ(0, pthread_create(thread, NULL, stay, what));
	while (!__atomic_load_n(&what->began, __ATOMIC_ACQUIRE))
		usleep(1000);
	/* By now, the guest should be in SIE. If it is not, the test still passes. */
	usleep(50000);
}

static void set_code(struct vm *vm, unsigned long mask, const void *code, size_t len)
{
	memcpy((char *)vm->memory + CODE, code, len);
	vm->run->psw_mask = PSW_64BIT | mask;
	vm->run->psw_addr = CODE;
}

static const unsigned char endless[] = { 0xa7, 0xf4, 0x00, 0x00 };

TEST_F(sie, signal_in_loop_and_wait)
{
	static const unsigned long masks[] = { 0, PSW_WAIT | PSW_EXTERNAL };
	struct stay what;
	pthread_t thread;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(masks); i++) {
		set_code(&self->vm, masks[i], endless, sizeof(endless));
		set_cr0(&self->vm, CR0_EMERGENCY);
		stay_begin(_metadata, &thread, &what, &self->vm);
		/*
		 * Without immediate_exit, a signal that arrives just before KVM_RUN would
		 * be lost.
		 */
		self->run->immediate_exit = 1;
		pthread_kill(thread, SIGUSR1);
		pthread_join(thread, NULL);
		self->run->immediate_exit = 0;
		EXPECT_EQ(-EINTR, what.ret);
		EXPECT_EQ(CODE, self->run->psw_addr);
	}
}

TEST_F(sie, stop_request_in_loop)
{
	struct stay what;
	pthread_t thread;

	set_code(&self->vm, 0, endless, sizeof(endless));
	stay_begin(_metadata, &thread, &what, &self->vm);
	ASSERT_EQ(0, inject(&self->vm, KVM_S390_SIGP_STOP));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, what.ret);
	EXPECT_EQ(KVM_EXIT_S390_SIEIC, self->run->exit_reason);
	EXPECT_EQ(ICPT_STOP, self->run->s390_sieic.icptcode);
	EXPECT_EQ(CODE, self->run->psw_addr);
}

TEST_F(sie, irq_in_loop_and_wait)
{
	static const unsigned long masks[] = { PSW_EXTERNAL, PSW_EXTERNAL | PSW_WAIT };
	struct stay what;
	pthread_t thread;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(masks); i++) {
		memset(self->memory + EXTERNAL_OLD, 0, 16);
		set_code(&self->vm, masks[i], endless, sizeof(endless));
		set_cr0(&self->vm, CR0_EMERGENCY);
		stay_begin(_metadata, &thread, &what, &self->vm);
		ASSERT_EQ(0, inject(&self->vm, KVM_S390_INT_EMERGENCY));
		pthread_join(thread, NULL);
		EXPECT_EQ(0, what.ret);
		EXPECT_EQ(SIE_EXTERNAL, self->run->s390_sieic.ipb >> 16);
		EXPECT_EQ(PSW_64BIT | masks[i], doubleword(&self->vm, EXTERNAL_OLD));
		EXPECT_EQ(CODE, doubleword(&self->vm, EXTERNAL_OLD + 8));
	}
}

TEST_F(sie, disabled_wait_exit)
{
	/* lpswe DATA */
	static const unsigned char code[] = { 0xb2, 0xb2, 0x10, 0x00 };
	static const unsigned long psw[2] = { PSW_64BIT | PSW_WAIT, 0xfff0 };

	memcpy(self->memory + DATA, psw, sizeof(psw));
	self->run->s.regs.gprs[1] = DATA;
	set_code(&self->vm, 0, code, sizeof(code));
	ASSERT_EQ(0, ioctl(self->vm.vcpu, KVM_RUN, 0));
	EXPECT_EQ(KVM_EXIT_S390_SIEIC, self->run->exit_reason);
	EXPECT_EQ(ICPT_WAIT, self->run->s390_sieic.icptcode);
	EXPECT_EQ(psw[0], self->run->psw_mask);
	EXPECT_EQ(psw[1], self->run->psw_addr);
}

/* The engine "native" interprets the SVC after a STNSM, but not the DIAGNOSE after the wait. */
TEST_F(sie, disabled_wait_after_svc)
{
	/* stnsm 0(1),255; svc 1; nopr; diag */
	static const unsigned char code[] = {
		0xac, 0xff, 0x10, 0x00, 0x0a, 0x01, 0x07, 0x00, 0x83, 0, 0x06, 0,
	};
	static const unsigned long psw[2] = { PSW_64BIT | PSW_WAIT, CODE + 8 };

	memcpy(self->memory + SVC_NEW, psw, sizeof(psw));
	self->run->s.regs.gprs[1] = DATA;
	set_code(&self->vm, 0, code, sizeof(code));
	ASSERT_EQ(0, ioctl(self->vm.vcpu, KVM_RUN, 0));
	EXPECT_EQ(KVM_EXIT_S390_SIEIC, self->run->exit_reason);
	EXPECT_EQ(ICPT_WAIT, self->run->s390_sieic.icptcode);
	EXPECT_EQ(CODE + 8, self->run->psw_addr);
}
