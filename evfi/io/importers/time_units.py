"""Times of a file as whole microseconds, and which unit they can be in."""

import numpy as np
from numpy.typing import NDArray

from evfi.errors import InputFileError
from evfi.io.importers.options import TimeUnit
from evfi.units import NS_PER_US, US_PER_MS, US_PER_S

Times = NDArray[np.int64]
US_PER_UNIT: dict[TimeUnit, float] = {"s": US_PER_S, "ms": US_PER_MS, "us": 1, "ns": 1 / NS_PER_US}
_LARGEST_US = 1 << 61
_YEAR_2000_S, _YEAR_2100_S = 946_684_800, 4_102_444_800


def as_microseconds(t: NDArray, unit: TimeUnit, source: str) -> Times:
    """Times of any numeric dtype as int64 µs: whole numbers exactly (ns rounded down), others to the nearest.

    Raises:
        InputFileError: a time is not a number, or too large to be one.
    """
    if not len(t):
        return np.empty(0, np.int64)
    if t.dtype.kind in "iu":
        low, high = int(t.min()), int(t.max())
        if max(abs(low), abs(high)) * US_PER_UNIT[unit] >= _LARGEST_US:
            raise InputFileError(
                f"{source} has event times up to {high} {unit}: no clock counts so far; check the unit"
            )
        whole = t.astype(np.int64)
        return whole // NS_PER_US if unit == "ns" else whole * int(US_PER_UNIT[unit])
    scaled = t.astype(np.float64) * US_PER_UNIT[unit]
    if not (np.abs(scaled) < _LARGEST_US).all():
        raise InputFileError(f"{source} has times that are not numbers, or too large in {unit}: check column and unit")
    return np.rint(scaled).astype(np.int64)


def unit_of_epoch(t: float) -> TimeUnit | None:
    """The one unit in which a time lies in this century as Unix time; None where there is none."""
    for unit, factor in US_PER_UNIT.items():
        if _YEAR_2000_S <= t * factor / US_PER_S < _YEAR_2100_S:
            return unit
    return None


def units_that_overlap(span: tuple[float, float], other_us: tuple[int, int]) -> list[TimeUnit]:
    """Units in which `span` (first, last) shares half of the shorter of both spans, and they differ by less than 20."""
    fitting: list[TimeUnit] = []
    other = max(1, other_us[1] - other_us[0])
    for unit, factor in US_PER_UNIT.items():
        first, last = span[0] * factor, span[1] * factor
        length = max(1.0, last - first)
        common = min(last, other_us[1]) - max(first, other_us[0])
        if common >= 0.5 * min(length, other) and 0.05 < length / other < 20:
            fitting.append(unit)
    return fitting
