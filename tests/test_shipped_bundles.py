"""The bundles that ship: what they were measured at, and what they answer."""

from __future__ import annotations

import json
import os
import re
import shutil
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest

from service.app import create_app
from service.bundle import Bundle, load_bundle
from service.contract.operations import OPERATIONS
from service.settings import Settings
from training.behave import behave
from training.behaviours.files import UNSEEN, read_cases
from training.card import write_card
from training.datasets import Store, load_test

MODELS = Path(__file__).parent.parent / "models"
NAMES = ("reviews-en", "reviews-ko")
MEGABYTES = 12

# Of our own, as reviewers write.
SENTENCES = {
    "reviews-en": [
        "Good.",
        "The kettle boils fast, but the lid broke off in the second week.",
        "I wouldn't say it is bad; I wouldn't watch it again either.",
        "Two hours that feel like four!!!",
        "The band was late, the sound was thin, and still it was a night to remember 😀",
        "Don't buy this book for its plot: buy it for its people.",
        "Nobody answered the phone, nobody answered my letters, and the lamp is still broken.",
        "Her best role yet, in a story that asks little of her.",
    ],
    "reviews-ko": [
        "좋아요",
        "배우들의 연기는 훌륭했지만 이야기가 너무 길고 지루했다",
        "기대 안 하고 봤는데 울다가 나왔습니다 ㅠㅠ",
        "ㅋㅋㅋ 이걸 영화라고 만들었나",
        "음악도 좋고 화면도 아름다워서 또 보고 싶어요!",
        "OST만 좋음. 나머지는 별로였어요...",
        "가족과 함께 보기 좋은 따뜻한 영화 👍",
        "두 시간이 네 시간처럼 느껴졌다",
    ],
}


@pytest.fixture(scope="module", params=NAMES)
def bundle(request) -> Bundle:
    path = MODELS / f"{request.param}.pt"
    if not path.is_file():
        pytest.fail(f"{path} does not ship: `make train` makes it")
    return load_bundle(path)  # replays its golden answers


def test_its_card_is_what_today_s_code_writes(bundle, tmp_path):
    """So that the command in it makes this bundle, whatever the recipe is by now."""
    name = bundle.metadata.name
    shutil.copytree(MODELS / name, tmp_path / name)
    write_card(tmp_path / f"{name}.md", bundle.metadata)
    written = (tmp_path / f"{name}.md").read_text(encoding="utf-8")
    assert (MODELS / f"{name}.md").read_text(encoding="utf-8") == written


def in_batches(bundle: Bundle, sequences: list[list[int]], size: int) -> np.ndarray:
    """In batches of `size` as they come, short beside long; as one pass for each batch."""
    parts = [
        bundle.probabilities(sequences[begin : begin + size])
        for begin in range(0, len(sequences), size)
    ]
    return np.concatenate(parts)


def test_it_is_small_enough_to_ship(bundle):
    size = (MODELS / f"{bundle.metadata.name}.pt").stat().st_size
    assert size <= MEGABYTES * 1_000_000


def test_it_has_golden_answers(bundle):
    assert len(bundle.golden) >= 8
    for golden in bundle.golden:
        answer = bundle.answer(golden.text)
        assert answer.ids == golden.ids
        assert answer.probabilities == pytest.approx(golden.probabilities, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "dataset", "texts", "accuracy", "calibration_error"),
    [
        pytest.param("reviews-en", "imdb", 25_000, 0.928, 0.02, id="imdb"),
        # 872 and 1,571 texts: the error of scores that are right would still be up to 3.3 and 1.9 %
        pytest.param("reviews-en", "sst2", 872, 0.87, 0.03, id="sst2"),
        pytest.param("reviews-en", "amazon", 1_500, 0.905, 0.03, id="amazon"),
        pytest.param("reviews-ko", "nsmc", 10_000, 0.893, 0.02, id="nsmc"),
    ],
)
def test_it_was_measured_good_enough(name, dataset, texts, accuracy, calibration_error):
    figures = load_bundle(MODELS / f"{name}.pt").metadata.figures[dataset]
    assert figures["texts"] >= texts
    assert figures["accuracy"] >= accuracy
    assert figures["calibration_error"] <= calibration_error
    confusion = np.array(figures["confusion"])
    assert confusion.sum() == figures["texts"]
    assert confusion.trace() / confusion.sum() == pytest.approx(figures["accuracy"], abs=1e-5)


def test_its_card_states_its_figures(bundle):
    card = (MODELS / f"{bundle.metadata.name}.md").read_text(encoding="utf-8")
    for dataset, figures in bundle.metadata.figures.items():
        assert f"{100 * figures['accuracy']:.2f}" in card, dataset


def test_the_readme_states_its_figures(bundle):
    readme = (MODELS.parent / "README.md").read_text(encoding="utf-8")
    for dataset, figures in bundle.metadata.figures.items():
        percent = (figures["accuracy"], figures["f1"], figures["calibration_error"])
        row = f"| {dataset}, {figures['texts']:,} texts | " + " | ".join(
            f"{100 * value:.2f} %" for value in percent
        )
        assert row in readme


@pytest.fixture(scope="module")
def client():
    return create_app(Settings(models_dir=MODELS, device="cpu")).test_client()


