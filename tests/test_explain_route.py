"""`POST /explain`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_errors import assert_problem

from service.app import create_app
from service.batcher import Batcher
from service.registry import Registry
from service.settings import Settings

SETTINGS = Settings(device="cpu", deadline_seconds=60)
STEP = {"text", "start", "end", "score", "added", "scores"}


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
    def make(**changes):
        settings = replace(SETTINGS, **changes)
        return create_app(settings, registry=registry, batcher=batcher).test_client()

    return make


def test_every_token_has_its_place_and_its_score(client_with):
    client = client_with()
    text = "좋은 영화 👍 good"
    answer = client.post("/explain", json={"text": text, "model": "reviews-ko"})
    assert answer.status_code == 200
    predicted = client.post("/predict", json={"text": text, "model": "reviews-ko"}).json
    reading = answer.json.pop("reading")
    assert answer.json.keys() == predicted.keys() | {"reading"}
    assert answer.json["score"] == pytest.approx(predicted["score"], abs=1e-5)
    assert all(step.keys() == STEP for step in reading)
    words = [step["text"] for step in reading]
    assert [text[step["start"] : step["end"]] for step in reading] == words
    assert words == [word.strip() for word in words]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        pytest.param({}, "", id="no text"),
        pytest.param({"text": 3}, "/text", id="a number"),
        pytest.param({"text": "x", "model": "none"}, "/model", id="no such model"),
        pytest.param({"text": "x" * 11}, "/text", id="too long"),
    ],
)
def test_a_wrong_body_is_refused_with_its_place(client_with, body, pointer):
    answer = client_with(max_characters=10).post("/explain", json=body)
    assert_problem(answer, 422, "invalid-field", pointer)


def test_what_comes_too_late_is_told(client_with):
    client = client_with(deadline_seconds=1e-9)
    assert_problem(client.post("/explain", json={"text": "good"}), 504, "deadline")
