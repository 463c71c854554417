"""Tables of one setting: means with intervals, paired differences, every target, every sequence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evfi.evaluation.aggregate import Row
from evfi.evaluation.cube import ALL_TARGETS, Cube, Places
from evfi.evaluation.options import NO_WEIGHTS
from evfi.reports import formatting
from evfi.reports.comparison import BY_FRAME, BY_SEQUENCE, Comparison, Paired
from evfi.reports.measured import Method, Setting
from evfi.reports.origins import stamp_anchor
from evfi.reports.views import Badge, Cell, Column, Line, Table, kind_of, number_cell, series_of, tracks


def main_table(comparison: Comparison, setting: Setting, target: str, main_metric: str) -> Table:
    """A row for each method, a column for each metric (mean of sequences' means with interval); worse = red."""
    methods = comparison.methods(setting)
    metrics = _main_first(comparison.metrics(setting), main_metric)
    columns = [_metric_column(comparison, metric) for metric in metrics]
    figures = {metric: _metric_cells(comparison, setting, target, metric, methods) for metric in metrics}
    series = series_of(comparison.measured.methods)
    if main_metric in metrics:
        note = "value and interval on one common axis"
        columns.insert(1, Column("where it stands", is_number=False, is_sortable=False, note=note))
        spans = [_span(comparison, setting, method, main_metric, target) for method in methods]
        drawn = [Cell("", track=track) for track in tracks(spans)]
    else:
        drawn = None
    counts = _counts(comparison, setting, methods, main_metric, target)
    lines = []
    for number, method in enumerate(methods):
        cells = [figures[metric][number] for metric in metrics]
        if drawn is not None:
            cells.insert(1, drawn[number])
        if not counts.same:
            cells.extend(counts.cells[method.name])
        lines.append(
            Line(
                title=method.label,
                cells=tuple(cells),
                kind=kind_of(method),
                series=series[method.name],
                href=stamp_anchor(method.folder),
                hint="the command that made this row",
                badge=_verdict(comparison, setting, method, main_metric, target, methods),
            )
        )
    return Table(
        caption=f"{target_words(target)}{counts.same}. Mean of the sequences' means, in brackets its "
        f"{comparison.confidence} interval; underlined: best; red: a learned method that does not beat every baseline.",
        first="method",
        columns=tuple(columns) if counts.same else (*columns, Column("frames"), Column("sequences")),
        lines=tuple(lines),
    )


def difference_table(comparison: Comparison, setting: Setting, target: str, metric: str) -> Table | None:
    """Learned methods minus each baseline, on the same targets; None where one of the two is missing."""
    methods = comparison.methods(setting)
    baselines = [method for method in methods if method.is_baseline]
    learned = [method for method in methods if not method.is_baseline]
    if not baselines or not learned or not comparison.ranks(metric):
        return None
    card = comparison.card(metric)
    series = series_of(comparison.measured.methods)
    lines = tuple(
        Line(
            title=method.label,
            cells=tuple(
                paired_cell(comparison.paired(setting, method.name, other.name, metric, target), card.decimals)
                for other in baselines
            ),
            kind=kind_of(method),
            series=series[method.name],
        )
        for method in learned
    )
    return Table(
        caption=f"{target_words(target)}. Paired differences in {card.label}: learned method minus baseline on the "
        f"same targets, mean over sequences with its {comparison.confidence} interval. Green is better, red is worse; "
        "in italics: the interval includes zero.",
        first="method",
        columns=tuple(Column(f"minus {other.label}", card.unit) for other in baselines),
        lines=lines,
    )


def target_table(comparison: Comparison, setting: Setting, metric: str) -> Table | None:
    """A row for each method, a column for each target; None with a single target."""
    targets = comparison.taus(setting)
    if len(targets) < 2:
        return None
    methods = comparison.methods(setting)
    card = comparison.card(metric)
    names = (ALL_TARGETS, *targets)
    by_target = {target: _metric_cells(comparison, setting, target, metric, methods) for target in names}
    series = series_of(comparison.measured.methods)
    return Table(
        caption=f"{card.label} of every target, mean of the sequences' means with interval.",
        first="method",
        columns=tuple(Column("all" if target == ALL_TARGETS else target, card.unit) for target in names),
        lines=tuple(
            Line(
                title=method.label,
                cells=tuple(by_target[target][number] for target in names),
                kind=kind_of(method),
                series=series[method.name],
            )
            for number, method in enumerate(methods)
        ),
    )


def averaging_table(comparison: Comparison, setting: Setting) -> Table:
    """Every metric averaged over frames and over sequences, all targets: the two differ by tenths of a dB."""
    metrics = comparison.metrics(setting)
    series = series_of(comparison.measured.methods)
    lines = []
    for method in comparison.methods(setting):
        for averaging, words in ((BY_FRAME, "per frame"), (BY_SEQUENCE, "per sequence")):
            cells = [Cell(words, sort="")]
            for metric in metrics:
                row = comparison.row(setting, method.name, metric, ALL_TARGETS, averaging)
                cell = _row_cell(comparison, row, metric)
                if row is not None and averaging == BY_SEQUENCE and math.isfinite(row.spread):
                    spread = formatting.number(row.spread, comparison.card(metric).decimals)
                    cell = replace(cell, note=f"standard deviation between sequences {spread}")
                cells.append(cell)
            lines.append(Line(method.label, tuple(cells), kind_of(method), series[method.name]))
    return Table(
        caption="All targets: the mean over all frames, and the mean of the sequences' means.",
        first="method",
        columns=(Column("averaged", is_number=False), *(_metric_column(comparison, metric) for metric in metrics)),
        lines=tuple(lines),
    )


def sequence_table(
    comparison: Comparison, setting: Setting, target: str, metric: str, most: int, anchors: Mapping[str, str]
) -> Table | None:
    """A row for each sequence with every method's mean; None with a single sequence. At most `most` rows.

    `anchors`: by its name, the id of the part about a sequence.
    """
    cube, places = comparison.figures(setting)
    methods = [method for method in comparison.methods(setting) if not method.is_intermediate]
    places = cube.of_target(target, places)
    measured = [cube.measured(metric, name, places) for name in cube.methods]
    names = cube.targets.sequence.at(np.concatenate(measured))
    if len(names) < 2:
        return None
    card = comparison.card(metric)
    left_out = f" The first {most} of {len(names)} sequences." if len(names) > most else ""
    return Table(
        caption=f"{target_words(target)}. {card.label} of each sequence.{left_out}",
        first="sequence",
        columns=tuple(Column(method.label, card.unit) for method in methods),
        lines=tuple(
            Line(
                title=name,
                cells=tuple(
                    number_cell(_mean(cube, metric, method.name, cube.of_sequence(name, places)), card.decimals)
                    for method in methods
                ),
                href=anchors.get(name, ""),
                hint="this sequence by itself",
            )
            for name in names[:most]
        ),
    )


def _mean(cube: Cube, metric: str, method: str, places: Places) -> float:
    """A method's mean over some targets; NaN without a figure."""
    own = cube.measured(metric, method, places)
    values = cube.figures(metric, method, own) if len(own) else np.empty(0)
    known = values[~np.isnan(values)]
    return float(known.sum() / len(known)) if len(known) else math.nan


def paired_cell(paired: Paired | None, decimals: int) -> Cell:
    """A paired difference: green if better, red if not, in italics where its interval includes zero."""
    if paired is None:
        return Cell(formatting.NOTHING)
    state = "good" if paired.is_better else "worse"
    return Cell(
        text=formatting.signed(paired.value, decimals),
        interval=formatting.interval(paired.low, paired.high, decimals),
        sort=repr(paired.value),
        state=f"{state} uncertain" if paired.is_level else state,
        note=f"over {formatting.count(paired.sequences, 'sequence')}",
    )


def target_words(target: str) -> str:
    """A target in words, at the start of a caption."""
    return "All targets together" if target == ALL_TARGETS else f"Target {target}"


def _verdict(
    comparison: Comparison, setting: Setting, method: Method, metric: str, target: str, methods: tuple[Method, ...]
) -> Badge | None:
    """What a learned method's own answer is worth beside the best baseline."""
    baseline = comparison.best(setting, metric, target, tuple(other for other in methods if other.is_baseline))
    if not method.is_final or baseline is None:
        return None
    paired = comparison.paired(setting, method.name, baseline.name, metric, target)
    if paired is None:
        return None
    if not paired.is_better:
        return Badge(f"does not beat {baseline.label}", "bad")
    if paired.is_level:
        return Badge(f"level with {baseline.label}", "unsure")
    return Badge("beats every baseline", "good")


def _metric_cells(
    comparison: Comparison, setting: Setting, target: str, metric: str, methods: tuple[Method, ...]
) -> list[Cell]:
    """Cells of one metric, the best one and the learned ones that no better than a baseline marked."""
    best = comparison.best(setting, metric, target, methods)
    baseline = comparison.best(setting, metric, target, tuple(method for method in methods if method.is_baseline))
    cells = []
    for method in methods:
        cell = _row_cell(comparison, comparison.row(setting, method.name, metric, target), metric)
        if not cell.sort and comparison.lacks_weights(setting, metric):
            cell = Cell(NO_WEIGHTS, note="evaluation.lpips names the files")
        if method == best:
            cell = replace(cell, state="best")
        elif not method.is_baseline and baseline is not None and cell.sort:
            paired = comparison.paired(setting, method.name, baseline.name, metric, target)
            if paired is not None and not paired.is_better:
                words = formatting.number(paired.value, comparison.card(metric).decimals)
                cell = replace(cell, state="worse", note=f"{words} against {baseline.label}, the best baseline")
        cells.append(cell)
    return cells


def _row_cell(comparison: Comparison, row: Row | None, metric: str) -> Cell:
    if row is None:
        return Cell("n/a", note="not applicable here")
    cell = number_cell(row.value, comparison.card(metric).decimals, low=row.low, high=row.high)
    if row.missing:
        cell = replace(cell, note=f"without {formatting.count(row.missing, 'frame')} where it does not apply")
    return cell


@dataclass(frozen=True, slots=True)
class _Counts:
    """How many frames and sequences stand behind each method's figure; `same` says it where it is one for all."""

    same: str
    cells: dict[str, tuple[Cell, Cell]]


def _counts(comparison: Comparison, setting: Setting, methods: Sequence[Method], metric: str, target: str) -> _Counts:
    cells: dict[str, tuple[Cell, Cell]] = {}
    numbers: set[tuple[int, int]] = set()
    for method in methods:
        row = comparison.row(setting, method.name, metric, target)
        frames, sequences = (row.frames, row.sequences) if row else (0, 0)
        numbers.add((frames, sequences))
        cells[method.name] = (
            Cell(f"{frames:,}", sort=str(frames)),
            Cell(f"{sequences:,}", sort=str(sequences)),
        )
    if len(numbers) != 1:
        return _Counts("", cells)
    frames, sequences = numbers.pop()
    words = f": {formatting.count(frames, 'frame')} of {formatting.count(sequences, 'sequence')}"
    return _Counts(words, cells)


def _metric_column(comparison: Comparison, metric: str) -> Column:
    card = comparison.card(metric)
    better = "higher is better" if card.higher_is_better else "lower is better"
    arrow = "↑" if card.higher_is_better else "↓"
    if not comparison.ranks(metric):
        return Column(card.label, "no quality rank", note=metric)
    return Column(f"{card.label}\N{NO-BREAK SPACE}{arrow}", card.unit, note=f"{metric}: {better}")


def _span(
    comparison: Comparison, setting: Setting, method: Method, metric: str, target: str
) -> tuple[float, float, float] | None:
    row = comparison.row(setting, method.name, metric, target)
    return None if row is None else (row.value, row.low, row.high)


def _main_first(metrics: tuple[str, ...], main: str) -> tuple[str, ...]:
    return (main, *(name for name in metrics if name != main)) if main in metrics else metrics
