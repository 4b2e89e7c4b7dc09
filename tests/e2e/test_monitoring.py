"""What docker-compose, Prometheus and its tool make of the files for monitoring.

Grafana does not start here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest
import test_gunicorn
import yaml
from local_http import free_port, http

from service.metrics import Metrics

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
COLLECT_SECONDS = 60  # a few on an idle machine

serving = test_gunicorn.serving  # the fixture


def output(*command: str, given: str | None = None) -> str:
    done = subprocess.run(
        command, cwd=ROOT, input=given, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def expressions() -> list[tuple[str, str]]:
    """The title of each panel and what it asks, with Grafana's own words filled in."""
    text = (ROOT / "deploy/monitoring/grafana/dashboards/manytone.json").read_text()
    return [
        (
            panel["title"],
            target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*"),
        )
        for panel in json.loads(text)["panels"]
        for target in panel["targets"]
    ]


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
    rules = [
        {"record": f"panel:{place}", "expr": expression}
        for place, (_, expression) in enumerate(expressions())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in output(promtool, "check", "rules", str(file))


@pytest.mark.skipif("PROMETHEUS_MULTIPROC_DIR" in os.environ, reason="needs a process of its own")
def test_prometheus_finds_nothing_to_say_of_the_names(promtool):
    metrics = Metrics()
    metrics.waiting(0)
    output(promtool, "check", "metrics", given=metrics.page("")[0].decode())


@pytest.fixture
def prometheus(tmp_path):
    """Starts Prometheus with the project's configuration, less the address; it is gone afterwards.

    Returns what a query of it finds.
    """
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("needs `prometheus`")
    started = []

    def start(target: str):
        configuration = yaml.safe_load((ROOT / "deploy/monitoring/prometheus.yml").read_text())
        configuration["global"]["scrape_interval"] = "1s"
        (job,) = configuration["scrape_configs"]
        job["static_configs"] = [{"targets": [target]}]
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        port = free_port()
        with (tmp_path / "prometheus.log").open("wb") as log:
            process = subprocess.Popen(
                [
                    program,
                    f"--config.file={tmp_path / 'prometheus.yml'}",
                    f"--storage.tsdb.path={tmp_path / 'prometheus'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=log,
                stderr=log,
            )
        started.append(process)

        def query(expression: str) -> list:
            url = f"http://127.0.0.1:{port}/api/v1/query?{urlencode({'query': expression})}"
            try:
                return json.load(http.open(url, timeout=10))["data"]["result"]
            except OSError:  # it is not up yet
                return []

        return query

    yield start
    for process in started:
        process.terminate()
        process.wait(30)


def test_every_panel_has_something_to_draw(serving, prometheus):
    with serving() as service:
        query = prometheus(f"127.0.0.1:{service.port}")
        end = time.monotonic() + COLLECT_SECONDS
        # A rate needs two looks, and what is to be asked of it between them.
        while not query("rate(manytone_predictions_total[1m]) > 0"):
            with service.connection() as connection:
                assert test_gunicorn.post(connection, {"text": "good"})[0] == 200
            assert time.monotonic() < end, "Prometheus has not read the metrics twice"
            time.sleep(0.2)
        empty = {title for title, expression in expressions() if not query(expression)}
    assert empty == {"Bundles swapped, removed and rejected"}  # nothing has changed in the folder
