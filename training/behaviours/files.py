"""Cases out of a file, such as other people's sentences."""

from __future__ import annotations

from pathlib import Path

from training.behaviours.cases import Alike, Capability, Case, Right
from training.datasets.own import FAULTS_SHOWN
from training.datasets.tables import Columns, Fault, Row, read_table, told
from training.errors import DataError

COLUMNS = Columns(
    "text", "label", more=("capability", "variant"), advice="Name them so in the file."
)

# Sentences whose authors knew neither the suite nor the lessons; nothing is trained on them.
UNSEEN = {
    "en": Path(__file__).parent / "english_unseen.tsv",
    "ko": Path(__file__).parent / "korean_unseen.tsv",
}

_TONES = {"negative": False, "positive": True}


def read_cases(path: Path) -> tuple[Capability, ...]:
    """The file's capabilities, in the order in which they come up.

    Args:
        path: see `read_table`. Its columns are `text`, `label` (negative or positive) and, if
            wanted, `capability`, under which failures are counted, and `variant`: the text once
            more, changed in what must not matter.

    Raises:
        DataError: there is no such file, or not every row is a case.
    """
    cases: dict[str, list[Case]] = {}
    faults: list[Fault] = []
    for row in read_table(path, COLUMNS):
        found = row if isinstance(row, Fault) else _case(row)
        if isinstance(found, Fault):
            faults.append(found)
        else:
            capability, case = found
            cases.setdefault(capability or path.name, []).append(case)
    if faults:
        shown = "; ".join(told(path, faults[:FAULTS_SHOWN]))
        raise DataError(f"{path}: {len(faults)} rows are no cases. {shown}. Mend or remove them.")
    if not cases:
        raise DataError(f"{path}: it holds no row. Give a text and its label in each.")
    return tuple(Capability(name, tuple(of_it)) for name, of_it in cases.items())


def _case(row: Row) -> tuple[str, Case] | Fault:
    """Under which capability, and what is asked."""
    capability, variant = row.more
    if not row.text:
        return Fault(row.line, "no text")
    if row.label.casefold() not in _TONES:
        return Fault(row.line, f"label {row.label[:40]!r}, expected {' or '.join(_TONES)}")
    positive = _TONES[row.label.casefold()]
    if variant:
        return capability, Alike((row.text, variant), positive)
    return capability, Right(row.text, positive)
