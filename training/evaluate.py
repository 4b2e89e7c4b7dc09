"""How good a bundle is, on texts that it never saw."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from tqdm import tqdm

from service.bundle import Bundle, Encoding
from training.datasets import Store, divided_otherwise
from training.errors import TrainingError

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Answers:
    """What a bundle answers to N texts: all that its figures and its pictures are made of."""

    probabilities: npt.NDArray[np.float32]  # (N, K)
    labels: npt.NDArray[np.int64]  # (N,): the right classes
    tokens: npt.NDArray[np.int64]  # (N,): how many were read of each text

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """(N,): whether the likeliest class is the right one."""
        right: npt.NDArray[np.bool_] = self.probabilities.argmax(1) == self.labels
        return right

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """(K, K) texts: a row is the right class, a column the answer."""
        predicted, classes = self.probabilities.argmax(1), range(self.probabilities.shape[1])
        counts: npt.NDArray[np.int64] = confusion_matrix(self.labels, predicted, labels=classes)
        return counts


def ask(bundle: Bundle, texts: Sequence[str], labels: Sequence[int]) -> Answers:
    """Have the bundle read each text once.

    Args:
        texts: any number, of any length.
        labels: their right classes, as indices into the bundle's labels.
    """
    encodings = [bundle.encode(text) for text in texts]
    return Answers(
        _probabilities(bundle, encodings),
        np.asarray(labels, dtype=np.int64),
        np.array([len(encoding.ids) for encoding in encodings], dtype=np.int64),
    )


def evaluate(answers: Answers) -> dict[str, Any]:
    """The figures of a bundle on one test part, as they stand in its metadata."""
    labels, predicted = answers.labels, answers.probabilities.argmax(1)
    classes = range(answers.probabilities.shape[1])
    return {
        "texts": len(labels),
        "accuracy": round(float(accuracy_score(labels, predicted)), 5),
        "f1": round(float(f1_score(labels, predicted, labels=classes, average="macro")), 5),
        "calibration_error": round(calibration_error(answers.probabilities, labels), 5),
        "confusion": answers.confusion.tolist(),
    }


def score(
    bundle: Bundle, texts: Sequence[str], *, batch_texts: int = 64, batch_tokens: int = 16_384
) -> npt.NDArray[np.float32]:
    """Probabilities (N, K) in the order of the texts; texts of like length are read together.

    A text of which nothing is known, such as a blank one, tells nothing: every class is as likely.
    """
    encodings = [bundle.encode(text) for text in texts]
    return _probabilities(bundle, encodings, batch_texts, batch_tokens)


def _probabilities(
    bundle: Bundle,
    encodings: Sequence[Encoding],
    batch_texts: int = 64,
    batch_tokens: int = 16_384,
) -> npt.NDArray[np.float32]:
    sequences = [encoding.ids if encoding.known > 0 else [] for encoding in encodings]
    classes = len(bundle.metadata.labels)
    answers = np.full((len(sequences), classes), 1 / classes, dtype=np.float32)
    order = sorted((n for n, ids in enumerate(sequences) if ids), key=lambda n: len(sequences[n]))
    quiet = None if sys.stderr.isatty() else True
    with tqdm(total=len(order), desc="scoring", unit="text", disable=quiet) as bar:
        while order:
            size = max(1, min(batch_texts, batch_tokens // len(sequences[order[-1]])))
            batch, order = order[-size:], order[:-size]
            answers[batch] = bundle.probabilities([sequences[n] for n in batch])
            bar.update(len(batch))
    return answers


def calibration_error(
    probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> float:
    """Expected calibration error, 0 to 1: how far confidence and accuracy are apart, over 15 equal
    bins of confidence, weighted by the texts in each (Guo et al. 2017, section 2)."""
    right = probabilities.argmax(1) == labels
    return float(
        sum(
            abs(right[texts].mean() - confidence) * len(texts) / len(labels)
            for confidence, texts in confidence_bins(probabilities)
        )
    )


def confidence_bins(
    probabilities: npt.NDArray[np.float32],
) -> list[tuple[float, npt.NDArray[np.int64]]]:
    """The texts by how sure their answers (N, K) are, in 15 equal bins from 0 to 1.

    Returns:
        Of each bin that is not empty: the mean confidence in it, and the places of its texts.
    """
    confidence = probabilities.max(1)
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    members = [np.flatnonzero(bins == b) for b in np.unique(bins)]
    return [(float(confidence[texts].mean()), texts) for texts in members]


def require_labels(bundle: Bundle, dataset: str, labels: Sequence[str]) -> None:
    """A bundle of other classes cannot be measured on a data set.

    Raises:
        TrainingError: they differ.
    """
    if tuple(bundle.metadata.labels) != tuple(labels):
        raise TrainingError(
            f"{bundle.metadata.name} answers {', '.join(bundle.metadata.labels)}; data set "
            f"{dataset} has {', '.join(labels)}. Evaluate it on a set with its own labels."
        )


def require_unseen(bundle: Bundle, dataset: str, store: Store) -> None:
    """What a bundle was trained on does not measure it.

    Raises:
        TrainingError: the data set at hand is divided otherwise than the one it was trained on.
        DataError: the data set cannot be had.
    """
    used = [entry for entry in bundle.metadata.datasets if entry["name"] == dataset]
    files = [file for entry in used for file in entry["files"]]
    if divided_otherwise(dataset, files, store=store):
        raise TrainingError(
            f"{bundle.metadata.name} was trained on a copy of {dataset} that is divided otherwise "
            "than the one at hand: it has learnt most texts of this test part, and its figures "
            "would say nothing. Take the copy that it was trained on (DATASET_MIRROR=DIR), or a "
            f"bundle that was trained on this one (make train DATASET={dataset} NAME=mine)."
        )


def table(name: str, figures: dict[str, Any], labels: Sequence[str]) -> str:
    """The figures for a person.

    >>> print(table("sst2", figures, ["negative", "positive"]))
    sst2: 872 texts
      accuracy           88.42 %
      ...
    """
    width = max(len(label) for label in labels)
    rows = [
        f"  {label:>{width}} " + " ".join(f"{count:>{max(width, 7)}}" for count in row)
        for label, row in zip(labels, figures["confusion"], strict=True)
    ]
    head = " ".join(f"{label:>{max(width, 7)}}" for label in labels)
    return "\n".join(
        [
            f"{name}: {figures['texts']:,} texts",
            f"  accuracy           {100 * figures['accuracy']:.2f} %",
            f"  F1 (macro)         {100 * figures['f1']:.2f} %",
            f"  calibration error  {100 * figures['calibration_error']:.2f} %",
            "  confusion (a row is the right class, a column the answer):",
            f"  {'':>{width}} {head}",
            *rows,
        ]
    )
