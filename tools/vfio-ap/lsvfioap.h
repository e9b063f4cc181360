/* SPDX-License-Identifier: GPL-2.0 */
/* Declarations that lsvfioap's source files share. */
#ifndef LSVFIOAP_H
#define LSVFIOAP_H

#include <stdbool.h>
#include <stddef.h>

#define BUS	"/sys/bus/ap"
#define MATRIX	"/sys/devices/vfio_ap/matrix"

/* Width of the output in columns if it does not go to a terminal. */
#define DEFAULT_COLUMNS	80

#define NR_IDS		256
#define UUID_LEN	36
/* Length of each line in queue_states, including the newline. */
#define STATE_LINE	64

/* The mark of a queue that has a driver_override, unless another mark applies. */
#define OVERRIDE	'+'

/* A queue in a grid: a letter from owners[] or states[], and a mark from marks[]. */
struct cell {
	char letter, mark;
};

struct grid {
	struct cell cells[NR_IDS][NR_IDS];
	bool adapters[NR_IDS], domains[NR_IDS];
};

struct meaning {
	char letter;
	const char *colour, *word, *text;
};

struct mdev {
	char uuid[UUID_LEN + 1];
	bool adapters[NR_IDS], domains[NR_IDS];
	/* the contents of queue_states: lines of STATE_LINE characters */
	char *lines;
	size_t nr_lines;
	/* the contents of the attribute "owner", or an empty string */
	char *owner;
	bool protected;
};

/* read.c */
extern const struct meaning owners[], states[], marks[];
extern struct mdev *mdevs;
extern unsigned int nr_mdevs;

void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
/* Close stdout. If some output could not be written, print an error with @name, and exit. */
void output_end(const char *name);
void *need(void *memory);
/*
 * Read the file whose path @fmt specifies. Return its contents as a string, and store the
 * length in @size unless @size is NULL. Return NULL and set errno on failure.
 */
char *file_get(size_t *size, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const struct meaning *meaning_of(const struct meaning *of, char letter);
/* Return the driver_override of a queue, or NULL if it has none. @queue: APQN as AA.DDDD */
char *queue_override(const char *queue);
/* Read the host's queues. Return NULL and set errno if there is no AP bus. */
struct grid *host_read(void);
struct grid *mdev_grid(const struct mdev *mdev);
void mdevs_read(void);
const struct mdev *mdev_find(const char *uuid);
const struct mdev *mdev_of(unsigned int apid, unsigned int apqi);
/* Split line @nr of queue_states into the APQN and the remaining text without trailing spaces. */
bool line_read(const struct mdev *mdev, size_t nr, unsigned int *apid, unsigned int *apqi,
	       char text[STATE_LINE]);

/* draw.c */
extern bool colours, everything;
extern unsigned int columns;

/* Print the host's queues. If there is no AP bus, print a message and return false. */
bool host_draw(void);
void mdev_draw(const struct mdev *mdev);

/* json.c */
void json_print(const struct mdev *only);

/* report.c */
void report_write(const char *path);

#endif /* LSVFIOAP_H */
