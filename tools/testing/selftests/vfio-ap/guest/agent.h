/* SPDX-License-Identifier: GPL-2.0 */
/* Definitions for the guest program and for the tests that run it. */
#ifndef AGENT_H
#define AGENT_H

/* Guest memory: 1 MiB at absolute address 0. */
#define AGENT_MEMORY	0x100000
#define AGENT_CODE	0x10000
#define AGENT_STACK	0x30000
#define AGENT_MAILBOX	0x40000
#define AGENT_QCI	0x41000
/* the address of the NIB that most tests use */
#define AGENT_NIB	0x42080
#define AGENT_MESSAGE	0x43000
/* control block of an ultravisor call */
#define AGENT_UVCB	0x45000

#ifndef __ASSEMBLY__
enum agent_command {
	AGENT_NOTHING,
	/* execute PQAP, NQAP or DQAP after loading general registers 0 to 2 from gr[] */
	AGENT_PQAP,
	AGENT_NQAP,
	AGENT_DQAP,
	/* execute an ultravisor call whose control block is at the address in gr[2] */
	AGENT_UVC,
	/* enable I/O interruptions; gr[0] is the subclass mask for control register 6 */
	AGENT_IO_OPEN,
	/* load a wait PSW and wait for an I/O interruption */
	AGENT_IO_WAIT,
};

struct agent_mailbox {
	/* The test increments request. After the command, the guest copies request to done. */
	volatile unsigned long request;
	volatile unsigned long done;
	volatile unsigned long command;
	volatile unsigned long gr[3];
	volatile unsigned long cc;
	/* number of interrupts; start.S increments this number at AGENT_INTERRUPTS */
	volatile unsigned long interrupts;
	/* 1 after a specification exception; start.S stores this value at AGENT_SPECIFICATION */
	volatile unsigned long specification;
	/* duration of the command in TOD clock units, 4096 per microsecond */
	volatile unsigned long ticks;
};
#endif

#define AGENT_INTERRUPTS	(AGENT_MAILBOX + 56)
#define AGENT_SPECIFICATION	(AGENT_MAILBOX + 64)

#endif /* AGENT_H */
