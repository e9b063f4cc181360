// SPDX-License-Identifier: GPL-2.0
#include "corpus.h"

struct mixed {
	u8 b;
	s8 sb;
	u16 h;
	s16 sh;
	u32 w;
	s32 sw;
	u64 d;
	u32 flag_a : 1, flag_b : 7, field : 13, rest : 11;
	u64 long_field : 40, more : 24;
};

static NOINLINE void fill(struct mixed *m, u64 value)
{
	m->b = value;
	m->sb = value >> 3;
	m->h = value >> 5;
	m->sh = value >> 7;
	m->w = value >> 11;
	m->sw = value >> 13;
	m->d = value;
	m->flag_a = value >> 17;
	m->flag_b = value >> 18;
	m->field = value >> 21;
	m->rest = value >> 40;
	m->long_field = value >> 9;
	m->more = value >> 2;
}

static NOINLINE u64 fold(const struct mixed *m, u64 h)
{
	h = mix(h, m->b + m->sb);
	h = mix(h, m->h * m->sh);
	h = mix(h, m->sw + (s64)m->sh);
	h = mix(h, m->d + m->sw);
	h = mix(h, m->d - m->w);
	h = mix(h, m->d * m->sw);
	h = mix(h, m->flag_a ? m->flag_b : m->field);
	h = mix(h, m->rest);
	h = mix(h, m->long_field ^ m->more);
	h = mix(h, (s64)m->sw < (s64)m->d);
	h = mix(h, m->w < m->d);
	h = mix(h, m->sh < m->sw);
	h = mix(h, m->b == 0x5a);
	if (m->sw)
		h = mix(h, (s64)(m->d >> 1) / m->sw);
	return h;
}

static NOINLINE void update(struct mixed *m)
{
	m->b |= 0x10;
	m->b ^= 0x42;
	m->sb &= 0x7e;
	m->h += 3;
	m->sh -= 5;
	m->w <<= 1;
	m->sw >>= 2;
	m->d += m->w;
	m->d ^= 0xff00ff00ff00ff00ULL;
	m->d &= 0xfffffffffffff0f0ULL;
	m->d |= 0x0001000000000000ULL;
	m->flag_a ^= 1;
	if (m->h & 0x0180)
		m->field++;
	if ((m->d & 0x0001800000000000ULL) == 0x0001800000000000ULL)
		m->rest++;
	if (m->b & 0x81)
		m->more--;
}

u64 corpus_narrow(u64 seed)
{
	struct mixed m[4];
	u64 h = seed;
	int i;

	for (i = 0; i < 40; i++) {
		fill(&m[i % 4], next(&seed));
		update(&m[i % 4]);
		h = fold(&m[i % 4], h);
	}
	return h;
}
