"""Bundles come and go while the service runs; requests notice nothing.

A thread of each worker looks at the folder when it is told to (`SIGHUP`) or every few seconds
(`MODELS_WATCH`). A file that is new or has changed is loaded, answers its golden texts and is
warmed up, all beside what is served. Then the registry gets another shelf, in one assignment.
Requests under way keep the bundle that they began with, and it goes with the last of them.

- A file that cannot be used leaves things as they are; that is told once per change.
- A file may be seen half-written. It counts as bad only when it has stayed the same for a second.
- What was served stays on disk as the previous file (`service/rollback.py`).
- A bundle goes when its file goes; but not the default one, which reads what no other does, and
  none when the folder is empty.
"""

from __future__ import annotations

import atexit
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from service.batcher import warm
from service.bundle import Bundle
from service.errors import BundleError
from service.folder import File, Stamp, load_file, stamp_of
from service.registry import Registry
from service.rollback import keep_previous

log = logging.getLogger(__name__)

# How long a file that cannot be used has to stay as it is before it is called bad.
_SETTLED_SECONDS = 1.0


@dataclass(frozen=True)
class FileProblem:
    """Why a file is not what is served, as `GET /models` shows it."""

    file: Annotated[str, Meta(description="Its name in the folder.")]
    detail: Annotated[str, Meta(description="What is wrong with it, and what to do.")]
    since: Annotated[str, Meta(description="ISO 8601, UTC.")]


