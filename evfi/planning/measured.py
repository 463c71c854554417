"""What finished outputs cost: read from receipts, stamps, journals and the disk of a smaller or just begun run."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evfi.errors import MissingInputError


@dataclass(frozen=True, slots=True)
class ShardCost:
    """What one shard cost: bytes that any shard has and bytes that its clips brought, CPU-seconds before its first clip
    and for each clip, MB of memory at most.
    """

    clips: int
    events: int
    fixed_bytes: int
    clip_bytes: int
    start_cpu_seconds: float
    clip_cpu_seconds: float
    memory_mb: float


@dataclass(frozen=True, slots=True)
class RowCost:
    """What an output that has something for each row of an index cost: rows, bytes, CPU-seconds before and during the
    work, MB of memory at most.
    """

    rows: int
    bytes: int
    start_cpu_seconds: float
    cpu_seconds: float
    memory_mb: float


@dataclass(frozen=True, slots=True)
class StageCost:
    """What a finished training stage cost, and what it was: wall seconds a step, MB of memory, bytes, its run.json."""

    step_seconds: float
    memory_mb: float
    bytes: int
    run: dict[str, Any]


def shard_costs(results: Path) -> list[ShardCost]:
    """All finished shards of a run that say what they cost (one of a single clip cannot tell start-up from work).

    Raises:
        MissingInputError: there is none.
    """
    stores = sorted(results.glob("stores/clips/*.zarr"))
    costs = [cost for store in stores if (cost := _shard(store)) is not None]
    if not costs:
        raise MissingInputError(
            f"no measured shard of two or more clips in {results}/stores/clips: make one (`snakemake --cores 1 … -- "
            f"{results}/stores/clips/train-00000.zarr`), or name another run's folder with --measured"
        )
    return costs


def row_cost(output: Path, index: Path) -> RowCost | None:
    """The cost of an output beside whose stamp the index of its rows lies; None where it was not measured.

    Args:
        output: an index, flows or an evaluation.
        index: the Parquet file, whose receipt counts the rows.
    """
    stamp, receipt = _stamp(output), _json(index.with_suffix(".json"))
    if stamp is None or receipt is None or "start_cpu_seconds" not in stamp:
        return None
    rows = sum(receipt["rows"].values())
    work = stamp["use"]["cpu_seconds"] - stamp["start_cpu_seconds"]
    return RowCost(rows, bytes_of(output), stamp["start_cpu_seconds"], work, stamp["use"]["peak_memory_mb"])


def stage_cost(folder: Path) -> StageCost | None:
    """The cost of a finished training stage; None where there is none, or it was made before stamps told."""
    stamp, run = _stamp(folder), _json(folder / "run.json")
    if stamp is None or run is None or "use" not in stamp:
        return None
    lines = [json.loads(text) for text in (folder / "metrics.jsonl").read_text().splitlines()]
    lines = [line for line in lines if line["kind"] == "train"]
    if len(lines) < 2:
        return None
    # The first line holds the start of the loader's workers.
    spent = sum(line["data_s"] + line["step_s"] for line in lines[1:])
    steps = lines[-1]["step"] - lines[0]["step"]
    return StageCost(spent / steps, stamp["use"]["peak_memory_mb"], bytes_of(folder), run)


def bytes_of(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    return sum(each.stat().st_size for each in _files(path))


def _shard(store: Path) -> ShardCost | None:
    stamp, receipt = _stamp(store), _json(store.with_suffix(".json"))
    if stamp is None or receipt is None or "first_clip_cpu_seconds" not in stamp or len(receipt["clip_ids"]) < 2:
        return None
    clips, total = len(receipt["clip_ids"]), stamp["use"]["cpu_seconds"]
    each = (total - stamp["first_clip_cpu_seconds"]) / (clips - 1)
    fixed = sum(path.stat().st_size for path in _files(store) if path.suffix == ".json")
    fixed += store.with_name(store.stem + ".provenance.json").stat().st_size
    return ShardCost(
        clips=clips,
        events=int(receipt["event_count"]),
        fixed_bytes=fixed,
        clip_bytes=sum(path.stat().st_size for path in _files(store) if path.suffix != ".json")
        + store.with_suffix(".json").stat().st_size,
        start_cpu_seconds=max(0.0, total - clips * each),
        clip_cpu_seconds=each,
        memory_mb=stamp["use"]["peak_memory_mb"],
    )


def _files(path: Path) -> Iterator[Path]:
    yield from [path] if path.is_file() else (each for each in path.rglob("*") if each.is_file())


def _stamp(output: Path) -> dict[str, Any] | None:
    return _json(output.with_name(output.stem + ".provenance.json"))


def _json(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text()) if path.is_file() else None
