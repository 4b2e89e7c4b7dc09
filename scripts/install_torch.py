"""Installs the build of PyTorch that suits this machine, in the version that pyproject.toml names.

Run it with the Python that shall have torch:

    .venv/bin/python scripts/install_torch.py

On Linux, what the default package index holds is a build for CUDA with several GB of libraries.
That is right next to an NVIDIA driver and a waste anywhere else, so a machine without one gets the
CPU build: first from wherever pip is configured to look (a company's own index or a folder of
wheels may have it), then from PyTorch's index. Nothing here falls back to CUDA's libraries by
itself.

Three environment variables, all optional, decide otherwise:

    TORCH_BUILD   auto (the default), cpu, or cuda: the default index's build with its libraries
    TORCH_INDEX   the address of the one index to take torch from, e.g. a mirror
    TORCH_SPEC    what to hand to pip instead, e.g. the path of a wheel

Standard library only, since it runs before anything is installed.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
BUILDS = ("auto", "cpu", "cuda")

# PyTorch's index must be known to be out of reach within seconds. An index that the user configured
# or named keeps pip's own patience: a mirror may have to fetch the wheel first.
IMPATIENT = ("--retries", "1", "--timeout", "8")


class SetupError(Exception):
    """Something that the user has to decide or to repair; its text says what."""


@dataclass(frozen=True)
class Wish:
    """What the environment asks for; empty strings where it asks for nothing."""

    build: str = "auto"
    index: str = ""
    spec: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Wish:
        build = environ.get("TORCH_BUILD", "").strip() or "auto"
        if build not in BUILDS:
            raise SetupError(f"TORCH_BUILD={build!r} is none of {', '.join(BUILDS)}")
        return cls(
            build=build,
            index=environ.get("TORCH_INDEX", "").strip().rstrip("/"),
            spec=environ.get("TORCH_SPEC", "").strip(),
        )


@dataclass(frozen=True)
class Attempt:
    """One call of `pip install`."""

    where: str
    arguments: tuple[str, ...]


def wanted_version(pyproject: Path) -> str:
    """The version in the requirement `torch==VERSION` of [project.dependencies]."""
    requirements = tomllib.loads(pyproject.read_text("utf-8"))["project"]["dependencies"]
    versions = [r.partition("==")[2].strip() for r in requirements if re.match(r"torch\s*==", r)]
    if len(versions) != 1 or not versions[0]:
        raise SetupError(f"{pyproject.name} must name torch==VERSION once in its dependencies")
    return str(versions[0])


def variant_of(index: str) -> str:
    """The build an index of PyTorch's is for.

    "https://download.pytorch.org/whl/cu130" -> "cu130"; "https://mirror.example/simple" -> ""
    """
    last = urlsplit(index).path.rstrip("/").rpartition("/")[2]
    return last if re.fullmatch(r"cpu|xpu|cu\d+|rocm[\d.]+", last) else ""


def is_satisfied(installed: str | None, version: str, wish: Wish, system: str) -> bool:
    """Whether the installed build will do: its version is right and no other build is asked for."""
    if installed is None or wish.spec:
        return False
    base, _, local = installed.partition("+")
    if base != version:
        return False
    if system != "Linux":  # one build per version there, and without a "+cpu" in its name
        return True
    if wish.index:
        variant = variant_of(wish.index)
        return not variant or variant == local
    # No version on the default index has a "+": its build, which is CUDA's, has a plain one.
    return wish.build == "auto" or (wish.build == "cpu") == (local == "cpu")


def attempts(version: str, wish: Wish, system: str, *, nvidia: bool) -> list[Attempt]:
    """What to try, in this order, until one succeeds.

    torch's plain dependencies are in requirements/*.txt, so the CPU builds are asked for without
    any (--no-deps). CUDA's libraries are in no lock: those builds bring their own.
    """
    plain = f"torch=={version}"
    if wish.spec:
        return [Attempt("as TORCH_SPEC says", (wish.spec,))]
    if wish.index:
        variant = variant_of(wish.index)
        cuda = wish.build == "cuda" if not variant else variant != "cpu"
        alone = () if cuda else ("--no-deps",)
        build = f"{plain}+{variant}" if variant and system == "Linux" else plain
        return [Attempt(f"from {wish.index}", ("--index-url", wish.index, *alone, build))]
    if system != "Linux":
        return [Attempt("from the default index", ("--no-deps", plain))]
    if wish.build == "cuda" or (wish.build == "auto" and nvidia):
        return [Attempt("for CUDA, from the default index", (plain,))]
    # The "+cpu" keeps pip from a CUDA build that another configured index may have.
    cpu = ("--no-deps", f"{plain}+cpu")
    return [
        Attempt("for the CPU, from where pip is configured to look", cpu),
        Attempt(f"for the CPU, from {CPU_INDEX}", (*IMPATIENT, "--index-url", CPU_INDEX, *cpu)),
    ]


def has_nvidia_driver() -> bool:
    if Path("/proc/driver/nvidia/version").exists():
        return True
    # Windows' subsystem for Linux has the tool but not the file; some machines have just the tool.
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        return subprocess.run([tool, "-L"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def installed_version() -> str | None:
    importlib.invalidate_caches()
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return None


def pip(*arguments: str) -> str | None:
    """Runs pip, its progress in sight; returns what it complained about if it failed, else None."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    result = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    return None if result.returncode == 0 else result.stderr.strip()


def advice(version: str, complaints: list[str]) -> str:
    return "\n".join(
        [
            *complaints,
            "",
            f"torch {version} could not be installed. Set one of these and try again:",
            "  TORCH_INDEX=ADDRESS       take it from that index, e.g. a mirror of",
            f"                            {CPU_INDEX}",
            "  TORCH_SPEC=PATH           install this wheel of it",
            "  TORCH_BUILD=cuda          accept the default index's build; on Linux that is",
            "                            CUDA's, with several GB of libraries",
        ]
    )


def main() -> int:
    try:
        version = wanted_version(PYPROJECT)
        wish = Wish.from_environment(os.environ)
    except SetupError as error:
        print(f"install_torch: {error}", file=sys.stderr)
        return 2
    system = platform.system()
    installed = installed_version()
    if is_satisfied(installed, version, wish, system):
        return 0
    if installed is not None and not wish.spec:
        # To pip any build of a version is as good as another, so it would keep this one.
        pip("uninstall", "--yes", "--quiet", "torch")
    complaints: list[str] = []
    for attempt in attempts(version, wish, system, nvidia=has_nvidia_driver()):
        print(f"Installing torch {version} {attempt.where} ...", flush=True)
        complaint = pip("install", *attempt.arguments)
        if complaint is None:
            print(f"torch {installed_version()} is installed", flush=True)
            return 0
        print("  not to be had there", flush=True)
        complaints.append(complaint)
    print(advice(version, complaints), file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
