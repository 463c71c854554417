"""The simulator as specs/esim.md describes its quick prototype: two compiled passes (count, then fill), then a counting
sort by time. A second yardstick of `bench_simulator.py`: the original's times are known, its code and clips are not.

Same events as `evfi.simulation.reference` with law esim_py, no refractory time and no noise
(tests/simulation/test_numpy_twin.py).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evfi.simulation.intensity import log_table, table_indices
from evfi.types import Events, SensorSize


def simulate_in_two_passes(
    frames: NDArray, t_us: NDArray[np.int64], contrast_pos: float, contrast_neg: float
) -> Events:
    """Events in canonical order of gray frames (N, H, W), uint8 or float in [0, 255]."""
    indices = table_indices(frames)
    table = log_table(indices.dtype, 1e-3).values
    height, width = frames.shape[1:]
    count = _pass(indices, table, t_us, contrast_pos, contrast_neg, *_columns(0), False)
    found = _columns(count)
    _pass(indices, table, t_us, contrast_pos, contrast_neg, *found, True)
    columns = _columns(count)
    _sort_by_time(*found, t_us[0], t_us[-1], *columns)
    return Events(*columns, SensorSize(height=height, width=width))


def _columns(count: int) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    return np.empty(count, np.uint16), np.empty(count, np.uint16), np.empty(count, np.int64), np.empty(count, np.bool_)


@njit(cache=True, nogil=True)
def _pass(gray, table, t_us, contrast_pos, contrast_neg, x_out, y_out, t_out, p_out, filling):
    """Row by row through all intervals, so that levels stay in the cache and frames are read as they lie in memory.

    Returns the number of events, and with `filling` also writes them.
    """
    count = 0
    level = np.empty(gray.shape[2])
    for y in range(gray.shape[1]):
        for x in range(gray.shape[2]):
            level[x] = table[gray[0, y, x]]
        for k in range(gray.shape[0] - 1):
            dt_us = t_us[k + 1] - t_us[k]
            for x in range(gray.shape[2]):
                new = table[gray[k + 1, y, x]]
                if level[x] - contrast_neg < new < level[x] + contrast_pos:
                    continue
                prev = table[gray[k, y, x]]
                if new == prev:
                    continue
                rising = new > prev
                step = contrast_pos if rising else -contrast_neg
                us_per_log = dt_us / (new - prev)
                crossing = level[x] + step
                while (prev < crossing <= new) if rising else (new <= crossing < prev):
                    if filling:
                        after_us = np.int64((crossing - prev) * us_per_log)
                        x_out[count], y_out[count], p_out[count] = x, y, rising
                        t_out[count] = t_us[k] + min(after_us, dt_us - 1)
                    count += 1
                    level[x] = crossing
                    crossing = level[x] + step
    return count


@njit(cache=True, nogil=True)
def _sort_by_time(x, y, t, p, start_us, end_us, x_out, y_out, t_out, p_out):
    """A stable counting sort with one counter a microsecond."""
    place = np.zeros(end_us - start_us + 1, np.int64)
    for i in range(t.size):
        place[t[i] - start_us + 1] += 1
    for i in range(1, place.size):
        place[i] += place[i - 1]
    for i in range(t.size):
        to = place[t[i] - start_us]
        x_out[to], y_out[to], t_out[to], p_out[to] = x[i], y[i], t[i], p[i]
        place[t[i] - start_us] += 1
