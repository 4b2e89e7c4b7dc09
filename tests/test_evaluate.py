"""The figures, against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_mirror import add_sums, sha256

from service.bundle import Bundle
from training.datasets import Store
from training.errors import TrainingError
from training.evaluate import (
    ask,
    calibration_error,
    confidence_bins,
    evaluate,
    require_labels,
    require_unseen,
    score,
    table,
)


class Numbers:
    """A tokenizer for texts of numbers: "90 1" is [90, 1]."""

    def encode(self, text: str) -> list[int]:
        return [int(number) for number in text.split()]


class FirstNumber:
    """A network that takes the first number as the percentage of the second class, and keeps
    account of how many texts and tokens it was given at once."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, int]] = []

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        self.shapes.append(tuple(ids.shape))
        positive = ids[0].float() / 100
        return torch.stack([1 - positive, positive], dim=1)


@pytest.fixture
def bundle(tiny_bundle) -> Bundle:
    metadata = replace(tiny_bundle.metadata, unk_id=-1)  # no number is unknown
    return replace(tiny_bundle, metadata=metadata, tokenizer=Numbers(), module=FirstNumber())


# answers: positive (0.9), positive (0.8), blank, negative (0.6), negative (0.7)
TEXTS = ["90", "80 1", " ", "40 1 1", "30"]
LABELS = [1, 0, 0, 0, 1]
FIGURES = {
    "texts": 5,
    "accuracy": 0.6,
    "f1": 0.58333,  # of "negative" 2·2 / (2·2 + 1 + 1), of "positive" 2·1 / (2·1 + 1 + 1)
    "calibration_error": 0.5,  # (0.1 + 0.8 + 0.5 + 0.4 + 0.7) / 5: each alone in its bin
    "confusion": [[2, 1], [1, 1]],
}


def test_the_figures_are_those_worked_out_by_hand(bundle):
    assert evaluate(ask(bundle, TEXTS, LABELS)) == FIGURES


def test_each_text_is_read_once(bundle):
    answers = ask(bundle, TEXTS, LABELS)
    assert sum(texts for _, texts in bundle.module.shapes) == 4  # a blank one not at all
    assert answers.tokens.tolist() == [1, 2, 0, 3, 1]
    assert answers.right.tolist() == [True, False, True, True, False]
    np.testing.assert_array_equal(answers.probabilities, score(bundle, TEXTS))


def test_a_class_that_is_never_answered_still_has_its_column(bundle):
    assert evaluate(ask(bundle, ["90", "80"], [1, 0]))["confusion"] == [[0, 1], [0, 1]]


def test_a_blank_text_makes_every_class_as_likely(bundle):
    answers = score(bundle, ["", " \n", "90"])
    np.testing.assert_allclose(answers, [[0.5, 0.5], [0.5, 0.5], [0.1, 0.9]], rtol=1e-6)
    assert bundle.module.shapes == [(1, 1)]  # the network never sees a blank one


def test_blank_texts_alone_are_answered_too(bundle):
    np.testing.assert_array_equal(score(bundle, ["", ""]), np.full((2, 2), 0.5))


def test_answers_come_in_the_order_of_the_texts(bundle):
    percentages = [n * 37 % 101 for n in range(200)]
    texts = [f"{p} " + "1 " * (n * 53 % 40) for n, p in enumerate(percentages)]
    answers = score(bundle, texts, batch_texts=7)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers[:, 1], np.array(percentages) / 100, atol=1e-6)


def test_batches_stay_within_their_limits(bundle, monkeypatch):
    shapes = []  # before the bundle fills them up
    probabilities = Bundle.probabilities

    def noted(self, sequences):
        shapes.append((max(map(len, sequences)), len(sequences)))
        return probabilities(self, sequences)

    monkeypatch.setattr(Bundle, "probabilities", noted)
    score(bundle, ["5 " * (n % 30 + 1) for n in range(100)], batch_texts=16, batch_tokens=100)
    assert all(N <= 16 and (T * N <= 100 or N == 1) for T, N in shapes)
    assert sum(N for _, N in shapes) == 100


def test_a_text_longer_than_a_batch_is_read_alone(bundle):
    score(bundle, ["5 " * 30, "5"], batch_tokens=10)
    assert bundle.module.shapes == [(30, 1), (1, 1)]


