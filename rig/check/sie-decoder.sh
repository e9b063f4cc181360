#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# usage: sie-decoder.sh [OBJECT...]
# Check that the SIE interpreter supports the instructions that the compiler emits, and computes the same results as a CPU.
#
# Without arguments, compile rig/sie-corpus/ and the guest programs of the selftests at each optimization level, and check
# that the interpreter's table contains all their instructions. Then run the corpus both in the interpreter and natively, and
# compare the results. With arguments, only check the instructions in the given s390x objects.
. "$(dirname "$0")/../build/lib.sh"

corpus=$top/rig/sie-corpus
hwsim=$top/drivers/s390/crypto/ap_hwsim
tests=$top/tools/testing/selftests/vfio-ap
cross=$CROSS_COMPILE
cflags="-march=z900 -m64 -msoft-float -ffreestanding -fno-pic -fno-pie -fno-stack-protector"
cflags="$cflags -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -std=gnu11 -Wall"
cflags="$cflags -Werror"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sed -n 's/^INSN(0x\([0-9a-f]*\),.*/\1/p' "$hwsim/sie_opcodes.h" | sort > "$work/known"
[ -s "$work/known" ] || { echo "no table" >&2; exit 1; }

# disassemble OBJECT...: print the operation code (in the format of the table) and the mnemonic of each instruction
disassemble() {
	"${cross}objdump" -d "$@" | awk -F '\t' '
	$1 ~ /^ *[0-9a-f]+: *$/ && NF >= 3 {
		n = split($2, b, " ")
		first = b[1]
		if (first ~ /^(01|b2|b3|b9|e5)$/)
			code = first b[2]
		else if (first ~ /^(a5|a7|c0|c2|c4|c6|c8)$/)
			code = first "0" substr(b[2], 2, 1)
		else if (first ~ /^(e3|eb|ec|ed)$/)
			code = first b[6]
		else
			code = first "00"
		split($3, m, " ")
		if (m[1] !~ /^\./)
			print code, m[1]
	}' | sort -u
}

# compare OBJECT...: print the instructions that the table lacks
compare() {
	disassemble "$@" > "$work/used"
	[ -s "$work/used" ] || { echo "nothing to disassemble in $*" >&2; return 1; }
	join -v 1 "$work/used" "$work/known" > "$work/missing"
	[ ! -s "$work/missing" ] || { sed "s|^|$1: not in the table: |" "$work/missing"; return 1; }
}

if [ $# -gt 0 ]; then
	compare "$@"
	exit
fi

cc -O1 -w -I"$corpus/shim" -I"$hwsim" -fwrapv -o "$work/run" "$corpus/run.c" "$corpus"/[!r]*.c \
	"$hwsim/sie_insn.c"

guest_flags=$(sed -n '/^GUEST_FLAGS :=/,/[^\\]$/p' "$tests/Makefile" | sed 's/^.*:=//; s/\\$//' | tr '\n' ' ')
[ -n "$guest_flags" ] || { echo "no flags for the guests" >&2; exit 1; }

# guests LEVEL: compile the guest programs, except those for Linux as the guest, at this optimization level, which overrides
# the level in $guest_flags
guests() {
	for source in "$tests"/guest/[!l]*.[cS]; do
		# shellcheck disable=SC2086 # a list of options
		"${cross}gcc" $guest_flags $1 -c -o "$work/guest-$(basename "$source" | tr . _).o" "$source"
	done
}

failed=0
for level in -O0 -O1 -O2 -Os; do
	for source in "$corpus"/[!r]*.c; do
		# shellcheck disable=SC2086 # a list of options
		"${cross}gcc" $cflags $level -c -o "$work/$(basename "$source" .c).o" "$source"
	done
	objects=$(find "$work" -name '*.o')
	# shellcheck disable=SC2086 # a list of files
	compare $objects || failed=1
	# shellcheck disable=SC2086
	"${cross}ld" --no-warn-rwx-segments -T "$corpus/link.ld" -o "$work/image" $objects
	"${cross}objcopy" -O binary "$work/image" "$work/flat"
	"$work/run" "$work/flat" || { echo "interpreted code at $level differs"; failed=1; }
	rm -f $objects
	guests $level
	compare "$work"/guest-*.o || failed=1
	rm -f "$work"/guest-*.o
done
[ $failed = 0 ] && echo "sie: all instructions are known, and all results are the same"
exit $failed
