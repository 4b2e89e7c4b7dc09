"""Errors that several operations have."""

from __future__ import annotations

from service.contract.description import Refusal
from service.errors import (
    BodyTooLargeError,
    DeadlineError,
    InvalidFieldError,
    MediaTypeError,
    NotJSONError,
    OverloadedError,
    RateLimitedError,
    UnauthorizedError,
)

BAD_REQUEST = Refusal(400, "bad-request", "The request is not what HTTP allows.")
NOT_ALLOWED = Refusal(405, "method-not-allowed", "The path does not take this method.")
TOO_SLOW = Refusal(408, "request-timeout", "The request did not come to its end in time.")
HEADERS = Refusal(431, "headers-too-large", "The request's headers are too large.")
INTERNAL = Refusal(500, "internal", "The service failed; its log says why.")

# What Flask and `service.connection` refuse, and a failure: not among the subclasses of
# `RequestError`.
REFUSALS = (BAD_REQUEST, NOT_ALLOWED, TOO_SLOW, HEADERS, INTERNAL)

# What a connection refuses before anybody knows what is asked: a problem document on every path.
CONNECTION = (TOO_SLOW, HEADERS)
# Of every operation; of every one that not everybody may ask (service/access.py).
EVERYWHERE = (INTERNAL,)
CLOSED = (UnauthorizedError, RateLimitedError)

# Of every one that reads a body, that reads JSON alone, and that asks a network.
BODY = (BAD_REQUEST, NotJSONError, BodyTooLargeError, InvalidFieldError)
JSON_BODY = (*BODY, MediaTypeError)
NETWORK = (OverloadedError, DeadlineError)
