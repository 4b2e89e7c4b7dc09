"""The command line of training: every knob is shown, and every mistake is one clear message."""

from __future__ import annotations

import errno
import socket
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
import torch

from service.bundle import save_bundle
from training.__main__ import _recipe, _train_options, main
from training.config import (
    KNOBS,
    RECIPES,
    FitConfig,
    NetworkConfig,
    PretrainConfig,
    TeachConfig,
    TextConfig,
    option,
)
from training.datasets import DATASETS
from training.errors import TrainingError


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs a command in an empty folder with an empty mirror: the exit code and the one line that
    it says on stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mirror").mkdir()
    monkeypatch.setenv("DATASET_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("MANYTONE_CACHE", str(tmp_path / "cache"))

    def run(*arguments: str) -> tuple[int, str]:
        code = main(arguments)
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "Traceback" not in captured.err
        assert captured.err.startswith("error: ")
        assert captured.err.count("\n") == 1
        return code, captured.err

    return run


@pytest.mark.parametrize("config", KNOBS.values(), ids=KNOBS)
def test_help_shows_every_knob_with_its_default_and_its_reason(config, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")  # no line is broken
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for knob in fields(config):
        _, *behind = shown.split(f" {option(knob.name)} ")  # notes above a group name it too
        reason = f"{knob.metadata['help']} (default: {knob.default})"
        assert any(reason in text.partition(" --")[0] for text in behind)


def test_help_names_every_data_set(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert [name for name in DATASETS if name not in shown] == []


def test_every_config_is_behind_an_option():
    configs = [NetworkConfig, TextConfig, PretrainConfig, TeachConfig, FitConfig]
    assert list(KNOBS.values()) == configs
    names = [knob.name for config in configs for knob in fields(config)]
    assert len(set(names)) == len(names)  # each option belongs to one of them


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--dataset", "yelp"], "'yelp'; there are imdb, sst2", id="unknown data set"),
        pytest.param(
            ["--dataset", "sst2", "nsmc"], "one language", id="two languages in one bundle"
        ),
        pytest.param(["--dataset", "sst2", "sst2"], "each data set once", id="twice the same"),
        pytest.param(["--layers", "0"], "--layers=0: at least 1", id="no layer"),
        pytest.param(["--epochs", "0"], "--epochs=0: at least 1", id="no epoch"),
        pytest.param(["--vocabulary-size", "2"], "at least 3", id="no room for a subword"),
        pytest.param(["--dropout", "1"], "--dropout=1.0: expected at least 0", id="all dropped"),
        pytest.param(["--averaging", "1"], "--averaging=1.0", id="an average that never moves"),
        pytest.param(["--learning-rate", "-1"], "--learning-rate=-1.0", id="backwards"),
        pytest.param(["--learning-rate", "nan"], "--learning-rate=nan", id="not a number"),
        pytest.param(["--seed", "-1"], "--seed=-1", id="negative seed"),
        pytest.param(["--device", "tpu"], "auto, cpu, cuda or cuda:N", id="unknown device"),
        pytest.param(["--device", "meta"], "auto, cpu, cuda or cuda:N", id="not a machine's"),
        pytest.param(["--device", "cuda:99"], "--device=cuda:99: PyTorch sees", id="no such GPU"),
        pytest.param(["--resume"], "without --resume", id="nothing to resume"),
        pytest.param(
            ["--dataset", "sst2", "--teachers", "2"],
            "--teachers=2 does nothing without a student",
            id="teachers of nobody",
        ),
        pytest.param(
            ["--student", "0", "--slips", "9"], "Add --student 1, or leave", id="slips of nobody"
        ),
        pytest.param(
            ["--dataset", "sst2", "--lm-candidates", "9"],
            "--lm-candidates=9 does nothing without a language model",
            id="a language model that is left out",
        ),
        pytest.param(
            ["--student", "0", "--lm-dropout", "0.2"],
            "--lm-dropout=0.2 does nothing without a language model",
            id="the language model of nobody",
        ),
        pytest.param(
            ["--dataset", "sst2", "--student", "1", "--teacher-lm-epochs", "3"],
            "--teacher-lm-epochs=3 does nothing without a teacher that has a width of its own",
            id="a teacher as wide as its student",
        ),
        pytest.param(
            ["--dataset", "sst2", "--least-share", "0.2"],
            "--least-share=0.2 does nothing without several data sets",
            id="a share of one",
        ),
        pytest.param(
            ["--label-column", "stars"], "--label-column=stars does nothing without", id="columns"
        ),
        pytest.param(["--output", "models/x"], "ends in .pt", id="a bundle by no bundle's name"),
    ],
)
def test_a_mistake_is_one_clear_message(command, arguments, message):
    code, said = command(*arguments)
    assert code == 1
    assert message in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--seed", "4294967296"], "--seed=4294967296: less than", id="seed"),
        pytest.param(
            ["--data", ".csv", "--language", "en"], "its name gives the bundle none", id="name"
        ),
    ],
)
def test_what_nothing_can_be_made_of_is_one_clear_message(command, arguments, message):
    code, said = command(*arguments)
    assert code == 1
    assert message in said


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_cuda_without_a_gpu_says_what_to_do(command):
    code, said = command("--device", "cuda")
    assert code == 1
    assert "--device cpu" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--cell", "transformer"], "'lstm', 'gru', 'rnn'", id="unknown cell"),
        pytest.param(["--epochs", "many"], "invalid int value", id="not a number"),
        pytest.param(["--epoch-count", "3"], "unrecognized arguments", id="unknown option"),
        pytest.param(["--resume", "--restart"], "not allowed with", id="both at once"),
        pytest.param(["evaluate"], "required", id="no bundle named"),
        pytest.param(["report", "models/x.pt"], "--dataset", id="nothing to draw it from"),
    ],
)
def test_a_command_that_cannot_be_read_shows_how_to_write_it(arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert "usage:" in said


@pytest.mark.parametrize(
    ("config", "knobs", "message"),
    [
        pytest.param(NetworkConfig, {"directions": 3}, "--directions=3: .* 1, 2", id="directions"),
        pytest.param(NetworkConfig, {"pooling": "sum"}, "'sum': .*max-mean", id="pooling"),
        pytest.param(TextConfig, {"max_tokens": 0}, "--max-tokens=0", id="tokens"),
        pytest.param(FitConfig, {"batch_texts": 0}, "--batch-texts=0", id="batch"),
    ],
)
def test_a_config_checks_itself_however_it_is_made(config, knobs, message):
    with pytest.raises(TrainingError, match=message):
        config(**knobs)


# --- no data --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dataset", "file"),
    [
        pytest.param("imdb", "aclImdb_v1.tar.gz", id="imdb"),
        pytest.param("sst2", "SST-2.zip", id="sst2"),
        pytest.param("amazon", "domain_sentiment_data.tar.gz", id="amazon"),
        pytest.param("nsmc", "ratings_train.txt", id="nsmc"),
    ],
)
def test_an_empty_mirror_is_one_clear_message(command, tmp_path, dataset, file):
    code, said = command("--dataset", dataset, "--device", "cpu")
    assert code == 1
    assert f"{tmp_path / 'mirror' / file}: no such file" in said
    assert "unset DATASET_MIRROR" in said
    assert not (tmp_path / "models").exists()


