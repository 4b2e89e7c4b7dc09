"""Texts without a tone: many, different, the same for the same seed."""

from __future__ import annotations

import pytest

from training.lessons.toneless import toneless


@pytest.mark.parametrize("language", ["en", "ko", "de"])
def test_there_are_as_many_as_asked_and_no_two_alike(language):
    found = toneless(language, texts=3_000, seed=1)
    assert len(found) == len(set(found)) == 3_000
    assert all(text.strip() for text in found)


def test_the_same_seed_gives_the_same_texts_and_another_gives_others():
    assert toneless("en", texts=200, seed=4) == toneless("en", texts=200, seed=4)
    assert toneless("en", texts=200, seed=4) != toneless("en", texts=200, seed=5)


def test_none_is_none():
    assert toneless("en", texts=0, seed=1) == []


@pytest.mark.parametrize("language", ["en", "ko"])
def test_no_slot_of_a_template_is_left_open(language):
    assert not any("{" in text or "}" in text for text in toneless(language, texts=2_000, seed=2))


def test_its_own_language_is_not_foreign_to_a_bundle():
    assert any("straße" in text for text in toneless("en", texts=3_000, seed=1))
    assert not any("straße" in text for text in toneless("de", texts=3_000, seed=1))
