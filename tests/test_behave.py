"""The behaviour suite: what it asks, and what it counts as a failure."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from service.bundle import Encoding
from training.__main__ import main
from training.behave import behave, report
from training.behaviours import BY_LANGUAGE, Alike, Direction, Invariance, Right
from training.behaviours.cases import filled, some, varied
from training.behaviours.files import UNSEEN, read_cases
from training.datasets.splits import folded
from training.errors import DataError, TrainingError
from training.lessons import lessons
from training.lessons.written import written


class RuleBundle:
    """Answers by a rule: one "token" per text, its number in the list of texts seen."""

    def __init__(self, metadata, rule):
        self.metadata = metadata
        self._rule = rule
        self._texts = []

    def encode(self, text):
        self._texts.append(text)
        return Encoding([len(self._texts) - 1], truncated=False)

    def probabilities(self, sequences):
        positive = [self._rule(self._texts[number]) for (number,) in sequences]
        return np.array([[1 - value, value] for value in positive], dtype=np.float32)


@pytest.fixture
def rates(tiny_bundle):
    def run(rule, language="en"):
        bundle = RuleBundle(replace(tiny_bundle.metadata, language=language), rule)
        return {finding.capability.name: finding.rate for finding in behave(bundle)}

    return run


@pytest.mark.parametrize(
    ("case", "positive", "passes"),
    [
        pytest.param(Right("a", True), [0.51], True, id="right"),
        pytest.param(Right("a", True), [0.5], False, id="undecided"),
        pytest.param(Right("a", False), [0.5], False, id="undecided about blame"),
        pytest.param(Right("a", False), [0.9], False, id="wrong"),
        pytest.param(Alike(("a", "b"), False), [0.1, 0.4], True, id="both right"),
        pytest.param(Alike(("a", "b"), False), [0.1, 0.6], False, id="one wrong"),
        pytest.param(Invariance(("a", "b")), [0.7, 0.85], True, id="hardly moved"),
        pytest.param(Invariance(("a", "b")), [0.7, 0.95], False, id="moved"),
        pytest.param(Invariance(("a", "b")), [0.45, 0.55], False, id="another label"),
        pytest.param(Direction(("a", "b"), True), [0.8, 0.75], True, id="about as strong"),
        pytest.param(Direction(("a", "b"), True), [0.8, 0.6], False, id="weaker praise"),
        pytest.param(Direction(("a", "b"), False), [0.2, 0.4], False, id="weaker blame"),
        pytest.param(Direction(("a", "b"), False), [0.4, 0.1], True, id="stronger blame"),
    ],
)
def test_a_case_passes_or_fails(case, positive, passes):
    assert case.passes(positive) is passes


@pytest.mark.parametrize("language", BY_LANGUAGE)
def test_every_capability_has_cases_with_whole_sentences(language):
    names = [capability.name for capability in BY_LANGUAGE[language]]
    assert len(set(names)) == len(names)
    for capability in BY_LANGUAGE[language]:
        texts = [text for case in capability.cases for text in case.texts]
        assert len(capability.cases) >= 8, capability.name
        assert not any("{" in text or "  " in text for text in texts), capability.name
        assert len(set(capability.cases)) == len(capability.cases), capability.name


@pytest.mark.parametrize("language", BY_LANGUAGE)
def test_groups_of_people_are_in_both_suites(language):
    protected = {c.name for c in BY_LANGUAGE[language] if c.protected}
    assert protected == {"nationality", "religion", "gender", "ethnicity"}


def test_one_answer_for_all_fails_where_tones_differ_and_nowhere_else(rates):
    found = rates(lambda text: 0.9)
    assert found["questions answered"] == pytest.approx(0.5, abs=0.1)
    assert found["negated negatives"] == 0
    assert found["negation"] == 1
    assert found["names"] == found["nationality"] == found["intensifiers"] == 0


def test_a_prejudice_is_found(rates):
    found = rates(lambda text: 0.2 if "Muslim" in text else 0.8)
    assert found["religion"] > 0.1
    assert found["nationality"] == 0


def test_a_reader_of_single_words_fails_at_negation(rates):
    found = rates(lambda text: 0.1 if any(bad in text for bad in ("별로", "최악")) else 0.9, "ko")
    assert found["negation (부정)"] > 0.5


def test_the_report_names_the_failures(tiny_bundle):
    bundle = RuleBundle(tiny_bundle.metadata, lambda text: 0.9)
    text = report(behave(bundle), examples=1)
    assert "negation" in text
    assert "100.0 %" in text
    assert "(0.90)" in text
    assert "(0.90)" not in report(behave(bundle), examples=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"language": "fr"}, "'fr'", id="no suite for the language"),
        pytest.param({"labels": ("bad", "fair", "good")}, "bad, fair, good", id="other labels"),
    ],
)
def test_a_bundle_that_cannot_be_asked_is_refused(tiny_bundle, change, message):
    bundle = RuleBundle(replace(tiny_bundle.metadata, **change), lambda text: 0.9)
    with pytest.raises(TrainingError, match=message):
        behave(bundle)


def test_the_command_prints_the_table(models_dir, capsys):
    assert main(["behave", str(models_dir / "reviews-en.pt"), "--examples", "0"]) == 0
    table = capsys.readouterr().out
    assert all(capability.name in table for capability in BY_LANGUAGE["en"])


def test_templates_are_filled_in_order():
    assert list(filled("{a} {b}", a=["good", "bad"], b=["food"])) == ["good food", "bad food"]


def test_the_first_word_is_compared_with_each_other_one():
    assert varied(["{n}!"], "n", ["a", "b", "c"]) == (
        Invariance(("a!", "b!")),
        Invariance(("a!", "c!")),
    )


def test_a_large_capability_is_cut_the_same_way_each_time():
    cases = [Right(str(n), True) for n in range(1_000)]
    assert len(some(cases)) == 200
    assert some(cases) == some(cases)
    assert some(cases[:5]) == tuple(cases[:5])


HEAD = "text,label,capability,variant\n"


@pytest.fixture
def cases_in(tmp_path):
    def write(content, name="cases.csv"):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    return write


def test_a_file_of_sentences_is_asked_for_instead(tiny_bundle, cases_in):
    path = cases_in(
        HEAD + '"sunny, and ""warm""",Positive,rain,\n'
        "wet,negative,rain,wett\n"
        "it snowed,negative,snow,sunny snow\n"
    )
    bundle = RuleBundle(tiny_bundle.metadata, lambda text: 0.9 if "sunny" in text else 0.1)
    found = {finding.capability.name: finding for finding in behave(bundle, read_cases(path))}
    assert {name: finding.rate for name, finding in found.items()} == {"rain": 0.0, "snow": 1.0}
    assert [text for text, _ in found["snow"].failures[0]] == ["it snowed", "sunny snow"]
    assert report([*found.values()], examples=0).splitlines() == [
        "capability  cases  failures",
        "rain            2     0.0 %",
        "snow            1   100.0 %",
        "all             3    33.3 %",
    ]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        pytest.param("text,label\nwet,negative\n", "cases.csv", id="commas"),
        pytest.param("label\ttext\tid\nnegative\twet\t7\n", "cases.tsv", id="tabs"),
        pytest.param('{"text": "wet", "label": "negative"}\n', "cases.jsonl", id="JSON Lines"),
    ],
)
def test_a_text_and_a_label_are_enough(cases_in, content, name):
    (capability,) = read_cases(cases_in(content, name))
    assert capability.name == name
    assert capability.cases == (Right("wet", False),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("", "no line with the names", id="empty"),
        pytest.param(HEAD, "holds no row", id="no case"),
        pytest.param("a,b\n", "no column 'text' .* Name them so in the file", id="no such columns"),
        pytest.param(HEAD + "\n\nwet,1,rain,\n", "line 4: label '1', expected neg", id="label"),
        pytest.param(HEAD + ",negative,,\n", "line 2: no text", id="no text"),
        pytest.param(HEAD + "a,negative,wet,cold,x\n", "5 fields, expected 4", id="commas"),
        pytest.param(HEAD + 'a,negative,"wet,\nb,negative,,\n', "quotation mark", id="open mark"),
        pytest.param(HEAD.replace("variant", "label"), "two columns are called", id="twice"),
    ],
)
def test_a_file_that_is_not_understood_is_refused(cases_in, content, message):
    with pytest.raises(DataError, match=message):
        read_cases(cases_in(content))


