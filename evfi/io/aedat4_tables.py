"""Reading FlatBuffers by hand, every offset checked: the few tables, structs and vectors that aedat4 files hold.

Layout (flatbuffers.dev, internals): a table starts with an int32, its position minus that of its vtable; the vtable is
uint16 sizes (of itself, of the table), then one uint16 offset a field, 0 = absent. Vectors and strings: uint32 offset
to a uint32 length and the items.
"""

import struct
from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike, NDArray

Buffer = bytes | memoryview
_U16, _U32, _I32 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<i")
_VTABLE_HEAD = 4
# packets of real cameras hold tens of samples, and absent fields make a few kinds of table
_MOST_TABLES, _MOST_VTABLES = 1 << 17, 256


class DamagedTable(ValueError):  # noqa: N818 - says what is wrong with the data; never leaves the aedat4 reader
    """An offset leads out of the buffer, or a length does not fit."""


class Table:
    """A table inside `data`, which starts with the offset of the root table (without the size prefix)."""

    __slots__ = ("_at", "_data", "_fields", "size")

    def __init__(self, data: Buffer, at: int) -> None:
        self._data, self._at = data, at
        vtable = at - _unpack(_I32, data, at)
        size = _unpack(_U16, data, vtable)
        if size < _VTABLE_HEAD or vtable + size > len(data):
            raise DamagedTable(f"vtable of {size} bytes at {vtable}")
        self.size: int = _unpack(_U16, data, vtable + _U16.size)
        self._fields = struct.unpack_from(f"<{(size - _VTABLE_HEAD) // 2}H", data, vtable + _VTABLE_HEAD)

    @classmethod
    def root(cls, data: Buffer) -> "Table":
        """The root table.

        Raises:
            DamagedTable: it lies outside of the buffer.
        """
        return cls(data, _unpack(_U32, data, 0))

    def number(self, field: int, layout: struct.Struct, default: int = 0) -> int:
        """A whole number; the default where the field is absent."""
        place = self._place(field)
        return default if place is None else _unpack(layout, self._data, place)

    def vector(self, field: int, item_bytes: int) -> tuple[int, int]:
        """Position and length of a vector; (0, 0) where the field is absent.

        Raises:
            DamagedTable: it promises more items than the buffer holds.
        """
        place = self._place(field)
        if place is None:
            return 0, 0
        start = place + _unpack(_U32, self._data, place)
        length = _unpack(_U32, self._data, start)
        start += _U32.size
        if length * item_bytes > len(self._data) - start:
            raise DamagedTable(f"a vector of {length} items of {item_bytes} bytes in {len(self._data)} bytes")
        return start, length

    def text(self, field: int) -> str:
        """A string; empty where absent; undecodable bytes replaced."""
        start, length = self.vector(field, 1)
        return bytes(self._data[start : start + length]).decode(errors="replace")

    def columns(self, field: int, wanted: Sequence[tuple[int, DTypeLike]]) -> list[NDArray]:
        """Fields of a vector of tables as one column each, (field number, dtype) given; absent values are 0.

        Raises:
            DamagedTable: an offset leads out of the buffer, or there are more tables or kinds than a recorder writes.
        """
        start, length = self.vector(field, _U32.size)
        if length > _MOST_TABLES:
            raise DamagedTable(f"a vector of {length} tables")
        found = [np.zeros(length, dtype) for _, dtype in wanted]
        if not length:
            return found
        data = np.frombuffer(self._data, np.uint8)
        slots = np.frombuffer(self._data, "<u4", length, start)
        places = slots + (start + _U32.size * np.arange(length, dtype=np.int64))
        vtables = places - _rows(data, places, _I32.size).view("<i4")[:, 0]
        # the tables of one vector share their vtable as a rule
        different = np.unique(vtables).tolist() if (vtables != vtables[0]).any() else [int(vtables[0])]
        if len(different) > _MOST_VTABLES:
            raise DamagedTable(f"{len(different)} kinds of table in one vector")
        for vtable in different:
            which = vtables == vtable
            table = Table(self._data, int(places[which][0]))
            if int(which.sum()) * table.size > len(data):
                raise DamagedTable("tables that overlap")
            rows = _rows(data, places[which], table.size)
            for column, (number, _) in zip(found, wanted, strict=True):
                offset = table._fields[number] if number < len(table._fields) else 0
                if offset:
                    value = rows[:, offset : offset + column.itemsize]
                    if value.shape[1] < column.itemsize:
                        raise DamagedTable(f"field {number} lies beyond its table of {table.size} bytes")
                    column[which] = np.ascontiguousarray(value).view(column.dtype.newbyteorder("<"))[:, 0]
        return found

    def _place(self, field: int) -> int | None:
        if field >= len(self._fields) or not self._fields[field]:
            return None
        return self._at + self._fields[field]


def _unpack(layout: struct.Struct, data: Buffer, place: int) -> int:
    # struct counts negative positions from the end
    if not 0 <= place <= len(data) - layout.size:
        raise DamagedTable(f"an offset leads to byte {place} of {len(data)}")
    return layout.unpack_from(data, place)[0]


def _rows(data: NDArray[np.uint8], places: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """`size` bytes from each place, a row each."""
    low, high = int(places.min()), int(places.max())
    if low < 0 or high > len(data) - size:
        raise DamagedTable(f"offsets lead to bytes {low} to {high} of {len(data)}")
    return sliding_window_view(data, size)[places]
