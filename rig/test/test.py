# SPDX-License-Identifier: GPL-2.0
"""Run the tests on the test kernel and count the results.

One boot runs KUnit and the kselftest programs in C. At the same time, another boot runs the scripts, which need programs
of the distribution. The programs in machines.txt need a separate boot each. A run also fails if a program ends before it has
reported all its planned tests, if the simulator has found a violation, if the kernel has logged a warning or disabled
lockdep, or if no test ran. The last line is `N passed, N failed, N skipped`. The results are stored in build/results/ for
--list.
"""
import argparse
import concurrent.futures
import contextlib
import fnmatch
import glob
import os
import re
import subprocess
import sys
import time

from rig.run import boot
from rig.run.boot import say
from rig.test import coverage, patches

TESTS = os.path.join(boot.TOP, "tools/testing/selftests/vfio-ap")
ROWS = os.path.join(TESTS, "rows.txt")
BOOTS = os.path.join(TESTS, "machines.txt")
LONG = os.path.join(boot.TOP, "rig/test/long.txt")
# In long.txt, this word means all tests of `make test`, with busy loops.
LOAD = "LOAD=1"
LOAD_LOOPS, LOAD_TIMES, LOAD_SLOWNESS = 4, 10, 4
PAGE = os.path.join(boot.TOP, "doc/tests-by-driver.rst")
RESULTS = os.path.join(boot.BUILD, "results")
# (file in RESULTS, title)
COLUMNS = (("ours", "ours"), ("stock-driver", "stock driver"), ("stock-kernel", "stock kernel"), ("stock-both", "both stock"))
RESULT = re.compile(r"(?P<no>not )?ok (?P<number>\d+)(?: -)?(?: (?P<name>[^#]*?))?(?P<skip> *# *SKIP(?P<why>.*))?$")
STAMP = re.compile(r"^\[ *\d+\.\d+\](?:\[ *\w+\])? ?")


class Count:
    """Results so far. `failed` contains a list for each failure: the test's name, and the output before the failure."""

    def __init__(self, say=boot.say):
        self.passed, self.failed, self.skipped, self.say, self.words = 0, [], 0, say, {}

    def fail(self, name, why=()):
        self.failed.append([name, *why])
        self.say(f"FAIL {name}")
        for line in list(why)[-8:]:
            self.say(f"     {line}")

    def add(self, result, name, why=()):
        word = "fails" if result["no"] else "skips" if result["skip"] is not None else "passes"
        if self.words.get(name) != "fails":
            self.words[name] = word
        if result["no"]:
            self.fail(name, why)
        elif result["skip"] is not None:
            self.skipped += 1
            self.say(f"SKIP {name}: {(result['why'] or '').strip() or 'no reason given'}")
        else:
            self.passed += 1

    def take(self, other):
        """Add the results of another count."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        for name, word in other.words.items():
            if self.words.get(name) != "fails":
                self.words[name] = word

    def total(self):
        return self.passed + len(self.failed) + self.skipped

    def line(self):
        return f"{self.passed} passed, {len(self.failed)} failed, {self.skipped} skipped"


class Programs:
    """Parser for the output of init and of the kselftest programs."""

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
            count.fail(f"{name}: every test passed, but the exit status is {facts['status']}", self.noise)
        if facts["violations"] != "0":
            count.fail(f"{name}: {facts['violations']} violation(s) found by the simulator", self.violations)
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
    """Count the KUnit cases in the kernel log. The result of a case is indented by four blanks, that of a suite by none."""
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
                count.fail(f"kunit:{suite}: {cases} of {plan} cases reported a result", noise)
            suite = None
        elif suite:
            noise.append(line.strip())
    if suite:
        count.fail(f"kunit:{suite}: no end", noise)


def options(pattern, times=1, seed=""):
    """Return the kernel parameters for a pattern, which matches fixture.test or program:fixture.test."""
    program, colon, test = pattern.rpartition(":")
    return [f"rig_program={program if colon else '*'}", f"rig_filter={test}", f"rig_times={times}",
            f"rig_seed={seed}"]


def table(path):
    with open(path) as lines:
        return [line.rstrip("\n").split("\t") for line in lines if line.strip() and not line.startswith("#")]


def rows():
    """Return [(row, test or None, note)] for each line of rows.txt, which maps rows of doc/behaviours.md to tests."""
    found = []
    for line in table(ROWS):
        row, test, note = (line + ["", ""])[:3]
        found.append((row, None if test == "-" else test, note))
    return found


def keep_results(column, words):
    """Store {test: result}. Keep the stored results of tests that are not in `words`."""
    known = {**results(column), **words}
    os.makedirs(RESULTS, exist_ok=True)
    with open(os.path.join(RESULTS, column), "w") as out:
        out.writelines(f"{test}\t{word}\n" for test, word in sorted(known.items()))


def results(column):
    path = os.path.join(RESULTS, column)
    return dict(table(path)) if os.path.exists(path) else {}


def word(column, words, test, note):
    """Return a test's last result, or "lacks it" if the stock driver did not pass and does not have the tested feature."""
    last = words.get(test, "-")
    return "lacks it" if column in ("stock-driver", "stock-both") and note.startswith("new") and last != "passes" and last != "-" else last