@pytest.mark.parametrize(
    ("text", "label", "model"),
    [
        pytest.param("This is not good at all.", "negative", "reviews-en", id="not good"),
        pytest.param("One of the best films I have seen.", "positive", "reviews-en", id="the best"),
        pytest.param("정말 재미있어요, 강력 추천합니다", "positive", "reviews-ko", id="재미있어요"),
        pytest.param("시간이 아깝다. 최악의 영화", "negative", "reviews-ko", id="최악"),
    ],
)
def test_the_service_answers_right(client, text, label, model):
    answer = client.post("/predict", json={"text": text}).get_json()
    assert (answer["label"], answer["model"]) == (label, model)
    assert answer["score"] > 0.5


def near(found: object, shown: object) -> bool:
    """Alike, but for what another processor or precision changes of a number."""
    if isinstance(found, dict) and isinstance(shown, dict):
        return found.keys() == shown.keys() and all(near(found[key], shown[key]) for key in shown)
    if isinstance(found, list) and isinstance(shown, list):
        return len(found) == len(shown) and all(map(near, found, shown))
    return found == (pytest.approx(shown, abs=0.01) if isinstance(shown, float) else shown)


@pytest.mark.parametrize(
    "name", ["predict", "explain", "huggingface", "v1_predict", "v2_infer", "invocations"]
)
def test_the_contract_shows_what_the_service_answers(client, name):
    [operation] = [operation for operation in OPERATIONS if operation.name == name]
    for example in operation.examples:
        path = operation.path.format(**(example.path or {}))
        if isinstance(example.request, dict):
            found = client.post(path, json=example.request).get_json()
            assert near(found, example.answer), f"{example.summary}: {found}"


@pytest.mark.parametrize("text", ["42", "2024-05-01", "qxv zkwj", "책상", "La rue et la maison"])
def test_the_service_is_undecided_about_what_has_no_tone(client, text):
    answer = client.post("/predict", json={"text": text}).get_json()
    assert answer["score"] < 0.75


def test_it_behaves(bundle):
    failing = {
        finding.capability.name
        for finding in behave(bundle)
        if finding.rate > finding.capability.limit
    }
    assert failing == set()


def test_it_reads_what_others_wrote(bundle):
    findings = behave(bundle, read_cases(UNSEEN[bundle.metadata.language]))
    failed = sum(len(finding.failures) for finding in findings)
    assert failed / sum(len(finding.capability.cases) for finding in findings) < 0.09


@pytest.mark.parametrize("others", ["Polish", "Muslim", "Asian", "white", "gay"])
def test_no_english_answer_moves_with_a_group(client, others):
    text = "The Black couple next door lent us a ladder and would not hear of a thank-you."
    said = [
        client.post("/predict", json={"text": t}).get_json()["score"]
        for t in (text, text.replace("Black", others))
    ]
    assert said[0] == pytest.approx(said[1], abs=1e-5)


@pytest.mark.parametrize("readme", ["README.md", "README.ko.md"])
def test_the_readme_shows_the_real_answer(client, readme):
    text = (MODELS.parent / readme).read_text(encoding="utf-8")
    asked = json.loads(re.search(r"-d '(\{.*?\})'", text)[1])
    shown = json.loads(re.search(r"```json\n(\{.*?\})\n```", text, re.DOTALL)[1])
    answer = client.post("/predict", json=asked).get_json()
    # The last digits are the CPU's.
    assert answer.pop("scores") == pytest.approx(shown.pop("scores"), abs=1e-4)
    assert answer.pop("score") == pytest.approx(shown.pop("score"), abs=1e-4)
    assert answer == shown


def test_a_batch_answers_as_one_text_does(bundle):
    sentences = SENTENCES[bundle.metadata.name]
    # 200 texts of 1 to 98 sentences, most of them short, long beside short.
    texts = [
        " ".join(islice(cycle(sentences[n % 8 :] + sentences[: n % 8]), 1 + (n % 20) ** 3 // 70))
        for n in range(200)
    ]
    sequences = [bundle.encode(text).ids for text in texts]
    assert max(map(len, sequences)) > 500
    alone = in_batches(bundle, sequences, 1)
    np.testing.assert_allclose(in_batches(bundle, sequences, 32), alone, rtol=0, atol=1e-5)


@pytest.mark.mirror
@pytest.mark.skipif(
    not os.environ.get("DATASET_MIRROR"), reason="needs real reviews: set DATASET_MIRROR"
)
def test_a_batch_of_real_reviews_answers_as_one_does(bundle):
    dataset = {"en": "imdb", "ko": "nsmc"}[bundle.metadata.language]
    reviews = load_test(dataset, store=Store.from_env(os.environ))
    # A thousand of all lengths: every n-th by length, in an order that mixes them.
    by_length = sorted((review.text for review in reviews), key=len)
    texts = [by_length[n * 389 % 1_000 * (len(by_length) - 1) // 999] for n in range(1_000)]
    sequences = [ids for text in texts if (ids := bundle.encode(text).ids)]
    alone = in_batches(bundle, sequences, 1)
    for size in (8, 64):
        np.testing.assert_allclose(in_batches(bundle, sequences, size), alone, rtol=0, atol=1e-5)
