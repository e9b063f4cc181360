# SPDX-License-Identifier: GPL-2.0
# `make help` lists the targets. The programs in rig/ do the work.

MAKEFLAGS += --no-print-directory
# Do not pass command-line variables to kbuild, which would use M= as the directory of a module.
MAKEOVERRIDES :=
.DELETE_ON_ERROR:
.PHONY: help run test mutate bench model check series tree compdb module deb exec shell log clean kernel bootable

# Users set variables, and make passes them to the programs as options. Only BASE and VARIANT are environment variables, which
# rig/build/lib.sh explains.
# option NAME,VALUE: --NAME='VALUE', or nothing if VALUE is empty. flag NAME,VALUE: --NAME, or nothing if VALUE is empty.
option = $(if $2,--$1='$(subst ','\'',$2)')
flag = $(if $2,--$1)
RIG := python3 -m rig
T ?= *
M ?= *
DRIVER ?= ours
KERNEL ?= ours
MACHINE = $(call option,hwsim,$(HWSIM)) $(call option,cpus,$(CPUS)) $(call option,memory,$(MEM)) \
	$(call option,append,$(APPEND)) $(call flag,gdb,$(GDB))
TEST = $(call option,times,$(N)) $(call option,seed,$(SEED)) $(call option,long,$(LONG)) $(call flag,load,$(LOAD)) \
	$(call option,driver,$(DRIVER)) $(call option,kernel,$(KERNEL)) $(if $(LIST),--list=$(if $(filter rst,$(LIST)),rst,rows))
# M can contain several patterns.
FAULTS = '$(subst ','\'',$(M))'

# The base kernel: 6.12 or mainline.
BASE ?= 6.12
$(if $(filter 6.12 mainline,$(BASE)),,$(error BASE=$(BASE): must be 6.12 or mainline))
export BASE
D := build
B := $D$(addprefix /,$(filter mainline,$(BASE)))
BACKPORT := $(wildcard backport/$(BASE))
# kbuild rejects a path with a blank or a colon. Fail now, not after the download. The appended dot reveals a trailing blank.
ifneq ($(if $(LIST),,$(filter-out help log clean,$(or $(MAKECMDGOALS),help))),)
$(if $(filter 1,$(words $(subst :, ,$(CURDIR)/.))),,$(error the kernel cannot be built in '$(CURDIR)': its build system rejects a path with a blank or a colon))
endif
# Allow only one make per clone, because two would overwrite each other's files. PPID is the process id of this make.
ifeq ($(MAKELEVEL),0)
ifneq ($(if $(LIST),,$(filter-out help log shell,$(MAKECMDGOALS))),)
other := $(shell mkdir -p $(B); made=$$(cat $(D)/.make 2>/dev/null); \
	if [ "$${made:-$$PPID}" != $$PPID ] && [ "$$(cat /proc/$$made/comm 2>/dev/null)" = make ] && \
		[ /proc/$$made/cwd -ef . ]; then echo $$made; else echo $$PPID >$(D)/.make; fi)
