"""What runs in each process of the pool. Its own imports are light: the main process has it too."""

from __future__ import annotations

import csv
import gc
import multiprocessing
import os
import threading
from typing import TYPE_CHECKING

from service.errors import CommandError, InvalidFieldError, ManytoneError, UsageError
from service.scoring.chunks import Chunk, Plan, Readers, Scored
from service.scoring.text import field_characters
from service.settings import Settings

if TYPE_CHECKING:
    from service.scoring.scorer import Scorer

# Objects made and not yet freed; a chunk makes about half as many.
_COLLECT_AFTER = 50_000

_settings: Settings
_scorer: Scorer | None = None


def start(settings: Settings) -> None:
    """Called once, before anything else."""
    global _settings
    _settings = settings
    csv.field_size_limit(field_characters(settings.max_characters))
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def readers(model: str | None) -> Readers:
    """Which bundles there are to read.

    Raises:
        UsageError: there is no such bundle.
        CommandError: the bundles cannot be used.
    """
    try:
        return _loaded().readers(model)
    except InvalidFieldError as error:
        raise UsageError(f"--model: {error}") from None
    except ManytoneError as error:
        # Not every error can be handed from one process to another.
        raise CommandError(str(error)) from None


def score(chunk: Chunk, plan: Plan) -> Scored:
    return _loaded().score(chunk, plan)


def _loaded() -> Scorer:
    global _scorer
    if _scorer is None:
        # Only here: torch takes a second and hundreds of megabytes, which the main process saves.
        import torch

        from service.registry import Registry
        from service.scoring.scorer import Scorer

        torch.set_num_threads(_settings.network_threads)
        _scorer = Scorer(
            Registry.from_folder(
                _settings.models_dir,
                _settings.device,
                _settings.default_model,
                _settings.precision,
            )
        )
        # All this stays, and a chunk leaves no cycles behind: the garbage collector need neither
        # walk through the one again and again, nor through the rows of the other.
        gc.freeze()
        gc.set_threshold(_COLLECT_AFTER)
    return _scorer


def _end_with_the_parent() -> None:
    # After a `kill -9` of the main process nobody tells this one: it would wait for ever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
