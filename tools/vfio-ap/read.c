// SPDX-License-Identifier: GPL-2.0
/* Read the host's queues and the mediated devices from sysfs. */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lsvfioap.h"

#define DEVICES	"/sys/devices/ap"

#define GREEN	"\033[32m"
#define YELLOW	"\033[33m"
#define RED	"\033[31m"

const struct meaning owners[] = {
	{ 'G', GREEN, "guest", "in a guest" },
	{ 'a', YELLOW, "assigned", "assigned to a mediated device" },
	{ 'v', "", "vfio_ap", "bound to vfio_ap, unassigned" },
	{ 'h', "", "host", "bound to a host driver" },
	{ 'n', RED, "none", "bound to no driver" },
	{}
};

const struct meaning states[] = {
	{ 'G', GREEN, "in-guest", "in the guest" },
	{ 'r', GREEN, "ready", "ready for a guest" },
	{ 'z', YELLOW, "being-reset", "being reset" },
	{ 'p', YELLOW, "pending", "pending" },
	{ 'b', YELLOW, "blocked", "blocked by another queue" },
	{ 'R', YELLOW, "removing", "being removed" },
	{ 'u', RED, "not-bound", "not bound to vfio_ap" },
	{ 'x', RED, "not-in-host", "not in the host" },
	{ 'F', RED, "reset-failed", "reset failed" },
	{ '?', RED, "", "see below" },
	{}
};

const struct meaning marks[] = {
	{ '-', RED, "deconfigured", "deconfigured" },
	{ '!', RED, "checkstopped", "checkstopped" },
	{ '*', YELLOW, "being-reset", "being reset" },
	{ OVERRIDE, "", "", "has a driver_override" },
	{}
};

struct mdev *mdevs;
unsigned int nr_mdevs;

void fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("lsvfioap: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

void output_end(const char *name)
{
	bool failed = ferror(stdout);

	/* If an earlier write failed, fclose() tries again, and sets errno if it fails as well. */
	errno = 0;
	if (fclose(stdout) || failed)
		fail("cannot write %s: %s", name, errno ? strerror(errno) : "incomplete");
}

void *need(void *memory)
{
	if (!memory)
		fail("out of memory");
	return memory;
}

char *file_get(size_t *size, const char *fmt, ...)
{
	size_t room = 4096, length = 0;
	char path[512], *text;
	va_list args;
	FILE *file;
	int error;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	file = fopen(path, "r");
	if (!file)
		return NULL;
	text = need(malloc(room + 1));
	while ((length += fread(text + length, 1, room - length, file)) == room) {
		room *= 2;
		text = need(realloc(text, room + 1));
	}
	error = ferror(file) ? errno : 0;
	fclose(file);
	if (error) {
		free(text);
		errno = error;
		return NULL;
	}
	text[length] = 0;
	if (size)
		*size = length;
	return text;
}

const struct meaning *meaning_of(const struct meaning *of, char letter)
{
	while (of->letter && of->letter != letter)
		of++;
	return of;
}

#define QUEUE	DEVICES "/card%.2s/%s/%s"

static bool queue_says(const char *queue, const char *attribute, const char *word)
{
	char *text = file_get(NULL, QUEUE, queue, queue, attribute);
	bool equal = text && !strncmp(text, word, strlen(word)) && text[strlen(word)] == '\n';

	free(text);
	return equal;
}

static char queue_owner(const char *queue)
{
	char path[512], driver[256];
	ssize_t length;

	snprintf(path, sizeof(path), QUEUE, queue, queue, "driver");
	length = readlink(path, driver, sizeof(driver) - 1);
	if (length < 0)
		return 'n';
	driver[length] = 0;
	if (strcmp(strrchr(driver, '/') ?: driver, "/vfio_ap"))
		return 'h';
	if (queue_says(queue, "status", "in use"))
		return 'G';
	return queue_says(queue, "status", "assigned") ? 'a' : 'v';
}

char *queue_override(const char *queue)
{
	char *text = file_get(NULL, QUEUE, queue, queue, "driver_override");

	/* Before Linux 6.19, queues do not have this attribute. */
	if (!text)
		return NULL;
	text[strcspn(text, "\n")] = 0;
	if (*text)
		return text;
	free(text);
	return NULL;
}

static char queue_mark(const char *queue)
{
	char *override, mark;

	if (queue_says(queue, "chkstop", "1"))
		return '!';
	if (queue_says(queue, "config", "0"))
		return '-';
	if (queue_says(queue, "reset_pending", "1"))
		return '*';
	override = queue_override(queue);
	mark = override ? OVERRIDE : ' ';
	free(override);
	return mark;
}

/* Parse an APQN in the format AA.DDDD. No other characters may follow. */
static bool queue_parse(const char *name, unsigned int *apid, unsigned int *apqi)
{
	int end = 0;

	return sscanf(name, "%2x.%4x%n", apid, apqi, &end) == 2 && end == 7 && !name[end] &&
	       *apqi < NR_IDS;
}

static void card_read(struct grid *grid, const char *card)
{
	unsigned int apid, apqi;
	struct dirent *entry;
	char path[512];
	DIR *dir;

	snprintf(path, sizeof(path), DEVICES "/%s", card);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (!queue_parse(entry->d_name, &apid, &apqi))
			continue;
		grid->adapters[apid] = true;
		grid->domains[apqi] = true;
		grid->cells[apid][apqi] = (struct cell){ queue_owner(entry->d_name),
							 queue_mark(entry->d_name) };
	}
	closedir(dir);
}

struct grid *host_read(void)
{
	struct grid *grid = need(calloc(1, sizeof(*grid)));
	struct dirent *entry;
	DIR *dir = opendir(DEVICES);

