"""`/livez`, `/readyz`, `/models`, and what `create_app` puts together."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import torch
from test_errors import assert_problem

from service.app import create_app
from service.batcher import Batcher
from service.errors import BundleError, SettingsError
from service.registry import Registry
from service.settings import Settings

SETTINGS = Settings(device="cpu")


@pytest.fixture(scope="module")
def registry(models_dir):
    return Registry.from_folder(models_dir, "cpu", "reviews-ko")


@pytest.fixture
def batcher():
    batcher = Batcher()
    batcher.start()
    yield batcher
    batcher.stop()


@pytest.fixture
def app(registry, batcher):
    return create_app(SETTINGS, registry=registry, batcher=batcher)


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def threads():
    """`create_app` sets the number of torch's threads, which is the whole process's."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_a_healthy_worker_says_ok(client, path):
    response = client.get(path)
    assert (response.status_code, response.get_data()) == (200, b"ok\n")
    assert client.head(path).status_code == 200


def test_with_its_batcher_stopped_a_worker_lives_but_is_not_ready(client, batcher):
    batcher.stop()
    document = assert_problem(client.get("/readyz"), 503, "overloaded")
    assert "restart" in document["detail"]
    assert client.get("/livez").status_code == 200


def test_a_draining_worker_lives_but_is_not_ready(app, client):
    app.extensions["draining"] = lambda: True
    document = assert_problem(client.get("/readyz"), 503, "overloaded")
    assert "stopping" in document["detail"]
    assert client.get("/livez").status_code == 200


def test_a_draining_worker_still_answers_what_comes(app, client):
    app.extensions["draining"] = lambda: True
    assert client.post("/predict", json={"text": "good"}).status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/models", "/models/reviews-en"])
def test_other_methods_are_refused_with_those_there_are(client, path):
    response = client.post(path, data=b"x")
    assert_problem(response, 405, "method-not-allowed")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_models_are_listed_with_all_their_metadata(client, registry):
    response = client.get("/models")
    assert response.headers["Content-Type"] == "application/json"
    found = json.loads(response.get_data())
    assert set(found) == {"models", "problems"}
    assert found["problems"] == []
    for shown, bundle in zip(found["models"], registry, strict=True):
        metadata = json.loads(json.dumps(asdict(bundle.metadata)))
        is_default = bundle.metadata.name == "reviews-ko"
        assert shown == {**metadata, "default": is_default, "device": "cpu"}


def test_a_model_is_shown_as_in_the_list(client):
    listed = json.loads(client.get("/models").get_data())["models"]
    for shown in listed:
        assert json.loads(client.get(f"/models/{shown['name']}").get_data()) == shown


@pytest.mark.parametrize(
    "path", ["/models/none", "/models/", "/models//reviews-en", "/models/reviews-en/x", "/health"]
)
def test_what_is_not_there_is_not_found(client, path):
    document = assert_problem(client.get(path), 404, "not-found")
    assert path in document["detail"]


def test_the_application_loads_and_warms_what_the_settings_name(models_dir, threads):
    app = create_app(Settings(device="cpu", models_dir=models_dir, default_model="reviews-en"))
    client = app.test_client()
    assert client.get("/readyz").status_code == 200
    assert client.post("/predict", json={"text": "good"}).json["model"] == "reviews-en"
    assert client.post("/predict", json={"text": "좋다"}).json["model"] == "reviews-ko"


def test_the_application_does_not_start_without_bundles(tmp_path):
    with pytest.raises(BundleError, match="no bundle"):
        create_app(Settings(device="cpu", models_dir=tmp_path))


@pytest.mark.skipif(torch.cuda.device_count() > 7, reason="this machine has that many GPUs")
def test_the_application_does_not_start_without_its_gpu(models_dir):
    with pytest.raises(SettingsError, match="cuda:7"):
        create_app(Settings(device="cuda:7", models_dir=models_dir))
