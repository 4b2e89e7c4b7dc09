"""The model card says what the bundle says."""

from __future__ import annotations

import re
from dataclasses import asdict, replace

import pytest

from training.card import card, command, write_card
from training.config import BASE_DEFAULTS, KNOBS, RECIPES, SHIPPED
from training.report import PICTURES


@pytest.fixture
def metadata(tiny_bundle):
    knobs = {}
    for config in KNOBS.values():
        knobs |= asdict(config())
    return replace(
        tiny_bundle.metadata,
        datasets=(
            {
                "name": "sst2",
                "title": "A treebank",
                "licence": "none",
                "citation": "Somebody: Something. 2013.",
                "files": [{"file": "SST-2.zip", "sha256": "ab" * 32}],
                "train": 12_345,
                "validation": 678,
                "unlabelled": 0,
            },
        ),
        figures={
            "sst2": {
                "texts": 872,
                "accuracy": 0.91234,
                "f1": 0.90004,
                "calibration_error": 0.01239,
                "confusion": [[400, 28], [48, 396]],
            }
        },
        hyper_parameters=knobs | {"temperature": 1.23456, "validation": {"sst2": 0.87654}},
    )


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param("| sst2 | 872 | 91.23 % | 90.00 % | 1.24 % |", id="figures"),
        pytest.param("| **positive** | 48 | 396 |", id="confusion matrix"),
        pytest.param("| sst2: A treebank | 12,345 | 678 | 0 | none |", id="data"),
        pytest.param(f"`SST-2.zip` (SHA-256 `{'ab' * 32}`)", id="digest"),
        pytest.param("| temperature | 1.235 |", id="recipe"),
        pytest.param("sst2 87.65 %.", id="validation accuracy"),
        pytest.param("evaluate models/tiny-en.pt --dataset sst2", id="how to measure again"),
        pytest.param("It knows negative and positive", id="limits"),
    ],
)
def test_it_states(metadata, expected):
    assert expected in card(metadata)


def test_it_says_what_scores_mean_where_classes_weigh_the_same(metadata):
    said = "as if every class were as frequent as any other"
    assert said not in card(metadata)
    knobs = metadata.hyper_parameters | {"class_weights": "balanced"}
    assert said in card(replace(metadata, hyper_parameters=knobs))


def command_of(metadata, *datasets, name="sst2-en", version="1", **knobs):
    return command(
        replace(
            metadata,
            name=name,
            version=version,
            datasets=datasets or metadata.datasets,
            hyper_parameters=metadata.hyper_parameters | knobs,
        )
    )


def test_the_command_is_short_for_the_default_recipe(metadata):
    assert command_of(metadata) == 'make train DATASET="sst2"'


def test_the_command_names_every_knob_that_was_turned(metadata):
    found = command_of(metadata, cell="gru", threads=1, seed=7)
    assert found == 'make train DATASET="sst2" ARGS="--cell gru --threads 1 --seed 7"'


def test_the_command_names_a_bundle_that_has_a_name_of_its_own(metadata):
    found = command_of(metadata, name="experiment", version="2")
    assert found == 'make train DATASET="sst2" NAME="experiment" ARGS="--bundle-version 2"'


def test_a_knob_that_is_newer_than_the_bundle_was_at_its_plain_default(metadata):
    nsmc = {**metadata.datasets[0], "name": "nsmc"}
    knobs = metadata.hyper_parameters | RECIPES["nsmc",]
    del knobs["blind"]
    older = replace(
        metadata, name="reviews-ko", language="ko", datasets=(nsmc,), hyper_parameters=knobs
    )
    assert command(older) == 'make train DATASET="nsmc" ARGS="--blind 0"'


def test_what_a_base_has_read_is_no_recipe_of_what_goes_on_from_it(metadata):
    imdb, nsmc = ({**metadata.datasets[0], "name": name} for name in ("imdb", "nsmc"))
    knobs = {**BASE_DEFAULTS, "base": "reviews-en", "dropout": 0.5}
    through = {**imdb, "through": "reviews-en"}
    found = command_of(metadata, nsmc, through, name="nsmc-from-reviews-en", **knobs)
    assert found.startswith('make train DATASET="nsmc" FROM="models/reviews-en.pt" ARGS=')
    assert "--dropout 0.5" in found  # the recipe of nsmc has another
    assert "--blind 0" in found


