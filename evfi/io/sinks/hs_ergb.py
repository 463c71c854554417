"""The folder of TimeLens' HS-ERGB: numbered images, and between them numbered files of events."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from evfi.errors import UserError
from evfi.io.atomic import writing
from evfi.io.images import write_png
from evfi.io.sinks.sink import NO_ARRAYS, Arrays, Heading, Sink
from evfi.types import Events, Frames, SensorSize

EVENTS_FOLDER, IMAGES_FOLDER, TIMES_FILE = "events_aligned", "images_corrected", "timestamp.txt"


@contextmanager
def hs_ergb_sink(out: Path, heading: Heading) -> Iterator[Sink]:
    """Images and the events between them: file n holds those in (time of image n-1, time of image n]."""
    with writing(out) as partial:
        (partial / EVENTS_FOLDER).mkdir(parents=True)
        (partial / IMAGES_FOLDER).mkdir()
        writer = HsErgbWriter(partial, heading.sensor_size)
        yield writer
        writer.finish()


class HsErgbWriter:
    """Writes the folder image by image; the events since the last image are in memory."""

    def __init__(self, folder: Path, sensor_size: SensorSize) -> None:
        self.folder, self.sensor_size = folder, sensor_size
        self._waiting: list[Events] = []
        self._t_us: list[int] = []

    def add_events(self, events: Events) -> None:
        """Append events; before the first image they are dropped.

        Raises:
            UserError: they begin before the last image, or at its time: their file is written already.
        """
        if not len(events):
            return
        if self._t_us and int(events.t[0]) <= self._t_us[-1]:
            raise UserError(f"events at {events.t[0]} µs come after the image at {self._t_us[-1]} µs: bring them first")
        self._waiting.append(events)

    def add_frames(self, frames: Frames) -> None:
        """Append images; their times must increase."""
        for image, t_us in zip(frames.image, frames.t_us.tolist(), strict=True):
            number = len(self._t_us)
            write_png(self.folder / IMAGES_FOLDER / f"{number:06d}.png", image)
            between, after = self._cut(t_us)
            if number:
                _write_events(self.folder / EVENTS_FOLDER / f"{number:06d}.npz", between)
            self._waiting = [after]
            self._t_us.append(t_us)

    def add_facts(self, facts: Mapping[str, Any], arrays: Arrays = NO_ARRAYS) -> None:
        """The layout has no place for them."""

    def finish(self) -> None:
        """Write the times of the images, in whole µs; beside the images too, where the data set has them."""
        (self.folder / TIMES_FILE).write_text("".join(f"{t_us}\n" for t_us in self._t_us))
        shutil.copyfile(self.folder / TIMES_FILE, self.folder / IMAGES_FOLDER / TIMES_FILE)

    def _cut(self, t_us: int) -> tuple[Events, Events]:
        events = Events.concatenated(self._waiting, self.sensor_size)
        end = int(np.searchsorted(events.t, t_us, side="right"))
        return events.take(slice(end)), events.take(slice(end, None))


def _write_events(path: Path, events: Events) -> None:
    """Whole pixels as uint16, sub-pixel ones as float32, neither scaled; p 0 or 1."""
    np.savez_compressed(path, x=events.x, y=events.y, t=events.t, p=events.p.astype(np.uint8))
