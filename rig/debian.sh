#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Fetch and unpack the s390x programs of packages-s390x.txt into build/debian. They are foreign to this machine, so they
# are only unpacked, with package lists of their own: the machine's apt does not learn of another architecture.
# Nothing runs without the first of them. What else could not be fetched is told in build/debian.failed; then what was
# there before stays, and the next make tries again.
. "$(dirname "$0")/lib.sh"
apt=$build/apt
failed=$build/debian.failed
foreign="-o APT::Architecture=s390x -o APT::Architectures=s390x -o Dir::State=$apt -o Dir::State::Lists=$apt/lists
	-o Dir::State::Status=$apt/status -o Dir::Cache=$apt/cache -o APT::Sandbox::User=root"

# tried NAME TEXT COMMAND...: $status tells how it went
tried() {
	# Not as a condition, see logged.
	set +e
	(logged "$@")
	status=$?
	set -e
}

# install DIRECTORY NAME...: into it, with all that they depend on
install() {
	directory=$1
	shift
	mkdir -p "$apt/cache/archives/partial" "$directory"
	apt-get $foreign install -y --no-install-recommends --download-only "$@"
	for package in "$apt"/cache/archives/*.deb; do
		# One of them has the QEMUs for all machines there are.
		dpkg-deb --fsys-tarfile "$package" | tar -x -C "$directory" --wildcards \
			--exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/bin/qemu-system-[!s]*' \
			--exclude='./usr/bin/qemu-system-s[!3]*'
	done
}

# put DIRECTORY: where it is used
put() {
	rm -rf "$build/debian"
	mv "$1" "$build/debian"
}

give_up() {
	echo "$1 ($(grep -h '^E: ' "$logs/$2.log" | head -n 1))" >"$failed"
	rm -rf "$apt"
	[ -x "$build/debian/bin/busybox" ] || die "$1"
	exit 0
}

rm -rf "$apt" "$failed" "$build/debian.new"
mkdir -p "$apt/lists/partial"
: >"$apt/status"
tried apt-s390x "download: s390x package lists" apt-get $foreign -o APT::Update::Error-Mode=any update
[ $status = 0 ] || give_up "the s390x package lists" apt-s390x

names=
for name in $(sed 's/#.*//' "$top/rig/packages-s390x.txt"); do
	if apt-cache $foreign show "$name" >/dev/null 2>&1; then
		names="$names $name"
	else
		say "  not in the archive for s390x: $name"
	fi
done
tried debian "download and unpack: s390x programs" install "$build/debian.new" $names
if [ $status != 0 ]; then
	rm -rf "$build/debian.new"
	if [ ! -x "$build/debian/bin/busybox" ]; then
		mv "$logs/debian.log" "$logs/debian-all.log"
		rm -rf "$apt/cache"
		logged debian-needed "download and unpack: busybox-static" install "$build/debian.new" busybox-static
		put "$build/debian.new"
		mv "$logs/debian-all.log" "$logs/debian.log"
	fi
	give_up "$names" debian
fi
put "$build/debian.new"
rm -rf "$apt"
touch "$build/.debian"
