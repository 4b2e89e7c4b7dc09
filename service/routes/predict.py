"""`POST /predict`."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response
from msgspec import UNSET, UnsetType

from service.errors import InvalidFieldError
from service.predictor import Prediction, Predictor
from service.routes.body import check_text, check_texts, decoded, json_body, json_response
from service.settings import Settings


class PredictRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Either `text` or `texts`; `model` names the bundle."""

    text: str | UnsetType = UNSET
    texts: list[str] | UnsetType = UNSET
    model: str | None = None


class PredictResponse(msgspec.Struct):
    predictions: list[Prediction]


_decoder = msgspec.json.Decoder(PredictRequest)


def blueprint(predictor: Predictor, settings: Settings) -> Blueprint:
    routes = Blueprint("predict", __name__)

    @routes.post("/predict")
    def predict() -> Response:
        asked = parse(json_body())
        if isinstance(asked.text, str):
            check_text(asked.text, "/text", settings)
            return json_response(predictor.predict([asked.text], asked.model)[0])
        assert isinstance(asked.texts, list)  # parse() took one of the two
        check_texts(asked.texts, settings)
        return json_response(PredictResponse(predictor.predict(asked.texts, asked.model)))

    return routes


def parse(body: bytes) -> PredictRequest:
    """
    Raises:
        NotJSONError: it is no JSON, or not UTF-8.
        InvalidFieldError: it is JSON, but no request.
    """
    asked = decoded(_decoder, body, example='{"text": "…"} or {"texts": ["…", "…"]}')
    if (asked.text is UNSET) == (asked.texts is UNSET):
        raise InvalidFieldError(
            'Expected either "text", a string, or "texts", a list of strings.', ""
        )
    return asked
