"""What readers yield and the recording store takes: events, frames, and the small streams of inertia and triggers."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from evfi.types import Events, Frames

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True)
class Imu:
    """Samples of an inertial measurement unit, columns of equal length.

    t_us int64 µs; temperature °C; acceleration in g; angular rate in degrees a second; magnetic field in µT (all
    float32; 0 where the unit does not measure it).
    """

    t_us: NDArray[np.int64]
    temperature: Floats
    acceleration_x: Floats
    acceleration_y: Floats
    acceleration_z: Floats
    rotation_x: Floats
    rotation_y: Floats
    rotation_z: Floats
    magnetic_x: Floats
    magnetic_y: Floats
    magnetic_z: Floats

    def __len__(self) -> int:
        return len(self.t_us)

    def take(self, which: NDArray | slice) -> "Imu":
        """Samples at the given positions."""
        return Imu(*(getattr(self, field.name)[which] for field in fields(self)))


@dataclass(frozen=True, eq=False, slots=True)
class Triggers:
    """Triggers: t_us int64 µs, kind uint8.

    kind 0 reset of the clock; external signal 1 rising, 2 falling, 3 pulse; generator 4 rising, 5 falling; frame
    6 start, 7 end; exposure 8 start, 9 end.
    """

    t_us: NDArray[np.int64]
    kind: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.t_us)

    def take(self, which: NDArray | slice) -> "Triggers":
        """Triggers at the given positions."""
        return Triggers(self.t_us[which], self.kind[which])


Piece = Events | Frames | Imu | Triggers
AnyPiece = TypeVar("AnyPiece", Events, Frames, Imu, Triggers)


def times_of(piece: Piece) -> NDArray[np.int64]:
    """The times of a piece, µs; of frames: mid-exposure."""
    return piece.t if isinstance(piece, Events) else piece.t_us


def joined(pieces: Sequence[AnyPiece]) -> AnyPiece:
    """Pieces of one kind (at least one) one after the other."""
    first = pieces[0]
    if isinstance(first, Events):
        return Events.concatenated(pieces, first.sensor_size)  # pyright: ignore[reportArgumentType]
    names = [field.name for field in fields(first)]
    return type(first)(*(np.concatenate([getattr(piece, name) for piece in pieces]) for name in names))