def show_rows():
    """Print each row of rows.txt with its test and the last results."""
    known = [(name, title, results(name)) for name, title in COLUMNS if results(name)]
    say(f"{'row':6} {'runs in':7} " + "".join(f"{title:13}" for _, title, _ in known) + "test")
    for row, test, note in rows():
        where = "LONG=1" if test and "_slow:" in test else "test" if test else ""
        words = "".join(f"{word(name, last, test, note) if test else '':13}" for name, _, last in known)
        say(f"{row:6} {where:7} {words}{test or 'not tested: ' + note}")
    return 0


SECTIONS = {"A": "Interface", "B": "Faults of earlier drivers", "C": "Weak points of the stock driver", "E": "Scenarios",
            "W": "Requests of users"}


def page():
    """Write a page with the tests whose results differ between the stock driver and this driver."""
    titles = {"stock-driver": "stock driver", "stock-kernel": "this driver, stock kernel", "ours": "this driver"}
    columns = [(name, results(name)) for name in titles if results(name)]
    name = "Tests that tell the drivers apart"
    lines = [".. SPDX-License-Identifier: GPL-2.0", "", "=" * len(name), name, "=" * len(name), "",
             f"``make test LIST=rst`` wrote this page from the last result of each test on {boot.base_source()}.",
             "The page omits tests with the same result for the stock driver and for this driver, and tests that did not",
             "run with the stock driver. *lacks it* means that the stock driver does not have the tested feature.", ""]
    done = set()
    for letter, title in SECTIONS.items():
        lines += [title, "=" * len(title), "", ".. list-table::", "   :header-rows: 1", f"   :widths: 55{' 15' * len(columns)}", "",
                  "   * - Test"] + [f"     - {titles[column]}" for column, _ in columns]
        for row, test, note in rows():
            if row[0] != letter or not test or test in done:
                continue
            done.add(test)
            words = {column: word(column, last, test, note) for column, last in columns}
            if words.get("stock-driver") in ("-", words.get("ours")):
                continue
            program, _, name = test.rpartition(":")
            lines.append(f"   * - {name.rpartition('.')[2].replace('_', ' ')} ({program})")
            lines += [f"     - {result}" for result in words.values()]
        lines.append("")
    with open(PAGE, "w") as out:
        out.write("\n".join(lines[:-1]) + "\n")
    say(f"written: {boot.shown(PAGE)}")
    return 0


def ordinary(kind, suffix, program):
    """Return (kind, glob pattern for init) for the programs whose sources have this suffix, or None if none of them matches."""
    sources = sorted(os.path.basename(path) for path in glob.glob(os.path.join(TESTS, f"*_test{suffix}")))
    names = [name for name in (source.removesuffix(suffix) for source in sources) if fnmatch.fnmatch(name, program)]
    return (kind, f"{{{','.join(names)}}}") if names else None


