"""The tables of measured methods for a paper or a README: Markdown, LaTeX, or every mean as Parquet."""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from evfi.errors import UserError
from evfi.evaluation.aggregate import ALL_TARGETS
from evfi.evaluation.protocols import setting_name
from evfi.io.atomic import writing
from evfi.reports import formatting
from evfi.reports.comparison import BY_FRAME, BY_SEQUENCE, Comparison
from evfi.reports.measured import Setting, read_measured
from evfi.reports.options import ReportOptions
from evfi.reports.settings import metric_cards, shown_settings

Format = Literal["markdown", "latex", "parquet"]
_AVERAGINGS = {BY_SEQUENCE: "mean of sequences", BY_FRAME: "mean of frames"}
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "\N{MINUS SIGN}": "$-$", "µ": r"$\mu$", "±": r"$\pm$", "²": r"$^2$", "–": "--",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TextTable:
    """One setting: heads, rows of text, and its metric cards as (title, lines)."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    cards: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


def text_of(evaluations: Sequence[Path], form: Literal["markdown", "latex"]) -> str:
    """All settings of some evaluation folders, each with its metric cards.

    Raises:
        MissingInputError, InputFileError: a folder is absent or damaged.
        UserError: the folders do not belong together.
    """
    measured = read_measured(evaluations)
    comparison = Comparison(measured, measured.options)
    written: Callable[[TextTable], str] = {"markdown": _markdown, "latex": _latex}[form]
    return "\n".join(written(_table(comparison, setting)) for setting in shown_settings(comparison, ReportOptions()))


def write_parquet(evaluations: Sequence[Path], out: Path) -> None:
    """Every mean of every target, metric and averaging, with its metric's definition. Errors as `text_of`."""
    measured = read_measured(evaluations)
    comparison = Comparison(measured, measured.options)
    rows = [{**asdict(row), "definition": comparison.card(row.metric).definition} for row in comparison.rows]
    with writing(out) as partial:
        pd.DataFrame(rows).to_parquet(partial, index=False)


def write_text(text: str, out: Path) -> None:
    """Write a text under its final name in one step.

    Raises:
        UserError: OUT is a folder.
    """
    if out.is_dir():
        raise UserError(f"{out} is a folder: name a file")
    with writing(out) as partial:
        partial.write_text(text, encoding="utf-8")


def _table(comparison: Comparison, setting: Setting) -> TextTable:
    metrics = comparison.metrics(setting)
    rows = [
        (method.label, words, *(_cell(comparison, setting, method.name, metric, averaging) for metric in metrics))
        for method in comparison.methods(setting)
        for averaging, words in _AVERAGINGS.items()
    ]
    heads = []
    for metric in metrics:
        card = comparison.card(metric)
        arrow = (
            ""
            if not comparison.ranks(metric)
            else ", higher is better"
            if card.higher_is_better
            else ", lower is better"
        )
        heads.append(f"{card.label} ({card.unit}{arrow})".replace("(, ", "(").replace(" ()", ""))
    title = setting_name(setting.dataset, setting.protocol, setting.skip)
    title += {"": "", "common": "; targets that every family predicts", "other": "; other targets"}[setting.part]
    cards = tuple((card.title, card.lines) for card in metric_cards(comparison, setting, ALL_TARGETS))
    return TextTable(title[0].upper() + title[1:], ("method", "average", *heads), tuple(rows), cards)


def _cell(comparison: Comparison, setting: Setting, method: str, metric: str, averaging: str) -> str:
    row = comparison.row(setting, method, metric, ALL_TARGETS, averaging)
    if row is None:
        return "no weights" if comparison.lacks_weights(setting, metric) else "n/a"
    decimals = comparison.card(metric).decimals
    words = [formatting.number(row.value, decimals)]
    if averaging == BY_SEQUENCE and row.sequences > 1:
        words.append(f"± {formatting.number(row.spread, decimals)}")
    span = formatting.interval(row.low, row.high, decimals)
    return " ".join([*words, span] if span else words)


def _markdown(table: TextTable) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_markdown_escaped(cell) for cell in cells) + " |"

    lines = [f"## {_markdown_escaped(table.title)}", "", line(table.heads)]
    lines.append("|---|---|" + "---:|" * (len(table.heads) - 2))
    lines += [line(row) for row in table.rows]
    lines += ["", "In brackets: the interval; ±: standard deviation between sequences.", ""]
    for title, facts in table.cards:
        said = "; ".join(f"{name}: {text}" for name, text in facts)
        lines.append(f"- **{_markdown_escaped(title)}**: {_markdown_escaped(said)}.")
    return "\n".join(lines) + "\n"


def _markdown_escaped(text: str) -> str:
    """No markup, table or HTML begins in a name from a file."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_|\[\]#~])", r"\\\1", flat)


def _latex(table: TextTable) -> str:
    def line(cells: Sequence[str]) -> str:
        return " & ".join(_latex_escaped(cell) for cell in cells) + r" \\"

    lines = [r"% needs \usepackage{booktabs}", r"\begin{table}", f"\\caption{{{_latex_escaped(table.title)}}}"]
    lines += [r"\begin{tabular}{ll" + "r" * (len(table.heads) - 2) + "}", r"\toprule", line(table.heads), r"\midrule"]
    lines += [line(row) for row in table.rows]
    lines += [r"\bottomrule", r"\end{tabular}", r"\begin{description}\footnotesize"]
    for title, facts in table.cards:
        said = "; ".join(f"{name}: {text}" for name, text in facts)
        lines.append(f"\\item[{{{_latex_escaped(title)}}}] {_latex_escaped(said)}.")
    return "\n".join([*lines, r"\end{description}", r"\end{table}"]) + "\n"


def _latex_escaped(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in " ".join(text.split()))
