"""The linear teacher, and how several teachers' answers become one."""

from __future__ import annotations

import numpy as np
import pytest

from training.teach import LinearTeacher, blend_weights, blended, sentences

TEXTS = ["a good film", "good and short", "so good !", "a bad film", "bad and long", "so bad !"] * 4
LABELS = [1, 1, 1, 0, 0, 0] * 4


def probabilities(*positive: float) -> np.ndarray:
    """Log-probabilities (N, 2)."""
    return np.log(np.array([[1 - p, p] for p in positive], dtype=np.float32))


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_linear_teacher_learns_which_words_decide(language):
    teacher = LinearTeacher(language, 2).fit(TEXTS, LABELS)
    found = np.exp(teacher.log_probabilities(["a good story", "a bad story", "qqq"]))
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)
    assert found[0, 1] > 0.7
    assert found[1, 1] < 0.3
    assert found[1, 1] < found[2, 1] < found[0, 1]


def test_the_linear_teacher_knows_more_than_two_classes():
    texts = [*TEXTS, *["a fair film", "fair and plain", "so fair !"] * 4]
    labels = [*LABELS, *[2] * 12]
    found = LinearTeacher("en", 3).fit(texts, labels).log_probabilities(["good", "bad", "fair"])
    np.testing.assert_allclose(np.exp(found).sum(1), 1, atol=1e-6)
    assert found.argmax(1).tolist() == [1, 0, 2]


def test_who_is_right_more_often_weighs_more():
    labels = np.array([1, 0] * 50)
    knows = probabilities(*[0.8, 0.2] * 45, *[0.2, 0.8] * 5)  # wrong one time in ten
    guesses = probabilities(*[0.8, 0.8, 0.2, 0.2] * 25)
    weights = blend_weights([knows, guesses], labels)
    assert weights[0] > 1 > 0.1 > weights[1] >= 0


def test_overconfident_teachers_are_softened():
    labels = np.array([1, 1, 1, 0] * 25)
    (weight,) = blend_weights([probabilities(*[0.99] * 100)], labels)
    together = blended([probabilities(0.99)], np.array([weight]))
    assert together[0, 1] == pytest.approx(0.75, abs=0.01)


def test_two_that_agree_are_surer_together():
    one = probabilities(0.7, 0.3)
    together = blended([one, one], np.array([1.0, 1.0]))
    np.testing.assert_allclose(together[:, 1], [0.49 / 0.58, 0.09 / 0.58], atol=1e-5)
    np.testing.assert_allclose(together.sum(1), 1, atol=1e-6)


def test_sentences_are_drawn_from_each_text():
    texts = ["One is enough for me. Two would have been better! Was it three? No.", "Short."]
    drawn = sentences(texts, 2, seed=1)
    assert len(drawn) == 2
    assert set(drawn) < {"One is enough for me.", "Two would have been better!", "Was it three?"}
    assert sentences(texts, 2, seed=1) == drawn
    assert sentences(texts, 0, seed=1) == []
