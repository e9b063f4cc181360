# SPDX-License-Identifier: GPL-2.0
# Shared by the scripts of the rig: where things are, how progress and failure look.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
# BASE: the kernel that everything is built for, 6.12 or mainline. Programs of Debian are the same for both.
base=${BASE:-6.12}
build=$top/build
debian=$build/debian
# Changes that this base needs beside those of mainline.
backport=$top/backport/$base
[ "$base" = 6.12 ] || build=$top/build/$base
# VARIANT=base: the base, with the simulator and the headers that our driver needs, and without all else that is ours.
linux=$build/linux
[ "${VARIANT:-}" != base ] || linux=$build/linux-base
kernel=$build/kernel
logs=$build/log
jobs=$(nproc)
export ARCH=s390 CROSS_COMPILE=s390x-linux-gnu-
mkdir -p "$logs"

# What mainline is today need not be what these patches were made for.
newer() {
	[ "$base" = mainline ] && [ -f "$build/base" ] || return 0
	passed=$(grep -v '^#' "$top/rig/mainline.txt" | tail -n 1)
	[ "$(cut -d ' ' -f 1,2 "$build/base")" = "$(echo "$passed" | cut -d ' ' -f 1,2)" ] ||
		printf '%s' " (mainline is now $(cut -d ' ' -f 1,2 "$build/base"); the last that passed: $passed)"
}

say() { printf '%s\n' "$*"; }
die() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

# logged NAME TEXT COMMAND...: one line on the screen, the rest in build/log/NAME.log
logged() {
	name=$1 text=$2
	shift 2
	printf '  %-34s' "$text"
	start=$(date +%s)
	# Not as a condition: in a function that is one, no failure would end it but the last.
	set +e
	(set -e; "$@") >"$logs/$name.log" 2>&1
	failed=$?
	set -e
	if [ $failed = 0 ]; then
		printf '%4d s\n' $(($(date +%s) - start))
	else
		printf 'failed\n'
		tail -n 15 "$logs/$name.log" >&2
		die "$text (full log: ${logs#"$top/"}/$name.log)$(newer)"
	fi
}
