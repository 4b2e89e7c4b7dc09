"""One HTTP/1.1 connection: bytes in, a WSGI call for each request, bytes out.

httptools (llhttp, the parser of Node.js) reads requests; asyncio moves the bytes. A request is
read whole before the application is called, so that a slow client holds nothing but memory, and
that within limits. Requests of a connection are answered one after the other, in order.
"""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote_to_bytes, urlsplit

import httptools
import msgspec

from service import problems

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

# Of a request's first line and headers together, in bytes; gunicorn's and nginx's are of that size.
# The same holds for what stands between the pieces of a body in chunks, and behind it.
MAX_HEAD = 64 << 10
# Requests that one connection may send ahead of their answers; then it is not read for a while. Nor
# is it beyond the size that one body may have.
MAX_AHEAD = 16
# How much is read at once, in bytes: what a limit may be overstepped by.
PIECE = 8 << 10
# Of a body that is too large so many times what it may have is read and thrown away, so that the
# connection can go on; one that is larger is cut short.
FAR_TOO_LARGE = 4
# Headers of a request; as many as gunicorn takes.
MAX_FIELDS = 100
# How long a request may take to come in, in seconds.
READ_SECONDS = 60
# How long it is listened to a client that was refused: its answer would be lost if the connection
# were cut while the client still sends.
LINGER_SECONDS = 2


_LONGEST_LENGTH = 20  # digits of a Content-Length; Python reads no number of thousands

# Calls a function with arguments, on the thread of the loop.
Tell = Callable[..., object]


class Server(Protocol):
    """What a connection needs of the worker that has it."""

    application: WSGIApplication
    max_body: int  # bytes
    stopping: bool

    def opened(self, connection: Connection) -> bool:
        """Returns whether there is room for one more."""

    def closed(self, connection: Connection) -> None: ...

    def refused(self, status: HTTPStatus) -> None:
        """A connection was answered so before the application saw a request."""

    def start(self, work: Callable[[Tell], None], environ: WSGIEnvironment, size: int) -> None:
        """Call `work`, here or on another thread, now or soon, with what brings its outcome back
        to the loop's.

        Args:
            size: of the body, in bytes.
        """


class _Request:
    """A request as it comes in."""

    __slots__ = (
        "body", "came", "environ", "fields", "held_back", "keep_alive", "since", "size",
        "whole_head",
    )  # fmt: skip

    def __init__(self, environ: WSGIEnvironment) -> None:
        self.environ = environ
        self.fields = 0
        self.since = time.monotonic()
        self.whole_head = False
        self.held_back = False  # its body comes when the client is told to go on
        self.body = bytearray()
        self.size = 0  # bytes of the body that were kept
        self.came = 0  # bytes of it that came
        self.keep_alive = True


