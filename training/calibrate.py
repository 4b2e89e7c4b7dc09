"""Temperature scaling: probabilities that mean what they say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

# How far a temperature is from 1 before any text has been seen: a standard deviation of its
# logarithm. Of thousands of texts nothing is to be seen of it; but twenty that are all answered
# right would be answered more surely without end, at a temperature of 0.
_USUAL = 0.5


def temperature(
    validation: Mapping[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]],
) -> float:
    """The one number by which logits are divided (Guo et al. 2017,
    https://arxiv.org/abs/1706.04599).

    Args:
        validation: logits (N, K) and labels (N,) of each data set, which weigh the same.

    Returns:
        The likeliest temperature, between 0.1 and 10: that of the smallest negative log likelihood,
        drawn towards 1 where there are few texts.
    """
    texts = sum(len(labels) for _, labels in validation.values())

    def loss(logarithm: float) -> float:
        scaled = (
            log_softmax(logits / np.exp(logarithm), axis=1)[np.arange(len(labels)), labels].mean()
            for logits, labels in validation.values()
        )
        return (logarithm / _USUAL) ** 2 / 2 / texts - float(np.mean(list(scaled)))

    found = minimize_scalar(loss, bounds=(np.log(0.1), np.log(10)), method="bounded")
    return float(np.exp(found.x))
