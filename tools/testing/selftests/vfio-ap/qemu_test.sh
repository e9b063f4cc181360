#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Test unmodified QEMU from a distribution with vfio_ap. The guest prints the queues that it finds
# with AP instructions.
. "$(dirname "$0")/lib/client.sh"

setup() {
	need qemu-system-s390x
	need_backend
	mdev_create $UUID1
}

# lockdep checks the lock order when QEMU closes the device, the group and the VM.
guest_start_and_shutdown() {
	setup_with_a_queue
	expect "$(queue_status 04.0004)" "in use"
	qemu_end 1
	expect_soon "$(queue_status 04.0004)" assigned
}

queue_hotplug_and_unplug() {
	setup
	qemu_start_with 1 $UUID1
	guest_sees 1
	assign $UUID1 domain 4
	assign $UUID1 adapter 4
	guest_sees 1 04.0004
	assign $UUID1 adapter 5
	guest_sees 1 "04.0004 05.0004"
	assign $UUID1 domain 6
	guest_sees 1 "04.0004 04.0006 05.0004 05.0006"
	unassign $UUID1 adapter 4
	guest_sees 1 "05.0004 05.0006"
	unassign $UUID1 domain 4
	unassign $UUID1 domain 6
	guest_sees 1
	qemu_end 1
}

qmp_device_del_and_add() {
	setup_with_a_queue
	device_replug
	qemu_end 1
}

# At a system reset, QEMU resets the device and reloads the guest.
queues_after_system_reset() {
	setup_with_a_queue
	before=$(grep -c '^AP:' $SCRATCH/1/console)
	resets=$(sed -n 's/^04.0004 .* zapq=\([0-9]*\).*/\1/p' $HWSIM/state)
	qmp 1 '{"execute":"system_reset"}'
	until_true "the guest restarts" eval "[ \$(grep -c '^AP:' $SCRATCH/1/console) -gt $before ]"
	guest_sees 1 04.0004
	[ "$(sed -n 's/^04.0004 .* zapq=\([0-9]*\).*/\1/p' $HWSIM/state)" -gt "$resets" ] ||
		fail "the queue was not reset"
	not grep -q 'failed to reset' $SCRATCH/1/said || fail "$(cat $SCRATCH/1/said)"
	qemu_end 1
}

two_guests_separate_mdevs() {
	setup
	mdev_create $UUID2
	assign $UUID1 domain 4
	assign $UUID1 adapter 4
	assign $UUID2 domain 4
	assign $UUID2 adapter 5
	qemu_start_with 1 $UUID1
	qemu_start_with 2 $UUID2
	guest_sees 1 04.0004
	guest_sees 2 05.0004
	(assign $UUID1 adapter 5) 2>$SCRATCH/refused && fail "a queue of another guest was assigned"
	grep -q 'Address already in use' $SCRATCH/refused || fail "$(cat $SCRATCH/refused)"
	unassign $UUID2 adapter 5
	assign $UUID1 adapter 5
	guest_sees 1 "04.0004 05.0004"
	guest_sees 2
	qemu_end 2
	qemu_end 1
}

# QEMU does not start if another VMM has opened the mdev, and rejects a second AP device.
second_vmm_or_device_rejected() {
	setup
	mdev_create $UUID2
	qemu_start_with 1 $UUID1
	qemu_start 2 -device vfio-ap,sysfsdev=$MATRIX/$UUID1$iommufd
	qemu_gone 2 1
	# VFIO returns EBUSY for an open group, and EINVAL for a device that is bound to an iommufd.
	[ "$iommufd" ] && refused="Invalid argument" || refused="Device or resource busy"
	grep -q "$refused" $SCRATCH/2/said || fail "$(cat $SCRATCH/2/said)"
	device_add 1 $UUID2 other
	until_true "QEMU rejects a second device" qmp_said 1 1 "'ap-bus'"
	assign $UUID1 domain 4
	assign $UUID1 adapter 4
	guest_sees 1 04.0004
	qemu_end 1
}

# check_next_guest QUEUES: start another guest with the same mdev, and check that it sees QUEUES
check_next_guest() {
	qemu_start_with 2 $UUID1
	guest_sees 2 "$1"
	qemu_end 2
}

# Check that the queue was reset after the guest ended, and that the next guest gets the queue.
check_after_guest() {
	expect_soon "$(queue_status 04.0004)" assigned
	expect_soon $MATRIX/$UUID1/guest_matrix 04.0004
	rm -rf $SCRATCH/1
	check_next_guest 04.0004
}

killed_while_attached() {
	setup_with_a_queue
	qemu_kill 1
	check_after_guest
}

quit_while_attached() {
	setup_with_a_queue
	qmp 1 '{"execute":"quit"}'
	qemu_gone 1
	check_after_guest
}

# Plug and unplug a queue until the file "stop" exists, and leave the queue plugged.
plugger_run() {
	while [ ! -e $SCRATCH/stop ]; do
		assign $UUID1 adapter 4 || exit 1
		unassign $UUID1 adapter 4 || exit 1
		echo >>$SCRATCH/plugged
	done
	assign $UUID1 adapter 4
}

