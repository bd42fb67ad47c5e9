#!/usr/bin/env python3
"""The table of .NET's members and their C names: surface.py [--check | --update | --self-test] [folder of the tree]

docs/surface.csv is the list: every member of the types of .NET that the library is about, with its C name, or with the
reason why it has none. A line is `member | state | names | note`, the names separated by blanks; the states are

    done     every name is declared in include/apm
    planned  the names are those that the rules of docs/porting-from-dotnet.md give; one of them is not declared yet
    none     there is no C name, which is `-`; the note says why

A line `[Type] N` begins a type, of which N members follow. A note that is `@word` stands for the line `@word: text` at
the head of the file. The section "Beyond .NET" has what the library declares and .NET does not have.

Without an option docs/dotnet-surface.md is written. `--check` prints `ok rule`, or `FAIL rule: ...` for each thing that
is wrong: the document is not what the list gives, a name that is done is not declared, one that is planned is, a
function of the headers is in no line, or the value of a constant is not .NET's. `--update` marks what has been declared
since as done, puts functions into the lines of the members that their comments name after `.NET`, and those whose
comments name none under "Beyond .NET"; then it writes the document. What it has done is to be looked over.
"""

import os
import re
import sys

from public_headers import paragraph, read, read_headers, read_texts

LIST = "docs/surface.csv"
DOCUMENT = "docs/dotnet-surface.md"
BEYOND = "Beyond .NET"
STATES = ("done", "planned", "none")

# Constants whose numbers are the library's own: .NET counts its exceptions otherwise.
OWN_VALUES = ("Exceptions",)


class Line:
    def __init__(self, member, state, names, note):
        self.member = member
        self.state = state
        self.names = names
        self.note = note

    def text(self):
        return " | ".join([self.member, self.state, " ".join(self.names) or "-"] + ([self.note] if self.note else []))


class Table:
    """The list: its head, the texts of the notes that have a name, and the lines of each type."""

    def __init__(self, text):
        self.head = []
        self.notes = {}
        self.types = {}
        self.counts = {}
        self.wrong = []
        current = None
        for number, row in enumerate(text.splitlines(), 1):
            title = re.fullmatch(r"\[(.+)\] (\d+)", row)
            fields = [field.strip() for field in row.split(" | ", 3)]
            if title:
                current = self.types.setdefault(title.group(1), [])
                self.counts[title.group(1)] = int(title.group(2))
            elif current is None:
                self.head.append(row)
                note = re.fullmatch(r"(@[\w-]+): (.+)", row)
                if note:
                    self.notes[note.group(1)] = note.group(2)
            elif len(fields) >= 3 and fields[1] in STATES:
                names = [] if fields[2] == "-" else fields[2].split()
                current.append(Line(fields[0], fields[1], names, fields[3] if len(fields) > 3 else ""))
            elif row:
                self.wrong.append(f"line {number} has no member, state and names")

    def lines(self):
        return [(name, line) for name, lines in self.types.items() for line in lines]

    def text(self):
        rows = "\n".join(self.head).rstrip("\n") + "\n"
        for name, lines in self.types.items():
            rows += f"\n[{name}] {len(lines)}\n" + "".join(line.text() + "\n" for line in lines)
        return rows


def is_declared(name, headers):
    """Whether the headers have the name, also one that a handle's declaration makes."""
    return name in headers.names or any(name in (h + "_is_null", h + "_equals") for h in headers.handles)


def note_of(line, table):
    note = table.notes.get(line.note, line.note)
    # A document may name only what is there.
    return "comes in a later change" if line.state == "planned" else re.sub(r"\b(apm_\w+|APM_\w+)", r"`\1`", note)


def document(table):
    """Gives the text of the document."""
    lines = [line for name, line in table.lines() if name != BEYOND]
    counts = {state: sum(line.state == state for line in lines) for state in STATES}
    text = f"""# .NET's members and their C names

`tools/surface.py` makes this page from `{LIST}`, and `./check` compares the two and the headers. It has every
member of the types of .NET 10 that the library is about, those for which there is no C name with the reason. The rules
behind the names are in `docs/porting-from-dotnet.md`, and where the behaviour differs is in
`docs/differences-from-dotnet.md`.

Of {len(lines)} members {counts["done"]} have a C name, {counts["planned"]} are to have one, and {counts["none"]} have
none. Besides, every handle type has `_is_null` and `_equals` behind its name, for .NET's comparisons with null and by
reference.
"""
    for name, rows in table.types.items():
        text += f"\n## {name}\n\n" + ("| C | |\n|---|---|\n" if name == BEYOND else "| .NET | C | |\n|---|---|---|\n")
        for line in rows:
            names = ", ".join(f"`{n}`" for n in line.names) if line.state == "done" else "-"
            member = "" if name == BEYOND else f"`{line.member}` | "
            text += f"| {member}{names} | {note_of(line, table)} |\n".replace(" |  |", " | |")
    return text


