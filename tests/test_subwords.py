"""The tokenizer as it is trained: its rules, its bytes, and what it refuses."""

from __future__ import annotations

import random
import tempfile
import unicodedata
from pathlib import Path

import pytest
import sentencepiece

from service.tokenizer import Tokenizer
from training.errors import TrainingError
from training.subwords import normalisation_rules, sampled, train_tokenizer

# Of our own; what is made of them does not matter, only that there is enough.
TEXTS = [
    "It isn't bad, it's good: I'd see it again.\nThe end was fine, too; so was the music.",
    "The room was cold and the soup was cold. We didn't stay; nobody did.",
    "A lamp that doesn't light. A fan that does not turn! What a shop...",
    "정말 좋았어요 ㅋㅋㅋ 또 볼게요",
    "너무 지루해서 잤다 ㅠㅠ 돈이 아깝다",
] * 4


@pytest.fixture(scope="module")
def rules() -> dict[str, str]:
    lines = (line.split("\t") for line in normalisation_rules().splitlines())
    return {_text(found): _text(plain) for found, plain in lines}


@pytest.fixture(scope="module")
def trained() -> Tokenizer:
    return train_tokenizer(TEXTS, vocabulary_size=70)


def _text(codes: str) -> str:
    return "".join(chr(int(code, 16)) for code in codes.split())


def normalised(rules: dict[str, str], text: str) -> str:
    return "".join(rules.get(character, character) for character in text)


def test_the_rules_are_lines_of_code_points_in_hex():
    assert "41\t61" in normalisation_rules().splitlines()  # A -> a


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("GOOD", "good", id="case"),
        pytest.param("Straße", "strasse", id="case folding"),
        pytest.param("isn’t ‘so’", "isn't 'so'", id="curly apostrophes"),
        pytest.param("“so” „so“ «so»", '"so" "so" "so"', id="quotes"),
        pytest.param("a – b — c", "a - b - c", id="dashes"),
        pytest.param("ＧＯＯＤ！", "good!", id="full width"),
        pytest.param("ﬁne", "fine", id="ligature"),
        pytest.param("so…", "so...", id="ellipsis"),
        pytest.param("a\tb\r\nc\u00a0d\u3000e", "a b  c d e", id="white space"),
        pytest.param("a\x07b\x7f", "ab", id="control characters"),
        pytest.param("a\u200bb\ufeff\u00ad", "ab", id="format characters"),
        pytest.param("☺\ufe0f", "☺", id="variation selector"),
        pytest.param("ㅋㅋㅠㅠㅎ", "ㅋㅋㅠㅠㅎ", id="lone Korean letters"),
        pytest.param("좋아요", "좋아요", id="Korean syllables"),
        pytest.param("👍", "👍", id="emoji"),
        pytest.param("x⁻² ŉ", "x-2 'n", id="signs that NFKC turns into a typographer's"),
    ],
)
def test_the_rules_make_plain_text(rules, text, expected):
    assert normalised(rules, text) == expected


@pytest.mark.parametrize("syllable", ["좋", "é", "Å", "ñ"])
def test_what_is_decomposed_is_composed(rules, syllable):
    decomposed = unicodedata.normalize("NFD", syllable)
    assert len(decomposed) > 1
    assert rules[decomposed] == unicodedata.normalize("NFC", syllable.lower())


def test_plain_text_has_no_rule(rules):
    assert not set("abc xyz019.,!?'\"-:;()가힣ㅋㅠ👍") & rules.keys()


def test_a_rule_makes_nothing_that_another_would_change(rules):
    changed = {found for found, plain in rules.items() if normalised(rules, plain) != plain}
    assert changed == set()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("It isn’t GOOD", "it isn't good", id="case and apostrophe"),
        pytest.param("it isn't\tgood", "it isn't  good ", id="white space"),
        pytest.param("it\u200b isn't \x07good", "it isn't good", id="invisible"),
        pytest.param(unicodedata.normalize("NFD", "좋았어요"), "좋았어요", id="decomposed"),
    ],
)
def test_the_tokenizer_follows_the_rules(trained, one, other):
    assert trained.encode(one) == trained.encode(other) != []


def test_lone_korean_letters_are_not_composed_to_a_syllable(trained):
    pieces = "".join(token.piece for token in trained.tokens("ㅋㅠ"))
    assert "ㅋㅠ" in pieces.replace("▁", "")


def test_the_vocabulary_has_the_size_that_was_asked_for(trained):
    assert (len(trained), trained.pad_id, trained.unk_id) == (70, 0, 1)


def test_a_text_never_holds_padding(trained):
    assert trained.pad_id not in trained.encode("<pad> it isn't good <unk> 좋았어요")


def test_the_same_texts_give_the_same_bytes(trained):
    random.seed(99)
    assert train_tokenizer(iter(TEXTS), vocabulary_size=70).model == trained.model


def test_line_breaks_end_a_sentence(trained):
    lines = [line for text in TEXTS for line in text.split("\n")]
    assert train_tokenizer(lines, vocabulary_size=70).model == trained.model


def test_nothing_of_this_machine_is_in_the_model(trained):
    for trace in (tempfile.gettempdir(), str(Path.cwd()), str(Path.home())):
        assert trace.encode() not in trained.model


@pytest.mark.parametrize(
    ("texts", "size"),
    [
        pytest.param(TEXTS, 20_000, id="more subwords than the text has"),
        pytest.param(TEXTS, 10, id="fewer than it has letters"),
        pytest.param([], 100, id="no text"),
        pytest.param(["", " \n "], 100, id="blank texts"),
    ],
)
def test_a_vocabulary_that_does_not_fit_the_text_is_an_error(texts, size, capfd):
    with pytest.raises(TrainingError, match=r"No tokenizer of .* --vocabulary-size"):
        train_tokenizer(texts, vocabulary_size=size)


@pytest.mark.parametrize("size", [70, 20_000], ids=["after success", "after an error"])
def test_the_working_directory_is_as_before(tmp_path, monkeypatch, size):
    monkeypatch.chdir(tmp_path)
    try:
        train_tokenizer(TEXTS, vocabulary_size=size)
    except TrainingError:
        assert size == 20_000
    assert Path.cwd() == tmp_path
    assert list(tmp_path.iterdir()) == []


# --- Sampling ---------------------------------------------------------------------------------


def test_sampled_subwords_spell_the_same_text(tokenizer):
    ids = sampled(TEXTS, tokenizer, alpha=0.2, seed=1)
    processor = sentencepiece.SentencePieceProcessor(model_proto=tokenizer.model)
    assert processor.decode(ids) == processor.decode([tokenizer.encode(s) for s in TEXTS])


def test_the_same_seed_draws_the_same_subwords(tokenizer):
    first, again, other = (
        sampled(TEXTS, tokenizer, alpha=0.2, seed=seed) for seed in (3, 3, 2**40 + 4)
    )
    assert first == again
    assert first != other


def test_a_low_alpha_is_wilder_than_a_high_one(tokenizer):
    usual = [tokenizer.encode(sentence) for sentence in TEXTS]

    def unusual(alpha):
        drawn = sampled(TEXTS * 20, tokenizer, alpha=alpha, seed=1)
        return sum(a != b for a, b in zip(drawn, usual * 20, strict=True))

    assert unusual(0.1) > unusual(5.0)
