"""Sentences written one by one: turns of speech and everyday words that no grammar has.

`english.tsv` and `korean.tsv` hold a sentence a line: what it shows, its label (1 positive,
0 negative) and the text, with tabs between them. Many stand in pairs, in which a few words turn the
tone. All of them were written for this project.
"""

from __future__ import annotations

import random
from functools import cache
from itertools import cycle, islice
from pathlib import Path

from training.datasets import Example
from training.lessons import GRAMMARS
from training.lessons.grammar import Draw
from training.lessons.groups import of_a_group

_FILES = {"en": "english.tsv", "ko": "korean.tsv"}


@cache
def written(language: str) -> dict[str, tuple[Example, ...]]:
    """By what they show. A language without such sentences has none: the result is empty."""
    if language not in _FILES:
        return {}
    shown: dict[str, list[Example]] = {}
    lines = (Path(__file__).parent / _FILES[language]).read_text(encoding="utf-8").splitlines()
    for line in lines:
        capability, label, text = line.split("\t")
        shown.setdefault(capability, []).append(Example(text, int(label)))
    return {capability: tuple(examples) for capability, examples in shown.items()}


def sentences(language: str, *, texts: int, seed: int) -> list[Example]:
    """`texts` of them, in an order of their own. Beyond as many as there are they come again, with
    a group that somebody belongs to, and half of the time with what writers add, run together or
    misspell."""
    known = [e for examples in written(language).values() for e in examples]
    if not known:
        return []
    random.Random(seed).shuffle(known)
    draw, noise = Draw(seed), GRAMMARS[language].noise
    once = known[:texts]
    again = islice(cycle(known), texts - len(once))
    return once + [Example(noise(draw, of_a_group(language, draw, e.text)), e.label) for e in again]