def types_of(parameters):
    """Gives the types of a list of parameters, with or without their names, and without those that every Begin has."""
    plain = re.sub(r"<[^<>]*>", "", re.sub(r"<[^<>]*>", "", parameters))
    types = [re.sub(r"^(ref|out|params) ", "", part.strip()).split(" ")[0] for part in plain.split(",") if part.strip()]
    return [t for t in types if t not in ("AsyncCallback", "object", "IAsyncResult", "ar")]


def members_of(function, types):
    """Gives the (type, member, types of its parameters or None) that the comment of a function names after `.NET`."""
    found = []
    before = None
    for owner, member, parameters in re.findall(
        r"\b([A-Z]\w+)(?:\.(\w+))?(\([^()]*\))?", paragraph(function.comment, ".NET")
    ):
        if member and owner in types:
            before = owner
        elif owner in types and parameters:
            before, member = owner, owner
        elif not member and before:  # `Socket.Connect(EndPoint), Connect(string, int)`
            member = owner
        else:
            continue
        found.append((before, member, types_of(parameters[1:-1]) if parameters else None))
    return found


def parameters_of(member):
    """Gives the types of a member's parameters."""
    return types_of(member.partition("(")[2].rpartition(")")[0])


def places_of(function, table, functions):
    """Gives the lines of the members that a function's comment names: those with its parameters, if there are any."""
    places = []
    members = members_of(function, table.types)
    # Functions that share a comment share what it names: each has its part, in order.
    group = [name for name, other in functions.items() if other[3:5] == function[3:5]]
    if len(members) > 1 and len(group) % len(members) == 0:
        members = [members[group.index(function.name) * len(members) // len(group)]]
    for name, member, types in members:
        lines = [line for line in table.types[name] if " = " not in line.member and member_name(line.member) == member]
        exact = [line for line in lines if types is not None and parameters_of(line.member) == types]
        places += [line for line in exact or lines if line not in places]
    return places


def member_name(member):
    """Gives the name of a member out of its signature."""
    plain = re.sub(r"<[^()]*?>", "", member.split(" = ")[0].split(" {")[0].split("(")[0])
    return plain.split()[-1]


def unlisted(table, headers):
    listed = {name for _, line in table.lines() for name in line.names}
    return [function for name, function in headers.functions.items() if name not in listed]


def check_values(table, headers):
    """Constants with a value have it in the headers, too."""
    for name, line in table.lines():
        value = re.search(r" = (-?\d+)$", line.member)
        if value and line.state == "done" and name not in OWN_VALUES:
            for constant in line.names:
                declared = headers.values.get(constant)
                # An enum is an int; .NET has some whose values do not fit into one.
                if declared is None or (declared - int(value.group(1))) % 2**32:
                    yield f"{constant} is {headers.values.get(constant)}, and {name}.{line.member}"


def check_reasons(table):
    for name, line in table.lines():
        if line.note.startswith("@") and line.note not in table.notes:
            yield f"{name}: {line.member}: there is no text for {line.note}"
        if (line.state == "none") != (not line.names):
            yield f"{name}: {line.member}: `none` and `-` belong together"
        if not line.note and (line.state == "none" or name == BEYOND):
            yield f"{name}: {line.member}: a reason is missing"


def check_states(table, headers):
    for name, line in table.lines():
        absent = [n for n in line.names if not is_declared(n, headers)]
        if line.state == "done" and absent:
            yield f"{name}: {line.member}: {', '.join(absent)} is not declared"
        if line.state == "planned" and not absent:
            yield f"{name}: {line.member} is declared, but `planned`: run tools/surface.py --update"


def failures(table, headers, written):
    """Gives the (rule, what is wrong) pairs."""
    for wrong in table.wrong:
        yield "the list can be read", wrong
    for name, count in table.counts.items():
        if count != len(table.types[name]):
            yield "no member is lost", f"{name} has {len(table.types[name])} lines, and says {count}"
    for wrong in check_reasons(table):
        yield "what has no C name has a reason", wrong
    for wrong in check_states(table, headers):
        yield "what is done is declared and what is declared is done", wrong
    for function in unlisted(table, headers):
        yield "every function is in the list", f"{function.name} ({function.header}): run tools/surface.py --update"
    for wrong in check_values(table, headers):
        yield "constants have the values of .NET", wrong
    if written != document(table):
        yield "the document is what the list gives", f"run tools/surface.py, which writes {DOCUMENT}"


RULES = (
    "the list can be read",
    "no member is lost",
    "what has no C name has a reason",
    "what is done is declared and what is declared is done",
    "every function is in the list",
    "constants have the values of .NET",
    "the document is what the list gives",
)


def update(table, headers):
    """Marks what is declared, and finds the places of functions that are in no line; says what it does."""
    for function in unlisted(table, headers):
        places = places_of(function, table, headers.functions)
        wanting = [line for line in places if any(not is_declared(n, headers) for n in line.names) or not line.names]
        for line in wanting or places[-1:]:
            line.names = [n for n in line.names if is_declared(n, headers)] + [function.name]
            if line.state == "none":
                line.state, line.note = "done", ""
        if places:
            print(f"{function.name}: put to {'; '.join(line.member for line in wanting or places[-1:])}")
        else:
            sentence = re.split(r"(?<=[.:;])\s", " ".join(function.comment.split()))[0].rstrip(".:;") + "."
            table.types.setdefault(BEYOND, []).append(Line(function.name, "done", [function.name], sentence))
            print(f"{function.name}: put under {BEYOND}: {sentence}")
    for name, line in table.lines():
        if line.state == "planned" and all(is_declared(n, headers) for n in line.names):
            line.state = "done"
            print(f"{name}: {line.member}: done")


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def check(table, headers, written):
    wrong = list(failures(table, headers, written))
    for rule in RULES:
        for _, what in [pair for pair in wrong if pair[0] == rule]:
            print(f"FAIL {rule}: {what}")
        if not any(pair[0] == rule for pair in wrong):
            print(f"ok {rule}")
    return not wrong


# -- The check of the check ------------------------------------------------------------------------------------------

SAMPLE_HEADER = """/* Head. */
typedef enum apm_how { APM_HOW_ONE = 1, APM_HOW_TWO } apm_how;

/* Does it. .NET: Thing.Do(int) */
APM_API apm_error apm_thing_do(apm_thing thing);

/* Does more. */
APM_API apm_error apm_thing_more(apm_thing thing);
"""
SAMPLE_LIST = """@task: Tasks are not for C.

[Thing] 3
void Do(int) | done | apm_thing_do
void Later() | planned | apm_thing_later
DoAsync | none | - | @task

[How] 1
One = 1 | done | APM_HOW_ONE

[Beyond .NET] 1
apm_thing_more | done | apm_thing_more | It is more.
"""


def broken_rules(old="", new="", header=SAMPLE_HEADER, written=None):
    """Gives the rules that the sample breaks when `old` is replaced by `new` in the list."""
    headers = read_texts({"thing.h": header})
    table = Table(SAMPLE_LIST.replace(old, new) if old else SAMPLE_LIST)
    return {rule for rule, _ in failures(table, headers, document(table) if written is None else written)}


def self_test():
    more = SAMPLE_HEADER + "\n/* New. */\nAPM_API void apm_thing_new(void);\n"
    later = SAMPLE_HEADER + "\n/* Later. */\nAPM_API void apm_thing_later(void);\n"
    overload = "\n/* X.\n *\n * .NET     Thing.DoAsync, Thing.Do(int) */\nAPM_API void apm_thing_x(void);\n"
    headers = read_texts({"thing.h": SAMPLE_HEADER + overload})
    places = places_of(headers.functions["apm_thing_x"], Table(SAMPLE_LIST), headers.functions)
    tests = {
        "the members that a comment names are found": [p.member for p in places] == ["DoAsync", "void Do(int)"],
        "a list that is right passes": broken_rules() == set(),
        "a line without a state": "the list can be read" in broken_rules("| planned |", "|"),
        "a line that is gone": broken_rules("DoAsync | none | - | @task\n", "") == {RULES[1]},
        "a reason that is missing": broken_rules(" | @task", "") == {RULES[2]},
        "a reason without a text": broken_rules("| @task", "| @other") == {RULES[2]},
        "a name that is not declared": RULES[3] in broken_rules("| apm_thing_do\n", "| apm_thing_gone\n"),
        "a planned name that is declared": broken_rules(header=later) == {RULES[3]},
        "a function in no line": broken_rules(header=more) == {RULES[4]},
        "a value that is another": broken_rules("One = 1", "One = 2") == {RULES[5]},
        "an old document": broken_rules(written="") == {RULES[6]},
    }
    for name, right in tests.items():
        print(f"{'ok' if right else 'FAIL'} self-test: {name}")
    return all(tests.values())


def main():
    arguments = sys.argv[1:]
    option = arguments.pop(0) if arguments[:1] and arguments[0].startswith("--") else ""
    if option == "--self-test":
        return 0 if self_test() else 1
    root = arguments[0] if arguments else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    path = os.path.join(root, DOCUMENT)
    table = Table(read(os.path.join(root, LIST)))
    headers = read_headers(root)
    if option == "--check":
        return 0 if check(table, headers, read(path) if os.path.exists(path) else "") else 1
    if option == "--update":
        update(table, headers)
        write(os.path.join(root, LIST), table.text())
    write(path, document(table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
