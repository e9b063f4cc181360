// SPDX-License-Identifier: GPL-2.0
/* Test the attributes of mdevs and queues, and the driver's AP bus callbacks, without a guest. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/lib.h"
#include "lib/main.h"

FIXTURE(mdev) {
	char text[8192];
};

FIXTURE_SETUP(mdev)
{
	machine_reset();
	ASSERT_EQ(0, mdev_create(UUID1));
}

FIXTURE_TEARDOWN(mdev)
{
	mdev_remove(UUID1);
	EXPECT_EQ(0, hwsim_violations(self->text, sizeof(self->text))) TH_LOG("%s", self->text);
}

/* Management tools read these attributes of the mdev type. */
TEST_F(mdev, mdev_type_attributes)
{
	file_read(TYPE "name", self->text, sizeof(self->text));
	EXPECT_STREQ("VFIO AP Passthrough Device\n", self->text);
	file_read(TYPE "device_api", self->text, sizeof(self->text));
	EXPECT_STREQ("vfio-ap\n", self->text);
	file_read(TYPE "available_instances", self->text, sizeof(self->text));
	EXPECT_STREQ("65535\n", self->text);
}

TEST_F(mdev, create_bad_or_duplicate_uuid)
{
	EXPECT_EQ(-EINVAL, mdev_create("1111"));
	EXPECT_EQ(-EINVAL, mdev_create("not-a-uuid-at-all-but-36-characters-"));
	EXPECT_EQ(-EEXIST, mdev_create(UUID1));
	EXPECT_EQ(0, mdev_create(UUID2 "\n"));
	EXPECT_EQ(0, access(TYPE "devices/" UUID2, F_OK));
	file_read(TYPE "available_instances", self->text, sizeof(self->text));
	EXPECT_STREQ("65534\n", self->text);
	EXPECT_EQ(0, mdev_remove(UUID2));
}

TEST_F(mdev, queues_freed_by_remove)
{
	ASSERT_EQ(0, mdev_create(UUID2));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "4"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "4"));
	ASSERT_EQ(0, mdev_write(UUID2, "assign_adapter", "4"));
	EXPECT_EQ(-EADDRINUSE, mdev_write(UUID2, "assign_domain", "4"));
	ASSERT_EQ(0, mdev_remove(UUID1));
	EXPECT_EQ(0, mdev_write(UUID2, "assign_domain", "4"));
	EXPECT_TRUE(queue_status(4, 4, "assigned"));
	ASSERT_EQ(0, mdev_remove(UUID2));
	EXPECT_TRUE(queue_status(4, 4, "unassigned"));
}

#define Z60	"000000000000000000000000000000000000000000000000000000000000"
#define MASKS(apm, aqm, adm)	"0x" apm Z60 ",0x" aqm Z60 ",0x" adm Z60

static bool masks_are(struct __test_metadata *_metadata, const char *attribute, const char *text)
{
	char shown[256] = "";

	mdev_read(UUID1, attribute, shown, sizeof(shown));
	EXPECT_STREQ(text, shown);
	return !strcmp(text, shown);
}

/* A write to ap_config replaces all three masks. ap_config accepts the text that it shows. */
TEST_F(mdev, ap_config_masks)
{
	EXPECT_TRUE(masks_are(_metadata, "ap_config", MASKS("0000", "0000", "0000") "\n"));
	EXPECT_EQ(0, mdev_write(UUID1, "ap_config", "0xC,0x04,0802\n"));
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", "00.0005 01.0005"));
	EXPECT_TRUE(mdev_shows(UUID1, "control_domains", "0004 000e"));
	EXPECT_TRUE(masks_are(_metadata, "ap_config", MASKS("c000", "0400", "0802") "\n"));
	EXPECT_EQ(0, mdev_write(UUID1, "ap_config", MASKS("0800", "0c00", "0000") "\n"));
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", "04.0004 04.0005"));
	EXPECT_TRUE(mdev_shows(UUID1, "control_domains", ""));
	EXPECT_TRUE(mdev_wait_for(UUID1, "guest_matrix", "04.0004 04.0005"));
	EXPECT_TRUE(masks_are(_metadata, "guest_ap_config", MASKS("0800", "0c00", "0000") "\n"));
	EXPECT_EQ(0, mdev_write(UUID1, "assign_adapter", "255"));
	ASSERT_LT(0, mdev_read(UUID1, "ap_config", self->text, sizeof(self->text)));
	EXPECT_EQ(0, mdev_write(UUID1, "ap_config", "%s", self->text));
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", "04.0004 04.0005 ff.0004 ff.0005"));
	/* A program may add a second newline to text that it has read. */
	EXPECT_EQ(0, mdev_write(UUID1, "ap_config", "0,0,0\n\n"));
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", ""));
}

