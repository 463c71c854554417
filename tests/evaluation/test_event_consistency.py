"""The event integrator: its fit, its score from both sides, and when it says that it cannot tell."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from evfi.evaluation.event_consistency import EventConsistency, fit_contrasts, known_contrasts
from evfi.evaluation.options import EventConsistencyOptions
from evfi.samples.sample import Sample
from evfi.types import Events

OPTIONS = EventConsistencyOptions()
MakeSample = Callable[..., Sample]


def score(sample: Sample, frame: np.ndarray) -> float:
    return EventConsistency(sample, fit_contrasts(sample, OPTIONS), OPTIONS).score(frame).value


def plain_score(sample: Sample, frame: np.ndarray, contrasts: tuple[float, float]) -> float:
    """The definition, event by event."""
    sides = []
    bounds = (
        (sample.t0_us, sample.t_us, sample.frame0 / 255, frame),
        (sample.t_us, sample.t1_us, frame, sample.frame1 / 255),
    )
    for start, end, from_, to in bounds:
        told = np.zeros(frame.shape[:2])
        hit = np.zeros(frame.shape[:2], bool)
        events = sample.events
        for x, y, t, p in zip(events.x, events.y, events.t, events.p, strict=True):
            if start <= t < end:
                told[y, x] += contrasts[0] if p else -contrasts[1]
                hit[y, x] = True
        shown = np.log(to[..., 0] + OPTIONS.log_eps) - np.log(from_[..., 0] + OPTIONS.log_eps)
        sides.append(np.corrcoef(told[hit], shown[hit])[0, 1])
    return float(np.mean(sides))


def test_the_fit_finds_the_contrasts_that_made_the_events(make_sample: MakeSample) -> None:
    fitted = fit_contrasts(make_sample(), OPTIONS)
    assert fitted.identifiable
    assert fitted.positive == pytest.approx(0.2, abs=0.01)
    assert fitted.negative == pytest.approx(0.3, abs=0.01)
    assert fitted.r2 > 0.99


def test_the_fit_equals_numpys_least_squares(make_sample: MakeSample) -> None:
    sample = make_sample(3)
    on, off = np.zeros((40, 50)), np.zeros((40, 50))
    np.add.at(on, (sample.events.y[sample.events.p], sample.events.x[sample.events.p]), 1)
    np.add.at(off, (sample.events.y[~sample.events.p], sample.events.x[~sample.events.p]), 1)
    hit = on + off > 0
    log = [np.log(image[..., 0] / 255 + OPTIONS.log_eps) for image in (sample.frame0, sample.frame1)]
    expected, *_ = np.linalg.lstsq(np.stack([on[hit], -off[hit]], axis=1), (log[1] - log[0])[hit], rcond=None)
    fitted = fit_contrasts(sample, OPTIONS)
    assert (fitted.positive, fitted.negative) == pytest.approx(tuple(expected), abs=1e-6)


def test_the_fit_never_looks_at_the_target(make_sample: MakeSample) -> None:
    sample = make_sample()
    other = replace(sample, target=255 - sample.target)
    assert fit_contrasts(sample, OPTIONS) == fit_contrasts(other, OPTIONS)
    assert fit_contrasts(sample, OPTIONS) == fit_contrasts(replace(sample, target=None), OPTIONS)


def test_the_score_equals_the_definition_counted_event_by_event(make_sample: MakeSample) -> None:
    sample = make_sample(5)
    fitted = fit_contrasts(sample, OPTIONS)
    rng = np.random.default_rng(0)
    frame = np.repeat(rng.random((40, 50, 1)), 3, axis=2).astype(np.float32)
    expected = plain_score(sample, frame, (fitted.positive, fitted.negative))
    assert score(sample, frame) == pytest.approx(expected, abs=1e-5)


def test_the_truth_scores_near_one_and_beats_a_copy_and_a_blend(make_sample: MakeSample) -> None:
    sample = make_sample()
    truth = score(sample, sample.target / 255)
    assert truth > 0.99
    assert score(sample, sample.frame0 / 255) < 0.6
    assert score(sample, (sample.frame0 / 255 + sample.frame1 / 255) / 2) < truth


def test_a_side_on_which_a_frame_shows_no_change_scores_zero(make_sample: MakeSample) -> None:
    sample = make_sample()
    events = sample.events.window(sample.t_us, sample.t1_us)
    told, hit = np.zeros((40, 50)), np.zeros((40, 50), bool)
    np.add.at(told, (events.y, events.x), np.where(events.p, 0.2, -0.3))
    hit[events.y, events.x] = True
    log = [np.log(image[..., 0] / 255 + OPTIONS.log_eps) for image in (sample.frame0, sample.frame1)]
    from_right = np.corrcoef(told[hit], (log[1] - log[0])[hit])[0, 1]
    copied = EventConsistency(sample, known_contrasts(0.2, 0.3), OPTIONS).score(sample.frame0 / 255).value
    assert copied == pytest.approx(from_right / 2, abs=1e-5)


def test_exchanged_polarities_turn_the_true_score_around(make_sample: MakeSample) -> None:
    sample = make_sample()
    swapped = replace(sample, events=replace_polarity(sample.events))
    right = EventConsistency(sample, known_contrasts(0.2, 0.3), OPTIONS).score(sample.target / 255).value
    wrong = EventConsistency(swapped, known_contrasts(0.3, 0.2), OPTIONS).score(sample.target / 255).value
    assert wrong == pytest.approx(-right, abs=1e-9)


def replace_polarity(events: Events) -> Events:
    return Events(events.x, events.y, events.t, ~events.p, events.sensor_size)


def test_swapped_polarities_are_not_identifiable(make_sample: MakeSample) -> None:
    sample = make_sample()
    fitted = fit_contrasts(replace(sample, events=replace_polarity(sample.events)), OPTIONS)
    assert not fitted.identifiable
    assert "positive" in fitted.problem


def test_events_of_one_polarity_give_that_contrast_alone(make_sample: MakeSample) -> None:
    sample = make_sample()
    ons = sample.events.take(sample.events.p)
    log0 = np.log(sample.frame0 / 255 + OPTIONS.log_eps)
    counts = np.zeros((40, 50))
    np.add.at(counts, (ons.y, ons.x), 1)
    frame1 = np.rint(255 * (np.exp(log0 + 0.2 * counts[..., None]) - OPTIONS.log_eps)).astype(np.uint8)
    fitted = fit_contrasts(replace(sample, events=ons, frame1=frame1), OPTIONS)
    assert fitted.identifiable
    assert fitted.positive == pytest.approx(0.2, abs=0.01)
    assert fitted.negative == 0


def test_unrelated_events_are_not_identifiable(make_sample: MakeSample) -> None:
    sample = make_sample()
    other = make_sample(9)
    fitted = fit_contrasts(replace(sample, events=other.events), OPTIONS)
    assert not fitted.identifiable
    assert "R²" in fitted.problem
    figure = EventConsistency(sample, fitted, OPTIONS).score(sample.frame0 / 255)
    assert np.isnan(figure.value)
    assert figure.note.startswith("not identifiable: the events explain R²")


def test_too_few_events_are_not_identifiable(make_sample: MakeSample) -> None:
    sample = make_sample(share=0.02)
    fitted = fit_contrasts(sample, OPTIONS)
    assert fitted.problem.endswith("needs 200")
    assert np.isnan(EventConsistency(sample, fitted, OPTIONS).residual(sample.target / 255)).all()


def test_too_few_events_on_one_side_are_not_identifiable(make_sample: MakeSample) -> None:
    sample = make_sample()
    late = replace(sample, t_us=sample.t1_us - 1)
    figure = EventConsistency(late, fit_contrasts(late, OPTIONS), OPTIONS).score(sample.frame1 / 255)
    assert np.isnan(figure.value)
    assert "after the frame" in figure.note


def test_no_event_at_all_is_not_identifiable(make_sample: MakeSample) -> None:
    sample = make_sample()
    silent = replace(sample, events=Events.empty(sample.sensor_size))
    assert fit_contrasts(silent, OPTIONS).problem == "0 pixels with an event, needs 200"


def test_the_residual_map_shows_where_a_frame_is_too_bright(make_sample: MakeSample) -> None:
    sample = make_sample()
    frame = sample.target / 255
    frame[5:15, 10:20] *= 1.5
    consistency = EventConsistency(sample, known_contrasts(0.2, 0.3), OPTIONS)
    residual = consistency.residual(frame)
    inside = np.zeros((40, 50), bool)
    inside[5:15, 10:20] = True
    assert residual[inside].min() > 0.3
    assert np.abs(residual[~inside]).max() < 0.05
