# SPDX-License-Identifier: GPL-2.0
"""Try N random faults in the driver, each on its own, and count those that a test notices.

faults.py generates the faults, and the seed selects a sample, in which each kind of fault is equally likely. If a fault does
not compile, or does not change the compiled code, the program tries another fault. For each fault, one boot runs the tests
that execute a changed line, according to the coverage of `make test LONG=1`. The fastest test program runs first, and the
first failure ends the boot. Programs that need a separate boot or another kernel run only if no other test executes a
changed line. If the fault removes a call that frees an object, one test also runs with kmemleak.

The correct driver must pass all tests before the first fault and after the last one. rig/mutate/equivalent.txt lists faults
that no test can notice, with the reason.

The program stores its verdicts in build/random/. With the same seed, it continues an interrupted run, unless the driver,
the simulator or a test has changed. The last line is `N caught, N caught by the compiler, N survived, N equivalent`.
"""
import argparse
import concurrent.futures
import glob
import hashlib
import os
import queue
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

from rig.mutate import faults, mutate
from rig.run import boot
from rig.run.boot import say
from rig.test import coverage, test

KEPT = os.path.join(boot.BUILD, "random")
EQUIVALENT = os.path.join(boot.TOP, "rig/mutate/equivalent.txt")
# Timeout of the test programs, in seconds.
PATIENCE = "rig_patience=40"
# A boot ends if it prints nothing for SILENCE times the longest silence with the correct driver, or for LEAST_SILENCE
# seconds, whichever is longer.
SILENCE, LEAST_SILENCE = 4, 120
# If a call to a function with such a name is missing, the only symptom may be a leak, which kmemleak finds.
FREES = re.compile(r"free|put|destroy|unregister|del")
CAUGHT, COMPILER, SURVIVED, EQUAL, INVALID = "caught", "compiler", "SURVIVED", "equivalent", "invalid"


class Builder:
    """Builds faults in a copy of the driver, so that kbuild compiles only the file that a fault has changed."""

    def __init__(self, number, variant=""):
        self.place = os.path.join(mutate.WORK, f"random-{number}{variant and '-' + variant}", mutate.DRIVER)
        self.kernel = mutate.kernel_of(variant)
        shutil.rmtree(self.place, ignore_errors=True)
        mutate.prepare_module(self.place)
        said, built = self.make()
        if not built or self.warnings(said):
            sys.exit(f"the correct driver does not compile without warnings: {said[-1000:]}")
        self.code = self.objects()

    def make(self):
        done = subprocess.run(mutate.kbuild(self.kernel, "W=1", f"M={self.place}", "modules"), capture_output=True, text=True, check=False)
        return done.stdout + done.stderr, done.returncode == 0

    @staticmethod
    def warnings(said):
        return re.findall(r"vfio_ap_\w+\.[ch]:\d+:\d+: (?:warning: .*|error: .*\[-Werror.*)", said)

    def objects(self):
        """Return the code of each driver file, without debugging information."""
        found = {}
        for path in glob.glob(os.path.join(self.place, "vfio_ap_*.o")):
            subprocess.run(["s390x-linux-gnu-objcopy", "--strip-debug", "-R", ".comment", path, path + ".code"], check=True)
            with open(path + ".code", "rb") as code:
                found[os.path.basename(path)] = code.read()
        return found

    def build(self, fault):
        """Build a fault. Return (None, "") if the module must be tested. Otherwise return (verdict, reason)."""
        path = os.path.join(self.place, fault.file)
        source = faults.sources()[fault.file]
        with open(path, "w", encoding="latin-1") as out:
            out.write(fault.applied(source))
        said, built = self.make()
        warnings = self.warnings(said)
        if warnings:
            return COMPILER, re.sub(r".*?(warning|error): ", "", warnings[0])
        if not built:
            return INVALID, "does not compile"
        if self.objects() == self.code:
            return EQUAL, "same code"
        return None, ""

    def restore(self, fault):
        with open(os.path.join(self.place, fault.file), "w", encoding="latin-1") as out:
            out.write(faults.sources()[fault.file])

    def module(self):
        """Return {path in the initramfs: local path}."""
        return {"/lib/vfio_ap.ko": os.path.join(self.place, "vfio_ap.ko")}


