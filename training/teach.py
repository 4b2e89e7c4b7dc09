"""What is to be answered to a text: by networks and a linear model together.

Distillation (Hinton et al. 2015, https://arxiv.org/abs/1503.02531): the teachers give each
text a probability for each class, and the student learns these as it learns labels.
The two kinds err differently: the one reads in order, the other counts word sequences. Their
log-probabilities are added, with the weights that serve the validation parts best.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

log = logging.getLogger(__name__)

Probabilities = npt.NDArray[np.float32]  # (N, K)

# Words and the signs that carry a tone; sklearn's own pattern drops "I" and "!".
_WORDS = r"\w+(?:'\w+)?|[!?.,;:()]"

# What words are made of tells more where endings pile up on a stem.
_BY_CHARACTER = {"ko", "ja", "zh", "fi", "hu", "tr"}

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_SENTENCE_WORDS = (3, 40)


class LinearTeacher:
    """Logistic regression on TF-IDF n-grams, each weighted by how much oftener it stands in one
    class than in the others: NB-SVM (Wang and Manning 2012, https://aclanthology.org/P12-2018)
    with a logistic loss, one class against the rest.

    Args:
        language: ISO 639-1; words in a row, or characters where words are built of many parts.
        classes: K.
    """

    def __init__(self, language: str, classes: int) -> None:
        by_character = language in _BY_CHARACTER
        self._vectorizer = TfidfVectorizer(
            analyzer="char_wb" if by_character else "word",
            ngram_range=(1, 5) if by_character else (1, 3),
            token_pattern=None if by_character else _WORDS,
            min_df=2,
            sublinear_tf=True,
            dtype=np.float32,
        )
        self._classes = classes
        self._models: list[tuple[npt.NDArray[np.float32], LogisticRegression]] = []

    def fit(self, texts: Sequence[str], labels: Sequence[int]) -> LinearTeacher:
        counts = self._vectorizer.fit_transform(texts)
        known = np.asarray(labels)
        # Of two classes one is enough: the other is what is left.
        for label in range(1 if self._classes == 2 else 0, self._classes):
            right = known == label
            ratio = _log_ratio(counts, right)
            model = LogisticRegression(solver="liblinear", dual=True, random_state=0)
            self._models.append((ratio, model.fit(counts.multiply(ratio).tocsr(), right)))
        return self

    def log_probabilities(self, texts: Sequence[str]) -> Probabilities:
        """(N, K)"""
        counts = self._vectorizer.transform(texts)
        columns = [
            model.decision_function(counts.multiply(ratio).tocsr()) for ratio, model in self._models
        ]
        if self._classes == 2:
            columns.insert(0, -columns[0])
        logits = torch.from_numpy(np.stack(columns, axis=1)).float()
        # one against the rest: each class's own probability, scaled so that they add up to one
        return torch.log_softmax(nn.functional.logsigmoid(logits), dim=1).numpy()


def _log_ratio(counts: sparse.csr_matrix, right: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """(features,): the log of how much oftener a feature stands in the class than outside."""
    present = (counts > 0).astype(np.float32)
    inside = 1 + np.asarray(present[right].sum(0)).ravel()
    outside = 1 + np.asarray(present[~right].sum(0)).ravel()
    ratio = np.log((inside / inside.sum()) / (outside / outside.sum()))
    return np.asarray(ratio, dtype=np.float32)


def blend_weights(
    teachers: Sequence[Probabilities], labels: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """How much each teacher's log-probabilities (N, K) count: what makes their sum's
    cross-entropy to the labels least; none counts less than nothing."""
    stacked = torch.from_numpy(np.stack(teachers)).float()  # (teachers, N, K)
    raw = torch.zeros(len(teachers), requires_grad=True)
    right = torch.from_numpy(labels)
    optimizer = torch.optim.LBFGS([raw], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        logits = (stacked * nn.functional.softplus(raw).view(-1, 1, 1)).sum(0)
        loss = nn.functional.cross_entropy(logits, right)
        loss.backward()
        return loss

    optimizer.step(closure)
    return np.asarray(nn.functional.softplus(raw.detach()).numpy())


def blended(teachers: Sequence[Probabilities], weights: npt.NDArray[np.float32]) -> Probabilities:
    """Log-probabilities (N, K) of each teacher -> their common probabilities (N, K)."""
    joint = sum(weight * each for weight, each in zip(weights, teachers, strict=True))
    return np.asarray(torch.softmax(torch.from_numpy(np.asarray(joint)).float(), dim=1).numpy())


def sentences(texts: Sequence[str], each: int, seed: int) -> list[str]:
    """Up to `each` sentences of every text, drawn by `seed`: what short texts look like.

    >>> sentences(["It is long. I fell asleep in the second hour!"], 1, seed=1)
    ['I fell asleep in the second hour!']
    """
    chance = random.Random(seed)
    low, high = _SENTENCE_WORDS
    drawn = []
    for text in texts:
        known = [s for s in _SENTENCE.split(text) if low <= s.count(" ") + 1 <= high]
        order = sorted(range(len(known)), key=lambda _: chance.random())
        drawn += [known[place] for place in sorted(order[:each])]
    return drawn
