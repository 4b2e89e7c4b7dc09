"""What a Korean writer adds, runs together or misspells without meaning anything by it."""

from __future__ import annotations

import re

from training.lessons.grammar import Draw, changed, linked, some_made

# The right spelling, and one that is often met.
_MISSPELT = (
    ("재미있", "재밌"), ("재밌", "재밋"), ("않", "안"), ("됐", "됬"), ("돼", "되"), ("어이없", "어의없"),
    ("했어요", "햇어요"), ("었어요", "엇어요"), ("았어요", "앗어요"), ("예요", "에요"), ("너무", "넘"),
    ("좋아요", "조아요"), ("같아요", "같애요"), ("오랜만", "오랫만"), ("금세", "금새"), ("네요", "내요"),
    ("웬", "왠"), ("습니다", "슴니다"), ("있음", "있슴"), ("없음", "없슴"), ("역할", "역활"),
    ("진짜", "진쨔"), ("맛있", "마싯"), ("괜찮", "괜찬"), ("싶", "십"), ("았다", "앗다"), ("었다", "엇다"),
    ("는데", "는대"), ("정말", "증말"), ("최악", "췌악"), ("최고", "쵝오"), ("어떻게", "어떡게"),
)  # fmt: skip

_TAILS = (
    ".",
    "!",
    "!!",
    "!!!",
    "..",
    "...",
    "~",
    "~~",
    ".",
    "ㅋㅋ",
    " ㅋㅋㅋ",
    "ㅎㅎ",
    " ㅠㅠ",
    "ㅠㅠ",
    "ㅋㅋㅋㅋ",
    "ㅜㅜ",
    " ㅎ",
)
_HANDLES = ("naver_hi", "seoul_mom", "jk_1004", "dailyfood", "happy77", "bora_k", "movie_ing")
_TAGS = ("일상", "후기", "맛스타그램", "영화", "주말", "리뷰", "내돈내산", "여행", "먹방")
_SITES = ("https://bit.ly/", "http://me2.do/", "https://naver.me/", "www.shop.co.kr/p/")


def noise(draw: Draw, text: str) -> str:
    return changed(draw, text, _CHANGES)


def slips(draw: Draw, text: str) -> str:
    """What goes wrong in typing, and nothing that is added."""
    return some_made(draw, text, _SLIPS)


def _misspelt(draw: Draw, text: str) -> str:
    """`재미있어요` -> `재밌어요`"""
    found = [pair for pair in _MISSPELT if pair[0] in text]
    return text.replace(*draw.one(found)) if found else text


def _by_ear(draw: Draw, text: str) -> str:
    """One syllable as it sounds: `좋아요` -> `조아요`, `했어` -> `햇어`, `최악` -> `체악`"""
    heard = [(at, sounds) for at in range(len(text)) if (sounds := _sounds_like(text[at : at + 2]))]
    if not heard:
        return text
    at, sounds = draw.one(heard)
    return text[:at] + sounds + text[at + len(sounds) :]


def _sounds_like(syllables: str) -> str:
    """The first of one or two syllables as it is often misspelt, the next one with it where the
    sound goes over; empty if it has no such form.

    A syllable is 0xAC00 + (initial * 21 + vowel) * 28 + final (The Unicode Standard, 3.12).
    """
    if not "가" <= syllables[0] <= "힣":
        return ""
    code = ord(syllables[0]) - 0xAC00
    vowel, final = code // 28 % 21, code % 28
    silent = syllables[1:] and "아" <= syllables[1] <= "잏"  # it begins with the mute ㅇ
    if silent and final == _HIEUT:
        return chr(ord(syllables[0]) - final) + syllables[1]
    if silent and final in _GOES_OVER:
        rest, initial = _GOES_OVER[final]
        return chr(ord(syllables[0]) - final + rest) + chr(
            ord(syllables[1]) + (initial - _MUTE) * 21 * 28
        )
    if final == _SSANG_SIOT:
        return chr(ord(syllables[0]) - 1)
    if vowel in _ALIKE:
        return chr(ord(syllables[0]) + (_ALIKE[vowel] - vowel) * 28)
    return ""


# Numbers of letters in a syllable's code.
_MUTE, _SSANG_SIOT, _HIEUT = 11, 20, 27
# ㅐ and ㅔ, ㅒ and ㅖ, ㅙ and ㅚ are said alike, and ㅚ as ㅔ after some consonants.
_ALIKE = {1: 5, 5: 1, 3: 7, 7: 3, 10: 11, 11: 5}
# Before a vowel: what stays below (0 nothing, 8 ㄹ) and what begins the next syllable: ㄶ -> ㄴ,
# ㅀ -> ㄹ, ㅄ -> ㅂ and ㅅ, ㄺ -> ㄹ and ㄱ.
_GOES_OVER = {6: (0, 2), 15: (0, 5), 18: (17, 9), 9: (8, 0)}


def _unspaced(draw: Draw, text: str) -> str:
    """`정말 좋은 영화` -> `정말좋은영화`"""
    return text.replace(" ", "")


def _wrongly_spaced(draw: Draw, text: str) -> str:
    """Some of the spaces gone: `정말 좋은 영화` -> `정말좋은 영화`"""
    return re.sub(" ", lambda _: "" if draw.chance(0.4) else " ", text)


def _tailed(draw: Draw, text: str) -> str:
    return text.rstrip(".") + draw.one(_TAILS)


def _linked(draw: Draw, text: str) -> str:
    return linked(draw, text, handles=_HANDLES, tags=_TAGS, sites=_SITES)


_CHANGES = (
    (_misspelt, 0.3),
    (_by_ear, 0.2),
    (_unspaced, 0.3),
    (_wrongly_spaced, 0.3),
    (_tailed, 0.45),
    (_linked, 0.15),
)
_SLIPS = (
    (_misspelt, 0.5),
    (_by_ear, 0.5),
    (_by_ear, 0.2),
    (_unspaced, 0.25),
    (_wrongly_spaced, 0.35),
)
