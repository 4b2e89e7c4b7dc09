"""Cases out of a file: other people's sentences, to ask a bundle for."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from training.behaviours.cases import Alike, Capability, Case, Right
from training.errors import DataError

COLUMNS = ("capability", "label", "text")
VARIANT = "variant"  # may be missing or empty: the same said or spelt otherwise
# Sentences that somebody wrote who knew neither the suite nor the lessons; nothing is trained on
# them.
UNSEEN = {
    "en": Path(__file__).parent / "english_unseen.tsv",
    "ko": Path(__file__).parent / "korean_unseen.tsv",
}

_TONES = {"negative": False, "positive": True}


def read_cases(path: Path) -> tuple[Capability, ...]:
    """The file's capabilities in the order in which they come up.

    Args:
        path: `.csv` or `.tsv` in UTF-8, with a first line that names the columns `capability`,
            `label` (positive or negative), `text` and, if wanted, `variant`.

    Raises:
        DataError: there is no such file, or a line is not what it should be.
    """
    cases: dict[str, list[Case]] = {}
    for line, row in enumerate(_rows(path), start=2):
        capability, case = _case(f"{path}, line {line}", row)
        cases.setdefault(capability, []).append(case)
    if not cases:
        raise DataError(f"{path}: it holds no case. Expected a line each under {_wanted(path)}.")
    return tuple(Capability(name, tuple(found)) for name, found in cases.items())


def _rows(path: Path) -> Iterable[Mapping[str, str]]:
    if path.suffix not in (".csv", ".tsv"):
        raise DataError(f"{path}: expected a name that ends in .csv or .tsv.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: it is not UTF-8. Save it as UTF-8.") from error
    dialect = {".csv": csv.excel, ".tsv": _Tabs}[path.suffix]
    rows = csv.DictReader(io.StringIO(text, newline=""), dialect=dialect, restval="")
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise DataError(
            f"{path}: no column {' and no column '.join(map(repr, missing))} in its first line. "
            f"Expected {_wanted(path)}."
        )
    return rows


class _Tabs(csv.excel_tab):
    quoting = csv.QUOTE_NONE  # there a quotation mark is part of the text


def _wanted(path: Path) -> str:
    sign = {".csv": ",", ".tsv": "<tab>"}[path.suffix]
    return sign.join((*COLUMNS, VARIANT)) + " (the last one may be left out)"


def _case(where: str, row: Mapping[str, str]) -> tuple[str, Case]:
    capability, label, text = (row[name].strip() for name in COLUMNS)
    if None in row:
        raise DataError(f"{where}: more fields than columns. Put quotation marks around the text.")
    if label not in _TONES:
        raise DataError(f"{where}: label {label[:40]!r}, expected {' or '.join(_TONES)}.")
    if not text or not capability:
        raise DataError(f"{where}: no {'capability' if text else 'text'}.")
    variant = (row.get(VARIANT) or "").strip()
    positive = _TONES[label]
    return capability, Alike((text, variant), positive) if variant else Right(text, positive)
