"""The compiled loop of the aedat4 reader: packed events to columns in one pass."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

EVENT_BYTES = 16


@njit(cache=True)
def split_events(
    packed: NDArray[np.uint8],
    width: int,
    height: int,
    x: NDArray[np.uint16],
    y: NDArray[np.uint16],
    t: NDArray[np.int64],
    p: NDArray[np.bool_],
) -> int:
    """Write the events that lie on the sensor into columns, in their order, and return how many they are.

    packed: 16 bytes an event, little endian: t int64, x and y int16 (negative ones count as beyond), p uint8, 3 unused.
    x, y, t, p: as long as there are events. `decode_events` gives the same rows as NumPy sees them.
    """
    kept = 0
    for number in range(len(t)):
        at = EVENT_BYTES * number
        time = np.uint64(0)
        for byte in range(8):
            time |= np.uint64(packed[at + byte]) << np.uint64(8 * byte)
        column = np.uint16(packed[at + 8]) | np.uint16(packed[at + 9]) << np.uint16(8)
        row = np.uint16(packed[at + 10]) | np.uint16(packed[at + 11]) << np.uint16(8)
        t[kept] = np.int64(time)
        x[kept] = column
        y[kept] = row
        p[kept] = packed[at + 12] != 0
        if column < width and row < height:
            kept += 1
    return kept
