#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# usage: module.sh [--tests] KSRC KBUILD DIRECTORY
# Build vfio_ap.ko in DIRECTORY for a kernel 6.12 or later that does not have our patches. KSRC is the source of the kernel,
# and KBUILD its build directory, such as /lib/modules/VERSION/build. With --tests, also build the KUnit modules. The script
# builds the driver in drivers/ without patches/ours/. Documentation/s390/vfio-ap-module.rst explains what the module lacks.
. "$(dirname "$0")/lib.sh"

tests=
[ "${1:-}" != --tests ] || { tests=yes; shift; }
ksrc=${1:-} kbuild=${2:-} out=${3:-}
[ "$ksrc" ] && [ "$kbuild" ] && [ "$out" ] || die "KSRC or KBUILD is missing; usage: make module KSRC=DIR [KBUILD=DIR]"
case $ksrc$kbuild in *[[:space:]]*) die "kbuild cannot handle a blank in KSRC=$ksrc or KBUILD=$kbuild" ;; esac
# On s390x, use the native compiler instead of the cross compiler.
[ "$(uname -m)" != s390x ] || export CROSS_COMPILE=
driver=drivers/s390/crypto
bus=$ksrc/$driver/ap_bus.h

# The driver uses these headers. Unlike ap_bus.h, they are in packages that contain a kernel's build directory.
shared_headers="arch/s390/include/asm/ap.h arch/s390/include/asm/kvm_host.h include/linux/kvm_host.h include/linux/mdev.h
	include/linux/sysfs.h include/linux/vfio.h include/uapi/linux/vfio.h"

# configured OPTION=VALUE: check whether the kernel's configuration contains this line
configured() { grep -qx "$1" "$kbuild/include/config/auto.conf"; }

# field NAME: print a field of the version from the source's Makefile
field() { sed -n "s/^$1 *= *//p" "$ksrc/Makefile" | head -n 1; }

# Fail unless the source and the build directory belong to the same kernel.
check_version() {
	[ -f "$kbuild/include/config/kernel.release" ] ||
		die "KBUILD=$kbuild: no include/config/kernel.release, so this is not the build directory of a kernel"
	[ -f "$bus" ] && [ -f "$ksrc/Makefile" ] || die "KSRC=$ksrc: no $driver/ap_bus.h, so this is not the source of a kernel"
	release=$(cat "$kbuild/include/config/kernel.release")
	series=$(field VERSION).$(field PATCHLEVEL)
	version=$series.$(field SUBLEVEL)$(field EXTRAVERSION)
	# Debian omits the 0 in a version such as 7.3.0-rc7.
	short=$version
	[ "$(field SUBLEVEL)" != 0 ] || short=$series$(field EXTRAVERSION)
	case $release in
	"$version" | "$version"[!0-9]* | "$short"-*) ;;
	*) die "KSRC=$ksrc has Linux $version, but KBUILD=$kbuild is for Linux $release" ;;
	esac
	[ -f "$kbuild/include/config/auto.conf" ] || die "KBUILD=$kbuild: no include/config/auto.conf; configure this kernel first"
	configured CONFIG_S390=y || die "KBUILD=$kbuild: Linux $release is not for s390x"
	! configured CONFIG_VFIO_AP=y || die "Linux $release has vfio_ap built in (CONFIG_VFIO_AP=y), so no module can replace it"
	[ "$(printf '%s\n' 6.12 "$series" | sort -V | head -n 1)" = 6.12 ] ||
		die "KSRC=$ksrc has Linux $version: the driver needs 6.12 or later"
	# All kernels of a Red Hat release have the same version in their Makefile, so compare the release.
	rhel=$(sed -n 's/^RHEL_RELEASE *= *//p' "$ksrc/Makefile.rhelver" 2>/dev/null | head -n 1)
	case $release in
	*-"$rhel".*) ;;
	*) [ -z "$rhel" ] || die "KSRC=$ksrc has release $rhel of the distribution, but KBUILD=$kbuild is for Linux $release" ;;
	esac
	# A distribution can change a structure without changing the version, so compare the headers. In a build directory that
	# was not packaged, `source` is a link to the source. In a packaged one, `source` or the directory itself has the headers.
	for header in $driver/ap_bus.h $shared_headers; do
		for other in "$kbuild/source/$header" "$kbuild/$header"; do
			[ ! -f "$other" ] || cmp -s "$other" "$ksrc/$header" ||
				die "KSRC=$ksrc: its $header differs from the one that KBUILD=$kbuild was built with"
		done
	done
}

