"""Files of texts, scored: every format, every fault of a row, every way to stop."""

from __future__ import annotations

import csv
import datetime
import gzip
import io
import json
import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, nullcontext
from decimal import Decimal
from itertools import product
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from service.batcher import Batcher
from service.errors import CommandError, UsageError
from service.predictor import Predictor
from service.registry import Registry
from service.scoring import worker
from service.scoring.chunks import Plan, Record
from service.scoring.formats import Format, input_place, output_place
from service.scoring.progress import Bar
from service.scoring.rows import parse
from service.scoring.run import Request, Summary, score
from service.scoring.scorer import Scorer
from service.scoring.text import _whole
from service.settings import Settings

TEXTS = [
    "Great sound, clear picture",
    'She said "no".\nAnd left.',
    "재미있어요! 또 보고 싶다",
    "bad",
]
ANSWER = ["label", "score", "negative", "positive"]


class Here:
    """In the pool's place: chunks are scored at once, in this process.

    Args:
        stop_before: the chunk, counted from 0, at which somebody presses Ctrl-C.
    """

    at_once = 2

    def __init__(self, registry: Registry, stop_before: int | None = None) -> None:
        self._scorer = Scorer(registry)
        self._stop_before = stop_before
        self.lines: list[int] = []  # where the chunks began

    def readers(self, model):
        return self._scorer.readers(model)

    def submit(self, chunk, plan):
        if len(self.lines) == self._stop_before:
            raise KeyboardInterrupt
        self.lines.append(chunk.first_line)
        future: Future = Future()
        future.set_result(self._scorer.score(chunk, plan))
        return future


@pytest.fixture(scope="module")
def registry(models_dir) -> Registry:
    return Registry.from_folder(models_dir, "cpu", "reviews-en")


@pytest.fixture
def run(registry, tmp_path):
    """A function that scores one file of the folder into another, in chunks of three rows."""

    def run(
        source: str, target: str, *, workers: Here | None = None, **options
    ) -> tuple[Summary, Here]:
        workers = workers or Here(registry)
        place = input_place(str(tmp_path / source), options.pop("format", None))
        request = Request(
            source=place,
            target=output_place(str(tmp_path / target), None, place.format),
            bar=False,
            chunk_rows=options.pop("chunk_rows", 3),
            **options,
        )
        return score(request, lambda most_chunks: nullcontext(workers)), workers

    return run


@pytest.fixture(scope="module")
def predict(registry) -> Iterator:
    """What `/predict` answers to each text."""
    batcher = Batcher()
    batcher.start()
    yield Predictor(registry, batcher, deadline_seconds=60).predict
    batcher.stop()


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_csv(path: Path, texts, delimiter: str = ",") -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["id", "text", "stars"])
        writer.writerows([n, text, "5"] for n, text in enumerate(texts))
    return path


