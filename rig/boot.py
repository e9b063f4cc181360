#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Boot the test kernel for one purpose, watch it, and say what came of it.

usage: boot.py demo | exec FILE | shell

Three channels come out of the machine: the kernel's console, what programs print ("out"), and the verdict. All go
to one log, except for the counts of lines that ran: a `@gcov` line for each test and file. A run is good only if the
verdict says so. A panic, a warning, silence or a timeout is a failure, whatever else was printed. `exec` exits with
the program's status, or with 125 if the run itself failed.
"""
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

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# The kernel that everything is built for, see rig/lib.sh.
BASE = os.environ.get("BASE") or "6.12"
BUILD = os.path.join(TOP, "build", *([BASE] if BASE != "6.12" else []))
LOGS = os.path.join(BUILD, "log")
DEBIAN = os.path.join(TOP, "build", "debian")
# In seconds: longer than any one test may take on a busy machine, except a stress test that is told to.
SILENCE = 400
# The kernels that watch memory or races are several times slower.
SILENCE_OF_WATCHING_KERNEL = 1600
TIMEOUT = {"demo": 900, "bench": 1800, "exec": 900, "test": 3600, "shell": None}
TROUBLE = re.compile(
    r"Kernel panic|WARNING:|BUG:|INFO: possible|INFO: task .* blocked|INFO: rcu.* (stall|detected)"
    r"|Unable to handle|Oops|kernel BUG at|ilc:\d+ \[#|bad unlock balance|possible recursive locking|held lock freed"
    r"|UBSAN:|BUG \S+ \(")


# Put before a command, this makes the kernel kill the command when this process ends, even by SIGKILL.
DIES_WITH_ME = ["setpriv", "--pdeathsig", "KILL"]
machines = set()
ending = threading.Event()


def told_to_end(*_):
    """Whoever is told to end takes his machines along; what their runs then say is no result."""
    ending.set()
    for machine in list(machines):
        machine.kill()
    sys.exit(143)


signal.signal(signal.SIGTERM, told_to_end)
# Unless it is to outlive its terminal.
if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
    signal.signal(signal.SIGHUP, told_to_end)
# isatty() is false for a terminal that has been closed, so call it at the start.
TERMINALS = {fd for fd in (0, 1) if os.isatty(fd)}


def end_with_terminal(fds):
    """End if one of these descriptors was a terminal that has been closed.

    When make leads the session (`xterm -e make shell`), the kernel sends SIGHUP to make alone, and make then waits
    for this process without passing the signal on.
    """
    if signal.getsignal(signal.SIGHUP) != told_to_end:
        return
    poller = select.poll()
    for fd in TERMINALS & fds:
        poller.register(fd, 0)
    if any(events & select.POLLHUP for _, events in poller.poll(0)):
        os.kill(os.getpid(), signal.SIGHUP)


def setting(name, otherwise=""):
    return os.environ.get(name) or otherwise


def say(*words):
    print(*words, flush=True)


def hwsim_words():
    """HWSIM, as it is: the kernel would not complain of a parameter that it does not know."""
    with open(os.path.join(TOP, "drivers/s390/crypto/ap_hwsim/machine.c")) as source:
        known = re.findall(r"^module_param(?:_string)?\((\w+)", source.read(), re.M)
    words = setting("HWSIM").split()
    for word in words:
        name, _, value = word.partition("=")
        if name not in known or not value or len(value) > 63:
            say(f"FAILED: HWSIM: {word}: wanted is name=value, less than 64 characters, of {' '.join(known)}")
            sys.exit(2)
    return words


def base_source():
    """Package, version and hash of the base's source."""
    with open(os.path.join(BUILD, "base")) as text:
        return text.read().strip()


def suite():
    """The release of Debian whose programs run in the test kernel."""
    try:
        with open(DEBIAN + ".suite") as text:
            return text.read().strip()
    except FileNotFoundError:
        return "(only busybox)"


def shown(path):
    return os.path.relpath(path, os.getcwd())


class Enough(Exception):
    """Raised by on_line when nothing that follows is of interest: the machine is stopped there and then."""


