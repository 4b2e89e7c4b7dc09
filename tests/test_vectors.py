"""Word vectors: their shape and size, and that the same seed gives the same ones."""

from __future__ import annotations

import random

import numpy as np
import pytest

from training.vectors import narrowed, train_vectors

GREEN, RED = ("leaf", "grass", "moss"), ("brick", "rust", "clay")


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Sentences in which three words share one company and three another."""
    chance = random.Random(1)
    sentences = []
    for _ in range(400):
        words, company = chance.choice([(GREEN, "wet cool fresh"), (RED, "dry warm old")])
        shuffled = company.split()
        chance.shuffle(shuffled)
        sentences.append(f"{chance.choice(words)} {' '.join(shuffled)} {chance.choice(words)}")
    return sentences


@pytest.fixture(scope="module")
def words_tokenizer(texts):
    from training.subwords import train_tokenizer

    return train_tokenizer(texts, vocabulary_size=30)


@pytest.fixture(scope="module")
def vectors(texts, words_tokenizer):
    return train_vectors(texts, words_tokenizer, size=12, epochs=3, seed=1)


def test_there_is_one_for_each_subword(vectors, words_tokenizer):
    assert (vectors.shape, vectors.dtype) == ((30, 12), np.float32)
    assert np.isfinite(vectors).all()
    assert len(np.unique(vectors, axis=0)) == len(words_tokenizer)


def test_padding_is_zeros_and_nothing_else_is(vectors, words_tokenizer):
    zero = [n for n, vector in enumerate(vectors) if not vector.any()]
    assert zero == [words_tokenizer.pad_id]


def test_their_entries_have_a_standard_deviation_of_a_tenth(vectors, texts, words_tokenizer):
    found = sorted({token for text in texts for token in words_tokenizer.encode(text)})
    assert vectors[found].std() == pytest.approx(0.1, rel=1e-3)
    never = sorted(set(range(30)) - set(found) - {words_tokenizer.pad_id})
    assert never
    assert vectors[never].std() == pytest.approx(0.1, rel=0.5)


def test_the_same_seed_gives_the_same_vectors(vectors, texts, words_tokenizer):
    np.random.seed(77)
    again = train_vectors(texts, words_tokenizer, size=12, epochs=3, seed=1)
    np.testing.assert_array_equal(again, vectors)
    other = train_vectors(texts, words_tokenizer, size=12, epochs=3, seed=2)
    assert not np.allclose(other, vectors)


def test_words_of_like_company_are_alike(texts, words_tokenizer):
    found = train_vectors(texts, words_tokenizer, size=12, epochs=10, seed=1)

    def vector(word: str) -> np.ndarray:
        mean = found[words_tokenizer.encode(word)].mean(0)
        return mean / np.linalg.norm(mean)

    def likeness(some: tuple[str, ...], others: tuple[str, ...]) -> float:
        return float(np.mean([vector(a) @ vector(b) for a in some for b in others if a != b]))

    assert min(likeness(GREEN, GREEN), likeness(RED, RED)) > likeness(GREEN, RED)


def test_narrowed_vectors_keep_the_products_that_fit():
    chance = np.random.default_rng(1)
    plane = chance.normal(size=(30, 2)) @ chance.normal(size=(2, 8))  # 2 dimensions of 8
    plane[4] = 0.0
    vectors = plane.astype(np.float32)
    narrow = narrowed(vectors, 2)
    assert narrow.shape == (30, 2)
    np.testing.assert_allclose(narrow @ narrow.T, vectors @ vectors.T, atol=1e-4)
    np.testing.assert_array_equal(narrow[4], 0.0)
    np.testing.assert_array_equal(narrowed(vectors, 8), vectors)
