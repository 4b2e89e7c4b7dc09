"""A tiny real bundle: everything that a large one has, made in a second."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path

import pytest
import torch

from service.app import create_app
from service.batcher import Batcher
from service.bundle import Bundle, Metadata, save_bundle
from service.registry import Registry
from service.settings import Settings
from service.tokenizer import Tokenizer
from training.config import NetworkConfig
from training.export import make_bundle
from training.model import SentimentNetwork
from training.subwords import train_tokenizer

SENTENCES = [
    "The film was good, and the music was even better.",
    "A bad story, badly told; I left before the end.",
    "Not bad at all! I would watch it again, and so would my mother.",
    "It isn't good. It is not even funny: two hours of my life, gone.",
    "Great sound, clear picture, quick delivery. Five stars!",
    "The kettle broke after a week, and nobody answers the phone.",
    "배우들의 연기가 정말 좋았고 음악도 훌륭했습니다",
    "시간이 아까운 영화, 이야기가 지루하고 길다",
    "재미있어요! 또 보고 싶다 ㅋㅋㅋ",
    "돈이 아깝다 ㅠㅠ 다시는 안 본다",
]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Tiny networks gain nothing from a second thread, and on a busy machine they wait for it.

    Set before each test, since `create_app` sets what its settings say.
    """
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def settings_of_nobody(monkeypatch) -> None:
    """What the caller's environment says of the service is not what a test asked for."""
    for setting in fields(Settings):
        monkeypatch.delenv(setting.name.upper(), raising=False)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """120 subwords of English and Korean: these sentences hold no more than 127."""
    return train_tokenizer(SENTENCES * 3, vocabulary_size=120)


@pytest.fixture(scope="session")
def make_tiny_bundle(tokenizer: Tokenizer):
    """A function that makes a bundle with random weights; the same seed gives the same one."""

    def make(
        name: str = "tiny-en",
        language: str = "en",
        labels: tuple[str, ...] = ("negative", "positive"),
        max_tokens: int = 64,
        seed: int = 1,
    ) -> Bundle:
        torch.manual_seed(seed)
        config = NetworkConfig(embedding_size=8, hidden_size=8)
        network = SentimentNetwork(
            config,
            vocabulary_size=len(tokenizer),
            classes=len(labels),
            pad_id=tokenizer.pad_id,
        )
        metadata = Metadata(
            name=name,
            version="1",
            language=language,
            labels=labels,
            max_tokens=max_tokens,
            pad_id=tokenizer.pad_id,
            unk_id=tokenizer.unk_id,
            datasets=(),
            figures={},
            hyper_parameters=asdict(config),
            torch_version=torch.__version__,
            git_commit="unknown",
        )
        return make_bundle(network, 1.0, tokenizer, metadata)

    return make


@pytest.fixture(scope="session")
def tiny_bundle(make_tiny_bundle) -> Bundle:
    return make_tiny_bundle()


@pytest.fixture(scope="session")
def models_dir(make_tiny_bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an English and a Korean bundle, named as those that ship."""
    folder = tmp_path_factory.mktemp("models")
    for language in ("en", "ko"):
        name = f"reviews-{language}"
        save_bundle(folder / f"{name}.pt", make_tiny_bundle(name, language, seed=len(name)))
    return folder


@pytest.fixture(scope="session")
def make_client(models_dir, make_tiny_bundle):
    """A function that makes a client of an application with an English and a Korean bundle, and
    one of three classes; `settings` are those of service/settings.py."""
    shipped = Registry.from_folder(models_dir, "cpu", "reviews-en")
    stars = make_tiny_bundle("stars", "de", labels=("bad", "fair", "good"))
    registry = Registry([*shipped, stars], "reviews-en")
    batcher = Batcher()
    batcher.start()

    def make(batcher=batcher, **settings):
        settings = Settings(device="cpu", **{"deadline_seconds": 60, **settings})
        return create_app(settings, registry=registry, batcher=batcher).test_client()

    yield make
    batcher.stop()
