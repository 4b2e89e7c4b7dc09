"""THE CONTRACT between training and serving: one file that holds all that an answer needs.

A bundle is a TorchScript archive (a zip file) with three extra files:

    the module        ids (T, N) int64, lengths (N,) int64 -> probabilities (N, K) float32;
                      with ids (T, 1), those of one text after each of N lengths
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
import logging
import math
import os
import re
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from service.archive import (
    ADVICE,
    FORMAT_VERSION,
    GOLDEN,
    METADATA,
    TOKENIZER,
    Golden,
    Metadata,
    read_file,
    read_parts,
)
from service.errors import BundleError
from service.layout import has_bfloat16, pack, to_bfloat16, unpacked
from service.padding import Shapes
from service.tokenizer import Tokenizer

__all__ = [
    "FORMAT_VERSION",
    "Bundle",
    "BundleError",
    "Encoding",
    "Golden",
    "Metadata",
    "has_bfloat16",
    "load_bundle",
    "load_bytes",
    "save_bundle",
    "script",
    "write_atomically",
]

log = logging.getLogger(__name__)

# oneDNN keeps what it made ready for a shape of batch, by default for 1,024 of them, of which
# service/padding.py asks for some 170 a network; what a text is read as it goes on comes to more.
# With fewer kept than are in use, each pass of a shape that was dropped makes it again, and memory
# grows for hours, since what is freed lies scattered. Read at the first pass:
# https://uxlfoundation.github.io/oneDNN/dev_guide_primitive_cache.html
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "512")

# How far a golden answer may be off. Another CPU adds up in another order (about 1e-7 a product);
# a GPU adds more. A wrong weight, label or tokenizer is off by far more than either.
GOLDEN_TOLERANCE = {"cpu": 1e-4, "cuda": 1e-3}
# Just written, on the machine that gave the golden answers.
WRITTEN_TOLERANCE = 1e-5
# In bfloat16, which has three digits: how far an answer may be off, and how far it may move with
# what else is in its batch.
BFLOAT16_TOLERANCE = 0.02
BATCH_TOLERANCE = 1e-5


class Encoding(NamedTuple):
    """A text as the network reads it."""

    ids: list[int]  # at most max_tokens; empty for a blank text
    truncated: bool
    known: float = 1.0  # share of its characters that stand in a subword of the vocabulary, 0 to 1


@dataclass(frozen=True)
class Bundle:
    """A network that is ready to answer, with all that belongs to it."""

    metadata: Metadata
    tokenizer: Tokenizer
    module: torch.jit.ScriptModule
    golden: tuple[Golden, ...] = ()
    device: torch.device = torch.device("cpu")
    precision: str = "float32"  # or "bfloat16": of the recurrent layers' products
    shapes: Shapes = field(default_factory=Shapes, repr=False, compare=False)

    def encode(self, text: str) -> Encoding:
        ids = self.tokenizer.encode(text)
        limit = self.metadata.max_tokens
        known = self._known(text, limit) if self.metadata.unk_id in ids else float(bool(ids))
        return Encoding(ids[:limit], len(ids) > limit, known)

    def _known(self, text: str, limit: int) -> float:
        """How much of what is read the vocabulary has; blanks do not count."""
        lengths = [
            (token.id, len("".join(text[token.start : token.end].split())))
            for token in self.tokenizer.tokens(text, limit)
        ]
        known = sum(length for id_, length in lengths if id_ != self.metadata.unk_id)
        return known / max(1, sum(length for _, length in lengths))

    def probabilities(self, sequences: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        """One forward pass over N texts.

        Args:
            sequences: N lists of token ids, each at least one id long. `service/padding.py` says
                how many more texts and tokens the network sees, which fill them up.

        Returns:
            (N, K) float32; each row adds up to 1, and does not depend on the other rows.
        """
        tokens = list(map(len, sequences))
        texts = len(tokens)
        size = self.shapes.of(texts, max(tokens))  # rows are filled as they lie, seen as (T, N)
        lengths = np.ones(size[0], dtype=np.int64)  # texts that fill up have one token
        lengths[:texts] = tokens
        ids = np.full(size, self.metadata.pad_id, dtype=np.int64)
        for row, sequence in zip(ids[:texts], sequences, strict=True):
            row[: len(sequence)] = sequence
        with torch.inference_mode():
            answer = self._forward(
                torch.from_numpy(ids).t().to(self.device), torch.from_numpy(lengths).to(self.device)
            )
        result: npt.NDArray[np.float32] = answer[:texts].cpu().numpy()
        return result

    @cached_property
    def _forward(self) -> Any:
        """The module's: for `self.module(...)` it is looked up by its name each time."""
        return self.module.forward

    def running_probabilities(
        self, ids: Sequence[int], begin: int, end: int
    ) -> npt.NDArray[np.float32]:
        """One text as it is read: the network many-to-many.

        Args:
            ids: of the text.
            begin: the first token of interest, 0 to T - 1.
            end: the one behind the last.

        Returns:
            (end - begin, K) float32: what `probabilities` answers to the first `begin + 1` ids, to
            the first `begin + 2`, and so on.
        """
        text = torch.tensor(ids[:end]).unsqueeze(1)  # (T, 1)
        lengths = torch.arange(begin + 1, end + 1)
        if self.metadata.format_version == 1:
            text = text.expand(-1, len(lengths))  # (T, N)
        with torch.inference_mode():
            answer = self._forward(text.to(self.device), lengths.to(self.device))
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
    # To a buffer, not to a path: torch writes the name of the file into the archive.
    first, buffer = io.BytesIO(), io.BytesIO()
    with unpacked(bundle.module):
        torch.jit.save(bundle.module, first)
    # It also shows in the bytes which tensors Python has looked at. At these nobody has.
    untouched = torch.jit.load(io.BytesIO(first.getvalue()))
    torch.jit.save(
        untouched,
        buffer,
        _extra_files={
            TOKENIZER: bundle.tokenizer.model,
            METADATA: _to_json(asdict(bundle.metadata)),
            GOLDEN: _to_json([asdict(golden) for golden in bundle.golden]),
        },
    )
    data = _reproducible(buffer.getvalue())
    _load(data, path, torch.device("cpu"), WRITTEN_TOLERANCE)
    write_atomically(path, data)


