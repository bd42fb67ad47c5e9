"""Reads the public headers: what is declared in include/apm/*.h, and what the comments above say.

A comment belongs to the declarations below it, also those behind empty lines, up to the next one. Its paragraphs are
named by the word with which a line begins: Errors, Failure, Blocks, Threads, .NET and the like.
"""

import collections
import os
import re

FOLDER = "include/apm"

# A function: the parameters are pairs of a type and a name.
Function = collections.namedtuple("Function", "name result parameters comment header inline")

Headers = collections.namedtuple("Headers", "functions names values handles head")

FUNCTION = re.compile(
    r"^(APM_API|static inline)\s+(?:APM_MUST_CHECK\s+)?([\w ]+?[ *]+)(apm_\w+)\(([^()]*)\)", re.MULTILINE
)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def text_of(comment):
    """Gives the words of a comment, without its frame."""
    inner = comment.strip().removeprefix("/*").removesuffix("*/")
    return "\n".join(re.sub(r"^\s*\*? ?", "", line) for line in inner.split("\n")).strip("\n")


def paragraph(comment, title):
    """Gives the paragraph of a comment that begins with the title, in one line; "" if there is none."""
    # Short comments have ".NET: ..." and "Errors: ..." within a line.
    short = re.search(rf"(?<!\w){re.escape(title)}: (.*?)(?=\s\.NET: |$)", " ".join(comment.split()))
    lines = []
    inside = False
    for line in comment.split("\n"):
        begins = re.match(r"([A-Z.][\w.]*)  +\S|([A-Z]\w*, \w+ and \w+ as )", line)
        if begins:
            inside = begins.group(1) == title
        elif not line.strip() or not line.startswith(" "):
            inside = False
        if inside:
            lines.append(line.removeprefix(title).strip())
    return " ".join(lines) or (short.group(1) if short else "")


def parameters_of(text):
    """Splits a list of parameters into pairs of type and name."""
    pairs = []
    for parameter in text.split(","):
        parameter = " ".join(parameter.split())
        if parameter == "void" or not parameter:
            continue
        match = re.fullmatch(r"(.*?)(\w+)", parameter)
        pairs.append((match.group(1).strip(), match.group(2)))
    return tuple(pairs)


def functions_of(header, text):
    """Gives the functions that a header declares."""
    comment = ""
    for block in re.split(r"\n[ \t]*\n", text):
        comments = re.findall(r"/\*.*?\*/", block, re.DOTALL)
        comment = text_of(comments[-1]) if comments else comment
        code = re.sub(r"/\*.*?\*/", "", block, flags=re.DOTALL)
        for match in FUNCTION.finditer(code):
            kind, result, name, parameters = match.groups()
            yield Function(name, result.strip(), parameters_of(parameters), comment, header, kind != "APM_API")


def values_of(code, values):
    """Adds the constants of a header's enums, and of its macros that are numbers."""
    for body in re.findall(r"\benum\s+\w*\s*\{(.*?)\}", code, re.DOTALL):
        following = 0
        for entry in body.split(","):
            match = re.fullmatch(r"\s*(\w+)\s*(?:=\s*(?:\(\w+\)\s*)?(-?(?:0x[0-9a-fA-F]+|\d+))[uUlL]*)?\s*", entry)
            if match:
                following = int(match.group(2), 0) if match.group(2) else following
                values[match.group(1)] = following
                following += 1
    for name, number in re.findall(r"^#define (APM_\w+) \(?(-?\d+)\)?$", code, re.MULTILINE):
        values[name] = int(number)


def read_headers(root):
    """Reads all public headers of a tree but those of the porting layers, which are about nothing of .NET's."""
    folder = os.path.join(root, FOLDER)
    headers = [name for name in sorted(os.listdir(folder)) if name.endswith(".h")]
    return read_texts({header: read(os.path.join(folder, header)) for header in headers})


def read_texts(texts):
    """Reads headers whose texts are given by their names."""
    functions = {}
    names = set()
    values = {}
    handles = []
    head = {}
    for header, text in texts.items():
        code = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        names.update(re.findall(r"\b(?:apm|APM)_\w+", code))
        values_of(code, values)
        handles += re.findall(r"^APM_DECLARE_HANDLE\((\w+)\)", code, re.MULTILINE)
        head[header] = text_of(re.match(r"\s*/\*.*?\*/", text, re.DOTALL).group())
        for function in functions_of(header, text):
            functions[function.name] = function
    return Headers(functions, names, values, handles, head)
