#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Test that a host sets the AP bus masks and starts its mdevs at boot, through the udev rules of
# chzdev and mdevctl. The test needs its own boot (see machines.txt) without vfio_ap and without
# bound queues, because the rules react only when all queues become bound for the first time.
. "$(dirname "$0")/lib/client.sh"

HOST=0x$(printf 'f%.0s' $(seq 64))

# Replace machine_reset of lib/client.sh, which loads the module and binds the queues.
machine_reset() {
	rm -rf $SCRATCH
	mkdir $SCRATCH
}

# Imitate loading the host's driver, which is built in: reserve all queues for the host and bind
# them.
host_driver_load() {
	echo $HOST >$BUS/apmask
	echo $HOST >$BUS/aqmask
	for queue in $(sed -n 's/ .*driver=- .*//p' $HWSIM/state); do
		echo "$queue" >$BUS/drivers/cex4queue/bind
	done
	bus_scan
}

bit_is_clear() { [ $((0x$(cut -c 3-4 "$1") & $2)) = 0 ]; }

# chzdev's rule sets the masks before it loads the module, so that mdevctl can assign the queue.
chzdev_before_mdevctl() {
	need chzdev mdevctl udevadm $UDEVD
	chzdev --list-types | grep -q '^ap ' ||
		skip "$(chzdev --version | head -n 1) has no type ap"
	[ ! -e /sys/module/vfio_ap ] || fail "vfio_ap is loaded"
	cat >$SCRATCH/definition <<-END
		{ "mdev_type": "vfio_ap-passthrough", "start": "auto",
		  "attrs": [ { "assign_adapter": "5" }, { "assign_domain": "5" } ] }
	END
	mdevctl define --uuid $UUID1 --parent matrix --jsonfile $SCRATCH/definition
	udevd_start
	chzdev --persistent --type --no-root-update ap apmask=0-4,6-255
	udevadm control --reload
	host_driver_load
	until_true "udevd loads vfio_ap (\$(tail -n 3 $SCRATCH/udevd.said))" [ -e $MATRIX ]
	until_true "udevd has mdevctl start the mdev" [ -e $MATRIX/$UUID1 ]
	expect_soon $MATRIX/$UUID1/matrix 05.0005
	expect_soon "$(queue_status 05.0005)" assigned
	bit_is_clear $BUS/apmask 0x04 || fail "$(cat $BUS/apmask)"
	grep -q '^04.0004 .*driver=cex4queue' $HWSIM/state || fail "$(cat $HWSIM/state)"
	udevd_stop
	mdevctl stop --uuid $UUID1
	mdevctl undefine --uuid $UUID1
}

tests_run autostart chzdev_before_mdevctl