def load_bundle(
    path: Path, device: torch.device | str = "cpu", precision: str = "float32"
) -> Bundle:
    """Read a bundle and replay its golden answers.

    Args:
        precision: "float32", in which it was trained and measured, or "auto": its recurrent layers
            multiply in bfloat16 where the processor does so itself, in half the time; answers are
            then off in the third digit.

    Raises:
        BundleError: the file is missing, damaged, foreign, of an unknown format, or its answers
            are not those it had in training.
    """
    return load_bytes(read_file(path), path, torch.device(device), precision)


def load_bytes(data: bytes, path: Path, device: torch.device, precision: str = "float32") -> Bundle:
    """`load_bundle` of a file that has been read already.

    Args:
        data: the whole file.
        path: where it came from, for the message.
        precision: as in `load_bundle`.

    Raises:
        BundleError: as in `load_bundle`.
    """
    return _load(data, path, device, GOLDEN_TOLERANCE[device.type], precision)


def _load(
    data: bytes, path: Path, device: torch.device, tolerance: float, precision: str = "float32"
) -> Bundle:
    parts = read_parts(data, path)
    metadata = parts.metadata
    try:
        tokenizer = Tokenizer(parts.tokenizer)
    except ValueError as error:
        raise BundleError(f"{path}: {TOKENIZER} is damaged ({error}). {ADVICE}") from error
    try:
        module = torch.jit.load(io.BytesIO(data), map_location=device).eval()
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise BundleError(
            f"{path}: torch {torch.__version__} cannot read the network, which torch "
            f"{metadata.torch_version} wrote ({reason}). {ADVICE}"
        ) from error
    if device.type == "cuda":
        # TF32 keeps 10 bits: answers would differ from the CPU's in the third digit.
        torch.backends.cudnn.allow_tf32 = False
    else:
        pack(module)
    bundle = Bundle(metadata, tokenizer, module, parts.golden, device)
    _replay(bundle, path, tolerance)
    if precision == "auto" and device.type == "cpu" and has_bfloat16():
        return _in_bfloat16(bundle)
    return bundle


