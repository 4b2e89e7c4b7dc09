"""The peers of a bundle: what one would try before training a network.

Three learn a linear model over n-grams, one is fastText, two look words up in a list. Axes as
elsewhere: N texts; V different n-grams. Every peer says how positive a text is. A text at the very
threshold, such as one without any word of a list, counts as negative: so does a bundle's 0.5.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from tqdm import tqdm

from benchmarks.left_out import LeftOut
from training.datasets import Example

Degrees = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

# The texts that are read between two movements of the progress bar.
CHUNK = 500


@dataclass(frozen=True)
class Material:
    """The labelled texts of one language that a peer may learn from."""

    train: Sequence[Example]
    validation: Mapping[str, Sequence[Example]]  # by data set

    @property
    def held_out(self) -> list[Example]:
        return [example for part in self.validation.values() for example in part]

    @property
    def everything(self) -> list[Example]:
        """Training texts first, then validation texts."""
        return [*self.train, *self.held_out]

    def validation_accuracy(self, positive: npt.NDArray[np.bool_]) -> float:
        """Mean of the data sets' accuracies, 0 to 1, as training chooses its epoch by.

        Args:
            positive: the answers to `held_out`, in its order.
        """
        answers = iter(positive.tolist())
        return float(
            np.mean(
                [np.mean([e.label == next(answers) for e in p]) for p in self.validation.values()]
            )
        )

    def digest(self) -> str:
        """SHA-256 over every text, its label and its part."""
        digest = hashlib.sha256()
        for part in (self.train, *self.validation.values()):
            for example in part:
                digest.update(f"{example.label}{example.text}\0".encode(errors="surrogatepass"))
            digest.update(b"\1")
        return digest.hexdigest()


class Baseline(ABC):
    """A peer."""

    probabilities = False  # whether `positive` is a probability, or else a degree around 0
    megabytes = 0.0  # what it needs on the disk, its program not counted

    @abstractmethod
    def degrees(self, texts: Sequence[str]) -> Degrees:
        """How positive each text is, (N,)."""

    def read(self, text: str) -> None:
        """Answer one text: what is timed."""
        self.degrees([text])

    def positive(self, texts: Sequence[str]) -> Degrees:
        """`degrees` of many texts, with a progress bar."""
        starts = tqdm(
            range(0, len(texts), CHUNK), desc="scoring", unit="part", leave=False, disable=_quiet()
        )
        return np.concatenate([self.degrees(texts[n : n + CHUNK]) for n in starts])


class Learner(Baseline):
    """A peer that learns from labelled texts."""

    settings: str  # all that decides, beside the texts, what comes of learning
    chosen: float | None = None  # on the validation texts

    @abstractmethod
    def fit(self, material: Material) -> None:
        """Choose a setting on the validation texts, then learn from them as well."""

    @abstractmethod
    def save(self, path: Path) -> None: ...

    @abstractmethod
    def load(self, path: Path) -> None:
        """What `save` wrote; of one's own making only, since it may be a pickle."""


# --- n-grams and a linear model -------------------------------------------------------------


class Ngrams(Learner):
    """Counts or weights of n-grams, and a linear model of scikit-learn over them.

    Args:
        vectorizer: texts -> (N, V), sparse.
        make: the strength C, the inverse of the regularisation -> an estimator.
        strengths: what C may be; validation chooses.
    """

    def __init__(
        self,
        vectorizer: Any,
        make: Callable[[float], Any],
        strengths: Sequence[float],
        *,
        probabilities: bool = False,
    ) -> None:
        self.probabilities = probabilities
        self.settings = " ".join(
            f"{vectorizer!r}, {make(strengths[0])!r}, C one of {tuple(strengths)}, "
            f"scikit-learn {version('scikit-learn')}".split()
        )
        self._vectorizer, self._make, self._strengths = vectorizer, make, strengths
        self._model: Any = None

    def fit(self, material: Material) -> None:
        examples, known = material.everything, len(material.train)
        labels = np.array([example.label for example in examples])
        # One vocabulary and one set of weights for both rounds; they know texts but no labels.
        features = self._vectorizer.fit_transform(
            example.text
            for example in tqdm(examples, desc="n-grams", leave=False, disable=_quiet())
        )

        def accuracy(strength: float) -> float:
            model = self._make(strength).fit(features[:known], labels[:known])
            return material.validation_accuracy(model.predict(features[known:]) == 1)

        self.chosen = best(self._strengths, accuracy)
        self._model = self._make(self.chosen).fit(features, labels)

    def degrees(self, texts: Sequence[str]) -> Degrees:
        features = self._vectorizer.transform(texts)
        if self.probabilities:
            found: Degrees = self._model.predict_proba(features)[:, 1]
        else:
            found = self._model.decision_function(features)
        return found

    def save(self, path: Path) -> None:
        joblib.dump((self._vectorizer, self._model, self.chosen), path, compress=3)
        self.megabytes = _megabytes(path)

    def load(self, path: Path) -> None:
        self._vectorizer, self._model, self.chosen = joblib.load(path)
        self.megabytes = _megabytes(path)


