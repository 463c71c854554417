"""The voxel grid of TimeLens (CVPR 2021): events of a window, spread over time bins by their distance in time.

Bin b of pixel (y, x) holds the sum over events of sign * max(0, 1 - |t* - b|), where
t* = (t - start)(bins - 1)/(end - start) and sign is +1 for ON, -1 for OFF.
Sub-pixel coordinates are spread bilinearly in x and y too. No normalisation.
"""

import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.representation.voxel_kernels import add_pixel_events, add_subpixel_events, fill_in_time_order
from evfi.types import Events, check_window

VoxelGrid = NDArray[np.float32]


def voxel_grid(events: Events, *, bins: int = 5, start_us: int, end_us: int) -> VoxelGrid:
    """The grid float32 (bins, H, W) of the events in the half-open window [start_us, end_us); others are ignored.

    The window's own bounds place the bins, not the first and last event; no event gives a zero grid. Events outside
    the sensor are ignored (sub-pixel ones count with the neighbours that lie inside). Sums are kept in float64.

    Raises:
        UserError: the window is empty, or bins < 1.
    """
    _check(bins, start_us, end_us)
    grid = np.zeros((bins, events.sensor_size.height, events.sensor_size.width), np.float64)
    add = add_pixel_events if _on_pixels(events) else add_subpixel_events
    add(events.x, events.y, events.t, events.p, start_us, end_us, grid)
    return grid.astype(np.float32)


def voxel_grid_plain(events: Events, *, bins: int = 5, start_us: int, end_us: int) -> VoxelGrid:
    """The formula written out in NumPy: the specification of `voxel_grid`, same arguments and errors, slow."""
    _check(bins, start_us, end_us)
    height, width = events.sensor_size.height, events.sensor_size.width
    inside = (events.t >= start_us) & (events.t < end_us)
    x, y = events.x[inside].astype(np.float64), events.y[inside].astype(np.float64)
    position = (events.t[inside] - start_us) * (bins - 1) / (end_us - start_us)
    sign = np.where(events.p[inside], 1.0, -1.0)
    grid = np.zeros((bins, height, width), np.float64)
    for column in (np.floor(x), np.floor(x) + 1):
        for row in (np.floor(y), np.floor(y) + 1):
            in_space = np.maximum(0, 1 - np.abs(x - column)) * np.maximum(0, 1 - np.abs(y - row))
            on_sensor = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            pixel = (row[on_sensor].astype(np.intp), column[on_sensor].astype(np.intp))
            for number in range(bins):
                in_time = np.maximum(0, 1 - np.abs(position - number))
                np.add.at(grid[number], pixel, (sign * in_space * in_time)[on_sensor])
    return grid.astype(np.float32)


def reversed_voxel_grid(grid: VoxelGrid) -> VoxelGrid:
    """The grid (bins, H, W) of the same events with time mirrored in the window and polarity flipped; a copy."""
    return -grid[::-1]


def voxel_grids_around(
    events: Events, *, bins: int = 5, start_us: int, at_us: int, end_us: int
) -> tuple[VoxelGrid, VoxelGrid, VoxelGrid]:
    """The grids of [start_us, at_us), of the same events played backwards, and of [at_us, end_us).

    Bit for bit what `voxel_grid` and `reversed_voxel_grid` give, faster: events on whole pixels are read once, in the
    order of their times, and the grids are views of one block of memory (three blocks of their own would go back to the
    operating system each time, and getting them anew costs more than filling them).

    Raises:
        UserError: a window is empty, or bins < 1.
    """
    _check(bins, start_us, at_us)
    _check(bins, at_us, end_us)
    height, width = events.sensor_size.height, events.sensor_size.width
    before, backwards, after = np.empty((3, bins, height, width), np.float32)
    if not _on_pixels(events):
        before[:] = voxel_grid(events, bins=bins, start_us=start_us, end_us=at_us)
        backwards[:] = reversed_voxel_grid(before)
        after[:] = voxel_grid(events, bins=bins, start_us=at_us, end_us=end_us)
        return before, backwards, after
    pair, early, late = np.zeros((2, height, width)), events.window(start_us, at_us), events.window(at_us, end_us)
    fill_in_time_order(early.x, early.y, early.t, early.p, start_us, at_us, pair, before, backwards)
    fill_in_time_order(late.x, late.y, late.t, late.p, at_us, end_us, pair, after, backwards[:0])
    return before, backwards, after


def _check(bins: int, start_us: int, end_us: int) -> None:
    check_window(start_us, end_us)
    if bins < 1:
        raise UserError(f"a voxel grid needs at least one bin, got bins = {bins}")


def _on_pixels(events: Events) -> bool:
    return events.x.dtype.kind in "ui" and events.y.dtype.kind in "ui"