def _in_bfloat16(bundle: Bundle) -> Bundle:
    """The bundle with its recurrent layers in bfloat16, if an answer then stays near the golden one
    and does not depend on what else is in its batch. It is for the processor to choose in which
    order it adds up, so both are tried."""
    if not to_bfloat16(bundle.module):
        return bundle
    try:
        off, moved = _tried(bundle)
    except RuntimeError as error:  # torch cannot after all; it does in float32
        off = moved = math.inf
        log.debug("%s: bfloat16 fails", bundle.metadata.name, exc_info=error)
    if off <= BFLOAT16_TOLERANCE and moved <= BATCH_TOLERANCE:
        return replace(bundle, precision="bfloat16")
    log.warning(
        "%s: computes in float32: in bfloat16 its answers are off by %.1e on this processor, and "
        "move with their batch by %.1e. PRECISION=float32 leaves the trial out.",
        bundle.metadata.name,
        off,
        moved,
    )
    pack(bundle.module)
    return bundle


def _tried(bundle: Bundle) -> tuple[float, float]:
    """How far answers are off the golden ones, and how far they move with their batch."""
    texts = [golden.ids for golden in bundle.golden]
    alone = np.concatenate([bundle.probabilities([ids]) for ids in texts])  # (N, K)
    together = [bundle.probabilities(texts * times)[: len(texts)] for times in (1, 3, 8)]
    off = np.abs(alone - [golden.probabilities for golden in bundle.golden]).max()
    return float(off), float(max(np.abs(rows - alone).max() for rows in together))


def _replay(bundle: Bundle, path: Path, tolerance: float) -> None:
    for golden in bundle.golden:
        ids = bundle.encode(golden.text).ids
        if tuple(ids) != golden.ids:
            raise BundleError(
                f"{path}: the tokenizer reads {golden.text!r} as {ids}, in training it was "
                f"{list(golden.ids)}: another version of sentencepiece, or a file put together "
                f"from two. {ADVICE}"
            )
        try:
            found = bundle.probabilities([ids])[0]
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise BundleError(
                f"{path}: the network fails at {golden.text!r} ({reason}). {ADVICE}"
            ) from error
        expected = np.asarray(golden.probabilities, dtype=np.float32)
        if found.shape != expected.shape or len(found) != len(bundle.metadata.labels):
            raise BundleError(
                f"{path}: the network has {len(found)} outputs for {len(bundle.metadata.labels)} "
                f"labels. {ADVICE}"
            )
        # Written so that a NaN fails too.
        if not np.abs(found - expected).max() <= tolerance:
            raise BundleError(
                f"{path}: the golden answer to {golden.text!r} is off: expected "
                f"{expected.round(4).tolist()}, found {found.round(4).tolist()} on "
                f"{bundle.device} with torch {torch.__version__}. {ADVICE}"
            )


def _to_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode()


def _reproducible(data: bytes) -> bytes:
    """The archive less what differs from one machine or process to the next.

    - Debug records hold paths of the machine it was made on. They only serve to print Python
      source lines in a traceback; torch reads the rest without them.
    - Each class lists its constants in the order of a set of names, which Python draws anew for
      each process.
    - The serialisation id is a digest over all that.
    """
    plain = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as full, zipfile.ZipFile(plain, "w") as archive:
        for record in full.infolist():
            name, content = record.filename, full.read(record)
            if name.endswith((".debug_pkl", "/.data/serialization_id")):
                continue
            if name.endswith(".py"):
                content = _CONSTANTS.sub(_sorted_lines, content)
            archive.writestr(zipfile.ZipInfo(name), content)  # a fresh entry has a fixed date
    return plain.getvalue()


# Lines of a class such as `  hidden_size : Final[int] = 128`, one below the other.
_CONSTANTS = re.compile(rb"(?:^  \w+ : Final\[.*\n)+", re.MULTILINE)


def _sorted_lines(lines: re.Match[bytes]) -> bytes:
    return b"".join(sorted(lines[0].splitlines(keepends=True)))


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
