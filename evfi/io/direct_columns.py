"""Reading rows of a column by decoding its inner chunks directly: one pread and one Blosc call a chunk.

zarr-python gives the same rows (the plain twin, tests/io/test_direct_columns.py) many times slower, see docs/decisions
0006. Layout: Zarr v3 core specification, and its sharding codec with the index at the end: 16 bytes a chunk (offset and
length, uint64, all ones = not stored), then CRC32C.
"""

import errno
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import zarr
from numcodecs import blosc  # pyright: ignore[reportAttributeAccessIssue] - compiled, without stubs
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, ShardingCodec

from evfi.errors import InputFileError

_ENTRY, _CRC_BYTES = np.dtype("<u8"), 4
_NOT_STORED = np.iinfo(_ENTRY).max
# version, versions of the compressor, flags, item size, then bytes decoded, bytes a block, bytes encoded
_BLOSC_HEAD = struct.Struct("<4BIII")


class DirectColumn:
    """A 1-D array of a store on disk: `rows(first, end)`.

    Attributes:
        chunk: rows that are decoded at once.
        dtype: of the values.

    Raises:
        InputFileError: the array is encoded in another way than docs/formats.md says.
    """

    def __init__(self, array: zarr.Array) -> None:
        place: Any = array.store_path
        folder = Path(place.store.root) / place.path
        self._folder, self._name = folder / "c", str(folder)
        self.dtype, self.length = np.dtype(array.dtype), array.shape[0]
        self._fill = np.asarray(array.fill_value, self.dtype)
        self.chunk = array.chunks[0]
        self._chunks_a_file = array.shards[0] // self.chunk if array.shards else None
        self._indices: dict[int, NDArray[np.uint64]] = {}
        if not is_direct(array):
            metadata: Any = array.metadata
            raise InputFileError(
                f"{self._name} is encoded by {metadata.codecs}, expected Blosc in shards as evfi writes it: make the "
                "store again"
            )

    def __len__(self) -> int:
        return self.length

    def rows(self, first: int, end: int) -> NDArray:
        """Rows [first, end) in memory of their own.

        Raises:
            InputFileError: a file is cut or damaged, so far as its index's checksum and its decoder can tell.
        """
        out = np.empty(max(0, end - first), self.dtype)
        for chunk in range(first // self.chunk, -(-end // self.chunk)) if len(out) else ():
            start = chunk * self.chunk
            low, high = max(first, start), min(end, start + self.chunk)
            place = out[low - first : high - first]
            if len(place) == self.chunk:
                self._decode(chunk, place)
            else:
                whole = np.empty(self.chunk, self.dtype)
                self._decode(chunk, whole)
                place[:] = whole[low - start : high - start]
        return out

    def _decode(self, chunk: int, out: NDArray) -> None:
        try:
            data = self._encoded(chunk)
            if data is None:
                out[:] = self._fill
                return
            _check_blosc(data, out.nbytes)
            blosc.decompress(data, out)
        except (OSError, ValueError, RuntimeError, struct.error) as error:
            raise InputFileError(
                f"{self._name} is damaged in chunk {chunk} ({' '.join(str(error).split())[:200]}): `evfi verify` tells "
                "more; make the store again"
            ) from error

    def _encoded(self, chunk: int) -> bytes | None:
        """The bytes of a chunk; None where it was not stored, because all its values are the fill value."""
        if self._chunks_a_file is None:
            try:
                return (self._folder / str(chunk)).read_bytes()
            except FileNotFoundError:
                return None
        shard, number = divmod(chunk, self._chunks_a_file)
        try:
            descriptor = os.open(self._folder / str(shard), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            if shard not in self._indices:
                self._indices[shard] = _read_index(descriptor, self._chunks_a_file)
            offset, size = (int(value) for value in self._indices[shard][number])
            return None if offset == size == _NOT_STORED else _pread(descriptor, size, offset)
        finally:
            os.close(descriptor)


def is_direct(array: zarr.Array) -> bool:
    """Whether it is a column, encoded as docs/formats.md says."""
    metadata: Any = array.metadata
    codecs: Sequence[Any] = metadata.codecs
    if array.ndim != 1:
        return False
    if len(codecs) == 1 and isinstance(codecs[0], ShardingCodec):
        index = [type(codec) for codec in codecs[0].index_codecs]
        if index != [BytesCodec, Crc32cCodec] or codecs[0].index_location.value != "end":
            return False
        codecs = codecs[0].codecs
    return [type(codec) for codec in codecs] == [BytesCodec, BloscCodec]


def _read_index(descriptor: int, chunks: int) -> NDArray[np.uint64]:
    size = 2 * _ENTRY.itemsize * chunks
    data = _pread(descriptor, size + _CRC_BYTES, os.fstat(descriptor).st_size - size - _CRC_BYTES)
    if google_crc32c.value(data[:size]) != int.from_bytes(data[size:], "little"):
        raise ValueError("the checksum of the shard's index does not fit")
    return np.frombuffer(data, _ENTRY, 2 * chunks).reshape(chunks, 2)


def _pread(descriptor: int, size: int, offset: int) -> bytes:
    if offset < 0:
        raise OSError(errno.EINVAL, "the file is cut off")
    data = os.pread(descriptor, size, offset)
    if len(data) != size:
        raise OSError(errno.EIO, f"{len(data)} of {size} bytes are there")
    return data


def _check_blosc(data: bytes, decoded: int) -> None:
    """What c-blosc believes its header about."""
    *_, promised, _, encoded = _BLOSC_HEAD.unpack_from(data)
    if promised != decoded or encoded != len(data):
        raise ValueError(f"{encoded} bytes that decode to {promised}, expected {len(data)} and {decoded}")
