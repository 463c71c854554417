"""The simulator, pixel by pixel: the specification. `numba_backend.py` gives the same events, bit for bit.

A pixel's log intensity moves linearly between two frames. Whenever it has moved by a threshold from the level of the
last event, there is an event, at the linear crossing time; the level moves by one threshold. An event within the
refractory period of the one before it is dropped, but the level still moves. Two laws (Gehrig et al., "Video to
Events", CVPR 2020, and the two programs that came with it) say which threshold counts:

- esim_py: polarity is the sign of the change in the interval. A crossing counts if it lies strictly beyond the earlier
  frame's value and up to the later one's.
- esim_torch: polarity is the sign of the later frame's difference to the level. Every crossing between them counts, and
  none is stamped before the interval. Refractory time is counted in whole nanoseconds, rounded down.

Without rounding both give the same events, because an interval always ends within one threshold of the level.

Differs: levels are float64 (both programs: float32), times whole microseconds rounded down (float64 seconds; int64
nanoseconds); esim_py's changes below 1e-6 are not ignored (8-bit frames have none).
"""

from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

from evfi.simulation.intensity import LogTable, gray_shift
from evfi.simulation.noise import MAX_SHOTS, NoiseTables, noise_tables
from evfi.simulation.pixels import PixelModel, PixelState
from evfi.simulation.random_bits import NORMAL_BITS
from evfi.types import Events
from evfi.units import NS_PER_US

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
    noise = noise_tables(model, np.diff(t_us))
    shift = gray_shift(indices.dtype)
    times = [int(t) for t in t_us]
    for k in range(len(times) - 1):
        dt_us = times[k + 1] - times[k]
        from_us, to_us = float(times[k] - state.origin_us), float(times[k + 1] - state.origin_us)
        for y, x in np.ndindex(indices.shape[1:]):
            before, after = int(indices[k, y, x]), int(indices[k + 1, y, x])
            prev, new = float(table.values[before]), float(table.values[after])
            if state.filtered is not None:
                prev, new = _low_passed(state.filtered, y, x, new, float(noise.low_pass[k, after >> shift]))
            pixel = y * indices.shape[2] + x
            leaked, will_leak = _leaks(model, state, noise, y, x, pixel, from_us, to_us)
            shots: list[_Happening] = []
            if model.shot_rate_hz > 0:
                value = before >> shift
                mean, none = float(noise.shot_mean[k, value]), float(noise.shot_none[k, value])
                shots = _shots(model, state.interval, pixel, mean, none, dt_us)
            crossings = _crossings(model, state, y, x, prev + leaked, new + will_leak, dt_us)
            kept = _refracted(_in_time(crossings, shots), model, state, y, x, from_us)
            rows += [(times[k] + min(int(what.after_us), dt_us - 1), y, x, what.p) for what in kept]
        state.interval += 1
    return _columns(rows, model)


def _low_passed(filtered: NDArray[np.float64], y: int, x: int, new: float, part: float) -> tuple[float, float]:
    """What the low-pass of one pixel gave at the interval's start, and gives at its end."""
    prev = float(filtered[y, x])
    filtered[y, x] = prev + part * (new - prev)
    return prev, float(filtered[y, x])


def _leaks(
    model: PixelModel, state: PixelState, noise: NoiseTables, y: int, x: int, pixel: int, from_us: float, to_us: float
) -> tuple[float, float]:
    """What leak has added to one pixel's log intensity at the interval's start, and will have at its end."""
    drift = float(noise.drift_per_us[y, x])
    if state.leaked is None:
        return drift * from_us, drift * to_us
    bits = _mixed(_mixed(model.leak_seed + state.interval) + pixel)
    factor = float(noise.leak_factor[bits >> (64 - NORMAL_BITS)])
    leaked = float(state.leaked[y, x])
    state.leaked[y, x] = leaked + drift * factor * (to_us - from_us)
    return leaked, float(state.leaked[y, x])


def _crossings(
    model: PixelModel, state: PixelState, y: int, x: int, prev: float, new: float, dt_us: int
) -> list[_Happening]:
    """Threshold crossings of one pixel in one interval; moves its level."""
    level = float(state.level[y, x])
    rising = new > level if model.by_level else new > prev
    step = float(model.contrast_pos[y, x]) if rising else -float(model.contrast_neg[y, x])
    us_per_log = dt_us / (new - prev) if new != prev else 0.0
    found = []
    crossing = level + step
    while (crossing <= new if rising else new <= crossing) and (
        model.by_level or (prev < crossing if rising else crossing < prev)
    ):
        found.append(_Happening(max((crossing - prev) * us_per_log, 0.0), rising))
        level = crossing
        crossing = level + step
    state.level[y, x] = level
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
    happenings: list[_Happening], model: PixelModel, state: PixelState, y: int, x: int, from_us: float
) -> list[_Happening]:
    """Those that do not fall into a refractory period; remembers the last of them."""
    kept = []
    for what in happenings:
        at = from_us * NS_PER_US + floor(what.after_us * NS_PER_US) if model.by_level else from_us + what.after_us
        if at - float(state.last_tick[y, x]) >= model.refractory_ticks:
            kept.append(what)
            state.last_tick[y, x] = at
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
