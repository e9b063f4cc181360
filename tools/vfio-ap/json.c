// SPDX-License-Identifier: GPL-2.0
/* Print JSON for programs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lsvfioap.h"

/* Decode the first character of @text. Return its length in bytes, or 0 for invalid UTF-8. */
static int utf8_decode(const char *text, unsigned int *code)
{
	static const unsigned int least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = *text;
	int i, length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	/* A byte 10xxxxxx continues a character, and a byte 11111xxx is never valid. */
	if ((first & 0xc0) == 0x80 || first >= 0xf8)
		return 0;
	*code = length == 1 ? first : first & (0x7f >> length);
	for (i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (text[i] & 0x3f);
	}
	/* Overlong encodings and surrogates are not valid. */
	if (*code < least[length] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return length;
}

/* Print @text up to a newline. Escape bytes that are not UTF-8, and all but printable ASCII. */
static void json_string(const char *text)
{
	unsigned int code;
	int length;

	putchar('"');
	for (; *text && *text != '\n'; text += length) {
		length = utf8_decode(text, &code);
		if (!length) {
			length = 1;
			code = (unsigned char)*text;
		}
		if (code == '"' || code == '\\')
			putchar('\\');
		if (code > 0xffff)
			printf("\\u%04x\\u%04x", 0xd7c0 + (code >> 10), 0xdc00 + (code & 0x3ff));
		else if (code < ' ' || code > '~')
			printf("\\u%04x", code);
		else
			putchar(code);
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
