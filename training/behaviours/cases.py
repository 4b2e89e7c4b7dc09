"""The kinds of case, and how templates become cases."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Protocol

# A word that says nothing of the tone may move the probability of "positive" by this much.
MOST_MOVED = 0.2

# An intensifier may weaken what it should strengthen by this much, and no more.
MOST_WEAKENED = 0.1


class Case(Protocol):
    """Some texts, and whether the probabilities of "positive" that they got are acceptable."""

    @property
    def texts(self) -> Sequence[str]: ...

    def passes(self, positive: Sequence[float]) -> bool:
        """`positive`: one probability per text, 0 to 1."""


def _leans(score: float, positive: bool) -> bool:
    """0.5 leans neither way."""
    return score > 0.5 if positive else score < 0.5


@dataclass(frozen=True)
class Right:
    """A text with a tone that nobody would dispute."""

    text: str
    positive: bool

    @property
    def texts(self) -> Sequence[str]:
        return (self.text,)

    def passes(self, positive: Sequence[float]) -> bool:
        return _leans(positive[0], self.positive)


@dataclass(frozen=True)
class Alike:
    """Texts that differ in what must not matter, with one tone that nobody would dispute."""

    texts: tuple[str, ...]
    positive: bool

    def passes(self, positive: Sequence[float]) -> bool:
        return all(_leans(score, self.positive) for score in positive)


@dataclass(frozen=True)
class Invariance:
    """Texts that differ in what must not matter: one label for all, and much the same certainty."""

    texts: tuple[str, ...]

    def passes(self, positive: Sequence[float]) -> bool:
        one_label = len({score > 0.5 for score in positive}) == 1
        return one_label and max(positive) - min(positive) <= MOST_MOVED


@dataclass(frozen=True)
class Direction:
    """The second text says the same as the first, more strongly."""

    texts: tuple[str, str]
    positive: bool

    def passes(self, positive: Sequence[float]) -> bool:
        weaker, stronger = positive if self.positive else [1 - score for score in positive]
        return stronger >= weaker - MOST_WEAKENED


@dataclass(frozen=True)
class Capability:
    """One thing to be able to do, and the cases that show it."""

    name: str
    cases: tuple[Case, ...]
    protected: bool = False  # about groups of people: held to a stricter limit

    @property
    def limit(self) -> float:
        """The share of failures that can be put up with, 0 to 1."""
        return 0.05 if self.protected else 0.1


def filled(template: str, **words: Sequence[str]) -> Iterator[str]:
    """Every way to fill a template, in order.

    >>> list(filled("{a} {b}", a=["good", "bad"], b=["food"]))
    ['good food', 'bad food']
    """
    for chosen in product(*words.values()):
        yield template.format(**dict(zip(words, chosen, strict=True)))


def right(positive: bool, *texts: Iterable[str]) -> list[Case]:
    return [Right(text, positive) for group in texts for text in group]


def varied(templates: Sequence[str], slot: str, words: Sequence[str]) -> tuple[Case, ...]:
    """Each template with its first word against the same with each of the others."""
    filling = (list(filled(template, **{slot: words})) for template in templates)
    return tuple(Invariance((first, other)) for first, *others in filling for other in others)


def tailed(texts: Sequence[str], *tails: str) -> tuple[Case, ...]:
    """Each text against the same with something behind it."""
    return tuple(Invariance((text, f"{text}{tail}")) for text in texts for tail in tails)


def intensified(
    plain: str,
    strong: str,
    positive: bool,
    *,
    things: Sequence[str],
    words: Sequence[str],
    adverbs: Sequence[str],
) -> list[Case]:
    """Each `plain` sentence of a thing and a word, against the `strong` one with each adverb."""
    weaker = [(plain.format(thing=t, word=w), t, w) for t in things for w in words]
    return [
        Direction((text, strong.format(thing=thing, word=word, very=very)), positive)
        for text, thing, word in weaker
        for very in adverbs
    ]


def some(cases: Sequence[Case], most: int = 200) -> tuple[Case, ...]:
    """At most `most` of the cases, always the same ones: a capability with many words should not
    count for more than one with few."""
    if len(cases) <= most:
        return tuple(cases)
    return tuple(random.Random(2020).sample(cases, most))
