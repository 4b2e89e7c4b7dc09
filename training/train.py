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
from training.base import Base, load_base, require_fit
from training.blind import make_blind
from training.calibrate import temperature
from training.checkpoint import Run
from training.datasets import Example, Store, find, load_test
from training.errors import TrainingError
from training.evaluate import Answers, ask, evaluate, require_labels, require_unseen, table
from training.export import git_commit, make_bundle
from training.fit import FitProgress
from training.reviews import Reviews, own_reviews, public_reviews
from training.stages import Recipe, Workshop, require_use_of_lessons

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
        TrainingError: bad data, or a run that cannot be resumed, would be lost or is under way.
        Interrupted: after Ctrl-C; `resume=True` goes on.
    """
    base = load_base(Path(recipe.base)) if recipe.base else None
    with run.alone():
        run.begin(asdict(recipe), resume=resume, restart=restart)
        with run.timed():
            return _train(recipe, base, store, run, output, device)


def _train(
    recipe: Recipe, base: Base | None, store: Store, run: Run, output: Path, device: torch.device
) -> tuple[Bundle, dict[str, Answers]]:
    commit = git_commit()  # of the code that runs: when it is done, other code may lie here
    run.told_commit(commit)
    _seed_everything(recipe.fit.seed)
    if recipe.fit.threads:
        torch.set_num_threads(recipe.fit.threads)

    reviews = _reviews(recipe, store)
    if base:
        require_fit(base, asdict(recipe), reviews)
        for name in recipe.datasets:
            require_unseen(base.bundle, name, store)
    require_use_of_lessons(recipe, reviews)
    run.require_same_data(_sources(reviews, base))
    workshop = Workshop(recipe, reviews, base, run, device)
    fitter = workshop.student() if recipe.teach.student else workshop.pupil()
    progress = fitter.fit()
    if recipe.teach.blind:
        make_blind(fitter.network, reviews.language, workshop.tokenizer)

    degree = temperature(fitter.validation_logits())
    metadata = _metadata(recipe, reviews, base, workshop.tokenizer, progress, degree, commit)
    bundle = make_bundle(fitter.network, degree, workshop.tokenizer, metadata)
    tests = {name: _answers(bundle, name, test()) for name, test in reviews.tests.items()}
    figures = {name: evaluate(answers) for name, answers in tests.items()}
    bundle = replace(bundle, metadata=replace(metadata, figures=figures))
    save_bundle(output, bundle)
    run.finish()
    return bundle, tests


def _reviews(recipe: Recipe, store: Store) -> Reviews:
    log.info("reading %s", recipe.own.path if recipe.own else ", ".join(recipe.datasets))
    if recipe.own:
        return own_reviews(recipe.own, seed=recipe.fit.seed)
    return public_reviews(recipe.datasets, seed=recipe.fit.seed, store=store)


def _sources(reviews: Reviews, base: Base | None) -> dict[str, Any]:
    """What a run must find unchanged when it is resumed."""
    sources: dict[str, Any] = {entry["name"]: entry["files"] for entry in reviews.described}
    return {**sources, **base.described()} if base else sources


def _metadata(
    recipe: Recipe,
    reviews: Reviews,
    base: Base | None,
    tokenizer: Tokenizer,
    progress: FitProgress,
    degree: float,
    commit: str,
) -> Metadata:
    """All but the figures, which are still to be measured."""
    return Metadata(
        name=recipe.name,
        version=recipe.version,
        language=reviews.language,
        labels=reviews.labels,
        max_tokens=recipe.text.max_tokens,
        pad_id=tokenizer.pad_id,
        unk_id=tokenizer.unk_id,
        datasets=reviews.described + (base.datasets() if base else ()),
        figures={},
        hyper_parameters={
            **asdict(recipe.network),
            **asdict(recipe.text),
            **asdict(recipe.pretrain),
            **asdict(recipe.teach),
            **asdict(recipe.fit),
            **(base.described() if base else {}),
            "subwords": len(tokenizer),
            "temperature": degree,
            "best_epoch": progress.best_epoch,
            "validation": progress.history[progress.best_epoch - 1],
            "history": progress.history,
        },
        torch_version=torch.__version__,
        git_commit=commit,
    )


def measure(bundle: Bundle, datasets: Sequence[str], store: Store) -> dict[str, Answers]:
    """The answers to the test part of each data set, whose figures are printed.

    Raises:
        TrainingError: the data has other classes than the bundle, is in another language, or may
            be what the bundle was trained on.
        DataError: it cannot be had.
    """
    for name in datasets:
        known = find(name)
        require_labels(bundle, name, known.labels)
        if known.language != bundle.metadata.language:
            raise TrainingError(
                f"{bundle.metadata.name} reads {bundle.metadata.language!r}; data set {name} is in "
                f"{known.language!r}. Evaluate it on a set in its own language."
            )
        require_unseen(bundle, name, store)
    return {name: _answers(bundle, name, load_test(name, store=store)) for name in datasets}


def _answers(bundle: Bundle, name: str, test: list[Example]) -> Answers:
    answers = ask(bundle, [e.text for e in test], [e.label for e in test])
    print(table(name, evaluate(answers), bundle.metadata.labels), flush=True)
    return answers


def _seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    # A GPU's fast sums are not repeatable; where there is no repeatable one, it warns and goes on.
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    # With them comes a check that costs a quarter of a step: memory is filled before it is used.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
