// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions that affect more than general registers and storage: AP instructions, clocks,
 * address spaces, translation tables. If an instruction is not in the cases of
 * hwsim_sie_control(), KVM executes it.
 *
 * A general register of a guest is @gr[r]. The PSW stays at an instruction until
 * hwsim_sie_finish(), hwsim_sie_suppress() or hwsim_sie_intercept_insn().
 */
#include <linux/io.h>
#include <linux/minmax.h>
#include <linux/unaligned.h>
#include <asm/ctlreg.h>
#include <asm/timex.h>
#include <asm/uv.h>
#include "sie.h"

#define AQIC_FUNCTION		3

/* Maximum number of doublewords that STFLE stores. */
#define FACILITY_DOUBLEWORDS	32

/* MVCOS moves at most this number of bytes. */
#define MVCOS_BYTES		4096
/* Parts of an operand-access control of MVCOS */
#define OAC_KEY_SHIFT		12
#define OAC_AS_SHIFT		6
#define OAC_AS			3
#define OAC_KEY_VALID		2
#define OAC_AS_VALID		1

#define CR0_SECONDARY_SPACE	BIT(63 - 37)

#define KEY_SHIFT		52
/* Rightmost bits of the second operand of CSP and CSPG */
#define CSP_PURGE_TLB		1
/* Operands of IDTE */
#define IDTE_BY_ASCE		0x800
#define IDTE_ENTRIES		0x7ff
#define IDTE_INVALID		0x20
#define IPTE_ENTRIES		0xff
#define IPTE_INVALID		0x400
/* The bits of an ASCE that tell address spaces apart */
#define ASCE_PTO		(~0x7ffUL)

static unsigned int rre_r1(const struct hwsim_insn *insn)
{
	return insn->text[3] >> 4;
}

static unsigned int rre_r2(const struct hwsim_insn *insn)
{
	return insn->text[3] & 15;
}

static unsigned int rrf_r3(const struct hwsim_insn *insn)
{
	return insn->text[2] >> 4;
}

static void set_word(struct hwsim_sie *sie, unsigned int r, u32 value)
{
	sie->cpu.gr[r] = (sie->cpu.gr[r] & ~(u64)U32_MAX) | value;
}

/* AP instructions */

struct ap_access {
	struct hwsim_sie *sie;
	int rc;
};

static int ap_read(void *ctx, u64 addr, void *buf, size_t len)
{
	struct ap_access *access = ctx;

	access->rc = hwsim_sie_read(access->sie, addr, buf, len);
	return access->rc ? -EFAULT : 0;
}

static int ap_write(void *ctx, u64 addr, const void *buf, size_t len)
{
	struct ap_access *access = ctx;

	access->rc = hwsim_sie_write(access->sie, addr, buf, len);
	return access->rc ? -EFAULT : 0;
}

static int ap_instruction(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	struct ap_access access = { .sie = sie };
	const struct hwsim_view view = {
		.apcb = &sie->apcb,
		.is_protected = sie->uv,
		.read = ap_read,
		.write = ap_write,
		.ctx = &access,
	};
	int cc;

	/* An operation exception takes precedence over a privileged-operation exception. */
	if (!(sie->scb->eca & ECA_APIE))
		return hwsim_sie_intercept_insn(sie, insn, ICPT_OPEREXC);
	if (hwsim_sie_problem_state(sie))
		return hwsim_sie_suppress(sie, insn, PGM_PRIVILEGED_OP);
	if (insn->code == HWSIM_PQAP && (sie->cpu.gr[0] >> 24 & 0xff) == AQIC_FUNCTION)
		return hwsim_sie_intercept_insn(sie, insn, ICPT_INST);

	cc = hwsim_ap_execute(insn->code, sie->cpu.gr, rre_r1(insn), rre_r2(insn), &view);
	if (access.rc)
		return hwsim_sie_finish(sie, insn, access.rc);
	if (cc < 0)
		return hwsim_sie_suppress(sie, insn, -cc);
	hwsim_cpu_set_cc(&sie->cpu, cc);
	return hwsim_sie_finish(sie, insn, 0);
}

/* Ultravisor calls of a protected guest */

/*
 * Unsharing a page that the host has pinned: tell KVM, which must undo the pin. The guest
 * executes the instruction again.
 */
