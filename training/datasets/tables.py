"""Rows out of a file of one's own: CSV, TSV, JSON Lines or Parquet, one text and one label a row.

A row that cannot be used is a `Fault` with its line and the reason, never the end of the reading:
files that people export have such rows. What makes the whole file useless is a `DataError`.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from training.errors import DataError

# Characters. An open quotation mark would otherwise make one field of the rest of the file.
_LONGEST_FIELD = 131_072
_NOT_UTF8 = "not UTF-8 (Excel: save as “CSV UTF-8”)"


@dataclass(frozen=True, slots=True)
class Row:
    line: int  # where it begins, counted from 1; in Parquet, which has no lines, the row's number
    text: str
    label: str
    more: tuple[str, ...] = ()  # those of `Columns.more`; empty where a row has none


@dataclass(frozen=True, slots=True)
class Fault:
    """What cannot be read."""

    line: int
    reason: str
    rows: int = 1  # how many, as far as anyone can know: lines where rows cannot be told apart


@dataclass(frozen=True)
class Columns:
    text: str
    label: str
    more: tuple[str, ...] = ()  # further ones, which a file need not have
    advice: str = "Name the two by --text-column and --label-column (TEXT=… LABEL=… with make)."


def read_table(path: Path, columns: Columns) -> list[Row | Fault]:
    """The rows in the file's order, texts and labels without blanks around them.

    Args:
        path: `.csv`, `.tsv`, `.jsonl`, `.ndjson`, or one of these and `.gz`; `.parquet`. Text is
            UTF-8, with or without a byte order mark.

    Raises:
        DataError: no such file, an extension that is not known, a file that is damaged as a
            whole, or a column that is not there.
    """
    reader = _reader(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file. Give the path of the file with the reviews.")
    with _damage_explained(path):
        _require_no_utf16(path)
        return [_checked(row) for row in reader(path, columns)]


def _reader(path: Path) -> Callable[[Path, Columns], Iterator[Row | Fault]]:
    suffixes = [suffix.lower() for suffix in path.suffixes] or [""]
    packed = suffixes[-1] == ".gz" and len(suffixes) > 1
    kind = suffixes[-2] if packed else suffixes[-1]
    if kind not in _READERS or (packed and kind == ".parquet"):
        raise DataError(
            f"{path}: what it holds is told by its extension: expected {', '.join(_READERS)}, all "
            "but the last also with .gz behind it. Rename or convert the file."
        )
    return _READERS[kind]


def told(path: Path, faults: Sequence[Fault]) -> list[str]:
    """Where in the file each is, and what it is."""
    where = "row" if path.suffix.lower() == ".parquet" else "line"
    return [f"{where} {fault.line}: {fault.reason}" for fault in faults]


@contextmanager
def _damage_explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: cannot be read, or is damaged ({error}). Export it again."
        ) from error


def _checked(row: Row | Fault) -> Row | Fault:
    if isinstance(row, Fault):
        return row
    content = "".join((row.text, row.label, *row.more))
    if "\0" in content:
        return Fault(row.line, "a NUL byte, expected text in UTF-8")
    try:
        content.encode()
    except UnicodeEncodeError:
        return Fault(row.line, _NOT_UTF8)
    return row


def _require_no_utf16(path: Path) -> None:
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rb") as file:
        begin = file.read(4)
    # Where it has no mark, every other byte of a name in Latin letters is 0.
    marked = begin[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    if marked or (path.suffix.lower() != ".parquet" and begin[1::2] == b"\0\0"):
        raise DataError(f"{path}: it is UTF-16, expected UTF-8. Save it as UTF-8.")


def _require_columns(path: Path, wanted: Columns, found: Sequence[str]) -> None:
    missing = [name for name in (wanted.text, wanted.label) if name not in found]
    apart = next((sign for sign in (";", "\t", "|") if len(found) == 1 and sign in found[0]), None)
    if missing and apart:
        raise DataError(
            f"{path}: its columns are told apart by {apart!r}, expected ','"
            f"{' (or the name .tsv)' * (apart == chr(9))}. Save it with commas: LibreOffice asks "
            "for the sign when it saves, Excel takes the system's list separator."
        )
    if missing and any(_printable(name) != name[:40] for name in found):
        raise DataError(f"{path}: the names of its columns are {_NOT_UTF8}.")
    if missing:
        raise DataError(
            f"{path}: no column {' and no column '.join(map(repr, missing))}; there are "
            f"{', '.join(repr(_printable(name)) for name in found) or 'none'}. {wanted.advice}"
        )
    names = (wanted.text, wanted.label, *wanted.more)
    twice = [name for name in names if list(found).count(name) > 1]
    if twice:
        raise DataError(f"{path}: two columns are called {twice[0]!r}. Rename one of them.")


def _printable(text: str) -> str:
    return text.encode(errors="replace").decode()[:40]


def _opened(path: Path) -> IO[str]:
    """Bytes that are no UTF-8 become lone surrogates: the rows around them can still be told
    apart, and `_checked` finds them."""
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    file: IO[str] = opener(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="")
    return file


# --- CSV and TSV ----------------------------------------------------------------------------


def _csv(path: Path, columns: Columns) -> Iterator[Row | Fault]:
    return _delimited(path, columns, ",")


def _tsv(path: Path, columns: Columns) -> Iterator[Row | Fault]:
    """Quotation marks as in CSV, which is how spreadsheets and data frames write it."""
    return _delimited(path, columns, "\t")


def _delimited(path: Path, columns: Columns, delimiter: str) -> Iterator[Row | Fault]:
    with _opened(path) as file:
        # Strict, or a stray quotation mark would join two rows without a word. A field of more
        # than csv's own 131,072 characters is such a mark as well: no review is that long.
        csv.field_size_limit(_LONGEST_FIELD)  # of the whole process; others may have set it
        rows = csv.reader(file, delimiter=delimiter, strict=True)
        header: list[str] | None = None
        line = 1
        while (record := _next_record(rows, line)) is not None:
            if isinstance(record, Fault):
                if header is None:
                    raise DataError(f"{path}, line {record.line}: {record.reason}")
                yield record
            elif header is None and record:
                header = [name.strip() for name in record]
                _require_columns(path, columns, header)
            elif header is not None and record:  # a blank line is no row
                yield _delimited_row(record, header, columns, line)
            line = rows.line_num + 1
        if header is None:
            raise DataError(f"{path}: it has no line with the names of the columns.")


def _next_record(rows: Any, line: int) -> list[str] | Fault | None:
    """The next record, which begins at `line`; None at the end of the file."""
    try:
        record: list[str] | None = next(rows, None)
        return record
    except csv.Error as error:
        through = f" (given up at line {rows.line_num})" if rows.line_num > line else ""
        return Fault(
            line,
            f"{error}{through}: is a quotation mark not closed, or not doubled within a text?",
            rows.line_num - line + 1,
        )


def _delimited_row(
    record: list[str], header: list[str], columns: Columns, line: int
) -> Row | Fault:
    if len(record) != len(header):
        return Fault(line, f"{len(record)} fields, expected {len(header)}")
    fields = dict(zip(header, record, strict=True))
    more = tuple(fields.get(name, "").strip() for name in columns.more)
    return Row(line, fields[columns.text].strip(), fields[columns.label].strip(), more)


# --- JSON Lines -----------------------------------------------------------------------------


def _json_lines(path: Path, columns: Columns) -> Iterator[Row | Fault]:
    seen: dict[str, None] = {}
    with _opened(path) as file:
        for line, content in enumerate(file, start=1):
            if not content.strip():
                continue
            try:
                values = json.loads(content)
            except (ValueError, RecursionError) as error:
                yield Fault(line, f"not JSON ({error})")
                continue
            if not isinstance(values, dict):
                yield Fault(line, "not a JSON object, expected {…}")
                continue
            seen.update(dict.fromkeys(values))
            yield _mapped_row(values, columns, line)
    if seen:  # otherwise there is no row, or the faults say why
        _require_columns(path, columns, list(seen))


def _mapped_row(values: Mapping[str, Any], columns: Columns, line: int) -> Row | Fault:
    text, label = values.get(columns.text), values.get(columns.label)
    if text is not None and not isinstance(text, str):
        return Fault(line, f"{columns.text!r} is {type(text).__name__}, expected a string")
    if label is not None and not isinstance(label, str | int | float):
        return Fault(
            line, f"{columns.label!r} is {type(label).__name__}, expected a string or a number"
        )
    more = tuple(_label_name(values.get(name)) for name in columns.more)
    return Row(line, (text or "").strip(), _label_name(label), more)


def _label_name(label: str | float | None) -> str:
    """
    >>> _label_name(" good "), _label_name(4.0), _label_name(True), _label_name(None)
    ('good', '4', 'true', '')
    """
    if label is None or (isinstance(label, float) and math.isnan(label)):
        return ""
    if isinstance(label, bool):
        return str(label).lower()
    # Data frames make floats of whole numbers in a column in which one is missing.
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return str(label).strip()


# --- Parquet --------------------------------------------------------------------------------


def _parquet(path: Path, columns: Columns) -> Iterator[Row | Fault]:
    # Only this reader needs pyarrow, which takes its time to import.
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            _require_columns(path, columns, file.schema_arrow.names)
            wanted = (columns.text, columns.label, *columns.more)
            table = file.read([name for name in wanted if name in file.schema_arrow.names])
    except pyarrow.ArrowException as error:
        raise DataError(
            f"{path}: not a Parquet file, or damaged ({error}). Export it again."
        ) from error
    for number, cells in enumerate(zip(*table.columns, strict=True), start=1):
        try:
            values = {
                name: cell.as_py() for name, cell in zip(table.column_names, cells, strict=True)
            }
        except UnicodeDecodeError as error:
            yield Fault(number, f"not UTF-8 ({error.reason})")
            continue
        except ValueError as error:  # such as a time that Python cannot hold
            yield Fault(number, f"not text or a number ({error})")
            continue
        yield _mapped_row(values, columns, number)


_READERS = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}
