"""The whole way on made-up reviews: a mirror, training, a bundle, and the service that answers."""

from __future__ import annotations

import json
import logging
import random
import re
import signal
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from made_mirror import add_sums, sha256

from service.app import create_app
from service.bundle import Bundle, load_bundle
from service.settings import Settings
from training.__main__ import main
from training.report import PICTURES
from training.steps import read_steps

GOOD = ["wonderful", "lovely", "brilliant", "charming", "funny", "warm", "clever", "delightful"]
BAD = ["terrible", "dull", "awful", "boring", "clumsy", "cold", "stupid", "dreadful"]
THINGS = [
    "film",
    "story",
    "cast",
    "music",
    "ending",
    "camera",
    "dialogue",
    "scene",
    "hero",
    "villain",
]
FRAMES = [
    "the {0} is {2} and the {1} is {3} .",
    "a {2} {0} with a {3} {1} .",
    "what a {2} {0} , and such a {3} {1} !",
    "i found the {0} {2} , the {1} {3} .",
    "{2} {0} , {3} {1} .",
]
HELD_OUT = [  # none of these sentences is trained on
    ("What a wonderful cast, what a lovely film!", "positive"),
    ("The music was charming and the dialogue funny.", "positive"),
    ("Clever, warm and brilliant.", "positive"),
    ("The film is dull; the ending is dreadful.", "negative"),
    ("A boring story with an awful villain.", "negative"),
    ("Clumsy, cold and stupid.", "negative"),
]
KNOBS = {
    "dataset": "sst2",
    "device": "cpu",
    "vocabulary-size": 60,
    "embedding-size": 16,
    "hidden-size": 8,
    "epochs": 3,
    "vector-epochs": 1,
    "batch-texts": 16,
    "learning-rate": 0.03,
    "threads": 1,
    "seed": 5,
}


def sentences(count: int, seed: int) -> Iterator[tuple[str, int]]:
    """Sentences as SST-2 writes them, and their labels."""
    chance = random.Random(seed)
    for n in range(count):
        words = (BAD, GOOD)[n % 2]
        frame = chance.choice(FRAMES)
        yield frame.format(*chance.sample(THINGS, 2), *chance.sample(words, 2)), n % 2


def write_mirror(folder: Path) -> None:
    archive = folder / "SST-2.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for member, count, seed in (("train", 400, 1), ("dev", 60, 2)):
            rows = "".join(f"{text} \t{label}\n" for text, label in sentences(count, seed))
            zipped.writestr(f"SST-2/{member}.tsv", f"sentence\tlabel\n{rows}")
    add_sums(folder)


@dataclass(frozen=True)
class Workplace:
    """A folder in which `python -m training` is run, with the made-up mirror."""

    folder: Path

    def train(self, name: str, *flags: str, **knobs: object) -> int:
        """The exit code; the bundle, if there is one, is at `bundle(name)`."""
        options = KNOBS | {key.replace("_", "-"): value for key, value in knobs.items()}
        words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        paths = ["--output", str(self.bundle(name)), "--runs", str(self.runs / name)]
        return main([*words, *paths, *flags])

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    def bundle(self, name: str) -> Path:
        return self.folder / f"{name}.pt"

    def bytes_of(self, name: str) -> bytes:
        return self.bundle(name).read_bytes()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Iterator[Workplace]:
    folder = tmp_path_factory.mktemp("workplace")
    (folder / "mirror").mkdir()
    write_mirror(folder / "mirror")
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATASET_MIRROR", str(folder / "mirror"))
        patch.setenv("GIT_DIR", "none")  # a commit in between would be another bundle
        yield Workplace(folder)
    # `train` sets these for its process.
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def trained(workplace) -> Bundle:
    assert workplace.train("first") == 0
    return load_bundle(workplace.bundle("first"))


