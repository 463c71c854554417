"""What every file that takes events and frames looks like from the side that writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from numpy.typing import NDArray

from evfi.types import Events, Frames, SensorSize

Arrays = Mapping[str, NDArray]
NO_ARRAYS: Arrays = MappingProxyType({})
UNNAMED_CAMERA = "evfi"


@dataclass(frozen=True, slots=True)
class Heading:
    """What a sink is told before the first piece.

    sensor_size: of events and frames. with_frames: whether frames will come. camera: its name, where it has one.
    fps: frames per second at which a film of it plays; None: no film can be made.
    """

    sensor_size: SensorSize
    with_frames: bool = True
    camera: str = UNNAMED_CAMERA
    fps: float | None = None


class Sink(Protocol):
    """Takes pieces in time order and in constant memory. Leaving its context without an error finishes the file; with
    one, nothing stays under the final name.

    Events come in time order, frames in time order, and a frame after all events up to its time. (Only the sinks that
    cut events at frames need the last, the HS-ERGB folder and the film; events of a simulation with jitter come late.)
    """

    def add_events(self, events: Events) -> None:
        """Append events."""
        ...

    def add_frames(self, frames: Frames) -> None:
        """Append frames; a file that cannot hold frames leaves them out."""
        ...

    def add_facts(self, facts: Mapping[str, Any], arrays: Arrays = NO_ARRAYS) -> None:
        """Say where the pieces come from and how they were made: plain values, and small arrays by name.

        A file without a place for them leaves them out.
        """
        ...
