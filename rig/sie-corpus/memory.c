// SPDX-License-Identifier: GPL-2.0
#include "corpus.h"

#define SIZE 1024

struct big {
	u64 words[40];
	u8 tail[13];
};

static u8 from[SIZE], to[SIZE];

static NOINLINE u64 sum(const u8 *p, unsigned int len, u64 h)
{
	while (len--)
		h = mix(h, *p++);
	return h;
}

static NOINLINE struct big copy(struct big b)
{
	b.words[3]++;
	return b;
}

static NOINLINE u64 many(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g, u64 i)
{
	return mix(mix(a ^ b, c - d), mix(e + f, g * i));
}

u64 corpus_memory(u64 seed)
{
	struct big b, c;
	u64 h = seed, n;
	int i;

	for (i = 0; i < SIZE; i++)
		from[i] = next(&seed) >> 20;
	for (i = 0; i < 20; i++) {
		n = next(&seed) % 700;
		OPAQUE(n);
		__builtin_memset(to, i * 3, sizeof(to));
		__builtin_memcpy(to + i, from + 2 * i, n);
		h = sum(to, sizeof(to), h);
		h = mix(h, __builtin_memcmp(to + i, from + 2 * i, n + 1) > 0);
		__builtin_memmove(to + 7, to, n);
		h = sum(to, sizeof(to), h);
	}
	__builtin_memset(&b, 0, sizeof(b));
	for (i = 0; i < 40; i++)
		b.words[i] = next(&seed);
	__builtin_memcpy(b.tail, from, sizeof(b.tail));
	c = copy(b);
	for (i = 0; i < 40; i++)
		h = mix(h, c.words[i]);
	h = sum(c.tail, sizeof(c.tail), h);
	h = mix(h, __builtin_memcmp(&b, &c, 24) == 0);
	h = mix(h, __builtin_memcmp(b.tail, c.tail, 13) == 0);
	return many(h, 2, b.words[1], 4, c.words[2], 6, 7, b.words[9]);
}
