#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# usage: deb.sh
# Build kernel packages for a real machine in build/deb/. They contain the complete base kernel with the series, built with
# Debian's configuration for s390x plus VFIO.
. "$(dirname "$0")/lib.sh"

deb=$build/deb
tree=$deb/linux
out=$deb/out
config=$debian/usr/src/linux-config-6.12/config.s390x_none_s390x.xz

# Print the patches without their dates, which change even if the patches do not.
series() { cat "$build"/series/*/0*.patch | sed '/^Date: /d'; }

unpack() {
	rm -rf "$tree"
	mkdir -p "$tree"
	tar -C "$tree" --strip-components=1 -xf "$build/linux-source.tar.xz"
	for each in "$build"/series/*/0*.patch; do
		case $each in */0000-*) continue ;; esac
		patch -d "$tree" -p1 --batch --forward -i "$each"
	done
	series >"$deb/series"
}

configure() {
	mkdir -p "$out"
	xz -dc "$config" >"$out/debian.config"
	"$tree/scripts/kconfig/merge_config.sh" -m -O "$out" "$out/debian.config" "$top/rig/build/deb.config"
	make -C "$tree" O="$out" olddefconfig
	grep -x 'CONFIG_VFIO_AP=m' "$out/.config"
}

# Pass -d to dpkg-buildpackage, because a cross build does not need all build dependencies of the package.
packages() {
	rm -f "$deb"/*.deb
	make -C "$tree" O="$out" -j"$jobs" KDEB_PKGVERSION="$(make -s -C "$tree" O="$out" kernelrelease)-1" \
		KDEB_CHANGELOG_DIST=unstable DEBFULLNAME=vfio_ap DEBEMAIL=vfio_ap@localhost DPKG_FLAGS=-d bindeb-pkg
}

view() { make -C "$top/tools/vfio-ap" OUTPUT="$deb" CC=s390x-linux-gnu-gcc; }

[ -e "$config" ] || die "linux-config-6.12 for s390x could not be fetched: $(cat "$debian.failed")"
mkdir -p "$deb"
series | cmp -s - "$deb/series" || logged deb-unpack "unpack the base and apply the series" unpack
logged deb-configure "configure the kernel like Debian" configure
logged deb-view "build lsvfioap" view
logged deb "build the packages" packages
ls -sh "$deb"/*.deb "$deb/lsvfioap"
