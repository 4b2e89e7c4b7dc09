"""Builds the image with docker-compose, starts it as a user would, asks it, stops it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from local_http import free_port, http

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
NAME = f"manytone-e2e-{os.getpid()}"

BUILD_SECONDS = 900  # the first time; later ones find torch's layer in the builder's cache
HEALTHY_SECONDS = 120
STOP_SECONDS = 60  # longer than stop_grace_period, so that a kill shows as exit code 137


def run(*command: str, seconds: float = 60, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, text=True, timeout=seconds, **options)


def output(*command: str) -> str:
    return run(*command, capture_output=True, check=True).stdout.strip()


def compose_command() -> list[str]:
    if shutil.which("docker") is None:
        pytest.skip("needs Docker: there is no `docker` here")
    if run("docker", "info", capture_output=True).returncode != 0:
        pytest.skip("needs Docker: `docker info` gets no answer from an engine")
    if run("docker", "compose", "version", capture_output=True).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose") is None:
        pytest.skip("needs `docker compose` or `docker-compose`")
    return ["docker-compose"]


@dataclass(frozen=True)
class Compose:
    """docker-compose under a project name, an image name and a port of this test's own."""

    command: list[str]
    port: int

    def __call__(self, *arguments: str, seconds: float = 60, check: bool = True) -> str:
        settings = ("HOST", "PORT", "WORKERS", "DEVICE", "COMPOSE_FILE")
        environment = {name: value for name, value in os.environ.items() if name not in settings}
        environment |= {"PORT": str(self.port), "MANYTONE_IMAGE": NAME}
        done = run(
            *self.command,
            *("--project-name", NAME, "--file", "docker-compose.yml"),
            *arguments,
            seconds=seconds,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            check=check,
        )
        return done.stdout.strip()


@dataclass(frozen=True)
class Service:
    compose: Compose
    container: str

    def state(self) -> dict[str, Any]:
        return dict(
            json.loads(output("docker", "inspect", "-f", "{{json .State}}", self.container))
        )

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        return run("docker", "exec", self.container, *command, capture_output=True)

    def predict(self, text: str) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.compose.port}/predict",
            data=json.dumps({"text": text}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with http.open(request, timeout=30) as response:
            return dict(json.load(response))


def wait_until_healthy(service: Service) -> None:
    deadline = time.monotonic() + HEALTHY_SECONDS
    while time.monotonic() < deadline:
        state = service.state()
        if state["Health"]["Status"] == "healthy":
            return
        if state["Status"] != "running" or state["Restarting"]:
            break
        time.sleep(0.5)
    logs = run(
        *("docker", "logs", "--tail", "60", service.container),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    pytest.fail(f"not healthy: {service.state()}\n{logs.stdout}")


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    compose = Compose(compose_command(), free_port())
    try:
        began = time.monotonic()
        compose("build", seconds=BUILD_SECONDS)
        built = time.monotonic()
        compose("up", "--detach", seconds=120)
        service = Service(compose, compose("ps", "--quiet", "manytone"))
        wait_until_healthy(service)
        ready = time.monotonic()
        size = int(output("docker", "image", "inspect", "-f", "{{.Size}}", NAME)) / 1e6
        print(
            f"\nimage {size:.0f} MB, built in {built - began:.0f} s, "
            f"healthy {ready - built:.1f} s after `up`"
        )
        yield service
    finally:
        compose("down", "--rmi", "all", "--volumes", "--remove-orphans", seconds=120, check=False)


@pytest.mark.parametrize(
    ("text", "label", "model"),
    [
        pytest.param(
            "A wonderful film, I loved every minute of it.",
            "positive",
            "reviews-en",
            id="english-praise",
        ),
        pytest.param(
            "A complete waste of time: boring, badly acted and far too long.",
            "negative",
            "reviews-en",
            id="english-complaint",
        ),
        pytest.param(
            "정말 재미있고 감동적인 영화였어요. 최고예요!",
            "positive",
            "reviews-ko",
            id="korean-praise",
        ),
        pytest.param(
            "너무 지루하고 돈이 아까운 최악의 영화.",
            "negative",
            "reviews-ko",
            id="korean-complaint",
        ),
    ],
)
def test_it_answers_over_http(service, text, label, model):
    answer = service.predict(text)
    assert (answer["label"], answer["model"]) == (label, model)


def test_it_runs_as_an_ordinary_user(service):
    assert service.inside("id", "-u").stdout.strip() == "10001"


def test_its_root_file_system_is_read_only(service):
    assert "Read-only file system" in service.inside("touch", "/app/service/x").stderr


@pytest.mark.parametrize(
    "module", ["torchtext", "sklearn", "scipy", "gensim", "matplotlib", "training", "pip", "pytest"]
)
def test_nothing_of_training_is_in_the_image(service, module):
    found = service.inside("python", "-c", f"import {module}")
    assert f"No module named '{module}'" in found.stderr


def test_the_same_probe_finds_what_is_there(service):
    assert service.inside("python", "-c", "import flask").returncode == 0


def test_its_metrics_are_there_on_a_read_only_file_system(service):
    address = f"http://127.0.0.1:{service.compose.port}/metrics"
    with http.open(address, timeout=30) as response:
        page = response.read().decode()
    assert "manytone_worker_start_time_seconds" in page
    assert service.inside("sh", "-c", "ls -d /dev/shm/manytone-metrics-*").returncode == 0


def test_it_has_logged_no_traceback(service):
    logs = run(
        *("docker", "logs", service.container), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert "Traceback" not in logs.stdout


def test_it_stops_when_told_to(service):
    """The last test: it leaves a stopped container."""
    service.compose("stop", seconds=STOP_SECONDS)
    state = service.state()
    assert (state["Status"], state["ExitCode"]) == ("exited", 0)
