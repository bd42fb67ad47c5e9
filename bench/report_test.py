#!/usr/bin/env python3
"""Shows that the report of bench/compare says what was measured: its statistics, its plots and its pages.

Measures nothing: the results are made up here.
"""

import copy
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from math import comb
from types import SimpleNamespace
from xml.etree import ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cells
import plots
import report
import runs
import sections
from page import Page
from rounds import in_turn, interval, ratios, spread

SVG = "{http://www.w3.org/2000/svg}"


def load_figures(cpu):
    return {"server_cpu_us_per_message": cpu, "messages_per_s": 1e6 / cpu, "p50_us": 100.0, "p90_us": 150.0,
            "p99_us": 200.0, "p999_us": 900.0, "max_us": 1000.0, "server_busy_percent": 99.0,
            "load_busy_percent": 80.0, "stuck_echoes": 3}


def rounds_of(cpu, count=6):
    return [load_figures(cpu * (1 + i / 1000)) for i in range(count)]


def made_up():
    """Results with everything in them; in c100 Asio is ahead of apm, and level in c1."""
    names = cells.SERVERS["echo"]
    by_cell = {cell: {server: rounds_of(10 + i) for i, server in enumerate(names)}
               for cell in ("c1", "c100", "w2", "w8")}
    by_cell["c100"]["asio"] = rounds_of(5)
    by_cell["c1"]["asio"] = rounds_of(10)
    by_cell["stuck"] = {server: rounds_of(20) for server in cells.STUCK_SERVERS}
    by_cell["idle10000"] = {server: [{"bytes_per_connection": 1000.0}] for server in names}
    by_cell["udp"] = {server: rounds_of(4) for server in cells.SERVERS["udp"]}
    return {
        "machine": [["processor", "<fast> & \"odd\""]], "missing": [], "errors": [], "tls": "bulk: apm 1 | 2 <3>",
        "settings": {"rounds": 6, "seconds": 0.5, "turns": 4, "warmup": 0.4, "quick": False, "cores": ["0", "1"]},
        "noise": {"others_percent": 1.5, "stolen_percent": 0.1, "seconds": 120.0}, "cells": by_cell,
        "pool": [{"cell": "fork_join", "peer": peer, "workers": "2", "error": "", "fork_join wall": 10.0 + i,
                  "fork_join cpu": 20.0} for i, peer in enumerate(["apm", "dotnet"])],
        "scale": [{"cell": cell, "count": count, "round": 1, "wall_ns": 100.0, "cpu_ns": 100.0 + count / 1e5,
                   "sockets": min(count, 20000)}
                  for cell, counts in report.SCALE_COUNTS.items() for count in counts],
        "scale_refused": [],
    }


class StatisticsTest(unittest.TestCase):
    def test_the_interval_holds_the_median_of_its_source_with_95_percent(self):
        # Each sample falls below or above the true median with the same chance, so its chance can be counted out.
        for count in range(6, 15):
            low, high = interval(range(count))
            inside = sum(comb(count, below) for below in range(count + 1) if low < below <= high)
            self.assertGreaterEqual(inside / 2**count, 0.95, count)
            narrower = sum(comb(count, below) for below in range(count + 1) if low + 1 < below <= high - 1)
            self.assertLess(narrower / 2**count, 0.95, count)

    def test_few_values_have_their_range_as_interval(self):
        self.assertEqual(interval([3, 1, 2]), (1, 3))

    def test_ratios_leave_out_rounds_in_which_a_run_failed(self):
        self.assertEqual(ratios([2, None, 6, 8], [1, 1, None, 2]), [2, 4])

    def test_each_server_has_each_place_once(self):
        names = ["a", "b", "c"]
        self.assertEqual({tuple(in_turn(names, i)).index("a") for i in range(3)}, {0, 1, 2})

    def test_a_spread_is_the_median_with_its_range(self):
        self.assertEqual(spread([3, 1, 2], 0), "2 [1-3]")

    def test_a_peer_is_ahead_only_where_the_whole_interval_is_above_what_is_allowed(self):
        self.assertEqual(sections.verdict([1.04] * 6), "behind")
        self.assertEqual(sections.verdict([1.02] + [1.2] * 5), "level")
        self.assertEqual(sections.verdict([0.99] * 6), "ahead")
        self.assertEqual(sections.verdict([0.9] * 5 + [1.01]), "level")
        self.assertEqual(sections.verdict([2.0] * 5), "too few rounds")


