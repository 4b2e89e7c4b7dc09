"""The pictures of a bundle: which are drawn, what is in them, and that any names will do."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from training.behave import behave
from training.behaviours import BY_LANGUAGE
from training.errors import TrainingError
from training.evaluate import Answers
from training.report import PICTURES, _interval, _plain, write_report
from training.steps import Step, StepLog

HISTORY = [{"epoch": 1, "loss": 0.6, "toy": 0.7}, {"epoch": 2, "loss": 0.4, "toy": 0.8}]
OF_TESTS = ["confusion.png", "reliability.png", "precision-recall.png", "accuracy-by-length.png"]


def made_answers(texts: int = 200, classes: int = 2, seed: int = 1) -> Answers:
    """Answers that are right more often than not, to texts of all lengths."""
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, classes, texts)
    logits = chance.normal(size=(texts, classes)) + 2 * np.eye(classes)[labels]
    odds = np.exp(logits)
    probabilities = (odds / odds.sum(1, keepdims=True)).astype(np.float32)
    return Answers(probabilities, labels, chance.integers(0, 300, texts))


def with_history(bundle, **changes):
    datasets = ({"name": "toy"},)
    used = {"history": HISTORY, "best_epoch": 2}
    return replace(
        bundle,
        metadata=replace(bundle.metadata, datasets=datasets, hyper_parameters=used, **changes),
    )


def write_steps(path: Path, *, adversarial_loss: float | None = 0.9) -> Path:
    with StepLog(path, 0) as log:
        for n in range(60):
            log.add(Step(n // 30 + 1, n + 1, 1 / (n + 1), adversarial_loss, 1e-3, 1.0, 99, 8, 0.1))
    return path


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module")
def drawn(tiny_bundle, tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("drawn")
    steps = write_steps(folder / "steps.csv")
    tests = {"toy": made_answers(), "more": made_answers(50, seed=2)}
    return write_report(folder / "tiny", with_history(tiny_bundle), tests, steps)


def test_every_picture_is_drawn(drawn):
    assert [path.name for path in drawn] == list(PICTURES)


def test_pictures_are_small_and_as_wide_as_a_page(drawn):
    for path in drawn:
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert 300 <= image.width <= 960, path.name
        assert path.stat().st_size < 60_000, path.name


def test_pictures_are_on_white_so_that_a_dark_page_shows_them_too(drawn):
    for path in drawn:
        assert (pixels(path)[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all(), path.name


def test_the_same_answers_give_the_same_bytes_whatever_ones_own_style(drawn, tiny_bundle, tmp_path):
    tests = {"more": made_answers(50, seed=2), "toy": made_answers()}  # in whatever order
    steps = drawn[0].parent.parent / "steps.csv"
    with matplotlib.rc_context({"lines.linewidth": 9, "savefig.dpi": 30}):
        again = write_report(tmp_path, with_history(tiny_bundle), tests, steps)
        assert matplotlib.rcParams["lines.linewidth"] == 9
    for one, other in zip(drawn, again, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_no_window_is_opened(drawn):
    assert "matplotlib.pyplot" not in sys.modules


# --- what there is to draw ------------------------------------------------------------------


def names_of(paths: list[Path]) -> set[str]:
    return {path.name for path in paths}


def test_other_answers_give_other_pictures_and_an_old_bundle_no_curves(
    drawn, tiny_bundle, tmp_path
):
    written = write_report(tmp_path, tiny_bundle, {"toy": made_answers(seed=3)})
    assert names_of(written) == {*OF_TESTS, "behaviours.png"}
    for name in OF_TESTS:
        assert (tmp_path / name).read_bytes() != (drawn[0].parent / name).read_bytes(), name


def test_learning_curves_need_no_steps(drawn, tiny_bundle, tmp_path):
    tests = {"toy": made_answers()}
    (curves, *_) = write_report(tmp_path, with_history(tiny_bundle), tests)
    assert curves.name == "learning-curves.png"
    assert curves.read_bytes() != drawn[0].read_bytes()


def test_learning_curves_need_no_history(tiny_bundle, tmp_path):
    steps = write_steps(tmp_path / "steps.csv", adversarial_loss=None)
    (curves, *_) = write_report(tmp_path, tiny_bundle, {"toy": made_answers()}, steps)
    assert curves.name == "learning-curves.png"


def test_a_file_that_holds_no_steps_is_refused(tiny_bundle, tmp_path):
    path = tmp_path / "steps.csv"
    path.write_text("name,price\nkettle,12\n")
    with pytest.raises(TrainingError, match=r"steps\.csv, line 2: not a step of a training"):
        write_report(tmp_path / "tiny", tiny_bundle, {"toy": made_answers()}, path)


def test_a_picture_of_before_that_is_no_longer_true_is_deleted(make_tiny_bundle, tmp_path):
    (tmp_path / "behaviours.png").write_bytes(b"of another bundle")
    (tmp_path / "notes.txt").write_text("mine")
    no_suite = make_tiny_bundle(language="fr")
    assert names_of(write_report(tmp_path, no_suite, {"toy": made_answers()})) == set(OF_TESTS)
    assert {path.name for path in tmp_path.iterdir()} == {*OF_TESTS, "notes.txt"}


# --- whatever it is called, however little there is -----------------------------------------


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(("나쁨", "x" * 200), id="Korean and long"),
        pytest.param(("$1", "_a", "two\nlines", "$", "5"), id="five odd ones"),
        pytest.param(tuple(f"emotion {n}" for n in range(28)), id="many"),
    ],
)
def test_any_classes_can_be_drawn(make_tiny_bundle, tmp_path, labels):
    bundle = make_tiny_bundle(labels=labels)
    tests = {"평가 자료": made_answers(300, len(labels)), "$b$": made_answers(60, len(labels))}
    written = write_report(tmp_path, bundle, tests)  # a warning would be an error
    assert names_of(written) == set(OF_TESTS)
    assert all(path.stat().st_size < 60_000 for path in written)


@pytest.mark.parametrize(
    ("answers", "missing"),
    [
        pytest.param(
            Answers(np.eye(2, dtype=np.float32), np.array([0, 1]), np.array([9, 5000])),
            set(),
            id="two texts, right and certain",
        ),
        pytest.param(
            Answers(np.full((1, 2), 0.5, np.float32), np.array([0]), np.array([0])),
            {"precision-recall.png"},
            id="one blank text, and none to recall",
        ),
    ],
)
def test_a_few_texts_can_be_drawn(make_tiny_bundle, tmp_path, answers, missing):
    written = write_report(tmp_path, make_tiny_bundle(language="fr"), {"few": answers})
    assert names_of(written) == set(OF_TESTS) - missing


def test_nine_data_sets_can_be_drawn(make_tiny_bundle, tmp_path):
    tests = {f"set-{n}": made_answers(30, seed=n) for n in range(9)}
    written = write_report(tmp_path, make_tiny_bundle(language="fr"), tests)
    assert names_of(written) == set(OF_TESTS)


@pytest.mark.parametrize(
    ("names", "plain"),
    [
        pytest.param(["good", "bad"], ["good", "bad"], id="as they are"),
        pytest.param(["negation (부정)"], ["negation"], id="explained in Korean"),
        pytest.param(["fine", "좋다", ""], ["fine", "class 2", "class 3"], id="by number"),
        pytest.param(["a-very-long-name"], ["a-very-long-n…"], id="cut"),
    ],
)
def test_names_are_made_plain(names, plain):
    assert _plain(names, "class") == plain


@pytest.mark.parametrize("language", BY_LANGUAGE)
def test_every_capability_keeps_a_name_of_its_own(language):
    names = [capability.name for capability in BY_LANGUAGE[language]]
    plain = _plain(names, "capability", most=40)
    assert len(set(plain)) == len(names)
    assert not any("capability" in name or "…" in name for name in plain)


def test_groups_of_people_are_held_to_the_stricter_limit(tiny_bundle):
    limits = {f.capability.protected: f.capability.limit for f in behave(tiny_bundle)}
    assert limits == {False: 0.1, True: 0.05}


def test_the_interval_is_that_of_the_book():
    # Wilson's formula by hand: (p + z²/2n ± z·√(p(1 - p)/n + z²/4n²)) / (1 + z²/n)
    p, n, z = 0.9, 50, 1.959964
    middle, reach = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    expected = (middle - reach) / (1 + z**2 / n), (middle + reach) / (1 + z**2 / n)
    assert _interval(45, 50) == pytest.approx(expected, abs=1e-6)
    assert _interval(50, 50) == pytest.approx((1 / (1 + z**2 / n), 1), abs=1e-6)
