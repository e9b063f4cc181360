#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# usage: source.sh
# Unpack the base kernel if necessary, and apply the patches that backport/BASE/series lists, or patches/series if the base has
# no backport. A patch in backport/BASE/ replaces the patch of the same name in patches/. With VARIANT=stock, the script uses a
# separate tree, and applies only the patch that builds the simulator.
. "$(dirname "$0")/lib.sh"

series=$top/patches/series
[ ! -d "$backport" ] || series=$backport/series
tarball=$(readlink -e "$build/linux-source.tar.xz") || die "there is no source of the base kernel; run 'make' first"

unpack() {
	rm -rf "$linux" "$linux.new"
	mkdir "$linux.new"
	tar -C "$linux.new" --strip-components=1 -xf "$tarball"
	# Move the stock driver to where rig/build/kernel.sh builds it. In the tree, our driver replaces it.
	if [ "${VARIANT:-}" != stock ]; then
		rm -rf "$build/base-driver"
		mkdir -p "$build/base-driver"
		mv "$linux.new"/drivers/s390/crypto/vfio_ap_* "$build/base-driver/"
	fi
	cp "$build/base" "$linux.new/.unpacked"
	mv "$linux.new" "$linux"
}

# Copy the patches for this base into one directory.
gather() {
	rm -rf "$linux.patches"
	mkdir "$linux.patches"
	cp "$series" "$linux.patches/series"
	while read -r patch; do
		if [ -e "$backport/$patch" ]; then
			cp -p "$backport/$patch" "$linux.patches/"
		else
			cp -p "$top/patches/$patch" "$linux.patches/"
		fi
	done <"$series"
	[ "${VARIANT:-}" != stock ] || grep ap_hwsim-build "$series" >"$linux.patches/series"
}

# Revert the old patches and apply the new ones. A file with the same contents as before keeps its time stamp, so that make
# does not rebuild it.
apply() {
	kept=$linux.patched
	rm -rf "$kept"
	mkdir -p "$kept"
	if [ -s .pc/applied-patches ]; then
		sed -n 's,^+++ [^/]*/,,p' "$linux.patches"/*.patch | sed 's/\t.*//' | sort -u |
			tar -cf - -T - | tar -C "$kept" -xf -
		quilt pop -a -f
	fi
	# Remove .pc, because it stores the path of the old patches.
	rm -rf .pc
	gather
	quilt push -a
	(cd "$kept" && find . -type f) | while read -r file; do
		if cmp -s "$kept/$file" "$file"; then touch -r "$kept/$file" "$file"; fi
	done
	rm -rf "$kept"
}

cmp -s "$build/base" "$linux/.unpacked" || logged unpack "unpack the base kernel" unpack
cd "$linux"
export QUILT_PATCHES="$linux.patches" QUILT_PC=.pc QUILT_NO_DIFF_INDEX=1
logged patch "apply the patches" apply
