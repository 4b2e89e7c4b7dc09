"""`GET /metrics`: every number is what happened, in one process and over several."""

from __future__ import annotations

import subprocess
import sys
import threading
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as open_metrics,
)
from prometheus_client.parser import text_string_to_metric_families

from service.app import create_app
from service.batcher import Batcher
from service.errors import OverloadedError, SettingsError
from service.metrics import Metrics
from service.registry import Registry
from service.settings import Settings
from service.trace import Trace

ROOT = Path(__file__).parent.parent
SECONDS = 10  # no test waits this long unless it fails


@pytest.fixture(scope="module")
def registry(models_dir):
    return Registry.from_folder(models_dir, "cpu", "reviews-en")


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def batcher(metrics):
    batcher = Batcher(metrics=metrics)
    batcher.start()
    yield batcher
    batcher.stop()


@pytest.fixture
def client(registry, metrics, batcher):
    settings = Settings(device="cpu", deadline_seconds=60)
    return create_app(settings, registry=registry, batcher=batcher, metrics=metrics).test_client()


def samples(page):
    """{("name", ("label", "value"), …): number} of a page in Prometheus's own format."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def scraped(client):
    return samples(client.get("/metrics").get_data(as_text=True))


def sum_of(found, name, **labels):
    """Over all series of that name that have these labels."""
    return sum(
        value for key, value in found.items() if key[0] == name and labels.items() <= set(key[1:])
    )


def test_a_request_is_counted_by_route_method_and_status(client):
    client.post("/predict", json={"text": "good"})
    client.post("/predict", json={"text": "bad"})
    client.post("/predict", json={"text": 5})
    client.get("/models/reviews-en")
    client.get("/models/none")
    found = {key: value for key, value in scraped(client).items() if "requests_total" in key[0]}
    assert found == {
        key("POST", "/predict", "200"): 2,
        key("POST", "/predict", "422"): 1,
        key("GET", "/models/<name>", "200"): 1,
        key("GET", "/models/<name>", "404"): 1,
    }


def key(method, route, status):
    name = "manytone_requests_total"
    return (name, ("method", method), ("route", route), ("status", status))


def test_paths_and_methods_that_are_made_up_add_no_series(client):
    for place in range(5):
        client.get(f"/nothing/{place}")
        client.open("/livez", method=f"MADEUP{place}")
        client.post("/livez")
    found = {key: value for key, value in scraped(client).items() if "requests_total" in key[0]}
    assert found == {
        key("GET", "unmatched", "404"): 5,
        key("other", "unmatched", "405"): 5,
        key("POST", "unmatched", "405"): 5,
    }


def test_connections_that_no_application_saw_are_counted(client):
    refused = client.application.extensions["refused"]
    for status in (HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.BAD_REQUEST):
        refused(status)
    found = {key: value for key, value in scraped(client).items() if "requests_total" in key[0]}
    assert found == {key("other", "unread", "400"): 2, key("other", "unread", "503"): 1}


def test_predictions_are_counted_by_model_and_label(client):
    texts = ["good", "", "좋다", "A bad film."]
    answers = client.post("/predict", json={"texts": texts}).json["predictions"]
    answers.append(client.post("/predict", json={"text": "good"}).json)
    found = scraped(client)
    for model in ("reviews-en", "reviews-ko"):
        for label in ("negative", "positive"):
            given = [(a["model"], a["label"]) for a in answers].count((model, label))
            assert sum_of(found, "manytone_predictions_total", model=model, label=label) == given
    assert sum_of(found, "manytone_predictions_total") == 5


def test_predictions_are_there_from_the_start_for_every_model_and_label(client, registry):
    found = [key for key in scraped(client) if key[0] == "manytone_predictions_total"]
    assert len(found) == sum(len(bundle.metadata.labels) for bundle in registry) == 4


def test_every_text_and_token_that_the_network_reads_is_counted_by_its_model(client, batcher):
    texts = ["A good film.", "", "Not bad at all!", "좋다"]
    answers = client.post("/predict", json={"texts": texts}).json["predictions"]
    batcher.stop()  # it counts a pass once its answers are out
    found = scraped(client)
    for model, read in (("reviews-en", 2), ("reviews-ko", 1)):
        tokens = sum(answer["tokens"] for answer in answers if answer["model"] == model)
        assert sum_of(found, "manytone_batch_texts_sum", model=model) == read
        assert sum_of(found, "manytone_tokens_total", model=model) == tokens > 0
        passes = sum_of(found, "manytone_batch_texts_count", model=model)
        assert passes >= 1
        assert sum_of(found, "manytone_network_seconds_count", model=model) == passes
        assert sum_of(found, "manytone_network_seconds_sum", model=model) > 0


def test_time_in_the_queue_is_observed_once_per_request_that_waited(client):
    client.post("/predict", json={"texts": ["good", "좋다", "bad"]})
    client.post("/predict", json={"text": " "})
    client.get("/livez")
    found = scraped(client)
    assert sum_of(found, "manytone_queue_seconds_count") == 1
    assert sum_of(found, "manytone_request_duration_seconds_count", route="/predict") == 2
    whole = sum_of(found, "manytone_request_duration_seconds_sum", route="/predict")
    assert 0 < sum_of(found, "manytone_queue_seconds_sum") < whole


def test_an_idle_service_has_one_request_in_flight_which_is_the_scrape(client):
    for _ in range(2):
        found = scraped(client)
        assert found["manytone_requests_in_flight",] == 1
        assert found["manytone_queue_texts",] == 0


class HeldBundle:
    """Its network waits until it may go on."""

    metadata = SimpleNamespace(name="held", labels=("negative", "positive"), unk_id=1)

    def __init__(self):
        self.entered = threading.Event()
        self.may_go_on = threading.Event()

    def probabilities(self, sequences):
        self.entered.set()
        assert self.may_go_on.wait(SECONDS)
        return np.full((len(sequences), 2), 0.5, dtype=np.float32)


class KeepsGauge:
    """Stands in for the metrics: keeps how many texts waited, and what was read."""

    def __init__(self):
        self.waited = []
        self.read = []

    def waiting(self, texts):
        self.waited.append(texts)

    def forward_pass(self, bundle, texts, tokens, seconds):
        self.read.append((bundle.metadata.name, texts, tokens))
        assert seconds >= 0


def test_the_queue_is_as_deep_as_what_gathered_during_a_pass():
    bundle, kept = HeldBundle(), KeepsGauge()
    batcher = Batcher(metrics=kept)
    batcher.start()
    futures = [batcher.submit(bundle, [[1, 2]], deadline=float("inf"))]
    assert bundle.entered.wait(SECONDS)
    futures += [batcher.submit(bundle, [[1], [1, 2]], deadline=float("inf")) for _ in range(3)]
    bundle.may_go_on.set()
    for future in futures:
        future.result(SECONDS)
    batcher.stop()
    assert [depth for depth in kept.waited if depth] == [1, 6]
    assert (kept.waited[0], kept.waited[-1]) == (0, 0)
    assert kept.read[0] == ("held", 1, 2)
    assert (sum(texts for _, texts, _ in kept.read), sum(read[2] for read in kept.read)) == (7, 11)


def test_what_is_served_is_named_with_its_version_language_and_commit(client):
    found = {key: value for key, value in scraped(client).items() if key[0].endswith("model_info")}
    assert found == {
        (
            "manytone_model_info",
            ("commit", "unknown"),
            ("language", language),
            ("model", f"reviews-{language}"),
            ("version", "1"),
        ): 1
        for language in ("en", "ko")
    }


def test_a_bundle_that_is_no_longer_served_is_zero(metrics, make_tiny_bundle):
    metrics.serving([make_tiny_bundle("old"), make_tiny_bundle("kept")])
    metrics.serving([make_tiny_bundle("kept"), make_tiny_bundle("new")])
    found = samples(metrics.page("")[0].decode())
    for model, value in (("old", 0), ("kept", 1), ("new", 1)):
        assert sum_of(found, "manytone_model_info", model=model) == value


def test_refused_requests_count_but_leave_no_prediction(registry):
    class Full:
        alive = True

        def submit(self, bundle, sequences, deadline):
            raise OverloadedError("full")

    client = create_app(Settings(device="cpu"), registry=registry, batcher=Full()).test_client()
    assert client.post("/predict", json={"text": "good"}).status_code == 503
    found = scraped(client)
    assert found[key("POST", "/predict", "503")] == 1
    assert sum_of(found, "manytone_predictions_total") == 0
    assert sum_of(found, "manytone_queue_seconds_count") == 0


def test_prometheus_may_ask_for_open_metrics(client):
    odd = client.get("/metrics", headers={"Accept": "application/openmetrics-text;version=abc"})
    assert odd.status_code == 200
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"
    response = client.get("/metrics", headers={"Accept": accept})
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    families = {family.name for family in open_metrics(response.get_data(as_text=True))}
    assert {"manytone_requests", "manytone_request_duration_seconds"} <= families


def test_every_metric_explains_itself(client, batcher):
    client.post("/predict", json={"text": "good"})
    batcher.stop()
    families = list(text_string_to_metric_families(client.get("/metrics").get_data(as_text=True)))
    ours = [family for family in families if not family.name.endswith("_created")]
    assert len(ours) == 12
    for family in ours:
        assert family.name.startswith("manytone_")
        assert family.documentation.endswith(".")
        assert family.type in ("counter", "gauge", "histogram")


# --- Several processes ------------------------------------------------------------------------

WORKER = """
from service.metrics import Metrics
from service.trace import Trace

