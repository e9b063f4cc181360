/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Entry code of guest/console.c. The machine stops when console() returns and after a
 * program exception. QEMU distinguishes the two cases by the PSW.
 */
	.section .text.start, "ax"
	.globl	start
start:
	larl	%r1, program_new_psw
	lghi	%r2, 0x1d0
	mvc	0(16, %r2), 0(%r1)
	larl	%r15, stack_end - 160
	brasl	%r14, console
	larl	%r1, end_psw
	lpswe	0(%r1)

	.align	8
	/*
	 * QEMU treats this PSW as a normal shutdown, and any other disabled wait PSW as a
	 * crash.
	 */
end_psw:
	.quad	0x0002000180000000, 0xfff
program_new_psw:
	.quad	0x0002000180000000, 0xdead

	.bss
	.align	8
	.space	8192
stack_end:

	.section .note.GNU-stack, "", @progbits