@dataclass
class NbSvm:
    """A support vector machine over n-grams weighted by naive Bayes: Wang and Manning, Baselines
    and Bigrams (ACL 2012), section 2.3."""

    C: float
    # Share of the machine's own weights; the rest is their mean size, as naive Bayes would have it.
    interpolation: float = 0.25
    smoothing: float = 1.0
    _weights: Degrees = field(init=False, repr=False)  # (V,)
    _bias: float = field(init=False, repr=False)

    def fit(self, features: Any, labels: Labels) -> NbSvm:
        """
        Args:
            features: (N, V) sparse, 1 where a text has the n-gram, else 0.
            labels: (N,) of 0 and 1.
        """
        ratio = log_count_ratio(features, labels, self.smoothing)
        # The tolerance is LIBLINEAR's own for this solver; scikit-learn's takes many times as long
        # here, to the same accuracy.
        machine = LinearSVC(C=self.C, dual=True, tol=0.1, random_state=1)
        machine.fit((features @ sparse.diags_array(ratio)).tocsr(), labels)
        learnt = machine.coef_[0]
        mean = np.abs(learnt).mean()
        # The features are not weighted again when texts are read: the weights are.
        self._weights = ratio * ((1 - self.interpolation) * mean + self.interpolation * learnt)
        self._bias = float(machine.intercept_[0])
        return self

    def decision_function(self, features: Any) -> Degrees:
        """(N, V) -> (N,), positive above 0."""
        found: Degrees = features @ self._weights + self._bias
        return found

    def predict(self, features: Any) -> Labels:
        return (self.decision_function(features) > 0).astype(np.int64)


def log_count_ratio(features: Any, labels: Labels, smoothing: float) -> Degrees:
    """r = log((p / |p|) / (q / |q|)), (V,): p counts the n-grams of the positive texts, q those of
    the negative ones, each from `smoothing` on (Wang and Manning 2012, section 2.1)."""
    p, q = (smoothing + np.asarray(features[labels == c].sum(axis=0)).ravel() for c in (1, 0))
    ratio: Degrees = np.log((p / p.sum()) / (q / q.sum()))
    return ratio


def best(settings: Sequence[float], accuracy: Callable[[float], float]) -> float:
    """The setting of the highest accuracy; of several the first."""
    bar = tqdm(settings, desc="choosing", unit="setting", leave=False, disable=_quiet())
    found = {setting: accuracy(setting) for setting in bar}
    return max(found, key=found.__getitem__)


# Words with their apostrophes ("isn't"), and each sign alone: scikit-learn's own pattern drops
# signs and one-letter words.
WORDS = r"\w+(?:['’]\w+)*|[^\w\s]"


def _ngrams(language: str) -> dict[str, Any]:
    """What scikit-learn's vectorizers are asked for: words are no unit in Korean, where endings
    and particles are written on to them."""
    if language == "ko":
        return {"analyzer": "char_wb", "ngram_range": (1, 5), "min_df": 2}
    return {"token_pattern": WORDS, "ngram_range": (1, 3), "min_df": 2}


def _logistic_regression(language: str) -> Baseline:
    return Ngrams(
        TfidfVectorizer(**_ngrams(language), sublinear_tf=True),
        lambda C: LogisticRegression(C=C, solver="liblinear"),
        (0.3, 1, 3, 10, 30, 100),
        probabilities=True,
    )


def _linear_svm(language: str) -> Baseline:
    return Ngrams(
        TfidfVectorizer(**_ngrams(language), sublinear_tf=True),
        lambda C: LinearSVC(C=C, dual=False),
        (0.03, 0.1, 0.3, 1, 3),
    )


def _nb_svm(language: str) -> Baseline:
    # Up to the authors' own 1. Beyond, 10 was best on validation in English and cost it 0.7 points
    # on IMDB's test part.
    return Ngrams(CountVectorizer(**_ngrams(language), binary=True), NbSvm, (0.01, 0.1, 1))


# --- fastText -------------------------------------------------------------------------------


# In a process of its own: with fewer than ten threads fastText leaves most of its matrix as it
# finds the memory (facebookresearch/fastText#1061), which is zero in a new process and may be
# anything, not a number even, in one that has worked before.
_TRAIN_FASTTEXT = """
import fasttext, json, sys
asked = json.load(sys.stdin)
fasttext.train_supervised(**asked["arguments"]).save_model(asked["model"])
"""


