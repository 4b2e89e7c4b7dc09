from __future__ import annotations

from collections import Counter

import pytest

from training.datasets import Example
from training.datasets.splits import folded, hold_out, hold_out_sentences, without_repeats

EXAMPLES = [Example(f"text {n}", n % 2) for n in range(200)] + [
    Example("Text  199\n", 1),
    Example("a text of three", 0),
    Example("a text of three", 0),
    Example("A text of THREE", 1),
]


def cut(seed: int, share: float = 0.1) -> tuple[list[Example], list[Example]]:
    return hold_out(
        EXAMPLES,
        share,
        seed,
        stratum=lambda example: example.label,
        group=lambda example: folded(example.text),
    )


def texts(examples: list[Example]) -> set[str]:
    return {folded(example.text) for example in examples}


def test_each_example_is_on_one_side_and_in_its_old_order() -> None:
    kept, held = cut(seed=1)
    assert Counter(kept + held) == Counter(EXAMPLES)
    places = {id(example): place for place, example in enumerate(EXAMPLES)}
    for side in (kept, held):
        assert [places[id(example)] for example in side] == sorted(places[id(e)] for e in side)


def test_each_class_gives_its_share() -> None:
    _, held = cut(seed=1)
    assert Counter(example.label for example in held) == {0: 10, 1: 10}


@pytest.mark.parametrize("seed", range(20))
def test_no_text_is_on_both_sides_whatever_its_case_and_spaces(seed: int) -> None:
    kept, held = cut(seed, share=0.5)
    assert not texts(kept) & texts(held)


def test_a_seed_gives_one_split_and_another_seed_another() -> None:
    assert cut(seed=1) == cut(seed=1)
    assert texts(cut(seed=1)[1]) != texts(cut(seed=2)[1])


def test_a_split_is_the_same_on_every_version_of_python() -> None:
    _, held = hold_out(range(20), 0.25, 7, stratum=lambda n: n % 2, group=lambda n: n)
    assert held == [1, 3, 12, 16]


def test_repeats_leave_the_first() -> None:
    assert without_repeats(["b", "a", "B", "c"], str.casefold) == ["b", "a", "c"]


PHRASES = [
    *(
        Example(" ".join(words[begin:end]), label)
        for sentence, label in [
            ("a warm and clever film .", 1),
            ("the plot is thin and slow .", 0),
            ("we laughed a lot .", 1),
            ("my brother fell asleep .", 0),
            ("see it with friends .", 1),
            ("nothing here works .", 0),
        ]
        for words in [sentence.split()]
        for begin in range(len(words))
        for end in range(begin + 1, len(words) + 1)
    )
]


@pytest.mark.parametrize("seed", range(10))
def test_no_phrase_in_training_is_part_of_a_validation_sentence(seed: int) -> None:
    train, validation = hold_out_sentences(PHRASES, 1 / 3, seed)
    assert Counter(sentence.label for sentence in validation) == {0: 1, 1: 1}
    assert all(sentence.text.endswith(" .") for sentence in validation)
    for phrase in train:
        for sentence in validation:
            assert f" {phrase.text} " not in f" {sentence.text} "


def test_phrases_of_other_sentences_stay_in_training() -> None:
    train, validation = hold_out_sentences(PHRASES, 1 / 3, seed=0)
    lost = [phrase for phrase in PHRASES if phrase not in train]
    assert lost
    for phrase in lost:
        assert any(f" {phrase.text} " in f" {sentence.text} " for sentence in validation)


def test_part_of_a_word_is_no_part_of_a_sentence() -> None:
    phrases = [Example("art is long", 1), Example("part is long", 1), Example("is long", 1)]
    _, validation = hold_out_sentences(phrases, 1.0, seed=0)
    assert validation == phrases[:2]
