"""Words for groups of people, and the one vector that they share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from service.archive import read_file, read_parts
from service.tokenizer import Tokenizer
from training.blind import group_ids, make_blind
from training.config import NetworkConfig
from training.model import SentimentNetwork

MODELS = Path(__file__).parent.parent / "models"
PEOPLE = ("Polish", "Turkish", "Jewish", "gay", "Black", "Asian")


def _shipped(name: str) -> Tokenizer:
    """One that ships: a tiny one has no word for a group in one piece."""
    bundle = MODELS / f"{name}.pt"
    return Tokenizer(read_parts(read_file(bundle), bundle).tokenizer)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return _shipped("reviews-en")


@pytest.fixture
def network(tokenizer) -> SentimentNetwork:
    config = NetworkConfig(embedding_size=8, hidden_size=8)
    return SentimentNetwork(config, vocabulary_size=len(tokenizer), classes=2, pad_id=0)


def test_they_are_words_of_one_subword(tokenizer):
    ids = group_ids("en", tokenizer)
    assert len(ids) > 50
    for people in PEOPLE:
        assert tokenizer.encode(people)[0] in ids
    assert not {tokenizer.unk_id, tokenizer.pad_id} & set(ids)
    for word in ("good", "neighbour", "man"):
        assert not set(tokenizer.encode(word)) & set(ids)


def test_korean_has_its_own():
    """One word for each kind, and neither genders nor the words beside them."""
    tokenizer = _shipped("reviews-ko")
    ids = group_ids("ko", tokenizer)
    assert len(ids) > 30
    for people in ("한국", "일본인", "기독교", "불교", "흑인", "동성애자"):
        assert tokenizer.encode(people)[0] in ids
    assert not {tokenizer.unk_id, tokenizer.pad_id} & set(ids)
    for word in ("할머니", "여자", "이혼한", "신자인", "직원", "영화"):
        assert not set(tokenizer.encode(word)) & set(ids)


def test_they_share_one_vector_and_no_other_word_does(tokenizer, network):
    ids = group_ids("en", tokenizer)
    others = sorted(set(range(len(tokenizer))) - set(ids))
    before = network.embedding.weight.detach().clone()
    make_blind(network, "en", tokenizer)
    after = network.embedding.weight.detach()
    torch.testing.assert_close(after[ids], before[ids].mean(0).expand(len(ids), -1))
    torch.testing.assert_close(after[others], before[others], rtol=0, atol=0)


def test_no_answer_moves_with_the_group(tokenizer, network):
    def answers() -> torch.Tensor:
        texts = [tokenizer.encode(f"Our {people} neighbour was kind.") for people in PEOPLE]
        ids = torch.tensor(texts).t()  # (N, T) -> (T, N): all are of one length
        return network(ids, torch.full((len(texts),), ids.size(0)))

    network.eval()
    before = answers()
    assert (before - before[0]).abs().max() > 1e-6
    make_blind(network, "en", tokenizer)
    after = answers()
    torch.testing.assert_close(after, after[:1].expand_as(after))


def test_a_language_without_such_words_stays_as_it_is(tokenizer, network):
    before = network.embedding.weight.detach().clone()
    make_blind(network, "de", tokenizer)
    torch.testing.assert_close(network.embedding.weight.detach(), before, rtol=0, atol=0)
