"""What the comparing scripts share: figures of several rounds, tables of them, and how quiet the machine was.

Not a program. The scripts switch off the writing of bytecode before they import it, so that the sources stay as they
are.
"""

import os
import resource
import statistics
import sys
import time


def show_progress(text):
    if sys.stderr.isatty():
        print(f"\r{text}\033[K", end="", file=sys.stderr, flush=True)


def in_turn(names, shift):
    """The names in their order, beginning with another one in each round, so that none always has the same place."""
    first = shift % max(len(names), 1)
    return names[first:] + names[:first]


def number(value, digits):
    """Three significant digits are more than the noise leaves, and never more than `digits` behind the point."""
    before_point = len(str(abs(int(value))))
    return f"{value:,.{max(0, min(digits, 3 - before_point))}f}"


def spread(values, digits):
    """The median, and the least and largest value where there are several."""
    if not values:
        return "-"
    text = number(statistics.median(values), digits)
    if len(values) > 1:
        text += f" [{number(min(values), digits)}-{number(max(values), digits)}]"
    return text


def ratios(values, base_values):
    """Ratios taken within a round, where both met the same noise. None stands for a run that has failed."""
    return [value / base for value, base in zip(values, base_values)
            if value is not None and base is not None and base > 0]


def interval(values):
    """Holds the median of what the values are drawn from with at least 95 %, by the ranks of the sign test."""
    ordered = sorted(values)
    count = len(ordered)
    outside, cumulated, term = 0, 0.0, 0.5**count
    while outside < count // 2:
        cumulated += term
        if 2 * cumulated > 0.05:
            break
        term = term * (count - outside) / (outside + 1)
        outside += 1
    rank = max(outside - 1, 0)
    return ordered[rank], ordered[count - 1 - rank]


def print_table(title, rows):
    """Prints rows of texts, the first of which is the header, with their columns aligned."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    print(f"\n{title}")
    for row in rows:
        print(row[0].ljust(widths[0]), *[text.rjust(width) for text, width in zip(row[1:], widths[1:])], sep="  ")


class Noise:
    """How much of the machine others used since this was made, because that is what the spread comes from."""

    def __init__(self):
        self.start = time.monotonic()
        self.busy, self.steal = machine_seconds()
        self.own = own_seconds()

    def shares(self):
        """What others and the hypervisor took of the machine, in percent, and the time. Children must have ended."""
        elapsed = time.monotonic() - self.start
        busy, steal = machine_seconds()
        capacity = elapsed * os.cpu_count()
        others = max(0.0, 100 * (busy - self.busy - (own_seconds() - self.own)) / capacity)
        return others, 100 * (steal - self.steal) / capacity, elapsed

    def print(self):
        others, stolen, elapsed = self.shares()
        print(f"\nOther processes used {others:.1f} % of the machine, and the hypervisor took {stolen:.1f} %; "
              f"{elapsed:.0f} s in all.")


def own_seconds():
    """Seconds of processor time that this process and its ended children have used."""
    return sum(usage.ru_utime + usage.ru_stime for usage in
               (resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)))


def machine_seconds():
    """Seconds that all cores together were busy, and that the hypervisor gave to others."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(field) for field in file.readline().split()[1:]]
    ticks = os.sysconf("SC_CLK_TCK")
    user, nice, system, _, _, interrupt, soft_interrupt, steal = fields[:8]
    return (user + nice + system + interrupt + soft_interrupt) / ticks, steal / ticks