class Session:
    """Measurements with the correct driver. seconds: {test: seconds}; silence: how many seconds a boot may print nothing"""

    def __init__(self):
        self.seconds, self.silence = {"kunit": 1}, LEAST_SILENCE

    def measure(self, name):
        """Run all tests with the unchanged driver. Return the failures."""
        count, heard, begun = test.Count(say=lambda *words: None), [], []
        programs = test.Programs(count)

        def on_line(line):
            now = time.time()
            self.silence = max([self.silence] + [SILENCE * (now - before) for before in heard])
            heard[:] = [now]
            if re.match(r"# +RUN ", line):
                begun[:] = [now]
            elif test.RESULT.match(line) and programs.running:
                self.seconds[f"{programs.program}:{programs.running}"] = now - begun[0]
            programs.take(line)

        run = boot.Run("test", [*test.options("*"), "rig_tests=*_test", PATIENCE], log=f"random-{name}.log", on_line=on_line).run()
        test.kunit(run.console, count, "*")
        return [failure[0] for failure in count.failed] + ([run.reason] if run.reason else [])


class Plan:
    """The tests that execute each line of the driver, as {file: {line: {test}}}."""

    def __init__(self):
        self.runs = coverage.tests_of_lines()
        self.alone = dict(test.table(test.BOOTS))

    def tests(self, fault):
        """Return the ordinary tests, and the programs with a separate boot, that execute a changed line."""
        ordinary, own = set(), set()
        for file, line in self.lines(fault):
            found = self.runs.get(file, {}).get(line, set())
            here = {name for name in found if name == "kunit" or name.partition(":")[0].endswith("_test")}
            # Prefer tests to programs that execute the line only outside of their tests.
            here = {name for name in here if ":" in name or name == "kunit"} or here
            ordinary |= here
            own |= set() if here else {name.partition(":")[0] for name in found - {"end"}}
        return ordinary, own

    def lines(self, fault):
        if not fault.function:
            return self.uses(fault)
        known = self.runs.get(fault.file, {})
        lines = [line for line in range(fault.first, fault.last + 1) if line in known]
        if not lines:
            # gcov attributes a statement to its first line.
            lines = [line for line in range(fault.first, fault.first - 10, -1) if line in known][:1]
        return [(fault.file, line) for line in lines]

    @staticmethod
    def uses(fault):
        """Return the lines that use the macro that a fault changes."""
        text = faults.sources()[fault.file].splitlines()[fault.first - 1]
        name = re.match(r"#define\s+(\w+)", text)
        return [(file, number) for file, source in faults.sources().items() if name
                for number, line in enumerate(source.splitlines(), 1) if re.search(rf"\b{name[1]}\b", line)]


def boot_with(module, programs, tests, session, parameters=(), variant="", log=""):
    """Boot with a faulty driver, and run these tests, or all tests of the programs if `tests` is empty.

    Return the first failure, or None.
    """
    count = test.Count(say=lambda *words: None)
    reader, told = test.Programs(count), []

    def on_line(line):
        if line.startswith("@begin ") and "kunit" in programs and not count.words:
            test.kunit(run.console, count, "*")
        reader.take(line)
        found = re.match(r"# (\S+\.c:\d+:\w+:Expected .*)", line)
        if found:
            told.append(f"{reader.program}: {found[1]}")
        if told or count.failed:
            raise boot.Enough

    named = [program for program in programs if program != "kunit"]
    wanted = [*test.options("*"), "rig_tests={" + ",".join([*named, "none"]) + "}"] if named else ["rig_program=none"]
    options = [*wanted, f"rig_kunit={int('kunit' in programs)}", PATIENCE, *parameters]
    with tempfile.NamedTemporaryFile("w", dir=boot.BUILD) as listed:
        listed.write("".join(f"{name}\n" for name in sorted(tests)))
        listed.flush()
        files = {**module, **({"/tests": listed.name} if tests else {})}
        run = boot.Run("test", options, log=log, files=files, on_line=on_line, variant=variant)
        run.silence = session.silence * (4 if variant else 1)
        run.run()
    if "kunit" in programs and not count.words:
        test.kunit(run.console, count, "*")
    if count.failed and not told:
        told.append(count.failed[0][0])
    if not told and (run.trouble or run.reason):
        told.append(f"{reader.program or 'the end'}: {run.trouble or run.reason}")
    return told[0] if told else None


