/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The main() function of a test program. Include this file last. Environment variables:
 *
 *    TEST_FILTER   run only tests whose name, fixture.test, matches this shell pattern
 *    TEST_LIST     run only tests that this file lists as program:fixture.test, one per line
 *    TEST_SKIPS    skip tests that match a line of this file: a shell pattern for
 *                  program:fixture.test, a tab, and the reason for the skip
 *    TEST_AFTER    after each test, run this command with program:fixture.test as its argument
 */
#ifndef VFIO_AP_TEST_MAIN_H
#define VFIO_AP_TEST_MAIN_H

#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../kselftest_harness.h"
#include "lib.h"

/* Timeout per test in seconds. Most tests take about a second, but emulation can be much slower. */
#ifndef TEST_PATIENCE_S
#define TEST_PATIENCE_S	240
#endif

static const char *program;

/* the original test functions, which run_with_command() calls */
static struct {
	struct __test_metadata *test;
	void (*run)(struct __test_metadata *test, struct __fixture_variant_metadata *variant);
} replaced[128];
static unsigned int nr_replaced;

/* the tests to skip, with a reason for each */
static struct {
	struct __test_metadata *test;
	char reason[256];
} skipped[128];
static unsigned int nr_skipped;

static void skip_with_reason(struct __test_metadata *_metadata,
			     struct __fixture_variant_metadata *variant)
{
	unsigned int i;

	for (i = 0; skipped[i].test != _metadata; i++)
		;
	SKIP(return, "%s", skipped[i].reason);
}

/* If TEST_SKIPS lists the test, replace its function with skip_with_reason(). */
static void skip_if_listed(struct __test_metadata *test, const char *name)
{
	const char *path = getenv("TEST_SKIPS");
	FILE *list = path ? fopen(path, "r") : NULL;
	char line[512], *reason;

	while (list && nr_skipped < ARRAY_SIZE(skipped) && fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = 0;
		reason = strchr(line, '\t');
		if (!reason)
			continue;
		*reason++ = 0;
		if (fnmatch(line, name, 0))
			continue;
		skipped[nr_skipped].test = test;
		snprintf(skipped[nr_skipped++].reason, sizeof(skipped[0].reason), "%s", reason);
		test->fn = skip_with_reason;
		break;
	}
	if (list)
		fclose(list);
}

static bool is_listed(const char *name)
{
	const char *path = getenv("TEST_LIST");
	FILE *list = path ? fopen(path, "r") : NULL;
	bool found = !path;
	char line[256];

	while (list && !found && fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = 0;
		found = !strcmp(line, name);
	}
	if (list)
		fclose(list);
	return found;
}

/*
 * Run a test, then the command in TEST_AFTER. A failed assertion may end the test's
 * process before the command runs.
 */
static void run_with_command(struct __test_metadata *test,
			     struct __fixture_variant_metadata *variant)
{
	char command[600];
	unsigned int i;

	for (i = 0; replaced[i].test != test; i++)
		;
	replaced[i].run(test, variant);
	snprintf(command, sizeof(command), "%s %s:%s.%s", getenv("TEST_AFTER"), program,
		 test->fixture->name, test->name);
	if (system(command))
		printf("# '%s' failed\n", command);
}

static void filter_tests(const char *pattern)
{
	/* Some tests run for STRESS_SECONDS. */
	int patience = TEST_PATIENCE_S + atoi(getenv("STRESS_SECONDS") ?: "0");
	struct __fixture_metadata *f;
	struct __test_metadata *t, *next;
	char name[256];

	for (f = __fixture_list; f; f = f->next) {
		struct __test_metadata *kept = NULL, **last = &kept;

		for (t = f->tests; t; t = next) {
			next = t->next;
			t->timeout = patience;
			snprintf(name, sizeof(name), "%s:%s.%s", program, f->name, t->name);
			if (fnmatch(pattern, strchr(name, ':') + 1, 0) || !is_listed(name))
				continue;
			skip_if_listed(t, name);
			if (getenv("TEST_AFTER") && nr_replaced < ARRAY_SIZE(replaced)) {
				replaced[nr_replaced].test = t;
				replaced[nr_replaced++].run = t->fn;
				t->fn = run_with_command;
			}
			*last = t;
			t->next = NULL;
			last = &t->next;
		}
		f->tests = kept;
	}
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');

	setvbuf(stdout, NULL, _IOLBF, 0);
	hwsim_needed();
	program = slash ? slash + 1 : argv[0];
	filter_tests(getenv("TEST_FILTER") ?: "*");
	return test_harness_run(argc, argv);
}

#endif /* VFIO_AP_TEST_MAIN_H */
