"""Tests of apm-load: that it measures servers that are right, and notices what is wrong with others."""

import csv
import io
import pty
import struct

from tools_case import *  # pylint: disable=wildcard-import,unused-wildcard-import


def every_address(folder):
    return [":0", "[::1]:0", "udp://:0", f"unix:{folder}/s", f"unix:@apm-load-{os.getpid()}-{folder}"]


# -- Right servers ---------------------------------------------------------------------------------------------------


@test
def echoes_are_right_over_every_transport():
    with tempfile.TemporaryDirectory() as folder, Echo(*every_address(folder)) as echo:
        for address in echo.addresses:
            expect_right(address, "-c", "3")
            expect_right(address, "-c", "3", "-n", "5", "-s", "1000", "-t", "2")


@test
def responses_by_size_are_right_over_every_transport():
    with tempfile.TemporaryDirectory() as folder, Echo("-s", "reply", *every_address(folder)) as echo:
        for address in echo.addresses:
            expect_right(address, "-c", "3", "--reply", "8", "-s", "16")
            figures = expect_right(address, "-c", "3", "-n", "4", "--reply", "5000", "-s", "300")
            assert figures["received_bytes_per_s"] > figures["sent_bytes_per_s"], figures


@test
def messages_larger_than_the_buffers_of_the_system_are_right():
    with Echo(":0") as echo, Echo("-s", "reply", ":0") as reply:
        expect_right(echo.addresses[0], "-c", "2", "-n", "2", "-s", "5m", "-T", "30", seconds=0.5)
        expect_right(reply.addresses[0], "-c", "2", "-s", "2m", "--reply", "3m", "-T", "30", seconds=0.5)


@test
def a_connection_for_each_message_is_right():
    with Echo(":0") as echo:
        figures = expect_right(echo.addresses[0], "-c", "5", "--churn")
        assert figures["reconnects"] > 0, figures


@test
def requests_as_text_are_right():
    def serve(peer, _):
        while line := peer.recv(1000):
            for _ in range(line.count(b"\0\n")):
                peer.sendall(b"+PO\0NG\r\n")

    with Server(serve) as server:
        expect_right(f":{server.port}", "-n", "3", "--send", r"PI\x4eG\0\n", "--expect", r"+PO\0NG\r\n")
        expect_right(f":{server.port}", "--send", r"\0\n", "--expect-size", "8")
        expect_error(f":{server.port}", "receive.wrong_bytes", "--send", r"\0\n", "--expect", r"+PO\0NG\r\r")
        expect_error(f":{server.port}", "receive.more_than_was_asked_for", "--send", r"\0\n", "--expect-size", "7")


@test
def a_name_with_several_addresses_finds_the_one_that_listens():
    with Echo("127.0.0.1:0") as echo:
        expect_right(echo.addresses[0].replace("127.0.0.1", "localhost"))


# -- The two loops ---------------------------------------------------------------------------------------------------


def stalling(peer, _):
    """Echoes, but takes half a second for the thirtieth message."""
    count = 0
    while data := peer.recv(64):
        count += 1
        if count == 30:
            time.sleep(0.5)
        peer.sendall(data)


@test
def an_open_loop_does_not_hide_queueing():
    with Server(stalling) as server:
        figures = expect_right(f":{server.port}", "-c", "1", "-R", "200", "-s", "64", seconds=1.5)
        # A hundred of the three hundred messages were due while the server stood still.
        assert figures["p90_us"] > 150_000 and figures["p75_us"] > 10_000, figures
        closed = expect_right(f":{server.port}", "-c", "1", "-s", "64", seconds=1.5)
        assert closed["p50_us"] < 150_000 < closed["max_us"], closed


@test
def an_open_loop_counts_what_it_could_not_send():
    def serve(peer, _):
        while data := peer.recv(64):
            time.sleep(0.1)
            peer.sendall(data)

    with Server(serve) as server:
        figures = expect_right(f":{server.port}", "-c", "1", "-R", "100", "-s", "64", seconds=1)
        assert figures["answers"] <= 10 and 80 <= figures["unsent"] <= 100, figures
        assert figures["p50_us"] > 200_000, figures


