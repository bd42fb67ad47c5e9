#!/usr/bin/env python3
"""Counts how .NET's recorded behaviour is answered: behaviour_count.py [--self-test | --summary] [folder of the tree]

tests/oracle has the recorded cases, each with an id, such as iar-010, and a list of those values of theirs that are not
what the library does. A case is

    matched         a test is named after it (..._iar_010), and none of its values is in the list
    promised        some of its values differ, each because the library promises otherwise
    different       other values of it differ; or docs/differences-from-dotnet.md names it, but for where it says
                    "as in .NET (iar-010)", and the list has no line of it
    not applicable  that document names it under "What C cannot have" or "Not in this version", or the list says that
                    C cannot have what the whole case is about
    missing         none of these

Values are counted besides: a case has several, and differs often in one of them. A value that says that a callback ran
inside Begin, or that an operation completed synchronously, always differs; a case of which nothing else differs and
that is not about this is matched all the same, and counted apart.

Prints a line of counts for each area, and the sum. For an area that is done, it then prints `ok area`, or a line
`FAIL area: missing ...`; the exit status is 1 if there is such a line, if a test, the document or the list names a case
or a value that was never recorded, or if the document does not argue what the list has. `--summary` prints the sums of
the areas that are done, in words.
"""

import fnmatch
import json
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
    "Dns",
    "TcpClient",
    "TcpListener",
    "NetworkStream",
    "Streams/delegates",
    "Options/state",
    "Poll/Select/timeouts",
    "Unix domain",
    "UDP",
    "UdpClient",
    "SslStream",
)
# The areas of which the tests are being written. An area moves from here up when they are there.
PENDING = ()

CASES = "tests/oracle/behaviour.json"
LIST = "tests/oracle/differences.txt"
DIFFERENCES = "docs/differences-from-dotnet.md"
LIFETIME = "docs/lifetime.md"
ABSENT = re.compile(r"^## (?:What C cannot have|Not in this version)$", re.MULTILINE)
STATES = ("matched", "promised", "different", "not applicable", "missing")

TEST = re.compile(r"^[ \t]*(?:CONTRACT_)?TEST(?:_WITH_TIMEOUT)?\([ \t\n]*(\w+)", re.MULTILINE)
INSIDE_BEGIN = "inside Begin"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def leaves(value, label=""):
    """Gives the (label, value) pairs of an observation; an exception, a list and a set of outcomes are one value."""
    if isinstance(value, dict) and "exception" not in value and "varies" not in value:
        for key, inner in value.items():
            yield from leaves(inner, f"{label}.{key}" if label else key)
    else:
        yield label, value


def is_inside_begin(label, value):
    """Whether a value says that the operation completed on the caller's stack."""
    return (label.endswith("CompletedSynchronously") and value is True) or (
        isinstance(value, str) and INSIDE_BEGIN in value
    )


def read_cases(root):
    """Gives the recorded cases: id -> (area, call, values by label)."""
    recorded = json.loads(read(os.path.join(root, CASES)))
    return {case["id"]: (case["area"], case["call"], dict(leaves(case["observed"]))) for case in recorded}


def read_list(root):
    """Gives the lines of the list: (id, labels, what kind)."""
    lines = []
    for line in read(os.path.join(root, LIST)).splitlines():
        if line and not line.startswith("#"):
            case, labels, kind, _ = line.split(" | ", 3)
            lines.append((case, labels.split("; "), kind))
    return lines


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


def covered(labels, patterns):
    """The labels that one of the patterns stands for; only * has a meaning of its own."""
    escaped = [re.sub(r"([\[\]?])", r"[\1]", pattern) for pattern in patterns]
    return {label for label in labels if any(fnmatch.fnmatchcase(label, pattern) for pattern in escaped)}


