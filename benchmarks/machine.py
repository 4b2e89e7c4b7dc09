"""What a figure was measured on: without it, a time says nothing."""

from __future__ import annotations

import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from service.settings import usable_cores
from training.export import git_commit

PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "sentencepiece",
    "onnxruntime",
    "fasttext-numpy2",
    "vaderSentiment",
    "textblob",
)


def described() -> dict[str, Any]:
    """Processor, cores, versions and commit; None for a package that is not installed."""
    return {
        "processor": _processor(),
        "cores": usable_cores(),
        "python": platform.python_version(),
        "packages": {package: _version(package) for package in PACKAGES},
        "commit": git_commit(),
    }


def _processor() -> str:
    try:
        name = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        name = None
    return name[1] if name else platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
