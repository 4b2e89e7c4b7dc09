"""Texts to predictions. Knows nothing of HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Annotated

import msgspec
from msgspec import Meta

from service import waiting
from service.batcher import Batcher, Probabilities
from service.bundle import Bundle, Encoding
from service.errors import DeadlineError, OverloadedError
from service.registry import Registry
from service.trace import current

# Answers are right within 1e-5, whatever batch they were read in: more digits would be noise.
_DIGITS = 6
_KNOWN_DIGITS = 3


class Prediction(msgspec.Struct, frozen=True):
    """The answer to one text."""

    label: Annotated[str, Meta(description="The most probable label.")]
    score: Annotated[
        float,
        Meta(ge=0, le=1, description="Its probability, calibrated on validation texts."),
    ]
    scores: Annotated[
        dict[str, Annotated[float, Meta(ge=0, le=1)]],
        Meta(description="The probability of every label; they add up to 1, but for rounding."),
    ]
    model: Annotated[str, Meta(description="The bundle that read it.")]
    tokens: Annotated[
        int, Meta(ge=0, description="How many were read; 0 for a blank text, which tells nothing.")
    ]
    truncated: Annotated[
        bool, Meta(description="Whether the text went on behind the last token that was read.")
    ]
    known: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Share of the characters read that the vocabulary has; 0 tells nothing.",
        ),
    ]


class Step(msgspec.Struct, frozen=True):
    """One token, and what the network thought after reading up to it."""

    text: Annotated[
        str, Meta(description="The characters `start` to `end` of the text as it was sent.")
    ]
    start: Annotated[int, Meta(ge=0, description="Counted in Unicode code points.")]
    end: Annotated[int, Meta(ge=0, description="Behind its last character, counted so as well.")]
    score: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="The probability, so far, of the label that the whole text was given.",
        ),
    ]
    added: Annotated[
        float,
        Meta(
            ge=-1,
            le=1,
            description="By how much this token moved it; the first one moves it from even.",
        ),
    ]
    scores: Annotated[
        dict[str, Annotated[float, Meta(ge=0, le=1)]],
        Meta(description="The probability of every label, so far."),
    ]


class Explanation(Prediction, frozen=True):
    """The answer of `/predict`, and how the network came to it, token by token."""

    reading: Annotated[
        list[Step],
        Meta(description="As many as there are `tokens`; the scores of the last are the answer's."),
    ]


class Predictor:
    """Chooses a bundle for each text, lets the batcher run it, and puts the answers in order.

    Args:
        deadline_seconds: after which an answer is of no use any more.
    """

    def __init__(self, registry: Registry, batcher: Batcher, *, deadline_seconds: float) -> None:
        self._registry = registry
        self._batcher = batcher
        self._deadline_seconds = deadline_seconds

    def predict(self, texts: Sequence[str], model: str | Bundle | None = None) -> list[Prediction]:
        """One prediction per text, in order; texts of several languages may come together.

        Args:
            model: the bundle for all of them, or its name, instead of one by language.

        Raises:
            InvalidFieldError: there is no such bundle.
            OverloadedError: too much waits already.
            DeadlineError: the answer was not ready in time.
        """
        if len(texts) == 1:
            return [self.predict_one(texts[0], model)]
        read, deadline = self._encoded(texts, model)
        answers: list[Prediction | None] = [None] * len(texts)
        for bundle, places, future in self._submitted(read, deadline):
            for place, row in zip(places, _result(future, deadline), strict=True):
                answers[place] = _prediction(bundle, read[place][1], row)
        predictions = [
            answer or _no_evidence(bundle, encoding)
            for answer, (bundle, encoding) in zip(answers, read, strict=True)
        ]
        current().predictions += predictions
        return predictions

    def predict_one(self, text: str, model: str | Bundle | None = None) -> Prediction:
        """What `predict` says of one text: most requests have no more."""
        [(bundle, encoding)], deadline = self._encoded([text], model)
        if encoding.known > 0:
            future = self._batcher.submit(bundle, [encoding.ids], deadline)
            (row,) = _result(future, deadline)
            prediction = _prediction(bundle, encoding, row)
        else:
            prediction = _no_evidence(bundle, encoding)
        current().predictions.append(prediction)
        return prediction

    def explain(self, text: str, model: str | None = None) -> Explanation:
        """The network read as many-to-many.

        Raises:
            InvalidFieldError: there is no such bundle.
            OverloadedError: too much waits already.
            DeadlineError: the answer was not ready in time.
        """
        [(bundle, encoding)], deadline = self._encoded([text], model)
        if encoding.known > 0:
            future = self._batcher.submit_reading(bundle, encoding.ids, deadline)
            rows = _result(future, deadline)
        else:
            rows = [_even(bundle)] * len(encoding.ids)
        explanation = _explanation(bundle, text, encoding, rows)
        current().predictions.append(explanation)
        return explanation

    def _encoded(
        self, texts: Sequence[str], model: str | Bundle | None
    ) -> tuple[list[tuple[Bundle, Encoding]], float]:
        """Each text as its bundle reads it, and the moment at which the answer comes too late."""
        trace, began = current(), time.monotonic()
        registry = self._registry.now  # one for all texts: bundles may be swapped meanwhile
        chosen = registry.get(model) if isinstance(model, str) else model
        bundles = [chosen or registry.for_text(text) for text in texts]
        read = [(bundle, bundle.encode(text)) for bundle, text in zip(bundles, texts, strict=True)]
        trace.tokenized(began)
        return read, began + self._deadline_seconds

    def _submitted(
        self, read: list[tuple[Bundle, Encoding]], deadline: float
    ) -> list[tuple[Bundle, list[int], Future[Probabilities]]]:
        """What was handed to the batcher: per bundle, the places of its texts and the answers."""
        submitted: list[tuple[Bundle, list[int], Future[Probabilities]]] = []
        telling = [place for place, (_, encoding) in enumerate(read) if encoding.known > 0]
        for bundle, group in _by_bundle((place, read[place][0]) for place in telling):
            sequences = [read[place][1].ids for place in group]
            try:
                future = self._batcher.submit(bundle, sequences, deadline)
            except OverloadedError:
                for _, _, other in submitted:  # of which nobody will hear
                    other.cancel()
                raise
            submitted.append((bundle, group, future))
        return submitted


def _by_bundle(placed: Iterable[tuple[int, Bundle]]) -> list[tuple[Bundle, list[int]]]:
    """Each bundle with its places."""
    groups: dict[str, tuple[Bundle, list[int]]] = {}
    for place, bundle in placed:
        groups.setdefault(bundle.metadata.name, (bundle, []))[1].append(place)
    return list(groups.values())


def _result(future: Future[Probabilities], deadline: float) -> Probabilities:
    try:
        return waiting.result(future, deadline)
    except FutureTimeoutError:
        raise DeadlineError("The answer was not ready in time.") from None


def _prediction(bundle: Bundle, encoding: Encoding, row: list[float]) -> Prediction:
    labels = bundle.metadata.labels
    row = [round(probability, _DIGITS) for probability in row]
    best = row.index(max(row))
    return Prediction(
        label=labels[best],
        score=row[best],
        scores=dict(zip(labels, row, strict=True)),
        model=bundle.metadata.name,
        tokens=len(encoding.ids),
        truncated=encoding.truncated,
        known=round(encoding.known, _KNOWN_DIGITS),
    )


def _explanation(
    bundle: Bundle, text: str, encoding: Encoding, rows: list[list[float]]
) -> Explanation:
    """
    Args:
        rows: the probabilities after each token, (T, K).
    """
    labels = bundle.metadata.labels
    answer = _prediction(bundle, encoding, rows[-1]) if rows else _no_evidence(bundle, encoding)
    final = labels.index(answer.label)
    before = round(1 / len(labels), _DIGITS)
    reading = []
    tokens = bundle.tokenizer.tokens(text, len(rows))  # it may be cut
    for token, row in zip(tokens, rows, strict=True):
        row = [round(probability, _DIGITS) for probability in row]
        word = text[token.start : token.end].lstrip()  # the blank before a word is part of it
        reading.append(
            Step(
                text=word,
                start=token.end - len(word),
                end=token.end,
                score=row[final],
                added=round(row[final] - before, _DIGITS),
                scores=dict(zip(labels, row, strict=True)),
            )
        )
        before = row[final]
    return Explanation(**msgspec.structs.asdict(answer), reading=reading)


def _no_evidence(bundle: Bundle, encoding: Encoding) -> Prediction:
    """A blank text, or one of which no character is known, says nothing: every label is as
    likely."""
    return _prediction(bundle, encoding, _even(bundle))


def _even(bundle: Bundle) -> list[float]:
    labels = len(bundle.metadata.labels)
    return [1 / labels] * labels
