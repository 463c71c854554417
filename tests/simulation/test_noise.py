"""The statistics of each noise term, and that terms do not disturb each other."""

import numpy as np
import pytest

from evfi.errors import UserError
from evfi.simulation.options import NoiseOptions, SimulationOptions
from evfi.simulation.simulate import Simulator, simulate
from evfi.types import Events, SensorSize

SIDE = 64
PIXELS = SIDE * SIDE


def _options(contrast=0.2, refractory_us=0, **noise):
    return SimulationOptions(
        preset="esim_py",
        contrast_pos=contrast,
        contrast_neg=contrast,
        refractory_us=refractory_us,
        noise=NoiseOptions(**noise),
    )


def _constant(value=100, seconds=2, every_us=10_000):
    t_us = np.arange(0, seconds * 1_000_000 + 1, every_us)
    return np.full((len(t_us), SIDE, SIDE), value, np.uint8), t_us


def _counts(events, which=slice(None)):
    counts = np.zeros((SIDE, SIDE), int)
    np.add.at(counts, (events.y[which], events.x[which]), 1)
    return counts


def test_without_options_there_is_no_noise():
    assert NoiseOptions() == SimulationOptions().noise == SimulationOptions(preset="esim_py").noise
    assert all(value in (0, ()) for name, value in NoiseOptions() if name != "hot_pixel_rate_hz")
    assert len(simulate(*_constant(), _options(), seed=1)) == 0


def test_threshold_mismatch_spreads_the_first_crossing_of_a_ramp_by_its_sigma():
    frames = np.stack([np.full((SIDE, SIDE), value, np.uint8) for value in (60, 180)])
    events = simulate(frames, [0, 1_000_000], _options(threshold_sigma=0.03), seed=2)
    change = np.log(180 / 255 + 1e-3) - np.log(60 / 255 + 1e-3)
    first = np.full((SIDE, SIDE), np.iinfo(np.int64).max)
    np.minimum.at(first, (events.y, events.x), events.t)
    thresholds = first / 1_000_000 * change
    assert thresholds.mean() == pytest.approx(0.2, abs=4 * 0.03 / np.sqrt(PIXELS))
    assert thresholds.std() == pytest.approx(0.03, rel=0.05)


def test_mismatched_thresholds_of_both_polarities_are_independent_and_never_tiny():
    pixels = Simulator(SensorSize(height=SIDE, width=SIDE), _options(0.05, threshold_sigma=0.05), seed=3).pixels
    assert pixels.contrast_pos.min() == pixels.contrast_neg.min() == 0.01
    assert abs(np.corrcoef(pixels.contrast_pos.ravel(), pixels.contrast_neg.ravel())[0, 1]) < 0.05


def test_leak_gives_regular_on_events_at_its_rate_and_no_common_beat():
    events = simulate(*_constant(), _options(leak_rate_hz=10), seed=4)
    assert events.p.all()
    counts = _counts(events)
    assert set(np.unique(counts)) <= {19, 20, 21}
    assert counts.mean() == pytest.approx(20, abs=0.1)
    one = events.t[(events.x == 5) & (events.y == 7)]
    np.testing.assert_allclose(np.diff(one), 100_000, atol=1)
    # first events lie anywhere within a period
    first = np.full((SIDE, SIDE), np.iinfo(np.int64).max)
    np.minimum.at(first, (events.y, events.x), events.t)
    assert np.histogram(first, bins=10, range=(0, 100_000))[0] == pytest.approx(PIXELS / 10, rel=0.25)


def test_leak_rates_spread_by_decades_from_pixel_to_pixel():
    counts = _counts(simulate(*_constant(), _options(leak_rate_hz=100, leak_spread_decades=0.2), seed=5))
    decades = np.log10(counts / 2 / 100)
    assert decades.std() == pytest.approx(0.2, rel=0.05)
    assert decades.mean() == pytest.approx(0, abs=0.02)