static int notify_unshare(struct hwsim_sie *sie, const struct hwsim_insn *insn,
			  const struct uv_cb_share *cb)
{
	memcpy(sida_addr(sie->scb), cb, sizeof(*cb));
	sie->scb->ipa = insn->code;
	sie->scb->ipb = (u32)insn->text[2] << 24 | insn->text[3] << 16;
	return hwsim_sie_intercept(sie, ICPT_PV_NOTIFY);
}

/* Share a page or stop sharing it. */
int hwsim_sie_ultravisor_call(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	u64 addr = sie->cpu.gr[rre_r2(insn)];
	struct uv_cb_share cb;
	unsigned long user;
	int rc;

	if (!sie->uv)
		return hwsim_sie_intercept_insn(sie, insn, ICPT_OPEREXC);
	if (hwsim_sie_problem_state(sie))
		return hwsim_sie_suppress(sie, insn, PGM_PRIVILEGED_OP);
	rc = hwsim_sie_read(sie, addr, &cb, sizeof(cb));
	if (rc)
		return hwsim_sie_finish(sie, insn, rc);
	cb.header.rc = UVC_RC_INV_CMD;
	if (cb.header.cmd == UVC_CMD_SET_SHARED_ACCESS ||
	    cb.header.cmd == UVC_CMD_REMOVE_SHARED_ACCESS) {
		rc = -EINVAL;
		user = kvm_vcpu_gfn_to_hva(sie->vcpu, gpa_to_gfn(cb.paddr));
		if (!kvm_is_error_hva(user))
			rc = hwsim_uv_share(sie->uv->conf, cb.paddr, hwsim_user_pfn(user),
					    cb.header.cmd == UVC_CMD_SET_SHARED_ACCESS);
		if (rc == -EBUSY)
			return notify_unshare(sie, insn, &cb);
		cb.header.rc = rc ? UVC_RC_INV_STATE : UVC_RC_EXECUTED;
	}
	rc = hwsim_sie_write(sie, addr, &cb, sizeof(cb));
	if (!rc)
		hwsim_cpu_set_cc(&sie->cpu, cb.header.rc == UVC_RC_EXECUTED ? UVC_CC_OK :
									      UVC_CC_ERROR);
	return hwsim_sie_finish(sie, insn, rc);
}

/* Store the facility list that KVM set up for the guest. */
static int store_facilities(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	u64 addr = hwsim_insn_operand_address(&sie->cpu, insn);
	unsigned int wanted = (sie->cpu.gr[0] & 0xff) + 1, have = FACILITY_DOUBLEWORDS;
	const u64 *list = phys_to_virt(sie->scb->fac);
	int rc;

	if (!sie->scb->fac)
		return hwsim_sie_intercept_insn(sie, insn, ICPT_OPEREXC);
	if (addr & 7)
		return hwsim_sie_suppress(sie, insn, PGM_SPECIFICATION);
	while (have > 1 && !list[have - 1])
		have--;
	rc = hwsim_sie_write(sie, addr, list, min(wanted, have) * sizeof(*list));
	if (!rc) {
		sie->cpu.gr[0] = (sie->cpu.gr[0] & ~0xffUL) | (have - 1);
		hwsim_cpu_set_cc(&sie->cpu, wanted < have ? 3 : 0);
	}
	return hwsim_sie_finish(sie, insn, rc);
}

/* Clocks and timers */

static int store_clock(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	u64 tod = get_tod_clock() + sie->scb->epoch;
	int rc;

	rc = hwsim_sie_write(sie, hwsim_insn_operand_address(&sie->cpu, insn), &tod, sizeof(tod));
	if (!rc)
		hwsim_cpu_set_cc(&sie->cpu, 0);
	return hwsim_sie_finish(sie, insn, rc);
}

static int store_clock_extended(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	u64 tod = get_tod_clock() + sie->scb->epoch;
	u8 clock[16] = {};
	int rc;

	/* byte 0: epoch index; then the clock; the programmable field is at the end */
	put_unaligned_be64(tod, clock + 1);
	put_unaligned_be16(sie->scb->todpr, clock + 14);
	rc = hwsim_sie_write(sie, hwsim_insn_operand_address(&sie->cpu, insn), clock,
			     sizeof(clock));
	if (!rc)
		hwsim_cpu_set_cc(&sie->cpu, 0);
	return hwsim_sie_finish(sie, insn, rc);
}

