"""Run time and memory of every rule, from Snakemake's benchmark files; the disk that its outputs take."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evfi.errors import InputFileError

_SECONDS_COLUMN = "s"
_MEMORY_COLUMN = "max_rss"
_CPU_COLUMN = "cpu_time"


@dataclass(frozen=True, slots=True)
class Job:
    """One benchmark file. Seconds of wall clock and CPU; peak resident memory in MB; None = too short to be seen."""

    rule: str
    wildcards: str
    seconds: float
    memory_mb: float | None
    cpu_seconds: float | None


@dataclass(frozen=True, slots=True)
class RuleUse:
    """All jobs of one rule together; `memory_mb` is the largest of any job; `disk_bytes` is None where unknown."""

    rule: str
    jobs: int
    seconds: float
    longest_seconds: float
    cpu_seconds: float | None
    memory_mb: float | None
    disk_bytes: int | None = None


def read_jobs(folder: Path | None) -> tuple[Job, ...]:
    """All jobs under a folder of benchmark files, `<rule>.tsv` or `<rule>/<wildcards>.tsv`; none without a folder.

    Of a repeated benchmark (several lines) the slowest run counts.

    Raises:
        InputFileError: a file is not a benchmark table.
    """
    if folder is None or not folder.is_dir():
        return ()
    return tuple(_job(folder, path) for path in sorted(folder.rglob("*.tsv")))


def uses(jobs: Sequence[Job], disk: Mapping[str, int] | None = None) -> tuple[RuleUse, ...]:
    """Jobs joined by rule, the most time-consuming rule first; `disk` are the bytes of each rule's outputs."""
    sizes = disk or {}
    by_rule: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        by_rule[job.rule].append(job)
    joined = [
        RuleUse(
            rule=rule,
            jobs=len(members),
            seconds=math.fsum(job.seconds for job in members),
            longest_seconds=max(job.seconds for job in members),
            cpu_seconds=_total([job.cpu_seconds for job in members]),
            memory_mb=max((job.memory_mb for job in members if job.memory_mb is not None), default=None),
            disk_bytes=sizes.get(rule),
        )
        for rule, members in by_rule.items()
    ]
    return tuple(sorted(joined, key=lambda use: (-use.seconds, use.rule)))


def resources_document(jobs: Sequence[Job], disk: Mapping[str, int] | None = None) -> dict[str, Any]:
    """What resources.json holds: totals, each rule, each job. Times differ from run to run, so it has no digest."""
    memory = [job.memory_mb for job in jobs if job.memory_mb is not None]
    return {
        "schema": "evfi.resources",
        "total_seconds": math.fsum(job.seconds for job in jobs),
        "peak_memory_mb": max(memory, default=None),
        "disk_bytes": sum(disk.values()) if disk else None,
        "rules": [
            {
                "rule": use.rule,
                "jobs": use.jobs,
                "seconds": use.seconds,
                "longest_seconds": use.longest_seconds,
                "cpu_seconds": use.cpu_seconds,
                "peak_memory_mb": use.memory_mb,
                "disk_bytes": use.disk_bytes,
            }
            for use in uses(jobs, disk)
        ],
        "jobs": [
            {
                "rule": job.rule,
                "wildcards": job.wildcards,
                "seconds": job.seconds,
                "cpu_seconds": job.cpu_seconds,
                "peak_memory_mb": job.memory_mb,
            }
            for job in jobs
        ],
    }


def _job(folder: Path, path: Path) -> Job:
    parts = path.relative_to(folder).with_suffix("").parts
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if len(lines) < 2 or _SECONDS_COLUMN not in lines[0]:
        raise InputFileError(f"{path} is not a Snakemake benchmark file (no column {_SECONDS_COLUMN!r}): delete it")
    head = lines[0]
    runs = [dict(zip(head, line, strict=False)) for line in lines[1:]]
    seconds = [_number(run.get(_SECONDS_COLUMN)) for run in runs]
    if None in seconds:
        raise InputFileError(
            f"{path}: the column {_SECONDS_COLUMN!r} holds no number: delete it and run the rule again"
        )
    slowest = max(range(len(runs)), key=lambda number: seconds[number] or 0.0)
    return Job(
        rule=parts[0],
        wildcards="/".join(parts[1:]),
        seconds=seconds[slowest] or 0.0,
        memory_mb=_number(runs[slowest].get(_MEMORY_COLUMN)),
        cpu_seconds=_number(runs[slowest].get(_CPU_COLUMN)),
    )


def _number(text: str | None) -> float | None:
    """Snakemake writes "-" or "NA" for what it could not measure in a very short job."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) if known else None
