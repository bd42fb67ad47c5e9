#!/usr/bin/env python3
"""Checks what the compiler does not: style_check.py [--self-test] [folder of the tree]

Layers, calls that are banned, names in comments and documents, documentation of the public functions, and the shape of
lines. Lengths of functions and files are reported and fail nothing. Prints a line `ok rule` for each rule, or a line
`FAIL rule: file:line: why` for each place that breaks it, and ends with status 1 if there is one.

`--self-test` feeds each rule with snippets that it has to refuse and with snippets that it has to let through.
"""

import os
import re
import sys
import tempfile
import unicodedata

COLUMNS = 120
FUNCTION_LINES = 70
FILE_LINES = 400

# The layers, lowest first; each sees the headers of the public folder, its own, and those of the layers below.
LAYERS = ["pool/os", "pool", "lib/core", "lib/engine", "lib/socket", "lib/net", "lib/tls", "lib/compat"]
PUBLIC = "include/apm"

# What a public header may include beside public headers: nothing of the operating system.
STANDARD_HEADERS = {"limits.h", "stdbool.h", "stddef.h", "stdint.h"}

OS_HEADER = re.compile(
    r"(arpa|asm|bits|linux|net|netinet|sys)/.*"
    r"|(aio|dirent|dlfcn|errno|fcntl|ifaddrs|netdb|poll|pthread|pwd|sched|semaphore|signal|spawn|syscall|termios)\.h"
    r"|(threads|ucontext|unistd|windows|winsock2|ws2tcpip)\.h"
)

OS_CALLS = set(
    """
    accept accept4 bind close connect dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2
    epoll_wait eventfd eventfd_read eventfd_write execve execvp fcntl fork freeaddrinfo gai_strerror getaddrinfo
    gethostbyname gethostname getifaddrs getnameinfo getpeername getpid getrandom getrlimit getsockname getsockopt
    if_indextoname if_nametoindex inet_ntop inet_pton ioctl kill listen lseek madvise mmap mprotect munmap open
    openat pipe pipe2 poll ppoll pread prctl pselect pwrite read readv recv recvfrom recvmmsg recvmsg
    sched_getaffinity sched_yield select send sendfile sendmmsg sendmsg sendto setrlimit setsockopt shutdown
    sigaction socket socketpair splice strerror strerror_r syscall sysconf timerfd_create timerfd_settime vfork
    waitpid write writev
    clock clock_gettime clock_nanosleep gettimeofday nanosleep sleep time timespec_get usleep
    getenv secure_getenv setenv putenv unsetenv atexit
    aligned_alloc calloc free malloc posix_memalign realloc reallocarray strdup strndup
    abort exit fclose fflush fopen fprintf fputs fread fwrite perror printf putchar puts quick_exit vfprintf vprintf
    call_once cnd_init mtx_init thrd_create tss_create
    """.split()
)
OS_CALL_PREFIXES = ("pthread_", "sem_", "mtx_", "cnd_", "thrd_", "tss_", "io_uring_", "sigset", "sigemptyset")

BANNED_CALLS = {
    "strcpy": "it knows no limit",
    "strcat": "it knows no limit",
    "stpcpy": "it knows no limit",
    "sprintf": "it knows no limit; use snprintf",
    "vsprintf": "it knows no limit; use vsnprintf",
    "gets": "it knows no limit",
    "strtok": "it keeps its state for all threads",
    "atoi": "it reports no error; use strtol",
    "atol": "it reports no error; use strtol",
    "atof": "it reports no error; use strtod",
    "alloca": "a stack has no error to report",
    "signal": "its meaning differs from system to system; use sigaction",
}
BANNED_IN_TESTS = {
    "sleep": "a pause proves nothing; wait for what has to happen",
    "usleep": "a pause proves nothing; wait for what has to happen",
}

# Words that no file of the system has, in comments and documents: names of the C library's and the system's headers.
SYSTEM_FILES = re.compile(r"(std\w+|errno|limits|string|inttypes|time|math|ctype|assert|locale)\.h$")


# -- The tree --------------------------------------------------------------------------------------------------------


