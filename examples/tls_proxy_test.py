#!/usr/bin/env python3
"""Runs examples/tls_proxy.c before servers of several kinds: tls_proxy_test.py folder_of_the_programs [test]

Prints a line `ok name`, `SKIP name: why` where a program is not installed, or `FAIL name: why` for each test, and ends
with status 1 if one failed. APM_TLS_CONNECTIONS is how many are open at once in the test of that, 1,000 if it is not
set and there are descriptors for them; APM_TLS_BYTES how much a large transfer carries, 10 MB if it is not set.
"""

import contextlib
import os
import random
import re
import resource
import selectors
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

import examples_test
from examples_test import TIMEOUT_S, Program, connect, equal, receive_all, reset, unused_port

BYTES = int(os.environ.get("APM_TLS_BYTES", "10000000"))
CONNECTIONS = int(os.environ.get("APM_TLS_CONNECTIONS", "1000"))
TOTALS = re.compile(
    r"Served (\d+) connections: (\d+) handshakes failed, (\d+) found no backend, (\d+) were cut off"
)

files = {}


class Skipped(Exception):
    """A test that cannot be made on this machine."""


# -- Both sides ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def proxy(backend_port, *options):
    with Program("tls_proxy", *options, 0, files["certificate"], files["key"], backend_port) as program:
        yield program, program.read_port()


def totals(program, with_signal=signal.SIGINT):
    """Ends the proxy; gives what it has counted: all, failed handshakes, without backend, cut off."""
    program.process.send_signal(with_signal)
    equal(program.finish(), 0)
    match = TOTALS.fullmatch(program.lines[-1])
    assert match, program.lines
    return tuple(map(int, match.groups()))


def trusting(protocols=()):
    context = ssl.create_default_context(cafile=files["certificate"])
    # The end without close_notify is to be an error, as in the library.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


def secure(port, context=None):
    plain = connect(port)
    return (context or trusting()).wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)


@contextlib.contextmanager
def backend(serve):
    """A server that calls `serve` with each connection, in a thread of its own."""
    threads = []

    def one(connection):
        with connection, contextlib.suppress(ConnectionError):
            serve(connection)

    def accept(listener):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.settimeout(TIMEOUT_S)
                threads.append(threading.Thread(target=one, args=(connection,), daemon=True))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        acceptor = threading.Thread(target=accept, args=(listener,), daemon=True)
        acceptor.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        acceptor.join(TIMEOUT_S)
    for thread in threads:
        thread.join(TIMEOUT_S)


def await_listener(port, process):
    deadline = time.monotonic() + TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), connect(port):
            return
        time.sleep(0.02)
    raise AssertionError("the server does not listen")


@contextlib.contextmanager
def echo_server():
    port = unused_port()
    with Program("echo_server", port) as program:
        await_listener(port, program.process)
        yield port


# -- What goes through -----------------------------------------------------------------------------------------------


def test_s_client_gets_back_what_it_sends_through_the_proxy():
    data = random.Random(1).randbytes(3000000)
    with echo_server() as port, proxy(port) as (program, front):
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{front}", "-CAfile", files["certificate"]]
        command += ["-verify_return_error", "-servername", "localhost", "-quiet"]
        client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

        def give():
            client.stdin.write(data)
            client.stdin.flush()

        giver = threading.Thread(target=give)
        giver.start()
        got = b""
        while len(got) < len(data):
            block = client.stdout.read1(1 << 16)
            assert block, f"it ends after {len(got)} bytes"
            got += block
        giver.join()
        assert got == data, "other bytes"
        client.kill()  # it would wait for the server, which waits for it
        client.communicate()
        equal(totals(program), (1, 0, 0, 1))


