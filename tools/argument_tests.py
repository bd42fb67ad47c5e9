#!/usr/bin/env python3
"""Writes the tests of arguments: argument_tests.py [--self-test] folder-of-the-tree output.c file-for-dependencies

For every function that include/apm declares there is a test, which calls it with good arguments in every state of a
socket, and then with one argument wrong at a time: null, random, stale and foreign handles, NULL for each pointer,
numbers beyond their range, time-outs below -1, values that are in no enum. What has to come out is what the comment of
the function says:

- a handle gets the error that docs/lifetime.md has for it (H2), unless tools/argument_cases.py has another in HANDLES;
- NULL gets APM_ERROR_ARGUMENT_NULL, unless the comment says that the parameter may be NULL; a function that says no
  more than true or false says false;
- a number gets APM_ERROR_ARGUMENT_OUT_OF_RANGE outside the range that the comment gives, and does not inside;
- everything else gets success, or an error that the comment names, directly, by "those of <function>", or by what all
  functions of the header share. An error that only a child after fork, a lack of memory or apm_cleanup brings does not
  count: none of them happens here.

A comment that is incomplete therefore fails its test: it is to be completed, or the function corrected. A new function
is tested without anything being written, unless its good arguments cannot be guessed: then its test is skipped but for
the handles, and says so, until GOOD in tools/argument_cases.py has them.
"""

import os
import re
import sys

import argument_cases
import argument_rules
import public_headers
from argument_cases import GOOD, NO_FUNCTION, NOT_CALLED, READY, Cases
from public_headers import FOLDER

HEAD = """/* Made by tools/argument_tests.py. */
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "arguments.h"

#define UNUSED __attribute__((unused))

static uint8_t memory_block[ARGUMENTS_MEMORY_SIZE];
#define memory ((void *)memory_block)

static apm_manual_reset_event good_apm_manual_reset_event(int way);

UNUSED static apm_wait_handle good_wait_handle(void)
{
    return apm_manual_reset_event_to_wait_handle(good_apm_manual_reset_event(0));
}

UNUSED static char *long_text(void)
{
    static char text[1025];

    memset(text, 'a', sizeof text - 1);
    return text;
}

static void execute_work_item(apm_thread_pool_work_item *item)
{
    (void)item;
}

UNUSED static apm_thread_pool_work_item *good_work_item(void)
{
    static apm_thread_pool_work_item items[256];
    static size_t used;

    items[used % 256].execute = execute_work_item;
    return &items[used++ % 256];
}

/* Begins an operation for its End, in the first way that succeeds; finish_begin ends what is left of it. */
UNUSED static void begin_for_end(const struct arguments_subject *begin)
{
    for (int way = 0; way < begin->ways; way++) {
        begin->make(way);
        begin->vary(0);
        if (begin->call() == APM_ERROR_SUCCESS) {
            return;
        }
        arguments_close_all();
    }
    SKIP("no good arguments of %s are known: see GOOD in tools/argument_cases.py", begin->name);
}

UNUSED static void finish_begin(const struct arguments_subject *begin)
{
    (void)begin;
    (void)arguments_await_completion();
}
"""