class File:
    """A file of the tree: its lines, and for C its code and its comments apart."""

    def __init__(self, path, text):
        self.path = path
        self.folder = os.path.dirname(path)
        self.name = os.path.basename(path)
        self.text = text
        self.lines = text.split("\n")
        if self.lines and self.lines[-1] == "":
            self.lines.pop()
        self.is_c = path.endswith((".c", ".h", ".cc", ".cpp"))
        self.is_document = path.endswith(".md")
        if self.is_c:
            # Of the same length and with the same line ends as the text: offsets are the same in all of them.
            self.code, self.comments, self.strings = split_c(text)

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def layer(self):
        """The layer that the file belongs to, or None if it is no part of the library."""
        folder = self.folder
        while folder:
            if folder in LAYERS:
                return folder
            folder = os.path.dirname(folder)
        return None


def split_c(text):
    """Splits C into code without comments and contents of strings, comments alone, and code with its strings."""
    code = []
    comments = []
    strings = []
    token = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|\n|[^\n]", re.DOTALL)
    for match in token.finditer(text):
        part = match.group()
        blank = re.sub(r"[^\n]", " ", part)
        if part.startswith(("/*", "//")):
            code.append(blank)
            comments.append(part)
            strings.append(blank)
        elif part[0] in "\"'" and len(part) > 1:
            code.append(part[0] + blank[1:-1] + part[0])
            comments.append(blank)
            strings.append(part)
        else:
            code.append(part)
            comments.append(blank)
            strings.append(part)
    return "".join(code), "".join(comments), "".join(strings)


def is_text(name):
    endings = ".c .h .cc .cpp .cs .py .md .sh .build .options .txt .in .map"
    return name.endswith(tuple(endings.split())) or "." not in name.lstrip(".")


def read_tree(root):
    files = []
    for folder, folders, names in os.walk(root):
        relative = os.path.relpath(folder, root)
        relative = "" if relative == "." else relative
        folders[:] = sorted(
            f
            for f in folders
            if f not in (".git", "__pycache__", "subprojects", "bin", "obj")
            and not (relative == "" and f.startswith("build"))
        )
        for name in sorted(names):
            if is_text(name):
                with open(os.path.join(folder, name), "rb") as file:
                    content = file.read()
                if b"\0" not in content:
                    files.append(File(os.path.join(relative, name), content.decode("utf-8", "replace")))
    return files


# -- Rules: each gives the (file, line, why) of every place that breaks it -------------------------------------------


def rule_layers(files):
    """Includes go downwards only."""
    headers = {}
    for file in files:
        if file.path.endswith(".h"):
            headers.setdefault(file.name, []).append(file)

    for file in files:
        is_public = file.path.startswith(PUBLIC + "/")
        layer = file.layer()
        if not file.is_c:
            continue
        for match in re.finditer(r"^[ \t]*#[ \t]*include[ \t]*([<\"])([^>\"\n]+)[>\"]", file.strings, re.MULTILINE):
            line = file.line_of(match.start(1))
            name = match.group(2)
            if ".." in name.split("/"):
                yield file, line, f"{name} climbs out of its folder; name the header from an include path"
                continue
            if name.endswith(".c"):
                yield file, line, f"{name} is no header"
                continue
            if not (is_public or layer):
                continue
            found = find_header(file, name, headers)
            if found is None:
                if match.group(1) == '"':
                    yield file, line, f"{name} is not in the tree"
                elif is_public and name not in STANDARD_HEADERS:
                    yield file, line, f"a public header may not include <{name}>"
                continue
            if found.path.startswith(PUBLIC + "/"):
                continue
            if is_public:
                yield file, line, f"a public header may not include {found.path}"
            elif found.layer() is None:
                yield file, line, f"{layer} may not include {found.path}, which is no part of the library"
            elif LAYERS.index(found.layer()) > LAYERS.index(layer):
                yield file, line, f"{layer} may not include {found.path}, which is above it"


def find_header(file, name, headers):
    candidates = [h for h in headers.get(os.path.basename(name), []) if ("/" + h.path).endswith("/" + name)]
    for header in candidates:
        if header.folder == file.folder:
            return header
    # Of several, the highest one: a rule that is in doubt asks rather than lets pass.
    candidates.sort(key=lambda h: LAYERS.index(h.layer()) if h.layer() else -1)
    return candidates[-1] if candidates else None


