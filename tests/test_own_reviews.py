"""Reviews of one's own, from a file to a service that answers with its classes."""

from __future__ import annotations

import csv
import logging
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from flask.testing import FlaskClient

from service.app import create_app
from service.bundle import load_bundle, save_bundle
from service.settings import Settings
from training.__main__ import main
from training.base import load_base, require_fit, take_weights
from training.config import NetworkConfig
from training.datasets import Columns, Development, Example, load_own
from training.datasets.own import ordered
from training.datasets.splits import folded
from training.errors import DataError, TrainingError
from training.model import SentimentNetwork
from training.reviews import Reviews

SHIPPED = Path(__file__).parent.parent / "models" / "reviews-en.pt"
COLUMNS = Columns("text", "label")

WORDS = {
    "부정": ["끔찍한", "지루한", "형편없는", "최악의", "조잡한"],
    "중립": ["평범한", "보통의", "무난한", "그저그런", "흔한"],
    "긍정": ["훌륭한", "멋진", "감동적인", "재미있는", "아름다운"],
}
THINGS = ["영화", "이야기", "음악", "배우", "결말", "장면", "화면", "대사", "제품", "배송"]


def korean_reviews(counts: dict[str, int]) -> list[tuple[str, str]]:
    chance = random.Random(1)
    rows = [
        (f"{n}번째로 본 {chance.choice(WORDS[label])} {chance.choice(THINGS)}", label)
        for label, count in counts.items()
        for n in range(count)
    ]
    chance.shuffle(rows)
    return rows


def write_csv(path: Path, rows: list[tuple[str, str]], head: tuple[str, str] = ("text", "label")):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def plain_rows(**counts: int) -> list[tuple[str, str]]:
    return [(f"{label} text {n}", label) for label, count in counts.items() for n in range(count)]


def client_of(folder: Path) -> FlaskClient:
    # With so many workers each one's share of the cores is one thread.
    return create_app(Settings(models_dir=folder, device="cpu", workers=64)).test_client()


# --- cleaning and splitting -----------------------------------------------------------------


def test_each_class_gives_about_a_tenth_to_validation_and_to_test(tmp_path):
    rows = plain_rows(neg=1_000, neu=10, pos=2_000)
    own = load_own(write_csv(tmp_path / "a.csv", rows), COLUMNS, seed=1)
    assert own.labels == ("neg", "neu", "pos")
    for part in (own.development.validation, own.test):
        counts = Counter(example.label for example in part)
        assert 70 < counts[0] < 130
        assert 1 <= counts[1] <= 4  # never none
        assert 150 < counts[2] < 250
    texts = [e.text for e in own.development.train + own.development.validation + own.test]
    assert sorted(texts) == sorted(text for text, _ in rows)


