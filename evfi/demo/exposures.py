"""When the demo camera's shutter is open: exposure intervals of the frames and of the true frames in between.

A `Exposures` holds whole microseconds since the scene's start; mid-exposure times are whole as well.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evfi.demo.options import DemoOptions
from evfi.types import Frames
from evfi.units import US_PER_S, seconds_to_us

# The exposure swings through its whole range about once in four seconds.
_SWING_HZ = (0.2, 0.3)


@dataclass(frozen=True, eq=False, slots=True)
class Exposures:
    """start_us, end_us: int64 (N,), half-open intervals with an even length."""

    start_us: NDArray[np.int64]
    end_us: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start_us)

    @property
    def t_us(self) -> NDArray[np.int64]:
        """Mid-exposure times."""
        return (self.start_us + self.end_us) // 2

    def frames(self, image: NDArray[np.uint8], first: int, origin_us: int) -> Frames:
        """Frames number first, first + 1, … with their times, origin_us being the scene's start."""
        which = slice(first, first + len(image))
        return Frames(
            image, self.t_us[which] + origin_us, self.start_us[which] + origin_us, self.end_us[which] + origin_us
        )


def frame_exposures(options: DemoOptions, rng: np.random.Generator) -> Exposures:
    """Exposures that start at a steady rate while their length swings smoothly between its bounds.

    So mid-exposure times are not evenly spaced, and a tool that took a frame's start for its time would be wrong by
    up to half an exposure. Half lengths are multiples of `truth_per_gap + 1`, so that a gap divides evenly wherever
    the frame period does.
    """
    period_us = US_PER_S // options.fps
    lead_us = (period_us - options.exposure_max_us) // 2
    start_us = lead_us + np.arange(int(options.recording_seconds * options.fps), dtype=np.int64) * period_us
    phase = 2 * np.pi * (rng.uniform(*_SWING_HZ) * start_us / US_PER_S + rng.uniform())
    low, high = np.log(options.exposure_min_us), np.log(options.exposure_max_us)
    wanted_us = np.exp((low + high) / 2 + (high - low) / 2 * np.sin(phase))
    step = options.truth_per_gap + 1
    half_us = np.clip(
        np.rint(wanted_us / (2 * step)).astype(np.int64) * step,
        -(-options.exposure_min_us // (2 * step)) * step,
        options.exposure_max_us // (2 * step) * step,
    )
    return Exposures(start_us, start_us + 2 * half_us)


def exposures_between(frames: Exposures, per_gap: int) -> Exposures:
    """`per_gap` exposures in every gap, in order of time.

    Their mid-exposure times divide the gap between two frames' mid-exposure times evenly (rounded to 1 µs where it
    does not divide), and their lengths are interpolated between the two frames' (rounded to an even number).
    """
    fraction = np.arange(1, per_gap + 1) / (per_gap + 1)
    t_us, half_us = frames.t_us, (frames.end_us - frames.start_us) // 2
    middle_us = np.rint(t_us[:-1, None] + fraction * np.diff(t_us)[:, None]).astype(np.int64).ravel()
    halves_us = np.rint(half_us[:-1, None] + fraction * np.diff(half_us)[:, None]).astype(np.int64).ravel()
    return Exposures(middle_us - halves_us, middle_us + halves_us)


def recording_duration_us(options: DemoOptions) -> int:
    """How long a recording's event camera looks, in microseconds."""
    return seconds_to_us(options.recording_seconds)
