#!/usr/bin/env python3
"""Shows that the programs of the pool benchmark work, and notice items that are lost, doubled or mixed up.

usage: pool_test.py PROGRAM... (pool_faulty among them)
"""

import os
import subprocess
import sys
import unittest

PROGRAMS = []
CELLS = ["one_producer", "four_producers", "fork_join", "ping_pong"]
INTRUSIVE = [f"{name}_intrusive" for name in CELLS[:3]]
QUICK = ("--seconds", "0.02", "--warmup", "0.001")


def run(program, *arguments, fault=None):
    environment = dict(os.environ, **({"POOL_FAULT": fault} if fault else {}))
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=120,
                          env=environment)


def named(name):
    return [program for program in PROGRAMS if os.path.basename(program) == name]


class PoolTest(unittest.TestCase):
    """Every run takes a fraction of a second."""

    def expect_cells(self, result):
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        lines = [line.split() for line in result.stdout.splitlines()]
        for _, wall, cpu in lines:
            self.assertGreater(float(wall), 0)
            self.assertGreaterEqual(float(cpu), 0)
        return [line[0] for line in lines]

    def test_every_program_prints_a_line_for_each_cell(self):
        for program in PROGRAMS:
            with self.subTest(program):
                cells = self.expect_cells(run(program, "2", *QUICK))
                self.assertEqual(cells[:4], CELLS)
                self.assertEqual(len(set(cells)), len(cells))

    def test_a_cell_can_be_run_alone(self):
        for program in named("pool_queue"):
            self.assertEqual(self.expect_cells(run(program, "1", "fork_join", *QUICK)), ["fork_join"])

    def test_programs_with_items_of_their_own_have_the_intrusive_cells(self):
        for program in named("pool_queue") + named("pool_apm"):
            self.assertEqual(self.expect_cells(run(program, "2", *QUICK))[-3:], INTRUSIVE)

    def test_the_mix_prints_how_long_short_items_waited(self):
        for program in PROGRAMS:
            if program in named("pool_libuv") + named("pool_faulty"):
                continue
            with self.subTest(program):
                result = run(program, "2", "mix", "--seconds", "0.2", "--warmup", "0.001")
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                figures = {line.split()[1]: float(line.split()[2]) for line in result.stdout.splitlines()}
                self.assertGreater(figures["short_items"], 1000)
                self.assertGreater(figures["long_items"], 0)
                self.assertLessEqual(0, figures["p50_us"])
                self.assertLessEqual(figures["p50_us"], figures["p99_us"])
                self.assertLessEqual(figures["p99_us"], figures["max_us"])

    def test_blocking_prints_when_items_started_and_how_late_io_was(self):
        for program in named("pool_apm"):
            result = run(program, "2", "blocking")
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            figures = {tuple(line.split()[:2]): float(line.split()[2]) for line in result.stdout.splitlines()}
            for part in ("library_wait", "plain_wait"):
                self.assertLessEqual(figures[part, "started_1_ms"], figures[part, "started_32_ms"])
            self.assertGreater(figures["blocked_receive", "delay_ms"], 0)
            self.assertGreaterEqual(figures["blocked_deadline", "late_ms"], 0)

    def expect_fault(self, fault, cells):
        for cell in cells:
            with self.subTest(cell):
                program = named("pool_faulty")[0]
                self.assertEqual(run(program, "1", cell, *QUICK).returncode, 0)
                result = run(program, "1", cell, *QUICK, "--limit", "0.1", fault=fault)
                self.assertEqual(result.returncode, 1)
                self.assertIn("have run, not", result.stderr)
                self.assertEqual(result.stdout, "")

    def test_a_lost_item_is_noticed(self):
        self.expect_fault("lose", CELLS + ["ping_pong_slim"] + INTRUSIVE)

    def test_an_item_that_runs_twice_is_noticed(self):
        self.expect_fault("twice", CELLS + INTRUSIVE[:2])

    def test_an_item_with_the_state_of_another_is_noticed(self):
        self.expect_fault("another", CELLS)

    def test_wrong_arguments_are_refused(self):
        for arguments in ([], ["0"], ["x"], ["2", "no_such_cell"], ["2", "mix", "more"], ["2", "--seconds", "-1"]):
            for program in PROGRAMS:
                with self.subTest(f"{program} {arguments}"):
                    self.assertEqual(run(program, *arguments).returncode, 2)


if __name__ == "__main__":
    PROGRAMS = sys.argv[1:]
    del sys.argv[1:]
    unittest.main()
