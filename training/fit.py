"""The training loop: steps, averaged weights, validation, early stop, checkpoints."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from training.batches import Batch, Batches
from training.checkpoint import Interrupted, Run, StopSignal, random_state, set_random_state
from training.config import FitConfig
from training.errors import TrainingError
from training.loop import (
    Progress,
    half_cosine,
    one_epoch,
    require_number,
    set_learning_rate,
    warm_up,
)
from training.model import SentimentNetwork
from training.precision import mixed_precision
from training.steps import Step, StepLog

log = logging.getLogger(__name__)


@dataclass
class FitProgress(Progress):
    best_accuracy: float = -1.0  # mean of the data sets' validation accuracies, 0 to 1
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)  # one entry per epoch


class Fitter:
    """Fits a network.

    Args:
        network: on `device` already.
        train: the training part.
        validation: the validation part of each data set by its name.
        config: the recipe.
        run: where checkpoints go.
        class_weights: (K,) float32, what an error on a text of each class costs; None for 1 each.
            With weights, each class counts the same in the choice of the epoch too.
        targets: (texts, K) the probabilities that each text of `train` is to get; without them
            its label is right and no other.
        stage: what the checkpoint is called.
    """

    def __init__(
        self,
        network: SentimentNetwork,
        train: Batches,
        validation: Mapping[str, Batches],
        config: FitConfig,
        run: Run,
        device: torch.device,
        class_weights: Tensor | None = None,
        *,
        targets: Tensor | None = None,
        stage: str = "fit",
    ) -> None:
        empty = [name for name, maker in validation.items() if len(maker) == 0]
        if empty or len(train) == 0:
            raise TrainingError(f"No text to {f'validate {empty[0]} on' if empty else 'train on'}.")
        self._network = network
        self._train = train
        self._validation = validation
        self._config = config
        self._run = run
        self._device = device
        self._class_weights = None if class_weights is None else class_weights.to(device)
        self._targets = None if targets is None else targets.to(device)
        self._stage = stage
        self._progress = FitProgress()
        self._optimizer = torch.optim.Adam(
            network.parameters(), lr=config.learning_rate, fused=True
        )
        self._average = {name: p.detach().clone() for name, p in network.named_parameters()}
        self._best = {name: p.clone() for name, p in self._average.items()}
        self._total_steps = config.epochs * sum(1 for _ in self._batches(epoch=0))
        self._precision = mixed_precision(device)

    @property
    def network(self) -> SentimentNetwork:
        return self._network

    def fit(self) -> FitProgress:
        """Train to the end, from the checkpoint if the run has one; the best weights are left in
        the network.

        Raises:
            Interrupted: after Ctrl-C or SIGTERM.
            TrainingError: the loss is no longer a number.
        """
        self._restore()
        with (
            StepLog(self._run.steps(self._stage), self._progress.steps) as steps,
            StopSignal() as stop,
        ):
            while self._progress.epoch < self._config.epochs and not self._out_of_patience():
                self._one_epoch(stop, steps)
                self._validate()
                self._save()
                if stop.asked:  # too late for a step to notice
                    raise Interrupted
        self._put(self._best)
        return self._progress

    def _one_epoch(self, stop: StopSignal, steps: StepLog) -> None:
        self._network.train()
        progress = self._progress
        one_epoch(
            self._batches(progress.epoch),
            progress,
            stop,
            title=f"epoch {progress.epoch + 1}/{self._config.epochs}",
            texts=len(self._train),
            step=self._one_step,
            steps=steps,
            save=self._save,
        )

    def _one_step(self, batch: Batch) -> Step:
        begun = time.monotonic()
        steps = self._progress.steps
        rate = half_cosine(self._config.learning_rate, steps, self._total_steps)
        rate *= warm_up(steps, self._total_steps)
        set_learning_rate(self._optimizer, rate)
        self._optimizer.zero_grad(set_to_none=True)
        with self._precision:
            embedded = self._network.embedding(batch.ids)  # (T, N) -> (T, N, E)
            embedded.retain_grad()
            loss = self._loss(embedded, batch)
        advice = "Take a smaller --learning-rate or --clip-norm."
        value = require_number(loss.item(), steps, advice)
        loss.backward()
        hard = None
        if self._config.adversarial_norm > 0:
            push = self._adversarial_push(embedded.grad)
            with self._precision:
                hard = self._loss(self._network.embedding(batch.ids) + push, batch)
            hard.backward()
        norm = nn.utils.clip_grad_norm_(self._network.parameters(), self._config.clip_norm)
        self._optimizer.step()
        self._follow()
        return Step(
            epoch=self._progress.epoch + 1,
            step=steps + 1,
            loss=value,
            adversarial_loss=None if hard is None else hard.item(),
            learning_rate=rate,
            gradient_norm=norm.item(),
            tokens=int(batch.lengths.sum()),
            texts=len(batch.labels),
            seconds=time.monotonic() - begun,
        )

    def _loss(self, embedded: Tensor, batch: Batch) -> Tensor:
        logits = self._network.reader(embedded, batch.lengths)  # (T, N, E) -> (N, K)
        # With targets: a probability for each class (N, K) instead of one right class (N,).
        right = batch.labels if self._targets is None else self._targets[batch.places]
        return nn.functional.cross_entropy(logits, right, self._class_weights)

    def _adversarial_push(self, gradient: Tensor | None) -> Tensor:
        """The small change of word vectors that raises the loss most: (T, N, E) -> (T, N, E).

        Its norm over a text is `adversarial_norm` in standard deviations of a vector's entries,
        so that the same value means the same whatever scale the vectors have (the paper
        normalises them instead).
        """
        assert gradient is not None  # retain_grad was called
        norm = gradient.pow(2).sum((0, 2), keepdim=True).sqrt()  # (1, N, 1)
        scale = self._config.adversarial_norm * self._network.embedding.weight.detach().std()
        return scale * gradient / norm.clamp_min(1e-12)

    def _follow(self) -> None:
        """The running average (Polyak and Juditsky 1992) with a decay that starts low, so that the
        random weights of the start are forgotten at once."""
        steps = self._progress.steps
        decay = min(self._config.averaging, (1 + steps) / (10 + steps))
        with torch.no_grad():
            for name, weight in self._network.named_parameters():
                self._average[name].lerp_(weight, 1 - decay)

    def _validate(self) -> None:
        progress = self._progress
        live = {name: p.detach().clone() for name, p in self._network.named_parameters()}
        self._put(self._average)
        accuracies = {
            name: self._accuracy(logits.argmax(1), labels)
            for name, (logits, labels) in self.validation_logits().items()
        }
        mean = float(np.mean(list(accuracies.values())))
        progress.epoch += 1
        loss = progress.mean_loss
        progress.history.append({"epoch": progress.epoch, "loss": loss, **accuracies})
        if mean > progress.best_accuracy:
            progress.best_accuracy, progress.best_epoch = mean, progress.epoch
            self._best = {name: p.clone() for name, p in self._average.items()}
        self._put(live)
        progress.step, progress.loss = 0, 0.0
        log.info(
            "epoch %d of %d: loss %.4f, validation accuracy %s (mean %.2f %%, best %.2f %%)",
            progress.epoch,
            self._config.epochs,
            loss,
            ", ".join(f"{name} {100 * value:.2f} %" for name, value in accuracies.items()),
            100 * mean,
            100 * progress.best_accuracy,
        )

    def _accuracy(self, answers: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]) -> float:
        """Share of right answers, 0 to 1; with class weights the mean of the classes' shares
        (balanced accuracy), which an answer that is always the commonest class cannot raise."""
        right = answers == labels
        if self._class_weights is None:
            return float(right.mean())
        return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))

    def validation_logits(
        self,
    ) -> dict[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]]:
        """By data set: logits (N, K) and labels (N,)."""
        self._network.eval()
        found = {}
        with torch.inference_mode():
            for name, maker in self._validation.items():
                batches = list(maker.epoch(None, self._device))
                logits = [self._network(b.ids, b.lengths).cpu().numpy() for b in batches]
                labels = [b.labels.cpu().numpy() for b in batches]
                found[name] = (np.concatenate(logits), np.concatenate(labels))
        return found

    def _out_of_patience(self) -> bool:
        return self._progress.epoch - self._progress.best_epoch >= self._config.patience

    def _batches(self, epoch: int) -> Iterator[Batch]:
        return self._train.epoch(self._config.seed * 1_000_003 + epoch, self._device)

    def _put(self, weights: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, weight in self._network.named_parameters():
                weight.copy_(weights[name])

    def _save(self) -> None:
        state: dict[str, Any] = {
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "average": self._average,
            "best": self._best,
            "progress": asdict(self._progress),
            "random": random_state(self._device),
        }
        self._run.save(self._stage, state)

    def _restore(self) -> None:
        state = self._run.load(self._stage, self._device)
        if state is None:
            return
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._average, self._best = state["average"], state["best"]
        self._progress = FitProgress(**state["progress"])
        set_random_state(state["random"], self._device)
        log.info("resumed after epoch %d, step %d", self._progress.epoch, self._progress.step)
