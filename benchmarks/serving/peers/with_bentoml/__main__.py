"""A service with BentoML's adaptive batching, or with a pool of threads instead."""
# mypy: ignore-errors

import os
from typing import Any

import bentoml

from benchmarks.serving.reading import from_environment

BATCHED = int(os.environ["MAX_BATCH_SIZE"]) > 1


@bentoml.service(
    workers=int(os.environ["WORKERS"]),
    threads=int(os.environ["THREADS"]),
    traffic={"timeout": 60},
)
class Reviews:
    def __init__(self) -> None:
        self.read = from_environment(os.environ)

    @bentoml.api(
        batchable=BATCHED,
        max_batch_size=max(2, int(os.environ["MAX_BATCH_SIZE"])),  # 1 is refused, batches or not
        max_latency_ms=60_000,  # what waits longer is refused
    )
    def predict(self, texts: list[str]) -> list[dict[str, Any]]:
        return self.read(texts)
