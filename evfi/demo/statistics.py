"""How demanding the demo's motion is, measured from exact flow between neighbouring frames.

Definitions, all between frame k and frame k + 1 at their mid-exposure times, pooled over every pixel and pair:
- flow: length of the exact flow from frame k to frame k + 1, in pixels per frame interval;
- newly uncovered: share of frame k + 1's pixels whose surface point was hidden behind a nearer layer in frame k;
- newly entered: share of frame k + 1's pixels whose surface point lay outside the picture in frame k.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from evfi.demo.exact_flow import HIDDEN, OUTSIDE, exact_flow
from evfi.demo.scene import Scene

_BIN_PX = 0.02
_BINS = 4096

GOALS: dict[str, tuple[float, float]] = {
    "flow_p99_px": (5.0, 12.0),
    "flow_median_px": (0.5, 4.0),
    "newly_uncovered_percent": (3.0, 15.0),
}
"""Ranges that the default options reach in each data set."""


@dataclass(eq=False, slots=True)
class MotionCount:
    """Counts that pool over clips and recordings by addition; the last bin holds all longer flows."""

    flow_histogram: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_BINS, np.int64))
    uncovered: int = 0
    entered: int = 0
    pixels: int = 0
    pairs: int = 0

    def __iadd__(self, other: "MotionCount") -> "MotionCount":
        self.flow_histogram += other.flow_histogram
        self.uncovered += other.uncovered
        self.entered += other.entered
        self.pixels += other.pixels
        self.pairs += other.pairs
        return self

    def summary(self) -> dict[str, float | int]:
        """Percentiles in pixels per frame interval (to 0.02 px) and shares in percent of the picture."""
        return {
            "flow_median_px": self._percentile(50),
            "flow_p90_px": self._percentile(90),
            "flow_p99_px": self._percentile(99),
            "newly_uncovered_percent": round(100 * self.uncovered / self.pixels, 3),
            "newly_entered_percent": round(100 * self.entered / self.pixels, 3),
            "frame_pairs": self.pairs,
        }

    def _percentile(self, percent: float) -> float:
        reached = np.searchsorted(np.cumsum(self.flow_histogram), percent / 100 * self.pixels)
        return round((float(reached) + 0.5) * _BIN_PX, 3)


def count_motion(scene: Scene, frame_t_us: NDArray[np.int64]) -> MotionCount:
    """Measure a scene between neighbouring frames at times (N,) µs since its start."""
    count = MotionCount()
    for before, after in pairwise(frame_t_us.tolist()):
        forward, backward = exact_flow(scene, before, after), exact_flow(scene, after, before)
        length = np.hypot(forward.flow[..., 0], forward.flow[..., 1])
        bins = np.minimum((length / _BIN_PX).astype(np.int64), _BINS - 1)
        count.flow_histogram += np.bincount(bins.ravel(), minlength=_BINS)
        count.uncovered += int((backward.fate == HIDDEN).sum())
        count.entered += int((backward.fate == OUTSIDE).sum())
        count.pixels += length.size
        count.pairs += 1
    return count


def pooled(counts: Iterable[MotionCount]) -> MotionCount:
    """The sum of all counts."""
    total = MotionCount()
    for count in counts:
        total += count
    return total


def missed_goals(summary: Mapping[str, float]) -> list[str]:
    """One line for each figure that lies outside GOALS; empty when all are met."""
    return [
        f"{figure} should lie in {low:g} to {high:g}, measured {summary[figure]:g}"
        for figure, (low, high) in GOALS.items()
        if not low <= summary[figure] <= high
    ]
