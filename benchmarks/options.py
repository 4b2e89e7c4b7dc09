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


MODELS, ROUNDS = Path("models"), 20
RESULTS, RUNS = Path("benchmarks/results"), Path("runs/benchmarks")


def add_rounds_of_bundles(parser: argparse.ArgumentParser) -> None:
    """Which bundles, how many rounds, and where the outcome goes."""
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of the bundles")
    parser.add_argument("--rounds", type=at_least(2), default=ROUNDS, help="at least 2")
    parser.add_argument("--output", type=Path, help="as JSON, whatever is asked")


def folder_of(*, whole: bool) -> Path:
    """Where an outcome goes: a quick look, a part, or one at other bundles must not take the place
    of what is kept."""
    return RESULTS if whole else RUNS


def output_of(options: argparse.Namespace, name: str) -> Path:
    """The file of a benchmark of rounds of bundles."""
    whole = options.rounds >= ROUNDS and options.models == MODELS
    return options.output or folder_of(whole=whole) / name