def test_the_end_of_one_direction_is_passed_on_while_the_other_goes_on():
    def count_then_answer(connection):
        size = len(receive_all(connection))  # to the end that the client has said
        connection.sendall(b"%d bytes" % size)

    with backend(count_then_answer) as port, proxy(port) as (program, front):
        for size in (0, 1, 1000000):
            memory = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = trusting().wrap_bio(*memory, server_hostname="localhost")
            with connect(front) as plain:

                def flush():
                    if memory[1].pending:
                        plain.sendall(memory[1].read())

                def repeat(step):
                    while True:
                        try:
                            return step()
                        except ssl.SSLWantReadError:
                            flush()
                            block = plain.recv(65536)
                            if block:
                                memory[0].write(block)
                            else:
                                memory[0].write_eof()
                        finally:
                            flush()

                repeat(client.do_handshake)
                if size > 0:
                    for _ in range(100):
                        client.write(b"x" * (size // 100 or size))
                        flush()
                        if size < 100:
                            break
                with contextlib.suppress(ssl.SSLWantReadError):
                    client.unwrap()  # writes close_notify, and would wait for the other one
                flush()
                # Python's object cannot read behind its own close_notify; that the answer and the end come, in records
                # of application data and an alert of TLS, the length of what comes shows.
                came = receive_all(plain)
                assert len(came) > len(b"%d bytes" % size), came
        equal(totals(program, signal.SIGTERM), (3, 0, 0, 0))


def test_the_backends_end_is_close_notify_and_its_reset_none():
    def answer(connection):
        request = connection.recv(100)
        connection.sendall(b"answer")
        if request == b"reset":
            connection.recv(100)  # until the client has it
            reset(connection)

    with backend(answer) as port, proxy(port) as (program, front):
        with secure(front) as client:
            client.sendall(b"good")
            equal(client.recv(100), b"answer")
            equal(client.recv(100), b"")
        with secure(front) as client:
            client.sendall(b"reset")
            equal(client.recv(100), b"answer")
            client.sendall(b"got it")
            try:
                assert False, f"an end in order: {client.recv(100)!r}"
            except (ConnectionResetError, ssl.SSLError):
                pass
        equal(totals(program), (2, 0, 0, 1))


def test_a_client_that_is_cut_off_is_a_reset_to_the_backend():
    seen = []
    came = threading.Event()

    def read_on(connection):
        try:
            while connection.recv(100):
                came.set()
            seen.append("end")
        except ConnectionResetError:
            seen.append("reset")

    with backend(read_on) as port:
        with proxy(port) as (program, front):
            client = secure(front)
            client.sendall(b"a part of what")
            assert came.wait(TIMEOUT_S)
            os.close(client.detach())  # the end of the stream, without close_notify
            while not seen:
                time.sleep(0.01)
            equal(totals(program), (1, 0, 0, 1))
    equal(seen, ["reset"])


def test_a_backend_that_does_not_read_stops_the_client_and_nothing_is_lost():
    size = 1 << 26
    may_read = threading.Event()
    received = []

    def read_late(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        assert may_read.wait(TIMEOUT_S)
        received.append(len(receive_all(connection)))
        connection.sendall(b"all")

    with backend(read_late) as port, proxy(port) as (program, front):
        with secure(front) as client:
            block = b"z" * 65536
            sent = 0
            client.settimeout(1)
            try:
                while sent < size:
                    client.sendall(block)
                    sent += len(block)
                assert False, "all of it was taken, by nobody"
            except TimeoutError:
                pass
            with open(f"/proc/{program.process.pid}/status") as status:
                resident_kb = int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1))
            assert resident_kb < 100000, f"the proxy holds {resident_kb} kB"
            may_read.set()
        # What was written in part ends without order, and is reported so.
        counted = totals(program)
        equal(counted[:3], (1, 0, 0))
    assert sent < size


# -- What goes wrong -------------------------------------------------------------------------------------------------


def test_what_goes_wrong_is_counted_by_kind():
    with proxy(unused_port()) as (program, front):
        for _ in range(3):
            with secure(front) as client:
                try:
                    equal(client.recv(100), b"")
                except OSError:
                    pass
        reset(connect(front))
        with connect(front) as plain:
            plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b"HTTP" not in receive_all(plain)
        counted = totals(program)
        equal(counted, (5, 2, 3, 0))


def test_an_end_by_signal_waits_for_those_who_are_served():
    go_on = threading.Event()

    def answer_late(connection):
        connection.recv(100)
        assert go_on.wait(TIMEOUT_S)
        connection.sendall(b"late")

    with backend(answer_late) as port, proxy(port) as (program, front):
        with secure(front) as client:
            client.sendall(b"question")
            program.process.send_signal(signal.SIGINT)
            deadline = time.monotonic() + TIMEOUT_S
            while time.monotonic() < deadline:  # until it listens no more
                try:
                    connect(front).close()
                except OSError:
                    break
            go_on.set()
            equal(client.recv(100), b"late")
            equal(client.recv(100), b"")
        equal(program.finish(), 0)
        assert TOTALS.fullmatch(program.lines[-1]), program.lines


# -- The PROXY protocol ----------------------------------------------------------------------------------------------


def read_values(block):
    """Pairs of a type and what it has."""
    values = {}
    while block:
        kind, size = struct.unpack("!BH", block[:3])
        assert len(block) >= 3 + size, "a value is longer than what it is in"
        values[kind] = block[3 : 3 + size]
        block = block[3 + size :]
    return values


def test_the_header_says_who_the_client_is():
    headers = []

    def keep(connection):
        stream = connection.makefile("rb")
        head = stream.read(16)
        headers.append((head, stream.read(struct.unpack("!H", head[14:])[0]), stream.read(4)))

    with backend(keep) as port, proxy(port, "--proxy-protocol") as (program, front):
        for protocols in ([], ["h2"]):
            with secure(front, trusting(protocols)) as client:
                local_port = client.getsockname()[1]
                version, suite = client.version(), client.cipher()[0]
                client.sendall(b"data")
                equal(client.recv(10), b"")
            head, rest, data = headers.pop()
            equal(head[:14], b"\r\n\r\n\x00\r\nQUIT\n\x21\x11")
            equal(rest[:12], socket.inet_aton("127.0.0.1") * 2 + struct.pack("!HH", local_port, front))
            values = read_values(rest[12:])
            equal(values[0x02], b"localhost")
            flags, verify = struct.unpack("!BI", values[0x20][:5])
            equal(flags, 1)
            assert verify != 0, "no certificate of the client was verified"
            inner = read_values(values[0x20][5:])
            equal(inner[0x21], version.encode())
            assert suite and inner[0x23], "no suite"
            equal(data, b"data")
        equal(totals(program)[0], 2)


NGINX = """daemon off; master_process off; error_log stderr; pid {folder}/nginx.pid;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port} {protocol}; root {folder};
    location /who {{ return 200 "$proxy_protocol_addr:$proxy_protocol_port"; }} }}
}}
"""


@contextlib.contextmanager
def nginx(folder, protocol):
    if not shutil.which("nginx"):
        raise Skipped("there is no nginx")
    port = unused_port()
    configuration = os.path.join(folder, "nginx.conf")
    with open(configuration, "w") as file:
        file.write(NGINX.format(folder=folder, port=port, protocol=protocol))
    os.chmod(folder, 0o755)
    command = ["nginx", "-p", folder, "-c", configuration]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        await_listener(port, process)
        yield port
    finally:
        process.kill()
        process.wait()


def curl(*arguments):
    if not shutil.which("curl"):
        raise Skipped("there is no curl")
    command = ["curl", "--silent", "--show-error", "--fail", "--cacert", files["certificate"], "--max-time", TIMEOUT_S]
    return subprocess.run(list(map(str, command + list(arguments))), capture_output=True, timeout=TIMEOUT_S)


def test_curl_fetches_from_nginx_behind_the_proxy():
    data = random.Random(2).randbytes(10000000)
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "data"), "wb") as file:
            file.write(data)
        with nginx(folder, "") as port, proxy(port) as (program, front):
            got = curl(f"https://localhost:{front}/data")
            assert got.returncode == 0 and got.stdout == data, (got.returncode, len(got.stdout), got.stderr)
            equal(totals(program), (1, 0, 0, 0))
        with nginx(folder, "proxy_protocol") as port, proxy(port, "--proxy-protocol") as (program, front):
            local = unused_port()
            got = curl("--local-port", local, f"https://localhost:{front}/who")
            equal(got.stdout, f"127.0.0.1:{local}".encode())
            equal(totals(program), (1, 0, 0, 0))


