// SPDX-License-Identifier: GPL-2.0
#include "corpus.h"

/* The compiler may emit calls to these functions. */
#ifdef __s390x__
void *memcpy(void *to, const void *from, unsigned long n)
{
	u8 *d = to;
	const u8 *s = from;

	while (n--)
		*d++ = *s++;
	return to;
}

void *memmove(void *to, const void *from, unsigned long n)
{
	u8 *d = to;
	const u8 *s = from;

	if (d <= s)
		return memcpy(to, from, n);
	while (n--)
		d[n] = s[n];
	return to;
}

void *memset(void *to, int c, unsigned long n)
{
	u8 *d = to;

	while (n--)
		*d++ = c;
	return to;
}

int memcmp(const void *a, const void *b, unsigned long n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
#endif

static u64 (*const parts[])(u64 seed) = {
	corpus_arithmetic, corpus_narrow, corpus_shift, corpus_memory, corpus_string,
	corpus_control, corpus_atomic,
};

/* Entry point of the flat image. Run only one part, so that a message can name this part. */
__attribute__((section(".text.corpus"))) u64 corpus(u64 seed)
{
	return parts[seed >> 32](seed & 0xffffffff);
}
