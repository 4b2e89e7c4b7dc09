"""What is noted of one request on its way: its id, where its time went, what it was answered.

`service/observe.py` begins a trace for each request. Who reads texts finds it with `current()` and
notes what it did, the batcher from a thread of its own. Headers, metrics, log lines and spans are
made of it at the end.
"""

from __future__ import annotations

import time
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.predictor import Prediction


@dataclass(slots=True)
class Trace:
    """Moments are of `time.monotonic()`."""

    request_id: str = ""
    began: float = field(default_factory=time.monotonic)
    tokenize_began: float | None = None
    tokenize_seconds: float = 0.0
    queued: float | None = None  # when the first of its texts began to wait for the network
    read: float | None = None  # when the last of its texts that have been read was
    network_seconds: float = 0.0  # of all forward passes that read a text of it
    predictions: list[Prediction] = field(default_factory=list)

    @property
    def queue_seconds(self) -> float:
        """How long its texts waited, or have waited so far, while none of them was read."""
        if self.queued is None:
            return 0.0
        read = time.monotonic() if self.read is None else self.read
        return max(0.0, read - self.queued - self.network_seconds)

    def tokenized(self, began: float) -> None:
        """Its texts were made token ids of since the moment `began`."""
        if self.tokenize_began is None:
            self.tokenize_began = began
        self.tokenize_seconds += time.monotonic() - began

    def waits(self) -> None:
        """Texts of it wait for the network from now on."""
        if self.queued is None:
            self.queued = time.monotonic()

    def was_read(self, began: float, ended: float) -> None:
        """A forward pass read at least one of its texts."""
        self.network_seconds += ended - began
        self.read = ended

    def enter(self) -> Token[Trace | None]:
        """Make this the thread's `current()` trace, until `leave`."""
        return _current.set(self)

    @staticmethod
    def leave(token: Token[Trace | None]) -> None:
        _current.reset(token)


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current() -> Trace:
    """The trace of the request that this thread answers; without one, a trace that nobody reads."""
    return _current.get() or Trace()