metrics = Metrics()
metrics.in_flight.inc()
for _ in range(3):
    metrics.request("/predict", "POST", "200", 0.002, Trace())
"""

ASKED = "from service.metrics import Metrics\nprint(Metrics().page('')[0].decode())"


def in_a_process(code, folder):
    """What the code prints, and the id of the process that ran it."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PROMETHEUS_MULTIPROC_DIR": str(folder), "PATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return output, process.pid


def test_several_processes_are_added_up_and_the_dead_ones_counts_stay(tmp_path):
    from prometheus_client.multiprocess import mark_process_dead

    workers = [in_a_process(WORKER, tmp_path)[1] for _ in range(2)]
    found = samples(in_a_process(ASKED, tmp_path)[0])
    assert found[key("POST", "/predict", "200")] == 6
    assert sum_of(found, "manytone_request_duration_seconds_count") == 6
    assert found["manytone_requests_in_flight",] == 2
    assert {
        dict(key[1:])["pid"] for key in found if key[0].startswith("manytone_worker_start")
    } >= set(map(str, workers))
    mark_process_dead(workers[0], tmp_path)
    found = samples(in_a_process(ASKED, tmp_path)[0])
    assert found[key("POST", "/predict", "200")] == 6
    assert found["manytone_requests_in_flight",] == 1


@pytest.mark.parametrize("folder", ["", "/no/such/folder"])
def test_a_folder_that_is_none_stops_the_start(folder, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", folder)
    with pytest.raises(SettingsError, match=f"PROMETHEUS_MULTIPROC_DIR='{folder}'"):
        Metrics()


def test_a_trace_that_never_waited_has_no_time_in_the_queue(metrics):
    metrics.request("/livez", "GET", "200", 0.001, Trace())
    assert sum_of(samples(metrics.page("")[0].decode()), "manytone_queue_seconds_count") == 0
