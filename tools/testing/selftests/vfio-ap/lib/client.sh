# SPDX-License-Identifier: GPL-2.0
# Helpers for the shell tests: TAP output, the simulated machine, QEMU and its guests.
#
# Each test is a shell function. `tests_run FIXTURE NAME...` runs each test in its own shell with
# set -e. After each test, even a failed one, tests_run waits until nothing_is_left succeeds.

HWSIM=/sys/kernel/debug/s390/ap_hwsim
BUS=/sys/bus/ap
MATRIX=/sys/devices/vfio_ap/matrix
DRIVER=$BUS/drivers/vfio_ap
MODULE=${VFIO_AP_MODULE:-/lib/vfio_ap.ko}
UUID1=11111111-1111-1111-1111-111111111111
UUID2=22222222-2222-2222-2222-222222222222
SCRATCH=/tmp/client
PATIENCE=${TEST_PATIENCE:-90}
# Interval at which until_true() tests a condition, in microseconds
POLL=20000
# Timeout per test in seconds, as in lib/main.h. QEMU usually starts in 8 s, but takes a minute on a
# kernel with KASAN if two other emulated machines are running.
TEST_SECONDS=$((240 + ${STRESS_SECONDS:-0} + 120 * ${CLIENT_CYCLES:-0}))

fail() { echo "# $*"; exit 1; }

# until_true TEXT COMMAND...: repeat COMMAND until it succeeds. If it does not succeed within
# $PATIENCE seconds, print TEXT, which describes the condition, and fail.
until_true() {
	local text=$1 now rest end
	shift
	read -r now rest </proc/uptime
	end=$((${now%.*} + PATIENCE))
	until "$@"; do
		read -r now rest </proc/uptime
		[ "${now%.*}" -lt $end ] || fail "timed out waiting until $(eval "echo \"$text\"")"
		usleep $POLL
	done
}

not() { ! "$@"; }

# Print all lines of a file as one line, separated by spaces.
line_of() { tr '\n' ' ' <"$1" 2>/dev/null | sed 's/ $//'; }
shows() { [ "$(line_of "$1")" = "$2" ]; }
# expect FILE TEXT: fail unless line_of FILE prints TEXT. expect_soon FILE TEXT: wait until line_of
# FILE prints TEXT.
expect() { shows "$1" "$2" || fail "$1: '$(line_of "$1")' is not '$2'"; }
expect_soon() { until_true "$1 is '$2' (now '\$(line_of $1)')" shows "$1" "$2"; }

queue_status() { echo "/sys/devices/ap/card${1%.*}/$1/status"; }
mdev_create() { printf %s "$1" >$MATRIX/mdev_supported_types/vfio_ap-passthrough/create; }
assign() { echo "$3" >"$MATRIX/$1/assign_$2"; }
unassign() { echo "$3" >"$MATRIX/$1/unassign_$2"; }
bus_scan() { echo 1 >$BUS/scans; }

# Skip all tests on a machine without the simulator, because its real queues may be in use.
hwsim_needed() {
	[ -d "$HWSIM" ] && return
	echo "TAP version 13"
	echo "1..0 # SKIP no simulated hardware: CONFIG_AP_HWSIM, debugfs"
	exit 4
}
hwsim_needed

# Return the machine to its state after boot, in case an earlier test has changed something.
machine_reset() {
	echo 1 >$HWSIM/reset
	[ -e /sys/module/vfio_ap ] || insmod "$MODULE"
	for mdev in "$MATRIX"/????????-*; do
		[ ! -e "$mdev/protected" ] || echo 0 >"$mdev/protected"
		[ ! -e "$mdev/remove" ] || echo 1 >"$mdev/remove"
	done
	rm -rf /etc/mdevctl.d/matrix
	# The AP bus rejects writes to apmask and aqmask while any queue has a driver_override.
	for override in /sys/devices/ap/card*/*/driver_override; do
		[ ! -e "$override" ] || echo >"$override" 2>/dev/null || true
	done
	echo 0x0 >$BUS/apmask
	echo 0x0 >$BUS/aqmask
	bus_scan
	for queue in $(sed -n 's/ .*driver=- .*//p' $HWSIM/state); do
		echo "$queue" >$DRIVER/bind 2>/dev/null || true
	done
	# queues_take_from_bus() in lib/sysfs.c explains this.
	for states in $(grep -l OPERATING /sys/devices/ap/card*/*/states 2>/dev/null); do
		queue=${states%/states}
		echo "${queue##*/}" >$DRIVER/unbind
		echo "${queue##*/}" >$DRIVER/bind
	done
	until_true "all queues are reset and bound" not grep -Eq 'resetting=1|driver=- ' $HWSIM/state
	echo 1 >$HWSIM/reset
	# Let each reset take 5 ms, whether or not a driver polls the queue, as on hardware.
	echo "*.* ms 5" >$HWSIM/reset_time
	# Prevent periodic scans of the AP bus during a test.
	echo 120 >$BUS/config_time
	rm -rf $SCRATCH
	mkdir $SCRATCH
	references_before=${references_before:-$(references)}
}

