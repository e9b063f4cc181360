// SPDX-License-Identifier: GPL-2.0
/*
 * lsvfioap shows the owner of each AP queue, and why a guest lacks queues. It only reads
 * the kernel's files and changes none of them. help_print() describes the options.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lsvfioap.h"

static void help_print(FILE *to)
{
	fputs("usage: lsvfioap [--all] [--json] [UUID]\n"
	      "       lsvfioap --report FILE\n"
	      "\n"
	      "Show the owner and state of each of the host's AP queues. With the UUID of a\n"
	      "mediated device, show its assigned queues, and why its guest lacks some of\n"
	      "them. The output is as wide as the terminal, or 80 columns wide if it goes to\n"
	      "a pipe or a file.\n"
	      "\n"
	      "  -a, --all          list all queues that the guest lacks, not only the first 16\n"
	      "  -j, --json         print JSON for programs\n"
	      "  -r, --report FILE  write grids, attributes, statistics, the s390dbf log and\n"
	      "                     the last minute of the trace to FILE, for a bug report\n"
	      "  -h, --help         print this text\n", to);
}

/* Return the width of the output in columns. A serial console, for example, reports no width. */
static unsigned int terminal_columns(void)
{
	const char *set = getenv("COLUMNS");
	struct winsize size;
	long wanted;

	if (!isatty(STDOUT_FILENO))
		return DEFAULT_COLUMNS;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	wanted = set ? strtol(set, NULL, 10) : 0;
	return wanted > 0 && wanted < 65536 ? wanted : DEFAULT_COLUMNS;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "json", no_argument, NULL, 'j' },
		{ "report", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	const struct mdev *only = NULL;
	const char *report = NULL;
	bool json = false, ok = true;
	int option;

	while ((option = getopt_long(argc, argv, "ajr:h", options, NULL)) >= 0) {
		switch (option) {
		case 'a':
			everything = true;
			break;
		case 'j':
			json = true;
			break;
		case 'r':
			report = optarg;
			break;
		case 'h':
			help_print(stdout);
			output_end("the output");
			return 0;
		default:
			help_print(stderr);
			return 2;
		}
	}
	if (argc - optind > 1 || (report && (json || optind < argc))) {
		help_print(stderr);
		return 2;
	}
	colours = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	columns = terminal_columns();
	mdevs_read();
	if (optind < argc)
		only = mdev_find(argv[optind]);
	if (report) {
		report_write(report);
		return 0;
	}
	if (json)
		json_print(only);
	else if (only)
		mdev_draw(only);
	else
		ok = host_draw();
	output_end("the output");
	return ok ? 0 : 1;
}
