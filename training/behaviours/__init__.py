"""What a bundle has to be able to do, as sentences with the answers that any reader would give.

After the method of CheckList (Ribeiro et al. 2020, https://arxiv.org/abs/2005.04118): short
sentences from templates, one capability at a time, so that a failure has a name. All sentences are
our own.
"""

from __future__ import annotations

from training.behaviours import english, korean
from training.behaviours.cases import Alike, Capability, Case, Direction, Invariance, Right

BY_LANGUAGE: dict[str, tuple[Capability, ...]] = {
    "en": english.CAPABILITIES,
    "ko": korean.CAPABILITIES,
}

__all__ = ["BY_LANGUAGE", "Alike", "Capability", "Case", "Direction", "Invariance", "Right"]
