"""What the simulator accepts; everything else is refused in one line."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.simulation.intensity import check_values, luminance
from evfi.types import SensorSize


def size_of_first(frames: Sequence[NDArray] | NDArray) -> SensorSize:
    """Height and width of the first of at least two frames."""
    if len(frames) < 2:
        raise UserError(f"events come from changes between frames: expected at least two frames, got {len(frames)}")
    shape = np.shape(frames[0])
    if len(shape) not in (2, 3):
        raise UserError(f"expected frames of shape (H, W) or (H, W, 3), got {shape}")
    return SensorSize(height=shape[0], width=shape[1])


def gray_stack(frames: Sequence[NDArray] | NDArray, sensor_size: SensorSize, dtype: np.dtype | None) -> NDArray:
    """Frames as gray (N, H, W), uint8 or float in [0, 255]; colour becomes luminance.

    Args:
        dtype: that of the frames before these; None = there were none.

    Raises:
        UserError: another size, shape or type than expected; NaN or values outside [0, 255].
    """
    plane = (sensor_size.height, sensor_size.width)
    if len(frames) == 0:
        return np.empty((0, *plane), dtype or np.uint8)
    for k, frame in enumerate(frames):
        shape, kind = np.shape(frame), np.asarray(frame).dtype
        if shape[:2] != plane or len(shape) not in (2, 3) or shape[2:] not in ((), (3,)):
            raise UserError(f"frame {k} has shape {shape}, expected {plane} or {(*plane, 3)}: all share one size")
        if not (kind == np.uint8 or (kind in (np.float32, np.float64) and len(shape) == 2)):
            raise UserError(
                f"frame {k} is {kind} of shape {shape}, expected uint8 (or gray float32 in [0, 255]): convert it first"
            )
        if kind != (dtype := dtype or kind):
            raise UserError(f"frame {k} is {kind} and those before it {dtype}: all frames must be of one type")
    if isinstance(frames, np.ndarray) and frames.ndim == 3:
        gray = frames
    else:
        gray = np.stack([luminance(np.asarray(frame)) for frame in frames])
    check_values(gray)
    return gray


def checked_times(t_us: Sequence[int] | NDArray[np.int64], count: int, last_us: int | None) -> NDArray[np.int64]:
    """Times as int64 (count,), increasing, and later than last_us (None = nothing came before).

    Raises:
        UserError: another number of times, times that are not whole, or that do not increase.
    """
    times = np.asarray(t_us)
    if times.shape != (count,):
        raise UserError(f"{count} frames need as many times, got t_us of shape {times.shape}")
    if count == 0:
        return np.empty(0, np.int64)
    if not np.issubdtype(times.dtype, np.integer):
        raise UserError(f"t_us must be whole microseconds, got {times.dtype}: round them and convert to int64")
    times = times.astype(np.int64)
    chain = times if last_us is None else np.concatenate([[last_us], times])
    late = np.flatnonzero(np.diff(chain) <= 0)
    if len(late):
        before, after = chain[late[0]], chain[late[0] + 1]
        number = late[0] + (1 if last_us is None else 0)
        raise UserError(f"frame times must increase: t_us[{number}] = {after} comes after {before}")
    return times
