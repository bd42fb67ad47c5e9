#!/usr/bin/env python3
"""Writes a copy of a source with one text replaced: mutate.py source copy old new

It is an error if the old text is not in the source exactly once: a mutation that no longer fits has to be looked at.
"""

import sys


def main():
    source, copy, old, new = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        text = file.read()
    if text.count(old) != 1:
        print(f"{source}: this is there {text.count(old)} times, not once:\n{old}", file=sys.stderr)
        return 1
    with open(copy, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new))
    return 0


if __name__ == "__main__":
    sys.exit(main())
