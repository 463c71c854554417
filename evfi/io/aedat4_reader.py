"""Reading aedat4 recordings packet by packet in constant memory, also damaged ones and those of several cameras."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evfi.errors import InputFileError, UserError
from evfi.io.aedat4_decode import (
    RawFrame,
    UnreadableFrame,
    decode_events_inside,
    decode_frame,
    decode_imu,
    decode_triggers,
)
from evfi.io.aedat4_header import Stream, read_header
from evfi.io.aedat4_packets import Packets
from evfi.io.aedat4_tables import Buffer, DamagedTable
from evfi.io.pieces import Imu, Piece, Triggers, times_of
from evfi.io.time_order import TimeOrder
from evfi.types import Events, Frames, SensorSize

log = logging.getLogger(__name__)
Content = tuple[Events, int] | RawFrame | UnreadableFrame | Imu | Triggers
_NAMES = {"EVTS": "events", "FRME": "frames", "IMUS": "imu", "TRIG": "triggers"}
_ALWAYS_COUNTED = ("events_outside_sensor", "events_sorted", "events_late", "frames_late", "data_table_absent")
# a packet that was written twice stands beside or near itself
_REMEMBERED = 4


class Aedat4Reader:
    """An aedat4 recording of one camera: events, frames, inertial samples and triggers, as far as it has them.

    Attributes:
        path: the file.
        camera: name and serial number, e.g. "DAVIS346_00000002".
        sensor_size: of events and frames.
        has_events, has_frames: which streams the file has.
        compression: of its packets: none, lz4, lz4_high, zstd or zstd_high.
        repairs: what the last `batches()` left out or moved, counted: events_outside_sensor (dropped), events_sorted
            (moved), events_late and frames_late (dropped: older than what came before), …_wrong_time (dropped: far
            from all around), packets_repeated (dropped), frames_from_16_bit (scaled), frames_unreadable (dropped),
            data_table_absent (1: the recorder was interrupted, or the file is cut).
        lost: after `batches()`: packets and bytes that could not be read, and between which times (`Losses.told`).

    Raises:
        MissingInputError: no such file.
        UserError: the camera is not in the file, or several are and none was named.
        InputFileError: empty, not aedat4, a damaged header, or without events and frames.
    """

    def __init__(self, path: Path, camera: str | None = None) -> None:
        self.path = Path(path)
        self._header = read_header(self.path)
        self.compression = self._header.compression
        self.camera = self._chosen(camera)
        own = [stream for stream in self._header.streams if stream.camera == self.camera]
        # of several streams of one kind, the first is the camera's own; others were computed from it
        self._streams = {stream.kind: stream for stream in reversed(own) if stream.kind in _NAMES}
        passed_over = [s.name for s in own if s.kind in _NAMES and s is not self._streams[s.kind]]
        if passed_over:
            log.warning("%s: streams not read beside the camera's own: %s", self.path, ", ".join(passed_over))
        self.sensor_size = self._read_sensor_size()
        self._counts: Counter[str] = Counter()
        self.lost: dict[str, Any] = {}

    @property
    def has_events(self) -> bool:
        return "EVTS" in self._streams

    @property
    def has_frames(self) -> bool:
        return "FRME" in self._streams

    @property
    def repairs(self) -> dict[str, int]:
        return {name: self._counts[name] for name in sorted({*_ALWAYS_COUNTED, *self._counts})}

    def batches(self) -> Iterator[Piece]:
        """Events, Frames (one each), Imu and Triggers in constant memory. Starts anew every call.

        Each stream comes in its own time order, the streams beside each other as in the file. A frame's time is
        mid-exposure = (start + end) / 2, rounded down; both ends are kept. Exposure unknown: both ends equal the time.
        Colour frames are RGB; 16-bit ones are divided by 256.

        Raises:
            InputFileError: no packet can be decoded, or no frame is one that evfi reads.
        """
        self._counts.clear()
        kinds = {stream.number: stream.kind for stream in self._streams.values()}
        decoder = _Decoder(kinds, self.sensor_size)
        packets = Packets(self.path, self._header, decoder.content)
        self._counts["data_table_absent"] += int(not packets.has_table)
        orders = {kind: TimeOrder(_NAMES[kind], self._counts, strictly=kind == "FRME") for kind in self._streams}
        pieces = _Pieces(self.sensor_size, self._counts)
        earlier: dict[int, list[memoryview]] = {number: [] for number in kinds}
        decoded = 0
        for packet in packets:
            kind = kinds.get(packet.stream)
            if kind is None:
                continue
            if packet.content is None:
                packets.losses.add(len(packet.raw))
                continue
            piece = pieces.of(packet.content)
            decoded += 1
            if not len(piece):
                continue
            t = times_of(piece)
            packets.losses.seen(int(t[0]), int(t[-1]))
            if packet.raw in earlier[packet.stream]:
                self._counts["packets_repeated"] += 1
                continue
            earlier[packet.stream] = [*earlier[packet.stream][1 - _REMEMBERED :], packet.raw]
            yield from _singly(orders[kind].push(piece))
        for order in orders.values():
            yield from _singly(order.finish())
        self.lost = packets.losses.told()
        if not decoded and self.lost:
            raise InputFileError(f"{self.path}: none of its packets can be decoded; copy it again from its source")
        if pieces.unreadable and not pieces.frames:
            raise InputFileError(f"{self.path}: {pieces.unreadable}")

    def _chosen(self, camera: str | None) -> str:
        cameras = self._header.cameras
        if not cameras:
            streams = ", ".join(stream.kind for stream in self._header.streams) or "none"
            raise InputFileError(f"{self.path} has no stream of events or frames (streams: {streams}): nothing to read")
        listed = ", ".join(cameras)
        if camera is None and len(cameras) > 1:
            raise UserError(f"{self.path} has several cameras: {listed}; choose one with --camera NAME")
        if camera is not None and camera not in cameras:
            raise UserError(f"{self.path} has no camera {camera}: it has {listed}")
        return cameras[0] if camera is None else camera

    def _read_sensor_size(self) -> SensorSize:
        for kind in ("EVTS", "FRME"):
            stream: Stream | None = self._streams.get(kind)
            if stream is not None and stream.sensor_size is not None:
                return stream.sensor_size
        raise InputFileError(f"{self.path} gives no sensor size for its events or frames: its header is damaged")


class _Decoder:
    """From FlatBuffers to contents, without memory of what came before."""

    def __init__(self, kinds: dict[int, str], size: SensorSize) -> None:
        self._kinds = kinds
        self._decoders: dict[str, Callable[[Buffer], Content]] = {
            "EVTS": lambda body: decode_events_inside(body, size),
            "FRME": _frame_or_why_not,
            "IMUS": decode_imu,
            "TRIG": decode_triggers,
        }

    def content(self, stream: int, kind: bytes, body: Buffer) -> Content | None:
        """None where it is damaged, another kind of packet than its stream holds, or not of this camera."""
        wanted = self._kinds.get(stream)
        if wanted is None or kind != wanted.encode():
            return None
        try:
            return self._decoders[wanted](body)
        except DamagedTable:
            return None


def _frame_or_why_not(body: Buffer) -> RawFrame | UnreadableFrame:
    try:
        return decode_frame(body)
    except UnreadableFrame as error:
        return error


class _Pieces:
    """From contents, in the file's order, to pieces of one camera.

    Attributes:
        frames: frames that could be read.
        unreadable: what the last frame that could not be read is; empty: none.
    """

    def __init__(self, sensor_size: SensorSize, counts: Counter[str]) -> None:
        self._size, self._counts = sensor_size, counts
        self._channels: int | None = None
        self.frames = 0
        self.unreadable = ""

    def of(self, content: Content) -> Piece:
        """The piece; none (length 0) of a frame that the store cannot hold."""
        if isinstance(content, tuple):
            events, outside = content
            self._counts["events_outside_sensor"] += outside
            return events
        if isinstance(content, RawFrame | UnreadableFrame):
            return self._frame(content)
        return content

    def _frame(self, raw: RawFrame | UnreadableFrame) -> Frames:
        try:
            if isinstance(raw, UnreadableFrame):
                raise raw
            image = self._image(raw)
        except UnreadableFrame as error:
            self._counts["frames_unreadable"] += 1
            self.unreadable = f"a frame {error}; export the recording with 8-bit frames of the whole sensor"
            return _no_frames()
        self.frames += 1
        start, end = raw.exposure_start_us, raw.exposure_end_us
        # halves of each, so that no sum leaves int64
        middle = start + (end - start) // 2
        return Frames(image[None], *(np.array([each], np.int64) for each in (middle, start, end)))

    def _image(self, raw: RawFrame) -> NDArray[np.uint8]:
        height, width, channels = raw.pixels.shape
        size = self._size
        if (height, width) != (size.height, size.width):
            raise UnreadableFrame(f"has {width}x{height} pixels, expected the sensor's {size}")
        if self._channels not in (None, min(channels, 3)):
            raise UnreadableFrame(f"has {channels} channels, unlike the frames before it")
        self._channels = min(channels, 3)
        pixels = raw.pixels
        if pixels.dtype != np.uint8:
            self._counts["frames_from_16_bit"] += 1
            pixels = (pixels >> 8).astype(np.uint8)
        return np.array(pixels[..., 0] if channels == 1 else pixels[..., 2::-1], order="C")


def _no_frames() -> Frames:
    none = np.empty(0, np.int64)
    return Frames(np.empty((0, 0, 0), np.uint8), none, none, none)


def _singly(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Frames one by one, everything else as it is."""
    for piece in pieces:
        if isinstance(piece, Frames):
            yield from (piece.take(slice(number, number + 1)) for number in range(len(piece)))
        else:
            yield piece
