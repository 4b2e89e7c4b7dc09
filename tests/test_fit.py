"""The training loop: it learns, repeats itself, stops when asked and goes on as if it had not."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from training.batches import Batch, BatchMaker
from training.checkpoint import Interrupted, Run
from training.config import FitConfig, NetworkConfig
from training.errors import TrainingError
from training.fit import FitProgress, Fitter
from training.model import SentimentNetwork
from training.steps import read_steps

CPU = torch.device("cpu")
BAD, GOOD = 2, 3  # two of 20 token ids; the others say nothing


def texts_of(count: int, seed: int) -> tuple[list[list[int]], list[int]]:
    """Token ids and labels: a text is positive exactly if `GOOD` stands in it, else `BAD` does."""
    chance = random.Random(seed)
    texts, labels = [], []
    for _ in range(count):
        label = chance.randrange(2)
        text = [chance.randrange(4, 20) for _ in range(chance.randrange(2, 9))]
        text[chance.randrange(len(text))] = (BAD, GOOD)[label]
        texts.append(text)
        labels.append(label)
    return texts, labels


class Interrupting(BatchMaker):
    """Sends signals to this process while the batch `at` is handed out, counted from `arm()` on."""

    sent: tuple[signal.Signals, ...] = ()
    at = 0

    def arm(self, at: int, *sent: signal.Signals) -> None:
        self.at, self.sent = at, sent

    def epoch(self, seed: int | None, device: torch.device) -> Iterator[Batch]:
        for batch in super().epoch(seed, device):
            if self.sent and self.at == 0:
                for number in self.sent:
                    signal.raise_signal(number)
            self.at -= 1
            yield batch


class Training:
    """One training on the toy problem, in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        *,
        inverted: bool = False,
        device: torch.device = CPU,
        validation: int = 64,
        dropout: float = 0.5,
        **knobs: float,
    ) -> None:
        config = FitConfig(
            **{"epochs": 3, "learning_rate": 0.05, "batch_texts": 16, "batch_tokens": 200} | knobs
        )
        torch.manual_seed(config.seed)
        self.network = SentimentNetwork(
            NetworkConfig(embedding_size=8, hidden_size=8, dropout=dropout),
            vocabulary_size=20,
            classes=2,
            pad_id=0,
        ).to(device)
        limits = {"pad_id": 0, "batch_texts": 16, "batch_tokens": 200}
        self.train = Interrupting(*texts_of(200, seed=1), **limits)
        held_out, labels = texts_of(validation, seed=2)
        if inverted:
            labels = [1 - label for label in labels]
        self.fitter = Fitter(
            self.network,
            self.train,
            {"toy": BatchMaker(held_out, labels, **limits)},
            config,
            Run(folder),
            device,
        )
        torch.manual_seed(config.seed)  # of dropout

    def fit(self) -> FitProgress:
        return self.fitter.fit()

    def weights(self) -> dict[str, Tensor]:
        return dict(self.network.state_dict())

    def accuracy(self) -> float:
        logits, labels = self.fitter.validation_logits()["toy"]
        return float((logits.argmax(1) == labels).mean())


def assert_same_weights(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums in one order; and on so small a network a second thread costs time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    "knobs",
    [
        pytest.param({}, id="as it comes"),
        pytest.param({"adversarial_norm": 0.0}, id="no adversarial loss"),
        pytest.param({"averaging": 0.0}, id="no averaged weights"),
        pytest.param({"adversarial_norm": 0.0, "averaging": 0.0}, id="neither"),
    ],
)
def test_it_learns_what_can_be_learnt(tmp_path, knobs):
    training = Training(tmp_path, epochs=4, dropout=0.0, **knobs)
    progress = training.fit()
    losses = [epoch["loss"] for epoch in progress.history]
    assert losses[-1] < 0.5 * losses[0]
    assert progress.best_accuracy > 0.95
    assert training.accuracy() == progress.best_accuracy


def test_it_says_how_each_epoch_went(tmp_path):
    progress = Training(tmp_path).fit()
    assert [entry["epoch"] for entry in progress.history] == [1, 2, 3]
    assert all(entry.keys() == {"epoch", "loss", "toy"} for entry in progress.history)
    assert progress.best_accuracy == max(entry["toy"] for entry in progress.history)
    assert (progress.epoch, progress.step) == (3, 0)


def test_the_same_seed_gives_the_same_weights(tmp_path):
    one, other = Training(tmp_path / "1"), Training(tmp_path / "2")
    torch.manual_seed(1)
    first = one.fit()
    torch.manual_seed(1)
    assert other.fit() == first
    assert_same_weights(one.weights(), other.weights())


def test_another_seed_gives_other_weights(tmp_path):
    one, other = Training(tmp_path / "1", seed=1), Training(tmp_path / "2", seed=2)
    one.fit()
    other.fit()
    assert not torch.equal(one.network.embedding.weight, other.network.embedding.weight)


