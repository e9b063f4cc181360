# SPDX-License-Identifier: GPL-2.0
# Helpers of the shell tests with a Linux guest, which needs the engine "native" of the simulator.
GUEST=${VFIO_AP_LINUX_GUEST:-/guest}
# The guest boots in a minute, but takes longer while the CPUs run other emulated machines.
PATIENCE=$((PATIENCE * 8))
TEST_SECONDS=$((TEST_SECONDS + 1200))
# Each new process of the shell empties the TLBs of all CPUs, which slows the guest down.
POLL=300000
ENGINE=/sys/module/ap_hwsim/parameters/engine

# Skip the test if there is no Linux guest.
linux_needed() {
	need qemu-system-s390x lszcrypt
	[ -e "$GUEST/image" ] && [ -e $ENGINE ] && return
	echo "no Linux guest in $GUEST" | tee $SCRATCH/skip
	exit 4
}

# Guests that start from now on run natively, until the shell exits.
engine_native() {
	engine=$(cat $ENGINE)
	trap 'echo $engine >$ENGINE' EXIT
	echo native >$ENGINE
}

# has_printed_more NUMBER TEXT COUNT: succeed if more than COUNT lines of the guest begin with TEXT
has_printed_more() { [ "$(grep -c "^$2" "$SCRATCH/$1/console")" -gt "$3" ]; }

# guest_does NUMBER COMMAND TEXT: type a command of guest/linux_init.sh, wait until the guest prints a
# line that begins with TEXT, and print this line
guest_does() {
	local printed
	printed=$(grep -c "^$3" "$SCRATCH/$1/console") || true
	printf %s "$2" >"$SCRATCH/$1/console.in"
	until_true "the guest of QEMU $1 prints '$3', it prints: \$(tail -n 1 $SCRATCH/$1/console)" \
		has_printed_more "$1" "$3" "$printed"
	grep "^$3" "$SCRATCH/$1/console" | tail -n 1 | tr -d '\r'
}

# guest_requests NUMBER "RESULT [QUEUE]": the guest sends a request, and this queue answers it
guest_requests() {
	queue=${2#* }
	before=$(guest_does "$1" r "AP request:" | sed -n "s/.* $queue=\([0-9]*\).*/\1/p")
	after=$(guest_does "$1" r "AP request:")
	case $after in
	"AP request: ${2%% *} "* | "AP request: ${2%% *}") ;;
	*) fail "the guest says '$after' instead of '${2%% *}'" ;;
	esac
	[ "$queue" = "$2" ] || [ "$(echo "$after" | sed -n "s/.* $queue=\([0-9]*\).*/\1/p")" -gt "$before" ] ||
		fail "$queue has not answered: '$after'"
}

# Each test has an mdev, and uses the native engine.
setup() {
	linux_needed
	engine_native
	mdev_create $UUID1
}
