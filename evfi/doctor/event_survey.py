"""One pass over a recording's events in constant memory: what the checks of the event stream need."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from evfi.io.recording import Recording
from evfi.types import Events
from evfi.units import US_PER_MS

BIN_US = 10 * US_PER_MS
_EVENTS_A_PIECE = 1 << 19
_AROUND = np.ones((3, 3), np.uint8)
_AROUND[1, 1] = 0
_LONGEST_PIECE_US = 1 << 32


@dataclass(frozen=True, eq=False, slots=True)
class EventSurvey:
    """on, off: events of each pixel, int64 (H, W). bins: events in each 10 ms from start_us. active, quiet, alone: in
    how many of these bins a pixel fired; in how many that hold events none of the 8 pixels around it did; in how many
    it alone did; int64 (H, W). longest_gap_us, gap_start_us: the longest time without any event."""

    start_us: int
    on: NDArray[np.int64]
    off: NDArray[np.int64]
    active: NDArray[np.int64]
    quiet: NDArray[np.int64]
    alone: NDArray[np.int64]
    bins: NDArray[np.int64]
    longest_gap_us: int
    gap_start_us: int

    @property
    def total(self) -> NDArray[np.int64]:
        """Events of each pixel."""
        return self.on + self.off


def survey_events(recording: Recording) -> EventSurvey:
    """Count the events of a recording (of no events: zeros)."""
    size = recording.sensor_size
    shape = (size.height, size.width)
    pixels = size.height * size.width
    on, off = (np.zeros(pixels, np.int64) for _ in range(2))
    active, busy, alone = (np.zeros(shape, np.int64) for _ in range(3))
    gap, gap_start, last = 0, 0, None
    start_us = recording.start_us if recording.event_count else 0
    span_us = recording.end_us - start_us if recording.event_count else 0
    bins = np.zeros(-(-span_us // BIN_US), np.int64)
    for events in event_pieces(recording):
        pixel = pixels_of(events)
        on += np.bincount(pixel[events.p], minlength=pixels)
        off += np.bincount(pixel[~events.p], minlength=pixels)
        number = (events.t - start_us) // BIN_US
        bins += np.bincount(number, minlength=len(bins))
        for fired in _fired(pixel, number, shape):
            around = np.asarray(cv2.dilate(fired, _AROUND, borderType=cv2.BORDER_CONSTANT, borderValue=(0,)), np.uint8)
            active += fired
            busy += around
            alone += fired > around
        times = events.t if last is None else np.concatenate([[last], events.t])
        gaps = np.diff(times)
        if len(gaps) and gaps.max() > gap:
            gap, gap_start = int(gaps.max()), int(times[gaps.argmax()])
        last = events.t[-1]
    quiet = int((bins > 0).sum()) - busy
    return EventSurvey(start_us, on.reshape(shape), off.reshape(shape), active, quiet, alone, bins, gap, gap_start)


def _fired(pixel: NDArray[np.int64], number: NDArray[np.int64], shape: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    """Of each bin with events, which pixels fired: 0 or 1 (H, W); pieces are whole bins, so that no bin is in two."""
    for part in np.split(pixel, np.flatnonzero(np.diff(number)) + 1):
        fired = np.zeros(shape, np.uint8)
        fired.reshape(-1)[part] = 1
        yield fired


def event_pieces(recording: Recording) -> Iterator[Events]:
    """All events in windows of whole bins that hold about half a million; windows without events are left out."""
    if not recording.event_count:
        return
    span_us = recording.end_us - recording.start_us
    step = min(span_us * _EVENTS_A_PIECE // recording.event_count, _LONGEST_PIECE_US) // BIN_US * BIN_US
    step = max(BIN_US, step)
    for first in range(recording.start_us, recording.end_us, step):
        events = recording.events(first, first + step)
        if len(events):
            yield events


def pixels_of(events: Events) -> NDArray[np.int64]:
    """The pixel (y * width + x) of each event; sub-pixel ones belong to the nearest on the sensor."""
    size = events.sensor_size
    if events.x.dtype.kind == "f":
        x = np.clip(np.rint(events.x), 0, size.width - 1).astype(np.int64)
        y = np.clip(np.rint(events.y), 0, size.height - 1).astype(np.int64)
        return y * size.width + x
    return events.y.astype(np.int64) * size.width + events.x
