"""Scenes whose events are known without a simulator."""

import numpy as np
import pytest

from evfi.simulation.options import SimulationOptions
from evfi.simulation.simulate import simulate


def _plain(contrast_pos=0.2, contrast_neg=0.2, **changes):
    return SimulationOptions(preset="esim_py", contrast_pos=contrast_pos, contrast_neg=contrast_neg, **changes)


def _gray(log, eps=1e-3):
    """The float frame whose log intensity this is."""
    return (np.exp(log) - eps) * 255


both_laws = pytest.mark.parametrize("law", ["esim_py", "esim_torch"])


@pytest.mark.parametrize("preset", ["evtexture", "e2vid", "esim_py", "esim_torch", "v2e_clean"])
@pytest.mark.parametrize("upsample", ["none", "linear", "dis"])
def test_constant_video_gives_nothing(preset, upsample):
    frame = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    options = SimulationOptions(preset=preset, upsample=upsample)
    assert len(simulate([frame] * 5, np.arange(5) * 33_333, options)) == 0


@both_laws
@pytest.mark.parametrize("contrast", [0.07, 0.2, 0.31])
@pytest.mark.parametrize(("first", "last"), [(20, 230), (230, 20)])
def test_a_ramp_between_two_frames_gives_known_events_at_known_times(first, last, contrast, law):
    start_us, end_us = 5_000, 105_000
    frames = np.array([[[first]], [[last]]], np.uint8)
    events = simulate(frames, [start_us, end_us], _plain(contrast, contrast, law=law))
    log = np.log(np.array([first, last]) / 255 + 1e-3)
    change = abs(log[1] - log[0])
    steps = np.arange(1, int(change / contrast) + 1)
    assert len(events) == len(steps) > 3
    np.testing.assert_array_equal(events.p, last > first)
    np.testing.assert_array_equal(events.t, start_us + np.floor(steps * contrast / change * (end_us - start_us)))


@both_laws
def test_a_ramp_over_many_frames_gives_the_same_events(law):
    log = np.linspace(-3, -0.5, 101)
    t_us = np.arange(101) * 1_000
    events = simulate(_gray(log)[:, None, None], t_us, _plain(0.15, 0.4, law=law))
    expected = np.arange(1, int(2.5 / 0.15) + 1) * 0.15 / 2.5 * t_us[-1]
    assert events.p.all()
    # frames are rounded to 1/256 gray level: at most 0.0003 in log, 12 us of this ramp
    np.testing.assert_allclose(events.t, expected, atol=15)


@both_laws
def test_thresholds_of_both_polarities_are_their_own(law):
    frames = np.array([[[50]], [[200]], [[50]]], np.uint8)
    events = simulate(frames, [0, 10_000, 20_000], _plain(0.1, 0.35, law=law))
    change = np.log(200 / 255 + 1e-3) - np.log(50 / 255 + 1e-3)
    on = int(change / 0.1)
    assert events.p.sum() == on
    # the way down begins above the level of the last ON event
    assert (~events.p).sum() == int(on * 0.1 / 0.35)


@both_laws
def test_a_moving_sinusoid_fires_where_its_phase_has_moved_by_a_threshold(law):
    width, amplitude, periods_per_s, contrast = 64, 0.9, 4.0, 0.12
    t_us = np.arange(0, 500_001, 500)
    phase = 2 * np.pi * (np.arange(width) / width - periods_per_s * t_us[:, None] / 1e6)
    frames = _gray(-2 + amplitude * np.sin(phase))[:, None, :]
    events = simulate(frames, t_us, _plain(contrast, contrast, law=law))
    x = np.arange(width)
    log = amplitude * np.sin(phase)
    # the path between two renders is a chord of the sinusoid: (2 pi 4 Hz 0.5 ms)^2 / 8 * 0.9 = 0.00002; rounding to
    # 1/256 gray level adds 0.001 in the dark
    tolerance = 2e-3
    assert len(events) > 3_000
    for column in x:
        mine = events.take(events.x == column)
        level = log[0, column] + contrast * np.cumsum(np.where(mine.p, 1, -1))
        at_events = amplitude * np.sin(2 * np.pi * (column / width - periods_per_s * mine.t / 1e6))
        np.testing.assert_allclose(at_events, level, atol=tolerance)
        # none is missing: between events the level is never left by a threshold
        held = np.concatenate([[log[0, column]], level])[np.searchsorted(mine.t, t_us)]
        assert np.abs(log[:, column] - held).max() < contrast + tolerance


@both_laws
def test_refractory_time_drops_events_but_the_level_still_moves(law):
    frames = np.array([[[20]], [[220]], [[20]]], np.uint8)
    times = [0, 10_000, 20_000]
    free = simulate(frames, times, _plain(0.1, 0.1, law=law))
    slow = simulate(frames, times, _plain(0.1, 0.1, refractory_us=1_500, law=law))
    kept, last = [], -np.inf
    for t in free.t:
        if t - last >= 1_500:
            kept.append(t)
            last = t
    np.testing.assert_allclose(slow.t, kept, atol=1)
    assert 2 < len(slow) < len(free) / 2


def test_the_first_frame_only_sets_the_level():
    frames = np.array([[[0]], [[0]], [[255]]], np.uint8)
    events = simulate(frames, [0, 1_000, 2_000], _plain())
    assert events.t.min() >= 1_000


def test_colour_becomes_luminance_by_rec_601():
    colour = np.zeros((2, 4, 5, 3), np.uint8)
    colour[0] = (200, 40, 90)
    colour[1] = (20, 230, 10)
    gray = np.rint(colour @ [0.299, 0.587, 0.114]).astype(np.uint8)
    options = _plain(0.05, 0.05)
    from_colour, from_gray = simulate(colour, [0, 1000], options), simulate(gray, [0, 1000], options)
    assert len(from_colour) == len(from_gray) > 0
    np.testing.assert_array_equal(from_colour.t, from_gray.t)


def test_views_of_frames_give_the_events_of_copies():
    frames = np.random.default_rng(2).integers(0, 256, (3, 12, 16, 3), dtype=np.uint8)
    for view in (frames[..., ::-1], frames[:, ::2, ::-1], frames[:, :, :, 1], frames.astype(np.float64)[:, ::-1, :, 0]):
        events, of_copy = (simulate(video, [0, 10, 20], _plain()) for video in (view, view.copy()))
        assert len(events) > 0
        np.testing.assert_array_equal(events.t, of_copy.t)
        np.testing.assert_array_equal(events.x, of_copy.x)


def test_eight_bit_frames_and_the_same_values_as_floats_give_the_same_events():
    frames = np.random.default_rng(1).integers(0, 256, (5, 12, 16), dtype=np.uint8)
    t_us = np.arange(5) * 4_166
    events, from_floats = (simulate(kind, t_us, _plain()) for kind in (frames, frames.astype(np.float32)))
    for name in ("x", "y", "t", "p"):
        np.testing.assert_array_equal(getattr(events, name), getattr(from_floats, name))
