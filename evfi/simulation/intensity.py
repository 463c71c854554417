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
_BINS_PER_ENTRY = 16
_MOST_BINS = 1 << 18
"""1 MB: at most two entries of the fine table share a bin."""


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

    For a search: ladder is values with infinity behind them; entries_below[b] is the number of entries whose `bin_of`
    is less than b, for the bins that `bins_per_log` makes.
    """

    values: NDArray[np.float64]
    ladder: NDArray[np.float64]
    entries_below: NDArray[np.int32]
    bins_per_log: float


@njit(cache=True, nogil=True)
def bin_of(log_value, darkest, bins_per_log, last):
    """Bin 0 to last of a log intensity. It never falls as log_value rises, so entries of lower bins are smaller."""
    return np.uint64(min(max((log_value - darkest) * bins_per_log, 0.0), np.float64(last)))


@njit(cache=True, nogil=True)
def _bins_of(values, bins_per_log, last):
    bins = np.empty(values.size, np.int64)
    for i in range(values.size):
        bins[i] = bin_of(values[i], values[0], bins_per_log, last)
    return bins


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
    bins = min(_BINS_PER_ENTRY * values.size, _MOST_BINS)
    bins_per_log = bins / float(values[-1] - values[0])
    entries_below = np.searchsorted(_bins_of(values, bins_per_log, bins - 1), np.arange(bins))
    return LogTable(values, np.append(values, np.inf), entries_below.astype(np.int32), bins_per_log)
