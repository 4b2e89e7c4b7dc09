"""Sentences written one by one: whole, labelled in balance, and not those of the suite."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from training import lessons
from training.behaviours import BY_LANGUAGE
from training.datasets.splits import folded
from training.lessons.grammar import Draw
from training.lessons.written import of_a_group, sentences, written

FILES = {"en": "english.tsv", "ko": "korean.tsv"}


@pytest.fixture(params=FILES)
def language(request) -> str:
    return request.param


def every(language: str) -> list:
    return [example for examples in written(language).values() for example in examples]


def test_every_line_of_the_file_is_read(language):
    with (Path(lessons.__file__).parent / FILES[language]).open(encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [(r[0], int(r[1]), r[2]) for r in sorted(rows)] == sorted(
        (capability, e.label, e.text) for capability, es in written(language).items() for e in es
    )


def test_there_are_many_and_none_comes_twice(language):
    texts = [folded(example.text) for example in every(language)]
    assert len(texts) > 2_000
    assert len(set(texts)) == len(texts)


def test_texts_are_whole_and_short(language):
    for example in every(language):
        assert example.label in (0, 1)
        assert example.text == example.text.strip()
        assert 2 <= len(example.text) <= 420, example.text


def test_praise_and_blame_are_about_as_many(language):
    labels = [example.label for example in every(language)]
    assert 0.45 < sum(labels) / len(labels) < 0.55
    for capability, examples in written(language).items():
        positive = sum(example.label for example in examples) / len(examples)
        assert 0.2 < positive < 0.8, capability


def test_no_text_is_one_of_the_suite(language):
    suite = {folded(text) for c in BY_LANGUAGE[language] for case in c.cases for text in case.texts}
    assert suite.isdisjoint(folded(example.text) for example in every(language))


def test_each_comes_once_as_it_is_and_then_again(language):
    known = every(language)
    examples = sentences(language, texts=3 * len(known), seed=1)
    once, again = examples[: len(known)], examples[len(known) :]
    assert Counter(once) == Counter(known)
    assert [e.label for e in again] == 2 * [e.label for e in once]
    unchanged = sum(a.text == b.text for a, b in zip(again, 2 * once, strict=True))
    assert 0.4 < unchanged / len(again) < 0.75


@pytest.mark.parametrize(
    ("language", "text", "begins", "ends"),
    [
        pytest.param("en", "Our driver was late.", "Our ", " driver was late.", id="a person"),
        pytest.param("en", "The tea was cold.", "The tea was cold.", "", id="nobody"),
        pytest.param("en", "A driver was late.", "A driver was late.", "", id="a or an"),
        pytest.param("ko", "어제 직원이 웃었다", "어제 ", " 직원이 웃었다", id="Korean"),
        pytest.param("ko", "국이 짰다", "국이 짰다", "", id="nobody in Korean"),
    ],
)
def test_whoever_did_it_may_be_of_any_group(language, text, begins, ends):
    changed = {of_a_group(language, Draw(seed), text) for seed in range(40)}
    assert all(c.startswith(begins) and c.endswith(ends) for c in changed)
    assert len(changed) > 20 if ends else changed == {text}


def test_fewer_are_some_of_them(language):
    some = sentences(language, texts=100, seed=1)
    assert len(some) == 100
    assert set(some) < set(every(language))
    assert 30 < sum(e.label for e in some) < 70


def test_the_same_seed_gives_the_same_texts_and_another_one_others(language):
    first = sentences(language, texts=200, seed=3)
    assert first == sentences(language, texts=200, seed=3)
    assert first != sentences(language, texts=200, seed=4)


def test_none_are_asked_for_and_a_language_without_them_has_none(language):
    assert sentences(language, texts=0, seed=1) == []
    assert written("fr") == {}
    assert sentences("fr", texts=20, seed=1) == []
