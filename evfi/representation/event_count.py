"""Signed event counts in consecutive time bins: WEVI's event tensor (ICCV 2021), without interpolation in time."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.representation.transforms import count_per_pixel
from evfi.types import Events


def bin_edges(start_us: float, center_us: float, end_us: float, *, bins: int) -> NDArray[np.float64]:
    """Edges (bins + 1,) of equal bins: half of them in [start, center], half in [center, end]; they may be fractions.

    Raises:
        UserError: the times do not increase, or the number of bins is not even and positive.
    """
    if not start_us < center_us < end_us or bins < 2 or bins % 2:
        raise UserError(
            f"event bins need start < centre < end and an even number of bins, got {start_us}, {center_us}, {end_us} "
            f"and {bins}"
        )
    before, after = center_us - start_us, end_us - center_us
    part = np.arange(bins // 2 + 1, dtype=np.float64) / (bins // 2)
    return np.concatenate((start_us + part * before, center_us + part[1:] * after))


def polarity_counts(events: Events, edges_us: Sequence[float] | NDArray[np.float64]) -> NDArray[np.int32]:
    """Events per bin and pixel, int32 (2, bins, H, W): OFF, ON. Bins are half-open, [edge, next edge).

    Sub-pixel events count at the nearest pixel; events outside all bins, or outside the sensor, are ignored.

    Raises:
        UserError: the edges do not increase.
    """
    edges = np.asarray(edges_us, np.float64)
    if len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise UserError(f"the edges of event bins must increase, got {edges.tolist()}")
    # An integer time lies at or after a fractional edge when it lies at or after the next whole microsecond.
    first = np.searchsorted(events.t, np.ceil(edges).astype(np.int64), side="left")
    counts = [count_per_pixel(events.take(slice(int(a), int(b)))) for a, b in pairwise(first)]
    return np.stack(counts, axis=1)


def signed_counts(counts: NDArray[np.int32], *, off: int = -1, limit: int = 10) -> NDArray[np.int8]:
    """ON counts plus `off` times OFF counts, cut to [-limit, limit]: int8 (bins, H, W) of counts (2, bins, H, W).

    `off` = -3 is what WEVI's released pipeline computes by mapping the polarity twice.
    """
    return np.clip(counts[1] + off * counts[0], -limit, limit).astype(np.int8)