def test_another_seed_cuts_another_validation_part_and_the_same_test_part(tmp_path):
    path = write_csv(tmp_path / "a.csv", plain_rows(neg=50, pos=50))
    one, again, other = (load_own(path, COLUMNS, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one.test == other.test
    assert one.development.validation != other.development.validation


def test_a_file_that_has_grown_tests_on_no_text_that_was_trained_on(tmp_path):
    """Whoever goes on from the bundle of last month is not to be tested on what it learnt."""
    rows = plain_rows(neg=300, pos=300)
    random.Random(2).shuffle(rows)
    before, after = (
        load_own(write_csv(tmp_path / "a.csv", rows[:count]), COLUMNS, seed=1)
        for count in (400, 600)
    )
    learnt = {e.text for e in before.development.train + before.development.validation}
    assert not learnt & {example.text for example in after.test}
    assert set(before.test) <= set(after.test)
    assert set(before.development.validation) <= set(after.development.validation)


def test_a_seed_that_is_that_of_the_test_part_validates_on_as_much(tmp_path):
    path = write_csv(tmp_path / "a.csv", plain_rows(neg=1_000, pos=1_000))
    assert 140 < len(load_own(path, COLUMNS, seed=2007).development.validation) < 260


@pytest.mark.parametrize(
    "labels", [("Positive", "positive", "negative"), ("1", "1.0", "0"), ("5", "05", "4")]
)
def test_one_class_in_two_spellings_is_refused(tmp_path, labels):
    rows = plain_rows(**dict.fromkeys(labels, 10))
    named = re.escape(f"the classes '{labels[0]}' and '{labels[1]}' are one word or number")
    with pytest.raises(DataError, match=named):
        load_own(write_csv(tmp_path / "a.csv", rows), COLUMNS, seed=1)


def test_composed_and_decomposed_copies_count_once(tmp_path):
    rows = [(f"{n}번째 카페", ("good", "bad")[n % 2]) for n in range(40)]
    rows += [(unicodedata.normalize("NFD", text), label) for text, label in rows]
    own = load_own(write_csv(tmp_path / "a.csv", rows), COLUMNS, seed=1)
    assert own.left_out == {"repeats of a text": 40}


def test_nan_is_no_label(tmp_path):
    rows = plain_rows(**{"1.0": 20, "2.0": 20, "nan": 5})
    own = load_own(write_csv(tmp_path / "a.csv", rows), COLUMNS, seed=1)
    assert own.labels == ("1.0", "2.0")
    assert own.left_out == {"without a label": 5}
    words = [*plain_rows(good=20, bad=20, nan=5, naan=10), ("of pandas", "<NA>")]
    named = load_own(write_csv(tmp_path / "b.csv", words), COLUMNS, seed=1)
    assert named.labels == ("bad", "good", "naan")
    assert named.left_out == {"without a label": 6}


@pytest.mark.parametrize("sign", [";", "\t", "|"])
def test_a_file_with_other_signs_between_its_columns_is_told_so(tmp_path, sign):
    path = tmp_path / "a.csv"
    path.write_text(f"text{sign}label\nGood.{sign}pos\n", encoding="utf-8")
    with pytest.raises(DataError, match="Save it with commas"):
        load_own(path, COLUMNS, seed=1)


def test_copies_count_once_and_contradictions_not_at_all(tmp_path, caplog):
    rows = plain_rows(neg=10, pos=10)
    copies = [("Neg  TEXT 1", "neg"), ("neg text 1", "neg")]
    contradictions = [("it is what it is", "neg"), ("It is what it is", "pos")]
    with caplog.at_level(logging.WARNING):
        own = load_own(
            write_csv(tmp_path / "a.csv", rows + copies + contradictions), COLUMNS, seed=1
        )
    assert own.left_out == {"texts that stand with several labels": 2, "repeats of a text": 2}
    assert "2 rows left out: texts that stand with several labels" in caplog.text
    assert "2 rows left out: repeats of a text" in caplog.text
    kept = own.development.train + own.development.validation + own.test
    assert sorted(folded(e.text) for e in kept) == sorted(folded(text) for text, _ in rows)


def test_rows_that_cannot_be_used_are_counted_and_named(tmp_path, caplog):
    path = write_csv(tmp_path / "a.csv", [*plain_rows(neg=10, pos=10), (" ", "neg"), ("a", "")])
    with path.open("ab") as file:
        file.write(b"\xff,neg\n" + b"a,b,c\n" * 3)
    with caplog.at_level(logging.WARNING):
        own = load_own(path, COLUMNS, seed=1)
    assert own.left_out == {"without a text": 1, "without a label": 1, "unreadable": 4}
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: 6 of 26 rows left out (1 without a text, 1 without a label, 4 unreadable)",
        "  line 22: no text",
        "  line 23: no label",
        "  line 24: not UTF-8 (Excel: save as “CSV UTF-8”)",
        "  line 25: 3 fields, expected 2",
        "  line 26: 3 fields, expected 2",
        "  and so on",
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param([], "no rows", id="none"),
        pytest.param(plain_rows(good=20), "the one class 'good'", id="one class"),
        pytest.param(
            plain_rows(good=20, bad=9),
            r"1 of 2 classes have fewer than 10 different texts: 'bad' \(9\)",
            id="too few of a class",
        ),
        pytest.param(
            [(f"text {n}", str(n)) for n in range(50)],
            r"50 of 50 classes .*'0' \(1\), .* and so on.* --label-column",
            id="labels that are none",
        ),
        pytest.param(
            [*plain_rows(good=20, bad=20), *[("", "bad")] * 41],
            r"41 of 81 rows cannot be used \(41 without a text\): line 42: no text; line 43",
            id="most of it bad",
        ),
    ],
)
def test_data_that_cannot_be_learnt_from_is_one_clear_message(tmp_path, rows, message):
    path = write_csv(tmp_path / "a.csv", rows)
    with pytest.raises(DataError, match=message) as error:
        load_own(path, COLUMNS, seed=1)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param(["10", "9", "1.5", "10"], ("1.5", "9", "10"), id="numbers by size"),
        pytest.param(["긍정", "부정", "중립"], ("부정", "중립", "긍정"), id="Korean tones"),
        pytest.param(["Positive", "Negative"], ("Negative", "Positive"), id="English tones"),
        pytest.param(["refund", "delivery"], ("delivery", "refund"), id="others"),
    ],
)
def test_labels_stand_in_a_sensible_order(labels, expected):
    assert ordered(labels) == expected


