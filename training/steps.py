"""Every step of a training, as it happens: `STAGE-steps.csv` in the folder of a run.

Any spreadsheet or data frame reads it. It stays when the run is finished.
"""

from __future__ import annotations

import csv
import io
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import TracebackType

import msgspec

from service.bundle import write_atomically
from training.errors import TrainingError


@dataclass(frozen=True)
class Step:
    """One step of the optimiser; a row of the file."""

    epoch: int  # from 1
    step: int  # from 1, counted through all epochs
    loss: float  # mean over the texts, or over what a language model foretells
    adversarial_loss: float | None  # the same, against the push; None where it is left out
    learning_rate: float
    gradient_norm: float  # before it is clipped
    tokens: int
    texts: int  # of a language model: pieces of texts
    seconds: float


class StepLog:
    """Goes on with the file of a run.

    A row is in the file as soon as it is added, so the file is never behind a checkpoint.

    Args:
        path: of the file; its folder need not exist yet.
        done: steps that the training goes on from. Later ones, taken before an interruption and
            lost by it, are dropped: they come again.
    """

    def __init__(self, path: Path, done: int) -> None:
        kept = io.StringIO(newline="")
        rows = csv.writer(kept, lineterminator="\n")
        rows.writerow(column.name for column in fields(Step))
        rows.writerows(astuple(step) for step in read_steps(path) if step.step <= done)
        write_atomically(path, kept.getvalue().encode())
        self._file = path.open("a", newline="", encoding="utf-8", buffering=1)
        self._rows = csv.writer(self._file, lineterminator="\n")

    def __enter__(self) -> StepLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, step: Step) -> None:
        self._rows.writerow(astuple(step))


def read_steps(path: Path) -> list[Step]:
    """The steps in a file, which may be one that a training is writing; none if there is no file.

    Raises:
        TrainingError: a row is not what `StepLog` writes.
    """
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):  # cut short, or only half written yet
        lines.pop()
    rows = csv.DictReader(lines)
    try:
        return [
            msgspec.convert({name: cell or None for name, cell in row.items()}, Step, strict=False)
            for row in rows
        ]
    except msgspec.ValidationError as error:
        raise TrainingError(
            f"{path}, line {rows.line_num}: not a step of a training ({error}). Move the file "
            "away: nothing but the learning curves needs it."
        ) from error
