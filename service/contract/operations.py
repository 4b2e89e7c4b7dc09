"""Every route that there is, on this page and on that of the protocols of others. A route that is
missing fails a test."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from service.contract.description import Answer, Body, Example, Operation
from service.contract.protocols import PROTOCOLS
from service.contract.refusals import JSON_BODY, NETWORK
from service.contract.shown import CLASSES, NEGATIVE, ONE_FORM, POSITIVE
from service.errors import NotFoundError, OverloadedError
from service.predictor import Explanation, Prediction
from service.routes.body import ModelName
from service.routes.explain import ExplainRequest
from service.routes.huggingface import Classes
from service.routes.models import ModelsResponse, ServedModel
from service.routes.predict import PredictRequest, PredictResponse

_MODEL = {
    "name": "reviews-en",
    "version": "1",
    "language": "en",
    "labels": ["negative", "positive"],
    "max_tokens": 1024,
    "pad_id": 0,
    "unk_id": 1,
    "datasets": [{"name": "imdb", "licence": "none stated, cite"}],
    "figures": {"imdb": {"accuracy": 0.9266}},
    "hyper_parameters": {"seed": 1},
    "torch_version": "2.13.0",
    "git_commit": "unknown",
    "format_version": 2,
    "default": True,
    "device": "cpu",
}

_READING = [
    {
        "text": text,
        "start": start,
        "end": start + len(text),
        "score": score,
        "added": added,
        "scores": {"negative": score, "positive": round(1 - score, 6)},
    }
    for text, start, score, added in (
        ("This", 0, 0.384025, -0.115975),
        ("is", 5, 0.465195, 0.08117),
        ("not", 8, 0.742703, 0.277508),
        ("good", 12, 0.954174, 0.211471),
        ("at", 17, 0.97157, 0.017396),
        ("all", 20, 0.971097, -0.000473),
        (".", 23, 0.970933, -0.000164),
    )
]
_EXPLANATION = {**NEGATIVE, "reading": _READING}

_PAGE_FILE = Annotated[str, Meta(description="Of what the page is made of.")]

_OWN: tuple[Operation, ...] = (
    Operation(
        name="predict",
        method="post",
        path="/predict",
        tag="predictions",
        summary="How texts feel",
        description=(
            "`text`, `texts` or `inputs`. Each text is read by the bundle of its language unless "
            "`model` names one; an answer does not depend on what else is read at the same time."
        ),
        body=Body(PredictRequest, rules=ONE_FORM),
        answer=Answer(
            "One prediction for `text`; for `texts` one each, in order. For `inputs` classes, from "
            "the most probable one to the least: those of one text, or, where `inputs` is a list "
            "or `parameters` came with it, a list of those of each.",
            (Prediction, PredictResponse, Classes, list[Classes]),
            headers=("Server-Timing",),
        ),
        errors=(*JSON_BODY, *NETWORK),
        examples=(
            Example("One text", NEGATIVE, {"text": "This is not good at all."}),
            Example(
                "Texts of two languages",
                {"predictions": [NEGATIVE, POSITIVE]},
                {"texts": ["This is not good at all.", "정말 재미있어요, 강력 추천합니다"]},
            ),
            Example("As Hugging Face has it", CLASSES, {"inputs": "This is not good at all."}),
        ),
    ),
    Operation(
        name="explain",
        method="post",
        path="/explain",
        tag="predictions",
        summary="How a text feels, and what made it so",
        description="The network read as many-to-many: what it thinks after each token.",
        body=Body(ExplainRequest),
        answer=Answer(
            "What `/predict` answers, and the way there.",
            (Explanation,),
            headers=("Server-Timing",),
        ),
        errors=(*JSON_BODY, *NETWORK),
        examples=(Example("Text", _EXPLANATION, {"text": "This is not good at all."}),),
    ),
    Operation(
        name="models",
        method="get",
        path="/models",
        tag="models",
        summary="The bundles that are served",
        description="Bundles may be swapped while the service runs: the next answer may differ.",
        answer=Answer("All of them, by name.", (ModelsResponse,)),
        examples=(Example("Models", {"models": [_MODEL], "problems": []}),),
    ),
    Operation(
        name="model",
        method="get",
        path="/models/{name}",
        tag="models",
        summary="One bundle: labels, data, figures, recipe",
        description="Its `version` tells whether it was swapped since.",
        parameters={"name": ModelName},
        answer=Answer("What is known of it.", (ServedModel,)),
        errors=(NotFoundError,),
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
        name="metrics",
        method="get",
        path="/metrics",
        tag="health",
        summary="Figures for Prometheus",
        description="Over all workers, whichever one is asked; the README has the list.",
        answer=Answer(
            "Prometheus' text format, or OpenMetrics where `Accept` prefers it.",
            media_type="text/plain",
            others={"application/openmetrics-text": str},
        ),
        examples=(
            Example(
                "A counter",
                "# HELP manytone_tokens_total Tokens read by the network, padding left out.\n"
                "# TYPE manytone_tokens_total counter\n"
                'manytone_tokens_total{model="reviews-en"} 1234.0\n',
            ),
        ),
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
    Operation(
        name="page",
        method="get",
        path="/",
        tag="page",
        summary="The page to try the service on",
        answer=Answer(
            "A page that asks for nothing from elsewhere.", media_type="text/html", cached=True
        ),
        examples=(Example("Page", "<!doctype html>…"),),
    ),
    Operation(
        name="page_file",
        method="get",
        path="/page/{name}",
        tag="page",
        summary="What the page is made of",
        parameters={"name": _PAGE_FILE},
        answer=Answer(
            "The file.",
            media_type="text/javascript",
            others={"text/css": str, "text/html": str, "image/svg+xml": str},
            cached=True,
        ),
        errors=(NotFoundError,),
        examples=(Example("File", "…", path={"name": "page.js"}),),
    ),
)

OPERATIONS = (*_OWN, *PROTOCOLS)