def test_leak_jitter_spreads_the_time_between_leak_events_and_keeps_their_rate():
    jitter, every_us = 0.2, 10_000
    events = simulate(*_constant(every_us=every_us), _options(leak_rate_hz=10, leak_jitter=jitter), seed=4)
    assert events.p.all()
    assert _counts(events).mean() == pytest.approx(20, abs=0.1)
    order = np.lexsort((events.t, events.x, events.y))
    same = (np.diff(events.x[order]) == 0) & (np.diff(events.y[order]) == 0)
    periods = np.diff(events.t[order])[same]
    assert periods.mean() == pytest.approx(100_000, rel=0.005)
    # ten independent intervals make a period; the two that it begins and ends in count by their parts
    assert periods.std() / 100_000 == pytest.approx(jitter / np.sqrt(100_000 / every_us), rel=0.1)


def _response(gray, cutoff_hz, hz, contrast=0.001, amplitude=0.08):
    """Amplitude of log intensity that the events of a flickering pixel show."""
    t_us = np.arange(0, 2_000_001, 500)
    log = np.log(gray / 255 + 1e-3) + amplitude * np.sin(2 * np.pi * hz * t_us / 1e6)
    frames = (np.exp(log) - 1e-3)[:, None, None] * 255
    events = simulate(frames, t_us, _options(contrast, cutoff_hz=cutoff_hz), seed=1)
    last = events.t > 1_000_000  # settled
    swings = hz * 1.0
    return np.count_nonzero(events.p & last) * contrast / swings / 2


@pytest.mark.parametrize("gray", [20, 90, 200])
def test_the_low_pass_damps_by_its_cut_off_which_scales_with_intensity(gray):
    hz = 10
    for ratio in (0.5, 1.0, 3.0):
        cutoff_hz = hz / ratio / ((gray + 20) / 275)
        assert _response(gray, cutoff_hz, hz) == pytest.approx(0.08 / np.sqrt(1 + ratio**2), rel=0.06)
    assert _response(gray, 0.0, hz) == pytest.approx(0.08, rel=0.06)


def test_a_low_passed_step_arrives_late_and_in_full():
    frames = np.full((400, 1, 2), 50, np.uint8)
    frames[1:] = 200
    t_us = np.arange(400) * 1_000
    sharp, slow = (simulate(frames, t_us, _options(0.1, cutoff_hz=hz), seed=1) for hz in (0, 10))
    assert len(slow) == len(sharp) == 2 * int(np.log(200 / 50) / 0.1)
    assert sharp.t.max() < 1_000
    # exponential with the time constant 1 / (2 pi 10 Hz 220 / 275)
    change = np.log(200 / 255 + 1e-3) - np.log(50 / 255 + 1e-3)
    steps = np.arange(1, len(slow) // 2 + 1) * 0.1 / change
    expected = -np.log(1 - steps) / (2 * np.pi * 10 * 220 / 275) * 1e6
    np.testing.assert_allclose(slow.t[slow.x == 0], expected, rtol=0.05, atol=1_000)


def test_a_cut_off_far_above_the_frame_rate_changes_nothing():
    frames = np.random.default_rng(0).integers(0, 256, (6, 9, 11), dtype=np.uint8)
    sharp, filtered = (simulate(frames, np.arange(6) * 10_000, _options(cutoff_hz=hz)) for hz in (0, 1e4))
    assert len(sharp) == len(filtered) > 0
    np.testing.assert_allclose(sharp.t, filtered.t, atol=1)


def test_leak_hastens_on_and_delays_off_events_of_a_change():
    frames = np.array([[[100]], [[200]], [[100]]], np.uint8)
    times = [0, 500_000, 1_000_000]
    calm = simulate(frames, times, _options(0.1), seed=6)
    leaky = simulate(frames, times, _options(0.1, leak_rate_hz=4), seed=6)
    assert leaky.p.sum() > calm.p.sum()
    assert (~leaky.p).sum() < (~calm.p).sum()


@pytest.mark.parametrize(("value", "part"), [(0, 1.0), (255, 0.25)])
def test_shot_noise_is_poisson_balanced_uniform_in_time_and_stronger_in_the_dark(value, part):
    events = simulate(*_constant(value), _options(shot_rate_hz=20), seed=7)
    expected = 20 * part * 2
    counts = _counts(events)
    assert counts.mean() == pytest.approx(expected, abs=5 * np.sqrt(expected / PIXELS))
    assert counts.var() == pytest.approx(expected, rel=0.1)
    assert events.p.mean() == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(len(events)))
    tenths = np.histogram(events.t, bins=10, range=(0, 2_000_000))[0]
    assert tenths == pytest.approx(len(events) / 10, rel=0.05)
    within_interval = np.histogram(events.t % 10_000, bins=10, range=(0, 10_000))[0]
    assert within_interval == pytest.approx(len(events) / 10, rel=0.05)


