"""Negation, contrast and their like, shown in texts of our own making.

What the behaviour suite (`training.behaviours`) measures, taught with other sentences: none of the
suite's texts and none of its templates is here.
"""

from __future__ import annotations

from training.behaviours import BY_LANGUAGE
from training.datasets import Example
from training.datasets.splits import folded
from training.lessons import english, korean
from training.lessons.grammar import Grammar, compose

LESSON_LABELS = ("negative", "positive")  # an example's label is the place in here

GRAMMARS: dict[str, Grammar] = {"en": english.GRAMMAR, "ko": korean.GRAMMAR}


def lessons(language: str, *, texts: int, seed: int) -> list[Example]:
    """About `texts` different labelled texts, half of them positive, by capability.

    A language without lessons has none: the list is empty. At most a text or two per capability
    is missing from `texts`.

    Raises:
        TrainingError: there are not that many different texts.
    """
    return [
        e for examples in by_capability(language, texts=texts, seed=seed).values() for e in examples
    ]


def by_capability(language: str, *, texts: int, seed: int) -> dict[str, list[Example]]:
    """The same, under the name of what they teach."""
    if language not in GRAMMARS:
        return {}
    suite = {
        folded(text)
        for capability in BY_LANGUAGE.get(language, ())
        for case in capability.cases
        for text in case.texts
    }
    return compose(GRAMMARS[language], texts=texts, seed=seed, without=suite)
