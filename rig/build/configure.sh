#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# usage: configure.sh OUTPUT-DIRECTORY FRAGMENT...
# Configure the kernel: start with allnoconfig and merge the fragments. If several fragments set a symbol, the last value
# counts. Fail if the resulting configuration lacks one of these values.
. "$(dirname "$0")/lib.sh"
out=$1
shift

configure() {
	mkdir -p "$out"
	make -C "$linux" O="$out" allnoconfig
	"$linux/scripts/kconfig/merge_config.sh" -m -O "$out" "$out/.config" "$@"
	make -C "$linux" O="$out" olddefconfig
}
logged configure "configure the kernel" configure "$@"

lost=$(cat "$@" | grep '^CONFIG_' | awk -F= '{ last[$1] = $0 } END { for (s in last) print last[s] }' | while read -r line; do
	case $line in
	*=n) ! grep -q "^${line%=n}=" "$out/.config" || echo "$line" ;;
	*) grep -qxF "$line" "$out/.config" || echo "$line" ;;
	esac
done)
[ -z "$lost" ] || die "the configuration lost:" $lost