@test
def an_open_loop_sends_at_its_rate():
    with Echo(":0", "udp://:0") as echo:
        for address in echo.addresses:
            figures = expect_right(address, "-c", "7", "-R", "1k", seconds=1)
            assert 900 <= figures["answers"] + figures["unsent"] <= 1100, figures


# -- Wrong servers ---------------------------------------------------------------------------------------------------


def faulty(edit):
    """A server that echoes edit(all bytes of the connection up to now, the new ones)."""

    def serve(peer, number):
        seen = b""
        while data := peer.recv(65536):
            peer.sendall(edit(number, seen, data))
            seen += data

    return Server(serve)


@test
def a_changed_byte_is_an_error_that_says_where():
    def edit(_, seen, data):
        position = 100 - len(seen)
        if 0 <= position < len(data):
            return data[:position] + bytes([data[position] ^ 1]) + data[position + 1:]
        return data

    with faulty(edit) as server:
        figures = expect_error(f":{server.port}", "receive.wrong_bytes", "-c", "1")
        assert figures["answers"] > 0, figures
        _, _, errors = load(f":{server.port}", "-c", "1", seconds=1)
        assert "byte 100 of the stream" in errors, errors


@test
def lost_doubled_and_foreign_bytes_are_errors():
    first = []

    def lose(_, seen, data):
        return data[:-1] if len(seen) > 100 else data

    def double(_, seen, data):
        return data + data if len(seen) > 100 else data

    def exchange(number, _, data):
        first.append(data)
        return first[0] if number == 1 else data

    for edit, error, depth in ((lose, "receive.wrong_bytes", 2), (double, "receive.more_than_was_sent", 1),
                               (exchange, "receive.wrong_bytes", 1)):
        with faulty(edit) as server:
            expect_error(f":{server.port}", error, "-c", "2", "-n", depth)


@test
def an_answer_that_never_comes_is_an_error_and_the_connection_is_opened_again():
    with faulty(lambda number, seen, data: data if number > 0 or len(seen) < 100 else b"") as server:
        figures = expect_error(f":{server.port}", "receive.no_answer", "-c", "1", "-T", "300ms", seconds=1)
        assert figures["max_us"] >= 299_000, figures
        assert server.count >= 2


@test
def a_connection_that_the_server_ends_is_an_error_and_is_opened_again():
    def close(peer, _):
        for _ in range(3):
            peer.sendall(peer.recv(64))
        peer.recv(64)

    def reset(peer, _):
        for _ in range(3):
            peer.sendall(peer.recv(64))
        peer.recv(64)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    for serve, error in ((close, "receive.closed_by_server"), (reset, "receive.ConnectionReset")):
        with Server(serve) as server:
            figures = expect_error(f":{server.port}", error, "-c", "2", "-s", "64")
            assert figures["answers"] >= 3 and server.count > 2, figures


@test
def a_refused_connection_is_said_at_once():
    with socket.socket() as silent, tempfile.TemporaryDirectory() as folder:
        silent.bind(("127.0.0.1", 0))
        for target, error in ((f":{silent.getsockname()[1]}", "ConnectionRefused"),
                              (f"unix:{folder}/none", "AddressNotAvailable"), ("no-such-name.invalid:1", "invalid")):
            status, output, errors = run("apm-load", target)
            assert (status, output) == (1, "") and error in errors, errors


@test
def datagrams_that_are_lost_late_double_or_changed_are_errors():
    faults = {
        "lost": lambda data, i: [] if i % 4 == 1 else [data],
        "late_or_double": lambda data, i: [data, data],
        "wrong_bytes": lambda data, i: [data[:-1] + bytes([data[-1] ^ 1])] if i == 1 else [data],
        "wrong_size": lambda data, i: [data + b"x"] if i == 1 else [data],
    }
    for error, fault in faults.items():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))

            def serve(server=server, fault=fault):
                try:
                    for i in range(1 << 30):
                        data, peer = server.recvfrom(65536)
                        for answer in fault(data, i):
                            server.sendto(answer, peer)
                except OSError:
                    pass

            threading.Thread(target=serve, daemon=True).start()
            expect_error(f"udp://127.0.0.1:{server.getsockname()[1]}", f"receive.{error}", "-c", "2", "-n", "2", "-T",
                         "200ms")


# -- What it prints --------------------------------------------------------------------------------------------------


