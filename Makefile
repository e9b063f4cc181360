# SPDX-License-Identifier: GPL-2.0
# The verbs of the rig. `make help` lists them; the work is done by scripts in rig/.

MAKEFLAGS += --no-print-directory
# What is set here comes by the environment. As a flag, M= would reach kbuild, which takes it for a module's directory.
MAKEOVERRIDES :=
.DELETE_ON_ERROR:
.PHONY: help run test mutate bench model check series deb exec shell log clean kernel bootable

# The simulated machine, and the machine that simulates it.
HWSIM ?=
CPUS ?= 2
MEM ?= 1024
APPEND ?=
GDB ?=
# Who gives the queues to a guest in `make run`: the small program of the tests, or Debian's QEMU.
CLIENT ?=
export HWSIM CPUS MEM APPEND GDB HWSIM_FAULT CLIENT
# What to test.
T ?= *
N ?=
LIST ?=
LONG ?=
LOAD ?=
DRIVER ?= ours
KERNEL ?= ours
SEED ?=
export T N LIST LONG LOAD DRIVER KERNEL SEED
# Which faults to try.
M ?= *
MUTATE ?=
export M MUTATE
# What not to do with the series, and who signs it.
FAST ?=
SIGNOFF ?=
export FAST SIGNOFF

# The kernel that everything is built for.
BASE ?= 6.12
$(if $(filter 6.12 mainline,$(BASE)),,$(error BASE=$(BASE): there are 6.12 and mainline))
export BASE
D := build
B := $D$(addprefix /,$(filter mainline,$(BASE)))
BACKPORT := $(wildcard backport/$(BASE))
# kbuild would refuse the path only after minutes of downloading and unpacking. The dot makes a trailing blank count.
ifneq ($(if $(LIST),,$(filter-out help log clean,$(or $(MAKECMDGOALS),help))),)
$(if $(filter 1,$(words $(subst :, ,$(CURDIR)/.))),,$(error the kernel cannot be built in '$(CURDIR)': its build system refuses a path with a blank or a colon))
endif
# Two in one clone would build over each other. PPID is this make.
ifeq ($(MAKELEVEL),0)
ifneq ($(if $(LIST),,$(filter-out help log shell,$(MAKECMDGOALS))),)
other := $(shell mkdir -p $(B); made=$$(cat $(D)/.make 2>/dev/null); \
	if [ "$${made:-$$PPID}" != $$PPID ] && [ "$$(cat /proc/$$made/comm 2>/dev/null)" = make ] && \
		[ /proc/$$made/cwd -ef . ]; then echo $$made; else echo $$PPID >$(D)/.make; fi)
