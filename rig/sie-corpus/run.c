// SPDX-License-Identifier: GPL-2.0
/*
 * Run the corpus natively and in the interpreter, and compare the results. usage: run IMAGE
 *
 * IMAGE is a flat binary that starts with corpus() and is loaded at 0x10000.
 */
#include <stdio.h>
#include "sie_insn.h"

#define LOAD_ADDRESS	0x10000
#define STORAGE_SIZE	0x100000
#define STACK		(STORAGE_SIZE - 160)
#define RETURN_ADDRESS	0x200
#define LIMIT		20000000

unsigned long long corpus(unsigned long long seed);

static u8 storage[STORAGE_SIZE];
static size_t image_size;

static int storage_read(void *ctx, u64 addr, void *buf, size_t len)
{
	if (addr > STORAGE_SIZE || len > STORAGE_SIZE - addr)
		return 5;
	memcpy(buf, storage + addr, len);
	return 0;
}

static int storage_write(void *ctx, u64 addr, const void *buf, size_t len)
{
	if (addr > STORAGE_SIZE || len > STORAGE_SIZE - addr)
		return 5;
	memcpy(storage + addr, buf, len);
	return 0;
}

static int storage_compare_swap(void *ctx, u64 addr, size_t len, u64 *old, u64 new)
{
	u64 expected = *old;
	u8 buf[8] = { 0 };
	int rc = storage_read(ctx, addr, buf + 8 - len, len);

	if (rc)
		return rc;
	*old = get_unaligned_be64(buf);
	if (*old != expected)
		return 0;
	put_unaligned_be64(new, buf);
	return storage_write(ctx, addr, buf + 8 - len, len);
}

static int interpret(u64 seed, u64 *result)
{
	struct hwsim_cpu cpu = {
		.psw_mask = PSW_MASK_EA | PSW_MASK_BA,
		.psw_addr = LOAD_ADDRESS,
		.gr = { [2] = seed, [14] = RETURN_ADDRESS, [15] = STACK },
		.fetch = storage_read,
		.read = storage_read,
		.write = storage_write,
		.compare_swap = storage_compare_swap,
	};
	struct hwsim_insn insn;
	unsigned int n;
	int rc;

	for (n = 0; n < LIMIT && cpu.psw_addr != RETURN_ADDRESS; n++) {
		u64 addr = cpu.psw_addr;

		rc = hwsim_insn_fetch(&cpu, &insn);
		if (!rc)
			rc = hwsim_insn_execute(&cpu, &insn);
		if (rc) {
			printf("%#lx: code %04x: %d\n", (long)addr, insn.code, rc);
			return 1;
		}
	}
	*result = cpu.gr[2];
	return n == LIMIT;
}

int main(int argc, char **argv)
{
	int failed = 0;
	FILE *image;
	u64 part, seed, got, want;

	image = argc > 1 ? fopen(argv[1], "rb") : NULL;
	if (!image) {
		perror("image");
		return 2;
	}
	image_size = fread(storage + LOAD_ADDRESS, 1, STORAGE_SIZE - LOAD_ADDRESS, image);
	fclose(image);
	if (!image_size) {
		fprintf(stderr, "the image is empty\n");
		return 2;
	}
	for (part = 0; part < 7; part++) {
		for (seed = 1; seed < 6; seed++) {
			want = corpus(part << 32 | seed);
			if (interpret(part << 32 | seed, &got) || got != want) {
				printf("part %d seed %d: %016lx instead of %016lx\n", (int)part,
				       (int)seed, (long)got, (long)want);
				failed = 1;
			}
		}
	}
	return failed;
}
