"""The simulator as specs/esim.md describes its quick prototype: two compiled passes (count, then fill), then a counting
sort by time. A second yardstick of `bench_simulator.py`: the original's times are known, its clips are not.

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
    nothing = np.empty(0, np.uint16), np.empty(0, np.uint16), np.empty(0, np.int64), np.empty(0, np.bool_)
    count = _pass(indices, table, t_us, contrast_pos, contrast_neg, *nothing, False)
    columns = (
        np.empty(count, np.uint16),
        np.empty(count, np.uint16),
        np.empty(count, np.int64),
        np.empty(count, np.bool_),
    )
    _pass(indices, table, t_us, contrast_pos, contrast_neg, *columns, True)
    order = _order_by_time(columns[2], t_us[0], t_us[-1])
    return Events(*(column[order] for column in columns), SensorSize(height=height, width=width))


@njit(cache=True, nogil=True)
def _pass(gray, table, t_us, contrast_pos, contrast_neg, x_out, y_out, t_out, p_out, filling):
    """Events of all pixels, one after the other; returns their number, and with `filling` also writes them."""
    count = 0
    for y in range(gray.shape[1]):
        for x in range(gray.shape[2]):
            level = table[gray[0, y, x]]
            for k in range(gray.shape[0] - 1):
                prev, new = table[gray[k, y, x]], table[gray[k + 1, y, x]]
                if new == prev:
                    continue
                rising, dt_us = new > prev, t_us[k + 1] - t_us[k]
                step = contrast_pos if rising else -contrast_neg
                us_per_log = dt_us / (new - prev)
                crossing = level + step
                while (prev < crossing <= new) if rising else (new <= crossing < prev):
                    if filling:
                        after_us = np.int64((crossing - prev) * us_per_log)
                        x_out[count], y_out[count], p_out[count] = x, y, rising
                        t_out[count] = t_us[k] + min(after_us, dt_us - 1)
                    count += 1
                    level = crossing
                    crossing = level + step
    return count


@njit(cache=True, nogil=True)
def _order_by_time(t, start_us, end_us):
    """A stable counting sort with one counter a microsecond, as indices."""
    place = np.zeros(end_us - start_us + 1, np.int64)
    for i in range(t.size):
        place[t[i] - start_us + 1] += 1
    for i in range(1, place.size):
        place[i] += place[i - 1]
    order = np.empty(t.size, np.int64)
    for i in range(t.size):
        order[place[t[i] - start_us]] = i
        place[t[i] - start_us] += 1
    return order
