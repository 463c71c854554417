"""Hot and dead pixels of simulated sensors."""

import numpy as np
import pytest

from evfi.doctor.event_survey import survey_events
from evfi.doctor.pixel_checks import dead_pixels, hot_pixels, pixel_findings


@pytest.mark.parametrize(("seed", "rate_hz"), [(3, 100.0), (4, 200.0)])
def test_hot_pixels_are_found_with_precision_and_recall(simulated, seed, rate_hz):
    made = simulated(seed, hot=40, rate_hz=rate_hz)
    found = set(map(tuple, np.argwhere(hot_pixels(survey_events(made.recording))).tolist()))
    hits = len(found & made.hot)
    assert hits / len(found) >= 0.95
    assert hits / len(made.hot) >= 0.95


def test_a_moving_scene_without_hot_pixels_has_none(simulated):
    survey = survey_events(simulated(1).recording)
    assert not hot_pixels(survey).any()
    assert [one.verdict for one in pixel_findings(survey)] == ["ok", "ok"]


def test_dead_pixels_among_busy_ones_are_found(simulated):
    from dataclasses import replace

    survey = survey_events(simulated(1).recording)
    busy = np.argwhere(survey.total > np.quantile(survey.total, 0.98))[::25]
    on, off = survey.on.copy(), survey.off.copy()
    for y, x in busy:
        on[y, x] = off[y, x] = 0
    found = set(map(tuple, np.argwhere(dead_pixels(replace(survey, on=on, off=off))).tolist()))
    assert len(busy) > 3
    assert set(map(tuple, busy.tolist())) <= found
    assert len(found) <= len(busy) + 2
