"""What the inference protocols of version 1 (`/v1`) and 2 (`/v2`) have in common.

A model is called by its name and, if need be, its version, and an error is `{"error": "…"}`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from flask import Blueprint, Response, request
from msgspec import Meta

from service.bundle import Bundle
from service.errors import NotFoundError
from service.registry import Registry


class PlainError(msgspec.Struct):
    """Any error, as the protocols have it."""

    error: Annotated[str, Meta(description="Where it is wrong, what happened and what to do.")]


Version = Annotated[
    str,
    Meta(description="The bundle's own.", extra_json_schema={"enum": "VERSIONS"}),
]


def find_model(registry: Registry, name: str, version: str | None) -> Bundle:
    """
    Args:
        version: None is whichever there is.

    Raises:
        NotFoundError: there is no such bundle.
    """
    now = registry.now
    bundle = now.find(name)
    if bundle is None:
        known = ", ".join(bundle.metadata.name for bundle in now)
        raise NotFoundError(f"No model {name!r}; there are: {known}.")
    if version not in (None, bundle.metadata.version):
        raise NotFoundError(
            f"No version {version!r} of {name}; there is: {bundle.metadata.version}."
        )
    return bundle


def answer_errors(routes: Blueprint, prefix: str) -> None:
    """Put every problem document under a path in the protocols' words.

    Unknown paths and wrong methods belong to no blueprint, so all answers of the application pass
    here.

    Args:
        prefix: where the protocol begins, such as "/v2".
    """
    inside = f"{prefix}/"

    @routes.after_app_request
    def put_plainly(response: Response) -> Response:
        refused = response.status_code >= 400 and f"{request.path}/".startswith(inside)
        if refused and response.content_type == "application/problem+json":
            _put_plainly(response)
        return response


class _Pointed(msgspec.Struct):
    pointer: str


class _Problem(msgspec.Struct):
    detail: str
    errors: list[_Pointed] = []


def _put_plainly(response: Response) -> None:
    problem = msgspec.json.decode(response.get_data(), type=_Problem)
    places = "".join(f"{error.pointer}: " for error in problem.errors if error.pointer)
    if response.status_code == 422:
        response.status_code = 400  # the protocols tell what is wrong with a request by this one
    response.set_data(msgspec.json.encode(PlainError(places + problem.detail)))
    response.content_type = "application/json"
