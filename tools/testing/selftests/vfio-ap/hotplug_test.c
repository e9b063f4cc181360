// SPDX-License-Identifier: GPL-2.0
/*
 * Plug and unplug queues, and check what the running guest sees with QCI and TAPQ. Each
 * test starts with these queues, all bound to vfio_ap:
 *
 *             domain 4   5   6
 *   adapter 4        .   .   .
 *           5        .   .   .
 *           6        .   .   .
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "lib/guest_fixture.h"

/* A guest without queues starts and ends, and leaves nothing behind. */
TEST_F(guest, empty_guest_start_and_end)
{
	EXPECT_TRUE(vm_sees(&self->vm, ""));
}

TEST_F(guest, hotplug_and_unplug)
{
	assign(_metadata, UUID1, 4, 4);
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_TRUE(queue_status(4, 4, "in use"));
	assign(_metadata, UUID1, 5, 6);
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0006 05.0004 05.0006"));
	EXPECT_TRUE(mdev_shows(UUID1, "guest_matrix", "04.0004 04.0006 05.0004 05.0006"));
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_adapter", "4"));
	/* The write has returned, so the guest must see the change at once. */
	EXPECT_TRUE(vm_sees(&self->vm, "05.0004 05.0006"));
	EXPECT_TRUE(queue_status(4, 4, "unassigned"));
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_domain", "6"));
	EXPECT_TRUE(vm_sees(&self->vm, "05.0004"));
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_domain", "4"));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
}

/* When a write that unplugs queues returns, each of them has been reset exactly once. */
TEST_F(guest, single_reset_per_unplug)
{
	long before, before_05;

	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, -1, 5);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005"));
	before = hwsim_state(4, 4, "zapq");
	before_05 = hwsim_state(4, 5, "zapq");
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_adapter", "4"));
	EXPECT_EQ(before + 1, hwsim_state(4, 4, "zapq"));
	EXPECT_EQ(before_05 + 1, hwsim_state(4, 5, "zapq"));
	EXPECT_EQ(0, hwsim_state(4, 4, "dirty"));
	EXPECT_EQ(0, hwsim_state(4, 5, "dirty"));
	EXPECT_EQ(0, hwsim_state(4, 5, "resetting"));
}

static bool queue_is_clean(void *data)
{
	(void)data;
	return !hwsim_state(6, 4, "dirty") && !hwsim_state(6, 4, "resetting");
}

/* A guest does not get an adapter if any of the adapter's assigned queues is unbound. */
TEST_F(guest, adapter_with_unbound_queue)
{
	long resets, updates;

	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, 6, 5);
	assign(_metadata, UUID1, -1, 6);
	ASSERT_TRUE(vm_wait_queues(&self->vm,
				   "04.0004 04.0005 04.0006 06.0004 06.0005 06.0006"));
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_domain", "4"));
	resets = hwsim_state(6, 4, "zapq");
	ASSERT_EQ(0, queue_unbind(6, 5));
	EXPECT_TRUE(vm_sees(&self->vm, "04.0005 04.0006"));
	/* The driver recomputes the guest's whole matrix, not only the added queues. */
	ASSERT_EQ(0, mdev_write(UUID1, "assign_domain", "4"));
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004 04.0005 04.0006"));
	EXPECT_TRUE(queue_status(6, 4, "assigned"));
	EXPECT_TRUE(queue_status(6, 6, "assigned"));
	EXPECT_TRUE(queue_status(4, 6, "in use"));
	EXPECT_EQ(resets, hwsim_state(6, 4, "zapq"));

	updates = hwsim_guest_updates(getpid());
	ASSERT_EQ(0, queue_bind(6, 5));
	EXPECT_TRUE(vm_wait_queues(&self->vm,
				   "04.0004 04.0005 04.0006 06.0004 06.0005 06.0006"));
	EXPECT_EQ(updates + 1, hwsim_guest_updates(getpid()));
}

