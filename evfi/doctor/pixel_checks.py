"""Hot and dead pixels, told by their neighbours and by how steadily they fire."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import rank_filter

from evfi.doctor.event_survey import EventSurvey
from evfi.doctor.findings import Finding

_NEIGHBOURHOOD = 5
_MANY_TIMES = 1.5
_DEVIATIONS = 6
_FEWEST_EVENTS = 20
_STEADY_EXCESS = 0.15
_QUIETEST_NEIGHBOURS = 20
_NAMED = 5
Mask = NDArray[np.bool_]


def hot_pixels(survey: EventSurvey) -> Mask:
    """Pixels (H, W) that fire far more, and in far more 10 ms bins, than the middle one of the 24 around them.

    Both must hold: edges of a scene make pixels fire much in short time; hot ones fire all the time.
    """
    around, active_around = _median_around(survey.total), _median_around(survey.active)
    spread = np.sqrt(around + 1.0)
    many = survey.total > np.maximum(_FEWEST_EVENTS, _MANY_TIMES * around + _DEVIATIONS * spread)
    occupied = max(1, int((survey.bins > 0).sum()))
    steady = (survey.active - active_around) / occupied > _STEADY_EXCESS
    return many & steady


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
    footprint = np.ones((_NEIGHBOURHOOD, _NEIGHBOURHOOD), np.bool_)
    footprint[_NEIGHBOURHOOD // 2, _NEIGHBOURHOOD // 2] = False
    return rank_filter(counts, rank=int(footprint.sum()) // 2, footprint=footprint, mode="mirror")


def _places(mask: Mask) -> str:
    rows, columns = np.nonzero(mask)
    named = ", ".join(f"(x {x}, y {y})" for y, x in zip(rows[:_NAMED], columns[:_NAMED], strict=True))
    return named + (", …" if len(rows) > _NAMED else "")


def _values(mask: Mask) -> dict[str, list[list[int]]]:
    return {"pixels_y_x": np.argwhere(mask).tolist()}
