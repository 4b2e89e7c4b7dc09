"""`POST /predict`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from flask import Blueprint, Response
from msgspec import UNSET, Meta, UnsetType

from service.errors import InvalidFieldError
from service.predictor import Prediction, Predictor
from service.routes import huggingface
from service.routes.body import (
    Text,
    Texts,
    check_text,
    check_texts,
    decoded,
    json_body,
    json_response,
)
from service.settings import Settings


class PredictRequest(huggingface.InputsRequest):
    """One of `text`, `texts` and `inputs`, which is Hugging Face's form."""

    text: Text | UnsetType = UNSET
    texts: Texts | UnsetType = UNSET


class PredictResponse(msgspec.Struct):
    """The answer to several texts."""

    predictions: Annotated[list[Prediction], Meta(description="One per text, in order.")]


Answer = Prediction | PredictResponse | huggingface.Classes | list[huggingface.Classes]

_decoder = msgspec.json.Decoder(PredictRequest)


def blueprint(predictor: Predictor, settings: Settings) -> Blueprint:
    routes = Blueprint("predict", __name__)

    @routes.post("/predict")
    def predict() -> Response:
        return json_response(answer(parse(json_body()), predictor, settings))

    return routes


def answer(asked: PredictRequest, predictor: Predictor, settings: Settings) -> Answer:
    """
    Args:
        asked: with one of the three forms, as `check_form` has it.
    """
    if isinstance(asked.text, str):
        check_text(asked.text, "/text", settings)
        return predictor.predict_one(asked.text, asked.model)
    if isinstance(asked.texts, list):
        check_texts(asked.texts, settings)
        return PredictResponse(predictor.predict(asked.texts, asked.model))
    return huggingface.answer(asked, predictor, settings)


def parse(body: bytes) -> PredictRequest:
    """
    Raises:
        NotJSONError: it is no JSON, or not UTF-8.
        InvalidFieldError: it is JSON, but no request.
    """
    asked = decoded(_decoder, body, example='{"text": "…"} or {"texts": ["…", "…"]}')
    check_form(asked)
    return asked


def check_form(asked: PredictRequest) -> None:
    """
    Raises:
        InvalidFieldError: it has none of the forms, two of them, or options of another one.
    """
    if (asked.text is UNSET) + (asked.texts is UNSET) + (asked.inputs is UNSET) != 2:
        raise InvalidFieldError(
            'Expected one of "text", a string, "texts", a list of strings, and "inputs", either.',
            "",
        )
    if asked.inputs is UNSET and not (
        asked.parameters is asked.truncate is asked.raw_scores is UNSET
    ):
        raise InvalidFieldError(
            '"parameters", "truncate" and "raw_scores" belong to "inputs" alone.', ""
        )