$(if $(other),$(error make is at work here already (process $(other)); wait for its end))
# Of a `make mutate` that was interrupted.
$(if $(wildcard $(B)/mutant.kept),$(shell rig/mutate.py back))
endif
endif
# A kernel beside the ordinary one: its further fragment is in rig/config/variant/.
VARIANT ?= $(or $(filter base,$(KERNEL)),$(if $(GDB),gdb))
export VARIANT
# The base's kernel has sources of its own.
S := $(addprefix -,$(filter base,$(VARIANT)))
K := $(B)/kernel$(addprefix -,$(VARIANT))
INITRAMFS := $(B)/initramfs$(addprefix -,$(VARIANT)).gz
OURS := $(wildcard $(shell git ls-files -co --exclude-standard -- arch drivers include Documentation tools))
IN_KERNEL := $(filter arch/% drivers/% include/%,$(OURS))
FRAGMENTS := $(filter-out $(if $S,%/driver.config),$(sort $(wildcard rig/config/*.config))) \
	$(wildcard $(BACKPORT)/*.config) \
	$(patsubst %,rig/config/variant/%.config,$(VARIANT))
BOOTABLE := $(K)/.built $(INITRAMFS)

## make run                  boot, plug an AP queue into a running guest and out of it again
##      CLIENT=qemu            with Debian's QEMU, whose guest prints what it sees
## make test                 all tests that are not long, under lockdep: one boot, and four small ones
##      T=PATTERN              only where program:fixture.test matches; with its program's name also one
##                             that has a boot of its own
##      N=TIMES                several times
##      LIST=1                 which row of the behaviour is tested where; LIST=rst: as a page of Documentation/
##      LONG=1                 then also what takes long: other kernels, more CPUs, faults, 10 minutes of
##                             stress, which lines of the driver never ran; LONG=NAME: one row of rig/long.txt
##      LOAD=1                 ten times, or N, beside four busy loops, to find tests that depend on timing.
##                             Takes hours on two cores; LONG=1 does this once, as its last row
##      SEED=NUMBER            repeat what stress_test did with that seed
##      DRIVER=base            the same tests against the base's own driver, a boot for each
##      KERNEL=base            likewise, this driver on the base's kernel, with the simulator
## make mutate               break the driver on purpose, one fault at a time: does a test notice?
##      M='PATTERN ...'        only these of rig/mutants/; without-*: a patch of series/ is missing
##      RANDOM=N SEED=NUMBER   N faults made by rule and drawn by chance, instead of those of rig/mutants/; the
##                             same seed repeats a sample, and goes on with one that was interrupted
## make exec FILE=PATH       run a static s390x program or a shell script in the test kernel
## make shell                a shell in the test kernel, driver loaded, with QEMU, mdevctl, lszcrypt and udevadm
##      HWSIM="..." CPUS=2 MEM=1024 APPEND="..." GDB=1    for run, exec and shell; HWSIM="adapters=1,2
##                             domains=0-3" is for exec and shell only: run draws 04 to 06
##      CPUS=1                 slower clock, same on a busy machine: time counts instructions
## make bench                measure against the base's driver: a table, build/bench.json, a plot; 15 minutes
## make model                check the lock rule with spin, in every order of steps: rig/model/vfio_ap.pml
##      MUTATE=1               with one rule broken at a time: each must be found
## make series               the patches for git am, build/series/, and what a maintainer would check; 30 minutes
##      FAST=1                 nothing is built or booted, no coccinelle
##      SIGNOFF=1              with you as author, and your Signed-off-by
##      LONG=1                 without a fix its test fails: also where only another kernel shows that
## make deb                  kernel packages for a real machine: Debian's configuration, the series, build/deb/
## make check                W=1, sparse, checkpatch, kernel-doc: no warning in our files
## make kernel               build it only; VARIANT=memory, races, base, gdb: another one, see rig/config/variant/
## make log                  show the last full log
## make clean                remove all that was built; what was downloaded stays
## BASE=mainline             with any verb: mainline instead of Linux 6.12, in build/mainline/. It is the newest when it
##                           is fetched; remove build/mainline/base to fetch a newer one
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
	@$(if $(LONG),for kernel in $$(rig/test.py kernels); do $(MAKE) VARIANT=$$kernel bootable || exit 1; done)
	@rig/test.py

bootable: $(BOOTABLE)

mutate: $(BOOTABLE)
ifdef RANDOM
	@rig/install.sh packages-mutate.txt
	@$(MAKE) VARIANT=memory bootable
	@[ -d $(B)/coverage ] || { $(MAKE) LONG='[mf]*' test || exit 1; }
	@rig/mutate_random.py $(RANDOM) $(SEED)
else
	@for kernel in $$(rig/mutate.py kernels); do $(MAKE) VARIANT=$$kernel bootable || exit 1; done
	@rig/mutate.py
endif

# In a kernel of its own, without lock debugging; how long locks are held, in the ordinary one.
bench:
	@$(MAKE) VARIANT= bootable
	@$(MAKE) VARIANT=bench bootable
	@VARIANT=bench rig/bench.py

model: $(D)/.packages
	@rig/model.sh

series: $(B)/.overlay $(if $(FAST),,$(BOOTABLE))
	@$(if $(FAST),,$(if $(LONG),for kernel in $$(M='without-*' rig/mutate.py kernels); do $(MAKE) VARIANT=$$kernel bootable || exit 1; done))
	@$(if $(FAST),,rig/install.sh packages-series.txt && $(MAKE) check)
	@rig/series.py

deb: $(D)/.debian
	@rig/install.sh packages-deb.txt
	@$(MAKE) FAST=1 series
	@rig/deb.sh

check: $(B)/.overlay $(K)/.config
	@rig/check.sh

log:
	@[ -e $(B)/log/last ] || { echo "nothing was booted yet"; exit 1; }
	@cat $(B)/log/last

clean:
	rm -rf $(B)/series* $(B)/deb $(B)/linux $(B)/linux-base $(B)/linux.* $(B)/linux-base.* $(B)/kernel* $(B)/check $(B)/*-driver $(B)/mutant* $(B)/model $(B)/selftests $(B)/headers $(B)/coverage $(B)/log
	rm -rf $(B)/init* $(B)/commands $(B)/modules.dep $(B)/lsvfioap $(B)/results $(B)/bench* $(B)/.source* $(B)/.overlay*

kernel: $(K)/.built

$(D)/.packages: rig/packages.txt rig/install.sh
	@rig/install.sh
	@touch $@

$(D)/.debian: rig/packages-s390x.txt rig/debian.sh | $(D)/.packages
	@rig/debian.sh

$(B)/base: $(D)/.packages rig/fetch.sh
	@rig/fetch.sh
	@touch $@

# What the kernel of a variant is built from: $1 is nothing, or -base.
define tree
$(B)/.source$1: $(B)/base rig/source.sh rig/not-unpacked.txt $(wildcard patches/* $(BACKPORT)/*.patch $(BACKPORT)/series)
	@VARIANT=$(1:-%=%) rig/source.sh
	@touch $$@

$(B)/.overlay$1: $(B)/.source$1 rig/overlay.sh $(wildcard $(BACKPORT)/ours/*) $(OURS)
	@VARIANT=$(1:-%=%) rig/overlay.sh
	@touch $$@
endef
$(eval $(call tree,))
$(eval $(call tree,-base))

$(K)/.config: $(B)/.source$S rig/configure.sh $(FRAGMENTS) | $(B)/.overlay$S
	@rig/configure.sh $(abspath $(K)) $(abspath $(FRAGMENTS))
	@touch $@

$(K)/.built: $(B)/.source$S $(K)/.config rig/kernel.sh $(IN_KERNEL) | $(B)/.overlay$S $(B)/.overlay
	@rig/kernel.sh $(abspath $(K))
	@touch $@

$(INITRAMFS): $(K)/.built $(D)/.debian rig/initramfs.sh rig/init.c rig/initramfs.list rig/commands.py README.md $(filter Documentation/% tools/%,$(OURS)) | $(B)/.overlay
	@rig/initramfs.sh $(abspath $(K)) $(abspath $@)
