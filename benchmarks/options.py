"""What the benchmarks' command lines have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


def at_least(least: int) -> Callable[[str], int]:
    """A type for argparse: a whole number, `least` or more."""

    def number(text: str) -> int:
        found = int(text)
        if found < least:
            raise ValueError(text)
        return found

    return number


def add_rounds_of_bundles(parser: argparse.ArgumentParser, output: Path) -> None:
    """Which bundles, how many rounds, and where the outcome goes."""
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of the bundles")
    parser.add_argument("--rounds", type=at_least(2), default=20, help="at least 2")
    parser.add_argument("--output", type=Path, default=output, help="as JSON")
