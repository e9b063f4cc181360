/* SPDX-License-Identifier: GPL-2.0 */
/*
 * C code to test the SIE interpreter. The same source also runs natively, so the results must not
 * depend on byte order, addresses or undefined behaviour.
 */
#ifndef SIE_CORPUS_H
#define SIE_CORPUS_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;

#define NOINLINE __attribute__((noinline, noclone))

/* Hide a value from the optimizer. */
#define OPAQUE(x) __asm__ volatile("" : "+r" (x))

static inline u64 mix(u64 hash, u64 value)
{
	return (hash ^ value) * 0x9e3779b97f4a7c15ULL + (hash >> 29);
}

static inline u64 next(u64 *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed ^ *seed >> 31;
}

u64 corpus_arithmetic(u64 seed);
u64 corpus_narrow(u64 seed);
u64 corpus_shift(u64 seed);
u64 corpus_memory(u64 seed);
u64 corpus_string(u64 seed);
u64 corpus_control(u64 seed);
u64 corpus_atomic(u64 seed);
u64 corpus(u64 seed);

#endif /* SIE_CORPUS_H */
