// SPDX-License-Identifier: GPL-2.0
/*
 * Memory runs out, at each allocation in turn: behaviour row E.20.
 *
 * Of an operation the first allocation is made to fail, then the second, until
 * there is none left that could (/proc/PID/task/TID/fail-nth). Those of the
 * driver core, of kernfs and of VFIO fail, too: what they do with it must not
 * harm the driver either. Each time the operation has succeeded in full, or has
 * failed with the errno of the ABI and changed nothing; and without a fault it
 * succeeds. What is lost on the way is found by kmemleak, and by the books.
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

/* More than any operation here allocates. */
#define FAULTS_MAX	20000

struct operation;

struct faults {
	struct __test_metadata *metadata;
	struct vm *vm;
	struct vfio *vfio;
	struct other other;
	/* Whose allocations fail. */
	pid_t thread;
	unsigned int nth;
	/* How many allocations failed, were below the driver, were not noticed. */
	unsigned int failed, ours, survived;
};

struct operation {
	const char *name;
	/* 0, or a negative errno. */
	int (*act)(struct faults *faults);
	/* Is there what it is to bring about? */
	bool (*done)(struct faults *faults);
	/* What may be refused with, a 0 at the end. */
	int errnos[4];
	void (*undo)(struct faults *faults);
};

/* One that is open already: to open it takes memory, too. */
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

/* Was there an allocation left to fail? */
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

/* Whose allocation it was that failed, as the stack in the log tells. */
enum whose {
	NOBODYS,
	/* __GFP_NOWARN: it was not told. */
	UNTOLD,
	OURS,
	/* Of the module loader, on the way to the driver. */
	THE_LOADERS,
	SOMEBODYS,
};

static enum whose fault_whose(int kmsg)
{
	enum whose whose = UNTOLD;
	char line[8192];
	ssize_t len;

	/* EPIPE: the kernel has dropped lines; the next read goes on behind them. */
	while ((len = read(kmsg, line, sizeof(line) - 1)) > 0 || (len < 0 && errno == EPIPE)) {
		line[len < 0 ? 0 : len] = 0;
		if (whose == OURS || strstr(line, "[vfio_ap]"))
			whose = OURS;
		else if (whose == THE_LOADERS || strstr(line, " load_module+"))
			whose = THE_LOADERS;
		else if (strstr(line, "FAULT_INJECTION"))
			whose = SOMEBODYS;
	}
	return whose;
}

/* The n-th allocation fails, if there are so many. */
static enum whose fault_try(struct faults *faults, const struct operation *operation, int kmsg,
			    int fail_nth)
{
	struct __test_metadata *_metadata = faults->metadata;
	enum whose whose = NOBODYS;
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
			TH_LOG("%s: allocation %u: failed, and yet done", operation->name,
			       faults->nth);
	} else {
		EXPECT_TRUE(operation->done(faults))
			TH_LOG("%s: allocation %u: succeeded, and yet not done", operation->name,
			       faults->nth);
		faults->survived += happened;
	}
	if (operation->done(faults))
		operation->undo(faults);
	if (happened)
		whose = fault_whose(kmsg);
	faults->failed += happened;
	faults->ours += whose == OURS;
	return whose;
}

static void faults_tell(struct faults *faults, const struct operation *operation)
{
	struct __test_metadata *_metadata = faults->metadata;

	EXPECT_EQ(0, operation->act(faults));
	EXPECT_TRUE(operation->done(faults));
	operation->undo(faults);
	TH_LOG("%s: %u allocations failed, %u of them below vfio_ap; %u were not noticed",
	       operation->name, faults->failed, faults->ours, faults->survived);
}

static void faults_try_all(struct faults *faults, const struct operation *operation)
{
	struct __test_metadata *_metadata = faults->metadata;
	int kmsg = kmsg_open(), fail_nth = fail_nth_open(faults);

	ASSERT_LE(0, fail_nth);
	for (faults->nth = 1; faults->nth < FAULTS_MAX; faults->nth++) {
		if (fault_try(faults, operation, kmsg, fail_nth) == NOBODYS)
			break;
	}
	EXPECT_GT(FAULTS_MAX, faults->nth);
	faults_tell(faults, operation);
	close(fail_nth);
	close(kmsg);
}

