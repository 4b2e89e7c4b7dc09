"""`--cost`: what our service costs, in time and memory, one thing growing at a time.

The length of a text, the texts of a request, the connections, and the number of bundles. A text
longer than the bundle reads is cut: beyond that only its tokens are counted.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from matplotlib.figure import Figure as Picture

from benchmarks.serving import load
from benchmarks.serving.processes import megabytes
from benchmarks.serving.report import save
from benchmarks.serving.running import Place, Running, check, started
from benchmarks.serving.servers import SPEECH, Request, Server
from benchmarks.serving.texts import CASES, text
from service.bundle import Bundle, save_bundle

LENGTHS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)  # tokens
BATCHES = (1, 4, 16, 64, 256, 1_000)  # texts of a request
CONNECTIONS = (1, 8, 32, 128, 256, 512)
BUNDLES = (1, 2, 5, 10, 20)

BODIES = 32  # different ones


@dataclass(frozen=True)
class Cost:
    """One point.

    Attributes:
        of: what grows, "tokens", "texts", "connections" or "bundles".
        per_second: answers, refusals among them.
        megabytes: PSS of the workers after the load.
        fault: what went wrong, such as requests that were refused; "" where nothing did.
        start_seconds: from the start to the first answer; of bundles only.
    """

    of: str
    value: int
    per_second: float
    p50: float  # ms
    p99: float  # ms
    megabytes: float
    fault: str = ""
    start_seconds: float | None = None


def costs(
    server: Server,
    place: Place,
    bundle: Bundle,
    seconds: float,
    done: Callable[[Cost], None] = lambda _: None,
) -> None:
    """
    Args:
        seconds: of each load; over more than 128 connections as many times longer.
        done: told of each point.

    Raises:
        NotMeasured: the server does not start, or answers wrong.
        LoadError: wrk failed.
    """
    draw = random.Random(1)

    def bodies(tokens: Sequence[int], texts: int = 1) -> list[Request]:
        return [
            SPEECH.request([_text(draw, draw.choice(tokens), bundle) for _ in range(texts)])
            for _ in range(BODIES if texts < 64 else 8)
        ]

    short, mix = CASES["short"].tokens, CASES["mix"].tokens
    plan: list[tuple[str, int, list[Request], int]] = [
        *(("tokens", value, bodies([value]), 1) for value in LENGTHS),
        *(("texts", value, bodies(short, value), 1) for value in BATCHES),
        *(("connections", value, bodies(mix), value) for value in CONNECTIONS),
    ]
    for of in ("tokens", "texts", "connections"):
        # A fresh one each time: what the last thing left in memory is not this one's.
        with started(server, server.settings[0], place) as running:
            check(server, running.port, bundle)
            for _, value, requests, connections in (each for each in plan if each[0] == of):
                # wrk does not count what is under way at the end: of 512 connections that are
                # answered after a third of a second each, as many answers as come in that time.
                longer = max(1.0, connections / 128)
                done(_cost(running, of, value, requests, connections, longer * seconds))
    for number in BUNDLES:
        done(_cost_of_bundles(server, place, bundle, number, bodies(short), seconds))


def _text(draw: random.Random, tokens: int, bundle: Bundle) -> str:
    return text(draw, tokens, lambda each: len(bundle.tokenizer.encode(each)))


def _cost(
    running: Running,
    of: str,
    value: int,
    requests: Sequence[Request],
    connections: int,
    seconds: float,
) -> Cost:
    load.run(running.port, requests, connections, 1)  # TorchScript compiles for a new shape
    found = load.run(running.port, requests, connections, seconds)
    return Cost(
        of,
        value,
        round(found.per_second, 2),
        round(found.milliseconds["50"], 3),
        round(found.milliseconds["99"], 3),
        round(megabytes(running.process.pid), 1),
        found.fault,
    )


def _cost_of_bundles(
    server: Server,
    place: Place,
    bundle: Bundle,
    number: int,
    requests: Sequence[Request],
    seconds: float,
) -> Cost:
    with TemporaryDirectory(prefix="manytone-bundles-") as folder:
        write_copies(Path(folder), bundle, number)
        began = time.monotonic()
        with started(server, server.settings[0], replace(place, models=Path(folder))) as running:
            start_seconds = time.monotonic() - began
            cost = _cost(running, "bundles", number, requests, 8, seconds)
            return replace(cost, start_seconds=round(start_seconds, 2))


def write_copies(folder: Path, bundle: Bundle, number: int) -> None:
    """The bundle, and copies of it under other names: `number` in all."""
    own = bundle.metadata.name
    for name in [own, *(f"{own}-{copy}" for copy in range(2, number + 1))]:
        copy_ = replace(bundle, metadata=replace(bundle.metadata, name=name))
        save_bundle(folder / f"{name}.pt", copy_)


def table(costs: Sequence[Cost]) -> str:
    """
    >>> print(table(costs))
    of             value  requests/s    p50 ms    p99 ms      MB
    tokens            10      900.00      1.10      2.30   410.0
    """
    lines = [
        f"{'of':<12} {'value':>7}  {'requests/s':>10}  {'p50 ms':>9}  {'p99 ms':>9}  {'MB':>8}"
    ]
    for each in costs:
        start = f"  ready after {each.start_seconds:.1f} s" if each.start_seconds else ""
        lines.append(
            f"{each.of:<12} {each.value:>7,}  {each.per_second:>10,.1f}  {each.p50:>9.2f}  "
            f"{each.p99:>9.2f}  {each.megabytes:>8.1f}{start}  {each.fault}".rstrip()
        )
    return "\n".join(lines)


def plot(path: Path, costs: Sequence[Cost]) -> None:
    """Latency and memory, a panel for each thing that grows; PNG."""
    things = list(dict.fromkeys(each.of for each in costs))
    if not things:
        return
    picture = Picture(figsize=(5 * len(things), 4.5), layout="constrained")
    for panel, of in zip(picture.subplots(1, len(things), squeeze=False)[0], things, strict=True):
        own = [each for each in costs if each.of == of]
        values = [each.value for each in own]
        panel.plot(values, [each.p50 for each in own], "o-", color="tab:red", label="p50")
        panel.plot(values, [each.p99 for each in own], "o--", color="tab:red", label="p99")
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlabel(of)
        panel.set_ylabel("ms", color="tab:red")
        memory = panel.twinx()
        memory.plot(values, [each.megabytes for each in own], "s-", color="tab:blue", label="MB")
        memory.set_ylim(0, 1.25 * max(each.megabytes for each in own) or None)  # 0: not known
        memory.set_ylabel("MB, all workers", color="tab:blue")
        panel.legend(loc="center left")
        panel.grid(alpha=0.3)
    save(picture, path)


def content(costs: Sequence[Cost]) -> dict[str, Any]:
    return {"costs": [asdict(each) for each in costs]}
