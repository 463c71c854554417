"""From frames to log intensity, by way of table indices, so that every backend sees the same numbers.

8-bit frames index a table of 256 logarithms. Frames in between (upsampled or rendered) are numbers in [0, 255]; they
are rounded to 1/256 gray level and index a table of 65,281. Colour becomes luminance first, as the file's values are
(gamma-coded, as a rule); `gamma_to_linear` turns that luminance into light.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from evfi.errors import UserError

_WHITE = 255
_FINE_STEPS = 256
"""Steps per gray level of the fine scale."""
_GUESSES_PER_ENTRY = 16
_MOST_GUESSES = 1 << 16


def luminance(image: NDArray) -> NDArray:
    """Gray of one frame: (H, W) as it is, uint8 RGB (H, W, 3) by Rec. 601 as OpenCV's COLOR_RGB2GRAY rounds it."""
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY))


def table_indices(gray: NDArray) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Indices into the `log_table` of their dtype: uint8 as it is; floats in [0, 255] as uint16 steps of 1/256."""
    if gray.dtype == np.uint8:
        return gray
    return _fine_steps(np.ascontiguousarray(gray).reshape(-1)).reshape(gray.shape)


@njit(cache=True, nogil=True)
def _fine_steps(values):
    steps = np.empty(values.size, np.uint16)
    for i in range(values.size):
        steps[i] = np.uint16(values[i] * np.float32(_FINE_STEPS) + np.float32(0.5))
    return steps


def check_values(gray: NDArray) -> None:
    """Refuse float frames (N, H, W) with NaN or with values outside [0, 255]; the first bad one is named."""
    if gray.dtype == np.uint8 or not gray.size:
        return
    low, high = gray.min(axis=(1, 2)), gray.max(axis=(1, 2))
    bad = np.flatnonzero(~((low >= 0) & (high <= _WHITE)))
    if len(bad):
        k = int(bad[0])
        found = "NaN" if np.isnan(low[k]) else f"values from {low[k]:g} to {high[k]:g}"
        raise UserError(f"frame {k} has {found}: a float frame must hold numbers in [0, {_WHITE}]")


def gray_shift(dtype: np.dtype) -> int:
    """How far table indices are shifted right to become 8-bit gray values."""
    return 0 if dtype == np.uint8 else _FINE_STEPS.bit_length() - 1


@dataclass(frozen=True, eq=False, slots=True)
class LogTable:
    """values[i]: log intensity of table index i, float64, increasing.

    guess, guess_scale: where to begin a search for a log intensity L, namely at guess[(L - values[0]) * guess_scale].
    """

    values: NDArray[np.float64]
    guess: NDArray[np.int32]
    guess_scale: float


def srgb_to_linear(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light in [0, 1] of sRGB-coded values in [0, 1] (IEC 61966-2-1)."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


@lru_cache(maxsize=8)
def log_table(dtype: np.dtype, log_eps: float, gamma_to_linear: bool = False) -> LogTable:
    """ln(I / 255 + log_eps) for every table index of a dtype (uint8: 256 entries, uint16: 65,281).

    gamma_to_linear: the sRGB curve is undone before the logarithm.
    """
    steps = 1 if dtype == np.uint8 else _FINE_STEPS
    intensity = np.arange(_WHITE * steps + 1) / (_WHITE * steps)
    values = np.log((srgb_to_linear(intensity) if gamma_to_linear else intensity) + log_eps)
    bins = min(_GUESSES_PER_ENTRY * values.size, _MOST_GUESSES)
    scale = bins / float(values[-1] - values[0])
    guess = np.searchsorted(values, values[0] + np.arange(bins) / scale)
    return LogTable(values, np.minimum(guess, values.size - 1).astype(np.int32), scale)
