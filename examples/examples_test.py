#!/usr/bin/env python3
"""Runs the example programs as a user would, and checks what they do: examples_test.py folder_of_the_programs

Prints a line `ok name` or `FAIL name: why` for each test, and ends with status 1 if one failed.
"""

import os
import random
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

# Nothing here takes a second; the limit is for machines that are busy, and for checkers that slow a program down.
TIMEOUT_S = 60

programs = ""


# -- Programs and connections ----------------------------------------------------------------------------------------


class Program:
    """A program that runs beside the test, and whose output is collected line by line."""

    def __init__(self, name, *arguments):
        self.lines = []
        self.has_line = threading.Event()
        self.process = subprocess.Popen(
            [os.path.join(programs, name), *map(str, arguments)], stdout=subprocess.PIPE, text=True
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            self.has_line.set()
        self.has_line.set()

    def read_port(self):
        assert self.has_line.wait(TIMEOUT_S) and self.lines, "it prints nothing"
        match = re.fullmatch(r"Listening on port (\d+)", self.lines[0])
        assert match, f"no port in {self.lines[0]!r}"
        return int(match.group(1))

    def finish(self):
        """Waits for the end of the program; gives its exit status."""
        status = self.process.wait(TIMEOUT_S)
        self.reader.join()
        return status


def run(name, *arguments):
    done = subprocess.run(
        [os.path.join(programs, name), *map(str, arguments)], stdout=subprocess.PIPE, text=True, timeout=TIMEOUT_S
    )
    return done.returncode, done.stdout.splitlines()


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def receive_all(connection):
    received = b""
    while True:
        block = connection.recv(65536)
        if not block:
            return received
        received += block


def receive_exactly(connection, size):
    received = b""
    while len(received) < size:
        block = connection.recv(size - len(received))
        assert block, f"it ends after {len(received)} bytes of {size}"
        received += block
    return received


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def equal(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


# -- async_server and async_client -----------------------------------------------------------------------------------


def client_lines(port, message):
    """What the guide's client prints for a short message."""
    text = message + "<EOF>"
    return [
        f"Socket connected to 127.0.0.1:{port}",
        f"Sent {len(text)} bytes to server.",
        f"Response received : {text}",
        f"Response length : {len(text)}",
    ]


def server_lines(text):
    """What the guide's server prints for a short message."""
    return [f"Read {len(text)} bytes from socket.", f"Data : {text}", f"Sent {len(text)} bytes to client."]


def test_the_transcript_of_the_dotnet_programs_is_reproduced():
    with Program("async_server", 6) as server:
        port = server.read_port()

        equal(run("async_client", port), (0, client_lines(port, "This is a test")))
        equal(
            run("async_client", port, "#5000"),
            (
                0,
                [
                    f"Socket connected to 127.0.0.1:{port}",
                    "Sent 5005 bytes to server.",
                    "Response received : xxxxxxxxxxxxxxxxxxxx...xxxxxxxxxx<EOF>",
                    "Response length : 5005",
                ],
            ),
        )
        with connect(port) as plain:
            plain.sendall(b"no marker")
            plain.shutdown(socket.SHUT_WR)
            equal(receive_all(plain), b"no marker")
        plain = connect(port)
        plain.sendall(b"11 bytes...")
        reset(plain)
        with Program("async_client", port, "first of two") as first:
            with Program("async_client", port, "second of two") as second:
                equal(first.finish(), 0)
                equal(second.finish(), 0)
                equal(first.lines, client_lines(port, "first of two"))
                equal(second.lines, client_lines(port, "second of two"))

        equal(server.finish(), 0)
        # Lines of the main thread and of callbacks have no promised order among each other.
        equal(server.lines.count("Waiting for a connection..."), 6)
        lines = [line for line in server.lines if line != "Waiting for a connection..."]
        equal(lines[0], f"Listening on port {port}")
        equal(lines[-1], "Server done.")
        equal(lines[1:4], server_lines("This is a test<EOF>"))
        equal(
            lines[4:7],
            [
                "Read 5005 bytes from socket.",
                "Data : xxxxxxxxxxxxxxxxxxxx...xxxxxxxxxx<EOF>",
                "Sent 5005 bytes to client.",
            ],
        )
        rest = server_lines("no marker") + ["Receive failed: ConnectionReset (10054)"]
        rest += server_lines("first of two<EOF>") + server_lines("second of two<EOF>")
        equal(sorted(lines[7:-1]), sorted(rest))


def test_a_tcp_client_gets_its_messages_back_from_the_tcp_server():
    with Program("tcp_server", 3) as server:
        port = server.read_port()
        equal(run("tcp_client", port, "hello", "x" * 4000), (0, ["Received: hello", "Received: " + "x" * 4000]))
        with connect(port) as plain:
            plain.sendall(b"plain")
            plain.shutdown(socket.SHUT_WR)
            equal(receive_all(plain), b"plain")
        reset(connect(port))
        equal(server.finish(), 0)
        equal(sorted(server.lines[1:-1]), [f"Client done: {size} bytes." for size in (0, 4005, 5)])
        equal(server.lines[-1], "Server done.")
    equal(run("tcp_client", port, "nobody"), (1, ["ConnectionRefused (10061)"]))


def test_a_refused_connection_is_reported_as_dotnet_does():
    equal(run("async_client", unused_port()), (1, ["SocketException ConnectionRefused (10061)"]))


def test_a_file_comes_back_byte_for_byte():
    with Program("async_server", 3) as server, tempfile.TemporaryDirectory() as folder:
        port = server.read_port()
        sent = os.path.join(folder, "sent")
        echoed = os.path.join(folder, "echoed")
        for size in (0, 1, 3 * 1024 * 1024 + 1):
            content = random.Random(size).randbytes(size)
            with open(sent, "wb") as file:
                file.write(content)
            equal(run("async_client", port, "--file", sent, echoed)[0], 0)
            with open(echoed, "rb") as file:
                assert file.read() == content, f"{size} bytes came back changed"
        equal(server.finish(), 0)


def test_the_marker_is_found_however_the_stream_is_cut():
    with Program("async_server", 8) as server:
        port = server.read_port()
        for size in range(1, 9):
            message = b"<<E<EO<EOF" * 120 + b"<EOF>"
            with connect(port) as plain:
                for i in range(0, len(message), size):
                    plain.sendall(message[i : i + size])
                equal(receive_all(plain), message)
        equal(server.finish(), 0)


def test_many_clients_find_every_echo_right():
    with Program("async_server") as server:
        port = server.read_port()
        status, lines = run("many_clients", port, 200, 1, 3000)
        equal(status, 0)
        equal(lines[0], "200 clients for 1 s, messages of 3000 bytes")
        assert re.fullmatch(r"\d+ round trips in \d+\.\d\d s: \d+ per second, 0 failed", lines[1]), lines[1]
        pattern = r"latency in ms: p50 ([\d.]+), p90 ([\d.]+), p99 ([\d.]+), max ([\d.]+)"
        match = re.fullmatch(pattern, lines[2])
        assert match, lines[2]
        percentiles = [float(value) for value in match.groups()]
        equal(percentiles, sorted(percentiles))


def test_many_clients_notice_an_echo_that_is_wrong_short_or_missing():
    def lie(listener, answer):
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                message = b""
                while b"<EOF>" not in message:
                    message += peer.recv(4096)
                peer.sendall(answer(message))

    lies = [
        lambda message: message[:70] + b"?" + message[71:],
        lambda message: message[:-1],
        lambda message: message + b"?",
        lambda message: b"",
    ]
    for answer in lies:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=lie, args=(listener, answer), daemon=True).start()
            status, _ = run("many_clients", listener.getsockname()[1], 1, 1, 200)
            equal(status, 1)
            listener.shutdown(socket.SHUT_RDWR)


# -- echo_server -----------------------------------------------------------------------------------------------------


def test_the_echo_server_answers_many_and_outlives_a_reset():
    port = unused_port()
    with Program("echo_server", port) as server:
        connections = []
        give_up = time.monotonic() + TIMEOUT_S
        while not connections:
            try:
                connections.append(connect(port))
            except ConnectionRefusedError:
                assert server.process.poll() is None and time.monotonic() < give_up, "the server does not listen"
        connections += [connect(port) for _ in range(20)]
        for i, connection in enumerate(connections):
            connection.sendall(b"%d" % i * 10000)
        for i, connection in enumerate(connections):
            connection.shutdown(socket.SHUT_WR)
            assert receive_all(connection) == b"%d" % i * 10000, "the echo differs"
            connection.close()
        connection = connect(port)
        connection.sendall(b"x" * 100000)
        reset(connection)
        with connect(port) as connection:
            connection.sendall(b"still there?")
            equal(connection.recv(100), b"still there?")
        assert server.process.poll() is None, "the server has ended"


# -- chat_server -----------------------------------------------------------------------------------------------------


class Chatter:
    """A connection to the chat server."""

    def __init__(self, port):
        self.connection = connect(port)
        self.file = self.connection.makefile("rwb")
        self.name = re.fullmatch(r"\* you are (\w+); .*", self.hear()).group(1)
        equal(self.hear(), f"* {self.name} has come")

    def say(self, text):
        self.file.write(text.encode() + b"\n")
        self.file.flush()

    def hear(self):
        line = self.file.readline()
        assert line.endswith(b"\n"), f"the server's stream ended with {line!r}"
        return line[:-1].decode()

    def hear_end(self):
        equal(self.file.readline(), b"")

    def close(self):
        self.file.close()
        self.connection.close()


def test_everybody_in_the_chat_hears_the_same():
    with Program("chat_server", 0) as server:
        port = server.read_port()
        ann = Chatter(port)
        bob = Chatter(port)
        equal(ann.hear(), f"* {bob.name} has come")
        everybody = [ann, bob]

        def all_hear(text):
            for chatter in everybody:
                equal(chatter.hear(), text)

        ann.say("/nick ann")
        all_hear(f"* {ann.name} is now ann")
        bob.say("/nick ann")
        equal(bob.hear(), "* ann is taken")
        bob.say("/nick two words")
        equal(bob.hear(), "* a name is 1 to 23 letters, digits, _ and -")
        bob.say("/nick bob")
        all_hear(f"* {bob.name} is now bob")
        bob.say("hello, é\x1b[2J\r")
        all_hear("bob: hello, é?[2J")
        ann.say("/dance")
        equal(ann.hear(), "* no such command")
        ann.say("/who")
        equal({ann.hear(), ann.hear()}, {"* ann is here", "* bob is here"})
        ann.say("y" * 1500)
        all_hear("ann: " + "y" * 1024)
        all_hear("ann: " + "y" * 476)

        ann.say("/quit")
        equal(ann.hear(), "* goodbye")
        ann.hear_end()
        ann.close()
        equal(bob.hear(), "* ann has gone")
        bob.file.write(b"last words without a newline")
        bob.file.flush()
        bob.connection.shutdown(socket.SHUT_WR)
        equal(bob.hear(), "bob: last words without a newline")
        bob.close()

        server.process.send_signal(signal.SIGTERM)
        equal(server.finish(), 0)


def test_lines_that_many_say_at_once_come_in_one_order():
    with Program("chat_server", 0) as server:
        port = server.read_port()
        chatters = [Chatter(port) for _ in range(8)]
        chatters[-1].say("/nick last")
        for chatter in chatters:
            while not chatter.hear().endswith("is now last"):
                pass

        def talk(chatter):
            for i in range(100):
                chatter.say(str(i))

        talkers = [threading.Thread(target=talk, args=(chatter,)) for chatter in chatters]
        for talker in talkers:
            talker.start()
        heard = [[chatter.hear() for _ in range(100 * len(chatters))] for chatter in chatters]
        for talker in talkers:
            talker.join()
        for lines in heard:
            assert lines == heard[0], "two chatters heard the lines in different orders"
        for i in range(100):
            equal(sum(line.endswith(f": {i}") for line in heard[0]), len(chatters))

        server.process.send_signal(signal.SIGINT)
        equal(server.finish(), 0)
        for chatter in chatters:
            equal(chatter.hear(), "* the server closes")
            chatter.hear_end()
            chatter.close()


def test_who_does_not_listen_to_the_chat_is_dropped_and_holds_nobody_up():
    with Program("chat_server", 0) as server:
        port = server.read_port()
        talker = Chatter(port)
        talker.say("/nick talker")
        equal(talker.hear(), f"* {talker.name} is now talker")
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", port))
        gone = re.sub("come$", "gone", talker.hear())
        for i in range(100000):
            talker.say("z" * 900)
            line = talker.hear()
            if line == gone:
                break
            equal(line, "talker: " + "z" * 900)
        else:
            assert False, "the deaf client was not dropped"
        deaf.close()
        talker.close()
        server.process.send_signal(signal.SIGTERM)
        equal(server.finish(), 0)


# -- The server of lines ---------------------------------------------------------------------------------------------


def ask(connection, line):
    connection.sendall(line)
    return connection.makefile("rb").readline()


def test_a_line_server_that_drains_answers_lines_that_have_begun():
    with Program("line_server", 0, 60000) as server:
        port = server.read_port()
        between = connect(port)
        equal(ask(between, b"one\n"), b"1: one\n")
        equal(ask(between, b"two\n"), b"2: two\n")
        within = connect(port)
        equal(ask(within, b"one\nt"), b"1: one\n")
        server.process.send_signal(signal.SIGTERM)
        equal(between.recv(1), b"")
        equal(ask(within, b"wo\n"), b"2: two\n")
        equal(within.recv(1), b"")
        equal(server.finish(), 0)
        equal(server.lines[-1], "Closed 0 connections")
        between.close()
        within.close()


def test_a_line_server_closes_what_does_not_end_in_time():
    with Program("line_server", 0, 100) as server:
        stuck = connect(server.read_port())
        equal(ask(stuck, b"one\ntw"), b"1: one\n")
        server.process.send_signal(signal.SIGINT)
        equal(stuck.recv(1), b"")
        equal(server.finish(), 0)
        equal(server.lines[-1], "Closed 1 connections")
        stuck.close()


def test_many_lines_at_once_are_answered_in_order():
    with Program("line_server", 0, 60000) as server:
        lines = [b"line %d\n" % i for i in range(2000)]
        connection = connect(server.read_port())
        writer = threading.Thread(target=connection.sendall, args=(b"".join(lines),))
        writer.start()
        reader = connection.makefile("rb")
        for i, line in enumerate(lines):
            equal(reader.readline(), b"%d: %s" % (i + 1, line))
        writer.join()
        reader.close()
        connection.close()
        server.process.send_signal(signal.SIGTERM)
        equal(server.finish(), 0)


# -- The relay -------------------------------------------------------------------------------------------------------


def test_a_relay_before_a_slow_reader_holds_little_and_loses_nothing():
    with socket.create_server(("127.0.0.1", 0)) as target, Program("relay", 0, target.getsockname()[1]) as relay:
        target.settimeout(TIMEOUT_S)
        data = random.Random(7).randbytes(32 << 20)  # more than the buffers of all sockets hold
        source = connect(relay.read_port())
        sink, _ = target.accept()
        sink.settimeout(TIMEOUT_S)

        def produce():
            source.sendall(data)
            source.shutdown(socket.SHUT_WR)

        producer = threading.Thread(target=produce)
        producer.start()
        producer.join(0.2)  # the reader is slow to begin: the relay stops receiving, and so the producer waits
        assert producer.is_alive(), "the relay has taken all of it"
        parts = []
        while part := sink.recv(65536):
            parts.append(part)
        producer.join()
        assert b"".join(parts) == data, "the bytes are not those that were sent"
        sink.sendall(b"thanks")
        sink.close()
        equal(source.recv(100), b"thanks")
        equal(source.recv(100), b"")
        source.close()
        relay.process.send_signal(signal.SIGTERM)
        equal(relay.finish(), 0)
        held, pauses = map(int, re.fullmatch(r"Held at most (\d+) bytes, paused (\d+) times", relay.lines[-1]).groups())
        assert pauses > 0, "it has never paused"
        # The high mark and one send in one direction, what is being received in both, and what callbacks hold.
        assert held <= 12 * 16384, f"it has held {held} bytes"


# -- The porting layers ------------------------------------------------------------------------------------------------


def test_mfc_programs_print_what_they_should():
    equal(run("mfc_echo"), (0, ["Client: Hello, server", "Server: the client has gone, error 0"]))
    equal(run("mfc_archive"), (0, ["7, Grüß Gott, 0.5"]))


def test_mfc_chat_talks_to_the_chat_server():
    # All that is said at once is less than the server keeps for a client that does not get on with reading.
    lines = 50
    with Program("chat_server", 0) as server, tempfile.TemporaryFile() as output:
        port = server.read_port()
        ann = Chatter(port)
        client = subprocess.Popen(
            [os.path.join(programs, "mfc_chat"), "127.0.0.1", str(port)],
            stdin=subprocess.PIPE,
            stdout=output,
        )
        name = re.fullmatch(r"\* (\w+) has come", ann.hear()).group(1)
        ann.say("hello")
        equal(ann.hear(), f"{ann.name}: hello")
        block = "".join(f"{i} {'z' * 1000}\n" for i in range(lines))
        client.stdin.write(block.encode() + b"last words\n")
        client.stdin.close()
        for i in range(lines):
            equal(ann.hear(), f"{name}: {i} {'z' * 1000}")
        equal(ann.hear(), f"{name}: last words")
        equal(ann.hear(), f"* {name} has gone")
        equal(client.wait(TIMEOUT_S), 0)
        output.seek(0)
        heard = output.read().decode().splitlines()
        assert f"{ann.name}: hello" in heard, heard[:5]
        equal(heard[-1], f"{name}: last words")
        ann.close()


def test_inet_chat_talks_to_the_chat_server():
    with Program("chat_server", 0) as server:
        port = server.read_port()
        ann = Chatter(port)
        client = subprocess.Popen(
            [os.path.join(programs, "inet_chat"), "127.0.0.1", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        name = re.fullmatch(r"\* (\w+) has come", ann.hear()).group(1)
        ann.say("hello")
        equal(ann.hear(), f"{ann.name}: hello")
        output, _ = client.communicate(b"good day\nlast words\n", TIMEOUT_S)
        equal(ann.hear(), f"{name}: good day")
        equal(ann.hear(), f"{name}: last words")
        equal(ann.hear(), f"* {name} has gone")
        equal(client.returncode, 0)
        heard = output.decode().splitlines()
        assert f"{ann.name}: hello" in heard, heard[:5]
        equal(heard[-1], f"{name}: last words")
        ann.close()


# -- TLS: the programs against OpenSSL -------------------------------------------------------------------------------


def has_tls():
    return os.path.exists(os.path.join(programs, "tls_echo_server"))


def make_certificate(folder, kind):
    """Makes a certificate for localhost that signs itself, with a key of the kind; the two files."""
    certificate, key = os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem")
    options = ["-newkey", "rsa:2048"] if kind == "rsa" else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run(
        ["openssl", "req", "-x509", *options, "-nodes", "-keyout", key, "-out", certificate, "-days", "30"]
        + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True,
        capture_output=True,
    )
    return certificate, key


def test_the_tls_echo_server_answers_openssl():
    if not has_tls():
        return
    for kind in ("ec", "rsa"):
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = make_certificate(folder, kind)
            with Program("tls_echo_server", 0, certificate, key) as server:
                port = server.read_port()
                context = ssl.create_default_context(cafile=certificate)
                for name in ("localhost", "127.0.0.1"):
                    for _ in range(2):
                        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as plain:
                            with context.wrap_socket(plain, server_hostname=name) as secure:
                                for _ in range(4):  # one after another: a stream of OpenSSL's is for one thread
                                    data = random.randbytes(25000)
                                    secure.sendall(data)
                                    assert receive_exactly(secure, len(data)) == data, "the echo is wrong"
                                secure.unwrap()  # close_notify comes back
                said = subprocess.run(
                    ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", certificate]
                    + ["-verify_return_error", "-servername", "localhost"],
                    input=b"Q\n",
                    capture_output=True,
                    timeout=TIMEOUT_S,
                )
                assert b"Verify return code: 0 (ok)" in said.stdout, said.stdout[-500:]


def test_https_get_fetches_from_openssl_and_refuses_a_server_that_it_does_not_trust():
    if not has_tls():
        return
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = make_certificate(folder, "ec")
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(TIMEOUT_S)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        page = b"x" * 300000

        def answer(orderly):
            try:
                plain, _ = listener.accept()
                with context.wrap_socket(plain, server_side=True) as secure:
                    secure.recv(4096)
                    secure.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + page)
                    if orderly:
                        secure.unwrap().close()
            except (ssl.SSLError, OSError):
                pass  # the client has gone

        def fetch(orderly, *arguments):
            thread = threading.Thread(target=answer, args=(orderly,))
            thread.start()
            program = os.path.join(programs, "https_get")
            run = subprocess.run([program, *arguments], capture_output=True, timeout=TIMEOUT_S)
            thread.join()
            return run

        port = str(listener.getsockname()[1])
        got = fetch(True, "localhost", port, "/", certificate)
        assert got.returncode == 0 and got.stdout.endswith(page), got.stderr
        got = fetch(True, "127.0.0.1", port, "/")
        assert got.returncode == 1 and b"UntrustedRoot" in got.stderr, got.stderr
        got = fetch(False, "localhost", port, "/", certificate)
        assert got.returncode == 1 and b"cut off" in got.stderr, got.stderr
        listener.close()


def test_wrong_arguments_are_refused_with_status_2():
    for name, *arguments in (
        ["async_server", "x"],
        ["async_client"],
        ["async_client", "0"],
        ["async_client", "65536"],
        ["chat_server"],
        ["line_server", "0"],
        ["many_clients", "1", "0"],
        ["inet_chat", "127.0.0.1"],
        ["mfc_chat", "127.0.0.1"],
        ["relay", "0", "0"],
        *([["tls_proxy", "0", "certificate.pem", "key.pem", "0"]] if has_tls() else []),
    ):
        done = subprocess.run([os.path.join(programs, name), *arguments], capture_output=True, text=True)
        equal(done.returncode, 2)
        assert done.stderr.startswith(f"usage: {name}"), done.stderr


# -- All of them -----------------------------------------------------------------------------------------------------


def main():
    global programs
    programs = sys.argv[1]
    failed = 0
    for name, function in list(globals().items()):
        if name.startswith("test_") and (len(sys.argv) < 3 or sys.argv[2] in name):
            try:
                function()
                print(f"ok {name[5:]}", flush=True)
            except Exception as problem:  # of whatever kind: the other tests go on
                failed += 1
                why = " ".join(f"{type(problem).__name__}: {problem}".split())
                print(f"FAIL {name[5:]}: line {problem.__traceback__.tb_next.tb_lineno}: {why}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
