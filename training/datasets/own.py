"""Reviews of one's own: a file with a text and a label a row, cleaned and split.

What cannot be used is left out, counted and named by its line. Copies of a text (whatever its case
and blanks) with one label count once, and are therefore never on two sides of the split; a text
that stands with several labels is left out, since nobody knows which of them is right.
"""

from __future__ import annotations

import logging
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.datasets.catalog import Development, Source
from training.datasets.fetch import digest_of
from training.datasets.readers import Example
from training.datasets.splits import folded, hold_out_for_good, without_repeats
from training.datasets.tables import Columns, Fault, Row, read_table, told
from training.errors import DataError

logger = logging.getLogger(__name__)

TEST_SHARE = 0.1
VALIDATION_SHARE = 0.1
# Fixed for good, as with the public sets: bundles of other seeds can be compared with each other.
_TEST_KEY = "2007"

# A tenth of ten is one text to test on.
FEWEST_OF_A_CLASS = 10

FAULTS_SHOWN = 5

# In the order of the alphabet "positive" comes behind "negative" anyway, but 긍정 before 부정.
_TONES = {
    "negative": -1, "neg": -1, "부정": -1,
    "neutral": 0, "neu": 0, "중립": 0,
    "positive": 1, "pos": 1, "긍정": 1,
}  # fmt: skip


@dataclass(frozen=True)
class OwnReviews:
    """What one file holds; it is named by the file's name, since a path says where it lay."""

    name: str
    columns: Columns
    labels: tuple[str, ...]  # K of them, by number or tone if they are such, else by alphabet
    development: Development
    test: list[Example]
    left_out: dict[str, int]  # rows by reason

    def described(self) -> dict[str, Any]:
        """As it stands in a bundle's metadata."""
        return {
            "name": self.name,
            "title": "reviews of one's own",
            "licence": "the user's own",
            "citation": "",
            "columns": {"text": self.columns.text, "label": self.columns.label},
            "files": [{"file": s.file, "sha256": s.sha256} for s in self.development.sources],
            "train": len(self.development.train),
            "validation": len(self.development.validation),
            "unlabelled": 0,
            "left_out": self.left_out,
            "test_part": (
                f"About {TEST_SHARE:.0%} of the texts of each class; no text is in two parts. When "
                "the file grows, nothing is tested on that was trained on before."
            ),
        }


def load_own(path: Path, columns: Columns, *, seed: int) -> OwnReviews:
    """Read, clean and split a file: of each class about 80 % to train on, 10 % each for validation
    and test.

    Args:
        path: see `read_table`.
        seed: cuts the validation part; the test part is the same for every seed.

    Raises:
        DataError: the file cannot be used, holds less than two classes of ten texts, or two whose
            names differ in case alone.
    """
    rows, left_out = _usable(read_table(path, columns), path)
    _require_one_spelling(rows, path)
    rows = _once_each(rows, left_out, path)
    labels = ordered(row.label for row in rows)
    _require_enough(rows, labels, path)
    counts = Counter(row.label for row in rows)
    listed = ", ".join(f"{label} ({counts[label]:,})" for label in labels)
    logger.info("%s: %s texts of %d classes: %s", path, f"{len(rows):,}", len(labels), listed)
    examples = [Example(row.text, labels.index(row.label)) for row in rows]
    rest, test = hold_out_for_good(examples, TEST_SHARE, _TEST_KEY)
    share_of_the_rest = VALIDATION_SHARE / (1 - TEST_SHARE)
    train, validation = hold_out_for_good(rest, share_of_the_rest, f"validation {seed}")
    source = Source(path.name, digest_of(path, "sha256"))
    development = Development(train, validation, [], [source])
    return OwnReviews(path.name, columns, labels, development, test, left_out)


def ordered(labels: Iterable[str]) -> tuple[str, ...]:
    """Each label once: numbers by size, words for a tone from negative to positive, others by the
    alphabet.

    >>> ordered(["10", "2", "2"]), ordered(["긍정", "중립", "부정"])
    (('2', '10'), ('부정', '중립', '긍정'))
    """
    found = sorted(set(labels))
    if all(label.casefold() in _TONES for label in found):
        return tuple(sorted(found, key=lambda label: _TONES[label.casefold()]))
    try:
        return tuple(sorted(found, key=float))
    except ValueError:
        return tuple(found)


