#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Unpack the base kernel once, and apply the patches to it: those of patches/series, or for an older base those of
# backport/BASE/series, which names patches of both directories. With VARIANT=base only what builds the simulator and,
# from outside, our driver, in a tree of its own.
. "$(dirname "$0")/lib.sh"

series=$top/patches/series
[ ! -d "$backport" ] || series=$backport/series
tarball=$(readlink -e "$build/linux-source.tar.xz") || die "the source of the base was not fetched"

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
	unpacked >"$linux.new/.unpacked"
	mv "$linux.new" "$linux"
}

# What the unpacked tree depends on.
unpacked() { cat "$build/base" "$top/rig/not-unpacked.txt"; }

# One directory with the patches of this base.
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
	if [ "${VARIANT:-}" = base ]; then
		headers >"$linux.patches/headers.patch"
		printf '%s\n' headers.patch "$simulator" >"$linux.patches/series"
	fi
}

simulator=0017-s390-ap_hwsim-build.patch

# What the driver is compiled against. Nothing comes of it without the code that the same patches bring.
headers() {
	(cd "$linux.patches" && grep -vxF "$simulator" series | xargs awk '
		FNR == 1 { wanted = 0 }
		/^--- / { wanted = $2 ~ "^a/(include|arch/s390/include|drivers/s390/crypto)/.*[.]h$" }
		wanted')
}

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
	gather
	quilt push -a
	(cd "$kept" && find . -type f) | while read -r file; do
		if cmp -s "$kept/$file" "$file"; then touch -r "$kept/$file" "$file"; fi
	done
	rm -rf "$kept"
}

unpacked | cmp -s - "$linux/.unpacked" || logged unpack "unpack the base kernel" unpack
cd "$linux"
export QUILT_PATCHES="$linux.patches" QUILT_PC=.pc QUILT_NO_DIFF_INDEX=1
logged patch "apply the patches" apply