class Connection(asyncio.Protocol):
    """
    Args:
        server: the worker.
        base: what all environments of this listener have in common.
    """

    def __init__(self, server: Server, base: WSGIEnvironment) -> None:
        self._server = server
        self._base = base
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # connection_made
        self._parser = httptools.HttpRequestParser(self)
        self._unread = bytearray()  # came, but has to wait until others are answered
        self._reading: _Request | None = None
        self._head = 0  # bytes since the last piece of a body, or the end of a request
        self._fault = ""  # why the parser was told to stop
        self._refusal = b""  # the last that is sent, behind the answers of who asked before
        self._unwanted = False  # a body may come that nobody reads
        self._ahead: deque[_Request] = deque()
        self._busy = False  # a request is with the application
        self._deaf = False  # what comes from now on is not read
        self._ended = False  # the client sends no more
        self._full = False  # the client does not read its answers
        self._unsent = 0  # bytes of them, at the last look
        self.quiet_since = time.monotonic()  # when it last sent or was sent something

    # --- asyncio's side ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername") or ("", 0)
        self._base = {**self._base, "REMOTE_ADDR": str(peer[0]), "REMOTE_PORT": str(peer[1])}
        if not self._server.opened(self):
            detail = "Too many connections are open; come back in a second."
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", detail)

    def connection_lost(self, error: Exception | None) -> None:
        self._deaf = True
        self._ahead.clear()
        self._server.closed(self)

    def eof_received(self) -> bool:
        """The client sends no more; who waits is answered nevertheless."""
        self._ended = True
        return not self.idle

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self.quiet_since = time.monotonic()
        self._next()

    def data_received(self, data: bytes) -> None:
        self.quiet_since = time.monotonic()
        if self._deaf:
            return
        if len(data) <= PIECE and not self._unread and self._has_room:
            self._feed(data)
        else:
            self._unread += data
            self._read_on()
        self._next()

    def _read_on(self) -> None:
        """What has come, as far as it is not too many requests ahead."""
        while self._unread and not self._deaf and self._has_room:
            piece = bytes(self._unread[:PIECE])
            del self._unread[:PIECE]
            self._feed(piece)
        if self._unread:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()  # does nothing if it is not paused

    @property
    def _has_room(self) -> bool:
        """Whether another request may be read ahead of the answers: of one whole body at most."""
        if not self._ahead:
            return True
        held = sum(request.size for request in self._ahead)
        return len(self._ahead) < MAX_AHEAD and held <= self._server.max_body

    def _feed(self, data: bytes) -> None:
        self._head += len(data)
        try:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                self._stay_with_http_1(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError:
            if not self._fault:
                log.exception("reading a request failed; please report this")
            self._refuse(HTTPStatus.BAD_REQUEST, "bad-request", self._fault or "It cannot be read.")
        except httptools.HttpParserError as error:
            detail = f"This is no HTTP/1.1 request: {error}."
            self._refuse(HTTPStatus.BAD_REQUEST, "bad-request", detail)
        if self._head > MAX_HEAD and not self._deaf:
            self._refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers-too-large",
                f"The headers are over {MAX_HEAD:,} bytes.",
            )

    def _stay_with_http_1(self, rest: bytes) -> None:
        """Answer a request that would like another protocol as what it is, and close behind it.

        The parser takes what follows for the other protocol, so a body, as Java's client sends one
        with its offer of HTTP/2, is read by another parser.
        """
        if self._reading is None:
            self._deaf = True
            return
        length = self._environ.get("CONTENT_LENGTH")
        framing = f"Content-Length: {length}" if length else "Transfer-Encoding: chunked"
        self._parser = httptools.HttpRequestParser(_Body(self))
        self._parser.feed_data(f"POST / HTTP/1.1\r\n{framing}\r\n\r\n".encode() + rest)

    # --- the parser's side -------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._environ = self._base.copy()
        self._reading = _Request(self._environ)

    def on_url(self, url: bytes) -> None:
        environ = self._environ
        environ["RAW_URI"] = environ.get("RAW_URI", "") + url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._reading is None or self._reading.whole_head:
            return  # it stands behind the body, where nobody looks for it and a proxy may not have
        self._reading.fields += 1
        if self._reading.fields > MAX_FIELDS:
            self._stop(f"It has more than {MAX_FIELDS} headers.")
        key = name.decode("latin-1").upper()
        if "_" in key:  # it would be taken for the one with a hyphen, which a proxy may have set
            return
        key = key.replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        text = value.decode("latin-1").rstrip(" \t")
        environ = self._environ
        if key in environ:
            if key == "HTTP_HOST":
                self._stop("It has two Host headers.")
            text = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
        environ[key] = text

    def on_headers_complete(self) -> None:
        request, parser, environ = self._reading, self._parser, self._environ
        assert request is not None
        self._head = 0
        request.whole_head = True
        version = parser.get_http_version()
        if version not in ("1.0", "1.1"):
            self._stop(f"HTTP/{version} is not spoken here; send HTTP/1.1.")
        if version == "1.1" and "HTTP_HOST" not in environ:
            self._stop("It has no Host header.")
        if version == "1.0" and "HTTP_TRANSFER_ENCODING" in environ:
            # A proxy that does not know of chunks in 1.0 would see another end of it (RFC 9112).
            self._stop("HTTP/1.0 has no Transfer-Encoding; send HTTP/1.1.")
        environ["REQUEST_METHOD"] = parser.get_method().decode("latin-1")
        environ["SERVER_PROTOCOL"] = f"HTTP/{version}"
        try:
            environ["PATH_INFO"], environ["QUERY_STRING"] = _path_and_query(environ["RAW_URI"])
        except ValueError:
            self._stop("Its address cannot be read.")
        request.keep_alive = parser.should_keep_alive() and not parser.should_upgrade()
        if len(environ.get("CONTENT_LENGTH", "")) > _LONGEST_LENGTH:
            self._stop("Its Content-Length has too many digits.")
        length, most = int(environ.get("CONTENT_LENGTH") or 0), self._server.max_body
        waits = version == "1.1" and environ.get("HTTP_EXPECT", "").lower() == "100-continue"
        if length > most:
            request.size = most + 1  # nothing of it is kept
            if waits or length > FAR_TOO_LARGE * most:
                self._cut_short(request)
        elif waits:
            request.held_back = True
            self._ask_for_the_body()

    def _cut_short(self, request: _Request) -> None:
        """Refuse a body that is too large before it has come."""
        request.keep_alive = False
        self._unwanted = True
        self._came(request)

    def _ask_for_the_body(self) -> None:
        """Of a client that holds it back; never out of turn, which would pass for an answer."""
        if self._reading is not None and self._reading.held_back and self.idle:
            self._reading.held_back = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._head = 0
        request = self._reading
        if request is None:  # it was refused before its body came
            return
        request.held_back = False  # it did not wait, or not any longer
        # One byte too many tells the application that there was more than it takes.
        room = self._server.max_body + 1 - request.size
        if room > 0:
            request.body += body[:room]
            request.size += min(room, len(body))
        request.came += len(body)
        if request.came > FAR_TOO_LARGE * self._server.max_body:
            self._cut_short(request)

    def on_message_complete(self) -> None:
        self._head = 0
        has_body = "CONTENT_LENGTH" in self._environ or "HTTP_TRANSFER_ENCODING" in self._environ
        if self._parser.should_upgrade() and has_body:
            return  # the parser has not looked at the body
        if self._reading is not None:
            self._came(self._reading)

    def _stop(self, why: str) -> None:
        """Out of the parser, which passes no more of it on than that something was raised."""
        self._fault = why
        raise ValueError(why)

    def _came(self, request: _Request) -> None:
        """It is whole, as far as it is read."""
        self._reading = None
        self._ahead.append(request)

    # --- the application's side --------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether nobody waits for an answer on it."""
        return not (self._busy or self._ahead)

    @property
    def unused(self) -> bool:
        """Whether nobody waits on it, all is sent, no request has begun to come, and one may."""
        over = self._deaf or self._transport.is_closing()
        waits = not self.idle or self._transport.get_write_buffer_size() > 0
        return not waits and self._reading is None and not self._unread and not over

    def halfway_for(self, now: float) -> float:
        """For how many seconds it has sent a part of a request, while nobody waits on it; 0 if it
        has not."""
        if self._reading is None or not self.idle or self._unread:
            return 0.0
        return now - self._reading.since

    def _next(self) -> None:
        if self._busy or self._full or not self._ahead:
            return
        request = self._ahead.popleft()
        self._busy = True
        environ = request.environ
        environ["wsgi.input"] = io.BytesIO(request.body)
        request.body.clear()  # it is there twice, and may be large
        self._server.start(partial(self._call, request), environ, request.size)

    def _call(self, request: _Request, tell: Tell) -> None:
        """Ask the application; on whichever thread the server chose. It raises nothing."""
        if self._transport.is_closing():  # its client is gone, maybe while it waited for a thread
            tell(self._answered, b"", True, False)
            return
        answer = Answer(request, self._server)
        data = answer.of(self._server.application)
        tell(self._answered, data, answer.last, request.keep_alive)

    def _answered(self, data: bytes, last: bool, expects_more: bool) -> None:
        """
        Args:
            last: whether the connection ends behind this answer.
            expects_more: whether its client does not know that yet, and may have sent more.
        """
        self._busy = False
        self.quiet_since = time.monotonic()
        if self._transport.is_closing():
            return
        self._transport.write(data)
        nothing_left = not (self._ahead or self._unread)
        if last or (nothing_left and (self._deaf or self._ended)):
            self._ahead.clear()
            if self._refusal and not last:
                self._end_with_the_refusal()
            elif self._unwanted or expects_more:
                self._end_gently()
            else:
                self._close()
        elif nothing_left:
            self._ask_for_the_body()
        else:
            # Not from here: this may be a request's greenlet, which is to end.
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._next()
        if self._unread:
            self._read_on()
            self._next()

    # --- its end -----------------------------------------------------------------------------

    def stop(self, quiet_seconds: float) -> None:
        """Close it if nobody waits, no request has begun to come, and none came for so long."""
        quiet = time.monotonic() - self.quiet_since > quiet_seconds
        if quiet and self.idle and self._reading is None:
            self._close()

    def look_at_the_clock(self, now: float, quiet_seconds: float) -> None:
        """Close it where nothing has happened on it for so long; end what will come to nothing."""
        # What has come and waits here to be read is not the client's delay.
        late = self._reading is not None and now - self._reading.since > READ_SECONDS
        unsent = self._transport.get_write_buffer_size()
        if unsent < self._unsent:
            self.quiet_since = now  # the client reads, however slowly
        self._unsent = unsent
        if late and not self._unread:
            self._reading = None
            detail = f"It did not come within {READ_SECONDS} seconds."
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "request-timeout", detail)
        elif now - self.quiet_since > quiet_seconds and not self._busy:
            if unsent:
                self.abort()  # its client has stopped reading: it would never be sent to the end
            elif self.idle:
                self._close()

    def abort(self) -> None:
        self._transport.abort()

    def _refuse(self, status: HTTPStatus, code: str, detail: str) -> None:
        """Answer what is not HTTP, as soon as who asked before is answered, and read no more."""
        self._deaf = True
        self._unread.clear()
        self._refusal = problem(status, code, detail)
        self._server.refused(status)
        if self.idle:
            self._end_with_the_refusal()

    def _end_with_the_refusal(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._refusal)
            self._end_gently()

    def _end_gently(self) -> None:
        """Where the client may still send: cut off with something unread, it would lose what it
        has not read of its answers (RFC 9112, section 9.6)."""
        self._deaf = True
        self._unread.clear()
        self._transport.resume_reading()
        self._transport.write_eof()
        self._loop.call_later(LINGER_SECONDS, self._abort_once_sent)

    def _abort_once_sent(self) -> None:
        if self._transport.get_write_buffer_size():  # its client reads slowly, or no more: the
            self._loop.call_later(LINGER_SECONDS, self._abort_once_sent)  # clock ends that
        else:
            self._transport.abort()

    def _close(self) -> None:
        self._deaf = True
        self._transport.close()


