/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fixture "guest": a running guest that uses mdev 1 (UUID1), which has no queues at first.
 * The teardown checks that no guest has an unbound queue, and that the simulator has found
 * no violation.
 */
#ifndef VFIO_AP_GUEST_FIXTURE_H
#define VFIO_AP_GUEST_FIXTURE_H

#include <stdio.h>
#include <unistd.h>

#include "lib.h"
#include "../../kselftest_harness.h"

FIXTURE(guest) {
	char text[8192];
	struct vm vm;
	struct vfio vfio;
};

FIXTURE_SETUP(guest)
{
	machine_reset();
	ASSERT_EQ(0, mdev_create(UUID1));
	ASSERT_EQ(0, vm_create(&self->vm));
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	ASSERT_EQ(0, vm_start(&self->vm));
}

FIXTURE_TEARDOWN(guest)
{
	EXPECT_EQ(0, self->vm.end);
	EXPECT_EQ(0, until(guests_have_bound_queues, NULL));
	EXPECT_EQ(0, hwsim_violations(self->text, sizeof(self->text))) TH_LOG("%s", self->text);
	vfio_close(&self->vfio);
	vm_destroy(&self->vm);
	mdev_remove(UUID1);
	EXPECT_EQ(0, hwsim_violations(self->text, sizeof(self->text))) TH_LOG("%s", self->text);
}

/* A second guest, which uses mdev 2 (UUID2). */
struct other {
	struct vm vm;
	struct vfio vfio;
};

static inline void assign(struct __test_metadata *_metadata, const char *uuid, int apid, int apqi)
{
	if (apid >= 0)
		ASSERT_EQ(0, mdev_write(uuid, "assign_adapter", "%d", apid));
	if (apqi >= 0)
		ASSERT_EQ(0, mdev_write(uuid, "assign_domain", "%d", apqi));
}

static inline void other_start(struct __test_metadata *_metadata, struct other *other, int apid,
			       int apqi)
{
	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID2, apid, apqi);
	ASSERT_EQ(0, vm_create(&other->vm));
	ASSERT_EQ(0, vfio_open(&other->vfio, &other->vm, UUID2));
	ASSERT_EQ(0, vm_start(&other->vm));
}

/*
 * Create a second guest, and assign 05.0005 to its mdev. The guest has no vCPU, because
 * hold_kvm_lock() works only for a VM without vCPUs.
 */
static inline int other_create_bare(struct other *other)
{
	int ret = mdev_create(UUID2);

	ret = ret ?: mdev_write(UUID2, "assign_adapter", "5");
	ret = ret ?: mdev_write(UUID2, "assign_domain", "5");
	ret = ret ?: vm_create_bare(&other->vm);
	return ret ?: vfio_open(&other->vfio, &other->vm, UUID2);
}

static inline void other_end(struct __test_metadata *_metadata, struct other *other)
{
	vfio_close(&other->vfio);
	vm_destroy(&other->vm);
	EXPECT_EQ(0, mdev_remove(UUID2));
}

#endif /* VFIO_AP_GUEST_FIXTURE_H */
