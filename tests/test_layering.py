"""Who may import whom: service never imports training, training only the contract of service, and
neither imports benchmarks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

TRAINING_ONLY = {
    "training",
    "torchtext",
    "sklearn",
    "scipy",
    "gensim",
    "nltk",
    "matplotlib",
    "PIL",
    "pyarrow",
}
SERVICE_ONLY = {"flask", "gunicorn", "werkzeug"}
# What is installed for the benchmarks alone comes with them, and is looked for when it is needed.
BENCHMARKS_ONLY = {"benchmarks", "fasttext", "onnx", "onnxruntime", "textblob", "vaderSentiment"}

# What training may import of service; what these import themselves comes along.
CONTRACT = {
    "service",
    "service.archive",
    "service.bundle",
    "service.layout",  # of a loaded bundle in memory; nothing but service.bundle names it
    "service.padding",  # likewise
    "service.tokenizer",
    "service.errors",
}


def modules_of(package: str) -> list[str]:
    """Every module of a package, as a name to import.

    Left out are the two that act on being imported: gunicorn reads one and starts the other.
    """
    files = sorted((ROOT / package).rglob("*.py"))
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    return [
        name.removesuffix(".__init__")
        for name in names
        if not name.endswith((".conf", ".wsgi", ".__main__"))
    ]


def loaded_by(modules: list[str], folder: Path = ROOT) -> set[str]:
    """The names in `sys.modules` after importing `modules` in a fresh interpreter."""
    code = (
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print('\\n'.join(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def tops(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def test_service_imports_nothing_of_training():
    loaded = tops(loaded_by(modules_of("service")))
    assert loaded & (TRAINING_ONLY | BENCHMARKS_ONLY) == set()


def test_training_imports_only_the_contract_of_service():
    loaded = loaded_by([*modules_of("training"), "training.__main__"])
    assert {name for name in loaded if tops({name}) == {"service"}} <= CONTRACT
    assert tops(loaded) & (SERVICE_ONLY | BENCHMARKS_ONLY) == set()


def test_benchmarks_load_without_the_packages_of_the_peers():
    loaded = tops(loaded_by(modules_of("benchmarks")))
    assert loaded & (BENCHMARKS_ONLY - {"benchmarks"}) == set()


def test_the_speed_of_the_networks_needs_no_more_than_the_service_does():
    loaded = tops(loaded_by(["benchmarks.engine"]))
    assert loaded & (TRAINING_ONLY - {"training"}) == set()


@pytest.mark.parametrize(
    ("package", "line", "forbidden"),
    [
        pytest.param("service", "import training.errors", TRAINING_ONLY, id="service to training"),
        pytest.param("training", "import flask", SERVICE_ONLY, id="training to flask"),
        pytest.param(
            "training", "import benchmarks.errors", BENCHMARKS_ONLY, id="training to benchmarks"
        ),
    ],
)
def test_the_check_fails_when_a_layer_is_broken(tmp_path, package, line, forbidden):
    for name in ("service", "training", "benchmarks"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "errors.py").touch()
    (tmp_path / package / "broken.py").write_text(line)
    assert tops(loaded_by([f"{package}.broken"], tmp_path)) & forbidden


def test_every_module_is_looked_at():
    assert {"service.app", "service.routes.predict", "service.bundle"} <= set(modules_of("service"))
    assert {"training.fit", "training.datasets.readers"} <= set(modules_of("training"))
    assert {"benchmarks.engine", "benchmarks.accuracy"} <= set(modules_of("benchmarks"))
