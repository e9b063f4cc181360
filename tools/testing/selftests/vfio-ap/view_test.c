// SPDX-License-Identifier: GPL-2.0
/* Compare the output of tools/vfio-ap/lsvfioap with the state of the machine. */
#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "lib/guest_fixture.h"
#include "lib/hwsim.h"

#define REPORT	"/tmp/report"
#define MDEV	"mediated device " UUID1 ": "

static char shown[1 << 21];

static void read_all(int fd)
{
	size_t length = 0;
	ssize_t got;

	/* A read from the terminal fails with EIO when the program has ended. */
	while ((got = read(fd, shown + length, sizeof(shown) - 1 - length)) > 0)
		length += got;
	shown[length] = 0;
}

static int exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Store the output of a command in shown[], and return the exit status. */
static int view_command(const char *command)
{
	FILE *pipe = popen(command, "r");

	if (!pipe)
		return -1;
	read_all(fileno(pipe));
	return exit_status(pclose(pipe));
}

/* Run lsvfioap, store its output in shown[], and return the exit status. */
static int view(const char *arguments)
{
	char command[256];

	snprintf(command, sizeof(command), "lsvfioap %s 2>&1", arguments);
	return view_command(command);
}

/* Run lsvfioap on a terminal that is @columns wide, or whose width is unknown if @columns is 0. */
static int view_in_columns(const char *argument, int columns)
{
	struct winsize size = { .ws_col = columns };
	int terminal, status;
	pid_t pid = forkpty(&terminal, NULL, NULL, &size);

	if (pid < 0)
		return -1;
	if (!pid) {
		execlp("lsvfioap", "lsvfioap", argument, NULL);
		_exit(127);
	}
	read_all(terminal);
	close(terminal);
	waitpid(pid, &status, 0);
	return exit_status(status);
}

static int view_on_terminal(const char *argument)
{
	return view_in_columns(argument, 0);
}

static size_t longest_line(void)
{
	const char *line = shown, *end;
	size_t longest = 0;

	for (; (end = strchr(line, '\n')); line = end + 1) {
		if ((size_t)(end - line) > longest)
			longest = end - line;
	}
	return longest;
}

static bool begins_with(const char *text)
{
	return !strncmp(shown, text, strlen(text));
}

TEST_F(guest, host_grid)
{
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0c,0c,0"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005 05.0004 05.0005"));
	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID2, 6, 6);
	ASSERT_EQ(0, queue_unbind(6, 5));
	ASSERT_EQ(0, hwsim("deconfigure", "5"));
	ASSERT_EQ(0, hwsim("checkstop", "06.0004"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_EQ(0, view(""));
	EXPECT_STREQ("host: 3 adapters, 3 domains\n"
		     "  domain  0 0 0\n"
		     "  adapter 4 5 6\n"
		     "       04 G G v\n"
		     "       05 G-G-v-\n"
		     "       06 v!n a\n"
		     "  G in a guest   a assigned to a mediated device\n"
		     "  v bound to vfio_ap, unassigned   n bound to no driver\n"
		     "  - deconfigured   ! checkstopped\n"
		     "mediated device " UUID1 ": 4 queues\n"
		     "mediated device " UUID2 ": 1 queue\n", shown);
	ASSERT_EQ(0, hwsim("configure", "5"));
	ASSERT_EQ(0, bus_scan());
	ASSERT_EQ(0, queue_bind(6, 5));
	EXPECT_EQ(0, mdev_remove(UUID2));
}

TEST_F(guest, mdev_grid_with_reasons)
{
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0c,08,0"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 05.0004"));
	ASSERT_EQ(0, queue_unbind(5, 5));
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0c800000000001,0c,0"));
	EXPECT_EQ(-EINVAL, mdev_write(UUID1, "assign_adapter", "x"));
	EXPECT_EQ(0, view(UUID1));
	EXPECT_TRUE(begins_with(MDEV "4 adapters, 2 domains\n"
				"  domain  0 0\n"
				"  adapter 4 5\n"
				"       04 G G\n"
				"       05 b u\n"
				"       08 x x\n"
				"       37 x x\n"
				"  G in the guest   b blocked by another queue   u not bound to vfio_ap\n"
				"  x not in the host\n"
				"  05.0004 blocked by=05.0005\n"
				"  05.0005 not-bound\n"
				"  08.0004 not-in-host\n"
				"  08.0005 not-in-host\n"
				"  37.0004 not-in-host\n"
				"  37.0005 not-in-host\n"
				"  last error: time=")) TH_LOG("%s", shown);
	EXPECT_NE(NULL, strstr(shown, "value=x"));
	EXPECT_NE(NULL, strstr(shown, "error=-22\n"));
	EXPECT_EQ(1, view(UUID3));
	EXPECT_STREQ("lsvfioap: no such mediated device: " UUID3 "\n", shown);
	EXPECT_EQ(2, view("--nothing"));
	ASSERT_EQ(0, queue_bind(5, 5));
}

