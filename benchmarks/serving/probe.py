"""Health checks under load: about 20 a second, each on a connection of its own, as a load balancer
asks them."""

from __future__ import annotations

import http.client
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.serving.running import ask
from benchmarks.serving.servers import Request

PATHS = ("/livez", "/readyz")
PAUSE_SECONDS = 0.05


@dataclass
class Probes:
    """Path -> milliseconds of each answer, and how many were none or not 200."""

    milliseconds: dict[str, list[float]] = field(
        default_factory=lambda: {path: [] for path in PATHS}
    )
    failed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PATHS, 0))

    def ask(self, port: int, path: str) -> None:
        began = time.perf_counter()
        try:
            right = ask(port, Request(path))[0] == 200
        except (OSError, http.client.HTTPException):
            right = False
        self.milliseconds[path].append(1_000 * (time.perf_counter() - began))
        self.failed[path] += not right


@contextmanager
def probing(port: int) -> Iterator[Probes]:
    """Ask in turn until the block ends."""
    probes, stop = Probes(), threading.Event()

    def run() -> None:
        while True:
            for path in PATHS:
                probes.ask(port, path)
                if stop.wait(PAUSE_SECONDS):
                    return

    thread = threading.Thread(target=run, name="probe", daemon=True)
    thread.start()
    try:
        yield probes
    finally:
        stop.set()
        thread.join()


def p99(values: list[float]) -> float:
    """Of few values the longest."""
    if len(values) < 2:
        return max(values, default=0.0)
    return statistics.quantiles(values, n=100, method="inclusive")[98]