/* SCKC, STCKC, SPT, STPT and LPP have a doubleword as their operand. */
static int doubleword_instruction(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	u64 addr = hwsim_insn_operand_address(&sie->cpu, insn), value;
	int rc;

	if (hwsim_sie_problem_state(sie))
		return hwsim_sie_suppress(sie, insn, PGM_PRIVILEGED_OP);
	if (addr & 7)
		return hwsim_sie_suppress(sie, insn, PGM_SPECIFICATION);
	if (insn->code == 0xb207 || insn->code == 0xb209) { /* STCKC, STPT */
		value = insn->code == 0xb207 ? sie->scb->ckc : hwsim_sie_cpu_timer(sie);
		rc = hwsim_sie_write(sie, addr, &value, sizeof(value));
		return hwsim_sie_finish(sie, insn, rc);
	}
	rc = hwsim_sie_read(sie, addr, &value, sizeof(value));
	if (rc)
		return hwsim_sie_finish(sie, insn, rc);
	switch (insn->code) {
	case 0xb206: /* SCKC */
		sie->scb->ckc = value;
		break;
	case 0xb208: /* SPT */
		hwsim_sie_cpu_timer(sie);
		sie->scb->cputm = value;
		break;
	default: /* LPP */
		sie->scb->pp = value;
	}
	return hwsim_sie_finish(sie, insn, 0);
}

/* Each operand is a doubleword. Register R3 contains the address of the third one. */
static int extract_cpu_time(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	u64 third = hwsim_cpu_wrap(&sie->cpu, sie->cpu.gr[hwsim_insn_r1(insn)]), value[3];
	int rc;

	rc = hwsim_sie_read(sie, hwsim_insn_operand_address(&sie->cpu, insn), &value[0], 8) ?:
	     hwsim_sie_read(sie, hwsim_insn_second_address(&sie->cpu, insn), &value[1], 8) ?:
	     hwsim_sie_read(sie, third, &value[2], 8);
	if (!rc) {
		sie->cpu.gr[0] = value[0] - hwsim_sie_cpu_timer(sie);
		sie->cpu.gr[1] = value[1];
		sie->cpu.gr[hwsim_insn_r1(insn)] = value[2];
	}
	return hwsim_sie_finish(sie, insn, rc);
}

/* Control register 8 enables the monitor classes. */
static int monitor_call(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	unsigned int class = insn->text[1];

	if (class > 15)
		return hwsim_sie_suppress(sie, insn, PGM_SPECIFICATION);
	hwsim_sie_advance(sie, insn);
	if (!(sie->cpu.cr[8] & BIT(15 - class)))
		return 0;
	hwsim_sie_program(sie, PGM_MONITOR, insn->len);
	sie->scb->mcn = class;
	sie->scb->tecmc = hwsim_insn_operand_address(&sie->cpu, insn);
	return SIE_LEAVE;
}

/* Address spaces */

static int set_address_space(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	static const u8 as[] = {
		HWSIM_AS_PRIMARY, HWSIM_AS_SECONDARY, HWSIM_AS_ACCESS, HWSIM_AS_HOME,
	};
	unsigned int code = hwsim_insn_operand_address(&sie->cpu, insn) >> 8 & 15;

	if (code >= ARRAY_SIZE(as))
		return hwsim_sie_suppress(sie, insn, PGM_SPECIFICATION);
	if (!(sie->cpu.psw_mask & PSW_MASK_DAT))
		return hwsim_sie_suppress(sie, insn, PGM_SPECIAL_OPERATION);
	if (hwsim_sie_problem_state(sie) && as[code] == HWSIM_AS_HOME)
		return hwsim_sie_suppress(sie, insn, PGM_PRIVILEGED_OP);
	sie->cpu.psw_mask = (sie->cpu.psw_mask & ~HWSIM_PSW_AS) |
			    (u64)as[code] << HWSIM_PSW_AS_SHIFT;
	return hwsim_sie_finish(sie, insn, 0);
}

static int insert_address_space(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	static const u8 code[] = {
		[HWSIM_AS_PRIMARY] = 0, [HWSIM_AS_ACCESS] = 2, [HWSIM_AS_SECONDARY] = 1,
		[HWSIM_AS_HOME] = 3,
	};
	unsigned int r1 = rre_r1(insn), value = code[hwsim_sie_as(sie)];

	if (!(sie->cpu.psw_mask & PSW_MASK_DAT))
		return hwsim_sie_suppress(sie, insn, PGM_SPECIAL_OPERATION);
	sie->cpu.gr[r1] = (sie->cpu.gr[r1] & ~0xff00UL) | value << 8;
	hwsim_cpu_set_cc(&sie->cpu, value);
	return hwsim_sie_finish(sie, insn, 0);
}

