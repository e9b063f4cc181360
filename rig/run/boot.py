# SPDX-License-Identifier: GPL-2.0
"""Boot the test kernel for a demonstration, a program or a shell, and report failures.

QEMU writes to three channels: the kernel console, the output of programs ("out"), and the verdict of init. This program
logs all three, except for @gcov lines, which contain a test's coverage of a source file. A run succeeds only if init's
verdict is "ok". A kernel panic, a kernel warning, a long silence and a timeout are failures.
"""
import argparse
import base64
import os
import re
import select
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# rig/build/lib.sh explains BASE and VARIANT.
BASE = os.environ.get("BASE") or "6.12"
BUILD = os.path.join(TOP, "build", *([BASE] if BASE != "6.12" else []))
VARIANT = os.environ.get("VARIANT") or ""
LOGS = os.path.join(BUILD, "log")
DEBIAN = os.path.join(TOP, "build", "debian")
# The image and the initramfs of the Linux guest
GUEST = os.path.join(BUILD, "guest", "boot")
# Maximum time without output, in seconds. The tests with Linux guests end after 1440 s; see lib/linux.sh in the selftests.
SILENCE = 1500
# Kernels with KASAN or KCSAN are several times slower.
SILENCE_OF_SLOW_KERNEL = 1600
TIMEOUT = {"demo": 900, "bench": 1800, "exec": 900, "test": 3600, "shell": None}
TROUBLE = re.compile(
    r"Kernel panic|WARNING:|BUG:|INFO: possible|INFO: task .* blocked|INFO: rcu.* (stall|detected)"
    r"|Unable to handle|Oops|kernel BUG at|ilc:\d+ \[#|bad unlock balance|possible recursive locking|held lock freed"
    r"|UBSAN:|BUG \S+ \(")

# A command prefix that makes the kernel kill the command when this process ends, even if SIGKILL ends this process.
DIES_WITH_ME = ["setpriv", "--pdeathsig", "KILL"]
machines = set()
ending = threading.Event()


def terminate(*_):
    """Kill all machines and exit. Their runs have no result."""
    ending.set()
    for qemu in list(machines):
        qemu.kill()
    sys.exit(143)


signal.signal(signal.SIGTERM, terminate)
# Leave SIGHUP ignored if nohup started this process.
if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
    signal.signal(signal.SIGHUP, terminate)
# Call isatty() at the start, because it returns false for a terminal that has been closed.
TERMINALS = {fd for fd in (0, 1) if os.isatty(fd)}


def end_with_terminal(fds):
    """End this process if one of these descriptors is a terminal that has been closed.

    When make leads the session (`xterm -e make shell`), the kernel sends SIGHUP only to make. Make does not pass the
    signal on, but waits for this process.
    """
    if signal.getsignal(signal.SIGHUP) != terminate:
        return
    poller = select.poll()
    for fd in TERMINALS & fds:
        poller.register(fd, 0)
    if any(events & select.POLLHUP for _, events in poller.poll(0)):
        os.kill(os.getpid(), signal.SIGHUP)


# Options of the simulated machine, for all runs of this process.
machine = argparse.Namespace(hwsim="", cpus="2", memory=1024, append="", gdb=False)


class MachineAction(argparse.Action):
    """Store the value of an option in `machine`."""

    def __call__(self, parser, namespace, value, option=None):
        setattr(machine, self.dest, self.const if self.nargs == 0 else value)


def machine_options():
    """Return a parent parser with the options of the simulated machine."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("simulated machine")
    group.add_argument("--hwsim", action=MachineAction, metavar="WORDS", help="parameters of ap_hwsim, such as 'adapters=1,2 domains=0-3'")
    group.add_argument("--cpus", action=MachineAction, metavar="N", help="number of CPUs (default: 2); with one CPU, the clock counts instructions")
    group.add_argument("--memory", action=MachineAction, type=int, metavar="MB", help="memory in MB (default: 1024)")
    group.add_argument("--append", action=MachineAction, metavar="WORDS", help="additional kernel parameters")
    group.add_argument("--gdb", action=MachineAction, nargs=0, const=True, help="wait for gdb on port 1234")
    return parser


def say(*words):
    print(*words, flush=True)


def hwsim_words():
    """Return the words in --hwsim. Exit if a word is not a parameter of the simulator, because the kernel would ignore it."""
    with open(os.path.join(TOP, "drivers/s390/crypto/ap_hwsim/machine.c")) as source:
        known = re.findall(r"^module_param(?:_string|_cb)?\((\w+)", source.read(), re.M)
    words = machine.hwsim.split()
    for word in words:
        name, _, value = word.partition("=")
        if name not in known or not value or len(value) > 63:
            say(f"FAILED: HWSIM: {word}: must be NAME=VALUE, with a VALUE of less than 64 characters; names: {' '.join(known)}")
            sys.exit(2)
    return words


def base_source():
    """Return the package, version and hash of the base kernel's source."""
    with open(os.path.join(BUILD, "base")) as text:
        return text.read().strip()


