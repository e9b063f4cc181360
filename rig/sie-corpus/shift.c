// SPDX-License-Identifier: GPL-2.0
#include "corpus.h"

static NOINLINE u64 all(u64 v, unsigned int n, u64 h)
{
	u32 w = v;

	h = mix(h, v << (n & 63));
	h = mix(h, v >> (n & 63));
	h = mix(h, (s64)v >> (n & 63));
	h = mix(h, w << (n & 31));
	h = mix(h, w >> (n & 31));
	h = mix(h, (s32)w >> (n & 31));
	h = mix(h, v << (n & 63) | v >> (-n & 63));
	h = mix(h, w << (n & 31) | w >> (-n & 31));
	h = mix(h, (u64)(((unsigned __int128)v << 17 | w) >> 5));
	h = mix(h, v << 3);
	h = mix(h, (s64)v >> 33);
	h = mix(h, (s32)w >> 31);
	h = mix(h, (s64)(v << 1) < 0);
	return mix(h, (v >> 20 & 0xfff) + (w >> 9 & 0x7f));
}

u64 corpus_shift(u64 seed)
{
	u64 h = seed;
	unsigned int n;

	for (n = 0; n < 64; n++)
		h = all(next(&seed), n, h);
	return h;
}
