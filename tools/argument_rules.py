"""What the comments of the public headers say of errors, for tools/argument_tests.py."""

import re

from public_headers import paragraph

# What does not happen in the tests of arguments.
ELSEWHERE = re.compile(r"after fork|while apm_cleanup|during apm_cleanup|APM_ENGINE|no descriptor")

# How the head of a header says what is so for all of its functions, and that it is as in another header.
GENERAL = "Unless a function says otherwise its errors include"
POINTING = re.compile(r"\bholds? (here|for)|errors include those that|For everything but what is below")

# The header whose head says what all Begins and all Ends share.
CONTRACT = "socket.h"
UNPROVOKED = ("APM_ERROR_OUT_OF_MEMORY",)


def segments(text):
    """Splits a paragraph of errors into pairs of an error and its condition; errors in a row share one."""
    pairs = []
    waiting = []
    parts = re.split(r"\b(APM_ERROR_[A-Z_]+)\b", " ".join(text.split()))
    for name, condition in zip(parts[1::2], parts[2::2]):
        waiting.append(name)
        if not re.fullmatch(r"(,| or| and|, and|,? APM_ERROR_)?\s*", condition):
            pairs += [(n, condition.strip(" ;,.")) for n in waiting]
            waiting = []
    return pairs + [(n, "") for n in waiting]


def range_of(condition, name):
    """Gives the lowest and the highest value of a parameter, as far as the condition of an error tells; else None."""
    low = high = None
    for text in re.findall(rf"(?:`{name}`|and `{name}`)([^,;`]*)", condition):
        below = re.search(r"\bbelow (-?\d+)", text)
        above = re.search(r"\babove (\d+|[A-Z][A-Z0-9_]+)\b", text)
        between = re.search(r"not from (-?\d+) to (\w+)", text)
        if below:
            low = below.group(1)
        if "negative" in text:
            low = "0"
        if above:
            high = above.group(1)
        if between:
            low, high = between.groups()
    return low, high


class Documentation:
    """The errors of each function, with what it takes over from other functions and from the head of its header."""

    def __init__(self, headers):
        self.headers = headers
        self.found = {}
        names = list(headers.functions)
        self.before = {}
        for position, name in enumerate(names):
            comment = headers.functions[name].comment
            earlier = [n for n in names[:position] if headers.functions[n].comment != comment]
            self.before[name] = earlier[-1] if earlier else None

    def pairs(self, name, seen=()):
        """Gives the (error, condition) pairs of a function."""
        if name in seen or name not in self.headers.functions:
            return []
        if name in self.found:
            return self.found[name]
        function = self.headers.functions[name]
        comment = " ".join(function.comment.split())
        errors = paragraph(function.comment, "Errors")
        found = segments(errors) + self.shared(function)
        seen = (*seen, name)
        if re.search(r"those of Begin and End", errors):
            for twin in self.twins(function):
                found += self.pairs(twin, seen)
        taken_from = set(re.findall(r"\bapm_\w+", errors))
        taken_from.update(re.findall(r"(?:[Ee]rrors|and errors) as (apm_\w+)", comment))
        if not errors:
            taken_from.update(re.findall(r"\bapm_\w+", comment))
        for other in taken_from:
            found += self.pairs(other, seen)
        if comment.startswith("The same"):
            found += self.pairs(self.before[name], seen)
        if not seen[:-1]:
            self.found[name] = found
        return found

    def general(self, header, seen=()):
        """Gives what the head of a header says of all functions, directly or by pointing to another header."""
        text = " ".join(self.headers.head[header].split())
        found = []
        if GENERAL in text:
            found += segments(text.partition("What all Begins share")[0].partition(GENERAL)[2])
        if POINTING.search(text):
            for other in re.findall(r"\b(\w+\.h)\b", text):
                if other in self.headers.head and other not in (header, *seen):
                    found += self.general(other, (header, *seen))
        return found

    def shared(self, function):
        """Gives what the heads of the headers say of all functions, of all Begins and of all Ends."""
        found = self.general(function.header)
        is_begin = "_begin_" in function.name and any(t == "apm_async_result *" for t, _ in function.parameters)
        is_end = "_end_" in function.name and any(t == "apm_async_result" for t, _ in function.parameters)
        general, _, rest = " ".join(self.headers.head[CONTRACT].split()).partition("What all Begins share")
        begins, _, ends = rest.partition("What all Ends share")
        if is_begin:
            found += segments(begins) + segments(general.partition("A Begin on a socket")[2])
        if is_end:
            found += segments(ends)
        return found

    def twins(self, function):
        """The names of the Begin and the End of a synchronous function."""
        for handle in [*sorted(self.headers.handles, key=len, reverse=True), "apm_ssl_stream", "apm_dns"]:
            if function.name.startswith(handle + "_"):
                rest = function.name.removeprefix(handle + "_")
                ends = [n for n in self.headers.functions if n.startswith(handle + "_end_")]
                ends = [n for n in ends if (rest + "_").startswith(n.removeprefix(handle + "_end_") + "_")]
                return [f"{handle}_begin_{rest}", *ends]
        return []

    def errors(self, function):
        """The errors that a call may return in the tests."""
        found = []
        for error, condition in self.pairs(function.name):
            if error not in found and error not in UNPROVOKED and not ELSEWHERE.search(condition):
                found.append(error)
        return sorted(found)

    def condition(self, function, error):
        """All conditions of an error, as one text."""
        return "; ".join(condition for name, condition in self.pairs(function.name) if name == error)

    def may_be_null(self, function, name):
        """Whether a parameter may be NULL: True, False, or None if nothing is said."""
        condition = self.condition(function, "APM_ERROR_ARGUMENT_NULL")
        comment = " ".join(function.comment.split())
        if re.search(rf"(`|\*){name}`?[^;]*?(may be NULL|if not NULL|not NULL)|`{name}`.*If it is NULL", comment):
            return bool(not re.search(rf"`{name}` may not be NULL", comment))
        if re.search(rf"`{name}`(?:(?:,| or| and) `\w+`)*[^;`]* NULL", condition):
            return False
        if re.search(r"NULL is let through", comment):
            return True
        if "_end_" in function.name or "those of Begin and End" in comment:
            return True
        if re.search(r"a pointer is NULL|NULL pointer that is needed|no place for the answer", condition):
            return False
        return None


