"""Temporal figures of made-up series whose answer is known."""

import numpy as np
import pytest

from evfi.evaluation.methods import Answer, Method
from evfi.evaluation.options import EvaluationOptions
from evfi.evaluation.temporal import TemporalRuler, flicker, tof
from evfi.samples.sample import Sample
from evfi.types import Events, SensorSize

SIZE = SensorSize(height=48, width=64)
METHOD = Method("made", "made up")


def level(value: int) -> np.ndarray:
    return np.full((SIZE.height, SIZE.width, 3), value, np.uint8)


def texture(shift: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    waves = rng.uniform(0.1, 0.6, (8, 2))
    y, x = np.mgrid[: SIZE.height, : SIZE.width]
    image = 128 + 14 * sum(np.sin(a * (x - shift) + b * y) for a, b in waves)
    return np.repeat(np.rint(image).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def sample(place: int, count: int, target: np.ndarray, ends: tuple[np.ndarray, np.ndarray]) -> Sample:
    t1_us = 10_000 * (count + 1)
    return Sample(
        sample_id=f"s/{place}", sequence="s", t0_us=0, t1_us=t1_us,
        t_us=10_000 * (place + 1), frame0=ends[0], frame1=ends[1], target=target, events=Events.empty(SIZE),
    )  # fmt: skip


def figures(
    metric: str, truth: list[np.ndarray], frames: list[np.ndarray | None], order: list[int]
) -> dict[int, float]:
    """Figures by target; `truth` includes both boundary frames, targets come in `order`."""
    ruler = TemporalRuler(EvaluationOptions(metrics=(metric,)))
    found = []
    for place in order:
        one = sample(place, len(frames), truth[place + 1], (truth[0], truth[-1]))
        frame = frames[place]
        answer = Answer(METHOD, None if frame is None else (frame / 255).astype(np.float32))
        found += ruler.add(place, ("group",), one, [answer])
    assert found == [], "nothing before the group is whole"
    return {row: measurement.value for row, measurement in (*found, *ruler.rest())}


def test_flicker_is_the_change_that_the_truth_does_not_make() -> None:
    truth = [level(value) for value in (10, 20, 30, 40)]
    found = figures("flicker", truth, [level(23), level(30)], [0, 1])
    # steps: |13 - 10|, |7 - 10|, |10 - 10|
    assert found == {0: 3.0, 1: 1.5}


def test_a_perfect_series_neither_flickers_nor_moves_otherwise() -> None:
    truth = [texture(shift) for shift in (0, 2, 4, 6)]
    for metric in ("flicker", "tof"):
        assert figures(metric, truth, truth[1:3], [0, 1]) == {0: 0.0, 1: 0.0}


def test_tof_of_a_frame_that_stands_still_is_the_motion_that_it_lacks() -> None:
    truth = [texture(shift) for shift in (0, 2, 4)]
    found = figures("tof", truth, [texture(0)], [0])
    # first step: 0 instead of 2 px, second step: 4 instead of 2 px
    assert found[0] == pytest.approx(2.0, abs=0.3)


def test_targets_are_taken_by_time_whatever_their_order_in_the_index() -> None:
    truth = [level(value) for value in (10, 20, 30, 40, 50)]
    frames: list[np.ndarray | None] = [level(20), level(36), level(40)]
    assert figures("flicker", truth, frames, [2, 0, 1]) == figures("flicker", truth, frames, [0, 1, 2])


def test_beside_a_frame_that_was_not_predicted_nothing_can_be_told() -> None:
    truth = [level(value) for value in (10, 20, 30, 40, 50)]
    found = figures("flicker", truth, [None, level(30), level(40)], [0, 1, 2])
    assert np.isnan(found[0])
    assert np.isnan(found[1])
    assert found[2] == 0


def test_the_next_group_ends_the_one_before() -> None:
    ruler = TemporalRuler(EvaluationOptions(metrics=("flicker",)))
    one = sample(0, 1, level(20), (level(10), level(30)))
    answer = Answer(METHOD, (level(24) / 255).astype(np.float32))
    assert [*ruler.add(0, ("a",), one, [answer])] == []
    ((row, measurement),) = ruler.add(1, ("b",), one, [answer])
    assert (row, measurement.method, measurement.metric, measurement.value) == (0, "made", "flicker", 4.0)


def test_without_a_temporal_metric_nothing_is_kept() -> None:
    ruler = TemporalRuler(EvaluationOptions(metrics=("psnr_float",)))
    one = sample(0, 1, level(20), (level(10), level(30)))
    assert [*ruler.add(0, ("a",), one, [Answer(METHOD, None)]), *ruler.rest()] == []


def test_the_two_figures_of_one_step() -> None:
    assert flicker((level(1), level(5)), (level(1), level(2))) == 3.0
    still = lambda before, after: np.full((2, 2, 2), 0.5 if after.max() > 3 else 0.0, np.float32)  # noqa: E731
    assert tof((level(1), level(5)), (level(1), level(2)), still) == 1.0
