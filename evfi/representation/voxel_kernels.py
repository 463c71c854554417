"""Compiled loops of the voxel grid; evfi.representation.voxel holds the plain twin and the checks."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def add_event(position, row, column, on, grid):
    """Add one event to its pixel of grid float64 (bins, H, W); position: its time in bins, [0, bins - 1)."""
    low = int(position)
    upper = position - low
    sign = 1.0 if on else -1.0
    grid[low, row, column] += sign * (1.0 - upper)
    if low + 1 < grid.shape[0]:
        grid[low + 1, row, column] += sign * upper


@njit(cache=True, nogil=True)
def add_pixel_events(
    x: NDArray[np.uint16],
    y: NDArray[np.uint16],
    t: NDArray[np.int64],
    p: NDArray[np.bool_],
    start_us: int,
    end_us: int,
    grid: NDArray[np.float64],
) -> None:
    """Add events with whole-pixel coordinates to grid (bins, H, W)."""
    bins, height, width = grid.shape
    scale = (bins - 1) / (end_us - start_us)
    for i in range(len(t)):
        time, column, row = t[i], x[i], y[i]
        if time < start_us or time >= end_us or column < 0 or column >= width or row < 0 or row >= height:
            continue
        add_event((time - start_us) * scale, row, column, p[i], grid)


@njit(cache=True, nogil=True)
def fill_in_time_order(
    x: NDArray[np.uint16],
    y: NDArray[np.uint16],
    t: NDArray[np.int64],
    p: NDArray[np.bool_],
    start_us: int,
    end_us: int,
    pair: NDArray[np.float64],
    grid: NDArray[np.float32],
) -> None:
    """Fill grid (bins, H, W) with whole-pixel events of the window, whose times never fall.

    Then only two neighbouring bins are open at a time. pair (H, W, 2), zeros before and after, holds bin k at k % 2, so
    that an event touches one place in memory, and each bin is written once, when it is complete.
    """
    bins, height, width = grid.shape
    scale = (bins - 1) / (end_us - start_us)
    sums = pair.reshape(-1)
    i = 0
    for low in range(bins):
        here, above = low & 1, 1 - (low & 1)
        while i < len(t):
            position = (t[i] - start_us) * scale
            if int(position) > low:
                break
            column, row = x[i], y[i]
            if 0 <= column < width and 0 <= row < height:
                upper = position - low
                sign = 2.0 * p[i] - 1.0
                place = 2 * (int(row) * width + int(column))
                sums[place + here] += sign * (1.0 - upper)
                sums[place + above] += sign * upper
            i += 1
        complete = grid[low].reshape(-1)
        for pixel in range(complete.size):
            complete[pixel] = sums[2 * pixel + here]
            sums[2 * pixel + here] = 0.0


@njit(cache=True, nogil=True)
def add_subpixel_events(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    t: NDArray[np.int64],
    p: NDArray[np.bool_],
    start_us: int,
    end_us: int,
    grid: NDArray[np.float64],
) -> None:
    """Add events with sub-pixel coordinates to grid (bins, H, W): bilinear, neighbours outside dropped one by one."""
    bins, height, width = grid.shape
    scale = (bins - 1) / (end_us - start_us)
    for i in range(len(t)):
        time, column, row = t[i], float(x[i]), float(y[i])
        # the negated form also drops NaN
        if time < start_us or time >= end_us or not (-1.0 < column < width and -1.0 < row < height):
            continue
        position = (time - start_us) * scale
        low = int(position)
        upper = position - low
        sign = 1.0 if p[i] else -1.0
        left, top = int(np.floor(column)), int(np.floor(row))
        for row_step in range(2):
            yy = top + row_step
            if yy < 0 or yy >= height:
                continue
            for column_step in range(2):
                xx = left + column_step
                if xx < 0 or xx >= width:
                    continue
                weight = sign * (1.0 - abs(column - xx)) * (1.0 - abs(row - yy))
                grid[low, yy, xx] += weight * (1.0 - upper)
                if low + 1 < bins:
                    grid[low + 1, yy, xx] += weight * upper
