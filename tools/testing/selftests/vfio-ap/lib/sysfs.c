// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../kselftest.h"
#include "lib.h"

/* Default timeout of until() in seconds, long enough for slow emulation on a busy machine. */
#define PATIENCE	"90"
#define NAP_MS		10

int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		ret = -errno;
	close(fd);
	return ret;
}

/* Read a file into @buf as a string. Return the length of the string. */
int file_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = 0, len = 0;

	buf[0] = 0;
	if (fd < 0)
		return -errno;
	while (len < (ssize_t)size - 1 && (got = read(fd, buf + len, size - 1 - len)) > 0)
		len += got;
	if (got < 0)
		len = -errno;
	buf[len < 0 ? 0 : len] = 0;
	close(fd);
	return len;
}

int until(bool (*condition)(void *data), void *data)
{
	int patience = atoi(getenv("TEST_PATIENCE") ?: PATIENCE);
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		if (condition(data))
			return 0;
		usleep(NAP_MS * 1000);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec < patience);
	return -ETIMEDOUT;
}

int hwsim(const char *knob, const char *fmt, ...)
{
	char path[128], text[128];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	snprintf(path, sizeof(path), HWSIM "%s", knob);
	return file_write(path, text);
}

/*
 * Make the simulator check for violations. Read and clear all violations that it has
 * reported since the last call, and return 0 if there are none.
 */
int hwsim_violations(char *buf, size_t size)
{
	int ret;

	hwsim("check", "1");
	ret = file_read(HWSIM "violations", buf, size);
	/* Clear the violations, because the rig fails the whole test run if any remain. */
	if (ret > 0)
		file_write(HWSIM "violations", "0");
	return ret;
}

/* Condition for until(): no guest has an unbound queue. */
bool guests_have_bound_queues(void *unused)
{
	static char text[1 << 20];
	char *line, *rest;

	(void)unused;
	file_read(HWSIM "state", text, sizeof(text));
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (!strstr(line, " guest=0 ") && strstr(line, " driver=- "))
			return false;
	}
	return true;
}

/*
 * Return the value of @key in the queue's line of the simulator's "state" file, or -ENOENT
 * if the simulator has no such queue.
 */
long hwsim_state(int apid, int apqi, const char *key)
{
	static char text[1 << 20];
	char name[64], *line, *value;

	if (file_read(HWSIM "state", text, sizeof(text)) < 0)
		return -EIO;
	snprintf(name, sizeof(name), "%02x.%04x ", apid, apqi);
	line = strstr(text, name);
	if (!line)
		return -ENOENT;
	line[strcspn(line, "\n")] = 0;
	snprintf(name, sizeof(name), " %s=", key);
	value = strstr(line, name);
	return value ? strtol(value + strlen(name), NULL, 0) : -EINVAL;
}

/* Return the number of writes to the APCB of the guest of process @pid, as the simulator counts. */
long hwsim_guest_updates(int pid)
{
	static char text[65536];
	char name[32], *line;

	snprintf(name, sizeof(name), " pid=%d updates=", pid);
	file_read(HWSIM "guests", text, sizeof(text));
	line = strstr(text, name);
	return line ? strtol(line + strlen(name), NULL, 10) : 0;
}

struct held {
	const char *function;
	int calls;
};

static bool calls_are_held(void *data)
{
	struct held *held = data;
	char text[1024], name[64], *line;

	file_read(HWSIM "held", text, sizeof(text));
	snprintf(name, sizeof(name), "%s ", held->function);
	line = strstr(text, name);
	return line && atoi(line + strlen(name)) == held->calls;
}

/* Wait until the simulator holds exactly @calls calls to @function. */
bool hwsim_wait_held(const char *function, int calls)
{
	struct held held = { function, calls };

	return !until(calls_are_held, &held);
}

static bool guests_have(void *masks)
{
	static char text[65536];

	file_read(HWSIM "guests", text, sizeof(text));
	return strstr(text, masks);
}

/* Wait until the simulator's "guests" file shows an APCB with @masks. */
bool guests_wait_for_masks(const char *masks)
{
	return !until(guests_have, (void *)masks);
}

static void mdevs_remove_all(void)
{
	static const char *const uuids[] = { UUID1, UUID2, UUID3 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(uuids); i++) {
		mdev_write(uuids[i], "protected", "0");
		mdev_remove(uuids[i]);
	}
}

/* Bind all unbound queues, because the AP bus does not rebind a queue that a test has unbound. */
static void queues_bind_all(void)
{
	static char text[1 << 20];
	char *line;
	int apid, apqi;

	file_read(HWSIM "state", text, sizeof(text));
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (strstr(line, "driver=-") && sscanf(line, "%x.%x", &apid, &apqi) == 2)
			queue_bind(apid, apqi);
	}
}

/*
 * The AP bus of the stock kernel runs its state machine for each new queue, even if the queue is
 * bound to vfio_ap. Whenever an interrupt of any queue arrives, the bus continues to reset such
 * queues and to enable their interrupts. Rebinding a queue stops its state machine. The attribute
 * "states" exists only with CONFIG_AP_DEBUG.
 */