def calls(file):
    """Gives the (offset, name) of what is called by name in a C file, members and the file's own functions left out."""
    own = set(re.findall(r"^static\b[^;={}()]*?\b(\w+)[ \t]*\(", file.code, re.MULTILINE))
    for match in re.finditer(r"(?<![\w.>])(\w+)[ \t\n]*\(", file.code):
        name = match.group(1)
        before = file.code[: match.start()].rstrip()
        # A declaration has a type before the name: `apm_error close(...)`.
        is_declared = re.search(r"\b(?!return\b|else\b|do\b|case\b)\w+[ *]*$", before[-80:])
        if name in own or before.endswith("->") or is_declared:
            continue
        yield match.start(), name


def rule_system_calls(files):
    """Nothing but pool/os knows the operating system."""
    for file in files:
        layer = file.layer()
        if not file.is_c or layer is None or layer == "pool/os":
            continue
        for match in re.finditer(r"^[ \t]*#[ \t]*include[ \t]*<([^>\n]+)>", file.code, re.MULTILINE):
            name = match.group(1)
            if OS_HEADER.fullmatch(name):
                yield file, file.line_of(match.start(1)), f"<{name}> is the system's; only pool/os includes it"
        for offset, name in calls(file):
            if name in OS_CALLS or name.startswith(OS_CALL_PREFIXES):
                yield file, file.line_of(offset), f"{name}() is a call of the system; it goes through pool/os"
        for match in re.finditer(r"\berrno\b", file.code):
            yield file, file.line_of(match.start()), "errno is the operating system's; only pool/os reads it"


def rule_atomics(files):
    """Atomic operations go through pool/os/atomic.h."""
    direct = re.compile(r"<stdatomic\.h>|\b(atomic_\w+|__atomic_\w+|__sync_\w+|__c11_atomic_\w+)[ \t]*\(")
    for file in files:
        if not file.is_c or file.layer() is None or file.path == "pool/os/atomic.h":
            continue
        for match in direct.finditer(file.code):
            yield file, file.line_of(match.start()), f"{match.group(1) or 'stdatomic.h'} is for pool/os/atomic.h only"


def rule_system_branches(files):
    """A port is a file, not a branch."""
    for file in files:
        # The engine's choice depends on the system, and so does how a name is exported.
        if not file.is_c or file.layer() in (None, "pool/os", "lib/engine"):
            continue
        for match in re.finditer(
            r"^[ \t]*#[ \t]*(?:el)?if.*\b(__linux__|__unix__|__ANDROID__|__APPLE__|__FreeBSD__|_WIN32|_WIN64)\b",
            file.code,
            re.MULTILINE,
        ):
            yield file, file.line_of(match.start(1)), f"{match.group(1)}: what depends on the system belongs in pool/os"


def rule_banned_calls(files):
    """Calls that are never right, and pauses in tests."""
    for file in files:
        if not file.is_c:
            continue
        banned = dict(BANNED_CALLS)
        if file.folder.split("/")[0] == "tests":
            banned.update(BANNED_IN_TESTS)
        for offset, name in calls(file):
            if name in banned:
                yield file, file.line_of(offset), f"{name}(): {banned[name]}"


def known_names(files):
    """All identifiers of code, strings and scripts, and those that macros paste together."""
    names = set()
    suffixes = set()
    for file in files:
        if file.is_document:
            continue
        source = file.strings if file.is_c else re.sub(r"^[ \t]*#.*$", "", file.text, flags=re.MULTILINE)
        names.update(re.findall(r"\w+", source))
        if file.is_c:
            suffixes.update(re.findall(r"\w+[ \t]*##[ \t]*(_\w+)", source))
    for file in files:
        if file.is_c:
            for argument in re.findall(r"^[ \t]*[A-Z][A-Z0-9_]*\([ \t]*(\w+)", file.code, re.MULTILINE):
                names.update(argument + suffix for suffix in suffixes)
    return names


def mask_links(text):
    return re.sub(r"https?://[^\s)>\]]+", lambda match: " " * len(match.group()), text)


