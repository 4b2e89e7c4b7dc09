"""Lessons: the same for a seed, balanced, rightly labelled, and not the behaviour suite's."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from training import behaviours
from training.behaviours import BY_LANGUAGE
from training.datasets import Example
from training.datasets.splits import folded
from training.errors import TrainingError
from training.lessons import GRAMMARS, by_capability, korean_noise, lessons
from training.lessons.english_noise import noise as english_noise
from training.lessons.grammar import Capability, Draw, Grammar, Topic, both, compose
from training.lessons.korean_forms import forms, with_particles
from training.lessons.slips import LONGEST, misspelt

SIZES = {"en": 30_000, "ko": 20_000}
SLOT = re.compile(r"\{[^{}]*\}")


@pytest.fixture(scope="module", params=SIZES)
def made(request):
    return request.param, full(request.param)


@cache
def full(language: str) -> dict[str, list[Example]]:
    return by_capability(language, texts=SIZES[language], seed=1)


def everything(language: str) -> list[Example]:
    return [example for examples in full(language).values() for example in examples]


def shape(template: str) -> str:
    """What two templates have in common whatever their slots are called."""
    return " ".join(re.sub(r"[^\w_]+", " ", SLOT.sub("_", template).casefold()).split())


def suite_shapes(language: str) -> set[str]:
    file = {"en": "english.py", "ko": "korean.py"}[language]
    tree = ast.parse((Path(behaviours.__file__).parent / file).read_text(encoding="utf-8"))
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return {shape(text) for text in strings if isinstance(text, str) and "{" in text}


def test_the_full_size_is_reached_without_repeats(made):
    language, parts = made
    texts = [folded(example.text) for examples in parts.values() for example in examples]
    assert SIZES[language] - 2 * len(parts) <= len(texts) <= SIZES[language]
    assert len(set(texts)) == len(texts)


def test_each_capability_is_half_positive(made):
    for name, examples in made[1].items():
        assert 2 * sum(example.label for example in examples) == len(examples), name


def test_no_text_is_one_of_the_suite(made):
    language, parts = made
    suite = {folded(text) for c in BY_LANGUAGE[language] for case in c.cases for text in case.texts}
    assert suite.isdisjoint(folded(e.text) for examples in parts.values() for e in examples)


@pytest.mark.parametrize("language", SIZES)
def test_no_template_is_one_of_the_suite(language):
    templates = {
        shape(template)
        for capability in GRAMMARS[language].capabilities
        for frame in capability.frames
        for template in (frame.positive, frame.negative)
        if SLOT.sub("", template).strip(" .?!,:")
    }
    assert len(suite_shapes(language)) > 10
    assert templates & suite_shapes(language) == set()


def test_texts_are_whole_and_short(made):
    for examples in made[1].values():
        for text in (example.text for example in examples):
            assert not re.search(r"[{}\[\]]|  ", text), text
            assert text == text.strip()
            assert 1 <= len(text) <= 260, text


@pytest.mark.parametrize("language", SIZES)
def test_the_same_seed_gives_the_same_texts_and_another_one_others(language):
    first = lessons(language, texts=500, seed=3)
    assert first == lessons(language, texts=500, seed=3)
    assert first != lessons(language, texts=500, seed=4)


def test_a_language_without_lessons_has_none():
    assert lessons("fr", texts=100, seed=1) == []


@pytest.mark.parametrize("language", SIZES)
def test_every_slot_has_words(language):
    grammar = GRAMMARS[language]
    known = {*grammar.words, *grammar.tones, *(f for t in grammar.topics for f in t.forms)}
    held = [
        *(t for c in grammar.capabilities for f in c.frames for t in (f.positive, f.negative)),
        *(word for words in grammar.words.values() for word in words),
        *(word for tones in grammar.tones.values() for words in tones for word in words),
    ]
    names = {slot for text in held for slot in re.findall(r"\{~?([a-z_]+\d?)\}", text)}
    assert {n for n in names if n not in known and n.rstrip("0123456789") not in known} == set()
    assert not [text for text in held if re.search(r"[{}]", SLOT.sub("", text))]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        *(("en", words) for words in ("nat", "rel", "eth", "gender", "city", "name")),
        *(("ko", words) for words in ("nat", "rel", "eth", "gender", "city", "name_c")),
    ],
)
def test_no_group_name_or_place_tells_the_label(language, words):
    grammar = _plain(GRAMMARS[language])
    draw, frame = Draw(5), both(f"{{{words}}}: {{verdict}}")[0]
    for _ in range(200):
        positive, negative = (example.text for example in grammar.pair(frame, draw))
        assert positive != negative
        assert positive.partition(":")[0] == negative.partition(":")[0]
    assert len(set(grammar.words[words])) >= 15


def _plain(grammar: Grammar) -> Grammar:
    """The grammar without slips and additions."""
    return Grammar(
        grammar.capabilities, grammar.topics, grammar.words, grammar.tones, str, lambda _, t: t
    )


@pytest.mark.parametrize(
    ("language", "pattern", "label"),
    [
        ("en", r"^Any (regrets|problems|complaints)\? (Yes|Plenty|Lots)\b", 0),
        ("en", r"^Any (regrets|problems|complaints)\? (No|None)\b", 1),
        ("en", r"couldn't have been (nicer|better)", 1),
        ("en", r"couldn't have been (worse|uglier)", 0),
        ("en", r"is overrated", 0),
        ("en", r"is underrated", 1),
        ("en", r"I am not unhappy with", 1),
        ("en", r"(isn't|wasn't) (good|great|nice|fun)\b(?!.*\bbut\b)[^,:]*\.$", 0),
        ("en", r"^Not (bad|terrible|awful)\b[^,?]*\.$", 1),
        ("ko", r"흠잡을 데가 없다", 1),
        ("ko", r"후회하냐고\? (아니|전혀)", 1),
        ("ko", r"후회하냐고\? (응|네|당연)", 0),
        ("ko", r"추천하냐고\? (당연|물론|네|응)", 1),
        ("ko", r"이보다 더 나쁠 수 없다", 0),
        ("ko", r"^(전혀 )?(지루하|나쁘|유치하|실망스럽)지 않은 \S+$", 1),
        ("ko", r"^(전혀 )?(좋|재밌|멋지|훌륭하)지 않은 \S+$", 0),
        ("ko", r"(좋을|최고일|대박일|멋질) 줄 알았는데 (아니|착각|오산)", 0),
        ("ko", r"(별로일|최악일|나쁠|지루할) 줄 알았는데 (아니|착각|오산)", 1),
    ],
)
def test_what_any_reader_would_say(language, pattern, label):
    found = [e for e in everything(language) if re.search(pattern, e.text)]
    assert found
    assert {example.label for example in found} == {label}, found[:5]


@pytest.mark.parametrize("language", SIZES)
def test_a_glad_mark_never_stands_behind_blame(language):
    angry, glad = (set(marks) for marks in GRAMMARS[language].tones["mark"])
    assert angry.isdisjoint(glad)
    for text, label in ((e.text, e.label) for e in everything(language)):
        assert not ({"😡", "👎", "💔"} & set(text) and label == 1), text
        assert not ({"😍", "👍", "🎉"} & set(text) and label == 0), text


def test_laughing_and_crying_letters_come_with_both_tones():
    texts = everything("ko")
    for letters in ("ㅋㅋ", "ㅠㅠ", "ㅎㅎ"):
        labels = [example.label for example in texts if letters in example.text]
        assert 0.45 < sum(labels) / len(labels) < 0.55


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("영화[은] 결말[은]", "영화는 결말은"),
        ("음식[이] 커피[이]", "음식이 커피가"),
        ("책[을] 노래[을]", "책을 노래를"),
        ("호텔[으로] 방[으로] 카페[으로]", "호텔로 방으로 카페로"),
        ("시즌2[은] 시즌3[은]", "시즌2는 시즌3은"),
        ("작품[이었]어요 영화[이었]어요", "작품이었어요 영화였어요"),
    ],
)
def test_a_particle_goes_with_the_letter_before_it(text, expected):
    assert with_particles(text) == expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("좋다", ("좋아요", "좋았다", "좋은", "좋을", "좋음", "좋습니다")),
        ("나쁘다", ("나빠요", "나빴다", "나쁜", "나쁠", "나쁨", "나쁩니다")),
        ("예쁘다", ("예뻐요", "예뻤다", "예쁜", "예쁠", "예쁨", "예쁩니다")),
        ("재밌다", ("재밌어요", "재밌었다", "재밌는", "재밌을", "재밌음", "재밌습니다")),
        ("즐겁다", ("즐거워요", "즐거웠다", "즐거운", "즐거울", "즐거움", "즐겁습니다")),
        ("비좁다", ("비좁아요", "비좁았다", "비좁은", "비좁을", "비좁음", "비좁습니다")),
        ("빠르다", ("빨라요", "빨랐다", "빠른", "빠를", "빠름", "빠릅니다")),
        ("친절하다", ("친절해요", "친절했다", "친절한", "친절할", "친절함", "친절합니다")),
        ("최고!", ("최고예요", "최고였다", "최고인", "최고일", "최고임", "최고입니다")),
        ("최악!", ("최악이에요", "최악이었다", "최악인", "최악일", "최악임", "최악입니다")),
    ],
)
def test_a_predicate_is_conjugated(entry, expected):
    found = forms(entry)
    assert tuple(found[form] for form in ("yo", "past", "mod", "l", "m", "nida")) == expected


def test_a_slip_of_the_finger_leaves_denials_alone():
    text = "I never liked it, hardly anything worked, nothing helped"
    for seed in range(300):
        changed = english_noise(Draw(seed), text).casefold()
        assert re.search("ne+ver.*hardly.*nothing", changed), changed  # drawn out, it still denies


def test_too_few_texts_are_an_error_that_names_the_capability():
    small = Grammar(
        (Capability("tiny", 1, both("{word}")),),
        (Topic("any", {}),),
        {},
        {"word": (["bad"], ["good"])},
        str,
        lambda _, text: text,
    )
    assert len(compose(small, texts=2, seed=1)["tiny"]) == 2
    with pytest.raises(TrainingError, match="'tiny' end at 2"):
        compose(small, texts=10, seed=1)


@pytest.mark.parametrize(
    ("right", "heard"),
    [
        pytest.param("좋아", "조아", id="a mute ㅎ"),
        pytest.param("많이", "마니", id="ㄶ before a vowel"),
        pytest.param("없어", "업서", id="ㅄ before a vowel"),
        pytest.param("했다", "햇", id="ㅆ at the end"),
        pytest.param("최악", "체", id="vowels that sound alike"),
        pytest.param("좋다", "", id="nothing to mistake"),
        pytest.param("ok", "", id="no Hangul"),
    ],
)
def test_korean_is_misspelt_as_it_sounds(right, heard):
    assert korean_noise._sounds_like(right) == heard


# --- misspelt copies of real texts --------------------------------------------------------------

REAL = {
    "en": ["I was surprised by this wonderful film.", "It is not worth watching again!", "Boring."],
    "ko": ["정말 재미있었어요", "너무 지루해서 나왔습니다", "다시 보고 싶지 않은 영화"],
}


@pytest.mark.parametrize("language", REAL)
def test_copies_are_other_texts_and_say_what_they_are_copies_of(language):
    texts = [f"{text} {n}" for n in range(100) for text in REAL[language]]
    copies = misspelt(language, texts, copies=150, seed=1)
    assert len(copies) == 150
    assert len({place for place, _ in copies}) == 150  # at most one of each
    for place, copy in copies:
        assert copy != texts[place]
        assert re.findall(r"\d", copy) == re.findall(r"\d", texts[place])
        assert abs(len(copy) - len(texts[place])) <= 8
    assert copies == misspelt(language, texts, copies=150, seed=1)
    assert copies != misspelt(language, texts, copies=150, seed=2)


def test_fewer_copies_where_there_is_less_to_misspell():
    texts = ["", "!!!", "123", "wonderful " * (LONGEST // 10 + 1), "a wonderful film"]
    copies = [copy for seed in range(20) for copy in misspelt("en", texts, copies=9, seed=seed)]
    assert {place for place, _ in copies} == {4}


def test_no_copies_in_a_language_without_slips_and_none_where_none_are_asked_for():
    assert misspelt("de", ["wunderbar und wertvoll"], copies=9, seed=1) == []
    assert misspelt("en", REAL["en"], copies=0, seed=1) == []


def test_a_copy_denies_what_its_text_denies():
    texts = ["It was never boring and nothing was hardly worthless, unless somebody lied."]
    for seed in range(50):
        for _, copy in misspelt("en", texts, copies=1, seed=seed):
            for word in ("never", "nothing", "hardly", "worthless", "unless"):
                assert word in copy.lower()
