"""An MP4 of the frames with the events since the frame before drawn in."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evfi.errors import UserError
from evfi.io.sinks.sink import NO_ARRAYS, Arrays, Heading, Sink
from evfi.io.video import VideoWriter, writing_video
from evfi.representation.drawing import draw_counts
from evfi.representation.transforms import count_per_pixel
from evfi.types import Events, Frames, SensorSize


@contextmanager
def film_sink(out: Path, heading: Heading) -> Iterator[Sink]:
    """Frames at the speed of the recording; its time stamps are evened out."""
    if heading.fps is None:
        raise UserError(f"a film such as {out} needs at least two frames to draw events into")
    with writing_video(out, heading.fps) as writer:
        yield _Film(writer, heading.sensor_size)


class _Film:
    def __init__(self, writer: VideoWriter, sensor_size: SensorSize) -> None:
        self._writer = writer
        self._nothing = count_per_pixel(Events.empty(sensor_size))
        self._counts = self._nothing

    def add_events(self, events: Events) -> None:
        """Count events per pixel until the next frame."""
        self._counts = self._counts + count_per_pixel(events)

    def add_frames(self, frames: Frames) -> None:
        """Show frames, the first with the events since the last call drawn in."""
        for image in frames.image:
            self._writer.add(draw_counts(image, self._counts))
            self._counts = self._nothing

    def add_facts(self, facts: Mapping[str, Any], arrays: Arrays = NO_ARRAYS) -> None:
        """A film has no place for them."""
