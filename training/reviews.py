"""What a training reads: public data sets, or a file of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from training.datasets import (
    DATASETS,
    Columns,
    Dataset,
    Development,
    Example,
    Store,
    find,
    have_files,
    load_development,
    load_own,
    load_test,
)
from training.errors import TrainingError


@dataclass(frozen=True)
class OwnFile:
    """Where reviews of one's own are; the path is a string so that a run can keep it as JSON."""

    path: str
    columns: Columns
    language: str  # ISO 639


@dataclass(frozen=True)
class Reviews:
    """Texts of one language and one set of classes."""

    language: str
    labels: tuple[str, ...]
    parts: dict[str, Development]  # by data set
    tests: dict[str, Callable[[], list[Example]]]  # by data set; not to be called before the end
    described: tuple[dict[str, Any], ...]  # as it stands in a bundle's metadata

    @property
    def train(self) -> list[Example]:
        return [example for part in self.parts.values() for example in part.train]


def public_reviews(names: Sequence[str], *, seed: int, store: Store) -> Reviews:
    """
    Raises:
        TrainingError: the data sets cannot be had, or do not go together.
    """
    known = require_one_task(names)
    for dataset in known:
        have_files(dataset.name, store=store)
    parts = {d.name: load_development(d.name, seed=seed, store=store) for d in known}
    return Reviews(
        language=known[0].language,
        labels=known[0].labels,
        parts=parts,
        tests={d.name: partial(load_test, d.name, store=store) for d in known},
        described=tuple(_described(dataset, parts[dataset.name]) for dataset in known),
    )


def own_reviews(file: OwnFile, *, seed: int) -> Reviews:
    """
    Raises:
        TrainingError: the file cannot be used.
    """
    own = load_own(Path(file.path), file.columns, seed=seed)
    return Reviews(
        language=file.language,
        labels=own.labels,
        parts={own.name: own.development},
        tests={own.name: lambda: own.test},
        described=(own.described(),),
    )


def require_one_task(names: Sequence[str]) -> list[Dataset]:
    """The data sets, of one language and the same labels, in the catalog's order: the order in
    which they were named does not change a bundle.

    Raises:
        TrainingError: there is none, one stands twice, or they do not go together.
    """
    asked = [find(name) for name in names]
    known = [dataset for dataset in DATASETS.values() if dataset in asked]
    if not known or len(set(names)) < len(names):
        raise TrainingError(f"--dataset {' '.join(names)}: name each data set once, at least one.")
    if len({(dataset.language, dataset.labels) for dataset in known}) > 1:
        listed = "; ".join(f"{d.name}: {d.language}, {'/'.join(d.labels)}" for d in known)
        raise TrainingError(
            f"One bundle has one language and one set of labels, but {listed}. Train one each."
        )
    return known


def _described(dataset: Dataset, part: Development) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "title": dataset.title,
        "licence": dataset.licence,
        "citation": dataset.citation,
        "files": [asdict(source) for source in part.sources],
        "train": len(part.train),
        "validation": len(part.validation),
        "unlabelled": len(part.unlabelled),
    }
