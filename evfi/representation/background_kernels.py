"""Compiled loop of the background-activity filter; evfi.representation.background holds the plain twin."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

_NEVER = np.iinfo(np.int64).min


@njit(cache=True, nogil=True)
def mark_supported(
    pixel: NDArray[np.int64],
    t: NDArray[np.int64],
    height: int,
    width: int,
    within_us: int,
    supported: NDArray[np.bool_],
) -> None:
    """Set supported[i] where one of the 8 pixels around event i had an event at most within_us before it."""
    # a border of one pixel that never fires spares the tests of the sensor's edge
    last = np.full((height + 2, width + 2), _NEVER)
    for i in range(len(t)):
        row, column = pixel[i] // width + 1, pixel[i] % width + 1
        earliest = t[i] - within_us
        last[row, column] = _NEVER
        newest = _NEVER
        for y in range(row - 1, row + 2):
            for x in range(column - 1, column + 2):
                newest = max(newest, last[y, x])
        supported[i] = newest >= earliest
        last[row, column] = t[i]
