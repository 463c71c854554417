"""The sample index: a Parquet table whose rows point into stores and copy nothing."""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from evfi.errors import UserError
from evfi.io.atomic import writing
from evfi.io.clips import open_clips
from evfi.io.septuplets import TRIPLET_FRAMES
from evfi.provenance import cpu_seconds, digest_file, write_json, write_stamp
from evfi.samples.options import SamplesOptions
from evfi.samples.recording_rows import RecordingSource, recording_rows
from evfi.samples.rows import Place, Row
from evfi.samples.scene_rows import scene_rows
from evfi.samples.table import write_rows
from evfi.samples.windows import groups_of_skip, validation_folders
from evfi.versions import ALGO_VERSIONS

log = logging.getLogger(__name__)
SEPTUPLETS, TRIPLETS = "septuplets", "vimeo_triplet"
_TRIPLET_SKIPS = (1,)


def write_index(
    out: Path,
    part: str,
    *,
    clip_stores: Sequence[Path],
    recordings: Sequence[RecordingSource],
    scene_stores: Sequence[Path] = (),
    options: SamplesOptions,
) -> None:
    """Write `out` (Parquet) and its receipt for one part: "train" (with validation rows) or "test".

    Memory does not grow with the number of stores, but for the names of their clips.

    Raises:
        MissingInputError: a recording has no frames.
        UserError: the part is unknown, or nothing is left to index.
    """
    if part not in ("train", "test"):
        raise UserError(f"the part of an index is train or test, got {part!r}")
    start = cpu_seconds()
    out.parent.mkdir(parents=True, exist_ok=True)
    left_out: Counter[str] = Counter()

    def rows() -> Iterator[Row]:
        yield from _clip_rows(out, part, clip_stores, options)
        for store in scene_stores:
            yield from scene_rows(out, part, store, options.scenes)
        for source in recordings:
            own: Counter[str] = Counter()
            yield from recording_rows(out, part, source, options, own)
            left_out.update(own)

    with writing(out) as partial:
        splits = write_rows(partial, rows())
        if not splits:
            raise UserError(
                f"no {part} sample could be made from {len(clip_stores)} clip stores, {len(scene_stores)} scene stores "
                f"and {len(recordings)} recordings: "
                "a skip of n needs n + 2 frames"
            )
    stores = [*clip_stores, *scene_stores, *(source.store for source in recordings)]
    _write_receipt(out, part, splits, stores, options, left_out)
    write_stamp(out, {"start_cpu_seconds": start})
    log.info("%s: %d samples", out, splits.total())


def _write_receipt(
    out: Path, part: str, splits: Counter[str], stores: Iterable[Path], options: SamplesOptions, left_out: Counter[str]
) -> None:
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
                "rows": dict(sorted(splits.items())),
                "sha256": digest_file(out),
                "receipts": receipts,
                **({"left_out": dict(sorted(left_out.items()))} if left_out else {}),
            },
        )


def _clip_rows(out: Path, part: str, stores: Sequence[Path], options: SamplesOptions) -> Iterator[Row]:
    held: set[str] = set()
    if part == "train":
        ids = [clip_id for store in stores for clip_id in open_clips(store).ids]
        held = validation_folders(ids, options.validation_fraction) if ids else set()
    skips = options.septuplet_train_skips if part == "train" else options.septuplet_test_skips
    for store in stores:
        clips = open_clips(store)
        for number, clip_id in enumerate(clips.ids):
            split = part if part == "test" or clip_id.split("/")[0] not in held else "validation"
            times = clips.t_us(number)
            is_triplet = len(times) == TRIPLET_FRAMES
            place = Place(
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
