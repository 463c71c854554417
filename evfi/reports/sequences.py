"""One sequence at a time: every method over its time, and the targets that are hardest."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from evfi.evaluation.cube import Cube, Places, Targets
from evfi.reports.comparison import Comparison
from evfi.reports.figures import Line as FigureLine
from evfi.reports.figures import time_figure
from evfi.reports.measured import Method, Setting
from evfi.reports.options import ReportOptions
from evfi.reports.views import Column, Line, Table, number_cell, series_of
from evfi.units import US_PER_S

_FEWEST_TIMES = 8


@dataclass(frozen=True, slots=True)
class SequencePart:
    """One sequence of one setting. `figure`: the main metric over time, None where it has too few moments."""

    anchor: str
    title: str
    figure: Markup | None
    targets: Table


def sequence_anchor(block: str, number: int) -> str:
    """The id of the part about the sequence of this number (in the order of names) of a block."""
    return f"{block}-sequence-{number}"


def sequence_parts(
    comparison: Comparison, setting: Setting, block: str, options: ReportOptions
) -> tuple[SequencePart, ...]:
    """A part for each of the first `sequences_shown` sequences, by name; none where the main metric has no figures."""
    metric = options.main_metric
    cube, places = comparison.figures(setting)
    methods = [method for method in comparison.methods(setting) if not method.is_intermediate]
    measured = {method: _with_figure(cube, metric, method, places) for method in methods}
    shown = [method for method in methods if len(measured[method])]
    if not shown:
        return ()
    known = np.unique(np.concatenate([measured[method] for method in shown]))
    made = []
    for number, name in enumerate(cube.targets.sequence.at(known)[: options.sequences_shown]):
        own = cube.of_sequence(name, known)
        figures = _Figures(
            cube.targets,
            own[np.argsort(cube.targets.t_us[own], kind="stable")],
            {method: cube.values[cube.metrics.index(metric), cube.methods.index(method.name)] for method in shown},
        )
        anchor = sequence_anchor(block, number)
        made.append(
            SequencePart(
                anchor=anchor,
                title=name,
                figure=_figure(comparison, figures, metric, anchor),
                targets=_hardest(comparison, figures, options),
            )
        )
    return tuple(made)


@dataclass(frozen=True, eq=False, slots=True)
class _Figures:
    """The targets of one sequence by rising time, and all figures of each method, NaN without one."""

    targets: Targets
    places: Places
    of_method: Mapping[Method, NDArray[np.float64]]


def _with_figure(cube: Cube, metric: str, method: Method, places: Places) -> Places:
    own = cube.measured(metric, method.name, places)
    return own[~np.isnan(cube.figures(metric, method.name, own))] if len(own) else own


def _figure(comparison: Comparison, figures: _Figures, metric: str, anchor: str) -> Markup | None:
    times = figures.targets.t_us[figures.places]
    if len(np.unique(times)) < _FEWEST_TIMES:
        return None
    card = comparison.card(metric)
    series = series_of(comparison.measured.methods)
    lines = []
    for method, all_values in figures.of_method.items():
        values = all_values[figures.places]
        known = np.isfinite(values)
        seconds = (times[known] - times[0]) / US_PER_S
        lines.append(
            FigureLine(
                series[method.name], not method.is_baseline, tuple(seconds.tolist()), tuple(values[known].tolist())
            )
        )
    return time_figure(
        lines,
        x_label="time from the first target, s",
        y_label=f"{card.label}, {card.unit}" if card.unit else card.label,
        name=f"{anchor}-time",
        description=f"{card.label} of {len(times)} targets over time, for {len(lines)} methods",
    )


def _hardest(comparison: Comparison, figures: _Figures, options: ReportOptions) -> Table:
    """The targets where the first learned method (else the first of all) does worst, worst first."""
    card = comparison.card(options.main_metric)
    methods = [*figures.of_method]
    judged = next((method for method in methods if method.is_final), methods[0])
    values = figures.of_method[judged][figures.places]
    worst = figures.places[np.argsort(values if card.higher_is_better else -values, kind="stable")]
    shown = worst[: options.hardest_targets]
    worst_of = f"where {judged.label} does worst"
    group, name = figures.targets.group, figures.targets.name
    few = f"The {len(shown)} of {len(worst)} targets {worst_of}"
    said = few if len(shown) < len(worst) else f"All targets, first those {worst_of}"
    return Table(
        caption=f"{said}; {card.label}.",
        first="frames, target",
        columns=tuple(Column(method.label, card.unit) for method in methods),
        lines=tuple(
            Line(
                title=f"{group.names[group.number[place]]}, {name.names[name.number[place]]}",
                cells=tuple(number_cell(float(own[place]), card.decimals) for own in figures.of_method.values()),
            )
            for place in shown
        ),
    )