/* The driver treats the first NUL as the end of the text that is written to an attribute. */
TEST_F(mdev, text_ends_at_nul)
{
	static const struct {
		const char *attribute, *bytes;
		/* number of bytes to write, and the result of write() */
		ssize_t size, ret;
	} cases[] = {
		{ "ap_config", "08,08,08\0", 9, 9 },
		{ "ap_config", "08,08,08\n\0\0", 11, 11 },
		{ "ap_config", "08,08\0,08", 9, -1 },
		{ "ap_config_dry_run", "08,08,08\0", 9, 9 },
		{ "assign_adapter", "5\0", 2, 2 },
		{ "assign_domain", "5\n\0", 3, 3 },
		{ "unassign_domain", "4\0", 2, 2 },
	};
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(self->text, sizeof(self->text), MATRIX UUID1 "/%s", cases[i].attribute);
		fd = open(self->text, O_WRONLY);
		ASSERT_LE(0, fd);
		EXPECT_EQ(cases[i].ret, write(fd, cases[i].bytes, cases[i].size)) {
			TH_LOG("%s < '%s'", cases[i].attribute, cases[i].bytes);
		}
		close(fd);
	}
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", "04.0005 05.0005"));
	EXPECT_TRUE(mdev_shows(UUID1, "control_domains", "0004"));
}

/* EADDRNOTAVAIL takes precedence over EADDRINUSE. A rejected write changes nothing. */
TEST_F(mdev, ap_config_rejected)
{
	static const struct {
		const char *text;
		int ret;
	} cases[] = {
		{ ",,", -EINVAL }, { "8,8", -EINVAL }, { "8,8,", -EINVAL }, { "8,8,8,8", -EINVAL },
		{ "8,8,8 ", -EINVAL }, { "8,0X8,8", -EINVAL },
		{ MASKS("0800", "0800", "08000"), -EINVAL },
		{ MASKS("0800", "0800", "0800") "\njunk", -EINVAL },
		/* 05.0004 belongs to the other mdev, and 06.0006 belongs to the host. */
		{ "04,08,0", -EADDRINUSE }, { "06,0a,0", -EADDRNOTAVAIL },
	};
	char before[256], after[256];
	unsigned int i;

	ASSERT_EQ(0, mdev_create(UUID2));
	ASSERT_EQ(0, mdev_write(UUID2, "ap_config", "04,08,0"));
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "08,0c,08"));
	ASSERT_EQ(0, file_write(BUS "apmask", "+6"));
	ASSERT_EQ(0, file_write(BUS "aqmask", "+6"));
	ASSERT_LT(0, mdev_read(UUID1, "ap_config", before, sizeof(before)));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(cases[i].ret, mdev_write(UUID1, "ap_config", "%s", cases[i].text)) {
			TH_LOG("'%s'", cases[i].text);
		}
		ASSERT_LT(0, mdev_read(UUID1, "ap_config", after, sizeof(after)));
		EXPECT_STREQ(before, after);
	}
	EXPECT_EQ(0, file_write(BUS "apmask", "-6"));
	EXPECT_EQ(0, file_write(BUS "aqmask", "-6"));
	EXPECT_EQ(0, mdev_remove(UUID2));
}