/* If one queue is unbound, the driver unplugs and resets all of its adapter's queues. */
TEST_F(guest, adapter_reset_at_unbind)
{
	long resets[2];

	assign(_metadata, UUID1, 6, 5);
	assign(_metadata, UUID1, -1, 6);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "06.0005 06.0006"));
	resets[0] = hwsim_state(6, 5, "zapq");
	resets[1] = hwsim_state(6, 6, "zapq");
	ASSERT_EQ(0, queue_unbind(6, 5));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	/* The AP bus resets the unbound queue once more after the unbind. */
	EXPECT_EQ(resets[0] + 2, hwsim_state(6, 5, "zapq"));
	EXPECT_EQ(resets[1] + 1, hwsim_state(6, 6, "zapq"));
	ASSERT_EQ(0, queue_bind(6, 5));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "06.0005 06.0006"));
}

/* If the guest loses an adapter because a domain is assigned, the adapter's queues are reset. */
TEST_F(guest, filtered_adapter_reset)
{
	long resets;

	ASSERT_EQ(0, queue_unbind(6, 6));
	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, 6, -1);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 06.0004"));
	resets = hwsim_state(6, 4, "zapq");
	assign(_metadata, UUID1, -1, 6);
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0006"));
	EXPECT_TRUE(queue_status(6, 4, "assigned"));
	EXPECT_EQ(0, until(queue_is_clean, NULL));
	EXPECT_EQ(resets + 1, hwsim_state(6, 4, "zapq"));
}

/* Opening the device sets the guest's control domains, and closing the device clears them. */
TEST_F(guest, control_domains_open_close)
{
	vfio_close(&self->vfio);
	ASSERT_EQ(0, mdev_write(UUID1, "assign_control_domain", "6"));
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	EXPECT_TRUE(guests_wait_for_masks("adm=0x0200"));
	vfio_close(&self->vfio);
	EXPECT_TRUE(guests_wait_for_masks("adm=0x0000"));
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
}

