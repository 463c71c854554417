"""What a run will take, from what a smaller or just begun one took: disk, memory and time."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evfi.config import Config
from evfi.io.septuplets import FRAMES_PER_CLIP
from evfi.models.family import Stage
from evfi.planning.measured import RowCost, ShardCost, row_cost, shard_costs, stage_cost
from evfi.planning.status import duration
from evfi.samples.windows import groups_of_skip

_KEPT_CHECKPOINTS = 2
_STATE_PER_WEIGHT = 3  # a weight and Adam's two moments
_MB, _GB = 10**6, 10**9
# Memory for each row beyond the measured ones, in bytes, as measured (docs/scaling.md).
_ROW_BYTES = {"index": 40, "flows": 800, "evaluate": 900}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a rule's jobs take: bytes at rest, seconds of one core in all (of training: of its device), and MB of memory
    of one job; None = not measured.
    """

    rule: str
    name: str
    jobs: int
    bytes: float | None = None
    seconds: float | None = None
    memory_mb: float | None = None
    note: str = ""


def plan_of(config: Config, measured: Path, jobs: int) -> dict[str, Any]:
    """Estimates of each rule, their sums, and the wall time with so many jobs side by side.

    Clips cost what the measured shards' clips cost (the mean), and rows what measured rows cost: measure on clips of
    the same size, settings and kind. Recordings are left out: nothing tells how long they are.

    Raises:
        MissingInputError: nothing was measured.
        UserError: the run has no clips.
    """
    shards = shard_costs(measured)
    simulate = _simulate(config, shards)
    trainings = [_stage(config, family, stage, measured) for family in config.trained_families()
                 for stage in config.stages(family)]  # fmt: skip
    parts = [part for part in ("train", "test") if config.has_part(part)]
    single = [
        *(_of_rows(config, "index", part, part, measured / f"samples/{part}.parquet", measured) for part in parts),
        *(
            _of_rows(config, "flows", part, part, measured / f"samples/{part}-flows.zarr", measured)
            for part in parts
            if config.flow_families(part)
        ),
    ]
    evaluations = [
        _of_rows(config, "evaluate", method, "test", measured / "evaluation" / method, measured)
        for method in ("baselines", *config.families)
        if config.has_part("test")
    ]
    sweeps = [Estimate("sweep_thresholds", "", 1)] if config.threshold_sweep else []
    rules = [simulate, *single, *trainings, *evaluations, *sweeps]
    side_by_side = -(-simulate.jobs // jobs) * (simulate.seconds or 0.0) / max(simulate.jobs, 1)
    return {
        "measured": {"results": str(measured), "shards": len(shards), "clips": sum(cost.clips for cost in shards)},
        "clips": {part: _clips(config, part) for part in ("train", "test")},
        "rules": [asdict(rule) for rule in rules],
        "total_bytes": sum(rule.bytes or 0.0 for rule in rules),
        "total_seconds": sum(rule.seconds or 0.0 for rule in rules),
        "largest_memory_mb": max(rule.memory_mb or 0.0 for rule in rules),
        "jobs_side_by_side": jobs,
        "wall_seconds": side_by_side + sum(rule.seconds or 0.0 for rule in rules[1:]),
        "unmeasured": [f"{rule.rule} {rule.name}".strip() for rule in rules if rule.seconds is None],
    }


def plan_lines(plan: dict[str, Any]) -> list[str]:
    """The same for people."""
    measured, clips = plan["measured"], plan["clips"]
    lines = [
        f"{clips['train']:,} + {clips['test']:,} clips, from {measured['clips']} clips in {measured['shards']} "
        f"measured shards of {measured['results']} (same frame size and machine assumed)",
        f"{'rule':10} {'':24} {'jobs':>5} {'disk':>10} {'memory':>9} {'time':>10}",
    ]
    for rule in plan["rules"]:
        disk = "?" if rule["bytes"] is None else f"{rule['bytes'] / _GB:.3f} GB"
        memory = "?" if rule["memory_mb"] is None else f"{rule['memory_mb']:.0f} MB"
        time = "?" if rule["seconds"] is None else duration(rule["seconds"])
        line = f"{rule['rule']:10} {rule['name']:24} {rule['jobs']:5} {disk:>10} {memory:>9} {time:>10}"
        lines.append(f"{line}  {rule['note']}".rstrip())
    lines.append(
        f"in all {plan['total_bytes'] / _GB:.3f} GB and {duration(plan['total_seconds'])} of work; with "
        f"{plan['jobs_side_by_side']} simulations side by side and the rest one after another "
        f"{duration(plan['wall_seconds'])}"
    )
    if plan["unmeasured"]:
        lines.append(f"not in the sums, because not measured: {', '.join(plan['unmeasured'])}")
    return lines


def _clips(config: Config, part: str) -> int:
    source = config.septuplets
    if part == "train":
        return source.train_clips if source else 0
    return (source.test_clips if source else 0) + (config.triplets.test_clips if config.triplets else 0)


def _simulate(config: Config, costs: Sequence[ShardCost]) -> Estimate:
    jobs = len({*config.shards("train"), *config.shards("test")})
    clips = _clips(config, "train") + _clips(config, "test")
    measured = sum(cost.clips for cost in costs)
    work = sum(cost.clip_cpu_seconds * cost.clips for cost in costs) / measured
    return Estimate(
        rule="simulate",
        name="",
        jobs=jobs,
        bytes=jobs * statistics.mean(cost.fixed_bytes for cost in costs)
        + clips * sum(cost.clip_bytes for cost in costs) / measured,
        seconds=jobs * statistics.median(cost.start_cpu_seconds for cost in costs) + clips * work,
        memory_mb=max(cost.memory_mb for cost in costs),
        note=f"{sum(cost.events for cost in costs) / measured:,.0f} events a clip",
    )


def rows_of(config: Config, part: str) -> int:
    """The rows of an index that a run's septuplets give."""
    samples = config.samples
    skips = samples.septuplet_train_skips if part == "train" else samples.septuplet_test_skips
    targets = sum(len(group.targets) for skip in skips for group in groups_of_skip(FRAMES_PER_CLIP, skip, slide=True))
    triplets = config.triplets.test_clips if config.triplets and part == "test" else 0
    septuplets = _clips(config, part) - triplets
    return septuplets * targets + triplets


def _of_rows(config: Config, rule: str, name: str, part: str, output: Path, measured: Path) -> Estimate:
    cost: RowCost | None = row_cost(output, measured / f"samples/{part}.parquet")
    if cost is None:
        return Estimate(rule, name, 1)
    rows = rows_of(config, part)
    factor = rows / cost.rows
    return Estimate(
        rule=rule,
        name=name,
        jobs=1,
        bytes=cost.bytes * factor,
        seconds=cost.start_cpu_seconds + cost.cpu_seconds * factor,
        memory_mb=cost.memory_mb + max(0, rows - cost.rows) * _ROW_BYTES[rule] / _MB,
    )


def _stage(config: Config, family: str, stage: Stage, measured: Path) -> Estimate:
    name = f"{family}/{stage.name}"
    cost = stage_cost(measured / family / stage.name)
    if cost is None:
        return Estimate("train", name, 1)
    recipe = config.recipe(family, stage.name)
    asked = {"model": config.family_training(family).model, **recipe.model_dump(mode="json")}
    did = {"model": cost.run["model"], **cost.run["recipe"]}
    differing = [key for key in ("batch_size", "augment", "precision", "threads") if did[key] != asked[key]]
    differing += [key for key, value in asked["model"].items() if did["model"].get(key) != value]
    if differing:
        return Estimate("train", name, 1, note=f"measured with another {', '.join(differing)}: not comparable")
    rows = rows_of(config, "train") * (1 - config.samples.validation_fraction)
    steps = recipe.total_steps(round(rows))
    return Estimate(
        rule="train",
        name=name,
        jobs=1,
        bytes=cost.bytes * (1 + _STATE_PER_WEIGHT * _KEPT_CHECKPOINTS),
        seconds=cost.step_seconds * steps,
        memory_mb=cost.memory_mb,
        note=f"{steps:,} steps on {cost.run['device']}",
    )
