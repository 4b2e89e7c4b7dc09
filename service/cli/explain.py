"""`python -m service explain`: a text in colours, and what each token of it added."""

from __future__ import annotations

import argparse

import msgspec

from service.cli.parts import predictor, refuse_unfit
from service.cli.terminal import coloured, explained


def run(options: argparse.Namespace) -> int:
    refuse_unfit(options.text, options)
    with predictor(options) as reader:
        answer = reader.explain(options.text, options.model)
    if options.json:
        print(msgspec.json.encode(answer).decode())
    else:
        print(explained(options.text, msgspec.to_builtins(answer), colours=coloured()))
    return 0
