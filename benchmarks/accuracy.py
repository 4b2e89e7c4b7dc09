"""`python -m benchmarks.accuracy`: our bundles and their peers, on the same test parts.

What is compared, and how it is kept fair:

- Peers learn from the labelled texts that training may look at: the training parts of all data
  sets of a language together, as the bundle does, and in the end from the validation parts too,
  which the bundle uses only to choose its epoch and its temperature. Unlabelled texts serve the
  bundle alone: these peers have no use for them.
- A peer's one setting is chosen on the validation parts. Nothing is chosen on a test part.
- The time is that of one text at a time, text in and answer out, on one thread, after every text
  of the sample has been read once; the median over the sample.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.baselines import BASELINES, Baseline, Degrees, Learner, Material
from benchmarks.left_out import LeftOut
from benchmarks.machine import described
from benchmarks.options import MODELS, RUNS, at_least, folder_of
from benchmarks.report import Row, plot, table, write_json
from service.archive import find_bundles
from service.bundle import Bundle, BundleError, load_bundle
from training.config import FitConfig
from training.datasets import DATASETS, Example, Store, load_development, load_test
from training.errors import DataError, TrainingError
from training.evaluate import calibration_error, require_labels, require_unseen, score

LABELS = ("negative", "positive")  # of every data set, in this order

# Cuts off the same validation parts as a bundle's training did.
SEED = FitConfig().seed

# Enough for a median; a list of words takes some 5 ms a text.
TIMED_TEXTS = 300

BUNDLES = "bundles"  # what --only calls ours

log = logging.getLogger(__name__)


class Reader(Protocol):
    """What is measured: a peer or a bundle."""

    @property
    def megabytes(self) -> float:
        """What it needs on the disk, its program not counted."""

    @property
    def probabilities(self) -> bool:
        """Whether `positive` is a probability, or else a degree around 0."""

    def positive(self, texts: Sequence[str]) -> Degrees:
        """How positive each text is, (N,)."""

    def read(self, text: str) -> None:
        """Answer one text: what is timed."""


@dataclass(frozen=True)
class BundleReader:
    bundle: Bundle
    megabytes: float
    probabilities: bool = True

    def positive(self, texts: Sequence[str]) -> Degrees:
        return score(self.bundle, texts)[:, LABELS.index("positive")].astype(np.float64)

    def read(self, text: str) -> None:
        if ids := self.bundle.encode(text).ids:
            self.bundle.probabilities([ids])


@dataclass(frozen=True)
class Entry:
    """A reader with what the table says of it."""

    name: str
    reader: Reader
    learnt_from: tuple[str, ...]
    setting: dict[str, Any]  # how it came to be
    ours: bool = False


@dataclass(frozen=True)
class Comparison:
    """The data of one language."""

    language: str
    material: Material
    tests: dict[str, list[Example]]
    store: Store


def main(arguments: Sequence[str]) -> int:
    """Compare; the exit code is 0, 1 where nothing could be measured, 130 after Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    try:
        found = [
            compare(language, names, options)
            for language, names in _by_language(options.dataset).items()
        ]
    except KeyboardInterrupt:
        print("\nstopped; what peers have learnt is kept", file=sys.stderr)
        return 130
    return 0 if any(found) else 1


def compare(language: str, datasets: Sequence[str], options: argparse.Namespace) -> bool:
    """Measure everything in one language, print it and write it down; False if nothing could be."""
    left_out: list[str] = []
    comparison = _load(language, datasets, Store.from_env(os.environ), options.texts, left_out)
    rows: list[Row] = []
    settings: dict[str, Any] = {}
    for entry in _entries(comparison, options, left_out):
        rows += [_measured(entry, name, test) for name, test in comparison.tests.items()]
        settings[entry.name] = entry.setting
    for dataset in comparison.tests if rows else ():
        print(f"\n{table([row for row in rows if row.dataset == dataset])}", flush=True)
    for line in left_out:
        print(f"left out: {line}", flush=True)
    if rows:
        facts = {"machine": described(), "settings": settings, "left_out": left_out}
        folder = options.output or folder_of(whole=_is_whole(comparison, options))
        _write(folder / f"accuracy-{language}", rows, facts)
    return bool(rows)


def _is_whole(comparison: Comparison, options: argparse.Namespace) -> bool:
    """A part of the comparison must not take the place of all of it, nor one of other bundles."""
    everything = _by_language(DATASETS)[comparison.language]
    part = options.texts or options.only or list(comparison.tests) != everything
    return not part and options.models == MODELS


def _write(stem: Path, rows: Sequence[Row], facts: dict[str, Any]) -> None:
    write_json(stem.with_suffix(".json"), rows, facts)
    plot(stem.with_suffix(".png"), rows)
    print(f"wrote {stem}.json and {stem}.png", flush=True)


# --- the data -------------------------------------------------------------------------------


def _load(
    language: str, datasets: Sequence[str], store: Store, texts: int | None, left_out: list[str]
) -> Comparison:
    """What can be had of the data sets; `left_out` gains a line for each that cannot."""
    parts, tests = {}, {}
    for name in datasets:
        log.info("reading %s", name)
        try:
            parts[name] = load_development(name, seed=SEED, store=store)
            tests[name] = sample(load_test(name, store=store), texts)
        except DataError as error:
            parts.pop(name, None)
            left_out.append(f"{name}: {error}")
    material = Material(
        [example for part in parts.values() for example in part.train],
        {name: part.validation for name, part in parts.items()},
    )
    return Comparison(language, material, tests, store)


