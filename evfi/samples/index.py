"""The sample index: a Parquet table whose rows point into stores and copy nothing."""

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.atomic import writing
from evfi.io.clips import open_clips
from evfi.io.recording import open_recording
from evfi.io.septuplets import TRIPLET_FRAMES
from evfi.provenance import digest_file, write_json, write_stamp
from evfi.samples.options import SamplesOptions
from evfi.samples.windows import Group, Times, groups_of_skip, is_regular, time_split, truth_targets, validation_folders
from evfi.versions import ALGO_VERSIONS

log = logging.getLogger(__name__)
SEPTUPLETS, TRIPLETS = "septuplets", "vimeo_triplet"
_TRIPLET_SKIPS = (1,)


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
class RecordingSource:
    """A recording store and the split it belongs to: train, validation, test, or time (both, with a gap)."""

    store: Path
    name: str
    split: str


def write_index(
    out: Path,
    part: str,
    *,
    clip_stores: Sequence[Path],
    recordings: Sequence[RecordingSource],
    options: SamplesOptions,
) -> pd.DataFrame:
    """Write `out` (Parquet) and its receipt for one part: "train" (with validation rows) or "test".

    Raises:
        MissingInputError: a recording has no frames.
        UserError: the part is unknown, or nothing is left to index.
    """
    if part not in ("train", "test"):
        raise UserError(f"the part of an index is train or test, got {part!r}")
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = [*_clip_rows(out, part, clip_stores, options)]
    for source in recordings:
        rows.extend(_recording_rows(out, part, source, options))
    if not rows:
        raise UserError(
            f"no {part} sample could be made from {len(clip_stores)} clip stores and {len(recordings)} recordings: "
            "a skip of n needs n + 2 frames"
        )
    table = pd.DataFrame([asdict(row) for row in rows])
    repeated = table.index[table["sample_id"].duplicated()]
    if len(repeated):
        raise UserError(f"two samples share the id {table.at[repeated[0], 'sample_id']!r}: name each source")
    with writing(out) as partial:
        table.to_parquet(partial, index=False)
    _write_receipt(out, part, table, [*clip_stores, *(source.store for source in recordings)], options)
    write_stamp(out)
    log.info("%s: %d samples", out, len(table))
    return table


def read_index(path: Path) -> pd.DataFrame:
    """The table of an index file.

    Raises:
        MissingInputError, InputFileError: the file is absent, or not a sample index.
    """
    if not path.is_file():
        raise MissingInputError(f"no sample index at {path}: make it with `evfi index`")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputFileError(f"{path} is not a Parquet sample index ({error}): make it again") from error
    missing = {field for field in Row.__slots__ if field not in table.columns}
    if missing:
        raise InputFileError(f"{path} lacks the columns {sorted(missing)}: make it again with `evfi index`")
    return table


def _write_receipt(out: Path, part: str, table: pd.DataFrame, stores: Iterable[Path], options: SamplesOptions) -> None:
    receipts = {
        os.path.relpath(store, out.parent): digest_file(store.with_suffix(".json"))
        for store in stores
        if store.with_suffix(".json").is_file()
    }
    with writing(out.with_suffix(".json")) as partial:
        write_json(
            partial,
            {
                "schema": "evfi.sample_index",
                "algo_version": ALGO_VERSIONS["index"],
                "part": part,
                "options": options.model_dump(mode="json"),
                "rows": {split: int(count) for split, count in table["split"].value_counts().sort_index().items()},
                "sha256": digest_file(out),
                "receipts": receipts,
            },
        )


def _clip_rows(out: Path, part: str, stores: Sequence[Path], options: SamplesOptions) -> Iterator[Row]:
    opened = [(store, open_clips(store)) for store in stores]
    held: set[str] = set()
    if part == "train":
        ids = [clip_id for _, clips in opened for clip_id in clips.clip_ids]
        held = validation_folders(ids, options.validation_fraction) if ids else set()
    skips = options.septuplet_train_skips if part == "train" else options.septuplet_test_skips
    for store, clips in opened:
        for number, clip_id in enumerate(clips.clip_ids):
            split = part if part == "test" or clip_id.split("/")[0] not in held else "validation"
            times = clips.t_us(number)
            is_triplet = len(times) == TRIPLET_FRAMES
            place = _Place(
                dataset=TRIPLETS if is_triplet else SEPTUPLETS,
                kind="clip",
                store=os.path.relpath(store, out.parent),
                clip=number,
                sequence=clip_id,
                split=split,
            )
            for skip in _TRIPLET_SKIPS if is_triplet else skips:
                for group in groups_of_skip(len(times), skip, slide=True):
                    yield from place.rows(group, skip, times)


def _recording_rows(out: Path, part: str, source: RecordingSource, options: SamplesOptions) -> Iterator[Row]:
    recording = open_recording(source.store)
    if recording.frames is None:
        raise MissingInputError(
            f"{source.store} has no frames, only events: an index needs frames (record with a DAVIS, or add a video)"
        )
    times = recording.frames.t_us
    if source.split == "time":
        first, end = time_split(times, options)[part]
        split = part
    else:
        first, end, split = 0, len(times), source.split
        if (split == "test") != (part == "test"):
            return
    place = _Place(
        dataset="recordings",
        kind="recording",
        store=os.path.relpath(source.store, out.parent),
        clip=-1,
        sequence=source.name,
        split=split,
    )
    skips = options.recording_test_skips if split == "test" else options.recording_train_skips
    irregular = 0
    for skip in skips:
        for group in groups_of_skip(end - first, skip, slide=options.slide):
            moved = _moved(group, first)
            if is_regular(times, moved, options.max_interval_ratio):
                yield from place.rows(moved, skip, times)
            else:
                irregular += 1
    if irregular:
        log.warning("%s: %d groups with an irregular frame interval left out", source.store, irregular)
    if split == "test" and recording.truth is not None:
        yield from _truth_rows(place, times[first:end], first, recording.truth.t_us)


def _truth_rows(place: "_Place", times: Times, first: int, truth: Times) -> Iterator[Row]:
    count = len(times)
    for number, between in truth_targets(times, truth):
        group = Group(
            frame0=first + number,
            frame1=first + number + 1,
            targets=tuple(int(target) for target in between),
            before=first + number - 1 if number else -1,
            after=first + number + 2 if number + 2 < count else -1,
        )
        bounds = (int(times[number]), int(times[number + 1]))
        yield from place.rows(group, len(between), truth, protocol="truth", bounds=bounds)


def _moved(group: Group, by: int) -> Group:
    return Group(
        frame0=group.frame0 + by,
        frame1=group.frame1 + by,
        targets=tuple(target + by for target in group.targets),
        before=group.before + by if group.before >= 0 else -1,
        after=group.after + by if group.after >= 0 else -1,
    )


@dataclass(frozen=True, slots=True)
class _Place:
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
        t0, t1 = bounds or (int(times[group.frame0]), int(times[group.frame1]))
        name = f"{protocol}{skip}"
        for target in group.targets:
            t_us = int(times[target])
            yield Row(
                sample_id=f"{self.dataset}/{self.sequence}/{name}/{group.frame0:05d}-{group.frame1:05d}/{target:05d}",
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
                target=target,
                target_source="truth" if protocol == "truth" else "frames",
                before=group.before,
                after=group.after,
                t0_us=t0,
                t1_us=t1,
                t_us=t_us,
                tau=float(np.float64(t_us - t0) / np.float64(t1 - t0)),
            )
