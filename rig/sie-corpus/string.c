// SPDX-License-Identifier: GPL-2.0
/*
 * Use inline assembly for MVST, CLST, SRST, MVCLE and CLCLE, because compilers do not reliably
 * emit these instructions.
 */
#include "corpus.h"

static NOINLINE u64 length(const char *s)
{
#ifdef __s390x__
	register u64 end_char __asm__("0") = 0;
	const char *end = (const char *)~0UL, *at = s;

	__asm__ volatile("0: srst %0,%1\n jo 0b"
			 : "+a" (end), "+a" (at) : "d" (end_char) : "cc", "memory");
	return end - s;
#else
	return __builtin_strlen(s);
#endif
}

static NOINLINE char *append(char *to, const char *s)
{
#ifdef __s390x__
	register u64 end_char __asm__("0") = 0;

	__asm__ volatile("0: mvst %0,%1\n jo 0b"
			 : "+a" (to), "+a" (s) : "d" (end_char) : "cc", "memory");
	return to;
#else
	while ((*to = *s++))
		to++;
	return to;
#endif
}

static NOINLINE int compare(const char *a, const char *b)
{
#ifdef __s390x__
	register u64 end_char __asm__("0") = 0;
	u64 cc;

	__asm__ volatile("0: clst %1,%2\n jo 0b\n ipm %0"
			 : "=d" (cc), "+a" (a), "+a" (b) : "d" (end_char) : "cc", "memory");
	return cc >> 28 & 3;
#else
	while (*a && *a == *b)
		a++, b++;
	return *a == *b ? 0 : *(const u8 *)a < *(const u8 *)b ? 1 : 2;
#endif
}

static NOINLINE void copy_long(char *to, u64 to_len, const char *from, u64 from_len)
{
#ifdef __s390x__
	register char *r2 __asm__("2") = to;
	register u64 r3 __asm__("3") = to_len;
	register const char *r4 __asm__("4") = from;
	register u64 r5 __asm__("5") = from_len;

	__asm__ volatile("0: mvcle 2,4,0x20\n jo 0b"
			 : "+a" (r2), "+d" (r3), "+a" (r4), "+d" (r5) : : "cc", "memory");
#else
	u64 i;

	for (i = 0; i < to_len; i++)
		to[i] = i < from_len ? from[i] : 0x20;
#endif
}

static NOINLINE int compare_long(const char *a, u64 a_len, const char *b, u64 b_len)
{
#ifdef __s390x__
	register const char *r2 __asm__("2") = a;
	register u64 r3 __asm__("3") = a_len;
	register const char *r4 __asm__("4") = b;
	register u64 r5 __asm__("5") = b_len;
	u64 cc;

	__asm__ volatile("0: clcle 2,4,0x20\n jo 0b\n ipm %0"
			 : "=d" (cc), "+a" (r2), "+d" (r3), "+a" (r4), "+d" (r5)
			 : : "cc", "memory");
	return cc >> 28 & 3;
#else
	u64 i;
	u8 x, y;

	for (i = 0; i < a_len || i < b_len; i++) {
		x = i < a_len ? a[i] : 0x20;
		y = i < b_len ? b[i] : 0x20;
		if (x != y)
			return x < y ? 1 : 2;
	}
	return 0;
#endif
}

static char a[3000], b[3000];

u64 corpus_string(u64 seed)
{
	u64 h = seed, i, n;

	for (i = 0; i < 12; i++) {
		char *end = append(a, "begin");

		for (n = next(&seed) % 300; n; n--)
			end = append(end, "0123456789");
		h = mix(h, length(a));
		append(b, a);
		h = mix(h, compare(a, b));
		b[length(b) / 2] ^= next(&seed) & 2;
		h = mix(h, compare(a, b));
		end[-1] = 0;
		h = mix(h, compare(a, b));
		copy_long(b, 100 + i * 70, a, length(a));
		h = mix(h, compare_long(a, length(a), b, 100 + i * 70));
		h = mix(h, compare_long(b, 90, b, 90));
		copy_long(b, 40, "short", 5);
		h = mix(h, compare_long(b, 40, "short", 5));
		h = mix(h, compare_long(b, 5, "shorter", 7));
	}
	return h;
}
