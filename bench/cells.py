"""The cells of bench/compare: ways of loading the servers, the servers themselves, and the figures that are printed.

Not a program. README.md says what the cells and figures mean.
"""

from dataclasses import dataclass

BASES = {"echo": "epoll", "udp": "mmsg"}  # the server, by the first part of its program's name, that ratios are to
SERVERS = {
    "echo": ["apm", "epoll", "uring", "libuv", "libevent", "asio", "gio", "dotnet", "dotnet_saea", "dotnet_inline"],
    "udp": ["apm", "mmsg", "libuv", "dotnet"],
}
STUCK_SERVERS = ["apm", "dotnet", "dotnet_saea", "dotnet_inline"]  # those that can be told to block in a callback

# Those whose callbacks run on a pool of workers, one at a time for a connection, and whose operations any thread may
# begin, as the library's. The others' run on the one thread that waits for their sockets.
SAME_SERVICE = ["asio", "dotnet", "dotnet_saea"]


@dataclass(frozen=True)
class DotnetServer:
    """A program in .NET: its folder under bench/dotnet in the build folder, and what its environment says."""

    folder: str
    program: str
    environment: tuple = ()


INLINE = (("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1"),)
DOTNET_SERVERS = {
    "echo_dotnet": DotnetServer("", "echo_dotnet"),
    "echo_dotnet_saea": DotnetServer("saea", "echo_dotnet_saea"),
    "echo_dotnet_inline": DotnetServer("saea", "echo_dotnet_saea", INLINE),
    "udp_dotnet": DotnetServer("udp", "udp_dotnet"),
}


@dataclass(frozen=True)
class Cell:
    """One way of loading the servers, the same for all of them."""

    name: str
    title: str
    load: tuple
    buffer_bytes: int = 4096
    workers: int = 1
    kind: str = "load"
    quick: bool = True
    default: bool = True  # without --cells
    servers: tuple = ()  # those that take part, if not all of the kind
    most_turns: int = 8  # in which it can be measured: a turn is to be longer than the longest latency

    @property
    def has_turns(self):
        """Whether its servers are there at the same time; not where one is measured while it rests, or blocks."""
        return self.kind in ("load", "udp")

    @property
    def protocol(self):
        """What the names of its servers' programs begin with."""
        return "udp" if self.kind == "udp" else "echo"


def connections_cell(count, **others):
    return Cell(f"c{count}", f"{count:,} connections, 64 B, depth 1", ("--connections", str(count)), **others)


def workers_cell(count):
    return Cell(f"w{count}", f"100 connections, 64 B, {count} workers", ("--connections", "100"), workers=count,
                default=False, servers=("apm", "epoll", "asio", "dotnet", "dotnet_saea"))


CELLS = [
    connections_cell(64),
    connections_cell(1000),
    Cell("churn", "64 times at once: connect, 64 B, echo, close", ("--connections", "64", "--churn")),
    Cell("c1", "1 connection, 64 B; the load sleeps while it waits", ("--connections", "1")),
    Cell("c1spin", "1 connection, 64 B; the load never sleeps", ("--connections", "1", "--spin")),
    Cell("bulk4k", "16 connections, 16 KiB, server buffers of 4 KiB", ("--connections", "16", "--size", "16384")),
    Cell("bulk64k", "16 connections, 16 KiB, server buffers of 64 KiB", ("--connections", "16", "--size", "16384"),
         buffer_bytes=65536),
    Cell("stuck", "64 connections, 64 B; 2 workers, one of them always in a 1-second callback",
         ("--connections", "64", "--stuck"), workers=2, kind="stuck"),
    Cell("idle1000", "1,000 idle connections, server buffers of 1 KiB", ("--idle", "1000"), buffer_bytes=1024,
         kind="idle"),
    Cell("idle10000", "10,000 idle connections, server buffers of 1 KiB", ("--idle", "10000"), buffer_bytes=1024,
         kind="idle", quick=False),
    Cell("udp", "datagrams: 8 sockets, 16 in flight on each, 64 B", ("8", "16", "64"), kind="udp"),
    Cell("udp1", "datagrams: 1 socket, 1 in flight, 64 B", ("1", "1", "64"), kind="udp"),
    Cell("bulk1200", "datagrams: 4 sockets, 32 in flight on each, 1,200 B", ("4", "32", "1200"), kind="udp"),
    Cell("train1200", "the same, but the load sends and receives trains; so do the servers of that name",
         ("4", "32", "1200", "1"), kind="udp", servers=("apm_train", "mmsg_train", "apm", "mmsg", "libuv", "dotnet")),
    connections_cell(10, default=False),
    connections_cell(100, default=False),
    connections_cell(10000, default=False, most_turns=1),
    workers_cell(2),
    workers_cell(4),
    workers_cell(8),
]
GROUPS = {
    "bulk": ["bulk4k", "bulk64k"],
    "idle": ["idle1000", "idle10000"],
    "datagrams": ["udp", "udp1", "bulk1200", "train1200"],
    "connections": ["c1", "c10", "c100", "c1000", "c10000"],
    "workers": ["c100", "w2", "w4", "w8"],
}


@dataclass(frozen=True)
class Column:
    """One figure of the load generator's output, and how to print it."""

    key: str
    title: str
    scale: float
    digits: int
    ratio: bool = True


LOAD_COLUMNS = [
    Column("server_cpu_us_per_message", "CPU us/message", 1, 2),
    Column("messages_per_s", "messages/s", 1, 0),
    Column("p50_us", "p50 us", 1, 1),
    Column("p99_us", "p99 us", 1, 1),
]
COLUMNS = {
    "load": LOAD_COLUMNS + [
        Column("server_busy_percent", "server busy %", 1, 0, ratio=False),
        Column("load_busy_percent", "load busy %", 1, 0, ratio=False),
    ],
    "stuck": LOAD_COLUMNS + [
        Column("max_us", "max us", 1, 0, ratio=False),
        Column("stuck_echoes", "blocked callbacks", 1, 0, ratio=False),
    ],
    "udp": LOAD_COLUMNS[:2] + [
        Column("lost", "lost", 1, 0, ratio=False),
        Column("server_busy_percent", "server busy %", 1, 0, ratio=False),
        Column("load_busy_percent", "load busy %", 1, 0, ratio=False),
    ],
    "idle": [
        Column("bytes_per_connection", "bytes/connection", 1, 0, ratio=False),
        Column("written_before_bytes", "own KiB before", 1 / 1024, 0, ratio=False),
        Column("written_after_bytes", "own KiB after", 1 / 1024, 0, ratio=False),
        Column("idle_cpu_us_per_s", "idle CPU us/s", 1, 0, ratio=False),
    ],
}


def find_cells(names):
    """The cells of these names, groups among them. Raises KeyError with the name that there is not."""
    known = {cell.name: cell for cell in CELLS}
    return [known[name] for group in names for name in GROUPS.get(group, [group])]


def default_cells(quick):
    return [cell for cell in CELLS if cell.default and (cell.quick or not quick)]
