// SPDX-License-Identifier: GPL-2.0
/*
 * Give queues to vfio_ap with driver_override, and take them back. When a test starts, the
 * masks reserve all queues for the host, and the queues are bound to zcrypt.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/guest_fixture.h"
#include "lib/hwsim.h"

FIXTURE(override) {
	char text[8192];
};

FIXTURE_SETUP(override)
{
	machine_reset();
	if (!override_exists())
		SKIP(return, NO_OVERRIDE);
	ASSERT_EQ(0, host_take_all());
}

FIXTURE_TEARDOWN(override)
{
	EXPECT_EQ(0, hwsim_violations(self->text, sizeof(self->text))) TH_LOG("%s", self->text);
	masks_clear();
}

/* An override does not suffice to assign a queue: the queue must also be bound to vfio_ap. */
TEST_F(override, assignable_queues)
{
	ASSERT_EQ(0, mdev_create(UUID1));
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "5"));
	EXPECT_EQ(-EADDRNOTAVAIL, mdev_write(UUID1, "assign_adapter", "5"));
	ASSERT_EQ(0, override_set(5, 5, "vfio_ap"));
	EXPECT_EQ(-EADDRNOTAVAIL, mdev_write(UUID1, "assign_adapter", "5"));
	ASSERT_EQ(0, host_unbind(5, 5));
	EXPECT_EQ(-EADDRNOTAVAIL, mdev_write(UUID1, "assign_adapter", "5"));
	ASSERT_EQ(0, queue_bind(5, 5));
	EXPECT_EQ(0, mdev_write(UUID1, "ap_config_dry_run", "04,04,0"));
	EXPECT_EQ(0, mdev_write(UUID1, "assign_adapter", "5"));
	EXPECT_TRUE(mdev_wait_for(UUID1, "guest_matrix", "05.0005"));
	/* Queue 05.0004 still belongs to the host. */
	EXPECT_EQ(-EADDRNOTAVAIL, mdev_write(UUID1, "assign_domain", "4"));
	EXPECT_LT(0, mdev_read(UUID1, "last_error", self->text, sizeof(self->text)));
	EXPECT_NE(NULL, strstr(self->text, "apqn=05.0004 owner=host")) TH_LOG("%s", self->text);
}

TEST_F(override, masks_and_override_exclude_each_other)
{
	ASSERT_EQ(0, override_set(5, 5, "vfio_ap"));
	EXPECT_EQ(-EINVAL, file_write(BUS "apmask", "-5"));
	EXPECT_EQ(-EINVAL, file_write(BUS "aqmask", "-5"));
	EXPECT_EQ(0, override_set(5, 5, "\n"));
	EXPECT_EQ(0, file_write(BUS "apmask", "-5"));
	EXPECT_EQ(-EINVAL, override_set(5, 5, "vfio_ap"));
}