class Interrupter(logging.Handler):
    """Presses Ctrl-C when the log says that the first epoch is over: the first step of the second
    is finished, then training stops."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("epoch 1 of"):
            signal.raise_signal(signal.SIGINT)


@pytest.fixture
def interrupter(caplog) -> Iterator[None]:
    caplog.set_level(logging.INFO, "training.fit")
    log, handler = logging.getLogger("training.fit"), Interrupter()
    log.addHandler(handler)
    yield
    log.removeHandler(handler)


def test_the_bundle_says_what_it_is(trained, workplace):
    metadata = trained.metadata
    assert (metadata.name, metadata.language) == ("sst2-en", "en")
    assert metadata.labels == ("negative", "positive")
    (dataset,) = metadata.datasets
    (file,) = dataset["files"]
    digest = sha256(workplace.folder / "mirror" / "SST-2.zip")
    assert file == {"file": "SST-2.zip", "sha256": digest}
    assert dataset["train"] > 300
    assert dataset["validation"] > 20
    assert metadata.figures["sst2"]["texts"] == 60
    assert metadata.figures["sst2"]["accuracy"] > 0.95
    for key, value in KNOBS.items():
        if key not in ("dataset", "device"):
            assert metadata.hyper_parameters[key.replace("-", "_")] == value
    assert 0.1 <= metadata.hyper_parameters["temperature"] <= 10
    assert metadata.torch_version == torch.__version__


def test_the_service_answers_with_it(trained, workplace, tmp_path):
    (tmp_path / "sst2-en.pt").write_bytes(workplace.bytes_of("first"))
    client = create_app(Settings(models_dir=tmp_path, device="cpu")).test_client()
    texts, labels = zip(*HELD_OUT, strict=True)
    answer = client.post("/predict", json={"texts": texts}).get_json()
    assert tuple(found["label"] for found in answer["predictions"]) == labels
    alone = client.post("/predict", json={"text": texts[0]}).get_json()
    assert (alone["label"], alone["model"]) == ("positive", "sst2-en")
    assert alone["score"] == pytest.approx(answer["predictions"][0]["score"], abs=1e-5)


def test_evaluate_prints_the_figures_that_stand_in_the_bundle(trained, workplace, capsys):
    command = ["evaluate", str(workplace.bundle("first")), "--dataset", "sst2", "--device", "cpu"]
    assert main(command) == 0
    shown = capsys.readouterr().out
    figures = trained.metadata.figures["sst2"]
    assert "sst2: 60 texts" in shown
    assert f"accuracy           {100 * figures['accuracy']:.2f} %" in shown
    assert f"calibration error  {100 * figures['calibration_error']:.2f} %" in shown


def test_its_card_shows_how_it_learnt_and_where_it_errs(trained, workplace):
    folder = workplace.folder / "first"
    assert {path.name for path in folder.glob("*.png")} == set(PICTURES)
    card = workplace.bundle("first").with_suffix(".md").read_text(encoding="utf-8")
    assert re.findall(r"\(first/(.*)\)", card) == list(PICTURES)
    history = trained.metadata.hyper_parameters["history"]
    assert [entry["epoch"] for entry in history] == [1, 2, 3]
    best = trained.metadata.hyper_parameters["best_epoch"]
    assert history[best - 1] == trained.metadata.hyper_parameters["validation"]
    steps = read_steps(workplace.runs / "first" / "sst2-en" / "fit-steps.csv")
    assert [step.step for step in steps] == list(range(1, len(steps) + 1))
    assert {step.epoch for step in steps} == {1, 2, 3}


def test_report_draws_the_same_pictures_again(trained, workplace, tmp_path):
    bundle = tmp_path / "again.pt"
    bundle.write_bytes(workplace.bytes_of("first"))
    run = str(workplace.runs / "first" / "sst2-en")
    command = ["report", str(bundle), "--dataset", "sst2", "--run", run, "--device", "cpu"]
    assert main(command) == 0
    for name in PICTURES:
        first = workplace.folder / "first" / name
        assert (tmp_path / "again" / name).read_bytes() == first.read_bytes(), name
    assert "](again/confusion.png)" in bundle.with_suffix(".md").read_text(encoding="utf-8")


def test_the_same_seed_gives_the_same_bytes(trained, workplace):
    random.seed(3)
    torch.manual_seed(3)
    assert workplace.train("second") == 0
    assert workplace.bytes_of("second") == workplace.bytes_of("first")


def test_another_seed_gives_another_bundle(trained, workplace):
    assert workplace.train("other", seed=6, epochs=1) == 0
    assert workplace.bytes_of("other") != workplace.bytes_of("first")


def test_after_ctrl_c_resume_gives_the_same_bytes(trained, workplace, interrupter, capsys):
    assert workplace.train("stopped") == 130
    assert "--resume goes on" in capsys.readouterr().err
    assert not workplace.bundle("stopped").exists()

    assert workplace.train("stopped") == 1  # not begun anew by accident
    assert "--resume" in capsys.readouterr().err
    assert workplace.train("stopped", "--resume", epochs=9) == 1
    assert "epochs (was 3, now 9)" in capsys.readouterr().err

    assert workplace.train("stopped", "--resume") == 0
    assert workplace.bytes_of("stopped") == workplace.bytes_of("first")
    (run,) = (workplace.runs / "stopped").iterdir()
    assert not list(run.glob("*.pt"))
    assert json.loads((run / "recipe.json").read_text())["datasets"] == ["sst2"]
