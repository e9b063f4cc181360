/* SPDX-License-Identifier: GPL-2.0 */
#define __ASSEMBLY__
#include "agent.h"

	.section .text.start, "ax"
	.globl	start
start:
	larl	%r1, io_new_psw
	lghi	%r2, 0x1f0
	mvc	0(16, %r2), 0(%r1)
	larl	%r1, program_new_psw
	lghi	%r2, 0x1d0
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
	/* Clear the wait bit in the old PSW to end the wait. */
	ni	0x171, 0xfd
	lpswe	0x170

	/*
	 * Report a specification exception to the test. Any other program exception stops
	 * the guest.
	 */
program_handler:
	stmg	%r0, %r1, 0x600
	cli	0x8f, 6
	jne	dead
	larl	%r1, specification
	lg	%r1, 0(%r1)
	lghi	%r0, 1
	stg	%r0, 0(%r1)
	lmg	%r0, %r1, 0x600
	lpswe	0x150
dead:
	larl	%r1, dead_psw
	lpswe	0(%r1)

	.align	8
dead_psw:
	.quad	0x0002000180000000, 0xdead
program_new_psw:
	.quad	0x0000000180000000, program_handler
specification:
	.quad	AGENT_SPECIFICATION
io_new_psw:
	.quad	0x0000000180000000, io_handler
stack:
	.quad	AGENT_STACK - 160
interrupts:
	.quad	AGENT_INTERRUPTS

	.section .note.GNU-stack, "", @progbits
