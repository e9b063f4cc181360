// SPDX-License-Identifier: GPL-2.0
/*
 * Demonstrate hot plug: plug queues into a running guest, unplug them, and show what the
 * guest sees. With --fault=noplug, the program does not plug adapter 5, and must fail.
 * Usage: hotplug_demo [--fault=noplug]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/lib.h"

static struct vm vm;
static bool skip_plug;

/* Print the host's queues with lsvfioap. */
static void host_draw(void)
{
	fflush(stdout);
	if (system("lsvfioap"))
		printf("    lsvfioap failed\n");
}

static int step(const char *text, const char *expected)
{
	bool seen;

	printf("\n%s\n", text);
	/* Wait first, because a change may reach the guest shortly after the write returns. */
	seen = vm_wait_queues(&vm, expected);
	host_draw();
	if (seen) {
		printf("    the guest sees: %s\n", *expected ? expected : "nothing");
		return 0;
	}
	printf("    the guest does not see: %s\n", *expected ? expected : "nothing");
	printf("hot plug: missing: %s\n", expected);
	return -1;
}

static int plug(const char *attribute, const char *id)
{
	int ret;

	if (skip_plug && !strcmp(attribute, "assign_adapter") && !strcmp(id, "5"))
		return 0;
	ret = mdev_write(UUID1, attribute, "%s", id);
	if (ret)
		printf("echo %s > %s: %s\n", id, attribute, strerror(-ret));
	return ret;
}

static int show(void)
{
	if (step("A guest runs. Its mdev has no queues.", ""))
		return -1;
	if (plug("assign_domain", "4") || plug("assign_adapter", "4") ||
	    step("echo 4 > assign_domain; echo 4 > assign_adapter", "04.0004"))
		return -1;
	if (plug("assign_adapter", "5") ||
	    step("echo 5 > assign_adapter", "04.0004 05.0004"))
		return -1;
	if (plug("assign_domain", "6") ||
	    step("echo 6 > assign_domain", "04.0004 04.0006 05.0004 05.0006"))
		return -1;
	if (queue_unbind(5, 6) ||
	    step("echo 05.0006 > unbind: a guest gets an adapter only with all its queues",
		 "04.0004 04.0006"))
		return -1;
	if (queue_bind(5, 6) ||
	    step("echo 05.0006 > bind", "04.0004 04.0006 05.0004 05.0006"))
		return -1;
	if (plug("unassign_adapter", "4") ||
	    step("echo 4 > unassign_adapter", "05.0004 05.0006"))
		return -1;
	if (plug("unassign_domain", "4") || plug("unassign_domain", "6") ||
	    step("echo 4 > unassign_domain; echo 6 > unassign_domain", ""))
		return -1;
	return 0;
}

int main(int argc, char **argv)
{
	struct vfio vfio;
	char text[4096];
	int ret;

	setvbuf(stdout, NULL, _IOLBF, 0);
	hwsim_needed();
	skip_plug = argc > 1 && !strcmp(argv[1], "--fault=noplug");
	machine_reset();
	ret = mdev_create(UUID1);
	if (!ret)
		ret = vm_create(&vm);
	if (!ret)
		ret = vfio_open(&vfio, &vm, UUID1);
	if (!ret)
		ret = vm_start(&vm);
	if (ret) {
		printf("hot plug: the guest did not start: %s\n", strerror(-ret));
		return 1;
	}
	ret = show();
	/*
	 * Check for violations while the guest still exists, because the check examines
	 * the queues in its APCB.
	 */
	if (!ret && hwsim_violations(text, sizeof(text))) {
		printf("hot plug: violations in the simulated hardware:\n%s", text);
		ret = -1;
	}
	vfio_close(&vfio);
	vm_destroy(&vm);
	mdev_remove(UUID1);
	if (ret)
		return 1;
	printf("\nhot plug: ok\n");
	return 0;
}
