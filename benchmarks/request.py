"""`python -m benchmarks.request`: where the time of a request with a short text goes, on one core.

Each part is timed by itself, one after the other in every round: what a part costs is the median of
the rounds, with quartiles. The parts are the service's own; only what would hide them is taken
away: the network answers at once where it is not what is timed, and bytes come from memory and go
nowhere, so that the system's part, sockets and a client, is left out (`make benchmark-serving`
has it).
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.options import add_rounds_of_bundles, output_of
from benchmarks.outcome import quartiles, write_result
from benchmarks.serving.nothing import app as nothing
from benchmarks.serving.reading import BUNDLE
from benchmarks.serving.texts import CASES, requests
from service.app import create_app
from service.batcher import Batcher, Probabilities, warm
from service.bundle import Bundle, BundleError, load_bundle
from service.connection import Connection, Server, Tell, base_environ
from service.registry import Registry
from service.settings import Settings
from service.waiting import WaitingRoom

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

# Connections that ask at the same time, as many as make a usual pass.
TOGETHER = 16
PASSES = (1, 4, TOGETHER, 64)  # texts of a pass
TEXTS = 256  # different ones
SECONDS = 0.2  # of a part in a round


@dataclass(frozen=True)
class Part:
    """What was timed, in microseconds for each request: lower quartile, median, upper quartile."""

    name: str
    microseconds: tuple[float, float, float]


class Instant:
    """A bundle whose network has its answers ready."""

    def __init__(self, bundle: Bundle) -> None:
        self.metadata, self.tokenizer = bundle.metadata, bundle.tokenizer
        self.encode = bundle.encode

    def probabilities(self, sequences: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        labels = len(self.metadata.labels)
        return np.full((len(sequences), labels), 1 / labels, dtype=np.float32)


class AtOnce:
    """A batcher that waits for nobody."""

    alive = True

    def submit(
        self, bundle: Bundle, sequences: Sequence[list[int]], deadline: float
    ) -> Future[Probabilities]:
        future: Future[Probabilities] = Future()
        future.set_result(bundle.probabilities(sequences).tolist())
        return future


def parts(bundle: Bundle, rounds: int) -> list[Part]:
    """All of them, the network's last."""
    texts = [each[0] for each in islice(requests(CASES["short"], _counter(bundle), 1), TEXTS)]
    registry = Registry([cast("Bundle", Instant(bundle))], bundle.metadata.name)
    batcher = Batcher(on_loop=True)
    batcher.start()
    try:
        alone = create_app(Settings(), registry=registry, batcher=cast("Batcher", AtOnce()))
        whole = create_app(Settings(), registry=registry, batcher=batcher)
        timed: dict[str, Callable[[], float]] = {
            "a Flask route that does nothing": _called(nothing, texts),
            "tokenising": _tokenised(bundle, texts),
            "Flask and what is behind it, less the network": _called(alone, texts),
            "from bytes to bytes on the event loop, less the network": _on_a_loop(whole, texts),
        }
        for size in PASSES:
            timed[f"the network, {size} in a pass"] = _network(bundle, texts, size)
        found: dict[str, list[float]] = {name: [] for name in timed}
        for _ in range(rounds):
            for name, seconds in timed.items():
                found[name].append(1e6 * seconds())
    finally:
        batcher.stop()
    return [Part(name, quartiles(each)) for name, each in found.items()]


# Each of these makes a function that returns the seconds which one request took on average.


def _tokenised(bundle: Bundle, texts: Sequence[str]) -> Callable[[], float]:
    turns = cycle(texts)
    return lambda: _seconds(lambda: bundle.encode(next(turns)))


def _network(bundle: Bundle, texts: Sequence[str], size: int) -> Callable[[], float]:
    ids = [bundle.encode(text).ids for text in texts]
    turns = cycle([ids[begin : begin + size] for begin in range(0, len(ids), size)])
    warm(bundle)
    return lambda: _seconds(lambda: bundle.probabilities(next(turns))) / size