# Fail unless the kernel exports what the driver needs.
check_symbols() {
	[ -f "$kbuild/Module.symvers" ] || die "KBUILD=$kbuild: no Module.symvers; build the modules of this kernel first"
	while read -r symbol option; do
		awk -v symbol="$symbol" '$2 == symbol { found = 1 } END { exit !found }' "$kbuild/Module.symvers" ||
			die "Linux $release cannot load vfio_ap: $symbol is not in Module.symvers, it needs $option"
	done <<-END
		ap_driver_register CONFIG_ZCRYPT
		kvm_arch_crypto_set_masks CONFIG_KVM
		vfio_register_emulated_iommu_dev CONFIG_VFIO
		mdev_register_driver CONFIG_VFIO_MDEV
	END
	command -v "${CROSS_COMPILE}gcc" >/dev/null || die "${CROSS_COMPILE}gcc is missing: the compiler for s390x"
}

# has FILE REGEX: check whether a file of the kernel's source contains a match for REGEX
has() { grep -q "$2" "$ksrc/$1"; }

# Print sed commands that adapt the driver, which is written for mainline, to this kernel.
adaptation() {
	has $driver/ap_bus.h '\<ap_attr_mutex\>' || say 's/\<ap_attr_mutex\>/ap_perms_mutex/g'
	if ! has include/linux/sysfs.h '(\*read)(struct file \*, struct kobject \*, const '; then
		say 's/const \(struct bin_attribute \*attr\)/\1/'
		say 's/const \(struct bin_attribute \*\)const \([a-z_]*\[\]\)/\1\2/'
	fi
	has include/linux/module.h 'MODULE_INFO(import_ns, ns)' || say 's/MODULE_IMPORT_NS("\(.*\)")/MODULE_IMPORT_NS(\1)/'
	# Remove context annotations, which only static checkers use, if the kernel does not define them.
	if ! grep -rq 'define token_context_lock(' "$ksrc/include/linux"; then
		say '/^token_context_lock(/d'
		say 's/^\t__cond_acquires(true, .*);$/\t;/'
	fi
}

# adapted NAME: print the file with this name, adapted to the kernel
adapted() {
	case $1 in
	# Linux 6.12 does not define the interrupt that reports configuration changes.
	vfio.h)
		patch -s -F0 -r - -o - "$ksrc/include/uapi/linux/vfio.h" "$top/backport/6.12/0101-vfio-ap-cfg-chg-irq.patch" ||
			die "KSRC=$ksrc: backport/6.12/0101-vfio-ap-cfg-chg-irq.patch does not apply to its include/uapi/linux/vfio.h"
		;;
	Kbuild) rules ;;
	*) sed -f "$out/adaptation" "$top/$driver/$1" ;;
	esac
}

# Print the Kbuild file. The kernel lacks our Kconfig, so -D enables the diagnostics.
rules() {
	echo "obj-m := vfio_ap.o $(names | sed -n 's/_test\.c$/_test.o/p' | sed "s/.*/${tests:+&}/" | tr '\n' ' ')"
	echo "vfio_ap-y := $(names | sed -n '/_test\.c$/d; s/\.c$/.o/p' | tr '\n' ' ')"
	echo "ccflags-y := -I\$(src) -I$(readlink -f "$ksrc")/$driver -DCONFIG_VFIO_AP_DIAGNOSTICS=1"
	[ -z "$uapi" ] || echo "ccflags-y += -include \$(src)/$uapi"
}

names() { (cd "$top/$driver" && ls vfio_ap_*.[ch]); }

# Print what the objects in the module's directory depend on, besides the driver's files.
kernel_identity() { echo "$release"; readlink -f "$ksrc" "$kbuild"; cksum <"$kbuild/Module.symvers"; }

# Write the module's source files. An unchanged file keeps its time stamp, so that make does not rebuild it. If the directory
# contains a build for another kernel, remove it first, because kbuild does not notice the difference.
write() {
	kernel_identity | cmp -s - "$out/kernel" || rm -rf "$out"
	mkdir -p "$out"
	kernel_identity >"$out/kernel"
	adaptation >"$out/adaptation"
	uapi=
	has include/uapi/linux/vfio.h VFIO_AP_CFG_CHG_IRQ_INDEX || uapi=vfio.h
	for name in $uapi $(names) Kbuild; do
		adapted "$name" >"$out/new"
		cmp -s "$out/new" "$out/$name" || mv "$out/new" "$out/$name"
	done
	rm -f "$out/new"
	for file in "$out"/vfio_ap_*.[ch]; do
		case $file in *.mod.c) continue ;; esac
		[ -e "$top/$driver/${file##*/}" ] || rm -f "$file"
	done
}

build() {
	write
	make -C "$kbuild" M="$out" -j"$jobs" modules
}

check_version
check_symbols
out=$(mkdir -p "$out" && readlink -f "$out")
logged module "build vfio_ap for Linux $release" build
[ "$tests" ] || say "${out#"$top/"}/vfio_ap.ko is for /lib/modules/$release/updates/"
