// SPDX-License-Identifier: GPL-2.0
/*
 * The guest program that the tests run. It executes the command in the mailbox and stores
 * the result there, so that a test sees exactly what hardware shows to a guest.
 */
#include "agent.h"

static unsigned long execute(unsigned long command, volatile unsigned long *gr)
{
	register unsigned long r0 asm("0") = gr[0];
	register unsigned long r1 asm("1") = gr[1];
	register unsigned long r2 asm("2") = gr[2];
	register unsigned long r4 asm("4") = 0;
	register unsigned long r5 asm("5") = 0;
	register unsigned long r6 asm("6") = AGENT_MESSAGE;
	register unsigned long r7 asm("7") = 256;
	unsigned long cc;

	/*
	 * Set condition code 2 first, so that a test notices an instruction that sets no
	 * condition code.
	 */
	switch (command) {
	case AGENT_NQAP:
		asm volatile("tmll %[three],3\n.insn rre,0xb2ad0000,4,6\nipm %[cc]\nsrl %[cc],28"
			     : "+d" (r0), "+d" (r1), "+d" (r4), "+d" (r5), "+d" (r6), "+d" (r7),
			       [cc] "=&d" (cc) : [three] "d" (2UL) : "cc", "memory");
		break;
	case AGENT_DQAP:
		asm volatile("tmll %[three],3\n.insn rre,0xb2ae0000,4,6\nipm %[cc]\nsrl %[cc],28"
			     : "+d" (r0), "+d" (r1), "+d" (r2), "+d" (r4), "+d" (r5), "+d" (r6),
			       "+d" (r7), [cc] "=&d" (cc) : [three] "d" (2UL) : "cc", "memory");
		break;
	case AGENT_UVC:
		asm volatile("tmll %[three],3\n.insn rrf,0xb9a40000,1,2,0,0\n"
			     "ipm %[cc]\nsrl %[cc],28"
			     : "+d" (r1), "+d" (r2), [cc] "=&d" (cc)
			     : [three] "d" (2UL) : "cc", "memory");
		break;
	default:
		asm volatile("tmll %[three],3\n.insn rre,0xb2af0000,0,0\nipm %[cc]\nsrl %[cc],28"
			     : "+d" (r0), "+d" (r1), "+d" (r2), [cc] "=&d" (cc)
			     : [three] "d" (2UL) : "cc", "memory");
	}
	gr[0] = r0;
	gr[1] = r1;
	gr[2] = r2;
	return cc & 3;
}

static unsigned long clock(void)
{
	unsigned long tod;

	asm volatile("stck %0" : "=Q" (tod) : : "cc");
	return tod;
}

static void io_open(unsigned long subclasses)
{
	unsigned long enabled;

	asm volatile("lctlg 6,6,%0" : : "Q" (subclasses) : "memory");
	asm volatile("stosm %0,0x02" : "=Q" (enabled) : : "memory");
}

static void io_wait(void)
{
	static const unsigned long mask = 0x0202000180000000UL;
	unsigned long psw[2] = { mask, 0 };

	asm volatile("larl 1,0f\nstg 1,8(%0)\nlpswe 0(%0)\n0:"
		     : : "a" (psw) : "1", "cc", "memory");
}

void agent(void)
{
	struct agent_mailbox *mailbox = (void *)AGENT_MAILBOX;
	unsigned long request, start;

	for (;;) {
		while (mailbox->request == mailbox->done)
			asm volatile("diag 0,0,0x44" : : : "memory");
		/*
		 * Read request before executing the command. Otherwise, a request that
		 * arrives while the command executes would be marked as done.
		 */
		request = mailbox->request;
		switch (mailbox->command) {
		case AGENT_PQAP:
		case AGENT_NQAP:
		case AGENT_DQAP:
		case AGENT_UVC:
			start = clock();
			mailbox->cc = execute(mailbox->command, mailbox->gr);
			mailbox->ticks = clock() - start;
			break;
		case AGENT_IO_OPEN:
			io_open(mailbox->gr[0]);
			break;
		case AGENT_IO_WAIT:
			io_wait();
			break;
		}
		mailbox->done = request;
	}
}
