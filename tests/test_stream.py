"""Sockets on the event loop: what comes is handed on, what goes is sent to the end."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from contextlib import closing, contextmanager

import pytest

from service.stream import _HIGH, Listener, Stream


class Told(asyncio.Protocol):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.data = b""
        self.stays_open = False
        self.ended: list[Exception | None] = []

    def connection_made(self, transport):
        self.stream = transport
        self.events.append("made")

    def data_received(self, data):
        if data == b"fail":
            raise ValueError("a fault")
        self.events.append("data")
        self.data += data

    def eof_received(self):
        self.events.append("eof")
        return self.stays_open

    def pause_writing(self):
        self.events.append("pause")

    def resume_writing(self):
        self.events.append("resume")

    def connection_lost(self, error):
        self.events.append("lost")
        self.ended.append(error)


class Loop:
    """An event loop that turns when it is told to."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.made: list[Told] = []
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=400)
        self.address = self.listening.getsockname()
        self.listener = Listener(self.loop, self.listening, self._protocol)

    def _protocol(self) -> Told:
        self.made.append(Told())
        return self.made[-1]

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.loop.run_until_complete(asyncio.sleep(0))

    def until(self, happened) -> None:
        async def wait() -> None:
            while not happened():
                await asyncio.sleep(0.001)

        self.loop.run_until_complete(asyncio.wait_for(wait(), 10))

    @contextmanager
    def client(self, first: bytes = b"hello"):
        """A client that has sent its first bytes, and the protocol of its connection."""
        with closing(socket.create_connection(self.address, timeout=10)) as connected:
            connected.sendall(first)
            before = len(self.made)
            self.until(lambda: len(self.made) > before and self.made[-1].data.endswith(first))
            yield connected, self.made[-1]


@pytest.fixture
def loop():
    made = Loop()
    yield made
    made.listener.close()
    for told in made.made:
        told.stream.abort()
    made.turn()
    made.loop.close()


def test_what_a_new_connection_has_sent_is_read_in_the_turn_that_accepts_it(loop):
    with closing(socket.create_connection(loop.address, timeout=10)) as client:
        client.sendall(b"hello")
        loop.turn(2)  # the first one asks the system, the second does what it said
        assert [told.events for told in loop.made] == [["made", "data"]]
        assert loop.made[0].data == b"hello"
        assert loop.made[0].stream.get_extra_info("peername") == client.getsockname()


def test_many_connections_are_taken_in_turns_and_none_is_left(loop):
    clients = [socket.create_connection(loop.address, timeout=10) for _ in range(300)]
    loop.turn()  # a few turns
    assert 0 < len(loop.made) < 300
    loop.until(lambda: len(loop.made) == 300)
    for client in clients:
        client.close()


def test_what_comes_later_is_read_and_the_end_is_told(loop):
    with loop.client() as (client, told):
        client.sendall(b" again")
        loop.until(lambda: told.data == b"hello again")
        client.shutdown(socket.SHUT_WR)
        loop.until(lambda: told.ended)
        assert told.events[-2:] == ["eof", "lost"]
        assert told.ended == [None]
        assert client.recv(10) == b""


def test_after_the_clients_end_it_is_still_answered_if_the_protocol_wants_that(loop):
    with loop.client() as (client, told):
        told.stays_open = True
        client.shutdown(socket.SHUT_WR)
        loop.until(lambda: "eof" in told.events)
        loop.turn(3)
        assert told.events.count("eof") == 1  # a socket at its end is always readable
        told.stream.write(b"late")
        told.stream.close()
        loop.until(lambda: told.ended)
        assert client.recv(10) == b"late"


def test_reading_stops_and_goes_on(loop):
    with loop.client() as (client, told):
        told.stream.pause_reading()
        told.stream.pause_reading()
        client.sendall(b" again")
        loop.turn(5)
        assert told.data == b"hello"
        told.stream.resume_reading()
        told.stream.resume_reading()
        loop.until(lambda: told.data == b"hello again")


def test_what_a_client_is_slow_to_read_is_sent_to_the_end_in_order(loop):
    pieces = [bytes([n]) * 1_000_000 for n in range(8)]
    with loop.client() as (client, told):
        for piece in pieces:
            told.stream.write(piece)
        assert told.stream.get_write_buffer_size() > _HIGH
        assert told.events[-1] == "pause"
        told.stream.close()
        told.stream.write(b"too late")
        assert told.stream.is_closing()
        read = bytearray()

        def read_all() -> bool:
            client.setblocking(False)
            try:
                read.extend(client.recv(1 << 20))
            except BlockingIOError:
                return False
            return len(read) == 8_000_000

        loop.until(read_all)
        loop.until(lambda: told.ended)
        assert bytes(read) == b"".join(pieces)
        assert told.ended == [None]
        assert "resume" not in told.events  # it was closed


