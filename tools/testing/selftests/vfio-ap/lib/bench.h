/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers for the benchmarks, which print one line per measurement for rig/run/bench.py:
 *
 *    @waits ID DRIVER MODE MICROSECONDS...
 *    @value ID DRIVER NUMBER
 */
#ifndef VFIO_AP_BENCH_H
#define VFIO_AP_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib.h"

/*
 * The first argument selects the driver: "ours" (the default) is this driver, and "base"
 * is the stock driver.
 */
static inline const char *bench_driver(int argc, char **argv)
{
	const char *driver = argc > 1 ? argv[1] : "ours";
	bool base = !strcmp(driver, "base");

	hwsim_needed();
	setenv("VFIO_AP_MODULE", base ? "/lib/base/vfio_ap.ko" : "/lib/vfio_ap.ko", 1);
	return driver;
}

static inline long bench_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

/* Exit at the first error, because the measurements would be meaningless. */
#define must(condition)							\
	do {								\
		if (!(condition)) {					\
			printf("@broken %s:%d: %s\n", __FILE__, __LINE__, #condition); \
			exit(1);					\
		}							\
	} while (0)

#endif /* VFIO_AP_BENCH_H */
