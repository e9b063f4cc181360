// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib.h"

void writer_start(struct writer *writer, const char *uuid, const char *attribute,
		  const char *text)
{
	writer->pid = fork();
	if (writer->pid)
		return;
	/*
	 * Close the inherited file descriptors. Otherwise, a file that the test closes
	 * would stay open in this process.
	 */
	syscall(SYS_close_range, 3, ~0U, 0);
	_exit(-mdev_write(uuid, attribute, "%s", text));
}

bool writer_waits(struct writer *writer)
{
	siginfo_t info = {};

	return !waitid(P_PID, writer->pid, &info, WEXITED | WNOHANG | WNOWAIT) && !info.si_pid;
}

struct visit {
	struct writer *writer;
	const char *function;
	bool seen;
};

static bool has_ended_or_visits(void *data)
{
	struct visit *visit = data;

	visit->seen |= task_waits_in(visit->writer->pid, visit->function);
	return visit->seen || !writer_waits(visit->writer);
}

/*
 * Wait until a writer has ended or is seen waiting in kernel function @function. Return
 * false if it was seen there.
 */
bool writer_ends_without(struct writer *writer, const char *function)
{
	struct visit visit = { .writer = writer, .function = function };

	return !until(has_ended_or_visits, &visit) && !visit.seen;
}

/* Wait until a writer has ended. Return 0, the errno of its write, or -N if signal N killed it. */
int writer_end(struct writer *writer)
{
	int status;

	if (waitpid(writer->pid, &status, 0) < 0)
		return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static struct remover_shared *remover_self;

static void remover_handle(int signal)
{
	(void)signal;
	__atomic_add_fetch(&remover_self->handled, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&remover_self->stay, __ATOMIC_SEQ_CST))
		usleep(1000);
}

static void remover_run(const char *uuid, enum remover_kind kind)
{
	struct sigaction action = {
		.sa_handler = remover_handle,
		.sa_flags = kind == REMOVER_RESTARTS ? SA_RESTART : 0,
	};
	int ret;

	syscall(SYS_close_range, 3, ~0U, 0);
	sigaction(SIGUSR1, &action, NULL);
	do {
		ret = mdev_remove(uuid);
	} while (ret == -EINTR && kind == REMOVER_RETRIES);
	_exit(-ret);
}

int remover_start(struct remover *remover, const char *uuid, enum remover_kind kind)
{
	remover->shared = mmap(NULL, sizeof(*remover->shared), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (remover->shared == MAP_FAILED)
		return -errno;
	remover_self = remover->shared;
	remover->writer.pid = fork();
	if (!remover->writer.pid)
		remover_run(uuid, kind);
	if (remover->writer.pid < 0)
		return -errno;
	return until(task_is_interruptible, &remover->writer.pid);
}

struct handling {
	struct remover_shared *shared;
	int before;
};

static bool has_handled(void *data)
{
	struct handling *handling = data;

	return __atomic_load_n(&handling->shared->handled, __ATOMIC_SEQ_CST) > handling->before;
}

/* Send SIGUSR1 to the remover and wait until the remover has entered its handler. */
int remover_signal(struct remover *remover)
{
	struct handling handling = { remover->shared, remover->shared->handled };

	if (kill(remover->writer.pid, SIGUSR1))
		return -errno;
	return until(has_handled, &handling);
}

static bool remover_has_settled(void *data)
{
	struct remover *remover = data;

	return task_is_interruptible(&remover->writer.pid) || !writer_waits(&remover->writer);
}

/* Send SIGUSR1 to the remover and wait until the remover sleeps again or has ended. */
int remover_interrupt(struct remover *remover)
{
	return remover_signal(remover) ?: until(remover_has_settled, remover);
}

/* Keep the remover in its signal handler if @stay is true. Otherwise, let the handler return. */
void remover_stay(struct remover *remover, bool stay)
{
	__atomic_store_n(&remover->shared->stay, stay, __ATOMIC_SEQ_CST);
}

/* Wait until a remover has ended. Return 0, the errno of its write, or -N if signal N killed it. */
int remover_end(struct remover *remover)
{
	int ret = writer_end(&remover->writer);

	munmap(remover->shared, sizeof(*remover->shared));
	return ret;
}

pid_t task_id(void)
{
	return syscall(SYS_gettid);
}

static char task_state(pid_t task)
{
	char path[64], text[512], *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", task);
	if (file_read(path, text, sizeof(text)) < 0)
		return 0;
	end = strrchr(text, ')');
	return end ? end[2] : 0;
}

/* Condition for until(): the task whose id @task points to is in an uninterruptible sleep. */
bool task_sleeps(void *task)
{
	return task_state(*(pid_t *)task) == 'D';
}

/* Condition for until(): the task whose id @task points to is in an interruptible sleep. */
bool task_is_interruptible(void *task)
{
	return task_state(*(pid_t *)task) == 'S';
}

/* Return the number of times that the task has gone to sleep, or -1 on failure. */
long task_sleep_count(pid_t task)
{
	static const char key[] = "\nvoluntary_ctxt_switches:";
	char path[64], text[4096], *line;

	snprintf(path, sizeof(path), "/proc/%d/status", task);
	if (file_read(path, text, sizeof(text)) < 0)
		return -1;
	line = strstr(text, key);
	return line ? strtol(line + strlen(key), NULL, 10) : -1;
}

static bool task_is_asleep(pid_t task)
{
	char state = task_state(task);

	return state == 'D' || state == 'S';
}

/*
 * Return true if the task sleeps in kernel function @function. The stack of a running task
 * can show functions in which the task does not sleep. Therefore, the task must be in the
 * same sleep before and after its stack is read.
 */
bool task_waits_in(pid_t task, const char *function)
{
	long sleep_count = task_sleep_count(task);
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%d/stack", task);
	return task_is_asleep(task) && file_read(path, text, sizeof(text)) >= 0 &&
	       strstr(text, function) && task_sleep_count(task) == sleep_count &&
	       task_is_asleep(task);
}

int capability_drop(int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	data[capability / 32].effective &= ~(1U << capability % 32);
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}