TEST_F(guest, mdev_owner)
{
	ASSERT_EQ(0, mdev_write(UUID1, "owner", "guest \"web\" 1"));
	EXPECT_EQ(0, view(""));
	EXPECT_NE(NULL, strstr(shown, "mediated device " UUID1 ": 0 queues\n"
				      "  owner: guest \"web\" 1\n")) TH_LOG("%s", shown);
	ASSERT_EQ(0, mdev_write(UUID1, "protected", "1"));
	EXPECT_EQ(0, view(UUID1));
	EXPECT_TRUE(begins_with(MDEV "0 adapters, 0 domains\n"
				"  owner: guest \"web\" 1 (protected)\n")) TH_LOG("%s", shown);
	EXPECT_EQ(0, view("--json " UUID1));
	EXPECT_NE(NULL, strstr(shown, "\"owner\": \"guest \\\"web\\\" 1\", \"protected\": true}"))
		TH_LOG("%s", shown);
	/* The label has a two-byte and a four-byte character, and a byte that is not UTF-8. */
	ASSERT_EQ(0, mdev_write(UUID1, "owner", "J\303\274rgen\360\237\230\200\344"));
	EXPECT_EQ(0, view("--json " UUID1));
	EXPECT_NE(NULL, strstr(shown, "\"owner\": \"J\\u00fcrgen\\ud83d\\ude00\\u00e4\""))
		TH_LOG("%s", shown);
	ASSERT_EQ(0, mdev_write(UUID1, "owner", "\n"));
	EXPECT_EQ(0, view(UUID1));
	EXPECT_NE(NULL, strstr(shown, "\n  protected\n")) TH_LOG("%s", shown);
	ASSERT_EQ(0, mdev_write(UUID1, "protected", "0"));
}

struct look {
	const char *arguments, *line;
};

static bool is_shown(void *look_of)
{
	const struct look *look = look_of;

	return !view(look->arguments) && strstr(shown, look->line);
}

static bool view_wait_shows(const char *arguments, const char *line)
{
	struct look look = { arguments, line };

	return !until(is_shown, &look);
}

TEST_F(guest, host_owner_and_reset_mark)
{
	ASSERT_EQ(0, queue_unbind(6, 6));
	ASSERT_EQ(0, hwsim("reset_time", "06.0006 hold"));
	ASSERT_EQ(0, queue_bind(6, 6));
	EXPECT_TRUE(view_wait_shows("", "\n       06 v v v*\n")) TH_LOG("%s", shown);
	EXPECT_NE(NULL, strstr(shown, "\n  * being reset\n"));
	ASSERT_EQ(0, hwsim("reset_time", "06.0006 release"));
	EXPECT_TRUE(view_wait_shows("", "\n       06 v v v\n")) TH_LOG("%s", shown);
	ASSERT_EQ(0, file_write(BUS "apmask", "+6"));
	ASSERT_EQ(0, file_write(BUS "aqmask", "+4"));
	EXPECT_TRUE(view_wait_shows("", "\n       06 h v v\n")) TH_LOG("%s", shown);
	EXPECT_NE(NULL, strstr(shown, "   h bound to a host driver\n"));
	ASSERT_EQ(0, file_write(BUS "apmask", "-6"));
	ASSERT_EQ(0, file_write(BUS "aqmask", "-4"));
	EXPECT_TRUE(view_wait_shows("", "\n       06 v v v\n")) TH_LOG("%s", shown);
}