/* A problem program may use the keys that control register 3 permits. */
static bool key_permitted(const struct hwsim_sie *sie, unsigned int key)
{
	return !hwsim_sie_problem_state(sie) || sie->cpu.cr[3] & BIT(31 - key);
}

static int set_key(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	u64 key = hwsim_insn_operand_address(&sie->cpu, insn) >> 4 & 15;

	if (!key_permitted(sie, key))
		return hwsim_sie_suppress(sie, insn, PGM_PRIVILEGED_OP);
	sie->cpu.psw_mask = (sie->cpu.psw_mask & ~PSW_MASK_KEY) | key << KEY_SHIFT;
	return hwsim_sie_finish(sie, insn, 0);
}

static int insert_key(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	if (hwsim_sie_problem_state(sie))
		return hwsim_sie_suppress(sie, insn, PGM_PRIVILEGED_OP);
	sie->cpu.gr[2] = (sie->cpu.gr[2] & ~0xffUL) |
			 (sie->cpu.psw_mask & PSW_MASK_KEY) >> (KEY_SHIFT - 4);
	return hwsim_sie_finish(sie, insn, 0);
}

static enum hwsim_as oac_as(const struct hwsim_sie *sie, u16 oac)
{
	return oac & OAC_AS_VALID ? oac >> OAC_AS_SHIFT & OAC_AS : hwsim_sie_as(sie);
}

static unsigned int oac_key(const struct hwsim_sie *sie, u16 oac)
{
	return oac & OAC_KEY_VALID ? oac >> OAC_KEY_SHIFT :
				     (sie->cpu.psw_mask & PSW_MASK_KEY) >> KEY_SHIFT;
}

/* Return: a program interruption code, or 0 if MVCOS may access its operands. */
static u16 mvcos_exception(const struct hwsim_sie *sie, u16 to, u16 from)
{
	if (!(sie->cpu.psw_mask & PSW_MASK_DAT))
		return PGM_SPECIAL_OPERATION;
	if (hwsim_sie_problem_state(sie) && to & OAC_AS_VALID && oac_as(sie, to) == HWSIM_AS_HOME)
		return PGM_SPECIAL_OPERATION;
	if (!(sie->cpu.cr[0] & CR0_SECONDARY_SPACE) &&
	    (oac_as(sie, to) == HWSIM_AS_SECONDARY || oac_as(sie, from) == HWSIM_AS_SECONDARY))
		return PGM_SPECIAL_OPERATION;
	if (!key_permitted(sie, oac_key(sie, to)) || !key_permitted(sie, oac_key(sie, from)))
		return PGM_PRIVILEGED_OP;
	return 0;
}

/* MVCOS does not compare keys with storage keys, because guests have no storage keys. */
static int move_with_optional_specs(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	enum hwsim_as to = oac_as(sie, sie->cpu.gr[0] >> 16), from = oac_as(sie, sie->cpu.gr[0]);
	u16 exception = mvcos_exception(sie, sie->cpu.gr[0] >> 16, sie->cpu.gr[0]);
	u64 len = sie->cpu.gr[hwsim_insn_r1(insn)], done;
	u64 dst, src;
	u8 buf[256];
	int rc = 0;

	if (exception)
		return hwsim_sie_suppress(sie, insn, exception);
	if (!(sie->cpu.psw_mask & PSW_MASK_EA))
		len = (u32)len;
	dst = hwsim_insn_operand_address(&sie->cpu, insn);
	src = hwsim_insn_second_address(&sie->cpu, insn);
	/* After an access exception, the bytes that have already been stored remain in storage. */
	for (done = 0; !rc && done < min_t(u64, len, MVCOS_BYTES); done += sizeof(buf)) {
		size_t n = min3((u64)sizeof(buf), len - done, MVCOS_BYTES - done);

		rc = hwsim_dat_read(sie, hwsim_cpu_wrap(&sie->cpu, src + done), from, buf, n) ?:
		     hwsim_dat_write(sie, hwsim_cpu_wrap(&sie->cpu, dst + done), to, buf, n);
	}
	if (!rc)
		hwsim_cpu_set_cc(&sie->cpu, len > MVCOS_BYTES ? 3 : 0);
	return hwsim_sie_finish(sie, insn, rc);
}

/* Translation */

