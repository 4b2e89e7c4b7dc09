"""Korean endings: particles after a noun, and the forms of a predicate.

A Hangul syllable is 0xAC00 + 588 * initial + 28 * vowel + final (Unicode Standard, 3.12).
"""

from __future__ import annotations

import re

_FIRST, _LAST, _FINALS = 0xAC00, 0xD7A3, 28
_N, _L, _M, _B, _SS = 4, 8, 16, 17, 20  # finals: ㄴ, ㄹ, ㅁ, ㅂ, ㅆ
_EU, _I = 18, 20  # vowels: ㅡ, ㅣ
_BRIGHT = (0, 8)  # vowels after which 아 stands and not 어: ㅏ, ㅗ

_PARTICLES = {
    "은": "는", "이": "가", "을": "를", "과": "와", "이랑": "랑", "으로": "로", "이라": "라",
    "이나": "나", "이야": "야", "이에요": "예요", "이었": "였", "아": "야", "이다": "다",
}  # fmt: skip
_PARTICLE = re.compile(r"(?P<word>\S)\[(?P<particle>[가-힣]+)\]")

# The digits and letters that end in a consonant when read aloud: 영 일 삼 육 칠 팔, 엘 엠 엔 알.
_CLOSED = "013678LMNR"


def _final(syllable: str) -> int:
    """The number of its final consonant, 0 if it ends in a vowel."""
    if _FIRST <= ord(syllable) <= _LAST:
        return (ord(syllable) - _FIRST) % _FINALS
    return _L if syllable in "178LR" else int(syllable in _CLOSED)


def _vowel(syllable: str) -> int:
    return (ord(syllable) - _FIRST) // _FINALS % 21


def _closed(syllable: str, final: int) -> str:
    """`나` with ㄴ -> `난`"""
    return chr(ord(syllable) - _final(syllable) + final)


def with_particles(text: str) -> str:
    """`영화[은] 결말[이] 좋다` -> `영화는 결말이 좋다`"""
    return _PARTICLE.sub(lambda m: m["word"] + _particle(m["word"], m["particle"]), text)


def _particle(word: str, particle: str) -> str:
    final = _final(word)
    if final == 0 or (particle == "으로" and final == _L):
        return _PARTICLES[particle]
    return particle


def forms(entry: str) -> dict[str, str]:
    """Every form of a predicate in the dictionary's form; a noun is marked with "!".

    >>> forms("나쁘다")["mod"], forms("최고!")["yo"], forms("즐겁다")["past"]
    ('나쁜', '최고예요', '즐거웠다')
    """
    if entry.endswith("!"):
        return _of_noun(entry[:-1])
    stem = entry.removesuffix("다")
    softened = _final(stem[-1]) == _B and not stem.endswith("좁")
    open_stem = _closed(stem[-1], 0) if softened else stem[-1]
    root = stem[:-1] + open_stem + ("우" if softened else "")
    return _endings(stem, root, _joined(stem, softened))


def _of_noun(noun: str) -> dict[str, str]:
    bare = with_particles(f"{noun}[이다]").removesuffix("다")
    endings = _endings(noun + "이", noun + "이", with_particles(f"{noun}[이었]"))
    return {
        **endings,
        "da": bare + "다",
        "yo": with_particles(f"{noun}[이에요]"),
        "ban": with_particles(f"{noun}[이야]"),
        "quote": bare + "라고",
        "go": bare + "고",
        "jiman": bare + "지만",
        "neyo": bare + "네요",
        "ji": bare + "지",
        "nya": bare + "냐",
    }


def _joined(stem: str, softened: bool) -> str:
    """The stem with 아/어: `좋` -> `좋아`, `예쁘` -> `예뻐`, `빠르` -> `빨라`, `즐겁` -> `즐거워`"""
    head, last = stem[:-1], stem[-1]
    if softened:
        return head + _closed(last, 0) + "워"
    if last == "하":
        return head + "해"
    if _final(last):
        return stem + ("아" if _vowel(last) in _BRIGHT else "어")
    if last == "르":
        return head[:-1] + _closed(head[-1], _L) + "라"
    if _vowel(last) == _EU:
        bright = bool(head) and _vowel(head[-1]) in _BRIGHT
        return head + chr(ord(last) - 28 * (_EU if bright else _EU - 4))
    if _vowel(last) == _I:
        return head + chr(ord(last) - 28 * (_I - 6))
    return stem


def _endings(stem: str, root: str, joined: str) -> dict[str, str]:
    """`root` is the stem as it stands before a vowel: `즐겁` -> `즐거우`"""
    past = joined if joined.endswith(("였", "었")) else joined[:-1] + _closed(joined[-1], _SS)
    verbal = stem.endswith(("있", "없", "밌"))
    consonant = _final(root[-1])

    def soft(final: int, syllable: str) -> str:
        return root + syllable if consonant else root[:-1] + _closed(root[-1], final)

    mod = stem + "는" if verbal else soft(_N, "은")
    return {
        "da": stem + "다",
        "yo": joined + "요",
        "ban": joined,
        "past": past + "다",
        "pastyo": past + "어요",
        "pastban": past + "어",
        "pastnde": past + "는데",
        "pastm": past + "음",
        "pastneyo": past + "네요",
        "pastnida": past + "습니다",
        "pastjiman": past + "지만",
        "pastnya": past + "냐",
        "mod": mod,
        "nde": mod + "데",
        "l": soft(_L, "을"),
        "m": soft(_M, "음"),
        "nida": stem + "습니다" if _final(stem[-1]) else stem[:-1] + _closed(stem[-1], _B) + "니다",
        "go": stem + "고",
        "jiman": stem + "지만",
        "ji": stem + "지",
        "neyo": stem + "네요",
        "nya": stem + "냐",
        "quote": stem + "다고",
    }
