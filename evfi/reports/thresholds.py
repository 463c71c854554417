"""PSNR against the threshold of the events: reads a threshold sweep, and gives each setting its figure and table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.evaluation.aggregate import ALL_TARGETS, Row, aggregate
from evfi.evaluation.options import BootstrapOptions
from evfi.evaluation.protocols import SWEEP_DOCUMENT_FILE, SWEEP_METRIC, TARGETS_FILE, setting_name
from evfi.reports import formatting
from evfi.reports.comparison import BY_SEQUENCE, Comparison
from evfi.reports.figures import Line as FigureLine
from evfi.reports.figures import line_figure
from evfi.reports.measured import Method, Setting, read_json
from evfi.reports.origins import plain_lines
from evfi.reports.settings import LegendEntry
from evfi.reports.views import Column, Line, Table, kind_of, number_cell, series_of

_REMEDY = "make it with `evfi sweep-thresholds`"
_WITHOUT, _WITH = "without noise", "with noise"


@dataclass(frozen=True, slots=True)
class SweepRow:
    """The mean of a method over all targets of a setting, at one threshold, without or with noise."""

    contrast: float
    noisy: bool
    row: Row


@dataclass(frozen=True, slots=True)
class Sweep:
    """The threshold sweep of a run; `noise` says in words which one was on."""

    rows: tuple[SweepRow, ...] = ()
    noise: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SweepView:
    """One setting's figure and table; `noise` says in words which one was on, the same for all settings."""

    anchor: str
    title: str
    figure: Markup
    legend: tuple[LegendEntry, ...]
    table: Table
    noise: tuple[tuple[str, str], ...]


def read_sweep(folder: Path | None, index_sha256: str | None, bootstrap: BootstrapOptions) -> Sweep:
    """Read the folder that `sweep_thresholds` wrote; none gives no rows.

    Raises:
        MissingInputError, InputFileError: a file is absent or not what it should be.
        UserError: it was measured on another sample index.
    """
    if folder is None:
        return Sweep()
    document = read_json(folder / SWEEP_DOCUMENT_FILE, remedy=_REMEDY)
    if document.get("index_sha256") != index_sha256:
        raise UserError(f"{folder} was measured on another sample index than the evaluations: {_REMEDY} again")
    noise = (document.get("options") or {}).get("noise") or {}
    rows = _rows(_targets(folder), bootstrap)
    return Sweep(tuple(rows), plain_lines({name: value for name, value in noise.items() if value}))


def sweep_views(sweep: Sweep, comparison: Comparison) -> tuple[SweepView, ...]:
    """A view of every setting that was swept."""
    settings = sorted({_setting(one.row) for one in sweep.rows}, key=lambda one: (one.dataset, one.protocol, one.skip))
    return tuple(_view(sweep, comparison, setting, f"thresholds-{number}") for number, setting in enumerate(settings))


def _targets(folder: Path) -> pd.DataFrame:
    path = folder / TARGETS_FILE
    if not path.is_file():
        raise MissingInputError(f"no file {path}: {_REMEDY}")
    table = pd.read_parquet(path)
    missing = sorted({"contrast", "noisy", "metric", "value"} - set(table.columns))
    if missing:
        raise InputFileError(f"{path} lacks the columns {missing}: {_REMEDY}")
    return table


def _rows(targets: pd.DataFrame, bootstrap: BootstrapOptions) -> list[SweepRow]:
    table: Any = targets
    return [
        SweepRow(float(contrast), bool(noisy), row)
        for (contrast, noisy), own in table.groupby(["contrast", "noisy"], sort=True)
        # One name for all targets: their own means are of no use here.
        for row in aggregate(own.assign(target=ALL_TARGETS), bootstrap)
        if row.averaging == BY_SEQUENCE
    ]


def _setting(row: Row) -> Setting:
    return Setting(row.dataset, row.protocol, row.skip)


def _view(sweep: Sweep, comparison: Comparison, setting: Setting, anchor: str) -> SweepView:
    own = [one for one in sweep.rows if _setting(one.row) == setting]
    there = {one.row.method for one in own}
    methods = [method for method in comparison.measured.methods if method.name in there and not method.is_intermediate]
    words = setting_name(setting.dataset, setting.protocol, setting.skip)
    series = series_of(comparison.measured.methods)
    card = comparison.card(SWEEP_METRIC)
    name = f"{card.label}, {card.unit}"
    lines = [
        FigureLine(series[method.name], not method.is_baseline, *zip(*points, strict=True), dashed=noisy)
        for method in methods
        for noisy in (False, True)
        if (points := [(one.contrast, one.row.value) for one in _of(own, method, noisy)])
    ]
    return SweepView(
        anchor=anchor,
        title=words[0].upper() + words[1:],
        figure=line_figure(
            lines,
            x_label="contrast threshold of the test events",
            y_label=name,
            name=anchor,
            description=f"{card.label} by the contrast threshold of the test events, {_WITHOUT} and {_WITH}",
        ),
        legend=tuple(LegendEntry(method.label, series[method.name]) for method in methods),
        table=_table(own, methods, comparison),
        noise=sweep.noise,
    )


def _of(rows: Sequence[SweepRow], method: Method, noisy: bool) -> list[SweepRow]:
    return [one for one in rows if one.row.method == method.name and one.noisy == noisy]


def _table(rows: Sequence[SweepRow], methods: Sequence[Method], comparison: Comparison) -> Table:
    card, series = comparison.card(SWEEP_METRIC), series_of(comparison.measured.methods)
    contrasts = sorted({one.contrast for one in rows})
    lines = []
    for method in methods:
        for noisy in sorted({one.noisy for one in rows}):
            at = {one.contrast: one.row for one in _of(rows, method, noisy)}
            cells = [
                number_cell(at[contrast].value, card.decimals, low=at[contrast].low, high=at[contrast].high)
                for contrast in contrasts
            ]
            below = _WITH if noisy else _WITHOUT
            lines.append(Line(method.label, tuple(cells), kind_of(method), series[method.name], below=below))
    frames, sequences = max(one.row.frames for one in rows), max(one.row.sequences for one in rows)
    return Table(
        caption=f"{card.label} over {formatting.count(frames, 'frame')} of {formatting.count(sequences, 'sequence')}, "
        f"mean of the sequences' means, in brackets its {comparison.confidence} interval.",
        first="method",
        columns=tuple(Column(f"C {contrast:g}", card.unit) for contrast in contrasts),
        lines=tuple(lines),
    )