def test_a_protocol_is_told_when_it_may_write_again(loop):
    with loop.client() as (client, told):
        told.stream.write(b"x" * 8_000_000)
        assert told.events[-1] == "pause"
        client.settimeout(0.001)
        left = 8_000_000
        while left:
            loop.turn()
            try:
                left -= len(client.recv(1 << 20))
            except TimeoutError:
                continue
        loop.until(lambda: told.events[-1] == "resume")
        assert told.events.count("pause") == told.events.count("resume") == 1
        assert told.stream.get_write_buffer_size() == 0
        assert not told.ended


def test_half_a_connection_is_closed_behind_what_is_unsent(loop):
    with loop.client() as (client, told):
        told.stream.write(b"x" * 8_000_000)
        told.stream.write_eof()
        told.stream.write(b"behind the end")
        client.settimeout(0.001)
        read = 0
        while True:
            loop.turn()
            try:
                piece = client.recv(1 << 20)
            except TimeoutError:
                continue
            if not piece:
                break
            read += len(piece)
        assert read == 8_000_000
        client.sendall(b" again")  # the other half is open
        loop.until(lambda: told.data == b"hello again")


def test_a_client_that_is_gone_ends_the_connection(loop):
    with loop.client() as (client, told):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()  # with a reset
        loop.until(lambda: told.ended)
        assert isinstance(told.ended[0], ConnectionResetError)
        told.stream.write(b"nobody reads it")
        told.stream.close()
        told.stream.abort()
        loop.turn(2)
        assert told.events.count("lost") == 1


def test_an_abort_throws_away_what_is_unsent(loop):
    with loop.client() as (client, told):
        told.stream.write(b"x" * 8_000_000)
        told.stream.abort()
        assert told.stream.get_write_buffer_size() == 0
        loop.until(lambda: told.ended)
        read = 0
        while piece := client.recv(1 << 20):
            read += len(piece)
        assert read < 8_000_000


def test_a_fault_of_a_protocol_ends_its_connection_and_no_other(loop, caplog):
    with loop.client() as (client, told), loop.client() as (other, also_told):
        client.sendall(b"fail")
        loop.until(lambda: told.ended)
        assert "a connection failed at what came" in caplog.text
        other.sendall(b" again")
        loop.until(lambda: also_told.data == b"hello again")


def test_who_has_connected_when_the_listener_closes_is_let_in(loop):
    with closing(socket.create_connection(loop.address, timeout=10)) as client:
        client.sendall(b"hello")
        loop.listener.close()
        assert loop.made[0].data == b"hello"
    another = socket.create_server(("127.0.0.1", 0))
    loop.listener = Listener(loop.loop, another, loop._protocol)  # for the fixture to close


class Listening:
    """A socket of which `fault` may raise something whenever `accept` is asked."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.asked = 0

    def accept(self):
        self.asked += 1
        self.fault()
        return self._socket.accept()

    def __getattr__(self, name):
        return getattr(self._socket, name)


class Lost(Listening):
    """Its first connection was lost before it was taken."""

    def fault(self):
        if self.asked == 1:
            raise OSError(errno.EPROTO, "Protocol error")


class Exhausted(Listening):
    """The system has no descriptor left, until `left` says otherwise."""

    left = False

    def fault(self):
        if not self.left:
            raise OSError(errno.EMFILE, "Too many open files")


def listen(listening):
    """A loop that listens there, its listener, and the protocols that it made."""
    loop, made = asyncio.new_event_loop(), []

    def protocol() -> Told:
        made.append(Told())
        return made[-1]

    return loop, Listener(loop, listening, protocol), made


def test_one_connection_that_is_lost_keeps_no_other_waiting(caplog):
    listening = Lost()
    loop, listener, made = listen(listening)
    with closing(socket.create_connection(listening.getsockname(), timeout=10)):
        for _ in range(2):
            loop.run_until_complete(asyncio.sleep(0))
        assert [told.events for told in made] == [["made"]]
        assert caplog.text == ""
        made[0].stream.abort()
    listener.close()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def test_without_descriptors_it_waits_and_then_takes_who_waits(caplog):
    listening = Exhausted()
    loop, listener, made = listen(listening)
    with closing(socket.create_connection(listening.getsockname(), timeout=10)):
        loop.run_until_complete(asyncio.sleep(0.1))
        assert listening.asked == 1  # not over and over
        assert "Too many open files. Raise `ulimit -n`?" in caplog.text
        listening.left = True
        loop.run_until_complete(asyncio.sleep(1.2))
        assert [told.events for told in made] == [["made"]]
        made[0].stream.abort()
    listening.left = False
    with closing(socket.create_connection(listening.getsockname(), timeout=10)):
        loop.run_until_complete(asyncio.sleep(0.1))
        listener.close()  # while it waits: it does not come back
        loop.run_until_complete(asyncio.sleep(1.2))
    assert listening.asked == 5  # once more by `close`
    loop.close()


def test_a_stream_is_a_transport_of_asyncio(loop):
    with loop.client() as (_, told):
        assert isinstance(told.stream, Stream)
        assert isinstance(told.stream, asyncio.Transport)
