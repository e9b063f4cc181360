#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Install the Debian packages of packages.txt that are missing or too old.
. "$(dirname "$0")/lib.sh"

wanted() { sed 's/#.*//' "$top/rig/packages.txt" | awk 'NF'; }

missing=$(wanted | while read -r name floor; do
	have=$(dpkg-query -W -f '${db:Status-Abbrev} ${Version}' "$name" 2>/dev/null | sed -n 's/^ii *//p')
	if [ -z "$have" ] || { [ -n "$floor" ] && dpkg --compare-versions "$have" lt "$floor"; }; then
		echo "$name"
	fi
done)
if [ -n "$missing" ]; then
	[ "$(id -u)" = 0 ] || die "these packages are missing and only root can install them:" $missing
	export DEBIAN_FRONTEND=noninteractive
	logged apt-update "download: package lists" apt-get update
	logged apt-install "download and install: packages" \
		apt-get install -y --no-install-recommends $missing
fi

# busybox for the guest's side: a foreign package, so it is only unpacked, with
# lists of its own, and the machine's apt does not learn of another architecture.
if [ ! -x "$build/s390x/bin/busybox" ]; then
	apt=$build/apt
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$build/s390x"
	: >"$apt/status"
	foreign="-o APT::Architecture=s390x -o APT::Architectures=s390x -o Dir::State=$apt
		-o Dir::State::Lists=$apt/lists -o Dir::State::Status=$apt/status -o Dir::Cache=$apt/cache
		-o APT::Sandbox::User=root"
	logged apt-s390x "download: s390x package lists" apt-get $foreign update
	(cd "$apt" && logged apt-busybox "download: busybox-static for s390x" \
		apt-get $foreign download busybox-static)
	dpkg-deb -x "$apt"/busybox-static_*_s390x.deb "$build/s390x"
	rm -rf "$apt"
fi
