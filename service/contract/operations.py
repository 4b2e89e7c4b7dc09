"""Every route that there is, on one page. A route that is missing here fails a test."""

from __future__ import annotations

from typing import Any

from service.contract.description import Answer, Body, Example, Operation, Refusal
from service.errors import (
    BodyTooLargeError,
    DeadlineError,
    InvalidFieldError,
    MediaTypeError,
    NotJSONError,
    OverloadedError,
)
from service.predictor import Prediction
from service.routes.body import ModelName
from service.routes.models import ModelsResponse, ServedModel
from service.routes.predict import PredictRequest, PredictResponse

BAD_REQUEST = Refusal(400, "bad-request", "The request is not what HTTP allows.")
NOT_FOUND = Refusal(404, "not-found", "There is nothing at this path.")
NOT_ALLOWED = Refusal(405, "method-not-allowed", "The path does not take this method.")
INTERNAL = Refusal(500, "internal", "The service failed; its log says why.")

# What Flask itself refuses, and a failure: not among the subclasses of `RequestError`.
REFUSALS = (BAD_REQUEST, NOT_FOUND, NOT_ALLOWED, INTERNAL)

# Of every route that reads a JSON body, and of every one that asks a network.
BODY = (BAD_REQUEST, NotJSONError, BodyTooLargeError, MediaTypeError, InvalidFieldError)
NETWORK = (OverloadedError, DeadlineError)

_NEGATIVE = {
    "label": "negative",
    "score": 0.925209,
    "scores": {"negative": 0.925209, "positive": 0.07479},
    "model": "reviews-en",
    "tokens": 7,
    "truncated": False,
    "known": 1.0,
}
_POSITIVE = {
    "label": "positive",
    "score": 0.997978,
    "scores": {"negative": 0.002022, "positive": 0.997978},
    "model": "reviews-ko",
    "tokens": 5,
    "truncated": False,
    "known": 1.0,
}
_MODEL = {
    "name": "reviews-en",
    "version": "1",
    "language": "en",
    "labels": ["negative", "positive"],
    "max_tokens": 512,
    "pad_id": 0,
    "unk_id": 1,
    "datasets": [{"name": "imdb", "licence": "none stated, cite"}],
    "figures": {"imdb": {"accuracy": 0.918}},
    "hyper_parameters": {"seed": 1},
    "torch_version": "2.13.0",
    "git_commit": "unknown",
    "format_version": 1,
    "default": True,
    "device": "cpu",
}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="predict",
        method="post",
        path="/predict",
        tag="predictions",
        summary="How texts feel",
        description=(
            "Either `text` or `texts`. Each text is read by the bundle of its language unless "
            "`model` names one; an answer does not depend on what else is read at the same time."
        ),
        body=Body(PredictRequest, one_of=("text", "texts")),
        answer=Answer(
            "One prediction for `text`; for `texts` one each, in order.",
            (Prediction, PredictResponse),
            headers=("Server-Timing",),
        ),
        errors=(*BODY, *NETWORK),
        examples=(
            Example("One text", _NEGATIVE, {"text": "This is not good at all."}),
            Example(
                "Texts of two languages",
                {"predictions": [_NEGATIVE, _POSITIVE]},
                {"texts": ["This is not good at all.", "정말 재미있어요, 강력 추천합니다"]},
            ),
        ),
    ),
    Operation(
        name="models",
        method="get",
        path="/models",
        tag="models",
        summary="The bundles that are served",
        answer=Answer("All of them, by name.", (ModelsResponse,)),
        examples=(Example("Models", {"models": [_MODEL]}),),
    ),
    Operation(
        name="model",
        method="get",
        path="/models/{name}",
        tag="models",
        summary="One bundle: labels, data, figures, recipe",
        parameters={"name": ModelName},
        answer=Answer("What is known of it.", (ServedModel,)),
        errors=(NOT_FOUND,),
        examples=(Example("Model", _MODEL, path={"name": "reviews-en"}),),
    ),
    Operation(
        name="livez",
        method="get",
        path="/livez",
        tag="health",
        summary="Whether the process answers",
        answer=Answer("It does.", media_type="text/plain"),
        examples=(Example("Alive", "ok\n"),),
    ),
    Operation(
        name="readyz",
        method="get",
        path="/readyz",
        tag="health",
        summary="Whether to send requests here",
        answer=Answer(
            "Bundles are loaded and warm, and it is not stopping.", media_type="text/plain"
        ),
        errors=(OverloadedError,),
        examples=(Example("Ready", "ok\n"),),
    ),
    Operation(
        name="openapi",
        method="get",
        path="/openapi.json",
        tag="contract",
        summary="This document",
        answer=Answer("OpenAPI 3.1.", (dict[str, Any],)),
        examples=(
            Example(
                "Document",
                {"openapi": "3.1.0", "info": {"title": "Manytone"}, "paths": {}},
            ),
        ),
    ),
    Operation(
        name="docs",
        method="get",
        path="/docs",
        tag="contract",
        summary="This document, to be read",
        answer=Answer("A page without scripts that asks for nothing else.", media_type="text/html"),
        examples=(Example("Page", "<!doctype html>…"),),
    ),
)
