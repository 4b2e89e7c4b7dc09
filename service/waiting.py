"""Waiting for an answer without holding a thread.

A request that waits for the network costs gunicorn's threaded worker a thread, and each hand-over
from one thread to the next two switches under the interpreter's lock: more than the request's own
work. Here each request is a greenlet (https://greenlet.readthedocs.io) of the worker's one event
loop instead. While it waits, the loop answers others; when a forward pass has ended, all whom it
answered go on after a single wake-up.

Only `result` and `room` know of this. On a thread of its own (a command, a test, a request that is
too large for the loop) `result` waits as a thread does.
"""

from __future__ import annotations

import logging
import time
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from typing import TypeVar

from greenlet import getcurrent, greenlet

log = logging.getLogger(__name__)

T = TypeVar("T")


def result(future: Future[T], deadline: float) -> T:
    """
    Args:
        deadline: of `time.monotonic()`.

    Raises:
        TimeoutError: nothing came until then.
    """
    task = getcurrent()
    if isinstance(task, _Task):
        task.waiting_room.wait(task, future, deadline)
        if not future.done():
            raise FutureTimeoutError
        return future.result()
    return future.result(timeout=max(0.0, deadline - time.monotonic()))


def room() -> WaitingRoom | None:
    """That of the request which asks, or None on a thread of its own."""
    task = getcurrent()
    return task.waiting_room if isinstance(task, _Task) else None


class WaitingRoom:
    """The requests of one event loop that wait, each for a future.

    All methods but `_came` belong to the loop's thread; `hold` and `go_on` to what the loop itself
    calls, not to a request.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[_Wait, None] = {}  # in the order in which they came
        self._answered: deque[_Wait] = deque()
        self._called = False

    def __len__(self) -> int:
        return len(self._waiting)

    def run(self, work: Callable[[], None]) -> None:
        """Begin with `work`, which raises nothing; returns when it is done or waits."""
        _Task(self, work).switch()

    def wait(self, task: _Task, future: Future[T], deadline: float) -> None:
        """Leave the thread to others until the future is done or the deadline has passed."""
        if future.done():
            return
        wait = _Wait(task, deadline)
        self._waiting[wait] = None
        future.add_done_callback(lambda _: self._came(wait))
        task.parent.switch()

    def soon(self, callback: Callable[[], None]) -> None:
        """Call it as soon as the loop has begun with all requests that have come by now."""
        self._loop.call_soon(callback)

    def hold(self) -> None:
        """Answers are about to come on this very thread: `go_on` will say when they have, so that
        the loop need not be told and turn once more."""
        self._called = True

    def go_on(self) -> None:
        """All whose answers have come go on, now."""
        self._called = False  # first: who comes from now on calls again
        while self._answered:
            self._wake(self._answered.popleft())

    def look_at_the_clock(self, now: float) -> None:
        """Wake who has waited long enough; to be called several times a second.

        Args:
            now: of `time.monotonic()`.
        """
        for wait in [wait for wait in self._waiting if wait.deadline <= now]:
            self._wake(wait)

    def _came(self, wait: _Wait) -> None:
        """On the thread that gave the answer: of all answers of a forward pass the first calls."""
        self._answered.append(wait)
        if not self._called:
            self._called = True
            with suppress(RuntimeError):  # the loop has ended, and with it those who waited
                self._loop.call_soon_threadsafe(self.go_on)

    def _wake(self, wait: _Wait) -> None:
        if wait not in self._waiting:  # its deadline came first
            return
        del self._waiting[wait]
        try:
            wait.task.switch()
        except Exception:  # the others have to go on
            log.exception("a request failed beyond its answer; please report this")


class _Wait:
    __slots__ = ("deadline", "task")

    def __init__(self, task: _Task, deadline: float) -> None:
        self.task = task
        self.deadline = deadline


class _Task(greenlet):  # type: ignore[misc]  # greenlet has no types
    def __init__(self, waiting_room: WaitingRoom, work: Callable[[], None]) -> None:
        super().__init__(work)
        self.waiting_room = waiting_room
