"""The language model: it learns what follows what, in both directions, and can be stopped."""

from __future__ import annotations

import math
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_fit import Interrupting, assert_same_weights
from torch import Tensor

from training.batches import BatchMaker
from training.checkpoint import Interrupted, Run
from training.config import NetworkConfig, PretrainConfig
from training.errors import TrainingError
from training.model import SentimentNetwork
from training.pretrain import LanguageModel, Pretrainer, how_likely_drawn
from training.steps import read_steps

CPU = torch.device("cpu")
VOCABULARY = 12
# Each token is followed by the next one, round and round: nothing is left to chance but the start.
TEXTS = [[2 + (start + n) % 10 for n in range(8)] for start in range(10)] * 12


def network(directions: int = 2) -> SentimentNetwork:
    torch.manual_seed(1)
    config = NetworkConfig(
        embedding_size=8, hidden_size=16, directions=directions, embedding_dropout=0.0
    )
    return SentimentNetwork(config, vocabulary_size=VOCABULARY, classes=2, pad_id=0)


def frequencies() -> Tensor:
    return torch.bincount(torch.tensor(TEXTS).flatten(), minlength=VOCABULARY)


def pretrainer(folder: Path, model: SentimentNetwork, **knobs: float) -> Pretrainer:
    config = PretrainConfig(
        **{"lm_epochs": 6, "lm_candidates": 8, "lm_learning_rate": 0.02} | knobs
    )
    batches = Interrupting(TEXTS, [0] * len(TEXTS), pad_id=0, batch_tokens=80, batch_texts=10)
    return Pretrainer(model, batches, frequencies(), config, seed=1, run=Run(folder), device=CPU)


def loss_of(model: LanguageModel, texts: list[list[int]]) -> float:
    torch.manual_seed(3)
    ids = torch.tensor(texts).t()
    with torch.no_grad():
        return float(model.eval()(ids, torch.full((len(texts),), len(texts[0]))))


@pytest.mark.parametrize("directions", [1, 2])
def test_it_learns_what_follows_what(tmp_path, directions):
    found = pretrainer(tmp_path, network(directions))
    before = loss_of(found._model, TEXTS[:10])
    found.pretrain()
    assert loss_of(found._model, TEXTS[:10]) < 0.3 * before


def test_text_turned_round_is_a_surprise(tmp_path):
    found = pretrainer(tmp_path, network())
    found.pretrain()
    backwards = [text[::-1] for text in TEXTS[:10]]
    assert loss_of(found._model, backwards) > 5 * loss_of(found._model, TEXTS[:10])


def test_word_vectors_and_recurrent_weights_are_learnt_and_the_classifier_is_not(tmp_path):
    model = network()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    pretrainer(tmp_path, model).pretrain()
    changed = {n for n, weight in model.state_dict().items() if not torch.equal(weight, before[n])}
    assert {n for n in before if "classifier" in n} & changed == set()
    assert {n for n in before if "classifier" not in n} == changed


def test_with_all_words_as_candidates_the_loss_is_that_of_a_full_softmax():
    model = network(directions=1)
    language = LanguageModel(model, torch.ones(VOCABULARY), candidates=VOCABULARY).eval()
    ids = torch.tensor([[2, 3, 4]]).t()  # (T, N) = (3, 1)
    with torch.no_grad():
        states, _ = language.layer(model.embedding(ids), torch.tensor([3]))
        logits = language.heads[0](states[:-1, 0]) @ model.embedding.weight.t()  # (2, V)
        expected = torch.nn.functional.cross_entropy(logits, ids[1:, 0])
        found = language(ids, torch.tensor([3]))
    assert float(found) == pytest.approx(float(expected), abs=1e-5)


def test_it_begins_by_knowing_how_frequent_each_token_is():
    """Where nothing is known of what stands before, the best loss is their entropy."""
    model = network(directions=1)
    with torch.no_grad():
        model.embedding.weight.zero_()
    counts = torch.tensor([0, 0, 800, 100, 50, 25, 25, 0, 0, 0, 0, 0])
    language = LanguageModel(model, counts, candidates=VOCABULARY).eval()
    text = torch.repeat_interleave(torch.arange(VOCABULARY), counts)[torch.randperm(1_000)]
    with torch.no_grad():
        found = float(language(text.unsqueeze(1), torch.tensor([1_000])))
    share = counts[counts > 0] / 1_000
    assert found == pytest.approx(float(-(share * share.log()).sum()), abs=0.02)


