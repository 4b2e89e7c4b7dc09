"""The whole way on real reviews, each step a process of its own: train, measure, serve, ask."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_http import free_port, http

from service.bundle import load_bundle

pytestmark = [pytest.mark.e2e, pytest.mark.mirror]

ROOT = Path(__file__).resolve().parents[2]
BESIDE = ROOT.parent / "shared" / "datasets"

TRAIN_SECONDS = 240  # it takes about 60 on two free cores
READY_SECONDS = 30

# Small and quick, for a check of the way and not of the recipe: SST-2 alone, no adversarial loss.
KNOBS = [
    *("--dataset", "sst2", "--device", "cpu", "--seed", "1"),
    *("--vocabulary-size", "8000", "--embedding-size", "64", "--hidden-size", "64"),
    *("--epochs", "2", "--vector-epochs", "1", "--adversarial-norm", "0"),
    *("--threads", "1"),  # on cores that others use too, a second thread waits more than it does
]


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    mirror = os.environ.get("DATASET_MIRROR") or (str(BESIDE) if BESIDE.is_dir() else "")
    if not mirror:
        pytest.skip("needs SST-2: set DATASET_MIRROR to a folder that holds SST-2.zip")
    return os.environ | {"DATASET_MIRROR": mirror}


def training(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "training", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TRAIN_SECONDS,
    )


@pytest.fixture(scope="module")
def models(tmp_path_factory, environment) -> Path:
    """A folder with the bundle that was trained."""
    folder = tmp_path_factory.mktemp("e2e") / "models"
    began = time.monotonic()
    done = training(
        *KNOBS,
        *("--output", str(folder / "sst2-en.pt"), "--runs", str(folder.parent / "runs")),
        environment=environment,
    )
    assert done.returncode == 0, done.stderr
    print(f"\ntrained in {time.monotonic() - began:.0f} s\n{done.stdout}")
    return folder


@pytest.fixture(scope="module")
def address(models) -> Iterator[str]:
    """A gunicorn that serves the bundle."""
    port = free_port()
    settings = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WORKERS": "1",
        "DEVICE": "cpu",
        "MODELS_DIR": str(models),
    }
    log = models.parent / "gunicorn.log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "-c",
                "service/gunicorn.conf.py",
                "service.wsgi:app",
            ],
            cwd=ROOT,
            env=os.environ | settings,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(address, server, log)
        yield address
    finally:
        server.terminate()
        try:
            code = server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
            raise
    assert code == 0, log.read_text()
    assert "Traceback" not in log.read_text()


def wait_until_ready(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with http.open(f"{address}/readyz", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    pytest.fail(f"not ready within {READY_SECONDS} s:\n{log.read_text()}")


def test_it_learns_to_read(models):
    assert load_bundle(models / "sst2-en.pt").metadata.figures["sst2"]["accuracy"] >= 0.78


def test_evaluate_measures_what_stands_in_the_bundle(models, environment):
    path = models / "sst2-en.pt"
    done = training(
        "evaluate", str(path), "--dataset", "sst2", "--device", "cpu", environment=environment
    )
    assert done.returncode == 0, done.stderr
    (shown,) = re.findall(r"accuracy +([0-9.]+) %", done.stdout)
    accuracy = load_bundle(path).metadata.figures["sst2"]["accuracy"]
    assert shown == f"{100 * accuracy:.2f}"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        pytest.param("A wonderful film, funny and moving.", "positive", id="praise"),
        pytest.param("One of the best films I have seen.", "positive", id="more praise"),
        pytest.param("A dull and stupid mess.", "negative", id="complaint"),
        pytest.param("Boring, badly acted and far too long.", "negative", id="more complaint"),
    ],
)
def test_it_answers_over_http(address, text, label):
    request = urllib.request.Request(
        f"{address}/predict",
        data=json.dumps({"text": text}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with http.open(request, timeout=10) as response:
        answer = json.load(response)
    assert (answer["label"], answer["model"]) == (label, "sst2-en")
    assert answer["score"] > 0.5
