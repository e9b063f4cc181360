// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib.h"

#define DBF	"/sys/kernel/debug/s390dbf/vfio_ap/"

/* Open the kernel log, skip its current lines, and return a file descriptor. */
int kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	lseek(fd, 0, SEEK_END);
	return fd;
}

/*
 * Read the lines that the kernel has logged since the last call. Return the number of
 * lines that contain @text, and copy the last such line to @buf. Return INT_MAX if the
 * kernel has overwritten unread lines.
 */
int kmsg_lines(int fd, const char *text, char *buf, size_t size)
{
	char line[8192];
	ssize_t len;
	int lines = 0;

	buf[0] = 0;
	while ((len = read(fd, line, sizeof(line) - 1)) > 0) {
		line[len] = 0;
		if (!strstr(line, text))
			continue;
		lines++;
		snprintf(buf, size, "%s", line);
	}
	return len < 0 && errno == EPIPE ? INT_MAX : lines;
}

int dbf_flush(void)
{
	return file_write(DBF "flush", "-");
}

bool dbf_shows(const char *text)
{
	static char entries[1 << 16];

	return file_read(DBF "sprintf", entries, sizeof(entries)) > 0 && strstr(entries, text);
}
