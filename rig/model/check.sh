#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# usage: check.sh [--mutate]
# Check every order of steps in the model rig/model/vfio_ap.pml with Debian's spin. With --mutate, check models that have one
# fault each, which spin must find. The last line is the result.
. "$(dirname "$0")/../build/lib.sh"
model=$top/rig/model/vfio_ap.pml
work=$build/model

# Each line is TEXT:FLAGS. The flags select the processes of the model, in addition to the guests.
CHECKS='
no queue moves to another guest without a reset:ADMINS RESETS ATTACHED STAYING
a queue that is unbound, used by the host and bound again:ADMINS BUS ATTACHED STAYING
changes to the host configuration:HOST
changes to the host configuration, and a guest that resets its queue:HOST RESETS ATTACHED STAYING
changes to the host configuration, and a queue that is unbound and bound again:HOST BUS ATTACHED STAYING
KVM ioctls that stop vCPUs:KVM
administrators, and guests that come and go:ADMINS
an administrator does not wait for another guest:ADMINS HOLD ATTACHED
an unbind does not wait for another guest:BUS HOLD
a change to the host configuration does not wait for another guest:HOST HOLD
'
# Each line is TEXT:FLAGS:ASSERTION. spin must report a violated assertion that, without blanks and parentheses, begins with
# ASSERTION.
MUTANTS='
the guest is not looked up again under its lock:NO_SECOND_LOOK ADMINS:apcb[0]==
a transaction restarts although no other task made progress:RETRY_FOR_NOTHING ADMINS:seen!=attachments
an assignment is not validated again after a wait:NO_RECHECK ADMINS:!assigned[
the reset is required before the APCB is written:EARLY_WANT ADMINS:data==0
a reset counts although it was issued before the queue left the guest:STALE_COUNTS ADMINS RESETS ATTACHED STAYING:data==0
a queue that is bound again counts as reset:PROBED_IS_CLEAN ADMINS BUS ATTACHED STAYING:data==0
a guest resets a queue while a commit adds it:RESET_DURING_A_COMMIT ADMINS RESETS ATTACHED STAYING:!new||!resetting
the host uses a queue that is still in an APCB:IN_USE_TOO_EARLY ADMINS BUS ATTACHED STAYING:!apcb[0]
the end of a reset does not cause a commit:NO_NEWS ADMINS:committed[
ap_perms_mutex is taken before kvm->lock:PERMS_FIRST ADMINS HOLD:finished_of_1
guests_lock is taken before kvm->lock, as in the stock driver:BASE_ORDER HOST HOLD:finished
guests_lock is taken before kvm->lock, in a write by an administrator:BASE_ORDER ADMINS HOLD:finished
'

# check TEXT:FLAGS[:ASSERTION]: check one model and print a line. Fail if the search is incomplete or its result is wrong.
check() {
	local text flags violated place states errors found waits
	IFS=: read -r text flags violated <<<"$1"
	place=$work/$(echo "$flags" | tr ' ' '-')
	rm -rf "$place" && mkdir -p "$place" && cd "$place"
	spin -a $(printf -- '-D%s ' $flags) "$model" >spin.log
	gcc -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=6000 -o pan pan.c
	timeout 1200 ./pan -E -m500000 >pan.log 2>&1 || true
	errors=$(sed -n 's/.*errors: \([0-9]*\)$/\1/p' pan.log)
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log)
	found="$text ($flags): ${states:-?} states, ${errors:-no} errors"
	if grep -Eq 'max search depth too small|out of memory|search was not completed' pan.log && [ "$errors" = 0 ]; then
		found="$found, not complete"
		errors=
	fi
	if [ -n "$mutate" ]; then
		[ "$errors" = 1 ] && tr -d ' ()' <pan.log | grep -qF "violated$violated" || { echo "  $found: NOT FOUND"; return 1; }
		found="$found: found"
		case " $flags " in *" HOLD "*) waits=$(python3 "$top/rig/model/waits.py" "$model" $flags) || return 1; found=$found$'\n'$waits ;; esac
		# Print the text with a single write, because other checks run in parallel.
		echo "  $found"
	else
		[ "$errors" = 0 ] && echo "  $found" || { echo "  $found: FAILED, see build/model/"; return 1; }
	fi
}

mutate=
[ "${1:-}" != --mutate ] || { mutate=$1; shift; }
if [ "${1:-}" = check ]; then
	check "$2"
	exit
fi
say "model: two guests, two mdevs and one queue, in every order of steps"
all=$([ -n "$mutate" ] && echo "$MUTANTS" || echo "$CHECKS")
total=$(echo "$all" | grep -c .)
if echo "$all" | grep . | tr '\n' '\0' | xargs -0 -n 1 -P "$jobs" "$0" $mutate check; then
	say "model: $total $([ -n "$mutate" ] && echo faults found || echo checks passed)"
else
	die "model: a check above failed"
fi
