"""What a file holds, told by its name or by an option."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from service.errors import UsageError


class Format(StrEnum):
    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    LINES = "lines"  # a text in each line, and nothing else

    @property
    def delimiter(self) -> str | None:
        return {Format.CSV: ",", Format.TSV: "\t"}.get(self)


OUTPUT_FORMATS = tuple(format_ for format_ in Format if format_ is not Format.LINES)

EXTENSIONS = {
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".parquet": Format.PARQUET,
    ".txt": Format.LINES,
}


@dataclass(frozen=True)
class Place:
    """Where rows come from or go to."""

    path: Path | None  # None: standard input or output
    format: Format
    packed: bool = False  # by gzip

    def __str__(self) -> str:
        return "-" if self.path is None else str(self.path)

    @property
    def is_file(self) -> bool:
        """Whether one can go back in it; a pipe or a device is read or written once."""
        return self.path is not None and (self.path.is_file() or not self.path.exists())


def input_place(name: str, named_format: str | None) -> Place:
    """
    Raises:
        UsageError: it cannot be told what it holds.
    """
    if name == "-" and named_format is None:
        raise UsageError(
            "Standard input has no extension: say what it holds by --format, one of "
            f"{', '.join(Format)}."
        )
    place = _place(name, named_format, "--format")
    if place.path is None and place.format is Format.PARQUET:
        raise UsageError("Parquet cannot be read from standard input: its index is at its end.")
    return place


def output_place(name: str, named_format: str | None, source: Format) -> Place:
    """
    Args:
        source: the format of the input; standard output takes the same where it can.

    Raises:
        UsageError: it cannot be told what to write, or it cannot be written there.
    """
    if name == "-" and named_format is None:
        named_format = source if source in (Format.CSV, Format.TSV) else Format.JSONL
    place = _place(name, named_format, "--output-format")
    if place.format is Format.LINES:
        raise UsageError(
            f"--output={name}: plain lines have no room for the answers; write one of "
            f"{', '.join(OUTPUT_FORMATS)}."
        )
    if place.format is Format.PARQUET and not place.is_file:
        raise UsageError(f"--output={name}: Parquet can only be written to a file.")
    if place.path is not None and place.path.is_dir():
        raise UsageError(f"--output={name} is a folder: give the name of a file.")
    return place


def _place(name: str, named_format: str | None, option: str) -> Place:
    if name == "-":
        return Place(None, Format(named_format or Format.JSONL))
    path = Path(name)
    packed = path.suffix.lower() == ".gz"
    extension = (path.with_suffix("") if packed else path).suffix.lower()
    if named_format is None and extension not in EXTENSIONS:
        raise UsageError(
            f"{name}: what it holds is told by its extension: expected {', '.join(EXTENSIONS)}, "
            f"all but .parquet also with .gz behind it. Rename it, or say it by {option}."
        )
    place = Place(path, Format(named_format or EXTENSIONS[extension]), packed)
    if packed and place.format is Format.PARQUET:
        raise UsageError(f"{name}: Parquet is packed within; leave out the .gz.")
    return place
