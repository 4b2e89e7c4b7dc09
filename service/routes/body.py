"""What every route that takes texts does with its body: read it, check it, answer in JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import msgspec
from flask import Response, request
from msgspec import Meta

from service.errors import BodyTooLargeError, InvalidFieldError, MediaTypeError, NotJSONError
from service.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

T = TypeVar("T")

# What `/openapi.json` says of them; `check_text`, `check_texts` and the registry hold the limits.
Text = Annotated[
    str,
    Meta(
        description="A review, or any text.",
        examples=["This is not good at all."],
        extra_json_schema={"maxLength": "MAX_CHARACTERS"},
    ),
]
Texts = Annotated[
    list[Text],
    Meta(
        description="Texts in any languages.",
        extra_json_schema={"maxItems": "MAX_TEXTS"},
    ),
]
ModelName = Annotated[
    str,
    Meta(description="The name of a bundle that is served.", extra_json_schema={"enum": "MODELS"}),
]

_encode = msgspec.json.Encoder().encode


def json_body() -> bytes:
    """
    Raises:
        MediaTypeError: it does not claim to be JSON.
        BodyTooLargeError: it is over MAX_BODY_BYTES.
    """
    # What nearly all send is known without taking the header apart.
    if request.environ.get("CONTENT_TYPE") != "application/json" and not request.is_json:
        raise MediaTypeError(
            f"The body is {request.mimetype or 'of no stated type'}; send JSON with the header "
            "Content-Type: application/json."
        )
    return any_body()


def any_body() -> bytes:
    """
    Raises:
        BodyTooLargeError: it is over MAX_BODY_BYTES.
    """
    environ, most = request.environ, request.max_content_length
    assert most is not None  # create_app sets it
    length = environ.get("CONTENT_LENGTH") or ""
    # Straight from the server, without werkzeug's streams around it.
    if length.isdigit():
        size = int(length)
        body = environ["wsgi.input"].read(size) if size <= most else b""
    else:  # in chunks: one byte more than is allowed says that there is too much
        ends = environ.get("wsgi.input_terminated", False)
        body = environ["wsgi.input"].read(most + 1) if ends else b""
        size = len(body)
    if size > most:
        raise BodyTooLargeError(f"The body is over {most:,} bytes (MAX_BODY_BYTES).")
    return body


def decoded(decoder: msgspec.json.Decoder[T], body: bytes, *, example: str) -> T:
    """
    Args:
        example: what could have been sent, for the error's message.

    Raises:
        NotJSONError: it is no JSON, or not UTF-8.
        InvalidFieldError: it is JSON, but not of the decoder's type.
    """
    return _decoded(decoder.decode, body, example)


def decoded_lines(decoder: msgspec.json.Decoder[T], body: bytes, *, example: str) -> list[T]:
    """The same of JSON Lines: a document in each."""
    return _decoded(decoder.decode_lines, body, example)


def _decoded(decode: Callable[[bytes], T], body: bytes, example: str) -> T:
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        detail, pointer = _located(str(error))
        raise InvalidFieldError(detail, pointer) from error
    except RecursionError as error:
        raise InvalidFieldError(
            f"The body is nested too deeply. Expected something like {example}.", ""
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotJSONError(
            f"The body is not JSON in UTF-8: {error}.{_surrogate_hint(body)} Expected something "
            f"like {example}."
        ) from error


def check_texts(texts: list[str], settings: Settings, pointer: str = "/texts") -> None:
    check_count(len(texts), settings, pointer)
    for place, text in enumerate(texts):
        check_text(text, f"{pointer}/{place}", settings)


def check_count(texts: int, settings: Settings, pointer: str) -> None:
    if texts > settings.max_texts:
        raise InvalidFieldError(
            f"{texts:,} texts; a request may hold {settings.max_texts:,} (MAX_TEXTS). Send "
            "them in parts.",
            pointer,
        )


def check_text(text: str, pointer: str, settings: Settings) -> None:
    if len(text) > settings.max_characters:
        raise InvalidFieldError(
            f"{len(text):,} characters; a text may have {settings.max_characters:,} "
            "(MAX_CHARACTERS).",
            pointer,
        )


def _surrogate_hint(body: bytes) -> str:
    # msgspec calls half a surrogate pair "truncated" data; that would send its reader astray.
    if re.search(rb"\\u[dD][89a-fA-F]", body) is None:
        return ""
    return " Escapes from \\ud800 to \\udfff are valid in pairs only."


def _located(message: str) -> tuple[str, str]:
    """msgspec's message as a sentence and a JSON pointer (RFC 6901).

    >>> _located("Expected `str`, got `int` - at `$.texts[3]`")
    ('Expected a string, got a number.', '/texts/3')
    """
    sentence, _, path = message.partition(" - at `$")
    pointer = re.sub(r"[.\[]([^.\[\]`]+)\]?", r"/\1", path.rstrip("`"))
    sentence = sentence.replace("Expected `int", "Expected `whole")
    for internal, plain in _PLAIN_TYPES.items():
        sentence = sentence.replace(f"`{internal}`", plain)
    return f"{sentence}.", pointer


_PLAIN_TYPES = {
    "str": "a string",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
    "str | null": "a string or null",
    "str | array": "a string or a list",
    "str | object": "a string or an object",
    "whole": "a whole number",
    "whole | null": "a whole number or null",
    "float | null": "a number or null",
    "array | null": "a list or null",
    "object | null": "an object or null",
}


class _Whole(Response):
    """An answer whose headers say all: werkzeug need not look them through once more."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "HEAD":
            return super().__call__(environ, start_response)
        start_response(self.status, self.headers.to_wsgi_list())
        return cast("list[bytes]", self.response)


def json_response(answer: Any) -> Response:
    return _Whole(_encode(answer), content_type="application/json")
