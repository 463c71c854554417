"""The figures that `evfi info` gives of every kind of file."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evfi.io.pieces import Imu, Triggers, times_of
from evfi.types import Events, SensorSize
from evfi.units import US_PER_S

Description = dict[str, Any]
Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Span:
    """How many events, inertial samples or triggers there are, and the times of the first and the last, µs."""

    count: int = 0
    first_us: int = 0
    last_us: int = 0

    @classmethod
    def of(cls, piece: Events | Imu | Triggers | None) -> "Span":
        """That of one piece; of none: 0."""
        if piece is None or not len(piece):
            return cls()
        t = times_of(piece)
        return cls(len(t), int(t[0]), int(t[-1]))

    def __add__(self, later: "Span") -> "Span":
        if not (self.count and later.count):
            return self if self.count else later
        return Span(self.count + later.count, self.first_us, later.last_us)

    def facts(self) -> Description | None:
        """Count, first and last time; None where there is nothing."""
        return {"count": self.count, "start_us": self.first_us, "end_us": self.last_us} if self.count else None


def event_facts(count: int, first_us: int, last_us: int) -> Description:
    """Number, first and last time, and rate of events."""
    span_us = last_us - first_us
    rate = round(count * US_PER_S / span_us, 1) if span_us else None
    return {"count": count, "start_us": first_us, "end_us": last_us, "per_second": rate}


def frame_facts(t_us: Times) -> Description:
    """Number, first and last time, rate (of the median interval) and gaps of frames at times int64 µs (N,), N >= 1."""
    gaps = [int(later - earlier) for earlier, later in pairwise(t_us)]
    middle = int(np.median(gaps)) if gaps else None
    return {
        "count": len(t_us),
        "start_us": int(t_us[0]),
        "end_us": int(t_us[-1]),
        "per_second": round(US_PER_S / middle, 3) if middle else None,
        "median_interval_us": middle,
        "longest_interval_us": max(gaps, default=None),
    }


def exposure_facts(start_us: Times, end_us: Times) -> Description:
    """Shortest and longest exposure; None where unknown."""
    lengths = end_us - start_us
    known = bool((lengths > 0).any())
    return {"exposure_us": {"shortest": int(lengths.min()), "longest": int(lengths.max())} if known else None}


def size_facts(size: SensorSize) -> dict[str, int]:
    """Height and width, by name."""
    return {"height": int(size.height), "width": int(size.width)}
