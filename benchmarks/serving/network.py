"""The network alone on all cores: what a server could answer if all but the network cost nothing.

As our workers have it: a process for each core, one thread each, and the texts of a request in as
few forward passes as their lengths allow. They are token ids already, and nothing answers.
"""

from __future__ import annotations

import math
import multiprocessing
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, cycle
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import torch

from benchmarks.serving.load import Load
from benchmarks.serving.reading import BUNDLE
from benchmarks.serving.running import READY_SECONDS, NotMeasured, Place
from service.batcher import warm
from service.bundle import Bundle, load_bundle
from service.padding import of_like_length

NAME = "the network alone"

Pass = list[list[int]]  # token ids of each text
Durations = list[float]  # of requests, in seconds


def run(place: Place, requests: Sequence[Sequence[str]], seconds: float) -> Load:
    """Read the requests over and over.

    Args:
        requests: the texts of each, at least one text.
        seconds: for so long, on each core.

    Raises:
        NotMeasured: a process ended, for example without the memory that it needs.
    """
    context = multiprocessing.get_context("spawn")  # torch's threads do not live through a fork
    together = context.Barrier(place.cores, timeout=READY_SECONDS)
    try:
        with ProcessPoolExecutor(
            place.cores, context, _prepare, (place.models / f"{BUNDLE}.pt", requests, together)
        ) as pool:
            durations = sorted(chain.from_iterable(pool.map(_read, [seconds] * place.cores)))
    except (BrokenProcessPool, BrokenBarrierError) as error:
        raise NotMeasured(f"a process with the network alone ended or was late: {error}") from error
    milliseconds = {
        str(share): 1_000 * durations[math.ceil(share / 100 * len(durations)) - 1]
        for share in (50, 90, 99)
    }
    return Load(len(durations), sum(durations) / place.cores, milliseconds, {})


class _Mine:
    """What a process of the pool has."""

    bundle: Bundle
    requests: list[list[Pass]]
    together: Barrier


def _prepare(bundle: Path, requests: Sequence[Sequence[str]], together: Barrier) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who waits; this ends soon enough
    torch.set_num_threads(1)
    _Mine.bundle = load_bundle(bundle, precision="auto")
    warm(_Mine.bundle)
    _Mine.requests = [_passes(_Mine.bundle, texts) for texts in requests]
    for passes in _Mine.requests:  # oneDNN makes a shape ready when it first comes
        _read_one(passes)
    _Mine.together = together


def _passes(bundle: Bundle, texts: Sequence[str]) -> list[Pass]:
    ids = [bundle.encode(text).ids for text in texts]
    cut = of_like_length(list(map(len, ids)), len(ids), bundle.metadata.max_tokens * len(ids))
    return [[ids[place] for place in places] for places in cut]


def _read(seconds: float) -> Durations:
    """Each process has one of these: none returns before all have begun."""
    turns = cycle(_Mine.requests)
    durations: Durations = []
    _Mine.together.wait()
    end = time.perf_counter() + seconds
    began = time.perf_counter()
    while began < end or not durations:
        _read_one(next(turns))
        now = time.perf_counter()
        durations.append(now - began)
        began = now
    return durations


def _read_one(passes: list[Pass]) -> None:
    for sequences in passes:
        _Mine.bundle.probabilities(sequences)