/*
 * From the last one back to where the module loader calls the driver: in the loader
 * the kernel's own tracing warns when it gets no memory (event_define_fields()).
 */
static void faults_try_ours(struct faults *faults, const struct operation *operation)
{
	struct __test_metadata *_metadata = faults->metadata;
	int kmsg = kmsg_open(), fail_nth = fail_nth_open(faults);
	unsigned int loaders = 0;
	enum whose whose;
	char text[16] = "";

	ASSERT_LE(0, fail_nth);
	ASSERT_EQ(0, fail_nth_write(fail_nth, FAULTS_MAX));
	ASSERT_EQ(0, operation->act(faults));
	ASSERT_LT(0, pread(fail_nth, text, sizeof(text) - 1, 0));
	ASSERT_EQ(0, fail_nth_write(fail_nth, 0));
	operation->undo(faults);

	/* Not every load takes the same number: one that is the loader's does not mean the end. */
	for (faults->nth = FAULTS_MAX - atoi(text); faults->nth && loaders < 3; faults->nth--) {
		whose = fault_try(faults, operation, kmsg, fail_nth);
		if (whose == THE_LOADERS && faults->ours)
			loaders++;
		else if (whose == OURS)
			loaders = 0;
	}
	faults_tell(faults, operation);
	close(fail_nth);
	close(kmsg);
}

static void faults_prepare(struct __test_metadata *_metadata, struct faults *faults,
			   struct vm *vm, struct vfio *vfio)
{
	*faults = (struct faults){
		.metadata = _metadata, .vm = vm, .vfio = vfio, .thread = task_id(),
	};
	/* Those that may wait fail, too; the stack tells whose it was, but not on the console. */
	ASSERT_EQ(0, file_write(FAILSLAB "ignore-gfp-wait", "N"));
	ASSERT_EQ(0, file_write(FAILSLAB "verbose", "2"));
	ASSERT_EQ(0, file_write("/proc/sys/kernel/printk", "4"));
}

static int mdev_is_created(struct faults *faults)
{
	return mdev_create(UUID2);
}

static bool mdev_is_there(struct faults *faults)
{
	return !access(MATRIX UUID2, F_OK);
}

static void mdev_is_removed(struct faults *faults)
{
	struct __test_metadata *_metadata = faults->metadata;

	EXPECT_EQ(0, mdev_remove(UUID2));
}

TEST_F(guest, create_alloc_failure)
{
	static const struct operation create = {
		"create", mdev_is_created, mdev_is_there, { -ENOMEM }, mdev_is_removed,
	};
	struct faults faults;

	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	faults_try_all(&faults, &create);
	EXPECT_NE(0, faults.ours);
}

static int adapter_is_assigned(struct faults *faults)
{
	return mdev_write(UUID1, "assign_adapter", "5");
}

static bool adapter_is_in_the_guest(struct faults *faults)
{
	struct __test_metadata *_metadata = faults->metadata;
	bool assigned = mdev_shows(UUID1, "matrix", "04.0004 05.0004");

	EXPECT_TRUE(vm_sees(faults->vm, assigned ? "04.0004 05.0004" : "04.0004"));
	return assigned;
}

static void adapter_is_unassigned(struct faults *faults)
{
	struct __test_metadata *_metadata = faults->metadata;

	EXPECT_EQ(0, mdev_write(UUID1, "unassign_adapter", "5"));
}

static int adapter_is_taken_away(struct faults *faults)
{
	return mdev_write(UUID1, "unassign_adapter", "5");
}

static bool adapter_is_not_in_the_guest(struct faults *faults)
{
	return !adapter_is_in_the_guest(faults);
}

static void adapter_is_given_back(struct faults *faults)
{
	struct __test_metadata *_metadata = faults->metadata;

	EXPECT_EQ(0, mdev_write(UUID1, "assign_adapter", "5"));
}

