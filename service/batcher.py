"""Many requests, one forward pass.

A forward pass over 32 texts takes a few times as long as one over a single text, so requests that
wait at the same time are read together. One thread runs the network, since PyTorch's own threads
are used best by one caller. Where there is but one core for it, small requests do without that
thread: the event loop that has them reads them itself, all that have come by then in one pass, and
no request is handed from thread to thread (docs/decisions/0015-worker.md).

- It never waits for company: an idle network starts at once, and requests gather while it runs.
- It counts texts and tokens, not requests.
- It is fair: a round takes texts from every waiting request in turn, so that one with a thousand
  texts does not hold up those with one.
- Short texts do not pay for long ones: a round is cut where padding would outweigh the texts.
- A request that fails, or comes too late, takes no other with it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial

from service import waiting
from service.bundle import Bundle
from service.errors import DeadlineError, OverloadedError
from service.metrics import Metrics
from service.padding import first_passes, of_like_length
from service.trace import current

log = logging.getLogger(__name__)

Probabilities = list[list[float]]  # N rows of K, as Python's numbers: nobody computes with them

# What is read on the loop's thread: requests of up to so many tokens. A round is chosen from up to
# so many tokens of what waits, and takes up to so long, in units of `time_of_pass`: 10 to 20 ms.
# Nobody whom it answers goes on before its end.
_SMALL_TOKENS = 1_024
_ROUND_TOKENS = 8_192
_ROUND_TIME = 12_000

# Requests that are enough for a round, if their texts do not fill it before: to look for more of
# them would gain next to nothing. So would another look after so many in vain.
_ENOUGH = 32
_LOOKS = 2

# After so many rounds for one request each, the next request is read as it comes: a client who is
# alone need not wait until the loop has looked for others.
_LONE = 8

# A piece of a reading is padded to this many tokens at most: what the network makes of them stays
# in the processor's cache, and those who wait for the piece to end do not wait long.
_PIECE_TOKENS = 4_096


class _Job:
    """The texts of one request for one bundle, and the answers so far."""

    def __init__(self, bundle: Bundle, sequences: Sequence[list[int]], deadline: float) -> None:
        self.bundle = bundle
        self.sequences = sequences
        self.deadline = deadline  # of time.monotonic()
        self.trace = current()  # of the request, which is on this thread
        self.future: Future[Probabilities] = Future()
        self.answers: Probabilities = [[]] * len(sequences)
        self.missing = len(sequences)
        self.tokens = sum(map(len, sequences))
        # From the longest to the shortest, so that what a round takes of one job is of like length.
        self.waiting = sorted(range(len(sequences)), key=lambda n: len(sequences[n]))


class _Reading:
    """One text, and the answers so far after each of its tokens."""

    def __init__(self, bundle: Bundle, ids: list[int], deadline: float) -> None:
        self.bundle = bundle
        self.ids = ids
        self.deadline = deadline  # of time.monotonic()
        self.trace = current()
        self.future: Future[Probabilities] = Future()
        self.answers: Probabilities = []

    @property
    def done(self) -> int:
        """Tokens."""
        return len(self.answers)


class Batcher:
    """Runs the network for all requests of a worker.

    Args:
        on_loop: whether small requests of an event loop (service/worker.py) are read on its own
            thread, without a hand-over from one to the other: right where the network has no more
            than the one core that the loop is on.
        batch_texts: texts of a forward pass, at most.
        batch_tokens: tokens of a forward pass, padding included, at most; one text that is longer
            is read alone.
        queue_texts: texts that may wait before further requests are refused.
        queue_requests: requests that may be without an answer, those being read included: the
            larger ones hold a thread each.
        warm_up: bundles to be run before the first request.
        metrics: told of each forward pass and of what waits.
    """

    def __init__(
        self,
        *,
        batch_texts: int = 256,
        batch_tokens: int = 16_384,
        queue_texts: int = 8_192,
        queue_requests: int = 124,
        on_loop: bool = False,
        warm_up: Sequence[Bundle] = (),
        metrics: Metrics | None = None,
    ) -> None:
        self._batch_texts = batch_texts
        self._batch_tokens = batch_tokens
        self._queue_texts = queue_texts
        self._queue_requests = queue_requests
        self._metrics = metrics
        self._jobs: deque[_Job] = deque()
        self._readings: deque[_Reading] = deque()
        self._on_loop = on_loop
        self._small: deque[_Job] = deque()  # these belong to the loop's thread
        self._small_texts = 0
        self._small_tokens = 0
        self._round: deque[list[tuple[_Job, int]]] = deque()  # passes that are still to be read
        self._lone = 1  # rounds for one request each, the last ones; 0: there are others
        self._read_at_once = False  # one request of this turn of the loop was
        self._waiting_texts = 0
        self._unanswered = 0  # requests that hold a thread
        self._changed = threading.Condition()
        self._stopping = False
        self._warm: Future[None] = Future()
        self._warm_up = deque(warm_up)
        self._thread = threading.Thread(target=self._run, name="network", daemon=True)

    def start(self) -> None:
        """Start the network's thread and wait until it is warm."""
        self._thread.start()
        self._warm.result()

    def stop(self) -> None:
        """Answer what waits, then end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether requests are answered."""
        return self._thread.is_alive() and not self._stopping

    def submit(
        self, bundle: Bundle, sequences: Sequence[list[int]], deadline: float
    ) -> Future[Probabilities]:
        """Queue N texts.

        Args:
            bundle: which network reads them.
            sequences: N lists of token ids, each at least one id long.
            deadline: of `time.monotonic()`; a text that has not been read by then is dropped.

        Returns:
            The probabilities, N rows of K, to come; or a `DeadlineError`. Who cancels it is not
            read any further.

        Raises:
            OverloadedError: too much waits already.
        """
        job = _Job(bundle, sequences, deadline)
        if not sequences:
            job.future.set_result(job.answers)
            return job.future
        room = waiting.room()
        if self._on_loop and room is not None and job.tokens <= _SMALL_TOKENS:
            self._submit_small(job, room)
            return job.future
        holds_a_thread = room is None
        with self._changed:
            too_many_requests = holds_a_thread and self._unanswered >= self._queue_requests
            self._admit(unless=self._too_many_with(len(sequences)) or too_many_requests)
            self._jobs.append(job)
            job.trace.waits()
            self._waiting_texts += len(sequences)
            if holds_a_thread:
                self._unanswered += 1
                job.future.add_done_callback(self._answered)
            self._changed.notify()
        return job.future

    def _submit_small(self, job: _Job, room: waiting.WaitingRoom) -> None:
        """Queue a few texts for the thread of the loop, which this is."""
        self._admit(unless=self._too_many_with(len(job.sequences)))
        if self._read_at_once:
            self._lone = 0
        elif self._lone >= _LONE and not (self._small or self._round):
            self._read_at_once = True
            room.soon(self._next_turn)
            job.trace.waits()
            self._read_round([(job, place) for place in job.waiting])
            return
        if not (self._small or self._round):
            room.soon(partial(self._gather, room))
        self._small.append(job)
        self._small_texts += len(job.sequences)
        self._small_tokens += job.tokens
        job.trace.waits()

    def _too_many_with(self, texts: int) -> bool:
        """Whether there is no room for so many more. One request alone may be larger than the
        queue: the limits on a request hold for it."""
        waiting_now = self._waiting_texts + self._small_texts  # each as its thread last left it
        return waiting_now > 0 and waiting_now + texts > self._queue_texts

    def _next_turn(self) -> None:
        self._read_at_once = False

    def _gather(self, room: waiting.WaitingRoom, found: int = 0, in_vain: int = 0) -> None:
        """Begin a round once no further request comes at once.

        Clients who were answered by the last round ask again as soon as they run, for which they
        may need this core: it is offered to whoever is ready to run, and the loop looks at its
        connections, until that brings nothing more. Where nobody is ready it costs microseconds,
        and a client who is alone is not made to wait for others.

        Args:
            found: requests that waited at the last look.
            in_vain: looks that brought none more, one after the other.
        """
        waiting_now = len(self._small)
        in_vain = in_vain + 1 if waiting_now == found else 0
        enough = waiting_now >= _ENOUGH or self._small_tokens >= _ROUND_TOKENS
        if self._lone == 0 and not enough and in_vain < _LOOKS:
            os.sched_yield()
            room.soon(partial(self._gather, room, waiting_now, in_vain))
        else:
            self._read_small(room)

    def _read_small(self, room: waiting.WaitingRoom) -> None:
        """Begin a round of small requests, on the loop's thread."""
        room.hold()
        try:
            self._tell_waiting()
            self._lone = 0 if len(self._small) > 1 else self._lone + 1
            self._round.extend(self._take_small())
        finally:
            self._read_pass(room)

    def _read_pass(self, room: waiting.WaitingRoom) -> None:
        """The next pass of the round. After the last one all go on whom the round has answered, and
        another may begin. Before each the loop looks at its connections: a health check waits for
        one pass, not for all of them."""
        try:
            if self._round:
                batch = self._round.popleft()
                self._tell_read(batch, _read(batch))
        finally:
            if self._round:
                _in_a_turn(room, self._read_pass)
            else:
                if self._small:
                    _in_a_turn(room, self._gather)
                else:
                    self._tell_waiting()
                room.go_on()

    def _take_small(self) -> list[list[tuple[_Job, int]]]:
        """The forward passes of the next round, all for one bundle.

        Texts of like length are found among many, so that they are padded less. What the round has
        no time for waits for the next one, in which it comes earlier.
        """
        now = time.monotonic()
        for job in self._small:
            if job.deadline <= now:
                _fail(job, DeadlineError("The answer was not ready in time; the queue is long."))
        jobs = [job for job in self._small if not job.future.done()]
        texts: list[tuple[_Job, int]] = []
        tokens = 0
        for job in jobs:
            if not texts or (job.bundle is jobs[0].bundle and tokens + job.tokens <= _ROUND_TOKENS):
                texts += [(job, place) for place in job.waiting]
                tokens += job.tokens
                job.waiting, job.tokens = [], 0
        lengths = [len(job.sequences[place]) for job, place in texts]
        most_tokens = min(self._batch_tokens, _ROUND_TOKENS)
        passes = list(first_passes(lengths, self._batch_texts, most_tokens, _ROUND_TIME))
        for place in set(range(len(texts))).difference(*passes):
            job, left = texts[place]
            job.waiting.append(left)
            job.tokens += lengths[place]
        self._small = deque(job for job in jobs if job.waiting)
        self._small_texts = sum(len(job.waiting) for job in self._small)
        self._small_tokens = sum(job.tokens for job in self._small)
        return [[texts[place] for place in places] for places in passes]

    def submit_reading(
        self, bundle: Bundle, ids: list[int], deadline: float
    ) -> Future[Probabilities]:
        """Queue one text, to be answered after each of its T tokens.

        It is read in pieces, with a round of other requests' texts before each.

        Args:
            ids: at least one.
            deadline: of `time.monotonic()`.

        Returns:
            The probabilities, T rows of K, to come; or a `DeadlineError`.

        Raises:
            OverloadedError: too much waits already.
        """
        reading = _Reading(bundle, ids, deadline)
        with self._changed:
            self._admit(unless=self._unanswered >= self._queue_requests)
            self._readings.append(reading)
            reading.trace.waits()
            self._unanswered += 1
            reading.future.add_done_callback(self._answered)
            self._changed.notify()
        return reading.future

    def _admit(self, *, unless: bool) -> None:
        """
        Args:
            unless: whether there is no room for one more.

        Raises:
            OverloadedError: there is none, or soon there will be nobody to answer.
        """
        if not self.alive:
            raise OverloadedError("The service is stopping.")
        if unless:
            raise OverloadedError("More requests are waiting than can be answered in time.")

    def _run(self) -> None:
        try:
            while self._warm_up:  # emptied: what is swapped out later is held by nobody here
                warm(self._warm_up.popleft())
        except Exception as error:  # noqa: BLE001  # raised again in start()
            self._warm.set_exception(error)
            return
        self._warm.set_result(None)
        while True:
            with self._changed:
                if not (self._jobs or self._readings):
                    self._tell_waiting()
                self._changed.wait_for(lambda: self._jobs or self._readings or self._stopping)
                if not (self._jobs or self._readings):
                    return
                self._tell_waiting()
                taken = self._take()
                reading = self._readings.popleft() if self._readings else None
            self._read_round(taken)
            if reading is not None:
                self._read_on(reading)

    def _take(self) -> list[tuple[_Job, int]]:
        """The texts of the next round, all for one bundle; called with the lock held."""
        now = time.monotonic()
        # Out of time, failed in an earlier round, or withdrawn.
        for job in [job for job in self._jobs if job.deadline <= now or job.future.done()]:
            self._jobs.remove(job)
            self._waiting_texts -= len(job.waiting)
            _fail(job, DeadlineError("The answer was not ready in time; the queue is long."))
        taken: list[tuple[_Job, int]] = []
        tokens = 0
        if not self._jobs:
            return taken
        first = self._jobs[0]
        bundle = first.bundle
        round_of_jobs = deque(job for job in self._jobs if job.bundle is bundle)
        while round_of_jobs and len(taken) < self._batch_texts and tokens < self._batch_tokens:
            job = round_of_jobs.popleft()
            place = job.waiting.pop()
            taken.append((job, place))
            tokens += len(job.sequences[place])
            if job.waiting:
                round_of_jobs.append(job)
            else:
                self._jobs.remove(job)
        self._waiting_texts -= len(taken)
        # A large request goes behind who waits for another bundle, or found no place in the round.
        if self._jobs and self._jobs[0] is first:
            self._jobs.rotate(-1)
        return taken

    def _read_round(self, taken: list[tuple[_Job, int]]) -> None:
        lengths = [len(job.sequences[place]) for job, place in taken]
        for places in of_like_length(lengths, self._batch_texts, self._batch_tokens):
            batch = [taken[place] for place in places]
            self._tell_read(batch, _read(batch))

    def _tell_waiting(self) -> None:
        if self._metrics is not None:
            self._metrics.waiting(self._waiting_texts + self._small_texts)

    def _tell_read(self, batch: list[tuple[_Job, int]], seconds: float | None) -> None:
        if self._metrics is not None and seconds is not None:
            tokens = sum(len(job.sequences[place]) for job, place in batch)
            self._metrics.forward_pass(batch[0][0].bundle, len(batch), tokens, seconds)

    def _read_on(self, reading: _Reading) -> None:
        """One piece of it; then it waits for its turn again."""
        done = reading.done
        seconds = _read_piece(reading, min(self._batch_tokens, _PIECE_TOKENS))
        if self._metrics is not None and seconds is not None:
            self._metrics.forward_pass(reading.bundle, 1, reading.done - done, seconds)
        if not reading.future.done():
            self._readings.append(reading)

    def _answered(self, _: Future[Probabilities]) -> None:
        with self._changed:  # a lock that _take may hold already, on this same thread
            self._unanswered -= 1


