/* SPDX-License-Identifier: GPL-2.0 */
/* What the guest and the test that runs it have in common. */
#ifndef AGENT_H
#define AGENT_H

/* Guest memory: 1 MiB at absolute address 0. */
#define AGENT_MEMORY	0x100000
#define AGENT_CODE	0x10000
#define AGENT_STACK	0x30000
#define AGENT_MAILBOX	0x40000
#define AGENT_QCI	0x41000
/* The indicator byte is put there by default. */
#define AGENT_NIB	0x42080
#define AGENT_MESSAGE	0x43000

#ifndef __ASSEMBLY__
enum agent_command {
	AGENT_NOTHING,
	/* PQAP, NQAP or DQAP with general registers 0 to 2 as given */
	AGENT_PQAP,
	AGENT_NQAP,
	AGENT_DQAP,
	/* open for I/O interruptions of the subclasses in gr[0] (a CR6 mask) */
	AGENT_IO_OPEN,
	/* wait, in a wait PSW, for an I/O interruption */
	AGENT_IO_WAIT,
};

struct agent_mailbox {
	/* The test raises it, the guest follows in done. */
	volatile unsigned long request;
	volatile unsigned long done;
	volatile unsigned long command;
	volatile unsigned long gr[3];
	volatile unsigned long cc;
	/* Kept by the interrupt handler; start.S knows the offset. */
	volatile unsigned long interrupts;
	/* Specification exception of the command; start.S knows this one, too. */
	volatile unsigned long specification;
	/* How long the command took, by the guest's clock: 4096 to a microsecond. */
	volatile unsigned long ticks;
};
#endif

#define AGENT_INTERRUPTS	(AGENT_MAILBOX + 56)
#define AGENT_SPECIFICATION	(AGENT_MAILBOX + 64)

#endif /* AGENT_H */
