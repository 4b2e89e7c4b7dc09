"""How often a client may ask.

The counting is throttled-py's (https://throttled-py.readthedocs.io): the generic cell rate
algorithm. `100/minute` lets 100 requests through at once, and from then on one every 0.6 seconds;
there is no edge of a minute at which all who wait may start again.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network

from redis.backoff import NoBackoff
from redis.retry import Retry
from throttled import BaseStore, MemoryStore, RedisStore, exceptions, per_duration
from throttled.rate_limiter import GCRARateLimiter

from service.settings import Rate

log = logging.getLogger(__name__)

_CLIENTS = 65_536  # remembered by a worker; beyond, those that have not asked for longest are not

_REDIS_SECONDS = 0.25  # a request waits this long for Redis, twice at most
_LOG_SECONDS = 60.0  # between two lines that say so

_REDIS_OPTIONS = {
    "CONNECTION_POOL_KWARGS": {
        "socket_timeout": _REDIS_SECONDS,
        "socket_connect_timeout": _REDIS_SECONDS,
        # redis-py's own default waits for seconds. Once again at once mends a connection that was
        # lost while nobody used it.
        "retry": Retry(NoBackoff(), 1),
    }
}


@dataclass(frozen=True)
class Count:
    """Where a client stands with one request more."""

    rate: Rate
    refused: bool
    remaining: int  # requests
    reset_seconds: int  # until all of them may be sent again
    retry_seconds: int  # until the next one is let through; 0 if one may be sent now


class RateLimits:
    """Counts the requests of each client.

    Args:
        rates: a request has to keep all of them.
        storage: address of the Redis that counts for all workers. Without one, and for as long as
            it does not answer, a worker counts for itself.
        pause_seconds: how long Redis is not asked, once it did not answer.
    """

    def __init__(
        self, rates: Sequence[Rate], storage: str = "", *, pause_seconds: float = 5.0
    ) -> None:
        # A request that a long limit refuses has cost a short one, which is soon forgotten.
        rates = sorted(rates, key=lambda rate: rate.seconds)
        self._own = _limiters(rates, MemoryStore(options={"MAX_SIZE": _CLIENTS * len(rates)}))
        self._shared = _limiters(rates, RedisStore(storage, _REDIS_OPTIONS)) if storage else None
        self._pause_seconds = pause_seconds
        self._answered = True  # by Redis, the last time
        self._ask_at = self._log_at = 0.0  # of time.monotonic()

    def count(self, client: str) -> Count:
        """Count a request.

        Args:
            client: the name of a key, or `network_of` an address.
        """
        if self._shared is not None and time.monotonic() >= self._ask_at:
            if not self._answered:
                self._ask_at = time.monotonic() + self._pause_seconds  # one tries; the others go on
            try:
                counted = _count(self._shared, client)
            except exceptions.StoreUnavailableError as error:
                self._pause(error)
            else:
                self._go_on()
                return counted
        return _count(self._own, client)

    def _pause(self, error: Exception) -> None:
        now = time.monotonic()
        self._ask_at = now + self._pause_seconds
        self._answered = False
        if now >= self._log_at:
            self._log_at = now + _LOG_SECONDS
            log.warning(
                "RATE_LIMIT_STORAGE does not answer (%s); this worker counts requests for itself "
                "and asks again every %g s",
                error.__cause__,
                self._pause_seconds,
            )

    def _go_on(self) -> None:
        if not self._answered:
            self._answered, self._ask_at = True, 0.0
            log.info("RATE_LIMIT_STORAGE answers again")


_Limiters = list[tuple[Rate, GCRARateLimiter]]


def _limiters(rates: Sequence[Rate], store: BaseStore) -> _Limiters:
    # Several limits keep their counts of a client apart by the prefix.
    return [
        (
            rate,
            GCRARateLimiter(
                per_duration(timedelta(seconds=rate.seconds), rate.requests),
                store,
                key_prefix=f"manytone:{rate}",
            ),
        )
        for rate in rates
    ]


def _count(limiters: _Limiters, client: str) -> Count:
    """The count by the rate that refuses, or else by the one with the fewest requests left."""
    tightest: Count | None = None
    for rate, limiter in limiters:
        result = limiter.limit(client)
        state = result.state
        counted = Count(
            rate,
            result.limited,
            state.remaining,
            _rounded_up(state.reset_after),
            max(1, _rounded_up(state.retry_after)) if result.limited else 0,
        )
        if counted.refused:
            return counted
        if tightest is None or counted.remaining < tightest.remaining:
            tightest = counted
    assert tightest is not None  # there is at least one rate
    return tightest


def _rounded_up(seconds: float) -> int:
    """Less what the clock's own digits add: a difference of two moments since 1970 may be 1,200
    seconds and a ten-millionth.

    >>> _rounded_up(1_200.000_000_2), _rounded_up(1_200.2)
    (1200, 1201)
    """
    return math.ceil(round(seconds, 3))


_WITH_PORT = re.compile(r"(?P<v4>[\d.]+):\d+|\[(?P<v6>[^\]]+)\](?::\d+)?")


@lru_cache(4_096)
def network_of(address: str) -> str:
    """What belongs to one client: an address of IPv4, or the 2^64 of IPv6 that everybody gets.

    >>> network_of("192.0.2.7"), network_of("2001:db8:1:2:3:4:5:6"), network_of("::ffff:192.0.2.7")
    ('192.0.2.7', '2001:db8:1:2::/64', '192.0.2.7')
    >>> network_of("192.0.2.7:51234"), network_of("[2001:db8::1]:443")  # as some proxies write it
    ('192.0.2.7', '2001:db8::/64')
    """
    bare = _WITH_PORT.fullmatch(address)
    try:
        found = ip_address(bare["v4"] or bare["v6"] if bare else address)
    except ValueError:
        return address  # a proxy may name its clients otherwise
    if isinstance(found, IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((found.packed, 64), strict=False))
