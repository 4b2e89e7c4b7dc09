"""The file of every step: each stands there once, however often the training was interrupted."""

from __future__ import annotations

import csv
from dataclasses import fields, replace

import pytest

from training.errors import TrainingError
from training.steps import Step, StepLog, read_steps

FIRST = Step(
    epoch=1,
    step=1,
    loss=0.6931471824645996,
    adversarial_loss=0.75,
    learning_rate=0.001,
    gradient_norm=1.5,
    tokens=9_876,
    texts=32,
    seconds=0.25,
)
STEPS = [replace(FIRST, step=n, loss=1 / n) for n in range(1, 6)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "tiny" / "steps.csv"


@pytest.fixture
def written(path):
    with StepLog(path, 0) as log:
        for step in STEPS:
            log.add(step)
    return path


def test_what_is_written_is_read_again(written):
    assert read_steps(written) == STEPS


def test_a_loss_that_is_left_out_is_an_empty_cell(path):
    step = replace(FIRST, adversarial_loss=None)
    with StepLog(path, 0) as log:
        log.add(step)
    (row,) = csv.DictReader(path.read_text().splitlines())
    assert row["adversarial_loss"] == ""
    assert read_steps(path) == [step]


def test_any_program_finds_the_columns_by_their_names(written):
    rows = list(csv.DictReader(written.read_text().splitlines()))
    assert list(rows[0]) == [column.name for column in fields(Step)]
    assert [row["step"] for row in rows] == ["1", "2", "3", "4", "5"]


def test_a_step_can_be_read_while_the_training_goes_on(path):
    with StepLog(path, 0) as log:
        log.add(FIRST)
        assert read_steps(path) == [FIRST]


def test_steps_behind_the_checkpoint_are_dropped(written):
    with StepLog(written, 3) as log:
        assert read_steps(written) == STEPS[:3]
        log.add(STEPS[3])
    assert read_steps(written) == STEPS[:4]


def test_a_new_training_begins_an_empty_file(written):
    with StepLog(written, 0):
        pass
    assert read_steps(written) == []


@pytest.mark.parametrize("cut", range(1, 34, 4))
def test_a_row_that_a_power_cut_broke_is_dropped(written, cut):
    written.write_bytes(written.read_bytes()[:-cut])
    assert read_steps(written) == STEPS[:4]
    with StepLog(written, 4) as log:
        log.add(STEPS[4])
    assert read_steps(written) == STEPS


def test_no_file_has_no_steps(path):
    assert read_steps(path) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("name,price\nkettle,12\n", 2, id="another table"),
        pytest.param("epoch,step\n1,2\n", 2, id="columns are missing"),
    ],
)
def test_another_table_is_refused(tmp_path, text, line):
    path = tmp_path / "prices.csv"
    path.write_text(text)
    with pytest.raises(TrainingError, match=rf"prices\.csv, line {line}: not a step"):
        read_steps(path)
