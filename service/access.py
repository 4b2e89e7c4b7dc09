"""Who may ask, how often, and from which pages: keys, rate limits, CORS.

Keys, limits and CORS are off by default, and what is off is in no request's way.
"""

from __future__ import annotations

import logging

from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from service.errors import RateLimitedError, UnauthorizedError
from service.keys import Keys
from service.settings import Settings

log = logging.getLogger(__name__)

# What everybody may GET, and no limit counts: what a health check, a browser that opens the page or
# a reader of the documentation asks for. All else is closed, also what is not there.
OPEN_PATHS = frozenset(
    {
        "/",
        "/docs",
        "/favicon.ico",
        "/livez",
        "/openapi.json",
        "/ping",
        "/readyz",
        "/v2/health/live",
        "/v2/health/ready",
    }
)
OPEN_FOLDERS = ("/page/",)

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST",
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Encoding, Content-Type, Inference-Header-Content-Length, "
        "Traceparent, X-API-Key, X-Request-Id"
    ),
    "Access-Control-Max-Age": "7200",  # seconds; browsers cut what is longer
}
_EXPOSED = (
    "Inference-Header-Content-Length, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, "
    "Retry-After, Server-Timing, WWW-Authenticate, X-Request-Id"
)


def register(app: Flask, settings: Settings) -> None:
    """
    Raises:
        StartError: the keys or the storage of the limits cannot be used.
    """
    if settings.proxies:
        # Only the last entries are the proxies' own; what stands before them anybody can send.
        n = settings.proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=n, x_proto=n, x_host=n
        )
    # In this order: a browser asks whether it may ask without a key, and only who has one counts.
    if settings.cors_origins:
        allow_origins(app, settings.cors_origins)
    if settings.api_keys or settings.api_keys_file:
        require_keys(app, Keys(settings.api_keys, settings.api_keys_file))
    if settings.rate_limit:
        limit_rates(app, settings)


def require_keys(app: Flask, keys: Keys) -> None:
    """Let in who has a key, and leave its name in `g.client`."""
    log.info("API keys: %d valid", len(keys))

    @app.before_request
    def check_key() -> None:
        if is_open(request.method, request.path):
            return
        key = _presented_key()
        if key is None:
            raise UnauthorizedError(
                "This needs an API key: send the header Authorization: Bearer KEY, or X-API-Key.",
                "Bearer",
            )
        name = keys.name_of(key)
        if name is None:
            raise UnauthorizedError("The API key is not valid.", 'Bearer error="invalid_token"')
        g.client = name


def limit_rates(app: Flask, settings: Settings) -> None:
    """Refuse who asks too often, and tell everybody how often they still may."""
    # It takes longer to import than all else here, and few need it.
    from service.limits import RateLimits, network_of

    limits = RateLimits(settings.rate_limit, settings.rate_limit_storage)

    @app.before_request
    def count_request() -> None:
        if is_open(request.method, request.path):
            return
        name = g.get("client")
        client = f"key:{name}" if name else f"address:{network_of(request.remote_addr or '')}"
        g.count = count = limits.count(client)
        if count.refused:
            raise RateLimitedError(
                f"Too many requests: {count.rate} is what RATE_LIMIT allows. Come again in "
                f"{count.retry_seconds} s.",
                count.retry_seconds,
            )

    @app.after_request
    def tell_count(response: Response) -> Response:
        count = g.get("count")
        if count is not None:
            response.headers["RateLimit-Limit"] = str(count.rate.requests)
            response.headers["RateLimit-Remaining"] = str(count.remaining)
            response.headers["RateLimit-Reset"] = str(count.reset_seconds)
        return response


def allow_origins(app: Flask, origins: tuple[str, ...]) -> None:
    """Let the pages of these origins read the answers (https://fetch.spec.whatwg.org, CORS).

    Args:
        origins: exact ones such as "https://app.example", or "*" alone.
    """

    @app.before_request
    def answer_preflight() -> Response | None:
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        allowed = _allowed_origin(origins) is not None
        return Response(status=204, headers=_PREFLIGHT if allowed else None)

    @app.after_request
    def allow(response: Response) -> Response:
        origin = _allowed_origin(origins)
        if origin is not None:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED
        if "*" not in origins:
            response.headers.add("Vary", "Origin")  # for caches: also when this one is not allowed
        return response


def is_open(method: str, path: str) -> bool:
    # A POST to one of these may be a prediction in another's protocol.
    return method in ("GET", "HEAD") and (path in OPEN_PATHS or path.startswith(OPEN_FOLDERS))


def _presented_key() -> str | None:
    """
    X-API-Key: KEY               -> KEY, also beside an Authorization that is meant for a proxy
    Authorization: Bearer KEY    -> KEY
    """
    key = request.headers.get("X-API-Key")
    if key:
        return key
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def _allowed_origin(origins: tuple[str, ...]) -> str | None:
    """What `Access-Control-Allow-Origin` says to this request, if it says anything."""
    origin = request.headers.get("Origin")
    if origin is None:
        return None
    return "*" if "*" in origins else origin if origin in origins else None