def test_curl_posts_much_through_the_proxy_and_gets_it_back():
    data = random.Random(3).randbytes(BYTES)

    def answer(connection):
        stream = connection.makefile("rwb")
        size = 0
        while (line := stream.readline().strip()) != b"":
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        body = stream.read(size)
        stream.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size + body)
        stream.flush()

    with tempfile.NamedTemporaryFile() as file, backend(answer) as port, proxy(port) as (program, front):
        file.write(data)
        file.flush()
        for version in ("1.2", "1.3") if has_tls13(front) else ("1.2",):
            got = curl(f"--tlsv{version}", "--tls-max", version, "--header", "Expect:", "--data-binary",
                       f"@{file.name}", f"https://localhost:{front}/")
            assert got.returncode == 0 and got.stdout == data, (got.returncode, len(got.stdout), got.stderr)
        equal(totals(program)[1:3], (0, 0))


def has_tls13(front):
    with secure(front) as client:
        return client.version() == "TLSv1.3"


# -- Many ------------------------------------------------------------------------------------------------------------


class Many:
    """A client of many connections, by one thread: each sends its number once all are there, and awaits the echo."""

    def __init__(self, front, count):
        self.selector = selectors.DefaultSelector()
        self.context = trusting()
        self.front = front
        self.connections = []
        # All of them at once would be there before the first handshake has been done, and some would run out of time.
        while len(self.connections) < count:
            some = [self.begin() for _ in range(min(50, count - len(self.connections)))]
            self.all_do(lambda connection, number: connection.do_handshake(), some)
            self.connections += some

    def begin(self):
        plain = socket.socket()
        plain.setblocking(False)
        plain.connect_ex(("127.0.0.1", self.front))
        return self.context.wrap_socket(plain, server_hostname="localhost", do_handshake_on_connect=False)

    def all_do(self, step, some=None):
        """Has each connection do the step, which begins anew where it has to wait."""
        connections = self.connections if some is None else some
        deadline = time.monotonic() + TIMEOUT_S
        for number, connection in enumerate(connections):
            self.selector.register(connection, selectors.EVENT_WRITE, number)
        left = len(connections)
        while left > 0:
            assert time.monotonic() < deadline, f"{left} of {len(connections)} have not done it"
            for key, _ in self.selector.select(1):
                try:
                    step(key.fileobj, key.data)
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as wanted:
                    reads = isinstance(wanted, ssl.SSLWantReadError)
                    events = selectors.EVENT_READ if reads else selectors.EVENT_WRITE
                    self.selector.modify(key.fileobj, events, key.data)
                else:
                    self.selector.unregister(key.fileobj)
                    left -= 1


