"""THE CONTRACT between training and serving: one file that holds all that an answer needs.

A bundle is a TorchScript archive (a zip file) with three extra files:

    the module        ids (T, N) int64, lengths (N,) int64 -> probabilities (N, K) float32
    tokenizer.model   the sentencepiece model
    metadata.json     what `Metadata` says
    golden.json       a few texts, their ids and their probabilities

Axes, here and in training: T tokens of the longest text, N texts, K classes. Time comes first, as
`torch.nn.LSTM` takes it. A text is at least one token long; what stands behind its length is
padding, and never changes its answer.

`save_bundle` and `load_bundle` are inverses. Both replay the golden answers: a file that would
answer otherwise than it did in training is never written and never served.

This is the only file that says `torch.jit` (docs/decisions/0003-torchscript.md).
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from service.errors import BundleError
from service.tokenizer import Tokenizer

__all__ = [
    "FORMAT_VERSION",
    "Bundle",
    "BundleError",
    "Encoding",
    "Golden",
    "Metadata",
    "load_bundle",
    "save_bundle",
    "script",
    "write_atomically",
]

FORMAT_VERSION = 1

# How far a golden answer may be off. Another CPU adds up in another order (about 1e-7 a product);
# a GPU adds more. A wrong weight, label or tokenizer is off by far more than either.
GOLDEN_TOLERANCE = {"cpu": 1e-4, "cuda": 1e-3}

TOKENIZER, METADATA, GOLDEN = "tokenizer.model", "metadata.json", "golden.json"


@dataclass(frozen=True)
class Metadata:
    """What is known of a bundle. All of it is shown to whoever asks `GET /models`."""

    name: str
    version: str
    language: str  # ISO 639-1, such as "en"
    labels: tuple[str, ...]  # in the order of the K outputs
    max_tokens: int  # a longer text is cut here
    pad_id: int
    unk_id: int
    datasets: tuple[Mapping[str, Any], ...]  # name, licence, citation, files with their SHA-256
    figures: Mapping[str, Any]  # by data set: accuracy, f1, calibration error, confusion matrix
    hyper_parameters: Mapping[str, Any]
    torch_version: str
    git_commit: str
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True)
class Golden:
    """A text and the answer that it had when the bundle was made."""

    text: str
    ids: tuple[int, ...]
    probabilities: tuple[float, ...]  # (K,)


@dataclass(frozen=True, slots=True)
class Encoding:
    """A text as the network reads it."""

    ids: list[int]  # at most max_tokens; empty for a blank text
    truncated: bool


@dataclass(frozen=True)
class Bundle:
    """A network that is ready to answer, with all that belongs to it."""

    metadata: Metadata
    tokenizer: Tokenizer
    module: torch.jit.ScriptModule
    golden: tuple[Golden, ...] = ()
    device: torch.device = torch.device("cpu")

    def encode(self, text: str) -> Encoding:
        ids = self.tokenizer.encode(text)
        limit = self.metadata.max_tokens
        return Encoding(ids[:limit], truncated=len(ids) > limit)

    def probabilities(self, sequences: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        """One forward pass over N texts.

        Args:
            sequences: N lists of token ids, each at least one id long.

        Returns:
            (N, K) float32; each row adds up to 1, and does not depend on the other rows.
        """
        lengths = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))
        # (N, T): rows are filled as they lie in memory, then seen as (T, N)
        ids = np.full((len(sequences), int(lengths.max())), self.metadata.pad_id, dtype=np.int64)
        for row, sequence in zip(ids, sequences, strict=True):
            row[: len(sequence)] = sequence
        with torch.inference_mode():
            answer = self.module(
                torch.from_numpy(ids).t().to(self.device), torch.from_numpy(lengths).to(self.device)
            )
        result: npt.NDArray[np.float32] = answer.cpu().numpy()
        return result

    def answer(self, text: str) -> Golden:
        """The answer to one text, in the form in which a bundle keeps it."""
        ids = self.encode(text).ids
        return Golden(text, tuple(ids), tuple(map(float, self.probabilities([ids])[0])))


def script(module: torch.nn.Module) -> torch.jit.ScriptModule:
    """The module compiled for a bundle. It must take (T, N) ids and (N,) lengths."""
    compiled: torch.jit.ScriptModule = torch.jit.script(module.eval())
    return compiled


def save_bundle(path: Path, bundle: Bundle) -> None:
    """Write the bundle, read it back, replay its golden answers; only then is it at `path`.

    The same bundle gives the same bytes.

    Raises:
        BundleError: what would be written does not load, or answers otherwise.
    """
    buffer = io.BytesIO()
    # To a buffer, not to a path: torch writes the name of the file into the archive.
    torch.jit.save(
        bundle.module,
        buffer,
        _extra_files={
            TOKENIZER: bundle.tokenizer.model,
            METADATA: _to_json(asdict(bundle.metadata)),
            GOLDEN: _to_json([asdict(golden) for golden in bundle.golden]),
        },
    )
    data = _without_source_paths(buffer.getvalue())
    _load(data, path, torch.device("cpu"))
    write_atomically(path, data)


def load_bundle(path: Path, device: torch.device | str = "cpu") -> Bundle:
    """Read a bundle and replay its golden answers.

    Raises:
        BundleError: the file is missing, damaged, foreign, of an unknown format, or its answers
            are not those it had in training.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}).") from error
    return _load(data, path, torch.device(device))


