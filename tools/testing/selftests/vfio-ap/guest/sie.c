// SPDX-License-Identifier: GPL-2.0
/* sie_test's guest program, which uses neither devices nor AP instructions. */
#include "sie_work.h"

void *memcpy(void *to, const void *from, unsigned long n)
{
	unsigned char *d = to;
	const unsigned char *s = from;

	while (n--)
		*d++ = *s++;
	return to;
}

void *memset(void *to, int c, unsigned long n)
{
	unsigned char *d = to;

	while (n--)
		*d++ = c;
	return to;
}

int memcmp(const void *a, const void *b, unsigned long n)
{
	const unsigned char *x = a, *y = b;

	for (; n; n--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

/* The compiler can neither combine nor drop the memory accesses of put() and get(). */
static void put(unsigned long addr, unsigned long value)
{
	__builtin_memcpy((void *)addr, &value, sizeof(value));
	asm volatile("" : : : "memory");
}

static unsigned long get(unsigned long addr)
{
	unsigned long value;

	asm volatile("" : : : "memory");
	__builtin_memcpy(&value, (void *)addr, sizeof(value));
	return value;
}

static unsigned long touch(unsigned long first, unsigned long end)
{
	unsigned long addr, sum = 0;

	for (addr = first; addr < end; addr += 4096)
		put(addr + 8, addr);
	for (addr = first; addr < end; addr += 4096)
		sum += get(addr + 8) + get(addr + 16);
	return sum;
}

static unsigned long straddle(unsigned long boundary, unsigned long value)
{
	unsigned long seen;

	put(boundary - 3, value);
	seen = get(boundary - 3);
	__builtin_memcpy((char *)boundary + 0x2000 - 100, (char *)boundary - 100, 240);
	return seen + get(boundary + 0x2000 - 3);
}

unsigned long guest(unsigned long command, unsigned long a, unsigned long b)
{
	switch (command) {
	case SIE_WORK:
		return sie_work(a, b);
	case SIE_TOUCH:
		return touch(a, b);
	case SIE_STRADDLE:
		return straddle(a, b);
	}
	return -1;
}
