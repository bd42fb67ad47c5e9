"""Tests of HTTP in apm-load: responses of every form, and what is wrong with others."""

from tools_case import *  # pylint: disable=wildcard-import,unused-wildcard-import

HEAD = b"HTTP/1.1 200 OK\r\n"


def serving(response, closes=False, pieces=0, times=1 << 30):
    """A server that answers each request with these bytes, in pieces of that size, and closes after so many."""

    def serve(peer, _):
        data = b""
        for _ in range(times):
            while b"\r\n\r\n" not in data:
                part = peer.recv(65536)
                if not part:
                    return
                data += part
            data = data.partition(b"\r\n\r\n")[2]
            for i in range(0, len(response), pieces or len(response)):
                peer.sendall(response[i:i + (pieces or len(response))])
            if closes:
                return

    return Server(serve)


@test
def every_form_of_response_is_read():
    chunks = b"5\r\nhello\r\n6;name=value\r\n world\r\n0\r\n"
    for response, closes in (
        (HEAD + b"Content-Length: 11\r\n\r\nhello world", False),
        (HEAD + b"content-length:11\r\nX-Empty:\r\n\r\nhello world", False),
        (HEAD.replace(b"\r", b"") + b"Content-Length: 11\n\nhello world", False),
        (b"HTTP/1.1 200\r\nContent-Length: 11, 11\r\n\r\nhello world", False),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"\r\n", False),
        (HEAD + b"Transfer-Encoding: gzip, Chunked\r\n\r\n" + chunks + b"Trailer: x\r\n\r\n", False),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + HEAD + b"Content-Length: 11\r\n\r\nhello world", False),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 11\r\n\r\nhello world", False),
        (HEAD + b"\r\nhello world", True),
        (HEAD + b"Connection: close\r\nContent-Length: 11\r\n\r\nhello world", True),
    ):
        with tempfile.NamedTemporaryFile() as body:
            body.write(b"hello world")
            body.flush()
            for pieces in (0, 1) if not closes else (0,):
                with serving(response, closes, pieces) as server:
                    figures = expect_right(f"http://127.0.0.1:{server.port}/", "-c", "2", "--expect-body", body.name,
                                           seconds=0.1)
                    assert (figures["reconnects"] > 0) == closes, figures


@test
def responses_without_a_body_are_read():
    for response in (b"HTTP/1.1 204 No Content\r\n\r\n", HEAD + b"Content-Length: 0\r\n\r\n",
                     b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n",
                     HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
        with serving(response) as server:
            expect_right(f"http://127.0.0.1:{server.port}/", "-c", "2", seconds=0.1)


@test
def bad_responses_are_counted_by_name():
    length = b"Content-Length: 2\r\n\r\n"
    for response, closes, error in (
        (b"SSH-2.0-server\r\n", False, "receive.bad_status_line"),
        (b"HTTP/2.0 200 OK\r\n" + length, False, "receive.bad_status_line"),
        (b"HTTP/1.1 2000 OK\r\n" + length, False, "receive.bad_status_line"),
        (HEAD + b"no colon\r\n" + length, False, "receive.bad_header"),
        (HEAD + b"Folded: a\r\n b\r\n" + length, False, "receive.bad_header"),
        (HEAD + b"Content-Length: x\r\n\r\n", False, "receive.bad_content_length"),
        (HEAD + b"Content-Length: -1\r\n\r\n", False, "receive.bad_content_length"),
        (HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n", False, "receive.bad_content_length"),
        (HEAD + b"Content-Length: 1\r\n" + length, False, "receive.bad_content_length"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", False, "receive.bad_chunk"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", False, "receive.bad_chunk"),
        (HEAD + b"Long: " + b"x" * 9000 + b"\r\n" + length, False, "receive.line_too_long"),
        (HEAD + b"Many: x\r\n" * 300 + length, False, "receive.too_many_headers"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", False, "receive.switching_protocols"),
        (HEAD + length + b"hello", False, "receive.more_than_was_asked_for"),
        (HEAD + length + b"a", True, "receive.response_cut_short"),
        (HEAD[:8], True, "receive.response_cut_short"),
        (HEAD + length + b"ab", True, "receive.closed_by_server"),
        (HEAD + length, False, "receive.no_answer"),
        (b"HTTP/1.1 404 Not Found\r\n" + length + b"ab", False, "http.404"),
        (b"HTTP/1.1 503 Busy\r\nConnection: close\r\n" + length + b"ab", True, "http.503"),
    ):
        # Those that close after a right answer do so without a word, in the middle of the next request.
        times = 3 if error == "receive.closed_by_server" else 1 << 30
        with serving(response, closes and times == 1 << 30, 0, times) as server:
            target = f"http://127.0.0.1:{server.port}/"
            if error == "receive.closed_by_server":
                expect_error(target, error, "-c", "1", "-n", "4", "-T", "200ms", seconds=0.05)
            else:
                expect_error(target, error, "-c", "1", "-T", "100ms", seconds=0.05)


@test
def another_body_is_an_error():
    with tempfile.NamedTemporaryFile() as body:
        body.write(b"hello")
        body.flush()
        for text in (b"hellx", b"hell", b"helloo", b""):
            with serving(HEAD + b"Content-Length: %d\r\n\r\n" % len(text) + text) as server:
                expect_error(f"http://127.0.0.1:{server.port}/", "receive.body_differs", "--expect-body", body.name,
                             seconds=0.05)


@test
def a_server_may_end_a_connection_after_any_answer_that_says_so():
    def serve(peer, _):
        for i in range(5):
            peer.recv(65536)
            last = b"Connection: close\r\n" if i == 4 else b""
            peer.sendall(HEAD + last + b"Content-Length: 2\r\n\r\nab")

    with Server(serve) as server:
        for arguments in (["-c", "3"], ["-c", "3", "-R", "500"]):
            figures = expect_right(f"http://127.0.0.1:{server.port}/", *arguments)
            assert figures["reconnects"] > 0, figures


@test
def the_request_is_what_was_asked_for():
    requests = []

    def serve(peer, _):
        request = peer.recv(65536)
        if not request:
            return
        requests.append(request)
        peer.sendall(HEAD + b"Content-Length: 0\r\nConnection: close\r\n\r\n")

    with Server(serve) as server:
        target = f"http://127.0.0.1:{server.port}/a?b=c#fragment"
        expect_right(target, "-c", "1", "-H", "Accept: text/html", "-H", "X: y", seconds=0.05)
        assert requests[0] == (b"GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/html\r\nX: y\r\n\r\n"
                               % server.port), requests[0]
        requests.clear()
        expect_right(target, "-c", "1", "-H", "host: other", "--churn", seconds=0.05)
        assert requests[0] == b"GET /a?b=c HTTP/1.1\r\nConnection: close\r\nhost: other\r\n\r\n", requests[0]
