"""Whether every packet of an aedat4 file is whole. dv-processing hangs for ever in one whose LZ4 frame is damaged.

A packet is int32 stream id, int32 size, then (compressed) a FlatBuffer with its own length in the first four bytes.
"""

import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from evfi.errors import InputFileError
from evfi.io.aedat4_header import Aedat4Header

_HEAD = struct.Struct("<ii")
_LENGTH = struct.Struct("<I")
_KIND = slice(8, 12)
_EVENTS, _FRAMES, _TABLE = b"EVTS", b"FRME", b"FTAB"
# a frame of 100 megapixels; larger promises are damage, and would fill the memory
_LARGEST_PACKET = 1 << 30


@dataclass(frozen=True, slots=True)
class PacketCounts:
    """events, frames: packets of the stream with events and of the stream with frames; None: several such streams."""

    events: int | None
    frames: int | None


def check_packets(path: Path, header: Aedat4Header) -> PacketCounts:
    """Decompress every packet and the data table, one at a time in memory, and count what is there.

    Raises:
        InputFileError: a packet or the table is cut off or damaged; its number and place are named.
    """
    codec = header.compression.split("_")[0]
    counts: Counter[tuple[int, bytes]] = Counter()
    place = header.packets_start
    with path.open("rb") as file:
        file.seek(place)
        while place < header.table_start:
            head = file.read(_HEAD.size)
            stream, size = _HEAD.unpack(head) if len(head) == _HEAD.size else (-1, -1)
            end = place + _HEAD.size + size
            fits = size >= 0 and end <= header.table_start
            kind = _kind(file.read(size), codec) if fits else None
            if kind is None:
                raise InputFileError(
                    f"{path} is damaged: packet {counts.total()} at byte {place} cannot be decoded; copy the file "
                    "again from its source (evfi cannot skip damaged packets yet)"
                )
            counts[stream, kind] += 1
            place = end
        if _kind(file.read(min(path.stat().st_size - place, _LARGEST_PACKET)), codec) != _TABLE:
            raise InputFileError(
                f"{path} is cut off or damaged in its data table at byte {place}: copy the file again from its source"
            )
    return PacketCounts(_only(counts, _EVENTS), _only(counts, _FRAMES))


def _only(counts: Counter[tuple[int, bytes]], kind: bytes) -> int | None:
    found = [count for (_, its_kind), count in counts.items() if its_kind == kind]
    return sum(found) if len(found) <= 1 else None


def _kind(packet: bytes, codec: str) -> bytes | None:
    """The four letters of a packet that is whole, else None."""
    body = packet if codec == "none" else _decompressed(packet, codec)
    if body is None or len(body) < _KIND.stop or _LENGTH.unpack_from(body)[0] + _LENGTH.size != len(body):
        return None
    return body[_KIND]


def _decompressed(packet: bytes, codec: str) -> bytes | None:
    try:
        with pa.CompressedInputStream(pa.BufferReader(packet), codec) as stream:
            first = stream.read(_LENGTH.size)
            promised = _LENGTH.unpack(first)[0] if len(first) == _LENGTH.size else _LARGEST_PACKET
            # one byte more than promised shows whether something follows
            return first + stream.read(promised + 1) if promised < _LARGEST_PACKET else None
    except (OSError, ValueError):
        return None
