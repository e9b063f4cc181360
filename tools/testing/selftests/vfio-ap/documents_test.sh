#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Execute the commands in README.md and Documentation/ unchanged. commands/DOCUMENT/ has one file
# for each block of commands. When the initramfs is built, rig/check/commands.py extracts these
# files from the documents.
. "$(dirname "$0")/lib/client.sh"

COMMANDS=$(dirname "$0")/commands
SAID=$SCRATCH/said
# The UUID of the mdev that the filter in vfio-ap-tracing.rst selects.
TRACED=83b8f4f2-509f-382f-3c1e-e6bfe0fa1001

# printed REGEX: fail unless the commands have printed a line that matches REGEX. printed_soon
# REGEX: wait until a background command prints such a line.
printed() { grep -Eq "$1" $SAID || fail "'$1' was not printed"; }
printed_soon() { until_true "'$1' is printed" grep -Eq "$1" $SAID; }

# Clean up when the test ends. If the test has failed, print the output of all its commands.
typing_cleanup() {
	status=$?
	set +x
	[ $status = 0 ] || sed 's/^/# /' $SAID >&3
	[ ! -e /tmp/guest.pid ] || kill -9 "$(cat /tmp/guest.pid)" 2>/dev/null
	echo 0 >/sys/kernel/tracing/events/vfio_ap/enable
	rm -f /tmp/guest.pid /tmp/guest.txt /tmp/report.txt
	exit $status
}

# type_document NAME CHECK: execute each block of commands in document NAME in this shell, as if a
# user typed its lines. The test ends if a command fails. After each block, call CHECK with the
# block's text. CHECK verifies the results, and fails for a block that it does not know.
type_document() {
	[ -d "$COMMANDS/$1" ] || { echo "no commands: rig/check/commands.py extracts them" >$SCRATCH/skip; exit 4; }
	exec 3>&1
	trap typing_cleanup EXIT
	cd $SCRATCH
	for block in "$COMMANDS/$1"/*; do
		echo "typed: $1:${block##*/}" >>$SAID
		{ set -x; . "$block"; set +x; } >>$SAID 2>&1
		"$2" "$(cat "$block")"
	done
}

# Reserve all queues for the host's drivers, as they are on a real host after boot.
reserve_all_queues() {
	for id in 4 5 6; do
		echo +$id >$BUS/apmask
		echo +$id >$BUS/aqmask
	done
	until_true "zcrypt has the queues" not grep -qv driver=cex4queue $HWSIM/state
}

unload_module() {
	# Unload the KUnit modules first, because they depend on vfio_ap.
	rmmod vfio_ap_matrix_test vfio_ap_stats_test 2>/dev/null || true
	rmmod vfio_ap
}

check_readme() {
	printed '^AP: 04.0004'
	expect $MATRIX/$UUID/matrix 04.0004
}

# The guest runs until a q is typed, so type a q as soon as the guest has printed its queues.
readme() {
	need mdevctl qemu-system-s390x
	mkfifo $SCRATCH/keys
	(until_true "the guest prints its queues" grep -q '^AP: ' $SAID; printf q) >$SCRATCH/keys &
	type_document README.md check_readme <$SCRATCH/keys
}

