"""The score that closes a slow-motion run."""

import numpy as np
import pytest

from evfi.evaluation.agreement import EventAgreement
from evfi.evaluation.event_consistency import EventConsistency, fit_contrasts
from evfi.evaluation.options import EventConsistencyOptions
from evfi.inference.predictor import Prediction
from evfi.inference.summary import Summary
from evfi.samples.sample import Sample
from evfi.types import Events, SensorSize

SIZE = SensorSize(height=30, width=40)
OPTIONS = EventConsistencyOptions()


def sample(t_us: int, seed: int = 0) -> Sample:
    """Frames that brighten and darken by as many steps of 0.2 as there are events."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(-3, 4, (SIZE.height, SIZE.width))
    image0 = rng.integers(60, 120, counts.shape)
    image1 = np.rint(255 * (np.exp(np.log(image0 / 255 + 0.01) + 0.2 * counts) - 0.01)).clip(0, 255)
    y, x = np.nonzero(counts)
    repeats = np.abs(counts[y, x])
    t0_us = 1_000_000 * seed
    t = t0_us + np.sort(rng.integers(0, 40_000, repeats.sum()))
    order = rng.permutation(len(t))
    columns = [np.repeat(values, repeats)[order] for values in (x, y, counts[y, x] > 0)]
    events = Events(columns[0].astype(np.uint16), columns[1].astype(np.uint16), t, columns[2].astype(bool), SIZE)
    frames = [np.repeat(image[..., None], 3, axis=2).astype(np.uint8) for image in (image0, image1)]
    return Sample(
        sample_id="s", sequence="s", frame0=frames[0], frame1=frames[1], target=None, events=events,
        t0_us=t0_us, t1_us=t0_us + 40_000, t_us=t0_us + t_us,
    )  # fmt: skip


def prediction(one: Sample) -> Prediction:
    frame = (one.frame0.astype(np.float32) + one.frame1) / 510
    return Prediction(frame=frame, intermediates={})


def test_the_mean_is_that_of_event_consistency_of_each_frame() -> None:
    agreement = EventAgreement()
    expected = []
    for seed, t_us in ((0, 10_000), (0, 20_000), (1, 20_000)):
        one = sample(t_us, seed)
        agreement(one, prediction(one))
        consistency = EventConsistency(one, fit_contrasts(one, OPTIONS), OPTIONS)
        expected.append(consistency.score(prediction(one).frame).value)
    assert np.isfinite(expected).all()
    assert agreement.judged == 3
    assert agreement.mean == pytest.approx(np.mean(expected))


def test_frames_without_events_are_not_judged() -> None:
    one = sample(20_000)
    silent = Sample(
        sample_id="s", sequence="s", frame0=one.frame0, frame1=one.frame1, target=None, events=Events.empty(SIZE),
        t0_us=0, t1_us=40_000, t_us=20_000,
    )  # fmt: skip
    agreement = EventAgreement()
    agreement(silent, prediction(silent))
    assert agreement.judged == 0
    assert np.isnan(agreement.mean)


def summary(event_consistency: float | None, judged: int | None) -> Summary:
    return Summary(
        out="slow.mp4", family="timelens", capture_fps=25.0, playback_fps=25.0, slow_down=4.0, frames_in=5,
        frames_kept=5, frames_inserted=12, frames_out=17, hot_pixels=0, removed_hot=0, removed_background=0,
        gaps_without_events=0, gaps_with_exposure_change=0, overexposed=0.0, seconds=2.0,
        event_consistency=event_consistency, judged=judged,
    )  # fmt: skip


def test_the_closing_line_says_the_score_and_that_it_is_no_rank() -> None:
    assert str(summary(0.8314, 12)).endswith("; event consistency 0.831 over 12 inserted frames (no quality rank)")
    assert str(summary(float("nan"), 0)).endswith("; event consistency not identifiable")
    assert "consistency" not in str(summary(None, None))
    assert summary(float("nan"), 0).as_dict()["event_consistency"] is None
