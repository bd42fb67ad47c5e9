#!/usr/bin/env python3
"""The corpora of the fuzz targets, a text file each: an input a line, in which `\\xNN` is the byte of that number.

    corpus.py unpack NAME.corpus folder     writes each input as a file, as libFuzzer has them
    corpus.py pack folder NAME.corpus       writes the files of a folder as lines, the shortest first
    corpus.py line file                    prints a file as a line: a find, to be kept as a test
"""

import hashlib
import os
import re
import sys

PLAIN = set(range(33, 127)) - {ord("\\")}


def to_line(data):
    return "".join(chr(byte) if byte in PLAIN else f"\\x{byte:02x}" for byte in data)


def from_line(line):
    data = re.sub(rb"\\x([0-9a-fA-F]{2})", lambda match: bytes([int(match.group(1), 16)]), line.rstrip(b"\n"))
    return data


def unpack(corpus, folder):
    os.makedirs(folder, exist_ok=True)
    with open(corpus, "rb") as lines:
        for data in map(from_line, lines):
            with open(os.path.join(folder, hashlib.sha1(data).hexdigest()), "wb") as file:
                file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def pack(folder, corpus):
    inputs = {read(os.path.join(folder, name)) for name in os.listdir(folder)}
    with open(corpus, "w", encoding="ascii") as lines:
        for data in sorted(inputs, key=lambda data: (len(data), data)):
            lines.write(to_line(data) + "\n")


def main():
    arguments = sys.argv[1:]
    if len(arguments) == 3 and arguments[0] == "unpack":
        unpack(*arguments[1:])
    elif len(arguments) == 3 and arguments[0] == "pack":
        pack(*arguments[1:])
    elif len(arguments) == 2 and arguments[0] == "line":
        print(to_line(read(arguments[1])))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