def test_many_connections_are_open_at_once():
    # Each is one here, two in the proxy and one in the server, each of which may have so many.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2 - 64
    count = min(CONNECTIONS, most) if most > 0 else CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * count + 128)), hard))
    with echo_server() as port, proxy(port) as (program, front):
        many = Many(front, count)

        def hear(connection, number):
            text = b"%06d" % number
            equal(connection.recv(100), text)

        many.all_do(lambda connection, number: connection.sendall(b"%06d" % number))
        many.all_do(hear)
        for connection in many.connections:
            with contextlib.suppress(ssl.SSLWantReadError):
                connection.unwrap()
        for connection in many.connections:
            connection.close()
        counted = totals(program)
        equal(counted[:3], (count, 0, 0))


# -- All of them -----------------------------------------------------------------------------------------------------


def main():
    examples_test.programs = sys.argv[1]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        files["certificate"], files["key"] = examples_test.make_certificate(folder, "ec")
        for name, function in list(globals().items()):
            if not name.startswith("test_") or (len(sys.argv) > 2 and sys.argv[2] not in name):
                continue
            started = time.monotonic()
            try:
                function()
                print(f"ok {name[5:]} ({time.monotonic() - started:.1f} s)", flush=True)
            except Skipped as reason:
                print(f"SKIP {name[5:]}: {reason}", flush=True)
            except Exception as problem:  # of whatever kind: the other tests go on
                failed += 1
                why = " ".join(f"{type(problem).__name__}: {problem}".split())
                print(f"FAIL {name[5:]}: line {problem.__traceback__.tb_next.tb_lineno}: {why}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
