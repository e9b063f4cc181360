# SPDX-License-Identifier: GPL-2.0
"""Generate all faults that the rules in this module can make in the driver. When run as a program, count the faults of each
kind.

libclang parses each file with kbuild's options. Statements and the types of operands come from the syntax tree.
Operators, numbers and names come from the tokens, because the tree hides the arguments of macros. Assertions such as
lockdep_assert_held() and WARN_ON() are not changed, because no test can notice a missing assertion.
"""
import argparse
import bisect
import dataclasses
import errno
import functools
import glob
import json
import os
import re
import shlex
import subprocess
import sys

try:
    from clang import cindex
    from clang.cindex import CursorKind, TokenKind
except ModuleNotFoundError:
    sys.exit("needs python3-clang (rig/build/packages-mutate.txt) and Debian's /usr/bin/python3")

from rig.mutate.mutate import DRIVER, KERNEL, LINUX
from rig.run import boot

# The trace header contains no code, only macros that define the format for user space.
NOT_MUTATED = re.compile(r"_test\.c$|_trace\.[ch]$|\.mod\.c$")

CHECKS = re.compile(r"lockdep_|might_|WARN|BUILD_BUG|static_assert|__acquire|__release|mutex_destroy")
LOCKS = re.compile(r"\w+_(un|try)?lock(_bh|_killable|_interruptible)?|guard|scoped_guard")
REFERENCES = re.compile(r"(^|_)(get|put|free|destroy|unregister|hold)(_|$)|kfree|cleanup")
WAKEUPS = re.compile(r"wake|notify|signal|complete|(queue|mod|flush|cancel)_\w*work|schedule")
TWINS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
LOGIC = {"&&": "||", "||": "&&"}
NUMBER = re.compile(r"(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)$")
# Calls that a signal can interrupt, and replacements that a signal cannot interrupt.
PATIENT = {
    "mutex_lock_killable": "({{ mutex_lock({}); 0; }})",
    "mutex_lock_interruptible": "({{ mutex_lock({}); 0; }})",
    "device_lock_interruptible": "({{ device_lock({}); 0; }})",
    "wait_event_killable": "({{ wait_event({}); 0; }})",
    "wait_event_interruptible": "({{ wait_event({}); 0; }})",
    "wait_event_killable_timeout": "wait_event_timeout({})",
    "wait_event_interruptible_timeout": "wait_event_timeout({})",
}
JUMPS = (CursorKind.RETURN_STMT, CursorKind.GOTO_STMT, CursorKind.BREAK_STMT, CursorKind.CONTINUE_STMT)
LABELS = (CursorKind.CASE_STMT, CursorKind.DEFAULT_STMT, CursorKind.LABEL_STMT)
LOOPS = (CursorKind.FOR_STMT, CursorKind.WHILE_STMT, CursorKind.SWITCH_STMT)
# The replacement for a deleted statement. An empty statement would cause a compiler warning.
NOTHING = "{ }"


@dataclasses.dataclass(frozen=True)
class Fault:
    """One change: `text` replaces the bytes from `start` to `end` in a driver file."""
    kind: str
    file: str
    function: str
    start: int
    end: int
    text: str
    old: str
    first: int
    last: int

    def what(self):
        """Return the change as one line."""
        return f"{squeeze(self.old)} => {squeeze(self.text)}"

    def where(self):
        return f"{self.file}:{self.first} {self.function}()" if self.function else f"{self.file}:{self.first}"

    def applied(self, source):
        return source[:self.start] + self.text + source[self.end:]


def squeeze(text):
    return re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", text, flags=re.S)).strip()


@dataclasses.dataclass
class Statement:
    """A statement as it is written in the file, before macro expansion."""
    node: cindex.Cursor
    start: int
    end: int


