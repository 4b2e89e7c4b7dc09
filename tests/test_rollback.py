"""The previous file of a bundle, and the command that brings it back."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service.__main__ import main
from service.bundle import save_bundle
from service.errors import BundleError
from service.rollback import keep_previous, previous_of, rollback

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def made(make_tiny_bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    save_bundle(folder / "new.pt", make_tiny_bundle("shop", seed=1))
    save_bundle(folder / "old.pt", make_tiny_bundle("shop", seed=2))
    return folder


@pytest.fixture
def folder(made, tmp_path):
    shutil.copy(made / "new.pt", tmp_path / "shop.pt")
    shutil.copy(made / "old.pt", tmp_path / "shop.pt.previous")
    return tmp_path


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_rollback_exchanges_the_two_files_and_leaves_nothing_else(folder, made):
    done = rollback(folder, "shop")
    assert contents(folder) == {
        "shop.pt": (made / "old.pt").read_bytes(),
        "shop.pt.previous": (made / "new.pt").read_bytes(),
    }
    assert (done.path, done.metadata.name) == (folder / "shop.pt", "shop")


def test_a_rollback_is_undone_by_another(folder):
    before = contents(folder)
    rollback(folder, "shop")
    assert contents(folder) != before
    rollback(folder, "shop")
    assert contents(folder) == before


def test_a_rollback_takes_the_place_of_a_bad_file(folder, made):
    (folder / "shop.pt").write_bytes(b"no bundle")
    rollback(folder, "shop")
    assert (folder / "shop.pt").read_bytes() == (made / "old.pt").read_bytes()
    assert previous_of(folder / "shop.pt").read_bytes() == b"no bundle"


def test_a_rollback_brings_a_file_back_that_is_gone(folder, made):
    (folder / "shop.pt").unlink()
    done = rollback(folder, "shop")
    assert contents(folder) == {"shop.pt": (made / "old.pt").read_bytes()}
    assert done.kept is None


def test_the_bundle_s_name_counts_as_well_as_the_file_s(folder):
    for name in ("shop.pt", "shop.pt.previous"):
        (folder / name).rename(folder / name.replace("shop", "laden"))
    assert rollback(folder, "shop").path == folder / "laden.pt"
    assert rollback(folder, "laden").path == folder / "laden.pt"


def test_a_previous_file_that_is_bad_is_refused_and_nothing_moved(folder):
    previous_of(folder / "shop.pt").write_bytes(b"no bundle")
    before = contents(folder)
    with pytest.raises(BundleError, match=r"shop\.pt\.previous: not a bundle"):
        rollback(folder, "shop")
    assert contents(folder) == before


def test_a_name_without_a_previous_file_is_answered_with_those_there_are(folder):
    with pytest.raises(BundleError, match=r"no previous file of 'reviews-en' .* there are: shop"):
        rollback(folder, "reviews-en")


def test_a_folder_that_may_not_be_written_is_told(folder):
    (folder / "shop.pt").unlink()
    (folder / "shop.pt").mkdir()  # even root cannot put a file there
    with pytest.raises(BundleError, match="cannot be written"):
        rollback(folder, "shop")
    assert previous_of(folder / "shop.pt").exists()


def test_the_first_of_several_workers_decides_what_is_kept(folder):
    previous_of(folder / "shop.pt").unlink()
    keep_previous(folder / "shop.pt", b"served last")
    keep_previous(folder / "shop.pt", b"served long ago")
    assert previous_of(folder / "shop.pt").read_bytes() == b"served last"


def test_the_command_says_what_it_did_and_what_is_left_to_do(folder, capsys):
    assert main(["rollback", "shop", "--models", str(folder)]) == 0
    said = capsys.readouterr().out
    for part in ("shop.pt is shop version 1 again", "kept as", "MODELS_WATCH", "SIGHUP"):
        assert part in said


def test_the_command_fails_with_one_line_and_no_traceback(tmp_path):
    command = [sys.executable, "-m", "service", "rollback", "shop"]
    done = subprocess.run(
        command, cwd=ROOT, env={"MODELS_DIR": str(tmp_path)}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {tmp_path}: no previous file of 'shop'")
    assert done.stderr.count("\n") == 1
