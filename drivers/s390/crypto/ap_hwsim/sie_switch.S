/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The world switch. sie_native.c disables interrupts and machine checks, loads the guest's
 * control registers, and points the new PSWs to the four labels below.
 */
#include <linux/linkage.h>
#include <asm/asm-offsets.h>
#include <asm/lowcore.h>

#include "sie_switch.h"

	.section .kprobes.text, "ax"

/*
 * unsigned long hwsim_switch_enter(struct hwsim_switch *context)
 *
 * Run the guest until an interruption. Return: the kind of interruption, such as SWITCH_SVC.
 */
SYM_FUNC_START(hwsim_switch_enter)
	stmg	%r6,%r15,SWITCH_HOST_GPR(%r2)
	stg	%r2,__LC_RETURN_PSW
	mvc	__LC_RETURN_MCCK_PSW(16),SWITCH_PSW(%r2)
	lmg	%r0,%r15,SWITCH_GPR(%r2)
	lpswe	__LC_RETURN_MCCK_PSW
SYM_FUNC_END(hwsim_switch_enter)

	.macro	RETURN name, old_psw, number
SYM_CODE_START(\name)
	stmg	%r8,%r15,__LC_SAVE_AREA
	lg	%r15,__LC_RETURN_PSW
	stmg	%r0,%r7,SWITCH_GPR(%r15)
	mvc	SWITCH_GPR+64(64,%r15),__LC_SAVE_AREA
	mvc	SWITCH_PSW(16,%r15),\old_psw
	lghi	%r2,\number
	j	.Lreturn
SYM_CODE_END(\name)
	.endm

	RETURN	hwsim_switch_program,__LC_PGM_OLD_PSW,SWITCH_PROGRAM
	RETURN	hwsim_switch_svc,__LC_SVC_OLD_PSW,SWITCH_SVC
	RETURN	hwsim_switch_external,__LC_EXT_OLD_PSW,SWITCH_EXTERNAL
	RETURN	hwsim_switch_io,__LC_IO_OLD_PSW,SWITCH_IO

.Lreturn:
	lmg	%r6,%r15,SWITCH_HOST_GPR(%r15)
	br	%r14

/*
 * void hwsim_switch_deliver(psw_t *new_psw, psw_t *old_psw, unsigned long mask)
 *
 * Call the handler of the host for an interruption that occurred while the guest ran. old_psw
 * points into the lowcore. The handler returns to the end of this function, with the mask.
 */
SYM_FUNC_START(hwsim_switch_deliver)
	larl	%r1,0f
	stg	%r4,0(%r3)
	stg	%r1,8(%r3)
	lpswe	0(%r2)
0:	br	%r14
SYM_FUNC_END(hwsim_switch_deliver)
