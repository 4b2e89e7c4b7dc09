"""Errors over HTTP: one shape everywhere, RFC 9457's `application/problem+json`.

{"type": "about:blank", "title": "Unprocessable Entity", "status": 422,
 "code": "invalid-field", "detail": "…", "errors": [{"pointer": "/texts/3", "detail": "…"}]}
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Annotated

import msgspec
from flask import Flask, Response, request
from msgspec import UNSET, Meta, UnsetType
from werkzeug.exceptions import HTTPException

from service.errors import InvalidFieldError, RequestError

log = logging.getLogger(__name__)


class FieldError(msgspec.Struct):
    """What is wrong with one field of a request."""

    pointer: Annotated[str, Meta(description="JSON pointer (RFC 6901); `` is the whole body.")]
    detail: Annotated[str, Meta(description="What was expected, and what was sent.")]


class Problem(msgspec.Struct, kw_only=True):
    """Any error, as RFC 9457 has it."""

    type: Annotated[str, Meta(description="`about:blank`: there is no more than the status says.")]
    title: Annotated[str, Meta(description="The status in words.")]
    status: Annotated[int, Meta(description="The status of the answer, once more.")]
    code: Annotated[str, Meta(description="Which error it is, for programs.")]
    detail: Annotated[str, Meta(description="What happened and what to do, for people.")]
    errors: (
        Annotated[list[FieldError], Meta(description="The fields that are wrong.")] | UnsetType
    ) = UNSET


def problem(status: int, code: str, detail: str, pointer: str | None = None) -> Problem:
    return Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        errors=UNSET if pointer is None else [FieldError(pointer, detail)],
    )


def register(app: Flask) -> None:
    """Turn whatever a route raises into a problem document."""
    app.register_error_handler(RequestError, _request_error)
    app.register_error_handler(HTTPException, _http_error)
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


def _bug(error: Exception) -> Response:
    # The client learns that it is not to blame, and nothing else; the log has the traceback.
    log.exception("%s %s failed; please report this", request.method, request.path)
    return _problem(500, "internal", "The service failed; its log says why.")


def _shortened(detail: str) -> str:
    """A message may quote what it was sent, which may be a megabyte."""
    return detail if len(detail) <= 500 else f"{detail[:499]}…"


def _problem(status: int, code: str, detail: str, pointer: str | None = None) -> Response:
    detail = _shortened(detail)
    document = problem(status, code, detail, pointer)
    return Response(msgspec.json.encode(document), status, content_type="application/problem+json")
