"""The folder of one run: what an interrupted training goes on from."""

from __future__ import annotations

import io
import json
import pickle
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from service.bundle import write_atomically
from service.tokenizer import Tokenizer
from training.errors import TrainingError


@dataclass(frozen=True)
class Run:
    """`runs/NAME/`: the recipe, tokenizer, word vectors, the last checkpoint, every step."""

    folder: Path

    @property
    def _recipe(self) -> Path:
        return self.folder / "recipe.json"

    @property
    def steps(self) -> Path:
        """Every step of the optimiser (`training/steps.py`)."""
        return self.folder / "steps.csv"

    @property
    def _checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

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
        if self._checkpoint.exists() and not restart:
            raise TrainingError(
                f"{self.folder} holds an unfinished run. Go on with it by --resume (RESUME=1 with "
                "make), or start anew by --restart (ARGS=--restart)."
            )
        for name in ("checkpoint.pt", "data.json", "steps.csv", "tokenizer.model", "vectors.npy"):
            (self.folder / name).unlink(missing_ok=True)
        write_atomically(self._recipe, text.encode())

    def _require_same(self, recipe: dict[str, Any]) -> None:
        if not self._recipe.exists():
            raise TrainingError(f"{self.folder} holds no run to resume: start it without --resume.")
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
        path = self.folder / "vectors.npy"
        return np.load(path) if path.exists() else None

    def keep_vectors(self, vectors: npt.NDArray[np.float32]) -> None:
        buffer = io.BytesIO()
        np.save(buffer, vectors)
        write_atomically(self.folder / "vectors.npy", buffer.getvalue())

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """The last checkpoint, or None before the first."""
        if not self._checkpoint.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(self._checkpoint, map_location=device)
        except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise TrainingError(
                f"{self._checkpoint} is damaged. Start anew by --restart."
            ) from error
        return state

    def save(self, state: Mapping[str, Any]) -> None:
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        write_atomically(self._checkpoint, buffer.getvalue())

    def finish(self) -> None:
        """The bundle is written: there is nothing left to resume."""
        self._checkpoint.unlink(missing_ok=True)


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
