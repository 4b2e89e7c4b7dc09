"""The folder of a run: what may be begun, what may be resumed, and what is refused."""

from __future__ import annotations

import errno
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from training import checkpoint, loop
from training.batches import Batch
from training.checkpoint import Interrupted, Run, StopSignal
from training.config import FitConfig, NetworkConfig, PretrainConfig, TeachConfig, TextConfig
from training.errors import TrainingError
from training.stages import Recipe
from training.steps import Step, StepLog

CPU = torch.device("cpu")


def recipe(**fit: float) -> dict[str, object]:
    configs = NetworkConfig(), TextConfig(), PretrainConfig(), TeachConfig(), FitConfig(**fit)
    return asdict(Recipe(("sst2",), "tiny", "1", *configs))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "runs" / "tiny")


@pytest.fixture
def unfinished(run: Run) -> Run:
    run.begin(recipe(), resume=False, restart=False)
    run.save("fit", {"weights": torch.ones(3)})
    return run


def test_a_checkpoint_comes_back_as_it_was(unfinished):
    unfinished.save("fit", {"weights": torch.arange(3.0), "progress": {"epoch": 2, "loss": 0.1}})
    state = unfinished.load("fit", CPU)
    assert state["weights"].tolist() == [0.0, 1.0, 2.0]
    assert state["progress"] == {"epoch": 2, "loss": 0.1}


def test_there_is_none_before_the_first(run):
    run.begin(recipe(), resume=False, restart=False)
    assert run.load("fit", CPU) is None


def test_a_run_adds_its_time_up_and_tells_it_with_its_threads(run, tmp_path, monkeypatch):
    run.begin(recipe(), resume=False, restart=False)
    times = iter([100.0, 160.0, 1_000.0, 1_030.0])
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: next(times))
    with run.timed():
        pass
    with pytest.raises(Interrupted), run.timed():  # however it ends
        raise Interrupted
    run.tell_time(tmp_path / "models" / "tiny")
    told = json.loads((tmp_path / "models" / "tiny" / "time.json").read_bytes())
    assert told == {"seconds": 90, "threads": torch.get_num_threads()}


def test_other_code_that_goes_on_is_told(run, caplog):
    run.begin(recipe(), resume=False, restart=False)
    for commit in ("one", "one"):
        run.told_commit(commit)
    assert caplog.text == ""
    run.told_commit("two")
    assert "began at commit one and goes on at two" in caplog.text


@pytest.mark.parametrize(("seconds", "saved"), [(-1, 4), (3_600, 0)])
def test_a_checkpoint_is_left_every_few_minutes(monkeypatch, tmp_path, seconds, saved):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", seconds)
    text = torch.zeros(1, dtype=torch.int64)
    batches = [Batch(text.unsqueeze(0), text + 1, text, text)] * 4
    saves = []
    step = Step(1, 1, 1.0, None, 0.1, 1.0, 1, 1, 0.0)
    with StepLog(tmp_path / "steps.csv", 0) as steps:
        loop.one_epoch(
            batches, loop.Progress(), StopSignal(), title="epoch", texts=4,
            step=lambda batch: step, steps=steps, save=lambda: saves.append("saved"),
        )  # fmt: skip
    assert len(saves) == saved


def test_tokenizer_and_vectors_are_kept(run, tokenizer):
    run.begin(recipe(), resume=False, restart=False)
    assert run.tokenizer() is None
    assert run.vectors() is None
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    run.keep_tokenizer(tokenizer)
    run.keep_vectors(vectors)
    assert run.tokenizer().model == tokenizer.model
    np.testing.assert_array_equal(run.vectors(), vectors)
    assert run.vectors().dtype == np.float32


def test_the_same_recipe_may_be_resumed(unfinished):
    unfinished.begin(recipe(), resume=True, restart=False)
    assert unfinished.load("fit", CPU) is not None


