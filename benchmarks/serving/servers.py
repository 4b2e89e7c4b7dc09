"""Who takes part: how each server is started, what it may be told, and how it is asked.

Each starts by the command of its documentation. What it may be told is a small sweep of its own
settings, and the benchmark takes the best. Every peer has as many processes, and as many threads a
process for the network, as there are cores to share.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.serving.nothing import ANSWER
from benchmarks.serving.reading import DOCUMENTED, PREDICTOR
from service.settings import usable_cores

OURS = "manytone"

Setting = Mapping[str, int]  # name -> value

# The interpreter's path, the setting and the port -> the command line.
Command = Callable[[str, Setting, int], list[str]]


@dataclass(frozen=True)
class Request:
    """What goes over the wire; without a body it is a GET."""

    path: str
    body: bytes = b""


@dataclass(frozen=True)
class Speech:
    """How a server is asked, and what its answer says."""

    request: Callable[[Sequence[str]], Request]
    # Body of an answer -> (label, score) of each text, or None where it read none.
    answers: Callable[[bytes], list[tuple[str, float]] | None]


@dataclass(frozen=True)
class Server:
    """
    Attributes:
        settings: of the sweep; the first is the one that a quick run takes.
        package: of the package index, which `make setup-servers` installs; None for our own.
        cases: which it is asked; None: all.
        ready_lines: what each of its worker processes writes once it is ready, if it does.
    """

    name: str
    command: Command
    speech: Speech
    settings: tuple[Setting, ...] = ({},)
    environment: Mapping[str, str] = field(default_factory=dict)
    package: str | None = None
    cases: tuple[str, ...] | None = None
    ready_lines: str = ""

    def workers(self, setting: Setting) -> int:
        return setting.get("WORKERS", usable_cores())


# --- How they are asked ---------------------------------------------------------------------------


def _text_or_texts(texts: Sequence[str]) -> Request:
    content: Any = {"text": texts[0]} if len(texts) == 1 else {"texts": list(texts)}
    return Request("/predict", json.dumps(content).encode())


def _one_or_predictions(body: bytes) -> list[tuple[str, float]]:
    content = json.loads(body)
    return _labels(content.get("predictions", [content]))


def _always_texts(texts: Sequence[str]) -> Request:
    return Request("/predict", json.dumps({"texts": list(texts)}).encode())


def _labels(predictions: Sequence[Mapping[str, Any]]) -> list[tuple[str, float]]:
    return [(each["label"], each["score"]) for each in predictions]


def _exactly(expected: bytes) -> Callable[[bytes], None]:
    def check(body: bytes) -> None:
        if body != expected:
            raise ValueError(f"answered {body[:80]!r} instead of {expected!r}")

    return check


SPEECH = Speech(_text_or_texts, _one_or_predictions)
BENTOML_SPEECH = Speech(_always_texts, lambda body: _labels(json.loads(body)))
NOTHING_SPEECH = Speech(_text_or_texts, _exactly(ANSWER))
LIVEZ_SPEECH = Speech(lambda texts: Request("/livez"), _exactly(b"ok\n"))


# --- How they are started -------------------------------------------------------------------------


def _gunicorn(app: str) -> Command:
    """Our own configuration, which takes the port from the environment."""
    return lambda python, setting, port: [
        *(python, "-m", "gunicorn", "-c", "service/gunicorn.conf.py", app),
    ]


def _granian(python: str, setting: Setting, port: int) -> list[str]:
    return [
        *(str(Path(python).with_name("granian")), "--interface", "wsgi"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", str(setting["WORKERS"])),
        *("--blocking-threads", str(setting["THREADS"]), "--log-level", "warning"),
        "benchmarks.serving.nothing:app",
    ]


def _uvicorn(python: str, setting: Setting, port: int) -> list[str]:
    return [
        *(python, "-m", "uvicorn", "benchmarks.serving.peers.with_fastapi.__main__:app"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", str(setting["WORKERS"])),
        "--no-access-log",
    ]


def _bentoml(python: str, setting: Setting, port: int) -> list[str]:
    return [
        *(python, "-m", "bentoml", "serve", "--host", "127.0.0.1", "--port", str(port)),
        *("--quiet", "benchmarks.serving.peers.with_bentoml.__main__:Reviews"),
    ]


def _script(peer: str) -> Command:
    """By its path: processes that are spawned do not find a `__main__` that came with `-m`."""
    path = f"benchmarks/serving/peers/{peer}/__main__.py"
    return lambda python, setting, port: [python, path]


# --- Who takes part -------------------------------------------------------------------------------


def servers(cores: int) -> dict[str, Server]:
    """All of them by name, ours first.

    Args:
        cores: to share.
    """
    found = [
        Server(OURS, _gunicorn("service.wsgi:app"), SPEECH, ready_lines="ready on http://"),
        *_nothings(cores),
        *_fastapi(cores),
        *_litserve(cores),
        *_mosec(cores),
        *_bentoml_servers(cores),
    ]
    return {server.name: server for server in found}


def _nothings(cores: int) -> list[Server]:
    nothing = "benchmarks.serving.nothing:app"
    return [
        Server(
            "nothing", _gunicorn(nothing), NOTHING_SPEECH,
            cases=("short",), ready_lines="ready on http://",
        ),
        Server(
            "manytone /livez", _gunicorn("service.wsgi:app"), LIVEZ_SPEECH,
            cases=("short",), ready_lines="ready on http://",
        ),
        Server(
            "nothing on granian", _granian, NOTHING_SPEECH,
            _each(WORKERS=[cores], THREADS=[1, 8, 64]), package="granian", cases=("short",),
        ),
    ]  # fmt: skip


def _fastapi(cores: int) -> list[Server]:
    ready = "Application startup complete"
    return [
        # 40 is AnyIO's own; a thread more than the cores does not speed a network up.
        _peer(
            "fastapi", DOCUMENTED, _uvicorn, SPEECH,
            (*_each(WORKERS=[cores], THREADS=[40, 1]), *_each(WORKERS=[1], THREADS=[40, 2])),
            ready_lines=ready,
        ),
        _peer(
            "fastapi", PREDICTOR, _uvicorn, SPEECH,
            _each(WORKERS=[cores, 1], THREADS=[124, 40]), ready_lines=ready,
        ),
    ]  # fmt: skip


def _litserve(cores: int) -> list[Server]:
    settings = [
        {"WORKERS": cores, "MAX_BATCH_SIZE": size, "BATCH_MILLISECONDS": wait,
         "API_SERVERS": servers, "FAST_QUEUE": 0}
        for size, wait in ((16, 1), (64, 5), (4, 1), (1, 0))
        for servers in dict.fromkeys((1, cores))
    ]  # fmt: skip
    fast = {**settings[0], "FAST_QUEUE": 1}
    return [
        _peer("litserve", reader, _script("with_litserve"), SPEECH, (*settings, fast))
        for reader in (DOCUMENTED, PREDICTOR)
    ]


def _mosec(cores: int) -> list[Server]:
    settings = tuple(
        {"WORKERS": cores, "MAX_BATCH_SIZE": size, "BATCH_MILLISECONDS": wait}
        for size, wait in ((16, 1), (64, 1), (64, 10), (4, 1), (1, 0))
    )
    return [
        _peer("mosec", reader, _script("with_mosec"), SPEECH, settings)
        for reader in (DOCUMENTED, PREDICTOR)
    ]


def _bentoml_servers(cores: int) -> list[Server]:
    batched = _each(WORKERS=[cores], MAX_BATCH_SIZE=[64, 256], THREADS=[1])
    threads = _each(WORKERS=[cores], MAX_BATCH_SIZE=[1], THREADS=[1, 124])
    return [
        _peer("bentoml", reader, _bentoml, BENTOML_SPEECH, (*batched, *threads))
        for reader in (DOCUMENTED, PREDICTOR)
    ]


def _peer(
    package: str,
    reader: str,
    command: Command,
    speech: Speech,
    settings: Sequence[Setting],
    **others: Any,
) -> Server:
    suffix = {DOCUMENTED: "", PREDICTOR: " + our Predictor"}[reader]
    return Server(
        package + suffix,
        command,
        speech,
        _different(settings),
        {"READER": reader},
        package,
        **others,
    )


def _different(settings: Sequence[Setting]) -> tuple[Setting, ...]:
    """On one core, some are the same as others."""
    return tuple({tuple(setting.items()): setting for setting in settings}.values())


def _each(**values: Sequence[int]) -> tuple[Setting, ...]:
    """
    >>> _each(WORKERS=[2], THREADS=[1, 8])
    ({'WORKERS': 2, 'THREADS': 1}, {'WORKERS': 2, 'THREADS': 8})
    """
    found: list[dict[str, int]] = [{}]
    for name, choices in values.items():
        found = [{**setting, name: choice} for setting in found for choice in choices]
    return tuple(found)
