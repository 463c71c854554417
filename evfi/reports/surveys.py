"""What a look at stored events shows: their rate over time, contrast thresholds, hot pixels, events of each pixel."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from evfi.doctor.contrast import Estimate, estimate
from evfi.doctor.event_survey import BIN_US, EventSurvey, survey_events
from evfi.doctor.pixel_checks import dead_pixels, hot_pixels
from evfi.io.clips import ClipStore, open_clips
from evfi.io.recording import open_recording
from evfi.reports import formatting
from evfi.reports.figures import histogram_figure, rate_figure
from evfi.reports.pictures import Picture, coloured, picture
from evfi.units import US_PER_S, us_to_seconds

_MOST_POINTS = 240
_PARTS_OF_A_CLIP = 24
_BAND = (10, 90)
_NAMED = 6
_MAP_SIDE = 480
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Survey:
    """Figures with their captions, lines of (name, value), events of each pixel as a map; `note`: why there is less."""

    lines: tuple[tuple[str, str], ...] = ()
    figures: tuple[tuple[str, Markup], ...] = ()
    map: Picture | None = None
    note: str = ""


def recording_survey(store: Path, anchor: str) -> Survey:
    """Event rate over the whole recording, thresholds and clock offset as `evfi doctor` fits them, hot pixels.

    Raises:
        MissingInputError, InputFileError: no recording store, or a damaged one.
    """
    recording = open_recording(store)
    if not recording.event_count:
        return Survey(note="It holds no events.")
    survey = survey_events(recording)
    hot = hot_pixels(survey)
    fitted = estimate(recording, hot)
    lines = (
        ("events a second", f"{recording.event_count * US_PER_S / (recording.end_us - recording.start_us):,.0f}"),
        ("ON events", f"{survey.on.sum() / recording.event_count:.1%}"),
        ("threshold C+, fitted", _estimate(fitted.contrast_pos)),
        ("threshold C-, fitted", _estimate(fitted.contrast_neg)),
        ("hot pixels", _pixels(hot, survey)),
        ("pixels without events", f"{int(dead_pixels(survey).sum()):,} among busy ones"),
    )
    seconds, rate = _binned(survey.bins)
    figure = rate_figure(
        seconds,
        rate,
        x_label="time, s",
        name=f"{anchor}-rate",
        description=f"Events a second over the {us_to_seconds(recording.end_us - recording.start_us):.1f} s",
    )
    counted = np.log1p(survey.total.astype(np.float64))
    image = coloured((255 * counted / max(counted.max(), 1.0)).astype(np.uint8))
    drawn = picture(image, alt="events of each pixel, brighter where there were more", side=_MAP_SIDE, quality=None)
    return Survey(lines, (("Event rate over time", figure),), drawn)


def clips_survey(stores: Sequence[Path], anchor: str, most: int) -> Survey:
    """Thresholds of all clips, and the event rate over a clip's time, from `most` clips spread evenly.

    Raises:
        MissingInputError, InputFileError: no clip store, or a damaged one.
    """
    opened = [open_clips(store) for store in stores]
    numbered = [(store, clip) for store in opened for clip in range(len(store))]
    if not numbered:
        return Survey(note="It holds no clips.")
    pos, neg = np.array([store.contrast(clip) for store, clip in numbered]).T
    lines = [
        (f"threshold {name}", f"{values.mean():.3f}, between {values.min():.3f} and {values.max():.3f}")
        for name, values in (("C+", pos), ("C-", neg))
    ]
    histogram = histogram_figure(
        {"C+": pos, "C-": neg},
        x_label="threshold (log intensity)",
        y_label="clips",
        name=f"{anchor}-thresholds",
        description=f"Contrast thresholds of {len(numbered)} clips",
    )
    figures = [("Contrast thresholds of all clips", histogram)]
    chosen = [numbered[place] for place in _spread(len(numbered), most)]
    rates = [rate for store, clip in chosen if (rate := _clip_rate(store, clip)) is not None]
    if rates:
        low, middle, high = np.percentile(np.stack(rates), (_BAND[0], 50, _BAND[1]), axis=0)
        figure = rate_figure(
            (np.arange(_PARTS_OF_A_CLIP) + 0.5) / _PARTS_OF_A_CLIP,
            middle,
            band=(low, high),
            x_label="0 = first frame of the clip, 1 = last",
            name=f"{anchor}-rate",
            description=f"Events a second over a clip's time, of {len(rates)} clips",
        )
        words = f"Event rate over a clip: median of {len(rates)} of {len(numbered):,} clips, {_BAND[0]} to {_BAND[1]} %"
        figures.append((words, figure))
    return Survey(tuple(lines), tuple(figures))


def _clip_rate(store: ClipStore, clip: int) -> Array | None:
    """Events a second in equal parts of a clip's time; None for a clip of one frame."""
    t_us = store.t_us(clip)
    first, last = int(t_us[0]), int(t_us[-1])
    if last <= first:
        return None
    edges = np.linspace(first, last, _PARTS_OF_A_CLIP + 1)
    counted, _ = np.histogram(store.events(clip).t, bins=edges)
    return counted * (US_PER_S * _PARTS_OF_A_CLIP / (last - first))


def _binned(bins: NDArray[np.int64]) -> tuple[Array, Array]:
    """Middles in seconds, and events a second, of at most _MOST_POINTS runs of equally many bins."""
    run = max(1, -(-len(bins) // _MOST_POINTS))
    starts = np.arange(0, len(bins), run)
    sizes = np.minimum(starts + run, len(bins)) - starts
    rate = np.add.reduceat(bins, starts) * US_PER_S / (sizes * BIN_US)
    return (starts + sizes / 2) * BIN_US / US_PER_S, rate


def _spread(length: int, wanted: int) -> list[int]:
    return sorted({place * length // max(1, wanted) for place in range(wanted)} if wanted < length else range(length))


def _estimate(one: Estimate) -> str:
    if one.problem:
        return f"not identifiable: {one.problem}"
    return f"{one.value:.3f} {formatting.interval(one.low, one.high, 3)}"


def _pixels(hot: NDArray[np.bool_], survey: EventSurvey) -> str:
    if not hot.any():
        return "none"
    rows, columns = np.nonzero(hot)
    named = ", ".join(f"(x {x}, y {y})" for y, x in zip(rows[:_NAMED], columns[:_NAMED], strict=True))
    share = float(survey.total[hot].sum() / survey.total.sum())
    return f"{int(hot.sum()):,} with {share:.1%} of all events: {named}{', …' if len(rows) > _NAMED else ''}"
