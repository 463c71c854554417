"""The rows of the sample index, and what those of one clip or recording share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from evfi.samples.windows import Group, Times


@dataclass(frozen=True, slots=True)
class Row:
    """One sample. Frame numbers count from 0 in the store; -1 = none. `store` is relative to the index file."""

    sample_id: str
    dataset: str
    protocol: str
    skip: int
    split: str
    kind: str
    store: str
    clip: int
    sequence: str
    frame0: int
    frame1: int
    target: int
    target_source: str
    before: int
    after: int
    t0_us: int
    t1_us: int
    t_us: int
    tau: float


@dataclass(frozen=True, slots=True)
class Place:
    """What all rows of one clip or recording share."""

    dataset: str
    kind: str
    store: str
    clip: int
    sequence: str
    split: str

    def rows(
        self, group: Group, skip: int, times: Times, *, protocol: str = "skip", bounds: tuple[int, int] | None = None
    ) -> Iterator[Row]:
        """A row for each target; `times` are the targets' times, and the boundary frames' unless `bounds` are given."""
        pair_us = bounds or (int(times[group.frame0]), int(times[group.frame1]))
        source = "truth" if protocol == "truth" else "frames"
        for target in group.targets:
            yield self._row(group, (protocol, skip), pair_us, int(times[target]), (source, target, target))

    def rows_between(self, group: Group, times: Times, taus: Sequence[float]) -> Iterator[Row]:
        """A row without a target for each moment between two neighbouring frames."""
        t0, t1 = int(times[group.frame0]), int(times[group.frame1])
        for number, tau in enumerate(taus):
            t_us = min(max(t0 + round(tau * (t1 - t0)), t0 + 1), t1 - 1)
            yield self._row(group, ("between", len(taus)), (t0, t1), t_us, ("none", -1, number))

    def _row(
        self, group: Group, setting: tuple[str, int], pair_us: tuple[int, int], t_us: int, target: tuple[str, int, int]
    ) -> Row:
        """A row; `setting` is protocol and skip, `target` its source, its number there, and the last part of the id."""
        (protocol, skip), (t0, t1), (source, number, name) = setting, pair_us, target
        pair = f"{group.frame0:05d}-{group.frame1:05d}"
        return Row(
            sample_id=f"{self.dataset}/{self.sequence}/{protocol}{skip}/{pair}/{name:05d}",
            dataset=self.dataset,
            protocol=protocol,
            skip=skip,
            split=self.split,
            kind=self.kind,
            store=self.store,
            clip=self.clip,
            sequence=self.sequence,
            frame0=group.frame0,
            frame1=group.frame1,
            target=number,
            target_source=source,
            before=group.before,
            after=group.after,
            t0_us=t0,
            t1_us=t1,
            t_us=t_us,
            tau=float(np.float64(t_us - t0) / np.float64(t1 - t0)),
        )
