#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# usage: check.sh
# Check our files and the lines that our patches add. Print the warnings from the compiler (W=1), sparse (C=2), checkpatch
# --strict, kernel-doc, get_abi and Sphinx, except those that rig/check/exceptions.txt lists. Also check that only certain
# files call certain functions, that calls between files form no cycles, that the commands in the documents are correct, that
# the SIE interpreter computes the right results, and that `make shell` ends when its terminal is closed.
. "$(dirname "$0")/../build/lib.sh"
out=$build/check
found=$build/log/check.found
rules=$build/log/check.exceptions
cd "$top"

sources() { git ls-files -co --exclude-standard -- "$@" | while read -r file; do [ ! -f "$file" ] || echo "$file"; done; }

# In mainline, get_abi is in tools/docs/.
if [ -d "$linux/tools/docs" ]; then
	get_abi() { python3 "$linux/tools/docs/get_abi.py" --dir "$1" validate; }
else
	get_abi() { "$linux/scripts/get_abi.pl" validate --dir "$1"; }
fi

# patched REGEX: print the base files that the patches change and whose paths match REGEX
patched() { sed -n 's,^+++ [^/]*/,,p' "$linux.patches"/*.patch | sed 's/\t.*//' | sort -u | grep -E "$1" || true; }

# pristine FILE: print the path of the unpatched copy of FILE, or nothing if a patch has added FILE
pristine() {
	for patch in $(cat "$linux/.pc/applied-patches"); do
		echo "$linux/.pc/${patch##*/}/$1"
	done | xargs ls 2>/dev/null | head -n 1
}

# Print "FILE:LINE:" for each line that the patches add.
patched_lines() {
	local file old
	for file in $(patched .); do
		old=$(pristine "$file")
		diff --unchanged-line-format= --old-line-format= --new-line-format="$file:%dn:%c'\\012'" \
			"${old:-/dev/null}" "$linux/$file" || true
	done
}

# Build with W=1 and sparse in a separate directory, so that the ordinary build keeps its objects.
compile() {
	local dirs="drivers/s390/crypto/ arch/s390/kvm/ drivers/vfio/" others
	# In other directories, build only the files that the patches change.
	others=$(patched '\.c$' | grep -vE '^(drivers/(s390|vfio)|arch/s390/kvm|virt)/' | sed 's/c$/o/')
	mkdir -p "$out"
	cmp -s "$kernel/.config" "$out/.config.from" || cp "$kernel/.config" "$out/.config"
	cp "$kernel/.config" "$out/.config.from"
	make -C "$linux" O="$out" -j"$jobs" olddefconfig prepare modules_prepare
	find "$out/drivers/s390/crypto" "$out/arch/s390/kvm" "$out/drivers/vfio" -name '*.o' -delete 2>/dev/null || true
	make -C "$linux" O="$out" -j"$jobs" -k W=1 C=2 KBUILD_MODPOST_WARN=1 $dirs
	# Without a target, make would build the whole kernel.
	[ -n "$others" ] || return 0
	(cd "$out" && rm -f $others)
	make -C "$linux" O="$out" -j"$jobs" -k W=1 C=2 $others
}

# Print the warnings from the compiler and sparse about our files and about the lines that our patches add.
compiled_findings() {
	{ sources '*.c' '*.h' | sed 's/$/:/'; patched_lines; } >"$build/log/check.places"
	# In kbuild's messages, virt/kvm/ appears as arch/s390/kvm/../../../virt/kvm/.
	sed -e "s,$linux/,,g" -e 's,^\(\.\./\)*,,' -e 's,^arch/s390/kvm/[a-z0-9./]*\.\./virt/,virt/,' "$build/log/check-compile.log" |
		grep -E '^[^ ]+:[0-9]+(:[0-9]+)?: (warning|error|note)' | grep -vE ': note' |
		grep -F -f "$build/log/check.places" | sort -u || true
}

style() {
	local c=$linux/scripts/checkpatch.pl file
	for file in $(sources drivers arch include Documentation tools); do
		"$c" --strict --no-tree --terse --show-types -f "$file" | grep -v '^total:' || true
	done
	for file in patches/*.patch patches/ours/*.patch backport/*/*.patch backport/*/ours/*.patch; do
		"$c" --strict --no-tree --no-signoff --terse --show-types - <"$file" | grep -v '^total:' | sed "s,^[^:]*,$file," || true
	done
}

doc_warnings() { "$linux/scripts/kernel-doc" -none "$1" 2>&1 | sed 's/^[^:]*:[0-9]*: //' || true; }

kernel_doc() {
	local file
	"$linux/scripts/kernel-doc" -none $(sources 'drivers/*.c' 'drivers/*.h') 2>&1 || true
	# For base files, print only new warnings. Find them by their text and not by their line number, because this is
	# the line of a declaration, which our patches may not have changed.
	for file in $(patched '\.[ch]$'); do
		doc_warnings "$(pristine "$file")" >"$build/log/check.doc"
		doc_warnings "$linux/$file" | grep -vxF -f "$build/log/check.doc" | sed "s,^,$file: ," || true
	done
}

# only FILES PATTERN: print the driver's lines that match PATTERN, except those in FILES
only() {
	local place=$1 pattern=$2
	grep -nE "$pattern" $(sources 'drivers/s390/crypto/vfio_ap_*.c') /dev/null | grep -vE "^drivers/s390/crypto/($place):" |
		grep -vE ':[0-9]+:\s*(/?\*|//)' | sed "s/\$/ (belongs in $place)/" || true
}

places() {
	only vfio_ap_tx.c 'kvm_arch_crypto_(set|clear)_masks'
	only vfio_ap_reset.c '\bap_(zapq|rapq)\w*\('
	only vfio_ap_irq.c '\bap_tapq\w*\('
	only vfio_ap_irq.c '\bap_aqic\('
	only vfio_ap_attachment.c '\b(un)?pin_user_pages?\w*\('
}

# Print Sphinx's warnings about our pages. `make check` does not install Sphinx, because it is large.
pages() {
	if ! command -v sphinx-build >/dev/null; then
		say "  not checked: the documentation as HTML (apt-get install python3-sphinx)" >&2
		return
	fi
	# Sphinx reports warnings only when it reads a page for the first time.
	rm -rf "$build/check/htmldocs"
	if ! make -C "$linux" SPHINXDIRS=arch/s390 BUILDDIR="$build/check/htmldocs" htmldocs >"$logs/check-pages.log" 2>&1; then
		echo "Documentation: htmldocs failed (full log: build/log/check-pages.log)"
	fi
	grep -E '(vfio-ap|ap-hwsim)[a-z-]*\.rst.*(WARNING|ERROR)|(WARNING|ERROR).*(vfio-ap|ap-hwsim)' "$logs/check-pages.log" | sed "s,^$linux/,," || true
}

abi() {
	get_abi "$linux/Documentation/ABI" 2>&1 | grep -E '(sysfs-driver|debugfs)-vfio-ap' || true
}

# Report commands in the documents if documents_test would not execute them.
commands() { rig check.commands || true; }

# Print cycles of calls between files.
graph() { rig check.graph --quiet "$out" || true; }

logged check-compile "compile with W=1 and sparse" compile
compiled_findings >"$found"
style >>"$found"
kernel_doc >>"$found"
places >>"$found"
abi >>"$found"
commands >>"$found"
graph >>"$found"
pages >>"$found"

logged check-sie "interpret compiled C" rig/check/sie-decoder.sh
logged check-terminal "close the terminal of make shell" rig check.terminal

sed -n 's/^\([^#\t]\{1,\}\)\t.*/\1/p' rig/check/exceptions.txt >"$rules"
total=$(grep -c . "$found" || true)
if [ -s "$rules" ]; then
	grep -vE -f "$rules" "$found" >"$found.left" || true
else
	cp "$found" "$found.left"
fi
left=$(grep -c . "$found.left" || true)
head -n 60 "$found.left"
say "$left warnings, $((total - left)) ignored by rig/check/exceptions.txt"
[ "$left" = 0 ] || die "warnings in our files (full list: build/log/check.found)"
