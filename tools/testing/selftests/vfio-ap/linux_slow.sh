#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Test with a Linux guest what linux_test leaves out: errors of queues, QMP, resets, load, a guest
# with two CPUs, and results of programs. Each test boots at least one guest, which takes a minute.
. "$(dirname "$0")/lib/client.sh"
. "$(dirname "$0")/lib/linux.sh"

# count QUEUE FUNCTION: print how often the queue has executed the function
count() { sed -n "s/^$1 .* $2=\([0-9]*\).*/\1/p" $HWSIM/state; }

queue_checkstop_and_config() {
	setup_with_a_queue
	echo 04.0004 >$HWSIM/checkstop
	guest_sees 1 04.0004:04
	echo 04.0004 >$HWSIM/checkstop_end
	guest_sees 1 04.0004
	echo 4 >$HWSIM/deconfigure
	guest_sees 1 04.0004:03
	echo 4 >$HWSIM/configure
	guest_sees 1 04.0004
	qemu_end 1
}

qmp_device_del_and_add() {
	setup_with_a_queue
	device_replug
	guest_requests 1 "answered 04.0004"
	qemu_end 1
}

# Both a system_reset and a reboot by the guest reset the device and load the guest again.
system_reset_and_reboot() {
	setup_with_a_queue
	starts=$(grep -c '^CPUs:' $SCRATCH/1/console)
	resets=$(count 04.0004 zapq)
	qmp 1 '{"execute":"system_reset"}'
	until_true "the guest restarts" has_printed_more 1 CPUs: "$starts"
	guest_sees 1 04.0004
	[ "$(count 04.0004 zapq)" -gt "$resets" ] || fail "the queue was not reset"
	guest_does 1 R rebooting >/dev/null
	until_true "the guest reboots" has_printed_more 1 CPUs: $((starts + 1))
	guest_sees 1 04.0004
	guest_requests 1 "answered 04.0004"
	qemu_end 1
}

# is_loaded QUEUE COUNT: succeed if the queue has executed more than COUNT NQAPs
is_loaded() { [ "$(count "$1" nqap)" -gt "$2" ]; }
# load_start NUMBER QUEUE: make the guest send requests until it ends, and wait until QUEUE has some
load_start() {
	sent=$(count "$2" nqap)
	printf b >$SCRATCH/"$1"/console.in
	until_true "the guest of QEMU $1 uses $2" is_loaded "$2" $((sent + 10))
}

killed_under_load() {
	setup_with_a_queue
	load_start 1 04.0004
	qemu_kill 1
	expect_soon "$(queue_status 04.0004)" assigned
	qemu_start_with 2 $UUID1
	guest_sees 2 04.0004
	qemu_end 2
}

# Two guests swap their adapters while both send requests.
swap_under_load() {
	setup
	mdev_create $UUID2
	for uuid in $UUID1 $UUID2; do assign $uuid domain 4; done
	assign $UUID1 adapter 4
	assign $UUID2 adapter 5
	qemu_start_with 1 $UUID1
	qemu_start_with 2 $UUID2
	guest_sees 1 04.0004
	guest_sees 2 05.0004
	load_start 1 04.0004
	load_start 2 05.0004
	unassign $UUID1 adapter 4
	unassign $UUID2 adapter 5
	assign $UUID1 adapter 5
	assign $UUID2 adapter 4
	guest_sees 1 05.0004
	guest_sees 2 04.0004
	for queue in 04.0004 05.0004; do
		until_true "$queue is used" is_loaded $queue $(($(count $queue nqap) + 10))
	done
	qemu_end 2
	qemu_end 1
}

# Both CPUs of the guest change its translation tables.
guest_with_two_cpus() {
	GUEST_CPUS=2
	setup_with_a_queue
	grep -q '^CPUs: 2,' $SCRATCH/1/console || fail "$(grep '^CPUs:' $SCRATCH/1/console)"
	guest_requests 1 "answered 04.0004"
	qemu_end 1
}

# linux_results prints the same as when QEMU runs the guest without KVM; see rig/build/guest.sh.
results_as_without_kvm() {
	setup
	qemu_start_with 1 $UUID1
	guest_does 1 x "end of results" >/dev/null
	tr -d '\r' <$SCRATCH/1/console | sed -n '/^integers 0/,/^end of results/p' >$SCRATCH/results
	diff $GUEST/results $SCRATCH/results >$SCRATCH/diff || fail "$(cat $SCRATCH/diff)"
	qemu_end 1
}

tests_run linux_slow queue_checkstop_and_config qmp_device_del_and_add system_reset_and_reboot \
	killed_under_load swap_under_load guest_with_two_cpus results_as_without_kvm
