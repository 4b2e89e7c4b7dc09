"""From a trained network to a bundle."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import torch

from service.bundle import Bundle, Metadata, script
from service.tokenizer import Tokenizer
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
