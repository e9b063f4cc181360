#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# usage: kernel.sh OUTPUT-DIRECTORY
# Build the kernel with vfio_ap as a module, and another vfio_ap as an external module: the stock driver, or our driver if
# VARIANT=stock. Only the ordinary kernel and the variants bench and stock get this second driver.
. "$(dirname "$0")/lib.sh"
out=$1

# each_driver_file WORD: print an assignment to a kbuild variable, such as WORD_vfio_ap_guest.o=y, for each driver file
each_driver_file() {
	for file in "$linux"/drivers/s390/crypto/vfio_ap_*.c; do
		file=${file##*/}
		echo "$1_${file%.c}.o=y"
	done
}

# Print the kbuild variables that instrument the driver. Instrumenting the whole kernel would make it too slow.
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

# other_driver DIRECTORY: build vfio_ap in this directory as an external module
other_driver() {
	objects=$(cd "$1" && ls vfio_ap_*.c | sed 's/\.c$/.o/')
	printf 'obj-m := vfio_ap.o\nvfio_ap-y := %s\nccflags-y := -I$(src) -I%s\n' \
		"$(echo $objects)" "$linux/drivers/s390/crypto" >"$1/Kbuild"
	make -C "$linux" O="$out" M="$1" modules
}

# copied_driver FROM TO: copy the driver to TO and build it there, because FROM contains objects for another kernel
copied_driver() {
	mkdir -p "$2"
	cp -pu "$1"/vfio_ap_*.[ch] "$2"
	for file in "$2"/vfio_ap_*.[ch]; do
		case $file in *.mod.c) continue ;; esac
		[ -e "$1/${file##*/}" ] || rm -f "$file"
	done
	other_driver "$2"
}

logged kernel "build the kernel" build_kernel
case ${VARIANT:-} in
'') logged base-driver "build the stock driver" other_driver "$build/base-driver" ;;
bench) logged base-driver "build the stock driver" copied_driver "$build/base-driver" "$build/bench-driver" ;;
stock) "$top/rig/build/module.sh" --tests "$linux" "$out" "$build/our-driver" ;;
esac