TEST_F(guest, assign_alloc_failure)
{
	static const struct operation assign_adapter = {
		"assign", adapter_is_assigned, adapter_is_in_the_guest, { -ENOMEM },
		adapter_is_unassigned,
	};
	struct faults faults;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	faults_try_all(&faults, &assign_adapter);
	/* kernfs wants a buffer; the driver nothing. */
	EXPECT_EQ(0, faults.ours);
}

static int masks_are_tried(struct faults *faults)
{
	return mdev_write(UUID1, "ap_config_dry_run", "0c,08,0");
}

static bool answer_is_there(struct faults *faults)
{
	char text[4096] = "";

	return mdev_read(UUID1, "ap_config_dry_run", text, sizeof(text)) > 0 &&
	       !strncmp(text, "asked=0x0c", 10);
}

static void other_masks_are_tried(struct faults *faults)
{
	struct __test_metadata *_metadata = faults->metadata;

	EXPECT_EQ(0, mdev_write(UUID1, "ap_config_dry_run", "08,08,0"));
}

TEST_F(guest, dry_run_alloc_failure)
{
	static const struct operation try_masks = {
		"try", masks_are_tried, answer_is_there, { -ENOMEM }, other_masks_are_tried,
	};
	struct faults faults;

	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	other_masks_are_tried(&faults);
	faults_try_all(&faults, &try_masks);
	EXPECT_LT(0, faults.ours);
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", ""));
}

/* C-4 */
TEST_F(guest, unassign_alloc_failure)
{
	static const struct operation unassign_adapter = {
		"unassign", adapter_is_taken_away, adapter_is_not_in_the_guest, { -ENOMEM },
		adapter_is_given_back,
	};
	struct faults faults;

	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, 5, -1);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004 05.0004"));
	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	faults_try_all(&faults, &unassign_adapter);
	EXPECT_EQ(0, faults.ours);
}

static int queue_is_bound(struct faults *faults)
{
	return queue_bind(6, 6);
}

static bool queue_has_a_status(struct faults *faults)
{
	return queue_status(6, 6, "unassigned");
}

static void queue_is_unbound(struct faults *faults)
{
	struct __test_metadata *_metadata = faults->metadata;

	EXPECT_EQ(0, queue_unbind(6, 6));
}

/* B-4 */
TEST_F(guest, bind_alloc_failure)
{
	static const struct operation bind = {
		"bind", queue_is_bound, queue_has_a_status, { -ENOMEM }, queue_is_unbound,
	};
	struct faults faults;

	ASSERT_EQ(0, queue_unbind(6, 6));
	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	faults_try_all(&faults, &bind);
	EXPECT_NE(0, faults.ours);
}

/*
 * The table of slots tries twice, so both must fail: all of this task's from the
 * one cache that the kernel command line names (slub_debug=A,radix_tree_node).
 */
static void table_grows_no_more(struct __test_metadata *_metadata)
{
	ASSERT_EQ(0, file_write(FAILSLAB "cache-filter", "Y"));
	ASSERT_EQ(0, file_write(FAILSLAB "task-filter", "Y"));
	ASSERT_EQ(0, file_write("/proc/self/make-it-fail", "1"));
	ASSERT_EQ(0, file_write(FAILSLAB "times", "-1"));
	ASSERT_EQ(0, file_write(FAILSLAB "probability", "100"));
}

/* The probability goes first: without the filters, every allocation of this task would fail. */
static void table_grows_again(struct __test_metadata *_metadata)
{
	ASSERT_EQ(0, file_write(FAILSLAB "probability", "0"));
	ASSERT_EQ(0, file_write(FAILSLAB "times", "0"));
	ASSERT_EQ(0, file_write("/proc/self/make-it-fail", "0"));
	ASSERT_EQ(0, file_write(FAILSLAB "task-filter", "N"));
	ASSERT_EQ(0, file_write(FAILSLAB "cache-filter", "N"));
}

/* B-4 */
TEST_F(guest, queue_table_alloc_failure)
{
	struct faults faults;
	int apqi;

	/* Then nothing of the table is left for this adapter. */
	for (apqi = 4; apqi <= 6; apqi++)
		ASSERT_EQ(0, queue_unbind(6, apqi));
	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	table_grows_no_more(_metadata);
	EXPECT_EQ(-ENOMEM, queue_bind(6, 6));
	table_grows_again(_metadata);
	EXPECT_FALSE(queue_has_a_status(&faults));
	for (apqi = 4; apqi <= 6; apqi++)
		EXPECT_EQ(0, queue_bind(6, apqi));
	EXPECT_TRUE(queue_comes_to(6, 6, "unassigned"));
}

