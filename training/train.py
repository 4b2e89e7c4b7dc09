"""From data sets to a bundle, step by step."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from service.bundle import Bundle, Metadata, save_bundle
from service.tokenizer import Tokenizer
from training.calibrate import temperature
from training.checkpoint import Run
from training.datasets import (
    DATASETS,
    Dataset,
    Development,
    Store,
    find,
    load_development,
    load_test,
)
from training.errors import TrainingError
from training.evaluate import Answers, ask, evaluate, require_labels, table
from training.export import git_commit, make_bundle
from training.fit import Progress
from training.stages import Recipe, Workshop

log = logging.getLogger(__name__)


def train(
    recipe: Recipe,
    *,
    store: Store,
    run: Run,
    output: Path,
    device: torch.device,
    resume: bool = False,
    restart: bool = False,
) -> tuple[Bundle, dict[str, Answers]]:
    """Train a bundle and write it to `output`.

    Returns:
        The bundle, and its answers to the test part of each data set.

    Raises:
        TrainingError: bad data, or a run that cannot be resumed or would be lost.
        Interrupted: after Ctrl-C; `resume=True` goes on.
    """
    known = require_one_task(recipe.datasets)
    run.begin(asdict(recipe), resume=resume, restart=restart)
    _seed_everything(recipe.fit.seed)
    if recipe.fit.threads:
        torch.set_num_threads(recipe.fit.threads)

    log.info("reading %s", ", ".join(recipe.datasets))
    parts = {
        name: load_development(name, seed=recipe.fit.seed, store=store) for name in recipe.datasets
    }
    run.require_same_data({name: [asdict(s) for s in part.sources] for name, part in parts.items()})
    workshop = Workshop(recipe, parts, known[0], run, device)
    fitter = workshop.student() if recipe.teach.student else workshop.pupil()
    network, progress, tokenizer = fitter.network, fitter.fit(), workshop.tokenizer

    degree = temperature(fitter.validation_logits())
    metadata = _metadata(recipe, parts, tokenizer, progress, degree)
    bundle = make_bundle(network, degree, tokenizer, metadata)
    tests = measure(bundle, recipe.datasets, store)
    figures = {name: evaluate(answers) for name, answers in tests.items()}
    bundle = replace(bundle, metadata=replace(metadata, figures=figures))
    save_bundle(output, bundle)
    run.finish()
    return bundle, tests


def _metadata(
    recipe: Recipe,
    parts: dict[str, Development],
    tokenizer: Tokenizer,
    progress: Progress,
    degree: float,
) -> Metadata:
    """All but the figures, which are still to be measured."""
    known = [find(name) for name in recipe.datasets]
    return Metadata(
        name=recipe.name,
        version=recipe.version,
        language=known[0].language,
        labels=known[0].labels,
        max_tokens=recipe.text.max_tokens,
        pad_id=tokenizer.pad_id,
        unk_id=tokenizer.unk_id,
        datasets=tuple(_described(dataset, parts[dataset.name]) for dataset in known),
        figures={},
        hyper_parameters={
            **asdict(recipe.network),
            **asdict(recipe.text),
            **asdict(recipe.pretrain),
            **asdict(recipe.teach),
            **asdict(recipe.fit),
            "temperature": degree,
            "best_epoch": progress.best_epoch,
            "validation": progress.history[progress.best_epoch - 1],
            "history": progress.history,
        },
        torch_version=torch.__version__,
        git_commit=git_commit(),
    )


def measure(bundle: Bundle, datasets: Sequence[str], store: Store) -> dict[str, Answers]:
    """The answers to the test part of each data set, whose figures are printed."""
    found = {}
    for name in datasets:
        require_labels(bundle, name, find(name).labels)
        test = load_test(name, store=store)
        found[name] = ask(bundle, [e.text for e in test], [e.label for e in test])
        print(table(name, evaluate(found[name]), bundle.metadata.labels), flush=True)
    return found


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


def _seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    # A GPU's fast sums are not repeatable; where there is no repeatable one, it warns and goes on.
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    # With them comes a check that costs a quarter of a step: memory is filled before it is used.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


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
