"""Percentile bootstrap of means over sequences, or over blocks of time within them where there are few.

All statistics here are ratios of sums over units, so that one matrix of drawn weights serves every method and metric.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evfi.evaluation.cube import Key, Places, Targets
from evfi.evaluation.options import BootstrapOptions
from evfi.provenance import item_seed

Weights = NDArray[Any]
"""How often each unit was drawn, by the smallest integer that can say it: (samples, units)."""
Values = NDArray[np.float64]
# Of the weights that are at hand as float64, or of the draws that are counted.
_BLOCK_CELLS = 1 << 17
_MOST_KEPT_BYTES = 16 << 20


@dataclass(frozen=True, eq=False, slots=True)
class Resampling:
    """Drawn data sets over units of measurement.

    A unit is a sequence where there are enough of them, else a group of targets (one pair of boundary frames) in a
    sequence. `sequence` int (units,) numbers each unit's sequence; `weights` (samples, units) says how often each
    unit was drawn; `unit_of_target` int32 numbers the unit of each target that the draws were made for. Where no
    sequence has more groups than a block, all draws are one, and `differ` is false.
    """

    sequence: NDArray[np.intp]
    weights: Weights
    unit_of_target: NDArray[np.int32]
    by_sequence: bool
    differ: bool

    @property
    def sequences(self) -> int:
        return int(self.sequence.max()) + 1

    @property
    def nbytes(self) -> int:
        return self.weights.nbytes + self.unit_of_target.nbytes


class Draws:
    """Draws of sets of targets, made when first asked for; the latest are kept, up to some 16 MB.

    Hundreds of means and differences share a few sets of targets.
    """

    def __init__(self, options: BootstrapOptions) -> None:
        self.options = options
        self._kept: dict[tuple[Key, bytes], Resampling] = {}

    def of(self, key: Key, targets: Targets, places: Places) -> Resampling:
        """The draws for some targets of one setting, whose key names them."""
        asked = (key, hashlib.blake2b(places.tobytes()).digest())
        found = self._kept.pop(asked, None) or resampling(targets, places, self.options, *key)
        self._kept[asked] = found
        while sum(one.nbytes for one in self._kept.values()) > _MOST_KEPT_BYTES and len(self._kept) > 1:
            del self._kept[next(iter(self._kept))]
        return found


def resampling(targets: Targets, places: Places, options: BootstrapOptions, *key: object) -> Resampling:
    """Draws for some targets of one data set, protocol and skip; `key` names them: every setting has its own draws."""
    rng = np.random.default_rng(item_seed(options.seed, "bootstrap", *key))
    numbers, sequence = np.unique(targets.sequence.number[places], return_inverse=True)
    if len(numbers) >= options.min_sequences:
        weights = _counts(
            lambda rows: rng.integers(0, len(numbers), (rows, len(numbers))), options.samples, len(numbers)
        )
        return Resampling(np.arange(len(numbers)), weights, sequence.astype(np.int32), by_sequence=True, differ=True)
    units, unit_of_target = _groups_in_time(targets, places, sequence)
    parts = [_block_counts(int((units == number).sum()), options.samples, rng) for number in range(len(numbers))]
    weights = np.concatenate(parts, axis=1)
    differ = bool((weights != weights[:1]).any())
    return Resampling(units, weights, unit_of_target, by_sequence=False, differ=differ)


def _groups_in_time(
    targets: Targets, places: Places, sequence: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """The sequence of each group, by sequence, earliest time and name; and the number of each target's group."""
    groups = targets.group.number[places]
    pairs, group_of_target = np.unique(sequence * len(targets.group.names) + groups, return_inverse=True)
    starts = np.full(len(pairs), np.iinfo(np.int64).max)
    np.minimum.at(starts, group_of_target, targets.t_us[places])
    owner, name = np.divmod(pairs, len(targets.group.names))
    order = np.lexsort((name, starts, owner))
    unit = np.empty(len(pairs), np.int32)
    unit[order] = np.arange(len(pairs))
    return owner[order], unit[group_of_target]


def unit_sums(values: Values, unit_of_target: NDArray[np.int32], units: int) -> tuple[Values, Values]:
    """Sum and number of the values (NaN left out) in each unit."""
    there = np.isfinite(values)
    sums = np.bincount(unit_of_target[there], weights=values[there], minlength=units).astype(np.float64)
    counts = np.bincount(unit_of_target[there], minlength=units).astype(np.float64)
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

    def drawn(rows: int) -> NDArray[np.int64]:
        starts = rng.integers(0, units, (rows, blocks))
        return ((starts[:, :, None] + np.arange(length)) % units).reshape(rows, -1)[:, :units]

    return _counts(drawn, samples, units)


def _counts(drawn: Callable[[int], NDArray[np.int64]], samples: int, units: int) -> Weights:
    """How often each unit stands in each row; rows are drawn a block at a time, in one stream of random numbers."""
    parts = []
    for start in range(0, samples, _rows_of_block(units)):
        rows = drawn(min(_rows_of_block(units), samples - start))
        cell = (np.arange(len(rows))[:, None] * units + rows).ravel()
        counts = np.bincount(cell, minlength=len(rows) * units).reshape(len(rows), units)
        parts.append(counts.astype(np.min_scalar_type(counts.max())))
    return np.concatenate(parts)


def _rows_of_block(units: int) -> int:
    return max(2, _BLOCK_CELLS // units)


def _summed(weights: Weights, values: Values) -> Values:
    summed = np.empty(len(weights))
    rows, start = _rows_of_block(len(values)), 0
    while start < len(weights):
        # einsum adds up a single row in another order than each of several: none is left over
        stop = start + rows if len(weights) > start + rows + 1 else len(weights)
        block = weights[start:stop].astype(np.float64)
        # einsum without a BLAS: the bits do not depend on how many threads it would take
        summed[start:stop] = np.einsum("su,u->s", block, values, optimize=False)
        start = stop
    return summed


def _ratio(sums: Values, counts: Values) -> Values:
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