/* A single update of the APCB plugs all queues of a new adapter. */
TEST_F(guest, adapter_added_single_update)
{
	long updates;

	assign(_metadata, UUID1, 7, 4);
	assign(_metadata, UUID1, -1, 5);
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", "07.0004 07.0005"));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	updates = hwsim_guest_updates(getpid());
	ASSERT_EQ(0, hwsim("adapter_add", "7"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_TRUE(vm_wait_queues(&self->vm, "07.0004 07.0005"));
	EXPECT_EQ(updates + 1, hwsim_guest_updates(getpid()));
}

/*
 * The driver must not unplug queues while the AP bus is still discovering the queues of a
 * new domain.
 */
TEST_F(guest, domain_added_no_disruption)
{
	long updates, resets;
	int apid;

	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, -1, 7);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	/* The bus scans these four adapters before it finds queue 04.0007. */
	for (apid = 0; apid < 4; apid++)
		ASSERT_EQ(0, hwsim("adapter_add", "%d", apid));
	updates = hwsim_guest_updates(getpid());
	resets = hwsim_state(4, 4, "zapq");
	ASSERT_EQ(0, hwsim("domain_add", "7"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0007"));
	EXPECT_EQ(resets, hwsim_state(4, 4, "zapq"));
	EXPECT_EQ(updates + 1, hwsim_guest_updates(getpid()));
}

/* When the host loses a guest's only adapter and only domain, the guest loses them as well. */
TEST_F(guest, last_adapter_and_domain_removed)
{
	char nothing[256];

	assign(_metadata, UUID1, 5, 6);
	ASSERT_EQ(0, mdev_write(UUID1, "assign_control_domain", "5"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "05.0006"));
	ASSERT_EQ(0, hwsim("adapter_del", "5"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_TRUE(vm_wait_queues(&self->vm, ""));
	EXPECT_TRUE(mdev_wait_for(UUID1, "guest_matrix", ".0006"));
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", "05.0006"));
	ASSERT_EQ(0, hwsim("domain_del", "6"));
	ASSERT_EQ(0, hwsim("control_del", "5"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_TRUE(mdev_wait_for(UUID1, "guest_matrix", ""));
	snprintf(nothing, sizeof(nothing), "apm=0x%064x aqm=0x%064x adm=0x%064x", 0, 0, 0);
	EXPECT_TRUE(guests_wait_for_masks(nothing));
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", "05.0006"));
}

/* If the host loses an adapter of one guest, the other guest is not affected. */
TEST_F(guest, other_guest_unaffected)
{
	struct other other;
	long resets;

	assign(_metadata, UUID1, 4, 4);
	other_start(_metadata, &other, 5, 5);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_TRUE(vm_wait_queues(&other.vm, "05.0005"));
	resets = hwsim_state(5, 5, "zapq");
	ASSERT_EQ(0, hwsim("adapter_del", "4"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_TRUE(vm_wait_queues(&self->vm, ""));
	EXPECT_TRUE(vm_sees(&other.vm, "05.0005"));
	EXPECT_TRUE(queue_status(5, 5, "in use"));
	EXPECT_EQ(resets, hwsim_state(5, 5, "zapq"));
	other_end(_metadata, &other);
}

/*
 * A write to ap_config plugs and unplugs queues in a single update, and the driver resets
 * only the unplugged queues.
 */
TEST_F(guest, ap_config_single_update)
{
	long updates;

	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0c,08,08"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 05.0004"));
	hwsim("reset", "1");
	updates = hwsim_guest_updates(getpid());
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "06,0c,04"));
	EXPECT_EQ(1, hwsim_guest_updates(getpid()) - updates);
	EXPECT_TRUE(vm_sees(&self->vm, "05.0004 05.0005 06.0004 06.0005"));
	EXPECT_EQ(1, hwsim_state(4, 4, "zapq"));
	EXPECT_EQ(0, hwsim_state(4, 4, "dirty"));
	EXPECT_EQ(0, hwsim_state(5, 4, "zapq"));
	EXPECT_TRUE(queue_status(4, 4, "unassigned"));
	EXPECT_TRUE(queue_status(6, 5, "in use"));
	/* A second write of the same masks changes nothing. */
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "06,0c,04"));
	EXPECT_EQ(1, hwsim_guest_updates(getpid()) - updates);
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "0,0,0"));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	EXPECT_EQ(0, hwsim_state(6, 5, "dirty"));
}

static bool reader_stops;

/* Read the mdev's configuration in a loop, and count results other than the two valid ones. */
static void *reader_run(void *unused)
{
	static const char *const attributes[] = { "ap_config", "guest_ap_config" };
	static const char *const begins[] = { "0x0800", "0x0400" };
	unsigned long mixed = 0, n;
	char text[256];

	(void)unused;
	for (n = 0; !__atomic_load_n(&reader_stops, __ATOMIC_RELAXED); n++) {
		if (mdev_read(UUID1, attributes[n % 2], text, sizeof(text)) != 201) {
			mixed++;
			continue;
		}
		/* The text must consist of three equal masks. */
		if ((memcmp(text, begins[0], 6) && memcmp(text, begins[1], 6)) ||
		    memcmp(text, text + 67, 66) || memcmp(text, text + 134, 66))
			mixed++;
	}
	return (void *)(n < 10 ? 1000000 : mixed);
}

/* A read never shows a mix of two configurations. */
TEST_F(guest, ap_config_atomic_read)
{
	pthread_t reader;
	void *mixed;
	int i;

	ASSERT_EQ(0, mdev_create(UUID2));
	ASSERT_EQ(0, mdev_write(UUID2, "ap_config", "02,02,0"));
	ASSERT_EQ(0, mdev_write(UUID1, "ap_config", "08,08,08"));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	reader_stops = false;
	ASSERT_EQ(0, pthread_create(&reader, NULL, reader_run, NULL));
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(0, mdev_write(UUID1, "ap_config", "04,04,04"));
		EXPECT_EQ(0, mdev_write(UUID1, "ap_config", "08,08,08"));
		/* A reader must not see a rejected configuration either. */
		EXPECT_EQ(-EADDRINUSE, mdev_write(UUID1, "ap_config", "02,02,02"));
	}
	__atomic_store_n(&reader_stops, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(reader, &mixed));
	EXPECT_EQ(0, (long)mixed);
}

/*
 * An earlier driver kept the queues in a hash table, in which domains 0000 and 0090 of an
 * adapter shared a bucket.
 */