class Source:
    """One driver file: its text, its tokens, and the faults found so far."""

    def __init__(self, path, unit):
        self.name = os.path.basename(path)
        # libclang counts bytes, so read one character per byte.
        with open(path, encoding="latin-1") as file:
            self.text = file.read()
        whole = cindex.SourceRange.from_locations(
            cindex.SourceLocation.from_offset(unit, unit.get_file(path), 0),
            cindex.SourceLocation.from_offset(unit, unit.get_file(path), len(self.text)))
        tokens = [token for token in unit.get_tokens(extent=whole) if token.kind != TokenKind.COMMENT]
        self.tokens = [(token.extent.start.offset, token.spelling, token.kind) for token in tokens]
        self.starts = [start for start, _, _ in self.tokens]
        self.lines = [0] + [match.end() for match in re.finditer("\n", self.text)]
        # self.seen contains the offsets of operators that Walk has handled and from_tokens() must skip.
        self.faults, self.function, self.seen = [], "", set()

    def index(self, offset):
        """Return the index of the first token at or after an offset."""
        return bisect.bisect_left(self.starts, offset)

    def end_before(self, offset):
        """Return the end of the last token before an offset."""
        start, spelling, _ = self.tokens[self.index(offset) - 1]
        return start + len(spelling)

    def closing(self, index):
        """Return the index of the token that closes a parenthesis or brace."""
        pairs, depth = {"(": ")", "{": "}"}, 0
        opens, closes = self.tokens[index][1], pairs[self.tokens[index][1]]
        for at in range(index, len(self.tokens)):
            depth += (self.tokens[at][1] == opens) - (self.tokens[at][1] == closes)
            if not depth:
                return at
        raise ValueError(f"{self.name}: no match for the {opens} at {self.tokens[index][0]}")

    def line(self, offset):
        return bisect.bisect_right(self.lines, offset)

    def add(self, kind, start, end, text):
        """Add a fault. Keep the number of lines, so that __LINE__ and debugging information do not change."""
        old = self.text[start:end]
        text += "\n" * (old.count("\n") - text.count("\n"))
        self.faults.append(Fault(kind, self.name, self.function, start, end, text, old, self.line(start), self.line(end - 1)))


