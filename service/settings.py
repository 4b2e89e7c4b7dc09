"""What the environment says, read once at the start.

Every variable of the README's configuration table stands here with its default, unit and range.
An empty value means the default, so that `PORT= make serve` does what it seems to say.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from service.errors import SettingsError

T = TypeVar("T")


@dataclass(frozen=True)
class Rate:
    """So many requests in so many seconds."""

    requests: int
    seconds: int  # one of _PERIODS

    def __str__(self) -> str:
        return f"{self.requests}/{next(p for p, s in _PERIODS.items() if s == self.seconds)}"


@dataclass(frozen=True)
class Settings:
    host: str = "127.0.0.1"  # this machine only; a container sets 0.0.0.0
    port: int = 8000
    workers: int = 1  # processes; `from_env` takes one per core, or one on a GPU
    threads: int = 128  # per worker, for what is not quick; made as they are needed
    device: str = "auto"  # auto, cpu, cuda, cuda:N
    precision: str = "auto"  # auto: bfloat16 where the processor has it; or float32
    models_dir: Path = Path("models")
    default_model: str = "reviews-en"  # for what no Korean bundle reads
    models_watch: float = 0.0  # seconds between two looks at the folder; 0: only on SIGHUP
    max_body_bytes: int = 4 << 20  # of a request
    max_texts: int = 1_000  # of a request
    max_characters: int = 100_000  # of a text
    batch_texts: int = 256  # of a forward pass; more gain nothing on a CPU
    batch_tokens: int = 16_384  # of a forward pass, padding included
    queue_texts: int = 8_192  # waiting in a worker, over all requests
    deadline_seconds: float = 10.0  # from when its texts are looked at
    # Secrets, and an address that may hold a password, are shown nowhere.
    api_keys: str = field(default="", repr=False)
    api_keys_file: Path | None = None
    rate_limit: tuple[Rate, ...] = ()  # requests of a key or an address
    rate_limit_storage: str = field(default="", repr=False)  # a Redis that counts for all workers
    cors_origins: tuple[str, ...] = ()  # exact ones, or "*" alone
    proxies: int = 0  # in front of the service, each adding to X-Forwarded-For
    log_level: str = "info"
    log_format: str = "auto"  # json, text, or auto: text where stderr is a terminal
    access_log: bool = False  # a line per request, which costs more than the request's JSON
    prometheus_multiproc_dir: Path | None = None  # of the workers' metrics; None makes one
    otel_exporter_otlp_endpoint: str = ""  # where spans go; "" makes none

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """
        Raises:
            SettingsError: a variable has a value it cannot have; the message names both.
        """
        read = _Reader(environ)
        device = read("DEVICE", cls.device, _device, "auto, cpu, cuda or cuda:N")
        whole = "a whole number of at least 1"
        return cls(
            host=read("HOST", cls.host, str, "an address"),
            port=read("PORT", cls.port, _within(int, 1, 65_535), "a port from 1 to 65535"),
            workers=read("WORKERS", default_workers(device), _within(int, 1, 1_024), whole),
            threads=read("THREADS", cls.threads, _within(int, 8, 4_096), "8 to 4096"),
            device=device,
            precision=read("PRECISION", cls.precision, _precision, "auto or float32"),
            models_dir=read("MODELS_DIR", cls.models_dir, Path, "a folder"),
            default_model=read("DEFAULT_MODEL", cls.default_model, str, "the name of a bundle"),
            models_watch=read(
                "MODELS_WATCH", cls.models_watch, _watch, "0 (off) or seconds from 0.1 to 3600"
            ),
            max_body_bytes=read("MAX_BODY_BYTES", cls.max_body_bytes, _within(int, 1), whole),
            max_texts=read("MAX_TEXTS", cls.max_texts, _within(int, 1), whole),
            max_characters=read("MAX_CHARACTERS", cls.max_characters, _within(int, 1), whole),
            batch_texts=read("BATCH_TEXTS", cls.batch_texts, _within(int, 1), whole),
            batch_tokens=read("BATCH_TOKENS", cls.batch_tokens, _within(int, 1), whole),
            queue_texts=read("QUEUE_TEXTS", cls.queue_texts, _within(int, 1), whole),
            deadline_seconds=read(
                "DEADLINE_SECONDS",
                cls.deadline_seconds,
                _within(float, 0.001, 3_600),
                "seconds from 0.001 to 3600",
            ),
            api_keys=read("API_KEYS", cls.api_keys, str, "NAME:KEY, with commas between several"),
            api_keys_file=read("API_KEYS_FILE", cls.api_keys_file, Path, "a file"),
            rate_limit=read(
                "RATE_LIMIT",
                cls.rate_limit,
                _rates,
                "requests per second, minute, hour or day, such as 100/minute or "
                "10/second;1000/hour",
            ),
            rate_limit_storage=read(
                "RATE_LIMIT_STORAGE",
                cls.rate_limit_storage,
                _redis,
                "an address such as redis://HOST:6379",
                secret=True,
            ),
            cors_origins=read(
                "CORS_ORIGINS",
                cls.cors_origins,
                _origins,
                "*, or origins such as https://app.example with commas between them",
            ),
            proxies=read("PROXIES", cls.proxies, _within(int, 0, 16), "0 to 16 proxies"),
            log_level=read(
                "LOG_LEVEL", cls.log_level, _log_level, "debug, info, warning, error or critical"
            ),
            log_format=read("LOG_FORMAT", cls.log_format, _log_format, "auto, json or text"),
            access_log=read("ACCESS_LOG", cls.access_log, _switch, "1 or 0"),
            prometheus_multiproc_dir=read(
                "PROMETHEUS_MULTIPROC_DIR", cls.prometheus_multiproc_dir, Path, "a folder"
            ),
            otel_exporter_otlp_endpoint=read(
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                cls.otel_exporter_otlp_endpoint,
                _http_address,
                "an http:// or https:// address",
            ),
        )

    @property
    def network_threads(self) -> int:
        """A worker's share of the cores: each has one thread that runs the network on them."""
        return max(1, usable_cores() // self.workers)

    @property
    def queue_requests(self) -> int:
        """How many requests may wait for the network: fewer than threads, so that metrics, the page
        and the like find one free whoever waits."""
        return self.threads - 4


def default_workers(device: str) -> int:
    """One worker per core, or one alone where a GPU does the work."""
    if device.startswith("cuda") or (device == "auto" and _sees_a_gpu() and _has_cuda()):
        return 1
    return usable_cores()


def _has_cuda() -> bool:
    """Whether PyTorch is a build for GPUs; asked without importing it."""
    return not version("torch").endswith("+cpu")


def _sees_a_gpu(devices: Path = Path("/dev")) -> bool:
    """Whether this process was given one; a driver's files in /proc show in every container."""
    return (devices / "dxg").exists() or any(devices.glob("nvidia[0-9]*"))


def usable_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """The cores that this process may use: a container's quota counts, not the host's cores.

    Args:
        cgroup: where the quota stands: `cpu.max` (cgroup v2) or `cpu/cpu.cfs_quota_us` (v1).
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = _quota(cgroup)
    return max(1, min(cores or 1, math.ceil(quota) if quota else cores or 1))


def _quota(cgroup: Path) -> float | None:
    """Cores' worth of time that the container may take, or None without a limit."""
    try:
        limit, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit = (cgroup / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    return None if limit in ("max", "-1") else int(limit) / int(period)


class _Reader:
    """Reads one variable: absent or empty is the default, unreadable is a `SettingsError`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def __call__(
        self,
        name: str,
        default: T,
        convert: Callable[[str], T],
        expected: str,
        *,
        secret: bool = False,
    ) -> T:
        text = self._environ.get(name, "").strip()
        if not text:
            return default
        try:
            return convert(text)
        except ValueError as error:
            raise SettingsError(name, "…" if secret else text, expected) from error


Number = TypeVar("Number", int, float)


def _within(
    convert: Callable[[str], Number], low: float, high: float = math.inf
) -> Callable[[str], Number]:
    def checked(text: str) -> Number:
        number = convert(text)
        if not low <= number <= high:
            raise ValueError(text)
        return number

    return checked


def _watch(text: str) -> float:
    return 0.0 if text == "0" else _within(float, 0.1, 3_600)(text)


def _device(text: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:(0|[1-9][0-9]?))?", text):
        raise ValueError(text)
    return text


def _precision(text: str) -> str:
    if text not in ("auto", "float32"):
        raise ValueError(text)
    return text


_PERIODS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}


def _rates(text: str) -> tuple[Rate, ...]:
    """
    >>> _rates("10/second; 1000/hour")
    (Rate(requests=10, seconds=1), Rate(requests=1000, seconds=3600))
    """
    rates = []
    for part in text.split(";"):
        found = re.fullmatch(r"\s*([1-9][0-9]{0,8})\s*/\s*(second|minute|hour|day)\s*", part)
        if found is None:
            raise ValueError(text)
        rates.append(Rate(int(found[1]), _PERIODS[found[2]]))
    if len({rate.seconds for rate in rates}) < len(rates):
        raise ValueError(text)  # the larger of two for one period would say nothing
    return tuple(rates)


def _redis(text: str) -> str:
    address = urlsplit(text)
    if address.scheme not in ("redis", "rediss") or not address.hostname or address.port == 0:
        raise ValueError(text)
    return text


def _origins(text: str) -> tuple[str, ...]:
    if text == "*":
        return ("*",)
    origins = tuple(origin.strip().lower() for origin in text.split(","))
    # As a browser writes it: without a path, and without a slash at the end.
    if not all(re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@*\s]+", origin) for origin in origins):
        raise ValueError(text)
    return origins


def _log_level(text: str) -> str:
    if text.lower() not in ("debug", "info", "warning", "error", "critical"):
        raise ValueError(text)
    return text.lower()


def _log_format(text: str) -> str:
    if text.lower() not in ("auto", "json", "text"):
        raise ValueError(text)
    return text.lower()


def _switch(text: str) -> bool:
    switches = {"1": True, "true": True, "on": True, "yes": True}
    switches |= {"0": False, "false": False, "off": False, "no": False}
    if text.lower() not in switches:
        raise ValueError(text)
    return switches[text.lower()]


def _http_address(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+\S*", text):
        raise ValueError(text)
    return text
