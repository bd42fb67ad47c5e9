"""Running the servers of bench/compare: fresh ones for each round and cell, on one core, and the load on another.

Where messages are counted, all servers of the cell are there at the same time, and the load goes from one to the next,
in short turns: so what the machine does meanwhile meets all of them. A server that nobody asks needs no processor.

Not a program. `options` is what it runs with: build, seconds (of a round), turns (that they are divided into), warmup,
cores (of the server and of the load), servers (a list of names, or None), raw (a file's name, or None).
"""

import json
import os
import select
import shutil
import subprocess
from dataclasses import dataclass, field
from statistics import median

from cells import DOTNET_SERVERS, SERVERS, STUCK_SERVERS
from rounds import in_turn, show_progress

START_LIMIT_S = 20
STOP_LIMIT_S = 5
RUN_LIMIT_S = 120  # beyond the measured time
DOTNET_WARMUP_S = 1.2  # the least: it compiles twice while it runs
TURN_WARMUP_S = 0.05  # for each turn after the first: the connections are new


@dataclass
class Server:
    """How a server is started."""

    command: list
    environment: dict = field(default_factory=dict)
    is_dotnet: bool = False


def find_server(build, program):
    """Returns a server, or None and why there is none."""
    dotnet = DOTNET_SERVERS.get(program)
    path = os.path.join(build, "bench", program)
    if dotnet:
        path = os.path.join(build, "bench", "dotnet", dotnet.folder, f"{dotnet.program}.dll")
    if not os.path.exists(path):
        return None, f"{path} is not there" + (" (bench/build_dotnet builds it)" if dotnet else "")
    if not dotnet:
        return Server([path]), ""
    if not shutil.which("dotnet"):
        return None, "dotnet is not on the PATH"
    return Server(["dotnet", path], dict(dotnet.environment), True), ""


def names_of(cell, asked):
    """The servers that take part in a cell; those that were asked for and are not known take part in all."""
    names = cell.servers or (STUCK_SERVERS if cell.kind == "stuck" else SERVERS[cell.protocol])
    if not asked:
        return list(names)
    return [name for name in asked if name in names or name not in SERVERS[cell.protocol]]


def find_servers(options, cells):
    """Returns servers[cell name][server name] of those that are there, and a text for each that is not."""
    found, missing, by_cell = {}, [], {}
    for cell in cells:
        names = names_of(cell, options.servers)
        for program, name in [(f"{cell.protocol}_{name}", name) for name in names]:
            if program not in found:
                found[program], why = find_server(options.build, program)
                if why:
                    missing.append(f"{name}: skipped, {why}")
        by_cell[cell.name] = {name: found[f"{cell.protocol}_{name}"] for name in names
                              if found[f"{cell.protocol}_{name}"]}
    return by_cell, missing


def start(server, cell, core):
    """Starts a server on a port of the kernel's choice. Returns its process and port, or the process and None."""
    environment = dict(os.environ, **server.environment, **({"ECHO_STUCK": "1"} if cell.kind == "stuck" else {}))
    process = subprocess.Popen(
        ["taskset", "-c", core, *server.command, "0", str(cell.workers), str(cell.buffer_bytes)],
        stdout=subprocess.PIPE, text=True, env=environment)
    ready, _, _ = select.select([process.stdout], [], [], START_LIMIT_S)
    line = process.stdout.readline().strip() if ready else ""
    if not line.startswith("listening on 127.0.0.1:"):
        return process, None
    return process, line.rpartition(":")[2]


def stop(process):
    """Ends the server. Returns an error text if it had ended by itself."""
    ended = process.poll()
    if ended is None:
        process.terminate()
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    process.stdout.close()
    return "" if ended is None else f"the server ended by itself with status {ended}"


def load_command(options, cell, pid, port, seconds, warmup):
    bench = os.path.join(options.build, "bench")
    if cell.kind == "udp":
        return [os.path.join(bench, "udp_load"), port, str(pid), *cell.load[:3], str(seconds), str(warmup),
                *cell.load[3:]]
    return [os.path.join(bench, "load"), "--json", "--port", port, "--pid", str(pid), "--duration", str(seconds),
            "--warmup", str(warmup), *cell.load]


