"""Texts to predictions, with real tiny bundles; the batcher is real, or a stub that records."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from service.batcher import Batcher
from service.errors import DeadlineError, InvalidFieldError, OverloadedError
from service.predictor import Prediction, Predictor
from service.registry import Registry


@pytest.fixture(scope="module")
def registry(models_dir):
    return Registry.from_folder(models_dir, "cpu", "reviews-en")


@pytest.fixture(scope="module")
def predictor(registry):
    batcher = Batcher()
    batcher.start()
    yield Predictor(registry, batcher, deadline_seconds=30)
    batcher.stop()


class StubBatcher:
    """Keeps what it is asked; answers with the given rows, with the error, or never."""

    def __init__(self, rows=None, error=None):
        self.asked = []
        self._rows = rows
        self._error = error

    def submit(self, bundle, sequences, deadline):
        self.asked.append((bundle.metadata.name, len(sequences)))
        if self._error is not None:
            raise self._error
        future = Future()
        if self._rows is not None:
            future.set_result(self._rows)
        return future


def test_a_prediction_is_the_answer_of_its_bundle(registry, predictor):
    text = "Not bad at all!"
    bundle = registry.get("reviews-en")
    expected = bundle.answer(text)
    (prediction,) = predictor.predict([text])
    assert prediction.model == "reviews-en"
    assert prediction.tokens == len(expected.ids)
    assert prediction.truncated is False
    assert list(prediction.scores) == list(bundle.metadata.labels)
    assert list(prediction.scores.values()) == pytest.approx(expected.probabilities, abs=2e-6)
    assert prediction.score == max(prediction.scores.values())
    assert prediction.scores[prediction.label] == prediction.score


def test_where_one_language_is_refused_the_other_is_not_read_either(registry):
    class FullAtTheSecond(StubBatcher):
        def submit(self, bundle, sequences, deadline):
            if self.asked:
                raise OverloadedError("full")
            self.first = super().submit(bundle, sequences, deadline)
            return self.first

    batcher = FullAtTheSecond()
    with pytest.raises(OverloadedError):
        Predictor(registry, batcher, deadline_seconds=5).predict(["Good.", "재미있다"])
    assert batcher.first.cancelled()


def test_languages_in_one_call_keep_their_order(predictor):
    texts = [
        "good",
        "재미있어요",
        "",
        "bad story",
        "지루하고 길다",
        "  ",
        "ㅋㅋㅋ",
        "The film",
    ] * 20
    together = predictor.predict(texts)
    assert [found.model for found in together[:8]] == [
        *("reviews-en", "reviews-ko", "reviews-en", "reviews-en"),
        *("reviews-ko", "reviews-en", "reviews-ko", "reviews-en"),
    ]
    for text, found in zip(texts, together, strict=True):
        (alone,) = predictor.predict([text])
        assert (found.model, found.tokens) == (alone.model, alone.tokens)
        assert found.scores == pytest.approx(alone.scores, abs=1e-5)


def test_each_bundle_is_asked_once_for_all_its_texts(registry):
    batcher = StubBatcher(rows=[[0.3, 0.7]] * 2)
    Predictor(registry, batcher, deadline_seconds=1).predict(["good", "좋다", "bad", "", "나쁘다"])
    assert batcher.asked == [("reviews-en", 2), ("reviews-ko", 2)]


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u200b"])
def test_a_blank_text_is_even_and_never_read(registry, text):
    batcher = StubBatcher()
    found = Predictor(registry, batcher, deadline_seconds=1).predict([text])
    assert found == [
        Prediction(
            label="negative",
            score=0.5,
            scores={"negative": 0.5, "positive": 0.5},
            model="reviews-en",
            tokens=0,
            truncated=False,
            known=0.0,
        )
    ]
    assert batcher.asked == []


@pytest.mark.parametrize("text", ["Это ужасно", "良い映画"])
def test_a_text_in_a_script_that_the_vocabulary_lacks_is_even(registry, text):
    (found,) = Predictor(registry, StubBatcher(), deadline_seconds=1).predict([text], "reviews-en")
    assert (found.known, found.score) == (0.0, 0.5)
    assert found.tokens > 0


def test_what_is_known_of_a_text_is_counted_in_characters(predictor):
    (found,) = predictor.predict(["good Жжжж"], "reviews-en")
    assert found.known == 0.5


def test_a_blank_text_of_a_named_model_has_its_name(predictor):
    assert predictor.predict([" "], "reviews-ko")[0].model == "reviews-ko"


def test_three_labels_are_even_for_a_blank_text(make_tiny_bundle):
    registry = Registry([make_tiny_bundle(labels=("bad", "so-so", "good"))], "")
    (found,) = Predictor(registry, StubBatcher(), deadline_seconds=1).predict([""])
    assert found.scores == pytest.approx({"bad": 1 / 3, "so-so": 1 / 3, "good": 1 / 3}, abs=1e-6)
    assert found.label == "bad"


def test_no_texts_have_no_predictions(predictor):
    assert predictor.predict([]) == []


def test_a_long_text_is_cut_and_says_so(registry, predictor):
    limit = registry.default.metadata.max_tokens
    long, just = predictor.predict(["good " * (limit + 1), "good " * limit])
    assert (long.tokens, long.truncated) == (limit, True)
    assert (just.tokens, just.truncated) == (limit, False)
    assert long.scores == pytest.approx(just.scores, abs=1e-5)


def test_a_model_by_name_reads_any_language(predictor):
    assert {found.model for found in predictor.predict(["good", "좋다"], "reviews-ko")} == {
        "reviews-ko"
    }


def test_an_unknown_model_is_refused_even_for_no_texts(predictor):
    with pytest.raises(InvalidFieldError, match="No model 'x'"):
        predictor.predict([], "x")


def test_an_answer_that_does_not_come_is_a_deadline(registry):
    with pytest.raises(DeadlineError):
        Predictor(registry, StubBatcher(), deadline_seconds=0.01).predict(["good"])


def test_a_full_queue_is_told(registry):
    batcher = StubBatcher(error=OverloadedError("full"))
    with pytest.raises(OverloadedError, match="full"):
        Predictor(registry, batcher, deadline_seconds=1).predict(["good"])


def test_scores_are_rounded_to_what_is_certain(registry):
    batcher = StubBatcher(rows=[[0.123456789, 0.876543211]])
    (found,) = Predictor(registry, batcher, deadline_seconds=1).predict(["good"])
    assert found.scores == {"negative": 0.123457, "positive": 0.876543}
    assert (found.label, found.score) == ("positive", 0.876543)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\ud83d", id="lone surrogate"),
        pytest.param("\0", id="null byte"),
        pytest.param("👍🏽", id="emoji"),
        pytest.param("映画 좋다 good", id="mixed scripts"),
        pytest.param("x" * 100_000, id="one very long word"),
    ],
)
def test_odd_texts_have_an_answer(predictor, text):
    (found,) = predictor.predict([text])
    assert sum(found.scores.values()) == pytest.approx(1, abs=1e-5)
    assert found.tokens > 0


# --- explain --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Not bad at all! I would watch it again.", id="English"),
        pytest.param("배우들의 연기가 정말 좋았고 👍 음악도 훌륭했습니다", id="Korean and emoji"),
        pytest.param("  ＧＯＯＤ ﬁlm,\n한글도!  ", id="what the tokenizer normalises"),
    ],
)
def test_an_explanation_ends_in_the_prediction_and_its_places_are_those_of_the_text(
    predictor, text
):
    (prediction,) = predictor.predict([text])
    explained = predictor.explain(text)
    for field in ("label", "model", "tokens", "truncated", "known"):
        assert getattr(explained, field) == getattr(prediction, field), field
    assert explained.scores == pytest.approx(prediction.scores, abs=1e-5)
    assert len(explained.reading) == prediction.tokens
    assert explained.reading[-1].scores == explained.scores
    assert all(step.text == text[step.start : step.end] for step in explained.reading)
    read_on = [step.start for step in explained.reading]
    assert read_on == sorted(read_on)
    assert "".join("".join(step.text for step in explained.reading).split()) == "".join(
        text.split()
    )


def test_what_the_tokens_added_leads_from_even_to_the_score(predictor):
    explained = predictor.explain("The film was good, and the music was even better.")
    assert 0.5 + sum(step.added for step in explained.reading) == pytest.approx(
        explained.score, abs=1e-4
    )
    assert all(step.score == step.scores[explained.label] for step in explained.reading)


def test_the_running_scores_are_predictions_of_the_text_so_far(predictor):
    text = "The film was good"
    for step in predictor.explain(text, "reviews-en").reading:
        (so_far,) = predictor.predict([text[: step.end]], "reviews-en")
        if so_far.tokens == 1 + predictor.explain(text).reading.index(step):  # split alike
            assert step.scores == pytest.approx(so_far.scores, abs=1e-5)


@pytest.mark.parametrize("text", ["", "   ", "ξ"], ids=["empty", "blank", "unknown"])
def test_a_text_that_tells_nothing_is_even_all_along(predictor, text):
    explained = predictor.explain(text)
    assert set(explained.scores.values()) == {0.5}
    assert all(step.added == 0 for step in explained.reading)


def test_a_cut_text_is_explained_up_to_the_cut(predictor, registry):
    explained = predictor.explain("good story " * 200)
    assert explained.truncated is True
    assert len(explained.reading) == registry.get("reviews-en").metadata.max_tokens
