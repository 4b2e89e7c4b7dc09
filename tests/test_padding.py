"""Cutting texts into forward passes, and filling a pass up."""

from __future__ import annotations

import itertools
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from service.padding import Shapes, of_like_length


def cost(shape):
    """Of a pass: a step takes as long as eight texts of it before it has read any."""
    texts, tokens = shape
    return tokens * (8 + texts)


def passes(lengths, batch_tokens):
    return [
        [lengths[place] for place in places] for places in of_like_length(lengths, 64, batch_tokens)
    ]


@pytest.mark.parametrize(
    ("lengths", "batch_tokens", "expected"),
    [
        pytest.param([], 100, [], id="nothing"),
        pytest.param([7], 100, [[7]], id="one"),
        pytest.param([5, 5, 5, 5], 100, [[5, 5, 5, 5]], id="of one length"),
        pytest.param([5, 5, 5, 5], 10, [[5, 5], [5, 5]], id="no more tokens than allowed"),
        pytest.param([500], 10, [[500]], id="a longer text alone"),
        pytest.param([500, 1, 500], 10, [[1], [500], [500]], id="longer texts one by one"),
        pytest.param([100, 5, 5], 1_000, [[5, 5], [100]], id="short ones apart from a long one"),
        pytest.param([9, 10, 11, 10], 1_000, [[9, 10, 10, 11]], id="of like length together"),
        pytest.param([50, 90, 10], 1_000, [[10, 50, 90]], id="few together, though unlike"),
    ],
)
def test_a_round_is_cut_into_passes(lengths, batch_tokens, expected):
    assert passes(lengths, batch_tokens) == expected


def test_padding_costs_less_than_the_passes_it_saves_and_no_text_is_lost():
    lengths = np.random.default_rng(1).integers(1, 300, 200).tolist()
    cut = passes(lengths, 2_000)
    assert sorted(length for batch in cut for length in batch) == sorted(lengths)
    for batch in cut:
        padded = max(batch) * len(batch)
        assert padded <= 2_000
        assert padded - sum(batch) <= 8 * max(batch)  # a step is worth so many texts
    assert len(cut) < len(lengths) / 4
    thirty = passes([15] * 30 + [400], 16_384)
    assert thirty == [[15] * 30, [400]]


def test_a_pass_has_no_more_texts_than_allowed():
    lengths = [9, 2, 2, 10, 1, 400, 380]
    assert list(of_like_length(lengths, 2, 1_000)) == [[4, 1], [2, 0], [3], [6, 5]]


def test_a_shape_holds_the_batch_and_little_more():
    for texts, tokens in itertools.product(range(1, 300, 3), range(1, 1_100, 7)):
        N, T = Shapes().of(texts, tokens)  # the first one, as it comes
        assert 0 <= N - texts <= texts / 8
        assert 0 <= T - tokens <= tokens / 16


def test_short_texts_are_not_filled_up():
    for texts, tokens in itertools.product(range(1, 17), range(1, 33)):
        assert Shapes().of(texts, tokens) == (texts, tokens)


def test_a_batch_has_the_same_shape_each_time():
    shapes = Shapes()
    batches = list(itertools.product(range(1, 40), range(1, 400, 11)))
    assert [shapes.of(*batch) for batch in batches] == [shapes.of(*batch) for batch in batches]


def test_of_any_batches_there_are_few_shapes():
    drawn = random.Random(7)
    shapes = Shapes()
    own, given = set(), set()
    for count in range(20_000):
        texts = drawn.randint(1, 64)
        tokens = drawn.randint(1, 4_096 // texts)
        N, T = shape = shapes.of(texts, tokens)
        rounded = Shapes().of(texts, tokens)
        assert texts <= N
        assert tokens <= T
        assert cost(shape) <= 2 * cost(rounded)
        if count < 128:
            assert shape == rounded
        own.add(rounded)
        given.add(shape)
    assert len(own) > 2_000
    assert len(given) < 400


def test_where_none_is_like_it_a_batch_gets_a_shape_of_its_own():
    shapes = Shapes()
    for texts, tokens in itertools.product(range(1, 9), range(1, 33)):
        shapes.of(texts, tokens)
    assert shapes.of(64, 1_024) == (64, 1_024)
    assert shapes.of(60, 960) == (64, 1_024)
    assert shapes.of(16, 256) == (16, 256)


def test_threads_may_ask_at_the_same_time():
    shapes = Shapes()
    batches = list(itertools.product(range(1, 65), range(1, 200)))
    with ThreadPoolExecutor(8) as threads:
        given = list(threads.map(lambda batch: shapes.of(*batch), batches))
    for (texts, tokens), (N, T) in zip(batches, given, strict=True):
        assert texts <= N
        assert tokens <= T
