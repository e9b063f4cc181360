# SPDX-License-Identifier: GPL-2.0
"""Compare the performance of this driver with that of the stock driver, on the same kernel and simulated machine.

The first boot measures latencies, with both drivers in turn. The second boot measures costs, with a clock that
counts instructions. The third boot measures how long locks are held, with the lock statistics of the ordinary test kernel. The
program prints a table, writes it to build/bench.json, and plots the latency that an unrelated administrator observes. Missing
a goal in the table is not an error. The exit status is 1 if a measurement failed.
"""
import argparse
import json
import os
import re
import subprocess
import sys

from rig.run import boot
from rig.run.boot import say

PLOT = os.path.join(boot.TOP, "doc/vfio-ap-waits.svg")
DRIVERS = ("base", "ours")
FILES = os.path.join(boot.BUILD, "kernel-bench/drivers/s390/crypto")
WAITS = ("sysfs", "status", "aqic", "host")


class Figures:
    """waits[id, driver, mode] lists durations of operations in microseconds. values[id, driver] is a single measurement."""

    def __init__(self):
        self.waits, self.values, self.broken = {}, {}, []

    def take(self, line):
        word, _, rest = line.partition(" ")
        if word == "@waits":
            name, driver, mode, *waits = rest.split()
            self.waits.setdefault((name, driver, mode), []).extend(int(wait) for wait in waits)
        elif word == "@value":
            name, driver, number = rest.split()
            self.values[name, driver] = int(number)
        elif word == "@broken":
            self.broken.append(rest)


def at(waits, share):
    """Return a quantile of the waits in ms. share: the quantile, from 0 to 1"""
    ordered = sorted(waits)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1000 if ordered else None


def row(name, unit, base, ours, quiet=None, goal=None, met=None, text=""):
    ratio = ours / base if base and ours is not None else None
    return {"id": name, "unit": unit, "base": base, "ours": ours, "quiet": quiet, "ratio": ratio, "goal": goal,
            "met": met, "note": text}


def stall_rows(figures):
    rows = []
    for mode, title in (("busy", ""), ("kvmlock", ".kvmlock"), ("stuck", ".stuck")):
        for name in WAITS:
            found = {driver: figures.waits.get((name, driver, mode), []) for driver in DRIVERS}
            quiet = figures.waits.get((name, "ours", "quiet"), [])
            for share, word in ((0.5, "p50"), (0.99, "p99"), (1, "longest")):
                base, ours, still = (at(waits, share) for waits in (found["base"], found["ours"], quiet))
                goal = 2 * still if still is not None and share > 0.5 else None
                notes = [f"n={len(found['base'])}/{len(found['ours'])}/{len(quiet)}"]
                if goal and base is not None and base <= goal:
                    notes.append("the stock driver also meets the goal")
                if mode == "stuck" and name == "sysfs":
                    notes.append("the stock driver abandons the reset")
                rows.append(row(f"stall{title}.{name} {word}", "ms", base, ours, still,
                                "2 x quiet" if goal else None, ours <= goal if goal and ours is not None else None,
                                "; ".join(notes)))
    return rows


def scan_row(figures):
    held = {driver: at(figures.waits.get(("scan", driver, "kvmlock"), []), 0.5) for driver in DRIVERS}
    quiet = at(figures.waits.get(("scan", "ours", "quiet"), []), 0.5)
    met = None if None in (held["ours"], quiet) else held["ours"] <= 1.5 * quiet
    return row("stall.scan p50", "ms", held["base"], held["ours"], quiet, "as quiet", met)


def unplug_rows(figures):
    rows = []
    for reset in (1, 15, 60, 250):
        base, ours = (at(figures.waits.get((f"unplug.time.{reset}", driver, "busy"), []), 0.5) for driver in DRIVERS)
        goal = 1.3 * 4 * reset + 20
        # Four writes in sequence cannot be faster than four resets by hardware.
        note = "the stock driver returns before the queues are reset" if base is not None and base < 4 * reset else ""
        rows.append(row(f"unplug.time {reset} ms", "ms", base, ours, None, f"<= {goal:.0f} ms",
                        ours <= goal if ours is not None else None, note))
    return rows


def notify_rows(figures):
    rows = []
    for name in ("poll", "uevent"):
        waits = figures.waits.get((f"notify.{name}", "ours", "quiet"), [])
        for share, word in ((0.5, "p50"), (1, "longest")):
            rows.append(row(f"notify.{name} {word}", "ms", None, at(waits, share), text=f"n={len(waits)}; the stock driver sends no notifications"))
    return rows


def cost_rows(figures):
    def pair(name):
        return tuple(figures.values.get((name, driver)) for driver in DRIVERS)

    rows = []
    for name, unit, most in (("plug.cost.1x1", "instructions", 1), ("plug.cost.16x16", "instructions", 1),
                             ("plug.big", "instructions", 0.5), ("aqic.cost", "instructions", 1),
                             ("memory.mdev", "bytes", 1)):
        base, ours = pair(name)
        met = ours / base <= most if base and ours is not None else None
        rows.append(row(name, unit, base, ours, None, f"ratio <= {most}", met))
    for crowd in (10, 100, 1000):
        base, ours = pair(f"plug.many.{crowd}")
        rows.append(row(f"plug.many.{crowd}", "instructions", base, ours))
    few, most = pair("plug.many.10"), pair("plug.many.1000")
    if None not in few + most:
        base, ours = most[0] - few[0], most[1] - few[1]
        rows.append(row("plug.many growth", "instructions", base, ours, None, "flatter", ours < base))
    base, ours = pair("memory.queue")
    rows.append(row("memory.queue", "bytes", base, ours, None, "<= 256", ours <= 256 if ours is not None else None))
    base, ours = pair("memory.queue.all")
    rows.append(row("memory.queue.all", "bytes", base, ours, text="with its files in sysfs"))
    base, ours = pair("scan.updates")
    rows.append(row("scan.updates", "updates", base, ours, None, "1", ours == 1 if ours is not None else None))
    return rows