def boots(pattern):
    """Return [(name, programs, additional kernel parameters)], one per boot. Programs in machines.txt match only by program name."""
    program, colon, _ = pattern.rpartition(":")
    own = dict(table(BOOTS))
    found = [(name, name, own[name]) for name in own if (colon or pattern == "*") and fnmatch.fnmatch(name, program or "*")]
    scripts = ordinary("scripts", ".sh", program or "*")
    if scripts:
        found.insert(0, (*scripts, "rig_kunit=0"))
    programs = ordinary("programs", ".c", program or "*")
    if programs or fnmatch.fnmatch("kunit", program):
        found.insert(0, (*(programs or ("kunit", "*_test")), ""))
    return found


def patch_skips():
    """Write a list of the tests that need a patch that the stock kernel lacks. Return {path in the initramfs: local path}."""
    path = os.path.join(boot.BUILD, "skips")
    with open(path, "w") as out:
        out.writelines(f"{pattern}\tthis kernel lacks {patch}\n" for pattern, patch in patches.needed())
    return {"/skips": path}


def one_boot(count, pattern, times, name, tests, parameters="", seed="", **machine):
    """Boot, and run the programs that match `tests`. Count KUnit's results too, unless `tests` names a single program.

    Return why the boot failed, or None.
    """
    programs, before, known = Programs(count), len(count.failed), count.total()
    run = boot.Run("test", [*parameters.split(), *options(pattern, times, seed), f"rig_tests={tests}"],
                   log=f"test-{time.strftime('%H%M%S')}-{name}.log",
                   on_line=programs.take, timeout=boot.TIMEOUT["test"] * times, **machine).run()
    coverage.keep(name, run.coverage)
    if tests.endswith(("*_test", "_test}")) and "rig_kunit=0" not in parameters:
        kunit(run.console, count, pattern)
    if pattern == "*" and count.total() == known:
        count.fail(f"{name}: nothing was tested")
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


def long_rows(wanted):
    """Return the rows of long.txt whose names match the pattern. "1" matches all rows."""
    return [(row + [""])[:5] for row in table(LONG) if wanted == "1" or fnmatch.fnmatch(row[0], wanted)]


def long_boots(wanted):
    """Return the matching rows that are one boot each, which are all rows except the one with LOAD=1."""
    return [row for row in long_rows(wanted) if row[3] != LOAD]


def long_kernels(wanted):
    """Return the kernel variants that the matching rows need."""
    return dict.fromkeys(kernel for _, kernel, *_ in long_boots(wanted) if kernel != "-")


def long_suites(wanted):
    """Return the Debian releases, other than the default one, whose programs the matching rows need."""
    return dict.fromkeys(suite for *_, parameters in long_boots(wanted) for suite in re.findall(r"\brig_debian=(\S+)", parameters))


def one_long(pattern, times, seed, row):
    """Run one row of long.txt in a separate boot. Return (counts, output, reason why the boot failed or None)."""
    name, kernel, cpus, tests, parameters = row
    parameters = parameters or dict(table(BOOTS)).get(tests, "")
    said = [f"{name}: {tests} with {cpus} CPUs, kernel {kernel} {parameters}"]
    count = Count(said.append)
    debian = boot.debian_of(parameters.split())
    if debian != boot.DEBIAN:
        check_fetched(count, debian)
        if not os.path.isdir(debian):
            return count, said, count.failed[-1][0] if count.failed else f"{boot.shown(debian)} is missing"
    reason = one_boot(count, pattern, times, name, tests, parameters, seed, cpus=cpus, variant=kernel.strip("-"))
    for failure in count.failed:
        failure[0] = f"{name}: {failure[0]}"
    return count, said, reason


def all_ordinary(count, pattern, times, seed, prefix="", **machine):
    """Run the tests of `make test` in parallel boots, one per CPU of the machine. Return for each boot why it failed, or None.

    One boot uses less than one CPU on average, because the tests often wait.
    """
    def one(name, tests, parameters):
        part = Count()
        return part, one_boot(part, pattern, times, prefix + name, tests, parameters, seed, **machine)

    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    reasons = []
    try:
        for done in [pool.submit(one, *row) for row in boots(pattern)]:
            part, reason = done.result()
            count.take(part)
            reasons.append(reason)
    finally:
        pool.shutdown(cancel_futures=True)
    return reasons


