/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Entry code of guest/sie.c. At the start, register 2 contains the command, and registers 3
 * and 4 contain its operands. At the end, register 2 contains the result.
 */
#define __ASSEMBLY__
#include "agent.h"
#include "sie_work.h"

	.section .text.start, "ax"
	.globl	start
start:
	larl	%r1, stack
	lg	%r15, 0(%r1)
	brasl	%r14, guest
	diag	%r0, %r0, SIE_DONE
	.align	8
stack:
	.quad	AGENT_STACK - 160

	/* Each handler only exits to the test program, which examines the guest's lowcore. */
	.org	SIE_HANDLERS
	diag	%r0, %r0, SIE_PROGRAM
	diag	%r0, %r0, SIE_EXTERNAL
	diag	%r0, %r0, SIE_SUPERVISOR

	.section .note.GNU-stack, "", @progbits