def test_a_label_is_the_same_however_it_is_written(tmp_path):
    rows = plain_rows(bad=20) + [(f"fine {n}", f"so {' ' * (n % 2)}가") for n in range(10)]
    rows += [(f"well {n}", "so 가") for n in range(10)]  # decomposed
    own = load_own(write_csv(tmp_path / "a.csv", rows), COLUMNS, seed=1)
    assert own.labels == ("bad", "so 가")


# --- the command line -----------------------------------------------------------------------


@pytest.fixture
def workplace(tmp_path, monkeypatch) -> Iterator[Path]:
    """An empty folder; what training sets for its process is put back."""
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    yield tmp_path
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


TINY = (
    *("--device", "cpu", "--threads", "1", "--embedding-size", "16", "--hidden-size", "8"),
    *("--adversarial-norm", "0", "--vector-epochs", "1", "--learning-rate", "0.03"),
)


def test_three_classes_from_a_file_to_an_answer(workplace, capsys):
    rows = korean_reviews({"긍정": 120, "부정": 60, "중립": 60})
    write_csv(workplace / "shop.csv", rows, ("review", "tone"))
    command = ["--data", "shop.csv", "--text-column", "review", "--label-column", "tone"]
    assert main([*command, "--language", "ko", *TINY]) == 0

    bundle = load_bundle(workplace / "models" / "shop.pt")
    assert bundle.metadata.labels == ("부정", "중립", "긍정")
    assert (bundle.metadata.name, bundle.metadata.language) == ("shop", "ko")
    assert bundle.metadata.figures["shop.csv"]["accuracy"] > 0.9
    assert bundle.metadata.hyper_parameters["class_weights"] == "balanced"
    (entry,) = bundle.metadata.datasets
    assert [file["file"] for file in entry["files"]] == ["shop.csv"]
    assert str(workplace) not in str(bundle.metadata)
    assert "shop.csv: 29 texts" in capsys.readouterr().out

    client = client_of(workplace / "models")
    answer = client.post("/predict", json={"text": "정말 감동적인 영화"}).get_json()
    assert (answer["label"], answer["model"]) == ("긍정", "shop")
    assert list(answer["scores"]) == ["부정", "중립", "긍정"]
    assert sum(answer["scores"].values()) == pytest.approx(1, abs=1e-5)
    blank = client.post("/predict", json={"text": " "}).get_json()
    assert set(blank["scores"].values()) == {0.333333}
    assert client.get("/models/shop").get_json()["labels"] == ["부정", "중립", "긍정"]

    card = (workplace / "models" / "shop.md").read_text(encoding="utf-8")
    assert 'make train DATA="shop.csv" TEXT="review" LABEL="tone" LANGUAGE=ko NAME="shop"' in card
    assert "It knows 부정, 중립 and 긍정" in card
    assert entry["train"] + entry["validation"] == 240 - 29
    cut = f"{entry['train']} | {entry['validation']}"
    assert f"| shop.csv: reviews of one's own | {cut} | 0 | the user's own |" in card
    assert "Balanced accuracy on the validation parts" in card
    assert "trained as if every class were as frequent as any other" in card
    assert "evaluate models/" not in card  # nobody else has the file


