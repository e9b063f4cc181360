#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# usage: install.sh [LIST]
# Install the packages in rig/build/LIST (default: packages.txt) that are missing or too old. Only root can do this.
. "$(dirname "$0")/lib.sh"

list=$top/rig/build/${1:-packages.txt}

wanted() { sed 's/#.*//' "$list" | awk 'NF'; }

missing=$(wanted | while read -r name floor; do
	have=$(dpkg-query -W -f '${db:Status-Abbrev} ${Version}' "$name" 2>/dev/null | sed -n 's/^ii *//p')
	if [ -z "$have" ] || { [ -n "$floor" ] && dpkg --compare-versions "$have" lt "$floor"; }; then
		echo "$name"
	fi
done)
if [ -n "$missing" ]; then
	[ "$(id -u)" = 0 ] || die "these packages are missing, and only root can install them:" $missing
	export DEBIAN_FRONTEND=noninteractive
	logged apt-update "download: package lists" apt-get update
	logged apt-install "download and install: packages" \
		apt-get install -y --no-install-recommends $missing
fi
