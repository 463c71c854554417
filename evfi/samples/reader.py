"""From an index row to a Sample, with bounded caches of frames and events."""

from collections.abc import Callable, Hashable, Iterator
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from evfi.flow.providers import provider_of
from evfi.samples.cache import BoundedCache
from evfi.samples.flow_frame import FlowFrames
from evfi.samples.flow_store import FlowKey, StoredFlows, stored_flows
from evfi.samples.needs import TAU_TOLERANCE, Needs, SampleTimes
from evfi.samples.online import OnlineSimulation
from evfi.samples.sample import Flow, Image, NeighbourFlows, Sample
from evfi.samples.sources import Source, array_bytes, source_of
from evfi.samples.stored_rows import StoredRows

Value = TypeVar("Value")
DEFAULT_CACHE_BYTES = 256 << 20
# All of Vimeo90k's 253 training shards. Open, one of 256 clips takes some 0.4 MB; opening it, 24 ms.
DEFAULT_OPEN_STORES = 256


class SampleReader:
    """Reads the samples of an index. Stores are opened on first use, so that it can be sent to a worker process; its
    memory grows neither with their number nor with that of the rows.

    Flows that are needed come from the store beside the index (`evfi flows`); where there is none, DIS computes them.

    Args:
        index: the Parquet file.
        needs: which context frames, events and flows are read.
        cache_bytes: memory for decoded frames, flows and clip events kept between reads.
        open_stores: how many stores stay open.
        stored: whether stored flows are looked for.

    Raises:
        MissingInputError, InputFileError: the index is absent or not one; the flows beside it are those of another.
    """

    def __init__(
        self,
        index: Path,
        *,
        needs: Needs | None = None,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        open_stores: int = DEFAULT_OPEN_STORES,
        stored: bool = True,
    ) -> None:
        self.index = index
        self.needs = needs or Needs()
        self.rows = StoredRows(index)
        self._cache = BoundedCache(cache_bytes)
        self._stores = BoundedCache(open_stores)
        self._stored = stored
        self._flow_frames = FlowFrames()
        self.flow_provider = self._flows.provider if self._flows is not None else provider_of().name

    def __getstate__(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "needs": self.needs,
            "rows": self.rows,
            "_stored": self._stored,
            "flow_provider": self.flow_provider,
            "_flow_frames": FlowFrames(),
            "_cache": BoundedCache(self._cache.limit),
            "_stores": BoundedCache(self._stores.limit),
        }

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, position: int, online: OnlineSimulation | None = None) -> Sample:
        """The sample in the index's row at `position`; `online` as in `read`."""
        return self.read(self.rows[position], online)

    def read(self, row: Any, online: OnlineSimulation | None = None) -> Sample:
        """The sample of a row (anything with the index's columns as attributes).

        Args:
            row: a row of the index.
            online: where given, the events of clips are simulated anew by it; recordings keep their own.
        """
        source = source_of(self, row, online)
        before, after = self._context(source, row)
        times = _times(source, row, before, after)
        target = None
        if int(row.target) >= 0:
            target = (source.truth if row.target_source == "truth" else source.frame)(int(row.target))
        pair = (int(row.frame0), int(row.frame1))
        # Flows of a sample that its family cannot use were never computed.
        wanted = [] if self.needs.shortfall(times) else self._flow_pairs(source, row)
        flows = {each: self._flow(source, row, *each) for each in wanted}
        frame0, frame1 = (source.frame(number) for number in pair)
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
            flow0=flows.get((pair[0], int(row.target))),
            flow1=flows.get((pair[1], int(row.target))),
            neighbours=_neighbours(flows, pair, (before, after)) if pair in flows else None,
            flow_frame=self._flow_frames(frame0, frame1, times.tau) if self.needs.flow_frame else None,
        )

    @cached_property
    def _flows(self) -> StoredFlows | None:
        return stored_flows(self.index) if self.needs.flows and self._stored else None

    def _flow_pairs(self, source: Source, row: Any) -> list[tuple[int, int]]:
        context = self._context(source, row)
        return self.needs.flow_pairs(int(row.frame0), int(row.frame1), int(row.target), context)

    def _flow(self, source: Source, row: Any, start: int, end: int) -> Flow:
        """A stored flow, or one computed on first use; both are kept like frames."""
        key, stored = FlowKey(str(row.store), int(row.clip), start, end), self._flows

        def made() -> Flow:
            return stored.flow(key) if stored else provider_of()(source.frame(start), source.frame(end))

        return self.cached((*key, "flow"), made, array_bytes)

    def flow_keys(self, positions: NDArray[np.intp]) -> Iterator[FlowKey]:
        """The flows that the samples in some rows of the index need."""
        for position in positions:
            row = self.rows[int(position)]
            for start, end in self._flow_pairs(source_of(self, row), row):
                yield FlowKey(str(row.store), int(row.clip), start, end)

    def frame(self, store: str, clip: int, number: int) -> Image:
        """A frame of a store that the index points into; clip -1: of a recording."""
        kind = "recording" if clip < 0 else "clip"
        return source_of(self, SimpleNamespace(kind=kind, store=store, clip=clip)).frame(number)

    def suitable(self, positions: NDArray[np.intp]) -> NDArray[np.intp]:
        """Those of the index's rows (ascending) whose samples meet the needs. No image and no event is read."""
        if not self.needs.are_any:
            return positions
        if self.needs.middle_only:
            positions = self.rows.where(["tau"], lambda row: (row["tau"] - 0.5).abs() <= TAU_TOLERANCE, positions)
        if self.needs.context == "even":
            between = ["before", "after"]
            positions = self.rows.where(between, lambda row: (row["before"] >= 0) & (row["after"] >= 0), positions)
        there = [not self.needs.shortfall(self.times(int(position))) for position in positions]
        return positions[np.array(there, bool)]

    def by_size(self, positions: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        """The positions apart by the size of their frames, smaller frames first. No image and no event is read."""
        sizes: dict[tuple[int, int], int] = {}
        own = np.empty(len(positions), np.int32)
        for place, position in enumerate(positions):
            size = source_of(self, self.rows[int(position)]).sensor_size
            own[place] = sizes.setdefault((size.height, size.width), len(sizes))
        return [positions[own == sizes[size]] for size in sorted(sizes)]

    def _context(self, source: Source, row: Any) -> tuple[int, int]:
        even = (int(row.before), int(row.after))
        return self.needs.context_numbers(int(row.frame0), int(row.frame1), even, len(source.t_us))

    def times(self, position: int) -> SampleTimes:
        """When the frames of a row's sample were taken. No image and no event is read."""
        row = self.rows[position]
        source = source_of(self, row)
        return _times(source, row, *self._context(source, row))

    def opened(self, store: str, opener: Callable[[Path], Any]) -> Any:
        """The store at a path relative to the index, opened on first use."""
        return self._stores.get(store, lambda: opener((self.index.parent / store).resolve()), lambda _: 1)

    def cached(self, key: Hashable, make: Callable[[], Value], size: Callable[[Value], int]) -> Value:
        """A value from the cache, made on first use."""
        return self._cache.get(key, make, size)


def _times(source: Source, row: Any, before: int, after: int) -> SampleTimes:
    return SampleTimes(
        t0_us=int(row.t0_us),
        t1_us=int(row.t1_us),
        t_us=int(row.t_us),
        before_us=int(source.t_us[before]) if before >= 0 else None,
        after_us=int(source.t_us[after]) if after >= 0 else None,
    )


def _neighbours(flows: dict[tuple[int, int], Flow], pair: tuple[int, int], context: tuple[int, int]) -> NeighbourFlows:
    first, second = pair
    return NeighbourFlows(
        flow01=flows[first, second],
        flow10=flows[second, first],
        to_before=flows.get((first, context[0])),
        to_after=flows.get((second, context[1])),
    )
