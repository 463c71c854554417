"""The content of single aedat4 packets: EVTS, FRME, IMUS and TRIG FlatBuffers as columns."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evfi.io.aedat4_kernels import split_events
from evfi.io.aedat4_tables import Buffer, DamagedTable, Table
from evfi.io.pieces import Imu, Triggers
from evfi.types import Events, SensorSize

EVENT = np.dtype([("t", "<i8"), ("x", "<u2"), ("y", "<u2"), ("p", "u1"), ("pad", "V3")])
"""One event in the file. x and y are int16 there: negative ones become larger than any sensor."""
_INT8, _INT16, _INT64 = struct.Struct("<b"), struct.Struct("<h"), struct.Struct("<q")
# OpenCV's type numbers: depth + 8 (channels - 1); the depths by number
_DEPTHS = tuple(np.dtype(name) for name in ("u1", "i1", "<u2", "<i2", "<i4", "<f4", "<f8", "<f2"))
_READABLE = ("u1", "<u2")
_IMU = [(0, np.int64), *((number, np.float32) for number in range(1, 11))]
_TRIGGERS = [(0, np.int64), (1, np.uint8)]


@dataclass(frozen=True, eq=False, slots=True)
class RawFrame:
    """A frame as the file has it: pixels uint8 or uint16 (H, W, channels), colour as BGR(A); times in µs.

    exposure_start_us, exposure_end_us: both t_us where the file gives no exposure.
    """

    pixels: NDArray
    t_us: int
    exposure_start_us: int
    exposure_end_us: int


class UnreadableFrame(ValueError):  # noqa: N818 - says what the frame is; the reader makes one line of it
    """A whole frame of a kind that evfi does not read."""


def decode_events(body: Buffer) -> NDArray:
    """Events as a structured view of dtype EVENT.

    Raises:
        DamagedTable: the packet promises more than it holds.
    """
    start, length = Table.root(body).vector(0, EVENT.itemsize)
    return np.frombuffer(body, EVENT, length, start)


def decode_events_inside(body: Buffer, size: SensorSize) -> tuple[Events, int]:
    """Events on the sensor as columns, and how many lay beyond it; errors as `decode_events`."""
    start, length = Table.root(body).vector(0, EVENT.itemsize)
    packed = np.frombuffer(body, np.uint8, EVENT.itemsize * length, start)
    x, y = np.empty(length, np.uint16), np.empty(length, np.uint16)
    t, p = np.empty(length, np.int64), np.empty(length, np.bool_)
    kept = split_events(packed, size.width, size.height, x, y, t, p)
    return Events(x[:kept], y[:kept], t[:kept], p[:kept], size), length - kept


def decode_imu(body: Buffer) -> Imu:
    """Samples; errors as `decode_events`."""
    return Imu(*Table.root(body).columns(0, _IMU))


def decode_triggers(body: Buffer) -> Triggers:
    """Triggers; errors as `decode_events`."""
    return Triggers(*Table.root(body).columns(0, _TRIGGERS))


def decode_frame(body: Buffer) -> RawFrame:
    """One frame.

    Raises:
        DamagedTable: its pixels do not fit its size.
        UnreadableFrame: pixels of another type than 8 or 16 bits unsigned, or neither gray nor colour.
    """
    table = Table.root(body)
    t_us, start_us, end_us = (table.number(number, _INT64) for number in (0, 3, 4))
    kind = table.number(5, _INT8)
    width, height = table.number(6, _INT16), table.number(7, _INT16)
    dtype, channels = _DEPTHS[kind % 8], kind // 8 + 1
    start, length = table.vector(10, 1)
    if min(width, height, channels) <= 0 or length != width * height * channels * dtype.itemsize:
        raise DamagedTable(f"a frame of {width}x{height} pixels in {length} bytes")
    if dtype not in map(np.dtype, _READABLE) or channels not in (1, 3, 4):
        raise UnreadableFrame(f"has {channels} channels of {dtype}")
    pixels = np.frombuffer(body, dtype, length // dtype.itemsize, start).reshape(height, width, channels)
    if not 0 < start_us <= end_us:
        start_us = end_us = t_us
    return RawFrame(pixels, t_us, start_us, end_us)
