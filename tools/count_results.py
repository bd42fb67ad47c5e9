#!/usr/bin/env python3
"""Counts test cases: count_results.py file...

A file that ends in .json is a log of `meson test`; any other is what one test program has printed. A test program
prints `ok name`, `FAIL name` or `skip name: why` for each of its cases. One that prints none is one case itself. One
that fails without a `FAIL` line, because it crashed or took too long, is a failed case more.

Prints what failed and what was skipped, and last the line `N passed, N failed, N skipped`. The exit status is 1 if
something failed or nothing was run.
"""

import json
import os
import re
import sys

CASE = re.compile(r"(ok|FAIL|skip) (\S.*)")


def cases_of(test):
    """Gives the (kind, text) of each case of one program's run."""
    cases = []
    for line in test.get("stdout", "").splitlines():
        match = CASE.fullmatch(line.rstrip())
        if match:
            cases.append(match.groups())
    kinds = {kind for kind, _ in cases}
    if test["result"] in ("OK", "EXPECTEDFAIL"):
        if not cases:
            cases.append(("ok", ""))
    elif test["result"] == "SKIP":
        if not cases:
            cases.append(("skip", "the whole program"))
    elif "FAIL" not in kinds:
        cases.append(("FAIL", f"{test['result'].lower()}, status {test.get('returncode')}"))
    return cases


def tests_of(path):
    """Gives the runs of programs that a file tells of, as `meson test` describes them."""
    if not os.path.exists(path):
        return [{"name": path, "result": "missing"}]
    with open(path, encoding="utf-8", errors="replace") as log:
        if path.endswith(".json"):
            return [json.loads(line) for line in log if line.strip()]
        text = log.read()
    holds = re.search("^ok ", text, re.MULTILINE) and not re.search("^FAIL ", text, re.MULTILINE)
    return [{"name": os.path.basename(path), "stdout": text, "result": "OK" if holds else "FAIL"}]


def main(paths):
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    for path in paths:
        for test in tests_of(path):
            cases = cases_of(test)
            for kind, text in cases:
                counts[kind] += 1
                if kind != "ok":
                    print(f"{kind} {test['name']}: {text}")
            if any(kind == "FAIL" for kind, _ in cases):
                for line in test.get("stderr", "").splitlines()[-60:]:
                    print(f"    {line}")
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] or not sum(counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
