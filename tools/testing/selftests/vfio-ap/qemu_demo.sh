#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Demonstrate hot plug with QEMU from a distribution and a guest that prints its queues. With
# --fault=noplug, the script assigns no adapters and must fail. Usage: qemu_demo [--fault=noplug]
. "$(dirname "$0")/lib/client.sh"

# step TEXT QUEUES: print TEXT, wait until the guest sees QUEUES, and show the end of its console
step() {
	printf '\n%s\n' "$1"
	missing=${2:-none}
	guest_sees 1 "$2"
	missing=
	lsvfioap
	echo "    on the guest's console: $(tail -n 1 $SCRATCH/1/console | tr -d '\r')"
}

plug() {
	[ "$1$fault" = "adapter --fault=noplug" ] || assign $UUID1 $1 "$2"
}

report_missing() {
	[ -z "$missing" ] || echo "hot plug: missing: $missing"
}

fault=${1:+ $1}
missing=
trap report_missing EXIT
set -e
machine_reset
need mdevctl qemu-system-s390x
echo '{ "mdev_type": "vfio_ap-passthrough", "start": "manual", "attrs": [] }' >$SCRATCH/device.json
mdevctl define --uuid $UUID1 --parent matrix --jsonfile $SCRATCH/device.json
mdevctl start --uuid $UUID1
qemu_start_with 1 $UUID1
step "mdevctl start; qemu-system-s390x -accel kvm -device vfio-ap,sysfsdev=.../$UUID1: nothing is assigned." ""
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
mdevctl stop --uuid $UUID1
mdevctl undefine --uuid $UUID1
until_true "the guest left nothing behind" nothing_is_left
violations_none
printf '\nhot plug: ok\n'