@pytest.mark.skipif(not SHIPPED.exists(), reason="needs a bundle that ships")
def test_fine_tuning_learns_a_rare_class_from_few_texts(workplace, capsys):
    chance = random.Random(2)
    things, good, bad = ["bag", "shoe", "lamp"], ["great", "lovely"], ["awful", "broken"]
    rows = [
        (f"A {chance.choice(words)} {chance.choice(things)}, order {n}.", label)
        for words, label, count in ((good, "5 stars", 180), (bad, "1 star", 20))
        for n in range(count)
    ]
    write_csv(workplace / "shop.csv", rows)
    options = ["--device", "cpu", "--threads", "1", "--epochs", "3"]
    assert main(["--data", "shop.csv", "--from", str(SHIPPED), *options]) == 0

    tuned, base = load_bundle(workplace / "models" / "shop.pt"), load_bundle(SHIPPED)
    assert tuned.metadata.language == "en"
    assert tuned.metadata.labels == ("1 star", "5 stars")
    assert tuned.tokenizer.model == base.tokenizer.model
    assert tuned.metadata.figures["shop.csv"]["confusion"] == [[2, 0], [0, 14]]
    assert tuned.metadata.hyper_parameters["base"] == "reviews-en"
    names = [entry["name"] for entry in tuned.metadata.datasets]
    assert names == ["shop.csv", *(entry["name"] for entry in base.metadata.datasets)]
    card = (workplace / "models" / "shop.md").read_text(encoding="utf-8")
    assert (
        'LANGUAGE=en NAME="shop" FROM="models/reviews-en.pt" ARGS="--epochs 3 --threads 1"'
    ) in card
    assert "(through reviews-en)" in card


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "--language=: the language of shop.csv is not known", id="no language"),
        pytest.param(["--language", "English"], "ISO 639", id="no code"),
        pytest.param(["--language", "en", "--text-column", "review"], "no column", id="column"),
        pytest.param(["--from", "no.pt"], "no.pt: cannot be read", id="no bundle"),
        pytest.param(
            ["--from", "base.pt", "--hidden-size", "32", "--layers", "2", "--seed", "7"],
            "--layers 2 (it has 1), --hidden-size 32 (it has 8)",
            id="other sizes",
        ),
        pytest.param(
            ["--from", "base.pt", "--vector-epochs", "1", "--seed", "7"],
            "--vector-epochs 1",
            id="vectors",
        ),
        pytest.param(
            ["--from", "base.pt", "--language", "de"], "tiny-en reads 'en'", id="other language"
        ),
        pytest.param(
            ["--from", "base.pt", "--seed", "8"],
            "--seed=8: tiny-en was trained on shop.csv with seed 7",
            id="validation that was trained on",
        ),
        pytest.param(
            ["--language", "de", "--blind", "1"],
            "--blind=1: there are none for reviews in 'de'; there are for en and ko",
            id="blind to unknown words",
        ),
        pytest.param(
            ["--language", "de", "--student", "1", "--slips", "9"],
            "--slips=9: there are none for reviews in 'de'",
            id="slips of another language",
        ),
        pytest.param(
            ["--language", "en", "--lessons", "9"],
            "--lessons=9: there are none for reviews in 'en' with the classes neg, pos",
            id="lessons of other classes",
        ),
    ],
)
def test_a_mistake_is_one_clear_message(workplace, tiny_bundle, capsys, arguments, message):
    write_csv(workplace / "shop.csv", plain_rows(neg=10, pos=10))
    save_bundle(workplace / "base.pt", tiny_with_sizes(tiny_bundle))
    assert main(["--data", "shop.csv", "--device", "cpu", *arguments]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert message in said
    assert not (workplace / "models").exists()


def tiny_with_sizes(bundle, *more):
    knobs = {"embedding_size": 8, "hidden_size": 8, "seed": 7}
    columns = {"text": "text", "label": "label"}
    learnt = ({"name": "shop.csv", "files": [], "columns": columns}, *more)
    metadata = replace(bundle.metadata, hyper_parameters=knobs, datasets=learnt)
    return replace(bundle, metadata=metadata)


@pytest.mark.parametrize(
    ("name", "seed", "refused"),
    [
        pytest.param("sst2", 1, None, id="that of its first training"),
        pytest.param("sst2", 7, "was trained on sst2 with seed 1", id="that of its last one"),
        pytest.param("imdb", 3, None, id="nothing that it knows"),
        pytest.param("shop.csv", 7, None, id="its own file"),
        pytest.param("grown.csv", 8, "was trained on shop.csv with seed 7", id="another name"),
    ],
)
def test_the_seed_is_that_of_the_training_that_learnt_the_data(
    tmp_path, tiny_bundle, name, seed, refused
):
    through = {"name": "sst2", "files": [], "through": "reviews-en", "seed": 1}
    save_bundle(tmp_path / "base.pt", tiny_with_sizes(tiny_bundle, through))
    base = load_base(tmp_path / "base.pt")
    entry = {"name": name} | ({"columns": {}} if name.endswith(".csv") else {})
    reviews = Reviews("en", ("a", "b"), {name: Development([], [], [], [])}, {}, (entry,))
    recipe = {
        "fit": {"seed": seed},
        "teach": {"student": 0},
        "network": base.fixed(),
        "text": {},
        "pretrain": {},
    }
    with pytest.raises(TrainingError, match=refused) if refused else nullcontext():
        require_fit(base, recipe, reviews)


def test_a_file_named_as_a_bundle_that_ships_does_not_replace_it(workplace, capsys):
    write_csv(workplace / "reviews-en.csv", plain_rows(neg=10, pos=10))
    assert main(["--data", "reviews-en.csv", "--language", "en"]) == 1
    assert "another --name" in capsys.readouterr().err


def test_a_language_that_the_data_sets_are_not_in_is_refused(workplace, capsys):
    assert main(["--dataset", "sst2", "--language", "de"]) == 1
    assert "--language=de: sst2 is in 'en'" in capsys.readouterr().err


def test_data_and_dataset_exclude_each_other(capsys):
    with pytest.raises(SystemExit):
        main(["--data", "shop.csv", "--dataset", "sst2"])
    assert "not allowed with" in capsys.readouterr().err


def test_resuming_with_a_changed_file_is_refused(workplace, capsys):
    path = write_csv(workplace / "shop.csv", korean_reviews({"긍정": 30, "부정": 30}))
    command = ["--data", "shop.csv", "--language", "ko", *TINY, "--epochs", "1"]
    assert main(command) == 0
    (workplace / "runs" / "shop" / "finished.json").unlink()
    write_csv(path, korean_reviews({"긍정": 30, "부정": 31}))
    assert main([*command, "--resume"]) == 1
    assert "began on other data" in capsys.readouterr().err


# --- the bundle to go on from ---------------------------------------------------------------


def tiny_network(classes: int, hidden_size: int = 8) -> SentimentNetwork:
    return SentimentNetwork(
        NetworkConfig(embedding_size=8, hidden_size=hidden_size),
        vocabulary_size=120,
        classes=classes,
        pad_id=0,
    )


@pytest.mark.parametrize(
    ("labels", "kept"),
    [
        pytest.param(("negative", "positive"), True, id="the same labels"),
        pytest.param(("positive", "negative"), False, id="another order"),
        pytest.param(("bad", "fair", "good"), False, id="another number"),
    ],
)
def test_the_classifier_is_taken_only_with_its_labels(tmp_path, tiny_bundle, labels, kept):
    save_bundle(tmp_path / "base.pt", tiny_bundle)
    network = tiny_network(len(labels))
    drawn = network.reader.classifier.weight.detach().clone()
    take_weights(network, load_base(tmp_path / "base.pt"), labels)
    weights = tiny_bundle.module.state_dict()
    assert torch.equal(network.embedding.weight.half(), weights["vectors"])
    for name, weight in network.reader.layers.named_parameters():
        assert torch.equal(weight, weights[f"reader.layers.{name}"])
    found = network.reader.classifier.weight
    assert torch.equal(found, weights["reader.classifier.weight"] if kept else drawn)


def test_a_bundle_of_another_network_is_refused(tmp_path, tiny_bundle):
    save_bundle(tmp_path / "base.pt", tiny_bundle)
    with pytest.raises(TrainingError, match="holds another network"):
        take_weights(tiny_network(2, 16), load_base(tmp_path / "base.pt"), ("a", "b"))


# --- what the service makes of it -----------------------------------------------------------


def test_the_service_serves_five_classes_in_another_language(tmp_path, make_tiny_bundle):
    labels = ("1", "2", "3", "4", "5")
    save_bundle(tmp_path / "shop.pt", make_tiny_bundle("shop", "de", labels))
    save_bundle(tmp_path / "reviews-en.pt", make_tiny_bundle("reviews-en"))
    client = client_of(tmp_path)
    asked = {"texts": ["Sehr gut!", ""], "model": "shop"}
    for found in client.post("/predict", json=asked).get_json()["predictions"]:
        assert tuple(found["scores"]) == labels
        assert found["score"] == max(found["scores"].values())
        assert sum(found["scores"].values()) == pytest.approx(1, abs=1e-5)
    assert client.get("/models/shop").get_json()["language"] == "de"


def test_an_example_is_what_the_file_says(tmp_path):
    rows = plain_rows(b=10, a=10)
    own = load_own(write_csv(tmp_path / "a.csv", rows), COLUMNS, seed=1)
    parts = own.development.train + own.development.validation + own.test
    assert {(e.text, own.labels[e.label]) for e in parts} == set(rows)
    assert all(isinstance(example, Example) for example in parts)