@pytest.fixture
def no_network(monkeypatch):
    """Every request goes to a proxy that is not there; waiting between attempts is left out."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, address)
        monkeypatch.setenv(name.upper(), address)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    # The command line has no shorter patience, and the pauses add up to 8 seconds.
    monkeypatch.setattr("training.datasets.fetch.time.sleep", lambda seconds: None)


def test_no_network_and_no_mirror_is_one_clear_message(command, no_network, monkeypatch, tmp_path):
    monkeypatch.delenv("DATASET_MIRROR")
    code, said = command("--dataset", "sst2", "--device", "cpu")
    assert code == 1
    assert "cannot download https://dl.fbaipublicfiles.com/glue/data/SST-2.zip" in said
    assert "DATASET_MIRROR=DIR" in said
    assert str(tmp_path / "cache") in said


# --- evaluate -------------------------------------------------------------------------------


def test_a_missing_bundle_is_one_clear_message(command):
    code, said = command("evaluate", "no/such.pt", "--dataset", "sst2")
    assert code == 1
    assert "no/such.pt: cannot be read (No such file or directory)" in said


def test_a_run_without_steps_is_one_clear_message(command):
    code, said = command("report", "x.pt", "--dataset", "sst2", "--run", "runs/x")
    assert code == 1
    assert "runs/x: no steps here. Give the folder of a run" in said


def test_a_file_that_is_no_bundle_is_one_clear_message(command):
    Path("notes.pt").write_text("to do")
    code, said = command("evaluate", "notes.pt", "--dataset", "sst2")
    assert code == 1
    assert "notes.pt: not a bundle" in said


@pytest.mark.parametrize(
    ("labels", "dataset", "message"),
    [
        pytest.param(("negative", "positive"), "yelp", "No data set 'yelp'", id="unknown data set"),
        pytest.param(("negative", "positive"), "sst2", "no such file", id="no data"),
        pytest.param(("sad", "glad"), "sst2", "answers sad, glad", id="other labels"),
        pytest.param(("negative", "positive"), "nsmc", "nsmc is in 'ko'", id="other language"),
    ],
)
def test_what_cannot_be_measured_is_one_clear_message(
    command, tiny_bundle, labels, dataset, message
):
    metadata = replace(tiny_bundle.metadata, labels=labels)
    save_bundle(Path("tiny.pt"), replace(tiny_bundle, metadata=metadata))
    code, said = command("evaluate", "tiny.pt", "--dataset", dataset, "--device", "cpu")
    assert code == 1
    assert message in said


def test_a_full_disk_says_how_to_go_on(command, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("training.__main__.train", full)
    code, said = command("--dataset", "sst2")
    assert code == 1
    assert "No space left on device. Once that is mended, --resume goes on from what is in" in said


@pytest.mark.parametrize("datasets", RECIPES, ids="-".join)
def test_the_data_sets_of_a_bundle_that_ships_bring_its_recipe(datasets):
    recipe = _recipe(_train_options(["--dataset", *reversed(datasets), "--seed", "3"]))
    parts = (recipe.network, recipe.text, recipe.pretrain, recipe.teach, recipe.fit)
    used = {name: value for part in parts for name, value in asdict(part).items()}
    assert {name: used[name] for name in RECIPES[datasets]} == RECIPES[datasets]
    assert recipe.fit.seed == 3
    plain = _recipe(_train_options(["--dataset", *datasets, "--student", "0"]))
    assert plain.teach.student == 0


def test_other_data_sets_bring_the_defaults():
    recipe = _recipe(_train_options(["--dataset", "sst2"]))
    assert (recipe.pretrain, recipe.teach) == (PretrainConfig(), TeachConfig())
