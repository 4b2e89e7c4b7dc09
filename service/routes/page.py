"""`GET /`: the page to try the service on, and `GET /page/NAME`: what it is made of.

The files of `service/page/` are served as they are, but for the limits on a request, which
`index.html` carries for its scripts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from string import Template

from flask import Blueprint, Response, abort, request

from service.settings import Settings

_FOLDER = Path(__file__).resolve().parent.parent / "page"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

# Nothing but the service's own files, and no HTML out of strings: what people type stays text.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)

_HEADERS = {
    "Cache-Control": "no-cache",  # to be asked for again: the ETag then spares its transfer
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True)
class _File:
    content: bytes
    content_type: str
    etag: str


def blueprint(settings: Settings) -> Blueprint:
    routes = Blueprint("page", __name__)
    # Editors and file managers leave files of their own behind.
    parts = (p for p in _FOLDER.iterdir() if p.suffix in _TYPES and not p.name.startswith("."))
    files = {path.name: _file(path, settings) for path in parts}

    @routes.get("/")
    def index() -> Response:
        return _response(files["index.html"])

    @routes.get("/page/<name>")
    def part(name: str) -> Response:
        if name not in files:
            abort(404)
        return _response(files[name])

    return routes


def _file(path: Path, settings: Settings) -> _File:
    content = path.read_bytes()
    if path.suffix == ".html":
        content = Template(content.decode()).substitute(vars(settings)).encode()
    return _File(content, _TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:32])


def _response(file: _File) -> Response:
    response = Response(file.content, content_type=file.content_type, headers=_HEADERS)
    response.set_etag(file.etag)
    # Its ETag is all that it can be asked by: it has no date.
    asked = {"HTTP_IF_NONE_MATCH": request.headers.get("If-None-Match")}
    response.make_conditional({"REQUEST_METHOD": request.method, **asked})
    return response
