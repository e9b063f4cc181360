#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Build the kernel, the driver's module, and the base's own driver as a second module.
# usage: kernel.sh OUTPUT-DIRECTORY
. "$(dirname "$0")/lib.sh"
out=$1

# WORD_vfio_ap_guest.o=y and so on: kbuild's own switches for a file.
each_driver_file() {
	for file in "$linux"/drivers/s390/crypto/vfio_ap_*.c; do
		file=${file##*/}
		echo "$1_${file%.c}.o=y"
	done
}

# What a variant has only for the driver: to count, or to watch, all of the kernel takes too long.
instruments() {
	case ${VARIANT:-} in
	memory) each_driver_file GCOV_PROFILE ;;
	races) echo KCSAN_SANITIZE=n; each_driver_file KCSAN_SANITIZE ;;
	esac
}

build_kernel() {
	make -C "$linux" O="$out" -j"$jobs" KBUILD_BUILD_TIMESTAMP=2026-01-01 \
		KBUILD_BUILD_USER=rig KBUILD_BUILD_HOST=rig $(instruments) bzImage modules
}

# other_driver DIRECTORY: the vfio_ap whose files are there, as a module outside the kernel's tree
other_driver() {
	objects=$(cd "$1" && ls vfio_ap_*.c | grep -v _test | sed 's/\.c$/.o/')
	printf 'obj-m := vfio_ap.o\nvfio_ap-y := %s\nccflags-y := -I$(src) -I%s\n' \
		"$(echo $objects)" "$linux/drivers/s390/crypto" >"$1/Kbuild"
	make -C "$linux" O="$out" M="$1" modules
}

our_driver_copied() {
	mkdir -p "$build/our-driver"
	cp -pu "$top"/drivers/s390/crypto/vfio_ap_*.[ch] "$build/our-driver"
	other_driver "$build/our-driver"
}

logged kernel "build the kernel" build_kernel
case ${VARIANT:-} in
'' | bench) logged base-driver "build the base's driver" other_driver "$build/base-driver" ;;
base) logged our-driver "build our driver for the base" our_driver_copied ;;
esac
