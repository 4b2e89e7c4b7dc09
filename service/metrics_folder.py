"""Where the workers keep their metrics (`service/metrics.py`); for gunicorn's master process."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from service.errors import SettingsError, StartError


def prepared(folder: Path | None, temporary: str | None) -> Path:
    """A folder without metrics of an earlier run.

    Args:
        folder: which one; it stays when this process ends. None makes a private one that goes.
        temporary: where to make that, if not where the system has its temporary files.

    Raises:
        SettingsError: there can be no such folder.
        StartError: there can be no private one.
    """
    if folder is None:
        return _private(temporary)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.glob("*.db"):
            file.unlink()
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise SettingsError(
            "PROMETHEUS_MULTIPROC_DIR",
            str(folder),
            f"a folder that can be written to ({error.strerror}), or nothing for a private one",
        ) from error


def forget(folder: Path, pid: int) -> None:
    """Remove what a worker has left that never served: a file of each kind, however many fail."""
    for file in folder.glob(f"*_{pid}.db"):
        file.unlink(missing_ok=True)


def _private(temporary: str | None) -> Path:
    try:
        folder = Path(tempfile.mkdtemp(prefix="manytone-metrics-", dir=temporary))
    except OSError as error:
        raise StartError(
            f"There is no place for the workers' metrics ({error.strerror}). Set "
            "PROMETHEUS_MULTIPROC_DIR to a folder that can be written to."
        ) from error
    atexit.register(_remove, folder, os.getpid())
    return folder


def _remove(folder: Path, owner: int) -> None:
    # A worker inherits the master's exit handlers with the fork.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
