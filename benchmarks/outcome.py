"""What the benchmarks make of what they measured: quartiles, and a file that says on what."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import described
from service.bundle import write_atomically

Quartiles = tuple[float, float, float]  # lower quartile, median, upper quartile


def quartiles(values: Sequence[float]) -> Quartiles:
    """Of one value that value, three times."""
    if len(values) == 1:
        return (round(values[0], 4),) * 3
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return round(low, 4), round(median, 4), round(high, 4)


def spread(values: Quartiles | None, digits: int) -> str:
    """
    >>> spread((0.95, 1.0, 1.25), 2), spread(None, 2)
    ('1.00 (0.95-1.25)', '-')
    """
    if values is None:
        return "-"
    low, median, high = (f"{value:.{digits}f}" for value in values)
    return f"{median} ({low}-{high})"


def write_result(path: Path, content: Mapping[str, Any]) -> None:
    """As JSON, with the machine it was measured on, and say so."""
    content = {"machine": described(), **content}
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())
    print(f"wrote {path}", flush=True)
