#!/usr/bin/env python3
"""Shows that the load generator notices what a broken server does: usage: load_test.py PATH_OF_LOAD

Each test starts a small server with one fault on a port of the kernel's choice.
"""

import json
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

LOAD = "load"


class Server:
    """Echoes with a fault: `fault(peer, offset, received)` returns the bytes to send in place of the received ones."""

    def __init__(self, fault):
        self.fault = fault
        self.listener = socket.create_server(("127.0.0.1", 0))
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
                threading.Thread(target=self.echo, args=(peer,), daemon=True).start()
        except OSError:
            pass

    def echo(self, peer):
        offset = 0
        try:
            with peer:
                while received := peer.recv(65536):
                    peer.sendall(self.fault(peer, offset, received))
                    offset += len(received)
        except OSError:
            pass


def right(_peer, _offset, received):
    return received


def change(at, edit):
    """A fault that edits the piece in which stream offset `at` arrives."""

    def fault(_peer, offset, received):
        position = at - offset
        return edit(received, position) if 0 <= position < len(received) - 1 else received

    return fault


class LoadTest(unittest.TestCase):
    """Every test runs the load generator for a fraction of a second, or two seconds where messages are large."""

    def run_load(self, port, *options):
        command = [LOAD, "--json", "--port", str(port), "--duration", "0.3", "--warmup", "0", *options]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return result.returncode, json.loads(result.stdout) if result.stdout else {}, result.stderr

    def expect_right(self, *options):
        with Server(right) as server:
            status, figures, errors = self.run_load(server.port, *options)
        self.assertEqual((status, errors), (0, ""), figures)
        self.assertGreater(figures["messages"], 0)
        self.assertEqual(figures["errors"], 0)
        self.assertLessEqual(figures["p50_us"], figures["p99_us"])
        self.assertLessEqual(figures["p99_us"], figures["max_us"])
        return figures

    def expect_wrong_byte(self, fault, where, *options):
        with Server(fault) as server:
            status, _, errors = self.run_load(server.port, *options)
        self.assertEqual(status, 1)
        self.assertIn(where, errors)

    def expect_error(self, fault, error, *options):
        with Server(fault) as server:
            status, figures, _ = self.run_load(server.port, *options)
        self.assertEqual(status, 1)
        self.assertGreater(figures.get(error, 0), 0, figures)

    def test_right_echoes_pass(self):
        self.expect_right("--connections", "3")

    def test_right_echoes_pass_with_depth(self):
        self.expect_right("--connections", "3", "--depth", "5", "--size", "100")

    def test_right_echoes_pass_with_messages_larger_than_the_pattern(self):
        self.expect_right("--size", "300000", "--depth", "2", "--duration", "2")

    def test_right_echoes_pass_with_churn(self):
        self.expect_right("--connections", "5", "--churn")

    def test_right_echoes_pass_with_churn_and_messages_larger_than_a_socket_buffer(self):
        self.expect_right("--connections", "2", "--churn", "--size", "8000000", "--duration", "2")

    def test_right_echoes_pass_without_sleeping(self):
        self.expect_right("--spin")

    def test_a_changed_byte_is_wrong(self):
        self.expect_wrong_byte(change(1000, lambda data, i: data[:i] + bytes([data[i] ^ 1]) + data[i + 1:]),
                               "at stream offset 1000 (message 15, byte 40)")

    def test_exchanged_bytes_are_wrong(self):
        def edit(data, i):
            return data[:i] + data[i + 1:i + 2] + data[i:i + 1] + data[i + 2:]

        # The pattern is fixed, and the bytes at these offsets differ from each other.
        self.expect_wrong_byte(change(1000, edit), "at stream offset 1000")

    def test_a_lost_byte_is_wrong(self):
        self.expect_wrong_byte(change(1000, lambda data, i: data[:i] + data[i + 1:]), "wrong byte", "--depth", "2")

    def test_a_doubled_byte_is_wrong(self):
        self.expect_wrong_byte(change(1000, lambda data, i: data[:i + 1] + data[i:]), "load:", "--depth", "2")

    def test_bytes_of_another_place_in_the_stream_are_wrong(self):
        pieces = []

        def fault(_peer, _offset, received):
            pieces.append(received)
            return pieces[-8][:len(received)].ljust(len(received)) if len(pieces) > 8 else received

        self.expect_wrong_byte(fault, "wrong byte", "--size", "4096")

    def test_bytes_beyond_those_sent_are_wrong(self):
        self.expect_wrong_byte(lambda _peer, _offset, received: received + received, "after it had sent")

    def test_bytes_of_another_connection_are_wrong(self):
        first = []

        def fault(_peer, _offset, received):
            first.append(received)
            return first[0]

        self.expect_wrong_byte(fault, "wrong byte", "--connections", "2")

    def test_a_connection_closed_by_the_server_is_an_error(self):
        def fault(peer, _offset, _received):
            peer.shutdown(socket.SHUT_RDWR)
            return b""

        self.expect_error(fault, "error_receive_closed_by_server")

    def test_a_reset_connection_is_an_error(self):
        def fault(peer, _offset, _received):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            return b""

        self.expect_error(fault, "error_receive_ECONNRESET")

    def test_a_reset_connection_is_an_error_with_churn(self):
        def fault(peer, _offset, _received):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            return b""

        self.expect_error(fault, "error_receive_ECONNRESET", "--churn")

    def test_a_refused_connection_is_an_error(self):
        with socket.socket() as never_listening:
            never_listening.bind(("127.0.0.1", 0))
            for mode in ([], ["--churn"]):
                status, figures, _ = self.run_load(never_listening.getsockname()[1], *mode)
                self.assertEqual(status, 1)
                self.assertEqual(figures["error_connect_ECONNREFUSED"], 1, figures)

    def test_an_echo_that_never_comes_is_an_error(self):
        self.expect_error(lambda _peer, _offset, _received: b"", "error_receive_echo_missing")

    def test_a_server_that_should_block_and_does_not_is_an_error(self):
        self.expect_error(right, "error_stuck_server_did_not_block", "--stuck")

    def test_a_blocked_callback_does_not_count_as_latency(self):
        def fault(_peer, _offset, received):
            if received.startswith(b"STUCK"):
                time.sleep(1)
            return received

        with Server(fault) as server:
            status, figures, _ = self.run_load(server.port, "--stuck", "--connections", "2")
        self.assertEqual((status, figures["errors"]), (0, 0), figures)
        self.assertGreater(figures["stuck_echoes"], 0)
        self.assertLess(figures["max_us"], 900000)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        LOAD = sys.argv.pop(1)
    unittest.main()
