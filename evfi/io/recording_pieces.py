"""A recording store read from its beginning to its end, in constant memory."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from evfi.io.frame_pieces import stacked
from evfi.io.recording import FrameStream, Recording
from evfi.types import Events, Frames

_EVENTS_A_PIECE = 1 << 18


def frame_pieces(stream: FrameStream) -> Iterator[Frames]:
    """All frames of a stream, in pieces."""
    times = zip(stream.t_us.tolist(), stream.exposure_start_us.tolist(), stream.exposure_end_us.tolist(), strict=True)
    return stacked((stream[number], *each) for number, each in enumerate(times))


def event_pieces(recording: Recording) -> Iterator[Events]:
    """All events, in pieces of at most 2^18."""
    for first in range(0, recording.event_count, _EVENTS_A_PIECE):
        yield recording.event_rows(first, min(first + _EVENTS_A_PIECE, recording.event_count))


def pieces_in_time_order(recording: Recording) -> Iterator[Events | Frames]:
    """Events and single frames; a frame comes after all events up to its time, that time included."""
    stream = recording.frames
    frame_times = np.empty(0, np.int64) if stream is None else stream.t_us
    frames = iter(()) if stream is None else (_single(stream, number) for number in range(len(stream)))
    given = 0
    for events in event_pieces(recording):
        # a frame at its very end waits: the next piece may go on with the same time
        due = frame_times[given : int(np.searchsorted(frame_times, events.t[-1], side="left"))]
        *parts, rest = cut_at(events, due)
        for part in parts:
            yield part
            yield next(frames)
        yield rest
        given += len(due)
    yield from frames


def cut_at(events: Events, t_us: NDArray[np.int64]) -> Iterator[Events]:
    """Events up to each of the increasing times (included), then the rest: one piece more than times."""
    ends = np.searchsorted(events.t, t_us, side="right").tolist()
    for first, end in pairwise([0, *ends, len(events)]):
        yield events.take(slice(first, end))


def _single(stream: FrameStream, number: int) -> Frames:
    one = slice(number, number + 1)
    return Frames(stream[number][None], stream.t_us[one], stream.exposure_start_us[one], stream.exposure_end_us[one])
