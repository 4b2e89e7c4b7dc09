"""HTTP/1.1 as it comes over a socket: what is read, what is refused, and in which order."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial

import pytest

from service.connection import (
    FAR_TOO_LARGE,
    MAX_AHEAD,
    MAX_FIELDS,
    MAX_HEAD,
    PIECE,
    READ_SECONDS,
    Connection,
    base_environ,
)
from service.stream import Listener
from service.waiting import WaitingRoom, result

MAX_BODY = 1_000


class FakeServer:
    """What `service.worker` is to a connection, with an application that says what it was asked."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.room = WaitingRoom(loop)
        self.threads = ThreadPoolExecutor(2)
        self.max_body = MAX_BODY
        self.stopping = False
        self.most = 100
        self.connections: set[Connection] = set()
        self.waits: dict[str, Future[None]] = {}  # by path: what is waited for before the answer
        self.order: list[str] = []
        self.refusals: list[int] = []

    def opened(self, connection):
        self.connections.add(connection)
        return len(self.connections) <= self.most

    def closed(self, connection):
        self.connections.discard(connection)

    def refused(self, status):
        self.refusals.append(status)

    def start(self, work, environ, size):
        if environ["PATH_INFO"] == "/thread":
            self.threads.submit(work, self.loop.call_soon_threadsafe)
        else:
            self.room.run(partial(work, lambda callback, *arguments: callback(*arguments)))

    def application(self, environ, start_response):
        path = environ["PATH_INFO"]
        self.order.append(path)
        if path in self.waits:
            result(self.waits[path], time.monotonic() + 60)
        if path == "/fails":
            raise ValueError("a secret")
        if path == "/odd":
            start_response("200 OK", [("X-Odd", "좋다")])
            return [b""]
        if path == "/large":
            start_response("200 OK", [("Content-Length", "1000000")])
            return [b"x" * 1_000_000]
        body = environ["wsgi.input"].read()
        told = {k: v for k, v in environ.items() if isinstance(v, str)} | {"body": body.decode()}
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(told).encode()]


@pytest.fixture
def server():
    loop = asyncio.new_event_loop()
    fake = FakeServer(loop)
    ready = threading.Event()

    async def serve() -> None:
        base = base_environ("127.0.0.1", 80, several=False)
        listening = socket.create_server(("127.0.0.1", 0))
        fake.address = listening.getsockname()
        fake.listening = Listener(loop, listening, partial(Connection, fake, base))
        ready.set()

    thread = threading.Thread(target=lambda: (loop.create_task(serve()), loop.run_forever()))
    thread.start()
    assert ready.wait(10)
    yield fake

    async def end() -> None:
        fake.listening.close()
        for connection in list(fake.connections):
            connection.abort()
        await asyncio.sleep(0)
        loop.stop()

    asyncio.run_coroutine_threadsafe(end(), loop)
    thread.join(10)
    fake.threads.shutdown()
    loop.close()


@pytest.fixture
def client(server):
    with closing(socket.create_connection(server.address, timeout=10)) as connection:
        yield connection


def read_answer(client, file=None):
    """Status, headers and body of the next answer; (0, {}, b"") at the end of the connection."""
    file = file or client.makefile("rb")
    line = file.readline()
    if not line:
        return 0, {}, b""
    headers = {}
    while (header := file.readline().strip()) != b"":
        name, _, value = header.decode().partition(": ")
        headers[name.lower()] = value
    return int(line.split()[1]), headers, file.read(int(headers.get("content-length", 0)))


def ask(client, data, file=None):
    client.sendall(data)
    return read_answer(client, file)


def told(client, data):
    """What the application saw."""
    status, _, body = ask(client, data)
    assert status == 200
    return json.loads(body)


def post(path=b"/", body=b"", headers=b""):
    return b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%b\r\n%b" % (
        path, len(body), headers, body,
    )  # fmt: skip