def _usable(table: Sequence[Row | Fault], path: Path) -> tuple[list[Row], dict[str, int]]:
    """The rows with a text and a label, and how many are left out for what reason.

    Raises:
        DataError: that is more than half of them, or there is none at all.
    """
    rows: list[Row] = []
    faults: list[Fault] = []
    left_out: Counter[str] = Counter()
    for row in map(_normalised, table):
        if isinstance(row, Fault):
            left_out["unreadable"] += row.rows
            faults.append(row)
        elif not row.text or not row.label:
            missing = "label" if row.text else "text"
            left_out[f"without a {missing}"] += 1
            faults.append(Fault(row.line, f"no {missing}"))
        else:
            rows.append(row)
    _report(left_out, faults, len(rows), path)
    return rows, dict(left_out)


def _normalised(row: Row | Fault) -> Row | Fault:
    """What looks alike is alike: composed Hangul and accents, and in a label one blank where there
    are several. A label "nan" is none: so data frames write a missing one."""
    if isinstance(row, Fault):
        return row
    label = " ".join(unicodedata.normalize("NFC", row.label).split())
    if label.casefold() in ("nan", "<na>"):
        label = ""
    return Row(row.line, unicodedata.normalize("NFC", row.text), label)


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True


def _report(left_out: Counter[str], faults: Sequence[Fault], kept: int, path: Path) -> None:
    bad = left_out.total()
    if bad == kept == 0:
        raise DataError(f"{path}: no rows. Expected one review a row.")
    if bad == 0:
        return
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
    shown = told(path, faults[:FAULTS_SHOWN])
    if bad > kept:
        raise DataError(
            f"{path}: {bad:,} of {bad + kept:,} rows cannot be used ({reasons}): "
            f"{'; '.join(shown)}. Mend the file, or name other columns."
        )
    logger.warning("%s: %d of %d rows left out (%s)", path, bad, bad + kept, reasons)
    for fault in shown:
        logger.warning("  %s", fault)
    if len(faults) > len(shown):
        logger.warning("  and so on")


def _once_each(rows: Sequence[Row], left_out: dict[str, int], path: Path) -> list[Row]:
    """Without repeats and without texts of several labels; both are counted in `left_out`."""
    labels: dict[str, set[str]] = {}
    for row in rows:
        labels.setdefault(folded(row.text), set()).add(row.label)
    clear = [row for row in rows if len(labels[folded(row.text)]) == 1]
    once = without_repeats(clear, lambda row: folded(row.text))
    counts = {
        "texts that stand with several labels": len(rows) - len(clear),
        "repeats of a text": len(clear) - len(once),
    }
    for reason, count in counts.items():
        if count:
            left_out[reason] = count
            logger.warning("%s: %d rows left out: %s", path, count, reason)
    return once


def _require_one_spelling(rows: Sequence[Row], path: Path) -> None:
    spellings: dict[str, list[str]] = {}
    for label in dict.fromkeys(row.label for row in rows):
        meant = str(float(label)) if _is_number(label) else label.casefold()
        spellings.setdefault(meant, []).append(label)
    alike = next((names for names in spellings.values() if len(names) > 1), None)
    if alike:
        raise DataError(
            f"{path}: the classes {' and '.join(repr(name[:40]) for name in alike)} are one word "
            "or number in several spellings. Write them in one way, or name them apart."
        )


def _require_enough(rows: Sequence[Row], labels: Sequence[str], path: Path) -> None:
    if len(labels) < 2:
        found = f"the one class {labels[0][:40]!r}" if labels else "no class"
        raise DataError(f"{path}: {found} in the texts that are left; at least two expected.")
    counts = Counter(row.label for row in rows)
    few = [label for label in labels if counts[label] < FEWEST_OF_A_CLASS]
    if few:
        named = ", ".join(f"{label[:40]!r} ({counts[label]})" for label in few[:FAULTS_SHOWN])
        raise DataError(
            f"{path}: {len(few)} of {len(labels)} classes have fewer than {FEWEST_OF_A_CLASS} "
            f"different texts: {named}{' and so on' if len(few) > FAULTS_SHOWN else ''}. Add "
            "reviews, take these rows out or join them to another class; or name another column "
            "by --label-column (LABEL=… with make)."
        )
