"""Where scored rows go, so that a stop at any moment neither loses a row nor doubles one.

Beside OUTPUT stand, until the last row is written:

    OUTPUT.partial                  what is written so far
    OUTPUT.rejected.jsonl.partial   the rows that cannot be scored, so far
    OUTPUT.progress.json            where the input was when both were of which length

The third is replaced after each chunk, when the other two are on the disk. Who goes on cuts both to
the lengths that stand there: what was written behind them is scored again. OUTPUT itself appears
when it is complete.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol

import msgspec

from service.errors import CommandError, UsageError
from service.scoring import arrow
from service.scoring.chunks import Position, Scored
from service.scoring.formats import Format, Place


class Progress(msgspec.Struct):
    """How far a run is."""

    run: dict[str, Any]  # what is scored, and how: a run of anything else does not go on from here
    position: Position | None = None  # in the input; None at its beginning
    output_bytes: int = 0
    rejected_bytes: int = 0
    scored_rows: int = 0
    rejected_rows: int = 0
    complete: bool = False


class Output(Protocol):
    progress: Progress
    rejected: Path | None  # where the rows are that cannot be scored, once it is finished

    def begin(self, header: bytes) -> None:
        """What stands before the first row."""

    def write(self, scored: Scored, after: Position) -> None:
        """The next rows; `after` is where the input goes on."""

    def finish(self) -> None:
        """All rows are written."""

    def close(self) -> None: ...


def refuse_finished(path: Path) -> None:
    """
    Raises:
        UsageError: there is an output already, and no unfinished run.
    """
    if path.exists() and not beside(path, _NOTE).exists():
        raise UsageError(
            f"{path}: it is there already. Give --restart to score all rows anew, or another "
            "--output."
        )


def beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


_NOTE = ".progress.json"
_REJECTED = ".rejected.jsonl"


class FileOutput:
    """
    Args:
        run: what makes a run another one: it does not go on where this one stopped.
        resumable: whether the input can be read again from the middle.
        restart: throw away an unfinished run.

    Raises:
        UsageError: an unfinished run of something else is there.
        CommandError: another process is writing here, or nobody can.
    """

    def __init__(
        self, place: Place, run: dict[str, Any], *, resumable: bool, restart: bool
    ) -> None:
        assert place.path is not None
        self._place, self._path, self._resumable = place, place.path, resumable
        self._partial = beside(place.path, ".partial")
        self._rejected_partial = beside(place.path, _REJECTED + ".partial")
        self._note_path = beside(place.path, _NOTE)
        self.rejected: Path | None = None
        self._files: list[IO[bytes]] = []
        self._locked = False
        try:
            with self._explained():
                self.progress = self._begun(run, restart=restart)
                if not self.progress.complete:
                    self._open()
        except CommandError:
            self.close()
            raise

    def begin(self, header: bytes) -> None:
        with self._explained():
            self._files[0].write(header)
            self._note()

    def write(self, scored: Scored, after: Position) -> None:
        with self._explained():
            self._files[0].write(scored.output)
            self._files[1].write(scored.rejected)
            self.progress.position = after
            self.progress.scored_rows += scored.scored_rows
            self.progress.rejected_rows += scored.rejected_rows
            self._note()

    def finish(self) -> None:
        """Put everything in its place. Whoever is stopped meanwhile does it again."""
        with self._explained():
            if not self.progress.complete:
                self.progress.complete = True
                self._note()
            self._finish_rejected()
            if self._place.format is not Format.PARQUET:
                _move(self._partial, self._path)
            elif self._partial.exists():
                arrow.assemble(self._partial, self._path)
                self._partial.unlink()
            self._note_path.unlink(missing_ok=True)

    def _finish_rejected(self) -> None:
        rejected = beside(self._path, _REJECTED)
        if self.progress.rejected_rows:
            self.rejected = rejected
            _move(self._rejected_partial, rejected)
        else:
            rejected.unlink(missing_ok=True)  # of an earlier run

    def close(self) -> None:
        """Leave what a later run can go on from, and nothing else."""
        for file in self._files:
            with suppress(OSError):  # of a full disk, which has been told
                file.close()
        if self._locked and not self._note_path.exists():
            self._partial.unlink(missing_ok=True)
            self._rejected_partial.unlink(missing_ok=True)

    def _begun(self, run: dict[str, Any], *, restart: bool) -> Progress:
        if restart or not self._note_path.exists():
            return Progress(run)
        try:
            progress = msgspec.json.decode(self._note_path.read_bytes(), type=Progress)
        except msgspec.DecodeError as error:
            raise CommandError(
                f"{self._note_path}: damaged ({error}). Give --restart to score all rows anew."
            ) from error
        other = [name for name in run if progress.run.get(name) != run[name]]
        if other:
            raise UsageError(
                f"{self._path}: an unfinished run lies here, and it had another "
                f"{', another '.join(other)}. Repeat its command to go on with it, give --restart "
                "to throw it away, or give another --output."
            )
        return progress

    def _open(self) -> None:
        self._files = [self._partial.open("ab"), self._rejected_partial.open("ab")]
        try:
            # The lock ends with the process, however that ends.
            fcntl.flock(self._files[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(
                f"{self._path}: another process is writing it. Wait for its end, or give another "
                "--output."
            ) from None
        self._locked = True
        if self.progress.position is None:
            self._note_path.unlink(missing_ok=True)  # of a run that --restart throws away
        lengths = self.progress.output_bytes, self.progress.rejected_bytes
        if self.progress.position is None and not self.progress.complete:
            lengths = 0, 0  # it was stopped behind its header, which will come once more
        for file, length in zip(self._files, lengths, strict=True):
            if file.seek(0, os.SEEK_END) < length:
                raise CommandError(
                    f"{file.name}: shorter than {self._note_path.name} says. Give --restart to "
                    "score all rows anew."
                )
            file.truncate(length)
            file.seek(length)

    def _note(self) -> None:
        """Whatever happens from now on, a run goes on from here."""
        for file in self._files:
            _to_disk(file)
        self.progress.output_bytes, self.progress.rejected_bytes = (
            file.tell() for file in self._files
        )
        if self._resumable:
            temporary = beside(self._note_path, ".tmp")  # one name: nobody else is writing
            with temporary.open("wb") as file:
                file.write(msgspec.json.encode(self.progress))
                _to_disk(file)
            temporary.replace(self._note_path)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CommandError(f"{self._path}: cannot be written ({error.strerror}).") from error


def _to_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _move(source: Path, target: Path) -> None:
    if source.exists():  # or it was moved before a stop
        source.replace(target)


class StreamOutput:
    """Standard output, a pipe or a device: nothing to go on from. Rejected rows are named on
    standard error."""

    rejected: Path | None = None

    def __init__(self, place: Place, run: dict[str, Any]) -> None:
        self.progress = Progress(run)
        try:
            self._file = place.path.open("wb") if place.path else sys.stdout.buffer
        except OSError as error:
            raise CommandError(f"{place}: cannot be written ({error.strerror}).") from error

    def begin(self, header: bytes) -> None:
        self._file.write(header)

    def write(self, scored: Scored, after: Position) -> None:
        self._file.write(scored.output)
        self._file.flush()
        for rejection in scored.rejected.splitlines():
            found = msgspec.json.decode(rejection)
            print(f"rejected: line {found['line']}: {found['reason']}", file=sys.stderr)
        self.progress.scored_rows += scored.scored_rows
        self.progress.rejected_rows += scored.rejected_rows

    def finish(self) -> None:
        self._file.flush()

    def close(self) -> None:
        if self._file is not sys.stdout.buffer:
            self._file.close()
