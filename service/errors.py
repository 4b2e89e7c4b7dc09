"""Every error of the service, and what it means over HTTP.

    ManytoneError
    ├── StartError                 the service cannot start; one line says why, then it stops
    │   ├── SettingsError          an environment variable has a value it cannot have
    │   └── BundleError            a bundle is missing, damaged, foreign or of another version
    ├── CommandError               a command cannot be carried out; it ends with status 1
    │   └── UsageError             a command was given what does not fit; status 2
    └── RequestError               a request cannot be answered
        ├── NotJSONError           400  the body is no JSON
        ├── BodyTooLargeError      413  the body is over MAX_BODY_BYTES
        ├── MediaTypeError         415  the body does not claim to be JSON
        ├── InvalidFieldError      422  JSON, but a field is not what it must be
        ├── OverloadedError        503  the queue is full, or the worker is stopping
        └── DeadlineError          504  no answer within DEADLINE_SECONDS

Routes raise them; `service.problems` turns them into RFC 9457 documents in one place.
"""

from __future__ import annotations


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


class NotJSONError(RequestError):
    status = 400
    code = "not-json"


class BodyTooLargeError(RequestError):
    status = 413
    code = "body-too-large"


class MediaTypeError(RequestError):
    status = 415
    code = "media-type"


class InvalidFieldError(RequestError):
    """`pointer` is the JSON pointer (RFC 6901) of the field; "" is the whole document."""

    status = 422
    code = "invalid-field"

    def __init__(self, detail: str, pointer: str) -> None:
        super().__init__(detail)
        self.pointer = pointer


class OverloadedError(RequestError):
    """`retry_after` is in whole seconds."""

    status = 503
    code = "overloaded"

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class DeadlineError(RequestError):
    status = 504
    code = "deadline"
