"""What a person sees: no text can command the terminal, and every script stands straight."""

from __future__ import annotations

import re

import pytest

from service.cli.terminal import coloured, explained, prediction, printable, table, width
from service.predictor import Prediction


def answer(**changes) -> Prediction:
    values = {"label": "positive", "score": 0.871, "scores": {"negative": 0.129, "positive": 0.871}}
    rest = {"model": "reviews-en", "tokens": 2, "truncated": False, "known": 1.0}
    return Prediction(**{**values, **rest, **changes})


def reading(*tokens: tuple[str, int, float]) -> dict:
    """As `/explain` answers; tokens are a text, its place and the running score."""
    before, entries = 0.5, []
    for text, start, score in tokens:
        entries.append(
            {
                "text": text,
                "start": start,
                "end": start + len(text),
                "score": score,
                "added": round(score - before, 6),
                "scores": {"negative": 1 - score, "positive": score},
            }
        )
        before = score
    return {"label": "positive", "score": before, "model": "reviews-ko", "reading": entries}


def test_a_prediction_is_a_line():
    assert prediction("Not bad", answer()) == "positive  0.871  reviews-en  Not bad"


def test_a_prediction_says_what_it_does_not_rest_on():
    shown = prediction("Ж", answer(truncated=True, known=0.0))
    assert shown.endswith("Ж  [cut at the end, nothing of it is known]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a\x1b[2Jb", "a␛[2Jb", id="escape"),
        pytest.param("a\r\nb\tc", "a  b c", id="line ends"),
        pytest.param("a\x9bb\x7f", "a\ufffdb\ufffd", id="eight-bit controls"),
        pytest.param("a\ud83db", "a\ufffdb", id="half a surrogate pair"),
        pytest.param("좋다 👍🏽", "좋다 👍🏽", id="left as it is"),
    ],
)
def test_a_text_cannot_command_the_terminal(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "columns"),
    [("good", 4), ("좋다", 4), ("e\u0301", 1), ("ＡＢ", 4), ("", 0), ("a\u200b", 1)],
)
def test_wide_letters_take_two_columns(text, columns):
    assert width(text) == columns


def test_a_table_stands_straight_in_every_script():
    lines = table([("a", "x"), ("좋다", "y"), ("abc", "z")]).split("\n")
    assert [width(line.rpartition(" ")[0]) for line in lines] == [5, 5, 5]


def test_an_explanation_shows_each_token_and_what_it_added():
    shown = explained("좋지 않다", reading(("좋지", 0, 0.9), (" 않다", 2, 0.2)), colours=False)
    lines = shown.split("\n")
    assert lines[0] == "positive 0.200  reviews-ko"
    assert lines[2].split() == ["read", "added", "positive"]
    assert lines[3].split() == ["좋지", "+0.400", "0.900", "█████████"]
    assert lines[4].split() == ["않다", "-0.700", "0.200", "██"]
    assert [width(line.partition("0")[0]) for line in lines[3:]] == [7, 7]
    assert "\x1b" not in shown


def test_colours_tell_for_from_against_and_weak_from_strong():
    text = "So good\nnot \x1b[31mbad"
    shown = explained(
        text,
        reading(("So", 0, 0.51), ("good", 3, 0.9), ("not", 8, 0.5), ("bad", 17, 0.55)),
        colours=True,
    )
    line = shown.split("\n")[2]
    strong, against, weak = (f"\x1b[30;48;5;{colour}m" for colour in (33, 208, 153))
    end = "\x1b[0m"
    assert line == f"So {strong}good{end} {against}not{end} ␛[31m{weak}bad{end}"
    assert re.sub(r"\x1b\[[0-9;]*m", "", line) == printable(text)


def test_tokens_without_a_place_of_their_own_double_nothing():
    answer = reading(("ab", 0, 0.9), ("b", 1, 0.95), ("", 2, 0.97))
    line = explained("abc", answer, colours=True).split("\n")[2]
    assert re.sub(r"\x1b\[[0-9;]*m", "", line) == "abc"


def test_a_blank_text_has_nothing_to_read():
    blank = {"label": "negative", "score": 0.5, "model": "reviews-en", "reading": []}
    assert explained(" ", blank, colours=True).split("\n")[0] == "negative 0.500  reviews-en"


def test_no_colours_where_standard_output_is_no_terminal():
    assert coloured() is False
