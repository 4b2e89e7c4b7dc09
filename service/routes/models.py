"""`GET /models` and `GET /models/NAME`: what is served, and how good it is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, abort

from service.bundle import Bundle
from service.registry import Registry, Shelf
from service.routes.body import json_response
from service.swap import Swapper


def blueprint(registry: Registry, swapper: Swapper) -> Blueprint:
    routes = Blueprint("models", __name__)

    @routes.get("/models")
    def models() -> Response:
        now = registry.now
        served = [_described(bundle, now) for bundle in now]
        return json_response({"models": served, "problems": swapper.problems})

    @routes.get("/models/<name>")
    def model(name: str) -> Response:
        now = registry.now
        bundle = now.find(name)
        if bundle is None:
            abort(404)
        return json_response(_described(bundle, now))

    return routes


def _described(bundle: Bundle, shelf: Shelf) -> dict[str, Any]:
    return {
        **asdict(bundle.metadata),
        "default": bundle is shelf.default,
        "device": str(bundle.device),
    }
