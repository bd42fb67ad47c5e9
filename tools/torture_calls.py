#!/usr/bin/env python3
"""What can fail: torture_calls.py check TREE OBJECTS | wrappers TREE OUTPUT | wraps TREE OUTPUT

The list is tests/torture/calls.txt. `check` prints `ok rule`, or `FAIL rule: ...` for each thing that is wrong: a
function of pool/os/os.h that is not in the list or one of the list that is not there, and a function of the system that
OBJECTS, the library of the port, refers to and the list does not know. It ends with the count of what is covered.

`wrappers` writes the C file that stands between the library and the port, and `wraps` the options that have it linked
so: each function of the port that can fail, and each call of the system that it makes, goes through a wrapper.
"""

import os
import re
import subprocess
import sys

LIST = "tests/torture/calls.txt"
CONTRACT = "pool/os/os.h"

# Those that the interposer has by hand, because it counts what is allocated.
BY_HAND = ("apm__os_allocate", "apm__os_allocate_aligned", "apm__os_resize", "apm__os_free")

# What the compiler and the C library refer to on their own account.
UNSEEN = re.compile(r"_GLOBAL_OFFSET_TABLE_|__.*|_ITM_.*|apm_.*|environ")
# The ways round the C library's names, by which the port makes a system call.
RAW = {
    "recvfrom": "recvfrom recv", "sendto": "sendto send", "recvmsg": "recvmsg", "sendmsg": "sendmsg",
    "recvmmsg": "recvmmsg", "sendmmsg": "sendmmsg", "accept4": "accept4", "futex": "", "rt_sigtimedwait": "",
}


