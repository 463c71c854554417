"""HS-ERGB (TimeLens) and BS-ERGB (TimeLens++) folders: numbered files of events beside numbered images.

HS-ERGB: events_aligned/000001.npz (x, y, t, p), images_corrected/000000.png, timestamp.txt; file n holds the events
between images n - 1 and n. BS-ERGB: events/000000.npz (x, y, timestamp, polarity, coordinates times 32),
images/000000.png; file n holds the events between images n and n + 1. Times in µs (shared/specs/formats.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evfi.errors import InputFileError, MissingInputError
from evfi.io.importers.image_files import (
    TimedImages,
    frame_time_unit,
    image_size,
    missing_numbers,
    numbered,
    read_times,
    timed_images,
    times_file,
    times_in_us,
)
from evfi.io.importers.layout import Layout
from evfi.io.importers.npz_columns import event_columns, npz_events, npz_names, npz_span
from evfi.io.importers.options import ImportOptions
from evfi.io.importers.raw_events import RawEvents
from evfi.io.importers.time_units import US_PER_UNIT

_EVENT_FOLDERS, _IMAGE_FOLDERS = ("events_aligned", "events"), ("images_corrected", "images")
_BS_SCALE = 32


def is_hs_ergb(path: Path) -> bool:
    """A folder with files of events under the names t and p."""
    return _time_column(path) in ("t", "ts")


def is_bs_ergb(path: Path) -> bool:
    """A folder with files of events under the names timestamp and polarity."""
    return _time_column(path) in ("timestamp", "timestamps")


def hs_ergb_layout(path: Path, options: ImportOptions) -> Layout:
    """An HS-ERGB folder. Coordinates are float32, or whole numbers times 32 (measured).

    Raises:
        MissingInputError: no images, or no times of them.
        InputFileError: the times fit the events in no unit, or in several.
    """
    folder = ErgbFolder(path, options)
    times = folder.times_path
    if times is None:
        raise MissingInputError(f"{path} has no timestamp.txt with the times of its images: copy it from the data set")
    return folder.layout("hs-ergb", folder.images_by_file(times), None)


def bs_ergb_layout(path: Path, options: ImportOptions) -> Layout:
    """A BS-ERGB folder. Without a file of times, that of image n lies between the last event of file n - 1 and the
    first of file n.

    Raises:
        MissingInputError: no images.
        InputFileError: no file of events has any event, so that the images have no times.
    """
    folder = ErgbFolder(path, options)
    times = folder.times_path
    images = folder.images_by_file(times) if times is not None else folder.images_by_events()
    return folder.layout("bs-ergb", images, _BS_SCALE)


@dataclass(frozen=True)
class ErgbFolder:
    """The files of one sequence."""

    path: Path
    options: ImportOptions

    @cached_property
    def event_files(self) -> list[Path]:
        """In the order of their numbers; of their first events, where the options say so."""
        files = numbered(_folder(self.path, _EVENT_FOLDERS), "*.npz")
        if not self.options.order_by_time:
            return files
        return sorted(files, key=lambda file: self.spans[file][0] if file in self.spans else -np.inf)

    @cached_property
    def spans(self) -> dict[Path, tuple[float, float]]:
        """First and last time of each file that has events, as written."""
        found = {}
        for file in numbered(_folder(self.path, _EVENT_FOLDERS), "*.npz"):
            span = npz_span(file)
            if span is not None:
                found[file] = span
        return found

    @cached_property
    def span(self) -> tuple[float, float] | None:
        """First and last time of all events; None where there are none."""
        if not self.spans:
            return None
        return min(first for first, _ in self.spans.values()), max(last for _, last in self.spans.values())

    @cached_property
    def image_files(self) -> list[Path]:
        """In the order of their numbers."""
        folder = _folder(self.path, _IMAGE_FOLDERS)
        files = numbered(folder, "*.png")
        if not files:
            raise MissingInputError(f"{folder} holds no numbered *.png: copy the images beside their events")
        return files

    @cached_property
    def times_path(self) -> Path | None:
        """The file of the images' times."""
        return times_file(self.path, _folder(self.path, _IMAGE_FOLDERS))

    def images_by_file(self, times: Path) -> TimedImages:
        """Images with the times of a file, in whichever unit fits the events."""
        values = read_times(times)
        factor = US_PER_UNIT[self.options.time_unit or "us"]
        events_us = None if self.span is None else (round(self.span[0] * factor), round(self.span[1] * factor))
        unit = frame_time_unit(values, events_us, self.options.frame_time_unit, times)
        return timed_images(self.image_files, times_in_us(values, unit), times)

    def images_by_events(self) -> TimedImages:
        """Images with times from the gaps between the files of events; beside an empty file, evenly spaced."""
        borders = self._borders_us()
        known = np.flatnonzero(~np.isnan(borders))
        if len(known) < 2:
            raise InputFileError(
                f"{self.path} has no times of its images, and too few events to tell them: add timestamp.txt"
            )
        numbers = np.array([int(path.stem) for path in self.image_files])
        first = int(self.event_files[0].stem)
        inside = (numbers >= first) & (numbers < first + len(borders))
        t_us = np.rint(np.interp(np.arange(len(borders)), known, borders[known])).astype(np.int64)
        paths = [path for path, taken in zip(self.image_files, inside, strict=True) if taken]
        repairs = {"images_without_time": int((~inside).sum()), "image_times_from_events": int(inside.sum())}
        return TimedImages(tuple(paths), t_us[numbers[inside] - first], repairs)

    def _borders_us(self) -> NDArray[np.float64]:
        """Time of each image from the first file's number to the last one's + 1; NaN where the events do not tell."""
        factor = US_PER_UNIT[self.options.time_unit or "us"]
        by_number = {int(file.stem): span for file, span in self.spans.items()}
        first, last = int(self.event_files[0].stem), int(self.event_files[-1].stem)
        borders = np.full(last - first + 2, np.nan)
        for number in range(first, last + 2):
            sides = [by_number[number - 1][1]] if number - 1 in by_number else []
            sides += [by_number[number][0]] if number in by_number else []
            # at the ends of the recording one side is all there is
            if len(sides) == 2 or (sides and number in (first, last + 1)):
                borders[number - first] = factor * float(np.mean(sides))
        return borders

    def layout(self, name: str, images: TimedImages, scale: int | None) -> Layout:
        """All that is known without reading events or images."""
        empty = len(self.event_files) - len(self.spans)
        extra = (self.times_path,) if self.times_path else ()
        return Layout(
            format=name,
            files=(*self.event_files, *self.image_files, *extra),
            raw_events=self._raw_events,
            frames=images.frames,
            frame_t_us=images.t_us,
            sensor_size=image_size(self.image_files[0]),
            time_unit="us",
            coordinate_scale=scale,
            repairs={
                **images.repairs,
                "event_files_missing": missing_numbers(sorted(self.event_files)),
                "event_files_empty": empty,
                "images_missing": missing_numbers(self.image_files),
            },
            event_span=lambda: self.span,
        )

    def _raw_events(self) -> Iterator[RawEvents]:
        for file in self.event_files:
            yield from npz_events(file, str(file))


def _time_column(path: Path) -> str | None:
    """The name of the times in a folder's files of events; None where it has none."""
    if not path.is_dir():
        return None
    for name in _EVENT_FOLDERS:
        for file in numbered(path / name, "*.npz"):
            columns = event_columns(npz_names(file))
            if columns is not None:
                return columns["t"]
    return None


def _folder(path: Path, names: tuple[str, ...]) -> Path:
    found = [path / name for name in names if (path / name).is_dir()]
    if len(found) != 1:
        what = "has none of" if not found else "has both of"
        raise MissingInputError(f"{path} {what} the folders {' and '.join(names)}: expected one of them")
    return found[0]