def test_shot_noise_keeps_its_rate_however_far_apart_frames_are():
    for every_us in (1_000, 200_000):
        events = simulate(*_constant(0, every_us=every_us), _options(shot_rate_hz=10), seed=8)
        assert len(events) == pytest.approx(20 * PIXELS, rel=0.02)


def test_refractory_time_holds_between_shot_noise_and_signal():
    frames = np.random.default_rng(0).integers(0, 256, (40, SIDE, SIDE), dtype=np.uint8)
    options = _options(0.3, refractory_us=2_000, shot_rate_hz=300)
    events = simulate(frames, np.arange(40) * 10_000, options, seed=9)
    order = np.lexsort((events.t, events.x, events.y))
    same = (np.diff(events.x[order]) == 0) & (np.diff(events.y[order]) == 0)
    assert np.diff(events.t[order])[same].min() in (1_999, 2_000, 2_001)
    free = simulate(frames, np.arange(40) * 10_000, options.replaced(refractory_us=0), seed=9)
    assert len(events) < len(free)


def test_given_and_drawn_hot_pixels_fire_at_their_rate_and_no_other_does():
    options = _options(hot_pixels=((3, 4), (10, 60)), hot_pixel_count=3, hot_pixel_rate_hz=50)
    events = simulate(*_constant(), options, seed=10)
    counts = _counts(events)
    assert np.count_nonzero(counts) == 5
    assert counts[3, 4] > 0
    assert counts[10, 60] > 0
    assert np.abs(counts[counts > 0] - 100).max() <= 1
    assert events.p.all()


def test_jitter_moves_times_by_its_sigma_and_nothing_else():
    frames, t_us = _constant()
    calm, moved = (simulate(frames, t_us, _options(leak_rate_hz=3, jitter_us=jitter), seed=11) for jitter in (0, 500))
    np.testing.assert_array_equal(_counts(calm), _counts(moved))
    # events of one pixel lie a third of a second apart, so their order cannot change
    by_pixel = [np.lexsort((events.t, events.x, events.y)) for events in (calm, moved)]
    errors = moved.t[by_pixel[1]] - calm.t[by_pixel[0]]
    errors = errors[(calm.t[by_pixel[0]] > 3_000) & (calm.t[by_pixel[0]] < 1_997_000)]  # not clamped at the ends
    assert errors.mean() == pytest.approx(0, abs=5 * 500 / np.sqrt(len(errors)))
    assert errors.std() == pytest.approx(500, rel=0.03)
    assert np.abs(errors).max() <= 3.7 * 500
    assert (np.diff(moved.t) >= 0).all()
    assert moved.t.min() >= 0
    assert moved.t.max() < 2_000_000


