"""numba, torch = reference exactly; a stream = the whole; nothing outside window or sensor; canonical order."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.simulation.options import NoiseOptions, SimulationOptions
from evfi.simulation.simulate import Simulator, simulate
from evfi.types import Events, SensorSize

exact = settings(derandomize=True, deadline=None, max_examples=60)


@st.composite
def videos(draw, longest=7):
    """Frames (uint8 or float, wild or slowly changing) at irregular times, some of them years after zero."""
    n, height, width = draw(st.integers(2, longest)), draw(st.integers(1, 7)), draw(st.integers(1, 37))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["wild", "slow", "flicker"]))
    if kind == "wild":
        values = rng.random((n, height, width)) * 255
    elif kind == "slow":
        values = np.clip(rng.random((height, width)) * 255 + np.cumsum(rng.normal(0, 5, (n, height, width)), 0), 0, 255)
    else:
        values = rng.choice([0.0, 3.0, 40.0, 41.0, 255.0], (n, height, width))
    frames = values.astype(draw(st.sampled_from([np.uint8, np.float32, np.float64])))
    steps = rng.integers(1, draw(st.sampled_from([3, 5_000, 100_000])), n)
    return frames, np.cumsum(steps) + draw(st.sampled_from([0, -10_000, 1_767_571_200_000_000]))


noises = st.builds(
    NoiseOptions,
    threshold_sigma=st.sampled_from([0.0, 0.05]),
    leak_rate_hz=st.sampled_from([0.0, 30.0]),
    leak_spread_decades=st.sampled_from([0.0, 0.5]),
    leak_jitter=st.sampled_from([0.0, 0.25]),
    cutoff_hz=st.sampled_from([0.0, 3.0, 200.0]),
    shot_rate_hz=st.sampled_from([0.0, 200.0]),
    hot_pixel_count=st.sampled_from([0, 1]),
    hot_pixel_rate_hz=st.just(5_000.0),
    jitter_us=st.sampled_from([0.0, 0.3, 700.0]),
    latency_us=st.sampled_from([0.0, 0.0, 90.0, 4_000.0]),
    latency_dark_us=st.sampled_from([0.0, 0.0, 300.0, 20_000.0]),
)
all_options = st.builds(
    SimulationOptions,
    preset=st.sampled_from(["esim_py", "esim_torch"]),
    contrast_pos=st.floats(0.01, 0.8),
    contrast_neg=st.floats(0.01, 0.8),
    refractory_us=st.sampled_from([0, 1, 100, 20_000]),
    log_eps=st.sampled_from([1e-5, 1e-3, 1e-1]),
    noise=st.one_of(st.just(NoiseOptions()), noises),
)
seeds = st.integers(0, 2**63 - 1)


def assert_equal(a: Events, b: Events):
    for name in ("t", "y", "x", "p"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@exact
@given(videos(), all_options, seeds)
def test_the_compiled_backend_gives_the_references_events(video, options, seed):
    frames, t_us = video
    compiled = simulate(frames, t_us, options, seed=seed)
    assert_equal(compiled, simulate(frames, t_us, options.replaced(backend="reference"), seed=seed))


@exact
@given(videos(), all_options, seeds)
def test_the_torch_backend_on_the_cpu_gives_the_references_events(video, options, seed):
    frames, t_us = video
    in_tensors = simulate(frames, t_us, options.replaced(backend="torch"), seed=seed)
    assert_equal(in_tensors, simulate(frames, t_us, options.replaced(backend="reference"), seed=seed))


@exact
@given(videos(), all_options, seeds)
def test_events_are_in_canonical_order_within_the_window_and_the_sensor(video, options, seed):
    frames, t_us = video
    events = simulate(frames, t_us, options, seed=seed)
    assert_equal(events, events.in_canonical_order())
    assert events.sensor_size == SensorSize(height=frames.shape[1], width=frames.shape[2])
    assert (events.x < frames.shape[2]).all()
    assert (events.y < frames.shape[1]).all()
    assert ((events.t >= t_us[0]) & (events.t < t_us[-1])).all()


@exact
@given(
    videos(longest=12),
    all_options,
    seeds,
    st.lists(st.integers(0, 4), max_size=12),
    st.sampled_from(["numba", "torch", "reference"]),
)
def test_feeding_chunks_gives_the_events_of_the_whole(video, options, seed, cuts, backend):
    frames, t_us = video
    options = options.replaced(backend=backend)
    simulator = Simulator(SensorSize(height=frames.shape[1], width=frames.shape[2]), options, seed=seed)
    parts, first = [], 0
    for size in [*cuts, len(frames)]:
        parts.append(simulator.feed(frames[first : first + size], t_us[first : first + size]))
        first += size
    parts.append(simulator.finish())
    assert_equal(Events.concatenated(parts, simulator.sensor_size), simulate(frames, t_us, options, seed=seed))


@exact
@given(videos(), all_options, seeds, st.integers(-(10**15), 10**15))
def test_shifting_time_shifts_events(video, options, seed, shift_us):
    frames, t_us = video
    events = simulate(frames, t_us, options, seed=seed)
    shifted = simulate(frames, t_us + shift_us, options, seed=seed)
    assert_equal(shifted, Events(events.x, events.y, events.t + shift_us, events.p, events.sensor_size))


@exact
@given(videos(), all_options.map(lambda options: options.replaced(noise=NoiseOptions())))
def test_mirroring_the_image_mirrors_events(video, options):
    frames, t_us = video
    events = simulate(frames, t_us, options)
    width = frames.shape[2]
    mirrored = Events((width - 1 - events.x).astype(np.uint16), events.y, events.t, events.p, events.sensor_size)
    assert_equal(simulate(frames[:, :, ::-1], t_us, options), mirrored.in_canonical_order())


@exact
@given(videos(), all_options.map(lambda options: options.replaced(noise=NoiseOptions(), refractory_us=0)))
def test_the_signed_sum_of_thresholds_stays_within_one_threshold_of_the_change(video, options):
    frames, t_us = video
    events = simulate(frames, t_us, options)
    level = np.zeros(frames.shape[1:])
    np.add.at(level, (events.y, events.x), np.where(events.p, options.contrast_pos, -options.contrast_neg))
    # the float scale is rounded to 1/256 gray level
    fine = frames if frames.dtype == np.uint8 else np.floor(frames.astype(np.float32) * 256 + 0.5) / 256
    log = np.log(fine / 255 + options.log_eps)
    rest = log[-1] - log[0] - level
    assert (rest < options.contrast_pos + 1e-6).all()
    assert (rest > -options.contrast_neg - 1e-6).all()


@exact
@given(videos(), all_options.map(lambda options: options.replaced(refractory_us=3_000)), seeds)
def test_no_pixel_fires_again_within_its_refractory_period(video, options, seed):
    frames, t_us = video
    quiet = options.noise.replaced(jitter_us=0.0)
    events = simulate(frames, t_us, options.replaced(noise=quiet), seed=seed)
    order = np.lexsort((events.t, events.x, events.y))
    same = (np.diff(events.x[order]) == 0) & (np.diff(events.y[order]) == 0)
    # an event at the very end of an interval is put into its last microsecond: one less
    assert (np.diff(events.t[order])[same] >= 3_000 - 1).all()


@exact
@given(videos(), all_options.map(lambda options: options.replaced(noise=NoiseOptions())))
def test_both_laws_give_the_same_events_up_to_rounding(video, options):
    frames, t_us = video
    frames = frames + np.random.default_rng(0).uniform(0, 1e-2, frames.shape) * (frames < 254)  # no exact ties
    options = options.replaced(refractory_us=0, contrast_neg=options.contrast_neg * 1.0137)
    one, other = (simulate(frames, t_us, options.replaced(law=law)) for law in ("esim_py", "esim_torch"))
    assert_equal(one, other)


def test_a_buffer_that_must_grow_changes_nothing():
    frames = np.stack([np.full((40, 50), value, np.uint8) for value in (0, 255, 0, 255, 0)])
    t_us = np.arange(5) * 1000
    options = SimulationOptions(preset="esim_py", contrast_pos=0.011, contrast_neg=0.013)
    events = simulate(frames, t_us, options)
    assert len(events) > 1000 * 40 * 50  # far beyond the first guess of the buffer
    assert_equal(events, events.in_canonical_order())
    small = simulate(frames[:, :1, :1], t_us, options.replaced(backend="reference"))
    assert_equal(small, simulate(frames[:, :1, :1], t_us, options))
    assert len(events) == 2000 * len(small)


def test_frames_hours_apart_are_cut_into_stretches_without_a_trace():
    rng = np.random.default_rng(5)
    frames = rng.integers(0, 256, (5, 3, 4), dtype=np.uint8)
    t_us = np.arange(5) * 2_000_000_000  # 33 minutes apart, more than one key can span in all
    options = SimulationOptions(preset="esim_py", noise=NoiseOptions(leak_rate_hz=0.001, jitter_us=40))
    assert_equal(simulate(frames, t_us, options), simulate(frames, t_us, options.replaced(backend="reference")))


def test_frames_with_more_pixels_than_gray_values_give_the_references_events():
    """There the compiled backend finds the first silent ranges by gray value, not by pixel."""
    frames = np.random.default_rng(5).integers(0, 256, (3, 17, 31)).astype(np.uint8)
    options = SimulationOptions(preset="esim_py", contrast_pos=0.13, contrast_neg=0.29)
    found = simulate(frames, [0, 900, 2_000], options)
    assert len(found) > 1_000
    assert_equal(found, simulate(frames, [0, 900, 2_000], options.replaced(backend="reference")))
