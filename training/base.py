"""Training goes on from a bundle: its subwords, its network, its weights (fine-tuning)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from service.bundle import Bundle, load_bundle
from training.config import DECIDED_BY_BASE, NetworkConfig, option
from training.datasets.fetch import digest_of
from training.errors import TrainingError
from training.model import SentimentNetwork
from training.reviews import Reviews

_CLASSIFIER = {"reader.classifier.weight", "reader.classifier.bias"}


@dataclass(frozen=True)
class Base:
    """The bundle to go on from."""

    bundle: Bundle
    sha256: str

    def fixed(self) -> dict[str, Any]:
        """The knobs that it decides, with their values: the sizes of its network, its subwords.
        Its word vectors are taken too, so that none are learnt."""
        network = asdict(NetworkConfig.of(self.bundle.metadata.hyper_parameters))
        sizes = {name: network[name] for name in DECIDED_BY_BASE if name in network}
        return {
            **sizes,
            "vocabulary_size": len(self.bundle.tokenizer),
            "vector_epochs": 0,
            "lm_epochs": 0,
        }

    def described(self) -> dict[str, Any]:
        """As it stands among the hyper-parameters of what is made from it."""
        metadata = self.bundle.metadata
        return {
            "base": metadata.name,
            "base_version": metadata.version,
            "base_sha256": self.sha256,
        }

    def datasets(self) -> tuple[Mapping[str, Any], ...]:
        """What the weights have learnt from already, through which bundle and with which seed: its
        terms hold for what is made from them."""
        metadata = self.bundle.metadata
        learnt = {"through": metadata.name, "seed": metadata.hyper_parameters.get("seed")}
        return tuple({**learnt, **entry} for entry in metadata.datasets)


def load_base(path: Path) -> Base:
    """
    Raises:
        BundleError: there is no bundle, or it cannot be used.
    """
    return Base(load_bundle(path), digest_of(path, "sha256"))


def require_fit(base: Base, recipe: Mapping[str, Any], reviews: Reviews) -> None:
    """What is asked for must be what the bundle is.

    Raises:
        TrainingError: it has other sizes, reads another language, or has been trained on what
            would be validated on.
    """
    metadata = base.bundle.metadata
    name, language = metadata.name, reviews.language
    if language != metadata.language:
        raise TrainingError(
            f"{name} reads {metadata.language!r}, the reviews are in {language!r}: its "
            "subwords and words are of no use there. Train without --from."
        )
    _require_its_seed(base, recipe["fit"]["seed"], reviews)
    if recipe["teach"]["student"]:
        raise TrainingError(
            "--student 1 and --from do not go together: a student begins anew, with teachers of "
            "its own. Leave one of them out."
        )
    knobs = {**recipe["network"], **recipe["text"], **recipe["pretrain"]}
    other = [
        f"{option(knob)} {knobs[knob]} (it has {value})"
        for knob, value in base.fixed().items()
        if knobs[knob] != value
    ]
    if other:
        raise TrainingError(
            f"{name} decides the sizes of what is made from it, so that these cannot be: "
            f"{', '.join(other)}. Leave them out, or train without --from."
        )


def _require_its_seed(base: Base, asked: int, reviews: Reviews) -> None:
    """The seed cuts the validation part: texts that the bundle has learnt must not be in it.

    Raises:
        TrainingError: it was trained on some of the data with another seed.
    """
    own = any("columns" in entry for entry in reviews.described)
    for entry in base.datasets():
        # A file of one's own may have grown and be called otherwise since.
        shared = entry["name"] in reviews.parts or (own and "columns" in entry)
        if shared and entry["seed"] not in (None, asked):
            raise TrainingError(
                f"--seed={asked}: {base.bundle.metadata.name} was trained on {entry['name']} with "
                f"seed {entry['seed']}. Another one may validate on texts that it has learnt. Use "
                f"--seed {entry['seed']} (SEED with make), or train without --from."
            )


def take_weights(network: SentimentNetwork, base: Base, labels: tuple[str, ...]) -> None:
    """Put the bundle's weights into a network of the same sizes. The classifier is taken only if
    it answers with the same labels in the same order; else it stays as it was drawn.

    Raises:
        TrainingError: the bundle holds another network.
    """
    metadata = base.bundle.metadata
    weights = dict(base.bundle.module.state_dict())
    weights.pop("temperature", None)
    if "vectors" in weights:
        weights["embedding.weight"] = weights.pop("vectors").float()
    if labels != metadata.labels:
        weights = {name: weight for name, weight in weights.items() if name not in _CLASSIFIER}
    try:
        odd = network.load_state_dict(weights, strict=False)
        wrong = [*odd.unexpected_keys, *(set(odd.missing_keys) - _CLASSIFIER)]
    except RuntimeError as error:  # a weight of another shape
        wrong = [str(error).strip().splitlines()[-1].strip()]
    if wrong:
        raise TrainingError(
            f"{metadata.name} holds another network than this release trains "
            f"({', '.join(sorted(wrong))}). Make it again, or train without --from."
        )
