"""The folder of one run: what an interrupted training goes on from."""

from __future__ import annotations

import fcntl
import io
import json
import logging
import pickle
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from service.bundle import write_atomically
from service.tokenizer import Tokenizer
from training.errors import TrainingError

log = logging.getLogger(__name__)


class Interrupted(Exception):
    """Stopped on request; a checkpoint is left."""


@dataclass(frozen=True)
class Run:
    """`runs/NAME/`: the recipe, tokenizer, word vectors; of each stage the last checkpoint and
    every step."""

    folder: Path

    @property
    def _recipe(self) -> Path:
        return self.folder / "recipe.json"

    @property
    def _finished(self) -> Path:
        return self.folder / "finished.json"

    def steps(self, stage: str) -> Path:
        """Every step of a stage (`training/steps.py`)."""
        return self.folder / f"{stage}-steps.csv"

    @property
    def last_steps(self) -> Path | None:
        """The steps of the stage that made the bundle; None if there are none."""
        known = [self.steps(stage) for stage in ("student", "fit")]
        return next((path for path in known if path.exists()), None)

    def _checkpoint(self, stage: str) -> Path:
        return self.folder / f"{stage}.pt"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other process trains in this folder meanwhile.

        Raises:
            TrainingError: one does already.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TrainingError(
                    f"{self.folder} is in use by another training. Wait until it is done, or give "
                    "this one another --name (NAME=… with make)."
                ) from None
            yield  # the kernel drops the lock of a process that dies

    def begin(self, recipe: Mapping[str, Any], *, resume: bool, restart: bool) -> None:
        """Start anew, or make sure that what lies here is the beginning of this very training.

        Raises:
            TrainingError: there is nothing to resume, it was another recipe, or an unfinished
                run would be lost.
        """
        text = _to_json(recipe)
        if resume:
            self._require_same(json.loads(text))
            return
        if any(self.folder.glob("*.pt")) and not restart:
            raise TrainingError(
                f"{self.folder} holds an unfinished run. Go on with it by --resume (RESUME=1 with "
                "make), or start anew by --restart (ARGS=--restart)."
            )
        for path in self._left_behind():
            path.unlink()
        write_atomically(self._recipe, text.encode())

    def _require_same(self, recipe: dict[str, Any]) -> None:
        if not self._recipe.exists():
            raise TrainingError(f"{self.folder} holds no run to resume: start it without --resume.")
        if self._finished.exists():
            raise TrainingError(
                f"{self.folder} is finished: there is nothing to resume. Start anew without "
                "--resume."
            )
        before = _flat(json.loads(self._recipe.read_text(encoding="utf-8")))
        recipe = _flat(recipe)
        changed = sorted(
            f"{name} (was {before.get(name)!r}, now {recipe.get(name)!r})"
            for name in before.keys() | recipe.keys()
            if before.get(name) != recipe.get(name)
        )
        if changed:
            raise TrainingError(
                f"{self.folder} is a run of another recipe; different are {'; '.join(changed)}. "
                "Resume with the same options, or start anew by --restart."
            )

    def told_commit(self, commit: str) -> None:
        """Keep the commit of the code that began, and say so where other code goes on."""
        path = self.folder / "commit.json"
        if not path.exists():
            write_atomically(path, _to_json(commit).encode())
            return
        began = json.loads(path.read_bytes())
        if began != commit:
            log.warning(
                "this run began at commit %s and goes on at %s: where the two train otherwise, "
                "nobody can make this bundle again",
                began,
                commit,
            )

    def require_same_data(self, sources: Mapping[str, Any]) -> None:
        """Keep the digests of what is read, or compare them with what was read before.

        Raises:
            TrainingError: a file has changed since the run began.
        """
        path = self.folder / "data.json"
        text = _to_json(sources)
        if not path.exists():
            write_atomically(path, text.encode())
        elif path.read_text(encoding="utf-8") != text:
            raise TrainingError(
                f"{self.folder} began on other data: what {path} lists has changed since. Bring "
                "the files back, or start anew by --restart (ARGS=--restart)."
            )

    def tokenizer(self) -> Tokenizer | None:
        path = self.folder / "tokenizer.model"
        return Tokenizer(path.read_bytes()) if path.exists() else None

    def keep_tokenizer(self, tokenizer: Tokenizer) -> None:
        write_atomically(self.folder / "tokenizer.model", tokenizer.model)

    def vectors(self) -> npt.NDArray[np.float32] | None:
        return self._array("vectors.npy")

    def keep_vectors(self, vectors: npt.NDArray[np.float32]) -> None:
        self._keep_array("vectors.npy", vectors)

    def taught_vectors(self) -> npt.NDArray[np.float32] | None:
        return self._array("taught-vectors.npy")

    def keep_taught_vectors(self, vectors: npt.NDArray[np.float32]) -> None:
        self._keep_array("taught-vectors.npy", vectors)

    def targets(self) -> npt.NDArray[np.float32] | None:
        return self._array("targets.npy")

    def keep_targets(self, targets: npt.NDArray[np.float32]) -> None:
        self._keep_array("targets.npy", targets)

    def _array(self, name: str) -> npt.NDArray[np.float32] | None:
        path = self.folder / name
        return np.load(path) if path.exists() else None

    def _keep_array(self, name: str, array: npt.NDArray[np.float32]) -> None:
        buffer = io.BytesIO()
        np.save(buffer, array)
        write_atomically(self.folder / name, buffer.getvalue())

    def load(self, stage: str, device: torch.device) -> dict[str, Any] | None:
        """The last checkpoint of a stage, or None before the first."""
        path = self._checkpoint(stage)
        if not path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(path, map_location=device)
        except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise TrainingError(f"{path} is damaged. Start anew by --restart.") from error
        return state

    def save(self, stage: str, state: Mapping[str, Any]) -> None:
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        write_atomically(self._checkpoint(stage), buffer.getvalue())

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Adds the time within to that of the run, however it ends."""
        began = time.monotonic()
        try:
            yield
        finally:
            spent = self._seconds() + time.monotonic() - began
            with suppress(OSError):  # a full disk, which is told by what was to be written before
                write_atomically(self._clock, _to_json({"seconds": round(spent)}).encode())

    @property
    def _clock(self) -> Path:
        return self.folder / "time.json"

    def _seconds(self) -> float:
        clock = self._clock
        return float(json.loads(clock.read_bytes())["seconds"]) if clock.exists() else 0.0

    def tell_time(self, folder: Path) -> None:
        """Write how long the training took, and on how many threads, for the card: not into the
        bundle, since the same training is to give the same bytes."""
        told = {"seconds": round(self._seconds()), "threads": torch.get_num_threads()}
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "time.json", _to_json(told).encode())

    def finish(self) -> None:
        """The bundle is written: there is nothing left to resume."""
        write_atomically(self._finished, _to_json(True).encode())
        for path in self.folder.glob("*.pt"):
            path.unlink()

    def _left_behind(self) -> list[Path]:
        """What an earlier run made: all but its recipe."""
        return [
            path
            for pattern in ("*.pt", "*.npy", "*-steps.csv", "*.json", "tokenizer.model")
            for path in self.folder.glob(pattern)
        ]


def _to_json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)


def _flat(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """
    >>> _flat({"name": "a", "fit": {"epochs": 4}})
    {'name': 'a', 'epochs': 4}
    """
    flat: dict[str, Any] = {}
    for name, value in recipe.items():
        flat.update(value if isinstance(value, dict) else {name: value})
    return flat


class StopSignal:
    """Ctrl-C or SIGTERM asks to stop; the step under way is finished, then a checkpoint is left.

    A second Ctrl-C stops at once.
    """

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> StopSignal:
        self._before = {
            number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Where torch's random numbers stand, for a checkpoint."""
    state = {"random": torch.get_rng_state()}
    if device.type == "cuda":
        state["random_cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """The inverse of `random_state`."""
    torch.set_rng_state(state["random"].cpu())
    if "random_cuda" in state:
        torch.cuda.set_rng_state(state["random_cuda"].cpu(), device)