class Walk:
    """Find the faults in one function from its syntax tree."""

    def __init__(self, source, function):
        self.source, self.function = source, function
        self.locals = [node for node in function.walk_preorder() if node.kind in (CursorKind.PARM_DECL, CursorKind.VAR_DECL)
                       and node.spelling and re.match(r"\w", node.spelling) and not node.spelling.startswith("__")]

    def run(self):
        body = next(node for node in self.function.get_children() if node.kind == CursorKind.COMPOUND_STMT)
        self.statement(Statement(body, body.extent.start.offset, body.extent.end.offset))
        for node in self.function.walk_preorder():
            self.expression(node)

    # Methods for statements

    def statement(self, this):
        """Find the faults in a statement and in its substatements."""
        node, source = this.node, self.source
        while node.kind in LABELS:
            children = list(node.get_children())
            if not children:
                return
            node = children[-1]
            this = Statement(node, node.extent.start.offset, this.end)
        if node.kind == CursorKind.COMPOUND_STMT and source.text[this.start] == "{":
            self.block(self.parts(node, this))
        elif node.kind == CursorKind.IF_STMT and source.text.startswith("if", this.start):
            self.branch(this)
        elif node.kind in LOOPS:
            self.loop(this)
        elif node.kind != CursorKind.DECL_STMT or source.text.startswith("guard", this.start):
            self.leaf(this)

    def parts(self, node, this):
        """Return the statements of a block."""
        source, found, starts = self.source, [], []
        for child in node.get_children():
            start = child.extent.start.offset
            if this.start < start < this.end and (not starts or start > starts[-1][0]):
                starts.append((start, child))
        close = source.closing(source.index(this.start))
        for (start, child), (after, _) in zip(starts, starts[1:] + [(source.tokens[close][0], None)]):
            found.append(Statement(child, start, source.end_before(after)))
        return found

    def block(self, statements):
        for this in statements:
            self.statement(this)
        for this, after in zip(statements, statements[1:]):
            if self.is_lock(this) != self.is_lock(after):
                self.exchange(this, after)

    def exchange(self, this, after):
        """Exchange two statements, so that a lock is acquired or released one statement earlier or later."""
        text = self.source.text
        if CursorKind.DECL_STMT in (this.node.kind, after.node.kind) and "guard" not in (text[this.start:this.start + 5],
                                                                                       text[after.start:after.start + 5]):
            return
        self.source.add("lock moved", this.start, after.end,
                        text[after.start:after.end] + text[this.end:after.start] + text[this.start:this.end])

    def is_lock(self, this):
        return bool(LOCKS.fullmatch(self.name(this)))

    def name(self, this):
        """Return the first name in a statement, which is often the called function."""
        return re.match(r"\w*", self.source.text[this.start:])[0]

    def branch(self, this):
        source = self.source
        at = source.index(this.start) + 1
        close = source.closing(at)
        self.negate(source.tokens[at][0] + 1, source.tokens[close][0])
        children = [child for child in this.node.get_children()][1:]
        starts = [child.extent.start.offset for child in children]
        if not children or starts[0] <= source.tokens[close][0]:
            return
        if len(children) == 1:
            ends = [this.end]
            body = children[0]
            if body.kind == CursorKind.COMPOUND_STMT:
                body = (list(body.get_children()) or [body])[-1]
            if body.kind in JUMPS:
                source.add("early return removed", this.start, this.end, NOTHING)
        else:
            word = source.index(starts[1]) - 1
            ends = [source.end_before(source.tokens[word][0]), this.end]
        for child, start, end in zip(children, starts, ends):
            self.statement(Statement(child, start, end))

    def loop(self, this):
        source, text = self.source, self.source.text
        word = self.name(this)
        at = source.index(this.start) + 1
        if source.tokens[at][1] != "(":
            return
        close = source.closing(at)
        if word == "while":
            self.negate(source.tokens[at][0] + 1, source.tokens[close][0])
        body = (list(this.node.get_children()) or [None])[-1]
        start = source.tokens[close + 1][0]
        if word == "scoped_guard":
            source.add("lock deleted", this.start, source.tokens[close][0] + 1, "if (1)")
            self.out_of_the_guard(this.start, close)
        # The body of a loop macro is not always the last child, so find the body by its offset.
        if body is None or text[start] == "{" and (body.kind != CursorKind.COMPOUND_STMT or body.extent.start.offset != start):
            body = next((node for node in this.node.walk_preorder() if node.extent.start.offset == start), None)
        if body is not None and body.extent.start.offset == start:
            self.statement(Statement(body, start, this.end))

    def out_of_the_guard(self, start, close):
        """Move the first or last statement out of a scoped_guard()."""
        source, text = self.source, self.source.text
        opens = close + 1
        if source.tokens[opens][1] != "{":
            return
        closes = source.closing(opens)
        body = next((node for node in self.function.walk_preorder() if node.kind == CursorKind.COMPOUND_STMT
                     and node.extent.start.offset == source.tokens[opens][0]), None)
        if body is None:
            return
        statements = self.parts(body, Statement(body, source.tokens[opens][0], source.tokens[closes][0] + 1))
        end = source.tokens[closes][0] + 1
        if len(statements) < 2:
            return
        head, tail = statements[0], statements[-1]
        if head.node.kind != CursorKind.DECL_STMT:
            source.add("lock moved", start, end, text[head.start:head.end] + text[start:head.start] + text[head.end:end])
        source.add("lock moved", start, end, text[start:tail.start] + text[tail.end:end] + text[tail.start:tail.end])

    def negate(self, start, end):
        self.source.add("condition negated", start, end, f"!({self.source.text[start:end]})")

    def leaf(self, this):
        name = self.name(this)
        text = self.source.text[this.start:this.end]
        if CHECKS.match(name) or this.node.kind == CursorKind.NULL_STMT or not name:
            return
        if this.node.kind == CursorKind.RETURN_STMT and not re.fullmatch(r"return\s*;", text):
            return
        kind = ("lock deleted" if LOCKS.fullmatch(name) else "get or put deleted" if REFERENCES.search(name)
                else "wake-up deleted" if WAKEUPS.search(name) else "statement deleted")
        self.source.add(kind, this.start, this.end, NOTHING)

    # Methods for expressions

    def expression(self, node):
        if node.kind == CursorKind.MEMBER_REF_EXPR:
            self.field(node)
        elif node.kind == CursorKind.DECL_REF_EXPR:
            self.operand(node)
        elif node.kind == CursorKind.CALL_EXPR:
            self.arguments(node)
        elif node.kind == CursorKind.CONDITIONAL_OPERATOR:
            self.choice(node)
        elif node.kind == CursorKind.BINARY_OPERATOR:
            self.term(node)

    def field(self, node):
        """Use another field of the same structure and type."""
        source, end = self.source, node.extent.end.offset
        start = end - len(node.spelling)
        if not node.spelling or source.text[start:end] != node.spelling or node.referenced is None:
            return
        twins = [field.spelling for field in node.referenced.semantic_parent.get_children()
                 if field.kind == CursorKind.FIELD_DECL and re.match(r"[a-z]", field.spelling)
                 and field.type.get_canonical().spelling == node.referenced.type.get_canonical().spelling]
        if len(twins) > 1 and node.spelling in twins:
            source.add("field exchanged", start, end, twins[(twins.index(node.spelling) + 1) % len(twins)])

    def operand(self, node):
        """Use another local variable or argument of the same type."""
        source, start, end = self.source, node.extent.start.offset, node.extent.end.offset
        this = node.referenced
        if source.text[start:end] != node.spelling or this not in self.locals:
            return
        twins = [other.spelling for other in self.locals if other.extent.start.offset < start
                 and other.type.get_canonical().spelling == this.type.get_canonical().spelling]
        twins = list(dict.fromkeys(twins))
        if len(twins) > 1 and node.spelling in twins:
            source.add("operand exchanged", start, end, twins[(twins.index(node.spelling) + 1) % len(twins)])

    def arguments(self, node):
        """Swap two neighbouring arguments of the same type."""
        source, text = self.source, self.source.text
        arguments = list(node.get_arguments())
        for one, other in zip(arguments, arguments[1:]):
            spans = [(argument.extent.start.offset, argument.extent.end.offset) for argument in (one, other)]
            (start, middle), (after, end) = spans
            if not start < middle < after < end or text[middle:after].strip() != ",":
                continue
            if one.type.get_canonical().spelling != other.type.get_canonical().spelling:
                continue
            if text[start:middle] != text[after:end] and re.match(r"\s*[,)]", text[end:]):
                source.add("arguments exchanged", start, end, text[after:end] + text[middle:after] + text[start:middle])

    def term(self, node):
        """Drop one of two conditions, or exchange "and" and "or"."""
        source, text = self.source, self.source.text
        (start, middle), (after, end) = [(child.extent.start.offset, child.extent.end.offset) for child in node.get_children()]
        if start < middle < after < end and text[middle:after].strip() in LOGIC:
            source.add("condition left out", start, end, text[start:middle])
            source.add("condition left out", start, end, text[after:end])
            other = LOGIC[text[middle:after].strip()]
            # The parentheses avoid a compiler warning about mixed operators.
            source.add("and, or", start, end, f"(({text[start:middle]}) {other} ({text[after:end]}))")
            source.seen.add(source.starts[source.index(middle)])

    def choice(self, node):
        children = list(node.get_children())
        start, end = children[0].extent.start.offset, children[0].extent.end.offset
        if start < end and re.match(r"\s*\?", self.source.text[end:]):
            self.negate(start, end)