def test_the_application_sees_the_request(client):
    request = post(b"/a%20b%2Fc?x=1&y=%20", b"hello", b"Content-Type: text/plain\r\nX-Id: 7\r\n")
    seen = told(client, request)
    assert {
        name: seen[name]
        for name in (
            "REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH",
            "HTTP_X_ID", "HTTP_HOST", "SERVER_PROTOCOL", "SCRIPT_NAME", "REMOTE_ADDR", "body",
        )
    } == {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/a b/c", "QUERY_STRING": "x=1&y=%20",
        "CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": "5", "HTTP_X_ID": "7", "HTTP_HOST": "x",
        "SERVER_PROTOCOL": "HTTP/1.1", "SCRIPT_NAME": "", "REMOTE_ADDR": "127.0.0.1",
        "body": "hello",
    }  # fmt: skip


def test_a_path_in_utf_8_reaches_the_application_as_wsgi_has_it(client):
    seen = told(client, post(b"/%EC%98%81%ED%99%94"))
    assert seen["PATH_INFO"].encode("latin-1").decode() == "/영화"


def test_an_address_in_full_is_taken_for_its_path(client):
    assert told(client, post(b"http://example.com:80/a?b=c"))["PATH_INFO"] == "/a"


def test_a_repeated_header_is_joined_and_one_with_an_underscore_left_out(client):
    seen = told(client, post(headers=b"A-B: 1\r\nA-B: 2\r\nA_B: 3\r\nCookie: a\r\nCookie: b\r\n"))
    assert (seen["HTTP_A_B"], seen["HTTP_COOKIE"]) == ("1,2", "a; b")


@pytest.mark.parametrize("pieces", [1, 3, 17], ids="{} bytes at a time".format)
def test_a_request_may_come_in_pieces(client, pieces):
    data = post(b"/slow", b"in pieces")
    for place in range(0, len(data) - pieces, pieces):
        client.sendall(data[place : place + pieces])
    place = range(0, len(data), pieces)[-1]
    rest = data[place:] if place > len(data) - pieces - 1 else data[-pieces:]
    assert told(client, rest)["body"] == "in pieces"


def test_a_body_may_come_in_chunks(client):
    request = (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    seen = told(client, request)
    assert seen["body"] == "abcde"
    assert "CONTENT_LENGTH" not in seen


def test_a_kept_connection_answers_one_request_after_another(client):
    file = client.makefile("rb")
    for number in range(3):
        status, headers, body = ask(client, post(b"/%d" % number), file)
        assert (status, headers["connection"]) == (200, "keep-alive")
        assert json.loads(body)["PATH_INFO"] == f"/{number}"


def test_requests_sent_ahead_are_answered_in_order_though_the_first_waits(server, client):
    server.waits["/0"] = Future()
    count = 3 * MAX_AHEAD
    client.sendall(b"".join(post(b"/%d" % number) for number in range(count)))
    while server.order != ["/0"]:
        time.sleep(0.001)
    time.sleep(0.02)
    assert server.order == ["/0"]  # one at a time
    server.waits["/0"].set_result(None)
    file = client.makefile("rb")
    paths = [json.loads(read_answer(client, file)[2])["PATH_INFO"] for _ in range(count)]
    assert paths == [f"/{number}" for number in range(count)]


def test_who_waits_on_one_connection_holds_up_no_other(server, client):
    server.waits["/waits"] = Future()
    client.sendall(post(b"/waits"))
    with closing(socket.create_connection(server.address, timeout=10)) as other:
        assert told(other, post(b"/quick"))["PATH_INFO"] == "/quick"
    server.waits["/waits"].set_result(None)
    assert read_answer(client)[0] == 200


def test_what_is_not_quick_is_answered_from_a_thread(client):
    assert told(client, post(b"/thread", b"long"))["body"] == "long"


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(b"GET / HTTP/1.0\r\n\r\n", id="HTTP/1.0"),
        pytest.param(post(headers=b"Connection: close\r\n"), id="asked to"),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
            id="another protocol wanted",
        ),
    ],
)
def test_a_connection_is_closed_where_it_has_to_be(client, request_):
    file = client.makefile("rb")
    status, headers, _ = ask(client, request_, file)
    assert (status, headers["connection"]) == (200, "close")
    assert file.read() == b""


def test_http_1_0_keeps_the_connection_if_it_asks_to(client):
    file = client.makefile("rb")
    request = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    assert [ask(client, request, file)[0] for _ in range(2)] == [200, 200]


