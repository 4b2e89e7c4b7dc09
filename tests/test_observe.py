"""What a client and the log see of every request: its id, where its time went, and never a text."""

from __future__ import annotations

import json
import logging
import re
from concurrent.futures import Future
from dataclasses import replace

import pytest
from test_errors import assert_problem

from service import logs
from service.app import create_app
from service.batcher import Batcher
from service.errors import OverloadedError
from service.registry import Registry
from service.settings import Settings

SETTINGS = Settings(device="cpu", deadline_seconds=60)


@pytest.fixture(scope="module")
def registry(models_dir):
    return Registry.from_folder(models_dir, "cpu", "reviews-en")


@pytest.fixture(scope="module")
def batcher():
    batcher = Batcher()
    batcher.start()
    yield batcher
    batcher.stop()


@pytest.fixture
def client_with(registry, batcher):
    """A function that makes a client of an application with another batcher or other settings."""

    def make(batcher=batcher, **changes):
        settings = replace(SETTINGS, **changes)
        return create_app(settings, registry=registry, batcher=batcher).test_client()

    return make


@pytest.fixture
def client(client_with):
    return client_with()


class StubBatcher:
    """Fails with the error, or never answers."""

    alive = True

    def __init__(self, error=None):
        self._error = error

    def submit(self, bundle, sequences, deadline):
        if self._error is not None:
            raise self._error
        return Future()


class DeadBatcher(StubBatcher):
    alive = False


# --- Ids --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("7", id="short"),
        pytest.param("x" * 128, id="as long as may be"),
        pytest.param("0af7651916cd43dd8448eb211c80319c", id="hexadecimal"),
        pytest.param("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", id="signs"),
    ],
)
def test_the_clients_id_comes_back(client, given):
    response = client.get("/livez", headers={"X-Request-Id": given})
    assert response.headers.getlist("X-Request-Id") == [given]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("x" * 129, id="too long"),
        pytest.param("two words", id="a space"),
        pytest.param("caf\xe9", id="not ASCII"),
        pytest.param("a\tb", id="a tab"),
        pytest.param("a\x7f", id="not printable"),
    ],
)
def test_without_a_usable_id_a_new_one_is_made(client, given):
    headers = {} if given is None else {"X-Request-Id": given}
    made = [client.get("/livez", headers=headers).headers["X-Request-Id"] for _ in range(2)]
    assert made[0] != made[1]
    for request_id in made:
        assert re.fullmatch("[0-9a-f]{32}", request_id)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("DELETE", "/predict", 405),
        ("POST", "/predict", 415),
        ("GET", "/metrics", 200),
        ("HEAD", "/models", 200),
    ],
)
def test_every_answer_has_the_id(client, method, path, status):
    response = client.open(path, method=method, headers={"X-Request-Id": "mine"})
    assert (response.status_code, response.headers["X-Request-Id"]) == (status, "mine")


# --- Where the time went ----------------------------------------------------------------------


def timing(response):
    """{"queue": milliseconds, …}, as https://www.w3.org/TR/server-timing/ writes it."""
    entries = response.headers["Server-Timing"].split(", ")
    parts = dict(entry.split(";dur=") for entry in entries)
    assert list(parts) == ["queue", "tokenize", "network"]
    return {name: float(duration) for name, duration in parts.items()}


def test_an_answer_says_where_its_time_went(client):
    found = timing(client.post("/predict", json={"texts": ["good"] * 40 + ["좋다"] * 40}))
    assert all(duration > 0 for duration in found.values())


def test_what_is_never_read_waits_for_nothing(client):
    found = timing(client.post("/predict", json={"text": " "}))
    assert (found["queue"], found["network"]) == (0, 0)


def test_an_answer_too_late_says_how_long_it_waited(registry, batcher, client_with):
    class HoldsQueue(Batcher):
        """Takes texts and never reads them: its thread was never started."""

        alive = True

    response = client_with(HoldsQueue(), deadline_seconds=0.05).post(
        "/predict", json={"text": "good"}
    )
    assert_problem(response, 504, "deadline")
    found = timing(response)
    assert found["queue"] >= 45
    assert found["network"] == 0


@pytest.mark.parametrize("path", ["/livez", "/models", "/metrics", "/nothing"])
def test_what_reads_no_text_says_nothing_of_it(client, path):
    assert "Server-Timing" not in client.get(path).headers


# --- Log lines --------------------------------------------------------------------------------


def lines(caplog):
    """The request lines, as JSON has them."""
    return [
        json.loads(logs.formatter("json").format(record))
        for record in caplog.records
        if record.name == "service.observe"
    ]


def test_a_request_is_no_line_unless_wanted(client, caplog):
    caplog.set_level(logging.DEBUG)
    client.post("/predict", json={"text": "good"})
    client.get("/nothing")
    assert lines(caplog) == []