def read_csv(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def read_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def read_any(path: Path) -> list[dict]:
    if path.suffix == ".parquet":
        return parquet.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return read_lines(path)
    return read_csv(path, "\t" if path.suffix == ".tsv" else ",")


def left_behind(folder: Path) -> set[str]:
    endings = (".partial", ".progress.json", ".tmp", ".assembling")
    return {path.name for path in folder.iterdir() if path.name.endswith(endings)}


def sources(folder: Path) -> dict[str, Path]:
    objects = "\n".join(json.dumps({"id": n, "text": t}) for n, t in enumerate(TEXTS))
    table = pyarrow.table({"id": range(len(TEXTS)), "text": TEXTS})
    parquet.write_table(table, folder / "a.parquet", row_group_size=3)
    return {
        "csv": write_csv(folder / "a.csv", TEXTS),
        "tsv": write_csv(folder / "a.tsv", TEXTS, "\t"),
        "jsonl": write(folder / "a.jsonl", objects),
        "parquet": folder / "a.parquet",
        "csv.gz": write(folder / "b.csv.gz", gzip.compress((folder / "a.csv").read_bytes())),
    }


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (source, target)
        for source in ("csv", "tsv", "jsonl", "parquet", "csv.gz")
        for target in ("csv", "tsv", "jsonl", "parquet")
        if (source, target) != ("jsonl", "parquet")  # is refused, see below
    ],
)
def test_every_format_becomes_every_other_with_the_answers_of_predict(
    source, target, run, predict, tmp_path
):
    summary, _ = run(sources(tmp_path)[source].name, f"out.{target}")
    rows = read_any(tmp_path / f"out.{target}")
    assert [row["text"] for row in rows] == TEXTS
    assert [str(row["id"]) for row in rows] == ["0", "1", "2", "3"]
    for row, expected in zip(rows, predict(TEXTS), strict=True):
        assert list(row)[-4:] == ANSWER
        assert row["label"] == expected.label
        assert float(row["score"]) == pytest.approx(expected.score, abs=1e-5)
        for label, probability in expected.scores.items():
            assert float(row[label]) == pytest.approx(probability, abs=1e-5)
    assert (summary.scored, summary.rejected, summary.rejected_file) == (4, 0, None)
    assert left_behind(tmp_path) == set()


def test_plain_lines_are_a_text_each_and_blank_ones_none(run, tmp_path):
    write(tmp_path / "a.txt", "\ufeffgood\r\n\r\nbad, really\n")
    run("a.txt", "out.csv")
    assert [row["text"] for row in read_csv(tmp_path / "out.csv")] == ["good", "bad, really"]


