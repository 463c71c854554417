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
    backwards: NDArray[np.float32],
) -> None:
    """Fill grid (bins, H, W) with whole-pixel events of the window, whose times never fall.

    Where `backwards` (bins or 0, H, W) has bins, it gets the reversed grid: from the last bin on, the sign turned. Only
    two neighbouring bins are open at a time: pair (2, H, W), zeros before and after, holds bin k at k % 2; each bin is
    written once, when it is complete.
    """
    bins, height, width = grid.shape[0], np.uint64(grid.shape[1]), np.uint64(grid.shape[2])
    scale = (bins - 1) / (end_us - start_us)
    first = 0
    for low in range(bins):
        here, above = pair[low & 1].reshape(-1), pair[1 - (low & 1)].reshape(-1)
        stop = _first_of_bin(t, start_us, scale, low + 1, first)
        columns, rows, times, on = x[first:stop], y[first:stop], t[first:stop], p[first:stop]
        for i in range(len(times)):
            # unsigned: below zero is beyond the end, and no index can mean "from the end" (a third of the time)
            column, row = np.uint64(columns[i]), np.uint64(rows[i])
            if column < width and row < height:
                upper = (times[i] - start_us) * scale - low
                sign = 2.0 * on[i] - 1.0
                pixel = row * width + column
                here[pixel] += sign * (1.0 - upper)
                above[pixel] += sign * upper
        first = stop
        _close(pair[low & 1], grid[low], backwards[bins - 1 - low : bins - low])


@njit(cache=True, nogil=True)
def _first_of_bin(t, start_us, scale, number, low):
    """Index of the first event from `low` on whose time in bins reaches `number`; len(t) where none does."""
    high = len(t)
    while low < high:
        middle = (low + high) // 2
        if (t[middle] - start_us) * scale < number:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _close(sums, plane, turned):
    """Move sums float64 (H, W) to plane float32 (H, W), and with the sign turned to turned (1 or 0, H, W)."""
    source, target = sums.reshape(-1), plane.reshape(-1)
    if len(turned):
        opposite = turned[0].reshape(-1)
        for pixel in range(source.size):
            value = np.float32(source[pixel])
            target[pixel] = value
            opposite[pixel] = -value
            source[pixel] = 0.0
    else:
        for pixel in range(source.size):
            target[pixel] = source[pixel]
            source[pixel] = 0.0


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
