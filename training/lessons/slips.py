"""Copies of real texts, misspelt: what a reader does not stumble over.

The student is told the teachers' answers to the texts without their slips. Lessons are misspelt
too (`english_noise.py`, `korean_noise.py`), but their sentences are ours, and few.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from training.lessons import english_noise, korean_noise
from training.lessons.grammar import Draw

# A slip in a long text tells nothing, since there is so much beside it; in characters.
LONGEST = 160

SLIPS: dict[str, Callable[[Draw, str], str]] = {
    "en": english_noise.slips,
    "ko": korean_noise.slips,
}


def misspelt(
    language: str, texts: Sequence[str], *, copies: int, seed: int
) -> list[tuple[int, str]]:
    """Misspelt copies of short texts, at most one of each.

    Args:
        copies: at most so many; fewer where there are not so many texts that can be misspelt, and
            none in a language without slips.

    Returns:
        The place of each copy's text in `texts`, and the copy.
    """
    if language not in SLIPS:
        return []
    places = [place for place, text in enumerate(texts) if 0 < len(text) <= LONGEST]
    chance = random.Random(seed)
    places.sort(key=lambda _: chance.random())
    draw, found = Draw(seed), list[tuple[int, str]]()
    for place in places:
        if len(found) == copies:
            break
        copy = SLIPS[language](draw, texts[place])
        if copy != texts[place]:
            found.append((place, copy))
    return found
