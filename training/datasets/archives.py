"""Members of archives, streamed: nothing is unpacked to disk, so no member can write anywhere.

Every function raises `DataError` for an archive that is truncated or damaged, or that unpacks to
more than `limit` bytes.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from training.errors import DataError

# Several times what the largest archive of the catalog (IMDB) holds.
UNPACKED_LIMIT = 2 * 1024**3

FETCH_AGAIN = (
    "Delete the file, and the .sha256 beside it if there is one, and run again to fetch it "
    "(into a mirror: copy it again)."
)

_BLOCK = 1024 * 1024

_DAMAGE = (
    EOFError,
    NotImplementedError,  # zipfile: a compression method or an encryption that it does not know
    OSError,
    RuntimeError,  # zipfile: a member wants a password
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


def tar_members(
    path: Path, wanted: Callable[[str], bool], *, limit: int = UNPACKED_LIMIT
) -> Iterator[tuple[str, bytes]]:
    """The wanted members of a `.tar.gz` as (name, content), in one pass, in the archive's order.

    A wanted member that is a link or a device is a `DataError`. The checksum of the whole file
    is known only once the last member is out: use no member before the iterator has ended.
    """
    with _damage_explained(path), gzip.open(path) as unpacked:
        stream = _Capped(unpacked, path, limit)
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                if member.isdir() or not wanted(member.name):
                    continue
                content = archive.extractfile(member) if member.isreg() else None
                if content is None:
                    raise DataError(_not_a_file(path, member.name))
                yield member.name, content.read()
        # tarfile stops at the first empty block; gzip compares its checksum at the very end.
        while stream.read(_BLOCK):
            pass


def zip_member(path: Path, name: str, *, limit: int = UNPACKED_LIMIT) -> bytes:
    """The content of one member of a `.zip`; a missing one is a `DataError` as well."""
    with _damage_explained(path), zipfile.ZipFile(path) as archive:
        try:
            member = archive.getinfo(name)
        except KeyError:
            raise DataError(f"{path}: it has no member {name!r}. {FETCH_AGAIN}") from None
        # zipfile never reads past the size that the directory states, so a false one cannot hurt.
        if member.file_size > limit:
            raise DataError(_too_large(path, limit))
        return archive.read(member)


def gzip_content(path: Path, *, limit: int = UNPACKED_LIMIT) -> bytes:
    """The content of a `.gz` that holds one plain file."""
    with _damage_explained(path), gzip.open(path) as unpacked:
        content = unpacked.read(limit + 1)
        if not content:  # gzip takes a file of no bytes for a whole one
            raise EOFError("it is empty")
    if len(content) > limit:
        raise DataError(_too_large(path, limit))
    return content


class _Capped(io.RawIOBase):
    """A readable stream that refuses to give more than `limit` bytes in all."""

    def __init__(self, stream: gzip.GzipFile, path: Path, limit: int) -> None:
        super().__init__()
        self._stream = stream
        self._path = path
        self._limit = limit
        self._given = 0

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self._given += len(block)
        if self._given > self._limit:
            raise DataError(_too_large(self._path, self._limit))
        return block


@contextmanager
def _damage_explained(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise DataError(
            f"{path}: cannot be read, it is truncated or damaged ({error}). {FETCH_AGAIN}"
        ) from error


def _too_large(path: Path, limit: int) -> str:
    return f"{path}: unpacks to more than {limit:,} bytes, no published file does. {FETCH_AGAIN}"


def _not_a_file(path: Path, member: str) -> str:
    return f"{path}: {member!r} is a link or a device, expected a plain file. {FETCH_AGAIN}"
