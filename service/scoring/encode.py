"""Rows and their answers to bytes, as they are appended to the output.

Parquet cannot be appended to. Its rows are kept as Arrow streams, one behind the other, until all
are there (`arrow.py`).
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from service.scoring import arrow
from service.scoring.chunks import Plan
from service.scoring.formats import Format
from service.scoring.rows import Parsed, Rejection, Row

_encode = msgspec.json.Encoder().encode

Answer = Sequence[Any]  # the columns that are added, in order


def header(plan: Plan) -> bytes:
    """What the output begins with."""
    if plan.target is Format.PARQUET:
        return arrow.stream(arrow.empty(plan))
    if plan.target is Format.JSONL:
        return b""
    names = [*plan.columns, *(column.name for column in plan.added)]
    return _packed(_delimited([names], plan), plan)


def encoded(parsed: Parsed, answers: Sequence[Answer], plan: Plan) -> bytes:
    """The rows of a chunk with an answer each."""
    if plan.target is Format.PARQUET:
        return arrow.stream(arrow.answered(parsed, answers, plan))
    if not answers:
        return b""
    pairs = zip(parsed.rows, answers, strict=True)
    if plan.target is Format.JSONL:
        return _packed(b"".join(_json_line(row, answer, plan) for row, answer in pairs), plan)
    rows = ((*_texts(row, plan), *answer) for row, answer in pairs)
    return _packed(_delimited(rows, plan), plan)


def rejections(rejected: Iterable[Rejection]) -> bytes:
    return b"".join(_encode(rejection) + b"\n" for rejection in rejected)


def _packed(content: bytes, plan: Plan) -> bytes:
    # Packed files may stand one behind the other: together they are one (RFC 1952).
    return gzip.compress(content, compresslevel=6, mtime=0) if plan.packed else content


def _json_line(row: Row, answer: Answer, plan: Plan) -> bytes:
    added = {column.name: value for column, value in zip(plan.added, answer, strict=True)}
    if row.cells:
        return _encode(dict(zip(plan.columns, row.cells, strict=True)) | added) + b"\n"
    if not row.raw:
        return _encode({**row.values, **added}) + b"\n"
    # The object stays as it is, to the last digit: the answer goes before its closing brace.
    return row.raw[:-1].rstrip() + b"," + _encode(added)[1:] + b"\n"


def _delimited(rows: Iterable[Sequence[Any]], plan: Plan) -> bytes:
    lines = _Lines()
    writer = csv.writer(lines, delimiter=plan.target.delimiter or ",", lineterminator="\r\n")
    writer.writerows(rows)
    return "".join(lines).encode()


class _Lines(list[str]):
    """Lines that end in `\\n`, though csv ends them in `\\r\\n`: Python 3.11 puts only what ends a
    line into quotation marks, and a `\\r` in a cell would end one for who reads it."""

    def write(self, line: str) -> None:
        self.append(line[:-2] + "\n")


def _texts(row: Row, plan: Plan) -> Sequence[str]:
    return row.cells or [_text(row.values.get(name)) for name in plan.columns]


def _text(value: Any) -> str:
    """
    >>> _text(msgspec.Raw(b'"good"')), _text(msgspec.Raw(b'[1, 2]')), _text(1.5), _text(None)
    ('good', '[1, 2]', '1.5', '')
    """
    if value is None or isinstance(value, str):
        return value or ""
    if not isinstance(value, msgspec.Raw):
        value = _encode(value)
    raw = bytes(value)
    if raw == b"null":
        return ""
    return str(msgspec.json.decode(raw)) if raw.startswith(b'"') else raw.decode()