static void queues_take_from_bus(void)
{
	unsigned int apid, apqi;
	char text[64];
	glob_t files;
	size_t i;

	if (glob("/sys/devices/ap/card*/*/states", 0, NULL, &files))
		return;
	for (i = 0; i < files.gl_pathc; i++) {
		if (file_read(files.gl_pathv[i], text, sizeof(text)) > 0 &&
		    strstr(text, "OPERATING") &&
		    sscanf(files.gl_pathv[i], "/sys/devices/ap/card%*x/%x.%x", &apid, &apqi) == 2) {
			queue_unbind(apid, apqi);
			queue_bind(apid, apqi);
		}
	}
	globfree(&files);
}

bool queues_are_bound_and_reset(void *data)
{
	static char text[1 << 20];

	(void)data;
	file_read(HWSIM "state", text, sizeof(text));
	return !strstr(text, "resetting=1") && !strstr(text, "driver=-");
}

/* Skip all tests on a machine without the simulator, because its real queues may be in use. */
void hwsim_needed(void)
{
	if (!access(HWSIM, F_OK))
		return;
	ksft_print_header();
	ksft_exit_skip("no simulated hardware: CONFIG_AP_HWSIM, debugfs\n");
}

/* The AP bus rejects writes to apmask and aqmask while any queue has a driver_override. */
static void overrides_clear(void)
{
	glob_t files;
	size_t i;

	if (glob("/sys/devices/ap/card*/*/driver_override", 0, NULL, &files))
		return;
	for (i = 0; i < files.gl_pathc; i++)
		file_write(files.gl_pathv[i], "\n");
	globfree(&files);
}

/* Clear all driver_overrides, apmask and aqmask. The AP bus then binds all queues to vfio_ap. */
void masks_clear(void)
{
	overrides_clear();
	file_write(BUS "apmask", "0x0\n");
	file_write(BUS "aqmask", "0x0\n");
}

/*
 * Return the machine to its state after boot, in case an earlier test has changed
 * something.
 */
void machine_reset(void)
{
	hwsim("reset", "1");
	mdevs_remove_all();
	masks_clear();
	bus_scan();
	queues_bind_all();
	queues_take_from_bus();
	until(queues_are_bound_and_reset, NULL);
	hwsim("reset", "1");
	/* Prevent periodic scans of the AP bus during a test. */
	file_write(BUS "config_time", "120");
}

/* Make the AP bus scan for queues. The write returns when the scan has finished. */
int bus_scan(void)
{
	return file_write(BUS "scans", "1");
}

int mdev_create(const char *uuid)
{
	return file_write(TYPE "create", uuid);
}

/* Return true if the driver's attribute "features" contains @word. */
bool has_feature(const char *word)
{
	char text[512], *rest = text, *next;

	if (file_read(MATRIX "features", text, sizeof(text)) < 0)
		return false;
	while ((next = strsep(&rest, " \n"))) {
		if (!strcmp(next, word))
			return true;
	}
	return false;
}

int mdev_remove(const char *uuid)
{
	char path[256];

	snprintf(path, sizeof(path), MATRIX "%s/remove", uuid);
	return file_write(path, "1");
}

int mdev_write(const char *uuid, const char *attribute, const char *fmt, ...)
{
	char path[256], text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	snprintf(path, sizeof(path), MATRIX "%s/%s", uuid, attribute);
	return file_write(path, text);
}

int mdev_read(const char *uuid, const char *attribute, char *buf, size_t size)
{
	char path[256];

	snprintf(path, sizeof(path), MATRIX "%s/%s", uuid, attribute);
	return file_read(path, buf, size);
}

/* Return true if the lines of the attribute, joined by spaces, equal @text. */
bool mdev_shows(const char *uuid, const char *attribute, const char *text)
{
	char buf[8192], *p;

	if (mdev_read(uuid, attribute, buf, sizeof(buf)) < 0)
		return false;
	for (p = buf; *p; p++) {
		if (*p == '\n')
			*p = p[1] ? ' ' : 0;
	}
	return !strcmp(buf, text);
}

struct shows {
	const char *uuid, *attribute, *text;
};

static bool mdev_shows_now(void *data)
{
	struct shows *shows = data;

	return mdev_shows(shows->uuid, shows->attribute, shows->text);
}

bool mdev_wait_for(const char *uuid, const char *attribute, const char *text)
{
	struct shows shows = { uuid, attribute, text };

	return !until(mdev_shows_now, &shows);
}

bool queue_status(int apid, int apqi, const char *status)
{
	char path[128], text[64];

	snprintf(path, sizeof(path), "/sys/devices/ap/card%02x/%02x.%04x/status", apid, apid, apqi);
	file_read(path, text, sizeof(text));
	text[strcspn(text, "\n")] = 0;
	return !strcmp(text, status);
}

struct status {
	int apid, apqi;
	const char *text;
};

static bool queue_status_now(void *data)
{
	struct status *status = data;

	return queue_status(status->apid, status->apqi, status->text);
}

bool queue_wait_status(int apid, int apqi, const char *text)
{
	struct status status = { apid, apqi, text };

	return !until(queue_status_now, &status);
}

static int queue_driver_write(const char *file, int apid, int apqi)
{
	char path[128], name[32];

	snprintf(path, sizeof(path), DRIVER "%s", file);
	snprintf(name, sizeof(name), "%02x.%04x", apid, apqi);
	return file_write(path, name);
}

int queue_bind(int apid, int apqi)
{
	return queue_driver_write("bind", apid, apqi);
}

int queue_unbind(int apid, int apqi)
{
	return queue_driver_write("unbind", apid, apqi);
}
