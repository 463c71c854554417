"""From an index row to a Sample, with bounded caches of frames and events."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evfi.errors import MissingInputError
from evfi.flow.dis import DisFlow
from evfi.io.clips import ClipStore, open_clips
from evfi.io.recording import Recording, open_recording
from evfi.samples.index import read_index
from evfi.samples.needs import TAU_TOLERANCE, Needs, SampleTimes
from evfi.samples.online import OnlineSimulation
from evfi.samples.sample import Flow, Image, Sample, as_rgb
from evfi.types import Events

Value = TypeVar("Value")
DEFAULT_CACHE_BYTES = 256 << 20


class SampleReader:
    """Reads the samples of an index. Stores are opened on first use, so that it can be sent to a worker process.

    Args:
        index: the Parquet file.
        needs: which context frames are read.
        cache_bytes: memory for decoded frames and clip events kept between reads.
    """

    def __init__(self, index: Path, *, needs: Needs | None = None, cache_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        self.index = index
        self.needs = needs or Needs()
        self.table: pd.DataFrame = read_index(index)
        self._cache = _ByteCache(cache_bytes)
        self._stores: dict[str, ClipStore | Recording] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "needs": self.needs,
            "table": self.table,
            "_cache": _ByteCache(self._cache.limit),
            "_stores": {},
        }

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def _columns(self) -> dict[str, NDArray[Any]]:
        return {str(name): self.table[name].to_numpy() for name in self.table.columns}

    def at(self, position: int, online: OnlineSimulation | None = None) -> Sample:
        """The sample in the index's row at `position`; `online` as in `read`."""
        return self.read(self._row(position), online)

    def read(self, row: Any, online: OnlineSimulation | None = None) -> Sample:
        """The sample of a row (anything with the index's columns as attributes).

        Args:
            row: a row of the index.
            online: where given, the events of clips are simulated anew by it; recordings keep their own.
        """
        source = self._source(row, online)
        before, after = self._context(source, row)
        times = _times(source, row, before, after)
        frame0, frame1 = source.frame(int(row.frame0)), source.frame(int(row.frame1))
        target = source.truth(int(row.target)) if row.target_source == "truth" else source.frame(int(row.target))
        flow0, flow1 = self._flows(str(row.sample_id), frame0, frame1, target)
        return Sample(
            sample_id=str(row.sample_id),
            sequence=str(row.sequence),
            frame0=frame0,
            frame1=frame1,
            target=target,
            events=source.events(times.t0_us, times.t1_us),
            t0_us=times.t0_us,
            t1_us=times.t1_us,
            t_us=times.t_us,
            before=source.frame(before) if before >= 0 else None,
            after=source.frame(after) if after >= 0 else None,
            before_us=times.before_us,
            after_us=times.after_us,
            outer_events=source.events(*times.outer_window) if self.needs.outer_events else None,
            flow0=flow0,
            flow1=flow1,
        )

    def _flows(self, sample_id: str, frame0: Image, frame1: Image, target: Image) -> tuple[Flow | None, Flow | None]:
        """Flows to the target where they are needed, computed on first use and kept like frames."""
        if not self.needs.flows_to_target:
            return None, None

        def flow(frame: Image, side: int) -> Flow:
            return self.cached((sample_id, "flow", side), lambda: DisFlow()(frame, target), _array_bytes)

        return flow(frame0, 0), flow(frame1, 1)

    def suitable(self, positions: NDArray[np.intp]) -> NDArray[np.intp]:
        """Those of the index's rows whose samples meet the needs. No image and no event is read."""
        if not self.needs.are_any:
            return positions
        columns = self._columns
        if self.needs.middle_only:
            positions = positions[np.abs(columns["tau"][positions] - 0.5) <= TAU_TOLERANCE]
        if self.needs.context == "even":
            positions = positions[(columns["before"][positions] >= 0) & (columns["after"][positions] >= 0)]
        there = [not self.needs.shortfall(self._times(self._row(int(position)))) for position in positions]
        return positions[np.array(there, bool)]

    def _row(self, position: int) -> SimpleNamespace:
        # Not a pandas row: that takes 50 times longer, and its `clip` would be the method of that name.
        return SimpleNamespace(**{name: column[position] for name, column in self._columns.items()})

    def _source(self, row: Any, online: OnlineSimulation | None = None) -> "_ClipSource | _RecordingSource":
        return _ClipSource(self, row, online) if row.kind == "clip" else _RecordingSource(self, row)

    def _context(self, source: "_ClipSource | _RecordingSource", row: Any) -> tuple[int, int]:
        even = (int(row.before), int(row.after))
        return self.needs.context_numbers(int(row.frame0), int(row.frame1), even, len(source.t_us))

    def _times(self, row: Any) -> SampleTimes:
        source = self._source(row)
        return _times(source, row, *self._context(source, row))

    def opened(self, store: str, opener: Callable[[Path], Any]) -> Any:
        """The store at a path relative to the index, opened once."""
        if store not in self._stores:
            self._stores[store] = opener((self.index.parent / store).resolve())
        return self._stores[store]

    def cached(self, key: Hashable, make: Callable[[], Value], size: Callable[[Value], int]) -> Value:
        """A value from the cache, made on first use."""
        return self._cache.get(key, make, size)


