"""Events as sortable numbers on their way to the output.

A key is one uint64: microseconds after some start (31 bits), y (16), x (16), p (1), most significant first. Sorted keys
are therefore events in canonical order.
"""

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray

from evfi.types import Events, SensorSize

LONGEST_US = (1 << 31) - 1
"""Longest stretch of time that keys can span (35 minutes)."""

_TIME_SHIFT, _Y_SHIFT, _X_SHIFT = uint64(33), uint64(17), uint64(1)
_DIGIT_BITS = 13
"""Counters of one pass of the sort: 8192 of 8 bytes fit the second-level cache."""


@njit(cache=True, nogil=True)
def key_of(after_us, y, x, p):
    """One event's key; after_us is whole microseconds after the start."""
    return (uint64(after_us) << _TIME_SHIFT) | (uint64(y) << _Y_SHIFT) | (uint64(x) << _X_SHIFT) | uint64(p)


def events_of(keys: NDArray[np.uint64], start_us: int, sensor_size: SensorSize) -> Events:
    """Keys as columns, in their order; start_us is the time of a key whose time bits are 0."""
    x, y = np.empty(keys.size, np.uint16), np.empty(keys.size, np.uint16)
    t, p = np.empty(keys.size, np.int64), np.empty(keys.size, np.bool_)
    _unpack(keys, start_us, x, y, t, p)
    return Events(x, y, t, p, sensor_size)


def in_canonical_order(events: Events) -> Events:
    """As `Events.in_canonical_order`, and several times faster where the events span less than 35 minutes."""
    if len(events) == 0:
        return events
    start_us = int(events.t.min())
    if int(events.t.max()) - start_us > LONGEST_US:
        return events.in_canonical_order()
    keys = np.sort(_pack(events.x, events.y, events.t, events.p, start_us))
    return events_of(keys, start_us, events.sensor_size)


@njit(cache=True, nogil=True)
def _pack(x, y, t, p, start_us):
    keys = np.empty(t.size, np.uint64)
    for i in range(t.size):
        keys[i] = key_of(t[i] - start_us, y[i], x[i], p[i])
    return keys


@njit(cache=True, nogil=True)
def parts_of(key):
    """A key's microseconds after the start, y, x and p."""
    after_us, y, x = key >> _TIME_SHIFT, (key >> _Y_SHIFT) & uint64(0xFFFF), (key >> _X_SHIFT) & uint64(0xFFFF)
    return np.int64(after_us), np.int64(y), np.int64(x), (key & uint64(1)) == uint64(1)


@njit(cache=True, nogil=True)
def _unpack(keys, start_us, x, y, t, p):
    for i in range(keys.size):
        after_us, y[i], x[i], p[i] = parts_of(keys[i])
        t[i] = start_us + after_us


@njit(cache=True, nogil=True)
def sort_within_pixels(keys):
    """Put OFF before ON where a pixel has both in one microsecond, in keys as a kernel fills them, in place."""
    for i in range(1, keys.size):
        j = i
        while j > 0 and keys[j - 1] == keys[j] + uint64(1) and keys[j] & uint64(1) == 0:
            keys[j - 1], keys[j] = keys[j], keys[j - 1]
            j -= 1


@njit(cache=True, nogil=True)
def sorted_keys(keys, duration_us):
    """Keys made row by row, sorted; their times are less than duration_us. The argument is overwritten.

    A stable counting sort by time keeps the order of pixels within a microsecond; what it leaves unordered (ON before
    OFF at one pixel in one microsecond) is put right by insertion.
    """
    keys = _sorted_by_time(keys, np.empty_like(keys), duration_us)
    for i in range(1, keys.size):
        if keys[i - 1] > keys[i]:
            key, j = keys[i], i
            while j > 0 and keys[j - 1] > key:
                keys[j] = keys[j - 1]
                j -= 1
            keys[j] = key
    return keys


@njit(cache=True, nogil=True)
def _sorted_by_time(keys, spare, duration_us):
    """In as few passes as small counters allow. Returns the array, of the two, that is sorted."""
    bits = 1
    while (np.int64(1) << bits) < duration_us:
        bits += 1
    passes = (bits + _DIGIT_BITS - 1) // _DIGIT_BITS
    digit_bits = (bits + passes - 1) // passes
    mask = uint64((1 << digit_bits) - 1)
    for digit in range(passes):
        shift = _TIME_SHIFT + uint64(digit * digit_bits)
        place = np.zeros((1 << digit_bits) + 1, np.int64)
        for i in range(keys.size):
            place[np.int64((keys[i] >> shift) & mask) + 1] += 1
        for i in range(1, place.size):
            place[i] += place[i - 1]
        for i in range(keys.size):
            value = np.int64((keys[i] >> shift) & mask)
            spare[place[value]] = keys[i]
            place[value] += 1
        keys, spare = spare, keys
    return keys