def text_rows():
    """Return rows with the code sizes of both modules and of each of this driver's files, in bytes."""
    def code(path):
        words = subprocess.run(["s390x-linux-gnu-size", path], check=True, capture_output=True, text=True).stdout.split("\n")
        return int(words[1].split()[0])

    rows = [row("text", "bytes", code(os.path.join(boot.BUILD, "bench-driver/vfio_ap.ko")), code(os.path.join(FILES, "vfio_ap.ko")))]
    with open(os.path.join(FILES, "vfio_ap.mod")) as mod:
        for name in mod.read().split():
            file = os.path.basename(name)
            rows.append(row(f"text {file[:-2]}", "bytes", None, code(os.path.join(FILES, file)), text=purpose(file)))
    return rows


def purpose(file):
    """Return the first clause of the comment at the top of a source file."""
    with open(os.path.join(boot.TOP, "drivers/s390/crypto", file[:-2] + ".c")) as text:
        comment = re.search(r"^/\*\n(.*?)\*/", text.read(), re.M | re.S)
    return re.split(r"[.:;]\s", re.sub(r"\s*\n \* ?", " ", " " + comment[1]).strip(" *"))[0] if comment else ""


def shown(value):
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def table(rows):
    say(f"{'id':28} {'unit':13} {'base':>10} {'ours':>10} {'quiet':>8} {'ratio':>6}  goal")
    for one in rows:
        met = {None: "", True: "met", False: "MISSED"}[one["met"]]
        say(f"{one['id']:28} {one['unit']:13} {shown(one['base']):>10} {shown(one['ours']):>10} {shown(one['quiet']):>8} "
            f"{shown(one['ratio']):>6}  {one['goal'] or ''} {met} {one['note']}".rstrip())


def plot(figures):
    """Plot the distribution of the times for which an unrelated administrator waits."""
    curves = []
    data = os.path.join(boot.BUILD, "bench.dat")
    with open(data, "w") as out:
        for driver, mode, title in (("base", "busy", "stock driver"), ("ours", "busy", "this driver"),
                                    ("ours", "quiet", "this driver, otherwise idle")):
            waits = sorted(figures.waits.get(("sysfs", driver, mode), []))
            # Plot every 20th wait, and all of the 50 longest.
            for n, wait in enumerate(waits):
                if n % 20 == 0 or n > len(waits) - 50:
                    out.write(f"{max(wait, 1) / 1000} {(len(waits) - n) / len(waits)}\n")
            out.write("\n\n")
            curves.append(f"'{data}' index {len(curves)} with steps lw 2 title \"{title}\"")
    script = (f"set terminal svg size 720,420 background 'white'; set output '{PLOT}'; set logscale xy; set grid;"
              "set key bottom left Left reverse;"
              "set xlabel 'a write to sysfs takes longer than (ms)'; set ylabel 'share of all writes';"
              "set title 'An unrelated mdev, while 16 queues are repeatedly unplugged from another guest';"
              f"plot {', '.join(curves)}")
    if subprocess.run(["gnuplot", "-e", script], check=False).returncode:
        figures.broken.append("gnuplot failed")
        return
    with open(PLOT) as drawn:
        lines = [line.rstrip() + "\n" for line in drawn]
    with open(PLOT, "w") as out:
        out.writelines(lines)
    say(f"plot: {boot.shown(PLOT)}")


def hold_rows(figures):
    rows = []
    for vcpus in (1, 4, 64):
        for lock in ("kvmlock", "guests_lock"):
            ours = figures.values.get((f"hold.{lock}.{vcpus}", "ours"))
            rows.append(row(f"hold.{lock} {vcpus} vCPU", "ms", None, ours / 1000000 if ours else None,
                            text="longest of 80 changes, with lock debugging"))
    return rows


def measure(figures, program, pairs, variant="bench", **machine):
    run = boot.Run("bench", ["rig_driver=none", f"rig_bench={program}", f"rig_pairs={pairs}"], log=f"bench-{program}.log",
                   on_line=figures.take, fatal_warnings=False, variant=variant, **machine)
    run.run()
    # Ignore kernel warnings, because the stock driver causes some.
    if run.verdict != "ok 0":
        figures.broken.append(f"{program}: {run.reason or run.verdict}")
    say(f"  {program} measured")


def main():
    parser = argparse.ArgumentParser(prog="python3 -m rig.run.bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, metavar="N", help="measure the latencies of both drivers N times (default: 5)")
    args = parser.parse_args()
    figures = Figures()
    measure(figures, "wait_bench", args.pairs)
    measure(figures, "cost_bench", 1, cpus="1", shift=0)
    measure(figures, "hold_bench", 1, variant="")
    rows = (stall_rows(figures) + [scan_row(figures)] + unplug_rows(figures) + notify_rows(figures) + hold_rows(figures)
            + cost_rows(figures) + text_rows())
    table(rows)
    with open(os.path.join(boot.BUILD, "bench.json"), "w") as out:
        json.dump(rows, out, indent=1)
    plot(figures)
    for reason in figures.broken:
        say(f"FAILED: {reason}")
    return 1 if figures.broken else 0


if __name__ == "__main__":
    sys.exit(main())