def from_tokens(source, functions):
    """Find the faults in single tokens, including tokens in the arguments and values of macros."""
    spans = sorted((node.extent.start.offset, node.extent.end.offset, node.spelling) for node in functions)
    used = sorted({spelling for _, spelling, kind in source.tokens if kind == TokenKind.IDENTIFIER and spelling in errno.errorcode.values()})
    macros = [(match.start(1), match.end(1)) for match in re.finditer(r"^#define[ \t]+\w+[ \t]+(.*)$", source.text, re.M)]
    for at, (start, spelling, kind) in enumerate(source.tokens):
        end = start + len(spelling)
        inside = next((name for first, last, name in spans if first <= start < last), None)
        in_macro = any(first <= start < last for first, last in macros)
        if inside is None and not in_macro:
            continue
        source.function = inside or ""
        number = NUMBER.match(spelling) if kind == TokenKind.LITERAL else None
        if number:
            octal = re.match(r"0\d", spelling)
            value = int(number[1], 8 if octal else 0)
            source.add("constant by one", start, end, f"{value + 1}{number[2]}")
            if value:
                source.add("constant by one", start, end, f"{value - 1}{number[2]}")
        elif inside is None:
            continue
        elif spelling in TWINS:
            source.add("comparison", start, end, TWINS[spelling])
        elif spelling in LOGIC and start not in source.seen:
            source.add("and, or", start, end, LOGIC[spelling])
        elif kind == TokenKind.IDENTIFIER and spelling in used:
            others = used if len(used) > 1 else ["EIO"]
            source.add("errno exchanged", start, end, others[(used.index(spelling) + 1) % len(others)])
        elif spelling in ("true", "false"):
            source.add("boolean", start, end, "false" if spelling == "true" else "true")
        elif spelling == "continue":
            source.add("jump exchanged", start, end, "break")
        elif spelling == "return" and source.tokens[at + 1][1] == "-" and source.tokens[at + 3][1] == ";":
            source.add("error ignored", start, source.tokens[at + 3][0], "return 0")
        elif spelling == "case":
            colon = next(index for index in range(at, len(source.tokens)) if source.tokens[index][1] == ":")
            if source.tokens[colon + 1][1] in ("case", "default") or source.tokens[at - 1][1] == ":":
                source.add("case deleted", start, source.tokens[colon][0] + 1, "")
        elif spelling.endswith("_inv") and kind == TokenKind.IDENTIFIER:
            source.add("bit order", start, end, spelling.removesuffix("_inv"))
        elif spelling in PATIENT and source.tokens[at + 1][1] == "(":
            close = source.closing(at + 1)
            inner = source.text[source.tokens[at + 1][0] + 1:source.tokens[close][0]]
            source.add("signal ignored", start, source.tokens[close][0] + 1, PATIENT[spelling].format(inner))


