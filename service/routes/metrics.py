"""`GET /metrics`: what Prometheus asks for."""

from __future__ import annotations

from flask import Blueprint, Response, request

from service.metrics import Metrics


def blueprint(metrics: Metrics) -> Blueprint:
    routes = Blueprint("metrics", __name__)

    @routes.get("/metrics")
    def page() -> Response:
        body, content_type = metrics.page(request.headers.get("Accept", ""))
        return Response(body, content_type=content_type)

    return routes