class Program(Cases):
    """The text of the program."""

    def program(self):
        parts = [HEAD]
        for name, (result, parameters) in sorted(self.callbacks.items()):
            parts.append(self.stub(name, result, parameters))
        for handle in self.handles:
            parts.append(self.closer(handle))
        # A maker may need other handles.
        parts += [f"static {handle} good_{handle}(int way);\n" for handle in self.handles if self.is_made(handle)]
        parts += [self.good_array(kind) for kind in sorted(self.arrays())]
        parts += [self.maker(handle) for handle in self.handles if self.is_made(handle)]
        parts += [self.stale(handle) for handle in self.handles if handle != "apm_async_result"]
        ordered = sorted(self.tested(), key=lambda f: self.begin_of(f) is not None)
        parts += [self.subject(function) for function in ordered]
        return "\n".join(parts) + "\nLIBRARY_TEST_MAIN()\n"

    def tested(self):
        return [f for f in self.functions.values() if f.name not in NOT_CALLED]

    def arrays(self):
        kinds = {k for f in self.functions.values() for k, _ in f.parameters}
        found = {k.removeprefix("const ").rstrip(" *") for k in kinds if k.startswith("const apm_")}
        return {k for k in found - set(self.callbacks) if f"const {k} *" not in GOOD}

    def stub(self, name, result, parameters):
        if name == "apm_async_callback":
            return "#define stub_apm_async_callback arguments_on_completion\n"
        names = [p.split()[-1].lstrip("*") for p in parameters.split(",") if p.strip() != "void"]
        used = "".join(f"    (void){n};\n" for n in names)
        value = f"    return ({result}){'{0}' if result in self.handles else '0'};\n"
        value = "" if result == "void" else value
        return f"UNUSED static {result} stub_{name}({' '.join(parameters.split())})\n{{\n{used}{value}}}\n"

    def closer(self, handle):
        name, rest = self.closer_of(handle)
        if name is None:
            return ""
        declared = f"    apm_error ignored = {name}(({handle}){{bits}}{rest});\n"
        unregister = "    static const apm_wait_handle no_event = APM_NULL_HANDLE;\n" if "no_event" in rest else ""
        return f"UNUSED static void close_{handle}(uint64_t bits)\n{{\n{unregister}{declared}    (void)ignored;\n}}\n"

    def good_array(self, kind):
        value = self.good(NO_FUNCTION, kind, "", nested=True)
        return (
            f"static const {kind} *good_array_{kind}_(void)\n{{\n    static {kind} array[ARGUMENTS_ARRAY_SIZE];\n"
            f"    array[0] = {value};\n    for (size_t i = 1; i < ARGUMENTS_ARRAY_SIZE; i++) {{\n"
            f"        array[i] = array[0];\n    }}\n    return array;\n}}\n"
            f"#define good_array_{kind} good_array_{kind}_()\n"
        )

    def maker(self, handle):
        cases = ""
        makers = self.makers[handle]
        for place, maker in enumerate(makers):
            given = [self.good(maker, k, n, nested=True) or "NULL" for k, n in maker.parameters[:-1]]
            call = f"{maker.name}({', '.join([*given, '&handle'])})"
            cases += f"    case {place}:\n        error = {call};\n        break;\n"
        closer = f"    arguments_keep(handle.bits, close_{handle});\n" if self.closer_of(handle)[0] else ""
        ready = ""
        if handle in READY:
            ready = f"    if (way / {len(makers)} % 2) {{\n        {READY[handle]}(handle);\n    }}\n"
        return (
            f"static {handle} good_{handle}(int way)\n{{\n    {handle} handle = APM_NULL_HANDLE;\n"
            f"    apm_error error = APM_ERROR_SUCCESS;\n\n    switch (way % {len(makers)}) {{\n{cases}    }}\n"
            f"    (void)error;\n{closer}{ready}    return handle;\n}}\n"
        )

    def stale(self, handle):
        if handle == "apm_socket":
            made, closed = "arguments_socket(ARGUMENTS_STATE_FRESH)", handle
        elif handle == "apm_wait_handle":
            made, closed = "good_apm_manual_reset_event(0)", "apm_manual_reset_event"
        else:
            made, closed = f"good_{handle}(0)", handle
        return (
            f"UNUSED static uint64_t stale_{handle}(void)\n{{\n    uint64_t bits = {made}.bits;\n\n"
            f"    close_{closed}(bits);\n    return bits;\n}}\n"
        )

    def subject(self, function):
        name = function.name
        begin = self.begin_of(function)
        rooms = []
        fields = ""
        for kind, parameter in function.parameters:
            fields += f"    {kind}{'' if kind.endswith('*') else ' '}{parameter};\n"
            if kind.endswith("*") and self.good(function, kind, parameter) is None:
                rooms.append((self.stored(kind), parameter))
        fields += "".join(f"    {kind}{'' if kind.endswith('*') else ' '}room_{n};\n" for kind, n in rooms) or (
            "" if fields else "    int nothing;\n"
        )
        handles, others = self.variants(function)
        text = f"/* -- {name} -- */\n\nstatic struct {{\n{fields}}} of_{name}, good_of_{name};\n\n"
        errors = "".join(f"    {e},\n" for e in self.documentation.errors(function)) or "    APM_ERROR_SUCCESS,\n"
        text += f"static const apm_error documented_{name}[] = {{\n{errors}}};\n\n"
        text += self.call_text(function) + self.close_text(function, rooms) + self.make_text(function, begin, rooms)
        text += self.vary_text(function, [*handles, *others]) + self.finish_text(function, begin, rooms)
        return text + self.subject_text(function, begin, handles, others)

    def call_text(self, function):
        given = ", ".join(f"of_{function.name}.{n}" for _, n in function.parameters)
        call = f"{function.name}({given})"
        if function.result in ("apm_error", "bool"):
            body = f"    return (int){call};\n"
        else:
            body = f"    {'' if function.result == 'void' else '(void)'}{call};\n    return 0;\n"
        return f"static int call_{function.name}(void)\n{{\n{body}}}\n\n"

    def freeing(self, kind, name):
        """The function that frees memory which a call has handed out; None if it is not of that sort."""
        if not kind.endswith("*"):
            return None
        by_kind = kind.rstrip(" *") + "_free"
        return next((f for f in self.functions if f == by_kind or f.endswith(f"_free_{name}")), None)

    def close_text(self, function, rooms):
        """Closes what a call has made."""
        body = ""
        for kind, n in rooms:
            room = f"of_{function.name}.room_{n}"
            freed = self.freeing(kind, n)
            if kind in self.handles and kind != "apm_async_result" and self.closer_of(kind)[0]:
                body += f"    close_{kind}({room}.bits);\n    {room}.bits = 0;\n"
            elif freed:
                body += f"    {freed}({room});\n    {room} = NULL;\n"
        return f"UNUSED static void close_made_{function.name}(void)\n{{\n{body}}}\n\n"

    def make_text(self, function, begin, rooms):
        name = function.name
        body = "    (void)way;\n"
        if begin:
            body += f"    begin_for_end(&subject_{begin.name});\n"
        shared = set(begin.parameters) if begin else set()
        for kind, n in function.parameters:
            if begin and kind == "apm_async_result":
                body += f"    of_{name}.{n} = *of_{begin.name}.result;\n"
            elif (kind, n) in shared and n not in [room for _, room in rooms]:
                body += f"    of_{name}.{n} = of_{begin.name}.{n};\n"
            else:
                value = self.good(function, kind, n)
                body += f"    of_{name}.{n} = {value or f'&of_{name}.room_{n}'};\n"
        body += "".join(f"    memset(&of_{name}.room_{n}, 0, sizeof of_{name}.room_{n});\n" for _, n in rooms)
        if begin:
            body += f"    (void)apm_async_result_cancel(of_{name}.result);\n"
        return f"static void make_{name}(int way)\n{{\n{body}    good_of_{name} = of_{name};\n}}\n\n"

    def vary_text(self, function, variants):
        name = function.name
        body = ""
        for number, (what, change, _) in enumerate(variants, 1):
            parameter = re.match(r"`(\w+)`", what).group(1)
            change = change.replace("{p}", f"of_{name}.{parameter}").replace("{a}->", f"of_{name}.")
            change = change.replace("{call}", f"call_{name}").replace("{close}", f"close_made_{name}")
            body += f"    case {number}:\n        {change}\n        break;\n"
        body = f"    switch (variant) {{\n{body}    default:\n        break;\n    }}\n"
        return f"static void vary_{name}(int variant)\n{{\n{body}}}\n\n"

    def finish_text(self, function, begin, rooms):
        name = function.name
        end = self.end_of(function)
        if begin:
            body = (
                f"    (void)outcome;\n    close_made_{name}();\n    of_{name} = good_of_{name};\n"
                f'    arguments_check_end("{name}", (apm_error)call_{name}(), documented_{name},\n'
                f"                        sizeof documented_{name} / sizeof documented_{name}[0]);\n"
                f"    close_made_{name}();\n    finish_begin(&subject_{begin.name});\n"
            )
        elif end:
            given = []
            declared = ""
            closed = ""
            for kind, n in end.parameters:
                if kind == "apm_async_result":
                    given.append("result")
                elif (kind, n) in function.parameters:
                    given.append(f"good_of_{name}.{n}")
                else:
                    stored = self.stored(kind)
                    declared += f"    {stored}{'' if stored.endswith('*') else ' '}{n};\n"
                    declared += f"    memset(&{n}, 0, sizeof {n});\n"
                    given.append(f"&{n}")
                    if stored in self.handles and self.closer_of(stored)[0]:
                        closed += f"    close_{stored}({n}.bits);\n"
                    elif self.freeing(stored, n):
                        closed += f"    {self.freeing(stored, n)}({n});\n"
            errors = self.documentation.errors(end)
            body = (
                f"    static const apm_error documented[] = {{{', '.join(errors)}}};\n    apm_async_result result;\n"
                f"    apm_error error;\n{declared}\n    if (outcome != APM_ERROR_SUCCESS) {{\n        return;\n    }}\n"
                f"    result = of_{name}.result ? *of_{name}.result : (apm_async_result)APM_NULL_HANDLE;\n"
                f"    arguments_close_all();\n    if (of_{name}.callback) {{\n"
                f"        result = arguments_await_completion();\n    }}\n"
                f"    error = {end.name}({', '.join(given)});\n"
                f'    arguments_check_end("{end.name}", error, documented,\n'
                f"                        sizeof documented / sizeof documented[0]);\n{closed}"
            )
        else:
            body = f"    (void)outcome;\n    close_made_{name}();\n"
        return f"static void finish_{name}(int outcome)\n{{\n{body}}}\n\n"

    def subject_text(self, function, begin, handles, others):
        name = function.name
        rows = '    {"all is good", ARGUMENTS_ALLOWED, 0},\n'
        for what, _, expected in [*handles, *others]:
            outcome = "ARGUMENTS_EXACTLY"
            if expected in ("ALLOWED", "REFUSED"):
                outcome, expected = "ARGUMENTS_" + expected, "0"
            elif expected.startswith("NEVER "):
                outcome, expected = "ARGUMENTS_NEVER", expected.removeprefix("NEVER ")
            elif function.result == "bool" and expected.startswith("APM_ERROR_"):
                expected = "FALSE"
            value = {"SUCCESS": "APM_ERROR_SUCCESS", "TRUE": "1", "FALSE": "0"}.get(expected, expected)
            if function.result not in ("apm_error", "bool"):
                outcome, value = "ARGUMENTS_ALLOWED", "0"
            rows += f'    {{"{what}", {outcome}, {value}}},\n'
        kinds = [k for k, _ in function.parameters]
        ways = max([self.ways(k) for k in kinds if k in self.handles and self.is_made(k)], default=1)
        ways = "ARGUMENTS_STATE_COUNT" if "apm_socket" in kinds else str(max(ways, 1))
        waits = bool(set(kinds) & set(self.handles)) and function.result == "apm_error" and not begin
        twins = [t for t in self.documentation.twins(function) if t in self.functions]
        waits = waits and "_begin_" not in name and ("_wait" in name or bool(twins))
        kind = {"apm_error": "ARGUMENTS_ERROR", "bool": "ARGUMENTS_BOOL"}.get(function.result, "ARGUMENTS_NOTHING")
        return (
            f"static const struct arguments_variant variants_{name}[] = {{\n{rows}}};\n\n"
            f"static const struct arguments_subject subject_{name} = {{\n"
            f'    "{name}", make_{name}, vary_{name}, call_{name}, finish_{name}, {kind},\n'
            f"    {'1' if begin else ways}, {'true' if waits else 'false'}, variants_{name},\n"
            f"    sizeof variants_{name} / sizeof variants_{name}[0], {len(handles) + 1}, documented_{name},\n"
            f"    sizeof documented_{name} / sizeof documented_{name}[0]}};\n\n"
            f"TEST({name}_refuses_what_is_wrong_with_the_errors_it_names)\n{{\n"
            f"    arguments_run(&subject_{name});\n}}\n"
        )


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 0 if argument_rules.self_test() else 1
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    root, output, dependencies = sys.argv[1:]
    generator = Program(root)
    with open(output, "w", encoding="utf-8") as file:
        file.write(generator.program())
    sources = [os.path.join(root, FOLDER, header) for header in generator.headers.head]
    modules = [module.__file__ for module in (argument_cases, argument_rules, public_headers)]
    with open(dependencies, "w", encoding="utf-8") as file:
        file.write(f"{output}: {' '.join([*sources, *modules])}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