def compile_commands():
    """Let the kernel's script write compile_commands.json. Return its entries for the driver as {file name: entry}."""
    path = os.path.join(boot.BUILD, "compile_commands.json")
    subprocess.run([sys.executable, os.path.join(LINUX, "scripts/clang-tools/gen_compile_commands.py"), "-d", KERNEL, "-o", path,
                    os.path.join(KERNEL, DRIVER)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(path) as file:
        found = {os.path.basename(entry["file"]): entry for entry in json.load(file)}
    return {name: entry for name, entry in found.items() if re.match(r"vfio_ap_\w+\.c$", name)}


def parse(entry):
    """Parse one file with libclang, without options that only gcc supports."""
    words = shlex.split(entry["command"].replace("\\#", "#"))[1:]
    output = words.index("-o")
    words = [word for at, word in enumerate(words) if at not in (output, output + 1) and word not in ("-c", entry["file"])
             and not re.match(r"-[fm]|-W", word)]
    # The paths in the command are relative to the entry's directory.
    os.chdir(entry["directory"])
    unit = cindex.Index.create().parse(entry["file"], ["--target=s390x-linux-gnu", "-march=z13", "-w", *words])
    errors = [str(said) for said in unit.diagnostics if said.severity >= cindex.Diagnostic.Error]
    if errors:
        sys.exit(f"libclang cannot parse {entry['file']}: {errors[0]}")
    return unit


@functools.lru_cache(None)
def sources():
    """Return {file name: text} for the files that faults may change."""
    found = {}
    for path in sorted(glob.glob(os.path.join(LINUX, DRIVER, "vfio_ap_*.[ch]"))):
        if not NOT_MUTATED.search(path):
            with open(path, encoding="latin-1") as file:
                found[os.path.basename(path)] = file.read()
    return found


@functools.lru_cache(None)
def all_faults():
    """Return all faults for the driver, sorted by file."""
    faults, seen, there = [], set(), os.getcwd()
    for name, entry in sorted(compile_commands().items()):
        if NOT_MUTATED.search(name):
            continue
        unit = parse(entry)
        functions = {}
        for node in unit.cursor.get_children():
            file = node.location.file and os.path.basename(node.location.file.name)
            if node.kind == CursorKind.FUNCTION_DECL and node.is_definition() and file in sources():
                functions.setdefault((file, os.path.join(LINUX, DRIVER, file)), []).append(node)
        for (file, path), nodes in functions.items():
            if file in seen:
                continue
            seen.add(file)
            source = Source(path, unit)
            for node in nodes:
                source.function = node.spelling
                Walk(source, node).run()
            from_tokens(source, nodes)
            faults += source.faults
    os.chdir(there)
    unique = {(fault.file, fault.start, fault.end, fault.text): fault for fault in faults}
    return sorted(unique.values(), key=lambda fault: (fault.file, fault.start, fault.end, fault.kind, fault.text))


def main():
    argparse.ArgumentParser(prog="/usr/bin/python3 -m rig.mutate.faults", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    counted = {}
    for fault in all_faults():
        counted.setdefault(fault.kind, []).append(fault)
    for kind, found in sorted(counted.items()):
        print(f"{len(found):6} {kind:24} {found[0].where()}: {found[0].what()[:100]}")
    print(f"{sum(map(len, counted.values())):6} faults")


if __name__ == "__main__":
    main()
