"""A model trained further on recordings of one's own, module by module, and whether that helped on their ends."""

import json
import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evfi.errors import TimeBudgetUsed, UserError
from evfi.evaluation.evaluate import evaluate
from evfi.evaluation.options import EvaluationOptions
from evfi.finetuning.recipe import changes_of
from evfi.finetuning.verdict import AFTER, BEFORE, Verdict, verdict_of
from evfi.io.ingest import ingest
from evfi.io.recording import open_recording
from evfi.io.stores import is_store
from evfi.models.family import Family, ModelOptions, Recipe, Stage
from evfi.models.weights import described, load_weights
from evfi.provenance import digest_file, write_json
from evfi.samples.index import write_index
from evfi.samples.options import SamplesOptions
from evfi.samples.recording_rows import RecordingSource
from evfi.training.fingerprint import stage_fingerprint
from evfi.training.loop import train_stage
from evfi.training.options import Runtime

log = logging.getLogger(__name__)
TRACK = "finetune"
_PADDED_TO = 32
WEIGHTS, RECEIPT = "weights.safetensors", "finetune.json"


@dataclass(frozen=True, eq=False, slots=True)
class Finetuned:
    """What a fine-tuning left: its folder, the better weights, and the verdict."""

    out: Path
    weights: Path
    verdict: Verdict


@dataclass(frozen=True, eq=False, slots=True)
class _Start:
    """The weights that it starts from."""

    path: Path
    family: Family
    options: ModelOptions


def finetune(
    recordings: Sequence[Path],
    out: Path,
    *,
    weights: Path,
    recipe: Mapping[str, Any] | None = None,
    samples: SamplesOptions | None = None,
    evaluation: EvaluationOptions | None = None,
    runtime: Runtime | None = None,
    max_seconds: float | None = None,
) -> Finetuned:
    """Train the family's fine-tuning stages on the first part of each recording, and measure on its end.

    The first 70 % of a recording's frames train; after a gap of 5 % every second frame of the rest is held out and
    measured, with the weights from before and after (`SamplesOptions.time_split_train` and `time_split_gap`). The
    better of the two becomes out/weights.safetensors. The same call again goes on where it was stopped.

    Args:
        recordings: files that `evfi ingest` reads, or recording stores; their names differ.
        weights: a whole model of the family's first track.
        recipe: changes to the recipes of all stages, which are those for a few seconds of recording
            (`evfi.finetuning.recipe`), with crops as large as the smallest sensor allows.

    Raises:
        UserError: the family has no fine-tuning stages, or the recordings are too short.
        TimeBudgetUsed: max_seconds is used up; what is done stays.
    """
    end = None if max_seconds is None else time.monotonic() + max_seconds
    start = _start_of(weights)
    out.mkdir(parents=True, exist_ok=True)
    _check_names(recordings)
    sources = [_ingested(path, out) for path in recordings]
    indexes = {part: out / "samples" / f"{part}.parquet" for part in ("train", "test")}
    for part, index in indexes.items():
        write_index(index, part, clip_stores=[], recordings=sources, options=samples or SamplesOptions())
    stages = _recipes(start.family, _fitting_side(sources), recipe or {})
    after = _trained(start, stages, indexes["train"], out, runtime or Runtime(), end)
    verdict = _judged(indexes["test"], out, start.path, after, evaluation or EvaluationOptions())
    kept = out / WEIGHTS
    shutil.copyfile(after if verdict.helped else start.path, kept)
    write_json(
        out / RECEIPT,
        {
            "schema": "evfi.finetune",
            "version": 1,
            "recordings": [source.name for source in sources],
            "before_sha256": digest_file(start.path),
            "after_sha256": digest_file(after),
            "kept": AFTER if verdict.helped else BEFORE,
            "weights_sha256": digest_file(kept),
            **verdict.facts(),
        },
    )
    return Finetuned(out, kept, verdict)


