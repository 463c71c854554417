"""The figures that `evfi info` gives of every kind of file."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evfi.types import SensorSize
from evfi.units import US_PER_S

Description = dict[str, Any]
Times = NDArray[np.int64]


def event_facts(count: int, first_us: int, last_us: int) -> Description:
    """Number, first and last time, and rate of events."""
    span_us = last_us - first_us
    rate = round(count * US_PER_S / span_us, 1) if span_us else None
    return {"count": count, "start_us": first_us, "end_us": last_us, "per_second": rate}


def frame_facts(t_us: Times) -> Description:
    """Number, first and last time, and gaps of frames at times int64 µs (N,), N >= 1."""
    gaps = [int(later - earlier) for earlier, later in pairwise(t_us)]
    return {
        "count": len(t_us),
        "start_us": int(t_us[0]),
        "end_us": int(t_us[-1]),
        "median_interval_us": int(np.median(gaps)) if gaps else None,
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
