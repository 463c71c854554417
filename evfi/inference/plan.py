"""Which frames a user asks for, and how fast they play: pure functions of frame times."""

from dataclasses import dataclass

import numpy as np

from evfi.errors import UserError
from evfi.inference.windows import (
    Times,
    capture_rate,
    check_factor,
    frames_between,
    times_of_factor,
    times_of_rate,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The frames that are asked for: exactly one of factor, fps and at_us.

    Attributes:
        factor: so many times the frames of the recording, whose own stay among them.
        fps: frames per second of recorded time, on a uniform grid.
        at_us: single times on the recording's clock, int µs.
        start_us, end_us: the part of the recording, counted from its first frame; not for single times.
        playback_fps: frames per second of the result; None: the recording's own rate.
        realtime: play as fast as it happened.
    """

    factor: int | None = None
    fps: float | None = None
    at_us: tuple[int, ...] = ()
    start_us: int | None = None
    end_us: int | None = None
    playback_fps: float | None = None
    realtime: bool = False

    def check(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            UserError: naming the options.
        """
        ways = [
            name
            for name, given in (("factor", self.factor), ("fps", self.fps), ("at-us", self.at_us))
            if given not in (None, ())
        ]
        if len(ways) != 1:
            raise UserError(f"give one of factor, fps and at-us, got {' and '.join(ways) or 'none'}")
        if self.factor is not None:
            check_factor(self.factor)
        if self.realtime and (self.playback_fps is not None or self.at_us):
            raise UserError("realtime sets the playback rate itself: leave out playback-fps, and give factor or fps")
        if self.at_us and (self.start_us is not None or self.end_us is not None):
            raise UserError("start and end are for factor and fps; at-us names its times itself")
        if self.playback_fps is not None and not 0 < self.playback_fps < float("inf"):
            raise UserError(f"playback-fps must be positive, got {self.playback_fps}")


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """Times int64 µs (N,) in order, and rates in frames per second; `slow_down` is None for single times."""

    t_us: Times
    capture_fps: float
    playback_fps: float
    slow_down: float | None


def planned(frame_times: Times, asked: Asked) -> Plan:
    """The times and rates of what is asked for.

    Raises:
        UserError: it contradicts itself, or the recording has too few frames for it.
    """
    asked.check()
    capture_fps = capture_rate(frame_times)
    playback_fps = asked.playback_fps or capture_fps
    if asked.at_us:
        return Plan(np.unique(np.array(asked.at_us, np.int64)), capture_fps, playback_fps, None)
    chosen = frames_between(frame_times, asked.start_us, asked.end_us)
    if asked.fps is not None:
        times, made_fps = times_of_rate(chosen, asked.fps), asked.fps
    else:
        factor = asked.factor or 1
        times, made_fps = times_of_factor(chosen, factor), factor * capture_fps
    if asked.realtime:
        playback_fps = made_fps
    return Plan(times, capture_fps, playback_fps, made_fps / playback_fps)