def test_a_json_object_stays_as_it_is_to_the_last_digit(run, tmp_path):
    line = (
        '{"n": 1.10, "big": 123456789012345678901234567890, "text": "good", "é": [1, {"a": null}] }'
    )
    write(tmp_path / "a.jsonl", line)
    run("a.jsonl", "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text().startswith(line[:-2] + ',"label":')


def test_json_lines_with_different_fields_share_the_columns_of_a_table(run, tmp_path):
    write(tmp_path / "a.jsonl", '{"text":"good","a":"x"}\n{"b":[1,2],"text":"bad","a":null}\n')
    run("a.jsonl", "out.csv")
    rows = read_csv(tmp_path / "out.csv")
    assert [(row["a"], row["b"]) for row in rows] == [("x", ""), ("", "[1,2]")]


def test_parquet_keeps_its_types_and_its_dictionaries(run, tmp_path):
    table = pyarrow.table(
        {
            "text": pyarrow.array(["good", "bad", None, "so so"] * 2).dictionary_encode(),
            "price": pyarrow.array([Decimal("1.10")] * 8),
            "day": pyarrow.array([datetime.date(2024, 2, 29)] * 8),
            "tags": pyarrow.array([["a", "b"], [], None, ["c"]] * 2),
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=4)
    summary, _ = run("a.parquet", "out.parquet")
    assert (summary.scored, summary.rejected) == (6, 2)
    found = parquet.read_table(tmp_path / "out.parquet")
    assert found.schema.names == [*table.schema.names, *ANSWER]
    assert found.select(table.schema.names).to_pylist() == [
        row for row in table.to_pylist() if row["text"] is not None
    ]
    assert found.schema.field("price").type == table.schema.field("price").type
    rejected = read_lines(tmp_path / "out.parquet.rejected.jsonl")
    assert [found["line"] for found in rejected] == [3, 7]
    assert rejected[0]["row"] == {"text": None, "price": "1.10", "day": "2024-02-29", "tags": None}


def test_parquet_with_types_that_json_lacks_becomes_json_lines(run, tmp_path):
    table = pyarrow.table(
        {"text": ["good"], "at": [datetime.datetime(2024, 2, 29, 1)], "raw": [b"a"]}
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    run("a.parquet", "out.jsonl")
    [row] = read_lines(tmp_path / "out.jsonl")
    assert (row["at"], row["raw"]) == ("2024-02-29T01:00:00", "YQ==")


def test_details_and_a_prefix(run, predict, tmp_path):
    write(tmp_path / "a.jsonl", '{"text":"good","label":"5"}\n{"text":"좋다","label":"4"}')
    run("a.jsonl", "out.jsonl", prefix="p_", details=True)
    rows = read_lines(tmp_path / "out.jsonl")
    names = [*ANSWER, "model", "tokens", "truncated", "known"]
    assert list(rows[0]) == ["text", "label", *(f"p_{name}" for name in names)]
    for row, expected in zip(rows, predict(["good", "좋다"]), strict=True):
        assert row["p_model"] == expected.model
        assert (row["p_tokens"], row["p_truncated"]) == (expected.tokens, False)
        assert row["p_known"] == expected.known


def test_a_named_model_reads_every_language(run, tmp_path):
    write(tmp_path / "a.txt", "good\n좋다\n")
    run("a.txt", "out.jsonl", model="reviews-ko", details=True)
    assert {row["model"] for row in read_lines(tmp_path / "out.jsonl")} == {"reviews-ko"}


def test_what_is_packed_stays_one_file(run, tmp_path):
    write_csv(tmp_path / "a.csv", TEXTS * 3)
    run("a.csv", "out.csv")
    run("a.csv", "out.csv.gz")
    assert gzip.decompress((tmp_path / "out.csv.gz").read_bytes()) == (
        (tmp_path / "out.csv").read_bytes()
    )


# --- Rows that cannot be scored ------------------------------------------------------------------


def test_bad_rows_of_csv_go_aside_with_their_lines(run, tmp_path):
    content = (
        b"\xef\xbb\xbfid,text\r\n"  # 1
        b'1,"good\r\n\r\nfilm"\r\n'  # 2 to 4
        b"\r\n"  # 5: no row
        b"2\r\n"  # 6
        b"3,too,many\r\n"  # 7
        b"4,  \r\n"  # 8
        b"5,caf\xe9\r\n"  # 9
        b'6,"good" film\r\n'  # 10
        b"7,a long text, is it not\r\n"  # 11: too many as well
        b"8," + b"x" * 60 + b"\r\n"  # 12
        b"9,bad"  # 13, without an end
    )
    write(tmp_path / "a.csv", content)
    summary, _ = run("a.csv", "out.csv", max_characters=50)
    assert [row["text"] for row in read_csv(tmp_path / "out.csv")] == ["good\r\n\r\nfilm", "bad"]
    assert (summary.scored, summary.rejected) == (2, 7)
    assert summary.rejected_file == tmp_path / "out.csv.rejected.jsonl"
    found = read_lines(summary.rejected_file)
    assert [(row["line"], row["reason"].split(" (")[0]) for row in found] == [
        (6, "1 fields, expected 2"),
        (7, "3 fields, expected 2"),
        (8, "no text in 'text'"),
        (9, "not UTF-8 at byte 5 of the row"),
        (
            10,
            "',' expected after '\"': is a quotation mark not closed, or not doubled within a "
            "text?",
        ),
        (11, "3 fields, expected 2"),
        (12, "60 characters; a text may have 50"),
    ]
    assert found[0]["row"] == "2"
    assert found[3]["row"] == "5,caf\\xe9"


def test_a_long_quoted_text_counts_in_characters_not_bytes(run, tmp_path):
    write_csv(tmp_path / "a.csv", ["재미있다,\n" * 10_000, "good"])  # 3 bytes a syllable
    summary, _ = run("a.csv", "out.csv", max_characters=100_000)
    assert (summary.scored, summary.rejected) == (2, 0)


def test_each_process_takes_fields_as_long_as_texts_may_be(monkeypatch):
    before = csv.field_size_limit()
    monkeypatch.setattr(worker, "_end_with_the_parent", lambda: None)
    try:
        worker.start(Settings(max_characters=500_000))
        assert csv.field_size_limit() == 500_000
    finally:
        csv.field_size_limit(before)


def as_one_line(raw: str, delimiter: str) -> bool:
    """Whether csv finds the end of the record in the first line."""
    lines = iter([raw, "the next\n"])
    try:
        next(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return next(lines, None) is not None


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_a_line_that_is_taken_for_a_whole_record_is_one(delimiter):
    is_whole = _whole(delimiter).fullmatch
    taken = 0
    for length in range(1, 7):
        for characters in product(f'a"\r{delimiter}', repeat=length):
            for end in ("", "\n"):
                raw = "".join(characters) + end
                if is_whole(raw.encode()):
                    taken += 1
                    assert as_one_line(raw, delimiter), raw
    assert taken > 1_000


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_csv_writes_is_taken_for_whole_records(end):
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator=end)
    writer.writerows([[n, text, ""] for n, text in enumerate(['a "b", c', '"', '""', "a,b", "한"])])
    assert all(map(_whole(",").fullmatch, written.getvalue().encode().splitlines(keepends=True)))


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param([b'1,"good\n', b'2,bad",3\n'], id="together they would be one record"),
        pytest.param([b'1,"go" od\n'], id="a stray quotation mark"),
        pytest.param([b"1,go\rod\n"], id="a carriage return within"),
        pytest.param([b"1,caf\xe9\n"], id="not UTF-8"),
        pytest.param([b"1,good,2\n"], id="too many fields"),
        pytest.param([b'1,"' + b"x" * 140_000 + b'"\n'], id="too long a field"),
    ],
)
def test_a_bad_row_changes_nothing_for_the_others(odd):
    plan = Plan(
        source=Format.CSV, target=Format.CSV, packed=False, columns=("id", "text"), schema=None,
        text_column="text", added=(), labels=(), details=False, model=None, max_characters=1_000,
    )  # fmt: skip
    raws = [b'0,"a ""b"", c"\r\n', *odd, b'9,"two\nlines"\n', b'10,"end"']
    records: list[Record] = [(line, raw, None) for line, raw in enumerate(raws)]
    alone = [parse([record], plan) for record in records]
    together = parse(records, plan)
    assert together.rows == [row for parsed in alone for row in parsed.rows]
    assert [row.text for row in together.rows] == ['a "b", c', "two\nlines", "end"]
    assert together.rejected == [found for parsed in alone for found in parsed.rejected]
    assert [found.line for found in together.rejected] == list(range(1, len(odd) + 1))


def test_a_quotation_mark_that_is_never_closed_loses_no_line(run, tmp_path):
    write(tmp_path / "a.csv", 'text\ngood\n"bad\nfine\nwell\n')
    summary, _ = run("a.csv", "out.csv")
    assert summary.scored == 1
    [rejected] = read_lines(tmp_path / "out.csv.rejected.jsonl")
    assert rejected["line"] == 3
    assert "given up at line 5" in rejected["reason"]
    assert rejected["row"] == '"bad\nfine\nwell'


def test_bad_rows_of_json_lines_go_aside(run, tmp_path):
    lines = [
        b'{"text": "good"}',
        b"{text: 1}",
        b"[1, 2]",
        b'{"text": 5}',
        b'{"other": "x"}',
        b'{"text": null}',
        b'{"text": "caf\xe9"}',
        b'{"text": "good", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"text": "good", "label": 5}',
        b'{"text": "bad"}',
    ]
    write(tmp_path / "a.jsonl", b"\n".join(lines))
    with pytest.raises(UsageError, match="a column 'label' already"):
        run("a.jsonl", "out.jsonl")
    padding = b"\n".join([b'{"text": "good"}'] * 1_000)
    write(tmp_path / "a.jsonl", padding + b"\n" + b"\n".join(lines))
    summary, _ = run("a.jsonl", "out.jsonl", chunk_rows=500)
    assert (summary.scored, summary.rejected) == (1_002, 8)
    found = read_lines(tmp_path / "out.jsonl.rejected.jsonl")
    assert [row["line"] for row in found] == list(range(1_002, 1_010))
    assert [row["reason"].split(" (")[0] for row in found] == [
        "not JSON",
        "not a JSON object, expected {…}",
        "'text' is int, expected a string",
        "no text in 'text'",
        "no text in 'text'",
        "not UTF-8 at byte 13 of the row",
        "nested too deeply",
        "it has a field 'label' already, as the answer would",
    ]


def test_a_field_that_comes_late_has_no_column_in_a_table(run, tmp_path):
    write(tmp_path / "a.jsonl", '{"text": "good"}\n' * 1_000 + '{"text": "bad", "late": 1}\n')
    summary, _ = run("a.jsonl", "out.csv", chunk_rows=500)
    assert (summary.scored, summary.rejected) == (1_000, 1)
    [rejected] = read_lines(tmp_path / "out.csv.rejected.jsonl")
    assert "'late'" in rejected["reason"]


def test_rejected_rows_of_an_earlier_run_do_not_stay(run, tmp_path):
    write(tmp_path / "a.csv", "id,text\n1,good\n2\n")
    run("a.csv", "out.csv")
    assert (tmp_path / "out.csv.rejected.jsonl").exists()
    write(tmp_path / "a.csv", "id,text\n1,good\n")
    run("a.csv", "out.csv", restart=True)
    assert not (tmp_path / "out.csv.rejected.jsonl").exists()


@pytest.mark.parametrize("target", ["out.csv", "out.parquet"])
def test_a_header_alone_gives_a_header(run, tmp_path, target):
    write(tmp_path / "a.csv", "id,text\n")
    summary, _ = run("a.csv", target)
    assert (summary.scored, summary.rejected) == (0, 0)
    if target == "out.csv":
        assert (tmp_path / target).read_text() == "id,text,label,score,negative,positive\n"
    else:
        assert parquet.read_schema(tmp_path / target).names == ["id", "text", *ANSWER]


@pytest.mark.parametrize("name", ["a.jsonl", "a.txt"])
def test_an_empty_file_gives_an_empty_one(run, tmp_path, name):
    write(tmp_path / name, "")
    summary, _ = run(name, "out.jsonl")
    assert (summary.scored, (tmp_path / "out.jsonl").read_bytes()) == (0, b"")


# --- What is refused before anything is scored ---------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("a.csv", "id,review\n1,good\n", "no column 'text'; there are 'id', 'review'",
                     id="no such column"),
        pytest.param("a.jsonl", '{"id":1,"body":"x"}\n', "there are 'id', 'body'", id="no field"),
        pytest.param("a.csv", "text,score\na,1\n", "'score' already.*--prefix", id="collision"),
        pytest.param("a.csv", "text,a,a\nx,1,2\n", "two columns are called 'a'", id="twice"),
        pytest.param("a.csv", "", "no line with the names", id="empty"),
        pytest.param("a.csv", b"\xff\xfet\x00", "UTF-16", id="UTF-16"),
        pytest.param("a.csv", b"t\xe9xt\n", "line 1.*UTF-8", id="header not UTF-8"),
        pytest.param("a.csv.gz", "no gzip", "not a whole gzip file", id="not gzip"),
        pytest.param("a.parquet", "no parquet", "not a Parquet file", id="not parquet"),
        pytest.param("a.xlsx", "x", "told by its extension", id="extension"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_scored_is_refused(run, tmp_path, name, content, message):
    write(tmp_path / name, content)
    with pytest.raises(CommandError, match=message):
        run(name, "out.jsonl")
    assert {path.name for path in tmp_path.iterdir()} == {name}


def test_a_column_of_parquet_that_holds_no_strings_is_refused(run, tmp_path):
    parquet.write_table(pyarrow.table({"text": [1, 2]}), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="holds int64, expected strings"):
        run("a.parquet", "out.jsonl")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        pytest.param("a.jsonl", "is the input", id="the input"),
        pytest.param("out.txt", "no room for the answers", id="lines"),
        pytest.param("out.parquet", "what type a column", id="JSON Lines to Parquet"),
        pytest.param("no/out.csv", "cannot be written", id="no folder"),
    ],
)
def test_an_output_that_cannot_be_is_refused(run, tmp_path, target, message):
    write(tmp_path / "a.jsonl", '{"text":"good"}')
    with pytest.raises(CommandError, match=message):
        run("a.jsonl", target)


