#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check the model of the lock rule, rig/model/vfio_ap.pml, with Debian's spin: every order of the steps of those who take
# part. With MUTATE=1 one fault at a time: each must be found. The last line says what was checked.
. "$(dirname "$0")/lib.sh"
model=$top/rig/model/vfio_ap.pml
work=$build/model

# What is checked, and who takes part in it beside the guests.
CHECKS='
no queue goes to another guest unreset:ADMINS RESETS ATTACHED STAYING
a queue that is unbound, used by the host and bound again:ADMINS BUS ATTACHED STAYING
changes of the host configuration:HOST
changes of the host configuration, and a guest that has its queue reset:HOST RESETS ATTACHED STAYING
likewise, and a queue that is unbound and bound again:HOST BUS ATTACHED STAYING
ioctls of KVM that stop vCPUs:KVM
administrators, and guests that come and go:ADMINS
an administrator does not wait for the guest of another:ADMINS HOLD ATTACHED
neither does an unbind:BUS HOLD
nor a change of the host configuration:HOST HOLD
'
# The fault, where it is looked for, and how the assertion begins, but for parentheses, that it must violate.
MUTANTS='
the guest is not looked up again under its lock:NO_SECOND_LOOK ADMINS:apcb[0]==
a transaction begins again though nobody got on:RETRY_FOR_NOTHING ADMINS:seen!=attachments
what was valid before a wait is taken for valid after it:NO_RECHECK ADMINS:!assigned[
the reset is wanted before the APCB is written:EARLY_WANT ADMINS:data==0
a reset that began in the guest counts for its leaving:STALE_COUNTS ADMINS RESETS ATTACHED STAYING:data==0
a queue that is bound again is taken for reset:PROBED_IS_CLEAN ADMINS BUS ATTACHED STAYING:data==0
a guest has a queue reset that it is just given:RESET_DURING_A_COMMIT ADMINS RESETS ATTACHED STAYING:!new||!resetting
the host takes what is still in an APCB:IN_USE_TOO_EARLY ADMINS BUS ATTACHED STAYING:!apcb[0]
the end of a reset is told to nobody:NO_NEWS ADMINS:committed[
ap_perms_mutex is taken before kvm->lock:PERMS_FIRST ADMINS HOLD:finished_of_1
guests_lock is taken before kvm->lock, as the base does:BASE_ORDER HOST HOLD:finished
likewise, an administrator:BASE_ORDER ADMINS HOLD:finished
'

# check TEXT:FLAGS[:ASSERTION]: prints a line; fails if the search was not complete, or found what it should not, or not
# what it should
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
	if [ -n "${MUTATE:-}" ]; then
		[ "$errors" = 1 ] && tr -d ' ()' <pan.log | grep -qF "violated$violated" || { echo "  $found: NOT FOUND"; return 1; }
		found="$found: found"
		case " $flags " in *" HOLD "*) waits=$("$top/rig/model_waits.py" "$model" $flags) || return 1; found=$found$'\n'$waits ;; esac
		# In one piece: others are at work beside this one.
		echo "  $found"
	else
		[ "$errors" = 0 ] && echo "  $found" || { echo "  $found: FAILED, see build/model/"; return 1; }
	fi
}

if [ "${1:-}" = check ]; then
	check "$2"
	exit
fi
say "two guests, two mdevs, one queue; every order of steps"
all=$([ -n "${MUTATE:-}" ] && echo "$MUTANTS" || echo "$CHECKS")
total=$(echo "$all" | grep -c .)
if echo "$all" | grep . | tr '\n' '\0' | xargs -0 -n 1 -P "$jobs" "$0" check; then
	say "model: $total $([ -n "${MUTATE:-}" ] && echo faults found || echo checks passed)"
else
	die "model: something above is not as it should be"
fi
