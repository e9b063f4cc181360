# SPDX-License-Identifier: GPL-2.0
"""Break the driver on purpose, one fault at a time, and check that a test notices each fault.

Each patch in rig/mutants/ is one fault. It changes files of this repository or of the base kernel, and its first line says
what it breaks. Its line "Caught-by:" names the test that must fail (program:fixture.test, or a pattern). A line "Only-on:"
names the only base on which the fault is tried. If the patch changes only the driver, this program builds the faulty driver
as a separate module. Otherwise, this program applies the patch to the kernel tree, builds the kernel, and reverts the patch.

Leaving out a patch of the series is also a fault if its file in series/ has a line "Shown-by:". This line contains the
kernel variant, if the test needs one, and the test that must fail without the patch. The fault is called without-NAME,
where NAME is the name of the file in series/ without its suffix.

A fault is caught if the test fails, or if the boot ends with a panic, a warning, a lockdep report, a leak or a violation.
The last line is `N caught, N survived`. The exit status is 0 if no fault survived.
"""
import argparse
import concurrent.futures
import fnmatch
import glob
import os
import re
import shutil
import subprocess
import sys

from rig.run import boot
from rig.run.boot import say
from rig.test import test
from rig.test.patches import entries_for_base

DRIVER = "drivers/s390/crypto"
MUTANTS = os.path.join(boot.TOP, "rig/mutants")
WORK = os.path.join(boot.BUILD, "mutant")
LINUX = os.path.join(boot.BUILD, "linux")
KERNEL = os.path.join(boot.BUILD, "kernel")
# The original versions of the files in LINUX that a mutant has changed.
KEPT = os.path.join(boot.BUILD, "mutant.kept")


class Mutant:
    """A patch in rig/mutants/."""
    variant, options = "", []

    def __init__(self, path):
        self.path, self.name = path, os.path.splitext(os.path.basename(path))[0]
        with open(path) as lines:
            text = lines.read()
        self.files = re.findall(r"^\+\+\+ [^/\n]*/(\S+)", text, re.M)
        found = re.search(r"^Caught-by: (\S+)$", text, re.M)
        if not found or not self.files:
            sys.exit(f"{path}: needs a patch and a line `Caught-by: program:fixture.test`")
        self.test = found[1]
        only = re.search(r"^Only-on: (\S+)$", text, re.M)
        self.is_for_base = not only or only[1] == boot.BASE
        self.in_module = all(re.match(DRIVER + r"/vfio_ap_[a-z]+\.[ch]$", file) for file in self.files)


class Without:
    """The series without one patch.

    This fault reverts the patch's changes to C files and to private headers. It keeps the changes to headers in include/
    and in the driver's directory, because later patches and the driver need these changes.
    """
    in_module, options = False, ["-R"]

    def __init__(self, entry):
        """entry: path of a file in series/"""
        with open(entry) as lines:
            text = lines.read()
        shown = re.search(r"^Shown-by: (?:(\w+) )?(\w+:\S+)$", text, re.M)
        # The driver keeps what patches/ours/ adds, because the headers keep the patch's changes.
        patches = re.findall(r"^(?!patches/ours/)\S+\.patch$", text, re.M)
        if not shown or len(patches) != 1:
            sys.exit(f"{entry}: needs one patch, and `Shown-by: [kernel] program:fixture.test`")
        self.name = "without-" + os.path.splitext(os.path.basename(entry))[0]
        self.variant, self.test = shown[1] or "", shown[2]
        self.path = os.path.join(boot.BUILD, "mutant." + self.name)
        with open(os.path.join(LINUX + ".patches", os.path.basename(patches[0]))) as lines:
            parts = re.split(r"^(?=--- [^/\n]*/)", lines.read(), flags=re.M)[1:]
        code = [part for part in parts
                if re.match(r"--- (\S+\.c|(?!\S*/include/|a/drivers/s390/crypto/)\S+\.h)\n", part)]
        self.files = [re.match(r"--- [^/\n]*/(\S+)", part)[1] for part in code]
        with open(self.path, "w") as out:
            out.write("".join(code))


def patches_missing():
    """Return a fault for each patch whose file in series/ has a line "Shown-by:"."""
    return [Without(path) for path, text in entries_for_base() if re.search(r"^Shown-by:", text, re.M)]


def logged(name, command, **more):
    with open(os.path.join(boot.LOGS, f"mutant-{name}.log"), "a") as log:
        return subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False, **more).returncode == 0


def kbuild(kernel, *words):
    """Return a command that runs kbuild for a kernel."""
    return ["make", "-C", LINUX, f"O={kernel}", f"-j{os.cpu_count()}", "ARCH=s390", "CROSS_COMPILE=s390x-linux-gnu-",
            "KBUILD_BUILD_TIMESTAMP=2026-01-01", "KBUILD_BUILD_USER=rig", "KBUILD_BUILD_HOST=rig", "LOCALVERSION=", *words]


def make(name, *words):
    return logged(name, kbuild(KERNEL, *words))


def make_kernel(name, variant):
    """Build a kernel, like `make VARIANT=... kernel`."""
    return logged(name, [os.path.join(boot.TOP, "rig/build/kernel.sh"), kernel_of(variant)], env={**os.environ, "VARIANT": variant})


def kernel_of(variant):
    return KERNEL + (variant and "-" + variant)


def patch(name, path, directory, *options):
    return logged(name, ["patch", "-p1", "-F0", "--batch", "--forward", "--no-backup-if-mismatch", "-d", directory, "-i", path,
                         *options])


