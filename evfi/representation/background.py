"""The background-activity filter: an event that nothing around it announced is taken for noise.

Delbruck, "Frame-free dynamic digital vision" (2008): events of edges come with others beside them, those of leak and
shot noise alone. A pixel's own events do not support each other.
"""

import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.representation.background_kernels import mark_supported
from evfi.types import SensorSize

Mask = NDArray[np.bool_]


def supported(pixel: NDArray[np.int64], t: NDArray[np.int64], sensor_size: SensorSize, *, within_us: int) -> Mask:
    """Which events (N,) come at most `within_us` after an earlier one on one of the 8 pixels around theirs.

    Of events with equal times, those further to the front are the earlier ones.

    Args:
        pixel: y * width + x of each event, on the sensor.
        t: their times, not decreasing, µs.

    Raises:
        UserError: within_us is below 1.
    """
    _check(within_us)
    found = np.zeros(len(t), np.bool_)
    mark_supported(pixel, t, sensor_size.height, sensor_size.width, within_us, found)
    return found


def supported_plain(pixel: NDArray[np.int64], t: NDArray[np.int64], sensor_size: SensorSize, *, within_us: int) -> Mask:
    """The definition written out: each event against all before it. Arguments and errors as `supported`; slow."""
    _check(within_us)
    y, x = np.divmod(pixel, sensor_size.width)
    found = np.zeros(len(t), np.bool_)
    for number in range(len(t)):
        distance = np.maximum(np.abs(y[:number] - y[number]), np.abs(x[:number] - x[number]))
        found[number] = ((distance == 1) & (t[number] - t[:number] <= within_us)).any()
    return found


def _check(within_us: int) -> None:
    if within_us < 1:
        raise UserError(f"the background filter needs a time of at least 1 µs, got {within_us}")
