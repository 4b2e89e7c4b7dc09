"""The contract: what is saved is what is loaded, and whatever else lies there is refused."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import os
import random
import subprocess
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from service.bundle import (
    BFLOAT16_TOLERANCE,
    Bundle,
    Golden,
    has_bfloat16,
    load_bundle,
    save_bundle,
    script,
    write_atomically,
)
from service.errors import BundleError
from training.config import NetworkConfig
from training.export import make_bundle
from training.model import SentimentNetwork

ROOT = Path(__file__).resolve().parent.parent

TEXTS = [
    "Not bad at all!",
    "시간이 아깝다",
    "ㅋㅋㅋ",
    "10/10 👍",
    "go\0od \ud800",
    "good " * 100,
]


@pytest.fixture(scope="module")
def data(tiny_bundle, tmp_path_factory) -> bytes:
    """The tiny bundle as a file's content."""
    path = tmp_path_factory.mktemp("bundle") / "tiny.pt"
    save_bundle(path, tiny_bundle)
    return path.read_bytes()


@pytest.fixture(scope="module")
def other_tokenizer(data) -> bytes:
    """A tokenizer that works, but was trained on other texts."""
    from training.subwords import train_tokenizer

    return train_tokenizer(["quite another text, with other words in it"], vocabulary_size=20).model


class Echo(torch.nn.Module):
    """A TorchScript network of somebody else's: it takes one tensor."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def torchscript(extra: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(script(Echo()), buffer, _extra_files=extra)
    return buffer.getvalue()


def with_part(data: bytes, part: str, content: bytes | None) -> bytes:
    """The archive with another content for a part, or without it (None)."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(changed, "w") as new:
        for record in old.infolist():
            ours = record.filename == f"archive/extra/{part}"
            if not ours:
                new.writestr(record, old.read(record))
            elif content is not None:
                new.writestr(record, content)
    return changed.getvalue()


