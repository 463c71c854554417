"""Time offset and contrast thresholds of simulated recordings, whose truth is known."""

import numpy as np
import pytest

from evfi.doctor.contrast import estimate, estimate_findings
from evfi.types import SensorSize

NONE_SPOILT = np.zeros((90, 120), bool)
MS = 1000


def measured(made):
    return estimate(made.recording, NONE_SPOILT)


@pytest.mark.parametrize("late_us", [-3 * MS, 3 * MS])
def test_a_planted_offset_is_found_within_a_millisecond(simulated, late_us):
    made = simulated(0, late_us=late_us)
    offset = measured(made).offset_us
    assert abs(offset.value - late_us) < MS
    assert offset.low <= late_us <= offset.high
    finding = estimate_findings(measured(made))[0]
    assert finding.check == "time offset"
    assert "--frame-shift-us" in finding.advice
    # events before their light are wrong; late ones may be slow pixels' (docs/decisions/0008-late-events.md)
    assert finding.verdict == ("wrong" if late_us < 0 else "not identifiable")


def test_events_later_than_slow_pixels_are_is_wrong(simulated):
    made = simulated(0, late_us=8 * MS)
    finding = estimate_findings(measured(made))[0]
    assert finding.verdict == "wrong"
    assert abs(finding.values["offset_us"] - 8 * MS) < MS


@pytest.mark.parametrize("seed", [0, 1])
def test_slow_pixels_before_the_same_clock_are_late_and_not_called_wrong(simulated, seed):
    finding = estimate_findings(measured(simulated(seed, cutoff_hz=100.0)))[0]
    assert finding.values["low_us"] > MS
    assert finding.verdict == "not identifiable"
    assert "100 Hz" in finding.found


def test_davis346_is_a_sound_recording_whose_events_are_late(real_data):
    from evfi.doctor.examine import examined
    from evfi.io.importers.options import ImportOptions

    with examined(real_data / "davis" / "davis346.aedat4", ImportOptions()) as found:
        assert not [one for one in found.findings if one.is_wrong]
        (offset,) = (one for one in found.findings if one.check == "time offset")
    assert offset.verdict == "not identifiable"
    assert 2_000 < offset.values["low_us"] < offset.values["high_us"] < 3_100


def test_no_offset_is_found_where_there_is_none(simulated):
    made = simulated(1)
    assert abs(measured(made).offset_us.value) < MS
    assert estimate_findings(measured(made))[0].verdict == "ok"


@pytest.mark.parametrize("seed", [0, 1])
def test_thresholds_are_found_within_15_percent_and_inside_their_intervals(simulated, seed):
    made = simulated(seed)
    found = measured(made)
    for one, true in ((found.contrast_pos, made.contrast_pos), (found.contrast_neg, made.contrast_neg)):
        assert abs(one.value / true - 1) < 0.15
        assert one.low <= true <= one.high


@pytest.mark.slow
def test_over_ten_seeds_intervals_cover_the_truth_and_values_lie_near_it(simulated):
    covered, rows = np.zeros(3, int), []
    for seed in range(10):
        late_us = (3 * MS, -3 * MS)[seed % 2]
        made = simulated(seed, late_us=late_us)
        found = measured(made)
        ones = (found.offset_us, found.contrast_pos, found.contrast_neg)
        truths = (late_us, made.contrast_pos, made.contrast_neg)
        covered += [one.low <= true <= one.high for one, true in zip(ones, truths, strict=True)]
        rows.append(
            [ones[0].value - late_us, *(one.value / true for one, true in zip(ones[1:], truths[1:], strict=True))]
        )
    rows = np.array(rows)
    print(covered, rows.round(3).tolist())
    assert (covered >= 8).all()
    assert np.abs(rows[:, 0]).max() < MS
    assert np.abs(rows[:, 1:] - 1).max() < 0.15


def test_the_same_seed_gives_the_same_interval(simulated):
    made = simulated(0)
    assert measured(made) == measured(made)


def test_where_frames_and_events_have_nothing_in_common_nothing_is_claimed(tmp_path):
    from evfi.io.recording import RecordingWriter, open_recording
    from evfi.types import Events, Frames

    size, rng, n = SensorSize(height=90, width=120), np.random.default_rng(0), 200_000
    writer = RecordingWriter(tmp_path / "r.zarr", size)
    t = np.sort(rng.integers(0, 10**6, n))
    x, y = (rng.integers(0, side, n).astype(np.uint16) for side in (120, 90))
    writer.add_events(Events(x, y, t, rng.random(n) < 0.5, size))
    times = 40_000 * np.arange(1, 24, dtype=np.int64)
    writer.add_frames(Frames.without_exposure(rng.integers(0, 256, (23, 90, 120), dtype=np.uint8), times))
    writer.finish()
    found = estimate_findings(estimate(open_recording(tmp_path / "r.zarr"), NONE_SPOILT))
    assert [one.verdict for one in found] == ["not identifiable"] * 3
    assert all(one.found and one.advice for one in found)


def test_events_without_frames_leave_it_open_and_say_why(real_data):
    import evfi

    recording = evfi.open(real_data / "davis" / "dvxplorer_events_only.aedat4")
    size = recording.sensor_size
    found = estimate(recording, np.zeros((size.height, size.width), bool))
    assert "needs events and more than 4 frames" in found.offset_us.problem
