"""What an importer finds at a path, and the one reader that turns any of it into pieces of a recording."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evfi.errors import InputFileError, UserError
from evfi.io.importers.options import ImportOptions, TimeUnit
from evfi.io.importers.raw_events import EventCleaner, Meaning, RawEvents, measured_scale
from evfi.io.importers.time_units import US_PER_UNIT, unit_of_epoch, units_that_overlap
from evfi.types import Events, Frames, SensorSize

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Layout:
    """A recording as its files have it; nothing is read yet.

    Attributes:
        format: short name, kept in the store.
        files: all files it is made of, for their digests.
        raw_events: starts a new reading of the events, in the file's units; None: no event stream.
        frames: starts a new reading of the frames, times in µs; None: no frame stream.
        frame_t_us: times of the frames, where they are known without reading images.
        sensor_size, time_unit, coordinate_scale: where the layout fixes them.
        offset_us: to be added to the events' times.
        repairs: what is known to be missing, counted.
        event_span: first and last time of the events, in the file's units, where cheap to tell.
    """

    format: str
    files: tuple[Path, ...]
    raw_events: Callable[[], Iterator[RawEvents]] | None = None
    frames: Callable[[], Iterator[Frames]] | None = None
    frame_t_us: NDArray[np.int64] | None = None
    sensor_size: SensorSize | None = None
    time_unit: TimeUnit | None = None
    coordinate_scale: int | None = None
    offset_us: int = 0
    repairs: dict[str, int] = field(default_factory=dict)
    event_span: Callable[[], tuple[float, float] | None] | None = None


class LayoutReader:
    """Reads a `Layout` as pieces of a recording.

    Attributes:
        sensor_size: of events and frames.
        camera: None, these formats do not name it.
        format: of the layout.
        repairs: what the last `batches()` left out or moved, counted, with what the layout lacks.
        lost: empty, for a damaged file is refused.

    Raises:
        UserError: the sensor size or the unit of the times cannot be told: the flag to give is named.
        InputFileError: the frames differ in size from what was given.
    """

    camera: str | None = None

    def __init__(self, path: Path, layout: Layout, options: ImportOptions) -> None:
        self.path, self.layout, self._options = path, layout, options
        self.format = layout.format
        self.sensor_size = self._sensor_size()
        self.repairs: dict[str, int] = dict(layout.repairs)
        self.lost: dict[str, int | None] = {}

    @cached_property
    def meaning(self) -> Meaning:
        """What the events' numbers mean, told or measured."""
        layout, options = self.layout, self._options
        scale = options.coordinate_scale or layout.coordinate_scale
        if scale is None:
            pieces = layout.raw_events() if layout.raw_events else iter(())
            scale = measured_scale(pieces, self.sensor_size)
            if scale != 1:
                log.warning("%s: coordinates are %d times pixels, and are divided by it", self.path, scale)
        return Meaning(self.sensor_size, self._time_unit(), scale, layout.offset_us)

    def batches(self) -> Iterator[Events | Frames]:
        """Events and Frames merged by the times of their first items, in constant memory. Starts anew every call.

        Raises:
            InputFileError: a file is damaged, out of order, or its events lie nowhere near its frames.
        """
        self.repairs = dict(self.layout.repairs)
        events, frames = self._events(), self._frames()
        piece, frame = next(events, None), next(frames, None)
        while piece is not None or frame is not None:
            if frame is None or (piece is not None and piece.t[0] <= frame.t_us[0]):
                if piece is not None:
                    yield piece
                piece = next(events, None)
            else:
                yield frame
                frame = next(frames, None)

    def _events(self) -> Iterator[Events]:
        if self.layout.raw_events is None:
            return
        cleaner = EventCleaner(self.meaning)
        for raw in self.layout.raw_events():
            events = cleaner.cleaned(raw)
            self.repairs.update(cleaner.repairs)
            if len(events):
                yield events
        cleaner.finish()

    def _frames(self) -> Iterator[Frames]:
        if self.layout.frames is None:
            return
        for piece in self.layout.frames():
            if piece.sensor_size != self.sensor_size:
                raise InputFileError(
                    f"{self.path} has frames of {piece.sensor_size} pixels on a sensor of {self.sensor_size}: events "
                    "and frames must share one pixel raster; align them first"
                )
            yield piece

    def _sensor_size(self) -> SensorSize:
        given, found = self._options.sensor_size, self.layout.sensor_size
        if given is not None and found is not None and given != found:
            raise InputFileError(f"{self.path} is of a {found} sensor, --sensor-size says {given}: leave the flag out")
        size = given or found
        if size is None:
            raise UserError(f"{self.path} does not say how large its sensor is: give --sensor-size WIDTHxHEIGHT")
        return size

    def _time_unit(self) -> TimeUnit:
        """As told, as the layout fixes it (if the frames agree), else the one unit that the times can be in."""
        layout, told = self.layout, self._options.time_unit
        span = layout.event_span() if layout.event_span else None
        if told is not None:
            return told
        if span is None:
            return layout.time_unit or "us"
        frames = layout.frame_t_us
        if frames is not None and len(frames) > 1:
            shift_us = self._options.frame_shift_us - layout.offset_us
            return self._unit_by_frames(span, (int(frames[0]) + shift_us, int(frames[-1]) + shift_us))
        unit = layout.time_unit or unit_of_epoch(span[1])
        if unit is None:
            raise UserError(
                f"{self.path}: event times run from {span[0]:g} to {span[1]:g}, and nothing says in which unit: give "
                "--time-unit s, ms, us or ns"
            )
        return unit

    def _unit_by_frames(self, span: tuple[float, float], frames_us: tuple[int, int]) -> TimeUnit:
        layout = self.layout
        fitting = units_that_overlap(span, frames_us)
        unit = layout.time_unit or "us"
        factor = US_PER_UNIT[unit]
        touching = span[0] * factor <= frames_us[1] and span[1] * factor >= frames_us[0]
        if layout.time_unit is not None and touching and (unit in fitting or not fitting):
            return layout.time_unit
        if layout.time_unit is None and len(fitting) == 1:
            return fitting[0]
        others = (
            ", ".join(f"--time-unit {other}" for other in fitting) or "none; where the clocks differ, --frame-shift-us"
        )
        raise InputFileError(
            f"{self.path}: events run from {span[0] * factor:.0f} to {span[1] * factor:.0f} µs (read in {unit}), "
            f"frames from {frames_us[0]} to {frames_us[1]} µs, so they do not belong together; what would fit: {others}"
        )
