"""Text to ids: what the normaliser folds, what it keeps, and where each token stands."""

from __future__ import annotations

import unicodedata

import pytest

from service.tokenizer import Tokenizer

TEXTS = [
    pytest.param("The film was good, and the music was even better.", id="english"),
    pytest.param("정말 재미있어요 ㅋㅋㅋ", id="korean"),
    pytest.param(unicodedata.normalize("NFD", "정말 재미있어요"), id="decomposed hangul"),
    pytest.param("ＧＯＯＤ ｆｉｌｍ！", id="full-width letters"),
    pytest.param("a ﬁne ﬁlm", id="ligatures"),
    pytest.param("good 👍🏽 film", id="emoji with skin tone"),
    pytest.param("👨\u200d👩\u200d👧 ok", id="joined emoji"),
    pytest.param("go\0od", id="null byte"),
    pytest.param("go\ud83dod film", id="high surrogate"),
    pytest.param("\udc4d", id="low surrogate alone"),
    pytest.param("   \t good film  ", id="leading and trailing blanks"),
    pytest.param("映画はとても good でした", id="mixed scripts"),
    pytest.param("good\u200bfilm\ufeff", id="invisible characters"),
    pytest.param("x" * 5_000, id="one long word"),
]


def ids(tokens):
    return [token.id for token in tokens]


def places(tokens, text):
    return [(token.piece, text[token.start : token.end]) for token in tokens]


@pytest.mark.parametrize("text", TEXTS)
def test_encode_gives_the_ids_of_the_tokens(tokenizer, text):
    assert tokenizer.encode(text) == ids(tokenizer.tokens(text))


@pytest.mark.parametrize("text", TEXTS)
def test_every_id_is_in_the_vocabulary_and_none_is_padding(tokenizer, text):
    assert all(0 <= found < len(tokenizer) for found in tokenizer.encode(text))
    assert tokenizer.pad_id not in tokenizer.encode(text)


@pytest.mark.parametrize("text", TEXTS)
def test_places_lie_in_the_text_one_behind_the_other(tokenizer, text):
    end = 0
    for token in tokenizer.tokens(text):
        assert end <= token.start <= token.end <= len(text)
        end = token.end
    assert not text[end:].strip("\ufeff ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("good good", ["good", " good"], id="plain"),
        pytest.param("ＧＯＯＤ good", ["ＧＯＯＤ", " good"], id="full-width letters"),
        pytest.param("   good good", ["good", " good"], id="leading blanks"),
        pytest.param("good\ngood", ["good", "\ngood"], id="line break"),
    ],
)
def test_a_token_stands_where_its_text_stood(tokenizer, text, expected):
    assert [found for _, found in places(tokenizer.tokens(text), text)] == expected


def test_a_ligature_is_one_place_for_two_letters(tokenizer):
    tokens = tokenizer.tokens("ﬁlm good")
    assert ids(tokens) == tokenizer.encode("film good")
    assert places(tokens, "ﬁlm good")[-1] == ("▁good", " good")


def test_decomposed_hangul_is_read_as_composed_and_placed_as_given(tokenizer):
    text = unicodedata.normalize("NFD", "정말 good")
    tokens = tokenizer.tokens(text)
    assert ids(tokens) == tokenizer.encode("정말 good")
    assert text[tokens[-1].start : tokens[-1].end] == " good"


def test_a_character_outside_the_basic_plane_counts_as_one(tokenizer):
    text = "👍🏽 good"
    last = tokenizer.tokens(text)[-1]
    assert (last.start, last.end) == (2, len(text))


def test_half_a_surrogate_pair_is_unknown_and_moves_nothing(tokenizer):
    text = "good \ud83d good"
    tokens = tokenizer.tokens(text)
    assert tokenizer.unk_id in ids(tokens)
    assert places(tokens, text)[-1] == ("▁good", " good")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("   ", id="blanks"),
        pytest.param(" \n\t\u00a0\u3000", id="other blanks"),
        pytest.param("\u200b\ufeff", id="invisible"),
    ],
)
def test_a_blank_text_has_no_tokens(tokenizer, text):
    assert tokenizer.encode(text) == []
    assert tokenizer.tokens(text) == []


@pytest.mark.parametrize(
    ("text", "same"),
    [
        pytest.param("It isn’t good", "It isn't good", id="curly apostrophe"),
        pytest.param("“good”", '"good"', id="curly quotes"),
        pytest.param("GOOD Film", "good film", id="case"),
        pytest.param("good \u00a0  film", "good film", id="blanks"),
        pytest.param("cafe\u0301", "caf\u00e9", id="decomposed accent"),
        pytest.param("❤\ufe0f", "❤", id="variation selector"),
    ],
)
def test_both_spellings_give_the_same_ids(tokenizer, text, same):
    assert tokenizer.encode(text) == tokenizer.encode(same)


@pytest.mark.parametrize("text", ["ㅋㅋㅋ", "ㅠㅠ", "ㅋㅠ"])
def test_lone_korean_letters_stay_what_they_are(tokenizer, text):
    pieces = "".join(token.piece for token in tokenizer.tokens(text))
    assert pieces == f"▁{text}"
    assert tokenizer.unk_id not in tokenizer.encode(text)


def test_a_tokenizer_made_from_the_same_bytes_reads_the_same(tokenizer):
    again = Tokenizer(tokenizer.model)
    text = "Not bad at all! ㅋㅋㅋ"
    assert (len(again), again.pad_id, again.unk_id) == (len(tokenizer), 0, 1)
    assert again.tokens(text) == tokenizer.tokens(text)


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(lambda model: b"", id="empty"),
        pytest.param(lambda model: b"garbage", id="text"),
        pytest.param(lambda model: bytes(range(256)), id="bytes"),
        pytest.param(lambda model: model[: len(model) // 2], id="half a model"),
    ],
)
def test_bytes_that_are_no_model_are_refused(tokenizer, cut):
    with pytest.raises(ValueError, match="not a sentencepiece model"):
        Tokenizer(cut(tokenizer.model))