class _Body:
    """What a parser tells that only reads a body."""

    def __init__(self, connection: Connection) -> None:
        self.on_body = connection.on_body
        self.on_message_complete = connection.on_message_complete


class Answer:
    """What the application answers to one request."""

    def __init__(self, request: _Request, server: Server) -> None:
        self._environ = request.environ
        self._server = server
        self._keep_alive = request.keep_alive
        self._status = ""
        self._headers: list[tuple[str, str]] = []
        self.last = False  # whether the connection is closed behind it, as its head says

    def of(self, application: WSGIApplication) -> bytes:
        """The whole answer: head and body."""
        try:
            parts: Iterable[bytes] = application(self._environ, self._start_response())
            try:
                body = b"".join(parts)
            finally:
                close = getattr(parts, "close", None)
                if close is not None:
                    close()
            self.last = not self._keep_alive or self._server.stopping
            return self._head(len(body)) + body
        except Exception:  # the client is told nothing of it, and the log all
            log.exception("the application failed at %s", self._environ["PATH_INFO"])
            self.last = True
            detail = "The service failed; its log says why."
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", detail)

    def _start_response(self) -> StartResponse:
        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            self._status, self._headers = status, headers
            return _no_write

        return start_response

    def _head(self, length: int) -> bytes:
        lines = [f"HTTP/1.1 {self._status}\r\nDate: {_date()}\r\n"]
        told = False
        for name, value in self._headers:
            told = told or name.lower() == "content-length"
            lines.append(f"{name}: {value}\r\n")
        if not told and self._status[:3] not in ("204", "304"):
            lines.append(f"Content-Length: {length}\r\n")
        lines.append("Connection: close\r\n\r\n" if self.last else "Connection: keep-alive\r\n\r\n")
        return "".join(lines).encode("latin-1")


