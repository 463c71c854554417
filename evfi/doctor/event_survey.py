"""One pass over a recording's events in constant memory: what the checks of the event stream need."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evfi.io.recording import Recording
from evfi.types import Events
from evfi.units import US_PER_MS

BIN_US = 10 * US_PER_MS
_EVENTS_A_PIECE = 1 << 19
_LONGEST_PIECE_US = 1 << 32


@dataclass(frozen=True, eq=False, slots=True)
class EventSurvey:
    """on, off: events of each pixel, int64 (H, W). bins: events in each 10 ms from start_us. active: in how many of
    these bins a pixel fired, int64 (H, W). longest_gap_us, gap_start_us: the longest time without any event."""

    start_us: int
    on: NDArray[np.int64]
    off: NDArray[np.int64]
    active: NDArray[np.int64]
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
    pixels = size.height * size.width
    on, off, active = (np.zeros(pixels, np.int64) for _ in range(3))
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
        # pieces are whole bins long, so that no pair of pixel and bin is in two of them
        active += np.bincount(np.unique(number * pixels + pixel) % pixels, minlength=pixels)
        times = events.t if last is None else np.concatenate([[last], events.t])
        gaps = np.diff(times)
        if len(gaps) and gaps.max() > gap:
            gap, gap_start = int(gaps.max()), int(times[gaps.argmax()])
        last = events.t[-1]
    shape = (size.height, size.width)
    return EventSurvey(start_us, on.reshape(shape), off.reshape(shape), active.reshape(shape), bins, gap, gap_start)


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
