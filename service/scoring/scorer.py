"""One chunk: parsed, scored as `/predict` would, encoded."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future

from service.batcher import Batcher, Probabilities
from service.bundle import Bundle
from service.padding import of_like_length
from service.predictor import Prediction, Predictor
from service.registry import Registry
from service.scoring import arrow, rows
from service.scoring.chunks import Chunk, Plan, Readers, Scored
from service.scoring.encode import Answer, encoded, rejections

# Texts and tokens of a forward pass, at most. A CPU gains nothing from more; a GPU takes about as
# long for many as for few.
CPU_BATCH = (128, 16_384)
GPU_BATCH = (2_048, 262_144)


class Scorer:
    """Bundles that read chunks."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._predictor = Predictor(registry, AtOnce(), deadline_seconds=1)

    def readers(self, model: str | None) -> Readers:
        """
        Raises:
            InvalidFieldError: there is no such bundle.
        """
        bundles = [self._registry.get(model)] if model else self._registry.now.routed()
        return Readers(
            tuple(bundle.metadata.labels for bundle in bundles),
            {bundle.metadata.name: _digest(bundle) for bundle in bundles},
        )

    def score(self, chunk: Chunk, plan: Plan) -> Scored:
        if isinstance(chunk.content, bytes):
            parsed = arrow.parse(chunk.content, chunk.first_line, plan)
        else:
            parsed = rows.parse(chunk.content, plan)
        predictions = self._predictor.predict([row.text for row in parsed.rows], plan.model)
        answers = [_answer(prediction, plan) for prediction in predictions]
        return Scored(
            encoded(parsed, answers, plan),
            rejections(parsed.rejected),
            len(answers),
            len(parsed.rejected),
        )


def _answer(prediction: Prediction, plan: Plan) -> Answer:
    scores = map(prediction.scores.__getitem__, plan.labels)
    answer = (prediction.label, prediction.score, *scores)
    if not plan.details:
        return answer
    told = (prediction.model, prediction.tokens, prediction.truncated, prediction.known)
    return (*answer, *told)


def _digest(bundle: Bundle) -> str:
    # No other bundle has these probabilities, to the last digit.
    return hashlib.sha256(repr((bundle.metadata, bundle.golden)).encode()).hexdigest()[:16]


class AtOnce(Batcher):
    """A batcher without its thread: all texts are there at the beginning, and nobody else waits."""

    def submit(
        self, bundle: Bundle, sequences: Sequence[list[int]], deadline: float
    ) -> Future[Probabilities]:
        """The probabilities, N rows of K; there is no deadline to keep."""
        answers: Probabilities = [[]] * len(sequences)
        lengths = [len(sequence) for sequence in sequences]
        most = GPU_BATCH if bundle.device.type == "cuda" else CPU_BATCH
        for batch in of_like_length(lengths, *most):
            rows = bundle.probabilities([sequences[place] for place in batch])
            for place, row in zip(batch, rows.tolist(), strict=True):
                answers[place] = row
        future: Future[Probabilities] = Future()
        future.set_result(answers)
        return future
