"""Events at rest: the columns x, y, t, p of a store, appended in order and read by range of rows."""

import threading
from collections import OrderedDict
from itertools import count
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.io.direct_columns import DirectColumn
from evfi.io.stores import ColumnWriter, array_of
from evfi.types import Events, SensorSize

NAMES = ("x", "y", "t", "p")
_CACHE_BYTES = 64 << 20
# a longer read is decoded in one go and not kept
_CACHED_BLOCKS_A_READ = 8
_reader_numbers = count()
Columns = tuple[NDArray, ...]


class EventColumnsWriter:
    """Appends events to the group `events` of a store."""

    def __init__(self, group: zarr.Group) -> None:
        self._group = group.create_group("events")
        self._columns: dict[str, ColumnWriter] = {}

    @property
    def length(self) -> int:
        """Events so far."""
        return self._columns["t"].length if self._columns else 0

    def append(self, events: Events) -> None:
        """Add events at the end. Coordinates keep the dtype of the first ones (uint16 or float32).

        Raises:
            UserError: the coordinates' dtype changes.
        """
        if not self._columns:
            self._start(events.x.dtype, events.y.dtype)
        for name, column in self._columns.items():
            values = getattr(events, name)
            if values.dtype != column.dtype:
                raise UserError(f"event column {name} changes from {column.dtype} to {values.dtype} within one store")
            column.append(values)

    def finish(self) -> None:
        """Write what is left."""
        if not self._columns:
            self._start(np.dtype(np.uint16), np.dtype(np.uint16))
        for column in self._columns.values():
            column.finish()

    def _start(self, x: np.dtype, y: np.dtype) -> None:
        kinds = (x, y, np.dtype(np.int64), np.dtype(np.bool_))
        self._columns = {name: ColumnWriter(self._group, name, kind) for name, kind in zip(NAMES, kinds, strict=True)}


class EventColumns:
    """Reads rows of the group `events` of a store. Decoded blocks are kept in a cache of the process (64 MB)."""

    def __init__(self, group: zarr.Group, path: Path) -> None:
        self._columns = [DirectColumn(array_of(group, f"events/{name}", path)) for name in NAMES]
        self._block_rows = self._columns[0].chunk
        self._number = next(_reader_numbers)

    def __len__(self) -> int:
        return len(self._columns[2])

    def events(self, first: int, end: int, sensor_size: SensorSize) -> Events:
        """Rows [first, end) as Events (own memory)."""
        x, y, t, p = self.rows(first, end)
        return Events(x, y, t, p, sensor_size)

    def rows(self, first: int, end: int) -> Columns:
        """Rows [first, end) of x, y, t, p, copied."""
        if end <= first:
            return tuple(np.empty(0, column.dtype) for column in self._columns)
        low, high = first // self._block_rows, (end - 1) // self._block_rows
        if high - low >= _CACHED_BLOCKS_A_READ:
            return tuple(column.rows(first, end) for column in self._columns)
        blocks = [self._block(number) for number in range(low, high + 1)]
        start = low * self._block_rows
        if len(blocks) == 1:
            return tuple(column[first - start : end - start].copy() for column in blocks[0])
        return tuple(
            np.concatenate([parts[0][first - start :], *parts[1:-1], parts[-1][: end - high * self._block_rows]])
            for parts in zip(*blocks, strict=True)
        )

    def _block(self, number: int) -> Columns:
        key = (self._number, number)
        found = _blocks.get(key)
        if found is None:
            first = number * self._block_rows
            end = min(first + self._block_rows, len(self))
            found = tuple(column.rows(first, end) for column in self._columns)
            _blocks.put(key, found)
        return found


class _BlockCache:
    """Least recently used decoded blocks, shared by all stores that a process has open."""

    def __init__(self, limit: int) -> None:
        self._limit, self._used = limit, 0
        self._blocks: OrderedDict[tuple[int, int], Columns] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[int, int]) -> Columns | None:
        with self._lock:
            if key in self._blocks:
                self._blocks.move_to_end(key)
            return self._blocks.get(key)

    def put(self, key: tuple[int, int], block: Columns) -> None:
        with self._lock:
            if key in self._blocks:
                return
            self._blocks[key] = block
            self._used += _size(block)
            while self._used > self._limit and len(self._blocks) > 1:
                self._used -= _size(self._blocks.popitem(last=False)[1])

    def clear(self) -> None:
        with self._lock:
            self._blocks.clear()
            self._used = 0


def _size(block: Columns) -> int:
    return sum(column.nbytes for column in block)


_blocks = _BlockCache(_CACHE_BYTES)


def forget_blocks() -> None:
    """Empty the cache, so that a measurement of reads finds nothing in it."""
    _blocks.clear()
