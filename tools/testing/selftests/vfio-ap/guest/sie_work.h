/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Computations that both the guest and the test program execute, so that the test program
 * can compare the guest's interpreted results with its own native results. The operands
 * are variables, so that the compiler cannot compute the results in advance.
 */
#ifndef SIE_WORK_H
#define SIE_WORK_H

#define SIE_PARTS	8

/*
 * operands of the DIAGNOSE instructions that the guest executes after a command and in
 * its interruption handlers
 */
#define SIE_DONE	0x600
#define SIE_PROGRAM	0x604
#define SIE_EXTERNAL	0x608
#define SIE_SUPERVISOR	0x60c

/* offset of the interruption handlers from the start of the guest's code */
#define SIE_HANDLERS	0x100

#ifndef __ASSEMBLY__
#include <stdarg.h>

enum sie_command {
	SIE_WORK,
	/* write pages, then read them back */
	SIE_TOUCH,
	/* access and move unaligned data across a page boundary */
	SIE_STRADDLE,
};

struct sie_record {
	unsigned int small : 5;
	int negative : 11;
	unsigned long wide : 40;
	unsigned char bytes[37];
	short half;
	struct sie_record *next;
};

static unsigned long sie_next(unsigned long *seed)
{
	*seed = *seed * 0x5851f42d4c957f2dUL + 0x14057b7ef767814fUL;
	return *seed ^ *seed >> 29;
}

static unsigned long sie_words(unsigned long seed)
{
	unsigned long sum = seed;
	int i;

	for (i = 0; i < 12; i++) {
		long a = sie_next(&seed), b = sie_next(&seed) | 1;
		unsigned long c = a, d = b;
		int e = a >> 32, f = b | 1;

		sum += a / b ^ a % b;
		sum ^= c / d + c % d;
		sum += (long)(e / f) * (e % f);
		sum ^= (unsigned int)e / (unsigned int)f + (unsigned int)e % (unsigned int)f;
		sum += (__uint128_t)c * d >> 64;
		sum -= (((__uint128_t)c << 64 | d) + sum) >> 37;
		sum += a < b ? c > d : e == f;
	}
	return sum;
}

static unsigned long sie_narrow(unsigned long seed)
{
	unsigned long sum = 0;
	signed char c = seed;
	unsigned short h = seed >> 8;
	short s = seed >> 16;
	unsigned char u = seed >> 24;
	int i;

	for (i = 1; i < 24; i++) {
		c = c * 3 + s;
		h ^= (unsigned short)(c << (i & 7));
		s += h - u;
		u = u << 1 | u >> 7;
		sum += (long)c * h - (s ^ u);
		sum = sum << (i & 63) | sum >> (-i & 63);
		sum ^= (unsigned long)((int)sum >> (i & 31)) + ((long)sum >> (i & 63));
		if (u & 0x41 && s & 0x4000)
			sum++;
	}
	return sum;
}

static unsigned long sie_records(unsigned long seed)
{
	struct sie_record record[3], copy;
	unsigned long sum = 0;
	unsigned int i, j;

	for (i = 0; i < 3; i++) {
		record[i].small = sie_next(&seed);
		record[i].negative = sie_next(&seed);
		record[i].wide = sie_next(&seed);
		for (j = 0; j < sizeof(record[i].bytes); j++)
			record[i].bytes[j] = sie_next(&seed);
		record[i].half = sie_next(&seed);
		record[i].next = &record[(i + 1) % 3];
	}
	for (i = 0; i < 9; i++) {
		copy = *record[i % 3].next;
		copy.small += copy.half;
		copy.negative ^= copy.bytes[i];
		copy.wide -= copy.negative;
		sum = sum * 31 + copy.small + copy.negative + copy.wide + copy.bytes[36 - i];
		copy.next = record[i % 3].next->next;
		*record[i % 3].next = copy;
	}
	return sum;
}

