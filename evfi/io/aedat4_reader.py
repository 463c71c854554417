"""Reading aedat4 recordings of one camera through dv-processing, packet by packet in constant memory."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dv_processing as dv
import numpy as np

from evfi.errors import InputFileError, UserError
from evfi.io.aedat4_header import read_header
from evfi.io.aedat4_packets import check_packets
from evfi.types import Events, Frames, SensorSize

log = logging.getLogger(__name__)
_MICROSECOND = timedelta(microseconds=1)


class Aedat4Reader:
    """An aedat4 recording of one camera: events, frames, or both.

    Attributes:
        path: the file.
        camera: name and serial number, e.g. "DAVIS346_00000002".
        sensor_size: of events and frames.
        has_events, has_frames: which streams the file has.
        compression: of its packets: none, lz4, lz4_high, zstd or zstd_high.
        repairs: what the last `batches()` left out or moved, counted: events_outside_sensor (dropped), events_sorted
            (moved within their packet), events_late and frames_late (dropped: older than what came before).

    Raises:
        MissingInputError: no such file.
        InputFileError: empty, not aedat4, cut off, damaged, without its data table, or without events and frames.
    """

    def __init__(self, path: Path, camera: str | None = None) -> None:
        self.path = Path(path)
        header = read_header(self.path)
        if self.path.suffix != ".aedat4":
            raise InputFileError(
                f"{self.path} is an aedat4 file under another name, which dv-processing refuses: rename it to "
                f"{self.path.stem}.aedat4"
            )
        self.compression = header.compression
        self._packets = check_packets(self.path, header)
        recording = self._opened()
        self.camera: str | None = recording.getCameraName()
        self.lost: dict[str, int | None] = {}
        if camera not in (None, self.camera):
            raise UserError(f"{self.path} has the camera {self.camera}, not {camera}")
        names = recording.getStreamNames()
        self._events = next((name for name in names if recording.isStreamOfEventType(name)), None)
        self._frames = next((name for name in names if recording.isStreamOfFrameType(name)), None)
        self.sensor_size = self._read_sensor_size(recording)
        self.repairs = _no_repairs()

    @property
    def has_events(self) -> bool:
        return self._events is not None

    @property
    def has_frames(self) -> bool:
        return self._frames is not None

    def batches(self) -> Iterator[Events | Frames]:
        """Events (one packet each) and Frames (one each) merged by time, in constant memory. Starts anew every call.

        A frame's time is mid-exposure = (start + end) / 2, rounded down; both ends are kept. Exposure unknown (of
        length 0): both ends equal the time. Colour frames are RGB.

        Raises:
            InputFileError: a packet is damaged, or a frame has another size than the sensor or is not 8-bit.
        """
        self.repairs = _no_repairs()
        events, frames = self._event_packets(), self._single_frames()
        packet, frame = next(events, None), next(frames, None)
        while packet is not None or frame is not None:
            if frame is None or (packet is not None and packet.t[0] <= frame.t_us[0]):
                if packet is not None:
                    yield packet
                packet = next(events, None)
            else:
                yield frame
                frame = next(frames, None)

    def _opened(self) -> dv.io.MonoCameraRecording:
        try:
            return dv.io.MonoCameraRecording(str(self.path))
        except (RuntimeError, ValueError, IndexError, OSError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> InputFileError:
        reason = str(error).strip().splitlines()[:2]
        return InputFileError(
            f"{self.path} cannot be read, it is cut off or damaged ({' '.join(reason)[-200:]}): copy it again from its "
            "source; evfi cannot read cut recordings yet"
        )

    def _read_sensor_size(self, recording: dv.io.MonoCameraRecording) -> SensorSize:
        found = None
        if self._events is not None:
            found = recording.getEventResolution(self._events)
        if found is None and self._frames is not None:
            found = recording.getFrameResolution(self._frames)
        if found is None:
            raise InputFileError(
                f"{self.path} has no event or frame stream with a sensor size (streams: "
                f"{', '.join(recording.getStreamNames()) or 'none'}): nothing to read"
            )
        width, height = found
        return SensorSize(height=height, width=width)

    def _event_packets(self) -> Iterator[Events]:
        """Non-empty packets with times that do not decrease."""
        if self._events is None:
            return
        recording, latest, packets = self._opened(), None, 0
        while True:
            try:
                store = recording.getNextEventBatch(self._events)
            except (RuntimeError, ValueError, IndexError, OSError) as error:
                raise self._damaged(error) from error
            if store is None:
                self._require_all(packets, self._packets.events, "event")
                return
            packets += 1
            packet = self._cleaned(store.numpy(), latest)
            if len(packet):
                latest = int(packet.t[-1])
                yield packet

    def _require_all(self, found: int, expected: int | None, what: str) -> None:
        """dv-processing follows the data table, and passes over what a damaged one does not name."""
        if expected is not None and found != expected:
            raise InputFileError(
                f"{self.path} is damaged: it holds {expected} {what} packets and its data table leads to {found}; copy "
                "the file again from its source"
            )

    def _cleaned(self, rows: np.ndarray, latest: int | None) -> Events:
        size = self.sensor_size
        inside = (rows["x"] >= 0) & (rows["x"] < size.width) & (rows["y"] >= 0) & (rows["y"] < size.height)
        if not inside.all():
            self.repairs["events_outside_sensor"] += int((~inside).sum())
            rows = rows[inside]
        falls = int((np.diff(rows["timestamp"]) < 0).sum())
        if falls:
            self.repairs["events_sorted"] += falls
            rows = rows[np.argsort(rows["timestamp"], kind="stable")]
        if latest is not None and len(rows) and rows["timestamp"][0] < latest:
            late = int(np.searchsorted(rows["timestamp"], latest, side="left"))
            self.repairs["events_late"] += late
            rows = rows[late:]
        return Events(
            x=rows["x"].astype(np.uint16),
            y=rows["y"].astype(np.uint16),
            t=rows["timestamp"].astype(np.int64),
            p=rows["polarity"] != 0,
            sensor_size=size,
        )

    def _single_frames(self) -> Iterator[Frames]:
        if self._frames is None:
            return
        recording, latest, packets = self._opened(), None, 0
        while True:
            try:
                frame = recording.getNextFrame(self._frames)
            except (RuntimeError, ValueError, IndexError, OSError) as error:
                raise self._damaged(error) from error
            if frame is None:
                self._require_all(packets, self._packets.frames, "frame")
                return
            packets += 1
            start = int(frame.timestamp)
            end = start + frame.exposure // _MICROSECOND
            middle = (start + end) // 2
            if latest is not None and middle <= latest:
                self.repairs["frames_late"] += 1
                continue
            latest = middle
            yield Frames(
                image=self._pixels(frame.image, start)[None],
                t_us=np.array([middle], np.int64),
                exposure_start_us=np.array([start], np.int64),
                exposure_end_us=np.array([end], np.int64),
            )

    def _pixels(self, image: np.ndarray, t_us: int) -> np.ndarray:
        """dv-processing's pixels as uint8 (H, W) or (H, W, 3) RGB; it hands colour out as BGR."""
        if image.ndim == 3 and image.shape[2] == 1:
            image = image[..., 0]
        size = self.sensor_size
        colours = image.shape[2:] in ((), (3,))
        if image.dtype != np.uint8 or not colours or image.shape[:2] != (size.height, size.width):
            raise InputFileError(
                f"{self.path}: the frame at {t_us} µs is {image.dtype} {image.shape}, expected uint8 gray or colour of "
                f"the sensor's {size} pixels: export it as 8-bit frames of the whole sensor"
            )
        return np.array(image if image.ndim == 2 else image[..., ::-1], order="C")


def _no_repairs() -> dict[str, int]:
    return dict.fromkeys(("events_outside_sensor", "events_sorted", "events_late", "frames_late"), 0)
