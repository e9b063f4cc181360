# SPDX-License-Identifier: GPL-2.0
# `make help` lists the targets. The programs in rig/ do the work.

MAKEFLAGS += --no-print-directory
# Do not pass command-line variables to kbuild, which would take M= for the directory of an external module.
MAKEOVERRIDES :=
.DELETE_ON_ERROR:
.PHONY: help run test mutate bench model check series tree compdb module deb exec shell log clean kernel bootable

# Make passes the variables that users set to the programs as options, except BASE and VARIANT, which are environment
# variables (see rig/build/lib.sh). "option NAME,VALUE" expands to --NAME='VALUE', and "flag NAME,VALUE" to --NAME. Both expand
# to nothing if VALUE is empty.
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
# M can contain several patterns, so quote it.
FAULTS = '$(subst ','\'',$(M))'

# The base kernel: 6.12 or mainline.
BASE ?= 6.12
$(if $(filter 6.12 mainline,$(BASE)),,$(error BASE=$(BASE): must be 6.12 or mainline))
export BASE
D := build
B := $D$(addprefix /,$(filter mainline,$(BASE)))
BACKPORT := $(wildcard backport/$(BASE))
# kbuild rejects a path with a blank or a colon, so fail before the download. The appended "/." reveals a trailing blank.
ifneq ($(if $(LIST),,$(filter-out help log clean,$(or $(MAKECMDGOALS),help))),)
$(if $(filter 1,$(words $(subst :, ,$(CURDIR)/.))),,$(error the kernel cannot be built in '$(CURDIR)': its build system rejects a path with a blank or a colon))
endif
# Allow only one make per clone, because two would overwrite each other's files. In the shell, PPID is the PID of this make.
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
# A variant is a kernel built with an additional configuration fragment from rig/config/variant/.
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
# The Linux guest of linux_test.
GUEST := $(B)/guest/.built
BOOTABLE := $(K)/.built $(INITRAMFS) $(GUEST)

## make run                  boot the test kernel, plug an AP queue into a running guest, and unplug it
##      CLIENT=qemu            run the guest with Debian's QEMU, and show what the guest prints
##      CLIENT=linux           run Linux as the guest, and show what its lszcrypt prints
## make test                 run all tests except the slow ones, under lockdep, in two long boots and five short boots
##      T=PATTERN              run only the tests whose name, fixture.test or program:fixture.test, matches. For the
##                             programs in machines.txt, PATTERN must include the program
##      N=TIMES                run each test several times
##      LIST=1                 list the ids in doc/behaviours.md with their tests and the last results. LIST=rst
##                             writes doc/tests-by-driver.rst
##      LONG=1                 also run the slow tests, which use other kernels, more CPUs, Debian sid's programs and
##                             failing allocations, and stress the driver for 10 minutes. List the driver's lines that
##                             no test executes. LONG=PATTERN runs only the matching rows of rig/test/long.txt
##      LOAD=1                 run the tests 10 times (or N times) beside four busy loops, to find tests that depend
##                             on timing. This takes hours on two cores. LONG=1 includes one such run
##      SEED=NUMBER            repeat the run of stress_test that printed this seed
##      DRIVER=stock           test the stock driver, with a separate boot for each test
##      KERNEL=stock           test the result of `make module` on a kernel whose only patch adds the simulator. Tests
##                             that need another patch are skipped, and print its name
## make mutate               break the driver on purpose, one fault at a time, and check that a test notices each fault
##      M='PATTERN ...'        try only the faults whose names match. A fault is a patch in rig/mutants/, or
##                             without-NAME, which leaves out the patch NAME of series/
##      RANDOM=N SEED=NUMBER   try N random faults. The same seed repeats a run, or continues an interrupted one
## make exec FILE=PATH       run a static s390x program or a shell script on the test kernel
## make shell                start a shell on the test kernel with the driver, QEMU, mdevctl, lszcrypt and udevadm
##      HWSIM="..." CPUS=2 MEM=1024 APPEND="..." GDB=1    options of the simulated machine for run, exec, shell and test,
##                             such as HWSIM="adapters=1,2 domains=0-3". `make run` always uses adapters 4 to 6
##      CPUS=1                 let the clock count instructions, so that the load on your machine does not matter
## make bench                compare this driver with the stock driver in a table, build/bench.json and a plot. This
##                           takes 15 minutes
## make model                use spin to check the locking in the model rig/model/vfio_ap.pml, in every order of steps
##      MUTATE=1               check that spin finds each fault that MUTANTS in rig/model/check.sh lists
## make series               write the patches for git am to build/series/, and check them. This takes 30 minutes
##      FAST=1                 do not build or boot a kernel, and do not run Coccinelle
##      SIGNOFF=1              make you the author, and add your Signed-off-by
##      LONG=1                 also test the fixes whose tests need another kernel
## make tree                 turn build/linux into a git repository: the base, and one commit for each patch
## make compdb               write compile_commands.json for clangd
## make module KSRC=DIR      build vfio_ap.ko in build/module/ for a stock kernel 6.12 or later whose source is in DIR
##      KBUILD=DIR             the build directory of that kernel (default on s390x: that of the running kernel)
## make deb                  build kernel packages for a real machine in build/deb/, with Debian's configuration
## make check                check our files with W=1, sparse, checkpatch, kernel-doc and other tools
## make kernel               only build the kernel. VARIANT=NAME adds rig/config/variant/NAME.config to its configuration
## make log                  show the full log of the last boot
## make clean                remove everything that was built, but not what was downloaded
## BASE=mainline             for any target, use mainline instead of Linux 6.12, and build in build/mainline/. Make
##                           downloads the newest version once. Remove build/mainline/base to download a newer one
## The programs in rig/ have more options, which -h lists: python3 -m rig.test.test -h
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

# Measure latencies and costs on a kernel without lock debugging, which is slow. Measure how long locks are held on the
# ordinary kernel, because it has lock statistics.
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
	rm -rf $(B)/guest $(B)/series* $(B)/deb $(B)/module $(B)/linux $(B)/linux-stock $(B)/linux.* $(B)/linux-stock.* $(B)/kernel* $(B)/check $(B)/*-driver $(B)/mutant* $(B)/model $(B)/selftests $(B)/headers $(B)/coverage $(B)/log
	rm -rf $(B)/init* $(B)/commands $(B)/modules $(B)/lsvfioap $(B)/results $(B)/bench* $(B)/.source* $(B)/.overlay* $(B)/compile_commands.json compile_commands.json

kernel: $(K)/.built

$(D)/.packages: rig/build/packages.txt rig/build/install.sh
	@rig/build/install.sh
	@touch $@

$(D)/.debian: rig/build/packages-s390x.txt rig/build/debian.sh | $(D)/.packages
	@rig/build/debian.sh

# Download the programs of another Debian release.
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

$(GUEST): $(D)/.debian rig/build/guest.sh $(wildcard tools/testing/selftests/vfio-ap/guest/linux_*) \
		tools/testing/selftests/vfio-ap/guest/sie_work.h | $(INITRAMFS)
	@rig/build/guest.sh $(abspath $(K))
	@touch $@

$(INITRAMFS): $(K)/.built $(D)/.debian rig/build/initramfs.sh rig/build/init.c rig/build/initramfs.list rig/check/commands.py README.md $(filter Documentation/% tools/%,$(OURS)) | $(B)/.overlay
	@rig/build/initramfs.sh $(abspath $(K)) $(abspath $@)
