"""`python -m service`: commands, exit codes, and stops of the real processes."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service.__main__ import COMMANDS, main
from service.cli.environment import ROOT, environment

SECONDS = 120  # on a machine with much else to do


@pytest.fixture
def command(models_dir, monkeypatch, capsys):
    """Runs a command in this process: its exit code, standard output and standard error."""
    monkeypatch.setenv("MODELS_DIR", str(models_dir))
    monkeypatch.setenv("DEVICE", "cpu")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def start(*arguments, models_dir: Path, **options) -> subprocess.Popen:
    environ = {name: value for name, value in os.environ.items() if name not in ("WORKERS", "HOST")}
    environ |= {"MODELS_DIR": str(models_dir), "DEVICE": "cpu", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "service", *map(str, arguments)],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


# --- predict, models -----------------------------------------------------------------------------


def test_predict_answers_each_text_as_the_service_does(command, models_dir):
    from service.app import create_app
    from service.settings import Settings

    code, out, _ = command("predict", "--json", "Not bad at all!", "재미있어요", "")
    texts = {"texts": ["Not bad at all!", "재미있어요", ""]}
    client = create_app(Settings(models_dir=models_dir, device="cpu")).test_client()
    expected = client.post("/predict", json=texts).json["predictions"]
    assert code == 0
    for line, answer in zip(out.splitlines(), expected, strict=True):
        found = json.loads(line)
        assert found.pop("score") == pytest.approx(answer.pop("score"), abs=1e-5)
        assert found.pop("scores") == pytest.approx(answer.pop("scores"), abs=1e-5)
        assert found == answer


def test_predict_reads_the_lines_of_standard_input(command, monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO("\ufeffgood\r\n\n재미있어요".encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    code, out, _ = command("predict", "--model", "reviews-en")
    assert code == 0
    assert [line.split("reviews-en")[1].strip() for line in out.splitlines()] == [
        "good",
        "[nothing of it is known]",
        "재미있어요",
    ]


def test_predict_tells_the_line_that_is_not_utf8(command, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"good\ncaf\xe9\n")))
    code, out, err = command("predict")
    assert (code, out.count("\n")) == (2, 1)
    assert err == "error: Standard input, line 2: not UTF-8.\n"


def test_models_are_listed_with_their_default(command):
    code, out, _ = command("models")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["name", "language"],
        ["reviews-en", "(default)"],
        ["reviews-ko", "ko"],
    ]


def test_models_as_json_have_all_that_is_known(command):
    _, out, _ = command("models", "--json")
    found = json.loads(out)["models"]
    assert [(model["name"], model["default"]) for model in found] == [
        ("reviews-en", True),
        ("reviews-ko", False),
    ]
    assert found[0]["labels"] == ["negative", "positive"]


def test_explain_shows_every_token_and_as_json_what_the_service_answers(command):
    code, out, _ = command("explain", "--json", "Not bad at all!")
    answer = json.loads(out)
    assert code == 0
    assert len(answer["reading"]) == answer["tokens"] > 3
    code, out, _ = command("explain", "Not bad at all!")
    assert code == 0
    assert out.startswith(f"{answer['label']} {answer['score']:.3f}  reviews-en\n")
    assert out.count("\n") == answer["tokens"] + 3
    assert "\x1b" not in out  # it is no terminal


def test_explain_takes_a_blank_text(command):
    code, out, _ = command("explain", " ")
    assert (code, out.split("\n")[0]) == (0, "negative 0.500  reviews-en")


# --- Mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["predict", "x", "--model", "no"], 2, "--model: No model 'no'; there are:",
                     id="no such model"),
        pytest.param(["predict", "x" * 100_001], 2, "MAX_CHARACTERS", id="too long"),
        pytest.param(["predict", "caf\udce9"], 2, "not UTF-8", id="no UTF-8"),
        pytest.param(["explain", "--json", "caf\udce9"], 2, "not UTF-8", id="to explain"),
        pytest.param(["serve", "--port", "70000"], 2, "PORT='70000'", id="port"),
        pytest.param(["score", "no.csv", "-o", "out.csv"], 1, "no.csv: no such file", id="no file"),
        pytest.param(["score", "-", "-o", "out.csv"], 2, "--format", id="format of stdin"),
        pytest.param(["score", "-", "-o", "x.csv", "--format", "parquet"], 2, "standard input",
                     id="Parquet from stdin"),
        pytest.param(["score", "a.csv", "-o", "-", "--json"], 2, "--json", id="both to stdout"),
        pytest.param(["score", "a.csv", "-o", "-", "--output-format", "parquet"], 2, "to a file",
                     id="Parquet to stdout"),
        pytest.param(["score", ".", "-o", "out.csv", "--format", "csv"], 2, "is a folder",
                     id="a folder"),
        pytest.param(["score", "a.csv", "-o", "b.csv", "--workers", "0"], 2, "WORKERS='0'",
                     id="no workers"),
        pytest.param(["models", "--models", "no"], 1, "no bundle", id="no bundles"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_an_exit_code(
    command, monkeypatch, tmp_path, arguments, code, message
):
    monkeypatch.chdir(tmp_path)
    found, out, err = command(*arguments)
    assert (found, out) == (code, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize("arguments", [[], ["no"], ["score", "a.csv"]])
def test_a_command_line_that_is_none_is_status_2(command, arguments):
    with pytest.raises(SystemExit) as end:
        command(*arguments)
    assert end.value.code == 2


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_the_exit_codes(command, capsys, name):
    with pytest.raises(SystemExit) as end:
        command(name, "--help")
    assert end.value.code == 0
    assert "130  stopped by Ctrl-C" in capsys.readouterr().out


def test_options_stand_for_variables_and_the_models_are_found_from_any_folder(
    monkeypatch, tmp_path
):
    from argparse import Namespace

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MODELS_DIR", raising=False)
    found = environment(Namespace(port=9000, host=None, models_dir=None))
    assert (found["PORT"], found["MODELS_DIR"]) == ("9000", str(ROOT / "models"))
    (tmp_path / "models").mkdir()
    assert "MODELS_DIR" not in environment(Namespace())
    assert environment(Namespace(models_dir="mine"))["MODELS_DIR"] == "mine"


# --- What is loaded ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        pytest.param(["service.app"], {"service.scoring", "service.cli", "pyarrow"},
                     id="the service knows nothing of files"),
        pytest.param(["service.__main__", "service.cli.score"], {"torch", "flask", "pyarrow"},
                     id="the main process of score stays small"),
        pytest.param(["service.__main__", "service.cli.models"], {"torch", "flask"},
                     id="models need no torch"),
    ],
)  # fmt: skip
def test_what_is_not_needed_is_not_loaded(modules, absent):
    code = (
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print(sorted(set({sorted(absent)!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# --- score, with its processes -------------------------------------------------------------------


ROWS = 12_000


def write_rows(path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows([n, f"good film {n}" if n % 100 else ""] for n in range(ROWS))


def noted_rows(output: Path) -> int:
    try:
        note = json.loads(output.with_name(f"{output.name}.progress.json").read_text())
    except FileNotFoundError:
        return 0
    return note["scored_rows"] + note["rejected_rows"]


def stopped(process: subprocess.Popen, output: Path, number: int) -> tuple[int, str]:
    """The process, ended by a signal as soon as it has come further than before."""
    before, end = noted_rows(output), time.monotonic() + SECONDS
    while noted_rows(output) <= before and time.monotonic() < end and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(number)
    _, err = process.communicate(timeout=SECONDS)
    return process.returncode, err


def alive_in(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads Linux's /proc")
def test_a_process_that_is_ended_from_outside_ends_the_run_and_the_next_goes_on(
    models_dir, tmp_path
):
    write_rows(tmp_path / "a.csv")
    output = tmp_path / "out.csv"
    score = ["score", tmp_path / "a.csv", "-o", output, "--workers", "1"]
    process = start(*score, models_dir=models_dir, start_new_session=True)
    end = time.monotonic() + SECONDS
    while not noted_rows(output) and time.monotonic() < end and process.poll() is None:
        time.sleep(0.005)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (scores,) = [
        child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    os.kill(int(scores), signal.SIGKILL)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "error: A process that scores was ended from outside" in err
    assert "Traceback" not in err
    assert 0 < noted_rows(output) < ROWS
    process = start(*score, "--json", models_dir=models_dir)
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 3, err
    assert json.loads(out)["scored"] == ROWS - ROWS // 100


def test_a_run_that_is_interrupted_and_killed_loses_no_row_and_doubles_none(models_dir, tmp_path):
    write_rows(tmp_path / "a.csv")
    output = tmp_path / "out.csv"
    score = ["score", tmp_path / "a.csv", "-o", output, "--workers", "1"]
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)):
        process = start(*score, models_dir=models_dir, start_new_session=True)
        found, err = stopped(process, output, number)
        assert found == code, err
        assert not output.exists()
        assert 0 < noted_rows(output) < ROWS
        if number != signal.SIGKILL:
            assert "The same command goes on from here." in err
            assert "Traceback" not in err
        end = time.monotonic() + SECONDS
        while alive_in(process.pid) and time.monotonic() < end:
            time.sleep(0.05)
        assert not alive_in(process.pid), "its processes outlive it"
    process = start(*score, "--json", models_dir=models_dir)
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 3, err
    assert json.loads(out)["scored"] == ROWS - ROWS // 100
    with output.open(newline="") as file:
        found = [int(row["id"]) for row in csv.DictReader(file)]
    assert found == [n for n in range(ROWS) if n % 100]
    rejected = output.with_name("out.csv.rejected.jsonl").read_text().splitlines()
    assert [json.loads(line)["line"] for line in rejected] == [n + 2 for n in range(0, ROWS, 100)]
    assert {path.name for path in tmp_path.iterdir()} == {
        "a.csv",
        "out.csv",
        "out.csv.rejected.jsonl",
    }
