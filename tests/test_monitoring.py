"""Prometheus's and Grafana's files fit the service and each other."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from service.app import create_app
from service.batcher import Batcher
from service.metrics import Metrics
from service.registry import Registry
from service.settings import Settings

ROOT = Path(__file__).parent.parent
MONITORING = ROOT / "deploy/monitoring"
GRAFANA = MONITORING / "grafana"


def parsed(path):
    return yaml.safe_load(path.read_text())


@pytest.fixture(scope="module")
def compose():
    return parsed(ROOT / "docker-compose.yml")


@pytest.fixture(scope="module")
def dashboard():
    return json.loads((GRAFANA / "dashboards/manytone.json").read_text())


@pytest.fixture(scope="module")
def served(models_dir):
    """{"name of a series": {its labels}} of a service that has answered a request."""
    metrics = Metrics()
    batcher = Batcher(metrics=metrics)
    batcher.start()
    app = create_app(
        Settings(device="cpu"),
        registry=Registry.from_folder(models_dir, "cpu", "reviews-en"),
        batcher=batcher,
        metrics=metrics,
    )
    app.test_client().post("/predict", json={"text": "good"})
    batcher.stop()  # a forward pass is counted after its answers have gone
    metrics.swapped("shop", "rejected")
    page = app.test_client().get("/metrics").get_data(as_text=True)
    return {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def expressions(dashboard):
    """What the panels and the variables ask for."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        yield variable["name"], variable["definition"]


def series(expression):
    """The names of the series in an expression, and the labels that each is asked by."""
    found = re.findall(r"(manytone_\w+)(?:\{([^}]*)\})?", expression)
    return [(name, set(re.findall(r"(\w+)=", labels))) for name, labels in found]


def test_every_series_of_the_dashboard_is_one_that_the_service_has(dashboard, served):
    asked = [pair for _, expression in expressions(dashboard) for pair in series(expression)]
    assert len(asked) > 20
    for name, labels in asked:
        assert name in served
        assert labels <= served[name] | {"instance"}  # which Prometheus adds


def test_every_metric_of_the_service_is_on_the_dashboard(dashboard, served):
    shown = {name for _, text in expressions(dashboard) for name, _ in series(text)}
    families = {re.sub("_(bucket|sum|count|created)$", "", name) for name in served}
    families -= {name.removesuffix("_total") for name in families if name.endswith("_total")}
    assert families == {re.sub("_(bucket|sum|count)$", "", name) for name in shown}


def test_the_check_finds_a_series_that_is_not_there(served):
    ((name, labels),) = series('rate(manytone_answers_total{status="200"}[5m])')
    assert name not in served
    assert labels == {"status"}


def test_what_is_summed_by_is_a_label_of_its_series(dashboard, served):
    for title, expression in expressions(dashboard):
        labels = {
            label
            for group in re.findall(r"by \(([^)]*)\)", expression)
            for label in group.split(", ")
        }
        has = set().union(*(served[name] for name, _ in series(expression)))
        assert labels <= has, title


def test_panels_have_titles_ids_and_places_of_their_own(dashboard):
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert {x for x, _ in cells} == set(range(24))


def test_the_dashboard_asks_the_data_source_that_is_provisioned(dashboard, compose):
    (source,) = parsed(GRAFANA / "provisioning/datasources/prometheus.yml")["datasources"]
    for panel in dashboard["panels"]:
        assert panel["datasource"]["uid"] == source["uid"]
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in compose["services"]


def test_prometheus_asks_the_service_where_it_listens(compose):
    config = parsed(MONITORING / "prometheus.yml")
    (job,) = config["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["manytone:8000"]}]
    assert job.get("metrics_path", "/metrics") == "/metrics"
    assert compose["services"]["manytone"]["ports"] == ["${BIND:-127.0.0.1}:${PORT:-8000}:8000"]
    (source,) = parsed(GRAFANA / "provisioning/datasources/prometheus.yml")["datasources"]
    assert source["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]


def test_everything_that_is_mounted_is_there_and_where_grafana_looks(compose):
    mounts = dict(
        volume.split(":")[:2]
        for name in ("prometheus", "grafana")
        for volume in compose["services"][name]["volumes"]
        if volume.startswith("./")
    )
    for source in mounts:
        assert (ROOT / source).exists(), source
    (provider,) = parsed(GRAFANA / "provisioning/dashboards/manytone.yml")["providers"]
    assert mounts["./deploy/monitoring/grafana/dashboards"] == provider["options"]["path"]
    environment = compose["services"]["grafana"]["environment"]
    home = environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/manytone.json"


def test_monitoring_starts_only_when_asked_for_and_listens_on_this_machine_only(compose):
    for name in ("prometheus", "grafana"):
        service = compose["services"][name]
        assert service["profiles"] == ["monitoring"]
        assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", service["image"])
        assert [port.startswith("127.0.0.1:") for port in service["ports"]] == [True]
    assert "profiles" not in compose["services"]["manytone"]