static int load_real_address(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	unsigned int r1 = hwsim_insn_r1(insn);
	u64 addr = hwsim_insn_indexed_address(&sie->cpu, insn);
	struct hwsim_dat dat;
	int rc;

	if (hwsim_sie_problem_state(sie))
		return hwsim_sie_suppress(sie, insn, PGM_PRIVILEGED_OP);
	rc = hwsim_dat_walk(sie, hwsim_dat_asce(sie, hwsim_sie_as(sie)), addr, &dat);
	if (rc < 0 || rc == PGM_TRANSLATION_SPEC)
		return hwsim_sie_finish(sie, insn, rc);
	hwsim_cpu_set_cc(&sie->cpu, rc == 0 ? 0 : dat.outside ? 3 :
				    rc == PGM_SEGMENT_TRANSLATION ? 1 :
				    rc == PGM_PAGE_TRANSLATION ? 2 : 3);
	if (rc && hwsim_cpu_cc(&sie->cpu) == 3)
		set_word(sie, r1, BIT(31) | rc);
	else if (insn->code == 0xe303 || sie->cpu.psw_mask & PSW_MASK_EA) /* LRAG */
		sie->cpu.gr[r1] = dat.real;
	else
		set_word(sie, r1, dat.real);
	return hwsim_sie_finish(sie, insn, 0);
}

/* STURA, STURG, LURA and LURAG access real storage. */
static int real_storage_instruction(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	u64 addr = hwsim_cpu_wrap(&sie->cpu, sie->cpu.gr[rre_r2(insn)]);
	u64 *gr = &sie->cpu.gr[rre_r1(insn)];
	bool wide = insn->code == 0xb905 || insn->code == 0xb925;
	bool load = insn->code == 0xb905 || insn->code == 0xb24b;
	size_t len = wide ? 8 : 4;
	u64 value = 0;
	int rc;

	if (hwsim_sie_problem_state(sie))
		return hwsim_sie_suppress(sie, insn, PGM_PRIVILEGED_OP);
	if (addr & (len - 1))
		return hwsim_sie_suppress(sie, insn, PGM_SPECIFICATION);
	if (!load) {
		rc = hwsim_real_write(sie, addr, (u8 *)gr + 8 - len, len);
	} else {
		rc = hwsim_real_read(sie, addr, (u8 *)&value + 8 - len, len);
		if (!rc)
			*gr = wide ? value : (*gr & ~(u64)U32_MAX) | value;
	}
	return hwsim_sie_finish(sie, insn, rc);
}

static int invalidate_page(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	u64 pto = sie->cpu.gr[rre_r1(insn)] & ASCE_PTO, addr = sie->cpu.gr[rre_r2(insn)];
	unsigned int r3 = rrf_r3(insn), n = r3 ? (sie->cpu.gr[r3] & IPTE_ENTRIES) + 1 : 1;
	unsigned int index;
	int rc = 0;

	if (hwsim_sie_problem_state(sie))
		return hwsim_sie_suppress(sie, insn, PGM_PRIVILEGED_OP);
	for (index = addr >> PAGE_SHIFT & 0xff; !rc && n && index < 256; n--, index++) {
		rc = hwsim_real_set_bit(sie, pto + index * sizeof(u64), IPTE_INVALID);
		if (!rc && sie->shadow)
			hwsim_shadow_purge_entry(sie->shadow, pto, index);
	}
	return hwsim_sie_finish(sie, insn, rc);
}

static int invalidate_table(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	u64 table = sie->cpu.gr[rre_r1(insn)], operand = sie->cpu.gr[rre_r2(insn)];
	unsigned int level = table >> 2 & 3, n = (operand & IDTE_ENTRIES) + 1, index;
	int rc = 0;

	if (hwsim_sie_problem_state(sie))
		return hwsim_sie_suppress(sie, insn, PGM_PRIVILEGED_OP);
	if (operand & IDTE_BY_ASCE) {
		if (sie->shadow)
			hwsim_shadow_purge_asce(sie->shadow, sie->cpu.gr[rrf_r3(insn)]);
		return hwsim_sie_finish(sie, insn, 0);
	}
	index = operand >> (20 + 11 * level) & 0x7ff;
	for (; !rc && n && index < 2048; n--, index++)
		rc = hwsim_real_set_bit(sie, (table & PAGE_MASK) + index * sizeof(u64),
					IDTE_INVALID);
	/* Purge even after a failure, because some entries may be invalid already. */
	if (sie->shadow)
		hwsim_shadow_purge_dat(sie->shadow);
	return hwsim_sie_finish(sie, insn, rc);
}