def sample(items: Sequence[Any], size: int | None) -> list[Any]:
    """`size` items, evenly spread; all of them if there are no more, or for None."""
    if size is None or len(items) <= size:
        return list(items)
    return [items[n * len(items) // size] for n in range(size)]


def _by_language(datasets: Iterable[str]) -> dict[str, list[str]]:
    """Language -> data sets, in the catalog's order."""
    asked: dict[str, list[str]] = {}
    for name, dataset in DATASETS.items():
        if name in datasets:
            asked.setdefault(dataset.language, []).append(name)
    return asked


# --- who is measured ------------------------------------------------------------------------


def _entries(
    comparison: Comparison, options: argparse.Namespace, left_out: list[str]
) -> Iterator[Entry]:
    """One after the other: a peer of millions of n-grams goes before the next one comes."""
    if not comparison.tests:
        return
    asked = options.only or (BUNDLES, *BASELINES)
    if BUNDLES in asked:
        yield from _bundles(comparison, options.models, left_out)
    for name, make in BASELINES.items():
        if name in asked:
            try:
                yield _peer(name, make, comparison, options.cache)
            except LeftOut as reason:
                left_out.append(f"{name}: {reason}.")


def _bundles(comparison: Comparison, folder: Path, left_out: list[str]) -> Iterator[Entry]:
    try:
        paths = find_bundles(folder)
    except BundleError as error:
        left_out.append(str(error))
        return
    for path in paths:
        try:
            bundle = load_bundle(path)
            if bundle.metadata.language != comparison.language:
                continue
            require_labels(bundle, " ".join(comparison.tests), LABELS)
            for name in comparison.tests:
                require_unseen(bundle, name, comparison.store)
        except (BundleError, TrainingError) as error:
            left_out.append(str(error))
            continue
        metadata = bundle.metadata
        yield Entry(
            metadata.name,
            BundleReader(bundle, path.stat().st_size / 1e6),
            tuple(entry["name"] for entry in metadata.datasets),
            {"version": metadata.version, "commit": metadata.git_commit},
            ours=True,
        )


def _peer(name: str, make: Callable[[str], Baseline], comparison: Comparison, cache: Path) -> Entry:
    baseline = make(comparison.language)
    if not isinstance(baseline, Learner):
        return Entry(name, baseline, (), {})
    learn_or_load(baseline, f"{comparison.language}-{name}", comparison.material, cache)
    setting = {"settings": baseline.settings, "chosen": baseline.chosen}
    return Entry(name, baseline, tuple(comparison.tests), setting)


def learn_or_load(learner: Learner, name: str, material: Material, cache: Path) -> None:
    """Load what was learnt from the same texts with the same settings; else learn and keep it."""
    key = hashlib.sha256(f"{learner.settings}\0{material.digest()}".encode()).hexdigest()
    path = cache / f"{name}-{key[:16]}"
    if path.exists():
        log.info("%s: loading %s", name, path)
        learner.load(path)
        return
    log.info("%s: learning from %s texts", name, f"{len(material.everything):,}")
    learner.fit(material)
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    learner.save(unfinished)
    unfinished.replace(path)


# --- measuring ------------------------------------------------------------------------------


def _measured(entry: Entry, dataset: str, test: Sequence[Example]) -> Row:
    texts, labels = [e.text for e in test], np.array([e.label for e in test])
    log.info("%s: reading %s texts of %s", entry.name, f"{len(texts):,}", dataset)
    positive = entry.reader.positive(texts)
    times = milliseconds(entry.reader.read, sample(texts, TIMED_TEXTS))
    low, median, high = np.percentile(times, (25, 50, 75)).round(4).tolist()
    return Row(
        dataset=dataset,
        reader=entry.name,
        ours=entry.ours,
        learnt_from=entry.learnt_from,
        texts=len(texts),
        accuracy=round(accuracy(positive, labels, entry.reader.probabilities), 5),
        calibration_error=_calibration(positive, labels) if entry.reader.probabilities else None,
        milliseconds=median,
        quartiles=(low, high),
        megabytes=round(entry.reader.megabytes, 2),
    )


def accuracy(positive: Degrees, labels: npt.NDArray[np.int64], probabilities: bool) -> float:
    """Share of right answers, 0 to 1; a text at the very threshold counts as negative."""
    return float(np.mean((positive > (0.5 if probabilities else 0)) == (labels == 1)))


def _calibration(positive: Degrees, labels: npt.NDArray[np.int64]) -> float:
    both = np.stack([1 - positive, positive], axis=1).astype(np.float32)  # (N,) -> (N, K)
    return round(calibration_error(both, labels), 5)


def milliseconds(read: Callable[[str], None], texts: Sequence[str]) -> list[float]:
    """The time of each text, read alone, after all have been read once."""
    for text in texts:
        read(text)
    times = []
    for text in texts:
        begin = time.perf_counter()
        read(text)
        times.append(1000 * (time.perf_counter() - begin))
    return times


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy",
        description="Our bundles and their peers on the same test parts: accuracy, calibration, "
        "time per text, size. The whole comparison goes to benchmarks/results, a part of it to "
        "runs/benchmarks.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--dataset", nargs="+", choices=DATASETS, default=list(DATASETS), metavar="NAME",
        help="data sets that peers learn from and all are tested on; of one language, peers learn "
        "from all that are named together",
    )  # fmt: skip
    parser.add_argument(
        "--only", nargs="+", choices=(BUNDLES, *BASELINES), metavar="NAME",
        help=f"measure these alone, of {', '.join((BUNDLES, *BASELINES))}",
    )  # fmt: skip
    parser.add_argument(
        "--texts", type=at_least(1), metavar="N",
        help="read only so many of each test part, for a quick look",
    )  # fmt: skip
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of the bundles")
    parser.add_argument("--cache", type=Path, default=RUNS / "peers", help="what peers have learnt")
    parser.add_argument("--output", type=Path, help="where table and plot go, whatever is asked")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
