"""How good a bundle is, on texts that it never saw."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from tqdm import tqdm

from service.bundle import Bundle
from training.errors import TrainingError

CALIBRATION_BINS = 15


def evaluate(bundle: Bundle, texts: Sequence[str], labels: Sequence[int]) -> dict[str, Any]:
    """The figures of a bundle on one test part, as they stand in its metadata.

    Args:
        texts: any number, of any length.
        labels: their right classes, as indices into the bundle's labels.
    """
    probabilities = score(bundle, texts)
    predicted = probabilities.argmax(1)
    classes = list(range(len(bundle.metadata.labels)))
    return {
        "texts": len(texts),
        "accuracy": round(float(accuracy_score(labels, predicted)), 5),
        "f1": round(float(f1_score(labels, predicted, labels=classes, average="macro")), 5),
        "calibration_error": round(calibration_error(probabilities, np.asarray(labels)), 5),
        "confusion": confusion_matrix(labels, predicted, labels=classes).tolist(),
    }


def score(
    bundle: Bundle, texts: Sequence[str], *, batch_texts: int = 64, batch_tokens: int = 16_384
) -> npt.NDArray[np.float32]:
    """Probabilities (N, K) in the order of the texts; texts of like length are read together.

    A text of which nothing is known, such as a blank one, tells nothing: every class is as likely.
    """
    encodings = [bundle.encode(text) for text in texts]
    sequences = [encoding.ids if encoding.known > 0 else [] for encoding in encodings]
    classes = len(bundle.metadata.labels)
    answers = np.full((len(texts), classes), 1 / classes, dtype=np.float32)
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
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == labels
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    return float(
        sum(
            abs(right[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean()
            for b in np.unique(bins)
        )
    )


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
