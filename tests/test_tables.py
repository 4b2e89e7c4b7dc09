"""Files of one's own: each format gives the same rows, and whatever is wrong has its line."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from training.datasets.tables import Columns, Fault, Row, read_table
from training.errors import DataError

COLUMNS = Columns("review", "stars")
RECORDS = [
    ("Good, really good", "5"),
    ('She said "no".\nAnd left.', "1"),
    ("시간이 아까운 영화", "2"),
    ("", "3"),
    ("no stars", ""),
]
ROWS = [
    Row(2, "Good, really good", "5"),
    Row(3, 'She said "no".\nAnd left.', "1"),
    Row(5, "시간이 아까운 영화", "2"),
    Row(6, "", "3"),
    Row(7, "no stars", ""),
]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def delimited(path: Path, delimiter: str, encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["id", " review ", "stars"])
        writer.writerows((n, *record) for n, record in enumerate(RECORDS))
    return path


def json_lines(path: Path) -> Path:
    objects = [{"review": text, "stars": int(stars or 0) or None} for text, stars in RECORDS]
    lines = [json.dumps(value, ensure_ascii=n % 2 == 0) for n, value in enumerate(objects)]
    return write(path, "\n\n".join(lines))


def parquet_file(path: Path) -> Path:
    texts, stars = zip(*RECORDS, strict=True)
    # A column of whole numbers of which one is missing: what a data frame makes floats of.
    numbers = pyarrow.array([float(s) if s else None for s in stars])
    parquet.write_table(pyarrow.table({"review": texts, "stars": numbers}), path)
    return path


def without_lines(rows: list[Row | Fault]) -> list[tuple[str, str]]:
    return [(row.text, row.label) for row in rows if isinstance(row, Row)]


def test_csv_with_quoted_line_breaks_keeps_the_lines_count(tmp_path):
    assert read_table(delimited(tmp_path / "a.csv", ","), COLUMNS) == ROWS


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda folder: delimited(folder / "a.tsv", "\t"), id="TSV"),
        pytest.param(lambda folder: delimited(folder / "a.CSV", ",", "utf-8-sig"), id="BOM"),
        pytest.param(lambda folder: json_lines(folder / "a.jsonl"), id="JSON Lines"),
        pytest.param(lambda folder: json_lines(folder / "a.ndjson"), id="NDJSON"),
        pytest.param(lambda folder: parquet_file(folder / "a.parquet"), id="Parquet"),
    ],
)
def test_every_format_gives_the_same_rows(tmp_path, make):
    assert without_lines(read_table(make(tmp_path), COLUMNS)) == without_lines([*ROWS])


def test_a_packed_file_is_read_as_it_is(tmp_path):
    plain = delimited(tmp_path / "a.csv", ",")
    packed = write(tmp_path / "b.csv.gz", gzip.compress(plain.read_bytes()))
    assert read_table(packed, COLUMNS) == ROWS


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(b"good", "1 fields, expected 2", id="too few fields"),
        pytest.param(b"a,b,c", "3 fields, expected 2", id="too many fields"),
        pytest.param("좋아요,5".encode("cp949"), "not UTF-8", id="another encoding"),
        pytest.param(b"go\0od,5", "a NUL byte", id="NUL"),
        pytest.param(b'"good" film,5', "quotation mark", id="half quoted"),
        pytest.param(b"x" * 140_000 + b",5", "field larger than field limit", id="huge field"),
    ],
)
def test_an_unreadable_line_is_named_and_the_next_is_read(tmp_path, line, reason):
    path = write(tmp_path / "a.csv", b"review,stars\nfine,5\n" + line + b"\nbad,1\n")
    first, fault, last = read_table(path, COLUMNS)
    assert (first, last) == (Row(2, "fine", "5"), Row(4, "bad", "1"))
    assert isinstance(fault, Fault)
    assert (fault.line, fault.rows) == (3, 1)
    assert reason in fault.reason


def test_lines_lost_to_an_open_quotation_mark_are_counted(tmp_path):
    path = write(tmp_path / "a.csv", 'review,stars\nfine,5\n"open,1\na,1\nb,1\n')
    first, fault = read_table(path, COLUMNS)
    assert first == Row(2, "fine", "5")
    assert isinstance(fault, Fault)
    assert (fault.line, fault.rows) == (3, 3)
    assert "given up at line 5" in fault.reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param("{", "not JSON", id="cut short"),
        pytest.param("[" * 100_000, "not JSON", id="deep"),
        pytest.param('["a", 1]', "not a JSON object", id="a list"),
        pytest.param('{"review": 5, "stars": 5}', "'review' is int", id="text a number"),
        pytest.param('{"review": "a", "stars": [5]}', "'stars' is list", id="label a list"),
        pytest.param('{"review": "\\ud83d", "stars": 5}', "not UTF-8", id="half a pair"),
    ],
)
def test_an_unreadable_object_is_named_and_the_next_is_read(tmp_path, line, reason):
    good = '{"review": "fine", "stars": true}'
    fault, row = read_table(write(tmp_path / "a.jsonl", f"{line}\r\n{good}\r\n"), COLUMNS)
    assert row == Row(2, "fine", "true")
    assert isinstance(fault, Fault)
    assert fault.line == 1
    assert reason in fault.reason


def test_a_parquet_text_that_is_no_utf8_is_named_by_its_row(tmp_path):
    raw = pyarrow.array([b"fine", "좋아요".encode("cp949")]).view(pyarrow.string())
    parquet.write_table(pyarrow.table({"review": raw, "stars": [5, 1]}), tmp_path / "a.parquet")
    first, fault = read_table(tmp_path / "a.parquet", COLUMNS)
    assert first == Row(1, "fine", "5")
    assert isinstance(fault, Fault)
    assert fault.line == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("a.xlsx", b"", "expected .csv, .tsv, .jsonl", id="unknown extension"),
        pytest.param("a", b"", "expected .csv, .tsv, .jsonl", id="no extension"),
        pytest.param("a.gz", b"", "expected .csv, .tsv, .jsonl", id="packed what"),
        pytest.param("a.csv", b"", "no line with the names", id="empty"),
        pytest.param("a.csv", b"a,stars\na,1\n", "there are 'a', 'stars'", id="columns"),
        pytest.param("a.csv", b"stars\n1\n", "no column 'review'; there are 'stars'", id="column"),
        pytest.param("a.csv", b"review,stars,stars\n", "two columns are called 'stars'", id="two"),
        pytest.param("a.csv", "review,stars".encode("utf-16"), "it is UTF-16", id="UTF-16"),
        pytest.param("a.csv", "review,stars".encode("utf-16-le"), "it is UTF-16", id="no mark"),
        pytest.param("a.csv.gz", gzip.compress("a,b".encode("utf-16")), "it is UTF-16", id="both"),
        pytest.param("a.csv", b'"review,stars\na,1\n', "line 1: unexpected end", id="open quote"),
        pytest.param(
            "a.csv", "리뷰,라벨\n".encode("cp949"), "columns are not UTF-8 (Excel", id="CP949"
        ),
        pytest.param("a.jsonl", b'{"a": 1}', "no column 'review' and no column 'stars'", id="key"),
        pytest.param("a.csv.gz", b"no gzip", "damaged", id="no gzip"),
        pytest.param("a.csv.gz", gzip.compress(b"review,stars\n")[:-9], "damaged", id="cut short"),
        pytest.param("a.parquet", b"PAR1 no", "not a Parquet file", id="no Parquet"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_message(tmp_path, name, content, message):
    with pytest.raises(DataError, match=r"^[^\n]+$") as error:
        read_table(write(tmp_path / name, content), COLUMNS)
    assert message in str(error.value)
    assert str(tmp_path / name) in str(error.value)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(DataError, match=r"a\.csv: no such file"):
        read_table(tmp_path / "a.csv", COLUMNS)
