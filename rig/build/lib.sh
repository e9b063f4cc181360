# SPDX-License-Identifier: GPL-2.0
# Code that the shell scripts share: paths, progress and error messages. With -h, a script prints the comment at its top.
#
# Two environment variables, which make sets, select a kernel for the shell scripts and the Python programs:
#   BASE     the source: 6.12 (default) or mainline. The test kernels of both sources run the same Debian programs.
#   VARIANT  the configuration: empty for the ordinary test kernel, or the name of a fragment in rig/config/variant/.
#            VARIANT=stock is the stock kernel with the simulator. Our driver is built for it as by `make module`.
set -eu

case ${1:-} in
-h | --help)
	sed -n '/^#!/d; /SPDX/d; /^#/!q; s/^# \{0,1\}//p' "$0"
	exit
	;;
esac

top=$(cd "$(dirname "$0")/../.." && pwd)
base=${BASE:-6.12}
build=$top/build
debian=$build/debian
# The patches that adapt this repository to the base, if there are any.
backport=$top/backport/$base
[ "$base" = 6.12 ] || build=$top/build/$base
linux=$build/linux
[ "${VARIANT:-}" != stock ] || linux=$build/linux-stock
kernel=$build/kernel
logs=$build/log
jobs=$(nproc)
export ARCH=s390 CROSS_COMPILE=s390x-linux-gnu-
# If LOCALVERSION is not set, kbuild appends "+" to the kernel release in a git repository, such as that of `make tree`.
export LOCALVERSION=
mkdir -p "$logs"

# Print a hint if this mainline version is not the last one that passed the tests.
newer() {
	[ "$base" = mainline ] && [ -f "$build/base" ] || return 0
	passed=$(grep -v '^#' "$top/rig/test/mainline.txt" | tail -n 1)
	[ "$(cut -d ' ' -f 1,2 "$build/base")" = "$(echo "$passed" | cut -d ' ' -f 1,2)" ] ||
		printf '%s' " (mainline is now $(cut -d ' ' -f 1,2 "$build/base"), and the last version that passed is: ${passed:-none})"
}

say() { printf '%s\n' "$*"; }
die() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

# rig MODULE ARGUMENT...: run a Python program of the rig
rig() {
	module=$1
	shift
	(cd "$top" && exec python3 -m "rig.$module" "$@")
}

# logged NAME TEXT COMMAND...: run COMMAND, log its output in build/log/NAME.log, and print one line with TEXT
logged() {
	name=$1 text=$2
	shift 2
	printf '  %-34s' "$text"
	start=$(date +%s)
	# Run COMMAND in a subshell. If it were a condition, set -e would have no effect in it.
	set +e
	(set -e; "$@") >"$logs/$name.log" 2>&1
	rc=$?
	set -e
	if [ $rc = 0 ]; then
		printf '%4d s\n' $(($(date +%s) - start))
	else
		printf 'failed\n'
		tail -n 15 "$logs/$name.log" >&2
		die "$text (full log: ${logs#"$top/"}/$name.log)$(newer)"
	fi
}
