"""What the page's template is filled with: tables, cells, tracks. Plain strings and numbers; the template escapes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evfi.reports import formatting
from evfi.reports.measured import Method

# report.css has --series-0 to --series-8: the first four for baselines, the others for learned methods
_BASELINE_SERIES, _SERIES = 4, 9
_LEAST_REACH = 1e-9  # a shorter axis is rounding


@dataclass(frozen=True, slots=True)
class Track:
    """A small drawing of a value with its interval, in percent of the width. `mark` is a line to compare with."""

    left: float
    width: float
    dot: float | None = None
    mark: float | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure. `state`: best, worse, good or empty; `sort` the key for sorting, empty = last; `note` a tooltip."""

    text: str
    interval: str = ""
    sort: str = ""
    state: str = ""
    note: str = ""
    track: Track | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; figures stand to the right, words and drawings to the left."""

    title: str
    unit: str = ""
    note: str = ""
    is_number: bool = True
    is_sortable: bool = True


@dataclass(frozen=True, slots=True)
class Badge:
    """A short verdict beside a name: good, bad, unsure or none."""

    text: str
    state: str


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table; `kind`: baseline, final, intermediate or empty; `series` numbers its colour.

    `below` is a second line under the title; `href` the id in the page that the title leads to, `hint` what is there.
    """

    title: str
    cells: tuple[Cell, ...]
    kind: str = ""
    series: int | None = None
    badge: Badge | None = None
    below: str = ""
    href: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A sortable table; `first` heads the column of titles."""

    caption: str
    first: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]


def kind_of(method: Method) -> str:
    """The CSS class of a method's row."""
    if method.is_baseline:
        return "baseline"
    return "intermediate" if method.is_intermediate else "final"


def series_of(methods: Sequence[Method]) -> dict[str, int]:
    """The number of each method's colour; intermediates share that of their family."""
    numbers: dict[str, int] = {}
    families: list[str] = []
    baselines = 0
    for method in methods:
        if method.family is None:
            numbers[method.name] = baselines % _BASELINE_SERIES
            baselines += 1
            continue
        if method.family not in families:
            families.append(method.family)
        numbers[method.name] = _BASELINE_SERIES + families.index(method.family) % (_SERIES - _BASELINE_SERIES)
    return numbers


def tracks(spans: Sequence[tuple[float, float, float] | None], mark: float | None = None) -> list[Track | None]:
    """Tracks of (value, low, high) on one common axis; None stays None. A missing interval has no width.

    `mark` is a value on the same axis, drawn in every track, and always inside it.
    """
    known = [number for span in spans if span is not None for number in span if math.isfinite(number)]
    if mark is not None:
        known.append(mark)
    if not known:
        return [None for _ in spans]
    least, most = min(known), max(known)
    reach = most - least if most - least > _LEAST_REACH else 1.0
    start, reach = least - 0.06 * reach, 1.12 * reach

    def percent(value: float) -> float:
        return round(100 * (value - start) / reach, 2)

    made: list[Track | None] = []
    for span in spans:
        if span is None:
            made.append(None)
            continue
        value, low, high = span
        if not (math.isfinite(low) and math.isfinite(high)):
            low = high = value
        made.append(
            Track(
                dot=percent(value),
                left=percent(low),
                width=round(percent(high) - percent(low), 2),
                mark=None if mark is None else percent(mark),
            )
        )
    return made


def bars(values: Sequence[float]) -> list[Track]:
    """Bars from zero, the largest value as wide as the track."""
    most = max(values, default=0.0) or 1.0
    return [Track(left=0.0, width=round(100 * value / most, 2)) for value in values]


def number_cell(value: float, decimals: int, *, low: float = float("nan"), high: float = float("nan")) -> Cell:
    """A plain figure with its interval."""
    return Cell(
        text=formatting.number(value, decimals),
        interval=formatting.interval(low, high, decimals),
        sort=repr(value) if math.isfinite(value) else "",
    )