def in_order(tests, session):
    """Return the programs that contain these tests, the fastest program first."""
    seconds = {}
    for name in tests:
        program = name.partition(":")[0]
        seconds[program] = seconds.get(program, 0) + session.seconds.get(name, 0)
    return sorted(seconds, key=lambda program: (seconds[program], program))


def stages(fault, plan, session):
    """Return the boots for one fault, [(kernel variant, ordered programs, tests, parameters)]. Empty tests mean all tests."""
    ordinary, own = plan.tests(fault)
    by_name = {name for name in ordinary if ":" in name}
    found = [("", in_order(ordinary, session), by_name, [])] if ordinary else []
    for program in sorted(own):
        found.append(("memory" if program == "fault_slow" else "", [program], set(), plan.alone.get(program, "").split()))
    quickest = min(by_name, key=lambda name: (session.seconds.get(name, 0), name), default=None)
    if fault.kind in ("get or put deleted", "statement deleted") and FREES.search(fault.old.split("(")[0]) and quickest:
        found.append(("memory", [quickest.partition(":")[0]], {quickest}, []))
    return found


class Trials:
    """Build and boot faults in parallel, one per CPU."""

    def __init__(self, plan, session):
        self.plan, self.session = plan, session
        self.numbers = queue.SimpleQueue()
        for number in range(os.cpu_count()):
            self.numbers.put(number)
        self.builders = {}

    def builder(self, number, variant=""):
        if (number, variant) not in self.builders:
            self.builders[number, variant] = Builder(number, variant)
        return self.builders[number, variant]

    def verdict(self, fault, number):
        """Return (verdict, reason) for one fault."""
        if (fault.file, fault.function, fault.what()) in equivalents():
            return EQUAL, "rig/mutate/equivalent.txt"
        builder = self.builder(number)
        try:
            word, reason = builder.build(fault)
            if word:
                return word, reason
            wanted = stages(fault, self.plan, self.session)
            for variant, programs, tests, parameters in wanted:
                told = self.tried(fault, number, variant, programs, tests, parameters)
                if told:
                    return CAUGHT, told
            tests = sum(len(tests) or len(programs) for _, programs, tests, _ in wanted)
            return SURVIVED, f"{tests} tests" if wanted else "no test executes the line"
        finally:
            builder.restore(fault)

    def tried(self, fault, number, variant, programs, tests, parameters):
        """Boot with one fault. Return the first failure, or None. verdict() has already built the module for the ordinary kernel."""
        builder = self.builder(number, variant)
        if not variant:
            return boot_with(builder.module(), programs, tests, self.session, parameters, log=f"random-{number}.log")
        try:
            if builder.build(fault)[0]:
                return None
            return boot_with(builder.module(), programs, tests, self.session, parameters, variant, f"random-{number}-{variant}.log")
        finally:
            builder.restore(fault)

    def one(self, fault):
        number = self.numbers.get()
        try:
            return self.verdict(fault, number)
        finally:
            self.numbers.put(number)


def equivalents():
    """Return {(file, function, change)} from rig/mutate/equivalent.txt."""
    return {tuple(row[:3]) for row in test.table(EQUIVALENT)}


def drawn(seed):
    """Yield all faults in the random order of this seed."""
    chance, kinds = random.Random(seed), {}
    for fault in faults.all_faults():
        kinds.setdefault(fault.kind, []).append(fault)
    for kind in sorted(kinds):
        chance.shuffle(kinds[kind])
    while kinds:
        kind = chance.choice(sorted(kinds))
        yield kinds[kind].pop()
        if not kinds[kind]:
            del kinds[kind]


def key(fault):
    return f"{fault.file}:{fault.start}:{fault.end}:{hashlib.sha256(fault.text.encode()).hexdigest()[:12]}"