TEST_F(guest, driver_override_mark)
{
	if (!override_exists())
		SKIP(return, NO_OVERRIDE);
	ASSERT_EQ(0, host_take_all());
	ASSERT_EQ(0, override_give(6, 5));
	EXPECT_TRUE(view_wait_shows("", "\n       06 h v+h\n")) TH_LOG("%s", shown);
	EXPECT_NE(NULL, strstr(shown, "\n  + has a driver_override\n")) TH_LOG("%s", shown);
	EXPECT_EQ(0, view("--json"));
	EXPECT_NE(NULL, strstr(shown, "{\"apqn\": \"06.0005\", \"owner\": \"vfio_ap\", "
				      "\"driver_override\": \"vfio_ap\"},")) TH_LOG("%s", shown);
	EXPECT_EQ(0, override_set(6, 5, "\n"));
	EXPECT_EQ(0, view(""));
	EXPECT_EQ(NULL, strchr(shown, '+')) TH_LOG("%s", shown);
	masks_clear();
}

/*
 * Bind mdev 2's queue 06.0006 while the simulator has the setting @wrong, check that the
 * output contains @lines, and restore the setting @right.
 */
static void bind_while(struct __test_metadata *_metadata, const char *knob, const char *wrong,
		       const char *right, const char *lines)
{
	ASSERT_EQ(0, queue_unbind(6, 6));
	ASSERT_EQ(0, hwsim(knob, "%s", wrong));
	ASSERT_EQ(0, queue_bind(6, 6));
	EXPECT_TRUE(view_wait_shows(UUID2, lines)) TH_LOG("%s", shown);
	ASSERT_EQ(0, hwsim(knob, "%s", right));
	EXPECT_TRUE(view_wait_shows(UUID2, "\n       06 r\n")) TH_LOG("%s", shown);
}

TEST_F(guest, queue_state_letters)
{
	struct other owner = {};
	struct writer writer;
	struct hold hold;

	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID2, 6, 6);
	EXPECT_TRUE(view_wait_shows(UUID2, "\n       06 r\n  r ready for a guest\n"))
		TH_LOG("%s", shown);
	bind_while(_metadata, "reset_time", "06.0006 hold", "06.0006 release",
		   "\n       06 z\n  z being reset\n");
	bind_while(_metadata, "respond", "06.0006 zapq 30 forever", "06.0006 zapq 30 0",
		   "\n       06 F\n  F reset failed\n");
	ASSERT_EQ(0, mdev_remove(UUID2));

	ASSERT_EQ(0, other_create_bare(&owner));
	ASSERT_EQ(0, queue_unbind(5, 5));
	ASSERT_EQ(0, hold_kvm_lock(&hold, &owner.vm));
	ASSERT_EQ(0, queue_bind(5, 5));
	EXPECT_TRUE(view_wait_shows(UUID2, "\n       05 p\n  p pending\n")) TH_LOG("%s", shown);
	EXPECT_EQ(0, hold_release(&hold));
	EXPECT_TRUE(view_wait_shows(UUID2, "\n       05 G\n")) TH_LOG("%s", shown);
	other_end(_metadata, &owner);

	assign(_metadata, UUID1, 4, 4);
	writer_start(&writer, UUID1, "remove", "1");
	EXPECT_TRUE(view_wait_shows(UUID1, "\n       04 R\n  R being removed\n"))
		TH_LOG("%s", shown);
	kill(writer.pid, SIGINT);
	EXPECT_EQ(-SIGINT, writer_end(&writer));
	EXPECT_TRUE(view_wait_shows(UUID1, "\n       04 G\n")) TH_LOG("%s", shown);
}

