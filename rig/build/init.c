// SPDX-License-Identifier: GPL-2.0
/*
 * The first process of the test kernel.
 *
 * It prepares the machine, loads the driver, and runs the programs that the kernel command line
 * selects (rig=demo, exec, shell, test or bench). It then checks for violations, leaks and
 * warnings, and writes the verdict to a virtio serial port. A run without a verdict has failed.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <glob.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define HWSIM "/sys/kernel/debug/s390/ap_hwsim/"
#define TESTS "/selftests/vfio-ap/"
#define KMEMLEAK "/sys/kernel/debug/kmemleak"
#define GCOV "/sys/kernel/debug/gcov/"
/* An optional file with the tests to run, one "program:fixture.test" per line. */
#define LIST "/tests"
/* An optional file with the tests to skip, see lib/main.h in the selftests. */
#define SKIPS "/skips"

static char cmdline[4096];
static int verdict_port = -1;
static int violations;

/* Return the value of a kernel parameter, or "otherwise" if it is not set. */
static const char *option(const char *name, const char *otherwise)
{
	static char values[16][512];
	static int used;
	size_t len = strlen(name);
	char *value = values[used++ % 16];
	const char *p = cmdline;

	while ((p = strstr(p, name))) {
		if ((p == cmdline || p[-1] == ' ') && p[len] == '=') {
			snprintf(value, sizeof(values[0]), "%.*s", (int)strcspn(p + len + 1, " \n"), p + len + 1);
			return value;
		}
		p += len;
	}
	return otherwise;
}

static bool slurp(const char *path, char *buf, size_t size)
{
	ssize_t got, len = 0;
	int fd = open(path, O_RDONLY);

	buf[0] = 0;
	if (fd < 0)
		return false;
	while ((got = read(fd, buf + len, size - 1 - len)) > 0)
		len += got;
	buf[len] = 0;
	close(fd);
	return got == 0;
}

static bool spill(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

/* Open the virtio serial port with this name. Return -1 if the port does not exist yet. */
static int find_port(const char *name)
{
	char found[64], path[300];
	glob_t ports;
	int fd = -1;

	if (glob("/sys/class/virtio-ports/*/name", 0, NULL, &ports))
		return -1;
	for (size_t i = 0; i < ports.gl_pathc; i++) {
		if (!slurp(ports.gl_pathv[i], found, sizeof(found)))
			continue;
		found[strcspn(found, "\n")] = 0;
		if (strcmp(found, name))
			continue;
		ports.gl_pathv[i][strlen(ports.gl_pathv[i]) - strlen("/name")] = 0;
		snprintf(path, sizeof(path), "/dev/%s", strrchr(ports.gl_pathv[i], '/') + 1);
		fd = open(path, O_WRONLY | O_CLOEXEC);
	}
	globfree(&ports);
	return fd;
}

/* Open the virtio serial port with this name, which may appear after init has started. */
static int open_port(const char *name)
{
	int fd = -1;

	for (int tries = 0; fd < 0 && tries < 1000; tries++) {
		fd = find_port(name);
		if (fd < 0)
			usleep(10000);
	}
	return fd;
}

static _Noreturn void finish(const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text) - 1, fmt, args);
	va_end(args);
	strcat(text, "\n");
	fflush(stdout);
	if (verdict_port < 0 || write(verdict_port, text, strlen(text)) < 0)
		spill("/dev/kmsg", "rig: the verdict could not be delivered");
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void mount_all(void)
{
	static const char *const mounts[][2] = {
		{ "proc", "/proc" }, { "sysfs", "/sys" }, { "devtmpfs", "/dev" }, { "devpts", "/dev/pts" },
		{ "debugfs", "/sys/kernel/debug" }, { "tracefs", "/sys/kernel/tracing" }, { "tmpfs", "/tmp" },
	};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i][1], 0755);
		if (mount(mounts[i][0], mounts[i][1], mounts[i][0], 0, NULL) && errno != EBUSY)
			dprintf(2, "rig: mount %s: %m\n", mounts[i][1]);
	}
}

