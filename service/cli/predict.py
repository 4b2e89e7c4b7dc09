"""`python -m service predict`: texts from the command line, or the lines of standard input."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator

import msgspec

from service.cli.parts import predictor, refuse_unfit
from service.cli.terminal import prediction
from service.errors import UsageError


def run(options: argparse.Namespace) -> int:
    with predictor(options) as reader:
        for text in _texts(options.text):
            refuse_unfit(text, options)
            [answer] = reader.predict([text], options.model)
            line = (
                msgspec.json.encode(answer).decode() if options.json else prediction(text, answer)
            )
            print(line, flush=True)  # whoever hands in a line at a time waits for each answer
    return 0


def _texts(given: list[str]) -> Iterable[str]:
    return given or _lines()


def _lines() -> Iterator[str]:
    if sys.stdin.isatty():
        print("A text a line; Ctrl-D ends.", file=sys.stderr)
    for number, raw in enumerate(sys.stdin.buffer, start=1):
        try:
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise UsageError(f"Standard input, line {number}: not UTF-8.") from error