#define MAINLINE_FEATURES	"guest_matrix hotplug ap_config"
#define FEATURES		MAINLINE_FEATURES " guest_ap_config notify queue_states last_error ap_config_dry_run owner"
#define PATCH_FEATURES		" bounded_unbind protected interruptible_remove"

/* The stock driver's features come first, and features that need kernel patches come last. */
TEST_F(mdev, features_attribute)
{
	ASSERT_LT(0, file_read(MATRIX "features", self->text, sizeof(self->text)));
	if (strcmp(self->text, FEATURES PATCH_FEATURES "\n"))
		EXPECT_STREQ(FEATURES "\n", self->text);
}

/* A kernel with all patches has all of PATCH_FEATURES. */
TEST_F(mdev, features_of_patches)
{
	ASSERT_LT(0, file_read(MATRIX "features", self->text, sizeof(self->text)));
	EXPECT_NE(NULL, strstr(self->text, PATCH_FEATURES "\n"));
}

/* Test the errno for each kind of malformed or out-of-range id. */
TEST_F(mdev, id_parsing)
{
	static const struct {
		const char *text;
		int ret;
	} cases[] = {
		{ "abc", -EINVAL }, { "5x", -EINVAL }, { " 5", -EINVAL }, { "-1", -EINVAL },
		{ "\n", -EINVAL }, { "5\n\n", -EINVAL },
		{ "99999999999999999999", -ERANGE },
		{ "256", -ENODEV }, { "0x100", -ENODEV }, { "18446744073709551615", -ENODEV },
		{ "255", 0 }, { "0x5", 0 }, { "005", 0 }, { "5\n", 0 }, { "5", 0 },
	};
	static const char *const attributes[] = {
		"assign_adapter", "assign_domain", "assign_control_domain",
		"unassign_adapter", "unassign_domain", "unassign_control_domain",
	};
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(attributes); i++) {
		for (j = 0; j < ARRAY_SIZE(cases); j++)
			EXPECT_EQ(cases[j].ret,
				  mdev_write(UUID1, attributes[i], "%s", cases[j].text)) {
				TH_LOG("%s < '%s'", attributes[i], cases[j].text);
			}
	}
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", ""));
	EXPECT_TRUE(mdev_shows(UUID1, "control_domains", ""));
}

TEST_F(mdev, redundant_assign_and_unassign)
{
	EXPECT_EQ(0, mdev_write(UUID1, "assign_adapter", "4"));
	EXPECT_EQ(0, mdev_write(UUID1, "assign_adapter", "4"));
	EXPECT_EQ(0, mdev_write(UUID1, "unassign_adapter", "9"));
	EXPECT_EQ(0, mdev_write(UUID1, "unassign_domain", "9"));
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", "04."));
}

TEST_F(mdev, matrix_formats)
{
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", ""));
	mdev_write(UUID1, "assign_domain", "6");
	mdev_write(UUID1, "assign_domain", "0xab");
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", ".0006 .00ab"));
	mdev_write(UUID1, "assign_adapter", "5");
	mdev_write(UUID1, "assign_adapter", "4");
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", "04.0006 04.00ab 05.0006 05.00ab"));
	/* Domain 00ab is not in the host's configuration. */
	EXPECT_TRUE(mdev_wait_for(UUID1, "guest_matrix", "04.0006 05.0006"));
	mdev_write(UUID1, "unassign_domain", "6");
	mdev_write(UUID1, "unassign_domain", "0xab");
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", "04. 05."));
}

TEST_F(mdev, control_domains_shared)
{
	ASSERT_EQ(0, mdev_create(UUID2));
	EXPECT_EQ(0, mdev_write(UUID1, "assign_control_domain", "5"));
	EXPECT_EQ(0, mdev_write(UUID1, "assign_control_domain", "0x42"));
	EXPECT_EQ(0, mdev_write(UUID2, "assign_control_domain", "5"));
	EXPECT_TRUE(mdev_shows(UUID1, "control_domains", "0005 0042"));
	EXPECT_EQ(0, mdev_write(UUID1, "unassign_control_domain", "5"));
	EXPECT_TRUE(mdev_shows(UUID1, "control_domains", "0042"));
	EXPECT_EQ(0, mdev_remove(UUID2));
}

