/* SPDX-License-Identifier: GPL-2.0 */
/* Definitions from kernel headers, to build the interpreter as a user-space program. */
#ifndef SIE_SHIM_KERNEL_H
#define SIE_SHIM_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define U32_MAX ((u32)~0U)
#define S64_MIN INT64_MIN
#define BIT(n) (1UL << (n))
#define BITS_PER_BYTE 8
#define noinline __attribute__((noinline))
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define PSW_MASK_EA	0x0000000100000000UL
#define PSW_MASK_BA	0x0000000080000000UL
#define PSW_MASK_PSTATE	0x0001000000000000UL

#define PGM_PRIVILEGED_OP		0x02
#define PGM_EXECUTE			0x03
#define PGM_SPECIFICATION		0x06
#define PGM_FIXED_POINT_OVERFLOW	0x08
#define PGM_FIXED_POINT_DIVIDE		0x09

#define check_add_overflow __builtin_add_overflow
#define check_sub_overflow __builtin_sub_overflow

#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define min_t(type, a, b) min((type)(a), (type)(b))
#define min3(a, b, c) min(min(a, b), c)

#define swab16 __builtin_bswap16
#define swab32 __builtin_bswap32
#define swab64 __builtin_bswap64
#define hweight8(v) ((unsigned int)__builtin_popcount((u8)(v)))
#define fls(v) (32 - __builtin_clz(v))

static inline u32 rol32(u32 v, unsigned int n)
{
	return v << (n & 31) | v >> (-n & 31);
}

static inline u64 rol64(u64 v, unsigned int n)
{
	return v << (n & 63) | v >> (-n & 63);
}

#define UNALIGNED(bits)								\
static inline u##bits get_unaligned_be##bits(const void *p)			\
{										\
	u##bits v;								\
										\
	memcpy(&v, p, sizeof(v));						\
	return __builtin_bswap##bits(v);					\
}										\
static inline void put_unaligned_be##bits(u##bits v, void *p)			\
{										\
	v = __builtin_bswap##bits(v);						\
	memcpy(p, &v, sizeof(v));						\
}

UNALIGNED(16)
UNALIGNED(32)
UNALIGNED(64)

#endif /* SIE_SHIM_KERNEL_H */
