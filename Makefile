# SPDX-License-Identifier: GPL-2.0
# The verbs of the rig. `make help` lists them; the work is done by scripts in rig/.

MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.PHONY: help run test check exec shell log clean kernel

# The simulated machine, and the machine that simulates it.
HWSIM ?=
CPUS ?= 2
MEM ?= 1024
APPEND ?=
GDB ?=
export HWSIM CPUS MEM APPEND GDB HWSIM_FAULT
# What to test.
T ?= *
N ?= 1
LIST ?=
DRIVER ?= ours
export T N LIST DRIVER

B := build
OVERLAY := $(shell git ls-files -co --exclude-standard -- arch drivers include)
SELFTESTS := $(shell git ls-files -co --exclude-standard -- tools)
FRAGMENTS := $(sort $(wildcard rig/config/*.config))
IMAGE := $(B)/kernel/.built

help:
	@sed -n 's/^## //p' Makefile

## make run                  boot, plug an AP queue into a running guest and out of it again
## make test                 all tests, in one boot under lockdep
##      T=PATTERN              only the tests whose program:test matches
##      N=TIMES                several times
##      LIST=1                 which row of the behaviour is tested where
##      DRIVER=base            the same tests against the base's own driver
## make exec FILE=PATH       run a static s390x program or a shell script in the test kernel
## make shell                a shell in the test kernel, driver loaded
##      HWSIM="..." CPUS=2 MEM=1024 APPEND="..." GDB=1
## make check                W=1, sparse, checkpatch, kernel-doc: no warning in our files
## make log                  show the last full log
## make clean                remove all that was built; downloads stay

run: $(IMAGE) $(B)/initramfs.gz
	@rig/boot.sh demo

test: $(if $(LIST),,$(IMAGE) $(B)/initramfs.gz)
	@rig/test.sh

exec: $(IMAGE) $(B)/initramfs.gz
	@[ -n "$(FILE)" ] || { echo "usage: make exec FILE=path"; exit 2; }
	@rig/boot.sh exec "$(FILE)"

shell: $(IMAGE) $(B)/initramfs.gz
	@rig/boot.sh shell

check: $(IMAGE)
	@rig/check.sh

log:
	@cat $(B)/log/last

clean:
	rm -rf $(B)/linux $(B)/kernel $(B)/base-driver $(B)/selftests $(B)/log $(B)/initramfs* $(B)/.* 2>/dev/null || true

kernel: $(IMAGE)

$(B)/.packages: rig/packages.txt rig/install.sh
	@rig/install.sh
	@touch $@

$(B)/.source: $(B)/.packages rig/source.sh $(wildcard patches/*)
	@rig/source.sh
	@touch $@

$(B)/.overlay: $(B)/.source rig/overlay.sh $(OVERLAY)
	@rig/overlay.sh
	@touch $@

$(B)/kernel/.config: $(B)/.source rig/configure.sh $(FRAGMENTS) | $(B)/.overlay
	@rig/configure.sh $(abspath $(B)/kernel) $(abspath $(FRAGMENTS))
	@touch $@

$(IMAGE): $(B)/.overlay $(B)/kernel/.config rig/kernel.sh
	@rig/kernel.sh $(abspath $(B)/kernel)
	@touch $@

$(B)/initramfs.gz: $(IMAGE) rig/initramfs.sh rig/init.c rig/initramfs.list $(SELFTESTS)
	@rig/initramfs.sh
