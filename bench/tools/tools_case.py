"""What the tests of the tools share: programs and servers that live for a test, and the list of the tests."""

import json
import os
import queue
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

# Nothing here takes more than a few seconds; the limit is for machines that are busy, and for checkers.
TIMEOUT_S = 60

FOLDER = "."
TESTS = []


class Skip(Exception):
    """The test cannot run here; the message says why."""


def test(function):
    """Makes the function a test, whose name is the sentence that it proves."""
    TESTS.append(function)
    return function


def run_tests(tests, pattern=""):
    """Runs those whose name contains the pattern, several at a time; returns the exit status."""

    def run(function):
        try:
            function()
        except Skip as why:
            return f"skip {function.__name__}: {why}"
        except Exception as why:  # pylint: disable=broad-except
            return f"FAIL {function.__name__}: {type(why).__name__}: {why}".replace("\n", " | ")
        return f"ok {function.__name__}"

    lines = []
    with ThreadPoolExecutor(max_workers=6) as pool:
        for line in pool.map(run, [function for function in tests if pattern in function.__name__]):
            print(line, flush=True)
            lines.append(line)
    return 1 if not lines or any(line.startswith("FAIL") for line in lines) else 0


def program(name):
    return os.path.join(FOLDER, name)


def run(name, *arguments, **options):
    """Runs a tool to its end; gives its exit status, standard output and standard error."""
    done = subprocess.run([program(name), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=TIMEOUT_S, check=False, **options)
    return done.returncode, done.stdout, done.stderr


class Process:
    """A program that runs beside a test; ends with it."""

    def __init__(self, *command, **options):
        self.process = subprocess.Popen([*map(str, command)], text=True, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


class Echo(Process):
    """apm-echo on the addresses; `addresses` is where it listens."""

    def __init__(self, *arguments):
        super().__init__(program("apm-echo"), *arguments, stdout=subprocess.PIPE)
        self.addresses = []

    def __enter__(self):
        wanted = sum(1 for argument in self.process.args if ":" in argument)
        for _ in range(wanted):
            line = self.process.stdout.readline()
            assert line.startswith("listening on "), f"it prints {line!r}"
            self.addresses.append(line.removeprefix("listening on ").rstrip("\n"))
        return self


def connect(address):
    """A Python socket to an address as the tools write it."""
    scheme, _, rest = address.partition(":")
    if scheme == "unix":
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(TIMEOUT_S)
        peer.connect("\0" + rest[1:] if rest.startswith("@") else rest)
        return peer
    host, port = re.fullmatch(r"//\[?(.*?)\]?:(\d+)", rest).groups()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    peer = socket.socket(family, socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM)
    peer.settimeout(TIMEOUT_S)
    peer.connect((host, int(port)))
    return peer


def receive_exactly(peer, size):
    data = b""
    while len(data) < size:
        part = peer.recv(size - len(data))
        assert part, f"the stream ends after {len(data)} of {size} bytes"
        data += part
    return data


class Server:
    """Serves each connection on a thread: serve(peer, number), number counting the connections from 0."""

    def __init__(self, serve):
        self.serve = serve
        self.count = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Closing alone would leave the accept in progress, and with it the port, alive.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        try:
            while True:
                peer, _ = self.listener.accept()
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.run, args=(peer, self.count), daemon=True).start()
                self.count += 1
        except OSError:
            pass

    def run(self, peer, number):
        try:
            with peer:
                self.serve(peer, number)
        except OSError:
            pass


def load(target, *arguments, seconds=0.2):
    """Runs apm-load for a moment; gives its exit status, its figures, and what it printed as errors."""
    status, output, errors = run("apm-load", "--json", "-w", "0", "-d", seconds, *arguments, target)
    return status, json.loads(output) if output else None, errors


def load_until(is_enough, target, *arguments, seconds=0.2):
    """On a machine that is busy a moment may be too short for anything to happen; then a longer one is tried."""
    for factor in (1, 5, 25):
        status, figures, errors = load(target, *arguments, seconds=seconds * factor)
        if figures is not None and is_enough(figures):
            break
    return status, figures, errors


def expect_right(target, *arguments, seconds=0.2):
    status, figures, errors = load_until(lambda figures: figures["answers"] > 0, target, *arguments, seconds=seconds)
    assert (status, errors) == (0, ""), f"status {status}: {figures} {errors}"
    assert figures["answers"] > 0 and figures["errors"] == 0, figures
    assert figures["p50_us"] <= figures["p99_us"] <= figures["max_us"], figures
    return figures


def expect_error(target, error, *arguments, seconds=0.2):
    status, figures, errors = load_until(lambda figures: error in figures["error_names"], target, *arguments,
                                        seconds=seconds)
    assert status == 1, f"status {status}: {figures} {errors}"
    assert figures["error_names"].get(error, 0) > 0, f"{error} is not in {figures['error_names']}"
    assert figures["errors"] == sum(figures["error_names"].values()), figures
    return figures


__all__ = [name for name in dir() if not name.startswith("_")]
