"""From the figures of single targets to tables: means per frame and per sequence, intervals, paired differences."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.evaluation.bootstrap import (
    Resampling,
    Values,
    interval,
    mean_per_frame,
    mean_per_sequence,
    resampling,
    sequence_means,
    unit_sums,
)
from evfi.evaluation.options import BootstrapOptions
from evfi.evaluation.protocols import SETTING

ALL_TARGETS = "all"
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
    options = options or BootstrapOptions()
    rows: list[Row] = []
    # Sums depend on the order of their terms in the last bit.
    table: Any = targets.sort_values("sample_id", kind="stable")
    for key, setting in table.groupby(SETTING, sort=True):
        for target in (ALL_TARGETS, *sorted(set(setting["target"]))):
            chosen = setting if target == ALL_TARGETS else setting[setting["target"] == target]
            over = resampling(chosen, options, *key)
            measured = chosen.assign(unit=over.unit_of_row)[["metric", "method", "unit", "value"]]
            for (metric, method), own in measured.groupby(["metric", "method"], sort=True):
                place = _Place(str(method), str(key[0]), str(key[1]), int(key[2]), target, str(metric))
                figures = _figures(own["value"].to_numpy(np.float64), own["unit"].to_numpy(), over, options)
                rows.extend(
                    place.row(figure, averaging, missing=int(own["value"].isna().sum()))
                    for averaging, figure in figures.items()
                )
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
    sides = [_side(chosen, name) for name in (method, other)]
    if any(side.empty for side in sides):
        there = sorted(set(chosen["method"]))
        raise UserError(
            f"no {metric} of {method} and {other} for {dataset}, {'/'.join(protocols) or 'any protocol'}, skip {skip}, "
            f"target {target}: there are the methods {there}"
        )
    pairs = sides[0].join(sides[1]["value"].rename("value_other"), how="inner").sort_index()
    over = resampling(pairs, options, dataset, protocols[0], skip)
    differences = (pairs["value"] - pairs["value_other"]).to_numpy(np.float64)
    figure = _figures(differences, over.unit_of_row, over, options)[averaging]
    count = figure.sequences if averaging == "sequence" else figure.frames
    return Difference(figure.value, figure.low, figure.high, count, method, other)


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
    values: Values, unit_of_row: NDArray[np.intp], over: Resampling, options: BootstrapOptions
) -> dict[str, _Figure]:
    """Mean and interval for each way of averaging."""
    units = len(over.sequence)
    sums, counts = unit_sums(values, unit_of_row, units)
    once = np.ones((1, units))
    means = sequence_means(sums, counts, over)
    means = means[np.isfinite(means)]
    spread = float(means.std(ddof=1)) if len(means) > 1 else float("nan")
    figures = {}
    for averaging in AVERAGINGS:
        if averaging == "frame":
            value, drawn = (mean_per_frame(sums, counts, weights) for weights in (once, over.weights))
        else:
            value, drawn = (mean_per_sequence(sums, counts, weights, over) for weights in (once, over.weights))
        low, high = interval(drawn, int((counts > 0).sum()), options.confidence)
        figures[averaging] = _Figure(float(value[0]), low, high, spread, int(counts.sum()), len(means))
    return figures


def _side(chosen: Any, method: str) -> Any:
    return chosen[chosen["method"] == method].set_index("sample_id")[["sequence", "group", "t_us", "value"]]
