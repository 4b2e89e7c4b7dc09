"""The batcher, with a network that waits when told to and keeps what it was asked."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from service.batcher import Batcher
from service.errors import DeadlineError, OverloadedError

SECONDS = 10  # no test waits this long unless it fails

POISON = 999  # an id at which the fake network fails


class FakeBundle:
    """Answers a text by its first id, so that it shows which answer belongs to which text."""

    def __init__(self, name="fake"):
        self.metadata = SimpleNamespace(name=name, labels=("negative", "positive"), unk_id=1)
        self.batches = []
        self.entered = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def probabilities(self, sequences):
        self.batches.append([list(sequence) for sequence in sequences])
        self.entered.set()
        assert self.may_go_on.wait(SECONDS)
        if any(POISON in sequence for sequence in sequences):
            raise RuntimeError("the network failed")
        return np.array([answer(sequence[0]) for sequence in sequences], dtype=np.float32)

    def running_probabilities(self, ids, begin, end):
        self.batches.append(("reading", ids[begin:end]))
        self.entered.set()
        assert self.may_go_on.wait(SECONDS)
        if POISON in ids[:end]:
            raise RuntimeError("the network failed")
        return np.array([answer(number) for number in ids[begin:end]], dtype=np.float32)


def answer(number):
    return [1 - number / 1_000, number / 1_000]


def read(future):
    """The first ids of the texts that the answers belong to."""
    return [round(row[1] * 1_000) for row in future.result(SECONDS)]


def later():
    return time.monotonic() + 60


@pytest.fixture
def bundle():
    return FakeBundle()


@pytest.fixture
def start():
    """A function that starts a batcher; all are stopped in the end."""
    started = []

    def make(**limits):
        batcher = Batcher(**limits)
        batcher.start()
        started.append(batcher)
        return batcher

    yield make
    for batcher in started:
        batcher.stop()


@contextmanager
def busy(batcher, bundle):
    """The network at work on a text of its own (id 0) for as long as the block lasts."""
    bundle.may_go_on.clear()
    bundle.entered.clear()
    try:
        future = batcher.submit(bundle, [[0]], later())
        assert bundle.entered.wait(SECONDS)
        yield future
    finally:
        bundle.may_go_on.set()


def one_token(*ids):
    return [[number] for number in ids]


def test_requests_that_wait_together_are_read_together(start, bundle):
    batcher = start()
    with busy(batcher, bundle):
        futures = [batcher.submit(bundle, one_token(number), later()) for number in range(1, 21)]
    assert [read(future) for future in futures] == [[number] for number in range(1, 21)]
    assert [len(batch) for batch in bundle.batches] == [1, 20]


def test_an_idle_network_waits_for_no_company(start, bundle):
    batcher = start()
    for number in range(3):
        assert read(batcher.submit(bundle, one_token(number), later())) == [number]
    assert bundle.batches == [[[0]], [[1]], [[2]]]


def test_answers_come_in_the_order_of_the_texts(start, bundle):
    batcher = start(batch_texts=3)
    lengths = (5, 1, 3, 60, 2, 2, 40, 1)
    sequences = [[number] * length for number, length in enumerate(lengths, start=1)]
    assert read(batcher.submit(bundle, sequences, later())) == list(range(1, 9))


def test_no_pass_has_more_texts_than_allowed(start, bundle):
    batcher = start(batch_texts=4)
    assert len(read(batcher.submit(bundle, one_token(*range(1, 11)), later()))) == 10
    assert [len(batch) for batch in bundle.batches] == [4, 4, 2]


def test_a_large_request_does_not_hold_up_a_single_one(start, bundle):
    batcher = start(batch_texts=4)
    with busy(batcher, bundle):
        large = batcher.submit(bundle, one_token(*range(1, 101)), later())
        single = batcher.submit(bundle, one_token(500), later())
    assert read(single) == [500]
    assert len(read(large)) == 100
    assert [500] in bundle.batches[1]


def test_all_requests_get_their_turn_when_more_wait_than_a_pass_holds(start, bundle):
    batcher = start(batch_texts=2)
    with busy(batcher, bundle):
        futures = [
            batcher.submit(bundle, one_token(*range(first, first + 5)), later())
            for first in (100, 200, 300)
        ]
    for future, first in zip(futures, (100, 200, 300), strict=True):
        assert read(future) == list(range(first, first + 5))
    asked_in_the_first_three = {
        number // 100 for batch in bundle.batches[1:4] for sequence in batch for number in sequence
    }
    assert asked_in_the_first_three == {1, 2, 3}


def test_two_bundles_are_served_and_never_mixed(start, bundle):
    other = FakeBundle("other")
    batcher = start(batch_texts=4)
    with busy(batcher, bundle):
        ours = batcher.submit(bundle, one_token(*range(1, 41)), later())
        theirs = batcher.submit(other, one_token(*range(101, 141)), later())
    assert read(ours) == list(range(1, 41))
    assert read(theirs) == list(range(101, 141))
    assert max(number for batch in bundle.batches for (number,) in batch) == 40
    assert min(number for batch in other.batches for (number,) in batch) == 101


def test_a_large_request_for_one_bundle_does_not_hold_up_the_other(start, bundle):
    other = FakeBundle("other")
    batcher = start(batch_texts=4)
    with busy(batcher, bundle):
        batcher.submit(bundle, one_token(*range(1, 401)), later())
        single = batcher.submit(other, one_token(7), later())
        passes = []
        single.add_done_callback(lambda _: passes.append(len(bundle.batches)))
    assert read(single) == [7]
    assert passes == [2]  # the one under way, and one of the large request's


def test_a_round_of_long_texts_has_fewer_of_them(start, bundle):
    other = FakeBundle("other")
    batcher = start(batch_tokens=100)
    with busy(batcher, bundle):
        large = batcher.submit(bundle, [[number] * 30 for number in range(1, 41)], later())
        single = batcher.submit(other, one_token(7), later())
        passes = []
        single.add_done_callback(lambda _: passes.append(len(bundle.batches)))
    assert read(single) == [7]
    assert passes == [3]  # the one under way, and two with four texts of the large request
    assert len(read(large)) == 40


def test_no_texts_have_no_answers(start, bundle):
    batcher = start()
    assert batcher.submit(bundle, [], later()).result(SECONDS) == []
    assert batcher.alive
    assert bundle.batches == []


# --- Deadlines and limits ---------------------------------------------------------------------


def test_only_who_is_late_is_dropped(start, bundle):
    batcher = start()
    with busy(batcher, bundle):
        before = batcher.submit(bundle, one_token(1), later())
        late = batcher.submit(bundle, one_token(2), time.monotonic())
        after = batcher.submit(bundle, one_token(3), later())
    assert (read(before), read(after)) == ([1], [3])
    with pytest.raises(DeadlineError):
        late.result(SECONDS)
    assert bundle.batches == [[[0]], [[1], [3]]]


def test_a_request_that_was_dropped_frees_its_place(start, bundle):
    batcher = start(queue_texts=2)
    with busy(batcher, bundle):
        late = batcher.submit(bundle, one_token(1, 2), time.monotonic())
    with pytest.raises(DeadlineError):
        late.result(SECONDS)
    with busy(batcher, bundle):
        assert batcher.submit(bundle, one_token(3), later())
        assert batcher.submit(bundle, one_token(4), later())


def test_who_is_withdrawn_is_not_read_and_frees_its_place(start, bundle):
    batcher = start(queue_texts=2)
    with busy(batcher, bundle):
        withdrawn = batcher.submit(bundle, one_token(1, 2), later())
        assert withdrawn.cancel()
    while batcher._waiting_texts:
        time.sleep(0.001)
    with busy(batcher, bundle):
        other = batcher.submit(bundle, one_token(3, 4), later())
    assert read(other) == [3, 4]
    assert [1] not in [text for batch in bundle.batches for text in batch]


def test_who_is_withdrawn_while_it_is_read_disturbs_nobody(start, bundle):
    batcher = start()
    with busy(batcher, bundle) as under_way:
        assert under_way.cancel()
    assert read(batcher.submit(bundle, one_token(1), later())) == [1]
    assert batcher.alive


def test_too_many_texts_are_refused(start, bundle):
    batcher = start(queue_texts=5)
    with busy(batcher, bundle):
        waiting = batcher.submit(bundle, one_token(1, 2, 3), later())
        with pytest.raises(OverloadedError) as refused:
            batcher.submit(bundle, one_token(4, 5, 6), later())
        small = batcher.submit(bundle, one_token(4, 5), later())
    assert refused.value.headers == {"Retry-After": "1"}
    assert (read(waiting), read(small)) == ([1, 2, 3], [4, 5])


def test_a_request_larger_than_the_queue_is_taken_when_nothing_else_waits(start, bundle):
    batcher = start(queue_texts=2)
    assert len(read(batcher.submit(bundle, one_token(*range(1, 9)), later()))) == 8


def test_too_many_requests_are_refused_and_those_being_read_count(start, bundle):
    batcher = start(queue_requests=3)
    with busy(batcher, bundle) as first:
        waiting = [batcher.submit(bundle, one_token(number), later()) for number in (1, 2)]
        with pytest.raises(OverloadedError, match="More requests are waiting"):
            batcher.submit(bundle, one_token(3), later())
    assert [read(future) for future in (first, *waiting)] == [[0], [1], [2]]


def test_after_a_refusal_there_is_room_again(start, bundle):
    batcher = start(queue_requests=2)
    for _ in range(5):
        with busy(batcher, bundle):
            waiting = batcher.submit(bundle, one_token(1), later())
            with pytest.raises(OverloadedError):
                batcher.submit(bundle, one_token(2), later())
        assert read(waiting) == [1]
        wait_until_nothing_is_unanswered(batcher)


def wait_until_nothing_is_unanswered(batcher):
    """An answer is out a moment before its place in the queue is free."""
    end = time.monotonic() + SECONDS
    while batcher._unanswered and time.monotonic() < end:
        time.sleep(0)


# --- Failures ---------------------------------------------------------------------------------


def test_a_failure_reaches_who_asked_and_the_thread_lives_on(start, bundle, caplog):
    batcher = start()
    with caplog.at_level(logging.ERROR, "service.batcher"):
        with pytest.raises(RuntimeError, match="the network failed"):
            batcher.submit(bundle, [[POISON]], later()).result(SECONDS)
        assert read(batcher.submit(bundle, one_token(1), later())) == [1]
    assert batcher.alive
    assert "the network failed at a text of 1 tokens" in caplog.text
    assert "Traceback" in caplog.text


def test_a_failure_of_one_bundle_takes_no_request_of_another_with_it(start, bundle):
    other = FakeBundle("other")
    batcher = start()
    with busy(batcher, bundle):
        failing = batcher.submit(bundle, [[POISON]], later())
        fine = batcher.submit(other, one_token(1), later())
    assert isinstance(failing.exception(SECONDS), RuntimeError)
    assert read(fine) == [1]


def test_a_failure_in_one_pass_leaves_the_others_of_its_round(start, bundle):
    batcher = start()
    with busy(batcher, bundle):
        fine = batcher.submit(bundle, [[1] * 3], later())
        failing = batcher.submit(bundle, [[POISON] * 300], later())
    assert read(fine) == [1]
    assert isinstance(failing.exception(SECONDS), RuntimeError)


def test_a_failure_in_a_pass_is_kept_from_the_others_of_that_pass(start, bundle):
    batcher = start()
    with busy(batcher, bundle):
        before = batcher.submit(bundle, one_token(1), later())
        failing = batcher.submit(bundle, [[POISON]], later())
        after = batcher.submit(bundle, one_token(2), later())
    assert (read(before), read(after)) == ([1], [2])
    assert isinstance(failing.exception(SECONDS), RuntimeError)
    assert [[1], [POISON], [2]] in bundle.batches


def test_a_large_request_that_fails_is_not_read_on(start, bundle):
    batcher = start(batch_texts=4)
    with busy(batcher, bundle):
        failing = batcher.submit(bundle, [*one_token(*range(1, 100)), [POISON, POISON]], later())
    assert isinstance(failing.exception(SECONDS), RuntimeError)
    assert read(batcher.submit(bundle, one_token(7), later())) == [7]
    assert batcher.alive
    assert sum(map(len, bundle.batches)) < 20


def test_a_request_that_failed_frees_its_place(start, bundle):
    batcher = start(batch_texts=1, queue_texts=10)
    failing = batcher.submit(bundle, [[POISON]] * 10, later())
    assert isinstance(failing.exception(SECONDS), RuntimeError)
    assert read(batcher.submit(bundle, one_token(1), later())) == [1]
    with busy(batcher, bundle):
        full = batcher.submit(bundle, one_token(*range(1, 11)), later())
        with pytest.raises(OverloadedError):
            batcher.submit(bundle, one_token(1), later())
    assert len(read(full)) == 10


# --- Start and end ----------------------------------------------------------------------------


def test_bundles_are_warm_before_the_start_returns(start, bundle):
    other = FakeBundle("other")
    start(warm_up=[bundle, other])
    assert bundle.batches
    assert bundle.batches == other.batches
    assert bundle.batches.count(bundle.batches[0]) > 1  # TorchScript compiles on the first calls


def test_a_warm_up_that_fails_is_told_to_who_starts(bundle):
    bundle.metadata.unk_id = POISON
    batcher = Batcher(warm_up=[bundle])
    with pytest.raises(RuntimeError, match="the network failed"):
        batcher.start()
    batcher.stop()
    assert not batcher.alive


def test_before_the_start_nothing_is_taken(bundle):
    batcher = Batcher()
    assert not batcher.alive
    with pytest.raises(OverloadedError):
        batcher.submit(bundle, one_token(1), later())


def test_a_stop_answers_what_waits_and_refuses_what_comes(bundle):
    batcher = Batcher(batch_texts=2)
    batcher.start()
    with busy(batcher, bundle) as under_way:
        waiting = [batcher.submit(bundle, one_token(*range(1, 8)), later()) for _ in range(3)]
        stopping = threading.Thread(target=batcher.stop)
        stopping.start()
        end = time.monotonic() + SECONDS
        while batcher.alive and time.monotonic() < end:
            time.sleep(0)
        with pytest.raises(OverloadedError, match="stopping"):
            batcher.submit(bundle, one_token(9), later())
    stopping.join(SECONDS)
    assert read(under_way) == [0]
    assert [read(future) for future in waiting] == [list(range(1, 8))] * 3
    assert not batcher.alive


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_is_not_alive(bundle):
    def die(sequences):
        raise SystemExit

    batcher = Batcher()
    batcher.start()
    bundle.probabilities = die
    batcher.submit(bundle, one_token(1), later())
    batcher._thread.join(SECONDS)
    assert not batcher.alive
    with pytest.raises(OverloadedError):
        batcher.submit(bundle, one_token(1), later())


# --- A reading, token by token ---------------------------------------------------------------


def test_a_reading_is_answered_after_each_token(start, bundle):
    ids = list(range(1, 31))
    assert read(start(batch_tokens=100).submit_reading(bundle, ids, later())) == ids
    pieces = [piece for _, piece in bundle.batches]
    assert [number for piece in pieces for number in piece] == ids
    ends = np.cumsum([len(piece) for piece in pieces])
    assert all(len(piece) * end <= 100 for piece, end in zip(pieces, ends, strict=True))
    assert len(pieces) > 3


def test_other_requests_are_read_between_the_pieces_of_a_reading(start, bundle):
    batcher = start(batch_tokens=4)
    with busy(batcher, bundle):
        reading = batcher.submit_reading(bundle, [1, 2, 3, 4], later())
        other = batcher.submit(bundle, one_token(7), later())
    assert read(reading) == [1, 2, 3, 4]
    assert read(other) == [7]
    assert bundle.batches.index([[7]]) < len(bundle.batches) - 2  # not behind the whole reading


def test_a_reading_past_its_deadline_is_dropped(start, bundle):
    batcher = start()
    with busy(batcher, bundle):
        late = batcher.submit_reading(bundle, [1, 2], time.monotonic())
    with pytest.raises(DeadlineError, match="the text is long"):
        late.result(SECONDS)
    assert read(batcher.submit(bundle, one_token(5), later())) == [5]


def test_a_reading_at_which_the_network_fails_takes_no_other_request_with_it(start, bundle, caplog):
    batcher = start()
    with busy(batcher, bundle), caplog.at_level(logging.ERROR):
        bad = batcher.submit_reading(bundle, [1, POISON], later())
        good = batcher.submit_reading(bundle, [3, 4], later())
    with pytest.raises(RuntimeError, match="the network failed"):
        bad.result(SECONDS)
    assert read(good) == [3, 4]
    assert "a text of 2 tokens" in caplog.text


def test_readings_count_as_requests_that_wait(start, bundle):
    batcher = start(queue_requests=2)
    with busy(batcher, bundle):
        reading = batcher.submit_reading(bundle, [1], later())
        with pytest.raises(OverloadedError, match="More requests"):
            batcher.submit_reading(bundle, [2], later())
    assert read(reading) == [1]
