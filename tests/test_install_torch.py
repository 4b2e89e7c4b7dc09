"""How scripts/install_torch.py decides which build of torch to ask for; no pip, no network."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "install_torch", ROOT / "scripts/install_torch.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["install_torch"] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


it = load_script()

CUDA_INDEX = "https://mirror.example/whl/cu130"


def commands(wish: object = None, *, system: str = "Linux", nvidia: bool = False) -> list[str]:
    found = it.attempts("1.2.3", wish or it.Wish(), system, nvidia=nvidia)
    return [" ".join(attempt.arguments) for attempt in found]


def test_linux_without_a_driver_asks_for_the_cpu_build_only():
    configured, pytorch = commands()
    assert configured.endswith("--no-deps torch==1.2.3+cpu")
    assert "--index-url" not in configured
    assert pytorch.endswith(f"--index-url {it.CPU_INDEX} --no-deps torch==1.2.3+cpu")


def test_only_the_index_that_nobody_named_is_given_up_in_seconds():
    configured, pytorch = commands()
    (named,) = commands(it.Wish(index=it.CPU_INDEX))
    assert pytorch.startswith("--retries 1 --timeout 8 ")
    assert "--timeout" not in configured + named


@pytest.mark.parametrize(
    ("wish", "nvidia"),
    [
        pytest.param({}, True, id="driver"),
        pytest.param({"build": "cuda"}, False, id="asked-for"),
    ],
)
def test_cuda_comes_with_its_libraries(wish, nvidia):
    assert commands(it.Wish(**wish), nvidia=nvidia) == ["torch==1.2.3"]


def test_a_cpu_build_can_be_had_next_to_a_driver():
    assert commands(it.Wish(build="cpu"), nvidia=True) == commands(nvidia=False)


def test_macos_takes_the_one_build_there_is():
    assert commands(system="Darwin") == ["--no-deps torch==1.2.3"]


def test_a_named_index_is_the_only_one_asked():
    (command,) = commands(it.Wish(index="https://mirror.example/simple"), nvidia=True)
    assert command == "--index-url https://mirror.example/simple --no-deps torch==1.2.3"


def test_a_mirror_may_bring_cudas_libraries_where_cuda_is_asked_for():
    (command,) = commands(it.Wish(index="https://mirror.example/simple", build="cuda"))
    assert command == "--index-url https://mirror.example/simple torch==1.2.3"


def test_a_named_cuda_index_may_bring_cudas_libraries():
    (command,) = commands(it.Wish(index=CUDA_INDEX))
    assert command == f"--index-url {CUDA_INDEX} torch==1.2.3+cu130"


def test_a_spec_goes_to_pip_as_it_stands():
    wish = it.Wish(spec="wheels/torch-1.2.3.whl", index=CUDA_INDEX, build="cpu")
    assert commands(wish) == ["wheels/torch-1.2.3.whl"]


@pytest.mark.parametrize("nvidia", [True, False])
@pytest.mark.parametrize("build", it.BUILDS)
def test_every_way_ends_in_one_requirement_for_torch(build, nvidia):
    for command in commands(it.Wish(build=build), nvidia=nvidia):
        assert command.count("torch==") == 1


@pytest.mark.parametrize(
    ("installed", "wish", "system", "expected"),
    [
        pytest.param(None, {}, "Linux", False, id="nothing"),
        pytest.param("1.2.3", {}, "Linux", True, id="default-build"),
        pytest.param("1.2.3+cpu", {}, "Linux", True, id="cpu-build"),
        pytest.param("1.2.2+cpu", {}, "Linux", False, id="older"),
        pytest.param("1.2.30", {}, "Linux", False, id="longer"),
        pytest.param("1.2.3+cpu", {"build": "cpu"}, "Linux", True, id="cpu-wanted-and-there"),
        pytest.param("1.2.3", {"build": "cpu"}, "Linux", False, id="cpu-wanted-cuda-there"),
        pytest.param("1.2.3+cpu", {"build": "cuda"}, "Linux", False, id="cuda-wanted-cpu-there"),
        pytest.param("1.2.3+cu130", {"build": "cuda"}, "Linux", True, id="cuda-wanted-and-there"),
        pytest.param("1.2.3", {"build": "cpu"}, "Darwin", True, id="macos-has-one-build"),
        pytest.param("1.2.3+cpu", {"index": CUDA_INDEX}, "Linux", False, id="other-index"),
        pytest.param("1.2.3+cu130", {"index": CUDA_INDEX}, "Linux", True, id="that-index"),
        pytest.param("1.2.3+cpu", {"index": "https://m.example/simple"}, "Linux", True, id="any"),
        pytest.param("1.2.3", {"spec": "torch==1.2.3"}, "Linux", False, id="pip-judges-specs"),
    ],
)
def test_what_is_installed_is_kept_if_it_will_do(installed, wish, system, expected):
    assert it.is_satisfied(installed, "1.2.3", it.Wish(**wish), system) is expected


def test_the_environment_is_read_and_empty_means_unset():
    environ = {"TORCH_BUILD": "", "TORCH_INDEX": " https://mirror.example/whl/cpu/ "}
    assert it.Wish.from_environment(environ) == it.Wish(index="https://mirror.example/whl/cpu")


def test_an_unknown_build_is_refused_by_name():
    with pytest.raises(it.SetupError, match="TORCH_BUILD='gpu'"):
        it.Wish.from_environment({"TORCH_BUILD": "gpu"})


def test_the_version_is_the_one_in_pyproject():
    assert it.wanted_version(ROOT / "pyproject.toml").count(".") == 2


@pytest.mark.parametrize("dependencies", ["[]", '["torch>=1"]', '["torch==1", "torch==2"]'])
def test_a_version_that_is_not_fixed_is_refused(tmp_path, dependencies):
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text(f"[project]\ndependencies = {dependencies}\n")
    with pytest.raises(it.SetupError, match="torch==VERSION once"):
        it.wanted_version(pyproject)


@pytest.fixture
def calls(monkeypatch):
    """On Linux without a driver, with a pip that always fails: the list of what it was asked."""
    for name in ("TORCH_BUILD", "TORCH_INDEX", "TORCH_SPEC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(it, "has_nvidia_driver", lambda: False)
    monkeypatch.setattr(it.platform, "system", lambda: "Linux")
    asked: list[str] = []

    def pip(*arguments: str) -> str:
        asked.append(" ".join(arguments))
        return f"no luck with {arguments[-1]}"

    monkeypatch.setattr(it, "pip", pip)
    return asked


def test_when_all_attempts_fail_the_complaints_and_the_ways_out_are_told(
    monkeypatch, capsys, calls
):
    monkeypatch.setattr(it, "installed_version", lambda: None)
    assert it.main() == 1
    assert len(calls) == 2
    told = capsys.readouterr().err
    assert told.count("no luck with torch==") == 2
    for name in ("TORCH_BUILD", "TORCH_INDEX", "TORCH_SPEC"):
        assert name in told


def test_a_build_that_will_not_do_is_removed_first(monkeypatch, calls):
    monkeypatch.setattr(it, "installed_version", lambda: "0.0.1")
    it.main()
    assert calls[0] == "uninstall --yes --quiet torch"


def test_nothing_is_run_when_torch_is_there(monkeypatch, capsys, calls):
    monkeypatch.setattr(it, "installed_version", lambda: it.wanted_version(it.PYPROJECT))
    assert it.main() == 0
    assert calls == []
    assert capsys.readouterr().out == ""
