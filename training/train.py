"""From data sets to a bundle, step by step."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from service.bundle import Bundle, Metadata, save_bundle
from service.tokenizer import Tokenizer
from training.batches import Batches, BatchMaker, ResampledBatches
from training.calibrate import temperature
from training.checkpoint import Run
from training.config import FitConfig, NetworkConfig, TextConfig
from training.datasets import (
    DATASETS,
    Dataset,
    Development,
    Example,
    Store,
    find,
    load_development,
    load_test,
)
from training.errors import TrainingError
from training.evaluate import Answers, ask, evaluate, require_labels, table
from training.export import git_commit, make_bundle
from training.fit import Fitter, Progress
from training.model import SentimentNetwork
from training.subwords import sampled, train_tokenizer
from training.vectors import train_vectors

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """All that decides what the bundle will be."""

    datasets: tuple[str, ...]
    name: str
    version: str
    network: NetworkConfig
    text: TextConfig
    fit: FitConfig


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
    examples = [example for part in parts.values() for example in part.train]
    tokenizer = _tokenizer(run, recipe, examples)
    network = SentimentNetwork(
        recipe.network,
        vocabulary_size=len(tokenizer),
        classes=len(known[0].labels),
        pad_id=tokenizer.pad_id,
    )
    _begin_from_vectors(network, run, recipe, tokenizer, parts)
    fitter = Fitter(
        network.to(device),
        _train_batches(examples, tokenizer, recipe),
        {
            name: _validation_batches(part.validation, tokenizer, recipe)
            for name, part in parts.items()
        },
        recipe.fit,
        run,
        device,
    )
    log.info("training on %s texts, on %s", f"{len(examples):,}", device)
    progress = fitter.fit()

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


def _tokenizer(run: Run, recipe: Recipe, examples: list[Example]) -> Tokenizer:
    tokenizer = run.tokenizer()
    if tokenizer is None:
        log.info("making a tokenizer of %s subwords", f"{recipe.text.vocabulary_size:,}")
        tokenizer = train_tokenizer(
            (example.text for example in examples), vocabulary_size=recipe.text.vocabulary_size
        )
        run.keep_tokenizer(tokenizer)
    return tokenizer


def _begin_from_vectors(
    network: SentimentNetwork,
    run: Run,
    recipe: Recipe,
    tokenizer: Tokenizer,
    parts: dict[str, Development],
) -> None:
    if recipe.text.vector_epochs == 0:
        return
    vectors = run.vectors()
    if vectors is None:
        texts = [e.text for part in parts.values() for e in part.train]
        texts += [text for part in parts.values() for text in part.unlabelled]
        log.info("learning word vectors from %s texts", f"{len(texts):,}")
        vectors = train_vectors(
            texts,
            tokenizer,
            size=recipe.network.embedding_size,
            epochs=recipe.text.vector_epochs,
            seed=recipe.fit.seed,
        )
        run.keep_vectors(vectors)
    with torch.no_grad():
        network.embedding.weight.copy_(torch.from_numpy(vectors))


def _train_batches(examples: list[Example], tokenizer: Tokenizer, recipe: Recipe) -> Batches:
    examples, sequences = _readable(examples, tokenizer)
    alpha, max_tokens = recipe.text.subword_sampling, recipe.text.train_tokens
    if alpha == 0:
        return _batches(examples, sequences, tokenizer, recipe, max_tokens)

    def make(seed: int) -> BatchMaker:
        texts = (example.text for example in examples)
        drawn = sampled(texts, tokenizer, alpha=alpha, seed=seed)
        return _batches(examples, drawn, tokenizer, recipe, max_tokens)

    return ResampledBatches(len(examples), make)


def _validation_batches(
    examples: list[Example], tokenizer: Tokenizer, recipe: Recipe
) -> BatchMaker:
    examples, sequences = _readable(examples, tokenizer)
    return _batches(examples, sequences, tokenizer, recipe, recipe.text.max_tokens)


def _readable(
    examples: list[Example], tokenizer: Tokenizer
) -> tuple[list[Example], list[list[int]]]:
    """The examples that have a token at all, and their token ids."""
    sequences = [tokenizer.encode(example.text) for example in examples]
    kept = [n for n, ids in enumerate(sequences) if ids]
    if len(kept) < len(examples):
        log.info("%d texts without a token are left out", len(examples) - len(kept))
    return [examples[n] for n in kept], [sequences[n] for n in kept]


def _batches(
    examples: list[Example],
    sequences: list[list[int]],
    tokenizer: Tokenizer,
    recipe: Recipe,
    max_tokens: int,
) -> BatchMaker:
    return BatchMaker(
        [ids[:max_tokens] for ids in sequences],
        [example.label for example in examples],
        pad_id=tokenizer.pad_id,
        batch_tokens=recipe.fit.batch_tokens,
        batch_texts=recipe.fit.batch_texts,
    )


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
