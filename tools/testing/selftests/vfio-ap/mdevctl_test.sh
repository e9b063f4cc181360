#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Test the distribution's unmodified mdevctl with vfio_ap.
. "$(dirname "$0")/lib/client.sh"

# json ATTRIBUTE=VALUE...: print an mdev definition that has these attributes in this order
json() {
	printf '{ "mdev_type": "vfio_ap-passthrough", "start": "%s", "attrs": [' "${start:-manual}"
	comma=
	for pair in "$@"; do
		printf '%s { "%s": "%s" }' "$comma" "${pair%=*}" "${pair#*=}"
		comma=,
	done
	echo ' ] }'
}

define() {
	uuid=$1
	shift
	json "$@" >$SCRATCH/definition
	mdevctl define --uuid "$uuid" --parent matrix --jsonfile $SCRATCH/definition
}

mdev_type_listing() {
	need mdevctl
	mdevctl types >$SCRATCH/types
	grep -q '^matrix' $SCRATCH/types || fail "$(cat $SCRATCH/types)"
	for text in vfio_ap-passthrough "Device API: vfio-ap" "VFIO AP Passthrough Device" "Available instances: 65536"; do
		grep -q "$text" $SCRATCH/types || fail "'$text' is missing: $(cat $SCRATCH/types)"
	done
}

define_start_stop_undefine() {
	need mdevctl
	define $UUID1 assign_adapter=5 assign_domain=4 assign_domain=0x6 assign_control_domain=4
	mdevctl start --uuid $UUID1
	expect $MATRIX/$UUID1/matrix "05.0004 05.0006"
	expect $MATRIX/$UUID1/control_domains 0004
	mdevctl list >$SCRATCH/list
	grep -q "^$UUID1 matrix vfio_ap-passthrough manual (defined)" $SCRATCH/list || fail "$(cat $SCRATCH/list)"
	mdevctl stop --uuid $UUID1
	[ ! -e $MATRIX/$UUID1 ] || fail "the mdev still exists"
	mdevctl list --defined | grep -q $UUID1 || fail "the definition is missing"
	mdevctl undefine --uuid $UUID1
	[ -z "$(mdevctl list --defined)" ] || fail "the definition still exists"
}

