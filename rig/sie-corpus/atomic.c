// SPDX-License-Identifier: GPL-2.0
#include "corpus.h"

static u32 word;
static u64 doubleword;

u64 corpus_atomic(u64 seed)
{
	u64 h = seed, wanted;
	u32 expected;
	int i;

	word = seed;
	doubleword = seed;
	for (i = 0; i < 20; i++) {
		h = mix(h, __atomic_fetch_add(&word, i * 3, __ATOMIC_SEQ_CST));
		h = mix(h, __atomic_fetch_or(&doubleword, next(&seed), __ATOMIC_SEQ_CST));
		h = mix(h, __atomic_exchange_n(&doubleword, next(&seed), __ATOMIC_SEQ_CST));
		expected = i & 1 ? word : ~word;
		h = mix(h, __atomic_compare_exchange_n(&word, &expected, (u32)h, 0,
						       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
		wanted = i & 2 ? doubleword : 1;
		h = mix(h, __atomic_compare_exchange_n(&doubleword, &wanted, h, 0,
						       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
		h = mix(h, expected + wanted);
	}
	return mix(h, word + doubleword);
}
