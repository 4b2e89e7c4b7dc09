"""What there is, what each data set demands of its users, and how it is split.

A test part is never looked at while training, not even to leave its texts out of the training
part: that would be tuning on it. Amazon alone has one file for both parts, so that there the cut
is made here, by a seed that is not the training's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from training.datasets import readers
from training.datasets.fetch import RemoteFile, Store, digest_of
from training.datasets.readers import Example, Review
from training.datasets.splits import (
    folded,
    hold_out,
    hold_out_sentences,
    hold_out_texts,
    without_repeats,
)
from training.errors import DataError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """A file as it was really read: a mirror may hold other bytes than the public address."""

    file: str
    sha256: str


@dataclass(frozen=True)
class Development:
    """All that training may look at. `validation` shares no text with `train`."""

    train: list[Example]
    validation: list[Example]
    unlabelled: list[str]
    sources: list[Source]


@dataclass(frozen=True)
class _Reading:
    """Hands out the files of a store and keeps account of them."""

    store: Store
    sources: list[Source] = field(default_factory=list)

    def path_of(self, file: RemoteFile) -> Path:
        path = self.store.get(file)
        self.sources.append(Source(file.name, digest_of(path, "sha256")))
        return path


# (reading, validation share, seed) -> (train, validation, unlabelled)
_Develop = Callable[[_Reading, float, int], tuple[list[Example], list[Example], list[str]]]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    name: str
    title: str
    language: str  # ISO 639-1
    labels: tuple[str, str] = ("negative", "positive")  # an example's label is the place in here
    domains: str  # what the texts are about, for a model card
    licence: str
    citation: str
    files: tuple[RemoteFile, ...]
    test_part: str  # how it is made, for a model card
    validation_share: float  # of the training part (SST-2: of its sentences); 0 to 1
    develop: _Develop
    read_test: Callable[[_Reading], list[Example]]
    # What is trained on, where copies of the data set are divided otherwise.
    divided_by: RemoteFile | None = None


# --- IMDB -----------------------------------------------------------------------------------

_IMDB = RemoteFile(
    "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
    ("md5", "7c2ac02c03563afcf9b574c7e56c153a"),
)


def _develop_imdb(
    reading: _Reading, share: float, seed: int
) -> tuple[list[Example], list[Example], list[str]]:
    labelled, unlabelled = readers.imdb_training(reading.path_of(_IMDB))
    return *hold_out_texts(labelled, share, seed), unlabelled


def _test_imdb(reading: _Reading) -> list[Example]:
    return readers.imdb_test(reading.path_of(_IMDB))


# --- SST-2 ----------------------------------------------------------------------------------

_SST2 = RemoteFile(
    "https://dl.fbaipublicfiles.com/glue/data/SST-2.zip",
    ("md5", "9f81648d4199384278b86e315dac217c"),
)


def _develop_sst2(
    reading: _Reading, share: float, seed: int
) -> tuple[list[Example], list[Example], list[str]]:
    phrases = readers.sst2(reading.path_of(_SST2), "SST-2/train.tsv")
    train, validation = hold_out_sentences(phrases, share, seed)
    return readers.written(train), readers.written(validation), []


def _test_sst2(reading: _Reading) -> list[Example]:
    return readers.written(readers.sst2(reading.path_of(_SST2), "SST-2/dev.tsv"))


# --- Amazon ---------------------------------------------------------------------------------

_AMAZON = RemoteFile(
    "https://www.cs.jhu.edu/~mdredze/datasets/sentiment/domain_sentiment_data.tar.gz"
)

_AMAZON_TEST_SHARE = 0.2
# Fixed for good: with the training's own seed, a model would be tested on what another trained on.
_AMAZON_TEST_SEED = 2007


def _develop_amazon(
    reading: _Reading, share: float, seed: int
) -> tuple[list[Example], list[Example], list[str]]:
    reviews, _ = _amazon_parts(reading)
    train, validation = _hold_out_reviews(reviews, share, seed)
    return [review.example for review in train], [review.example for review in validation], []


def _test_amazon(reading: _Reading) -> list[Example]:
    _, test = _amazon_parts(reading)
    return [review.example for review in test]


def _amazon_parts(reading: _Reading) -> tuple[list[Review], list[Review]]:
    reviews = readers.amazon(reading.path_of(_AMAZON))
    # Some reviews are in the file two to five times: once is enough, on whichever side.
    once = without_repeats(reviews, _body_of)
    logger.info("amazon: left out %d repeated reviews", len(reviews) - len(once))
    return _hold_out_reviews(once, _AMAZON_TEST_SHARE, _AMAZON_TEST_SEED)


def _hold_out_reviews(
    reviews: list[Review], share: float, seed: int
) -> tuple[list[Review], list[Review]]:
    return hold_out(
        reviews,
        share,
        seed,
        stratum=lambda review: (review.domain, review.example.label),
        group=_body_of,
    )


def _body_of(review: Review) -> str:
    return folded(review.body or review.example.text)


# --- NSMC -----------------------------------------------------------------------------------

_NSMC = "https://raw.githubusercontent.com/e9t/nsmc/master"
_NSMC_TRAIN = RemoteFile(
    f"{_NSMC}/ratings_train.txt", ("git-blob-sha1", "ac0dba272895dc1d0b3dd5f11afbeaeb7abe7876")
)
_NSMC_TEST = RemoteFile(
    f"{_NSMC}/ratings_test.txt", ("git-blob-sha1", "b6cfcd8cd1557bcd9bf06617b0e429ed73e9a367")
)
# The repository's raw/ folder holds these reviews in thousands of files; as one file they are at
# no public address, so training does without where nobody has put it into the cache or a mirror.
_NSMC_UNLABELLED = RemoteFile(None, local_name="nsmc_unlabeled.txt.gz")


def _develop_nsmc(
    reading: _Reading, share: float, seed: int
) -> tuple[list[Example], list[Example], list[str]]:
    labelled = readers.nsmc(reading.path_of(_NSMC_TRAIN))
    return *hold_out_texts(labelled, share, seed), _nsmc_unlabelled(reading)


def _nsmc_unlabelled(reading: _Reading) -> list[str]:
    if reading.store.holds(_NSMC_UNLABELLED):
        return readers.nsmc_unlabelled(reading.path_of(_NSMC_UNLABELLED))
    logger.warning(
        "nsmc: no %s in the cache or the mirror, so there is no unlabelled text",
        _NSMC_UNLABELLED.name,
    )
    return []


def _test_nsmc(reading: _Reading) -> list[Example]:
    return readers.nsmc(reading.path_of(_NSMC_TEST))


# --- the catalog ----------------------------------------------------------------------------

DATASETS: Mapping[str, Dataset] = MappingProxyType(
    {
        dataset.name: dataset
        for dataset in (
            Dataset(
                name="imdb",
                title="Large Movie Review Dataset v1.0",
                language="en",
                domains="films",
                licence="none stated; the authors ask to be cited",
                citation=(
                    "Maas, Daly, Pham, Huang, Ng and Potts: Learning Word Vectors for Sentiment "
                    "Analysis. ACL 2011."
                ),
                files=(_IMDB,),
                test_part="The official test part: 25,000 reviews of other films.",
                validation_share=0.10,  # 2,500: one standard error is 0.6 points
                develop=_develop_imdb,
                read_test=_test_imdb,
            ),
            Dataset(
                name="sst2",
                title="Stanford Sentiment Treebank, two classes, as in GLUE",
                language="en",
                domains="films",
                licence="none stated; the authors ask to be cited",
                citation=(
                    "Socher, Perelygin, Wu, Chuang, Manning, Ng and Potts: Recursive Deep Models "
                    "for Semantic Compositionality Over a Sentiment Treebank. EMNLP 2013."
                ),
                files=(_SST2,),
                test_part=(
                    "GLUE's development part (872 sentences), since its test part has no labels; "
                    "the tokens are joined to ordinary writing."
                ),
                validation_share=0.08,  # some 550 sentences; their phrases leave training with them
                develop=_develop_sst2,
                read_test=_test_sst2,
            ),
            Dataset(
                name="amazon",
                title="Multi-Domain Sentiment Dataset",
                language="en",
                domains="books, DVDs, electronics and kitchen goods",
                licence="free for research, to be cited",
                citation=(
                    "Blitzer, Dredze and Pereira: Biographies, Bollywood, Boom-boxes and Blenders: "
                    "Domain Adaptation for Sentiment Classification. ACL 2007."
                ),
                files=(_AMAZON,),
                test_part=(
                    "A fifth of the 8,000 reviews less repeated ones, held out by a fixed seed, "
                    "in equal shares of each of the four domains and each class; there is no "
                    "official split."
                ),
                validation_share=0.10,
                develop=_develop_amazon,
                read_test=_test_amazon,
            ),
            Dataset(
                name="nsmc",
                title="Naver sentiment movie corpus",
                language="ko",
                domains="films",
                licence="CC0 1.0",
                citation="Park: Naver sentiment movie corpus v1.0. github.com/e9t/nsmc, 2016.",
                files=(_NSMC_TRAIN, _NSMC_TEST, _NSMC_UNLABELLED),
                test_part=(
                    "ratings_test.txt, 50,000 reviews less a few empty ones. The bundle that ships "
                    "was trained and measured on a new draw of the corpus (the same reviews, "
                    "classes and sizes, partitioned anew): its figure is comparable with published "
                    "ones within about 0.3 points. Of the test part at the public address it has "
                    "been trained on most texts, so that it cannot be measured there."
                ),
                validation_share=0.05,  # 7,500: one standard error is 0.4 points
                develop=_develop_nsmc,
                read_test=_test_nsmc,
                divided_by=_NSMC_TRAIN,
            ),
        )
    }
)


def load_development(name: str, *, seed: int, store: Store) -> Development:
    """What training may look at. `seed` cuts the validation part; the test part is not read."""
    dataset, reading = find(name), _Reading(store)
    train, validation, unlabelled = dataset.develop(reading, dataset.validation_share, seed)
    return Development(train, validation, unlabelled, reading.sources)


def have_files(name: str, *, store: Store) -> None:
    """Have all files of a data set at hand, the test part's as well, which is not read: what cannot
    be had is better missed before a training than behind it.

    Raises:
        DataError: a file that has an address cannot be had.
    """
    for file in find(name).files:
        if file.url is not None:
            store.get(file)


def load_test(name: str, *, store: Store) -> list[Example]:
    """What only an evaluation may look at: the same examples whatever training's seed was."""
    return find(name).read_test(_Reading(store))


def divided_otherwise(name: str, files: Sequence[Mapping[str, str]], *, store: Store) -> bool:
    """Whether a bundle was trained on a copy of the data set whose texts are divided otherwise than
    those at hand, so that the test part here may hold what it was trained on.

    Args:
        files: each `file` and its `sha256`, of what the bundle was trained on.

    Raises:
        DataError: the files cannot be had.
    """
    file = find(name).divided_by
    if file is None:
        return False
    then = [known["sha256"] for known in files if known["file"] == file.name]
    return bool(then) and digest_of(store.get(file), "sha256") not in then


def find(name: str) -> Dataset:
    """
    Raises:
        DataError: there is no data set of that name.
    """
    if name not in DATASETS:
        raise DataError(f"No data set {name!r}; there are {', '.join(DATASETS)}.")
    return DATASETS[name]
