# SPDX-License-Identifier: GPL-2.0
"""Build the kernel after each patch of the series.

After each patch, build the directories that it changes, with W=1 and the test kernel's configuration. After the last
patch, and after each patch that changes a Kconfig file or a Makefile, also build other configurations, and link the kernel
and its modules. Link the kernel without KVM only with --long, because this link takes a long time and does not include
vfio_ap.
"""
import os
import re
import subprocess
import time

from rig.run import boot

# Differences from the test kernel's configuration.
OTHERS = {
    "VFIO_AP=y": "CONFIG_VFIO_AP=y\nCONFIG_VFIO_AP_KUNIT_TEST=n\n",
    "VFIO_AP_DIAGNOSTICS=n": "CONFIG_VFIO_AP_DIAGNOSTICS=n\n",
    "AP_HWSIM=n": "CONFIG_AP_HWSIM=n\nCONFIG_AP_HWSIM_KUNIT_TEST=n\n",
    "KVM=n": "CONFIG_KVM=n\n",
    "KVM=m": "CONFIG_KVM=m\nCONFIG_AP_HWSIM=n\nCONFIG_AP_HWSIM_KUNIT_TEST=n\n",
}
# (path, directories to build if a patch changes files below this path). The first match counts.
BUILDS = [
    ("arch/s390/include/", ["arch/s390/kvm/", "drivers/s390/crypto/"]),
    ("include/", ["arch/s390/kvm/", "drivers/vfio/", "drivers/s390/crypto/"]),
    ("arch/s390/kvm/", ["arch/s390/kvm/"]),
    ("drivers/s390/crypto/", ["drivers/s390/crypto/"]),
    ("drivers/vfio/", ["drivers/vfio/"]),
    ("drivers/base/", ["drivers/base/"]),
    # arch/s390/kvm/ builds the files of virt/kvm/.
    ("virt/kvm/", ["arch/s390/kvm/"]),
    ("lib/", ["lib/"]),
]
PROGRAMS = ["tools/vfio-ap", "tools/testing/selftests/vfio-ap"]


class Broken(Exception):
    pass


