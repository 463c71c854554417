"""The simulator, pixel by pixel: the specification. `numba_backend.py` gives the same events, bit for bit.

The law is esim_py's (Gehrig et al., "Video to Events", CVPR 2020). A pixel's log intensity moves linearly between two
frames. Whenever it has moved by a threshold from the level of the last event, there is an event, at the linear crossing
time; the level moves by one threshold. An event within the refractory period of the one before it is dropped, but the
level still moves. A crossing counts if it lies strictly beyond the earlier frame's value and up to the later one's.

Differs: levels are float64 (esim_py: float32), times whole microseconds rounded down (float64 seconds); changes below
1e-6 are not ignored (8-bit frames have none).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evfi.simulation.intensity import LogTable, gray_shift
from evfi.simulation.noise import MAX_SHOTS, shot_tables
from evfi.simulation.pixels import PixelModel, PixelState
from evfi.types import Events

_64_BITS = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class _Happening:
    """Something in one pixel and interval: when (unrounded microseconds after the interval's start), and what."""

    after_us: float
    p: bool


def advance(model: PixelModel, state: PixelState, indices: NDArray, t_us: NDArray[np.int64], table: LogTable) -> Events:
    """Events of the intervals between n + 1 frames, in canonical order; `state` moves to the last of them.

    indices: (n + 1, H, W) uint8 or uint16 into the table, the first frame being the one that `state` stands at;
    t_us: (n + 1,) increasing.
    """
    rows: list[tuple[int, int, int, bool]] = []
    mean, none = shot_tables(model, np.diff(t_us))
    shift = gray_shift(indices.dtype)
    times = [int(t) for t in t_us]
    for k in range(len(times) - 1):
        dt_us = times[k + 1] - times[k]
        from_us, to_us = float(times[k] - state.origin_us), float(times[k + 1] - state.origin_us)
        for y, x in np.ndindex(indices.shape[1:]):
            drift = 0.0 if model.drift_per_us is None else float(model.drift_per_us[y, x])
            prev = float(table.values[indices[k, y, x]]) + drift * from_us
            new = float(table.values[indices[k + 1, y, x]]) + drift * to_us
            shots: list[_Happening] = []
            if model.shot_rate_hz > 0:
                value = int(indices[k, y, x]) >> shift
                pixel = y * indices.shape[2] + x
                shots = _shots(model, state.interval, pixel, float(mean[k, value]), float(none[k, value]), dt_us)
            happenings = _in_time(_crossings(model, state, y, x, prev, new, dt_us), shots)
            kept = _refracted(happenings, model.refractory_us, state, y, x, from_us)
            rows += [(times[k] + min(int(what.after_us), dt_us - 1), y, x, what.p) for what in kept]
        state.interval += 1
    return _columns(rows, model)


def _crossings(
    model: PixelModel, state: PixelState, y: int, x: int, prev: float, new: float, dt_us: int
) -> list[_Happening]:
    """Threshold crossings of one pixel in one interval; moves its level."""
    if new == prev:
        return []
    rising = new > prev
    step = float(model.contrast_pos[y, x]) if rising else -float(model.contrast_neg[y, x])
    us_per_log = dt_us / (new - prev)
    found = []
    crossing = float(state.level[y, x]) + step
    while prev < crossing <= new or new <= crossing < prev:
        found.append(_Happening((crossing - prev) * us_per_log, rising))
        state.level[y, x] = crossing
        crossing = crossing + step
    return found


def _shots(model: PixelModel, interval: int, pixel: int, mean: float, none: float, dt_us: int) -> list[_Happening]:
    """Shot-noise events of one pixel in one interval, in order: a Poisson number at uniform times, ON or OFF."""
    bits = _mixed(_mixed(model.shot_seed + interval) + pixel)
    number, term, total = 0, none, none
    while _fraction(bits) >= total and number < MAX_SHOTS:
        number += 1
        term *= mean / number
        total += term
    drawn = sorted(_mixed(bits + i + 1) for i in range(number))
    return [_Happening(_fraction(one) * dt_us, bool(one & 1)) for one in drawn]


def _in_time(crossings: list[_Happening], shots: list[_Happening]) -> list[_Happening]:
    """Both in the order of time; at equal times the crossing comes first."""
    return sorted([*crossings, *shots], key=lambda what: what.after_us)


def _refracted(
    happenings: list[_Happening], refractory_us: float, state: PixelState, y: int, x: int, from_us: float
) -> list[_Happening]:
    """Those that do not fall into a refractory period; remembers the last of them."""
    kept = []
    for what in happenings:
        at_us = from_us + what.after_us
        if at_us - float(state.last_us[y, x]) >= refractory_us:
            kept.append(what)
            state.last_us[y, x] = at_us
    return kept


def _mixed(value: int) -> int:
    """The finaliser of splitmix64, in unbounded integers cut to 64 bits."""
    value &= _64_BITS
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _64_BITS
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _64_BITS
    return value ^ (value >> 31)


def _fraction(bits: int) -> float:
    """The upper 53 bits as a number in [0, 1)."""
    return (bits >> 11) * 2.0**-53


def _columns(rows: list[tuple[int, int, int, bool]], model: PixelModel) -> Events:
    if not rows:
        return Events.empty(model.sensor_size)
    t, y, x, p = zip(*sorted(rows), strict=True)
    return Events(
        np.array(x, np.uint16), np.array(y, np.uint16), np.array(t, np.int64), np.array(p, np.bool_), model.sensor_size
    )
