"""Tests of the tools against other people's programs, of apm-pool-bench, and of the manual pages."""

import shutil

from tools_case import *  # pylint: disable=wildcard-import,unused-wildcard-import

TOOLS = ("apm-load", "apm-echo", "apm-pool-bench")
MANUALS = os.path.dirname(os.path.abspath(__file__))

NGINX = """
daemon off; worker_processes 1; pid {0}/pid; error_log {0}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 500;
    client_body_temp_path {0}/body; proxy_temp_path {0}/proxy; fastcgi_temp_path {0}/fastcgi;
    uwsgi_temp_path {0}/uwsgi; scgi_temp_path {0}/scgi;
    server {{ listen 127.0.0.1:{1}; listen unix:{0}/socket; root {0}; }}
}}
"""


def find(name, package):
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if path is None:
        raise Skip(f"{name} is not installed (Debian's {package})")
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(address, process):
    """Until somebody listens there."""
    end = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end:
        assert process.process.poll() is None, "it has ended"
        try:
            connect(address).close()
            return
        except OSError:
            select.select([], [], [], 0.01)
    raise TimeoutError(f"nobody listens on {address}")


@test
def nginx_is_loaded_without_errors():
    nginx = find("nginx", "nginx-light")
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        # Its worker is another user where the tests run as root.
        os.chmod(folder, 0o755)
        with open(f"{folder}/index.html", "w", encoding="utf-8") as page:
            page.write("<p>hello</p>\n" * 100)
        with open(f"{folder}/nginx.conf", "w", encoding="utf-8") as configuration:
            configuration.write(NGINX.format(folder, port))
        with Process(nginx, "-p", folder, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log") as process:
            wait_for(f"tcp://127.0.0.1:{port}", process)
            body = ["--expect-body", f"{folder}/index.html"]
            figures = expect_right(f"http://127.0.0.1:{port}/", *body, seconds=0.5)
            # After 500 requests it ends a connection, which is no error.
            assert figures["answers"] < 5000 or figures["reconnects"] > 0, figures
            expect_right(f"http+unix:{folder}/socket:/index.html", *body)
            expect_right(f"http://127.0.0.1:{port}/", *body, "-n", "4", "-R", "1k")
            expect_right(f"http://127.0.0.1:{port}/", *body, "--churn")
            expect_error(f"http://127.0.0.1:{port}/none", "http.404")
            process.process.terminate()
            process.process.wait(TIMEOUT_S)


@test
def redis_is_loaded_without_errors():
    redis = find("redis-server", "redis-server")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, Process(
            redis, "--port", port, "--bind", "127.0.0.1", "--unixsocket", f"{folder}/socket", "--save", "", "--dir",
            folder, stdout=subprocess.DEVNULL) as process:
        wait_for(f"tcp://127.0.0.1:{port}", process)
        wait_for(f"unix:{folder}/socket", process)
        for target in (f":{port}", f"unix:{folder}/socket"):
            expect_right(target, "-n", "8", "--send", r"PING\r\n", "--expect", r"+PONG\r\n")
            expect_right(target, "--send", r"ECHO hello\r\n", "--expect", r"$5\r\nhello\r\n")
        expect_error(f":{port}", "receive.wrong_bytes", "--send", r"NONSENSE\r\n", "--expect", r"+PONG\r\n")


@test
def socat_echoes_to_the_load_generator_and_talks_to_the_servers():
    socat = find("socat", "socat")
    port = free_port()
    with Process(socat, f"TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr", "SYSTEM:cat",
                 stderr=subprocess.DEVNULL) as process:
        wait_for(f"tcp://127.0.0.1:{port}", process)
        expect_right(f":{port}", "-c", "2", "-n", "3", "-s", "500")
    with tempfile.TemporaryDirectory() as folder, Echo(f"unix:{folder}/echo", "udp://:0") as echo:
        for address in (f"UNIX:{folder}/echo", "UDP:" + echo.addresses[1].removeprefix("udp://")):
            done = subprocess.run([socat, "-T", "0.3", "-", address], input=b"hello", capture_output=True,
                                  timeout=TIMEOUT_S, check=False)
            assert done.stdout == b"hello", f"{address}: {done}"


@test
def pool_bench_prints_the_median_and_the_spread():
    quick = ("-t", "2", "-r", "3", "-s", "5ms", "-w", "1ms")
    status, output, errors = run("apm-pool-bench", *quick, "--json", "fork_join", "ping_pong")
    assert (status, errors) == (0, ""), errors
    figures = json.loads(output)["figures"]
    assert [(one["cell"], one["figure"]) for one in figures] == [
        (cell, figure) for cell in ("fork_join", "ping_pong") for figure in ("ns_per_item", "cpu_ns_per_item")], output
    assert all(0 <= one["least"] <= one["median"] <= one["largest"] for one in figures), output
    status, output, _ = run("apm-pool-bench", *quick, "--csv", "mix", "-s", "50ms")
    assert status == 0 and "mix,p99_us," in output, output
    _, names, _ = run("apm-pool-bench", "--list")
    assert names.splitlines()[0] == "one_producer" and names.splitlines()[-1] == "blocking", names
    for arguments in (["none"], ["-t", "0"], ["-r", "x"], ["--no-such-option"]):
        status, output, errors = run("apm-pool-bench", *arguments)
        assert (status, output) == (2, "") and "--help" in errors, errors


@test
def help_and_version_are_printed():
    for tool in TOOLS:
        status, output, errors = run(tool, "--help")
        assert (status, errors) == (0, "") and "Examples:" in output and "Exit status:" in output, output
        assert max(map(len, output.splitlines())) <= 120, tool
        status, output, _ = run(tool, "--version")
        assert status == 0 and re.fullmatch(tool + r" \d+\.\d+\.\d+\n", output), output


@test
def manual_pages_have_every_option_of_the_help():
    for tool in TOOLS:
        _, output, _ = run(tool, "--help")
        with open(f"{MANUALS}/{tool}.1", encoding="utf-8") as file:
            manual = file.read()
        documented = set(re.findall(r"-(-[a-z-]+)", re.sub(r"\\-", "-", manual).replace("Fl -", "--")))
        lines = re.findall(r"^ +(?:-\w, )?-(-[a-z-]+)(?:, -(-[a-z-]+))?", output, re.MULTILINE)
        offered = {option for line in lines for option in line if option}
        assert offered <= documented, f"{tool}: not in the manual: {offered - documented}"
        known = set(re.findall(r"^\.It Fl.*? Fl -([a-z-]+)|^\.It Fl -([a-z-]+)", manual, re.MULTILINE))
        unknown = {"-" + (a or b) for a, b in known} - offered
        assert not unknown, f"{tool}: only in the manual: {unknown}"


@test
def manual_pages_have_no_mistakes():
    pages = [f"{MANUALS}/{tool}.1" for tool in TOOLS]
    if shutil.which("mandoc"):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *pages], capture_output=True, text=True,
                              timeout=TIMEOUT_S, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), done.stdout + done.stderr
    elif shutil.which("groff"):
        done = subprocess.run(["groff", "-mdoc", "-ww", "-z", "-T", "utf8", *pages], capture_output=True, text=True,
                              timeout=TIMEOUT_S, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    else:
        raise Skip("neither mandoc nor groff is installed")
