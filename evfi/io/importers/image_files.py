"""Numbered images and the text file with their times, as data sets of frames and events have them."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evfi.errors import InputFileError, MissingInputError
from evfi.io.images import read_image
from evfi.io.importers.options import TimeUnit
from evfi.io.importers.time_units import units_that_overlap
from evfi.types import Frames, SensorSize
from evfi.units import NS_PER_US, US_PER_MS, US_PER_S

TIMES_FILES = ("timestamp.txt", "timestamps.txt")
_EXACT_US: dict[TimeUnit, Decimal] = {
    "us": Decimal(1),
    "s": Decimal(US_PER_S),
    "ms": Decimal(US_PER_MS),
    "ns": 1 / Decimal(NS_PER_US),
}
_SHORTEST_INTERVAL_US, _LONGEST_INTERVAL_US = 100, 10 * US_PER_S
Times = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class TimedImages:
    """Images with their times int64 µs, increasing; `repairs` counts what did not pair up."""

    paths: tuple[Path, ...]
    t_us: Times
    repairs: dict[str, int]

    def frames(self) -> Iterator[Frames]:
        """One by one; exposure unknown.

        Raises:
            InputFileError: an image is damaged, or not of the first one's shape.
        """
        shape = None
        for path, time in zip(self.paths, self.t_us, strict=True):
            image = read_image(path)
            shape = shape or image.shape
            if image.shape != shape:
                raise InputFileError(
                    f"{path} has shape {image.shape}, the first image {shape}: all must share one size"
                )
            yield Frames.without_exposure(image[None], np.array([time], np.int64))


def image_size(path: Path) -> SensorSize:
    """Height and width of an image."""
    height, width = read_image(path).shape[:2]
    return SensorSize(height=height, width=width)


def numbered(folder: Path, pattern: str) -> list[Path]:
    """Files in the order of their numbers (those without a number are left out)."""
    return sorted((path for path in folder.glob(pattern) if path.stem.isdigit()), key=lambda path: int(path.stem))


def missing_numbers(paths: list[Path]) -> int:
    """Numbers between the first and the last file for which there is none."""
    return int(paths[-1].stem) - int(paths[0].stem) + 1 - len(paths) if paths else 0


def times_file(*folders: Path) -> Path | None:
    """The one file of times in these folders; None where there is none.

    Raises:
        InputFileError: several that differ.
    """
    found = [folder / name for folder in folders for name in TIMES_FILES if (folder / name).is_file()]
    if len({path.read_bytes() for path in found}) > 1:
        raise InputFileError(f"{' and '.join(map(str, found))} differ: keep the one that belongs to the images")
    return found[0] if found else None


def read_times(path: Path) -> list[Decimal]:
    """The numbers of a file of times, one a line, exactly; blank lines and lines that begin with # are skipped.

    Raises:
        MissingInputError: there is no such file.
        InputFileError: a line is no number, or none is there.
    """
    if not path.is_file():
        raise MissingInputError(f"no file of times at {path}: expected one time a line")
    values = []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
        text = line.split("#")[0].strip()
        if not text:
            continue
        try:
            value = Decimal(text)
        except ArithmeticError:
            value = Decimal("nan")
        if not value.is_finite() or abs(value) >= 1 << 62:
            raise InputFileError(f"{path}, line {number}: expected one time, got {line[:80]!r}")
        values.append(value)
    if not values:
        raise InputFileError(f"{path} holds no time: expected one a line")
    return values


def times_in_us(values: list[Decimal], unit: TimeUnit) -> Times:
    """Times as int64 µs, to the nearest."""
    return np.array([round(value * _EXACT_US[unit]) for value in values], np.int64)


def frame_time_unit(
    values: list[Decimal], events_us: tuple[int, int] | None, told: TimeUnit | None, path: Path
) -> TimeUnit:
    """Told, or the one unit in which the times cover the events, at 0.1 to 10,000 frames a second.

    Without events, fractions are seconds, and whole numbers µs.

    Raises:
        InputFileError: no unit or several would do.
    """
    if told is not None:
        return told
    if events_us is None or len(values) < 2:
        return "s" if any(value % 1 for value in values) else "us"
    fitting: list[TimeUnit] = [
        unit
        for unit in units_that_overlap((float(values[0]), float(values[-1])), events_us)
        if _SHORTEST_INTERVAL_US <= np.median(np.diff(times_in_us(values, unit))) < _LONGEST_INTERVAL_US
    ]
    if len(fitting) != 1:
        raise InputFileError(
            f"{path}: times run from {values[0]} to {values[-1]}, events from {events_us[0]} to {events_us[1]} µs; "
            f"{' and '.join(fitting) or 'no unit'} would fit: give --frame-time-unit s, ms, us or ns, and check that "
            "both belong together"
        )
    return fitting[0]


def timed_images(paths: list[Path], t_us: Times, times_path: Path) -> TimedImages:
    """Image number n (from the first, 0 or 1) has the time on line n; what has no partner is left out and counted.

    Raises:
        InputFileError: the times of the images do not increase.
    """
    first = min(int(paths[0].stem), 1)
    places = np.array([int(path.stem) - first for path in paths])
    kept = [number for number, place in enumerate(places) if place < len(t_us)]
    times = t_us[places[kept]]
    falls = np.flatnonzero(np.diff(times) <= 0)
    if len(falls):
        raise InputFileError(
            f"{times_path}: times must increase, but that of {paths[kept[int(falls[0]) + 1]].name} "
            f"({times[falls[0] + 1]} µs) does not: correct the file"
        )
    repairs = {
        "images_without_time": len(paths) - len(kept),
        "times_without_image": len(t_us) - len(kept),
    }
    return TimedImages(tuple(paths[number] for number in kept), times, repairs)
