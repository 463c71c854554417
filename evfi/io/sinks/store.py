"""A recording store with its receipt and stamp, as a sink."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evfi.io.atomic import writing
from evfi.io.recording import RECORDING, RecordingWriter
from evfi.io.sinks.sink import NO_ARRAYS, Arrays, Heading
from evfi.io.stores import finish_store
from evfi.types import Events, Frames


@contextmanager
def store_sink(out: Path, heading: Heading, algo_version: int) -> Iterator["StoreSink"]:
    """Events, frames and facts in the recording store `out`; its receipt holds the facts and counts as well."""
    with writing(out) as partial:
        sink = StoreSink(RecordingWriter(partial, heading.sensor_size))
        yield sink
        sink.writer.finish(sink.facts)
        content = {**sink.facts, "counts": sink.counts}
        finish_store(out, partial, RECORDING, algo_version=algo_version, content=content)


class StoreSink:
    """Takes pieces into a store and counts them."""

    def __init__(self, writer: RecordingWriter) -> None:
        self.writer = writer
        self.counts = {"events": 0, "frames": 0}
        self.facts: dict[str, Any] = {}

    def add_events(self, events: Events) -> None:
        """Append events; times must not decrease."""
        self.writer.add_events(events)
        self.counts["events"] += len(events)

    def add_frames(self, frames: Frames) -> None:
        """Append frames; times must increase."""
        self.writer.add_frames(frames)
        self.counts["frames"] += len(frames)

    def add_facts(self, facts: Mapping[str, Any], arrays: Arrays = NO_ARRAYS) -> None:
        """Attributes of the store, and arrays beside its own."""
        self.facts.update(facts)
        for name, values in arrays.items():
            self.writer.add_array(name, values)
