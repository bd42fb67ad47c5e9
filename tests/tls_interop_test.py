#!/usr/bin/env python3
"""TLS against OpenSSL, GnuTLS, nginx, stunnel and .NET: tls_interop_test.py folder_of_the_test_programs [test]

Prints a line `ok name`, `SKIP name: why` where a program is not installed, or `FAIL name: why` for each test, and ends
with status 1 if one failed, and with 77 if all were skipped. APM_TLS_BYTES is how much the large transfers carry each
way, 10 MB if it is not set. The certificates are made for the run.
"""

import contextlib
import glob
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

# A transfer takes a second; the limit is for machines that are busy, and for checkers that slow a program down.
TIMEOUT_S = 120
BYTES = int(os.environ.get("APM_TLS_BYTES", "10000000"))

programs = ""
folder = ""
has_tls13 = False


class Skipped(Exception):
    """A test that cannot be made on this machine."""


# -- Programs --------------------------------------------------------------------------------------------------------


def need(*names):
    for name in names:
        if not shutil.which(name):
            raise Skipped(f"there is no {name}")


def file(name):
    return os.path.join(folder, name)


class Lines:
    """What a program prints, line by line."""

    def __init__(self, process):
        self.lines = []
        self.changed = threading.Condition()
        self.process = process
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.decode(errors="replace").rstrip())
                self.changed.notify_all()

    def wait(self, pattern, count=1):
        """The line that is the `count`th to match."""
        with self.changed:
            found = []

            def is_there():
                found[:] = [line for line in self.lines if re.search(pattern, line)]
                return len(found) >= count

            assert self.changed.wait_for(is_there, TIMEOUT_S), f"no {pattern!r} in {self.lines}"
            return found[count - 1]


@contextlib.contextmanager
def running(*command, **options):
    process = subprocess.Popen(list(map(str, command)), **{"stdin": subprocess.DEVNULL, **options})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def our_server(*options):
    """The library's echo server; gives its port, and what it prints."""
    with running(os.path.join(programs, "tls_interop_peer"), "server", *options, stdout=subprocess.PIPE) as process:
        lines = Lines(process)
        yield int(lines.wait(r"^Listening on port \d+").split()[-1]), lines


def our_client(port, *options, host="localhost"):
    """Runs the library's client; gives its status and lines."""
    done = subprocess.run(
        [os.path.join(programs, "tls_interop_peer"), "client", str(port), host, *map(str, options)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    return done.returncode, done.stdout.splitlines()


def succeeds(port, *options, host="localhost"):
    status, lines = our_client(port, *options, host=host)
    assert status == 0, lines
    return lines


def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_listening(port):
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), open(table) as lines:
            if any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in lines):
                return True
    return False


