"""Word vectors to begin from, learnt from all texts at hand, labelled or not."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from gensim.models import Word2Vec
from gensim.models.callbacks import CallbackAny2Vec
from tqdm import tqdm

from service.tokenizer import Tokenizer

logging.getLogger("gensim").setLevel(logging.WARNING)  # a line a second otherwise


def train_vectors(
    texts: list[str], tokenizer: Tokenizer, *, size: int, epochs: int, seed: int
) -> npt.NDArray[np.float32]:
    """Continuous bag of words with negative sampling (Mikolov et al. 2013,
    https://arxiv.org/abs/1301.3781 and 1310.4546); skip-gram takes longer.

    Args:
        texts: labelled and unlabelled, none of a test part.
        size: width of a vector (E).
        epochs: passes over the texts.

    Returns:
        (V, E) float32, entries of standard deviation 0.1; zeros for the padding, small random
        numbers for a subword that no text holds.
    """
    with tqdm(total=epochs, desc="word vectors", unit="pass") as bar:
        model = Word2Vec(
            _Corpus(texts, tokenizer),
            vector_size=size,
            window=5,
            sg=0,
            negative=5,
            min_count=1,
            workers=1,  # more would be faster, and other vectors at every run
            epochs=epochs,
            seed=seed,
            callbacks=[_Tick(bar)],
        )
    vectors = np.random.default_rng(seed).normal(size=(len(tokenizer), size)).astype(np.float32)
    known = np.asarray(model.wv.index_to_key)
    vectors[known] = model.wv.vectors / model.wv.vectors.std()
    vectors *= 0.1
    vectors[tokenizer.pad_id] = 0.0
    return vectors


def narrowed(vectors: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    """(V, E) -> (V, size): along the directions in which they are longest, so that as much as can
    be of every product of two vectors stays (Eckart and Young 1936); as they are if none is to go.
    Zeros stay zeros.
    """
    if size == vectors.shape[1]:
        return vectors
    _, directions = np.linalg.eigh(vectors.T @ vectors)  # (E, E), the longest last
    return np.ascontiguousarray(vectors @ directions[:, : -size - 1 : -1])


class _Corpus(Iterable[list[int]]):
    """The token ids, made anew at each pass: quicker than word2vec, and nothing to keep."""

    def __init__(self, texts: list[str], tokenizer: Tokenizer) -> None:
        self._texts = texts
        self._tokenizer = tokenizer

    def __iter__(self) -> Iterator[list[int]]:
        return map(self._tokenizer.encode, self._texts)


class _Tick(CallbackAny2Vec):  # type: ignore[misc]  # gensim has no types
    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def on_epoch_end(self, model: Word2Vec) -> None:  # gensim's signature
        self._bar.update()