	if (!dir) {
		free(grid);
		return NULL;
	}
	while ((entry = readdir(dir))) {
		if (!strncmp(entry->d_name, "card", 4))
			card_read(grid, entry->d_name);
	}
	closedir(dir);
	return grid;
}

static const char *mask_read(const char *text, bool ids[NR_IDS])
{
	unsigned int id;

	if (strncmp(text, "0x", 2))
		return NULL;
	text += 2;
	for (id = 0; id < NR_IDS; id += 4, text++) {
		const char *digits = "0123456789abcdef", *digit = strchr(digits, *text);
		unsigned int bit;

		if (!*text || !digit)
			return NULL;
		for (bit = 0; bit < 4; bit++)
			ids[id + bit] = (digit - digits) & (8 >> bit);
	}
	return *text == ',' ? text + 1 : NULL;
}

/* A driver that was built for a stock kernel does not have the attribute "protected". */
static void mdev_read_owner(struct mdev *mdev, const char *uuid)
{
	char *protected = file_get(NULL, MATRIX "/%s/protected", uuid);
	char *owner = file_get(NULL, MATRIX "/%s/owner", uuid);

	mdev->owner = owner ?: need(strdup(""));
	mdev->owner[strcspn(mdev->owner, "\n")] = 0;
	mdev->protected = protected && *protected == '1';
	free(protected);
}

static bool mdev_read(struct mdev *mdev, const char *uuid)
{
	char *masks = file_get(NULL, MATRIX "/%s/ap_config", uuid);
	const char *domains = masks ? mask_read(masks, mdev->adapters) : NULL;
	size_t size = 0;
	bool ok;

	ok = domains && mask_read(domains, mdev->domains);
	free(masks);
	mdev->lines = ok ? file_get(&size, MATRIX "/%s/queue_states", uuid) : NULL;
	mdev->nr_lines = size / STATE_LINE;
	memcpy(mdev->uuid, uuid, UUID_LEN + 1);
	if (mdev->lines)
		mdev_read_owner(mdev, uuid);
	return mdev->lines;
}

static int mdev_compare(const void *a, const void *b)
{
	return strcmp(((const struct mdev *)a)->uuid, ((const struct mdev *)b)->uuid);
}

static bool is_uuid(const char *name)
{
	return strlen(name) == UUID_LEN && name[8] == '-' && name[13] == '-' && name[18] == '-' &&
	       name[23] == '-';
}

/* Print an error, unless the device was removed while lsvfioap read its attributes. */
static void mdev_complain(const char *uuid)
{
	int error = errno;
	char path[512];

	snprintf(path, sizeof(path), MATRIX "/%s", uuid);
	if (!access(path, F_OK))
		fprintf(stderr, "lsvfioap: %s: cannot read the attributes: %s\n", uuid,
			strerror(error));
}

void mdevs_read(void)
{
	struct dirent *entry;
	DIR *dir = opendir(MATRIX);

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		struct mdev mdev = {};

		if (!is_uuid(entry->d_name))
			continue;
		if (!mdev_read(&mdev, entry->d_name)) {
			mdev_complain(entry->d_name);
			continue;
		}
		mdevs = need(realloc(mdevs, (nr_mdevs + 1) * sizeof(*mdevs)));
		mdevs[nr_mdevs++] = mdev;
	}
	closedir(dir);
	qsort(mdevs, nr_mdevs, sizeof(*mdevs), mdev_compare);
}

const struct mdev *mdev_find(const char *uuid)
{
	unsigned int i;

	for (i = 0; i < nr_mdevs; i++) {
		if (!strcasecmp(mdevs[i].uuid, uuid))
			return &mdevs[i];
	}
	fail("no such mediated device: %s", uuid);
}

const struct mdev *mdev_of(unsigned int apid, unsigned int apqi)
{
	unsigned int i;

	for (i = 0; i < nr_mdevs; i++) {
		if (mdevs[i].adapters[apid] && mdevs[i].domains[apqi])
			return &mdevs[i];
	}
	return NULL;
}

bool line_read(const struct mdev *mdev, size_t nr, unsigned int *apid, unsigned int *apqi,
	       char text[STATE_LINE])
{
	const char *line = mdev->lines + nr * STATE_LINE;
	char name[8];
	size_t length;

	memcpy(name, line, 7);
	name[7] = 0;
	for (length = STATE_LINE - 1; length > 8 && line[length - 1] == ' '; length--)
		;
	memcpy(text, line + 8, length - 8);
	text[length - 8] = 0;
	return queue_parse(name, apid, apqi);
}

static struct cell line_cell(const char *text)
{
	struct cell cell = { '?', ' ' };
	const struct meaning *of;

	for (of = states; of->word && *of->word; of++) {
		if (!strncmp(text, of->word, strlen(of->word))) {
			cell.letter = of->letter;
			break;
		}
	}
	for (of = marks; of->letter; of++) {
		if (of->letter != '*' && of->letter != OVERRIDE && strstr(text, of->word))
			cell.mark = of->letter;
	}
	return cell;
}

struct grid *mdev_grid(const struct mdev *mdev)
{
	struct grid *grid = need(calloc(1, sizeof(*grid)));
	unsigned int apid, apqi;
	char text[STATE_LINE];
	size_t nr;

	memcpy(grid->adapters, mdev->adapters, sizeof(grid->adapters));
	memcpy(grid->domains, mdev->domains, sizeof(grid->domains));
	for (nr = 0; nr < mdev->nr_lines; nr++) {
		if (line_read(mdev, nr, &apid, &apqi, text))
			grid->cells[apid][apqi] = line_cell(text);
	}
	return grid;
}
