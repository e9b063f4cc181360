// SPDX-License-Identifier: GPL-2.0
/* Print JSON for programs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lsvfioap.h"

/* Escape all non-ASCII characters, because the text need not be valid UTF-8. */
static void json_string(const char *text)
{
	putchar('"');
	for (; *text && *text != '\n'; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		if (*text < ' ' || *text > '~')
			printf("\\u%04x", (unsigned char)*text);
		else
			putchar(*text);
	}
	putchar('"');
}

static void json_host(const struct grid *grid)
{
	unsigned int apid, apqi;
	char queue[16], *override;
	bool first = true;

	printf("\"queues\": [");
	for (apid = 0; apid < NR_IDS; apid++) {
		for (apqi = 0; apqi < NR_IDS; apqi++) {
			struct cell cell = grid->cells[apid][apqi];
			const struct mdev *mdev = mdev_of(apid, apqi);

			if (!cell.letter)
				continue;
			snprintf(queue, sizeof(queue), "%02x.%04x", apid, apqi);
			printf("%s\n  {\"apqn\": \"%s\", \"owner\": \"%s\"", first ? "" : ",",
			       queue, meaning_of(owners, cell.letter)->word);
			if (mdev)
				printf(", \"mdev\": \"%s\"", mdev->uuid);
			if (cell.mark != ' ' && cell.mark != OVERRIDE)
				printf(", \"state\": \"%s\"", meaning_of(marks, cell.mark)->word);
			override = queue_override(queue);
			if (override) {
				printf(", \"driver_override\": ");
				json_string(override);
			}
			free(override);
			putchar('}');
			first = false;
		}
	}
	printf("]");
}

static void json_mdev(const struct mdev *mdev)
{
	char *last_error = file_get(NULL, MATRIX "/%s/last_error", mdev->uuid);
	unsigned int apid, apqi;
	char text[STATE_LINE];
	bool first = true;
	size_t nr;

	printf("{\"uuid\": \"%s\", \"queues\": [", mdev->uuid);
	for (nr = 0; nr < mdev->nr_lines; nr++) {
		if (!line_read(mdev, nr, &apid, &apqi, text))
			continue;
		printf("%s\n  {\"apqn\": \"%02x.%04x\", \"state\": ", first ? "" : ",", apid, apqi);
		json_string(text);
		putchar('}');
		first = false;
	}
	printf("], \"last_error\": ");
	json_string(last_error ?: "");
	printf(", \"owner\": ");
	json_string(mdev->owner);
	printf(", \"protected\": %s}", mdev->protected ? "true" : "false");
	free(last_error);
}

void json_print(const struct mdev *only)
{
	struct grid *grid;
	unsigned int i;

	if (only) {
		json_mdev(only);
	} else {
		grid = host_read();
		if (!grid)
			fail("no AP bus: %s", strerror(errno));
		printf("{");
		json_host(grid);
		free(grid);
		printf(",\n\"mdevs\": [");
		for (i = 0; i < nr_mdevs; i++) {
			printf("%s", i ? ",\n" : "\n");
			json_mdev(&mdevs[i]);
		}
		printf("]}");
	}
	putchar('\n');
}
