"""Percentile bootstrap of means over sequences, or over blocks of time within them where there are few.

All statistics here are ratios of sums over units, so that one matrix of drawn weights serves every method and metric.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evfi.evaluation.options import BootstrapOptions
from evfi.provenance import item_seed

Weights = NDArray[np.float64]
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Resampling:
    """Drawn data sets over units of measurement.

    A unit is a sequence where there are enough of them, else a group of targets (one pair of boundary frames) in a
    sequence. `sequence` int (units,) numbers each unit's sequence; `weights` (samples, units) says how often each
    unit was drawn; `unit_of_row` int numbers the unit of each row that the draws were made for.
    """

    sequence: NDArray[np.intp]
    weights: Weights
    unit_of_row: NDArray[np.intp]
    by_sequence: bool

    @property
    def sequences(self) -> int:
        return int(self.sequence.max()) + 1


def resampling(rows: pd.DataFrame, options: BootstrapOptions, *key: object) -> Resampling:
    """Draws for the rows of one data set, protocol and skip; `key` names them, so that every setting has its own draws.

    Rows need the columns sequence, group and t_us.
    """
    rng = np.random.default_rng(item_seed(options.seed, "bootstrap", *key))
    names = sorted(set(rows["sequence"]))
    if len(names) >= options.min_sequences:
        drawn = rng.integers(0, len(names), (options.samples, len(names)))
        number = {name: place for place, name in enumerate(names)}
        unit_of_row = np.array([number[name] for name in rows["sequence"]], np.intp)
        return Resampling(np.arange(len(names)), _counts(drawn, len(names)), unit_of_row, by_sequence=True)
    earliest: Any = rows.groupby(["sequence", "group"])["t_us"].min()
    starts = earliest.reset_index().sort_values(["sequence", "t_us", "group"])
    units = {key: place for place, key in enumerate(zip(starts["sequence"], starts["group"], strict=True))}
    sequence = np.array([names.index(name) for name, _ in units], np.intp)
    parts = [_block_counts(int((sequence == number).sum()), options.samples, rng) for number in range(len(names))]
    unit_of_row = np.array([units[key] for key in zip(rows["sequence"], rows["group"], strict=True)], np.intp)
    return Resampling(sequence, np.concatenate(parts, axis=1), unit_of_row, by_sequence=False)


def unit_sums(values: Values, unit_of_row: NDArray[np.intp], units: int) -> tuple[Values, Values]:
    """Sum and number of the values (NaN left out) in each unit."""
    there = np.isfinite(values)
    sums = np.bincount(unit_of_row[there], weights=values[there], minlength=units).astype(np.float64)
    counts = np.bincount(unit_of_row[there], minlength=units).astype(np.float64)
    return sums, counts


def mean_per_frame(sums: Values, counts: Values, weights: Weights) -> Values:
    """Mean over all frames of each drawn data set (rows of `weights`); NaN where nothing was drawn."""
    return _ratio(_summed(weights, sums), _summed(weights, counts))


def mean_per_sequence(sums: Values, counts: Values, weights: Weights, over: Resampling) -> Values:
    """Mean of the sequences' means of each drawn data set; sequences without a value are left out."""
    if over.by_sequence:
        means = _ratio(sums, counts)
        there = np.isfinite(means)
        return _ratio(_summed(weights, np.where(there, means, 0.0)), _summed(weights, there.astype(np.float64)))
    means = np.stack(
        [
            mean_per_frame(sums[own], counts[own], weights[:, own])
            for own in (over.sequence == number for number in range(over.sequences))
        ]
    )
    there = np.isfinite(means)
    return _ratio(np.where(there, means, 0.0).sum(axis=0), there.sum(axis=0).astype(np.float64))


def sequence_means(sums: Values, counts: Values, over: Resampling) -> Values:
    """The mean of each sequence, NaN where it has no value."""
    return _ratio(
        np.bincount(over.sequence, weights=sums, minlength=over.sequences).astype(np.float64),
        np.bincount(over.sequence, weights=counts, minlength=over.sequences).astype(np.float64),
    )


def interval(drawn: Values, units: int, confidence: float) -> tuple[float, float]:
    """The central percentiles of drawn statistics; NaN with fewer than two units, which carry no spread."""
    finite = drawn[np.isfinite(drawn)]
    if units < 2 or not len(finite):
        return float("nan"), float("nan")
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(finite, [tail, 100.0 - tail])
    return float(low), float(high)


def block_length(units: int) -> int:
    """Groups in a row that are drawn together: the square root of their number, for neighbours in time are alike."""
    return max(1, int(np.ceil(np.sqrt(units))))


def _block_counts(units: int, samples: int, rng: np.random.Generator) -> Weights:
    """Circular block bootstrap: blocks start anywhere and go round the end; the last one is cut to the length."""
    length = block_length(units)
    blocks = -(-units // length)
    starts = rng.integers(0, units, (samples, blocks))
    drawn = (starts[:, :, None] + np.arange(length)) % units
    return _counts(drawn.reshape(samples, -1)[:, :units], units)


def _counts(drawn: NDArray[np.int64], units: int) -> Weights:
    samples = len(drawn)
    cell = (np.arange(samples)[:, None] * units + drawn).ravel()
    return np.bincount(cell, minlength=samples * units).reshape(samples, units).astype(np.float64)


def _summed(weights: Weights, values: Values) -> Values:
    # einsum without a BLAS: the bits do not depend on how many threads it would take
    return np.einsum("su,u->s", weights, values, optimize=False)


def _ratio(sums: Values, counts: Values) -> Values:
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