def test_the_command_takes_a_file(models_dir, cases_in, capsys):
    path = cases_in(HEAD + "wet,negative,rain,\n")
    assert main(["behave", str(models_dir / "reviews-en.pt"), "--cases", str(path)]) == 0
    table = capsys.readouterr().out
    assert "rain" in table
    assert "negation" not in table


def likeness(texts, others):
    """How like the likest of `others` each text is, by its letters: 0 to 1."""
    weigh = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    bare = [[re.sub(r"[^\w\s]", " ", folded(text)) for text in some] for some in (texts, others)]
    weighed = weigh.fit_transform(bare[0])
    return np.asarray((weighed @ weigh.transform(bare[1]).T).max(axis=1).todense()).ravel()


@pytest.mark.parametrize("language", ["en", "ko"])
def test_no_lesson_is_like_a_sentence_that_is_kept_unseen(language):
    unseen = [t for c in read_cases(UNSEEN[language]) for case in c.cases for t in case.texts]
    assert len(set(unseen)) > 300
    suite = [t for c in BY_LANGUAGE[language] for case in c.cases for t in case.texts]
    assert {folded(text) for text in unseen}.isdisjoint(map(folded, suite))
    taught = [e.text for examples in written(language).values() for e in examples]
    assert likeness(taught, [*unseen, *suite]).max() < 0.55
    planted = f"Well, {unseen[0]} Really."
    assert likeness([*taught, planted], unseen)[-1] > 0.55
    composed = {folded(e.text) for e in lessons(language, texts=10_000, seed=1)}
    assert composed.isdisjoint(map(folded, unseen))