class Kept:
    """The stored verdicts for one seed."""

    def __init__(self, seed):
        os.makedirs(KEPT, exist_ok=True)
        self.path, self.known = os.path.join(KEPT, f"{seed}.tsv"), {}
        state = self.state()
        if os.path.exists(self.path):
            with open(self.path) as rows:
                lines = rows.read().splitlines()
            if lines and lines[0] == state:
                self.known = {row[0]: (row[1], row[2]) for row in (line.split("\t") for line in lines[1:]) if len(row) == 3}
        if not self.known:
            with open(self.path, "w") as out:
                out.write(state + "\n")

    @staticmethod
    def state():
        """Return a hash of everything on which the verdicts depend."""
        text = hashlib.sha256()
        listed = subprocess.run(["git", "-C", boot.TOP, "ls-files", "-z", "--", "drivers", "tools", "patches"], check=True,
                                capture_output=True, text=True).stdout
        for path in sorted(filter(None, listed.split("\0"))):
            with open(os.path.join(boot.TOP, path), "rb") as file:
                text.update(path.encode() + b"\0" + file.read())
        return text.hexdigest()

    def add(self, fault, verdict, reason):
        self.known[key(fault)] = verdict, reason
        with open(self.path, "a") as out:
            out.write(f"{key(fault)}\t{verdict}\t{' '.join(reason.split())}\n")


def sample(wanted, seed, trials, kept):
    """Try faults until the wanted number of valid faults is reached. Return [(fault, verdict, reason)]."""
    found, running, faults_left, valid = [], {}, drawn(seed), 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            while valid < wanted or running:
                while valid + len(running) < wanted and len(running) < os.cpu_count():
                    fault = next(faults_left, None)
                    if fault is None:
                        wanted = valid + len(running)
                    elif key(fault) in kept.known:
                        verdict, reason = kept.known[key(fault)]
                        found.append((fault, verdict, reason))
                        valid += counts(verdict, reason)
                    else:
                        running[pool.submit(trials.one, fault)] = fault
                done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for trial in done:
                    fault = running.pop(trial)
                    verdict, reason = trial.result()
                    kept.add(fault, verdict, reason)
                    found.append((fault, verdict, reason))
                    valid += counts(verdict, reason)
                    if counts(verdict, reason):
                        say(f"{verdict:10} {fault.kind}: {fault.where()}: {fault.what()[:120]}: {reason[:140]}")
        except BaseException:
            pool.shutdown(cancel_futures=True, wait=False)
            raise
    return found


def counts(verdict, reason):
    """Return whether a fault belongs to the sample."""
    return verdict != INVALID and (verdict, reason) != (EQUAL, "same code")


def main():
    parser = argparse.ArgumentParser(prog="/usr/bin/python3 -m rig.mutate.mutate_random", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter,
                                     parents=[boot.machine_options()])
    parser.add_argument("count", type=int, help="number of faults to try")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="repeat or continue the sample with this seed")
    args = parser.parse_args()
    wanted, seed = args.count, args.seed
    say(f"seed {seed}: {wanted} of {len(faults.all_faults())} faults")
    session, kept = Session(), Kept(seed)
    troubles = session.measure("before")
    if troubles:
        say(f"FAILED: the correct driver: {troubles[0]}")
        return 1
    found = sample(wanted, seed, Trials(Plan(), session), kept)
    troubles = session.measure("after")
    for trouble in troubles:
        say(f"FAILED: the correct driver, after the sample: {trouble}")
    number = {word: sum(verdict == word and counts(verdict, reason) for _, verdict, reason in found)
              for word in (CAUGHT, COMPILER, SURVIVED, EQUAL)}
    say(f"replaced: {sum(verdict == INVALID for _, verdict, _ in found)} that do not compile, "
        f"{sum(not counts(verdict, reason) and verdict == EQUAL for _, verdict, reason in found)} that do not change the code")
    for fault, verdict, reason in found:
        if verdict == SURVIVED:
            say(f"survived: {fault.kind}: {fault.file}\t{fault.function}\t{fault.what()}\t(line {fault.first}, {reason})")
    noticed = number[CAUGHT] + number[COMPILER]
    say(f"{100 * noticed / max(1, noticed + number[SURVIVED]):.1f} % of the faults that are not equivalent were caught")
    say(f"{number[CAUGHT]} caught, {number[COMPILER]} caught by the compiler, {number[SURVIVED]} survived, "
        f"{number[EQUAL]} equivalent")
    return 1 if troubles or number[SURVIVED] else 0


if __name__ == "__main__":
    sys.exit(main())
