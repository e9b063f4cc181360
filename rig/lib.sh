# SPDX-License-Identifier: GPL-2.0
# Shared by the scripts of the rig: where things are, how progress and failure look.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/build
# VARIANT=base: the base, with the simulator and the headers that our driver needs, and without all else that is ours.
linux=$build/linux
[ "${VARIANT:-}" != base ] || linux=$build/linux-base
kernel=$build/kernel
logs=$build/log
jobs=$(nproc)
export ARCH=s390 CROSS_COMPILE=s390x-linux-gnu-
mkdir -p "$logs"

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
		die "$text (full log: build/log/$name.log)"
	fi
}
