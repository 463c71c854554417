"""What WEVI is given of a sample, and how its options read it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from evfi.errors import UserError
from evfi.models.wevi.inputs import Inputs, collate, prediction_windows, prepare, training_windows
from evfi.models.wevi.manifest import WEVI, WeviOptions
from evfi.models.wevi.network import Wevi
from evfi.models.wevi.objective import objective
from evfi.representation.event_count import bin_edges, polarity_counts, signed_counts
from evfi.samples.sample import Sample


def training(sample: Sample, *, outer: bool) -> Sample:
    flow = np.zeros((*sample.frame0.shape[:2], 2), np.float32)
    times = {"t_us": 50_000, "before_us": -48_000, "after_us": 151_000}
    return replace(sample, flow0=flow + 1, flow1=flow - 2, **times, outer_events=sample.events if outer else None)


def test_windows_of_a_training_sample_reach_from_frame_to_frame(sample: Sample) -> None:
    windows = training_windows(training(sample, outer=True))
    assert windows.target == (0, 50_000, 100_000)
    assert windows.frame0 == (-48_000, 0, 50_000)
    assert windows.frame1 == (50_000, 100_000, 151_000)


def test_windows_of_a_prediction_move_with_tau(sample: Sample) -> None:
    windows = prediction_windows(replace(sample, t_us=25_000, before_us=-100_000, after_us=220_000))
    assert windows.target == (-75_000, 25_000, 130_000)
    assert windows.frame0 == (-100_000, 0, 100_000)
    assert windows.frame1 == (0, 100_000, 220_000)


def test_the_windows_of_a_prediction_are_those_of_the_released_pipeline(golden: Path, sample: Sample) -> None:
    with np.load(golden / "wevi_events.npz", allow_pickle=False) as stored:
        before, t0, t1, after = (int(time) for time in stored["frame_times"][:4])
        for number, alpha in enumerate(stored["alphas"], start=1):
            tc, ts, te = stored[f"center_t{number}_f64"]
            times = {"t0_us": t0, "t1_us": t1, "t_us": round(float(tc)), "before_us": before, "after_us": after}
            ours = prediction_windows(replace(sample, **times))
            assert float(alpha) == pytest.approx((tc - t0) / (t1 - t0), abs=1e-5)
            assert ours.target == pytest.approx((ts, tc, te), abs=1)
            for side, center in ((ours.frame0, "center_0_f64"), (ours.frame1, "center_1_f64")):
                middle, start, end = stored[center]
                assert side == (start, middle, end)


def test_a_missing_context_frame_is_taken_one_interval_away(sample: Sample) -> None:
    windows = prediction_windows(replace(sample, t_us=50_000))
    assert windows.frame0 == (-100_000, 0, 100_000)
    assert windows.frame1 == (0, 100_000, 200_000)


def test_training_uses_the_given_flows_and_stage_1_needs_no_outer_events(sample: Sample) -> None:
    inputs = prepare(training(sample, outer=False))
    assert inputs.flow_0_to_t[:, 3, 3].tolist() == [1, 1]
    assert inputs.flow_1_to_t[:, 3, 3].tolist() == [-2, -2]
    assert inputs.counts0 is None
    assert inputs.counts1 is None
    assert prepare(training(sample, outer=True)).counts0 is not None


def test_a_recipe_without_events_hides_them_from_the_loss_of_either_stage(sample: Sample) -> None:
    silent = replace(sample, events=sample.events.take(slice(0, 0)))
    given, none = (collate([prepare(training(one, outer=True))]) for one in (sample, silent))
    assert given.counts_t.any()
    assert not none.counts_t.any()
    torch.manual_seed(0)
    model = Wevi(WeviOptions(base_channels=8))
    torch.nn.init.ones_(model.refinement.decoder.merge.tail.weight)
    for stage in WEVI.stages:
        losses = [
            float(objective(stage, model, stage.recipe.overridden({"without_events": hidden}))(batch).total.detach())
            for hidden in (False, True)
            for batch in (given, none)
        ]
        assert losses[0] != losses[1]
        assert losses[1] == losses[2] == losses[3]


def test_a_prediction_does_not_depend_on_the_target(sample: Sample) -> None:
    with_target, without = prepare(sample), prepare(replace(sample, target=None))
    for name in ("flow_0_to_t", "flow_1_to_t", "counts_t", "counts0", "counts1"):
        assert torch.equal(getattr(with_target, name), getattr(without, name))


@pytest.mark.parametrize(("polarity", "off"), [("balanced", -1), ("released", -3)])
def test_off_events_weigh_what_the_option_says(sample: Sample, polarity: str, off: int) -> None:
    model = Wevi(WeviOptions.model_validate({"base_channels": 8, "polarity": polarity}))
    batch = collate([prepare(sample)])
    windows = prediction_windows(sample)
    counts = polarity_counts(sample.events, bin_edges(*windows.target, bins=8))
    expected = torch.from_numpy(signed_counts(counts, off=off)).float()
    assert expected.min() < -1
    assert torch.equal(model._events(batch.counts_t)[0], expected)


def with_holes(sample: Sample) -> Inputs:
    """Everything of frame0 moves 10 pixels to the right, everything of frame1 10 pixels down."""
    batch = collate([prepare(sample)])
    flow0, flow1 = torch.zeros_like(batch.flow_0_to_t), torch.zeros_like(batch.flow_1_to_t)
    flow0[:, 0], flow1[:, 1] = 10, 10
    return replace(batch, flow_0_to_t=flow0, flow_1_to_t=flow1)


def test_holes_are_gray_where_the_source_is_followed_exactly(sample: Sample) -> None:
    warping = Wevi(WeviOptions(base_channels=8, reference_exact=True)).warped(with_holes(sample))
    assert float(warping.warped0[..., :10].abs().max()) == 0
    assert float(warping.warped1[..., :10, :].abs().max()) == 0


def test_holes_show_the_other_frame_or_the_mean_of_both(sample: Sample) -> None:
    inputs = with_holes(sample)
    warping = Wevi(WeviOptions(base_channels=8)).warped(inputs)
    frame0, frame1 = 2 * inputs.frame0 - 1, 2 * inputs.frame1 - 1
    torch.testing.assert_close(warping.warped0[..., 10:, 0:10], frame1[..., :-10, 0:10])
    torch.testing.assert_close(warping.warped1[..., 0:10, 10:], frame0[..., 0:10, :-10])
    mean = (frame0 + frame1)[..., :10, :10] / 2
    torch.testing.assert_close(warping.warped0[..., :10, :10], mean)
    torch.testing.assert_close(warping.warped1[..., :10, :10], mean)


def test_stage_2_refuses_inputs_of_stage_1(sample: Sample) -> None:
    model = Wevi(WeviOptions(base_channels=8))
    stage = WEVI.stage("refinement")
    batch = collate([prepare(training(sample, outer=False))])
    with pytest.raises(UserError, match="events around both boundary frames"):
        objective(stage, model, stage.recipe)(batch)


def test_the_loss_is_the_released_charbonnier_on_values_from_minus_1_to_1(sample: Sample) -> None:
    torch.manual_seed(0)
    model = Wevi(WeviOptions(base_channels=8))
    batch = collate([prepare(training(sample, outer=True))])
    stage = WEVI.stage("correction")
    result = objective(stage, model, stage.recipe)(batch)
    assert batch.target is not None
    frame = model.corrected(batch, model.warped(batch)).frame
    expected = torch.sqrt((frame - (2 * batch.target - 1)) ** 2 + 1e-12).mean()
    assert float(result.total.detach()) == pytest.approx(float(expected.detach()), rel=1e-6)
    torch.testing.assert_close(result.frame, (frame.detach() + 1) / 2)


def test_the_recipe_is_that_of_the_source() -> None:
    first, second = (stage.recipe for stage in WEVI.stages)
    assert (first.learning_rate, first.lr_decay, first.lr_decay_epochs, first.epochs) == (5e-4, 0.999, 1, 200)
    assert (second.learning_rate, second.epochs) == (5e-4, 5000)
    assert first.needs(WEVI.needs).flows_to_target
    assert not first.needs(WEVI.needs).outer_events
    assert second.needs(WEVI.needs).outer_events
    assert not WEVI.needs.flows_to_target


@pytest.mark.parametrize("stage_name", ["correction", "refinement"])
def test_bf16_changes_the_loss_by_rounding_only(sample: Sample, stage_name: str) -> None:
    torch.manual_seed(0)
    model = Wevi(WeviOptions(base_channels=8))
    stage = WEVI.stage(stage_name)
    loss = objective(stage, model, stage.recipe)
    batch = collate([prepare(training(sample, outer=True))])
    with torch.autocast("cpu", torch.bfloat16):
        rounded = loss(batch)
    rounded.total.backward()
    assert rounded.frame.dtype == torch.float32
    assert float(rounded.total.detach()) == pytest.approx(float(loss(batch).total.detach()), rel=0.02)
