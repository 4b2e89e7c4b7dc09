"""Small requests of an event loop, which the batcher reads on the loop's own thread."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from itertools import islice

import pytest
from test_batcher import POISON, FakeBundle, busy, later, one_token, read, start

from service import waiting
from service.errors import DeadlineError, OverloadedError
from service.waiting import WaitingRoom

__all__ = ["start"]  # the fixture


class Bundle(FakeBundle):
    """Notes on which thread it was asked."""

    def __init__(self, name="fake"):
        super().__init__(name)
        self.threads = []

    def probabilities(self, sequences):
        self.threads.append(threading.current_thread())
        return super().probabilities(sequences)


@pytest.fixture
def bundle():
    return Bundle()


class Loop:
    """An event loop of this thread, and requests that begin together on it."""

    def __init__(self, batcher):
        self.batcher = batcher
        self.loop = asyncio.new_event_loop()
        self.room = WaitingRoom(self.loop)
        self.outcomes = {}  # of each request that has ended: the answers, or what was raised

    def begin(self, bundle, *requests, deadline=None):
        """A request for each of these: sequences of token ids."""
        for sequences in requests:
            self.room.run(lambda sequences=sequences: self._ask(bundle, sequences, deadline))

    def _ask(self, bundle, sequences, deadline):
        name = sequences[0][0]
        deadline = deadline or later()
        try:
            future = self.batcher.submit(bundle, sequences, deadline)
            waiting.result(future, deadline)
            self.outcomes[name] = read(future)
        except Exception as error:  # noqa: BLE001  # whatever it is, a test looks at it
            self.outcomes[name] = error

    def turn(self, outcomes):
        """Until so many requests have ended."""

        async def wait():
            end = time.monotonic() + 10
            while len(self.outcomes) < outcomes and time.monotonic() < end:
                self.room.look_at_the_clock(time.monotonic())
                await asyncio.sleep(0)

        self.loop.run_until_complete(wait())
        return self.outcomes


@pytest.fixture
def on_loop(start):
    """A function that starts a batcher with these limits, and a loop for it."""
    made = []

    def make(**limits):
        made.append(Loop(start(on_loop=True, **limits)))
        return made[-1]

    yield make
    for loop in made:
        loop.loop.close()


def test_what_begins_together_is_read_together_on_the_loops_thread(on_loop, bundle):
    loop = on_loop()
    loop.begin(bundle, *([[number]] for number in range(1, 21)))
    assert bundle.batches == []  # the loop may have more of them
    assert loop.turn(20) == {number: [number] for number in range(1, 21)}
    assert [len(batch) for batch in bundle.batches] == [20]
    assert bundle.threads == [threading.current_thread()]


@pytest.fixture
def offers(monkeypatch):
    """What happens whenever the core is offered to others, and how often it was."""

    class Offers:
        times = 0
        while_others_run = staticmethod(lambda: None)

        def __call__(self):
            self.times += 1
            self.while_others_run()

    found = Offers()
    monkeypatch.setattr("service.batcher.os.sched_yield", found)
    return found


def test_who_is_alone_is_read_at_once(on_loop, bundle, offers):
    loop = on_loop()
    for number in (1, 2):
        loop.begin(bundle, [[number]])
        loop.turn(number)
    assert offers.times == 0


def test_who_has_been_alone_for_a_while_is_read_before_the_loop_turns(on_loop, bundle):
    loop = on_loop()
    for number in range(1, 9):
        loop.begin(bundle, [[number]])
        loop.turn(number)
    loop.begin(bundle, [[9]])
    assert loop.outcomes[9] == [9]
    assert bundle.threads[-1] is threading.current_thread()
    # Another one in the same turn is a sign that there are more, from now on.
    loop.begin(bundle, [[10]], [[11]])
    assert len(bundle.batches) == 9
    loop.turn(11)
    assert sorted(ids for (ids,) in bundle.batches[-1]) == [10, 11]
    loop.begin(bundle, [[12]])
    assert 12 not in loop.outcomes
    loop.turn(12)


def test_a_failure_of_who_is_alone_is_his_own(on_loop, bundle):
    loop = on_loop()
    for number in range(1, 9):
        loop.begin(bundle, [[number]])
        loop.turn(number)
    loop.begin(bundle, [[POISON]])
    assert isinstance(loop.outcomes.pop(POISON), Exception)
    loop.turn(8)
    loop.begin(bundle, [[10]])
    assert loop.turn(9)[10] == [10]


def test_who_was_answered_together_and_asks_again_is_read_together(on_loop, bundle, offers):
    loop = on_loop()
    loop.begin(bundle, [[1]], [[2]])
    loop.turn(2)
    late = [[[4]], [[5]]]
    offers.while_others_run = lambda: late and loop.begin(bundle, late.pop())
    loop.begin(bundle, [[3]])
    loop.turn(5)
    assert [sorted(ids for (ids,) in batch) for batch in bundle.batches] == [[1, 2], [3, 4, 5]]
    assert offers.times == 4  # the last two in vain


def test_a_round_that_is_large_enough_begins_however_many_come(on_loop, bundle, offers):
    loop = on_loop()
    loop.begin(bundle, [[1]], [[2]])
    loop.turn(2)
    numbers = iter(range(4, 200))
    offers.while_others_run = lambda: loop.begin(bundle, [[next(numbers)]])
    loop.begin(bundle, [[3]])
    loop.turn(3)
    assert len(bundle.batches[1]) == 32


def test_a_round_that_has_its_tokens_begins_however_few_they_are_of(on_loop, bundle, offers):
    loop = on_loop()
    loop.begin(bundle, [[1]], [[2]])
    loop.turn(2)
    numbers = iter(range(4, 200))
    rounds_before = []

    def come():
        rounds_before.append(len(bundle.batches))
        loop.begin(bundle, [[next(numbers)] * 1_000])

    offers.while_others_run = come
    loop.begin(bundle, [[3] * 1_000])
    loop.turn(3)
    assert rounds_before.count(1) == 8  # until there were 9,000 tokens, of which 8,000 are read
    assert len(bundle.batches[1]) == 8


def test_unasked_all_are_read_on_the_networks_thread(start, bundle):
    loop = Loop(start())
    loop.begin(bundle, [[1]])
    assert loop.turn(1) == {1: [1]}
    loop.loop.close()
    assert [thread.name for thread in bundle.threads] == ["network"]


def test_what_takes_long_is_read_on_the_networks_thread(on_loop, bundle):
    loop = on_loop()
    loop.begin(bundle, [[1] * 1_024], [[2] * 1_025], [[3] * 20] * 52)
    assert loop.turn(3) == {1: [1], 2: [2], 3: [3] * 52}
    threads = {
        batch[0][0]: thread.name
        for batch, thread in zip(bundle.batches, bundle.threads, strict=True)
    }
    assert threads == {1: threading.current_thread().name, 2: "network", 3: "network"}


def test_a_request_of_a_thread_is_read_on_the_networks_thread(on_loop, bundle):
    assert read(on_loop().batcher.submit(bundle, [[1]], later())) == [1]
    assert [thread.name for thread in bundle.threads] == ["network"]


def test_a_long_text_holds_no_short_one_up(on_loop, bundle):
    loop = on_loop()
    quick = Bundle("quick")
    with busy(loop.batcher, bundle):
        loop.begin(quick, [[5]])
        assert loop.turn(1) == {5: [5]}


def test_a_round_has_an_end_and_others_come_between(on_loop, bundle):
    loop = on_loop(batch_texts=64)
    loop.begin(bundle, *([[number] * 400] for number in range(1, 41)))
    loop.loop.call_soon(lambda: loop.begin(bundle, [[500]]))
    assert set(loop.turn(41)) == {*range(1, 41), 500}
    # 8,000 tokens of the 16,000; then 500, which is read with none of them, and the others.
    assert [len(batch) for batch in bundle.batches] == [20, 20, 1]
    assert bundle.batches[2] == [[500]]


def test_between_the_passes_of_a_round_the_loop_looks_at_its_connections(on_loop, bundle):
    loop = on_loop()
    ours, theirs = socket.socketpair()
    seen = []

    def look():
        seen.append((len(bundle.batches), len(loop.outcomes)))
        loop.loop.remove_reader(ours)

    loop.begin(bundle, [[1]], [[2] * 300])
    loop.loop.call_soon(lambda: loop.loop.add_reader(ours, look))
    with ours, theirs:
        theirs.send(b"a health check")
        loop.turn(2)
    assert seen == [(1, 0)]  # one pass is read; who was answered by it waits for the round's end


def test_texts_of_like_length_are_read_first_that_come_with_the_first(on_loop, bundle):
    loop = on_loop()
    long, short = range(1, 11), range(101, 111)
    for number, other in zip(short, long, strict=True):
        loop.begin(bundle, [[number]], [[other] * 500])
    loop.loop.call_soon(lambda: loop.begin(bundle, [[99]]))
    loop.turn(21)
    lengths = [sorted({len(ids) for ids in batch}) for batch in bundle.batches]
    assert lengths == [[1], [500], [1]]
    assert [len(batch) for batch in bundle.batches] == [10, 10, 1]
    assert bundle.batches[2] == [[99]]


def test_a_request_that_finds_no_place_in_a_round_is_answered_by_later_ones(on_loop, bundle):
    loop = on_loop()
    numbers = range(1, 41)
    for number in numbers:  # each one of texts that share no pass, 480 tokens
        loop.begin(bundle, [[number] * length for length in (300, 120, 50, 10)])
    assert loop.turn(40) == {number: [number] * 4 for number in numbers}
    read = sorted((ids[0], len(ids)) for batch in bundle.batches for ids in batch)
    assert read == sorted((number, length) for number in numbers for length in (10, 50, 120, 300))


def test_a_long_text_is_not_overtaken_again_and_again(on_loop, bundle):
    loop = on_loop()
    numbers = iter(range(1_000, 3_000))

    def come():
        loop.begin(bundle, *([[number] * 20] for number in islice(numbers, 256)))

    come()  # a round; the next ones would have no time for the long text after as many short ones
    loop.begin(bundle, [[1] * 600])
    for _ in range(3):
        loop.loop.call_soon(come)
    loop.turn(1 + 4 * 256)
    assert [len(batch) for batch in bundle.batches[:2]] == [256, 1]


def test_no_pass_has_more_texts_than_allowed(on_loop, bundle):
    loop = on_loop(batch_texts=4)
    loop.begin(bundle, *([[number]] for number in range(1, 11)))
    loop.turn(10)
    assert [len(batch) for batch in bundle.batches] == [4, 4, 2]


def test_no_pass_has_more_tokens_than_allowed(on_loop, bundle):
    loop = on_loop(batch_tokens=256)
    loop.begin(bundle, *([[number] * 100] for number in range(1, 11)))
    loop.turn(10)
    assert [len(batch) for batch in bundle.batches] == [2] * 5


def test_what_waits_for_the_networks_thread_takes_the_same_room(on_loop, bundle):
    loop, quick = on_loop(queue_texts=3), Bundle("quick")
    with busy(loop.batcher, bundle):
        loop.begin(bundle, [[1] * 2_000], [[2] * 2_000])
        loop.begin(quick, [[3]], [[4]])
        assert isinstance(loop.outcomes[4], OverloadedError)
        assert set(loop.turn(2)) == {3, 4}
    assert set(loop.turn(4)) == {1, 2, 3, 4}


def test_two_bundles_are_never_mixed_and_neither_takes_the_others_room(on_loop, bundle):
    loop, other = on_loop(batch_texts=2), Bundle("other")
    for number in range(1, 5):
        loop.begin((bundle, other)[number % 2], [[number]])
    assert loop.turn(4) == {number: [number] for number in range(1, 5)}
    assert (bundle.batches, other.batches) == ([[[2], [4]]], [[[1], [3]]])


def test_who_is_late_is_dropped_unread(on_loop, bundle):
    loop = on_loop()
    loop.begin(bundle, [[1]], deadline=time.monotonic() - 1)
    loop.begin(bundle, [[2]])
    outcomes = loop.turn(2)
    assert isinstance(outcomes[1], DeadlineError | TimeoutError)
    assert outcomes[2] == [2]
    assert bundle.batches == [[[2]]]


def test_too_many_texts_are_refused_and_afterwards_there_is_room(on_loop, bundle):
    loop = on_loop(queue_texts=3)
    loop.begin(bundle, one_token(1, 2), [[3]], [[4]])
    assert isinstance(loop.outcomes[4], OverloadedError)
    assert loop.turn(3)[1] == [1, 2]
    loop.begin(bundle, [[5]])
    assert loop.turn(4)[5] == [5]


@pytest.mark.parametrize("on_loop", [True, False])
def test_requests_are_not_counted_since_they_hold_no_thread(start, bundle, on_loop):
    loop = Loop(start(on_loop=on_loop, queue_requests=1))
    loop.begin(bundle, *([[number]] for number in range(1, 11)), [[11] * 1_100])
    assert loop.turn(11) == {number: [number] for number in range(1, 12)}
    loop.loop.close()


def test_a_failure_reaches_who_asked_and_takes_nobody_with_it(on_loop, bundle, caplog):
    loop = on_loop()
    loop.begin(bundle, [[1]], [[POISON]], [[2]])
    outcomes = loop.turn(3)
    assert (outcomes[1], outcomes[2]) == ([1], [2])
    assert str(outcomes[POISON]) == "the network failed"
    assert "the network failed at a text of 1 tokens" in caplog.text


def test_after_the_stop_nothing_is_taken(on_loop, bundle):
    loop = on_loop()
    loop.batcher.stop()
    loop.begin(bundle, [[1]])
    assert isinstance(loop.outcomes[1], OverloadedError)
    assert bundle.batches == []
