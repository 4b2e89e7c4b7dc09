"""All stages on made-up Korean reviews: language model, teachers, student; stopped in each."""

from __future__ import annotations

import gzip
import logging
import random
import re
import signal
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from made_mirror import add_sums
from test_train_to_serve import Workplace

from service.bundle import load_bundle
from training.checkpoint import Run
from training.lessons import lessons
from training.stages import again, cropped, in_pieces
from training.vectors import narrowed

GOOD = ["재밌다", "감동이다", "최고다", "훌륭하다", "추천한다", "즐겁다"]
BAD = ["지루하다", "별로다", "최악이다", "엉망이다", "비추한다", "졸리다"]
THINGS = ["영화", "연기", "음악", "이야기", "결말", "배우", "화면", "대사"]
KNOBS = {
    "dataset": "nsmc",
    "vocabulary_size": 80,
    "epochs": 2,
    "lm_epochs": 2,
    "lm_candidates": 20,
    "student": 1,
    "teachers": 2,
    "teacher_epochs": 2,
    "teacher_embedding_size": 20,
    "teacher_hidden_size": 12,
    "teacher_lm_epochs": 1,
    "lessons": 60,
    "written": 30,
    "slips": 50,
    "toneless": 40,
}
HEAD = "id\tdocument\tlabel\n"


def reviews(count: int, seed: int) -> Iterator[tuple[str, int]]:
    chance = random.Random(seed)
    for n in range(count):
        one, other = chance.sample((BAD, GOOD)[n % 2], 2)
        yield f"{chance.choice(THINGS)} {one} {chance.choice(THINGS)} {other} {n}", n % 2


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Iterator[Workplace]:
    folder = tmp_path_factory.mktemp("workplace")
    mirror = folder / "mirror"
    mirror.mkdir()
    for name, count, seed in (("ratings_train.txt", 400, 1), ("ratings_test.txt", 60, 2)):
        rows = (f"{n}\t{text}\t{label}\n" for n, (text, label) in enumerate(reviews(count, seed)))
        (mirror / name).write_text(HEAD + "".join(rows), encoding="utf-8")
    unlabelled = "".join(f"{text}\n" for text, _ in reviews(200, 3))
    (mirror / "nsmc_unlabeled.txt.gz").write_bytes(gzip.compress(unlabelled.encode(), mtime=0))
    add_sums(mirror)
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATASET_MIRROR", str(mirror))
        patch.setenv("GIT_DIR", "none")  # a commit in between would be another bundle
        yield Workplace(folder)
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def whole(workplace) -> bytes:
    assert workplace.train("whole", **KNOBS) == 0
    return workplace.bytes_of("whole")


def test_a_student_answers_as_its_teachers_do(whole, workplace):
    bundle = load_bundle(workplace.bundle("whole"))
    assert bundle.metadata.figures["nsmc"]["accuracy"] > 0.95
    texts, labels = zip(*reviews(200, 3), strict=True)
    targets = np.load(workplace.runs / "whole" / "reviews-ko" / "targets.npy")
    assert len(targets) > 200  # the labelled texts come first
    targets = targets[-200:]  # (200, 2)
    np.testing.assert_allclose(targets.sum(1), 1, atol=1e-5)
    assert (targets.argmax(1) == labels).mean() > 0.95
    answers = bundle.probabilities([bundle.encode(text).ids for text in texts])
    assert (answers.argmax(1) == targets.argmax(1)).mean() > 0.95


class Interrupter(logging.Handler):
    """Presses Ctrl-C when a stage says what it waits for."""

    def __init__(self, message: str, times: int) -> None:
        super().__init__()
        self._message, self._times = message, times

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith(self._message):
            self._times -= 1
            if self._times == 0:
                signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("message", "times"),
    [
        pytest.param("language model, epoch 1", 1, id="in the language model"),
        pytest.param("epoch 1 of", 1, id="in the first teacher"),
        pytest.param("training teacher 2", 1, id="between the teachers"),
        pytest.param("training the linear teacher", 1, id="before the linear teacher"),
        pytest.param("epoch 1 of", 3, id="in the student"),
    ],
)
def test_wherever_it_was_stopped_it_goes_on_to_the_same_bytes(
    whole, workplace, request, caplog, message, times
):
    caplog.set_level(logging.INFO, "training")
    name = f"stopped {request.node.callspec.id}"
    log, handler = logging.getLogger("training"), Interrupter(message, times)
    log.addHandler(handler)
    try:
        assert workplace.train(name, **KNOBS) == 130
    finally:
        log.removeHandler(handler)
    assert workplace.train(name, "--resume", **KNOBS) == 0
    assert workplace.bytes_of(name) == whole