def _no_write(_: bytes) -> object:
    raise NotImplementedError("PEP 3333's write() is for applications of another age")


def problem(status: HTTPStatus, code: str, detail: str) -> bytes:
    """An answer that the application had no part in, in the shape that all errors have."""
    body = msgspec.json.encode(problems.problem(status.value, code, detail))
    again = "Retry-After: 1\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nDate: {_date()}\r\n{again}"
        "X-Content-Type-Options: nosniff\r\n"
        f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body


def base_environ(host: str, port: int, *, several: bool) -> WSGIEnvironment:
    """What all requests to a listener have in common (PEP 3333).

    Args:
        several: whether other processes serve the same application.
    """
    return {
        "SCRIPT_NAME": "",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_SOFTWARE": "gunicorn",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": several,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }


def _path_and_query(uri: str) -> tuple[str, str]:
    """
    >>> _path_and_query("/models/a%20b?x=1")
    ('/models/a b', 'x=1')
    >>> _path_and_query("http://127.0.0.1/predict")     # as a proxy is asked
    ('/predict', '')
    """
    if not uri.startswith("/") and "://" in uri:
        uri = urlsplit(uri)._replace(scheme="", netloc="").geturl()
    path, _, query = uri.partition("#")[0].partition("?")
    if "%" in path:
        path = unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
    return path, query


_told_date = (0, "")


def _date() -> str:
    """As RFC 9110 has it; made once a second."""
    global _told_date
    now = int(time.time())
    if _told_date[0] != now:
        _told_date = (now, formatdate(now, usegmt=True))
    return _told_date[1]
