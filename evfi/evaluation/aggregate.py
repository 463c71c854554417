"""From the figures of single targets to tables: means per frame and per sequence, intervals, paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
Drawn = dict[tuple[str | int, ...], Resampling]
"""The draws for a set of targets: data set, protocol, skip, and all sample ids."""


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
    left, right = (side_of(chosen, name) for name in (method, other))
    if left.empty or right.empty:
        there = sorted(set(chosen["method"]))
        raise UserError(
            f"no {metric} of {method} and {other} for {dataset}, {'/'.join(protocols) or 'any protocol'}, skip {skip}, "
            f"target {target}: there are the methods {there}"
        )
    found = difference_of(left, right, (dataset, protocols[0], skip), averaging=averaging, options=options)
    return replace(found, method=method, other=other)


def side_of(rows: Any, method: str) -> Any:
    """One method's rows of one metric in one setting as a side of `difference_of`: a row a target, by sample id."""
    own = rows[rows["method"] == method].set_index("sample_id")
    return own[["sequence", "group", "t_us", "target", "value"]].sort_index()


def difference_of(
    left: Any,
    right: Any,
    key: tuple[str, str, int],
    *,
    averaging: str = "sequence",
    options: BootstrapOptions,
    drawn: Drawn | None = None,
) -> Difference:
    """Mean of (left - right) over the targets that both have a figure for, with its interval.

    Args:
        left, right: `side_of` two methods.
        key: data set, protocol and skip, which name the draws.
        drawn: draws made before, and where new ones are kept: hundreds of differences share a few sets of targets.
    """
    if not left.index.equals(right.index):
        common = left.index.intersection(right.index).sort_values()
        left, right = left.loc[common], right.loc[common]
    drawn = {} if drawn is None else drawn
    asked = (*key, *left.index)
    if asked not in drawn:
        drawn[asked] = resampling(left, options, *key)
    over = drawn[asked]
    differences = left["value"].to_numpy(np.float64) - right["value"].to_numpy(np.float64)
    figure = _figures(differences, over.unit_of_row, over, options, (averaging,))[averaging]
    count = figure.sequences if averaging == "sequence" else figure.frames
    return Difference(figure.value, figure.low, figure.high, count)


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
    values: Values,
    unit_of_row: NDArray[np.intp],
    over: Resampling,
    options: BootstrapOptions,
    averagings: Sequence[str] = AVERAGINGS,
) -> dict[str, _Figure]:
    """Mean and interval for each way of averaging."""
    units = len(over.sequence)
    sums, counts = unit_sums(values, unit_of_row, units)
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
        low, high = interval(drawn, int((counts > 0).sum()), options.confidence)
        figures[averaging] = _Figure(float(value[0]), low, high, spread, int(counts.sum()), len(means))
    return figures