# --- stop and go on -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> tuple[FitProgress, dict[str, Tensor], int]:
    """What a training gives that nobody stops, and how many steps an epoch of it has."""
    torch.set_num_threads(1)
    training = Training(tmp_path_factory.mktemp("uninterrupted"))
    progress = training.fit()
    return progress, training.weights(), progress.steps // 3


@pytest.mark.parametrize(
    ("step", "number"),
    [
        pytest.param(0, signal.SIGINT, id="at the first step"),
        pytest.param(5, signal.SIGINT, id="in the first epoch"),
        pytest.param(20, signal.SIGINT, id="in the second epoch"),
        pytest.param(20, signal.SIGTERM, id="by SIGTERM"),
        pytest.param(-1, signal.SIGINT, id="at the last step of an epoch"),
        pytest.param(-2, signal.SIGINT, id="at the last step of all"),
    ],
)
def test_after_an_interruption_it_goes_on_to_the_same_result(tmp_path, uninterrupted, step, number):
    expected, weights, steps_per_epoch = uninterrupted
    step = {-1: steps_per_epoch - 1, -2: expected.steps - 1}.get(step, step)
    stopped = Training(tmp_path)
    stopped.train.arm(step, number)
    with pytest.raises(Interrupted):
        stopped.fit()
    saved = Run(tmp_path).load("fit", CPU)
    assert saved is not None
    assert saved["progress"]["steps"] == step + 1  # the step under way was finished

    resumed = Training(tmp_path)
    torch.manual_seed(999)  # whatever was drawn until now: the checkpoint knows better
    assert resumed.fit() == expected
    assert_same_weights(resumed.weights(), weights)


def test_every_step_is_logged_once_however_often_it_is_interrupted(tmp_path):
    for further_batches in (3, 6, 9):
        training = Training(tmp_path / "stopped")
        training.train.arm(further_batches, signal.SIGINT)
        with pytest.raises(Interrupted):
            training.fit()
    progress = Training(tmp_path / "stopped").fit()
    Training(tmp_path / "straight").fit()
    runs = (Run(tmp_path / name) for name in ("stopped", "straight"))
    stopped, straight = (read_steps(run.steps("fit")) for run in runs)
    assert [step.step for step in stopped] == list(range(1, progress.steps + 1))
    assert [replace(s, seconds=0) for s in stopped] == [replace(s, seconds=0) for s in straight]


def test_steps_that_a_crash_lost_are_logged_anew(tmp_path):
    stopped = Training(tmp_path)
    stopped.train.arm(5, signal.SIGINT)
    with pytest.raises(Interrupted):
        stopped.fit()
    checkpoint = tmp_path / "fit.pt"
    kept = checkpoint.read_bytes()
    further = Training(tmp_path)
    further.train.arm(9, signal.SIGINT)
    with pytest.raises(Interrupted):
        further.fit()
    checkpoint.write_bytes(kept)  # as if the power had gone before the second one
    progress = Training(tmp_path).fit()
    steps = [step.step for step in read_steps(Run(tmp_path).steps("fit"))]
    assert steps == list(range(1, progress.steps + 1))


def test_what_is_logged_of_a_step_is_what_was_done(tmp_path):
    progress = Training(tmp_path).fit()
    steps = read_steps(Run(tmp_path).steps("fit"))
    by_epoch = [[step for step in steps if step.epoch == epoch] for epoch in (1, 2, 3)]
    for epoch, entry in zip(by_epoch, progress.history, strict=True):
        assert sum(step.texts for step in epoch) == 200
        assert sum(step.tokens for step in epoch) == sum(map(len, texts_of(200, seed=1)[0]))
        assert np.mean([step.loss for step in epoch]) == pytest.approx(entry["loss"])
    rates = [step.learning_rate for step in steps]
    warm = 1 + len(steps) // 10
    assert rates[0] == pytest.approx(0.05 / warm)
    assert rates[:warm] == sorted(rates[:warm])
    assert rates[warm - 1 :] == sorted(rates[warm - 1 :], reverse=True)
    assert max(rates) > 0.04
    assert all(step.gradient_norm > 0 and step.seconds > 0 for step in steps)
    assert np.mean([s.adversarial_loss for s in steps]) > np.mean([s.loss for s in steps])


def test_no_adversarial_loss_is_logged_where_there_is_none(tmp_path):
    Training(tmp_path, adversarial_norm=0.0, epochs=1).fit()
    assert {step.adversarial_loss for step in read_steps(Run(tmp_path).steps("fit"))} == {None}


def test_it_may_be_interrupted_more_than_once(tmp_path, uninterrupted):
    expected, weights, _ = uninterrupted
    for further_batches in (3, 6, 9):  # of those that are read again after resuming too
        training = Training(tmp_path)
        training.train.arm(further_batches, signal.SIGINT)
        with pytest.raises(Interrupted):
            training.fit()
    resumed = Training(tmp_path)
    assert resumed.fit() == expected
    assert_same_weights(resumed.weights(), weights)