def rule_names_in_comments(files):
    """What comments and documents name is there."""
    names = known_names(files)
    prefixes = {name[: i + 1] for name in names for i, c in enumerate(name) if c == "_"}
    # Files are named by their last part, or by as much of the path as the writer likes.
    paths = {"/" + file.path for file in files}

    for file in files:
        if file.is_c:
            text = mask_links(file.comments)
        elif file.is_document:
            text = mask_links(file.text)
        else:
            continue
        for match in re.finditer(r"\b(?:apm|APM)_\w+", text):
            name = match.group()
            # `apm_socket_begin_*` and the like stand for all that begin so.
            if name not in names and not (name.endswith("_") and name in prefixes):
                yield file, file.line_of(match.start()), f"there is no {name}"

        # Examples of commands in documents make up files as they need them.
        if file.is_document:
            text = re.sub(r"(?ms)^```.*?^```", lambda match: re.sub(r"[^\n]", " ", match.group()), text)
        for match in re.finditer(r"(?<![\w./*<-])[\w./-]*\w\.(?:c|h|md)\b(?![\w.]*[\w(])", text):
            name = match.group().removeprefix("./")
            if OS_HEADER.fullmatch(name) or SYSTEM_FILES.match(name):
                continue
            if not any(path.endswith("/" + name) for path in paths):
                yield file, file.line_of(match.start()), f"there is no file {name}"


def rule_quoted_files(files):
    """A document that says "This is `file`:" above a block of code quotes the file as it is."""
    texts = {file.path: file.text for file in files}
    for file in files:
        if not file.is_document:
            continue
        for match in re.finditer(r"(?ms)^This is `([\w./-]+)`:\n\n```\w*\n(.*?)^```$", file.text):
            if texts.get(match.group(1)) != match.group(2):
                yield file, file.line_of(match.start()), f"the block is not what is in {match.group(1)}"


def rule_public_functions_are_documented(files):
    """Above each declaration of a public header, or of the group it stands in, is a comment."""
    for file in files:
        if not file.path.startswith(PUBLIC + "/") or not file.is_c:
            continue
        code = file.code.split("\n")
        comments = file.comments.split("\n")
        for number, line in enumerate(code):
            if not re.match(r"APM_API\b", line):
                continue
            above = number - 1
            while above >= 0 and code[above].strip() != "":
                above -= 1
            if above < 0 or not comments[above].rstrip().endswith("*/"):
                name = re.search(r"(\w+)\(", line)
                yield file, number + 1, f"{name.group(1) if name else 'the declaration'} has no comment above it"


def rule_lines(files):
    """Lines fit, have neither tabs nor blanks at their end, and none is left of a merge."""
    for file in files:
        for number, line in enumerate(file.lines, 1):
            # A table's row and a link cannot be broken.
            unbreakable = file.is_document and (line.startswith("|") or "://" in line)
            width = sum(0 if unicodedata.combining(c) else 1 for c in line)
            if width > COLUMNS and not unbreakable:
                yield file, number, f"{width} columns, more than {COLUMNS}"
            if "\t" in line:
                yield file, number, "a tab"
            if line.startswith(("<" * 7 + " ", ">" * 7 + " ")):
                yield file, number, "a mark of a merge"
            if line != line.rstrip():
                yield file, number, "white space at the end"
        if file.text and not file.text.endswith("\n"):
            yield file, len(file.lines), "no line end at the end of the file"
        if file.text.endswith("\n\n"):
            yield file, len(file.lines), "an empty line at the end of the file"


def report_lengths(files):
    """Gives the places that are longer than a reader likes; they fail nothing."""
    for file in files:
        if not file.is_c:
            continue
        if len(file.lines) > FILE_LINES:
            yield file, 1, f"{len(file.lines)} lines, more than {FILE_LINES}"
        start = None
        name = ""
        code = file.code.split("\n")
        for number, line in enumerate(code, 1):
            if line.startswith("{"):
                # The head may be of several lines; its name is the last word before the first parenthesis.
                first = number - 2
                while first > 0 and code[first - 1].strip() and not code[first - 1].startswith(("}", "#")):
                    first -= 1
                heads = re.findall(r"(\w+)\s*\(", " ".join(code[first : number - 1]))
                name = heads[0] if heads else "?"
                start = number
            elif line.startswith("}") and start is not None:
                if number - start + 1 > FUNCTION_LINES:
                    yield file, start, f"{name} has {number - start + 1} lines, more than {FUNCTION_LINES}"
                start = None


RULES = {
    name.removeprefix("rule_"): function for name, function in list(globals().items()) if name.startswith("rule_")
}


def check(files):
    """Prints the outcome of every rule; true if all hold."""
    holds = True
    for name, rule in RULES.items():
        places = sorted({(file.path, line, why) for file, line, why in rule(files)})
        for path, line, why in places:
            print(f"FAIL {name}: {path}:{line}: {why}")
        if not places:
            print(f"ok {name}")
        holds = holds and not places
    for file, line, why in report_lengths(files):
        print(f"note: {file.path}:{line}: {why}")
    return holds


