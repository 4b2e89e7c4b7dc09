"""Texts for the load: words of our own, in the lengths of real reviews.

Nothing of a data set is in them. How long they are was counted once with `reviews-en`'s tokenizer,
in tokens: the deciles 10 % to 90 % of 872 sentences of SST-2, and of 3,000 reviews each of Amazon
and IMDB.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

SENTENCE_TOKENS = (11, 14, 18, 20, 24, 26, 30, 34, 40)
PRODUCT_TOKENS = (34, 51, 69, 88, 111, 137, 177, 239, 375)
FILM_TOKENS = (119, 148, 167, 187, 214, 252, 308, 396, 542)

Count = Callable[[str], int]  # text -> tokens


@dataclass(frozen=True)
class Case:
    """What a request of the load asks."""

    name: str
    tokens: tuple[int, ...]  # about so many in a text: one of these, each as probable
    texts: int = 1  # in a request


CASES = {
    case.name: case
    for case in (
        Case("short", (13, 14, 15, 16, 17)),
        Case("long", (210, 220, 230, 240, 250)),
        Case("mix", SENTENCE_TOKENS + PRODUCT_TOKENS + FILM_TOKENS),
        Case("64 texts", (13, 14, 15, 16, 17), texts=64),
    )
}

WHO = (
    "my mother", "the actor", "the second half", "this kettle", "the story", "our old dog",
    "the seller", "the sound", "nobody here", "the director", "my brother", "the screen",
    "the whole cast", "the battery", "that last scene", "the music",
)  # fmt: skip
DID = (
    "was lovely", "broke after a week", "never made sense", "kept me awake", "felt cheap",
    "surprised all of us", "is worth the money", "could have been shorter", "did what it should",
    "bored me to tears", "looked better in the picture", "made us laugh", "was not bad at all",
    "arrived late", "stays with you", "fell apart",
)  # fmt: skip
JOINED = (", and ", ". ", "; ", ", but ", "! ", " because ", ". Still, ", ", so ")
ENDS = (".", "!", "?", "...")


def requests(case: Case, count: Count, seed: int) -> Iterator[list[str]]:
    """The texts of one request after the other, without end; the same seed gives the same ones."""
    draw = random.Random(f"{case.name} {seed}")
    while True:
        yield [text(draw, draw.choice(case.tokens), count) for _ in range(case.texts)]


def text(draw: random.Random, tokens: int, count: Count) -> str:
    """One of at most so many tokens, and short of it by less than a clause where it can be.

    Args:
        tokens: at least 1; a text has at least one word, whatever that counts.
    """
    words = [draw.choice(WHO)]
    # A clause has five tokens or more with what joins it: about so many, then one by one.
    for _ in range(tokens // 8):
        words += [" ", draw.choice(DID), draw.choice(JOINED), draw.choice(WHO)]
    while count("".join(words)) < tokens:
        words += [" ", draw.choice(DID), draw.choice(JOINED), draw.choice(WHO)]
    return _cut("".join(words) + draw.choice(ENDS), tokens, count)


def _cut(long: str, tokens: int, count: Count) -> str:
    words = long.split(" ")
    fits, too_many = 1, len(words) + 1
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if count(" ".join(words[:middle])) <= tokens:
            fits = middle
        else:
            too_many = middle
    return " ".join(words[:fits])
