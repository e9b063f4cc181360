#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Unpack the base kernel once, and bring the patches of patches/series onto it. With VARIANT=base only what builds
# the simulator and, from outside, our driver, in a tree of its own.
. "$(dirname "$0")/lib.sh"

tarball=$(ls /usr/src/linux-source-6.1.tar.xz) || die "linux-source-6.1 has no tarball in /usr/src"

unpack() {
	rm -rf "$linux" "$linux.new"
	mkdir "$linux.new"
	# Most of the time goes without what no s390 kernel is built from.
	tar -C "$linux.new" --strip-components=1 -X "$top/rig/not-unpacked.txt" --wildcards -xf "$tarball"
	# DRIVER=base builds the base's own driver from these; the new one consists of complete files.
	if [ "${VARIANT:-}" != base ]; then
		rm -rf "$build/base-driver"
		mkdir -p "$build/base-driver"
		mv "$linux.new"/drivers/s390/crypto/vfio_ap_* "$build/base-driver/"
	fi
	cp "$top/rig/not-unpacked.txt" "$linux.new/.not-unpacked"
	mv "$linux.new" "$linux"
}

# What the driver is compiled against. Nothing comes of it without the code that the same patches bring.
headers() { awk 'FNR == 1 { wanted = 0 } /^--- / { wanted = $2 ~ "^a/include/" } wanted' "$top"/patches/*.patch; }

# Take the old patches off and put the new ones on. A file that is the same afterwards keeps
# its time stamp, so that nothing is built again because of it.
apply() {
	kept=$linux.patched
	rm -rf "$kept"
	mkdir -p "$kept"
	if [ -s .pc/applied-patches ]; then
		sed -n 's,^+++ [^/]*/,,p' "$linux.patches"/*.patch | sed 's/\t.*//' | sort -u |
			tar -cf - -T - | tar -C "$kept" -xf -
		quilt pop -a -f
	fi
	# It remembers where the patches were.
	rm -rf .pc
	rm -rf "$linux.patches"
	cp -r "$top/patches" "$linux.patches"
	if [ "${VARIANT:-}" = base ]; then
		printf '%s\n' 0001-s390-ap_hwsim-build.patch headers.patch >"$linux.patches/series"
		headers >"$linux.patches/headers.patch"
	fi
	quilt push -a
	(cd "$kept" && find . -type f) | while read -r file; do
		if cmp -s "$kept/$file" "$file"; then touch -r "$kept/$file" "$file"; fi
	done
	rm -rf "$kept"
}

cmp -s "$top/rig/not-unpacked.txt" "$linux/.not-unpacked" || logged unpack "unpack the base kernel" unpack
cd "$linux"
export QUILT_PATCHES="$linux.patches" QUILT_PC=.pc QUILT_NO_DIFF_INDEX=1
logged patch "apply patches/series" apply
