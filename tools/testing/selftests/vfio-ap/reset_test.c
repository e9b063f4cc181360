// SPDX-License-Identifier: GPL-2.0
/*
 * A reset that does not end delays nobody but who waits for it: behaviour rows
 * C-10, C-14, E.14, E.15. The simulator holds the reset until all others have
 * finished, so it is order that is tested, never time.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "lib/guest_fixture.h"

static bool reset_is_held(void *data)
{
	(void)data;
	return hwsim_state(4, 4, "held") == 1;
}

TEST_F(guest, unplug_waits_for_the_reset_and_for_nothing_else)
{
	struct writer writer;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	writer_start(&writer, UUID1, "unassign_adapter", "4");
	ASSERT_EQ(0, until(reset_is_held, NULL));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	EXPECT_EQ(0, until(task_sleeps, &writer.pid));
	EXPECT_TRUE(writer_waits(&writer));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_EQ(0, hwsim_state(4, 4, "dirty"));
}

/* C-10, C-14, E.14 */
TEST_F(guest, held_reset_stops_nobody_else)
{
	struct writer writer;
	struct vm other = {};
	struct vfio vfio;

	ASSERT_EQ(0, mdev_create(UUID2));
	ASSERT_EQ(0, mdev_create(UUID3));
	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID2, 5, 5);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	writer_start(&writer, UUID1, "unassign_adapter", "4");
	ASSERT_EQ(0, until(reset_is_held, NULL));

	/* All of this finishes while that waits. */
	EXPECT_TRUE(queue_status(4, 4, "unassigned"));
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", ".0004"));
	EXPECT_TRUE(mdev_shows(UUID2, "matrix", "05.0005"));
	EXPECT_EQ(0, mdev_write(UUID3, "assign_adapter", "6"));
	EXPECT_EQ(0, mdev_write(UUID3, "assign_domain", "6"));
	EXPECT_EQ(0, mdev_write(UUID3, "unassign_domain", "6"));
	EXPECT_EQ(0, file_write(BUS "apmask", "+100"));
	EXPECT_EQ(0, file_write(BUS "apmask", "-100"));
	EXPECT_EQ(0, hwsim("adapter_add", "9"));
	EXPECT_EQ(0, bus_scan());
	ASSERT_EQ(0, vm_create(&other));
	ASSERT_EQ(0, vfio_open(&vfio, &other, UUID2));
	ASSERT_EQ(0, vm_start(&other));
	EXPECT_TRUE(vm_comes_to_see(&other, "05.0005"));
	EXPECT_EQ(0, vm_aqic(&other, 5, 5, true, 1, AGENT_NIB));
	EXPECT_EQ(0, vm_aqic(&other, 5, 5, false, 1, 0));
	/* The same guest, too: another queue, and its own unplug. */
	EXPECT_EQ(0, mdev_write(UUID1, "assign_adapter", "6"));
	EXPECT_TRUE(vm_comes_to_see(&self->vm, "06.0004"));
	/* The writer itself waits 10 s at most; the reset is what all this is about. */
	EXPECT_EQ(1, hwsim_state(4, 4, "held"));

	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
	EXPECT_EQ(0, writer_end(&writer));
	vfio_close(&vfio);
	vm_destroy(&other);
	EXPECT_EQ(0, mdev_remove(UUID2));
	EXPECT_EQ(0, mdev_remove(UUID3));
}

TEST_F(guest, waiting_writer_can_be_killed)
{
	struct writer writer;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 hold"));
	writer_start(&writer, UUID1, "unassign_adapter", "4");
	ASSERT_EQ(0, until(reset_is_held, NULL));
	kill(writer.pid, SIGKILL);
	EXPECT_EQ(-SIGKILL, writer_end(&writer));
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", ".0004"));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	ASSERT_EQ(0, hwsim("reset_time", "04.0004 release"));
}

/* A pending queue holds back what is added and takes nothing. */
TEST_F(guest, pending_queue_is_plugged_when_its_reset_has_completed)
{
	struct writer writer;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("reset_time", "05.0004 hold"));
	ASSERT_EQ(0, queue_unbind(5, 4));
	ASSERT_EQ(0, queue_bind(5, 4));
	EXPECT_EQ(1, hwsim_state(5, 4, "held"));
	writer_start(&writer, UUID1, "assign_adapter", "5");
	EXPECT_EQ(0, until(task_sleeps, &writer.pid));
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004"));
	EXPECT_TRUE(writer_waits(&writer));
	ASSERT_EQ(0, hwsim("reset_time", "05.0004 release"));
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_TRUE(vm_comes_to_see(&self->vm, "04.0004 05.0004"));
}

static bool reset_pending_shows(void *data)
{
	return mdev_shows(UUID1, "reset_pending", data);
}

/* E.15: no unknown code makes a queue clean, and the driver tries on. */
TEST_F(guest, queue_with_an_unknown_code_comes_back_when_it_is_reset)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
	ASSERT_EQ(0, queue_unbind(4, 4));
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 44 forever"));
	ASSERT_EQ(0, queue_bind(4, 4));
	EXPECT_EQ(0, until(reset_pending_shows, "04.0004"));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	ASSERT_EQ(0, hwsim("respond", "04.0004 zapq 44 0"));
	EXPECT_TRUE(vm_comes_to_see(&self->vm, "04.0004"));
	EXPECT_EQ(0, until(reset_pending_shows, ""));
}

#include "lib/main.h"
