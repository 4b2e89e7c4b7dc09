"""Every error of the service, and what it means over HTTP.

    ManytoneError
    ├── StartError                 the service cannot start; one line says why, then it stops
    │   ├── SettingsError          an environment variable has a value it cannot have
    │   ├── BundleError            a bundle is missing, damaged, foreign or of another version
    │   └── KeysError              an API key is missing, too short or twice there
    ├── CommandError               a command cannot be carried out; it ends with status 1
    │   └── UsageError             a command was given what does not fit; status 2
    └── RequestError               a request cannot be answered
        ├── NotJSONError           400  the body is no JSON
        ├── UnauthorizedError      401  there are API keys, and the request has none of them
        ├── NotFoundError          404  there is no such model
        ├── NotAcceptableError     406  the client takes no form that the answer has
        ├── BodyTooLargeError      413  the body is over MAX_BODY_BYTES
        ├── MediaTypeError         415  the body does not claim to be JSON
        ├── InvalidFieldError      422  JSON, but a field is not what it must be
        ├── RateLimitedError       429  the client asks more often than RATE_LIMIT
        ├── OverloadedError        503  the queue is full, or the worker is stopping
        └── DeadlineError          504  no answer within DEADLINE_SECONDS

Routes raise them; `service.problems` turns them into RFC 9457 documents in one place. The first
paragraph of a `RequestError` is what `/openapi.json` says of it.
"""

from __future__ import annotations

from collections.abc import Mapping


class ManytoneError(Exception):
    """The message is written for the person who reads it: what, where, and what to do."""


class StartError(ManytoneError):
    """The service cannot start."""


class SettingsError(StartError):
    """An environment variable has a value it cannot have."""

    def __init__(self, variable: str, value: str, expected: str) -> None:
        super().__init__(f"{variable}={value!r} is not valid: expected {expected}.")


class BundleError(StartError):
    """A bundle cannot be used: it is missing, damaged, foreign or of another version."""


class KeysError(StartError):
    """An API key is missing, too short or twice there. The message never quotes one."""


class CommandError(ManytoneError):
    """A command of `python -m service` cannot be carried out; `status` is its exit status."""

    status = 1


class UsageError(CommandError):
    """A command was given options, names or files that do not go together."""

    status = 2


class RequestError(ManytoneError):
    """A request cannot be answered; `status` and `code` tell a client which case it is."""

    status = 500
    code = "internal"

    def __init__(self, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.headers = headers or {}  # of the answer


class NotJSONError(RequestError):
    """The body is not JSON in UTF-8."""

    status = 400
    code = "not-json"


class UnauthorizedError(RequestError):
    """There are API keys, and the request has none of them; `WWW-Authenticate` says how to send
    one.

    `challenge` is that header's value (RFC 6750).
    """

    status = 401
    code = "unauthorized"

    def __init__(self, detail: str, challenge: str = "Bearer") -> None:
        super().__init__(detail, {"WWW-Authenticate": challenge})


class NotFoundError(RequestError):
    """There is nothing at this path: no such route, or no model or version of that name."""

    status = 404
    code = "not-found"


class NotAcceptableError(RequestError):
    """`Accept` names no media type that the answer has."""

    status = 406
    code = "not-acceptable"


class BodyTooLargeError(RequestError):
    """The body is over MAX_BODY_BYTES."""

    status = 413
    code = "body-too-large"


class MediaTypeError(RequestError):
    """The body does not claim to be what the path takes, JSON as a rule: `Content-Type:
    application/json` is missing. Or its `Content-Encoding` is not known."""

    status = 415
    code = "media-type"


class InvalidFieldError(RequestError):
    """A field is missing, unknown, of the wrong type, too long or too many; `errors` points at it.

    `pointer` is the JSON pointer (RFC 6901) of the field; "" is the whole document.
    """

    status = 422
    code = "invalid-field"

    def __init__(self, detail: str, pointer: str) -> None:
        super().__init__(detail)
        self.pointer = pointer


class RateLimitedError(RequestError):
    """The client asks more often than RATE_LIMIT; `Retry-After` says when to come back.

    `retry_after` is in whole seconds.
    """

    status = 429
    code = "rate-limited"

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail, {"Retry-After": str(retry_after)})


class OverloadedError(RequestError):
    """Too much waits already (QUEUE_TEXTS), or the worker is stopping; `Retry-After` says when to
    come back.

    `retry_after` is in whole seconds.
    """

    status = 503
    code = "overloaded"

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail, {"Retry-After": str(retry_after)})


class DeadlineError(RequestError):
    """There was no answer within DEADLINE_SECONDS."""

    status = 504
    code = "deadline"