# Print the reference count of vfio_ap, or 0 if it is not loaded.
references() { cat /sys/module/vfio_ap/refcnt 2>/dev/null || echo 0; }

# Succeed if KVM's trace shows that all VMs have been destroyed.
vms_are_destroyed() {
	awk '{ for (i = 1; i < NF - 1; i++) if ($i == "vm") alive[$(i + 1)] = $(i + 2) == "created" }
		END { for (vm in alive) n += alive[vm]; exit n != 0 }' /sys/kernel/debug/s390dbf/kvm-trace/sprintf
}

# Succeed if no guest has a queue, no queue bound to vfio_ap contains a guest's data, no page is
# pinned, the module's reference count has not grown, and no VM exists.
nothing_is_left() {
	! grep -Eq ' guest=[1-9]' $HWSIM/state &&
		! grep -E ' driver=vfio_ap( |$)' $HWSIM/state | grep -q ' dirty=1' &&
		cat /proc/sys/vm/stat_refresh >/dev/null &&
		awk '{ n[$1] = $2 } END { exit n["nr_foll_pin_acquired"] != n["nr_foll_pin_released"] }' /proc/vmstat &&
		[ "$(references)" -le "$references_before" ] && vms_are_destroyed
}

violations_none() {
	echo 1 >$HWSIM/check
	[ -z "$(cat $HWSIM/violations)" ] && return
	sed 's/^/# /' $HWSIM/violations
	echo 0 >$HWSIM/violations
	return 1
}

# one_run FIXTURE.NAME: run a test in its own session, and return its exit status. When the test
# ends or exceeds TEST_SECONDS, kill the processes that remain.
one_run() {
	setsid timeout -s KILL $TEST_SECONDS "$0" --one "${1#*.}" &
	test=$!
	wait $test
	status=$?
	[ $status != 137 ] || echo "# the test has not ended within $TEST_SECONDS s"
	kill -9 -$test 2>/dev/null
	return $status
}

# lib/main.h describes TEST_LIST.
is_listed() { [ -z "${TEST_LIST:-}" ] || grep -qxF "${0##*/}:$1" "$TEST_LIST"; }

# If TEST_SKIPS (see lib/main.h) lists a test, print the reason to skip the test, and succeed.
skip_reason() {
	[ "${TEST_SKIPS:-}" ] || return 1
	while IFS="$(printf '\t')" read -r pattern reason; do
		case ${0##*/}:$1 in
		$pattern) echo "$reason"; return 0 ;;
		esac
	done <"$TEST_SKIPS"
	return 1
}

# tests_run FIXTURE NAME...: run the selected tests. Each test script ends with a call to tests_run,
# which starts the script again for each test.
tests_run() {
	if [ "${one:-}" ]; then
		set -e
		machine_reset
		"$one"
		exit 0
	fi
	fixture=$1
	shift
	chosen=
	for name in "$@"; do
		case $fixture.$name in
		${TEST_FILTER:-*}) ! is_listed "$fixture.$name" || chosen="$chosen $name" ;;
		esac
	done
	set -- $chosen
	echo "TAP version 13"
	echo "1..$#"
	number=0
	failures=0
	for name in "$@"; do
		number=$((number + 1))
		echo "#  RUN           $fixture.$name ..."
		if reason=$(skip_reason "$fixture.$name"); then
			echo "ok $number $fixture.$name # SKIP $reason"
			continue
		fi
		export references_before=$(references)
		rm -rf $SCRATCH
		one_run "$fixture.$name"
		status=$?
		(set -e; until_true "the guests left nothing behind" nothing_is_left; violations_none)
		left=$?
		${TEST_AFTER:+$TEST_AFTER "${0##*/}:$fixture.$name"}
		if [ $status:$left = 0:0 ]; then
			echo "ok $number $fixture.$name"
		elif [ $status:$left = 4:0 ] && [ -e $SCRATCH/skip ]; then
			echo "ok $number $fixture.$name # SKIP $(cat $SCRATCH/skip)"
		else
			echo "not ok $number $fixture.$name"
			failures=$((failures + 1))
		fi
	done
	[ $failures = 0 ]
}