def test_a_finished_training_has_nothing_left_to_do(tmp_path, uninterrupted):
    expected, weights, _ = uninterrupted
    Training(tmp_path).fit()
    again = Training(tmp_path)
    assert again.fit() == expected
    assert_same_weights(again.weights(), weights)


def test_a_second_ctrl_c_stops_at_once(tmp_path):
    training = Training(tmp_path)
    training.train.arm(5, signal.SIGINT, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        training.fit()
    assert Run(tmp_path).load("fit", CPU) is None


def test_signals_are_as_before_afterwards(tmp_path):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    training = Training(tmp_path)
    training.train.arm(0, signal.SIGINT)
    with pytest.raises(Interrupted):
        training.fit()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


# --- the best epoch -------------------------------------------------------------------------


def test_it_stops_early_when_nothing_gets_better(tmp_path):
    training = Training(tmp_path, epochs=9, patience=2, learning_rate=1e-12)
    progress = training.fit()
    assert (progress.epoch, progress.best_epoch) == (3, 1)


def test_the_weights_of_the_best_epoch_are_kept(tmp_path):
    # The validation labels are turned round: the more it learns, the worse it gets.
    training = Training(tmp_path, inverted=True, epochs=6, patience=6)
    progress = training.fit()
    accuracies = [epoch["toy"] for epoch in progress.history]
    assert progress.best_epoch < 6
    assert accuracies[-1] < progress.best_accuracy == accuracies[progress.best_epoch - 1]
    assert training.accuracy() == progress.best_accuracy


def test_validation_does_not_change_the_training(tmp_path):
    few, many = (Training(tmp_path / str(n), validation=n, epochs=1) for n in (16, 128))
    for training in (few, many):
        torch.manual_seed(1)  # making the second one drew as well
        training.fit()
    assert_same_weights(few.weights(), many.weights())


def test_validation_logits_belong_to_their_labels(tmp_path):
    training = Training(tmp_path)
    logits, labels = training.fitter.validation_logits()["toy"]
    assert (logits.shape, logits.dtype, labels.shape) == ((64, 2), np.float32, (64,))
    texts, right = texts_of(64, seed=2)
    alone = {
        tuple(
            training.network(torch.tensor(text).unsqueeze(1), torch.tensor([len(text)]))[0]
            .detach()
            .numpy()
            .round(4)
        ): label
        for text, label in zip(texts, right, strict=True)
    }
    found = {tuple(row.round(4)): int(label) for row, label in zip(logits, labels, strict=True)}
    assert found == alone


def test_a_loss_that_is_no_number_says_what_to_do(tmp_path):
    training = Training(tmp_path, learning_rate=1e37)
    with pytest.raises(TrainingError, match=r"The loss became (nan|inf).*--learning-rate"):
        training.fit()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_it_learns_on_a_gpu_and_goes_on_there(tmp_path):
    gpu = torch.device("cuda")
    stopped = Training(tmp_path, device=gpu, epochs=4, dropout=0.0)
    stopped.train.arm(20, signal.SIGINT)
    with pytest.raises(Interrupted):
        stopped.fit()
    resumed = Training(tmp_path, device=gpu, epochs=4, dropout=0.0)
    assert resumed.fit().best_accuracy > 0.95
    assert {weight.device.type for weight in resumed.weights().values()} == {"cuda"}


# --- class weights --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("class_weights", "probability", "accuracy"),
    [
        pytest.param(None, 0.1, 0.9, id="each text weighs the same"),
        pytest.param(torch.tensor([5 / 9, 5.0]), 0.5, 0.5, id="each class weighs the same"),
    ],
)
def test_a_rare_class_counts_for_what_it_weighs(tmp_path, class_weights, probability, accuracy):
    """One text in ten is of class 1, and nothing in the texts tells which."""
    config = FitConfig(epochs=3, learning_rate=0.1, averaging=0, adversarial_norm=0)
    torch.manual_seed(1)
    network = SentimentNetwork(
        NetworkConfig(embedding_size=8, hidden_size=8, dropout=0, embedding_dropout=0),
        vocabulary_size=20,
        classes=2,
        pad_id=0,
    )
    limits = {"pad_id": 0, "batch_texts": 100, "batch_tokens": 300}
    texts = BatchMaker([[4, 5, 6]] * 1000, [int(n % 10 == 0) for n in range(1000)], **limits)
    fitter = Fitter(network, texts, {"toy": texts}, config, Run(tmp_path), CPU, class_weights)
    progress = fitter.fit()
    logits, _ = fitter.validation_logits()["toy"]
    found = torch.softmax(torch.from_numpy(logits[0]), dim=0)[1]
    assert float(found) == pytest.approx(probability, abs=0.1)
    if class_weights is None:  # balanced accuracy is a half whatever the constant answer is
        assert logits[0].argmax() == 0
    assert progress.best_accuracy == pytest.approx(accuracy)