# while_plugging COMMAND...: plug and unplug a queue repeatedly while COMMAND ends QEMU
while_plugging() {
	setup
	assign $UUID1 domain 4
	qemu_start_with 1 $UUID1
	plugger_run &
	plugger=$!
	until_true "queues are plugged" [ -s $SCRATCH/plugged ]
	"$@"
	touch $SCRATCH/stop
	wait $plugger || fail "a write failed"
	check_after_guest
}

killed_during_hotplug() {
	while_plugging qemu_kill 1
}

quit_during_hotplug() {
	quit() { qmp 1 '{"execute":"quit"}'; qemu_gone 1; }
	while_plugging quit
}

# while_resetting COMMAND...: run COMMAND, which ends QEMU, while QEMU waits in VFIO_DEVICE_RESET
while_resetting() {
	setup_with_a_queue
	echo "04.0004 tapq 2 forever" >$HWSIM/respond
	qmp 1 '{"execute":"system_reset"}'
	until_true "the reset is in progress" shows $MATRIX/$UUID1/reset_pending 04.0004
	"$@"
	expect $MATRIX/$UUID1/reset_pending 04.0004
	echo "04.0004 tapq 2 0" >$HWSIM/respond
	expect_soon $MATRIX/$UUID1/reset_pending ""
	check_after_guest
}

killed_during_reset() {
	while_resetting qemu_kill 1
}

# QEMU reports the failed reset before it quits.
quit_during_reset() {
	quit() { qmp 1 '{"execute":"quit"}'; qemu_gone 1; grep -q 'failed to reset' $SCRATCH/1/said; }
	while_resetting quit
}

# Succeed if QEMU has the VFIO device open.
has_device() { ls -l "/proc/$(cat $SCRATCH/1/pid)/fd" 2>/dev/null | grep -Eq 'vfio-device|/dev/vfio/devices/'; }

# Remove the mdev. Fail if QEMU still has the device open when the removal ends.
removal_run() {
	echo 1 >$MATRIX/$UUID1/remove
	not has_device
}

removal_start() {
	setup_with_a_queue
	has_device || fail "QEMU has no VFIO device open"
	removal_run &
	remover=$!
	guest_sees 1 ""
}

removal_ended() {
	wait $remover || fail "the removal failed, or the mdev was removed while QEMU had it open"
	[ ! -e $MATRIX/$UUID1 ] || fail "the mdev still exists"
}

# QEMU before 8.1 keeps the device until the guest ends. Later versions release the device at the
# driver's request, and the guest continues without the device. Both behaviours are correct.
removal_wait_for_guest_end() {
	removal_start
	! qmp_said 1 1 DEVICE_DELETED || until_true "the mdev is removed" not [ -e $MATRIX/$UUID1 ]
	qemu_end 1
	removal_ended
}

# QEMU 8.1 or later has already released the device when it gets device_del, which then finds no
# device.
removal_and_device_del() {
	removal_start
	device_del 1
	until_true "QEMU has deleted the device" qmp_said 1 1 DEVICE_DELETED
	removal_ended
	guest_sees 1 ""
	qemu_end 1
}

slab_in_use() { awk '/^SUnreclaim:/ { print $2 }' /proc/meminfo; }
memory_in_use() { awk '/^(MemFree|Cached|SReclaimable):/ { n += $2 } /^MemTotal:/ { t = $2 } END { print t - n }' /proc/meminfo; }

# The first two cycles fill caches, and later cycles must not use more memory. Do not compare sizes
# if the kernel has kmemleak, because kmemleak itself finds leaks, and because such a kernel also
# has KASAN, which delays the freeing of memory.
starts_and_stops_leak_check() {
	setup
	assign $UUID1 adapter 4
	assign $UUID1 domain 4
	for cycle in $(seq 1 "${CLIENT_CYCLES:-5}"); do
		echo "# cycle $cycle"
		qemu_start_with 1 $UUID1
		guest_sees 1 04.0004
		qemu_end 1
		rm -r $SCRATCH/1
		expect_soon "$(queue_status 04.0004)" assigned
		until_true "the guest left nothing behind" nothing_is_left
		[ "$cycle" != 2 ] || { slab=$(slab_in_use); memory=$(memory_in_use); }
	done
	[ ! -e /sys/kernel/debug/kmemleak ] || return 0
	until_true "slab is as before (KiB: $slab, then \$(slab_in_use))" \
		eval "[ \$(slab_in_use) -lt $((slab + 1024)) ]"
	# The limit of 8 MiB is less than one guest's memory.
	until_true "memory is as before (KiB: $memory, then \$(memory_in_use))" \
		eval "[ \$(memory_in_use) -lt $((memory + 8192)) ]"
}

# qemu_iommufd_slow sets BACKEND and more_tests before it sources this script.
tests_run ${BACKEND:-qemu} guest_start_and_shutdown queue_hotplug_and_unplug \
	qmp_device_del_and_add queues_after_system_reset \
	two_guests_separate_mdevs second_vmm_or_device_rejected \
	killed_while_attached quit_while_attached killed_during_hotplug quit_during_hotplug \
	killed_during_reset quit_during_reset \
	removal_wait_for_guest_end removal_and_device_del starts_and_stops_leak_check ${more_tests:-}