$(if $(other),$(error another make runs in this directory (process $(other)); wait until it has ended))
# Restore the kernel tree after an interrupted `make mutate`.
$(if $(wildcard $(B)/mutant.kept),$(shell $(RIG).mutate.mutate --restore))
endif
endif
# A variant is a kernel with an additional fragment from rig/config/variant/.
VARIANT ?= $(or $(filter stock,$(KERNEL)),$(if $(GDB),gdb))
export VARIANT
# The stock kernel has its own source tree.
S := $(addprefix -,$(filter stock,$(VARIANT)))
K := $(B)/kernel$(addprefix -,$(VARIANT))
INITRAMFS := $(B)/initramfs$(addprefix -,$(VARIANT)).gz
OURS := $(wildcard $(shell git ls-files -co --exclude-standard -- arch drivers include Documentation tools))
IN_KERNEL := $(filter arch/% drivers/% include/%,$(OURS))
FRAGMENTS := $(filter-out $(if $S,%/driver.config),$(sort $(wildcard rig/config/*.config))) \
	$(wildcard $(BACKPORT)/*.config) \
	$(patsubst %,rig/config/variant/%.config,$(VARIANT))
BOOTABLE := $(K)/.built $(INITRAMFS)

## make run                  boot, plug an AP queue into a running guest, and unplug it
##      CLIENT=qemu            run the guest with Debian's QEMU, and show what it prints
## make test                 run all tests except the slow ones, under lockdep: one long boot and four short ones
##      T=PATTERN              run only tests that match fixture.test or program:fixture.test. Programs in machines.txt
##                             match only with the program name
##      N=TIMES                run each test several times
##      LIST=1                 list the behaviours, their tests and the last results. LIST=rst writes
##                             doc/tests-by-driver.rst
##      LONG=1                 also run the slow tests: other kernels, more CPUs, Debian sid's programs, faults, 10
##                             minutes of stress. List the lines of the driver that no test executes. LONG=NAME: one
##                             row of rig/test/long.txt
##      LOAD=1                 run the tests 10 times (or N times) beside four busy loops, to find tests that depend
##                             on timing. This takes hours on two cores. LONG=1 runs them once beside the loops
##      SEED=NUMBER            repeat a run of stress_test
##      DRIVER=stock           test the stock driver, in one boot per test
##      KERNEL=stock           test the result of `make module` on a kernel that only has the simulator; tests of
##                             a patch are skipped and name it
## make mutate               break the driver on purpose, one fault at a time, and check that a test notices
##      M='PATTERN ...'        try only these faults in rig/mutants/. Each fault without-* leaves out a patch of series/
##      RANDOM=N SEED=NUMBER   try N random faults. The same seed repeats a run, or continues an interrupted run
## make exec FILE=PATH       run a static s390x program or a shell script in the test kernel
## make shell                start a shell in the test kernel with the driver, QEMU, mdevctl, lszcrypt and udevadm
##      HWSIM="..." CPUS=2 MEM=1024 APPEND="..." GDB=1    options of the machine for run, exec, shell and test, such
##                             as HWSIM="adapters=1,2 domains=0-3". run always uses adapters 4 to 6
##      CPUS=1                 let the clock count instructions, so that the load of your machine does not matter
## make bench                compare the drivers in a table, build/bench.json and a plot, which takes 15 minutes
## make model                check the locking in the model rig/model/vfio_ap.pml with spin, in every order of steps
##      MUTATE=1               check that spin finds each fault in MUTANTS of rig/model/check.sh
## make series               write the patches for git am to build/series/, and check them, which takes 30 minutes
##      FAST=1                 do not build, boot or run Coccinelle
##      SIGNOFF=1              make you the author, and add your Signed-off-by
##      LONG=1                 also check the fixes that need another kernel
## make tree                 make build/linux a git branch: the base, and one commit for each patch
## make compdb               write compile_commands.json for clangd
## make module KSRC=DIR      build vfio_ap.ko in build/module/ for a stock kernel of 6.12 or later, whose source is KSRC
##      KBUILD=DIR             the build directory of this kernel (default: that of the running kernel)
## make deb                  build kernel packages for a real machine in build/deb/, in Debian's configuration
## make check                check our files with W=1, sparse, checkpatch, kernel-doc and other tools
## make kernel               only build the kernel, with VARIANT=NAME in the variant of rig/config/variant/NAME.config
## make log                  show the last full log
## make clean                remove everything that was built, but not what was downloaded
## BASE=mainline             use mainline instead of Linux 6.12, with any target, in build/mainline/. Make downloads
##                           the newest version once. Remove build/mainline/base to download a newer one
## The programs in rig/ have more options: python3 -m rig.test.test -h
help:
	@sed -n 's/^## //p' Makefile

run: $(BOOTABLE)
	@$(RIG).run.boot demo $(MACHINE) $(call option,client,$(CLIENT)) $(call option,fault,$(HWSIM_FAULT))

exec: $(BOOTABLE)
	@[ -n "$(FILE)" ] || { echo "usage: make exec FILE=PATH"; exit 2; }
	@$(RIG).run.boot exec $(MACHINE) "$(FILE)"

shell: $(BOOTABLE)
	@$(RIG).run.boot shell $(MACHINE)

test: $(if $(LIST),,$(BOOTABLE))
	@$(if $(LONG),for suite in $$($(RIG).test.test --suites $(call option,long,$(LONG))); do $(MAKE) $(D)/.debian-$$suite || exit 1; done)
	@$(if $(LONG),for kernel in $$($(RIG).test.test --variants $(call option,long,$(LONG))); do $(MAKE) VARIANT=$$kernel bootable || exit 1; done)
	@$(RIG).test.test $(MACHINE) $(TEST) '$(subst ','\'',$(T))'

bootable: $(BOOTABLE)

# Use /usr/bin/python3, because python3-clang is for Debian's Python.
mutate: $(BOOTABLE)
ifdef RANDOM
	@rig/build/install.sh packages-mutate.txt
	@$(MAKE) VARIANT=memory bootable
	@[ -d $(B)/coverage ] || { $(MAKE) LONG='[mf]*' test || exit 1; }
	@/usr/bin/$(RIG).mutate.mutate_random $(MACHINE) $(call option,seed,$(SEED)) $(RANDOM)
else
	@for kernel in $$($(RIG).mutate.mutate --variants $(FAULTS)); do $(MAKE) VARIANT=$$kernel bootable || exit 1; done
	@$(RIG).mutate.mutate $(MACHINE) $(FAULTS)
endif

# Measure in a kernel without lock debugging, which is slow. The ordinary kernel measures how long locks are held.
bench:
	@$(MAKE) VARIANT= bootable
	@$(MAKE) VARIANT=bench bootable
	@$(RIG).run.bench $(call option,pairs,$(PAIRS))

model: $(D)/.packages
	@rig/model/check.sh $(call flag,mutate,$(MUTATE))

series: $(B)/.overlay $(if $(FAST),,$(BOOTABLE))
	@$(if $(FAST),,$(if $(LONG),for kernel in $$($(RIG).mutate.mutate --variants 'without-*'); do $(MAKE) VARIANT=$$kernel bootable || exit 1; done))
	@$(if $(FAST),,rig/build/install.sh packages-series.txt && $(MAKE) check)
	@$(RIG).series.series $(call flag,fast,$(FAST)) $(call flag,long,$(LONG)) $(call flag,signoff,$(SIGNOFF))

tree: $(B)/.overlay
	@$(RIG).series.tree

compdb: $(K)/.built
	@$(RIG).build.compdb $(K)

KBUILD ?= $(if $(filter s390x,$(shell uname -m)),/lib/modules/$(shell uname -r)/build)
module:
	@rig/build/module.sh '$(KSRC)' '$(KBUILD)' $(D)/module

deb: $(D)/.debian
	@rig/build/install.sh packages-deb.txt
	@$(MAKE) FAST=1 series
	@rig/build/deb.sh

check: $(B)/.overlay $(K)/.config
	@rig/check/check.sh

log:
	@[ -e $(B)/log/last ] || { echo "nothing was booted yet"; exit 1; }
	@cat $(B)/log/last

clean:
	rm -rf $(B)/series* $(B)/deb $(B)/module $(B)/linux $(B)/linux-stock $(B)/linux.* $(B)/linux-stock.* $(B)/kernel* $(B)/check $(B)/*-driver $(B)/mutant* $(B)/model $(B)/selftests $(B)/headers $(B)/coverage $(B)/log
	rm -rf $(B)/init* $(B)/commands $(B)/modules $(B)/lsvfioap $(B)/results $(B)/bench* $(B)/.source* $(B)/.overlay* $(B)/compile_commands.json compile_commands.json

kernel: $(K)/.built

$(D)/.packages: rig/build/packages.txt rig/build/install.sh
	@rig/build/install.sh
	@touch $@

$(D)/.debian: rig/build/packages-s390x.txt rig/build/debian.sh | $(D)/.packages
	@rig/build/debian.sh

# The programs of another release.
$(D)/.debian-%: rig/build/packages-s390x.txt rig/build/debian.sh | $(D)/.packages
	@rig/build/debian.sh $*

$(B)/base: $(D)/.packages rig/build/fetch.sh
	@rig/build/fetch.sh
	@touch $@

# Rules for the source tree of a kernel. $1 is empty or -stock.
define tree
$(B)/.source$1: $(B)/base rig/build/source.sh $(wildcard patches/*.patch patches/series $(BACKPORT)/*.patch $(BACKPORT)/series)
	@VARIANT=$(1:-%=%) rig/build/source.sh
	@touch $$@

$(B)/.overlay$1: $(B)/.source$1 rig/build/overlay.sh $(wildcard patches/ours/* $(BACKPORT)/ours/*) $(OURS)
	@VARIANT=$(1:-%=%) rig/build/overlay.sh
	@touch $$@
endef
$(eval $(call tree,))
$(eval $(call tree,-stock))

$(K)/.config: $(B)/.source$S rig/build/configure.sh $(FRAGMENTS) | $(B)/.overlay$S
	@rig/build/configure.sh $(abspath $(K)) $(abspath $(FRAGMENTS))
	@touch $@

$(K)/.built: $(B)/.source$S $(K)/.config rig/build/kernel.sh $(if $S,rig/build/module.sh) $(IN_KERNEL) | $(B)/.overlay$S $(B)/.overlay
	@rig/build/kernel.sh $(abspath $(K))
	@touch $@

$(INITRAMFS): $(K)/.built $(D)/.debian rig/build/initramfs.sh rig/build/init.c rig/build/initramfs.list rig/check/commands.py README.md $(filter Documentation/% tools/%,$(OURS)) | $(B)/.overlay
	@rig/build/initramfs.sh $(abspath $(K)) $(abspath $@)
