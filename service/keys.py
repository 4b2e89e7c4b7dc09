"""API keys: who may ask, by name.

`API_KEYS_FILE` names a file, such as a secret of Docker or Kubernetes, with one key in each line;
`API_KEYS` holds the same with commas between them:

    # a name, a colon or spaces, and the key, or its SHA-256 so that the file betrays nothing
    shop: 0f8fad5bd9cb469fa165708c8a3bfa9e
    nightly sha256:92f820f755170158113c0ccb1015d8ba9e4ba210b1942f55d2894121a776dd60

Keys are long random words and no passwords, so a plain hash of one cannot be turned back.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from service.errors import KeysError

log = logging.getLogger(__name__)

SHORTEST, LONGEST = 16, 512  # characters of a key

# "sha256" is no name: whoever forgot the name would make the hash itself the key.
_LINE = re.compile(r"(?!sha256:)(?P<name>[A-Za-z0-9._-]{1,64})(?:\s*:\s*|\s+)(?P<key>\S+)")
_HASHED = re.compile(r"sha256:(?P<digest>[0-9a-fA-F]{64})")
# What a bearer token may be (RFC 6750): no colon, no comma, so that no line can be read two ways.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class Keys:
    """The keys that are valid now. A changed file is read again while the service runs.

    Args:
        listed: keys with commas between them.
        path: a file of keys.
        look_seconds: how often to see whether the file has changed, at most.
        same: whether two hashes are equal, in a time that does not tell.

    Raises:
        KeysError: there is no key, or one cannot be used.
    """

    def __init__(
        self,
        listed: str,
        path: Path | None = None,
        *,
        look_seconds: float = 1.0,
        same: Callable[[bytes, bytes], bool] = hmac.compare_digest,
    ) -> None:
        self._listed = listed
        self._path = path
        self._look_seconds = look_seconds
        self._same = same
        self._looking = threading.Lock()
        self._look_at = time.monotonic() + look_seconds
        self._version = _version(path)
        self._fault = ""  # of the file, as it was last told
        self._digests = self._read()

    def __len__(self) -> int:
        return len(self._digests)

    def name_of(self, key: str) -> str | None:
        """The name of a key; None if it is not valid.

        It takes as long whichever key it is, and whether or not it is one.
        """
        if self._path is not None and time.monotonic() >= self._look_at:
            self._look()
        found = None
        digest = hashlib.sha256(key.encode()).digest()
        for name, valid in self._digests.items():
            if self._same(digest, valid):
                found = name
        return found

    def _look(self) -> None:
        """Read the file again if it is another one than before; the other threads go on."""
        if not self._looking.acquire(blocking=False):
            return
        try:
            self._look_at = time.monotonic() + self._look_seconds
            version = _version(self._path)
            if version != self._version and (self._read_again() or version is None):
                self._version = version
        finally:
            self._looking.release()

    def _read_again(self) -> bool:
        """Returns whether the file was read, whatever stands in it: else it is tried again."""
        try:
            self._digests = self._read()
        except KeysError as error:
            if str(error) != self._fault:
                log.error("%s The keys from before stay valid.", error)
            self._fault = str(error)
            return not isinstance(error.__cause__, OSError)
        self._fault = ""
        log.info("API keys read again: %d valid", len(self))
        return True

    def _read(self) -> dict[str, bytes]:
        entries = list(_listed(self._listed))
        if self._path is not None:
            entries += _lines(self._path)
        return _digests(entries)


def _version(path: Path | None) -> tuple[int, ...] | None:
    """What is another one when a file was written, replaced, or made readable.

    Kubernetes replaces a secret by turning a symbolic link, which `stat` follows.
    """
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    if found is None:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _listed(text: str) -> Iterator[tuple[str, str]]:
    for number, entry in enumerate(text.split(","), start=1):
        if entry.strip():
            yield f"API_KEYS, entry {number}", entry.strip()


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    where = f"API_KEYS_FILE={path}"
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise KeysError(f"{where} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise KeysError(f"{where} is no text in UTF-8.") from error
    filled = [(number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip()]
    found = [(f"{where}, line {number}", line) for number, line in filled if line[0] != "#"]
    if not found:
        raise KeysError(f"{where} holds no key: expected a line such as NAME:KEY.")
    yield from found


def _digests(entries: Iterable[tuple[str, str]]) -> dict[str, bytes]:
    """The SHA-256 of each key, by name. Messages quote nothing: what is wrong may be a key."""
    digests: dict[str, bytes] = {}
    for where, entry in entries:
        parts = _LINE.fullmatch(entry)
        if parts is None:
            raise KeysError(
                f"{where}: expected NAME:KEY, the name of letters, digits, '.', '_' and '-'."
            )
        name, digest = parts["name"], _digest(parts["key"], where)
        if name in digests:
            raise KeysError(f"{where}: the name stands there twice; each key needs its own.")
        if digest in digests.values():
            raise KeysError(f"{where}: the key stands there twice, under two names.")
        digests[name] = digest
    if not digests:
        raise KeysError("API_KEYS holds no key: expected NAME:KEY, with commas between several.")
    return digests


def _digest(key: str, where: str) -> bytes:
    if key.startswith("sha256:"):
        hashed = _HASHED.fullmatch(key)
        if hashed is None:
            raise KeysError(f"{where}: expected 64 hexadecimal digits after sha256:.")
        return bytes.fromhex(hashed["digest"])
    if not SHORTEST <= len(key) <= LONGEST:
        raise KeysError(
            f"{where}: the key has {len(key)} characters, expected {SHORTEST} to {LONGEST}. Make "
            "one by: openssl rand -hex 32"
        )
    if _TOKEN.fullmatch(key) is None:
        raise KeysError(
            f"{where}: expected a key of letters, digits and - . _ ~ + / (and = at the end)."
        )
    return hashlib.sha256(key.encode()).digest()
