"""Puts the packets of one stream in time order, in constant memory, and tells a broken time stamp from a late packet.

Recorders write packets out of order by milliseconds now and then; damage moves single time stamps by hours or years. A
packet is held back until the next few are known. Where it disagrees with most of them, what is dropped is the smaller
side: one time stamp in the future falls out itself, and not everything after it.
"""

from collections import Counter, deque
from collections.abc import Iterator
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from evfi.io.pieces import AnyPiece, joined, times_of
from evfi.units import US_PER_S

LOOK_AHEAD = 4
"""Packets that are known before one is handed out; with 4, one broken packet among them is outvoted."""
_DISORDER_US = US_PER_S
"""Recorders mix packets by some ms; beyond a second, one of two time stamps is wrong."""
_ENOUGH_TO_OUTVOTE = 3
_LARGEST_US = 1 << 62
"""146,000 years; beyond it sums would leave int64."""
_ROUNDS = 4


class TimeOrder(Generic[AnyPiece]):
    """Takes packets by `push` in the file's order and hands out pieces whose times do not decrease.

    Args:
        name: of the stream, for the counts.
        counts: gets <name>_sorted (moved), <name>_late (dropped: before what was handed out already) and
            <name>_wrong_time (dropped: far from everything around).
        strictly: times must increase; of equal ones the first is kept (frames).
    """

    def __init__(self, name: str, counts: Counter[str], strictly: bool = False) -> None:
        self._name, self._counts, self._strictly = name, counts, strictly
        self._waiting: deque[AnyPiece] = deque()
        self._latest_us: int | None = None

    def push(self, piece: AnyPiece) -> Iterator[AnyPiece]:
        """Take a packet; what is ready comes out."""
        if len(piece) and len(cleaned := self._sorted_within(piece)):
            self._waiting.append(cleaned)
        while len(self._waiting) > LOOK_AHEAD:
            yield from self._front()

    def finish(self) -> Iterator[AnyPiece]:
        """What still waits."""
        while self._waiting:
            yield from self._front()

    def _front(self) -> Iterator[AnyPiece]:
        front = self._after_latest(self._waiting.popleft())
        if not self._lies_before_what_waits(front):
            front = self._with_earlier_ones(self._without_future(front))
        if len(front):
            self._latest_us = int(times_of(front)[-1])
            yield front

    def _sorted_within(self, piece: AnyPiece) -> AnyPiece:
        t = times_of(piece)
        if not (t[1:] < t[:-1]).any() and t[0] >= -_LARGEST_US and t[-1] <= _LARGEST_US:
            return piece
        piece = self._dropped(piece, (t < -_LARGEST_US) | (t > _LARGEST_US), "wrong_time")
        t = times_of(piece)
        for _ in range(_ROUNDS):
            wrong = _smaller_side(t)
            if not wrong.any():
                break
            piece = self._dropped(piece, wrong, "wrong_time")
            t = times_of(piece)
        self._count("sorted", int((t[1:] < t[:-1]).sum()))
        return piece.take(np.argsort(t, kind="stable"))

    def _after_latest(self, piece: AnyPiece) -> AnyPiece:
        """Without what lies before what was handed out."""
        t = times_of(piece)
        if self._latest_us is not None and len(t) and t[0] < self._latest_us + self._strictly:
            piece = self._dropped(piece, t < self._latest_us + self._strictly, "late")
        return self._without_repeats(piece)

    def _lies_before_what_waits(self, front: AnyPiece) -> bool:
        """The usual case, in which nothing has to be moved or dropped."""
        return len(front) > 0 and all(times_of(each)[0] >= times_of(front)[-1] for each in self._waiting)

    def _without_future(self, front: AnyPiece) -> AnyPiece:
        """Without times that lie after most of what follows, where that is the smaller side."""
        if not len(front) or not self._waiting:
            return front
        t = times_of(front)
        medians = sorted(int(times_of(each)[len(each) // 2]) for each in self._waiting)
        # fewer packets may be a swapped pair at the end of the file
        allowed_us = 0 if len(medians) >= _ENOUGH_TO_OUTVOTE else _DISORDER_US
        ahead = t > medians[(len(medians) - 1) // 2] + allowed_us
        if ahead[-1]:
            behind = sum(int((times_of(each) < t[-1] - allowed_us).sum()) for each in self._waiting)
            if int(ahead.sum()) < behind:
                return self._dropped(front, ahead, "wrong_time")
        return front

    def _with_earlier_ones(self, front: AnyPiece) -> AnyPiece:
        """With those of the waiting packets that belong before its end."""
        if not len(front):
            return front
        t = times_of(front)
        end_us = int(t[-1])
        lowest_us = end_us - _DISORDER_US
        if self._latest_us is not None:
            lowest_us = max(lowest_us, self._latest_us + self._strictly)
        early: list[AnyPiece] = []
        for number, each in enumerate(self._waiting):
            its = times_of(each)
            if its[0] < end_us:
                belongs = its < end_us
                early.append(each.take(belongs & (its >= lowest_us)))
                self._count("late", int((belongs & (its < lowest_us)).sum()))
                self._waiting[number] = each.take(~belongs)
        early = [each for each in early if len(each)]
        self._waiting = deque(each for each in self._waiting if len(each))
        if not early:
            return front
        self._count("sorted", sum(map(len, early)))
        whole = joined([front, *early])
        whole = whole.take(np.argsort(times_of(whole), kind="stable"))
        return self._without_repeats(whole)

    def _without_repeats(self, piece: AnyPiece) -> AnyPiece:
        if not self._strictly or len(piece) < 2:
            return piece
        t = times_of(piece)
        return self._dropped(piece, np.append(False, t[1:] == t[:-1]), "late")

    def _dropped(self, piece: AnyPiece, which: NDArray[np.bool_], why: str) -> AnyPiece:
        self._count(why, int(which.sum()))
        return piece.take(~which)

    def _count(self, why: str, number: int) -> None:
        if number:
            self._counts[f"{self._name}_{why}"] += number


def _smaller_side(t: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of times in the file's order that fall by more than a second: those too high, or those too low; the fewer."""
    highest_before = np.maximum.accumulate(t)
    lowest_after = np.minimum.accumulate(t[::-1])[::-1]
    high, low = t > lowest_after + _DISORDER_US, t < highest_before - _DISORDER_US
    return high if high.sum() <= low.sum() else low
