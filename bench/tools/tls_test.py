"""Tests of TLS in apm-load and apm-echo, against each other, Python's OpenSSL, nginx and openssl's own servers."""

import contextlib
import functools
import ssl
import struct
import time

from peers_test import find, free_port, wait_for
from tools_case import *  # pylint: disable=wildcard-import,unused-wildcard-import

NO_TLS = "the library was built without TLS"
CERTIFICATES = threading.Lock()

NGINX = """
daemon off; worker_processes 1; pid {0}/pid; error_log {0}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 50;
    client_body_temp_path {0}/body; proxy_temp_path {0}/proxy; fastcgi_temp_path {0}/fastcgi;
    uwsgi_temp_path {0}/uwsgi; scgi_temp_path {0}/scgi;
    ssl_certificate {1}/server.pem; ssl_certificate_key {1}/server.key; ssl_session_cache shared:tls:1m;
    server {{ listen 127.0.0.1:{2} ssl; listen unix:{0}/socket ssl; root {0}; }}
}}
"""


# -- Certificates ----------------------------------------------------------------------------------------------------


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=TIMEOUT_S)


def sign(folder, name, subject, *validity):
    """A certificate of the authority for localhost, its key beside it."""
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key",
            "-out", f"{name}.csr", "-subj", f"/CN={subject}")
    with open(f"{folder}/{name}.ext", "w", encoding="utf-8") as extensions:
        extensions.write(f"subjectAltName=DNS:{subject}" + (",IP:127.0.0.1\n" if subject == "localhost" else "\n"))
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "7",
            "-extfile", f"{name}.ext", "-out", f"{name}.pem", *validity)


@functools.lru_cache(maxsize=None)
def made():
    if NO_TLS in run("apm-load", "--tls", "--insecure", "127.0.0.1:1")[2]:
        return None
    folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
    os.chmod(folder.name, 0o755)
    openssl(folder.name, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            "ca.key", "-out", "ca.pem", "-subj", "/CN=Test Authority", "-addext", "keyUsage=critical,keyCertSign",
            "-days", "30")
    sign(folder.name, "server", "localhost", "-days", "30")
    sign(folder.name, "other", "other.invalid", "-days", "30")
    # Valid for the second in which it is issued, and then over.
    sign(folder.name, "over", "localhost", "-days", "0")
    issued = int(time.time())
    while int(time.time()) == issued:
        time.sleep(0.05)
    openssl(folder.name, "ec", "-in", "server.key", "-aes256", "-passout", "pass:secret", "-out", "secret.key")
    with open(f"{folder.name}/both.pem", "wb") as both:
        for part in ("server.pem", "server.key"):
            with open(f"{folder.name}/{part}", "rb") as file:
                both.write(file.read())
    return folder


def certificates():
    """The folder of the certificates, which are made once."""
    find("openssl", "openssl")
    with CERTIFICATES:
        folder = made()
    if folder is None:
        raise Skip(NO_TLS)
    return folder.name


def served(name="server"):
    """What an echo server with TLS is started with."""
    folder = certificates()
    return ["--tls", "--certificate", f"{folder}/{name}.pem", "--key", f"{folder}/{name}.key"]


def trust(*more):
    """What apm-load needs to trust the servers of these tests, with time for handshakes on a machine that is busy."""
    return ["-T", "30", "--ca", f"{certificates()}/ca.pem", *(more or ("--server-name", "localhost"))]


def places(folder):
    return [":0", f"unix:{folder}/s", f"unix:@apm-tls-{os.getpid()}-{folder}"]


def secure(address):
    """A Python client of a server with TLS, which verifies it."""
    context = ssl.create_default_context(cafile=f"{certificates()}/ca.pem")
    return context.wrap_socket(connect(address.replace("tls+unix", "unix")), server_hostname="localhost")


