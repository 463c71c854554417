"""Walking through the packets of an aedat4 file, also of one that is cut off or damaged: what is whole is handed out.

A packet is int32 stream id, int32 size, and a FlatBuffer with its own length in the first four bytes, compressed as
one LZ4 or Zstandard frame. Neither carries a checksum: damage that still decodes to a FlatBuffer cannot be told.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import lz4.frame
import pyarrow as pa

from evfi.io.aedat4_header import Aedat4Header
from evfi.io.aedat4_tables import Buffer

_HEAD = struct.Struct("<ii")
_LENGTH = struct.Struct("<I")
_KIND = slice(4, 8)  # of a FlatBuffer without its size prefix
_TABLE = b"FTAB"
_MAGIC = {"lz4": b"\x04\x22\x4d\x18", "zstd": b"\x28\xb5\x2f\xfd"}
_KINDS = (b"EVTS", b"FRME", b"IMUS", b"TRIG")
_KIND_IN_PACKET = 16  # head 8, length 4, root 4
# 4 million events, or a colour frame of 22 megapixels; larger promises are damage, and would fill the memory
LARGEST_PACKET = 1 << 26
_LARGEST_LZ4_RATIO = 255
_SEARCHED_AT_ONCE = 1 << 20
# a file made to look like packets everywhere would otherwise be decoded over and over
_FALSE_STARTS = 256
_REMEMBERED_GAPS = 100


@dataclass(frozen=True, slots=True)
class Packet:
    """A whole packet: stream number, four letters, FlatBuffer without its size prefix, and its bytes in the file."""

    stream: int
    kind: bytes
    body: Buffer
    raw: bytes


@dataclass(slots=True)
class Losses:
    """What could not be read: packets (where their number is unknown, one a place), bytes, and between which times."""

    packets: int = 0
    bytes: int = 0
    gaps: list[list[int | None]] = field(default_factory=list)
    _latest_us: int | None = None
    _open: bool = False

    def add(self, size: int) -> None:
        """A packet of `size` bytes is lost here."""
        self.packets += 1
        self.bytes += size
        self._open = True

    def cut(self, size: int) -> None:
        """The file ends `size` bytes before its header says that its packets end."""
        if not self._open:
            self.add(0)
        self.bytes += size

    def seen(self, first_us: int, last_us: int) -> None:
        """A packet with these times was read; a gap before it ends."""
        self._close(first_us)
        self._latest_us = last_us if self._latest_us is None else max(last_us, self._latest_us)

    def end(self) -> None:
        """The file ends; a gap before it stays open."""
        self._close(None)

    def told(self) -> dict[str, object]:
        """packets, bytes, gaps ([last time before, first time after] in µs, None: none; the first hundred).

        Empty where nothing was lost.
        """
        return {"packets": self.packets, "bytes": self.bytes, "gaps": self.gaps} if self.packets else {}

    def _close(self, until_us: int | None) -> None:
        if self._open and len(self.gaps) < _REMEMBERED_GAPS:
            self.gaps.append([self._latest_us, until_us])
        self._open = False


class Packets:
    """Iterates over the whole packets of a file in constant memory.

    Attributes:
        losses: what was passed over so far.
        has_table: whether the file ends with a readable data table, as a recorder that was not interrupted writes it.
    """

    def __init__(self, path: Path, header: Aedat4Header) -> None:
        self._path, self._header = path, header
        self._codec = header.compression.split("_")[0]
        self._streams = {stream.number for stream in header.streams}
        self._false_starts = 0
        self._length = path.stat().st_size
        self.losses = Losses()
        with path.open("rb") as file:
            self.has_table = self._is_table(file, header.table_start)
        self._end = header.table_start if self.has_table and header.table_start is not None else self._length

    def __iter__(self) -> Iterator[Packet]:
        place = self._header.packets_start
        with self._path.open("rb") as file:
            while place < self._end:
                stream, size = self._head_at(file, place)
                raw = file.read(size)
                body = self._decoded(raw)
                if body is not None:
                    yield Packet(stream, bytes(body[_KIND]), body, raw)
                    place += _HEAD.size + size
                    continue
                following = self._next(file, place, size)
                if not (following is None and place == self._header.table_start):
                    self.losses.add((following or self._end) - place)
                if following is None:
                    break
                place = following
        if self._header.table_start is not None and self._header.table_start > self._length:
            self.losses.cut(self._header.table_start - self._length)
        self.losses.end()

    def _is_table(self, file: BinaryIO, place: int | None) -> bool:
        if place is None or not self._header.packets_start <= place < self._length:
            return False
        file.seek(place)
        body = self._decoded(file.read(LARGEST_PACKET))
        return body is not None and body[_KIND] == _TABLE

    def _head_at(self, file: BinaryIO, place: int) -> tuple[int, int]:
        """Stream and size of the packet at `place`, size 0 where none can stand there. Leaves the file behind it."""
        file.seek(place)
        head = file.read(_HEAD.size)
        stream, size = _HEAD.unpack(head) if len(head) == _HEAD.size else (-1, 0)
        fits = 0 < size <= min(LARGEST_PACKET, self._end - place - _HEAD.size)
        return stream, size if fits and stream in self._streams else 0

    def _next(self, file: BinaryIO, place: int, size: int) -> int | None:
        """Where the next packet stands after the damaged one at `place`; None: nowhere.

        The size of the damaged packet is believed where another packet's head or the end follows it; else the file is
        searched for the next packet that decodes.
        """
        if size:
            following = place + _HEAD.size + size
            if following == self._end or self._head_at(file, following)[1]:
                return following
        return self._search(file, place + 1)

    def _search(self, file: BinaryIO, start: int) -> int | None:
        magic = _MAGIC.get(self._codec)
        wanted, before = ((magic,), _HEAD.size) if magic else (_KINDS, _KIND_IN_PACKET)
        place = start + before
        while place < self._end:
            file.seek(place)
            block = file.read(min(_SEARCHED_AT_ONCE, self._end - place))
            at = -1
            while (at := _first(block, wanted, at + 1)) >= 0:
                candidate = place + at - before
                if self._decodes(file, candidate):
                    return candidate
                if self._false_starts > _FALSE_STARTS:
                    return None
            place += max(1, len(block) - _LENGTH.size + 1)
        return None

    def _decodes(self, file: BinaryIO, place: int) -> bool:
        _, size = self._head_at(file, place)
        if not size:
            return False
        if self._decoded(file.read(size)) is not None:
            return True
        self._false_starts += 1
        return False

    def _decoded(self, raw: bytes) -> Buffer | None:
        """The FlatBuffer of a packet without its size prefix; None where it does not decode to what it promises."""
        if self._codec != "none":
            return _decompressed(raw, self._codec)
        body = raw[_LENGTH.size :]
        whole = len(body) >= _KIND.stop and _LENGTH.unpack_from(raw)[0] == len(body)
        return body if whole else None


def _first(block: bytes, wanted: tuple[bytes, ...], start: int) -> int:
    found = [at for at in (block.find(each, start) for each in wanted) if at >= 0]
    return min(found, default=-1)


def _decompressed(raw: bytes, codec: str) -> Buffer | None:
    if codec == "lz4" and len(raw) * _LARGEST_LZ4_RATIO <= LARGEST_PACKET:
        return _at_once(raw)
    try:
        with pa.CompressedInputStream(pa.BufferReader(raw), codec) as stream:
            first = stream.read(_LENGTH.size)
            promised = _LENGTH.unpack(first)[0] if len(first) == _LENGTH.size else LARGEST_PACKET
            if not _KIND.stop <= promised < LARGEST_PACKET:
                return None
            # one byte more than promised shows whether something follows
            body = stream.read(promised + 1)
    except (OSError, ValueError):
        return None
    return body if len(body) == promised else None


def _at_once(raw: bytes) -> memoryview | None:
    """The same for a packet that cannot become too large; twice as fast as a stream."""
    try:
        whole, used = lz4.frame.decompress(raw, return_bytes_read=True)
    except (RuntimeError, ValueError):
        return None
    fits = used == len(raw) and len(whole) >= _LENGTH.size + _KIND.stop
    if not fits or _LENGTH.unpack_from(whole)[0] != len(whole) - _LENGTH.size:
        return None
    return memoryview(whole)[_LENGTH.size :]
