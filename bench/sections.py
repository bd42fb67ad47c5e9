"""The sections of the report of bench/compare, written from its results.

Not a program. `results` is what report.py measured, as it is in results.json; each section adds itself to a page.
"""

from statistics import median

import plots
from cells import BASES, CELLS, SAME_SERVICE, SERVERS
from page import Page
from rounds import interval, number, ratios, spread

LEAST_ROUNDS = 6  # with fewer there is no interval of 95 %
ALLOWED = 1.03  # a peer is ahead where the whole interval of the ratio to it is above this
NAMES = SERVERS["echo"]
POOL_NAMES = ["apm", "dotnet", "asio", "glib", "libuv", "queue"]
TITLES = {cell.name: cell.title for cell in CELLS}
PROTOCOLS = {cell.name: cell.protocol for cell in CELLS}
CPU = "server_cpu_us_per_message"
CONNECTIONS = ["c1", "c10", "c100", "c1000", "c10000"]
WORKERS = ["c100", "w2", "w4", "w8"]


def figures_of(results, cell, server, key):
    """A figure by round; None for a run that failed."""
    return [figures[key] if figures else None for figures in results["cells"].get(cell, {}).get(server, [])]


def middle(results, cell, server, key):
    values = [value for value in figures_of(results, cell, server, key) if value is not None]
    return median(values) if values else None


def has_load(figures):
    return any(run and CPU in run for runs in figures.values() for run in runs)


def loaded_cells(results):
    """The measured cells in which messages were exchanged."""
    return [cell for cell in results["cells"] if has_load(results["cells"][cell])]


def with_interval(values):
    """The median of ratios with its 95 % interval, or with their range where there are too few for one."""
    if not values:
        return "-"
    text = number(median(values), 2)
    low, high = (number(bound, 2) for bound in interval(values))
    if len(values) >= LEAST_ROUNDS:
        return f"{text} [{low}, {high}]"
    return f"{text} ({low}-{high})" if len(values) > 1 else text


def verdict(values):
    """What the interval of the ratios says: lower is better."""
    if len(values) < LEAST_ROUNDS:
        return "too few rounds"
    low, high = interval(values)
    return "behind" if low > ALLOWED else "ahead" if high < 1 else "level"


def best_peer(results, cell):
    """Of those that give the same service, the one with the least processor time for a message."""
    costs = {name: middle(results, cell, name, CPU) for name in SAME_SERVICE}
    costs = {name: cost for name, cost in costs.items() if cost is not None}
    return min(costs, key=costs.get) if costs else None


def add_machine(page, results):
    settings, noise = results["settings"], results["noise"]
    longer = "" if settings["quick"] else " (.NET: 1.2 s at least)"
    page.paragraph(
        f"{settings['rounds']} round(s) of {settings['seconds']:g} s after {settings['warmup']:g} s of warm-up"
        f"{longer}; in each round the servers of a cell are started, and then asked in {settings['turns']} turns, the "
        "median of which is the round's figure (idle and blocked servers are alone, and asked once). Servers on core "
        f"{settings['cores'][0]}, load on core {settings['cores'][1]}. Figures are medians, with [least-largest] of "
        "the rounds. Ratios are taken within a round; behind their median is the interval that holds the true one with "
        "95 %, by the sign test, or, with fewer than six rounds, their range in round brackets.")
    page.paragraph(
        f"Other processes used {noise['others_percent']:.1f} % of the machine meanwhile, and the hypervisor took "
        f"{noise['stolen_percent']:.1f} %; {noise['seconds'] / 60:.1f} minutes in all. Above a few percent latencies "
        "and throughput are worth little; the processor time for a message still is a hint.")
    page.table([["machine", ""], *results["machine"]])
    if results["missing"]:
        page.paragraph("Left out: " + "; ".join(results["missing"]) + ".")
    if results["errors"]:
        page.paragraph(f"**{len(results['errors'])} runs failed**, and are left out:")
        page.listing("\n".join(results["errors"]))


def add_summary(page, results):
    page.heading("Where the library stands")
    page.paragraph(
        "Processor time of the server for a message. The best peer of the same service is the one with the least "
        f"among {', '.join(SAME_SERVICE)}: callbacks on a pool of workers, and any thread may begin an operation. The "
        "others run their callbacks on the one thread that waits for their sockets; one of them that blocks holds up "
        f"all. A peer counts as ahead where the whole interval is above {ALLOWED}. By hand is epoll, for datagrams "
        "recvmmsg and sendmmsg.")
    rows = [["load", "apm, us", "best peer", "its us", "apm to it", "", "apm to by hand"]]
    for cell in loaded_cells(results):
        own = figures_of(results, cell, "apm", CPU)
        if not any(own):
            continue
        peer = best_peer(results, cell)
        to_peer = ratios(own, figures_of(results, cell, peer, CPU))
        to_hand = ratios(own, figures_of(results, cell, BASES[PROTOCOLS[cell]], CPU))
        rows.append([TITLES[cell], number(middle(results, cell, "apm", CPU), 2), peer or "-",
                     number(middle(results, cell, peer, CPU), 2) if peer else "-", with_interval(to_peer),
                     verdict(to_peer), with_interval(to_hand)])
    page.table(rows)


