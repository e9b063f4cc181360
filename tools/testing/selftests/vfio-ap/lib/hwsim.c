// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hwsim.h"

int hwsim_guest_id(int nth)
{
	static char text[65536];
	char name[32], *line;
	int ret;

	ret = file_read(HWSIM "guests", text, sizeof(text));
	if (ret < 0)
		return ret;
	snprintf(name, sizeof(name), " pid=%d ", getpid());
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (strstr(line, name) && !nth--)
			return atoi(line);
	}
	return -ENOENT;
}

int hwsim_apcb(int nth, const char *adapters, const char *domains)
{
	int id = hwsim_guest_id(nth);

	return id < 0 ? id : hwsim("apcb", "%d %s %s", id, adapters, domains);
}

struct wanted {
	int apid, apqi;
	const char *key;
	long value;
	char *buf;
	size_t size;
};

static bool driver_is(void *data)
{
	static char text[1 << 20];
	struct wanted *wanted = data;
	char name[64], *line;

	if (file_read(HWSIM "state", text, sizeof(text)) < 0)
		return false;
	snprintf(name, sizeof(name), "%02x.%04x ", wanted->apid, wanted->apqi);
	line = strstr(text, name);
	if (!line)
		return false;
	line[strcspn(line, "\n")] = 0;
	snprintf(name, sizeof(name), " driver=%s ", wanted->key);
	return strstr(line, name);
}

bool hwsim_wait_driver(int apid, int apqi, const char *driver)
{
	struct wanted wanted = { .apid = apid, .apqi = apqi, .key = driver };

	return !until(driver_is, &wanted);
}

static bool state_is(void *data)
{
	struct wanted *wanted = data;

	return hwsim_state(wanted->apid, wanted->apqi, wanted->key) == wanted->value;
}

bool hwsim_wait_state(int apid, int apqi, const char *key, long value)
{
	struct wanted wanted = { .apid = apid, .apqi = apqi, .key = key, .value = value };

	return !until(state_is, &wanted);
}

static bool violated(void *data)
{
	struct wanted *wanted = data;

	return file_read(HWSIM "violations", wanted->buf, wanted->size) > 0;
}

bool hwsim_wait_violation(char *buf, size_t size)
{
	struct wanted wanted = { .buf = buf, .size = size };

	return !until(violated, &wanted);
}

int hwsim_power_cycle(int apid)
{
	int ret = hwsim("deconfigure", "%x", apid);

	return ret ?: hwsim("configure", "%x", apid);
}
