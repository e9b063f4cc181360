// SPDX-License-Identifier: GPL-2.0
/*
 * Print results that depend on the CPU and on the kernel, but not on the time or the
 * machine. linux_slow compares what this program prints in the Linux guest with what it
 * prints if QEMU runs the same kernel without KVM.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sie_work.h"

#define PAGES	64
#define PAGE	4096UL

static sigjmp_buf back;
static volatile sig_atomic_t code;
static void *volatile address;

static void show_integers(void)
{
	unsigned int part;

	for (part = 0; part < SIE_PARTS; part++)
		printf("integers %u %lx\n", part, sie_work(part, 0x9e3779b97f4a7c15UL));
}

static void show_floats(void)
{
	long double l = 3;
	volatile double d = 1.5;
	volatile float f = 0.1f;
	int i;

	for (i = 1; i < 2000; i++) {
		d = d * 1.0001 + 1.0 / i;
		f = f * 1.01f - (float)i / 1000;
		l = l / 1.0003L + i;
	}
	printf("floats %a %a %La %ld %d\n", d, f, l, (long)(d * 1e9), (int)f);
}

static void faulted(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	code = info->si_code;
	address = info->si_addr;
	siglongjmp(back, 1);
}

/* Show the signal that an access to a mapping raises, and the page relative to the mapping. */
static void signal_of(const char *what, char *mapping, long offset, int store)
{
	if (!sigsetjmp(back, 1)) {
		if (store)
			*(volatile char *)(mapping + offset) = 1;
		else
			(void)*(volatile char *)(mapping + offset);
		printf("signals %s: none\n", what);
		return;
	}
	printf("signals %s: code %d page %ld\n", what, code,
	       ((char *)address - mapping) / (long)PAGE);
}

static void show_signals(void)
{
	struct sigaction action = { .sa_sigaction = faulted, .sa_flags = SA_SIGINFO };
	char *mapping = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile int zero = 0;

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGFPE, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	mprotect(mapping + PAGE, PAGE, PROT_READ);
	munmap(mapping + 2 * PAGE, PAGE);
	signal_of("store", mapping, 8, 1);
	signal_of("store into a read-only page", mapping, PAGE + 8, 1);
	signal_of("load from a read-only page", mapping, PAGE + 8, 0);
	signal_of("load from a missing page", mapping, 2 * PAGE + 8, 0);
	if (!sigsetjmp(back, 1))
		printf("%d\n", 1 / zero);
	printf("signals divide: code %d\n", code);
	if (!sigsetjmp(back, 1))
		asm volatile(".long 0xb2ff0000");
	printf("signals illegal: code %d\n", code);
	if (!sigsetjmp(back, 1))
		asm volatile("ptlb");
	printf("signals privileged: code %d\n", code);
}

/* Sum up what parent and child see of the same pages. */
static void show_copies(void)
{
	unsigned long *mapping = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long sum = 0;
	int round, i, status;

	for (i = 0; i < PAGES; i++)
		mapping[i * PAGE / 8] = i;
	for (round = 0; round < 10; round++) {
		pid_t child = fork();

		if (!child) {
			for (i = 0; i < PAGES; i += 2)
				mapping[i * PAGE / 8] += 100;
			for (i = 0; i < PAGES; i++)
				sum += mapping[i * PAGE / 8];
			_exit(sum % 251);
		}
		for (i = 1; i < PAGES; i += 2)
			mapping[i * PAGE / 8] += round;
		waitpid(child, &status, 0);
		for (i = 0; i < PAGES; i++)
			sum = sum * 31 + mapping[i * PAGE / 8];
		printf("copies %d: child %d\n", round, WEXITSTATUS(status));
	}
	printf("copies %lx\n", sum);
}

static void *count(void *data)
{
	int i;

	for (i = 0; i < 20000; i++)
		__atomic_add_fetch((unsigned long *)data, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void show_threads(void)
{
	unsigned long sum = 0;
	pthread_t thread[4];
	int i;

	for (i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, count, &sum);
	for (i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	printf("threads %lu\n", sum);
}

/* Write code, execute it, and change it. */
static void show_generated(void)
{
	/* lghi 2,N; br 14 */
	unsigned short *text = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long sum = 0;
	int i;

	text[0] = 0xa729;
	text[2] = 0x07fe;
	for (i = 0; i < 50; i++) {
		text[1] = i;
		sum = sum * 3 + ((long (*)(void))text)();
	}
	printf("generated %lx\n", sum);
}

static void show_pipes(void)
{
	char from[8192], to[8192];
	unsigned long sum = 0;
	int ends[2], i;

	if (pipe(ends))
		return;
	for (i = 0; i < 40; i++) {
		memset(from, i, sizeof(from));
		if (write(ends[1], from + i, 4000 + i) != 4000 + i ||
		    read(ends[0], to, 4000 + i) != 4000 + i)
			printf("pipes failed\n");
		sum = sum * 7 + to[i] + to[3999 + i];
	}
	printf("pipes %lx\n", sum);
}

int main(void)
{
	show_integers();
	show_floats();
	show_signals();
	fflush(stdout);
	show_copies();
	show_threads();
	show_generated();
	show_pipes();
	printf("end of results\n");
	return 0;
}