# If a write to an attribute fails, mdevctl reports the attribute and removes the new mdev.
attribute_order_and_rollback() {
	need mdevctl
	mdev_create $UUID2
	assign $UUID2 adapter 4
	assign $UUID2 domain 4
	for order in "assign_adapter=4 assign_domain=4" "assign_domain=4 assign_adapter=4"; do
		define $UUID1 $order
		mdevctl start --uuid $UUID1 2>$SCRATCH/refused && fail "a queue of another mdev was assigned"
		last=${order##* }
		grep -q "${last%=*}" $SCRATCH/refused || fail "$order: $(cat $SCRATCH/refused)"
		grep -q 'Address already in use' $SCRATCH/refused || fail "$(cat $SCRATCH/refused)"
		[ ! -e $MATRIX/$UUID1 ] || fail "mdevctl did not remove the mdev"
		mdevctl undefine --uuid $UUID1
	done
}

# For each errno that a write can return, mdevctl prints the matching error message.
error_messages() {
	need mdevctl
	echo +4 >$BUS/apmask
	echo +4 >$BUS/aqmask
	while read -r attribute text; do
		define $UUID1 assign_adapter=4 "$attribute"
		mdevctl start --uuid $UUID1 2>$SCRATCH/refused && fail "$attribute was accepted"
		grep -q "$text" $SCRATCH/refused || fail "$attribute: $(cat $SCRATCH/refused)"
		mdevctl undefine --uuid $UUID1
	done <<-END
		assign_domain=4 Cannot assign requested address
		assign_adapter=256 No such device
		assign_adapter=four Invalid argument
	END
}

# A definition can contain owner and protected. protected must come last: if a write to a later
# attribute failed, mdevctl could not remove the protected mdev.
owner_and_protected() {
	need mdevctl
	define $UUID1 assign_adapter=4 assign_domain=4 "owner=guest web 1" protected=1
	mdevctl start --uuid $UUID1
	expect $MATRIX/$UUID1/matrix 04.0004
	expect $MATRIX/$UUID1/owner "guest web 1"
	expect $MATRIX/$UUID1/protected 1
	mdevctl stop --uuid $UUID1 2>$SCRATCH/refused && fail "a protected mdev was removed"
	grep -q 'Device or resource busy' $SCRATCH/refused || fail "$(cat $SCRATCH/refused)"
	expect $MATRIX/$UUID1/matrix 04.0004
	echo 0 >$MATRIX/$UUID1/protected
	mdevctl stop --uuid $UUID1
	[ ! -e $MATRIX/$UUID1 ] || fail "the mdev still exists"
	mdevctl undefine --uuid $UUID1
	define $UUID2 assign_adapter=256 protected=1
	mdevctl start --uuid $UUID2 2>$SCRATCH/refused && fail "adapter 256 was accepted"
	[ ! -e $MATRIX/$UUID2 ] || fail "the mdev was not rolled back"
	mdevctl undefine --uuid $UUID2
	define $UUID2 protected=1 assign_adapter=256
	mdevctl start --uuid $UUID2 2>$SCRATCH/refused && fail "adapter 256 was accepted"
	expect $MATRIX/$UUID2/protected 1
	echo 0 >$MATRIX/$UUID2/protected
	mdevctl stop --uuid $UUID2
}

# "mdevctl start-parent-mdevs" is the command that mdevctl's udev rule runs when the parent device
# appears.
autostart_after_module_reload() {
	need mdevctl
	start=auto
	define $UUID1 assign_adapter=4 assign_domain=4
	define $UUID2 assign_adapter=5 assign_domain=5
	mdevctl start-parent-mdevs matrix
	expect $MATRIX/$UUID1/matrix 04.0004
	# Unload the KUnit modules first, because they depend on vfio_ap.
	rmmod vfio_ap_matrix_test vfio_ap_stats_test 2>/dev/null || true
	rmmod vfio_ap
	[ ! -e $MATRIX ] || fail "the module left its device behind"
	insmod "$MODULE"
	[ ! -e $MATRIX/$UUID1 ] || fail "the mdev still exists after the reload"
	mdevctl start-parent-mdevs matrix
	expect $MATRIX/$UUID1/matrix 04.0004
	expect $MATRIX/$UUID2/matrix 05.0005
	expect_soon "$(queue_status 05.0005)" assigned
}

# udevd starts the mdevs. The masks already have the right values when the module is loaded, as if
# the kernel parameters ap.apmask and ap.aqmask had set them.
autostart_by_udev() {
	need mdevctl udevadm $UDEVD
	start=auto
	define $UUID1 assign_adapter=4 assign_domain=4
	rmmod vfio_ap_matrix_test vfio_ap_stats_test 2>/dev/null || true
	rmmod vfio_ap
	udevd_start
	insmod "$MODULE"
	until_true "udevd makes mdevctl start the mdev" [ -e $MATRIX/$UUID1 ]
	expect_soon $MATRIX/$UUID1/matrix 04.0004
	udevd_stop
}

# client.sh, which each script sources first, must skip the script if there is no simulator.
skip_without_simulator() {
	mkdir -p $SCRATCH
	sed 's,^HWSIM=.*,HWSIM=/nowhere,' "$(dirname "$0")/lib/client.sh" >$SCRATCH/client.sh
	status=0
	said=$(. $SCRATCH/client.sh; echo "continued") || status=$?
	[ $status = 4 ] || fail "status $status: $said"
	case $said in
	*"1..0 # SKIP "*) ;;
	*) fail "$said" ;;
	esac
}

tests_run mdevctl mdev_type_listing define_start_stop_undefine \
	attribute_order_and_rollback error_messages owner_and_protected \
	autostart_after_module_reload autostart_by_udev skip_without_simulator
