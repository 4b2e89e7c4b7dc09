"""CSV, TSV, JSON Lines and plain lines: bytes to records, with the line that each begins in.

Records are told apart here and parsed elsewhere (`rows.py`), so that this one process keeps up with
many. Line feeds end lines; a carriage return before one belongs to it.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import os
import re
import sys
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import msgspec

from service.errors import CommandError
from service.scoring.chunks import CHUNK_BYTES, CHUNK_ROWS, Chunk, Position, Record
from service.scoring.formats import Format, Place

# A longer line is no review but a file of another kind, and would not fit in memory.
_LINE_BYTES = 16 << 20

# The columns of JSON Lines are the fields of the objects in so many lines.
_HEAD_LINES = 1_000

# What a field may have in any case, whatever MAX_CHARACTERS says.
_FIELD_CHARACTERS = 131_072

# Rows are hardly shorter, so a file has at most its bytes divided by this in chunks.
_ROW_BYTES = 16


class TextSource:
    """
    Args:
        max_characters: of a text; a field of a CSV file may be as long.

    Raises:
        CommandError: it cannot be read, is in UTF-16, or has no names of columns.
    """

    schema: bytes | None = None

    def __init__(
        self, place: Place, text_column: str, max_characters: int, chunk_rows: int = CHUNK_ROWS
    ) -> None:
        self._place, self._chunk_rows = place, chunk_rows
        self._delimiter = place.format.delimiter
        self._is_whole = _whole(self._delimiter or ",").fullmatch
        # An unclosed quotation mark swallows what follows up to this length, which is counted in
        # bytes here: a character has up to four.
        csv.field_size_limit(4 * field_characters(max_characters))
        with self._explained():
            self._outer, file = _opened(place)
            self._lines = _Lines(file)
        try:
            with self._explained():
                self.total = os.fstat(self._outer.fileno()).st_size if place.is_file else None
                self._skip_mark()
                self.columns = self._columns(text_column)
        except CommandError:
            self.close()
            raise

    def close(self) -> None:
        if self._place.path is not None:
            self._outer.close()

    def most_chunks(self) -> int | None:
        if self.total is None or self._place.packed:
            return None
        return 1 + self.total // (self._chunk_rows * _ROW_BYTES)

    def chunks(self, position: Position | None) -> Iterator[Chunk]:
        with self._explained():
            if position is not None:
                self._lines.seek(position)
            records: list[Record] = []
            size = 0
            for record in self._records():
                records.append(record)
                size += len(record[1])
                if len(records) == self._chunk_rows or size >= CHUNK_BYTES:
                    yield self._chunk(records)
                    records, size = [], 0
            if records:
                yield self._chunk(records)

    def _chunk(self, records: list[Record]) -> Chunk:
        lines = self._lines
        done = self._outer.tell() if self._place.packed and self.total else lines.offset
        after = Position(lines.offset, lines.line, done)
        return Chunk(records, records[0][0], after)

    def _skip_mark(self) -> None:
        start = self._lines.peek(3)
        if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise CommandError(f"{self._place}: it is UTF-16, expected UTF-8. Save it as UTF-8.")
        if start == codecs.BOM_UTF8:
            self._lines.skip(len(start))

    def _columns(self, text_column: str) -> tuple[str, ...]:
        if self._place.format is Format.LINES:
            return (text_column,)
        if self._place.format is Format.JSONL:
            return _fields_of(self._lines.ahead(_HEAD_LINES))
        header = next(self._records(), None)
        if header is None:
            raise CommandError(f"{self._place}: it has no line with the names of the columns.")
        line, raw, fault = header
        try:
            if fault:
                raise csv.Error(fault)
            return tuple(fields(raw, self._delimiter))
        except (csv.Error, UnicodeDecodeError) as error:
            raise CommandError(
                f"{self._place}: line {line}, which should have the names of the columns, "
                f"cannot be read ({error}). Expected {self._place.format} in UTF-8."
            ) from error

    def _records(self) -> Iterator[Record]:
        lines = self._lines
        line = lines.line
        while raw := lines.next():
            if len(raw) >= _LINE_BYTES:
                yield line, raw[:1_000], f"a line of more than {_LINE_BYTES:,} bytes"
            elif self._delimiter and b'"' in raw and not self._ends(raw):
                yield self._quoted(line, raw)
            elif not self._is_blank(raw):  # which is no row
                yield line, raw, None
            line = lines.line

    def _is_blank(self, raw: bytes) -> bool:
        """A line of tabs is a row of empty cells where tabs are between them."""
        return raw.isspace() and not (self._delimiter == "\t" and b"\t" in raw)

    def _ends(self, raw: bytes) -> bool:
        """Whether a record that begins with this line surely ends with it."""
        return len(raw) <= _FIELD_CHARACTERS and self._is_whole(raw) is not None

    def _quoted(self, line: int, first: bytes) -> Record:
        """The record that begins with `first`: a field in quotation marks may have many lines."""
        taken = [first]

        def rest() -> Iterator[str]:
            yield first.decode("latin-1")  # every byte is a character: only ASCII matters here
            while raw := self._lines.next():
                taken.append(raw)
                yield raw.decode("latin-1")

        try:
            next(csv.reader(rest(), delimiter=self._delimiter or ",", strict=True))
        except csv.Error as error:
            through = f" (given up at line {line + len(taken) - 1})" if len(taken) > 1 else ""
            advice = "is a quotation mark not closed, or not doubled within a text?"
            return line, b"".join(taken), f"{error}{through}: {advice}"
        return line, b"".join(taken), None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise CommandError(f"{self._place}: no such file.") from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise CommandError(f"{self._place}: not a whole gzip file ({error}).") from error
        except OSError as error:
            raise CommandError(f"{self._place}: cannot be read ({error.strerror}).") from error


def field_characters(max_characters: int) -> int:
    """What a field of CSV may have where a text may have `max_characters`."""
    return max(_FIELD_CHARACTERS, max_characters)


def _whole(delimiter: str) -> re.Pattern[bytes]:
    """One line that is one record, beyond doubt: every quotation mark begins a field, ends one, or
    is doubled within. The `csv` module, which has the last word on all else, takes several times as
    long to say so.

    >>> [bool(_whole(",").fullmatch(raw)) for raw in (b'1,"so ""good"" a"\\n', b'6" a,"so\\n')]
    [True, False]
    """
    between = re.escape(delimiter.encode())
    field = rb'(?:"[^"]*+(?:""[^"]*+)*+"|[^"\r\n%b]*+)' % between
    return re.compile(rb"%b(?:%b%b)*+\r?\n?" % (field, between, field))


def fields(raw: bytes, delimiter: str | None) -> list[str]:
    """The fields of one record of CSV or TSV.

    >>> fields(b'1,"a ""good"" film"\\n', ",")
    ['1', 'a "good" film']

    Raises:
        UnicodeDecodeError, csv.Error: it is none.
    """
    # Strict, or a stray quotation mark would join two fields without a word.
    return next(csv.reader((raw.decode(),), delimiter=delimiter or ",", strict=True))


def _opened(place: Place) -> tuple[IO[bytes], Any]:
    """The file as it lies there, and unpacked."""
    if place.path is None:
        return sys.stdin.buffer, sys.stdin.buffer
    outer = place.path.open("rb")
    return outer, gzip.open(outer) if place.packed else outer


_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _fields_of(lines: list[bytes]) -> tuple[str, ...]:
    """All fields of the objects in these lines, in order of their appearance."""
    names: dict[str, None] = {}
    for line in lines:
        try:
            names.update(dict.fromkeys(_object.decode(line)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue  # it will be rejected when it is read
    return tuple(names)


class _Lines:
    """The lines of a file, and where the next one begins.

    Args:
        file: binary, with `peek`.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._ahead: deque[tuple[bytes, int]] = deque()  # lines, and their lengths in the file
        self.offset = 0  # where the next one begins
        self.line = 1  # its number

    def seek(self, position: Position) -> None:
        self._ahead.clear()
        self._file.seek(position.offset)
        self.offset, self.line = position.offset, position.line

    def peek(self, count: int) -> bytes:
        start: bytes = self._file.peek(count)[:count]
        return start

    def skip(self, count: int) -> None:
        self._file.read(count)
        self.offset += count

    def ahead(self, count: int) -> list[bytes]:
        """The next lines, which `next` will give nevertheless."""
        while len(self._ahead) < count:
            raw, length = self._read()
            if not raw:
                break
            self._ahead.append((raw, length))
        return [raw for raw, _ in self._ahead]

    def next(self) -> bytes:
        """The next line with its end; b"" after the last, and no more than `_LINE_BYTES` of it."""
        raw, length = self._ahead.popleft() if self._ahead else self._read()
        if raw:
            self.offset += length
            self.line += 1
        return raw

    def _read(self) -> tuple[bytes, int]:
        raw = part = self._file.readline(_LINE_BYTES)
        length = len(raw)
        while len(part) == _LINE_BYTES and not part.endswith(b"\n"):
            part = self._file.readline(_LINE_BYTES)
            length += len(part)
        return raw, length
