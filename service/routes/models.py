"""`GET /models` and `GET /models/NAME`: what is served, and how good it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from flask import Blueprint, Response, abort
from msgspec import Meta, Struct

from service.bundle import Bundle, Metadata
from service.registry import Registry, Shelf
from service.routes.body import json_response
from service.swap import FileProblem, Swapper


@dataclass(frozen=True, kw_only=True)
class ServedModel(Metadata):
    """A bundle's metadata, and how it is served."""

    default: Annotated[
        bool, Meta(description="Reads every text that is not Korean, and all if no bundle is.")
    ]
    device: Annotated[str, Meta(description="Where its network runs: `cpu`, `cuda:0`.")]


class ModelsResponse(Struct):
    """All bundles that are served."""

    models: Annotated[list[ServedModel], Meta(description="By name.")]
    problems: Annotated[
        list[FileProblem], Meta(description="Files of the folder that are not what is served.")
    ]


def blueprint(registry: Registry, swapper: Swapper) -> Blueprint:
    routes = Blueprint("models", __name__)

    @routes.get("/models")
    def models() -> Response:
        now = registry.now
        served = [_served(bundle, now) for bundle in now]
        return json_response(ModelsResponse(served, swapper.problems))

    @routes.get("/models/<name>")
    def model(name: str) -> Response:
        now = registry.now
        bundle = now.find(name)
        if bundle is None:
            abort(404)
        return json_response(_served(bundle, now))

    return routes


def _served(bundle: Bundle, shelf: Shelf) -> ServedModel:
    return ServedModel(
        **vars(bundle.metadata), default=bundle is shelf.default, device=str(bundle.device)
    )
