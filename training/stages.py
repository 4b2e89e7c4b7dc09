"""The stages of a training, each of which begins where the one before ended.

    tokenizer -> word vectors -> language model -> teachers -> their answers -> student

or, without teachers, `fit` right behind the language model. What a stage leaves lies in the run's
folder: an interrupted training goes on from there, and a stage that is done is not done again.
Each draws its random numbers from a seed of its own, so that it does not matter where it was
resumed.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from sklearn.utils.class_weight import compute_class_weight

from service.tokenizer import Tokenizer
from training.base import Base, take_weights
from training.batches import Batches, BatchMaker, ResampledBatches
from training.blind import BLIND_TO
from training.checkpoint import Run
from training.config import (
    FitConfig,
    NetworkConfig,
    PretrainConfig,
    TeachConfig,
    TextConfig,
    option,
)
from training.datasets import Example
from training.errors import TrainingError
from training.fit import Fitter
from training.lessons import GRAMMARS, LESSON_LABELS, lessons, written
from training.lessons.slips import SLIPS, misspelt
from training.lessons.toneless import toneless
from training.model import SentimentNetwork
from training.precision import mixed_precision
from training.pretrain import Pretrainer
from training.reviews import OwnFile, Reviews
from training.subwords import sampled, train_tokenizer
from training.teach import LinearTeacher, Probabilities, blend_weights, blended, sentences
from training.vectors import narrowed, train_vectors

log = logging.getLogger(__name__)

# What the language model reads at once: long enough to learn from, short enough to batch well.
PIECE_TOKENS = 128
PIECES_AT_ONCE = 1_024


@dataclass(frozen=True)
class Recipe:
    """All that decides what the bundle will be."""

    datasets: tuple[str, ...]  # public ones; none with a file of one's own
    name: str
    version: str
    network: NetworkConfig
    text: TextConfig
    pretrain: PretrainConfig
    teach: TeachConfig
    fit: FitConfig
    own: OwnFile | None = None
    base: str | None = None  # the path of a bundle to go on from


@dataclass(frozen=True)
class Workshop:
    """The stages of one training.

    Args:
        reviews: what there is to learn from.
        base: the bundle to go on from, whose subwords and weights take the place of the stages
            before the teachers.
        run: where the stages leave what they made.
    """

    recipe: Recipe
    reviews: Reviews
    base: Base | None
    run: Run
    device: torch.device

    @cached_property
    def tokenizer(self) -> Tokenizer:
        tokenizer = self.base.bundle.tokenizer if self.base else self.run.tokenizer()
        if tokenizer is None:
            size = self.recipe.text.vocabulary_size
            log.info("making a tokenizer of %s subwords", f"{size:,}")
            tokenizer = train_tokenizer(
                (example.text for example in self._examples),
                vocabulary_size=size,
                at_most=self.recipe.own is not None,
            )
            self.run.keep_tokenizer(tokenizer)
        return tokenizer

    def pupil(self) -> Fitter:
        """A network that learns from labels alone."""
        return self._learner("fit", [], self._given(self._examples))

    def student(self) -> Fitter:
        """A network that learns from teachers: their answers to the texts that have no label, and
        half and half their answers and the labels where there are some (Hinton et al. 2015); some
        of both once more, misspelt."""
        if not self._unlabelled:
            log.info("no unlabelled text: teachers answer the labelled ones alone")
        answers = self._teachers_answers.copy()
        labelled = [example.text for example in self._examples]
        answers[: len(labelled)] = (answers[: len(labelled)] + self._given(self._examples)) / 2
        copies = misspelt(
            self.reviews.language,
            labelled + self._unlabelled,
            copies=self.recipe.teach.slips,
            seed=self.recipe.fit.seed,
        )
        answers = np.concatenate([answers, answers[[place for place, _ in copies]]])
        return self._learner(
            "student",
            self._unlabelled + [copy for _, copy in copies],
            answers,
            vectors=self.run.taught_vectors(),
        )

    def _learner(
        self,
        stage: str,
        unlabelled: list[str],
        answers: Probabilities,
        vectors: npt.NDArray[np.float32] | None = None,
    ) -> Fitter:
        """
        Args:
            answers: (labelled and unlabelled texts, K), what is to be answered to them.
            vectors: (V, E) to begin with, instead of those of word2vec.
        """
        language, classes = self.reviews.language, len(self.reviews.labels)
        teach, seed = self.recipe.teach, self.recipe.fit.seed
        shown = []  # lessons have the labels of the public data sets and no others
        if self.reviews.labels == LESSON_LABELS:
            shown = lessons(language, texts=teach.lessons, seed=seed)
            shown += written.sentences(language, texts=teach.written, seed=seed)
        undecided = toneless(language, texts=teach.toneless, seed=seed)
        texts = [e.text for e in self._examples] + unlabelled
        texts += [self._examples[place].text for place in self._again]
        texts += [e.text for e in shown] + undecided
        even = np.full((len(undecided), classes), 1 / classes, dtype=np.float32)
        targets = np.concatenate([answers, answers[self._again], self._given(shown), even])
        batches, kept = self._train_batches(texts, targets.argmax(1))
        log.info("training on %s texts, on %s", f"{len(kept):,}", self.device)
        return self._fitter(
            self._network(self.recipe.fit.seed, self.recipe.network, vectors),
            batches,
            self.recipe.fit,
            stage,
            targets[kept],
        )

    def _given(self, examples: Sequence[Example]) -> Probabilities:
        """(N, K): all for the label."""
        labels = [example.label for example in examples]
        return np.eye(len(self.reviews.labels), dtype=np.float32)[np.array(labels, dtype=np.int64)]

    # --- where a network begins --------------------------------------------------------------

    def _network(
        self,
        stage_seed: int,
        config: NetworkConfig,
        vectors: npt.NDArray[np.float32] | None = None,
    ) -> SentimentNetwork:
        torch.manual_seed(stage_seed)
        network = SentimentNetwork(
            config,
            vocabulary_size=len(self.tokenizer),
            classes=len(self.reviews.labels),
            pad_id=self.tokenizer.pad_id,
        )
        if self.base:
            take_weights(network, self.base, self.reviews.labels)
            return network.to(self.device)
        if vectors is not None:
            _put_vectors(network, vectors)
        elif self.recipe.text.vector_epochs > 0:
            _put_vectors(network, self._vectors)
        network.to(self.device)
        torch.manual_seed(self.recipe.fit.seed)  # the same one, whichever stage comes first
        self._pretrain(network, config)
        if vectors is not None:  # a language model that was there already has its own
            _put_vectors(network, vectors)
        torch.manual_seed(stage_seed)
        return network

    @property
    def _first_embedding_size(self) -> int:
        """Of the network that learns first; a student begins with what its teacher made of them."""
        own, teach = self.recipe.network.embedding_size, self.recipe.teach
        if not teach.student or teach.teacher_embedding_size == 0:
            return own
        if teach.teacher_embedding_size < own:
            raise TrainingError(
                f"--teacher-embedding-size={teach.teacher_embedding_size}: expected at least the "
                f"student's --embedding-size={own}, or 0 for the same."
            )
        return teach.teacher_embedding_size

    @cached_property
    def _vectors(self) -> npt.NDArray[np.float32]:
        vectors = self.run.vectors()
        if vectors is None:
            log.info("learning word vectors from %s texts", f"{len(self._texts):,}")
            vectors = train_vectors(
                self._texts,
                self.tokenizer,
                size=self._first_embedding_size,
                epochs=self.recipe.text.vector_epochs,
                seed=self.recipe.fit.seed,
            )
            self.run.keep_vectors(vectors)
        return vectors

    def _pretrain(self, network: SentimentNetwork, shape: NetworkConfig) -> None:
        config = self.recipe.pretrain
        width = shape.embedding_size, shape.hidden_size
        if width != (self.recipe.network.embedding_size, self.recipe.network.hidden_size):
            config = replace(config, lm_epochs=self.recipe.teach.teacher_lm_epochs)
        if config.lm_epochs == 0:
            return
        batches, frequencies = self._pieces
        Pretrainer(
            network,
            batches,
            frequencies,
            config,
            seed=self.recipe.fit.seed,
            run=self.run,
            device=self.device,
            stage="language-model-{}-{}".format(*width),
        ).pretrain()

    @cached_property
    def _pieces(self) -> tuple[Batches, torch.Tensor]:
        """What the language model reads, and how often each token stands in it."""
        pieces = [
            piece
            for text in self._texts
            for piece in in_pieces(self.tokenizer.encode(text), PIECE_TOKENS)
        ]
        tokens = np.fromiter((token for piece in pieces for token in piece), dtype=np.int64)
        log.info("the language model reads %s tokens", f"{len(tokens):,}")
        batches = BatchMaker(
            pieces,
            [0] * len(pieces),
            pad_id=self.tokenizer.pad_id,
            batch_tokens=self.recipe.pretrain.lm_batch_tokens,
            batch_texts=PIECES_AT_ONCE,
        )
        return batches, torch.from_numpy(np.bincount(tokens, minlength=len(self.tokenizer)))

    # --- what teachers say -------------------------------------------------------------------

    @cached_property
    def _teachers_answers(self) -> Probabilities:
        """What they say together to the labelled and the unlabelled texts: (texts, K)."""
        answers = self.run.targets()
        if answers is None:
            held_out = [e for part in self.reviews.parts.values() for e in part.validation]
            texts = [e.text for e in self._examples] + self._unlabelled
            asked = [[e.text for e in held_out], texts]
            said = [self._taught_network(number, asked) for number in range(1, 1 + self._teachers)]
            said.append(self._taught_linear(asked))
            labels = np.array([e.label for e in held_out])
            weights = blend_weights([validation for validation, _ in said], labels)
            together = blended([validation for validation, _ in said], weights)
            log.info(
                "validation accuracy of the teachers: %s; weighted by %s, together: %.2f %%",
                ", ".join(f"{100 * accuracy(each, labels):.2f} %" for each, _ in said),
                ", ".join(f"{weight:.2f}" for weight in weights),
                100 * accuracy(together, labels),
            )
            answers = blended([answers for _, answers in said], weights)
            self.run.keep_targets(answers)
        return answers

    @property
    def _teachers(self) -> int:
        return self.recipe.teach.teachers

    def _taught_network(self, number: int, asked: list[list[str]]) -> list[Probabilities]:
        teach = self.recipe.teach
        fit = replace(
            self.recipe.fit,
            epochs=teach.teacher_epochs,
            adversarial_norm=teach.teacher_adversarial_norm,
            seed=self.recipe.fit.seed + 1_000 * number,
        )
        shape = replace(
            self.recipe.network,
            embedding_size=self._first_embedding_size,
            hidden_size=teach.teacher_hidden_size or self.recipe.network.hidden_size,
            embedding_dropout=teach.teacher_embedding_dropout,
            dropout=teach.teacher_dropout,
        )
        log.info("training teacher %d", number)
        examples = self._examples + [self._examples[place] for place in self._again]
        labels = np.array([e.label for e in examples])
        batches, _ = self._train_batches([e.text for e in examples], labels)
        fitter = self._fitter(self._network(fit.seed, shape), batches, fit, f"teacher-{number}")
        fitter.fit()
        if number == 1:  # for the student to begin with: it reads the same subwords
            vectors = fitter.network.embedding.weight.detach().cpu().numpy()
            self.run.keep_taught_vectors(narrowed(vectors, self.recipe.network.embedding_size))
        return [self._log_probabilities(fitter.network, texts) for texts in asked]

    def _taught_linear(self, asked: list[list[str]]) -> list[Probabilities]:
        log.info("training the linear teacher")
        linear = LinearTeacher(self.reviews.language, len(self.reviews.labels)).fit(
            [e.text for e in self._examples], [e.label for e in self._examples]
        )
        return [linear.log_probabilities(texts) for texts in asked]

    def _log_probabilities(self, network: SentimentNetwork, texts: list[str]) -> Probabilities:
        """(N, K); a text without a token is as likely of any class."""
        classes = len(self.reviews.labels)
        answers = np.full((len(texts), classes), -np.log(classes), dtype=np.float32)
        sequences, kept = self._readable(texts)
        batches = self._batches(sequences, [0] * len(sequences), self.recipe.text.max_tokens)
        network.eval()
        with torch.inference_mode(), mixed_precision(self.device):
            for batch in batches.epoch(None, self.device):
                logits = network(batch.ids, batch.lengths).float()  # (N, K)
                places = kept[batch.places.cpu().numpy()]
                answers[places] = torch.log_softmax(logits, dim=1).cpu().numpy()
        return answers

    # --- texts -------------------------------------------------------------------------------

    @cached_property
    def _examples(self) -> list[Example]:
        return self.reviews.train

    @cached_property
    def _again(self) -> list[int]:
        """Which examples are read more than once an epoch, each as often as it is beyond that."""
        sizes = [len(part.train) for part in self.reviews.parts.values()]
        return again(sizes, self.recipe.teach.least_share)

    @cached_property
    def _unlabelled(self) -> list[str]:
        texts = [text for part in self.reviews.parts.values() for text in part.unlabelled]
        return texts + sentences(texts, self.recipe.teach.sentences, self.recipe.fit.seed)

    @cached_property
    def _texts(self) -> list[str]:
        """All texts, each once."""
        texts = [e.text for e in self._examples]
        return texts + [text for part in self.reviews.parts.values() for text in part.unlabelled]

    def _readable(self, texts: Sequence[str]) -> tuple[list[list[int]], npt.NDArray[np.int64]]:
        """The token ids of the texts that have any, and where those texts stand."""
        sequences = [self.tokenizer.encode(text) for text in texts]
        kept = [place for place, ids in enumerate(sequences) if ids]
        if len(kept) < len(texts):
            log.info("%d texts without a token are left out", len(texts) - len(kept))
        return [sequences[place] for place in kept], np.array(kept, dtype=np.int64)

    def _fitter(
        self,
        network: SentimentNetwork,
        train: Batches,
        config: FitConfig,
        stage: str,
        targets: Probabilities | None = None,
    ) -> Fitter:
        return Fitter(
            network,
            train,
            {
                name: self._validation_batches(part.validation)
                for name, part in self.reviews.parts.items()
            },
            config,
            self.run,
            self.device,
            self._class_weights,
            stage=stage,
            targets=None if targets is None else torch.from_numpy(targets),
        )

    @cached_property
    def _class_weights(self) -> torch.Tensor | None:
        """(K,) float32: N / (K * texts of the class) (King and Zeng 2001), or None for 1 each."""
        if self.recipe.fit.class_weights == "none":
            return None
        labels = [example.label for example in self._examples]
        weights = compute_class_weight("balanced", classes=np.unique(labels), y=labels)
        return torch.tensor(weights, dtype=torch.float32)

    def _train_batches(
        self, texts: Sequence[str], labels: npt.NDArray[np.int64]
    ) -> tuple[Batches, npt.NDArray[np.int64]]:
        """The batches, and which of the texts are in them."""
        sequences, kept = self._readable(texts)
        known = labels[kept].tolist()
        text = self.recipe.text
        if text.subword_sampling == 0 and text.crops == "head":
            return self._batches(sequences, known, text.train_tokens), kept

        def make(seed: int) -> BatchMaker:
            drawn = sequences
            if text.subword_sampling > 0:
                readable = (texts[place] for place in kept)
                drawn = sampled(readable, self.tokenizer, alpha=text.subword_sampling, seed=seed)
            if text.crops == "random":
                drawn = cropped(drawn, text.train_tokens, seed)
            return self._batches(drawn, known, text.train_tokens)

        return ResampledBatches(len(kept), make), kept

    def _validation_batches(self, examples: Sequence[Example]) -> BatchMaker:
        sequences, kept = self._readable([example.text for example in examples])
        labels = [examples[place].label for place in kept]
        return self._batches(sequences, labels, self.recipe.text.max_tokens)

    def _batches(
        self, sequences: Sequence[Sequence[int]], labels: Sequence[int], max_tokens: int
    ) -> BatchMaker:
        return BatchMaker(
            [ids[:max_tokens] for ids in sequences],
            labels,
            pad_id=self.tokenizer.pad_id,
            batch_tokens=self.recipe.fit.batch_tokens,
            batch_texts=self.recipe.fit.batch_texts,
        )


def require_use_of_lessons(recipe: Recipe, reviews: Reviews) -> None:
    """
    Raises:
        TrainingError: texts or words of our own choosing are asked for and there are none for such
            reviews.
    """
    for name, there in (("slips", SLIPS), ("blind", BLIND_TO)):
        asked = getattr(recipe.teach, name)
        if asked and reviews.language not in there:
            raise TrainingError(
                f"{option(name)}={asked}: there are none for reviews in {reviews.language!r}; "
                f"there are for {' and '.join(there)}. Leave it out."
            )
    if reviews.labels == LESSON_LABELS and reviews.language in GRAMMARS:
        return
    for name in ("lessons", "written"):
        asked = getattr(recipe.teach, name)
        if asked:
            raise TrainingError(
                f"{option(name)}={asked}: there are none for reviews in {reviews.language!r} with "
                f"the classes {', '.join(reviews.labels[:5])}; there are for "
                f"{' and '.join(GRAMMARS)} with {' and '.join(LESSON_LABELS)}. Leave it out."
            )


def _put_vectors(network: SentimentNetwork, vectors: npt.NDArray[np.float32]) -> None:
    """
    Args:
        vectors: (V, E).
    """
    with torch.no_grad():
        network.embedding.weight.copy_(torch.from_numpy(vectors))


def again(sizes: Sequence[int], least_share: float) -> list[int]:
    """Places of the texts that are to be read again, so that each data set has its share.

    Args:
        sizes: texts of each data set; they stand one after the other.
        least_share: of the texts of all, 0 to less than 1; where several are read again, somewhat
            less may come of it.

    >>> again([6, 2], least_share=0.4)      # 2 of 8 are too few, 4 of 10 are not
    [6, 7]
    """
    places: list[int] = []
    begin = 0
    for size in sizes:
        wanted = least_share / (1 - least_share) * (sum(sizes) - size)
        times = math.ceil(wanted / size) if size else 0
        places += list(range(begin, begin + size)) * (times - 1)
        begin += size
    return places


def in_pieces(ids: list[int], size: int) -> list[list[int]]:
    """A text in pieces of `size` tokens; one token alone has no neighbour to foretell.

    >>> in_pieces([1, 2, 3, 4, 5, 6, 7], 3)
    [[1, 2, 3], [4, 5, 6]]
    """
    pieces = [ids[begin : begin + size] for begin in range(0, len(ids), size)]
    return [piece for piece in pieces if len(piece) > 1]


def cropped(sequences: Sequence[list[int]], size: int, seed: int) -> list[list[int]]:
    """`size` tokens in a row of each longer text, from a place drawn by `seed`.

    >>> cropped([[1, 2], [1, 2, 3, 4, 5]], 3, seed=1)
    [[1, 2], [3, 4, 5]]
    """
    chance = random.Random(seed)
    starts = (int(chance.random() * (max(0, len(ids) - size) + 1)) for ids in sequences)
    return [ids[start : start + size] for ids, start in zip(sequences, starts, strict=True)]


def accuracy(answers: Probabilities, labels: npt.NDArray[np.int64]) -> float:
    return float((answers.argmax(1) == labels).mean())
