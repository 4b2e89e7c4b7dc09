"""The folder of the workers' metrics: empty at the start, gone at the end of the right process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from service.errors import SettingsError, StartError
from service.metrics_folder import prepared

ROOT = Path(__file__).parent.parent

MASTER = """
import os, sys
from service.metrics_folder import prepared

folder = prepared(None, sys.argv[1])
(folder / "counter_1.db").touch()
if os.fork() == 0:
    sys.exit()  # with all exit handlers, as a worker does
os.wait()
print(folder, folder.is_dir())
"""


def test_a_private_folder_goes_with_the_process_that_made_it_and_not_with_its_workers(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MASTER, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    folder, was_there = done.stdout.split()
    assert was_there == "True"
    assert Path(folder).parent == tmp_path
    assert not Path(folder).exists()


def test_a_given_folder_is_made_and_only_metrics_are_wiped(tmp_path):
    folder = tmp_path / "some" / "folder"
    assert prepared(folder, None) == folder
    assert folder.is_dir()
    for name in ("counter_1.db", "gauge_livesum_7.db", "notes.txt"):
        (folder / name).touch()
    assert prepared(folder, None) == folder
    assert [file.name for file in folder.iterdir()] == ["notes.txt"]


def test_a_folder_that_cannot_be_is_refused_by_name(tmp_path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SettingsError) as refused:
        prepared(file / "folder", None)
    assert f"PROMETHEUS_MULTIPROC_DIR='{file / 'folder'}'" in str(refused.value)
    assert "Not a directory" in str(refused.value)


def test_no_place_for_a_private_folder_stops_the_start(tmp_path):
    with pytest.raises(StartError, match="PROMETHEUS_MULTIPROC_DIR"):
        prepared(None, str(tmp_path / "none"))