def test_latency_moves_every_event_by_the_same_time_and_loses_the_last_ones():
    frames, t_us = _constant()
    calm, late = (simulate(frames, t_us, _options(leak_rate_hz=3, latency_us=lag), seed=11) for lag in (0, 70_000))
    kept = calm.t + 70_000 < t_us[-1]
    assert 0 < np.count_nonzero(~kept) < len(calm)
    for name in ("x", "y", "p"):
        np.testing.assert_array_equal(getattr(late, name), getattr(calm, name)[kept])
    np.testing.assert_array_equal(late.t, calm.t[kept] + 70_000)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_latency_that_depends_on_intensity_is_longer_in_the_dark(dtype):
    frames, t_us = _constant()
    frames[:, : SIDE // 2] = 0
    frames[:, SIDE // 2 :] = 255
    frames = frames.astype(dtype)
    noise = {"leak_rate_hz": 3, "latency_us": 500}
    calm = simulate(frames, t_us, _options(**noise), seed=11)
    late = simulate(frames, t_us, _options(**noise, latency_dark_us=30_000), seed=11)
    first = [np.full((SIDE, SIDE), np.iinfo(np.int64).max) for _ in range(2)]
    for times, events in zip(first, (calm, late), strict=True):
        np.minimum.at(times, (events.y, events.x), events.t)
    np.testing.assert_array_equal((first[1] - first[0])[: SIDE // 2], 30_000)
    np.testing.assert_array_equal((first[1] - first[0])[SIDE // 2 :], round(30_000 * 20 / 275))


def test_latency_and_low_pass_of_a_change_are_those_of_the_light_it_goes_to():
    frames = np.array([[[0]], [[255]], [[255]]], np.uint8)
    times = [0, 10_000, 90_000]
    calm, late = (simulate(frames, times, _options(latency_dark_us=dark)) for dark in (0, 30_000))
    np.testing.assert_array_equal(late.t, calm.t + round(30_000 * 20 / 275))
    # half of the way in the first interval, were the pixel as slow as in the dark a twenty-eighth
    filtered = simulate(frames, times, _options(cutoff_hz=0.5 / (2 * np.pi * 0.01)))
    change = np.log(1 + 1e-3) - np.log(1e-3)
    assert np.count_nonzero(filtered.t < 10_000) == int(change / 2 / 0.2)


def test_a_jittered_stream_stays_in_order_across_chunks_and_is_the_whole():
    frames, t_us = _constant(every_us=1_000)
    options = _options(leak_rate_hz=20, jitter_us=800)
    simulator = Simulator(SensorSize(height=SIDE, width=SIDE), options, seed=13)
    parts = [simulator.feed(frames[k : k + 3], t_us[k : k + 3]) for k in range(0, len(frames), 3)]
    parts.append(simulator.finish())
    pieces, whole = Events.concatenated(parts, simulator.sensor_size), simulate(frames, t_us, options, seed=13)
    assert len(whole) > 100_000
    for name in ("x", "y", "t", "p"):
        np.testing.assert_array_equal(getattr(pieces, name), getattr(whole, name))


def test_switching_one_term_on_leaves_the_draws_of_the_others_alone():
    size = SensorSize(height=SIDE, width=SIDE)
    alone = Simulator(size, _options(threshold_sigma=0.02), seed=12).pixels
    among = Simulator(
        size, _options(threshold_sigma=0.02, leak_rate_hz=1, shot_rate_hz=1, hot_pixel_count=2), seed=12
    ).pixels
    np.testing.assert_array_equal(alone.contrast_pos, among.contrast_pos)
    np.testing.assert_array_equal(alone.contrast_neg, among.contrast_neg)


def test_another_seed_is_another_sensor_and_the_same_seed_the_same():
    video = _constant(0, seconds=1)
    options = _options(threshold_sigma=0.02, leak_rate_hz=2, shot_rate_hz=3, hot_pixel_count=2, jitter_us=20)
    first, again, other = (simulate(*video, options, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.t, again.t)
    assert len(first) != len(other) or (first.t != other.t).any()


def test_hot_pixels_outside_the_sensor_or_more_than_pixels_are_refused():
    with pytest.raises(UserError, match=r"\(64, 0\).*64x64"):
        simulate(*_constant(seconds=1), _options(hot_pixels=((64, 0),)))
    with pytest.raises(UserError, match=r"4097 hot pixels.*4096"):
        simulate(*_constant(seconds=1), _options(hot_pixel_count=4097))
