"""What the processes hand to each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec

from service.scoring.formats import Format

# A chunk is what is scored, written and noted as one. Large enough for full batches of texts of
# like length, small enough that a stop loses less than a second's work.
CHUNK_ROWS = 2_048
CHUNK_BYTES = 1 << 20


class Position(msgspec.Struct, frozen=True):
    """Where the next row begins."""

    offset: int = 0  # bytes of the file, unpacked; rows of Parquet
    line: int = 1
    done: int = 0  # how much of the source's total lies before it


# A row as it stands in a file of text, not looked into: the line where it begins, counted from 1;
# its bytes; and why it cannot even be told from what follows, or None. A plain tuple: one with
# names costs several times as much to make and to send.
Record = tuple[int, bytes, str | None]


@dataclass(frozen=True, slots=True)
class Chunk:
    content: list[Record] | bytes  # bytes: an Arrow stream of one batch
    first_line: int
    after: Position


@dataclass(frozen=True, slots=True)
class Scored:
    """What becomes of a chunk."""

    output: bytes
    rejected: bytes
    scored_rows: int
    rejected_rows: int


class Source(Protocol):
    """Where rows come from; its columns are known before the first row is read."""

    columns: tuple[str, ...]  # of JSON Lines: the fields of the first objects; () if there is none
    schema: bytes | None  # Arrow's, of Parquet alone
    total: int | None  # bytes, or rows of Parquet; None where it cannot be known

    def chunks(self, position: Position | None) -> Iterator[Chunk]:
        """From the start, or from where a run that was stopped had come to."""

    def most_chunks(self) -> int | None:
        """An upper limit, to start no more processes than have something to do."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class Added:
    """A column that is added."""

    name: str
    kind: type  # str, float, int or bool


@dataclass(frozen=True)
class Plan:
    """All that a process needs to know of a run."""

    source: Format
    target: Format
    packed: bool  # whether what is written is packed by gzip
    columns: tuple[str, ...]
    schema: bytes | None
    text_column: str
    added: tuple[Added, ...]
    labels: tuple[str, ...]
    details: bool
    model: str | None
    max_characters: int


class Readers(NamedTuple):
    """The bundles that may read a text of a run."""

    labels: tuple[tuple[str, ...], ...]  # of each bundle
    digests: dict[str, str]  # by name: another digest is another bundle
