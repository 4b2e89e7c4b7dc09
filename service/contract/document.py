"""OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1) from the types that validate and answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from service import __version__
from service.contract.description import JSON, Body, Operation, Refusal
from service.contract.operations import INTERNAL, REFUSALS
from service.errors import InvalidFieldError, RequestError
from service.problems import Problem, problem
from service.settings import Settings

Schema = dict[str, Any]

ABOUT = """\
Reads a review, in English or Korean, and says how it feels.

Bodies are JSON in UTF-8: at most MAX_BODY_BYTES bytes, MAX_TEXTS texts of MAX_CHARACTERS characters
(Unicode code points) each. What is not answered within DEADLINE_SECONDS seconds is refused.

Every error is a problem document (RFC 9457): `code` is for programs, `detail` for people. An
unknown path is a 404 (`not-found`); a method that a path does not take is a 405
(`method-not-allowed`) whose `Allow` names those it takes. GET implies HEAD, and every path takes
OPTIONS. Only what is no HTTP at all is refused in the server's own words."""

# Errors of every operation.
EVERYWHERE: tuple[type[RequestError] | Refusal, ...] = (INTERNAL,)

# What a client may send with every request.
PARAMETERS: Mapping[str, Schema] = {
    "X-Request-Id": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "A name for this request, to find it again in the log.",
        "schema": {"type": "string"},
        "example": "7f3c9a52",
    }
}

HEADERS: Mapping[str, Schema] = {
    "X-Request-Id": {
        "description": "The request's own, or one made for it.",
        "schema": {"type": "string"},
        "example": "7f3c9a52",
    },
    "Server-Timing": {
        "description": "Milliseconds in the queue, in the tokeniser and in the network.",
        "schema": {"type": "string"},
        "example": "queue;dur=0.4, tokenise;dur=0.1, network;dur=2.3",
    },
    "Retry-After": {
        "description": "Seconds after which to come back.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
        "example": 1,
    },
    "Allow": {
        "description": "The methods that the path takes.",
        "required": True,
        "schema": {"type": "string"},
        "example": "POST, OPTIONS",
    },
}
_ON_EVERY_ANSWER = ("X-Request-Id",)
_ON_A_PROBLEM = {405: ("Allow",), 503: ("Retry-After",)}


def openapi(
    operations: Iterable[Operation], settings: Settings, models: Sequence[str]
) -> dict[str, Any]:
    """
    Args:
        models: the names of the bundles that are served.

    Returns:
        The document, of what `json.dumps` takes.
    """
    operations = tuple(operations)
    schemas = Schemas(operations)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Manytone",
            "version": __version__,
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(op.tag for op in operations)],
        "paths": _paths(operations, schemas),
        "components": {
            "schemas": schemas.components,
            "responses": _problems(),
            "parameters": dict(PARAMETERS),
            "headers": dict(HEADERS),
        },
    }
    filled: dict[str, Any] = _filled(document, settings, list(models))
    return filled