def part_of(data: bytes, part: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(f"archive/extra/{part}")


def with_metadata(data: bytes, **changes) -> bytes:
    """Other values in metadata.json; None takes the key out."""
    values = {**json.loads(part_of(data, "metadata.json")), **changes}
    values = {key: value for key, value in values.items() if value is not None}
    return with_part(data, "metadata.json", json.dumps(values).encode())


def with_golden(data: bytes, change) -> bytes:
    golden = json.loads(part_of(data, "golden.json"))
    change(golden)
    return with_part(data, "golden.json", json.dumps(golden).encode())


def with_weights(data: bytes, value: float) -> bytes:
    """One float32 tensor of the network filled with `value`."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        changed = archive.read("archive/data/2")
    filled = np.full(len(changed) // 4, value, dtype=np.float32).tobytes()
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(result, "w") as new:
        for record in old.infolist():
            ours = record.filename == "archive/data/2"
            new.writestr(record, filled if ours else old.read(record))
    return result.getvalue()


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def in_the_weights(data: bytes) -> int:
    """Where the content of a tensor stands in the archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return data.index(archive.read("archive/data/2")) + 100


def zip_of(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


# --- Inverses ---------------------------------------------------------------------------------


def test_what_is_saved_is_what_is_loaded(tiny_bundle, tmp_path):
    save_bundle(tmp_path / "tiny.pt", tiny_bundle)
    loaded = load_bundle(tmp_path / "tiny.pt")
    assert loaded.metadata == tiny_bundle.metadata
    assert loaded.golden == tiny_bundle.golden
    assert loaded.tokenizer.model == tiny_bundle.tokenizer.model
    assert loaded.device == torch.device("cpu")
    for text in TEXTS:
        ours, theirs = tiny_bundle.answer(text), loaded.answer(text)
        assert ours.ids == theirs.ids
        assert ours.probabilities == pytest.approx(theirs.probabilities, abs=1e-6)


def test_all_kinds_of_metadata_come_back(tiny_bundle, tmp_path):
    metadata = dataclasses.replace(
        tiny_bundle.metadata,
        name="names-한국어",
        datasets=({"name": "imdb", "files": {"a.tar.gz": "00ff"}}, {"name": "nsmc"}),
        figures={"imdb": {"accuracy": 0.9123456789012345, "confusion": [[1, 2], [3, 4]]}},
        hyper_parameters={"lr": 1e-3, "note": "“x”\n", "none": None, "yes": True},
    )
    save_bundle(tmp_path / "x.pt", dataclasses.replace(tiny_bundle, metadata=metadata))
    assert load_bundle(tmp_path / "x.pt").metadata == metadata


def test_a_loaded_bundle_can_be_saved_again(data, tmp_path):
    (tmp_path / "a.pt").write_bytes(data)
    save_bundle(tmp_path / "b.pt", load_bundle(tmp_path / "a.pt"))
    first, second = load_bundle(tmp_path / "a.pt"), load_bundle(tmp_path / "b.pt")
    assert (first.metadata, first.golden) == (second.metadata, second.golden)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch without oneDNN")
def test_weights_are_laid_out_once_and_answers_stay(data, tiny_bundle, tmp_path):
    (tmp_path / "a.pt").write_bytes(data)
    loaded = load_bundle(tmp_path / "a.pt")
    layers = [m for m in loaded.module.modules() if hasattr(m, "packed")]
    assert [len(layer.packed) for layer in layers] == [8]  # four for each direction
    assert not any(len(m.packed) for m in tiny_bundle.module.modules() if hasattr(m, "packed"))
    sequences = [[5], [4, 9, 7, 6], [8] * 30, [6, 5]]
    for batch in (sequences, *([each] for each in sequences)):
        np.testing.assert_allclose(
            loaded.probabilities(batch), tiny_bundle.probabilities(batch), atol=1e-6
        )
    np.testing.assert_allclose(
        loaded.running_probabilities(sequences[2], 0, 30),
        tiny_bundle.running_probabilities(sequences[2], 0, 30),
        atol=1e-6,
    )
    save_bundle(tmp_path / "b.pt", loaded)
    assert [len(layer.packed) for layer in layers] == [8]


needs_bfloat16 = pytest.mark.skipif(not has_bfloat16(), reason="needs AVX-512 BF16")


def of_sizes(tiny_bundle, embedding_size: int, hidden_size: int, **shape) -> Bundle:
    """A bundle of random weights, larger than those of a network that begins: answers differ."""
    torch.manual_seed(1)
    tokenizer = tiny_bundle.tokenizer
    network = SentimentNetwork(
        NetworkConfig(embedding_size=embedding_size, hidden_size=hidden_size, **shape),
        vocabulary_size=len(tokenizer),
        classes=2,
        pad_id=tokenizer.pad_id,
    )
    with torch.no_grad():
        network.embedding.weight.mul_(10)
        network.reader.classifier.weight.mul_(10)
    return make_bundle(network, 1.0, tokenizer, tiny_bundle.metadata)


@needs_bfloat16
@pytest.mark.parametrize(
    ("embedding_size", "hidden_size", "shape"),
    [
        pytest.param(8, 8, {}, id="as wide as its states"),
        pytest.param(128, 128, {}, id="as wide, of the size that ships"),
        pytest.param(24, 16, {}, id="wider"),
        pytest.param(16, 32, {"directions": 1, "pooling": "last"}, id="narrower, one way"),
        pytest.param(16, 16, {"layers": 2, "pooling": "max"}, id="two layers"),
    ],
)
def test_in_bfloat16_an_answer_depends_on_nothing_but_its_text(
    tiny_bundle, tmp_path, embedding_size, hidden_size, shape
):
    save_bundle(tmp_path / "a.pt", of_sizes(tiny_bundle, embedding_size, hidden_size, **shape))
    exact = load_bundle(tmp_path / "a.pt")
    narrow = load_bundle(tmp_path / "a.pt", precision="auto")
    assert (exact.precision, narrow.precision) == ("float32", "bfloat16")

    chance, most = random.Random(1), len(exact.tokenizer)
    texts = [[chance.randrange(3, most) for _ in range(n)] for n in (*range(1, 40), 64, 200, 333)]
    alone = np.concatenate([narrow.probabilities([text]) for text in texts])  # (N, K)
    expected = exact.probabilities(texts)
    assert 1e-6 < np.abs(alone - expected).max() < BFLOAT16_TOLERANCE
    for size in (2, 3, 7, 16, 42):
        for begin in range(0, len(texts), size):
            batch = slice(begin, begin + size)
            np.testing.assert_allclose(narrow.probabilities(texts[batch]), alone[batch], atol=1e-6)
    running = narrow.running_probabilities(texts[-2], 0, len(texts[-2]))
    np.testing.assert_allclose(running[-1], alone[-2], atol=1e-6)


@needs_bfloat16
def test_a_bundle_in_bfloat16_is_saved_as_it_was(data, tmp_path):
    (tmp_path / "a.pt").write_bytes(data)
    narrow = load_bundle(tmp_path / "a.pt", precision="auto")
    before = narrow.probabilities([[5, 4]])
    save_bundle(tmp_path / "b.pt", narrow)
    save_bundle(tmp_path / "c.pt", load_bundle(tmp_path / "a.pt"))
    assert (tmp_path / "b.pt").read_bytes() == (tmp_path / "c.pt").read_bytes()
    np.testing.assert_array_equal(narrow.probabilities([[5, 4]]), before)


@needs_bfloat16
def test_word_vectors_are_narrowed_once_and_answers_stay(data, tmp_path):
    (tmp_path / "a.pt").write_bytes(data)
    narrow = load_bundle(tmp_path / "a.pt", precision="auto")
    [ready] = narrow.module.ready
    assert ready.dtype == torch.bfloat16
    sequences = [[5], [4, 9, 7, 6], [8] * 30]
    expected = narrow.probabilities(sequences)
    narrow.module.ready = []  # as it is with a bundle of the first releases
    np.testing.assert_array_equal(narrow.probabilities(sequences), expected)
    assert load_bundle(tmp_path / "a.pt").module.ready == []


@needs_bfloat16
@pytest.mark.parametrize(
    ("limit", "said"),
    [
        pytest.param("BFLOAT16_TOLERANCE", "answers are off by", id="too far off"),
        pytest.param("BATCH_TOLERANCE", "move with their batch", id="moves with the batch"),
    ],
)
def test_float32_stays_where_bfloat16_is_not_good_enough(
    data, tmp_path, monkeypatch, caplog, limit, said
):
    monkeypatch.setattr(f"service.bundle.{limit}", -1.0)
    (tmp_path / "a.pt").write_bytes(data)
    bundle = load_bundle(tmp_path / "a.pt", precision="auto")
    assert bundle.precision == "float32"
    assert said in caplog.text
    assert "PRECISION=float32" in caplog.text
    expected = load_bundle(tmp_path / "a.pt").probabilities([[5, 4], [7]])
    np.testing.assert_array_equal(bundle.probabilities([[5, 4], [7]]), expected)


@needs_bfloat16
def test_float32_stays_where_torch_cannot_do_otherwise(data, tmp_path, monkeypatch):
    def fails(bundle):
        raise RuntimeError("could not create a primitive")

    monkeypatch.setattr("service.bundle._tried", fails)
    (tmp_path / "a.pt").write_bytes(data)
    assert load_bundle(tmp_path / "a.pt", precision="auto").precision == "float32"


def test_without_bfloat16_in_hardware_nothing_is_tried(data, tmp_path, monkeypatch):
    monkeypatch.setattr("service.bundle.has_bfloat16", lambda: False)
    monkeypatch.setattr("service.bundle.to_bfloat16", lambda module: pytest.fail("tried"))
    (tmp_path / "a.pt").write_bytes(data)
    assert load_bundle(tmp_path / "a.pt", precision="auto").precision == "float32"


def test_a_gru_computes_as_it_is(tiny_bundle, tmp_path):
    save_bundle(tmp_path / "a.pt", of_sizes(tiny_bundle, 8, 8, cell="gru"))
    assert load_bundle(tmp_path / "a.pt", precision="auto").precision == "float32"


def test_the_same_bundle_gives_the_same_bytes(tiny_bundle, data, tmp_path):
    save_bundle(tmp_path / "another-name.pt", tiny_bundle)
    assert (tmp_path / "another-name.pt").read_bytes() == data


MAKE_ONE = """
import sys
from pathlib import Path
import torch
from service.bundle import load_bundle, save_bundle
from training.config import NetworkConfig
from training.export import make_bundle
from training.model import SentimentNetwork

like, path = load_bundle(Path(sys.argv[1])), Path(sys.argv[2])
torch.manual_seed(1)
network = SentimentNetwork(
    NetworkConfig(embedding_size=8, hidden_size=8),
    vocabulary_size=len(like.tokenizer), classes=2, pad_id=like.tokenizer.pad_id,
)
save_bundle(path, make_bundle(network, 1.0, like.tokenizer, like.metadata))
"""


def test_another_process_writes_the_same_bytes(models_dir, tmp_path):
    # Python draws the order of sets anew in each process, by this variable.
    written = []
    for seed in ("1", "2", "3"):
        path = tmp_path / f"{seed}.pt"
        subprocess.run(
            [sys.executable, "-c", MAKE_ONE, str(models_dir / "reviews-en.pt"), str(path)],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
        )
        written.append(path.read_bytes())
    assert written[0] == written[1] == written[2]


def test_nothing_in_the_file_tells_of_the_machine_it_was_made_on(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        content = b"".join(archive.read(name) for name in names)
    assert str(ROOT).encode() not in data + content
    assert str(Path(torch.__file__).parent).encode() not in data + content
    assert not [name for name in names if "debug" in name]


def test_the_folder_is_made_and_holds_nothing_else(tiny_bundle, tmp_path):
    path = tmp_path / "new" / "folder" / "tiny.pt"
    save_bundle(path, tiny_bundle)
    assert list(path.parent.iterdir()) == [path]


# --- What is refused --------------------------------------------------------------------------

REFUSED = [
    pytest.param(lambda data: b"", "not a bundle, or cut short", id="empty"),
    pytest.param(lambda data: b"hello, world\n" * 99, "not a bundle, or cut short", id="text"),
    pytest.param(lambda data: data[: len(data) // 2], "cut short", id="half"),
    pytest.param(lambda data: data[:-1], "cut short", id="last byte missing"),
    pytest.param(lambda data: data[1_000:], "not a bundle|cut short", id="front missing"),
    pytest.param(
        lambda data: flipped(data, in_the_weights(data)),
        "archive/data/2 is damaged .wrong checksum",
        id="one bit of a weight",
    ),
    pytest.param(
        lambda data: zip_of(readme=b"hi"), "metadata.json, tokenizer.model, golden.json missing",
        id="another zip",
    ),
    pytest.param(
        lambda data: torchscript({}), "not a Manytone bundle", id="another TorchScript archive"
    ),
    *(
        pytest.param(
            lambda data, part=part, content=content: with_part(data, part, content),
            f"{part} missing",
            id=f"{part} {what}",
        )
        for part in ("tokenizer.model", "metadata.json", "golden.json")
        for content, what in ((None, "missing"), (b"", "empty"))
    ),
    pytest.param(
        lambda data: torchscript(
            {
                part: part_of(data, part)
                for part in ("tokenizer.model", "metadata.json", "golden.json")
            }
        ),
        "the network fails at",
        id="somebody else's network with our parts",
    ),
    pytest.param(
        lambda data: with_metadata(data, format_version=99),
        "bundle format 99, but this release reads formats 1 and 2. Update the service",
        id="a later format",
    ),
    pytest.param(
        lambda data: with_metadata(data, format_version=None), "bundle format None", id="no format"
    ),
    pytest.param(lambda data: with_part(data, "metadata.json", b"[]"), "format None", id="a list"),
    pytest.param(
        lambda data: with_part(data, "metadata.json", b"{'a': 1}"),
        "metadata.json is not JSON",
        id="metadata not JSON",
    ),
    pytest.param(
        lambda data: with_part(data, "metadata.json", b"\xff\xfe"),
        "metadata.json is not JSON",
        id="metadata not UTF-8",
    ),
    pytest.param(
        lambda data: with_metadata(data, labels=None), "not complete .*: labels", id="a key missing"
    ),
    pytest.param(
        lambda data: with_metadata(data, extra=1), "has too much: extra", id="a key too many"
    ),
    pytest.param(
        lambda data: with_metadata(data, labels=2), "metadata.json is damaged", id="labels a number"
    ),
    pytest.param(
        lambda data: with_metadata(data, labels=["a", "b", "c"]),
        "2 outputs for 3 labels",
        id="more labels than outputs",
    ),
    pytest.param(
        lambda data: with_metadata(data, labels=["only"]),
        "2 outputs for 1 labels",
        id="fewer labels than outputs",
    ),
    pytest.param(
        lambda data: with_metadata(data, max_tokens=1), "the tokenizer reads", id="cut elsewhere"
    ),
    pytest.param(
        lambda data: with_part(data, "tokenizer.model", b"garbage"),
        "tokenizer.model is damaged",
        id="tokenizer damaged",
    ),
    pytest.param(
        lambda data: with_golden(data, lambda golden: golden.clear()),
        "holds no answer",
        id="no golden answer",
    ),
    pytest.param(
        lambda data: with_golden(data, lambda golden: golden[0].pop("ids")),
        "golden.json is damaged",
        id="half a golden answer",
    ),
    pytest.param(
        lambda data: with_golden(
            data, lambda golden: golden[-1].update(probabilities=golden[-1]["probabilities"][::-1])
        ),
        "the golden answer to .* is off: expected .*, found",
        id="golden answer off",
    ),
    pytest.param(
        lambda data: with_golden(data, lambda golden: golden[0].update(probabilities=[1.0])),
        "outputs",
        id="golden answer of another length",
    ),
    pytest.param(lambda data: with_weights(data, np.nan), "is off: .*nan", id="weights NaN"),
    pytest.param(lambda data: with_weights(data, 3.0), "is off", id="other weights"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "reason"), REFUSED)
def test_it_is_refused_with_the_reason_and_what_to_do(data, tmp_path, damage, reason):
    path = tmp_path / "bad.pt"
    path.write_bytes(damage(data))
    with pytest.raises(BundleError, match=reason) as refused:
        load_bundle(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert "make" in message or "training" in message
    assert "\n" not in message


def test_a_tokenizer_from_another_model_is_refused(data, other_tokenizer, tmp_path):
    path = tmp_path / "bad.pt"
    path.write_bytes(with_part(data, "tokenizer.model", other_tokenizer))
    with pytest.raises(BundleError, match=r"the tokenizer reads 'Good\.' as .* in training it was"):
        load_bundle(path)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        pytest.param("missing.pt", "No such file", id="missing"),
        pytest.param("", "Is a directory", id="a folder"),
    ],
)
def test_what_is_no_file_is_refused(tmp_path, place, reason):
    with pytest.raises(BundleError, match=f"cannot be read .{reason}"):
        load_bundle(tmp_path / place)


def test_whichever_header_is_damaged_no_other_error_comes_out(data, tmp_path):
    """Checksums guard contents; this is about the archive's own headers, which have none."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        headers = [
            record.header_offset + place for record in archive.infolist() for place in range(30)
        ]
        headers += range(archive.start_dir, len(data))
    damage = random.Random(1)
    for place in damage.sample(headers, 30):
        (tmp_path / "bad.pt").write_bytes(flipped(data, place))
        with suppress(BundleError):  # a date that is damaged, for one, harms nothing
            load_bundle(tmp_path / "bad.pt")


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        pytest.param(8, 1, id="says it is encrypted"),
        pytest.param(10, 8, id="says it is compressed"),
        pytest.param(10, 99, id="an unknown compression"),
        pytest.param(42, 0xFF, id="begins elsewhere"),
    ],
)
def test_a_directory_entry_that_lies_is_refused(data, tmp_path, offset, value):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entry = archive.start_dir
    path = tmp_path / "bad.pt"
    path.write_bytes(data[: entry + offset] + bytes([value]) + data[entry + offset + 1 :])
    with pytest.raises(BundleError, match=r"not a bundle, or cut short|wrong checksum"):
        load_bundle(path)


# --- Nothing bad is written -------------------------------------------------------------------


@pytest.mark.parametrize(
    "before", [pytest.param(None, id="no file"), pytest.param(b"old", id="a file")]
)
def test_a_bundle_that_answers_otherwise_is_not_written(tiny_bundle, tmp_path, before):
    path = tmp_path / "tiny.pt"
    if before is not None:
        path.write_bytes(before)
    first = tiny_bundle.golden[0]
    wrong = Golden(first.text, first.ids, first.probabilities[::-1])
    with pytest.raises(BundleError, match="is off"):
        save_bundle(path, dataclasses.replace(tiny_bundle, golden=(wrong,)))
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([before] if before else [])


def test_a_bundle_without_golden_answers_is_not_written(tiny_bundle, tmp_path):
    with pytest.raises(BundleError, match="holds no answer"):
        save_bundle(tmp_path / "tiny.pt", dataclasses.replace(tiny_bundle, golden=()))
    assert list(tmp_path.iterdir()) == []


def test_writing_replaces_the_file_whole_and_leaves_no_other(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"a longer content")
    with path.open("rb") as reader:  # whoever has the old one open keeps it
        write_atomically(path, b"new")
        assert reader.read() == b"a longer content"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "text, not bytes")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_way_leaves_no_temporary_file(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_atomically(tmp_path / "folder", b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


# --- Answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3], ids=["two classes", "three classes"])
def test_probabilities_are_rows_of_float32_that_add_up_to_one(make_tiny_bundle, classes):
    bundle = make_tiny_bundle(labels=("a", "b", "c")[:classes])
    rows = bundle.probabilities([[5, 6, 7], [8], [9, 10]])
    assert (rows.shape, rows.dtype) == ((3, classes), np.float32)
    assert rows.min() >= 0
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)


def test_a_batch_answers_as_each_text_alone(tiny_bundle):
    """Any lengths, batches and orders; the padding's own id may stand inside a text, too."""
    chance = random.Random(3)
    limit, size = tiny_bundle.metadata.max_tokens, len(tiny_bundle.tokenizer)
    lengths = [1, 1, limit, limit, *(chance.randint(1, limit) for _ in range(296))]
    sequences = [[chance.randrange(size) for _ in range(length)] for length in lengths]
    sequences += [[tiny_bundle.metadata.pad_id], [tiny_bundle.metadata.pad_id] * 5]
    alone = np.concatenate([tiny_bundle.probabilities([sequence]) for sequence in sequences])
    assert np.ptp(alone[:, 0]) > 0.01  # or the comparison would say nothing
    for _ in range(3):
        order = chance.sample(range(len(sequences)), len(sequences))
        while order:
            batch = [order.pop() for _ in range(min(len(order), chance.randint(1, 70)))]
            together = tiny_bundle.probabilities([sequences[place] for place in batch])
            np.testing.assert_allclose(together, alone[batch], rtol=0, atol=1e-5)


def test_a_long_text_is_cut_and_says_so(tiny_bundle):
    limit = tiny_bundle.metadata.max_tokens
    long, short = tiny_bundle.encode("good " * 1_000), tiny_bundle.encode("good")
    assert (len(long.ids), long.truncated) == (limit, True)
    assert (len(short.ids), short.truncated) == (1, False)


def test_a_text_of_just_the_most_tokens_is_not_truncated(tiny_bundle):
    limit = tiny_bundle.metadata.max_tokens
    assert tiny_bundle.encode("good " * limit).truncated is False
    assert tiny_bundle.encode("good " * (limit + 1)).truncated is True


def test_a_blank_text_has_no_ids(tiny_bundle):
    assert tiny_bundle.encode("  ").ids == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_answers_as_the_cpu(data, tmp_path):
    (tmp_path / "tiny.pt").write_bytes(data)
    cpu, gpu = load_bundle(tmp_path / "tiny.pt"), load_bundle(tmp_path / "tiny.pt", "cuda")
    sequences = [[5, 6, 7], [8], list(range(2, 60))]
    np.testing.assert_allclose(
        cpu.probabilities(sequences), gpu.probabilities(sequences), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize("format_version", [1, 2])
def test_a_text_is_answered_as_it_is_read(tiny_bundle, format_version):
    metadata = dataclasses.replace(tiny_bundle.metadata, format_version=format_version)
    bundle = dataclasses.replace(tiny_bundle, metadata=metadata)
    ids = bundle.encode("The film was good, and the music was even better.").ids
    running = bundle.running_probabilities(ids, 2, len(ids))  # (T - 2, K)
    alone = [bundle.probabilities([ids[:length]])[0] for length in range(3, len(ids) + 1)]
    assert running.dtype == np.float32
    np.testing.assert_allclose(running, alone, atol=1e-6)


def test_what_fills_a_batch_up_has_no_answer(tiny_bundle):
    def network(ids, lengths):
        T, N = ids.shape
        assert lengths.shape == (N,)
        assert lengths.max() <= T
        seen.append((T, N))
        return torch.arange(N).unsqueeze(1).expand(-1, 2) / 1_000

    seen = []
    bundle = dataclasses.replace(tiny_bundle, module=SimpleNamespace(forward=network))
    for texts, length in itertools.product((1, 3, 20, 33, 64, 257), (1, 7, 33, 99, 1_024)):
        answer = bundle.probabilities([[6]] * (texts - 1) + [[5] * length])
        np.testing.assert_allclose(answer[:, 0], np.arange(texts) / 1_000)
    assert (100, 36) in seen  # of 33 texts of 99 tokens


def test_few_shapes_are_kept_ready_unless_told_otherwise():
    program = (
        "import os, service.bundle; print(os.environ['ONEDNN_PRIMITIVE_CACHE_CAPACITY'], end='')"
    )
    for told, kept in (({}, "512"), ({"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "7"}, "7")):
        unset = {k: v for k, v in os.environ.items() if k != "ONEDNN_PRIMITIVE_CACHE_CAPACITY"}
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=unset | told,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert done.stdout == kept
