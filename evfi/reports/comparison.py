"""Every aggregated figure and paired difference of a run, looked up by setting, method, metric and target."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evfi.evaluation.aggregate import Row, difference_of, rows_of
from evfi.evaluation.bootstrap import Draws
from evfi.evaluation.cards import Card, TableCard, metric_card, table_card
from evfi.evaluation.cube import ALL_TARGETS, Cube, Places
from evfi.evaluation.options import NO_WEIGHTS, EvaluationOptions
from evfi.reports.measured import Measured, Method, Setting

BY_SEQUENCE, BY_FRAME = "sequence", "frame"
# specs/evaluation.md: "no quality rank, an event integrator is its upper bound"
_UNRANKED = ("event_consistency", "event_consistency_true")


@dataclass(frozen=True, slots=True)
class Paired:
    """`method` minus `versus` on the same targets: mean over sequences with its interval, in the metric's unit.

    A gain is the same with the sign turned where lower is better, so that a positive gain is always better.
    """

    setting: Setting
    metric: str
    target: str
    method: str
    versus: str
    value: float
    low: float
    high: float
    sequences: int
    higher_is_better: bool

    @property
    def gain(self) -> float:
        return self.value if self.higher_is_better else -self.value

    @property
    def gain_low(self) -> float:
        return self.low if self.higher_is_better else -self.high

    @property
    def gain_high(self) -> float:
        return self.high if self.higher_is_better else -self.low

    @property
    def is_better(self) -> bool:
        """Whether `method` is better than `versus` on average."""
        return self.gain > 0

    @property
    def is_level(self) -> bool:
        """Whether there is an interval and it includes zero: the difference may be chance."""
        return self.low <= 0 <= self.high


class Comparison:
    """Looks figures up; differences are computed when first asked for, and kept."""

    def __init__(self, measured: Measured, options: EvaluationOptions) -> None:
        self.measured = measured
        self._options = options
        self._differences: dict[tuple[Setting, str, str, str, str], Paired | None] = {}
        self._places: dict[Setting, Places] = {}
        self._draws = Draws(options.bootstrap)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """All aggregated rows: each target and "all", averaged over frames and over sequences."""
        return tuple(row for setting in self.measured.settings for row in rows_of(*self.figures(setting), self._draws))

    @cached_property
    def part_rows(self) -> tuple[tuple[Setting, tuple[Row, ...]], ...]:
        """The same of the parts of those settings that have parts."""
        parts = [part for setting in self.measured.settings for part in self.measured.parts(setting) if part.part]
        return tuple((part, tuple(rows_of(*self.figures(part), self._draws))) for part in parts)

    @cached_property
    def _by_key(self) -> dict[tuple[Setting, str, str, str, str], Row]:
        whole = [(Setting(row.dataset, row.protocol, row.skip), row) for row in self.rows]
        parts = [(setting, row) for setting, rows in self.part_rows for row in rows]
        return {(place, row.method, row.metric, row.target, row.averaging): row for place, row in (*whole, *parts)}

    def row(
        self, setting: Setting, method: str, metric: str, target: str = ALL_TARGETS, averaging: str = BY_SEQUENCE
    ) -> Row | None:
        """One aggregated figure; None where nothing was measured or nothing applied."""
        found = self._by_key.get((setting, method, metric, target, averaging))
        return found if found is not None and math.isfinite(found.value) else None

    def figures(self, setting: Setting) -> tuple[Cube, Places]:
        """The cube of a setting, and the targets of it, or of its part, in there."""
        if setting not in self._places:
            self._places[setting] = self.measured.places(setting)
        return self.measured.cube(setting), self._places[setting]

    def metrics(self, setting: Setting) -> tuple[str, ...]:
        """The metrics that gave a figure in a setting, or lacked weights, in the order of the evaluation's options."""
        cube, places = self.figures(setting)
        there = {
            metric
            for metric in cube.metrics
            if any(np.isfinite(cube.figures(metric, method, places)).any() for method in cube.methods)
            or self.lacks_weights(setting, metric)
        }
        known = [name for name in self._options.metrics if name in there]
        return (*known, *sorted(there - set(known)))

    def lacks_weights(self, setting: Setting, metric: str) -> bool:
        """Whether a metric was asked for without the files that it needs."""
        cube, places = self.figures(setting)
        return cube.has_note(metric, NO_WEIGHTS, places)

    def taus(self, setting: Setting) -> dict[str, float]:
        """The targets of a setting (without "all") with their mean tau, rising."""
        cube, places = self.figures(setting)
        names = cube.targets.name.at(places)
        means = {name: float(np.mean(cube.targets.tau[cube.of_target(name, places)])) for name in names}
        return dict(sorted(means.items(), key=lambda item: (item[1], item[0])))

    def methods(self, setting: Setting) -> tuple[Method, ...]:
        """The methods measured in a setting, in the order of the tables."""
        cube, places = self.figures(setting)
        return tuple(
            method
            for method in self.measured.methods
            if any(len(cube.measured(metric, method.name, places)) for metric in cube.metrics)
        )

    def card(self, metric: str) -> Card:
        """How a metric is computed."""
        return metric_card(metric, self._options)

    def table_card(self, setting: Setting, metric: str, target: str) -> TableCard:
        """The card of one column of one table."""
        cube, places = self.figures(setting)
        return table_card(cube, metric, places, target=target, options=self._options)

    def ranks(self, metric: str) -> bool:
        """Whether a better value of this metric means a better method."""
        return metric not in _UNRANKED

    def paired(self, setting: Setting, method: str, versus: str, metric: str, target: str) -> Paired | None:
        """`method` minus `versus`; None where they have no target in common with a figure of both."""
        key = (setting, method, versus, metric, target)
        if key not in self._differences:
            self._differences[key] = self._paired(setting, method, versus, metric, target)
        return self._differences[key]

    def best(self, setting: Setting, metric: str, target: str, methods: tuple[Method, ...]) -> Method | None:
        """Of some methods the one with the best mean over sequences; None if none was measured or nothing ranks."""
        if not self.ranks(metric):
            return None
        sign = 1 if self.card(metric).higher_is_better else -1
        known = [
            (row.value * sign, method) for method in methods if (row := self.row(setting, method.name, metric, target))
        ]
        return max(known, key=lambda item: item[0])[1] if known else None

    def values_of(self, setting: Setting, sample_id: str, metric: str) -> dict[str, float]:
        """A metric of one target for each method; NaN where it does not apply."""
        cube = self.measured.cube(setting)
        place = cube.targets.place(sample_id)
        if place is None or metric not in cube.metrics:
            return {}
        one = np.array([place])
        return {method: float(cube.figures(metric, method, one)[0]) for method in cube.methods}

    @property
    def confidence(self) -> str:
        """The intervals' coverage in words: "95 %"."""
        return f"{100 * self._options.bootstrap.confidence:g} %"

    def _paired(self, setting: Setting, method: str, versus: str, metric: str, target: str) -> Paired | None:
        if self.row(setting, method, metric, target) is None or self.row(setting, versus, metric, target) is None:
            return None
        cube, places = self.figures(setting)
        difference = difference_of(cube, cube.of_target(target, places), metric, (method, versus), self._draws)
        if not math.isfinite(difference.value):
            return None
        return Paired(
            setting=setting,
            metric=metric,
            target=target,
            method=method,
            versus=versus,
            value=difference.value,
            low=difference.low,
            high=difference.high,
            sequences=difference.n,
            higher_is_better=self.card(metric).higher_is_better,
        )
