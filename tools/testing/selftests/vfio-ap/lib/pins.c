// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib.h"

static long status_kib(const char *name)
{
	char text[4096], *line;

	file_read("/proc/self/status", text, sizeof(text));
	line = strstr(text, name);
	return line ? atol(line + strlen(name)) : -1;
}

/*
 * Return the pinned and locked memory of this process in KiB. This driver accounts the
 * pages that it pins as pinned memory, and the stock driver as locked memory.
 */
long pinned_kib(void)
{
	return status_kib("VmPin:") + status_kib("VmLck:");
}

static long vmstat_read(const char *name)
{
	static char text[65536];
	char *line;

	file_read("/proc/vmstat", text, sizeof(text));
	line = strstr(text, name);
	return line ? atol(line + strlen(name)) : -1;
}

/* Condition for until(): pinned_kib() returns 0, and no other process has pinned pages either. */
bool nothing_is_pinned(void *unused)
{
	char text[64];

	(void)unused;
	file_read("/proc/sys/vm/stat_refresh", text, sizeof(text));
	return !pinned_kib() &&
	       vmstat_read("nr_foll_pin_acquired ") == vmstat_read("nr_foll_pin_released ");
}