def test_a_stopping_server_closes_behind_the_answer(server, client):
    server.stopping = True
    file = client.makefile("rb")
    assert ask(client, post(), file)[1]["connection"] == "close"
    assert file.read() == b""


def test_a_stopping_server_does_not_cut_off_what_is_unread_of_its_answer(server, client):
    server.waits["/waits"] = Future()
    file = client.makefile("rb")
    client.sendall(post(b"/waits") + post() * 5_000)
    while server.order != ["/waits"]:
        time.sleep(0.001)
    server.stopping = True
    server.waits["/waits"].set_result(None)
    time.sleep(0.1)  # a reset would have come by then, and have thrown the answer away
    assert read_answer(client, file)[1]["connection"] == "close"
    assert file.read() == b""


def test_what_stands_behind_a_body_in_chunks_is_no_header(client):
    request = (
        b"POST / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nab\r\n0\r\nX-A: 2\r\nAuthorization: Bearer z\r\n\r\n"
    )
    seen = told(client, request)
    assert (seen["body"], seen["HTTP_X_A"]) == ("ab", "1")
    assert "HTTP_AUTHORIZATION" not in seen


UPGRADE = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(UPGRADE + b"Content-Length: 4\r\n\r\nbody", id="with a length"),
        pytest.param(
            UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", id="in chunks"
        ),
    ],
)
@pytest.mark.parametrize("at_once", [1, 1_000])
def test_the_body_of_a_request_that_would_like_another_protocol_is_read(client, request_, at_once):
    for place in range(0, len(request_), at_once):
        client.sendall(request_[place : place + at_once])
    file = client.makefile("rb")
    status, headers, body = read_answer(client, file)
    assert (status, headers["connection"], json.loads(body)["body"]) == (200, "close", "body")
    assert file.read() == b""


@pytest.mark.parametrize("count", [MAX_AHEAD, MAX_AHEAD + 1, MAX_AHEAD + 2, 20 * MAX_AHEAD])
def test_a_connection_goes_on_after_many_requests_at_once(client, count):
    file = client.makefile("rb")
    client.sendall(post() * count)
    assert {read_answer(client, file)[0] for _ in range(count)} == {200}
    assert ask(client, post(), file)[0] == 200


def test_of_requests_sent_ahead_few_are_held(server, client):
    server.waits["/0"] = Future()
    client.sendall(post(b"/0") + post(b"/1") * 2_000)
    while not server.order:
        time.sleep(0.001)
    (connection,) = server.connections
    assert len(connection._ahead) <= MAX_AHEAD + PIECE // len(post(b"/1")) + 1
    server.waits["/0"].set_result(None)
    file = client.makefile("rb")
    assert {read_answer(client, file)[0] for _ in range(2_001)} == {200}


def test_of_bodies_sent_ahead_one_is_held(server, client):
    server.max_body = 100_000
    server.waits["/waits"] = Future()
    client.sendall(post(b"/waits"))
    client.sendall(post(b"/", b"x" * 100_000) * 10)
    time.sleep(0.2)
    (connection,) = server.connections
    assert sum(request.size for request in connection._ahead) <= 200_000
    server.waits["/waits"].set_result(None)
    file = client.makefile("rb")
    for _ in range(11):
        assert read_answer(client, file)[0] == 200


def test_few_are_held_of_requests_that_come_one_by_one(server, client):
    server.waits["/0"] = Future()
    client.sendall(post(b"/0"))
    while not server.order:
        time.sleep(0.001)
    (connection,) = server.connections
    for _ in range(4 * MAX_AHEAD):
        told = Future()
        server.loop.call_soon_threadsafe(
            lambda told=told: told.set_result(connection.data_received(post(b"/1")))
        )
        told.result(10)
    assert len(connection._ahead) == MAX_AHEAD
    server.waits["/0"].set_result(None)
    file = client.makefile("rb")
    assert {read_answer(client, file)[0] for _ in range(1 + 4 * MAX_AHEAD)} == {200}
    assert ask(client, post(), file)[0] == 200  # it is read again


