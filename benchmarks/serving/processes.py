"""Processes of a server: who they are, how much memory they take, and their end.

Only those are ended that descend from a process that was started here, each by its id.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")

STOP_SECONDS = 5.0  # nothing is under way any more, but some servers wait all the same


def descendants(pid: int) -> dict[int, str]:
    """The processes under a process, itself not among them: id -> when it started.

    A started time tells a process from a later one of the same id. Nothing is found where the
    system has no `/proc`.
    """
    children: dict[int, list[tuple[int, str]]] = {}
    for stat in PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append((int(stat.parent.name), fields[19]))
    found: dict[int, str] = {}
    ahead = [pid]
    while ahead:
        for child, began in children.get(ahead.pop(), ()):
            found[child] = began
            ahead.append(child)
    return found


def megabytes(pid: int) -> float:
    """Memory of a server's workers, in MB of 2^20 bytes: the sum of their PSS, in which what
    several processes share counts once.

    The first process alone is none of them, where it has children: it waits for them.
    """
    workers = list(descendants(pid)) or [pid]
    return sum(map(_pss_kilobytes, workers)) / 1_024


def _pss_kilobytes(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0  # it has just ended, or the system does not tell
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a group of its own, and all that it started.

    It is asked first, and so is whoever outlives it; nobody is left behind after `STOP_SECONDS`.
    """
    family = descendants(process.pid)
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    _signal_group(process.pid, signal.SIGTERM)
    time.sleep(0.1)
    _signal_group(process.pid, signal.SIGKILL)
    for pid, began in family.items():  # one with a group of its own
        if _started(pid) == began:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    process.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _started(pid: int) -> str | None:
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None