@test
def csv_and_json_and_text_say_the_same():
    with Echo(":0") as echo:
        base = ["-w", "0", "-d", "0.1", echo.addresses[0]]
        _, text, _ = run("apm-load", "--csv", *base)
        rows = list(csv.reader(io.StringIO(text)))
        _, figures, _ = load(*base[::-1][:1])
        assert len(rows) == 2 and rows[0] == [*figures], f"{rows} {[*figures]}"
        assert rows[1][0] == echo.addresses[0]
        status, text, errors = run("apm-load", *base)
        assert (status, errors) == (0, ""), errors
        for word in ("answers", "latency", "99.9 %", "errors      0"):
            assert word in text, text


@test
def the_distribution_goes_to_a_file():
    with Echo(":0") as echo, tempfile.TemporaryDirectory() as folder:
        expect_right(echo.addresses[0], "--percentiles", f"{folder}/p")
        with open(f"{folder}/p", encoding="utf-8") as file:
            rows = [line.split() for line in file if re.match(r" *\d", line)]
        shares = [float(row[1]) for row in rows]
        assert shares == sorted(shares) and shares[-1] == 1.0, rows[-3:]
        assert run("apm-load", "-w", "0", "-d", "0.1", "-o", f"{folder}/no/file", echo.addresses[0])[0] == 1


@test
def progress_is_for_terminals():
    with Echo(":0") as echo:
        for arguments, expected in (([], True), (["-q"], False)):
            leader, follower = pty.openpty()
            process = subprocess.Popen([program("apm-load"), "-w", "0", "-d", "1.2", *arguments, echo.addresses[0]],
                                       stdout=subprocess.PIPE, stderr=follower)
            output, _ = process.communicate(timeout=TIMEOUT_S)
            shown = os.read(leader, 10000) if select.select([leader], [], [], 0)[0] else b""
            os.close(follower)
            os.close(leader)
            assert b"errors      0" in output
            assert (b"answers/s" in shown) == expected, shown


@test
def an_interrupted_run_reports_what_it_has():
    has_answered = threading.Event()

    def edit(_, seen, data):
        if len(seen) > 1000:
            has_answered.set()
        return data

    with faulty(edit) as server:
        command = [program("apm-load"), "--json", "-w", "0", "-d", "1h", f":{server.port}"]
        with Process(*command, stdout=subprocess.PIPE) as process:
            assert has_answered.wait(TIMEOUT_S)
            process.process.send_signal(signal.SIGINT)
            output, _ = process.process.communicate(timeout=TIMEOUT_S)
            assert process.process.returncode == 0 and json.loads(output)["answers"] > 0, output


@test
def wrong_arguments_are_named():
    for arguments, message in (
        ([], "the target is missing"),
        ([":1", ":2"], "':2' is one target too many"),
        (["127.0.0.1"], "the port is missing"),
        ([":0"], "'0' is no port"),
        (["http://localhost?x"], "a path comes before the query"),
        (["http://localhost/a b"], "%20"),
        (["http+unix:/tmp/x:y"], "begins with a slash"),
        (["-c", "0", ":1"], "'0' is not a number from 1"),
        (["-c", "1x", ":1"], "'1x' is not a number"),
        (["-d", "-1", ":1"], "'-1' is no time"),
        (["-R", "fast", ":1"], "'fast' is not a number"),
        (["-s", "5", "udp://:1"], "at least 16"),
        (["-s", "70k", "udp://:1"], "no more than 65507"),
        (["--churn", "udp://:1"], "does not go with udp"),
        (["--churn", "-n", "2", ":1"], "--depth of 1"),
        (["--send", "x", ":1"], "needs either --expect"),
        (["--send", r"\q", "--expect", "x", ":1"], r"'\q' is no escape"),
        (["--expect", "x", ":1"], "goes with --send"),
        (["--size", "5", "http://localhost/"], "do not go with HTTP"),
        (["--header", "x", "http://localhost/"], "Name: value"),
        (["--header", "a: b", ":1"], "go with http://"),
        (["--no-such-option"], "unrecognized option"),
    ):
        status, output, errors = run("apm-load", *arguments)
        assert (status, output) == (2, "") and message in errors and "--help" in errors, f"{arguments}: {errors}"
