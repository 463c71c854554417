"""Sensor noise: the pixels' own constants and the rates of shot noise, all drawn from one seed.

Random numbers of events come from a counter (seed, interval, pixel), so they are the same in every backend and however
the frames are cut into chunks. Each term has a stream of its own: switching one on changes none of the others.
"""

import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.provenance import item_seed
from evfi.simulation.options import NoiseOptions, SimulationOptions
from evfi.simulation.pixels import PixelModel
from evfi.simulation.thresholds import Contrast
from evfi.types import SensorSize
from evfi.units import US_PER_S

MAX_SHOTS = 16
"""Shot-noise events of one pixel in one interval are cut here; reached only when intervals are far too long."""

_SMALLEST_PIXEL_CONTRAST = 0.01
_WHITE_SHOT_PART = 0.25
"""Shot-noise rate of a white pixel relative to a black one (v2e's SHOT_NOISE_INTEN_FACTOR)."""
_LARGEST_PHASE = 0.999
"""Just under 1, so that rounding never puts a pixel beyond its threshold at the first frame."""


def draw_pixels(options: SimulationOptions, contrast: Contrast, sensor_size: SensorSize, seed: int) -> PixelModel:
    """The pixels of one sensor: thresholds with their mismatch, leak, hot pixels.

    Raises:
        UserError: a hot pixel lies outside the sensor, or there are more of them than pixels.
    """
    noise = options.noise
    shape = (sensor_size.height, sensor_size.width)
    contrast_pos = _mismatched(contrast.pos, noise, shape, item_seed(seed, "mismatch", "pos"))
    contrast_neg = _mismatched(contrast.neg, noise, shape, item_seed(seed, "mismatch", "neg"))
    drift_per_us = start_phase = None
    if noise.leak_rate_hz > 0 or noise.hot_pixels or noise.hot_pixel_count:
        leak_hz = _leak_rates(noise, sensor_size, seed)
        drift_per_us = leak_hz * contrast_pos / US_PER_S
        phase = np.random.default_rng(item_seed(seed, "phase")).random(shape) * _LARGEST_PHASE
        start_phase = np.where(leak_hz > 0, phase, 0.0)
    return PixelModel(
        contrast_pos=contrast_pos,
        contrast_neg=contrast_neg,
        refractory_us=float(options.refractory_us),
        drift_per_us=drift_per_us,
        start_phase=start_phase,
        shot_rate_hz=noise.shot_rate_hz,
        shot_seed=item_seed(seed, "shot"),
    )


def _mismatched(contrast: float, noise: NoiseOptions, shape: tuple[int, int], seed: int) -> NDArray[np.float64]:
    """The threshold of every pixel; one broadcast number where all are equal (faster in the kernels)."""
    if noise.threshold_sigma == 0.0:
        return np.broadcast_to(contrast, shape)
    drawn = contrast + noise.threshold_sigma * np.random.default_rng(seed).standard_normal(shape)
    return np.maximum(drawn, min(contrast, _SMALLEST_PIXEL_CONTRAST))


def _leak_rates(noise: NoiseOptions, sensor_size: SensorSize, seed: int) -> NDArray[np.float64]:
    """ON events per second of every pixel in constant light; a hot pixel is one that leaks much more."""
    shape = (sensor_size.height, sensor_size.width)
    spread = np.random.default_rng(item_seed(seed, "leak")).standard_normal(shape) * noise.leak_spread_decades
    rates = noise.leak_rate_hz * 10.0**spread
    for y, x in hot_pixels(noise, sensor_size, seed):
        rates[y, x] = noise.hot_pixel_rate_hz
    return rates


def hot_pixels(noise: NoiseOptions, sensor_size: SensorSize, seed: int) -> list[tuple[int, int]]:
    """The given hot pixels and then the drawn ones, as (y, x), without repetition.

    Raises:
        UserError: one lies outside the sensor, or there are more of them than pixels.
    """
    for y, x in noise.hot_pixels:
        if not (0 <= y < sensor_size.height and 0 <= x < sensor_size.width):
            raise UserError(f"hot pixel (y, x) = ({y}, {x}) lies outside the sensor of {sensor_size}")
    given = list(dict.fromkeys(noise.hot_pixels))
    free = np.setdiff1d(
        np.arange(sensor_size.height * sensor_size.width), [y * sensor_size.width + x for y, x in given]
    )
    if noise.hot_pixel_count > free.size:
        raise UserError(f"asked to draw {noise.hot_pixel_count} hot pixels, but only {free.size} pixels are left")
    generator = np.random.default_rng(item_seed(seed, "hot"))
    drawn = np.sort(generator.choice(free, noise.hot_pixel_count, replace=False))
    return given + [(int(i) // sensor_size.width, int(i) % sensor_size.width) for i in drawn]


def shot_tables(model: PixelModel, dt_us: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Expected shot events in each interval at each 8-bit gray value, and the probability of none; both (n, 256).

    Both have no rows where shot noise is off.
    """
    if model.shot_rate_hz == 0.0:
        return np.empty((0, 256)), np.empty((0, 256))
    part = 1.0 - (1.0 - _WHITE_SHOT_PART) * np.arange(256) / 255
    mean = np.outer(dt_us, part) * (model.shot_rate_hz / US_PER_S)
    return mean, np.exp(-mean)