static unsigned long sie_blocks(unsigned long seed)
{
	unsigned char from[600], to[600];
	unsigned long sum = 0;
	unsigned int i, n;

	for (i = 0; i < sizeof(from); i++) {
		from[i] = sie_next(&seed);
		to[i] = i;
	}
	for (i = 0; i < 5; i++) {
		n = sie_next(&seed) % 300;
		__builtin_memcpy(to + i, from + n, n);
		__builtin_memset(to + 300, n, n + 1);
		sum = sum * 7 + (__builtin_memcmp(to, from + i, n) > 0);
		__builtin_memcpy(to + 17, from + i, 17);
		sum += __builtin_memcmp(to + 17, from, 24) < 0;
		sum += to[n] + ((unsigned long)to[n + 300] << 32);
	}
	return sum;
}

static unsigned long sie_choose(unsigned long seed)
{
	unsigned long sum = seed;
	int i;

	for (i = 0; i < 40; i++) {
		switch (sie_next(&seed) >> 40 & 15) {
		case 0:
			sum += 3;
			break;
		case 1:
			sum *= 5;
			break;
		case 2:
			sum ^= sum >> 7;
			break;
		case 3:
			sum = ~sum;
			break;
		case 4:
			sum -= i;
			break;
		case 5:
			sum = -sum;
			break;
		case 6:
			sum |= 1UL << (i & 63);
			break;
		case 7:
			sum &= ~(1UL << 33);
			break;
		case 9:
			sum = __builtin_bswap64(sum);
			break;
		case 10:
			sum += __builtin_bswap32(sum);
			break;
		case 12:
			sum = sum << 48 | sum >> 16;
			break;
		default:
			sum += (long)(int)sum;
		}
	}
	return sum;
}

static unsigned long sie_listed(int n, ...)
{
	unsigned long sum = 0;
	va_list list;

	va_start(list, n);
	while (n--)
		sum = sum * 3 + va_arg(list, unsigned long);
	va_end(list);
	return sum;
}

static unsigned long sie_depth(unsigned long n, unsigned long seed)
{
	if (n < 2)
		return seed + n;
	return sie_depth(n - 1, seed) * 3 + sie_depth(n - 2, seed ^ n);
}

static unsigned long sie_calls(unsigned long seed)
{
	return sie_depth(8, seed) ^
	       sie_listed(9, seed, 2UL, seed >> 3, 4UL, 5UL, ~seed, 7UL, 8UL, 9UL);
}

static unsigned long sie_atomics(unsigned long seed)
{
	unsigned long wide = seed;
	unsigned int word = seed, i;

	for (i = 1; i < 12; i++) {
		unsigned int seen = word;

		__atomic_add_fetch(&wide, i * seed, __ATOMIC_SEQ_CST);
		__atomic_xor_fetch(&word, i, __ATOMIC_SEQ_CST);
		/* The comparison always fails, so this call stores the value of word in seen. */
		if (!__atomic_compare_exchange_n(&word, &seen, 0, 0, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			wide += seen;
		wide ^= __atomic_exchange_n(&word, (unsigned int)wide, __ATOMIC_SEQ_CST);
	}
	return wide ^ word;
}

static unsigned long sie_text(unsigned long seed)
{
	static const char digits[] = "0123456789abcdef";
	char text[24], *p = text + sizeof(text) - 1;
	unsigned long sum = 0, value = seed;

	*p = 0;
	do {
		*--p = digits[value % 15];
		value /= 15;
	} while (value);
	for (; *p; p++)
		sum = sum * 33 + (*p >= 'a' ? *p - 'a' + 10 : *p - '0');
	return sum;
}

static unsigned long sie_work(unsigned int part, unsigned long seed)
{
	static unsigned long (*const parts[SIE_PARTS])(unsigned long seed) = {
		sie_words, sie_narrow, sie_records, sie_blocks, sie_choose, sie_calls, sie_atomics,
		sie_text,
	};

	return parts[part](seed);
}

/* the guest program, compiled at three optimization levels and embedded in the test program */
extern const char sie_0[], sie_0_end[];
extern const char sie_2[], sie_2_end[];
extern const char sie_s[], sie_s_end[];

#endif /* __ASSEMBLY__ */
#endif /* SIE_WORK_H */