/* Two mdevs cannot have the same queue, and the log names both mdevs. */
TEST_F(mdev, queue_sharing_rejected)
{
	int kmsg;

	ASSERT_EQ(0, mdev_create(UUID2));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "5"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "4"));
	ASSERT_EQ(0, mdev_write(UUID2, "assign_domain", "4"));
	kmsg = kmsg_open();
	EXPECT_EQ(-EADDRINUSE, mdev_write(UUID2, "assign_adapter", "5"));
	EXPECT_TRUE(mdev_shows(UUID2, "matrix", ".0004"));
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", "05.0004"));
	EXPECT_EQ(1, kmsg_lines(kmsg, "05.0004", self->text, sizeof(self->text)));
	EXPECT_NE(NULL, strstr(self->text, UUID1)) TH_LOG("%s", self->text);
	EXPECT_NE(NULL, strstr(self->text, UUID2)) TH_LOG("%s", self->text);
	close(kmsg);
	EXPECT_EQ(0, mdev_remove(UUID2));
}

/* The driver logs only one line for 64 conflicts, and the line names the mdev with the queues. */
TEST_F(mdev, queue_sharing_log_line)
{
	int apqi, kmsg;

	ASSERT_EQ(0, mdev_create(UUID2));
	ASSERT_EQ(0, mdev_create(UUID3));
	for (apqi = 0; apqi < 64; apqi++) {
		ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "%d", apqi));
		ASSERT_EQ(0, mdev_write(UUID2, "assign_domain", "%d", apqi));
	}
	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "5"));
	ASSERT_EQ(0, mdev_write(UUID3, "assign_adapter", "5"));
	kmsg = kmsg_open();
	EXPECT_EQ(-EADDRINUSE, mdev_write(UUID2, "assign_adapter", "5"));
	EXPECT_EQ(1, kmsg_lines(kmsg, "vfio_ap", self->text, sizeof(self->text)));
	EXPECT_NE(NULL, strstr(self->text, UUID1)) TH_LOG("%s", self->text);
	EXPECT_NE(NULL, strstr(self->text, UUID2)) TH_LOG("%s", self->text);
	EXPECT_EQ(NULL, strstr(self->text, UUID3)) TH_LOG("%s", self->text);
	close(kmsg);
	EXPECT_EQ(0, mdev_remove(UUID2));
	EXPECT_EQ(0, mdev_remove(UUID3));
}

/* An unbound queue keeps adapter 4 out of guest_matrix. */
TEST_F(mdev, blocked_queue_after_remove)
{
	ASSERT_EQ(0, queue_unbind(4, 6));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "4"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "5"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "6"));
	EXPECT_TRUE(mdev_shows(UUID1, "guest_matrix", ".0005 .0006"));
	EXPECT_TRUE(queue_status(4, 5, "assigned"));
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_adapter", "4"));
	EXPECT_TRUE(queue_status(4, 5, "unassigned"));
	ASSERT_EQ(0, mdev_remove(UUID1));
	EXPECT_EQ(0, queue_unbind(4, 5));
	EXPECT_EQ(0, queue_bind(4, 5));
	EXPECT_EQ(0, queue_bind(4, 6));
	EXPECT_TRUE(queue_status(4, 5, "unassigned"));
}

/* An adapter that was assigned twice needs only one unassignment. */
TEST_F(mdev, double_assign_single_unassign)
{
	int i;

	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "4"));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "4"));
	ASSERT_EQ(0, queue_unbind(4, 4));
	ASSERT_EQ(0, queue_bind(4, 4));
	EXPECT_TRUE(mdev_wait_for(UUID1, "guest_matrix", "04.0004"));
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_adapter", "4"));
	EXPECT_TRUE(queue_status(4, 4, "unassigned"));
	ASSERT_EQ(0, mdev_remove(UUID1));
	ASSERT_EQ(0, mdev_create(UUID1));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "4"));
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", "04."));
}

