"""gunicorn's worker: one event loop that reads, calls Flask and answers.

gunicorn keeps what it is good at: it starts the workers, watches over them and replaces them. Of
its own worker classes the threaded one hands each request from thread to thread, and gevent's
patches the standard library under all that the service imports. This one does neither: what is
quick runs on the loop and waits in `service/waiting.py`; what may take long, or reads from
elsewhere, runs on threads (docs/decisions/0015-worker.md).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from gunicorn import sock
from gunicorn.workers.base import Worker

from service.connection import Connection, Tell, base_environ
from service.stream import Listener
from service.waiting import WaitingRoom

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

# How often, in seconds, it shows that it lives and looks who has waited or been idle for too long.
_TICK = 0.1

# How long the loop begins with requests that have a body, in seconds, before it turns: of many that
# come at once each may take a millisecond, such as one of 64 texts.
_TURN = 0.005

# A stopping worker leaves a connection open until it has been quiet for so long, in seconds: a
# request may be on its way.
_LINGER = 1.0

# How long a client may take to send a request where others find no room, in seconds.
_HALFWAY = 10.0

# How long to be silent after saying that there are too many connections, in seconds.
_TELL_AGAIN = 10.0

log = logging.getLogger(__name__)


class LoopWorker(Worker):  # type: ignore[misc]  # gunicorn has no types
    """Serves a Flask application.

    The application says in `extensions["quick"]`, a function of a WSGI environment, which requests
    may run on the loop; without it none may. `extensions["refused"]` is told the status with which
    a connection was answered of which the application heard nothing.
    """

    sockets: list[Any]  # gunicorn's, each with what is bound in `sock`

    def init_process(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.waiting_room = WaitingRoom(self.loop)
        self.connections: set[Connection] = set()
        self.stopping = False
        self._told_full = -_TELL_AGAIN
        self._turn_began: float | None = None
        self._later: deque[Callable[[Tell], None]] = deque()
        self._threads = ThreadPoolExecutor(self.cfg.threads, thread_name_prefix="request")
        super().init_process()

    def load_wsgi(self) -> None:
        """Load the application, and only then listen: gunicorn has done so already, and the system
        would hand this worker connections that wait until it is ready, or for nothing."""
        listens_for_itself = self.cfg.reuse_port
        if listens_for_itself:
            sock.close_sockets(self.sockets, unlink=False)
        super().load_wsgi()
        if listens_for_itself:
            self.sockets = sock.create_sockets(self.cfg, self.log)
        # What is loaded stays: the garbage collector need not walk through all of torch for every
        # few thousand requests.
        gc.collect()
        gc.freeze()

    def run(self) -> None:
        app = self.wsgi
        self.application: WSGIApplication = app
        self.max_body: int = app.config["MAX_CONTENT_LENGTH"]
        self._quick: Callable[[WSGIEnvironment], bool] = app.extensions.get("quick", _never)
        self.refused: Callable[[HTTPStatus], None] = app.extensions.get("refused", _ignored)
        try:
            self.loop.run_until_complete(self._serve())
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self.loop.close()

    # --- what a connection needs of it -------------------------------------------------------

    def opened(self, connection: Connection) -> bool:
        self.connections.add(connection)
        if len(self.connections) <= int(self.cfg.worker_connections):
            return True
        unused = (each for each in self.connections if each.unused and each is not connection)
        quietest = min(unused, key=lambda each: each.quiet_since, default=None)
        if quietest is not None:
            quietest.abort()
            return True
        now = time.monotonic()
        slowest = max(self.connections, key=lambda each: each.halfway_for(now))
        if slowest.halfway_for(now) > _HALFWAY:
            slowest.abort()
            return True
        if now - self._told_full > _TELL_AGAIN:
            self._told_full = now
            log.error(
                "refused a connection: all %s of this worker are in use. More WORKERS take more",
                self.cfg.worker_connections,
            )
        return False

    def closed(self, connection: Connection) -> None:
        self.connections.discard(connection)

    def start(self, work: Callable[[Tell], None], environ: WSGIEnvironment, size: int) -> None:
        if not self._quick(environ):
            self._threads.submit(work, self.loop.call_soon_threadsafe)
        elif size and (self._later or self._turn_is_over()):
            self._later.append(work)  # `_next_turn` begins with it
        else:
            self.waiting_room.run(partial(work, _at_once))

    def _turn_is_over(self) -> bool:
        """Whether the loop has begun with requests for long enough, and is to look who else is
        there: a health check, which has no body, would wait for all of them."""
        now = time.monotonic()
        if self._turn_began is None:
            self._turn_began = now
            self.loop.call_soon(self._next_turn)
        return now - self._turn_began > _TURN

    def _next_turn(self) -> None:
        self._turn_began = None
        while self._later and not self._turn_is_over():
            self.waiting_room.run(partial(self._later.popleft(), _at_once))

    # --- its life ----------------------------------------------------------------------------

    async def _serve(self) -> None:
        listeners = list(map(self._listen, self.sockets))
        # A signal's handler runs when the loop turns: gunicorn has its number written here.
        self.loop.add_reader(self.PIPE[0], os.read, self.PIPE[0], 1_024)
        while self.alive and self.ppid == os.getppid():
            self.notify()
            self._look_at_the_clock()
            await asyncio.sleep(_TICK)
        await self._stop(listeners)

    def _listen(self, listener: Any) -> Listener:
        host, port = listener.getsockname()[:2]
        base = base_environ(host, port, several=self.cfg.workers > 1)
        return Listener(self.loop, listener.sock, partial(Connection, self, base))

    def _look_at_the_clock(self) -> None:
        now = time.monotonic()
        self.waiting_room.look_at_the_clock(now)
        for connection in list(self.connections):
            connection.look_at_the_clock(now, self.cfg.keepalive)

    async def _stop(self, listeners: list[Listener]) -> None:
        """Take no more connections, answer what is under way, then close the rest."""
        self.stopping = True
        await asyncio.sleep(_TICK)  # who has connected already is still let in
        for listener in listeners:
            listener.close()
        end = time.monotonic() + self.cfg.graceful_timeout
        while self.connections and time.monotonic() < end:
            self.notify()
            for connection in list(self.connections):
                connection.stop(_LINGER)
            self._look_at_the_clock()
            await asyncio.sleep(_TICK / 10)
        for connection in list(self.connections):
            connection.abort()


def _at_once(callback: Callable[..., object], *arguments: object) -> None:
    callback(*arguments)


def _never(environ: WSGIEnvironment) -> bool:
    return False


def _ignored(status: HTTPStatus) -> None:
    pass