# -- The check of the rules ------------------------------------------------------------------------------------------

SAMPLE = {
    "socket.h": """/*
 * Unless a function says otherwise its
 * errors include APM_ERROR_ARGUMENT a bad handle, and APM_ERROR_INVALID_OPERATION after fork.
 *
 * What all Begins share:
 *   Errors   APM_ERROR_BEGIN at first.
 *
 * What all Ends share:
 *   Errors   APM_ERROR_END at last.
 */
APM_DECLARE_HANDLE(apm_socket);

/*
 * Begins.
 *
 * Errors   APM_ERROR_ARGUMENT_NULL `buffer` is NULL; APM_ERROR_ARGUMENT_OUT_OF_RANGE `size` is above INT_MAX.
 */
APM_API apm_error apm_socket_begin_do(apm_socket socket, void *buffer, size_t size, apm_async_result *result);

/* Ends. `count` may be NULL. */
APM_API apm_error apm_socket_end_do(apm_socket socket, apm_async_result result, size_t *count);

/* Does. Errors: those of Begin and End; APM_ERROR_TIMED_OUT. */
APM_API apm_error apm_socket_do(apm_socket socket, void *buffer, size_t size);
""",
    "other.h": """/* Head. */

/*
 * First.
 *
 * Errors   APM_ERROR_ONE, APM_ERROR_TWO they share it; APM_ERROR_OUT_OF_MEMORY; APM_ERROR_THREE in a child after fork;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE `port` is not from 0 to 65535, or `time_ms` is below -1 or above MANY_MS.
 */
APM_API apm_error apm_first(int port, int time_ms);

/*
 * Second.
 *
 * Errors   those of apm_first; APM_ERROR_FOUR.
 */
APM_API apm_error apm_second(int port);

/* The same for others. */
APM_API apm_error apm_third(int port);
""",
    "pointing.h": """/* What apm/socket.h says of errors holds here. */

/* Fourth. */
APM_API apm_error apm_fourth(apm_socket socket);
""",
}


def self_test():
    from public_headers import read_texts

    headers = read_texts(SAMPLE)
    documentation = Documentation(headers)

    def errors(name):
        return {error.removeprefix("APM_ERROR_") for error in documentation.errors(headers.functions[name])}

    def may_be_null(name, parameter):
        return documentation.may_be_null(headers.functions[name], parameter)

    general = {"ARGUMENT"}
    begin = general | {"BEGIN", "ARGUMENT_NULL", "ARGUMENT_OUT_OF_RANGE"}
    first = {"ONE", "TWO", "ARGUMENT_OUT_OF_RANGE"}
    condition = documentation.condition(headers.functions["apm_first"], "APM_ERROR_ARGUMENT_OUT_OF_RANGE")
    tests = {
        "a Begin has its own errors, those of all Begins and of all functions": errors("apm_socket_begin_do") == begin,
        "an End has those of all Ends": errors("apm_socket_end_do") == general | {"END"},
        "a synchronous call has those of both": errors("apm_socket_do") == begin | {"END", "TIMED_OUT"},
        "what does not happen in tests does not count": errors("apm_first") == first,
        "errors are taken over from another function": errors("apm_second") == first | {"FOUR"},
        "and from the one before": errors("apm_third") == first | {"FOUR"},
        "the head of another header counts if it is pointed to": errors("apm_fourth") == general,
        "a range from one number to another": range_of(condition, "port") == ("0", "65535"),
        "a range with two ends": range_of(condition, "time_ms") == ("-1", "MANY_MS"),
        "no range": range_of(condition, "size") == (None, None),
        "a pointer that is needed": may_be_null("apm_socket_begin_do", "buffer") is False,
        "a pointer that may be NULL": may_be_null("apm_socket_end_do", "count") is True,
        "a pointer of which nothing is said": may_be_null("apm_first", "port") is None,
    }
    for name, right in tests.items():
        print(f"{'ok' if right else 'FAIL'} self-test: {name}")
    return all(tests.values())
