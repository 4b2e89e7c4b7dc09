"""What docker-compose and Prometheus's own tool say of the files for monitoring. Nothing starts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from service.metrics import Metrics

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]


def output(*command: str, given: str | None = None) -> str:
    done = subprocess.run(
        command, cwd=ROOT, input=given, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def compose():
    """The command, version 2 before version 1."""
    for command in (["docker", "compose"], ["docker-compose"]):
        found = shutil.which(command[0])
        if found and subprocess.run([*command, "version"], capture_output=True).returncode == 0:
            return [*command, "--file", "docker-compose.yml"]
    pytest.skip("needs `docker compose` or `docker-compose`; an engine need not run")


@pytest.fixture(scope="module")
def promtool():
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("needs `promtool`, which comes with Prometheus")
    return found


@pytest.mark.parametrize(
    ("profile", "services"),
    [
        pytest.param([], {"manytone"}, id="without it"),
        pytest.param(["--profile", "monitoring"], {"manytone", "prometheus", "grafana"}, id="with"),
    ],
)
def test_compose_takes_the_file_and_starts_what_the_profile_says(compose, profile, services):
    config = yaml.safe_load(output(*compose, *profile, "config"))
    started = {
        name
        for name, service in config["services"].items()
        if not service.get("profiles") or set(service["profiles"]) & set(profile)
    }
    assert started == services


def test_prometheus_takes_its_configuration(promtool):
    output(promtool, "check", "config", "deploy/monitoring/prometheus.yml")


def test_prometheus_takes_every_expression_of_the_dashboard(promtool, tmp_path):
    text = (ROOT / "deploy/monitoring/grafana/dashboards/manytone.json").read_text()
    rules = [
        {"record": f"panel:{place}", "expr": target["expr"].replace("$__rate_interval", "1m")}
        for place, target in enumerate(
            target for panel in yaml.safe_load(text)["panels"] for target in panel["targets"]
        )
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in output(promtool, "check", "rules", str(file))


@pytest.mark.skipif("PROMETHEUS_MULTIPROC_DIR" in os.environ, reason="needs a process of its own")
def test_prometheus_finds_nothing_to_say_of_the_names(promtool):
    metrics = Metrics()
    metrics.waiting(0)
    output(promtool, "check", "metrics", given=metrics.page("")[0].decode())
