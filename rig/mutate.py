#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Break the driver on purpose, one fault at a time, and see that a test notices.

Each rig/mutants/*.patch says what it breaks, names in "Caught-by:" the test that must fail (program:fixture.test, or
a pattern), and is a patch against this repository, or against a file of the base. What touches only the driver is
built as a module beside the other; anything else is built into the kernel and taken back afterwards.

A fault is caught when the named test fails, or when that boot ends in a panic, a warning, a lockdep report or a
violation. The last line is `N caught, N survived`; the status is 0 only when nothing survived.
"""
import concurrent.futures
import fnmatch
import glob
import os
import re
import shutil
import subprocess
import sys

import boot
import test
from boot import say, setting

DRIVER = "drivers/s390/crypto"
MUTANTS = os.path.join(boot.TOP, "rig/mutants")
WORK = os.path.join(boot.BUILD, "mutant")
LINUX = os.path.join(boot.BUILD, "linux")
KERNEL = os.path.join(boot.BUILD, "kernel")
APPLIED = os.path.join(boot.BUILD, "mutant.applied")


class Mutant:
    def __init__(self, path):
        self.path, self.name = path, os.path.splitext(os.path.basename(path))[0]
        with open(path) as lines:
            text = lines.read()
        self.files = re.findall(r"^\+\+\+ [^/\n]*/(\S+)", text, re.M)
        found = re.search(r"^Caught-by: (\S+)$", text, re.M)
        if not found or not self.files:
            sys.exit(f"{path}: needs a patch and a line `Caught-by: program:fixture.test`")
        self.test = found[1]
        self.in_module = all(re.match(DRIVER + r"/vfio_ap_[a-z]+\.[ch]$", file) for file in self.files)


def logged(name, command, **more):
    with open(os.path.join(boot.LOGS, f"mutant-{name}.log"), "a") as log:
        return subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False, **more).returncode == 0


def make(name, *words):
    return logged(name, ["make", "-C", LINUX, f"O={KERNEL}", f"-j{os.cpu_count()}", "ARCH=s390",
                         "CROSS_COMPILE=s390x-linux-gnu-", "KBUILD_BUILD_TIMESTAMP=2026-01-01",
                         "KBUILD_BUILD_USER=rig", "KBUILD_BUILD_HOST=rig", *words])


def patch(name, path, directory, *options):
    return logged(name, ["patch", "-p1", "-F0", "--batch", "--forward", "-d", directory, "-i", path, *options])


def build_module(mutant):
    """The faulty driver as a module of its own; {path there: path here}, or None."""
    work = os.path.join(WORK, mutant.name)
    place = os.path.join(work, DRIVER)
    os.makedirs(place)
    for path in glob.glob(os.path.join(LINUX, DRIVER, "vfio_ap_*.[ch]")):
        shutil.copy(path, place)
    if not patch(mutant.name, mutant.path, work):
        return None
    objects = sorted(os.path.basename(path)[:-2] + ".o" for path in glob.glob(os.path.join(place, "vfio_ap_*.c"))
                     if not path.endswith("_test.c"))
    with open(os.path.join(place, "Kbuild"), "w") as kbuild:
        kbuild.write("obj-m := vfio_ap.o\n"
                     f"vfio_ap-y := {' '.join(objects)}\n"
                     f"ccflags-y := -I$(src) -I{os.path.join(LINUX, DRIVER)}\n")
    if not make(mutant.name, f"M={place}", "modules"):
        return None
    return {"/lib/vfio_ap.ko": os.path.join(place, "vfio_ap.ko")}


def build_kernel(mutant):
    # Should this be interrupted, the next `make` builds what the tree then says.
    if os.path.exists(os.path.join(KERNEL, ".built")):
        os.unlink(os.path.join(KERNEL, ".built"))
    with open(APPLIED, "w") as note:
        note.write(mutant.path)
    if not patch(mutant.name, mutant.path, LINUX) or not make(mutant.name, "bzImage", "modules"):
        return None
    return {"/lib/vfio_ap.ko": os.path.join(KERNEL, DRIVER, "vfio_ap.ko")}


def take_back():
    """Undo what a mutant did to the kernel's tree, also of a run that was interrupted. True if there was anything."""
    if not os.path.exists(APPLIED):
        return False
    with open(APPLIED) as note:
        if not logged("take-back", ["patch", "-p1", "--batch", "-R", "-d", LINUX, "-i", note.read()]):
            sys.exit(f"{LINUX}: a mutant cannot be taken back; `make clean` helps")
    os.unlink(APPLIED)
    return True


def verdict(mutant, files):
    log = f"mutant-{mutant.name}.run.log"
    # What never happens in a faulty driver need not be waited for as long as on the busiest machine.
    word, tells = test.trial(mutant.test, "rig_patience=40", files=files, log=log) if files else ("cannot be built", "")
    if word == "fails":
        return True, f"caught    {mutant.name}: {mutant.test}: {tells}"
    return False, f"SURVIVED  {mutant.name}: {mutant.test} {word}"


def tell(trial):
    if not trial.cancelled() and not trial.exception():
        say(trial.result()[1])


def try_modules(mutants):
    """[caught] of those that only change the driver: while one is tried, the next is built."""
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    try:
        trials = []
        for mutant in mutants:
            trials.append(pool.submit(verdict, mutant, build_module(mutant)))
            trials[-1].add_done_callback(tell)
        return [trial.result()[0] for trial in trials]
    finally:
        pool.shutdown(cancel_futures=True)


def try_kernels(mutants):
    """[caught] of those that change the kernel: it is built for each, and built back at the end."""
    caught = []
    try:
        for mutant in mutants:
            take_back()
            found, text = verdict(mutant, build_kernel(mutant))
            caught.append(found)
            say(text)
    finally:
        take_back()
    if mutants and not make("take-back", "bzImage", "modules"):
        sys.exit("the kernel cannot be built back; `make clean` helps")
    return caught


def main():
    os.makedirs(boot.LOGS, exist_ok=True)
    for path in glob.glob(os.path.join(boot.LOGS, "mutant-*")):
        os.unlink(path)
    shutil.rmtree(WORK, ignore_errors=True)
    take_back()
    wanted = setting("M", "*")
    mutants = [Mutant(path) for path in sorted(glob.glob(os.path.join(MUTANTS, "*.patch")))]
    mutants = [mutant for mutant in mutants if fnmatch.fnmatch(mutant.name, wanted)]
    caught = try_modules([mutant for mutant in mutants if mutant.in_module])
    caught += try_kernels([mutant for mutant in mutants if not mutant.in_module])
    say(f"{sum(caught)} caught, {len(caught) - sum(caught)} survived")
    return 0 if caught and all(caught) else 1


if __name__ == "__main__":
    sys.exit(main())