class _ClipSource:
    def __init__(self, reader: SampleReader, row: Any, online: OnlineSimulation | None) -> None:
        self.reader, self.store, self.clip, self.online = reader, str(row.store), int(row.clip), online
        self.clips: ClipStore = reader.opened(self.store, open_clips)

    @cached_property
    def t_us(self) -> NDArray[np.int64]:
        return self.clips.t_us(self.clip)

    def frame(self, number: int) -> Image:
        key = (self.store, self.clip, number)
        return self.reader.cached(key, lambda: as_rgb(self.clips.frame(self.clip, number)), _array_bytes)

    truth = frame

    def events(self, start_us: int, end_us: int) -> Events:
        key = (self.store, self.clip, "events", self.online)
        return self.reader.cached(key, self._all_events, _event_bytes).window(start_us, end_us)

    def _all_events(self) -> Events:
        return self.clips.events(self.clip) if self.online is None else self.online.events(self.clips, self.clip)


class _RecordingSource:
    def __init__(self, reader: SampleReader, row: Any) -> None:
        self.reader, self.store = reader, str(row.store)
        self.recording: Recording = reader.opened(self.store, open_recording)

    @property
    def t_us(self) -> NDArray[np.int64]:
        if self.recording.frames is None:
            raise MissingInputError(f"{self.store} has no frames any more: make the index again with `evfi index`")
        return self.recording.frames.t_us

    def frame(self, number: int) -> Image:
        return self._image("frames", number)

    def truth(self, number: int) -> Image:
        return self._image("truth", number)

    def events(self, start_us: int, end_us: int) -> Events:
        key = (self.store, start_us, end_us)
        return self.reader.cached(key, lambda: self.recording.events(start_us, end_us), _event_bytes)

    def _image(self, stream: str, number: int) -> Image:
        key = (self.store, stream, number)
        return self.reader.cached(key, lambda: as_rgb(getattr(self.recording, stream)[number]), _array_bytes)


def _times(source: _ClipSource | _RecordingSource, row: Any, before: int, after: int) -> SampleTimes:
    return SampleTimes(
        t0_us=int(row.t0_us),
        t1_us=int(row.t1_us),
        t_us=int(row.t_us),
        before_us=int(source.t_us[before]) if before >= 0 else None,
        after_us=int(source.t_us[after]) if after >= 0 else None,
    )


class _ByteCache:
    """Least recently used values, bounded by their total size in bytes."""

    def __init__(self, limit: int) -> None:
        self.limit, self.used = limit, 0
        self.values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value], size: Callable[[Value], int]) -> Value:
        if key in self.values:
            self.values.move_to_end(key)
            return self.values[key][0]
        value = make()
        self.values[key] = (value, size(value))
        self.used += self.values[key][1]
        while self.used > self.limit and len(self.values) > 1:
            self.used -= self.values.popitem(last=False)[1][1]
        return value


def _array_bytes(values: NDArray[Any]) -> int:
    return values.nbytes


def _event_bytes(events: Events) -> int:
    return events.x.nbytes + events.y.nbytes + events.t.nbytes + events.p.nbytes