def test_a_request_is_a_line_where_it_is_wanted(client_with, caplog):
    caplog.set_level(logging.INFO)
    client_with(access_log=True).get("/models/caf%C3%A9%0A?text=secret")
    (line,) = lines(caplog)
    assert line.pop("milliseconds") > 0
    assert {name: line[name] for name in ("level", "method", "path", "route", "status")} == {
        "level": "info",
        "method": "GET",
        "path": "/models/caf%C3%A9%0A",
        "route": "/models/<name>",
        "status": 404,
    }
    assert line["client"] == "127.0.0.1"
    assert line["message"].startswith("GET /models/caf%C3%A9%0A 404 in ")
    assert "secret" not in str(line)


@pytest.mark.parametrize(
    ("batcher", "status"),
    [
        pytest.param(StubBatcher(OverloadedError("full")), 503, id="overloaded"),
        pytest.param(StubBatcher(), 504, id="too late"),
        pytest.param(StubBatcher(RuntimeError("a bug")), 500, id="a bug"),
    ],
)
def test_a_failure_of_ours_is_always_a_line_with_the_id(client_with, caplog, batcher, status):
    client = client_with(batcher, deadline_seconds=0.01)
    response = client.post("/predict", json={"text": "good"}, headers={"X-Request-Id": "mine"})
    assert response.status_code == status
    assert [(found["level"], found["status"]) for found in lines(caplog)] == [("error", status)]


@pytest.fixture
def written(caplog):
    """What a JSON handler would have written, each line at the moment it was logged."""

    class Keep(logging.Handler):
        def __init__(self):
            super().__init__()
            self.lines = []
            self.setFormatter(logs.formatter("json"))

        def emit(self, record):
            self.lines.append(json.loads(self.format(record)))

    keep = Keep()
    caplog.set_level(logging.DEBUG)
    logging.getLogger("service").addHandler(keep)
    yield keep.lines
    logging.getLogger("service").removeHandler(keep)


def test_every_line_about_a_request_has_its_id(client_with, written):
    client = client_with(StubBatcher(RuntimeError("a bug")))
    client.post("/predict", json={"text": "good"}, headers={"X-Request-Id": "mine"})
    assert [line["logger"] for line in written] == ["service.problems", "service.observe"]
    assert [line["request_id"] for line in written] == ["mine", "mine"]
    assert "a bug" in written[0]["exception"]


def test_a_failure_of_the_network_has_the_id_of_its_request(make_tiny_bundle, written):
    bundle = make_tiny_bundle()
    object.__setattr__(bundle, "module", fails)
    batcher = Batcher()
    batcher.start()
    client = create_app(SETTINGS, registry=Registry([bundle], ""), batcher=batcher).test_client()
    client.post("/predict", json={"text": "good"}, headers={"X-Request-Id": "mine"})
    batcher.stop()
    assert {line["logger"] for line in written} >= {"service.batcher", "service.observe"}
    assert {line["request_id"] for line in written} == {"mine"}


def fails(ids, lengths):
    raise RuntimeError("the network failed")


def test_after_a_request_its_id_is_forgotten(client, written):
    client.get("/livez", headers={"X-Request-Id": "mine"})
    logging.getLogger("service").warning("later")
    assert "request_id" not in written[-1]


SECRET = "Zebrafinkenbesitzer"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/predict", {"text": SECRET}, id="a text"),
        pytest.param("/predict", {"texts": [SECRET, 5]}, id="beside a wrong one"),
        pytest.param("/predict", {"text": SECRET * 10_000}, id="too long"),
        pytest.param("/predict", {"text": SECRET, "no": "field"}, id="beside an unknown field"),
        pytest.param(f"/predict?text={SECRET}", {}, id="in the query"),
        pytest.param(f"/nothing?text={SECRET}", {}, id="in the query of nothing"),
    ],
)
@pytest.mark.parametrize(
    "batcher",
    [
        pytest.param(None, id="answered"),
        pytest.param(StubBatcher(OverloadedError("full")), id="overloaded"),
        pytest.param(StubBatcher(), id="too late"),
        pytest.param(StubBatcher(RuntimeError("a bug")), id="a bug"),
    ],
)
def test_a_text_is_never_logged(client_with, written, path, body, batcher):
    given = {} if batcher is None else {"batcher": batcher, "deadline_seconds": 0.01}
    client = client_with(access_log=True, **given)
    client.post(path, json=body)
    assert written
    assert SECRET not in json.dumps(written)


def test_a_readiness_that_fails_is_a_line(client_with, caplog):
    assert client_with(DeadBatcher()).get("/readyz").status_code == 503
    assert [line["route"] for line in lines(caplog)] == ["/readyz"]
