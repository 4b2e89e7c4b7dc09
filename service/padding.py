"""Which texts share a forward pass, and how far they are filled up.

A step of a pass takes a while before it has read any text, as long as it takes for eight, and then
as long again for each text of it, padding included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

# How many texts a step could read in the time that it takes without any.
_STEP_IS_WORTH = 8

# So many shapes of a network are made as they come; from then on one that there is will do instead
# if the pass takes at most so many times as long with it.
_AS_THEY_COME = 128
_AT_MOST = 2.0


def time_of_pass(texts: int, tokens: int) -> int:
    """
    Args:
        tokens: of the longest text.

    Returns:
        How long the pass takes, in units of the time that a step needs for one text more.

    >>> time_of_pass(32, 20)
    800
    """
    return tokens * (_STEP_IS_WORTH + texts)


def of_like_length(
    lengths: Sequence[int], most_texts: int, most_tokens: int
) -> Iterator[list[int]]:
    """Cut texts into forward passes, the shortest ones first.

    A text begins a pass of its own where the padding in front of it would cost more than the steps
    of one pass more.

    Args:
        lengths: of the texts, in tokens.
        most_texts: of a pass.
        most_tokens: of a pass, padding included; one text that is longer is read alone.

    Returns:
        The places of each pass's texts in `lengths`.

    >>> list(of_like_length([90, 2, 4, 80], 64, 1_000))
    [[1, 2], [3, 0]]
    """
    batch: list[int] = []
    tokens = longest = 0
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        length = lengths[place]
        padded = length * (len(batch) + 1)
        too_much = len(batch) == most_texts or padded > most_tokens
        if batch and (too_much or padded - tokens - length > _STEP_IS_WORTH * longest):
            yield batch
            batch, tokens = [], 0
        batch.append(place)
        tokens += length
        longest = length
    if batch:
        yield batch


def first_passes(
    lengths: Sequence[int], most_texts: int, most_tokens: int, most_time: int
) -> Iterator[list[int]]:
    """Those that come first where there is not time for all: each next one has the first text that
    is left, and texts of like length with it.

    Args:
        lengths: of the texts, in tokens, the one that has waited longest first.
        most_texts: of a pass.
        most_tokens: of a pass, padding included; one text that is longer is read alone.
        most_time: of all passes together, as `time_of_pass` counts it; one pass may take longer.

    Returns:
        The places of each pass's texts in `lengths`.

    >>> list(first_passes([90, 2, 4, 80], 64, 1_000, most_time=900))
    [[3, 0]]
    """
    time = 0
    for places in sorted(of_like_length(lengths, most_texts, most_tokens), key=min):
        time += time_of_pass(len(places), lengths[places[-1]])
        if time > most_time and 0 not in places:
            return
        yield places


class Shapes:
    """The shapes of batches in which one network is run: N texts, T tokens each.

    oneDNN makes code for each shape and keeps it: a quarter of a megabyte, and most of a
    millisecond, as long as a small pass itself. Texts come in any length and number, and in a mix
    of them there is always a shape that was not there before. So numbers are rounded up; and once
    there are many shapes, a batch that would need one more is filled up to one that there is, if
    that costs little. The frequent ones come early, so that this falls to the rare ones.

    Any thread may ask.
    """

    def __init__(self) -> None:
        self._made: tuple[tuple[int, int], ...] = ()
        self._given: dict[tuple[int, int], tuple[int, int]] = {}

    def of(self, texts: int, tokens: int) -> tuple[int, int]:
        """The shape to which a batch is filled up.

        Args:
            texts: at least one.
            tokens: of the longest one.

        Returns:
            N, at least `texts`, and T, at least `tokens`: up to an eighth and a sixteenth more, or
            what takes a pass twice as long as those would.

        >>> Shapes().of(3, 20), Shapes().of(33, 99)
        ((3, 20), (36, 100))
        """
        wanted = _few(texts, 8), _few(tokens, 16)
        shape = self._given.get(wanted)
        if shape is None:
            shape = self._given[wanted] = self._like(wanted)
        return shape

    def _like(self, wanted: tuple[int, int]) -> tuple[int, int]:
        """One that there is and that will do, or else the one that is wanted."""
        made, most = self._made, _AT_MOST * time_of_pass(*wanted)
        if len(made) >= _AS_THEY_COME:
            large = [N_T for N_T in made if N_T[0] >= wanted[0] and N_T[1] >= wanted[1]]
            cheapest = min(large, key=lambda N_T: time_of_pass(*N_T), default=None)
            if cheapest is not None and time_of_pass(*cheapest) <= most:
                return cheapest
        self._made = (*made, wanted)
        return wanted


def _few(number: int, steps: int) -> int:
    """As many, or somewhat more: of so many steps between a power of two and the next.

    >>> [_few(tokens, 8) for tokens in (1, 15, 16, 17, 99, 400, 1_024)]
    [1, 15, 16, 18, 104, 416, 1024]
    """
    step = max(1, (1 << (number - 1).bit_length()) // (2 * steps))
    return -(-number // step) * step
