// SPDX-License-Identifier: GPL-2.0
/*
 * Make each memory allocation of an operation fail in turn, through
 * /proc/PID/task/TID/fail-nth.
 *
 * A test makes the first allocation of an operation fail, then the second, and so on, until
 * the operation makes no further allocation. Allocations by the driver core, kernfs and
 * VFIO fail as well, because their error paths must not harm the driver either. Each
 * attempt must either succeed completely, or fail with an errno that the ABI documents and
 * change nothing. At the end, the operation must succeed without an injected failure.
 * kmemleak finds memory that an attempt leaks.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/guest_fixture.h"

#define FAILSLAB	"/sys/kernel/debug/failslab/"

/* more allocations than any operation makes */
#define FAULTS_MAX	20000

struct operation;

struct faults {
	struct __test_metadata *metadata;
	struct vm *vm;
	struct vfio *vfio;
	struct other other;
	/* the task whose allocations fail */
	pid_t thread;
	unsigned int nth;
	/*
	 * numbers of failed allocations: in total, in the driver, and in operations that
	 * succeeded nevertheless
	 */
	unsigned int failed, in_driver, survived;
};

struct operation {
	const char *name;
	/* Return 0 or a negative errno. */
	int (*act)(struct faults *faults);
	/* Return true if the operation has taken effect. */
	bool (*done)(struct faults *faults);
	/* allowed errnos, terminated by 0 */
	int errnos[4];
	void (*undo)(struct faults *faults);
};

/* Open fail-nth before the operation, because opening a file allocates memory. */
static int fail_nth_open(struct faults *faults)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/fail-nth", faults->thread);
	return open(path, O_RDWR | O_CLOEXEC);
}

static int fail_nth_write(int fd, unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	return pwrite(fd, text, len, 0) == len ? 0 : -errno;
}

/* Return true if the allocation selected by fail_nth_write() has failed. */
static bool fault_happened(int fd)
{
	char text[16] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 && !atoi(text);
}

static bool is_allowed(const struct operation *operation, int ret)
{
	unsigned int i;

	for (i = 0; operation->errnos[i]; i++) {
		if (ret == operation->errnos[i])
			return true;
	}
	return false;
}

/* The code that made the failed allocation, according to the stack trace in the kernel log. */
enum caller {
	FAULT_NONE,
	/* unknown, because __GFP_NOWARN suppressed the stack trace */
	FAULT_SILENT,
	FAULT_DRIVER,
	/* the module loader, before it calls the driver's init function */
	FAULT_LOADER,
	FAULT_OTHER,
};

static enum caller fault_find_caller(int kmsg)
{
	enum caller caller = FAULT_SILENT;
	char line[8192];
	ssize_t len;

	/* EPIPE means that the kernel has overwritten unread lines. The next read skips them. */
	while ((len = read(kmsg, line, sizeof(line) - 1)) > 0 || (len < 0 && errno == EPIPE)) {
		line[len < 0 ? 0 : len] = 0;
		if (caller == FAULT_DRIVER || strstr(line, "[vfio_ap]"))
			caller = FAULT_DRIVER;
		else if (caller == FAULT_LOADER || strstr(line, " load_module+"))
			caller = FAULT_LOADER;
		else if (strstr(line, "FAULT_INJECTION"))
			caller = FAULT_OTHER;
	}
	return caller;
}

/* Run the operation. Its faults->nth-th allocation fails, if the operation gets that far. */
static enum caller fault_try(struct faults *faults, const struct operation *operation, int kmsg,
			     int fail_nth)
{
	struct __test_metadata *_metadata = faults->metadata;
	enum caller caller = FAULT_NONE;
	bool happened;
	int ret;

	lseek(kmsg, 0, SEEK_END);
	EXPECT_EQ(0, fail_nth_write(fail_nth, faults->nth));
	ret = operation->act(faults);
	happened = fault_happened(fail_nth);
	EXPECT_EQ(0, fail_nth_write(fail_nth, 0));
	if (ret) {
		EXPECT_TRUE(is_allowed(operation, ret))
			TH_LOG("%s: allocation %u: %s", operation->name, faults->nth,
			       strerror(-ret));
		EXPECT_FALSE(operation->done(faults))
			TH_LOG("%s: allocation %u: failed, but took effect", operation->name,
			       faults->nth);
	} else {
		EXPECT_TRUE(operation->done(faults))
			TH_LOG("%s: allocation %u: succeeded, but had no effect", operation->name,
			       faults->nth);
		faults->survived += happened;
	}
	if (operation->done(faults))
		operation->undo(faults);
	if (happened)
		caller = fault_find_caller(kmsg);
	faults->failed += happened;
	faults->in_driver += caller == FAULT_DRIVER;
	return caller;
}

