"""Which boundary frames, events and context a requested time needs: pure functions of frame times."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.units import US_PER_S

Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Window:
    """A requested time between two frames (numbers; -1: no context frame), or exactly at one.

    Exactly at a frame, `frame1` equals `frame0`: that frame is copied, not predicted.
    """

    t_us: int
    frame0: int
    frame1: int
    before: int
    after: int

    @property
    def is_frame(self) -> bool:
        return self.frame0 == self.frame1


def windows_at(frame_times: Times, t_us: Times) -> Iterator[Window]:
    """The window of each requested time, in the given order; all times are checked at the call.

    Args:
        frame_times: int64 (N,) increasing, mid-exposure.
        t_us: requested times; each must lie between the first and the last frame (both included).

    Raises:
        UserError: no frames, or a time outside them.
    """
    if not len(frame_times):
        raise UserError("there are no frames to interpolate between")
    outside = (t_us < frame_times[0]) | (t_us > frame_times[-1])
    if outside.any():
        raise UserError(
            f"the time {t_us[outside][0]} µs lies outside the frames, which run from {frame_times[0]} to "
            f"{frame_times[-1]} µs: a frame can only be inserted between two frames"
        )
    return _windows(frame_times, t_us)


def _windows(frame_times: Times, t_us: Times) -> Iterator[Window]:
    count = len(frame_times)
    for t in t_us:
        left = int(np.searchsorted(frame_times, t, side="right")) - 1
        right = left if frame_times[left] == t else left + 1
        yield Window(
            t_us=int(t),
            frame0=left,
            frame1=right,
            before=left - 1,
            after=right + 1 if right + 1 < count else -1,
        )


def times_of_factor(frame_times: Times, factor: int) -> Times:
    """The frame times with factor - 1 evenly spaced times inserted between each two (rounded to whole microseconds).

    Raises:
        UserError: the factor is below 2, there are fewer than two frames, or a gap is shorter than `factor` µs.
    """
    check_factor(factor)
    if len(frame_times) < 2:
        raise UserError(f"interpolation needs at least two frames, got {len(frame_times)}")
    gaps = np.diff(frame_times)
    if gaps.min() < factor:
        raise UserError(
            f"the frames at {frame_times[int(gaps.argmin())]} µs and after it are {gaps.min()} µs apart: "
            f"too little for {factor - 1} inserted frames"
        )
    steps = np.arange(factor, dtype=np.int64)
    # whole numbers throughout: halves round upwards
    inner = frame_times[:-1, None] + (2 * steps * gaps[:, None] + factor) // (2 * factor)
    return np.append(inner.ravel(), frame_times[-1])


def check_factor(factor: int) -> None:
    """Refuse a factor that inserts nothing.

    Raises:
        UserError: it is below 2.
    """
    if factor < 2:
        raise UserError(f"the factor must be at least 2 (2 inserts one frame between each two), got {factor}")


def capture_rate(frame_times: Times) -> float:
    """Frames per second of the recording: one over the median interval.

    Raises:
        UserError: there are fewer than two frames.
    """
    if len(frame_times) < 2:
        raise UserError(f"a frame rate needs at least two frames, got {len(frame_times)}")
    return US_PER_S / float(np.median(np.diff(frame_times)))
