"""The previous file of a bundle: `models/NAME.pt.previous`, kept by the service, and the way back.

It holds what was served before `NAME.pt` was written over.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from service.archive import Metadata, read_file, read_parts
from service.bundle import load_bundle, write_atomically
from service.errors import BundleError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RolledBack:
    path: Path
    metadata: Metadata  # of what is there now
    kept: Path | None  # where that is which was there before; there may have been nothing

    def __str__(self) -> str:
        """What was done, and what is left to do."""
        kept = f" What was there is kept as {self.kept}." if self.kept else ""
        return (
            f"{self.path} is {self.metadata.name} version {self.metadata.version} again.{kept}\n"
            "With MODELS_WATCH a running service takes it by itself; without, send it SIGHUP: "
            "kill -HUP PID, or docker-compose kill -s HUP."
        )


def rollback(folder: Path, name: str) -> RolledBack:
    """Put a bundle's previous file in its place, and its file where the previous one was.

    Doing it twice changes nothing. `NAME.pt` is whole at every moment, and a service that runs
    takes it as any other change.

    Args:
        name: of the bundle, or of its file without `.pt`.

    Raises:
        BundleError: there is no previous file, it is not usable, or the folder may not be written.
    """
    previous = _previous_file(folder, name)
    metadata = load_bundle(previous).metadata
    path = previous.with_suffix("")
    try:
        there = _exchange(path, previous)
    except OSError as error:
        raise BundleError(
            f"{folder}: cannot be written ({error.strerror}). Run this where it can, such as on "
            "the host of a container that may only read it."
        ) from error
    return RolledBack(path, metadata, previous if there else None)


def previous_of(path: Path) -> Path:
    """
    >>> previous_of(Path("models/shop.pt"))
    Path('models/shop.pt.previous')
    """
    return path.with_name(f"{path.name}.previous")


def keep_previous(path: Path, data: bytes) -> None:
    """Keep what was served until `path` was written over.

    Several workers do this for one change, in any order: the first one's file stays, so that one
    that was late, and served what is older still, does not write over it. Where the folder may not
    be written, the log says so, and all else goes on.
    """
    previous = previous_of(path)
    try:
        if not _written_since(previous, path):
            write_atomically(previous, data)
    except OSError as error:
        log.warning(
            "%s: the file that was served before is not kept (%s); let the service write to this "
            "folder, if you want to roll back",
            path,
            error.strerror,
        )


def _written_since(previous: Path, path: Path) -> bool:
    # By the time of the entry: a copy may bring the time of its content along.
    return previous.exists() and previous.stat().st_ctime_ns > path.stat().st_ctime_ns


def _previous_file(folder: Path, name: str) -> Path:
    names = {file: _names(file) for file in sorted(folder.glob("*.pt.previous"))}
    for file, known in names.items():
        if name in known:
            return file
    there = ", ".join(sorted(set().union(*names.values()))) or "none"
    raise BundleError(
        f"{folder}: no previous file of {name!r} ({name}.pt.previous); there are: {there}. The "
        "service keeps one when a bundle is swapped while it runs."
    )


def _names(previous: Path) -> set[str]:
    """The file's name and the bundle's, which is another one if somebody renamed the file."""
    stem = previous.name.removesuffix(".pt.previous")
    try:
        return {stem, read_parts(read_file(previous), previous).metadata.name}
    except BundleError:
        return {stem}


def _exchange(path: Path, previous: Path) -> bool:
    """Returns: whether there was a file at `path`."""
    there = path.exists()
    aside = path.with_name(f".{path.name}.{os.getpid()}.aside.tmp")
    if there:
        write_atomically(aside, path.read_bytes())
    previous.replace(path)
    if there:
        aside.replace(previous)
    return there
