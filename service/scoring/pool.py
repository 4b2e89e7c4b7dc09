"""A process per core, each with the bundles loaded."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from service.errors import CommandError
from service.scoring import worker
from service.scoring.chunks import Chunk, Plan, Readers, Scored
from service.settings import Settings

T = TypeVar("T")


class Workers(Protocol):
    """Who scores chunks."""

    at_once: int  # chunks that may be under way

    def readers(self, model: str | None) -> Readers: ...

    def submit(self, chunk: Chunk, plan: Plan) -> Future[Scored]: ...


class Pool:
    """
    Args:
        settings: how many processes, on which device, with which bundles.
        most_chunks: no more processes than these, where it is known.
    """

    def __init__(self, settings: Settings, most_chunks: int | None) -> None:
        count = min(settings.workers, max(1, most_chunks or settings.workers))
        self._settings = replace(settings, workers=count)
        self._count = count
        self.at_once = 2 * count + 1  # what is read while the oldest is waited for
        # Before a process imports torch: each one's pool of threads gets its share of the cores.
        os.environ.setdefault("OMP_NUM_THREADS", str(self._settings.network_threads))
        self._executor = ProcessPoolExecutor(
            count,
            # torch's thread pools and CUDA do not survive a fork.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=worker.start,
            initargs=(self._settings,),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown(cancel_futures=True)

    def readers(self, model: str | None) -> Readers:
        """
        Raises:
            UsageError: there is no such bundle.
            CommandError: the bundles cannot be used.
        """
        # All of them, so that all load their bundles meanwhile.
        answers: list[Future[Readers]] = [
            self._submit(worker.readers, model) for _ in range(self._count)
        ]
        return result(answers[0])

    def submit(self, chunk: Chunk, plan: Plan) -> Future[Scored]:
        return self._submit(worker.score, chunk, plan)

    def _submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        with _deaf():
            return self._executor.submit(call, *arguments)


def result(future: Future[T]) -> T:
    """
    Raises:
        CommandError: its process was ended.
    """
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise CommandError(
            "A process that scores was ended from outside; is there too little memory? The same "
            "command goes on where this one stopped; --workers takes fewer of them."
        ) from error


@contextmanager
def _deaf() -> Iterator[None]:
    """Signals to end wait meanwhile, and processes that are started now never get them: Ctrl-C
    goes to all processes of a terminal, and the main one tells the others when to end."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
