"""Figures as SVG that stands in the page: its text is text, its colours are the page's, so that dark mode works."""

import io
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from evfi.reports.trainings import Curve, Training

# Stand-ins that matplotlib draws with, and the page's colours (report.css) that replace them.
_INK, _QUIET, _GRID = "#010101", "#020202", "#030303"
_SERIES = [f"#0403{number:02x}" for number in range(1, 10)]
_COLOURS = {_INK: "var(--ink)", _QUIET: "var(--quiet)", _GRID: "var(--line)"} | {
    colour: f"var(--series-{number})" for number, colour in enumerate(_SERIES)
}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "evfi",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": _INK,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _QUIET,
    "axes.titlecolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.6,
    "xtick.color": _QUIET,
    "ytick.color": _QUIET,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "figure.constrained_layout.use": True,
}
_MOST_POINTS, _MOST_DOTS, _BINS = 300, 40, 24
_MILLION = 1000 * 1000
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a figure: the number of its colour (--series-N), whether it is a learned method, its points."""

    series: int
    strong: bool
    x: tuple[float, ...]
    y: tuple[float, ...]
    dashed: bool = False


def training_figure(training: Training) -> Markup:
    """Training loss (points thin, running mean strong) over validation PSNR in dB, by step."""
    with matplotlib.rc_context(_STYLE):
        panels = 2 if len(training.validation_psnr) else 1
        figure = Figure(figsize=(4.2, 1.9 * panels + 0.3))
        axes = figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0]
        _loss_panel(axes[0], training)
        if panels == 2:
            _dots(axes[1], training.validation_psnr, linewidth=1.8)
            axes[1].set_ylabel("validation PSNR, dB")
            axes[1].margins(y=0.15)
        axes[-1].set_xlabel("step")
        axes[-1].xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        name = re.sub(r"[^a-z0-9]+", "-", f"training-{training.family}-{training.stage}".lower())
        return _svg(figure, name, f"Training loss and validation PSNR of {training.title} by step")


def line_figure(
    lines: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    name: str,
    description: str,
    x_limits: tuple[float, float] | None = None,
) -> Markup:
    """A metric by what the horizontal axis says, a line for each method."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(5.4, 2.9))
        axes = figure.subplots()
        for line in sorted(lines, key=lambda line: line.strong):
            axes.plot(
                line.x,
                line.y,
                color=_SERIES[line.series],
                linewidth=2.2 if line.strong else 1.4,
                linestyle="--" if line.dashed else "-",
                marker="o",
                markersize=4.5 if line.strong else 3,
            )
        if x_limits is not None:
            axes.set_xlim(*x_limits)
        axes.margins(y=0.12)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        return _svg(figure, name, description)


def time_figure(lines: Sequence[Line], *, x_label: str, y_label: str, name: str, description: str) -> Markup:
    """A metric over a sequence's time, a line for each method."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(7.2, 2.5))
        axes = figure.subplots()
        for line in sorted(lines, key=lambda line: line.strong):
            thin = _thinned(Curve(line.x, line.y))
            axes.plot(thin.steps, thin.values, color=_SERIES[line.series], linewidth=1.8 if line.strong else 1.1)
        axes.margins(x=0.01, y=0.1)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        return _svg(figure, name, description)


def rate_figure(
    x: Array, rate: Array, *, x_label: str, name: str, description: str, band: tuple[Array, Array] | None = None
) -> Markup:
    """Events a second over time, from zero; `band`: lower and upper edge of a shaded range around the line."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(4.6, 2.0))
        axes = figure.subplots()
        if band is not None:
            axes.fill_between(x, *band, color=_SERIES[2], alpha=0.25, linewidth=0)
        axes.plot(x, rate, color=_SERIES[2], linewidth=1.4)
        axes.set_ylim(bottom=0)
        axes.margins(x=0.01)
        axes.yaxis.set_major_formatter(FuncFormatter(_in_thousands))
        axes.set_xlabel(x_label)
        axes.set_ylabel("events a second")
        return _svg(figure, name, description)


