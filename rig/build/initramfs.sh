#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# usage: initramfs.sh KERNEL-DIRECTORY RESULT
# Build the user-space programs for the test kernel, and pack them and the modules into an initramfs.
. "$(dirname "$0")/lib.sh"
out=$1 result=$2
# The programs are the same for all variants of the kernel.
tests=$build/linux/tools/testing/selftests/vfio-ap
user=$build/selftests
commands=$build/commands

build_init() {
	${CROSS_COMPILE}gcc -static -O2 -Wall -Wextra -Werror -o "$build/init" "$top/rig/build/init.c"
}

build_view() {
	make -C "$build/linux/tools/vfio-ap" OUTPUT="$build" CC="${CROSS_COMPILE}gcc"
}

# Extract the commands from the documents for documents_test.
build_commands() {
	rig check.commands --write "$commands"
}

# The programs need this kernel's UAPI headers.
build_headers() {
	make -C "$build/linux" O="$build/headers" -j"$jobs" headers
	touch "$build/headers/.done"
}

build_tests() {
	mkdir -p "$user"
	make -C "$tests" OUTPUT="$user" CC="${CROSS_COMPILE}gcc" KHDR_INCLUDES="-isystem $build/headers/usr/include" -j"$jobs"
	# Remove programs that the Makefile no longer builds.
	make -C "$tests" OUTPUT="$user" -s --no-print-directory names | sort >"$user/names"
	find "$user" -maxdepth 1 -type f -perm /100 -printf '%f\n' | sort | comm -23 - "$user/names" |
		while read -r gone; do rm "$user/$gone"; done
}

# modules OURS [STOCK]: print the initramfs entries for our driver, for the stock driver, and for the index that modprobe and
# udevd read
modules() {
	echo "file /lib/vfio_ap.ko $1 0644 0 0"
	[ $# = 1 ] || echo "file /lib/base/vfio_ap.ko $2 0644 0 0"
	place=/lib/modules/$(cat "$out/include/config/kernel.release")
	index=$build/modules$place
	rm -rf "$build/modules"
	mkdir -p "$index"
	cp "$1" "$index/vfio_ap.ko"
	PATH=$PATH:/sbin:/usr/sbin depmod -b "$build/modules" "${place##*/}"
	rm "$index/vfio_ap.ko"
	echo "dir $place 0755 0 0"
	echo "slink $place/vfio_ap.ko /lib/vfio_ap.ko 0777 0 0"
	for file in "$index"/*; do
		echo "file $place/${file##*/} $file 0644 0 0"
	done
}

spec() {
	cat "$top/rig/build/initramfs.list"
	echo "file /init $build/init 0755 0 0"
	echo "file /bin/busybox $debian/bin/busybox 0755 0 0"
	echo "file /bin/lsvfioap $build/lsvfioap 0755 0 0"
	intree=$out/drivers/s390/crypto/vfio_ap.ko
	case ${VARIANT:-} in
	'') modules "$intree" "$build/base-driver/vfio_ap.ko" ;;
	bench) modules "$intree" "$build/bench-driver/vfio_ap.ko" ;;
	stock) modules "$build/our-driver/vfio_ap.ko" "$intree" ;;
	*) modules "$intree" ;;
	esac
	# Pack only the KUnit modules that modules.order lists, because the directory may also contain modules whose source was
	# removed.
	order=$out/modules.order kunit=$out/drivers/s390/crypto
	[ "${VARIANT:-}" != stock ] || order=$build/our-driver/modules.order kunit=$build/our-driver
	sed -n 's,^\(.*/\)\?\(vfio_ap_[^/]*_test\)\.o$,file /lib/kunit/\2.ko '"$kunit"'/\2.ko 0644 0 0,p' "$order"
	# Install the scripts without the suffix .sh, so that their names look like those of programs.
	for script in "$tests"/*.sh; do
		name=${script##*/}
		echo "file /selftests/vfio-ap/${name%.sh} $script 0755 0 0"
	done
	for script in "$tests"/lib/*.sh; do
		echo "file /selftests/vfio-ap/lib/${script##*/} $script 0644 0 0"
	done
	find "$commands" -mindepth 1 -printf '%y %P\n' | sort -k 2 | while read -r type block; do
		case $type in
		d) echo "dir /selftests/vfio-ap/commands/$block 0755 0 0" ;;
		f) echo "file /selftests/vfio-ap/commands/$block $commands/$block 0644 0 0" ;;
		esac
	done
	find "$user" -maxdepth 1 -type f -perm /100 2>/dev/null | sort | while read -r program; do
		echo "file /selftests/vfio-ap/${program##*/} $program 0755 0 0"
	done
}

pack() {
	spec >"$build/initramfs.spec"
	"$out/usr/gen_init_cpio" "$build/initramfs.spec" >"$build/initramfs.cpio"
	gzip -1 -c "$build/initramfs.cpio" >"$result.new"
	rm "$build/initramfs.cpio"
	mv "$result.new" "$result"
}

logged init "build init" build_init
logged view "build lsvfioap" build_view
[ "$build/headers/.done" -nt "$build/.source" ] || logged headers "install the UAPI headers" build_headers
[ ! -f "$tests/Makefile" ] || logged selftests "build the selftests" build_tests
logged commands "extract commands from documents" build_commands
logged initramfs "pack the initramfs" pack
