"""Sentences written one by one: whole, labelled in balance, and not those of the suite."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from training import lessons
from training.behaviours import BY_LANGUAGE
from training.datasets.splits import folded
from training.lessons.grammar import Draw
from training.lessons.groups import of_a_group, regrouped
from training.lessons.written import sentences, written

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
        pytest.param("ko", "어제 직원이 웃었다", "어제 ", " 직원이 웃었다", id="Korean"),
        pytest.param("ko", "국이 짰다", "국이 짰다", "", id="nobody in Korean"),
    ],
)
def test_whoever_did_it_may_be_of_any_group(language, text, begins, ends):
    changed = {of_a_group(language, Draw(seed), text) for seed in range(40)}
    assert all(c.startswith(begins) and c.endswith(ends) for c in changed)
    assert len(changed) > 20 if ends else changed == {text}


@pytest.mark.parametrize("text", ["A driver was late.", "an actor was late"])
def test_a_and_an_go_with_what_follows(text):
    changed = {of_a_group("en", Draw(seed), text) for seed in range(200)}
    vowels = {bool(re.match(r"an [aeio]", text, re.IGNORECASE)) for text in changed}
    assert vowels == {True, False}
    for found in changed:
        article, group = found.split(" ")[:2]
        assert (article.lower() == "an") == (group[0].lower() in "aeio"), found


REAL = {
    "en": ["the waiter smiled", "a man in love with two women", "dull", "my friend slept " * 20],
    "ko": ["배우가 좋았다", "직원이 친절했어요", "지루하다", "배우가 좋았다 " * 30],
}


def test_copies_of_real_texts_differ_by_a_group_alone(language):
    texts = REAL[language]
    copies = regrouped(language, texts, copies=5, seed=1)
    assert [place for place, _ in copies[:2]] in ([0, 1], [1, 0])
    assert {place for place, _ in copies} == {0, 1}  # neither nobody's nor a long one
    for place, copy in copies:
        assert set(texts[place].split()) - {"a"} <= set(copy.split())
        assert copy != texts[place]
    assert copies == regrouped(language, texts, copies=5, seed=1)
    assert copies != regrouped(language, texts, copies=5, seed=2)
    assert len(regrouped(language, texts, copies=99, seed=1)) == 6  # each three times at most
    assert regrouped(language, texts, copies=0, seed=1) == []


def test_no_groups_in_a_language_without_words_for_them():
    assert regrouped("de", ["der Mann lachte"], copies=9, seed=1) == []


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
