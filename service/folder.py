"""The folder of the bundles: what is read of it, and how a change is seen."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from service.archive import find_bundles, read_file
from service.bundle import Bundle, load_bytes
from service.errors import BundleError, SettingsError
from service.rollback import previous_of

log = logging.getLogger(__name__)

# Of a file's state: times of its content and of its entry in ns, size in bytes, inode. `cp` changes
# one of them and `mv` another; what changes none has the same content.
Stamp = tuple[int, int, int, int]


@dataclass(frozen=True)
class File:
    """A bundle, and the file that it was read from."""

    path: Path
    stamp: Stamp
    data: bytes  # kept, for when the file is written over and its bytes are nowhere else
    bundle: Bundle


def load_folder(folder: Path, device: str, precision: str = "auto") -> list[File]:
    """Load every `*.pt` of a folder.

    Raises:
        BundleError: the folder has none, or one of them cannot be used.
        SettingsError: the machine has no such device.
    """
    where = torch_device(device)
    return [_logged(load_file(path, where, precision)) for path in find_bundles(folder)]


def load_what_is_good(
    folder: Path, device: str, default: str, began_with: Mapping[str, str], precision: str = "auto"
) -> list[File]:
    """`load_folder` for a worker that takes the place of one that died.

    A bad file came while the service ran, and the other workers serve what was there before: so
    does this one, from the previous file, if there is one. A bad file that came anew is left out.

    Args:
        default: the name of the bundle for texts that go to no other, as in `Shelf`.
        began_with: what was there as the service began: names of bundles by names of files.

    Raises:
        BundleError: the folder has no bundle at all, or one of those cannot be had that the others
            still serve: texts would be answered by another one here.
        SettingsError: the machine has no such device.
    """
    where = torch_device(device)
    found: dict[str, File] = {}
    bad: set[str] = set()
    for path in find_bundles(folder):
        file = _first_good(path, where, precision)
        if file is None:
            bad.add(path.name)
        else:
            found.setdefault(file.bundle.metadata.name, _logged(file))
    names = began_with.values()
    kept = default if default in names else min(names, default=default)
    for file_name, name in began_with.items():
        # Of those whose file is gone, the others go on with the default one alone.
        if name not in found and (file_name in bad or name == kept):
            raise BundleError(
                f"{folder / file_name}: not usable, or gone, and the other workers serve the "
                f"bundle {name!r} from it. Put a good file there."
            )
    return list(found.values())


def load_file(path: Path, device: torch.device, precision: str = "auto") -> File:
    """
    Raises:
        BundleError: it cannot be read, or not be used.
    """
    stamp = stamp_of(
        path
    )  # before its content: of a change in between, the next look finds another
    data = read_file(path)
    return File(path, stamp, data, load_bytes(data, path, device, precision))


def stamp_of(path: Path) -> Stamp:
    """
    Raises:
        BundleError: the file is not there.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}).") from error
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _first_good(path: Path, device: torch.device, precision: str) -> File | None:
    for source in (path, previous_of(path)):
        try:
            return replace(load_file(source, device, precision), path=path)
        except BundleError as error:
            log.error("%s", error)
        except Exception:  # one file must not keep others, nor gunicorn, from going on
            log.exception("%s: loading it failed; please report this", source)
    return None


def _logged(file: File) -> File:
    metadata = file.bundle.metadata
    log.info(
        "loaded %s version %s (%s) from %s on %s in %s",
        metadata.name,
        metadata.version,
        metadata.language,
        file.path,
        file.bundle.device,
        file.bundle.precision,
    )
    return file


def torch_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise SettingsError(
            "DEVICE",
            name,
            f"one of the {torch.cuda.device_count()} GPUs that PyTorch {torch.__version__} sees; "
            "cpu works everywhere",
        )
    return device
