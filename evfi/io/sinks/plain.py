"""Events in .npz, events and frames in .aedat4: the writers of these formats as sinks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evfi.io.aedat4_writer import Aedat4Writer, writing_aedat4
from evfi.io.event_files import EventFileWriter, writing_event_file
from evfi.io.sinks.sink import NO_ARRAYS, Arrays, Heading, Sink
from evfi.types import Frames


@contextmanager
def npz_sink(out: Path, heading: Heading) -> Iterator[Sink]:
    """Events alone, in one .npz file (docs/formats.md)."""
    with writing_event_file(out, heading.sensor_size) as writer:
        yield _Npz(writer)


@contextmanager
def aedat4_sink(out: Path, heading: Heading) -> Iterator[Sink]:
    """Events and frames with the start and end of their exposure, as a camera records them."""
    with writing_aedat4(out, heading.sensor_size, heading.camera, with_frames=heading.with_frames) as writer:
        yield _Aedat4(writer)


class _Npz:
    def __init__(self, writer: EventFileWriter) -> None:
        self.add_events = writer.add_events

    def add_frames(self, frames: Frames) -> None:
        """The format has no frames."""

    def add_facts(self, facts: Mapping[str, Any], arrays: Arrays = NO_ARRAYS) -> None:
        """The format has no place for them."""


class _Aedat4:
    def __init__(self, writer: Aedat4Writer) -> None:
        self.add_events, self.add_frames = writer.add_events, writer.add_frames

    def add_facts(self, facts: Mapping[str, Any], arrays: Arrays = NO_ARRAYS) -> None:
        """The format has no place for them."""
