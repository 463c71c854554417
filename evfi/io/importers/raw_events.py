"""Events as a file has them, what its numbers mean, and how they become `Events`."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evfi.errors import InputFileError, UserError
from evfi.io.importers.options import COORDINATE_SCALES, TimeUnit
from evfi.io.importers.time_units import as_microseconds
from evfi.types import Events, SensorSize

PIECE = 1 << 18
"""Rows read at once: 4 to 8 MB of columns, whatever the length of the file."""
_SURVEYED = 1 << 20
_MOSTLY = 0.99
_SLACK = 1.02
# Of width and height. Scaled coordinates of a camera reach further; those of a sensor with twice the pixels do not.
_CORNER = 0.25
_MOST_LATE = 0.01


@dataclass(frozen=True, eq=False, slots=True)
class RawEvents:
    """Columns of equal length and of the file's own dtypes, in its own units; `source` names where they lie."""

    x: NDArray
    y: NDArray
    t: NDArray
    p: NDArray
    source: str

    def __post_init__(self) -> None:
        lengths = {len(self.x), len(self.y), len(self.t), len(self.p)}
        if len(lengths) != 1:
            raise InputFileError(
                f"{self.source}: x, y, t, p have lengths {sorted(lengths)}, expected one: copy it again"
            )
        for name in ("x", "y", "t", "p"):
            column = getattr(self, name)
            if column.ndim != 1 or column.dtype.kind not in "biuf":
                raise InputFileError(
                    f"{self.source}: {name} is {column.dtype} {column.shape}, expected one column of numbers"
                )

    def __len__(self) -> int:
        return len(self.t)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the numbers of a file mean: x and y are `coordinate_scale` times pixels, t counts `time_unit`s, to which
    `offset_us` is added."""

    sensor_size: SensorSize
    time_unit: TimeUnit
    coordinate_scale: int = 1
    offset_us: int = 0


def measured_scale(pieces: Iterable[RawEvents], size: SensorSize) -> int:
    """The smallest of the known factors (1, 32, 128) with which 99 % of the first million events lie on the sensor.

    Raises:
        UserError: none of them does, or only one with which all would lie in a corner.
    """
    reach_x, reach_y = coordinate_reach(pieces)
    for scale in COORDINATE_SCALES:
        width, height = scale * size.width, scale * size.height
        if reach_x < width * _SLACK and reach_y < height * _SLACK:
            if scale > 1 and reach_x < width * _CORNER and reach_y < height * _CORNER:
                raise UserError(
                    f"coordinates reach x {reach_x:g} and y {reach_y:g}, too far for a sensor of {size} pixels, and "
                    f"divided by {scale} all would lie in its corner: events and frames must share one pixel raster; "
                    "align them first, or give --coordinate-scale"
                )
            return scale
    raise UserError(
        f"coordinates reach x {reach_x:g} and y {reach_y:g}, too far for a sensor of {size} pixels with any known "
        f"factor ({', '.join(map(str, COORDINATE_SCALES))}): check the sensor size, or give --coordinate-scale"
    )


def coordinate_reach(pieces: Iterable[RawEvents]) -> tuple[float, float]:
    """What 99 % of the first million events' x and y do not exceed (0, 0 without events)."""
    columns: list[tuple[NDArray, NDArray]] = []
    seen = 0
    for piece in pieces:
        columns.append((piece.x, piece.y))
        seen += len(piece)
        if seen >= _SURVEYED:
            break
    if not seen:
        return 0.0, 0.0
    x, y = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    return float(np.quantile(x, _MOSTLY)), float(np.quantile(y, _MOSTLY))


class EventCleaner:
    """Turns raw events into `Events`, and counts what had to be left out or moved.

    Whole-pixel coordinates become uint16; scaled or fractional ones float32, never cast to unsigned. An event counts as
    on the sensor if any pixel of it is next to it: -1 < x < width (design: sub-pixel events keep every neighbour).

    Attributes:
        repairs: events_outside_sensor, events_late (dropped); events_sorted (moved within a piece);
            coordinates_divided_by_32 (or another factor).
    """

    def __init__(self, meaning: Meaning) -> None:
        self.meaning = meaning
        self.repairs: dict[str, int] = dict.fromkeys(("events_outside_sensor", "events_sorted", "events_late"), 0)
        self._scaled = f"coordinates_divided_by_{meaning.coordinate_scale}"
        if meaning.coordinate_scale != 1:
            self.repairs[self._scaled] = 0
        self._latest_us: int | None = None
        self._latest_source = ""
        self._seen = 0

    def cleaned(self, raw: RawEvents) -> Events:
        """The piece's events, in order and later than those before.

        Raises:
            InputFileError: a whole file lies before the one that came before it, or too many events come late.
        """
        size = self.meaning.sensor_size
        self._seen += len(raw)
        t = as_microseconds(raw.t, self.meaning.time_unit, raw.source) + self.meaning.offset_us
        self._require_order(raw, t)
        x, y = self._coordinates(raw.x), self._coordinates(raw.y)
        inside = (x > -1) & (x < size.width) & (y > -1) & (y < size.height)
        self.repairs["events_outside_sensor"] += int((~inside).sum())
        late = inside & (t < self._latest_us) if self._latest_us is not None else np.zeros(len(t), np.bool_)
        self.repairs["events_late"] += int(late.sum())
        kept = np.flatnonzero(inside & ~late)
        falls = int((np.diff(t[kept]) < 0).sum())
        if falls:
            self.repairs["events_sorted"] += falls
            kept = kept[np.argsort(t[kept], kind="stable")]
        if len(kept):
            self._latest_us, self._latest_source = int(t[kept[-1]]), raw.source
        if self._scaled in self.repairs:
            self.repairs[self._scaled] += len(kept)
        dtype = np.float32 if x.dtype.kind == "f" or y.dtype.kind == "f" else np.uint16
        return Events(x[kept].astype(dtype), y[kept].astype(dtype), t[kept], raw.p[kept] > 0, size)

    def finish(self) -> None:
        """Refuse a file of which more than 1 % had to be dropped for coming late."""
        late = self.repairs["events_late"]
        if late > _MOST_LATE * self._seen:
            raise InputFileError(
                f"{self._latest_source}: {late} of {self._seen} events come after later ones: sort the events by time"
            )

    def _coordinates(self, column: NDArray) -> NDArray:
        scale = self.meaning.coordinate_scale
        if scale != 1:
            return (column.astype(np.float64) / scale).astype(np.float32)
        return column.astype(np.float32) if column.dtype.kind == "f" else column.astype(np.int64)

    def _require_order(self, raw: RawEvents, t: NDArray[np.int64]) -> None:
        if not len(t) or self._latest_us is None or raw.source == self._latest_source or t.max() >= self._latest_us:
            return
        raise InputFileError(
            f"{raw.source} holds events up to {t.max()} µs, all before the last of {self._latest_source} "
            f"({self._latest_us} µs): event files are out of order; rename them, or give --order-by-time"
        )
