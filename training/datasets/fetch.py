"""From a public address, or from a mirror folder, to a checked file on this disk."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, NoReturn
from urllib.parse import urlsplit

import requests
import urllib3
from tqdm import tqdm

from training.errors import DataError

logger = logging.getLogger(__name__)

Digest = tuple[Literal["md5", "sha256", "git-blob-sha1"], str]

_BLOCK = 64 * 1024


@dataclass(frozen=True)
class RemoteFile:
    """One file of a data set. `digest` is (kind, hexadecimal), None where none is published."""

    url: str | None
    digest: Digest | None = None
    # For a file without an address, which only a mirror or a person can provide.
    local_name: str = ""

    @property
    def name(self) -> str:
        """The base name: `https://host/a/b.zip` -> `b.zip`."""
        return self.local_name or PurePosixPath(urlsplit(self.url or "").path).name


@dataclass(frozen=True)
class Patience:
    """How long a download is tried. Without any network it ends after some 30 seconds."""

    connect_s: float = 4.0  # for each address of the host, and a host has up to four
    read_s: float = 10.0  # between two packets
    attempts: int = 5
    pause_s: float = 0.5  # after the first attempt, doubled after each further one
    give_up_s: float = 12.0  # no new attempt begins when the last byte came longer ago than this


@dataclass(frozen=True)
class Store:
    """Where files come from: `mirror` alone if it is set, otherwise `cache` and the network."""

    cache: Path
    mirror: Path | None = None
    patience: Patience = Patience()

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Store:
        """Reads MANYTONE_CACHE (default ~/.cache/manytone) and DATASET_MIRROR (default none)."""
        cache = environ.get("MANYTONE_CACHE") or "~/.cache/manytone"
        mirror = environ.get("DATASET_MIRROR")
        return cls(Path(cache).expanduser(), Path(mirror).expanduser() if mirror else None)

    def holds(self, file: RemoteFile) -> bool:
        """Whether the file is here already; it is not checked."""
        return ((self.mirror or self.cache) / file.name).is_file()

    def get(self, file: RemoteFile) -> Path:
        """The path of the file, checked against its digest; `DataError` if it cannot be had."""
        try:
            if self.mirror is not None:
                return _from_mirror(self.mirror, file.name)
            return _from_cache(self.cache / file.name, file, self.patience)
        except OSError as error:
            raise DataError(
                f"cannot use {self.mirror or self.cache}: {error}. MANYTONE_CACHE=DIR names a "
                "folder to keep data sets in, DATASET_MIRROR=DIR one that already has them."
            ) from error


def digest_of(path: Path, kind: str) -> str:
    """The digest of a file in lower-case hexadecimal; `kind` is one of those in `Digest`."""
    if kind == "git-blob-sha1":
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    else:
        digest = hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1024 * 1024):
            digest.update(block)
    return digest.hexdigest()


# --- mirror ---------------------------------------------------------------------------------


def _from_mirror(mirror: Path, name: str) -> Path:
    # A mirror was asked for by name: going to the network behind it would hide what is wrong.
    if not mirror.is_dir():
        raise DataError(
            f"DATASET_MIRROR={mirror} is not a folder. Correct it, or unset it to download."
        )
    path = mirror / name
    if not path.is_file():
        raise DataError(
            f"{path}: no such file. Put {name} into the mirror, or unset DATASET_MIRROR to "
            "download it."
        )
    expected = _mirror_sums(mirror).get(name)
    if expected is None:
        raise DataError(
            f"{mirror / 'SHA256SUMS'}: no line for {name}. Add one (`sha256sum {name} >> "
            "SHA256SUMS`) if you trust the file."
        )
    found = digest_of(path, "sha256")
    if found != expected:
        raise DataError(
            f"{path}: SHA-256 is {found}, SHA256SUMS says {expected}. Copy the file again."
        )
    return path


def _mirror_sums(mirror: Path) -> dict[str, str]:
    """What `sha256sum` wrote: a digest, a blank, ` ` or `*`, and a name on each line."""
    path = mirror / "SHA256SUMS"
    if not path.is_file():
        raise DataError(
            f"{path}: no such file, so nothing in the mirror can be checked. Write it with "
            "`sha256sum * > SHA256SUMS`."
        )
    lines = re.findall(
        r"^([0-9a-fA-F]{64}) [ *](?:\./)?(.+?)\r?$", path.read_text("utf-8"), re.MULTILINE
    )
    return {name: digest.lower() for digest, name in lines}


# --- cache ----------------------------------------------------------------------------------


def _from_cache(path: Path, file: RemoteFile, patience: Patience) -> Path:
    if _is_sound(path, file):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        if _is_sound(path, file):  # another process has fetched it while this one waited
            return path
        if path.exists():
            logger.warning("%s does not have the digest it should have: fetching it again", path)
        _download(file, path, patience)
    return path


def _is_sound(path: Path, file: RemoteFile) -> bool:
    if not path.is_file():
        return False
    expected = file.digest or _recorded(path)
    if expected is None:  # put here by hand, and nobody has published what it should be
        _record(path, digest_of(path, "sha256"))
        return True
    return digest_of(path, expected[0]) == expected[1]


def _recorded(path: Path) -> Digest | None:
    """The digest from the first time, for a file whose publisher states none."""
    record = _beside(path, ".sha256")
    if not record.is_file():
        return None
    return "sha256", record.read_text("utf-8").partition(" ")[0]


def _record(path: Path, digest: str) -> None:
    draft = _beside(path, f".sha256.{os.getpid()}")
    draft.write_text(f"{digest}  {path.name}\n", "utf-8")
    draft.replace(_beside(path, ".sha256"))


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time writes `path`; the kernel drops the lock of one that dies."""
    with _beside(path, ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("waiting for another process that is fetching %s", path.name)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield  # the lock file stays: removing it would let a third process lock another one


# --- network --------------------------------------------------------------------------------


def _download(file: RemoteFile, path: Path, patience: Patience) -> None:
    """Leaves the checked file at `path`, or the bytes so far in `path`.part and an error."""
    if file.url is None:
        raise DataError(
            f"{path}: missing, or not what it was when it was first read, and it has no public "
            "address. Copy it there by hand, or set DATASET_MIRROR=DIR to a folder that holds it; "
            f"if it is there and the right one, delete {path.name}.sha256 beside it."
        )
    part = _beside(path, ".part")
    expected = file.digest or _recorded(path)
    begun_earlier = part.exists()
    _complete(file.url, part, patience)
    if begun_earlier and not _matches(part, expected):
        # The beginning may be of another version, or of a crash: once more, from the first byte.
        part.unlink()
        _complete(file.url, part, patience)
    if not _matches(part, expected):
        _refuse(file.url, part, expected)
    if expected is None:
        _record(path, digest_of(part, "sha256"))
    _move_durably(part, path)


def _matches(part: Path, expected: Digest | None) -> bool:
    return expected is None or digest_of(part, expected[0]) == expected[1]


def _refuse(url: str, part: Path, expected: Digest | None) -> NoReturn:
    kind, digest = expected or ("sha256", "")
    found, size = digest_of(part, kind), part.stat().st_size
    part.unlink()
    name = part.name.removesuffix(".part")
    raise DataError(
        f"{url}: {size:,} bytes with {kind} {found}, expected {digest}. Either something on the "
        "way answered in its place (a proxy, a login page) or the file was replaced. Try again, "
        f"or put the right {name} into {part.parent} by hand; for a file without a published "
        f"digest, delete {name}.sha256 there to trust the new one."
    )


def _move_durably(part: Path, path: Path) -> None:
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _complete(url: str, part: Path, patience: Patience) -> None:
    """Downloads what `part` still lacks; several attempts, each goes on where the last ended."""
    last_byte = time.monotonic()
    pause_s = patience.pause_s
    for attempt in range(1, patience.attempts + 1):
        size = _size(part)
        try:
            return _attempt(url, part, patience)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if _size(part) > size:
                last_byte = time.monotonic()
            waited_s = time.monotonic() - last_byte
            if attempt == patience.attempts or waited_s > patience.give_up_s:
                raise DataError(_unreachable(url, part, _reason(error))) from error
            logger.info("%s: %s; trying again in %.1f s", url, _reason(error), pause_s)
            time.sleep(pause_s)
            pause_s *= 2
    raise AssertionError("patience.attempts must be at least 1")


def _attempt(url: str, part: Path, patience: Patience) -> None:
    """One request. Raises what requests and urllib3 raise if another one may do better."""
    size = _size(part)
    # The digest is of the bytes as they are kept on the server, so none of HTTP's own packing.
    headers = {"Accept-Encoding": "identity"}
    if size:
        headers["Range"] = f"bytes={size}-"
    timeout = (patience.connect_s, patience.read_s)
    with requests.get(url, headers=headers, stream=True, timeout=timeout) as answer:
        if answer.status_code == 416 and size:
            return _end_of_range(answer, part, size)
        if 400 <= answer.status_code < 500 and answer.status_code not in (408, 429):
            reason = f"the server answers {answer.status_code} {answer.reason}"
            raise DataError(_unreachable(url, part, reason))
        answer.raise_for_status()
        begin, total = _extent(answer, part, size)
        _write(answer, part, begin, total)
    if total is not None and _size(part) != total:
        raise requests.ConnectionError(f"ended after {_size(part):,} of {total:,} bytes")
    return None


def _end_of_range(answer: requests.Response, part: Path, size: int) -> None:
    """416: there is nothing from `size` on. Right if all is here, else `part` is of no use."""
    if answer.headers.get("Content-Range") != f"bytes */{size}":
        part.unlink()
        raise requests.ConnectionError(f"the server cannot go on from byte {size:,}")


def _extent(answer: requests.Response, part: Path, size: int) -> tuple[int, int | None]:
    """Where the body begins in the file, and the file's size in bytes if the server says so."""
    if answer.status_code != 206:  # 200: a server that does not know ranges sends it all
        length = answer.headers.get("Content-Length", "")
        return 0, int(length) if length.isdigit() else None
    extent = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
    if extent is None or int(extent[1]) != size:
        part.unlink()
        raise requests.ConnectionError(f"asked for the bytes from {size:,} on and got others")
    return size, None if extent[2] == "*" else int(extent[2])


def _write(answer: requests.Response, part: Path, begin: int, total: int | None) -> None:
    name = part.name.removesuffix(".part")
    bar = tqdm(
        total=total, initial=begin, desc=name, unit="B", unit_scale=True, disable=None, leave=False
    )
    with part.open("ab" if begin else "wb") as file, bar:
        for block in answer.raw.stream(_BLOCK, decode_content=False):
            file.write(block)
            bar.update(len(block))


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _unreachable(url: str, part: Path, reason: str) -> str:
    name = part.name.removesuffix(".part")
    return (
        f"cannot download {url}: {reason}. Check the network and run again; or set "
        f"DATASET_MIRROR=DIR to a folder that holds {name}; or put {name} into {part.parent} "
        "by hand."
    )


def _reason(error: BaseException) -> str:
    """The innermost error: requests wraps urllib3's, which wraps the one that says something."""
    inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
    return _reason(inner) if isinstance(inner, BaseException) else str(error)