class Count:
    """How each case stands, and what is wrong with the list or the document."""

    def __init__(self, root):
        self.root = root
        self.cases = read_cases(root)
        self.lines = read_list(root)
        prefixes = prefixes_of(self.cases)
        self.tests = tested(root, prefixes)
        text = read(os.path.join(root, DIFFERENCES))
        present, *absent = ABSENT.split(text)
        self.different, between = named(present, prefixes)
        self.argued = set(re.findall(rf"\b(?:{prefixes})-\d{{3}}\b", text)) | between
        self.different_between = between
        self.elsewhere, self.elsewhere_between = named("\n".join(absent), prefixes)
        self.argued |= self.elsewhere_between
        self.unknown = (self.tests | self.different | self.elsewhere | {case for case, _, _ in self.lines}) - set(
            self.cases
        )
        self.states = {}
        self.values = {}  # id -> how many count, and how many of these are the same
        self.inside_begin = set()
        for case in self.cases:
            self.stand(case)

    def stand(self, case):
        values = self.cases[case][2]
        lines = [line for line in self.lines if line[0] == case]
        absent = covered(values, [p for _, patterns, kind in lines if kind == "absent" for p in patterns])
        counted = set(values) - absent
        differing = covered(counted, [p for _, patterns, kind in lines if kind != "absent" for p in patterns])
        inside = {label for label in counted if is_inside_begin(label, values[label])}
        kinds = {kind for _, _, kind in lines if kind != "absent"}
        if not counted:
            state = "not applicable"
        elif kinds:
            state = "different" if "-" in kinds else "promised"
        elif not lines and case in self.different | self.different_between:
            # What only C2 is to blame for is promised there.
            state, differing = ("promised", inside) if inside else ("different", counted)
        elif case in self.elsewhere | self.elsewhere_between:
            state = "not applicable"
        else:
            state = "matched" if case in self.tests else "missing"
        if state == "matched" and inside:
            self.inside_begin.add(case)
        if case not in self.tests:
            differing = counted
        self.states[case] = state
        self.values[case] = (len(counted), len(counted - differing - inside))

    def wrong(self):
        """Gives the (what, why) pairs of what the list and the document have wrong."""
        for case in sorted(self.unknown):
            yield case, "no such case is recorded"
        lifetime = set(re.findall(r"\*\*([A-Z]\d+)\.\*\*", read(os.path.join(self.root, LIFETIME))))
        for case, patterns, kind in self.lines:
            for pattern in patterns:
                if case in self.cases and not covered(self.cases[case][2], [pattern]):
                    yield case, f"no value is called {pattern}"
            if kind not in ("-", "absent") and kind not in lifetime:
                if "/" not in kind or not os.path.exists(os.path.join(self.root, kind)):
                    yield case, f"there is no {kind}"
            if case not in self.argued:
                yield case, f"{DIFFERENCES} does not name it"

    def sums(self, areas):
        """The numbers of cases by state, of matched ones with a callback inside Begin, of values and of same ones."""
        cases = [case for case in self.cases if self.cases[case][0] in areas]
        states = {state: sum(self.states[case] == state for case in cases) for state in STATES}
        applicable = [case for case in cases if self.states[case] not in ("not applicable", "missing")]
        values = [self.values[case] for case in applicable]
        inside = sum(case in self.inside_begin for case in applicable)
        return states, inside, sum(total for total, _ in values), sum(same for _, same in values)


def print_table(rows):
    titles = ("area", *STATES, "values", "the same")
    widths = [max(len(str(row[i])) for row in [titles, *rows]) for i in range(len(titles))]
    for row in [titles, *rows]:
        columns = [str(row[0]).ljust(widths[0]), *(str(cell).rjust(w) for cell, w in zip(row[1:], widths[1:]))]
        print("  ".join(columns))


def summary(count):
    """The sums of the areas that are done, in words."""
    states, inside, values, same = count.sums(DONE)
    applicable = states["matched"] + states["promised"] + states["different"] + states["missing"]
    unpromised = applicable - states["promised"]

    def share(part, whole):
        return f"{part} of {whole} ({100 * part / max(whole, 1):.1f} %)"

    return (
        f".NET's recorded cases: {share(states['matched'], applicable)} applicable ones match"
        f" ({inside} of them but for a callback inside Begin);\n"
        f"    {states['promised']} differ because the library promises otherwise, {states['different']} for other"
        f" reasons, {states['missing']} are missing;\n"
        f"    {share(states['matched'], unpromised)} of those match for which nothing else is promised;\n"
        f"    {share(same, values)} recorded values are the same"
    )


def check(root):
    """Prints all that there is to say; true if nothing is wrong."""
    count = Count(root)
    areas = list(dict.fromkeys(area for area, _, _ in count.cases.values()))
    rows = []
    for name, members in [*((area, (area,)) for area in areas), ("all", areas), ("done", DONE)]:
        states, _, values, same = count.sums(members)
        rows.append((name, *states.values(), values, same))
    print_table(rows)
    print(summary(count))

    right = True
    for area in [*DONE, *PENDING]:
        of_area = [case for case in count.cases if count.cases[case][0] == area]
        missing = [case for case in of_area if count.states[case] == "missing"]
        calls = ", ".join(f"{case} {count.cases[case][1]}" for case in missing)
        if not of_area:
            right = False
            print(f"FAIL {area}: no case is recorded")
        elif missing and area in DONE:
            right = False
            print(f"FAIL {area}: missing {calls}")
        elif missing:
            print(f"pending {area}: missing {calls}")
        else:
            print(f"ok {area}")
    for what, why in count.wrong():
        right = False
        print(f"FAIL {what}: {why}")
    return right


