#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Test unmodified s390-tools from a distribution while a guest or an mdev has a queue.
. "$(dirname "$0")/lib/client.sh"

setup() {
	need lszcrypt chzcrypt qemu-system-s390x
	mdev_create $UUID1
	assign $UUID1 adapter 4
	assign $UUID1 domain 4
	qemu_start_with 1 $UUID1
	guest_sees 1 04.0004
}

lszcrypt_guest_queue() {
	setup
	lszcrypt -V >$SCRATCH/all
	grep -q '^04.0004 .*vfio_ap' $SCRATCH/all || fail "$(cat $SCRATCH/all)"
	grep -q '^05.0005 .*vfio_ap' $SCRATCH/all || fail "$(cat $SCRATCH/all)"
	lszcrypt -b >$SCRATCH/bus
	grep -q '^ap_domain' $SCRATCH/bus || fail "$(cat $SCRATCH/bus)"
	# lszcrypt marks usage domains with U, and domains that are also control domains with B.
	lszcrypt -d >$SCRATCH/domains
	grep -Eq '^ *00 ( +\.){4} +B +B +B ( +\.)+$' $SCRATCH/domains || fail "$(cat $SCRATCH/domains)"
	qemu_end 1
}

# card_status ID: print the status that lszcrypt shows for an adapter
card_status() { lszcrypt -V "$1" | awk -v id="$1" '$1 == id { print $4 }'; }

# A deconfigured adapter stays in the guest. TAPQ for its queue returns response code 03, and QEMU
# can reset the device without an error.
adapter_config_off_and_on() {
	setup
	[ "$(card_status 04)" = online ] || fail "$(lszcrypt -V)"
	chzcrypt --config-off 04
	[ "$(card_status 04)" = deconfig ] || fail "$(lszcrypt -V)"
	guest_sees 1 04.0004:03
	expect $MATRIX/$UUID1/guest_matrix 04.0004
	bus_scan
	guest_sees 1 04.0004:03
	before=$(grep -c '^AP:' $SCRATCH/1/console)
	qmp 1 '{"execute":"system_reset"}'
	until_true "the guest restarts" eval "[ \$(grep -c '^AP:' $SCRATCH/1/console) -gt $before ]"
	guest_sees 1 04.0004:03
	not grep -q 'failed to reset' $SCRATCH/1/said || fail "$(cat $SCRATCH/1/said)"
	chzcrypt --config-on 04
	[ "$(card_status 04)" = online ] || fail "$(lszcrypt -V)"
	guest_sees 1 04.0004
	qemu_end 1
	expect_soon "$(queue_status 04.0004)" assigned
}

# chzcrypt cannot set a guest's queue offline, because the queue has no zcrypt device.
chzcrypt_guest_queue_offline() {
	setup
	[ ! -e /sys/devices/ap/card04/04.0004/online ] || fail "zcrypt has the queue"
	chzcrypt -d 04.0004 >$SCRATCH/refused 2>&1 && fail "a queue of a guest was set offline"
	grep -q '04.0004' $SCRATCH/refused || fail "$(cat $SCRATCH/refused)"
	guest_sees 1 04.0004
	qemu_end 1
}

# The host cannot reserve a queue while a guest has it.
reserve_queue_in_use() {
	setup
	# Newer kernels reject the write to apmask, and older ones reject the write to aqmask.
	(echo +4 >$BUS/apmask && echo +4 >$BUS/aqmask) 2>$SCRATCH/refused && fail "the host reserved a queue of a guest"
	grep -q 'Device or resource busy' $SCRATCH/refused || fail "$(cat $SCRATCH/refused)"
	guest_sees 1 04.0004
	qemu_end 1
}

# driver_replace FILE: unload vfio_ap, and load the module in FILE
driver_replace() {
	[ ! -e $MATRIX/$UUID1 ] || echo 1 >$MATRIX/$UUID1/remove
	echo 0x0 >$BUS/apmask
	echo 0x0 >$BUS/aqmask
	rmmod vfio_ap_matrix_test vfio_ap_stats_test 2>/dev/null || true
	rmmod vfio_ap
	insmod "$1"
	until_true "all queues are reset and bound" not grep -Eq 'resetting=1|driver=- ' $HWSIM/state
}

# show COMMAND...: print a command, its output and its status
show() {
	echo "\$ $*"
	status=0
	"$@" 2>&1 || status=$?
	[ $status = 0 ] || echo "status $status"
}

# Print the attributes of a card and a queue, except reset_pending, which the stock driver lacks.
show_attributes() {
	for file in /sys/devices/ap/card04/* /sys/devices/ap/card04/04.0004/*; do
		case $file in
		*/reset_pending) ;;
		*) [ ! -f "$file" ] || [ ! -r "$file" ] || echo "$file: $(line_of "$file")" ;;
		esac
	done
}

# Create an mdev that has queue 04.0004.
mdev_with_queue() {
	mdev_create $UUID1
	assign $UUID1 adapter 4
	assign $UUID1 domain 4
	expect_soon "$(queue_status 04.0004)" assigned
}

# Print attributes, and the output of lszcrypt, chzcrypt and zcryptstats, while an mdev has a queue.
show_zcrypt() {
	mdev_with_queue
	show_attributes
	for options in "" -V -VV -b -d -c "04" "-V 04.0004"; do
		show lszcrypt $options
	done
	show chzcrypt -d 04.0004
	show zcryptstats --count 1
}

# Print the output of chzdev while an mdev has a queue.
show_chzdev() {
	mdev_with_queue
	show chzdev --type --list-attributes ap
	show chzdev --type --active --no-root-update ap apmask=+5
	show chzdev --type --active --no-root-update ap aqmask=+4
	# This change would take the queue from the mdev.
	show chzdev --type --active --no-root-update ap apmask=+4
	show lszcrypt -V
}

# same_as_with_stock FUNCTION: fail unless FUNCTION prints the same text with this driver and with
# the stock driver
same_as_with_stock() {
	stock=/lib/base/vfio_ap.ko
	[ -e $stock ] || skip "this boot has no stock driver"
	driver_replace "$MODULE"
	"$1" >$SCRATCH/ours
	trap 'driver_replace "$MODULE"' EXIT
	driver_replace $stock
	"$1" >$SCRATCH/stock
	driver_replace "$MODULE"
	trap - EXIT
	grep -q '^04.0004 .*vfio_ap' $SCRATCH/stock || fail "$(cat $SCRATCH/stock)"
	diff $SCRATCH/stock $SCRATCH/ours >$SCRATCH/differ || fail "$(cat $SCRATCH/differ)"
}

zcrypt_output_as_with_stock() {
	need lszcrypt chzcrypt zcryptstats
	same_as_with_stock show_zcrypt
}

chzdev_output_as_with_stock() {
	need chzdev
	chzdev --list-types | grep -q '^ap ' || skip "this chzdev does not know the device type ap"
	same_as_with_stock show_chzdev
}

tests_run zcrypt lszcrypt_guest_queue adapter_config_off_and_on \
	chzcrypt_guest_queue_offline \
	reserve_queue_in_use \
	zcrypt_output_as_with_stock chzdev_output_as_with_stock