def test_there_are_no_more_candidates_than_tokens():
    counts = torch.tensor([0, 0, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0])
    language = LanguageModel(network(), counts, candidates=512).eval()
    assert math.isfinite(loss_of(language, [[2, 3, 4]]))


def test_how_likely_a_token_is_to_be_drawn_is_known():
    share = torch.tensor([0.0, 0.6, 0.2, 0.1, 0.05, 0.05])
    torch.manual_seed(1)
    drawn = [torch.multinomial(share, 3, replacement=False) for _ in range(4_000)]
    found = torch.bincount(torch.cat(drawn), minlength=6) / 4_000
    expected = how_likely_drawn(share, 3)
    assert float(expected.sum()) == pytest.approx(3, abs=1e-4)
    torch.testing.assert_close(expected, found, rtol=0, atol=0.05)
    assert how_likely_drawn(share, 5).tolist() == [0, 1, 1, 1, 1, 1]


def test_its_dropout_is_its_own():
    model = network()
    language = LanguageModel(model, frequencies(), candidates=8, dropout=0.4)
    assert (language.dropout.p, model.reader.embedding_dropout.p) == (0.4, 0.0)


def test_padding_is_not_foretold():
    model = LanguageModel(network(), frequencies(), candidates=8)
    alone = loss_of(model, [TEXTS[0][:4]])
    ids = torch.tensor([[*TEXTS[0][:4], 0, 0]]).t()
    torch.manual_seed(3)
    with torch.no_grad():
        padded = float(model(ids, torch.tensor([4])))
    assert padded == pytest.approx(alone, abs=1e-5)


def test_texts_that_fill_up_a_large_batch_are_not_foretold():
    model = LanguageModel(network(), frequencies(), candidates=8)
    whole = loss_of(model, TEXTS[:53])
    parts = [loss_of(model, TEXTS[:30]), loss_of(model, TEXTS[30:53])]  # of the same candidates
    assert whole == pytest.approx((30 * parts[0] + 23 * parts[1]) / 53, abs=1e-5)


@pytest.mark.parametrize("step", [0, 7, 30])
def test_after_an_interruption_it_goes_on_to_the_same_result(tmp_path, step):
    whole = network()
    pretrainer(tmp_path / "whole", whole, lm_epochs=3).pretrain()

    stopped = pretrainer(tmp_path / "stopped", network(), lm_epochs=3)
    stopped._texts.arm(step, signal.SIGINT)
    with pytest.raises(Interrupted):
        stopped.pretrain()
    resumed = network()
    pretrainer(tmp_path / "stopped", resumed, lm_epochs=3).pretrain()
    assert_same_weights(resumed.state_dict(), whole.state_dict())
    steps = [
        replace(row, seconds=0)
        for row in read_steps(Run(tmp_path / "stopped").steps("language-model"))
    ]
    straight = read_steps(Run(tmp_path / "whole").steps("language-model"))
    assert steps == [replace(row, seconds=0) for row in straight]
    assert [row.step for row in steps] == list(range(1, 3 * len(TEXTS) // 10 + 1))
    assert sum(row.texts for row in steps) == 3 * len(TEXTS)
    assert steps[-1].loss < steps[0].loss


def test_a_loss_that_is_no_number_stops_it_with_advice(tmp_path):
    model = network()
    with torch.no_grad():
        model.embedding.weight.fill_(math.inf)
    with pytest.raises(TrainingError, match="--lm-learning-rate"):
        pretrainer(tmp_path, model).pretrain()


def test_one_token_alone_teaches_nothing_but_does_no_harm():
    batches = BatchMaker([[3, 4]], [0], pad_id=0, batch_tokens=10, batch_texts=10)
    (batch,) = batches.epoch(None, CPU)
    language = LanguageModel(network(), frequencies(), candidates=4)
    assert math.isfinite(language(batch.ids, batch.lengths).item())