def prepare_module(place):
    """Create a directory in which kbuild can build the driver as an external module. See also write() in rig/build/module.sh."""
    os.makedirs(place)
    for path in glob.glob(os.path.join(LINUX, DRIVER, "vfio_ap_*.[ch]")):
        shutil.copy(path, place)
    objects = sorted(os.path.basename(path)[:-2] + ".o" for path in glob.glob(os.path.join(place, "vfio_ap_*.c"))
                     if not path.endswith("_test.c"))
    with open(os.path.join(place, "Kbuild"), "w") as rules:
        rules.write("obj-m := vfio_ap.o\n"
                    f"vfio_ap-y := {' '.join(objects)}\n"
                    f"ccflags-y := -I$(src) -I{os.path.join(LINUX, DRIVER)} -DCONFIG_VFIO_AP_DIAGNOSTICS=1\n")


def build_module(mutant):
    """Build the faulty driver as an external module. Return {path in the initramfs: local path}, or None."""
    work = os.path.join(WORK, mutant.name)
    place = os.path.join(work, DRIVER)
    prepare_module(place)
    if not patch(mutant.name, mutant.path, work) or not make(mutant.name, f"M={place}", "modules"):
        return None
    return {"/lib/vfio_ap.ko": os.path.join(place, "vfio_ap.ko")}


def build_kernel(mutant):
    """Apply a fault to the kernel tree and build it. Return {path in the initramfs: local path}, or None."""
    kernel = kernel_of(mutant.variant)
    # If the user interrupts this program, the next make restores the files, and rebuilds the kernel because .built is missing.
    if os.path.exists(os.path.join(kernel, ".built")):
        os.unlink(os.path.join(kernel, ".built"))
    shutil.rmtree(KEPT + ".new", ignore_errors=True)
    for file in mutant.files:
        os.makedirs(os.path.dirname(os.path.join(KEPT + ".new", file)), exist_ok=True)
        shutil.copy(os.path.join(LINUX, file), os.path.join(KEPT + ".new", file))
    os.rename(KEPT + ".new", KEPT)
    if not patch(mutant.name, mutant.path, LINUX, *mutant.options) or not make_kernel(mutant.name, mutant.variant):
        return None
    return {"/lib/vfio_ap.ko": os.path.join(kernel, DRIVER, "vfio_ap.ko")}


def take_back():
    """Restore the files of the kernel tree that a mutant has changed, even after an interrupted run."""
    for directory, _, files in os.walk(KEPT):
        for file in files:
            there = os.path.join(LINUX, os.path.relpath(directory, KEPT), file)
            # The kernel tree may have been removed.
            if os.path.exists(there):
                shutil.copy(os.path.join(directory, file), there)
    shutil.rmtree(KEPT, ignore_errors=True)


def verdict(mutant, files):
    log = f"mutant-{mutant.name}.run.log"
    # Tests often time out with a broken driver, so use shorter timeouts, except on slow kernels.
    patience = [] if mutant.variant else ["rig_patience=40"]
    word, tells = "cannot be built", ""
    if files:
        word, tells = test.trial(mutant.test, *patience, files=files, log=log, variant=mutant.variant)
    if word == "fails":
        return True, f"caught    {mutant.name}: {mutant.test}: {tells}"
    return False, f"SURVIVED  {mutant.name}: {mutant.test} {word}"


def tell(trial):
    if not trial.cancelled() and not trial.exception():
        say(trial.result()[1])


def try_modules(mutants):
    """Try faults in the driver. Build the next fault while a test runs. Return for each fault whether it was caught."""
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
    """Try faults in the kernel one by one, and then restore the kernel. Return [(caught, text)]."""
    found = []
    try:
        for mutant in mutants:
            take_back()
            found.append(verdict(mutant, build_kernel(mutant)))
            say(found[-1][1])
    finally:
        take_back()
    for variant in sorted({mutant.variant for mutant in mutants}):
        if not make_kernel("take-back", variant):
            sys.exit("the original kernel does not build; try `make clean`")
    return found


def main():
    parser = argparse.ArgumentParser(prog="python3 -m rig.mutate.mutate", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter, parents=[boot.machine_options()])
    parser.add_argument("patterns", nargs="*", default=["*"], help="faults to try, such as 'waiter-*' or 'without-*' (default: *)")
    parser.add_argument("--variants", action="store_true", help="print the kernel variants that these faults need")
    parser.add_argument("--restore", action="store_true", help="only restore the kernel tree after an interrupted run")
    args = parser.parse_args()
    if args.restore:
        take_back()
        return 0
    wanted = " ".join(args.patterns).split()
    mutants = [Mutant(path) for path in sorted(glob.glob(os.path.join(MUTANTS, "*.patch")))]
    mutants = [mutant for mutant in mutants if mutant.is_for_base] + patches_missing()
    mutants = [mutant for mutant in mutants if any(fnmatch.fnmatch(mutant.name, pattern) for pattern in wanted)]
    for pattern in wanted:
        if not fnmatch.filter([mutant.name for mutant in mutants], pattern):
            sys.exit(f"no fault matches {pattern}")
    if args.variants:
        print("\n".join(sorted({mutant.variant for mutant in mutants if mutant.variant})))
        return 0
    os.makedirs(boot.LOGS, exist_ok=True)
    for path in glob.glob(os.path.join(boot.LOGS, "mutant-*")):
        os.unlink(path)
    shutil.rmtree(WORK, ignore_errors=True)
    take_back()
    caught = try_modules([mutant for mutant in mutants if mutant.in_module])
    caught += [found for found, _ in try_kernels([mutant for mutant in mutants if not mutant.in_module])]
    say(f"{sum(caught)} caught, {len(caught) - sum(caught)} survived")
    return 0 if caught and all(caught) else 1


if __name__ == "__main__":
    sys.exit(main())
