#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Demonstrate hot plug with an unmodified Linux guest: show the guest's output of lszcrypt before
# and after a plug and an unplug, and send a request to the plugged queue.
# Usage: linux_demo [--fault=noplug]
. "$(dirname "$0")/lib/client.sh"
. "$(dirname "$0")/lib/linux.sh"

# step TEXT QUEUES: print TEXT, wait until the guest sees QUEUES, and show its output of lszcrypt
step() {
	printf '\n%s\n' "$1"
	missing=${2:-none}
	guest_sees 1 "$2"
	missing=
	first=$(($(wc -l <$SCRATCH/1/console) + 1))
	guest_does 1 v "AP end of lszcrypt" >/dev/null
	tail -n +$first $SCRATCH/1/console | tr -d '\r' | sed '/^AP end/,$d; s/^/    guest: /'
}

fault=${1:-}
missing=
set -e
machine_reset
linux_needed
engine_native
trap 'echo $engine >$ENGINE; [ -z "$missing" ] || echo "hot plug: missing: $missing"' EXIT
mdev_create $UUID1
assign $UUID1 domain 4
assign $UUID1 adapter 4
begin=$(date +%s)
qemu_start_with 1 $UUID1
echo "    the guest booted in $(($(date +%s) - begin)) s: $(grep '^CPUs:' $SCRATCH/1/console | tr -d '\r')"
step "qemu-system-s390x -accel kvm -kernel image -device vfio-ap,sysfsdev=.../$UUID1" 04.0004
[ "$fault" = --fault=noplug ] || assign $UUID1 adapter 5
step "echo 5 > assign_adapter" "04.0004 05.0004"
unassign $UUID1 adapter 4
step "echo 4 > unassign_adapter" 05.0004
guest_requests 1 "answered 05.0004"
printf '\n    guest: %s\n' "$(grep '^AP request:' $SCRATCH/1/console | tail -n 1 | tr -d '\r')"
qemu_end 1
echo 1 >$MATRIX/$UUID1/remove
until_true "the guest left nothing behind" nothing_is_left
violations_none
printf '\nhot plug: ok\n'
