"""Copies of real texts in which somebody belongs to a group: whoever did it, the tone is the same.

The student is told the teachers' answers to the texts without the group. That is counterfactual
augmentation (Garg et al. 2019, https://arxiv.org/abs/1809.10610) where people write of persons;
the lessons on groups have sentences of ours alone.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from itertools import cycle, islice

from training.lessons import english_words, korean_words
from training.lessons.grammar import Draw
from training.lessons.slips import LONGEST

# Each text at most so often, so that it is read with more than one group.
_TIMES = 3

_PERSON = {
    "en": re.compile(
        r"\b(?P<before>an?|the|our|my|this|that|these|those|some|two|your|their|his|her|its|every|"
        r"another) (?P<person>waiter|waitress|driver|nurse|doctor|dentist|teacher|neighbou?r|"
        r"plumber|chef|barber|hairdresser|guide|cashier|manager|receptionist|landlord|landlady|"
        r"tutor|coach|actor|actress|singer|host|guy|man|men|woman|women|lady|ladies|couple|family|"
        r"electrician|builder|mechanic|surgeon|physio|instructor|barista|bartender|clerk|vet|"
        r"midwife|baker|seller|owner|author|director|crew|boss|colleague|roommate|flatmate|courier|"
        r"pharmacist|therapist|trainer|lecturer|professor|person|people|boy|girl|child|children|"
        r"kid|friend|mother|father|brother|sister|husband|wife|hero|heroine|filmmaker|writer|"
        r"character|cast|guest|student|soldier|cop|policeman|villain|comedian|artist)s?\b",
        re.IGNORECASE,
    ),
    "ko": re.compile(
        r"(?<![가-힣])(?P<before>)(?P<person>직원|배우|가수|사장님|기사님|의사|간호사|선생님|요리사|승무원|"
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


def of_a_group(language: str, draw: Draw, text: str) -> str:
    """The text with a nationality, religion, ethnicity or orientation before one person, where it
    speaks of one.

    `Our driver was late` -> `Our Polish driver was late`, `a man` -> `an Indian man`
    """
    found = _PERSON[language].search(text)
    if not found:
        return text
    group = draw.one(draw.one(_GROUPS[language]))
    before = found["before"]
    if before.lower() in ("a", "an"):
        before = before[0] + ("n" if group[0].lower() in "aeio" else "")
    begin, end = found.span("before")
    at = found.start("person")
    return f"{text[:begin]}{before}{text[end:at]}{group} {text[at:]}"


def regrouped(
    language: str, texts: Sequence[str], *, copies: int, seed: int
) -> list[tuple[int, str]]:
    """Copies of short texts that speak of a person, who is given a group.

    Args:
        copies: at most so many; fewer where there are not so many such texts, and none in a
            language without words for groups.

    Returns:
        The place of each copy's text in `texts`, and the copy.
    """
    if language not in _PERSON:
        return []
    person = _PERSON[language]
    places = [n for n, text in enumerate(texts) if len(text) <= LONGEST and person.search(text)]
    chance, draw = random.Random(seed), Draw(seed)
    places.sort(key=lambda _: chance.random())
    taken = islice(cycle(places), min(copies, _TIMES * len(places)))
    return [(place, of_a_group(language, draw, texts[place])) for place in taken]