/* The grid of all queues fits into 80 columns. */
TEST_F(guest, grid_of_65536_queues)
{
	char all[65];
	int lines = 0;
	char *at;

	memset(all, 'f', 64);
	all[64] = 0;
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "%s,%s,0", all, all));
	EXPECT_EQ(0, view("--all " UUID1));
	EXPECT_GE(80, longest_line());
	for (at = shown; (at = strstr(at, "\n       ")); at++)
		lines++;
	/* There are 8 blocks of 32 domains. */
	EXPECT_EQ(8 * 256, lines);
	EXPECT_NE(NULL, strstr(shown, "  domain  e e e e e e e e e e e e e e e e f f"));
	EXPECT_NE(NULL, strstr(shown, "\n  ff.00ff not-in-host\n"));
	/* A long last_error also fits into 80 columns. */
	EXPECT_EQ(-EINVAL, mdev_write(UUID1, "ap_config", "%s,%s,x", all, all));
	EXPECT_EQ(0, view(UUID1));
	EXPECT_GE(80, longest_line());
	EXPECT_NE(NULL, strstr(shown, "value=fffff"));
	EXPECT_NE(NULL, strstr(shown, "\n  and 65511 more, see --all\n"));
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0,0,0"));
}

/* Check that the grid in shown[] has @domains domains per line, and shows all 256 domains. */
static void grid_expect(struct __test_metadata *_metadata, int domains)
{
	int blocks = 0, lines = 0, width = strlen("  domain  ") + 2 * domains;
	char *line, *rest;

	for (line = strtok_r(shown, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
		if (strncmp(line, "  domain  ", 10) && strncmp(line, "  adapter ", 10) &&
		    strncmp(line, "       ", 7))
			continue;
		EXPECT_GE(width, strlen(line)) TH_LOG("%s", line);
		blocks += !strncmp(line, "  domain  ", 10);
		lines++;
	}
	EXPECT_EQ((256 + domains - 1) / domains, blocks);
	EXPECT_EQ(3 * blocks, lines);
}

TEST_F(guest, grid_terminal_width)
{
	static const struct {
		int columns, domains;
	} terminals[] = {
		{ 80, 32 }, { 0, 32 }, { 200, 80 }, { 79, 32 }, { 73, 16 }, { 60, 16 }, { 41, 12 },
		{ 30, 8 }, { 18, 4 }, { 13, 1 }, { 5, 1 }, { 600, 256 },
	};
	char all[65];
	unsigned int i;

	memset(all, 'f', 64);
	all[64] = 0;
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "08,%s,0", all));
	setenv("NO_COLOR", "1", 1);
	for (i = 0; i < ARRAY_SIZE(terminals); i++) {
		EXPECT_EQ(0, view_in_columns(UUID1, terminals[i].columns));
		grid_expect(_metadata, terminals[i].domains);
	}
	setenv("COLUMNS", "50", 1);
	EXPECT_EQ(0, view_in_columns(UUID1, 0));
	grid_expect(_metadata, 16);
	/* The terminal's width overrides COLUMNS. Output to a pipe is always 80 columns wide. */
	EXPECT_EQ(0, view_in_columns(UUID1, 30));
	grid_expect(_metadata, 8);
	EXPECT_EQ(0, view(UUID1));
	grid_expect(_metadata, 32);
	unsetenv("COLUMNS");
	unsetenv("NO_COLOR");
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0,0,0"));
}

TEST_F(guest, output_write_errors)
{
	/* Test short output, and output that is longer than the stdio buffer. */
	static const char *const arguments[] = {
		"--help", "", "--json", UUID1, "--all " UUID1, "--json " UUID1,
	};
	char command[256], all[65];
	unsigned int i;

	memset(all, 'f', 64);
	all[64] = 0;
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0f,%s,0", all));
	for (i = 0; i < ARRAY_SIZE(arguments); i++) {
		snprintf(command, sizeof(command), "lsvfioap %s 2>&1 >/dev/full", arguments[i]);
		EXPECT_EQ(1, view_command(command));
		EXPECT_STREQ("lsvfioap: cannot write the output: No space left on device\n", shown)
			TH_LOG("%s", arguments[i]);
		snprintf(command, sizeof(command), "lsvfioap %s 2>&1 >&-", arguments[i]);
		EXPECT_EQ(1, view_command(command));
		EXPECT_STREQ("lsvfioap: cannot write the output: Bad file descriptor\n", shown)
			TH_LOG("%s", arguments[i]);
		snprintf(command, sizeof(command), "lsvfioap %s >/dev/null 2>&1", arguments[i]);
		EXPECT_EQ(0, view_command(command));
	}
	EXPECT_EQ(1, view("--report /dev/full"));
	EXPECT_STREQ("lsvfioap: cannot write /dev/full: No space left on device\n", shown);
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0,0,0"));
}

