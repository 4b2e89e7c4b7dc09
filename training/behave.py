"""The behaviour suite: how often a bundle fails at each thing it has to be able to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.bundle import Bundle, Metadata
from training.behaviours import BY_LANGUAGE, Capability
from training.errors import TrainingError
from training.evaluate import score


@dataclass(frozen=True)
class Finding:
    """What came of one capability."""

    capability: Capability
    failures: tuple[tuple[tuple[str, float], ...], ...]  # per failed case: text, P(positive)

    @property
    def rate(self) -> float:
        """Share of the cases that failed, 0 to 1."""
        return len(self.failures) / len(self.capability.cases)


def has_suite(metadata: Metadata) -> bool:
    """Whether there is a suite for a bundle's language, and its classes are what the suite asks
    for."""
    return metadata.language in BY_LANGUAGE and set(metadata.labels) == {"negative", "positive"}


def behave(bundle: Bundle, cases: Sequence[Capability] | None = None) -> list[Finding]:
    """Run the suite of the bundle's language, or `cases` instead.

    Raises:
        TrainingError: there is no suite for its language, or the bundle does not tell positive
            from negative.
    """
    _require_tones(bundle)
    capabilities = _suite(bundle) if cases is None else cases
    column = bundle.metadata.labels.index("positive")
    texts = [text for c in capabilities for case in c.cases for text in case.texts]
    positive = iter(score(bundle, texts)[:, column].tolist())
    return [_finding(capability, positive) for capability in capabilities]


def report(findings: Sequence[Finding], *, examples: int) -> str:
    """A line per capability, some of what failed, and how much failed in all."""
    width = max(len("capability"), *(len(finding.capability.name) for finding in findings))

    def line(name: str, cases: int, failures: int) -> str:
        return f"{name:<{width}}  {cases:>5}  {100 * failures / cases:6.1f} %"

    lines = [f"{'capability':<{width}}  cases  failures"]
    for finding in findings:
        lines.append(
            line(finding.capability.name, len(finding.capability.cases), len(finding.failures))
        )
        for failure in finding.failures[:examples]:
            texts = (f"{' '.join(text.split())} ({value:.2f})" for text, value in failure)
            lines.append("    " + " | ".join(texts))
    cases = sum(len(finding.capability.cases) for finding in findings)
    lines.append(line("all", cases, sum(len(finding.failures) for finding in findings)))
    return "\n".join(lines)


def _require_tones(bundle: Bundle) -> None:
    if set(bundle.metadata.labels) != {"negative", "positive"}:
        raise TrainingError(
            f"{bundle.metadata.name} answers {', '.join(bundle.metadata.labels)}; expected a "
            "bundle that answers negative and positive."
        )


def _suite(bundle: Bundle) -> tuple[Capability, ...]:
    language = bundle.metadata.language
    if language not in BY_LANGUAGE:
        raise TrainingError(
            f"{bundle.metadata.name} reads {language!r}; there are behaviour suites for "
            f"{', '.join(BY_LANGUAGE)}. Give other sentences by --cases."
        )
    return BY_LANGUAGE[language]


def _finding(capability: Capability, positive: Iterator[float]) -> Finding:
    failures = []
    for case in capability.cases:
        scores = [next(positive) for _ in case.texts]
        if not case.passes(scores):
            failures.append(tuple(zip(case.texts, scores, strict=True)))
    return Finding(capability, tuple(failures))
