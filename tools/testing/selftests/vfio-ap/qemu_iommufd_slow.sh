#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run the tests in qemu_test with an iommufd instead of groups and a container. Also test QEMU with
# file descriptors that another program, such as libvirt, opened for it.
BACKEND=iommufd
more_tests="descriptors_from_manager"

# Print the path of an mdev's VFIO device file.
cdev_of() { echo /dev/vfio/devices/"$(ls "$MATRIX/$1/vfio-dev")"; }

# QEMU inherits an open iommufd and an open VFIO device, so it needs no access to the files in /dev.
descriptors_from_manager() {
	setup
	assign $UUID1 adapter 4
	assign $UUID1 domain 4
	exec 8<>/dev/iommu 9<>"$(cdev_of $UUID1)"
	iommufd=
	qemu_start 1 -object iommufd,id=iommufd0,fd=8 -device vfio-ap,id=ap,fd=9,iommufd=iommufd0
	# Close this shell's copies of the descriptors, because any copy keeps the device open.
	exec 8>&- 9>&-
	guest_started 1
	guest_sees 1 04.0004
	expect "$(queue_status 04.0004)" "in use"
	assign $UUID1 adapter 5
	guest_sees 1 "04.0004 05.0004"
	qmp 1 '{"execute":"system_reset"}'
	until_true "the guest restarts" eval "[ \$(grep -c '^AP:' $SCRATCH/1/console) -gt 1 ]"
	guest_sees 1 "04.0004 05.0004"
	qemu_end 1
	expect_soon "$(queue_status 04.0004)" assigned
}

qemu_test=$(dirname "$0")/qemu_test
[ -e "$qemu_test" ] || qemu_test=$qemu_test.sh
. "$qemu_test"