def test_a_missing_input_is_told(run):
    with pytest.raises(CommandError, match=r"a\.csv: no such file"):
        run("a.csv", "out.csv")


def test_a_finished_output_is_not_written_over(run, tmp_path):
    write_csv(tmp_path / "a.csv", TEXTS)
    run("a.csv", "out.csv")
    with pytest.raises(UsageError, match=r"there already.*--restart"):
        run("a.csv", "out.csv")
    assert run("a.csv", "out.csv", restart=True)[0].scored == 4


def test_bundles_with_different_labels_cannot_share_columns(make_tiny_bundle, run, tmp_path):
    write(tmp_path / "a.txt", "good\n좋다\n")
    registry = Registry(
        [make_tiny_bundle("en"), make_tiny_bundle("ko", "ko", labels=("bad", "good"))], "en"
    )
    with pytest.raises(UsageError, match=r"en: negative, positive; ko: bad, good.*--model"):
        run("a.txt", "out.jsonl", workers=Here(registry))
    run("a.txt", "out.jsonl", workers=Here(registry), model="ko")
    assert list(read_lines(tmp_path / "out.jsonl")[0])[-2:] == ["bad", "good"]


def test_a_class_called_as_an_added_column_is_refused(make_tiny_bundle, run, tmp_path):
    write(tmp_path / "a.txt", "good\n")
    registry = Registry([make_tiny_bundle(labels=("score", "other"))], "")
    with pytest.raises(UsageError, match="called 'score'"):
        run("a.txt", "out.jsonl", workers=Here(registry))


