// SPDX-License-Identifier: GPL-2.0
/* Write a file for a bug report, with the state and history of the driver and its queues. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>

#include "lsvfioap.h"

#define NUMBERS	"/sys/kernel/debug/vfio_ap"
#define DBF	"/sys/kernel/debug/s390dbf/vfio_ap/sprintf"
#define TRACE	"/sys/kernel/tracing/trace"
#define LAST_SECONDS	60

static void title(const char *text)
{
	printf("\n== %s\n", text);
}

static void attribute_print(const char *directory, const char *name)
{
	char *text = file_get(NULL, "%s/%s", directory, name);
	bool lines = text && strchr(text, '\n') != strrchr(text, '\n');

	printf("%s:%c%s", name, lines ? '\n' : ' ', text ?: strerror(errno));
	if (!text || !*text || text[strlen(text) - 1] != '\n')
		putchar('\n');
	free(text);
}

/* Check the mode bits, because root can open even a write-only attribute, but not read it. */
static bool is_readable(const char *path)
{
	struct stat status;

	return !lstat(path, &status) && S_ISREG(status.st_mode) && (status.st_mode & 0444);
}

static void attributes_print(const char *directory)
{
	struct dirent **entries;
	int i, nr = scandir(directory, &entries, NULL, alphasort);

	title(directory);
	if (nr < 0)
		printf("%s\n", strerror(errno));
	for (i = 0; i < nr; i++) {
		char path[1024];

		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		/* mdev_draw() has already printed queue_states. */
		if (is_readable(path) && strcmp(entries[i]->d_name, "queue_states"))
			attribute_print(directory, entries[i]->d_name);
		free(entries[i]);
	}
	if (nr >= 0)
		free(entries);
}

static void file_print(const char *path)
{
	char *text = file_get(NULL, "%s", path);

	title(path);
	printf("%s%s", text ?: strerror(errno), text ? "" : "\n");
	free(text);
}

/* Return the timestamp of a vfio_ap event in seconds, or -1 if the line is not such an event. */
static double trace_time(const char *line)
{
	const char *event = strstr(line, ": vfio_ap_"), *begin = event;

	if (!event)
		return -1;
	while (begin > line && begin[-1] != ' ')
		begin--;
	return atof(begin);
}

/*
 * Print the events of the last minute. The minute ends at the newest event, because the
 * trace clock may differ from the system's clock.
 */
static void trace_print(void)
{
	char *text = file_get(NULL, TRACE), *line, *rest, *copy;
	double newest = -1, time;

	title(TRACE);
	if (!text) {
		printf("%s\n", strerror(errno));
		return;
	}
	copy = need(strdup(text));
	for (rest = copy; (line = strsep(&rest, "\n"));) {
		time = trace_time(line);
		if (time > newest)
			newest = time;
	}
	free(copy);
	if (newest < 0)
		printf("no vfio_ap events: see Documentation/arch/s390/vfio-ap-tracing.rst\n");
	for (rest = text; (line = strsep(&rest, "\n"));) {
		time = trace_time(line);
		if (time >= 0 && time >= newest - LAST_SECONDS)
			printf("%s\n", line);
	}
	free(text);
}

static void report_print(void)
{
	time_t now = time(NULL);
	struct utsname system;
	char path[512];
	unsigned int i;

	uname(&system);
	printf("vfio_ap on %s %s, %s", system.sysname, system.release, ctime(&now));
	title("queues");
	host_draw();
	for (i = 0; i < nr_mdevs; i++) {
		title("mediated device");
		mdev_draw(&mdevs[i]);
	}
	attributes_print(BUS);
	attributes_print(MATRIX);
	for (i = 0; i < nr_mdevs; i++) {
		snprintf(path, sizeof(path), MATRIX "/%s", mdevs[i].uuid);
		attributes_print(path);
	}
	attributes_print(NUMBERS);
	/* Print the whole debug feature: it is small, and its clock differs from the trace's. */
	file_print(DBF);
	trace_print();
}

void report_write(const char *path)
{
	if (!freopen(path, "w", stdout))
		fail("cannot write %s: %s", path, strerror(errno));
	colours = false;
	columns = DEFAULT_COLUMNS;
	everything = true;
	report_print();
	output_end(path);
	fprintf(stderr, "lsvfioap: wrote %s", path);
	fputs("; it names queues and mediated devices, but contains no keys\n", stderr);
}
