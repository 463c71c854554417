"""The compiled backend: the same events as `reference.py`, bit for bit."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from evfi.simulation import esim_kernels as kernels
from evfi.simulation.event_keys import events_of, sorted_keys
from evfi.simulation.intensity import LogTable, gray_shift
from evfi.simulation.noise import MAX_SHOTS, noise_tables
from evfi.simulation.pixels import PixelModel, PixelState
from evfi.simulation.random_bits import normal_quantiles
from evfi.types import Events

_FIRST_EVENTS_PER_PIXEL = 2
_NOTHING = np.empty((0, 0))


def advance(model: PixelModel, state: PixelState, indices: NDArray, t_us: NDArray[np.int64], table: LogTable) -> Events:
    """Events of the intervals between n + 1 frames, in canonical order; `state` moves to the last of them.

    indices: (n + 1, H, W) uint8 or uint16 into the table, the first frame being the one that `state` stands at;
    t_us: (n + 1,) increasing, in all at most LONGEST_US.
    """
    fill, room = filling(model, state, indices, t_us, table)
    keys = np.empty(indices[0].size * _FIRST_EVENTS_PER_PIXEL + room, np.uint64)
    position = np.zeros(3, np.int64)
    while not fill(keys, room, position):
        larger = np.empty(2 * keys.size, np.uint64)
        larger[: position[2]] = keys[: position[2]]
        keys = larger
    state.interval += len(t_us) - 1
    keys = sorted_keys(keys[: position[2]], t_us[-1] - t_us[0])
    return events_of(keys, int(t_us[0]), model.sensor_size)


def filling(
    model: PixelModel, state: PixelState, indices: NDArray, t_us: NDArray[np.int64], table: LogTable
) -> tuple[Callable[..., bool], int]:
    """The kernel of these intervals as `fill(keys, room, position)`, and the room that it asks for.

    It fills `keys` from position[2] on, row by row or stretch by stretch, each pixel's events in time, and returns
    False when fewer than `room` places are left: call it again with more places, or with position[2] = 0 when those
    keys are done with. Arguments as `advance`; `state.interval` is the caller's to move.
    """
    indices, most = np.ascontiguousarray(indices), _most_events_of_a_pixel(model, t_us, table)
    if model.noisy:
        return _noisy_fill(model, state, indices, t_us, table), indices.shape[2] * most
    return _quiet_fill(model, state, indices, t_us, table), min(kernels.STRETCH, indices[0].size) * most


def _quiet_fill(
    model: PixelModel, state: PixelState, indices: NDArray, t_us: NDArray[np.int64], table: LogTable
) -> Callable[..., bool]:
    if state.quiet is None:
        state.quiet = _first_quiet_range(model, state.level, indices[0], table)
    pixels = (model.contrast_pos, model.contrast_neg, state.level, state.last_tick, *state.quiet)
    contrast_pos, contrast_neg, *of_state = (array.reshape(-1) for array in pixels)
    return partial(
        kernels.fill_quiet, indices.reshape(len(indices), -1), indices.shape[2], t_us, state.origin_us, table.ladder,
        table.entries_below, table.bins_per_log, contrast_pos, contrast_neg, _by_level(model), model.refractory_ticks,
        *of_state,
    )  # fmt: skip


def _first_quiet_range(
    model: PixelModel, level: NDArray[np.float64], first: NDArray, table: LogTable
) -> tuple[NDArray, NDArray]:
    """The gray values (H, W) between which each pixel stays silent after the frame `first`, at which it has `level`.

    Where all pixels are alike and the frame has just set their levels, there are only as many answers as table entries.
    """
    search = table.ladder, table.entries_below, table.bins_per_log
    low, high = np.empty(level.shape, first.dtype), np.empty(level.shape, first.dtype)
    pos, neg = model.contrast_pos, model.contrast_neg
    alike = _alike(pos) and _alike(neg) and table.values.size < first.size
    if not (alike and kernels.entries_range(level, first, pos[0, 0], neg[0, 0], *search, low, high)):
        kernels.quiet_range(level, pos, neg, *search, low, high)
    return low, high


def _noisy_fill(
    model: PixelModel, state: PixelState, indices: NDArray, t_us: NDArray[np.int64], table: LogTable
) -> Callable[..., bool]:
    return partial(
        kernels.fill_noisy, indices, t_us, state.origin_us, table.values, model.contrast_pos, model.contrast_neg,
        _by_level(model), model.refractory_ticks, noise_tables(model, np.diff(t_us)), state.interval,
        gray_shift(indices.dtype), state.level, state.last_tick,
        _NOTHING if state.filtered is None else state.filtered, _NOTHING if state.leaked is None else state.leaked,
    )  # fmt: skip


def _by_level(model: PixelModel) -> bool | None:
    """The law as a type: None makes numba compile a kernel without the other law's branches (10% less time)."""
    return model.by_level or None


def _most_events_of_a_pixel(model: PixelModel, t_us: NDArray[np.int64], table: LogTable) -> int:
    """An upper bound for one interval: the whole range of the table and the drift, at the least threshold."""
    change = table.values[-1] - table.values[0]
    if model.drift_per_us is not None:
        change += model.drift_per_us.max() * np.diff(t_us).max() * (1 + model.leak_jitter * normal_quantiles()[-1])
    least = min(_least(model.contrast_pos), _least(model.contrast_neg))
    return int(np.ceil(change / least)) + 2 + MAX_SHOTS


def _least(contrast: NDArray[np.float64]) -> float:
    return float(contrast[0, 0] if _alike(contrast) else contrast.min())


def _alike(contrast: NDArray[np.float64]) -> bool:
    """Whether it is one number, broadcast to all pixels."""
    return contrast.strides == (0, 0)