TEST_F(guest, json_output)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	assign(_metadata, UUID1, 8, -1);
	EXPECT_EQ(0, view("--json " UUID1));
	EXPECT_STREQ("{\"uuid\": \"" UUID1 "\", \"queues\": [\n"
		     "  {\"apqn\": \"04.0004\", \"state\": \"in-guest\"},\n"
		     "  {\"apqn\": \"08.0004\", \"state\": \"not-in-host\"}], \"last_error\": \"\", "
		     "\"owner\": \"\", \"protected\": false}\n", shown);
	EXPECT_EQ(0, view("--json"));
	EXPECT_TRUE(begins_with("{\"queues\": [\n  {\"apqn\": \"04.0004\", \"owner\": \"guest\", "
				"\"mdev\": \"" UUID1 "\"},\n")) TH_LOG("%s", shown);
	EXPECT_NE(NULL, strstr(shown, "\"mdevs\": [\n{\"uuid\": \"" UUID1 "\""));
	/* This byte is not valid UTF-8. */
	EXPECT_EQ(-EINVAL, mdev_write(UUID1, "assign_adapter", "\344"));
	EXPECT_EQ(0, view("--json " UUID1));
	EXPECT_EQ(NULL, strchr(shown, '\344'));
}

TEST_F(guest, colour_on_terminal_only)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_EQ(0, view(UUID1));
	EXPECT_EQ(NULL, strchr(shown, '\033'));
	EXPECT_EQ(0, view_on_terminal(UUID1));
	EXPECT_NE(NULL, strstr(shown, "       04 \033[32mG\033[0m\r\n")) TH_LOG("%s", shown);
	setenv("NO_COLOR", "1", 1);
	EXPECT_EQ(0, view_on_terminal(UUID1));
	EXPECT_NE(NULL, strstr(shown, "       04 G\r\n"));
	unsetenv("NO_COLOR");
}

TEST_F(guest, report_contents)
{
	static const char *const parts[] = {
		"vfio_ap on Linux ", "\n== queues\nhost: 3 adapters, 3 domains\n",
		"\n== mediated device\n" MDEV "1 adapter, 1 domain\n",
		"\n== /sys/bus/ap\n", "\napmask: 0x0000", "\n== " MATRIX UUID1 "\n",
		"\nmatrix: 04.0004\n", "\nlast_error: time=", "\nfeatures: guest_matrix",
		"\n== /sys/kernel/debug/vfio_ap\nmdevs: " UUID1 " updates=",
		"\nqueues:\n04.0004 resets=", "\n== /sys/kernel/debug/s390dbf/vfio_ap/sprintf\n",
		"invalid NIB address", "\n== /sys/kernel/tracing/trace\n",
		": vfio_ap_guest_update: mdev=" UUID1,
	};
	unsigned int i;

	ASSERT_EQ(0, file_write("/sys/kernel/tracing/events/vfio_ap/enable", "1"));
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_EQ(6, vm_aqic(&self->vm, 4, 4, true, 3, 0));
	EXPECT_EQ(-EINVAL, mdev_write(UUID1, "assign_adapter", "x"));
	EXPECT_EQ(0, view("--report " REPORT));
	EXPECT_STREQ("lsvfioap: wrote " REPORT
		     "; it names queues and mediated devices, but contains no keys\n", shown);
	ASSERT_LT(0, file_read(REPORT, shown, sizeof(shown)));
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		EXPECT_NE(NULL, strstr(shown, parts[i])) TH_LOG("%s", parts[i]);
	/* The report leaves out write-only files. */
	EXPECT_EQ(NULL, strstr(shown, "\nassign_adapter:"));
	EXPECT_EQ(NULL, strstr(shown, "nput/output error"));
	EXPECT_EQ(NULL, strstr(shown, "denied"));
	/* Writing the report does not change the guest. */
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004"));
	EXPECT_EQ(0, file_write("/sys/kernel/tracing/events/vfio_ap/enable", "0"));
	EXPECT_EQ(1, view("--report /nowhere/report"));
	unlink(REPORT);
}

#include "lib/main.h"
