#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Test with unmodified programs of a distribution: QEMU, and Linux as the guest, whose AP bus and
# zcrypt use the queues.
. "$(dirname "$0")/lib/client.sh"
. "$(dirname "$0")/lib/linux.sh"

# interrupts_grow NUMBER TEXT: fail unless the guest has got AP interrupts since it printed TEXT
interrupts_grow() {
	after=$(guest_does "$1" i "AP interrupts:")
	[ "${after##* }" -gt "${2##* }" ] || fail "no interrupt: '$2', '$after'"
}

# The guest enables the interrupt of each queue, and gets one for each reply.
queue_hotplug_and_unplug() {
	setup
	qemu_start_with 1 $UUID1
	guest_sees 1
	assign $UUID1 domain 4
	assign $UUID1 adapter 4
	guest_sees 1 04.0004
	interrupts=$(guest_does 1 i "AP interrupts:")
	guest_requests 1 "answered 04.0004"
	interrupts_grow 1 "$interrupts"
	assign $UUID1 adapter 5
	guest_sees 1 "04.0004 05.0004"
	unassign $UUID1 adapter 4
	guest_sees 1 05.0004
	guest_requests 1 "answered 05.0004"
	unassign $UUID1 adapter 5
	guest_sees 1
	qemu_end 1
}

tests_run linux queue_hotplug_and_unplug