[ "${1:-}" != --one ] || one=$2

skip() { echo "$*" | tee $SCRATCH/skip; exit 4; }

# need PROGRAM...: skip the test if any of the programs is missing
need() {
	for program in "$@"; do
		command -v "$program" >/dev/null || skip "$program is missing"
	done
}

UDEVD=/usr/lib/systemd/systemd-udevd
RULES=/usr/lib/udev/rules.d

# Start udevd with the distribution's rules for AP queues, mdevs and modules. Hide the other rules,
# because some versions of udevd read all rules again before each event, which takes up to 40 s.
# Correct the path in Debian's rule for mdevctl. chzdev needs a new /etc/udev, because the original
# may be read-only.
udevd_start() {
	mv /etc/udev /etc/udev.distribution
	trap udevd_stop EXIT
	mkdir -p /etc/udev/rules.d /run/udev /run/lock $SCRATCH/rules
	cp $RULES/40-z90crypt.rules $RULES/80-drivers.rules $SCRATCH/rules
	sed 's,/usr/sbin/mdevctl,/usr/bin/mdevctl,' $RULES/60-mdevctl.rules >$SCRATCH/rules/60-mdevctl.rules
	mount --bind $SCRATCH/rules $RULES
	$UDEVD >$SCRATCH/udevd.said 2>&1 &
	until_true "udevd answers (\$(tail -n 3 $SCRATCH/udevd.said))" udevadm control --ping 2>/dev/null
}

# Undo what udevd_start() has done, even if it has failed halfway.
udevd_stop() {
	trap - EXIT
	udevadm control --exit || true
	umount $RULES || true
	rm -rf /etc/udev /run/udev
	mv /etc/udev.distribution /etc/udev
}

# The following functions run QEMU. Each QEMU has a number, and its files are in $SCRATCH/NUMBER. If
# BACKEND is iommufd, QEMU opens VFIO devices through an iommufd instead of through their groups.
iommufd=${BACKEND:+,iommufd=iommufd0}

# Skip the test if QEMU is too old for BACKEND. QEMU starts slowly, so read its version only once.
need_backend() {
	[ "${BACKEND:-}" ] || return 0
	[ -e /dev/iommu ] || fail "the kernel has no iommufd"
	[ -e /tmp/qemu.version ] || qemu-system-s390x --version >/tmp/qemu.version
	! grep -Eq 'version [0-8]\.' /tmp/qemu.version || skip "$(head -n 1 /tmp/qemu.version) has no iommufd, 9.0 has"
}

# with_guest QEMU ARGUMENT...: replace the shell with QEMU, and run the small guest of
# guest/console.c, or Linux if GUEST is its directory. GUEST_CPUS is the number of CPUs of the
# Linux guest.
with_guest() {
	if [ "${GUEST:-}" ]; then
		exec "$@" -m 160 -smp "${GUEST_CPUS:-1}" -kernel "$GUEST/image" -initrd "$GUEST/initrd" \
			-append "console=ttysclp0 quiet panic=-1 nokaslr spectre_v2=on"
	else
		exec "$@" -m 16 -kernel "$(dirname "$0")/console.elf"
	fi
}

# qemu_start NUMBER [ARGUMENT...]: start QEMU without waiting for its guest
qemu_start() {
	q=$SCRATCH/$1
	shift
	mkdir -p "$q"
	mkfifo "$q/qmp.in" "$q/qmp.out" "$q/console.in" "$q/console.out"
	with_guest qemu-system-s390x -M s390-ccw-virtio -accel kvm -nodefaults -display none \
		-chardev pipe,id=qmp,path="$q/qmp" -mon chardev=qmp,mode=control \
		-chardev pipe,id=console,path="$q/console" -device sclpconsole,chardev=console \
		${iommufd:+-object iommufd,id=iommufd0} "$@" >"$q/said" 2>&1 &
	echo $! >"$q/pid"
	# Close descriptors 8 and 9, because only QEMU may keep the files that a test passes to it.
	cat "$q/qmp.out" >"$q/qmp" 8>&- 9>&- &
	cat "$q/console.out" >"$q/console" 8>&- 9>&- &
	echo '{"execute":"qmp_capabilities"}' >"$q/qmp.in"
}

