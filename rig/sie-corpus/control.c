// SPDX-License-Identifier: GPL-2.0
#include "corpus.h"

static NOINLINE u64 dense(unsigned int n, u64 v)
{
	switch (n) {
	case 0: return v + 1;
	case 1: return v * 3;
	case 2: return v ^ 0x55;
	case 3: return v >> 1;
	case 4: return v - 9;
	case 5: return ~v;
	case 6: return v << 2;
	case 7: return v | 0x8000;
	case 8: return v & 0xffff;
	default: return v;
	}
}

static u64 (*const table[])(unsigned int n, u64 v) = { dense, dense, dense };

static NOINLINE u64 recurse(unsigned int n, u64 v)
{
	if (n < 2)
		return v + n;
	return mix(recurse(n - 1, v), recurse(n - 2, v));
}

static NOINLINE int sign(s64 v)
{
	return v > 0 ? 1 : v < 0 ? -1 : 0;
}

static NOINLINE u64 loops(int n)
{
	u64 h = 0;
	int i, j;

	for (i = n; i; i--)
		for (j = 0; j <= i; j += 3)
			h = mix(h, i * j);
	for (i = -n; i < n; i += 7)
		h = mix(h, sign(i) + 2);
	do {
		h += n;
	} while (--n > 0);
	return h;
}

static void sort(u32 *v, int n)
{
	int i, j;

	for (i = 1; i < n; i++) {
		u32 key = v[i];

		for (j = i; j && v[j - 1] > key; j--)
			v[j] = v[j - 1];
		v[j] = key;
	}
}

u64 corpus_control(u64 seed)
{
	u64 h = seed;
	u32 v[50];
	int i;

	for (i = 0; i < 30; i++)
		h = table[i % 3](i % 11, h);
	h = mix(h, recurse(11, seed));
	h = mix(h, loops(40));
	for (i = 0; i < 50; i++)
		v[i] = next(&seed);
	sort(v, 50);
	for (i = 0; i < 50; i++)
		h = mix(h, v[i]);
	return h;
}