def await_port(port, process):
    """Until somebody listens there; without connecting, since some servers serve a number of connections."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if is_listening(port):
            return
        time.sleep(0.02)
    raise AssertionError("the server does not listen")


@contextlib.contextmanager
def their_server(*command, port, **options):
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options}
    with running(*command, **options) as process:
        await_port(port, process)
        yield process


# -- Certificates and data -------------------------------------------------------------------------------------------


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)


def make_files():
    """An authority, servers for localhost with keys of both kinds, a client, and what is carried."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    openssl("req", "-x509", *curve, "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test Authority",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-days", "30")
    for name, key, subject in (
        ("ec", curve, "localhost"),
        ("rsa", ["-newkey", "rsa:2048"], "localhost"),
        ("client", curve, "client one"),
        ("purpose", curve, "localhost"),
    ):
        openssl("req", *key, "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={subject}")
        with open(file(f"{name}.ext"), "w") as extensions:
            extensions.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
            if name == "purpose":
                extensions.write("extendedKeyUsage=clientAuth\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "30", "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    # The pattern of tls_interop_peer: it repeats itself after 251 times 256 bytes.
    period = bytes((i * 7 + i // 251) & 255 for i in range(251 * 256))
    with open(file("data"), "wb") as data:
        data.write((period * (BYTES // len(period) + 1))[:BYTES])


def versions():
    return ["12", "13"] if has_tls13 else ["12"]


def own(name):
    return ["-c", file(f"{name}.pem"), "-k", file(f"{name}.key")]


TRUST = ["-a"]  # main adds the file


def echoed_by(command, given="data"):
    """What a client of somebody else prints that is given the data; its end is awaited."""
    with open(file(given), "rb") as data:
        return subprocess.run(list(map(str, command)), stdin=data, capture_output=True, timeout=TIMEOUT_S)


def give_data(pipe):
    with open(file("data"), "rb") as data, contextlib.suppress(OSError):
        shutil.copyfileobj(data, pipe)
        pipe.flush()


def check_echo(done, given="data"):
    with open(file(given), "rb") as data:
        expected = data.read()
    assert done.stdout == expected, (len(done.stdout), done.stdout[:200], done.stderr[-500:])


# -- OpenSSL ---------------------------------------------------------------------------------------------------------


def s_client(port, *options):
    return ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", file("ca.pem"), "-verify_return_error",
            "-servername", "localhost", *options]


def test_s_client_gets_back_what_it_sends_by_each_version_and_kind_of_key():
    for kind in ("ec", "rsa"):
        with our_server(*own(kind), "-e", BYTES) as (port, lines):
            for count, version in enumerate(versions(), 1):
                check_echo(echoed_by(s_client(port, "-quiet", f"-tls1_{version[1]}")))
                said = lines.wait("^ok", count)
                assert f"version={version}" in said and "host=localhost" in said, said


def test_s_client_chooses_an_application_protocol_shows_its_certificate_and_is_refused_without():
    with our_server(*own("ec"), *TRUST, "-m", "-p", "h2", "-p", "http/1.1", "-e", 4) as (port, lines):
        identity = ["-cert", file("client.pem"), "-key", file("client.key")]
        command = s_client(port, "-quiet", "-alpn", "http/1.1", *identity)
        done = subprocess.run(command, input=b"abc\n", capture_output=True, timeout=TIMEOUT_S)
        assert done.stdout == b"abc\n", done.stderr
        said = lines.wait("^ok")
        assert "alpn=http/1.1" in said and "mutual=1" in said and "peer=CN=client one" in said, said
        done = subprocess.run(s_client(port, "-quiet"), input=b"abc\n", capture_output=True, timeout=TIMEOUT_S)
        assert done.stdout == b"" and done.returncode != 0, done
        assert "Authentication" in lines.wait("^error"), lines.lines


def test_s_client_resumes_its_session():
    for version in versions():
        with our_server(*own("ec"), "-e", 4) as (port, lines):
            for count, kept in enumerate(("-sess_out", "-sess_in"), 1):
                command = s_client(port, "-ign_eof", f"-tls1_{version[1]}", kept, file("session"))
                done = subprocess.run(command, input=b"abc\n", capture_output=True, timeout=TIMEOUT_S)
                assert done.returncode == 0 or b"abc" in done.stdout, done
                assert f"resumed={count - 1}" in lines.wait("^ok", count)


def test_s_server_is_talked_to_by_each_version_and_kind_of_key():
    for kind in ("ec", "rsa"):
        for version in versions():
            port = unused_port()
            command = ["openssl", "s_server", "-accept", port, "-cert", file(f"{kind}.pem"), "-key",
                       file(f"{kind}.key"), "-quiet", f"-tls1_{version[1]}", "-naccept", "1", "-alpn", "h2,http/1.1"]
            with open(file("got"), "wb") as got:
                with their_server(*command, port=port, stdin=subprocess.PIPE, stdout=got) as server:
                    # Its input stays open, because it leaves at the end of that, whatever it has still to read.
                    threading.Thread(target=give_data, args=(server.stdin,), daemon=True).start()
                    said = succeeds(port, *TRUST, "-w", BYTES, "-r", BYTES, "-p", "http/1.1")
                    assert f"version={version}" in said[0] and "alpn=http/1.1" in said[0], said
                    server.wait(TIMEOUT_S)
            with open(file("data"), "rb") as data, open(file("got"), "rb") as got:
                assert got.read() == data.read(), "it has got something else"


def test_s_server_resumes_our_session_and_sees_our_certificate():
    for version in versions():
        port = unused_port()
        command = ["openssl", "s_server", "-accept", port, "-cert", file("ec.pem"), "-key", file("ec.key"), "-rev",
                   f"-tls1_{version[1]}"]
        with their_server(*command, port=port):
            said = [line for line in succeeds(port, *TRUST, "-n", 3, "-r", 0) if line.startswith("ok")]
            if version == "12":  # with TLS 1.3 the ticket comes when something is read
                assert ["resumed=1" in line for line in said] == [False, True, True], said
        with their_server(*command, "-Verify", 1, "-CAfile", file("ca.pem"), "-verify_return_error", port=port):
            assert "mutual=1" in succeeds(port, *TRUST, *own("client"))[0]
            status, lines = our_client(port, *TRUST, "-h", "/")
            assert status == 1 and lines[-1].startswith("error"), lines


def test_a_server_of_another_authority_name_or_protocol_is_refused_with_the_reason():
    port = unused_port()
    command = ["openssl", "s_server", "-accept", port, "-cert", file("ec.pem"), "-key", file("ec.key"), "-rev"]
    with their_server(*command, port=port):
        for expected, options, host in (
            ("PartialChain", [], "localhost"),
            ("NameMismatch", TRUST, "elsewhere.example"),
        ):
            status, lines = our_client(port, *options, host=host)
            assert status == 1 and "Authentication" in lines[0] and expected in lines[0], lines
    with their_server(*command, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0", port=port):
        status, lines = our_client(port, *TRUST)
        assert status == 1 and "Authentication" in lines[0], lines


def test_a_certificate_that_is_not_for_servers_is_refused_with_the_reason():
    port = unused_port()
    command = ["openssl", "s_server", "-accept", port, "-cert", file("purpose.pem"), "-key", file("purpose.key"),
               "-rev"]
    with their_server(*command, port=port):
        for version in versions():
            status, lines = our_client(port, *TRUST, "-v", version)
            assert status == 1 and "NotValidForUsage" in lines[0], lines


def test_who_asks_for_renegotiation_does_not_get_it():
    with our_server(*own("ec")) as (port, lines):
        done = subprocess.run(s_client(port, "-tls1_2"), input=b"R\n", capture_output=True, timeout=TIMEOUT_S)
        said = done.stdout + done.stderr
        assert b"RENEGOTIATING" in said and b"no renegotiation" in said, said[-500:]
        lines.wait("^error")
        assert len([line for line in lines.lines if line.startswith("ok")]) == 1, lines.lines
    port = unused_port()
    command = ["openssl", "s_server", "-accept", port, "-cert", file("ec.pem"), "-key", file("ec.key"), "-tls1_2"]
    with open(file("said"), "wb") as said:
        with their_server(*command, port=port, stdin=subprocess.PIPE, stdout=said, stderr=said) as server:
            client = [os.path.join(programs, "tls_interop_peer"), "client", port, "localhost", *TRUST, "-r", 1]
            with running(*client, stdout=subprocess.PIPE) as process:
                lines = Lines(process)
                lines.wait("^ok")
                server.stdin.write(b"r\n")  # a HelloRequest
                server.stdin.flush()
                lines.wait("^error")
                assert process.wait(TIMEOUT_S) == 1
                assert len([line for line in lines.lines if line.startswith("ok")]) == 1, lines.lines


# -- GnuTLS ----------------------------------------------------------------------------------------------------------


def priority(version):
    return f"NORMAL:-VERS-ALL:+VERS-TLS1.{version[1]}"


def test_gnutls_cli_gets_back_what_it_sends_shows_its_certificate_and_chooses_a_protocol():
    need("gnutls-cli")
    # It writes a record for each line of its input, and reads nothing while it writes: so with more than the sockets
    # hold both ends would wait for each other.
    with open(file("data"), "rb") as data, open(file("less"), "wb") as less:
        less.write(data.read(500000))
    for kind in ("ec", "rsa"):
        with our_server(*own(kind), *TRUST, "-m", "-p", "h2", "-e", min(BYTES, 500000)) as (port, lines):
            for count, version in enumerate(versions(), 1):
                identity = ["--x509certfile", file("client.pem"), "--x509keyfile", file("client.key")]
                command = ["gnutls-cli", "--logfile", file("log"), "--x509cafile", file("ca.pem"), "--alpn", "h2",
                           *identity, "--priority", priority(version), "--port", port, "localhost"]
                check_echo(echoed_by(command, "less"), "less")
                said = lines.wait("^ok", count)
                assert f"version={version}" in said and "mutual=1" in said and "alpn=h2" in said, said


def test_gnutls_serv_is_talked_to_and_resumes():
    need("gnutls-serv")
    for kind in ("ec", "rsa"):
        for version in versions():
            port = unused_port()
            command = ["gnutls-serv", "--http", "--port", port, "--x509certfile", file(f"{kind}.pem"),
                       "--x509keyfile", file(f"{kind}.key"), "--priority", priority(version), "--alpn", "h2"]
            with their_server(*command, port=port):
                said = [line for line in succeeds(port, *TRUST, "-n", 3, "-h", "/", "-p", "h2")
                        if line.startswith("ok")]
                assert f"version={version}" in said[0] and "alpn=h2" in said[0], said
                assert "resumed=1" in said[1] and "resumed=1" in said[2], said


# -- nginx -----------------------------------------------------------------------------------------------------------


NGINX = """daemon off; master_process off; error_log stderr; pid {folder}/nginx.pid;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  ssl_certificate {folder}/{kind}.pem; ssl_certificate_key {folder}/{kind}.key; ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache shared:sessions:1m; {more}
  server {{ listen 127.0.0.1:{port} ssl; root {folder}/www; client_max_body_size 0; {put} }}
}}
"""


def has_put():
    return "http_dav_module" in subprocess.run(["nginx", "-V"], capture_output=True, text=True).stderr


@contextlib.contextmanager
def nginx(kind, more=""):
    need("nginx")
    port = unused_port()
    os.makedirs(file("www"), exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.link(file("data"), file("www/data"))
    with open(file("nginx.conf"), "w") as configuration:
        put = "dav_methods PUT;" if has_put() else ""
        configuration.write(NGINX.format(folder=folder, kind=kind, more=more, port=port, put=put))
    os.chmod(folder, 0o755)
    with their_server("nginx", "-p", folder, "-c", file("nginx.conf"), port=port):
        yield port


def test_nginx_serves_a_large_file_by_each_version_and_kind_of_key_and_resumes():
    for kind in ("ec", "rsa"):
        with nginx(kind) as port:
            for version in versions():
                said = succeeds(port, *TRUST, "-v", version, "-n", 2, "-h", "/data", "-r", BYTES)
                assert f"version={version}" in said[0] and "resumed=1" in said[2], said


def test_nginx_takes_a_large_file():
    need("nginx")
    if not has_put():
        raise Skipped("this nginx takes no files")
    with nginx("ec") as port:
        for version in versions():
            succeeds(port, *TRUST, "-v", version, "-h", f"/put{version}", "-w", BYTES)
            with open(file("data"), "rb") as data, open(file(f"www/put{version}"), "rb") as got:
                assert got.read() == data.read(), "it has got something else"


def test_nginx_asks_for_a_certificate():
    with nginx("ec", f"ssl_client_certificate {file('ca.pem')}; ssl_verify_client on;") as port:
        said = succeeds(port, *TRUST, *own("client"), "-h", "/data", "-r", BYTES)
        assert "mutual=1" in said[0], said
        status, lines = our_client(port, *TRUST, "-h", "/data", "-r", BYTES)  # it answers by an error's page
        assert status == 1, lines


# -- stunnel ---------------------------------------------------------------------------------------------------------


def echo_plainly(listener):
    """A server without TLS, until the listener is closed."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                while block := connection.recv(65536):
                    connection.sendall(block)


@contextlib.contextmanager
def stunnel(*lines, port):
    need("stunnel")
    with open(file("stunnel.conf"), "w") as configuration:
        configuration.write("\n".join(["foreground = yes", "pid =", "debug = err", "[test]", *lines, ""]))
    with their_server("stunnel", file("stunnel.conf"), port=port):
        yield


def test_stunnel_as_a_server_carries_much_both_ways():
    need("stunnel")
    with socket.create_server(("127.0.0.1", 0)) as plain:
        threading.Thread(target=echo_plainly, args=(plain,), daemon=True).start()
        port = unused_port()
        lines = [f"accept = 127.0.0.1:{port}", f"connect = 127.0.0.1:{plain.getsockname()[1]}",
                 f"cert = {file('ec.pem')}", f"key = {file('ec.key')}"]
        with stunnel(*lines, port=port):
            for version in versions():
                said = succeeds(port, *TRUST, "-v", version, "-w", BYTES, "-r", BYTES, "-n", 2)
                assert f"version={version}" in said[0], said


def test_stunnel_as_a_client_carries_much_both_ways():
    need("stunnel")
    with our_server(*own("ec"), *TRUST, "-m") as (target, lines):
        port = unused_port()
        config = ["client = yes", f"accept = 127.0.0.1:{port}", f"connect = 127.0.0.1:{target}", "verifyChain = yes",
                  f"CAfile = {file('ca.pem')}", f"cert = {file('client.pem')}", f"key = {file('client.key')}"]
        with stunnel(*config, port=port), socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
            with open(file("data"), "rb") as data:
                expected = data.read()
            threading.Thread(target=connection.sendall, args=(expected,), daemon=True).start()
            received = bytearray()
            while len(received) < len(expected):
                block = connection.recv(65536)
                assert block, "it ends early"
                received += block
            assert received == expected, "other bytes"
        assert "mutual=1" in lines.wait("^ok.*mutual=1")


# -- .NET ------------------------------------------------------------------------------------------------------------


def newest(*parts):
    """The folder of that pattern with the highest version in its path."""
    found = glob.glob(os.path.join(*parts))
    return max(found, key=lambda path: [int(number) for number in re.findall(r"\d+", path)], default=None)


def dotnet_peer():
    """The command that runs tests/tls/DotnetPeer.cs, which the compiler alone makes: a project would need a minute."""
    need("dotnet")
    built = file("DotnetPeer.dll")
    root = os.path.dirname(os.path.realpath(shutil.which("dotnet")))
    compiler = newest(root, "sdk", "*", "Roslyn", "bincore", "csc.dll")
    references = newest(root, "packs", "Microsoft.NETCore.App.Ref", "*", "ref", "net*")
    runtime = newest(root, "shared", "Microsoft.NETCore.App", "*")
    if not compiler or not references or not runtime:
        raise Skipped("there is no SDK of .NET")
    version = os.path.basename(runtime)
    if int(version.split(".")[0]) < 8:
        raise Skipped(f"this .NET is version {version}")
    if not os.path.exists(built):
        with open(file("DotnetPeer.rsp"), "w") as response:
            response.writelines(f'-reference:"{name}"\n' for name in glob.glob(os.path.join(references, "*.dll")))
        with open(file("usings.cs"), "w") as usings:
            usings.writelines(f"global using {name};\n" for name in (
                "System", "System.Collections.Generic", "System.IO", "System.Linq", "System.Threading.Tasks"))
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tls", "DotnetPeer.cs")
        command = ["dotnet", "exec", compiler, "-noconfig", "-nologo", "-nullable:enable", "-optimize",
                   "-langversion:latest", f"-out:{built}", "@" + file("DotnetPeer.rsp"), file("usings.cs"), source]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
        assert done.returncode == 0, done.stdout
        with open(file("DotnetPeer.runtimeconfig.json"), "w") as configuration:
            json.dump({"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": version}}},
                      configuration)
    return ["dotnet", "exec", built]


def dotnet_client(port, *options):
    command = [*dotnet_peer(), "client", port, "localhost", *TRUST, *options]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=TIMEOUT_S)
    return done.returncode, done.stdout.splitlines(), done.stderr[-500:]


def test_dotnet_as_a_client_gets_back_what_it_sends_by_each_version_and_kind_of_key():
    dotnet_peer()
    for kind in ("ec", "rsa"):
        with our_server(*own(kind), *TRUST, "-m", "-p", "h2") as (port, lines):
            for number, version in enumerate(versions()):
                size = BYTES if kind == "ec" else 100000
                done = dotnet_client(port, "-v", version, "-w", size, "-r", size, "-p", "http/1.1", "-p", "h2",
                                     *own("client"))
                assert done[0] == 0 and f"version={version}" in done[1][0] and "mutual=1" in done[1][0], done
                said = lines.wait("^ok", number + 1)
                assert "alpn=h2" in said and "host=localhost" in said and "peer=CN=client one" in said, said
            status, printed, _ = dotnet_client(port, "-r", 1)  # it has no certificate to show
            assert status == 1 and printed[-1].startswith("error"), printed


def test_dotnet_as_a_client_resumes_its_session():
    dotnet_peer()
    for version in versions():
        with our_server(*own("ec")) as (port, lines):
            done = dotnet_client(port, "-v", version, "-n", 3, "-w", 4, "-r", 4)
            assert done[0] == 0, done
            lines.wait("^ok", 3)
            resumed = ["resumed=1" in line for line in lines.lines if line.startswith("ok")]
            assert resumed == [False, True, True], lines.lines


def test_dotnet_as_a_server_gives_back_what_we_send_by_each_version_and_kind_of_key():
    for kind in ("ec", "rsa"):
        command = [*dotnet_peer(), "server", *own(kind), *TRUST, "-p", "h2"]
        with running(*command, stdout=subprocess.PIPE) as process:
            lines = Lines(process)
            port = int(lines.wait(r"^Listening on port \d+").split()[-1])
            for version in versions():
                size = BYTES if kind == "ec" else 100000
                said = succeeds(port, *TRUST, "-v", version, "-p", "h2", "-w", size, "-r", size, "-n", 2)
                assert f"version={version}" in said[0] and "alpn=h2" in said[0], said
                assert "resumed=1" in said[2] or version == "12", said


def test_dotnet_as_a_server_asks_for_a_certificate():
    command = [*dotnet_peer(), "server", *own("ec"), *TRUST, "-m"]
    with running(*command, stdout=subprocess.PIPE) as process:
        lines = Lines(process)
        port = int(lines.wait(r"^Listening on port \d+").split()[-1])
        for version in versions():
            said = succeeds(port, *TRUST, *own("client"), "-v", version, "-w", 1000, "-r", 1000)
            assert "mutual=1" in said[0], said
            assert "mutual=1" in lines.wait("^ok.*peer=CN=client one"), lines.lines
            status, printed = our_client(port, *TRUST, "-v", version, "-r", 1)
            assert status == 1, printed


# -- All of them -----------------------------------------------------------------------------------------------------


def main():
    global programs, folder, has_tls13
    programs = sys.argv[1]
    if not shutil.which("openssl"):
        print("SKIP all: there is no openssl")
        return 77
    failed = 0
    ran = 0
    with tempfile.TemporaryDirectory() as made:
        folder = made
        TRUST.append(file("ca.pem"))
        make_files()
        # A library of TLS 1.2 only says so when its context is made, before anybody is connected to.
        has_tls13 = "NotSupported" not in " ".join(our_client(unused_port(), "-v", "13")[1])
        for name, function in list(globals().items()):
            if not name.startswith("test_") or (len(sys.argv) > 2 and sys.argv[2] not in name):
                continue
            started = time.monotonic()
            try:
                function()
                ran += 1
                print(f"ok {name[5:]} ({time.monotonic() - started:.1f} s)", flush=True)
            except Skipped as reason:
                print(f"SKIP {name[5:]}: {reason}", flush=True)
            except Exception as problem:  # of whatever kind: the other tests go on
                failed += 1
                why = " ".join(f"{type(problem).__name__}: {problem}".split())
                line = problem.__traceback__.tb_next.tb_lineno
                print(f"FAIL {name[5:]} ({time.monotonic() - started:.1f} s): line {line}: {why}", flush=True)
    if failed > 0:
        return 1
    return 0 if ran > 0 else 77


if __name__ == "__main__":
    sys.exit(main())
