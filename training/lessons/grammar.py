"""A tiny grammar: sentences with slots, filled once for praise and once for blame.

A template holds slots in braces, and what fills a slot may hold slots again:

    {n}      neutral: the same word in both texts of a pair
    {adj}    in the tone of the label
    {~adj}   in the opposite tone
    {adj2}   another draw from the same words as {adj}

Texts come in pairs that share every neutral word, so no name, place, number, group or thing can
tell the label. Every choice is drawn with `random()`, of which alone Python promises the sequence.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from training.datasets import Example
from training.datasets.splits import folded
from training.errors import TrainingError

T = TypeVar("T")

NEGATIVE, POSITIVE = 0, 1

# So many pairs in a row that were all known already mean that a capability has no more to say.
MOST_REPEATS = 2_000

_OF_A_LINK = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"

_SLOT = re.compile(r"\{(?P<turn>~?)(?P<name>[a-z_]+)(?P<number>\d?)\}")


class Draw:
    """Choices that are the same for a seed on every version of Python."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def chance(self, share: float) -> bool:
        return self._random() < share

    def below(self, stop: int) -> int:
        return int(self._random() * stop)

    def between(self, low: int, high: int) -> int:
        """Either end may come."""
        return low + self.below(high - low + 1)

    def one(self, items: Sequence[T]) -> T:
        return items[self.below(len(items))]


def changed(
    draw: Draw, text: str, changes: Sequence[tuple[Callable[[Draw, str], str], float]]
) -> str:
    """The text, half of the time as it is, and otherwise as `some_made` has it."""
    return text if draw.chance(0.5) else some_made(draw, text, changes)


def some_made(
    draw: Draw, text: str, changes: Sequence[tuple[Callable[[Draw, str], str], float]]
) -> str:
    """The text with some of the changes.

    Args:
        changes: each with its chance to be made, 0 to 1.
    """
    for change, share in changes:
        if draw.chance(share):
            text = change(draw, text)
    return text


def linked(
    draw: Draw, text: str, *, handles: Sequence[str], tags: Sequence[str], sites: Sequence[str]
) -> str:
    """The text with a handle before or behind it, or with a tag or a link behind it."""
    kind = draw.below(4)
    if kind == 0:
        return f"{text} @{draw.one(handles)}"
    if kind == 1:
        return f"@{draw.one(handles)} {text}"
    if kind == 2:
        return f"{text} #{draw.one(tags)}"
    code = "".join(draw.one(_OF_A_LINK) for _ in range(4 + draw.below(6)))
    return f"{text} {draw.one(sites)}{code}"


@dataclass(frozen=True)
class Frame:
    """The template of the positive text of a pair, and that of the negative one."""

    positive: str
    negative: str

    def template(self, label: int) -> str:
        return self.positive if label == POSITIVE else self.negative


def both(*templates: str) -> tuple[Frame, ...]:
    """Frames whose tone is all in their slots."""
    return tuple(Frame(template, template) for template in templates)


@dataclass(frozen=True)
class Topic:
    """What a text is about: its domain, and the slots that depend on it."""

    domain: str
    forms: Mapping[str, str]


@dataclass(frozen=True)
class Capability:
    """One thing to learn. Its share is out of the sum of all shares."""

    name: str
    share: int
    frames: tuple[Frame, ...]


@dataclass(frozen=True)
class Grammar:
    """All that the texts of a language are made of.

    `tones` holds (negative words, positive words); under "adj@film" are words for that domain
    alone, drawn as often as the general ones of "adj".
    """

    capabilities: tuple[Capability, ...]
    topics: Sequence[Topic]
    words: Mapping[str, Sequence[str]]
    tones: Mapping[str, tuple[Sequence[str], Sequence[str]]]
    finish: Callable[[str], str]
    noise: Callable[[Draw, str], str]

    def pair(self, frame: Frame, draw: Draw) -> tuple[Example, Example]:
        """A positive and a negative text that share their neutral words."""
        topic = draw.one(self.topics)
        shared = dict(topic.forms)
        positive, negative = (
            Example(self._text(frame.template(label), label, topic, shared, draw), label)
            for label in (POSITIVE, NEGATIVE)
        )
        return positive, negative

    def _text(
        self, template: str, label: int, topic: Topic, shared: dict[str, str], draw: Draw
    ) -> str:
        filling = _Filling(self, label, topic, shared, draw)
        return self.noise(draw, self.finish(filling.fill(template)))


@dataclass
class _Filling:
    """One text in the making. A slot that comes twice is filled alike."""

    grammar: Grammar
    label: int
    topic: Topic
    shared: dict[str, str]
    draw: Draw
    own: dict[str, str] = field(default_factory=dict)

    def fill(self, template: str) -> str:
        return _SLOT.sub(self._slot, template)

    def _slot(self, match: re.Match[str]) -> str:
        slot, name = match[0], match["name"]
        if name in self.grammar.tones:
            if slot not in self.own:
                label = 1 - self.label if match["turn"] else self.label
                self.own[slot] = self._another(name, label)
            return self.fill(self.own[slot])
        key = name + match["number"]
        if key not in self.shared:
            self.shared[key] = self.draw.one(self.grammar.words[name])
        return self.fill(self.shared[key])

    def _another(self, name: str, label: int) -> str:
        """A word that the text does not have yet, if one comes up in a few draws."""
        words = [self.draw.one(self._toned(name)[label]) for _ in range(3)]
        return next((word for word in words if word not in self.own.values()), words[0])

    def _toned(self, name: str) -> tuple[Sequence[str], Sequence[str]]:
        special = f"{name}@{self.topic.domain}"
        if special in self.grammar.tones and self.draw.chance(0.5):
            name = special
        return self.grammar.tones[name]


def compose(
    grammar: Grammar, *, texts: int, seed: int, without: Collection[str] = ()
) -> dict[str, list[Example]]:
    """Texts by capability: each half positive, none twice, none of `without` (folded texts).

    An odd share is rounded down, so there may be a few texts fewer than asked for.

    Raises:
        TrainingError: a capability has not that many different texts.
    """
    total = sum(capability.share for capability in grammar.capabilities)
    draw, seen = Draw(seed), set(without)
    return {
        capability.name: _lesson(
            grammar, capability, texts * capability.share // (2 * total), draw, seen
        )
        for capability in grammar.capabilities
    }


def _lesson(
    grammar: Grammar, capability: Capability, pairs: int, draw: Draw, seen: set[str]
) -> list[Example]:
    examples: list[Example] = []
    repeats = 0
    while len(examples) < 2 * pairs:
        pair = grammar.pair(draw.one(capability.frames), draw)
        keys = {folded(example.text) for example in pair}
        if len(keys) == 2 and keys.isdisjoint(seen):
            seen |= keys
            examples += pair
            repeats = 0
            continue
        repeats += 1
        if repeats == MOST_REPEATS:
            raise TrainingError(
                f"the lessons in {capability.name!r} end at {len(examples)} different texts, "
                f"{2 * pairs} were asked for; ask for fewer texts or add frames."
            )
    return examples