def debian_of(options):
    """Return the directory with the Debian programs for a boot. The option rig_debian=SUITE selects a release."""
    return DEBIAN + "".join("-" + word.partition("=")[2] for word in options if word.startswith("rig_debian="))


def suite():
    """Return the Debian release of the programs in build/debian."""
    try:
        with open(DEBIAN + ".suite") as text:
            return text.read().strip()
    except FileNotFoundError:
        return "(only busybox)"


def shown(path):
    return os.path.relpath(path, os.getcwd())


class Enough(Exception):
    """on_line() raises this exception to stop the machine early."""


class Run:
    """One boot. run() sets reason (None if the run succeeded), status (of the program) and trouble (first bad console line)."""

    def __init__(self, verb, options=(), log=None, files=None, timeout=None, on_line=None, fatal_warnings=True,
                 variant=None, cpus=None, shift=3, slowness=1):
        self.verb, self.options, self.files = verb, list(options), files or {}
        self.log_path = os.path.join(LOGS, log or f"{verb}-{time.strftime('%H%M%S')}.log")
        self.on_line = on_line or (lambda line: None)
        self.fatal_warnings = fatal_warnings
        stress = sum(int(word.partition("=")[2]) for word in self.options if word.startswith("rig_stress="))
        self.timeout = timeout or TIMEOUT[verb]
        # slowness is the factor by which timeouts grow on a busy machine.
        if self.timeout:
            self.timeout *= slowness
        self.console, self.verdict, self.trouble, self.reason, self.status = [], "", None, None, None
        self.up, self.coverage = False, []
        self.gdb = machine.gdb
        self.variant = VARIANT if variant is None else variant
        slow = self.variant in ("memory", "races")
        self.silence = (SILENCE_OF_SLOW_KERNEL if slow else SILENCE) * slowness + stress
        suffix = "-" + self.variant if self.variant else ""
        self.kernel = os.path.join(BUILD, "kernel" + suffix)
        self.initrd = os.path.join(BUILD, f"initramfs{suffix}.gz")
        self.cpus, self.shift = cpus or machine.cpus, shift
        self.debian = debian_of(self.options)
        # KASAN needs an eighth of the memory for its shadow, and its quarantine delays the reuse of freed memory.
        self.memory = str(max(machine.memory, 3072 if self.variant == "memory" else 0))

    def command(self, fds, initrd):
        # Emulated CPUs can stall for a long time on a busy machine, so use a long timeout for RCU stalls.
        append = ["console=ttyS0", "panic=1", "oops=panic", "rcupdate.rcu_cpu_stall_timeout=120",
                  "ap.apmask=0x0", "ap.aqmask=0x0", f"rig={self.verb}"]
        # P poisons freed memory, to detect a use after free early. A marks the cache whose allocations fault_slow fails.
        append += ["panic_on_warn=1", "slub_debug=P;A,radix_tree_node"] if self.fatal_warnings else []
        append += ["kmemleak=on"] if self.variant == "memory" else []
        # Low-address protection detects stores through null pointers, but slows the kernel down, so only the slow tests use it.
        append += [f"ap_hwsim.protect_lowcore={int(self.variant in ('memory', 'races'))}"]
        append += [f"ap_hwsim.{word}" for word in hwsim_words()]
        shares = {name: path for name, path in (("debian", self.debian), ("guest", GUEST)) if os.path.isdir(path)}
        append += [f"rig_{name}=1" for name in shares]
        append += [*self.options, machine.append]
        cmd = ["qemu-system-s390x", "-machine", "s390-ccw-virtio", "-cpu", "max"]
        if self.cpus == "1" and self.verb != "shell":
            # With a single CPU, QEMU can derive the guest's clock from the number of instructions, so that the load on the
            # host does not affect the guest's timing.
            cmd += ["-accel", "tcg,thread=single", "-icount", f"shift={self.shift},sleep=off"]
        else:
            cmd += ["-accel", "tcg,thread=multi"]
        cmd += ["-smp", self.cpus, "-m", self.memory, "-no-reboot", "-nodefaults",
                "-display", "none", "-monitor", "none",
                "-kernel", os.path.join(self.kernel, "arch/s390/boot/bzImage"), "-initrd", initrd,
                "-append", " ".join(append), "-device", "virtio-serial-ccw"]
        cmd += ["-chardev", f"file,id=console,path=/dev/fd/{fds['console']}", "-device", "sclplmconsole,chardev=console"]
        for name in ("out", "verdict"):
            cmd += ["-chardev", f"file,id={name},path=/dev/fd/{fds[name]}",
                    "-device", f"virtserialport,chardev={name},name={name}"]
        for name, path in shares.items():
            cmd += ["-fsdev", f"local,id={name},path={path.replace(',', ',,')},security_model=none,readonly=on",
                    "-device", f"virtio-9p-ccw,fsdev={name},mount_tag={name}"]
        if self.verb == "shell":
            cmd += ["-chardev", "stdio,id=tty,signal=off", "-device", "virtconsole,chardev=tty"]
        if self.gdb:
            cmd += ["-s", "-S"]
            say(f"  waiting for (apt-get install gdb-multiarch): gdb-multiarch {shown(self.kernel)}/vmlinux -ex 'target remote :1234'")
        return cmd

    def initramfs(self, scratch):
        """Add self.files, {path in the initramfs: local path}, to the initramfs. Return the path of the result."""
        if not self.files:
            return self.initrd
        with open(os.path.join(scratch, "list"), "w") as spec:
            for there, here in self.files.items():
                spec.write(f"file {there} {os.path.abspath(here)} 0755 0 0\n")
        extra = subprocess.run([os.path.join(self.kernel, "usr/gen_init_cpio"), spec.name], check=True,
                               stdout=subprocess.PIPE).stdout
        path = os.path.join(scratch, "initrd")
        shutil.copy(self.initrd, path)
        with open(path, "ab") as out:
            out.write(b"\0" * (-out.tell() % 4) + extra)
        return path

    def take(self, channel, line, log):
        if channel == "out" and line.startswith("@gcov "):
            _, test, file, text = line.split(" ", 3)
            self.coverage.append((test, file, base64.b64decode(text)))
            return
        log.write(line + "\n" if channel == "console" else f"{channel}: {line}\n")
        log.flush()
        if channel == "console":
            self.console.append(line)
            found = TROUBLE.search(line)
            if found and (not self.trouble or "panic" in line and "panic_on_warn" not in line):
                self.trouble = re.sub(r"^\[ *[\d.]+\] *", "", line).strip()
        elif channel == "verdict":
            self.verdict = line
        elif line == "@up":
            self.up = True
            if self.verb != "test":
                say(f"  the test kernel is up             {time.time() - self.start:4.0f} s")
        else:
            self.on_line(line)

    def run(self):
        os.makedirs(LOGS, exist_ok=True)
        last = os.path.join(LOGS, "last")
        os.symlink(os.path.basename(self.log_path), self.log_path + ".last")
        os.replace(self.log_path + ".last", last)
        self.start = time.time()
        with tempfile.TemporaryDirectory(dir=BUILD) as scratch, open(self.log_path, "w", errors="replace") as log:
            self.watch(scratch, log)
        if ending.is_set():
            sys.exit(143)
        self.judge()
        return self

    def watch(self, scratch, log):
        pipes = {name: os.pipe() for name in ("console", "out", "verdict")}
        command = self.command({name: pipe[1] for name, pipe in pipes.items()}, self.initramfs(scratch))
        log.write(" ".join(command) + "\n")
        log.flush()
        qemu = subprocess.Popen([*DIES_WITH_ME, *command], pass_fds=[pipe[1] for pipe in pipes.values()],
                                stdin=None if self.verb == "shell" else subprocess.DEVNULL,
                                stdout=None if self.verb == "shell" else log, stderr=log)
        machines.add(qemu)
        ready = selectors.DefaultSelector()
        rest = dict.fromkeys(pipes, b"")
        for name, (reader, writer) in pipes.items():
            os.close(writer)
            ready.register(reader, selectors.EVENT_READ, name)
        try:
            heard = time.time()
            while ready.get_map():
                for key, _ in ready.select(1):
                    data = os.read(key.fd, 65536)
                    heard = time.time()
                    if not data:
                        ready.unregister(key.fd)
                        os.close(key.fd)
                    lines = (rest[key.data] + data).split(b"\n")
                    rest[key.data] = lines.pop()
                    if not data and rest[key.data]:
                        lines.append(rest[key.data])
                    for line in lines:
                        self.take(key.data, line.decode(errors="replace").rstrip("\r"), log)
                # Only a shell reads from the terminal.
                end_with_terminal({0, 1} if self.verb == "shell" else {1})
                if self.gdb or self.verb == "shell":
                    continue
                if time.time() - self.start > self.timeout:
                    self.reason = f"did not end within {self.timeout} s"
                elif time.time() - heard > self.silence:
                    self.reason = f"silent for {self.silence} s"
                if self.reason:
                    break
        except Enough:
            self.reason = "stopped"
            qemu.kill()
        finally:
            if qemu.poll() is None:
                try:
                    qemu.wait(5)
                except subprocess.TimeoutExpired:
                    qemu.send_signal(signal.SIGKILL)
                    qemu.wait()
            machines.discard(qemu)
        if qemu.returncode and not self.reason:
            self.reason = f"qemu ended with status {qemu.returncode}"

    def judge(self):
        word, _, text = self.verdict.partition(" ")
        if word == "ok":
            self.status = int(text)
        if self.trouble:
            self.reason = self.trouble
        elif self.reason:
            pass
        elif word == "bad":
            self.reason = text
        elif word != "ok":
            self.reason = "the test kernel ended without a verdict from init" if self.up else "the test kernel did not start"


