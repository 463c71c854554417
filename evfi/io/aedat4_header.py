"""The head of an aedat4 file: magic, compression and where the data table lies. Enough to say what is wrong with it.

Layout: 14 bytes of magic, uint32 size, a FlatBuffer `IOHE` (field 0 compression, field 1 position of the data table,
-1 = none; field 2 XML, not read here), then packets, then the data table.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

from evfi.errors import InputFileError, MissingInputError

MAGIC = b"#!AER-DAT4.0\r\n"
_SIZE_BYTES = 4
_LARGEST_HEADER = 1 << 24  # headers of real recordings: 2 to 20 KB
_COMPRESSIONS = ("none", "lz4", "lz4_high", "zstd", "zstd_high")


@dataclass(frozen=True, slots=True)
class Aedat4Header:
    """compression: its name. packets_start, table_start: positions in the file, bytes."""

    compression: str
    packets_start: int
    table_start: int


def read_header(path: Path) -> Aedat4Header:
    """The head of the file, checked.

    Raises:
        MissingInputError: no such file.
        InputFileError: empty, not aedat4, cut off, or without its data table (the recorder crashed).
    """
    if not path.is_file():
        raise MissingInputError(f"no recording at {path}: expected an aedat4 file")
    length = path.stat().st_size
    if length == 0:
        raise InputFileError(f"{path} is empty: the recording was never written; copy or record it again")
    with path.open("rb") as file:
        head = file.read(len(MAGIC) + _SIZE_BYTES)
        if not head.startswith(MAGIC[: len(head)]):
            raise InputFileError(
                f"{path} is not an aedat4 file (it starts with {head[:12]!r}, expected {MAGIC[:12]!r})"
            )
        if len(head) < len(MAGIC) + _SIZE_BYTES:
            raise _cut(path, length)
        (size,) = struct.unpack_from("<I", head, len(MAGIC))
        if size > min(length, _LARGEST_HEADER):
            raise _cut(path, length)
        body = file.read(size)
    if len(body) < size:
        raise _cut(path, length)
    try:
        compression, table = _fields(body)
    except (struct.error, IndexError) as error:
        raise InputFileError(f"{path} has a damaged aedat4 header: copy or record it again") from error
    packets_start = len(head) + size
    if table < 0:
        raise InputFileError(
            f"{path} has no data table (its recorder was stopped before it finished): evfi cannot read such recordings "
            "yet; open and save it with iniVation's DV to repair it"
        )
    if not packets_start <= table < length:
        raise _cut(path, length)
    return Aedat4Header(compression, packets_start, table)


def _fields(body: bytes) -> tuple[str, int]:
    """Compression and data table position from the FlatBuffer of the header; absent fields have their defaults."""
    (root,) = struct.unpack_from("<I", body, 0)
    (to_vtable,) = struct.unpack_from("<i", body, root)
    vtable = root - to_vtable
    if vtable < 0:
        raise IndexError(vtable)
    (vtable_size,) = struct.unpack_from("<H", body, vtable)
    offsets = struct.unpack_from(f"<{min(2, (vtable_size - 4) // 2)}H", body, vtable + 4)
    compression, table = 0, -1
    if len(offsets) > 0 and offsets[0]:
        (compression,) = struct.unpack_from("<i", body, root + offsets[0])
    if len(offsets) > 1 and offsets[1]:
        (table,) = struct.unpack_from("<q", body, root + offsets[1])
    return _COMPRESSIONS[compression] if 0 <= compression < len(_COMPRESSIONS) else f"number {compression}", table


def _cut(path: Path, length: int) -> InputFileError:
    return InputFileError(
        f"{path} is cut off after {length} bytes: evfi cannot read cut recordings yet; copy it again from its source"
    )