def all_long(count, pattern, times, seed, wanted):
    """Run the matching rows in parallel, one per CPU of the machine. Print each row's output when the row has finished."""
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    reasons = []
    try:
        for row in concurrent.futures.as_completed(
                [pool.submit(one_long, pattern, times, seed, row) for row in long_boots(wanted)]):
            found, said, reason = row.result()
            say("\n".join(said))
            count.take(found)
            reasons.append(reason)
    finally:
        pool.shutdown(cancel_futures=True)
    return reasons


@contextlib.contextmanager
def busy_loops(loops):
    """Run this number of busy loops. The kernel kills them when this process ends, even if SIGKILL ends this process."""
    spin = [*boot.DIES_WITH_ME, "sh", "-c", "while :; do :; done"]
    processes = []
    try:
        for _ in range(loops):
            processes.append(subprocess.Popen(spin, stdin=subprocess.DEVNULL))
        yield
        if any(process.poll() is not None for process in processes):
            raise RuntimeError("a busy loop has ended, so there was less load than intended")
    finally:
        for process in processes:
            process.kill()
            process.wait()


def under_load(count, pattern, times, seed):
    """Run the tests while busy loops use the CPUs. Return for each boot the reason why it failed, or None."""
    found = Count()
    say(f"load: {times} times with {LOAD_LOOPS} busy loops")
    with busy_loops(LOAD_LOOPS):
        reasons = all_ordinary(found, pattern, times, seed, prefix="load-", slowness=LOAD_SLOWNESS)
    for failure in found.failed:
        failure[0] = f"load: {failure[0]}"
    count.take(found)
    return reasons


def check_fetched(count, debian=boot.DEBIAN):
    """Add one failure if Debian programs could not be downloaded, because the tests that need these programs are skipped."""
    path = debian + ".failed"
    if os.path.exists(path):
        with open(path) as text:
            count.fail(f"s390x programs could not be downloaded: {text.read().strip()} (full log: build/log/debian.log)")


def ours(args):
    """Test this driver on the patched kernel or on the stock kernel."""
    count, pattern, times, seed = Count(), args.pattern, args.times or 1, args.seed
    wanted, load = args.long, args.load
    check_fetched(count)
    files = patch_skips() if args.kernel == "stock" else {}
    reasons = all_ordinary(count, pattern, times, seed, files=files) if wanted == "1" or not wanted and not load else []
    if wanted:
        if wanted == "1":
            coverage.forget()
        reasons += all_long(count, pattern, times, seed, wanted)
        if wanted == "1" and pattern == "*":
            coverage.report(count)
    # Run the tests under load last and alone, because the busy loops would slow down other boots.
    if load or any(row[3] == LOAD for row in long_rows(wanted)):
        # Ten runs under load take hours, so LONG=1 runs the tests only once.
        reasons += under_load(count, pattern, args.times or (LOAD_TIMES if load else 1), seed)
    keep_results("stock-kernel" if args.kernel == "stock" else "ours", count.words)
    if pattern == "*" and wanted in ("", "1"):
        for test in dict.fromkeys(test for _, test, _ in rows() if test and ("_slow:" not in test or wanted)):
            if test not in count.words:
                count.fail(f"rows.txt: {test} did not run")
    if not count.total():
        count.fail(f"no test matches {pattern}" if pattern != "*" else "nothing was tested")
    say(f"base: {boot.base_source()}; s390x programs: Debian {boot.suite()}")
    say(count.line())
    return 1 if count.failed or any(reasons) else 0