static int purge_tlb(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	if (hwsim_sie_problem_state(sie))
		return hwsim_sie_suppress(sie, insn, PGM_PRIVILEGED_OP);
	if (sie->shadow)
		hwsim_shadow_purge_dat(sie->shadow);
	return hwsim_sie_finish(sie, insn, 0);
}

/* CSP and CSPG */
static int compare_swap_purge(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	unsigned int r1 = rre_r1(insn);
	size_t len = insn->code == 0xb250 ? 4 : 8;
	u64 operand = sie->cpu.gr[rre_r2(insn)], *gr = sie->cpu.gr, old;
	bool swapped;
	int rc;

	if (hwsim_sie_problem_state(sie))
		return hwsim_sie_suppress(sie, insn, PGM_PRIVILEGED_OP);
	if (r1 & 1)
		return hwsim_sie_suppress(sie, insn, PGM_SPECIFICATION);
	old = len == 4 ? (u32)gr[r1] : gr[r1];
	rc = hwsim_sie_compare_swap(sie, hwsim_cpu_wrap(&sie->cpu, operand & -len), len, &old,
				    gr[r1 + 1]);
	if (rc)
		return hwsim_sie_finish(sie, insn, rc);
	swapped = old == (len == 4 ? (u32)gr[r1] : gr[r1]);
	if (!swapped && len == 4)
		set_word(sie, r1, old);
	else if (!swapped)
		gr[r1] = old;
	hwsim_cpu_set_cc(&sie->cpu, !swapped);
	if (swapped && operand & CSP_PURGE_TLB && sie->shadow)
		hwsim_shadow_purge_dat(sie->shadow);
	return hwsim_sie_finish(sie, insn, 0);
}

/**
 * hwsim_sie_control - execute an instruction that hwsim_insn_execute() leaves to its caller
 * @sie: the execution of SIE, whose PSW is at the instruction
 * @insn: the instruction, whose action in sie_opcodes.h is CONTROL
 *
 * Context: The caller holds kvm->srcu.
 * Return: 0 if the vCPU can stay in SIE, or SIE_LEAVE.
 */
int hwsim_sie_control(struct hwsim_sie *sie, const struct hwsim_insn *insn)
{
	switch (insn->code) {
	case HWSIM_NQAP:
	case HWSIM_DQAP:
	case HWSIM_PQAP:
		return ap_instruction(sie, insn);
	case 0x0a00: /* SVC */
		hwsim_sie_advance(sie, insn);
		return hwsim_sie_supervisor_call(sie, insn->len, insn->text[1]);
	case 0xaf00: /* MC */
		return monitor_call(sie, insn);
	case 0xb100: /* LRA */
	case 0xe303: /* LRAG */
	case 0xe313: /* LRAY */
		return load_real_address(sie, insn);
	case 0xb205: /* STCK */
	case 0xb27c: /* STCKF */
		return store_clock(sie, insn);
	case 0xb278: /* STCKE */
		return store_clock_extended(sie, insn);
	case 0xb206 ... 0xb209: /* SCKC, STCKC, SPT, STPT */
	case 0xb280: /* LPP */
		return doubleword_instruction(sie, insn);
	case 0xb20a: /* SPKA */
		return set_key(sie, insn);
	case 0xb20b: /* IPK */
		return insert_key(sie, insn);
	case 0xb20d: /* PTLB */
		return purge_tlb(sie, insn);
	case 0xb219: /* SAC */
	case 0xb279: /* SACF */
		return set_address_space(sie, insn);
	case 0xb221: /* IPTE */
		return invalidate_page(sie, insn);
	case 0xb224: /* IAC */
		return insert_address_space(sie, insn);
	case 0xb246: /* STURA */
	case 0xb24b: /* LURA */
	case 0xb905: /* LURAG */
	case 0xb925: /* STURG */
		return real_storage_instruction(sie, insn);
	case 0xb250: /* CSP */
	case 0xb98a: /* CSPG */
		return compare_swap_purge(sie, insn);
	case 0xb2b0: /* STFLE */
		return store_facilities(sie, insn);
	case 0xb98e: /* IDTE */
		return invalidate_table(sie, insn);
	case 0xc800: /* MVCOS */
		return move_with_optional_specs(sie, insn);
	case 0xc801: /* ECTG */
		return extract_cpu_time(sie, insn);
	default: /* DIAG, SIGP */
		return hwsim_sie_privileged(sie, insn);
	}
}
