"""`/v1/models`: version 1 of the inference protocol, TensorFlow Serving's and KServe's."""

from __future__ import annotations

import io
import json

import pytest
from test_open_inference import answer, assert_error

from service.app import create_app
from service.batcher import Batcher
from service.registry import Registry
from service.settings import Settings

PREDICT = "/v1/models/reviews-en:predict"


@pytest.fixture(scope="module")
def client(make_client):
    return make_client()


def test_models_are_listed(client):
    assert answer(client.get("/v1/models")) == {"models": ["reviews-en", "reviews-ko", "stars"]}


@pytest.mark.parametrize("path", ["/v1/models/reviews-ko", "/v1/models/reviews-ko/versions/1"])
def test_a_model_has_a_status(client, path):
    found = answer(client.get(path))
    assert (found["name"], found["ready"]) == ("reviews-ko", True)
    (version,) = found["model_version_status"]
    assert (version["version"], version["state"]) == ("1", "AVAILABLE")


@pytest.mark.parametrize("path", [PREDICT, "/v1/models/reviews-en/versions/1:predict"])
def test_what_can_only_be_posted_is_no_model_of_that_name(client, path):
    response = client.get(path)
    assert_error(response, 405, "does not take GET")
    assert set(response.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


def test_a_draining_worker_has_no_model_ready(make_client):
    client = make_client()
    client.application.extensions["draining"] = lambda: True
    assert_error(client.get("/v1/models/reviews-en"), 503, "stopping")


@pytest.mark.parametrize("path", [PREDICT, "/v1/models/reviews-en/versions/1:predict"])
def test_instances_have_predictions_in_order(client, path):
    instances = ["A good film.", {"text": "좋다"}, ""]
    texts = ["A good film.", "좋다", ""]
    found = answer(client.post(path, json={"instances": instances}))
    plain = answer(client.post("/predict", json={"texts": texts, "model": "reviews-en"}))
    assert found == plain


def test_a_form_of_curls_is_read_as_the_json_it_is(client):
    data = json.dumps({"instances": ["good"], "signature_name": "serving_default"})
    response = client.post(PREDICT, data=data, content_type="application/x-www-form-urlencoded")
    assert len(answer(response)["predictions"]) == 1


def test_no_instances_have_no_predictions(client):
    assert answer(client.post(PREDICT, json={"instances": []})) == {"predictions": []}


@pytest.mark.parametrize(
    ("document", "part"),
    [
        pytest.param({}, "`instances`", id="nothing"),
        pytest.param([], "Expected an object", id="a list"),
        pytest.param({"instances": "good"}, "/instances: Expected a list", id="a string"),
        pytest.param({"inputs": ["good"]}, "unknown field `inputs`", id="by columns"),
        pytest.param({"instances": [5]}, "/instances/0: Expected a string or an object", id="5"),
        pytest.param({"instances": ["a", {}]}, "/instances/1: Object missing", id="no text"),
        pytest.param({"instances": [{"text": 5}]}, "/instances/0/text: Exp", id="text a number"),
        pytest.param({"instances": [{"text": "a", "b": 1}]}, "unknown field `b`", id="more"),
        pytest.param({"instances": [["good"]]}, "/instances/0: Expected", id="a list in it"),
        pytest.param({"instances": ["x" * 100_001]}, "/instances/0: 100,001", id="too long"),
        pytest.param(
            {"instances": [{"text": "x" * 100_001}]}, "/instances/0/text: 100", id="too long inside"
        ),
        pytest.param({"instances": ["a"] * 1_001}, "/instances: 1,001 texts", id="too many"),
        pytest.param(
            {"instances": ["good"], "signature_name": "regress"}, "one signature", id="signature"
        ),
    ],
)
def test_what_cannot_be_read_is_told(client, document, part):
    assert_error(client.post(PREDICT, json=document), 400, part)


def test_what_is_not_json_is_told(client):
    assert_error(client.post(PREDICT, data=b"instances"), 400, "not JSON", '{"instances": ["…"')


@pytest.mark.parametrize(
    "path", ["/v1/models/none", "/v1/models/reviews-en/versions/7", "/v1/none", "/v1"]
)
def test_what_is_not_there_is_not_found(client, path):
    assert_error(client.get(path), 404)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/none:predict",
        "/v1/models/reviews-en/versions/7:predict",
        "/v1/models/reviews-en:classify",
    ],
)
def test_what_is_not_there_predicts_nothing(client, path):
    response = client.post(path, json={"instances": ["good"]})
    assert response.status_code in (404, 405)
    assert_error(response, response.status_code)


class ReadAfter(io.BytesIO):
    """A body before whose end something happens."""

    def __init__(self, content, happen):
        super().__init__(content)
        self._happen = happen

    def read(self, size=-1):
        self._happen()
        return super().read(size)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/v1/models/moving/versions/1:predict", {"instances": ["good"]}, id="v1"),
        pytest.param(
            "/v2/models/moving/versions/1/infer",
            {
                "inputs": [
                    {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["good"]},
                ]
            },
            id="v2",
        ),
    ],
)
def test_a_model_that_is_swapped_meanwhile_answers_as_it_was(make_tiny_bundle, path, body):
    old = make_tiny_bundle("moving", seed=1)
    new = make_tiny_bundle("moving", labels=("bad", "fair", "good"), seed=2)
    registry, batcher = Registry([old], "moving"), Batcher()
    batcher.start()
    app = create_app(
        Settings(device="cpu", deadline_seconds=60), registry=registry, batcher=batcher
    )
    client = app.test_client()
    before = answer(client.post(path, json=body))
    content = json.dumps(body).encode()
    swapped = client.post(
        path,
        input_stream=ReadAfter(content, lambda: registry.replace([new])),
        headers={"Content-Length": str(len(content)), "Content-Type": "application/json"},
    )
    assert answer(swapped) == before
    assert answer(client.post(path, json=body)) != before
    batcher.stop()
