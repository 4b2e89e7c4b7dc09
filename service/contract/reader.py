"""`/docs`: the OpenAPI document as one page, without scripts and without any other request."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from service.contract.description import JSON

_HERE = Path(__file__).parent

STYLE = (_HERE / "reader.css").read_text("utf-8")

# Nothing may be loaded or run but the one style sheet inside the page, known by its digest.
_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

_LIMITS = {
    "minLength": "at least {:,} characters",
    "maxLength": "at most {:,} characters",
    "minItems": "at least {:,} items",
    "maxItems": "at most {:,} items",
    "minimum": "at least {:,}",
    "maximum": "at most {:,}",
}


@dataclass(frozen=True)
class Row:
    """Of a table: a parameter, or a field."""

    name: str
    schema: dict[str, Any]
    required: bool
    meaning: str


# Stands in the page for the address that a reader asked. A shell takes it for a pattern, so that
# addresses are in quotation marks.
_BASE = "[BASE]"


def page(document: dict[str, Any]) -> str:
    """The page but for the address before every path, which `at` puts in: to make it takes as long
    as hundreds of answers.

    Args:
        document: OpenAPI, as `service.contract.document` makes it.
    """
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"prose": _prose, "shown": _shown, "limits": _limits}
    environment.globals |= {
        "resolved": lambda part: _resolved(document, part),
        "parameters": _parameters,
        "properties": _properties,
        "curl": _curl,
    }
    return environment.get_template("reader.html").render(document=document, style=Markup(STYLE))


def at(base: str, page: str) -> str:
    """
    Args:
        base: the address before every path, such as "http://127.0.0.1:8000".
        page: what the function of that name made.
    """
    quoted = base.replace("'", "'\\''")  # it stands in a shell's quotation marks
    return page.replace(_BASE, str(escape(quoted)))


def _prose(text: str) -> Markup:
    """
    >>> _prose("`text`\\n\\nor <b>")
    Markup('<p><code>text</code></p><p>or &lt;b&gt;</p>')
    """
    marked = re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text)))
    return Markup("".join(f"<p>{paragraph}</p>" for paragraph in marked.split("\n\n")))


def _limits(schema: dict[str, Any]) -> str:
    """
    >>> _limits({"type": "number", "minimum": 0, "maximum": 1})
    ' (at least 0, at most 1)'
    """
    found = [text.format(schema[key]) for key, text in _LIMITS.items() if key in schema]
    return f" ({', '.join(found)})" if found else ""


def _shown(example: Any) -> str:
    text = isinstance(example, str)
    return example if text else json.dumps(example, ensure_ascii=False, indent=2)


def _resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for."""
    if "$ref" not in part:
        return part
    found: Any = document
    for name in part["$ref"].split("/")[1:]:
        found = found[name]
    resolved: dict[str, Any] = found
    return resolved


def _parameters(parts: Iterable[dict[str, Any]]) -> list[Row]:
    """Those of one operation; what is only referred to belongs to all."""
    return [
        Row(
            part["name"],
            part["schema"],
            part.get("required", False),
            part.get("description") or part["schema"].get("description", ""),
        )
        for part in parts
        if "$ref" not in part
    ]


def _properties(schema: dict[str, Any]) -> list[Row]:
    return [
        Row(name, field, name in schema.get("required", ()), field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
    ]


def _curl(method: str, path: str, operation: dict[str, Any], key: str, accept: str) -> str:
    """The command that sends an operation's example.

    Args:
        accept: the media type to ask for, if need be.
    """
    for parameter in operation["parameters"]:
        if parameter.get("in") == "path":
            path = path.replace(f"{{{parameter['name']}}}", parameter["example"])
    command = f"curl -s {shlex.quote(_BASE + path)}"
    if method not in ("get", "post"):
        command += f" -X {method.upper()}"
    if accept:
        command += f" -H 'Accept: {accept}'"
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        if key in content.get("examples", ()):
            value = content["examples"][key]["value"]
            body = json.dumps(value, ensure_ascii=False) if media == JSON else value
            command += f" -H 'Content-Type: {media}' \\\n     -d {shlex.quote(body)}"
    return command
