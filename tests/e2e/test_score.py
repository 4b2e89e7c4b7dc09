"""A file of reviews through the real processes and the bundles that ship: stopped, killed, resumed.

20,000 rows; SCORE_ROWS=1000000 takes as many. `python -m benchmarks.scoring` measures it.
"""

from __future__ import annotations

import csv
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from local_http import free_port

from benchmarks.scoring import done_rows, lost_and_doubled, peak_megabytes, write_reviews

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
ROWS = int(os.environ.get("SCORE_ROWS", "20000"))
SECONDS = 120 + ROWS / 100  # for each start, on a machine with much else to do

# torch alone takes more; without it a main process that holds few rows at a time needs no more.
MOST_MEGABYTES = 150


@pytest.fixture
def start():
    """A function that starts a command; what a failed test leaves running is ended."""
    started: list[subprocess.Popen] = []

    def start(*arguments, **options) -> subprocess.Popen:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        process = subprocess.Popen(
            [sys.executable, "-m", "service", *map(str, arguments)],
            cwd=ROOT,
            env=kept | {"DEVICE": "cpu"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()  # and with it the processes that score
            process.communicate(timeout=SECONDS)


def wait_for_rows(process: subprocess.Popen, output: Path, rows: int) -> None:
    end = time.monotonic() + SECONDS
    while done_rows(output) < rows and process.poll() is None:
        assert time.monotonic() < end, "too slow"
        time.sleep(0.01)


def test_a_file_that_is_stopped_twice_is_scored_once(start, tmp_path):
    source, output = tmp_path / "reviews.csv", tmp_path / "scored.csv"
    write_reviews(source, ROWS)
    # With many processes all rows would be under way at once, and nothing left to stop.
    score = ("score", source, "-o", output, "--details", "--workers", "2")
    for part, number, status in ((3, signal.SIGINT, 130), (2, signal.SIGKILL, -9)):
        process = start(*score)
        wait_for_rows(process, output, ROWS // part)
        process.send_signal(number)
        _, err = process.communicate(timeout=SECONDS)
        assert process.returncode == status, err
        assert ROWS // part <= done_rows(output) < ROWS
        assert not output.exists()
    process = start(*score, "--json")
    wait_for_rows(process, output, 3 * ROWS // 4)
    peak = peak_megabytes(process.pid)
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    assert json.loads(out)["scored"] == ROWS
    assert lost_and_doubled(output, ROWS) == (0, 0)
    assert peak < MOST_MEGABYTES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reviews.csv", "scored.csv"]
    check_against_predict(start, output)


def check_against_predict(start: Callable[..., subprocess.Popen], output: Path) -> None:
    """The first rows are what `predict` answers to their texts."""
    with output.open(encoding="utf-8", newline="") as file:
        rows = [row for row, _ in zip(csv.DictReader(file), range(50), strict=False)]
    assert {row["model"] for row in rows} == {"reviews-en", "reviews-ko"}
    process = start("predict", "--json", *(row["text"] for row in rows))
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    for row, line in zip(rows, out.splitlines(), strict=True):
        answer = json.loads(line)
        assert (row["label"], row["model"]) == (answer["label"], answer["model"])
        assert (int(row["tokens"]), float(row["known"])) == (answer["tokens"], answer["known"])
        assert float(row["positive"]) == pytest.approx(answer["scores"]["positive"], abs=1e-5)


def test_a_pipe_is_scored_into_a_pipe(start):
    process = start("score", "-", "-o", "-", "--format", "lines", stdin=subprocess.PIPE)
    out, err = process.communicate(f"good\nbad\n{'x' * 100_001}\n", timeout=SECONDS)
    assert process.returncode == 3, err
    assert [json.loads(line)["label"] for line in out.splitlines()] == ["positive", "negative"]
    assert err.startswith("rejected: line 3: 100,001 characters")


def test_serve_answers_from_any_folder(tmp_path):
    port = free_port()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command = [sys.executable, "-m", "service", "serve", "--port", str(port), "--workers", "1"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=kept | {"DEVICE": "cpu", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            assert answer_of(process, port) == ["reviews-en", "reviews-ko"]
        finally:
            process.terminate()
        assert process.wait(timeout=SECONDS) == 0
    assert list(tmp_path.iterdir()) == []


def answer_of(process: subprocess.Popen, port: int) -> list[str]:
    """The names of the models that are served, as soon as it answers."""
    end = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < end:
        with (
            suppress(ConnectionError, http.client.HTTPException),
            closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection,
        ):
            connection.request("GET", "/models")
            return [model["name"] for model in json.load(connection.getresponse())["models"]]
        time.sleep(0.2)
    raise AssertionError("the service did not answer")
