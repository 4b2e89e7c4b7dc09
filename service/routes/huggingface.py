"""`inputs`, the form that Hugging Face's clients and text-embeddings-inference send.

`POST /predict` takes it beside `text` and `texts`. `POST /` takes it alone, for clients that are
given the address of an endpoint and no path. Which client expects which answer, and why one text
has two shapes of answer: docs/decisions/0011-inputs.md.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from flask import Blueprint, Response
from msgspec import UNSET, Meta, UnsetType

from service.errors import InvalidFieldError
from service.predictor import Prediction, Predictor
from service.routes.body import (
    ModelName,
    Text,
    check_text,
    check_texts,
    decoded,
    json_body,
    json_response,
)
from service.settings import Settings


class Parameters(msgspec.Struct, forbid_unknown_fields=True):
    """What `InferenceClient.text_classification` sends."""

    top_k: Annotated[
        # JSON has one kind of numbers: 2.0 is 2.
        Annotated[float, Meta(ge=1, multiple_of=1)] | None,
        Meta(description="How many labels the answer has; all by default."),
    ] = None
    function_to_apply: Annotated[
        str | None,
        Meta(
            description="`softmax`: scores are calibrated probabilities.",
            extra_json_schema={"enum": ["softmax", None]},
        ),
    ] = None


# text-embeddings-inference takes a batch as `[["…"], ["…"]]`.
_Alone = Annotated[list[Text], Meta(extra_json_schema={"minItems": 1, "maxItems": 1})]
Inputs = Annotated[list[Text | _Alone], Meta(extra_json_schema={"maxItems": "MAX_TEXTS"})]


class InputsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`truncate` and `raw_scores` are of text-embeddings-inference, `parameters` of the clients."""

    inputs: (
        Annotated[
            Text | Inputs,
            Meta(description="A text, or several; each of them may be in a list of its own."),
        ]
        | UnsetType
    ) = UNSET
    parameters: (
        Annotated[
            Parameters | None, Meta(description="With it, one text is answered as several are.")
        ]
        | UnsetType
    ) = UNSET
    truncate: (
        Annotated[bool, Meta(description="false: a text longer than its bundle reads is an error.")]
        | UnsetType
    ) = UNSET
    raw_scores: (
        Annotated[
            bool,
            Meta(
                description="false: only probabilities are kept.",
                extra_json_schema={"const": False},
            ),
        ]
        | UnsetType
    ) = UNSET
    model: Annotated[
        ModelName | None, Meta(description="The bundle to ask, instead of one by language.")
    ] = None


class Class(msgspec.Struct, frozen=True):
    """A label, and how probable it is."""

    label: Annotated[str, Meta(description="One of the bundle's labels.")]
    score: Annotated[float, Meta(ge=0, le=1, description="Its probability.")]


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
    most = int(parameters.top_k) if parameters.top_k is not None else None
    return [_classes(prediction)[:most] for prediction in predictions]


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
    texts = [_one(given, f"/inputs/{place}") for place, given in enumerate(asked.inputs)]
    check_texts(texts, settings, "/inputs")
    return texts


def _one(given: str | list[str], pointer: str) -> str:
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
