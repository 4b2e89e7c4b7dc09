"""The benchmarks on small data of our own making: what is compared, and how it is written down.

No figure is asserted that depends on the machine's speed.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_mirror import add_sums
from scipy import sparse

from benchmarks import accuracy, baselines, engine, options, request, scoring
from benchmarks.baselines import BASELINES, Material, NbSvm, best, log_count_ratio
from benchmarks.left_out import LeftOut
from benchmarks.onnx_runtime import onnx_engine
from benchmarks.report import Row, plot, table, write_json
from training.datasets import Example, Store

GOOD = ["good film", "a good story", "what a good evening", "good good good", "so good it hurts"]
BAD = ["bad film", "a bad story", "what a bad evening", "bad bad bad", "so bad it hurts"]
GOOD_KO = ["정말 재밌다", "재밌어요", "너무 재밌네", "재밌고 좋다", "참 재밌음"]
BAD_KO = ["정말 지루해", "지루해요", "너무 지루함", "지루하고 길다", "참 지루함"]


def examples(good: list[str], bad: list[str]) -> list[Example]:
    return [Example(text, 1) for text in good] + [Example(text, 0) for text in bad]


def material(language: str = "en") -> Material:
    known = examples(GOOD, BAD) if language == "en" else examples(GOOD_KO, BAD_KO)
    return Material(known * 4, {"toys": known[:2], "films": known[-2:]})


@pytest.fixture
def peer():
    """A function that makes a peer, or skips the test where its package is not installed."""

    def make(name: str, language: str = "en"):
        try:
            return BASELINES[name](language)
        except LeftOut as reason:
            pytest.skip(str(reason))

    return make


LEARNERS = [(name, lang) for name in list(BASELINES)[:4] for lang in ("en", "ko")]


# --- the peers ------------------------------------------------------------------------------


def test_the_log_count_ratio_is_that_worked_out_by_hand():
    # Three n-grams: the first in both positive texts, the second in one of each class, the third
    # in both negative ones.
    features = sparse.csr_array([[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1]])
    ratio = log_count_ratio(features, np.array([1, 1, 0, 0]), smoothing=1.0)
    # p = 1 + (2, 1, 0), q = 1 + (0, 1, 2), and each adds up to 6
    np.testing.assert_allclose(ratio, np.log([(3 / 6) / (1 / 6), 1, (1 / 6) / (3 / 6)]))


def test_the_log_count_ratio_weighs_each_class_by_its_own_size():
    features = sparse.csr_array([[1, 0], [1, 1], [1, 1]])
    ratio = log_count_ratio(features, np.array([1, 0, 0]), smoothing=1.0)
    # p = (2, 1) of 3, q = (3, 3) of 6
    np.testing.assert_allclose(ratio, np.log([(2 / 3) / (3 / 6), (1 / 3) / (3 / 6)]))


def test_without_the_machines_own_weights_nb_svm_is_naive_bayes_with_one_scale():
    features = sparse.csr_array([[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1]])
    labels = np.array([1, 1, 0, 0])
    model = NbSvm(C=1, interpolation=0.0).fit(features, labels)
    found = model.decision_function(sparse.csr_array(np.eye(3))) - model.decision_function(
        sparse.csr_array((1, 3))
    )
    ratio = log_count_ratio(features, labels, 1.0)
    np.testing.assert_allclose(found / found[0], ratio / ratio[0], atol=1e-12)


def test_nb_svm_answers_by_the_sign_of_its_decision():
    features = sparse.csr_array([[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1]])
    labels = np.array([1, 1, 0, 0])
    model = NbSvm(C=1).fit(features, labels)
    assert model.predict(features).tolist() == labels.tolist()
    assert (model.decision_function(features) > 0).tolist() == [True, True, False, False]


@pytest.mark.parametrize(("name", "language"), LEARNERS)
def test_a_peer_learns_what_is_plain(peer, name, language):
    learner = peer(name, language)
    learner.fit(material(language))
    texts = [example.text for example in material(language).held_out]
    found = learner.positive(texts)
    assert found.shape == (4,)
    assert found.dtype == np.float64
    right = np.array([1, 1, 0, 0])
    assert accuracy.accuracy(found, right, learner.probabilities) == 1
    assert learner.chosen is not None
    if learner.probabilities:
        assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize(("name", "language"), LEARNERS[::2])
def test_a_peer_that_was_kept_answers_as_before(peer, name, language, tmp_path):
    learner, again = peer(name, language), peer(name, language)
    accuracy.learn_or_load(learner, name, material(), tmp_path)
    kept = list(tmp_path.iterdir())
    accuracy.learn_or_load(again, name, material(), tmp_path)
    assert list(tmp_path.iterdir()) == kept
    assert again.chosen == learner.chosen
    assert again.megabytes == learner.megabytes == kept[0].stat().st_size / 1e6
    texts = ["a good film", "bad", "neither", ""]
    np.testing.assert_array_equal(again.positive(texts), learner.positive(texts))


class CountsFits(baselines.WordList, baselines.Learner):
    """A learner that learns nothing, and keeps account of how often it was asked to."""

    def __init__(self, settings: str = "") -> None:
        super().__init__(lambda text: 0.0, [])
        self.settings, self.fits = settings, 0

    def fit(self, material):
        self.fits += 1

    def save(self, path):
        path.touch()

    def load(self, path):
        assert path.exists()


@pytest.mark.parametrize(
    ("settings", "known", "fits"),
    [
        pytest.param("one", material(), 0, id="the same"),
        pytest.param("two", material(), 1, id="other settings"),
        pytest.param("one", material("ko"), 1, id="other texts"),
        pytest.param("one", replace(material(), validation={}), 1, id="other parts"),
    ],
)
def test_what_was_learnt_is_kept_for_the_same_texts_and_settings(tmp_path, settings, known, fits):
    accuracy.learn_or_load(CountsFits("one"), "toy", material(), tmp_path)
    learner = CountsFits(settings)
    accuracy.learn_or_load(learner, "toy", known, tmp_path)
    assert learner.fits == fits


@pytest.mark.parametrize("name", ["vader", "textblob"])
def test_a_list_of_words_knows_good_from_bad_and_is_silent_on_the_rest(peer, name):
    reader = peer(name)
    found = reader.positive(["A wonderful film.", "A horrible film.", "A film."])
    assert np.sign(found).tolist() == [1, -1, 0]
    assert not reader.probabilities
    assert reader.megabytes > 0.05


@pytest.mark.parametrize("name", ["vader", "textblob"])
def test_a_list_of_english_words_is_left_out_in_korean(name):
    with pytest.raises(LeftOut, match="English only"):
        BASELINES[name]("ko")


def test_a_package_that_is_not_installed_is_named_with_what_to_do():
    with pytest.raises(LeftOut, match=r"no-such-thing is not installed .*make setup-benchmarks"):
        baselines._installed("no_such_thing", "no-such-thing")


def test_many_texts_are_answered_in_their_order():
    reader = baselines.WordList(float, [])
    texts = [str(number) for number in range(2 * baselines.CHUNK + 1)]
    assert reader.positive(texts).tolist() == list(range(2 * baselines.CHUNK + 1))


# --- choosing and measuring -----------------------------------------------------------------


def test_the_best_setting_wins_and_of_two_the_first():
    assert best([1, 2, 3], {1: 0.5, 2: 0.9, 3: 0.9}.__getitem__) == 2


def test_each_data_set_weighs_the_same_in_a_choice():
    known = examples(["a"] * 3, ["b"])
    several = Material([], {"large": known[:3], "small": known[3:]})
    assert several.validation_accuracy(np.array([True, True, True, True])) == 0.5
    assert several.validation_accuracy(np.array([True, False, False, False])) == pytest.approx(
        (1 / 3 + 1) / 2
    )


def test_a_text_at_the_threshold_counts_as_negative():
    labels = np.array([0, 0, 1])
    assert accuracy.accuracy(np.array([0.0, -1.0, 0.1]), labels, False) == 1
    assert accuracy.accuracy(np.array([0.5, 0.4, 0.6]), labels, True) == 1
    assert accuracy.accuracy(np.array([0.5, 0.4, 0.5]), labels, True) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        pytest.param(None, [0, 1, 2, 3, 4, 5], id="all"),
        pytest.param(3, [0, 2, 4], id="evenly spread"),
        pytest.param(4, [0, 1, 3, 4], id="not a divisor"),
        pytest.param(9, [0, 1, 2, 3, 4, 5], id="no more than there are"),
    ],
)
def test_a_sample_is_spread_over_all(size, expected):
    assert accuracy.sample(range(6), size) == expected


def test_every_text_is_read_once_before_it_is_timed():
    read: list[str] = []
    times = accuracy.milliseconds(read.append, ["a", "b"])
    assert read == ["a", "b", "a", "b"]
    assert len(times) == 2
    assert min(times) >= 0


def test_a_bundle_reads_one_text_and_many(tiny_bundle):
    reader = accuracy.BundleReader(tiny_bundle, 1.0)
    found = reader.positive(["Good.", "", "Bad, bad."])
    assert found.shape == (3,)
    assert found[1] == 0.5
    assert found[0] == pytest.approx(tiny_bundle.answer("Good.").probabilities[1], abs=1e-6)
    reader.read("Good.")
    reader.read("")  # no token, and no fault


# --- the whole of it, on data of our own ----------------------------------------------------


@pytest.fixture
def mirror(tmp_path, monkeypatch) -> Path:
    """A mirror with NSMC's two files, and no other data set."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    for part, copies in (("train", 30), ("test", 10)):
        lines = ["id\tdocument\tlabel"]
        for number in range(copies):
            known = examples(GOOD_KO, BAD_KO)
            lines += [f"{number}\t{e.text} {part}{number}\t{e.label}" for e in known]
        (folder / f"ratings_{part}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    add_sums(folder)
    monkeypatch.setenv("DATASET_MIRROR", str(folder))
    return folder


@pytest.fixture
def compare(mirror, models_dir, tmp_path):
    def run(*arguments: str) -> int:
        return accuracy.main(
            [
                *arguments,
                *("--models", str(models_dir), "--cache", str(tmp_path / "cache")),
                *("--output", str(tmp_path / "results")),
            ]
        )

    return run


def test_the_command_compares_bundles_and_peers_and_says_what_is_left_out(
    compare, tmp_path, capsys
):
    asked = ("bundles", "tf-idf-logistic", "tf-idf-svm", "vader")
    assert compare("--dataset", "nsmc", "imdb", "--only", *asked) == 0
    printed = capsys.readouterr().out
    assert "nsmc: 100 texts" in printed
    assert "left out: imdb:" in printed
    assert "left out: vader: VADER reads English only." in printed

    content = json.loads((tmp_path / "results" / "accuracy-ko.json").read_text())
    rows = {row["reader"]: row for row in content["rows"]}
    assert set(rows) == {"reviews-ko", "tf-idf-logistic", "tf-idf-svm"}
    assert rows["tf-idf-svm"]["accuracy"] == 1
    assert rows["tf-idf-svm"]["calibration_error"] is None
    assert rows["tf-idf-logistic"]["calibration_error"] is not None
    assert rows["tf-idf-logistic"]["learnt_from"] == ["nsmc"]
    assert rows["reviews-ko"]["ours"]
    assert content["settings"]["tf-idf-svm"]["chosen"] > 0
    assert content["machine"]["packages"]["torch"] == torch.__version__
    assert (tmp_path / "results" / "accuracy-ko.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "results" / "accuracy-en.json").exists()


def test_a_quick_look_reads_a_sample_of_the_test_part(compare, capsys):
    assert compare("--dataset", "nsmc", "--texts", "7", "--only", "bundles") == 0
    assert "nsmc: 7 texts" in capsys.readouterr().out


def test_without_any_data_the_command_fails_and_says_why(compare, capsys):
    assert compare("--dataset", "imdb") == 1
    assert "left out: imdb:" in capsys.readouterr().out


def test_a_bundle_that_cannot_be_loaded_is_left_out(mirror, tmp_path, capsys):
    path = tmp_path / "reviews-ko.pt"
    path.write_bytes(b"no bundle")
    arguments = ["--dataset", "nsmc", "--only", "bundles", "--models", str(tmp_path)]
    assert accuracy.main(arguments) == 1
    assert f"left out: {path}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "whole"),
    [
        pytest.param([], True, id="everything"),
        pytest.param(["--dataset", "imdb", "sst2", "amazon"], True, id="all of one language"),
        pytest.param(["--dataset", "sst2"], False, id="a data set alone"),
        pytest.param(["--texts", "9"], False, id="a sample"),
        pytest.param(["--only", "vader"], False, id="a peer alone"),
        pytest.param(["--models", "mine"], False, id="other bundles"),
    ],
)
def test_a_part_of_the_comparison_does_not_take_the_place_of_all_of_it(arguments, whole):
    options = accuracy._parser().parse_args(arguments)
    tests = {name: [] for name in accuracy._by_language(options.dataset)["en"]}
    found = accuracy._is_whole(accuracy.Comparison("en", material(), tests, Store(Path())), options)
    assert found is whole


# --- table, plot and file -------------------------------------------------------------------


def row(**changes: object) -> Row:
    values = {
        "dataset": "toys",
        "reader": "tiny-en",
        "ours": True,
        "learnt_from": ("toys", "films"),
        "texts": 1_200,
        "accuracy": 0.8521,
        "calibration_error": 0.0401,
        "milliseconds": 0.52,
        "quartiles": (0.48, 0.61),
        "megabytes": 6.8,
    }
    return Row(**{**values, **changes})


LIST = {"reader": "a-list", "ours": False, "learnt_from": (), "calibration_error": None}


def test_the_table_is_for_a_person_and_the_best_comes_first():
    rows = [row(**LIST, accuracy=0.7), row()]
    assert table(rows).splitlines() == [
        "toys: 1,200 texts",
        "reader   accuracy  calibration error  ms a text (quartiles)        MB  learnt from",
        "tiny-en   85.21 %             4.01 %       0.52 (0.48-0.61)       6.8  toys films",
        "a-list    70.00 %                  -       0.52 (0.48-0.61)       6.8  -",
    ]


def test_the_same_figures_give_the_same_plot(tmp_path):
    rows = [row(), row(**LIST), row(dataset="films")]
    for name in ("one", "two"):
        plot(tmp_path / name / "plot.png", rows)
    first = (tmp_path / "one" / "plot.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    assert first == (tmp_path / "two" / "plot.png").read_bytes()


def test_the_file_holds_rows_and_facts(tmp_path):
    write_json(tmp_path / "rows.json", [row()], {"left_out": ["imdb: not here"]})
    content = json.loads((tmp_path / "rows.json").read_text())
    assert content["left_out"] == ["imdb: not here"]
    assert content["rows"][0]["accuracy"] == 0.8521
    assert content["rows"][0]["learnt_from"] == ["toys", "films"]


# --- the engine -----------------------------------------------------------------------------

TINY = engine.EncoderShape(
    layers=2, width=8, heads=2, feed_forward=16, vocabulary=120, positions=32
)


def test_the_transformer_has_distilberts_size():
    with torch.device("meta"):  # they are counted, not filled
        encoder = engine.Encoder(engine.EncoderShape())
    # 66,362,880 in the encoder (Sanh et al. 2019: 66 million), and a head of 768 × 768 + 768 and
    # 768 × 2 + 2
    assert sum(weight.numel() for weight in encoder.parameters()) == 66_362_880 + 590_592 + 1_538


def test_the_transformer_gives_a_probability_for_each_class():
    torch.manual_seed(1)
    encoder = engine.Encoder(TINY).eval()
    ids = torch.randint(0, 120, (5, 3))
    with torch.inference_mode():
        found = encoder(ids, torch.full((3,), 5))
        alone = encoder(ids[:, 1:2], torch.tensor([5]))
    assert found.shape == (3, 2)
    torch.testing.assert_close(found.sum(1), torch.ones(3))
    torch.testing.assert_close(found[1:2], alone)


def test_everyone_reads_the_same_texts_in_turn(tiny_bundle):
    seen: list[tuple[str, torch.Tensor]] = []

    def reader(name):
        def read(ids, lengths):
            seen.append((name, ids))
            assert lengths.tolist() == [6, 6]
            return torch.zeros(2, 2)

        return read

    readers = {name: reader(name) for name in ("ours", engine.TRANSFORMER)}
    found = engine.measure(readers, engine.Case(2, 6), vocabulary=120, rounds=2)
    turns = [name for n, (name, _) in enumerate(seen) if n == 0 or seen[n - 1][0] != name]
    assert turns == ["ours", engine.TRANSFORMER] * 2
    assert all(ids.shape == (6, 2) and ids.min() >= 4 and ids.max() < 120 for _, ids in seen)
    assert all(torch.equal(ids, seen[0][1]) for _, ids in seen)
    assert found[engine.TRANSFORMER].times_as_fast == (1, 1, 1)


def test_the_ratio_is_taken_round_by_round():
    # The machine was twice as slow in the second round, for both.
    timing = engine._timing([1.0, 2.0, 1.0], [30.0, 60.0, 36.0], [4.0, 8.0, 2.0])
    assert timing.milliseconds == (1.0, 1.0, 1.5)
    assert timing.times_as_fast == (30.0, 30.0, 33.0)
    assert timing.of_onnx_runtime == (0.25, 0.25, 0.375)
    assert engine._timing([1.0, 2.0], [30.0, 60.0], None).of_onnx_runtime is None


def test_the_engine_report_shows_the_ratio():
    timings = {
        "tiny-en": engine.Timing((1.5, 2.0, 2.5), (29.0, 30.0, 31.0), (0.3, 0.35, 0.4)),
        "transformer": engine.Timing((59.0, 60.0, 61.0), (1.0, 1.0, 1.0)),
    }
    text = engine.report(engine.Case(32, 20), timings)
    assert text.splitlines()[0] == "32 texts of 20 tokens"
    assert "30.0 (29.0-31.0)" in text
    assert "0.35 (0.30-0.40)" in text
    assert engine.Case(1, 20).name == "1 text of 20 tokens"


def test_the_comparison_is_written_down(tiny_bundle, tmp_path, capsys):
    output = tmp_path / "results" / "engine.json"
    with_longer = replace(TINY, positions=256)
    served = replace(tiny_bundle, precision="bfloat16")
    engine._compare([served], [tiny_bundle], with_longer, rounds=2, output=output)
    content, printed = json.loads(output.read_text()), capsys.readouterr().out
    for case in engine.CASES:
        assert case.name in printed
        timed = content[case.name].keys() - {"tiny-en, ONNX Runtime"}  # where it is installed
        assert timed == {
            "tiny-en",
            "tiny-en, float32",
            "tiny-en, eager",
            "transformer",
            "share_of_peak",
        }
        assert min(content[case.name]["tiny-en"]["milliseconds"]) > 0
        assert 0 <= content[case.name]["share_of_peak"]["tiny-en"] < 1
    assert content["transformer"]["layers"] == 2
    assert content["precision"] == {"tiny-en": "bfloat16"}
    explained = "explaining 256 tokens, tiny-en"
    assert explained in printed
    low, median, high = content[explained]["times_an_answer"]
    assert 0 < low <= median <= high


def test_a_pass_is_timed_after_two_that_do_not_count():
    passes = []
    engine._milliseconds(lambda *_: passes.append(time.perf_counter()), None, None, enough=0.0)
    assert len(passes) == 3


def test_a_quick_look_takes_no_place_of_what_is_kept():
    parser = argparse.ArgumentParser()
    options.add_rounds_of_bundles(parser)
    for arguments, folder in (
        ([], "benchmarks/results"),
        (["--rounds", "2"], "runs/benchmarks"),
        (["--models", "elsewhere"], "runs/benchmarks"),
    ):
        path = options.output_of(parser.parse_args(arguments), "engine.json")
        assert path == Path(folder) / "engine.json"
    asked = parser.parse_args(["--rounds", "2", "--output", "here.json"])
    assert options.output_of(asked, "engine.json") == Path("here.json")


def some_ids(tokens: int, texts: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(4, 100, (tokens, texts), generator=generator)
    return ids, torch.full((texts,), tokens)


def test_the_eager_network_has_the_bundles_weights(tiny_bundle):
    ids, lengths = some_ids(7, 3)
    with torch.inference_mode():
        logits = engine.eager(tiny_bundle)(ids, lengths)
        answers = tiny_bundle.module(ids, lengths)
    degree = tiny_bundle.module.state_dict()["temperature"]
    torch.testing.assert_close(torch.softmax(logits / degree, dim=1), answers)


def test_onnx_runtime_answers_as_the_bundle_does(tiny_bundle):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    run = onnx_engine(tiny_bundle)
    for tokens, texts in ((1, 1), (7, 3)):
        ids, lengths = some_ids(tokens, texts)
        with torch.inference_mode():
            expected = tiny_bundle.module(ids, lengths)
        torch.testing.assert_close(run(ids, lengths), expected, atol=1e-5, rtol=0)


def test_the_operations_are_those_of_the_gates(tiny_bundle):
    used = tiny_bundle.metadata.hyper_parameters
    units, width = used["hidden_size"], used["embedding_size"]
    by_hand = 2 * 2 * (4 * units) * (width + units)  # both directions; a product is two operations
    assert engine.operations(tiny_bundle, engine.Case(3, 5)) == 15 * by_hand


def test_the_engine_needs_a_bundle(tmp_path, capsys):
    assert engine.main(["--models", str(tmp_path)]) == 1
    assert "no bundle" in capsys.readouterr().err


def test_rows_that_are_lost_or_doubled_are_counted(tmp_path):
    path = tmp_path / "scored.csv"
    scoring.write_reviews(path, 10)
    assert scoring.lost_and_doubled(path, 10) == (0, 0)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:5], *lines[7:], lines[3]]))
    assert scoring.lost_and_doubled(path, 10) == (2, 1)


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        pytest.param({}, set(), id="all as wanted"),
        pytest.param({"share": 0.79}, {"fast enough"}, id="slow"),
        pytest.param({"lost": 1}, {"no row lost or doubled"}, id="a row lost"),
        pytest.param({"stopped": {"status": 0}}, {"stopped half-way"}, id="not stopped"),
        pytest.param({"whole": {"megabytes": {"25 %": 40.0, "end": 50.0}}},
                     {"memory does not grow"}, id="growing"),
        pytest.param({"whole": {"megabytes": {"25 %": 0.0, "end": 0.0}}},
                     {"memory does not grow"}, id="unknown"),
        pytest.param({"same bytes": False}, {"the same bytes as without a stop"}, id="others"),
    ],
)  # fmt: skip
def test_the_verdicts_on_scoring_can_fail(change, missed, monkeypatch, tmp_path):
    monkeypatch.setattr(scoring, "PROC", tmp_path)
    found = {
        "share": 0.9,
        "whole": {"megabytes": {"25 %": 40.0, "end": 41.0}},
        "stopped": {"status": 130},
        "lost": 0,
        "doubled": 0,
        "same bytes": True,
    }
    verdicts = scoring.verdicts({**found, **change})
    assert {name for name, holds in verdicts.items() if not holds} == missed
    monkeypatch.setattr(scoring, "PROC", tmp_path / "none")  # a system that tells no memory
    assert "memory does not grow" not in scoring.verdicts(found)


# --- one request ----------------------------------------------------------------------------


@pytest.fixture
def in_a_moment(monkeypatch):
    monkeypatch.setattr(request, "SECONDS", 0.01)
    monkeypatch.setattr(request, "TEXTS", 2 * request.TOGETHER)


@pytest.mark.usefixtures("in_a_moment")
def test_a_requests_time_is_taken_apart(models_dir, tmp_path, capsys):
    output = tmp_path / "results" / "request.json"
    command = ["--models", str(models_dir), "--rounds", "2", "--output", str(output)]
    assert request.main(command) == 0
    found = {part["name"]: part["microseconds"] for part in json.loads(output.read_text())["parts"]}
    assert len(found) == 4 + len(request.PASSES)
    assert all(0 < low <= middle <= high for low, middle, high in found.values())
    printed = capsys.readouterr().out
    assert all(name in printed for name in found)


def test_without_the_bundle_one_line_says_so(tmp_path, capsys):
    assert request.main(["--models", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_another_answer_than_a_prediction_is_not_timed(tiny_bundle):
    transport = request._Nowhere()
    transport.write(b"HTTP/1.1 200 OK\r\n\r\n{}")
    assert transport.answers == 1
    with pytest.raises(RuntimeError, match="503"):
        transport.write(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
