#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# usage: fetch.sh
# Find or download the source of the base kernel. Store it as build/linux-source.tar.xz, and its version and hash in
# build/base. Linux 6.12 comes from an installed Debian package. Mainline comes from the newest linux-source package in
# Debian's experimental or sid, which the script only unpacks and does not install. The script uses separate package lists,
# and verifies the package with Debian's keyring.
. "$(dirname "$0")/lib.sh"
apt=$build/apt
newest="-o Dir::State=$apt -o Dir::State::Lists=$apt/lists -o Dir::State::Status=$apt/status -o Dir::Cache=$apt/cache
	-o Dir::Etc::SourceList=$apt/sources.list -o Dir::Etc::SourceParts=/dev/null -o APT::Sandbox::User=root
	-o Acquire::Languages=none"

lists() {
	for suite in experimental sid; do
		echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main"
	done >"$apt/sources.list"
	apt-get $newest -o APT::Update::Error-Mode=any update
}

download() {
	apt-get $newest install -y --no-install-recommends --download-only "$1"
	dpkg-deb --fsys-tarfile "$apt"/cache/archives/"$1"_*.deb |
		tar -x -C "$build" --strip-components=3 "./usr/src/$1.tar.xz"
	mv "$build/$1.tar.xz" "$build/linux-source.tar.xz"
}

# describe PACKAGE VERSION: print the line for build/base
describe() { echo "$1 $2 sha256 $(sha256sum <"$build/linux-source.tar.xz" | cut -d ' ' -f 1)"; }

case $base in
6.12)
	ln -sf "/usr/src/linux-source-$base.tar.xz" "$build/linux-source.tar.xz"
	version=$(dpkg-query -W -f '${Version}' "linux-source-$base")
	package=linux-source-$base
	;;
mainline)
	rm -rf "$apt"
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	: >"$apt/status"
	logged apt-mainline "download: mainline package lists" lists
	package=$(apt-cache $newest pkgnames linux-source- | grep -x 'linux-source-[0-9.]*' | sort -V | tail -n 1)
	version=$(apt-cache $newest show "$package" | sed -n 's/^Version: //p' | sort -V | tail -n 1)
	logged fetch "download: $package" download "$package"
	rm -rf "$apt"
	;;
esac
describe "$package" "$version" >"$build/base.new"
cmp -s "$build/base.new" "$build/base" || mv "$build/base.new" "$build/base"
rm -f "$build/base.new"
