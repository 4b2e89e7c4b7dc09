"""Flask, with a shorter way from a request to its route."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from flask import Flask, Request
from werkzeug.routing import MapAdapter
from werkzeug.sansio.utils import get_host

# A name has 253 characters at most (RFC 1035), and a port behind it. Longer ones are not kept.
_HOST_CHARACTERS = 260
_PORT_DIGITS = 5


class Application(Flask):
    """Routes here are the same for all hosts and subdomains, so that of the address only the path
    has to be taken apart: a fifth of what Flask costs a request."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func  # nothing here is a coroutine, and to ask takes time

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        if request is None:
            return super().create_url_adapter(None)
        environ = request.environ
        scheme, path = environ["wsgi.url_scheme"], environ["PATH_INFO"]
        port = environ["SERVER_PORT"]  # a proxy's client may have made it up
        is_port = port.isdecimal() and port.isascii() and len(port) <= _PORT_DIGITS
        server = environ["SERVER_NAME"], int(port) if is_port else None
        named = environ.get("HTTP_HOST")
        too_long = named is not None and len(named) > _HOST_CHARACTERS
        request.host = "" if too_long else _host(scheme, named, server)
        if not path.isascii():
            path = path.encode("latin-1").decode(errors="replace")  # as PEP 3333 packs UTF-8
        return MapAdapter(
            self.url_map,
            request.host,
            environ["SCRIPT_NAME"],
            "",
            scheme,
            path,
            environ["REQUEST_METHOD"],
            environ["QUERY_STRING"],
        )


@lru_cache(1_024)  # clients name the same host in all requests
def _host(scheme: str, named: str | None, server: tuple[str, int | None]) -> str:
    """What the client calls this host; "" if no host can be called so."""
    return get_host(scheme, named, server)