def test_the_epochs_are_in_the_learning_curves_and_not_in_the_table(metadata):
    history = [{"epoch": 1, "loss": 0.5, "sst2": 0.87654}]
    knobs = metadata.hyper_parameters | {"history": history}
    assert card(replace(metadata, hyper_parameters=knobs)) == card(metadata)


def test_without_pictures_there_is_no_word_of_them(metadata):
    assert "Pictures" not in card(metadata)


def test_it_shows_the_pictures_that_there_are(metadata, tmp_path):
    folder = tmp_path / "my tiny"
    folder.mkdir()
    for name in ("reliability.png", "confusion.png", "holiday.png"):
        (folder / name).touch()
    write_card(tmp_path / "my tiny.md", metadata)
    text = (tmp_path / "my tiny.md").read_text(encoding="utf-8")
    shown = re.findall(r"^!\[(.+)\]\((.+)\)$", text, re.MULTILINE)
    assert shown == [
        (PICTURES["confusion.png"], "my%20tiny/confusion.png"),
        (PICTURES["reliability.png"], "my%20tiny/reliability.png"),
    ]
    assert text.index("## Figures") < text.index("## Pictures") < text.index("## Data")


def test_it_is_written_whole(metadata, tmp_path):
    write_card(tmp_path / "tiny-en.md", metadata)
    assert (tmp_path / "tiny-en.md").read_text(encoding="utf-8") == card(metadata)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny-en.md"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        pytest.param(20, "Training took 1 min with 2 threads.", id="a moment"),
        pytest.param(59 * 60, "Training took 59 min with 2 threads.", id="minutes"),
        pytest.param(9_060, "Training took 2 h 31 min with 2 threads.", id="hours"),
    ],
)
def test_it_says_how_long_training_took_if_that_is_known(metadata, tmp_path, seconds, said):
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "time.json").write_text(f'{{"seconds": {seconds}, "threads": 2}}')
    write_card(tmp_path / "tiny.md", metadata)
    assert said in (tmp_path / "tiny.md").read_text(encoding="utf-8")
    assert "Training took" not in card(metadata)


def test_it_says_what_unlabelled_texts_were_used_for(metadata):
    assert "Unlabelled" not in card(metadata)  # there were none
    datasets = ({**metadata.datasets[0], "unlabelled": 5},)
    for knobs, said in (
        ({}, "Unlabelled texts serve word vectors. The texts themselves"),
        ({"lm_epochs": 1}, "serve word vectors and the language model. "),
        ({"student": 1}, "serve word vectors and the student, who"),
        (
            {"student": 1, "teacher_hidden_size": 384, "teacher_lm_epochs": 1},
            "serve word vectors, the language model and the student, who",
        ),
        # a teacher of the student's width has the student's language model
        ({"student": 1, "teacher_lm_epochs": 1}, "serve word vectors and the student, who"),
        ({"teacher_lm_epochs": 1}, "serve word vectors. "),
        ({"vector_epochs": 0, "lm_epochs": 1}, "serve the language model. "),
    ):
        knobs = metadata.hyper_parameters | knobs
        assert said in card(replace(metadata, datasets=datasets, hyper_parameters=knobs))


@pytest.mark.parametrize("datasets", RECIPES, ids="-".join)
def test_the_command_of_a_bundle_that_ships_has_no_knobs(metadata, datasets):
    shipped = replace(
        metadata,
        name=SHIPPED[datasets],
        datasets=tuple({**metadata.datasets[0], "name": name} for name in datasets),
        hyper_parameters=metadata.hyper_parameters | RECIPES[datasets],
    )
    assert command(shipped) == f'make train DATASET="{" ".join(datasets)}"'


def test_it_says_what_texts_of_our_own_making_were_read(metadata):
    def said(labels=("negative", "positive"), language="en", **knobs):
        used = metadata.hyper_parameters | knobs
        return card(replace(metadata, labels=labels, language=language, hyper_parameters=used))

    assert "our own making" not in said()
    knobs = {"lessons": 24_000, "written": 30_000, "toneless": 4_000, "slips": 40_000}
    assert (
        "our own making (`training/lessons/`): about 24,000 that show negation, contrast and the "
        "like, 30,000 that were written one by one, or are misspelt copies of these, 4,000 "
        "without a tone and at most 40,000 misspelt copies of the short ones above."
    ) in said(**knobs, student=1)
    # Lessons have two labels and two languages, and only a student reads what is misspelt.
    for other in ({"labels": ("bad", "good")}, {"language": "fr", "student": 1}):
        assert "(`training/lessons/`): 4,000 without a tone." in said(**other, **knobs)