class Run:
    """One boot. After run(): reason (None if all was well), status (of the program), trouble (first console line)."""

    def __init__(self, verb, options=(), log=None, files=None, timeout=None, on_line=None, fatal_warnings=True,
                 variant=None, cpus=None, shift=3, slowness=1):
        self.verb, self.options, self.files = verb, list(options), files or {}
        self.log_path = os.path.join(LOGS, log or f"{verb}-{time.strftime('%H%M%S')}.log")
        self.on_line = on_line or (lambda line: None)
        self.fatal_warnings = fatal_warnings
        stress = sum(int(word.partition("=")[2]) for word in self.options if word.startswith("rig_stress="))
        self.timeout = timeout or TIMEOUT[verb]
        # slowness: how many times longer than on an idle machine this run may take.
        if self.timeout:
            self.timeout *= slowness
        self.console, self.verdict, self.trouble, self.reason, self.status = [], "", None, None, None
        self.up, self.coverage = False, []
        self.gdb = bool(setting("GDB"))
        self.variant = setting("VARIANT") if variant is None else variant
        watching = self.variant in ("memory", "races")
        self.silence = (SILENCE_OF_WATCHING_KERNEL if watching else SILENCE) * slowness + stress
        suffix = "-" + self.variant if self.variant else ""
        self.kernel = os.path.join(BUILD, "kernel" + suffix)
        self.initrd = os.path.join(BUILD, f"initramfs{suffix}.gz")
        self.cpus, self.shift = cpus or setting("CPUS", "2"), shift
        # KASAN's shadow is an eighth of the memory, and what was freed stays for a while.
        self.memory = str(max(int(setting("MEM", "1024")), 3072 if self.variant == "memory" else 0))

    def command(self, fds, initrd):
        # On a busy machine an emulated CPU can be away for long; that is no fault of the kernel in it.
        append = ["console=ttyS0", "panic=1", "oops=panic", "rcupdate.rcu_cpu_stall_timeout=120",
                  "ap.apmask=0x0", "ap.aqmask=0x0", f"rig={self.verb}"]
        # Freed memory is poisoned: who still uses it is seen at once, not when somebody else has got it.
        # "A": the one cache whose allocations fault_slow can have fail alone.
        append += ["panic_on_warn=1", "slub_debug=P;A,radix_tree_node"] if self.fatal_warnings else []
        append += ["kmemleak=on"] if self.variant == "memory" else []
        append += [f"ap_hwsim.{word}" for word in hwsim_words()]
        append += ["rig_debian=1"] if os.path.isdir(DEBIAN) else []
        append += [*self.options, setting("APPEND")]
        cmd = ["qemu-system-s390x", "-machine", "s390-ccw-virtio", "-cpu", "max"]
        if self.cpus == "1" and self.verb != "shell":
            # One CPU can take its time from the instructions it executes: how busy the host is does not show inside.
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
        if os.path.isdir(DEBIAN):
            cmd += ["-fsdev", f"local,id=debian,path={DEBIAN.replace(',', ',,')},security_model=none,readonly=on",
                    "-device", "virtio-9p-ccw,fsdev=debian,mount_tag=debian"]
        if self.verb == "shell":
            cmd += ["-chardev", "stdio,id=tty,signal=off", "-device", "virtconsole,chardev=tty"]
        if self.gdb:
            cmd += ["-s", "-S"]
            say(f"  waiting for (apt-get install gdb-multiarch): gdb-multiarch {shown(self.kernel)}/vmlinux -ex 'target remote :1234'")
        return cmd

    def initramfs(self, scratch):
        """The built one; with it, or instead of what is in it, the files of this run: {path there: path here}."""
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
                # A shell reads from its terminal; the other verbs only print.
                end_with_terminal({0, 1} if self.verb == "shell" else {1})
                if self.gdb or self.verb == "shell":
                    continue
                if time.time() - self.start > self.timeout:
                    self.reason = f"no end within {self.timeout} s"
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
            self.reason = "the test kernel ended without a verdict" if self.up else "the test kernel did not start"


def failed(run, reason=None):
    say(f"FAILED: {reason or run.reason} (full log: {shown(run.log_path)})")


def demo():
    """Show the demonstration; its last line only when nothing speaks against it."""
    held = []

    def on_line(line):
        if held:
            say(held.pop())
        if line == "hot plug: ok":
            held.append(line)
        else:
            say(line)

    client = setting("CLIENT")
    if client not in ("", "qemu"):
        say(f"FAILED: CLIENT={client}: there is only qemu")
        return 2
    options = [f"rig_{word}={value}" for word, value in (("fault", setting("HWSIM_FAULT")), ("client", client)) if value]
    run = Run("demo", options, on_line=on_line).run()
    if not run.reason and run.status:
        run.reason = f"the demonstration ended with status {run.status}"
    if not run.reason and not held:
        run.reason = "the demonstration did not say that hot plug works"
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
    say("  exit ends the shell and the machine; files are in memory only")
    run = Run("shell", [f"rig_term={setting('TERM', 'dumb')}"], on_line=say).run()
    if run.reason:
        failed(run)
        return 1
    return 0


def main():
    if sys.argv[1:] == ["demo"]:
        return demo()
    if len(sys.argv) == 3 and sys.argv[1] == "exec":
        return execute(sys.argv[2])
    if sys.argv[1:] == ["shell"]:
        return shell()
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
