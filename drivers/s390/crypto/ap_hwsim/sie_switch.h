/* SPDX-License-Identifier: GPL-2.0 */
/* The interface between sie_native.c and sie_switch.S */
#ifndef AP_HWSIM_SIE_SWITCH_H
#define AP_HWSIM_SIE_SWITCH_H

/* Offsets in struct hwsim_switch */
#define SWITCH_GPR		0
#define SWITCH_PSW		128
#define SWITCH_HOST_GPR		144

/* What interrupted the guest. switch_worlds() relies on SWITCH_PROGRAM being the first. */
#define SWITCH_PROGRAM		0
#define SWITCH_SVC		1
#define SWITCH_EXTERNAL		2
#define SWITCH_IO		3
#define SWITCH_REASONS		4

#ifndef __ASSEMBLY__
#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <asm/ptrace.h>

/**
 * struct hwsim_switch - context of a world switch
 * @gpr: general registers of the guest
 * @psw: PSW with which the CPU runs the guest; afterwards, the old PSW
 * @host_gpr: general registers 6 to 15 of the host
 */
struct hwsim_switch {
	u64 gpr[16];
	psw_t psw;
	u64 host_gpr[10];
};

static_assert(offsetof(struct hwsim_switch, gpr) == SWITCH_GPR);
static_assert(offsetof(struct hwsim_switch, psw) == SWITCH_PSW);
static_assert(offsetof(struct hwsim_switch, host_gpr) == SWITCH_HOST_GPR);

unsigned long hwsim_switch_enter(struct hwsim_switch *context);
void hwsim_switch_deliver(psw_t *new_psw, psw_t *old_psw, unsigned long mask);
void hwsim_switch_program(void);
void hwsim_switch_svc(void);
void hwsim_switch_external(void);
void hwsim_switch_io(void);
#endif

#endif /* AP_HWSIM_SIE_SWITCH_H */
