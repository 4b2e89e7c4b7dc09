"""Sockets on the event loop: listening, and what `service/connection.py` needs of a transport.

asyncio's own takes four turns of the loop from a new connection to its first request, each as long
as all requests that are begun or answered in it; under full load a health check, on a connection of
its own, waits for them. Here it is read in the turn in which it is accepted. The rest is asyncio's
contract (https://docs.python.org/3/library/asyncio-protocol.html), as far as HTTP without TLS has
use for it.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

log = logging.getLogger(__name__)

# What is read at once, in bytes.
_READ = 64 << 10
# Bytes that wait for a client to read them: above the first its protocol is told to write no more,
# below the second to go on.
_HIGH, _LOW = 64 << 10, 16 << 10
# Connections that are taken in one turn of the loop: others are under way.
_ACCEPT = 64
# How long to wait after the system had no descriptor or memory left for a connection, in seconds.
_ACCEPT_AGAIN = 1.0
# What `accept` says of a connection that was lost before it was taken (accept(2)).
_LOST = (
    errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN, errno.EHOSTDOWN, errno.EHOSTUNREACH,
    errno.ENETUNREACH, errno.EPERM,
)  # fmt: skip


class Listener:
    """Takes connections until it is closed.

    Args:
        listening: a socket that listens; it is the listener's from now on.
        protocol: makes the protocol of a new connection.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listening: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
    ) -> None:
        self._loop = loop
        self._socket = listening
        self._protocol = protocol
        self._again: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        self._listen()

    def close(self) -> None:
        """Take no more connections than have come: the system would cut those off."""
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self._socket)
        with suppress(OSError):
            while self._take():
                pass
        self._socket.close()

    def _listen(self) -> None:
        self._again = None
        self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for _ in range(_ACCEPT):
            try:
                if not self._take():
                    return
            except OSError as error:  # it would fail at once again
                log.error("a connection could not be taken: %s. Raise `ulimit -n`?", error.strerror)
                self._loop.remove_reader(self._socket)
                self._again = self._loop.call_later(_ACCEPT_AGAIN, self._listen)
                return

    def _take(self) -> bool:
        """
        Returns:
            Whether there was a connection to take, and may be another.

        Raises:
            OSError: the system has no room for one more.
        """
        try:
            accepted, peer = self._socket.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            if error.errno in _LOST:
                return True
            raise
        Stream(self._loop, accepted, peer, self._protocol())
        return True


class Stream(asyncio.Transport):
    """One connection.

    Args:
        connected: its socket.
        peer: the address of who has connected.
        protocol: told of what comes, beginning with what is there already.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connected: socket.socket,
        peer: Any,
        protocol: asyncio.Protocol,
    ) -> None:
        super().__init__({"peername": peer})
        self._loop = loop
        self._socket = connected
        self._protocol = protocol
        self._unsent = bytearray()
        self._reading = False
        self._eof = False  # nothing is sent behind what is unsent
        self._full = False  # the protocol was told to write no more
        self._closing = False
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        protocol.connection_made(self)
        self.resume_reading()
        if self._reading:
            self._readable()

    # --- what comes --------------------------------------------------------------------------

    def pause_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._socket)

    def resume_reading(self) -> None:
        if not (self._reading or self._closing):
            self._reading = True
            self._loop.add_reader(self._socket, self._readable)

    def _readable(self) -> None:
        try:
            data = self._socket.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lost(error)
            return
        try:
            if data:
                self._protocol.data_received(data)
            elif self._protocol.eof_received():
                self.pause_reading()
            else:
                self.close()
        except Exception:  # one connection must not keep others from being read
            log.exception("a connection failed at what came; please report this")
            self.abort()

    # --- what goes ---------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._closing or self._eof:
            return
        if not self._unsent:
            try:
                sent = self._socket.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                self._lost(error)
                return
            if sent == len(data):
                return
            data = data[sent:]
            self._loop.add_writer(self._socket, self._writable)
        self._unsent += data
        if len(self._unsent) > _HIGH and not self._full:
            self._full = True
            self._protocol.pause_writing()

    def write_eof(self) -> None:
        if not (self._closing or self._eof):
            self._eof = True
            if not self._unsent:
                self._shut_down()

    def get_write_buffer_size(self) -> int:
        return len(self._unsent)

    def _writable(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lost(error)
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self._socket)
            if self._closing:
                self._end(None)
            elif self._eof:
                self._shut_down()
        if self._full and len(self._unsent) <= _LOW and not self._closing:
            self._full = False
            self._protocol.resume_writing()

    def _shut_down(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._lost(error)

    # --- its end -----------------------------------------------------------------------------

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Send what is unsent, and end."""
        if self._closing:
            return
        self._closing = True
        self.pause_reading()
        if not self._unsent:
            self._end(None)

    def abort(self) -> None:
        """End at once."""
        self._lost(None)

    def _lost(self, error: OSError | None) -> None:
        if self._socket.fileno() < 0:  # it has ended
            return
        self._closing = True
        self.pause_reading()
        if self._unsent:
            self._unsent.clear()
            self._loop.remove_writer(self._socket)
        self._end(error)

    def _end(self, error: OSError | None) -> None:
        self._socket.close()
        # Not from here: the protocol may be in the middle of something.
        self._loop.call_soon(self._protocol.connection_lost, error)
