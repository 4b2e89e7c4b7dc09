"""`--soak MINUTES`: full load of mixed lengths. Memory must not grow, and nothing may fail."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from benchmarks.serving import load
from benchmarks.serving.processes import PROC, megabytes
from benchmarks.serving.running import Place, check, started
from benchmarks.serving.servers import SPEECH, Server
from benchmarks.serving.texts import CASES, requests
from service.bundle import Bundle

SAMPLE_SECONDS = 10.0
SETTLED_SECONDS = 60.0  # by then each process has seen every length, and its memory is what it is
MOST_GROWTH = 1.05
MOST_SLOPE = 1.02  # from the middle third to the last: what leaks does not stop
BODIES = 1_024


@dataclass(frozen=True)
class Sample:
    seconds: float  # since the load began
    megabytes: float  # PSS of the workers


@dataclass(frozen=True)
class Soak:
    """
    Attributes:
        load: what wrk counted, over all of it.
        samples: in order.
    """

    load: load.Load
    samples: tuple[Sample, ...]

    @property
    def growth(self) -> float | None:
        """The most after it had settled, as a multiple of what it was then; None if it was over
        before."""
        settled = [each.megabytes for each in self.samples if each.seconds >= SETTLED_SECONDS]
        return max(settled) / settled[0] if len(settled) > 1 and settled[0] > 0 else None

    @property
    def slope(self) -> float | None:
        """The median of the last third as a multiple of that of the middle third."""
        third = len(self.samples) // 3
        memory = [each.megabytes for each in self.samples]
        if third == 0 or memory[0] <= 0:
            return None
        return statistics.median(memory[-third:]) / statistics.median(memory[third:-third])

    @property
    def verdicts(self) -> dict[str, bool]:
        growth, slope = self.growth, self.slope
        if not PROC.exists():  # only Linux tells the memory
            return {"no error": not self.load.fault}
        return {
            "no error": not self.load.fault,
            f"memory within {100 * (MOST_GROWTH - 1):.0f} % after the first minute": (
                growth is not None and growth <= MOST_GROWTH
            ),
            f"memory within {100 * (MOST_SLOPE - 1):.0f} % from the middle third to the last": (
                slope is not None and slope <= MOST_SLOPE
            ),
        }


def soaked(
    server: Server,
    place: Place,
    bundle: Bundle,
    minutes: float,
    connections: int,
    advance: Callable[[Sample], None] = lambda _: None,
) -> Soak:
    """
    Args:
        minutes: more than 1, or its growth cannot be told.
        advance: told of each sample.

    Raises:
        NotMeasured: the server does not start, or answers wrong.
        LoadError: wrk failed.
    """
    texts = islice(requests(CASES["mix"], lambda t: len(bundle.tokenizer.encode(t)), 1), BODIES)
    bodies = [SPEECH.request(each) for each in texts]
    seconds = 60 * minutes
    samples: list[Sample] = []
    with started(server, server.settings[0], place) as running:
        check(server, running.port, bundle)
        began = time.monotonic()
        with load.begun(running.port, bodies, connections, seconds) as process:
            while process.poll() is None and (spent := time.monotonic() - began) < seconds:
                samples.append(Sample(round(spent, 1), round(megabytes(running.process.pid), 1)))
                advance(samples[-1])
                time.sleep(min(SAMPLE_SECONDS, max(0.1, seconds - spent)))
            return Soak(load.finished(process, seconds), tuple(samples))


def report(soak: Soak) -> str:
    memory = [each.megabytes for each in soak.samples]
    growth = soak.growth
    lines = [
        f"{soak.load.requests:,} requests in {soak.load.seconds:.0f} s, "
        f"{soak.load.per_second:,.0f} a second, p99 {soak.load.milliseconds['99']:.1f} ms",
        f"memory {_first_and_last(memory)}"
        + (f", at most {growth:.3f} times that of the first minute" if growth else ""),
    ]
    if soak.load.fault:
        lines.append(soak.load.fault)
    lines += [f"{'yes' if holds else 'NO ':<4}{name}" for name, holds in soak.verdicts.items()]
    return "\n".join(lines)


def _first_and_last(memory: Sequence[float]) -> str:
    return f"{memory[0]:.0f} MB at first, {memory[-1]:.0f} MB at last" if memory else "unknown"
