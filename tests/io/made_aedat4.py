"""aedat4 files taken apart and put together by hand, so that tests can hold what no writer writes."""

import struct
from pathlib import Path

import numpy as np
import pyarrow as pa

from evfi.io.aedat4_decode import EVENT

Parts = tuple[bytes, list[tuple[int, bytes]]]


def taken_apart(path: Path) -> Parts:
    """Head (magic, size, header) and packets (stream, bytes) of a whole file."""
    data = path.read_bytes()
    place = 18 + struct.unpack_from("<I", data, 14)[0]
    head, packets, end = data[:place], [], table_position(data)
    while place < end:
        stream, size = struct.unpack_from("<ii", data, place)
        packets.append((stream, data[place + 8 : place + 8 + size]))
        place += 8 + size
    return head, packets


def table_position(data: bytes) -> int:
    """Field 1 of the header."""
    root = 18 + struct.unpack_from("<I", data, 18)[0]
    vtable = root - struct.unpack_from("<i", data, root)[0]
    return struct.unpack_from("<q", data, root + struct.unpack_from("<H", data, vtable + 6)[0])[0]


def put_together(path: Path, head: bytes, packets: list[tuple[int, bytes]]) -> Path:
    """A file as a crashed recorder leaves it: no data table."""
    place = head.index(table_position(head).to_bytes(8, "little", signed=True), 18)
    head = head[:place] + (-1).to_bytes(8, "little", signed=True) + head[place + 8 :]
    path.write_bytes(head + b"".join(struct.pack("<ii", stream, len(raw)) + raw for stream, raw in packets))
    return path


def flatbuffer(kind: str, scalars: dict[int, tuple[str, int]], vector: tuple[int, bytes, int] | None = None) -> bytes:
    """A FlatBuffer with its size prefix. scalars: field → (struct code, value); vector: field, bytes, length."""
    fields = max([*scalars, *([vector[0]] if vector else [])]) + 1
    offsets, values = [0] * fields, b""
    for number, (code, value) in scalars.items():
        offsets[number] = 4 + len(values)
        values += struct.pack(f"<{code}", value)
    rest = b""
    if vector:
        number, data, length = vector
        offsets[number] = 4 + len(values)
        values += struct.pack("<I", 4)
        rest = struct.pack("<I", length) + data
    vtable = struct.pack(f"<HH{fields}H", 4 + 2 * fields, 4 + len(values), *offsets)
    table_at = 8 + len(vtable)
    body = struct.pack("<I4s", table_at, kind.encode()) + vtable + struct.pack("<i", len(vtable)) + values + rest
    return struct.pack("<I", len(body)) + body


def lz4(body: bytes) -> bytes:
    return pa.Codec("lz4").compress(body, asbytes=True)


def event_packet(rows: list[tuple[int, int, int, bool]], promised: int | None = None) -> bytes:
    """An LZ4 packet of events (t, x, y, p); promised: another length than it has."""
    events = np.array([(t, x, y, p, b"") for t, x, y, p in rows], EVENT)
    return lz4(flatbuffer("EVTS", {}, (0, events.tobytes(), len(rows) if promised is None else promised)))


def frame_packet(pixels: np.ndarray, t_us: int, kind: int, exposure: tuple[int, int] | None = None) -> bytes:
    """An LZ4 packet of a frame (H, W[, C]) of an OpenCV type."""
    scalars = {0: ("q", t_us), 5: ("b", kind), 6: ("h", pixels.shape[1]), 7: ("h", pixels.shape[0])}
    if exposure:
        scalars |= {3: ("q", exposure[0]), 4: ("q", exposure[1])}
    data = pixels.tobytes()
    return lz4(flatbuffer("FRME", scalars, (10, data, len(data))))