def _start_of(weights: Path) -> _Start:
    meta, _ = load_weights(weights)
    family, options = described(weights, meta)
    if TRACK not in family.tracks:
        raise UserError(f"{weights} holds weights of the family {family.name}, which has no stages for fine-tuning")
    (wanted,) = family.stages_of([TRACK])[0].needs
    if meta.get("stage") != wanted:
        raise UserError(
            f"{weights} holds the stage {meta.get('stage')}, but fine-tuning starts from {wanted}: give weights that "
            "were not fine-tuned before, and all recordings at once"
        )
    return _Start(weights, family, options)


def _ingested(path: Path, out: Path) -> RecordingSource:
    """The recording's store, made where it is not yet there."""
    if is_store(path):
        return RecordingSource(path, path.stem, "time")
    store = out / "stores" / "recordings" / f"{path.stem}.zarr"
    if not store.is_dir():
        store.parent.mkdir(parents=True, exist_ok=True)
        ingest(path, store)
    return RecordingSource(store, path.stem, "time")


def _check_names(recordings: Sequence[Path]) -> None:
    names = [path.stem for path in recordings]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two recordings are called {name!r}: rename one of the files")


def _fitting_side(sources: Sequence[RecordingSource]) -> int:
    """The largest side of a crop: a multiple of what the networks pad to, where the smallest sensor has room for it."""
    sizes = [open_recording(source.store).sensor_size for source in sources]
    smallest = min(min(size.height, size.width) for size in sizes)
    return smallest // _PADDED_TO * _PADDED_TO or smallest


def _recipes(family: Family, side: int, changes: Mapping[str, Any]) -> list[tuple[Stage, Recipe]]:
    """The stages with their recipes."""
    stages = family.stages_of([TRACK])
    return [(stage, stage.recipe.overridden(changes_of(stage.name, side)).overridden(changes)) for stage in stages]


def _trained(
    start: _Start, stages: list[tuple[Stage, Recipe]], index: Path, out: Path, runtime: Runtime, end: float | None
) -> Path:
    """All stages in turn; the last one's weights. A finished stage of the same inputs and recipe is left alone."""
    weights = start.path
    for stage, recipe in stages:
        folder = out / start.family.name / stage.name
        (needed,) = stage.needs
        starts = {needed: weights}
        fingerprint = stage_fingerprint(start.family, stage, start.options, recipe, index, starts)
        if _fingerprint_of(folder) != fingerprint:
            _train(start, stage, index, starts, recipe, runtime, out, fingerprint, end)
        weights = folder / WEIGHTS
    return weights


def _train(
    start: _Start,
    stage: Stage,
    index: Path,
    starts: Mapping[str, Path],
    recipe: Recipe,
    runtime: Runtime,
    out: Path,
    fingerprint: str,
    end: float | None,
) -> None:
    left = None if end is None else end - time.monotonic()
    if left is not None and left <= 0:
        raise TimeBudgetUsed(f"the time budget is used up before {stage.name}: the same command goes on there")
    train_stage(
        start.family,
        stage,
        index=index,
        starts=starts,
        model_options=start.options,
        recipe=recipe,
        runtime=runtime,
        state_dir=out / "state" / f"{start.family.name}-{stage.name}-{fingerprint[:16]}",
        out=out / start.family.name / stage.name,
        fingerprint=fingerprint,
        max_seconds=left,
    )


def _fingerprint_of(folder: Path) -> str | None:
    run = folder / "run.json"
    return json.loads(run.read_text())["fingerprint"] if run.is_file() else None


def _judged(index: Path, out: Path, before: Path, after: Path, options: EvaluationOptions) -> Verdict:
    """Baselines and both networks on the held-out frames."""
    folder = out / "evaluation"
    evaluate(index, folder / "baselines", options=options)
    for name, weights in ((BEFORE, before), (AFTER, after)):
        evaluate(index, folder / name, weights=weights, name=name, options=options)
    return verdict_of([folder / name for name in ("baselines", BEFORE, AFTER)])
