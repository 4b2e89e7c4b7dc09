"""Requests as OpenTelemetry spans, where its packages are installed; and what happens where not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from service import telemetry
from service.app import create_app
from service.batcher import Batcher
from service.registry import Registry
from service.settings import Settings

ROOT = Path(__file__).parent.parent
SETTINGS = Settings(device="cpu", deadline_seconds=60)


def test_nobody_who_did_not_ask_gets_spans():
    assert telemetry.spans(SETTINGS) is None


MISSING = """
import sys
sys.modules["opentelemetry"] = None  # as if it were not installed
from service import telemetry
from service.settings import Settings
telemetry.spans(Settings(otel_exporter_otlp_endpoint="http://127.0.0.1:4318"))
"""


def test_packages_that_are_missing_stop_the_start_and_say_what_to_do():
    done = subprocess.run(
        [sys.executable, "-c", MISSING], cwd=ROOT, capture_output=True, text=True, check=False
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("service.errors.StartError: OTEL_EXPORTER_OTLP_ENDPOINT=")
    assert "make setup-otel" in last


@pytest.fixture
def recorded(models_dir):
    """A client, and a function that gives the spans of its requests by name."""
    export = pytest.importorskip(
        "opentelemetry.sdk.trace.export.in_memory_span_exporter",
        reason="OpenTelemetry is an extra that is not installed: pip install opentelemetry-sdk",
    )
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    simple = pytest.importorskip("opentelemetry.sdk.trace.export").SimpleSpanProcessor
    exporter, provider = export.InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(simple(exporter))
    registry = Registry.from_folder(models_dir, "cpu", "reviews-en")
    batcher = Batcher()
    batcher.start()
    spans = telemetry.Spans(provider)
    app = create_app(SETTINGS, registry=registry, batcher=batcher, spans=spans)
    yield (
        app.test_client(),
        lambda: {span.name: span for span in exporter.get_finished_spans()},
    )
    batcher.stop()
    provider.shutdown()


def test_a_request_is_a_span_with_children_for_its_parts(recorded):
    client, spans = recorded
    client.post("/predict", json={"texts": ["good", "좋다"]}, headers={"X-Request-Id": "mine"})
    found = spans()
    assert set(found) == {"POST /predict", "tokenize", "queue", "network"}
    whole = found["POST /predict"]
    assert whole.kind.name == "SERVER"
    assert whole.parent is None
    expected = {
        "http.request.method": "POST",
        "http.route": "/predict",
        "http.response.status_code": 200,
        "manytone.request_id": "mine",
        "manytone.texts": 2,
    }
    assert expected.items() <= dict(whole.attributes).items()
    for name in ("tokenize", "queue", "network"):
        part = found[name]
        assert part.parent.span_id == whole.context.span_id
        assert whole.start_time <= part.start_time <= part.end_time <= whole.end_time


def test_a_span_goes_on_from_the_callers(recorded):
    client, spans = recorded
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    client.get("/livez", headers={"traceparent": traceparent})
    (span,) = spans().values()
    assert f"{span.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"


def test_a_request_that_read_nothing_has_no_children(recorded):
    client, spans = recorded
    client.get("/models/none")
    assert set(spans()) == {"GET /models/<name>"}


def test_a_failure_of_ours_is_an_error_and_the_clients_is_not(recorded):
    client, spans = recorded
    client.application.extensions["draining"] = lambda: True
    client.get("/readyz")
    client.post("/predict", json={})
    found = spans()
    assert found["GET /readyz"].status.status_code.name == "ERROR"
    assert found["POST /predict"].status.status_code.name == "UNSET"


def test_a_span_holds_no_text(recorded):
    client, spans = recorded
    client.post("/predict?text=Zebrafink", json={"text": "Zebrafink"})
    assert not any("Zebrafink" in span.to_json() for span in spans().values())