def add_lines(page, results, name, title, x_title, cells, places, key, y_title, **options):
    shown = [(cell, place) for cell, place in zip(cells, places) if cell in results["cells"]]
    series = {server: [middle(results, cell, server, key) for cell, _ in shown] for server in NAMES}
    page.plot(name, plots.lines(title, x_title, y_title, [place for _, place in shown], series, NAMES, **options))


def add_connections(page, results):
    places = [f"{int(cell[1:]):,}" for cell in CONNECTIONS]
    page.heading("Connections")
    page.paragraph("Echoes of 64 bytes, one in flight on each connection, one worker.")
    add_lines(page, results, "throughput", "Messages a second", "connections", CONNECTIONS, places, "messages_per_s",
              "messages/s")
    add_lines(page, results, "cpu", "Processor time of the server for a message", "connections", CONNECTIONS, places,
              CPU, "us", is_log=True)


def add_latency(page, results):
    cell = "c100"
    keys = ["p50_us", "p90_us", "p99_us", "p999_us"]
    page.heading("Latency")
    page.paragraph("100 connections, in a closed loop: most of it is the queue of the other connections.")
    series = {server: [middle(results, cell, server, key) for key in keys] for server in NAMES}
    page.plot("latency", plots.lines("Percentiles of latency, 100 connections", "percentile", "us",
                                     ["50", "90", "99", "99.9"], series, NAMES, is_log=True))


def add_workers(page, results):
    page.heading("Workers")
    page.paragraph("100 connections; all workers of the server share its core, so more of them than one can only cost.")
    add_lines(page, results, "workers", "Processor time for a message by workers", "workers",
              [cell for cell in WORKERS], ["1", "2", "4", "8"], CPU, "us")
    rows = [["server", "1 worker", "2 workers", "4 workers", "8 workers", "8 to 1"]]
    for server in results["cells"].get("w2", {}):
        values = [figures_of(results, cell, server, CPU) for cell in WORKERS]
        rows.append([server, *[spread([v for v in value if v is not None], 2) for value in values],
                     with_interval(ratios(values[3], values[0]))])
    page.table(rows)


def add_blocked(page, results):
    page.heading("A blocked callback")
    page.paragraph("64 connections and two workers; a further connection's callback always blocks for a second. How "
                   "the others fare meanwhile.")
    by_server = results["cells"].get("stuck", {})
    rows = [["server", "messages/s", "p99, us", "longest, us", "blocked callbacks"]]
    for server in by_server:
        row = [spread([v for v in figures_of(results, "stuck", server, key) if v is not None], 0)
               for key in ("messages_per_s", "p99_us", "max_us", "stuck_echoes")]
        rows.append([server, *row])
    page.table(rows)
    page.plot("blocked", plots.bars("99th percentile beside a blocked callback", "us", {
        server: middle(results, "stuck", server, "p99_us") for server in by_server}, NAMES))


def add_memory(page, results):
    for cell in ("idle10000", "idle1000"):
        if cell not in results["cells"]:
            continue
        page.heading("Memory")
        page.paragraph(TITLES[cell] + ". What the process has written for each connection; the receive buffer of a "
                       "connection is in it, where there is one. The kernel's memory, the larger part, is not.")
        page.plot("memory", plots.bars("Memory of the server for an idle connection", "bytes", {
            server: middle(results, cell, server, "bytes_per_connection") for server in NAMES}, NAMES))


