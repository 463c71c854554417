"""The four methods without learning, against plain NumPy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.evaluation.baselines import Baselines, blend, copy, event_integration
from evfi.evaluation.event_consistency import fit_contrasts
from evfi.evaluation.metrics import psnr_float
from evfi.evaluation.options import EvaluationOptions, EventConsistencyOptions
from evfi.io.images import read_image
from evfi.samples.sample import Sample
from evfi.types import Events, SensorSize

OPTIONS = EventConsistencyOptions()
MakeSample = Callable[..., Sample]


def real_sample(folder: Path, *, gray: bool = False) -> Sample:
    frames = [read_image(folder / "vimeo90k" / "degraded" / "block" / f"im000{number}.png") for number in (3, 4, 5)]
    if gray:
        frames = [np.repeat(frame[..., 1:2], 3, axis=2) for frame in frames]
    size = SensorSize(height=frames[0].shape[0], width=frames[0].shape[1])
    return Sample("real", "real", frames[0], frames[2], frames[1], Events.empty(size), 0, 100, 50)


def test_copy_is_the_left_frame(make_sample: MakeSample) -> None:
    sample = make_sample()
    np.testing.assert_allclose(copy(sample).frame, sample.frame0 / 255, atol=1e-7)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(t_us=st.integers(1, 999))
def test_blend_weighs_the_frames_by_nearness_in_time(t_us: int) -> None:
    rng = np.random.default_rng(t_us)
    left, right = (rng.integers(0, 256, (8, 9, 3), np.uint8) for _ in range(2))
    sample = Sample("a", "a", left, right, None, Events.empty(SensorSize(8, 9)), 0, 1000, t_us)
    expected = left / 255 * (1 - t_us / 1000) + right / 255 * (t_us / 1000)
    np.testing.assert_allclose(blend(sample).frame, expected, atol=1e-6)


def test_event_integration_equals_its_formula_event_by_event(make_sample: MakeSample) -> None:
    sample = make_sample(2)
    fitted = fit_contrasts(sample, OPTIONS)
    log = np.log(sample.frame0 / 255 + OPTIONS.log_eps)
    events = sample.events
    for x, y, t, p in zip(events.x, events.y, events.t, events.p, strict=True):
        if t < sample.t_us:
            log[y, x] += fitted.positive if p else -fitted.negative
    answer = event_integration(sample, OPTIONS)
    np.testing.assert_allclose(answer.frame, np.clip(np.exp(log) - OPTIONS.log_eps, 0, 1), atol=1e-5)
    assert answer.note == ""


def test_event_integration_finds_frames_that_changed_by_events_alone(make_sample: MakeSample) -> None:
    sample = make_sample()
    assert psnr_float(event_integration(sample, OPTIONS).frame, sample.target) > 40
    assert psnr_float(blend(sample).frame, sample.target) < 30


def test_event_integration_falls_back_to_the_left_frame_and_says_so(make_sample: MakeSample) -> None:
    sample = make_sample(share=0.01)
    answer = event_integration(sample, OPTIONS)
    np.testing.assert_array_equal(answer.frame, copy(sample).frame)
    assert answer.note.startswith("left frame, contrasts not identifiable:")


def test_answers_stand_in_the_order_of_the_options(make_sample: MakeSample) -> None:
    options = EvaluationOptions(baselines=("event_integration", "copy"))
    answers = Baselines(options).answers([make_sample(1), make_sample(2)])
    assert [[answer.method.name for answer in own] for own in answers] == [["event_integration", "copy"]] * 2
    assert all(answer.frame.dtype == np.float32 for own in answers for answer in own)


def test_all_answers_lie_in_the_unit_range(make_sample: MakeSample) -> None:
    for answer in Baselines(EvaluationOptions()).answers([make_sample(4)])[0]:
        assert answer.frame.shape == (40, 50, 3)
        assert answer.frame.min() >= 0
        assert answer.frame.max() <= 1
