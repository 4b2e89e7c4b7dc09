"""What a peer's handler does with texts, once as documentation teaches and once as we do.

Both give `{"label", "score"}` for each text, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from service.batcher import Batcher
from service.bundle import Bundle, load_bundle
from service.predictor import Predictor
from service.registry import Registry

Answer = dict[str, Any]
Read = Callable[[Sequence[str]], list[Answer]]

DOCUMENTED, PREDICTOR = "documented", "predictor"

BUNDLE = "reviews-en"  # the texts of the load are English

# A text waits no longer than the load generator does.
DEADLINE_SECONDS = 60.0


def from_environment(environ: Mapping[str, str]) -> Read:
    """The one that `READER` names, with the bundles of `MODELS_DIR`; for a peer's process."""
    torch.set_num_threads(int(environ["OMP_NUM_THREADS"]))
    models = Path(environ["MODELS_DIR"])
    if environ["READER"] == PREDICTOR:
        return predictor(Registry.from_folder(models, "cpu", BUNDLE))
    return documented(load_bundle(models / f"{BUNDLE}.pt"))


def documented(bundle: Bundle) -> Read:
    """Encode, pad all texts of the call to the longest, run the network."""
    labels = bundle.metadata.labels

    def read(texts: Sequence[str]) -> list[Answer]:
        sequences = [bundle.encode(text).ids or [bundle.metadata.unk_id] for text in texts]
        rows = bundle.probabilities(sequences)
        return [
            {"label": labels[int(row.argmax())], "score": round(float(row.max()), 6)}
            for row in rows
        ]

    return read


def predictor(registry: Registry) -> Read:
    """Our own, with its batcher: all of the service but HTTP."""
    batcher = Batcher(warm_up=list(registry))
    batcher.start()
    ours = Predictor(registry, batcher, deadline_seconds=DEADLINE_SECONDS)

    def read(texts: Sequence[str]) -> list[Answer]:
        return [{"label": each.label, "score": each.score} for each in ours.predict(texts)]

    return read


def read_requests(read: Read, requests: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The texts of several requests in one call, for frameworks that hand over a batch of them.

    Args:
        requests: each `{"text": "…"}` or `{"texts": ["…", …]}`.

    Returns:
        For each request its answer, or `{"predictions": [one each]}`.
    """
    texts = [text for request in requests for text in _texts(request)]
    answers = iter(read(texts))
    return [
        {"predictions": [next(answers) for _ in request["texts"]]}
        if "texts" in request
        else next(answers)
        for request in requests
    ]


def _texts(request: Mapping[str, Any]) -> Sequence[str]:
    return request["texts"] if "texts" in request else [request["text"]]
