"""From data sets to a bundle, step by step."""

from __future__ import annotations

import logging
import random
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.utils.class_weight import compute_class_weight

from service.bundle import Bundle, Metadata, save_bundle
from service.tokenizer import Tokenizer
from training.base import Base, load_base, require_fit, take_weights
from training.batches import Batches, BatchMaker, ResampledBatches
from training.calibrate import temperature
from training.checkpoint import Run
from training.config import FitConfig, NetworkConfig, TextConfig
from training.datasets import Example, Store, find, load_test
from training.evaluate import evaluate, require_labels, table
from training.export import git_commit, make_bundle
from training.fit import Fitter, Progress
from training.model import SentimentNetwork
from training.reviews import OwnFile, Reviews, own_reviews, public_reviews
from training.subwords import sampled, train_tokenizer
from training.vectors import train_vectors

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """All that decides what the bundle will be."""

    datasets: tuple[str, ...]  # public ones; none with a file of one's own
    name: str
    version: str
    network: NetworkConfig
    text: TextConfig
    fit: FitConfig
    own: OwnFile | None = None
    base: str | None = None  # the path of a bundle to go on from


def train(
    recipe: Recipe,
    *,
    store: Store,
    run: Run,
    output: Path,
    device: torch.device,
    resume: bool = False,
    restart: bool = False,
) -> Bundle:
    """Train a bundle and write it to `output`.

    Raises:
        TrainingError: bad data, or a run that cannot be resumed or would be lost.
        Interrupted: after Ctrl-C; `resume=True` goes on.
    """
    base = load_base(Path(recipe.base)) if recipe.base else None
    run.begin(asdict(recipe), resume=resume, restart=restart)
    _seed_everything(recipe.fit.seed)
    if recipe.fit.threads:
        torch.set_num_threads(recipe.fit.threads)

    reviews = _reviews(recipe, store)
    if base:
        require_fit(base, {**asdict(recipe.network), **asdict(recipe.text)}, reviews.language)
    run.require_same_data(_sources(reviews, base))
    examples = reviews.train
    tokenizer = base.bundle.tokenizer if base else _tokenizer(run, recipe, examples)
    network = SentimentNetwork(
        recipe.network,
        vocabulary_size=len(tokenizer),
        classes=len(reviews.labels),
        pad_id=tokenizer.pad_id,
    )
    if base:
        take_weights(network, base, reviews.labels)
    else:
        _begin_from_vectors(network, run, recipe, tokenizer, reviews)
    fitter = Fitter(
        network.to(device),
        _train_batches(examples, tokenizer, recipe),
        {
            name: _validation_batches(part.validation, tokenizer, recipe)
            for name, part in reviews.parts.items()
        },
        recipe.fit,
        run,
        device,
        _class_weights(examples, recipe.fit),
    )
    log.info("training on %s texts, on %s", f"{len(examples):,}", device)
    progress = fitter.fit()

    degree = temperature(fitter.validation_logits())
    metadata = _metadata(recipe, reviews, base, tokenizer, progress, degree)
    bundle = make_bundle(network, degree, tokenizer, metadata)
    figures = {name: _measured(bundle, name, test()) for name, test in reviews.tests.items()}
    bundle = replace(bundle, metadata=replace(metadata, figures=figures))
    save_bundle(output, bundle)
    run.finish()
    return bundle


def _reviews(recipe: Recipe, store: Store) -> Reviews:
    log.info("reading %s", recipe.own.path if recipe.own else ", ".join(recipe.datasets))
    if recipe.own:
        return own_reviews(recipe.own, seed=recipe.fit.seed)
    return public_reviews(recipe.datasets, seed=recipe.fit.seed, store=store)


def _sources(reviews: Reviews, base: Base | None) -> dict[str, Any]:
    """What a run must find unchanged when it is resumed."""
    sources: dict[str, Any] = {entry["name"]: entry["files"] for entry in reviews.described}
    return {**sources, **base.described()} if base else sources


def _class_weights(examples: list[Example], config: FitConfig) -> torch.Tensor | None:
    """(K,) float32: N / (K * texts of the class) (King and Zeng 2001), or None for 1 each."""
    if config.class_weights == "none":
        return None
    labels = [example.label for example in examples]
    weights = compute_class_weight("balanced", classes=np.unique(labels), y=labels)
    return torch.tensor(weights, dtype=torch.float32)


def _metadata(
    recipe: Recipe,
    reviews: Reviews,
    base: Base | None,
    tokenizer: Tokenizer,
    progress: Progress,
    degree: float,
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
            **asdict(recipe.fit),
            **(base.described() if base else {}),
            "temperature": degree,
            "best_epoch": progress.best_epoch,
            "validation": progress.history[progress.best_epoch - 1],
        },
        torch_version=torch.__version__,
        git_commit=git_commit(),
    )


def measure(bundle: Bundle, dataset: str, store: Store) -> dict[str, Any]:
    """The figures on the test part of a data set, printed and returned."""
    require_labels(bundle, dataset, find(dataset).labels)
    return _measured(bundle, dataset, load_test(dataset, store=store))


def _measured(bundle: Bundle, name: str, test: list[Example]) -> dict[str, Any]:
    figures = evaluate(bundle, [e.text for e in test], [e.label for e in test])
    print(table(name, figures, bundle.metadata.labels), flush=True)
    return figures


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
            (example.text for example in examples),
            vocabulary_size=recipe.text.vocabulary_size,
            at_most=recipe.own is not None,
        )
        run.keep_tokenizer(tokenizer)
    return tokenizer


def _begin_from_vectors(
    network: SentimentNetwork,
    run: Run,
    recipe: Recipe,
    tokenizer: Tokenizer,
    reviews: Reviews,
) -> None:
    if recipe.text.vector_epochs == 0:
        return
    vectors = run.vectors()
    if vectors is None:
        texts = [example.text for example in reviews.train]
        texts += [text for part in reviews.parts.values() for text in part.unlabelled]
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
