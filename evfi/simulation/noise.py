"""Sensor noise: the pixels' own constants and the tables of shot noise, leak and low-pass, all drawn from one seed.

Random numbers of events come from a counter (seed, interval, pixel), so they are the same in every backend and however
the frames are cut into chunks. Each term has a stream of its own: switching one on changes none of the others.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.provenance import item_seed
from evfi.simulation.options import NoiseOptions, SimulationOptions
from evfi.simulation.pixels import PixelModel
from evfi.simulation.random_bits import normal_quantiles
from evfi.simulation.thresholds import Contrast
from evfi.types import SensorSize
from evfi.units import US_PER_S

MAX_SHOTS = 16
"""Shot-noise events of one pixel in one interval are cut here; reached only when intervals are far too long."""

_SMALLEST_PIXEL_CONTRAST = 0.01
_WHITE_SHOT_PART = 0.25
"""Shot-noise rate of a white pixel relative to a black one (v2e's SHOT_NOISE_INTEN_FACTOR)."""
SPEED_OFFSET = 20
"""A pixel's speed is proportional to its gray value plus this: never zero in the dark (v2e)."""
_WHITE = 255
_GRAY = np.arange(_WHITE + 1)
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
        by_level=options.law == "esim_torch",
        cutoff_hz=noise.cutoff_hz,
        drift_per_us=drift_per_us,
        leak_jitter=noise.leak_jitter,
        leak_seed=item_seed(seed, "leak jitter"),
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
    if not noise.hot_pixel_count:
        return given
    free = np.setdiff1d(
        np.arange(sensor_size.height * sensor_size.width), [y * sensor_size.width + x for y, x in given]
    )
    if noise.hot_pixel_count > free.size:
        raise UserError(f"asked to draw {noise.hot_pixel_count} hot pixels, but only {free.size} pixels are left")
    generator = np.random.default_rng(item_seed(seed, "hot"))
    drawn = np.sort(generator.choice(free, noise.hot_pixel_count, replace=False))
    return given + [(int(i) // sensor_size.width, int(i) % sensor_size.width) for i in drawn]


class NoiseTables(NamedTuple):
    """What backends need of noise in n intervals. An array is empty where its term is off.

    Tables have a row per interval and a column per 8-bit gray value. shot_mean, shot_none: (n, 256) expected number of
    shot events at a gray value, and the probability of none. low_pass: (n, 256) what part of the way to a new log
    intensity the low-pass goes. drift_per_us: (H, W) what leak adds to the log intensity in a microsecond, zeros where
    it is off. leak_factor: (4096,) equally likely factors of it; normal_quantiles' order.
    """

    drift_per_us: NDArray[np.float64]
    leak_factor: NDArray[np.float64]
    leak_seed: int
    low_pass: NDArray[np.float64]
    shot_mean: NDArray[np.float64]
    shot_none: NDArray[np.float64]
    shot_seed: int


def noise_tables(model: PixelModel, dt_us: NDArray[np.int64]) -> NoiseTables:
    """The tables for intervals of these lengths, (n,) microseconds.

    Low-pass: v2e's (Hu et al. 2021), one first-order step an interval, F += min(1, 2 pi f dt (I + 20) / 275) (L - F),
    where I is the gray value and L the log intensity of the interval's later frame, f the cut-off of a white pixel.
    """
    off = np.empty((0, _GRAY.size))
    shot_mean = shot_none = low_pass = off
    if model.shot_rate_hz > 0:
        part = 1.0 - (1.0 - _WHITE_SHOT_PART) * _GRAY / _WHITE
        shot_mean = np.outer(dt_us, part) * (model.shot_rate_hz / US_PER_S)
        shot_none = np.exp(-shot_mean)
    if model.cutoff_hz > 0:
        speed = (_GRAY + SPEED_OFFSET) / (_WHITE + SPEED_OFFSET)
        low_pass = np.minimum(np.outer(dt_us, speed) * (2 * np.pi * model.cutoff_hz / US_PER_S), 1.0)
    return NoiseTables(
        drift_per_us=np.zeros(model.contrast_pos.shape) if model.drift_per_us is None else model.drift_per_us,
        leak_factor=1.0 + model.leak_jitter * normal_quantiles() if model.leak_jitters else np.empty(0),
        leak_seed=model.leak_seed,
        low_pass=low_pass,
        shot_mean=shot_mean,
        shot_none=shot_none,
        shot_seed=model.shot_seed,
    )