class RoundTest(unittest.TestCase):
    def test_a_round_is_the_median_of_its_turns_but_for_what_is_lost_and_what_is_longest(self):
        turns = [{"mode": "echo", "p50_us": p50, "max_us": 10 * p50, "lost": 1} for p50 in (3, 1, 2)]
        self.assertEqual(runs.join_turns(turns), {"mode": "echo", "p50_us": 2, "max_us": 30, "lost": 3})

    def test_a_server_that_does_not_start_is_an_error_and_has_no_figures(self):
        cell = cells.find_cells(["c64"])[0]
        options = SimpleNamespace(turns=2, seconds=0.1, warmup=0, cores=["0", "1"], quick=True, raw=None, rounds=1,
                                  build="nowhere")
        silent = runs.Server(["true"])
        results = runs.Results([cell], {"c64": {"apm": silent, "epoll": silent}})
        results.run_round(options, 0, [cell])
        self.assertEqual(results.by_cell, {"c64": {"apm": [None], "epoll": [None]}})
        self.assertEqual(len(results.errors), 2)
        self.assertIn("did not say where it listens", results.errors[0])


class PlotTest(unittest.TestCase):
    def parse(self, svg):
        root = ElementTree.fromstring(svg)
        self.assertEqual(root.tag, f"{SVG}svg")
        for element in root.iter():
            for key, value in element.attrib.items():
                self.assertFalse(re.search(r"\bnan\b|\binf\b", value), f"{element.tag} {key}={value}")
        return root

    def points(self, root):
        return [[tuple(map(float, point.split(","))) for point in line.get("points").split()]
                for line in root.iter(f"{SVG}polyline")]

    def test_names_are_escaped(self):
        root = self.parse(plots.lines("<a> & b", "x", "y", ["<1>"], {"a < b & \"c\"": [1]}))
        self.assertIn("a < b & \"c\"", [text.text for text in root.iter(f"{SVG}text")])

    def test_lines_rise_with_their_values_and_stay_inside(self):
        for is_log in (False, True):
            root = self.parse(plots.lines("t", "x", "y", ["1", "2", "3"], {"a": [1, 10, 1000]}, is_log=is_log))
            heights = [y for _, y in self.points(root)[0]]
            self.assertEqual(heights, sorted(heights, reverse=True))
            self.assertTrue(all(plots.TOP - 0.1 <= y <= plots.HEIGHT - plots.BOTTOM + 0.1 for y in heights), heights)

    def test_equal_steps_are_equally_far_on_a_logarithmic_axis(self):
        root = self.parse(plots.lines("t", "x", "y", ["1", "2", "3"], {"a": [1, 10, 100]}, is_log=True))
        first, second, third = (y for _, y in self.points(root)[0])
        self.assertAlmostEqual(first - second, second - third, delta=0.2)

    def test_a_missing_value_is_left_out_of_its_line(self):
        root = self.parse(plots.lines("t", "x", "y", ["1", "2", "3"], {"a": [1, None, 3], "b": [None] * 3}))
        self.assertEqual([len(line) for line in self.points(root)], [2])

    def test_labels_do_not_cover_each_other(self):
        heights = sorted(plots.spaced([100, 100, 101, 300, 100], 14))
        self.assertTrue(all(b - a >= 14 for a, b in zip(heights, heights[1:])), heights)

    def test_bars_are_as_long_as_their_values(self):
        root = self.parse(plots.bars("t", "x", {"a": 10, "b": 5, "none": None}))
        widths = [float(bar.get("width")) for bar in root.iter(f"{SVG}rect") if bar.get("class") != "paper"]
        self.assertEqual(len(widths), 2)
        self.assertAlmostEqual(widths[0] / widths[1], 2, delta=0.01)

    def test_nothing_and_zero_are_no_plots_that_fail(self):
        self.assertIsNone(plots.lines("t", "x", "y", ["1"], {"a": [None]}))
        self.assertIsNone(plots.bars("t", "x", {}))
        self.parse(plots.lines("t", "x", "y", ["1"], {"a": [0]}, is_log=True))
        self.parse(plots.bars("t", "x", {"a": 0}))