def _in_a_turn(room: waiting.WaitingRoom, call: Callable[[waiting.WaitingRoom], None]) -> None:
    """Call it in the loop's turn after the next: in the next one it would come before what the loop
    finds at its connections."""
    room.soon(partial(room.soon, partial(call, room)))


def _read(batch: list[tuple[_Job, int]]) -> float | None:
    """One forward pass; its answers go to their jobs, and a failure goes there too.

    Returns:
        How many seconds it took, or None if it failed.
    """
    bundle = batch[0][0].bundle
    began = time.monotonic()
    try:
        rows = bundle.probabilities([job.sequences[place] for job, place in batch]).tolist()
    except Exception as error:  # noqa: BLE001  # this thread has to go on, and it is logged
        _read_apart(batch, error)
        return None
    ended = time.monotonic()
    for job in {job for job, _ in batch}:
        job.trace.was_read(began, ended)
    for (job, place), row in zip(batch, rows, strict=True):
        job.answers[place] = row
        job.missing -= 1
        if job.missing == 0:
            with suppress(InvalidStateError):  # it has failed, or nobody waits for it any more
                job.future.set_result(job.answers)
    return ended - began


def _read_apart(batch: list[tuple[_Job, int]], error: Exception) -> None:
    """After a failure each text is read alone: only the one to blame stays without an answer."""
    if len(batch) > 1:
        for item in batch:
            _read([item])
        return
    [(job, place)] = batch
    log.error(
        "the network failed at a text of %d tokens",
        len(job.sequences[place]),
        exc_info=error,
        extra={"request_id": job.trace.request_id},
    )
    _fail(job, error)


