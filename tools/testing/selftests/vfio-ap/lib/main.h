/* SPDX-License-Identifier: GPL-2.0 */
/*
 * main() of a test program: the harness, with the tests that TEST_FILTER does
 * not name left out (a shell pattern for fixture.test). Include it last.
 */
#ifndef VFIO_AP_TEST_MAIN_H
#define VFIO_AP_TEST_MAIN_H

#include <fnmatch.h>
#include <stdlib.h>

#include "../../kselftest_harness.h"
#include "lib.h"

/* A test here takes a second; a busy machine under TCG is slower than anybody expects. */
#ifndef TEST_PATIENCE_S
#define TEST_PATIENCE_S	240
#endif

static void filter_tests(const char *pattern)
{
	/* stress_test takes as long as it is told to. */
	int patience = TEST_PATIENCE_S + atoi(getenv("STRESS_SECONDS") ?: "0");
	struct __fixture_metadata *f;
	struct __test_metadata *t, *next;
	char name[256];

	for (f = __fixture_list; f; f = f->next) {
		struct __test_metadata *kept = NULL, **last = &kept;

		for (t = f->tests; t; t = next) {
			next = t->next;
			t->timeout = patience;
			snprintf(name, sizeof(name), "%s.%s", f->name, t->name);
			if (fnmatch(pattern, name, 0))
				continue;
			*last = t;
			t->next = NULL;
			last = &t->next;
		}
		f->tests = kept;
	}
}

int main(int argc, char **argv)
{
	const char *pattern = getenv("TEST_FILTER");

	setvbuf(stdout, NULL, _IOLBF, 0);
	hwsim_needed();
	filter_tests(pattern ?: "*");
	return test_harness_run(argc, argv);
}

#endif /* VFIO_AP_TEST_MAIN_H */
