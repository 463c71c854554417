"""The results, setting by setting: which comes first, under which words, with which tables, figure and metric cards."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evfi.evaluation.aggregate import ALL_TARGETS
from evfi.evaluation.protocols import setting_name
from evfi.reports import tables
from evfi.reports.comparison import Comparison
from evfi.reports.figures import Line as FigureLine
from evfi.reports.figures import line_figure
from evfi.reports.measured import Part, Setting
from evfi.reports.options import ReportOptions
from evfi.reports.sequences import SequencePart, sequence_parts
from evfi.reports.views import Table, series_of

_LEAST_TAUS = 3
# What a protocol's section is called, and what its targets are.
_PROTOCOLS = {
    "truth": (
        "frames that the camera never took",
        "The targets are true frames between neighbouring camera frames, held out from everything.",
    ),
    "skip": (
        "frames left out",
        "Frames of the data set itself are left out, predicted, and compared with what was left out.",
    ),
    "between": (
        "moments without a true frame",
        "Nothing was taken at these moments: what is predicted is judged by how well it agrees with the events.",
    ),
}
_PARTS: dict[Part, str] = {"": "", "common": "targets that every family predicts", "other": "other targets"}


@dataclass(frozen=True, slots=True)
class MetricCard:
    """One metric's card as the page prints it."""

    title: str
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A method's name and the number of its colour."""

    label: str
    series: int


