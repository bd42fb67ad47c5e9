#!/usr/bin/env python3
"""Counts how .NET's recorded behaviour is answered: behaviour_count.py [--self-test] [folder of the tree]

Every case has an id, such as iar-010; tests/behaviour_ids.txt has them all. A case is

    matched         a test is named after it (..._iar_010), and no difference is documented
    different       docs/differences-from-dotnet.md names it, but for where it says "as in .NET (iar-010)"
    not applicable  that document names it under "Not in this version"
    missing         none of these

Prints a line of counts for each area, and the sum. For an area that is done, it then prints `ok area`, or a line
`FAIL area: missing ...`; the exit status is 1 if there is such a line, or if a test or the document names a case that
was never recorded.
"""

import os
import re
import sys
import tempfile

# The areas in which no case may be missing.
DONE = (
    "IAsyncResult",
    "Connect",
    "Accept",
    "Receive/Send",
    "Close/Dispose",
    "Ordering/concurrency",
    "ThreadPool",
    "Wait handles",
    "RegisterWait",
    "Timer",
    "UDP",
    "UdpClient",
)
# The areas of which the tests are being written. An area moves from here up when they are there.
PENDING = ()

IDS = "tests/behaviour_ids.txt"
DIFFERENCES = "docs/differences-from-dotnet.md"
ABSENT = "## Not in this version"
STATES = ("matched", "different", "not applicable", "missing")

TEST = re.compile(r"^[ \t]*(?:CONTRACT_)?TEST(?:_WITH_TIMEOUT)?\([ \t\n]*(\w+)", re.MULTILINE)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def read_cases(root):
    """Gives the recorded cases: id -> (area, call)."""
    cases = {}
    for line in read(os.path.join(root, IDS)).splitlines():
        if line and not line.startswith("#"):
            case, area, call = line.split(" | ")
            cases[case] = (area, call)
    return cases


def prefixes_of(cases):
    return "|".join(sorted({case.split("-")[0] for case in cases}))


def tested(root, prefixes):
    """Gives the ids that tests are named after."""
    found = set()
    folder = os.path.join(root, "tests")
    for name in sorted(os.listdir(folder)):
        if name.endswith(".c"):
            for test in TEST.findall(read(os.path.join(folder, name))):
                found.update(f"{area}-{number}" for area, number in re.findall(rf"_({prefixes})_(\d{{3}})(?!\d)", test))
    return found


def named(text, prefixes):
    """Gives the ids that a text names, also those that `iar-042 to iar-044` stands for."""
    text = re.sub(r"as\s+in\s+\.NET\s+\([^)]*\)", "", text)
    found = {f"{area}-{number}" for area, number in re.findall(rf"\b({prefixes})-(\d{{3}})\b", text)}
    spans = re.findall(rf"\b({prefixes})-(\d{{3}})\s+to\s+\1-(\d{{3}})\b", text)
    # There are gaps in the numbers; what lies between the ends and was not recorded is no case.
    between = {f"{area}-{n:03}" for area, first, last in spans for n in range(int(first) + 1, int(last))}
    return found, between


def classify(root):
    """Gives the cases, the state of each, and the ids that are named and were not recorded."""
    cases = read_cases(root)
    prefixes = prefixes_of(cases)
    tests = tested(root, prefixes)
    present, _, absent = read(os.path.join(root, DIFFERENCES)).partition(ABSENT)
    different, different_between = named(present, prefixes)
    elsewhere, elsewhere_between = named(absent, prefixes)
    unknown = (tests | different | elsewhere) - set(cases)
    states = {}
    for case in cases:
        if case in different | different_between:
            states[case] = "different"
        elif case in elsewhere | elsewhere_between:
            states[case] = "not applicable"
        else:
            states[case] = "matched" if case in tests else "missing"
    return cases, states, unknown


def print_counts(rows):
    titles = ("area", *STATES)
    widths = [max(len(str(row[i])) for row in [titles, *rows]) for i in range(len(titles))]
    for row in [titles, *rows]:
        columns = [str(row[0]).ljust(widths[0]), *(str(cell).rjust(w) for cell, w in zip(row[1:], widths[1:]))]
        print("  ".join(columns))


def check(root):
    """Prints all that there is to say; true if nothing is wrong."""
    cases, states, unknown = classify(root)
    areas = list(dict.fromkeys(area for area, _ in cases.values()))
    of_area = {area: [case for case in cases if cases[case][0] == area] for area in areas}
    rows = [(area, *(sum(states[c] == s for c in of_area[area]) for s in STATES)) for area in areas]
    print_counts([*rows, ("all", *(sum(row[i] for row in rows) for i in range(1, len(STATES) + 1)))])

    right = True
    for area in [*DONE, *PENDING]:
        missing = [case for case in of_area.get(area, []) if states[case] == "missing"]
        calls = ", ".join(f"{case} {cases[case][1]}" for case in missing)
        if area not in of_area:
            right = False
            print(f"FAIL {area}: no case is recorded")
        elif missing and area in DONE:
            right = False
            print(f"FAIL {area}: missing {calls}")
        elif missing:
            print(f"pending {area}: missing {calls}")
        else:
            print(f"ok {area}")
    for case in sorted(unknown):
        right = False
        print(f"FAIL {case}: no such case is recorded")
    return right


# -- The check of the check ------------------------------------------------------------------------------------------

SAMPLE_IDS = "# comment\n" + "".join(
    f"iar-{number:03} | {'Timer' if number > 7 else 'IAsyncResult'} | Begin\n" for number in (1, 2, 3, 4, 6, 7, 8)
)
SAMPLE_TESTS = """
TEST(one_iar_001)
CONTRACT_TEST_WITH_TIMEOUT(two_iar_002_and_iar_003, 5)
static void no_test_iar_007(void)
"""
SAMPLE_DIFFERENCES = """
It is as in .NET (iar-001), but for (iar-003 to
iar-006).

## Not in this version

- Something (iar-007).
"""
SAMPLE_STATES = {
    "iar-001": "matched",
    "iar-002": "matched",
    "iar-003": "different",
    "iar-004": "different",
    "iar-006": "different",
    "iar-007": "not applicable",
    "iar-008": "missing",
}


def classify_sample(ids, tests, differences):
    with tempfile.TemporaryDirectory() as root:
        for path, text in ((IDS, ids), ("tests/a.c", tests), (DIFFERENCES, differences)):
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        _, states, unknown = classify(root)
        return states, unknown


def self_test():
    states, unknown = classify_sample(SAMPLE_IDS, SAMPLE_TESTS, SAMPLE_DIFFERENCES)
    tests = {
        "each case has its state": states == SAMPLE_STATES,
        "what is recorded is known": unknown == set(),
        "a test that names nothing recorded is found": classify_sample(
            SAMPLE_IDS, SAMPLE_TESTS + "TEST(x_iar_005)\n", SAMPLE_DIFFERENCES
        )[1]
        == {"iar-005"},
        "a document that names nothing recorded is found": classify_sample(
            SAMPLE_IDS, SAMPLE_TESTS, SAMPLE_DIFFERENCES + "iar-009\n"
        )[1]
        == {"iar-009"},
        "an area is either done or pending": not set(DONE) & set(PENDING),
    }
    for name, right in tests.items():
        print(f"{'ok' if right else 'FAIL'} self-test: {name}")
    return all(tests.values())


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--self-test"]:
        return 0 if self_test() else 1
    root = arguments[0] if arguments else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    return 0 if check(root) else 1


if __name__ == "__main__":
    sys.exit(main())
