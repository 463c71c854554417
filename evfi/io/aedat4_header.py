"""The head of an aedat4 file: magic, compression, where the data table lies, and which streams the file has.

Layout: 14 bytes of magic, uint32 size, a FlatBuffer `IOHE` (field 0 compression, field 1 position of the data table,
-1 = none, field 2 XML that names the streams), then packets, then the data table.
"""

import struct
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from evfi.errors import InputFileError, MissingInputError
from evfi.io.aedat4_tables import DamagedTable, Table
from evfi.types import SensorSize

MAGIC = b"#!AER-DAT4.0\r\n"
_SIZE_BYTES = 4
_LARGEST_HEADER = 1 << 24  # headers of real recordings: 2 to 20 KB
_COMPRESSIONS = ("none", "lz4", "lz4_high", "zstd", "zstd_high")
_INT32, _INT64 = struct.Struct("<i"), struct.Struct("<q")
_LARGEST_SIDE = 1 << 15  # coordinates are int16


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of packets: its number, kind (EVTS, FRME, IMUS, TRIG, …), name, camera and size (None: not given)."""

    number: int
    kind: str
    name: str
    camera: str
    sensor_size: SensorSize | None


@dataclass(frozen=True, slots=True)
class Aedat4Header:
    """compression: its name. packets_start, table_start (None: no table): positions in the file, bytes."""

    compression: str
    packets_start: int
    table_start: int | None
    streams: tuple[Stream, ...]

    @property
    def cameras(self) -> list[str]:
        """Names of the cameras with events or frames, in the order of their streams."""
        return list(dict.fromkeys(stream.camera for stream in self.streams if stream.kind in ("EVTS", "FRME")))


def read_header(path: Path) -> Aedat4Header:
    """The head of the file, checked.

    Raises:
        MissingInputError: no such file.
        InputFileError: empty, not aedat4, cut off within its header, or a damaged header.
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
        # the identifier IOHE stands between the root's offset and the table
        root = Table.root(body)
        compression = root.number(0, _INT32)
        table = root.number(1, _INT64, default=-1)
        streams = _streams(root.text(2))
    except (DamagedTable, ElementTree.ParseError, ValueError) as error:
        raise InputFileError(f"{path} has a damaged aedat4 header ({error}): copy or record it again") from error
    if not 0 <= compression < len(_COMPRESSIONS):
        raise InputFileError(
            f"{path} has packets of compression number {compression}, expected 0 to {len(_COMPRESSIONS) - 1} "
            f"({', '.join(_COMPRESSIONS)}): its header is damaged; copy or record it again"
        )
    return Aedat4Header(_COMPRESSIONS[compression], len(head) + size, table if table >= 0 else None, streams)


def _streams(text: str) -> tuple[Stream, ...]:
    if "<!" in text:
        raise ValueError("its XML declares a document type or entities, which no recorder writes")
    root = ElementTree.fromstring(text.strip("\0 \r\n\t"))  # noqa: S314 - entities are refused above
    nodes = [node for node in root.iter("node") if (node.get("name") or "").isdecimal()]
    return tuple(_stream(node) for node in nodes)


def _stream(node: ElementTree.Element) -> Stream:
    own = {attr.get("key"): attr.text or "" for attr in node.findall("attr")}
    info = {attr.get("key"): attr.text or "" for attr in node.findall("node[@name='info']/attr")}
    size = None
    if "sizeX" in info and "sizeY" in info:
        size = SensorSize(height=int(info["sizeY"]), width=int(info["sizeX"]))
        if not (0 < size.width <= _LARGEST_SIDE and 0 < size.height <= _LARGEST_SIDE):
            raise ValueError(f"a sensor of {size} pixels")
    return Stream(
        number=int(node.get("name") or ""),
        kind=own.get("typeIdentifier", ""),
        name=own.get("originalOutputName", ""),
        camera=info.get("source", ""),
        sensor_size=size,
    )


def _cut(path: Path, length: int) -> InputFileError:
    return InputFileError(
        f"{path} is cut off after {length} bytes, within its header: there is nothing in it to read; copy it again "
        "from its source"
    )
