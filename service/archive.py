"""What a bundle's file holds beside the network; read without torch.

A bundle is a TorchScript archive (a zip file) with three extra files: `tokenizer.model`,
`metadata.json` and `golden.json`. `service/bundle.py` writes it and runs it. What is here is all
that can be known of a file in a moment: the start of the service looks at each bundle before it
spends seconds on torch.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec

from service.errors import BundleError

# 2: the module also reads one text up to several lengths. A bundle of format 1 answers as well, and
# takes longer over an explanation.
FORMAT_VERSION = 2
READABLE_VERSIONS = (1, 2)

TOKENIZER, METADATA, GOLDEN = "tokenizer.model", "metadata.json", "golden.json"

ADVICE = "Take the file again from where it came, or make it again with `make train`."


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


@dataclass(frozen=True)
class Parts:
    """The extra files, decoded."""

    metadata: Metadata
    golden: tuple[Golden, ...]
    tokenizer: bytes


def find_bundles(folder: Path) -> list[Path]:
    """The bundles of a folder, by name.

    Raises:
        BundleError: there is none.
    """
    paths = sorted(folder.glob("*.pt")) if folder.is_dir() else []
    if not paths:
        raise BundleError(
            f"{folder.absolute()}: no bundle (*.pt) in this folder. Set MODELS_DIR to the folder "
            "that holds them, or make one with `make train`."
        )
    return paths


def read_file(path: Path) -> bytes:
    """
    Raises:
        BundleError: the file cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}).") from error


def read_parts(data: bytes, path: Path) -> Parts:
    """Every record's checksum is compared on the way.

    Args:
        data: the whole file.
        path: where it came from, for the message.

    Raises:
        BundleError: the file is damaged, foreign or of an unknown format.
    """
    extra = _extra_files(data, path)
    return Parts(_metadata(extra[METADATA], path), _golden(extra[GOLDEN], path), extra[TOKENIZER])


def _extra_files(data: bytes, path: Path) -> dict[str, bytes]:
    # torch returns an empty string for an extra file that is not there, so it is not asked.
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            damaged = archive.testzip()
            if damaged is not None:
                raise BundleError(f"{path}: {damaged} is damaged (wrong checksum). {ADVICE}")
            for name in archive.namelist():
                _, _, inner = name.partition("/")
                if inner.startswith("extra/"):
                    found[inner.removeprefix("extra/")] = archive.read(name)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        # zipfile raises each of these for one damaged header or another.
        raise BundleError(
            f"{path}: not a bundle, or cut short: expected a TorchScript archive, found "
            f"{len(data):,} bytes that are none ({error}). {ADVICE}"
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
    if version not in READABLE_VERSIONS:
        known = " and ".join(map(str, READABLE_VERSIONS))
        raise BundleError(
            f"{path}: bundle format {version!r}, but this release reads formats {known}. "
            "Update the service, or make the bundle again with this release's `make train`."
        )
    wanted = {field.name for field in fields(Metadata)}
    if values.keys() != wanted:
        odd = ", ".join(sorted(values.keys() ^ wanted))
        raise BundleError(f"{path}: {METADATA} is not complete or has too much: {odd}. {ADVICE}")
    try:
        return msgspec.convert(values, Metadata)
    except msgspec.ValidationError as error:
        raise BundleError(f"{path}: {METADATA} is damaged ({error}). {ADVICE}") from error


def _golden(data: bytes, path: Path) -> tuple[Golden, ...]:
    try:
        golden = msgspec.convert(_from_json(data, GOLDEN, path), tuple[Golden, ...])
    except msgspec.ValidationError as error:
        raise BundleError(f"{path}: {GOLDEN} is damaged ({error}). {ADVICE}") from error
    if not golden or not all(answer.ids for answer in golden):
        raise BundleError(f"{path}: {GOLDEN} holds no answer to check the network by. {ADVICE}")
    return golden


def _from_json(data: bytes, part: str, path: Path) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        raise BundleError(f"{path}: {part} is not JSON ({error}). {ADVICE}") from error
