"""Requests as OpenTelemetry spans, for who sets OTEL_EXPORTER_OTLP_ENDPOINT and installs `.[otel]`.

The SDK reads its other variables itself (https://opentelemetry.io/docs/specs/otel/configuration/).
A span is made when its request has ended: until then it costs nothing, and where the time went is
known.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from service.errors import StartError
from service.settings import Settings
from service.trace import Trace

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer, TracerProvider

_SERVICE = "manytone"


def spans(settings: Settings) -> Spans | None:
    """Where requests go as spans, or None when nobody asked for it.

    Raises:
        StartError: somebody did, but the packages are missing.
    """
    endpoint = settings.otel_exporter_otlp_endpoint
    if not endpoint:
        return None
    try:
        return Spans(_provider())
    except ImportError as error:
        raise StartError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT={endpoint!r} asks for OpenTelemetry, which is not "
            f"installed ({error}). `make setup-otel` installs it, and so does a build of the image "
            "with REQUIREMENTS=otel; or unset the variable."
        ) from error


class Spans:
    """One span per request, with children for what it spent its time on.

    Args:
        provider: of the SDK; what it does with spans is its own affair.
    """

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._tracer = provider.get_tracer(_SERVICE)
        self._propagator = TraceContextTextMapPropagator()

    def request(
        self, environ: WSGIEnvironment, route: str, status: int, seconds: float, trace: Trace
    ) -> None:
        """A request was answered just now, after so many seconds."""
        from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

        clock = _Clock()
        parent = self._propagator.extract(_Headers(environ))
        span = self._tracer.start_span(
            f"{environ['REQUEST_METHOD']} {route}",
            parent,
            SpanKind.SERVER,
            _attributes(environ, route, status, trace),
            start_time=clock(trace.began),
        )
        if span.is_recording():
            if status >= 500:
                span.set_status(StatusCode.ERROR)
            _children(self._tracer, set_span_in_context(span), trace, clock)
        span.end(clock(trace.began + seconds))


def _children(tracer: Tracer, parent: Context, trace: Trace, clock: _Clock) -> None:
    parts: list[tuple[str, float, float]] = []
    if trace.tokenize_began is not None:
        parts.append(("tokenize", trace.tokenize_began, trace.tokenize_seconds))
    if trace.queued is not None:
        # Of a request that was read in several passes all waiting comes first.
        waited = trace.queue_seconds
        parts.append(("queue", trace.queued, waited))
        parts.append(("network", trace.queued + waited, trace.network_seconds))
    for name, began, seconds in parts:
        child = tracer.start_span(name, parent, start_time=clock(began))
        child.end(clock(began + seconds))


def _attributes(
    environ: WSGIEnvironment, route: str, status: int, trace: Trace
) -> dict[str, str | int]:
    """https://opentelemetry.io/docs/specs/semconv/http/http-spans/, less what may hold a text."""
    return {
        "http.request.method": environ["REQUEST_METHOD"],
        "http.route": route,
        "http.response.status_code": status,
        "url.scheme": environ.get("wsgi.url_scheme", ""),
        "client.address": environ.get("REMOTE_ADDR", ""),
        "manytone.request_id": trace.request_id,
        "manytone.texts": len(trace.predictions),
    }


class _Clock:
    """Moments of `time.monotonic()` in nanoseconds since 1970."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def __call__(self, moment: float) -> int:
        return int((moment + self._offset) * 1e9)


class _Headers(dict[str, str]):
    """The headers by which a caller hands its own span on: https://www.w3.org/TR/trace-context/"""

    def __init__(self, environ: WSGIEnvironment) -> None:
        super().__init__(
            {
                name: environ[key]
                for name, key in (
                    ("traceparent", "HTTP_TRACEPARENT"),
                    ("tracestate", "HTTP_TRACESTATE"),
                )
                if key in environ
            }
        )


def _provider() -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come before our own name.
    resource = Resource({"service.name": _SERVICE}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