def histogram_figure(groups: Mapping[str, Array], *, x_label: str, y_label: str, name: str, description: str) -> Markup:
    """How values are distributed, a stepped line for each group, on common bins."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(4.6, 2.0))
        axes = figure.subplots()
        edges = np.histogram_bin_edges(np.concatenate([*groups.values()]), bins=_BINS)
        for number, (label, values) in enumerate(groups.items()):
            counted, _ = np.histogram(values, bins=edges)
            axes.stairs(counted, edges, color=_SERIES[4 - 2 * number], linewidth=1.6, label=label)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
        axes.legend(frameon=False, fontsize=8)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        return _svg(figure, name, description)


def _in_thousands(value: float, _position: int) -> str:
    """2500000 as "2.5 M", 40000 as "40 k"."""
    if abs(value) >= _MILLION:
        return f"{value / _MILLION:g} M"
    return f"{value / 1000:g} k" if abs(value) >= 1000 else f"{value:g}"


def _loss_panel(axes: Axes, training: Training) -> None:
    raw = _thinned(training.loss)
    axes.plot(raw.steps, raw.values, color=_SERIES[2], linewidth=0.7, alpha=0.45)
    smooth = _running_mean(raw)
    axes.plot(smooth.steps, smooth.values, color=_SERIES[2], linewidth=1.8)
    _dots(axes, training.validation_loss, linewidth=1.2)
    axes.set_ylabel("loss")
    positive = [value for value in raw.values if value > 0]
    if len(positive) == len(raw) and positive and max(positive) > 8 * min(positive):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def _dots(axes: Axes, curve: Curve, *, linewidth: float) -> None:
    """Validation figures: a line, with a dot for each figure while they are few."""
    thin = _thinned(curve)
    marker = "o" if len(thin) <= _MOST_DOTS else ""
    axes.plot(thin.steps, thin.values, color=_SERIES[4], linewidth=linewidth, marker=marker, markersize=3.2)


def _thinned(curve: Curve) -> Curve:
    """At most _MOST_POINTS points: means of equal runs of points."""
    run = math.ceil(len(curve) / _MOST_POINTS) if len(curve) else 1
    if run == 1:
        return curve
    starts = range(0, len(curve), run)
    return Curve(
        tuple(curve.steps[min(start + run, len(curve)) - 1] for start in starts),
        tuple(float(np.mean(curve.values[start : start + run])) for start in starts),
    )


def _running_mean(curve: Curve) -> Curve:
    """Mean over a window of a twelfth of the curve, centred, shorter at the ends."""
    reach = len(curve) // 24
    values = np.asarray(curve.values)
    means = [float(values[max(0, i - reach) : i + reach + 1].mean()) for i in range(len(curve))]
    return Curve(curve.steps, tuple(means))


def _svg(figure: Figure, name: str, description: str) -> Markup:
    """The figure's markup: no XML head, no style of its own, ids that no other figure has, the page's colours."""
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # Text stays text, so that a glyph which matplotlib's own font lacks is drawn by the browser.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = _with_own_ids(text, name)
    for stand_in, colour in _COLOURS.items():
        text = text.replace(stand_in, colour)
    text = re.sub(r"font: ([0-9.]+)px [^;\"]*", r"font-size: \1px", text)
    head = f'<svg role="img" aria-label="{escape(description, quote=True)}" class="figure"'
    return Markup(text.replace("<svg", head, 1))  # noqa: S704 - matplotlib's own markup; texts in it are escaped there


def _with_own_ids(text: str, name: str) -> str:
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))

    def renamed(match: re.Match[str]) -> str:
        return f' id="{name}-{match[1]}"' if match[1] in used else ""

    text = re.sub(r' id="([^"]+)"', renamed, text)
    return re.sub(r'(url\(#|href="#)([^)"]+)', rf"\g<1>{name}-\g<2>", text)