def add_scale(page, results):
    titles = {"sockets": "sockets with a receive pending, one of which gets a datagram",
              "hand": "the same by hand: epoll and recvfrom",
              "queue": "receives pending on one socket, which gets a datagram",
              "change": "armed timers, one of which is changed", "fire": "timers due at once: armed, and fired"}
    page.heading("Many operations")
    page.paragraph("What one costs among many of its kind: processor time of the process, the kernel's part and the "
                   "sender of the datagrams included (`scale_apm`).")
    for name, cells in (("pending", ["sockets", "hand", "queue"]), ("timers", ["change", "fire"])):
        runs = [run for run in results["scale"] if run["cell"] in cells]
        counts = sorted({run["count"] for run in runs})
        by_cell = {cell: [[run["cpu_ns"] for run in runs if (run["cell"], run["count"]) == (cell, count)]
                          for count in counts] for cell in cells}
        rows = [["among", *[f"{count:,}, ns" for count in counts], "most to least"]]
        for cell, values in by_cell.items():
            medians = [median(value) for value in values if value]
            if medians:
                rows.append([titles[cell], *[spread(value, 0) for value in values],
                             number(max(medians) / min(medians), 2)])
        page.table(rows)
        page.plot(name, plots.lines("Cost of one among many", "how many", "ns", [f"{count:,}" for count in counts], {
            cell: [median(value) if value else None for value in values] for cell, values in by_cell.items()}))
    shared = {(run["count"], run["sockets"]) for run in results["scale"]
              if run["cell"] == "sockets" and run["sockets"] < run["count"]}
    for count, sockets in sorted(shared):
        page.paragraph(f"The limit of descriptors is lower here: {count:,} receives were pending on {sockets:,} "
                       "sockets.")
    if results["scale_refused"]:
        page.paragraph("Not measured: " + "; ".join(results["scale_refused"]) + ".")


def add_pool(page, results):
    groups = sorted({(run["cell"], run["workers"]) for run in results["pool"]}, key=lambda key: (key[1], key[0]))
    page.heading("The pool")
    page.paragraph("Items of the thread pool by itself; ratios to .NET's (`compare_pool` prints more, README.md says "
                   "what the cells are). For `mix` the figure is the 99th percentile of the wait, in us.")
    rows = [["cell, workers", "peer", "ns an item", "CPU ns an item", "time to .NET's"]]
    for cell, workers in groups:
        key = "mix p99_us" if cell == "mix" else f"{cell} wall"
        runs = {name: [run for run in results["pool"]
                       if (run["cell"], run["workers"], run["peer"]) == (cell, workers, name)] for name in POOL_NAMES}
        by_peer = {name: [run.get(key) for run in of_peer] for name, of_peer in runs.items()}
        shown = {name: values for name, values in by_peer.items() if any(values)}
        for name, values in shown.items():
            cpu = [run.get(f"{cell} cpu") for run in runs[name]]
            rows.append([f"{cell}, {workers}", name, spread([v for v in values if v is not None], 1),
                         spread([v for v in cpu if v is not None], 1),
                         with_interval(ratios(values, by_peer["dotnet"]))])
        unit = "us" if cell == "mix" else "ns"
        page.plot(f"pool_{cell}_{workers}", plots.bars(f"{cell}, {workers} workers", unit, {
            name: median([v for v in values if v is not None]) for name, values in shown.items()}, POOL_NAMES))
    page.table(rows)


def add_datagrams(page, results):
    cells = [cell for cell in loaded_cells(results) if PROTOCOLS[cell] == "udp"]
    page.heading("Datagrams")
    for cell in cells:
        page.plot(f"datagrams_{cell}", plots.bars(TITLES[cell], "us of the server's processor time for a datagram", {
            server: middle(results, cell, server, CPU) for server in results["cells"][cell]},
            [*SERVERS["udp"][:1], "-", *SERVERS["udp"][1:]]))


def add_tls(page, results):
    page.heading("TLS")
    if results["tls"]:
        page.listing(results["tls"])
    else:
        page.paragraph("Not measured: there is no `compare_tls`.")


def add_all_figures(page, results):
    page.heading("All figures of the servers")
    for cell, by_server in results["cells"].items():
        if not has_load(by_server):
            continue
        hand = BASES[PROTOCOLS[cell]]
        rows = [[TITLES[cell], "CPU us", "to by hand", "messages/s", "p50 us", "p99 us", "server busy %",
                 "load busy %"]]
        for server in by_server:
            def column(key, digits, server=server, cell=cell):
                values = [v for v in (run.get(key) if run else None for run in results["cells"][cell][server])
                          if v is not None]
                return spread(values, digits)
            to_hand = ratios(figures_of(results, cell, server, CPU), figures_of(results, cell, hand, CPU))
            rows.append([server, column(CPU, 2), with_interval(to_hand), column("messages_per_s", 0),
                         column("p50_us", 1), column("p99_us", 1), column("server_busy_percent", 0),
                         column("load_busy_percent", 0)])
        page.table(rows)


def write(results):
    """The page of these results."""
    page = Page("The library and its peers")
    for add in (add_machine, add_summary, add_connections, add_latency, add_workers, add_blocked, add_memory, add_scale,
                add_pool, add_datagrams, add_tls, add_all_figures):
        add(page, results)
    return page
