"""One epoch of steps, of whatever is trained: shown, stopped when asked, saved now and then."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from tqdm import tqdm

from training.batches import Batch
from training.checkpoint import Interrupted, StopSignal
from training.errors import TrainingError
from training.steps import Step, StepLog

CHECKPOINT_SECONDS = 300  # what a power cut may cost
WARM_UP = 200  # steps, or a tenth of all, where that is less


@dataclass
class Progress:
    """Where a training stands; all of it goes into a checkpoint."""

    epoch: int = 0  # epochs that are done
    step: int = 0  # steps of the epoch under way that are done
    steps: int = 0  # steps that are done in all
    loss: float = 0.0  # summed over the steps of the epoch under way

    @property
    def mean_loss(self) -> float:
        """Of the steps of the epoch under way."""
        return self.loss / max(self.step, 1)


def one_epoch(
    batches: Iterable[Batch],
    progress: Progress,
    stop: StopSignal,
    *,
    title: str,
    texts: int,
    step: Callable[[Batch], Step],
    steps: StepLog,
    save: Callable[[], None],
) -> None:
    """Take a step on each batch, but for those that were read before an interruption.

    Args:
        progress: is brought up to date after every step.
        texts: how many there are in all batches.
        step: learns from a batch and tells how it went.
        steps: where that is written down.
        save: leaves a checkpoint.

    Raises:
        Interrupted: `stop` was asked; the step under way is finished, and a checkpoint left.
    """
    saved = time.monotonic()
    with _bar(title, texts) as bar:
        for number, batch in enumerate(batches):
            if number < progress.step:
                bar.n += len(batch.lengths)
                bar.initial = bar.n  # what was read before says nothing of the speed now
                continue
            taken = step(batch)
            steps.add(taken)
            progress.loss += taken.loss
            bar.update(len(batch.lengths))
            progress.step += 1
            progress.steps += 1
            bar.set_postfix(loss=f"{progress.mean_loss:.4f}", refresh=False)
            if stop.asked:
                save()
                raise Interrupted
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                save()
                saved = time.monotonic()


def half_cosine(start: float, steps: int, total: int) -> float:
    """A learning rate that falls from `start` to 0 (Loshchilov and Hutter 2017,
    https://arxiv.org/abs/1608.03983, without restarts)."""
    return start * 0.5 * (1 + math.cos(math.pi * min(steps / total, 1.0)))


def warm_up(steps: int, total: int) -> float:
    """Share of the learning rate in a training's first steps: it rises from near 0 to 1, since what
    Adam makes of its first gradients is a poor guide."""
    return min(1.0, (steps + 1) / min(WARM_UP, 1 + total // 10))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def require_number(loss: float, steps: int, advice: str) -> float:
    """
    Raises:
        TrainingError: the loss is none any more, and `advice` says what to do.
    """
    if not math.isfinite(loss):
        raise TrainingError(f"The loss became {loss} at step {steps + 1}. {advice}")
    return loss


def _bar(title: str, texts: int) -> Any:
    return tqdm(
        total=texts,
        desc=title,
        unit="text",
        mininterval=0.5 if sys.stderr.isatty() else 30,  # seconds; a log wants few lines
        smoothing=0.05,
    )