static void faults_report(struct faults *faults, const struct operation *operation)
{
	struct __test_metadata *_metadata = faults->metadata;

	EXPECT_EQ(0, operation->act(faults));
	EXPECT_TRUE(operation->done(faults));
	operation->undo(faults);
	TH_LOG("%s: %u allocations failed, %u of them in vfio_ap; it succeeded despite %u",
	       operation->name, faults->failed, faults->in_driver, faults->survived);
}

static void faults_try_all(struct faults *faults, const struct operation *operation)
{
	struct __test_metadata *_metadata = faults->metadata;
	int kmsg = kmsg_open(), fail_nth = fail_nth_open(faults);

	ASSERT_LE(0, fail_nth);
	for (faults->nth = 1; faults->nth < FAULTS_MAX; faults->nth++) {
		if (fault_try(faults, operation, kmsg, fail_nth) == FAULT_NONE)
			break;
	}
	EXPECT_GT(FAULTS_MAX, faults->nth);
	faults_report(faults, operation);
	close(fail_nth);
	close(kmsg);
}

/*
 * Make the last allocation of the operation fail, then the one before it, and so on, back
 * to the point where the module loader calls the driver's init function. Earlier
 * allocations must not fail, because event_define_fields() would then log a warning.
 */
static void faults_try_driver(struct faults *faults, const struct operation *operation)
{
	struct __test_metadata *_metadata = faults->metadata;
	int kmsg = kmsg_open(), fail_nth = fail_nth_open(faults);
	unsigned int loaders = 0;
	enum caller caller;
	char text[16] = "";

	ASSERT_LE(0, fail_nth);
	ASSERT_EQ(0, fail_nth_write(fail_nth, FAULTS_MAX));
	ASSERT_EQ(0, operation->act(faults));
	ASSERT_LT(0, pread(fail_nth, text, sizeof(text) - 1, 0));
	ASSERT_EQ(0, fail_nth_write(fail_nth, 0));
	operation->undo(faults);

	/*
	 * The number of allocations differs between loads, so a single failure in the
	 * module loader does not prove that each of the driver's allocations has failed
	 * once. Stop after three such failures with no failure in the driver between them.
	 */
	for (faults->nth = FAULTS_MAX - atoi(text); faults->nth && loaders < 3; faults->nth--) {
		caller = fault_try(faults, operation, kmsg, fail_nth);
		if (caller == FAULT_LOADER && faults->in_driver)
			loaders++;
		else if (caller == FAULT_DRIVER)
			loaders = 0;
	}
	faults_report(faults, operation);
	close(fail_nth);
	close(kmsg);
}

static void faults_prepare(struct __test_metadata *_metadata, struct faults *faults,
			   struct vm *vm, struct vfio *vfio)
{
	*faults = (struct faults){
		.metadata = _metadata, .vm = vm, .vfio = vfio, .thread = task_id(),
	};
	/* Let allocations that may sleep fail as well. Keep the stack traces off the console. */
	ASSERT_EQ(0, file_write(FAILSLAB "ignore-gfp-wait", "N"));
	ASSERT_EQ(0, file_write(FAILSLAB "verbose", "2"));
	ASSERT_EQ(0, file_write("/proc/sys/kernel/printk", "4"));
}

static int create_second_mdev(struct faults *faults)
{
	return mdev_create(UUID2);
}

static bool second_mdev_exists(struct faults *faults)
{
	return !access(MATRIX UUID2, F_OK);
}

static void remove_second_mdev(struct faults *faults)
{
	struct __test_metadata *_metadata = faults->metadata;

	EXPECT_EQ(0, mdev_remove(UUID2));
}

TEST_F(guest, create_alloc_failure)
{
	static const struct operation create = {
		"create", create_second_mdev, second_mdev_exists, { -ENOMEM }, remove_second_mdev,
	};
	struct faults faults;

	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	faults_try_all(&faults, &create);
	EXPECT_NE(0, faults.in_driver);
}

static int adapter_assign(struct faults *faults)
{
	return mdev_write(UUID1, "assign_adapter", "5");
}

static bool adapter_in_guest(struct faults *faults)
{
	struct __test_metadata *_metadata = faults->metadata;
	bool assigned = mdev_shows(UUID1, "matrix", "04.0004 05.0004");

	EXPECT_TRUE(vm_sees(faults->vm, assigned ? "04.0004 05.0004" : "04.0004"));
	return assigned;
}

