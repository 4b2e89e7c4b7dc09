"""What a Korean writer adds, runs together or misspells without meaning anything by it."""

from __future__ import annotations

import re

from training.lessons.grammar import Draw, changed, linked

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


def _misspelt(draw: Draw, text: str) -> str:
    """`재미있어요` -> `재밌어요`"""
    found = [pair for pair in _MISSPELT if pair[0] in text]
    return text.replace(*draw.one(found)) if found else text


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
    (_unspaced, 0.25),
    (_wrongly_spaced, 0.25),
    (_tailed, 0.45),
    (_linked, 0.15),
)
