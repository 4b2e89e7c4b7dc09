"""`GET /models` and `GET /models/NAME`: what is served, and how good it is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, abort

from service.bundle import Bundle
from service.registry import Registry
from service.routes.body import json_response


def blueprint(registry: Registry) -> Blueprint:
    routes = Blueprint("models", __name__)

    @routes.get("/models")
    def models() -> Response:
        return json_response({"models": [_described(bundle, registry) for bundle in registry]})

    @routes.get("/models/<name>")
    def model(name: str) -> Response:
        bundle = registry.find(name)
        if bundle is None:
            abort(404)
        return json_response(_described(bundle, registry))

    return routes


def _described(bundle: Bundle, registry: Registry) -> dict[str, Any]:
    return {
        **asdict(bundle.metadata),
        "default": bundle is registry.default,
        "device": str(bundle.device),
    }
