"""Raw records to rows; one that cannot be scored is rejected with its line and the reason."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from service.scoring.chunks import Plan, Record
from service.scoring.formats import Format
from service.scoring.text import fields


class Row(NamedTuple):
    text: Any  # a string, unless the row is rejected
    values: Mapping[str, Any]  # all columns; of JSON Lines each value as it stands in the file
    raw: bytes = b""  # the JSON object as it stands in the file
    cells: Sequence[str] = ()  # of CSV, TSV and lines, in place of `values`: the plan's columns


class Rejection(msgspec.Struct, frozen=True):
    """A row that is not scored, as the file of the rejected rows has it."""

    line: int  # where it begins, counted from 1; of Parquet, which has no lines, the row's number
    reason: str
    row: Any  # as it stands in the file; of Parquet its values


@dataclass
class Parsed:
    """The rows of a chunk."""

    rows: list[Row] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    batch: Any = None  # of Parquet: an Arrow batch of the rows that are not rejected


class RowError(Exception):
    """Why a row cannot be scored."""


def parse(records: list[Record], plan: Plan) -> Parsed:
    parsed = Parsed()
    read = _READERS[plan.source]
    for (line, raw, fault), found in zip(records, _torn(records, plan), strict=True):
        try:
            if fault:
                raise RowError(fault)
            row = read(found, plan)
            refuse(row.text, plan)
            parsed.rows.append(row)
        except RowError as error:
            shown = raw.decode(errors="backslashreplace").rstrip("\r\n")
            parsed.rejected.append(Rejection(line, str(error), shown))
    return parsed


def _torn(records: list[Record], plan: Plan) -> Sequence[bytes | list[str]]:
    """Of CSV and TSV the fields of each record, by one reader for all, which saves most of the
    time; but the records as they are where one of them is at fault, and in other formats."""
    raws = [raw for _, raw, _ in records]
    if plan.source.delimiter is None:
        return raws
    try:
        lines = [raw.decode() for raw in raws]
        found = list(csv.reader(lines, delimiter=plan.source.delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error):
        return raws
    # A record that is not closed goes on in the next one: fewer are found.
    return found if len(found) == len(raws) else raws


def refuse(text: Any, plan: Plan) -> None:
    """
    Raises:
        RowError: there is no text, or none that the service would take.
    """
    if text is None or (isinstance(text, str) and not text.strip()):
        raise RowError(f"no text in {plan.text_column!r}")
    if not isinstance(text, str):
        raise RowError(f"{plan.text_column!r} is {type(text).__name__}, expected a string")
    if len(text) > plan.max_characters:
        raise RowError(
            f"{len(text):,} characters; a text may have {plan.max_characters:,} (MAX_CHARACTERS)"
        )


def _delimited(found: bytes | list[str], plan: Plan) -> Row:
    cells = _fields(found, plan) if isinstance(found, bytes) else found
    if len(cells) != len(plan.columns):
        raise RowError(f"{len(cells)} fields, expected {len(plan.columns)}")
    return Row(cells[plan.columns.index(plan.text_column)], {}, cells=cells)


def _fields(raw: bytes, plan: Plan) -> list[str]:
    try:
        return fields(raw, plan.source.delimiter)
    except UnicodeDecodeError as error:
        raise _not_utf8(error) from error
    except csv.Error as error:
        raise RowError(str(error)) from error


def _line(raw: bytes, plan: Plan) -> Row:
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise _not_utf8(error) from error
    return Row(text, {}, cells=(text,))


_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _json(raw: bytes, plan: Plan) -> Row:
    try:
        raw.decode()  # what is not looked into is not checked by the decoder
        values = _object.decode(raw)
        text = msgspec.json.decode(values.get(plan.text_column) or b"null")
    except UnicodeDecodeError as error:
        raise _not_utf8(error) from error
    except RecursionError as error:
        raise RowError("nested too deeply") from error
    except msgspec.ValidationError as error:
        raise RowError("not a JSON object, expected {…}") from error
    except msgspec.DecodeError as error:
        raise RowError(f"not JSON ({error})") from error
    for column in plan.added:
        if column.name in values:
            raise RowError(f"it has a field {column.name!r} already, as the answer would")
    if plan.target is not Format.JSONL and not values.keys() <= set(plan.columns):
        odd = next(name for name in values if name not in plan.columns)
        raise RowError(f"a field {odd!r}, which the first rows have not; write .jsonl to keep it")
    return Row(text, values, raw.strip())


def _not_utf8(error: UnicodeDecodeError) -> RowError:
    return RowError(f"not UTF-8 at byte {error.start} of the row (Excel: save as “CSV UTF-8”)")


_READERS: Mapping[Format, Callable[[Any, Plan], Row]] = {
    Format.CSV: _delimited,
    Format.TSV: _delimited,
    Format.JSONL: _json,
    Format.LINES: _line,
}