def _load(data: bytes, path: Path, device: torch.device) -> Bundle:
    parts = _parts(data, path)
    metadata = _metadata(parts[METADATA], path)
    try:
        tokenizer = Tokenizer(parts[TOKENIZER])
    except ValueError as error:
        raise BundleError(f"{path}: {TOKENIZER} is damaged ({error}). {_ADVICE}") from error
    try:
        module = torch.jit.load(io.BytesIO(data), map_location=device).eval()
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise BundleError(
            f"{path}: torch {torch.__version__} cannot read the network, which torch "
            f"{metadata.torch_version} wrote ({reason}). {_ADVICE}"
        ) from error
    if device.type == "cuda":
        # TF32 keeps 10 bits: answers would differ from the CPU's in the third digit.
        torch.backends.cudnn.allow_tf32 = False
    bundle = Bundle(metadata, tokenizer, module, _golden(parts[GOLDEN], path), device)
    _replay(bundle, path)
    return bundle


_ADVICE = "Take the file again from where it came, or make it again with `make train`."


def _parts(data: bytes, path: Path) -> dict[str, bytes]:
    """The extra files; every record's checksum is compared on the way.

    torch returns an empty string for an extra file that is not there, so it is not asked.
    """
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            damaged = archive.testzip()
            if damaged is not None:
                raise BundleError(f"{path}: {damaged} is damaged (wrong checksum). {_ADVICE}")
            for name in archive.namelist():
                _, _, inner = name.partition("/")
                if inner.startswith("extra/"):
                    found[inner.removeprefix("extra/")] = archive.read(name)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise BundleError(
            f"{path}: not a bundle, or cut short: expected a TorchScript archive, found "
            f"{len(data):,} bytes that are none ({error}). {_ADVICE}"
        ) from error
    missing = [name for name in (METADATA, TOKENIZER, GOLDEN) if not found.get(name)]
    if missing:
        raise BundleError(
            f"{path}: a TorchScript archive, but not a Manytone bundle: {', '.join(missing)} "
            "missing. Only `python -m training` writes bundles."
        )
    return found


def _metadata(data: bytes, path: Path) -> Metadata:
    values = _from_json(data, METADATA, path)
    version = values.get("format_version") if isinstance(values, dict) else None
    if version != FORMAT_VERSION:
        raise BundleError(
            f"{path}: bundle format {version!r}, but this release reads format {FORMAT_VERSION}. "
            "Update the service, or make the bundle again with this release's `make train`."
        )
    wanted = {field.name for field in fields(Metadata)}
    if values.keys() != wanted:
        odd = ", ".join(sorted(values.keys() ^ wanted))
        raise BundleError(f"{path}: {METADATA} is not complete or has too much: {odd}. {_ADVICE}")
    return Metadata(
        **{**values, "labels": tuple(values["labels"]), "datasets": tuple(values["datasets"])}
    )


def _golden(data: bytes, path: Path) -> tuple[Golden, ...]:
    try:
        return tuple(
            Golden(entry["text"], tuple(entry["ids"]), tuple(entry["probabilities"]))
            for entry in _from_json(data, GOLDEN, path)
        )
    except (KeyError, TypeError) as error:
        raise BundleError(f"{path}: {GOLDEN} is damaged ({error!r}). {_ADVICE}") from error


def _replay(bundle: Bundle, path: Path) -> None:
    if not bundle.golden:
        raise BundleError(f"{path}: {GOLDEN} holds no answer to check the network by. {_ADVICE}")
    tolerance = GOLDEN_TOLERANCE[bundle.device.type]
    for golden in bundle.golden:
        ids = bundle.encode(golden.text).ids
        if tuple(ids) != golden.ids:
            raise BundleError(
                f"{path}: the tokenizer reads {golden.text!r} as {ids}, in training it was "
                f"{list(golden.ids)}: another version of sentencepiece, or a file put together "
                f"from two. {_ADVICE}"
            )
        found = bundle.probabilities([ids])[0]
        expected = np.asarray(golden.probabilities, dtype=np.float32)
        if found.shape != expected.shape or len(found) != len(bundle.metadata.labels):
            raise BundleError(
                f"{path}: the network has {len(found)} outputs for {len(bundle.metadata.labels)} "
                f"labels. {_ADVICE}"
            )
        # Written so that a NaN fails too.
        if not np.abs(found - expected).max() <= tolerance:
            raise BundleError(
                f"{path}: the golden answer to {golden.text!r} is off: expected "
                f"{expected.round(4).tolist()}, found {found.round(4).tolist()} on "
                f"{bundle.device} with torch {torch.__version__}. {_ADVICE}"
            )


def _to_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode()


def _from_json(data: bytes, part: str, path: Path) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        raise BundleError(f"{path}: {part} is not JSON ({error}). {_ADVICE}") from error


def _without_source_paths(data: bytes) -> bytes:
    """The archive without torch's debug records, which hold paths of the machine it was made on.

    They only serve to print Python source lines in a traceback; torch reads the rest without them.
    """
    slim = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as full, zipfile.ZipFile(slim, "w") as archive:
        for record in full.infolist():
            if not record.filename.endswith(".debug_pkl"):
                # A fresh entry has a fixed date, so the same bundle gives the same bytes.
                archive.writestr(zipfile.ZipInfo(record.filename), full.read(record))
    return slim.getvalue()


def write_atomically(path: Path, data: bytes) -> None:
    """Whoever reads `path` finds the old file or the new one, whole, even after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
