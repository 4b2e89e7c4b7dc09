from __future__ import annotations

import gzip
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from made_mirror import tar_gz, zipped

from training.datasets.archives import gzip_content, tar_members, zip_member
from training.errors import DataError

# Random enough not to be packed away: a cut in the middle must fall into a member.
NOISE = "\n".join(f"{n * 7919 % 10007:x} {n * 104729 % 65537:x}" for n in range(20_000)).encode()


def everything(path: Path) -> dict[str, bytes]:
    return dict(tar_members(path, lambda name: True))


READERS: dict[str, Callable[[Path], object]] = {
    "tar.gz": everything,
    "zip": lambda path: zip_member(path, "a"),
    "gz": gzip_content,
}


@pytest.fixture
def archives(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "x.gz").write_bytes(gzip.compress(NOISE))
    return {
        "tar.gz": tar_gz(tmp_path / "x.tar.gz", {"a": NOISE, "b": b"last"}),
        "zip": zipped(tmp_path / "x.zip", {"a": NOISE}),
        "gz": tmp_path / "x.gz",
    }


kinds = pytest.mark.parametrize("kind", READERS)


def test_only_the_wanted_members_of_a_tar_come_out(archives: dict[str, Path]) -> None:
    assert dict(tar_members(archives["tar.gz"], {"b"}.__contains__)) == {"b": b"last"}


def test_the_content_comes_out_as_it_went_in(archives: dict[str, Path]) -> None:
    assert everything(archives["tar.gz"]) == {"a": NOISE, "b": b"last"}
    assert zip_member(archives["zip"], "a") == NOISE
    assert gzip_content(archives["gz"]) == NOISE


@kinds
@pytest.mark.parametrize("share", [0.0, 0.5, 0.999], ids=["empty", "half", "without its end"])
def test_a_truncated_archive_is_named_with_what_to_do(
    archives: dict[str, Path], kind: str, share: float
) -> None:
    path = archives[kind]
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r"x\.(tar\.gz|zip|gz): .*Delete the file"):
        READERS[kind](path)


@kinds
def test_a_damaged_archive_is_named_with_what_to_do(archives: dict[str, Path], kind: str) -> None:
    content = bytearray(archives[kind].read_bytes())
    for place in range(len(content) // 2, len(content) // 2 + 50):
        content[place] ^= 0xFF
    archives[kind].write_bytes(content)
    with pytest.raises(DataError, match="truncated or damaged"):
        READERS[kind](archives[kind])


def test_a_false_checksum_behind_the_last_member_is_noticed(archives: dict[str, Path]) -> None:
    path = archives["tar.gz"]
    content = bytearray(path.read_bytes())
    content[-8] ^= 0xFF  # the first byte of the CRC
    path.write_bytes(content)
    with pytest.raises(DataError, match="CRC"):
        everything(path)


@kinds
def test_something_else_than_an_archive_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"<html>please log in</html>" * 100)
    with pytest.raises(DataError, match="truncated or damaged"):
        READERS[kind](path)


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda a: dict(tar_members(a["tar.gz"], str.isdigit, limit=999)), id="tar.gz"),
        pytest.param(lambda a: zip_member(a["zip"], "a", limit=999), id="zip"),
        pytest.param(lambda a: gzip_content(a["gz"], limit=999), id="gz"),
    ],
)
def test_what_unpacks_to_too_much_is_refused(
    archives: dict[str, Path], read: Callable[[dict[str, Path]], object]
) -> None:
    with pytest.raises(DataError, match="unpacks to more than 999 bytes"):
        read(archives)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE], ids=["link", "hard link", "device"]
)
def test_a_wanted_member_that_is_no_plain_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("a")
    member.type, member.linkname = kind, "/etc/hostname"
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        archive.addfile(member)
    with pytest.raises(DataError, match="'a' is a link or a device"):
        everything(tmp_path / "x.tar.gz")


def test_a_member_that_a_zip_lacks_is_named(archives: dict[str, Path]) -> None:
    with pytest.raises(DataError, match=r"x\.zip: it has no member 'b'"):
        zip_member(archives["zip"], "b")
