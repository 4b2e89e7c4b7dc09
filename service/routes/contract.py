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

    # Both are made again only when other bundles are served.
    @lru_cache(maxsize=1)
    def made(models: tuple[tuple[str, str], ...]) -> dict[str, Any]:
        return openapi(OPERATIONS, settings, dict(models))

    @lru_cache(maxsize=1)
    def page_of(models: tuple[tuple[str, str], ...]) -> str:
        return reader.page(made(models))

    def models() -> tuple[tuple[str, str], ...]:
        return tuple((b.metadata.name, b.metadata.version) for b in registry)

    made(models())  # a mistake in a description stops the start, not a reader

    @routes.get("/openapi.json")
    def openapi_json() -> Response:
        return json_response(made(models()))

    @routes.get("/docs")
    def docs() -> Response:
        page = reader.at(request.host_url.rstrip("/"), page_of(models()))
        response = Response(page, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = reader.CONTENT_SECURITY_POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return routes