# qemu_start_with NUMBER UUID: start QEMU with mdev UUID, and wait until its guest is running
qemu_start_with() {
	qemu_start "$1" -device "vfio-ap,id=ap,sysfsdev=$MATRIX/$2$iommufd"
	guest_started "$1"
}

guest_started() {
	until_true "the guest of QEMU $1 prints its queues (\$(cat $SCRATCH/$1/said))" \
		grep -q '^AP:' "$SCRATCH/$1/console"
}

# sees NUMBER "QUEUE...": make the guest print its queues, and succeed if they are QUEUE...
sees() {
	answers=$(grep -c '^AP now:' "$SCRATCH/$1/console")
	printf l >"$SCRATCH/$1/console.in"
	until_true "the guest of QEMU $1 answers" eval '[ $(grep -c "^AP now:" "$SCRATCH/'"$1"'/console") -gt $answers ]'
	[ "$(grep '^AP now:' "$SCRATCH/$1/console" | tail -n 1 | tr -d '\r')" = "AP now: ${2:-none}" ]
}
# guest_sees NUMBER "QUEUE...": wait until the guest sees exactly these queues. If TAPQ returns a
# response code other than 00 for a queue, the code follows the queue's APQN, as in 04.0004:03.
guest_sees() {
	until_true "the guest of QEMU $1 sees '${2:-none}' (last line: \$(tail -n 1 $SCRATCH/$1/console))" sees "$1" "$2"
}

qmp() { echo "$2" >"$SCRATCH/$1/qmp.in"; }
# qmp_said NUMBER COUNT TEXT: succeed if at least COUNT lines of QEMU's QMP output contain TEXT
qmp_said() { [ "$(grep -c "$3" "$SCRATCH/$1/qmp")" -ge "$2" ]; }

# device_add NUMBER UUID [ID]
device_add() { qmp "$1" '{"execute":"device_add","arguments":{"driver":"vfio-ap","id":"'"${3:-ap}"'","sysfsdev":"'"$MATRIX/$2"'"'"${iommufd:+,\"iommufd\":\"iommufd0\"}"'}}'; }
device_del() { qmp "$1" '{"execute":"device_del","arguments":{"id":"ap"}}'; }

# Call the setup() of the script, and start a guest that has the queue 04.0004.
setup_with_a_queue() {
	setup
	assign $UUID1 adapter 4
	assign $UUID1 domain 4
	qemu_start_with 1 $UUID1
	guest_sees 1 04.0004
}

# Unplug the device from the guest of setup_with_a_queue(), and plug it again.
device_replug() {
	device_del 1
	until_true "QEMU has deleted the device" qmp_said 1 1 DEVICE_DELETED
	guest_sees 1
	expect_soon "$(queue_status 04.0004)" assigned
	device_add 1 $UUID1
	guest_sees 1 04.0004
}

# qemu_end NUMBER: tell the guest to shut down, and wait until QEMU has exited
qemu_end() {
	printf q >"$SCRATCH/$1/console.in"
	qemu_gone "$1"
	until_true "the guest of QEMU $1 prints bye" grep -q '^bye' "$SCRATCH/$1/console"
}

# qemu_gone NUMBER [STATUS]: wait until QEMU exits, and fail if its status is not STATUS (default 0)
qemu_gone() {
	set +e
	wait "$(cat "$SCRATCH/$1/pid")"
	status=$?
	set -e
	rm -r "$SCRATCH/$1"/*.in "$SCRATCH/$1"/*.out
	[ $status = "${2:-0}" ] || fail "QEMU $1 ended with $status: $(cat "$SCRATCH/$1/said")"
}

qemu_kill() {
	kill -9 "$(cat "$SCRATCH/$1/pid")"
	qemu_gone "$1" 137
	rm -r "${SCRATCH:?}/$1"
}
