"""Sentences written one by one: turns of speech and everyday words that no grammar has.

`english.tsv` and `korean.tsv` hold a sentence a line: what it shows, its label (1 positive,
0 negative) and the text, with tabs between them. Many stand in pairs, in which a few words turn the
tone. All of them were written for this project.
"""

from __future__ import annotations

import random
import re
from functools import cache
from itertools import cycle, islice
from pathlib import Path

from training.datasets import Example
from training.lessons import GRAMMARS, english_words, korean_words
from training.lessons.grammar import Draw

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


def of_a_group(language: str, draw: Draw, text: str) -> str:
    """The text with a nationality, religion, ethnicity or orientation (in Korean also a gender)
    before one person, where it speaks of one: whoever did it, the tone is the same.

    `Our driver was late` -> `Our Polish driver was late`
    """
    found = _PERSON[language].search(text)
    if not found:
        return text
    at = found.start("person")
    return f"{text[:at]}{draw.one(draw.one(_GROUPS[language]))} {text[at:]}"


_PERSON = {
    # Behind "a", "an" would depend on the word that comes between.
    "en": re.compile(
        r"\b(?:the|our|my|this|that|your|their|his|her|every|another) (?P<person>waiter|waitress|"
        r"driver|nurse|doctor|dentist|teacher|neighbou?r|plumber|chef|barber|hairdresser|guide|"
        r"cashier|manager|receptionist|landlord|landlady|tutor|coach|actor|actress|singer|host|guy|"
        r"man|woman|lady|couple|family|electrician|builder|mechanic|surgeon|physio|instructor|"
        r"barista|bartender|clerk|vet|midwife|baker|seller|owner|author|director|crew|boss|"
        r"colleague|roommate|flatmate|courier|pharmacist|therapist|trainer|lecturer|professor)\b",
        re.IGNORECASE,
    ),
    "ko": re.compile(
        r"(?<![가-힣])(?P<person>직원|배우|가수|사장님|기사님|의사|간호사|선생님|요리사|승무원|"
        r"상담원|상담사|손님|감독|작가|강사|점원|이웃|가이드|미용사|매니저|주인|알바생|원장님|트레이너|교수님|"
        r"주인공|룸메이트|동료)(?=[들이가은는을를도한의께 ]|$)"
    ),
}
_GROUPS = {
    "en": [english_words.WORDS[name] for name in ("nat", "rel", "eth", "orient")],
    "ko": [
        korean_words.WORDS["nat"],
        korean_words.WORDS["eth"],
        korean_words.WORDS["gender"],
        [f"{religion} 신자인" for religion in korean_words.WORDS["rel"]],
    ],
}
