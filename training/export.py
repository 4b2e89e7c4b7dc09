"""From a trained network to a bundle."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from service.bundle import FORMAT_VERSION, Bundle, Metadata, script
from service.tokenizer import Tokenizer
from training.base import Base, take_weights
from training.config import NetworkConfig
from training.errors import TrainingError
from training.model import BundledNetwork, SentimentNetwork

# Replayed whenever a bundle is written or loaded: short, long, odd, and in either language.
GOLDEN_TEXTS = (
    "Good.",
    "This is not good at all.",
    "One of the best films I have seen.",
    "The room was clean and the staff could not have been kinder, but the street is loud at night "
    "and breakfast was cold on all three days. I had hoped for more at this price.",
    "정말 재미있어요, 강력 추천합니다",
    "시간이 아깝다. 최악의 영화",
    "ㅋㅋㅋ 배우는 좋은데 이야기가 별로예요 ㅠㅠ",
    "10/10 👍 would buy again!!!",
)

# How far TorchScript may be from the network that was trained, in probability; `save_bundle` holds
# the file that is read back to the same.
PARITY = 1e-5


def make_bundle(
    network: SentimentNetwork, temperature: float, tokenizer: Tokenizer, metadata: Metadata
) -> Bundle:
    """The bundle, on the CPU, with its golden answers; its figures are still to be measured.

    The network is moved to the CPU, and its word vectors are rounded to float16.

    Raises:
        TrainingError: TorchScript answers otherwise than the network.
    """
    bundled = BundledNetwork(network.cpu().eval(), temperature).eval()
    bundle = Bundle(metadata, tokenizer, script(bundled))
    golden = tuple(bundle.answer(text) for text in GOLDEN_TEXTS)
    for answer in golden:
        ids = torch.tensor(answer.ids).unsqueeze(1)  # (T, 1)
        with torch.inference_mode():
            logits = network(ids, torch.tensor([len(answer.ids)]))  # (1, K)
        eager = torch.softmax(logits / temperature, dim=1)[0].numpy()
        if not np.abs(eager - answer.probabilities).max() <= PARITY:
            raise TrainingError(
                f"TorchScript answers {answer.probabilities} to {answer.text!r} where the network "
                f"answers {eager.tolist()}: a fault in training/model.py, the bundle is not kept."
            )
    return Bundle(metadata, tokenizer, bundle.module, golden)


def renewed(base: Base) -> Bundle:
    """The bundle with the network code of this release around its weights: the same answers, and
    whatever the code has learnt since, such as another precision. Its metadata stays.

    Raises:
        TrainingError: it holds another network, or would answer otherwise than it did.
    """
    bundle = base.bundle
    network = SentimentNetwork(
        NetworkConfig.of(bundle.metadata.hyper_parameters),
        vocabulary_size=len(bundle.tokenizer),
        classes=len(bundle.metadata.labels),
        pad_id=bundle.metadata.pad_id,
    )
    take_weights(network, base, bundle.metadata.labels)
    temperature = float(bundle.module.temperature)
    metadata = replace(bundle.metadata, format_version=FORMAT_VERSION)
    made = make_bundle(network, temperature, bundle.tokenizer, metadata)
    for before in bundle.golden:
        now = made.answer(before.text)
        off = np.abs(np.subtract(before.probabilities, now.probabilities)).max()
        if not off <= PARITY:
            raise TrainingError(
                f"{metadata.name} would answer {list(now.probabilities)} to {before.text!r}, and "
                f"answered {list(before.probabilities)}: it is left as it is."
            )
    return replace(made, golden=bundle.golden)


def git_commit() -> str:
    """The commit that this code is at, "-dirty" behind it if files are changed, or "unknown"."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()
