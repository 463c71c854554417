"""The panels of goals, training stages and resources, as the template takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from evfi.io.images import read_image
from evfi.reports import formatting
from evfi.reports.comparison import Comparison
from evfi.reports.figures import training_figure
from evfi.reports.goals import GoalResult
from evfi.reports.options import ReportOptions
from evfi.reports.origins import plain_lines, stamp_anchor
from evfi.reports.pictures import Picture, picture
from evfi.reports.resources import Job, uses
from evfi.reports.summary import goal_place, label_of
from evfi.reports.trainings import Training
from evfi.reports.views import Badge, Cell, Column, Line, Table, Track, bars, tracks

_VALIDATION_SIDE = 900


@dataclass(frozen=True, slots=True)
class GoalsView:
    met: int
    total: int
    table: Table


def goals_view(goals: Sequence[GoalResult], comparison: Comparison) -> GoalsView | None:
    if not goals:
        return None
    lines = []
    for result in goals:
        goal, paired = result.goal, result.paired
        card = comparison.card(goal.metric)
        measured = Cell(formatting.NOTHING)
        if paired is not None:
            measured = Cell(
                text=formatting.signed(paired.gain, card.decimals),
                interval=formatting.interval(paired.gain_low, paired.gain_high, card.decimals),
                sort=repr(paired.gain),
                state="good" if result.status == "met" else "worse",
            )
        lines.append(
            Line(
                title=f"{label_of(comparison, goal.method)} over {label_of(comparison, goal.versus)}",
                cells=(
                    measured,
                    Cell(f"≥ {formatting.signed(goal.minimum, card.decimals)}", sort=repr(goal.minimum)),
                    Cell("", track=_goal_track(result)),
                ),
                below=goal_place(result),
                badge=_goal_badge(result),
            )
        )
    units = {comparison.card(result.goal.metric).unit for result in goals}
    unit = units.pop() if len(units) == 1 else ""
    columns = (
        Column("measured", unit),
        Column("wanted", unit),
        Column("dashed: the goal", is_number=False, is_sortable=False),
    )
    met = sum(result.status == "met" for result in goals)
    return GoalsView(met, len(goals), Table("Paired differences, positive is better.", "goal", columns, tuple(lines)))


def _goal_badge(result: GoalResult) -> Badge:
    if result.status == "not measured":
        return Badge("not measured", "none")
    words, state = ("✓ met", "good") if result.status == "met" else ("✗ missed", "bad")
    return Badge(words if result.is_certain else f"{words}, within the interval", state)


def _goal_track(result: GoalResult) -> Track | None:
    if result.paired is None:
        return None
    span = (result.paired.gain, result.paired.gain_low, result.paired.gain_high)
    return tracks([span], mark=result.goal.minimum)[0]


@dataclass(frozen=True, slots=True)
class TrainingView:
    title: str
    lead: str
    note: str
    figure: Markup | None
    pictures: tuple[tuple[int, Picture], ...]
    facts: tuple[tuple[str, str], ...]
    source: str


def training_view(training: Training, options: ReportOptions) -> TrainingView:
    recipe = training.run.get("recipe") or {}
    words = [f"{training.run[key]:,} {key}" for key in ("steps",) if isinstance(training.run.get(key), int)]
    words.extend(
        f"{name.replace('_', ' ')} {recipe[name]}"
        for name in ("batch_size", "learning_rate", "precision")
        if name in recipe
    )
    if training.validation_psnr.values:
        words.append(f"validation PSNR {formatting.number(training.validation_psnr.values[-1], 2)} dB")
    shown = _spread(training.pictures, options.validation_pictures)
    return TrainingView(
        title=training.title,
        lead=", ".join(words),
        note=str(training.run.get("note") or ""),
        figure=training_figure(training) if len(training.loss) else None,
        pictures=tuple(
            (
                step,
                picture(
                    read_image(path),
                    alt=f"validation of {training.title}, step {step}: first frame, target, prediction, second frame",
                    side=_VALIDATION_SIDE,
                    quality=options.rough_quality,
                ),
            )
            for step, path in shown
        ),
        facts=plain_lines(training.run),
        source=stamp_anchor(training.folder),
    )


def _spread(items: Sequence[tuple[int, Path]], wanted: int) -> list[tuple[int, Path]]:
    """Evenly spaced items, always with the last one."""
    if not items or not wanted:
        return []
    if wanted == 1 or len(items) == 1:
        return [items[-1]]
    chosen = {round(number * (len(items) - 1) / (wanted - 1)) for number in range(min(wanted, len(items)))}
    return [items[number] for number in sorted(chosen)]


@dataclass(frozen=True, slots=True)
class ResourcesView:
    total: str
    peak: str
    disk: str
    rules: Table
    jobs: Table


def resources_view(jobs: Sequence[Job], disk: Mapping[str, int] | None = None) -> ResourcesView | None:
    if not jobs:
        return None
    rules = uses(jobs, disk)
    return ResourcesView(
        total=formatting.duration(sum(job.seconds for job in jobs)),
        peak=formatting.memory(max((job.memory_mb for job in jobs if job.memory_mb is not None), default=None)),
        disk=formatting.disk(sum(disk.values())) if disk else "",
        rules=Table(
            caption="Every rule of the workflow; memory is the most that any of its jobs held at once.",
            first="rule",
            columns=(
                Column("time, all jobs"),
                Column("share", is_number=False, is_sortable=False),
                Column("jobs"),
                Column("longest job"),
                Column("CPU time"),
                Column("peak memory"),
                Column("disk", note="all files of its outputs when the report was made"),
            ),
            lines=tuple(
                Line(
                    use.rule,
                    (
                        Cell(formatting.duration(use.seconds), sort=repr(use.seconds)),
                        Cell("", track=bar),
                        Cell(str(use.jobs), sort=str(use.jobs)),
                        Cell(formatting.duration(use.longest_seconds), sort=repr(use.longest_seconds)),
                        Cell(formatting.duration(use.cpu_seconds), sort=_sort(use.cpu_seconds)),
                        Cell(formatting.memory(use.memory_mb), sort=_sort(use.memory_mb)),
                        Cell(formatting.disk(use.disk_bytes), sort=_sort(use.disk_bytes)),
                    ),
                )
                for use, bar in zip(rules, bars([use.seconds for use in rules]), strict=True)
            ),
        ),
        jobs=Table(
            caption="Every job.",
            first="job",
            columns=(Column("time"), Column("CPU time"), Column("peak memory")),
            lines=tuple(
                Line(
                    " · ".join(part for part in (job.rule, job.wildcards) if part),
                    (
                        Cell(formatting.duration(job.seconds), sort=repr(job.seconds)),
                        Cell(formatting.duration(job.cpu_seconds), sort=_sort(job.cpu_seconds)),
                        Cell(formatting.memory(job.memory_mb), sort=_sort(job.memory_mb)),
                    ),
                )
                for job in jobs
            ),
        ),
    )


def _sort(value: float | None) -> str:
    return "" if value is None else repr(value)
