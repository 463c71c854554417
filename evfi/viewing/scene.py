"""One recording as a viewer shows it: its facts, its event rate, and pictures of any moment."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.io.images import encode_png
from evfi.io.recording import Recording
from evfi.representation.drawing import draw_events
from evfi.units import US_PER_MS, US_PER_S

Show = Literal["both", "frames", "events"]
_GROUND = 0  # black: what lies under events where no frame is asked for
_MOST_BINS = 600
_LONGEST_WINDOW_US = 10 * US_PER_S


@dataclass(frozen=True, slots=True)
class Scene:
    """A recording and its span of time, of events and frames together, [start_us, end_us)."""

    recording: Recording
    start_us: int
    end_us: int

    @classmethod
    def of(cls, recording: Recording) -> "Scene":
        """The scene of a recording.

        Raises:
            InputFileError: it holds neither events nor frames.
        """
        frames = recording.frames
        starts, ends = [recording.start_us], [recording.end_us]
        if frames is not None and len(frames):
            starts.append(int(frames.t_us[0]))
            ends.append(int(frames.t_us[-1]) + 1)
        return cls(recording, min(starts), max(ends))

    def facts(self) -> dict[str, Any]:
        """What the page needs to know; times are µs after the start."""
        size, frames = self.recording.sensor_size, self.recording.frames
        bin_us, rate = self._rate()
        return {
            "width": size.width,
            "height": size.height,
            "span_us": self.end_us - self.start_us,
            "events": self.recording.event_count,
            "frames_us": [] if frames is None else (frames.t_us - self.start_us).tolist(),
            "bin_us": bin_us,
            "rate": rate,
        }

    def picture(self, at_us: int, window_us: int, show: Show) -> bytes:
        """A PNG: the frame nearest to a moment, and the events of the window around it.

        Args:
            at_us: the moment, µs after the start; beyond the recording its ends are shown.
            window_us: how much time of events, the moment in its middle.

        Raises:
            UserError: a value is none of those that can be shown.
        """
        if show not in get_args(Show) or not 0 < window_us <= _LONGEST_WINDOW_US:
            raise UserError(f"a picture shows {', '.join(get_args(Show))} of 1 to {_LONGEST_WINDOW_US} µs")
        t_us = self.start_us + min(max(at_us, 0), self.end_us - self.start_us)
        image = self._frame(t_us, show)
        if show != "frames":
            first = t_us - window_us // 2
            image = draw_events(image, self.recording.events(first, first + window_us))
        return encode_png(image)

    def _frame(self, t_us: int, show: Show) -> NDArray[np.uint8]:
        frames, size = self.recording.frames, self.recording.sensor_size
        if frames is None or not len(frames) or show == "events":
            return np.full((size.height, size.width), _GROUND, np.uint8)
        return frames.at(t_us)

    def _rate(self) -> tuple[int, list[float]]:
        """Length of a bin, and events a second in at most _MOST_BINS of them from the start."""
        span_ms = -(-(self.end_us - self.start_us) // US_PER_MS)
        run = max(1, -(-span_ms // _MOST_BINS))
        counted = self.recording.events_per_ms
        before = (self.recording.start_us - self.start_us) // US_PER_MS if len(counted) else 0
        whole = np.zeros(-(-(before + len(counted)) // run) * run, np.int64)
        whole[before : before + len(counted)] = counted
        rate = whole.reshape(-1, run).sum(axis=1) * (US_PER_S / (run * US_PER_MS))
        return run * US_PER_MS, rate.round(1).tolist()
