// SPDX-License-Identifier: GPL-2.0
#include "corpus.h"

static NOINLINE u64 signed64(s64 a, s64 b, u64 h)
{
	s64 r;

	h = mix(h, __builtin_add_overflow(a, b, &r));
	h = mix(h, r);
	h = mix(h, __builtin_sub_overflow(a, b, &r));
	h = mix(h, r);
	h = mix(h, (u64)a * (u64)b);
	if (b && b != -1) {
		h = mix(h, a / b);
		h = mix(h, a % b);
	}
	h = mix(h, a < b);
	h = mix(h, a > 17 ? a - 17 : 17 - b);
	h = mix(h, a == b ? 3 : a <= b ? 5 : 7);
	if (a != (-0x7fffffffffffffffLL - 1))
		h = mix(h, a < 0 ? -a : a);
	return mix(h, -(u64)b);
}

static NOINLINE u64 unsigned64(u64 a, u64 b, u64 h)
{
	unsigned __int128 wide = (unsigned __int128)a * b;
	unsigned __int128 sum = wide + a;
	unsigned __int128 difference = sum - ((unsigned __int128)b << 64 | a);

	h = mix(h, wide >> 64);
	h = mix(h, wide);
	h = mix(h, sum >> 64);
	h = mix(h, difference >> 64);
	h = mix(h, difference);
	if (b) {
		h = mix(h, a / b);
		h = mix(h, a % b);
	}
	h = mix(h, a / 10);
	h = mix(h, a % 1000003);
	h = mix(h, a < b);
	h = mix(h, a >= 0xffffffff00000000ULL);
	h = mix(h, (a & b) ^ (a | ~b));
	return mix(h, __builtin_bswap64(a) + __builtin_bswap32(b));
}

static NOINLINE u64 signed32(s32 a, s32 b, u64 h)
{
	s32 r;

	h = mix(h, __builtin_add_overflow(a, b, &r));
	h = mix(h, r);
	h = mix(h, __builtin_sub_overflow(a, b, &r));
	h = mix(h, r);
	h = mix(h, __builtin_mul_overflow(a, b, &r));
	h = mix(h, r);
	h = mix(h, (s64)a * b);
	if (b && b != -1) {
		h = mix(h, a / b);
		h = mix(h, a % b);
	}
	h = mix(h, a / 7);
	h = mix(h, a % -13);
	h = mix(h, a < b ? a : b);
	if (a != (-0x7fffffff - 1))
		h = mix(h, a < 0 ? -a : a);
	return mix(h, (u32)a * 1000u + (u32)b);
}

static NOINLINE u64 unsigned32(u32 a, u32 b, u64 h)
{
	u64 wide = (u64)a * b;

	h = mix(h, wide);
	if (b) {
		h = mix(h, a / b);
		h = mix(h, a % b);
		h = mix(h, (wide + 5) / b);
	}
	h = mix(h, a / 10);
	h = mix(h, a > b);
	h = mix(h, (u32)(a + b) < a);
	h = mix(h, (a & 0xff00ff) | (b & 0xff00));
	h = mix(h, (a ^ b) + ~a);
	return mix(h, a - b);
}

u64 corpus_arithmetic(u64 seed)
{
	u64 h = seed, a, b;
	int i;

	for (i = 0; i < 60; i++) {
		a = next(&seed);
		b = next(&seed) >> (i % 48);
		if (i % 7 == 3)
			b = -b;
		h = signed64(a, b, h);
		h = unsigned64(a, b, h);
		h = signed32(a, b, h);
		h = unsigned32(a, b, h);
	}
	h = signed64(0x7fffffffffffffffLL, 1, h);
	h = signed64(-0x7fffffffffffffffLL - 1, 1, h);
	h = unsigned64(~0ULL, ~0ULL, h);
	h = signed32(0x7fffffff, 1, h);
	h = signed32(-0x7fffffff - 1, 2, h);
	return unsigned32(~0u, 3, h);
}
