"""Hot and dead pixels, told by their neighbours and by how steadily and how much alone they fire."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate, rank_filter
from scipy.special import betainc

from evfi.doctor.event_survey import EventSurvey
from evfi.doctor.findings import Finding

_AROUND = np.ones((5, 5), np.bool_)
_AROUND[2, 2] = False
_MANY_TIMES = 1.5
_DEVIATIONS = 6
_FEWEST_EVENTS = 20
_STEADY_EXCESS = 0.15
_FEWEST_QUIET, _ALONE_SHARE = 8, 0.15
_LEAST_SHARE_AROUND, _CHANCE = 0.01, 1e-6
_QUIETEST_NEIGHBOURS = 20
_NAMED = 5
Mask = NDArray[np.bool_]


def hot_pixels(survey: EventSurvey) -> Mask:
    """Pixels (H, W) that fire all the time, whatever is before them.

    Either far more events, in far more 10 ms bins, than the middle one of the 24 pixels around has (edges of a scene
    make pixels fire much, but in short time); or events in over 15 % of the bins in which the 8 pixels around have none
    (some 16 a second), more than chance makes of the share that the 24 around have in theirs. The second finds hot
    pixels that fire less than the scene does before them.
    """
    return _firing_more(survey) | _firing_alone(survey)


def _firing_more(survey: EventSurvey) -> Mask:
    around, active_around = _median_around(survey.total), _median_around(survey.active)
    spread = np.sqrt(around + 1.0)
    many = survey.total > np.maximum(_FEWEST_EVENTS, _MANY_TIMES * around + _DEVIATIONS * spread)
    occupied = max(1, int((survey.bins > 0).sum()))
    steady = (survey.active - active_around) / occupied > _STEADY_EXCESS
    return many & steady


def _firing_alone(survey: EventSurvey) -> Mask:
    around = _sum_around(survey.alone) / np.maximum(1, _sum_around(survey.quiet))
    found = (survey.quiet >= _FEWEST_QUIET) & (survey.alone > _ALONE_SHARE * survey.quiet)
    expected = np.clip(around[found], _LEAST_SHARE_AROUND, 1.0)
    alone, quiet = (counts[found].astype(np.float64) for counts in (survey.alone, survey.quiet))
    # The binomial chance of so many or more; scipy.stats says the same, but takes half a second to load.
    found[found] = betainc(alone, quiet - alone + 1, expected) < _CHANCE
    return found


def dead_pixels(survey: EventSurvey) -> Mask:
    """Pixels (H, W) without any event, of whose neighbours the middle one has at least 20."""
    return (survey.total == 0) & (_median_around(survey.total) >= _QUIETEST_NEIGHBOURS)


def pixel_findings(survey: EventSurvey) -> list[Finding]:
    """The two checks, with where the pixels are."""
    if not survey.total.any():
        return []
    hot, dead = hot_pixels(survey), dead_pixels(survey)
    share = float(survey.total[hot].sum() / survey.total.sum())
    found = []
    if hot.any():
        said = f"{int(hot.sum())} hot pixels with {share:.1%} of all events: {_places(hot)}"
        found.append(Finding("hot pixels", said, "wrong", "--fix leaves their events out", _values(hot)))
    else:
        found.append(Finding("hot pixels", "none", values=_values(hot)))
    if dead.any():
        said = f"{int(dead.sum())} pixels without any event among busy ones: {_places(dead)}"
        found.append(Finding("dead pixels", said, "wrong", "mask them, or clean the optics", _values(dead)))
    else:
        found.append(Finding("dead pixels", "none among busy neighbours", values=_values(dead)))
    return found


def _median_around(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The middle (upper of two) of the 24 neighbours of each pixel; edges are mirrored."""
    return rank_filter(counts, rank=int(_AROUND.sum()) // 2, footprint=_AROUND, mode="mirror")


def _sum_around(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The sum over the 24 neighbours of each pixel; edges are mirrored."""
    return correlate(counts.astype(np.float64), _AROUND.astype(np.float64), mode="mirror")


def _places(mask: Mask) -> str:
    rows, columns = np.nonzero(mask)
    named = ", ".join(f"(x {x}, y {y})" for y, x in zip(rows[:_NAMED], columns[:_NAMED], strict=True))
    return named + (", …" if len(rows) > _NAMED else "")


def _values(mask: Mask) -> dict[str, list[list[int]]]:
    return {"pixels_y_x": np.argwhere(mask).tolist()}
