"""Video straight to voxel grids: a simulation whose events are never stored.

For training with thresholds that are drawn anew every epoch. The grids equal `simulate` and then `voxel_grid`, bit for
bit: a cell belongs to one pixel, whose events are added in the same order either way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.flow.provider import FlowProvider
from evfi.representation.voxel import VoxelGrid
from evfi.representation.voxel_kernels import add_event, add_pixel_events
from evfi.simulation import numba_backend
from evfi.simulation.checks import size_of_first
from evfi.simulation.event_keys import parts_of, sort_within_pixels
from evfi.simulation.intensity import LogTable
from evfi.simulation.options import SimulationOptions
from evfi.simulation.pixels import PixelModel, PixelState
from evfi.simulation.simulate import Simulator
from evfi.types import Events, SensorSize, check_window

_KEYS_AT_ONCE = 1 << 15
"""Keys made before they are added to the grids: 256 kB stay in the second-level cache."""


@dataclass(frozen=True, slots=True)
class VoxelWindow:
    """One voxel grid to be made: the half-open window [start_us, end_us) and its number of time bins.

    Raises:
        UserError: the window is empty, or bins < 1.
    """

    start_us: int
    end_us: int
    bins: int = 5

    def __post_init__(self) -> None:
        check_window(self.start_us, self.end_us)
        if self.bins < 1:
            raise UserError(f"a voxel grid needs at least one bin, got bins = {self.bins}")


def simulate_voxels(
    frames: Sequence[NDArray] | NDArray,
    t_us: Sequence[int] | NDArray[np.int64],
    windows: Sequence[VoxelWindow],
    options: SimulationOptions | None = None,
    *,
    seed: int = 0,
    flow: FlowProvider | None = None,
) -> list[VoxelGrid]:
    """The grid float32 (bins, H, W) of each window, as `voxel_grid` makes it of the events that `simulate` gives.

    TimeLens takes two of a sample: of [t0, t) and of [t, t1). Windows may overlap, and reach beyond the frames. Other
    arguments and errors: `evfi.simulation.simulate.simulate`.
    """
    simulator = VoxelSimulator(size_of_first(frames), windows, options, seed=seed, flow=flow)
    simulator.feed(frames, t_us)
    return simulator.grids()


class VoxelSimulator:
    """A simulated sensor that is fed frames, chunk by chunk, and keeps voxel grids instead of events.

    The numba backend adds each row's events where they arise, without sorting them or making columns; other backends,
    and a read-out that moves times, go by way of the events of each call.

    simulator: thresholds and sub-frames stand in it.
    """

    def __init__(
        self,
        sensor_size: SensorSize,
        windows: Sequence[VoxelWindow],
        options: SimulationOptions | None = None,
        *,
        seed: int = 0,
        flow: FlowProvider | None = None,
    ) -> None:
        self.simulator = Simulator(sensor_size, options, seed=seed, flow=flow)
        self._grids = _Grids(sensor_size, windows)
        if self.simulator.advance is numba_backend.advance and not self.simulator.options.noise.moves_times:
            self.simulator.advance = partial(_advance, self._grids)

    def feed(self, frames: Sequence[NDArray] | NDArray, t_us: Sequence[int] | NDArray[np.int64]) -> None:
        """Add the events up to the last of these frames. Arguments and errors as `Simulator.feed`."""
        self._grids.add(self.simulator.feed(frames, t_us))

    def grids(self) -> list[VoxelGrid]:
        """The grids float32 (bins, H, W) of the windows, in their order; ends the simulation."""
        self._grids.add(self.simulator.finish())
        return self._grids.as_float32()


class _Grids:
    def __init__(self, sensor_size: SensorSize, windows: Sequence[VoxelWindow]) -> None:
        self.windows = tuple(windows)
        self.bins = np.array([window.bins for window in windows], np.int64)
        self.start_us = np.array([window.start_us for window in windows], np.int64)
        self.end_us = np.array([window.end_us for window in windows], np.int64)
        most = max(self.bins, default=1)
        self.sums = np.zeros((len(windows), most, sensor_size.height, sensor_size.width), np.float64)

    def add(self, events: Events) -> None:
        for window, sums in zip(self.windows, self.sums, strict=True):
            grid = sums[: window.bins]
            add_pixel_events(events.x, events.y, events.t, events.p, window.start_us, window.end_us, grid)

    def add_keys(self, keys: NDArray[np.uint64], origin_us: int) -> None:
        sort_within_pixels(keys)
        _add_keys(keys, origin_us, self.start_us, self.end_us, self.bins, self.sums)

    def as_float32(self) -> list[VoxelGrid]:
        return [sums[:bins].astype(np.float32) for sums, bins in zip(self.sums, self.bins, strict=True)]


def _advance(
    grids: _Grids, model: PixelModel, state: PixelState, indices: NDArray, t_us: NDArray[np.int64], table: LogTable
) -> Events:
    """As `numba_backend.advance`, but the events go into the grids and none is returned."""
    fill, room = numba_backend.filling(model, state, indices, t_us, table)
    keys = np.empty(_KEYS_AT_ONCE + room, np.uint64)
    position = np.zeros(3, np.int64)
    done = False
    while not done:
        done = fill(keys, room, position)
        grids.add_keys(keys[: position[2]], int(t_us[0]))
        position[2] = 0
    state.interval += len(t_us) - 1
    return Events.empty(model.sensor_size)


@njit(cache=True, nogil=True)
def _add_keys(keys, origin_us, start_us, end_us, bins, sums):
    """Add keys, whose times count from origin_us, to sums (windows, bins, H, W) of the windows they lie in."""
    for i in range(start_us.size):
        first_us, duration_us, grid = start_us[i] - origin_us, end_us[i] - start_us[i], sums[i, : bins[i]]
        scale = (bins[i] - 1) / duration_us
        for key in keys:
            after_us, y, x, p = parts_of(key)
            if first_us <= after_us < first_us + duration_us:
                add_event((after_us - first_us) * scale, y, x, p, grid)
