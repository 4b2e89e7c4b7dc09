"""Every knob of training, with its unit and the reason for its value.

`python -m training --help` is made from these classes: a new field is a new option.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from training.errors import TrainingError


def knob(default: Any, text: str, choices: tuple[Any, ...] = ()) -> Any:
    """A field with the sentence that `--help` shows for it."""
    return field(default=default, metadata={"help": text, "choices": choices})


@dataclass(frozen=True)
class NetworkConfig:
    cell: str = knob("lstm", "the recurrent cell", ("lstm", "gru", "rnn"))
    directions: int = knob(2, "1 reads forwards only, 2 backwards as well", (1, 2))
    layers: int = knob(1, "recurrent layers; each further one costs as much time again")
    embedding_size: int = knob(128, "width of a word vector; stored in float16")
    hidden_size: int = knob(
        128, "width of the hidden state of one direction; the time grows faster than it"
    )
    pooling: str = knob(
        "max-mean",
        "how the states become one: the last one, their maximum, their mean, or maximum and mean "
        "side by side, which reads long reviews best",
        ("last", "max", "mean", "max-mean"),
    )
    embedding_dropout: float = knob(0.3, "share of word-vector entries dropped (0 to 1)")
    dropout: float = knob(0.5, "share of entries dropped between layers and before the classes")

    def __post_init__(self) -> None:
        _check_choices(self)
        _at_least(self, 1, "layers", "embedding_size", "hidden_size")
        _share(self, "embedding_dropout", "dropout")

    @classmethod
    def of(cls, hyper_parameters: Mapping[str, Any]) -> NetworkConfig:
        """That of a bundle, out of its metadata; what they do not name had its default."""
        return cls(
            **{knob.name: hyper_parameters.get(knob.name, knob.default) for knob in fields(cls)}
        )


@dataclass(frozen=True)
class TextConfig:
    vocabulary_size: int = knob(20_000, "subwords; with 128 float16 each they fill 5 MB")
    train_tokens: int = knob(400, "tokens of a text that training reads; the rest is left out")
    crops: str = knob(
        "head",
        "which tokens of a longer text training reads: the first ones, or others at each epoch",
        ("head", "random"),
    )
    max_tokens: int = knob(1_024, "tokens of a text that the bundle reads; the rest is cut")
    subword_sampling: float = knob(
        0.0,
        "how near to the usual split into subwords training stays (Kudo 2018, arXiv 1804.10959): "
        "below 1, lower is wilder; 0 always takes the usual one, and was no worse",
    )
    vector_epochs: int = knob(
        5, "passes of word2vec over all texts, unlabelled ones too, to begin from; 0 to leave out"
    )

    def __post_init__(self) -> None:
        _check_choices(self)
        _at_least(self, 3, "vocabulary_size")
        _at_least(self, 1, "train_tokens", "max_tokens")
        _at_least(self, 0, "vector_epochs")
        _share(self, "subword_sampling")


@dataclass(frozen=True)
class PretrainConfig:
    lm_epochs: int = knob(
        0, "passes of the language model over all texts, unlabelled ones too; 0 to leave it out"
    )
    lm_candidates: int = knob(512, "words that the right one is told from, drawn for each step")
    lm_learning_rate: float = knob(5e-3, "Adam's step size; falls to 0 by a half cosine")
    lm_batch_tokens: int = knob(3_000, "tokens of a step; larger ones are too few to learn much")
    lm_dropout: float = knob(0.05, "share of word-vector entries dropped; there is text enough")

    def __post_init__(self) -> None:
        _at_least(self, 0, "lm_epochs")
        _at_least(self, 1, "lm_candidates", "lm_batch_tokens")
        _at_least(self, 1e-12, "lm_learning_rate")
        _share(self, "lm_dropout")


@dataclass(frozen=True)
class TeachConfig:
    teachers: int = knob(1, "networks of other seeds that teach, beside a linear model")
    teacher_hidden_size: int = knob(
        0, "width of a teacher's hidden state, which no answer has to wait for; 0 for the student's"
    )
    teacher_embedding_size: int = knob(
        0,
        "width of a teacher's word vectors, 0 for the student's; that begins with the directions "
        "in which its teacher's differ most",
    )
    teacher_lm_epochs: int = knob(
        0, "passes of the language model of teachers that have a width of their own"
    )
    teacher_epochs: int = knob(3, "passes of a teacher over the training part, at most")
    teacher_embedding_dropout: float = knob(
        0.3, "share of word-vector entries dropped as a teacher learns from few, hard labels"
    )
    teacher_dropout: float = knob(0.5, "share of entries dropped between a teacher's layers")
    teacher_adversarial_norm: float = knob(
        5.0, "norm by which a teacher's word vectors are pushed against the answer; 0 leaves it out"
    )
    sentences: int = knob(
        0, "sentences of each unlabelled text that are learnt by themselves, for short texts' sake"
    )
    lessons: int = knob(
        0,
        "texts of our own making that show negation, contrast and the like, and that words for "
        "people, places and numbers have no tone",
    )
    written: int = knob(
        0,
        "sentences that were written one by one to the same end; beyond as many as there are they "
        "come again, half of them misspelt",
    )
    slips: int = knob(
        0, "misspelt copies of short texts, to be answered as the texts are without their slips"
    )
    toneless: int = knob(0, "texts of our own making about which to be undecided, such as numbers")
    least_share: float = knob(
        0.0,
        "share of the labelled texts that each data set is to have at least; one that is smaller "
        "is read several times an epoch",
    )
    blind: int = knob(
        0,
        "1: words for nationality, religion, ethnicity and orientation that are one subword each "
        "get one vector in the end, so that none moves an answer otherwise than another",
        (0, 1),
    )
    student: int = knob(
        0, "1: a student learns from the teachers' answers to the unlabelled texts", (0, 1)
    )

    def __post_init__(self) -> None:
        _check_choices(self)
        _at_least(self, 1, "teachers", "teacher_epochs")
        _at_least(self, 0, "teacher_hidden_size", "teacher_embedding_size", "teacher_lm_epochs")
        _at_least(self, 0, "teacher_adversarial_norm")
        _at_least(self, 0, "sentences", "lessons", "written", "slips", "toneless")
        _share(self, "teacher_embedding_dropout", "teacher_dropout", "least_share")


@dataclass(frozen=True)
class FitConfig:
    epochs: int = knob(4, "passes over the training part, at most")
    patience: int = knob(2, "epochs without a better validation accuracy before it stops")
    batch_tokens: int = knob(10_000, "tokens of a step")
    batch_texts: int = knob(128, "texts of a step, at most; keeps short texts from ruling a step")
    learning_rate: float = knob(1e-3, "Adam's step size at the start; falls to 0 by a half cosine")
    clip_norm: float = knob(1.0, "largest norm of a gradient; recurrent ones explode")
    adversarial_norm: float = knob(
        5.0,
        "norm by which the word vectors of a text are pushed against its answer (Miyato et al. "
        "2017, arXiv 1605.07725); 0 leaves it out and halves the time",
    )
    averaging: float = knob(
        0.999, "decay of the running average of the weights, which is what is kept; 0 for none"
    )
    class_weights: str = knob(
        "none",
        "balanced: each class weighs the same in the loss and in the choice of the epoch, however "
        "rare it is; none: each text does",
        ("none", "balanced"),
    )
    threads: int = knob(
        0,
        "CPU threads, 0 for one per core; another number adds up in another order, so it gives "
        "another bundle, as good",
    )
    seed: int = knob(1, "of everything that is drawn: validation cut, weights, order, dropout")

    def __post_init__(self) -> None:
        _check_choices(self)
        _at_least(self, 1, "epochs", "patience", "batch_tokens", "batch_texts")
        _at_least(self, 1e-12, "learning_rate", "clip_norm")
        _at_least(self, 0, "adversarial_norm", "threads", "seed")
        if self.seed >= 1 << 32:
            raise TrainingError(f"--seed={self.seed}: less than {1 << 32:,} expected.")
        _share(self, "averaging")


# By the title under which `--help` shows them.
KNOBS = {
    "network": NetworkConfig,
    "text": TextConfig,
    "pretraining": PretrainConfig,
    "teaching": TeachConfig,
    "training": FitConfig,
}
ENGLISH = ("imdb", "sst2", "amazon")  # what is trained on unless told
# What is another default with the data sets of a bundle that ships: their unlabelled texts pay for
# all stages (docs/decisions/0007-climbing.md), which other data sets have no use for.
RECIPES: dict[tuple[str, ...], dict[str, Any]] = {
    ENGLISH: {
        "lm_epochs": 0, "crops": "random", "teachers": 1, "teacher_hidden_size": 384,
        "teacher_embedding_size": 256, "teacher_lm_epochs": 3, "teacher_epochs": 3,
        "least_share": 0.15, "sentences": 4,
        "lessons": 24_000, "written": 54_000, "slips": 60_000, "toneless": 4_000, "student": 1,
        "blind": 1, "embedding_dropout": 0.2, "dropout": 0.3, "adversarial_norm": 0.0, "epochs": 5,
    },
    ("nsmc",): {
        "hidden_size": 256, "lm_epochs": 0, "teachers": 1, "teacher_hidden_size": 512,
        "teacher_embedding_size": 256, "teacher_lm_epochs": 5, "teacher_epochs": 3,
        "lessons": 16_000, "written": 100_000, "slips": 120_000, "toneless": 4_000, "student": 1,
        "blind": 1, "embedding_dropout": 0.1, "dropout": 0.2, "adversarial_norm": 0.0, "epochs": 8,
        "patience": 8,
    },
}  # fmt: skip
# What bundles of these data sets are called.
SHIPPED = {ENGLISH: "reviews-en", ("nsmc",): "reviews-ko"}
# What has an effect with a student alone.
OF_A_STUDENT = (
    "teachers", "teacher_hidden_size", "teacher_embedding_size", "teacher_lm_epochs",
    "teacher_epochs", "teacher_embedding_dropout", "teacher_dropout", "teacher_adversarial_norm",
    "sentences", "slips",
)  # fmt: skip
# What has an effect with a language model alone.
OF_A_LANGUAGE_MODEL = ("lm_candidates", "lm_learning_rate", "lm_batch_tokens", "lm_dropout")
# What is another default with a file of one's own: such a file is small, so its steps are.
OWN_DEFAULTS = {
    "lm_epochs": 0, "student": 0, "lessons": 0, "written": 0, "slips": 0, "toneless": 0,
    "class_weights": "balanced", "batch_texts": 32, "epochs": 10, "patience": 3, "averaging": 0.99,
}  # fmt: skip
# The shape of its weights, and its vocabulary with the vectors that belong to it.
DECIDED_BY_BASE = (
    "cell", "directions", "layers", "embedding_size", "hidden_size", "pooling", "vocabulary_size",
    "vector_epochs", "lm_epochs",
)  # fmt: skip
# What is another default when training goes on from a bundle. On `reviews-en` and 640 texts of four
# classes that it did not know, the balanced validation accuracy was 84 % with these, 46 % at a
# learning rate of 5e-4 in six epochs: a new classifier begins from nothing. With classes that it
# knew (480 texts) rates from 3e-4 to 3e-3 gave nearly the same test figures. The adversarial loss
# would double the time.
BASE_DEFAULTS = {
    "student": 0, "lessons": 0, "written": 0, "slips": 0, "toneless": 0,
    "learning_rate": 3e-3, "adversarial_norm": 0.0, "epochs": 8,
}  # fmt: skip


def default_name(datasets: tuple[str, ...], language: str, base: str | None) -> str:
    """What a bundle of public data is called.

    Args:
        base: the name of the bundle that it goes on from.

    >>> default_name(("nsmc",), "ko", None), default_name(("sst2",), "en", "reviews-en")
    ('reviews-ko', 'sst2-from-reviews-en')
    """
    if base:
        return "-".join((*datasets, "from", base))
    return SHIPPED.get(datasets, "-".join((*datasets, language)))


def option(name: str) -> str:
    """The command-line option of a field.

    >>> option("hidden_size")
    '--hidden-size'
    """
    return "--" + name.replace("_", "-")


def _check_choices(config: Any) -> None:
    for name, known in config.__dataclass_fields__.items():
        choices = known.metadata["choices"]
        if choices and getattr(config, name) not in choices:
            raise TrainingError(
                f"{option(name)}={getattr(config, name)!r}: expected one of "
                f"{', '.join(map(str, choices))}."
            )


def _at_least(config: Any, low: float, *names: str) -> None:
    for name in names:
        if not getattr(config, name) >= low:  # written so that a NaN fails too
            raise TrainingError(f"{option(name)}={getattr(config, name)}: at least {low} expected.")


def _share(config: Any, *names: str) -> None:
    for name in names:
        if not 0 <= getattr(config, name) < 1:
            raise TrainingError(
                f"{option(name)}={getattr(config, name)}: expected at least 0 and less than 1."
            )
