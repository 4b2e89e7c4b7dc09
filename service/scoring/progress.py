"""How far a run is, on a terminal."""

from __future__ import annotations

import sys
import time
from typing import Any


class Bar:
    """A line with a bar, the rows so far, their rate and the time left; nothing where standard
    error is no terminal.

    Args:
        total: of whatever `show` is told; None where it cannot be known.
        done: of it, before this run.
    """

    def __init__(self, total: int | None, done: int, *, shown: bool) -> None:
        self._began = time.monotonic()
        self._rows = 0
        self._bar: Any = _bar(total, done) if shown and sys.stderr.isatty() else None

    def show(self, done: int, rows: int) -> None:
        """
        Args:
            rows: how many were done since the last call.
        """
        self._rows += rows
        if self._bar is not None:
            self._bar.set_description_str(
                f"{self._rows:,} rows, {self.rows_per_second:,.0f} rows/s", refresh=False
            )
            self._bar.update(done - self._bar.n)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def rows_per_second(self) -> float:
        return self._rows / max(self.seconds, 1e-9)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _bar(total: int | None, done: int) -> Any:
    try:
        from tqdm import tqdm  # in the extra `score`: all else goes without
    except ImportError:
        print("no progress bar without tqdm: python -m pip install tqdm", file=sys.stderr)
        return None
    known = "{percentage:3.0f}%|{bar}| {desc}, {remaining} left" if total else "{desc}, {elapsed}"
    return tqdm(
        total=total,
        initial=done,
        bar_format=known,
        dynamic_ncols=True,
        smoothing=0.05,  # chunks come in as many at a time as there are processes
        leave=False,
    )
