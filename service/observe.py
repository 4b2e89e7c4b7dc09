"""Every request as it is seen from outside: its id, headers, metrics, log line and spans.

Around Flask, not in it: whatever Flask answers passes here, errors of every kind included, and two
hooks and a response object less cost less.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from service.metrics import Metrics
from service.telemetry import Spans
from service.trace import Trace

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

# Printable ASCII without spaces: nothing that a header or a log line could be broken with.
_REQUEST_ID = re.compile(r"[!-~]{1,128}")

_LOGGED_PATH = 200  # characters

_UNMATCHED = "unmatched"

# No browser shall take an answer, which may quote what was sent, for a page.
_NO_SNIFFING = ("X-Content-Type-Options", "nosniff")


class Observer:
    """WSGI middleware: the application, observed.

    Args:
        access_log: whether each request is a log line; those answered with 5xx always are.
        spans: where requests go as spans, or None.
    """

    def __init__(
        self,
        application: WSGIApplication,
        metrics: Metrics,
        *,
        access_log: bool = False,
        spans: Spans | None = None,
    ) -> None:
        self._application = application
        self._metrics = metrics
        self._access_log = access_log
        self._spans = spans

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        trace = Trace(_request_id(environ.get("HTTP_X_REQUEST_ID")))
        status, route = "500", _UNMATCHED

        def start(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal status, route
            status, route = line[:3], _route(environ)  # which Flask forgets when it is done
            return start_response(line, headers + _headers(trace), exc_info)

        token = trace.enter()
        self._metrics.in_flight.inc()
        try:
            return self._application(environ, start)
        finally:
            self._metrics.in_flight.dec()
            self._ended(environ, route, status, trace)
            trace.leave(token)

    def _ended(self, environ: WSGIEnvironment, route: str, status: str, trace: Trace) -> None:
        seconds = time.monotonic() - trace.began
        self._metrics.request(route, environ["REQUEST_METHOD"], status, seconds, trace)
        if self._spans is not None:
            self._spans.request(environ, route, int(status), seconds, trace)
        failed = status >= "500"
        if failed or self._access_log:
            self._log(logging.ERROR if failed else logging.INFO, environ, route, status, seconds)

    def _log(
        self, level: int, environ: WSGIEnvironment, route: str, status: str, seconds: float
    ) -> None:
        method = environ["REQUEST_METHOD"]
        # Without its query, where somebody may have put a text.
        path = quote(environ.get("PATH_INFO", "").encode("latin-1"))[:_LOGGED_PATH]
        fields = {
            "method": method,
            "path": path,
            "route": route,
            "status": int(status),
            "milliseconds": round(seconds * 1_000, 3),
            "client": environ.get("REMOTE_ADDR", ""),
        }
        message = "%s %s %s in %.1f ms"
        log.log(level, message, method, path, status, seconds * 1_000, extra={"fields": fields})


def _request_id(given: str | None) -> str:
    """The client's, if it is one; else a new one."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return os.urandom(16).hex()


def _headers(trace: Trace) -> list[tuple[str, str]]:
    found = [("X-Request-Id", trace.request_id), _NO_SNIFFING]
    if trace.tokenize_began is not None:
        found.append(
            (
                "Server-Timing",  # https://www.w3.org/TR/server-timing/, in milliseconds
                f"queue;dur={trace.queue_seconds * 1_000:.3f}, "
                f"tokenize;dur={trace.tokenize_seconds * 1_000:.3f}, "
                f"network;dur={trace.network_seconds * 1_000:.3f}",
            )
        )
    return found


def _route(environ: WSGIEnvironment) -> str:
    """The rule that Flask found, such as `/models/<name>`."""
    request = environ.get("werkzeug.request")
    rule = request.url_rule if request is not None else None
    return str(rule.rule) if rule is not None else _UNMATCHED