/* status can be read at any time during a bind or an unbind. */
TEST_F(mdev, status_read_during_hotplug)
{
	unsigned long *reads, before;
	pid_t reader;
	int i;

	reads = mmap(NULL, sizeof(*reads), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	ASSERT_NE(MAP_FAILED, reads);
	reader = fork();
	if (!reader) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;; __atomic_add_fetch(reads, 1, __ATOMIC_RELAXED))
			queue_status(4, 4, "");
	}
	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "4"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "4"));
	before = __atomic_load_n(reads, __ATOMIC_RELAXED);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, queue_unbind(4, 4));
		ASSERT_EQ(0, mdev_create(UUID2));
		ASSERT_EQ(0, queue_bind(4, 4));
		EXPECT_TRUE(queue_status(4, 4, "assigned"));
		ASSERT_EQ(0, mdev_remove(UUID2));
	}
	EXPECT_LT(before, __atomic_load_n(reads, __ATOMIC_RELAXED));
	kill(reader, SIGKILL);
	EXPECT_EQ(reader, waitpid(reader, NULL, 0));
}

/* A reserved queue cannot be assigned, and an assigned queue cannot be reserved. */
TEST_F(mdev, apmask_conflict)
{
	ASSERT_EQ(0, file_write(BUS "apmask", "+6"));
	ASSERT_EQ(0, file_write(BUS "aqmask", "+4"));
	EXPECT_EQ(0, mdev_write(UUID1, "assign_adapter", "6"));
	EXPECT_EQ(-EADDRNOTAVAIL, mdev_write(UUID1, "assign_domain", "4"));
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", "06."));
	EXPECT_EQ(0, mdev_write(UUID1, "unassign_adapter", "6"));

	EXPECT_EQ(0, mdev_write(UUID1, "assign_adapter", "5"));
	EXPECT_EQ(0, mdev_write(UUID1, "assign_domain", "4"));
	EXPECT_EQ(-EBUSY, file_write(BUS "apmask", "+5"));
	file_read(BUS "apmask", self->text, sizeof(self->text));
	EXPECT_EQ(0, strncmp(self->text, "0x0200000000000000", 18)) TH_LOG("%s", self->text);
	EXPECT_EQ(0, file_write(BUS "apmask", "-6"));
}

/* EADDRNOTAVAIL, for a conflict with the host, takes precedence over EADDRINUSE. */
TEST_F(mdev, host_conflict_first)
{
	ASSERT_EQ(0, file_write(BUS "apmask", "+6"));
	ASSERT_EQ(0, file_write(BUS "aqmask", "+4"));
	ASSERT_EQ(0, mdev_create(UUID2));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "5"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "4"));
	ASSERT_EQ(0, mdev_write(UUID2, "assign_adapter", "5"));
	ASSERT_EQ(0, mdev_write(UUID2, "assign_adapter", "6"));
	EXPECT_EQ(-EADDRNOTAVAIL, mdev_write(UUID2, "assign_domain", "4"));
	EXPECT_EQ(-ENODEV, mdev_write(UUID2, "assign_domain", "256"));
	ASSERT_EQ(0, mdev_write(UUID2, "unassign_adapter", "6"));
	EXPECT_EQ(-EADDRINUSE, mdev_write(UUID2, "assign_domain", "4"));
	EXPECT_TRUE(mdev_shows(UUID2, "matrix", "05."));
	EXPECT_EQ(0, mdev_remove(UUID2));
}

/*
 * The host cannot reserve an assigned queue, and the log names the queue. If the AP bus
 * supports driver_override, the host cannot reserve an unassigned queue of an assigned
 * adapter either.
 */
