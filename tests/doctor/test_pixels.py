"""Hot and dead pixels of simulated sensors."""

import numpy as np
import pytest

from evfi.doctor.event_survey import survey_events
from evfi.doctor.pixel_checks import dead_pixels, hot_pixels, pixel_findings
from evfi.io.recording import RecordingWriter, open_recording
from evfi.types import Events, SensorSize
from evfi.units import US_PER_S


@pytest.mark.parametrize("rate_hz", [40.0, 100.0, 200.0])
@pytest.mark.parametrize("seed", [3, 4, 6])
def test_hot_pixels_are_found_with_precision_and_recall(simulated, seed, rate_hz):
    made = simulated(seed, hot=40, rate_hz=rate_hz)
    found = set(map(tuple, np.argwhere(hot_pixels(survey_events(made.recording))).tolist()))
    hits = len(found & made.hot)
    assert hits / len(found) >= 0.95
    assert hits / len(made.hot) >= 0.95


@pytest.mark.parametrize("rate_hz", [5.0, 25.0])
def test_a_sensor_of_nothing_but_even_noise_has_no_hot_pixels(tmp_path, rate_hz):
    size, rng = SensorSize(height=90, width=120), np.random.default_rng(7)
    n = int(2 * rate_hz * size.height * size.width)
    x, y = (rng.integers(0, side, n).astype(np.uint16) for side in (size.width, size.height))
    writer = RecordingWriter(tmp_path / "r.zarr", size)
    writer.add_events(Events(x, y, np.sort(rng.integers(0, 2 * US_PER_S, n)), rng.random(n) < 0.5, size))
    writer.finish()
    assert not hot_pixels(survey_events(open_recording(tmp_path / "r.zarr"))).any()


def test_bins_in_which_a_pixel_fires_alone_are_counted(tmp_path):
    size = SensorSize(height=6, width=8)
    writer = RecordingWriter(tmp_path / "r.zarr", size)
    # three bins of 10 ms with events, one without: (2, 3) alone, then beside (3, 4), then far from another
    rows = [(0, 3, 2), (5_000, 3, 2), (12_000, 3, 2), (13_000, 4, 3), (31_000, 3, 2), (32_000, 7, 5)]
    t, x, y = np.array(rows).T
    writer.add_events(Events(x.astype(np.uint16), y.astype(np.uint16), t, np.ones(len(rows), bool), size))
    writer.finish()
    survey = survey_events(open_recording(tmp_path / "r.zarr"))
    assert (survey.active[2, 3], survey.quiet[2, 3], survey.alone[2, 3]) == (3, 2, 2)
    assert (survey.active[3, 4], survey.quiet[3, 4], survey.alone[3, 4]) == (1, 0, 0)
    assert (survey.active[5, 7], survey.quiet[5, 7], survey.alone[5, 7]) == (1, 3, 1)
    assert survey.active.sum() == 5


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