class Tree:
    """A base tree to which one patch after another is applied, with an output directory for each configuration."""

    def __init__(self, work, tarball, fragments):
        self.source, self.work, self.fragments = os.path.join(work, "linux"), work, fragments
        self.log = open(os.path.join(boot.LOGS, "series-builds.log"), "w")
        os.makedirs(self.source)
        subprocess.run(["tar", "-C", self.source, "--strip-components=1", "-xf", tarball], check=True)

    def run(self, *command, cwd=None):
        done = subprocess.run(command, cwd=cwd or self.source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.log.write(f"+ {' '.join(command)}\n{done.stdout}")
        self.log.flush()
        if done.returncode:
            errors = [line for line in done.stdout.split("\n") if re.search(r"error|undefined|\*\*\*", line)]
            raise Broken("\n".join(errors[:8]) or done.stdout[-500:])
        return done.stdout

    def make(self, out, *words):
        return self.run("nice", "make", f"O={out}", f"-j{os.cpu_count()}", "ARCH=s390", "CROSS_COMPILE=s390x-linux-gnu-",
                        "CC=ccache s390x-linux-gnu-gcc", "KBUILD_BUILD_TIMESTAMP=2026-01-01", *words)

    def configure(self, name):
        out = os.path.join(self.work, "out-" + name.replace("=", "-"))
        fragments = list(self.fragments)
        os.makedirs(out, exist_ok=True)
        if name in OTHERS:
            fragments.append(os.path.join(out, "other.config"))
            with open(fragments[-1], "w") as text:
                text.write(OTHERS[name])
        self.make(out, "allnoconfig")
        self.run("scripts/kconfig/merge_config.sh", "-m", "-O", out, os.path.join(out, ".config"), *fragments)
        self.make(out, "olddefconfig", "prepare", "modules_prepare")
        if name in OTHERS:
            self.check_config(out, OTHERS[name])
        return out

    def check_config(self, out, wanted):
        with open(os.path.join(out, ".config")) as text:
            got = set(text.read().split("\n"))
        for line in wanted.split():
            symbol, _, value = line.partition("=")
            if value != "n" and line not in got or value == "n" and any(each.startswith(symbol + "=") for each in got):
                # The symbol may be missing because a later patch adds it.
                if subprocess.run(["grep", "-rqw", f"config {symbol.removeprefix('CONFIG_')}", "--include=Kconfig*", "arch/s390", "drivers", "mm"],
                                  cwd=self.source, check=False).returncode == 0:
                    raise Broken(f"the configuration lost {line}")

    def build(self, out, directories, link):
        """Build. Return {file: warnings} for all files, because files outside the patch may include its headers."""
        what = ["vmlinux", "modules"] if link else [each for each in directories if os.path.exists(os.path.join(self.source, each))]
        said = self.make(out, "W=1", *([] if link else ["KBUILD_MODPOST_WARN=1"]), *what)
        found = {}
        for place, rest in re.findall(r"^(\S+?\.[chS])(:\d+(?::\d+)?: warning: .*)", said, re.M):
            file = os.path.relpath(os.path.normpath(os.path.join(out, place)), self.source)
            found.setdefault(file, []).append(file + rest)
        return found

    def build_programs(self, files):
        for program in PROGRAMS:
            if any(file.startswith(program + "/") for file in files):
                out = os.path.join(self.work, "programs")
                os.makedirs(out, exist_ok=True)
                said = self.run("make", "-C", program, f"OUTPUT={out}", "CC=s390x-linux-gnu-gcc", f"-j{os.cpu_count()}")
                # Ignore gcc's warning that a string in the base's kselftest_harness.h could be NULL.
                warned = re.search(r"^(?!\S*/kselftest_harness\.h:)\S+: warning: .*", said, re.M)
                if warned:
                    raise Broken(f"{program}: {warned[0]}")


def directories_of(files):
    found = set()
    for file in files:
        for prefix, directories in BUILDS:
            if file.startswith(prefix):
                found.update(directories)
                break
    return sorted(found)


def build_all(tree, git, commits, say, long):
    """Build after each of these commits, [(name, commit, files)]. git(*words) runs git. Return one line for each fault."""
    wrong, number, begin = [], 0, time.time()
    everything = {file for _, _, files in commits for file in files}
    known = set()
    for name, commit, files in commits:
        for file in files:
            place = os.path.join(tree.source, file)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            if git("cat-file", "-e", f"{commit}:{file}") is None:
                if os.path.exists(place):
                    os.unlink(place)
                continue
            mode = os.stat(place).st_mode if os.path.exists(place) else 0o644
            with open(place, "w", newline="") as text:
                text.write(git("show", f"{commit}:{file}"))
            os.chmod(place, mode | (0o111 if file.endswith(".sh") else 0))
        last = commit == commits[-1][1]
        rules = any(re.search(r"/(Kconfig|Makefile|Kbuild)$", file) and not file.startswith("tools/") for file in files)
        directories = directories_of(sorted(everything) if last else files)
        try:
            for config in [""] + (list(OTHERS) if rules or last else []):
                if directories:
                    out = tree.configure(config)
                    warnings = tree.build(out, directories, (rules or last) and (config != "KVM=n" or long))
                    wrong += [f"{name}: {line}" for file in sorted(everything & set(warnings)) for line in warnings[file]
                              if file in files or line not in known]
                    known.update(line for lines in warnings.values() for line in lines)
                    number += 1
            tree.build_programs(files)
        except Broken as reason:
            wrong.append(f"{name}: does not build{': ' + config if config else ''}: {reason}")
        say(f"  builds after {name}: {time.time() - begin:.0f} s")
    say(f"{number} builds, {len(wrong)} objections")
    return wrong