def test_a_student_begins_with_the_vectors_of_its_first_teacher(workplace):
    knobs = KNOBS | {"lm_epochs": 0, "lm_batch_tokens": 200, "teachers": 1}
    # A learning rate of next to nothing leaves a student as it began.
    assert workplace.train("begun", **knobs | {"learning_rate": 1e-9, "averaging": 0.0}) == 0
    taught = np.load(workplace.runs / "begun" / "reviews-ko" / "taught-vectors.npy")
    vectors = load_bundle(workplace.bundle("begun")).module.vectors.float().numpy()
    np.testing.assert_allclose(vectors, taught, atol=2e-3)
    plain = np.load(workplace.runs / "begun" / "reviews-ko" / "vectors.npy")
    assert plain.shape[1] == 20  # as wide as the teacher's
    plain = narrowed(plain, taught.shape[1])
    assert np.abs(plain - taught).max() > 0.02  # the language model has moved them


def test_what_the_teacher_made_of_them_counts_more_than_the_language_model(workplace, monkeypatch):
    """Where teacher and student are of one width, they have one language model."""
    taught_vectors = Run.taught_vectors
    monkeypatch.setattr(Run, "taught_vectors", lambda run: np.full_like(taught_vectors(run), 0.5))
    knobs = KNOBS | {"teachers": 1}
    knobs |= {"teacher_hidden_size": 0, "teacher_embedding_size": 0, "teacher_lm_epochs": 0}
    assert workplace.train("even", **knobs | {"learning_rate": 1e-9, "averaging": 0.0}) == 0
    vectors = load_bundle(workplace.bundle("even")).module.vectors.float().numpy()
    np.testing.assert_allclose(vectors, 0.5, atol=2e-3)


def test_a_teacher_with_narrower_word_vectors_than_the_student_is_refused(workplace, capsys):
    knobs = KNOBS | {"teacher_embedding_size": 1}
    assert workplace.train("narrow", **knobs) == 1
    assert "--teacher-embedding-size=1: expected at least" in capsys.readouterr().err


def test_a_student_reads_all_that_there_is_to_learn_from(workplace, caplog):
    caplog.set_level(logging.INFO, "training")
    knobs = KNOBS | {"lm_epochs": 0, "teacher_lm_epochs": 0, "teachers": 1, "teacher_epochs": 1}
    del knobs["lm_candidates"]
    assert workplace.train("read", **knobs | {"epochs": 1}) == 0
    told = re.findall(r"training on (\d+) texts", caplog.text)
    labelled, unlabelled = 380, 200  # of 400, a twentieth is for validation
    composed = len(lessons("ko", texts=60, seed=1))
    assert told[-1] == str(labelled + unlabelled + 50 + composed + 30 + 40)


def test_without_unlabelled_texts_labels_alone_teach(workplace, tmp_path, monkeypatch, caplog):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    for file in (workplace.folder / "mirror").iterdir():
        if file.name != "nsmc_unlabeled.txt.gz":
            (mirror / file.name).write_bytes(file.read_bytes())
    monkeypatch.setenv("DATASET_MIRROR", str(mirror))
    monkeypatch.setenv("MANYTONE_CACHE", str(tmp_path / "cache"))
    caplog.set_level(logging.INFO, "training")
    assert workplace.train("alone", **KNOBS | {"lm_epochs": 0, "epochs": 1}) == 0
    assert "teachers answer the labelled ones alone" in caplog.text
    assert load_bundle(workplace.bundle("alone")).metadata.figures["nsmc"]["accuracy"] > 0.95


@pytest.mark.parametrize(
    ("sizes", "least_share", "expected"),
    [
        pytest.param([4, 1], 0.0, [], id="not asked for"),
        pytest.param([5], 0.9, [], id="one data set alone"),
        pytest.param([4, 2, 0], 0.3, [], id="each has its share"),
        pytest.param([6, 1, 1], 0.3, [6, 6, 7, 7], id="two small ones"),
    ],
)
def test_small_data_sets_are_read_again(sizes, least_share, expected):
    assert again(sizes, least_share) == expected


def test_pieces_cover_a_text_but_for_a_last_single_token():
    assert in_pieces(list(range(7)), 3) == [[0, 1, 2], [3, 4, 5]]
    assert in_pieces(list(range(8)), 3)[-1] == [6, 7]
    assert in_pieces([], 3) == []


def test_a_crop_is_a_part_of_the_text_and_another_at_another_seed():
    text = list(range(100))
    crops = [cropped([text, [1, 2]], 10, seed) for seed in range(50)]
    assert all(short == [1, 2] for _, short in crops)
    assert all(long == text[long[0] : long[0] + 10] for long, _ in crops)
    starts = {long[0] for long, _ in crops}
    assert len(starts) > 20
    assert min(starts) < 15
    assert max(starts) > 75