static void adapter_assign_undo(struct faults *faults)
{
	struct __test_metadata *_metadata = faults->metadata;

	EXPECT_EQ(0, mdev_write(UUID1, "unassign_adapter", "5"));
}

static int adapter_unassign(struct faults *faults)
{
	return mdev_write(UUID1, "unassign_adapter", "5");
}

static bool adapter_not_in_guest(struct faults *faults)
{
	return !adapter_in_guest(faults);
}

static void adapter_unassign_undo(struct faults *faults)
{
	struct __test_metadata *_metadata = faults->metadata;

	EXPECT_EQ(0, mdev_write(UUID1, "assign_adapter", "5"));
}

TEST_F(guest, assign_alloc_failure)
{
	static const struct operation assign_adapter = {
		"assign", adapter_assign, adapter_in_guest, { -ENOMEM },
		adapter_assign_undo,
	};
	struct faults faults;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	faults_try_all(&faults, &assign_adapter);
	/* kernfs may allocate a buffer, but the driver must not allocate memory. */
	EXPECT_EQ(0, faults.in_driver);
}

static int dry_run_write(struct faults *faults)
{
	return mdev_write(UUID1, "ap_config_dry_run", "0c,08,0");
}

static bool dry_run_has_result(struct faults *faults)
{
	char text[4096] = "";

	return mdev_read(UUID1, "ap_config_dry_run", text, sizeof(text)) > 0 &&
	       !strncmp(text, "asked=0x0c", 10);
}

static void dry_run_write_other(struct faults *faults)
{
	struct __test_metadata *_metadata = faults->metadata;

	EXPECT_EQ(0, mdev_write(UUID1, "ap_config_dry_run", "08,08,0"));
}

TEST_F(guest, dry_run_alloc_failure)
{
	static const struct operation dry_run = {
		"dry run", dry_run_write, dry_run_has_result, { -ENOMEM }, dry_run_write_other,
	};
	struct faults faults;

	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	dry_run_write_other(&faults);
	faults_try_all(&faults, &dry_run);
	EXPECT_LT(0, faults.in_driver);
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", ""));
}

/* The driver allocates no memory to unassign an adapter. */
TEST_F(guest, unassign_alloc_failure)
{
	static const struct operation unassign_adapter = {
		"unassign", adapter_unassign, adapter_not_in_guest, { -ENOMEM },
		adapter_unassign_undo,
	};
	struct faults faults;

	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, 5, -1);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 05.0004"));
	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	faults_try_all(&faults, &unassign_adapter);
	EXPECT_EQ(0, faults.in_driver);
}

static int bind_queue(struct faults *faults)
{
	return queue_bind(6, 6);
}

static bool queue_is_known(struct faults *faults)
{
	return queue_status(6, 6, "unassigned");
}

static void unbind_queue(struct faults *faults)
{
	struct __test_metadata *_metadata = faults->metadata;

	EXPECT_EQ(0, queue_unbind(6, 6));
}

/* A failed bind leaves no queue behind. */
TEST_F(guest, bind_alloc_failure)
{
	static const struct operation bind = {
		"bind", bind_queue, queue_is_known, { -ENOMEM }, unbind_queue,
	};
	struct faults faults;

	ASSERT_EQ(0, queue_unbind(6, 6));
	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	faults_try_all(&faults, &bind);
	EXPECT_NE(0, faults.in_driver);
}

/*
 * The driver stores queues in an xarray, which tries twice to allocate a node, so both
 * attempts must fail. Therefore, make every allocation of a node by this task fail.
 * slub_debug=A,radix_tree_node on the kernel command line selects the nodes' slab cache.
 */
static void table_alloc_fail_begin(struct __test_metadata *_metadata)
{
	ASSERT_EQ(0, file_write(FAILSLAB "cache-filter", "Y"));
	ASSERT_EQ(0, file_write(FAILSLAB "task-filter", "Y"));
	ASSERT_EQ(0, file_write("/proc/self/make-it-fail", "1"));
	ASSERT_EQ(0, file_write(FAILSLAB "times", "-1"));
	ASSERT_EQ(0, file_write(FAILSLAB "probability", "100"));
}

/* Clear the probability first. Otherwise, clearing the filters would make all allocations fail. */
static void table_alloc_fail_end(struct __test_metadata *_metadata)
{
	ASSERT_EQ(0, file_write(FAILSLAB "probability", "0"));
	ASSERT_EQ(0, file_write(FAILSLAB "times", "0"));
	ASSERT_EQ(0, file_write("/proc/self/make-it-fail", "0"));
	ASSERT_EQ(0, file_write(FAILSLAB "task-filter", "N"));
	ASSERT_EQ(0, file_write(FAILSLAB "cache-filter", "N"));
}

