"""From a network to a bundle: golden answers, and a check that TorchScript says the same."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from service.bundle import load_bundle, save_bundle
from training.config import NetworkConfig
from training.errors import TrainingError
from training.export import GOLDEN_TEXTS, git_commit, make_bundle
from training.model import SentimentNetwork


def network_for(tokenizer, kind: type[SentimentNetwork] = SentimentNetwork) -> SentimentNetwork:
    torch.manual_seed(1)
    return kind(
        NetworkConfig(embedding_size=8, hidden_size=8),
        vocabulary_size=len(tokenizer),
        classes=2,
        pad_id=tokenizer.pad_id,
    )


class Shifted(SentimentNetwork):
    """Answers otherwise than its parts do, as after a mistake in `BundledNetwork`."""

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        return super().forward(ids, lengths) + torch.tensor([0.0, 1e-3])


def test_every_golden_text_has_its_answer(tokenizer, tiny_bundle):
    bundle = make_bundle(network_for(tokenizer), 2.0, tokenizer, tiny_bundle.metadata)
    assert [golden.text for golden in bundle.golden] == list(GOLDEN_TEXTS)
    for golden in bundle.golden:
        assert list(golden.ids) == tokenizer.encode(golden.text)[: bundle.metadata.max_tokens]
        assert len(golden.probabilities) == 2
        assert sum(golden.probabilities) == pytest.approx(1.0)


def test_the_answers_are_those_of_the_network_at_its_temperature(tokenizer, tiny_bundle):
    network = network_for(tokenizer).train()  # as training leaves it: dropout would change them
    bundle = make_bundle(network, 2.0, tokenizer, tiny_bundle.metadata)
    for golden in bundle.golden:
        ids = torch.tensor(golden.ids).unsqueeze(1)
        with torch.inference_mode():
            logits = network(ids, torch.tensor([len(golden.ids)]))
        expected = torch.softmax(logits / 2.0, dim=1)[0].tolist()
        assert list(golden.probabilities) == pytest.approx(expected, abs=1e-5)


def test_golden_answers_come_back_from_the_file(tokenizer, tiny_bundle, tmp_path):
    bundle = make_bundle(network_for(tokenizer), 1.0, tokenizer, tiny_bundle.metadata)
    save_bundle(tmp_path / "tiny.pt", bundle)
    assert load_bundle(tmp_path / "tiny.pt").golden == bundle.golden


def test_long_golden_texts_are_cut_as_every_text_is(tokenizer, tiny_bundle, tmp_path):
    metadata = replace(tiny_bundle.metadata, max_tokens=5)
    bundle = make_bundle(network_for(tokenizer), 1.0, tokenizer, metadata)
    assert max(len(golden.ids) for golden in bundle.golden) == 5
    save_bundle(tmp_path / "tiny.pt", bundle)


def test_a_network_that_torchscript_reads_otherwise_is_not_kept(tokenizer, tiny_bundle):
    with pytest.raises(TrainingError, match=r"TorchScript answers .* where the network answers"):
        make_bundle(network_for(tokenizer, Shifted), 1.0, tokenizer, tiny_bundle.metadata)


def test_the_commit_is_a_hash_or_unknown():
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", git_commit())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        pytest.param("PATH", "no/such/folder", id="no git on this machine"),
        pytest.param("GIT_DIR", "no/such/repository", id="not a repository"),
    ],
)
def test_without_git_the_commit_is_unknown(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    assert git_commit() == "unknown"


def test_the_commit_is_that_of_the_code_and_not_of_the_working_directory(monkeypatch, tmp_path):
    expected = git_commit()
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    monkeypatch.chdir(tmp_path)
    assert git_commit() == expected
