#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Shows hot plug with Debian's QEMU: its guest prints what it finds. usage: qemu_demo [--fault=noplug]
. "$(dirname "$0")/lib/client.sh"

queue_mark() {
	case $(cat "$(queue_status "$1")" 2>/dev/null) in
	"in use") echo G ;;
	assigned) echo a ;;
	unassigned) echo v ;;
	*) echo . ;;
	esac
}

grid_draw() {
	printf '    domain   0004   0005   0006\n'
	for apid in 04 05 06; do
		printf '    adapter %s ' $apid
		for apqi in 0004 0005 0006; do
			printf '[ %s ]  ' "$(queue_mark $apid.$apqi)"
		done
		echo
	done
	echo "    G in the guest   a assigned to the mdev   v bound to vfio_ap"
}

# step TEXT QUEUES: what was done, and what the guest must come to say of it
step() {
	printf '\n%s\n' "$1"
	if ! (guest_sees 1 "$2"); then
		echo "hot plug: missing: ${2:-none}"
		exit 1
	fi
	grid_draw
	echo "    on the guest's console: $(grep '^AP:' $SCRATCH/1/console | tail -n 1 | tr -d '\r')"
}

plug() {
	[ "$1$fault" = "adapter --fault=noplug" ] || assign $UUID1 $1 "$2"
}

fault=${1:+ $1}
trap 'qemu_kill_all' EXIT
set -e
machine_reset
need qemu-system-s390x
mdev_create $UUID1
qemu_start_with 1 $UUID1
step "qemu-system-s390x -accel kvm -device vfio-ap,sysfsdev=.../$UUID1: its mdev is empty." ""
plug domain 4
plug adapter 4
step "echo 4 > assign_domain; echo 4 > assign_adapter" 04.0004
plug adapter 5
step "echo 5 > assign_adapter" "04.0004 05.0004"
unassign $UUID1 adapter 4
step "echo 4 > unassign_adapter" 05.0004
unassign $UUID1 domain 4
step "echo 4 > unassign_domain" ""
qemu_end 1
until_true "nothing is left of the guest" nothing_is_left
violations_none
printf '\nhot plug: ok\n'