TEST_F(guest, unplug_same_hash_bucket)
{
	ASSERT_EQ(0, hwsim("domain_add", "0"));
	ASSERT_EQ(0, hwsim("domain_add", "90"));
	ASSERT_EQ(0, bus_scan());
	ASSERT_TRUE(queue_wait_status(4, 0, "unassigned"));
	ASSERT_TRUE(queue_wait_status(4, 0x90, "unassigned"));
	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID1, 4, 0);
	assign(_metadata, UUID1, -1, 0x90);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0000 04.0090"));
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_adapter", "4"));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	EXPECT_TRUE(queue_status(4, 0, "unassigned"));
	EXPECT_TRUE(queue_status(4, 0x90, "unassigned"));
	EXPECT_EQ(0, hwsim_state(4, 0, "dirty"));
	EXPECT_EQ(0, hwsim_state(4, 0x90, "dirty"));
	assign(_metadata, UUID2, 4, 0);
	assign(_metadata, UUID2, -1, 0x90);
	EXPECT_TRUE(queue_status(4, 0, "assigned"));
	EXPECT_EQ(0, mdev_remove(UUID2));
	EXPECT_EQ(0, queue_unbind(4, 0));
	EXPECT_EQ(0, queue_unbind(4, 0x90));
}

/* A change to the host configuration also updates guest_matrix of an mdev without a guest. */
TEST_F(guest, config_change_mdev_without_guest)
{
	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID2, 5, 5);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("adapter_del", "5"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_TRUE(mdev_wait_for(UUID2, "guest_matrix", ".0005"));
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("adapter_add", "5"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_TRUE(mdev_wait_for(UUID2, "guest_matrix", "05.0005"));
	EXPECT_EQ(0, mdev_remove(UUID2));
}

/* Changing the control domains resets no queue. */
TEST_F(guest, control_domain_change_no_reset)
{
	long resets, updates;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	resets = hwsim_state(4, 4, "zapq");
	ASSERT_EQ(0, mdev_write(UUID1, "assign_control_domain", "6"));
	file_read(HWSIM "guests", self->text, sizeof(self->text));
	EXPECT_NE(NULL, strstr(self->text, "adm=0x0200")) TH_LOG("%s", self->text);
	ASSERT_EQ(0, hwsim("control_del", "6"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_TRUE(guests_wait_for_masks("adm=0x0000"));
	ASSERT_EQ(0, hwsim("control_add", "6"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_TRUE(guests_wait_for_masks("adm=0x0200"));
	/* Removing a control domain that is not assigned does not affect the guest. */
	updates = hwsim_guest_updates(getpid());
	ASSERT_EQ(0, hwsim("control_del", "5"));
	ASSERT_EQ(0, bus_scan());
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_control_domain", "6"));
	EXPECT_EQ(updates + 1, hwsim_guest_updates(getpid()));
	file_read(HWSIM "guests", self->text, sizeof(self->text));
	EXPECT_NE(NULL, strstr(self->text, "adm=0x0000")) TH_LOG("%s", self->text);
	EXPECT_EQ(resets, hwsim_state(4, 4, "zapq"));
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004"));
}

/* The driver does not reset a queue that has left the host. */
TEST_F(guest, no_reset_of_removed_queue)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	hwsim("reset_time", "04.0004 polls 0");
	ASSERT_EQ(0, hwsim("adapter_del", "4"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_TRUE(vm_wait_queues(&self->vm, ""));
	/*
	 * When the adapter returns, the simulator shows the queue's old counters, which
	 * prove that only the AP bus has reset the queue.
	 */
	ASSERT_EQ(0, hwsim("adapter_add", "4"));
	EXPECT_EQ(1, hwsim_state(4, 4, "zapq"));
	ASSERT_EQ(0, bus_scan());
	EXPECT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_EQ(2, hwsim_state(4, 4, "zapq"));
}

/* A VMM cannot open a second mdev for the same VM. */
TEST_F(guest, second_mdev_rejected)
{
	struct vfio second;

	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_EQ(-EPERM, vfio_open(&second, &self->vm, UUID2));
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, true, 3, AGENT_NIB));
	vfio_close(&second);
	EXPECT_EQ(0, mdev_remove(UUID2));
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, 3, 0));
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004"));
}

struct opener {
	struct vfio vfio;
	struct vm *vm;
	int ret;
};

static void *second_mdev_open(void *data)
{
	struct opener *opener = data;

	opener->vm->thread_id = task_id();
	opener->ret = vfio_open(&opener->vfio, opener->vm, UUID3);
	return NULL;
}

/*
 * A rejected open leaks no reference to the VM. While the open of mdev 3 waits for a reset,
 * the VMM opens mdev 2 for the same VM, so the driver rejects the open of mdev 3 only after
 * the wait.
 */
TEST_F(guest, vm_refcount_of_rejected_mdev)
{
	struct vfio first;
	struct opener opener;
	pthread_t thread;
	struct vm vm;

	ASSERT_EQ(0, mdev_create(UUID2));
	ASSERT_EQ(0, mdev_create(UUID3));
	assign(_metadata, UUID3, 5, 5);
	ASSERT_EQ(0, queue_unbind(5, 5));
	ASSERT_EQ(0, hwsim("reset_time", "05.0005 hold"));
	ASSERT_EQ(0, queue_bind(5, 5));
	ASSERT_EQ(0, vm_create(&vm));
	/*
	 * Associate mdev 2's group with the VM before mdev 3 is opened, because the open
	 * of mdev 3 holds the group lock while it waits.
	 */
	ASSERT_EQ(0, vfio_open(&first, &vm, UUID2));
	close(first.device);
	opener.vm = &vm;
	ASSERT_EQ(0, pthread_create(&thread, NULL, second_mdev_open, &opener));
	ASSERT_EQ(0, until(task_sleeps, &vm.thread_id));
	ASSERT_EQ(0, vfio_open_device(&first, UUID2));
	ASSERT_EQ(0, hwsim("reset_time", "05.0005 release"));
	pthread_join(thread, NULL);
	EXPECT_EQ(-EPERM, opener.ret);
	vfio_close(&opener.vfio);
	vfio_close(&first);
	vm_destroy(&vm);
	EXPECT_EQ(0, until(last_vm_is_destroyed, NULL));
	EXPECT_EQ(0, mdev_remove(UUID2));
	EXPECT_EQ(0, mdev_remove(UUID3));
}

/*
 * The guest has no queue, so closing the device starts no reset whose end could update
 * guest_matrix.
 */
TEST_F(guest, guest_matrix_after_close)
{
	assign(_metadata, UUID1, -1, 5);
	EXPECT_TRUE(mdev_shows(UUID1, "guest_matrix", ".0005"));
	vfio_close(&self->vfio);
	EXPECT_TRUE(mdev_wait_for(UUID1, "guest_matrix", ".0005"));
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
}

/* Closing the device unplugs all queues. The next open plugs them again after their resets. */
TEST_F(guest, queues_after_reopen)
{
	assign(_metadata, UUID1, 4, 4);
	assign(_metadata, UUID1, 5, 5);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004 04.0005 05.0004 05.0005"));
	vfio_close(&self->vfio);
	EXPECT_TRUE(vm_wait_queues(&self->vm, ""));
	EXPECT_TRUE(queue_status(4, 4, "assigned"));
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004 04.0005 05.0004 05.0005"));
}

/* The driver must drop kvm->lock before it puts the last reference to the VM. */
TEST_F(guest, vm_destroyed_before_close)
{
	struct vfio vfio;
	struct vm vm;

	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID2, 6, 6);
	ASSERT_EQ(0, vm_create(&vm));
	ASSERT_EQ(0, vfio_open(&vfio, &vm, UUID2));
	ASSERT_EQ(0, vm_start(&vm));
	EXPECT_TRUE(vm_wait_queues(&vm, "06.0006"));
	vm_destroy(&vm);
	EXPECT_TRUE(queue_status(6, 6, "in use"));
	vfio_close(&vfio);
	EXPECT_TRUE(queue_wait_status(6, 6, "assigned"));
	EXPECT_TRUE(mdev_wait_for(UUID2, "guest_matrix", "06.0006"));
	EXPECT_EQ(0, hwsim_state(6, 6, "dirty"));
	EXPECT_EQ(0, mdev_remove(UUID2));
}

TEST_F(guest, vmm_killed_with_queues)
{
	int go[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID2, 6, 6);
	ASSERT_EQ(0, pipe(go));
	pid = fork();
	if (!pid) {
		struct vm vm;
		struct vfio vfio;

		if (vm_create(&vm) || vfio_open(&vfio, &vm, UUID2) || vm_start(&vm) ||
		    !vm_wait_queues(&vm, "06.0006") ||
		    vm_aqic(&vm, 6, 6, true, 2, AGENT_NIB))
			_exit(1);
		if (write(go[1], "g", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(go[1]);
	ASSERT_EQ(1, read(go[0], &c, 1));
	EXPECT_TRUE(queue_status(6, 6, "in use"));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_TRUE(queue_wait_status(6, 6, "assigned"));
	EXPECT_TRUE(mdev_wait_for(UUID2, "guest_matrix", "06.0006"));
	EXPECT_EQ(0, hwsim_state(6, 6, "dirty"));
	EXPECT_EQ(0, hwsim_state(6, 6, "irq"));
	EXPECT_EQ(0, mdev_remove(UUID2));
	close(go[0]);
}

static bool waits_in_in_use(void *data)
{
	return task_waits_in(((struct writer *)data)->pid, "vfio_ap_host_in_use");
}

static bool waits_or_has_ended(void *data)
{
	return waits_in_in_use(data) || !writer_waits(data);
}

/*
 * An unassigned queue stays in the APCB until vfio_ap_tx_commit() writes the APCB. The
 * host must not reserve the queue before that write, because the AP bus would then bind
 * another driver to the queue.
 */
TEST_F(guest, reservation_during_unplug)
{
	struct writer unplug, reservation;

	/* Newer kernels reject this write while domain 4 is assigned, even without an adapter. */
	ASSERT_EQ(0, file_write(BUS "aqmask", "+4"));
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("hold", "kvm_arch_crypto_set_masks"));
	writer_start(&unplug, UUID1, "unassign_adapter", "4");
	EXPECT_TRUE(hwsim_wait_held("kvm_arch_crypto_set_masks", 1));
	reservation.pid = fork();
	if (!reservation.pid)
		_exit(-file_write(BUS "apmask", "+4"));
	EXPECT_EQ(0, until(waits_or_has_ended, &reservation));
	/*
	 * This read takes matrix_dev->lock and succeeds, so the reservation waits for a
	 * different lock.
	 */
	EXPECT_TRUE(mdev_shows(UUID1, "matrix", ".0004"));
	EXPECT_TRUE(waits_in_in_use(&reservation));
	EXPECT_TRUE(vm_sees(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("release", "kvm_arch_crypto_set_masks"));
	EXPECT_EQ(0, writer_end(&unplug));
	EXPECT_EQ(0, writer_end(&reservation));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	EXPECT_EQ(0, file_write(BUS "apmask", "-4"));
	EXPECT_EQ(0, file_write(BUS "aqmask", "-4"));
}

static bool unbind_waits_or_has_ended(void *data)
{
	struct writer *unbind = data;

	return !writer_waits(unbind) || task_waits_in(unbind->pid, "vfio_ap_host_remove");
}

/*
 * While a commit writes the APCB, the unassigned queue no longer belongs to an mdev, and
 * its reset has not been requested yet. If the unbind did not wait for the commit, the
 * guest's data would stay in the queue.
 */
TEST_F(guest, unbind_during_unassign)
{
	struct writer unassign, unbind;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("hold", "kvm_arch_crypto_set_masks"));
	writer_start(&unassign, UUID1, "unassign_adapter", "4");
	EXPECT_TRUE(hwsim_wait_held("kvm_arch_crypto_set_masks", 1));
	unbind.pid = fork();
	if (!unbind.pid)
		_exit(-queue_unbind(4, 4));
	EXPECT_EQ(0, until(unbind_waits_or_has_ended, &unbind));
	EXPECT_TRUE(writer_waits(&unbind));
	ASSERT_EQ(0, hwsim("release", "kvm_arch_crypto_set_masks"));
	EXPECT_EQ(0, writer_end(&unassign));
	EXPECT_EQ(0, writer_end(&unbind));
	EXPECT_EQ(0, hwsim_state(4, 4, "dirty"));
	EXPECT_TRUE(vm_sees(&self->vm, ""));
	EXPECT_EQ(0, queue_bind(4, 4));
}

#include "lib/main.h"
