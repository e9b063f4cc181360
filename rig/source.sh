#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Unpack the base kernel once, and bring the patches of patches/series onto it.
. "$(dirname "$0")/lib.sh"

tarball=$(ls /usr/src/linux-source-6.1.tar.xz) || die "linux-source-6.1 has no tarball in /usr/src"

unpack() {
	rm -rf "$linux" "$linux.new"
	mkdir "$linux.new"
	# Most of the time goes without what no s390 kernel is built from.
	tar -C "$linux.new" --strip-components=1 -X "$top/rig/not-unpacked.txt" --wildcards -xf "$tarball"
	# DRIVER=base builds the base's own driver from these; the new one consists of complete files.
	mkdir -p "$build/base-driver"
	mv "$linux.new"/drivers/s390/crypto/vfio_ap_* "$build/base-driver/"
	mv "$linux.new" "$linux"
}

# Take the old patches off and put the new ones on. A file that is the same afterwards keeps
# its time stamp, so that nothing is built again because of it.
apply() {
	kept=$build/patched
	rm -rf "$kept"
	mkdir -p "$kept"
	if [ -s .pc/applied-patches ]; then
		sed -n 's,^+++ [^/]*/,,p' "$build"/patches/*.patch | sed 's/\t.*//' | sort -u |
			tar -cf - -T - | tar -C "$kept" -xf -
		quilt pop -a -f
	fi
	rm -rf "$build/patches"
	cp -r "$top/patches" "$build/patches"
	quilt push -a
	(cd "$kept" && find . -type f) | while read -r file; do
		if cmp -s "$kept/$file" "$file"; then touch -r "$kept/$file" "$file"; fi
	done
	rm -rf "$kept"
}

[ -d "$linux" ] || logged unpack "unpack the base kernel" unpack
cd "$linux"
export QUILT_PATCHES="$build/patches" QUILT_PC=.pc QUILT_NO_DIFF_INDEX=1
logged patch "apply patches/series" apply
