"""`GET /livez`: the process answers. `GET /readyz`: it is worth sending requests to."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response

from service.batcher import Batcher
from service.errors import OverloadedError


def blueprint(check_ready: Callable[[], None]) -> Blueprint:
    """
    Args:
        check_ready: raises an `OverloadedError` where requests should not be sent here.
    """
    routes = Blueprint("health", __name__)

    @routes.get("/livez")
    def livez() -> Response:
        return _ok()

    @routes.get("/readyz")
    def readyz() -> Response:
        check_ready()
        return _ok()

    return routes


def check_ready(batcher: Batcher, draining: Callable[[], bool]) -> None:
    """Bundles are loaded and warm before a worker serves anything at all (service/app.py).

    Args:
        draining: whether the worker has been told to stop.

    Raises:
        OverloadedError: requests should not be sent here.
    """
    if not batcher.alive:
        raise OverloadedError("The network's thread does not run; restart this worker.")
    if draining():
        raise OverloadedError("This worker is stopping; ask another one.")


def _ok() -> Response:
    return Response("ok\n", content_type="text/plain; charset=utf-8")
