#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Run the tests in the test kernel and count what they say.

One boot runs KUnit and every kselftest program, but those that boots.txt gives one of their own. A program that ends
before all tests of its plan have answered, a violation, a warning or lockdep off is a failure of its own, and so is a
run in which nothing was tested. The last line is `N passed, N failed, N skipped`.
DRIVER=base runs each test in a boot of its own, against the base's driver.
"""
import concurrent.futures
import fnmatch
import os
import re
import sys
import time

import boot
from boot import say, setting

TESTS = os.path.join(boot.TOP, "tools/testing/selftests/vfio-ap")
ROWS = os.path.join(TESTS, "rows.txt")
BOOTS = os.path.join(TESTS, "boots.txt")
RESULT = re.compile(r"(?P<no>not )?ok (?P<number>\d+)(?: -)?(?: (?P<name>[^#]*?))?(?P<skip> *# *SKIP(?P<why>.*))?$")
STAMP = re.compile(r"^\[ *\d+\.\d+\](?:\[ *\w+\])? ?")


class Count:
    """Results so far. failed holds, for each failure, its name and then what was printed before it."""

    def __init__(self, say=boot.say):
        self.passed, self.failed, self.skipped, self.say = 0, [], 0, say

    def fail(self, name, why=()):
        self.failed.append([name, *why])
        self.say(f"FAIL {name}")
        for line in list(why)[-8:]:
            self.say(f"     {line}")

    def add(self, result, name, why=()):
        if result["no"]:
            self.fail(name, why)
        elif result["skip"] is not None:
            self.skipped += 1
            self.say(f"SKIP {name}: {(result['why'] or '').strip() or 'no reason given'}")
        else:
            self.passed += 1

    def line(self):
        return f"{self.passed} passed, {len(self.failed)} failed, {self.skipped} skipped"


class Programs:
    """Reads what init and the kselftest programs print, line by line."""

    def __init__(self, count):
        self.count, self.program = count, None

    def begin(self, program):
        self.program, self.plan, self.answers, self.noise, self.running = program, None, 0, [], None
        self.before = (self.count.passed, len(self.count.failed), self.count.skipped)
        self.start = time.time()

    def end(self, facts):
        count, name = self.count, self.program
        facts = dict(fact.split("=") for fact in facts.split())
        failures = len(count.failed) - self.before[1]
        if self.plan is None or self.answers < self.plan:
            where = f" in {self.running}" if self.running else ""
            count.fail(f"{name}: ended{where} after {self.answers} of {self.plan or '?'} tests, "
                       f"status {facts['status']}", self.noise)
        elif facts["status"] not in ("0", "4") and not failures:
            count.fail(f"{name}: every test passed, yet its status is {facts['status']}", self.noise)
        if facts["violations"] != "0":
            count.fail(f"{name}: {facts['violations']} violation(s) seen by the simulator", self.violations)
        if facts["lockdep"] != "1":
            count.fail(f"{name}: lockdep is off")
        if facts["warned"] != "0":
            count.fail(f"{name}: the kernel warned")
        self.violations = []
        now = (count.passed, len(count.failed), count.skipped)
        passed, failed, skipped = (new - old for new, old in zip(now, self.before))
        if passed or failed or skipped:
            count.say(f"  {name:30} {passed:3} passed, {failed} failed, {skipped} skipped {time.time() - self.start:5.0f} s")
        self.program = None

    violations = []

    def take(self, line):
        if line.startswith("@begin "):
            self.begin(line.split()[1])
        elif line.startswith("@violation "):
            self.violations = self.violations + [line[len("@violation "):]]
        elif line.startswith("@end "):
            self.end(line.split(" ", 2)[2])
        elif self.program:
            self.tap(line.rstrip())

    def tap(self, line):
        plan = re.match(r"1\.\.(\d+)", line)
        running = re.match(r"# +RUN +(\S+)", line)
        result = RESULT.match(line)
        if plan:
            self.plan = int(plan[1])
        elif running:
            self.running, self.noise = running[1], []
        elif result:
            self.answers += 1
            self.count.add(result, f"{self.program}:{(result['name'] or '').strip() or self.running}", self.noise)
            self.running, self.noise = None, []
        else:
            self.noise.append(line)


def kunit(console, count, pattern):
    """Count the KUnit cases in the kernel log: results four blanks in are cases, those at the margin are suites."""
    suite, noise, failures, plan, cases = None, [], 0, None, 0
    for line in console:
        line = STAMP.sub("", line)
        begun = re.match(r" {4}# Subtest: (\S+)", line)
        planned = re.match(r" {4}1\.\.(\d+)$", line)
        result = RESULT.match(line.strip())
        depth = len(line) - len(line.lstrip())
        if begun:
            suite, noise, failures, plan, cases = begun[1], [], len(count.failed), None, 0
        elif planned and suite:
            plan = int(planned[1])
        elif result and suite and depth == 4:
            cases += 1
            name = f"kunit:{suite}.{(result['name'] or '').strip()}"
            if fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(name.partition(":")[2], pattern):
                count.add(result, name, noise)
            noise = []
        elif result and suite and depth == 0 and (result["name"] or "").strip() == suite:
            if plan != cases or result["no"] and len(count.failed) == failures:
                count.fail(f"kunit:{suite}: {cases} of {plan} cases answered", noise)
            suite = None
        elif suite:
            noise.append(line.strip())
    if suite:
        count.fail(f"kunit:{suite}: no end", noise)


def options(pattern, times=1):
    """T=PATTERN matches fixture.test, or program:fixture.test."""
    program, colon, test = pattern.rpartition(":")
    return [f"rig_program={program if colon else '*'}", f"rig_filter={test}", f"rig_times={times}",
            f"rig_seed={setting('SEED')}"]


def table(path):
    with open(path) as lines:
        return [line.rstrip("\n").split("\t") for line in lines if line.strip() and not line.startswith("#")]


def rows():
    """[(row, test or None, note)] of the table that says which row of the behaviour is tested where."""
    found = []
    for line in table(ROWS):
        row, test, note = (line + ["", ""])[:3]
        found.append((row, None if test == "-" else test, note))
    return found


def show_rows():
    for row, test, note in rows():
        say(f"{row:8} {test or 'not tested: ' + note}")
    return 0


def boots(pattern):
    """[(which programs, further kernel parameters)]: a boot for each. Those of boots.txt are asked for by their name."""
    program, colon, _ = pattern.rpartition(":")
    own = dict(table(BOOTS))
    named = [name for name in own if (colon or pattern == "*") and fnmatch.fnmatch(name, program or "*")]
    return [("*_test", "")] * (program not in own) + [(name, own[name]) for name in named]


def one_boot(count, pattern, times, tests, parameters):
    """Run the programs, and KUnit with those that need no boot of their own."""
    programs, before = Programs(count), len(count.failed)
    run = boot.Run("test", options(pattern, times) + [f"rig_tests={tests}", *parameters.split()],
                   log=f"test-{time.strftime('%H%M%S')}-{tests.strip('*_')}.log",
                   on_line=programs.take, timeout=boot.TIMEOUT["test"] * times).run()
    if tests == "*_test":
        kunit(run.console, count, pattern)
    if programs.program:
        where = f"{programs.program}{':' + programs.running if programs.running else ''}"
        count.fail(f"{where}: {run.reason or 'did not end'}", programs.noise)
    elif run.reason and len(count.failed) == before:
        count.fail(run.reason)
    if run.reason:
        boot.failed(run)
    elif len(count.failed) > before:
        boot.failed(run, f"{len(count.failed) - before} test(s)")
    return run.reason


def ours():
    count, pattern, times = Count(), setting("T", "*"), int(setting("N", "1"))
    reasons = [one_boot(count, pattern, times, *one) for one in boots(pattern)]
    if not count.passed + len(count.failed) + count.skipped:
        count.fail(f"no test matches {pattern}" if pattern != "*" else "nothing was tested")
    say(count.line())
    return 1 if count.failed or any(reasons) else 0


def trial(pattern, *parameters, **how):
    """Boot for one test alone, up to its first failure: (passes, fails, skips or "did not run", what tells)."""
    count, told = Count(say=lambda *words: None), []
    programs = Programs(count)

    def on_line(line):
        programs.take(line)
        # The harness says first where a test has failed; what the fault makes of the end only takes time.
        found = re.match(r"# (\S+\.c:\d+:.*)", line)
        if found:
            told.append(found[1])
            raise boot.Enough

    kind, _, case = pattern.partition(":")
    if kind == "kunit":
        wanted = ["rig_program=none"]
    else:
        wanted = [*options(pattern), "rig_kunit=0", f"rig_tests={kind}", *dict(table(BOOTS)).get(kind, "").split()]
    run = boot.Run("test", wanted + list(parameters), on_line=on_line, timeout=600, **how).run()
    if kind == "kunit":
        kunit(run.console, count, case)
    told += [run.trouble] if run.trouble else []
    told += [count.failed[0][0]] if count.failed else []
    told += [run.reason] if run.reason else []
    if told:
        return "fails", told[0]
    return ("passes" if count.passed else "skips" if count.skipped else "did not run"), ""


def base():
    pattern, seen = setting("T", "*"), {}
    wanted = [(row, test) for row, test, _ in rows()
              if test and (fnmatch.fnmatch(test, pattern) or fnmatch.fnmatch(test.rpartition(":")[2], pattern))]
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    try:
        for test in dict.fromkeys(test for _, test in wanted):
            log = f"base-{re.sub(r'[^0-9A-Za-z]+', '-', test)}.log"
            seen[test] = pool.submit(trial, test, "rig_driver=base", "rig_module=base", log=log, fatal_warnings=False)
        for row, test in wanted:
            word, tells = seen[test].result()
            say(f"{row:6} {test:76} {word}{tells and ': ' + tells}")
    finally:
        pool.shutdown(cancel_futures=True)
    words = [result.result()[0] for result in seen.values()]
    passed, skipped = words.count("passes"), words.count("skips")
    say(f"{passed} passed, {len(seen) - passed - skipped} failed, {skipped} skipped")
    return 0 if seen else 1


def main():
    if setting("LIST"):
        return show_rows()
    return base() if setting("DRIVER") == "base" else ours()


if __name__ == "__main__":
    sys.exit(main())