# --- Stops ---------------------------------------------------------------------------------------


MANY = [f"good film {n}" if n % 5 else "" for n in range(30)]  # six of them are rejected


@pytest.fixture
def many(tmp_path):
    """The same thirty rows in each format; chunks have three."""
    write_csv(tmp_path / "a.csv", MANY)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    write(tmp_path / "a.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in MANY))
    parquet.write_table(pyarrow.table({"text": MANY}), tmp_path / "a.parquet", row_group_size=10)


PAIRS = [
    ("a.csv", "out.csv"),
    ("a.csv.gz", "out.csv.gz"),
    ("a.jsonl", "out.jsonl"),
    ("a.parquet", "out.parquet"),
    ("a.parquet", "out.tsv"),
    ("a.csv", "out.parquet"),
]


def content(path: Path) -> object:
    # When its rows were written does not show in the rows of a Parquet file.
    return parquet.read_table(path).to_pylist() if path.suffix == ".parquet" else path.read_bytes()


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_what_was_stopped_goes_on_without_scoring_anything_twice(
    many, run, registry, tmp_path, source, target
):
    damage = b"half a row that was never noted"
    _, whole = run(source, f"whole-{target}")
    stopped = Here(registry, stop_before=5)
    with pytest.raises(KeyboardInterrupt):
        run(source, target, workers=stopped)
    assert not (tmp_path / target).exists()
    with (tmp_path / f"{target}.partial").open("ab") as file:
        file.write(damage)
    with (tmp_path / f"{target}.rejected.jsonl.partial").open("ab") as file:
        file.write(damage)
    summary, after = run(source, target)
    assert content(tmp_path / target) == content(tmp_path / f"whole-{target}")
    assert (tmp_path / f"{target}.rejected.jsonl").read_bytes() == (
        tmp_path / f"whole-{target}.rejected.jsonl"
    ).read_bytes()
    assert (summary.scored, summary.rejected) == (24, 6)
    # One chunk was scored but not written when the stop came.
    assert len(stopped.lines) + len(after.lines) == len(whole.lines) + 1
    assert left_behind(tmp_path) == set()


@pytest.mark.parametrize("target", ["out.csv", "out.parquet"])
@pytest.mark.parametrize("ending", ["", ".rejected.jsonl"])
def test_a_stop_while_all_is_put_in_its_place_is_made_good(
    many, run, registry, tmp_path, target, ending
):
    class Obstructing(Here):
        def submit(self, chunk, plan):
            (tmp_path / f"{target}{ending}").mkdir(exist_ok=True)
            return super().submit(chunk, plan)

    run("a.csv", f"whole-{target}")
    with pytest.raises(CommandError, match="cannot be written"):
        run("a.csv", target, workers=Obstructing(registry))
    note = (tmp_path / f"{target}.progress.json").read_bytes()
    (tmp_path / f"{target}{ending}").rmdir()
    for _ in range(2):  # the second time all stands in its place, and only the note is left
        summary, workers = run("a.csv", target)
        assert workers.lines == []
        assert (summary.scored, summary.rejected) == (24, 6)
        assert content(tmp_path / target) == content(tmp_path / f"whole-{target}")
        assert len(read_lines(tmp_path / f"{target}.rejected.jsonl")) == 6
        assert left_behind(tmp_path) == set()
        (tmp_path / f"{target}.progress.json").write_bytes(note)


def test_another_input_does_not_go_on(many, run, registry, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run("a.csv", "out.csv", workers=Here(registry, stop_before=4))
    with (tmp_path / "a.csv").open("a") as file:
        file.write("31,good,5\n")
    with pytest.raises(UsageError, match=r"another size of the input.*--restart"):
        run("a.csv", "out.csv")
    assert run("a.csv", "out.csv", restart=True)[0].scored == 25


@pytest.mark.parametrize(
    ("options", "named"),
    [
        pytest.param({"details": True}, "--details", id="columns"),
        pytest.param({"model": "reviews-en"}, "--model", id="model"),
        pytest.param({"max_characters": 10}, "MAX_CHARACTERS", id="limit"),
    ],
)
def test_other_options_do_not_go_on(many, run, registry, options, named):
    with pytest.raises(KeyboardInterrupt):
        run("a.csv", "out.csv", workers=Here(registry, stop_before=4))
    with pytest.raises(UsageError, match=named):
        run("a.csv", "out.csv", **options)


def test_other_bundles_do_not_go_on(many, run, registry, make_tiny_bundle):
    with pytest.raises(KeyboardInterrupt):
        run("a.csv", "out.csv", workers=Here(registry, stop_before=4))
    other = Registry([make_tiny_bundle("reviews-en", seed=7), registry.get("reviews-ko")], "")
    with pytest.raises(UsageError, match="another bundles"):
        run("a.csv", "out.csv", workers=Here(other))


def test_two_at_once_do_not_write_the_same_output(many, run, registry):
    class Meanwhile(Here):
        def submit(self, chunk, plan):
            with pytest.raises(CommandError, match="another process is writing"):
                run("a.csv", "out.csv")
            return super().submit(chunk, plan)

    assert run("a.csv", "out.csv", workers=Meanwhile(registry))[0].scored == 24


def test_a_partial_output_that_was_tampered_with_does_not_go_on(many, run, registry, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run("a.csv", "out.csv", workers=Here(registry, stop_before=4))
    (tmp_path / "out.csv.partial").write_text("")
    with pytest.raises(CommandError, match=r"shorter than.*--restart"):
        run("a.csv", "out.csv")


def test_a_restart_that_is_stopped_at_once_leaves_nothing_of_the_run_before(
    many, run, registry, tmp_path
):
    with pytest.raises(KeyboardInterrupt):
        run("a.csv", "out.csv", workers=Here(registry, stop_before=4))
    with pytest.raises(KeyboardInterrupt):
        run("a.csv", "out.csv", workers=Here(registry, stop_before=0), restart=True)
    summary, workers = run("a.csv", "out.csv")
    assert (summary.scored, workers.lines[0]) == (24, 2)


@pytest.mark.parametrize("target", ["out.csv", "out.csv.gz"])
def test_a_run_that_is_stopped_behind_its_header_has_one_in_the_end(
    many, run, registry, tmp_path, target
):
    with pytest.raises(KeyboardInterrupt):
        run("a.csv", target, workers=Here(registry, stop_before=0))
    run("a.csv", target)
    run("a.csv", f"whole-{target}")
    assert (tmp_path / target).read_bytes() == (tmp_path / f"whole-{target}").read_bytes()


@pytest.mark.parametrize(("target", "delimiter"), [("out.csv", ","), ("out.tsv", "\t")])
def test_a_line_break_of_any_kind_in_a_cell_tears_no_row(run, tmp_path, target, delimiter):
    texts = ["good\rfilm", "good\nfilm", "good\r\nfilm", "good"]
    lines = "".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(texts))
    write(tmp_path / "a.jsonl", lines)
    run("a.jsonl", target)
    with (tmp_path / target).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter=delimiter))
    assert [row[1] for row in rows[1:]] == texts
    assert b"\r\n" not in (tmp_path / target).read_bytes().replace(b"good\r\nfilm", b"")


