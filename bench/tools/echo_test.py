"""Tests of apm-echo."""

import itertools
import struct

from tools_case import *  # pylint: disable=wildcard-import,unused-wildcard-import


def everywhere(folder):
    return ["127.0.0.1:0", "tcp://[::1]:0", "udp://:0", f"unix:{folder}/echo", f"unix:@apm-{os.getpid()}-{folder}"]


@test
def echo_returns_what_it_got_over_every_transport():
    with tempfile.TemporaryDirectory() as folder, Echo(*everywhere(folder)) as echo:
        for address in echo.addresses:
            with connect(address) as peer:
                peer.sendall(b"hello" * 200)
                assert receive_exactly(peer, 1000) == b"hello" * 200, address


@test
def discard_returns_nothing():
    with tempfile.TemporaryDirectory() as folder, Echo("-s", "discard", *everywhere(folder)) as echo:
        for address in echo.addresses:
            with connect(address) as peer:
                peer.sendall(b"hello")
                if peer.type == socket.SOCK_STREAM:
                    peer.shutdown(socket.SHUT_WR)
                    assert peer.recv(1) == b"", address


@test
def chargen_sends_lines_each_a_character_on():
    characters = bytes(range(32, 127)) * 2
    lines = [characters[i % 95:i % 95 + 72] + b"\r\n" for i in range(200)]
    with tempfile.TemporaryDirectory() as folder, Echo("-s", "chargen", *everywhere(folder)) as echo:
        for address in echo.addresses:
            with connect(address) as peer:
                peer.send(b"anything")
                if peer.type == socket.SOCK_STREAM:
                    assert receive_exactly(peer, 200 * 74) == b"".join(lines), address
                else:
                    assert peer.recv(2000) in lines, address


@test
def delay_waits_before_it_echoes():
    with tempfile.TemporaryDirectory() as folder, Echo("-s", "delay", "-d", "150ms", *everywhere(folder)) as echo:
        for address in echo.addresses:
            with connect(address) as peer:
                start = time.monotonic()
                peer.send(b"hello")
                assert receive_exactly(peer, 5) == b"hello", address
                assert time.monotonic() - start >= 0.149, address


@test
def delay_holds_up_nobody_else():
    with Echo("-s", "delay", "-d", "300ms", "-t", "1", ":0") as echo:
        peers = [connect(echo.addresses[0]) for _ in range(20)]
        start = time.monotonic()
        for peer in peers:
            peer.send(b"x")
        for peer in peers:
            assert peer.recv(1) == b"x"
            peer.close()
        # One after another they would take six seconds.
        assert time.monotonic() - start < 3


@test
def reply_answers_with_the_size_that_is_asked_for():
    requests = [(16, 8), (16, 200000), (40, 9), (30000, 100)]
    with tempfile.TemporaryDirectory() as folder, Echo("-s", "reply", *everywhere(folder)) as echo:
        for address in echo.addresses:
            with connect(address) as peer:
                is_stream = peer.type == socket.SOCK_STREAM
                for number, (size, reply) in enumerate(requests):
                    if is_stream or reply <= 65507:
                        peer.sendall(struct.pack(">IIQ", size, reply, number) + bytes(size - 16))
                        data = receive_exactly(peer, reply) if is_stream else peer.recv(70000)
                        assert len(data) == reply and data[:8] == struct.pack(">Q", number), address


@test
def reply_answers_requests_that_come_together_and_in_pieces():
    stream = b"".join(struct.pack(">IIQ", 20, 10, number) + b"body" for number in range(50))
    with Echo("-s", "reply", ":0") as echo, connect(echo.addresses[0]) as peer:
        for piece in itertools.batched(stream, 7) if hasattr(itertools, "batched") else [stream[:333], stream[333:]]:
            peer.sendall(bytes(piece))
        data = receive_exactly(peer, 500)
        assert [data[i:i + 8] for i in range(0, 500, 10)] == [struct.pack(">Q", number) for number in range(50)]


@test
def reply_closes_a_connection_that_asks_for_nonsense():
    for request in (struct.pack(">IIQ", 15, 8, 0), struct.pack(">IIQ", 16, 7, 0), b"GET / HTTP/1.1\r\n\r\n"):
        with Echo("-s", "reply", ":0") as echo, connect(echo.addresses[0]) as peer:
            peer.sendall(request)
            try:
                assert peer.recv(1) == b""
            except ConnectionResetError:
                pass


@test
def echo_ends_in_order_when_it_is_told_to():
    with tempfile.TemporaryDirectory() as folder, Echo(*everywhere(folder)) as echo:
        peers = [connect(address) for address in echo.addresses]
        for peer in peers:
            peer.send(b"hello")
            assert receive_exactly(peer, 5) == b"hello"
        echo.process.send_signal(signal.SIGTERM)
        for peer in peers:
            if peer.type == socket.SOCK_STREAM:
                assert peer.recv(1) == b""
            peer.close()
        assert echo.process.wait(TIMEOUT_S) == 0
        assert echo.process.stdout.read() == "4 connections, 25 bytes received, 25 bytes sent\n"
        assert not os.path.exists(f"{folder}/echo")


@test
def echo_says_what_is_wrong_with_an_address():
    with Echo(":0") as echo:
        status, _, errors = run("apm-echo", echo.addresses[0])
        assert status == 1 and "AddressAlreadyInUse" in errors, errors
    for arguments, message in (
        (["127.0.0.1"], "the port is missing"),
        (["::1:7000"], "an IPv6 address stands in brackets"),
        (["[::1:7000"], "the bracket is not closed"),
        (["127.0.0.1:70000"], "'70000' is no port"),
        (["127.0.0.1:+7"], "'+7' is no port"),
        (["ftp://127.0.0.1:7000"], "there are tcp://"),
        (["http://127.0.0.1:7000/"], "HTTP is not served"),
        (["unix:"], "1 to 107 bytes"),
        (["unix:/" + "x" * 107], "1 to 107 bytes"),
        (["-s", "echoo"], "'echoo' is none of"),
        (["-d", "1x"], "'1x' is no time"),
        (["-t", "0"], "'0' is not a number from 1 to 1024"),
        (["-b", "99g"], "is not a number from"),
    ):
        status, output, errors = run("apm-echo", *arguments)
        assert (status, output) == (2, "") and message in errors and "--help" in errors, f"{arguments}: {errors}"