def test_who_sends_no_more_is_answered(server, client):
    server.waits["/waits"] = Future()
    client.sendall(post(b"/waits") + post(b"/last"))
    client.shutdown(socket.SHUT_WR)
    while not server.order:
        time.sleep(0.001)
    time.sleep(0.01)
    server.waits["/waits"].set_result(None)
    file = client.makefile("rb")
    paths = [json.loads(read_answer(client, file)[2])["PATH_INFO"] for _ in range(2)]
    assert paths == ["/waits", "/last"]
    assert file.read() == b""


def test_who_does_not_read_gets_no_more_and_is_cut_off_in_the_end(server, client):
    client.sendall(post(b"/large") * 200)
    while not server.order:
        time.sleep(0.001)
    time.sleep(0.1)
    assert len(server.order) < 50  # megabytes wait in the sockets, and no more are made
    (connection,) = server.connections
    look(server, connection, time.monotonic() + 100)
    while server.connections:
        time.sleep(0.001)


def test_who_reads_slowly_is_not_cut_off(server, client):
    client.sendall(post(b"/large") * 20)
    while not server.connections or not next(iter(server.connections))._full:
        time.sleep(0.001)
    (connection,) = server.connections
    connection._unsent = 10_000_000  # at the last look: it has read some since
    look(server, connection, time.monotonic() + 100)
    assert not connection._transport.is_closing()
    look(server, connection, time.monotonic() + 200)  # and none since then
    assert connection._transport.is_closing()


def look(server, connection, now, quiet_seconds=75.0):
    """Let it look at the clock, on the thread of its loop."""
    done = Future()
    server.loop.call_soon_threadsafe(
        lambda: done.set_result(connection.look_at_the_clock(now, quiet_seconds))
    )
    done.result(10)


def test_a_quiet_connection_is_closed_and_one_that_waits_is_not(server, client):
    server.waits["/waits"] = Future()
    file = client.makefile("rb")
    ask(client, post(), file)
    with closing(socket.create_connection(server.address, timeout=10)) as other:
        other.sendall(post(b"/waits"))
        while "/waits" not in server.order:
            time.sleep(0.001)
        for connection in list(server.connections):
            look(server, connection, time.monotonic() + 74)
        assert ask(client, post(), file)[0] == 200
        for connection in list(server.connections):
            look(server, connection, time.monotonic() + 76)
        assert file.read() == b""
        server.waits["/waits"].set_result(None)
        assert read_answer(other)[0] == 200


# --- What is refused --------------------------------------------------------------------------


def refused(client, data, file=None):
    status, headers, body = ask(client, data, file)
    assert headers["content-type"] == "application/problem+json"
    document = json.loads(body)
    assert document["status"] == status
    assert set(document) == {"type", "title", "status", "code", "detail"}
    return status, document["code"]


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(b"hello\r\n\r\n", id="no HTTP"),
        pytest.param("GET /영화 HTTP/1.1\r\nHost: x\r\n\r\n".encode(), id="not in ASCII"),
        pytest.param(b"GET / HTTP/1.1\r\nbad header\r\n\r\n", id="no colon"),
        pytest.param(
            b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            id="two lengths",
        ),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", id="negative length"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="chunks"),
    ],
)
def test_what_is_no_request_is_a_400_and_the_end(server, client, request_):
    file = client.makefile("rb")
    assert refused(client, request_, file) == (400, "bad-request")
    assert file.read() == b""
    assert server.refusals == [400]


def test_who_asked_before_it_is_answered_first(server, client):
    server.waits["/waits"] = Future()
    file = client.makefile("rb")
    client.sendall(post(b"/waits") + post(b"/next") + b"hello\r\n\r\n")
    while server.order != ["/waits"]:
        time.sleep(0.001)
    server.waits["/waits"].set_result(None)
    for path in ("/waits", "/next"):
        assert json.loads(read_answer(client, file)[2])["PATH_INFO"] == path
    assert refused(client, b"", file) == (400, "bad-request")
    assert file.read() == b""


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no Host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", id="two Hosts"),
        pytest.param(b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", id="HTTP/2.0"),
        pytest.param(b"GET http://[ HTTP/1.1\r\nHost: a\r\n\r\n", id="no address"),
        pytest.param(
            b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\n",
            id="chunks in HTTP/1.0",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"0" * 5_000 + b"\r\n\r\n",
            id="a length of many digits",
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * MAX_FIELDS + b"\r\n",
            id="many headers",
        ),
    ],
)
def test_http_is_held_to_its_rules(client, request_, caplog):
    assert refused(client, request_) == (400, "bad-request")
    assert not caplog.records