check_guide() {
	case $1 in
	"lszcrypt -V") printed '^05.0004 .* cex4queue' ;;
	*"modprobe vfio_ap"*) [ -d $MATRIX ] || fail "the module is not loaded" ;;
	*"> /sys/bus/ap/apmask"*)
		expect_soon "$(queue_status 05.0004)" unassigned
		expect_soon "$(queue_status 06.0004)" unassigned
		;;
	*"mdevctl start"*) expect_soon $MATRIX/$UUID/guest_matrix 05.0004 ;;
	*"> \$OTHER/remove"*) [ ! -e $MATRIX/$OTHER ] || fail "the second mdev was not removed" ;;
	*qemu-system-s390x*) until_true "the guest prints its queue" grep -q '^AP: 05.0004' /tmp/guest.txt ;;
	*/queue_states) printed '^05.0004 in-guest' ;;
	"lsvfioap \$UUID"*) printed 'G in the guest' ;;
	*"> assign_adapter"*) expect guest_matrix 06.0004 ;;
	*"> ap_config "*) expect guest_matrix "05.0004 06.0004" ;;
	*"> ap_config_dry_run"*)
		printed '^unplugs=1'
		expect guest_matrix "05.0004 06.0004"
		;;
	"udevadm monitor"*) printed_soon '^KERNEL - ' ;;
	*"> ap_config") printed_soon '^GUEST_UPDATE=[0-9]' ;;
	*"echo 1 > protected"*) echo 1 2>/dev/null >remove && fail "a protected mdev was removed" || true ;;
	*"mdevctl stop"*) [ ! -e $MATRIX/$UUID ] || fail "the mdev was not removed" ;;
	*"lsvfioap --report"*) [ -s /tmp/report.txt ] || fail "the report is empty" ;;
	*/mdevs*) ;;
	GUEST=*) ;;
	*) fail "no check for: $1" ;;
	esac
}

users_guide() {
	need mdevctl qemu-system-s390x lszcrypt udevadm modprobe
	unload_module
	reserve_all_queues
	type_document vfio-ap.rst check_guide
}

updates_shown() { grep -c 'vfio_ap_guest_update: mdev=.*'"$1" $SAID; }

# replug_shows COUNT REGEX: unassign adapter 4, assign it again, and wait until the trace shows
# COUNT more updates that match REGEX
replug_shows() {
	before=$(updates_shown "$2") || true
	unassign $TRACED adapter 4
	assign $TRACED adapter 4
	[ "$1" = 0 ] || until_true "$1 updates with $2 are shown" eval "[ \$(updates_shown '$2') -ge $((before + $1)) ]"
}

check_tracing() {
	case $1 in
	*"cat trace_pipe &"*)
		replug_shows 2 leavers=
		printed_soon 'vfio_ap_queue_reset_end: apqn=04.0004 .*done=1'
		;;
	*"leavers > 0"*)
		replug_shows 1 leavers=1
		[ "$(updates_shown leavers=0)" = 1 ] || fail "the filter shows updates without leavers"
		;;
	*"mdev == "*) replug_shows 2 leavers= ;;
	"echo '!hist:"*) [ ! -e events/synthetic/reset_us ] || fail "the synthetic event was not removed" ;;
	*"> events/synthetic/reset_us/trigger"*) replug_shows 2 leavers= ;;
	*"cat events/synthetic/reset_us/hist"*) printed '^\{ us: +[0-9]+ \} hitcount: +[1-9]' ;;
	*"events/vfio_ap/enable") replug_shows 0 leavers= ;;
	*"cat instances/vfio_ap/trace"*) printed '^ .*vfio_ap_queue_reset_start: apqn=04.0004' ;;
	*"echo 0 > events/"*) ;;
	*) fail "no check for: $1" ;;
	esac
}

tracing() {
	need qemu-system-s390x
	mdev_create $TRACED
	assign $TRACED domain 4
	assign $TRACED adapter 4
	qemu_start_with 1 $TRACED
	guest_sees 1 04.0004
	type_document vfio-ap-tracing.rst check_tracing
	[ "$(cat /sys/kernel/tracing/events/vfio_ap/enable)" = 0 ] || fail "trace events are still enabled"
	qemu_end 1
}

# Fail if a document has commands that no test in this script executes.
untested_documents() {
	for document in "$COMMANDS"/*; do
		case ${document##*/} in
		README.md | vfio-ap.rst | vfio-ap-tracing.rst) ;;
		*) fail "no test executes the commands of ${document##*/}" ;;
		esac
	done
}

tests_run documents readme users_guide tracing untested_documents
