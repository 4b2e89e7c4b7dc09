"""What can be said of a route that its types do not say.

A field is described where it is validated, in its struct, by `msgspec.Meta`. A limit is named there
by its setting, an enumeration of the served models by `MODELS`, of their versions by `VERSIONS`:

    Annotated[str, Meta(description="…", extra_json_schema={"maxLength": "MAX_CHARACTERS"})]

`service.contract.document` puts the values in, also behind a setting's name in any description.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from msgspec import Meta

from service.errors import RequestError
from service.problems import Problem

JSON = "application/json"

# What is neither JSON nor text.
Bytes = Annotated[str, Meta(extra_json_schema={"format": "binary"})]


@dataclass(frozen=True)
class Refusal:
    """An error that is no `RequestError`: Flask refuses, or the service fails."""

    status: int
    code: str
    when: str

    @classmethod
    def of(cls, error: type[RequestError] | Refusal) -> Refusal:
        """An error's first paragraph says when it comes."""
        if isinstance(error, Refusal):
            return error
        when = inspect.getdoc(error) or ""
        return cls(error.status, error.code, " ".join(when.split("\n\n")[0].split()))


@dataclass(frozen=True)
class Body:
    """A request's body.

    Args:
        type: of the JSON.
        rules: JSON Schema of what the type alone cannot say.
        others: other media types, and what is in them.
    """

    type: Any
    rules: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """A 200.

    Args:
        types: of which it is one; anything that msgspec can make a JSON Schema of. None: no body.
        others: other media types, and what is in them.
        headers: the names of those that only some routes send (`document.HEADERS`).
        cached: whether who has it already may ask whether it has changed, and is told a 304.
    """

    description: str
    types: tuple[Any, ...] = (str,)
    media_type: str = JSON
    others: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    cached: bool = False


@dataclass(frozen=True)
class Example:
    """A request that is answered, and what the answer is like.

    Args:
        request: the body; None where the method has none.
        path: values for the path's parameters.
        sent: the media type of the request.
        accept: the one that is asked for; else it is the answer's first.
    """

    summary: str
    answer: Any
    request: Any = None
    path: Mapping[str, str] | None = None
    sent: str = JSON
    accept: str = ""

    @property
    def key(self) -> str:
        return self.summary.lower().replace(" ", "-")


@dataclass(frozen=True)
class Operation:
    """A method on a path.

    Args:
        name: unique; generated clients call their function so.
        path: as in Flask, but with `{name}` for `<name>`.
        parameters: the path's, by name: a type whose `Meta` describes it.
        headers: those of the request that only this operation reads, by name: a type likewise.
        errors: those of its own; `service.contract.refusals` has the others.
        error_type: of their JSON.
    """

    name: str
    method: str
    path: str
    tag: str
    summary: str
    answer: Answer
    description: str = ""
    body: Body | None = None
    parameters: Mapping[str, Any] | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[type[RequestError] | Refusal, ...] = ()
    error_type: Any = Problem
    examples: tuple[Example, ...] = ()
