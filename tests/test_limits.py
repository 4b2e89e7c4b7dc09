"""Rate limits: what is let through, what is counted together, and what happens without Redis."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
import threading
import time

import pytest
import redis

from service.limits import RateLimits, network_of
from service.settings import Rate

# One more every twenty minutes: nothing comes back while a test runs.
THREE = Rate(3, 3_600)


def statuses(limits, client, times):
    return [limits.count(client).refused for _ in range(times)]


def test_as_many_as_the_rate_are_let_through_and_no_more():
    limits = RateLimits([THREE])
    counts = [limits.count("a") for _ in range(5)]
    assert [count.refused for count in counts] == [False, False, False, True, True]
    assert [count.remaining for count in counts] == [2, 1, 0, 0, 0]
    assert [count.retry_seconds for count in counts] == [0, 0, 0, 1_200, 1_200]
    assert [count.reset_seconds for count in counts] == [1_200, 2_400, 3_600, 3_600, 3_600]


def test_clients_are_counted_apart():
    limits = RateLimits([THREE])
    assert statuses(limits, "a", 4) == [False, False, False, True]
    assert statuses(limits, "b", 4) == [False, False, False, True]


def test_after_the_time_it_was_told_a_client_is_let_through_again():
    limits = RateLimits([Rate(1, 1)])
    refused = next(count for count in (limits.count("a") for _ in range(1_000)) if count.refused)
    assert refused.retry_seconds == 1
    time.sleep(refused.retry_seconds)
    assert not limits.count("a").refused


@pytest.mark.parametrize("turned", [False, True], ids=["short first", "long first"])
def test_of_several_rates_the_tightest_is_told_and_each_holds(turned):
    rates = [Rate(2, 60), Rate(3, 86_400)]
    limits = RateLimits(rates[::-1] if turned else rates, "")
    first = limits.count("a")
    assert (first.rate, first.remaining) == (rates[0], 1)
    limits.count("a")
    assert limits.count("a").rate == rates[0]
    limits = RateLimits([Rate(100, 1), THREE])
    assert statuses(limits, "a", 4) == [False, False, False, True]
    assert limits.count("a").rate == THREE


def test_of_many_requests_at_once_just_as_many_are_let_through():
    limits = RateLimits([Rate(100, 86_400)])
    refused = []
    begin = threading.Barrier(8)

    def ask():
        begin.wait()
        for _ in range(50):
            refused.append(limits.count("a").refused)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused.count(False) == 100
    assert len(refused) == 400


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_an_address_counts_with_what_belongs_to_the_same_client(address, network):
    assert network_of(address) == network


# --- Redis ------------------------------------------------------------------------------------


@pytest.fixture
def nobody():
    """The address of a port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"redis://:geheim@127.0.0.1:{taken.getsockname()[1]}"


def test_without_redis_a_worker_counts_for_itself_and_the_log_says_so_once(nobody, caplog):
    limits = RateLimits([THREE], nobody)
    assert statuses(limits, "a", 5) == [False, False, False, True, True]
    (line,) = caplog.messages
    assert line.startswith("RATE_LIMIT_STORAGE does not answer (")
    assert "refused" in line
    assert "geheim" not in line


def test_a_redis_that_is_silent_holds_up_one_request_for_a_moment(caplog):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        limits = RateLimits([THREE], f"redis://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        assert not limits.count("a").refused
        assert 0.2 < time.monotonic() - began < 5
        began = time.monotonic()
        assert statuses(limits, "a", 3) == [False, False, True]
        assert time.monotonic() - began < 1
    assert len(caplog.messages) == 1


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A function that starts a Redis and gives its port; it is gone afterwards."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs Redis: there is no `redis-server` here")
    folder = tmp_path_factory.mktemp("redis")
    running = []

    def start(port=None):
        if port is None:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
        options = ("--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder))
        process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
        running.append(process)
        with redis.Redis(port=port) as client:
            for _ in range(200):
                try:
                    if client.ping():
                        break
                except redis.ConnectionError:
                    time.sleep(0.05)
        return port, process

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_with_redis_all_workers_count_together(server):
    port, _ = server()
    address = f"redis://127.0.0.1:{port}"
    workers = [RateLimits([Rate(100, 1), THREE], address) for _ in range(2)]
    assert [workers[turn % 2].count("a").refused for turn in range(5)] == [False] * 3 + [True] * 2
    refused = workers[1].count("a")
    assert (refused.rate, refused.remaining, refused.retry_seconds) == (THREE, 0, 1_200)
    assert not workers[0].count("b").refused


def test_what_is_in_redis_goes_by_itself(server):
    port, _ = server()
    RateLimits([THREE, Rate(10, 60)], f"redis://127.0.0.1:{port}").count("a")
    with redis.Redis(port=port) as client:
        keys = client.keys()
        assert len(keys) == 2
        assert all(0 < client.ttl(key) <= 3_600 for key in keys)


def test_a_redis_that_comes_back_counts_again(server, caplog):
    caplog.set_level(logging.INFO, "service.limits")
    port, process = server()
    limits = RateLimits([THREE], f"redis://127.0.0.1:{port}", pause_seconds=0)
    assert statuses(limits, "a", 4) == [False, False, False, True]
    process.kill()
    process.wait()
    assert statuses(limits, "a", 4) == [False, False, False, True]
    server(port)
    assert statuses(limits, "a", 4) == [False, False, False, True]
    assert [message.split(" (")[0] for message in caplog.messages] == [
        "RATE_LIMIT_STORAGE does not answer",
        "RATE_LIMIT_STORAGE answers again",
    ]
