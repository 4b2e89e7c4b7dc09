"""`GET /ping` and `POST /invocations`: what hosts in the style of Amazon SageMaker ask.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html

`/invocations` takes what `/predict` takes, and `instances`; several texts may also come as CSV of
one column or as JSON Lines. It answers in JSON, or in JSON Lines where the client asks for them: a
line per text is what a batch transform can put together again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from itertools import islice
from typing import Any

import msgspec
from flask import Blueprint, Response, request
from msgspec import UNSET, UnsetType

from service.errors import InvalidFieldError, NotAcceptableError
from service.predictor import Predictor
from service.routes import predict
from service.routes.body import (
    any_body,
    check_count,
    decoded,
    decoded_lines,
    json_body,
    json_response,
)
from service.routes.huggingface import Class
from service.routes.predict import Answer, PredictRequest, PredictResponse
from service.routes.v1 import Instance, Instances, texts_of
from service.settings import Settings

_LONGEST_ACCEPT = 512  # characters; browsers send some 150
_JSON, _LINES, _CSV = "application/json", "application/jsonlines", "text/csv"


class InvocationRequest(PredictRequest):
    """What `/predict` takes, or `instances`."""

    instances: Instances | UnsetType = UNSET


_decoder = msgspec.json.Decoder(InvocationRequest)
_line_decoder = msgspec.json.Decoder(str | Instance)
_encode_lines = msgspec.json.Encoder().encode_lines


def blueprint(
    predictor: Predictor, settings: Settings, check_ready: Callable[[], None]
) -> Blueprint:
    """
    Args:
        check_ready: raises an `OverloadedError` where requests should not be sent here.
    """
    routes = Blueprint("sagemaker", __name__)

    @routes.get("/ping")
    def ping() -> Response:
        check_ready()
        return Response()

    @routes.post("/invocations")
    def invocations() -> Response:
        respond = json_response if _wanted() == _JSON else _in_lines
        read = {_CSV: _rows, _LINES: _lines}.get(request.mimetype)
        if read is None:
            return respond(_answer(_parse(json_body()), predictor, settings))
        texts = texts_of(read(any_body(), settings), settings, "")
        return respond(PredictResponse(predictor.predict(texts)))

    # A field as long as any that MAX_CHARACTERS may allow; csv stops at 128 KiB.
    csv.field_size_limit(settings.max_body_bytes)
    return routes


def _wanted() -> str:
    """The media type of the answer."""
    accept = request.headers.get("Accept", "")
    if len(accept) > _LONGEST_ACCEPT:  # blanks in it cost their square to take apart
        raise NotAcceptableError(
            f"Accept has {len(accept):,} characters; expected at most {_LONGEST_ACCEPT}."
        )
    if not request.accept_mimetypes:
        return _JSON
    found = request.accept_mimetypes.best_match([_JSON, _LINES])
    if found is None:
        raise NotAcceptableError(
            f"Answers are in {_JSON} or {_LINES}; ask for one of them in Accept, or for "
            "nothing there."
        )
    return found


def _parse(body: bytes) -> InvocationRequest:
    example = '{"text": "…"}, {"inputs": "…"} or {"instances": ["…", "…"]}'
    asked = decoded(_decoder, body, example=example)
    if asked.instances is UNSET:
        predict.check_form(asked)
    elif asked != InvocationRequest(instances=asked.instances, model=asked.model):
        raise InvalidFieldError('Beside "instances" there may be "model" alone.', "")
    return asked


def _answer(asked: InvocationRequest, predictor: Predictor, settings: Settings) -> Answer:
    if asked.instances is UNSET:
        return predict.answer(asked, predictor, settings)
    assert isinstance(asked.instances, list)
    texts = texts_of(asked.instances, settings)
    return PredictResponse(predictor.predict(texts, asked.model))


def _lines(body: bytes, settings: Settings) -> Instances:
    return decoded_lines(_line_decoder, body, example='"…" or {"text": "…"} in each line')


def _rows(body: bytes, settings: Settings) -> Instances:
    """CSV without a header, one text a row (RFC 4180); an empty row is a blank text."""
    try:
        reader = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        rows = list(islice(reader, settings.max_texts))
        # The others are counted, not kept: millions of empty rows would fill the memory.
        check_count(len(rows) + sum(1 for _ in reader), settings, "")
    except UnicodeDecodeError as error:
        raise InvalidFieldError("The body is not text in UTF-8.", "") from error
    except csv.Error as error:
        raise InvalidFieldError(f"The body is not CSV: {error}.", "") from error
    for place, row in enumerate(rows):
        if len(row) > 1:
            raise InvalidFieldError(
                f"Row {place + 1} has {len(row)} columns; expected one. Put a text with commas "
                'between double quotes: "Slow, but good".',
                f"/{place}",
            )
    return [row[0] if row else "" for row in rows]


def _in_lines(answer: Answer) -> Response:
    if isinstance(answer, PredictResponse):
        lines: list[Any] = [*answer.predictions]
    elif isinstance(answer, list) and not (answer and isinstance(answer[0], Class)):
        lines = answer
    else:  # of one text; its classes are a list too
        lines = [answer]
    return Response(_encode_lines(lines), content_type=_LINES)