TEST_F(mdev, reserve_unassigned_queue)
{
	bool by_adapter = !access("/sys/devices/ap/card05/05.0004/driver_override", F_OK);
	int kmsg;

	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "5"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "4"));
	ASSERT_EQ(0, file_write(BUS "aqmask", "+6"));
	EXPECT_EQ(by_adapter ? -EBUSY : 0, file_write(BUS "apmask", "+5"));
	kmsg = kmsg_open();
	EXPECT_EQ(-EBUSY, file_write(BUS "aqmask", "+4"));
	EXPECT_EQ(1, kmsg_lines(kmsg, "Can not reserve queue 05.0004 for host driver",
				self->text, sizeof(self->text)));
	EXPECT_NE(NULL, strstr(self->text, UUID1)) TH_LOG("%s", self->text);
	close(kmsg);
	file_read(BUS "aqmask", self->text, sizeof(self->text));
	EXPECT_EQ(0, strncmp(self->text, "0x0200000000000000", 18)) TH_LOG("%s", self->text);
	EXPECT_TRUE(queue_status(5, 4, "assigned"));
}

/* The owner label is one line of up to 255 bytes. */
TEST_F(mdev, owner_label)
{
	static const char *const rejected[] = {
		"two\nlines", "tab\t", "\033[31m", "\302\23331m", "\n\n",
	};
	char longest[258] = "";
	unsigned int i;

	EXPECT_TRUE(mdev_shows(UUID1, "owner", ""));
	EXPECT_EQ(0, mdev_write(UUID1, "owner", "guest web 1\n"));
	EXPECT_EQ(12, mdev_read(UUID1, "owner", self->text, sizeof(self->text)));
	EXPECT_STREQ("guest web 1\n", self->text);
	for (i = 0; i < ARRAY_SIZE(rejected); i++)
		EXPECT_EQ(-EINVAL, mdev_write(UUID1, "owner", "%s", rejected[i])) TH_LOG("%u", i);
	memset(longest, 'o', 256);
	EXPECT_EQ(-EINVAL, file_write(MATRIX UUID1 "/owner", longest));
	EXPECT_TRUE(mdev_shows(UUID1, "owner", "guest web 1"));
	longest[255] = '\n';
	EXPECT_EQ(0, file_write(MATRIX UUID1 "/owner", longest));
	longest[255] = 0;
	EXPECT_TRUE(mdev_shows(UUID1, "owner", longest));
	EXPECT_EQ(0, mdev_write(UUID1, "owner", "J\303\274rgen"));
	EXPECT_TRUE(mdev_shows(UUID1, "owner", "J\303\274rgen"));
	EXPECT_EQ(0, mdev_write(UUID1, "owner", "\n"));
	EXPECT_TRUE(mdev_shows(UUID1, "owner", ""));
}

/* The log shows a queue's owner label if another mdev or the host wants the queue. */
TEST_F(mdev, owner_in_conflicts)
{
	int kmsg;

	ASSERT_EQ(0, mdev_create(UUID2));
	ASSERT_EQ(0, mdev_write(UUID1, "owner", "guest web 1"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "5"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "4"));
	ASSERT_EQ(0, mdev_write(UUID2, "assign_domain", "4"));
	kmsg = kmsg_open();
	EXPECT_EQ(-EADDRINUSE, mdev_write(UUID2, "assign_adapter", "5"));
	EXPECT_EQ(1, kmsg_lines(kmsg, "already assigned to " UUID1 ", owner: guest web 1",
				self->text, sizeof(self->text)));
	/* Newer kernels reject the first write, older ones the second. */
	EXPECT_EQ(-EBUSY, file_write(BUS "aqmask", "+4") ?: file_write(BUS "apmask", "+5"));
	EXPECT_EQ(1, kmsg_lines(kmsg, "in use by mdev, owner: guest web 1", self->text,
				sizeof(self->text)));
	close(kmsg);
	EXPECT_EQ(0, mdev_remove(UUID2));
}

