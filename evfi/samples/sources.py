"""Where the images and events of an index row come from: a clip, a rendered scene, or a recording."""

from abc import abstractmethod
from collections.abc import Callable, Hashable
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from evfi.errors import MissingInputError
from evfi.io.clips import ClipStore, open_clips
from evfi.io.recording import Recording, open_recording
from evfi.io.scenes import SceneStore, open_scenes
from evfi.samples.online import OnlineSimulation, stored_sensor
from evfi.samples.sample import Image, as_rgb
from evfi.types import Events, SensorSize

Value = TypeVar("Value")


class Shelf(Protocol):
    """What keeps open stores, and decoded values, between reads."""

    def opened(self, store: str, opener: Callable[[Path], Any]) -> Any:
        """The store at a path relative to the index, opened on first use."""
        ...

    def cached(self, key: Hashable, make: Callable[[], Value], size: Callable[[Value], int]) -> Value:
        """A value from the cache, made on first use."""
        ...


def source_of(shelf: Shelf, row: Any, online: OnlineSimulation | None = None) -> "Source":
    """The source of a row (anything with the index's columns kind, store and clip, for a scene also dataset).

    Args:
        online: where given, the events of clips and scenes are simulated anew by it; recordings keep their own.
    """
    if row.kind == "recording":
        return RecordingSource(shelf, str(row.store))
    if row.kind == "scene":
        return SceneSource(shelf, str(row.store), int(row.clip), online, str(getattr(row, "dataset", "")))
    return ClipSource(shelf, str(row.store), int(row.clip), online)


class _ShardSource:
    """A clip or a scene, which are read alike but for their events."""

    def __init__(self, shelf: Shelf, store: str, number: int, online: OnlineSimulation | None) -> None:
        self.shelf, self.store, self.number, self.online = shelf, store, number, online

    @property
    @abstractmethod
    def shard(self) -> ClipStore | SceneStore:
        """The store."""

    @cached_property
    def t_us(self) -> NDArray[np.int64]:
        """Times of all frames."""
        return self.shard.t_us(self.number)

    def frame(self, number: int) -> Image:
        """A frame as RGB."""
        key = (self.store, self.number, number)
        return self.shelf.cached(key, lambda: as_rgb(self.shard.frame(self.number, number)), array_bytes)

    truth = frame

    @property
    def sensor_size(self) -> SensorSize:
        return self.shard.sensor_size(self.number)


class ClipSource(_ShardSource):
    """All events of a clip are decoded, or simulated, at once and kept."""

    @cached_property
    def shard(self) -> ClipStore:
        return self.shelf.opened(self.store, open_clips)

    def events(self, start_us: int, end_us: int) -> Events:
        """Those of [start_us, end_us)."""
        key = (self.store, self.number, "events", self.online)
        return self.shelf.cached(key, self._all_events, event_bytes).window(start_us, end_us)

    def _all_events(self) -> Events:
        return self.shard.events(self.number) if self.online is None else self.online.events(self.shard, self.number)


class SceneSource(_ShardSource):
    """Events are simulated from the scene's moments: the whole scene's by the store's own sensor, or, while training,
    those of a sample alone."""

    def __init__(self, shelf: Shelf, store: str, number: int, online: OnlineSimulation | None, dataset: str) -> None:
        super().__init__(shelf, store, number, online)
        self.dataset = dataset

    @cached_property
    def shard(self) -> SceneStore:
        return self.shelf.opened(self.store, open_scenes)

    def events(self, start_us: int, end_us: int) -> Events:
        """Those of [start_us, end_us)."""
        if self.online is not None:
            return self.online.events_of_scene(self.shard, self.number, start_us, end_us)
        key = (self.store, self.number, "events", self.dataset)
        own = stored_sensor(self.shard, self.number, self.dataset)
        return self.shelf.cached(key, own, event_bytes).window(start_us, end_us)


class RecordingSource:
    """A recording, whose events of a window are decoded at once and kept."""

    def __init__(self, shelf: Shelf, store: str) -> None:
        self.shelf, self.store = shelf, store
        self.recording: Recording = shelf.opened(store, open_recording)

    @property
    def t_us(self) -> NDArray[np.int64]:
        if self.recording.frames is None:
            raise MissingInputError(f"{self.store} has no frames any more: make the index again with `evfi index`")
        return self.recording.frames.t_us

    def frame(self, number: int) -> Image:
        return self._image("frames", number)

    def truth(self, number: int) -> Image:
        return self._image("truth", number)

    @property
    def sensor_size(self) -> SensorSize:
        return self.recording.sensor_size

    def events(self, start_us: int, end_us: int) -> Events:
        key = (self.store, start_us, end_us)
        return self.shelf.cached(key, lambda: self.recording.events(start_us, end_us), event_bytes)

    def _image(self, stream: str, number: int) -> Image:
        key = (self.store, stream, number)
        return self.shelf.cached(key, lambda: as_rgb(getattr(self.recording, stream)[number]), array_bytes)


Source = ClipSource | SceneSource | RecordingSource


def array_bytes(values: NDArray[Any]) -> int:
    """Memory of an array."""
    return values.nbytes


def event_bytes(events: Events) -> int:
    """Memory of events."""
    return events.x.nbytes + events.y.nbytes + events.t.nbytes + events.p.nbytes
