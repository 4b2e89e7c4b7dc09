"""The error tree, and the one shape that every error has over HTTP."""

from __future__ import annotations

import json
from http import HTTPStatus

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException

from service import errors, problems
from service.errors import (
    BodyTooLargeError,
    BundleError,
    DeadlineError,
    InvalidFieldError,
    KeysError,
    ManytoneError,
    MediaTypeError,
    NotJSONError,
    OverloadedError,
    RateLimitedError,
    RequestError,
    SettingsError,
    StartError,
    UnauthorizedError,
)


def assert_problem(response, status, code, pointer=None):
    """The response is the problem document of RFC 9457 that we promise; gives the document."""
    assert response.status_code == status, response.get_data()
    assert response.headers["Content-Type"] == "application/problem+json"
    document = json.loads(response.get_data())
    fields = {"type", "title", "status", "code", "detail"}
    assert set(document) == (fields if pointer is None else fields | {"errors"})
    assert document["type"] == "about:blank"
    assert document["title"] == HTTPStatus(status).phrase
    assert (document["status"], document["code"]) == (status, code)
    assert document["detail"]
    for internal in ("Traceback", "msgspec", "service/", ".py", " at 0x"):
        assert internal not in document["detail"]
    if pointer is not None:
        assert document["errors"] == [{"pointer": pointer, "detail": document["detail"]}]
    if code in ("overloaded", "rate-limited"):
        assert int(response.headers["Retry-After"]) >= 1
    return document


CASES = [
    (NotJSONError("no JSON"), 400, "not-json", None),
    (UnauthorizedError("who asks?"), 401, "unauthorized", None),
    (BodyTooLargeError("too much"), 413, "body-too-large", None),
    (MediaTypeError("which type?"), 415, "media-type", None),
    (InvalidFieldError("not a string", "/texts/3"), 422, "invalid-field", "/texts/3"),
    (InvalidFieldError("not a string", ""), 422, "invalid-field", ""),
    (RateLimitedError("too often", retry_after=7), 429, "rate-limited", None),
    (OverloadedError("later", retry_after=7), 503, "overloaded", None),
    (DeadlineError("too late"), 504, "deadline", None),
]


@pytest.fixture
def failing():
    """A function that makes a client of an application whose only route raises an error."""

    def make(error):
        app = Flask("failing", static_folder=None)
        problems.register(app)

        @app.get("/")
        def fail():
            raise error

        return app.test_client()

    return make


@pytest.mark.parametrize(
    ("error", "status", "code", "pointer"),
    [pytest.param(*case, id=f"{type(case[0]).__name__} {case[3] or ''}") for case in CASES],
)
def test_each_error_is_a_problem_of_its_status(failing, error, status, code, pointer):
    document = assert_problem(failing(error).get("/"), status, code, pointer)
    assert document["detail"] == str(error)


def test_every_request_error_is_among_the_cases():
    assert {type(error) for error, *_ in CASES} == set(RequestError.__subclasses__())


def test_the_drawn_tree_is_the_tree():
    drawn = [line for line in errors.__doc__.splitlines() if "Error" in line and "─" in line]
    names = {line.split("─ ")[1].split()[0] for line in drawn}
    assert names == {
        cls.__name__
        for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, ManytoneError) and cls is not ManytoneError
    }
    for error, status, *_ in CASES:
        line = next(line for line in drawn if type(error).__name__ in line)
        assert f" {status} " in line


@pytest.mark.parametrize("error", [OverloadedError("later", 7), RateLimitedError("later", 7)])
def test_a_503_and_a_429_say_when_to_come_again(failing, error):
    assert failing(error).get("/").headers["Retry-After"] == "7"


def test_a_401_says_how_to_ask_with_a_key(failing):
    response = failing(UnauthorizedError("who asks?")).get("/")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_start_errors_are_no_request_errors():
    assert issubclass(BundleError, StartError)
    assert issubclass(SettingsError, StartError)
    assert issubclass(KeysError, StartError)
    assert not issubclass(StartError, RequestError)


def test_a_settings_error_names_variable_value_and_what_was_expected():
    assert (
        str(SettingsError("PORT", "abc", "a port")) == "PORT='abc' is not valid: expected a port."
    )


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(RuntimeError("password=secret"), id="a runtime error"),
        pytest.param(KeyError("secret"), id="a key error"),
        pytest.param(BundleError("/secret/path"), id="an error of ours that is for the start"),
    ],
)
def test_a_bug_tells_the_log_everything_and_the_client_nothing(failing, error, caplog):
    response = failing(error).get("/")
    assert_problem(response, 500, "internal")
    assert b"secret" not in response.get_data()
    assert "GET / failed" in caplog.text
    assert "Traceback" in caplog.text
    assert "secret" in caplog.text


@pytest.mark.parametrize("status", [400, 401, 403, 406, 408, 410, 411, 412, 429, 501])
def test_whatever_flask_refuses_has_the_same_shape(failing, status):
    class Refusal(HTTPException):
        code = status
        description = "<p>HTML of werkzeug's</p>"

    response = failing(Refusal()).get("/")
    phrase = HTTPStatus(status).phrase.lower().replace(" ", "-")
    assert "<p>" not in assert_problem(response, status, phrase)["detail"]