def python_server(serve, name="server"):
    """A server by Python's OpenSSL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{certificates()}/{name}.pem", f"{certificates()}/{name}.key")

    def serve_secure(peer, number):
        with context.wrap_socket(peer, server_side=True) as stream:
            serve(stream, number)

    return Server(serve_secure)


# -- apm-echo --------------------------------------------------------------------------------------------------------


@test
def services_over_tls_are_those_over_plain_sockets():
    characters = bytes(range(32, 127)) * 2
    text = b"".join(characters[i % 95:i % 95 + 72] + b"\r\n" for i in range(1000))

    def echo(peer):
        peer.sendall(b"hello" * 20000)
        assert receive_exactly(peer, 100000) == b"hello" * 20000

    def discard(peer):
        peer.sendall(b"hello")
        peer.settimeout(0.05)
        try:
            assert peer.recv(1) is None, "something came back"
        except TimeoutError:
            pass

    def chargen(peer):
        assert receive_exactly(peer, len(text)) == text

    def delay(peer):
        start = time.monotonic()
        peer.sendall(b"hello")
        assert receive_exactly(peer, 5) == b"hello" and time.monotonic() - start >= 0.099

    def reply(peer):
        peer.sendall(b"".join(struct.pack(">IIQ", 40, 70000, number) + bytes(24) for number in range(3)))
        data = receive_exactly(peer, 210000)
        assert [data[i:i + 8] for i in range(0, 210000, 70000)] == [struct.pack(">Q", number) for number in range(3)]

    for service in (echo, discard, chargen, delay, reply):
        arguments = ["-s", service.__name__, *served()]
        with tempfile.TemporaryDirectory() as folder, Echo(*arguments, *places(folder)) as server:
            for address in server.addresses:
                assert address.startswith("tls"), address
                with secure(address) as peer:
                    service(peer)


@test
def echo_with_tls_ends_in_order_when_it_is_told_to():
    with Echo(*served(), "tls://:0") as echo, secure(echo.addresses[0]) as peer:
        peer.sendall(b"hello")
        assert receive_exactly(peer, 5) == b"hello"
        echo.process.send_signal(signal.SIGTERM)
        # Without close_notify this would be an error.
        assert peer.recv(1) == b""
        peer.close()
        assert echo.process.wait(TIMEOUT_S) == 0
        assert echo.process.stdout.read() == "1 connections, 5 bytes received, 5 bytes sent\n"


@test
def plain_addresses_and_those_with_tls_are_served_side_by_side():
    with Echo(*served()[1:], "tls://:0", ":0", "udp://:0") as echo:
        for address, arguments in zip(echo.addresses, (trust(), [], [])):
            expect_right(address, "-c", "2", *arguments)
        assert [address.partition(":")[0] for address in echo.addresses] == ["tls", "tcp", "udp"]


@test
def a_key_may_be_encrypted_or_in_the_file_of_the_certificate():
    folder = certificates()
    server = f"{folder}/server.pem"
    for arguments in ([f"{folder}/both.pem"], [server, "--key", f"{folder}/secret.key", "--password", "secret"]):
        with Echo("--tls", "--certificate", *arguments, ":0") as echo, secure(echo.addresses[0]) as peer:
            peer.sendall(b"hello")
            assert receive_exactly(peer, 5) == b"hello"


@test
def files_that_will_not_do_are_named():
    folder = certificates()
    server = f"{folder}/server.pem"
    secret = ["--key", f"{folder}/secret.key"]
    for arguments, file, message in (
        ([f"{folder}/none"], f"{folder}/none", "No such file"),
        ([server, "--key", f"{folder}/none"], f"{folder}/none", "No such file"),
        ([server], server, "has no private key"),
        ([f"{folder}/server.ext"], f"{folder}/server.ext", "no certificate"),
        ([server, "--key", f"{folder}/ca.key"], f"{folder}/ca.key", "that of another certificate"),
        ([server, *secret], f"{folder}/secret.key", "needs --password"),
        ([server, *secret, "--password", "x"], f"{folder}/secret.key", "the password is wrong"),
    ):
        status, output, errors = run("apm-echo", "--tls", "--certificate", *arguments, ":0")
        assert (status, output) == (1, "") and f"{file}: " in errors and message in errors, f"{arguments}: {errors}"
    status, _, errors = run("apm-load", "--ca", f"{folder}/server.ext", "tls://:1")
    assert status == 1 and "server.ext: this is no certificate" in errors, errors


@test
def a_client_that_refuses_the_certificate_is_said_and_counted():
    with tempfile.TemporaryFile("w+") as said:
        with Process(program("apm-echo"), *served(), ":0", stdout=subprocess.PIPE, stderr=said) as echo:
            address = echo.process.stdout.readline().split()[-1]
            for _ in range(2):
                try:
                    ssl.create_default_context().wrap_socket(connect(address), server_hostname="localhost")
                    raise AssertionError("it is accepted")
                except ssl.SSLCertVerificationError:
                    pass
            with secure(address) as peer:
                peer.sendall(b"hello")
                assert receive_exactly(peer, 5) == b"hello"
            echo.process.terminate()
            assert echo.process.wait(TIMEOUT_S) == 0
            assert echo.process.stdout.read().endswith("5 bytes sent, 2 handshakes failed\n")
        said.seek(0)
        text = said.read()
        assert text.count("\n") == 1 and "the first handshake that failed: The peer has given up" in text, text


# -- apm-load against apm-echo -----------------------------------------------------------------------------------------


@test
def echoes_and_responses_over_tls_are_right():
    with tempfile.TemporaryDirectory() as folder, Echo(*served(), *places(folder)) as echo:
        for address in echo.addresses:
            figures = expect_right(address, "-c", "3", *trust())
            assert figures["tls"].startswith("TLS 1.") and figures["target"] == address, figures
            expect_right(address, "-c", "3", "-n", "20", "-s", "1000", "-t", "2", *trust())
        expect_right(echo.addresses[0], "-c", "2", "-n", "3", "-s", "100k", *trust())
        expect_right(echo.addresses[0], "-c", "1", "-n", "2", "-s", "5m", "-T", "30", *trust(), seconds=0.5)
        figures = expect_right(echo.addresses[0], "-c", "5", "-R", "500", *trust(), seconds=0.5)
        assert 200 <= figures["answers"] + figures["unsent"] <= 300, figures
    with Echo("-s", "reply", *served(), ":0") as echo:
        expect_right(echo.addresses[0], "-c", "3", "-n", "4", "--reply", "50k", "-s", "300", *trust())
        expect_right(echo.addresses[0], "-c", "3", "-n", "4", "--reply", "8", "-s", "20k", *trust())


@test
def tls_is_asked_for_by_the_target_or_by_an_option():
    with Echo(*served(), ":0") as echo:
        plain = echo.addresses[0].replace("tls://", "tcp://")
        expect_right(plain, "--tls", "-c", "2", *trust())
        # The address is in the certificate, too, and the authority all that has to be said.
        expect_right(echo.addresses[0], "-c", "2", *trust("--tls"))


@test
def handshakes_are_counted_full_and_resumed():
    with Echo(*served(), ":0") as echo:
        is_enough = lambda figures: figures["resumed_handshakes"] > 5
        _, figures, errors = load_until(is_enough, echo.addresses[0], "-c", "2", "--churn", *trust())
        assert figures["resumed_handshakes"] > 5 and figures["errors"] == 0, f"{figures} {errors}"
        is_enough = lambda figures: figures["full_handshakes"] > 0
        _, figures, errors = load_until(is_enough, echo.addresses[0], "-c", "2", "--churn", "--no-resumption", *trust())
        assert figures["full_handshakes"] > 0 and figures["errors"] == 0, f"{figures} {errors}"
        assert figures["resumed_handshakes"] == 0, figures
        # A connection for each answer, but for those under way at the edges of the window.
        assert abs(figures["full_handshakes"] - figures["answers"]) <= 4, figures
        status, text, _ = run("apm-load", "--churn", "-w", "0", "-d", "0.2", *trust(), echo.addresses[0])
        assert status == 0 and re.search(r"^handshakes  \d+ full, \d+ resumed, [\d.]+ a second$", text, re.MULTILINE)
        assert re.search(r"^TLS         TLS 1\.[23], .+$", text, re.MULTILINE), text
    with Echo(":0") as echo:
        figures = expect_right(echo.addresses[0], "--churn")
        assert (figures["tls"], figures["full_handshakes"], figures["resumed_handshakes"]) == ("", 0, 0), figures


# -- Trust -----------------------------------------------------------------------------------------------------------


@test
def a_certificate_that_is_not_trusted_says_why():
    for name, arguments, error, advice in (
        ("server", [], "PartialChain", "--ca FILE"),
        ("server", trust("--server-name", "elsewhere"), "RemoteCertificateNameMismatch", "--server-name"),
        ("other", trust("--tls"), "RemoteCertificateNameMismatch", "--server-name"),
        ("over", trust(), "NotTimeValid", ""),
    ):
        with Echo(*served(name), ":0") as echo:
            status, output, errors = run("apm-load", *arguments, echo.addresses[0])
            assert (status, output) == (1, ""), output
            assert "The peer's certificate is not accepted" in errors and advice in errors, errors
            assert errors.endswith(f"could be opened: {error}\n"), errors
            assert errors.count("\n") == 2, errors
            expect_right(echo.addresses[0], "--insecure", "-c", "2", "-T", "30")


@test
def a_server_that_changes_its_certificate_is_an_error_of_the_handshake():
    folder = certificates()
    contexts = []
    for name in ("server", "over"):
        contexts.append(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        contexts[-1].load_cert_chain(f"{folder}/{name}.pem", f"{folder}/{name}.key")

    def serve(peer, number):
        with contexts[number > 0].wrap_socket(peer, server_side=True) as stream:
            stream.sendall(stream.recv(64))
            stream.recv(64)

    with Server(serve) as server:
        target = f"tls://127.0.0.1:{server.port}"
        figures = expect_error(target, "handshake.NotTimeValid", "-c", "1", "--churn", *trust())
        assert figures["full_handshakes"] + figures["resumed_handshakes"] <= 1, figures


# -- Wrong servers ---------------------------------------------------------------------------------------------------


@test
def a_server_without_tls_and_one_that_says_nothing_are_errors_of_the_handshake():
    with Echo(":0") as echo, Server(lambda peer, _: peer.recv(1) and time.sleep(5)) as silent:
        status, _, errors = run("apm-load", "--tls", *trust(), echo.addresses[0])
        assert status == 1 and "apm-load: connection " in errors and "could be opened" in errors, errors
        status, _, errors = run("apm-load", *trust(), "-T", "200ms", f"tls://:{silent.port}")
        assert status == 1 and ("opened: no_answer" in errors or "opened: no answer" in errors), errors


@test
def a_stream_that_is_cut_off_is_an_error_and_one_that_is_ended_is_not():
    head = b"HTTP/1.1 200 OK\r\n"

    def answer(ends):
        def serve(stream, _):
            stream.recv(65536)
            stream.sendall(head + b"\r\nhello")
            if ends:
                # The client answers with its own end; it has closed by then.
                with contextlib.suppress(OSError):
                    stream.unwrap()

        return serve

    for ends in (True, False):
        with python_server(answer(ends)) as server:
            target = f"https://127.0.0.1:{server.port}/"
            if ends:
                assert expect_right(target, "-c", "2", *trust())["reconnects"] > 0
            else:
                expect_error(target, "receive.IO", "-c", "2", *trust())


@test
def a_changed_byte_over_tls_is_an_error():
    def serve(stream, _):
        count = 0
        while data := stream.recv(65536):
            count += 1
            stream.sendall(data if count < 5 else data[:-1] + bytes([data[-1] ^ 1]))

    with python_server(serve) as server:
        expect_error(f"tls://127.0.0.1:{server.port}", "receive.wrong_bytes", "-c", "2", *trust())


# -- Other people's servers --------------------------------------------------------------------------------------------


@test
def nginx_with_tls_is_loaded_without_errors():
    nginx = find("nginx", "nginx-light")
    folder_of_keys = certificates()
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        os.chmod(folder, 0o755)
        with open(f"{folder}/index.html", "w", encoding="utf-8") as page:
            page.write("<p>hello</p>\n" * 5000)
        with open(f"{folder}/nginx.conf", "w", encoding="utf-8") as configuration:
            configuration.write(NGINX.format(folder, folder_of_keys, port))
        with Process(nginx, "-p", folder, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log") as process:
            try:
                wait_for(f"tcp://127.0.0.1:{port}", process)
                body = ["--expect-body", f"{folder}/index.html"]
                target = f"https://127.0.0.1:{port}/"
                figures = expect_right(target, *body, *trust(), seconds=0.5)
                assert figures["answers"] < 500 or figures["reconnects"] > 0, figures
                expect_right(target.replace("127.0.0.1", "localhost"), *body, *trust("--tls"))
                expect_right(f"https+unix:{folder}/socket:/index.html", *body, *trust())
                expect_right(target, *body, *trust(), "-n", "4", "-R", "500")
                is_enough = lambda figures: figures["resumed_handshakes"] > 0
                _, figures, errors = load_until(is_enough, target, *body, *trust(), "--churn")
                assert figures["errors"] == 0 and figures["resumed_handshakes"] > 0, f"{figures} {errors}"
                expect_error(f"{target}none", "http.404", *trust())
                # Plain HTTP is answered with a 400 by nginx.
                expect_error(f"http://127.0.0.1:{port}/", "http.400")
            finally:
                # Not killed: its worker would live on.
                process.process.terminate()
                process.process.wait(TIMEOUT_S)


@test
def openssl_serves_pages_to_apm_load_and_is_served_by_apm_echo():
    folder = certificates()
    port = free_port()
    with Process("openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-quiet", "-cert",
                 f"{folder}/server.pem", "-key", f"{folder}/server.key", stdin=subprocess.DEVNULL,
                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(f"tcp://127.0.0.1:{port}", process)
        # It ends each answer by the end of the connection, and serves one at a time.
        figures = expect_right(f"https://127.0.0.1:{port}/", "-c", "1", *trust())
        assert figures["reconnects"] > 0, figures
    with Echo(*served(), ":0") as echo:
        with Process("openssl", "s_client", "-connect", echo.addresses[0].removeprefix("tls://"), "-quiet", "-CAfile",
                     f"{folder}/ca.pem", "-verify_return_error", "-servername", "localhost", stdin=subprocess.PIPE,
                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
            client.process.stdin.write("hello\n")
            client.process.stdin.flush()
            assert client.process.stdout.readline() == "hello\n"
            client.process.stdin.close()


# -- Arguments -------------------------------------------------------------------------------------------------------


@test
def wrong_arguments_of_tls_are_named():
    for tool, arguments, message in (
        ("apm-load", ["--tls", "udp://:1"], "TLS does not go with udp://"),
        ("apm-load", ["--ca", "x", ":1"], "go with TLS"),
        ("apm-load", ["--insecure", "http://localhost/"], "go with TLS"),
        ("apm-load", ["--no-resumption", ":1"], "go with TLS"),
        ("apm-load", ["--insecure", "--ca", "x", "tls://:1"], "does not go with --insecure"),
        ("apm-load", ["tls+unix:/tmp/x"], "--server-name"),
        ("apm-load", ["https+unix:/tmp/x:y"], "begins with a slash"),
        ("apm-load", ["--tls", "--server-name", "x" * 256, ":1"], "no more than 255 bytes"),
        ("apm-echo", ["--tls", "--certificate", "x", "udp://:1"], "TLS does not go with udp://"),
        ("apm-echo", ["tls://:1"], "TLS needs --certificate FILE"),
        ("apm-echo", ["--tls"], "TLS needs --certificate FILE"),
        ("apm-echo", ["--certificate", "x", ":1"], "go with TLS"),
        ("apm-echo", ["https://:1"], "HTTP is not served"),
    ):
        status, output, errors = run(tool, *arguments)
        assert (status, output) == (2, "") and message in errors and "--help" in errors, f"{arguments}: {errors}"


@test
def a_build_without_tls_says_so():
    find("openssl", "openssl")
    with CERTIFICATES:
        if made() is not None:
            raise Skip("this build has TLS")
    for tool, arguments in (("apm-load", ["https://127.0.0.1:1/"]),
                            ("apm-echo", ["--tls", "--certificate", __file__, ":0"])):
        status, output, errors = run(tool, *arguments)
        assert (status, output, errors) == (1, "", f"{tool}: {NO_TLS}\n"), errors
