"""`POST /predict`."""

from __future__ import annotations

import re

import msgspec
from flask import Blueprint, Response, request
from msgspec import UNSET, UnsetType
from werkzeug.exceptions import RequestEntityTooLarge

from service.errors import BodyTooLargeError, InvalidFieldError, MediaTypeError, NotJSONError
from service.predictor import Prediction, Predictor
from service.settings import Settings


class PredictRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Either `text` or `texts`; `model` names the bundle."""

    text: str | UnsetType = UNSET
    texts: list[str] | UnsetType = UNSET
    model: str | None = None


class PredictResponse(msgspec.Struct):
    predictions: list[Prediction]


_decode = msgspec.json.Decoder(PredictRequest).decode
_encode = msgspec.json.Encoder().encode


def blueprint(predictor: Predictor, settings: Settings) -> Blueprint:
    routes = Blueprint("predict", __name__)

    @routes.post("/predict")
    def predict() -> Response:
        asked = parse(_body())
        if isinstance(asked.text, str):
            _check_text(asked.text, "/text", settings)
            return _json(predictor.predict([asked.text], asked.model)[0])
        assert isinstance(asked.texts, list)  # parse() took one of the two
        _check_texts(asked.texts, settings)
        return _json(PredictResponse(predictor.predict(asked.texts, asked.model)))

    return routes


def parse(body: bytes) -> PredictRequest:
    """
    Raises:
        NotJSONError: it is no JSON, or not UTF-8.
        InvalidFieldError: it is JSON, but no request.
    """
    try:
        asked = _decode(body)
    except msgspec.ValidationError as error:
        detail, pointer = _located(str(error))
        raise InvalidFieldError(detail, pointer) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotJSONError(
            f"The body is not JSON in UTF-8: {error}.{_surrogate_hint(body)} Expected something "
            'like {"text": "…"} or {"texts": ["…", "…"]}.'
        ) from error
    if (asked.text is UNSET) == (asked.texts is UNSET):
        raise InvalidFieldError(
            'Expected either "text", a string, or "texts", a list of strings.', ""
        )
    return asked


def _body() -> bytes:
    if not request.is_json:
        raise MediaTypeError(
            f"The body is {request.mimetype or 'of no stated type'}; send JSON with the header "
            "Content-Type: application/json."
        )
    try:
        body = request.get_data(cache=False)
        # Without a stated length werkzeug reads what is allowed, and says nothing of the rest.
        if request.content_length is None and len(body) == request.max_content_length:
            raise RequestEntityTooLarge
        return body
    except RequestEntityTooLarge as error:
        raise BodyTooLargeError(
            f"The body is over {request.max_content_length:,} bytes (MAX_BODY_BYTES)."
        ) from error


def _check_texts(texts: list[str], settings: Settings) -> None:
    if len(texts) > settings.max_texts:
        raise InvalidFieldError(
            f"{len(texts):,} texts; a request may hold {settings.max_texts:,} (MAX_TEXTS). Send "
            "them in parts.",
            "/texts",
        )
    for place, text in enumerate(texts):
        _check_text(text, f"/texts/{place}", settings)


def _check_text(text: str, pointer: str, settings: Settings) -> None:
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
}


def _json(answer: object) -> Response:
    return Response(_encode(answer), content_type="application/json")