static int device_is_opened(struct faults *faults)
{
	return vfio_open_device(&faults->other.vfio, UUID2);
}

static bool other_guest_has_its_queue(struct faults *faults)
{
	return queue_status(5, 5, "in use");
}

static void device_is_closed(struct faults *faults)
{
	struct __test_metadata *_metadata = faults->metadata;

	close(faults->other.vfio.device);
	faults->other.vfio.device = -1;
	EXPECT_TRUE(queue_comes_to(5, 5, "assigned"));
}

TEST_F(guest, open_alloc_failure)
{
	static const struct operation open = {
		"open", device_is_opened, other_guest_has_its_queue, { -ENOMEM }, device_is_closed,
	};
	struct faults faults;

	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	other_start(_metadata, &faults.other, 5, 5);
	device_is_closed(&faults);
	faults_try_all(&faults, &open);
	EXPECT_NE(0, faults.ours);
	other_end(_metadata, &faults.other);
}

static int interrupt_is_enabled(struct faults *faults)
{
	int rc = vm_aqic(faults->vm, 4, 4, true, 3, AGENT_NIB);

	return rc == 6 ? -ENOMEM : rc;
}

static bool page_is_pinned(struct faults *faults)
{
	return pinned_kib() == 4;
}

static void interrupt_is_disabled(struct faults *faults)
{
	struct __test_metadata *_metadata = faults->metadata;

	EXPECT_EQ(0, vm_aqic(faults->vm, 4, 4, false, 3, 0));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

TEST_F(guest, aqic_alloc_failure)
{
	static const struct operation enable = {
		"AQIC", interrupt_is_enabled, page_is_pinned, { -ENOMEM }, interrupt_is_disabled,
	};
	struct faults faults;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	faults.thread = self->vm.vcpu_thread_id;
	faults_try_all(&faults, &enable);
	EXPECT_NE(0, faults.ours);
}

static int device_is_reset(struct faults *faults)
{
	return ioctl(faults->vfio->device, VFIO_DEVICE_RESET) ? -errno : 0;
}

static bool queue_is_in_use(struct faults *faults)
{
	return queue_status(4, 4, "in use");
}

static void nothing_is_undone(struct faults *faults)
{
}

TEST_F(guest, device_reset_without_alloc)
{
	static const struct operation reset = {
		"VFIO_DEVICE_RESET", device_is_reset, queue_is_in_use, { 0 }, nothing_is_undone,
	};
	struct faults faults;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	faults_try_all(&faults, &reset);
	EXPECT_EQ(0, faults.failed);
}

static int module_is_loaded(struct faults *faults)
{
	return module_load();
}

static bool module_is_there(struct faults *faults)
{
	return !access("/sys/module/vfio_ap", F_OK) || module_shows();
}

static void module_is_unloaded(struct faults *faults)
{
	struct __test_metadata *_metadata = faults->metadata;

	EXPECT_EQ(0, module_unload());
}

/* B-8, C-19. Without memory the debug feature cannot be registered, which the ABI calls ENOENT. */
TEST_F(guest, module_load_alloc_failure)
{
	static const struct operation load = {
		"load", module_is_loaded, module_is_there, { -ENOMEM, -ENOENT }, module_is_unloaded,
	};
	struct faults faults;

	vfio_close(&self->vfio);
	ASSERT_EQ(0, module_unload());
	faults_prepare(_metadata, &faults, &self->vm, &self->vfio);
	faults_try_ours(&faults, &load);
	EXPECT_NE(0, faults.ours);
	ASSERT_EQ(0, module_load());
	ASSERT_EQ(0, mdev_create(UUID1));
	assign(_metadata, UUID1, 4, 4);
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	EXPECT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
}

#define TEST_PATIENCE_S	1800
#include "lib/main.h"
