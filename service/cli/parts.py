"""The service's parts, put together without HTTP."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from service.batcher import Batcher
from service.cli.environment import settings
from service.errors import InvalidFieldError, UsageError
from service.predictor import Predictor
from service.registry import Registry
from service.settings import usable_cores

# Nobody waits for these answers but the one who asked.
_PATIENCE_SECONDS = 600.0


@contextmanager
def predictor(options: argparse.Namespace) -> Iterator[Predictor]:
    """
    Raises:
        StartError: a bundle or a setting is not usable.
        UsageError: there is no bundle of the name `options.model`.
    """
    given = settings(options)
    torch.set_num_threads(usable_cores())
    registry = Registry.from_folder(
        given.models_dir, given.device, given.default_model, given.precision
    )
    if options.model is not None:
        try:
            registry.get(options.model)
        except InvalidFieldError as error:
            raise UsageError(f"--model: {error}") from error
    batcher = Batcher()
    batcher.start()
    try:
        yield Predictor(registry, batcher, deadline_seconds=_PATIENCE_SECONDS)
    finally:
        batcher.stop()


def refuse_unfit(text: str, options: argparse.Namespace) -> None:
    """
    Raises:
        UsageError: the service would not take it either.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError("The text is not UTF-8.") from error
    most = settings(options).max_characters
    if len(text) > most:
        raise UsageError(f"{len(text):,} characters; a text may have {most:,} (MAX_CHARACTERS).")