def run_load(options, cell, pid, port, seconds, warmup):
    """Returns the figures and an error text, which is empty when all is right."""
    command = ["taskset", "-c", options.cores[1], *load_command(options, cell, pid, port, seconds, warmup)]
    try:
        load = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + RUN_LIMIT_S)
    except subprocess.TimeoutExpired:
        return {}, "the load generator did not end"
    figures = json.loads(load.stdout) if load.stdout else {}
    if cell.kind == "idle" and figures:
        figures["idle_cpu_us_per_s"] = figures["idle_cpu_ms"] * 1000 / figures["idle_seconds"]
    if load.returncode == 0:
        return figures, ""
    errors = [f"{key} {value}" for key, value in figures.items() if key.startswith("error_")]
    return figures, "; ".join(errors + load.stderr.strip().splitlines()) or f"load: status {load.returncode}"


def join_turns(turns):
    """The figures of a round: what was lost is added up, the longest is the longest, of the rest there is a median."""
    by_key = {key: [turn[key] for turn in turns] for key in turns[0]}
    joined = {key: values[0] if isinstance(values[0], str) else median(values) for key, values in by_key.items()}
    joined.update({key: sum(by_key[key]) for key in ("lost", "messages") if key in by_key})
    joined.update({key: max(by_key[key]) for key in ("max_us",) if key in by_key})
    return joined


def run_at_once(options, cell, servers, shift):
    """The servers at the same time, with the load at one after the other. Returns figures and an error by name."""
    turns = min(options.turns, cell.most_turns) if cell.has_turns else 1
    processes = {name: start(server, cell, options.cores[0]) for name, server in servers.items()}
    measured = {name: [] for name in servers}
    errors = {name: "" if port else "the server did not say where it listens" for name, (_, port) in processes.items()}
    try:
        for turn in range(turns):
            for name in in_turn(list(servers), shift + turn):
                if errors[name]:
                    continue
                process, port = processes[name]
                figures, errors[name] = run_load(options, cell, process.pid, port, seconds_of(options, cell) / turns,
                                                 warmup_of(options, servers[name], turn))
                measured[name].append(figures)
    finally:
        ended = {name: stop(process) for name, (process, _) in processes.items()}
    return {name: (join_turns(measured[name]) if measured[name] and measured[name][-1] else {},
                   errors[name] or ended[name]) for name in servers}


def seconds_of(options, cell):
    return max(options.seconds, 3) if cell.kind == "idle" and not options.quick else options.seconds


def warmup_of(options, server, turn):
    if turn > 0:
        return TURN_WARMUP_S
    return max(options.warmup, DOTNET_WARMUP_S if server.is_dotnet and not options.quick else 0)


class Results:
    """results.by_cell[cell name][server name] is the list of figures by round, None for a run that failed."""

    def __init__(self, cells, servers):
        self.cells = cells
        self.servers = servers
        self.by_cell = {cell.name: {name: [] for name in servers[cell.name]} for cell in cells}
        self.errors = []

    def run_round(self, options, number, cells):
        """Runs all servers of these cells once."""
        for cell_number, cell in enumerate(cells):
            servers, shift = self.servers[cell.name], number + cell_number
            alone = [{name: servers[name]} for name in in_turn(list(servers), shift)]
            for some in [servers] if cell.has_turns else alone:
                show_progress(f"round {number + 1}/{options.rounds} {cell.name} {' '.join(some)}")
                for name, (figures, error) in run_at_once(options, cell, some, shift).items():
                    self.add(options, number + 1, cell.name, name, figures, error)
        show_progress("")

    def add(self, options, number, cell, name, figures, error):
        self.by_cell[cell][name].append(None if error else figures)
        if error:
            self.errors.append(f"{cell} {name} round {number}: {error}")
        if options.raw:
            with open(options.raw, "a", encoding="utf-8") as raw:
                run = {"cell": cell, "server": name, "round": number, "error": error, **figures}
                raw.write(json.dumps(run) + "\n")
