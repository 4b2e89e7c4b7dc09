"""Blind to the groups that people belong to: their words share one vector.

No word then moves an answer otherwise than another one does, whatever it meant in the reviews:
blindness, after Garg et al. 2019 (https://arxiv.org/abs/1809.10610). Lessons show the same, but a
vector that was learnt from a hundred thousand reviews forgets little of them.
"""

from __future__ import annotations

import logging

import torch

from service.tokenizer import Tokenizer
from training.lessons import english_words, korean_words
from training.model import SentimentNetwork

log = logging.getLogger(__name__)

_KINDS = ("nat", "rel", "eth", "orient")
BLIND_TO = {
    "en": [word for kind in _KINDS for word in english_words.WORDS[kind]],
    "ko": [
        *(word for kind in _KINDS for word in korean_words.WORDS[kind]),
        *(f"{country}인" for country in korean_words.WORDS["nat"]),
        *("무슬림", "유대인", "힌두교도", "무신론자", "아시아인", "아랍인", "동양인", "서양인"),
    ],
}


def group_ids(language: str, tokenizer: Tokenizer) -> list[int]:
    """The words for nationality, religion, ethnicity and orientation that are one subword each."""
    encoded = (tokenizer.encode(word) for word in BLIND_TO.get(language, []))
    return sorted({ids[0] for ids in encoded if len(ids) == 1 and ids[0] != tokenizer.unk_id})


def make_blind(network: SentimentNetwork, language: str, tokenizer: Tokenizer) -> None:
    """Give these words the mean of their vectors, in place."""
    ids = group_ids(language, tokenizer)
    if not ids:
        return
    with torch.no_grad():
        vectors = network.embedding.weight  # (V, E)
        vectors[ids] = vectors[ids].mean(0)  # (n, E) -> (E,)
    log.info("%d words for groups of people share one vector", len(ids))
