"""OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1) from the types that validate and answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from service import __version__
from service.access import is_open
from service.contract.description import JSON, Body, Example, Operation, Refusal
from service.contract.refusals import CLOSED, CONNECTION, EVERYWHERE, REFUSALS
from service.errors import InvalidFieldError, RequestError
from service.problems import Problem, problem
from service.routes.protocols import PlainError
from service.settings import Rate, Settings

Schema = dict[str, Any]

ABOUT = """\
Reads a review, in English or Korean, and says how it feels.

Bodies are JSON in UTF-8: at most MAX_BODY_BYTES bytes, MAX_TEXTS texts of MAX_CHARACTERS characters
(Unicode code points) each. What is not answered within DEADLINE_SECONDS seconds is refused.

Every error is a problem document (RFC 9457): `code` is for programs, `detail` for people. Below
`/v1` and `/v2` it is `{"error": "…"}`, as those protocols have it. An unknown path is a 404
(`not-found`); a method that a path does not take is a 405 (`method-not-allowed`) whose `Allow`
names those it takes. GET implies HEAD, and every path takes OPTIONS. What is refused before a path
is known, because it is no HTTP, too slow to come, too large in its headers or one connection too
many, is a problem document everywhere, and has no `X-Request-Id`.

Where the service has API keys, every path asks for one, in either of two headers, but for those
that say otherwise; where it has none, a key that is sent is not looked at. Where it has a
RATE_LIMIT, what it counts is told in `RateLimit-Limit`, `RateLimit-Remaining` and
`RateLimit-Reset`."""

# What a client may send with every request.
PARAMETERS: Mapping[str, Schema] = {
    "X-Request-Id": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "A name for this request, to find it again in the log: up to 128 printable "
        "ASCII characters without spaces. Another one is not refused, but gets a new name.",
        "schema": {"type": "string"},
        "example": "7f3c9a52",
    }
}

HEADERS: Mapping[str, Schema] = {
    "X-Request-Id": {
        "description": "The request's own, or one made for it.",
        "required": True,
        "schema": {"type": "string"},
        "example": "7f3c9a52",
    },
    "Server-Timing": {
        "description": "Milliseconds in the queue, in the tokenizer and in the network.",
        "required": True,
        "schema": {"type": "string"},
        "example": "queue;dur=0.214, tokenize;dur=0.082, network;dur=2.002",
    },
    "Retry-After": {
        "description": "Seconds after which to come back.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
        "example": 1,
    },
    "WWW-Authenticate": {
        "description": "How to send a key (RFC 6750).",
        "required": True,
        "schema": {"type": "string"},
        "example": "Bearer",
    },
    "RateLimit-Limit": {
        "description": "With RATE_LIMIT: the requests of its tightest part.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 100,
    },
    "RateLimit-Remaining": {
        "description": "With RATE_LIMIT: how many of them may be sent now.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 99,
    },
    "RateLimit-Reset": {
        "description": "With RATE_LIMIT: seconds until all of them may be sent again.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    },
    "ETag": {
        "description": "Changes with the content.",
        "required": True,
        "schema": {"type": "string"},
        "example": '"2b1c0a4f"',
    },
    "Inference-Header-Content-Length": {
        "description": "How many bytes of the answer are JSON, where tensors stand behind it.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 178,
    },
    "Allow": {
        "description": "The methods that the path takes.",
        "required": True,
        "schema": {"type": "string"},
        "example": "POST, OPTIONS",
    },
}
_ON_EVERY_ANSWER = ("X-Request-Id",)
_COUNTED = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_ON_AN_ERROR = {
    401: ("WWW-Authenticate",),
    405: (*_COUNTED, "Allow"),
    429: (*_COUNTED, "Retry-After"),
    503: (*_COUNTED, "Retry-After"),
}

_IF_NONE_MATCH: Schema = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of what the client has.",
    "schema": {"type": "string"},
}

KEYS: Mapping[str, Schema] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, as in `Authorization: Bearer KEY`.",
    },
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same key, for clients whose `Authorization` is meant for a proxy.",
    },
}

# The errors' types, and what their responses are called.
_ERRORS = {Problem: "Problem", PlainError: "PlainError"}


def openapi(
    operations: Iterable[Operation], settings: Settings, models: Mapping[str, str]
) -> dict[str, Any]:
    """
    Args:
        models: the names of the bundles that are served, and their versions.

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
        "paths": _paths(operations, schemas, settings),
        "components": {
            "schemas": schemas.components,
            "responses": _errors(operations),
            "parameters": dict(PARAMETERS),
            "headers": dict(HEADERS),
            "securitySchemes": dict(KEYS),
        },
    }
    served = {"MODELS": list(models), "VERSIONS": sorted(set(models.values()))}
    filled: dict[str, Any] = _filled(document, settings, served)
    return filled


