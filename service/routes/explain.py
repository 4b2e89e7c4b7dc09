"""`POST /explain`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from flask import Blueprint, Response
from msgspec import Meta

from service.predictor import Predictor
from service.routes.body import ModelName, Text, check_text, decoded, json_body, json_response
from service.settings import Settings


class ExplainRequest(msgspec.Struct, forbid_unknown_fields=True):
    """One text; `model` names the bundle."""

    text: Text
    model: Annotated[
        ModelName | None, Meta(description="The bundle to ask, instead of one by language.")
    ] = None


_decoder = msgspec.json.Decoder(ExplainRequest)


def blueprint(predictor: Predictor, settings: Settings) -> Blueprint:
    routes = Blueprint("explain", __name__)

    @routes.post("/explain")
    def explain() -> Response:
        asked = decoded(_decoder, json_body(), example='{"text": "…"}')
        check_text(asked.text, "/text", settings)
        return json_response(predictor.explain(asked.text, asked.model))

    return routes