/* Create a symbolic link in "to" to each file in "from", unless "to" has a file of that name. */
static void link_all(const char *from, const char *to)
{
	char pattern[64], path[320];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/*", from);
	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		snprintf(path, sizeof(path), "%s%s", to, strrchr(found.gl_pathv[i], '/'));
		if (symlink(found.gl_pathv[i], path) && errno != EEXIST)
			finish("bad cannot create %s: %s", path, strerror(errno));
	}
	globfree(&found);
}

static void mount_share(const char *name, const char *directory)
{
	if (mount(name, directory, "9p", MS_RDONLY, "trans=virtio,version=9p2000.L,cache=loose,msize=512000"))
		finish("bad cannot mount %s: %s", directory, strerror(errno));
}

/* Mount the Debian packages, and make their files appear at the paths that programs expect. */
static void mount_debian(void)
{
	mount_share("debian", "/debian");
	/* mdevctl writes to this directory, so it must not be a link to the read-only one. */
	mkdir("/etc/mdevctl.d", 0755);
	link_all("/debian/etc/mdevctl.d", "/etc/mdevctl.d");
	link_all("/debian", "");
	link_all("/debian/bin", "/bin");
	link_all("/debian/lib", "/lib");
	link_all("/debian/etc", "/etc");
}

static int load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 || syscall(SYS_finit_module, fd, "", 0) ? errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

/* Kill processes that a program left behind, so that they do not affect what runs next. */
static void clear_away(void)
{
	kill(-1, SIGKILL);
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

/* Run a program and wait until it ends. Return its exit status as a shell would. */
static int run(char *const argv[], const char *terminal)
{
	int status, fd;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		setsid();
		if (terminal) {
			fd = open(terminal, O_RDWR);
			if (fd < 0 || ioctl(fd, TIOCSCTTY, 1) < 0)
				_exit(126);
		} else {
			fd = open("/dev/null", O_RDONLY);
		}
		dup2(fd, 0);
		if (terminal) {
			dup2(fd, 1);
			dup2(fd, 2);
		}
		execv(argv[0], argv);
		/* The program may be a script whose interpreter is missing, so try the shell. */
		if (errno == ENOEXEC || errno == ENOENT)
			execl("/bin/sh", "sh", argv[0], NULL);
		fprintf(stderr, "%s: %m\n", argv[0]);
		_exit(127);
	}
	while (pid < 0 || waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			finish("bad cannot run %s: %s", argv[0], strerror(errno));
	}
	clear_away();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool lockdep_on(void)
{
	char text[16384], *p;

	return slurp("/proc/lockdep_stats", text, sizeof(text)) && (p = strstr(text, "debug_locks:")) &&
	       strtol(p + strlen("debug_locks:"), NULL, 10) == 1;
}

static bool warned(void)
{
	char text[64];

	return !slurp("/proc/sys/kernel/tainted", text, sizeof(text)) || strtoul(text, NULL, 10) & (1 << 9 | 1 << 7);
}

/* Print the new violations that the simulator has logged, and clear them. */
static int new_violations(void)
{
	static char text[65536];
	int count = 0;

	if (!spill(HWSIM "check", "1"))
		finish("bad cannot make the simulator check: %s", strerror(errno));
	if (!slurp(HWSIM "violations", text, sizeof(text)))
		finish("bad cannot read the violations: %s", strerror(errno));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		printf("@violation %s\n", line);
		count++;
	}
	if (count)
		spill(HWSIM "violations", "0");
	violations += count;
	return count;
}

/*
 * Print and count leaked objects. Scan twice, because pointers may move during a scan, and ignore
 * what the first scan reports.
 */
static int leaks(void)
{
	static char text[65536];
	int count = 0;

	if (access(KMEMLEAK, W_OK))
		return 0;
	for (int scan = 0; scan < 2; scan++) {
		/* kmemleak ignores objects that are younger than 5 s. */
		sleep(6);
		if (!spill(KMEMLEAK, "scan"))
			finish("bad kmemleak is disabled: %s", strerror(errno));
	}
	if (!slurp(KMEMLEAK, text, sizeof(text)))
		finish("bad cannot read %s: %s", KMEMLEAK, strerror(errno));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		printf("@leak %s\n", line);
		count += !strncmp(line, "unreferenced", strlen("unreferenced"));
	}
	return count;
}

