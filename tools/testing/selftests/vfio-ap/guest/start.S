/* SPDX-License-Identifier: GPL-2.0 */
#define __ASSEMBLY__
#include "agent.h"

	.section .text.start, "ax"
	.globl	start
start:
	larl	%r1, io_new_psw
	lghi	%r2, 0x1f0
	mvc	0(16, %r2), 0(%r1)
	larl	%r1, stack
	lg	%r15, 0(%r1)
	brasl	%r14, agent
0:	j	0b

io_handler:
	stmg	%r0, %r1, 0x600
	larl	%r1, interrupts
	lg	%r1, 0(%r1)
	lg	%r0, 0(%r1)
	aghi	%r0, 1
	stg	%r0, 0(%r1)
	lmg	%r0, %r1, 0x600
	/* Who waited goes on. */
	ni	0x171, 0xfd
	lpswe	0x170

	.align	8
io_new_psw:
	.quad	0x0000000180000000, io_handler
stack:
	.quad	AGENT_STACK - 160
interrupts:
	.quad	AGENT_INTERRUPTS

	.section .note.GNU-stack, "", @progbits