# -- The check of the check ------------------------------------------------------------------------------------------

SAMPLE_CASES = [
    {"id": f"iar-{number:03}", "area": "Timer" if number > 7 else "IAsyncResult", "call": "Begin", "observed": observed}
    for number, observed in (
        (1, {"a": 1}),
        (2, {"op": {"begin": "returned", "CompletedSynchronously": True}, "end": {"exception": "X", "code": 1}}),
        (3, {"a": 1}),
        (4, {"a": 1, "b": 2}),
        (6, {"a": 1, "b": 2, "c": {"d": 3}}),
        (7, {"a": 1}),
        (8, {"a": 1}),
        (9, {"a": "exception"}),
        (10, {"a": "caller thread, inside Begin"}),
        (11, {"a": 1, "b": "text"}),
    )
]
SAMPLE_LIST = """# comment
iar-004 | b | - | it is so
iar-006 | a; c.* | R1 | it is promised
iar-009 | * | absent | nothing in C
iar-011 | b | absent | text
"""
SAMPLE_TESTS = """
TEST(one_iar_001)
CONTRACT_TEST_WITH_TIMEOUT(two_iar_002_and_iar_004, 5)
TEST(three_iar_006_iar_010_iar_011)
static void no_test_iar_007(void)
"""
SAMPLE_DIFFERENCES = """
It is as in .NET (iar-001), but for (iar-003 to
iar-006), for iar-009, for iar-010 and for iar-011.

## Not in this version

- Something (iar-007).
"""
SAMPLE_STANDS = {
    "iar-001": ("matched", (1, 1)),
    "iar-002": ("matched", (3, 2)),
    "iar-003": ("different", (1, 0)),
    "iar-004": ("different", (2, 1)),
    "iar-006": ("promised", (3, 1)),
    "iar-007": ("not applicable", (1, 0)),
    "iar-008": ("missing", (1, 0)),
    "iar-009": ("not applicable", (0, 0)),
    "iar-010": ("promised", (1, 0)),
    "iar-011": ("matched", (1, 1)),
}


def sample(tests=SAMPLE_TESTS, differences=SAMPLE_DIFFERENCES, lines=SAMPLE_LIST):
    """Gives how the cases of a sample stand, which are matched but for C2, and what is wrong."""
    with tempfile.TemporaryDirectory() as root:
        texts = {CASES: json.dumps(SAMPLE_CASES), LIST: lines, "tests/a.c": tests, DIFFERENCES: differences}
        for path, text in {**texts, LIFETIME: "**R1.** A rule."}.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        count = Count(root)
        stands = {case: (count.states[case], count.values[case]) for case in count.cases}
        return stands, count.inside_begin, {what for what, _ in count.wrong()}


def self_test():
    stands, inside, wrong = sample()
    unknown_test = SAMPLE_TESTS + "TEST(x_iar_005)\n"
    tests = {
        "each case has its state and its values": stands == SAMPLE_STANDS,
        "what differs only by a callback inside Begin is known": inside == {"iar-002"},
        "nothing is wrong": wrong == set(),
        "a test that names nothing recorded is found": sample(tests=unknown_test)[2] == {"iar-005"},
        "a document that names nothing recorded is found": sample(differences="iar-005\n" + SAMPLE_DIFFERENCES)[2]
        == {"iar-005"},
        "a value that was not recorded is found": sample(lines="iar-004 | z | - | why\n")[2] == {"iar-004"},
        "a promise that nothing makes is found": sample(lines="iar-004 | b | R9 | why\n")[2] == {"iar-004"},
        "a line that the document does not argue is found": sample(lines="iar-008 | a | - | why\n")[2] == {"iar-008"},
        "what is not tested counts as different": sample(tests="")[0]["iar-004"] == ("different", (2, 0)),
        "an area is either done or pending": not set(DONE) & set(PENDING),
    }
    for name, right in tests.items():
        print(f"{'ok' if right else 'FAIL'} self-test: {name}")
    return all(tests.values())


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--self-test"]:
        return 0 if self_test() else 1
    option = arguments.pop(0) if arguments[:1] == ["--summary"] else ""
    root = arguments[0] if arguments else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    if option:
        print(summary(Count(root)))
        return 0
    return 0 if check(root) else 1


if __name__ == "__main__":
    sys.exit(main())
