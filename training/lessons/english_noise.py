"""What an English writer adds or gets wrong without meaning anything by it."""

from __future__ import annotations

import re

from training.lessons.grammar import Draw, changed, linked, some_made

_SHORT_FORMS = (
    ("is not", "isn't"), ("was not", "wasn't"), ("are not", "aren't"), ("were not", "weren't"),
    ("do not", "don't"), ("does not", "doesn't"), ("did not", "didn't"), ("cannot", "can't"), ("can not", "can't"),
    ("would not", "wouldn't"), ("could not", "couldn't"), ("will not", "won't"),
    ("have not", "haven't"), ("has not", "hasn't"), ("should not", "shouldn't"),
    ("I am", "I'm"), ("it is", "it's"), ("It is", "It's"), ("they are", "they're"),
    ("you are", "you're"), ("You are", "You're"), ("I have", "I've"), ("we are", "we're"),
    ("that is", "that's"), ("That is", "That's"),
)  # fmt: skip

# A slip of the finger here would change what is said.
_SPELT_RIGHT = frozenset(
    ["hardly", "never", "nothing", "nobody", "neither", "without", "nowhere", "anything", "barely", "useless", "worthless", "hopeless", "faultless", "flawless", "opposite", "better", "worse", "worst", "unless"]
)  # fmt: skip

# How a word is spelt, and how it is misspelt by ear.
_BY_EAR = (
    ("ie", "ei"), ("ei", "ie"), ("able", "ible"), ("ible", "able"), ("ent", "ant"), ("ant", "ent"),
    ("ence", "ance"), ("ance", "ence"), ("ely", "ley"), ("ally", "aly"), ("ful", "full"),
    ("ss", "s"), ("rr", "r"), ("mm", "m"), ("pp", "p"), ("ph", "f"), ("gh", ""), ("sc", "s"),
    ("ai", "a"), ("ea", "ee"), ("ou", "u"), ("ck", "k"), ("y", "i"), ("or", "er"), ("er", "or"),
)  # fmt: skip
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")

_HANDLES = (
    "airline",
    "shop_help",
    "jenny88",
    "TheRealTom",
    "fly_high",
    "cafe_luna",
    "support",
    "k_lee",
)
_TAGS = ("travel", "review", "foodie", "monday", "tbt", "flight", "movienight", "shopping", "ootd")
_SITES = ("https://t.co/", "http://bit.ly/", "www.shop.com/p/", "https://www.example.org/r?id=")
_STRETCHED = ("so", "love", "good", "bad", "really", "no", "yes", "never", "great", "awful")
_TAILS = ("!", "!!", "!!!", "...", "..", " .", "", "", "?!", " !!")


def noise(draw: Draw, text: str) -> str:
    return changed(draw, text, _CHANGES)


def slips(draw: Draw, text: str) -> str:
    """What goes wrong in typing, and nothing that is added."""
    return some_made(draw, text, _SLIPS)


def _contracted(draw: Draw, text: str) -> str:
    """`It is not` -> `It isn't`, or the other way round"""
    shorten = draw.chance(0.5)
    for full, short in _SHORT_FORMS:
        old, new = (full, short) if shorten else (short, full)
        text = re.sub(rf"\b{old}\b(?=\s\w)", new, text)
    return text


def _without_apostrophes(draw: Draw, text: str) -> str:
    return re.sub(r"(?<=[a-z])'(?=[a-z])", "", text)


def _mistyped(draw: Draw, text: str) -> str:
    """In one long word a slip of the finger or of the ear: `serivce`, `beleive`"""
    words = text.split(" ")
    places = [n for n, word in enumerate(words) if _may_be_mistyped(word)]
    if not places:
        return text
    place = draw.one(places)
    words[place] = _slip(draw, words[place])
    return " ".join(words)


def _may_be_mistyped(word: str) -> bool:
    return len(word) >= 5 and word.isalpha() and word.lower() not in _SPELT_RIGHT


def _slip(draw: Draw, word: str) -> str:
    """Two letters swapped, one dropped, doubled or struck beside its key; or as one hears it."""
    at = 1 + draw.below(len(word) - 3)
    kind = draw.below(6)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    if kind == 2:
        return word[: at + 1] + word[at:]
    if kind == 3:
        return word[:at] + _beside(draw, word[at]) + word[at + 1 :]
    heard = [pair for pair in _BY_EAR if pair[0] in word[1:]]
    return word[0] + word[1:].replace(*draw.one(heard), 1) if heard else word


def _beside(draw: Draw, letter: str) -> str:
    """`a` -> `s`; what is on no key of the three rows, such as a capital, stays."""
    for row in _KEYS:
        if letter in row:
            at = row.index(letter)
            return draw.one([row[n] for n in (at - 1, at + 1) if 0 <= n < len(row)])
    return letter


def _stretched(draw: Draw, text: str) -> str:
    """`so good` -> `soooo good`"""
    word = draw.one(_STRETCHED)
    more = 2 + draw.below(4)
    at = max(word.rfind(vowel) for vowel in "aeiou")
    at = (
        at
        if word not in ("love", "great", "really", "never")
        else word.index(word.strip("lgrn")[0])
    )
    return re.sub(rf"\b{word}\b", word[:at] + word[at] * more + word[at + 1 :], text)


def _other_ending(draw: Draw, text: str) -> str:
    return text.removesuffix(".") + draw.one(_TAILS) if text.endswith(".") else text


def _linked(draw: Draw, text: str) -> str:
    return linked(draw, text, handles=_HANDLES, tags=_TAGS, sites=_SITES)


_CHANGES = (
    (_contracted, 0.3),
    (_without_apostrophes, 0.12),
    (_mistyped, 0.35),
    (_mistyped, 0.15),
    (_stretched, 0.15),
    (_other_ending, 0.4),
    (lambda draw, text: text.lower(), 0.35),
    (lambda draw, text: text.upper(), 0.06),
    (lambda draw, text: re.sub(r"[.,;!]+", "", text).strip(), 0.12),
    (_linked, 0.2),
)
_SLIPS = (
    (_contracted, 0.5),
    (_without_apostrophes, 0.25),
    (_mistyped, 0.7),
    (_mistyped, 0.4),
    (_mistyped, 0.2),
    (lambda draw, text: text.lower(), 0.25),
)