class Schemas:
    """The JSON Schema of every type that an operation names, made by msgspec in one go."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        types = [Problem, *(type_ for operation in operations for type_ in _types(operation))]
        schemas, components = msgspec.json.schema_components(
            types, ref_template="#/components/schemas/{name}"
        )
        self.components: dict[str, Schema] = components
        self.components["Problem"]["properties"]["code"]["enum"] = sorted(
            {error.code for error in all_errors()}
        )
        self._known = list(zip(types, schemas, strict=True))

    def __getitem__(self, type_: Any) -> Schema:
        return next(schema for known, schema in self._known if known == type_)


def _types(operation: Operation) -> list[Any]:
    body = [operation.body.type] if operation.body else []
    return [*body, *operation.answer.types, *(operation.parameters or {}).values()]


def all_errors() -> list[Refusal]:
    """Whatever a problem document may tell of, by status."""
    errors = [*map(Refusal.of, RequestError.__subclasses__()), *REFUSALS]
    return sorted(errors, key=lambda error: (error.status, error.code))


def _paths(operations: Iterable[Operation], schemas: Schemas) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, schemas)
    return paths


def _operation(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    errors = [Refusal.of(error) for error in (*operation.errors, *EVERYWHERE)]
    shown: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": _parameters(operation, schemas),
        "responses": {
            "200": _answer(operation, schemas),
            **{str(status): _ref("responses", f"Problem{status}") for status in _statuses(errors)},
        },
    }
    if operation.description:
        shown["description"] = operation.description
    if operation.body:
        shown["requestBody"] = _body(operation.body, operation, schemas)
    return shown


def _statuses(errors: Iterable[Refusal]) -> list[int]:
    return sorted({error.status for error in errors})


def _parameters(operation: Operation, schemas: Schemas) -> list[dict[str, Any]]:
    examples = {
        name: value
        for example in operation.examples
        for name, value in (example.path or {}).items()
    }
    in_path = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": schemas[type_],
            "example": examples[name],
        }
        for name, type_ in (operation.parameters or {}).items()
    ]
    return [*in_path, *(_ref("parameters", name) for name in PARAMETERS)]


def _body(body: Body, operation: Operation, schemas: Schemas) -> dict[str, Any]:
    schema = schemas[body.type]
    if body.one_of:
        name = schema["$ref"].rpartition("/")[2]
        schemas.components[name]["oneOf"] = [{"required": [field]} for field in body.one_of]
    examples = {
        example.key: {"summary": example.summary, "value": example.request}
        for example in operation.examples
    }
    return {
        "description": "At most MAX_BODY_BYTES bytes.",
        "required": True,
        "content": {JSON: {"schema": schema, "examples": examples}},
    }


def _answer(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    answer = operation.answer
    shown: dict[str, Any] = {
        "description": answer.description,
        "headers": _headers((*_ON_EVERY_ANSWER, *answer.headers)),
    }
    if answer.types:
        found = [schemas[type_] for type_ in answer.types]
        schema = found[0] if len(found) == 1 else {"oneOf": found}
        examples = {
            example.key: {"summary": example.summary, "value": example.answer}
            for example in operation.examples
        }
        shown["content"] = {answer.media_type: {"schema": schema, "examples": examples}}
    return shown


def _problems() -> dict[str, Any]:
    """One response per status."""
    by_status = groupby(all_errors(), key=lambda error: error.status)
    return {f"Problem{status}": _problem(status, list(errors)) for status, errors in by_status}


def _problem(status: int, errors: list[Refusal]) -> dict[str, Any]:
    narrowed = {"status": {"const": status}, "code": {"enum": [error.code for error in errors]}}
    return {
        "description": " ".join(f"`{error.code}`: {error.when}" for error in errors),
        "headers": _headers((*_ON_EVERY_ANSWER, *_ON_A_PROBLEM.get(status, ()))),
        "content": {
            "application/problem+json": {
                "schema": {**_ref("schemas", "Problem"), "properties": narrowed},
                "examples": {error.code: {"value": _example(error)} for error in errors},
            }
        },
    }


def _example(error: Refusal) -> Any:
    if error.code != InvalidFieldError.code:
        return msgspec.to_builtins(problem(error.status, error.code, error.when))
    detail = "Expected a string, got a number."
    return msgspec.to_builtins(problem(error.status, error.code, detail, "/texts/1"))


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: _ref("headers", name) for name in names}


def _ref(kind: str, name: str) -> Schema:
    return {"$ref": f"#/components/{kind}/{name}"}


def _filled(part: Any, settings: Settings, models: list[str]) -> Any:
    """The document with the settings' values where it names them."""
    if isinstance(part, list):
        return [_filled(item, settings, models) for item in part]
    if not isinstance(part, dict):
        return part
    return {key: _value(key, value, settings, models) for key, value in part.items()}


def _value(key: str, value: Any, settings: Settings, models: list[str]) -> Any:
    if key in ("maxLength", "maxItems") and isinstance(value, str):
        return getattr(settings, value.lower())
    if key == "enum" and value == "MODELS":
        return models
    if key == "description" and isinstance(value, str):
        return re.sub(r"\b[A-Z]+(_[A-Z]+)+\b", lambda name: _named(name[0], settings), value)
    return value if key == "value" else _filled(value, settings, models)  # examples stay


def _named(name: str, settings: Settings) -> str:
    """
    >>> _named("MAX_BODY_BYTES", settings)
    'MAX_BODY_BYTES (4,194,304)'
    """
    value = getattr(settings, name.lower())
    return f"{name} ({value:,})" if isinstance(value, int) else f"{name} ({value:g})"
