"""Settings: every variable, its default, and what each refuses."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

import pytest

from service.errors import SettingsError
from service.settings import Rate, Settings, _sees_a_gpu, default_workers, usable_cores

ROOT = Path(__file__).parent.parent
README, COMPOSE = ((ROOT / name).read_text() for name in ("README.md", "docker-compose.yml"))

ORIGINS = ("https://a.example", "http://[::1]:3000")

VARIABLES = [
    ("HOST", "0.0.0.0", "host", "0.0.0.0"),
    ("HOST", "::1", "host", "::1"),
    ("PORT", "9000", "port", 9000),
    ("PORT", "65535", "port", 65_535),
    ("WORKERS", "3", "workers", 3),
    ("THREADS", "8", "threads", 8),
    ("DEVICE", "auto", "device", "auto"),
    ("DEVICE", "cpu", "device", "cpu"),
    ("DEVICE", "cuda", "device", "cuda"),
    ("DEVICE", "cuda:1", "device", "cuda:1"),
    ("PRECISION", "auto", "precision", "auto"),
    ("PRECISION", "float32", "precision", "float32"),
    ("MODELS_DIR", "/srv/models", "models_dir", Path("/srv/models")),
    ("DEFAULT_MODEL", "reviews-ko", "default_model", "reviews-ko"),
    ("MODELS_WATCH", "0", "models_watch", 0.0),
    ("MODELS_WATCH", "1", "models_watch", 1.0),
    ("MAX_BODY_BYTES", "1", "max_body_bytes", 1),
    ("MAX_TEXTS", "10000", "max_texts", 10_000),
    ("MAX_CHARACTERS", "1", "max_characters", 1),
    ("BATCH_TEXTS", "1", "batch_texts", 1),
    ("BATCH_TOKENS", "1", "batch_tokens", 1),
    ("QUEUE_TEXTS", "1", "queue_texts", 1),
    ("DEADLINE_SECONDS", "0.5", "deadline_seconds", 0.5),
    ("API_KEYS", "shop:0123456789abcdef", "api_keys", "shop:0123456789abcdef"),
    ("API_KEYS_FILE", "/run/secrets/keys", "api_keys_file", Path("/run/secrets/keys")),
    ("RATE_LIMIT", "100/minute", "rate_limit", (Rate(100, 60),)),
    ("RATE_LIMIT", "10/second ; 9000/day", "rate_limit", (Rate(10, 1), Rate(9_000, 86_400))),
    ("RATE_LIMIT_STORAGE", "redis://redis:6379/1", "rate_limit_storage", "redis://redis:6379/1"),
    ("RATE_LIMIT_STORAGE", "rediss://:pw@[::1]", "rate_limit_storage", "rediss://:pw@[::1]"),
    ("CORS_ORIGINS", "*", "cors_origins", ("*",)),
    ("CORS_ORIGINS", "https://A.example, http://[::1]:3000", "cors_origins", ORIGINS),
    ("PROXIES", "2", "proxies", 2),
    ("LOG_LEVEL", "DEBUG", "log_level", "debug"),
    ("LOG_FORMAT", "JSON", "log_format", "json"),
    ("LOG_FORMAT", "text", "log_format", "text"),
    ("ACCESS_LOG", "1", "access_log", True),
    ("ACCESS_LOG", "False", "access_log", False),
    ("PROMETHEUS_MULTIPROC_DIR", "/srv/metrics", "prometheus_multiproc_dir", Path("/srv/metrics")),
    (
        *("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        *("otel_exporter_otlp_endpoint", "http://collector:4318"),
    ),
]


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [pytest.param(*case, id=f"{case[0]}={case[1]}") for case in VARIABLES],
)
def test_a_variable_is_read(variable, text, field, value):
    assert getattr(Settings.from_env({variable: text}), field) == value
    assert getattr(Settings.from_env({variable: f" {text}\n"}), field) == value


def test_every_field_has_a_variable_of_its_name():
    assert {field.name.upper() for field in fields(Settings)} == {case[0] for case in VARIABLES}


def test_every_variable_stands_in_a_table_of_the_readme():
    rows = {line.split("`")[1] for line in README.splitlines() if line.startswith("| `")}
    assert {field.name.upper() for field in fields(Settings)} <= rows


def test_compose_hands_every_variable_on_but_where_to_listen_and_load():
    handed = {line.strip().removeprefix("- ") for line in COMPOSE.splitlines()}
    ours = {field.name.upper() for field in fields(Settings)}
    assert ours - handed == {"HOST", "PORT", "MODELS_DIR", "PROMETHEUS_MULTIPROC_DIR"}


@pytest.mark.parametrize("text", [pytest.param("", id="empty"), pytest.param("  ", id="blank")])
def test_an_empty_value_means_the_default(text):
    assert Settings.from_env({case[0]: text for case in VARIABLES}) == Settings.from_env({})


def test_defaults_are_those_of_the_class_but_for_the_workers():
    found = Settings.from_env({})
    for field in fields(Settings):
        if field.name != "workers":
            assert getattr(found, field.name) == field.default


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "abc"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "80.5"),
        ("WORKERS", "0"),
        ("WORKERS", "two"),
        ("WORKERS", "1025"),
        ("THREADS", "7"),
        ("DEVICE", "gpu"),
        ("DEVICE", "cuda:"),
        ("DEVICE", "cuda:x"),
        ("DEVICE", "cuda:-1"),
        ("DEVICE", "cuda:007"),
        ("DEVICE", "cuda:128"),
        ("DEVICE", "cuda:٣"),
        ("PRECISION", "bfloat16"),
        ("MODELS_WATCH", "yes"),
        ("MODELS_WATCH", "0.01"),
        ("MODELS_WATCH", "-1"),
        ("MAX_BODY_BYTES", "0"),
        ("MAX_BODY_BYTES", "4MB"),
        ("MAX_TEXTS", "0"),
        ("MAX_CHARACTERS", "0"),
        ("BATCH_TEXTS", "0"),
        ("BATCH_TOKENS", "1e4"),
        ("QUEUE_TEXTS", "-5"),
        ("DEADLINE_SECONDS", "0"),
        ("DEADLINE_SECONDS", "nan"),
        ("DEADLINE_SECONDS", "inf"),
        ("DEADLINE_SECONDS", "ten"),
        ("RATE_LIMIT", "100"),
        ("RATE_LIMIT", "0/minute"),
        ("RATE_LIMIT", "-1/minute"),
        ("RATE_LIMIT", "100/week"),
        ("RATE_LIMIT", "100/minute;"),
        ("RATE_LIMIT", "100/minute, 10/second"),
        ("RATE_LIMIT", "100/minute;50/minute"),
        ("RATE_LIMIT", "٣/minute"),
        ("CORS_ORIGINS", "app.example"),
        ("CORS_ORIGINS", "https://app.example/"),
        ("CORS_ORIGINS", "https://app.example/page"),
        ("CORS_ORIGINS", "https://*.app.example"),
        ("CORS_ORIGINS", "*, https://app.example"),
        ("CORS_ORIGINS", "https://a.example https://b.example"),
        ("CORS_ORIGINS", "https://a.example,,https://b.example"),
        ("CORS_ORIGINS", "null"),
        ("PROXIES", "-1"),
        ("PROXIES", "17"),
        ("PROXIES", "yes"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("ACCESS_LOG", "2"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"),
    ],
)
def test_a_bad_value_is_refused_by_name_and_value(variable, value):
    with pytest.raises(SettingsError) as refused:
        Settings.from_env({variable: value})
    assert str(refused.value).startswith(f"{variable}={value!r} is not valid: expected ")


@pytest.mark.parametrize("address", ["localhost:6379", "http://pw@x", "redis://", "redis://x:pw"])
def test_a_bad_address_of_the_storage_is_refused_without_quoting_it(address):
    with pytest.raises(SettingsError) as refused:
        Settings.from_env({"RATE_LIMIT_STORAGE": address})
    assert str(refused.value).startswith("RATE_LIMIT_STORAGE='…' is not valid: expected an address")


def test_no_secret_is_shown():
    settings = Settings(api_keys="shop:geheim", rate_limit_storage="redis://:geheim@redis")
    assert "geheim" not in repr(settings)


@pytest.mark.parametrize("text", ["1/second", "20/minute", "300/hour", "4000/day"])
def test_a_rate_is_written_as_it_was_read(text):
    assert str(Settings.from_env({"RATE_LIMIT": text}).rate_limit[0]) == text


def test_fewer_requests_may_wait_than_there_are_threads():
    assert 0 < Settings(threads=8).queue_requests < 8


@pytest.mark.parametrize(("device", "workers"), [("cuda", 1), ("cuda:1", 1)])
def test_a_gpu_gets_one_worker(device, workers):
    assert default_workers(device) == workers


@pytest.mark.parametrize(
    ("build", "workers"), [("2.13.0+cpu", 7), ("2.13.0+cu130", 1), ("2.13.0", 1)]
)
def test_a_gpu_that_this_build_of_pytorch_cannot_use_counts_for_none(monkeypatch, build, workers):
    monkeypatch.setattr("service.settings.version", {"torch": build}.get)
    monkeypatch.setattr("service.settings._sees_a_gpu", lambda: True)
    monkeypatch.setattr("service.settings.usable_cores", lambda: 7)
    assert default_workers("auto") == workers


@pytest.mark.parametrize(
    ("files", "sees"),
    [(["nvidia0"], True), (["nvidia12", "null"], True), (["dxg"], True), (["nvidiactl"], False)],
)
def test_a_gpu_is_seen_by_its_device(tmp_path, files, sees):
    for name in files:
        (tmp_path / name).touch()
    assert _sees_a_gpu(tmp_path) is sees


def test_a_cpu_gets_a_worker_per_usable_core():
    assert Settings.from_env({"DEVICE": "cpu"}).workers == usable_cores()


def host_cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def version_1(folder, quota, period="100000\n"):
    (folder / "cpu").mkdir()
    (folder / "cpu/cpu.cfs_quota_us").write_text(quota)
    (folder / "cpu/cpu.cfs_period_us").write_text(period)


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        pytest.param("100000 100000\n", 1, id="one core"),
        pytest.param("50000 100000\n", 1, id="half a core"),
        pytest.param("1000 100000\n", 1, id="a hundredth"),
        pytest.param("max 100000\n", None, id="no limit"),
        pytest.param("900000000 100000\n", None, id="more than the host has"),
    ],
)
def test_the_quota_of_cgroup_2_counts(tmp_path, text, cores):
    (tmp_path / "cpu.max").write_text(text)
    assert usable_cores(tmp_path) == (cores or host_cores())


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        pytest.param("100000\n", 1, id="one core"),
        pytest.param("20000\n", 1, id="a fifth"),
        pytest.param("-1\n", None, id="no limit"),
        pytest.param("900000000\n", None, id="more than the host has"),
    ],
)
def test_the_quota_of_cgroup_1_counts(tmp_path, quota, cores):
    version_1(tmp_path, quota)
    assert usable_cores(tmp_path) == (cores or host_cores())


@pytest.mark.skipif(host_cores() < 2, reason="needs two cores to tell them apart")
def test_a_quota_of_one_core_and_a_half_is_two(tmp_path):
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert usable_cores(tmp_path) == 2


def test_without_a_cgroup_the_host_counts(tmp_path):
    assert usable_cores(tmp_path / "none") == host_cores()
