"""The demo's recordings: real aedat4 files whose events, frames and truth show one scene."""

import numpy as np
import pytest

from evfi.demo.exposures import exposures_between
from evfi.demo.options import DemoOptions
from evfi.demo.recordings import (
    plan_recordings,
    recording_scene,
    sensor_options,
    thresholds,
    write_recording,
    write_truth,
)
from evfi.demo.render import render, render_exposure, to_uint8
from evfi.io.aedat4 import Aedat4Reader
from evfi.io.images import read_frame_folder
from evfi.types import Events, Frames
from evfi.units import US_PER_S

OPTIONS = DemoOptions.smoke().replaced(recording_width=64, recording_height=48)
PLAN = plan_recordings(OPTIONS)[-1]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """(result, events, frames, truth) of the smoke demo's test recording, read back from its files."""
    folder = tmp_path_factory.mktemp("recordings")
    result = write_recording(PLAN, OPTIONS, folder / "test0.aedat4")
    write_truth(PLAN, OPTIONS, folder / "truth")
    reader = Aedat4Reader(folder / "test0.aedat4")
    pieces = list(reader.batches())
    events = Events.concatenated([piece for piece in pieces if isinstance(piece, Events)], reader.sensor_size)
    frames = [piece for piece in pieces if isinstance(piece, Frames)]
    columns = ("image", "t_us", "exposure_start_us", "exposure_end_us")
    whole = Frames(*(np.concatenate([getattr(piece, name) for piece in frames]) for name in columns))
    return result, events, whole, read_frame_folder(folder / "truth", time_unit="us")


def test_two_recordings_train_and_one_tests():
    plans = plan_recordings(DemoOptions())
    assert [(plan.name, plan.split) for plan in plans] == [("train0", "train"), ("train1", "train"), ("test0", "test")]
    assert len({plan.background for plan in plans}) == 3


def test_times_are_of_the_unix_epoch(written):
    _, events, frames, truth = written
    day_us = 24 * 3600 * US_PER_S
    for t_us in (events.t, frames.t_us, truth.t_us):
        assert PLAN.start_us <= t_us[0] < t_us[-1] <= PLAN.start_us + US_PER_S
        assert np.datetime64("2026-01-05") == np.datetime64(int(t_us[0]) // day_us, "D")


def test_the_file_gives_back_every_frame_with_its_exposure(written):
    result, _, frames, _ = written
    _, exposures = recording_scene(PLAN, OPTIONS)
    assert len(frames) == result.frames == OPTIONS.fps * OPTIONS.recording_seconds
    np.testing.assert_array_equal(frames.exposure_start_us - PLAN.start_us, exposures.start_us)
    np.testing.assert_array_equal(frames.exposure_end_us - PLAN.start_us, exposures.end_us)
    np.testing.assert_array_equal(frames.t_us - PLAN.start_us, exposures.t_us)


def test_frames_are_blurred_renders_with_read_noise(written):
    _, _, frames, _ = written
    scene, exposures = recording_scene(PLAN, OPTIONS)
    noise = []
    for k in range(0, len(frames), 5):
        clean = render_exposure(scene, exposures.start_us[k], exposures.end_us[k])[..., 0] * 255
        noise.append(frames.image[k] - clean)
    rounding = 1 / 12
    assert np.std(noise) == pytest.approx((OPTIONS.read_noise_dn**2 + rounding) ** 0.5, rel=0.05)
    assert abs(np.mean(noise)) < 0.1


def test_the_truth_is_the_exact_render_between_two_frames(written):
    _, _, frames, truth = written
    scene, exposures = recording_scene(PLAN, OPTIONS)
    between = exposures_between(exposures, OPTIONS.truth_per_gap)
    assert len(truth) == (len(frames) - 1) * OPTIONS.truth_per_gap
    np.testing.assert_array_equal(truth.t_us - PLAN.start_us, between.t_us)
    np.testing.assert_array_equal(truth.exposure_end_us - truth.exposure_start_us, between.end_us - between.start_us)
    for k in (0, 7, len(truth) - 1):
        exact = to_uint8(render_exposure(scene, between.start_us[k], between.end_us[k]))
        np.testing.assert_array_equal(truth.image[k], exact[..., 0])


def test_events_follow_the_scenes_log_radiance(written):
    result, events, _, _ = written
    contrast_pos, contrast_neg = result.thresholds
    scene, _ = recording_scene(PLAN, OPTIONS)

    def signed_sum(start_us: int, end_us: int) -> np.ndarray:
        window = events.window(PLAN.start_us + start_us, PLAN.start_us + end_us)
        signed = np.zeros((OPTIONS.recording_height, OPTIONS.recording_width))
        np.add.at(signed, (window.y, window.x), np.where(window.p, contrast_pos, -contrast_neg))
        return signed

    start, end = (np.log(render(scene, t_us)[..., 0] + 1e-3) for t_us in (200_000, 300_000))
    change, seen = end - start, signed_sum(200_000, 300_000)
    # What is below a threshold at either end stays unseen.
    assert np.percentile(np.abs(seen - change), 90) < 1.5 * contrast_pos
    assert np.corrcoef(seen.ravel(), change.ravel())[0, 1] > 0.85
    assert np.corrcoef(signed_sum(600_000, 700_000).ravel(), change.ravel())[0, 1] < 0.5


def test_a_few_hot_pixels_fire_without_motion(written):
    _, events, _, _ = written
    on = np.bincount(events.y[events.p].astype(int) * OPTIONS.recording_width + events.x[events.p])
    hot = sensor_options(PLAN, OPTIONS).noise.hot_pixel_count
    assert 1 <= hot <= 3
    assert np.sort(on)[-hot] > 0.7 * sensor_options(PLAN, OPTIONS).noise.hot_pixel_rate_hz


def test_every_recording_has_thresholds_of_its_own_and_a_noisy_sensor():
    plans = plan_recordings(DemoOptions())
    assert len({thresholds(plan) for plan in plans}) == len(plans)
    for plan in plans:
        noise = sensor_options(plan, DemoOptions()).noise
        assert min(noise.threshold_sigma, noise.shot_rate_hz, noise.leak_rate_hz, noise.hot_pixel_count) > 0