def failed(run, reason=None):
    say(f"FAILED: {reason or run.reason} (full log: {shown(run.log_path)})")


def demo(client, fault):
    """Run the demonstration. Print its last line only if the run succeeds."""
    held = []

    def on_line(line):
        if held:
            say(held.pop())
        if line == "hot plug: ok":
            held.append(line)
        else:
            say(line)

    options = [f"rig_{word}={value}" for word, value in (("fault", fault), ("client", client)) if value]
    run = Run("demo", options, on_line=on_line).run()
    if not run.reason and run.status:
        run.reason = f"the demonstration ended with status {run.status}"
    if not run.reason and not held:
        run.reason = "the demonstration did not report success"
    if run.reason:
        failed(run)
        return 1
    say(*held)
    return 0


def execute(path):
    if not os.access(path, os.R_OK):
        say(f"FAILED: {path} cannot be read")
        return 125
    run = Run("exec", files={"/exec": path}, on_line=say).run()
    if run.reason:
        failed(run)
        return 125
    if run.status:
        say(f"exit status {run.status} (full log: {shown(run.log_path)})")
    return run.status


def shell():
    say("  Type exit to stop the shell and the machine. All files in the machine are then lost.")
    run = Run("shell", [f"rig_term={os.environ.get('TERM') or 'dumb'}"], on_line=say).run()
    if run.reason:
        failed(run)
        return 1
    return 0


def main():
    parser = argparse.ArgumentParser(prog="python3 -m rig.run.boot", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    parents = [machine_options()]
    verb = verbs.add_parser("demo", parents=parents, help="plug a queue into a running guest, and unplug it")
    verb.add_argument("--client", choices=("", "qemu", "linux"), default="",
                      help="qemu: run the guest with Debian's QEMU; linux: run Linux as the guest of Debian's QEMU")
    verb.add_argument("--fault", default="", help="a fault that the demonstration injects: noplug")
    verb = verbs.add_parser("exec", parents=parents, help="run a static s390x program or a shell script",
                            description="Exit with the status of the program, or with 125 if the run failed.")
    verb.add_argument("file")
    verbs.add_parser("shell", parents=parents, help="start a shell")
    args = parser.parse_args()
    if args.verb == "demo":
        return demo(args.client, args.fault)
    return execute(args.file) if args.verb == "exec" else shell()


if __name__ == "__main__":
    sys.exit(main())