class Swapper:
    """Keeps a registry in line with its folder.

    Args:
        files: what the registry serves now, and where it is from.
        precision: in which bundles compute, as in `load_bundle`.
        watch_seconds: between two looks at the folder; 0: only when told to.
        warm: runs a network until it is as fast as it will be.
        on_outcome: told the name of a file without `.pt`, and "swapped", "removed" or "rejected".
    """

    def __init__(
        self,
        registry: Registry,
        files: Sequence[File],
        folder: Path,
        *,
        precision: str = "auto",
        watch_seconds: float = 0.0,
        warm: Callable[[Bundle], None] = warm,
        on_outcome: Callable[[str, str], None] = lambda name, outcome: None,
    ) -> None:
        self._registry = registry
        self._folder = folder
        self._precision = precision
        self._watch_seconds = watch_seconds
        self._warm = warm
        self._on_outcome = on_outcome
        self._served = {file.path: file for file in files}
        # Of each file, as it was when something came of it; at the last look, settled or not.
        self._dealt_with = {file.path: file.stamp for file in files}
        self._last_look: dict[Path, Stamp] = {}
        self._problems: dict[Path, FileProblem] = {}
        # Its put() may be called in a signal's handler, even inside another put().
        self._asked: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="swapper", daemon=True)

    def start(self) -> None:
        """Look once, and then whenever it is time."""
        self.ask()
        self._thread.start()
        # A thread that is inside torch when Python ends takes the process down with it.
        atexit.register(self.stop)

    def stop(self) -> None:
        """End the thread, after what it is about."""
        self._asked.put(False)
        self._thread.join()

    def ask(self) -> None:
        """Look at the folder soon."""
        self._asked.put(True)

    @property
    def problems(self) -> list[FileProblem]:
        return [problem for _, problem in sorted(self._problems.copy().items())]

    def look(self) -> bool:
        """Take in what has changed since the last look.

        Returns:
            Whether something may not be complete yet: then look again in a moment.
        """
        before, now = self._last_look, _stamps(self._folder)
        self._last_look = now
        done = []
        gone = before.keys() - now.keys()
        for path, stamp in now.items():
            # What was refused for another file's sake may be right once that is gone.
            if (gone and path in self._problems) or stamp != self._dealt_with.get(path):
                done.append(self._take(path, stamp, settled=before.get(path) == stamp))
        for path in self._dealt_with.keys() - now.keys():
            done.append(self._let_go(path, settled=path not in before))
        return not all(done)

    def _run(self) -> None:
        again = False
        while self._told_to_go_on(again):
            try:
                again = self.look()
            except Exception:  # this thread has to go on, and it is logged
                log.exception("%s: the look at it failed; please report this", self._folder)

    def _told_to_go_on(self, again: bool) -> bool:
        """Wait until it is time to look."""
        wait = _SETTLED_SECONDS if again else self._watch_seconds or None
        try:
            going_on = self._asked.get(timeout=wait)
            while going_on and not self._asked.empty():  # ten signals are one look
                going_on = self._asked.get()
        except queue.Empty:
            return True
        return going_on

    def _take(self, path: Path, stamp: Stamp, *, settled: bool) -> bool:
        """Serve a file that is new or has changed.

        Returns:
            Whether that is dealt with.
        """
        try:
            self._swap(load_file(path, self._registry.default.device, self._precision))
        except BundleError as error:
            if not settled:
                return False
            self._reject(path, str(error).removeprefix(f"{path}: "))
        except Exception:  # one file must not keep others from being taken
            log.exception("%s: loading it failed", path)
            self._reject(path, "Loading it failed; the log of the service says why.")
        else:
            self._problems.pop(path, None)
        self._dealt_with[path] = stamp
        return True

    def _swap(self, file: File) -> None:
        old = self._served.get(file.path)
        if old is not None and old.data == file.data:
            return
        _refuse_other_name(old, file)
        self._warm(file.bundle)
        self._serve({**self._less_moved(file), file.path: file})
        self._keep(file.path, old)
        self._on_outcome(file.path.stem, "swapped")
        log.info(
            "%s: serving %s version %s, %s",
            file.path,
            file.bundle.metadata.name,
            file.bundle.metadata.version,
            "which is new" if old is None else f"before: {old.bundle.metadata.version}",
        )

    def _less_moved(self, file: File) -> dict[Path, File]:
        """What is served, less what `file` was before somebody gave it another name."""
        name = file.bundle.metadata.name
        return {
            path: other
            for path, other in self._served.items()
            if path in self._last_look or other.bundle.metadata.name != name
        }

    def _serve(self, files: dict[Path, File]) -> None:
        self._registry.replace(file.bundle for file in files.values())
        for path in self._served.keys() - files.keys():
            self._problems.pop(path, None)
        self._served = files

    def _reject(self, path: Path, detail: str) -> None:
        old = self._served.get(path)
        self._keep(path, old)
        self._problems[path] = FileProblem(path.name, detail, _now())
        self._on_outcome(path.stem, "rejected")
        log.error(
            "%s: not taken, %s: %s",
            path,
            "and not served" if old is None else "what was served before goes on",
            detail,
        )

    def _keep(self, path: Path, old: File | None) -> None:
        if old is not None:
            keep_previous(path, old.data)

    def _let_go(self, path: Path, *, settled: bool) -> bool:
        """Serve a file no more that is gone.

        Returns:
            Whether that is dealt with.
        """
        file = self._served.get(path)
        if file is not None and not settled:
            return False
        del self._dealt_with[path]
        self._problems.pop(path, None)
        if file is not None:
            self._stop_serving(file)
        return True

    def _stop_serving(self, file: File) -> None:
        path = file.path
        if file.bundle is self._registry.default or not self._last_look:
            detail = "The file is gone; its bundle is served until the service stops. Put it back."
            self._problems[path] = FileProblem(path.name, detail, _now())
            log.error("%s: %s", path, detail)
            return
        self._serve({other: kept for other, kept in self._served.items() if other != path})
        self._on_outcome(path.stem, "removed")
        log.info("%s: gone, and served no more", path)


def _stamps(folder: Path) -> dict[Path, Stamp]:
    found = {}
    for path in sorted(folder.glob("*.pt")):
        with suppress(BundleError):  # gone since
            found[path] = stamp_of(path)
    return found


def _refuse_other_name(old: File | None, file: File) -> None:
    # A slip of `cp`, most likely; who asks for the old name would get errors.
    if old is not None and old.bundle.metadata.name != file.bundle.metadata.name:
        raise BundleError(
            f"{file.path}: holds the bundle {file.bundle.metadata.name!r}, but served from it is "
            f"{old.bundle.metadata.name!r}. Give the new one a file of its own."
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
