#!/usr/bin/env python3
"""Seeded bugs, and the tests that find them: mutants.py --check | [--quick] [--named] [--folder F] [name...]

The bugs are in tests/mutants/mutants.txt, whose head says how they are written. Each is put into a copy of the tree,
which is built, and the test programs that should find it are run until one fails; if none does, so do the suites. A
table is printed: the bug, the test that has found it, and the seconds from the start of the build. The exit status is
0 only if each has been found. `--check` only looks whether each still fits: its text is in its file exactly once.
`--quick` leaves out those that need a build of their own, `--named` the suites that follow the programs that a bug
names. The copy stays in the folder, so that the next run builds less of it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

LIST = "tests/mutants/mutants.txt"
SUITES = ("unit", "model", "contract", "behaviour", "race", "torture")
TIMEOUT_S = 15  # a test has that long: a bug that makes it hang is found
PROGRAM_S = 240
BUILDS = {
    "debug": ["-Dbuildtype=debug"],
    "tsan": ["-Dbuildtype=debugoptimized", "-Db_sanitize=thread", "-Db_lundef=false", "-Dwerror=false"],
}


class Mutant:
    def __init__(self, block):
        head, text = block.split("<<<<\n", 1)
        lines = head.splitlines()
        fields = dict(line.split(": ", 1) for line in lines[1:] if line.strip())
        self.name = lines[0].strip()
        self.path = fields["in"]
        self.programs = fields["by"].split()
        self.build = fields.get("build", "debug")
        self.environment = dict([fields["with"].split("=", 1)] if "with" in fields else [])
        self.old, rest = text.split("====\n", 1)
        self.new = rest.split(">>>>", 1)[0]

    def places(self, text):
        """Where the old text is: its words, with any blanks between them."""
        pattern = r"\s+".join(re.escape(word) for word in self.old.split())
        return list(re.finditer(pattern, text))

    def apply(self, root):
        path = os.path.join(root, self.path)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        (place,) = self.places(text)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text[: place.start()] + self.new.strip() + text[place.end() :])


def read_mutants(root):
    with open(os.path.join(root, LIST), encoding="utf-8") as file:
        text = re.sub(r"(?m)^#.*\n", "", file.read())
    return [Mutant(block) for block in re.split(r"(?m)^== ", text)[1:]]


def check(root, mutants):
    """Prints a line for each; true if all fit."""
    fits = True
    for mutant in mutants:
        with open(os.path.join(root, mutant.path), encoding="utf-8") as file:
            count = len(mutant.places(file.read()))
        fits = fits and count == 1
        print(f"ok {mutant.name}" if count == 1 else f"FAIL {mutant.name}: its text is {count} times in {mutant.path}")
    return fits


class Copy:
    """A copy of the tree, with a build folder of each kind."""

    def __init__(self, root, folder, jobs):
        self.root = root
        self.tree = os.path.join(folder, "tree")
        self.jobs = jobs
        names = subprocess.run(["git", "-C", root, "ls-files"], capture_output=True, text=True, check=True).stdout
        for name in names.split("\n"):
            if name:
                self.restore(name)

    def restore(self, name):
        """Copies a file; one that is the same already keeps its time, so that nothing is built for it."""
        source, target = os.path.join(self.root, name), os.path.join(self.tree, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(source, "rb") as file:
            content = file.read()
        if os.path.exists(target):
            with open(target, "rb") as file:
                if file.read() == content:
                    return
        with open(target, "wb") as file:
            file.write(content)
        shutil.copymode(source, target)

    def folder(self, kind):
        folder = os.path.join(self.tree, f"build-{kind}")
        if not os.path.exists(os.path.join(folder, "build.ninja")):
            options = ["-Dbench=false", "-Dexamples=false", "-Dwerror=false", *BUILDS[kind]]
            run(["meson", "setup", folder, *options], self.tree)
        return folder

    def build(self, kind, targets=()):
        """What was wrong, or None."""
        outcome = run(["ninja", "-C", self.folder(kind), f"-j{self.jobs}", *targets], self.tree, check=False)
        return None if outcome.returncode == 0 else outcome.stdout


def run(command, folder, check=True, environment=None, limit=None):
    return subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        check=check, timeout=limit, env={**os.environ, **(environment or {})},
    )


def environment_of(engine):
    return {
        "APM_TEST_TIMEOUT": str(TIMEOUT_S),
        "TSAN_OPTIONS": "halt_on_error=1",
        **({"APM_ENGINE": engine} if engine else {}),
    }


def run_program(copy, mutant, program):
    """The test that has failed, or None."""
    name, _, engine = program.partition("@")
    path = os.path.join(copy.folder(mutant.build), target_of(name))
    if not os.path.exists(path):
        raise SystemExit(f"there is no program {path}")
    tests = run([path, "--list"], copy.tree, check=False).stdout.split("\n") if "model" not in name else [""]
    started = time.monotonic()
    for test in filter(None, tests) if tests != [""] else [""]:
        arguments = ["--exact", test] if test else []
        command = ["setarch", os.uname().machine, "--addr-no-randomize", path, *arguments]
        environment = {**environment_of(engine), **mutant.environment}
        outcome = run(command, copy.tree, check=False, environment=environment)
        if outcome.returncode != 0:
            found = re.search(r"(?m)^FAIL (?:step: )?([\w\[\],]+)", outcome.stdout)
            return f"{name}: {found.group(1) if found else test or outcome.returncode}"
        if time.monotonic() - started > PROGRAM_S:
            return None
    return None


def target_of(name):
    if name.startswith("model_"):
        return f"tests/model/{name}"
    return f"tests/{name}"


def run_suites(copy, kind):
    """The test of the suites that has failed first, or None."""
    if copy.build(kind):
        raise SystemExit("the suites do not build")
    for suite in SUITES:
        command = ["meson", "test", "-C", copy.folder(kind), "--no-rebuild", "--maxfail", "1", "--suite", suite]
        outcome = run(command, copy.tree, check=False, environment=environment_of(None))
        found = re.search(r"\d+/\d+ (\S+(?: \S+)*?) +(?:FAIL|TIMEOUT|ERROR)", outcome.stdout)
        if outcome.returncode != 0:
            return found.group(1) if found else suite
    return None


def find(copy, mutant, with_suites):
    """(the test that has found the mutant or None, seconds)"""
    copy.restore(mutant.path)
    mutant.apply(copy.tree)
    started = time.monotonic()
    try:
        wrong = copy.build(mutant.build, [target_of(program.partition("@")[0]) for program in mutant.programs])
        if wrong:
            raise SystemExit(f"{mutant.name} does not build:\n{wrong[-2000:]}")
        for program in mutant.programs:
            test = run_program(copy, mutant, program)
            if test:
                return test, time.monotonic() - started
        return (run_suites(copy, mutant.build) if with_suites else None), time.monotonic() - started
    finally:
        copy.restore(mutant.path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--named", action="store_true")
    parser.add_argument("--folder")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    mutants = read_mutants(root)
    if arguments.check:
        return 0 if check(root, mutants) else 1
    if not check(root, mutants):
        return 1
    chosen = [m for m in mutants if not arguments.names or m.name in arguments.names]
    if arguments.quick:
        chosen = [m for m in chosen if m.build == "debug"]
    folder = arguments.folder or tempfile.mkdtemp(prefix="apm-mutants-")
    copy = Copy(root, folder, arguments.jobs)
    survivors = []
    for mutant in chosen:
        test, seconds = find(copy, mutant, not arguments.named)
        print(f"| `{mutant.name}` | {test or '**nobody**'} | {seconds:.0f} |", flush=True)
        if not test:
            survivors.append(mutant.name)
    if not arguments.folder:
        shutil.rmtree(folder)
    for name in survivors:
        print(f"FAIL {name}: no test has found it")
    print(f"{len(chosen) - len(survivors)} passed, {len(survivors)} failed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
