#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# usage: debian.sh [SUITE]
# Download the s390x packages that packages-s390x.txt lists, and unpack them into build/debian. The script uses separate
# package lists, so the local apt needs no foreign architecture. It tries Debian 13, then Debian 12 with QEMU from its
# backports, and then Debian 12 alone. It writes the name of the release to build/debian.suite. If all of them fail, the
# script keeps the old programs and writes the error to build/debian.failed, and the next make tries again. If there are no
# old programs, the script downloads only busybox-static, without which the test kernel cannot run. With SUITE, such as sid,
# the script tries only this release, and unpacks its packages into build/debian-SUITE.
. "$(dirname "$0")/lib.sh"
suites=${1:-trixie bookworm-backports bookworm}
debian=$top/build/debian${1:+-$1}
apt=$build/apt
failed=$debian.failed
foreign="-o APT::Architecture=s390x -o APT::Architectures=s390x -o Dir::State=$apt -o Dir::State::Lists=$apt/lists
	-o Dir::State::Status=$apt/status -o Dir::Cache=$apt/cache -o Dir::Etc::SourceList=$apt/sources.list
	-o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Preferences=$apt/preferences
	-o Dir::Etc::PreferencesParts=/dev/null -o APT::Sandbox::User=root -o Acquire::Languages=none"

# tried NAME TEXT COMMAND...: pass the arguments to logged(), and set $status to its exit status
tried() {
	# logged() must not be called as a condition, because set -e would have no effect in it.
	set +e
	(logged "$@")
	status=$?
	set -e
}

# fetch_kernel DIRECTORY: download the kernel of the release, but not its dependencies, and unpack it with its zcrypt modules
fetch_kernel() {
	mkdir -p "$apt/kernel" "$1"
	package=$(apt-cache $foreign depends linux-image-s390x | sed -n 's/^ *Depends: //p')
	(cd "$apt/kernel" && apt-get $foreign download "$package")
	dpkg-deb --fsys-tarfile "$apt"/kernel/*.deb | tar -x -C "$1" --wildcards './boot/vmlinuz-*' \
		'*/kernel/drivers/s390/crypto/zcrypt*'
}

# install DIRECTORY NAME...: download packages and their dependencies, and unpack them into a directory
install() {
	directory=$1
	shift
	mkdir -p "$apt/cache/archives/partial" "$directory"
	apt-get $foreign install -y --no-install-recommends --download-only "$@"
	for package in "$apt"/cache/archives/*.deb; do
		# qemu-system-misc contains QEMU for many architectures. Unpack only QEMU for s390x.
		dpkg-deb --fsys-tarfile "$package" | tar -x -C "$directory" --wildcards \
			--exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/bin/qemu-system-[!s]*' \
			--exclude='./usr/bin/qemu-system-s[!3]*'
	done
	# Merge /bin, /sbin and /lib into /usr, as in Debian 13.
	for merged in bin sbin lib; do
		[ -d "$directory/$merged" ] && [ ! -L "$directory/$merged" ] || continue
		mkdir -p "$directory/usr/$merged"
		cp -a "$directory/$merged/." "$directory/usr/$merged/"
		rm -r "${directory:?}/$merged"
	done
	for merged in bin sbin lib; do
		[ ! -d "$directory/usr/$merged" ] || ln -sfn "usr/$merged" "$directory/$merged"
	done
}

# fetch SUITE: download and unpack the packages of a release to $debian.new, and set $status to 0 on success
fetch() {
	rm -rf "$apt" "$debian.new"
	mkdir -p "$apt/lists/partial"
	: >"$apt/status"
	# Packages of a backports suite depend on those of its release. Only QEMU comes from there, if the release has it, too.
	for release in "${1%-backports}" "$1"; do
		echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $release main"
	done | uniq >"$apt/sources.list"
	printf 'Package: src:qemu\nPin: release n=*-backports\nPin-Priority: 900\n' >"$apt/preferences"
	tried apt-s390x "download: s390x lists of $1" apt-get $foreign -o APT::Update::Error-Mode=any update
	[ $status = 0 ] || return 0
	names=
	while read -r wanted; do
		found=
		for name in $(echo "$wanted" | tr '|' ' '); do
			! apt-cache $foreign show "$name" >/dev/null 2>&1 || { found=$name; break; }
		done
		[ "$found" ] || say "  not in $1 for s390x: $wanted"
		names="$names $found"
	done <<-END
		$(sed 's/#.*//' "$top/rig/build/packages-s390x.txt" | awk 'NF')
	END
	tried debian-kernel "download and unpack: kernel of $1" fetch_kernel "$debian.new"
	[ $status = 0 ] || return 0
	tried debian "download and unpack: from $1" install "$debian.new" $names
}

# put DIRECTORY: replace the old programs with those in DIRECTORY
put() {
	rm -rf "$debian"
	mv "$1" "$debian"
}

rm -f "$failed"
for suite in $suites; do
	fetch "$suite"
	if [ $status = 0 ]; then
		put "$debian.new"
		rm -rf "$apt"
		echo "$suite" >"$debian.suite"
		touch "$top/build/.${debian##*/}"
		exit 0
	fi
done
rm -rf "$debian.new"
echo "${names:-the s390x package lists} ($(grep -h '^E: ' "$logs/apt-s390x.log" "$logs/debian-kernel.log" "$logs/debian.log" 2>/dev/null | head -n 1))" >"$failed"
if [ -z "${1:-}" ] && [ ! -x "$debian/bin/busybox" ]; then
	rm -rf "$apt/cache"
	logged debian-needed "download and unpack: busybox-static" install "$debian.new" busybox-static
	put "$debian.new"
fi
rm -rf "$apt"