/* Binding a queue fails if the driver's xarray of queues cannot grow. */
TEST_F(guest, queue_table_alloc_failure)
{
	struct faults faults;
	int apqi;

	/*
	 * Unbind all queues of the adapter, so that the xarray needs a new node for the
	 * next bind.
	 */
	for (apqi = 4; apqi <= 6; apqi++)
		ASSERT_EQ(0, queue_unbind(6, apqi));
	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	table_alloc_fail_begin(_metadata);
	EXPECT_EQ(-ENOMEM, queue_bind(6, 6));
	table_alloc_fail_end(_metadata);
	EXPECT_FALSE(queue_is_known(&faults));
	for (apqi = 4; apqi <= 6; apqi++)
		EXPECT_EQ(0, queue_bind(6, apqi));
	EXPECT_TRUE(queue_wait_status(6, 6, "unassigned"));
}

static int open_device(struct faults *faults)
{
	return vfio_open_device(&faults->other.vfio, UUID2);
}

static bool device_has_queue(struct faults *faults)
{
	return queue_status(5, 5, "in use");
}

static void close_device(struct faults *faults)
{
	struct __test_metadata *_metadata = faults->metadata;

	close(faults->other.vfio.device);
	faults->other.vfio.device = -1;
	EXPECT_TRUE(queue_wait_status(5, 5, "assigned"));
}

TEST_F(guest, open_alloc_failure)
{
	static const struct operation open = {
		"open", open_device, device_has_queue, { -ENOMEM }, close_device,
	};
	struct faults faults;

	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	other_start(_metadata, &faults.other, 5, 5);
	close_device(&faults);
	faults_try_all(&faults, &open);
	EXPECT_NE(0, faults.in_driver);
	other_end(_metadata, &faults.other);
}

static int enable_interrupt(struct faults *faults)
{
	int rc = vm_aqic(faults->vm, 4, 4, true, 3, AGENT_NIB);

	return rc == 6 ? -ENOMEM : rc;
}

static bool page_is_pinned(struct faults *faults)
{
	return pinned_kib() == 4;
}

static void disable_interrupt(struct faults *faults)
{
	struct __test_metadata *_metadata = faults->metadata;

	EXPECT_EQ(0, vm_aqic(faults->vm, 4, 4, false, 3, 0));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

TEST_F(guest, aqic_alloc_failure)
{
	static const struct operation enable = {
		"AQIC", enable_interrupt, page_is_pinned, { -ENOMEM }, disable_interrupt,
	};
	struct faults faults;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	faults.thread = self->vm.vcpu_thread_id;
	faults_try_all(&faults, &enable);
	EXPECT_NE(0, faults.in_driver);
}

static int reset_device(struct faults *faults)
{
	return ioctl(faults->vfio->device, VFIO_DEVICE_RESET) ? -errno : 0;
}

static bool queue_is_in_use(struct faults *faults)
{
	return queue_status(4, 4, "in use");
}

static void undo_nothing(struct faults *faults)
{
}

TEST_F(guest, device_reset_without_alloc)
{
	static const struct operation reset = {
		"VFIO_DEVICE_RESET", reset_device, queue_is_in_use, { 0 }, undo_nothing,
	};
	struct faults faults;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	faults_try_all(&faults, &reset);
	EXPECT_EQ(0, faults.failed);
}

static int load_module(struct faults *faults)
{
	return module_load();
}

static bool module_exists(struct faults *faults)
{
	return !access("/sys/module/vfio_ap", F_OK) || module_files_exist();
}

static void unload_module(struct faults *faults)
{
	struct __test_metadata *_metadata = faults->metadata;

	EXPECT_EQ(0, module_unload());
}

/*
 * If there is no memory for the driver's debug feature, loading the module fails with
 * ENOENT, as the ABI documents.
 */
TEST_F(guest, module_load_alloc_failure)
{
	/* EINVAL means that the driver core cannot create the module's "drivers" directory. */
	static const struct operation load = {
		"load", load_module, module_exists, { -ENOMEM, -ENOENT, -EINVAL }, unload_module,
	};
	struct faults faults;

	vfio_close(&self->vfio);
	ASSERT_EQ(0, module_unload());
	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	faults_try_driver(&faults, &load);
	EXPECT_NE(0, faults.in_driver);
	ASSERT_EQ(0, module_load());
	ASSERT_EQ(0, mdev_create(UUID1));
	assign(_metadata, UUID1, 4, 4);
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
}

#define TEST_PATIENCE_S	1800
#include "lib/main.h"
