"""`GET /openapi.json`: the contract. `GET /docs`: the same, to be read."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import Blueprint, Response, request

from service.contract import reader
from service.contract.document import openapi
from service.contract.operations import OPERATIONS
from service.registry import Registry
from service.routes.body import json_response
from service.settings import Settings


def blueprint(registry: Registry, settings: Settings) -> Blueprint:
    routes = Blueprint("contract", __name__)

    @lru_cache(maxsize=1)  # made again only when other bundles are served
    def made(models: tuple[tuple[str, str], ...]) -> dict[str, Any]:
        return openapi(OPERATIONS, settings, dict(models))

    def document() -> dict[str, Any]:
        return made(tuple((b.metadata.name, b.metadata.version) for b in registry))

    document()  # a mistake in a description stops the start, not a reader

    @routes.get("/openapi.json")
    def openapi_json() -> Response:
        return json_response(document())

    @routes.get("/docs")
    def docs() -> Response:
        page = reader.page(document(), request.host_url.rstrip("/"))
        response = Response(page, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = reader.CONTENT_SECURITY_POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return routes
