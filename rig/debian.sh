#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Fetch and unpack the s390x programs of packages-s390x.txt into build/debian. They are foreign to this machine, so they
# are only unpacked, with package lists of their own: the machine's apt does not learn of another architecture.
# Without the first of them nothing can be tested. What else is not to be had is written to build/debian.missing
# (the archive does not know it) and build/debian.failed (it could not be fetched), for those who would use it.
. "$(dirname "$0")/lib.sh"
apt=$build/apt
foreign="-o APT::Architecture=s390x -o APT::Architectures=s390x -o Dir::State=$apt -o Dir::State::Lists=$apt/lists
	-o Dir::State::Status=$apt/status -o Dir::Cache=$apt/cache -o APT::Sandbox::User=root"

# install NAME...: into build/debian, with all that they depend on
install() {
	mkdir -p "$apt/cache/archives/partial" "$build/debian.new"
	apt-get $foreign install -y --no-install-recommends --download-only "$@"
	for package in "$apt"/cache/archives/*.deb; do
		# One of them has the QEMUs for all machines there are.
		dpkg-deb --fsys-tarfile "$package" | tar -x -C "$build/debian.new" --wildcards \
			--exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/bin/qemu-system-[!s]*' \
			--exclude='./usr/bin/qemu-system-s[!3]*'
	done
}

mkdir -p "$apt/lists/partial"
: >"$apt/status"
rm -rf "$build/debian.new" "$build/debian.missing" "$build/debian.failed"
logged apt-s390x "download: s390x package lists" apt-get $foreign update
needed=
known=
for name in $(sed 's/#.*//' "$top/rig/packages-s390x.txt"); do
	if [ -z "$needed" ]; then
		needed=$name
	elif apt-cache $foreign show "$name" >/dev/null 2>&1; then
		known="$known $name"
	else
		say "  $name: not in the archive for s390x"
		echo "$name" >>"$build/debian.missing"
	fi
done
logged debian-needed "download and unpack: $needed" install "$needed"
if ! (logged debian "download and unpack: s390x programs" install $known); then
	echo "$known:" $(grep -h '^E: ' "$logs/debian.log" | head -n 1) >"$build/debian.failed"
fi
rm -rf "$apt" "$build/debian"
mv "$build/debian.new" "$build/debian"
# Another attempt with the next make.
[ -e "$build/debian.failed" ] || touch "$build/.debian"