static void print_base64(const unsigned char *data, size_t size)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		unsigned int bits = data[i] << 16 | (left > 1 ? data[i + 1] << 8 : 0) | (left > 2 ? data[i + 2] : 0);

		putchar(digits[bits >> 18]);
		putchar(digits[bits >> 12 & 63]);
		putchar(left > 1 ? digits[bits >> 6 & 63] : '=');
		putchar(left > 2 ? digits[bits & 63] : '=');
	}
}

/* The name that give_count() prints before the counts: "kunit", a program, a test or "end". */
static const char *counted;

static int give_count(const char *path, const struct stat *st, int type, struct FTW *where)
{
	static unsigned char data[1 << 18];
	ssize_t len = 0, got;
	int fd;

	if (type != FTW_F || fnmatch("vfio_ap_*.gcda", path + where->base, 0))
		return 0;
	(void)st;
	fd = open(path, O_RDONLY);
	while ((got = read(fd, data + len, sizeof(data) - len)) > 0)
		len += got;
	close(fd);
	printf("@gcov %s %s ", counted, path + where->base);
	print_base64(data, len);
	putchar('\n');
	return 0;
}

/* If the kernel has gcov, print the driver's coverage since the last call. */
static void give_counts(const char *name)
{
	counted = name;
	if (!nftw(GCOV, give_count, 16, FTW_PHYS))
		spill(GCOV "reset", "0");
}

static void run_test(char *path)
{
	char *argv[] = { path, NULL };
	int status, seen;

	printf("@begin %s\n", strrchr(path, '/') + 1);
	status = run(argv, NULL);
	seen = new_violations();
	printf("@end %s status=%d violations=%d lockdep=%d warned=%d\n", strrchr(path, '/') + 1, status, seen,
	       lockdep_on(), warned());
	give_counts(strrchr(path, '/') + 1);
	fflush(stdout);
}

static void run_tests(void)
{
	const char *program = option("rig_program", "*");
	char pattern[600];
	int times = atoi(option("rig_times", "1"));
	glob_t found;

	setenv("TEST_FILTER", option("rig_filter", "*"), 1);
	setenv("STRESS_SEED", option("rig_seed", ""), 1);
	setenv("TEST_PATIENCE", option("rig_patience", "90"), 1);
	setenv("STRESS_SECONDS", option("rig_stress", "10"), 1);
	setenv("CLIENT_CYCLES", option("rig_cycles", "5"), 1);
	if (!access(GCOV, F_OK))
		setenv("TEST_AFTER", "/init counts", 1);
	if (!access(LIST, F_OK))
		setenv("TEST_LIST", LIST, 1);
	if (!access(SKIPS, F_OK))
		setenv("TEST_SKIPS", SKIPS, 1);
	give_counts("kunit");
	snprintf(pattern, sizeof(pattern), TESTS "%s", option("rig_tests", "*_test"));
	/* GLOB_BRACE keeps the order of a list in braces. */
	if (glob(pattern, GLOB_BRACE, NULL, &found))
		finish("bad no program matches %s", pattern);
	for (int n = 0; n < times; n++) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			if (!fnmatch(program, strrchr(found.gl_pathv[i], '/') + 1, 0))
				run_test(found.gl_pathv[i]);
		}
	}
	globfree(&found);
}

/* Run the benchmark with the stock driver, and then with our driver. */
static int run_bench(void)
{
	char program[300], *argv[] = { program, NULL, NULL };
	static char *const drivers[] = { "base", "ours" };
	int status = 0;

	snprintf(program, sizeof(program), TESTS "%s", option("rig_bench", ""));
	for (int n = 0; n < 2 * atoi(option("rig_pairs", "1")); n++) {
		argv[1] = drivers[n % 2];
		status |= run(argv, NULL);
	}
	return status;
}

/* Load the KUnit modules, which run their tests when loaded and report to the kernel log. */
static void load_kunit(void)
{
	glob_t found;
	int err;

	if (glob("/lib/kunit/*.ko", 0, NULL, &found))
		finish("bad no KUnit modules");
	for (size_t i = 0; i < found.gl_pathc; i++) {
		err = load(found.gl_pathv[i]);
		if (err)
			finish("bad cannot load %s: %s", found.gl_pathv[i], strerror(err));
	}
	globfree(&found);
}

