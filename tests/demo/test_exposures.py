"""Exposure times of the demo camera."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.demo.exposures import Exposures, exposures_between, frame_exposures, recording_duration_us
from evfi.demo.options import DemoOptions
from evfi.units import US_PER_S

MANY = settings(max_examples=60, deadline=None, derandomize=True)
seeds = st.integers(0, 10_000)


def drawn(seed: int, **changes: object) -> tuple[DemoOptions, Exposures]:
    options = DemoOptions().replaced(**changes)
    return options, frame_exposures(options, np.random.default_rng(seed))


@given(seed=seeds, fps=st.sampled_from([20, 24, 25, 30]), per_gap=st.integers(1, 15))
@MANY
def test_exposures_keep_their_bounds_and_lie_within_the_recording(seed, fps, per_gap):
    options, exposures = drawn(seed, fps=fps, truth_per_gap=per_gap)
    length_us = exposures.end_us - exposures.start_us
    assert len(exposures) == 6 * fps
    assert length_us.min() >= options.exposure_min_us
    assert length_us.max() <= options.exposure_max_us
    assert exposures.start_us[0] >= 0
    assert exposures.end_us[-1] <= recording_duration_us(options)
    assert (np.diff(exposures.start_us) == US_PER_S // fps).all()


@given(seed=seeds)
@MANY
def test_exposures_swing_smoothly_through_most_of_their_range(seed):
    _, exposures = drawn(seed)
    length_us = exposures.end_us - exposures.start_us
    assert length_us.max() > 4 * length_us.min()
    assert np.abs(np.diff(length_us)).max() < 1_500


@given(seed=seeds, per_gap=st.sampled_from([1, 3, 4, 7]))
@MANY
def test_true_frames_divide_the_gap_between_mid_exposures_exactly(seed, per_gap):
    _, frames = drawn(seed, truth_per_gap=per_gap)
    between = exposures_between(frames, per_gap)
    assert len(between) == per_gap * (len(frames) - 1)
    gap_us = np.diff(frames.t_us)[:, None]
    elapsed_us = between.t_us.reshape(-1, per_gap) - frames.t_us[:-1, None]
    np.testing.assert_array_equal(elapsed_us * (per_gap + 1), gap_us * np.arange(1, per_gap + 1))


@given(seed=seeds, per_gap=st.integers(1, 15))
@MANY
def test_true_frames_have_an_interpolated_exposure(seed, per_gap):
    _, frames = drawn(seed, truth_per_gap=per_gap)
    between = exposures_between(frames, per_gap)
    expected_us = np.interp(between.t_us, frames.t_us, frames.end_us - frames.start_us)
    np.testing.assert_allclose(between.end_us - between.start_us, expected_us, atol=3)
    np.testing.assert_array_equal((between.start_us + between.end_us) % 2, 0)


def test_frames_carry_mid_exposure_times_from_the_epoch():
    exposures = Exposures(np.array([10, 50]), np.array([14, 58]))
    frames = exposures.frames(np.zeros((1, 2, 3), np.uint8), first=1, origin_us=1_000)
    assert (frames.exposure_start_us[0], frames.t_us[0], frames.exposure_end_us[0]) == (1_050, 1_054, 1_058)