/* A queue's override ends when the queue is removed, so the masks can be changed again. */
TEST_F(override, removed_queue_not_counted)
{
	ASSERT_EQ(0, override_set(5, 5, "vfio_ap"));
	ASSERT_EQ(0, override_set(6, 6, "vfio_ap"));
	ASSERT_EQ(0, hwsim("adapter_del", "5"));
	ASSERT_EQ(0, hwsim("domain_del", "6"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_EQ(0, file_write(BUS "apmask", "0x0"));
}

/*
 * A guest keeps a queue whose override is cleared, and can get other queues. After the queue
 * has been unassigned, it cannot be assigned again.
 */
TEST_F(override, cleared_while_assigned)
{
	struct other other;

	ASSERT_EQ(0, override_give(5, 5));
	ASSERT_EQ(0, override_give(6, 5));
	other_start(_metadata, &other, 5, 5);
	ASSERT_TRUE(vm_wait_queues(&other.vm, "05.0005"));
	ASSERT_EQ(0, override_set(5, 5, "\n"));
	EXPECT_TRUE(queue_status(5, 5, "in use"));
	EXPECT_EQ(0, mdev_write(UUID2, "assign_adapter", "6"));
	EXPECT_TRUE(vm_wait_queues(&other.vm, "05.0005 06.0005"));
	EXPECT_EQ(0, mdev_write(UUID2, "unassign_adapter", "5"));
	EXPECT_TRUE(vm_sees(&other.vm, "06.0005"));
	EXPECT_EQ(-EADDRNOTAVAIL, mdev_write(UUID2, "assign_adapter", "5"));
	other_end(_metadata, &other);
}

/* The queue moves from the guest to the host and back, and remains assigned throughout. */
TEST_F(override, assigned_queue_to_host_and_back)
{
	static const char *const overrides[] = { "\n", "cex4queue" };
	struct other other;
	unsigned int i;

	ASSERT_EQ(0, override_give(5, 5));
	other_start(_metadata, &other, 5, 5);
	ASSERT_TRUE(vm_wait_queues(&other.vm, "05.0005"));
	for (i = 0; i < ARRAY_SIZE(overrides); i++) {
		ASSERT_EQ(0, override_set(5, 5, overrides[i]));
		EXPECT_TRUE(vm_sees(&other.vm, "05.0005"));
		ASSERT_EQ(0, queue_unbind(5, 5));
		EXPECT_TRUE(vm_sees(&other.vm, ""));
		EXPECT_EQ(0, host_bind(5, 5));
		EXPECT_TRUE(hwsim_wait_state(5, 5, "irq", 1));
		EXPECT_TRUE(mdev_shows(UUID2, "matrix", "05.0005"));
		ASSERT_EQ(0, override_give(5, 5));
		EXPECT_TRUE(vm_wait_queues(&other.vm, "05.0005"));
	}
	other_end(_metadata, &other);
}

/* After the override has been cleared, the next change to the masks gives the queue to the host. */
TEST_F(override, cleared_before_mask_change)
{
	struct other other;

	ASSERT_EQ(0, override_give(5, 5));
	other_start(_metadata, &other, 5, 5);
	ASSERT_TRUE(vm_wait_queues(&other.vm, "05.0005"));
	ASSERT_EQ(0, override_set(5, 5, "\n"));
	EXPECT_EQ(0, file_write(BUS "apmask", "-200"));
	EXPECT_TRUE(vm_sees(&other.vm, ""));
	EXPECT_TRUE(hwsim_wait_driver(5, 5, "cex4queue"));
	other_end(_metadata, &other);
}

/* Unbind 05.0005 while the guest's VMM holds kvm->lock, so that the queue stays in the guest. */
static void queue_unbind_held(struct __test_metadata *_metadata, struct other *owner,
			      struct hold *hold)
{
	ASSERT_EQ(0, override_give(5, 5));
	ASSERT_EQ(0, other_create_bare(owner));
	ASSERT_TRUE(queue_wait_status(5, 5, "in use"));
	ASSERT_EQ(0, hold_kvm_lock(hold, &owner->vm));
	ASSERT_EQ(0, override_set(5, 5, "\n"));
	ASSERT_EQ(0, queue_unbind(5, 5));
}

/*
 * Let the guest lose the queue. The next scan then binds the queue to zcrypt, and the AP bus
 * resets the queue and enables its interrupt. Without this reset, the simulator reports a
 * violation.
 */
static void host_gets_queue(struct __test_metadata *_metadata, struct hold *hold)
{
	EXPECT_TRUE(hwsim_wait_driver(5, 5, "-"));
	EXPECT_EQ(0, hold_release(hold));
	EXPECT_TRUE(mdev_wait_for(UUID2, "guest_matrix", ".0005"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_TRUE(hwsim_wait_driver(5, 5, "cex4queue"));
	EXPECT_TRUE(hwsim_wait_state(5, 5, "irq", 1));
}

/* The host and the guest must not use a queue at the same time. */
TEST_F(override, bind_while_guest_has_queue)
{
	struct other owner = {};
	struct hold hold;

	queue_unbind_held(_metadata, &owner, &hold);
	EXPECT_EQ(-EAGAIN, host_bind(5, 5));
	ASSERT_EQ(0, bus_scan());
	host_gets_queue(_metadata, &hold);
	other_end(_metadata, &owner);
}

/* The AP bus forgets the override of a queue that leaves the host and returns. */
TEST_F(override, return_while_guest_has_queue)
{
	struct other owner = {};
	struct hold hold;

	ASSERT_EQ(0, override_give(5, 5));
	ASSERT_EQ(0, other_create_bare(&owner));
	ASSERT_TRUE(queue_wait_status(5, 5, "in use"));
	ASSERT_EQ(0, hold_kvm_lock(&hold, &owner.vm));
	ASSERT_EQ(0, hwsim("adapter_del", "5"));
	ASSERT_EQ(0, bus_scan());
	ASSERT_EQ(0, hwsim("adapter_add", "5"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_TRUE(hwsim_wait_driver(5, 4, "cex4queue"));
	host_gets_queue(_metadata, &hold);
	other_end(_metadata, &owner);
}

/*
 * The AP bus initializes a new queue even if it binds no driver to the queue. Remove only
 * the domain, because the adapter must stay bound to zcrypt.
 */
TEST_F(override, return_without_host_driver)
{
	struct other owner = {};
	struct hold hold;

	ASSERT_EQ(0, override_give(5, 5));
	ASSERT_EQ(0, other_create_bare(&owner));
	ASSERT_TRUE(queue_wait_status(5, 5, "in use"));
	ASSERT_EQ(0, hold_kvm_lock(&hold, &owner.vm));
	ASSERT_EQ(0, hwsim("domain_del", "5"));
	ASSERT_EQ(0, bus_scan());
	ASSERT_EQ(0, hwsim("domain_add", "5"));
	ASSERT_EQ(0, file_write("/sys/bus/ap/drivers_autoprobe", "0"));
	EXPECT_EQ(0, bus_scan());
	ASSERT_EQ(0, file_write("/sys/bus/ap/drivers_autoprobe", "1"));
	host_gets_queue(_metadata, &hold);
	other_end(_metadata, &owner);
}

static bool bind_waits_or_has_ended(void *data)
{
	struct writer *bind = data;

	return !writer_waits(bind) || task_waits_in(bind->pid, "vfio_ap_host_in_guest");
}

/*
 * A commit first records that the guest loses the queue, and then writes the APCB. A bind
 * between these steps waits until the APCB has been written, and then succeeds.
 */
TEST_F(override, bind_during_commit)
{
	struct other owner = {};
	struct writer bind;
	struct hold hold;

	queue_unbind_held(_metadata, &owner, &hold);
	ASSERT_EQ(0, hwsim("hold", "kvm_arch_crypto_set_masks"));
	EXPECT_EQ(0, hold_release(&hold));
	EXPECT_TRUE(hwsim_wait_held("kvm_arch_crypto_set_masks", 1));
	bind.pid = fork();
	if (!bind.pid)
		_exit(-host_bind(5, 5));
	EXPECT_EQ(0, until(bind_waits_or_has_ended, &bind));
	EXPECT_TRUE(writer_waits(&bind));
	ASSERT_EQ(0, hwsim("release", "kvm_arch_crypto_set_masks"));
	EXPECT_EQ(0, writer_end(&bind));
	EXPECT_TRUE(hwsim_wait_driver(5, 5, "cex4queue"));
	EXPECT_TRUE(hwsim_wait_state(5, 5, "irq", 1));
	other_end(_metadata, &owner);
}

#include "lib/main.h"
