// SPDX-License-Identifier: GPL-2.0
/* Print grids of queues with a legend, and the reasons why a guest lacks queues. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lsvfioap.h"

/* Widths in columns of a row's header and of a queue, which is printed as a letter and a mark. */
#define MARGIN		10
#define CELL		2
#define REASONS		16

bool colours, everything;
unsigned int columns = DEFAULT_COLUMNS;

static void put(const struct meaning *of, char letter)
{
	const char *colour = colours ? meaning_of(of, letter)->colour : NULL;

	if (colour && *colour)
		printf("%s%c\033[0m", colour, letter);
	else
		putchar(letter);
}

static void counted(size_t n, const char *noun)
{
	printf("%zu %s%s", n, noun, n == 1 ? "" : "s");
}

static unsigned int count(const bool ids[NR_IDS])
{
	unsigned int id, n = 0;

	for (id = 0; id < NR_IDS; id++)
		n += ids[id];
	return n;
}

/* Print a title, for example "host: 2 adapters, 1 domain". */
static void title_draw(const char *title, const bool adapters[NR_IDS], const bool domains[NR_IDS])
{
	printf("%s: ", title);
	counted(count(adapters), "adapter");
	printf(", ");
	counted(count(domains), "domain");
	putchar('\n');
}

/* Return the number of domains per line: a multiple of 16, else of 4, else what fits or 1. */
static unsigned int block_size(void)
{
	unsigned int room = columns > MARGIN ? (columns - MARGIN) / CELL : 0;
	unsigned int step = room >= 16 ? 16 : room >= 4 ? 4 : 1;

	room -= room % step;
	return room > NR_IDS ? NR_IDS : room ?: 1;
}

static void block_draw(const struct grid *grid, const struct meaning *of,
		       const unsigned int *domains, unsigned int nr)
{
	unsigned int apid, i;

	printf("  domain  ");
	for (i = 0; i < nr; i++)
		printf("%x%s", domains[i] >> 4, i + 1 < nr ? " " : "\n");
	printf("  adapter ");
	for (i = 0; i < nr; i++)
		printf("%x%s", domains[i] & 15, i + 1 < nr ? " " : "\n");
	for (apid = 0; apid < NR_IDS; apid++) {
		if (!grid->adapters[apid])
			continue;
		printf("       %02x ", apid);
		for (i = 0; i < nr; i++) {
			struct cell cell = grid->cells[apid][domains[i]];

			put(of, cell.letter ?: '.');
			if (i + 1 < nr || (cell.mark && cell.mark != ' '))
				put(marks, cell.mark ?: ' ');
		}
		putchar('\n');
	}
}

/* Explain the letters, or the marks if @mark is true, that occur in the grid. */
static void legend_draw(const struct grid *grid, const struct meaning *of, bool mark)
{
	unsigned int apid, apqi, column = 0;
	bool seen[256] = {};

	for (apid = 0; apid < NR_IDS; apid++) {
		for (apqi = 0; apqi < NR_IDS; apqi++) {
			struct cell cell = grid->cells[apid][apqi];

			seen[(unsigned char)(mark ? cell.mark : cell.letter)] = true;
		}
	}
	for (; of->letter; of++) {
		if (!seen[(unsigned char)of->letter])
			continue;
		if (column && column + strlen(of->text) + 5 > columns) {
			putchar('\n');
			column = 0;
		}
		printf("%s", column ? "   " : "  ");
		put(of, of->letter);
		printf(" %s", of->text);
		column += strlen(of->text) + 5;
	}
	if (column)
		putchar('\n');
}

static void grid_draw(const struct grid *grid, const struct meaning *of)
{
	unsigned int domains[NR_IDS], id, nr = 0, most = block_size();

	if (!count(grid->adapters) || !count(grid->domains)) {
		printf("  no queues\n");
		return;
	}
	for (id = 0; id < NR_IDS; id++) {
		if (grid->domains[id])
			domains[nr++] = id;
		if (nr == most || (id + 1 == NR_IDS && nr)) {
			block_draw(grid, of, domains, nr);
			nr = 0;
		}
	}
	legend_draw(grid, of, false);
	legend_draw(grid, marks, true);
}

/* If an mdev has an owner or is protected, print this on a separate line. */
static void owner_draw(const struct mdev *mdev)
{
	if (*mdev->owner)
		printf("  owner: %s%s\n", mdev->owner, mdev->protected ? " (protected)" : "");
	else if (mdev->protected)
		printf("  protected\n");
}

bool host_draw(void)
{
	struct grid *grid = host_read();
	unsigned int i;

	if (!grid) {
		printf("host: no AP bus: %s\n", strerror(errno));
		return false;
	}
	title_draw("host", grid->adapters, grid->domains);
	grid_draw(grid, owners);
	free(grid);
	for (i = 0; i < nr_mdevs; i++) {
		printf("mediated device %s: ", mdevs[i].uuid);
		counted(mdevs[i].nr_lines, "queue");
		putchar('\n');
		owner_draw(&mdevs[i]);
	}
	return true;
}

/* Print the state of each queue, unless the state is just "in-guest" or "ready". */
static void reasons_draw(const struct mdev *mdev)
{
	unsigned int apid, apqi, shown = 0, left = 0;
	char text[STATE_LINE];
	size_t nr;

	for (nr = 0; nr < mdev->nr_lines; nr++) {
		if (!line_read(mdev, nr, &apid, &apqi, text) || !strcmp(text, "in-guest") ||
		    !strcmp(text, "ready"))
			continue;
		if (everything || shown < REASONS) {
			printf("  %02x.%04x %s\n", apid, apqi, text);
			shown++;
		} else {
			left++;
		}
	}
	if (left)
		printf("  and %u more, see --all\n", left);
}

/* Print last_error with line breaks, and truncate words that are longer than a line. */
static void last_error_draw(char *last_error)
{
	size_t column = printf("  last error:"), longest = columns > 16 ? columns - 4 : 12;
	char *word;

	while ((word = strsep(&last_error, " \n"))) {
		size_t length = strlen(word);

		if (!length)
			continue;
		if (column + 1 + length > columns)
			column = printf("\n%3s", "") - 1;
		if (length > longest)
			column += printf(" %.*s...", (int)longest - 3, word);
		else
			column += printf(" %s", word);
	}
	putchar('\n');
}

void mdev_draw(const struct mdev *mdev)
{
	char *last_error = file_get(NULL, MATRIX "/%s/last_error", mdev->uuid);
	char title[sizeof("mediated device ") + UUID_LEN];
	struct grid *grid = mdev_grid(mdev);

	snprintf(title, sizeof(title), "mediated device %s", mdev->uuid);
	title_draw(title, mdev->adapters, mdev->domains);
	owner_draw(mdev);
	grid_draw(grid, states);
	reasons_draw(mdev);
	if (last_error && *last_error)
		last_error_draw(last_error);
	free(last_error);
	free(grid);
}