# -- The check of the check ------------------------------------------------------------------------------------------

DOCUMENTED = "/* A. */\nAPM_API int apm_f(int a,\n                  int b);\nAPM_API int apm_g(void);\n"

# (rule, path, text, line of the place that breaks the rule, or 0 if the text is right)
SNIPPETS = [
    ("layers", "pool/os/bad.c", '#include "pool.h"\n', 1),
    ("layers", "pool/bad.c", '\n#include "core.h"\n', 2),
    ("layers", "lib/core/bad.c", '#include "engine.h"\n', 1),
    ("layers", "lib/engine/bad.c", '#  include "internal_socket.h"\n', 1),
    ("layers", "lib/socket/bad.c", '#include "net.h"\n', 1),
    ("layers", "lib/net/bad.c", '#include "compat.h"\n', 1),
    ("layers", "lib/socket/bad.c", '#include "tests/harness.h"\n', 1),
    ("layers", "lib/socket/bad.c", '#include "../core/core.h"\n', 1),
    ("layers", "tests/bad.c", '#include "../lib/core/core.h"\n', 1),
    ("layers", "lib/socket/bad.c", '#include "nowhere.h"\n', 1),
    ("layers", "lib/socket/bad.c", '#include "good.c"\n', 1),
    ("layers", "include/apm/bad.h", '#include "core.h"\n', 1),
    ("layers", "include/apm/bad.h", "#include <sys/socket.h>\n", 1),
    ("layers", "include/apm/good.h", '#include <stdint.h>\n#include "apm/public.h"\n', 0),
    ("layers", "lib/net/good.c", '#include "apm/public.h"\n#include "os.h"\n#include "pool.h"\n', 0),
    ("layers", "lib/net/good.c", '#include "core.h"\n', 0),
    ("layers", "lib/net/good.c", '#include "engine.h"\n#include "internal_socket.h"\n#include "net.h"\n', 0),
    ("layers", "lib/core/good.c", '/* #include "net.h" */\n#include <stdlib.h>\n', 0),
    ("layers", "tests/good.c", '#include "core.h"\n#include <sys/socket.h>\n', 0),
    ("system_calls", "lib/socket/bad.c", "#include <sys/socket.h>\n", 1),
    ("system_calls", "pool/bad.c", "#include <unistd.h>\n", 1),
    ("system_calls", "pool/bad.c", "#include <pthread.h>\n", 1),
    ("system_calls", "lib/core/bad.c", "#include <errno.h>\n", 1),
    ("system_calls", "lib/engine/bad.c", "#include <sys/epoll.h>\n", 1),
    ("system_calls", "lib/engine/bad.c", "#include <poll.h>\n", 1),
    ("system_calls", "pool/bad.c", "int f(void)\n{\n    return clock_gettime(0, 0);\n}\n", 3),
    ("system_calls", "pool/bad.c", 'const char *f(void)\n{\n    return getenv("X");\n}\n', 3),
    ("system_calls", "pool/bad.c", "void f(void *p)\n{\n    free(p);\n}\n", 3),
    ("system_calls", "pool/bad.c", "void *f(void)\n{\n    return (char *)malloc(1);\n}\n", 3),
    ("system_calls", "pool/bad.c", "void f(void *p)\n{\n    void *q = realloc(p, 1);\n}\n", 3),
    ("system_calls", "pool/bad.c", "void f(void)\n{\n    if (calloc(1, 1)) {\n    }\n}\n", 3),
    ("system_calls", "pool/bad.c", "void f(void)\n{\n    pthread_self();\n}\n", 3),
    ("system_calls", "lib/socket/bad.c", "void f(void)\n{\n    close\n    (3);\n}\n", 3),
    ("system_calls", "lib/socket/bad.c", "int f(void)\n{\n    return errno;\n}\n", 3),
    ("system_calls", "lib/socket/good.c", "static void close(int a)\n{\n}\nvoid f(void)\n{\n    close(1);\n}\n", 0),
    ("system_calls", "lib/socket/good.c", "void f(struct s *s)\n{\n    s->poll(1);\n    s->v.send (1);\n}\n", 0),
    ("system_calls", "lib/socket/good.c", "struct s {\n    void (*send)(int);\n};\nvoid shutdown(int);\n", 0),
    ("system_calls", "lib/socket/good.c", '/* malloc(1) and errno */\nconst char *a = "free(2)";\n', 0),
    ("system_calls", "pool/os/good.c", "#include <unistd.h>\nvoid f(void)\n{\n    close(1);\n}\n", 0),
    ("system_calls", "tests/good.c", "#include <unistd.h>\nvoid f(void)\n{\n    close(1);\n}\n", 0),
    ("atomics", "pool/bad.c", "#include <stdatomic.h>\n", 1),
    ("atomics", "pool/os/bad.c", "#include <stdatomic.h>\n", 1),
    ("atomics", "lib/core/bad.c", "int f(int *a)\n{\n    return __atomic_load_n(a, 0);\n}\n", 3),
    ("atomics", "lib/core/bad.c", "int f(int *a)\n{\n    return atomic_load(a);\n}\n", 3),
    ("atomics", "pool/os/atomic.h", "#include <stdatomic.h>\n", 0),
    ("atomics", "lib/core/good.c", "int f(int *a)\n{\n    return apm__atomic_load(a, 0);\n}\n", 0),
    ("atomics", "tests/good.c", "#include <stdatomic.h>\n", 0),
    ("system_branches", "lib/socket/bad.c", "#ifdef __linux__\n#endif\n", 1),
    ("system_branches", "pool/bad.c", "#if 0\n#elif defined(_WIN32)\n#endif\n", 2),
    ("system_branches", "lib/engine/good.c", "#ifdef __linux__\n#endif\n", 0),
    ("system_branches", "pool/os/good.c", "#ifdef __linux__\n#endif\n", 0),
    ("banned_calls", "examples/bad.c", "void f(char *a)\n{\n    strcpy(a, a);\n}\n", 3),
    ("banned_calls", "bench/bad.c", "void f(char *a)\n{\n    strcat(a, a);\n}\n", 3),
    ("banned_calls", "lib/core/bad.c", 'void f(char *a)\n{\n    sprintf(a, "");\n}\n', 3),
    ("banned_calls", "lib/core/bad.c", "void f(char *a)\n{\n    a = gets(a);\n}\n", 3),
    ("banned_calls", "lib/core/bad.c", "void f(char *a)\n{\n    a = strtok(a, a);\n}\n", 3),
    ("banned_calls", "tests/bad.c", "int f(char *a)\n{\n    return atoi(a);\n}\n", 3),
    ("banned_calls", "lib/core/bad.c", "void f(void)\n{\n    void *a = alloca(3);\n}\n", 3),
    ("banned_calls", "examples/bad.c", "void f(void)\n{\n    signal(1, 0);\n}\n", 3),
    ("banned_calls", "tests/bad.c", "void f(void)\n{\n    usleep(1);\n}\n", 3),
    ("banned_calls", "tests/deep/bad.c", "void f(void)\n{\n    if (1) sleep(1);\n}\n", 3),
    ("banned_calls", "bench/good.c", "void f(void)\n{\n    sleep(1);\n    snprintf(0, 0, 0);\n}\n", 0),
    ("names_in_comments", "lib/core/bad.c", "\n/* See apm_never_was. */\n", 2),
    ("names_in_comments", "lib/core/bad.c", "int a; // APM_NEVER_WAS\n", 1),
    ("names_in_comments", "README.md", "text\n\nCall `apm_never_was`.\n", 3),
    ("names_in_comments", "README.md", "```c\napm_never_was();\n```\n", 2),
    ("names_in_comments", "lib/core/bad.c", "/* Never apm_public_never_*. */\n", 1),
    ("names_in_comments", "lib/core/bad.c", "/* As in never.c. */\n", 1),
    ("names_in_comments", "docs/bad.md", "See [it](docs/never.md).\n", 1),
    ("names_in_comments", "docs/bad.md", "See `pool/core.h`.\n", 1),
    ("names_in_comments", "docs/good.md", "`apm_public_call`, `apm_public_*`, docs/good.md, core/core.h.\n", 0),
    ("names_in_comments", "docs/good.md", "apm_thing_is_null, <sys/epoll.h>, https://a.example/never.md\n", 0),
    ("names_in_comments", "docs/good.md", "```\ncc mine.c\n```\n`*.c`, e.g. and i.e. stay words, as does 3.c5.\n", 0),
    ("names_in_comments", "lib/core/good.c", '/* APM_SETTING */\nconst char *a = "APM_SETTING";\n', 0),
    ("quoted_files", "README.md", "Look.\nThis is `pool/os/os.h`:\n\n```c\nint a;\n```\n", 2),
    ("quoted_files", "README.md", "This is `pool/os/never.h`:\n\n```c\n```\n", 1),
    ("quoted_files", "README.md", "This is `pool/os/os.h`:\n\n```c\n```\n\n```c\nint a;\n```\n", 0),
    ("public_functions_are_documented", "include/apm/bad.h", "\nAPM_API int apm_f(void);\n", 2),
    ("public_functions_are_documented", "include/apm/bad.h", "/* A. */\n\nAPM_API int apm_f(void);\n", 3),
    ("public_functions_are_documented", "include/apm/bad.h", DOCUMENTED + "\nAPM_API int apm_h(void);\n", 6),
    ("public_functions_are_documented", "include/apm/good.h", DOCUMENTED, 0),
    ("lines", "lib/core/bad.c", "int a;\n" + "/* " + "x" * 115 + " */\n", 2),
    ("lines", "lib/core/bad.c", "\tint a;\n", 1),
    ("lines", "tools/bad.py", "a = 1 \n", 1),
    ("lines", "docs/bad.md", "word\n" + "<" * 7 + " HEAD\n", 2),
    ("lines", "docs/bad.md", "word " * 30 + "word\n", 1),
    ("lines", "check", "echo a", 1),
    ("lines", "lib/core/bad.c", "int a;\n\n", 2),
    ("lines", "lib/core/good.c", "/* " + "é" * 114 + " */\n", 0),
    ("lines", "docs/good.md", "| " + "x" * 130 + " |\n", 0),
]

