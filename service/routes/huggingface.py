"""`inputs`, the form that Hugging Face's clients and text-embeddings-inference send.

`POST /predict` takes it beside `text` and `texts`. `POST /` takes it alone, for clients that are
given the address of an endpoint and no path. Which client expects which answer, and why one text
has two shapes of answer: docs/decisions/0011-inputs.md.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from flask import Blueprint, Response
from msgspec import UNSET, UnsetType

from service.errors import InvalidFieldError
from service.predictor import Prediction, Predictor
from service.routes.body import check_count, check_text, decoded, json_body, json_response
from service.settings import Settings


class Parameters(msgspec.Struct, forbid_unknown_fields=True):
    """What `InferenceClient.text_classification` sends."""

    top_k: Annotated[int, msgspec.Meta(ge=1)] | None = None  # labels in the answer; all by default
    function_to_apply: str | None = None  # to the network's outputs; ours are probabilities


class InputsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`truncate` and `raw_scores` are of text-embeddings-inference, `parameters` of the clients."""

    inputs: str | list[str | list[str]] | UnsetType = UNSET
    parameters: Parameters | UnsetType | None = UNSET
    truncate: bool | UnsetType = UNSET
    raw_scores: bool | UnsetType = UNSET
    model: str | None = None


class Class(msgspec.Struct, frozen=True):
    label: str
    score: float  # its probability


Classes = list[Class]  # from the most probable one to the least

_decoder = msgspec.json.Decoder(InputsRequest)


def blueprint(predictor: Predictor, settings: Settings) -> Blueprint:
    routes = Blueprint("huggingface", __name__)

    @routes.post("/")
    def endpoint() -> Response:
        asked = decoded(_decoder, json_body(), example='{"inputs": "…"} or {"inputs": ["…", "…"]}')
        if asked.inputs is UNSET:
            raise InvalidFieldError('Expected "inputs", a string or a list of strings.', "")
        return json_response(classify(asked, predictor, settings))

    return routes


def answer(
    asked: InputsRequest, predictor: Predictor, settings: Settings
) -> Classes | list[Classes]:
    """As `POST /predict` answers it: one text without `parameters` is not in a list of its own."""
    rows = classify(asked, predictor, settings)
    alone = isinstance(asked.inputs, str) and asked.parameters is UNSET
    return rows[0] if alone else rows


def classify(asked: InputsRequest, predictor: Predictor, settings: Settings) -> list[Classes]:
    """One row per text.

    Raises:
        InvalidFieldError: something is asked for that cannot be given.
    """
    parameters = asked.parameters or Parameters()
    _check_scores(asked, parameters)
    texts = _texts(asked, settings)
    predictions = predictor.predict(texts, asked.model)
    if asked.truncate is False:
        _check_length(predictions)
    return [_classes(prediction)[: parameters.top_k] for prediction in predictions]


def _check_scores(asked: InputsRequest, parameters: Parameters) -> None:
    if parameters.function_to_apply not in (None, "softmax"):
        raise InvalidFieldError(
            'Scores are calibrated probabilities: expected "softmax", or nothing.',
            "/parameters/function_to_apply",
        )
    if asked.raw_scores is True:
        raise InvalidFieldError(
            "Scores are calibrated probabilities, and raw ones are not kept: expected false.",
            "/raw_scores",
        )


def _texts(asked: InputsRequest, settings: Settings) -> list[str]:
    if isinstance(asked.inputs, str):
        check_text(asked.inputs, "/inputs", settings)
        return [asked.inputs]
    assert isinstance(asked.inputs, list)  # both routes saw to it
    check_count(len(asked.inputs), settings, "/inputs")
    texts = [_one(given, f"/inputs/{place}") for place, given in enumerate(asked.inputs)]
    for place, text in enumerate(texts):
        check_text(text, f"/inputs/{place}", settings)
    return texts


def _one(given: str | list[str], pointer: str) -> str:
    """text-embeddings-inference takes a batch as `[["…"], ["…"]]`."""
    if isinstance(given, str):
        return given
    if len(given) != 1:
        raise InvalidFieldError(
            f"Expected a string, or a list of one string, got a list of {len(given)}. A text is "
            "read alone: there are no models for pairs here.",
            pointer,
        )
    return given[0]


def _check_length(predictions: list[Prediction]) -> None:
    for place, prediction in enumerate(predictions):
        if prediction.truncated:
            raise InvalidFieldError(
                f"Text {place} has more than the {prediction.tokens:,} tokens that "
                f'{prediction.model} reads, and "truncate" is false.',
                "/inputs",
            )


def _classes(prediction: Prediction) -> Classes:
    ranked = sorted(prediction.scores.items(), key=lambda item: item[1], reverse=True)
    return [Class(label, score) for label, score in ranked]
