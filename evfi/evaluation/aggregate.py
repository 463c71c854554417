"""From the figures of single targets to tables: means per frame and per sequence, intervals, paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evfi.errors import UserError
from evfi.evaluation.bootstrap import (
    Draws,
    Resampling,
    Values,
    interval,
    mean_per_frame,
    mean_per_sequence,
    sequence_means,
    unit_sums,
)
from evfi.evaluation.cube import ALL_TARGETS, Cube, Places, cubes_of_table
from evfi.evaluation.options import BootstrapOptions

AVERAGINGS = ("frame", "sequence")


@dataclass(frozen=True, slots=True)
class Row:
    """A mean with its interval. `value`, `low`, `high` are NaN where nothing was measured or one unit has no spread.

    `averaging`: "frame" is the mean over all frames, "sequence" the mean of the sequences' means; `spread` is the
    standard deviation between sequences, NaN for one. `frames` counts targets with a figure, `missing` those without.
    """

    method: str
    dataset: str
    protocol: str
    skip: int
    target: str
    metric: str
    value: float
    low: float
    high: float
    frames: int
    sequences: int
    averaging: str
    spread: float
    missing: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean paired difference, method minus other, with its interval; `n` sequences (or frames) took part."""

    value: float
    low: float
    high: float
    n: int
    method: str = ""
    other: str = ""

    @property
    def is_certain(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def aggregate(targets: pd.DataFrame, options: BootstrapOptions | None = None) -> list[Row]:
    """All means of a table of targets (targets.parquet), for all targets together and for each.

    The drawn sequences are the same for every method and metric of a setting. Order: that of the table's columns
    dataset, protocol, skip, target ("all" first), metric, method, averaging.
    """
    draws = Draws(options or BootstrapOptions())
    return [row for cube in cubes_of_table(targets) for row in rows_of(cube, cube.everywhere, draws)]


def rows_of(cube: Cube, places: Places, draws: Draws) -> list[Row]:
    """`aggregate` of some targets of one setting."""
    rows: list[Row] = []
    dataset, protocol, skip = cube.key
    # Targets may themselves be called "all", as those of a threshold sweep.
    names = [name for name in cube.targets.name.at(places) if name != ALL_TARGETS]
    for target in (ALL_TARGETS, *names):
        chosen = cube.of_target(target, places)
        over = draws.of(cube.key, cube.targets, chosen)
        for metric in cube.metrics:
            for method in cube.methods:
                measured = len(cube.measured(metric, method, chosen))
                if not measured:
                    continue
                values = cube.figures(metric, method, chosen)
                missing = measured - int((~np.isnan(values)).sum())
                place = _Place(method, dataset, protocol, skip, target, metric)
                figures = _figures(values, over, draws.options)
                rows.extend(place.row(figure, averaging, missing) for averaging, figure in figures.items())
    return rows


def paired_difference(
    targets: pd.DataFrame,
    method: str,
    other: str,
    *,
    metric: str,
    dataset: str,
    skip: int,
    protocol: str | None = None,
    target: str = ALL_TARGETS,
    averaging: str = "sequence",
    options: BootstrapOptions | None = None,
) -> Difference:
    """Mean of (method - other) over targets that both have a figure for, with its bootstrap interval.

    Args:
        protocol: may be left out where the data set has one with this skip.
        averaging: "sequence" (the mean of the sequences' means; a clip is a sequence) or "frame".

    Raises:
        UserError: no such method, setting or target; or several protocols fit.
    """
    options = options or BootstrapOptions()
    if averaging not in AVERAGINGS:
        raise UserError(f"averaging is one of {AVERAGINGS}, got {averaging!r}")
    table: Any = targets
    chosen = table[(table["dataset"] == dataset) & (table["skip"] == skip) & (table["metric"] == metric)]
    protocols = sorted(set(chosen["protocol"])) if protocol is None else [protocol]
    if len(protocols) > 1:
        raise UserError(f"{dataset} has the protocols {protocols} with skip {skip}: name one")
    chosen = chosen[chosen["protocol"].isin(protocols)]
    if target != ALL_TARGETS:
        chosen = chosen[chosen["target"] == target]
    own = chosen[chosen["method"].isin([method, other])]
    if len(set(own["method"])) < len({method, other}):
        there = sorted(set(chosen["method"]))
        raise UserError(
            f"no {metric} of {method} and {other} for {dataset}, {'/'.join(protocols) or 'any protocol'}, skip {skip}, "
            f"target {target}: there are the methods {there}"
        )
    (cube,) = cubes_of_table(own)
    return difference_of(cube, cube.everywhere, metric, (method, other), Draws(options), averaging)


def difference_of(
    cube: Cube, places: Places, metric: str, methods: tuple[str, str], draws: Draws, averaging: str = "sequence"
) -> Difference:
    """Mean of (first - second method) over those of some targets of a setting that both have a row for.

    NaN, with its interval, where they have no target in common.
    """
    common = cube.measured(metric, methods[1], cube.measured(metric, methods[0], places))
    if not len(common):
        return Difference(np.nan, np.nan, np.nan, 0, *methods)
    left, right = (cube.figures(metric, method, common) for method in methods)
    over = draws.of(cube.key, cube.targets, common)
    figure = _figures(left - right, over, draws.options, (averaging,))[averaging]
    count = figure.sequences if averaging == "sequence" else figure.frames
    return Difference(figure.value, figure.low, figure.high, count, *methods)


def gains_over_parts(
    targets: pd.DataFrame,
    family: str,
    *,
    metric: str,
    dataset: str,
    skip: int,
    protocol: str | None = None,
    target: str = ALL_TARGETS,
    averaging: str = "sequence",
    options: BootstrapOptions | None = None,
) -> list[Difference]:
    """A family's final frame minus each intermediate that it joins: is attention better than each module?

    Intermediates are the methods called "<family>/<name>"; sorted by name, empty if there are none.
    """
    names = sorted(name for name in set(targets["method"]) if name.startswith(f"{family}/"))
    return [
        paired_difference(
            targets,
            family,
            name,
            metric=metric,
            dataset=dataset,
            skip=skip,
            protocol=protocol,
            target=target,
            averaging=averaging,
            options=options,
        )
        for name in names
    ]


@dataclass(frozen=True, slots=True)
class _Figure:
    value: float
    low: float
    high: float
    spread: float
    frames: int
    sequences: int


@dataclass(frozen=True, slots=True)
class _Place:
    method: str
    dataset: str
    protocol: str
    skip: int
    target: str
    metric: str

    def row(self, figure: _Figure, averaging: str, missing: int) -> Row:
        return Row(
            method=self.method,
            dataset=self.dataset,
            protocol=self.protocol,
            skip=self.skip,
            target=self.target,
            metric=self.metric,
            value=figure.value,
            low=figure.low,
            high=figure.high,
            frames=figure.frames,
            sequences=figure.sequences,
            averaging=averaging,
            spread=figure.spread,
            missing=missing,
        )


def _figures(
    values: Values, over: Resampling, options: BootstrapOptions, averagings: Sequence[str] = AVERAGINGS
) -> dict[str, _Figure]:
    """Mean and interval for each way of averaging."""
    units = len(over.sequence)
    sums, counts = unit_sums(values, over.unit_of_target, units)
    once = np.ones((1, units))
    means = sequence_means(sums, counts, over)
    means = means[np.isfinite(means)]
    spread = float(means.std(ddof=1)) if len(means) > 1 else float("nan")
    figures = {}
    for averaging in averagings:
        if averaging == "frame":
            value, drawn = (mean_per_frame(sums, counts, weights) for weights in (once, over.weights))
        else:
            value, drawn = (mean_per_sequence(sums, counts, weights, over) for weights in (once, over.weights))
        low, high = interval(drawn, int((counts > 0).sum()) if over.differ else 1, options.confidence)
        figures[averaging] = _Figure(float(value[0]), low, high, spread, int(counts.sum()), len(means))
    return figures