def _called(app: WSGIApplication, texts: Sequence[str]) -> Callable[[], float]:
    """As a WSGI server calls it, on a thread of its own: it does not wait on a loop."""
    turns = cycle([_body(text) for text in texts])
    base = base_environ("127.0.0.1", 8000, several=False)

    def call() -> None:
        body = next(turns)
        environ: WSGIEnvironment = {
            **base,
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/predict",
            "QUERY_STRING": "",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_HOST": "127.0.0.1:8000",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.input": io.BytesIO(body),
        }
        b"".join(app(environ, _no_answer))

    return lambda: _seconds(call)


def _on_a_loop(app: Any, texts: Sequence[str]) -> Callable[[], float]:
    """As `service/worker.py` does it, with so many connections that all ask at once."""
    turns = cycle([_request(text) for text in texts])

    async def rounds() -> float:
        loop = asyncio.get_running_loop()
        room, transports = WaitingRoom(loop), [_Nowhere() for _ in range(TOGETHER)]
        server = _server(app, room)
        base = base_environ("127.0.0.1", 8000, several=False)
        connections = [Connection(server, base) for _ in transports]
        for connection, transport in zip(connections, transports, strict=True):
            connection.connection_made(transport)

        async def all_ask() -> None:
            asked = sum(transport.answers for transport in transports) + TOGETHER
            for connection in connections:
                connection.data_received(next(turns))
            while sum(transport.answers for transport in transports) < asked:
                await asyncio.sleep(0)

        return await _seconds_of(all_ask) / TOGETHER

    return lambda: asyncio.run(rounds())


class _Nowhere(asyncio.Transport):
    """Counts what is written to it."""

    answers = 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if bytes(data[:12]) != b"HTTP/1.1 200":
            raise RuntimeError(f"not the answer that was expected: {bytes(data[:200])!r}")
        self.answers += 1

    def is_closing(self) -> bool:
        return False


def _server(app: Any, room: WaitingRoom) -> Server:
    """What a connection needs of `LoopWorker`."""

    def start(work: Callable[[Tell], None], environ: WSGIEnvironment, size: int) -> None:
        if not app.extensions["quick"](environ):
            raise RuntimeError("a short text is to run on the loop")
        room.run(lambda: work(_at_once))

    return cast(
        "Server",
        SimpleNamespace(
            application=app,
            max_body=app.config["MAX_CONTENT_LENGTH"],
            stopping=False,
            opened=lambda _: True,
            closed=lambda _: None,
            refused=lambda _: None,
            start=start,
        ),
    )


def _at_once(callback: Callable[..., object], *arguments: object) -> None:
    callback(*arguments)


def _no_answer(*_: Any) -> Any:
    return None


def _body(text: str) -> bytes:
    return json.dumps({"text": text}).encode()


def _request(text: str) -> bytes:
    body = _body(text)
    head = (
        "POST /predict HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _counter(bundle: Bundle) -> Callable[[str], int]:
    return lambda text: len(bundle.encode(text).ids)


def _seconds(work: Callable[[], object]) -> float:
    began, times = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        for _ in range(8):
            work()
        times += 8
    return (time.perf_counter() - began) / times


async def _seconds_of(work: Callable[[], Awaitable[None]]) -> float:
    began, times = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        await work()
        times += 1
    return (time.perf_counter() - began) / times


def report(found: Sequence[Part]) -> str:
    width = max(len(part.name) for part in found)
    lines = [f"{'microseconds a request':{width}}  median  (quartiles)"]
    for part in found:
        low, middle, high = part.microseconds
        lines.append(f"{part.name:{width}}  {middle:6.1f}  ({low:.1f} to {high:.1f})")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write down; the exit code is 0, 1 without the bundle, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    try:
        found = parts(
            load_bundle(options.models / f"{BUNDLE}.pt", precision="auto"), options.rounds
        )
    except BundleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    print(report(found), flush=True)
    write_result(
        output_of(options, "request.json"),
        {"rounds": options.rounds, "parts": list(map(asdict, found))},
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.request",
        description="Where the time of a request with one short text goes, on one core, without "
        "the system's part: sockets and a client.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_rounds_of_bundles(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
