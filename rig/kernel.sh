#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Build the kernel, the driver's module, and the base's own driver as a second module.
# usage: kernel.sh OUTPUT-DIRECTORY
. "$(dirname "$0")/lib.sh"
out=$1

build_kernel() {
	make -C "$linux" O="$out" -j"$jobs" KBUILD_BUILD_TIMESTAMP=2026-01-01 \
		KBUILD_BUILD_USER=rig KBUILD_BUILD_HOST=rig bzImage modules
}

build_base_driver() {
	cat >"$build/base-driver/Kbuild" <<-KBUILD
	obj-m := vfio_ap.o
	vfio_ap-y := vfio_ap_drv.o vfio_ap_ops.o
	ccflags-y := -I$linux/drivers/s390/crypto
	KBUILD
	make -C "$linux" O="$out" M="$build/base-driver" modules
}

logged kernel "build the kernel" build_kernel
[ "$out" != "$kernel" ] || logged base-driver "build the base's driver" build_base_driver