def test_a_row_of_empty_cells_is_not_lost_between_tabs(run, tmp_path):
    write(tmp_path / "a.tsv", "id\ttext\n1\tgood\n\t\n\n2\tbad\n")
    summary, _ = run("a.tsv", "out.tsv")
    assert (summary.scored, summary.rejected) == (2, 1)


def test_a_value_that_only_parquet_can_hold_is_rejected_by_its_row(run, tmp_path):
    when = pyarrow.array([0, 1, 2_000], pyarrow.timestamp("ns"))  # 1 ns is no microsecond
    table = pyarrow.table({"when": when, "text": ["good", "bad", "so so"]})
    parquet.write_table(table, tmp_path / "a.parquet")
    summary, _ = run("a.parquet", "out.csv")
    assert (summary.scored, summary.rejected) == (2, 1)
    (rejected,) = (tmp_path / "out.csv.rejected.jsonl").read_text().splitlines()
    told = json.loads(rejected)
    assert told["reason"] == "'when' has a value that only Parquet can hold"
    assert told["row"] == {"text": "bad"}


# --- What may be missing -------------------------------------------------------------------------


def test_without_pyarrow_all_but_parquet_is_scored(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as if it were not installed
    write_csv(tmp_path / "a.csv", TEXTS)
    assert run("a.csv", "out.jsonl")[0].scored == 4
    for names in (("a.csv", "out.parquet"), ("a.parquet", "out.csv")):
        with pytest.raises(CommandError, match="pip install 'pyarrow"):
            run(*names)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_shows_rows_their_rate_and_the_time_left(monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with closing(Bar(1_000, 0, shown=True)) as bar:
        time.sleep(0.2)  # the bar is not drawn more often than ten times a second
        bar.show(500, 1_234)
    assert " 50%|" in terminal.getvalue()
    assert "1,234 rows, " in terminal.getvalue()
    assert re.search(r" rows/s, 00:00 left", terminal.getvalue())


def test_without_tqdm_a_line_says_how_to_have_a_bar(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with closing(Bar(1_000, 0, shown=True)) as bar:
        bar.show(500, 1_234)
    assert terminal.getvalue() == "no progress bar without tqdm: python -m pip install tqdm\n"


def test_no_bar_where_standard_error_is_no_terminal(capsys):
    with closing(Bar(1_000, 0, shown=True)) as bar:
        bar.show(500, 1_234)
    assert capsys.readouterr().err == ""
