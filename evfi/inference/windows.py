"""Which boundary frames, events and context a requested time needs: pure functions of frame times."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.units import US_PER_S

Times = NDArray[np.int64]
# a gap longer (or shorter) than the median by this factor is irregular, as in the sample index
_REGULAR = 1.5
_SNAPPED = 20


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

    A gap that is not about as long as the others (dropped frames, a changed frame rate) gets as many times as keep the
    pace: those of a grid whose step is the median gap / factor, fitted between the gap's two frames.

    Raises:
        UserError: the factor is below 2, there are fewer than two frames, or a gap is too short in microseconds.
    """
    check_factor(factor)
    gaps = _gaps(frame_times)
    ratio = gaps / np.median(gaps)
    regular = (ratio <= _REGULAR) & (ratio >= 1 / _REGULAR)
    steps = np.where(regular, factor, np.maximum(1, np.rint(ratio * factor))).astype(np.int64)
    short = np.flatnonzero(gaps < steps)
    if len(short):
        raise UserError(
            f"the frames at {frame_times[short[0]]} µs and after it are {gaps[short[0]]} µs apart: "
            f"too little for {steps[short[0]] - 1} inserted frames"
        )
    first = np.repeat(np.cumsum(steps) - steps, steps)
    number = np.arange(steps.sum()) - first
    gap, count = np.repeat(gaps, steps), np.repeat(steps, steps)
    # whole numbers throughout: halves round upwards
    inner = np.repeat(frame_times[:-1], steps) + (2 * number * gap + count) // (2 * count)
    return np.append(inner, frame_times[-1])


def times_of_rate(frame_times: Times, fps: float) -> Times:
    """A uniform grid of `fps` times a second of recorded time, from the first frame to the last.

    A time that comes within a twentieth of the grid's step of a frame becomes that frame's own, so that it is copied.

    Raises:
        UserError: fps is not positive or above a million, or there are fewer than two frames.
    """
    if not 0 < fps <= US_PER_S:
        raise UserError(f"the frame rate must be positive and at most {US_PER_S}, got {fps}")
    _gaps(frame_times)
    step = US_PER_S / fps
    count = int((frame_times[-1] - frame_times[0]) // step) + 1
    grid = frame_times[0] + np.rint(np.arange(count) * step).astype(np.int64)
    after = np.searchsorted(frame_times, grid).clip(1, len(frame_times) - 1)
    before = frame_times[after - 1]
    nearest = np.where(grid - before <= frame_times[after] - grid, before, frame_times[after])
    return np.unique(np.where(np.abs(nearest - grid) <= step / _SNAPPED, nearest, grid))


def frames_between(frame_times: Times, start_us: int | None, end_us: int | None) -> Times:
    """The frame times from `start_us` to `end_us`, both counted from the first frame and included; None = no bound.

    Raises:
        UserError: fewer than two frames lie there.
    """
    first = int(frame_times[0]) if len(frame_times) else 0
    low, high = (None if bound is None else first + bound for bound in (start_us, end_us))
    wanted = np.ones(len(frame_times), bool)
    if low is not None:
        wanted &= frame_times >= low
    if high is not None:
        wanted &= frame_times <= high
    found = frame_times[wanted]
    if (low, high) != (None, None) and len(found) < 2:
        last = int(frame_times[-1]) - first if len(frame_times) else 0
        raise UserError(
            f"{len(found)} frames lie between start and end, at least two are needed: the recording's frames run from "
            f"0 to {last} µs after the first"
        )
    return found


def _gaps(frame_times: Times) -> Times:
    if len(frame_times) < 2:
        raise UserError(f"interpolation needs at least two frames, got {len(frame_times)}")
    return np.diff(frame_times)


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
