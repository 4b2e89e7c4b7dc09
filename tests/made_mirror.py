"""Files with the inner layout of the published ones, and the sums of a mirror that holds them."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path


def tar_gz(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def add_sums(mirror: Path) -> None:
    """Write `SHA256SUMS` for all files of the folder; an older one is replaced."""
    files = [path for path in sorted(mirror.iterdir()) if path.name != "SHA256SUMS"]
    (mirror / "SHA256SUMS").write_text("".join(f"{sha256(path)}  {path.name}\n" for path in files))