# What the snippets may refer to.
SURROUNDINGS = {
    "include/apm/public.h": "/* P. */\nAPM_API int apm_public_call(void);\nAPM_DECLARE_HANDLE(apm_thing);\n",
    "include/apm/handle.h": "#define APM_DECLARE_HANDLE(type) int type##_is_null(int);\n",
    "pool/os/os.h": "",
    "pool/pool.h": "",
    "lib/core/core.h": "",
    "lib/engine/engine.h": "",
    "lib/socket/internal_socket.h": "",
    "lib/net/net.h": "",
    "lib/compat/compat.h": "",
    "tests/harness.h": "",
}

LONG_FUNCTION = "static int long_one(int a,\n                    int b)\n{\n" + "    a++;\n" * FUNCTION_LINES + "}\n"


def lay_out(root, tree):
    for path, text in tree.items():
        os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(root, path), "w", encoding="utf-8") as file:
            file.write(text)


def self_test():
    """Prints a line for each rule; true if all do what the snippets ask."""
    problems = {name: [] for name in [*RULES, "lengths"]}
    tried = {name: set() for name in RULES}
    for rule, path, text, expected in SNIPPETS:
        with tempfile.TemporaryDirectory() as root:
            lay_out(root, {**SURROUNDINGS, path: text})
            found = sorted({(file.path, line) for file, line, _ in RULES[rule](read_tree(root))})
        tried[rule].add(expected > 0)
        if found != ([(path, expected)] if expected else []):
            problems[rule].append(f"{path} {text!r} gave {found}, not line {expected}")
    for name, outcomes in tried.items():
        if outcomes != {True, False}:
            problems[name].append("needs snippets that it refuses and snippets that it lets through")

    with tempfile.TemporaryDirectory() as root:
        lay_out(root, {"lib/a.c": LONG_FUNCTION, "lib/b.c": "int a;\n" * (FILE_LINES + 1), "lib/c.c": "int a;\n"})
        found = [(file.path, line, why.split()[0]) for file, line, why in report_lengths(read_tree(root))]
    if found != [("lib/a.c", 3, "long_one"), ("lib/b.c", 1, str(FILE_LINES + 1))]:
        problems["lengths"].append(f"gave {found}")

    for name, whys in problems.items():
        print(f"FAIL self-test {name}: {'; '.join(whys)}" if whys else f"ok self-test {name}")
    return not any(problems.values())


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--self-test"]:
        return 0 if self_test() else 1
    root = arguments[0] if arguments else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    return 0 if check(read_tree(root)) else 1


if __name__ == "__main__":
    sys.exit(main())
