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

# copied_driver FROM TO: likewise, but for another kernel than the one that is built there
copied_driver() {
	mkdir -p "$2"
	cp -pu "$1"/vfio_ap_*.[ch] "$2"
	other_driver "$2"
}

logged kernel "build the kernel" build_kernel
case ${VARIANT:-} in
'') logged base-driver "build the base's driver" other_driver "$build/base-driver" ;;
bench) logged base-driver "build the base's driver" copied_driver "$build/base-driver" "$build/bench-driver" ;;
base) logged our-driver "build our driver for the base" copied_driver "$build/linux/drivers/s390/crypto" "$build/our-driver" ;;
esac
