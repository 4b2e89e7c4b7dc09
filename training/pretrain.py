"""A language model first: the recurrent layer learns to foresee the next word before it judges.

Semi-supervised sequence learning (Dai and Le 2015, https://arxiv.org/abs/1511.01432), in both
directions (Peters et al. 2018, https://arxiv.org/abs/1802.05365): the layer that reads forwards
foretells the word that follows, the one that reads backwards the word before. No label is needed,
so all texts serve. What is learnt, word vectors and recurrent weights, is where `fit` begins.

The axes are those of `training/model.py`; further

    P  positions of a batch that have a neighbour to foretell      C  candidates drawn for a step
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from training.batches import Batch, Batches
from training.checkpoint import Interrupted, Run, StopSignal, random_state, set_random_state
from training.config import PretrainConfig
from training.loop import (
    Progress,
    half_cosine,
    one_epoch,
    require_number,
    set_learning_rate,
    warm_up,
)
from training.model import RecurrentLayer, SentimentNetwork, spare_texts
from training.precision import mixed_precision
from training.steps import Step, StepLog

log = logging.getLogger(__name__)


class LanguageModel(nn.Module):
    """The first recurrent layer of a network, with a head for each direction.

    Args:
        network: its word vectors are both what is read and what is foretold (tied: Press and Wolf
            2017, https://arxiv.org/abs/1608.05859).
        frequencies: (V,) how often each token stands in the texts.
        candidates: C, at most; as many as there are tokens in the texts, where these are fewer.
        dropout: share of word-vector entries dropped.
    """

    def __init__(
        self,
        network: SentimentNetwork,
        frequencies: Tensor,
        *,
        candidates: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = network.embedding
        self.dropout = nn.Dropout(dropout)
        self.layer = network.reader.layers[0]
        assert isinstance(self.layer, RecurrentLayer)
        hidden, width = self.layer.hidden_size, network.embedding.embedding_dim
        directions = 2 if self.layer.two_way else 1
        self.heads = nn.ModuleList(nn.Linear(hidden, width) for _ in range(directions))
        # It begins by knowing how frequent each word is. Were it to learn that, the word vectors
        # would learn it too, which are what the classifier begins with.
        self.bias = nn.Parameter(((frequencies + 1) / (frequencies + 1).sum()).log())
        self._candidates = min(candidates, int((frequencies > 0).sum()))
        # Frequent words are drawn more often than rare ones, but less than they are written
        # (Mikolov et al. 2013, https://arxiv.org/abs/1310.4546).
        share = frequencies.float().pow(0.75)
        self._share: Tensor
        self.register_buffer("_share", share / share.sum())
        self._log_drawn: Tensor
        drawn = how_likely_drawn(self._share, self._candidates)
        self.register_buffer("_log_drawn", drawn.clamp_min(1e-12).log())

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """(T, N) int64 and (N,) int64 -> the mean loss over positions and directions, ()."""
        spare = spare_texts(lengths.size(0))  # of one token: they have no neighbour to foretell
        ids = nn.functional.pad(ids, [0, spare], value=self.embedding.padding_idx)
        lengths = nn.functional.pad(lengths, [0, spare], value=1)
        vectors = self.embedding(ids)  # (T, N) -> (T, N, E)
        states, _ = self.layer(self.dropout(vectors), lengths)  # -> (T, N, D*H)
        inner = torch.arange(1, ids.size(0), device=ids.device).unsqueeze(1) < lengths  # (T-1, N)
        sides = states.chunk(len(self.heads), dim=2)  # D × (T, N, H)
        drawn = torch.multinomial(self._share, self._candidates, replacement=False)  # (C,)
        # What is foretold is read as well, and the drawn words are the same in both directions:
        # each look-up costs a gradient for the whole vocabulary.
        others = self.embedding(drawn)  # (C, E)
        ahead = self.heads[0](sides[0][:-1][inner])  # -> (P, E)
        losses = [self._loss(ahead, ids[1:][inner], vectors[1:][inner], drawn, others)]
        if len(self.heads) == 2:
            back = self.heads[1](sides[1][1:][inner])  # -> (P, E)
            losses.append(self._loss(back, ids[:-1][inner], vectors[:-1][inner], drawn, others))
        return torch.stack(losses).mean()

    def _loss(
        self, foretold: Tensor, right: Tensor, own: Tensor, drawn: Tensor, others: Tensor
    ) -> Tensor:
        """Sampled softmax (Jean et al. 2015, https://arxiv.org/abs/1412.2007): the right word
        against the drawn ones, each less how likely it was to be drawn.

        Args:
            foretold: (P, E).
            right: (P,) int64, and their vectors:
            own: (P, E).
            drawn: (C,) int64, and their vectors:
            others: (C, E).
        """
        offset = self.bias - self._log_drawn  # (V,)
        score = (foretold * own).sum(1).float() + offset[right]  # (P,)
        scores = (foretold @ others.t()).float() + offset[drawn]  # (P, E) (E, C) -> (P, C)
        # Where the right word was drawn as well, it must not count against itself.
        place = torch.full_like(self.bias, -1, dtype=torch.int64)  # (V,)
        place[drawn] = torch.arange(len(drawn), device=drawn.device)
        (hit,) = (place[right] >= 0).nonzero(as_tuple=True)
        scores[hit, place[right[hit]]] = float("-inf")
        losses: Tensor = torch.logaddexp(score, scores.logsumexp(1)) - score  # (P,)
        return losses.mean()


def how_likely_drawn(share: Tensor, count: int) -> Tensor:
    """How likely each is to be among `count` that are drawn one after the other, none twice.

    That is about 1 - exp(-t * share), where t makes them add up to `count` (Rosén 1972, Annals of
    Mathematical Statistics 43).

    Args:
        share: (V,), how likely each is to be drawn first.
        count: at most as many as can be drawn.

    Returns:
        (V,), 0 to 1.
    """
    if count >= int((share > 0).sum()):
        return (share > 0).float()

    def at(t: float) -> Tensor:
        return -torch.expm1(-t * share.double())

    low, high = 0.0, 1.0
    while at(high).sum() < count:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle).sum() < count else (low, middle)
    return at(high).float()


class Pretrainer:
    """Runs the language model over the texts.

    Args:
        network: on `device` already; its first recurrent layer and its word vectors are changed.
        texts: all texts, labelled or not.
        frequencies: (V,) how often each token stands in them.
        config: the recipe.
        seed: of the order, the dropout and the candidates.
        stage: what the checkpoint is called.
        run: where checkpoints go.
    """

    def __init__(
        self,
        network: SentimentNetwork,
        texts: Batches,
        frequencies: Tensor,
        config: PretrainConfig,
        *,
        seed: int,
        run: Run,
        device: torch.device,
        stage: str = "language-model",
    ) -> None:
        self._model = LanguageModel(
            network, frequencies, candidates=config.lm_candidates, dropout=config.lm_dropout
        ).to(device)
        self._texts = texts
        self._config = config
        self._seed = seed
        self._run = run
        self._device = device
        self._stage = stage
        self._progress = Progress()
        # Fused: one pass over the weights and their moments, where a step has few tokens for them.
        self._optimizer = torch.optim.Adam(
            self._model.parameters(), lr=config.lm_learning_rate, fused=True
        )
        self._precision = mixed_precision(device)

    @cached_property
    def _total_steps(self) -> int:
        """Counted only where there is a step to take: a language model that is done is put into
        every teacher and the student."""
        return self._config.lm_epochs * sum(1 for _ in self._batches(epoch=0))

    def pretrain(self) -> None:
        """Train to the end, from the checkpoint if the run has one.

        Raises:
            Interrupted: after Ctrl-C or SIGTERM.
            TrainingError: the loss is no longer a number.
        """
        self._restore()
        self._model.train()
        with (
            StepLog(self._run.steps(self._stage), self._progress.steps) as steps,
            StopSignal() as stop,
        ):
            while self._progress.epoch < self._config.lm_epochs:
                self._one_epoch(stop, steps)
                self._save()
                if stop.asked:  # too late for a step to notice
                    raise Interrupted

    def _one_epoch(self, stop: StopSignal, steps: StepLog) -> None:
        progress, epochs = self._progress, self._config.lm_epochs
        one_epoch(
            self._batches(progress.epoch),
            progress,
            stop,
            title=f"language model {progress.epoch + 1}/{epochs}",
            texts=len(self._texts),
            step=self._one_step,
            steps=steps,
            save=self._save,
        )
        progress.epoch += 1
        loss = progress.mean_loss
        log.info("language model, epoch %d of %d: loss %.4f", progress.epoch, epochs, loss)
        progress.step, progress.loss = 0, 0.0

    def _one_step(self, batch: Batch) -> Step:
        begun = time.monotonic()
        steps = self._progress.steps
        rate = half_cosine(self._config.lm_learning_rate, steps, self._total_steps)
        rate *= warm_up(steps, self._total_steps)
        set_learning_rate(self._optimizer, rate)
        self._optimizer.zero_grad(set_to_none=True)
        with self._precision:
            loss = self._model(batch.ids, batch.lengths)
        value = require_number(loss.item(), steps, "Take a smaller --lm-learning-rate.")
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._optimizer.step()
        return Step(
            epoch=self._progress.epoch + 1,
            step=steps + 1,
            loss=value,
            adversarial_loss=None,
            learning_rate=rate,
            gradient_norm=norm.item(),
            tokens=int(batch.lengths.sum()),
            texts=len(batch.lengths),
            seconds=time.monotonic() - begun,
        )

    def _batches(self, epoch: int) -> Iterator[Batch]:
        return self._texts.epoch(self._seed * 1_000_003 + epoch, self._device)

    def _save(self) -> None:
        state: dict[str, Any] = {
            "model": self._model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "progress": asdict(self._progress),
            "random": random_state(self._device),
        }
        self._run.save(self._stage, state)

    def _restore(self) -> None:
        state = self._run.load(self._stage, self._device)
        if state is None:
            return
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._progress = Progress(**state["progress"])
        set_random_state(state["random"], self._device)
        log.info(
            "language model: resumed after epoch %d, step %d",
            self._progress.epoch,
            self._progress.step,
        )