@dataclass(frozen=True, slots=True)
class Block:
    """Everything about one setting. `target` is the one whose table comes first."""

    anchor: str
    setting: Setting
    title: str
    target: str
    main: Table
    differences: Table | None
    figure: Markup | None
    legend: tuple[LegendEntry, ...]
    targets: Table | None
    averagings: Table
    sequences: Table | None
    sequence_parts: tuple[SequencePart, ...]
    cards: tuple[MetricCard, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """The settings of one data set and protocol."""

    anchor: str
    short: str
    title: str
    intro: str
    blocks: tuple[Block, ...]


def ordered_settings(comparison: Comparison, options: ReportOptions) -> tuple[Setting, ...]:
    """Whole settings in the report's order: true held-out frames, then those with a headline target, then others."""

    def place(setting: Setting) -> tuple[int, str, str, int]:
        if setting.protocol == options.first_protocol:
            rank = 0
        else:
            rank = 1 if headline_target(comparison, setting, options) != ALL_TARGETS else 2
        return rank, setting.dataset, setting.protocol, setting.skip

    return tuple(sorted(comparison.measured.settings, key=place))


def shown_settings(comparison: Comparison, options: ReportOptions) -> tuple[Setting, ...]:
    """`ordered_settings`, in two parts where some family could not predict all targets: common ones first."""
    return tuple(
        part for setting in ordered_settings(comparison, options) for part in comparison.measured.parts(setting)
    )


def headline_target(comparison: Comparison, setting: Setting, options: ReportOptions) -> str:
    """The target whose table comes first: the first of the headline targets that was measured, else all together."""
    there = comparison.taus(setting)
    return next((target for target in options.headline_targets if target in there), ALL_TARGETS)


def block_anchor(number: int) -> str:
    """The id of the block of the setting of this number in `shown_settings`."""
    return f"setting-{number}"


def sections(comparison: Comparison, options: ReportOptions) -> tuple[Section, ...]:
    """All settings, joined by data set and protocol, in the order of `shown_settings`."""
    joined: dict[tuple[str, str], list[Setting]] = {}
    for setting in shown_settings(comparison, options):
        joined.setdefault((setting.dataset, setting.protocol), []).append(setting)
    numbers = {setting: number for number, setting in enumerate(shown_settings(comparison, options))}
    return tuple(
        Section(
            anchor=f"results-{number}",
            short=f"{dataset}, {protocol}",
            title=f"{dataset}: {_PROTOCOLS[protocol][0]}",
            intro=_section_intro(comparison, members, options),
            blocks=tuple(_block(comparison, setting, block_anchor(numbers[setting]), options) for setting in members),
        )
        for number, ((dataset, protocol), members) in enumerate(joined.items())
    )


def setting_words(setting: Setting, target: str = ALL_TARGETS) -> str:
    """A setting (and target) in a few words, for sentences and tables: "septuplets (skip 5, im4)"."""
    words = "true frames" if setting.protocol == "truth" else f"{setting.protocol} {setting.skip}"
    words += "" if target == ALL_TARGETS else f", {target}"
    return f"{setting.dataset} ({words}{f'; {_PARTS[setting.part]}' if setting.part else ''})"


def _section_intro(comparison: Comparison, members: Sequence[Setting], options: ReportOptions) -> str:
    text = _PROTOCOLS[members[0].protocol][1]
    target = headline_target(comparison, members[0], options)
    if target != ALL_TARGETS:
        text += f" The first table of each skip is about {target}, the middle frame; all targets follow."
    return text


def _block(comparison: Comparison, setting: Setting, anchor: str, options: ReportOptions) -> Block:
    target = headline_target(comparison, setting, options)
    metric = options.main_metric
    words = setting_name(setting.dataset, setting.protocol, setting.skip)
    words += f"; {_PARTS[setting.part]}" if setting.part else ""
    figure, legend = _figure(comparison, setting, anchor, metric)
    sequences = sequence_parts(comparison, setting, anchor, options)
    anchors = {part.title: part.anchor for part in sequences}
    return Block(
        anchor=anchor,
        setting=setting,
        title=words[0].upper() + words[1:],
        target=target,
        main=tables.main_table(comparison, setting, target, metric),
        differences=tables.difference_table(comparison, setting, target, metric),
        figure=figure,
        legend=legend,
        targets=tables.target_table(comparison, setting, metric),
        averagings=tables.averaging_table(comparison, setting),
        sequences=tables.sequence_table(comparison, setting, target, metric, options.table_rows, anchors),
        sequence_parts=sequences,
        cards=metric_cards(comparison, setting, target),
    )


def metric_cards(comparison: Comparison, setting: Setting, target: str) -> tuple[MetricCard, ...]:
    """The card of every metric of a setting."""
    cards = []
    for metric in comparison.metrics(setting):
        card = comparison.table_card(setting, metric, target)
        lines = tuple((heading, text) for heading, text in card.lines() if heading != "metric")
        better = "higher is better" if card.card.higher_is_better else "lower is better"
        rank = better if comparison.ranks(metric) else "no quality rank"
        cards.append(MetricCard(f"{card.card.label} ({metric}): {rank}", lines))
    return tuple(cards)


def _figure(
    comparison: Comparison, setting: Setting, anchor: str, metric: str
) -> tuple[Markup | None, tuple[LegendEntry, ...]]:
    """The main metric by tau, without intermediates; None where the targets have fewer than three places."""
    places = comparison.taus(setting)
    methods = [method for method in comparison.methods(setting) if not method.is_intermediate]
    if len({round(tau, 2) for tau in places.values()}) < _LEAST_TAUS:
        return None, ()
    series = series_of(comparison.measured.methods)
    lines, legend = [], []
    for method in methods:
        points = [
            (place, row.value)
            for target, place in places.items()
            if (row := comparison.row(setting, method.name, metric, target)) is not None
        ]
        if points:
            x, y = zip(*points, strict=True)
            lines.append(FigureLine(series[method.name], not method.is_baseline, x, y))
            legend.append(LegendEntry(method.label, series[method.name]))
    if not lines:
        return None, ()
    card = comparison.card(metric)
    label = f"{card.label}, {card.unit}" if card.unit else card.label
    description = f"{card.label} by the target's place tau between the boundary frames, for {len(lines)} methods"
    figure = line_figure(
        lines,
        x_label="tau: 0 = first frame, 1 = second frame",
        x_limits=(0, 1),
        y_label=label,
        name=anchor,
        description=description,
    )
    return figure, tuple(legend)