def test_a_request_that_does_not_come_to_its_end_is_a_408(server, client):
    client.sendall(post(b"/", b"x" * 100)[:-50])
    while not any(each._reading for each in server.connections):
        time.sleep(0.001)
    (connection,) = server.connections
    look(server, connection, time.monotonic() + READ_SECONDS - 1)
    assert connection._reading
    look(server, connection, time.monotonic() + READ_SECONDS + 1)
    file = client.makefile("rb")
    assert read_answer(client, file)[0] == 408
    assert file.read() == b""


def test_a_header_that_cannot_be_sent_is_a_500(client, caplog):
    assert ask(client, post(b"/odd"))[0] == 500
    assert "/odd" in caplog.text


@pytest.mark.parametrize("lines", [1, 100])
def test_headers_have_a_limit_though_they_come_at_once(client, lines):
    header = b"X: " + b"y" * (200_000 // lines) + b"\r\n"
    request = b"GET / HTTP/1.1\r\nHost: x\r\n" + header * lines + b"\r\n"
    assert refused(client, request) == (431, "headers-too-large")


def test_what_stands_behind_a_body_has_a_limit(client):
    request = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: "
    assert refused(client, request + b"y" * 2 * MAX_HEAD) == (431, "headers-too-large")


def test_headers_have_a_limit(client):
    header = b"X: " + b"y" * 1_000 + b"\r\n"
    request = b"GET / HTTP/1.1\r\nHost: x\r\n" + header * (1 + MAX_HEAD // len(header))
    assert refused(client, request) == (431, "headers-too-large")


def test_long_bodies_do_not_count_as_headers(server, client):
    server.max_body = 4 * MAX_HEAD
    assert len(told(client, post(b"/", b"x" * 2 * MAX_HEAD))["body"]) == 2 * MAX_HEAD


def test_of_a_body_that_is_too_large_nothing_is_kept_and_the_connection_goes_on(client):
    file = client.makefile("rb")
    for _ in range(2):
        body = ask(client, post(b"/", b"x" * (FAR_TOO_LARGE * MAX_BODY)), file)[2]
        assert json.loads(body)["body"] == ""


CHUNK = b"%x\r\n%b\r\n" % (MAX_BODY, b"x" * MAX_BODY)


@pytest.mark.parametrize(
    ("length", "body", "kept"),
    [
        pytest.param(b"Content-Length: 1000000", b"", 0, id="as it says before it comes"),
        pytest.param(
            b"Transfer-Encoding: chunked", CHUNK * (FAR_TOO_LARGE + 1), MAX_BODY + 1, id="in chunks"
        ),
    ],
)
def test_a_body_that_is_far_too_large_is_not_waited_for(client, length, body, kept):
    file = client.makefile("rb")
    request = b"POST / HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % length
    status, headers, answer = ask(client, request + body, file)
    assert (status, headers["connection"]) == (200, "close")
    assert len(json.loads(answer)["body"]) == kept
    for _ in range(3):  # what still comes resets nothing
        client.sendall(CHUNK)
    assert file.read() == b""


def test_of_chunks_that_are_too_many_one_byte_over_the_limit_is_kept(client):
    chunks = b"".join(b"%x\r\n%b\r\n" % (400, b"x" * 400) for _ in range(10)) + b"0\r\n\r\n"
    request = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    assert len(told(client, request)["body"]) == MAX_BODY + 1


def test_who_asks_first_is_told_to_go_on_with_a_body(client):
    client.sendall(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    )
    file = client.makefile("rb")
    assert file.readline() + file.readline() == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert json.loads(ask(client, b"ok", file)[2])["body"] == "ok"


def test_who_asks_first_is_told_to_go_on_when_it_is_its_turn(server, client):
    server.waits["/waits"] = Future()
    file = client.makefile("rb")
    request = post(b"/", b"ok", b"Expect: 100-continue\r\n")
    client.sendall(post(b"/waits") + request[:-2])
    while server.order != ["/waits"]:
        time.sleep(0.001)
    server.waits["/waits"].set_result(None)
    assert json.loads(read_answer(client, file)[2])["PATH_INFO"] == "/waits"
    assert file.readline() + file.readline() == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert json.loads(ask(client, b"ok", file)[2])["body"] == "ok"


def test_who_does_not_wait_for_it_is_not_told(server, client):
    server.waits["/waits"] = Future()
    file = client.makefile("rb")
    client.sendall(post(b"/waits") + post(b"/", b"ok", b"Expect: 100-continue\r\n"))
    while server.order != ["/waits"]:
        time.sleep(0.001)
    server.waits["/waits"].set_result(None)
    answers = [json.loads(read_answer(client, file)[2]) for _ in range(2)]
    assert [(answer["PATH_INFO"], answer["body"]) for answer in answers] == [
        ("/waits", ""), ("/", "ok"),
    ]  # fmt: skip


def test_who_asks_first_is_refused_a_body_that_is_too_large(client):
    file = client.makefile("rb")
    request = post(b"/", b"x" * (MAX_BODY + 1), b"Expect: 100-continue\r\n")
    status, headers, body = ask(client, request[: -MAX_BODY - 1], file)
    assert (status, headers["connection"], json.loads(body)["body"]) == (200, "close", "")
    assert file.read() == b""


def test_who_does_not_wait_to_be_refused_can_read_why(client):
    """What is still sent must not reset the connection before the answer is read."""
    file = client.makefile("rb")
    client.sendall(post(b"/", b"x" * (MAX_BODY + 1), b"Expect: 100-continue\r\n"))
    for _ in range(20):
        client.sendall(b"x" * 1_000)
        time.sleep(0.005)
    status, headers, body = read_answer(client, file)
    assert (status, headers["connection"], json.loads(body)["body"]) == (200, "close", "")
    assert file.read() == b""


def test_an_application_that_fails_is_a_500_that_says_nothing_of_it(client, caplog):
    file = client.makefile("rb")
    status, _, body = ask(client, post(b"/fails"), file)
    assert status == 500
    assert b"secret" not in body
    assert "a secret" in caplog.text
    assert file.read() == b""


def test_one_connection_too_many_is_told_so(server, client):
    told(client, post())
    server.most = 1
    with closing(socket.create_connection(server.address, timeout=10)) as other:
        status, headers, _ = read_answer(other)
        assert (status, headers["retry-after"]) == (503, "1")
    assert told(client, post())["PATH_INFO"] == "/"
    assert server.refusals == [503]


def test_who_leaves_before_a_thread_is_free_is_not_worked_for(server, client):
    for path in ("/thread", "/thread"):  # both threads
        server.threads.submit(server.waits.setdefault(path, Future()).result)
    with closing(socket.create_connection(server.address, timeout=10)) as other:
        other.sendall(post(b"/thread", b"x" * 500))
        while not any(each._busy for each in server.connections):
            time.sleep(0.001)
        # With a reset; who only sends no more may well read the answer.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    while any(each._busy for each in server.connections):
        time.sleep(0.001)
    server.waits.pop("/thread").set_result(None)
    assert told(client, post(b"/thread"))["PATH_INFO"] == "/thread"
    assert server.order == ["/thread"]


def test_a_request_half_of_which_has_come_is_told_from_others(server, client):
    client.sendall(post(b"/", b"x" * 100)[:-50])
    while not any(each._reading for each in server.connections):
        time.sleep(0.001)
    (connection,) = server.connections
    now = time.monotonic()
    assert connection.halfway_for(now + 10) > 9
    assert not connection.unused
    client.sendall(b"x" * 50)
    read_answer(client, client.makefile("rb"))
    assert connection.halfway_for(now + 10) == 0
    assert connection.unused


def test_a_client_that_leaves_while_it_waits_disturbs_nobody(server, client, caplog):
    server.waits["/waits"] = Future()
    with closing(socket.create_connection(server.address, timeout=10)) as other:
        other.sendall(post(b"/waits"))
        while "/waits" not in server.order:
            time.sleep(0.001)
    server.waits["/waits"].set_result(None)
    assert told(client, post())["PATH_INFO"] == "/"
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
