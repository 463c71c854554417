"""The sums behind the estimates, against what a pencil gives."""

import numpy as np
import pytest

from evfi.doctor.contrast_sums import gap_after, sums_of
from evfi.io.recording import RecordingWriter, open_recording
from evfi.types import Events, Frames, SensorSize

SIZE = SensorSize(height=1, width=3)
NO_SHIFT = np.zeros(1)


@pytest.fixture
def gap(tmp_path):
    """Exposures 0 to 1,000 and 10,000 to 12,000 µs; pixel 0: three ON events, pixel 1: one OFF, pixel 2: none."""
    writer = RecordingWriter(tmp_path / "r.zarr", SIZE)
    rows = [(500, 0, True), (4000, 0, True), (6000, 1, False), (11_500, 0, True)]
    t, x, p = (np.array(column) for column in zip(*rows, strict=True))
    writer.add_events(Events(x.astype(np.uint16), np.zeros(4, np.uint16), t.astype(np.int64), p, SIZE))
    image = np.array([[[50, 100, 80]], [[100, 50, 80]]], np.uint8)
    starts, ends = np.array([0, 10_000]), np.array([1000, 12_000])
    writer.add_frames(Frames(image, (starts + ends) // 2, starts, ends))
    writer.finish()
    recording = open_recording(tmp_path / "r.zarr")
    return gap_after(recording, recording.frames, 0, np.zeros((1, 3), bool))


def test_an_event_counts_with_the_parts_of_the_exposures_that_come_after_it(gap):
    # at 500: all of the second, half of the first; at 4,000: all; at 11,500: a quarter of the second
    ups, downs = np.array([0.5 + 1 + 0.25, 0, 0]), np.array([0, 1, 0])
    sums = sums_of(gap, NO_SHIFT, lagging=False, bursts_only=False)
    expected = [
        [(gap.weight * ups**2).sum(), -(gap.weight * ups * downs).sum()],
        [-(gap.weight * ups * downs).sum(), (gap.weight * downs**2).sum()],
    ]
    np.testing.assert_allclose(sums.gram[0], expected)
    np.testing.assert_allclose(
        sums.right[0], [(gap.weight * ups * gap.change).sum(), -(gap.weight * downs * gap.change).sum()]
    )
    assert gap.change[0] == pytest.approx(np.log(2), rel=0.01)
    assert gap.change[2] == 0
    assert sums.pixels == 3


def test_a_shift_takes_the_events_earlier(gap):
    shifted = sums_of(gap, np.array([10_500.0]), lagging=False, bursts_only=False)
    # all events but the last then lie before both exposures, the last in the middle of 0 to 2,000 µs: at 1,000
    assert shifted.gram[0][0, 0] == pytest.approx(gap.weight[0])
    assert shifted.gram[0][1, 1] == 0


def test_lags_are_half_the_shorter_gap_and_lone_events_are_known(gap):
    # gaps of pixel 0: 3,500 and 7,500 µs; its first event has none before, so the limit of 20 ms, and 3,500 after it
    np.testing.assert_array_equal(gap.lag, [1750, 1750, 10_000, 3750])
    np.testing.assert_array_equal(gap.alone, [False, False, True, False])
    bursts = sums_of(gap, NO_SHIFT)
    assert bursts.pixels == 1
    assert bursts.gram[0][1, 1] == 0


def test_dark_bright_and_spoilt_pixels_weigh_nothing(gap, tmp_path):
    recording = open_recording(tmp_path / "r.zarr")
    spoilt = gap_after(recording, recording.frames, 0, np.array([[True, False, False]]))
    assert spoilt.weight[0] == 0
    assert (spoilt.weight[1:] > 0).all()