class FastText(Learner):
    """Joulin et al., Bag of Tricks for Efficient Text Classification (EACL 2017): 10 dimensions as
    in section 3.1, 1-3-grams as the other peers have, and for Korean parts of words besides. Five
    epochs, as in the paper, are few for small sets: validation chooses.

    Raises:
        LeftOut: the package is not installed.
    """

    probabilities = True
    EPOCHS = (5, 10, 25)

    def __init__(self, language: str) -> None:
        self._fasttext = _installed("fasttext", "fasttext-numpy2")
        # One thread: with several, the same seed gives another model each time.
        self._arguments = {"dim": 10, "wordNgrams": 3, "thread": 1, "seed": 1}
        if language == "ko":
            self._arguments |= {"minn": 2, "maxn": 5}
        self.settings = (
            f"{self._arguments}, epoch one of {self.EPOCHS}, fastText {version('fasttext-numpy2')}"
        )
        self._model: Any = None

    def fit(self, material: Material) -> None:
        held_out = [example.text for example in material.held_out]

        def accuracy(epochs: float) -> float:
            self._model = self._trained(material.train, epochs)
            return material.validation_accuracy(self.degrees(held_out) > 0.5)

        self.chosen = best(self.EPOCHS, accuracy)
        self._model = self._trained(material.everything, self.chosen)

    def _trained(self, examples: Sequence[Example], epochs: float) -> Any:
        """
        Raises:
            LeftOut: fastText gave up.
        """
        with TemporaryDirectory() as folder:
            texts, model = Path(folder) / "texts", Path(folder) / "model"
            lines = (f"__label__{example.label} {_line(example.text)}\n" for example in examples)
            texts.write_text("".join(lines), encoding="utf-8", errors="replace")
            arguments = {"input": str(texts), "epoch": int(epochs), "verbose": 0, **self._arguments}
            done = subprocess.run(
                [sys.executable, "-c", _TRAIN_FASTTEXT],
                input=json.dumps({"arguments": arguments, "model": str(model)}),
                capture_output=True,
                text=True,
            )
            if done.returncode != 0:
                raise LeftOut(f"fastText gave up ({done.stderr.strip().splitlines()[-1:]})")
            return self._fasttext.load_model(str(model))

    def degrees(self, texts: Sequence[str]) -> Degrees:
        labels, shares = self._model.predict([_line(text) for text in texts], k=2)
        found = [dict(zip(*pair, strict=True)) for pair in zip(labels, shares, strict=True)]
        # Its own sums go beyond 1 by some 1e-5.
        positive = [min(float(shares.get("__label__1", 0.5)), 1.0) for shares in found]
        return np.array(positive, dtype=np.float64)

    def save(self, path: Path) -> None:
        self._model.save_model(str(path))
        self.megabytes = _megabytes(path)

    def load(self, path: Path) -> None:
        self._model = self._fasttext.load_model(str(path))
        self.chosen = self._model.f.getArgs().epoch
        self.megabytes = _megabytes(path)


def _line(text: str) -> str:
    """Lower case, signs apart, as fastText's authors prepare reviews: `It isn’t!` -> `it isn ’ t
    !`"""
    return " ".join(re.findall(r"\w+|[^\w\s]", text.lower()))


# --- lists of words -------------------------------------------------------------------------


class WordList(Baseline):
    """Rules over a list of words with their tones; learns nothing.

    Args:
        polarity: text -> -1 (negative) to 1.
        files: the lists.
    """

    def __init__(self, polarity: Callable[[str], float], files: Sequence[Path]) -> None:
        self._polarity = polarity
        self.megabytes = sum(map(_megabytes, files))

    def degrees(self, texts: Sequence[str]) -> Degrees:
        return np.array([self._polarity(text) for text in texts], dtype=np.float64)


def _vader(language: str) -> Baseline:
    """Hutto and Gilbert, VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social
    Media Text (ICWSM 2014)."""
    _require_english("VADER", language)
    module = _installed("vaderSentiment.vaderSentiment", "vaderSentiment")
    folder = Path(module.__file__).parent
    analyzer = module.SentimentIntensityAnalyzer()
    return WordList(
        lambda text: analyzer.polarity_scores(text)["compound"],
        [folder / "vader_lexicon.txt", folder / "emoji_utf8_lexicon.txt"],
    )


def _textblob(language: str) -> Baseline:
    _require_english("TextBlob", language)
    module = _installed("textblob", "textblob")
    return WordList(
        lambda text: module.TextBlob(text).polarity,
        [Path(module.__file__).parent / "en" / "en-sentiment.xml"],
    )


def _require_english(name: str, language: str) -> None:
    if language != "en":
        raise LeftOut(f"{name} reads English only")


# --- all of them ----------------------------------------------------------------------------

# language -> the peer; may raise `LeftOut`
BASELINES: Mapping[str, Callable[[str], Baseline]] = MappingProxyType(
    {
        "tf-idf-logistic": _logistic_regression,
        "tf-idf-svm": _linear_svm,
        "nb-svm": _nb_svm,
        "fasttext": FastText,
        "vader": _vader,
        "textblob": _textblob,
    }
)


def _installed(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise LeftOut(
            f"{package} is not installed ({error}); `make setup-benchmarks` installs it where "
            "there is a wheel"
        ) from error


def _megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6


def _quiet() -> bool | None:
    return None if sys.stderr.isatty() else True