def trial(pattern, *parameters, **how):
    """Boot and run one test, and stop at its first failure.

    Return (result, reason). The result is "passes", "fails", "skips", "hangs", "is broken" or "did not run".
    """
    count, told = Count(say=lambda *words: None), []
    programs = Programs(count)

    def on_line(line):
        programs.take(line)
        # The harness prints a failed assertion at once. Do not wait for the end of the test, because a test of a broken driver
        # may take a long time.
        found = re.match(r"# (\S+\.c:\d+:\w+:Expected .*)", line)
        if found:
            told.append(found[1])
            raise boot.Enough

    kind, _, case = pattern.partition(":")
    if kind == "kunit":
        wanted = ["rig_program=none"]
    else:
        wanted = [*options(pattern), "rig_kunit=0", f"rig_tests={kind}", *dict(table(BOOTS)).get(kind, "").split()]
    timeout = 1800 if how.get("variant") else 600
    run = boot.Run("test", wanted + list(parameters), on_line=on_line, timeout=timeout, **how).run()
    if kind == "kunit":
        kunit(run.console, count, case)
    begun = programs.program or count.words or kind == "kunit"
    told += [run.trouble] if run.trouble and begun else []
    told += [count.failed[0][0]] if count.failed else []
    if told:
        return "fails", told[0]
    # init reports leaks and other faults after the last test.
    if begun and run.verdict.startswith("bad "):
        return "fails", run.reason
    if run.reason:
        return ("hangs", run.reason) if begun and run.status is None else ("is broken", run.reason)
    return ("passes" if count.passed else "skips" if count.skipped else "did not run"), ""


def stock_driver(args):
    """Test the stock driver. Each test has a separate boot, because it may crash the kernel."""
    column = "stock-both" if args.kernel == "stock" else "stock-driver"
    pattern, seen = args.pattern, {}
    wanted = [(row, test) for row, test, _ in rows() if test and not test.partition(":")[0].endswith("_slow")
              and not test.startswith("kunit:")
              and (fnmatch.fnmatch(test, pattern) or fnmatch.fnmatch(test.rpartition(":")[2], pattern))]
    module = ["rig_driver=base", "rig_module=base"]
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    try:
        for test in dict.fromkeys(test for _, test in wanted):
            log = f"{column}-{re.sub(r'[^0-9A-Za-z]+', '-', test)}.log"
            seen[test] = pool.submit(trial, test, *module, log=log, fatal_warnings=False)
        for row, test in wanted:
            word, tells = seen[test].result()
            say(f"{row:6} {test:76} {word}{tells and ': ' + tells}")
    finally:
        pool.shutdown(cancel_futures=True)
    words = {test: result.result()[0] for test, result in seen.items()}
    keep_results(column, words)
    passed, skipped = list(words.values()).count("passes"), list(words.values()).count("skips")
    say(f"{passed} passed, {len(seen) - passed - skipped} failed, {skipped} skipped")
    return 0 if seen else 1


def main():
    parser = argparse.ArgumentParser(prog="python3 -m rig.test.test", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter, parents=[boot.machine_options()])
    parser.add_argument("pattern", nargs="?", default="*", help="tests to run: fixture.test or program:fixture.test (default: *)")
    parser.add_argument("-n", "--times", type=int, metavar="N", help="run each test N times")
    parser.add_argument("--seed", default="", help="seed of a run of stress_test to repeat")
    parser.add_argument("--long", default="", metavar="NAME", help="run the rows of rig/test/long.txt whose names match; 1 runs all tests and all rows")
    parser.add_argument("--load", action="store_true", help=f"run all tests {LOAD_TIMES} times while busy loops use the CPUs, to find tests that depend on timing")
    parser.add_argument("--driver", choices=("ours", "stock"), default="ours", help="stock: test the stock driver, with a separate boot for each test")
    parser.add_argument("--kernel", choices=("ours", "stock"), default="ours", help="stock: test on the stock kernel, and skip the tests that need a patch")
    parser.add_argument("--list", choices=("rows", "rst"), help="print the tests and their last results, or write doc/tests-by-driver.rst")
    parser.add_argument("--variants", action="store_true", help="print the kernel variants that --long needs")
    parser.add_argument("--suites", action="store_true", help="print the additional Debian releases that --long needs")
    args = parser.parse_args()
    if args.suites:
        return say(*long_suites(args.long))
    if args.variants:
        return say(*long_kernels(args.long))
    if args.list:
        return page() if args.list == "rst" else show_rows()
    if args.kernel == "stock" and (args.long or args.load):
        parser.error("--kernel=stock has no --long and no --load")
    # `make test KERNEL=stock` sets VARIANT, but a user can also run this program directly.
    boot.VARIANT = "stock" if args.kernel == "stock" else boot.VARIANT
    return stock_driver(args) if args.driver == "stock" else ours(args)


if __name__ == "__main__":
    sys.exit(main())
