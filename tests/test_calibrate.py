"""Temperature scaling finds the temperature that the logits were made with."""

from __future__ import annotations

import numpy as np
import pytest

from training.calibrate import temperature

LABELS_AND_LOGITS = tuple[np.ndarray, np.ndarray]


def sample(true_temperature: float, count: int = 20_000, seed: int = 1) -> LABELS_AND_LOGITS:
    """Logits that are too sure of themselves by a factor, and labels drawn from the honest ones."""
    chance = np.random.default_rng(seed)
    honest = chance.normal(scale=2.0, size=(count, 2))
    positive = 1 / (1 + np.exp(honest[:, 0] - honest[:, 1]))
    labels = (chance.random(count) < positive).astype(np.int64)
    return (honest * true_temperature).astype(np.float32), labels


@pytest.mark.parametrize("known", [0.5, 1.0, 3.0])
def test_it_recovers_a_known_temperature(known):
    assert temperature({"toy": sample(known)}) == pytest.approx(known, rel=0.05)


def test_data_sets_weigh_the_same_whatever_their_sizes():
    sure, unsure = sample(4.0, count=400), sample(1.0, count=20_000, seed=2)
    alike = temperature({"sure": sure, "unsure": (unsure[0][:400], unsure[1][:400])})
    found = temperature({"sure": sure, "unsure": unsure})
    assert found == pytest.approx(alike, rel=0.15)
    merged = tuple(np.concatenate(parts) for parts in zip(sure, unsure, strict=True))
    assert temperature({"merged": merged}) < 0.75 * found


def always(right: bool, count: int) -> LABELS_AND_LOGITS:
    logits = np.array([[-0.5, 0.5], [0.5, -0.5]] * (count // 2), dtype=np.float32)
    return logits, np.array([right, not right] * (count // 2), dtype=np.int64)


@pytest.mark.parametrize(
    ("right", "bound"), [pytest.param(True, 0.1, id="right"), pytest.param(False, 10, id="wrong")]
)
def test_it_stays_within_its_bounds(right, bound):
    assert temperature({"always": always(right, 200_000)}) == pytest.approx(bound, rel=0.2)


@pytest.mark.parametrize(
    ("right", "low", "high"),
    [pytest.param(True, 0.3, 0.5, id="right"), pytest.param(False, 2.0, 3.5, id="wrong")],
)
def test_twenty_texts_do_not_make_it_sure_of_everything(right, low, high):
    assert low < temperature({"always": always(right, 20)}) < high
