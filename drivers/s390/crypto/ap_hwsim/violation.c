// SPDX-License-Identifier: GPL-2.0
/*
 * The list of violations, which are events that a correct driver never causes. Most
 * violations would go unnoticed on hardware. In a test run, any violation is a failure.
 */
#define pr_fmt(fmt) "ap_hwsim: " fmt

#include <linux/kprobes.h>
#include <linux/spinlock.h>

#include "ap_hwsim.h"

#define HWSIM_MAX_VIOLATIONS 64

const char *const hwsim_violation_names[HWSIM_NR_VIOLATIONS] = {
	[HWSIM_TWO_GUESTS] = "two-guests",
	[HWSIM_NO_RESET] = "no-reset",
	[HWSIM_FOREIGN_DRIVER] = "foreign-driver",
	[HWSIM_UNBOUND] = "unbound",
	[HWSIM_UNPINNED_NIB] = "unpinned-nib",
	[HWSIM_APCB_IN_SIE] = "apcb-in-sie",
	[HWSIM_HOST_NO_RESET] = "host-no-reset",
	[HWSIM_FOREIGN_GISA] = "foreign-gisa",
	[HWSIM_SIGNAL_UNDER_LOCK] = "signal-under-lock",
	[HWSIM_UNWATCHED] = "unwatched",
};

static DEFINE_SPINLOCK(hwsim_violations_lock);
static char hwsim_violations[HWSIM_MAX_VIOLATIONS][96];
static unsigned int hwsim_nr_violations;

/**
 * hwsim_violation - log and record a violation
 * @kind: kind of violation
 * @fmt: printf() format of a text that describes the queue, the guest or the task
 */
void hwsim_violation(enum hwsim_violation_kind kind, const char *fmt, ...)
{
	char text[72];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);

	scoped_guard(spinlock_irqsave, &hwsim_violations_lock) {
		if (hwsim_nr_violations < HWSIM_MAX_VIOLATIONS)
			snprintf(hwsim_violations[hwsim_nr_violations++],
				 sizeof(hwsim_violations[0]), "%s %s",
				 hwsim_violation_names[kind], text);
	}
	pr_err("violation: %s %s\n", hwsim_violation_names[kind], text);
}

NOKPROBE_SYMBOL(hwsim_violation);

/**
 * hwsim_violations_print - print one line for each recorded violation
 * @buf: the buffer to print to
 * @size: size of @buf in bytes
 *
 * Return: The number of characters printed.
 */
size_t hwsim_violations_print(char *buf, size_t size)
{
	unsigned int i;
	size_t len = 0;

	guard(spinlock_irqsave)(&hwsim_violations_lock);
	for (i = 0; i < hwsim_nr_violations; i++)
		len += scnprintf(buf + len, size - len, "%s\n", hwsim_violations[i]);
	return len;
}

void hwsim_violations_clear(void)
{
	guard(spinlock_irqsave)(&hwsim_violations_lock);
	hwsim_nr_violations = 0;
}
