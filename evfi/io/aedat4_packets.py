"""Walking through the packets of an aedat4 file, also of one that is cut off or damaged: what is whole is handed out.

A packet is int32 stream id, int32 size, and a FlatBuffer with its own length in the first four bytes, compressed as
one LZ4 or Zstandard frame. Neither carries a checksum: damage that still decodes to a FlatBuffer cannot be told.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

from evfi.io.aedat4_compression import LARGEST_PACKET, LENGTH, decompressed
from evfi.io.aedat4_header import Aedat4Header
from evfi.io.aedat4_tables import Buffer

_HEAD = struct.Struct("<ii")
_KIND = slice(4, 8)  # of a FlatBuffer without its size prefix
_TABLE = b"FTAB"
_MAGIC = {"lz4": b"\x04\x22\x4d\x18", "zstd": b"\x28\xb5\x2f\xfd"}
_KINDS = (b"EVTS", b"FRME", b"IMUS", b"TRIG")
_KIND_IN_PACKET = 16  # head 8, length 4, root 4
_READ_AT_ONCE = 1 << 20
_SEARCHED_AT_ONCE = 1 << 20
# a file made to look like packets everywhere would otherwise be decoded over and over
_FALSE_STARTS = 256
_REMEMBERED_GAPS = 100


Content = TypeVar("Content")
_Raw = tuple[int, memoryview]
"""Stream number, and the packet's bytes behind its head."""


@dataclass(frozen=True, slots=True)
class Packet(Generic[Content]):
    """A whole packet: stream number, its bytes in the file, and its content."""

    stream: int
    raw: memoryview
    content: Content


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


class Packets(Generic[Content]):
    """Iterates over the whole packets of a file in constant memory.

    Args:
        decode: makes the content of a packet, given its stream, its four letters and its FlatBuffer (without size
            prefix).

    Attributes:
        losses: what was passed over so far.
        has_table: whether the file ends with a readable data table, as a recorder that was not interrupted writes it.
    """

    def __init__(self, path: Path, header: Aedat4Header, decode: Callable[[int, bytes, Buffer], Content]) -> None:
        self._path, self._header, self._decode = path, header, decode
        self._codec = header.compression.split("_")[0]
        self._streams = {stream.number for stream in header.streams}
        self._false_starts = 0
        self._length = path.stat().st_size
        self.losses = Losses()
        with path.open("rb") as file:
            self.has_table = self._is_table(file, header.table_start)
        self._end = header.table_start if self.has_table and header.table_start is not None else self._length

    def __iter__(self) -> Iterator[Packet[Content]]:
        place = self._header.packets_start
        with self._path.open("rb") as file:
            while place < self._end:
                for packet in self._whole(file, place):
                    yield packet
                    place += _HEAD.size + len(packet.raw)
                if place >= self._end:
                    break
                following = self._next(file, place, self._head_at(file, place)[1])
                if not (following is None and place == self._header.table_start):
                    self.losses.add((following or self._end) - place)
                if following is None:
                    break
                place = following
        if self._header.table_start is not None and self._header.table_start > self._length:
            self.losses.cut(self._header.table_start - self._length)
        self.losses.end()

    def _whole(self, file: BinaryIO, place: int) -> Iterator[Packet[Content]]:
        """The packets from `place` on, up to the first that is not whole."""
        for stream, raw in self._raws(file, place):
            body = self._body(raw)
            if body is None:
                return
            yield Packet(stream, raw, self._decode(stream, bytes(body[_KIND]), body))

    def _raws(self, file: BinaryIO, place: int) -> Iterator[_Raw]:
        """The packets from `place` on, as far as heads lead to one another."""
        block, start = memoryview(b""), place
        while place < self._end:
            if place + _HEAD.size > start + len(block):
                block, start = _block(file, place, _READ_AT_ONCE), place
            stream, size = self._head(block[place - start :], place)
            if not size:
                return
            if place + _HEAD.size + size > start + len(block):
                block, start = _block(file, place, max(_READ_AT_ONCE, _HEAD.size + size)), place
            place += _HEAD.size + size
            yield stream, block[place - start - size : place - start]

    def _is_table(self, file: BinaryIO, place: int | None) -> bool:
        if place is None or not self._header.packets_start <= place < self._length:
            return False
        file.seek(place)
        body = self._body(file.read(LARGEST_PACKET))
        return body is not None and body[_KIND] == _TABLE

    def _head_at(self, file: BinaryIO, place: int) -> tuple[int, int]:
        """Stream and size of the packet at `place`, size 0 where none can stand there. Leaves the file behind it."""
        file.seek(place)
        return self._head(memoryview(file.read(_HEAD.size)), place)

    def _head(self, data: memoryview, place: int) -> tuple[int, int]:
        """The same of the bytes from `place` on."""
        stream, size = _HEAD.unpack_from(data) if len(data) >= _HEAD.size else (-1, 0)
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
            place += max(1, len(block) - LENGTH.size + 1)
        return None

    def _decodes(self, file: BinaryIO, place: int) -> bool:
        _, size = self._head_at(file, place)
        if not size:
            return False
        if self._body(file.read(size)) is not None:
            return True
        self._false_starts += 1
        return False

    def _body(self, raw: Buffer) -> Buffer | None:
        """The FlatBuffer of a packet without its size prefix; None where it does not decode to what it promises."""
        if self._codec != "none":
            return decompressed(raw, self._codec)
        body = memoryview(raw)[LENGTH.size :]
        whole = len(body) >= _KIND.stop and LENGTH.unpack_from(raw)[0] == len(body)
        return body if whole else None


def _block(file: BinaryIO, place: int, size: int) -> memoryview:
    file.seek(place)
    return memoryview(file.read(size))


def _first(block: bytes, wanted: tuple[bytes, ...], start: int) -> int:
    found = [at for at in (block.find(each, start) for each in wanted) if at >= 0]
    return min(found, default=-1)