def _read_piece(reading: _Reading, most_tokens: int) -> float | None:
    """The next piece of a text; its answers are kept, and a failure goes to who waits for them.

    Returns:
        How many seconds it took, or None if it failed.
    """
    began = time.monotonic()
    if reading.deadline <= began:
        _fail(reading, DeadlineError("The answer was not ready in time; the text is long."))
        return None
    begin, end = reading.done, reading.done + 1
    # A piece of n answers is a batch of n texts of up to `end` tokens.
    while end < len(reading.ids) and (end + 1 - begin) * (end + 1) <= most_tokens:
        end += 1
    try:
        reading.answers += reading.bundle.running_probabilities(reading.ids, begin, end).tolist()
    except Exception as error:  # this thread has to go on, and it is logged
        log.error(
            "the network failed within a text of %d tokens",
            len(reading.ids),
            exc_info=error,
            extra={"request_id": reading.trace.request_id},
        )
        _fail(reading, error)
        return None
    ended = time.monotonic()
    reading.trace.was_read(began, ended)
    if end == len(reading.ids):
        reading.future.set_result(reading.answers)
    return ended - began


def _fail(job: _Job | _Reading, error: Exception) -> None:
    with suppress(InvalidStateError):  # it has failed before, or nobody waits for it any more
        job.future.set_exception(error)


def warm(bundle: Bundle) -> None:
    """TorchScript compiles anew for the first calls: a few sizes, each more than once.

    Any thread will do: what it compiles belongs to the network, not to the thread.
    """
    for texts, tokens in ((1, 1), (1, 20), (8, 20), (32, 60), (1, 300)):
        for _ in range(3):
            bundle.probabilities([[bundle.metadata.unk_id] * tokens] * texts)