int main(int argc, char **argv)
{
	char *install[] = { "/bin/busybox", "--install", "-s", "/bin", NULL };
	char *demo[] = { TESTS "hotplug_demo", NULL, NULL };
	char *qemu_demo = TESTS "qemu_demo", *linux_demo = TESTS "linux_demo";
	char *script[] = { "/exec", NULL };
	char *shell[] = { "/bin/sh", "-l", NULL };
	const char *verb, *driver, *module;
	int out, err, leaked, status = 0;

	/* A test program runs "init counts NAME" after each test. */
	if (argc == 3 && !strcmp(argv[1], "counts")) {
		give_counts(argv[2]);
		return 0;
	}
	mount_all();
	/* Ignore leaks that occurred during boot. */
	spill(KMEMLEAK, "clear");
	slurp("/proc/cmdline", cmdline, sizeof(cmdline));
	verdict_port = open_port("verdict");
	out = open_port("out");
	if (out >= 0) {
		dup2(out, 1);
		dup2(out, 2);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/", 1);
	setenv("TERM", option("rig_term", "dumb"), 1);
	/*
	 * Without an ld.so.cache, the dynamic loader looks for each library in one directory per
	 * combination of CPU facilities. On 9p, these lookups take longer than the programs
	 * themselves, so disable them with this mask.
	 */
	setenv("GLIBC_TUNABLES", "glibc.cpu.hwcap_mask=0", 1);
	if (run(install, NULL))
		finish("bad busybox does not run");
	if (strcmp(option("rig_debian", ""), ""))
		mount_debian();
	if (strcmp(option("rig_guest", ""), ""))
		mount_share("guest", "/guest");
	/* Newer kernels do not have this setting. */
	if (!spill("/proc/sys/vm/allocate_pgste", "1") && errno != ENOENT)
		finish("bad cannot set vm.allocate_pgste: %s", strerror(errno));

	verb = option("rig", "shell");
	driver = option("rig_driver", "ours");
	module = strcmp(option("rig_module", driver), "base") ? "/lib/vfio_ap.ko" : "/lib/base/vfio_ap.ko";
	setenv("VFIO_AP_MODULE", module, 1);
	if (strcmp(driver, "none")) {
		err = load(module);
		if (err)
			finish("bad cannot load vfio_ap: %s", strerror(err));
	}
	/* Load the KUnit modules after the driver, because they use its symbols. */
	if (!strcmp(verb, "test") && !strcmp(driver, "ours") && strcmp(option("rig_kunit", "1"), "0"))
		load_kunit();
	printf("@up\n");

	if (!strcmp(verb, "demo")) {
		if (!strcmp(option("rig_client", ""), "qemu"))
			demo[0] = qemu_demo;
		else if (!strcmp(option("rig_client", ""), "linux"))
			demo[0] = linux_demo;
		if (strcmp(option("rig_fault", ""), "")) {
			demo[1] = malloc(600);
			sprintf(demo[1], "--fault=%s", option("rig_fault", ""));
		}
		status = run(demo, NULL);
	} else if (!strcmp(verb, "exec")) {
		status = run(script, NULL);
	} else if (!strcmp(verb, "shell")) {
		run(shell, "/dev/hvc0");
	} else if (!strcmp(verb, "bench")) {
		status = run_bench();
	} else if (!strcmp(verb, "test")) {
		run_tests();
	} else {
		finish("bad unknown parameter rig=%s", verb);
	}

	/* Ignore violations and warnings, because the stock driver causes some. */
	if (!strcmp(verb, "bench"))
		finish("ok %d", status);
	new_violations();
	leaked = leaks();
	give_counts("end");
	if (leaked)
		finish("bad %d object%s leaked", leaked, leaked == 1 ? "" : "s");
	if (violations)
		finish("bad %d violation%s found by the simulator", violations, violations == 1 ? "" : "s");
	if (!lockdep_on())
		finish("bad lockdep is off");
	if (warned())
		finish("bad kernel warning");
	finish("ok %d", status);
}
