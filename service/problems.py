"""Errors over HTTP: one shape everywhere, RFC 9457's `application/problem+json`.

{"type": "about:blank", "title": "Unprocessable Entity", "status": 422,
 "code": "invalid-field", "detail": "…", "errors": [{"pointer": "/texts/3", "detail": "…"}]}
"""

from __future__ import annotations

import logging
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Flask, Response, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException

from service.errors import InvalidFieldError, RequestError

log = logging.getLogger(__name__)

# What is read and thrown away of a body that nobody wants. Over that the connection is closed.
_UNREAD_BYTES = 64 << 20


def register(app: Flask) -> None:
    """Turn whatever a route raises into a problem document."""
    app.register_error_handler(RequestError, _request_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(ParseException, _malformed_body)
    app.register_error_handler(Exception, _bug)


def _request_error(error: RequestError) -> Response:
    pointer = error.pointer if isinstance(error, InvalidFieldError) else None
    response = _problem(error.status, error.code, str(error), pointer)
    response.headers.update(error.headers)
    return response


def _http_error(error: HTTPException) -> Response:
    """What Flask itself refuses: an unknown path, a wrong method, a broken request."""
    status = error.code or 500
    detail = {
        404: f"There is nothing at {request.path}.",
        405: f"{request.path} does not take {request.method}.",
    }.get(status, HTTPStatus(status).description or HTTPStatus(status).phrase)
    response = _problem(status, HTTPStatus(status).phrase.lower().replace(" ", "-"), detail)
    for name, value in error.get_headers(request.environ):
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value  # Allow, for a 405
    return response


def _malformed_body(error: ParseException) -> Response:  # raised as gunicorn reads the body
    return _problem(400, "bad-request", "The chunks of the body are malformed.")


def _bug(error: Exception) -> Response:
    # The client learns that it is not to blame, and nothing else; the log has the traceback.
    log.exception("%s %s failed; please report this", request.method, request.path)
    return _problem(500, "internal", "The service failed; its log says why.")


def _read_to_the_end() -> None:
    """A client that is still sending would see a broken connection instead of the answer."""
    if request.environ.get("wsgi.input_terminated"):
        body = request.environ["wsgi.input"]
        with suppress(OSError, ParseException):  # the client has gone, or its chunks are malformed
            for _ in range(_UNREAD_BYTES >> 16):
                if not body.read(1 << 16):
                    break


def _shortened(detail: str) -> str:
    """A message may quote what it was sent, which may be a megabyte."""
    return detail if len(detail) <= 500 else f"{detail[:499]}…"


def _problem(status: int, code: str, detail: str, pointer: str | None = None) -> Response:
    _read_to_the_end()
    detail = _shortened(detail)
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    if pointer is not None:
        document["errors"] = [{"pointer": pointer, "detail": detail}]
    return Response(msgspec.json.encode(document), status, content_type="application/problem+json")
