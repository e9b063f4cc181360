#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# usage: guest.sh KERNEL-DIRECTORY
# Put the Linux guest of linux_test into build/guest/boot: "image", Debian's kernel; "initrd", with the kernel's zcrypt
# modules, Debian's lszcrypt, and the guest programs of the selftests; and "results", what linux_results prints if QEMU
# runs the guest without KVM. If Debian's kernel or lszcrypt is missing, there is no guest, and its tests are skipped.
. "$(dirname "$0")/lib.sh"
guest=$build/guest
programs=$top/tools/testing/selftests/vfio-ap/guest
tools=$1/usr

# Unpack the modules, because busybox cannot load compressed ones.
unpack_modules() {
	rm -rf "$guest/modules"
	mkdir "$guest/modules"
	for module in zcrypt zcrypt_cex4; do
		file=$(find "$debian/usr/lib/modules" -name "$module.ko*")
		case $file in
		*.xz) xz -dc "$file" >"$guest/modules/$module.ko" ;;
		*.ko) cp "$file" "$guest/modules/$module.ko" ;;
		*) return 1 ;;
		esac
	done
}

spec() {
	for directory in bin dev lib proc sys; do
		echo "dir /$directory 0755 0 0"
	done
	echo "nod /dev/console 0600 0 0 c 5 1"
	echo "file /init $programs/linux_init.sh 0755 0 0"
	echo "file /bin/busybox $debian/bin/busybox 0755 0 0"
	for applet in insmod mount poweroff reboot sh stty; do
		echo "slink /bin/$applet busybox 0755 0 0"
	done
	for program in linux_request linux_results; do
		echo "file /bin/$program $guest/$program 0755 0 0"
	done
	echo "file /bin/lszcrypt $debian/usr/sbin/lszcrypt 0755 0 0"
	for library in ld64.so.1 libc.so.6; do
		echo "file /lib/$library $(readlink -e "$debian/usr/lib/s390x-linux-gnu/$library") 0755 0 0"
	done
	for module in "$guest"/modules/*; do
		echo "file /lib/${module##*/} $module 0644 0 0"
	done
}

pack() {
	for program in linux_request linux_results; do
		${CROSS_COMPILE}gcc -pthread -O2 -Wall -Wextra -Werror -isystem "$build/headers/usr/include" \
			-o "$guest/$program" "$programs/$program.c"
	done
	unpack_modules
	spec >"$guest/spec"
	mkdir "$guest/boot.new"
	"$tools/gen_init_cpio" "$guest/spec" >"$guest/boot.new/initrd"
	cp "$debian"/boot/vmlinuz-* "$guest/boot.new/image"
}

# Except for "results", the kernel parameters are the same as in with_guest() in lib/client.sh.
results() {
	timeout 300 qemu-system-s390x -M s390-ccw-virtio -cpu max -accel tcg -m 160 -nodefaults -display none -no-reboot \
		-chardev "file,id=console,path=$guest/console" -device sclpconsole,chardev=console \
		-kernel "$guest/boot.new/image" -initrd "$guest/boot.new/initrd" \
		-append "console=ttysclp0 quiet panic=-1 nokaslr spectre_v2=on results"
	tr -d '\r' <"$guest/console" | sed -n '/^integers 0/,/^end of results/p' >"$guest/boot.new/results"
	tail -n 1 "$guest/boot.new/results" | grep -qx 'end of results'
}

mkdir -p "$guest"
rm -rf "$guest/boot" "$guest/boot.new"
[ -x "$debian/usr/sbin/lszcrypt" ] && ls "$debian"/boot/vmlinuz-* >/dev/null 2>&1 || exit 0
logged guest-initrd "pack the guest's initramfs" pack
logged guest-results "run the guest without KVM" results
mv "$guest/boot.new" "$guest/boot"