@pytest.fixture
def mirror(tmp_path):
    """Of NSMC, divided in some way."""
    file = tmp_path / "ratings_train.txt"
    file.write_text("id\tdocument\tlabel\n1\tgood\t1\n")
    add_sums(tmp_path)
    return Store(tmp_path / "no cache", tmp_path)


@pytest.mark.parametrize("same", [True, False])
def test_a_test_part_that_may_have_been_trained_on_is_refused(bundle, mirror, same):
    here = sha256(mirror.mirror / "ratings_train.txt")
    file = {"file": "ratings_train.txt", "sha256": here if same else "0" * 64}
    learnt = ({"name": "nsmc", "files": [file]},)
    trained = replace(bundle, metadata=replace(bundle.metadata, datasets=learnt))
    if same:
        require_unseen(trained, "nsmc", mirror)
        return
    with pytest.raises(TrainingError, match="divided otherwise"):
        require_unseen(trained, "nsmc", mirror)


def test_a_data_set_that_is_divided_in_one_way_is_not_looked_at(bundle, tmp_path):
    file = {"file": "SST-2.zip", "sha256": "0" * 64}
    learnt = ({"name": "sst2", "files": [file]},)
    trained = replace(bundle, metadata=replace(bundle.metadata, datasets=learnt))
    require_unseen(trained, "sst2", Store(tmp_path / "no cache", tmp_path / "no mirror"))


def test_who_has_not_learnt_from_it_is_measured_on_any_copy(bundle, mirror):
    require_unseen(bundle, "nsmc", mirror)


def two_classes(*positive: float) -> np.ndarray:
    return np.array([[1 - p, p] for p in positive], dtype=np.float32)


@pytest.mark.parametrize(
    ("positive", "labels", "expected"),
    [
        pytest.param([0.75] * 4, [1, 1, 1, 0], 0.0, id="three of four at 0.75"),
        pytest.param([0.75] * 4, [1, 1, 1, 1], 0.25, id="four of four at 0.75"),
        pytest.param([0.75] * 4, [0, 0, 0, 0], 0.75, id="none of four at 0.75"),
        pytest.param([0.25] * 4, [0, 0, 0, 1], 0.0, id="sure of the first class"),
        pytest.param([1.0, 0.0], [1, 0], 0.0, id="certain and right"),
        pytest.param([1.0, 0.0], [0, 1], 1.0, id="certain and wrong"),
        # (3/4)·|2/3 - 0.9| + (1/4)·|1 - 0.65|
        pytest.param([0.9, 0.9, 0.9, 0.65], [1, 1, 0, 1], 0.2625, id="two bins"),
        # 0.89 and 0.92 share the bin from 13/15 to 14/15: |1/2 - 0.905|
        pytest.param([0.89, 0.92], [1, 0], 0.405, id="one bin, two confidences"),
    ],
)
def test_the_calibration_error_is_that_worked_out_by_hand(positive, labels, expected):
    found = calibration_error(two_classes(*positive), np.array(labels))
    assert found == pytest.approx(expected, abs=1e-6)


def test_each_text_is_in_the_bin_of_its_confidence():
    bins = confidence_bins(two_classes(0.9, 0.55, 0.12, 1.0))
    assert [texts.tolist() for _, texts in bins] == [[1], [0, 2], [3]]
    assert [mean for mean, _ in bins] == pytest.approx([0.55, 0.89, 1.0])


def test_answers_drawn_from_their_own_probabilities_are_calibrated():
    chance = np.random.default_rng(1)
    positive = chance.random(50_000)
    labels = (chance.random(50_000) < positive).astype(np.int64)
    assert calibration_error(two_classes(*positive), labels) < 0.01
    assert calibration_error(two_classes(*positive**3), labels) > 0.05


def test_a_bundle_of_other_labels_is_refused(bundle):
    require_labels(bundle, "sst2", ["negative", "positive"])
    with pytest.raises(TrainingError, match=r"negative, positive; data set tones has sad, glad"):
        require_labels(bundle, "tones", ["sad", "glad"])


def test_the_table_is_for_a_person():
    assert table("toy", FIGURES, ["negative", "positive"]).splitlines() == [
        "toy: 5 texts",
        "  accuracy           60.00 %",
        "  F1 (macro)         58.33 %",
        "  calibration error  50.00 %",
        "  confusion (a row is the right class, a column the answer):",
        "           negative positive",
        "  negative        2        1",
        "  positive        1        1",
    ]
