"""The run in words for the terminal; goals in words; whether a family's last step pays."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from evfi.reports import formatting, tables
from evfi.reports.comparison import Comparison
from evfi.reports.goals import GoalResult
from evfi.reports.measured import Method, Setting
from evfi.reports.options import ReportOptions
from evfi.reports.settings import headline_target, setting_words, shown_settings
from evfi.reports.verdicts import gain_words
from evfi.reports.views import Column, Line, Table, series_of


@dataclass(frozen=True, slots=True)
class Summary:
    """Where the report lies and what it says. `sentences` are plain text."""

    report: Path
    metrics: Path
    resources: Path
    sentences: tuple[str, ...]
    goals_met: int
    goals_missed: tuple[str, ...]
    goals_not_measured: tuple[str, ...]

    def __str__(self) -> str:
        return summary_line(self)


def summary_line(summary: Summary) -> str:
    """A few lines for the terminal: who wins where, goals met and missed, where the report lies."""
    lines = list(summary.sentences)
    total = summary.goals_met + len(summary.goals_missed) + len(summary.goals_not_measured)
    if total:
        lines.append(f"Goals: {summary.goals_met} of {total} met.")
        lines.extend(f"  missed: {words}" for words in summary.goals_missed)
        lines.extend(f"  not measured: {words}" for words in summary.goals_not_measured)
    lines.append(f"Report: {summary.report}")
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


def plain(sentence: Markup) -> str:
    """A sentence as text for a terminal."""
    return sentence.striptags()


def goal_words(result: GoalResult, comparison: Comparison) -> str:
    """A goal in words: what was asked for, and what came."""
    goal = result.goal
    card = comparison.card(goal.metric)
    least = formatting.with_unit(formatting.signed(goal.minimum, card.decimals), card.unit)
    pair = f"{label_of(comparison, goal.method)} over {label_of(comparison, goal.versus)}"
    asked = f"{pair} on {goal_place(result)}: at least {least}"
    if result.paired is None:
        return asked
    return f"{asked}, measured {gain_words(comparison, result.paired)}"


def goal_place(result: GoalResult) -> str:
    """Where a goal applies, in words."""
    goal = result.goal
    return setting_words(Setting(goal.dataset, goal.protocol, goal.skip), goal.target)


def label_of(comparison: Comparison, name: str) -> str:
    """A method's label, or its name if it was not measured."""
    method = comparison.measured.method(name)
    return method.label if method else name


@dataclass(frozen=True, slots=True)
class Parts:
    """Whether a family's final frame is better than each frame it is made of."""

    family: str
    sentence: Markup
    table: Table


def parts(comparison: Comparison, options: ReportOptions) -> tuple[Parts, ...]:
    """For each family that shows intermediates: the final frame minus each of them, in every setting."""
    made = []
    for final in comparison.measured.methods:
        own = [
            method for method in comparison.measured.methods if method.is_intermediate and method.family == final.family
        ]
        if final.is_final and own:
            made.append(_parts_of(comparison, final, own, options))
    return tuple(part for part in made if part.table.lines)


def _parts_of(comparison: Comparison, final: Method, own: Sequence[Method], options: ReportOptions) -> Parts:
    metric = options.main_metric
    card = comparison.card(metric)
    better = total = 0
    lines = []
    for setting in shown_settings(comparison, options):
        target = headline_target(comparison, setting, options)
        pairs = [comparison.paired(setting, final.name, other.name, metric, target) for other in own]
        if all(pair is None for pair in pairs):
            continue
        total += 1
        better += all(pair is not None and pair.is_better for pair in pairs)
        place = setting_words(setting, target)
        cells = tuple(tables.paired_cell(pair, card.decimals) for pair in pairs)
        lines.append(Line(place, cells, series=series_of(comparison.measured.methods)[final.name]))
    table = Table(
        caption=f"{final.label} minus each of its own intermediate frames, paired, in {card.label}, with its "
        f"{comparison.confidence} interval.",
        first="measured on",
        columns=tuple(Column(f"minus {other.label}", card.unit) for other in own),
        lines=tuple(lines),
    )
    sentence = Markup(
        "The final frame of <strong>{}</strong> is better than every frame it is made of in {} of {}."
    ).format(final.label, better, formatting.count(total, "setting"))
    return Parts(final.name, sentence, table)
