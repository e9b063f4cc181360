#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Unpack the base kernel once, and bring the patches of patches/series onto it.
. "$(dirname "$0")/lib.sh"

tarball=$(ls /usr/src/linux-source-6.1.tar.xz) || die "linux-source-6.1 has no tarball in /usr/src"

unpack() {
	rm -rf "$linux" "$linux.new"
	mkdir "$linux.new"
	tar -C "$linux.new" --strip-components=1 -xf "$tarball"
	# DRIVER=base builds the base's own driver from these.
	mkdir -p "$build/base-driver"
	cp "$linux.new"/drivers/s390/crypto/vfio_ap_* "$build/base-driver/"
	rm "$linux.new"/drivers/s390/crypto/vfio_ap_*
	mv "$linux.new" "$linux"
}

[ -d "$linux" ] || logged unpack "unpack the base kernel" unpack

cd "$linux"
export QUILT_PATCHES="$build/patches" QUILT_PC=.pc QUILT_NO_DIFF_INDEX=1
if [ -d .pc ] && [ -s .pc/applied-patches ]; then
	logged unpatch "take the old patches off" quilt pop -a -f
fi
rm -rf "$build/patches" && cp -r "$top/patches" "$build/patches"
logged patch "apply patches/series" quilt push -a
