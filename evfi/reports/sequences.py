"""One sequence at a time: every method over its time, and the targets that are hardest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup

from evfi.reports.comparison import Comparison
from evfi.reports.figures import Line as FigureLine
from evfi.reports.figures import time_figure
from evfi.reports.measured import Method, Setting
from evfi.reports.options import ReportOptions
from evfi.reports.views import Column, Line, Table, number_cell, series_of
from evfi.units import US_PER_S

_FEWEST_TIMES = 8
_KEYS = ("sample_id", "group", "target", "t_us")


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
    rows = comparison.table(setting)
    methods = [method for method in comparison.methods(setting) if not method.is_intermediate]
    rows = rows.loc[(rows["metric"] == metric) & rows["method"].isin([method.name for method in methods])]
    wide = rows.pivot_table(index=["sequence", *_KEYS], columns="method", values="value", sort=True)
    if wide.empty:
        return ()
    made = []
    for number, (name, own) in enumerate(wide.groupby(level="sequence", sort=True)):
        if number >= options.sequences_shown:
            break
        figures = own.droplevel("sequence").reset_index().sort_values("t_us")
        shown = [method for method in methods if method.name in figures.columns]
        anchor = sequence_anchor(block, number)
        made.append(
            SequencePart(
                anchor=anchor,
                title=str(name),
                figure=_figure(comparison, figures, shown, metric, anchor),
                targets=_hardest(comparison, figures, shown, options),
            )
        )
    return tuple(made)


def _figure(
    comparison: Comparison, figures: pd.DataFrame, methods: Sequence[Method], metric: str, anchor: str
) -> Markup | None:
    times = figures["t_us"].to_numpy(np.int64)
    if len(set(times.tolist())) < _FEWEST_TIMES:
        return None
    card = comparison.card(metric)
    series = series_of(comparison.measured.methods)
    lines = []
    for method in methods:
        values = figures[method.name].to_numpy(np.float64)
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
        description=f"{card.label} of {len(figures)} targets over time, for {len(lines)} methods",
    )


def _hardest(comparison: Comparison, figures: pd.DataFrame, methods: Sequence[Method], options: ReportOptions) -> Table:
    """The targets where the first learned method (else the first of all) does worst, worst first."""
    card = comparison.card(options.main_metric)
    judged = next((method for method in methods if method.is_final), methods[0])
    worst = figures.sort_values(judged.name, ascending=card.higher_is_better, kind="stable")
    shown = worst.head(options.hardest_targets)
    worst_of = f"where {judged.label} does worst"
    few = f"The {len(shown)} of {len(figures)} targets {worst_of}"
    said = few if len(shown) < len(figures) else f"All targets, first those {worst_of}"
    return Table(
        caption=f"{said}; {card.label}.",
        first="frames, target",
        columns=tuple(Column(method.label, card.unit) for method in methods),
        lines=tuple(
            Line(
                title=f"{row['group']}, {row['target']}",
                cells=tuple(number_cell(float(row[method.name]), card.decimals) for method in methods),
            )
            for row in shown.to_dict("records")
        ),
    )