class Schemas:
    """The JSON Schema of every type that an operation names, made by msgspec in one go."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        types = [*_ERRORS, *(type_ for operation in operations for type_ in _types(operation))]
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
    body, answer = operation.body, operation.answer
    sent = [body.type, *body.others.values()] if body else []
    parameters = {**(operation.parameters or {}), **operation.headers}
    return [*sent, *answer.types, *answer.others.values(), *parameters.values()]


def all_errors() -> list[Refusal]:
    """Whatever a problem document may tell of, by status."""
    errors = [*map(Refusal.of, RequestError.__subclasses__()), *REFUSALS]
    return sorted(errors, key=lambda error: (error.status, error.code))


def _paths(operations: Iterable[Operation], schemas: Schemas, settings: Settings) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for operation in operations:
        shown = _operation(operation, schemas, settings)
        paths.setdefault(operation.path, {})[operation.method] = shown
    return paths


def _operation(operation: Operation, schemas: Schemas, settings: Settings) -> dict[str, Any]:
    errors = sorted(_refused(operation), key=lambda error: error[1])
    shown: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": _parameters(operation, schemas),
        "responses": {
            "200": _answer(operation, schemas),
            **({"304": _not_modified()} if operation.answer.cached else {}),
            **{str(s): _ref("responses", f"{_ERRORS[type_]}{s}") for type_, s in errors},
        },
        "security": _security(operation, settings),
    }
    if operation.description:
        shown["description"] = operation.description
    if operation.body:
        shown["requestBody"] = _body(operation.body, operation, schemas)
    return shown


def _is_open(operation: Operation) -> bool:
    return is_open(operation.method.upper(), operation.path)


def _security(operation: Operation, settings: Settings) -> list[Schema]:
    """Either key; where the service has no keys, or none (docs/decisions/0009-contract.md)."""
    if _is_open(operation):
        return []
    keys: list[Schema] = [{name: []} for name in KEYS]
    return keys if settings.api_keys or settings.api_keys_file else [{}, *keys]


def _refused(operation: Operation) -> set[tuple[Any, int]]:
    """The types and statuses of its errors."""
    access = () if _is_open(operation) else CLOSED
    errors = map(Refusal.of, (*operation.errors, *access, *EVERYWHERE))
    type_ = operation.error_type
    return {
        *((type_, _status(error, type_)) for error in errors),
        *((Problem, error.status) for error in CONNECTION),
    }


def _status(error: Refusal, error_type: Any) -> int:
    # The protocols tell what is wrong with a request by one status (service/routes/protocols.py).
    return 400 if error_type is PlainError and error.status == 422 else error.status


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
    in_header = [
        {"name": name, "in": "header", "schema": schemas[type_]}
        for name, type_ in operation.headers.items()
    ]
    if operation.answer.cached:
        in_header.append(_IF_NONE_MATCH)
    return [*in_path, *in_header, *(_ref("parameters", name) for name in PARAMETERS)]


def _body(body: Body, operation: Operation, schemas: Schemas) -> dict[str, Any]:
    schema = schemas[body.type]
    schemas.components[schema["$ref"].rpartition("/")[2]].update(body.rules)
    by_media = {JSON: schema, **{media: schemas[type_] for media, type_ in body.others.items()}}
    examples = operation.examples
    return {
        "description": "At most MAX_BODY_BYTES bytes.",
        "required": True,
        "content": {
            media: _content(schema, [(e, e.request) for e in examples if e.sent == media])
            for media, schema in by_media.items()
        },
    }


def _answer(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    answer = operation.answer
    counted = () if _is_open(operation) else _COUNTED
    cached = ("ETag",) if answer.cached else ()
    shown: dict[str, Any] = {
        "description": answer.description,
        "headers": _headers((*_ON_EVERY_ANSWER, *counted, *cached, *answer.headers)),
    }
    if answer.types:
        found = [schemas[type_] for type_ in answer.types]
        by_media = {
            answer.media_type: found[0] if len(found) == 1 else {"anyOf": found},
            **{media: schemas[type_] for media, type_ in answer.others.items()},
        }
        shown["content"] = {
            media: _content(schema, _answers(operation, media))
            for media, schema in by_media.items()
        }
    return shown


def _answers(operation: Operation, media: str) -> list[tuple[Example, Any]]:
    first = operation.answer.media_type
    return [(e, e.answer) for e in operation.examples if (e.accept or first) == media]


def _content(schema: Schema, examples: list[tuple[Example, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schema}
    if examples:
        content["examples"] = {
            example.key: {"summary": example.summary, "value": value} for example, value in examples
        }
    return content


def _not_modified() -> dict[str, Any]:
    return {
        "description": "It is what the client has: its `ETag` is in `If-None-Match`.",
        "headers": _headers((*_ON_EVERY_ANSWER, "ETag")),
    }


def _errors(operations: Iterable[Operation]) -> dict[str, Any]:
    """A response per type and status that there is."""
    used = {error for operation in operations for error in _refused(operation)}
    unknown = {(op.error_type, status) for op in operations for status in (404, 405)}
    by_response: dict[tuple[Any, int], list[Refusal]] = {}
    for type_ in _ERRORS:
        for error in all_errors():
            by_response.setdefault((type_, _status(error, type_)), []).append(error)
    return {
        f"{_ERRORS[type_]}{status}": _error(type_, status, errors)
        for (type_, status), errors in by_response.items()
        if (type_, status) in used | unknown
    }


def _error(type_: Any, status: int, errors: list[Refusal]) -> dict[str, Any]:
    show = _problem if type_ is Problem else _plain_error
    shown = show(status, errors)
    if status not in {error.status for error in CONNECTION}:
        names = (*_ON_EVERY_ANSWER, *_ON_AN_ERROR.get(status, _COUNTED))
        shown["headers"] = _headers(names)
    return shown


def _problem(status: int, errors: list[Refusal]) -> dict[str, Any]:
    narrowed = {"status": {"const": status}, "code": {"enum": [error.code for error in errors]}}
    return {
        "description": " ".join(f"`{error.code}`: {error.when}" for error in errors),
        "content": {
            "application/problem+json": {
                "schema": {**_ref("schemas", "Problem"), "properties": narrowed},
                "examples": {error.code: {"value": _example(error)} for error in errors},
            }
        },
    }


def _plain_error(status: int, errors: list[Refusal]) -> dict[str, Any]:
    return {
        "description": " ".join(error.when for error in errors),
        "content": {
            JSON: {
                "schema": _ref("schemas", "PlainError"),
                "examples": {error.code: {"value": {"error": error.when}} for error in errors},
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


def _filled(part: Any, settings: Settings, served: Mapping[str, list[str]]) -> Any:
    """The document with the settings' values where it names them."""
    if isinstance(part, list):
        return [_filled(item, settings, served) for item in part]
    if not isinstance(part, dict):
        return part
    return {key: _value(key, value, settings, served) for key, value in part.items()}


def _value(key: str, value: Any, settings: Settings, served: Mapping[str, list[str]]) -> Any:
    if key in ("maxLength", "maxItems") and isinstance(value, str):
        return getattr(settings, value.lower())
    if key == "enum" and isinstance(value, str):
        return served[value]
    if key == "description" and isinstance(value, str):
        return re.sub(r"\b[A-Z]+(_[A-Z]+)+\b", lambda name: _named(name[0], settings), value)
    return value if key == "value" else _filled(value, settings, served)  # examples stay


def _named(name: str, settings: Settings) -> str:
    """
    >>> _named("MAX_BODY_BYTES", settings), _named("RATE_LIMIT", settings)
    ('MAX_BODY_BYTES (4,194,304)', 'RATE_LIMIT (100/minute)')
    """
    value = getattr(settings, name.lower())
    if isinstance(value, int):
        return f"{name} ({value:,})"
    if isinstance(value, float):
        return f"{name} ({value:g})"
    # Anything else but rates may be a secret.
    parts = value if isinstance(value, tuple) else ()
    rates = [str(rate) for rate in parts if isinstance(rate, Rate)]
    return f"{name} ({'; '.join(rates)})" if rates else name