/* Removing a protected mdev fails at once, and the log shows the mdev's owner label. */
TEST_F(mdev, protected_removal)
{
	int kmsg;

	EXPECT_TRUE(mdev_shows(UUID1, "protected", "0"));
	EXPECT_EQ(-EINVAL, mdev_write(UUID1, "protected", "perhaps"));
	ASSERT_EQ(0, mdev_write(UUID1, "owner", "guest web 1"));
	ASSERT_EQ(0, mdev_write(UUID1, "protected", "1"));
	EXPECT_TRUE(mdev_shows(UUID1, "protected", "1"));
	kmsg = kmsg_open();
	EXPECT_EQ(-EBUSY, mdev_remove(UUID1));
	EXPECT_EQ(1, kmsg_lines(kmsg, "refused: protected, owner: guest web 1", self->text,
				sizeof(self->text)));
	EXPECT_NE(NULL, strstr(self->text, UUID1)) TH_LOG("%s", self->text);
	EXPECT_NE(NULL, strstr(self->text, "Removal by sysfs_test (")) TH_LOG("%s", self->text);
	close(kmsg);
	EXPECT_TRUE(mdev_shows(UUID1, "protected", "1"));
	ASSERT_EQ(0, mdev_write(UUID1, "protected", "0"));
	EXPECT_EQ(0, mdev_remove(UUID1));
}

TEST_F(mdev, matrix_and_guest_matrix)
{
	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "4"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "0x20"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "5"));
	EXPECT_EQ(16, mdev_read(UUID1, "matrix", self->text, sizeof(self->text)));
	EXPECT_STREQ("04.0005\n20.0005\n", self->text);
	EXPECT_EQ(8, mdev_read(UUID1, "guest_matrix", self->text, sizeof(self->text)));
	EXPECT_STREQ("04.0005\n", self->text);
}

/* Store a mask of the first @nr ids as text for ap_config. The leftmost bit stands for id 0. */
static void first_ids(char mask[65], int nr)
{
	memset(mask, 'f', nr / 4);
	mask[nr / 4] = "08ce"[nr % 4];
	mask[nr % 4 ? nr / 4 + 1 : nr / 4] = 0;
}

static int first_queues(char *list, int adapters, int domains)
{
	int apid, apqi, len = 0;

	for (apid = 0; apid < adapters; apid++) {
		for (apqi = 0; apqi < domains; apqi++)
			len += sprintf(list + len, "%02x.%04x\n", apid, apqi);
	}
	return len;
}

/*
 * Each of the following functions reads the file as some programs do, and returns the
 * number of bytes read or a negative errno.
 */
static int read_with(int fd, char *buf, int size, int piece)
{
	int len = 0, got;

	do {
		got = read(fd, buf + len, size - len < piece ? size - len : piece);
		len += got;
	} while (got > 0);
	return got < 0 ? -errno : len;
}

static int read_in_pieces(int fd, char *buf, int size)
{
	return read_with(fd, buf, size, 997);
}

/* Read one byte at a time, as "while read line" does in dash and busybox. */
static int read_bytes(int fd, char *buf, int size)
{
	return read_with(fd, buf, size, 1);
}

static int read_lines(int fd, char *buf, int size)
{
	FILE *file = fdopen(dup(fd), "r");
	int len = 0;

	if (!file)
		return -errno;
	while (fgets(buf + len, size - len, file))
		len += strlen(buf + len);
	fclose(file);
	return len;
}

