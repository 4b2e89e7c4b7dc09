"""Who is trained on and who is held out, so that no text is on both sides.

The same seed gives the same split on every version of Python: of `random.Random` only the
sequence of `random()` is promised to stay, so everything here is drawn with it.
"""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from training.datasets.readers import Example

T = TypeVar("T")


def folded(text: str) -> str:
    """What two copies of a text have in common: `Great  FILM\\n` -> `great film`."""
    return " ".join(text.casefold().split())


def without_repeats(items: Iterable[T], key: Callable[[T], Hashable]) -> list[T]:
    """The first item of each key, in the given order."""
    first: dict[Hashable, T] = {}
    for item in items:
        first.setdefault(key(item), item)
    return list(first.values())


def hold_out(
    items: Sequence[T],
    share: float,
    seed: int,
    *,
    stratum: Callable[[T], Hashable],
    group: Callable[[T], Hashable],
) -> tuple[list[T], list[T]]:
    """(kept, held out), both in the given order; `share` (0 to 1) is held out of each stratum.

    Items of one group stay together and count for the stratum of the first of them. A group that
    would overfill its stratum's share is passed over, so that is never exceeded.
    """
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        groups[group(item)].append(index)
    strata: dict[Hashable, list[list[int]]] = defaultdict(list)
    for indices in groups.values():
        strata[stratum(items[indices[0]])].append(indices)

    chance = random.Random(seed)
    held: set[int] = set()
    for members in strata.values():
        held.update(_drawn(members, share, chance))
    kept = [item for index, item in enumerate(items) if index not in held]
    return kept, [items[index] for index in sorted(held)]


def hold_out_texts(
    examples: Sequence[Example], share: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """`hold_out` by class; copies of a text stay on one side (IMDB has dozens, and NSMC `최고`
    hundreds of times)."""
    return hold_out(
        examples,
        share,
        seed,
        stratum=lambda example: example.label,
        group=lambda example: folded(example.text),
    )


def hold_out_for_good(
    examples: Sequence[Example], share: float, key: str
) -> tuple[list[Example], list[Example]]:
    """(kept, held out), where a text's side hangs on the text and the key alone: in a file that
    has grown since, nothing is held out that was there and was kept.

    About `share` (0 to 1) of each class is held out, and of a class without such a text the one
    that comes next: that one is kept when the file gains a text of the share.

    Args:
        key: another one for each cut of the same texts; what one key left tells of no other.
    """
    drawn = [_drawn_number(example.text, key) for example in examples]
    held = {place for place, number in enumerate(drawn) if number < share}
    spared = {example.label for example in examples} - {examples[place].label for place in held}
    for label in spared:
        of_the_class = [place for place, example in enumerate(examples) if example.label == label]
        held.add(min(of_the_class, key=lambda place: drawn[place]))
    kept = [example for place, example in enumerate(examples) if place not in held]
    return kept, [examples[place] for place in sorted(held)]


def _drawn_number(text: str, key: str) -> float:
    """Between 0 and 1, the same for copies of a text."""
    digest = hashlib.sha256(f"{key} {folded(text)}".encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _drawn(groups: list[list[int]], share: float, chance: random.Random) -> set[int]:
    wanted = round(share * sum(map(len, groups)))
    drawn: set[int] = set()
    for indices in sorted(groups, key=lambda _: chance.random()):
        if len(drawn) + len(indices) <= wanted:
            drawn.update(indices)
    return drawn


def hold_out_sentences(
    phrases: Sequence[Example], share: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """(training phrases, validation sentences) from a treebank's phrases, tokens apart by blanks.

    Most phrases are parts of a sentence that is in the list too, so a random cut would validate
    on parts of what was trained on. Instead `share` of the sentences is held out, by label, and
    every phrase that is part of one of them is left out of training.
    """
    sentences = without_repeats(_sentences(phrases), lambda phrase: phrase.text)
    _, validation = hold_out(
        sentences,
        share,
        seed,
        stratum=lambda sentence: sentence.label,
        group=lambda sentence: sentence.text,
    )
    texts = {phrase.text for phrase in phrases}
    parts = {part for sentence in validation for part in _parts_of(sentence.text, texts)}
    return [phrase for phrase in phrases if phrase.text not in parts], validation


def _sentences(phrases: Sequence[Example]) -> list[Example]:
    """The phrases that are part of no longer one: whole sentences, but for a few."""
    texts = {phrase.text for phrase in phrases}
    parts: set[str] = set()
    for text in sorted(texts, key=lambda text: text.count(" "), reverse=True):
        if text not in parts:
            parts.update(_parts_of(text, texts) - {text})
    return [phrase for phrase in phrases if phrase.text not in parts]


def _parts_of(text: str, texts: set[str]) -> set[str]:
    """Which of `texts` are contiguous tokens of `text`, itself included."""
    tokens = text.split(" ")
    spans = (
        " ".join(tokens[begin:end])
        for begin in range(len(tokens))
        for end in range(begin + 1, len(tokens) + 1)
    )
    return {span for span in spans if span in texts}
