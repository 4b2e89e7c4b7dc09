"""Which requests run on the worker's loop, and which on threads. The worker itself is tested with
gunicorn around it, in tests/e2e/test_gunicorn.py."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from types import SimpleNamespace

import pytest

from service.app import QUICK_BODY, quick
from service.settings import Settings
from service.waiting import WaitingRoom
from service.worker import _TURN, LoopWorker


def environ(method: str, path: str, length: int | None = None) -> dict[str, str]:
    stated = {} if length is None else {"CONTENT_LENGTH": str(length)}
    return {"REQUEST_METHOD": method, "PATH_INFO": path, **stated}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param(environ("GET", "/livez"), True, id="alive"),
        pytest.param(environ("GET", "/readyz"), True, id="ready"),
        pytest.param(environ("HEAD", "/v2/health/ready"), True, id="another protocol's"),
        pytest.param(environ("POST", "/predict", 80), True, id="one text"),
        pytest.param(environ("POST", "/v1/models/a:predict", QUICK_BODY), True, id="several"),
        pytest.param(environ("POST", "/predict", QUICK_BODY + 1), False, id="many"),
        pytest.param(environ("POST", "/predict"), False, id="in chunks"),
        pytest.param(environ("POST", "/predict", -1), False, id="no length"),
        pytest.param(environ("POST", "/explain", 80), False, id="an explanation"),
        pytest.param(environ("GET", "/metrics"), False, id="metrics"),
        pytest.param(environ("GET", "/openapi.json"), False, id="the contract"),
        pytest.param(environ("GET", "/"), False, id="the page"),
    ],
)
def test_what_keeps_nobody_waiting_runs_on_the_loop(request_, expected):
    assert quick(Settings())(request_) is expected


def test_where_each_request_asks_redis_all_run_on_threads():
    storage = "redis://127.0.0.1"
    limits = Settings.from_env({"RATE_LIMIT": "9/minute", "RATE_LIMIT_STORAGE": storage})
    assert not quick(limits)(environ("GET", "/livez"))
    assert not quick(limits)(environ("POST", "/predict", 80))
    without = quick(Settings(rate_limit_storage=storage))  # asked by nobody
    assert without(environ("POST", "/predict", 80))


class Connected:
    """As much of a connection as the worker looks at."""

    def __init__(self, quiet_since: float, *, unused: bool, halfway: float = 0) -> None:
        self.quiet_since, self.unused, self.aborted = quiet_since, unused, False
        self.halfway_for = lambda now: halfway

    def abort(self) -> None:
        self.aborted = True


def test_a_full_worker_parts_with_the_connection_that_is_unused_longest(caplog):
    cfg = SimpleNamespace(worker_connections=3)
    worker = SimpleNamespace(connections=set(), cfg=cfg, _told_full=-100.0)
    busy, older, newer, last = (
        Connected(1, unused=False), Connected(2, unused=True), Connected(3, unused=True),
        Connected(4, unused=True),
    )  # fmt: skip
    assert all(LoopWorker.opened(worker, each) for each in (busy, older, newer, last))
    assert [each.aborted for each in (busy, older, newer, last)] == [False, True, False, False]
    assert caplog.text == ""


def test_or_with_the_one_whose_request_does_not_come_to_its_end():
    cfg = SimpleNamespace(worker_connections=3)
    worker = SimpleNamespace(connections=set(), cfg=cfg, _told_full=-100.0)
    slow, slower, quick, last = (
        Connected(1, unused=False, halfway=seconds) for seconds in (11, 12, 1, 0)
    )
    assert all(LoopWorker.opened(worker, each) for each in (slow, slower, quick, last))
    assert [each.aborted for each in (slow, slower, quick, last)] == [False, True, False, False]


def test_where_all_are_in_use_the_newcomer_is_refused_and_the_log_says_so_once(caplog):
    cfg = SimpleNamespace(worker_connections=1)
    worker = SimpleNamespace(connections=set(), cfg=cfg, _told_full=-100.0)
    assert LoopWorker.opened(worker, Connected(1, unused=False, halfway=9))
    for _ in range(3):
        assert not LoopWorker.opened(worker, Connected(2, unused=False))
    assert caplog.text.count("refused a connection: all 1 of this worker are in use") == 1


@pytest.fixture
def worker():
    """A worker on a loop that turns when it is told to, and for which all is quick."""
    made = LoopWorker.__new__(LoopWorker)
    made.loop = asyncio.new_event_loop()
    made.waiting_room = WaitingRoom(made.loop)
    made._turn_began, made._later = None, deque()
    made._quick = lambda environ: True
    yield made
    made.loop.close()


def turn(loop):
    loop.call_soon(loop.stop)
    loop.run_forever()


def test_a_health_check_does_not_wait_for_all_requests_that_came_before_it(worker):
    begun = []

    def begins(name, seconds=0.0):
        def work(tell):
            time.sleep(seconds)
            tell(begun.append, name)

        return work

    for name in range(4):
        worker.start(begins(name, seconds=2 * _TURN), {}, 80)
    assert begun == [0]
    worker.start(begins("health"), {}, 0)
    assert begun == [0, "health"]
    turn(worker.loop)
    assert begun == [0, "health", 1]
    worker.start(begins(4), {}, 80)  # behind the others
    worker.start(begins("health again"), {}, 0)
    for _ in range(4):
        turn(worker.loop)
    assert begun == [0, "health", 1, "health again", 2, 3, 4]
    worker.start(begins(5), {}, 80)
    assert begun[-1] == 5


def test_what_takes_no_while_is_begun_with_at_once(worker, monkeypatch):
    monkeypatch.setattr("service.worker._TURN", 60.0)  # this process may lose its core meanwhile
    begun = []
    for number in range(20):
        worker.start(lambda tell, number=number: tell(begun.append, number), {}, 80)
    assert begun == list(range(20))
