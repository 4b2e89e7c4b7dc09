"""What several operations take and show: forms of a request, and the bundles' answers."""

from __future__ import annotations

from typing import Any

NEGATIVE: dict[str, Any] = {
    "label": "negative",
    "score": 0.970933,
    "scores": {"negative": 0.970933, "positive": 0.029067},
    "model": "reviews-en",
    "tokens": 7,
    "truncated": False,
    "known": 1.0,
}
POSITIVE: dict[str, Any] = {
    "label": "positive",
    "score": 0.994585,
    "scores": {"negative": 0.005415, "positive": 0.994585},
    "model": "reviews-ko",
    "tokens": 5,
    "truncated": False,
    "known": 1.0,
}
CLASSES = [
    {"label": "negative", "score": 0.970933},
    {"label": "positive", "score": 0.029067},
]


def one_of(*fields: str) -> dict[str, Any]:
    """JSON Schema: exactly one of these fields; the options of `inputs` come with it alone."""
    return {
        "oneOf": [{"required": [field]} for field in fields],
        "dependentRequired": {
            option: ["inputs"] for option in ("parameters", "truncate", "raw_scores")
        },
    }


ONE_FORM = one_of("text", "texts", "inputs")
