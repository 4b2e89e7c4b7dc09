"""A server as a process of its own: started, waited for, asked whether it is right, ended."""

from __future__ import annotations

import http.client
import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.serving import processes
from benchmarks.serving.servers import Request, Server, Setting
from service.bundle import BFLOAT16_TOLERANCE, Bundle

ROOT = Path(__file__).resolve().parents[2]
SERVERS_PYTHON = Path(".venv-servers/bin/python")  # what `make setup-servers` makes

READY_SECONDS = 120.0  # on a machine with much else to do
ANSWER_SECONDS = 60.0

# What a first answer is checked with: one of each label.
FIXED_TEXTS = ("This is not good at all.", "A wonderful film, I loved every minute of it.")

# Scores are right within 1e-5 whatever batch they were read in, but some servers compute in
# bfloat16, as ours does where the processor has it.
TOLERANCE = BFLOAT16_TOLERANCE


class NotMeasured(Exception):
    """This server cannot take part; the message says why, and what to do if one can."""


@dataclass(frozen=True)
class Place:
    """Where servers run.

    Attributes:
        models: folder of the bundles.
        cores: to share among a server's processes.
        python: the interpreter that has the peers' packages.
    """

    models: Path
    cores: int
    python: Path = ROOT / SERVERS_PYTHON


@dataclass(frozen=True)
class Running:
    process: subprocess.Popen[bytes]
    port: int
    log: Path


@contextmanager
def started(
    server: Server,
    setting: Setting,
    place: Place,
    *,
    ready_seconds: float = READY_SECONDS,
) -> Iterator[Running]:
    """The server, answering; it and its workers are gone afterwards.

    Raises:
        NotMeasured: it is not installed, or does not answer in time.
    """
    port = free_port()
    with TemporaryDirectory(prefix="manytone-serving-") as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                server.command(interpreter(server, place), setting, port),
                cwd=ROOT,
                env=_environment(server, setting, place, port, folder),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us, and we end it
            )
        running = Running(process, port, log)
        try:
            _wait_until_ready(server, setting, running, ready_seconds)
            yield running
        finally:
            processes.end(process)


def interpreter(server: Server, place: Place) -> str:
    """The one that has what the server needs.

    Raises:
        NotMeasured: there is none.
    """
    if server.package is None:
        return sys.executable
    if place.python.exists():
        if server.package in installed(place.python, [server.package]):
            return str(place.python)
    elif importlib.util.find_spec(server.package) is not None:
        return sys.executable
    raise NotMeasured(f"{server.package} is not installed: make setup-servers")


def installed(python: Path, packages: Sequence[str]) -> dict[str, str]:
    """Package -> version, of those that another interpreter has."""
    code = (
        "import sys\nfrom importlib import metadata\n"
        "for name in sys.argv[1:]:\n"
        " try: print(name, metadata.version(name))\n"
        " except metadata.PackageNotFoundError: pass"
    )
    try:
        done = subprocess.run(
            [python, "-c", code, *packages], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    return dict(line.split() for line in done.stdout.splitlines())


def _environment(
    server: Server, setting: Setting, place: Place, port: int, folder: str
) -> dict[str, str]:
    """What it sees: nothing of this machine's own settings."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    ours = {
        "HOME": folder,  # what a peer likes to leave in it goes with it
        "PYTHONPATH": ROOT,
        "HOST": "127.0.0.1",
        "PORT": port,
        "WORKERS": place.cores,
        "MODELS_DIR": place.models.resolve(),
        "DEVICE": "cpu",
        "OMP_NUM_THREADS": max(1, place.cores // setting.get("WORKERS", place.cores)),
        "DO_NOT_TRACK": 1,
        "BENTOML_DO_NOT_TRACK": "True",
        "MOSEC_ADDRESS": "127.0.0.1",
        "MOSEC_PORT": port,
        "MOSEC_TIMEOUT": int(1_000 * ANSWER_SECONDS),
        "MOSEC_LOG_LEVEL": "warning",
    }
    return kept | {
        name: str(value) for name, value in {**ours, **server.environment, **setting}.items()
    }


def _wait_until_ready(server: Server, setting: Setting, running: Running, seconds: float) -> None:
    request = server.speech.request(FIXED_TEXTS[:1])
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if running.process.poll() is not None:
            raise NotMeasured(
                f"ended with status {running.process.returncode}: {_last_words(running.log)}"
            )
        if _all_workers_ready(server, setting, running.log) and _answers(running.port, request):
            return
        time.sleep(0.1)
    raise NotMeasured(f"not ready after {seconds:.0f} s: {_last_words(running.log)}")


def _all_workers_ready(server: Server, setting: Setting, log: Path) -> bool:
    if not server.ready_lines:
        return True
    return log.read_text(errors="replace").count(server.ready_lines) >= server.workers(setting)


def _answers(port: int, request: Request) -> bool:
    try:
        return ask(port, request)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "it said nothing")[:300]


def ask(port: int, request: Request) -> tuple[int, bytes]:
    """Status and body of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    with closing(connection):
        headers = {"Content-Type": "application/json"} if request.body else {}
        method = "POST" if request.body else "GET"
        connection.request(method, request.path, request.body or None, headers)
        response = connection.getresponse()
        return response.status, response.read()


def check(server: Server, port: int, bundle: Bundle) -> None:
    """Whether it answers as the bundle does, to each fixed text alone and to both in one request.

    Raises:
        NotMeasured: it does not.
    """
    for texts in ((FIXED_TEXTS[0],), (FIXED_TEXTS[1],), FIXED_TEXTS):
        try:
            status, body = ask(port, server.speech.request(texts))
            if status != 200:
                raise ValueError(f"answered {status}: {body[:200]!r}")
            found = server.speech.answers(body)
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            raise NotMeasured(f"does not answer right: {error!r}") from error
        if found is not None and not _right(found, [expected(bundle, text) for text in texts]):
            raise NotMeasured(f"answers wrong: {found} to {list(texts)}")


def expected(bundle: Bundle, text: str) -> tuple[str, float]:
    """Label and score."""
    probabilities = bundle.answer(text).probabilities
    best = max(range(len(probabilities)), key=probabilities.__getitem__)
    return bundle.metadata.labels[best], probabilities[best]


def _right(found: Sequence[tuple[str, float]], wanted: Sequence[tuple[str, float]]) -> bool:
    return len(found) == len(wanted) and all(
        label == right and abs(score - true) <= TOLERANCE
        for (label, score), (right, true) in zip(found, wanted, strict=True)
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
