"""The report of bench/compare: what it measures, in what order and for how long, and the files that it writes.

Not a program. All that was measured is in DIR/results.json, from which alone the pages are written (sections.py). The
parts with few runs come first, then the servers, round after round, until the rounds or the time are used up: so what
takes longer on a slower machine is measured less often, and the report says how often.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import machine
import sections
from cells import find_cells
from rounds import Noise, show_progress
from runs import Results

LIMIT_S, QUICK_LIMIT_S = 27 * 60, 150  # no round begins that would end later
IDLE_ROUNDS = 2  # memory hardly varies, and these take long
CELLS = ["c1", "c10", "c100", "c1000", "c10000", "churn", "bulk4k", "bulk64k", "stuck", "w2", "w4", "w8", "idle10000",
         "udp", "bulk1200"]
QUICK_CELLS = ["c1", "c100", "c1000", "churn", "bulk64k", "stuck", "w2", "idle1000", "udp"]

SCALE_COUNTS = {
    "sockets": [1, 10, 100, 1000, 10000, 100000],
    "hand": [1, 10, 100, 1000, 10000, 100000],
    "queue": [1, 10, 100, 1000, 10000, 100000],
    "change": [1000, 10000, 100000, 1000000],
    "fire": [1000, 10000, 100000, 1000000],
}
SCALE_ROUNDS = 2

POOL_CELLS = "one_producer,fork_join,ping_pong,mix"
POOL_OPTIONS = ["--workers", "2,4", "--rounds", "3", "--seconds", "0.25", "--mix-seconds", "1", "--cells", POOL_CELLS]
QUICK_POOL_OPTIONS = ["--workers", "2", "--quick", "--seconds", "0.1", "--cells", "one_producer,fork_join,ping_pong"]

TLS_OPTIONS = ["--rounds", "6", "--seconds", "0.3", "--cells", "bulk,small,full"]
QUICK_TLS_OPTIONS = ["--rounds", "1", "--seconds", "0.2", "--cells", "bulk,full", "--servers", "apm,mbedtls,openssl"]


def cells(quick):
    return find_cells(QUICK_CELLS if quick else CELLS)


def script(name):
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), name)


def run_script(name, *options):
    """Runs another of the comparing scripts. Returns what it printed, and an error text."""
    show_progress(name)
    done = subprocess.run([sys.executable, script(name), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    show_progress("")
    error = done.stderr.strip() or f"status {done.returncode}"
    return done.stdout, f"{name}: {error}" if done.returncode != 0 else ""


def measure_pool(options):
    """The lines that compare_pool writes of its runs, and a list of errors."""
    with tempfile.TemporaryDirectory() as folder:
        raw = os.path.join(folder, "raw")
        _, error = run_script("compare_pool", "--build", options.build, "--raw", raw,
                              *(QUICK_POOL_OPTIONS if options.quick else POOL_OPTIONS))
        if not os.path.exists(raw):
            return [], [error] if error else []
        with open(raw, encoding="utf-8") as file:
            runs = [json.loads(line) for line in file]
    return runs, [f"pool {run['cell']} {run['peer']}: {run['error']}" for run in runs if run["error"]]


def measure_tls(options):
    """What compare_tls prints, and a list of errors; nothing where it is not there."""
    if not os.path.exists(script("compare_tls")):
        return "", []
    text, error = run_script("compare_tls", "--build", options.build, "--cores", ",".join(options.cores),
                             *(QUICK_TLS_OPTIONS if options.quick else TLS_OPTIONS))
    return text, [error] if error else []


def measure_scale(options):
    """Runs of scale_apm, in turn, and what it could not do."""
    program = os.path.join(options.build, "bench", "scale_apm")
    runs, refused = [], []
    if not os.path.exists(program):
        return runs, ["scale_apm is not there"]
    for number in range(1 if options.quick else SCALE_ROUNDS):
        for cell, counts in SCALE_COUNTS.items():
            for count in counts[1::2] if options.quick else counts:
                show_progress(f"round {number + 1} {cell} {count}")
                done = subprocess.run([program, cell, str(count)], capture_output=True, text=True, check=False)
                words = done.stdout.split()
                if done.returncode != 0:
                    refused.append(f"{cell} {count:,}: {done.stderr.strip() or done.returncode}")
                else:
                    runs.append({"cell": cell, "count": count, "round": number + 1, "wall_ns": float(words[2]),
                                 "cpu_ns": float(words[3]), "sockets": int(words[5])})
    show_progress("")
    return runs, list(dict.fromkeys(refused))


def measure_servers(options, chosen, servers, limit_s, write):
    """Rounds of all servers until the rounds or the time are used up; writes after each."""
    results = Results(chosen, servers)
    longest_s = 0
    for number in range(options.rounds):
        began_s = time.monotonic()
        if number > 0 and began_s + longest_s > limit_s:
            break
        results.run_round(options, number, [cell for cell in chosen if cell.kind != "idle" or number < IDLE_ROUNDS])
        longest_s = max(longest_s, time.monotonic() - began_s)
        write(results, number + 1)
    return results


def measure_and_write(options, chosen, servers, missing):
    """Measures all, writes the report, and returns the errors."""
    os.makedirs(options.report, exist_ok=True)
    limit_s = time.monotonic() + (QUICK_LIMIT_S if options.quick else LIMIT_S)
    noise = Noise()
    everything = {
        "machine": machine.describe(options.build),
        "settings": {"seconds": options.seconds, "turns": options.turns, "warmup": options.warmup,
                     "quick": options.quick, "cores": options.cores},
        "missing": missing,
        "cells": {},
        "errors": [],
    }
    everything["pool"], pool_errors = measure_pool(options)
    everything["scale"], everything["scale_refused"] = measure_scale(options)
    everything["tls"], tls_errors = measure_tls(options)

    def write(results, rounds):
        everything["settings"]["rounds"] = rounds
        everything["cells"] = results.by_cell
        everything["errors"] = pool_errors + tls_errors + results.errors
        everything["noise"] = dict(zip(("others_percent", "stolen_percent", "seconds"), noise.shares()))
        with open(os.path.join(options.report, "results.json"), "w", encoding="utf-8") as file:
            json.dump(everything, file)

    measure_servers(options, chosen, servers, limit_s, write)
    write_again(options.report)
    return everything["errors"]


def write_again(folder):
    """Writes the pages of a folder's results. Returns the exit status."""
    try:
        with open(os.path.join(folder, "results.json"), encoding="utf-8") as file:
            results = json.load(file)
    except (OSError, ValueError) as error:
        print(f"compare: no results in {folder}: {error}", file=sys.stderr)
        return 2
    page = sections.write(results)
    for name, content in {"report.md": page.markdown(), "report.html": page.html(), **page.plots}.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(content)
    print(f"{folder}/report.md and {folder}/report.html are written")
    return 0
