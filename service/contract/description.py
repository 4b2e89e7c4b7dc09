"""What can be said of a route that its types do not say.

A field is described where it is validated, in its struct, by `msgspec.Meta`. A limit is named there
by its setting, and an enumeration of the served models by `MODELS`:

    Annotated[str, Meta(description="…", extra_json_schema={"maxLength": "MAX_CHARACTERS"})]

`service.contract.document` puts the values in, also behind a setting's name in any description.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.errors import RequestError

JSON = "application/json"


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
    """A request's JSON.

    Args:
        one_of: the fields of which a request has exactly one; its type alone cannot say that.
    """

    type: Any
    one_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """A 200.

    Args:
        types: of which it is one; anything that msgspec can make a JSON Schema of. None: no body.
        headers: the names of those that only some routes send (`document.HEADERS`).
    """

    description: str
    types: tuple[Any, ...] = (str,)
    media_type: str = JSON
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Example:
    """A request that is answered, and what the answer is like.

    Args:
        request: the body; None where the method has none.
        path: values for the path's parameters.
    """

    summary: str
    answer: Any
    request: Any = None
    path: Mapping[str, str] | None = None

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
        errors: those of its own; `document.EVERYWHERE` has the others.
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
    errors: tuple[type[RequestError] | Refusal, ...] = ()
    examples: tuple[Example, ...] = ()
