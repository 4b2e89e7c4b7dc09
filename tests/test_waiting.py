"""Requests that wait on one event loop: who waits lets others go on, and is woken once."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from contextvars import ContextVar

import pytest

from service.waiting import WaitingRoom, result


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def room(loop) -> WaitingRoom:
    return WaitingRoom(loop)


def soon() -> float:
    return time.monotonic() + 60


def turn(loop, until=lambda: False, seconds: float = 5.0) -> None:
    """Let the loop run until it is so."""

    async def wait() -> None:
        end = time.monotonic() + seconds
        while not until() and time.monotonic() < end:
            await asyncio.sleep(0.001)

    loop.run_until_complete(wait())


def test_on_a_thread_it_waits_as_a_thread_does():
    future: Future[int] = Future()
    threading.Timer(0.01, future.set_result, [3]).start()
    assert result(future, soon()) == 3


def test_on_a_thread_the_deadline_holds():
    with pytest.raises(TimeoutError):
        result(Future(), time.monotonic() - 1)


def test_while_one_waits_others_go_on(loop, room):
    first: Future[str] = Future()
    said: list[str] = []
    room.run(lambda: said.append(result(first, soon())))
    room.run(lambda: said.append("second"))
    assert (said, len(room)) == (["second"], 1)
    threading.Thread(target=first.set_result, args=("first",)).start()
    turn(loop, lambda: len(said) == 2)
    assert (said, len(room)) == (["second", "first"], 0)


def test_an_answer_that_is_there_is_not_waited_for(room):
    future: Future[int] = Future()
    future.set_result(1)
    said: list[int] = []
    room.run(lambda: said.append(result(future, soon())))
    assert said == [1]


def test_all_whom_a_forward_pass_answers_go_on_after_one_wake_up(loop, room, monkeypatch):
    futures: list[Future[int]] = [Future() for _ in range(20)]
    said: list[int] = []
    for future in futures:
        room.run(lambda future=future: said.append(result(future, soon())))
    calls = []
    call = loop.call_soon_threadsafe
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *a: calls.append(a) or call(*a))

    def answer() -> None:
        for number, future in enumerate(futures):
            future.set_result(number)

    thread = threading.Thread(target=answer)  # the loop does not run yet, so none can be woken
    thread.start()
    thread.join()
    turn(loop, lambda: len(said) == 20)
    assert said == list(range(20))
    assert len(calls) == 1


def test_answers_of_the_loops_own_thread_need_no_wake_up(loop, room, monkeypatch):
    monkeypatch.setattr(loop, "call_soon_threadsafe", None)
    futures: list[Future[int]] = [Future() for _ in range(3)]
    said: list[int] = []
    for future in futures:
        room.run(lambda future=future: said.append(result(future, soon())))
    room.hold()
    for number, future in enumerate(futures):
        future.set_result(number)
    assert said == []  # one that goes on must not find others half answered
    room.go_on()
    assert said == [0, 1, 2]


def test_after_it_went_on_the_loop_is_told_again(loop, room):
    room.hold()
    room.go_on()
    future: Future[int] = Future()
    said: list[int] = []
    room.run(lambda: said.append(result(future, soon())))
    threading.Thread(target=future.set_result, args=(1,)).start()
    turn(loop, lambda: bool(said))
    assert said == [1]


def test_a_failure_is_raised_where_it_was_waited_for(loop, room):
    future: Future[int] = Future()
    caught: list[str] = []

    def work() -> None:
        try:
            result(future, soon())
        except ValueError as error:
            caught.append(str(error))

    room.run(work)
    future.set_exception(ValueError("no"))
    turn(loop, lambda: bool(caught))
    assert caught == ["no"]


def test_who_waits_too_long_is_told_and_a_late_answer_disturbs_nobody(loop, room):
    future: Future[int] = Future()
    next_future: Future[int] = Future()
    said: list[object] = []
    deadline = soon()

    def work() -> None:
        try:
            result(future, deadline)
        except TimeoutError:
            said.append("late")
        said.append(result(next_future, soon()))  # the late answer must not end this one

    room.run(work)
    room.look_at_the_clock(deadline - 0.01)
    assert said == []
    room.look_at_the_clock(deadline)
    assert said == ["late"]
    future.set_result(1)
    turn(loop, seconds=0.02)
    assert said == ["late"]
    next_future.set_result(2)
    turn(loop, lambda: len(said) == 2)
    assert said == ["late", 2]


def test_each_has_its_own_context(loop, room):
    name: ContextVar[str] = ContextVar("name", default="nobody")
    futures: list[Future[int]] = [Future(), Future()]
    said: list[str] = []

    def work(own: str, future: Future[int]) -> None:
        name.set(own)
        result(future, soon())
        said.append(name.get())

    for own, future in zip(("a", "b"), futures, strict=True):
        room.run(lambda own=own, future=future: work(own, future))
    assert name.get() == "nobody"
    for future in futures:
        future.set_result(0)
    turn(loop, lambda: len(said) == 2)
    assert said == ["a", "b"]
