# SPDX-License-Identifier: GPL-2.0
# The verbs of the rig. `make help` lists them; the work is done by scripts in rig/.

MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.PHONY: help run test mutate check exec shell log clean kernel

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
SEED ?=
export T N LIST DRIVER SEED
# Which faults to try.
M ?= *
export M

B := build
# A kernel beside the ordinary one: its further fragment is in rig/config/variant/.
VARIANT ?= $(if $(GDB),gdb)
export VARIANT
K := $(B)/kernel$(addprefix -,$(VARIANT))
INITRAMFS := $(B)/initramfs$(addprefix -,$(VARIANT)).gz
OURS := $(wildcard $(shell git ls-files -co --exclude-standard -- arch drivers include Documentation tools))
IN_KERNEL := $(filter arch/% drivers/% include/%,$(OURS))
FRAGMENTS := $(sort $(wildcard rig/config/*.config)) $(patsubst %,rig/config/variant/%.config,$(VARIANT))
BOOTABLE := $(K)/.built $(INITRAMFS)

## make run                  boot, plug an AP queue into a running guest and out of it again
## make test                 all tests, in one boot under lockdep
##      T=PATTERN              only where program:fixture.test matches; with its program's name also one
##                             that has a boot of its own
##      N=TIMES                several times
##      LIST=1                 which row of the behaviour is tested where
##      SEED=NUMBER            repeat what stress_test did with that seed
##      DRIVER=base            the same tests against the base's own driver, a boot for each
## make mutate               break the driver on purpose, one fault at a time: does a test notice?
##      M=PATTERN              only these of rig/mutants/
## make exec FILE=PATH       run a static s390x program or a shell script in the test kernel
## make shell                a shell in the test kernel, driver loaded
##      HWSIM="..." CPUS=2 MEM=1024 APPEND="..." GDB=1    for run, exec and shell
##      CPUS=1                 slower clock, same on a busy machine: time counts instructions
## make check                W=1, sparse, checkpatch, kernel-doc: no warning in our files
## make log                  show the last full log
## make clean                remove all that was built; what was downloaded stays
help:
	@sed -n 's/^## //p' Makefile

run: $(BOOTABLE)
	@rig/boot.py demo

exec: $(BOOTABLE)
	@[ -n "$(FILE)" ] || { echo "usage: make exec FILE=path"; exit 2; }
	@rig/boot.py exec "$(FILE)"

shell: $(BOOTABLE)
	@rig/boot.py shell

test: $(if $(LIST),,$(BOOTABLE))
	@rig/test.py

mutate: $(BOOTABLE)
	@rig/mutate.py

check: $(B)/.overlay $(K)/.config
	@rig/check.sh

log:
	@cat $(B)/log/last

clean:
	rm -rf $(B)/linux $(B)/kernel* $(B)/check $(B)/base-driver $(B)/mutant* $(B)/selftests $(B)/patches $(B)/log
	rm -f $(B)/init* $(B)/overlay.list $(B)/.source $(B)/.overlay

kernel: $(K)/.built

$(B)/.packages: rig/packages.txt rig/install.sh
	@rig/install.sh
	@touch $@

$(B)/.source: $(B)/.packages rig/source.sh rig/not-unpacked.txt $(wildcard patches/*)
	@rig/source.sh
	@touch $@

$(B)/.overlay: $(B)/.source rig/overlay.sh $(OURS)
	@rig/overlay.sh
	@touch $@

$(K)/.config: $(B)/.source rig/configure.sh $(FRAGMENTS) | $(B)/.overlay
	@rig/configure.sh $(abspath $(K)) $(abspath $(FRAGMENTS))
	@touch $@

$(K)/.built: $(B)/.source $(K)/.config rig/kernel.sh $(IN_KERNEL) | $(B)/.overlay
	@rig/kernel.sh $(abspath $(K))
	@touch $@

$(INITRAMFS): $(K)/.built rig/initramfs.sh rig/init.c rig/initramfs.list $(filter tools/%,$(OURS)) | $(B)/.overlay
	@rig/initramfs.sh $(abspath $(K)) $(abspath $@)
