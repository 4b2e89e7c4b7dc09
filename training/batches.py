"""Batches of like length, by torchtext 0.6.0.

The only file that names torchtext (docs/decisions/0001-torchtext.md). The order of an epoch is a
function of the seed and the number of the epoch: whoever resumes skips the batches that were read.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torchtext.data import BucketIterator, Dataset, Example, Field


@dataclass(frozen=True)
class Batch:
    ids: Tensor  # (T, N) int64
    lengths: Tensor  # (N,) int64
    labels: Tensor  # (N,) int64
    places: Tensor  # (N,) int64: where each text stands in the list that was handed in


class Batches(Protocol):
    """What training reads."""

    def __len__(self) -> int:
        """How many texts there are."""

    def epoch(self, seed: int | None, device: torch.device) -> Iterator[Batch]:
        """All texts once: shuffled by `seed`, or from the shortest to the longest without one."""


class BatchMaker:
    """Turns lists of token ids into batches.

    Args:
        sequences: token ids of each text, at least one each.
        labels: one class index per text.
        pad_id: fills what is behind a shorter text.
        batch_tokens: tokens of a batch.
        batch_texts: texts of a batch.
    """

    def __init__(
        self,
        sequences: Sequence[Sequence[int]],
        labels: Sequence[int],
        *,
        pad_id: int,
        batch_tokens: int,
        batch_texts: int,
    ) -> None:
        ids = Field(use_vocab=False, include_lengths=True, pad_token=pad_id)
        number = Field(sequential=False, use_vocab=False)
        # The ids are numbers already: an empty pipeline keeps torchtext from touching them.
        ids.preprocess = number.preprocess = _as_it_is
        fields = [("ids", ids), ("label", number), ("place", number)]
        examples = [
            Example.fromlist([sequence, label, place], fields)
            for place, (sequence, label) in enumerate(zip(sequences, labels, strict=True))
        ]
        self._dataset = Dataset(examples, fields)
        self._batch_tokens = batch_tokens
        self._batch_texts = batch_texts

    def __len__(self) -> int:
        return len(self._dataset)

    def epoch(self, seed: int | None, device: torch.device) -> Iterator[Batch]:
        iterator = BucketIterator(
            self._dataset,
            batch_size=self._batch_tokens,
            batch_size_fn=self._cost,
            sort_key=lambda example: len(example.ids),
            train=seed is not None,
            sort_within_batch=True,
            device=device,
        )
        if seed is not None:
            iterator.random_shuffler.random_state = random.Random(seed).getstate()
        for batch in iterator:
            ids, lengths = batch.ids
            yield Batch(ids, lengths, batch.label, batch.place)

    def _cost(self, example: Example, count: int, so_far: float) -> float:
        """torchtext's measure of a batch, full at `batch_tokens`: its tokens so far, a short text
        counting as if it had its share, so that the number of texts has a limit too, and a text
        that is longer than a batch as if it filled one (torchtext would hand out an empty batch
        before it)."""
        share = self._batch_tokens / self._batch_texts
        return so_far + min(max(len(example.ids), share), self._batch_tokens)


class ResampledBatches:
    """Texts that are split into subwords anew at each epoch.

    Args:
        texts: how many there are.
        make: the batches for a seed; the same seed gives the same ones.
    """

    def __init__(self, texts: int, make: Callable[[int], BatchMaker]) -> None:
        self._texts = texts
        self._make = make

    def __len__(self) -> int:
        return self._texts

    def epoch(self, seed: int | None, device: torch.device) -> Iterator[Batch]:
        return self._make(seed or 0).epoch(seed, device)


def _as_it_is(value: object) -> object:
    return value
