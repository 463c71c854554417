"""Sums over pixels from which the time offset and the contrast thresholds follow.

Between two frames the log intensity of a pixel changes by C+ for every ON and -C- for every OFF event. A frame is a
mean over its exposure, so each event counts with the part of the second exposure that comes after it, less that of the
first (Pan et al., "Bringing a Blurry Frame Alive", CVPR 2019, to first order). An event says that the change of one
threshold is complete; the change itself was spread over the time since the event before. In the mean it came half a gap
earlier, the gap being the shorter one to the events of the same polarity before and after. Without that the events
seem 3 to 5 ms late on the demo's scenes; with it, up to 0.4 ms.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from evfi.doctor.event_survey import pixels_of
from evfi.io.recording import FrameStream, Recording
from evfi.types import Events
from evfi.units import US_PER_MS

MARGIN_US = 30 * US_PER_MS
_LONGEST_GAP_US = 20 * US_PER_MS
_LOG_EPS = 1e-3  # of the simulator: log(I / 255 + eps)
_DARKEST, _BRIGHTEST = 16, 250
_NOISE_DN = 1.5
_THRESHOLD_VARIANCE = 0.03  # of what a pixel keeps below its threshold, C² / 2 at C = 0.25
Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class Sums:
    """Weighted sums over the pixels of one interval, for each shift (S): gram (S, 2, 2) and right (S, 2) of the normal
    equations of (C+, C-), square of the change, and the number of pixels."""

    gram: Array
    right: Array
    square: float
    pixels: int


@dataclass(frozen=True, eq=False, slots=True)
class Gap:
    """What happens between two frames: change of log intensity and weight of each pixel (N,), and the events around
    with pixel, sign (True: ON), time t and lag (half a gap) in µs since `origin_us`; ends: both exposures."""

    change: Array
    weight: Array
    pixel: NDArray[np.int64]
    on: Mask
    t: Array
    lag: Array
    alone: Mask
    ends: tuple[float, float, float, float]


def gap_after(recording: Recording, frames: FrameStream, number: int, spoilt: Mask) -> Gap:
    """The interval from frame `number` to the next; `spoilt` (H, W) pixels have weight 0."""
    ends = [int(times[k]) for k in (number, number + 1) for times in (frames.exposure_start_us, frames.exposure_end_us)]
    origin = ends[0]
    before, after = (_gray(frames[k]).ravel() for k in (number, number + 1))
    events = recording.events(origin - MARGIN_US, ends[3] + MARGIN_US + 1)
    lag, alone = _lags(events)
    usable = (np.minimum(before, after) >= _DARKEST) & (np.maximum(before, after) <= _BRIGHTEST) & ~spoilt.ravel()
    variance = _THRESHOLD_VARIANCE + (_NOISE_DN / np.maximum(before, 1)) ** 2 + (_NOISE_DN / np.maximum(after, 1)) ** 2
    return Gap(
        change=np.log(after / 255 + _LOG_EPS) - np.log(before / 255 + _LOG_EPS),
        weight=usable / variance,
        pixel=pixels_of(events),
        on=events.p,
        t=(events.t - origin).astype(np.float64),
        lag=lag,
        alone=alone,
        ends=(0.0, float(ends[1] - origin), float(ends[2] - origin), float(ends[3] - origin)),
    )


def sums_of(gap: Gap, shifts_us: Array, *, lagging: bool = True, bursts_only: bool = True) -> Sums:
    """Sums with the events' times less each of the shifts.

    Args:
        lagging: take half a gap off each event's time.
        bursts_only: only pixels with two events or more, none of which is alone in 20 ms (an event that is alone does
            not tell when its change came).
    """
    pixels = len(gap.change)
    weight = gap.weight
    if bursts_only:
        in_bursts = np.bincount(gap.pixel[~gap.alone], minlength=pixels)
        alone = np.bincount(gap.pixel[gap.alone], minlength=pixels)
        weight = weight * ((in_bursts >= 2) & (alone == 0))
    t = gap.t - gap.lag if lagging else gap.t
    gram, right = np.empty((len(shifts_us), 2, 2)), np.empty((len(shifts_us), 2))
    for k, shift in enumerate(shifts_us):
        part = _after(t - shift, *gap.ends[2:]) - _after(t - shift, *gap.ends[:2])
        ups = np.bincount(gap.pixel[gap.on], part[gap.on], pixels)
        downs = np.bincount(gap.pixel[~gap.on], part[~gap.on], pixels)
        cross = -(weight * ups * downs).sum()
        gram[k] = [[(weight * ups * ups).sum(), cross], [cross, (weight * downs * downs).sum()]]
        right[k] = (weight * ups * gap.change).sum(), -(weight * downs * gap.change).sum()
    square = float((weight * gap.change**2).sum())
    return Sums(gram, right, square, int((weight > 0).sum()))


def _after(t: Array, start: float, end: float) -> Array:
    """The part of an exposure that comes after each time."""
    if end <= start:
        return (t < end).astype(np.float64)
    return np.clip((end - t) / (end - start), 0.0, 1.0)


def _lags(events: Events) -> tuple[Array, Mask]:
    """Half the gap of each event, and whether it has no other of its pixel and polarity within 20 ms."""
    pixel = pixels_of(events)
    order = np.argsort(pixel, kind="stable")
    t, p, at = events.t[order], events.p[order], pixel[order]
    together = at[1:] == at[:-1]
    gaps = np.diff(t)
    limit = _LONGEST_GAP_US
    any_before, before, after = (np.full(len(t), 2 * limit, np.int64) for _ in range(3))
    any_before[1:][together] = gaps[together]
    alike = together & (p[1:] == p[:-1])
    before[1:][alike] = gaps[alike]
    after[:-1][alike] = gaps[alike]
    shortest = np.minimum(np.minimum(any_before, limit), np.minimum(before, after))
    lag, alone = np.empty(len(t)), np.empty(len(t), np.bool_)
    lag[order] = shortest / 2
    alone[order] = np.minimum(before, after) > limit
    return lag, alone


def _gray(image: NDArray[np.uint8]) -> Array:
    gray = image if image.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    return np.asarray(gray, np.float64)