/* Unlike a normal sysfs attribute, a list may be longer than a page. */
TEST_F(mdev, list_of_any_length)
{
	static const struct {
		int adapters, domains;
	} sizes[] = { { 7, 73 }, { 4, 128 }, { 27, 19 }, { 16, 85 }, { 256, 256 } };
	int (*const readers[])(int fd, char *buf, int size) = {
		read_lines, read_in_pieces, read_bytes,
	};
	static char list[1 << 20], shown[1 << 20];
	unsigned int i, reader;
	struct stat status;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		char adapters[65], domains[65];
		int fd, length;

		length = first_queues(list, sizes[i].adapters, sizes[i].domains);
		first_ids(adapters, sizes[i].adapters);
		first_ids(domains, sizes[i].domains);
		ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "%s,%s,0", adapters, domains));
		for (reader = 0; reader < ARRAY_SIZE(readers); reader++) {
			/*
			 * Do not read long lists in small pieces, because that would take
			 * too long.
			 */
			if ((readers[reader] == read_bytes && length > 4096) ||
			    (readers[reader] == read_in_pieces && length > 16384))
				continue;
			fd = open(MATRIX UUID1 "/matrix", O_RDONLY | O_CLOEXEC);
			ASSERT_LE(0, fd);
			memset(shown, 0, sizeof(shown));
			EXPECT_EQ(length, readers[reader](fd, shown, sizeof(shown)))
				TH_LOG("%d bytes, reader %u", length, reader);
			EXPECT_STREQ(list, shown);
			close(fd);
		}
		/* One read() returns the whole list if the list fits into a page. */
		fd = open(MATRIX UUID1 "/matrix", O_RDONLY | O_CLOEXEC);
		ASSERT_LE(0, fd);
		EXPECT_EQ(length < 4096 ? length : 4096, read(fd, shown, sizeof(shown)));
		/* tail and wc would rely on a size other than 0. */
		EXPECT_EQ(0, fstat(fd, &status));
		EXPECT_EQ(0, status.st_size);
		close(fd);
	}
}

/* To find where a partial read starts, the driver counts the pending queues before the offset. */
TEST_F(mdev, reset_pending_partial_reads)
{
	static const char list[] = "04.0004\n04.0005\n05.0005\n";
	static const struct {
		int apid, apqi;
	} held[] = { { 4, 4 }, { 4, 5 }, { 5, 5 } };
	const int length = sizeof(list) - 1;
	int fd, offset, count;
	unsigned int i;

	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0c,0c,0"));
	for (i = 0; i < ARRAY_SIZE(held); i++) {
		ASSERT_EQ(0, queue_unbind(held[i].apid, held[i].apqi));
		ASSERT_EQ(0, hwsim("reset_time", "%02x.%04x hold", held[i].apid, held[i].apqi));
		ASSERT_EQ(0, queue_bind(held[i].apid, held[i].apqi));
	}
	EXPECT_TRUE(mdev_wait_for(UUID1, "reset_pending", "04.0004 04.0005 05.0005"));
	fd = open(MATRIX UUID1 "/reset_pending", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	for (offset = 0; offset <= length; offset++) {
		for (count = 1; count <= length - offset + 1; count++) {
			int expected = count < length - offset ? count : length - offset;

			ASSERT_EQ(expected, pread(fd, self->text, count, offset));
			ASSERT_EQ(0, memcmp(list + offset, self->text, expected))
				TH_LOG("%d bytes at %d", count, offset);
		}
	}
	close(fd);
	for (i = 0; i < ARRAY_SIZE(held); i++)
		ASSERT_EQ(0, hwsim("reset_time", "%02x.%04x release", held[i].apid, held[i].apqi));
	EXPECT_TRUE(mdev_wait_for(UUID1, "reset_pending", ""));
}

/* guest_matrix follows the host's configuration even if the mdev has no guest. */
TEST_F(mdev, adapter_added_without_guest)
{
	ASSERT_EQ(0, mdev_write(UUID1, "assign_adapter", "0x20"));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "4"));
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", "20.0004"));
	EXPECT_TRUE(mdev_shows(UUID1, "guest_matrix", ".0004"));
	ASSERT_EQ(0, hwsim("adapter_add", "20"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_TRUE(mdev_wait_for(UUID1, "guest_matrix", "20.0004"));
	/* A configuration change without a guest does not crash the kernel. */
	ASSERT_EQ(0, hwsim("adapter_del", "20"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_TRUE(mdev_wait_for(UUID1, "guest_matrix", ".0004"));
}

TEST_F(mdev, status_without_guest)
{
	EXPECT_TRUE(queue_status(4, 4, "unassigned"));
	mdev_write(UUID1, "assign_adapter", "4");
	EXPECT_TRUE(queue_status(4, 4, "unassigned"));
	mdev_write(UUID1, "assign_domain", "4");
	EXPECT_TRUE(queue_status(4, 4, "assigned"));
	EXPECT_TRUE(queue_status(4, 5, "unassigned"));
}
