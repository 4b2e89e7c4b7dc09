"""From a network to a bundle: golden answers, and a check that TorchScript says the same."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from service.bundle import FORMAT_VERSION, load_bundle, save_bundle
from training.__main__ import main
from training.base import load_base
from training.config import NetworkConfig
from training.errors import TrainingError
from training.export import GOLDEN_TEXTS, git_commit, make_bundle, renewed
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


# --- a bundle of an earlier release -------------------------------------------------------------


def earlier(tokenizer, tiny_bundle, path, **sizes):
    """The base that an earlier release made: its format, and sizes that are not the usual ones."""
    sizes = {"embedding_size": 8, "hidden_size": 4, "pooling": "mean", **sizes}
    metadata = replace(tiny_bundle.metadata, hyper_parameters=sizes, format_version=1)
    torch.manual_seed(1)
    network = SentimentNetwork(
        NetworkConfig(**sizes), vocabulary_size=len(tokenizer), classes=2, pad_id=tokenizer.pad_id
    )
    save_bundle(path, make_bundle(network, 1.7, tokenizer, metadata))
    return load_base(path)


def test_a_bundle_is_renewed_around_the_same_weights(tokenizer, tiny_bundle, tmp_path):
    base = earlier(tokenizer, tiny_bundle, tmp_path / "a.pt")
    made = renewed(base)
    assert made.metadata == replace(base.bundle.metadata, format_version=FORMAT_VERSION)
    assert made.golden == base.bundle.golden
    texts = [[5], [4, 9, 7, 6], [8] * 30]
    np.testing.assert_allclose(
        made.probabilities(texts), base.bundle.probabilities(texts), atol=1e-6
    )
    save_bundle(tmp_path / "b.pt", made)
    again = renewed(load_base(tmp_path / "b.pt"))
    save_bundle(tmp_path / "c.pt", again)
    assert (tmp_path / "c.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


def test_a_bundle_that_would_answer_otherwise_is_left_as_it_is(tokenizer, tiny_bundle, tmp_path):
    base = earlier(tokenizer, tiny_bundle, tmp_path / "a.pt")
    other = replace(base.bundle.golden[0], probabilities=(0.9, 0.1))
    golden = (other, *base.bundle.golden[1:])
    with pytest.raises(TrainingError, match=r"answered \[0.9, 0.1\]: it is left as it is"):
        renewed(replace(base, bundle=replace(base.bundle, golden=golden)))


def test_a_network_of_other_sizes_than_it_says_is_not_renewed(tokenizer, tiny_bundle, tmp_path):
    base = earlier(tokenizer, tiny_bundle, tmp_path / "a.pt")
    metadata = replace(base.bundle.metadata, hyper_parameters={"hidden_size": 16})
    with pytest.raises(TrainingError, match="holds another network than this release trains"):
        renewed(replace(base, bundle=replace(base.bundle, metadata=metadata)))


def test_the_command_renews_files_in_place(tokenizer, tiny_bundle, tmp_path, caplog):
    earlier(tokenizer, tiny_bundle, tmp_path / "a.pt")
    earlier(tokenizer, tiny_bundle, tmp_path / "b.pt", hidden_size=6)
    with caplog.at_level("INFO"):
        assert main(["renew", str(tmp_path / "a.pt"), str(tmp_path / "b.pt")]) == 0
    assert caplog.text.count("wrote") == 2
    for name in ("a.pt", "b.pt"):
        assert load_bundle(tmp_path / name).metadata.format_version == FORMAT_VERSION
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pt", "b.pt"]


def test_what_is_not_a_bundle_is_not_renewed(tmp_path, capsys):
    (tmp_path / "a.pt").write_bytes(b"hello")
    assert main(["renew", str(tmp_path / "a.pt")]) == 1
    assert "not a bundle" in capsys.readouterr().err
    assert (tmp_path / "a.pt").read_bytes() == b"hello"
