"""Events, Frames and SensorSize: what flows between the layers. Times are integer microseconds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError


@dataclass(frozen=True, slots=True)
class SensorSize:
    """Height and width of a sensor in pixels; always given by name."""

    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, eq=False, slots=True)
class Events:
    """Events as columns of equal length.

    x, y: uint16 pixels (float32 where a source is sub-pixel), x to the right, y down. t: int64 microseconds,
    non-decreasing. p: bool, True = ON. Arrays are never None: no events is empty arrays.
    """

    x: NDArray
    y: NDArray
    t: NDArray[np.int64]
    p: NDArray[np.bool_]
    sensor_size: SensorSize

    def __post_init__(self) -> None:
        lengths = {len(self.x), len(self.y), len(self.t), len(self.p)}
        if len(lengths) != 1:
            raise UserError(f"event columns x, y, t, p must have one length, got {sorted(lengths)}")
        if self.t.dtype != np.int64 or self.p.dtype != np.bool_:
            raise UserError(f"events need t int64 and p bool, got t {self.t.dtype} and p {self.p.dtype}")

    def __len__(self) -> int:
        return len(self.t)

    @classmethod
    def empty(cls, sensor_size: SensorSize) -> "Events":
        """No events on a sensor."""
        coordinate = np.empty(0, np.uint16)
        return cls(coordinate, coordinate, np.empty(0, np.int64), np.empty(0, np.bool_), sensor_size)

    @classmethod
    def concatenated(cls, parts: Sequence["Events"], sensor_size: SensorSize) -> "Events":
        """Parts one after the other (times are not sorted again); not copied where only one of them has events."""
        if not parts:
            return cls.empty(sensor_size)
        filled = [part for part in parts if len(part)]
        if len(filled) == 1:
            return cls(filled[0].x, filled[0].y, filled[0].t, filled[0].p, sensor_size)
        x, y, t, p = (np.concatenate([getattr(part, name) for part in parts]) for name in ("x", "y", "t", "p"))
        return cls(x, y, t, p, sensor_size)

    def take(self, which: NDArray | slice) -> "Events":
        """Events at the given positions (index array, mask or slice)."""
        return Events(self.x[which], self.y[which], self.t[which], self.p[which], self.sensor_size)

    def window(self, start_us: int, end_us: int) -> "Events":
        """Events of the half-open window [start_us, end_us); a view.

        Raises:
            UserError: the window is empty (end_us <= start_us).
        """
        check_window(start_us, end_us)
        first, last = np.searchsorted(self.t, [start_us, end_us], side="left")
        return self.take(slice(int(first), int(last)))

    def in_canonical_order(self) -> "Events":
        """Sorted by (t, y, x, p), so that files and backends compare equal."""
        return self.take(np.lexsort((self.p, self.x, self.y, self.t)))


@dataclass(frozen=True, eq=False, slots=True)
class Frames:
    """Frames in memory: image uint8 (N, H, W) gray or (N, H, W, 3) RGB; times int64 (N,) microseconds.

    t_us is mid-exposure; where the exposure is unknown, both its ends equal t_us.
    """

    image: NDArray[np.uint8]
    t_us: NDArray[np.int64]
    exposure_start_us: NDArray[np.int64]
    exposure_end_us: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.t_us)

    @property
    def sensor_size(self) -> SensorSize:
        return SensorSize(height=self.image.shape[1], width=self.image.shape[2])

    @classmethod
    def without_exposure(cls, image: NDArray[np.uint8], t_us: NDArray[np.int64]) -> "Frames":
        """Frames whose exposure is unknown."""
        return cls(image, t_us, t_us, t_us)

    def shifted(self, by_us: int) -> "Frames":
        """The same images, all times later by `by_us`."""
        return Frames(self.image, self.t_us + by_us, self.exposure_start_us + by_us, self.exposure_end_us + by_us)

    def take(self, which: NDArray | slice) -> "Frames":
        """Frames at the given positions."""
        return Frames(self.image[which], self.t_us[which], self.exposure_start_us[which], self.exposure_end_us[which])


def check_window(start_us: int, end_us: int) -> None:
    """Refuse an empty window [start_us, end_us)."""
    if end_us <= start_us:
        raise UserError(f"the window [{start_us}, {end_us}) is empty: its end must lie after its start")
