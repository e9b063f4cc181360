#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Build the kernel and the driver module. usage: kernel.sh OUTPUT-DIRECTORY
. "$(dirname "$0")/lib.sh"
out=$1

build_kernel() {
	make -C "$linux" O="$out" -j"$jobs" KBUILD_BUILD_TIMESTAMP=2026-01-01 \
		KBUILD_BUILD_USER=rig KBUILD_BUILD_HOST=rig bzImage modules
}
logged kernel "build the kernel" build_kernel