def test_what_was_stopped_before_its_first_checkpoint_may_be_resumed(run, tokenizer):
    run.begin(recipe(), resume=False, restart=False)
    run.keep_tokenizer(tokenizer)
    run.begin(recipe(), resume=True, restart=False)
    assert run.tokenizer() is not None


def test_nothing_cannot_be_resumed(run):
    with pytest.raises(TrainingError, match=r"tiny holds no run to resume.*without --resume"):
        run.begin(recipe(), resume=True, restart=False)


def test_another_recipe_is_refused_and_the_difference_named(unfinished):
    other = recipe(epochs=9) | {"datasets": ("imdb",)}
    with pytest.raises(TrainingError) as refusal:
        unfinished.begin(other, resume=True, restart=False)
    message = str(refusal.value)
    epochs = FitConfig().epochs
    assert f"datasets (was ['sst2'], now ['imdb']); epochs (was {epochs}, now 9)" in message
    assert "patience" not in message  # it is the same
    assert "--restart" in message
    assert unfinished.load("fit", CPU) is not None


def test_a_knob_that_an_older_release_did_not_have_is_a_difference(unfinished):
    newer = recipe()
    newer["fit"] = {**newer["fit"], "momentum": 0.5}
    with pytest.raises(TrainingError, match=r"momentum \(was None, now 0.5\)"):
        unfinished.begin(newer, resume=True, restart=False)


def test_an_unfinished_run_is_not_lost_by_accident(unfinished):
    with pytest.raises(TrainingError, match=r"unfinished run.*--resume.*--restart"):
        unfinished.begin(recipe(), resume=False, restart=False)
    assert unfinished.load("fit", CPU) is not None


def test_restart_throws_it_away(unfinished, tokenizer):
    unfinished.keep_tokenizer(tokenizer)
    unfinished.keep_vectors(np.zeros((2, 2), np.float32))
    unfinished.begin(recipe(epochs=9), resume=False, restart=True)
    assert unfinished.load("fit", CPU) is None
    assert unfinished.tokenizer() is None
    assert unfinished.vectors() is None
    unfinished.begin(recipe(epochs=9), resume=True, restart=False)


def test_a_finished_run_may_be_begun_again(unfinished):
    unfinished.finish()
    unfinished.finish()  # twice does no harm
    assert unfinished.load("fit", CPU) is None
    unfinished.begin(recipe(epochs=9), resume=False, restart=False)
    unfinished.begin(recipe(epochs=9), resume=True, restart=False)


def test_a_finished_run_is_not_done_again_by_resuming_it(unfinished):
    unfinished.finish()
    with pytest.raises(TrainingError, match=r"tiny is finished.*without --resume"):
        unfinished.begin(recipe(), resume=True, restart=False)


def test_two_trainings_do_not_share_a_folder(run):
    with (
        run.alone(),
        pytest.raises(TrainingError, match=r"tiny is in use.*another --name"),
        run.alone(),
    ):
        pass
    with run.alone():  # afterwards it is free
        pass


def test_a_full_disk_is_told_by_what_could_not_be_written(unfinished, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_atomically", full)
    with pytest.raises(Interrupted), unfinished.timed():
        raise Interrupted


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda whole: b"", id="empty"),
        pytest.param(lambda whole: whole[: len(whole) // 2], id="cut short"),
        pytest.param(lambda whole: b"no checkpoint at all", id="something else"),
    ],
)
def test_a_damaged_checkpoint_is_refused(unfinished, damage):
    path = unfinished.folder / "fit.pt"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(TrainingError, match=r"fit\.pt is damaged.*--restart"):
        unfinished.load("fit", CPU)


def test_a_checkpoint_cannot_run_code(unfinished):
    class Evil:
        def __reduce__(self):
            return print, ("ran",)

    unfinished.save("fit", {"evil": Evil()})
    with pytest.raises(TrainingError, match="damaged"):
        unfinished.load("fit", CPU)
