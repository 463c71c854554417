"""What a person can tell an importer that a file does not say itself."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from evfi.options import Options
from evfi.types import SensorSize

TimeUnit = Literal["s", "ms", "us", "ns"]
COLUMNS = ("t", "x", "y", "p")
COORDINATE_SCALES = (1, 32, 128)
"""Factors that data sets store sub-pixel coordinates with: none, BS-ERGB's (and some of HS-ERGB), ERF-X170FPS's."""


class ImportOptions(Options):
    """Flags of `evfi ingest` for files that leave something open; None: as the file says, or as it shows."""

    columns: tuple[str, ...] | None = None
    """Order of the columns of a text file, e.g. ("t", "x", "y", "p")."""

    time_unit: TimeUnit | None = None
    """Of the events' times."""

    frame_time_unit: TimeUnit | None = None
    """Of the frames' times in a text file."""

    sensor_height: int | None = Field(default=None, ge=1)
    sensor_width: int | None = Field(default=None, ge=1)

    coordinate_scale: int | None = Field(default=None, ge=1)
    """x and y are divided by it."""

    frames: Path | None = None
    """A video, or a folder of images with their times, that belongs to a file of events."""

    frame_shift_us: int = 0
    """Added to all times of the frames: takes a known offset to the events away."""

    order_by_time: bool = False
    """Read event files in the order of their first events, not of their names."""

    @field_validator("columns")
    @classmethod
    def _all_four(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if given is not None and sorted(name for name in given if name != "-") != sorted(COLUMNS):
            raise ValueError(f"columns must name t, x, y and p once each (others: -), got {','.join(given)}")
        return given

    @property
    def sensor_size(self) -> SensorSize | None:
        """The given size; None where height or width is not given."""
        if self.sensor_height is None or self.sensor_width is None:
            return None
        return SensorSize(height=self.sensor_height, width=self.sensor_width)
