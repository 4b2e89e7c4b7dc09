"""Batches: every text once, with texts of like length, in an order that the seed decides."""

from __future__ import annotations

import random

import pytest
import torch

from training.batches import Batch, BatchMaker, ResampledBatches

CPU = torch.device("cpu")
PAD = 0


def sequences_of(lengths: list[int]) -> list[list[int]]:
    """Token ids that tell the texts apart and are never padding."""
    return [[n % 97 + 1 + place % 3 for place in range(length)] for n, length in enumerate(lengths)]


def lengths_of(count: int) -> list[int]:
    """As in reviews: many short ones, a few long."""
    chance = random.Random(5)
    return [1 + int(200 * chance.random() ** 3) for _ in range(count)]


SEQUENCES = sequences_of(lengths_of(1_000))
LABELS = [len(sequence) % 2 for sequence in SEQUENCES]


def maker_of(sequences=SEQUENCES, labels=None, *, tokens=600, texts=32) -> BatchMaker:
    return BatchMaker(
        sequences,
        [len(sequence) % 2 for sequence in sequences] if labels is None else labels,
        pad_id=PAD,
        batch_tokens=tokens,
        batch_texts=texts,
    )


def places(batches: list[Batch]) -> list[int]:
    return [place for batch in batches for place in batch.places.tolist()]


@pytest.fixture(scope="module")
def maker() -> BatchMaker:
    return maker_of()


@pytest.mark.parametrize("seed", [None, 0, 1, 1_000_003])
def test_an_epoch_holds_each_text_once(maker, seed):
    assert sorted(places(list(maker.epoch(seed, CPU)))) == list(range(len(SEQUENCES)))
    assert len(maker) == len(SEQUENCES)


@pytest.mark.parametrize("seed", [None, 1])
def test_ids_labels_and_places_belong_together(maker, seed):
    for batch in maker.epoch(seed, CPU):
        T, N = batch.ids.shape
        assert batch.lengths.max() == T
        assert batch.lengths.shape == batch.labels.shape == batch.places.shape == (N,)
        for text, place in enumerate(batch.places.tolist()):
            ids = batch.ids[:, text].tolist()
            length = len(SEQUENCES[place])
            assert ids == SEQUENCES[place] + [PAD] * (T - length)
            assert (batch.lengths[text], batch.labels[text]) == (length, LABELS[place])


def test_every_number_is_an_int64(maker):
    batch = next(maker.epoch(1, CPU))
    tensors = (batch.ids, batch.lengths, batch.labels, batch.places)
    assert {tensor.dtype for tensor in tensors} == {torch.int64}


@pytest.mark.parametrize("seed", [None, 1])
def test_texts_of_a_batch_are_of_like_length(maker, seed):
    batches = list(maker.epoch(seed, CPU))
    padded = sum(batch.ids.numel() for batch in batches)
    read = sum(map(len, SEQUENCES))
    assert (padded - read) / padded < 0.1
    as_they_come = sum(
        32 * max(map(len, SEQUENCES[begin : begin + 32])) for begin in range(0, 1_000, 32)
    )
    assert as_they_come > 2 * padded  # so the bound above says something


@pytest.mark.parametrize(
    ("tokens", "texts"), [pytest.param(600, 32, id="both"), pytest.param(10_000, 7, id="texts")]
)
def test_a_batch_stays_within_its_limits(tokens, texts):
    for batch in maker_of(tokens=tokens, texts=texts).epoch(1, CPU):
        assert len(batch.labels) <= texts
        assert batch.lengths.sum() <= tokens


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize(
    "lengths",
    [
        pytest.param([30, 2, 30, 3, 2], id="among short ones"),
        pytest.param([30, 5, 5, 30], id="behind a full batch"),
        pytest.param([30, 30, 30], id="nothing else"),
    ],
)
def test_a_text_longer_than_a_batch_is_a_batch_of_its_own(lengths, seed):
    batches = list(maker_of(sequences_of(lengths), tokens=10, texts=4).epoch(seed, CPU))
    assert sorted(places(batches)) == list(range(len(lengths)))
    assert {len(batch.labels) for batch in batches if batch.ids.shape[0] == 30} == {1}


def test_the_order_is_a_function_of_the_seed(maker):
    def order(maker: BatchMaker, seed: int) -> list[int]:
        return places(list(maker.epoch(seed, CPU)))

    first = order(maker, 7)
    order(maker, 8)
    random.seed(123)  # torchtext looks at this one unless it is told otherwise
    torch.manual_seed(123)
    assert order(maker, 7) == first == order(maker_of(), 7)
    assert order(maker, 8) != first


def test_drawing_an_order_leaves_other_random_numbers_alone(maker):
    random.seed(1)
    torch.manual_seed(1)
    expected = random.random(), torch.rand(1)
    random.seed(1)
    torch.manual_seed(1)
    list(maker.epoch(7, CPU))
    assert (random.random(), torch.rand(1)) == expected


def test_short_and_long_batches_come_mixed(maker):
    steps = [batch.ids.shape[0] for batch in maker.epoch(1, CPU)]
    assert steps != sorted(steps)
    assert steps != sorted(steps, reverse=True)


def test_without_a_seed_the_shortest_come_first(maker):
    batches = list(maker.epoch(None, CPU))
    longest = [int(batch.lengths.max()) for batch in batches]
    assert longest == sorted(longest)
    assert places(batches) == places(list(maker.epoch(None, CPU)))


def test_a_label_too_few_is_an_error():
    with pytest.raises(ValueError, match="shorter"):
        maker_of(labels=LABELS[1:])


def test_resampled_batches_are_made_anew_for_each_seed():
    seeds = []

    def make(seed):
        seeds.append(seed)
        return maker_of()

    resampled = ResampledBatches(len(LABELS), make)
    assert len(resampled) == len(LABELS)
    assert places(resampled.epoch(7, CPU)) == places(maker_of().epoch(7, CPU))
    assert places(resampled.epoch(8, CPU)) == places(maker_of().epoch(8, CPU))
    assert seeds == [7, 8]