class Calls:
    """The list, read."""

    def __init__(self, text):
        self.system = {}  # name: errors
        self.functions = {}  # name: [(call, errors)]
        self.borne = set()  # functions whose failure the library may go on with
        self.infallible = {}
        self.harmless = set()
        section = None
        for row in re.sub(r"\\\n", " ", text).splitlines():
            row = row.split("#")[0].strip()
            if not row:
                continue
            if row.startswith("["):
                section = row.strip("[]")
                continue
            words = row.split()
            if section == "calls":
                self.system[words[0]] = words[1:]
            elif section == "functions":
                self.functions[words[0]] = [self.use(word) for word in words[1:] if word != "~"]
                if "~" in words:
                    self.borne.add(words[0])
            elif section == "functions that cannot fail":
                self.infallible[words[0]] = " ".join(words[1:])
            else:
                self.harmless.update(words)

    def use(self, word):
        name, bracket, errors = word.partition("[")
        return name, errors.rstrip("]").replace(",", " ").split() if bracket else self.system[name]

    def uses(self):
        """Every call of every function: (function, call, errors)."""
        return [(function, call, errors) for function, uses in self.functions.items() for call, errors in uses]


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def declarations(text):
    """The functions that the contract declares: {name: (type, [(type of parameter, name)])}."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
    found = {}
    declaration = r"(?:^|(?<=[;}]))\s*((?:\w+[\s*]+)+?)(apm__os_\w+)\(([^;{}]*?)\)(?: __attribute__[^;]*)?;"
    for match in re.finditer(declaration, text):
        type_name, name, parameters = match.groups()
        if "static" not in type_name:
            found[name] = (" ".join(type_name.split()), [parameter(part) for part in split(parameters)])
    return found


def split(parameters):
    """The parameters of a declaration, which may be functions."""
    parts = re.split(r",(?![^()]*\))", " ".join(parameters.split()))
    return [part.strip() for part in parts if part.strip() != "void"]


def parameter(text):
    """(the declaration, the name)"""
    function = re.match(r".*\(\*(\w+)\)", text)
    plain = re.search(r"(\w+)$", text)
    return text, (function or plain).group(1) if function or plain else text


# -- The check ---------------------------------------------------------------------------------------------------------


def undefined(objects):
    """The names of other libraries that the objects refer to."""
    lines = subprocess.run(["nm", objects], capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[-1] for line in lines if re.match(r"\s+U ", line)}


def check(root, objects):
    calls = Calls(read(root, LIST))
    declared = declarations(read(root, CONTRACT))
    known = {**calls.functions, **calls.infallible}
    rules = {
        "every function of the contract is in the list": sorted(set(declared) - set(known)),
        "every function of the list is in the contract": sorted(set(known) - set(declared)),
        "no function is in the list twice": sorted(set(calls.functions) & set(calls.infallible)),
        "every call of the list is made by a function": sorted(set(calls.system) - {use[1] for use in calls.uses()}),
    }
    if objects:
        symbols = {name for name in undefined(objects) if not UNSEEN.fullmatch(name)}
        raw = {name for names in RAW.values() for name in names.split()}
        rules["every function that the port calls is in the list"] = sorted(
            symbols - set(calls.system) - calls.harmless - raw
        )
    for rule, wrong in rules.items():
        print(f"FAIL {rule}: {', '.join(wrong)}" if wrong else f"ok {rule}")
    fallible = [use for use in calls.uses() if use[2]]
    errors = sum(len(use[2]) for use in fallible)
    functions = len({use[0] for use in fallible})
    print(f"{functions} of {len(declared)} functions can fail, by {len(fallible)} calls, with {errors} errors")
    return not any(rules.values())


# -- The wrappers ------------------------------------------------------------------------------------------------------


def wraps(calls):
    """The names that are wrapped."""
    names = {*calls.functions, *BY_HAND, "syscall"}
    for call in calls.system:
        names.update(RAW[call].split() if call in RAW else [call])
    return sorted(names)


def wrapper(name, declared, number):
    type_name, parameters = declared
    taken = ", ".join(text for text, _ in parameters) or "void"
    passed = ", ".join(parameter_name for _, parameter_name in parameters)
    lines = [f"{type_name} __real_{name}({taken});", f"{type_name} __wrap_{name}({taken});"]
    lines += [f"{type_name} __wrap_{name}({taken})", "{", f"    struct faults_place before = faults_enter({number});"]
    if type_name == "void":
        lines += [f"    __real_{name}({passed});", "    faults_leave(before, 0);"]
    else:
        # A hook that cannot be had is the library's to report; other functions have no error but their own.
        hook = "outcome ? 0 : APM_ERROR_OUT_OF_MEMORY" if name.startswith("apm__os_at_") else "0"
        error = "(int)outcome" if type_name == "apm_error" else hook
        lines += [f"    {type_name} outcome = __real_{name}({passed});", f"    faults_leave(before, {error});"]
        lines += ["    return outcome;"]
    return "\n".join([*lines, "}", ""])


def write_wrappers(root, calls):
    declared = declarations(read(root, CONTRACT))
    functions = list(calls.functions)
    system = list(calls.system)
    errors = sorted({error for use in calls.uses() for error in use[2]})
    out = ["/* Written by tools/torture_calls.py. */", "#include <errno.h>", "#include <netdb.h>", ""]
    out += ['#include "faults.h"', '#include "os.h"', ""]
    out += ["const char *const faults_functions[] = {" + ", ".join(f'"{name}"' for name in functions) + "};"]
    out += ["const char *const faults_calls[] = {" + ", ".join(f'"{name}"' for name in system) + "};"]
    out += ["const struct faults_error faults_errors[] = {"]
    out += [f'    {{"{error}", {error}}},' for error in errors] + ["};"]
    out += [f"const size_t faults_error_count = {len(errors)};"]
    for number, (_, _, codes) in enumerate(calls.uses()):
        out += [f"static const int codes_{number}[] = {{{', '.join([*codes, '0'])}}};"]
    out += ["const struct faults_use faults_uses[] = {"]
    for number, (function, call, codes) in enumerate(calls.uses()):
        place = f"{functions.index(function)}, {system.index(call)}"
        borne = str(function in calls.borne).lower()
        out += [f"    {{{place}, codes_{number}, {len(codes)}, {borne}}}, /* {function} {call} */"]
    out += ["};", f"const size_t faults_use_count = {len(calls.uses())};", ""]
    for name in functions:
        if name not in BY_HAND:
            out += [wrapper(name, declared[name], functions.index(name))]
    return "\n".join(out)


def write_numbers(calls):
    lines = ["/* Written by tools/torture_calls.py: the numbers of the functions and calls of the list. */"]
    lines += [f"#define FUNCTION_{name} {number}" for number, name in enumerate(calls.functions)]
    lines += [f"#define CALL_{name} {number}" for number, name in enumerate(calls.system)]
    return "\n".join([*lines, f"enum {{ FAULTS_USE_LIMIT = {len(calls.uses())} }};", ""])


def main():
    command, root = sys.argv[1:3]
    if command == "check":
        return 0 if check(root, sys.argv[3] if len(sys.argv) > 3 else None) else 1
    calls = Calls(read(root, LIST))
    text = {
        "wrappers": lambda: write_wrappers(root, calls),
        "numbers": lambda: write_numbers(calls),
        "wraps": lambda: "".join(f"-Wl,--wrap={name}\n" for name in wraps(calls)),
    }[command]()
    with open(sys.argv[3], "w", encoding="utf-8") as file:
        file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