class PageTest(unittest.TestCase):
    def html(self, page):
        return ElementTree.fromstring(page.html().partition("\n")[2])

    def test_a_page_is_well_formed_and_refers_to_nothing_outside(self):
        html = sections.write(made_up()).html()
        root = ElementTree.fromstring(html.partition("\n")[2])
        self.assertEqual(root.tag, "html")
        self.assertFalse(re.search(r"<script|<link|<img|src=|href=|@import|url\(", html))
        self.assertGreater(len(list(root.iter(f"{SVG}svg"))), 8)

    def test_a_page_can_be_read_in_light_and_in_dark(self):
        page = sections.write(made_up())
        self.assertIn("prefers-color-scheme: dark", page.html())
        for svg in page.plots.values():
            self.assertIn("prefers-color-scheme: dark", svg)

    def test_each_plot_of_the_markdown_is_a_file(self):
        page = sections.write(made_up())
        self.assertEqual(set(re.findall(r"!\[.*?\]\((.*?)\)", page.markdown())), set(page.plots))

    def test_rows_of_a_table_have_the_same_number_of_cells(self):
        for kind, content in sections.write(made_up()).blocks:
            if kind == "table":
                self.assertEqual({len(row) for row in content}, {len(content[0])}, content[0])

    def test_a_peer_that_is_ahead_is_said_to_be_ahead(self):
        markdown = sections.write(made_up()).markdown()
        summary = markdown[markdown.index("## Where"):markdown.index("## Connections")]
        rows = {line.split(" | ")[0].strip("| "): line for line in summary.splitlines()}
        self.assertIn("| asio | 5.01 | 2.00 [2.00, 2.00] | behind |", rows[sections.TITLES["c100"]])
        self.assertIn("| level |", rows[sections.TITLES["c1"]])

    def test_receives_that_share_sockets_are_said_to(self):
        self.assertIn("100,000 receives were pending on 20,000 sockets", sections.write(made_up()).markdown())

    def test_failed_runs_are_named_and_left_out(self):
        results = made_up()
        results["cells"]["c100"]["apm"][2] = None
        results["errors"] = ["c100 apm round 3: <wrong byte>"]
        page = sections.write(results)
        self.html(page)
        self.assertIn("c100 apm round 3: <wrong byte>", page.markdown())

    def test_what_was_not_measured_is_no_error(self):
        results = made_up()
        results.update(cells={"c1": {"epoll": rounds_of(1, 1)}}, pool=[], scale=[], tls="",
                       scale_refused=["sockets 100,000: too many"])
        page = sections.write(results)
        self.html(page)
        self.assertIn("too many", page.markdown())
        for server in ({}, {"apm": [None]}):
            sections.write({**results, "cells": {"c1": server}})

    def test_a_blank_page_is_well_formed(self):
        page = Page("<title> & more")
        page.table([["only a header"]])
        self.html(page)


class CompareTest(unittest.TestCase):
    def compare(self, *options):
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "compare")
        return subprocess.run([sys.executable, program, *options], capture_output=True, text=True, check=False,
                              timeout=60)

    def test_a_report_is_written_again_from_its_results(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "results.json"), "w", encoding="utf-8") as file:
                json.dump(made_up(), file)
            done = self.compare("--report", folder, "--write-again")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            page = sections.write(copy.deepcopy(made_up()))
            self.assertEqual(set(os.listdir(folder)), {"results.json", "report.md", "report.html", *page.plots})
            with open(os.path.join(folder, "report.html"), encoding="utf-8") as file:
                self.assertEqual(file.read(), page.html())

    def test_without_results_there_is_no_report(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(self.compare("--report", folder, "--write-again").returncode, 2)

    def test_a_cell_that_there_is_not_is_refused(self):
        self.assertEqual(self.compare("--cells", "c64,c65").returncode, 2)

    def test_the_cells_of_the_report_are_there(self):
        for quick in (False, True):
            self.assertGreater(len(report.cells(quick)), 5)


if __name__ == "__main__":
    unittest.main()
